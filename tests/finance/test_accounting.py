"""Depreciation by hand, and its identities."""

import datetime
from decimal import Decimal
from fractions import Fraction as F
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.finance import account, tco
from planner.finance.accounting import Books, books
from planner.finance.ledger import INVOICED, Ledger
from planner.scenario.fields import Scenario
from tests.finance.plans import Window, counted, scenario

D = Decimal


def plan(life_years: float = 2.0, fleet: int = 10, usd: float = 240.0, **changes: Any) -> Scenario:
    device = {"kind": "jetson-orin-nano-super", "fleet": fleet, "usd": usd, "life_years": life_years}
    given_ = {
        "models": {"our-1b": {}},
        "deployments": {"edge": {"model": "our-1b", "device": device}},
        "strategies": {"edge-only": {"mini": ["edge"]}},
        "finance__horizon_months": 36,
    }
    return scenario(**given_ | changes)


def kept(given_: Scenario) -> tuple[Books, Ledger]:
    ledger = account(given_, "edge-only", [Window()], [counted(requests=10, edge__answers__right=10)])
    return books(given_, ledger), ledger


def check(found: Books, ledger: Ledger) -> None:
    """Depreciation and the book value at the end are what was paid; cost and book value the invoiced total."""
    capex = sum((one.capex_usd for one in found.months), D(0))
    depreciation = sum((one.depreciation_usd for one in found.months), D(0))
    left = found.months[-1].book_value_usd
    assert depreciation + left == capex
    assert left == sum((one.book_value_usd for one in found.assets), D(0))
    assert sum((one.cost_usd for one in found.months), D(0)) + left == ledger.total(INVOICED)
    assert all(one.depreciation_usd >= 0 and one.book_value_usd >= 0 for one in found.months)


def test_a_fleet_is_written_off_month_by_month_and_bought_again() -> None:
    found, ledger = kept(plan())
    by_month = {one.month: one for one in found.months}
    # 2,400 USD over 24 months; the second fleet from January 2027
    assert [one.depreciation_usd for one in found.months] == [D(100)] * 36
    assert by_month["2025-01"].capex_usd == by_month["2027-01"].capex_usd == D(2400)
    assert by_month["2025-01"].book_value_usd == D(2300)
    assert by_month["2026-12"].book_value_usd == D(0)
    assert by_month["2027-12"].book_value_usd == D(1200)
    assert sum(one.capex_usd for one in found.months) == D(4800)
    check(found, ledger)


def test_a_life_that_is_no_whole_number_of_months_ends_exactly() -> None:
    found, ledger = kept(plan(life_years=0.21, usd=100.0, fleet=1, finance__horizon_months=3))
    # 2.52 months: 39.68..., 39.68... and the rest; bought again in the third month, written off from its start
    first, second = found.assets
    assert first.life_months == F("2.52")
    assert [round(one, 4) for one in first.depreciation_usd] == [D("39.6825"), D("39.6825"), D("20.6349")]
    assert sum(first.depreciation_usd) == D(100)
    assert (second.account, second.month) == ("devices/replacement", "2025-03")
    assert [round(one, 4) for one in second.depreciation_usd] == [D(0), D(0), D("39.6825")]
    check(found, ledger)


def test_parts_of_months_count_by_their_part() -> None:
    found, ledger = kept(
        plan(start="2025-01-15", life_years=1.0, usd=372.0, fleet=1, finance__horizon_months=2)
    )
    # 31 USD a month: 17/31 of January, all of February, 14/31 of March
    assert [one.depreciation_usd for one in found.months] == [D(17), D(31), D(14)]
    assert found.months[-1].book_value_usd == D(310)
    check(found, ledger)


def test_one_time_costs_are_spent_at_once_unless_a_life_is_given() -> None:
    paid = {"finance__one_time": [{"name": "Integration", "usd": 60_000.0}], "finance__horizon_months": 12}
    spent, ledger = kept(plan(**paid))
    assert spent.months[0].expensed_usd == D(60_000)
    assert spent.months[0].capex_usd == D(2400)
    check(spent, ledger)
    spread, same = kept(plan(**paid, finance__depreciation_years=5))
    assert same.rows == ledger.rows
    assert spread.months[0].capex_usd == D(62_400)
    assert [one.depreciation_usd for one in spread.months] == [D(1_100)] * 12
    assert spread.months[-1].book_value_usd == D(62_400 - 12 * 1_100)
    check(spread, ledger)


