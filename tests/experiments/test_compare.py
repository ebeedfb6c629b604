"""A comparison against a bill worked out by hand, and the identities that hold for any."""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from planner.api import compare
from planner.experiments.cells import run_cells
from planner.experiments.simulate import simulate
from planner.scenario.fields import Scenario
from planner.workload.windows import plan_windows


def recorded(**more: Any) -> Scenario:
    """Four requests of 1,000 tokens in and 500 out, 10 s apart; 4,000 a month; a month of 31 days."""
    rows = [
        {
            "arrival_s": 10 * i,
            "input_tokens": 1000,
            "output_tokens": 500,
            "correct.big": 1,
            "correct.small": i % 2,
        }
        for i in range(4)
    ]
    raw = {
        "name": "By hand",
        "start": "2027-01-01",
        "traffic": {"requests_per_month": 4000, "trace": {"rows": rows}},
        "tasks": {"ask": {"cost_of_wrong_answer_usd": 0.5}},
        "models": {
            "big": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10},
            "small": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6},
        },
        "deployments": {
            "a": {"model": "big", "latency": {"ttft_s": 1, "tokens_per_s": 100}},
            "b": {"model": "small", "latency": {"ttft_s": 0.5, "tokens_per_s": 250}},
        },
        "strategies": {"omni-only": {"omni": ["a"]}, "mini-only": {"mini": ["b"]}},
        "slo": {"p95_latency_s": 8, "availability": 0.99},
        "finance": {"horizon_months": 1, "discount_rate": 0.0},
        "run": {"replications": 2},
    }
    return Scenario.model_validate(raw | more)


@pytest.fixture(scope="module")
def by_hand():
    return compare(recorded())


def test_the_bill_by_pocket_calculator(by_hand):
    """January 2027 has 31 x 86,400 s of 2,629,800: 4,000 x 2,678,400 / 2,629,800 = 4,073.921971... requests.

    omni: 1,000 x 2.5e-6 + 500 x 10e-6 = 0.0075 USD a request; mini: 0.00015 + 0.0003 = 0.00045 USD.
    Half of mini's answers are wrong at 0.5 USD: 0.25 USD a request on top, economic only.
    """
    requests = Decimal(4000) * 2678400 / 2629800
    document = by_hand.to_dict()["strategies"]
    omni, mini = document["omni-only"], document["mini-only"]
    for found, each in (
        (omni["tco_usd"], "0.0075"),
        (omni["economic_tco_usd"], "0.0075"),
        (mini["tco_usd"], "0.00045"),
        (mini["economic_tco_usd"], "0.25045"),
    ):
        assert Decimal(found["total"]["value"]) == pytest.approx(
            requests * Decimal(each), abs=Decimal("0.000002")
        )
    assert Decimal(omni["cost_per_1k_requests_usd"]["value"]) == pytest.approx(
        Decimal("7.5"), rel=Decimal("1e-9")
    )
    assert Decimal(mini["economic_cost_per_1k_requests_usd"]["value"]) == pytest.approx(
        Decimal("250.45"), rel=Decimal("1e-9")
    )


def test_undiscounted_npv_is_the_total(by_hand):
    for one in by_hand.to_dict()["strategies"].values():
        assert Decimal(one["tco_usd"]["npv"]["value"]) == pytest.approx(
            Decimal(one["tco_usd"]["total"]["value"]), abs=Decimal("1e-9")
        )


def test_latency_speed_and_quality_by_hand(by_hand):
    """omni: 1 + 500/100 = 6 s, first token at 1 s; mini: 0.5 + 500/250 = 2.5 s, first at 0.5 s."""
    document = by_hand.to_dict()["strategies"]
    for name, latency, ttft, speed, accuracy in (
        ("omni-only", 6.0, 1.0, 100.0, 1.0),
        ("mini-only", 2.5, 0.5, 250.0, 0.5),
    ):
        one = document[name]
        for statistic in ("mean", "p50", "p90", "p95", "p99"):
            assert one["latency_s"][statistic]["value"] == pytest.approx(latency)
            assert one["ttft_s"][statistic]["value"] == pytest.approx(ttft)
            assert one["output_tokens_per_s"][statistic]["value"] == pytest.approx(speed)
            assert one["wait_s"][statistic]["value"] == 0.0
        assert one["accuracy"]["value"] == pytest.approx(accuracy)
        assert one["availability"]["value"] == 1.0
        assert one["requests"] == {"arrived": 4, "completed": 4, "failed": 0}
        assert one["tokens"]["input"] == 4000
        assert one["tokens"]["output"] == 2000
        # 4 good requests over the 30 s of the recording.
        assert one["goodput_per_s"]["value"] == pytest.approx(4 / 30)


