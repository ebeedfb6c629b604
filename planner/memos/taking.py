"""Reads the state back out of a memo: a pure parser that executes nothing, opens nothing and trusts nothing.

Comes in: the page as text or bytes; goes out: a MemoState, or every problem with what is allowed.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

from planner.errors import Problem, ScenarioError
from planner.memos.state import GRAMMAR, MARK, LogNote, MemoState, digest
from planner.scenario.declare import shown

MOST_BYTES = 10_000_000
_HEX_64 = re.compile(r"[0-9a-f]{64}")
_HEX_16 = re.compile(r"[0-9a-f]{16}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MARKED = re.compile(rf'id\s*=\s*["\']?{MARK}["\'\s>]', re.IGNORECASE)
A_MEMO = "a decision memo as `planner compare --memo` and the app write it"


def read_state(html: str | bytes, name: str = "the memo") -> MemoState:
    """The state in a memo; `name` stands for the file in problems.

    Raises ScenarioError: not a memo, of another version, cut off, altered, too large.
    """
    if len(html) > MOST_BYTES:
        raise _one(name, "", given=f"{len(html):,} bytes", allowed=f"at most {MOST_BYTES:,}")
    if isinstance(html, bytes):
        try:
            html = html.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _one(name, "", given="no text in UTF-8", allowed=A_MEMO) from None
    try:
        plain = json.loads(_content(html, name), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _one(
            name, "", text=f"its state cannot be read: cut off or altered; allowed: {A_MEMO}"
        ) from None
    if not isinstance(plain, dict):
        raise _one(name, "", given=shown(plain), allowed="a state: a mapping of fields")
    if plain.get("v") != GRAMMAR:
        made = plain.get("planner")
        by = f" (made with planner {made[:40]})" if isinstance(made, str) else ""
        raise _one(
            name, "v", given=shown(plain.get("v")) + by, allowed=f"{GRAMMAR!r}, which this version reads"
        )
    return _state(plain, name)


# -- the element ---------------------------------------------------------------------------------


class _Element(HTMLParser):
    """Takes the content of the one element that holds the state."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.is_open = self.is_closed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and given.get("id") == MARK and given.get("type") == "application/json":
            self.is_open = True

    def handle_data(self, data: str) -> None:
        if self.is_open and not self.is_closed:
            self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self.is_open and tag == "script":
            self.is_closed = True


def _content(html: str, name: str) -> str:
    """The text of the state.

    Only the element itself goes through the parser: a page of 10 MB that is no memo costs one search.
    """
    places = [found.start() for found in _MARKED.finditer(html)]
    if not places:
        raise _one(
            name, "", text=f"holds no state (no element of id {MARK}): no memo, or cut off; allowed: {A_MEMO}"
        )
    if len(places) > 1:
        raise _one(name, "", text=f"holds {len(places)} states; allowed: one")
    begins, ends = html.rfind("<", 0, places[0]), html.lower().find("</script", places[0])
    if begins < 0 or ends < 0:
        raise _one(name, "", text="is cut off inside its state; allowed: the whole file")
    parser = _Element()
    parser.feed(html[begins:ends] + "</script>")
    parser.close()
    if not (parser.is_open and parser.is_closed):
        raise _one(name, "", text=f"holds no state of type application/json; allowed: {A_MEMO}")
    return "".join(parser.parts)


# -- its fields ----------------------------------------------------------------------------------


def _state(plain: Mapping[str, Any], name: str) -> MemoState:
    """The fields, all problems at once; what is not known is left alone."""
    problems: list[Problem] = []

    def take(key: str, is_right: Callable[[Any], bool], allowed: str) -> Any:
        value = plain.get(key)
        if not is_right(value):
            problems.append(Problem(field=key, file=name, given=shown(value), allowed=allowed))
        return value

    text = take("text", lambda one: isinstance(one, str), "the scenario's text")
    sum_of_text = take("sha256", _matches(_HEX_64), "64 hexadecimal digits")
    found = {
        "planner": take("planner", _is_short, "a version"),
        "catalogue": take("catalogue", _matches(_HEX_64), "64 hexadecimal digits"),
        "made_on": take("made_on", _matches(_DAY), "a day, YYYY-MM-DD"),
        "name": take("scenario", _is_short, "a name"),
        "hash": take("hash", _matches(_HEX_64), "64 hexadecimal digits"),
        "page": take("page", _is_short, "the last part of a page's address"),
        "changes": take("changes", lambda one: isinstance(one, dict), "a mapping of paths to values"),
        "params": take("params", _is_texts, "a mapping of parameters to texts"),
        "figures": take("figures", _is_figures, "a mapping of strategies to figures"),
        "log": _log(plain.get("log"), name, problems),
    }
    if not problems and digest(text) != sum_of_text:
        problems.append(
            Problem(
                field="text",
                file=name,
                text="the scenario's text was altered: its SHA-256 is not the one in the memo",
                hint="to change a memo's scenario, save its text as a file of its own",
            )
        )
    if problems:
        raise ScenarioError(problems, name)
    return MemoState(text=text, **found)


def _log(given: Any, name: str, problems: list[Problem]) -> LogNote | None:
    if given is None:
        return None
    known = given if isinstance(given, dict) else {}
    rows = known.get("rows")
    is_note = (
        _is_short(known.get("name"))
        and isinstance(rows, int)
        and not isinstance(rows, bool)
        and rows >= 0
        and _matches(_HEX_16)(known.get("hex"))
    )
    content = None
    if is_note and known.get("bytes") is not None:
        try:
            content = base64.b64decode(known["bytes"], validate=True)
        except (binascii.Error, ValueError, TypeError):
            is_note = False
        if content is not None and hashlib.sha256(content).hexdigest() != known.get("sha256"):
            problems.append(Problem(field="log", file=name, text="the log in the memo was altered"))
    if not is_note:
        allowed = "null, or a name, a number of rows, 16 hexadecimal digits and base64"
        problems.append(Problem(field="log", file=name, given=shown(given), allowed=allowed))
        return None
    return LogNote(name=known["name"], rows=known["rows"], hex=known["hex"], content=content)


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda one: isinstance(one, str) and pattern.fullmatch(one) is not None


def _is_short(one: Any) -> bool:
    return isinstance(one, str) and 0 < len(one) <= 300


def _is_texts(one: Any) -> bool:
    return isinstance(one, dict) and all(isinstance(value, str) for value in one.values())


def _is_figures(one: Any) -> bool:
    return isinstance(one, dict) and all(
        isinstance(row, dict)
        and all(
            value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
            for value in row.values()
        )
        for row in one.values()
    )


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def _one(
    name: str, field: str, *, given: str | None = None, allowed: str | None = None, text: str | None = None
) -> ScenarioError:
    return ScenarioError([Problem(field=field, file=name, given=given, allowed=allowed, text=text)], name)


__all__ = ["A_MEMO", "MOST_BYTES", "read_state"]
