"""Prices and figures of own hardware: the scenario's own, else the catalogue's, each with where it comes from.

Comes in: a scenario and the name of one of its deployments; goes out: an exact decimal and its source.
"""

import math
from decimal import Decimal
from fractions import Fraction

from planner.catalogue import profiles
from planner.errors import PriceUnknown
from planner.finance.ledger import EXACT, exact
from planner.finance.standing_charge import given
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.hardware import Owned
from planner.scenario.supply import Server

GPUS_PER_HOST = 8  # of the host whose own power the catalogue knows


def gpu_hour_price(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """USD of an hour of one GPU of a server and where the figure comes from."""
    server = scenario.deployments[name].server
    assert server is not None, f"{name} is no server"
    if server.usd_per_gpu_hour is not None:
        return exact(server.usd_per_gpu_hour), given("deployments", name, "server", "usd_per_gpu_hour")
    gpu = profiles.gpu(server.gpu)
    return gpu.usd_per_hour, f"{gpu.provider} price of {gpu.name} as of {gpu.as_of} ({gpu.source})"


def device_price(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """USD of one device and where the figure comes from."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    if device.usd is not None:
        return exact(device.usd), given("deployments", name, "device", "usd")
    known = profiles.device(device.kind)
    return _known(
        known.usd, name, "usd", known
    ), f"price of {known.name} as of {known.as_of} ({known.source})"


def device_life_years(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Years of use of one device and where the figure comes from."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    if device.life_years is not None:
        return exact(device.life_years), given("deployments", name, "device", "life_years")
    known = profiles.device(device.kind)
    return exact(known.life_years), f"life of {known.name} ({known.life_source})"


def device_watts(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Watts of one device while it answers and where the figure comes from."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    if device.watts is not None:
        return exact(device.watts), given("deployments", name, "device", "watts")
    known = profiles.device(device.kind)
    watts = None if known.watts is None else exact(known.watts)
    return _known(watts, name, "watts", known), f"power of {known.name} as of {known.as_of} ({known.source})"


def _known(figure: Decimal | None, name: str, field_name: str, device: profiles.Device) -> Decimal:
    if figure is None:
        path = paths.render(("deployments", name, "device", field_name))
        raise PriceUnknown(f"{field_name} of {device.label} is not known; give {path}")
    return figure


def server_of(scenario: Scenario, name: str) -> tuple[Server, Owned]:
    """A deployment's server that is bought, and what is said of buying it."""
    server = scenario.deployments[name].server
    assert server is not None, f"{name} is no server"
    assert server.owned is not None, f"{name} is rented"
    return server, server.owned


def gpus_of(server: Server) -> int:
    """GPUs of all its replicas."""
    return server.replicas * server.gpus_per_replica


def server_prices(scenario: Scenario, name: str) -> tuple[tuple[str, Decimal, str], ...]:
    """(what, USD for each GPU, source) of a bought server: the GPU, and its host where that has a price."""
    _, owned = server_of(scenario, name)
    parts = (("GPU", "usd_per_gpu"), ("host of a GPU", "host_usd_per_gpu"))
    return tuple(
        (what, exact(getattr(owned, field)), given("deployments", name, "server", "owned", field))
        for what, field in parts
        if getattr(owned, field) or field == "usd_per_gpu"
    )


def server_life_years(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Years of use of a bought server and where the figure comes from."""
    _, owned = server_of(scenario, name)
    if owned.life_years is not None:
        return exact(owned.life_years), given("deployments", name, "server", "owned", "life_years")
    return _central("hardware_life_years")


def power_share(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Mean draw of a bought server's GPUs as a share of their boards' power and where the figure comes from."""
    _, owned = server_of(scenario, name)
    if owned.power_share is not None:
        return exact(owned.power_share), given("deployments", name, "server", "owned", "power_share")
    return _central("gpu_power_share")


def pue(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Power of the room for each watt of a bought server and where the figure comes from."""
    _, owned = server_of(scenario, name)
    if owned.pue is not None:
        return exact(owned.pue), given("deployments", name, "server", "owned", "pue")
    if scenario.finance.pue is not None:
        return exact(scenario.finance.pue), given("finance", "pue")
    return _central("pue_industry")


def server_kilowatts(scenario: Scenario, name: str) -> tuple[Decimal, str]:
    """Power that the room draws for a bought server, day and night, and what it is made of.

    GPUs x (board watts x power share / 1000 + host kW / 8) x PUE. A host of eight GPUs is taken in parts: its own
    power is spread evenly over the GPUs. Source of the host's power: catalogue, server_overhead_kw.
    """
    server, _ = server_of(scenario, name)
    gpu, host = profiles.gpu(server.gpu), profiles.parameter("server_overhead_kw")
    share, share_source = power_share(scenario, name)
    factor, factor_source = pue(scenario, name)
    board = EXACT.multiply(exact(gpu.watts).scaleb(-3, EXACT), share)
    each = EXACT.add(board, EXACT.divide(exact(host.central), Decimal(GPUS_PER_HOST)))
    found = EXACT.multiply(EXACT.multiply(Decimal(gpus_of(server)), each), factor)
    words = (
        f"{gpus_of(server)} x ({gpu.watts:g} W of {gpu.name} x {share} ({share_source}) + {host.central:g} kW / "
        f"{GPUS_PER_HOST} of a host ({host.source})) x PUE {factor} ({factor_source})"
    )
    return found, words


def hardware_values(scenario: Scenario, strategy: str) -> tuple[tuple[str, Decimal], ...]:
    """(deployment, purchase price of all its hardware, spares included) of what a strategy owns."""
    found = []
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        if deployment.device is not None:
            devices = Decimal(deployment.device.fleet + spares(scenario, name))
            found.append((name, EXACT.multiply(devices, device_price(scenario, name)[0])))
        elif deployment.server is not None and deployment.server.owned is not None:
            each = [price for _, price, _ in server_prices(scenario, name)]
            total = each[0] if len(each) == 1 else EXACT.add(*each)
            found.append((name, EXACT.multiply(Decimal(gpus_of(deployment.server)), total)))
    return tuple(found)


def spares(scenario: Scenario, name: str) -> int:
    """Spare devices of a fleet: its share, rounded up to whole devices."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    return math.ceil(device.fleet * Fraction(exact(device.spares_share)))


def _central(name: str) -> tuple[Decimal, str]:
    figure = profiles.parameter(name)
    return exact(
        figure.central
    ), f"catalogue: {name}, {figure.source}, as of {figure.as_of}, {figure.confidence} confidence"
