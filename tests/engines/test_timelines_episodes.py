"""Timelines worked out by hand: episodes of 429s, and episodes that only a part of the calls meets."""

import math

from planner.chance import stream_id, uniform
from tests.engines.hand_tables import at, check_attempts, check_outcomes, fixed, outage, run_rows, target

OVERLOADED = {"mode": "limited", "error_latency_s": 0.5}


def test_an_episode_of_429s_answers_after_its_latency_and_costs_nothing() -> None:
    # Refused at 0.5 and asked to wait 2 s. At 2.5 the episode still holds: refused again at 3, and asked for 2 s more.
    # At 5 it is over: 5 to 7.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 3, **OVERLOADED, retry_after_s=2)])},
        {"retries": 2, "backoff": fixed(0.25)},
    )
    check_attempts(
        run,
        """
        attempt started_s ended_s outcome status retry_after_s input_tokens output_tokens billed_input_tokens
        0       0         0.5     limited 429    2             100          0             0
        1       2.5       3       limited 429    2             100          0             0
        2       5         7       ok      200    -             100          50            100
        """,
    )


def test_a_429_that_says_nothing_is_retried_after_the_backoff_and_is_lost_to_a_limit() -> None:
    run = run_rows(
        at(0), {"a": target(outages=[outage(0, 60, **OVERLOADED)])}, {"retries": 1, "backoff": fixed(0.25)}
    )
    check_attempts(run, "started_s ended_s retry_after_s\n0 0.5 -\n0.75 1.25 -")
    check_outcomes(run, "ended_s outcome cause attempts\n1.25 limited limit 2")


def test_a_refusal_slower_than_the_timeout_is_a_cut_call_that_is_billed_nothing() -> None:
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 60, mode="limited", error_latency_s=3, retry_after_s=9)])},
        {"timeout_s": 1},
    )
    check_attempts(run, "started_s ended_s outcome retry_after_s billed_input_tokens\n0 1 timeout - 0")


def test_a_429_of_the_provider_cools_it_as_one_of_a_limit_does() -> None:
    # LiteLLM: a 429 cools a deployment of a group of two at once, for as long as it says.
    run = run_rows(
        at(0, 2, 3),
        {"a": target(outages=[outage(0, 1, **OVERLOADED, retry_after_s=2)]), "b": target()},
        {"breaker": {"kind": "cooldown", "open_s": 30}},
    )
    check_outcomes(run, "request ended_s deployment attempts\n0 2.5 b 2\n1 4 b 1\n2 5 a 1")


def test_a_share_of_the_calls_meets_an_episode_and_the_others_are_served_as_ever() -> None:
    # Each call has a draw of its own: below 0.25 it meets the outage, and fails after 1 s; else 2 s.
    n = 400
    run = run_rows(at(*range(0, 10 * n, 10)), {"a": target(outages=[outage(0, 1e6, share=0.25)])})
    meets = [uniform(1, 0, stream_id("outage-share", "a"), name, 0) < 0.25 for name in range(n)]
    assert abs(sum(meets) - n / 4) < 5 * math.sqrt(n * 0.25 * 0.75)
    assert (run.outcomes["outcome"] == "error").tolist() == meets
    assert (run.attempts["ended_s"] - run.attempts["started_s"]).tolist() == [
        1 if met else 2 for met in meets
    ]
