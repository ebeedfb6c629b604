"""Who wins where: the map of two numbers, and cost against volume with its crossings.

Come in: tidy rows; go out: one chart each. Colour is the strategy's own; ties are lighter, cells in which none passes
every gate are hatched, those in which a cheaper strategy failed one carry a mark, and today's point is ringed.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import pandas as pd

from planner.charts import theme, vega

MAP_PX, LINES_PX = 340, 300
TIE_OPACITY = 0.45
NOBODY = "none passes every gate"
NOBODY_COLOUR = "#d0d0d0"
HATCH, FAILED_MARK = "╱╱", "•"


class AxisLike(Protocol):
    """What a chart needs of an axis."""

    @property
    def path(self) -> str: ...
    @property
    def values(self) -> Sequence[float]: ...
    @property
    def is_log(self) -> bool: ...
    @property
    def unit(self) -> str: ...
    @property
    def today(self) -> float: ...


def decision_chart(
    rows: pd.DataFrame, strategies: Sequence[str], x: AxisLike, y: AxisLike, today: str = ""
) -> Any:
    """The map of winners.

    Parameters
    ----------
    rows : DataFrame [x, y, winner, tie, tied_with, gates_failed, cheaper_failed]
        A row a cell; `winner` is None where none passes every gate.
    strategies : sequence of names
        All strategies in the scenario's order, which decides the colours.
    x, y : axes
        Path, values, scale, unit and today's value.
    today : str
        What is said of today's point.

    Returns
    -------
    vega.View
    """
    cells = rows.merge(_edges(x, "x"), on="x").merge(_edges(y, "y"), on="y")
    cells["who"] = cells["winner"].where(cells["winner"].notna(), NOBODY)
    cells["opacity"] = cells["tie"].map({True: TIE_OPACITY, False: 1.0})
    names = list(strategies)
    shown = [name for name in [*names, NOBODY] if (cells["who"] == name).any()]
    colours = [NOBODY_COLOUR if name == NOBODY else theme.strategy_colour(name, names) for name in shown]
    across, up = (vega.X("x_from:Q"), vega.Y("y_from:Q"))
    across = across.title(_title(x)).scale(_scale(x, cells, "x")).axis(grid=False, labelExpr=_labels(x))
    up = up.title(_title(y)).scale(_scale(y, cells, "y")).axis(grid=False, labelExpr=_labels(y))
    tips = [
        vega.Tooltip("x:Q", title=x.path, format=",.6~g"),
        vega.Tooltip("y:Q", title=y.path, format=",.6~g"),
        vega.Tooltip("who:N", title="Winner"),
        vega.Tooltip("tied_with:N", title="Tied with"),
        vega.Tooltip("gates_failed:N", title="Missed targets"),
    ]
    base = vega.chart(cells)
    area = base.mark_rect(stroke="#ffffff", strokeWidth=0.6).encode(
        across, up, vega.X2("x_to:Q"), vega.Y2("y_to:Q"),
        vega.Color("who:N").scale(vega.scale(domain=shown, range=colours)).legend({"title": None}),
        vega.Opacity("opacity:Q").scale(None).legend(None),
        tooltip=tips,
    )  # fmt: skip
    text = base.encode(vega.X("x_mid:Q"), vega.Y("y_mid:Q"), tooltip=tips)
    hatch = text.transform_filter(f"datum.who === {vega.words(NOBODY)}").mark_text(
        text=HATCH, fontSize=12, color=theme.NEUTRAL, clip=True
    )
    mark = text.transform_filter("datum.cheaper_failed !== ''").mark_text(
        text=FAILED_MARK, fontSize=14, color="#000000", clip=True
    )
    layers = [area, hatch, mark, *_today(x, y, today)]
    return theme.configure(
        vega.layer(*layers).properties(
            width="container", height=MAP_PX, description=_map_words(cells, shown, x, y, today)
        )
    )


def _today(x: AxisLike, y: AxisLike, words: str) -> list[Any]:
    inside = all(axis.values[0] <= axis.today <= axis.values[-1] for axis in (x, y))
    if not inside:
        return []
    point = pd.DataFrame([{"x_now": x.today, "y_now": y.today, "text": "today", "words": words or "today"}])
    base = vega.chart(point).encode(
        vega.X("x_now:Q"), vega.Y("y_now:Q"), tooltip=[vega.Tooltip("words:N", title="Today")]
    )
    return [
        base.mark_point(size=170, filled=False, strokeWidth=3, color="#ffffff", opacity=1),
        base.mark_point(size=170, filled=False, strokeWidth=1.5, color="#000000", opacity=1),
        base.mark_text(dy=-15, fontSize=12, fontWeight="bold", text="today", color="#000000"),
    ]


def _edges(axis: AxisLike, name: str) -> pd.DataFrame:
    """Each value with the ends of its cell, half-way to its neighbours on the axis' own scale."""
    values = list(axis.values)

    def half_way(a: float, b: float) -> float:
        return float((a * b) ** 0.5) if axis.is_log else (a + b) / 2

    inner = [half_way(a, b) for a, b in pairwise(values)]
    return pd.DataFrame(
        {
            name: values,
            f"{name}_from": [values[0], *inner],
            f"{name}_to": [*inner, values[-1]],
            f"{name}_mid": [
                half_way(a, b) for a, b in zip([values[0], *inner], [*inner, values[-1]], strict=True)
            ],
        }
    )


