"""Months below a promised availability, and credits for months in which a provider was out.

Comes in: a scenario and the calendar; goes out: probabilities and expected credit shares by month, exact fractions of
the replications of the outage lines that were followed (`workload.outage_months`). In a part of a month, the promise is
held against that part.
"""

from decimal import Decimal
from fractions import Fraction

import numpy as np

from planner.failures import ERROR, TIMEOUT
from planner.finance.calendar import Month
from planner.finance.ledger import exact, rounded
from planner.finance.standing_charge import PRICE_QUANTUM
from planner.routing.routers import MINI, OMNI, Group, groups_of
from planner.scenario.fields import CascadeRouter, Scenario, ThresholdRouter
from planner.workload.outage_months import REPLICATIONS, Chain, seconds_out

S_PER_DAY = 86_400
ROUNDING = 1e-9  # of a month: what is as good as the promise is no breach


def breach_chances(scenario: Scenario, strategy: str, months: tuple[Month, ...]) -> tuple[Fraction, ...]:
    """Probability of each month that outages alone take a strategy below `finance.sla.availability`."""
    promise = scenario.finance.sla
    assert promise is not None, "nothing is promised"
    edges = _edges(scenario, months)
    out = seconds_out(scenario, strategy, chains_of(scenario, strategy), edges)
    lost = out / np.diff(edges)
    breaches = (lost > 1.0 - promise.availability + ROUNDING).sum(axis=0)
    return tuple(Fraction(int(count), REPLICATIONS) for count in breaches)


def credit_shares(scenario: Scenario, name: str, months: tuple[Month, ...]) -> tuple[Fraction, ...]:
    """Expected share of each month's spend at a deployment that its provider gives back."""
    sla = scenario.deployments[name].sla
    assert sla is not None, f"{name} gives no credits"
    edges = _edges(scenario, months)
    out = seconds_out(scenario, None, ((name,),), edges)
    uptime = 1.0 - out / np.diff(edges) + ROUNDING
    found = []
    for month in uptime.T:
        below = [int((month < band.below).sum()) for band in sla.credits]
        steps = [Fraction(exact(band.share)) for band in sla.credits]
        more = [share - before for share, before in zip(steps, [Fraction(0), *steps], strict=False)]
        found.append(
            sum((count * each for count, each in zip(below, more, strict=True)), Fraction(0)) / REPLICATIONS
        )
    return tuple(found)


def expected_credits(
    scenario: Scenario, strategy: str, months: tuple[Month, ...]
) -> dict[tuple[str, str], Decimal]:
    """(MONTH, DEPLOYMENT): share that is given back, for deployments that are bought straight and whose provider owes any.

    Credits of what a platform buys are the platform's.
    """
    through = scenario.behind_gateway(strategy)
    found = {}
    for name in scenario.deployments_of(strategy):
        if scenario.deployments[name].sla is not None and name not in through:
            shares = credit_shares(scenario, name, months)
            for month, share in zip(months, shares, strict=True):
                found[month.name, name] = rounded(share, PRICE_QUANTUM)
    return found


def chains_of(scenario: Scenario, strategy: str) -> tuple[Chain, ...]:
    """For each group that requests are sent to first, who may answer: its deployments and those of its fallbacks.

    A cascade needs both tiers. Fallbacks after errors and timeouts count, however many follow one upon another.
    """
    groups = groups_of(scenario, strategy)
    return tuple(dict.fromkeys(_chain(groups, first) for first in _first_groups(scenario, strategy, groups)))


def _chain(groups: tuple[Group, ...], first: int) -> Chain:
    found, pending = [first], [first]
    while pending:
        lists = groups[pending.pop(0)].fallbacks
        for one in (one for failure in (ERROR, TIMEOUT) if lists for one in lists[failure]):
            if one not in found:
                found.append(one)
                pending.append(one)
    return tuple(dict.fromkeys(name for group in found for name in groups[group].chain))


def _first_groups(scenario: Scenario, strategy: str, groups: tuple[Group, ...]) -> list[int]:
    found = scenario.strategy(strategy)
    places = {group.name: index for index, group in enumerate(groups) if group.name}
    unnamed = iter(index for index, group in enumerate(groups) if not group.name)
    asked = [places[rule.to] if isinstance(rule.to, str) else next(unnamed) for rule in found.rules]
    tiers = [tier for tier, name in ((OMNI, "omni"), (MINI, "mini")) if found.group(name)]
    router = found.router
    if isinstance(router, ThresholdRouter) and router.omni_share in (0.0, 1.0) and len(tiers) == 2:
        tiers = [OMNI if router.omni_share else MINI]
    assert isinstance(router, CascadeRouter | ThresholdRouter | None), router
    return list(dict.fromkeys([*tiers, *asked]))


def _edges(scenario: Scenario, months: tuple[Month, ...]) -> tuple[float, ...]:
    days = [month.start for month in months] + [months[-1].end]
    return tuple(float((day - scenario.start).days * S_PER_DAY) for day in days)
