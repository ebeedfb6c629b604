"""One path grammar that names a field everywhere.

Keys are joined by dots; a key with a dot, bracket or blank stands in brackets
(`models[gpt-4.1].input_usd_per_mtok`); list items by index or by name (`finance.people[0].fte`,
`finance.one_time[Integration].usd`). `parse` and `render` are each other's inverse; `get_value` and
`set_value` read and change plain trees (dict, list, scalar) without altering what they are given.
"""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from planner.errors import PlannerError
from planner.scenario.declare import shown

Path: TypeAlias = tuple[str | int, ...]

_SPECIAL = frozenset('.[]"')


class PathProblem(PlannerError):
    """A path that cannot be read, or that leads nowhere.

    `text` is the path as given, `position` the character at which it went wrong (0 is the first),
    `reason` what is wrong there, `hint` a proposal or None.
    """

    def __init__(self, text: str, position: int, reason: str, hint: str | None = None) -> None:
        self.text, self.position, self.reason, self.hint = text, position, reason, hint
        super().__init__(text, position, reason, hint)

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"path {shown(self.text, 200)}, character {self.position + 1}: {self.reason}{hint}"


def parse(text: str) -> Path:
    """The steps of a path: text for keys and names, int for list indexes.

    Raises
    ------
    PathProblem
        With the position at which the text stops being a path.

    >>> parse("models[gpt-4.1].input_usd_per_mtok")
    ('models', 'gpt-4.1', 'input_usd_per_mtok')
    >>> parse("finance.people[0].fte")
    ('finance', 'people', 0, 'fte')
    """
    steps: list[str | int] = []
    at = 0
    if not text:
        raise PathProblem(text, 0, "a path is empty")
    while at < len(text):
        if text[at] == "[":
            step, at = _bracket(text, at)
            steps.append(step)
            continue
        if steps:
            if text[at] != ".":
                raise PathProblem(text, at, "a dot or bracket must follow a closed bracket")
            at += 1
        key, at = _bare(text, at)
        steps.append(key)
    return tuple(steps)


