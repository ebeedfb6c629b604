"""`planner compare --json`: the document's contract, and sums done again from its own ledger rows."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from ruamel.yaml import YAML

from planner.scenario import load
from tests.cli.command import SCENARIO
from tests.cli.conftest import Compared

NAMES = ["omni-only", "mini-only", "hybrid"]
STATISTICS = {"mean", "p50", "p90", "p95", "p99"}
ESTIMATES = [
    *(
        f"{time}.{statistic}"
        for time in ("latency_s", "ttft_s", "wait_s")
        for statistic in sorted(STATISTICS)
    ),
    "availability",
    "accuracy",
    "omni_share",
    "goodput_per_s",
    "sensitive_outside",
]
MONEY = [
    "cost_per_1k_requests_usd",
    "economic_cost_per_1k_requests_usd",
    "tco_usd.total",
    "tco_usd.npv",
    "economic_tco_usd.total",
    "economic_tco_usd.npv",
]


def at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree[key]
    return tree


def amounts(strategy: dict[str, Any], view: str | None = None) -> Decimal:
    """Sum of the ledger rows of a view; of all rows without one."""
    rows = [row for row in strategy["ledger"] if view in (None, row["view"])]
    return sum((Decimal(row["amount_usd"]) for row in rows), Decimal(0))


def numbers(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from numbers(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from numbers(value)
    elif isinstance(tree, float):
        yield tree


def test_stdout_holds_the_document_and_nothing_else(compared: Compared) -> None:
    assert compared.stdout.startswith("{")
    assert json.dumps(json.loads(compared.stdout), indent=1, ensure_ascii=False) + "\n" == compared.stdout


def test_document_names_scenario_engine_and_volume(compared: Compared) -> None:
    found = compared.document
    assert found["scenario"]["name"] == "Small"
    assert found["scenario"]["seed"] == 11
    assert found["scenario"]["version"] == 1
    assert re.fullmatch(r"[0-9a-f]{64}", found["scenario"]["hash"])
    assert list(found["strategies"]) == NAMES
    assert found["answer"].endswith(".")
    assert {tuple(one) for one in found["findings"]} == {
        ("code", "key", "strategy", "text", "value", "at_stake", "rows", "fixes")
    }
    # A million in a mean month; January and February 2027 have 59 of its 30.4375 days.
    assert found["represented_requests"] == pytest.approx(1e6 * 59 / 30.4375)


@pytest.mark.parametrize("name", NAMES)
def test_every_estimate_has_a_value_inside_its_interval(compared: Compared, name: str) -> None:
    strategy = compared.document["strategies"][name]
    for path in ESTIMATES:
        one = at(strategy, path)
        assert {"value", "low", "high"} <= set(one), path
        assert one["low"] <= one["value"] <= one["high"], path


@pytest.mark.parametrize("name", NAMES)
def test_every_amount_is_a_decimal_text_inside_its_interval(compared: Compared, name: str) -> None:
    for path in MONEY:
        one = at(compared.document["strategies"][name], path)
        assert all(re.fullmatch(r"-?\d+(\.\d+)?", one[key]) for key in ("value", "low", "high")), path
        assert Decimal(one["low"]) <= Decimal(one["value"]) <= Decimal(one["high"]), path


def test_no_number_of_the_document_is_infinite_or_undefined(compared: Compared) -> None:
    assert all(abs(number) < 1e300 for number in numbers(compared.document))


@pytest.mark.parametrize("name", NAMES)
def test_arrived_is_completed_plus_failed(compared: Compared, name: str) -> None:
    requests = compared.document["strategies"][name]["requests"]
    assert requests["arrived"] == pytest.approx(requests["completed"] + requests["failed"])
    assert requests["arrived"] > 100


def test_requests_are_means_per_window_and_simulated_sums_all_windows_and_strategies(
    compared: Compared,
) -> None:
    found = compared.document
    arrived = [one["requests"]["arrived"] for one in found["strategies"].values()]
    assert found["simulated_requests"] == round(sum(arrived) * found["windows"])
    # Turns of conversations that a failure ended are never asked: more fail where a third of the calls do.
    unasked = {name: one["unasked_share"]["value"] for name, one in found["strategies"].items()}
    assert unasked["omni-only"] > unasked["hybrid"] > unasked["mini-only"] >= 0
    held = {name: arrived[i] / (1 - unasked[name]) for i, name in enumerate(found["strategies"])}
    assert max(held.values()) == pytest.approx(min(held.values()), rel=0.01)
    assert found["windows"] == 3


@pytest.mark.parametrize("name", NAMES)
def test_row_amounts_are_quantity_times_unit_price_exactly(compared: Compared, name: str) -> None:
    for row in compared.document["strategies"][name]["ledger"]:
        assert Decimal(row["amount_usd"]) == Decimal(row["quantity"]) * Decimal(row["unit_price_usd"])


@pytest.mark.parametrize("name", NAMES)
def test_rows_name_month_view_account_task_and_deployment(compared: Compared, name: str) -> None:
    rows = compared.document["strategies"][name]["ledger"]
    assert {row["month"] for row in rows} == {"2027-01", "2027-02"}
    assert {row["view"] for row in rows} == {"invoiced", "economic"}
    assert {row["task"] for row in rows} == {"faq", "account", None}
    assert {
        "month",
        "view",
        "account",
        "task",
        "deployment",
        "quantity",
        "unit",
        "unit_price_usd",
        "amount_usd",
    } <= set(rows[0])


@pytest.mark.parametrize("name", NAMES)
def test_totals_are_sums_of_the_ledger_rows_exactly(compared: Compared, name: str) -> None:
    strategy = compared.document["strategies"][name]
    assert Decimal(strategy["tco_usd"]["total"]["value"]) == amounts(strategy, "invoiced")
    assert Decimal(strategy["economic_tco_usd"]["total"]["value"]) == amounts(strategy)
    assert amounts(strategy, "economic") > 0


@pytest.mark.parametrize("name", NAMES)
def test_present_values_discount_the_rows_of_each_month_from_its_end(compared: Compared, name: str) -> None:
    strategy = compared.document["strategies"][name]
    for kind, views in (("tco_usd", {"invoiced"}), ("economic_tco_usd", {"invoiced", "economic"})):
        expected = 0.0
        for row in strategy["ledger"]:
            if row["view"] in views:
                ends_after = {"2027-01": 1, "2027-02": 2}[row["month"]] if row["account"] != "one-time" else 0
                expected += float(row["amount_usd"]) / 1.08 ** (ends_after / 12)
        assert float(strategy[kind]["npv"]["value"]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_unit_costs_are_totals_over_represented_requests(compared: Compared, name: str) -> None:
    found = compared.document
    strategy = found["strategies"][name]
    for cost, view in (("cost_per_1k_requests_usd", "invoiced"), ("economic_cost_per_1k_requests_usd", None)):
        expected = float(amounts(strategy, view)) / found["represented_requests"] * 1000
        assert float(strategy[cost]["value"]) == pytest.approx(expected, rel=1e-9)


def test_differences_of_money_are_b_minus_a_exactly(compared: Compared) -> None:
    found = compared.document
    rows = {(row["a"], row["b"], row["measure"]): row for row in found["differences"]}
    for a, b in combinations(NAMES, 2):
        row = rows[a, b, "economic_tco_total_usd"]
        assert Decimal(row["value"]) == amounts(found["strategies"][b]) - amounts(found["strategies"][a])
        assert Decimal(row["low"]) < Decimal(row["value"]) < Decimal(row["high"])


@pytest.mark.parametrize("name", NAMES)
def test_targets_are_held_against_the_measures_beside_them(compared: Compared, name: str) -> None:
    strategy = compared.document["strategies"][name]
    rows = {row["measure"]: row for row in strategy["slo"]}
    assert set(rows) == {"p95_latency_s", "accuracy"}
    assert rows["p95_latency_s"]["value"] == strategy["latency_s"]["p95"]["value"]
    assert rows["accuracy"]["value"] == strategy["accuracy"]["value"]
    assert rows["accuracy"]["met"] == (rows["accuracy"]["value"] >= 0.6)
    assert [row["task"] for row in strategy["slo"]] == [None, None]


@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_means_per_window_as_plain_numbers(compared: Compared, name: str) -> None:
    tokens = compared.document["strategies"][name]["tokens"]
    assert {"input", "cached", "output", "reasoning"} <= set(tokens)
    assert tokens["input"] > tokens["output"] > 0
    assert tokens["cached"] == tokens["reasoning"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_holds_each_target_with_the_interval_of_the_measure(compared: Compared, name: str) -> None:
    strategy = compared.document["strategies"][name]
    rows = [row for row in compared.document["targets"]["matrix"] if row["strategy"] == name]
    assert [(row["measure"], row["target"], row["value"], row["met"]) for row in rows] == [
        (row["measure"], row["target"], row["value"], row["met"]) for row in strategy["slo"]
    ]
    by_measure = {"p95_latency_s": strategy["latency_s"]["p95"], "accuracy": strategy["accuracy"]}
    for row in rows:
        same = by_measure[row["measure"]]
        assert (row["low"], row["high"]) == (same["low"], same["high"])
        assert row["path"] == f"slo.{row['measure']}"
        assert row["verdict"] in ("met", "missed", "not certain")


def test_findings_carry_their_rows_and_fixes_that_the_scenario_takes(compared: Compared) -> None:
    scenario = load(YAML(typ="safe").load(SCENARIO))
    found = compared.document["findings"]
    assert any(one["fixes"] for one in found)
    for one in found:
        assert one["rows"]["table"] == "ledger" or one["rows"]["records"]
        for fix in one["fixes"]:
            assert fix["kind"] in ("change", "target", "search")
            assert bool(fix["changes"]) == (fix["kind"] != "search")
            scenario.set(fix["changes"])


def test_the_number_of_a_finding_can_be_made_again_from_its_records(compared: Compared) -> None:
    (one,) = [
        one
        for one in compared.document["findings"]
        if (one["code"], one["strategy"]) == ("calls-per-request", "omni-only")
    ]
    assert [record["value"] for record in one["rows"]["records"]] == [one["value"]]
