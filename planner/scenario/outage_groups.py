"""Which deployments share the outages of a provider, and by which law.

Deployments of one provider whose laws have the same times (how often, how long, when in the week, how many of one
region alone) are a group; what an episode does may differ among them. The catalogue is read only when a law is
asked for.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.scenario.laws import parse_law
from planner.scenario.outages import OutageLaw, Together

if TYPE_CHECKING:
    from planner.scenario.fields import Scenario

GATEWAY_LINE = "outage:gateway"


@dataclass(frozen=True)
class OutageGroup:
    """Deployments that share outages; the law is that of the first, of the others only what it does may differ."""

    key: str
    provider: str | None
    law: OutageLaw
    deployments: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Episodes of one deployment in an hour."""
        return 1.0 / self.law.mtbf_h


def outage_law(scenario: "Scenario", deployment: str) -> OutageLaw | None:
    """The random outages of a deployment, with the catalogue's filled in; None if it has none.

    A deployment without a provider has none unless it gives a law of its own (design, section 3).
    """
    from planner.catalogue import reliability

    found = scenario.deployments[deployment]
    if isinstance(found.outages, OutageLaw):
        return found.outages
    if found.outages != "catalogue" or found.provider is None:
        return None
    profile = reliability.outages(found.provider)
    duration = parse_law({"p50": profile.duration_p50_h, "p95": profile.duration_p95_h})
    return OutageLaw(mtbf_h=profile.mtbf_h, duration_h=duration, starts=profile.starts)


def outage_groups(scenario: "Scenario", used: Collection[str] | None = None) -> Mapping[str, OutageGroup]:
    """KEY: group, for all deployments that some strategy can use (`used`, where it is known), in the scenario's order.

    The key is "outage:PROVIDER", or "outage:DEPLOYMENT" without a provider. A second law with other times at
    the same provider is another group, and its key ends in a digest of those times.
    """
    if used is None:
        used = {name for strategy in scenario.strategies for name in scenario.deployments_of(strategy)}
    groups: dict[str, OutageGroup] = {}
    for name, deployment in scenario.deployments.items():
        law = outage_law(scenario, name) if name in used else None
        if law is None:
            continue
        key = f"outage:{deployment.provider or name}"
        if key == GATEWAY_LINE:  # a deployment of that name, which is no platform
            key = f"{key}:deployment"
        if key in groups and times_of(groups[key].law) != times_of(law):
            key = f"{key}:{digest_of(law)}"
        before = groups[key].deployments if key in groups else ()
        groups[key] = OutageGroup(key, deployment.provider, law, (*before, name))
    return groups


def rarer(one: OutageGroup, other: OutageGroup) -> OutageGroup:
    """The one of two that has fewer episodes; the first where they have as many."""
    return other if other.rate < one.rate else one


def rate_together(together: Together, groups: Mapping[str, OutageGroup]) -> float:
    """Episodes in an hour that hit both providers; `groups` by provider."""
    return together.share * min(groups[provider].rate for provider in together.providers)


def times_of(law: OutageLaw) -> tuple[Any, ...]:
    """What those who share outages have alike."""
    return law.mtbf_h, law.duration_h, law.starts, law.regional


def digest_of(law: OutageLaw) -> str:
    """A short name of the times of a law."""
    times: tuple[Any, ...] = (
        law.mtbf_h,
        [(c.weight, int(c.kind), c.a, c.b, c.values) for c in law.duration_h.components],
    )
    if law.starts != "uniform" or law.regional > 0:
        times += (law.starts, law.regional)
    return hashlib.blake2s(repr(times).encode(), digest_size=4).hexdigest()
