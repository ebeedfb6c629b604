"""Totals, present values and unit costs against hand tables and closed forms."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from planner.finance import account, tco
from planner.finance.calendar import discount_factor, months_of
from planner.finance.ledger import Ledger, LedgerRow
from planner.finance.totals import present_value
from planner.workload.windows import month_pieces
from tests.finance.plans import Window, counted, scenario

D = Decimal


def row(month: str, usd: str, account: str = "people", view: str = "invoiced") -> LedgerRow:
    return LedgerRow(
        month=month,
        view=view,
        account=account,
        quantity=D(1),
        unit="item",
        unit_price_usd=D(usd),
        strategy="s",
        source="hand",
    )


def test_discount_factors_against_a_hand_table() -> None:
    # 21 % a year is 10 % in half a year twice: (1.1)^-1, (1.1)^-2, (1.1)^-4
    assert abs(discount_factor(0.21, Fraction(6)) - 1 / D("1.1")) < D("1E-27")
    assert abs(discount_factor(0.21, Fraction(12)) - 1 / D("1.21")) < D("1E-27")
    assert abs(discount_factor(0.21, Fraction(24)) - 1 / D("1.4641")) < D("1E-27")
    assert discount_factor(0.08, Fraction(0)) == 1
    assert discount_factor(0.0, Fraction(17, 31)) == 1


@pytest.mark.parametrize("rate", [-0.5, -0.01, 0.03, 0.08, 1.0, 10.0])
@pytest.mark.parametrize("months", [Fraction(1), Fraction(17, 31), Fraction(36), Fraction(240)])
def test_discount_factors_are_those_of_monthly_compounding(rate: float, months: Fraction) -> None:
    monthly = (1 + rate) ** (1 / 12) - 1
    assert float(discount_factor(rate, months)) == pytest.approx(
        (1 + rate) ** (-float(months) / 12), rel=1e-13
    )
    assert float(discount_factor(rate, months)) == pytest.approx((1 + monthly) ** -float(months), rel=1e-12)


def test_start_is_undiscounted_and_a_month_is_paid_at_its_end() -> None:
    plan = scenario(finance__horizon_months=24, finance__discount_rate=0.21)
    months = months_of(month_pieces(plan))
    ledger = Ledger((
        row("2025-01", "1000", "one-time"),
        row("2025-01", "500", "devices/purchase"),
        row("2025-06", "110"),
        row("2025-12", "121", "devices/replacement"),
        row("2026-12", "1464.1", "migration"),
        row("2026-12", "14.641", "downtime", "economic"),
    ))  # fmt: skip
    assert present_value(ledger, months, 0.21, "invoiced") == D("1000") + D("500") + D("100") + D("100") + D(
        "1000"
    )
    assert present_value(ledger, months, 0.21) == D("2710")
    assert present_value(ledger, months, 0.0) == ledger.total()


def test_present_value_of_a_month_that_starts_in_its_middle() -> None:
    plan = scenario(start="2025-01-15", finance__horizon_months=2, finance__discount_rate=0.1)
    months = months_of(month_pieces(plan))
    assert [month.ends_after for month in months] == [Fraction(17, 31), Fraction(48, 31), Fraction(2)]
    assert [month.hours for month in months] == [17 * 24, 28 * 24, 14 * 24]
    ledger = Ledger((row("2025-01", "10"), row("2025-02", "20"), row("2025-03", "30")))
    expected = 10 * 1.1 ** (-17 / 31 / 12) + 20 * 1.1 ** (-48 / 31 / 12) + 30 * 1.1 ** (-2 / 12)
    assert float(present_value(ledger, months, 0.1)) == pytest.approx(expected, abs=1e-10)


def test_present_value_of_level_payments_is_the_annuity() -> None:
    plan = scenario(finance__horizon_months=36)
    months = months_of(month_pieces(plan))
    ledger = Ledger(tuple(row(month.name, "1000") for month in months))
    monthly = 1.08 ** (1 / 12) - 1
    annuity = 1000 * (1 - (1 + monthly) ** -36) / monthly
    assert float(present_value(ledger, months, 0.08)) == pytest.approx(annuity, rel=1e-12)


def test_months_survive_cuts_inside_them() -> None:
    plan = scenario(start="2028-02-01", finance__horizon_months=2)
    whole = months_of(month_pieces(plan))
    cut = months_of(month_pieces(plan, [date(2028, 2, 11), date(2028, 3, 5)]))
    assert whole == cut
    assert [(month.name, month.fraction, month.hours) for month in cut] == [
        ("2028-02", 1, 696),
        ("2028-03", 1, 744),
    ]


def test_totals_months_and_unit_costs_by_hand() -> None:
    plan = scenario(
        finance__horizon_months=2,
        tasks={"faq": {"cost_of_wrong_answer_usd": 0.01}},
        finance__one_time=[{"name": "Integration", "usd": 1000.0}],
    )
    counts = counted(requests=100, omni__api__input=40_000, omni__answers__right=80, omni__answers__wrong=20)
    ledger = account(plan, "omni-only", [Window()], [counts])
    found = tco(plan, ledger)
    # 59 million requests, 400 tokens each at 2.50: 59,000; a fifth wrong at one cent: 118,000
    assert found.strategy == "omni-only"
    assert found.invoiced_usd == D("60000")
    assert found.economic_usd == D("178000")
    assert found.expected_requests == D("59000000")
    assert found.expected_correct == D("47200000")
    assert found.invoiced_per_1k_usd == D("60000") / D("59000")
    assert found.economic_per_1k_usd == D("178000") / D("59000")
    assert found.invoiced_per_correct_usd == D("60000") / D("47200000")
    assert found.economic_per_correct_usd == D("178000") / D("47200000")
    assert [
        (m.month, m.invoiced_usd, m.economic_usd, m.cumulative_invoiced_usd, m.cumulative_economic_usd)
        for m in found.per_month
    ] == [
        ("2025-01", D("32000"), D("94000"), D("32000"), D("94000")),
        ("2025-02", D("28000"), D("84000"), D("60000"), D("178000")),
    ]
    assert (found.invoiced_npv_usd, found.economic_npv_usd) == (D("60000"), D("178000"))
    assert list(found.to_frame()["month"]) == ["2025-01", "2025-02"]
    assert found.unknown == {}


def test_present_value_is_below_the_total_by_the_discount() -> None:
    plan = scenario(finance__discount_rate=0.21, finance__one_time=[{"name": "Integration", "usd": 1000.0}])
    ledger = account(plan, "omni-only", [Window()], [counted(omni__api__input=400)])
    found = tco(plan, ledger)
    assert float(found.invoiced_npv_usd) == pytest.approx(1000 + 31_000 * 1.21 ** (-1 / 12), rel=1e-13)
    assert found.invoiced_npv_usd.as_tuple().exponent == -10


def test_cost_per_correct_answer_is_unknown_where_answers_are_not_rated() -> None:
    plan = scenario()
    counts = counted(requests=4, omni__api__input=400, omni__answers__right=3, omni__answers__unrated=1)
    found = tco(plan, account(plan, "omni-only", [Window()], [counts]))
    assert found.expected_correct is None
    assert found.invoiced_per_correct_usd is None
    assert found.unknown == {"per_correct_usd": "25.0% of the answers are not rated"}


def test_cost_per_correct_answer_is_unknown_where_none_is_right() -> None:
    plan = scenario()
    counts = counted(requests=4, failed=4, omni__wasted_lost_answer__input=400)
    found = tco(plan, account(plan, "omni-only", [Window()], [counts]))
    assert found.invoiced_per_correct_usd is None
    assert found.economic_per_correct_usd is None
    assert found.unknown == {"per_correct_usd": "no right answer is expected"}


def test_every_money_figure_is_a_decimal() -> None:
    plan = scenario(finance__discount_rate=0.08)
    counts = counted(omni__api__input=400, omni__answers__right=1)
    found = tco(plan, account(plan, "omni-only", [Window()], [counts]))
    money = [
        getattr(found, name) for name in vars(found) if name.endswith("_usd") or name.startswith("expected")
    ]
    assert len(money) == 10
    assert {type(value) for value in money} == {D}
    assert {type(value) for m in found.per_month for name, value in vars(m).items() if name != "month"} == {D}
    assert math.isfinite(float(found.invoiced_npv_usd))
