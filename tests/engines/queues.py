"""Queues of Poisson arrivals and exponential calls as ordinary scenarios, and their comparison with theory.

Each queue is simulated in independent windows: many long ones on the compiled engine, fewer and shorter ones on the
reference engine, which the compiled one must equal to the bit there.

A window starts empty, so the requests of its first part are left out; a last part is left out too, since whoever
comes back meets an emptier system once arrivals have stopped. Intervals are Student's over the windows' means at a
level of 1 - 1e-8, some 7 standard errors: with fewer than a hundred comparisons in all a right engine fails one of
them less than once in a million seeds (the seed is fixed). They are narrow all the same: on the compiled engine the
half-width must be below 2.5 % of the truth, so that a formula, or an engine, that is 5 % off is refused.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.engines.run import Run, run_window
from planner.scenario import Scenario, load
from planner.workload.windows import plan_windows
from tests.engines import intervals
from tests.engines.hand_tables import MODEL, POLICY, limits, on_both_engines, target

MONTH_S = 2_629_800
CHANCE = 1e-8  # of a right engine failing a comparison
SERVICE_S = 2.0  # mean length of a call


class Effort(NamedTuple):
    """How much is simulated, and how narrow an interval that must give."""

    engine: str
    windows: int
    arrivals: int  # counted ones, in each window
    precision: float  # largest half-width of an interval, as a share of the truth


EFFORTS = [Effort("compiled", 80, 20_000, 0.025), Effort("reference", 40, 1_000, 0.3)]


class Window(NamedTuple):
    """What one window showed between its first and its last part."""

    waits_s: npt.NDArray[np.float64]  # from the arrival to the start of the call, or to the end without one
    is_served: npt.NDArray[np.bool_]  # of the same requests
    in_service: float  # time average
    waiting: float  # time average of those present and not in service


def simulate(
    effort: Effort, arrivals_per_s: float, servers: int, left_out_s: float, **policy: Any
) -> list[Window]:
    """The windows of a queue whose policy says what happens to those who find all servers busy."""
    window_s = effort.arrivals / arrivals_per_s + 2 * left_out_s
    scenario = _queue(arrivals_per_s, servers, window_s, effort.windows, policy)
    planned = plan_windows(scenario)
    assert len(planned) == effort.windows
    return [
        _middle(
            on_both_engines(scenario, "s", window)
            if effort.engine == "reference"
            else run_window(scenario, "s", window, engine=effort.engine),
            left_out_s,
            window_s - left_out_s,
        )
        for window in planned
    ]


def _queue(
    arrivals_per_s: float, servers: int, window_s: float, windows: int, policy: dict[str, Any]
) -> Scenario:
    latency = {"total_s": {"exponential_mean": SERVICE_S}}
    return load(
        {
            "name": "queue",
            "traffic": {
                "requests_per_month": arrivals_per_s * MONTH_S,
                "weekly_shape": "flat",
                "daily_spread": 0,
            },
            "tasks": {"only": {"input_tokens": 100, "output_tokens": 50}},
            "models": {"m": MODEL},
            "deployments": {"d": target(latency=latency, limits=limits(concurrent=servers))},
            "strategies": {"s": {"omni": ["d"]}},
            "policy": POLICY | policy,
            "finance": {"horizon_months": 1},
            "run": {"seed": 20270202, "replications": windows, "window_s": window_s},
        }
    )


def _middle(run: Run, from_s: float, to_s: float) -> Window:
    """What is seen in [from, to): of the requests that arrive in it, and of those that are there in it."""
    requests, calls = run.outcome_arrays, run.attempt_arrays
    is_served = requests["outcome"] == tables.OK
    assert np.array_equal(requests["request"][is_served], calls["request"]), "one call each, of those served"
    arrived, ended = requests["arrived_ns"], requests["ended_ns"]
    started = ended.copy()  # whoever was never served waited until the end
    started[is_served] = calls["started_ns"]
    counted = (arrived >= from_s * 1e9) & (arrived < to_s * 1e9)

    def present(since: npt.NDArray[np.int64], until: npt.NDArray[np.int64]) -> float:
        overlap_ns = np.minimum(until, to_s * 1e9) - np.maximum(since, from_s * 1e9)
        return float(np.sum(np.maximum(overlap_ns, 0.0)) / 1e9 / (to_s - from_s))

    return Window(
        (started - arrived)[counted] / 1e9,
        is_served[counted],
        present(started, ended),
        present(arrived, started),
    )


def compare(effort: Effort, windows: list[Window], **pairs: tuple[Callable[[Window], Any], float]) -> None:
    """Each pair is a measure of a window and the value that theory gives it."""
    for name, (measure, truth) in pairs.items():
        try:
            intervals.check([float(measure(w)) for w in windows], truth, effort.precision, CHANCE)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
