"""Timelines of rate limits, worked out by hand: token buckets, retry-after, waiting, charges.

A bucket holds limit x burst_s / 60, starts full and refills at limit / 60 per second; wake-ups
are rounded up to the nanosecond.
"""

from typing import Any

import pytest

from tests.engines.hand_tables import (
    MODEL,
    at,
    check_attempts,
    check_outcomes,
    limits,
    outage,
    run_rows,
    target,
)


def requests_per_minute(limit: int, burst_s: float, **given: Any) -> dict[str, Any]:
    return limits(requests_per_minute=limit, burst_s=burst_s, **given)


def tokens_per_minute(limit: int, burst_s: float, charge: str = "estimate", **given: Any) -> dict[str, Any]:
    return limits(tokens_per_minute=limit, burst_s=burst_s, charge=charge, **given)


RETRY = {"when_limited": "retry", "retries": 3, "backoff": {"kind": "fixed", "waits_s": [99]}}
WAIT = {"when_limited": "wait"}


def test_a_429_tells_when_to_come_back_and_the_client_does() -> None:
    # 6 a minute = one per 10 s, bucket of 2. Level after 0 at 0: 1; after 1 at 1: 1.1 - 1 = 0.1.
    # 2 at 2: 0.2, 0.8 short = 8 s, back at 10. 3 at 3: 0.3, 7 s, back at 10.
    # At 10 the level is 1.0: 2 (round 3, first by name) takes it; 3 finds 0: 10 s, back at 20; 4 arrives
    # (round 4), finds 0: back at 20. At 20: 3 takes it, 4 is told 10 s again and served at 30.
    # Each 429 is a row that starts and ends at once, and counts as an attempt.
    run = run_rows(at(0, 1, 2, 3, 10), {"a": target(limits=requests_per_minute(6, 20))}, RETRY)
    check_attempts(
        run,
        """
        request attempt role    queued_s started_s first_token_s ended_s outcome status retry_after_s billed_input_tokens
        0       0       primary 0        0         2             2       ok      200    -             100
        1       0       primary 1        1         3             3       ok      200    -             100
        2       0       primary 2        2         -             2       limited 429    8             0
        2       1       retry   10       10        12            12      ok      200    -             100
        3       0       primary 3        3         -             3       limited 429    7             0
        3       1       retry   10       10        -             10      limited 429    10            0
        3       2       retry   20       20        22            22      ok      200    -             100
        4       0       primary 10       10        -             10      limited 429    10            0
        4       1       retry   20       20        -             20      limited 429    10            0
        4       2       retry   30       30        32            32      ok      200    -             100
        """,
    )
    check_outcomes(
        run,
        """
        request arrived_s ended_s outcome deployment attempts
        0       0         2       ok      a          1
        1       1         3       ok      a          1
        2       2         12      ok      a          2
        3       3         22      ok      a          3
        4       10        32      ok      a          3
        """,
    )


def test_retry_after_is_rounded_up_to_the_nanosecond() -> None:
    # 7 a minute, bucket of 7 x 10 / 60 = 7/6. After 0 at 0: 1/6 left; 5/6 short at 7/60 per s =
    # 50/7 s = 7.142857142857... -> 7.142857143, when 1 is admitted.
    run = run_rows(at(0, 0), {"a": target(limits=requests_per_minute(7, 10))}, RETRY)
    check_attempts(
        run,
        """
        request attempt started_s   ended_s     outcome retry_after_s
        0       0       0           2           ok      -
        1       0       0           0           limited 7.142857143
        1       1       7.142857143 9.142857143 ok      -
        """,
    )


@pytest.mark.parametrize("cap_s", [8.0, 7.999999999])
def test_a_retry_after_above_the_cap_ends_the_retries_and_one_equal_to_it_does_not(cap_s: float) -> None:
    # One per 10 s, bucket of 1. 1 at 2 finds 0.2: 8 s. Above the cap: b starts at 2.0 at once.
    run = run_rows(
        at(0, 2),
        {"a": target(limits=requests_per_minute(6, 10)), "b": target()},
        {**RETRY, "retry_after_cap_s": cap_s},
    )
    second = "a          10       10        12" if cap_s == 8.0 else "b          2        2         4 "
    check_attempts(
        run,
        f"""
        request attempt role    deployment queued_s started_s ended_s outcome retry_after_s
        0       0       primary a          0        0         2       ok      -
        1       0       primary a          2        2         2       limited 8
        1       1       retry   {second}      ok      -
        """,
    )


