"""Timelines worked out by hand: what a group of deployments falls back on when all of it has failed.

Each comment derives the expected rows from the engines' rules alone; the run must match them to the nanosecond.
"""

from typing import Any

import pytest

from planner import failures, tables
from planner.engines import rules
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

BROKEN = {"errors": {"rate": 1, "status": 503, "latency_s": 0.5}}  # every call fails after 0.5 s
REFUSING = {"content_filter": {"share": 1, "latency_s": 0.25}}  # every prompt is refused after 0.25 s
SMALL = {
    "modalities": ["text"], "context_tokens": 100, "input_usd_per_mtok": 1, "output_usd_per_mtok": 2,
}  # fmt: skip


def in_groups(fallbacks: dict[str, Any], *names: str, first: str = "a") -> dict[str, Any]:
    """A strategy that asks deployment `first`, with a group of its own name around each of the others."""
    return {"omni": [first], "groups": {name: [name] for name in names}, "fallbacks": fallbacks}


def test_each_hop_makes_its_own_retries() -> None:
    # a: calls at 0 and 0.5 + 1 = 1.5, over at 2. Then b, at once, with two calls of its own 1 s apart: 2 and 3.5,
    # over at 4. Then c answers in 2 s.
    strategy = in_groups({"omni": ["b", "c"]}, "b", "c")
    deployments = {"a": target(**BROKEN), "b": target(**BROKEN), "c": target()}
    run = run_rows(at(0), deployments, {"retries": 1, "backoff": fixed(1)}, strategy=strategy)
    check_attempts(
        run,
        """
        deployment role    started_s ended_s outcome
        a          primary 0         0.5     error
        a          retry   1.5       2       error
        b          retry   2         2.5     error
        b          retry   3.5       4       error
        c          retry   4         6       ok
        """,
    )
    check_outcomes(run, "deployment tier attempts ended_s outcome\nc omni 5 6 ok")


@pytest.mark.parametrize(
    ("given", "chosen", "cause"),
    [
        ({"errors": BROKEN["errors"]}, "error", "provider-error"),
        # One call a minute: the second request is refused at once.
        ({"limits": limits(requests_per_minute=1, burst_s=60)}, "limit", "limit"),
        ({"latency": {"total_s": 9.0}}, "timeout", "timeout"),
        ({"model": "small"}, "context-window", "no-eligible-deployment"),
        (REFUSING, "content-policy", "content-policy"),
    ],
)
def test_the_last_failure_of_a_group_says_which_list_counts(given: Any, chosen: str, cause: str) -> None:
    # Two requests of 200 input tokens, which a model with a window of 100 cannot take. The second one finds the
    # bucket of one request empty; for all others the second is as the first. Every list names another deployment,
    # and each of those answers: who answers the second request tells which list was taken.
    others = ("error", "limit", "timeout", "context-window", "content-policy")
    lists = {other.replace("-", "_"): [f"for-{other}"] for other in others}
    names = [f"for-{other}" for other in others]
    deployments = {"a": target(**given)} | {name: target() for name in names}
    models = {"m": MODEL, "small": SMALL}
    run = run_rows(
        at(0, 20, input_tokens=200),
        deployments,
        {"timeout_s": 5},
        strategy=in_groups({"omni": lists}, *names),
        models=models,
    )
    served = run.outcomes.set_index("request")["deployment"]
    assert served[1] == f"for-{chosen}"
    # Without any list the same request fails for that cause.
    alone = run_rows(at(0, 20, input_tokens=200), {"a": deployments["a"]}, {"timeout_s": 5}, models=models)
    assert alone.outcomes.set_index("request")["cause"][1] == cause


def test_a_failure_without_a_list_of_its_own_takes_the_list_for_any() -> None:
    # a fails with 503: its list for limits does not count, that for any does. b has no fallbacks and fails: over.
    strategy = in_groups({"omni": {"limit": ["c"], "any": ["b"]}}, "b", "c")
    deployments = {"a": target(**BROKEN), "b": target(**BROKEN), "c": target()}
    run = run_rows(at(0), deployments, strategy=strategy)
    check_attempts(run, "deployment started_s ended_s\na 0 0.5\nb 0.5 1")
    check_outcomes(run, "ended_s outcome cause attempts\n1 error provider-error 2")


def test_fallbacks_of_a_fallback_come_before_the_rest_of_the_list() -> None:
    # a falls back on b and d, b on c: a, b, c, then d. Every call fails after 0.5 s.
    strategy = in_groups({"omni": ["b", "d"], "b": ["c"]}, "b", "c", "d")
    run = run_rows(at(0), {name: target(**BROKEN) for name in "abcd"}, strategy=strategy)
    check_attempts(run, "deployment started_s\na 0\nb 0.5\nc 1\nd 1.5")


