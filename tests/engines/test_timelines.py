"""Timelines worked out by hand: queues, ties and outages.

Each comment derives the expected rows from the engines' rules alone (one call takes 2 s unless
the text says otherwise); the run must match them to the nanosecond.
"""

import pytest

from planner.errors import LoadExceedsCapacity
from tests.engines.hand_tables import (
    STREAM,
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

ONE_AT_A_TIME = limits(concurrent=1)


# -- queues and ties -----------------------------------------------------------------------------


def test_one_slot_serves_in_order_of_arrival() -> None:
    # Slot busy 0-2, 2-4, 4-6; each waits from its arrival. The wait is no part of the call.
    run = run_rows(at(0, 0.5, 1), {"a": target(limits=ONE_AT_A_TIME)})
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s scheduled_s first_token_s ended_s outcome status retry_after_s
        0       0       a          primary 0        0         -           2             2       ok      200    -
        1       0       a          primary 0.5      2         -           4             4       ok      200    -
        2       0       a          primary 1        4         -           6             6       ok      200    -
        """,
    )
    check_outcomes(
        run,
        """
        request task arrived_s first_token_s ended_s outcome deployment tier attempts cause
        0       chat 0         2             2       ok      a          omni 1        -
        1       chat 0.5       4             4       ok      a          omni 1        -
        2       chat 1         6             6       ok      a          omni 1        -
        """,
    )
    assert run.events.empty


def test_freed_slot_goes_to_the_queue_before_a_new_arrival_of_that_instant() -> None:
    # At 2: request 0 ends (round 1), queued 1 starts (round 3), only then 2 and 3 arrive (round 4)
    # and queue, by name. At 4 request 1 ends, 2 starts. At 6 the same for 3.
    run = run_rows(at(0, 1, 2, 2), {"a": target(limits=ONE_AT_A_TIME)})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       1        2         4
        2       2        4         6
        3       2        6         8
        """,
    )


def test_slot_freed_at_the_instant_of_an_arrival_is_free_for_it() -> None:
    # Ends run before arrivals, so with when_busy: reject request 1 at 2.0 finds the slot free, while
    # request 2, at the same instant and after it by name, does not.
    run = run_rows(at(0, 2, 2), {"a": target(limits=ONE_AT_A_TIME)}, {"when_busy": "reject"})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       2        2         4
        """,
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts
        0       2       ok       a          1
        1       4       ok       a          1
        2       2       rejected -          0
        """,
    )