def test_a_429_above_the_cap_fails_a_request_without_another_target() -> None:
    run = run_rows(
        at(0, 2), {"a": target(limits=requests_per_minute(6, 10))}, {**RETRY, "retry_after_cap_s": 5}
    )
    check_outcomes(
        run,
        """
        request ended_s outcome deployment attempts cause
        0       2       ok      a          1        -
        1       2       limited -          1        limit
        """,
    )


def test_429s_use_up_the_retries_and_the_next_target_starts_at_once() -> None:
    # One per 10 s, bucket of 1, one retry. 1 at 1: 9 s, back at 10 with 2 (at 2: 8 s): 1 is served, 2 has
    # used its retry, so b serves it at 10.0.
    run = run_rows(
        at(0, 1, 2), {"a": target(limits=requests_per_minute(6, 10)), "b": target()}, {**RETRY, "retries": 1}
    )
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome retry_after_s
        0       0       a          primary 0         2       ok      -
        1       0       a          primary 1         1       limited 9
        1       1       a          retry   10        12      ok      -
        2       0       a          primary 2         2       limited 8
        2       1       a          retry   10        10      limited 10
        2       2       b          retry   10        12      ok      -
        """,
    )


def test_a_slot_handed_to_a_call_that_gets_a_429_goes_to_the_next_in_line() -> None:
    # One slot, one request a minute, bucket of 1. 1 and 2 queue at 1 and 1.5. At 2 the slot is free and
    # the bucket holds 2/60: 1 gets a 429 (58 s), and so does 2. At 60: 1 runs 60-62 and 2 queues (joined
    # 60); at 62 it gets a 429 again (58 s) and runs at 120.
    run = run_rows(at(0, 1, 1.5), {"a": target(limits=requests_per_minute(1, 60, concurrent=1))}, RETRY)
    check_attempts(
        run,
        """
        request attempt queued_s started_s ended_s outcome retry_after_s
        0       0       0        0         2       ok      -
        1       0       1        2         2       limited 58
        1       1       60       60        62      ok      -
        2       0       1.5      2         2       limited 58
        2       1       60       62        62      limited 58
        2       2       120      120       122     ok      -
        """,
    )


def test_waiting_for_a_limit_is_fifo_with_wake_ups_rounded_up() -> None:
    # 7 a minute, bucket of 7/6. In units of 1/(6e10) of a request, 7 come back per ns, one request
    # costs 6e10, the bucket holds 7e10.
    # 0 at 0: 1e10 left. 1: 5e10 short, /7 = 7142857142.86 -> 7142857143 ns, when 60000000001 are
    # there: 1 left. 2: 59999999999 short, /7 = 8571428571.3 -> +8571428572 = 15714285715, 60000000005
    # there: 5 left. 3 arrives at 20 s, 4285714285 ns later: 30000000000 there, 3e10 short,
    # /7 = 4285714285.7 -> +4285714286 = 24285714286.
    run = run_rows(at(0, 0, 0, 20), {"a": target(limits=requests_per_minute(7, 10))}, WAIT)
    check_attempts(
        run,
        """
        request attempt role    queued_s started_s    ended_s      outcome
        0       0       primary 0        0            2            ok
        1       0       primary 0        7.142857143  9.142857143  ok
        2       0       primary 0        15.714285715 17.714285715 ok
        3       0       primary 20       24.285714286 26.285714286 ok
        """,
    )


def test_a_small_call_does_not_overtake_a_large_one_that_waits_for_tokens() -> None:
    # 600 tokens a minute = 10 per s, bucket of 100. 0 takes 80 at 0. 1 (90) finds 30 at 1: 6 s, at 7.
    # 2 (10) would fit at 2 but 1 waits: after 1 the bucket is empty at 7, so 2 starts at 8.
    run = run_rows(
        [*at(0, input_tokens=80), *at(1, input_tokens=90), *at(2, input_tokens=10)],
        {"a": target(limits=tokens_per_minute(600, 10))},
        WAIT,
        tasks={"chat": {"input_tokens": 10, "output_tokens": 10}},
    )
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       1        7         9
        2       2        8         10
        """,
    )


