"""Kilowatt-hours of devices, servers and tokens, each low, central and high, with where they come from.

Comes in: hours or tokens over a plan; goes out: energy, or the reason why nobody knows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from planner.catalogue import profiles
from planner.catalogue.reading import Range
from planner.errors import PriceUnknown
from planner.finance.hardware import GPUS_PER_HOST, device_watts, gpus_of
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.supply import Server

JOULES_PER_KWH = 3_600_000
W_PER_KW = 1000


class Spread(NamedTuple):
    """A figure and how far it may be off."""

    low: float
    central: float
    high: float

    def times(self, other: "Spread") -> "Spread":
        """Lows with lows and highs with highs: as far apart as both may be."""
        return Spread(*(mine * theirs for mine, theirs in zip(self, other, strict=True)))

    def plus(self, other: "Spread") -> "Spread":
        """The sum; all low or all high together."""
        return Spread(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def over(self, count: float) -> "Spread":
        """The part of one of so many."""
        return Spread(*(mine / count for mine in self))


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy of a deployment over the plan; `kwh` is None where `unknown` says why."""

    kwh: Spread | None
    source: str = ""
    unknown: str = ""


class Tokens(NamedTuple):
    """Tokens of a model: prompts less what a cache gave, and answers with hidden reasoning."""

    prompt: float
    answer: float


def spread_of(figure: Range) -> Spread:
    """The catalogue's own range."""
    return Spread(figure.low, figure.central, figure.high)


def certain(value: float) -> Spread:
    """A figure without a range."""
    return Spread(value, value, value)


def device_energy(scenario: Scenario, name: str, busy_h: float, days: int) -> Energy:
    """A fleet that answers for so many hours: watts while it answers, idle watts for the rest of its hours on."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    try:
        watts, source = device_watts(scenario, name)
    except PriceUnknown as unknown:
        return Energy(kwh=None, unknown=str(unknown))
    idle = device.idle_watts or 0.0
    on_h = device.fleet * device.hours_on_per_day * days
    kwh = (busy_h * (float(watts) - idle) + on_h * idle) / W_PER_KW
    rest = f"{idle:g} W while idle" if idle else "nothing counted while idle (device.idle_watts)"
    return Energy(kwh=certain(kwh), source=f"{watts} W while answering ({source}); {rest}")


def server_energy(scenario: Scenario, name: str, hours: int) -> Energy:
    """A server that runs for so many hours, carrying much or little."""
    server = scenario.deployments[name].server
    assert server is not None, f"{name} is no server"
    gpu, host = profiles.gpu(server.gpu), profiles.parameter("server_overhead_kw")
    draw, draw_source = _draw(server)
    building, building_source = _building(scenario, server)
    boards = draw.times(certain(gpu.watts / W_PER_KW))
    each = boards.plus(spread_of(host).over(GPUS_PER_HOST))
    kwh = each.times(building).times(certain(gpus_of(server) * hours))
    source = (
        f"{gpus_of(server)} x ({gpu.watts:g} W of {gpu.name} x {draw_source} + a part of the host, {host.source}) x "
        f"{building_source}"
    )
    return Energy(kwh=kwh, source=source)


def _draw(server: Server) -> tuple[Spread, str]:
    if server.owned is not None and server.owned.power_share is not None:
        return certain(server.owned.power_share), f"{server.owned.power_share:g} (scenario)"
    known = profiles.parameter("gpu_power_share")
    return spread_of(known), f"{known.low:g} to {known.high:g} ({known.source})"


def _building(scenario: Scenario, server: Server) -> tuple[Spread, str]:
    """PUE: given for a room of one's own, the industry's there; of who rents GPUs out, anything from best to mean."""
    large, mean = profiles.parameter("pue_hyperscale"), profiles.parameter("pue_industry")
    if server.owned is None:
        words = f"PUE {large.low:g} to {mean.high:g} (rented: {large.source}; {mean.source})"
        return Spread(large.low, large.central, mean.high), words
    own = server.owned.pue if server.owned.pue is not None else scenario.finance.pue
    if own is not None:
        return certain(own), f"PUE {own:g} (scenario)"
    return spread_of(mean), f"PUE {mean.low:g} to {mean.high:g} ({mean.source})"


def tokens_energy(scenario: Scenario, used: Mapping[str, Tokens]) -> Energy:
    """Tokens of models at a provider; unknown as soon as one model's are."""
    total, sources = certain(0.0), []
    for model, tokens in used.items():
        if not tokens.prompt and not tokens.answer:
            continue
        each = _each(scenario, model)
        if each is None:
            field = paths.render(("models", model, "joules_per_output_token"))
            words = f"no figure of energy is known for {model}; give {field}"
            return Energy(kwh=None, unknown=words)
        joules, source = each
        share = profiles.parameter("input_token_energy_share")
        counted = Spread(*(tokens.answer + part * tokens.prompt for part in spread_of(share)))
        total = total.plus(joules.times(counted).over(JOULES_PER_KWH))
        sources.append(
            f"{model}: {source}; an input token {share.low:g} to {share.high:g} of it ({share.source})"
        )
    return Energy(kwh=total, source="; ".join(sources))


def _each(scenario: Scenario, model: str) -> tuple[Spread, str] | None:
    """Joules of an output token: the scenario's own, else the catalogue's."""
    own = scenario.models.get(model)
    if own is not None and own.joules_per_output_token is not None:
        where = paths.render(("models", model, "joules_per_output_token"))
        return certain(own.joules_per_output_token), f"scenario: {where}"
    known = profiles.token_energy(model)
    if known is None:
        return None
    return Spread(known.low, known.central, known.high), known.source
