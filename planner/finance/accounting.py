"""The accounting view: what is bought is spread over its life, month by month; no cash moves and no NPV reads it.

Comes in: a scenario and a ledger; goes out: capital spent, depreciation, book value and the cost as accounts show it.
Straight line without salvage: from the start of the month in which a thing is paid (as far as the plan covers it), by the
covered part of every month, until its life ends. Accumulated depreciation is rounded half-even to 1e-10 USD and a month's is
the difference, so that depreciation and the book value at the end add up to what was paid, exactly. What is lost or sold stays
on the books to the end of its life: proceeds at the end of the plan (`/residual`) are income beside its book value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from planner.finance.calendar import Month, months_of
from planner.finance.hardware import device_life_years, server_life_years
from planner.finance.ledger import EXACT, INVOICED, Ledger, exact, rounded, total_of
from planner.scenario.fields import Scenario
from planner.workload.windows import month_pieces

if TYPE_CHECKING:
    import pandas as pd

DEVICES = ("devices/purchase", "devices/spares", "devices/replacement", "devices/attrition")
SERVERS = ("compute/purchase", "compute/replacement")
TANGIBLE = (*DEVICES, *SERVERS)
#: Depreciated with `finance.depreciation_years`, else spent when paid.
INTANGIBLE = ("one-time", "integration")
MONTHS_PER_YEAR = 12
BOOK_QUANTUM = Decimal("1E-10")


@dataclass(frozen=True, kw_only=True)
class Asset:
    """What was bought in one month on one account: its cost, its life, its depreciation in each month of the plan."""

    account: str
    deployment: str | None
    month: str
    capex_usd: Decimal
    life_months: Fraction
    depreciation_usd: tuple[Decimal, ...]

    @property
    def book_value_usd(self) -> Decimal:
        """What is left of it on the books at the end of the plan."""
        return EXACT.subtract(self.capex_usd, total_of(self.depreciation_usd))


@dataclass(frozen=True, kw_only=True)
class MonthBook:
    """A month as accounts show it, in USD.

    `capex_usd` is paid for things that last, `expensed_usd` is all else that is invoiced; `cost_usd` is expensed and
    depreciation. `book_value_usd` is at the end of the month.
    """

    month: str
    capex_usd: Decimal
    depreciation_usd: Decimal
    book_value_usd: Decimal
    expensed_usd: Decimal
    cost_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Books:
    """The accounting view of one strategy's ledger."""

    months: tuple[MonthBook, ...]
    assets: tuple[Asset, ...]

    def to_frame(self) -> "pd.DataFrame":
        """One row a month; money stays Decimal."""
        import pandas as pd

        names = list(MonthBook.__dataclass_fields__)
        return pd.DataFrame(
            {name: pd.Series([getattr(row, name) for row in self.months], dtype=object) for name in names}
        )


def books(scenario: Scenario, ledger: Ledger) -> Books:
    """Capital, depreciation and book value of a strategy by month.

    The sum of all depreciation and the book value at the end of the plan is the capital paid; the sum of `cost_usd`
    and that book value is the invoiced total of the ledger.
    """
    months = months_of(month_pieces(scenario))
    assets = tuple(_assets(scenario, ledger, months))
    invoiced = ledger.by("month", view=INVOICED)
    found = []
    book_value = Decimal(0)
    for index, month in enumerate(months):
        capex = total_of(one.capex_usd for one in assets if one.month == month.name)
        written_off = total_of(one.depreciation_usd[index] for one in assets)
        book_value = EXACT.subtract(EXACT.add(book_value, capex), written_off)
        expensed = EXACT.subtract(invoiced.get(month.name, Decimal(0)), capex)
        found.append(
            MonthBook(
                month=month.name,
                capex_usd=capex,
                depreciation_usd=written_off,
                book_value_usd=book_value,
                expensed_usd=expensed,
                cost_usd=EXACT.add(expensed, written_off),
            )
        )
    return Books(months=tuple(found), assets=assets)


def life_months(scenario: Scenario, account: str, deployment: str | None) -> Fraction | None:
    """Months over which what an account pays is written off; None where it is spent at once."""
    if account in INTANGIBLE:
        years = scenario.finance.depreciation_years
        return None if years is None else Fraction(exact(years)) * MONTHS_PER_YEAR
    if account not in TANGIBLE:
        return None
    assert deployment is not None, f"{account} of no deployment"
    years_of = device_life_years if account in DEVICES else server_life_years
    return Fraction(years_of(scenario, deployment)[0]) * MONTHS_PER_YEAR


def _assets(scenario: Scenario, ledger: Ledger, months: Sequence[Month]) -> list[Asset]:
    found = []
    for (account, deployment, name), paid in ledger.by(
        "account", "deployment", "month", view=INVOICED
    ).items():
        life = life_months(scenario, account, deployment)
        if life is not None:
            found.append(
                Asset(
                    account=account,
                    deployment=deployment,
                    month=name,
                    capex_usd=paid,
                    life_months=life,
                    depreciation_usd=tuple(_straight_line(paid, life, name, months)),
                )
            )
    return found


def _straight_line(paid: Decimal, life: Fraction, bought: str, months: Sequence[Month]) -> list[Decimal]:
    """Depreciation in every month of the plan; nothing before the month in which it was bought."""
    in_use, so_far = Fraction(0), Decimal(0)
    found = []
    for month in months:
        if month.name >= bought:
            in_use += month.fraction
        whole = in_use >= life
        accumulated = paid if whole else rounded(Fraction(paid) * in_use / life, BOOK_QUANTUM)
        found.append(EXACT.subtract(accumulated, so_far))
        so_far = accumulated
    return found


__all__ = [
    "DEVICES",
    "INTANGIBLE",
    "SERVERS",
    "TANGIBLE",
    "Asset",
    "Books",
    "MonthBook",
    "books",
    "life_months",
]
