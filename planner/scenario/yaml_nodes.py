"""YAML 1.2 text -> plain values, the line of every path, and everything that is wrong with the text.

Built from the parser's event stream, not from its composer: composing expands aliases before they can
be counted, drops lines and stops at the first duplicate key. Plain scalars are resolved here by the
YAML 1.2 core schema (null, true, false, whole number, number, else text; dates stay text). What readers
of YAML disagree about (012, 0x1F, 1_000, merge keys, tags ...) is a Problem of its own.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from planner.errors import Problem
from planner.scenario.declare import shown
from planner.scenario.paths import Path, render

MAX_DEPTH = 32
MAX_NODES = 30_000  # written values and keys: about half a second of reading
MAX_EXPANDED = 100_000  # with aliases written out
MAX_CHARACTERS = 512 * 1024
MAX_WORD = 10_000  # the parser's time grows with the square of some unbroken runs of characters
MAX_DIGITS = 40

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL_LOOKING = re.compile(r"[-+]?0[0-9]+")
_BASED = re.compile(r"[-+]?0(?:[oO][0-7]+|[xX][0-9a-fA-F]+|[bB][01]+)")
_UNDERSCORED = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9_]+)?")
_GROUPED = re.compile(r"[1-9][0-9]*(_[0-9]+)+")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a text says.

    Parameters
    ----------
    value
        Plain tree of dict, list, str, int, float, bool, None.
    lines
        Line (from 1) of each path: of the key for entries of a mapping, of the item for a list.
    problems
        All that is wrong with the text as YAML.
    unread
        Paths whose value could not be read (None stands in for it).
    complete
        False where reading had to stop, so that the rest of the text is unknown.
    """

    value: Any
    lines: dict[Path, int]
    problems: tuple[Problem, ...]
    unread: frozenset[Path]
    complete: bool


@dataclass
class _Anchor:
    """A finished anchored value; `value` counts only once `closed` is set."""

    value: Any = None
    nodes: int = 0
    height: int = 0
    closed: bool = False


