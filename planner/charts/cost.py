"""What it costs: TCO by account, and spend over time.

Come in: tidy tables of amounts; go out: one chart each. Sums are only those that a stack or
a cumulative line is by definition.
"""

import datetime
from collections.abc import Hashable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from planner.charts import theme, vega

BAR_PX, SIZE_PX, DOWN_PX = 72, 28, 15  # a row; its bar, and how far that stands below the middle of the row
LINE_PX = 300
ECONOMIC = " (economic)"
OBJECTIVES = {"invoiced": "invoiced", "economic": "invoiced and economic"}


def tco_chart(
    monthly: vega.Columns, strategies: Sequence[str] | None = None, totals: vega.Columns | None = None
) -> Any:
    """Stacked cost over the whole horizon, one bar per strategy, one part per account.

    Parameters
    ----------
    monthly : DataFrame or columns [strategy, month, view, account, amount_usd]
        Amounts by month. `view` is invoiced (drawn solid, first) or economic (drawn lighter with a dashed
        edge, and named so).
    strategies : sequence of names, optional
        Order of the bars; default: as in `monthly`.
    totals : DataFrame or columns [strategy, low, high], optional
        Intervals of the whole bar, drawn as a whisker at its end.

    Returns
    -------
    vega.View
    """
    names = names_of(monthly, strategies)
    parts = _parts(monthly, names)
    sums = [_total_words(parts, name) for name in names]
    ends: dict[str, list[Any]] = {
        "strategy": names,
        "end_usd": [_sum_of(parts, name, with_economic=True) for name in names],
        "sums": sums,
    }
    top = _top(parts["end_usd"], totals)
    low = min([0.0, *parts["end_usd"]])
    row = (
        vega.Y("strategy:N", sort=names)
        .title(None)
        .axis(labels=False, ticks=False, domain=False)
        .scale(paddingInner=0, paddingOuter=0.15)
    )
    x = (
        vega.X("start_usd:Q")
        .title(f"TCO over {len(set(vega.column(monthly, 'month')))} months (USD)")
        .scale(domain=[low, top])
    )
    x = x.axis(labelExpr=theme.USD_AXIS, grid=True, tickCount=6)
    layers = [
        _bars(parts, x, row),
        _part_names(parts, x, row, top),
        *_whiskers(totals, row),
        # Names and totals stand above their bar, a line each: a narrow screen has no room beside it.
        *(
            vega.chart(ends)
            .mark_text(
                align="left",
                baseline="top",
                dx=1,
                yOffset=-BAR_PX / 2 + k * 15,
                fontSize=size,
                fontWeight=weight,
                color=theme.NEUTRAL,
            )
            .encode(vega.X(datum=0), row, text=f"{field}:N")
            for k, (field, size, weight) in enumerate((("strategy", 12, "bold"), ("sums", 11, "normal")))
        ),
    ]
    return theme.configure(
        vega.layer(*layers).properties(
            width="container",
            height=vega.step(BAR_PX),
            description="Total cost of ownership by account. "
            + " ".join(f"{name}: {words}." for name, words in zip(names, sums, strict=True)),
        )
    )


def names_of(rows: vega.Columns, strategies: Sequence[str] | None) -> list[str]:
    return list(strategies if strategies is not None else dict.fromkeys(vega.column(rows, "strategy")))


def _parts(monthly: vega.Columns, names: Sequence[str]) -> dict[str, list[Any]]:
    """Sums by strategy and account with the ends of each part of the bar; invoiced first, large first.

    What takes off the bill (tiers of prices) stands left of zero, so that no part lies over another.
    """
    keys = ("strategy", "view", "account")
    rows = zip(*(vega.column(monthly, name) for name in keys), strict=True)
    sums = _sums(list(rows), vega.column(monthly, "amount_usd"))
    labels = [account if view == "invoiced" else account + ECONOMIC for _, view, account in sums]
    sizes = _sums(labels, list(sums.values()))
    order = sorted(
        zip(sums, labels, strict=True),
        key=lambda part: (part[0][1] != "invoiced", -sizes[part[1]], part[1]),
    )
    sides = [(key[0], sums[key] < 0) for key, _ in order]
    ends = _running(sides, [sums[key] for key, _ in order])
    drawn = [
        (*key, sums[key], label, key[1] != "invoiced", end, end - sums[key])
        for (key, label), end in zip(order, ends, strict=True)
        if key[0] in names
    ]
    columns = (*keys, "amount_usd", "label", "is_economic", "end_usd", "start_usd")
    return {name: [part[k] for part in drawn] for k, name in enumerate(columns)}