def _scale(axis: AxisLike, cells: pd.DataFrame, name: str) -> vega.Spec:
    domain = [float(cells[f"{name}_from"].min()), float(cells[f"{name}_to"].max())]
    return vega.scale(type="log" if axis.is_log else "linear", domain=domain, nice=False, zero=False)


def _labels(axis: AxisLike) -> str:
    return theme.USD_AXIS if axis.values[-1] >= 1000 else "format(datum.value, '~g')"


def _title(axis: AxisLike) -> str:
    return f"{axis.path} ({axis.unit})" if axis.unit else f"{axis.path} (number)"


def _map_words(cells: pd.DataFrame, shown: Sequence[str], x: AxisLike, y: AxisLike, today: str) -> str:
    counted = [f"{name} in {int((cells['who'] == name).sum())}" for name in shown]
    ties = int(cells["tie"].sum())
    now = f" Today: {today}." if today else ""
    return f"Winner of {len(cells)} cells by {x.path} and {y.path}: {', '.join(counted)}; {ties} of them ties.{now}"


def break_even_chart(
    lines: pd.DataFrame,
    crossings: pd.DataFrame,
    strategies: Sequence[str],
    *,
    unit: str = "requests a month",
    today: float | None = None,
) -> Any:
    """Cost of a month against volume, a line a strategy, with the volumes at which the cheaper one changes.

    Parameters
    ----------
    lines : DataFrame [strategy, volume, usd]
        Cost at the volumes drawn.
    crossings : DataFrame [volume, usd, before, after]
    unit : str
        Of the volume.
    today : float, optional
        Today's volume, marked.
    """
    names = list(strategies)
    shown = [name for name in names if (lines["strategy"] == name).any()]
    drawn = theme.thinned(
        lines.sort_values(["strategy", "volume"], kind="stable"), "strategy", theme.MAX_ROWS - 200
    )
    x = vega.X("volume:Q").title(f"Volume ({unit})").scale(nice=False).axis(labelExpr=theme.USD_AXIS)
    y = vega.Y("usd:Q").title("Cost of a mean month (USD)").axis(labelExpr=theme.USD_AXIS)
    key = {"title": None, "values": shown, "symbolSize": 300, "symbolStrokeWidth": 2.5}
    curve = vega.chart(drawn).mark_line(strokeWidth=2.2).encode(
        x, y,
        vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(key),
        vega.StrokeDash("strategy:N").scale(theme.dash_scale(names)).legend(key),
        tooltip=[
            vega.Tooltip("strategy:N", title="Strategy"),
            vega.Tooltip("volume:Q", title=f"Volume ({unit})", format=",.0f"),
            vega.Tooltip("usd:Q", title="Cost (USD)", format=theme.USD_TOOLTIP),
        ],
    )  # fmt: skip
    layers: list[Any] = [curve]
    if len(crossings):
        layers.append(
            vega.chart(crossings)
            .mark_point(size=110, filled=False, strokeWidth=2.2, color=theme.NEUTRAL, opacity=1)
            .encode(
                vega.X("volume:Q"),
                vega.Y("usd:Q"),
                tooltip=[
                    vega.Tooltip("before:N", title="Cheaper below"),
                    vega.Tooltip("after:N", title="Cheaper above"),
                    vega.Tooltip("volume:Q", title=f"Volume ({unit})", format=",.0f"),
                ],
            )
        )
    if today is not None:
        layers.append(
            vega.chart(pd.DataFrame([{"now": today}]))
            .mark_rule(color=theme.NEUTRAL, strokeDash=[3, 3])
            .encode(vega.X("now:Q"))
        )
    return theme.configure(
        vega.layer(*layers).properties(
            width="container", height=LINES_PX, description=_lines_words(crossings, shown, unit)
        )
    )


def _lines_words(crossings: pd.DataFrame, names: Sequence[str], unit: str) -> str:
    told = [
        f"{row['after']} is cheaper than {row['before']} above {row['volume']:,.0f} {unit}"
        for row in crossings.to_dict("records")
    ]
    return f"Cost against volume of {', '.join(names)}. {'; '.join(told) if told else 'No lines cross'}."


def map_rows(found: Any) -> pd.DataFrame:
    """The rows of `decision_chart` from a decision map's cells."""
    rows: list[Mapping[str, Any]] = [
        {
            "x": cell.x,
            "y": cell.y,
            "winner": cell.winner,
            "tie": cell.is_tie,
            "tied_with": ", ".join(cell.tied) or "nobody",
            "gates_failed": "; ".join(f"{name}: {', '.join(gates)}" for name, gates in cell.gates.items())
            or "none",
            "cheaper_failed": ", ".join(cell.cheaper_but_failed),
        }
        for cell in found.cells
    ]
    return pd.DataFrame(rows).astype({"winner": object})


__all__ = ["NOBODY", "break_even_chart", "decision_chart", "map_rows"]
