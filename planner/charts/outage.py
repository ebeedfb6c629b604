"""What piles up in an outage: requests in flight beyond those without it, by strategy over time.

Comes in: rows [strategy, minute, backlog] since the outage's beginning; goes out: one chart with the outage shaded.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from planner.charts import theme, vega

HEIGHT_PX = 260
SHADE = "#8a8a8a"


def backlog_chart(
    rows: pd.DataFrame,
    minutes: float,
    strategies: Sequence[str] | None = None,
    provider: str = "the provider",
) -> Any:
    """Backlog over time, one line per strategy.

    Parameters
    ----------
    rows : DataFrame [strategy, minute, backlog]
        `backlog` in requests, `minute` since the outage's beginning, negative before it.
    minutes : float
        How long the outage is; shaded.
    strategies : sequence of names, optional
        All strategies of the scenario in their order, which decides the colours; default: those in `rows`.
    provider : str
        Who is out, for the description.

    Returns
    -------
    vega.View
        At most 2,000 rows.
    """
    names = list(strategies) if strategies is not None else list(dict.fromkeys(rows["strategy"]))
    lines = theme.thinned(
        rows.sort_values(["strategy", "minute"], kind="stable"), "strategy", theme.MAX_ROWS - 10
    )
    shown = [name for name in names if (lines["strategy"] == name).any()]
    x = vega.X("minute:Q").title("Minutes since the outage began").scale(nice=False)
    y = vega.Y("backlog:Q").title("Requests in flight, more than without it")
    key = {"title": None, "values": shown, "symbolSize": 300, "symbolStrokeWidth": 2.5}
    curve = vega.chart(lines).mark_line(strokeWidth=2.2).encode(
        x, y,
        vega.Color("strategy:N").scale(theme.strategy_scale(names)).legend(key),
        vega.StrokeDash("strategy:N").scale(theme.dash_scale(names)).legend(key),
        tooltip=[
            vega.Tooltip("strategy:N", title="Strategy"),
            vega.Tooltip("minute:Q", title="Minutes since the outage began", format=",.1f"),
            vega.Tooltip("backlog:Q", title="More in flight (requests)", format=",.1f"),
        ],
    )  # fmt: skip
    span = pd.DataFrame([{"minute": 0.0, "end": float(minutes), "text": "outage", "row_px": 10}])
    shade = vega.chart(span).mark_rect(color=SHADE, opacity=0.18).encode(vega.X("minute:Q"), vega.X2("end:Q"))
    word = (
        vega.chart(span)
        .mark_text(align="left", dx=5, fontSize=12, fontWeight="bold", color=theme.NEUTRAL)
        .encode(vega.X("minute:Q"), vega.Y("row_px:Q").scale(None), text="text:N")
    )
    return theme.configure(
        vega.layer(shade, curve, word).properties(
            width="container", height=HEIGHT_PX, description=_description(rows, shown, minutes, provider)
        )
    )


def _description(rows: pd.DataFrame, names: Sequence[str], minutes: float, provider: str) -> str:
    parts = []
    for name in names:
        own = rows[rows["strategy"] == name]
        top = own.iloc[int(own["backlog"].to_numpy().argmax())]
        parts.append(f"{name} at most {top['backlog']:,.1f}, {top['minute']:,.1f} min after it began")
    return (
        f"Requests in flight beyond those without the outage of {provider} of {minutes:g} minutes, mean over "
        f"replications, by strategy: {'; '.join(parts)}."
    )
