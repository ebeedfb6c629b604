"""Plain trees -> readable YAML that readers of 1.1 and 1.2 take alike, with comments behind or above values.

Comes in: dicts, lists and scalars, and comments by path; goes out: text. The order is that of the tree.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from planner.scenario.paths import Path

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./()+-]*[A-Za-z0-9_/)]|[A-Za-z_]")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def yaml_text(tree: Mapping[str, Any], comments: Mapping[Path, str] | None = None, flow_from: int = 2) -> str:
    """The text of a tree; mappings and lists from level `flow_from` on stand on one line where they fit.

    >>> print(yaml_text({"a": {"b": [1, 2.5e-07, None, "no"]}}, {("a",): "why"}), end="")
    # why
    a:
      b: [1, 2.5e-07, null, "no"]
    """
    return "".join(f"{line}\n" for line in _block(tree, (), comments or {}, flow_from))


def comment(text: str, indent: int = 0) -> Iterator[str]:
    """Lines of a comment, broken at blanks; no text can end it early. What begins with a dash hangs."""
    margin = " " * indent + "# "
    line = ""
    for word in _one_line(text).split(" "):
        if line and len(margin) + len(line) + 1 + len(word) > WIDTH:
            yield margin + line
            line = " " if text.startswith("- ") else ""
        line = f"{line} {word}" if line else word
    yield (margin + line).rstrip()


def _one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _block(tree: Any, path: Path, comments: Mapping[Path, str], flow_from: int) -> Iterator[str]:
    indent = "  " * len(path)
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
    for key, value in items:
        here = (*path, key)
        head = f"{indent}{_key(key)}:" if isinstance(tree, Mapping) else f"{indent}-"
        told = comments.get(here)
        has_inner = any(one[: len(here)] == here and one != here for one in comments)
        flow = _flow(value)
        is_leaf = not isinstance(value, dict | list) or not value
        fits = len(head) + 1 + len(flow) <= WIDTH and len(here) >= flow_from and not has_inner
        if is_leaf or fits:
            line = f"{head} {flow}"
            if told is not None and len(line) + len(told) + 3 <= WIDTH:
                yield f"{line} # {_one_line(told)}"
                continue
            if told is not None:
                yield from comment(told, len(indent))
            yield line
            continue
        if told is not None:
            yield from comment(told, len(indent))
        inner = list(_block(value, here, comments, flow_from))
        if isinstance(tree, Mapping):
            yield head
            yield from inner
        else:  # the first key of an item stands behind the dash, unless a comment is above it
            first = inner[0].lstrip()
            if first.startswith("#"):
                yield head
                yield from inner
            else:
                yield f"{head} {first}"
                yield from inner[1:]


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _key(key: Any) -> str:
    text = str(key)
    return text if _PLAIN_KEY.fullmatch(text) and text.lower() not in _WORDS else _quoted(text)


def _quoted(text: str) -> str:
    """Text in quotes; what cannot be printed is escaped as all readers understand."""
    escaped = (
        one if one.isprintable() else f"\\U{ord(one):08x}" for one in json.dumps(text, ensure_ascii=False)
    )
    return "".join(escaped)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _quoted(text)


def _float(value: float) -> str:
    """Shortest text that every reader takes for this number; YAML 1.1 wants a point before an exponent."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if mark and "." not in mantissa else text


__all__ = ["comment", "yaml_text"]
