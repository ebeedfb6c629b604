"""How long answers take: the distribution of latency by strategy, with the SLO drawn in.

Comes in: quantile curves [strategy, share, latency_s]; goes out: one chart.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from planner.charts import theme, vega

TARGET = re.compile(r"p(\d+(?:_\d+)?)_latency_s")
HEIGHT_PX = 300
POINTS = 400  # of all curves together: closer than a pixel and a half on a wide screen


def latency_chart(
    curves: pd.DataFrame,
    targets: Mapping[str, float | None] | None = None,
    strategies: Sequence[str] | None = None,
    p95: Mapping[str, float | None] | None = None,
) -> Any:
    """Share of answers that are complete within x seconds, one line per strategy.

    Parameters
    ----------
    curves : DataFrame [strategy, share, latency_s]
        Quantile curves: `share` of the answers (0..1) take at most `latency_s` seconds. Where there are `low_s` and `high_s`,
        the ends of the interval of `latency_s`, they are shaded around the curve.
    targets : mapping, optional
        `pNN_latency_s`: seconds. Each is drawn as a cross at (seconds, NN %): a line that passes to the
        right of it misses the target. Other keys are not about latency and draw nothing.
    strategies : sequence of names, optional
        All strategies of the scenario in their order, which decides the colours; default: those in `curves`.
    p95 : mapping from strategy to seconds, optional
        Measured p95 latencies to write in the key; by default they are read off the curves.

    Returns
    -------
    vega.View
        At most 2,000 rows; the key in a corner that is free of curves names p95 of each strategy.
    """
    names = list(strategies) if strategies is not None else list(dict.fromkeys(curves["strategy"]))
    known = curves[curves["latency_s"].notna()].sort_values(["strategy", "share"], kind="stable")
    goals = _goals(targets)
    if p95 is None:
        p95 = {name: _at(known[known["strategy"] == name], 0.95) for name in names}
    low, high = _domain([*known["latency_s"], *goals.values()])
    # A logarithm needs a positive time; an answer of 0 s is drawn at the left edge.
    lines = theme.thinned(
        known.assign(latency_s=known["latency_s"].clip(lower=low)), "strategy", max(POINTS, 2 * len(names))
    )
    columns = ["strategy", "share", "latency_s"]
    is_banded = {"low_s", "high_s"} <= set(lines) and bool(lines["low_s"].notna().any())
    if is_banded:
        columns += ["low_s", "high_s"]
        lines = lines.assign(**{name: lines[name].clip(lower=low, upper=high) for name in columns[3:]})
    lines = lines[columns].assign(**{name: theme.significant(lines[name], 5) for name in columns[1:]})
    x = (
        vega.X("latency_s:Q")
        .title("Latency (s, logarithmic)")
        .scale(type="log", domain=[low, high], nice=False, clamp=True)
    )
    x = x.axis(values=_ticks(low, high), format="~r", grid=True)
    y = (
        vega.Y("share:Q")
        .title("Share of answers complete (%)")
        .scale(domain=[0, 1])
        .axis(format=".0%", values=_SHARES, labelOverlap=False)
    )
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(None)
    base = vega.chart(lines)
    curve = base.mark_line(strokeWidth=2.5, clip=True).encode(
        x, y, colour, vega.StrokeDash("strategy:N").scale(theme.dash_scale(names)).legend(None),
        tooltip=[
            vega.Tooltip("strategy:N", title="Strategy"),
            vega.Tooltip("share:Q", title="Share of answers", format=".1%"),
            vega.Tooltip("latency_s:Q", title="complete within (s)", format=",.3~r"),
        ],
    )  # fmt: skip
    # Both corners are free of a distribution function; the key takes the one that the target's line leaves alone.
    middle = math.sqrt(low * high)
    key_right = all(seconds <= middle for seconds in goals.values())
    crosses = _goal_layers(goals, x, y, middle, above_px=theme.KEY_ROW_PX * len(names) if key_right else 0)
    band = base.transform_filter("isValid(datum.low_s)").mark_area(
        opacity=0.16, orient="horizontal", clip=True
    )
    bands = [band.encode(vega.X("low_s:Q"), vega.X2("high_s:Q"), y, colour)] if is_banded else []
    layers = [*bands, curve, *crosses, *_key_layers(p95, names, x, y, (low, high), key_right)]
    return theme.configure(
        vega.layer(*layers).properties(
            width="container", height=HEIGHT_PX, description=_description(p95, goals, is_banded)
        )
    )


_SHARES = [0, 0.25, 0.5, 0.75, 0.95]


def _goals(targets: Mapping[str, float | None] | None) -> dict[float, float]:
    """Share: seconds, for the targets on latency that are set."""
    found = {}
    for name, seconds in (targets or {}).items():
        match = TARGET.fullmatch(name)
        if match and seconds is not None:
            found[float(match[1].replace("_", ".")) / 100] = float(seconds)
    return found


def _at(curve: pd.DataFrame, share: float) -> float | None:
    """The latency read off a curve at a share, by the straight line that the chart draws; None without a curve."""
    if curve.empty:
        return None
    above = curve[curve["share"] >= share]
    below = curve[curve["share"] <= share]
    if above.empty or below.empty:
        return None
    right, left = above.iloc[0], below.iloc[-1]
    if right["share"] <= left["share"]:
        return float(right["latency_s"])
    part = (share - left["share"]) / (right["share"] - left["share"])
    return float(left["latency_s"] + part * (right["latency_s"] - left["latency_s"]))


def _domain(values: Sequence[float]) -> tuple[float, float]:
    positive = [value for value in values if value > 0]
    if not positive:
        return 0.1, 10.0
    low, high = min(positive), max(positive)
    low = max(low, high / 1e4)  # four decades are enough to read; what is faster stands at the edge
    return low / 1.15, high * 1.15


def _ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... inside a domain; without the 2 and 5 where it spans more than three decades."""
    steps = (1, 2, 5) if high / low <= 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        round(step * 10.0**decade, 12)
        for decade in decades
        for step in steps
        if low <= step * 10.0**decade <= high
    ]