def test_when_a_large_call_gives_up_the_small_one_behind_it_starts_at_once() -> None:
    # As above, but waits end after 3 s: 1 gives up at 4 (60 of its 90 tokens are there) and 2 takes its 10
    # in that instant.
    run = run_rows(
        [*at(0, input_tokens=80), *at(1, input_tokens=90), *at(2, input_tokens=10)],
        {"a": target(limits=tokens_per_minute(600, 10))},
        {**WAIT, "queue_timeout_s": 3},
        tasks={"chat": {"input_tokens": 10, "output_tokens": 10}},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  attempts cause
        0       2       ok       1        -
        1       4       rejected 0        queue
        2       6       ok       1        -
        """,
    )


def test_a_wait_for_a_limit_obeys_the_queue_timeout() -> None:
    # One per 10 s, bucket of 1. 1 at 1 waits 9 s, exactly the queue timeout: served at 10. 2 at 2 would
    # wait until 20 and gives up at 11.
    run = run_rows(
        at(0, 1, 2), {"a": target(limits=requests_per_minute(6, 10))}, {**WAIT, "queue_timeout_s": 9}
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  attempts cause
        0       2       ok       1        -
        1       12      ok       1        -
        2       11      rejected 0        queue
        """,
    )


def test_rejecting_at_a_limit_tries_the_next_target_without_a_row_and_fails_after_the_last() -> None:
    # Bucket of 1 each, one per 10 s. 1 at 1 goes to b as its first call. 2 at 2 finds both empty. 3 at
    # 10.0 finds a full again.
    run = run_rows(
        at(0, 1, 2, 10),
        {"a": target(limits=requests_per_minute(6, 10)), "b": target(limits=requests_per_minute(6, 10))},
        {"when_limited": "reject", "retries": 5},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s
        0       0       a          primary 0         2
        1       0       b          primary 1         3
        3       0       a          primary 10        12
        """,
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       2       ok       a          1        -
        1       3       ok       b          1        -
        2       2       rejected -          0        limit
        3       12      ok       a          1        -
        """,
    )


def test_a_request_turned_away_after_a_failed_call_is_rejected_by_what_stopped_it_last() -> None:
    # 0 starts on a before the outage. 1: a fails it (0.5-1.5), b serves it from 1.5 and its bucket is
    # empty. 2: a fails it (2-3), b refuses at 3: rejected, by a limit, one call made.
    run = run_rows(
        at(0, 0.5, 2),
        {"a": target(outages=[outage(0.25, 5)]), "b": target(limits=requests_per_minute(1, 60))},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       2       ok       a          1        -
        1       3.5     ok       b          2        -
        2       3       rejected -          1        limit
        """,
    )


def test_a_call_refused_for_concurrency_is_charged_nothing() -> None:
    # One slot, bucket of 2 requests, 2 a minute (one per 30 s). 0 at 0: 1 left. 1 at 1 finds the slot
    # busy: no charge. 2 at 2: slot free, 1 + 2/30 there: runs. 3 at 4: 4/30 there: refused.
    run = run_rows(
        at(0, 1, 2, 4),
        {"a": target(limits=requests_per_minute(2, 60, concurrent=1))},
        {"when_busy": "reject", "when_limited": "reject"},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       2       ok       -
        1       1       rejected limit
        2       4       ok       -
        3       4       rejected limit
        """,
    )


