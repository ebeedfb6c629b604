"""Timelines worked out by hand: which of the equals of a level a request is sent to.

Each comment derives the expected rows from the engines' rules alone (one call takes 2 s unless the text says
otherwise); the run must match them to the nanosecond.
"""

import datetime

import numpy as np
import pytest
from scipy import stats

from planner import theory
from planner.errors import ScenarioError
from planner.scenario import known, load
from tests.engines.hand_tables import (
    MODEL,
    at,
    check_attempts,
    check_outcomes,
    fixed,
    limits,
    run_rows,
    target,
)

BROKEN = target(errors={"rate": 1, "status": 503, "latency_s": 0.5})
EQUALS = {"omni": [["a", "b", "c"]]}
THREE = {"a": target(), "b": target(), "c": target()}


def served(run: object) -> list[str]:
    return ["abc"[k] for k in run.outcome_arrays["deployment"]]  # type: ignore[attr-defined]


def test_in_order_asks_equals_as_they_are_written() -> None:
    assert served(run_rows(at(0, 1, 2), THREE, strategy=EQUALS)) == ["a", "a", "a"]


def test_round_robin_takes_turns() -> None:
    run = run_rows(at(0, 1, 2, 3, 4), THREE, {"select": "round-robin"}, strategy=EQUALS)
    assert served(run) == ["a", "b", "c", "a", "b"]


def test_each_level_and_each_tier_has_turns_of_its_own() -> None:
    # The first request meets a; a and b fail it in turn, then the second level is asked: c.
    # The second request begins with b, where the turn stands after the first one's two choices: a again.
    run = run_rows(
        at(0, 10),
        {"a": BROKEN, "b": BROKEN, "c": target()},
        {"select": "round-robin"},
        strategy={"omni": [["a", "b"], ["c"]]},
    )
    check_attempts(
        run,
        """
        request deployment started_s ended_s
        0       a          0         0.5
        0       b          0.5       1
        0       c          1         3
        1       a          10        10.5
        1       b          10.5      11
        1       c          11        13
        """,
    )


def test_a_retry_stays_and_the_next_choice_leaves_out_what_was_tried() -> None:
    # Turn a: call and retry. Then, among b and c, the turn is b's. The next request finds the turn at c.
    run = run_rows(
        at(0, 10),
        {"a": BROKEN, "b": target(), "c": target()},
        {"select": "round-robin", "retries": 1, "backoff": fixed(1)},
        strategy=EQUALS,
    )
    check_attempts(
        run,
        """
        request deployment started_s ended_s
        0       a          0         0.5
        0       a          1.5       2
        0       b          2         4
        1       c          10        12
        """,
    )


def test_least_busy_counts_calls_under_way_and_waiting_and_takes_the_first_of_equals() -> None:
    # One place each. 0: none busy, a. 1: a has one, b. 2: c. 3: all have one, a: waits for it. 4: a has two, b: waits.
    # 5 comes at 2.5, when a and b have their second call under way and c is free.
    one = target(limits=limits(concurrent=1))
    rows = at(0, 0.1, 0.2, 0.3, 0.4, 2.5)
    run = run_rows(rows, {"a": one, "b": one, "c": one}, {"select": "least-busy"}, strategy=EQUALS)
    check_outcomes(
        run,
        """
        request deployment ended_s
        0       a          2
        1       b          2.1
        2       c          2.2
        3       a          4
        4       b          4.1
        5       c          4.5
        """,
    )


def test_a_deployment_whose_breaker_is_open_is_no_candidate_while_another_is_left() -> None:
    # a fails at 0.5, which opens its breaker for 60 s: b and c take turns from then on, although a's turn comes.
    run = run_rows(
        at(0, 5, 10, 15),
        {"a": BROKEN, "b": target(), "c": target()},
        {"select": "round-robin", "breaker": {"failures": 1, "open_s": 60}},
        strategy=EQUALS,
    )
    assert served(run) == ["b", "c", "b", "c"]
    assert run.outcome_arrays["attempts"].tolist() == [2, 1, 1, 1]


