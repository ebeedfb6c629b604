"""The page Sensitivity without a browser: its figures are those of the analysis, and it says what they rest on."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import doubting, mapping, state, text
from planner.api import Comparison
from planner.experiments.answer import Cost
from planner.experiments.map_axes import read_axes
from planner.experiments.omni_share import OmniShare, SharePoint
from planner.experiments.uncertainty import Uncertainty, uncertainty
from planner.metrics import Estimate
from tests.app.library import SMALL, write_library

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
SENSITIVITY = "screens/sensitivity.py"
UNCERTAIN = SMALL.replace(
    "run: {seed: 3",
    "uncertain:\n  traffic.growth_per_month: {p10: 0.0, p50: 0.02, p90: 0.05}\n"
    "  tasks.hard.cost_of_wrong_answer_usd: {p10: 0.005, p50: 0.02, p90: 0.06}\nrun: {seed: 3",
).replace("finance: {horizon_months: 12,", "finance: {horizon_months: 12, budget_usd_per_month: 1500,")
Start = Callable[..., AppTest]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The page on the small library, opened at an address."""
    folder = write_library(tmp_path)
    (folder / "uncertain.yaml").write_text(UNCERTAIN, encoding="utf-8")
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(folder))

    def run(**params: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=100)
        app.switch_page(SENSITIVITY)
        for name, value in ({"scenario": "uncertain"} | params).items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return run


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    file = tmp_path_factory.mktemp("library") / "uncertain.yaml"
    file.write_text(UNCERTAIN, encoding="utf-8")
    return planner.compare(planner.load(file))


@pytest.fixture(scope="module")
def found(compared: Comparison) -> Uncertainty:
    return uncertainty(compared)


def tables(app: AppTest) -> list[pd.DataFrame]:
    return [one.value for one in app.dataframe]


def test_the_page_says_who_is_cheapest_how_often(
    start: Start, compared: Comparison, found: Uncertainty
) -> None:
    app = start()
    assert app.title[0].value == "Sensitivity\\: Small chat"
    assert text.markdown(doubting.sentence(found, compared.winner)) in app.info[0].value
    budget = next(table for table in tables(app) if "P80, USD" in table)
    totals = found.budget[(found.budget["measure"] == "total") & (found.budget["view"] == "invoiced")]
    for row in totals.to_dict("records"):
        mine = budget[(budget["Strategy"] == row["strategy"]) & (budget["View"] == "invoiced")].iloc[0]
        assert mine["P95 (95 % budget), USD"] == f"{row['p95']:,.0f}"
        assert mine["As given, USD"] == f"{row['expected']:,.0f}"


def test_the_budget_is_told_with_how_often_it_is_passed(start: Start, found: Uncertainty) -> None:
    app = start()
    told = [one.value for one in app.caption if "The budget of 1,500 USD a month" in one.value]
    assert len(told) == 1
    breaches = next(table for table in tables(app) if "Passes the budget in" in table)
    assert len(breaches) == len(found.years)


def test_the_difference_that_is_asked_for_is_shown(start: Start, found: Uncertainty) -> None:
    app = start()
    app.selectbox(key="doubt:pair").set_value(("omni-only", "mini-only")).run()
    assert not app.exception
    shown = next(table for table in tables(app) if "The decision flips at" in table)
    bars = found.tornado("omni-only", "mini-only")
    assert list(shown["Input"]) == list(bars["input"])
    assert shown["Difference at P10, USD"].iloc[0] == f"{bars['at_p10'].iloc[0]:,.0f}"


def test_default_ranges_are_said_to_be_defaults(start: Start) -> None:
    app = start(scenario="support-chatbot")
    assert any("default ranges" in one.label for one in app.expander)
    inputs = next(table for table in tables(app) if "Meaning" in table)
    assert all(inputs["Source"].str.len() > 10)


def test_break_even_is_that_of_the_python_api(start: Start, compared: Comparison) -> None:
    app = start()
    even = planner.break_even(compared)
    shown = next(table for table in tables(app) if "Cheaper today" in table)
    assert list(shown["Pair"]) == [f"{pair.a} and {pair.b}" for pair in even.pairs]
    for words, pair in zip(shown["Requests a month at which it changes"], even.pairs, strict=True):
        if pair.volumes:
            assert f"{float(pair.volumes[0].volume):,.0f}: from {pair.volumes[0].before}" in words
        else:
            assert "never" in words
    errors = next(table for table in tables(app) if "The ranking flips at" in table)
    assert len(errors) == sum(len(pair.error_costs) for pair in even.pairs)