def test_a_call_refused_for_tokens_is_not_charged_a_request() -> None:
    # Bucket of 2 requests (2 a minute) and of 100 tokens (100 a minute). 0 takes 1 request, 90 tokens.
    # 1 (50 tokens) at 1 is refused by the tokens; had it taken a request, 2 (5 tokens) at 2 would
    # find 2/30 of one. It is served.
    run = run_rows(
        [*at(0, input_tokens=90), *at(1, input_tokens=50), *at(2, input_tokens=5)],
        {
            "a": target(
                limits=limits(requests_per_minute=2, tokens_per_minute=100, charge="estimate", burst_s=60)
            )
        },
        {"when_limited": "reject"},
        tasks={"chat": {"input_tokens": 10, "output_tokens": 10}},
    )
    assert list(run.outcomes["outcome"]) == ["ok", "rejected", "ok"]


def test_a_failed_call_keeps_its_charge() -> None:
    # One a minute, bucket of 1. 0 takes it and fails; 1 at 2 finds 2/60.
    run = run_rows(at(0, 2), {"a": target(limits=requests_per_minute(1, 60), outages=[outage(0, 1)])})
    check_outcomes(
        run,
        """
        request ended_s outcome  attempts cause
        0       1       error    1        provider-error
        1       2       rejected 0        limit
        """,
    )


# Bucket of 1000 tokens, 10 per s. Each call: 300 tokens in, 200 out, at most 400 out.
CHARGES = [
    # 300 each: three at once (100 left), the fourth 200 short: 20 s; then 0 left: +30.
    ("estimate", ["0", "0", "0", "20", "50"]),
    # 700 each: 300 left, 400 short: 40 s; then 70 s each.
    ("prompt-plus-max-output", ["0", "40", "110", "180", "250"]),
    # max(400, 300) = 400 each: two at once (200 left), 200 short: 20; then 40 s each.
    ("max-of-max-output-and-estimate", ["0", "0", "20", "60", "100"]),
    # 500 each: two at once (0 left), then 50 s each.
    ("actual", ["0", "0", "50", "100", "150"]),
]


@pytest.mark.parametrize("cap_is_the_models", [False, True])
@pytest.mark.parametrize(("charge", "starts"), CHARGES)
def test_each_charging_rule_takes_its_own_number_of_tokens(
    charge: str, starts: list[str], cap_is_the_models: bool
) -> None:
    task = {"input_tokens": 10, "output_tokens": 10}
    run = run_rows(
        at(0, 0, 0, 0, 0, input_tokens=300, output_tokens=200),
        {"a": target(limits=tokens_per_minute(600, 100, charge))},
        WAIT,
        tasks={"chat": task if cap_is_the_models else {**task, "max_output_tokens": 400}},
        models={"m": {**MODEL, "max_output_tokens": 400 if cap_is_the_models else 900}},
    )
    check_attempts(
        run,
        "request queued_s started_s\n" + "\n".join(f"{name} 0 {start}" for name, start in enumerate(starts)),
    )


@pytest.mark.parametrize("when_limited", ["wait", "reject"])
def test_a_request_larger_than_the_bucket_fails_by_name(when_limited: str) -> None:
    # 1000 tokens fit exactly, 1001 never will; the bucket is not touched by it, so 2 (500) at 51 finds
    # 510 and runs.
    run = run_rows(
        [*at(0, input_tokens=1000), *at(50, input_tokens=1001), *at(51, input_tokens=500)],
        {"a": target(limits=tokens_per_minute(600, 100))},
        {"when_limited": when_limited, "retries": 2},
        tasks={"chat": {"input_tokens": 10, "output_tokens": 10}},
    )
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome  deployment attempts cause
        0       0         2             2       ok       a          1        -
        1       50        -             50      rejected -          0        too-large
        2       51        53            53      ok       a          1        -
        """,
    )


def test_a_request_larger_than_the_bucket_is_not_retried() -> None:
    run = run_rows(
        [*at(0, input_tokens=1001)],
        {"a": target(limits=tokens_per_minute(600, 100))},
        RETRY,
        tasks={"chat": {"input_tokens": 10, "output_tokens": 10}},
    )
    assert list(run.outcomes["cause"]) == ["too-large"]
    assert list(run.outcome_arrays["ended_ns"]) == [0]
    assert len(run.attempts) <= 1
