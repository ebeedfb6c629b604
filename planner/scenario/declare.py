"""How a field is declared: type, unit, default, bounds and one line of description, once.

Everything that speaks about fields (validation, JSON Schema, widgets, error texts, the field
reference) reads these declarations. A field that the engines do not simulate yet is declared too,
and anything but its neutral value is refused with "not supported yet".
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError


class FrozenMap(Mapping[str, Any]):
    """An immutable, hashable mapping that keeps its order and survives pickling."""

    __slots__ = ("_items",)
    _items: dict[str, Any]

    def __init__(self, items: Mapping[str, Any] = {}) -> None:  # copied, never written
        object.__setattr__(self, "_items", dict(items))

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))  # equality of mappings knows no order either

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a FrozenMap cannot be changed")

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return FrozenMap, (self._items,)

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"


NOTHING = FrozenMap()


class Fields(BaseModel):
    """Base of every section: frozen, strict about types, no unknown keys."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=False,
        protected_namespaces=(),
    )


def field(
    description: str,
    default: Any = ...,
    *,
    unit: str = "",
    alias: str | None = None,
    slider: tuple[float, float] | None = None,
    **bounds: Any,
) -> Any:
    """Declare a field; `...` as default means that it must be given.

    `unit` is the word shown behind values, `slider` the range a widget offers (bounds still rule).
    """
    extra: dict[str, Any] = {"unit": unit}
    if slider is not None:
        extra["slider"] = list(slider)
    return Field(default, description=description, alias=alias, json_schema_extra=extra, **bounds)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _as_map(value: Any) -> Any:
    return FrozenMap(value) if isinstance(value, dict) else value


def _dump_map(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _dump(inner) for key, inner in value.items()}


def _dump(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return value


AsTuple = BeforeValidator(_as_tuple)
AsMap = AfterValidator(_as_map)
DumpMap = PlainSerializer(_dump_map, return_type=dict)

KEY_PATTERN = r"^[a-z0-9][a-z0-9-]*$"
Key = Annotated[str, Field(pattern=KEY_PATTERN)]


def not_supported(what: str) -> PydanticCustomError:
    """The refusal of something that is declared in the language but not simulated yet."""
    return PydanticCustomError("not_supported", "not supported yet: {what}", {"what": what})


def later(what: str, neutral: Any = None) -> BeforeValidator:
    """Marks a field that is declared but not simulated: only its neutral value passes."""

    def check(value: Any) -> Any:
        given = _as_tuple(value)
        if given != neutral or isinstance(given, bool) != isinstance(neutral, bool):
            raise not_supported(what)
        return given

    return _marked(check, later=what)


def later_choices(what: str, *choices: str) -> BeforeValidator:
    """Marks choices of a simulated field that are declared but not simulated: they are refused by name."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value in choices:
            raise not_supported(f"{what} {value}")
        return value

    return _marked(check, later_choices=choices)


def _marked(check: Callable[[Any], Any], **marks: Any) -> BeforeValidator:
    """A validator whose marks `planner.scenario.declared` reads back for the field reference."""
    for name, value in marks.items():
        setattr(check, name, value)
    return BeforeValidator(check)


def bounded(check: Callable[[Any], Any], low: float, high: float) -> BeforeValidator:
    """A validator that checks bounds by hand, with the bounds for whoever speaks about them."""
    return _marked(check, bounds=(low, high))


def shown(value: Any, limit: int = 60) -> str:
    """A plain value as the user would write it in YAML, cut to `limit` characters.

    >>> shown({"p50": None, "p95": [True, "x"]})
    "{p50: null, p95: [true, 'x']}"
    """
    text = _flow(value, limit)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _flow(value: Any, limit: int) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"'{value[:limit]}'"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{key}: {_flow(inner, limit)}" for key, inner in islice(value.items(), limit))
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(inner, limit) for inner in islice(value, limit)) + "]"
    return str(value)