def test_depreciation_never_enters_the_present_value() -> None:
    paid = {"finance__one_time": [{"name": "Integration", "usd": 60_000.0}], "finance__discount_rate": 0.08}
    figures = []
    for extra in ({}, {"finance__depreciation_years": 5}, {"finance__depreciation_years": 0.5}):
        given_ = plan(**paid, **extra)
        found = tco(given_, kept(given_)[1])
        figures.append((found.invoiced_usd, found.invoiced_npv_usd, found.economic_npv_usd))
    assert len(set(figures)) == 1


def test_without_anything_bought_cost_is_what_is_invoiced() -> None:
    given_ = scenario(finance__horizon_months=3)
    ledger = account(given_, "omni-only", [Window()], [counted(requests=1, omni__api__input=500)])
    found = books(given_, ledger)
    assert [one.cost_usd for one in found.months] == [D(1250 * 31), D(1250 * 28), D(1250 * 31)]
    assert found.assets == ()
    table = found.to_frame()
    assert list(table["cost_usd"]) == [one.cost_usd for one in found.months]


@settings(max_examples=60, deadline=None)
@given(
    st.dates(datetime.date(2024, 1, 1), datetime.date(2030, 1, 1)),
    st.integers(1, 72), st.floats(0.05, 8), st.integers(1, 9999), st.floats(0.01, 5000), st.floats(0.1, 50),
)  # fmt: skip
def test_depreciation_and_book_value_are_what_was_paid(start, months, life, fleet, usd, years) -> None:
    given_ = plan(
        round(life, 3), fleet, round(usd, 2), start=start.isoformat(), finance__horizon_months=months,
        finance__one_time=[{"name": "x", "usd": 12_345.67}], finance__depreciation_years=round(years, 2),
    )  # fmt: skip
    check(*kept(given_))


def test_servers_spares_and_lost_devices_are_written_off_over_their_lives() -> None:
    device = {
        "kind": "jetson-orin-nano-super", "fleet": 12, "usd": 240.0, "life_years": 2, "spares_share": 0.25,
        "losses_per_year": 1.0, "residual_share": 0.5,
    }  # fmt: skip
    owned = {"usd_per_gpu": 9000.0, "host_usd_per_gpu": 3000.0, "life_years": 1.0}
    given_ = plan(
        deployments={
            "edge": {"model": "our-1b", "device": device},
            "rack": {"model": "our-1b", "server": {"gpu": "h100-80gb", "replicas": 2, "owned": owned}},
        },
        strategies={"edge-only": {"mini": ["edge", "rack"]}},
        finance__horizon_months=18,
    )
    found, ledger = kept(given_)
    months = {one.month: one for one in found.months}
    lives = {(one.account, one.life_months) for one in found.assets}
    assert lives == {
        ("devices/purchase", 24), ("devices/spares", 24), ("devices/attrition", 24),
        ("compute/purchase", 12), ("compute/replacement", 12),
    }  # fmt: skip
    # 12 devices at 240 and 3 spares; two GPUs with hosts at 12,000; a device lost each month and bought again
    january = 12 * D(240) / 24 + 3 * D(240) / 24 + 24 * D(1000) / 12 + D(240) / 24
    assert months["2025-01"].depreciation_usd == january
    assert months["2026-01"].capex_usd == D(24_000) + D(240)
    assert sum(one.capex_usd for one in found.months if one.month < "2026-01") == 15 * 240 + 24_000 + 12 * 240
    residual = [row for row in ledger.rows if row.account == "devices/residual"]
    assert residual
    assert not [one for one in found.assets if one.account.endswith("residual")]
    capex = sum((one.capex_usd for one in found.months), D(0))
    left = found.months[-1].book_value_usd
    assert sum((one.depreciation_usd for one in found.months), D(0)) + left == capex
    assert sum((one.cost_usd for one in found.months), D(0)) + left == ledger.total(INVOICED)