def test_where_all_breakers_are_open_the_request_is_turned_away_without_a_call() -> None:
    run = run_rows(
        at(0, 5),
        {"a": BROKEN, "b": BROKEN},
        {"select": "least-busy", "breaker": {"failures": 1, "open_s": 60}},
        strategy={"omni": [["a", "b"]]},
    )
    check_outcomes(run, "request ended_s attempts cause\n0 1 2 provider-error\n1 5 0 own-breaker")


def test_weights_are_shares_and_the_second_choice_is_by_the_weights_of_those_left() -> None:
    # b always fails: a quarter of the requests meets it first; of those a gets 5 of 7 and c 2 of 7.
    weights = {"a": 5.0, "b": 3.0, "c": 2.0}
    deployments = {name: target(weight=weight) for name, weight in weights.items()}
    deployments["b"] = {**BROKEN, "weight": 3.0}
    n = 20_000
    run = run_rows(at(*np.arange(n) * 0.1), deployments, {"select": "weighted"}, strategy=EQUALS)
    first = run.attempt_arrays["deployment"][run.attempt_arrays["attempt"] == 0]
    again = run.attempt_arrays["deployment"][run.attempt_arrays["attempt"] == 1]
    counts = np.bincount(first, minlength=3)
    assert stats.chisquare(counts, n * np.array([0.5, 0.3, 0.2])).pvalue > 1e-6
    assert len(again) == counts[1]
    seen = [np.sum(again == 0), np.sum(again == 2)]
    assert stats.chisquare(seen, len(again) * np.array([5, 2]) / 7).pvalue > 1e-6


def test_a_cascade_chooses_in_both_of_its_stages() -> None:
    # Every answer of mini is turned down: minis take turns a, b; omnis c, d.
    judge = {"model": "m", "latency_s": 1, "true_positive": 0, "false_positive": 0}
    run = run_rows(
        at(0, 10),
        {**THREE, "d": target()},
        {"select": "round-robin"},
        tasks={"chat": {"accuracy": {"m": 0.5}}},
        strategy={
            "mini": [["a", "b"]],
            "omni": [["c", "d"]],
            "router": {"kind": "cascade", "verifier": judge},
        },
    )
    check_attempts(
        run,
        """
        request deployment started_s ended_s
        0       a          0         2
        0       verifier   2         3
        0       c          3         5
        1       b          10        12
        1       verifier   12        13
        1       d          13        15
        """,
    )


