"""From simulated windows to use per expected request, in whole numbers and fractions.

Comes in: the windows of a plan and what was counted in each; goes out: for every era and task, units of
each count per request. Windows are drawn in proportion to expected requests; of one stratum they are pooled as
sum of count / volume over sum of requests / volume, because a busy window, drawn more often, must not count for its
requests once more. Strata are combined by their probability. Where all windows are as busy, one stratum is
pooled by the plain rule of design §8.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from typing import Protocol

from planner.errors import PlannerError
from planner.finance.ledger import exact
from planner.finance.quantities import Key, Quantities, planned
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.migrations import model_in_force
from planner.workload.windows import Era, task_share

_WHOLE = 2**40  # fine enough for volumes a million times apart

Rates = dict[str, dict[Key, Fraction]]  # TASK: count per request of the task


class NotSimulated(PlannerError):
    """A task of the plan of which no request was simulated, so that nothing can be said of its cost."""


class PlannedWindow(Protocol):
    """The part of a `planner.workload.windows.Window` that scaling needs."""

    @property
    def era(self) -> int: ...
    @property
    def weight(self) -> float: ...
    @property
    def stratum(self) -> str: ...
    @property
    def volume(self) -> float: ...


def shares(scenario: Scenario) -> dict[str, Fraction]:
    """TASK: share of all requests as exact fractions that sum to 1; tasks without any are left out."""
    written = {task: Fraction(exact(share)) for task, share in task_share(scenario).items()}
    total = sum(written.values(), Fraction(0))
    assert total > 0, "the tasks' shares sum to nothing"
    return {task: share / total for task, share in written.items() if share}


def models_of(scenario: Scenario, strategy: str, era: Era) -> tuple[str, ...]:
    """The models that a strategy uses in an era, by deployment, its verifier's last."""
    models = [era.models[name] for name in scenario.deployments_of(strategy)]
    router = scenario.strategy(strategy).router
    if isinstance(router, CascadeRouter):
        models.append(model_in_force(scenario, router.verifier.model, era.start))
    return tuple(models)


def sources_of(scenario: Scenario, strategy: str, eras: Sequence[Era]) -> dict[int, tuple[int, ...]]:
    """ERA: other eras with the same models in the strategy, for tasks its own windows did not meet."""
    models = {era.index: models_of(scenario, strategy, era) for era in eras}
    return {
        index: tuple(other for other in models if other != index and models[other] == mine)
        for index, mine in models.items()
    }


def evening(windows: Sequence[PlannedWindow]) -> list[int]:
    """Factors that let windows of busy and of quiet hours count alike: whole, so that sums stay exact.

    A day's luck (`traffic.daily_spread`) is not evened out: days are drawn whatever they turn out to be.
    """
    least = min((window.volume for window in windows), default=1.0)
    return [round(_WHOLE * least / window.volume) for window in windows]


def rates_of(
    scenario: Scenario,
    strategy: str,
    eras: Sequence[Era],
    windows: Sequence[PlannedWindow],
    quantities: Sequence[Quantities],
) -> dict[int, Rates]:
    """ERA: TASK: count per request of the task, exactly.

    A stratum in which no request of a task was simulated takes the rate of the era's other strata; an era
    without any takes that of the other eras in which the strategy has the same models.

    Raises
    ------
    NotSimulated
        Where there is none either.
    """
    assert len(windows) == len(quantities), f"{len(windows)} windows but {len(quantities)} counts"
    others = sources_of(scenario, strategy, eras)
    counted = _Counted(windows, quantities)
    found: dict[int, Rates] = {}
    for era in eras:
        found[era.index] = {}
        for task in shares(scenario):
            rate = counted.pooled(task, (era.index,)) or counted.pooled(task, others[era.index])
            if rate is None:
                raise _not_simulated(task, era)
            found[era.index][task] = rate
    return found


class _Counted:
    """What was counted in the windows of a plan, by stratum and task, with what makes windows count alike."""

    def __init__(self, windows: Sequence[PlannedWindow], quantities: Sequence[Quantities]) -> None:
        self.windows = windows
        self.strata: dict[tuple[int, str], list[int]] = {}
        for i, window in enumerate(windows):
            self.strata.setdefault((window.era, window.stratum), []).append(i)
        self.factors = evening(windows)
        self.quantities = quantities
        self.by_task: list[dict[str, list[tuple[Key, int]]]] = []
        for each in quantities:
            of_task: dict[str, list[tuple[Key, int]]] = {}
            for key, count in each.items():
                of_task.setdefault(key.task, []).append((key, count))
            self.by_task.append(of_task)

    def pooled(self, task: str, eras: Collection[int]) -> dict[Key, Fraction] | None:
        """Counts per request over the windows of some eras; None if they hold no request of the task."""
        parts = []
        for (era, _), members in self.strata.items():
            if era not in eras:
                continue
            requests = sum(self.factors[i] * planned(self.quantities[i], task) for i in members)
            weight = sum((Fraction(self.windows[i].weight) for i in members), Fraction(0))
            if requests and weight:
                parts.append((weight, requests, self._summed(task, members)))
        total = sum((weight for weight, _, _ in parts), Fraction(0))
        if not total:
            return None
        # Each stratum counts weight / (total x requests) times: whole numbers over one denominator for all of them.
        each = [weight / (total * requests) for weight, requests, _ in parts]
        below = math.lcm(*(one.denominator for one in each))
        above: dict[Key, int] = {}
        for one, (_, _, sums) in zip(each, parts, strict=True):
            times = one.numerator * (below // one.denominator)
            for key, count in sums.items():
                above[key] = above.get(key, 0) + times * count
        return {key: Fraction(count, below) for key, count in above.items()}

    def _summed(self, task: str, members: Iterable[int]) -> Quantities:
        sums: Quantities = {}
        for i in members:
            factor = self.factors[i]
            for key, count in self.by_task[i].get(task, ()):
                sums[key] = sums.get(key, 0) + factor * count
        return sums


def _not_simulated(task: str, era: Era) -> NotSimulated:
    return NotSimulated(
        f"no request of task {task} was simulated for the time from {era.start} to {era.end}, "
        "so its cost is not known; give longer windows (run.window_s) or more of them (run.replications)"
    )