def _sums(keys: Sequence[Hashable], amounts: Sequence[float]) -> dict[Any, float]:
    """Sums by key, in the order in which keys come up first."""
    return dict(zip(keys, _running(keys, amounts), strict=True))


def _running(keys: Sequence[Hashable], amounts: Sequence[float]) -> list[float]:
    """What each amount makes of the sum of its key so far; what rounding lost is carried on (Kahan).

    >>> _running(["a", "b", "a"], [0.1, 1.0, 0.2])
    [0.1, 1.0, 0.30000000000000004]
    """
    so_far: dict[Hashable, tuple[float, float]] = {}
    found = []
    for key, amount in zip(keys, amounts, strict=True):
        total, lost = so_far.get(key, (0.0, 0.0))
        wanted = amount - lost
        after = total + wanted
        so_far[key] = (after, after - total - wanted)
        found.append(after)
    return found


def _sum_of(parts: vega.Columns, strategy: str, *, with_economic: bool) -> float:
    """The whole bar of a strategy, or the invoiced part of it."""
    rows = zip(parts["strategy"], parts["is_economic"], parts["amount_usd"], strict=True)
    return float(
        np.array(
            [usd for name, economic, usd in rows if name == strategy and (with_economic or not economic)]
        ).sum()
    )


def _total_words(parts: vega.Columns, strategy: str) -> str:
    """The totals of a strategy, as written above its bar."""
    views = [
        economic
        for name, economic in zip(parts["strategy"], parts["is_economic"], strict=True)
        if name == strategy
    ]
    if not views:
        return ""
    words = f"{theme.usd_words(_sum_of(parts, strategy, with_economic=False))} invoiced"
    everything = _sum_of(parts, strategy, with_economic=True)
    return f"{words}, {theme.usd_words(everything)} with economic" if any(views) else words


def _top(ends: Sequence[float], totals: vega.Columns | None) -> float:
    highs = [] if totals is None else [float(high) for high in totals["high"] if not unknown(high)]
    return max([*ends, *highs, 1e-9]) * 1.02


def _bars(parts: vega.Columns, x: vega.X, row: vega.Y) -> vega.View:
    labels = list(dict.fromkeys(parts["label"]))
    account_of = dict(zip(parts["label"], parts["account"], strict=True))
    colours = theme.account_colours(list(dict.fromkeys(account_of.values())))
    legend = {"title": "Account", "columns": 3}
    return (
        vega.chart(parts)
        .mark_bar(size=SIZE_PX, yOffset=DOWN_PX, strokeWidth=1)
        .encode(
            x,
            vega.X2("end_usd:Q"),
            row,
            vega.Color("label:N", sort=labels)
            .scale(domain=labels, range=[colours[account_of[label]] for label in labels])
            .legend(legend),
            opacity=vega.condition("datum.is_economic", vega.value(0.55), vega.value(1)),
            strokeDash=vega.condition("datum.is_economic", vega.value([3, 2]), vega.value([1, 0])),
            stroke=vega.condition("datum.is_economic", vega.value(theme.NEUTRAL), vega.value(None)),
            tooltip=[
                vega.Tooltip("strategy:N", title="Strategy"),
                vega.Tooltip("label:N", title="Account"),
                vega.Tooltip("amount_usd:Q", title="USD", format=theme.USD_TOOLTIP),
            ],
        )
    )


