"""The bill of one strategy month by month, a bar that can be clicked for each account.

Comes in: tidy monthly amounts; goes out: one chart of a single view, because only such a chart can tell a page which of its
bars was chosen.
"""

from typing import Any

import altair as alt
import pandas as pd

from planner.charts import theme
from planner.charts.cost import ECONOMIC

BARS_PX = 300
CHOICE = "bar"  # name of the selection: fields `month` and `label`


def months_chart(monthly: pd.DataFrame, strategy: str) -> Any:
    """Stacked cost of each month by account.

    Parameters
    ----------
    monthly : DataFrame [strategy, month, view, account, amount_usd]
        Amounts by month; `view` is invoiced or economic (drawn lighter, and named so). Credits are below zero and
        hang under the axis.

    Returns
    -------
    altair.Chart
        With a selection `CHOICE` of one bar.
    """
    rows = monthly[monthly["strategy"] == strategy].copy()
    is_economic = rows["view"] != "invoiced"
    rows["label"] = rows["account"].where(~is_economic, rows["account"] + ECONOMIC)
    sums = (
        rows.assign(is_economic=is_economic)
        .groupby(["month", "label", "account", "is_economic"], sort=False)["amount_usd"]
        .sum()
        .reset_index()
    )
    size = sums.groupby("label")["amount_usd"].sum()
    labels = sorted(size.index, key=lambda label: (label.endswith(ECONOMIC), -float(size[label]), str(label)))
    place = {label: k for k, label in enumerate(labels)}
    sums["place"] = sums["label"].map(place)
    accounts = list(dict.fromkeys(sums.sort_values("place")["account"]))
    colours = theme.account_colours(accounts)
    colour_of = dict(zip(sums["label"], sums["account"].map(colours), strict=True))
    months = sorted(sums["month"].unique())
    choice = alt.selection_point(name=CHOICE, fields=["month", "label"])
    x = (
        alt.X("month:O", sort=months)
        .title("Month")
        .axis(labelAngle=0, labelOverlap="greedy", grid=False, ticks=False)
    )
    chart = (
        alt.Chart(sums)
        .mark_bar(cursor="pointer")
        .encode(
            x,
            alt.Y("amount_usd:Q")
            .title("Cost of the month (USD)")
            .axis(labelExpr=theme.USD_AXIS, tickCount=6),
            alt.Color("label:N", sort=labels)
            .scale(domain=labels, range=[colour_of[label] for label in labels])
            .legend(alt.Legend(title="Account", columns=3)),
            order=alt.Order("place:Q"),
            opacity=alt.condition("datum.is_economic", alt.value(0.55), alt.value(1)),
            stroke=alt.condition(choice, alt.value(theme.NEUTRAL), alt.value(None), empty=False),
            strokeWidth=alt.condition(choice, alt.value(2), alt.value(0), empty=False),
            tooltip=[
                alt.Tooltip("month:N", title="Month"),
                alt.Tooltip("label:N", title="Account"),
                alt.Tooltip("amount_usd:Q", title="USD", format=theme.USD_TOOLTIP),
            ],
        )
        .add_params(choice)
    )
    total = float(sums["amount_usd"].sum())
    largest = labels[0] if labels else "nothing"
    return theme.configure(
        chart.properties(
            width="container",
            height=BARS_PX,
            description=f"Cost of {strategy} by month and account over {len(months)} months, {theme.usd_words(total)} in all; "
            f"the largest account is {largest}.",
        )
    )
