"""Timelines of late news and of perfect knowledge, worked out by hand.

A call of `target()` lasts 2 s and is fine; one that starts in an outage fails after 1 s. With `lag_s` a breaker is
told of each end so much later, as a state timer: it opens, counts and closes when it is told.
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


def late(lag_s: float, **breaker: Any) -> dict[str, Any]:
    return {"health": {"lag_s": lag_s}, "breaker": breaker}


CONSECUTIVE = {"kind": "consecutive", "failures": 1, "open_s": 10}
PERFECT: dict[str, Any] = {"health": {"knowledge": "perfect"}}

# -- late news: when a breaker opens and closes ----------------------------------------------------


def test_news_three_seconds_late_open_and_close_three_seconds_later() -> None:
    # 0 fails at 1, told at 4: open in [4, 14). 1 at 3.999999999 is still sent, 2 at 4.0 arrives after the news (timers
    # come before arrivals) and is rejected. 1 ends at 4.999999999; its news at 7.999999999 are of a call that started
    # before the opening and never count. 3 at 14 is the probe, ok at 16; the news at 19 close it: 4 at 18.999999999 is
    # rejected, 5 at 19 is served.
    run = run_rows(
        at(0, 3.999999999, 4, 14, 18.999999999, 19),
        {"a": target(outages=[outage(0, 12)])},
        late(3, **CONSECUTIVE),
    )
    check_outcomes(
        run,
        """
        request ended_s      outcome  cause
        0       1            error    provider-error
        1       4.999999999  error    provider-error
        2       4            rejected own-breaker
        3       16           ok       -
        4       18.999999999 rejected own-breaker
        5       21           ok       -
        """,
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        4      a          closed    open      0
        14     a          open      half-open 3
        19     a          half-open closed    3
        """,
    )


def test_a_probe_holds_its_place_until_the_news_of_its_end() -> None:
    # 0 fails at 1, told at 3: open in [3, 13). 1 probes at 13 in the outage and fails at 14; until the news at 16 the
    # breaker is half-open with its probe's place taken: 2 is rejected. Then open again in [16, 26): 3 is rejected at
    # 25.999999999, 4 probes at 26, ok at 28; told at 30.
    run = run_rows(
        at(0, 13, 15, 25.999999999, 26),
        {"a": target(outages=[outage(0, 20)])},
        late(2, **CONSECUTIVE),
    )
    check_events(
        run,
        "breaker",
        EDGES
        + """
        3      a          closed    open      0
        13     a          open      half-open 1
        16     a          half-open open      1
        26     a          open      half-open 4
        30     a          half-open closed    4
        """,
    )
    check_outcomes(
        run,
        "request outcome\n0 error\n1 error\n2 rejected\n3 rejected\n4 ok",
    )


def test_news_at_one_instant_come_after_ends_and_before_starts() -> None:
    # Two failures in a row open it. 0 fails at 1 (told at 2), 1 starts at 0.5 and fails at 1.5 (told at 2.5): opens at
    # 2.5. 2 waits behind a cap of 2 since 0.75 and starts at 1, fails at 2. Its retry waits 0.5 s, to 2.5, a start: the
    # news of that instant come before it, so it is turned away.
    run = run_rows(
        at(0, 0.5, 0.75),
        {"a": target(outages=[outage(0, 9)], limits=limits(concurrent=2))},
        late(1, kind="consecutive", failures=2, open_s=10) | {"retries": 1, "backoff": fixed(0.5)},
    )
    # 0's retry, after 1 + 0.5, starts at 1.5, when 1's end has freed a slot (an end comes before a start), fails at 2.5:
    # an end of round 1, before the news of round 2; so it has no retry left anyway. 1's retry would start at 2: it does,
    # as 2 ended then, and fails at 3.
    check_attempts(
        run,
        """
        request attempt queued_s started_s ended_s
        0       0       0        0         1
        0       1       1.5      1.5       2.5
        1       0       0.5      0.5       1.5
        1       1       2        2         3
        2       0       0.75     1         2
        """,
    )
    check_events(run, "breaker", EDGES + "2.5 a closed open 1")
    check_outcomes(
        run,
        """
        request ended_s outcome  cause
        0       2.5     error    provider-error
        1       3       error    provider-error
        2       2.5     rejected own-breaker
        """,
    )


def test_news_of_one_instant_come_by_request_and_the_later_ones_find_it_open() -> None:
    # 0 and 1 fail at 1, both told at 2, by request: 0's opens it, 1's is of before the opening.
    run = run_rows(
        at(0, 0, 2),
        {"a": target(outages=[outage(0, 9)])},
        late(1, **CONSECUTIVE),
    )
    check_events(run, "breaker", EDGES + "2 a closed open 0")
    check_outcomes(run, "request outcome\n0 error\n1 error\n2 rejected")


