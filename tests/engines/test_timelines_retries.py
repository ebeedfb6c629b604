"""Hand-worked timelines of retries: whom they ask, how many there are, and how long they wait."""

import itertools
import math

import pytest

from planner.catalogue.policies import preset
from planner.chance import stream_id, to_ns, uniform
from tests.engines.hand_tables import (
    at,
    check_attempts,
    check_events,
    check_outcomes,
    fixed,
    limits,
    outage,
    run_rows,
    target,
)

ONE_S = {"latency": {"total_s": 1.0}}
FAILING = target(errors={"rate": 1, "status": 503, "latency_s": 1.0})
RESELECT = {"retry_target": "reselect", "sibling_wait": "none", "backoff": fixed(0.5)}
COOLED_BY_ONE = {"kind": "cooldown", "open_s": 30, "allowed_fails": 0}


# -- reselect ----------------------------------------------------------------------------------------


def test_a_retry_that_chooses_anew_leaves_who_was_cooled() -> None:
    # One failure cools a for 30 s. The retry at 1 finds b, at once: a sibling is healthy. Request 1, at 5, asks b
    # alone. At 31 a is back: cooled at 1, for 30 s.
    run = run_rows(
        at(0, 5, 31),
        {"a": FAILING, "b": target(**ONE_S)},
        RESELECT | {"retries": 2, "breaker": COOLED_BY_ONE},
        strategy={"omni": [["a", "b"]]},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome
        0       0       a          primary 0         1       error
        0       1       b          retry   1         2       ok
        1       0       b          primary 5         6       ok
        2       0       a          primary 31        32      error
        2       1       b          retry   32        33      ok
        """,
    )


def test_each_order_has_retries_of_its_own_and_the_first_may_use_the_next() -> None:
    # Order 1 is a, order 2 is b (levels). Nobody is ever cooled: two retries of a at once, as a sibling is healthy,
    # then b's turn with two of its own.
    run = run_rows(
        at(0), {"a": FAILING, "b": FAILING}, RESELECT | {"retries": 2}, strategy={"omni": ["a", "b"]}
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s
        0       0       a          0         1
        0       1       a          1         2
        0       2       a          2         3
        0       3       b          3         4
        0       4       b          4         5
        0       5       b          5         6
        """,
    )
    # a is cooled by its first failure: the retries of the first turn go to b. b's own turn follows, a fourth call.
    run = run_rows(
        at(0),
        {"a": FAILING, "b": FAILING | {"policy": {"breaker": None}}},
        RESELECT | {"retries": 2, "breaker": COOLED_BY_ONE},
        strategy={"omni": ["a", "b"]},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s
        0       0       a          0         1
        0       1       b          1         2
        0       2       b          2         3
        0       3       b          3         4
        0       4       b          4         5
        0       5       b          5         6
        """,
    )


def test_two_limited_deployments_make_two_calls_and_the_next_request_none() -> None:
    # Measured on LiteLLM: two deployments, both 429, 2 retries: request 2 makes 2 calls, not 3, as nobody is healthy
    # then; request 3 makes none. One request a minute is let through by each: 0 and 1 have them, at their own groups.
    deployments = {name: target(limits=limits(requests_per_minute=1, burst_s=60)) for name in "ab"}
    policy = preset("litellm").policy | {"select": "in-order"}
    only = {name: {"when": {"task": name}, "to": [name]} for name in "ab"}
    run = run_rows(
        [*at(0, task="a"), *at(0, task="b"), *at(10, 12, task="chat")],
        deployments,
        policy,
        strategy={"omni": [["a", "b"]], "rules": [only["a"], only["b"]]},
        tasks={"chat": {}, "a": {}, "b": {}},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  attempts cause
        0       2       ok       1        -
        1       2       ok       1        -
        2       10      limited  2        limit
        3       12      rejected 0        own-breaker
        """,
    )
    check_events(
        run,
        "breaker",
        """
        time_s deployment from   to
        10     a          closed open
        10     b          closed open
        """,
    )


