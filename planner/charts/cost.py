"""What it costs: TCO by account, and spend over time.

Come in: tidy tables of amounts; go out: one chart each. Sums are only those that a stack or
a cumulative line is by definition.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from planner.charts import theme, vega

BAR_PX, SIZE_PX, DOWN_PX = 72, 28, 15  # a row; its bar, and how far that stands below the middle of the row
LINE_PX = 300
ECONOMIC = " (economic)"
OBJECTIVES = {"invoiced": "invoiced", "economic": "invoiced and economic"}


def tco_chart(
    monthly: pd.DataFrame, strategies: Sequence[str] | None = None, totals: pd.DataFrame | None = None
) -> Any:
    """Stacked cost over the whole horizon, one bar per strategy, one part per account.

    Parameters
    ----------
    monthly : DataFrame [strategy, month, view, account, amount_usd]
        Amounts by month. `view` is invoiced (drawn solid, first) or economic (drawn lighter with a dashed
        edge, and named so).
    strategies : sequence of names, optional
        Order of the bars; default: as in `monthly`.
    totals : DataFrame [strategy, value, low, high], optional
        Intervals of the whole bar, drawn as a whisker at its end.

    Returns
    -------
    vega.View
    """
    names = names_of(monthly, strategies)
    parts = _parts(monthly, names)
    ends = pd.DataFrame(
        [
            {
                "strategy": name,
                "end_usd": float(parts.loc[parts["strategy"] == name, "amount_usd"].sum()),
                "sums": _total_words(parts[parts["strategy"] == name]),
            }
            for name in names
        ]
    )
    top = _top(parts["end_usd"], totals)
    low = min([0.0, *(float(end) for end in parts["end_usd"])])
    row = (
        vega.Y("strategy:N", sort=names)
        .title(None)
        .axis(labels=False, ticks=False, domain=False)
        .scale(paddingInner=0, paddingOuter=0.15)
    )
    x = (
        vega.X("start_usd:Q")
        .title(f"TCO over {monthly['month'].nunique()} months (USD)")
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
            + " ".join(f"{name}: {sums}." for name, sums in zip(ends["strategy"], ends["sums"], strict=True)),
        )
    )


def names_of(rows: pd.DataFrame, strategies: Sequence[str] | None) -> list[str]:
    return list(strategies) if strategies is not None else list(dict.fromkeys(rows["strategy"]))


def _parts(monthly: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Sums by strategy and account with the ends of each part of the bar; invoiced first, large first.

    What takes off the bill (tiers of prices) stands left of zero, so that no part lies over another.
    """
    sums = monthly.groupby(["strategy", "view", "account"], sort=False)["amount_usd"].sum().reset_index()
    sums["label"] = sums["account"].where(sums["view"] == "invoiced", sums["account"] + ECONOMIC)
    size = sums.groupby("label")["amount_usd"].transform("sum")
    sums = sums.assign(is_economic=sums["view"] != "invoiced", size=size).sort_values(
        ["is_economic", "size", "label"], ascending=[True, False, True], kind="stable"
    )
    is_less = (sums["amount_usd"] < 0).rename("is_less")
    sums["end_usd"] = sums.groupby(["strategy", is_less])["amount_usd"].cumsum()
    sums["start_usd"] = sums["end_usd"] - sums["amount_usd"]
    return sums[sums["strategy"].isin(list(names))].drop(columns="size").reset_index(drop=True)


def _total_words(parts: pd.DataFrame) -> str:
    """The totals of a strategy, as written above its bar."""
    if parts.empty:
        return ""
    invoiced = float(parts.loc[~parts["is_economic"], "amount_usd"].sum())
    everything = float(parts["amount_usd"].sum())
    words = f"{theme.usd_words(invoiced)} invoiced"
    return (
        words if not parts["is_economic"].any() else f"{words}, {theme.usd_words(everything)} with economic"
    )


def _top(ends: pd.Series, totals: pd.DataFrame | None) -> float:
    highs = [] if totals is None else [float(high) for high in totals["high"] if not unknown(high)]
    return max([*(float(end) for end in ends), *highs, 1e-9]) * 1.02


def _bars(parts: pd.DataFrame, x: vega.X, row: vega.Y) -> vega.View:
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