def _goal_layers(
    goals: Mapping[float, float], x: vega.X, y: vega.Y, middle: float, above_px: float
) -> list[Any]:
    """Crosses at the targets; their texts stand low, above the key if it is there, on the side that has room."""
    if not goals:
        return []
    rows = pd.DataFrame(
        [
            {
                "latency_s": seconds,
                "share": share,
                "text": f"SLO: {share * 100:g} % within {seconds:g} s",
                "row_px": HEIGHT_PX - above_px - theme.KEY_ROW_PX * (k + 1),
                "is_right": seconds > middle,
            }
            for k, (share, seconds) in enumerate(goals.items())
        ]
    )
    base = vega.chart(rows)
    dashed: Any = {"color": theme.NEUTRAL, "strokeDash": [4, 3], "strokeWidth": 1.5}
    words: Any = {"color": theme.NEUTRAL, "fontSize": 12, "fontWeight": "bold"}
    place = vega.Y("row_px:Q").scale(None)
    return [
        base.mark_rule(**dashed).encode(x),
        base.mark_rule(**dashed).encode(y),
        base.transform_filter("datum.is_right")
        .mark_text(align="right", dx=-6, **words)
        .encode(x, place, text="text:N"),
        base.transform_filter("!datum.is_right")
        .mark_text(align="left", dx=6, **words)
        .encode(x, place, text="text:N"),
    ]


def _key_layers(
    p95: Mapping[str, float | None],
    names: Sequence[str],
    x: vega.X,
    y: vega.Y,
    domain: tuple[float, float],
    is_right: bool,
) -> list[Any]:
    """Points at p95 and, in the lower right or the upper left corner, what they say."""
    first_px = HEIGHT_PX - 12 - theme.KEY_ROW_PX * (len(names) - 1) if is_right else HEIGHT_PX * 0.05 + 16
    rows = pd.DataFrame(
        [
            {
                "strategy": name,
                "latency_s": p95[name],
                "share": 0.95,
                "edge_s": domain[1] if is_right else domain[0],
                "text": f"{name}: p95 {'–' if (seconds := p95[name]) is None else theme.seconds_words(seconds)}",
                "row_px": first_px + theme.KEY_ROW_PX * k,
            }
            for k, name in enumerate(names)
        ]
    )
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(None)
    shape = vega.Shape("strategy:N").scale(theme.shape_scale(names)).legend(None)
    points = vega.chart(rows.dropna(subset=["latency_s"])).mark_point(size=90, filled=True, opacity=1)
    key = theme.key_layers(rows, names, vega.X("edge_s:Q"), is_right=is_right)
    return [points.encode(x, y, colour, shape), *key]


def _description(p95: Mapping[str, float | None], goals: Mapping[float, float], is_banded: bool) -> str:
    parts = [
        f"{name} {theme.seconds_words(seconds) if seconds is not None else 'unknown'}"
        for name, seconds in p95.items()
    ]
    text = f"Distribution of latency by strategy. 95 % of answers are complete within: {', '.join(parts)}."
    for share, seconds in goals.items():
        text += f" The target is {share * 100:g} % within {seconds:g} s."
    return text + (" Shaded: the 95 % interval of each curve." if is_banded else "")