def _part_names(parts: Mapping[str, Sequence[Any]], x: vega.X, row: vega.Y, top: float) -> vega.View:
    """Names inside the parts that have room for them; the legend and the tooltip serve the rest."""
    colours = theme.account_colours(list(dict.fromkeys(parts["account"])))
    wide = [
        k
        for k, (account, usd, economic) in enumerate(
            zip(parts["account"], parts["amount_usd"], parts["is_economic"], strict=True)
        )
        if usd / top > 0.022 * len(account) and not economic
    ]
    room = {name: [values[k] for k in wide] for name, values in parts.items()}
    ends = zip(room["start_usd"], room["end_usd"], strict=True)
    room["middle_usd"] = [(start + end) / 2 for start, end in ends]
    room["ink"] = [theme.ink_on(colours[account]) for account in room["account"]]
    return (
        vega.chart(room)
        .mark_text(fontSize=11, yOffset=DOWN_PX)
        .encode(vega.X("middle_usd:Q"), row, text="account:N", color=vega.Color("ink:N", scale=None))
    )


def _whiskers(totals: vega.Columns | None, row: vega.Y) -> list[Any]:
    columns = [] if totals is None else [vega.column(totals, name) for name in ("strategy", "low", "high")]
    known = [
        (name, float(low), float(high))
        for name, low, high in zip(*columns, strict=True)
        if not (unknown(low) or unknown(high))
    ]
    if not known:
        return []
    base = vega.chart({name: [one[k] for one in known] for k, name in enumerate(("strategy", "low", "high"))})
    pen: Any = {"color": theme.NEUTRAL, "strokeWidth": 2, "yOffset": DOWN_PX}
    return [
        base.mark_rule(**pen).encode(vega.X("low:Q"), vega.X2("high:Q"), row),
        *(
            base.mark_tick(thickness=2, size=12, color=theme.NEUTRAL, yOffset=DOWN_PX).encode(
                vega.X(f"{end}:Q"), row
            )
            for end in ("low", "high")
        ),
    ]


