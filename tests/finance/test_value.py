"""Net value, saving, return and payback against today: by hand."""

from decimal import Decimal
from typing import Any

import numpy_financial as npf
import pytest

from planner.finance import account, assumptions
from planner.finance.ledger import Ledger
from planner.finance.value import Value, value
from planner.scenario.fields import Scenario
from tests.finance.plans import Window, counted, scenario

D = Decimal
#: Of ten requests nine are right and one is wrong; 500 tokens of 2.5 USD per million each.
COUNTS = counted(requests=10, omni__api__input=5000, omni__answers__right=9, omni__answers__wrong=1)


def plan(**changes: Any) -> Scenario:
    return scenario(**{"finance__horizon_months": 3} | changes)


def found(given: Scenario, counts=COUNTS) -> tuple[Value, Ledger]:
    ledger = account(given, "omni-only", [Window()], [counts])
    got = value(given, ledger)
    assert got is not None
    return got, ledger


def test_it_is_off_unless_a_worth_or_a_baseline_is_given() -> None:
    given = plan()
    ledger = account(given, "omni-only", [Window()], [COUNTS])
    assert value(given, ledger) is None
    whats = [row.what for row in assumptions(given, "omni-only")]
    assert not [what for what in whats if "worth" in what or "per month" in what]


def test_neither_worth_nor_baseline_moves_the_bill() -> None:
    with_both = plan(tasks__faq={"value_usd": 0.01}, finance__baseline={"name": "Desk", "usd_per_request": 1})
    ledgers = [account(one, "omni-only", [Window()], [COUNTS]) for one in (plan(), with_both)]
    assert ledgers[0] == ledgers[1]


def test_net_value_is_worth_of_right_answers_less_cost() -> None:
    got, ledger = found(plan(tasks__faq={"value_usd": 0.01, "cost_of_wrong_answer_usd": 0.02}))
    # a million requests a day: 900,000 right answers of 1 cent, 1,250 USD of tokens, 100,000 wrong ones of 2 cents
    assert [one.value_usd for one in got.per_month] == [D(9000 * days) for days in (31, 28, 31)]
    assert [one.net_value_invoiced_usd for one in got.per_month] == [D(7750 * days) for days in (31, 28, 31)]
    assert [one.net_value_economic_usd for one in got.per_month] == [D(5750 * days) for days in (31, 28, 31)]
    assert got.value_usd == D(9000 * 90)
    assert got.invoiced.net_value_usd == D(7750 * 90)
    assert got.economic.net_value_usd == D(5750 * 90)
    assert got.invoiced.roi_of_value == D("6.2")  # 7,750 of each 1,250 spent
    assert float(got.economic.roi_of_value) == pytest.approx(5750 / 3250, rel=1e-15)
    assert got.baseline is None
    assert (got.baseline_usd, got.invoiced.saving_usd, got.invoiced.payback, got.invoiced.irr) == (None,) * 4
    assert got.worth.total() == got.value_usd
    assert {row.source for row in got.worth.rows} == {"scenario: tasks.faq.value_usd"}
    assert ledger.total() == got.economic.cost_usd


def test_saving_is_todays_cost_of_the_planned_requests_less_the_strategys() -> None:
    given = plan(
        finance__baseline={"name": "Call centre", "usd_per_request": 0.002, "usd_per_month": 15500},
        finance__one_time=[{"name": "Integration", "usd": 50_000.0}],
        finance__discount_rate=0.21,
    )
    got, _ = found(given)
    # today 2,000 a day and 15,500 a month; the strategy 1,250 a day and 50,000 at the start
    today = [2000 * days + 15_500 for days in (31, 28, 31)]
    assert [one.baseline_usd for one in got.per_month] == [D(one) for one in today]
    assert got.baseline_usd == D(2000 * 90 + 3 * 15_500)
    assert got.invoiced.saving_usd == D(750 * 90 + 46_500 - 50_000)
    assert [one.saving_invoiced_usd for one in got.per_month] == [D(38_750 - 50_000), D(36_500), D(38_750)]
    assert float(got.invoiced.roi_of_saving) == pytest.approx(64_000 / 162_500, rel=1e-14)
    # 38,750 back after January; 11,250 of February's 36,500
    assert float(got.invoiced.payback.months) == pytest.approx(1 + 11_250 / 36_500, rel=1e-14)
    monthly = 1.21 ** (1 / 12) - 1
    flows = [-50_000, 38_750, 36_500, 38_750]
    assert float(got.invoiced.saving_npv_usd) == pytest.approx(npf.npv(monthly, flows), rel=1e-12)
    assert float(got.invoiced.irr.rate) == pytest.approx((1 + npf.irr(flows)) ** 12 - 1, rel=1e-7)
    january, february = 38_750 / 1.21 ** (1 / 12), 36_500 / 1.21 ** (2 / 12)
    assert float(got.invoiced.discounted_payback.months) == pytest.approx(
        1 + (50_000 - january) / february, rel=1e-12
    )
    assert got.value_usd is None
    assert got.unknown == {}
    assert {row.account for row in got.today.rows} == {"today/requests", "today/months"}
    assert {row.strategy for row in got.today.rows} == {"Call centre"}


