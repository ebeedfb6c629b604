"""Cells: whatever engine ran and however the requests were cut into blocks, the same counts and sums."""

from typing import Any

import numpy as np
import pytest

from planner.experiments.cells import Cell, cells_by_strategy, run_cell, run_cells
from planner.experiments.memory import CellMemory
from planner.metrics import samples
from planner.scenario.fields import Scenario
from planner.workload import arrivals
from planner.workload.windows import plan_windows
from tests.experiments.test_compare import generated, recorded


def assert_same(one: Cell, other: Cell) -> None:
    assert one.quantities == other.quantities
    a, b = one.sample, other.sample
    assert np.array_equal(a.counts, b.counts)
    assert a.sums == b.sums
    assert np.array_equal(a.has, b.has)
    assert np.array_equal(a.series, b.series)
    assert a.billed_tokens == b.billed_tokens
    for name in samples.COLUMNS:
        for task in range(len(a.counts)):
            left, right = (np.sort(c.values[name][0][c.values[name][1] == task]) for c in (a, b))
            assert np.array_equal(left, right), name
    used = {code for code, calls in b.n_calls.items() if calls} | {
        code for code, calls in a.n_calls.items() if calls
    }
    for code in used:
        assert a.n_calls.get(code, 0) == b.n_calls.get(code, 0)
        assert a.n_limited.get(code, 0) == b.n_limited.get(code, 0)


def cascading(**more: Any) -> Scenario:
    """A cascade with waste on both stages, photos with private data, and a limiter that refuses."""
    raw = {
        "name": "Cascade",
        "traffic": {"requests_per_month": 3_000_000},
        "tasks": {
            "ask": {"share": 0.7, "input_tokens": {"p50": 300, "p95": 900}, "output_tokens": 80, "sensitive": 0.4},
            "long": {"share": 0.3, "input_tokens": {"p50": 5000, "p95": 20000}, "output_tokens": 200},
        },
        "models": {
            "big": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10, "ability": {"ask": 2, "long": 1},
                    "reasoning_tokens_per_output_token": 1.5},
            "small": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6, "ability": {"ask": 1, "long": 0},
                      "context_tokens": 12000},
        },
        "deployments": {
            "a": {"model": "big", "latency": {"ttft_s": {"p50": 0.4, "p95": 0.9}, "tokens_per_s": 60}, "errors": {"rate": 0.2}},
            "b": {"model": "small", "latency": {"total_s": {"exponential_mean": 1.5}}, "trust": "in-house",
                  "limits": {"concurrent": 3, "requests_per_minute": 60}, "errors": {"rate": 0.1}},
        },
        "strategies": {
            "cascade": {"omni": ["a"], "mini": ["b"],
                        "router": {"kind": "cascade", "latency_s": 0.01, "usd_per_1k_requests": 0.1,
                                   "verifier": {"model": "small", "input_tokens": 100, "output_tokens": 5, "latency_s": 0.3,
                                                "true_positive": 0.9, "false_positive": 0.2}},
                        "rules": [{"when": {"context_tokens_over": 15000}, "to": ["b", "a"]}]},
        },
        "policy": {"timeout_s": 3, "deadline_s": 8, "queue_timeout_s": 1.5, "retries": 1},
        "slo": {"p95_latency_s": 5, "min_tokens_per_s": 20},
        "finance": {"horizon_months": 1},
        "run": {"replications": 2, "window_s": 600},
    }  # fmt: skip
    return Scenario.model_validate(raw | more)


@pytest.mark.parametrize("make", [generated, recorded, cascading])
def test_both_engines_reduce_to_the_same(make):
    scenario = make()
    for window in plan_windows(scenario)[:2]:
        compiled, reference = run_cell(scenario, window, "compiled"), run_cell(scenario, window, "reference")
        for name in scenario.strategies:
            assert_same(compiled[name], reference[name])


def test_results_do_not_depend_on_the_size_of_a_block(monkeypatch):
    scenario = cascading()
    window = plan_windows(scenario)[0]
    whole = run_cell(scenario, window)["cascade"]
    assert whole.sample.n > 500
    for size in (1, 37, 200):
        monkeypatch.setattr(arrivals, "BLOCK_REQUESTS", size)
        assert_same(run_cell(scenario, window)["cascade"], whole)