@pytest.mark.parametrize("select", ["round-robin", "weighted", "least-busy"])
def test_a_selection_with_nothing_to_choose_and_a_weight_without_effect_are_noticed(select: str) -> None:
    scenario = load(
        {
            "name": "by hand",
            "traffic": {"trace": {"rows": at(0)}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": {"a": target(weight=2), "b": target()},
            "strategies": {"s": {"omni": ["a", "b"]}},
            "policy": {"select": select},
        }
    )
    texts = [str(notice) for notice in scenario.notices]
    assert any(f"policy.select: {select} has nothing to choose in s" in text for text in texts)
    assert any("deployments.a.weight: unused" in text for text in texts) == (select != "weighted")


# -- by price ------------------------------------------------------------------------------------------


def priced(**usd_per_mtok: float) -> dict[str, object]:
    """One model a name, of which input and output cost that much together; and deployments of them."""
    models = {
        f"m-{name}": MODEL | {"input_usd_per_mtok": 0.0, "output_usd_per_mtok": usd}
        for name, usd in usd_per_mtok.items()
    }
    return {"models": models, "deployments": {name: target(model=f"m-{name}") for name in usd_per_mtok}}


def test_cheapest_asks_by_price_and_equals_as_they_are_written() -> None:
    # b and c cost the same: b. While b's breaker is open, c; a, the dearest, only when both have failed.
    given = priced(a=3, b=1, c=1)
    deployments = given["deployments"]
    deployments["b"] = {**deployments["b"], "errors": BROKEN["errors"]}  # type: ignore[index]
    run = run_rows(
        at(0, 5),
        deployments,  # type: ignore[arg-type]
        {"select": "cheapest", "breaker": {"failures": 1, "open_s": 60}},
        models=given["models"],
        strategy=EQUALS,
    )
    check_attempts(run, "request deployment started_s\n0 b 0\n0 c 0.5\n1 c 5")


def test_inverse_price_is_the_square_of_the_published_example() -> None:
    """OpenRouter's example: A at 1 USD is nine times as likely as C at 3 USD."""
    n, given = 20_000, priced(a=1, b=2, c=3)
    run = run_rows(
        at(*np.arange(n) * 0.1), given["deployments"], {"select": "inverse-price"},  # type: ignore[arg-type]
        models=given["models"], strategy={"omni": [["a", "c"], ["b"]]},
    )  # fmt: skip
    counts = np.bincount(run.outcome_arrays["deployment"], minlength=3)
    assert stats.chisquare(counts[[0, 2]], n * np.array([0.9, 0.1])).pvalue > 1e-6
    run = run_rows(
        at(*np.arange(n) * 0.1), given["deployments"], {"select": "inverse-price"},  # type: ignore[arg-type]
        models=given["models"], strategy=EQUALS,
    )  # fmt: skip
    counts = np.bincount(run.outcome_arrays["deployment"], minlength=3)
    wanted = theory.inverse_price_weights([1.0, 2.0, 3.0])
    assert stats.chisquare(counts, n * np.array(wanted)).pvalue > 1e-6


def test_inverse_price_refuses_a_target_that_costs_nothing() -> None:
    given = priced(a=1, b=0)
    with pytest.raises(ScenarioError, match="inverse-price would send everything to b"):
        run_rows(
            at(0), given["deployments"], {"select": "inverse-price"},  # type: ignore[arg-type]
            models=given["models"], strategy={"omni": [["a", "b"]]},
        )  # fmt: skip


def test_prices_of_the_catalogue_are_those_of_the_windows_day() -> None:
    deployments = {
        "dear": {"model": "gpt-4o-2024-11-20", "provider": "openai"},
        "cheap": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        "own": {
            "model": "llama-3.1-8b",
            "server": {"gpu": "l40s"},
            "latency": {"total_s": 1},
            "limits": {"concurrent": 8},
        },
    }
    scenario = load(
        {
            "name": "prices", "start": "2025-06-01", "traffic": {"requests_per_month": 1000},
            "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
            "deployments": deployments, "strategies": {"s": {"omni": [["dear", "cheap", "own"]]}},
            "policy": {"select": "cheapest"}, "finance": {"horizon_months": 1},
        }
    )  # fmt: skip
    day = datetime.date(2025, 6, 1)
    models = {name: str(one["model"]) for name, one in deployments.items()}
    found = {name: known.list_usd_per_mtok(scenario, name, model, day) for name, model in models.items()}
    assert found == {"dear": pytest.approx(12.5), "cheap": pytest.approx(0.75), "own": 0.0}


def test_supposed_price_steps_change_who_is_cheapest() -> None:
    # a costs 3, b 2; from the first day of the plan on a costs a third.
    given = priced(a=3, b=2)
    arguments = {"models": given["models"], "strategy": {"omni": [["a", "b"]]}}
    run = run_rows(at(0), given["deployments"], {"select": "cheapest"}, **arguments)  # type: ignore[arg-type]
    assert served(run) == ["b"]
    steps = [{"at": run.scenario.start.isoformat(), "model": "m-a", "factor": 0.333}]
    run = run_rows(
        at(0), given["deployments"], {"select": "cheapest"},  # type: ignore[arg-type]
        finance={"horizon_months": 1, "price_steps": steps}, **arguments,
    )  # fmt: skip
    assert served(run) == ["a"]


def test_more_equals_than_a_selection_can_choose_from_are_refused() -> None:
    many = {f"d{k}": target() for k in range(61)}
    with pytest.raises(
        ScenarioError, match="got 61 deployments in one group; allowed: at most 60 with select weighted"
    ):
        run_rows(at(0), many, {"select": "weighted"}, strategy={"omni": [list(many)]})
    run = run_rows(at(0), many, {"select": "in-order"}, strategy={"omni": [list(many)]})
    assert run.outcome_arrays["deployment"].tolist() == [0]
    most = {f"d{k}": BROKEN for k in range(60)}
    run = run_rows(at(0), most, {"select": "round-robin"}, strategy={"omni": [list(most)]})
    assert run.attempt_arrays["deployment"].tolist() == list(range(60))
