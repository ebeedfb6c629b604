"""Timelines worked out by hand: timeouts, retries, failover and deadlines.

Each comment derives the expected rows from the engines' rules alone (one call takes 2 s unless
the text says otherwise); the run must match them to the nanosecond.
"""

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

ONE_AT_A_TIME = limits(concurrent=1)


# -- timeouts, retries, failover -----------------------------------------------------------------


def test_a_service_time_equal_to_the_timeout_succeeds_and_one_nanosecond_more_does_not() -> None:
    rows = [*at(0, service_s=2.0), *at(10, service_s=2.000000001), *at(20, service_s=1.5)]
    run = run_rows(rows, policy={"timeout_s": 2.0})
    check_attempts(
        run,
        """
        request started_s first_token_s ended_s outcome status
        0       0         2             2       ok      200
        1       10        -             12      timeout 0
        2       20        21.5          21.5    ok      200
        """,
    )
    check_outcomes(
        run,
        """
        request first_token_s ended_s outcome deployment attempts cause
        0       2             2       ok      a          1        -
        1       -             12      timeout -          1        timeout
        2       21.5          21.5    ok      a          1        -
        """,
    )


def test_the_timeout_runs_from_the_start_of_the_call_not_from_joining_the_queue() -> None:
    # 2 waits 3 s for its slot, longer than the timeout of 2 s, and is served.
    run = run_rows(at(0, 0.5, 1), {"a": target(limits=ONE_AT_A_TIME)}, {"timeout_s": 2})
    check_outcomes(
        run,
        """
        request ended_s outcome
        0       2       ok
        1       4       ok
        2       6       ok
        """,
    )


def test_a_cut_call_frees_its_slot() -> None:
    # Calls that would take 5 s, cut after 2 s: the queued one starts at 2 and is cut at 4.
    run = run_rows(at(0, 1), {"a": target(latency={"total_s": 5.0}, limits=ONE_AT_A_TIME)}, {"timeout_s": 2})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s outcome
        0       0        0         2       timeout
        1       1        2         4       timeout
        """,
    )


def test_recorded_service_times_are_replayed_by_attempt() -> None:
    # 3.0 is cut at 2.0; wait 1; the second call takes 0.5: 3-3.5.
    run = run_rows(at(0, service_s=[3.0, 0.5]), policy={"timeout_s": 2.0, "retries": 1})
    check_attempts(
        run,
        """
        request attempt role    started_s ended_s outcome
        0       0       primary 0         2       timeout
        0       1       retry   3         3.5     ok
        """,
    )


FAILING = target(errors={"rate": 1.0, "status": 500, "latency_s": 0.5})


def test_exhausted_retries_pass_to_the_next_target_without_a_last_wait() -> None:
    # a: 0-0.5, wait 1, 1.5-2, wait 2, 4-4.5, no wait; b: 4.5-6.5.
    run = run_rows(at(0), {"a": FAILING, "b": target()}, {"retries": 2, "backoff": fixed(1, 2)})
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s first_token_s ended_s outcome status
        0       0       a          primary 0        0         -             0.5     error   500
        0       1       a          retry   1.5      1.5       -             2       error   500
        0       2       a          retry   4        4         -             4.5     error   500
        0       3       b          retry   4.5      4.5       6.5           6.5     ok      200
        """,
    )
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome deployment attempts
        0       0         6.5           6.5     ok      b          4
        """,
    )


def test_sleep_after_last_waits_once_more_before_the_next_target_and_before_failing() -> None:
    # Fixed waits 1, 2; the third repeats the last. a: 0-0.5, 1.5-2, 4-4.5, then 2 s: b starts at 6.5:
    # 6.5-7, 8-8.5, 10.5-11, then 2 s: the failure reaches the caller at 13.
    run = run_rows(
        at(0),
        {"a": FAILING, "b": FAILING},
        {"retries": 2, "backoff": fixed(1, 2), "sleep_after_last": True},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         0.5     error
        0       1       a          1.5       2       error
        0       2       a          4         4.5     error
        0       3       b          6.5       7       error
        0       4       b          8         8.5     error
        0       5       b          10.5      11      error
        """,
    )
    check_outcomes(
        run,
        """
        request first_token_s ended_s outcome deployment attempts cause
        0       -             13      error   -          6        provider-error
        """,
    )


def test_a_request_that_fails_everywhere_fails_at_the_end_of_its_last_call() -> None:
    run = run_rows(at(1), {"a": FAILING, "b": FAILING}, {"retries": 1, "backoff": fixed(1)})
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome deployment tier attempts cause
        0       1         -             5       error   -          omni 4        provider-error
        """,
    )  # a: 1-1.5, 2.5-3; b: 3-3.5, 4.5-5


def test_exponential_backoff_doubles_up_to_its_cap() -> None:
    # Base 1, cap 3: waits 1, 2, 3 (4 capped), 3. Each call fails after 0.5 s.
    run = run_rows(
        at(0),
        {"a": FAILING},
        {"retries": 4, "backoff": {"kind": "exponential", "base_s": 1, "cap_s": 3}},
    )
    check_attempts(
        run,
        """
        request attempt started_s ended_s
        0       0       0         0.5
        0       1       1.5       2
        0       2       4         4.5
        0       3       7.5       8
        0       4       11        11.5
        """,
    )


def test_waits_start_anew_at_the_next_target_and_its_own_policy_counts() -> None:
    # a has its own policy: no retry. b: one retry after the first fixed wait, 1 s: 0.5-1, 2-2.5.
    run = run_rows(
        at(0),
        {"a": {**FAILING, "policy": {"retries": 0}}, "b": FAILING},
        {"retries": 1, "backoff": fixed(1, 7)},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s
        0       0       a          primary 0         0.5
        0       1       b          retry   0.5       1
        0       2       b          retry   2         2.5
        """,
    )


