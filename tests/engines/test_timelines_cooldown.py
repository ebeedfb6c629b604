"""Timelines of LiteLLM's cooldown, worked out by hand (facts: routing_semantics §5.1).

No half-open state: a deployment is out for 5 s unless said otherwise, then full traffic returns at once.
"""

from typing import Any

import pytest

from planner.engines import rules
from tests.engines.hand_tables import (
    at,
    check_attempts,
    check_events,
    check_outcomes,
    limits,
    outage,
    run_rows,
    target,
)

EDGES = "time_s deployment from to request\n"
COOLDOWN: dict[str, Any] = {"kind": "cooldown"}


def group_of_two(to_s: float) -> dict[str, Any]:
    """a answers 503 after 1 s to calls started before `to_s`, b is well; both answer in 2 s."""
    return {"a": target(outages=[outage(0, to_s)]), "b": target()}


def test_five_failing_calls_then_the_sixth_request_avoids_the_sick_one_of_two() -> None:
    # Failures of a end at 1, 3, 5, 7 and 9: the fifth makes it 5 of 5 and a is out in [9, 14). 5 and 6 go to b
    # at once; 7 at 14 goes to a again, with all others: no probe. 8 beside it too.
    run = run_rows(
        at(0, 2, 4, 6, 8, 10, 13.999999999, 14, 14),
        group_of_two(13),
        {"breaker": COOLDOWN},
    )
    check_outcomes(
        run,
        """
        request ended_s      outcome deployment attempts
        0       3            ok      b          2
        1       5            ok      b          2
        2       7            ok      b          2
        3       9            ok      b          2
        4       11           ok      b          2
        5       12           ok      b          1
        6       15.999999999 ok      b          1
        7       16           ok      a          1
        8       16           ok      a          1
        """,
    )
    check_events(run, "breaker", EDGES + "9 a closed open 4\n14 a open closed 7")


# Requests 0 and 1 take the one request a minute of a and of b, through a rule of their own each.
TWO_LIMITED: dict[str, Any] = {
    "a": target(limits=limits(requests_per_minute=1)),
    "b": target(limits=limits(requests_per_minute=1)),
}
DRAINED: dict[str, Any] = {
    "tasks": {"chat": {}, "to-a": {}, "to-b": {}},
    "strategy": {
        "omni": ["a", "b"],
        "rules": [{"when": {"task": f"to-{name}"}, "to": [name]} for name in ("a", "b")],
    },
}


def drained(*arrivals_s: float) -> list[dict[str, Any]]:
    return at(0, task="to-a") + at(0, task="to-b") + at(*arrivals_s, task="chat")


