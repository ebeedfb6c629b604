"""The scenario tree: every field of the language, declared once.

The root and the sections about the plan (targets, run); traffic and tasks stand in
`demand`, models and deployments in `supply`, calls and strategies in `policy`, money in `finance`.
"""

import datetime
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PrivateAttr
from pydantic_core import PydanticCustomError

from planner.errors import Problem
from planner.scenario.contents import digests
from planner.scenario.dates import Date
from planner.scenario.declare import (
    NOTHING,
    AsTuple,
    Fields,
    field,
    later,
)
from planner.scenario.demand import Slo, Tasks, Traffic
from planner.scenario.finance import Finance
from planner.scenario.gateway import Gateway
from planner.scenario.outages import Together
from planner.scenario.policy import Policy
from planner.scenario.remembered import once_per_scenario
from planner.scenario.strategies import (
    CascadeRouter,
    Strategies,
    Strategy,
    ThresholdRouter,
)
from planner.scenario.supply import Deployment, Deployments, Models
from planner.scenario.uncertain import Correlations, UncertainInputs

MONTH_S = 2_629_800  # a mean month: 365.25 days / 12
DEFAULT_ROUTER = ThresholdRouter(omni_share=0.25)


def _version(value: Any) -> Any:
    """`true` equals 1 in Python, not in a file."""
    if type(value) is not int:
        raise PydanticCustomError("own", "{given}", {"given": value, "allowed": "1"})
    return value


class Run(Fields):
    """How the simulation is run; no part of the world it describes."""

    seed: int = field("root of all luck", 7, ge=0, le=2**32 - 1)
    replications: int = field("windows simulated per strategy", 10, unit="windows", ge=1, le=1000)
    window_s: float = field("length of a window", 3600.0, unit="s", gt=0, le=604_800)
    precision: Annotated[Any, later("running to a stated precision")] = field(
        "relative half-width to stop at", None
    )
    max_in_flight: int = field(
        "requests in flight beyond which a run gives up", 2_000_000, unit="requests", ge=1, le=10**9
    )


