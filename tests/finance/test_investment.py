"""Payback, rates of return and level payments against numpy-financial and by hand."""

import math
from decimal import Decimal
from fractions import Fraction as F
from typing import Any

import numpy as np
import numpy_financial as npf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.finance import account, tco
from planner.finance.calendar import nominal_rate
from planner.finance.investment import (
    NOT_WITHIN,
    PROFILE_RATES,
    Flow,
    annuity,
    cost_flows,
    difference_flows,
    equivalent_annual_cost,
    irr,
    npv,
    payback,
)
from planner.finance.ledger import INVOICED, Ledger
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal
TENTH = 1.1**12 - 1  # a tenth a month


def flows(*amounts: float | str) -> list[Flow]:
    """One a month, the first on the first day."""
    return [Flow(F(month), D(str(amount))) for month, amount in enumerate(amounts)]


def monthly(rate_per_year: float) -> float:
    return (1 + rate_per_year) ** (1 / 12) - 1


# -- present value -----------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=60), st.floats(-0.5, 5))
def test_present_value_is_that_of_numpy_financial(amounts: list[int], rate: float) -> None:
    expected = npf.npv(monthly(rate), amounts)
    size = npf.npv(monthly(rate), np.abs(amounts))
    assert float(npv(flows(*amounts), rate)) == pytest.approx(expected, abs=1e-9 + 1e-11 * size)


def plan(**changes: Any):
    given_ = {
        "finance__horizon_months": 24,
        "finance__discount_rate": 0.21,
        "finance__one_time": [{"name": "x", "usd": 5000.0, "strategies": ["mini-only"]}],
        "deployments": {
            "omni": {"model": OMNI, "provider": "openai"},
            "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        },
        "strategies": {"omni-only": {"omni": ["omni"]}, "mini-only": {"mini": ["mini"]}},
        "traffic__requests_per_month": 100_000,
        "tasks__faq": {"cost_of_wrong_answer_usd": 0.01},
    }
    return scenario(**given_ | changes)


def ledgers(plan_) -> tuple[Ledger, Ledger]:
    omni = counted(requests=10, omni__api__input=5000, omni__api__output=2000, omni__answers__right=10)
    mini = counted(
        requests=10,
        mini__api__input=5000,
        mini__api__output=2000,
        mini__answers__right=9,
        mini__answers__wrong=1,
    )
    return (
        account(plan_, "omni-only", [Window()], [omni]),
        account(plan_, "mini-only", [Window()], [mini]),
    )


def test_flows_of_a_ledger_have_its_total_and_its_present_value() -> None:
    given_ = plan(start="2025-01-20")
    for ledger in ledgers(given_):
        found = tco(given_, ledger)
        for view, total, today in (
            (INVOICED, found.invoiced_usd, found.invoiced_npv_usd),
            (None, found.economic_usd, found.economic_npv_usd),
        ):
            mine = cost_flows(given_, ledger, view)
            assert sum(flow.usd for flow in mine) == -total
            assert npv(mine, 0.21) == -today
    first, second = cost_flows(given_, ledgers(given_)[1])[:2]
    assert (first.months, first.usd) == (0, D(-5000))
    assert second.months == F(12, 31)


def test_the_present_value_of_a_plan_is_that_of_numpy_financial() -> None:
    given_ = plan()
    for ledger in ledgers(given_):
        found = tco(given_, ledger)
        amounts = [-float(flow.usd) for flow in cost_flows(given_, ledger, INVOICED)]
        assert len(amounts) == 25
        assert float(found.invoiced_npv_usd) == pytest.approx(npf.npv(monthly(0.21), amounts), rel=1e-12)


def test_the_difference_of_two_strategies_is_theirs_month_by_month() -> None:
    given_ = plan()
    omni, mini = ledgers(given_)
    found = difference_flows(given_, mini, omni, INVOICED)
    assert found[0].usd == D(-5000)
    # 100,000 requests x 31 days / 30.4375: omni 2.5 x 500 + 10 x 200, mini 0.15 x 500 + 0.6 x 200, per million
    requests = 100_000 * 31 / 30.4375
    assert float(found[1].usd) == pytest.approx(requests * (3250 - 195) / 1e6, rel=1e-9)
    assert npv(found, 0.21) == tco(given_, omni).invoiced_npv_usd - tco(given_, mini).invoiced_npv_usd


# -- payback -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "months"),
    [
        ((-100, 30, 30, 30, 30), "3.333333333333333333333333333"),
        ((-100, 50, 50), "2"),
        ((-100, 40, 30, 60), "2.5"),
        ((-100, 0, 0, 200), "2.5"),
        ((0, -60, 20, 80), "2.5"),  # spent at the end of the first month
        ((100, -150, 100), "1.5"),  # below zero only after a gain
    ],
)
def test_simple_payback_by_hand(amounts: tuple[int, ...], months: str) -> None:
    found = payback(flows(*amounts))
    assert found.months == D(months)
    assert found.reason is None


