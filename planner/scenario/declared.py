"""What the language declares at each path: the declarations of the tree, read back as plain data.

Error texts, the JSON Schema, the field reference and the widgets all ask here, so that bounds, units and
descriptions exist once. A `Place` is what may stand at one path; `root()` is the whole file.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import Tag
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from planner.scenario.declare import KEY_PATTERN, Fields, FrozenMap
from planner.scenario.fields import Scenario
from planner.scenario.laws import MAX_VALUE, Law
from planner.scenario.paths import Path


class Kind(StrEnum):
    """What kind of value may stand at a place."""

    SECTION = "section"  # a mapping of declared fields
    MAP = "map"  # a mapping of names of the user's
    LIST = "list"
    LAW = "law"
    NUMBER = "number"
    WHOLE = "whole number"
    TEXT = "text"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    DATE = "date"
    FORMS = "forms"  # one of several, told apart by their shape
    ANY = "any"


SCALARS = {int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT, bool: Kind.BOOLEAN, datetime.date: Kind.DATE}


@dataclass(frozen=True, kw_only=True)
class Place:
    """What may stand at one path.

    `low` and `high` are bounds (open where `low_open`/`high_open`), `choices` the words allowed (beside
    numbers too), `forms` what may stand there by tag (for a number that may be given as a list, too: both),
    `words_later` and `later` what is declared but not simulated yet, `default` the plain default (None where there
    is none: see `required`).
    """

    kind: Kind
    nullable: bool = False
    section: type[Fields] | None = None
    item: "Place | None" = None
    own_keys: bool = False  # keys of a map follow the pattern of our own names
    forms: Mapping[str, "Place"] = field(default_factory=dict)
    choices: tuple[Any, ...] = ()
    words_later: tuple[str, ...] = ()
    later: str | None = None
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    min_length: int | None = None
    max_length: int | None = None
    unit: str = ""
    slider: tuple[float, float] | None = None
    description: str = ""
    required: bool = False
    default: Any = None

    def fields(self) -> dict[str, "Place"]:
        """Fields that may stand below, by the name used in files; those of every form together."""
        if self.section is not None:
            return fields_of(self.section)
        found: dict[str, Place] = {}
        for form in self.forms.values():
            for name, place in form.fields().items():
                found[name] = _merged(found[name], place) if name in found else place
        return found

    def child(self, step: str | int) -> "Place | None":
        """The place one step below, or None where the language declares nothing."""
        if isinstance(step, int):
            lists = [place for place in (self, *self.forms.values()) if place.kind is Kind.LIST]
            return lists[0].item if lists else None
        if self.kind is Kind.MAP:
            return self.item
        if self.kind is Kind.LAW:
            return _LAW_PARTS.get(step) and replace(
                _LAW_PARTS[step], unit=self.unit if step not in ("cv", "kind") else ""
            )
        if self.kind is Kind.LIST:  # an item by its name
            return self.item
        return self.fields().get(step)


def _merged(first: Place, second: Place) -> Place:
    """A field that several forms share: its choices together (`kind: threshold | cascade`)."""
    if first.kind is second.kind is Kind.CHOICE:
        return replace(first, choices=tuple(dict.fromkeys((*first.choices, *second.choices))))
    return first


_LAW_NUMBER = Place(kind=Kind.NUMBER, low=0, high=MAX_VALUE, description="part of a law")
_LAW_PARTS = {
    "fixed": replace(_LAW_NUMBER, description="the same value always"),
    "exponential_mean": replace(_LAW_NUMBER, low_open=True, description="mean of an exponential law"),
    "p50": replace(_LAW_NUMBER, low_open=True, description="median of a lognormal law"),
    "p95": replace(_LAW_NUMBER, low_open=True, description="95 % quantile of a lognormal law"),
    "mean": replace(_LAW_NUMBER, low_open=True, description="mean"),
    "cv": replace(_LAW_NUMBER, high=1000, description="standard deviation over mean"),
    "kind": Place(
        kind=Kind.CHOICE, choices=("lognormal", "gamma"), default="lognormal", description="family"
    ),
    "mixture": Place(kind=Kind.ANY, description="[{weight, law}, ...]"),
    "empirical": Place(kind=Kind.ANY, description="file of numbers, or the numbers"),
}


@cache
def root() -> Place:
    """The place of a whole scenario file."""
    return Place(kind=Kind.SECTION, section=Scenario, required=True, description="a scenario")


@cache
def fields_of(section: type[Fields]) -> dict[str, Place]:
    """The fields of a section, by the name used in files, in order of declaration."""
    return {info.alias or name: _of_field(info) for name, info in section.model_fields.items()}


def at(path: Path) -> Place | None:
    """The place at a concrete path, or None where the language declares nothing."""
    place: Place | None = root()
    for step in path:
        place = place.child(step) if place is not None else None
    return place


def walk(path: Path = (), place: Place | None = None) -> Iterator[tuple[Path, Place]]:
    """Every place below a place with its path pattern; names of the user's in capitals, items as N."""
    here = root() if place is None else place
    for name, inner in here.fields().items():
        yield from _walk_into((*path, name), inner)


