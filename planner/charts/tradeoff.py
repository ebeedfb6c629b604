"""Cost against latency and against answer quality, with what cannot be beaten drawn as a front.

Come in: tidy points of strategies and, if they were computed, of their routers at other omni shares and of an oracle; go
out: two panels. Which points are on a front is looked up.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from planner.charts import theme, vega
from planner.charts.cost import OBJECTIVES, names_of, unknown

PANEL_PX, POINT_PX = 360, 280  # a panel; the page may stretch its width
NARROW_PX = 280.0  # of a phone: names that are clear of each other there are so on wider screens
SHARE, ORACLE = "omni share", "oracle"  # kinds of points beside the strategies themselves
ORACLE_WORDS, ORACLES_WORDS = "oracle router (not buildable)", "oracle routers (not buildable)"
STAR = "M0,-1L0.23,-0.31L0.95,-0.31L0.36,0.12L0.59,0.81L0,0.38L-0.59,0.81L-0.36,0.12L-0.95,-0.31L-0.23,-0.31Z"


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """What a panel shows upwards: the column, those of its ends and its front, and how it is written."""

    name: str
    low: str
    high: str
    front: str
    title: str
    form: str
    is_share: bool


LATENCY = _Measure(
    name="p95_latency_s", low="p95_low", high="p95_high", front="on_latency_front",
    title="p95 latency (s)", form=",.3~r", is_share=False,
)  # fmt: skip
QUALITY = _Measure(
    name="accuracy", low="accuracy_low", high="accuracy_high", front="on_quality_front",
    title="Right answers (% of rated)", form=".1%", is_share=True,
)  # fmt: skip
_NUMBERS = ("cost_per_1k_usd", "low", "high", *(
    column for one in (LATENCY, QUALITY) for column in (one.name, one.low, one.high)
))  # fmt: skip


def tradeoff_chart(
    points: pd.DataFrame,
    strategies: Sequence[str] | None = None,
    objective: str | None = None,
    frontier: pd.DataFrame | None = None,
) -> vega.View:
    """Cost against p95 latency, and cost against answer quality, side by side.

    Parameters
    ----------
    points : DataFrame [strategy, cost_per_1k_usd, low, high, p95_latency_s, accuracy, meets]
        One row per strategy; `low` and `high` are the interval of the cost, `p95_low`, `p95_high`, `accuracy_low` and
        `accuracy_high`, where there are such columns, those of the others. A strategy without a figure for an axis is left
        out of that panel and named in its title.
    strategies : sequence of names, optional
        Their order decides colours and shapes.
    objective : invoiced or economic, optional
        What the cost contains, for the axis title.
    frontier : DataFrame [strategy, kind, omni_share, cost_per_1k_usd, p95_latency_s, accuracy, ..., on_latency_front,
    on_quality_front], optional
        As `planner.experiments.frontier` gives it: the front is a grey step through the rows that are on it; rows of kind
        "omni share" are joined by a thin line in the strategy's colour; rows of kind "oracle" are outlined stars.

    Returns
    -------
    vega.View
        `planner.charts.panels` takes it apart for narrow screens.
    """
    names = names_of(points, strategies)
    numbers = _numbers(points)
    numbers["verdict"] = numbers["meets"].map({True: "meets every target", False: "misses a target"})
    more = None if frontier is None else _numbers(frontier)
    # Two lines: one is too long for a phone.
    title = ["Cost per 1,000 requests" + ("," if objective else " (USD)")]
    title += [f"{OBJECTIVES[objective]} (USD)"] if objective else []
    panels = [_panel(numbers, more, names, measure, title) for measure in (LATENCY, QUALITY)]
    text = "; ".join(_point_words(row) for row in numbers.to_dict("records"))
    oracles = [] if more is None else more[more["kind"] == ORACLE].to_dict("records")
    known = "".join(f"; {_oracle_words(row)}" for row in oracles)
    return theme.configure(
        vega.hconcat(
            *panels,
            description=f"Cost per 1,000 requests against p95 latency and against quality: {text}{known}.",
        )
    )


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its figures as floats; columns of ends that are not there are unknown."""
    found = table.copy()
    for name in _NUMBERS:
        given: list[Any] = found[name].tolist() if name in found else [None] * len(found)
        found[name] = [float("nan") if unknown(value) else float(value) for value in given]
    return found


