"""Who owns the import package `planner` in this environment.

Other distributions on the package index install a package called `planner` too. Python then imports whichever it
finds first, and one install silently overwrites files of the other. This module is the check from our side, run when
our package is imported; `llm_traffic_planner.py` is the check from outside, for when the other package won.
It looks at folder names and at two small files in each: importlib.metadata takes 55 ms
for the same answer where this takes 3 (a hundred distributions).
"""

import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator

DISTRIBUTION = "llm-traffic-planner"
"""Name of our distribution; `planner.DISTRIBUTION` is the marker by which our package is known."""

PACKAGE = "planner"
"""The import package that we, and they, install."""


class InstallationWarning(UserWarning):
    """Two installed distributions claim the same package, so an import may give a mixture of both."""


def warn_if_shadowed(paths: Iterable[str] | None = None) -> None:
    """Warn when another installed distribution also claims the import package `planner`.

    Parameters
    ----------
    paths : import path to look at; `sys.path` by default.

    Warns
    -----
    InstallationWarning
        Naming each other distribution, where it lies and what to do.
    """
    others = list(other_owners(sys.path if paths is None else paths))
    if not others:
        return
    names = " and ".join(f"{name} {version} (in {folder})" for name, version, folder in others)
    uninstall = " ".join(name for name, _, _ in others)
    warnings.warn(
        f"The import package '{PACKAGE}' is claimed by another installed distribution, {names}, as well as by {DISTRIBUTION}. "
        f"Files of one may have overwritten files of the other, and results cannot be trusted. "
        f"Keep them in separate virtual environments, or run: python -m pip uninstall {uninstall}; "
        f"then install {DISTRIBUTION} again with pip's option --force-reinstall (in a checkout: make clean setup).",
        InstallationWarning,
        stacklevel=3,
    )


def other_owners(paths: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Give (name, version, folder) of each distribution under `paths` that claims `planner` and is not ours.

    A claim is a line `planner` in `top_level.txt` or an entry `planner/__init__.py` in `RECORD`; the name is in the
    normalised spelling of the index (lower case, hyphens). Folders that cannot be read are passed over, as the
    import system does.
    """
    for folder in dict.fromkeys(os.path.abspath(path) for path in paths):
        try:
            entries = sorted(os.listdir(folder))
        except OSError:  # a zip file, a folder that is gone
            continue
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            if suffix not in (".dist-info", ".egg-info"):
                continue
            name, _, version = stem.partition("-")
            name = re.sub(r"[-_.]+", "-", name).lower()
            if name != DISTRIBUTION and _claims_package(os.path.join(folder, entry)):
                yield name, version.split("-")[0], folder


def _claims_package(info_folder: str) -> bool:
    """Say whether the distribution described in `info_folder` installs the package `planner`."""
    top_level = _read(os.path.join(info_folder, "top_level.txt"))
    if top_level:
        return PACKAGE.encode() in top_level.split()
    record = b"\n" + _read(os.path.join(info_folder, "RECORD"))
    return f"\n{PACKAGE}/__init__.py,".encode() in record


def _read(path: str) -> bytes:
    """Give the content of a small file; nothing where there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
