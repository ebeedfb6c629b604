"""Cost against latency and quality at every omni share, and how far a router that knew the answers would get.

Comes in: a scenario and its comparison; goes out: points by strategy. Every point is a simulation of the same requests
and the same luck, so points differ by their routing alone.

The oracle sends a request to omni only where omni's answer is right and mini's is wrong; where mini is right, or both are
wrong, omni would cost more and change nothing. No router can do better with fewer calls of omni, and none can be built:
it reads the luck that decides. It is simulated as a threshold router whose scores are recorded: 1 for those requests, 0 for
all others. Price and delay of the strategy's own router stay; a cascade's check falls away, for nothing is left to check.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.errors import PlannerError
from planner.experiments import comparison as comparisons
from planner.experiments.answer import Cost
from planner.experiments.cells import Cell, Progress, reduce_run
from planner.experiments.comparison import StrategyResult, measure_weights, run_strategy
from planner.experiments.omni_share import threshold_strategies, with_share
from planner.finance import tco_interval
from planner.metrics import Estimate, deletions
from planner.routing.quality import correctness
from planner.routing.routers import flat
from planner.scenario.fields import Scenario, ThresholdRouter
from planner.tables import UNRATED
from planner.workload.requests import Requests, generate
from planner.workload.windows import Window, eras, plan_windows

if TYPE_CHECKING:
    import pandas as pd

    from planner.experiments.comparison import Comparison

SHARES = tuple(index / 10 for index in range(11))
PER_1K = {"invoiced": "invoiced_per_1k_usd", "economic": "economic_per_1k_usd"}
STRATEGY, SHARE, ORACLE = "strategy", "omni share", "oracle"


@dataclass(frozen=True, kw_only=True)
class FrontierPoint:
    """A strategy as it is, at another omni share, or with the oracle in place of its router."""

    strategy: str
    kind: str  # STRATEGY, SHARE or ORACLE
    omni_share: float | None  # simulated, of requests that arrive
    wanted_share: float | None  # what the router was set to
    cost_per_1k: Cost  # USD, by the scenario's objective
    p95_latency: Estimate
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """All points, and why a strategy with both tiers has no oracle."""

    objective: str
    points: tuple[FrontierPoint, ...]
    notices: tuple[str, ...]

    @property
    def frame(self) -> "pd.DataFrame":
        """[strategy, kind, omni_share, wanted_share, cost_per_1k_usd, low, high, p95_latency_s, p95_low, p95_high, accuracy,
        accuracy_low, accuracy_high, on_latency_front, on_quality_front]; the fronts leave the oracle out.
        """
        return points_frame(self.points)


def points_frame(points: Sequence[FrontierPoint]) -> "pd.DataFrame":
    """A row a point; the front of cost and latency, and that of cost and accuracy, among what can be built."""
    import pandas as pd

    rows = [
        {
            "strategy": one.strategy,
            "kind": one.kind,
            "omni_share": one.omni_share,
            "wanted_share": one.wanted_share,
            "cost_per_1k_usd": float(one.cost_per_1k.value),
            "low": _number(one.cost_per_1k.low),
            "high": _number(one.cost_per_1k.high),
            "p95_latency_s": one.p95_latency.value,
            "p95_low": one.p95_latency.low,
            "p95_high": one.p95_latency.high,
            "accuracy": one.accuracy.value,
            "accuracy_low": one.accuracy.low,
            "accuracy_high": one.accuracy.high,
        }
        for one in points
    ]
    table = pd.DataFrame(rows, columns=[*_COLUMNS])
    table = table.astype({name: float for name in _COLUMNS if name not in ("strategy", "kind")})
    able = [row["kind"] != ORACLE for row in rows]
    return table.assign(
        on_latency_front=_front(rows, able, "p95_latency_s", 1.0),
        on_quality_front=_front(rows, able, "accuracy", -1.0),
    )


_COLUMNS = (
    "strategy", "kind", "omni_share", "wanted_share", "cost_per_1k_usd", "low", "high",
    "p95_latency_s", "p95_low", "p95_high", "accuracy", "accuracy_low", "accuracy_high",
)  # fmt: skip


def _front(rows: Sequence[Mapping[str, Any]], able: Sequence[bool], measure: str, sign: float) -> list[bool]:
    places = [k for k, row in enumerate(rows) if able[k] and row[measure] is not None]
    on = pareto([(rows[k]["cost_per_1k_usd"], sign * rows[k][measure]) for k in places])
    found = [False] * len(rows)
    for k, is_on in zip(places, on, strict=True):
        found[k] = is_on
    return found


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which of some points no other dominates: is at least as low in both coordinates and lower in one.

    Equal points do not dominate each other.

    >>> pareto([(1.0, 3.0), (2.0, 2.0), (2.0, 3.0), (3.0, 2.5), (3.0, 1.0), (1.0, 3.0)])
    [True, True, False, False, True, True]
    """
    found = [False] * len(points)
    best = float("inf")
    order = sorted(range(len(points)), key=lambda k: points[k])
    k = 0
    while k < len(order):
        x, y = points[order[k]]
        # Of equal first coordinates only the lowest second one can be on the front.
        same = [j for j in order[k:] if points[j][0] == x]
        for j in same:
            found[j] = points[j][1] == y and y < best
        best = min(best, y)
        k += len(same)
    return found


