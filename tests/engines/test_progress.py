"""Progress by the clock and a stop within a second, in runs of which hardly anything ends for a long while.

Twice as much arrives as can be served, and the rest waits. Gaps are judged by the processor's time that went into them:
a machine that is busy with other things makes any gap long by the clock. What is asked for is five reports a second.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from planner.engines.run import run_window
from planner.experiments import compare
from planner.experiments.cells import run_cell
from planner.scenario import Scenario, load
from planner.workload.windows import plan_windows

LONGEST_GAP_S = 2.0  # of processor time; about 0.4 where nothing else runs
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="millions of requests are for compiled code"
)
Report = Callable[[int, int], None]


class Stop(Exception):
    """What a screen raises in a report."""


def overload(requests_per_month: int, concurrent: int, **policy: Any) -> Scenario:
    """Calls of 1.2 s on average at so many slots, in windows of 900 s; who waits, waits without end."""
    return load(
        {
            "name": "Overload",
            "traffic": {"requests_per_month": requests_per_month},
            "tasks": {"ask": {}},
            "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
            "deployments": {
                "a": {
                    "model": "m",
                    "latency": {"total_s": {"p50": 1, "p95": 3}},
                    "limits": {"concurrent": concurrent},
                }
            },
            "strategies": {"s": {"omni": ["a"]}},
            "policy": {
                "timeout_s": None, "deadline_s": None, "retries": 0, "breaker": None, "when_busy": "wait",
                "queue_limit": None, "queue_timeout_s": None, **policy,
            },
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 2, "window_s": 900},
        }
    )  # fmt: skip


def with_table(engine: str, scenario: Scenario) -> Callable[[Report], object]:
    window = plan_windows(scenario)[0]
    return lambda report: run_window(scenario, "s", window, engine=engine, report=report)


def reduced(scenario: Scenario) -> Callable[[Report], object]:
    window = plan_windows(scenario)[0]
    return lambda report: run_cell(scenario, window, "compiled", report)


# About 40,000 requests at 20 slots for the slow engine, 340,000 and 3,400,000 for the other.
LONG_RUNS = {
    "reference": lambda: with_table("reference", overload(120_000_000, 20)),
    "compiled, tables": lambda: with_table("compiled", overload(1_000_000_000, 200)),
    "compiled, reduced": lambda: reduced(overload(10_000_000_000, 2000, queue_limit=20_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_RUNS)
def test_reports_come_several_times_a_second_though_hardly_anything_ends(name: str) -> None:
    run = LONG_RUNS[name]()
    moments, counts = [], []

    def report(done: int, total: int) -> None:
        moments.append(time.thread_time())
        counts.append((done, total))

    run(report)
    took_s = moments[-1] - moments[0]
    assert max(np.diff(moments)) < LONGEST_GAP_S
    assert len(moments) >= max(3, 3 * took_s)
    done = [one for one, _ in counts]
    assert done == sorted(done)
    assert counts[-1][0] == counts[-1][1]
    assert len(set(done)) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_RUNS)
def test_what_a_report_raises_ends_the_run_at_once(name: str) -> None:
    run = LONG_RUNS[name]()
    raised_s, reports = [0.0], [0]

    def report(done: int, total: int) -> None:
        reports[0] += 1
        if reports[0] == 3:
            raised_s[0] = time.thread_time()
            raise Stop(done)

    with pytest.raises(Stop) as caught:
        run(report)
    assert time.thread_time() - raised_s[0] < LONGEST_GAP_S
    assert type(caught.value) is Stop
    assert caught.value.__cause__ is None  # as it was raised, not wrapped by an event loop
    assert reports == [3]


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_stopped_run_leaves_nothing_behind_that_a_later_one_would_show(engine: str) -> None:
    scenario = overload(4_000_000, 2)
    window = plan_windows(scenario)[0]
    before = run_window(scenario, "s", window, engine=engine)

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        run_window(scenario, "s", window, engine=engine, report=stop)
    after = run_window(scenario, "s", window, engine=engine)
    for table in ("outcome_arrays", "attempt_arrays", "event_arrays"):
        first, second = getattr(before, table), getattr(after, table)
        assert all(np.array_equal(first[name], second[name]) for name in first), table


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_comparison_is_told_and_stopped_while_windows_run(workers: int) -> None:
    scenario = overload(10_000_000_000, 2000, queue_limit=20_000)
    threads, moments, begun_s = threading.active_count(), [], time.process_time()

    def report(done: int, total: int) -> None:
        moments.append(time.process_time())
        if done > 0 and moments[-1] - begun_s > 1.0:
            raise Stop

    with pytest.raises(Stop):
        compare(scenario, workers=workers, report=report)
    assert time.process_time() - moments[-1] < workers * LONGEST_GAP_S
    assert max(np.diff(moments)) < workers * LONGEST_GAP_S
    assert threading.active_count() == threads