def test_two_slots_freed_together_go_to_the_two_first_of_the_queue() -> None:
    # 0 and 1 end at 2; 2 and 3 start there, 4 waits until 4.
    run = run_rows(at(0, 0, 1, 1.25, 1.5), {"a": target(limits=limits(concurrent=2))})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       0        0         2
        2       1        2         4
        3       1.25     2         4
        4       1.5      4         6
        """,
    )


def test_backed_off_retry_comes_before_an_arrival_but_never_before_a_queue() -> None:
    # One slot, calls of 1 s, errors after 1 s for calls started in [0, 0.5), wait 1 s.
    # 0: 0-1 error, asks again at 2. 1 queues at 0.5, runs 1-2. 2 queues at 1.5.
    # At 2: 1 ends (round 1). Round 3 by name: 0 asks, but 2 waits already, so 0 joins behind it
    # (joined 2.0); the slot goes to 2: 2-3. Then 3 arrives at 2 (round 4) and joins behind 0.
    # So 0 runs 3-4 and 3 runs 4-5.
    run = run_rows(
        at(0, 0.5, 1.5, 2),
        {"a": target(latency={"total_s": 1.0}, limits=ONE_AT_A_TIME, outages=[outage(0, 0.5)])},
        {"retries": 1, "backoff": fixed(1)},
    )
    check_attempts(
        run,
        """
        request attempt role    queued_s started_s ended_s outcome
        0       0       primary 0        0         1       error
        0       1       retry   2        3         4       ok
        1       0       primary 0.5      1         2       ok
        2       0       primary 1.5      2         3       ok
        3       0       primary 2        4         5       ok
        """,
    )


def test_retry_and_arrival_at_one_instant_find_one_free_slot_and_the_retry_takes_it() -> None:
    # 1 fails 0.5-1.5, waits 0.5 and asks at 2.0 (round 3), when 0 arrives too (round 4). Row 0 would be
    # first by name, but the round decides before the name.
    run = run_rows(
        [*at(2.0), *at(0.5)],
        {"a": target(limits=ONE_AT_A_TIME, outages=[outage(0, 1)])},
        {"retries": 1, "backoff": fixed(0.5)},
    )
    check_attempts(
        run,
        """
        request attempt queued_s started_s ended_s outcome
        0       0       2        4         6       ok
        1       0       0.5      0.5       1.5     error
        1       1       2        2         4       ok
        """,
    )


def test_zero_backoff_lets_the_queue_go_first() -> None:
    # 0: 0-1 error, asks again at 1.0 at once; 1 waits there since 0.5 and a start never overtakes a
    # queue, so 1 runs 1-3 and 0 runs 3-5.
    run = run_rows(
        at(0, 0.5),
        {"a": target(limits=ONE_AT_A_TIME, outages=[outage(0, 0.5)])},
        {"retries": 1, "backoff": fixed(0)},
    )
    check_attempts(
        run,
        """
        request attempt queued_s started_s ended_s outcome
        0       0       0        0         1       error
        0       1       1        3         5       ok
        1       0       0.5      1         3       ok
        """,
    )


def test_a_request_waiting_for_the_first_target_does_not_look_at_the_second() -> None:
    run = run_rows(at(0, 0.5), {"a": target(limits=ONE_AT_A_TIME), "b": target()})
    check_attempts(
        run,
        """
        request deployment queued_s started_s ended_s
        0       a          0        0         2
        1       a          0.5      2         4
        """,
    )


def test_a_wait_of_exactly_the_queue_timeout_is_served_and_a_longer_one_goes_on() -> None:
    # Slot of a busy 0-2. 1 joins at 0.4: 1.5 s later it is 1.9, it goes on to b. 2 joins at 0.5: at
    # 2.0 it has waited exactly 1.5 s; starts come before expiries, so a serves it.
    run = run_rows(
        at(0, 0.4, 0.5),
        {"a": target(limits=ONE_AT_A_TIME), "b": target()},
        {"queue_timeout_s": 1.5},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s ended_s
        0       0       a          primary 0        0         2
        1       0       b          primary 1.9      1.9       3.9
        2       0       a          primary 0.5      2         4
        """,
    )


def test_queue_timeout_without_another_target_fails_the_request_there_and_then() -> None:
    # 1 gives up at 0.4 + 1.5 = 1.9; its place is gone, so 2 (joined 1.0) gets the slot at 2.
    run = run_rows(at(0, 0.4, 1), {"a": target(limits=ONE_AT_A_TIME)}, {"queue_timeout_s": 1.5})
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome  deployment attempts cause
        0       0         2             2       ok       a          1        -
        1       0.4       -             1.9     rejected -          0        queue
        2       1         4             4       ok       a          1        -
        """,
    )


def test_queue_limit_sends_on_those_who_find_it_full() -> None:
    # One place in a's queue, taken by 1 until 2. 2 goes on to b at 1.0. At 2.0 request 1 leaves the
    # queue (round 3) before 3 arrives (round 4), so 3 finds the place free and runs 4-6.
    # 4 at 2.5 finds it taken and goes to b.
    run = run_rows(
        at(0, 0.5, 1, 2, 2.5), {"a": target(limits=ONE_AT_A_TIME), "b": target()}, {"queue_limit": 1}
    )
    check_attempts(
        run,
        """
        request attempt deployment queued_s started_s ended_s
        0       0       a          0        0         2
        1       0       a          0.5      2         4
        2       0       b          1        1         3
        3       0       a          2        4         6
        4       0       b          2.5      2.5       4.5
        """,
    )


def test_full_queue_without_another_target_fails_at_once() -> None:
    run = run_rows(at(0, 0.5), {"a": target(limits=ONE_AT_A_TIME)}, {"queue_limit": 0})
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       2       ok       a          1        -
        1       0.5     rejected -          0        queue
        """,
    )


