"""The omni share that costs least under a quality floor, for a strategy whose router sends by a threshold.

Comes in: a scenario and such a strategy; goes out: the best share with its cost and accuracy, and all points looked at.
Every share is simulated on the same requests and luck, so points differ by the share alone. The search looks at evenly
spaced shares, then halves the distance around the best until it is fine enough: it finds the best share where cost
falls and then rises along the shares that keep the floor, as it does where a router sends the harder requests first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from planner.errors import PlannerError
from planner.experiments.answer import Cost
from planner.experiments.cells import Progress
from planner.experiments.comparison import OBJECTIVE, run_strategy
from planner.finance import tco_interval
from planner.metrics import Estimate
from planner.scenario.fields import Scenario, ThresholdRouter
from planner.scenario.paths import closest, render

INDIFFERENCE = Decimal("0.02")
COARSE = tuple(index / 10 for index in range(11))
FINEST = 0.0125  # a tenth halved three times


@dataclass(frozen=True, kw_only=True)
class SharePoint:
    """A share that was simulated: cost by the objective over the plan, and accuracy, with their intervals."""

    share: float
    cost: Cost
    accuracy: Estimate

    def keeps(self, floor: float | None) -> bool:
        """Whether accuracy is at or above a floor."""
        return floor is None or (self.accuracy.value is not None and self.accuracy.value >= floor)


@dataclass(frozen=True, kw_only=True)
class OmniShare:
    """The best share of a strategy: `best` is None where no share keeps the floor.

    `free` is the best without any floor; the floor binds where that one does not keep it. `points` are all that were
    simulated, by share; `today` is the share that the scenario has, None where its router has a threshold instead.
    """

    strategy: str
    floor: float | None
    best: SharePoint | None
    free: SharePoint
    points: tuple[SharePoint, ...]
    today: float | None

    @property
    def floor_binds(self) -> bool:
        return not self.free.keeps(self.floor)

    @property
    def near(self) -> tuple[float, float] | None:
        """Least and largest share that keeps the floor and costs at most 2 % more than the best: they are as good."""
        if self.best is None:
            return None
        most = self.best.cost.value * (1 + INDIFFERENCE)
        shares = [one.share for one in self.points if one.keeps(self.floor) and one.cost.value <= most]
        return min(shares), max(shares)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "strategy": self.strategy,
            "floor": self.floor,
            "floor_binds": self.floor_binds,
            "today": self.today,
            "near": None if self.near is None else list(self.near),
            "best": None if self.best is None else _plain(self.best),
            "without_floor": _plain(self.free),
            "points": [_plain(point) for point in self.points],
        }


def _plain(point: SharePoint) -> dict[str, Any]:
    from planner.finance import plain

    low, high = point.cost.low, point.cost.high
    return {
        "share": point.share,
        "cost_usd": {
            "value": plain(point.cost.value),
            "low": None if low is None else plain(low),
            "high": None if high is None else plain(high),
        },
        "accuracy": {"value": point.accuracy.value, "low": point.accuracy.low, "high": point.accuracy.high},
    }


def threshold_strategies(scenario: Scenario) -> tuple[str, ...]:
    """Strategies whose router sends the requests above a threshold to omni."""
    return tuple(
        name
        for name in scenario.strategies
        if isinstance(scenario.strategy(name).router, ThresholdRouter)
        and scenario.strategy(name).omni
        and scenario.strategy(name).mini
    )


def omni_share(
    scenario: Scenario,
    strategy: str,
    *,
    floor: float | None = None,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> OmniShare:
    """The cheapest omni share of a strategy among those whose accuracy is at or above a floor.

    Parameters
    ----------
    floor : float, optional
        Least accuracy over all tasks; the scenario's `slo.accuracy` if not given, and none where there is none.

    Raises
    ------
    PlannerError
        The strategy has no threshold router, or its answers are not all rated.
    """
    _check(scenario, strategy, floor)
    wanted = scenario.slo.accuracy if floor is None else floor
    found: dict[float, SharePoint] = {}
    rounds = _Rounds(report)

    def look(share: float) -> None:
        if share not in found:
            found[share] = _point(scenario, strategy, share, engine, replications, workers, rounds.part())

    for share in COARSE:
        look(share)
    if wanted is not None and found[0.0].accuracy.value is None:
        raise PlannerError(f"{strategy}: its accuracy is not known, so it cannot be held against a floor")
    step = COARSE[1]
    while step > FINEST:
        step /= 2
        for centre in {_best(found, None).share, (_best_or_none(found, wanted) or _nearest(found)).share}:
            for share in (centre - step, centre + step):
                if 0 <= share <= 1:
                    look(round(share, 6))
    router = scenario.strategy(strategy).router
    assert isinstance(router, ThresholdRouter), "checked above"
    return OmniShare(
        strategy=strategy,
        floor=wanted,
        best=_best_or_none(found, wanted),
        free=_best(found, None),
        points=tuple(found[share] for share in sorted(found)),
        today=router.omni_share,
    )


def nearest_share(
    scenario: Scenario,
    strategy: str,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> tuple[SharePoint | None, tuple[SharePoint, ...]]:
    """(the omni share nearest to today's that meets `slo.accuracy`, or None; all points looked at, by share).

    Looks at tenths from today's share up, then down, until one keeps the floor, and halves the distance to the last that
    does not: where accuracy rises with the share, nothing nearer than a hundredth keeps it.

    Raises
    ------
    PlannerError
        The strategy has no threshold router with a share, or there is no target of accuracy.
    """
    _check(scenario, strategy, None)
    floor, router = scenario.slo.accuracy, scenario.strategy(strategy).router
    assert isinstance(router, ThresholdRouter), "checked above"
    today = router.omni_share
    if floor is None or today is None:
        raise PlannerError(
            f"{strategy}: the nearest omni share needs slo.accuracy and a router with an omni share"
        )
    found: dict[float, SharePoint] = {}
    rounds = _Rounds(report)

    def keeps(share: float) -> bool:
        if share not in found:
            found[share] = _point(scenario, strategy, share, engine, replications, workers, rounds.part())
        return found[share].keeps(floor)

    upwards = [share for share in COARSE if share > today]
    downwards = [share for share in reversed(COARSE) if share < today]
    best = today if keeps(today) else None
    for shares in (upwards, downwards):
        if best is not None:
            break
        missing = today
        for share in shares:
            if keeps(share):
                best = share
                break
            missing = share
        while best is not None and abs(best - missing) > FINEST:
            middle = round((best + missing) / 2, 6)
            if keeps(middle):
                best = middle
            else:
                missing = middle
    return None if best is None else found[best], tuple(found[share] for share in sorted(found))


class _Rounds:
    """Progress over simulations of which about twenty are needed."""

    EXPECTED = len(COARSE) + 6

    def __init__(self, report: Progress | None) -> None:
        self.report, self.number = report, -1

    def part(self) -> Progress | None:
        self.number += 1
        if self.report is None:
            return None
        listener, number = self.report, self.number

        def heard(done: int, total: int) -> None:
            parts = max(self.EXPECTED, number + 1)
            listener(1000 * number + 1000 * done // max(total, 1), 1000 * parts)

        return heard


def _check(scenario: Scenario, strategy: str, floor: float | None) -> None:
    able = threshold_strategies(scenario)
    if strategy not in scenario.strategies:
        hint = closest(strategy, scenario.strategies)
        raise PlannerError(f"strategy: got {strategy!r}; allowed: {', '.join(able) or 'none here'}; {hint}")
    if strategy not in able:
        raise PlannerError(
            f"{strategy}: an omni share needs both tiers and a threshold router; those that have them: "
            f"{', '.join(able) or 'none here'}"
        )
    if floor is not None and not 0 <= floor <= 1:
        raise PlannerError(f"floor: got {floor:g}; allowed: 0 to 1 (share of answers that are right)")


def with_share(scenario: Scenario, strategy: str, share: float) -> Scenario:
    """The scenario with the omni share of a strategy replaced."""
    return scenario.set(share_changes(scenario, strategy, share))


def share_changes(scenario: Scenario, strategy: str, share: float) -> dict[str, Any]:
    """Changes by path that replace the omni share of a strategy, where its router is written."""
    owner = next(
        (name for name in scenario.lineage(strategy) if scenario.strategies[name].router is not None),
        strategy,
    )
    router = scenario.strategies[owner].router
    changes: dict[str, Any] = {render(("strategies", owner, "router", "omni_share")): share}
    if isinstance(router, ThresholdRouter) and router.threshold is not None:
        changes[render(("strategies", owner, "router", "threshold"))] = None
    return changes


def _point(
    scenario: Scenario,
    strategy: str,
    share: float,
    engine: str,
    replications: int | None,
    workers: int | None,
    report: Progress | None,
) -> SharePoint:
    changed = with_share(scenario, strategy, share)
    result, _ = run_strategy(
        changed, strategy, engine=engine, replications=replications, workers=workers, report=report
    )
    measure = OBJECTIVE[scenario.objective]
    value = getattr(result.tco, measure)
    cost = Cost(value, *(tco_interval(result.vectors, measure, value) or (None, None)))
    return SharePoint(share=share, cost=cost, accuracy=result.estimates["", "accuracy"])


def _best(found: Mapping[float, SharePoint], floor: float | None) -> SharePoint:
    best = _best_or_none(found, floor)
    assert best is not None, "without a floor some share is the cheapest"
    return best


def _best_or_none(found: Mapping[float, SharePoint], floor: float | None) -> SharePoint | None:
    """The cheapest share that keeps a floor; of equals the smallest."""
    able = [point for point in found.values() if point.keeps(floor)]
    return min(able, key=lambda point: (point.cost.value, point.share)) if able else None


def _nearest(found: Mapping[float, SharePoint]) -> SharePoint:
    """The most accurate share: where none keeps the floor yet, one beside it may."""
    return max(found.values(), key=lambda point: (point.accuracy.value or 0.0, -point.share))


__all__ = [
    "OmniShare",
    "SharePoint",
    "nearest_share",
    "omni_share",
    "share_changes",
    "threshold_strategies",
    "with_share",
]