def test_a_sibling_that_is_healthy_saves_the_wait_also_what_a_refusal_asks() -> None:
    # a lets one request a minute through. Request 1 at 1 is refused and told to wait 59 s; b is healthy: at once.
    deployments = {"a": target(limits=limits(requests_per_minute=1, burst_s=60)), "b": target(**ONE_S)}
    policy = RESELECT | {"retries": 1, "when_limited": "retry", "breaker": COOLED_BY_ONE}
    run = run_rows(at(0, 1), deployments, policy, strategy={"omni": [["a", "b"]]})
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         2       ok
        1       0       a          1         1       limited
        1       1       b          1         2       ok
        """,
    )
    # With sibling_wait backoff the 59 s are waited, and a, no longer cooled at 60, is the first to be asked again.
    run = run_rows(
        at(0, 1), deployments, policy | {"sibling_wait": "backoff"}, strategy={"omni": [["a", "b"]]}
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         2       ok
        1       0       a          1         1       limited
        1       1       a          60        62      ok
        """,
    )


def test_who_can_never_take_a_request_is_not_asked_again_by_a_retry() -> None:
    # a's bucket holds 50 tokens, the prompt has 100: refused, and told that no retry will help. b answers.
    deployments = {
        "a": target(limits=limits(tokens_per_minute=50, burst_s=60, charge="estimate")),
        "b": target(**ONE_S),
    }
    run = run_rows(
        at(0),
        deployments,
        RESELECT | {"retries": 1, "when_limited": "retry"},
        strategy={"omni": [["a", "b"]]},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome retry_after_s
        0       0       a          0         0       limited -
        0       1       b          0         1       ok      -
        """,
    )
    # Alone it would be asked in vain: the request is over.
    run = run_rows(at(0), {"a": deployments["a"]}, RESELECT | {"retries": 3, "when_limited": "retry"})
    check_outcomes(run, "ended_s outcome attempts cause\n0 limited 1 too-large")


# -- how many, and the wait after the last -----------------------------------------------------------


def test_no_retries_no_sleep_after_the_last() -> None:
    # LiteLLM raises before its loop where there are no retries; with one, it sleeps 0.5 s, calls, sleeps 0.5 s.
    policy = {"backoff": fixed(0.5), "sleep_after_last": True}
    run = run_rows(at(0), {"a": FAILING}, policy | {"retries": 0})
    check_outcomes(run, "ended_s attempts\n1 1")
    run = run_rows(at(0), {"a": FAILING}, policy | {"retries": 1})
    check_outcomes(run, "ended_s attempts\n3 2")  # 0-1, 1.5-2.5, 0.5 s of sleep


def test_failures_of_each_class_have_retries_of_their_own() -> None:
    # Portkey's codes: errors are tried again twice, timeouts never. The outage answers 503 after 1 s until 3, then
    # calls hang and are cut after 2 s. 0-1, 1.5-2.5 fail with 503; the second retry, 3-5, is a timeout: the end.
    deployments = {"a": target(outages=[outage(0, 3), outage(3, 60, "hang")])}
    policy = {
        "timeout_s": 2, "retries": 5, "retries_after": {"error": 2, "timeout": 0}, "backoff": fixed(0.5),
    }  # fmt: skip
    run = run_rows(at(0, 10), deployments, policy)
    check_attempts(
        run,
        """
        request attempt started_s ended_s outcome
        0       0       0         1       error
        0       1       1.5       2.5     error
        0       2       3         5       timeout
        1       0       10        12      timeout
        """,
    )
    # Errors have two retries: the third error is the last although five are allowed after others.
    run = run_rows(at(0), {"a": FAILING}, policy)
    check_outcomes(run, "ended_s attempts cause\n4 3 provider-error")


def test_of_equals_one_is_asked_and_then_the_next_level() -> None:
    # Portkey's load balancer draws once: a fails, b is not asked, the next level c answers. Request 1's turn is b.
    run = run_rows(
        at(0, 10),
        {"a": FAILING, "b": FAILING, "c": target(**ONE_S)},
        {"select": "round-robin", "asks_equals": False, "retries": 0},
        strategy={"omni": [["a", "b"], ["c"]]},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         1       error
        0       1       c          1         2       ok
        1       0       b          10        11      error
        1       1       c          11        12      ok
        """,
    )


