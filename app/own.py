"""Scenarios of one's own: files in a folder of the user's, kept as they were written, comments and all.

In the library they are called `my/NAME`. A file is written under another name first and then renamed, so a full disk or a
folder that cannot be written loses nothing; what is deleted is moved to a folder beside and can be brought back. A text of
a user's may name files (a recording, an empirical law): only such as lie in this folder are read.
"""

import os
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from planner.errors import PlannerError, Problem, ScenarioError
from planner.scenario.fields import Scenario
from planner.scenario.paths import PathProblem, parse, render
from planner.scenario.reading import loads
from planner.scenario.yaml_nodes import read_yaml

VARIABLE = "PLANNER_OWN"  # environment: another folder
PREFIX = "my/"
DELETED = "deleted"
MOST_BYTES = 1_000_000
MOST_FILES = 500
MOST_CHARACTERS = 60  # of a name
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
SUFFIX = ".yaml"


class OwnError(PlannerError):
    """A file of one's own that cannot be read or written; the message says why and that nothing was lost."""


class ChangedMeanwhile(OwnError):
    """The file holds something else than what was opened: it was saved from another window."""


# -- where and which ---------------------------------------------------------------------------------


def folder() -> Path:
    """Where scenarios of one's own lie; it is made when the first is saved."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else _data_folder() / "llm-traffic-planner" / "scenarios"


def _data_folder() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")


def files() -> dict[str, Path]:
    """my/NAME: file of every scenario of one's own, by name; empty where there are none or they cannot be listed."""
    try:
        found = sorted(
            file for file in folder().iterdir() if file.suffix == SUFFIX and NAME.fullmatch(file.stem)
        )
    except OSError:
        return {}
    return {PREFIX + file.stem: file for file in found[:MOST_FILES] if file.is_file()}


def is_own(name: str) -> bool:
    """Whether a name of the library is one of one's own.

    >>> is_own("my/chat"), is_own("support-chatbot"), is_own("my/../x")
    (True, False, False)
    """
    return name.startswith(PREFIX) and NAME.fullmatch(name.removeprefix(PREFIX)) is not None


def is_inside(file: Path) -> bool:
    """Whether a file lies in the folder of one's own."""
    return file.parent == folder()


def slug(words: str) -> str:
    """A name made of words.

    >>> slug("Größe: 5,000 Nutzer!"), slug("  "), slug("--a--")
    ('grosse-5-000-nutzer', 'scenario', 'a')
    """
    plain = unicodedata.normalize("NFKD", words.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MOST_CHARACTERS].strip("-") or "scenario"


def free_name(words: str, taken: Iterator[str] | Mapping[str, Any] | tuple[str, ...] = ()) -> str:
    """`my/NAME` made of words that no file has, nor any of `taken`: the second is called NAME-2."""
    stem, known = slug(words), {*files(), *taken}
    names = (PREFIX + (stem if k == 1 else f"{stem}-{k}") for k in range(1, MOST_FILES + len(known) + 2))
    return next(name for name in names if name not in known and not _file(name).exists())


def _file(name: str) -> Path:
    if not is_own(name):
        raise OwnError(f"{name!r} is no name of a scenario of one's own: {PREFIX} and a-z, 0-9 or -.")
    return folder() / (name.removeprefix(PREFIX) + SUFFIX)


# -- reading and writing -----------------------------------------------------------------------------


def read(name: str) -> str:
    """The text of a file. Raises OwnError."""
    file = _file(name)
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise OwnError(f"{name} cannot be read: {_reason(error)}.") from None
    return text_of(content, name)


