"""The answer: who wins, by how much, how surely; and what is said when nobody does."""

from decimal import Decimal

import pytest

from planner.experiments.answer import Cost, SloRow, answer, slo_rows, verdicts
from planner.metrics import Estimate
from planner.scenario.fields import Scenario


def scenario(names=("omni-only", "mini-only", "hybrid"), **more) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "answer",
            "traffic": {"requests_per_month": 1000},
            "tasks": {"ask": {}},
            "deployments": {"a": {"model": "m", "latency": {"total_s": 1}}},
            "models": {"m": {}},
            "strategies": {name: {"omni": ["a"]} for name in names},
            "finance": {"horizon_months": 12},
            **more,
        }
    )


def cost(value: str, low: str | None = None, high: str | None = None) -> Cost:
    return Cost(
        Decimal(value), None if low is None else Decimal(low), None if high is None else Decimal(high)
    )


COSTS = {"omni-only": cost("90000"), "mini-only": cost("20000"), "hybrid": cost("40000")}
GAPS = {
    ("omni-only", "mini-only"): cost("-70000", "-72000", "-68000"),
    ("omni-only", "hybrid"): cost("-50000", "-51000", "-49000"),
    ("mini-only", "hybrid"): cost("20000", "18000", "22000"),
}


def row(strategy: str, met: bool, value: float = 9.0) -> SloRow:
    return SloRow(strategy, None, "p95_latency_s", 8.0, value, met)


def test_the_cheapest_wins_with_its_margin_and_certainty():
    text, winner = answer(scenario(), COSTS, GAPS, [], 12)
    assert winner == "mini-only"
    assert text == (
        "Take mini-only: it costs 20,000 USD (economic cost over 12 months), 20,000 USD or 50% less than hybrid "
        "(95 % interval 18,000 USD to 22,000 USD, paired over 12 windows)."
    )


def test_a_cheaper_strategy_that_misses_a_target_is_named_and_passed_over():
    rows = [row("omni-only", True, 7.0), row("hybrid", True, 7.5), row("mini-only", False)]
    text, winner = answer(scenario(), COSTS, GAPS, rows, 12)
    assert winner == "hybrid"
    assert "50,000 USD or 56% less than omni-only" in text
    assert "(95 % interval 49,000 USD to 51,000 USD, paired over 12 windows)" in text
    assert text.endswith("mini-only is cheaper by 20,000 USD but misses p95 latency 9 s against 8 s.")


def test_an_interval_that_covers_zero_is_no_clear_winner():
    gaps = GAPS | {("mini-only", "hybrid"): cost("20000", "-500", "40500")}
    text, winner = answer(scenario(), COSTS, gaps, [], 12)
    assert winner is None
    assert text.startswith("No clear winner: mini-only and hybrid differ by 20,000 USD")
    assert "-500.00 USD to 40,500 USD, covers zero" in text


def test_none_meets_the_targets_and_the_nearest_is_named():
    rows = [row("omni-only", False, 20.0), row("mini-only", False, 8.5), row("hybrid", False, 12.0)]
    text, winner = answer(scenario(), COSTS, GAPS, rows, 12)
    assert winner is None
    assert text == (
        "None meets every target; the nearest is mini-only, which misses p95 latency 8.5 s against 8 s "
        "and costs 20,000 USD (economic cost over 12 months)."
    )


def test_fewer_misses_are_nearer_than_a_smaller_one():
    rows = [row("omni-only", False, 20.0), row("mini-only", False, 8.1), row("hybrid", False, 8.1)]
    rows += [SloRow(name, None, "availability", 0.999, 0.99, False) for name in ("mini-only", "hybrid")]
    text, _ = answer(scenario(), COSTS, GAPS, rows, 12)
    assert "the nearest is omni-only" in text


def test_the_only_one_that_meets_every_target_wins_at_any_price():
    rows = [row("omni-only", True, 7.0), row("mini-only", False), row("hybrid", False)]
    text, winner = answer(scenario(), COSTS, GAPS, rows, 12)
    assert winner == "omni-only"
    assert text.startswith("Take omni-only: it alone meets every target; it costs 90,000 USD")


def test_equal_costs_are_no_win():
    costs = {"omni-only": cost("5"), "mini-only": cost("5")}
    text, winner = answer(
        scenario(("omni-only", "mini-only")), costs, {("omni-only", "mini-only"): cost("0", "0", "0")}, [], 2
    )
    assert winner is None
    assert text.startswith("No clear winner")


@pytest.mark.parametrize(
    ("field", "measure", "target", "value", "met"),
    [
        ("p95_latency_s", "latency_p95_s", 8.0, 8.0, True),
        ("p95_latency_s", "latency_p95_s", 8.0, 8.01, False),
        ("min_tokens_per_s", "speed_p05", 20.0, 19.9, False),
        ("availability", "availability", 0.999, 0.999, True),
        ("accuracy", "accuracy", 0.8, None, False),
        ("sensitive_outside", "sensitive_outside", 0, 0.0, True),
        ("sensitive_outside", "sensitive_outside", 0, 3.0, False),
    ],
)
def test_targets_are_met_at_equality_and_missed_beyond(field, measure, target, value, met):
    found = scenario(slo={field: target})
    (only,) = slo_rows(found, "hybrid", {("", measure): Estimate(value, reason="nobody rated them")})
    assert (only.measure, only.task, only.met) == (field, None, met)
    if value is None:
        assert only.words() == "accuracy: nobody rated them"


def test_a_task_has_its_own_targets():
    found = scenario(tasks={"ask": {"slo": {"p95_ttft_s": 1.5}}}, slo={"availability": 0.9})
    estimates = {("", "availability"): Estimate(1.0), ("ask", "ttft_p95_s"): Estimate(1.6)}
    rows = slo_rows(found, "hybrid", estimates)
    assert [(one.task, one.measure, one.met) for one in rows] == [
        (None, "availability", True),
        ("ask", "p95_ttft_s", False),
    ]
    assert verdicts(found, rows)["hybrid"].misses == ("p95 time to first token for ask 1.6 s against 1.5 s",)