def strategy_points(comparison: "Comparison") -> tuple[FrontierPoint, ...]:
    """The strategies of a comparison as they are; nothing is simulated."""
    return tuple(
        _point(comparison.scenario, result, STRATEGY, None) for result in comparison.results.values()
    )


def frontier(
    scenario: Scenario,
    comparison: "Comparison | None" = None,
    *,
    strategies: Sequence[str] | None = None,
    shares: Sequence[float] = SHARES,
    engine: str = "compiled",
    workers: int | None = None,
    report: Progress | None = None,
) -> Frontier:
    """The curve of omni shares and the oracle of each strategy that routes between two tiers.

    Parameters
    ----------
    comparison : Comparison, optional
        Of this scenario: its strategies are points without being simulated again.
    strategies : names, optional
        Only the routers of these; all that have one if not given.
    shares : sequence of float
        Omni shares of the curve; a strategy whose router has no threshold (a cascade) has no curve.
    engine, workers, report
        As in `compare`.

    Raises
    ------
    PlannerError
        A strategy that does not route between two tiers, or none does.
    """
    routed = routed_strategies(scenario)
    chosen = routed if strategies is None else tuple(strategies)
    for name in chosen:
        if name not in routed:
            raise PlannerError(
                f"{name}: a frontier needs a router between omni and mini; strategies that have one: "
                f"{', '.join(routed) or 'none here'}"
            )
    if not chosen:
        raise PlannerError(
            "No strategy here routes between omni and mini, so there is no curve of omni shares and no oracle to draw."
        )
    replications = None if comparison is None else _replications(scenario, comparison)
    curves = [name for name in chosen if name in threshold_strategies(scenario)]
    steps = _Steps(report, len(curves) * len(shares) + len(chosen))
    points = list(strategy_points(comparison)) if comparison is not None else []
    notices = []
    for name in chosen:
        for share in shares if name in curves else ():
            result, _ = run_strategy(
                with_share(scenario, name, share),
                name,
                engine=engine,
                replications=replications,
                workers=workers,
                report=steps.next(),
            )
            points.append(_point(scenario, result, SHARE, float(share)))
        why_not = unrated(scenario, name)
        if why_not is not None:
            notices.append(f"{name}: no oracle, {why_not}")
            steps.next()
            continue
        found = oracle(scenario, name, engine=engine, replications=replications, report=steps.next())
        if found.estimates["", "accuracy"].value is None:
            notices.append(f"{name}: no oracle, no answer of the recording is rated")
            continue
        points.append(_point(scenario, found, ORACLE, None))
    return Frontier(objective=scenario.objective, points=tuple(points), notices=tuple(notices))


def routed_strategies(scenario: Scenario) -> tuple[str, ...]:
    """Strategies with both tiers and a router between them."""
    return tuple(
        name
        for name in scenario.strategies
        if (one := scenario.strategy(name)).router is not None and one.omni and one.mini
    )


def unrated(scenario: Scenario, strategy: str) -> str | None:
    """Why nobody can know which answers are right; None where both models are rated for every task."""
    from planner.routing.quality import rating

    if scenario.traffic.trace is not None:
        return None  # a recording may bring its own answers: seen when they are drawn
    missing = [
        f"{model} on {task}"
        for era in eras(scenario)
        for model in _pair(scenario, strategy, era.models)
        for task in scenario.tasks
        if rating(scenario, task, model) is None
    ]
    return f"the accuracy of {', '.join(dict.fromkeys(missing))} is not known" if missing else None


