"""Where a strategy sends each request: rules first, then the router.

Comes in: Requests; goes out: for every request the index of one of the strategy's routes. A route is
a chain of deployments to try in order, or a cascade: mini answers, a verifier accepts or omni does.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planner.scenario.fields import CascadeRouter, Scenario, Strategy, ThresholdRouter
from planner.scenario.policy import Rule
from planner.tables import MINI, OMNI, RULE
from planner.workload.calibration import CALIBRATION, calibration_sample
from planner.workload.requests import Requests, router_scores

Levels = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Route:
    """Levels of equals to try in order; where a second list is given it is a cascade from the first to it."""

    tier: int
    levels: Levels
    escalate_levels: Levels = ()

    @property
    def chain(self) -> tuple[str, ...]:
        """All deployments, as they are written."""
        return flat(self.levels)

    @property
    def escalate(self) -> tuple[str, ...]:
        """Where a cascade goes when mini's answer is turned down."""
        return flat(self.escalate_levels)

    @property
    def is_cascade(self) -> bool:
        return bool(self.escalate_levels)


@dataclass(frozen=True)
class Routing:
    """The routes of a strategy, the one each request takes, and whether the router was asked."""

    routes: tuple[Route, ...]
    route: npt.NDArray[np.int64]  # (requests,)
    asked: npt.NDArray[np.bool_]  # (requests,)
    threshold: float | None


def flat(levels: Levels | None) -> tuple[str, ...]:
    """The deployments of levels of equals, as they are written."""
    return tuple(name for level in levels or () for name in level)


def routes_of(scenario: Scenario, name: str) -> tuple[Route, ...]:
    """Every route of a strategy: omni, mini, then one for each rule that names deployments."""
    strategy = scenario.strategy(name)
    omni, mini = strategy.omni or (), strategy.mini or ()
    cascade = isinstance(strategy.router, CascadeRouter) and bool(omni and mini)
    rules = [Route(RULE, rule.to) for rule in strategy.rules if isinstance(rule.to, tuple)]
    first = Route(OMNI, omni)
    second = Route(MINI, mini)
    return (first, second, *rules, *([Route(MINI, mini, omni)] if cascade else []))


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
    routes = routes_of(scenario, name)
    route = np.full(requests.n, -1, dtype=np.int64)
    named = 2
    for rule in strategy.rules:
        if isinstance(rule.to, tuple):
            target, named = named, named + 1
        else:
            target = 0 if rule.to == "omni" else 1
        route[(route == -1) & matches(scenario, rule, requests)] = target
    open_ = route == -1
    asked = np.zeros(requests.n, dtype=np.bool_)
    router = strategy.router
    if not (strategy.omni and strategy.mini) or router is None:
        route[open_] = 0 if strategy.omni else 1
    elif isinstance(router, CascadeRouter):
        route[open_], asked = len(routes) - 1, open_
    else:
        scores = router_scores(scenario, requests, replication, router.score_correlation)
        if threshold is None:
            threshold = threshold_of(scenario, strategy, router, requests, scores, open_)
        route[open_], asked = np.where(scores[open_] >= threshold, 0, 1), open_
    return Routing(routes, route, asked, threshold)


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


def threshold_of(
    scenario: Scenario,
    strategy: Strategy,
    router: ThresholdRouter,
    requests: Requests,
    scores: npt.NDArray[np.float64],
    open_: npt.NDArray[np.bool_],
) -> float:
    """The score at or above which a request goes to omni."""
    if router.threshold is not None:
        return router.threshold
    share = router.omni_share
    assert share is not None, "a threshold router has a threshold or an omni_share"
    if share == 0:
        return np.inf
    if share == 1:
        return -np.inf
    if scenario.traffic.trace is not None:
        seen = scores[open_]
        return float(np.quantile(seen, 1 - share)) if seen.size else np.inf
    if not strategy.rules:
        return 1 - share  # generated scores are uniform over all requests
    sample = calibration_sample(scenario)
    reaches = np.ones(sample.n, dtype=np.bool_)
    for rule in strategy.rules:
        reaches &= ~matches(scenario, rule, sample)
    if not reaches.any():
        return np.inf
    seen = router_scores(scenario, sample, CALIBRATION, router.score_correlation)[reaches]
    return float(np.quantile(seen, 1 - share))
