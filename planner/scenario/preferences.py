"""What selections go by that remember earlier calls or share the load of levels."""

from typing import Literal

from planner.scenario.declare import Fields, field


class LowestLatency(Fields):
    """What `select: lowest-latency` goes by: the mean of a deployment's last samples; the defaults are LiteLLM's.

    A call is a sample when it has ended, so slow calls under way are not seen. Samples are kept in picoseconds,
    rounded down and at most 46,000 s; they do not age (facts: routing_semantics §6).
    """

    samples: int = field("last samples of a deployment that are kept", 10, unit="samples", ge=1, le=100)
    counts: Literal["per-token", "first-token", "first-token-per-token", "total"] = field(
        "what a sample is: the call's time, or that to its first token, whole or divided by its output tokens "
        "(hidden ones included; at least 1); first-token-per-token is what LiteLLM keeps of streams",
        "per-token",
    )
    unseen: Literal["zero-sample", "first", "last"] = field(
        "a deployment without samples: counts as 0, and once a deployment of its level has a sample the 0 is kept "
        "as one; or counts as 0; or is chosen only where no other is left",
        "zero-sample",
    )
    buffer: float = field(
        "chosen among those whose mean is at most the best times 1 + this, all alike; kept to 1e-6",
        0.0,
        unit="share",
        ge=0,
        le=100,
    )
    timeout_sample_s: float | None = field(
        "sample that a call cut by a timeout or deadline adds; null: none", 1000.0, unit="s", ge=0, le=10_000
    )
    failure_sample_s: float | None = field(
        "sample that another failed call adds, a 429 too; null: none, so that a target that fails fast stays the best",
        None,
        unit="s",
        ge=0,
        le=10_000,
    )
    skips_full: bool = field(
        "leave out whom calls that ended ok in this minute have brought to a limit per minute; where all are, the next "
        "level is tried",
        True,
    )


class LowestUsage(Fields):
    """What `select: lowest-usage` does at a limit: each minute, tokens of ended calls and calls sent are counted.

    A deployment is full where its tokens plus the request's input exceed tokens_per_minute, or its calls plus one
    exceed requests_per_minute. Tokens of calls under way are not seen (facts: routing_semantics §6).
    """

    off_by_one: bool = field(
        "full one call early, where calls plus one reach requests_per_minute, as LiteLLM has it", False
    )
    when_full: Literal["next-level", "lowest"] = field(
        "where all that are left are full: the next level is tried, or the lowest of them is asked all the same",
        "next-level",
    )


class SpillOver(Fields):
    """Levels share the load by their health, as Envoy's priorities; a level's health is its share of deployments
    whose breaker lets calls through, times the factor.

    A request begins at the level that is drawn, goes on to those after it, then to those before it.
    """

    overprovisioning: float = field(
        "health = factor x share of healthy deployments, at most 1; kept to 1e-6",
        1.4,
        unit="ratio",
        ge=0.01,
        le=1000,
    )


class Affinity(Fields):
    """A conversation stays, group by group, with the deployment that answered it first: its prompt cache is warm there.

    It is asked before all others, unless its breaker is open, it cannot take the request, or it has not answered the
    conversation for `ttl_s` (LiteLLM's session affinity; facts: routing_semantics §12).
    """

    ttl_s: float = field(
        "seconds after its last answer to a conversation from which on a deployment has no claim to it",
        3600.0,
        unit="s",
        gt=0,
        le=604_800,
    )
    repin: bool = field(
        "whether a conversation stays with another one that answered it; false: it comes back once it can",
        False,
    )
