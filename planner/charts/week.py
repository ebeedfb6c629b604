"""Latency and load over the week: two panels over the same hours, Monday to Sunday UTC.

Comes in: tidy rows of expected load and simulated windows; goes out: one chart. Where nothing was simulated nothing is
drawn: windows are points, and only where a whole week was simulated neighbouring hours are joined by a line.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from planner.charts import theme, vega

LOAD_PX, GAP_PX, LATENCY_PX = 84, 30, 190
HEIGHT_PX = LOAD_PX + GAP_PX + LATENCY_PX
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DRAWN, PLANTED, RECORDED, LOAD = "as drawn", "planted outage", "recording", "load"
MANY_HOURS = 100  # from so many on points are left to the line
ROWS = 1_500  # of latency


def week_chart(
    rows: pd.DataFrame, strategies: Sequence[str] | None = None, p95_latency_s: float | None = None
) -> vega.View:
    """Load above, p95 latency with its target below.

    Parameters
    ----------
    rows : DataFrame [strategy, kind, hour, hours, windows, n, latency_p50_s, latency_p95_s, latency_mean_s,
    arrivals_per_s, arrivals_low_per_s, arrivals_high_per_s]
        As `planner.experiments.week` gives them. Of a recording, its own hours and mean latency are drawn instead.
    strategies : sequence of names, optional
        All strategies in the scenario's order, which decides the colours.
    p95_latency_s : float, optional
        The target, a dashed line (not for a recording, whose means are no quantiles).

    Returns
    -------
    vega.View
        At most 2,000 rows.
    """
    is_recording = bool((rows["kind"] == RECORDED).any())
    names = list(strategies or dict.fromkeys(name for name in rows["strategy"] if name))
    measure = "latency_mean_s" if is_recording else "latency_p95_s"
    target = None if is_recording else p95_latency_s
    shown = _latencies(rows, measure)
    end = float((shown["hour"] + shown["hours"]).max()) if is_recording and len(shown) else 168.0
    x = _hours(is_recording, end)
    load = vega.layer(*_load(rows, names, x, is_recording))
    latency = vega.layer(*_latency(shown, names, x, target, is_recording))
    return theme.configure(
        vega.layer(*_midnights(x, is_recording), load, latency).properties(
            width="container",
            height=HEIGHT_PX,
            resolve={"scale": {"y": "independent"}},
            description=_description(rows, shown, names, target, is_recording),
        )
    )


def _latencies(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Rows with a latency, the hour in whose middle each stands, and the run of neighbouring hours it belongs to."""
    known = rows[(rows["kind"] != LOAD) & rows[measure].notna() & (rows[measure] > 0)]
    known = known.sort_values(["strategy", "kind", "hour"], kind="stable").reset_index(drop=True)
    known = known.assign(latency_s=known[measure], middle=known["hour"] + known["hours"].clip(lower=0.0) / 2)
    step = known["hours"].clip(lower=1.0) + 1e-6
    before = known.shift(1)
    is_next = (
        (known["strategy"] == before["strategy"])
        & (known["kind"] == before["kind"])
        & (known["hour"] - before["hour"] <= step)
    )
    return theme.thinned(known.assign(run=(~is_next).cumsum()), "strategy", ROWS)


def _hours(is_recording: bool, end: float) -> vega.Channel:
    x = vega.X("middle:Q").scale(domain=[0, end], nice=False)
    if is_recording:
        return x.title("Time since the recording began (h)").axis(grid=False, tickCount=6)
    names = ", ".join(f"'{day}'" for day in DAYS)
    return x.title("Hour of the week (UTC)").axis(
        values=[24 * day + 12 for day in range(7)],
        labelExpr=f"[{names}][floor(datum.value / 24)]",
        grid=False,
        ticks=False,
        labelOverlap=False,
    )


def _midnights(x: vega.Channel, is_recording: bool) -> list[vega.View]:
    if is_recording:
        return []
    table = pd.DataFrame({"middle": [24.0 * day for day in range(8)]})
    return [vega.chart(table).mark_rule(color=theme.NEUTRAL, opacity=0.25, strokeWidth=1).encode(x)]


