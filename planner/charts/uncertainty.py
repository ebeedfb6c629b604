"""How sure the costs are: what moves a difference of two strategies, who is cheapest how often, and the budget by month.

Come in: tidy tables of an uncertainty analysis; go out: one chart each. No figure is computed here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from planner.charts import theme, vega

ROW_PX = 36
BUDGET_PX = 260
MOST_BARS = 12
LOW, HIGH = "low value (P10)", "high value (P90)"
END_COLOURS = {LOW: "#88BBDD", HIGH: "#BB5566"}  # of no strategy and no account


def tornado_chart(bars: pd.DataFrame, a: str, b: str, labels: Mapping[str, str] | None = None) -> Any:
    """What each uncertain input does to the difference of two strategies, the widest on top.

    Parameters
    ----------
    bars : DataFrame [input, p10, p90, at_p10, at_p90, baseline, switches]
        Difference a minus b in USD with an input at its P10 and P90, all others at P50. `switches` are the values of
        the input at which the difference changes sign.
    labels : mapping from input to words, optional

    Returns
    -------
    vega.View
        Below zero, left of the dashed line, a is cheaper. An input that flips the decision says so in its name.
    """
    words = labels or {}
    shown = bars.head(MOST_BARS)
    names = []
    rows = []
    for bar in shown.to_dict("records"):
        flips = ", ".join(_number(value) for value in bar["switches"])
        name = words.get(bar["input"], bar["input"]) + (f"; flips at {flips}" if flips else "")
        names.append(name)
        for end, at, value in ((LOW, "at_p10", "p10"), (HIGH, "at_p90", "p90")):
            rows.append(
                {
                    "name": name,
                    "end": end,
                    "value": _number(bar[value]),
                    "from_usd": float(bar["baseline"]),
                    "to_usd": float(bar[at]),
                }
            )
    table = pd.DataFrame(rows, columns=["name", "end", "value", "from_usd", "to_usd"])
    baseline = float(bars["baseline"].iloc[0]) if len(bars) else 0.0
    # Names stand above their bar: a narrow screen has no room beside it.
    row = (
        vega.Y("name:N", sort=names)
        .title(None)
        .axis(labels=False, ticks=False, domain=False)
        .scale(paddingInner=0, paddingOuter=0.1)
    )
    x = (
        vega.X("to_usd:Q")
        .title(f"{a} minus {b} (USD)")
        .axis(labelExpr=theme.USD_AXIS, tickCount=6, grid=True)
    )
    colour = (
        vega.Color("end:N")
        .scale(domain=[LOW, HIGH], range=[END_COLOURS[LOW], END_COLOURS[HIGH]])
        .legend(title="Input at its", columns=2)
    )
    layers = [
        vega.chart(table)
        .mark_bar(size=12, yOffset=8)
        .encode(
            x,
            vega.X2("from_usd:Q"),
            row,
            colour,
            tooltip=[
                vega.Tooltip("name:N", title="Input"),
                vega.Tooltip("end:N", title="At its"),
                vega.Tooltip("value:N", title="Value"),
                vega.Tooltip("to_usd:Q", title="Difference, USD", format=theme.USD_TOOLTIP),
            ],
        ),
        vega.chart(pd.DataFrame({"name": names}))
        .mark_text(
            align="left",
            baseline="bottom",
            dx=2,
            yOffset=0,
            fontSize=12,
            color=theme.NEUTRAL,
        )
        .encode(vega.X(value=0), row, text="name:N"),
        vega.chart(pd.DataFrame({"at": [baseline]}))
        .mark_rule(color=theme.NEUTRAL, strokeWidth=1.5)
        .encode(vega.X("at:Q")),
        vega.chart(pd.DataFrame({"at": [0.0]}))
        .mark_rule(color=theme.NEUTRAL, strokeWidth=2, strokeDash=[4, 3])
        .encode(vega.X("at:Q")),
    ]
    widest = f" The widest is {names[0]}." if names else ""
    return theme.configure(
        vega.layer(*layers).properties(
            width="container",
            height=vega.step(ROW_PX),
            description=f"Difference {a} minus {b} with each input at its P10 and P90; at their medians "
            f"{theme.usd_words(baseline)}.{widest}",
        )
    )


def cheapest_chart(cheapest: pd.DataFrame, strategies: Sequence[str]) -> Any:
    """How often each strategy costs least, one bar each.

    Parameters
    ----------
    cheapest : DataFrame [strategy, share, words]
        `share` of draws, 0..1; `words` what stands beside the bar.

    Returns
    -------
    vega.View
    """
    names = list(strategies)
    row = (
        vega.Y("strategy:N", sort=names)
        .title(None)
        .axis(labels=False, ticks=False, domain=False)
        .scale(paddingInner=0, paddingOuter=0.1)
    )
    x = vega.X("share:Q").title("Share of draws in which it costs least (%)").scale(domain=[0, 1])
    base = vega.chart(cheapest)
    colour = vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(None)
    return theme.configure(
        vega.layer(
            base.mark_bar(size=14, yOffset=8).encode(
                x.axis(format="%", tickCount=5),
                row,
                colour,
                tooltip=[
                    vega.Tooltip("strategy:N", title="Strategy"),
                    vega.Tooltip("share:Q", title="Costs least in", format=".1%"),
                ],
            ),
            base.mark_text(
                align="left",
                baseline="bottom",
                yOffset=-1,
                fontSize=12,
                fontWeight="bold",
                color=theme.NEUTRAL,
            ).encode(vega.X(datum=0), row, text="words:N"),
        ).properties(
            width="container",
            height=vega.step(44),
            description="How often each strategy costs least: " + "; ".join(cheapest["words"]) + ".",
        )
    )


def budget_chart(months: pd.DataFrame, strategy: str, strategies: Sequence[str], budget: float | None) -> Any:
    """Invoiced spend of one strategy by month: the middle, the span to the 95 % budget, and the budget that was set.

    Parameters
    ----------
    months : DataFrame [month, p10, p50, p95]
        Quantiles of the month's spend, USD.

    Returns
    -------
    vega.View
    """
    table = months.assign(month_start=pd.to_datetime(months["month"] + "-01"))
    colour = theme.strategy_colour(strategy, strategies)
    x = (
        vega.X("month_start:T")
        .scale(type="utc")
        .title("Month")
        .axis(format="%b %Y", grid=False, labelAngle=0, tickCount=min(max(len(table), 2), 6), labelFlush=True)
    )
    top = max(float(table["p95"].max()), budget or 0.0, 1e-9) * 1.05
    y = vega.Y("p50:Q").title("Invoiced in the month (USD)").scale(domain=[0, top])
    base = vega.chart(table)
    few = len(table) == 1
    layers: list[Any] = [
        base.mark_area(opacity=0.18, color=colour, line=False, point=few).encode(
            x, vega.Y("p10:Q").scale(domain=[0, top]), vega.Y2("p95:Q")
        ),
        base.mark_line(color=colour, strokeWidth=2.5, point=few).encode(
            x,
            y.axis(labelExpr=theme.USD_AXIS, tickCount=6),
            tooltip=[
                vega.Tooltip("month:N", title="Month"),
                vega.Tooltip("p10:Q", title="P10, USD", format=theme.USD_TOOLTIP),
                vega.Tooltip("p50:Q", title="P50, USD", format=theme.USD_TOOLTIP),
                vega.Tooltip("p95:Q", title="P95, USD", format=theme.USD_TOOLTIP),
            ],
        ),
        base.mark_line(color=colour, strokeWidth=1.5, strokeDash=[5, 3], point=few).encode(
            x, vega.Y("p95:Q").scale(domain=[0, top])
        ),
    ]
    if budget is not None:
        line = pd.DataFrame({"at": [budget]})
        layers.append(
            vega.chart(line).mark_rule(color=theme.NEUTRAL, strokeWidth=2).encode(vega.Y("at:Q").title(None))
        )
    said = f", budget {theme.usd_words(budget)}" if budget is not None else ""
    return theme.configure(
        vega.layer(*layers).properties(
            width="container",
            height=BUDGET_PX,
            description=f"Invoiced spend of {strategy} by month: median, P10 to P95 shaded, P95 dashed{said}. In the last month "
            f"{theme.usd_words(float(table['p50'].iloc[-1]))}, P95 {theme.usd_words(float(table['p95'].iloc[-1]))}.",
        )
    )


def _number(value: float) -> str:
    """Three significant digits.

    >>> _number(0.03), _number(1234567), _number(0.000123), _number(12.5)
    ('0.03', '1,230,000', '0.000123', '12.5')
    """
    return f"{float(f'{value:.3g}'):,.10f}".rstrip("0").rstrip(".")
