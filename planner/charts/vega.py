"""Vega-Lite written directly: the words of Altair that our charts use, as plain mappings.

Come in: tables, marks and encodings; goes out: a `View`, a whole Vega-Lite specification with its tables. Altair's own
objects check and copy every part of a chart each time it is touched: measured, the four charts of a comparison take 550 ms
with them and 20 ms with these, and they are made anew at each move of a slider. What is checked there at run time is
checked here by a test: every chart is read back by Altair, which validates it against the schema. `View.altair()` gives
Altair's object, for those who want to go on with a chart.
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, partialmethod
from typing import Any, Self, TypeAlias

import pandas as pd

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.4.1.json"
TYPES = {"Q": "quantitative", "N": "nominal", "O": "ordinal", "T": "temporal"}
Spec = dict[str, Any]
#: A table: a DataFrame, or its columns by name. What a chart sums up and looks up of a few dozen rows takes pandas many times
#: as long as it takes lists.
Columns: TypeAlias = pd.DataFrame | Mapping[str, Sequence[Any]]
_EPOCH, _MS = datetime.datetime(1970, 1, 1), datetime.timedelta(milliseconds=1)


def column(table: Columns, name: str) -> list[Any]:
    """The values of a column.

    >>> column({"a": (1, 2)}, "a"), column(pd.DataFrame({"a": [1, 2]}), "a")
    ([1, 2], [1, 2])
    """
    values = table[name]
    return list(values.tolist() if isinstance(values, pd.Series) else values)


class _Table:
    """A table of a chart; parts that share it send it once."""

    def __init__(self, given: Columns) -> None:
        self.given = given

    @property
    def key(self) -> int:
        """The same for all parts that were given the same table."""
        return id(self.given)

    @cached_property
    def frame(self) -> pd.DataFrame:
        return self.given if isinstance(self.given, pd.DataFrame) else pd.DataFrame(dict(self.given))

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """Columns of plain values: unknown numbers are None, moments milliseconds since 1970 UTC."""
        if isinstance(self.given, pd.DataFrame):
            return {str(name): _plain(values) for name, values in self.given.items()}
        return {name: _plain_values(values) for name, values in self.given.items()}

    @property
    def records(self) -> list[Spec]:
        """The same by rows."""
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]


def _plain(values: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(values):
        # Milliseconds since 1970 UTC: a text without a zone would be read in that of whoever looks at the page.
        return [None if pd.isna(at) else int(at.timestamp() * 1000) for at in values]
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_integer_dtype(values):
        return list(values.tolist())
    if pd.api.types.is_float_dtype(values):
        return [value if value - value == 0 else None for value in values.tolist()]
    return _plain_values(values.tolist())


def _plain_values(values: Sequence[Any]) -> list[Any]:
    return [value if isinstance(value, str | bool | int) else _plain_one(value) for value in values]


def _plain_one(value: Any) -> Any:
    """A number of any kind as a float, what is unknown as None, a moment in ms, anything else as it is written."""
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, datetime.datetime):
        return (value - _EPOCH) // _MS
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if number - number == 0 else None


class Channel:
    """What a visual property shows: a field, a constant (`datum` in the data's units, `value` in the screen's)."""

    name = ""

    def __init__(self, shorthand: str | None = None, **more: Any) -> None:
        self.spec: Spec = {**(field(shorthand) if shorthand is not None else {}), **more}

    def _with(self, key: str, given: Any, more: Mapping[str, Any]) -> Self:
        found = type(self)()
        found.spec = {**self.spec, key: dict(more) if more else given}
        return found

    def title(self, text: str | list[str] | None) -> Self:
        return self._with("title", text, {})

    def scale(self, given: Spec | None = None, **more: Any) -> Self:
        return self._with("scale", given, more)

    def axis(self, given: Spec | None = None, **more: Any) -> Self:
        return self._with("axis", given, more)

    def legend(self, given: Spec | None = None, **more: Any) -> Self:
        return self._with("legend", given, more)


class X(Channel):
    name = "x"


class Y(Channel):
    name = "y"


class _Second(Channel):
    """The other end of a bar, a rule or a band: it has the type and the scale of the first."""

    def __init__(self, shorthand: str | None = None, **more: Any) -> None:
        super().__init__(shorthand, **more)
        self.spec.pop("type", None)


class X2(_Second):
    name = "x2"


class Y2(_Second):
    name = "y2"


class Color(Channel):
    name = "color"


class Fill(Channel):
    name = "fill"


class Opacity(Channel):
    name = "opacity"


class Shape(Channel):
    name = "shape"


class Size(Channel):
    name = "size"


class StrokeDash(Channel):
    name = "strokeDash"


class Order(Channel):
    name = "order"


class Detail(Channel):
    name = "detail"


class Tooltip(Channel):
    name = "tooltip"


def field(shorthand: str) -> Spec:
    """A field with its type from `NAME:T`.

    >>> field("latency_s:Q")
    {'field': 'latency_s', 'type': 'quantitative'}
    """
    name, _, letter = shorthand.rpartition(":")
    return {"field": name, "type": TYPES[letter]}


def value(constant: Any) -> Spec:
    """A constant in the screen's units."""
    return {"value": constant}


