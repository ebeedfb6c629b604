"""Timelines of concurrency caps that change over time, worked out by hand. Calls of 2 s unless said otherwise."""

from typing import Any

import pytest

from tests.engines.hand_tables import at, check_attempts, check_outcomes, limits, outage, run_rows, target


def steps(*ends: tuple[float, int | None], last: int | None, **given: Any) -> dict[str, Any]:
    """A target whose cap is the given ones until the seconds beside them, then the last."""
    listed: list[dict[str, Any]] = [{"until_s": until_s, "value": value} for until_s, value in ends]
    return target(limits=limits(concurrent=[*listed, {"value": last}]), **given)


def test_a_falling_cap_stops_no_call_and_admits_nobody_until_enough_have_ended() -> None:
    # Three places until 1, then one. 0, 1 and 2 start at 0, 0.25 and 0.5 and stay 2 s each, past the change.
    # 3 (at 1) waits: three in flight are above the cap of one. They end at 2, 2.25 and 2.5: at 2 two are left,
    # at 2.25 one is, which is as many as may be; at 2.5 none: 3 runs 2.5-4.5. 4 (at 3) waits for it: 4.5-6.5.
    run = run_rows(at(0, 0.25, 0.5, 1, 3), {"a": steps((1, 3), last=1)})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s outcome
        0       0        0         2       ok
        1       0.25     0.25      2.25    ok
        2       0.5      0.5       2.5     ok
        3       1        2.5       4.5     ok
        4       3        4.5       6.5     ok
        """,
    )


def test_a_rising_cap_frees_two_places_at_once_and_a_third_call_goes_on_waiting() -> None:
    # One place until 1, then three. 0 runs 0-2; 1, 2 and 3 wait from 0.25, 0.5 and 0.75. At 1 two places come
    # free in one instant: 1 and 2 run 1-3. 3 waits on, until 0 ends: 2-4. 4 (at 2.5) finds three: 3-5.
    run = run_rows(at(0, 0.25, 0.5, 0.75, 2.5), {"a": steps((1, 1), last=3)})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       0.25     1         3
        2       0.5      1         3
        3       0.75     2         4
        4       2.5      3         5
        """,
    )


@pytest.mark.parametrize(
    ("cap", "first", "second"),
    [
        (1, "2 4", "4 6"),  # the call that ended left its place to 1; 2 waits for 1
        (2, "2 4", "2 4"),  # both places are there at 2: 1 takes one as a start, 2 the other as it arrives
        (None, "2 4", "2 4"),
    ],
)
def test_at_one_instant_the_cap_changes_after_an_end_and_before_starts_and_arrivals(
    cap: int | None, first: str, second: str
) -> None:
    # One place until 2, where 0 ends (round 1), the cap changes (round 2), the one who waits starts (round 3)
    # and 2 arrives (round 5).
    run = run_rows(at(0, 1, 2), {"a": steps((2, 1), last=cap)})
    check_attempts(
        run,
        f"""
        request queued_s started_s ended_s
        0       0        0         2
        1       1        {first}
        2       2        {second}
        """,
    )


def test_a_cap_that_falls_where_a_call_ends_leaves_its_place_to_nobody() -> None:
    # Two places until 2, then one. 0 and 1 run 0-2 and 0.5-2.5, 2 waits from 1. At 2 the call 0 ends and offers
    # its place, but before the start of 2 in that instant the cap has become one, which 1 has: 2 starts at 2.5.
    # 3 arrives at 2 and stands behind 2.
    run = run_rows(at(0, 0.5, 1, 2), {"a": steps((2, 2), last=1)})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       0.5      0.5       2.5
        2       1        2.5       4.5
        3       2        4.5       6.5
        """,
    )


def test_a_closed_door_lets_nobody_in_and_then_as_many_as_there_are_places() -> None:
    # Closed until 3, then two places. 0, 1 and 2 wait from 0, 1 and 2; at 3: 0 and 1 run 3-5, 2 runs 5-7.
    # 3 arrives at 3, behind them all: 5-7 with 2.
    run = run_rows(at(0, 1, 2, 3), {"a": steps((3, 0), last=2)})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        3         5
        1       1        3         5
        2       2        5         7
        3       3        5         7
        """,
    )


def test_a_step_holds_from_its_first_moment_to_the_last_before_the_next() -> None:
    # Closed in [1, 2) only, no cap before and after. A call at 0.999999999 and one at 2 do not wait; one at 1 and
    # one at 1.999999999 wait until 2.
    run = run_rows(at(0.999999999, 1, 1.999999999, 2), {"a": steps((1, None), (2, 0), last=None)})
    check_attempts(
        run,
        """
        request queued_s    started_s   ended_s
        0       0.999999999 0.999999999 2.999999999
        1       1           2           4
        2       1.999999999 2           4
        3       2           2           4
        """,
    )