class _Stop(Exception):
    """Reading cannot go on after this problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def read_yaml(text: str, file: str = "", root: Path = (), *, is_foreign: bool = False) -> Document:
    """Read one YAML 1.2 document; never raises for bad text.

    Parameters
    ----------
    text
        The whole text; more than `MAX_CHARACTERS` are refused unread.
    file
        Name shown in problems.
    root
        Path of the text's root, for a text that is one value of a larger tree.
    is_foreign
        Whether the file is not ours: merge keys (<<) and whole numbers such as 1_000 are then read as others read them.
    """
    reader = _Reader(text, file, is_foreign)
    value: Any = None
    complete = True
    try:
        reader.refuse_large()
        value = reader.document(root)
    except _Stop as stop:
        reader.problems.append(stop.problem)
        complete = False
    return Document(
        value=value,
        lines=reader.lines,
        problems=tuple(reader.problems),
        unread=frozenset(reader.unread),
        complete=complete,
    )


@dataclass
class _Reader:
    text: str
    file: str
    is_foreign: bool = False
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)
    unread: set[Path] = field(default_factory=set)
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    nodes: int = 0
    expanded: int = 0
    height: int = 0  # levels below the node read last

    def __post_init__(self) -> None:
        self.events = self._guarded()

    def refuse_large(self) -> None:
        """Refuse what would take long to read before reading it."""
        if len(self.text) > MAX_CHARACTERS:
            raise _Stop(too_large(self.file))
        long = re.search(rf"[^\s,:\"\[\]{{}}]{{{MAX_WORD + 1}}}", self.text)
        if long is not None:
            line = self.text.count("\n", 0, long.start()) + 1
            text = f"more than {MAX_WORD:,} characters in one word"
            raise _Stop(Problem(field="", file=self.file, line=line, text=text))

    # -- documents -----------------------------------------------------------------------------

    def document(self, root: Path) -> Any:
        """The only document of the text."""
        event = next(self.events)  # the start of the stream
        event = next(self.events)
        if isinstance(event, StreamEndEvent):
            return None
        assert isinstance(event, DocumentStartEvent)
        self._directives(event)
        value = self.node(next(self.events), root, depth=0, keep=True)
        next(self.events)  # the end of the document
        event = next(self.events)
        if not isinstance(event, StreamEndEvent):
            self._complain((), event, text="a second document begins here; one file holds one scenario")
        return value

    def _directives(self, event: DocumentStartEvent) -> None:
        if event.version is not None and tuple(event.version) != (1, 2):
            version = ".".join(map(str, event.version))
            self._complain(
                (), event, given=f"%YAML {version}", allowed="YAML 1.2, which needs no such line", before=True
            )
        if event.tags:
            self._complain((), event, given="a %TAG line", allowed="no tags", before=True)

    def _guarded(self) -> Iterator[Event]:
        """The events; any failure of the parser becomes a problem of the text."""
        parser = YAML(typ="safe", pure=True)
        try:
            yield from parser.parse(self.text)
        except MarkedYAMLError as error:
            raise _Stop(self._syntax(error)) from None
        except ReaderError as error:
            line = self.text.count("\n", 0, error.position) + 1
            given = f"the control character {shown_character(error.character)}"
            raise _Stop(Problem(field="", file=self.file, line=line, given=given, allowed="text")) from None
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            # such as an escape beyond Unicode: the parser trips over text that is no YAML either way
            raise _Stop(Problem(field="", file=self.file, text=f"not readable as YAML: {error}")) from None

    def _syntax(self, error: MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        reason = str(error.problem or error.context).replace("'\\x00'", "the end of the text")
        if "\\t" in reason:
            text, hint = "a tab stands here; YAML indents with blanks only", None
        else:
            place = f" (column {mark.column + 1})" if mark is not None else ""
            text, hint = f"not readable as YAML: {reason}{place}", _SYNTAX_HINTS.get(reason)
        return Problem(field="", file=self.file, line=line, text=text, hint=hint)

    # -- nodes ---------------------------------------------------------------------------------

    def node(self, event: Event, path: Path, depth: int, keep: bool) -> Any:
        """The value that begins with `event`; `keep` is False where its lines must not be noted."""
        if isinstance(event, AliasEvent):
            return self._alias(event, path, depth)
        self._count(event, depth)
        before = self.expanded
        name = getattr(event, "anchor", None)
        anchor = None if name is None else self._new_anchor(name)
        if getattr(event, "tag", None) is not None:
            self._complain(
                path, event, given=f"the tag {_tag(event)}", allowed="values without tags", unread=True
            )
        if isinstance(event, ScalarEvent):
            self.height = 0
            value = self._scalar(event, path)
        elif isinstance(event, SequenceStartEvent):
            value = self._sequence(path, depth, keep)
        else:
            assert isinstance(event, MappingStartEvent), event
            value = self._mapping(path, depth, keep)
        if anchor is not None:
            anchor.value, anchor.nodes, anchor.height = value, self.expanded - before + 1, self.height
            anchor.closed = True
        return value

    def _count(self, event: Event, depth: int) -> None:
        self.nodes += 1
        self.expanded += 1
        if self.nodes > MAX_NODES:
            raise self._stop(
                event,
                f"more than {MAX_NODES:,} values in one file; put a long trace into a CSV or Parquet file",
            )
        self._limit(event, depth)

    def _limit(self, event: Event, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        if self.expanded > MAX_EXPANDED:
            raise self._stop(event, f"aliases make more than {MAX_EXPANDED:,} values of this text")

    def _new_anchor(self, name: str) -> _Anchor:
        self.anchors[name] = _Anchor()
        return self.anchors[name]

    def _alias(self, event: AliasEvent, path: Path, depth: int) -> Any:
        anchor = self.anchors.get(event.anchor)
        self.height = 0
        if anchor is None or not anchor.closed:
            why = (
                "no anchor of that name before it"
                if anchor is None
                else "it stands inside the value it names"
            )
            self._complain(
                path,
                event,
                given=f"the alias *{event.anchor}",
                allowed=f"an alias of an earlier value; {why}",
                unread=True,
            )
            return None
        self.expanded += anchor.nodes
        self.height = anchor.height
        self._limit(event, depth + anchor.height)
        return anchor.value

    def _sequence(self, path: Path, depth: int, keep: bool) -> list[Any]:
        values: list[Any] = []
        height = 0
        while not isinstance(event := next(self.events), SequenceEndEvent):
            here = (*path, len(values))
            if keep:
                self.lines[here] = _line(event)
            values.append(self.node(event, here, depth + 1, keep))
            height = max(height, self.height + 1)
        self.height = height
        return values

    def _mapping(self, path: Path, depth: int, keep: bool) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[Any] = []
        height = 0
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._key(event, path, depth)
            if key is None:
                self.node(next(self.events), path, depth + 1, keep=False)
                continue
            here = (*path, key)
            is_merge = key == "<<" and isinstance(event, ScalarEvent) and not event.style
            repeated = key in values
            if is_merge and not self.is_foreign:
                self._complain(
                    here,
                    event,
                    text="merge keys (<<) are not allowed; write the fields out, or use like: for strategies",
                )
            elif repeated and not is_merge:
                first = self.lines.get(here)
                where = f"; first on line {first}" if first is not None else ""
                self._complain(here, event, text=f"the key is given twice{where}")
            if keep and not repeated and not is_merge:
                self.lines[here] = _line(event)
            value = self.node(next(self.events), here, depth + 1, keep and not repeated and not is_merge)
            height = max(height, self.height + 1)
            if is_merge:
                merged += value if isinstance(value, list) else [value]
            elif not repeated:
                values[key] = value
        for base in merged:  # read on as if it were allowed: no follow-up complaints
            values = {**base, **values} if isinstance(base, dict) else values
        self.height = height
        return values

    def _key(self, event: Event, path: Path, depth: int) -> str | None:
        """The text of a key, or None for a key that has none; keys that read as numbers are reported."""
        if not isinstance(event, ScalarEvent):
            what = "an alias" if isinstance(event, AliasEvent) else "a list or mapping"
            self._complain(path, event, given=f"{what} as a key", allowed="text keys")
            if not isinstance(event, AliasEvent):
                self.node(event, path, depth + 1, keep=False)
            return None
        self._count(event, depth)
        if event.anchor is not None:
            anchor = self._new_anchor(event.anchor)
            anchor.value, anchor.nodes, anchor.closed = event.value, 1, True
        key = str(event.value)
        if event.tag is not None:
            self._complain((*path, key), event, given=f"the tag {_tag(event)}", allowed="keys without tags")
        elif not event.style and key in _WORDS:
            what = "null" if _WORDS[key] is None else "a boolean"
            self._complain(
                (*path, key),
                event,
                text=f"the key {shown(key)} reads as {what}",
                hint="write it in quotes if text is meant",
            )
        elif not event.style and _reads_as_number(key):
            self._complain(
                (*path, key),
                event,
                text=f"the key {key} reads as a number",
                hint=f"write '{key}' in quotes if text is meant",
            )
        elif (odd := _odd_character(key)) is not None:
            self._complain(
                (*path, key), event, text=f"the key holds the control character {shown_character(odd)}"
            )
        return key

    def _scalar(self, event: ScalarEvent, path: Path) -> Any:
        text = str(event.value)
        if event.style or event.tag is not None:
            return self._text(event, path, text)
        if text in _WORDS:
            return _WORDS[text]
        if self.is_foreign and _GROUPED.fullmatch(text) and len(text) <= MAX_DIGITS:
            return int(text.replace("_", ""))
        wrong = _misread(text)
        if wrong is not None:
            self._complain(path, event, given=text[:60], allowed=wrong, unread=True)
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return self._text(event, path, text)

    def _text(self, event: ScalarEvent, path: Path, text: str) -> str | None:
        odd = _odd_character(text)
        if odd is None:
            return text
        self._complain(
            path, event, given=f"the control character {shown_character(odd)}", allowed="text", unread=True
        )
        return None

    # -- complaints ----------------------------------------------------------------------------

    def _complain(
        self, path: Path, event: Event, *, unread: bool = False, before: bool = False, **words: Any
    ) -> None:
        if unread:
            self.unread.add(path)
        line = _line(event) - (1 if before and _line(event) > 1 else 0)
        self.problems.append(Problem(field=render(path), file=self.file, line=line, **words))

    def _stop(self, event: Event, text: str) -> _Stop:
        return _Stop(Problem(field="", file=self.file, line=_line(event), text=text))


def too_large(file: str) -> Problem:
    """The refusal of a text that is longer than any scenario."""
    text = f"larger than {MAX_CHARACTERS // 1024} KiB; put a long trace into a CSV or Parquet file"
    return Problem(field="", file=file, text=text)


_SYNTAX_HINTS = {
    "mapping values are not allowed here": "put a text that holds a colon and a blank in quotes",
    "could not find expected ':'": "a key needs a colon and a blank behind it",
    "expected <block end>, but found '<block mapping start>'": "the indentation differs from that of the lines above",
}


def _tag(event: Event) -> str:
    return str(getattr(event, "tag", "")).replace("tag:yaml.org,2002:", "!!")[:60]


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _misread(text: str) -> str | None:
    """What is allowed instead of a plain scalar that YAML readers disagree about, else None."""
    quoted = f"or '{text[:60]}' in quotes if text is meant"
    if _OCTAL_LOOKING.fullmatch(text):
        return f"{text.lstrip('+-0') or '0'} (some readers take a leading zero for octal), {quoted}"
    if _BASED.fullmatch(text):
        return f"a decimal number, {quoted}"
    if "_" in text and _UNDERSCORED.fullmatch(text):
        return f"a number without underscores, {quoted}"
    if _NOT_FINITE.fullmatch(text):
        return "a finite number (null switches a limit off)"
    if _INTEGER.fullmatch(text) and len(text) > MAX_DIGITS:
        return f"a number of at most {MAX_DIGITS} digits"
    if _FLOAT.fullmatch(text) and not math.isfinite(float(text)):
        return "a finite number"
    return None


def _reads_as_number(text: str) -> bool:
    return _FLOAT.fullmatch(text) is not None or _misread(text) is not None


def _odd_character(text: str) -> str | None:
    """The first character that no name or value of ours can hold: controls and lone surrogates."""
    return next(
        (
            c
            for c in text
            if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff"
        ),
        None,
    )


def shown_character(character: str | int) -> str:
    """Name of a character that cannot be printed, such as U+0000."""
    return f"U+{character if isinstance(character, int) else ord(character):04X}"
