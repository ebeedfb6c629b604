"""Calls worked out by hand: gateway latency, hidden tokens, token factors, billing of cut calls.

Each comment derives the expected rows from the engines' rules alone (one call takes 2 s unless
the text says otherwise); the run must match them to the nanosecond.
"""

import pytest

from tests.engines.hand_tables import (
    MODEL,
    STREAM,
    at,
    check_attempts,
    check_outcomes,
    limits,
    outage,
    run_rows,
    target,
)


def test_gateway_latency_is_added_to_every_call_and_not_slowed_down() -> None:
    # 30 ms in front of each call. 0: error answered at 1.03; wait 1; 2.03: first token 1.03 later,
    # end 2.03 later. 1 starts in the slow window: 0.03 + 3 x (1, 2). 2 hangs no longer than the
    # timeout, which counts from the start and so includes the gateway.
    run = run_rows(
        at(0, 10, 20),
        {
            "a": target(
                latency=STREAM,
                outages=[
                    outage(0, 1),
                    outage(10, 11, "degraded", slowdown=3),
                    outage(20, 30, "hang"),
                ],
            )
        },
        {"timeout_s": 7, "retries": 1},
        gateway={"kind": "unified", "latency_s": 0.03},
    )
    check_attempts(
        run,
        """
        request attempt queued_s started_s first_token_s ended_s outcome
        0       0       0        0         -             1.03    error
        0       1       2.03     2.03      3.06          4.06    ok
        1       0       10       10        13.03         16.03   ok
        2       0       20       20        -             27      timeout
        2       1       28       28        -             35      timeout
        """,
    )


def test_the_gateways_time_counts_against_the_timeout() -> None:
    # 2.0 + 0.5 = 2.5 is the timeout: served. With 2.499999999 it is cut.
    for timeout_s, outcome in ((2.5, "ok"), (2.499999999, "timeout")):
        run = run_rows(at(0), policy={"timeout_s": timeout_s}, gateway={"kind": "unified", "latency_s": 0.5})
        check_attempts(run, f"request ended_s outcome\n0 {timeout_s} {outcome}")


def test_no_gateway_stands_before_own_machines() -> None:
    run = run_rows(
        at(0, 10),
        {
            "own": target(server={"gpu": "l40s"}, limits=limits(concurrent=8), outages=[outage(10, 20)]),
            "a": target(),
        },
        gateway={"kind": "unified", "latency_s": 0.5},
    )
    check_attempts(
        run,
        """
        request deployment started_s ended_s outcome
        0       own        0         2       ok
        1       own        10        11      error
        1       a          11        13.5    ok
        """,
    )


def test_the_first_visible_token_comes_after_the_hidden_ones() -> None:
    # 4 hidden tokens for each of 100 visible: 400 / 50 per s = 8 s after the first 1 s, then 2 s.
    run = run_rows(
        at(0, output_tokens=100),
        {"a": target(latency=STREAM)},
        models={"m": {**MODEL, "reasoning_tokens_per_output_token": 4}},
    )
    check_attempts(
        run,
        """
        request first_token_s ended_s input_tokens output_tokens reasoning_tokens billed_input_tokens billed_output_tokens billed_reasoning_tokens
        0       9             11      100          100           400              100                 100                  400
        """,
    )
    check_outcomes(run, "request first_token_s ended_s\n0 9 11")


def test_token_factors_of_a_model_change_what_is_sent_and_how_long_it_takes() -> None:
    # 100 counted input tokens x 1.5 = 150; 50 output x 2 = 100: 1 + 100/50 = 3 s.
    run = run_rows(
        at(0),
        {"a": target(latency=STREAM)},
        models={"m": {**MODEL, "input_token_factor": 1.5, "output_token_factor": 2}},
    )
    check_attempts(
        run,
        """
        request first_token_s ended_s input_tokens output_tokens billed_input_tokens billed_output_tokens
        0       1             3       150          100           150                 100
        """,
    )


@pytest.mark.parametrize(
    ("rule", "billed_input", "billed_output"), [("none", 0, 0), ("input", 100, 0), ("full", 100, 50)]
)
def test_a_call_cut_by_a_timeout_is_billed_as_the_policy_says(
    rule: str, billed_input: int, billed_output: int
) -> None:
    # Slowed by 1.25, the first token comes at 1.25 and the end would be at 2.5: cut at 2. A served call
    # is billed in full and an error not at all, whatever the rule.
    run = run_rows(
        at(0, 10, 20),
        {"a": target(latency=STREAM, outages=[outage(0, 1, "degraded", slowdown=1.25), outage(20, 21)])},
        {"timeout_s": 2, "bill_timeouts": rule},
    )
    check_attempts(
        run,
        f"""
        request first_token_s ended_s outcome input_tokens billed_input_tokens billed_output_tokens
        0       1.25          2       timeout 100          {billed_input}      {billed_output}
        1       11            12      ok      100          100                 50
        2       -             21      error   100          0                   0
        """,
    )


@pytest.mark.parametrize(("rule", "billed"), [("none", "0 0"), ("input", "100 0"), ("full", "100 50")])
@pytest.mark.parametrize("cut", [{"timeout_s": 2}, {"deadline_s": 2}])
def test_a_cut_call_costs_nothing_where_an_error_would_have_come(
    cut: dict[str, float], rule: str, billed: str
) -> None:
    # All four are cut after 2 s. An error made no tokens, however long it took; a hang may have, and an answer has.
    slow = outage(20, 21, error_latency_s=3)
    run = run_rows(
        at(0, 10, 20),
        {"a": target(outages=[outage(0, 1, "hang"), outage(10, 11, "degraded", slowdown=2), slow])},
        {**cut, "bill_timeouts": rule},
    )
    check_attempts(
        run,
        f"""
        request ended_s outcome billed_input_tokens billed_output_tokens
        0       2       timeout {billed}
        1       12      timeout {billed}
        2       22      timeout 0 0
        """,
    )
    broken = {"a": target(errors={"rate": 1, "status": 500, "latency_s": 3})}
    run = run_rows(at(0), broken, {**cut, "bill_timeouts": rule})
    check_attempts(run, "request ended_s outcome billed_input_tokens billed_output_tokens\n0 2 timeout 0 0")


@pytest.mark.parametrize(("rule", "billed"), [("none", "0 0"), ("input", "100 0"), ("full", "100 50")])
def test_a_call_cut_by_the_deadline_is_billed_like_one_cut_by_a_timeout(rule: str, billed: str) -> None:
    run = run_rows(at(0), policy={"deadline_s": 1, "bill_timeouts": rule})
    check_attempts(run, f"request outcome billed_input_tokens billed_output_tokens\n0 timeout {billed}")
