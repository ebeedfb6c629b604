"""Retries as load: how many calls a request becomes, and an overload that outlives its cause.

Both engines give the same rows wherever both are run. Seeds are fixed; how far luck could move a figure is said at
each comparison.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from planner import tables, theory
from planner.engines.run import Run, run_window
from planner.scenario import Scenario, load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import (
    MODEL,
    POLICY,
    at,
    check_outcomes,
    fixed,
    limits,
    on_both_engines,
    outage,
    run_rows,
    target,
)

MONTH_S = 2_629_800


def flat_traffic(requests_per_s: float) -> dict[str, Any]:
    return {"requests_per_month": requests_per_s * MONTH_S, "weekly_shape": "flat", "daily_spread": 0}


# -- how many calls a request becomes --------------------------------------------------------------

STACKS = [
    (0.2, 3, ()),  # one caller with three retries
    (0.6, 1, ()),
    (0.5, 2, (4,)),  # four tries of an application around an SDK of three calls
    (0.7, 1, (2, 3)),  # an application, a proxy, and a gateway that retries once
]


@pytest.mark.parametrize(("engine", "requests"), [("compiled", 100_000), ("reference", 4_000)])
@pytest.mark.parametrize(("failure", "retries", "layers"), STACKS)
def test_errors_multiply_calls_by_the_expected_attempts(
    failure: float, retries: int, layers: tuple[int, ...], engine: str, requests: int
) -> None:
    """Mean calls are (1 - p^m) / (1 - p) with m the product over all layers, and p^m of the requests fail.

    Requests are independent: the mean lies within 6 exact standard errors of the truth, and the number that fails
    is no rarer than 1e-9 under its binomial law, so a right engine fails one of these for less than one seed in ten
    million. At 100,000 requests 6 errors are at most 1.5 % of the mean: one attempt too few or too many, errors that
    repeat with the request, and layers that add up instead of multiplying are further off in one of the figures.
    """
    scenario = load(
        {
            "name": "retries",
            "traffic": flat_traffic(100),
            "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
            "models": {"m": MODEL},
            "deployments": {"a": target(errors={"rate": failure, "status": 500, "latency_s": 0.5})},
            "strategies": {"s": {"omni": ["a"]}},
            "policy": POLICY
            | {
                "retries": retries,
                "layers": [
                    {"name": f"layer-{i}", "attempts": n, "backoff": fixed(2)} for i, n in enumerate(layers)
                ],
            },
            "finance": {"horizon_months": 1},
            "run": {"seed": 20270303, "replications": 1, "window_s": requests / 100},
        }
    )
    run = run_window(scenario, "s", plan_windows(scenario)[0], engine=engine)
    calls = run.outcome_arrays["attempts"]
    most = math.prod(layers) * (1 + retries)
    shares = [failure ** (k - 1) * (1 - failure) for k in range(1, most)] + [failure ** (most - 1)]
    mean = theory.expected_attempts(failure, most - 1)
    variance = sum(share * (k - mean) ** 2 for k, share in enumerate(shares, start=1))
    assert calls.max() <= most
    assert abs(calls.mean() - mean) < 6 * math.sqrt(variance / len(calls))
    failed = np.sum(run.outcome_arrays["outcome"] != tables.OK)
    assert failed == np.sum((calls == most) & (run.outcome_arrays["cause"] == tables.PROVIDER_ERROR))
    law = stats.binom(len(calls), failure**most)
    assert min(law.cdf(failed), law.sf(failed - 1)) > 1e-9


@pytest.mark.parametrize(("layers", "retries"), [((4, 3), 0), ((4,), 2), ((2, 2), 2), ((2, 3), 1)])
def test_three_layers_make_twelve_calls_where_four_were_expected(
    layers: tuple[int, ...], retries: int
) -> None:
    """Every call fails: the product of the layers, however it is stacked (facts: routing_semantics section 16, P1)."""
    run = run_rows(
        at(0),
        {"a": target(errors={"rate": 1, "status": 503, "latency_s": 0.5})},
        {
            "retries": retries,
            "layers": [
                {"name": f"layer-{i}", "attempts": n, "backoff": fixed(1)} for i, n in enumerate(layers)
            ],
        },
    )
    # 12 calls of 0.5 s with a wait of 1 s between any two: 12 x 0.5 + 11 x 1.
    check_outcomes(run, "ended_s attempts outcome\n17 12 error")
    assert theory.expected_attempts(1.0, math.prod(layers) * (1 + retries) - 1) == 12.0


# -- an overload that outlives its cause -----------------------------------------------------------

PLACES = 20  # calls in flight; a call takes 1 s in the mean, so 20 calls a second
REQUESTS_PER_S = 7
WINDOW_S = 900
SLICE_S = 60
STACKED = [  # of the caller: an application of 4 tries on an SDK of 5, 2 s apart in the mean
    {"name": name, "attempts": attempts, "backoff": {"kind": "law", "wait_s": {"exponential_mean": 2}}}
    for name, attempts in (("app", 4), ("sdk", 5))
]
PASSES = 4 * 5


def two_steps(trigger: str, **policy: Any) -> Scenario:
    """Requests of two calls, a draft and a final answer, to one pool of 20 places with room for 20 more to wait.

    The check between the two takes 1 s and always asks for the final answer. Whoever finds the pool and its queue
    full is turned away, and if he is to try again he begins with the draft.
    """
    rows: list[dict[str, Any]] = []
    if trigger == "burst":
        luck = np.random.default_rng(20270404)
        moments_s = [*luck.uniform(0, WINDOW_S, REQUESTS_PER_S * WINDOW_S).tolist(), *[60.0] * 600]
        rows = at(*sorted(moments_s))
    return load(
        {
            "name": "two steps",
            "traffic": {"trace": {"rows": rows}} if rows else flat_traffic(REQUESTS_PER_S),
            "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50, "accuracy": {"m": 0.5}}},
            "models": {"m": MODEL},
            "deployments": {
                "pool": target(
                    latency={"total_s": {"exponential_mean": 1}},
                    limits=limits(concurrent=PLACES),
                    outages=[outage(60, 120, error_latency_s=0.5)] if trigger == "outage" else None,
                )
            },
            "strategies": {
                "s": {
                    "mini": ["pool"],
                    "omni": ["pool"],
                    "router": {
                        "kind": "cascade",
                        "verifier": {"model": "m", "latency_s": 1, "true_positive": 0, "false_positive": 0},
                    },
                }
            },
            "policy": POLICY | {"queue_limit": 20} | policy,
            "finance": {"horizon_months": 1},
            "run": {"seed": 20270404, "replications": 1, "window_s": WINDOW_S},
        }
    )


@lru_cache(maxsize=1)
def overloaded_state() -> tuple[float, float]:
    """(share of requests served, calls asked for per second) where retries keep the pool overloaded.

    With a chance q of being let in, a pass makes q + q^2 calls and succeeds with q^2; a request makes
    (1 - (1 - q^2)^20) / q^2 of them. The pool's 20 calls a second are all used: that fixes q.
    """

    def passes_per_s(q: float) -> float:
        return REQUESTS_PER_S * (1 - (1 - q * q) ** PASSES) / (q * q)

    low, high = 0.05, 0.3  # the pool would carry more at `high`, less at `low`
    assert passes_per_s(low) * (low + low * low) < PLACES < passes_per_s(high) * (high + high * high)
    for _ in range(100):
        q = (low + high) / 2
        if passes_per_s(q) * (q + q * q) < PLACES:
            low = q
        else:
            high = q
    return 1 - (1 - q * q) ** PASSES, passes_per_s(q) * (1 + q)


def served_by_slice(run: Run) -> npt.NDArray[np.float64]:
    """Share of the requests that arrived in each minute which were served in the end."""
    minutes = run.outcome_arrays["arrived_ns"] // (SLICE_S * 10**9)
    is_served = run.outcome_arrays["outcome"] == tables.OK
    return np.array([np.mean(is_served[minutes == k]) for k in range(WINDOW_S // SLICE_S)])


def simulate(trigger: str, **policy: Any) -> Run:
    return on_both_engines(two_steps(trigger, **policy), "s")


# Minutes 5 to 12. The trigger is over at minute 2; in the last two the end of arrivals is felt.
LONG_AFTER = slice(5, 13)


@pytest.mark.parametrize("trigger", ["outage", "burst"])
def test_retries_keep_an_overload_going_long_after_its_cause_is_over(trigger: str) -> None:
    """Load without retries below capacity, load with retries above it: both last, and a minute of trouble decides.

    7 requests a second make 14 calls a second, 70 % of the pool. Once it is full, a call is let in with a chance of
    15 %: a pass makes 0.15 + 0.15^2 = 0.175 calls and succeeds with 2.3 %, so a success costs 7.6 calls instead of 2,
    since most drafts are made in vain. The 7 requests a second become 113 passes, which ask for 130 calls a second
    of a pool that gives 20, and 38 % of the requests are served: those who fail leave no room, they come back.

    The bounds are six standard deviations or more away, over 60 other seeds of the outage: mean share 0.384 +- 0.017,
    best minute 0.44 +- 0.03, calls a second 19.95 +- 0.20, at an expected 0.381 and 20. A system that recovers serves
    everybody.
    """
    predicted, asked_per_s = overloaded_state()
    assert 2 * REQUESTS_PER_S < PLACES < asked_per_s
    run = simulate(trigger, layers=STACKED)
    served = served_by_slice(run)[LONG_AFTER]
    assert served.mean() == pytest.approx(predicted, abs=0.1)
    assert served.max() < 0.65
    # All places are busy all the time, with calls of which little more than a quarter is of any use.
    began_s = run.attempt_arrays["started_ns"] / 1e9
    is_call = run.attempt_arrays["role"] != tables.ROLE_VERIFIER
    calls_per_s = np.sum(is_call & (began_s >= 300) & (began_s < 780)) / 480
    assert calls_per_s == pytest.approx(PLACES, rel=0.06)
    assert 2 * REQUESTS_PER_S * served.mean() / calls_per_s < 0.4


CURES: dict[str, dict[str, Any]] = {
    "no retries": {"layers": []},
    "a budget for retries": {"layers": STACKED, "retry_budget": {"ratio": 0.2, "minimum": 3}},
}


@pytest.mark.parametrize("trigger", ["outage", "burst"])
@pytest.mark.parametrize("cure", CURES)
def test_the_same_system_recovers_at_once_without_retries_or_with_a_budget_for_them(
    cure: str, trigger: str
) -> None:
    served = served_by_slice(simulate(trigger, **CURES[cure]))
    assert served[1] < 0.6  # the trigger is felt
    assert served[3:].min() > 0.95  # the worst minute over 60 other seeds of the outage: 0.99


def test_the_same_retries_do_no_harm_without_a_cause() -> None:
    # The overload is not the load's: undisturbed, the system with all its retries serves everybody for 15 minutes.
    run = simulate("nothing", layers=STACKED)
    assert served_by_slice(run).min() > 0.99
    rows_each = len(run.attempt_arrays["request"]) / len(run.outcome_arrays["request"])
    assert rows_each < 3.1  # draft, check and final answer
