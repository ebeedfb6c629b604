"""What a strategy's policy says about selections that remember and about levels that share the load, in integers.

Comes in: a policy; goes out: rules for the engines, each None where it is not in use.
"""

from dataclasses import dataclass

from planner.chance import to_ns
from planner.engines.preference import COUNTS, MILLION, NONE, UNSEEN
from planner.scenario.policy import Policy


@dataclass(frozen=True, kw_only=True)
class LatencyRule:
    """`select: lowest-latency` in integers; samples in picoseconds, NONE where nothing is added."""

    samples: int
    counts: int
    unseen: int
    buffer_ppm: int
    timeout_ps: int
    failure_ps: int
    skips_full: bool


@dataclass(frozen=True, kw_only=True)
class UsageRule:
    """`select: lowest-usage` in integers."""

    margin: int  # calls by which requests_per_minute is missed
    asks_lowest: bool  # where all are full


def latency_rule(policy: Policy) -> LatencyRule | None:
    """What lowest-latency goes by; None where something else selects."""
    if policy.select != "lowest-latency":
        return None
    given = policy.lowest_latency
    return LatencyRule(
        samples=given.samples,
        counts=COUNTS.index(given.counts),
        unseen=UNSEEN.index(given.unseen),
        buffer_ppm=round(given.buffer * MILLION),
        timeout_ps=_picoseconds(given.timeout_sample_s),
        failure_ps=_picoseconds(given.failure_sample_s),
        skips_full=given.skips_full,
    )


def _picoseconds(seconds: float | None) -> int:
    return NONE if seconds is None else int(to_ns(seconds)) * 1000


def usage_rule(policy: Policy) -> UsageRule | None:
    """What lowest-usage goes by; None where something else selects."""
    if policy.select != "lowest-usage":
        return None
    given = policy.lowest_usage
    return UsageRule(margin=int(given.off_by_one), asks_lowest=given.when_full == "lowest")


def spill_ppm(policy: Policy) -> int | None:
    """The factor on healthy shares, in millionths; None where levels do not share the load."""
    return None if policy.spill_over is None else round(policy.spill_over.overprovisioning * MILLION)
