"""Token prices that drift, and wages that rise: worked by hand."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from planner.finance import Ledger, account, assumptions
from planner.finance.hand_check import HandCheck
from planner.finance.intervals import cost_vectors
from planner.finance.ledger import total_of
from planner.finance.token_prices import batch_price, price_days, token_price
from planner.scenario.known import list_usd_per_mtok
from planner.scenario.price_drift import drift_factor, drift_in_force
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal
OWN = {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}
COUNTS = counted(requests=100, omni__answers__right=100, omni__api__input=50_000, omni__api__output=20_000)


def plan(*drifts: dict[str, Any], **changes: Any):
    given = {"models": {OMNI: OWN}, "tasks__faq": {"input_tokens": 500, "output_tokens": 200}}
    return scenario(**given | {"finance__price_drift": list(drifts), "finance__horizon_months": 14} | changes)


def bill(given) -> Ledger:
    return account(given, "omni-only", [Window()], [COUNTS])


def prices(given, name: str = "api/input") -> dict[str, Decimal]:
    return {row.month: row.unit_price_usd for row in bill(given).select(account=name).rows}


def test_a_price_steps_by_calendar_month_and_is_a_years_drift_after_twelve() -> None:
    found = prices(plan({"per_year": -0.36}))
    # 0.64^(1/2) is 0.8 after half a year, 0.64 after a whole one; 2 USD per million
    assert found["2025-01"] == D("0.000002")
    assert found["2025-07"] == D("0.0000016")
    assert found["2026-01"] == D("0.00000128")
    # 0.64^(1/12) to 12 digits: the twelfth powers of half a unit less and more enclose 0.64
    factor = found["2025-02"] * 500_000
    assert factor == D("0.963492483999")
    assert (factor - D("5E-13")) ** 12 < D("0.64") < (factor + D("5E-13")) ** 12


@pytest.mark.parametrize("per_year", [-0.9, -0.2, 0.1, 3.0])
def test_factors_are_powers_to_twelve_digits(per_year: float) -> None:
    given = plan({"per_year": per_year})
    for k in range(240):
        day = date(2025 + k // 12, k % 12 + 1, 17)
        factor = drift_factor(given, OMNI, "openai", day)
        assert float(factor) == pytest.approx((1 + per_year) ** (k / 12), rel=1e-11)
        assert len(factor.as_tuple().digits) <= 12


def test_the_source_says_how_far_the_price_has_drifted() -> None:
    given = plan({"per_year": -0.36})
    rows = {row.month: row.source for row in bill(given).select(account="api/input").rows}
    own = f"scenario: models.{OMNI}.input_usd_per_mtok"
    assert rows["2025-01"] == own
    assert rows["2025-07"] == (
        own + ", times 0.8 in 2025-07 for a drift of -0.36 a year (scenario: finance.price_drift[0])"
    )
    assert "times 0.963492483999 in 2025-02" in rows["2025-02"]


def test_no_drift_is_the_same_ledger_to_the_digit() -> None:
    assert (
        bill(plan()).rows
        == bill(plan({"per_year": 0.0})).rows
        == bill(plan({"model": "x", "per_year": -0.5})).rows
    )


def test_the_one_that_names_most_holds_and_a_model_before_a_provider() -> None:
    given = plan(
        {"per_year": -0.1},
        {"provider": "openai", "per_year": -0.2},
        {"model": OMNI, "per_year": -0.3},
        {"model": OMNI, "provider": "openai", "per_year": -0.4},
    )
    held = {
        (model, provider): drift_in_force(given, model, provider)
        for model in (OMNI, "other")
        for provider in ("openai", "azure", None)
    }
    assert held == {
        (OMNI, "openai"): 3, (OMNI, "azure"): 2, (OMNI, None): 2,
        ("other", "openai"): 1, ("other", "azure"): 0, ("other", None): 0,
    }  # fmt: skip
    assert drift_in_force(plan(), OMNI, "openai") is None


def test_a_drift_is_on_top_of_list_prices_steps_and_batch_prices() -> None:
    given = scenario(
        finance__price_drift=[{"provider": "openai", "per_year": -0.36}],
        finance__price_steps=[{"at": "2025-03-01", "model": OMNI, "factor": 0.5}],
        finance__horizon_months=14,
    )
    on = date(2025, 7, 9)
    assert token_price(given, OMNI, "openai", "input", on).usd == D("2.5") * D("0.5") * D("0.8") / 1_000_000
    assert (
        batch_price(given, OMNI, "openai", "input", on, factor=None).usd == D("1.25") * D("0.4") / 1_000_000
    )
    assert batch_price(given, OMNI, "openai", "input", on, factor=0.7).usd == D("2.5") * D("0.28") / 1_000_000
    assert token_price(given, OMNI, None, "input", on).usd == D("0.000001")  # at home, which is openai
    # what a choice by price sees: input and output, 2.5 + 10
    assert list_usd_per_mtok(given, "omni", OMNI, on) == pytest.approx(12.5 * 0.4, rel=1e-12)
    assert list_usd_per_mtok(given, "omni", OMNI, date(2025, 1, 31)) == 12.5


def test_days_on_which_a_drifting_price_changes_are_the_starts_of_months() -> None:
    given = plan({"model": OMNI, "per_year": -0.2}, start="2025-11-15")
    span = date(2025, 11, 15), date(2026, 3, 1)
    assert sorted(price_days(given, OMNI, "openai", ("input",), *span)) == [
        date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1),
    ]  # fmt: skip
    assert list(price_days(given, "other", None, (), *span)) == []
    assert list(price_days(plan(), OMNI, "openai", ("input",), *span)) == []


def test_a_drift_can_turn_who_is_cheapest() -> None:
    given = scenario(
        models={"a": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}, "b": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 2}},
        deployments={"x": {"model": "a"}, "y": {"model": "b"}},
        strategies={"omni-only": {"omni": ["x", "y"]}},
        finance__price_drift=[{"model": "b", "per_year": -0.75}],
    )  # fmt: skip
    by_day = {
        day: [list_usd_per_mtok(given, name, model, day) for name, model in (("x", "a"), ("y", "b"))]
        for day in (date(2025, 6, 30), date(2025, 7, 1), date(2025, 8, 1))
    }
    assert by_day[date(2025, 6, 30)] == [2.0, pytest.approx(4 * 0.25 ** (5 / 12))]
    assert by_day[date(2025, 7, 1)] == [2.0, pytest.approx(2.0)]
    assert by_day[date(2025, 8, 1)][1] < 2.0


def test_a_year_of_drift_by_hand_and_in_the_intervals() -> None:
    given = plan({"per_year": -0.36}, finance__horizon_months=13)
    ledger = bill(given)
    by_hand = sum(
        days * 1e6 * (500 * 2 + 200 * 8) / 1e6 * 0.64 ** (k / 12)
        for k, days in enumerate((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31))
    )
    assert float(ledger.total()) == pytest.approx(by_hand, rel=1e-11)
    vectors = cost_vectors(given, "omni-only", [Window(), Window()], [COUNTS, COUNTS])
    assert vectors.without_each("invoiced_usd") == pytest.approx([by_hand, by_hand], rel=1e-9)


def test_the_hand_check_ends_on_a_drifting_growing_seasonal_bill() -> None:
    given = plan(
        {"per_year": -0.3},
        traffic__growth_per_year=0.5,
        traffic__saturation_requests_per_month=40_000_000,
        traffic__seasons={"december": 3, "july": 0.25},
        finance__people=[{"name": "run", "fte": 0.3, "usd_per_year": 100_000.0, "raise_per_year": 0.035}],
        finance__price_steps=[{"at": "2025-06-11", "model": OMNI, "factor": 0.7}],
    )
    counts = counted(
        requests=110, failed=7, omni__answers__right=103, omni__api__input=49_000, omni__api__output=21_000,
        omni__wasted_timeout__input=3_000, none__requests__repeated=10,
    )  # fmt: skip
    ledger = account(given, "omni-only", [Window()], [counts])
    check = HandCheck(given, "omni-only", [Window()], [counts], ledger)
    bills = [check.bill(month) for month in check.months]
    assert {one.difference_usd for one in bills} == {D(0)}
    assert total_of(one.ledger_usd for one in bills) == ledger.total()
    july, december = (check.bill(month).calculator[0].requests for month in ("2025-07", "2025-12"))
    assert december > 12 * july


# -- wages -------------------------------------------------------------------------------------------


def test_a_raise_comes_after_twelve_calendar_months_and_compounds() -> None:
    given = scenario(
        start="2025-03-15",
        finance__horizon_months=30,
        finance__people=[{"name": "run", "fte": 0.5, "usd_per_year": 120_000.0, "raise_per_year": 0.05}],
    )
    rows = {row.month: row for row in bill(given).select(account="people").rows}
    assert {rows[month].unit_price_usd for month in ("2025-03", "2025-12", "2026-02")} == {D(10_000)}
    assert {rows[month].unit_price_usd for month in ("2026-03", "2027-02")} == {D(10_500)}
    assert {rows[month].unit_price_usd for month in ("2027-03", "2027-09")} == {D(11_025)}
    assert rows["2027-01"].amount_usd == D(5_250)
    assert {row.source for row in rows.values()} == {"scenario: finance.people.run"}


def test_without_a_raise_wages_stay_as_they_were() -> None:
    people = {"name": "run", "fte": 0.3, "usd_per_year": 99_999.99}
    old = bill(plan(finance__people=[people], finance__horizon_months=30))
    assert (
        old.rows
        == bill(plan(finance__people=[people | {"raise_per_year": 0}], finance__horizon_months=30)).rows
    )


def test_drift_and_raises_are_among_the_assumptions() -> None:
    given = plan(
        {"model": OMNI, "per_year": -0.2},
        finance__people=[{"name": "run", "fte": 0.3, "usd_per_year": 1e5, "raise_per_year": 0.035}],
    )
    rows = {row.what: (row.value, row.unit, row.source) for row in assumptions(given, "omni-only")}
    assert rows[f"drift of token prices: {OMNI} at all providers"] == (
        "-0.2", "1/year", "scenario: finance.price_drift[0].per_year",
    )  # fmt: skip
    assert rows["run: raise"] == ("0.035", "1/year", "scenario: finance.people.run.raise_per_year")


def test_tiers_of_tokens_take_the_price_of_their_month() -> None:
    """15.5 billion input tokens in January, half off above 10 billion; in July the same at 0.8 of the price."""
    tiers = {
        "provider": "openai",
        "meters": ["input"],
        "of": "tokens",
        "steps": [{"above": 10e9, "factor": 0.5}],
    }
    given = plan({"per_year": -0.36}, finance__volume_prices=[tiers])
    ledger = bill(given)
    totals = {
        month: total_of(
            row.amount_usd
            for row in ledger.select(month=month).rows
            if row.account == "api/input" or row.account.startswith("volume")
        )
        for month in ("2025-01", "2025-07")
    }
    assert totals["2025-01"] == D(10_000) * 2 + D(5_500) * 1
    assert totals["2025-07"] == totals["2025-01"] * D("0.8")
    check = HandCheck(given, "omni-only", [Window()], [COUNTS], ledger)
    assert {check.bill(month).difference_usd for month in check.months} == {D(0)}
