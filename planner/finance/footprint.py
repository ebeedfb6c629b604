"""Energy and CO2e of a strategy: joules and grams for each deployment, low, central and high, never added to money.

Comes in: a scenario, a strategy, its windows and what was counted in them, as for the ledger; goes out: a row for each
deployment and for a cascade's checks, and their sum. What nobody knows is None with the reason, never 0.

A device draws its watts while it answers, and `idle_watts` in the rest of the hours it is switched on where that is given.
A server draws the same day and night: GPUs x (board watts x mean draw + their part of the host) x PUE x hours. A
provider's tokens stand in `catalogue.energy`: hidden reasoning counts as output, prompts count by the tokens sent less
those that a cache gave. What making hardware, networks and users' own screens take is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.catalogue import profiles
from planner.finance.calendar import HOURS_PER_DAY
from planner.finance.footprint_energy import (
    JOULES_PER_KWH,
    Energy,
    Spread,
    Tokens,
    certain,
    device_energy,
    server_energy,
    spread_of,
    tokens_energy,
)
from planner.finance.horizon import Plan, plan_of
from planner.finance.quantities import BUSY, SENT, TOKEN_KINDS, VERIFIED, Quantities
from planner.finance.rates import PlannedWindow, Rates, rates_of
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.migrations import model_in_force

if TYPE_CHECKING:
    import pandas as pd

VERIFIER = "verifier"
TOTAL = "all"
MS_PER_H = 3_600_000
PROMPTS = ("input", "image", "audio_input")
ANSWERS = ("output", "reasoning", "audio_output")
G_PER_KG = 1000


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Energy and CO2e of a deployment over the plan, of all calls that it got, failed ones included.

    `*_per_request` divide by the requests that the traffic holds, whoever answered them, so that deployments add up;
    `*_per_call` by the calls of this deployment (None without any). All but counts are None where `unknown` says why.
    """

    strategy: str
    deployment: str
    kind: str  # provider, server, device, or all
    requests: float
    calls: float
    kwh: Spread | None
    kg: Spread | None
    source: str
    unknown: str

    @property
    def joules_per_request(self) -> Spread | None:
        """J of a mean request."""
        return _part(self.kwh, self.requests, JOULES_PER_KWH)

    @property
    def grams_per_request(self) -> Spread | None:
        """g of CO2e of a mean request."""
        return _part(self.kg, self.requests, G_PER_KG)

    @property
    def joules_per_call(self) -> Spread | None:
        """J of a mean call of this deployment."""
        return _part(self.kwh, self.calls, JOULES_PER_KWH)

    @property
    def grams_per_call(self) -> Spread | None:
        """g of CO2e of a mean call of this deployment."""
        return _part(self.kg, self.calls, G_PER_KG)

    @property
    def kwh_per_1k(self) -> Spread | None:
        """kWh of 1,000 requests."""
        return _part(self.kwh, self.requests, 1000)

    @property
    def kg_per_1k(self) -> Spread | None:
        """kg of CO2e of 1,000 requests."""
        return _part(self.kg, self.requests, 1000)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and tables: each spread as NAME_low, NAME_central, NAME_high."""
        found: dict[str, Any] = {
            name: getattr(self, name) for name in ("strategy", "deployment", "kind", "requests", "calls")
        }
        for name in SPREADS:
            value: Spread | None = getattr(self, name)
            for part in Spread._fields:
                found[f"{name}_{part}"] = None if value is None else getattr(value, part)
        return found | {"unknown": self.unknown or None, "source": self.source}


SPREADS = (
    "kwh", "kg", "joules_per_request", "grams_per_request", "joules_per_call", "grams_per_call", "kwh_per_1k", "kg_per_1k",
)  # fmt: skip


def footprint(
    scenario: Scenario, strategy: str, windows: Sequence[PlannedWindow], quantities: Sequence[Quantities]
) -> tuple[Footprint, ...]:
    """A row for each deployment of a strategy and for its verifier, then the sum of all (`deployment` all).

    The arguments are those of `horizon.account`. The sum is None where some part with calls is not known.
    """
    plan = plan_of(scenario, strategy)
    rates = rates_of(scenario, strategy, plan.eras, windows, quantities)
    seen = _Seen(plan, rates)
    rows = [_deployment(scenario, plan, seen, name) for name in scenario.deployments_of(strategy)]
    router = scenario.strategy(strategy).router
    if isinstance(router, CascadeRouter):
        host = _own_host(scenario, strategy, router)
        energy = Energy(kwh=certain(0.0), source=f"runs on {host}, whose power is counted there")
        if host is None:
            energy = tokens_energy(scenario, seen.tokens[None])
        rows.append(_row(plan, seen.requests, seen.calls[None], VERIFIER, "provider", energy))
    return (*rows, _total(plan, seen, rows))


def to_frame(rows: Sequence[Footprint]) -> "pd.DataFrame":
    """The rows as a table."""
    import pandas as pd

    return pd.DataFrame([row.to_dict() for row in rows])


def carbon(scenario: Scenario) -> tuple[Spread, str]:
    """Grams of CO2e of a kWh, and where the figure comes from."""
    own = scenario.finance.carbon_g_per_kwh
    if own is not None:
        return certain(own), "scenario: finance.carbon_g_per_kwh"
    known = profiles.parameter("carbon_g_per_kwh")
    return spread_of(known), f"catalogue: {known.source}, as of {known.as_of}, {known.confidence} confidence"


class _Seen:
    """What a strategy used over the whole plan, by deployment (None: its verifier)."""

    def __init__(self, plan: Plan, rates: dict[int, Rates]) -> None:
        names: list[str | None] = [*plan.scenario.deployments_of(plan.strategy), None]
        self.requests = float(
            sum(plan.requests(piece, task) for piece in plan.pieces for task in plan.shares)
        )
        self.calls = dict.fromkeys(names, 0.0)
        self.busy_h = dict.fromkeys(names, 0.0)
        self.tokens: dict[str | None, dict[str, Tokens]] = {name: {} for name in names}
        for piece in plan.pieces:
            models = _models(plan, piece.era)
            for task, rate in rates[piece.era].items():
                requests = float(plan.requests(piece, task))
                for key, each in rate.items():
                    if key.kind in _USES and key.deployment in self.calls:
                        model = models[key.deployment]
                        self._add(key.deployment, model, key.kind, key.meter, requests * float(each))

    def _add(self, name: str | None, model: str, kind: str, meter: str, amount: float) -> None:
        before = self.tokens[name].get(model, Tokens(0.0, 0.0))
        is_prompt = (kind == SENT and meter in PROMPTS) or (kind == VERIFIED and meter in PROMPTS)
        if meter == "calls":
            self.calls[name] += amount
        elif kind == BUSY:
            self.busy_h[name] += amount / MS_PER_H
        elif is_prompt:
            self.tokens[name][model] = before._replace(prompt=before.prompt + amount)
        elif kind in TOKEN_KINDS and meter == "cached_input":  # sent, and not worked through again
            self.tokens[name][model] = before._replace(prompt=before.prompt - amount)
        elif (kind in TOKEN_KINDS or kind == VERIFIED) and meter in ANSWERS:
            self.tokens[name][model] = before._replace(answer=before.answer + amount)


_USES = frozenset((*TOKEN_KINDS, VERIFIED, SENT, BUSY))


def _models(plan: Plan, era: int) -> dict[str | None, str]:
    """Models in force by deployment; under None the verifier's."""
    found: dict[str | None, str] = {}
    found.update(plan.eras[era].models.items())
    router = plan.scenario.strategy(plan.strategy).router
    if isinstance(router, CascadeRouter):
        found[None] = model_in_force(plan.scenario, router.verifier.model, plan.eras[era].start)
    return found


