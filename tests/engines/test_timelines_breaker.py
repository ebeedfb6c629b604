"""Timelines of the consecutive-failure breaker, worked out by hand.

It opens when the N-th failure in a row ends, rejects in [t, t + D), lets the first call at or after
t + D through as the only probe, and closes or opens again when that ends.
"""

from typing import Any

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

EDGES = "time_s deployment from to request\n"


def breaker(failures: int, open_s: float) -> dict[str, Any]:
    return {"kind": "consecutive", "failures": failures, "open_s": open_s}


def test_third_failure_opens_then_one_probe_closes() -> None:
    # Errors for calls started in [0, 5), after 1 s: 0, 1, 2 fail at 1, 2, 3. The third opens it at 3.0:
    # 3 arrives in that instant (round 4, after the end in round 1) and is rejected, so is 4 one
    # nanosecond before 13. 5 at 13.0 is the probe (13-15); 6 at the same instant and 7 at 14 are
    # rejected while it is in flight. It ends at 15.0 in round 1 and closes: 8, arriving then, is served.
    run = run_rows(
        at(0, 1, 2, 3, 12.999999999, 13, 13, 14, 15),
        {"a": target(outages=[outage(0, 5)])},
        {"breaker": breaker(3, 10)},
    )
    check_outcomes(
        run,
        """
        request arrived_s    ended_s      outcome  deployment attempts cause
        0       0            1            error    -          1        provider-error
        1       1            2            error    -          1        provider-error
        2       2            3            error    -          1        provider-error
        3       3            3            rejected -          0        own-breaker
        4       12.999999999 12.999999999 rejected -          0        own-breaker
        5       13           15           ok       a          1        -
        6       13           13           rejected -          0        own-breaker
        7       14           14           rejected -          0        own-breaker
        8       15           17           ok       a          1        -
        """,
    )
    check_attempts(
        run,
        """
        request attempt role    queued_s started_s ended_s outcome
        0       0       primary 0        0         1       error
        1       0       primary 1        1         2       error
        2       0       primary 2        2         3       error
        5       0       primary 13       13        15      ok
        8       0       primary 15       15        17      ok
        """,
    )
    check_events(
        run,
        "breaker",
        """
        time_s kind    deployment from      to        request
        3      breaker a          closed    open      2
        13     breaker a          open      half-open 5
        15     breaker a          half-open closed    5
        """,
    )


def test_a_failed_probe_opens_again_for_the_whole_time() -> None:
    # One failure opens at 1 until 11. 1 probes at 11 and fails at 12 (a single failure re-opens): open
    # until 22. 2 at 11.5 (in flight), 3 at 12.0 and 4 just before 22 are rejected; 5 probes at 22, the
    # outage is over since 14: closed at 24.
    run = run_rows(
        at(0, 11, 11.5, 12, 21.999999999, 22, 30),
        {"a": target(outages=[outage(0, 14)])},
        {"breaker": breaker(1, 10)},
    )
    check_outcomes(
        run,
        """
        request ended_s      outcome  attempts cause
        0       1            error    1        provider-error
        1       12           error    1        provider-error
        2       11.5         rejected 0        own-breaker
        3       12           rejected 0        own-breaker
        4       21.999999999 rejected 0        own-breaker
        5       24           ok       1        -
        6       32           ok       1        -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1      a          closed    open      0
        11     a          open      half-open 1
        12     a          half-open open      1
        22     a          open      half-open 5
        24     a          half-open closed    5
        """,
    )