def text_of(content: bytes, name: str) -> str:
    """The text of a file's content: UTF-8, at most 1 MB. Raises OwnError."""
    if len(content) > MOST_BYTES:
        raise OwnError(f"{name} holds more than {MOST_BYTES:,} bytes, which is the most a scenario may hold.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise OwnError(f"{name} is no text in UTF-8.") from None


def save(name: str, text: str, *, opened: str | None = None) -> None:
    """Write a text under a name.

    Parameters
    ----------
    opened
        What the file held when it was opened, None for a file that does not exist yet. Another content there raises
        ChangedMeanwhile.

    Raises OwnError: too large, too many files, no space, no permission. The file is then as it was.
    """
    file = _file(name)
    content = text.encode("utf-8", "replace")
    if len(content) > MOST_BYTES:
        raise OwnError(
            f"The text holds {len(content):,} bytes; at most {MOST_BYTES:,} are kept. Nothing was saved."
        )
    if file.exists():
        if opened is None or read(name) != opened:
            raise ChangedMeanwhile(f"{name} holds something else by now: it was saved from another window.")
    elif len(files()) >= MOST_FILES:
        raise OwnError(
            f"There are {MOST_FILES} scenarios of your own already: delete some first. Nothing was saved."
        )
    _write(file, content)


def _write(file: Path, content: bytes) -> None:
    """Under a temporary name first, so that the old content stands until the new one is complete."""
    temporary = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        number, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
        with os.fdopen(number, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise OwnError(
            f"Nothing was saved in {file.parent}: {_reason(error)}. What was there before is unharmed."
        ) from None


def rename(name: str, other: str) -> None:
    """Give a file another name. Raises OwnError where that is taken or the folder cannot be written."""
    file, target = _file(name), _file(other)
    if target.exists():
        raise OwnError(f"{other} exists already; nothing was renamed.")
    _move(file, target, "renamed")


def delete(name: str) -> Path:
    """Move a file to the folder of deleted ones; where it lies now, for `restore`. Raises OwnError."""
    file = _file(name)
    target = folder() / DELETED / f"{file.stem}.{time.time_ns()}{SUFFIX}"
    _move(file, target, "deleted")
    return target


def restore(deleted: Path) -> str:
    """Bring back what was deleted, under its name or, where that is taken, the next; the name. Raises OwnError."""
    if deleted.parent != folder() / DELETED:
        raise OwnError("That is no deleted scenario.")
    name = free_name(deleted.name.split(".")[0])
    _move(deleted, _file(name), "brought back")
    return name


def _move(file: Path, target: Path, done: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, target)
    except OSError as error:
        raise OwnError(f"{file.name} was not {done}: {_reason(error)}.") from None


def _reason(error: OSError) -> str:
    words = {
        28: "the disk is full", 13: "the folder cannot be written (no permission)", 30: "the folder is read-only",
        2: "there is no such file", 122: "the disk quota is used up",
    }  # fmt: skip
    return words.get(error.errno or 0) or error.strerror or str(error)


# -- a text of a user's as a scenario ----------------------------------------------------------------


def scenario_of(text: str, name: str, within: Path | None = None) -> Scenario:
    """The scenario of a text that is not ours. `within` is the folder its files lie in, that of one's own if not given.

    Raises ScenarioError with every problem; a file outside the folder is one, and then nothing is read.
    """
    document = read_yaml(text, name)
    outside = files_outside(document.value, name, document.lines)
    if outside:
        raise ScenarioError(outside, name)
    return loads(text, name, within or folder())


def files_outside(tree: Any, name: str = "", lines: Mapping[Any, int] | None = None) -> tuple[Problem, ...]:
    """A problem for each file that a plain tree names by an absolute path or through `..`.

    >>> [problem.field for problem in files_outside({"traffic": {"trace": {"file": "/etc/passwd"}}})]
    ['traffic.trace.file']
    >>> files_outside({"traffic": {"trace": {"file": "calls.csv"}}})
    ()
    """
    return tuple(
        Problem(
            field=render(path), file=name, line=(lines or {}).get(path), given=repr(file)[:80],
            allowed="the name of a file in the folder of the scenario, without .. and not absolute",
        )
        for path, file in _named_files(tree, ())
        if not _is_within(file)
    )  # fmt: skip


def overrides_outside(values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The same for changes {path: value}, such as those of a link."""
    return tuple(
        Problem(field=path, given=one.given, allowed=one.allowed)
        for path, tree in _trees(values)
        for one in files_outside(tree)
    )


def names_files(values: Mapping[str, Any]) -> bool:
    """Whether changes {path: value}, or the sections of a whole scenario, name a file that is read."""
    return any(True for _, tree in _trees(values) for _ in _named_files(tree, ()))


def _trees(values: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each path of some changes, with a tree of its last step."""
    for path, value in values.items():
        try:
            yield path, {str(parse(path)[-1]): value}
        except PathProblem:
            continue  # it leads nowhere, and is refused for that


def _named_files(tree: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text under a key that names a file: `file` of a recording, `empirical` of a law."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key in ("file", "empirical") and isinstance(value, str):
                yield (*path, key), value
            else:
                yield from _named_files(value, (*path, key))
    elif isinstance(tree, list | tuple):
        for k, value in enumerate(tree):
            yield from _named_files(value, (*path, k))


def _is_within(file: str) -> bool:
    """Whether a name stays in the folder, on every system that may read it."""
    ways = (PurePosixPath(file), PureWindowsPath(file))
    return (
        not any(way.is_absolute() or way.drive or way.root or ".." in way.parts for way in ways)
        and "\0" not in file
    )