def _walk_into(path: Path, place: Place) -> Iterator[tuple[Path, Place]]:
    yield path, place
    for inner in (place, *place.forms.values()):
        if inner.item is not None:
            name = _NAMES.get(str(path[-1]), "NAME") if inner.kind is Kind.MAP else "N"
            yield from _walk_into((*path, name), inner.item)
    yield from walk(path, place)


_NAMES = {
    "tasks": "TASK",
    "models": "MODEL",
    "deployments": "DEPLOYMENT",
    "strategies": "STRATEGY",
    "accuracy": "MODEL",
    "ability": "TASK",
    "columns": "COLUMN",
}


# -- reading declarations ----------------------------------------------------------------------


def _of_field(info: FieldInfo) -> Place:
    place = _of(info.annotation, tuple(info.metadata))
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    slider: Any = extra.get("slider")
    return replace(
        place,
        unit=str(extra.get("unit", "")),
        slider=(float(slider[0]), float(slider[1])) if slider else None,
        description=info.description or "",
        required=info.default is PydanticUndefined,
        default=None if info.default is PydanticUndefined else plain(info.default),
    )


def _of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Place:
    """The place that an annotation and the marks around it declare."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of(arguments[0], (*arguments[1:], *metadata))
    place = _bare(annotation, origin, arguments)
    for mark in metadata:
        place = _marked(place, mark)
    return place


def _bare(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> Place:
    if origin in (Union, UnionType):
        return _of_union(arguments)
    if origin is Literal:
        return Place(kind=Kind.CHOICE, choices=arguments)
    if origin is tuple:
        return Place(kind=Kind.LIST, item=_of(arguments[0]))
    if origin is not None:
        assert issubclass(origin, Mapping), annotation
        own = any(getattr(mark, "pattern", None) == KEY_PATTERN for mark in _marks(arguments[0]))
        return Place(kind=Kind.MAP, item=_of(arguments[1]), own_keys=own)
    if annotation is Any:
        return Place(kind=Kind.ANY)
    if annotation is Law:
        return Place(kind=Kind.LAW)
    if issubclass(annotation, Fields):
        return Place(kind=Kind.SECTION, section=annotation)
    return Place(kind=SCALARS[annotation])


def _of_union(arguments: tuple[Any, ...]) -> Place:
    members = [member for member in arguments if member is not NoneType]
    nullable = len(members) < len(arguments)
    if len(members) == 1:
        return replace(_of(members[0]), nullable=nullable)
    tags = {member: next((m.tag for m in _marks(member) if isinstance(m, Tag)), None) for member in members}
    if all(tags.values()):
        forms = {str(tag): _of(member) for member, tag in tags.items()}
        if (number := forms.get("number")) is not None:  # mostly given so: it is spoken of as a number
            return replace(number, forms=forms, nullable=nullable)
        return Place(kind=Kind.FORMS, forms=forms, nullable=nullable)
    places = [_of(member) for member in members]  # a number or a word
    words = tuple(word for place in places for word in place.choices)
    number = next(place for place in places if place.kind in (Kind.WHOLE, Kind.NUMBER))
    return replace(number, choices=words, nullable=nullable)


def _marks(annotation: Any) -> tuple[Any, ...]:
    """Marks of an annotation, those inside a Field(...) among them spread out."""
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return tuple(
        inner for mark in marks for inner in (mark.metadata if isinstance(mark, FieldInfo) else (mark,))
    )


def _marked(place: Place, mark: Any) -> Place:
    """A place with one more mark taken in: a bound, a length, "not supported yet"."""
    if isinstance(mark, FieldInfo):  # bounds of the values of a mapping, such as accuracy
        for inner in mark.metadata:
            place = _marked(place, inner)
        extra = mark.json_schema_extra if isinstance(mark.json_schema_extra, dict) else {}
        return replace(place, unit=str(extra.get("unit", place.unit)), description=mark.description or "")
    bound: Any = mark
    match mark:
        case annotated_types.Ge():
            return replace(place, low=bound.ge)
        case annotated_types.Gt():
            return replace(place, low=bound.gt, low_open=True)
        case annotated_types.Le():
            return replace(place, high=bound.le)
        case annotated_types.Lt():
            return replace(place, high=bound.lt, high_open=True)
        case annotated_types.MinLen():
            return replace(place, min_length=bound.min_length)
        case annotated_types.MaxLen():
            return replace(place, max_length=bound.max_length)
    check: Any = getattr(mark, "func", None)
    if hasattr(check, "later"):
        place = replace(place, later=check.later)
    if hasattr(check, "later_choices"):
        place = replace(place, words_later=check.later_choices)
    if hasattr(check, "bounds"):
        place = replace(place, low=check.bounds[0], high=check.bounds[1])
    if place.kind is Kind.ANY and getattr(check, "__name__", "") == "_date":
        place = replace(place, kind=Kind.DATE)
    return place


def plain(value: Any) -> Any:
    """A value of the tree as it would be written in a file."""
    if isinstance(value, Fields):
        return {
            info.alias or name: plain(getattr(value, name))
            for name, info in type(value).model_fields.items()
            if name in value.model_fields_set
        }
    if isinstance(value, Law):
        return value.form
    if isinstance(value, FrozenMap | dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value
