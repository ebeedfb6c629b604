"""Timelines of breakers over a window of ends, worked out by hand: sliding-window and sampling-window.

A call of `target()` lasts 2 s and is fine; one that starts in an outage fails after 1 s. The window takes in
ends, so what is counted are the moments at which calls end.
"""

from typing import Any

import pytest

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
NO_EDGES = EDGES


def sliding(**given: Any) -> dict[str, Any]:
    return {"breaker": {"kind": "sliding-window", "open_s": 10, "half_open_calls": 1, **given}}


def sampling(**given: Any) -> dict[str, Any]:
    return {"breaker": {"kind": "sampling-window", "open_s": 10, **given}}


# -- what opens it: the last calls -------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "opens"), [(0.5, True), (0.500001, False)])
def test_it_opens_exactly_at_its_share(share: float, opens: bool) -> None:
    # Ends: ok at 2, failed at 3, ok at 6, failed at 7. With the fourth the minimum is reached: 2 of 4 are
    # 0.5, which opens at 0.5 and not at 0.500001. 4, arriving at 7 after that end, is rejected.
    run = run_rows(
        at(0, 2, 4, 6, 7),
        {"a": target(outages=[outage(2, 3), outage(6, 7)])},
        sliding(window_calls=4, minimum_calls=4, failure_share=share),
    )
    check_events(run, "breaker", EDGES + ("7 a closed open 3" if opens else ""))
    check_outcomes(
        run,
        f"""
        request ended_s outcome
        0       2       ok
        1       3       error
        2       6       ok
        3       7       error
        4       {"7 rejected" if opens else "9 ok"}
        """,
    )


def test_fewer_than_the_minimum_never_open_it() -> None:
    # Failures end at 1, 2, 3, 4 and 5, all of them all calls: only the fifth can open it.
    run = run_rows(
        at(0, 1, 2, 3, 4, 5),
        {"a": target(outages=[outage(0, 9)])},
        sliding(window_calls=100, minimum_calls=5),
    )
    check_events(run, "breaker", EDGES + "5 a closed open 4")


def test_the_minimum_is_at_most_the_window_unless_given() -> None:
    # The default minimum is 100 calls, of which a window of 3 calls holds 3.
    run = run_rows(at(0, 1, 2, 3), {"a": target(outages=[outage(0, 9)])}, sliding(window_calls=3))
    check_events(run, "breaker", EDGES + "3 a closed open 2")


def test_the_oldest_call_leaves_a_full_window() -> None:
    # Ends: failed 1, ok 3, ok 5, failed 6, failed 7. Of the last three 1 failed at 5 and at 6, and 2 at 7, which are
    # 0.667 and open it at 0.65; of all five at 7 no more than 0.6 failed.
    run = run_rows(
        at(0, 1, 3, 5, 6, 7),
        {"a": target(outages=[outage(0, 1), outage(5, 7)])},
        sliding(window_calls=3, failure_share=0.65),
    )
    check_events(run, "breaker", EDGES + "7 a closed open 4")


def test_the_ring_comes_round_several_times() -> None:
    # A window of 2 calls, share 1: failures never stand side by side (failed 1, ok 3, failed 4, ok 6, failed 7,
    # ok 9) until those that end at 10 and 11 do.
    run = run_rows(
        at(0, 1, 3, 4, 6, 7, 9, 10, 11),
        {"a": target(outages=[outage(0, 1), outage(3, 4), outage(6, 7), outage(9, 11)])},
        sliding(window_calls=2, failure_share=1),
    )
    check_events(run, "breaker", EDGES + "11 a closed open 7")


def test_a_success_may_show_that_the_share_is_reached() -> None:
    # Ends: failed 1, failed 2, ok 4, ok 6: the minimum of 4 comes with a success, and 2 of 4 open it then.
    run = run_rows(
        at(0, 1, 2, 4),
        {"a": target(outages=[outage(0, 2)])},
        sliding(window_calls=4, minimum_calls=4),
    )
    check_events(run, "breaker", EDGES + "6 a closed open 3")


