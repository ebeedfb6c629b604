"""What is paid whether or not a request comes: set-up, devices, GPU hours, people, migrations.

Comes in: a scenario, one of its strategies and the calendar; goes out: one charge per month and item,
still as exact fractions, for the ledger to round and price.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from planner.catalogue import profiles
from planner.errors import PriceUnknown
from planner.finance.calendar import Month
from planner.finance.ledger import exact, rounded
from planner.scenario import paths
from planner.scenario.fields import CascadeRouter, Scenario

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


def standing_charges(
    scenario: Scenario, strategy: str, months: tuple[Month, ...]
) -> tuple[StandingCharge, ...]:
    """All charges of a strategy that do not depend on its traffic, in order of account and time."""
    return (
        *_one_time(scenario, strategy, months[0]),
        *_devices(scenario, strategy, months),
        *_migrations(scenario, strategy, months),
        *_gpu_hours(scenario, strategy, months),
        *_people(scenario, strategy, months),
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
                source=_given("finance", "one_time", item.name),
            )


def _people(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    for item in scenario.finance.people:
        if not strategy_pays(item.strategies, scenario, strategy):
            continue
        for index, month in enumerate(months):
            raised = (1 + Fraction(exact(item.raise_per_year))) ** (index // MONTHS_PER_YEAR)
            per_year = Fraction(exact(item.usd_per_year)) * raised
            yield StandingCharge(
                month=month.name,
                account="people",
                quantity=Fraction(exact(item.fte)) * month.fraction,
                unit="FTE-month",
                unit_price_usd=rounded(per_year / MONTHS_PER_YEAR, PRICE_QUANTUM),
                source=_given("finance", "people", item.name),
            )


def _gpu_hours(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    for name in scenario.deployments_of(strategy):
        server = scenario.deployments[name].server
        if server is None:
            continue
        price, source = gpu_hour_price(scenario, name)
        for month in months:
            yield StandingCharge(
                month=month.name,
                account="compute/gpu-hours",
                deployment=name,
                quantity=Fraction(server.replicas * server.gpus_per_replica * month.hours),
                unit="GPU-hour",
                unit_price_usd=price,
                source=source,
            )


def _devices(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    """The fleet at the start, and again whenever its life ends inside the horizon."""
    for name in scenario.deployments_of(strategy):
        device = scenario.deployments[name].device
        if device is None:
            continue
        price, source = device_price(scenario, name)
        life = Fraction(device_life_years(scenario, name)[0]) * MONTHS_PER_YEAR
        bought = Fraction(0)
        for month in months:
            while bought < month.ends_after:
                yield StandingCharge(
                    month=month.name,
                    account="devices/purchase" if bought == 0 else "devices/replacement",
                    deployment=name,
                    quantity=Fraction(device.fleet),
                    unit="device",
                    unit_price_usd=price,
                    source=source,
                )
                bought += life


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


def migrations_met(scenario: Scenario, strategy: str) -> tuple[tuple[date, str, str, Decimal], ...]:
    """Migrations (day, from, to, cost) of models then in force in the strategy, its verifier's included."""
    inside = {scenario.deployments[name].model for name in scenario.deployments_of(strategy)}
    router = scenario.strategy(strategy).router
    if isinstance(router, CascadeRouter):
        inside.add(router.verifier.model)
    met = []
    for day in sorted({migration.at for migration in scenario.finance.migrations}):
        pending = [migration for migration in scenario.finance.migrations if migration.at == day]
        replaced: set[str] = set()
        while ready := [
            one for one in pending if one.from_model in inside and one.from_model not in replaced
        ]:
            migration = ready[0]  # chains of one day are followed in whatever order they are written
            pending.remove(migration)
            replaced.add(migration.from_model)
            inside.add(migration.to)
            met.append((day, migration.from_model, migration.to, exact(migration.usd)))
        inside -= replaced
    return tuple(met)


def gpu_hour_price(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """USD of an hour of one GPU of a server and where the figure comes from."""
    server = scenario.deployments[name].server
    assert server is not None, f"{name} is no server"
    if server.usd_per_gpu_hour is not None:
        return exact(server.usd_per_gpu_hour), _given("deployments", name, "server", "usd_per_gpu_hour")
    gpu = profiles.gpu(server.gpu)
    return gpu.usd_per_hour, f"{gpu.provider} price of {gpu.name} as of {gpu.as_of} ({gpu.source})"


def device_price(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """USD of one device and where the figure comes from."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    if device.usd is not None:
        return exact(device.usd), _given("deployments", name, "device", "usd")
    known = profiles.device(device.kind)
    return _known(
        known.usd, name, "usd", known
    ), f"price of {known.name} as of {known.as_of} ({known.source})"


def device_life_years(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Years of use of one device and where the figure comes from."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    if device.life_years is not None:
        return exact(device.life_years), _given("deployments", name, "device", "life_years")
    known = profiles.device(device.kind)
    return exact(known.life_years), f"life of {known.name} ({known.life_source})"


def device_watts(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Watts of one device while it answers and where the figure comes from."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    if device.watts is not None:
        return exact(device.watts), _given("deployments", name, "device", "watts")
    known = profiles.device(device.kind)
    watts = None if known.watts is None else exact(known.watts)
    return _known(watts, name, "watts", known), f"power of {known.name} as of {known.as_of} ({known.source})"


def _known(figure: Decimal | None, name: str, field_name: str, device: profiles.Device) -> Decimal:
    if figure is None:
        path = paths.render(("deployments", name, "device", field_name))
        raise PriceUnknown(f"{field_name} of {device.label} is not known; give {path}")
    return figure


def strategy_pays(strategies: tuple[str, ...] | None, scenario: Scenario, strategy: str) -> bool:
    """Whether an item for some strategies (None: for all) is one of this strategy, or of one it is `like`."""
    return strategies is None or any(name in strategies for name in scenario.lineage(strategy))


def _given(*steps: str) -> str:
    return "scenario: " + paths.render(steps)