def _bare(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in ".[":
        if text[end] in ']"' or text[end].isspace():
            raise PathProblem(
                text,
                end,
                "a key with a dot, bracket, quote or blank stands in brackets, such as models[gpt-4.1]",
            )
        end += 1
    if end == at:
        raise PathProblem(text, at, "a key is missing here")
    return text[at:end], end


def _bracket(text: str, at: int) -> tuple[str | int, int]:
    if text[at + 1 : at + 2] == '"':
        try:
            step, end = json.JSONDecoder().raw_decode(text, at + 1)
        except ValueError:
            raise PathProblem(text, at + 1, "a quoted key is not closed") from None
        if text[end : end + 1] != "]":
            raise PathProblem(text, end, "] must follow a quoted key")
        return step, end + 1
    end = text.find("]", at)
    if end < 0:
        raise PathProblem(text, at, "a bracket is not closed")
    inner = text[at + 1 : end]
    if not inner:
        raise PathProblem(text, at, "a bracket is empty")
    if _is_index(inner):
        if len(inner) > 9:
            raise PathProblem(text, at, "an index has at most 9 digits")
        return int(inner), end + 1
    return inner, end + 1


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit()


def render(path: Iterable[str | int]) -> str:
    """The text of a path; `parse` gives the steps back.

    >>> render(("models", "gpt-4.1", "ability", "faq"))
    'models[gpt-4.1].ability.faq'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and not (_SPECIAL & set(step)) and not any(map(str.isspace, step)):
            text += f".{step}" if text else step
        elif (
            step
            and "]" not in step
            and not step.startswith('"')
            and not _is_index(step)
            and step.isprintable()
        ):
            text += f"[{step}]"
        else:
            text += f"[{json.dumps(step)}]"
    return text


def as_path(path: str | Path) -> Path:
    """Steps of a path that may be given as text or as steps."""
    return parse(path) if isinstance(path, str) else tuple(path)


def closest(word: Any, names: Iterable[str], many: int = 12) -> str | None:
    """ "did you mean X?", or the list of names where none is near and there are few.

    >>> closest("tokens_per_minut", ["requests_per_minute", "tokens_per_minute"])
    'did you mean tokens_per_minute?'
    """
    known = list(dict.fromkeys(map(str, names)))
    near = nearest(word, known)
    if near is not None:
        return f"did you mean {near}?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= many else None


def nearest(word: Any, names: Iterable[str]) -> str | None:
    """The name that a mistyped word most likely means, or None."""
    known = {name.lower(): name for name in reversed(list(names))}
    near = get_close_matches(str(word).lower()[:100], known, n=1, cutoff=0.6)
    return known[near[0]] if near else None


def get_value(tree: Any, path: str | Path) -> Any:
    """The value at a path of a plain tree.

    Raises
    ------
    PathProblem
        Where a key, name or index does not exist, with the names that do.

    >>> get_value({"people": [{"name": "Run", "fte": 2}]}, "people[Run].fte")
    2
    """
    steps = as_path(path)
    here = tree
    for depth, step in enumerate(steps):
        if isinstance(here, list | tuple):
            here = here[_item(here, steps, depth)]
        elif isinstance(here, Mapping):
            if step not in here:
                raise _nowhere(steps, depth, f"no {shown(step)} here", closest(step, here))
            here = here[str(step)]
        else:
            raise _nowhere(steps, depth, f"{shown(here)} has no fields")
    return here


def set_value(tree: Any, path: str | Path, value: Any) -> Any:
    """A tree with the value at a path replaced; missing mappings are made, `tree` is left as it was.

    A scalar on the way gives way to a mapping (`input_tokens: 500` to `{p50: ...}`; whether the result
    makes sense is for validation to say). An index one past the end of a list appends.

    Raises
    ------
    PathProblem
        For a list item that does not exist.

    >>> set_value({"a": {"b": 1}}, "a.c.d", 2)
    {'a': {'b': 1, 'c': {'d': 2}}}
    """
    return _set(tree, as_path(path), 0, value)


def concrete(tree: Any, path: str | Path) -> Path:
    """The steps of a path with names of list items replaced by indexes, as far as the tree goes."""
    steps = as_path(path)
    here = tree
    found: Path = ()
    for depth, step in enumerate(steps):
        if isinstance(here, list | tuple):
            step = _item(here, steps, depth)
            here = here[step]
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
        found = (*found, step)
    return found


def _set(here: Any, steps: Path, depth: int, value: Any) -> Any:
    if depth == len(steps):
        return value
    step = steps[depth]
    if isinstance(here, list | tuple) or (isinstance(step, int) and not isinstance(here, Mapping)):
        items = list(here) if isinstance(here, list | tuple) else []
        if step == len(items):
            return [*items, _set(None, steps, depth + 1, value)]
        index = _item(items, steps, depth)
        items[index] = _set(items[index], steps, depth + 1, value)
        return items
    if isinstance(step, int):
        raise _nowhere(steps, depth, "an index where a mapping stands", closest(step, here))
    inner = here.get(step) if isinstance(here, Mapping) else None
    return {**(here if isinstance(here, Mapping) else {}), step: _set(inner, steps, depth + 1, value)}


def _item(items: list[Any] | tuple[Any, ...], steps: Path, depth: int) -> int:
    """The index that a step means in a list: itself, or the place of the item with that name."""
    step = steps[depth]
    if isinstance(step, int):
        if 0 <= step < len(items):
            return step
        raise _nowhere(steps, depth, f"no item {step}; there are {len(items)}, counted from 0")
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    if names.count(step) > 1:
        raise _nowhere(
            steps, depth, f"{names.count(step)} items are named {shown(step)}; give the index, such as [0]"
        )
    if step not in names:
        known = [name for name in names if isinstance(name, str)]
        raise _nowhere(
            steps,
            depth,
            f"no item named {shown(step)}",
            closest(step, known) or "give the index, such as [0]",
        )
    return names.index(step)


def _nowhere(steps: Path, depth: int, reason: str, hint: str | None = None) -> PathProblem:
    return PathProblem(render(steps), position(steps, depth), reason, hint)


def position(steps: Path, depth: int) -> int:
    """Where a step begins in the rendered path."""
    text, before = render(steps), len(render(steps[:depth]))
    return before + 1 if text[before : before + 1] == "." else before
