"""What a prompt cache goes by, in integers, and the arithmetic that both engines share.

The prefix of a task is one entry of a deployment: how much of it is kept, since when, and when it was touched last.
Times are int64 nanoseconds since the window's start, at which nothing is kept (facts: routing_semantics §12).
"""

import datetime
from dataclasses import dataclass

from planner.chance import to_ns
from planner.jit import jit
from planner.scenario.fields import Scenario
from planner.scenario.known import charges_writes

NO_AGE = -1


@dataclass(frozen=True, kw_only=True)
class CacheRule:
    """A deployment's prompt cache."""

    ttl_ns: int
    max_age_ns: int  # NO_AGE: none
    refreshes: bool  # a hit begins the time anew
    charges_writes: bool  # tokens that it takes in are a meter of their own, else plain input
    cold_s_per_token: float


def cache_rule(scenario: Scenario, deployment: str, model: str, on: datetime.date) -> CacheRule | None:
    """The cache of a deployment with a model in force, by the prices of a day; None: it has none."""
    given = scenario.deployments[deployment].prompt_cache
    if given is None:
        return None
    return CacheRule(
        ttl_ns=int(to_ns(given.ttl_s)),
        max_age_ns=NO_AGE if given.max_age_s is None else int(to_ns(given.max_age_s)),
        refreshes=given.refresh,
        charges_writes=charges_writes(scenario, deployment, model, on),
        cold_s_per_token=given.cold_ttft_s_per_mtok / 1e6,
    )


@jit("boolean(int64, int64, int64, int64, int64)")
def is_warm(now: int, touched_ns: int, written_ns: int, ttl_ns: int, max_age_ns: int) -> bool:
    """Whether an entry is still there: touched less than its time to live ago, and written less than its age ago.

    A call that was sent later may have touched it before one that was sent earlier ends.
    """
    return now - touched_ns < ttl_ns and (max_age_ns == NO_AGE or now - written_ns < max_age_ns)
