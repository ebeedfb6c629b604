"""How long answers take: the distribution of latency by strategy, with the SLO drawn in.

Comes in: quantile curves [strategy, share, latency_s]; goes out: one chart.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from planner.charts import theme, vega

TARGET = re.compile(r"p(\d+(?:_\d+)?)_latency_s")
HEIGHT_PX = 300
POINTS = 400  # of all curves together: closer than a pixel and a half on a wide screen


class _Point(NamedTuple):
    """A point of a curve, with the ends of its interval; NaN where there is none."""

    strategy: str
    share: float
    latency_s: float
    low_s: float
    high_s: float


def latency_chart(
    curves: vega.Columns,
    targets: Mapping[str, float | None] | None = None,
    strategies: Sequence[str] | None = None,
    p95: Mapping[str, float | None] | None = None,
) -> Any:
    """Share of answers that are complete within x seconds, one line per strategy.

    Parameters
    ----------
    curves : DataFrame or columns [strategy, share, latency_s]
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
    names = list(strategies if strategies is not None else dict.fromkeys(vega.column(curves, "strategy")))
    known = _known(curves)
    goals = _goals(targets)
    if p95 is None:
        p95 = {name: _at([one for one in known if one.strategy == name], 0.95) for name in names}
    low, high = _domain([*(one.latency_s for one in known), *goals.values()])
    places = theme.kept([one.strategy for one in known], max(POINTS, 2 * len(names)))
    drawn = [known[place] for place in places]
    # A logarithm needs a positive time; an answer of 0 s is drawn at the left edge.
    lines: dict[str, list[Any]] = {
        "strategy": [one.strategy for one in drawn],
        "share": [theme.rounded(one.share, 5) for one in drawn],
        "latency_s": [theme.rounded(max(one.latency_s, low), 5) for one in drawn],
    }
    is_banded = any(one.low_s == one.low_s for one in drawn)
    if is_banded:
        # In this order what is not a number stays so.
        lines["low_s"] = [theme.rounded(min(max(one.low_s, low), high), 5) for one in drawn]
        lines["high_s"] = [theme.rounded(min(max(one.high_s, low), high), 5) for one in drawn]
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
    if not goals and not _fits(known, p95, goals, (low, high), key_right):
        key_right = False
    is_above = not _fits(known, p95, goals, (low, high), key_right)
    below_px = theme.KEY_ROW_PX * len(names) if key_right else 0
    crosses = _goal_layers(goals, x, y, middle, (low, high), below_px, is_above)
    key = _key_layers(p95, names, x, y, (low, high), key_right and not is_above, is_above, len(goals))
    band = base.transform_filter("isValid(datum.low_s)").mark_area(
        opacity=0.16, orient="horizontal", clip=True
    )
    bands = [band.encode(vega.X("low_s:Q"), vega.X2("high_s:Q"), y, colour)] if is_banded else []
    layers = [*bands, curve, *crosses, *key]
    return theme.configure(
        vega.layer(*layers).properties(
            width="container", height=HEIGHT_PX, description=_description(p95, goals, is_banded)
        )
    )


_SHARES = [0, 0.25, 0.5, 0.75, 0.95]


def _known(curves: vega.Columns) -> list[_Point]:
    """The points whose latency is known, by strategy and share."""
    names = ("strategy", "share", "latency_s")
    columns = [vega.column(curves, name) for name in names]
    nothing = [math.nan] * len(columns[0])
    is_banded = "low_s" in curves and "high_s" in curves
    given = [vega.column(curves, name) if is_banded else nothing for name in ("low_s", "high_s")]
    ends = [[math.nan if end is None else end for end in one] for one in given]
    points = [_Point(*values) for values in zip(*columns, *ends, strict=True)]
    found = (one for one in points if one.latency_s is not None and one.latency_s == one.latency_s)
    return sorted(found, key=lambda one: (one.strategy, one.share))


def _goals(targets: Mapping[str, float | None] | None) -> dict[float, float]:
    """Share: seconds, for the targets on latency that are set."""
    found = {}
    for name, seconds in (targets or {}).items():
        match = TARGET.fullmatch(name)
        if match and seconds is not None:
            found[float(match[1].replace("_", ".")) / 100] = float(seconds)
    return found


def _at(curve: Sequence[_Point], share: float) -> float | None:
    """The latency read off a curve at a share, by the straight line that the chart draws; None without a curve."""
    right = next((one for one in curve if one.share >= share), None)
    left = next((one for one in reversed(curve) if one.share <= share), None)
    if left is None or right is None:
        return None
    if right.share <= left.share:
        return float(right.latency_s)
    part = (share - left.share) / (right.share - left.share)
    return float(left.latency_s + part * (right.latency_s - left.latency_s))


def _domain(values: Sequence[float]) -> tuple[float, float]:
    positive = [value for value in values if value > 0]
    if not positive:
        return 0.1, 10.0
    low, high = min(positive), max(positive)
    low = max(low, high / 1e4)  # four decades are enough to read; what is faster stands at the edge
    return theme.rounded(low / 1.15, 5), theme.rounded(high * 1.15, 5)  # as its points are: none is outside


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