def _own_host(scenario: Scenario, strategy: str, router: CascadeRouter) -> str | None:
    """The strategy's own server on which its verifier runs: one of its model, where it names no provider."""
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        is_same = router.verifier.provider is None and deployment.model == router.verifier.model
        if is_same and deployment.server is not None:
            return name
    return None


def _deployment(scenario: Scenario, plan: Plan, seen: _Seen, name: str) -> Footprint:
    deployment = scenario.deployments[name]
    hours = sum(month.hours for month in plan.months)
    if deployment.device is not None:
        kind, energy = "device", device_energy(scenario, name, seen.busy_h[name], hours // HOURS_PER_DAY)
    elif deployment.server is not None:
        kind, energy = "server", server_energy(scenario, name, hours)
    else:
        kind, energy = "provider", tokens_energy(scenario, seen.tokens[name])
    return _row(plan, seen.requests, seen.calls[name], name, kind, energy)


def _row(plan: Plan, requests: float, calls: float, name: str, kind: str, energy: Energy) -> Footprint:
    grams, source = carbon(plan.scenario)
    return Footprint(
        strategy=plan.strategy,
        deployment=name,
        kind=kind,
        requests=requests,
        calls=calls,
        kwh=energy.kwh,
        kg=None if energy.kwh is None else energy.kwh.times(grams).over(G_PER_KG),
        source="; ".join(part for part in (energy.source, f"CO2e: {source}") if part),
        unknown=energy.unknown,
    )


def _total(plan: Plan, seen: _Seen, rows: Sequence[Footprint]) -> Footprint:
    reasons = tuple(dict.fromkeys(row.unknown for row in rows if row.unknown))
    return Footprint(
        strategy=plan.strategy,
        deployment=TOTAL,
        kind=TOTAL,
        requests=seen.requests,
        calls=sum(row.calls for row in rows),
        kwh=None if reasons else _sum(row.kwh for row in rows),
        kg=None if reasons else _sum(row.kg for row in rows),
        source="the sum of the deployments",
        unknown="; ".join(reasons),
    )


def _sum(parts: Iterator[Spread | None]) -> Spread:
    total = certain(0.0)
    for part in parts:
        assert part is not None, "a part without a figure has no sum"
        total = total.plus(part)
    return total


def _part(value: Spread | None, count: float, units: float) -> Spread | None:
    return None if value is None or not count else value.times(certain(units)).over(count)
