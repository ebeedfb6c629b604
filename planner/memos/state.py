"""The state of a memo: which scenario, what was changed of it, and which figures it gave.

It travels inside the page as JSON, and is enough to run the same comparison again. Nothing here is executed, and no
numerical library is loaded.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from planner import __version__
from planner.errors import PlannerError, Problem, ScenarioError
from planner.scenario.declare import shown
from planner.scenario.fields import Scenario
from planner.scenario.paths import Path, render
from planner.scenario.reading import loads
from planner.scenario.yaml_nodes import read_yaml

GRAMMAR = "1"  # version of the state and of the address parameters in it
MARK = "planner-state"  # id of the element that holds the state
CATALOGUE = FilePath(__file__).resolve().parent.parent / "catalogue" / "data"


@dataclass(frozen=True, kw_only=True)
class LogNote:
    """The log that traffic was compared with: its name, and its times and token counts where they are small enough.

    `hex` is how the log stands in an address (first 16 digits of its SHA-256). `content` is None where the log is only
    named.
    """

    name: str
    rows: int
    hex: str
    content: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class MemoState:
    """What a memo was made of.

    Parameters
    ----------
    planner, catalogue : str
        Version of the program, and digest of its catalogue of models and prices.
    made_on : str
        Day, YYYY-MM-DD.
    name : str
        Name of the scenario in its library.
    text : str
        The scenario's YAML as its file has it.
    changes : {path: value}
        What was changed of it, as `Scenario.set` takes it.
    params : {parameter: text}
        The address of the page; `page` is its last part.
    hash : str
        Of the scenario with its changes.
    figures : {strategy: {measure: value}}
        Money as decimal strings, measures as numbers, None where unknown: see `planner.memos.figures`.
    """

    planner: str
    catalogue: str
    made_on: str
    name: str
    text: str
    hash: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    page: str = "compare"
    log: LogNote | None = None
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def scenario(
        self,
        folder: str | FilePath | None = None,
        overrides: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Scenario:
        """The scenario with its changes, and `overrides` on top.

        Parameters
        ----------
        folder : path, optional
            Where files lie that the scenario reads (none of the library's reads any).
        name : str, optional
            Stands for the file in problems; lines are those of `text`.

        Raises ScenarioError with every problem, PlannerError where it is not the scenario that the memo was made of.
        A file outside `folder` is a problem, and then nothing is read.
        """
        name = name or f"{self.name}.yaml"
        document = read_yaml(self.text, name)
        outside = [
            *_outside(document.value, (), name, document.lines),
            *(one for path, value in self.changes.items() for one in _outside(value, (path,), name, {})),
        ]
        if outside:
            raise ScenarioError(outside, name)
        found = loads(self.text, name, folder, overrides=dict(self.changes))
        if found.hash != self.hash and self.planner == __version__:
            raise PlannerError(
                f"{name}: got a scenario of hash {found.hash[:12]}; allowed: {self.hash[:12]}, of which the "
                "memo was made. Its changes were altered, or files that the scenario reads."
            )
        return found.set(overrides) if overrides else found

    @property
    def stem(self) -> str:
        """The scenario's name without its folder in the library."""
        return self.name.rpartition("/")[2]

    @property
    def effective(self) -> str:
        """The scenario with its changes in one text: canonical JSON, which is YAML. Raises as `scenario`."""
        return effective_text(self.scenario())

    @property
    def is_of_this_version(self) -> bool:
        """Whether program and catalogue are those that the memo was made with."""
        return self.planner == __version__ and self.catalogue == catalogue_digest()

    def with_log(self, content: bytes | None) -> "MemoState":
        """The state with the content of its log, or with the log only named."""
        if self.log is None:
            assert content is None, "a log's content needs the log's name in the state"
            return self
        return replace(self, log=replace(self.log, content=content))

    def to_json(self) -> str:
        """ASCII JSON in which nothing can end the element around it: no <, > or &."""
        log = None
        if self.log is not None:
            content = self.log.content
            log = {
                "name": self.log.name,
                "rows": self.log.rows,
                "hex": self.log.hex,
                "sha256": None if content is None else hashlib.sha256(content).hexdigest(),
                "bytes": None if content is None else base64.b64encode(content).decode(),
            }
        plain = {
            "planner": self.planner,
            "v": GRAMMAR,
            "catalogue": self.catalogue,
            "made_on": self.made_on,
            "scenario": self.name,
            "text": self.text,
            "sha256": digest(self.text),
            "changes": dict(self.changes),
            "hash": self.hash,
            "params": dict(self.params),
            "page": self.page,
            "log": log,
            "figures": {name: dict(one) for name, one in self.figures.items()},
        }
        written = json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _outside(tree: Any, at: Path, file: str, lines: Mapping[Path, int]) -> Iterator[Problem]:
    """A problem for each file that a scenario names by an absolute path or through `..`: a memo comes from others."""
    pairs: Iterable[tuple[str | int, Any]] = ()
    if isinstance(tree, Mapping):
        pairs = tree.items()
    elif isinstance(tree, list | tuple):
        pairs = enumerate(tree)
    for key, value in pairs:
        if key in ("file", "empirical") and isinstance(value, str):
            yield from _judged(value, (*at, key), file, lines)
        else:
            yield from _outside(value, (*at, key), file, lines)
    if isinstance(tree, str) and at and str(at[-1]).endswith((".file", ".empirical")):
        yield from _judged(tree, at, file, lines)


def _judged(named: str, path: Path, file: str, lines: Mapping[Path, int]) -> Iterator[Problem]:
    ways = (PurePosixPath(named), PureWindowsPath(named))
    if any(way.is_absolute() or way.drive or way.root or ".." in way.parts for way in ways) or "\0" in named:
        field = str(path[0]) if "." in str(path[0]) else render(path)
        yield Problem(
            field=field,
            file=file,
            line=lines.get(path),
            given=shown(named),
            allowed="the name of a file that lies beside the memo, without .. and not absolute",
        )


def effective_text(scenario: Scenario) -> str:
    """A scenario as JSON that reads back to the same hash."""
    return json.dumps(scenario.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@functools.lru_cache(maxsize=1)
def catalogue_digest() -> str:
    """SHA-256 over the catalogue's files, in the order of their names."""
    found = hashlib.sha256()
    for file in sorted(CATALOGUE.glob("*.yaml")):
        found.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


__all__ = ["GRAMMAR", "MARK", "LogNote", "MemoState", "catalogue_digest", "digest", "effective_text"]
