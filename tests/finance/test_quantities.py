"""Counting what was used: served, wasted, verifier, router, long prompts, time."""

import numpy as np
import pytest

from planner import tables
from planner.finance.quantities import WASTE_KINDS, Key, count
from planner.scenario.fields import Scenario

SCENARIO = Scenario.model_validate(
    {
        "name": "counting",
        "traffic": {"requests_per_month": 1000},
        "tasks": {"faq": {"share": 0.5}, "photo": {"share": 0.5}},
        "deployments": {"omni": {"model": "o"}, "mini": {"model": "m"}},
        "strategies": {
            "plain": {"omni": ["omni"]},
            "hybrid": {"omni": ["omni"], "mini": ["mini"]},
            "cascade": {
                "omni": ["omni"],
                "mini": ["mini"],
                "router": {
                    "kind": "cascade",
                    "verifier": {"model": "v", "input_tokens": 50, "output_tokens": 2},
                },
            },
        },
    }
)
OMNI, MINI = 0, 1
FAQ, PHOTO = 0, 1


def outcomes(*rows: dict) -> dict:
    """Outcomes rows; what is not given is a right answer of omni to a faq."""
    base = dict(request=0, task=FAQ, arrived_ns=0, first_token_ns=0, ended_ns=1, outcome=tables.OK, deployment=OMNI,
                tier=tables.OMNI, attempts=1, cause=0, correct=1)  # fmt: skip
    return {c.name: np.array([{**base, **r}[c.name] for r in rows], c.dtype) for c in tables.OUTCOMES_TABLE}


def attempts(*rows: dict) -> dict:
    """Attempts rows; `billed` gives billed tokens by meter, which also are the call's tokens."""
    built: dict[str, list] = {c.name: [] for c in tables.ATTEMPTS}
    for given in rows:
        base = dict(request=0, attempt=0, deployment=OMNI, role=0, queued_ns=0, started_ns=0, scheduled_ns=-1,
                    first_token_ns=0, ended_ns=1_000_000, outcome=tables.OK, restarts=0, status=200,
                    retry_after_ns=-1)  # fmt: skip
        for meter in tables.METERS:
            base[f"billed_{meter}_tokens"] = given.get("billed", {}).get(meter, 0)
            base[f"{meter}_tokens"] = given.get("sent", given.get("billed", {})).get(meter, 0)
        for name, values in built.items():
            values.append({**base, **given}.get(name))
    return {c.name: np.array(built[c.name], c.dtype) for c in tables.ATTEMPTS}


def test_served_tokens_are_counted_by_task_deployment_and_meter() -> None:
    found = count(
        SCENARIO,
        "plain",
        outcomes({"request": 7}, {"request": 5, "task": PHOTO}),
        attempts(
            {"request": 5, "billed": {"input": 10, "image": 765, "output": 3, "reasoning": 40}},
            {"request": 7, "billed": {"input": 100, "output": 20}},
        ),
    )
    assert found[Key("faq", "omni", "api", "input")] == 100
    assert found[Key("faq", "omni", "api", "output")] == 20
    assert found[Key("photo", "omni", "api", "image")] == 765
    assert found[Key("photo", "omni", "api", "reasoning")] == 40
    assert found[Key("photo", "omni", "sent", "input")] == 10
    assert found[Key("photo", "omni", "delivered", "output")] == 3
    assert not [key for key in found if key.kind in (*WASTE_KINDS, "verifier", "router")]


def test_a_billed_timeout_is_wasted_and_its_successful_retry_is_not() -> None:
    found = count(
        SCENARIO,
        "plain",
        outcomes({"attempts": 2}),
        attempts(
            {"attempt": 0, "outcome": tables.TIMEOUT, "status": 0, "billed": {"input": 100, "output": 20}},
            {"attempt": 1, "billed": {"input": 100, "output": 20}},
        ),
    )
    assert found[Key("faq", "omni", "wasted/timeout", "input")] == 100
    assert found[Key("faq", "omni", "wasted/timeout", "output")] == 20
    assert found[Key("faq", "omni", "api", "input")] == 100
    assert found[Key("faq", "omni", "sent", "input")] == 200
    assert found[Key("faq", "omni", "delivered", "output")] == 20


