"""Total cost of ownership: totals, present value, months and unit costs of one ledger.

Comes in: a strategy's ledger; goes out: figures that are each a sum of its rows. Economic totals include
the invoiced ones. Unit costs divide by expected requests; what cannot be known is None with a reason.
"""

import decimal
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.finance.calendar import DISCOUNT_DIGITS, Month, discount_factor, nominal_rate, whole_months
from planner.finance.fiscal import YearCost, fiscal_years
from planner.finance.horizon import AT_START
from planner.finance.ledger import EXACT, INVOICED, Ledger, View, total_of
from planner.scenario.fields import Scenario

if TYPE_CHECKING:
    import pandas as pd

NPV_QUANTUM = Decimal("1E-10")  # present values are rounded to this once, after summing
_AT_START = frozenset(AT_START)
_RATIO = decimal.Context(prec=DISCOUNT_DIGITS, rounding=decimal.ROUND_HALF_EVEN)
_ROUNDING = decimal.Context(prec=200, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True)
class MonthCost:
    """Cost of a calendar month and up to its end; economic includes invoiced."""

    month: str
    invoiced_usd: Decimal
    economic_usd: Decimal
    cumulative_invoiced_usd: Decimal
    cumulative_economic_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Tco:
    """What a strategy costs over the horizon. Money in USD, all Decimals; None is unknown, see `unknown`.

    `economic_*` include the invoiced costs. `*_per_1k_usd` divide by expected requests, `*_per_correct_usd`
    by expected answers that are right.
    """

    strategy: str
    invoiced_usd: Decimal
    invoiced_npv_usd: Decimal
    economic_usd: Decimal
    economic_npv_usd: Decimal
    per_month: tuple[MonthCost, ...]
    per_fiscal_year: tuple[YearCost, ...]
    expected_requests: Decimal
    expected_correct: Decimal | None
    invoiced_per_1k_usd: Decimal | None
    economic_per_1k_usd: Decimal | None
    invoiced_per_correct_usd: Decimal | None
    economic_per_correct_usd: Decimal | None
    unknown: Mapping[str, str]

    def to_frame(self) -> "pd.DataFrame":
        """One row a month; money stays Decimal."""
        import pandas as pd

        names = list(MonthCost.__dataclass_fields__)
        return pd.DataFrame(
            {name: pd.Series([getattr(row, name) for row in self.per_month], dtype=object) for name in names}
        )


def tco(scenario: Scenario, ledger: Ledger) -> Tco:
    """Totals, present values and unit costs of a strategy's ledger.

    Present value: accounts of `horizon.AT_START` at t = 0, everything else at the end of its calendar month,
    discounted by (1 + r)^-(t/12) with t in months from the plan's first day (factors to 28 digits, the sum
    rounded to 1e-10 USD). Amounts are nominal, and so is r (`calendar.nominal_rate`).
    """
    months = whole_months(scenario)
    strategies = {row.strategy for row in ledger.rows}
    assert len(strategies) <= 1, f"a ledger of several strategies has no one TCO: {sorted(strategies)}"
    sums = _sums(ledger)
    monthly = {view: _by_month(sums, view) for view in (INVOICED, None)}
    invoiced, economic = total_of(monthly[INVOICED].values()), total_of(monthly[None].values())
    rate = nominal_rate(scenario)
    expected = ledger.expected("planned")
    correct, unknown = _correct(ledger)
    if not expected:
        unknown["per_1k_usd"] = "no requests are expected"
    return Tco(
        strategy=strategies.pop() if strategies else "",
        invoiced_usd=invoiced,
        invoiced_npv_usd=_present_value(sums, months, rate, INVOICED),
        economic_usd=economic,
        economic_npv_usd=_present_value(sums, months, rate, None),
        per_month=_per_month(monthly[INVOICED], monthly[None], months),
        per_fiscal_year=fiscal_years(scenario, monthly[INVOICED], monthly[None]),
        expected_requests=expected,
        expected_correct=correct,
        invoiced_per_1k_usd=per(invoiced, expected, 1000),
        economic_per_1k_usd=per(economic, expected, 1000),
        invoiced_per_correct_usd=per(invoiced, correct),
        economic_per_correct_usd=per(economic, correct),
        unknown=unknown,
    )


def present_value(
    ledger: Ledger, months: tuple[Month, ...], rate_per_year: float | Decimal, view: View | None = None
) -> Decimal:
    """Value on the plan's first day of a view's rows; None takes both views."""
    return _present_value(_sums(ledger), months, rate_per_year, view)


_Sums = Mapping[tuple[str, View, bool], Decimal]  # MONTH, view, whether it is paid at the start: USD


def _sums(ledger: Ledger) -> _Sums:
    """What all totals are made of, in one walk over the rows."""
    found: dict[tuple[str, View, bool], Decimal] = {}
    add, nothing = EXACT.add, Decimal(0)
    for row in ledger.rows:
        cell = (row.month, row.view, row.account in _AT_START)
        found[cell] = add(found.get(cell, nothing), row.amount_usd)
    return found


def _by_month(sums: _Sums, view: View | None) -> dict[str, Decimal]:
    """MONTH: USD of a view's rows; None takes both views. Months without any are left out."""
    found: dict[str, Decimal] = {}
    for (month, of_view, _), usd in sums.items():
        if view is None or of_view == view:
            found[month] = EXACT.add(found.get(month, Decimal(0)), usd)
    return found


def _present_value(
    sums: _Sums, months: tuple[Month, ...], rate_per_year: float | Decimal, view: View | None
) -> Decimal:
    at_start: list[Decimal] = []
    later: dict[str, Decimal] = {month.name: Decimal(0) for month in months}
    for (month, of_view, is_at_start), usd in sums.items():
        if view is not None and of_view != view:
            continue
        if is_at_start:
            at_start.append(usd)
        else:
            later[month] = EXACT.add(later[month], usd)
    discounted = [
        EXACT.multiply(later[month.name], discount_factor(rate_per_year, month.ends_after))
        for month in months
    ]
    return _ROUNDING.quantize(total_of([*at_start, *discounted]), NPV_QUANTUM)


def _per_month(
    invoiced: Mapping[str, Decimal], economic: Mapping[str, Decimal], months: tuple[Month, ...]
) -> tuple[MonthCost, ...]:
    found = []
    so_far = so_far_economic = Decimal(0)
    for month in months:
        mine, mine_economic = invoiced.get(month.name, Decimal(0)), economic.get(month.name, Decimal(0))
        so_far, so_far_economic = EXACT.add(so_far, mine), EXACT.add(so_far_economic, mine_economic)
        found.append(
            MonthCost(
                month=month.name,
                invoiced_usd=mine,
                economic_usd=mine_economic,
                cumulative_invoiced_usd=so_far,
                cumulative_economic_usd=so_far_economic,
            )
        )
    return tuple(found)


def _correct(ledger: Ledger) -> tuple[Decimal | None, dict[str, str]]:
    """Expected right answers; None where some answers are not rated, with the reason."""
    unrated, right = ledger.expected("unrated"), ledger.expected("right")
    if unrated:
        share = _RATIO.divide(unrated, ledger.expected("completed"))
        return None, {"per_correct_usd": f"{share:.1%} of the answers are not rated"}
    if not right:
        return None, {"per_correct_usd": "no right answer is expected"}
    return right, {}


def per(amount: Decimal, count: Decimal | None, units: int = 1) -> Decimal | None:
    """Amount over count, times units, to 28 digits; None where there is nothing to divide by."""
    return _RATIO.divide(EXACT.multiply(amount, Decimal(units)), count) if count else None
