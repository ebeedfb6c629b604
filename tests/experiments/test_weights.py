"""Weights of windows: alike where days are alike, by the day's factor where they are not."""

import pytest

from planner.experiments.comparison import measure_weights
from planner.scenario.fields import Scenario
from planner.workload.arrivals import day_factor
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
