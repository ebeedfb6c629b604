"""Fiscal years: named by the year they end in, and sums of rows."""

from decimal import Decimal

import pytest

from planner.finance import account, tco
from planner.finance.fiscal import by_fiscal_year, fiscal_frame, fiscal_year
from tests.finance.plans import Window, counted, scenario

D = Decimal
ONE = counted(requests=1, omni__api__input=500)


@pytest.mark.parametrize(
    ("month", "starts", "name"),
    [
        ("2026-09", 10, "FY2026"), ("2026-10", 10, "FY2027"), ("2027-09", 10, "FY2027"), ("2026-01", 1, "2026"),
        ("2026-12", 1, "2026"), ("2026-01", 2, "FY2026"), ("2026-02", 2, "FY2027"), ("2026-03", 4, "FY2026"),
        ("2026-04", 4, "FY2027"), ("2026-12", 12, "FY2027"), ("2026-11", 12, "FY2026"),
    ],
)  # fmt: skip
def test_a_fiscal_year_is_named_by_the_year_it_ends_in(month: str, starts: int, name: str) -> None:
    assert fiscal_year(month, starts) == name


def test_fiscal_years_by_hand() -> None:
    plan = scenario(
        start="2025-08-16",
        finance__horizon_months=26,
        finance__fiscal_year_starts=10,
        finance__one_time=[{"name": "x", "usd": 1000.0}],
    )
    ledger = account(plan, "omni-only", [Window()], [ONE])
    years = by_fiscal_year(plan, ledger)
    # 500 tokens of a million requests a day at 2.5 USD per million tokens: 1,250 USD a day
    assert [
        (one.fiscal_year, one.first_month, one.last_month, one.months, one.is_whole) for one in years
    ] == [
        ("FY2025", "2025-08", "2025-09", 2, False),
        ("FY2026", "2025-10", "2026-09", 12, True),
        ("FY2027", "2026-10", "2027-09", 12, True),
        ("FY2028", "2027-10", "2027-10", 1, False),
    ]
    assert [one.invoiced_usd for one in years] == [
        D(1250 * (16 + 30) + 1000), D(1250 * 365), D(1250 * 365), D(1250 * 15),
    ]  # fmt: skip
    assert sum(one.invoiced_usd for one in years) == ledger.total("invoiced")
    assert tco(plan, ledger).per_fiscal_year == years


def test_economic_costs_are_on_top_and_years_add_up_to_both_totals() -> None:
    plan = scenario(
        finance__horizon_months=17,
        finance__fiscal_year_starts=7,
        tasks__faq={"cost_of_wrong_answer_usd": 0.01},
    )
    counts = counted(requests=10, omni__api__input=5000, omni__answers__wrong=1, omni__answers__right=9)
    ledger = account(plan, "omni-only", [Window()], [counts])
    years = by_fiscal_year(plan, ledger)
    assert [one.fiscal_year for one in years] == ["FY2025", "FY2026"]
    assert years[0].economic_usd - years[0].invoiced_usd == D(181 * 1000)  # 181 days to June, 1,000 USD each
    assert sum(one.economic_usd for one in years) == ledger.total()
    assert sum(one.invoiced_usd for one in years) == ledger.total("invoiced")


def test_calendar_years_are_the_default_and_the_table_keeps_decimals() -> None:
    plan = scenario(finance__horizon_months=13)
    years = by_fiscal_year(plan, account(plan, "omni-only", [Window()], [ONE]))
    assert [(one.fiscal_year, one.months) for one in years] == [("2025", 12), ("2026", 1)]
    table = fiscal_frame(years)
    assert list(table["invoiced_usd"]) == [D(1250 * 365), D(1250 * 31)]
    assert list(table.columns)[:3] == ["fiscal_year", "first_month", "last_month"]
