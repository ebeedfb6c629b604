"""Which strategy sends what where: tiers, groups and what they fall back on, routers, rules, gateways."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from planner.failures import FAILURES
from planner.scenario.declare import (
    NOTHING,
    AsMap,
    AsTuple,
    DumpMap,
    Fields,
    Key,
    field,
    shown,
)
from planner.scenario.gateway import Gateway
from planner.scenario.laws import Law
from planner.scenario.policy import Policy


class ThresholdRouter(Fields):
    """Omni if the score is at or above a threshold."""

    kind: Literal["threshold"] = field("router", "threshold")
    omni_share: float | None = field(
        "wanted share of decided requests sent to omni", None, unit="share", ge=0, le=1
    )
    threshold: float | None = field("fixed threshold on the score, which lies in 0..1", None)
    score_correlation: float = field("Spearman correlation of score and difficulty", 0.6, ge=0, le=1)
    latency_s: Law = field("time of the decision", Law.fixed(0), unit="s")
    usd_per_1k_requests: float = field("price of 1,000 decisions", 0.0, unit="USD/1,000", ge=0, le=1e6)

    @model_validator(mode="after")
    def _one_rule(self) -> "ThresholdRouter":
        if (self.omni_share is None) == (self.threshold is None):
            given = (
                "neither omni_share nor threshold"
                if self.omni_share is None
                else "both omni_share and threshold"
            )
            raise PydanticCustomError("given_allowed", "router", {"given": given, "allowed": "one of them"})
        return self


class Verifier(Fields):
    """Judges mini's answer; an own model call."""

    model: str = field("model that judges")
    provider: str | None = field("who serves it; null: the model's own vendor", None)
    input_tokens: float = field("prompt of a check", 0, unit="tokens", ge=0, le=1e9)
    output_tokens: float = field("verdict of a check", 0, unit="tokens", ge=0, le=1e9)
    latency_s: Law = field("time of a check", Law.fixed(0), unit="s")
    true_positive: float = field("share of right answers it accepts", 1.0, unit="share", ge=0, le=1)
    false_positive: float = field("share of wrong answers it accepts", 0.0, unit="share", ge=0, le=1)


class CascadeRouter(Fields):
    """Mini answers first; a verifier accepts the answer or sends the request on to omni."""

    kind: Literal["cascade"] = field("router", "cascade")
    accept_score: float | None = field(
        "recorded verifier_score at or above which an answer is accepted", None
    )
    verifier: Verifier = field("who judges")
    latency_s: Law = field("time of the decision to start with mini", Law.fixed(0), unit="s")
    usd_per_1k_requests: float = field("price of 1,000 decisions", 0.0, unit="USD/1,000", ge=0, le=1e6)


def _router_form(value: Any) -> str:
    kind = (
        value.get("kind", "threshold") if isinstance(value, Mapping) else getattr(value, "kind", "threshold")
    )
    return "cascade" if kind == "cascade" else "threshold"


Router = Annotated[
    Annotated[ThresholdRouter, Tag("threshold")] | Annotated[CascadeRouter, Tag("cascade")],
    Discriminator(_router_form),
]


class When(Fields):
    """Conditions of a rule; all that are given must hold."""

    sensitive: bool | None = field("holds private data", None)
    context_tokens_over: int | None = field("input tokens above this", None, unit="tokens", ge=0)
    modality: Literal["text", "vision", "audio"] | None = field("the task holds this modality", None)
    task: str | None = field("the request is of this task", None)

    @model_validator(mode="after")
    def _not_empty(self) -> "When":
        if not self.model_fields_set:
            raise PydanticCustomError(
                "given_allowed",
                "when",
                {"given": "no condition", "allowed": "sensitive, context_tokens_over, modality or task"},
            )
        return self


Names = Annotated[tuple[str, ...], AsTuple]
TIER_GROUPS = ("omni", "mini")  # groups that every strategy may have


def _levels(value: Any) -> Any:
    """`[a, b]` is an order, `[[a, b], [c]]` levels of equals; both become levels."""
    if not isinstance(value, list | tuple):
        return value
    for index, item in enumerate(value):
        if not isinstance(item, str | list | tuple):
            allowed = "a deployment's name, or a list of names"
            raise PydanticCustomError(
                "given_allowed", "levels", {"given": shown(item), "allowed": allowed, "inside": (index,)}
            )
    levels = tuple((item,) if isinstance(item, str) else tuple(item) for item in value)
    if not all(levels) or not levels:
        raise PydanticCustomError(
            "given_allowed", "levels", {"given": "an empty list", "allowed": "at least one deployment"}
        )
    return levels


