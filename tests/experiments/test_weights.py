"""Weights of windows: alike where days are alike, by the day's factor where they are not."""

import re

import numpy as np
import pytest

from planner import PlannerError, compare
from planner.experiments.comparison import MOST_REQUESTS, measure_weights
from planner.scenario.fields import MONTH_S, Scenario
from planner.workload.arrivals import day_factor, hourly_weights
from planner.workload.windows import plan_windows


def scenario(spread: float) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "weights",
            "traffic": {"requests_per_month": 100_000, "daily_spread": spread},
            "tasks": {"ask": {}},
            "models": {"m": {}},
            "deployments": {
                "a": {"model": "m", "latency": {"total_s": 1}, "outages": {"mtbf_h": 300, "duration_h": 1}}
            },
            "strategies": {"s": {"omni": ["a"]}},
            "finance": {"horizon_months": 3},
        }
    )


def test_without_daily_spread_the_plans_weights_hold():
    found = scenario(0.0)
    windows = plan_windows(found)
    assert measure_weights(found, windows) == [window.weight for window in windows]


def test_busy_days_count_more_and_strata_keep_their_probability():
    found = scenario(0.3)
    windows = plan_windows(found)
    weights = measure_weights(found, windows)
    for stratum in {window.stratum for window in windows}:
        inside = [window for window in windows if window.stratum == stratum]
        assert sum(weights[w.index] for w in inside) == pytest.approx(sum(w.weight for w in inside))
        one, other = inside[:2]
        factors = [day_factor(found, w.index, int(w.start_s // 86_400)) for w in (one, other)]
        assert weights[one.index] / weights[other.index] == pytest.approx(factors[0] / factors[1])


# -- the whole way, beside Erlang's loss formula -------------------------------------------------------

SLOTS, SERVICE_S = 3, 10.0


def lost(rate_per_s: np.ndarray) -> np.ndarray:
    """Erlang B: share of Poisson arrivals that find all slots taken."""
    load, blocked = rate_per_s * SERVICE_S, np.ones_like(rate_per_s)
    for k in range(1, SLOTS + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def overflowing(requests_per_month: float, replications: int, **traffic: object) -> Scenario:
    """Three slots, and whoever finds them taken goes to a second deployment."""
    model = {
        "modalities": ["text"],
        "context_tokens": 128_000,
        "input_usd_per_mtok": 1,
        "output_usd_per_mtok": 1,
    }
    calls = {"latency": {"total_s": SERVICE_S}, "errors": None, "outages": None}
    return Scenario.model_validate(
        {
            "name": "overflow",
            "traffic": {"requests_per_month": requests_per_month, **traffic},
            "tasks": {"t": {"input_tokens": 100, "output_tokens": 100}},
            "models": {"m": model},
            "deployments": {
                "first": {"model": "m", **calls, "limits": {"concurrent": SLOTS, "requests_per_minute": None, "tokens_per_minute": None}},
                "second": {"model": "m", **calls, "limits": None},
            },
            "strategies": {"s": {"omni": ["first", "second"]}},
            "policy": {"when_busy": "reject"},
            "finance": {"horizon_months": 24},
            "run": {"seed": 3, "replications": replications, "window_s": 600},
        }
    )  # fmt: skip


def shares(found: Scenario) -> tuple[float, float]:
    """Share of requests that went to the second deployment: as measured, and as billed."""
    comparison = compare(found)
    result, bill = comparison.results["s"], comparison.ledger
    tokens = bill[bill.account.str.startswith("api/output")].groupby("deployment").quantity.sum()
    return float(result.estimates["", "served_share:second"].value), float(tokens["second"]) / float(
        tokens.sum()
    )


def test_measures_and_bill_weigh_hours_by_their_requests_once():
    found = overflowing(100_000, 400, growth_per_month=0.1, weekly_shape="business-hours")
    hours = hourly_weights(found, 0, 730 * 24)
    rate = 100_000 / MONTH_S * hours
    truth = float((rate * lost(rate)).sum() / rate.sum())
    doubled = float((rate**2 * lost(rate)).sum() / (rate**2).sum())
    measured, billed = shares(found)
    assert abs(truth - doubled) > 0.12
    assert measured == pytest.approx(truth, abs=0.04)
    assert billed == pytest.approx(truth, abs=0.06)


def test_measures_and_bill_weigh_days_by_their_requests():
    found = overflowing(400_000, 1000, daily_spread=0.7)
    factor = np.random.default_rng(1).gamma(1 / 0.49, 0.49, 400_000)
    rate = 400_000 / MONTH_S * factor
    truth = float((rate * lost(rate)).sum() / rate.sum())
    measured, billed = shares(found)
    assert truth - float(lost(rate).mean()) > 0.08
    assert measured == pytest.approx(truth, abs=0.05)
    assert billed == pytest.approx(truth, abs=0.05)


def test_a_plan_of_too_many_requests_is_refused_ahead_with_about_their_number():
    found = overflowing(100_000, 40, growth_per_month=0.05, weekly_shape="business-hours")
    simulated = compare(found).simulated_requests
    windows = plan_windows(found)
    factor = MOST_REQUESTS / simulated * 2
    with pytest.raises(PlannerError, match=r"run\.window_s") as caught:
        compare(found.set({"traffic.requests_per_month": 100_000 * factor}))
    said = float(re.search(r"About ([\d,]+) requests", str(caught.value))[1].replace(",", ""))
    assert said == pytest.approx(2 * MOST_REQUESTS, rel=0.15)  # Poisson counts of a few thousand
    assert f"{len(windows)} windows of 600 s, 1 strategies" in str(caught.value)
