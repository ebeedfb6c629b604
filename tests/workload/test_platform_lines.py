"""Outages of platforms as lines: whose they are, shared luck, and availability in series with providers."""

import math
from typing import Any

import numpy as np

from planner import tables
from planner.engines.program import compile_program
from planner.engines.run import run_window
from planner.scenario import Scenario, load
from planner.theory import serial_availability
from planner.workload.outage_lines import gateway_line_of, lines_of, outage_lines
from planner.workload.windows import eras, plan_windows

LAW = {"mtbf_h": 40, "duration_h": 0.5, "error_latency_s": 0}
OTHER = {"mtbf_h": 50, "duration_h": 0.25, "error_latency_s": 0}
DOWN = {"mtbf_h": 20, "duration_h": 1, "error_latency_s": 0}


def scenario(strategies: dict[str, Any], seed: int = 1, **changes: Any) -> Scenario:
    """Twelve requests over 55 minutes, recorded; `a` and `b` of two providers that fail at times of their own."""
    rows = [{"arrival_s": 300 * i, "input_tokens": 100, "output_tokens": 50} for i in range(12)]
    same = {"model": "m", "latency": {"total_s": 0.5}, "limits": None, "errors": None, "outages": DOWN}
    return load(
        {
            "name": "lines",
            "traffic": {"trace": {"rows": rows}},
            "tasks": {"chat": {}},
            "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
            "deployments": {"a": same | {"provider": "openai"}, "b": same | {"provider": "azure"}},
            "strategies": strategies,
            "policy": {"retries": 0, "breaker": None},
            "finance": {"horizon_months": 1},
            "run": {"seed": seed, "replications": 8},
            **changes,
        }
    )


def through(law: Any, **given: Any) -> dict[str, Any]:
    return {
        "omni": ["a", "b"],
        "gateway": {"kind": "unified", "routing": "in-order", "outages": law},
        **given,
    }


def test_strategies_with_the_same_platform_share_its_line_and_another_has_its_own() -> None:
    found = scenario(
        {
            "direct": {"omni": ["a", "b"]},
            "one": through(LAW),
            "two": through(OTHER),
            "same": {"omni": ["b"], "gateway": {"kind": "unified", "outages": {**LAW, "mode": "hang"}}},
            "again": through(OTHER),
            "planted": through([{"from_s": 0, "to_s": 9}]),
        }
    )
    lines = gateway_line_of(found)
    assert set(lines) == {"one", "two", "same", "again"}
    assert lines["one"] == lines["same"] == "outage:gateway"  # what an outage does is no part of when it is
    assert lines["two"] == lines["again"] != lines["one"]
    assert list(outage_lines(found)) == ["outage:openai", "outage:azure", lines["one"], lines["two"]]
    assert lines_of(found) == {"a": ("outage:openai",), "b": ("outage:azure",)}


def test_a_deployment_called_gateway_is_no_platform() -> None:
    own = {"model": "m", "latency": {"total_s": 1}, "outages": LAW}
    found = scenario({"s": {**through(LAW), "omni": ["gateway"]}}, deployments={"gateway": own})
    assert len(outage_lines(found)) == 2
    assert lines_of(found)["gateway"] != (gateway_line_of(found)["s"],)


def test_a_platform_before_nobody_has_no_line() -> None:
    own = {
        "model": "m", "latency": {"total_s": 1}, "limits": {"concurrent": 1}, "server": {"gpu": "l40s", "usd_per_gpu_hour": 1},
    }  # fmt: skip
    found = scenario({"s": {**through(LAW), "omni": ["own"]}}, deployments={"own": own})
    assert gateway_line_of(found) == {}
    window = plan_windows(found)[0]
    assert compile_program(found, "s", eras(found)[0].models, window).gateway_spells == ()


def test_the_platform_is_planted_and_weighted_like_a_provider() -> None:
    """A window of 55 min meets one of its outages with 1 - exp(-(0.5 + 0.9167) / 4000), far too seldom by itself."""
    rare = {**LAW, "mtbf_h": 4000}
    found = scenario({"direct": {"omni": ["a"]}, "through": through(rare)})
    windows = plan_windows(found)
    planted = [window for window in windows if window.stratum == "outage:gateway"]
    # The line comes after those of providers, where no rare one of them has a spell.
    others = math.prod(math.exp(-(1 + 3300 / 3600) / 20) for _ in ("openai", "azure"))
    expected = others * -math.expm1(-(0.5 + 3300 / 3600) / 4000)
    assert len(planted) == 4
    assert math.isclose(math.fsum(window.weight for window in planted), expected, rel_tol=1e-12)
    assert math.isclose(math.fsum(window.weight for window in windows), 1, rel_tol=1e-12)
    for window in planted:
        assert any(spell.line == "outage:gateway" for spell in window.spells)
        # The direct strategy meets nothing of it.
        direct, behind = (
            compile_program(found, name, eras(found)[0].models, window) for name in ("direct", "through")
        )
        assert direct.gateway_spells == ()
        assert all(target.gateway_spells == behind.gateway_spells != () for target in behind.targets.values())


def test_availability_is_that_of_the_platform_times_that_of_any_provider() -> None:
    """Poisson starts and independent lengths: out at a moment with 1 - exp(-E[D] / mtbf), independent of each other.

    a falls over to b in no time, so a request is lost where the platform is out, or both providers are. Estimated from
    planted windows over 150 plans, each unbiased; within 5.5 standard errors, of which there are 150 to judge by.
    """
    up, platform = math.exp(-1 / 20), math.exp(-0.5 / 40)
    either = 1 - (1 - up) ** 2
    truth = serial_availability([platform, either])
    found, direct = [], []
    for seed in range(150):
        plan = scenario({"direct": {"omni": ["a", "b"]}, "through": through(LAW)}, seed)
        found.append(0.0)
        direct.append(0.0)
        for window in plan_windows(plan):
            for name, sums in (("through", found), ("direct", direct)):
                run = run_window(plan, name, window, engine="compiled")
                sums[-1] += window.weight * float((run.outcome_arrays["outcome"] == tables.OK).mean())
    for estimates, true in ((found, truth), (direct, either)):
        error = np.std(estimates, ddof=1) / math.sqrt(len(estimates))
        assert abs(np.mean(estimates) - true) < 5.5 * error
        assert error < 0.002  # a platform left out, 0.0124, would be seen
    assert all(one <= other + 1e-12 for one, other in zip(found, direct, strict=True)), "on the same luck"
