"""The page Sensitivity without a browser: its figures are those of the analysis, and it says what they rest on."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import doubting, state, text
from planner.api import Comparison
from planner.experiments.uncertainty import Uncertainty, uncertainty
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


def test_the_sentence_says_when_the_odds_are_against_the_answer(found: Uncertainty) -> None:
    best = found.cheapest.sort_values("among_all").iloc[-1]["strategy"]
    other = next(name for name in found.strategies if name != best)
    assert "the odds are against it" in doubting.sentence(found, other)
    assert "the odds are against it" not in doubting.sentence(found, best)
    assert doubting.sentence(found, None).endswith(".")