def cumulative_chart(
    monthly: vega.Columns,
    strategies: Sequence[str] | None = None,
    objective: str = "invoiced",
    bands: pd.DataFrame | None = None,
    crossings: pd.DataFrame | None = None,
) -> Any:
    """Spend so far at the end of each month, one line per strategy.

    Parameters
    ----------
    monthly : DataFrame or columns [strategy, month, view, account, amount_usd]
        Amounts by month, YYYY-MM.
    strategies : sequence of names, optional
        Their order decides the colours.
    objective : invoiced or economic
        Economic adds the economic rows to the invoiced ones.
    bands : DataFrame [strategy, month, low, high], optional
        Span of the cumulative cost, shaded under its line.
    crossings : DataFrame [month, amount_usd, text], optional
        Months in which one line crosses another, with what happens there.

    Returns
    -------
    vega.View
    """
    names = names_of(monthly, strategies)
    keys = list(zip(vega.column(monthly, "strategy"), vega.column(monthly, "month"), strict=True))
    months = sorted({month for _, month in keys})
    starts = [datetime.datetime.fromisoformat(f"{month}-01") for month in months]
    views = vega.column(monthly, "view")
    chosen = [k for k, view in enumerate(views) if objective == "economic" or view == "invoiced"]
    amounts = vega.column(monthly, "amount_usd")
    sums = _sums([keys[k] for k in chosen], [amounts[k] for k in chosen])
    running = {name: list(accumulate(sums.get((name, month), 0.0) for month in months)) for name in names}
    room = theme.MAX_ROWS - 2 * len(names) - (0 if crossings is None else len(crossings))
    drawn = theme.kept(
        [name for name in names for _ in months], room if bands is None else room // 2
    )  # of all months of the first strategy, then of the next
    places = [divmod(place, len(months)) for place in drawn]
    lines = {
        "month": [months[k] for _, k in places],
        "strategy": [names[i] for i, _ in places],
        "amount_usd": [running[names[i]][k] for i, k in places],
        "month_start": [starts[k] for _, k in places],
    }
    highest = 0.0 if bands is None or bands.empty else float(bands["high"].max())
    top = max(0.0, *(max(line) for line in running.values()), highest, 1e-9) * 1.05
    finals = [running[name][-1] for name in names]
    texts = [f"{name}: {theme.usd_words(usd)}" for name, usd in zip(names, finals, strict=True)]
    # What grows leaves the upper left corner free for the key.
    is_above = _key_is_in_the_way(list(running.values()), texts, top)
    ends: dict[str, list[Any]] = {
        "strategy": names,
        "month_start": [starts[-1]] * len(names),
        "final_usd": finals,
        "first_month": [starts[0]] * len(names),
        "text": texts,
        "row_px": theme.key_rows(len(names), above=is_above),
    }
    many = len(months)
    x = (
        vega.X("month_start:T")
        .scale(type="utc")
        .title("Month")
        .axis(format="%b %Y", grid=False, labelAngle=0, tickCount=min(many, 6), labelFlush=True)
    )
    y = vega.Y("amount_usd:Q").title(f"Cumulative cost, {OBJECTIVES[objective]} (USD)").scale(domain=[0, top])
    y = y.axis(labelExpr=theme.USD_AXIS, tickCount=6)
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(None)
    line = vega.chart(lines).mark_line(strokeWidth=2.5, point=many == 1).encode(
        x, y, colour, vega.StrokeDash("strategy:N").scale(theme.dash_scale(names)).legend(None),
        tooltip=[
            vega.Tooltip("strategy:N", title="Strategy"),
            vega.Tooltip("month:N", title="Up to and with"),
            vega.Tooltip("amount_usd:Q", title="USD", format=theme.USD_TOOLTIP),
        ],
    )  # fmt: skip
    ends_at = vega.chart(ends).mark_point(size=70, filled=True, opacity=1).encode(
        x, vega.Y("final_usd:Q"), colour, vega.Shape("strategy:N").scale(theme.shape_scale(names)).legend(None)
    )  # fmt: skip
    key = theme.key_layers(ends, names, vega.X("first_month:T").scale(type="utc"), is_right=False)
    met = "" if crossings is None or crossings.empty else f" {'; '.join(crossings['text'])}."
    layers = [*_band(bands, x, top, colour), line, ends_at, *_crossings(crossings, x), *key]
    return theme.configure(vega.layer(*layers).properties(
        width="container", height=LINE_PX,
        description=f"Cumulative cost by month ({OBJECTIVES[objective]}). At the end: {', '.join(texts)}.{met}",
    ))  # fmt: skip


def _key_is_in_the_way(running: Sequence[Sequence[float]], texts: Sequence[str], top: float) -> bool:
    """Whether a line passes under the key in the upper left corner of a phone's screen."""
    until = theme.text_share(texts)
    months = max(max((len(line) for line in running), default=0) - 1, 1)
    under = [usd for line in running for usd in line[: int(until * months) + 2]]
    lowest = 1 - (10 + theme.KEY_ROW_PX * len(texts)) / LINE_PX
    return until > 1.0 or max([0.0, *under]) / top > lowest


def _band(bands: pd.DataFrame | None, x: vega.X, top: float, colour: vega.Color) -> list[Any]:
    if bands is None or bands.empty:
        return []
    spans = bands.assign(month_start=pd.to_datetime(bands["month"] + "-01"))
    spans = theme.thinned(spans, "strategy", theme.MAX_ROWS // 2 - 100)
    return [
        vega.chart(spans[["strategy", "month_start", "low", "high"]])
        .mark_area(opacity=0.14)
        .encode(x, vega.Y("low:Q").scale(domain=[0, top]), vega.Y2("high:Q"), colour)
    ]


def _crossings(crossings: pd.DataFrame | None, x: vega.X) -> list[Any]:
    if crossings is None or crossings.empty:
        return []
    points = crossings.assign(month_start=pd.to_datetime(crossings["month"] + "-01"))
    return [
        vega.chart(points)
        .mark_point(size=110, shape="circle", color=theme.NEUTRAL, strokeWidth=2.5, opacity=1)
        .encode(x, vega.Y("amount_usd:Q"), tooltip=[vega.Tooltip("text:N", title="Crossing")])
    ]


def unknown(value: Any) -> bool:
    return value is None or value != value
