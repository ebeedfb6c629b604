"""In which ways the value of a field can be given, and how each way is asked for.

Comes in: what the language declares at a place. Goes out: its modes (a number, p50 and p95, a word, none, YAML), each with
the parts that are asked for and how a value is taken apart into them and put together from them. Draws nothing.
"""

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.writing import flow
from planner.errors import ScenarioError
from planner.scenario.declared import Kind, Place
from planner.scenario.laws import Law, LawProblem, parse_law
from planner.scenario.reading import parse_override

MOST_WHOLE = 2**53 - 1  # what a browser counts exactly
FIRST_DAY, LAST_DAY = datetime.date(2000, 1, 1), datetime.date(2199, 12, 31)


class Incomplete(Exception):
    """A part is empty or cannot be read; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that is asked for: a number (whole or not, with bounds), a text, a date, a switch, some of many words."""

    name: str
    kind: Literal["whole", "number", "text", "date", "switch", "many"]
    label: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    most_characters: int | None = None
    placeholder: str | None = None


@dataclass(frozen=True, kw_only=True)
class Mode:
    """One way to give a value. `holds`: whether a value is given so; `taken` and `made` are each other's inverse."""

    name: str
    label: str
    parts: tuple[Part, ...]
    holds: Callable[[Any], bool]
    taken: Callable[[Any], tuple[Any, ...]]
    made: Callable[..., Any]


def modes(place: Place) -> tuple[Mode, ...]:
    """The ways to give a value at a place; the last ones take what the others do not."""
    none = (_none(place),) if place.nullable else ()
    match place.kind:
        case Kind.LAW:
            return (*_laws(place), *none, _yaml("other (YAML)"))
        case Kind.BOOLEAN if not place.nullable:
            return (_switch(),)
        case Kind.BOOLEAN:
            return (_word(True, "yes"), _word(False, "no"), *none)
        case Kind.CHOICE:
            return (*map(_word, _words(place)), *none)
        case Kind.NUMBER | Kind.WHOLE:
            also = (_yaml("steps (YAML)"),) if place.forms else ()
            return (_number(place), *map(_word, _words(place)), *none, *also)
        case Kind.TEXT:
            return (_text(place), *none)
        case Kind.DATE:
            return (_date(), *none)
        case Kind.LIST if place.item is not None and place.item.kind is Kind.CHOICE:
            return (_many(place.item), *none)
        case Kind.SECTION if place.nullable and not _needed(place):
            return (*none, _present())
        case Kind.FORMS:
            words = [word for form in place.forms.values() for word in _words(form)]
            return (*map(_word, words), *none, _yaml("written out (YAML)" if words or none else "YAML"))
    return (*none, _yaml("a list (YAML)" if place.kind is Kind.LIST else "YAML"))


def mode_of(ways: Sequence[Mode], value: Any) -> Mode:
    """The way in which a value is given."""
    return next((way for way in ways if way.holds(value)), ways[-1])


def normal(value: Any) -> Any:
    """A number as a file would hold it: without a fraction where there is none."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return int(value)
    return value


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values mean the same: 2 and 2.0 do, 1 and true do not."""
    return flow(one) == flow(other)


# -- kinds of ways -----------------------------------------------------------------------------------


def _needed(place: Place) -> list[str]:
    return [name for name, inner in place.fields().items() if inner.required]


def _words(place: Place) -> tuple[Any, ...]:
    return tuple(word for word in place.choices if word not in place.words_later)


def _plainly(value: Any) -> Any:
    return value


def _word(word: Any, label: str | None = None) -> Mode:
    shown = label or (flow(word) if isinstance(word, bool) else str(word))
    return Mode(
        name=f"word {word}", label=shown, parts=(), holds=lambda value: value is word or (value == word and type(value) is type(word)),
        taken=lambda value: (), made=lambda: word,
    )  # fmt: skip


def _none(place: Place) -> Mode:
    """Explicitly nothing, with what that means where the description says it."""
    means = re.search(r"null: ([^;]+)", place.description)
    label = "none" if means is None or means[1] == "none" else f"none ({means[1]})"
    return Mode(name="none", label=label, parts=(), holds=lambda value: value is None,
                taken=lambda value: (), made=lambda: None)  # fmt: skip


def _present() -> Mode:
    return Mode(name="on", label="on", parts=(), holds=lambda value: isinstance(value, dict),
                taken=lambda value: (), made=dict)  # fmt: skip


def _switch() -> Mode:
    return Mode(
        name="switch", label="", parts=(Part(name="on", kind="switch"),), holds=lambda value: isinstance(value, bool),
        taken=lambda value: (bool(value),), made=_plainly,
    )  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(place: Place) -> Mode:
    part = _number_part(place, "value", "")
    return Mode(name="number", label="a number", parts=(part,), holds=_is_number,
                taken=lambda value: (value,), made=lambda value: normal(_given(value)))  # fmt: skip