def _load(rows: pd.DataFrame, names: Sequence[str], x: vega.Channel, is_recording: bool) -> list[vega.View]:
    """Expected load as a step with its months' span; of a recording, what arrived."""
    if is_recording:
        first = rows[(rows["strategy"] == names[0]) & rows["arrivals_per_s"].notna()] if names else rows[:0]
        table = first.assign(middle=first["hour"])
    else:
        table = rows[rows["kind"] == LOAD]
        # The last hour is drawn to its end.
        table = pd.concat([table, table.tail(1).assign(hour=168.0)]).assign(middle=lambda one: one["hour"])
    table = table[["middle", "arrivals_per_s", "arrivals_low_per_s", "arrivals_high_per_s"]]
    is_step = table["arrivals_per_s"] != table["arrivals_per_s"].shift(1)
    is_step.iloc[-1:] = True
    table = table[is_step]  # a level is drawn from where it begins to the next
    top = max([1e-9, *table["arrivals_per_s"].dropna(), *table["arrivals_high_per_s"].dropna().astype(float)])
    scale = vega.scale(domain=[0, top * 1.05], range=[LOAD_PX, 0], nice=False)
    y = vega.Y("arrivals_per_s:Q").title("Requests (per s)").scale(scale)
    y = y.axis(tickCount=3, orient="left", format=",.2~r", titleY=LOAD_PX / 2, titleAnchor="middle")
    base = vega.chart(_rounded(table))
    what = "came" if is_recording else "expected, mean over the plan"
    tips = [vega.Tooltip("arrivals_per_s:Q", title=f"Requests a second, {what}", format=",.3~r")]
    band = []
    if not is_recording and (table["arrivals_high_per_s"] > table["arrivals_low_per_s"]).any():
        tips += [
            vega.Tooltip("arrivals_low_per_s:Q", title="least month", format=",.3~r"),
            vega.Tooltip("arrivals_high_per_s:Q", title="busiest month", format=",.3~r"),
        ]
        band = [
            base.mark_area(opacity=0.18, color=theme.NEUTRAL, interpolate="step-after").encode(
                x, vega.Y("arrivals_low_per_s:Q").scale(scale), vega.Y2("arrivals_high_per_s:Q")
            )
        ]
    line = base.mark_line(color=theme.NEUTRAL, strokeWidth=2, interpolate="step-after").encode(
        x, y, tooltip=tips
    )
    return [*band, line]


def _latency(
    shown: pd.DataFrame, names: Sequence[str], x: vega.Channel, target: float | None, is_recording: bool
) -> list[vega.View]:
    values = [float(value) for value in shown["latency_s"]] + ([target] if target else [])
    low, high = (min(values) / 1.25, max(values) * 1.25) if values else (0.1, 10.0)
    scale = vega.scale(type="log", domain=[low, high], range=[HEIGHT_PX, LOAD_PX + GAP_PX], nice=False)
    title = "Mean latency (s, log)" if is_recording else "p95 latency (s, log)"
    y = vega.Y("latency_s:Q").title(title).scale(scale)
    y = y.axis(
        values=_ticks(low, high), format="~r", orient="left",
        titleY=LOAD_PX + GAP_PX + LATENCY_PX / 2, titleAnchor="middle",
    )  # fmt: skip
    present = [name for name in names if (shown["strategy"] == name).any()]
    told = (
        [] if is_recording or len(shown) >= MANY_HOURS * len(present) else ["larger: more requests simulated"]
    )
    told += ["hollow: with a planted outage"] if (shown["kind"] == PLANTED).any() else []
    key = {"title": told or None, "titleLimit": 0, "values": present, "symbolSize": 90}
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(key)
    shape = vega.Shape("strategy:N").scale(theme.shape_scale(names)).legend(key)
    columns = ["strategy", "kind", "middle", "hour", "windows", "n", "latency_s", "run"]
    base = vega.chart(_rounded(shown[columns]))
    layers = []
    is_dense = bool(len(shown)) and int(shown.groupby("strategy").size().max()) >= MANY_HOURS
    if is_dense or is_recording:
        dash = vega.StrokeDash("strategy:N").scale(theme.dash_scale(names)).legend(None)
        layers.append(base.mark_line(strokeWidth=2).encode(x, y, colour, dash, detail="run:N"))
    at = "middle:Q" if is_recording else "hour:Q"
    tips = [
        vega.Tooltip("strategy:N", title="Strategy"),
        vega.Tooltip(at, title="Hour", format=".1f"),
        vega.Tooltip("latency_s:Q", title=title, format=",.3~r"),
        vega.Tooltip("n:Q", title="Requests simulated", format=","),
        vega.Tooltip("windows:Q", title="Windows"),
        vega.Tooltip("kind:N", title="Window"),
    ]
    size: dict[str, Any] = (
        {"size": vega.value(14)}
        if is_dense
        else {
            "size": vega.Size("n:Q")
            .scale(domain=[0, float(shown["n"].max() or 1)], range=[25, 130])
            .legend(None)
        }
        if len(shown)
        else {}
    )
    layers.append(
        base.mark_point(strokeWidth=1.8, opacity=0.0 if is_dense else 0.9).encode(
            x, y, colour, shape, **size,
            fill=vega.condition(
                f"datum.kind !== {vega.words(PLANTED)}",
                vega.Fill("strategy:N").scale(theme.strategy_scale(names)).legend(None),
                vega.value("transparent"),
            ),
            tooltip=tips,
        )
    )  # fmt: skip
    return [*layers, *_target(target, x, y)]


