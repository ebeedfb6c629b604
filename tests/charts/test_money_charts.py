"""Charts for finance: months that can be clicked, bands and crossings, tornado, who is cheapest, and the budget."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import vl_convert

from planner.charts import (
    CHOICE,
    budget_chart,
    cheapest_chart,
    cumulative_chart,
    months_chart,
    theme,
    tornado_chart,
)
from tests.charts import data

BARS = pd.DataFrame(
    [
        ("traffic.growth_per_month", 0.0, 0.08, -30000.0, 20000.0, -5000.0, (0.052,)),
        ("finance.people[Run].fte", 0.4, 0.7, -6000.0, -4000.0, -5000.0, ()),
    ],
    columns=["input", "p10", "p90", "at_p10", "at_p90", "baseline", "switches"],
)
BUDGET = pd.DataFrame(
    {"month": data.MONTHS, "p10": [80.0] * 36, "p50": [100.0] * 36, "p95": [150.0 + k for k in range(36)]}
)
CHEAPEST = pd.DataFrame(
    {
        "strategy": data.STRATEGIES,
        "share": [0.0, 0.25, 0.75],
        "words": [
            f"{name}: {share}" for name, share in zip(data.STRATEGIES, ("0 %", "25 %", "75 %"), strict=True)
        ],
    }
)
BANDS = pd.DataFrame(
    [
        {"strategy": name, "month": month, "low": 1000.0 * k, "high": 90000.0 * (k + 1)}
        for name in data.STRATEGIES
        for k, month in enumerate(data.MONTHS)
    ]
)
CROSSINGS = pd.DataFrame(
    [{"month": "2027-08", "amount_usd": 250000.0, "text": "hybrid passes mini-only in 2027-08"}]
)
CHARTS = {
    "months": lambda: months_chart(data.monthly(), "hybrid"),
    "tornado": lambda: tornado_chart(BARS, "hybrid", "mini-only", {"traffic.growth_per_month": "growth"}),
    "cheapest": lambda: cheapest_chart(CHEAPEST, data.STRATEGIES),
    "budget": lambda: budget_chart(BUDGET, "hybrid", data.STRATEGIES, 140.0),
    "cumulative": lambda: cumulative_chart(data.monthly(), data.STRATEGIES, "economic", BANDS, CROSSINGS),
}


@pytest.fixture(params=CHARTS)
def chart(request: pytest.FixtureRequest) -> Any:
    return CHARTS[request.param]()


def nodes(spec: Any) -> Iterator[dict[str, Any]]:
    if isinstance(spec, dict):
        yield spec
        for inner in spec.values():
            yield from nodes(inner)
    elif isinstance(spec, list):
        for inner in spec:
            yield from nodes(inner)


def table(spec: dict[str, Any], *columns: str) -> pd.DataFrame:
    """The first table of a specification that has all these columns."""
    return next(
        pd.DataFrame(found) for found in spec["datasets"].values() if found and set(columns) <= set(found[0])
    )


def test_every_chart_is_drawn_without_a_network_and_says_what_it_shows(chart: Any) -> None:
    spec = chart.to_dict()
    assert len(spec["description"]) > 40
    assert sum(len(found) for found in spec["datasets"].values()) <= theme.MAX_ROWS
    spec["width"] = 500
    png = vl_convert.vegalite_to_png(spec, allowed_base_urls=[])
    assert png.startswith(b"\x89PNG")
    assert len(png) > 3_000


def test_every_axis_of_figures_has_its_unit(chart: Any) -> None:
    titles = {
        node["title"]
        for node in nodes(chart.to_dict())
        if "axis" in node and isinstance(node.get("title"), str) and node.get("type") == "quantitative"
    }
    assert titles
    assert all("(USD)" in title or "USD" in title or "(%)" in title for title in titles), titles


def test_bars_of_a_month_add_up_to_the_ledger_and_can_be_chosen() -> None:
    spec = CHARTS["months"]().to_dict()
    rows = table(spec, "month", "label", "amount_usd")
    total = float(data.ledger_total("hybrid"))
    assert rows["amount_usd"].sum() == pytest.approx(total, rel=1e-12)
    assert set(rows["label"]) == {
        "api", "router", "people", "one-time", "migration", "wrong answers (economic)", "downtime (economic)",
    }  # fmt: skip
    (choice,) = spec["params"]
    assert choice["name"] == CHOICE
    assert choice["select"]["fields"] == ["month", "label"]
    assert "layer" not in spec  # a page is told of a choice only in a single view


def test_a_tornado_bar_reaches_from_the_baseline_to_the_difference_at_each_end() -> None:
    spec = CHARTS["tornado"]().to_dict()
    rows = table(spec, "from_usd", "to_usd")
    growth = rows[rows["name"] == "growth; flips at 0.052"].set_index("end")
    assert growth.loc["low value (P10)", ["from_usd", "to_usd"]].tolist() == [-5000.0, -30000.0]
    assert growth.loc["high value (P90)", ["from_usd", "to_usd"]].tolist() == [-5000.0, 20000.0]
    assert list(rows["value"]) == ["0", "0.08", "0.4", "0.7"]
    assert rows["name"].iloc[2] == "finance.people[Run].fte"  # never flips, and has no other words


def test_the_budget_and_the_end_of_the_span_are_drawn_at_their_values() -> None:
    spec = CHARTS["budget"]().to_dict()
    assert table(spec, "at")["at"].tolist() == [140.0]
    assert table(spec, "p95")["p95"].tolist()[-1] == 185.0
    without = budget_chart(BUDGET, "hybrid", data.STRATEGIES, None).to_dict()
    assert not [
        node
        for node in nodes(without)
        if node.get("mark", {}) and isinstance(node.get("mark"), dict) and node["mark"].get("type") == "rule"
    ]


def test_bands_and_crossings_are_drawn_where_they_are() -> None:
    spec = CHARTS["cumulative"]().to_dict()
    band = table(spec, "strategy", "low", "high")
    assert len(band) == 3 * 36
    assert band["high"].max() == 90000.0 * 36
    crossing = table(spec, "text", "month", "amount_usd")
    assert crossing["amount_usd"].tolist() == [250000.0]
    assert "hybrid passes mini-only in 2027-08" in spec["description"]


def test_twenty_years_of_twelve_strategies_with_bands_still_fit() -> None:
    months = [f"{2027 + k // 12}-{k % 12 + 1:02d}" for k in range(240)]
    names = [f"s{s}" for s in range(12)]
    rows = pd.DataFrame(
        [
            {"strategy": name, "month": month, "view": "invoiced", "account": "api", "amount_usd": 1.0}
            for name in names
            for month in months
        ]
    )
    bands = pd.DataFrame(
        [{"strategy": name, "month": month, "low": 1.0, "high": 2.0} for name in names for month in months]
    )
    spec = cumulative_chart(rows, names, "invoiced", bands).to_dict()
    assert sum(len(found) for found in spec["datasets"].values()) <= theme.MAX_ROWS
