"""Rules about outages: what is said of an episode is read in its mode, and who is hit together can be."""

import math
from collections.abc import Iterator

from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View, listed
from planner.scenario.outage_groups import OutageGroup, outage_groups, rate_together
from planner.scenario.outages import Harm, OutageLaw, harms_at
from planner.scenario.paths import Path, closest

#: Modes in which a field of an episode is read; the others are read in all.
READ_IN = {
    "status": ("error",),
    "error_latency_s": ("error", "limited"),
    "slowdown": ("degraded",),
    "retry_after_s": ("limited",),
}
ROUNDING = 1e-9  # of a sum of shares


def episodes(view: View) -> Iterator[Finding]:
    """Fields of an episode that its mode does not read."""
    for name, deployment in view.scenario.deployments.items():
        for at, harm in harms_at(("deployments", name, "outages"), deployment.outages):
            yield from unread(at, harm)


def unread(at: Path, episode: Harm) -> Iterator[Finding]:
    for field, modes in READ_IN.items():
        if field in episode.model_fields_set and episode.mode not in modes:
            yield Finding(
                path=(*at, field),
                text=f"unused: mode is {episode.mode}; {field} is read in mode {' and '.join(modes)}",
                because=((*at, "mode"),),
                is_notice=True,
            )


def regions(view: View) -> Iterator[Finding]:
    """A region matters where some episodes hit one region alone."""
    for name, deployment in view.scenario.deployments.items():
        outages = deployment.outages
        if deployment.region is None or (isinstance(outages, OutageLaw) and outages.regional > 0):
            continue
        yield Finding(
            path=("deployments", name, "region"),
            text="unused: none of its outages hits one region alone (outages.regional is 0)",
            because=(("deployments", name, "outages"),),
            is_notice=True,
        )


def together(view: View) -> Iterator[Finding]:
    """Two providers that are hit together each have one law, with room for all that they share."""
    scenario = view.scenario
    if not scenario.outages_together:
        return
    groups = list(outage_groups(scenario, view.used).values())
    by_provider: dict[str, OutageGroup] = {}
    is_sound = True
    for index, pair in enumerate(scenario.outages_together):
        for place, provider in enumerate(pair.providers):
            found = [group for group in groups if group.provider == provider]
            if len(found) == 1:
                by_provider[provider] = found[0]
                continue
            is_sound = False
            yield _no_law(view, ("outages_together", index, "providers", place), provider, found)
    if is_sound:
        yield from _no_room(view, by_provider)


def _no_law(view: View, at: Path, provider: str, found: list[OutageGroup]) -> Finding:
    """Why a provider cannot be hit together with another."""
    deployments = view.scenario.deployments
    known = {deployments[name].provider for name in view.used} - {None}
    if found:
        names = [name for group in found for name in group.deployments]
        return Finding(
            path=at,
            given=f"{shown(provider)}, where {listed(names)} have outages at different times",
            allowed="a provider with one law for all (mtbf_h, duration_h, starts and regional)",
            because=tuple(("deployments", name, "outages") for name in names),
        )
    if provider in known:
        names = [name for name in view.used if deployments[name].provider == provider]
        return Finding(
            path=at,
            given=f"{shown(provider)}, where {listed(names)} can have no random outages",
            allowed="a provider with outages: catalogue, or {mtbf_h, duration_h}",
            because=tuple(("deployments", name, "outages") for name in names),
        )
    return Finding(
        path=at,
        given=shown(provider),
        allowed="a provider of deployments that some strategy uses",
        hint=closest(provider, sorted(filter(None, known))),
        because=(("deployments",),),
    )


def _no_room(view: View, groups: dict[str, OutageGroup]) -> Iterator[Finding]:
    """What a provider shares with others, and what hits one region alone, are parts of its episodes."""
    for provider, group in groups.items():
        shared = [
            (index, rate_together(pair, groups) / group.rate)
            for index, pair in enumerate(view.scenario.outages_together)
            if provider in pair.providers
        ]
        most, total = 1.0 - group.law.regional, math.fsum(share for _, share in shared)
        if total > most + ROUNDING:
            regional = (
                f", for {group.law.regional:g} of them hit one region alone" if group.law.regional else ""
            )
            yield Finding(
                path=("outages_together", shared[-1][0], "share"),
                given=f"{total:.6g} of the outages of {provider}, all pairs together",
                allowed=f"at most {most:.6g}{regional}",
                because=tuple(("outages_together", index) for index, _ in shared),
            )


OUTAGES = (episodes, regions, together)