def test_the_objective_decides_who_is_best():
    assert compare(recorded(objective="invoiced")).winner == "mini-only"
    assert compare(recorded(objective="economic")).winner == "omni-only"


def generated(**more: Any) -> Scenario:
    raw = {
        "name": "Generated",
        "traffic": {"requests_per_month": 400_000, "growth_per_month": 0.02},
        "tasks": {
            "ask": {"share": 0.75, "input_tokens": {"p50": 400, "p95": 1600}, "output_tokens": {"p50": 100, "p95": 300}, "sensitive": 0.1},
            "tell": {"share": 0.25, "input_tokens": 900, "output_tokens": {"mean": 200, "cv": 0.5, "kind": "gamma"}},
        },
        "models": {
            "big": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10, "ability": {"ask": 2, "tell": 2}},
            "small": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6, "ability": {"ask": 1, "tell": 0}},
        },
        "deployments": {
            "a": {"model": "big", "latency": {"ttft_s": {"p50": 0.4, "p95": 0.9}, "tokens_per_s": 60}, "errors": {"rate": 0.05},
                  "outages": {"mtbf_h": 200, "duration_h": {"p50": 0.5, "p95": 2}}},
            "b": {"model": "small", "latency": {"total_s": {"exponential_mean": 1.5}}, "limits": {"concurrent": 2}},
        },
        "strategies": {
            "omni-only": {"omni": ["a"]},
            "mini-only": {"mini": ["b"]},
            "hybrid": {"omni": ["a", "b"], "mini": ["b", "a"], "router": {"kind": "threshold", "omni_share": 0.3, "usd_per_1k_requests": 0.02}},
            "platform": {"like": "hybrid", "gateway": {"fee": 0.055, "latency_s": 0.03}},
        },
        "policy": {"timeout_s": 4},
        "slo": {"p95_latency_s": 60, "availability": 0.5, "sensitive_outside": 1000},
        "finance": {"horizon_months": 6, "people": [{"name": "run", "fte": 0.5, "usd_per_year": 120000}]},
        "run": {"replications": 4, "window_s": 900},
    }  # fmt: skip
    return Scenario.model_validate(raw | more)


@pytest.fixture(scope="module")
def result():
    return compare(generated())


def test_every_total_is_the_sum_of_its_ledger_rows(result):
    for one in result.to_dict()["strategies"].values():
        invoiced = sum(
            (Decimal(row["amount_usd"]) for row in one["ledger"] if row["view"] == "invoiced"), Decimal(0)
        )
        everything = sum((Decimal(row["amount_usd"]) for row in one["ledger"]), Decimal(0))
        assert Decimal(one["tco_usd"]["total"]["value"]) == invoiced
        assert Decimal(one["economic_tco_usd"]["total"]["value"]) == everything
        for row in one["ledger"]:
            assert Decimal(row["quantity"]) * Decimal(row["unit_price_usd"]) == Decimal(row["amount_usd"])


def test_arrived_is_completed_and_failed(result):
    for one in result.to_dict()["strategies"].values():
        requests = one["requests"]
        assert requests["arrived"] == pytest.approx(requests["completed"] + requests["failed"])
        assert one["availability"]["value"] + sum(
            cause["value"] for cause in one["failed_share"].values()
        ) == pytest.approx(1.0)


def test_all_strategies_meet_the_same_requests(result):
    arrived = {one["requests"]["arrived"] for one in result.to_dict()["strategies"].values()}
    assert len(arrived) == 1
    assert result.simulated_requests == len(result.strategies) * len(result.windows) * arrived.pop()


