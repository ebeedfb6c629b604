"""How calls are made: whom they go to, how they are cut, retried, hedged and kept from the sick, and what they cost."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import model_validator

from planner.scenario.breaker import Breaker
from planner.scenario.declare import AsTuple, Fields, field
from planner.scenario.health import Health
from planner.scenario.laws import Law
from planner.scenario.preferences import Affinity, LowestLatency, LowestUsage, SpillOver
from planner.scenario.retrying import Backoff, Hedge, Layer, RetriesAfter, RetryBudget


class Policy(Fields):
    """How calls are made. Under a strategy or deployment only the fields given there count."""

    select: Literal[
        "in-order",
        "round-robin",
        "weighted",
        "least-busy",
        "cheapest",
        "inverse-price",
        "lowest-latency",
        "lowest-usage",
    ] = field("how a target is chosen among the equals of a level", "in-order")
    lowest_latency: LowestLatency = field("what select: lowest-latency goes by", LowestLatency())
    lowest_usage: LowestUsage = field("what select: lowest-usage does at a limit", LowestUsage())
    spill_over: SpillOver | None = field(
        "null: a level is asked only where all before it failed; else levels share the load by their health",
        None,
    )
    affinity: Affinity | None = field(
        "whether a conversation stays with a deployment, {} for the defaults; null: each turn is sent as any other",
        None,
    )
    timeout_s: float | None = field("a call is cut after this; null: never", 30.0, unit="s", gt=0, le=86_400)
    deadline_s: float | None = field(
        "a request is given up after this, retries and waits included; null: none",
        None,
        unit="s",
        gt=0,
        le=1e8,
    )
    asks_equals: bool = field(
        "whether another one of the equals of a level is asked after one failed; false: the next level follows (Portkey)",
        True,
    )
    retries: int = field("retries on the same target, then the next one", 2, unit="retries", ge=0, le=100)
    retries_after: RetriesAfter = field("other numbers of retries by class of failure", RetriesAfter())
    retry_target: Literal["same", "reselect"] = field(
        "same: a retry stays with its deployment; reselect: it is chosen anew in its group, among those that a breaker "
        "lets through, in the first level that has one; retries are then of the group, and once they are used up each "
        "level after the first has as many of its own (LiteLLM)",
        "same",
    )
    sibling_wait: Literal["backoff", "none"] = field(
        "reselect: wait before a retry where a breaker lets calls through to somebody in a group of two or more; none: "
        "at once, whatever a refusal asked for (LiteLLM)",
        "backoff",
    )
    backoff: Backoff = field("wait before a retry", Backoff())
    sleep_after_last: bool = field("wait once more after the last failed retry", False)
    honours_retry_after: bool = field(
        "whether a retry waits as long as a refusal asks, not its backoff", True
    )
    retry_after_cap_s: float = field("longest retry-after that is honoured", 60.0, unit="s", ge=0, le=1e8)
    retry_after_above_cap: Literal["no-retry", "backoff"] = field(
        "what follows a longer retry-after; backoff: a retry after the usual wait (LiteLLM)", "no-retry"
    )
    retry_after_jitter_s: float = field(
        "uniform extra up to this on a retry-after", 0.0, unit="s", ge=0, le=86_400
    )
    layers: Annotated[tuple[Layer, ...], AsTuple] = field(
        "outer retry layers, outermost first; their passes multiply", (), max_length=5
    )
    retry_budget: RetryBudget | None = field("null: no budget for retries", None)
    max_fallbacks: int = field(
        "fallbacks that may follow one upon another, from group to group", 5, unit="fallbacks", ge=0, le=20
    )
    special_fallbacks_only: bool = field(
        "once some group has a list for context_window or content_policy, a group without one has none for it: "
        "its list for any is not used (LiteLLM)",
        False,
    )
    breaker: Breaker | None = field("null: no breaker", Breaker())
    health: Health = field("what is known of deployments' health, and how late", Health())
    hedge: Hedge | None = field("further calls where one has not answered; null: none", None)
    when_busy: Literal["wait", "reject"] = field("at the concurrency cap", "wait")
    when_limited: Literal["retry", "wait", "reject"] = field("at a rate limit", "retry")
    queue_limit: int | None = field(
        "requests that may wait at a deployment; null: none", None, unit="requests", ge=0, le=10**9
    )
    queue_timeout_s: Law | None = field("longest wait in a queue; null: none", None, unit="s")
    bill_timeouts: Literal["none", "input", "full"] = field(
        "what a call cut by a timeout costs; nothing where an error would have come", "full"
    )
    retries_mid_stream: bool = field(
        "whether an answer that broke off after its first token is tried again, here or elsewhere; false: the pass "
        "has failed, as the user has seen a part; before the first token, and where a cascade checks first, it always is",
        False,
    )
    bill_mid_stream: Literal["none", "input", "partial"] = field(
        "what a call costs that broke off after its first token; partial: what was sent and what had come; one that "
        "broke off before costs nothing",
        "partial",
    )
    preset: Literal["litellm", "openai-sdk", "portkey", "openrouter"] | None = field(
        "fills what is not given beside it as that system behaves (catalogue, policies.yaml); null: none",
        None,
    )

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """A preset's fields stand as if they had been given here, beneath those that were."""
        if isinstance(given, Mapping) and isinstance(given.get("preset"), str):
            return {**_preset_fields(given["preset"]), **given}
        return given

    @property
    def from_preset(self) -> frozenset[str]:
        """Fields that stand as the preset has them."""
        if self.preset is None:
            return frozenset()
        own = _preset_policy(self.preset)
        return frozenset(
            name for name in _preset_fields(self.preset) if getattr(self, name) == getattr(own, name)
        )

    @property
    def most_retries(self) -> int:
        """Retries after failures of the class that has most."""
        by_class = self.retries_after
        return max(
            self.retries if given is None else given
            for given in (by_class.error, by_class.limited, by_class.timeout)
        )

    def over(self, base: "Policy") -> "Policy":
        """This policy's given fields over `base`."""
        return base.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})


def preset_field(name: str, field: str) -> Any:
    """What a preset gives for a field."""
    return _preset_fields(name)[field]


def _preset_fields(name: str) -> Mapping[str, Any]:
    from planner.catalogue.policies import preset, presets

    return preset(name).policy if name in presets() else {}


@cache
def _preset_policy(name: str) -> Policy:
    return Policy.model_validate({"preset": name})
