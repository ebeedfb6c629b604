"""Totals by fiscal year, which begins in any month and is named by the calendar year it ends in.

Comes in: a scenario and a ledger; goes out: sums of the ledger's rows, so the years add up to the total exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.finance.calendar import Month, whole_months
from planner.finance.ledger import EXACT, INVOICED, Ledger
from planner.scenario.fields import Scenario

if TYPE_CHECKING:
    import pandas as pd

MONTHS_PER_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class YearCost:
    """Cost of a fiscal year as far as the plan covers it; economic includes invoiced.

    `is_whole` says whether the plan covers the whole fiscal year; `months` counts calendar months it touches.
    """

    fiscal_year: str  # FY2027; 2027 where it is the calendar year
    first_month: str
    last_month: str
    months: int
    is_whole: bool
    invoiced_usd: Decimal
    economic_usd: Decimal


def fiscal_year(month: str, starts: int) -> str:
    """The fiscal year of a calendar month; `starts` is its first month, 1 to 12. A calendar year is its number.

    >>> fiscal_year("2026-09", 10), fiscal_year("2026-10", 10), fiscal_year("2026-10", 1)
    ('FY2026', 'FY2027', '2026')
    """
    year, number = int(month[:4]), int(month[5:7])
    return str(year) if starts == 1 else f"FY{year + (number >= starts)}"


def by_fiscal_year(scenario: Scenario, ledger: Ledger) -> tuple[YearCost, ...]:
    """Every fiscal year that the plan touches, in order, with the sums of its rows."""
    return fiscal_years(scenario, ledger.by("month", view=INVOICED), ledger.by("month"))


def fiscal_years(
    scenario: Scenario, invoiced: Mapping[str, Decimal], economic: Mapping[str, Decimal]
) -> tuple[YearCost, ...]:
    """The same from the sums of a ledger by month, where they are at hand."""
    starts = scenario.finance.fiscal_year_starts
    years: dict[str, list[Month]] = {}
    for month in whole_months(scenario):
        years.setdefault(fiscal_year(month.name, starts), []).append(month)
    of_year, of_year_economic = _by_year(invoiced, starts), _by_year(economic, starts)
    return tuple(
        YearCost(
            fiscal_year=name,
            first_month=mine[0].name,
            last_month=mine[-1].name,
            months=len(mine),
            is_whole=sum(month.fraction for month in mine) == MONTHS_PER_YEAR,
            invoiced_usd=of_year.get(name, Decimal(0)),
            economic_usd=of_year_economic.get(name, Decimal(0)),
        )
        for name, mine in years.items()
    )


def fiscal_frame(years: Sequence[YearCost]) -> "pd.DataFrame":
    """One row a fiscal year; money stays Decimal."""
    import pandas as pd

    names = list(YearCost.__dataclass_fields__)
    return pd.DataFrame(
        {name: pd.Series([getattr(row, name) for row in years], dtype=object) for name in names}
    )


def _by_year(of_month: Mapping[str, Decimal], starts: int) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for month, amount in of_month.items():
        name = fiscal_year(month, starts)
        found[name] = EXACT.add(found.get(name, Decimal(0)), amount)
    return found


__all__ = ["YearCost", "by_fiscal_year", "fiscal_frame", "fiscal_year"]
