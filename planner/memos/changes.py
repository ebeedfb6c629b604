"""What differs between two scenarios, as the smallest set of fields that turns one into the other.

Come in: the plain values of both (`Scenario.to_dict`); goes out: {path: value} as `Scenario.set` and `--set` take it.
"""

from collections.abc import Mapping
from typing import Any

from planner.scenario.paths import Path, render

NOT_GIVEN = "not given"


def changes_between(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """PATH: value, so that `given` with them set is `wanted`; None where a whole section of `given` is to go.

    >>> changes_between({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": [4]})
    {'a.c': 3, 'd': [4]}
    >>> changes_between({"a": {"b": {"p50": 1}}}, {"a": {"b": {"mean": 1}}})
    {'a.b': {'mean': 1}}
    >>> changes_between({"a": 1, "b": 2}, {"a": 1}) is None
    True
    """
    if not set(given) <= set(wanted):
        return None
    return {render(path): value for path, value in _changed(given, wanted, ())}


def _changed(given: Mapping[str, Any], wanted: Mapping[str, Any], at: Path) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    for key, value in wanted.items():
        path = (*at, key)
        if key not in given:
            found.append((path, value))
            continue
        before = given[key]
        if _is_same(before, value):
            continue
        # Nothing can be taken out of a section by setting fields in it: it is then set as a whole.
        if isinstance(before, Mapping) and isinstance(value, Mapping) and set(before) <= set(value):
            found += _changed(before, value, path)
        else:
            found.append((path, value))
    return found


def _is_same(one: Any, other: Any) -> bool:
    """Equal in value and in kind: true is not 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


__all__ = ["NOT_GIVEN", "changes_between"]
