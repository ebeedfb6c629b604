"""Luck inside the engine: shares of random errors, families of backoff, and the same luck for every strategy.

Statistical bounds are five standard deviations (once in two million seeds); seeds are fixed.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from planner import tables
from planner.engines.run import Run, run_window
from planner.scenario import load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, at, limits, run_rows, target

REQUESTS = 400
ALWAYS_FAILS = target(errors={"rate": 1.0, "status": 500, "latency_s": 0})


def waits_s(backoff: dict[str, Any], retries: int) -> np.ndarray:
    """Waits before each retry of calls that fail at once, shape (requests, retries)."""
    run = run_rows(at(*range(REQUESTS)), {"a": ALWAYS_FAILS}, {"retries": retries, "backoff": backoff})
    table = run.attempt_arrays
    order = np.lexsort((table["attempt"], table["request"]))
    started = table["started_ns"][order].reshape(REQUESTS, retries + 1)
    return np.diff(started, axis=1) / 1e9


# Family: fields, then for each wait the lowest and the highest value (facts: base 0.5 doubles up to the
# cap of 3: 0.5, 1, 2, 3); all are uniform between them.
UNIFORM = [
    ("full-jitter", {"base_s": 0.5, "cap_s": 3}, [(0, 0.5), (0, 1), (0, 2), (0, 3)]),
    ("equal-jitter", {"base_s": 0.5, "cap_s": 3}, [(0.25, 0.5), (0.5, 1), (1, 2), (1.5, 3)]),
    ("openai", {"base_s": 0.5, "cap_s": 3}, [(0.375, 0.5), (0.75, 1), (1.5, 2), (2.25, 3)]),
    ("litellm", {"base_s": 0.5, "cap_s": 3, "jitter_s": 0.75}, [(0.5, 1.25), (1, 1.75), (2, 2.75), (3, 3.75)]),
    ("exponential", {"base_s": 0.5, "cap_s": 3}, [(0.5, 0.5), (1, 1), (2, 2), (3, 3)]),
    # resilience4j: 0.5 x 1.5^k, longer or shorter by half at most; Polly: 2 x (k + 1), by a quarter.
    ("exponential", {"base_s": 0.5, "cap_s": 60, "factor": 1.5, "spread": 0.5},
     [(0.25, 0.75), (0.375, 1.125), (0.5625, 1.6875), (0.84375, 2.53125)]),
    ("linear", {"base_s": 2, "cap_s": 7, "spread": 0.25}, [(1.5, 2.5), (3, 5), (4.5, 7.5), (5.25, 8.75)]),
    ("fixed", {"waits_s": [2, 4], "spread": 0.25}, [(1.5, 2.5), (3, 5), (3, 5)]),
    # Envoy: uniform up to (2^N - 1) x 25 ms, N from 1, at most 250 ms.
    ("envoy", {"base_s": 0.025, "cap_s": 0.25}, [(0, 0.025), (0, 0.075), (0, 0.175), (0, 0.25)]),
    ("full-jitter", {"base_s": 1, "cap_s": 10, "factor": 3}, [(0, 1), (0, 3), (0, 9), (0, 10)]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "bounds"), UNIFORM)
def test_each_family_of_backoff_is_uniform_within_its_bounds(
    kind: str, fields: dict[str, float], bounds: list[tuple[float, float]]
) -> None:
    waits = waits_s({"kind": kind, **fields}, len(bounds))
    for k, (low, high) in enumerate(bounds):
        assert np.all((waits[:, k] >= low - 1e-9) & (waits[:, k] <= high + 1e-9))
        tolerance = 5 * (high - low) / math.sqrt(12 * REQUESTS) + 1e-9
        assert abs(waits[:, k].mean() - (low + high) / 2) < tolerance
        if high > low:
            assert abs(waits[:, k].std() - (high - low) / math.sqrt(12)) < 0.15 * (high - low) / math.sqrt(12)
            assert abs(np.corrcoef(waits[:, 0], waits[:, k])[0, 1]) < 5 / math.sqrt(REQUESTS) or k == 0


def test_decorrelated_jitter_draws_between_the_base_and_three_times_the_wait_before() -> None:
    waits = waits_s({"kind": "decorrelated", "base_s": 0.5, "cap_s": 3}, 4)
    before = np.full(REQUESTS, 0.5)
    for k in range(4):
        assert np.all(waits[:, k] >= 0.5 - 1e-9)
        assert np.all(waits[:, k] <= np.minimum(3.0, 3 * before) + 1e-9)
        before = waits[:, k]
    assert abs(waits[:, 0].mean() - 1.0) < 5 * 1.0 / math.sqrt(12 * REQUESTS)  # uniform on 0.5 .. 1.5
    assert np.sum(waits == 3.0) > 0  # the cap is reached


def test_a_law_of_waits_is_drawn_anew_for_each_retry() -> None:
    waits = waits_s({"kind": "law", "wait_s": {"exponential_mean": 2.0}}, 2)
    for k in range(2):
        assert abs(waits[:, k].mean() - 2.0) < 5 * 2.0 / math.sqrt(REQUESTS)
    assert abs(np.corrcoef(waits[:, 0], waits[:, 1])[0, 1]) < 5 / math.sqrt(REQUESTS)


def test_random_errors_strike_the_stated_share_of_calls_independently() -> None:
    rate, calls = 0.3, 3_000
    run = run_rows(
        at(*(k / 10 for k in range(calls))),
        {"a": target(errors={"rate": rate, "status": 500, "latency_s": 0.5})},
        {"retries": 1},
    )
    table = run.attempt_arrays
    order = np.lexsort((table["attempt"], table["request"]))
    first = table["attempt"][order] == 0
    failed = table["outcome"][order] == tables.ERROR
    assert abs(failed[first].mean() - rate) < 5 * math.sqrt(rate * (1 - rate) / calls)
    retries = int(np.sum(~first))
    assert retries == int(np.sum(failed[first]))
    assert abs(failed[~first].mean() - rate) < 5 * math.sqrt(rate * (1 - rate) / retries)
    in_a_row = float(np.mean([a and b for a, b in pairwise(failed[first])]))
    assert abs(in_a_row - rate**2) < 5 * math.sqrt(rate**2 * (1 - rate**2) / calls) * 2  # pairs overlap


def two_strategies(policy_of_second: dict[str, Any]) -> tuple[Run, Run]:
    """The same window under two strategies that use the same deployment."""
    scenario = load(
        {
            "name": "pair",
            "traffic": {"requests_per_month": 2_629_800},
            "tasks": {"only": {"input_tokens": {"p50": 100, "p95": 400}, "output_tokens": {"p50": 60, "p95": 200}}},
            "models": {"m": MODEL},
            "deployments": {
                "a": target(
                    latency={"ttft_s": {"p50": 0.4, "p95": 0.9}, "tokens_per_s": {"mean": 60, "cv": 0.3, "kind": "gamma"}},
                    errors={"rate": 0.1, "status": 500, "latency_s": 0.5},
                    limits=limits(concurrent=4),
                )
            },
            "strategies": {"first": {"omni": ["a"]}, "second": {"omni": ["a"], "policy": policy_of_second}},
            "policy": POLICY | {"retries": 1},
            "finance": {"horizon_months": 1},
            "run": {"seed": 11, "replications": 1, "window_s": 600},
        }
    )  # fmt: skip
    window = plan_windows(scenario)[0]
    return run_window(scenario, "first", window), run_window(scenario, "second", window)


def test_strategies_meet_the_same_requests_and_the_same_luck() -> None:
    # The second strategy retries more and later; call k of a request still takes as long and ends the same.
    one, other = two_strategies({"retries": 4, "backoff": {"kind": "fixed", "waits_s": [7]}})
    assert len(one.outcome_arrays["request"]) > 400
    for column in ("request", "task", "arrived_ns"):
        assert np.array_equal(one.outcome_arrays[column], other.outcome_arrays[column])
    luck = [
        {
            (request, attempt): (ended - started, outcome, tokens)
            for request, attempt, started, ended, outcome, tokens in zip(
                *(
                    run.attempt_arrays[name].tolist()
                    for name in ("request", "attempt", "started_ns", "ended_ns", "outcome", "output_tokens")
                ),
                strict=True,
            )
        }
        for run in (one, other)
    ]
    assert set(luck[0]) < set(luck[1])
    assert all(luck[1][call] == took for call, took in luck[0].items())