def test_strategies_side_by_side_are_those_that_run_one_by_one():
    scenario = generated(run={"replications": 6, "window_s": 300})
    windows = plan_windows(scenario)
    assert len(windows) > 3
    together = dict(cells_by_strategy(scenario, windows, workers=3))
    assert set(together) == set(scenario.strategies)
    for place, window in enumerate(windows):
        for name, cell in run_cell(scenario, window).items():
            assert_same(together[name][place], cell)


def test_what_is_remembered_comes_first_and_closing_ends_the_others():
    scenario = generated(run={"replications": 6, "window_s": 300})
    windows = plan_windows(scenario)
    *others, last = scenario.strategies
    memory = CellMemory()
    before = run_cells(scenario, windows, strategies=[last], memory=memory)
    running = cells_by_strategy(scenario, windows, workers=2, memory=memory)
    name, own = next(running)
    assert name == last
    assert all(one is found[last] for one, found in zip(own, before, strict=True))  # not run again
    running.close()
    assert len(memory) < len(windows) * len(scenario.strategies)
    assert [name for name, _ in cells_by_strategy(scenario, windows, memory=memory)] == [last, *others]


def test_beyond_the_exact_limit_quantiles_are_within_half_a_percent(monkeypatch):
    from planner.metrics import Pool, deletions

    scenario = cascading(run={"replications": 2, "window_s": 1800})
    windows = plan_windows(scenario)[:2]
    exact = [run_cell(scenario, window)["cascade"].sample for window in windows]
    monkeypatch.setattr(samples, "EXACT_LIMIT", 100)
    binned = [run_cell(scenario, window)["cascade"].sample for window in windows]
    assert all(one.is_exact for one in exact)
    assert not any(one.is_exact for one in binned)
    plan = deletions([0.5, 0.5], ["a", "a"])
    one, other = Pool(exact, plan), Pool(binned, plan)
    for column in samples.COLUMNS:
        for scope in ([0], [0, 1]):
            shares = [0.05, 0.5, 0.9, 0.95, 0.99]
            truth, found = (
                one.quantiles(column, scope, shares)[:, 0],
                other.quantiles(column, scope, shares)[:, 0],
            )
            # Half a percent for the bin, and the step between neighbouring order statistics.
            assert np.array_equal(np.isnan(truth), np.isnan(found))
            if np.isnan(truth).all():
                continue  # nothing of the task streamed
            neighbours = one.quantiles(column, scope, [share + 0.002 for share in shares])[:, 0] - truth
            assert np.all(np.abs(found - truth) <= 0.0051 * np.abs(truth) + np.abs(neighbours) + 1e-12), (
                column
            )
            assert one.mean(column, scope)[0] == other.mean(column, scope)[0]


@pytest.mark.parametrize(
    ("verifier", "small", "leaves"),
    [
        ({"model": "big"}, "in-house", True),  # its only deployment is outside
        ({"model": "small"}, "in-house", False),
        ({"model": "small"}, "device", False),
        ({"model": "small"}, "contract", True),
        ({"model": "judge"}, "in-house", True),  # nobody says where it runs
    ],
)
def test_a_verifier_that_reads_private_data_outside_is_counted(verifier, small, leaves):
    """Every request is private, mini is at home and always accepted, omni is never asked."""
    raw = cascading().to_dict()
    raw["models"]["judge"] = raw["models"]["small"]
    raw["policy"] = {"timeout_s": 60, "deadline_s": None}
    for task in raw["tasks"].values():
        task |= {"sensitive": 1, "input_tokens": 300}
    raw["deployments"]["b"] = {
        "model": "small",
        "latency": {"total_s": 1},
        "trust": small,
        "limits": None,
        "errors": None,
    }
    strategy = raw["strategies"]["cascade"]
    strategy["rules"] = []
    strategy["router"]["verifier"] |= verifier | {"true_positive": 1, "false_positive": 1}
    scenario = Scenario.model_validate(raw)
    window = plan_windows(scenario)[0]
    for engine in ("compiled", "reference"):
        counts = run_cell(scenario, window, engine)["cascade"].sample.counts
        arrived, outside = counts[:, samples.ARRIVED].sum(), counts[:, samples.SENSITIVE_OUTSIDE].sum()
        assert arrived > 100
        assert outside == (arrived if leaves or small == "contract" else 0)