def condition(test: str | Spec, then: "Channel | Spec", otherwise: Spec) -> Spec:
    """One encoding where a test holds, another elsewhere; `test` is an expression, or {param, empty} of a selection."""
    chosen = {"test": test} if isinstance(test, str) else test
    return {"condition": {**chosen, **_encoding(then)}, **otherwise}


def scale(**more: Any) -> Spec:
    """A scale for several channels."""
    return more


def step(pixels: float) -> Spec:
    """Height of each row of a chart whose number of rows varies."""
    return {"step": pixels}


def words(text: str) -> str:
    """A text as it stands in an expression."""
    return json.dumps(text)


def _encoding(given: Any) -> Any:
    if isinstance(given, Channel):
        return given.spec
    if isinstance(given, str):
        return field(given)
    return [one.spec for one in given] if isinstance(given, list) else given


class View:
    """A chart, or a part of one; every method gives a new one."""

    def __init__(self, body: Spec) -> None:
        self.body = body

    def _with(self, **more: Any) -> "View":
        return View({**self.body, **more})

    def mark(self, kind: str, **look: Any) -> "View":
        return self._with(mark={"type": kind, **look})

    mark_area = partialmethod(mark, "area")
    mark_bar = partialmethod(mark, "bar")
    mark_line = partialmethod(mark, "line")
    mark_point = partialmethod(mark, "point")
    mark_rect = partialmethod(mark, "rect")
    mark_rule = partialmethod(mark, "rule")
    mark_text = partialmethod(mark, "text")
    mark_tick = partialmethod(mark, "tick")

    def encode(self, *channels: Channel, **named: Any) -> "View":
        found = {channel.name: channel.spec for channel in channels}
        found |= {name: _encoding(given) for name, given in named.items()}
        return self._with(encoding={**self.body.get("encoding", {}), **found})

    def transform_filter(self, expression: str) -> "View":
        return self._with(transform=[*self.body.get("transform", []), {"filter": expression}])

    def properties(self, **more: Any) -> "View":
        """Width, height, title, description and the like."""
        return self._with(**more)

    @property
    def parts(self) -> "list[View] | None":
        """The charts that stand side by side in it; None for a single one."""
        return self.body.get("hconcat")

    def to_dict(self, *, by_columns: bool = False, **_: Any) -> Spec:
        """The specification with its tables under `datasets`, every value plain.

        A table is a list of rows, as Vega-Lite wants it, or `by_columns` a mapping from names to values, for a sender that
        packs columns.
        """
        names: dict[int, str] = {}
        datasets: dict[str, Any] = {}

        def plain(given: Any) -> Any:
            if isinstance(given, View):
                return plain(given.body)
            if isinstance(given, dict):
                return {key: plain(inner) for key, inner in given.items()}
            if isinstance(given, list | tuple):
                return [plain(inner) for inner in given]
            if isinstance(given, _Table):
                key = given.key
                if key not in names:
                    names[key] = f"table-{len(names)}"
                    datasets[names[key]] = given.columns if by_columns else given.records
                return {"name": names[key]}
            return given

        return {"$schema": SCHEMA, **plain(self.body), "datasets": datasets}

    def to_json(self, **_: Any) -> str:
        """The specification as JSON."""
        return json.dumps(self.to_dict())

    @property
    def tables(self) -> list[pd.DataFrame]:
        """The tables that are drawn, in the order of the layers."""
        found: dict[int, pd.DataFrame] = {}

        def look(given: Any) -> None:
            if isinstance(given, View):
                look(given.body)
            elif isinstance(given, dict):
                for inner in given.values():
                    look(inner)
            elif isinstance(given, list | tuple):
                for inner in given:
                    look(inner)
            elif isinstance(given, _Table):
                found[given.key] = given.frame

        look(self.body)
        return list(found.values())

    def altair(self) -> Any:
        """The same as an object of Altair, validated against the schema."""
        import altair

        return altair.Chart.from_dict(self.to_dict())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """How a notebook shows it."""
        return self.altair()._repr_mimebundle_(include, exclude)


def chart(table: Columns) -> View:
    """A chart of a table, to be given a mark and encodings."""
    return View({"data": _Table(table)})


def layer(*views: View) -> View:
    """Charts over each other, the first lowest."""
    return View({"layer": list(views)})


def hconcat(*views: View, **more: Any) -> View:
    """Charts side by side."""
    return View({"hconcat": list(views), **more})


def vconcat(*views: View, **more: Any) -> View:
    """Charts over one another, the first on top."""
    return View({"vconcat": list(views), **more})


__all__: Sequence[str] = [
    "Channel",
    "Columns",
    "View",
    "chart",
    "column",
    "condition",
    "hconcat",
    "layer",
    "vconcat",
]