def test_a_queue_is_sent_on_when_the_news_come() -> None:
    # One call at a time. 0 fails at 1, 1 (waiting since 0.5) is sent at 1 and fails at 2, 2 (since 0.6) is sent at 2.
    # The news of 0 at 2.5 open it: 3, waiting since 0.7, goes to b then; 2 fails at 3 and goes to b, too.
    run = run_rows(
        at(0, 0.5, 0.6, 0.7),
        {"a": target(outages=[outage(0, 9)], limits=limits(concurrent=1)), "b": target()},
        late(1.5, **CONSECUTIVE),
    )
    check_outcomes(
        run,
        """
        request ended_s deployment attempts
        0       3       b          2
        1       4       b          2
        2       5       b          2
        3       4.5     b          1
        """,
    )


def test_late_news_of_a_429_cool_for_as_long_as_it_said_from_then_on() -> None:
    # Group of two: 0 is refused by a at 0.5 and told to wait 4 s; the news at 2.5 cool a in [2.5, 6.5). 0 itself goes
    # to b at once. 1 at 2 still asks a, refused at 2.5; those news, at 4.5, come during the cooldown and lengthen
    # nothing. 2 at 6.499999999 goes to b alone, 3 at 6.5 asks a again.
    run = run_rows(
        at(0, 2, 6.499999999, 6.5),
        {
            "a": target(outages=[outage(0, 6, mode="limited", error_latency_s=0.5, retry_after_s=4)]),
            "b": target(),
        },
        late(2, kind="cooldown", open_s=30),
    )
    check_outcomes(
        run,
        """
        request ended_s     deployment attempts
        0       2.5         b          2
        1       4.5         b          2
        2       8.499999999 b          1
        3       8.5         a          1
        """,
    )
    check_events(run, "breaker", EDGES + "2.5 a closed open 0\n6.5 a open closed 3")


def test_a_cooldown_judges_by_the_group_in_which_the_call_was_made() -> None:
    # a alone has no one to fall back on in g, its fallback group has two. A 429 cools at once only in a group of more
    # than one: 0 is refused by a (group of one with a fallback) at 0.5, and asks b in the group of two. When the news
    # of a come, at 1.5, the request is in the group of two, and yet the group of the call counts: a is not cooled.
    refusing = outage(0, 60, mode="limited", error_latency_s=0.5)
    run = run_rows(
        at(0),
        {"a": target(outages=[refusing]), "b": target(outages=[refusing]), "c": target()},
        late(1, kind="cooldown", open_s=30),
        strategy={"omni": ["a"], "groups": {"g": ["b", "c"]}, "fallbacks": {"omni": ["g"]}},
    )
    check_outcomes(run, "ended_s deployment attempts\n3 c 3")
    check_events(run, "breaker", EDGES + "2 b closed open 0")


def test_a_sliding_window_takes_ends_in_when_it_is_told_and_measures_calls_as_they_were() -> None:
    # Calls of 2 s are slow above 1.5 s; two of two slow ones open it. Ends at 2 and 3, told at 7 and 8: opens at 8.
    # By when they are told, calls seem 7 s long; with slow_s 2.5 none is slow, and nothing opens.
    for slow_s, opens in ((1.5, True), (2.5, False)):
        run = run_rows(
            at(0, 1, 8),
            {"a": target()},
            late(
                5,
                kind="sliding-window",
                window_calls=2,
                minimum_calls=2,
                slow_s=slow_s,
                slow_share=1,
                open_s=9,
            ),
        )
        check_events(run, "breaker", EDGES + ("8 a closed open 1" if opens else ""))
        check_outcomes(run, f"request outcome\n0 ok\n1 ok\n2 {'rejected' if opens else 'ok'}")


def test_a_sampling_window_forgets_by_when_it_was_told() -> None:
    # Two failures within 4 s of news open it. Ends at 1 and 4, told at 3 and 6, 3 s apart: opens at 6. With the second
    # at 6, told at 8, the first is 5 s old: a bucket is forgotten when its beginning is a window ago.
    for second_s, opens in ((3, True), (5, False)):
        run = run_rows(
            at(0, second_s),
            {"a": target(outages=[outage(0, 9)])},
            late(2, kind="sampling-window", window_s=4, minimum_calls=2, failure_share=1, open_s=9),
        )
        check_events(run, "breaker", EDGES + ("6 a closed open 1" if opens else ""))


def test_a_lag_of_its_own_belongs_to_the_deployment() -> None:
    # a's breaker learns at once, b's after 2 s.
    run = run_rows(
        at(0, 3),
        {
            "a": target(outages=[outage(0, 9)], policy={"health": {"lag_s": 0}}),
            "b": target(outages=[outage(0, 9)]),
        },
        late(2, **CONSECUTIVE),
    )
    check_events(run, "breaker", EDGES + "1 a closed open 0\n4 b closed open 0")
    check_attempts(run, "request attempt started_s\n0 0 0\n0 1 1\n1 0 3")