def _number_part(place: Place, name: str, label: str) -> Part:
    """A number with its declared bounds. An open end is left to the language to refuse, in its own words."""
    is_whole = place.kind is Kind.WHOLE
    low, high = place.low, place.high
    if is_whole:
        low = max(-MOST_WHOLE, -MOST_WHOLE if low is None else int(low) + place.low_open)
        high = min(MOST_WHOLE, MOST_WHOLE if high is None else int(high) - place.high_open)
    return Part(name=name, kind="whole" if is_whole else "number", label=label, low=low, high=high)


def _given(value: Any) -> Any:
    if value is None or value == "":
        raise Incomplete("Give a value.")
    return value


def _text(place: Place) -> Mode:
    part = Part(name="text", kind="text", most_characters=place.max_length)
    made: Callable[[Any], Any] = (
        (lambda value: _given(value)) if place.min_length else (lambda value: value or "")
    )
    return Mode(name="text", label="a text", parts=(part,), holds=lambda value: isinstance(value, str),
                taken=lambda value: (value,), made=made)  # fmt: skip


def _date() -> Mode:
    return Mode(
        name="date", label="a date", parts=(Part(name="day", kind="date"),), holds=lambda value: isinstance(value, str),
        taken=lambda value: (datetime.date.fromisoformat(value),), made=lambda value: _given(value).isoformat(),
    )  # fmt: skip


def _many(item: Place) -> Mode:
    part = Part(name="words", kind="many", choices=_words(item))
    return Mode(name="many", label="some of", parts=(part,), holds=lambda value: isinstance(value, list | tuple),
                taken=lambda value: (list(value),), made=list)  # fmt: skip


def _yaml(label: str) -> Mode:
    part = Part(name="yaml", kind="text", placeholder="{…} or […]")
    return Mode(name="yaml", label=label, parts=(part,), holds=lambda value: True,
                taken=lambda value: (flow(value),), made=_read)  # fmt: skip


def _read(written: Any) -> Any:
    """A value written in YAML. The path it stands at is not known here, so problems speak of the value only."""
    try:
        return parse_override(f"value={_given(written)}")[1]
    except ScenarioError as error:
        first = error.problems[0]
        said = first.text or f"got {first.given}; allowed: {first.allowed}"
        raise Incomplete(said + (f"; {first.hint}" if first.hint else "")) from None


# -- laws --------------------------------------------------------------------------------------------


def _laws(place: Place) -> tuple[Mode, ...]:
    """The laws that a row of numbers can say; mixtures and recordings are written out."""
    return (
        Mode(
            name="fixed", label="always the same", parts=(_law_part(place, "fixed", "value"),),
            holds=lambda value: _is_number(value) or _has(value, "fixed"),
            taken=lambda value: (value if _is_number(value) else value["fixed"],),
            made=lambda value: normal(_given(value)),
        ),
        _law(place, "quantiles", "p50 and p95", ("p50", "p95")),
        _law(place, "exponential", "exponential", ("exponential_mean",), labels=("mean",)),
        _law(place, "lognormal", "mean and spread, lognormal", ("mean", "cv"), family="lognormal"),
        _law(place, "gamma", "mean and spread, gamma", ("mean", "cv"), family="gamma"),
    )  # fmt: skip


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and set(value) - {"kind"} == set(keys)


def _law_part(place: Place, key: str, label: str) -> Part:
    inner = place.child(key)
    assert inner is not None
    return _number_part(inner, key, label)


def _law(
    place: Place,
    name: str,
    label: str,
    keys: tuple[str, ...],
    *,
    labels: tuple[str, ...] | None = None,
    family: str | None = None,
) -> Mode:
    def holds(value: Any) -> bool:
        return _has(value, *keys) and (family is None or value.get("kind", "lognormal") == family)

    def made(*numbers: Any) -> dict[str, Any]:
        if None in numbers:
            raise Incomplete(f"Give {' and '.join(keys)}.")
        found = {key: normal(number) for key, number in zip(keys, numbers, strict=True)}
        return found if family in (None, "lognormal") else {**found, "kind": family}

    return Mode(
        name=name, label=label, parts=tuple(map(lambda key, shown: _law_part(place, key, shown), keys, labels or keys)),
        holds=holds, taken=lambda value: tuple(value[key] for key in keys), made=made,
    )  # fmt: skip


def carried(mode: Mode, value: Any) -> tuple[Any, ...]:
    """What the parts of another way begin with: the mean of the law before where one is asked for, else nothing."""
    try:
        law: Law | None = parse_law(value) if not isinstance(value, str) else None
    except LawProblem:
        law = None
    mean = normal(law.mean) if law is not None else None
    return tuple(mean if part.name in ("fixed", "exponential_mean", "mean") else None for part in mode.parts)
