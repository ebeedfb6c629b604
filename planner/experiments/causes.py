"""What was lost and what was wasted under a strategy, by cause.

Comes in: a strategy's windows and ledger; goes out: requests that nobody served and money that bought nobody an
answer, each split into causes that add up exactly: to all that failed, and to the ledger's waste.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from planner import tables
from planner.experiments.answer import Cost
from planner.finance import tco_interval
from planner.scenario.fields import Scenario

if TYPE_CHECKING:
    from planner.experiments.comparison import StrategyResult

WASTED = "wasted"  # the ledger's group of accounts wasted/CAUSE/METER


def scopes(scenario: Scenario) -> list[tuple[str, Sequence[int]]]:
    """("" for all, or a task; indices of the tasks that it stands for)."""
    return [("", range(len(scenario.tasks))), *((task, [i]) for i, task in enumerate(scenario.tasks))]


def awaited(scenario: Scenario) -> Sequence[int]:
    """Indices of the tasks whose answers somebody waits for; all where nobody does for any.

    A batch answer after seven minutes is no slow chat: latency, time to first token, waits and speed over all tasks
    are of these alone.
    """
    found = [i for i, task in enumerate(scenario.tasks.values()) if not task.is_batch]
    return found or range(len(scenario.tasks))


def lost(result: "StrategyResult", scope: Sequence[int]) -> dict[str, int]:
    """CAUSE: requests of the tasks in `scope` that failed by it, over all windows; causes that came up.

    Whole numbers that add up to all requests of these tasks that failed.
    """
    found = np.sum([cell.sample.n_lost[list(scope)].sum(axis=0) for cell in result.cells], axis=0).tolist()
    return {cause: n for cause, n in zip(tables.CAUSES, found, strict=True) if n}


def wasted(result: "StrategyResult") -> dict[str, Cost]:
    """CAUSE: money of the ledger's rows of that waste, with its interval; causes that came up."""
    sums = {cause: usd for cause, usd in result.ledger.by("waste").items() if cause is not None}
    return {
        cause: _cost(result, f"{WASTED}/{cause}", sums[cause]) for cause in tables.WASTES if cause in sums
    }


def all_wasted(result: "StrategyResult") -> Cost:
    """Money of all the ledger's rows of waste, the exact sum over causes, with its interval."""
    return _cost(result, WASTED, result.ledger.by("group").get(WASTED, Decimal(0)))


def _cost(result: "StrategyResult", measure: str, value: Decimal) -> Cost:
    ends = tco_interval(result.vectors, measure, value)
    return Cost(value, None, None) if ends is None else Cost(value, max(ends.low, Decimal(0)), ends.high)