def test_discounted_payback_by_hand() -> None:
    # at a tenth a month 55, 60.5 and 66.55 are each worth 50 today: 120 is back after 2.4 months
    found = payback(flows(-120, 55, "60.5", "66.55"), TENTH)
    assert float(found.months) == pytest.approx(2.4, rel=1e-12)
    assert payback(flows(-120, 55, "60.5", "66.55")).months < D("2.1")


def test_what_never_comes_back_and_what_was_never_spent() -> None:
    assert payback(flows(-100, 30, 30)).months is None
    assert payback(flows(-100, 30, 30)).reason == NOT_WITHIN
    assert payback(flows(-100, 60, 60), TENTH).reason is None
    assert payback(flows(-110, 60, 60), TENTH).reason == NOT_WITHIN  # 54.5 + 49.6 = 104.1
    assert payback(flows(0, 5, 5)).months == 0
    assert payback(flows(10, -5, -5)).months == 0


def test_falling_below_zero_again_is_told() -> None:
    found = payback(flows(-100, 150, -100, 40, 60))
    assert float(found.months) == pytest.approx(2 / 3, rel=1e-15)
    assert found.again_below == (D("1.5"),)


def test_payback_of_parts_of_months() -> None:
    found = payback([Flow(F(0), D(-10)), Flow(F(17, 31), D(4)), Flow(F(48, 31), D(12))])
    # 6 of 12 in the second stretch: half of it
    assert float(found.months) == pytest.approx(17 / 31 + 0.5, rel=1e-14)


def test_discounted_payback_is_the_life_at_which_the_annuity_pays_the_price() -> None:
    """P = A (1 - (1 + r)^-n) / r solved for n, where n is whole."""
    price = annuity(D(1000), 0.08, 36)
    found = payback([Flow(F(0), D(-1000)), *(Flow(F(month), price) for month in range(1, 61))], 0.08)
    assert float(found.months) == pytest.approx(36, abs=1e-9)
    assert float(npf.nper(monthly(0.08), -float(price), 1000)) == pytest.approx(36, abs=1e-9)


# -- rates of return ---------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=59))
def test_one_change_of_sign_has_the_rate_of_numpy_financial(spent: int, back: list[int]) -> None:
    if not any(back):
        back[0] = 1
    expected = npf.irr([-spent, *back])
    found = irr(flows(-spent, *back))
    yearly = (1 + expected) ** 12 - 1
    if not -0.9998 < yearly < 9e5:
        return
    assert found.reason is None
    assert found.rate == pytest.approx(yearly, rel=1e-6, abs=1e-9)
    assert abs(float(npv(flows(-spent, *back), found.rate))) < 1e-6 * (spent + sum(back))


def test_a_rate_by_hand() -> None:
    assert irr(flows(-100, 0, 121)).rate == pytest.approx(TENTH, rel=1e-12)
    assert irr([Flow(F(0), D(-100)), Flow(F(12), D(121))]).rate == pytest.approx(0.21, rel=1e-12)
    assert irr([Flow(F(0), D(-100)), Flow(F(24), D(121))]).rate == pytest.approx(0.1, rel=1e-12)
    assert irr([Flow(F(0), D(-100)), Flow(F(12), D(50))]).rate == pytest.approx(-0.5, rel=1e-12)
    assert irr(flows(100, 0, -121)).rate == pytest.approx(TENTH, rel=1e-12)  # a loan


def test_costs_alone_have_no_rate() -> None:
    for amounts in ((-1, -2, -3), (0, 0), (5, 0, 1)):
        found = irr(flows(*amounts))
        assert (found.rate, found.roots, found.profile) == (None, (), ())
        assert found.reason == "not defined: the flows never change sign"


def test_several_rates_are_a_profile() -> None:
    # -(x - 1.1)(x - 1.2) with x = 1 + r per year: zero at 10 % and 20 %
    years = [Flow(F(0), D("-100")), Flow(F(12), D("230")), Flow(F(24), D("-132"))]
    found = irr(years)
    assert found.rate is None
    assert found.roots == pytest.approx((0.1, 0.2), rel=1e-10)
    assert found.reason == "2 rates make the present value zero; see the profile"
    profile = dict(found.profile)
    assert tuple(profile) == PROFILE_RATES
    assert profile[0.0] == D(-2)
    assert abs(profile[0.1]) < D("1E-9")
    # -100 + 230 / 1.15 - 132 / 1.3225
    assert float(profile[0.15]) == pytest.approx(-100 + 200 - 132 / 1.3225, rel=1e-7)
    assert profile[0.3] < 0


