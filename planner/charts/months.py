"""The bill of one strategy month by month, a bar that can be clicked for each account.

Comes in: tidy monthly amounts; goes out: one chart of a single view, because only such a chart can tell a page which of its
bars was chosen.
"""

from typing import Any

import pandas as pd

from planner.charts import theme, vega
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
    vega.View
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
    choice = {"param": CHOICE, "empty": False}
    x = (
        vega.X("month:O", sort=months)
        .title("Month")
        .axis(labelAngle=0, labelOverlap="greedy", grid=False, ticks=False)
    )
    chart = (
        vega.chart(sums)
        .mark_bar(cursor="pointer")
        .encode(
            x,
            vega.Y("amount_usd:Q")
            .title("Cost of the month (USD)")
            .axis(labelExpr=theme.USD_AXIS, tickCount=6),
            vega.Color("label:N", sort=labels)
            .scale(domain=labels, range=[colour_of[label] for label in labels])
            .legend(title="Account", columns=3),
            order=vega.Order("place:Q"),
            opacity=vega.condition("datum.is_economic", vega.value(0.55), vega.value(1)),
            stroke=vega.condition(choice, vega.value(theme.NEUTRAL), vega.value(None)),
            strokeWidth=vega.condition(choice, vega.value(2), vega.value(0)),
            tooltip=[
                vega.Tooltip("month:N", title="Month"),
                vega.Tooltip("label:N", title="Account"),
                vega.Tooltip("amount_usd:Q", title="USD", format=theme.USD_TOOLTIP),
            ],
        )
        .properties(params=[{"name": CHOICE, "select": {"type": "point", "fields": ["month", "label"]}}])
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
