"""Rules about outages: what is said of an episode is read in its mode."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path
from planner.scenario.supply import Outage, OutageLaw

#: Modes in which a field of an episode is read; the others are read in all.
READ_IN = {
    "status": ("error",),
    "error_latency_s": ("error", "limited"),
    "slowdown": ("degraded",),
    "retry_after_s": ("limited",),
}


def episodes(view: View) -> Iterator[Finding]:
    """Fields of an episode that its mode does not read."""
    for name, deployment in view.scenario.deployments.items():
        at: Path = ("deployments", name, "outages")
        given = deployment.outages
        if isinstance(given, OutageLaw):
            yield from unread(at, given)
        elif isinstance(given, tuple):
            for index, episode in enumerate(given):
                yield from unread((*at, index), episode)


def unread(at: Path, episode: Outage | OutageLaw) -> Iterator[Finding]:
    for field, modes in READ_IN.items():
        if field in episode.model_fields_set and episode.mode not in modes:
            yield Finding(
                path=(*at, field),
                text=f"unused: mode is {episode.mode}; {field} is read in mode {' and '.join(modes)}",
                because=((*at, "mode"),),
                is_notice=True,
            )
