"""How calls are made: retries, waits, breakers, hedges, and how one of several deployments is chosen."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import (
    AsTuple,
    Fields,
    Key,
    field,
    shown,
)
from planner.scenario.laws import Law


class Backoff(Fields):
    """Wait before a retry (facts: routing_semantics §3). k is 0 for the first wait."""

    kind: Literal[
        "fixed",
        "law",
        "exponential",
        "equal-jitter",
        "full-jitter",
        "decorrelated",
        "openai",
        "litellm",
        "linear",
        "envoy",
        "polly",
    ] = field(
        "family of waits; linear: base_s x (k + 1); envoy: uniform up to base_s x (2^(k + 1) - 1); polly: base_s / 1.4 "
        "x the growth of 2^t tanh(sqrt(4t)) from wait to wait, t = k + uniform (its decorrelated jitter)",
        "full-jitter",
    )
    base_s: float = field("first wait; envoy: its longest", 0.5, unit="s", ge=0, le=86_400)
    cap_s: float = field("longest wait", 8.0, unit="s", ge=0, le=86_400)
    jitter_s: float = field("litellm: uniform extra up to this", 0.75, unit="s", ge=0, le=86_400)
    factor: float = field(
        "exponential, equal-jitter, full-jitter: growth from wait to wait", 2.0, unit="factor", ge=1, le=1000
    )
    spread: float = field(
        "fixed, linear, exponential: a wait is up to this share longer or shorter",
        0.0,
        unit="share",
        ge=0,
        le=1,
    )
    waits_s: Annotated[tuple[float, ...], AsTuple] | None = field(
        "fixed: the waits; the last repeats", None, unit="s"
    )
    wait_s: Law | None = field("law: the wait", None, unit="s")

    @model_validator(mode="after")
    def _complete(self) -> "Backoff":
        needs = {"fixed": "waits_s", "law": "wait_s"}
        wanted = needs.get(self.kind)
        if wanted is not None and not getattr(self, wanted):
            raise PydanticCustomError(
                "given_allowed",
                "backoff",
                {"given": f"kind {self.kind} without {wanted}", "allowed": f"{wanted} beside it"},
            )
        uses = {
            "fixed": {"waits_s", "spread"},
            "law": {"wait_s"},
            "litellm": {"base_s", "cap_s", "jitter_s"},
            "linear": {"base_s", "cap_s", "spread"},
            "exponential": {"base_s", "cap_s", "factor", "spread"},
            "equal-jitter": {"base_s", "cap_s", "factor"},
            "full-jitter": {"base_s", "cap_s", "factor"},
        }.get(self.kind, {"base_s", "cap_s"})
        for name in sorted(self.model_fields_set - uses - {"kind"}):
            raise PydanticCustomError(
                "given_allowed",
                "backoff",
                {
                    "given": f"{name} with kind {self.kind}",
                    "allowed": ", ".join(sorted(uses)),
                    "inside": (name,),
                },
            )
        if self.waits_s is not None and any(wait < 0 for wait in self.waits_s):
            raise PydanticCustomError(
                "given_allowed",
                "waits",
                {"given": list(self.waits_s), "allowed": "waits >= 0", "inside": ("waits_s",)},
            )
        return self


_BREAKER_FIELDS = {
    "consecutive": {"failures", "open_s", "open_growth", "open_cap_s", "successes", "counts"},
    "cooldown": {"open_s", "allowed_fails", "honours_retry_after", "counts", "when_open"},
    "sliding-window": {
        "window_calls", "window_s", "minimum_calls", "failure_share", "slow_s", "slow_share", "half_open_calls",
        "open_s", "open_growth", "open_cap_s", "counts",
    },
    "sampling-window": {
        "window_s", "minimum_calls", "failure_share", "open_s", "open_growth", "open_cap_s", "counts",
    },
}  # fmt: skip
_OPEN_S = {"cooldown": 5.0, "sliding-window": 60.0, "sampling-window": 5.0}


class RetriesAfter(Fields):
    """Retries after a failure of each class, where they are not as many as after others (LiteLLM's RetryPolicy).

    A failure is tried again where fewer retries than this were made so far, whatever they were for.
    """

    error: int | None = field("after an error; null: as retries says", None, unit="retries", ge=0, le=100)
    limited: int | None = field(
        "after a refusal for a limit; null: as retries says", None, unit="retries", ge=0, le=100
    )
    timeout: int | None = field("after a timeout; null: as retries says", None, unit="retries", ge=0, le=100)


class Layer(Fields):
    """Retries of a whole pass by somebody outside: the application, an SDK, a proxy.

    A pass is everything the strategy tries for a request: all targets with their own retries.
    """

    name: Key = field("short name of the layer")
    attempts: int = field("passes in all, the first included", 3, unit="passes", ge=1, le=1000)
    backoff: Backoff = field("wait before the next pass", Backoff())


class RetryBudget(Fields):
    """Retries that may be under way at once: max(minimum, ratio x requests in flight), rounded down."""

    ratio: float = field("share of the requests in flight, kept to 1e-6", 0.2, unit="share", ge=0, le=1)
    minimum: int = field("retries that are allowed in any case", 3, unit="retries", ge=0, le=10**6)


class Breaker(Fields):
    """Stops calls to a target that fails (facts: routing_semantics §5.1 to §5.4).

    consecutive: opens after failures in a row, then lets single calls through until enough succeed.
    cooldown: LiteLLM's rules, without half-open: a 429 at once, more than half of at least 5 calls, all of at
    least 1,000; each but the last only where the chain holds more than one deployment.
    sliding-window: resilience4j's, by shares of failed or slow calls among the last calls or seconds; half-open
    it lets some calls through and decides by the same shares.
    sampling-window: Polly's, by the share of failures in the last seconds; half-open it lets one call through.
    """

    kind: Literal["consecutive", "cooldown", "sliding-window", "sampling-window"] = field(
        "what opens it", "consecutive"
    )
    failures: int = field("failures in a row that open it", 5, unit="failures", ge=1, le=10**6)
    open_s: float = field(
        "time it stays open; not given: 30, sliding-window 60, cooldown and sampling-window 5",
        30.0,
        unit="s",
        gt=0,
        le=86_400,
    )
    open_growth: Literal["constant", "linear", "exponential"] = field(
        "linear: open_s x openings in a row; exponential: it doubles with each", "constant"
    )
    open_cap_s: float = field(
        "linear and exponential: longest time it stays open", 300.0, unit="s", gt=0, le=86_400
    )
    successes: int = field(
        "successes in a row, one call at a time, that close it again", 1, unit="successes", ge=1, le=10**6
    )
    counts: Annotated[tuple[Literal["error", "timeout", "limited"], ...], AsTuple] = field(
        "ends that are failures, others but a success are ignored; not given with cooldown: also limited",
        ("error", "timeout"),
        min_length=1,
    )
    allowed_fails: int | None = field(
        "cooldown: more failures within open_s take it out, instead of LiteLLM's shares; null: those",
        None,
        unit="failures",
        ge=0,
        le=10**6,
    )
    honours_retry_after: bool = field("cooldown: a retry-after is its length", True)
    when_open: Literal["reject", "last"] = field(
        "cooldown: reject: no call is sent; last: calls are sent where a selection has nobody else left (OpenRouter)",
        "reject",
    )
    window_calls: int = field(
        "sliding-window: last ends that it looks at, unless window_s is given",
        100,
        unit="calls",
        ge=1,
        le=100_000,
    )
    window_s: float | None = field(
        "time that it looks back. sliding-window: whole seconds, instead of window_calls; sampling-window: in ten "
        "parts, not given: 30",
        None,
        unit="s",
        ge=0.001,
        le=86_400,
    )
    minimum_calls: int = field(
        "windows: fewer ends never open it; not given: at most window_calls",
        100,
        unit="calls",
        ge=1,
        le=10**6,
    )
    failure_share: float = field(
        "windows: failures among the ends that open it, kept to 1e-6; not given with sampling-window: 0.1",
        0.5,
        unit="share",
        ge=1e-6,
        le=1,
    )
    slow_s: float | None = field(
        "sliding-window: a call that lasts longer is slow; null: none is", 60.0, unit="s", gt=0, le=86_400
    )
    slow_share: float = field(
        "sliding-window: slow calls among the ends that open it, kept to 1e-6",
        1.0,
        unit="share",
        ge=1e-6,
        le=1,
    )
    half_open_calls: int = field(
        "sliding-window: calls that are let through after open_s; the shares of the first ends of them, as many as "
        "minimum_calls at most, close or re-open it",
        10,
        unit="calls",
        ge=1,
        le=10**6,
    )

    @property
    def open_time_s(self) -> float:
        """Seconds it stays open: as given, or the kind's own default."""
        if "open_s" in self.model_fields_set:
            return self.open_s
        return _OPEN_S.get(self.kind, self.open_s)

    @property
    def counted(self) -> tuple[str, ...]:
        """Outcomes that are failures: as given, or the kind's own default."""
        if "counts" in self.model_fields_set or self.kind != "cooldown":
            return self.counts
        return ("error", "timeout", "limited")

    @property
    def window_time_s(self) -> float | None:
        """Seconds that a breaker over a window looks back; None for a window of calls."""
        if self.window_s is None and self.kind == "sampling-window":
            return 30.0
        return self.window_s

    @property
    def minimum(self) -> int:
        """Ends in the window before it may open."""
        if self.kind == "sliding-window" and self.window_s is None:
            return min(self.minimum_calls, self.window_calls)
        return self.minimum_calls

    @property
    def failure_limit(self) -> float:
        """Share of failures that opens it: as given, or the kind's own default."""
        if self.kind == "sampling-window" and "failure_share" not in self.model_fields_set:
            return 0.1
        return self.failure_share

    @model_validator(mode="after")
    def _can_act(self) -> "Breaker":
        uses = _BREAKER_FIELDS[self.kind]
        for name in sorted(self.model_fields_set - uses - {"kind"}):
            raise _breaker_problem(name, f"{name} with kind {self.kind}", ", ".join(sorted(uses)))
        if "honours_retry_after" in self.model_fields_set and "limited" not in self.counted:
            raise _breaker_problem(
                "honours_retry_after",
                "honours_retry_after with counts that leave limited out",
                "counts with limited, which alone brings a retry-after",
            )
        if self.open_growth == "constant" and "open_cap_s" in self.model_fields_set:
            raise _breaker_problem(
                "open_cap_s", "open_cap_s with open_growth constant", "linear or exponential"
            )
        if self.open_growth != "constant" and self.open_cap_s < self.open_time_s:
            name = "open_cap_s" if "open_cap_s" in self.model_fields_set else "open_s"
            limit = (
                f"at least open_s, which is {self.open_time_s:g}"
                if name == "open_cap_s"
                else f"at most open_cap_s, which is {self.open_cap_s:g}"
            )
            raise _breaker_problem(name, f"{getattr(self, name):g}", limit)
        if len(set(self.counts)) < len(self.counts):
            raise _breaker_problem("counts", shown(self.counts), "each word once")
        if self.kind in ("sliding-window", "sampling-window"):
            self._window_can_act()
        return self

    def _window_can_act(self) -> None:
        given = self.model_fields_set
        if self.kind == "sampling-window":
            if "window_s" in given and self.window_s is None:
                raise _breaker_problem("window_s", "null with kind sampling-window", "number >= 0.001 (s)")
            return
        if self.window_s is not None:
            if "window_calls" in given:
                raise _breaker_problem("window_s", "both window_calls and window_s", "one of them")
            if not self.window_s.is_integer():
                raise _breaker_problem(
                    "window_s", f"{self.window_s:g} with kind sliding-window", "whole seconds, at least 1"
                )
        elif "minimum_calls" in given and self.minimum_calls > self.window_calls:
            raise _breaker_problem(
                "minimum_calls",
                f"{self.minimum_calls}, which the window never holds",
                f"at most window_calls, which is {self.window_calls}",
            )
        if self.slow_s is None and "slow_share" in given:
            raise _breaker_problem("slow_share", "slow_share with slow_s null", "slow_s beside it")


def _breaker_problem(name: str, given: str, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "given_allowed", "breaker", {"given": given, "allowed": allowed, "inside": (name,)}
    )


class Hedge(Fields):
    """Further calls beside one that has not answered in time; the first answer wins (routing_semantics §10)."""

    after_s: float = field(
        "wait before a further call, from the asking of the one before", unit="s", gt=0, le=86_400
    )
    max: int = field("further calls at most", 1, unit="calls", ge=1, le=10)
    bill_losers: Literal["none", "input", "full"] = field("what a call costs that another one beat", "full")
    to: str | None = field("deployment that is asked then; null: the same", None)


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


def _preset_fields(name: str) -> Mapping[str, Any]:
    from planner.catalogue.policies import preset, presets

    return preset(name).policy if name in presets() else {}


@cache
def _preset_policy(name: str) -> Policy:
    return Policy.model_validate({"preset": name})