def test_a_success_resets_the_count() -> None:
    # Two in a row open it. 0 fails at 1, 1 succeeds at 4, 2 fails at 5 (one), 3 succeeds at 8, 4 fails at
    # 8.5 (one), 5 at 8.6 (two): opens at 8.6, 6 is rejected.
    run = run_rows(
        at(0, 2, 4, 6, 7.5, 7.6, 9),
        {"a": target(outages=[outage(0, 1), outage(4, 5), outage(7, 8)])},
        {"breaker": breaker(2, 10)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       1       error    provider-error
        1       4       ok       -
        2       5       error    provider-error
        3       8       ok       -
        4       8.5     error    provider-error
        5       8.6     error    provider-error
        6       9       rejected own-breaker
        """,
    )
    check_events(run, "breaker", EDGES + "8.6 a closed open 5")


def test_calls_started_before_the_opening_never_count() -> None:
    # Calls of 1 s, timeout 5 s, two failures open it for 2 s.
    # 0 hangs from 0, cut at 5. 1 starts at 0.45 five times slower: ends 5.45. 2 fails 0.5-1.0, 3 fails
    # 0.6-1.1: opens at 1.1. 4 (started 0.7) fails at 1.2 while open: nothing. 5 probes 3.1-4.1: closed.
    # 0's timeout at 5.0 started before the opening: nothing. 6 fails 5.0-5.4: one. 1's success at 5.45
    # started before the opening: no reset. 7 fails 5.2-5.6: two, opens at 5.6.
    # Counting 0 would open it at 5.4 by 6; letting 1 reset would leave it closed at 5.6.
    run = run_rows(
        at(0, 0.45, 0.5, 0.6, 0.7, 3.1, 5.0, 5.2),
        {
            "a": target(
                latency={"total_s": 1.0},
                outages=[
                    outage(0, 0.4, "hang"),
                    outage(0.4, 0.5, "degraded", slowdown=5),
                    outage(0.5, 2, error_latency_s=0.5),
                    outage(5, 7, error_latency_s=0.4),
                ],
            )
        },
        {"timeout_s": 5, "breaker": breaker(2, 2)},
    )
    check_attempts(
        run,
        """
        request started_s ended_s outcome
        0       0         5       timeout
        1       0.45      5.45    ok
        2       0.5       1       error
        3       0.6       1.1     error
        4       0.7       1.2     error
        5       3.1       4.1     ok
        6       5         5.4     error
        7       5.2       5.6     error
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1.1    a          closed    open      3
        3.1    a          open      half-open 5
        4.1    a          half-open closed    5
        5.6    a          closed    open      7
        """,
    )


def test_timeouts_count_as_failures() -> None:
    # Hangs cut at 3 and 4: the second opens it.
    run = run_rows(
        at(0, 1, 4.5),
        {"a": target(outages=[outage(0, 3, "hang")])},
        {"timeout_s": 3, "breaker": breaker(2, 10)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       3       timeout  timeout
        1       4       timeout  timeout
        2       4.5     rejected own-breaker
        """,
    )
    check_events(run, "breaker", EDGES + "4 a closed open 1")


def test_a_429_does_not_count_as_a_failure() -> None:
    # One request per 60 s, bucket of one. 1 gets a 429 at 5 and, without retries, fails; one failure
    # would open the breaker, but 2 at 60 (bucket full again) is served.
    run = run_rows(
        at(0, 5, 60),
        {"a": target(limits=limits(requests_per_minute=1, burst_s=60))},
        {"when_limited": "retry", "breaker": breaker(1, 100)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome attempts cause
        0       2       ok      1        -
        1       5       limited 1        limit
        2       62      ok      1        -
        """,
    )
    assert run.events.empty


def test_an_open_breaker_skips_the_remaining_retries_before_any_wait() -> None:
    # 0-1 error (one), wait 3, 4-5 error (two): opens at 5.0. Four retries are left, each after 3 s; the
    # breaker is asked before the wait, so b starts at 5.0.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 100)]), "b": target()},
        {"retries": 5, "backoff": fixed(3), "breaker": breaker(2, 60)},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s ended_s outcome
        0       0       a          primary 0        0         1       error
        0       1       a          retry   4        4         5       error
        0       2       b          retry   5        5         7       ok
        """,
    )


def test_an_open_breaker_without_another_target_fails_the_request_at_once() -> None:
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 100)])},
        {"retries": 5, "backoff": fixed(3), "breaker": breaker(1, 60)},
    )
    check_attempts(run, "request attempt started_s ended_s outcome\n0 0 0 1 error")
    assert int(run.outcome_arrays["ended_ns"][0]) == 10**9


