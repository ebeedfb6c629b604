"""The real calendar of a horizon, and the value today of money paid later.

Comes in: the month pieces of a scenario; goes out: whole calendar months with their exact length, the
month at whose end each is paid, and discount factors. Nothing here is rounded to a mean month.
"""

import calendar
import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from planner.finance.ledger import EXACT, exact
from planner.scenario.fields import Scenario
from planner.scenario.remembered import once_per_scenario
from planner.workload.windows import MonthPiece, month_pieces

DISCOUNT_DIGITS = 28  # significant digits of a discount factor
HOURS_PER_DAY = 24


@dataclass(frozen=True, kw_only=True)
class Month:
    """A calendar month as far as the horizon covers it; `end` is exclusive.

    `fraction` is the covered part of the month (17/31 from the 15th of January on), `ends_after` the
    sum of fractions from the horizon's start to this month's end: the time at which it is paid.
    """

    name: str
    start: date
    end: date
    fraction: Fraction
    ends_after: Fraction

    @property
    def hours(self) -> int:
        """Hours covered: 744 in a whole January."""
        return HOURS_PER_DAY * (self.end - self.start).days


def months_of(pieces: Sequence[MonthPiece]) -> tuple[Month, ...]:
    """The calendar months that the pieces make up, in order."""
    found: list[Month] = []
    elapsed = Fraction(0)
    for name in dict.fromkeys(piece.month for piece in pieces):
        mine = [piece for piece in pieces if piece.month == name]
        start, end = mine[0].start, mine[-1].end
        fraction = Fraction((end - start).days, calendar.monthrange(start.year, start.month)[1])
        elapsed += fraction
        found.append(Month(name=name, start=start, end=end, fraction=fraction, ends_after=elapsed))
    return tuple(found)


@once_per_scenario
def whole_months(scenario: Scenario) -> tuple[Month, ...]:
    """The calendar months of a scenario's horizon, in order."""
    return months_of(month_pieces(scenario))


def nominal_rate(scenario: Scenario) -> Decimal:
    """The yearly rate for nominal amounts: `discount_rate`, or (1 + it)(1 + inflation) - 1 where it is real.

    All amounts of a ledger are nominal (what is paid on the day), so both forms discount the same flows.
    """
    finance = scenario.finance
    rate = exact(finance.discount_rate)
    if finance.rates == "nominal":
        return rate
    assert finance.inflation_per_year is not None, "a real rate needs an inflation: checked before any run"
    both = EXACT.multiply(EXACT.add(1, rate), EXACT.add(1, exact(finance.inflation_per_year)))
    return EXACT.subtract(both, 1)


def rate_in_words(scenario: Scenario) -> str:
    """The rate of present values for people: `8 %`, or `5 % real, 7.1 % nominal`."""
    given = f"{100 * scenario.finance.discount_rate:.4g} %"
    if scenario.finance.rates == "nominal":
        return given
    return f"{given} real, {100 * float(nominal_rate(scenario)):.4g} % nominal"


def discount_factor(rate_per_year: float | Decimal, months: Fraction) -> Decimal:
    """Value today of a dollar paid after some months: (1 + r)^-(months/12), to 28 significant digits.

    The same as compounding the monthly rate (1 + r)^(1/12) - 1 (facts: method §3.2), which is not r/12.

    >>> discount_factor(0.21, Fraction(24))
    Decimal('0.6830134553650706918926302848')
    """
    return _discount_factor(str(rate_per_year), months.numerator, months.denominator)


@lru_cache(maxsize=4096)
def _discount_factor(rate_per_year: str, months: int, of: int) -> Decimal:
    """`discount_factor` of a rate as it is written, after months / of months."""
    context = decimal.Context(prec=DISCOUNT_DIGITS + 12)
    years = context.divide(Decimal(months), Decimal(12 * of))
    factor = context.power(context.add(1, exact(rate_per_year)), -years)
    return decimal.Context(prec=DISCOUNT_DIGITS).plus(factor)