def test_an_unbilled_error_costs_nothing_but_was_sent() -> None:
    found = count(
        SCENARIO,
        "plain",
        outcomes({"outcome": tables.ERROR, "deployment": -1, "correct": -1, "cause": tables.PROVIDER_ERROR}),
        attempts({"outcome": tables.ERROR, "status": 500, "billed": {}, "sent": {"input": 100}}),
    )
    assert not [key for key in found if key.kind in ("api", *WASTE_KINDS)]
    assert found[Key("faq", "omni", "sent", "input")] == 100
    assert found[Key("faq", None, "requests", "failed")] == 1
    assert Key("faq", None, "requests", "completed") not in found
    assert not [key for key in found if key.kind == "answers"]


CASCADE = (
    {"attempt": 0, "deployment": MINI, "role": tables.ROLE_MINI, "billed": {"input": 100, "output": 10}},
    {
        "attempt": 1,
        "deployment": tables.VERIFIER,
        "role": tables.ROLE_VERIFIER,
        "billed": {"input": 50, "output": 2},
    },
    {"attempt": 2, "deployment": OMNI, "role": tables.ROLE_OMNI, "billed": {"input": 100, "output": 30}},
)


def test_a_rejected_first_answer_is_the_price_of_a_cascade_and_no_waste() -> None:
    found = count(SCENARIO, "cascade", outcomes({"attempts": 3}), attempts(*CASCADE), asked=np.array([True]))
    assert found[Key("faq", "mini", "api", "output")] == 10
    assert found[Key("faq", "omni", "api", "output")] == 30
    assert found[Key("faq", "omni", "delivered", "output")] == 30
    assert Key("faq", "mini", "delivered", "output") not in found
    assert found[Key("faq", None, "verifier", "input")] == 50
    assert found[Key("faq", None, "verifier", "output")] == 2
    assert found[Key("faq", None, "verifier", "calls")] == 1
    assert found[Key("faq", None, "router", "requests")] == 1
    assert not [key for key in found if key.kind in WASTE_KINDS]


def test_ok_calls_of_a_request_that_finally_failed_are_wasted() -> None:
    failed = {**CASCADE[2], "outcome": tables.ERROR, "status": 503, "billed": {}}
    found = count(
        SCENARIO,
        "cascade",
        outcomes({"outcome": tables.ERROR, "deployment": -1, "correct": -1}),
        attempts(*CASCADE[:2], failed),
    )
    assert found[Key("faq", "mini", "wasted/lost-answer", "output")] == 10
    assert found[Key("faq", None, "verifier", "input")] == 50
    assert not [key for key in found if key.kind == "api"]


def test_what_a_failed_call_is_billed_is_waste_by_the_error() -> None:
    # A stream that broke after 8 tokens was billed for them, its retry was served: 100 + 8 tokens for nothing.
    found = count(
        SCENARIO,
        "plain",
        outcomes({"attempts": 2}),
        attempts(
            {"outcome": tables.ERROR, "status": 0, "billed": {"input": 100, "output": 8}},
            {"attempt": 1, "billed": {"input": 100, "output": 20}},
        ),
    )
    assert {key: n for key, n in found.items() if key.kind in WASTE_KINDS} == {
        Key("faq", "omni", "wasted/error", "input"): 100,
        Key("faq", "omni", "wasted/error", "output"): 8,
    }
    assert found[Key("faq", "omni", "api", "output")] == 20


def test_every_outcome_of_a_call_has_its_kind_of_waste() -> None:
    assert set(tables.WASTE_OF_OUTCOME) == set(tables.OUTCOMES)
    for outcome, kind in zip(tables.OUTCOMES, tables.WASTE_BY_OUTCOME, strict=True):
        found = count(
            SCENARIO,
            "plain",
            outcomes({"outcome": tables.ERROR, "deployment": -1, "correct": -1}),
            attempts({"outcome": tables.OUTCOMES.index(outcome), "billed": {"output": 7}}),
        )
        wasted = {key: n for key, n in found.items() if key.kind in ("api", *WASTE_KINDS)}
        assert wasted == {Key("faq", "omni", f"wasted/{tables.WASTES[kind]}", "output"): 7}


