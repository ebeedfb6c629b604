"""The dearest possible request: bounds against sums by hand, and against what runs bill."""

from decimal import Decimal
from typing import Any

import pytest

from planner.engines.run import run_window
from planner.finance import Tco  # noqa: F401  # the package gives its parts by name
from planner.finance.dearest import dearest
from planner.scenario import load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, at, fixed, target
from tests.scenario.samples import scenario as sample

# 1 USD for a million input tokens and 2 USD for a million output tokens; prompts up to 100,000 tokens.
PER_MTOK = Decimal(10) ** -6


def strategy(policy: dict[str, Any], found: dict[str, Any] | None = None, **sections: Any) -> Any:
    return load(
        {
            "name": "dearest",
            "traffic": {"requests_per_month": 1000},
            "tasks": {"chat": {"input_tokens": 500, "output_tokens": 50, "max_output_tokens": 80}},
            "models": {"m": MODEL},
            "deployments": {"a": target(), "b": target()},
            "strategies": {"s": {"omni": ["a", "b"]} | (found or {})},
            "policy": POLICY | policy,
            "finance": {"horizon_months": 1},
        }
        | sections
    )


CALL = (500 * 1 + 50 * 2) * PER_MTOK  # 600 millionths of a dollar: fixed sizes are their own largest
SENT = 500 * PER_MTOK


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # Nothing can be cut: errors cost nothing, and one answer is all that is billed.
        ({"retries": 2}, CALL),
        # Two deployments, three calls each, every one cut and billed in full; the answer is one of them.
        ({"retries": 2, "timeout_s": 30}, 6 * CALL),
        # Only what was sent is billed of a cut call: six times that, and one answer on top of its own prompt.
        ({"retries": 2, "timeout_s": 30, "bill_timeouts": "input"}, 6 * SENT + (CALL - SENT)),
        ({"retries": 2, "timeout_s": 30, "bill_timeouts": "none"}, CALL),
        # A hedge beside each of the two calls: the loser is billed in full, whatever cuts cost.
        ({"hedge": {"after_s": 1}}, 4 * CALL),
        # Three passes of two calls.
        ({"timeout_s": 30, "layers": [{"name": "app", "attempts": 3, "backoff": fixed(1)}]}, 6 * CALL),
    ],
)
def test_all_that_a_policy_can_leave_billed_is_counted(policy: dict[str, Any], expected: Decimal) -> None:
    found = dearest(strategy(policy), "s")
    assert found.usd == expected
    assert found.task == "chat"


def test_a_hedge_elsewhere_is_paid_at_that_deployments_price() -> None:
    # a's calls of 600 millionths are hedged to b, whose tokens cost ten times that: a loser at each, one answer of b.
    dear = {
        "modalities": ["text"],
        "context_tokens": 100_000,
        "input_usd_per_mtok": 10,
        "output_usd_per_mtok": 20,
    }
    found = strategy(
        {"hedge": {"after_s": 1, "to": "b"}},
        {"omni": ["a"], "groups": {"spare": ["b"]}},
        models={"m": MODEL, "dear": dear},
        deployments={"a": target(), "b": target(model="dear")},
    )
    assert dearest(found, "s").usd == CALL + 10 * CALL


def test_answers_that_break_off_are_paid_where_they_are_tried_again() -> None:
    breaks = {"a": target(errors={"mid_stream": 0.5}), "b": target(errors={"mid_stream": 0.5})}
    # The broken one ends the request in place of an answer, and costs no more than one.
    assert dearest(strategy({"retries": 1}, deployments=breaks), "s").usd == CALL
    # Two calls at each of two deployments, all broken off at their very end, the last one in place of the answer.
    again = {"retries": 1, "retries_mid_stream": True}
    assert dearest(strategy(again, deployments=breaks), "s").usd == 4 * CALL
    sent = again | {"bill_mid_stream": "input"}
    assert dearest(strategy(sent, deployments=breaks), "s").usd == 4 * SENT + (CALL - SENT)


def test_the_longest_prompt_is_that_of_the_law_or_of_the_window() -> None:
    # A lognormal has no end; the context window of 100,000 tokens has, and the answer its cap of 80.
    tasks = {"chat": {"input_tokens": {"p50": 500, "p95": 900}, "output_tokens": 50, "max_output_tokens": 80}}
    assert dearest(strategy({}, tasks=tasks), "s").usd == (100_000 + 2 * 50) * PER_MTOK
    tasks["chat"]["output_tokens"] = {"exponential_mean": 50}
    assert dearest(strategy({}, tasks=tasks), "s").usd == (100_000 + 2 * 80) * PER_MTOK
    endless = {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}}
    found = dearest(strategy({}, tasks=tasks, models=endless), "s")
    assert found.usd is None
    assert found.text == (
        "the money of one request has no bound: prompts of task chat have no longest one, and a has no context window"
    )