def test_a_call_is_turned_away_during_a_low_step_where_nobody_waits() -> None:
    # Two places, one in [1, 3), then two again; when_busy: reject. 0 runs 0-2. 1 (at 0.5) has the second place:
    # 0.5-2.5. 2 (at 1.5) finds two in flight and 3 (at 2.25) finds one, which is the cap: b. 4 (at 2.5) comes as
    # 1 has ended: 2.5-4.5. 5 (at 2.75) finds it there: b. 6 (at 3) has the place that came back.
    run = run_rows(
        at(0, 0.5, 1.5, 2.25, 2.5, 2.75, 3),
        {"a": steps((1, 2), (3, 1), last=2), "b": target()},
        {"when_busy": "reject"},
    )
    check_attempts(
        run,
        """
        request deployment started_s ended_s
        0       a          0         2
        1       a          0.5       2.5
        2       b          1.5       3.5
        3       b          2.25      4.25
        4       a          2.5       4.5
        5       b          2.75      4.75
        6       a          3         5
        """,
    )


def test_without_another_target_a_closed_door_turns_a_call_away_by_limit() -> None:
    run = run_rows(at(0.5, 1), {"a": steps((1, 0), last=1)}, {"when_busy": "reject"})
    check_outcomes(
        run,
        """
        request ended_s outcome  cause attempts
        0       0.5     rejected limit 0
        1       3       ok       -     1
        """,
    )


def test_patience_that_ends_as_the_door_opens_is_served_and_a_nanosecond_less_is_not() -> None:
    # The door opens at 3 (round 2) and hands over (round 3) before patience ends there (round 4): a wait of
    # exactly 2 s from 1 is served. 0, from 0.999999999, gave up at 2.999999999.
    run = run_rows(at(0.999999999, 1), {"a": steps((3, 0), last=5)}, {"queue_timeout_s": 2})
    check_outcomes(
        run,
        """
        request ended_s     outcome  cause
        0       2.999999999 rejected queue
        1       5           ok       -
        """,
    )


def test_places_that_come_free_still_ask_the_rate_limiter() -> None:
    # Closed until 2, then no cap; 30 requests a minute and a bucket of two. At 2 the bucket holds 2: 0 and 1 start;
    # 2 waits for the next one, 2 s later: 4; 3 another 2 s: 6.
    limited = target(
        limits=limits(
            concurrent=[{"until_s": 2, "value": 0}, {"value": None}], requests_per_minute=30, burst_s=4
        )
    )
    run = run_rows(at(0, 0.5, 1, 1.5), {"a": limited}, {"when_limited": "wait"})
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        2         4
        1       0.5      2         4
        2       1        4         6
        3       1.5      6         8
        """,
    )


def test_a_breaker_that_opens_sends_those_on_who_wait_before_a_closed_door() -> None:
    # a: two places until 0.75, closed until 9, then one; an outage answers 503 after 1 s; one failure opens the
    # breaker for 5 s. 0 starts at 0 and fails at 1: the breaker opens and 1, waiting since 0.8, goes to b at 1.
    deployments = {"a": steps((0.75, 2), (9, 0), last=1, outages=[outage(0, 5)]), "b": target()}
    policy = {"breaker": {"kind": "consecutive", "failures": 1, "open_s": 5, "counts": ["error"]}}
    run = run_rows(at(0, 0.8), deployments, policy)
    check_attempts(
        run,
        """
        request deployment started_s ended_s outcome
        0       a          0         1       error
        0       b          1         3       ok
        1       b          1         3       ok
        """,
    )


def test_a_change_leaves_no_event_and_edges_of_outages_at_its_instant_stay() -> None:
    # The outage ends at 3 as the door opens: 0, waiting since 1, starts in good health.
    run = run_rows(at(1), {"a": steps((3, 0), last=1, outages=[outage(2, 3)])})
    check_attempts(
        run,
        """
        request started_s ended_s outcome
        0       3         5       ok
        """,
    )
    assert run.events["kind"].tolist() == ["outage", "outage"]


def test_steps_of_one_value_are_the_plain_cap() -> None:
    rows = at(*(k / 8 for k in range(20)))
    plain = run_rows(rows, {"a": target(limits=limits(concurrent=2))})
    for given in (steps(last=2), steps((1, 2), (1.5, 2), last=2)):
        run = run_rows(rows, {"a": given})
        for column, values in plain.attempt_arrays.items():
            assert values.tolist() == run.attempt_arrays[column].tolist(), column


def test_steps_that_begin_anew_in_every_window() -> None:
    # Two replications of a recording: each window begins at 0, with the door closed until 1.
    from planner.engines.run import run_window
    from planner.workload.windows import plan_windows

    run = run_rows(at(0), {"a": steps((1, 0), last=1)}, run={"seed": 1, "replications": 2})
    windows = plan_windows(run.scenario)
    assert len(windows) == 2
    for engine in ("reference", "compiled"):
        for window in windows:
            found = run_window(run.scenario, "s", window, engine=engine)  # type: ignore[arg-type]
            assert found.attempt_arrays["started_ns"].tolist() == [10**9]
