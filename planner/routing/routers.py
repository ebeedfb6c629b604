"""Where a strategy sends each request: rules first, then the router.

Comes in: Requests; goes out: for every request the index of one of the strategy's routes. A route leads to a
group of deployments to try in order, or is a cascade: mini answers, a verifier accepts or omni does. Where all
of a group fails, other groups may follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planner.routing.scores import reach, router_scores
from planner.scenario.fields import CascadeRouter, Scenario, Strategy, ThresholdRouter
from planner.scenario.remembered import once_per_scenario
from planner.scenario.strategies import TIER_GROUPS, Rule
from planner.tables import MINI, OMNI, RULE
from planner.workload.calibration import CALIBRATION, calibration_sample
from planner.workload.requests import Requests

Levels = tuple[tuple[str, ...], ...]


NO_GROUP = -1


@dataclass(frozen=True)
class Group:
    """Deployments that are asked together: levels of equals in order, and the groups that follow their failure."""

    name: str  # empty for the deployments that a rule names
    levels: Levels
    fallbacks: tuple[
        tuple[int, ...], ...
    ] = ()  # by class of failure (`failures.FAILURES`); empty: none at all
    leaves_when_filtered: bool = False  # the rest of it is passed over after a content filter

    @property
    def chain(self) -> tuple[str, ...]:
        """All its deployments, as they are written."""
        return flat(self.levels)


@dataclass(frozen=True)
class Route:
    """The group that is asked first; where a second one is given it is a cascade from the first to it."""

    tier: int
    group: int  # place among the strategy's groups
    escalate: int = NO_GROUP

    @property
    def is_cascade(self) -> bool:
        return self.escalate != NO_GROUP


@dataclass(frozen=True)
class Routing:
    """The routes of a strategy, the one each request takes, and whether the router was asked."""

    groups: tuple[Group, ...]
    routes: tuple[Route, ...]
    route: npt.NDArray[np.int64]  # (requests,)
    asked: npt.NDArray[np.bool_]  # (requests,)
    threshold: float | None


def flat(levels: Levels | None) -> tuple[str, ...]:
    """The deployments of levels of equals, as they are written."""
    return tuple(name for level in levels or () for name in level)


def groups_of(scenario: Scenario, name: str) -> tuple[Group, ...]:
    """Every group of a strategy: omni, mini, those under groups, then one for each rule that names deployments."""
    strategy = scenario.strategy(name)
    special_only = scenario.strategy_policy(name).special_fallbacks_only
    names = [*TIER_GROUPS, *strategy.groups]
    found = []
    for group in names:
        lists = strategy.lists(group, special_only)
        own = strategy.fallbacks.get(group)
        found.append(
            Group(
                group,
                strategy.group(group) or (),
                tuple(tuple(names.index(one) for one in one_list) for one_list in lists)
                if any(lists)
                else (),
                own is not None and own.content_policy is not None,
            )
        )
    found += [Group("", rule.to) for rule in strategy.rules if isinstance(rule.to, tuple)]
    return tuple(found)


def routes_of(scenario: Scenario, name: str, groups: Sequence[Group]) -> tuple[Route, ...]:
    """Every route of a strategy: one to each of its groups in their order, then a cascade's."""
    router = scenario.strategy(name).router
    tiers = {"omni": OMNI, "mini": MINI}
    routes = [Route(tiers.get(group.name, RULE), index) for index, group in enumerate(groups)]
    omni, mini = range(2)
    if isinstance(router, CascadeRouter) and groups[omni].levels and groups[mini].levels:
        routes.append(Route(MINI, mini, omni))
    return tuple(routes)


def reachable(groups: Sequence[Group], first: int) -> tuple[int, ...]:
    """A group and those that its fallbacks may lead to, in order of first mention, whatever the depth allows."""
    found = {first: None}
    pending = [first]
    while pending:
        for one_list in groups[pending.pop(0)].fallbacks:
            pending += [one for one in one_list if one not in found and one not in pending]
            found |= dict.fromkeys(one_list)
    return tuple(found)