def test_a_group_is_asked_once_in_a_pass() -> None:
    # Both b and c lead to d, and a names d last: d is asked once, as soon as b has failed. A second pass of the
    # layer, 8 s later, begins anew with all of them.
    strategy = in_groups({"omni": ["b", "c", "d"], "b": ["d"], "c": ["d"]}, "b", "c", "d")
    layers = [{"name": "app", "attempts": 2, "backoff": fixed(8)}]
    run = run_rows(at(0), {name: target(**BROKEN) for name in "abcd"}, {"layers": layers}, strategy=strategy)
    check_attempts(
        run,
        """
        deployment started_s
        a          0
        b          0.5
        d          1
        c          1.5
        a          10
        b          10.5
        d          11
        c          11.5
        """,
    )


@pytest.mark.parametrize(("most", "asked"), [(0, "a"), (1, "abe"), (2, "abce"), (3, "abcde"), (5, "abcde")])
def test_no_more_fallbacks_follow_one_upon_another_than_allowed(most: int, asked: str) -> None:
    # a falls back on b, b on c, c on d; and a, after b, on e, which is its own first fallback, whatever the depth of b.
    strategy = in_groups({"omni": ["b", "e"], "b": ["c"], "c": ["d"]}, "b", "c", "d", "e")
    run = run_rows(
        at(0), {name: target(**BROKEN) for name in "abcde"}, {"max_fallbacks": most}, strategy=strategy
    )
    assert "".join(run.attempts["deployment"]) == asked


def test_a_group_that_cannot_take_a_request_makes_no_call_and_falls_back_for_its_size() -> None:
    # The window of a holds 100 tokens, the prompt has 200: no call there, the list for size counts, not that for any.
    strategy = in_groups({"omni": {"context_window": ["b"], "any": ["c"]}}, "b", "c")
    deployments = {"a": target(model="small"), "b": target(), "c": target()}
    models = {"m": MODEL, "small": SMALL}
    run = run_rows(at(0, input_tokens=200), deployments, strategy=strategy, models=models)
    check_attempts(run, "deployment role started_s ended_s\nb primary 0 2")


def test_a_refused_prompt_is_not_sent_again_and_is_refused_alike_by_the_same_provider() -> None:
    # a refuses after 0.25 s, status 400: no retry there. b is of the same provider and has the same share, so it
    # refuses too. c has no filter and answers.
    deployments = {
        "a": target(provider="openai", **REFUSING),
        "b": target(provider="openai", **REFUSING),
        "c": target(),
    }
    run = run_rows(at(0), deployments, {"retries": 2}, strategy={"omni": ["a", "b", "c"]})
    check_attempts(
        run,
        """
        deployment started_s ended_s outcome status input_tokens output_tokens billed_input_tokens
        a          0         0.25    error   400    100          0             0
        b          0.25      0.5     error   400    100          0             0
        c          0.5       2.5     ok      200    100          50            100
        """,
    )


def test_half_a_providers_refusals_are_the_same_prompts_at_all_its_deployments() -> None:
    # Shares of one half: whoever is refused by a is refused by b of the same provider, so b serves nobody whom a
    # refused; d is of another provider with luck of its own, and serves some of them.
    half = {"content_filter": {"share": 0.5, "latency_s": 0.25, "billed": "input"}}
    deployments = {
        "a": target(provider="openai", **half),
        "b": target(provider="openai", **half),
        "d": target(provider="azure", **half),
    }
    run = run_rows(at(*range(64)), deployments, strategy={"omni": ["a", "b", "d"]})
    served = run.outcomes["deployment"].value_counts()
    assert served.get("b", 0) == 0
    assert 20 <= served["a"] <= 44  # 32 +- 3 standard deviations of 4; the seed is fixed
    assert served["d"] > 0
    refused = run.attempts[run.attempts["status"] == 400]
    assert (refused["billed_input_tokens"] == 100).all()  # billed: input
    assert (refused["billed_output_tokens"] == 0).all()


def test_a_list_for_refused_prompts_leaves_the_rest_of_the_group_at_once() -> None:
    # Without a list of its own the rest of the group, b, is asked; with one the request goes straight to c.
    deployments = {"a": target(**REFUSING), "b": target(), "c": target()}
    base = {"omni": ["a", "b"], "groups": {"c": ["c"]}}
    run = run_rows(at(0), deployments, strategy=base | {"fallbacks": {"omni": {"any": ["c"]}}})
    check_attempts(run, "deployment started_s\na 0\nb 0.25")
    run = run_rows(at(0), deployments, strategy=base | {"fallbacks": {"omni": {"content_policy": ["c"]}}})
    check_attempts(run, "deployment started_s\na 0\nc 0.25")