# -- deadlines -----------------------------------------------------------------------------------

GIVEN_UP = """
    request arrived_s first_token_s ended_s outcome deployment attempts cause
    """


def test_the_deadline_cuts_a_call() -> None:
    run = run_rows(at(1), {"a": target(latency={"total_s": 10.0}), "b": target()}, {"deadline_s": 5})
    check_attempts(
        run,
        """
        request attempt deployment started_s first_token_s ended_s outcome status
        0       0       a          1         -             6       timeout 0
        """,
    )
    check_outcomes(run, GIVEN_UP + "0 1 - 6 timeout - 1 deadline")


def test_an_answer_exactly_at_the_deadline_counts() -> None:
    run = run_rows(at(1), {"a": target(latency={"total_s": 5.0})}, {"deadline_s": 5})
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome deployment attempts
        0       1         6             6       ok      a          1
        """,
    )


def test_the_deadline_ends_a_backoff() -> None:
    # 0-1 error, the retry would start at 11; given up at 5. b is not tried.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 100)]), "b": target()},
        {"deadline_s": 5, "retries": 1, "backoff": fixed(10)},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         1       error
        """,
    )
    check_outcomes(run, GIVEN_UP + "0 0 - 5 timeout - 1 deadline")


def test_a_retry_that_would_start_exactly_at_the_deadline_is_not_made() -> None:
    # 0-1 error, wait 4: 5.0 is the deadline.
    run = run_rows(
        at(0), {"a": target(outages=[outage(0, 3)])}, {"deadline_s": 5, "retries": 1, "backoff": fixed(4)}
    )
    check_outcomes(run, GIVEN_UP + "0 0 - 5 timeout - 1 deadline")


def test_the_deadline_runs_on_over_timeouts_and_retries() -> None:
    # Cut at 2, wait 0.5, cut at 4.5, wait 0.5, third call 5-6: cut by the deadline of 6.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 100, "hang")])},
        {"timeout_s": 2, "deadline_s": 6, "retries": 9, "backoff": fixed(0.5)},
    )
    check_attempts(
        run,
        """
        request attempt started_s ended_s outcome
        0       0       0         2       timeout
        0       1       2.5       4.5     timeout
        0       2       5         6       timeout
        """,
    )
    check_outcomes(run, GIVEN_UP + "0 0 - 6 timeout - 3 deadline")


def test_a_slot_that_comes_free_exactly_at_the_deadline_is_not_used() -> None:
    # One slot, calls of 5 s, deadline 5 s. 0 runs 1-6. 1 (arrived 1) would start at 6.0, its deadline:
    # given up. 2 (arrived 1.5) takes the slot at 6 and is cut at 6.5, 3 (arrived 3) runs 6.5-8 (cut).
    run = run_rows(
        at(1, 1, 1.5, 3),
        {"a": target(latency={"total_s": 5.0}, limits=ONE_AT_A_TIME), "b": target()},
        {"deadline_s": 5},
    )
    check_attempts(
        run,
        """
        request deployment queued_s started_s ended_s outcome
        0       a          1        1         6       ok
        2       a          1.5      6         6.5     timeout
        3       a          3        6.5       8       timeout
        """,
    )
    check_outcomes(
        run,
        """
        request ended_s outcome deployment attempts cause
        0       6       ok      a          1        -
        1       6       timeout -          0        deadline
        2       6.5     timeout -          1        deadline
        3       8       timeout -          1        deadline
        """,
    )


def test_a_request_given_up_in_a_queue_leaves_it() -> None:
    # One slot, calls of 5 s, deadline 5 s. 0: error 0-1, wait 2, asks at 3 and queues, for 1 runs
    # 2.5-7.5; given up at 5.0. 2 joined at 4 behind it: runs from 7.5 and is cut at 9.
    run = run_rows(
        at(0, 2.5, 4),
        {"a": target(latency={"total_s": 5.0}, limits=ONE_AT_A_TIME, outages=[outage(0, 1)]), "b": target()},
        {"deadline_s": 5, "retries": 1, "backoff": fixed(2)},
    )
    check_attempts(
        run,
        """
        request attempt deployment queued_s started_s ended_s outcome
        0       0       a          0        0         1       error
        1       0       a          2.5      2.5       7.5     ok
        2       0       a          4        7.5       9       timeout
        """,
    )
    check_outcomes(
        run,
        """
        request ended_s outcome deployment attempts cause
        0       5       timeout -          1        deadline
        1       7.5     ok      a          1        -
        2       9       timeout -          1        deadline
        """,
    )
