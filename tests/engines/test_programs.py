"""Programs: what is settled once for an era is what each window would settle for itself."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import planner
from planner.engines import program as programs
from planner.engines.program import Program, compile_program
from planner.limiting import DAY_NS
from planner.workload.windows import eras, plan_windows

LIBRARY = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.yaml"))
#: A price that steps within the plan, and quotas of a day that begins at some hour: both go by when a window begins.
BY_THE_HOUR = {
    "traffic": {"requests_per_month": 3e6},
    "tasks": {"ask": {"input_tokens": 100, "output_tokens": 20}},
    "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
    "deployments": {
        "daily": {
            "model": "m",
            "latency": {"total_s": 1},
            "limits": {"requests_per_day": 400_000, "day_resets_at": 5},
        },
        "other": {
            "model": "m",
            "latency": {"total_s": 1},
            "limits": {"requests_per_day": 400_000, "day_resets_at": 9},
        },
        "spare": {"model": "m", "latency": {"total_s": 2}, "outages": {"mtbf_h": 30, "duration_h": 3}},
    },
    "strategies": {
        "quota": {"omni": ["daily", "other", "spare"]},
        "cheapest": {"omni": ["spare"], "policy": {"select": "cheapest"}},
    },
    "finance": {"horizon_months": 4},
    "run": {"window_s": 3600},
}


def same(a: object, b: object) -> bool:
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def differing(a: Program, b: Program) -> list[str]:
    return [one.name for one in fields(Program) if not same(getattr(a, one.name), getattr(b, one.name))]


def each_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = programs._settled
    monkeypatch.setattr(programs, "_settled", lambda *asked: replace(settled(*asked), goes_by_the_hour=True))


@pytest.mark.parametrize("path", LIBRARY, ids=[path.stem for path in LIBRARY])
def test_windows_share_what_is_settled_for_their_era(path, monkeypatch):
    scenario = planner.load(path)
    asked = [
        (scenario, strategy, eras(scenario)[window.era].models, window)
        for window in plan_windows(scenario)
        for strategy in scenario.strategies
    ]
    shared = [compile_program(*one) for one in asked]
    each_for_itself(monkeypatch)
    for one, found in zip(asked, shared, strict=True):
        assert differing(found, compile_program(*one)) == []


def test_daily_quotas_and_prices_go_by_the_hour_of_each_window():
    scenario = planner.Scenario.model_validate({"name": "hours", **BY_THE_HOUR})
    windows = plan_windows(scenario)
    models = eras(scenario)[0].models
    gone = []
    for window in windows:
        targets = compile_program(scenario, "quota", models, window).targets
        for name, resets_h in (("daily", 5), ("other", 9)):
            (since_ns,) = [one.since_ns for one in targets[name].limiters if one.window_ns == DAY_NS]
            assert since_ns == (window.start_s - resets_h * 3600) % 86_400 * 1e9
            gone.append(since_ns)
    assert any(gone)
    prices = {
        compile_program(scenario, "cheapest", models, window).targets["spare"].list_price
        for window in windows
    }
    assert prices == {3.0}