def test_a_map_is_drawn_when_it_is_asked_for(start: Start, compared: Comparison) -> None:
    app = start()
    assert not [one for one in app.caption if "cells" in one.value]
    x, y = "tasks.faq.cost_of_wrong_answer_usd=0.001..0.1:3", "finance.people[Run].fte=0..1:3"
    app.text_input(key="map:x").set_value(x)
    app.text_input(key="map:y").set_value(y)
    next(one for one in app.button if one.label == "Draw the map").click().run()
    assert not app.exception
    wins = planner.decision_map(compared.scenario, x=x, y=y).wins
    told = next(one.value for one in app.caption if "of 9 cells" in one.value)
    for name, many in wins.items():
        if name is not None:
            assert f"{name} wins {many} of 9 cells" in told


def test_wrong_axes_are_told_all_at_once(start: Start) -> None:
    app = start()
    app.text_input(key="map:x").set_value("tasks.nobody.share=0..1")
    app.text_input(key="map:y").set_value("finance.discount_rate=5..1")
    next(one for one in app.button if one.label == "Draw the map").click().run()
    assert not app.exception
    assert "2 problems in the axes; nothing was run." in app.error[0].value


@pytest.mark.parametrize(
    "path", sorted((MAIN.parents[1] / "scenarios").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_axes_to_begin_with_can_be_drawn(path: Path) -> None:
    scenario = planner.load(path)
    across, up = read_axes(scenario, *mapping.suggested(scenario))
    assert across.is_log
    assert len(across.values) == 7
    assert up.values[0] < up.values[-1]


def test_the_sentence_says_when_the_odds_are_against_the_answer(found: Uncertainty) -> None:
    best = found.cheapest.sort_values("among_all").iloc[-1]["strategy"]
    other = next(name for name in found.strategies if name != best)
    assert "the odds are against it" in doubting.sentence(found, other)
    assert "the odds are against it" not in doubting.sentence(found, best)
    assert doubting.sentence(found, None).endswith(".")


def test_crossings_lie_where_the_cumulative_costs_change_places(compared: Comparison) -> None:
    ahead = {"name": "Tuning the small one", "usd": 2500, "strategies": ["mini-only"]}
    late = planner.compare(compared.scenario.set({"finance.one_time": [ahead]}))
    rows = mapping.crossings(late)
    per_month = {name: one.tco.per_month for name, one in late.results.items()}
    found = set()
    for a, b in combinations(per_month, 2):
        leads: str | None = None
        for first, second in zip(per_month[a], per_month[b], strict=True):
            gap = second.cumulative_economic_usd - first.cumulative_economic_usd
            now = leads if gap == 0 else a if gap > 0 else b
            if leads is not None and now != leads:
                cost = first if now == a else second
                found.add((first.month, float(cost.cumulative_economic_usd)))
            leads = now
    assert found, "no pair crosses: the scenario tests nothing"
    assert {(row["month"], row["amount_usd"]) for row in rows.to_dict("records")} == found


def test_the_cost_of_an_error_shown_makes_two_strategies_level(compared: Comparison) -> None:
    even = planner.break_even(compared)
    shown = mapping.error_table(even)
    pair = next(one for one in even.pairs if any(cost.task and cost.usd for cost in one.error_costs))
    cost = next(one for one in pair.error_costs if one.task and one.usd)
    row = shown[(shown["Pair"] == f"{pair.a} and {pair.b}") & (shown["Wrong answers to"] == cost.task)].iloc[
        0
    ]
    assert row["The ranking flips at"] == f"{float(cost.usd):,.4g} USD"
    level = compared.scenario.set({f"tasks.{cost.task}.cost_of_wrong_answer_usd": float(cost.usd)})
    again = planner.compare(level)
    gap = again.results[pair.a].ledger.total() - again.results[pair.b].ledger.total()
    assert abs(gap) < Decimal("0.01")


def test_the_omni_share_is_told_with_its_cost_and_how_far_it_may_move(compared: Comparison) -> None:
    point = SharePoint(share=0.25, cost=Cost(Decimal("1234.5"), None, None), accuracy=Estimate(0.9))
    found = OmniShare(strategy="hybrid", floor=0.95, best=None, free=point, points=(point,), today=0.5)
    assert mapping.share_words(found) == "hybrid: no share keeps accuracy at 0.95 or more."
    told = mapping.share_words(replace(found, floor=0.8, best=point))
    assert told == (
        "hybrid: the omni share that costs least with accuracy at least 0.8 is 0.25, at 1,234.50 USD. Today it is 0.5. "
        "Anything from 0.25 to 0.25 is as good within 2 %."
    )