def _fits(
    known: Sequence[_Point],
    p95: Mapping[str, float | None],
    goals: Mapping[float, float],
    domain: tuple[float, float],
    key_right: bool,
) -> bool:
    """Whether key and targets' texts are clear of every curve on a phone's screen; else they stand above the plot."""
    low, high = (math.log(end) for end in domain)

    def place(seconds: float) -> float:
        return (math.log(min(max(seconds, domain[0]), domain[1])) - low) / (high - low)

    wide = theme.text_share([_key_words(name, seconds) for name, seconds in p95.items()])
    tall = (theme.KEY_ROW_PX * (len(p95) + 1) + 16) / HEIGHT_PX
    if key_right:
        foot_share = tall + theme.KEY_ROW_PX * len(goals) / HEIGHT_PX
        clear = all(place(one.latency_s) < 1 - wide for one in known if one.share <= foot_share)
    else:
        clear = all(place(one.latency_s) > wide for one in known if one.share >= 1 - tall)
    foot = [place(one.latency_s) for one in known if one.share <= 0.15] if goals else []
    for share, seconds in goals.items():
        at, text = place(seconds), theme.text_share([_goal_words(share, seconds)])
        span = (at - text, at) if at > 0.5 else (at, at + text)
        clear &= span[0] >= 0 and span[1] <= 1 and not any(span[0] <= one <= span[1] for one in foot)
    return clear


def _goal_words(share: float, seconds: float) -> str:
    return f"SLO: {share * 100:g} % within {seconds:g} s"


def _goal_layers(
    goals: Mapping[float, float],
    x: vega.Channel,
    y: vega.Channel,
    middle: float,
    domain: tuple[float, float],
    below_px: float,
    is_above: bool,
) -> list[vega.View]:
    """Crosses at the targets; their texts stand low, over the key if it is there, on the side that has room."""
    if not goals:
        return []
    places = [HEIGHT_PX - below_px - theme.KEY_ROW_PX * (k + 1) for k in range(len(goals))]
    rows: dict[str, list[Any]] = {
        "latency_s": list(goals.values()),
        "share": list(goals),
        "text": [("dashed: " if is_above else "") + _goal_words(*goal) for goal in goals.items()],
        "text_s": [domain[0]] * len(goals) if is_above else list(goals.values()),
        "row_px": theme.key_rows(len(goals), above=True) if is_above else places,
        "is_right": [seconds > middle and not is_above for seconds in goals.values()],
    }
    base = vega.chart(rows)
    dashed: Any = {"color": theme.NEUTRAL, "strokeDash": [4, 3], "strokeWidth": 1.5}
    words: Any = {"color": theme.NEUTRAL, "fontSize": 12, "fontWeight": "bold"}
    place = vega.Y("row_px:Q").scale(None)
    return [
        base.mark_rule(**dashed).encode(x),
        base.mark_rule(**dashed).encode(y),
        base.transform_filter("datum.is_right")
        .mark_text(align="right", dx=-6, **words)
        .encode(vega.X("text_s:Q"), place, text="text:N"),
        base.transform_filter("!datum.is_right")
        .mark_text(align="left", dx=6, **words)
        .encode(vega.X("text_s:Q"), place, text="text:N"),
    ]


def _key_words(name: str, seconds: float | None) -> str:
    return f"{name}: p95 {'–' if seconds is None else theme.seconds_words(seconds)}"


def _key_layers(
    p95: Mapping[str, float | None],
    names: Sequence[str],
    x: vega.Channel,
    y: vega.Channel,
    domain: tuple[float, float],
    is_right: bool,
    is_above: bool,
    n_goals: int,
) -> list[vega.View]:
    """Points at p95 and, in a free corner or above the plot, what they say."""
    first_px = HEIGHT_PX - 12 - theme.KEY_ROW_PX * (len(names) - 1) if is_right else HEIGHT_PX * 0.05 + 16
    places = theme.key_rows(len(names), above=is_above, first_px=first_px)
    if is_above:
        places = [place - theme.KEY_ROW_PX * n_goals for place in places]
    rows: dict[str, list[Any]] = {
        "strategy": list(names),
        "latency_s": [p95[name] for name in names],
        "share": [0.95] * len(names),
        "edge_s": [domain[1] if is_right else domain[0]] * len(names),
        "text": [_key_words(name, p95[name]) for name in names],
        "row_px": places,
    }
    known = [k for k, seconds in enumerate(rows["latency_s"]) if seconds is not None and seconds == seconds]
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(None)
    shape = vega.Shape("strategy:N").scale(theme.shape_scale(names)).legend(None)
    points = vega.chart({name: [values[k] for k in known] for name, values in rows.items()}).mark_point(
        size=90, filled=True, opacity=1
    )
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
