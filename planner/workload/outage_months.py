"""How long deployments and whole strategies are out in each month, in many replications of the outage lines.

Comes in: a scenario and the edges of its months; goes out: seconds without an answer, by replication and month. The lines
are those that windows are cut from: followed over the whole plan, replication by replication, so what is shared between
deployments of a provider, a region or a pair is shared here.

A deployment is out by the share of calls that meet an episode of mode error or hang; refusals (limited) and slow answers
(degraded) are answers. Of episodes that overlap the one that began last holds, as in the engines. A request is not
answered while nobody of its chain answers it, each by its own luck. Random errors, limits, queues, breakers and retries
have no part in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from planner.scenario.fields import Scenario
from planner.scenario.outages import OutageLaw
from planner.workload.outage_lines import (
    Line,
    Spell,
    cut,
    gateway_line_of,
    lines_of,
    outage_law,
    outage_lines,
)

Floats = npt.NDArray[np.float64]
REPLICATIONS = 2000
NS = 1e9
DOWN = ("error", "hang")
PLATFORM = ""  # among deployments: who stands before them

Chain = tuple[str, ...]


@lru_cache(maxsize=64)
def seconds_out(
    scenario: Scenario, strategy: str | None, chains: tuple[Chain, ...], edges_s: tuple[float, ...]
) -> Floats:
    """Seconds of each month in which some chain has nobody who answers, shape (REPLICATIONS, months).

    Parameters
    ----------
    strategy
        Whose platform stands before the deployments; None: they are looked at by themselves.
    chains
        Deployments that stand in for one another, for each way that a request may go; where several chains fail, the
        one that fails more counts.
    edges_s
        First moment of each month and the end of the last one, in seconds since the horizon's start.
    """
    owners = _owners(scenario, strategy, chains)
    behind = frozenset(scenario.behind_gateway(strategy)) if PLATFORM in owners and strategy else frozenset()
    months = np.array(edges_s)
    rows = [_replication(scenario, owners, chains, behind, months, number) for number in range(REPLICATIONS)]
    found = np.array(rows)
    found.flags.writeable = False  # it is kept for whoever asks next
    return found


@dataclass(frozen=True)
class _Owner:
    """A deployment or the platform: what its episodes do, and the lines that they come from."""

    law: OutageLaw
    lines: tuple[Line, ...]


def _owners(scenario: Scenario, strategy: str | None, chains: tuple[Chain, ...]) -> dict[str, _Owner]:
    """Those of the chains, and the platform, that are ever out."""
    lines, of = outage_lines(scenario), lines_of(scenario)
    found = {}
    for name in dict.fromkeys(name for chain in chains for name in chain):
        law = outage_law(scenario, name)
        if law is not None and name in of:
            found[name] = _Owner(law, tuple(lines[key] for key in of[name]))
    key = None if strategy is None else gateway_line_of(scenario).get(strategy)
    if strategy is not None and key is not None:
        platform = scenario.gateway_for(strategy).outages
        assert isinstance(platform, OutageLaw), f"a line of {strategy}'s platform without a law"
        found[PLATFORM] = _Owner(platform, (lines[key],))
    return found


def _replication(
    scenario: Scenario,
    owners: Mapping[str, _Owner],
    chains: tuple[Chain, ...],
    behind: frozenset[str],
    months: Floats,
    number: int,
) -> Floats:
    """Seconds out by month in one replication."""
    lines = {line.key: line for owner in owners.values() for line in owner.lines}
    spells = {key: cut(scenario, line, number, 0.0, float(months[-1])) for key, line in lines.items()}
    moments = [moment / NS for found in spells.values() for spell in found for moment in spell[1:3]]
    edges = np.unique(np.clip(np.concatenate([months, np.array(moments)]), months[0], months[-1]))
    failing = {name: _painted(owner, spells, edges) for name, owner in owners.items()}
    up = np.zeros(len(edges) - 1)
    out = up.copy()
    for chain in chains:
        nobody = np.ones(len(out))
        for name in chain:
            answered = 1.0 - failing.get(name, up)
            if name in behind:
                answered = answered * (1.0 - failing[PLATFORM])
            nobody *= 1.0 - answered
        out = np.maximum(out, nobody)
    sums = np.zeros(len(months) - 1)
    np.add.at(sums, np.searchsorted(months, edges[:-1], side="right") - 1, out * np.diff(edges))
    return sums


def _painted(owner: _Owner, spells: Mapping[str, tuple[Spell, ...]], edges: Floats) -> Floats:
    """Share of calls that fail between neighbouring edges: later episodes over earlier ones."""
    found = np.zeros(len(edges) - 1)
    mine = sorted((spell for line in owner.lines for spell in spells[line.key]), key=lambda one: one.from_ns)
    if not mine:
        return found
    firsts = np.searchsorted(edges, [spell.from_ns / NS for spell in mine]).tolist()
    lasts = np.searchsorted(edges, [spell.to_ns / NS for spell in mine]).tolist()
    for spell, first, last in zip(mine, firsts, lasts, strict=True):
        harm = owner.law.harm(spell.luck) if owner.law.kinds else owner.law
        found[first:last] = harm.share if harm.mode in DOWN else 0.0
    return found