def test_a_breaker_that_only_moves_its_deployment_to_the_end() -> None:
    # a is cheapest and fails once at 0-1: for 30 s b is asked before it. b, down from 10 to 20, fails request 1 at
    # 11: then a is asked all the same, and answers. Request 2, at 31, finds a first again: cooled at 1.
    deployments = {
        "a": target(outages=[outage(0, 5)], **ONE_S),
        "b": target(outages=[outage(10, 20)], model="dear", **ONE_S),
    }
    models = {
        name: {
            "modalities": ["text"],
            "context_tokens": 1000,
            "input_usd_per_mtok": usd,
            "output_usd_per_mtok": usd,
        }
        for name, usd in (("m", 1), ("dear", 2))
    }
    run = run_rows(
        at(0, 10, 31),
        deployments,
        {"select": "cheapest", "breaker": COOLED_BY_ONE | {"when_open": "last"}},
        strategy={"omni": [["a", "b"]]},
        models=models,
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         1       error
        0       1       b          1         2       ok
        1       0       b          10        11      error
        1       1       a          11        12      ok
        2       0       a          31        32      ok
        """,
    )
    check_events(
        run,
        "breaker",
        """
        time_s deployment from   to
        1      a          closed open
        11     b          closed open
        31     a          open   closed
        """,
    )


# -- how long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "retried_s"),
    [
        ({}, "60"),  # what the refusal asks: one a minute
        ({"honours_retry_after": False}, "1.5"),  # the backoff, and refused again there
        ({"retry_after_cap_s": 10, "retry_after_above_cap": "backoff"}, "1.5"),
    ],
)
def test_a_retry_after_is_waited_for_or_not(policy: dict[str, object], retried_s: str) -> None:
    run = run_rows(
        at(0, 1),
        {"a": target(limits=limits(requests_per_minute=1, burst_s=60))},
        {"retries": 1, "when_limited": "retry", "backoff": fixed(0.5)} | policy,
    )
    outcome = "ok" if retried_s == "60" else "limited"
    check_attempts(
        run,
        f"""
        request attempt started_s outcome
        0       0       0         ok
        1       0       1         limited
        1       1       {retried_s} {outcome}
        """,
    )


def test_a_longer_retry_after_than_is_honoured_is_no_retry() -> None:
    run = run_rows(
        at(0, 1),
        {"a": target(limits=limits(requests_per_minute=1, burst_s=60))},
        {"retries": 1, "when_limited": "retry", "backoff": fixed(0.5), "retry_after_cap_s": 10},
    )
    check_outcomes(run, "request ended_s attempts\n0 2 1\n1 1 1")


def test_a_retry_after_may_have_a_random_extra() -> None:
    # The refusal at 1 asks for 59 s; up to 0.75 s are added, by the draw of the backoff of request 1's first call.
    run = run_rows(
        at(0, 1),
        {"a": target(limits=limits(requests_per_minute=1, burst_s=60))},
        {"retries": 1, "when_limited": "retry", "backoff": fixed(0.5), "retry_after_jitter_s": 0.75},
    )
    extra_ns = to_ns(0.75 * uniform(1, 0, stream_id("backoff", "a"), 1, 0))
    assert 0 < extra_ns < 750_000_000
    started = run.attempt_arrays["started_ns"][run.attempt_arrays["request"] == 1]
    assert started.tolist() == [10**9, 60 * 10**9 + extra_ns]


def test_pollys_decorrelated_waits_follow_its_curve() -> None:
    # DecorrelatedJitterBackoffV2 with a median first delay of 1 s: wait k is (f(k + u_k) - f(k - 1 + u_(k-1))) / 1.4
    # with f(t) = 2^t tanh(sqrt(4t)), nothing before the first. Calls fail after 1 s each.
    run = run_rows(
        at(0), {"a": FAILING}, {"retries": 3, "backoff": {"kind": "polly", "base_s": 1, "cap_s": 1000}}
    )
    draws = [uniform(1, 0, stream_id("backoff", "a"), 0, k) for k in range(3)]
    curve = [0.0, *(2 ** (k + u) * math.tanh(math.sqrt(4 * (k + u))) for k, u in enumerate(draws))]
    waits_s = [(after - before) / 1.4 for before, after in itertools.pairwise(curve)]
    started_s = [0.0]
    for wait_s in waits_s:
        started_s.append(started_s[-1] + 1 + wait_s)
    assert run.attempts["started_s"].tolist() == pytest.approx(started_s, abs=5e-9)
    # Its ceiling cuts a wait, and leaves the curve as it is.
    cut = run_rows(
        at(0), {"a": FAILING}, {"retries": 3, "backoff": {"kind": "polly", "base_s": 1, "cap_s": 0.5}}
    )
    waited = cut.attempts["started_s"].diff().dropna() - 1
    assert waited.tolist() == pytest.approx([min(wait_s, 0.5) for wait_s in waits_s], abs=5e-9)