def test_slow_calls_open_it_though_all_succeed() -> None:
    # A call of 2 s is not longer than slow_s 2; those started in [4, 9) take 4 s and are. Ends: 2, 4 fast;
    # 8 (started 4) slow: 1 of 3; 9 (started 5) slow: 2 of 4 are 0.5.
    run = run_rows(
        at(0, 2, 4, 5, 9),
        {"a": target(outages=[outage(4, 9, "degraded", slowdown=2)])},
        sliding(window_calls=4, minimum_calls=3, slow_s=2, slow_share=0.5),
    )
    check_events(run, "breaker", EDGES + "9 a closed open 3")


@pytest.mark.parametrize(("slow_s", "opens"), [(2.999999999, True), (3, False), (None, False)])
def test_a_failure_may_be_slow_too(slow_s: float | None, opens: bool) -> None:
    # One failure of 3 s and one call of 2 s: 1 of 2 failed, below 0.6; slow is 1 of 2, where 3 s are more than slow_s.
    share = {} if slow_s is None else {"slow_share": 0.5}
    run = run_rows(
        at(0, 3, 5),
        {"a": target(outages=[outage(0, 1, error_latency_s=3)])},
        sliding(window_calls=2, failure_share=0.6, slow_s=slow_s, **share),
    )
    check_events(run, "breaker", EDGES + ("5 a closed open 1" if opens else ""))


def test_ends_that_are_not_counted_are_not_in_the_window() -> None:
    # Only timeouts are failures; errors are ignored, no successes: ends at 1 and 2 do not stand in the window.
    # Hangs started at 2 and 3 are cut at 5 and 6: the second fills the window of 2.
    run = run_rows(
        at(0, 1, 2, 3, 6),
        {"a": target(outages=[outage(0, 2), outage(2, 4, "hang")])},
        sliding(window_calls=2, counts=["timeout"]) | {"timeout_s": 3},
    )
    check_events(run, "breaker", EDGES + "6 a closed open 3")


def test_a_refusal_that_counts_is_a_call_that_fails_at_once() -> None:
    # One request a minute: 0 is served, until 2. 1 and 2 are refused at 1 and 1.5: one of one, then two of two.
    # The minimum of 2 makes the second open it; 0 ends at 2, having started before that, and does not count.
    run = run_rows(
        at(0, 1, 1.5, 3),
        {"a": target(limits=limits(requests_per_minute=1, burst_s=60))},
        sliding(window_calls=10, minimum_calls=2, counts=["limited"])
        | {"when_limited": "retry", "backoff": fixed(1)},
    )
    check_events(run, "breaker", EDGES + "1.5 a closed open 2")


# -- what opens it: the last seconds -----------------------------------------------------------------------


@pytest.mark.parametrize(("second_s", "opens"), [(2.999999999, True), (3, False)])
def test_a_second_is_forgotten_whole_when_the_window_has_passed(second_s: float, opens: bool) -> None:
    # window_s 3. The failure that ends at 1.9 stands in the second [1, 2), which is forgotten at 1 + 3 = 4,
    # 2.1 s after that end. One that ends at 3.999999999 meets it: 2 of 2, the minimum; one at 4 is alone.
    run = run_rows(
        at(0.9, second_s),
        {"a": target(outages=[outage(0, 9)])},
        sliding(window_s=3, minimum_calls=2),
    )
    check_events(run, "breaker", EDGES + ("3.999999999 a closed open 1" if opens else ""))


def test_old_seconds_take_their_successes_along() -> None:
    # window_s 2, share 0.6. Ends: ok 2, ok 2.5; failed 3: 1 of 3. Failed 3.999999999: 2 of 4. Failed 4: the
    # second [2, 3) is gone, and of what is left 3 of 3 failed.
    run = run_rows(
        at(0, 0.5, 2, 2.999999999, 3, 4),
        {"a": target(outages=[outage(2, 9)])},
        sliding(window_s=2, minimum_calls=3, failure_share=0.6),
    )
    check_events(run, "breaker", EDGES + "4 a closed open 4")


