"""Task priorities against queueing theory: M/M/c whose queue is served by class, no call in service stopped.

Windows, warm-up and intervals as in `test_mmc`; 1e-6 is each comparison's chance of failing by luck. A window's
drain is not counted: a late arrival's wait depends on who comes after it, if more urgent, so the last
stretch, as long as the warm-up, is left out, too.
"""

import numpy as np
import pytest

from planner import theory
from planner.engines.run import run_window
from planner.scenario import load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY
from tests.engines.test_mmc import MONTH_S, WINDOWS, check, relaxation_s

SERVICE_S = 2.0
SHARES = (0.3, 0.5, 0.2)  # of the classes, the most urgent first


@pytest.mark.parametrize(("servers", "arrivals_per_s"), [(1, 0.4), (3, 1.2)])
def test_each_class_waits_as_cobham_and_kella_and_yechiali_say(servers: int, arrivals_per_s: float) -> None:
    margin_s = 10 * relaxation_s(arrivals_per_s, SERVICE_S, servers)
    counted_s = 6_000 / arrivals_per_s
    names = ("late", "soon", "now")  # the scenario's order is not the order of service
    shares = dict(zip(("now", "soon", "late"), SHARES, strict=True))
    priorities = {"now": -5, "soon": 0, "late": 3}
    scenario = load(
        {
            "name": "queue",
            "traffic": {"requests_per_month": arrivals_per_s * MONTH_S, "weekly_shape": "flat", "daily_spread": 0},
            "tasks": {
                name: {
                    "share": shares[name], "priority": priorities[name], "input_tokens": 100, "output_tokens": 50,
                }
                for name in names
            },
            "models": {"m": MODEL},
            "deployments": {
                "d": {
                    "model": "m", "latency": {"total_s": {"exponential_mean": SERVICE_S}}, "errors": None,
                    "outages": None,
                    "limits": {"requests_per_minute": None, "tokens_per_minute": None, "concurrent": servers},
                }
            },
            "strategies": {"s": {"omni": ["d"]}},
            "policy": POLICY,
            "finance": {"horizon_months": 1},
            "run": {"seed": 20270101, "replications": WINDOWS, "window_s": counted_s + 2 * margin_s},
        }
    )  # fmt: skip
    means_s: dict[str, list[float]] = {name: [] for name in names}
    for window in plan_windows(scenario):
        run = run_window(scenario, "s", window)
        outcomes, attempts = run.outcome_arrays, run.attempt_arrays
        assert np.array_equal(outcomes["request"], attempts["request"])  # one call each, sorted alike
        queued_s = attempts["queued_ns"] / 1e9
        counts = (queued_s >= margin_s) & (queued_s < margin_s + counted_s)
        wait_s = (attempts["started_ns"] - attempts["queued_ns"]) / 1e9
        for number, name in enumerate(names):
            means_s[name].append(float(np.mean(wait_s[counts & (outcomes["task"] == number)])))
    rates = [arrivals_per_s * share for share in SHARES]
    for name, truth_s in zip(
        ("now", "soon", "late"), theory.priority_wait(rates, SERVICE_S, servers), strict=True
    ):
        check(means_s[name], truth_s, 0.35)