def decide(
    scenario: Scenario, name: str, requests: Requests, replication: int, threshold: float | None = None
) -> Routing:
    """The route of each request under a strategy.

    Rules are tried in order and the first that matches decides; the router decides the rest. A
    strategy with one tier sends everything there. `omni_share` is the wanted share of the requests
    that reach the router: the threshold is the linear-interpolated quantile of a trace's own
    scores, or of a large sample of generated ones. A `threshold` that an earlier block of the same
    window found is taken over.
    """
    strategy = scenario.strategy(name)
    groups = groups_of(scenario, name)
    routes = routes_of(scenario, name, groups)
    names = [group.name for group in groups]
    route = np.full(requests.n, -1, dtype=np.int64)
    unnamed = 2 + len(strategy.groups)
    for rule in strategy.rules:
        if isinstance(rule.to, tuple):
            target, unnamed = unnamed, unnamed + 1
        else:
            target = names.index(rule.to)
        route[(route == -1) & matches(scenario, rule, requests)] = target
    open_ = route == -1
    asked = np.zeros(requests.n, dtype=np.bool_)
    router = strategy.router
    if not (strategy.omni and strategy.mini) or router is None:
        route[open_] = 0 if strategy.omni else 1
    elif isinstance(router, CascadeRouter):
        route[open_], asked = len(routes) - 1, open_
    else:
        if threshold is None:
            threshold = _threshold_of(scenario, name, requests, replication, open_)
        goes = reach(scenario, requests, replication, router.score_correlation, threshold)
        route[open_], asked = np.where(goes[open_], 0, 1), open_
    return Routing(groups, routes, route, asked, threshold)


def matches(scenario: Scenario, rule: Rule, requests: Requests) -> npt.NDArray[np.bool_]:
    """Which requests meet every condition of a rule."""
    when = rule.when
    found = np.ones(requests.n, dtype=np.bool_)
    names = list(scenario.tasks)
    if when.sensitive is not None:
        found &= requests.sensitive == when.sensitive
    if when.context_tokens_over is not None:
        found &= requests.input_tokens > when.context_tokens_over
    if when.modality is not None:
        holds = [when.modality in task.modalities for task in scenario.tasks.values()]
        found &= np.array(holds, dtype=np.bool_)[requests.task]
    if when.task is not None:
        found &= requests.task == names.index(when.task)
    return found


def _threshold_of(
    scenario: Scenario, name: str, requests: Requests, replication: int, open_: npt.NDArray[np.bool_]
) -> float:
    """The score at or above which a request goes to omni."""
    strategy = scenario.strategy(name)
    router = _threshold_router(strategy)
    if router.threshold is not None:
        return router.threshold
    share = router.omni_share
    assert share is not None, "a threshold router has a threshold or an omni_share"
    if share == 0:
        return np.inf
    if share == 1:
        return -np.inf
    if scenario.traffic.trace is not None:
        seen = router_scores(scenario, requests, replication, router.score_correlation)[open_]
        return float(np.quantile(seen, 1 - share)) if seen.size else np.inf
    if not strategy.rules:
        return 1 - share  # generated scores are uniform over all requests
    return _sampled_threshold(scenario, name, share)


def _threshold_router(strategy: Strategy) -> ThresholdRouter:
    assert isinstance(strategy.router, ThresholdRouter), f"not a router with a threshold: {strategy.router}"
    return strategy.router


@once_per_scenario
def _sampled_threshold(scenario: Scenario, name: str, share: float) -> float:
    """The score that `share` of the requests reach, of those whom no rule of the strategy sends elsewhere."""
    strategy = scenario.strategy(name)
    sample = calibration_sample(scenario)
    reaches = np.ones(sample.n, dtype=np.bool_)
    for rule in strategy.rules:
        reaches &= ~matches(scenario, rule, sample)
    if not reaches.any():
        return np.inf
    correlation = _threshold_router(strategy).score_correlation
    seen = router_scores(scenario, sample, CALIBRATION, correlation)[reaches]
    return float(np.quantile(seen, 1 - share))
