"""Timelines worked out by hand: layers of retries around the whole strategy, and budgets for retries.

Each comment derives the expected rows from the engines' rules alone; the run must match them to the nanosecond.
"""

import numpy as np
import pytest

from planner import theory
from planner.engines import rules
from tests.engines.hand_tables import (
    at,
    check_attempts,
    check_outcomes,
    fixed,
    limits,
    outage,
    run_rows,
    target,
)

BROKEN = {"errors": {"rate": 1, "status": 503, "latency_s": 0.5}}  # every call fails after 0.5 s


def layer(name: str, attempts: int, *waits_s: float) -> dict[str, object]:
    return {"name": name, "attempts": attempts, "backoff": fixed(*waits_s)}


def test_twelve_calls_where_four_were_expected() -> None:
    # The application tries 4 times; it does not know that the SDK below it makes 3 calls of each try.
    # SDK: calls at 0, 0.5 + 1 = 1.5, 2 + 1 = 3, over at 3.5. The application waits 10 s each time:
    # passes begin at 0, 13.5, 27 and 40.5; the last call ends at 43.5 + 0.5 = 44.
    run = run_rows(at(0), {"a": target(**BROKEN)}, {"layers": [layer("app", 4, 10), layer("sdk", 3, 1)]})
    check_attempts(
        run,
        """
        attempt role    started_s ended_s
        0       primary 0         0.5
        1       retry   1.5       2
        2       retry   3         3.5
        3       retry   13.5      14
        4       retry   15        15.5
        5       retry   16.5      17
        6       retry   27        27.5
        7       retry   28.5      29
        8       retry   30        30.5
        9       retry   40.5      41
        10      retry   42        42.5
        11      retry   43.5      44
        """,
    )
    check_outcomes(run, "ended_s attempts outcome cause\n44 12 error provider-error")


def test_layers_multiply_with_the_retries_of_every_target() -> None:
    # One pass: a, retry of a after 0.25, b, retry of b after 0.25; two passes, 4 s apart.
    run = run_rows(
        at(0),
        {"a": target(**BROKEN), "b": target(**BROKEN)},
        {"retries": 1, "backoff": fixed(0.25), "layers": [layer("app", 2, 4)]},
    )
    check_attempts(
        run,
        """
        deployment started_s ended_s
        a          0         0.5
        a          0.75      1.25
        b          1.25      1.75
        b          2         2.5
        a          6.5       7
        a          7.25      7.75
        b          7.75      8.25
        b          8.5       9
        """,
    )


def test_waits_of_an_inner_layer_begin_anew_in_every_pass_of_the_outer_one() -> None:
    # Exponential from 1 s: inner waits 1, 2, then again 1, 2; the outer waits 8.
    inner = {"name": "in", "attempts": 3, "backoff": {"kind": "exponential", "base_s": 1, "cap_s": 60}}
    run = run_rows(at(0), {"a": target(**BROKEN)}, {"layers": [layer("out", 2, 8), inner]})
    check_attempts(
        run,
        """
        started_s ended_s
        0         0.5
        1.5       2
        4         4.5
        12.5      13
        14        14.5
        16.5      17
        """,
    )


def test_a_layer_stops_at_the_first_answer_and_at_the_deadline() -> None:
    # Out until 3 s: calls at 0 and 2 fail after 1 s; the third, at 4, is answered at 6.
    down = {"a": target(outages=[outage(0, 3)])}
    run = run_rows(at(0), down, {"layers": [layer("app", 5, 1)]})
    check_outcomes(run, "ended_s attempts outcome deployment\n6 3 ok a")
    # With a deadline of 3.5 s the wait that ends at 4 is given up at 3.5.
    run = run_rows(at(0), down, {"layers": [layer("app", 5, 1)], "deadline_s": 3.5})
    check_outcomes(run, "ended_s attempts outcome cause\n3.5 2 timeout deadline")


def test_what_no_later_pass_could_change_is_not_tried_again() -> None:
    # 100 tokens never fit a bucket of 60: too large, one refusal, no pass more.
    small = {"a": target(limits=limits(tokens_per_minute=60, charge="estimate"))}
    run = run_rows(at(0), small, {"when_limited": "retry", "layers": [layer("app", 4, 1)]})
    check_outcomes(run, "ended_s attempts outcome cause\n0 1 limited too-large")


def test_a_rejection_by_the_own_breaker_is_tried_again_by_a_layer() -> None:
    # The first failure, at 0.5, opens the breaker for 3 s: the passes at 1.5 and 2.5 find it open and make no call;
    # the one at 3.5 is the probe and fails at 4.
    run = run_rows(
        at(0),
        {"a": target(**BROKEN)},
        {"breaker": {"failures": 1, "open_s": 3}, "layers": [layer("app", 4, 1)]},
    )
    check_attempts(run, "started_s ended_s\n0 0.5\n3.5 4")
    check_outcomes(run, "ended_s attempts outcome cause\n4 2 error provider-error")