class Scenario(Fields):
    """A whole question: traffic, tasks, models, deployments, strategies, money, run. Immutable."""

    schema_version: Annotated[Literal[1], BeforeValidator(_version)] = field(
        "version of the language", 1, alias="schema"
    )
    name: str = field("short name", min_length=1, max_length=200)
    question: str = field("the question it answers", "")
    start: Date = field("first day of the plan", datetime.date(2027, 1, 1))
    currency: Literal["USD", "EUR", "GBP", "CHF", "JPY"] = field(
        "in which totals may be shown; all is counted in USD, at the rate of finance.exchange", "USD"
    )
    objective: Literal["economic", "invoiced"] = field(
        "what best means among strategies that pass every gate", "economic"
    )
    traffic: Traffic = field("how many requests come, and when", Traffic())
    tasks: Tasks = field("kinds of requests", min_length=1, max_length=100)
    models: Models = field("own or negotiated models", NOTHING, max_length=500)
    deployments: Deployments = field("models somewhere", min_length=1, max_length=500)
    outages_together: Annotated[tuple[Together, ...], AsTuple] = field(
        "pairs of providers that are at times out by one cause, from the same moment on", (), max_length=50
    )
    strategies: Strategies = field("ways to serve all requests", min_length=1, max_length=100)
    policy: Policy = field("how calls are made", Policy())
    gateway: Gateway = field("what stands before providers", Gateway())
    slo: Slo = field("targets", Slo())
    finance: Finance = field("horizon and money", Finance())
    uncertain: UncertainInputs = field("PATH: what is believed of a number", NOTHING, max_length=100)
    correlated: Correlations = field("uncertain inputs that go together", (), max_length=200)
    run: Run = field("how the simulation is run", Run())

    _source: Any = PrivateAttr(default=None)
    _notices: tuple[Problem, ...] = PrivateAttr(default=())

    @property
    def notices(self) -> tuple[Problem, ...]:
        """What a reader should know about a scenario that is sound: defaults taken, prices carried forward ..."""
        return self._notices

    # -- resolved views ------------------------------------------------------------------------

    @once_per_scenario
    def strategy(self, name: str) -> Strategy:
        """The strategy with `like` followed and, where it has both tiers, a router."""
        strategy = self.strategies[name]
        if strategy.like is not None:
            strategy = strategy.over(self.strategy(strategy.like))
        if strategy.router is None and strategy.omni and strategy.mini:
            strategy = strategy.model_copy(update={"router": DEFAULT_ROUTER})
        return strategy

    @once_per_scenario
    def policy_for(self, strategy: str, deployment: str) -> Policy:
        """Deployment over strategy over scenario, field by field."""
        return self.deployments[deployment].policy.over(self.strategy_policy(strategy))

    @once_per_scenario
    def strategy_policy(self, strategy: str) -> Policy:
        """Strategy over scenario, field by field; a platform chooses among equals as it does where neither says how."""
        policy = self.strategy(strategy).policy.over(self.policy)
        if "select" in policy.model_fields_set or not self.is_routed_by_platform(strategy):
            return policy
        return policy.model_copy(update={"select": self.gateway_for(strategy).selection})

    def is_routed_by_platform(self, strategy: str) -> bool:
        """Whether a platform chooses among equals: there are some, and no policy says how."""
        given = self.strategy(strategy).policy.model_fields_set | self.policy.model_fields_set
        has_equals = any(len(level) > 1 for level in self.levels_of(strategy))
        return has_equals and "select" not in given and self.gateway_for(strategy).kind == "unified"

    @once_per_scenario
    def gateway_for(self, strategy: str) -> Gateway:
        """The strategy's gateway over the scenario's, field by field; see `Gateway.over`."""
        return self.strategy(strategy).gateway.over(self.gateway)

    @once_per_scenario
    def behind_gateway(self, strategy: str) -> tuple[str, ...]:
        """Deployments of a strategy whose calls go through a platform; none where there is no platform."""
        if self.gateway_for(strategy).kind != "unified":
            return ()
        names = self.deployments_of(strategy)
        return tuple(
            name for name in names if name in self.deployments and self.deployments[name].is_behind_gateway
        )

    @once_per_scenario
    def limited(self, strategy: str, deployment: str) -> Deployment:
        """A deployment with the limits that hold under a strategy: a platform's in place of its own rates."""
        found, pooled = self.deployments[deployment], self.gateway_for(strategy).limits
        if pooled is None or deployment not in self.behind_gateway(strategy):
            return found
        concurrent = None if found.limits is None else found.limits.concurrent
        return found.model_copy(update={"limits": pooled.at(concurrent)})

    def lineage(self, strategy: str) -> tuple[str, ...]:
        """The strategy and all it is `like`, nearest first (costs of those cover it too)."""
        names = [strategy]
        while (parent := self.strategies[names[-1]].like) is not None:
            names.append(parent)
        return tuple(names)

    @once_per_scenario
    def deployments_of(self, strategy: str) -> tuple[str, ...]:
        """Every deployment that a strategy can use, in order of first mention."""
        return tuple(dict.fromkeys(name for level in self.levels_of(strategy) for name in level))

    @once_per_scenario
    def levels_of(self, strategy: str) -> tuple[tuple[str, ...], ...]:
        """Levels of equals of all groups and rules of a strategy."""
        found = self.strategy(strategy)
        levels = [level for group in found.group_names for level in found.group(group) or ()]
        levels += [level for rule in found.rules if isinstance(rule.to, tuple) for level in rule.to]
        return tuple(levels)

    def is_verified_outside(self, strategy: str) -> bool:
        """Whether a cascade's verifier reads private data outside the house.

        It does not where it names no provider and every deployment of its model is in-house or a device.
        """
        router = self.strategy(strategy).router
        if not isinstance(router, CascadeRouter):
            return False
        same = [one for one in self.deployments.values() if one.model == router.verifier.model]
        is_own = router.verifier.provider is None and same and not any(one.is_outside for one in same)
        return not is_own

    def shares(self) -> dict[str, float]:
        """TASK: share of all requests; equal where no task gives one."""
        given = {name: task.share for name, task in self.tasks.items()}
        if all(share is None for share in given.values()):
            return dict.fromkeys(given, 1 / len(given))
        return {name: share or 0.0 for name, share in given.items()}

    def turns_by_task(self) -> dict[str, float]:
        """TASK: mean turns of its conversations; what nobody waits for is no conversation."""
        turns = self.traffic.sessions.turns_mean
        return {name: 1.0 if task.is_batch else turns for name, task in self.tasks.items()}

    def turns_per_conversation(self) -> float:
        """Mean turns over the conversations of all tasks, each of which is of one task throughout."""
        turns = self.turns_by_task()
        return 1.0 / math.fsum(share / turns[name] for name, share in self.shares().items())

    def requests_per_month(self) -> float | None:
        """User turns in a mean month, given or derived from users; None where only a trace tells."""
        traffic = self.traffic
        if traffic.requests_per_month is not None:
            return traffic.requests_per_month
        if traffic.users is not None:
            days = MONTH_S / 86_400
            users = traffic.users
            return users.active_per_day * users.conversations_per_day * self.turns_per_conversation() * days
        return None

    # -- identity and change -------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The plain values that make this scenario: what was given, ready for YAML or JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of what was given and of the files it reads; caches key on it."""
        trace = self.traffic.trace
        is_of_a_file = (
            trace is not None and trace.file is not None
        )  # which may change while this object lives
        return self._digest() if is_of_a_file else self._digest_once()

    @once_per_scenario
    def _digest_once(self) -> str:
        return self._digest()

    def _digest(self) -> str:
        given = self.to_dict()
        files = digests(self)
        if files:
            given["files"] = files
        text = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def set(self, overrides: Mapping[str, Any]) -> "Scenario":
        """A new scenario with fields replaced; this one is not changed.

        `overrides` maps paths (`traffic.requests_per_month`, `models[gpt-4.1].input_usd_per_mtok`)
        to plain values. Raises ScenarioError with every problem.
        """
        from planner.scenario.reading import with_overrides

        return with_overrides(self, overrides)

    def __hash__(self) -> int:
        return hash(self.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.hash == other.hash


__all__ = ["MONTH_S", "CascadeRouter", "Deployment", "Scenario", "Strategy", "ThresholdRouter"]