def _panel(
    points: pd.DataFrame,
    frontier: pd.DataFrame | None,
    names: Sequence[str],
    measure: _Measure,
    cost_title: list[str],
) -> vega.View:
    known = points.dropna(subset=["cost_per_1k_usd", measure.name])
    beside = points[:0] if frontier is None else frontier.dropna(subset=["cost_per_1k_usd", measure.name])
    missing = [name for name in names if name not in set(known["strategy"])]
    heading = (
        measure.title.split(" (")[0]
        + " against cost"
        + (f" (unknown for {', '.join(missing)})" if missing else "")
    )
    both = [known, beside]
    across = _window(
        value
        for one in both
        for column in ("cost_per_1k_usd", "low", "high")
        for value in one[column].dropna()
    )
    up = _window(
        (value for one in both for column in (measure.name, measure.low, measure.high) for value in one[column].dropna()),
        at_least=0.02 if measure.is_share else 0.0,
        highest=1.0 if measure.is_share else None,
    )  # fmt: skip
    x = (
        vega.X("cost_per_1k_usd:Q")
        .title(cost_title)
        .scale(domain=across, nice=False, zero=False)
        .axis(labelExpr=theme.USD_AXIS, tickCount=5)
    )
    y = vega.Y(f"{measure.name}:Q").title(measure.title).scale(domain=up, nice=False, zero=False)
    y = y.axis(format=".4~p" if measure.is_share else ".3~r", tickCount=5)
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(None)
    columns = ["strategy", "cost_per_1k_usd", "low", "high", measure.name, measure.low, measure.high]
    base = vega.chart(known[[*columns, "meets", "verdict"]])
    tips = [
        vega.Tooltip("strategy:N", title="Strategy"),
        vega.Tooltip("cost_per_1k_usd:Q", title="USD per 1,000", format=",.4~r"),
        vega.Tooltip("low:Q", title="from", format=",.4~r"),
        vega.Tooltip("high:Q", title="to", format=",.4~r"),
        vega.Tooltip(f"{measure.name}:Q", title=measure.title, format=measure.form),
        vega.Tooltip(f"{measure.low}:Q", title="from", format=measure.form),
        vega.Tooltip(f"{measure.high}:Q", title="to", format=measure.form),
    ]
    marks = base.mark_point(size=160, strokeWidth=2.5, opacity=1).encode(
        x, y, colour,
        vega.Shape("strategy:N").scale(theme.shape_scale(names)).legend(None),
        fill=vega.condition("datum.meets", vega.Fill("strategy:N").scale(theme.strategy_scale(names)).legend(None), vega.value("transparent")),
        tooltip=[*tips, vega.Tooltip("verdict:N", title="SLO")],
    )  # fmt: skip
    oracles = beside[beside["kind"] == ORACLE] if len(beside) else beside
    layers = [
        *_front(beside, measure, x, y),
        *_curves(beside, measure, x, y, colour),
        *_intervals(base, measure, x, y, colour),
        marks,
        *_stars(oracles[columns] if len(oracles) else oracles, measure, x, y, colour, tips),
        *_point_names(_labelled(known, oracles), pd.concat(both), measure, across, up, x, y),
    ]
    subtitle = ["filled: meets every target; hollow: misses one"]
    if len(beside):
        subtitle.append("grey step: not beaten on both")
    if len(beside) and (beside["kind"] == SHARE).any():
        subtitle.append("thin line: a router at omni shares 0 to 100 %")
    told = [_point_words(row) for row in known.to_dict("records")]
    told += [_oracle_words(row) for row in oracles.to_dict("records")]
    if measure.front in beside:
        front = beside[beside[measure.front].astype(bool)]
        told.append("not beaten on both: " + ", ".join(_front_words(row) for row in front.to_dict("records")))
    return vega.layer(*layers).properties(
        width=PANEL_PX, height=POINT_PX, title={"text": heading, "subtitle": subtitle},
        description=f"{heading}: " + "; ".join(told) + ".",
    )  # fmt: skip


def _front(beside: pd.DataFrame, measure: _Measure, x: vega.Channel, y: vega.Channel) -> list[vega.View]:
    if measure.front not in beside:
        return []
    on = beside[beside[measure.front].astype(bool)].sort_values("cost_per_1k_usd", kind="stable")
    if len(on) < 2:
        return []
    return [
        vega.chart(on[["cost_per_1k_usd", measure.name]])
        .mark_line(interpolate="step-after", color=theme.NEUTRAL, strokeWidth=1.5, opacity=0.6)
        .encode(x, y)
    ]


