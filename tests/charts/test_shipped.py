"""Every chart of every shipped scenario: small, in words, with units, in one strategy's one colour, and valid."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import planner
from planner.api import Comparison
from planner.charts import panels, theme
from planner.charts.flow import percent
from tests.charts.test_charts import axis_titles, nodes

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
NAMES = ["latency", "tco", "cumulative", "tradeoff", "week", "flow"]
MOST_BYTES = 200_000  # of all six together, as text; a page sends their tables in half of that
UNITS = ("(s", "(%", "USD", "(per s)", "(UTC)", "(h)")


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda path: path.stem)
def comparison(request: pytest.FixtureRequest) -> Comparison:
    return planner.compare(planner.load(request.param), replications=4)


def specs(comparison: Comparison) -> Iterator[tuple[str, dict[str, Any]]]:
    charts = comparison.charts
    for name in charts:
        for part in panels(charts[name]):
            yield name, part.to_dict()


def test_there_are_six(comparison: Comparison) -> None:
    assert list(comparison.charts) == NAMES


def test_none_carries_more_than_2000_rows_and_all_together_are_small(comparison: Comparison) -> None:
    sizes = []
    for name, spec in specs(comparison):
        assert sum(len(table) for table in spec["datasets"].values()) <= theme.MAX_ROWS, name
        sizes.append(len(json.dumps(spec).encode()))
    assert sum(sizes) < MOST_BYTES


def test_altair_finds_each_of_them_valid(comparison: Comparison) -> None:
    for name in comparison.charts:
        chart = comparison.charts[name]
        assert chart.altair().to_dict()["description"] == chart.to_dict()["description"]


def test_axes_of_figures_have_titles_with_units(comparison: Comparison) -> None:
    for name, spec in specs(comparison):
        titles = axis_titles(spec) - {"Month"}
        assert titles or name == "flow", name
        assert all(any(unit in title for unit in UNITS) for title in titles), titles


def test_a_strategy_has_one_colour_in_all_of_them(comparison: Comparison) -> None:
    names = list(comparison.strategies)
    expected = {name: theme.STRATEGY_COLOURS[k] for k, name in enumerate(names)}
    seen = set()
    for name, spec in specs(comparison):
        for node in nodes(spec):
            scale = node.get("scale") if node.get("field") == "strategy" else None
            if isinstance(scale, dict) and str(scale.get("range", [""])[0]).startswith("#"):
                assert dict(zip(scale["domain"], scale["range"], strict=True)) == expected
                seen.add(name)
    assert seen == {
        "latency",
        "cumulative",
        "tradeoff",
        "week",
    }  # bars of accounts and flows show no strategy


def test_descriptions_say_the_figures_of_the_tables(comparison: Comparison) -> None:
    said = {name: comparison.charts[name].to_dict()["description"] for name in NAMES}
    summary = comparison.summary[comparison.summary["task"] == ""].set_index(["strategy", "measure"])["value"]
    money = comparison.money.set_index(["strategy", "measure"])["value"]
    monthly = comparison.monthly
    economic = comparison.scenario.objective == "economic"
    for name in comparison.strategies:
        p95 = theme.seconds_words(summary[name, "latency_p95_s"])
        assert f"{name} {p95}" in said["latency"]
        has_economic = bool((monthly.loc[monthly["strategy"] == name, "view"] == "economic").any())
        assert f"{name}: {theme.usd_words(float(money[name, 'tco_total_usd']))} invoiced" in said["tco"]
        if has_economic:
            assert (
                f"{theme.usd_words(float(money[name, 'economic_tco_total_usd']))} with economic"
                in said["tco"]
            )
        total = money[name, "economic_tco_total_usd" if economic else "tco_total_usd"]
        assert f"{name}: {theme.usd_words(float(total))}" in said["cumulative"]
        unit = money[name, "economic_cost_per_1k_requests_usd" if economic else "cost_per_1k_requests_usd"]
        assert f"{name} costs {theme.usd_words(float(unit))}, p95 latency {p95}" in said["tradeoff"]
        rows = planner.week(comparison)
        own = rows[(rows["strategy"] == name) & (rows["kind"] != "planted outage")]
        if len(own):
            low, high = (
                theme.seconds_words(float(end))
                for end in (own["latency_p95_s"].min(), own["latency_p95_s"].max())
            )
            assert f"{name} {low} to {high}" in said["week"]
    strategy = comparison.winner or comparison.strategies[0]
    assert f"a month of {strategy}: " in said["flow"]
    lost = 1 - summary[strategy, "availability"]
    links = planner.flow(comparison, strategy)
    failed = float(links.loc[links["target_kind"] == "failed", "requests_share"].sum())
    assert failed == pytest.approx(lost, abs=1e-12)
    assert said["flow"].endswith(f"failed {percent(failed)}.")


def test_the_band_of_the_latency_is_drawn_where_there_is_one(comparison: Comparison) -> None:
    spec = comparison.charts["latency"].to_dict()
    lines = next(
        table for table in spec["datasets"].values() if table and "share" in table[0] and len(table) > 60
    )
    known = comparison.curves["low_s"].notna().any()
    assert ("low_s" in lines[0]) == known


def test_the_charts_of_a_rerun_take_a_small_part_of_a_second(comparison: Comparison) -> None:
    """Processor time, so that other work on the machine does not count; with Altair's objects it was seven times as much."""

    def draw() -> float:
        began = time.process_time()
        list(specs(comparison))
        return time.process_time() - began

    assert min(draw() for _ in range(3)) < 0.4