def test_a_cascade_begins_again_with_mini_and_pays_for_every_answer_that_was_turned_down() -> None:
    # mini answers in 2 s, the check takes 1 s and turns it down; omni fails at 3.5. A second later all of it again:
    # 4.5 to 6.5 mini, check until 7.5, omni until 8. Both answers of mini are billed and of no use.
    run = run_rows(
        at(0),
        {"small": target(), "big": target(**BROKEN)},
        {"layers": [layer("app", 2, 1)]},
        tasks={"chat": {"accuracy": {"m": 0.5}}},
        strategy={
            "mini": ["small"],
            "omni": ["big"],
            "router": {
                "kind": "cascade",
                "verifier": {"model": "m", "latency_s": 1, "true_positive": 0, "false_positive": 0},
            },
        },
    )
    check_attempts(
        run,
        """
        deployment role     started_s ended_s billed_output_tokens
        small      mini     0         2       50
        verifier   verifier 2         3       0
        big        omni     3         3.5     0
        small      mini     4.5       6.5     50
        verifier   verifier 6.5       7.5     0
        big        omni     7.5       8       0
        """,
    )


# -- budgets for retries -------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.2, 0.29, 1.0])
def test_the_budget_is_the_formula_of_the_theory_module(ratio: float) -> None:
    for active in range(300):
        assert rules.retries_allowed(active, round(ratio * 1e6), 3) == theory.retry_budget(active, ratio, 3)


def test_a_budget_of_one_lets_one_request_retry_at_a_time() -> None:
    # Three requests fail at 0.5. 0 takes the only place and retries at 1.5, until 2. 1 and 2 find the budget used
    # up and fail at once. At 10 nobody is retrying: 3 gets its retry.
    run = run_rows(
        at(0, 0, 0, 10),
        {"a": target(**BROKEN)},
        {"retries": 1, "backoff": fixed(1), "retry_budget": {"ratio": 0, "minimum": 1}},
    )
    check_outcomes(
        run,
        """
        request ended_s attempts cause
        0       2       2        provider-error
        1       0.5     1        provider-error
        2       0.5     1        provider-error
        3       12      2        provider-error
        """,
    )


def test_a_share_of_the_requests_in_flight_may_retry() -> None:
    # Ten in flight, 20 %: 0 and 1 may retry; when 2 asks, both places are taken. Nobody has left yet at that moment
    # but those who were refused before: 3 finds 9 in flight and floor(1.8) = 1 place.
    run = run_rows(
        at(*[0] * 10),
        {"a": target(**BROKEN)},
        {"retries": 1, "backoff": fixed(1), "retry_budget": {"ratio": 0.2, "minimum": 0}},
    )
    assert run.outcome_arrays["attempts"].tolist() == [2, 2, 1, 1, 1, 1, 1, 1, 1, 1]


def test_a_layers_retry_counts_against_the_budget_too() -> None:
    run = run_rows(
        at(0, 0),
        {"a": target(**BROKEN)},
        {"layers": [layer("app", 3, 1)], "retry_budget": {"ratio": 0, "minimum": 1}},
    )
    check_outcomes(run, "request ended_s attempts\n0 3.5 3\n1 0.5 1")


def test_a_budget_keeps_an_outage_from_being_multiplied() -> None:
    """Twenty requests a second, all failing after 0.5 s: three retries make four calls of each.

    With a budget of 10 %, r retries a request take r x 1.5 s (wait 1 s, call 0.5 s) of the 0.5 + 1.5 r s that a request
    lives, so by Little's law 1.5 r = 0.1 (0.5 + 1.5 r): r = 0.037.
    """
    rows = at(*np.arange(0, 500, 0.05).tolist())
    policy = {"retries": 3, "backoff": fixed(1)}
    storm = run_rows(rows, {"a": target(**BROKEN)}, policy)
    mended = run_rows(rows, {"a": target(**BROKEN)}, policy | {"retry_budget": {"ratio": 0.1, "minimum": 0}})
    assert storm.outcome_arrays["attempts"].mean() == 4
    assert mended.outcome_arrays["attempts"].mean() == pytest.approx(1.037, abs=0.005)


def test_a_retry_that_found_nobody_to_ask_gives_its_place_in_the_budget_back() -> None:
    # Both of the group are cut out by their breakers: request 0's retries ask nobody from 1.5 on. Three places are free
    # at 100 all the same: each of three simultaneous requests makes its 3 passes of 2 calls at c, which always fails.
    error = {"rate": 1, "latency_s": 0.5}
    run = run_rows(
        [*at(0), *at(100, 100, 100, input_tokens=1000)],
        {
            "a": target(errors=error),
            "b": target(errors=error),
            "c": target(errors=error, policy={"breaker": None}),
        },
        {
            "retry_target": "reselect", "retries": 1, "backoff": fixed(1), "breaker": {"failures": 1, "open_s": 30},
            "layers": [{"name": "app", "attempts": 3, "backoff": fixed(0.5)}],
            "retry_budget": {"ratio": 0, "minimum": 3},
        },
        strategy={
            "omni": [["a", "b"]], "groups": {"g": ["c"]},
            "rules": [{"when": {"context_tokens_over": 500}, "to": "g"}],
        },
    )  # fmt: skip
    assert run.outcomes["attempts"].tolist() == [2, 6, 6, 6]
