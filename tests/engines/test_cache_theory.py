"""Prompt caches against closed forms, and what no cache may change.

Requests of one task come Poisson with rate r; calls take d seconds; a prefix lives T seconds from the start of the call
that touched it, and is there once that call has ended.

With refresh a call finds the prefix iff some other one started in (t - T, t - d]: with probability 1 - exp(-r (T - d)).
For d = 0 this is the formula of facts: method.md, 1 - exp(-r T).

Without refresh a cycle begins with a call that finds nothing; so do all that start within the next d seconds, a
Poisson number of mean r d. What the last of these wrote, s after the first, with E[s] = d - (1 - exp(-r d)) / r, is
there until s + T: hits come in [d, s + T), on average r T - (1 - exp(-r d)). By the renewal reward theorem the share of
hits is their mean over the mean number of calls of a cycle; for d = 0 it is r T / (1 + r T).
"""

import math
from random import Random
from typing import Any

import numpy as np
import pytest

from planner import tables
from planner.engines.run import run_window
from planner.errors import LoadExceedsCapacity, PlannerError
from planner.scenario import load
from planner.scenario.fields import MONTH_S
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, target
from tests.engines.policies import draw_scenario

WINDOWS, WINDOW_S = 24, 36_000.0


def shares_of_hits(rate_per_s: float, ttl_s: float, call_s: float, **cache: Any) -> np.ndarray:
    """Share of calls that found their prefix, by window, those of its first `ttl_s` seconds left out."""
    scenario = load(
        {
            "name": "theory",
            "traffic": {"requests_per_month": rate_per_s * MONTH_S},
            "tasks": {"chat": {"shared_prefix_tokens": 100, "input_tokens": 10, "output_tokens": 1}},
            "models": {"m": MODEL | {"cached_input_usd_per_mtok": 0.1}},
            "deployments": {
                "a": target(
                    latency={"total_s": call_s},
                    prompt_cache={"ttl_s": ttl_s, "min_tokens": 1, "step_tokens": 1, **cache},
                )
            },
            "strategies": {"s": {"omni": ["a"]}},
            "policy": POLICY,
            "finance": {"horizon_months": 1},
            "run": {"seed": 5, "replications": WINDOWS, "window_s": WINDOW_S},
        }
    )
    found = []
    for window in plan_windows(scenario)[:WINDOWS]:
        calls = run_window(scenario, "s", window, engine="compiled").attempt_arrays
        late = calls["started_ns"] >= ttl_s * 1e9
        found.append(float((calls["cached_input_tokens"][late] > 0).mean()))
    assert len(found) == WINDOWS
    return np.array(found)


def assert_mean(found: np.ndarray, truth: float) -> None:
    """The truth lies within five standard errors, which are small."""
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert error < 0.01
    assert abs(found.mean() - truth) < 5 * error, f"{found.mean():.4f} +- {error:.4f} against {truth:.4f}"


@pytest.mark.parametrize("call_s", [0.0, 4.0])
@pytest.mark.parametrize("mean_calls", [0.5, 2.0])
def test_share_of_hits_with_refresh(mean_calls: float, call_s: float) -> None:
    ttl_s = 20.0
    rate = mean_calls / ttl_s
    assert_mean(shares_of_hits(rate, ttl_s, call_s), 1 - math.exp(-rate * (ttl_s - call_s)))


@pytest.mark.parametrize("call_s", [0.0, 4.0])
@pytest.mark.parametrize("mean_calls", [0.5, 2.0])
def test_share_of_hits_without_refresh(mean_calls: float, call_s: float) -> None:
    ttl_s = 20.0
    rate = mean_calls / ttl_s
    hits = rate * ttl_s - (1 - math.exp(-rate * call_s))
    truth = hits / (hits + 1 + rate * call_s)
    assert_mean(shares_of_hits(rate, ttl_s, call_s, refresh=False), truth)


def test_an_age_as_long_as_the_ttl_is_no_refresh() -> None:
    """Written less than T ago: a hit that begins T anew changes nothing."""
    refreshed = shares_of_hits(0.1, 20.0, 4.0, max_age_s=20.0)
    assert np.array_equal(refreshed, shares_of_hits(0.1, 20.0, 4.0, refresh=False))


def without_caches(raw: dict[str, Any]) -> dict[str, Any]:
    deployments = {
        name: {key: value for key, value in one.items() if key != "prompt_cache"}
        for name, one in raw["deployments"].items()
    }
    return raw | {"deployments": deployments}


INPUTS = ("input", "cached_input", "cache_write")
SEEDS = 300


def test_caches_move_tokens_between_meters_and_nothing_else() -> None:
    """Where cold prefixes cost no time a run is the same without caches, but for the meters of its input.

    These add up to the input without caches, call by call, as sent and as billed.
    """
    compared = moved = 0
    for seed in range(SEEDS):
        raw = draw_scenario(Random(seed))
        caches = [one["prompt_cache"] for one in raw["deployments"].values() if "prompt_cache" in one]
        for cache in caches:
            cache["cold_ttft_s_per_mtok"] = 0
        for task in raw["tasks"].values():
            task["shared_prefix_tokens"] = 120
        for one in raw["deployments"].values():
            one |= {"errors": None, "outages": None}  # so that more calls end well and leave something behind
        try:
            scenario, plain = load(raw), load(without_caches(raw))
            window = plan_windows(scenario)[0]
            with_them, without = (
                run_window(one, "s", window, engine="compiled") for one in (scenario, plain)
            )
        except (PlannerError, LoadExceedsCapacity):
            continue
        if not caches:
            continue
        compared += 1
        one, other = with_them.attempt_arrays, without.attempt_arrays
        for column in (column.name for column in tables.OUTCOMES_TABLE):
            assert np.array_equal(with_them.outcome_arrays[column], without.outcome_arrays[column]), seed
        special = {f"{billed}{meter}_tokens" for billed in ("", "billed_") for meter in INPUTS[1:]}
        for column in set(one) - special - {"billed_input_tokens"}:
            assert np.array_equal(one[column], other[column]), (seed, column)
        billed = sum(one[f"billed_{meter}_tokens"] for meter in INPUTS)
        assert np.array_equal(billed, other["billed_input_tokens"]), seed
        assert (one["cached_input_tokens"] + one["cache_write_tokens"] <= one["input_tokens"]).all()
        assert all((one[f"billed_{meter}_tokens"] >= 0).all() for meter in INPUTS)
        moved += int(one["billed_cached_input_tokens"].sum() > 0)
    assert compared > 20
    assert moved > 10, moved
