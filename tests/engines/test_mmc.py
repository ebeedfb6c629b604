"""The reference engine against queueing theory: M/M/c, M/D/1, M/M/c/K and Little's law.

Each model is written as an ordinary scenario and simulated in independent windows. A window's mean
leaves out the requests of its first part: every window starts empty, and ten times the relaxation
time 1 / (sqrt(c / S) - sqrt(lambda))^2 (Cohen 1982) leave less than e^-10 of that bias. The end
needs no care: arrivals stop but the run drains, and a first-come first-served wait depends on the
past alone. Intervals are Student's over the windows' means at a level of 1 - 1e-6, so that a right
engine fails one of these comparisons about once in a million seeds; the seed is fixed.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtri

from planner import tables, theory
from planner.engines.run import Run, run_window
from planner.scenario import load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY
from tests.engines.intervals import CHANCE, check

MONTH_S = 2_629_800
WINDOWS = 40
Floats = npt.NDArray[np.float64]


class Window(NamedTuple):
    """What one window showed after its warm-up."""

    wait_s: Floats  # of those who were served
    blocked: float  # share of arrivals turned away
    in_system: float  # time average
    arrivals: int


def simulate(
    arrivals_per_s: float,
    total_s: Any,
    servers: int,
    window_s: float,
    warm_up_s: float,
    places: int | None = None,
) -> list[Window]:
    """The queue as a scenario, and its windows; `places` is K of M/M/c/K, None for no limit."""
    limits = {"requests_per_minute": None, "tokens_per_minute": None, "concurrent": servers}
    scenario = load(
        {
            "name": "queue",
            "traffic": {"requests_per_month": arrivals_per_s * MONTH_S, "weekly_shape": "flat", "daily_spread": 0},
            "tasks": {"only": {"input_tokens": 100, "output_tokens": 50}},
            "models": {"m": MODEL},
            "deployments": {
                "d": {
                    "model": "m", "latency": {"total_s": total_s}, "limits": limits, "errors": None, "outages": None,
                }
            },
            "strategies": {"s": {"omni": ["d"]}},
            "policy": POLICY | {"queue_limit": None if places is None else places - servers},
            "finance": {"horizon_months": 1},
            "run": {"seed": 20270101, "replications": WINDOWS, "window_s": window_s},
        }
    )  # fmt: skip
    windows = plan_windows(scenario)
    assert len(windows) == WINDOWS
    return [_after_warm_up(run_window(scenario, "s", window), window_s, warm_up_s) for window in windows]


def _after_warm_up(run: Run, window_s: float, warm_up_s: float) -> Window:
    outcomes, attempts = run.outcome_arrays, run.attempt_arrays
    assert bool(np.all((outcomes["arrived_ns"] >= 0) & (outcomes["arrived_ns"] < window_s * 1e9)))
    late = outcomes["arrived_ns"] >= warm_up_s * 1e9
    served = attempts["queued_ns"] >= warm_up_s * 1e9  # no router, gateway or retry: asked on arrival
    overlap_ns = np.minimum(outcomes["ended_ns"], window_s * 1e9) - np.maximum(
        outcomes["arrived_ns"], warm_up_s * 1e9
    )
    return Window(
        wait_s=(attempts["started_ns"] - attempts["queued_ns"])[served] / 1e9,
        blocked=float(np.mean(outcomes["outcome"][late] == tables.REJECTED)),
        in_system=float(np.sum(np.maximum(overlap_ns, 0.0)) / 1e9 / (window_s - warm_up_s)),
        arrivals=int(np.sum(late)),
    )


def check_arrivals(windows: list[Window], arrivals_per_s: float, counted_s: float) -> None:
    """Poisson arrivals at the stated rate: total count and variance between windows."""
    counts = np.array([window.arrivals for window in windows], dtype=np.float64)
    expected = arrivals_per_s * counted_s
    normal = float(-ndtri(CHANCE / 2))
    assert abs(counts.sum() - expected * WINDOWS) < normal * math.sqrt(expected * WINDOWS)
    # (n - 1) x variance / mean is chi-squared, near normal with mean n - 1 and variance 2 (n - 1).
    spread = float(np.var(counts, ddof=1)) / expected * (WINDOWS - 1)
    assert abs(spread - (WINDOWS - 1)) < 2 * normal * math.sqrt(2 * (WINDOWS - 1))


def relaxation_s(arrivals_per_s: float, service_s: float, servers: int) -> float:
    return 1 / (math.sqrt(servers / service_s) - math.sqrt(arrivals_per_s)) ** 2


@pytest.mark.parametrize(("servers", "arrivals_per_s"), [(1, 0.15), (3, 1.05)])
def test_exponential_calls_behind_a_concurrency_limit_wait_as_erlang_c_says(
    servers: int, arrivals_per_s: float
) -> None:
    service_s = 2.0
    warm_up_s = 10 * relaxation_s(arrivals_per_s, service_s, servers)
    counted_s = 3_000 / arrivals_per_s
    windows = simulate(
        arrivals_per_s, {"exponential_mean": service_s}, servers, warm_up_s + counted_s, warm_up_s
    )
    load_erlang = arrivals_per_s * service_s
    check_arrivals(windows, arrivals_per_s, counted_s)
    check([float(np.mean(w.wait_s > 0)) for w in windows], theory.erlang_c(load_erlang, servers), 0.1)
    mean_wait_s = theory.erlang_c_wait(arrivals_per_s, service_s, servers)
    check([float(np.mean(w.wait_s)) for w in windows], mean_wait_s, 0.2)
    # The tail tells first come first served from other orders, which have the same mean.
    tail = theory.erlang_c_wait_tail(service_s, arrivals_per_s, service_s, servers)
    check([float(np.mean(w.wait_s > service_s)) for w in windows], tail, 0.2)
    check([w.in_system for w in windows], theory.little(arrivals_per_s, mean_wait_s + service_s), 0.1)
    assert all(w.blocked == 0.0 for w in windows)


def test_equal_calls_one_at_a_time_wait_as_m_d_1_says() -> None:
    service_s, arrivals_per_s = 2.0, 0.3
    warm_up_s = 10 * relaxation_s(arrivals_per_s, service_s, 1)
    counted_s = 3_000 / arrivals_per_s
    windows = simulate(arrivals_per_s, service_s, 1, warm_up_s + counted_s, warm_up_s)
    check_arrivals(windows, arrivals_per_s, counted_s)
    check([float(np.mean(w.wait_s)) for w in windows], theory.md1_wait(arrivals_per_s, service_s), 0.15)
    check([float(np.mean(w.wait_s > 0)) for w in windows], arrivals_per_s * service_s, 0.1)


@pytest.mark.parametrize(("servers", "places"), [(2, 5), (1, 1)])
def test_a_queue_limit_turns_away_as_many_as_m_m_c_k_says(servers: int, places: int) -> None:
    service_s, arrivals_per_s = 2.0, 1.2 * servers / 2
    warm_up_s, counted_s = 120.0, 3_000 / arrivals_per_s  # a few places fill within seconds
    windows = simulate(
        arrivals_per_s, {"exponential_mean": service_s}, servers, warm_up_s + counted_s, warm_up_s, places
    )
    truth = theory.mm_c_k(arrivals_per_s, service_s, servers, places)
    check([w.blocked for w in windows], truth.blocked, 0.1)
    check([w.in_system for w in windows], truth.queue_length + truth.carried_load, 0.1)
    if places > servers:
        check([float(np.mean(w.wait_s)) for w in windows], truth.wait_s, 0.1)
    else:
        assert all(np.all(w.wait_s == 0.0) for w in windows)


def test_littles_law_holds_exactly_over_a_run_that_ends_empty() -> None:
    # The area under the number in the queue, and in the system, walked edge by edge, equals the sum of
    # the waits, and of the times in the system, to the nanosecond.
    scenario = load(
        {
            "name": "little",
            "traffic": {"requests_per_month": 1.0 * MONTH_S},
            "tasks": {"only": {"input_tokens": 100, "output_tokens": 50}},
            "models": {"m": MODEL},
            "deployments": {
                "d": {
                    "model": "m", "latency": {"total_s": {"exponential_mean": 1.6}}, "errors": None, "outages": None,
                    "limits": {"requests_per_minute": None, "tokens_per_minute": None, "concurrent": 2},
                }
            },
            "strategies": {"s": {"omni": ["d"]}},
            "policy": POLICY,
            "finance": {"horizon_months": 1},
            "run": {"seed": 3, "replications": 1, "window_s": 900},
        }
    )  # fmt: skip
    run = run_window(scenario, "s", plan_windows(scenario)[0])
    for table, first, last in (
        (run.attempt_arrays, "queued_ns", "started_ns"),
        (run.attempt_arrays, "started_ns", "ended_ns"),
        (run.outcome_arrays, "arrived_ns", "ended_ns"),
    ):
        entered, left = table[first], table[last]
        assert len(entered) > 500
        moments = np.unique(np.concatenate([entered, left]))
        number = np.searchsorted(np.sort(entered), moments, side="right") - np.searchsorted(
            np.sort(left), moments, side="right"
        )
        assert number.min() >= 0
        assert number[-1] == 0
        assert int(np.sum(number[:-1] * np.diff(moments))) == int(np.sum(left - entered))
        if first == "started_ns":
            assert number.max() == 2  # the limit was reached and never passed