def test_a_saving_that_never_pays_back_says_so() -> None:
    given = plan(
        finance__baseline={"name": "Desk", "usd_per_request": 0.0013},
        finance__one_time=[{"name": "Integration", "usd": 50_000.0}],
    )
    got, _ = found(given)
    assert got.invoiced.saving_usd == D(50 * 90 - 50_000)
    assert (got.invoiced.payback.months, got.invoiced.payback.reason) == (None, "not within the horizon")
    assert got.economic.payback == got.invoiced.payback


def test_planned_requests_not_those_asked_again_are_what_today_answers() -> None:
    given = plan(finance__baseline={"name": "Desk", "usd_per_request": 0.01}, finance__horizon_months=1)
    counts = counted(requests=12, omni__api__input=6000, omni__answers__right=12, none__requests__repeated=2)
    got, _ = found(given, counts)
    assert got.baseline_usd == D(31 * 10_000)


def test_unrated_answers_make_the_worth_unknown_with_a_reason() -> None:
    given = plan(tasks__faq={"value_usd": 0.01}, finance__baseline={"name": "Desk", "usd_per_request": 0.002})
    counts = counted(requests=10, omni__api__input=5000, omni__answers__right=6, omni__answers__unrated=4)
    got, _ = found(given, counts)
    assert got.value_usd is None
    assert got.unknown == {"value_usd": "40.0% of the answers to faq are not rated"}
    assert {one.value_usd for one in got.per_month} == {None}
    assert (got.invoiced.net_value_usd, got.invoiced.roi_of_value) == (None, None)
    assert got.invoiced.saving_usd == D(750 * 90)  # that needs no rating


def test_unrated_answers_to_a_task_without_worth_do_not_matter() -> None:
    given = plan(
        tasks={"faq": {"share": 0.5, "value_usd": 0.01}, "other": {"share": 0.5}}, finance__horizon_months=1
    )
    counts = COUNTS | counted("other", requests=10, omni__answers__unrated=10)
    got, _ = found(given, counts)
    assert got.value_usd == D(31 * 4500)
    assert got.unknown == {}


def test_a_worth_of_nothing_is_counted_as_nothing() -> None:
    got, ledger = found(plan(tasks__faq={"value_usd": 0}))
    assert got.value_usd == 0
    assert got.invoiced.net_value_usd == -ledger.total("invoiced")
    assert got.invoiced.roi_of_value == -1


def test_parts_of_months_pay_their_part_of_the_fixed_cost_of_today() -> None:
    given = plan(
        start="2025-01-15", finance__baseline={"name": "Desk", "usd_per_month": 62}, finance__horizon_months=1
    )
    got, _ = found(given)
    assert [round(one.baseline_usd, 4) for one in got.per_month] == [D(34), D(31)]  # 17/31, 14/28
    table = got.to_frame()
    assert list(table["baseline_usd"]) == [one.baseline_usd for one in got.per_month]


def test_worth_and_baseline_are_among_the_assumptions() -> None:
    given = plan(
        tasks__faq={"value_usd": 0.01},
        finance__baseline={"name": "Desk", "usd_per_request": 0.5},
        finance__rates="real",
        finance__inflation_per_year=0.02,
        finance__depreciation_years=3,
    )
    rows = {row.what: (row.value, row.source) for row in assumptions(given, "omni-only")}
    assert rows["worth of a right answer to faq"] == ("0.01", "scenario: tasks.faq.value_usd")
    assert rows["Desk: per request"] == ("0.5", "scenario: finance.baseline.usd_per_request")
    assert rows["Desk: per month"] == ("0", "scenario: finance.baseline.usd_per_month")
    assert rows["discount rate, real"] == ("0", "scenario: finance.discount_rate")
    assert rows["inflation"] == ("0.02", "scenario: finance.inflation_per_year")
    assert rows["life of one-time costs and integration in the accounting view"][0] == "3"