def test_a_pause_longer_than_the_window_forgets_all() -> None:
    # Failures at 1 and 2; then at 50 and 51, whose window of 3 s holds nothing older: the third in a window, at 52.
    run = run_rows(
        at(0, 1, 49, 50, 51),
        {"a": target(outages=[outage(0, 99)])},
        sliding(window_s=3, minimum_calls=3),
    )
    check_events(run, "breaker", EDGES + "52 a closed open 4")


# -- half-open ---------------------------------------------------------------------------------------------


def test_half_open_admits_its_calls_rejects_more_and_closes() -> None:
    # Failures at 1 and 2 open it until 12. 2, 3 and 4 at 12, 12.5 and 12.75 take the three places; 5 at 13 finds
    # none. They end at 14, 14.5 and 14.75, all fine; the third decides: closed. 6 at 14.6 still finds no place,
    # for ended calls keep theirs; 7 at 14.75 comes after that end and is served.
    run = run_rows(
        at(0, 1, 12, 12.5, 12.75, 13, 14.6, 14.75),
        {"a": target(outages=[outage(0, 2)])},
        sliding(window_calls=2, half_open_calls=3),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        2     a closed    open      1
        12    a open      half-open 2
        14.75 a half-open closed    4
        """,
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       1       error    provider-error
        1       2       error    provider-error
        2       14      ok       -
        3       14.5    ok       -
        4       14.75   ok       -
        5       13      rejected own-breaker
        6       14.6    rejected own-breaker
        7       16.75   ok       -
        """,
    )


def test_half_open_decides_by_the_same_share() -> None:
    # Open from 2 until 12. Of the two calls let through one fails, at 13, and one ends fine at 14.5: 1 of 2 is
    # 0.5, which re-opens it for the same time, until 24.5, with a success as its cause.
    run = run_rows(
        at(0, 1, 12, 12.5, 24.499999999, 24.5),
        {"a": target(outages=[outage(0, 2), outage(12, 12.25)])},
        sliding(window_calls=2, half_open_calls=2),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        2    a closed    open      1
        12   a open      half-open 2
        14.5 a half-open open      3
        24.5 a open      half-open 5
        """,
    )


def test_slow_calls_re_open_it_too() -> None:
    # Open from 2 until 12; the call let through takes 4 s, more than slow_s 3: all of the one are slow.
    run = run_rows(
        at(0, 1, 12),
        {"a": target(outages=[outage(0, 2), outage(12, 13, "degraded", slowdown=2)])},
        sliding(window_calls=2, slow_s=3),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        2  a closed    open      1
        12 a open      half-open 2
        16 a half-open open      2
        """,
    )


@pytest.mark.parametrize(
    ("growth", "second_s", "third_s"), [("linear", 20, 30), ("exponential", 20, 40), ("constant", 10, 10)]
)
def test_the_open_time_grows_with_re_openings(growth: str, second_s: int, third_s: int) -> None:
    # Opened at 1 until 11. The call at 11 fails at 12: open for `second_s`; the call then, at t, fails at t + 1:
    # open for `third_s`. The call after that is fine and closes it; the next failure opens it for 10 again.
    second = 12 + second_s
    third = second + 1 + third_s
    again = third + 2
    run = run_rows(
        at(0, 11, second, third, again, again + 11),
        {"a": target(outages=[outage(0, third), outage(again, again + 1)])},
        sliding(window_calls=1, open_growth=growth),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + f"""
        1            a closed    open      0
        11           a open      half-open 1
        12           a half-open open      1
        {second}     a open      half-open 2
        {second + 1} a half-open open      2
        {third}      a open      half-open 3
        {again}      a half-open closed    3
        {again + 1}  a closed    open      4
        {again + 11} a open      half-open 5
        {again + 13} a half-open closed    5
        """,
    )