def oracle(
    scenario: Scenario,
    strategy: str,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    report: Progress | None = None,
) -> StrategyResult:
    """A strategy with the oracle in place of its router, over the plan's windows; arguments as in `compare`.

    Notes
    -----
    Which answers are right is asked of the first deployment of each tier, with the model in force; a fallback to one with
    another model may answer otherwise. Rules that come before the router stay. Unrated requests go to mini.
    """
    changed = with_oracle_router(scenario, strategy)
    windows = plan_windows(changed, replications)
    comparisons.check_size(changed, windows)
    cells: list[Cell] = []
    for index, window in enumerate(windows):

        def heard(done: int, total: int, index: int = index) -> None:
            if report is not None:
                report(1000 * index + 1000 * done // max(total, 1), 1000 * len(windows))

        cells.append(_oracle_cell(changed, strategy, window, engine, heard))
    plan = deletions(measure_weights(changed, windows), [(window.era, window.stratum) for window in windows])
    return comparisons.result_of(changed, strategy, windows, plan, tuple(cells))


def _oracle_cell(
    scenario: Scenario, strategy: str, window: Window, engine: str, report: Callable[[int, int], None]
) -> Cell:
    from planner.engines.run import run_window

    known = with_oracle_scores(scenario, strategy, window, generate(scenario, window))
    return reduce_run(run_window(scenario, strategy, window, engine=engine, requests=known, report=report))


def with_oracle_router(scenario: Scenario, strategy: str) -> Scenario:
    """The scenario with a threshold between the oracle's two scores in place of the strategy's router."""
    router = scenario.strategy(strategy).router
    assert router is not None, "asked for a strategy without a router"
    if isinstance(router, ThresholdRouter):
        owner = next(
            (name for name in scenario.lineage(strategy) if scenario.strategies[name].router is not None),
            strategy,
        )
        place = f"strategies.{owner}.router"
        return scenario.set({f"{place}.omni_share": None, f"{place}.threshold": 0.5})
    return scenario.set({f"strategies.{strategy}.router": {"kind": "threshold", "threshold": 0.5}})


def with_oracle_scores(scenario: Scenario, strategy: str, window: Window, requests: Requests) -> Requests:
    """Requests with a recorded router score of 1 where omni's answer is right and mini's is wrong, else 0."""
    omni, mini = (
        correctness(scenario, requests, window.index, model)
        for model in _pair(scenario, strategy, eras(scenario)[window.era].models)
    )
    assert omni.shape == mini.shape == requests.request.shape
    score = ((omni == 1) & (mini == 0) & (mini != UNRATED)).astype(np.float64)
    return replace(requests, router_score=score)


def _pair(scenario: Scenario, strategy: str, models: Mapping[str, str]) -> tuple[str, str]:
    """Models of the first deployment of each tier, omni first."""
    one = scenario.strategy(strategy)
    return models[flat(one.omni)[0]], models[flat(one.mini)[0]]


def _point(scenario: Scenario, result: StrategyResult, kind: str, wanted: float | None) -> FrontierPoint:
    name = PER_1K[scenario.objective]
    value = getattr(result.tco, name)
    assert isinstance(value, Decimal), "cost per 1,000 requests is known where there are requests"
    ends = tco_interval(result.vectors, name, value)
    return FrontierPoint(
        strategy=result.name,
        kind=kind,
        omni_share=result.estimates["", "omni_share"].value,
        wanted_share=wanted,
        cost_per_1k=Cost(value, *(ends or (None, None))),
        p95_latency=result.estimates["", "latency_p95_s"],
        accuracy=result.estimates["", "accuracy"],
    )


def _replications(scenario: Scenario, comparison: "Comparison") -> int | None:
    """The replications that a comparison was made with, so that curve and strategies share their windows."""
    if comparison.scenario.hash != scenario.hash:
        raise PlannerError("The comparison is of another scenario than the frontier.")
    for replications in (None, *range(1, len(comparison.windows) + 1)):
        if plan_windows(scenario, replications) == comparison.windows:
            return replications
    raise PlannerError("The comparison's windows are not those of a plan of this scenario.")


class _Steps:
    """Progress over simulations of which the number is known."""

    def __init__(self, report: Progress | None, many: int) -> None:
        self.report, self.many, self.number = report, many, -1

    def next(self) -> Progress | None:
        self.number += 1
        if self.report is None:
            return None
        listener, number = self.report, self.number

        def heard(done: int, total: int) -> None:
            listener(1000 * number + 1000 * min(done, total) // max(total, 1), 1000 * self.many)

        return heard


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


__all__ = ["Frontier", "FrontierPoint", "frontier", "oracle", "pareto", "strategy_points"]