def test_only_requests_that_the_router_decided_are_its_decisions() -> None:
    two = outcomes({"request": 0}, {"request": 1, "task": PHOTO})
    calls = attempts({"request": 0}, {"request": 1})
    found = count(SCENARIO, "hybrid", two, calls, asked=np.array([True, False]))
    assert {key: n for key, n in found.items() if key.kind == "router"} == {
        Key("faq", None, "router", "requests"): 1
    }
    without = count(SCENARIO, "plain", two, calls, asked=np.array([True, False]))
    assert not [key for key in without if key.kind == "router"]


def test_only_the_answer_that_was_served_is_passed_on() -> None:
    # A layer sent the request through the cascade twice: mini's first answer was turned down, its second accepted.
    found = count(
        SCENARIO,
        "cascade",
        outcomes({"deployment": MINI, "tier": tables.MINI, "attempts": 4}),
        attempts(
            {"deployment": MINI, "billed": {"output": 30}},
            {"attempt": 1, "deployment": tables.VERIFIER, "billed": {"output": 2}},
            {"attempt": 2, "deployment": MINI, "billed": {"output": 50}},
            {"attempt": 3, "deployment": tables.VERIFIER, "billed": {"output": 2}},
        ),
    )
    assert found[Key("faq", "mini", "api", "output")] == 80
    assert found[Key("faq", "mini", "delivered", "output")] == 50


def test_answers_are_counted_by_who_served_them() -> None:
    found = count(
        SCENARIO,
        "hybrid",
        outcomes(
            {"request": 0, "deployment": OMNI, "correct": 1},
            {"request": 1, "deployment": MINI, "correct": 0},
            {"request": 2, "deployment": MINI, "correct": 0},
            {"request": 3, "deployment": MINI, "correct": -1},
        ),
        attempts(),
    )
    assert found == {
        Key("faq", None, "requests", "arrived"): 4,
        Key("faq", None, "requests", "completed"): 4,
        Key("faq", "omni", "answers", "right"): 1,
        Key("faq", "mini", "answers", "wrong"): 2,
        Key("faq", "mini", "answers", "unrated"): 1,
    }


def test_a_prompt_above_the_threshold_is_counted_apart_with_all_its_tokens() -> None:
    found = count(
        SCENARIO,
        "plain",
        outcomes({"request": 0}, {"request": 1}, {"request": 2}),
        attempts(
            {"request": 0, "billed": {"input": 200, "output": 5}},
            {"request": 1, "billed": {"input": 201, "output": 7}},
            {"request": 2, "billed": {"input": 150, "image": 51, "output": 9}},
        ),
        long_above={"omni": 200},
    )
    assert found[Key("faq", "omni", "api", "input")] == 200
    assert found[Key("faq", "omni", "api", "output")] == 5
    assert found[Key("faq", "omni", "api-long", "input")] == 351
    assert found[Key("faq", "omni", "api-long", "image")] == 51
    assert found[Key("faq", "omni", "api-long", "output")] == 16


def test_busy_time_is_summed_in_nanoseconds_and_rounded_once() -> None:
    found = count(
        SCENARIO,
        "plain",
        outcomes({}),
        attempts(*({"attempt": i, "started_ns": 100, "ended_ns": 400_100} for i in range(5))),
    )
    assert found[Key("faq", "omni", "busy", "ms")] == 2  # 5 x 0.4 ms; five times rounded would be 0


def test_sums_above_2_to_the_53_lose_no_token() -> None:
    big = 2**53 + 1
    found = count(
        SCENARIO,
        "plain",
        outcomes({}),
        attempts({"billed": {"input": big}}, {"attempt": 1, "billed": {"input": 1}}),
    )
    assert found[Key("faq", "omni", "api", "input")] == big + 1


def test_a_call_of_an_unknown_request_is_an_impossible_state() -> None:
    with pytest.raises(AssertionError, match="belongs to no request"):
        count(SCENARIO, "plain", outcomes({"request": 3}), attempts({"request": 4}))


def test_an_empty_window_counts_nothing() -> None:
    assert count(SCENARIO, "plain", outcomes(), attempts()) == {}