def test_special_lists_of_one_group_may_bar_the_list_for_any_of_others() -> None:
    # LiteLLM: as somebody (b) has a list for refused prompts, a's own list for any does not count for them.
    deployments = {"a": target(**REFUSING), "b": target(), "c": target()}
    strategy = in_groups({"omni": {"any": ["b"]}, "b": {"content_policy": ["c"], "any": ["c"]}}, "b", "c")
    run = run_rows(at(0), deployments, strategy=strategy)
    check_outcomes(run, "deployment attempts outcome cause\nb 2 ok -")
    run = run_rows(at(0), deployments, {"special_fallbacks_only": True}, strategy=strategy)
    check_outcomes(run, "deployment attempts outcome cause\n- 1 error content-policy")


def test_refused_prompts_say_nothing_to_a_breaker() -> None:
    # Two failures in a row would open it; three refusals leave it closed, so the fourth request is sent, too.
    breaker = {"kind": "consecutive", "failures": 2, "open_s": 60}
    run = run_rows(at(0, 1, 2, 3), {"a": target(**REFUSING)}, {"breaker": breaker})
    assert run.events.empty
    assert run.attempts["status"].tolist() == [400] * 4


def test_the_deadline_ends_a_walk_through_groups() -> None:
    # a fails at 0.5, b at 1; c would answer at 3, but the deadline cuts it at 2.
    strategy = in_groups({"omni": ["b"], "b": ["c"], "c": ["d"]}, "b", "c", "d")
    deployments = {"a": target(**BROKEN), "b": target(**BROKEN), "c": target(), "d": target()}
    run = run_rows(at(0), deployments, {"deadline_s": 2}, strategy=strategy)
    check_attempts(run, "deployment started_s ended_s outcome\na 0 0.5 error\nb 0.5 1 error\nc 1 2 timeout")
    check_outcomes(run, "ended_s outcome cause\n2 timeout deadline")


def test_a_rule_sends_to_a_group_that_falls_back() -> None:
    # The rule sends every request to b, which fails; c is its fallback. omni, group a, is never asked.
    strategy = in_groups({"b": ["c"]}, "b", "c") | {"rules": [{"when": {"task": "chat"}, "to": "b"}]}
    deployments = {"a": target(), "b": target(**BROKEN), "c": target()}
    run = run_rows(at(0), deployments, strategy=strategy)
    check_attempts(run, "deployment started_s\nb 0\nc 0.5")
    check_outcomes(run, "tier deployment\nrule c")


def test_both_stages_of_a_cascade_fall_back_and_no_group_is_asked_twice() -> None:
    # mini (a) fails at 0.5; its fallback b answers at 2.5; the check takes 0.5 s and turns the answer down (no
    # answer is accepted). omni (c) fails at 3.5. Its fallbacks are b, already asked in
    # this pass, and d, which answers at 5.5.
    strategy = {
        "omni": ["c"],
        "mini": ["a"],
        "groups": {"b": ["b"], "d": ["d"]},
        "fallbacks": {"mini": ["b"], "omni": ["b", "d"]},
        "router": {
            "kind": "cascade",
            "verifier": {"model": "m", "latency_s": 0.5, "true_positive": 0, "false_positive": 0},
        },
    }
    deployments = {"a": target(**BROKEN), "b": target(), "c": target(**BROKEN), "d": target()}
    tasks = {"chat": {"accuracy": {"m": 0.5}}}
    run = run_rows(at(0), deployments, strategy=strategy, tasks=tasks)
    check_attempts(
        run,
        """
        deployment role     started_s ended_s outcome
        a          mini     0         0.5     error
        b          mini     0.5       2.5     ok
        verifier   verifier 2.5       3       ok
        c          omni     3         3.5     error
        d          omni     3.5       5.5     ok
        """,
    )
    check_outcomes(run, "deployment tier attempts outcome\nd omni 5 ok")


def test_classes_of_failures_are_those_of_the_table() -> None:
    for cause, failure in rules.FAILURE_OF.items():
        found = rules.failure_of(tables.CAUSES.index(cause))
        assert failures.FAILURES[found] == failure, cause
    assert set(rules.FAILURE_OF) == set(tables.CAUSES) - {"", "deadline"}