def test_two_limited_deployments_cost_one_request_two_calls_and_the_next_none() -> None:
    # 2 at 5 is refused by a, which is out at once, so no retry; then by b. 3 at 6 fails with no call. The
    # cooldowns end after 5 s, not after the 55 s that the refusals told: 4 at 10 makes two calls again.
    run = run_rows(
        drained(5, 6, 9.999999999, 10),
        TWO_LIMITED,
        {"when_limited": "retry", "retries": 2, "breaker": {**COOLDOWN, "honours_retry_after": False}},
        **DRAINED,
    )
    check_outcomes(
        run,
        """
        request ended_s     outcome  attempts cause
        0       2           ok       1        -
        1       2           ok       1        -
        2       5           limited  2        limit
        3       6           rejected 0        own-breaker
        4       9.999999999 rejected 0        own-breaker
        5       10          limited  2        limit
        """,
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s outcome retry_after_s
        0       0       a          0         ok      -
        1       0       b          0         ok      -
        2       0       a          5         limited 55
        2       1       b          5         limited 55
        5       0       a          10        limited 50
        5       1       b          10        limited 50
        """,
    )


def test_a_retry_after_is_the_length_of_the_cooldown() -> None:
    # Refused at 5 with 55 s to wait: both are out until 60, when a has its request again.
    run = run_rows(
        drained(5, 59.999999999, 60),
        TWO_LIMITED,
        {"when_limited": "retry", "retries": 2, "breaker": COOLDOWN},
        **DRAINED,
    )
    check_outcomes(
        run,
        """
        request ended_s      outcome  attempts cause
        0       2            ok       1        -
        1       2            ok       1        -
        2       5            limited  2        limit
        3       59.999999999 rejected 0        own-breaker
        4       62           ok       1        -
        """,
    )
    check_events(run, "breaker", EDGES + "5 a closed open 2\n5 b closed open 2\n60 a open closed 4")


def test_a_refusal_in_a_chain_of_one_never_cools() -> None:
    # Retries at 6, 7 and so on would wait for the bucket; here there are none: each request is refused itself.
    run = run_rows(
        at(0, 5, 6),
        {"a": target(limits=limits(requests_per_minute=1))},
        {"when_limited": "retry", "breaker": COOLDOWN},
    )
    check_outcomes(run, "request outcome attempts\n0 ok 1\n1 limited 1\n2 limited 1")
    assert not len(run.events)


def test_allowed_fails_three_means_that_the_fourth_failure_within_the_cooldown_time_cools() -> None:
    # Window of 10 s from the first failure: those of a end at 1, 3, 5 (three) and, in a new window from 11 on,
    # at 11, 13, 15 and 17: the fourth of it. Out in [17, 27).
    run = run_rows(
        at(0, 2, 4, 10, 12, 14, 16, 26.999999999, 27),
        group_of_two(20),
        {"breaker": {**COOLDOWN, "allowed_fails": 3, "open_s": 10}},
    )
    check_outcomes(
        run,
        """
        request ended_s      deployment attempts
        0       3            b          2
        1       5            b          2
        2       7            b          2
        3       13           b          2
        4       15           b          2
        5       17           b          2
        6       19           b          2
        7       28.999999999 b          1
        8       29           a          1
        """,
    )
    check_events(run, "breaker", EDGES + "17 a closed open 6\n27 a open closed 8")


def test_failures_and_successes_are_counted_in_minutes_of_their_own() -> None:
    # Ten successes end at 2: their minute is [2, 62). Failures end at 59, 60, 61, 61.5 and 61.999999999: 5 of 15.
    # At 62 the successes are forgotten, the failures not: the sixth is 6 of 6.
    run = run_rows(
        at(*[0] * 10, 58, 59, 60, 60.5, 60.999999999, 61, 63),
        {"a": target(outages=[outage(50, 100)]), "b": target()},
        {"breaker": COOLDOWN},
    )
    check_events(run, "breaker", EDGES + "62 a closed open 15")
    check_outcomes(
        run,
        "request deployment attempts\n"
        + "\n".join(f"{name} a 1" for name in range(10))
        + "\n"
        + "\n".join(f"{name} b 2" for name in range(10, 16))
        + "\n16 b 1",
    )


def test_a_failure_that_ends_during_a_cooldown_does_not_lengthen_it() -> None:
    # No failure is allowed. 0 fails at 1: out until 6. 1, sent before, fails at 1.5: out until 6 still, as LiteLLM's
    # cache in memory keeps the first expiry (1.109.1: cooled for 2 s at 0 and again at 1, it is back at 2).
    run = run_rows(
        at(0, 0.5, 6, 6.5),
        group_of_two(3),
        {"breaker": {**COOLDOWN, "allowed_fails": 0}},
    )
    check_outcomes(run, "request ended_s deployment\n0 3 b\n1 3.5 b\n2 8 a\n3 8.5 a")
    check_events(run, "breaker", EDGES + "1 a closed open 0\n6 a open closed 2")


def test_a_single_deployment_is_cooled_after_a_thousand_failures_and_no_success() -> None:
    # One call every 10 ms, each an error after 1 s: the 1000th (9.99) fails at 10.99. Out in [10.99, 15.99).
    run = run_rows(
        at(*[number / 100 for number in range(1000)], 10.99, 15.98, 15.99),
        {"a": target(outages=[outage(0, 15.99)])},
        {"breaker": COOLDOWN},
    )
    check_events(run, "breaker", EDGES + "10.99 a closed open 999\n15.99 a open closed 1002")
    assert run.outcomes["attempts"].tolist() == [1] * 1000 + [0, 0, 1]


@pytest.mark.parametrize(
    ("allowed_fails", "group", "is_limited", "failed", "succeeded", "expected"),
    [
        (-1, 2, 1, 1, 100, True),  # a 429 at once
        (-1, 1, 1, 1, 0, False),  # but not of the only one
        (-1, 2, 0, 4, 0, False),  # fewer than five calls
        (-1, 2, 0, 5, 0, True),
        (-1, 2, 0, 5, 5, False),  # half is not more than half
        (-1, 2, 0, 6, 5, True),
        (-1, 1, 0, 6, 5, False),
        (-1, 1, 0, 999, 0, False),
        (-1, 1, 0, 1000, 0, True),  # also the only one
        (-1, 1, 0, 1000, 1, False),
        (3, 2, 1, 3, 0, False),  # allowed_fails replaces all of that
        (3, 2, 0, 4, 100, True),
        (0, 1, 0, 9, 0, False),  # never the only one, unless its group can fall back
    ],
)
def test_the_rules_of_a_cooldown(
    allowed_fails: int, group: int, is_limited: int, failed: int, succeeded: int, expected: bool
) -> None:
    assert expected == rules.is_cooled(allowed_fails, group, False, is_limited, failed, succeeded)
    is_lone = group == 1 and allowed_fails < 0
    also = expected or (allowed_fails >= 0 and failed > allowed_fails)
    assert (expected if is_lone else also) == rules.is_cooled(
        allowed_fails, group, True, is_limited, failed, succeeded
    )


def test_a_single_deployment_whose_group_can_fall_back_is_cooled_under_allowed_fails() -> None:
    # LiteLLM spares a lone deployment only: one that nothing stands in for. a fails at 0-1 and is out until 31.
    run = run_rows(
        at(0, 5, 10),
        {"a": target(errors={"rate": 1, "latency_s": 1.0}), "b": target()},
        {"breaker": {**COOLDOWN, "open_s": 30, "allowed_fails": 0}},
        strategy={"omni": ["a"], "groups": {"g": ["b"]}, "fallbacks": {"omni": ["g"]}},
    )
    check_outcomes(run, "request ended_s deployment attempts\n0 3 b 2\n1 7 b 1\n2 12 b 1")