def _target(target: float | None, x: vega.Channel, y: vega.Channel) -> list[vega.View]:
    if target is None:
        return []
    row = pd.DataFrame(
        {"latency_s": [target], "middle": [168.0], "text": [f"dashed: SLO, p95 within {target:g} s"]}
    )
    base = vega.chart(row)
    return [
        base.mark_rule(color=theme.NEUTRAL, strokeDash=[4, 3], strokeWidth=1.5).encode(y),
        base.mark_text(align="right", fontSize=12, fontWeight="bold", color=theme.NEUTRAL).encode(
            x, y=vega.value(LOAD_PX + GAP_PX - 8), text="text:N"
        ),
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Round values inside a domain, as sparse as still leaves three."""
    found: list[float] = []
    for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8), [1 + k / 10 for k in range(90)]):
        all_of_them = [round(step * 10.0**decade, 6) for decade in range(-4, 6) for step in steps]
        found = [one for one in all_of_them if low <= one <= high]
        if len(found) >= 3:
            break
    return found[:: max(1, len(found) // 6)]


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    numbers = {
        str(name): theme.significant(column, 4)
        for name, column in table.items()
        if str(name).endswith("_s") and column.dtype == float
    }
    return table.assign(**numbers)


def _description(
    rows: pd.DataFrame,
    shown: pd.DataFrame,
    names: Sequence[str],
    target: float | None,
    is_recording: bool,
) -> str:
    parts = []
    for name in names:
        own = shown[shown["strategy"] == name]
        drawn = own[own["kind"] != PLANTED] if (own["kind"] != PLANTED).any() else own
        if len(drawn):
            low, high = float(drawn["latency_s"].min()), float(drawn["latency_s"].max())
            parts.append(f"{name} {theme.seconds_words(low)} to {theme.seconds_words(high)}")
    said = ", ".join(parts) or "nothing was simulated"
    if is_recording:
        return f"Load and mean latency over the recording. Mean latency by part of it: {said}."
    load = rows[rows["kind"] == LOAD]
    low_load, high_load = float(load["arrivals_per_s"].min()), float(load["arrivals_per_s"].max())
    if high_load - low_load <= 1e-9 * high_load:
        told = f"The load is the same in every hour: {high_load:,.3g} requests a second expected."
    else:
        at = int(load["hour"].iloc[int(load["arrivals_per_s"].to_numpy().argmax())])
        told = (
            f"Expected load between {low_load:,.3g} and {high_load:,.3g} requests a second, the most first reached on "
            f"{DAYS[at // 24]} at {at % 24:02d}:00 UTC."
        )
    hours = shown["hour"].nunique()
    outage = " Hollow points hold a planted outage." if (shown["kind"] == PLANTED).any() else ""
    goal = "" if target is None else f" The target is {target:g} s."
    return (
        f"Load and p95 latency over the week. {told} Windows begin in {hours} of 168 hours; p95 latency of windows as drawn: "
        f"{said}.{outage}{goal}"
    )


__all__ = ["week_chart"]
