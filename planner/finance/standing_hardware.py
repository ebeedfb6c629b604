"""What own hardware costs whether or not a request comes: buying, replacing, spares, losses, updates, energy, room.

Comes in: a scenario, one of its strategies and the calendar; goes out: standing charges. Everything of one deployment
is bought at the start and again whenever its life ends inside the plan; what is then bought is new and has its whole
life before it. At the plan's end what is left of a life is worth price x residual share x rest / life, a credit.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from planner.finance.calendar import Month
from planner.finance.hardware import (
    device_life_years,
    device_price,
    gpu_hour_price,
    gpus_of,
    server_kilowatts,
    server_life_years,
    server_of,
    server_prices,
    spares,
)
from planner.finance.ledger import EXACT, exact
from planner.finance.standing_charge import MONTHS_PER_YEAR, StandingCharge, due, given
from planner.scenario.fields import Scenario
from planner.scenario.hardware import Device

W_PER_KW = 1000


def hardware_charges(
    scenario: Scenario, strategy: str, months: tuple[Month, ...]
) -> Iterator[StandingCharge]:
    """All standing charges of a strategy's own and rented hardware."""
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        if deployment.device is not None:
            yield from _fleet(scenario, name, deployment.device, months)
        elif deployment.server is not None and deployment.server.owned is not None:
            yield from _owned(scenario, name, months)
        elif deployment.server is not None:
            yield from _rented(scenario, name, months)


def _rented(scenario: Scenario, name: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    server = scenario.deployments[name].server
    assert server is not None, f"{name} is no server"
    price, source = gpu_hour_price(scenario, name)
    for month in months:
        yield StandingCharge(
            month=month.name,
            account="compute/gpu-hours",
            deployment=name,
            quantity=Fraction(gpus_of(server) * month.hours),
            unit="GPU-hour",
            unit_price_usd=price,
            source=source,
        )


def _owned(scenario: Scenario, name: str, months: tuple[Month, ...]) -> Iterator[StandingCharge]:
    server, owned = server_of(scenario, name)
    life = Fraction(server_life_years(scenario, name)[0]) * MONTHS_PER_YEAR
    for what, price, source in server_prices(scenario, name):
        for month, bought in due(life, months):
            account = "compute/purchase" if bought == 0 else "compute/replacement"
            yield _bought(month, account, name, gpus_of(server), what, price, source)
        yield from _residual(
            "compute/residual", name, gpus_of(server), what, price, owned.residual_share, life, months
        )
    kilowatts, words = server_kilowatts(scenario, name)
    for month in months:
        if scenario.finance.electricity_usd_per_kwh:
            yield StandingCharge(
                month=month.name,
                account="energy/servers",
                deployment=name,
                quantity=Fraction(kilowatts) * month.hours,
                unit="kWh",
                unit_price_usd=exact(scenario.finance.electricity_usd_per_kwh),
                source=f"scenario: finance.electricity_usd_per_kwh; {words}",
            )
        if owned.rack_usd_per_month:
            yield StandingCharge(
                month=month.name,
                account="compute/rack",
                deployment=name,
                quantity=month.fraction,
                unit="month",
                unit_price_usd=exact(owned.rack_usd_per_month),
                source=given("deployments", name, "server", "owned", "rack_usd_per_month"),
            )


def _fleet(
    scenario: Scenario, name: str, device: Device, months: tuple[Month, ...]
) -> Iterator[StandingCharge]:
    price, source = device_price(scenario, name)
    life = Fraction(device_life_years(scenario, name)[0]) * MONTHS_PER_YEAR
    kept = spares(scenario, name)
    for month, bought in due(life, months):
        if bought == 0:
            yield _bought(month, "devices/purchase", name, device.fleet, "device", price, source)
            yield _bought(month, "devices/spares", name, kept, "device", price, source)
        else:
            yield _bought(month, "devices/replacement", name, device.fleet + kept, "device", price, source)
    lost_a_month = device.fleet * Fraction(exact(device.losses_per_year)) / MONTHS_PER_YEAR
    for month in months:
        yield _bought(
            month, "devices/attrition", name, lost_a_month * month.fraction, "device", price, source
        )
        yield from _updates(scenario, name, device, month)
        yield from _idle(scenario, name, device, month)
    yield from _residual(
        "devices/residual", name, device.fleet + kept, "device", price, device.residual_share, life, months
    )


def _updates(scenario: Scenario, name: str, device: Device, month: Month) -> Iterator[StandingCharge]:
    """The work of updates, and what they send to every device in use."""
    updates = device.fleet * Fraction(exact(device.updates_per_year)) / MONTHS_PER_YEAR * month.fraction
    if device.update_usd:
        yield StandingCharge(
            month=month.name,
            account="devices/updates",
            deployment=name,
            quantity=updates,
            unit="update",
            unit_price_usd=exact(device.update_usd),
            source=given("deployments", name, "device", "update_usd"),
        )
    if device.update_gb and scenario.finance.transfer_usd_per_gb:
        yield StandingCharge(
            month=month.name,
            account="devices/updates",
            deployment=name,
            quantity=updates * Fraction(exact(device.update_gb)),
            unit="GB",
            unit_price_usd=exact(scenario.finance.transfer_usd_per_gb),
            source=f"scenario: finance.transfer_usd_per_gb; {device.update_gb:g} GB an update",
        )


def _idle(scenario: Scenario, name: str, device: Device, month: Month) -> Iterator[StandingCharge]:
    """What a fleet draws all the time that it is switched on; answers draw what is above that (`tariff`)."""
    price = scenario.finance.electricity_usd_per_kwh
    if device.idle_watts and price:
        days = (month.end - month.start).days
        hours = device.fleet * Fraction(exact(device.hours_on_per_day)) * days
        yield StandingCharge(
            month=month.name,
            account="energy/idle",
            deployment=name,
            quantity=hours * Fraction(exact(device.idle_watts)) / W_PER_KW,
            unit="kWh",
            unit_price_usd=exact(price),
            source=(
                f"scenario: finance.electricity_usd_per_kwh; {device.idle_watts:g} W for "
                f"{device.hours_on_per_day:g} h a day (deployments.{name}.device.idle_watts)"
            ),
        )


def _residual(
    account: str,
    name: str,
    pieces: int,
    what: str,
    price: Decimal,
    share: float,
    life: Fraction,
    months: tuple[Month, ...],
) -> Iterator[StandingCharge]:
    """What the plan's last purchase is worth at the end: a straight line from price x share to nothing, less than 0."""
    last = max(bought for _, bought in due(life, months))
    rest = 1 - (months[-1].ends_after - last) / life
    if share and rest:
        path = ("device",) if account.startswith("devices") else ("server", "owned")
        yield StandingCharge(
            month=months[-1].name,
            account=account,
            deployment=name,
            quantity=-pieces * rest,
            unit=what,
            unit_price_usd=EXACT.multiply(price, exact(share)),
            source=f"{given('deployments', name, *path, 'residual_share')}; {float(rest):.1%} of its life is left",
        )


def _bought(
    month: Month, account: str, name: str, quantity: int | Fraction, unit: str, price: Decimal, source: str
) -> StandingCharge:
    return StandingCharge(
        month=month.name,
        account=account,
        deployment=name,
        quantity=Fraction(quantity),
        unit=unit,
        unit_price_usd=price,
        source=source,
    )
