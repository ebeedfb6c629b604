"""What is paid to connect, keep, prove and end: integration effort, maintenance, compliance, exit.

Comes in: a scenario, one of its strategies and the calendar; goes out: standing charges.
"""

from collections.abc import Iterator
from fractions import Fraction

from planner.finance.calendar import Month
from planner.finance.hardware import hardware_values
from planner.finance.integrations import integrations, later_integrations
from planner.finance.ledger import exact
from planner.finance.standing_charge import MONTHS_PER_YEAR, StandingCharge, due, given, strategy_pays
from planner.finance.uptime import breach_chances
from planner.scenario.fields import Scenario
from planner.scenario.finance_upkeep import Effort
from planner.workload.outage_months import REPLICATIONS


def upkeep_charges(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    """All charges of a strategy for effort, maintenance, compliance and the end of the plan."""
    if scenario.finance.effort is not None:
        yield from _effort(scenario, strategy, scenario.finance.effort, months)
    yield from _maintenance(scenario, strategy, months)
    yield from _compliance(scenario, strategy, months)
    yield from _at_end(scenario, strategy, months[-1])
    yield from _penalties(scenario, strategy, months)


def _effort(
    scenario: Scenario, strategy: str, effort: Effort, months: tuple[Month, ...]
) -> Iterator[StandingCharge]:
    """Days for every interface at the start, and in the month of a migration for it and what is new with it."""
    price = exact(effort.usd_per_day)
    for one in integrations(scenario, strategy):
        yield StandingCharge(
            month=months[0].name,
            account="integration",
            quantity=Fraction(exact(effort.days_per_integration)),
            unit="day",
            unit_price_usd=price,
            source=f"scenario: finance.effort; {one}",
        )
    for day, what, is_new in later_integrations(scenario, strategy):
        month = next((month for month in months if month.start <= day < month.end), None)
        days = effort.days_per_integration if is_new else effort.days_per_model_switch
        if month is not None:
            yield StandingCharge(
                month=month.name,
                account="migration",
                quantity=Fraction(exact(days)),
                unit="day",
                unit_price_usd=price,
                source=f"scenario: finance.effort; {what} on {day.isoformat()}",
            )


def _maintenance(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    for item in scenario.finance.maintenance:
        if not strategy_pays(item.strategies, scenario, strategy):
            continue
        source = given("finance", "maintenance", item.name)
        for month in months:
            if item.usd_per_month is not None:
                yield StandingCharge(
                    month=month.name,
                    account="maintenance",
                    quantity=month.fraction,
                    unit="month",
                    unit_price_usd=exact(item.usd_per_month),
                    source=source,
                )
                continue
            assert item.hardware_share_per_year is not None, f"maintenance without an amount: {item.name}"
            for name, usd in hardware_values(scenario, strategy):
                yield StandingCharge(
                    month=month.name,
                    account="maintenance",
                    deployment=name,
                    quantity=Fraction(usd) * month.fraction / MONTHS_PER_YEAR,
                    unit="USD of hardware x year",
                    unit_price_usd=exact(item.hardware_share_per_year),
                    source=source,
                )


def _compliance(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    for item in scenario.finance.compliance:
        if not strategy_pays(item.strategies, scenario, strategy):
            continue
        if item.only_if == "outside" and not sends_outside(scenario, strategy):
            continue
        every = None if item.every_months is None else Fraction(item.every_months)
        for month, at in due(every, months):
            yield StandingCharge(
                month=month.name,
                account="compliance/first" if at == 0 else "compliance/repeated",
                quantity=Fraction(1),
                unit="item",
                unit_price_usd=exact(item.usd),
                source=given("finance", "compliance", item.name),
            )


def _at_end(scenario: Scenario, strategy: str, last: Month) -> Iterator[StandingCharge]:
    for item in scenario.finance.at_end:
        if strategy_pays(item.strategies, scenario, strategy):
            yield StandingCharge(
                month=last.name,
                account="exit",
                quantity=Fraction(1),
                unit="item",
                unit_price_usd=exact(item.usd),
                source=given("finance", "at_end", item.name),
            )


def _penalties(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    """What is expected to be paid to customers for months below the promise."""
    promise = scenario.finance.sla
    if promise is None or not promise.penalty_usd_per_month:
        return
    for month, chance in zip(months, breach_chances(scenario, strategy, months), strict=True):
        yield StandingCharge(
            month=month.name,
            account="penalties",
            quantity=chance * month.fraction,
            unit="month below the promise",
            unit_price_usd=exact(promise.penalty_usd_per_month),
            source=f"scenario: finance.sla; below {promise.availability:g} by outages in {float(chance):.2%} of "
            f"{REPLICATIONS:,} replications",
        )


def sends_outside(scenario: Scenario, strategy: str) -> bool:
    """Whether some request of a strategy may be read outside the house: by a deployment, or by its verifier."""
    return scenario.is_verified_outside(strategy) or any(
        scenario.deployments[name].is_outside for name in scenario.deployments_of(strategy)
    )
