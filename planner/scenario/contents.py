"""What a scenario reads from files beside it: digests, so that its hash follows their contents."""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from planner.scenario.laws import Law


def digests(scenario: Any) -> dict[str, str]:
    """FILE as it is written in the scenario: SHA-256 of what was read from it; empty without files."""
    found: dict[str, str] = {}
    for law in _laws(scenario):
        name = law.form.get("empirical") if isinstance(law.form, Mapping) else None
        if isinstance(name, str):
            values = repr([part.values for part in law.components])
            found[name] = hashlib.sha256(values.encode()).hexdigest()
    trace = scenario.traffic.trace
    if trace is not None and trace.file is not None:
        source = scenario._source
        folder = Path(".") if source is None or source.folder is None else Path(source.folder)
        found[trace.file] = _of_file(folder / trace.file)
    return found


def _laws(section: Any) -> Iterator[Law]:
    if isinstance(section, Law):
        yield section
    elif isinstance(section, BaseModel):
        for name in type(section).model_fields:
            yield from _laws(getattr(section, name))
    elif isinstance(section, Mapping):
        for inner in section.values():
            yield from _laws(inner)
    elif isinstance(section, tuple):
        for inner in section:
            yield from _laws(inner)


def _of_file(path: Path) -> str:
    """Digest of a file; the name alone where it cannot be read (reading it will say why)."""
    try:
        known = path.stat()
        return _digest(str(path.resolve()), known.st_mtime_ns, known.st_size)
    except OSError:
        return "unreadable"


@functools.lru_cache(maxsize=64)
def _digest(path: str, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
