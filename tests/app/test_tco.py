"""The page TCO without a browser: sums of the ledger, the hand check, and one address for all pages of a comparison."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import billing, state, stating
from planner.api import Comparison
from planner.experiments.statement import statement
from planner.finance.ledger import total_of, usd
from tests.app.library import write_library

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
TCO, COMPARE = "screens/tco.py", "screens/compare.py"
Start = Callable[..., AppTest]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The page TCO on the small library, opened at an address."""
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path)))

    def run(**params: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        app.switch_page(TCO)
        for name, value in params.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return run


def to(app: AppTest, page: str) -> AppTest:
    """Another page by its link: the address goes along."""
    leads = dict(app.query_params)
    app.switch_page(page)
    app.query_params.clear()
    app.query_params.update(leads)
    app.run()
    assert not app.exception
    return app


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = write_library(tmp_path_factory.mktemp("library"))
    return planner.compare(planner.load(folder / "support-chatbot.yaml"))


def tables(app: AppTest) -> list[pd.DataFrame]:
    return [one.value for one in app.dataframe]


def test_the_page_shows_every_account_and_that_it_adds_up(start: Start, small: Comparison) -> None:
    app = start()
    assert app.title[0].value == "TCO\\: Small chat"
    assert any("✓ reconciled 0.00" in one.value for one in app.markdown)
    accounts = tables(app)[0].set_index("Account, USD")
    for name in small.strategies:
        ledger = small.results[name].ledger
        assert accounts.loc["Total invoiced", name] == usd(ledger.total("invoiced"), "")
        assert accounts.loc["Total with economic", name] == usd(ledger.total(), "")
        outputs = [row.amount_usd for row in ledger.rows if row.account == "api/output"]
        assert accounts.loc["api/output", name] == usd(total_of(outputs), "")


def test_what_is_changed_on_one_page_is_changed_on_the_others(start: Start) -> None:
    app = start(**{"traffic.growth_per_month": "0.05"})
    assert app.slider[0].value == 0.05
    assert app.number_input(key="in:traffic.requests_per_month").value == 400_000
    app.slider[0].set_value(0.06).run()
    assert app.query_params["traffic.growth_per_month"] == "0.06"
    to(app, COMPARE)
    assert app.slider[0].value == 0.06
    assert app.number_input(key="in:traffic.requests_per_month").value == 400_000
    assert dict(app.query_params)["traffic.growth_per_month"] == "0.06"


def test_the_hand_check_ends_on_the_ledger(start: Start, small: Comparison) -> None:
    app = start()
    app.selectbox(key=billing.MONTH).set_value("2027-05").run()
    app.selectbox(key=billing.ACCOUNT).set_value("api").run()
    assert not app.exception
    whose = app.session_state["tco:strategy"]
    rows = small.results[whose].ledger.select(month="2027-05", group="api").rows
    total = usd(total_of(row.amount_usd for row in rows))
    assert any(f"**{total}** in the ledger" in one.value for one in app.markdown)
    bill = next(table for table in tables(app) if "Working" in table)
    assert bill["Amount, USD"].iloc[-1] == usd(total_of(row.amount_usd for row in rows), "")


def test_rows_behind_a_bar_are_those_of_its_month_account_and_view(small: Comparison) -> None:
    ledger = small.results["hybrid"].ledger
    rows = stating.rows_behind(ledger, "2027-03", "api", "invoiced")
    assert {row.account for row in rows} == {"api/input", "api/output"}
    monthly = small.monthly
    bar = monthly[
        (monthly["strategy"] == "hybrid") & (monthly["month"] == "2027-03") & (monthly["account"] == "api")
    ]
    assert float(total_of(row.amount_usd for row in rows)) == pytest.approx(
        bar["amount_usd"].sum(), rel=1e-12
    )
    wrong = stating.rows_behind(ledger, "2027-03", "wrong answers", "economic")
    assert wrong
    assert {row.view for row in wrong} == {"economic"}
    assert stating.rows_behind(ledger, "2027-03", "wrong answers", "invoiced") == ()


def test_a_table_of_rows_shows_quantity_price_and_product(small: Comparison) -> None:
    row = small.results["omni-only"].ledger.rows[0]
    shown = stating.row_table((row,)).iloc[0]
    assert Decimal(shown["Unit price, USD"]) == row.unit_price_usd
    assert Decimal(shown["Quantity"].split(" ")[0].replace(",", "")) == row.quantity
    assert shown["Amount, USD"] == usd(row.amount_usd, "")


def test_every_figure_of_energy_says_where_it_comes_from_or_why_there_is_none(small: Comparison) -> None:
    shown = stating.footprint_table(statement(small))
    sources = list(shown["Source"])
    assert all(isinstance(one, str) for one in sources)
    assert not {"", "None", "nan"} & {*sources}
