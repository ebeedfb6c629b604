"""Retries as a policy gives them: waits, numbers, layers around layers, budgets, and hedges."""

from typing import Annotated, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, Key, field
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


class Hedge(Fields):
    """Further calls beside one that has not answered in time; the first answer wins (routing_semantics §10)."""

    after_s: float = field(
        "wait before a further call, from the asking of the one before", unit="s", gt=0, le=86_400
    )
    max: int = field("further calls at most", 1, unit="calls", ge=1, le=10)
    bill_losers: Literal["none", "input", "full"] = field("what a call costs that another one beat", "full")
    to: str | None = field("deployment that is asked then; null: the same", None)