def test_it_decides_after_the_minimum_where_that_is_smaller() -> None:
    # Three places, a minimum of 2. Open from 2 until 12. 2, 3, 4 start at 12, 12.5, 13; ends at 14 and 14.5 decide:
    # closed. The third ends at 15, failed after 2 s, as the first call in the new window; 5 fails at 15.5 as the
    # second: 2 of 2 open it.
    run = run_rows(
        at(0, 1, 12, 12.5, 13, 14.5, 15.5),
        {"a": target(outages=[outage(0, 2), outage(13, 14, error_latency_s=2), outage(14.5, 15)])},
        sliding(window_calls=10, minimum_calls=2, half_open_calls=3),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        2    a closed    open      1
        12   a open      half-open 2
        14.5 a half-open closed    3
        15.5 a closed    open      5
        """,
    )


def test_an_ignored_end_gives_its_place_to_another_call() -> None:
    # Only timeouts (after 3 s) are failures. Hangs at 0 and 1 open it at 4, until 14. Two places: 2 and 3 at 14
    # and 14.5 fail with an error at 15 and 15.5, which says nothing. 4 at 14.75 finds no place, 5 at 15 does; 6 at 15.5
    # takes the other one. They end at 17 and 17.5: closed.
    run = run_rows(
        at(0, 1, 14, 14.5, 14.75, 15, 15.5),
        {"a": target(outages=[outage(0, 2, "hang"), outage(14, 14.75)])},
        sliding(window_calls=2, half_open_calls=2, counts=["timeout"]) | {"timeout_s": 3},
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        4    a closed    open      1
        14   a open      half-open 2
        17.5 a half-open closed    6
        """,
    )
    check_attempts(
        run,
        """
        request started_s ended_s outcome
        0       0         3       timeout
        1       1         4       timeout
        2       14        15      error
        3       14.5      15.5    error
        5       15        17      ok
        6       15.5      17.5    ok
        """,
    )


def test_calls_from_before_the_opening_never_count() -> None:
    # Calls that hang are cut after 12.5 s: 0 at 12.5, 1 at 13.25, 4 at 15.4. Failures at 2 and 3 open it until 13;
    # 5 is let through then, until 15. The cut at 12.5 comes while it is open, the one at 13.25 while it is half-open:
    # neither decides. 5 closes it with an empty window of 2 calls. The cut at 15.4 does not count either, so 6, failing
    # at 16.5, is the first end in it, and only that of 7 at 19 makes 1 of 2.
    run = run_rows(
        at(0, 0.75, 1, 2, 2.9, 13, 15.5, 17),
        {
            "a": target(
                outages=[outage(0, 0.9, "hang"), outage(1, 2.5), outage(2.9, 3, "hang"), outage(15, 16)]
            )
        },
        sliding(window_calls=2) | {"timeout_s": 12.5},
    )
    check_attempts(
        run,
        """
        request started_s ended_s outcome
        0       0         12.5    timeout
        1       0.75      13.25   timeout
        2       1         2       error
        3       2         3       error
        4       2.9       15.4    timeout
        5       13        15      ok
        6       15.5      16.5    error
        7       17        19      ok
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        3    a closed    open      3
        13   a open      half-open 5
        15   a half-open closed    5
        19   a closed    open      7
        """,
    )


