"""Timelines of a breaker whose open time grows, that needs several successes, or counts other ends; by hand."""

from typing import Any

import pytest

from planner.engines import rules
from tests.engines.hand_tables import (
    at,
    check_events,
    check_outcomes,
    limits,
    outage,
    run_rows,
    target,
)

EDGES = "time_s deployment from to request\n"


def breaker(**given: Any) -> dict[str, Any]:
    """Opens at one failure for 10 s."""
    return {"kind": "consecutive", "failures": 1, "open_s": 10, **given}


def test_an_open_time_grows_linearly_with_openings_in_a_row_and_starts_again_after_closing() -> None:
    # An error takes 1 s. 0 opens at 1 for 10. Probe 1 at 11 fails at 12: second in a row, 20 s, until 32.
    # 2 just before is rejected, 3 at 32 fails at 33: third, 30 s would be 63, the cap of 25 s says 58.
    # 4 at 58 - 1 ns is rejected; 5 at 58 succeeds at 60 and closes. 6 fails 70-71: the first again, 81.
    run = run_rows(
        at(0, 11, 31.999999999, 32, 57.999999999, 58, 70, 80.999999999, 81),
        {"a": target(outages=[outage(0, 50), outage(65, 75)])},
        {"breaker": breaker(open_growth="linear", open_cap_s=25)},
    )
    check_outcomes(
        run,
        """
        request ended_s      outcome  cause
        0       1            error    provider-error
        1       12           error    provider-error
        2       31.999999999 rejected own-breaker
        3       33           error    provider-error
        4       57.999999999 rejected own-breaker
        5       60           ok       -
        6       71           error    provider-error
        7       80.999999999 rejected own-breaker
        8       83           ok       -
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
        32     a          open      half-open 3
        33     a          half-open open      3
        58     a          open      half-open 5
        60     a          half-open closed    5
        71     a          closed    open      6
        81     a          open      half-open 8
        83     a          half-open closed    8
        """,
    )


def test_an_open_time_doubles_with_each_opening_in_a_row() -> None:
    # Errors take 1 s. Open 1-11 (10 s), probe 11-12, open 12-32 (20 s), probe 32-33, open 33-73 (40 s),
    # probe 73-74, open until 74 + 50 (80 s is above the cap of 50): 124.
    run = run_rows(
        at(0, 11, 32, 72.999999999, 73, 123.999999999, 124),
        {"a": target(outages=[outage(0, 100)])},
        {"breaker": breaker(open_growth="exponential", open_cap_s=50)},
    )
    check_outcomes(
        run,
        """
        request ended_s       outcome  cause
        0       1             error    provider-error
        1       12            error    provider-error
        2       33            error    provider-error
        3       72.999999999  rejected own-breaker
        4       74            error    provider-error
        5       123.999999999 rejected own-breaker
        6       126           ok       -
        """,
    )


@pytest.mark.parametrize("growth", [rules.LINEAR, rules.DOUBLING])
def test_the_grown_open_time_is_the_formula_up_to_the_cap(growth: int) -> None:
    open_ns, cap_ns = 3 * 10**9, 86_400 * 10**9
    for openings in (*range(1, 80), 10**6, 2**62):
        factor = openings if growth == rules.LINEAR else 2 ** min(openings - 1, 100)
        assert min(open_ns * factor, cap_ns) == rules.open_time(growth, open_ns, cap_ns, openings)


def test_two_successes_one_after_the_other_close_it() -> None:
    # 0 opens at 1 until 11. 1 probes 11-13, 2 at 12 is rejected meanwhile. One of two successes: half-open
    # still, 3 at 13 is the second probe, until 15; 4 at 14 is rejected. At 15 it closes, 5 and 6 run together.
    run = run_rows(
        at(0, 11, 12, 13, 14, 15, 15),
        {"a": target(outages=[outage(0, 5)])},
        {"breaker": breaker(successes=2)},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       1       error    provider-error
        1       13      ok       -
        2       12      rejected own-breaker
        3       15      ok       -
        4       14      rejected own-breaker
        5       17      ok       -
        6       17      ok       -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1      a          closed    open      0
        11     a          open      half-open 1
        15     a          half-open closed    3
        """,
    )


def test_a_failure_after_the_first_success_opens_again_and_forgets_it() -> None:
    # Probe 1 succeeds 11-13, probe 2 fails 14-15: open until 25, with constant growth. Probes 3 (25-27) and
    # 4 (27-29) are two in a row: closed at 29.
    run = run_rows(
        at(0, 11, 14, 25, 27),
        {"a": target(outages=[outage(0, 5), outage(14, 20)])},
        {"breaker": breaker(successes=2)},
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1      a          closed    open      0
        11     a          open      half-open 1
        15     a          half-open open      2
        25     a          open      half-open 3
        29     a          half-open closed    4
        """,
    )


def test_a_refusal_counts_where_it_is_said_to() -> None:
    # One request a minute, refused with a 429 at once. 0 takes it; 1 at 5 is a failure: open 5-15. 2 at 15 would
    # be the probe and is refused as well: half-open and open again at 15, until 25. 3 at 24 is rejected.
    # 4 at 60 finds the bucket full and is the probe: closed at 62.
    run = run_rows(
        at(0, 5, 15, 24, 60),
        {"a": target(limits=limits(requests_per_minute=1))},
        {"when_limited": "retry", "breaker": breaker(counts=["limited"])},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  attempts cause
        0       2       ok       1        -
        1       5       limited  1        limit
        2       15      limited  1        limit
        3       24      rejected 0        own-breaker
        4       62      ok       1        -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        5      a          closed    open      1
        15     a          open      half-open 2
        15     a          half-open open      2
        60     a          open      half-open 4
        62     a          half-open closed    4
        """,
    )


def test_a_probe_that_ends_uncounted_tells_nothing_and_the_next_call_is_a_probe() -> None:
    # Only errors count. 0 opens at 1 until 11. Probe 1 hangs from 11 and is cut at 14: not a failure, no
    # success. 2 at 13 is rejected; 3 at 14 is the next probe, 14-16, and closes.
    run = run_rows(
        at(0, 11, 13, 14),
        {"a": target(outages=[outage(0, 5), outage(10, 12, "hang")])},
        {"timeout_s": 3, "breaker": breaker(counts=["error"])},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       1       error    provider-error
        1       14      timeout  timeout
        2       13      rejected own-breaker
        3       16      ok       -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        1      a          closed    open      0
        11     a          open      half-open 1
        16     a          half-open closed    3
        """,
    )