def _curves(
    beside: pd.DataFrame, measure: _Measure, x: vega.Channel, y: vega.Channel, colour: vega.Channel
) -> list[vega.View]:
    """What each router gives at other omni shares, joined in the order of the shares."""
    if not len(beside) or not (beside["kind"] == SHARE).any():
        return []
    rows = beside[beside["kind"] == SHARE]
    base = vega.chart(rows[["strategy", "wanted_share", "omni_share", "cost_per_1k_usd", measure.name]])
    tips = [
        vega.Tooltip("strategy:N", title="Router of"),
        vega.Tooltip("wanted_share:Q", title="Omni share, wanted", format=".0%"),
        vega.Tooltip("omni_share:Q", title="sent to omni", format=".1%"),
        vega.Tooltip("cost_per_1k_usd:Q", title="USD per 1,000", format=",.4~r"),
        vega.Tooltip(f"{measure.name}:Q", title=measure.title, format=measure.form),
    ]
    line = base.mark_line(strokeWidth=1.2, opacity=0.8).encode(x, y, colour, vega.Order("wanted_share:Q"))
    return [line, base.mark_point(size=14, filled=True, opacity=0.8).encode(x, y, colour, tooltip=tips)]


def _intervals(
    base: vega.View, measure: _Measure, x: vega.Channel, y: vega.Channel, colour: vega.Channel
) -> list[vega.View]:
    across = base.transform_filter("isValid(datum.low) && isValid(datum.high)").mark_rule(strokeWidth=2)
    up = base.transform_filter(f"isValid(datum.{measure.low}) && isValid(datum.{measure.high})").mark_rule(
        strokeWidth=2
    )
    return [
        across.encode(vega.X("low:Q"), vega.X2("high:Q"), y, colour),
        up.encode(x, vega.Y(f"{measure.low}:Q"), vega.Y2(f"{measure.high}:Q"), colour),
    ]


def _stars(
    oracles: pd.DataFrame,
    measure: _Measure,
    x: vega.Channel,
    y: vega.Channel,
    colour: vega.Channel,
    tips: Sequence[vega.Channel],
) -> list[vega.View]:
    if not len(oracles):
        return []
    base = vega.chart(oracles.assign(router=ORACLE_WORDS))
    star = base.mark_point(shape=STAR, size=170, filled=False, strokeWidth=2, opacity=1)
    found = _intervals(base, measure, x, y, colour)
    return [*found, star.encode(x, y, colour, tooltip=[*tips, vega.Tooltip("router:N", title="Router")])]


def _labelled(known: pd.DataFrame, oracles: pd.DataFrame) -> pd.DataFrame:
    """Strategies under their names, and the cheapest oracle for all: the others stand close by in their colours."""
    rows = known.assign(label=known["strategy"])
    if not len(oracles):
        return rows
    first = oracles.sort_values("cost_per_1k_usd", kind="stable").head(1)
    label = ORACLE_WORDS if len(oracles) == 1 else ORACLES_WORDS
    return pd.concat([rows, first.assign(label=label)], ignore_index=True)


def _window(values: Iterable[float], at_least: float = 0.0, highest: float | None = None) -> list[float]:
    """The part of an axis that shows differences between points: their range and room for names around it."""
    known = [float(value) for value in values]
    if not known:
        return [0.0, 1.0]
    low, high = min(known), max(known)
    margin = max((high - low) * 0.35, abs(high) * 0.08, at_least, 1e-9)
    return [max(0.0, low - margin), high + margin if highest is None else min(highest, high + margin)]


LETTER_PX, LINE_OF_TEXT_PX, POINT_RADIUS_PX = 6.8, 15, 9
# Where a name may stand: shift of its anchor in pixels, and how it is aligned there.
_PLACES: tuple[tuple[float, float, str], ...] = (
    (0, -17, "center"),
    (0, 18, "center"),
    (13, 0, "left"),
    (-13, 0, "right"),
    (0, -33, "center"),
    (0, 34, "center"),
    (13, -16, "left"),
    (13, 16, "left"),
    (-13, -16, "right"),
    (-13, 16, "right"),
    (0, -50, "center"),
    (0, 51, "center"),
    (13, -48, "left"),
    (13, 48, "left"),
    (-13, -48, "right"),
    (-13, 48, "right"),
    (0, -100, "left"),
    (0, 100, "left"),
)
Box = tuple[float, float, float, float]  # left, top, right, bottom


