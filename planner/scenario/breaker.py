"""Breakers as a policy gives them: what opens one, for how long, and what closes it."""

from typing import Annotated, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, field, shown

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
