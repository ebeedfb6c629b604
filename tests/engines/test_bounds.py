"""No request of a drawn scenario goes beyond what was said of it before any run: calls, seconds, money."""

from random import Random

import numpy as np
import pytest

from planner.engines.run import run_window
from planner.errors import LoadExceedsCapacity, PlannerError, PriceUnknown
from planner.experiments.call_cost import CallCosts
from planner.finance.dearest import dearest
from planner.scenario import load
from planner.scenario.worst_case import worst_case
from planner.workload.windows import plan_windows
from tests.engines.policies import draw_scenario

SEEDS = 120


@pytest.mark.parametrize("first", range(0, 2 * SEEDS, SEEDS))
def test_no_request_goes_beyond_its_bounds(first: int) -> None:
    reached = 0
    for seed in range(first, first + SEEDS):
        try:
            scenario = load(draw_scenario(Random(seed)))
        except PlannerError:
            continue
        bound, money = worst_case(scenario, "s"), dearest(scenario, "s")
        try:
            run = run_window(scenario, "s", plan_windows(scenario)[0])
        except LoadExceedsCapacity:
            continue
        outcomes, attempts = run.outcome_arrays, run.attempt_arrays
        most_calls = int(outcomes["attempts"].max(initial=0))
        longest_s = float((outcomes["ended_ns"] - outcomes["arrived_ns"]).max(initial=0)) / 1e9
        assert most_calls <= bound.calls, f"seed {seed}: {most_calls} calls, {bound.text}"
        reached += most_calls == bound.calls
        if bound.seconds is not None:
            assert longest_s <= bound.seconds + 1e-6, f"seed {seed}: {longest_s} s, {bound.text}"
        if money.usd is None:
            continue
        costs = CallCosts(run)
        # The requests with most calls; each one costs a millisecond.
        for index in np.argsort(outcomes["attempts"])[-20:]:
            name = outcomes["request"][index]
            outcome = {column: values[index] for column, values in outcomes.items()}
            rows = np.flatnonzero(attempts["request"] == name)
            if not len(rows):
                continue
            calls = [{column: values[row] for column, values in attempts.items()} for row in rows]
            try:
                usd = costs.cost_usd(outcome, calls)
            except PriceUnknown:
                continue
            assert usd is None or usd <= money.usd + usd.scaleb(-12), (
                f"seed {seed}, request {name}: {usd}, {money.text}"
            )
    assert reached, "a bound that nobody ever reaches tells nothing"