def _point_names(
    rows: pd.DataFrame,
    lines: pd.DataFrame,
    measure: _Measure,
    across: Sequence[float],
    up: Sequence[float],
    x: vega.Channel,
    y: vega.Channel,
) -> list[vega.View]:
    """Names beside points, each at the place that covers least and is near: no point, no name, and if it can be no line.

    `rows` are to be named, `lines` are points whose intervals or curves are better left free.
    """

    def place(cost: float, value: float) -> tuple[float, float]:
        return (
            NARROW_PX * (cost - across[0]) / (across[1] - across[0]),
            POINT_PX * (1 - (value - up[0]) / (up[1] - up[0])),
        )

    named = rows[["strategy", "label", "cost_per_1k_usd", measure.name]].to_dict("records")
    spots = [place(row["cost_per_1k_usd"], row[measure.name]) for row in named]
    taken: list[Box] = [
        (h - POINT_RADIUS_PX, v - POINT_RADIUS_PX, h + POINT_RADIUS_PX, v + POINT_RADIUS_PX) for h, v in spots
    ]
    thin = [box for row in lines.to_dict("records") for box in _thin_boxes(row, measure, place)]
    look: dict[str, Any] = {"fontSize": 12, "fontWeight": "bold", "color": theme.NEUTRAL}
    layers = []
    # Long names first: short ones find room beside them.
    for row, spot in sorted(zip(named, spots, strict=True), key=lambda pair: -len(str(pair[0]["label"]))):
        boxes = [(_name_box(str(row["label"]), spot, at), at) for at in _PLACES]
        box, (dx, dy, align) = min(boxes, key=lambda pair: _covers(pair[0], taken, thin) + abs(pair[1][1]))
        taken.append(box)
        chart = vega.chart(pd.DataFrame([row])).mark_text(dx=dx, dy=dy, align=align, **look)
        layers.append(chart.encode(x, y, text="label:N"))
    return layers


def _thin_boxes(
    row: dict[Any, Any], measure: _Measure, place: Callable[[float, float], tuple[float, float]]
) -> list[Box]:
    """What is drawn of a point beside its mark: a dot of a curve and its intervals."""
    cost, value = row["cost_per_1k_usd"], row[measure.name]
    h, v = place(cost, value)
    found = [(h - 2, v - 2, h + 2, v + 2)]
    if not unknown(row["low"]) and not unknown(row["high"]) and row.get("kind") != SHARE:
        found.append((place(row["low"], value)[0], v - 1, place(row["high"], value)[0], v + 1))
    if not unknown(row[measure.low]) and not unknown(row[measure.high]) and row.get("kind") != SHARE:
        found.append((h - 1, place(cost, row[measure.high])[1], h + 1, place(cost, row[measure.low])[1]))
    return found


def _name_box(name: str, spot: tuple[float, float], place: tuple[float, float, str]) -> Box:
    wide, (dx, dy, align) = LETTER_PX * len(name), place
    left = spot[0] + dx - {"left": 0.0, "center": wide / 2, "right": wide}[align]
    top = spot[1] + dy - LINE_OF_TEXT_PX / 2
    return left, top, left + wide, top + LINE_OF_TEXT_PX


def _covers(box: Box, taken: Sequence[Box], thin: Sequence[Box]) -> float:
    """How bad a place is: pixels outside the panel most, then those over points and names, then those over lines."""
    left, top, right, bottom = box
    inside = _shared(box, (0.0, 0.0, NARROW_PX, POINT_PX))
    outside = (right - left) * (bottom - top) - inside
    return (
        outside * 20
        + sum(_shared(box, other) for other in taken) * 10
        + sum(_shared(box, other) for other in thin)
    )


def _shared(one: Box, other: Box) -> float:
    """Area in which two boxes overlap."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _point_words(row: dict[Any, Any]) -> str:
    cost = "unknown" if unknown(row["cost_per_1k_usd"]) else theme.usd_words(row["cost_per_1k_usd"])
    latency = "unknown" if unknown(row["p95_latency_s"]) else theme.seconds_words(row["p95_latency_s"])
    quality = "unknown" if unknown(row["accuracy"]) else f"{row['accuracy']:.1%} right"
    return f"{row['strategy']} costs {cost}, p95 latency {latency}, quality {quality}, {row['verdict']}"


def _oracle_words(row: dict[Any, Any]) -> str:
    cost = theme.usd_words(row["cost_per_1k_usd"])
    latency = "unknown" if unknown(row["p95_latency_s"]) else theme.seconds_words(row["p95_latency_s"])
    quality = "unknown" if unknown(row["accuracy"]) else f"{row['accuracy']:.1%} right"
    return (
        f"an oracle in place of the router of {row['strategy']}, which cannot be built, costs {cost}, p95 latency {latency}, "
        f"quality {quality}"
    )


def _front_words(row: dict[Any, Any]) -> str:
    share = row.get("wanted_share")
    return row["strategy"] if row["kind"] != SHARE else f"{row['strategy']} at {share:.0%} omni"


__all__ = ["tradeoff_chart"]