def test_differences_are_b_minus_a_inside_their_interval(result):
    document = result.to_dict()
    strategies = document["strategies"]
    seen = set()
    for row in document["differences"]:
        if row["measure"] in ("latency_mean_s", "availability"):
            statistic = ("latency_s", "mean") if row["measure"] == "latency_mean_s" else ("availability",)

            def value(name, path=statistic):
                found = strategies[name]
                for key in path:
                    found = found[key]
                return found["value"]

            assert row["value"] == pytest.approx(value(row["b"]) - value(row["a"]), abs=1e-12)
            assert row["low"] <= row["value"] <= row["high"]
        if row["measure"] == "tco_total_usd":
            gap = Decimal(strategies[row["b"]]["tco_usd"]["total"]["value"]) - Decimal(
                strategies[row["a"]]["tco_usd"]["total"]["value"]
            )
            assert Decimal(row["value"]) == gap
            assert Decimal(row["low"]) <= gap <= Decimal(row["high"])
        seen.add((row["a"], row["b"]))
    assert len(seen) == 6


def test_the_platform_takes_its_fee_on_every_token_and_30_ms_of_every_call(result):
    document = result.to_dict()["strategies"]
    rows = document["platform"]["ledger"]
    spent = sum(
        (Decimal(row["amount_usd"]) for row in rows if row["account"].startswith(("api/", "wasted/"))),
        Decimal(0),
    )
    fees = sum((Decimal(row["amount_usd"]) for row in rows if row["account"] == "gateway fee"), Decimal(0))
    assert fees == spent * Decimal("0.055")
    assert not [row for row in document["hybrid"]["ledger"] if row["account"] == "gateway fee"]
    for window in range(2):
        one, other = (
            simulate(result.scenario, name, replication=window).attempts for name in ("hybrid", "platform")
        )
        both = one.merge(other, on=["request", "attempt", "deployment"], suffixes=("", "_platform"))
        served = both[(both["outcome"] == "ok") & (both["outcome_platform"] == "ok")]
        longer_s = (served["ended_s_platform"] - served["started_s_platform"]) - (
            served["ended_s"] - served["started_s"]
        )
        assert len(served) > 50
        assert longer_s.to_numpy() == pytest.approx(0.03, abs=1e-6)


def test_the_document_is_plain_json(result):
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)["scenario"]["hash"] == result.scenario.hash


def test_tables_have_their_columns_and_charts_few_rows(result):
    assert list(result.differences.columns) == ["a", "b", "measure", "value", "low", "high"]
    assert list(result.slo.columns) == ["strategy", "task", "measure", "target", "value", "met"]
    assert list(result.summary.columns) == ["strategy", "task", "measure", "value", "low", "high", "unit"]
    assert len(result.curves) <= 2000
    assert len(result.monthly) <= 2000
    assert sum(result.ledger["amount_usd"]) == sum(
        (one.ledger.total() for one in result.results.values()), Decimal(0)
    )


def test_results_do_not_depend_on_the_number_of_workers(result):
    scenario = generated(run={"replications": 2, "window_s": 300})
    windows = plan_windows(scenario)
    alone, together = (run_cells(scenario, windows, workers=workers) for workers in (1, 2))
    for one, other in zip(alone, together, strict=True):
        for name in scenario.strategies:
            assert one[name].quantities == other[name].quantities
            assert one[name].sample.sums == other[name].sample.sums
            assert (one[name].sample.counts == other[name].sample.counts).all()


def test_progress_is_heard_and_cancelling_leaves_nothing_running():
    scenario = generated(run={"replications": 2, "window_s": 300})
    heard: list[tuple[int, int]] = []
    compare(scenario, report=lambda done, total: heard.append((done, total)))
    assert heard[-1][0] == heard[-1][1]
    assert sorted(heard) == heard

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    for workers in (1, 2):
        with pytest.raises(Stop):
            compare(scenario, workers=workers, report=stop)


def test_simulate_shows_the_window_that_compare_measures(result):
    run = simulate(result.scenario, "hybrid", replication=1)
    cell = result.results["hybrid"].cells[1]
    assert len(run.outcomes) == cell.sample.n
    latency_s = run.outcomes["ended_s"].sub(run.outcomes["arrived_s"]).to_numpy()
    measured = cell.sample.values["latency_s"][0]
    assert np.sort(latency_s) == pytest.approx(np.sort(measured))
    assert run.attempts["billed_input_tokens"].sum() == cell.sample.billed_tokens["input"]


def test_simulate_gives_exactly_the_wanted_number_of_requests():
    assert len(simulate(generated(), "mini-only", requests=1234).outcomes) == 1234
