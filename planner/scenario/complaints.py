"""Validation errors -> complaints in the user's words.

Every validation error becomes at most one Complaint: the place in our path grammar, what was given, what the
declaration allows (bounds, unit, choices), and what was probably meant. It also says which part of the tree
to leave out so that the rest can be checked on.
"""

import re
from collections.abc import Iterable, Sized
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from planner.scenario.declare import shown
from planner.scenario.declared import Kind, Place, root
from planner.scenario.laws import LAW_TEXT
from planner.scenario.paths import Path, closest, nearest

MANY = 1000  # errors that are put into words; nobody reads more
TECHNICAL = 1e5  # bounds above this only keep numbers sane: named where they are passed
YAML_1_1_BOOLEANS = {
    **dict.fromkeys(("yes", "y", "on", "true"), "true"),
    **dict.fromkeys(("no", "n", "off", "false"), "false"),
}
NAME_TEXT = "a name of lower-case letters, digits and dashes that begins with a letter or digit"


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """One thing that is wrong in a tree.

    Parameters
    ----------
    path
        Where it is.
    remove
        What to leave out so that checking can go on; () where nothing smaller than the whole will do.
    meant
        The place that was probably meant by a misspelt key, if any.
    is_missing
        True where something required is absent: a consequence, if something near it was left out before.
    """

    path: Path
    remove: Path
    given: str | None = None
    allowed: str | None = None
    hint: str | None = None
    text: str | None = None
    meant: Path | None = None
    is_missing: bool = False


def complaints_of(error: ValidationError) -> list[Complaint]:
    """The complaints of one validation, at most one for each place.

    A misspelt required key gives one complaint, not "no such field" and "must be given".
    """
    found: dict[Path, Complaint] = {}
    for details in error.errors(include_url=False)[:MANY]:
        spot = _locate(details["loc"])
        complaint = _complaint(details, spot)
        if spot.form is not None:  # with a part left out, the rest would pass for another form
            complaint = replace(complaint, remove=spot.form)
        found.setdefault(complaint.path, complaint)
    meant = {complaint.meant for complaint in found.values() if complaint.meant is not None}
    return [
        complaint for complaint in found.values() if not (complaint.is_missing and complaint.path in meant)
    ]


@dataclass(frozen=True)
class _Spot:
    """A location of the validator, walked through the declarations."""

    path: Path
    place: Place
    container: Place
    is_key: bool
    form: Path | None  # the outermost place of several forms that was passed


def _locate(location: tuple[int | str, ...]) -> _Spot:
    """The path of a location: tags of forms and the mark of keys left out."""
    path: Path = ()
    place = container = whole = root()  # `whole` is the place before a form of it was chosen
    is_key, form = False, None
    for part in location:
        if part in place.forms:
            place = place.forms[str(part)]
            form = path if form is None else form
            continue
        if part == "[key]":
            is_key = True
            break
        container = whole
        place = place.child(part) or Place(kind=Kind.ANY)
        whole = place
        path = (*path, part)
    return _Spot(path, whole, container, is_key, form)


def _complaint(details: ErrorDetails, spot: _Spot) -> Complaint:
    context = details.get("ctx", {})
    inside: Path = tuple(context.get("inside", ()))
    path = (*spot.path, *inside)
    match details["type"]:
        case "missing":
            text = f"must be given: {spot.place.description}"
            return Complaint(path=path, remove=path[:-1], text=text, is_missing=True)
        case "extra_forbidden":
            return _unknown_field(spot, details["input"])
        case "not_supported":
            return Complaint(path=path, remove=spot.path, text=f"not supported yet: {context['what']}")
        case "law":
            allowed = context["allowed"] + (_or_null(spot.place) if not inside else "")
            return Complaint(path=path, remove=spot.path, given=context["given"], allowed=allowed)
        case "given_allowed":
            given = context["given"] if isinstance(context["given"], str) else shown(context["given"])
            return Complaint(path=path, remove=spot.path, given=given, allowed=context["allowed"])
        case "invalid_key":
            return Complaint(path=path, remove=path, given=f"the key {shown(path[-1])}", allowed="text keys")
    if spot.is_key:
        return Complaint(
            path=path, remove=path, given=shown(path[-1]), allowed=NAME_TEXT, hint=_as_name(path[-1])
        )
    value = details["input"]
    place = (
        spot.place
        if spot.place.kind is not Kind.CHOICE
        else spot.container.fields().get(str(path[-1]), spot.place)
    )
    given = f"{len(value)} of them" if details["type"] == "too_long" else given_text(value, place)
    return Complaint(
        path=path,
        remove=path,
        given=given,
        allowed=allowed_text(place, value),
        hint=_hint(value, place),
    )


def _unknown_field(spot: _Spot, value: Any) -> Complaint:
    """A key that the section does not have: a slip of the pen, or a field of another form."""
    name = spot.path[-1]
    fields = spot.container.fields()
    if name in fields:  # declared, but for another form of this place
        form = allowed_text(spot.container, None)
        return Complaint(
            path=spot.path,
            remove=spot.path,
            text="does not go with the fields beside it",
            hint=f"allowed: {form}",
        )
    near = nearest(name, fields)
    return Complaint(
        path=spot.path,
        remove=spot.path,
        text="no such field",
        hint=closest(name, fields),
        meant=(*spot.path[:-1], near) if near is not None else None,
    )


def _as_name(key: Any) -> str | None:
    name = re.sub(r"[^a-z0-9]+", "-", str(key).lower()).strip("-")
    return f"did you mean {name}?" if name else None