def test_a_breaker_that_opens_during_a_backoff_rejects_the_retry_at_no_cost() -> None:
    # 0 fails 0-1 (one) and waits 3; 1 fails 1-2 (two): opens at 2 and 1 goes to b at once. 0 asks at
    # 4.0, is rejected (no row, no further retry) and starts on b at 4.0.
    run = run_rows(
        at(0, 1),
        {"a": target(outages=[outage(0, 100)]), "b": target()},
        {"retries": 5, "backoff": fixed(3), "breaker": breaker(2, 60)},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s ended_s outcome
        0       0       a          primary 0        0         1       error
        0       1       b          retry   4        4         6       ok
        1       0       a          primary 1        1         2       error
        1       1       b          retry   2        2         4       ok
        """,
    )


def test_opening_sends_the_queue_on_at_once() -> None:
    # One slot each. 0 runs on a 0-1 and fails; 1 and 2 queue at 0.2, 0.3. It opens at 1.0 and all three
    # ask b at 1.0, in order of name: 1-3, 3-5, 5-7. 1 and 2 made no call on a: theirs on b is primary.
    run = run_rows(
        at(0, 0.2, 0.3),
        {
            "a": target(limits=limits(concurrent=1), outages=[outage(0, 5)]),
            "b": target(limits=limits(concurrent=1)),
        },
        {"breaker": breaker(1, 10)},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s ended_s outcome
        0       0       a          primary 0        0         1       error
        0       1       b          retry   1        1         3       ok
        1       0       b          primary 1        3         5       ok
        2       0       b          primary 1        5         7       ok
        """,
    )


def test_opening_fails_a_queue_that_has_nowhere_to_go() -> None:
    run = run_rows(
        at(0, 0.2, 0.3),
        {"a": target(limits=limits(concurrent=1), outages=[outage(0, 5)])},
        {"breaker": breaker(1, 10)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       1       error    -          1        provider-error
        1       1       rejected -          0        own-breaker
        2       1       rejected -          0        own-breaker
        """,
    )


def test_no_probe_is_taken_by_a_call_that_the_rate_limit_refuses() -> None:
    # Two requests a minute, bucket of one: a token comes back in 30 s. 0 takes it at 0 and fails at 1:
    # open until 11. 1 at 5 is rejected by the breaker and charged nothing. 2 at 11 would be the probe,
    # but the bucket holds 11/30: refused, no half-open. 3 at 30.0 finds the bucket full and is the
    # probe: 30-32.
    run = run_rows(
        at(0, 5, 11, 30),
        {"a": target(limits=limits(requests_per_minute=2, burst_s=30), outages=[outage(0, 1)])},
        {"breaker": breaker(1, 10)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  attempts cause
        0       1       error    1        provider-error
        1       5       rejected 0        own-breaker
        2       11      rejected 0        limit
        3       32      ok       1        -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1      a          closed    open      0
        30     a          open      half-open 3
        32     a          half-open closed    3
        """,
    )


def test_each_target_has_its_own_breaker() -> None:
    # Both fail until 5. 0: a 0-1 opens a, b 1-2 opens b. 1 at 1.5: a open, b 1.5-2.5 (started before
    # b's opening at 2: ignored). 2 at 3: both open. 3 at 11.0: a's probe.
    run = run_rows(
        at(0, 1.5, 3, 11),
        {"a": target(outages=[outage(0, 5)]), "b": target(outages=[outage(0, 5)])},
        {"breaker": breaker(1, 10)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       2       error    -          2        provider-error
        1       2.5     error    -          1        provider-error
        2       3       rejected -          0        own-breaker
        3       13      ok       a          1        -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1      a          closed    open      0
        2      b          closed    open      0
        11     a          open      half-open 3
        13     a          half-open closed    3
        """,
    )
