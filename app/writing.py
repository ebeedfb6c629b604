"""A change written into the text of a scenario: one value is put in, replaced or taken out, everything else stays.

Comes in: YAML text, a path and a plain value. Goes out: the text with that one value changed. Comments, order, quotes
and blanks elsewhere are not touched, because only the characters of the value are replaced. Every new text is read again
and must mean exactly the change that was asked for; where it does not (a value that an alias shares, say), the change is
refused instead of written wrongly.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from planner.errors import PlannerError
from planner.scenario import paths
from planner.scenario.paths import Path, PathProblem
from planner.scenario.yaml_nodes import read_yaml

_PLAIN = re.compile(r"[A-Za-z][\w.-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}")  # words and dates: text without quotes
_PLAIN_KEY = re.compile(r"[A-Za-z][\w.-]*|[0-9]+[A-Za-z-][\w.-]*")
_PLAIN_LINE = re.compile(r"[A-Za-z][^\n#:]*[^\s#:]")  # a sentence that needs no quotes outside of {} and []
_WORDS = frozenset(("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL"))


class CannotWrite(PlannerError):
    """A change that cannot be written into a text; the message says why and what to do."""


# -- values as text ----------------------------------------------------------------------------------


def flow(value: Any) -> str:
    """A plain value as YAML on one line; reading it gives the same value.

    >>> flow({"p50": 420, "p95": 1600.0, "kind": "x y", "on": True, "at": "2027-01-01"})
    '{p50: 420, p95: 1600, kind: "x y", on: true, at: 2027-01-01}'
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and (value in _WORDS or not _PLAIN.fullmatch(value)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _key(key: str) -> str:
    is_plain = _PLAIN_KEY.fullmatch(key) and key not in _WORDS and not re.fullmatch(r"[0-9]+[eE][0-9]+", key)
    return key if is_plain else json.dumps(key, ensure_ascii=False)


# -- changes -----------------------------------------------------------------------------------------


def put(text: str, path: str | Path, value: Any) -> str:
    """The text with the value at a path set, as `planner.scenario.set_value` sets it in a tree.

    Raises CannotWrite where the text is no readable mapping or shares the value with another place.

    >>> print(put("a: 1 # why\\nb: {c: 2}\\n", "b.d", 3))
    a: 1 # why
    b: {c: 2, d: 3}
    <BLANKLINE>
    """
    tree = _tree(text)
    try:
        given = paths.as_path(path)
        # an index one past the end appends, and is no place yet
        steps = (
            (*paths.concrete(tree, given[:-1]), given[-1])
            if isinstance(given[-1], int)
            else paths.concrete(tree, given)
        )
        wanted = paths.set_value(tree, steps, value)
    except PathProblem as problem:
        raise CannotWrite(str(problem)) from None
    return _first_that_means(wanted, _puttings(text, steps, value), steps)


def drop(text: str, path: str | Path) -> str:
    """The text without what stands at a path; the same text where nothing stands there. Raises CannotWrite.

    >>> drop("a: 1\\nb:\\n  c: 2 # why\\n  d: 3\\n", "b.c")
    'a: 1\\nb:\\n  d: 3\\n'
    """
    tree = _tree(text)
    try:
        steps = paths.concrete(tree, path)
        paths.get_value(tree, steps)
    except PathProblem:
        return text
    wanted = without(tree, steps)
    return _first_that_means(wanted, _droppings(text, steps), steps)


def put_back(text: str, path: str | Path, source: str) -> str:
    """The text with the value at a path as another text writes it, `0.30` rather than `0.3`. Raises CannotWrite.

    >>> put_back("a: 0.4 # why", "a", "a: 0.30")
    'a: 0.30 # why'
    """
    tree, before = _tree(text), _tree(source)
    try:
        steps = paths.concrete(before, path)
        value = paths.get_value(before, steps)
        wanted = paths.set_value(tree, steps, value)
    except PathProblem as problem:
        raise CannotWrite(str(problem)) from None
    node, parent, depth = _deepest(_composed(source), steps)
    start, end, _ = _span(source, node, parent, steps[-1])
    spelled = [source[start:end]] if depth == len(steps) and "\n" not in source[start:end] else []
    return _first_that_means(wanted, _puttings(text, steps, value, spelled), steps)


def without(tree: Any, path: Path) -> Any:
    """A tree without what stands at a path; the tree itself where nothing stands there.

    >>> without({"a": [1, 2], "b": 3}, ("a", 0))
    {'a': [2], 'b': 3}
    """
    step, rest = path[0], path[1:]
    if isinstance(tree, Mapping) and step in tree:
        inner = {step: without(tree[str(step)], rest)} if rest else {}
        return {key: inner.get(key, value) for key, value in tree.items() if rest or key != step}
    if isinstance(tree, list | tuple) and isinstance(step, int) and step < len(tree):
        inner_items = [without(tree[step], rest)] if rest else []
        return [*tree[:step], *inner_items, *tree[step + 1 :]]
    return tree


def _tree(text: str) -> Any:
    document = read_yaml(text)
    if not document.complete or document.problems or not isinstance(document.value, dict):
        raise CannotWrite("The text cannot be read as YAML: mend it first, then fields can be changed here.")
    return document.value


def _first_that_means(wanted: Any, candidates: Iterator[str], path: Path) -> str:
    for candidate in candidates:
        document = read_yaml(candidate)
        if document.complete and not document.problems and flow(document.value) == flow(wanted):
            return candidate
    raise CannotWrite(
        f"{paths.render(path)} is written in a way that is not changed here (an alias, or an unusual form): "
        f"change it in the text."
    )


# -- places in the text ------------------------------------------------------------------------------


def _puttings(text: str, path: Path, value: Any, spelled: Sequence[str] = ()) -> Iterator[str]:
    """Texts with the value set, spelled in one of the given ways first; the first that proves right is taken."""
    node, parent, depth = _deepest(_composed(text), path)
    rest = value
    for step in reversed(path[depth:]):
        rest = [rest] if isinstance(step, int) else {step: rest}
    if depth < len(path) and _takes(node, path[depth]):
        inner = value
        for step in reversed(path[depth + 1 :]):
            inner = [inner] if isinstance(step, int) else {step: inner}
        yield from _inserted(text, node, path[depth], inner)
        return
    start, end, before = _span(text, node, parent, path[depth - 1] if depth else None)
    written = [flow(rest)]
    if isinstance(rest, str) and _PLAIN_LINE.fullmatch(rest):
        written.insert(0, rest)
    for one in (*spelled, *written):
        yield text[:start] + before + one + text[end:]


def _composed(text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise CannotWrite(f"The text cannot be read as YAML: {error}") from None


def _deepest(node: Any, path: Path) -> tuple[Any, Any, int]:
    """The node at a path or the last one on the way, the node around it, and how many steps were gone."""
    parent = None
    for depth, step in enumerate(path):
        inner = _inner(node, step)
        if inner is None:
            return node, parent, depth
        parent, node = node, inner
    return node, parent, len(path)


def _inner(node: Any, step: str | int) -> Any:
    if node.id == "mapping":
        return next((value for key, value in node.value if getattr(key, "value", None) == step), None)
    if node.id == "sequence" and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def _takes(node: Any, step: str | int) -> bool:
    """Whether something can be added inside a node under that step."""
    return bool(node.id == "sequence") if isinstance(step, int) else bool(node.id == "mapping")


def _span(text: str, node: Any, parent: Any, step: str | int | None) -> tuple[int, int, str]:
    """Where a value stands in the text, and the blank that a new one needs in front."""
    if parent is not None and parent.id == "mapping":
        key = next(key for key, value in parent.value if value is node and key.value == step)
        after_colon = text.index(":", key.end_mark.index) + 1
        is_below = _is_block(node) or _is_empty(node)
        if is_below:
            return (
                after_colon,
                max(after_colon, _end(text, node)) if not _is_empty(node) else after_colon,
                " ",
            )
    if _is_empty(node):  # a bare dash
        return node.start_mark.index, node.start_mark.index, " "
    return node.start_mark.index, _end(text, node), ""


def _is_block(node: Any) -> bool:
    return node.id != "scalar" and not node.flow_style


def _is_empty(node: Any) -> bool:
    return node.id == "scalar" and node.start_mark.index == node.end_mark.index


def _end(text: str, node: Any) -> int:
    """Where the last character of a value stands, plus one: the marks of blocks run on over comments and blank lines."""
    if _is_block(node) and node.value:
        last = node.value[-1]
        if node.id == "sequence":
            return max(_end(text, last), node.start_mark.index + 1)
        key, value = last
        return text.index(":", key.end_mark.index) + 1 if _is_empty(value) else _end(text, value)
    end: int = node.end_mark.index
    if node.id == "scalar" and node.style in ("|", ">"):
        end = len(text[:end].rstrip("\n"))
    return end


def _inserted(text: str, node: Any, step: str | int, value: Any) -> Iterator[str]:
    """Texts with an entry more at the end of a mapping or list."""
    entry = flow(value) if isinstance(step, int) else f"{_key(step)}: {flow(value)}"
    if not _is_block(node):
        if not node.value:
            yield text[: node.start_mark.index + 1] + entry + text[node.end_mark.index - 1 :]
            return
        last = node.value[-1] if node.id == "sequence" else node.value[-1][1]
        at = last.end_mark.index
        yield f"{text[:at]}, {entry}{text[at:]}"
        return
    first = node.value[0] if node.id == "sequence" else node.value[0][0]
    column = node.start_mark.column if node.id == "sequence" else first.start_mark.column
    dash = "- " if node.id == "sequence" else ""
    at = text.find("\n", _end(text, node))
    at = len(text) if at < 0 else at
    yield f"{text[:at]}\n{' ' * column}{dash}{entry}{text[at:]}"


def _droppings(text: str, path: Path) -> Iterator[str]:
    node, parent, _ = _deepest(_composed(text), path)
    assert parent is not None
    entries = parent.value if parent.id == "sequence" else [value for _, value in parent.value]
    index = next(k for k, entry in enumerate(entries) if entry is node and _is_at(parent, k, path[-1]))
    starts = [
        (entry if parent.id == "sequence" else parent.value[k][0]).start_mark.index for k, entry in enumerate(entries)
    ]  # fmt: skip
    if len(entries) == 1:
        empty: Any = [] if parent.id == "sequence" else {}
        yield from _puttings(text, path[:-1], empty) if len(path) > 1 else ()
        return
    if not _is_block(parent):
        if index + 1 < len(entries):
            yield text[: starts[index]] + text[starts[index + 1] :]
        else:
            yield text[: _end(text, entries[index - 1])] + text[_end(text, node) :]
        return
    line = text.rfind("\n", 0, starts[index]) + 1
    end = text.find("\n", _block_end(text, parent, index))
    after = len(text) if end < 0 else end + 1
    yield text[:line] + text[after:]
    if index + 1 < len(entries):  # the first key beside the dash of a list
        yield text[: starts[index]] + text[starts[index + 1] :]


def _is_at(parent: Any, index: int, step: str | int) -> bool:
    return index == step if parent.id == "sequence" else parent.value[index][0].value == step


def _block_end(text: str, parent: Any, index: int) -> int:
    if parent.id == "sequence":
        return _end(text, parent.value[index])
    key, value = parent.value[index]
    return text.index(":", key.end_mark.index) if _is_empty(value) else _end(text, value)
