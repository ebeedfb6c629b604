"""Provisioned units: what stands ready is paid for, by the hour or by the month, whether used or not.

Comes in: a scenario, one of its strategies and the calendar; goes out: one charge per month and deployment.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from planner.catalogue import provisioned
from planner.finance.calendar import Month
from planner.finance.ledger import exact
from planner.finance.standing_charge import StandingCharge, given
from planner.scenario.fields import Scenario


def provisioned_charges(
    scenario: Scenario, strategy: str, months: tuple[Month, ...]
) -> Iterator[StandingCharge]:
    """Units that stand ready, by the hour or, where they are reserved, by the month."""
    for name in scenario.deployments_of(strategy):
        units = scenario.deployments[name].provisioned
        if units is None:
            continue
        price, source = provisioned_price(scenario, name)
        for month in months:
            is_reserved = units.reservation is not None
            yield StandingCharge(
                month=month.name,
                account="provisioned",
                deployment=name,
                quantity=units.units * (month.fraction if is_reserved else Fraction(month.hours)),
                unit="unit-month" if is_reserved else "unit-hour",
                unit_price_usd=price,
                source=source,
            )


def provisioned_price(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """USD of a provisioned unit, for an hour or (with a reservation) a month, and where the figure comes from.

    Raises PriceUnknown where neither the scenario nor the catalogue has one.
    """
    units, provider = scenario.deployments[name].provisioned, scenario.deployments[name].provider
    assert units is not None, f"{name} has no provisioned units"
    if units.reservation is not None:
        path = ("deployments", name, "provisioned", "reservation", "usd_per_unit_month")
        return exact(units.reservation.usd_per_unit_month), given(*path)
    if units.usd_per_unit_hour is not None:
        return exact(units.usd_per_unit_hour), given("deployments", name, "provisioned", "usd_per_unit_hour")
    listed = provisioned.unit_price(provider or "", units.reach)
    source = f"{provider} price of a provisioned unit ({units.reach}) as of {listed.as_of} ({listed.source})"
    return listed.usd_per_hour, source


__all__ = ["provisioned_charges", "provisioned_price"]