Levels = Annotated[tuple[Names, ...], BeforeValidator(_levels)]


def _target_form(value: Any) -> str:
    return "group" if isinstance(value, str) else "deployments"


Target = Annotated[
    Annotated[str, Tag("group")] | Annotated[Levels, Tag("deployments")],
    Discriminator(_target_form),
]


class Fallbacks(Fields):
    """Groups to ask, in order, where all of a group failed; which list counts, its last failure says.

    A group already asked for this pass of the request is passed over; each one asked makes its own retries, and
    falls back in its turn (facts: routing_semantics §7).
    """

    error: Names | None = field("after a 5xx or a failed connection; null: as any", None)
    limit: Names | None = field(
        "after a 429, a full queue or place, a breaker of ours, a request larger than a limit; null: as any",
        None,
    )
    timeout: Names | None = field("after a call that was cut; null: as any", None)
    context_window: Names | None = field(
        "where no deployment of the group takes the request, for its size or what it holds; null: as any",
        None,
    )
    content_policy: Names | None = field(
        "after a content filter, at once, without the rest of the group; null: as any, after the rest", None
    )
    any: Names = field("after every failure without a list of its own", ())

    def of(self, failure: str) -> tuple[str, ...] | None:
        """The list of its own that a class of failures has, or None; `failure` as in `failures.FAILURES`."""
        found: tuple[str, ...] | None = getattr(self, failure.replace("-", "_"))
        return found


def _fallbacks(value: Any) -> Any:
    """A plain list is the list for any failure."""
    return {"any": value} if isinstance(value, list | tuple) else value


class Rule(Fields):
    """Sends matching requests to a group or to deployments, before the router is asked."""

    when: When = field("conditions")
    to: Target = field("omni, mini, a name under groups, or deployments in order")


class Strategy(Fields):
    """A way to serve all requests: which deployments, which router, which rules."""

    like: str | None = field("another strategy whose fields hold unless given here", None)
    omni: Levels | None = field("deployments of the strong tier, in order or in levels", None)
    mini: Levels | None = field("deployments of the cheap tier, in order or in levels", None)
    groups: Annotated[Mapping[Key, Levels], AsMap, DumpMap] = field(
        "further groups of deployments, for rules and fallbacks, each in order or in levels", NOTHING
    )
    fallbacks: Annotated[Mapping[Key, Annotated[Fallbacks, BeforeValidator(_fallbacks)]], AsMap, DumpMap] = (
        field("GROUP (omni, mini or one under groups): groups to ask where it failed", NOTHING)
    )
    router: Router | None = field("decides between the tiers", None)
    rules: Annotated[tuple[Rule, ...], AsTuple] = field(
        "first match decides, before the router", (), max_length=100
    )
    policy: Policy = field("policy of this strategy, over the scenario's", Policy())
    gateway: Gateway = field("gateway of this strategy, over the scenario's", Gateway())

    def group(self, name: str) -> Levels | None:
        """Levels of a group by name: omni, mini or one under groups; None where there is none."""
        found: Levels | None = getattr(self, name) if name in TIER_GROUPS else self.groups.get(name)
        return found

    @property
    def group_names(self) -> tuple[str, ...]:
        """Every group that it has, tiers first."""
        return (*(name for name in TIER_GROUPS if getattr(self, name)), *self.groups)

    def lists(self, group: str, special_only: bool) -> tuple[tuple[str, ...], ...]:
        """Groups that a group falls back on, by class of failure as in `failures.FAILURES`.

        `special_only` is the policy's `special_fallbacks_only`.
        """
        given = self.fallbacks.get(group, Fallbacks())
        found = []
        for failure in FAILURES:
            own = given.of(failure)
            is_barred = (
                special_only
                and failure in ("context-window", "content-policy")
                and any(one.of(failure) is not None for one in self.fallbacks.values())
            )
            found.append(own if own is not None else () if is_barred else given.any)
        return tuple(found)

    def over(self, base: "Strategy") -> "Strategy":
        """This strategy's given fields over those of the one it is `like`."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"policy", "gateway"}}
        merged = base.model_copy(update=given)
        nested: dict[str, Any] = {}
        if "policy" in self.model_fields_set:
            nested["policy"] = merge_given(base.policy, self.policy)
        if "gateway" in self.model_fields_set:
            nested["gateway"] = self.gateway.over(base.gateway)
        return merged.model_copy(update=nested) if nested else merged


def merge_given(base: Any, given: Any) -> Any:
    """The union of the fields given in both, the second winning."""
    return base.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


Strategies = Annotated[Mapping[Key, Strategy], AsMap, DumpMap]