def test_a_cascade_pays_both_answers_and_the_check() -> None:
    verifier = {"model": "m", "input_tokens": 700, "output_tokens": 10}
    tasks = {"chat": {"input_tokens": 500, "output_tokens": 50, "accuracy": {"m": 0.5}}}
    found = {"omni": ["a"], "mini": ["b"], "router": {"kind": "cascade", "verifier": verifier}}
    assert dearest(strategy({}, found, tasks=tasks), "s").usd == 2 * CALL + (700 + 2 * 10) * PER_MTOK


def test_groups_that_a_request_may_fall_back_on_are_paid_too_and_a_platform_takes_its_fee() -> None:
    found = {"omni": ["a"], "groups": {"spare": ["b"]}, "fallbacks": {"omni": ["spare"]}}
    gateway = {"kind": "unified", "fee": 0.05}
    assert dearest(strategy({"timeout_s": 30}, found, gateway=gateway), "s").usd == 2 * CALL * Decimal("1.05")


def test_the_dearest_request_that_happens_costs_what_the_bound_says() -> None:
    # Every call hangs and is cut at 3 s, billed in full: two calls at each of two deployments, no answer at all.
    hangs = target(outages=[{"from_s": 0, "to_s": 1000, "mode": "hang"}])
    rows = at(0, input_tokens=500)
    scenario = strategy(
        {"retries": 1, "backoff": fixed(1), "timeout_s": 3},
        traffic={"trace": {"rows": rows}},
        tasks={"chat": {}},
        deployments={"a": hangs, "b": hangs},
    )
    run = run_window(scenario, "s", plan_windows(scenario)[0])
    billed = run.attempts["billed_input_tokens"].sum() + 2 * run.attempts["billed_output_tokens"].sum()
    assert int(billed) * PER_MTOK == dearest(scenario, "s").usd == 4 * CALL


def test_own_hardware_costs_nothing_by_the_token() -> None:
    own = {"server": {"gpu": "l40s", "usd_per_gpu_hour": 1}, "limits": {"concurrent": 4}}
    models = {"m": {"modalities": ["text"], "context_tokens": 1000}}
    found = dearest(strategy({}, {"omni": ["a"]}, models=models, deployments={"a": target(**own)}), "s")
    assert found.text == "no request costs anything by the token"


def test_shown_amounts_have_two_digits_or_cents() -> None:
    text = dearest(sample({"tasks.faq.max_output_tokens": 100}), "omni-only").text
    assert text.startswith("at most ")
    assert text.endswith(" USD of tokens for one request (task faq)")


@pytest.mark.parametrize(
    ("prices", "dearest_usd"),
    [
        ({"cached_input_usd_per_mtok": 0.1}, 3500 * 1),  # written tokens have no price: plain input
        ({"cached_input_usd_per_mtok": 0.1, "cache_write_usd_per_mtok": 1.25}, 1948 * 1 + 1552 * 1.25),
        ({"cached_input_usd_per_mtok": 0.1, "cache_write_usd_per_mtok": 0.5}, 3500 * 1),
        ({"cached_input_usd_per_mtok": 3, "cache_write_usd_per_mtok": 1.25}, 1948 * 1 + 1552 * 3),
    ],
)
def test_a_prefix_is_billed_as_dear_as_its_cache_can_make_it(
    prices: dict[str, float], dearest_usd: float
) -> None:
    """Prompts of 3,500 tokens; of their prefix of 1,600 the cache keeps 1,024 + 4 x 132 = 1,552."""
    found = strategy(
        {},
        {"omni": ["a"]},
        tasks={
            "chat": {
                "shared_prefix_tokens": 1600, "input_tokens": 1900, "output_tokens": 50, "max_output_tokens": 80,
            }
        },
        models={"m": MODEL | prices},
        deployments={"a": target(prompt_cache={"step_tokens": 132})},
    )  # fmt: skip
    assert dearest(found, "s").usd == (Decimal(str(dearest_usd)) + 100) * PER_MTOK


def test_an_answer_recorded_for_a_model_is_its_longest_whatever_the_factor() -> None:
    # 10 tokens for everybody, which the model halves, and 1,000 recorded for the model itself, taken as they are:
    # 100 in and 1,000 out.
    rows = at(0, output_tokens=10, **{"output_tokens.m": 1000})
    found = strategy(
        {},
        {"omni": ["a"]},
        traffic={"trace": {"rows": rows}},
        tasks={"chat": {}},
        models={"m": MODEL | {"output_token_factor": 0.5}},
        deployments={"a": target()},
    )
    assert dearest(found, "s").usd == (100 + 1000 * 2) * PER_MTOK
    billed = run_window(found, "s", plan_windows(found)[0]).attempts["billed_output_tokens"]
    assert billed.tolist() == [1000]