def test_rejecting_when_busy_tries_the_next_target_without_a_row() -> None:
    # 1 finds a busy and runs on b as its first call; 2 finds both busy and fails at its arrival.
    run = run_rows(
        at(0, 0.5, 1),
        {"a": target(limits=ONE_AT_A_TIME), "b": target(limits=ONE_AT_A_TIME)},
        {"when_busy": "reject", "retries": 3},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s ended_s
        0       0       a          primary 0        0         2
        1       0       b          primary 0.5      0.5       2.5
        """,
    )
    check_outcomes(
        run,
        """
        request first_token_s ended_s outcome  deployment tier attempts cause
        0       2             2       ok       a          omni 1        -
        1       2.5           2.5     ok       b          omni 1        -
        2       -             1       rejected -          omni 0        limit
        """,
    )


def test_more_requests_in_flight_than_allowed_end_the_run_with_a_reason() -> None:
    with pytest.raises(LoadExceedsCapacity, match="in flight"):
        run_rows(at(0, 0, 0), run={"seed": 1, "replications": 1, "max_in_flight": 2})
    run = run_rows(at(0, 0, 2, 2), run={"seed": 1, "replications": 1, "max_in_flight": 2})
    assert list(run.outcomes["outcome"]) == ["ok"] * 4  # those of 0 end before those of 2 arrive


# -- outages -------------------------------------------------------------------------------------


def test_outage_strikes_calls_that_start_within_it_and_spares_the_rest() -> None:
    # Errors in [10, 12), answered after 1 s; wait 1 s.
    # 0 starts at 9.5, before it: served although it runs into it. 1 starts at 10, inside: error at
    # 11, again at 12.0, which is outside: served 12-14. 2 starts at 11.999999999, inside: error at
    # 12.999999999, again 1 s later, served. 3 at 12 is outside.
    run = run_rows(
        at(9.5, 10, 11.999999999, 12, 20),
        {"a": target(outages=[outage(10, 12)])},
        {"retries": 2, "backoff": fixed(1)},
    )
    check_attempts(
        run,
        """
        request attempt role    queued_s     started_s    first_token_s ended_s      outcome status
        0       0       primary 9.5          9.5          11.5          11.5         ok      200
        1       0       primary 10           10           -             11           error   503
        1       1       retry   12           12           14            14           ok      200
        2       0       primary 11.999999999 11.999999999 -             12.999999999 error   503
        2       1       retry   13.999999999 13.999999999 15.999999999  15.999999999 ok      200
        3       0       primary 12           12           14            14           ok      200
        4       0       primary 20           20           22            22           ok      200
        """,
    )
    check_outcomes(
        run,
        """
        request arrived_s    first_token_s ended_s      outcome attempts
        0       9.5          11.5          11.5         ok      1
        1       10           14            14           ok      2
        2       11.999999999 15.999999999  15.999999999 ok      2
        3       12           14            14           ok      1
        4       20           22            22           ok      1
        """,
    )
    check_events(
        run,
        "outage",
        """
        time_s kind   deployment from  to    request
        10     outage a          up    error -1
        12     outage a          error up    -1
        """,
    )


def test_hang_is_cut_by_the_timeout_then_the_next_target_serves() -> None:
    # a: 0-3 cut, wait 0.5, 3.5-6.5 cut, no wait after the last; b at once: 6.5-8.5.
    run = run_rows(
        at(0, 50),
        {"a": target(outages=[outage(0, 10, "hang")]), "b": target()},
        {"timeout_s": 3, "retries": 1, "backoff": fixed(0.5)},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s first_token_s ended_s outcome status
        0       0       a          primary 0        0         -             3       timeout 0
        0       1       a          retry   3.5      3.5       -             6.5     timeout 0
        0       2       b          retry   6.5      6.5       8.5           8.5     ok      200
        1       0       a          primary 50       50        52            52      ok      200
        """,
    )
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome deployment tier attempts
        0       0         8.5           8.5     ok      b          omni 3
        1       50        52            52      ok      a          omni 1
        """,
    )


def test_degraded_provider_is_slower_by_the_factor() -> None:
    # 100 tokens at 50/s after 1 s: first 1.0, end 3.0; three times slower: first 3.0, end 9.0.
    # A call that started before the window keeps its speed.
    run = run_rows(
        at(9.9, 10, 20, output_tokens=100),
        {"a": target(latency=STREAM, outages=[outage(10, 20, "degraded", slowdown=3)])},
    )
    check_attempts(
        run,
        """
        request started_s first_token_s ended_s outcome status
        0       9.9       10.9          12.9    ok      200
        1       10        13            19      ok      200
        2       20        21            23      ok      200
        """,
    )
    check_events(
        run,
        "outage",
        """
        time_s deployment from     to       request
        10     a          up       degraded -1
        20     a          degraded up       -1
        """,
    )