def test_the_window_begins_empty_after_closing() -> None:
    # As above without long calls: failures at 1 and 2 open, the call at 12 closes at 14. One failure at 15 is 1 of
    # 1, too few for a window of 2; the one at 16 opens.
    run = run_rows(
        at(0, 1, 12, 14, 15, 16),
        {"a": target(outages=[outage(0, 2), outage(14, 16)])},
        sliding(window_calls=2),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        2  a closed    open      1
        12 a open      half-open 2
        14 a half-open closed    2
        16 a closed    open      4
        """,
    )


def test_its_queue_is_sent_on_when_it_opens() -> None:
    # One call at a time. 0 fails at 1, 1 (waiting) at 2, which opens: 2 and 3, still waiting, go on to b at 2.
    run = run_rows(
        at(0, 0, 0, 0),
        {"a": target(limits=limits(concurrent=1), outages=[outage(0, 9)]), "b": target()},
        sliding(window_calls=2),
    )
    check_outcomes(
        run,
        """
        request ended_s deployment
        0       3       b
        1       4       b
        2       4       b
        3       4       b
        """,
    )


# -- sampling-window ---------------------------------------------------------------------------------------


def test_sampling_opens_at_its_share_and_one_probe_closes() -> None:
    # Ends: ok at 2, nine of them; a failure at 3 is 1 of 10, the default share of 0.1, and the minimum. Open until 8
    # (5 s by default). 10 probes at 8, 11 at 9 is rejected; closed at 10.
    run = run_rows(
        at(*[0] * 9, 2, 8, 9, 10),
        {"a": target(outages=[outage(2, 3)])},
        {"breaker": {"kind": "sampling-window", "minimum_calls": 10}},
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        3  a closed    open      9
        8  a open      half-open 10
        10 a half-open closed    10
        """,
    )


@pytest.mark.parametrize(("third_s", "opens"), [(10.299999999, True), (10.3, False)])
def test_a_bucket_begins_with_its_first_end_and_is_forgotten_a_window_later(
    third_s: float, opens: bool
) -> None:
    # window_s 10 in buckets of 1 s. The failure at 1.3 begins a bucket [1.3, 2.3); the one at 2.2 falls into it. Both
    # are forgotten at 11.3: a third one at 11.299999999 is 3 of 3, at 11.3 alone.
    run = run_rows(
        at(0.3, 1.2, third_s),
        {"a": target(outages=[outage(0, 99)])},
        sampling(window_s=10, minimum_calls=3),
    )
    check_events(run, "breaker", EDGES + ("11.299999999 a closed open 2" if opens else ""))


def test_an_end_a_bucket_later_stands_in_the_next_one() -> None:
    # As before with the second failure at 2.3: its bucket lives until 12.3, so at 11.3 two are left.
    run = run_rows(
        at(0.3, 1.3, 10.3),
        {"a": target(outages=[outage(0, 99)])},
        sampling(window_s=10, minimum_calls=2, failure_share=1),
    )
    check_events(run, "breaker", EDGES + "2.3 a closed open 1")
    run = run_rows(
        at(0.3, 1.3, 10.3),
        {"a": target(outages=[outage(0, 1), outage(1.3, 99)])},
        sampling(window_s=10, minimum_calls=3),
    )
    check_events(run, "breaker", NO_EDGES)  # 1.3 is gone at 11.3: two are left


def test_sampling_opens_at_a_failure_only() -> None:
    # Failures at 1 and 2, successes at 4 and 6: 2 of 4 at the minimum, but Polly asks only where a call failed:
    # at 7, with 3 of 5.
    run = run_rows(
        at(0, 1, 2, 4, 6),
        {"a": target(outages=[outage(0, 2), outage(6, 7)])},
        sampling(minimum_calls=4, failure_share=0.5),
    )
    check_events(run, "breaker", EDGES + "7 a closed open 4")


def test_a_failed_probe_re_opens_with_growth() -> None:
    # Opens at 2 until 12; the probe at 12 fails at 13: open for 20 s, until 33; the probe then closes at 35. The
    # window is empty: the failure at 36 alone is below the minimum, the one at 37 opens, for 10 s again.
    run = run_rows(
        at(0, 1, 12, 32.999999999, 33, 35, 36, 46.999999999, 47),
        {"a": target(outages=[outage(0, 13), outage(35, 37)])},
        sampling(minimum_calls=2, open_growth="exponential"),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        2  a closed    open      1
        12 a open      half-open 2
        13 a half-open open      2
        33 a open      half-open 4
        35 a half-open closed    4
        37 a closed    open      6
        47 a open      half-open 8
        49 a half-open closed    8
        """,
    )