def _part_names(parts: pd.DataFrame, x: vega.X, row: vega.Y, top: float) -> vega.View:
    """Names inside the parts that have room for them; the legend and the tooltip serve the rest."""
    room = parts.assign(middle_usd=(parts["start_usd"] + parts["end_usd"]) / 2)
    colours = theme.account_colours(list(dict.fromkeys(parts["account"])))
    ink = {account: theme.ink_on(colour) for account, colour in colours.items()}
    room["ink"] = [
        theme.NEUTRAL if economic else ink[account]
        for account, economic in zip(room["account"], room["is_economic"], strict=True)
    ]
    wide = room["amount_usd"] / top > 0.022 * room["account"].str.len()
    return (
        vega.chart(room[wide & ~room["is_economic"]])
        .mark_text(fontSize=11, yOffset=DOWN_PX)
        .encode(vega.X("middle_usd:Q"), row, text="account:N", color=vega.Color("ink:N", scale=None))
    )


def _whiskers(totals: pd.DataFrame | None, row: vega.Y) -> list[Any]:
    known = None if totals is None else totals.dropna(subset=["low", "high"])
    if known is None or known.empty:
        return []
    numbers = known.assign(**{name: known[name].astype(float) for name in ("low", "high")})
    base = vega.chart(numbers[["strategy", "low", "high"]])
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
    monthly: pd.DataFrame,
    strategies: Sequence[str] | None = None,
    objective: str = "invoiced",
    bands: pd.DataFrame | None = None,
    crossings: pd.DataFrame | None = None,
) -> Any:
    """Spend so far at the end of each month, one line per strategy.

    Parameters
    ----------
    monthly : DataFrame [strategy, month, view, account, amount_usd]
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
    chosen = monthly if objective == "economic" else monthly[monthly["view"] == "invoiced"]
    months = sorted(monthly["month"].unique())
    table = chosen.pivot_table(
        index="month", columns="strategy", values="amount_usd", aggfunc="sum", observed=True
    )
    running = table.reindex(index=months, columns=names).fillna(0.0).cumsum()
    lines = running.reset_index().melt(id_vars="month", var_name="strategy", value_name="amount_usd")
    lines["month_start"] = pd.to_datetime(lines["month"] + "-01")
    room = theme.MAX_ROWS - 2 * len(names) - (0 if crossings is None else len(crossings))
    lines = theme.thinned(lines, "strategy", room if bands is None else room // 2)
    finals = running.iloc[-1]
    highest = 0.0 if bands is None or bands.empty else float(bands["high"].max())
    top = max(float(running.to_numpy().max(initial=0.0)), highest, 1e-9) * 1.05
    ends = pd.DataFrame(
        {
            "strategy": names,
            "month_start": pd.to_datetime(months[-1] + "-01"),
            "final_usd": [float(finals[name]) for name in names],
            "first_month": lines["month_start"].min(),
            "text": [f"{name}: {theme.usd_words(float(finals[name]))}" for name in names],
        }
    )
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
    # What grows leaves the upper left corner free for the key.
    is_above = _key_is_in_the_way(running, list(ends["text"]), top)
    ends["row_px"] = theme.key_rows(len(names), above=is_above)
    key = theme.key_layers(ends, names, vega.X("first_month:T").scale(type="utc"), is_right=False)
    met = "" if crossings is None or crossings.empty else f" {'; '.join(crossings['text'])}."
    layers = [*_band(bands, x, top, colour), line, ends_at, *_crossings(crossings, x), *key]
    return theme.configure(vega.layer(*layers).properties(
        width="container", height=LINE_PX,
        description=f"Cumulative cost by month ({OBJECTIVES[objective]}). At the end: {', '.join(ends['text'])}.{met}",
    ))  # fmt: skip


def _key_is_in_the_way(running: pd.DataFrame, texts: Sequence[str], top: float) -> bool:
    """Whether a line passes under the key in the upper left corner of a phone's screen."""
    until = theme.text_share(texts)
    months = max(len(running) - 1, 1)
    under = running.iloc[: int(until * months) + 2]
    lowest = 1 - (10 + theme.KEY_ROW_PX * len(texts)) / LINE_PX
    return until > 1.0 or float(under.to_numpy().max(initial=0.0)) / top > lowest


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
