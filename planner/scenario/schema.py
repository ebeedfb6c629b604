"""The language for editors, readers and widgets: JSON Schema, field reference, one field's description.

All of it is read from the declarations (`planner.scenario.declared`); nothing is stated twice.
"""

from dataclasses import asdict, dataclass
from typing import Any

from planner.scenario import declared
from planner.scenario.complaints import allowed_text
from planner.scenario.declare import KEY_PATTERN, shown
from planner.scenario.declared import Kind, Place
from planner.scenario.laws import LAW_TEXT, MAX_VALUE
from planner.scenario.paths import Path, PathProblem, as_path, closest, position, render

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One field of the language, for the reference and for widgets.

    `path` is a pattern (`tasks.TASK.input_tokens`, `finance.people[N].fte`) or a concrete path. `default` is
    None where there is none. `low` and `high` are bounds, open where `low_open`/`high_open`; `slider` is the
    range that a widget offers inside them. `supported` is False for what is declared but not simulated yet.
    """

    path: str
    type: str
    unit: str
    default: Any
    required: bool
    nullable: bool
    low: float | None
    high: float | None
    low_open: bool
    high_open: bool
    choices: tuple[Any, ...]
    choices_later: tuple[str, ...]
    slider: tuple[float, float] | None
    allowed: str
    description: str
    supported: bool


def field_rows() -> list[dict[str, Any]]:
    """Every field, in order of declaration, as rows for a table (columns: `FieldRow`)."""
    return [asdict(_row(_pattern(path), place)) for path, place in declared.walk()]


def describe(path: str | Path) -> FieldRow:
    """The field at a concrete path such as `deployments.omni.limits.burst_s`.

    Raises
    ------
    PathProblem
        Where the language has no such field, with the nearest that it has.
    """
    steps = as_path(path)
    place = declared.root()
    for depth, step in enumerate(steps):
        inner = place.child(step)
        if inner is None:
            hint = closest(step, place.fields())
            raise PathProblem(render(steps), position(steps, depth), f"no field {shown(step)} here", hint)
        place = inner
    return _row(render(steps), place)


def _pattern(path: Path) -> str:
    """`tasks.TASK.share`, `models[MODEL].ability.TASK`, `finance.people[N].fte`."""
    text = ""
    for step in path:
        bracketed = step in ("N", "MODEL", "COLUMN")
        text += f"[{step}]" if bracketed else f".{step}" if text else str(step)
    return text


def _row(path: str, place: Place) -> FieldRow:
    return FieldRow(
        path=path,
        type="law" if place.kind is Kind.LAW else str(place.kind),
        unit=place.unit,
        default=place.default,
        required=place.required,
        nullable=place.nullable,
        low=place.low,
        high=place.high,
        low_open=place.low_open,
        high_open=place.high_open,
        choices=place.choices,
        choices_later=place.words_later,
        slider=place.slider,
        allowed=f"not supported yet: {place.later}"
        if place.later is not None
        else allowed_text(place, in_full=True),
        description=place.description,
        supported=place.later is None,
    )


# -- JSON Schema -----------------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file, for completion and checks in editors.

    It knows names, kinds, choices, bounds and LAW; rules across fields are for `planner check`.
    """
    body = _schema(declared.root())
    return {"$schema": DRAFT, "title": "LLM traffic planner scenario", **body, "$defs": {"law": _law()}}


def _schema(place: Place) -> dict[str, Any]:
    body = _nullable(_body(place), place)
    text = _description(place)
    if text:
        body = {"description": text, **body}
    if place.default is not None:
        body["default"] = place.default
    return body


def _description(place: Place) -> str:
    unit = f" ({place.unit})" if place.unit else ""
    if place.later is not None:
        return f"{place.description}{unit}; not supported yet: {place.later}"
    later = f"; not supported yet: {', '.join(place.words_later)}" if place.words_later else ""
    return f"{place.description}{unit}{later}".strip()


def _nullable(body: dict[str, Any], place: Place) -> dict[str, Any]:
    return {"anyOf": [body, {"type": "null"}]} if place.nullable else body


def _body(place: Place) -> dict[str, Any]:
    if place.later is not None:
        return {"enum": [place.default]}
    match place.kind:
        case Kind.SECTION:
            return _section(place)
        case Kind.MAP:
            return _map(place)
        case Kind.LIST:
            return _list(place)
        case Kind.FORMS:
            return {"anyOf": [_schema(form) for form in place.forms.values()]}
        case Kind.LAW:
            return {"$ref": "#/$defs/law"}
        case Kind.CHOICE:
            return {"enum": list(place.choices)}
        case Kind.BOOLEAN:
            return {"type": "boolean"}
        case Kind.DATE:
            return {"type": "string", "format": "date"}
        case Kind.TEXT:
            return {"type": "string", **_lengths(place, "Length")}
        case Kind.WHOLE | Kind.NUMBER:
            return _number(place)
    return {}


def _section(place: Place) -> dict[str, Any]:
    fields = place.fields()
    return {
        "type": "object",
        "properties": {name: _schema(inner) for name, inner in fields.items()},
        "required": [name for name, inner in fields.items() if inner.required],
        "additionalProperties": False,
    }


def _map(place: Place) -> dict[str, Any]:
    assert place.item is not None
    body: dict[str, Any] = {"type": "object", "additionalProperties": _schema(place.item)}
    if place.own_keys:
        body["propertyNames"] = {"pattern": KEY_PATTERN}
    return {**body, **_lengths(place, "Properties")}


def _list(place: Place) -> dict[str, Any]:
    assert place.item is not None
    item = _schema(place.item)
    if place.item.kind is Kind.LIST:  # levels of deployments: a name alone is a level of one
        item = {"anyOf": [{"type": "string"}, item]}
    return {"type": "array", "items": item, **_lengths(place, "Items")}


def _lengths(place: Place, what: str) -> dict[str, Any]:
    bounds = {f"min{what}": place.min_length, f"max{what}": place.max_length}
    return {key: value for key, value in bounds.items() if value is not None}


def _number(place: Place) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "integer" if place.kind is Kind.WHOLE else "number"}
    if place.low is not None:
        body["exclusiveMinimum" if place.low_open else "minimum"] = place.low
    if place.high is not None:
        body["exclusiveMaximum" if place.high_open else "maximum"] = place.high
    others = [_schema(form) for tag, form in place.forms.items() if tag != "number"]
    if place.choices:
        others.append({"enum": list(place.choices)})
    return {"anyOf": [body, *others]} if others else body


def _law() -> dict[str, Any]:
    number = {"type": "number", "minimum": 0, "maximum": MAX_VALUE}
    part = {
        "type": "object",
        "properties": {"weight": {"type": "number", "exclusiveMinimum": 0}, "law": {"$ref": "#/$defs/law"}},
        "required": ["weight", "law"],
        "additionalProperties": False,
    }
    empirical = {"anyOf": [{"type": "string"}, {"type": "array", "items": number, "minItems": 1}]}
    return {
        "description": f"LAW: {LAW_TEXT}",
        "anyOf": [
            number,
            _form(fixed=number),
            _form(exponential_mean=number),
            _form(p50=number, p95=number),
            _form(("mean", "cv"), mean=number, cv=number, kind={"enum": ["lognormal", "gamma"]}),
            _form(mixture={"type": "array", "items": part, "minItems": 1}),
            _form(empirical=empirical),
        ],
    }


def _form(required: tuple[str, ...] | None = None, /, **properties: Any) -> dict[str, Any]:
    names = list(required or properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