def test_two_rates_that_lie_close_are_both_found() -> None:
    # zeros at 10 % and 10.001 %, far closer than the grid of the search
    a, b = D("1.1"), D("1.10001")
    found = irr([Flow(F(0), D(1)), Flow(F(12), -(a + b)), Flow(F(24), a * b)])
    assert found.roots == pytest.approx((0.1, 0.10001), rel=1e-6)


def test_three_rates_are_all_found() -> None:
    # (x - 1.05)(x - 1.5)(x - 3)
    found = irr(
        [Flow(F(0), D(-1)), Flow(F(12), D("5.55")), Flow(F(24), D("-9.225")), Flow(F(36), D("4.725"))]
    )
    assert found.roots == pytest.approx((0.05, 0.5, 2.0), rel=1e-8)


def test_changes_of_sign_without_a_rate_say_so() -> None:
    # x^2 - 2 x + 1.5 has no real zero
    found = irr([Flow(F(0), D(1)), Flow(F(12), D(-2)), Flow(F(24), D("1.5"))])
    assert (found.rate, found.roots) == (None, ())
    assert found.reason == "not defined: no rate from -99.99% to 1e+06 makes the present value zero"
    assert all(value > 0 for _, value in found.profile)


# -- level payments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [-0.3, 0.0, 0.01, 0.08, 1.5])
@pytest.mark.parametrize("months", [1, 7, 36, 240])
def test_annuities_are_those_of_numpy_financial(rate: float, months: int) -> None:
    found = annuity(D(12_345), rate, months)
    assert float(found) == pytest.approx(-npf.pmt(monthly(rate), months, 12_345), rel=1e-10)
    level = [Flow(F(month), found) for month in range(1, months + 1)]
    assert abs(npv(level, rate) - 12_345) < D("1E-6")


def test_equivalent_annual_cost_compares_unequal_lives() -> None:
    # textbook: 1,000 for 3 years or 1,600 for 5 years at 10 %: 402.11 and 422.08 a year
    three, five = equivalent_annual_cost(D(1000), 0.1, 3), equivalent_annual_cost(D(1600), 0.1, 5)
    assert round(three, 2) == D("402.11")
    assert round(five, 2) == D("422.08")
    assert float(three) == pytest.approx(1000 * 0.1 / (1 - 1.1**-3), rel=1e-13)
    assert float(five) == pytest.approx(-npf.pmt(0.1, 5, 1600), rel=1e-13)
    assert equivalent_annual_cost(D(900), 0.0, 3) == D(300)
    with pytest.raises(ValueError, match="a life has at least one period: 0"):
        equivalent_annual_cost(D(1), 0.1, 0)


# -- real rates --------------------------------------------------------------------------------------


def test_a_real_rate_discounts_nominal_amounts_by_both() -> None:
    real = plan(finance__discount_rate=0.05, finance__rates="real", finance__inflation_per_year=0.02)
    assert nominal_rate(real) == D("0.071")  # 1.05 x 1.02 - 1, not 0.07
    nominal = plan(finance__discount_rate=0.071)
    assert nominal_rate(nominal) == D("0.071")
    for one, other in zip(ledgers(real), ledgers(nominal), strict=True):
        assert one.rows == other.rows  # flows are the same money
        assert tco(real, one).invoiced_npv_usd == tco(nominal, other).invoiced_npv_usd
        assert tco(real, one).economic_npv_usd == tco(nominal, other).economic_npv_usd


def test_wages_that_rise_with_inflation_at_a_real_rate_are_level_at_that_rate() -> None:
    """Nominal flows that grow by inflation, discounted by both, are the real ones discounted by the real rate."""
    people = {"name": "x", "fte": 1, "usd_per_year": 120_000.0}
    grown = plan(
        finance__discount_rate=0.05, finance__rates="real", finance__inflation_per_year=0.02,
        finance__people=[people | {"raise_per_year": 0.02}], finance__one_time=[],
    )  # fmt: skip
    ledger = account(grown, "omni-only", [Window()], [counted(requests=1)])
    # raised once a year, so months are deflated from the year's beginning
    by_hand = sum(
        10_000 * 1.02 ** ((month - 1) // 12) / (1.05 * 1.02) ** (month / 12) for month in range(1, 25)
    )
    assert float(tco(grown, ledger).invoiced_npv_usd) == pytest.approx(by_hand, rel=1e-12)
    assert math.isclose(by_hand, float(npf.npv(1.071 ** (1 / 12) - 1, [0] + [10_000] * 12 + [10_200] * 12)))
