"""What is paid whether or not a request comes: set-up, devices, servers, units that stand ready, people, migrations, upkeep.

Comes in: a scenario, one of its strategies and the calendar; goes out: one charge per month and item,
still as exact fractions, for the ledger to round and price.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from planner.finance.calendar import Month
from planner.finance.ledger import exact, rounded
from planner.finance.migrations import migrations_met
from planner.finance.standing_charge import (
    MONTHS_PER_YEAR,
    PRICE_QUANTUM,
    StandingCharge,
    given,
    strategy_pays,
)
from planner.finance.standing_hardware import hardware_charges
from planner.finance.standing_provisioned import provisioned_charges
from planner.finance.standing_upkeep import upkeep_charges
from planner.scenario.fields import Scenario


def standing_charges(
    scenario: Scenario, strategy: str, months: tuple[Month, ...]
) -> tuple[StandingCharge, ...]:
    """All charges of a strategy that do not depend on its traffic."""
    return (
        *_one_time(scenario, strategy, months[0]),
        *_migrations(scenario, strategy, months),
        *hardware_charges(scenario, strategy, months),
        *_people(scenario, strategy, months),
        *upkeep_charges(scenario, strategy, months),
        *provisioned_charges(scenario, strategy, months),
    )


def _one_time(scenario: Scenario, strategy: str, first: Month) -> Iterator[StandingCharge]:
    for item in scenario.finance.one_time:
        if strategy_pays(item.strategies, scenario, strategy):
            yield StandingCharge(
                month=first.name,
                account="one-time",
                quantity=Fraction(1),
                unit="item",
                unit_price_usd=exact(item.usd),
                source=given("finance", "one_time", item.name),
            )


def _people(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    for item in scenario.finance.people:
        if not strategy_pays(item.strategies, scenario, strategy):
            continue
        raised, per_month = 1 + Fraction(exact(item.raise_per_year)), Decimal(0)
        for index, month in enumerate(months):
            if index % MONTHS_PER_YEAR == 0:
                per_year = Fraction(exact(item.usd_per_year)) * raised ** (index // MONTHS_PER_YEAR)
                per_month = rounded(per_year / MONTHS_PER_YEAR, PRICE_QUANTUM)
            yield StandingCharge(
                month=month.name,
                account="people",
                quantity=Fraction(exact(item.fte)) * month.fraction,
                unit="FTE-month",
                unit_price_usd=per_month,
                source=given("finance", "people", item.name),
            )


def _migrations(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    for at, origin, successor, cost in migrations_met(scenario, strategy):
        month = next((month for month in months if month.start <= at < month.end), None)
        if month is not None:
            yield StandingCharge(
                month=month.name,
                account="migration",
                quantity=Fraction(1),
                unit="migration",
                unit_price_usd=cost,
                source=f"scenario: finance.migrations, {origin} to {successor} on {at.isoformat()}",
            )