# -- perfect knowledge -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["error", "hang", "limited"])
def test_whoever_is_wholly_out_is_passed_over_in_its_half_open_stretch(mode: str) -> None:
    # Out in [2, 6): 0 at 1.999999999 is sent to a, 1 at 2 and 2 at 5.999999999 go to b at once with one call each,
    # 3 at 6 is sent to a again.
    run = run_rows(
        at(1.999999999, 2, 5.999999999, 6),
        {"a": target(outages=[outage(2, 6, mode)]), "b": target()},
        PERFECT | {"timeout_s": 20},
    )
    check_outcomes(
        run,
        """
        request ended_s     deployment attempts
        0       3.999999999 a          1
        1       4           b          1
        2       7.999999999 b          1
        3       8           a          1
        """,
    )


@pytest.mark.parametrize("episode", [{"mode": "degraded", "slowdown": 2}, {"share": 0.999999}])
def test_an_episode_that_some_calls_get_through_is_asked(episode: dict[str, Any]) -> None:
    run = run_rows(at(0), {"a": target(outages=[outage(0, 9, **episode)]), "b": target()}, PERFECT)
    check_attempts(run, "request deployment attempt\n0 a 0" + ("" if "mode" in episode else "\n0 b 1"))


def test_with_nobody_else_a_request_is_rejected_at_once_and_costs_nothing() -> None:
    run = run_rows(at(0, 3), {"a": target(outages=[outage(0, 3)])}, PERFECT | {"retries": 3})
    check_outcomes(run, "request ended_s outcome cause attempts\n0 0 rejected own-breaker 0\n1 5 ok - 1")


def test_its_queue_is_sent_on_as_the_outage_begins_and_the_call_under_way_is_answered() -> None:
    # One call at a time, 0 in [0, 2). 1 and 2 wait; the outage begins at 1 and sends them to b.
    run = run_rows(
        at(0, 0.25, 0.5),
        {"a": target(outages=[outage(1, 6)], limits=limits(concurrent=1)), "b": target()},
        PERFECT,
    )
    check_outcomes(run, "request ended_s deployment attempts\n0 2 a 1\n1 3 b 1\n2 3 b 1")


def test_a_failure_just_before_it_is_not_retried_there_and_one_after_it_is() -> None:
    # 0 fails at 2 by an episode of before, [0, 1.5) of every call; its retry would wait 1 s on a, but a is out since 2:
    # to b at once. 1 fails likewise in [10, 11), and retries on a at 13.
    run = run_rows(
        at(1, 10),
        {"a": target(outages=[outage(0, 1.5, share=0.999999999), outage(2, 6), outage(10, 11, share=0.999999999)]), "b": target()},
        PERFECT | {"retries": 1, "backoff": fixed(2)},
    )  # fmt: skip
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          1         2       error
        0       1       b          2         4       ok
        1       0       a          10        11      error
        1       1       a          13        15      ok
        """,
    )


def test_the_episode_that_began_last_tells_whether_it_is_out() -> None:
    # [0, 10) full, [2, 4) half of the calls; as ever, the one that began last holds: known out in [0, 2) and [4, 10).
    # The queue is sent on again at 4: 2 waits behind 1 since 3.5.
    run = run_rows(
        at(1, 3, 3.5, 4.5),
        {
            "a": target(
                outages=[outage(0, 10), outage(2, 4, "degraded", slowdown=1)], limits=limits(concurrent=1)
            ),
            "b": target(),
        },
        PERFECT,
    )
    check_outcomes(run, "request ended_s deployment\n0 3 b\n1 5 a\n2 6 b\n3 6.5 b")


def test_perfect_knowledge_stands_beside_the_breaker_and_never_teaches_it() -> None:
    # Random failures at rate 1 open the breaker at 1 for 3 s; the outage in [2, 6) is known beside it. At 6 both are
    # over: 2 is the probe, at once.
    run = run_rows(
        at(0, 5, 6),
        {
            "a": target(outages=[outage(2, 6)], errors={"rate": 1, "status": 500, "latency_s": 1}),
            "b": target(),
        },
        PERFECT | {"breaker": {"kind": "consecutive", "failures": 1, "open_s": 3}},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s
        0       0       a          0
        0       1       b          1
        1       0       b          5
        2       0       a          6
        2       1       b          7
        """,
    )
    check_events(run, "breaker", EDGES + "1 a closed open 0\n6 a open half-open 2\n7 a half-open open 2")


def test_an_outage_from_before_the_window_is_known_from_its_first_moment() -> None:
    run = run_rows(at(0, 4), {"a": target(outages=[outage(0, 4)]), "b": target()}, PERFECT)
    check_outcomes(run, "request ended_s deployment attempts\n0 2 b 1\n1 6 a 1")


def test_a_choice_among_equals_leaves_out_whoever_is_known_to_be_out() -> None:
    run = run_rows(
        at(0, 0, 0, 2),
        {"a": target(outages=[outage(0, 2)]), "b": target()},
        PERFECT | {"select": "round-robin"},
        strategy={"omni": [["a", "b"]]},
    )
    check_outcomes(run, "request deployment attempts\n0 b 1\n1 b 1\n2 b 1\n3 a 1")
