"""Whether money spent first comes back: flows of one ledger or of the difference of two, payback, rate of return.

Comes in: ledgers, or flows of money by time; goes out: present values, payback, internal rates of return, level
payments. Flows are nominal; those of `horizon.AT_START` are on the plan's first day, all others at the end of their
calendar month, with t in months from the first day as `calendar.Month.ends_after` has it. A positive flow is money
gained. Source of all rules: facts, method §3.2.
"""

import decimal
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from planner.finance.calendar import DISCOUNT_DIGITS, discount_factor, months_of
from planner.finance.horizon import AT_START
from planner.finance.ledger import EXACT, Ledger, LedgerRow, View, total_of
from planner.scenario.fields import Scenario
from planner.workload.windows import month_pieces

NOT_WITHIN = "not within the horizon"
MONTHS_PER_YEAR = 12
NPV_QUANTUM = Decimal("1E-10")
#: Rates between which an internal rate of return is looked for, per year: a loss of nearly all to a millionfold.
LOWEST_RATE, HIGHEST_RATE = -0.9999, 1e6
#: Rates of a profile where there is no one rate of return.
PROFILE_RATES = (-0.5, -0.2, -0.1, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_CELLS = 4000  # of the search between them, even in log(1 + rate)
_RATIO = decimal.Context(prec=DISCOUNT_DIGITS, rounding=decimal.ROUND_HALF_EVEN)
_ROUNDING = decimal.Context(prec=200, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Flow:
    """Money gained (less than 0: spent), `months` after the plan's first day."""

    months: Fraction
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Payback:
    """When what was spent has come back. `months` is None where it does not, and `reason` says so.

    `again_below` holds the moments at which the sum of flows falls below zero once more (a fleet that is replaced).
    """

    months: Decimal | None
    reason: str | None
    again_below: tuple[Decimal, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Irr:
    """Internal rates of return per year; `rate` only where there is exactly one, else `reason` says why not.

    `profile` holds (rate, present value) where there is none or more than one.
    """

    rate: float | None
    reason: str | None
    roots: tuple[float, ...]
    profile: tuple[tuple[float, Decimal], ...] = ()


def cost_flows(scenario: Scenario, ledger: Ledger, view: View | None = None) -> tuple[Flow, ...]:
    """What a ledger spends, as flows less than 0, one for the start and one for each month; None takes both views."""
    months = months_of(month_pieces(scenario))
    at_start = total_of(row.amount_usd for row in _rows(ledger, view) if row.account in AT_START)
    later = {month.name: Decimal(0) for month in months}
    for row in _rows(ledger, view):
        if row.account not in AT_START:
            later[row.month] = EXACT.add(later[row.month], row.amount_usd)
    ends = (Flow(month.ends_after, EXACT.minus(later[month.name])) for month in months)
    return (Flow(Fraction(0), EXACT.minus(at_start)), *ends)


def difference_flows(
    scenario: Scenario, option: Ledger, reference: Ledger, view: View | None = None
) -> tuple[Flow, ...]:
    """What it brings, at each time, to take one strategy instead of another: the other's cost less its own."""
    mine, others = cost_flows(scenario, option, view), cost_flows(scenario, reference, view)
    return tuple(
        Flow(one.months, EXACT.subtract(one.usd, other.usd)) for one, other in zip(mine, others, strict=True)
    )


def npv(flows: Sequence[Flow], rate_per_year: float | Decimal) -> Decimal:
    """Value of flows on the first day: factors to 28 digits, the sum rounded to 1e-10 USD, as `totals` has it."""
    return _ROUNDING.quantize(total_of(_discounted(flows, rate_per_year)), NPV_QUANTUM)


def payback(flows: Sequence[Flow], rate_per_year: float | Decimal | None = None) -> Payback:
    """Months until the sum of flows has come back to zero for the first time.

    Parameters
    ----------
    rate_per_year
        Discounts every flow to the first day before summing (discounted payback); None is the simple one.

    Notes
    -----
    Within a month the sum is taken to go straight from its value at the start of the month to that at its end.
    Where nothing is ever spent ahead there is nothing to pay back: 0 months. To 28 digits.
    """
    ordered = sorted(flows, key=lambda flow: flow.months)
    amounts = [flow.usd for flow in ordered] if rate_per_year is None else _discounted(ordered, rate_per_year)
    so_far, before = Decimal(0), Fraction(0)
    found: Decimal | None = None
    was_below, again = False, []
    for flow, amount in zip(ordered, amounts, strict=True):
        after = EXACT.add(so_far, amount)
        if so_far < 0 <= after and found is None:
            found = _crossing(before, flow.months, so_far, after)
        elif found is not None and so_far >= 0 > after:
            again.append(_crossing(before, flow.months, so_far, after))
        was_below = was_below or after < 0
        so_far, before = after, flow.months
    if not was_below:
        return Payback(months=Decimal(0), reason=None)
    return Payback(months=found, reason=NOT_WITHIN if found is None else None, again_below=tuple(again))


def irr(flows: Sequence[Flow]) -> Irr:
    """The yearly rates at which the present value of flows is zero, between -99.99 % and 1e6.

    Meant for the difference of two strategies: costs alone change no sign and have no rate of return. By Descartes'
    rule there are at most as many rates as flows change sign; all are looked for.
    """
    merged = _merged(flows)
    changes = _sign_changes([amount for _, amount in merged])
    if changes == 0:
        return Irr(rate=None, reason="not defined: the flows never change sign", roots=())
    scale = max(abs(amount) for _, amount in merged)
    terms = [(float(months), float(amount / scale)) for months, amount in merged]
    roots = tuple(math.expm1(MONTHS_PER_YEAR * root) for root in _roots(terms))
    if len(roots) == 1:
        return Irr(rate=roots[0], reason=None, roots=roots)
    reason = (
        f"not defined: no rate from {LOWEST_RATE:.2%} to {HIGHEST_RATE:.0e} makes the present value zero"
        if not roots
        else f"{len(roots)} rates make the present value zero; see the profile"
    )
    profile = tuple((rate, npv(flows, rate)) for rate in PROFILE_RATES)
    return Irr(rate=None, reason=reason, roots=roots, profile=profile)


def annuity(present_usd: Decimal, rate_per_year: float | Decimal, months: int) -> Decimal:
    """The level payment at the end of each month that is worth an amount today: P r / (1 - (1 + r)^-n).

    r is the monthly rate (1 + yearly)^(1/12) - 1; with a rate of 0 it is P / n. To 28 digits.

    >>> annuity(Decimal(1200), 0, 12)
    Decimal('100')
    """
    return _level(present_usd, discount_factor(rate_per_year, Fraction(1)), months)


def equivalent_annual_cost(present_usd: Decimal, rate_per_year: float | Decimal, years: int) -> Decimal:
    """The level payment at the end of each year of a life that is worth an amount today; compares unequal lives."""
    return _level(present_usd, discount_factor(rate_per_year, Fraction(MONTHS_PER_YEAR)), years)


def _level(present: Decimal, factor: Decimal, periods: int) -> Decimal:
    """Payment for each period, of whose discount factor the powers 1 to n are summed."""
    if periods < 1:
        raise ValueError(f"a life has at least one period: {periods}")
    wide = decimal.Context(prec=DISCOUNT_DIGITS + 12)
    total, power = Decimal(0), Decimal(1)
    for _ in range(periods):
        power = wide.multiply(power, factor)
        total = wide.add(total, power)
    return _RATIO.divide(present, total)


def _rows(ledger: Ledger, view: View | None) -> Iterator[LedgerRow]:
    return (row for row in ledger.rows if view is None or row.view == view)


def _discounted(flows: Iterable[Flow], rate_per_year: float | Decimal) -> list[Decimal]:
    return [EXACT.multiply(flow.usd, discount_factor(rate_per_year, flow.months)) for flow in flows]


def _crossing(begin: Fraction, end: Fraction, before: Decimal, after: Decimal) -> Decimal:
    """Where a straight line between two sums is zero."""
    part = Fraction(-before) / (Fraction(after) - Fraction(before))
    at = begin + part * (end - begin)
    return _RATIO.divide(Decimal(at.numerator), Decimal(at.denominator))


def _merged(flows: Iterable[Flow]) -> list[tuple[Fraction, Decimal]]:
    """One amount for each time, in order; times without any are left out."""
    sums: dict[Fraction, Decimal] = {}
    for flow in flows:
        sums[flow.months] = EXACT.add(sums.get(flow.months, Decimal(0)), flow.usd)
    return sorted((months, amount) for months, amount in sums.items() if amount)


def _sign_changes(amounts: Sequence[Decimal]) -> int:
    return sum(one * other < 0 for one, other in pairwise(amounts))


def _roots(terms: Sequence[tuple[float, float]]) -> list[float]:
    """Zeros of the sum of a e^(-s t) in s, the monthly rate log(1 + i).

    The sum is looked at on an even grid and where its slope is zero between two points, so that two zeros inside one cell
    are seen, too; each change of sign is then closed in on.
    """
    from scipy.optimize import brentq

    def value(s: float) -> float:
        return _sum_at(terms, s)

    def slope(s: float) -> float:
        return _sum_at([(months, -months * amount) for months, amount in terms], s)

    low, high = (math.log1p(rate) / MONTHS_PER_YEAR for rate in (LOWEST_RATE, HIGHEST_RATE))
    grid = [low + (high - low) * cell / _CELLS for cell in range(_CELLS + 1)]
    points = sorted({*grid, *_zeros(slope, grid, brentq)})
    return _zeros(value, points, brentq)


def _zeros(
    function: Callable[[float], float], points: Sequence[float], solve: Callable[..., float]
) -> list[float]:
    values = [function(point) for point in points]
    found = [point for point, value in zip(points, values, strict=True) if value == 0.0]
    for left, right, below, above in zip(points, points[1:], values, values[1:], strict=False):
        if below < 0 < above or above < 0 < below:
            found.append(float(solve(function, left, right, xtol=1e-15, rtol=8.9e-16)))
    return sorted(found)


def _sum_at(terms: Sequence[tuple[float, float]], s: float) -> float:
    """Relative to the largest power, so that nothing overflows; the sign and the zeros are those of the sum."""
    largest = max(-s * months for months, _ in terms)
    return math.fsum(amount * math.exp(-s * months - largest) for months, amount in terms)


__all__ = [
    "Flow",
    "Irr",
    "Payback",
    "annuity",
    "cost_flows",
    "difference_flows",
    "equivalent_annual_cost",
    "irr",
    "npv",
    "payback",
]
