"""One charge that does not depend on the traffic, and words that all of them share."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from planner.finance.calendar import Month
from planner.scenario import paths
from planner.scenario.fields import Scenario

MONTHS_PER_YEAR = 12
PRICE_QUANTUM = Decimal("1E-10")  # a yearly price that is no whole number of USD a month is kept to this


@dataclass(frozen=True, kw_only=True)
class StandingCharge:
    """An amount that does not depend on the traffic."""

    month: str
    account: str
    deployment: str | None = None
    quantity: Fraction
    unit: str
    unit_price_usd: Decimal
    source: str


def strategy_pays(strategies: tuple[str, ...] | None, scenario: Scenario, strategy: str) -> bool:
    """Whether an item for some strategies (None: for all) is one of this strategy, or of one it is `like`."""
    return strategies is None or any(name in strategies for name in scenario.lineage(strategy))


def given(*steps: str) -> str:
    """The source of a figure that the scenario gives itself."""
    return "scenario: " + paths.render(steps)


def due(every: Fraction | None, months: tuple[Month, ...]) -> Iterator[tuple[Month, Fraction]]:
    """(month, months since the start) of what is paid at the start and again after every so many months (None: never)."""
    at = Fraction(0)
    for month in months:
        while at < month.ends_after:
            yield month, at
            if every is None:
                return
            at += every