# -- words for values and for what is allowed ----------------------------------------------------


def given_text(value: Any, place: Place) -> str:
    """A value as given: text is called so where something else belongs."""
    belongs = place.kind in (Kind.TEXT, Kind.CHOICE, Kind.DATE, Kind.FORMS)
    return f"the text {shown(value)}" if isinstance(value, str) and not belongs else shown(value)


def allowed_text(place: Place, value: Any = None, *, in_full: bool = False) -> str:
    """What may stand at a place: kind, bounds, unit, choices, and what null means there.

    `value` is what was given: a bound that only keeps numbers sane is named where it was passed. `in_full` names
    the list that may stand for a number, too, of which a message about the number does not speak.
    """
    text = _allowed(place, value)
    if in_full and place.kind is not Kind.FORMS:
        items = [form.item.fields() for form in place.forms.values() if form.item is not None]
        text = _join([text, *(f"a list of {{{', '.join(fields)}}}" for fields in items)])
    return text + _or_null(place)


def _allowed(place: Place, value: Any) -> str:
    match place.kind:
        case Kind.WHOLE | Kind.NUMBER:
            return _number_text(place, value)
        case Kind.CHOICE:
            return _join([_word(choice) for choice in place.choices])
        case Kind.BOOLEAN:
            return "true or false"
        case Kind.DATE:
            return "a date, YYYY-MM-DD"
        case Kind.TEXT:
            return _text_text(place)
        case Kind.LAW:
            return LAW_TEXT
        case Kind.FORMS:
            return _join(_forms_text(place))
        case Kind.SECTION:
            return _fields_text(place)
        case Kind.MAP:
            return "a mapping of names" + _count_text(place, value, "entry")
        case Kind.LIST:
            item = place.item or Place(kind=Kind.ANY)
            return f"a list of {_items_text(item)}" + _count_text(place, value, "item")
    return "a value"


def _number_text(place: Place, value: Any) -> str:
    noun = "whole number " if place.kind is Kind.WHOLE else ""
    low, high = place.low, place.high
    passed = (
        isinstance(value, int | float) and not isinstance(value, bool) and high is not None and value > high
    )
    if high is not None and abs(high) > TECHNICAL and not passed:
        high = None
    unit = f" ({place.unit})" if place.unit else ""
    if low is None and high is None:
        return (noun or "number ").strip() + unit
    if low is not None and high is not None and not place.low_open and not place.high_open:
        return f"{noun}{low:.15g} to {high:.15g}{unit}"
    bounds = []
    if low is not None:
        bounds.append(f"{'>' if place.low_open else '>='} {low:.15g}")
    if high is not None:
        bounds.append(f"{'below' if place.high_open else 'at most'} {high:.15g}")
    return f"{noun or 'number '}{', '.join(bounds)}{unit}"


def _text_text(place: Place) -> str:
    if place.max_length is not None:
        return f"text of {place.min_length or 0} to {place.max_length} characters"
    return "text that is not empty" if place.min_length else "text"


def _forms_text(place: Place) -> list[str]:
    texts: list[str] = []
    for form in place.forms.values():
        texts += map(str, form.choices) if form.kind is Kind.CHOICE else [_allowed(form, None)]
    return texts


def _count_text(place: Place, value: Any, noun: str) -> str:
    """That there must be one, or how many there may be where that is passed."""
    if place.max_length is not None and isinstance(value, Sized) and len(value) > place.max_length:
        return f", at most {place.max_length} of them"
    return f" with at least one {noun}" if place.min_length else ""


def _fields_text(place: Place) -> str:
    fields = place.fields()
    wanted = [name for name, inner in fields.items() if inner.required]
    names = wanted or [name for name, inner in fields.items() if inner.later is None]
    return "{" + ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") + "}"


def _items_text(item: Place) -> str:
    match item.kind:
        case Kind.TEXT | Kind.LIST:
            return "names"
        case Kind.CHOICE:
            return _join([str(choice) for choice in item.choices])
        case Kind.NUMBER | Kind.WHOLE:
            return "numbers"
        case Kind.SECTION:
            return _fields_text(item)
    return "mappings"


def _or_null(place: Place) -> str:
    """What null means, where it says more than leaving the field out."""
    means = re.search(r"null: ([^;]+)", place.description)
    if not place.nullable or (means is None and place.default is None):
        return ""
    if means is None or means[1] == "none":
        return ", or null for none"
    return f", or null: {means[1]}"


def _word(choice: Any) -> str:
    """A choice as it is written in a file."""
    return shown(choice) if isinstance(choice, bool) else str(choice)


def _join(words: Iterable[str]) -> str:
    """a, b or c"""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _hint(value: Any, place: Place) -> str | None:
    if isinstance(value, str):
        return _hint_for_text(value, place)
    if place.kind is Kind.TEXT and isinstance(value, bool | int | float):
        return f"write '{shown(value)}' in quotes"
    return None


def _hint_for_text(value: str, place: Place) -> str | None:
    takes_booleans = place.kind is Kind.BOOLEAN or True in place.choices
    if takes_booleans and value.lower() in YAML_1_1_BOOLEANS:
        return f"write {YAML_1_1_BOOLEANS[value.lower()]}"
    if place.kind in (Kind.NUMBER, Kind.WHOLE) and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", value):
        return f"write {value} without quotes"
    if value.lower() in ("none", "nil") and place.nullable:
        return "write null"
    words = [*place.choices, *(word for form in place.forms.values() for word in form.choices)]
    near = nearest(value, [word for word in words if isinstance(word, str)])
    return f"did you mean {near}?" if near is not None else None
