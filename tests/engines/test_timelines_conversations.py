"""Conversations worked out by hand: who comes after whom and when, who asks again, and what their caches hold.

One deployment answers in 2 s unless said otherwise; requests are named by their place among all turns.
"""

import numpy as np
import pytest

from planner.engines import layout as c
from planner.engines.compiled import CompiledEngine
from planner.engines.program import compile_program
from planner.errors import LoadExceedsCapacity
from tests.engines.hand_tables import MODEL, check_attempts, check_outcomes, limits, outage, run_rows, target
from tests.engines.talks import opening, run_talks, turn


def names(run):
    return run.outcome_arrays["request"].tolist()


# -- turns -----------------------------------------------------------------------------------------


def test_a_turn_comes_a_pause_after_the_answer_to_the_one_before():
    run = run_talks([[opening(1), turn(3), turn(0.5)], [opening(2), turn(10)]])
    check_outcomes(
        run,
        """
        request arrived_s ended_s outcome
        0       1         3       ok
        1       6         8       ok
        2       8.5       10.5    ok
        3       2         4       ok
        4       14        16      ok
        """,
    )


def test_the_wait_in_a_queue_moves_the_next_turn():
    run = run_talks(
        [[opening(0), turn(1)], [opening(0.5), turn(1)]], {"a": target(limits=limits(concurrent=1))}
    )
    check_outcomes(
        run,
        """
        request arrived_s ended_s
        0       0         2
        1       3         6
        2       0.5       4
        3       5         8
        """,
    )


def test_a_pause_of_nothing_comes_after_all_else_of_its_instant():
    """At 2 s the first answer ends, the waiting request starts, then the next turn arrives and waits."""
    run = run_talks([[opening(0), turn(0)], [opening(1)]], {"a": target(limits=limits(concurrent=1))})
    check_outcomes(
        run,
        """
        request arrived_s ended_s
        0       0         2
        1       2         6
        2       1         4
        """,
    )


@pytest.mark.parametrize(("first", "second"), [(0, 2), (2, 0)])
def test_of_turns_and_first_requests_at_one_instant_the_lower_name_comes_first(first, second):
    """A later turn at 4 s, and a first request at 4 s: names decide, whichever was known before."""
    talks = [[opening(0), turn(2)], [opening(4)]]
    run = run_talks(talks, {"a": target(limits=limits(concurrent=1))})
    check_outcomes(run, "request arrived_s ended_s\n0 0 2\n1 4 6\n2 4 8")
    other = run_talks(
        [[opening(0)], [opening(0.5), turn(1.5)], [opening(4)]],
        {"a": target(latency={"total_s": 2}, limits=limits(concurrent=None))},
    )
    check_outcomes(other, "request arrived_s ended_s\n0 0 2\n1 0.5 2.5\n2 4 6\n3 4 6")


def test_a_failed_turn_ends_its_conversation():
    run = run_talks(
        [[opening(0), turn(1), turn(1), turn(1)], [opening(8), turn(1)]],
        {"a": target(outages=[outage(3, 5)])},
    )
    check_outcomes(
        run,
        """
        request arrived_s ended_s outcome
        0       0         2       ok
        1       3         4       error
        4       8         10      ok
        5       11        13      ok
        """,
    )
    assert run.work.unasked(run.outcome_arrays["request"], 1).tolist() == [2]


def test_in_an_open_loop_turns_come_at_their_times_whatever_was_answered():
    run = run_talks(
        [[opening(0), turn(1), turn(1), turn(3)]],
        {"a": target(outages=[outage(1, 2)], limits=limits(concurrent=1))},
        is_open=True,
    )
    check_outcomes(
        run,
        """
        request arrived_s ended_s outcome
        0       0         2       ok
        1       1         4       ok
        2       2         6       ok
        3       5         8       ok
        """,
    )


def test_turns_go_on_after_the_end_of_the_window():
    run = run_talks([[opening(9), turn(100), turn(100)]], length_s=10)
    check_outcomes(run, "request arrived_s ended_s\n0 9 11\n1 111 113\n2 213 215")


# -- asking again ----------------------------------------------------------------------------------


def asked(*verdicts):
    """A conversation of two questions, the first asked up to three times, with the verdicts on each row."""
    first, *again, last = verdicts
    return [
        opening(0, **{"correct.m": first}),
        *(turn(1, repeat=k, **{"correct.m": one}) for k, one in enumerate(again, 1)),
        turn(5, **{"correct.m": last}),
    ]


@pytest.mark.parametrize(
    ("verdicts", "came"),
    [
        ((1, 1, 1, 1), [0, 3]),
        ((0, 1, 1, 1), [0, 1, 3]),
        ((0, 0, 1, 1), [0, 1, 2, 3]),
        ((0, 0, 0, 1), [0, 1, 2, 3]),
        ((None, 0, 0, 1), [0, 3]),
    ],
)
def test_a_question_is_asked_again_after_a_wrong_answer_alone(verdicts, came):
    run = run_talks([asked(*verdicts)])
    assert names(run) == came
    assert run.work.unasked(run.outcome_arrays["request"], 1).tolist() == [0]


def test_asking_again_has_its_own_pause_and_the_next_question_its_own():
    run = run_talks([asked(0, 1, 1, 1)])
    check_outcomes(run, "request arrived_s ended_s correct\n0 0 2 False\n1 3 5 True\n3 10 12 True")


def test_a_failed_question_is_asked_again_and_ends_the_conversation_when_nobody_does():
    """Out from 0 to 4: rows 0 and 1 (at 2 s) fail after 1 s, row 2 at 4 s is answered."""
    talk = asked(1, 1, 1, 1)
    check_outcomes(
        run_talks([talk], {"a": target(outages=[outage(0, 4)])}),
        "request arrived_s ended_s outcome\n0 0 1 error\n1 2 3 error\n2 4 6 ok\n3 11 13 ok",
    )
    lost = run_talks([talk], {"a": target(outages=[outage(0, 60)])})
    assert names(lost) == [0, 1, 2]
    assert lost.work.unasked(lost.outcome_arrays["request"], 1).tolist() == [1]


# -- staying with a deployment -----------------------------------------------------------------------

PAIR = {"strategy": {"omni": [["a", "b"]]}}


def served(run):
    deployments = list(run.scenario.deployments)
    return [deployments[code] if code >= 0 else "-" for code in run.outcome_arrays["deployment"]]


def test_without_affinity_turns_go_round():
    run = run_talks(
        [[opening(0), turn(1), turn(1), turn(1)]],
        {"a": target(), "b": target()},
        {"select": "round-robin"},
        **PAIR,
    )
    assert served(run) == ["a", "b", "a", "b"]


def test_a_conversation_stays_with_who_answered_it_first_and_the_turn_of_others_is_not_used_up():
    run = run_talks(
        [[opening(0), turn(1), turn(1), turn(1)], [opening(0.5), turn(1), turn(1)], [opening(30)]],
        {"a": target(), "b": target()},
        {"select": "round-robin", "affinity": {}},
        **PAIR,
    )
    assert served(run) == ["a", "a", "a", "a", "b", "b", "b", "a"]


@pytest.mark.parametrize(("repin", "after"), [(False, "a"), (True, "b")])
def test_after_a_failover_a_conversation_comes_back_or_stays(repin, after):
    """a is out from 3 to 5: the turn at 3 fails there and is answered by b; the breaker stays closed."""
    run = run_talks(
        [[opening(0), turn(1), turn(4), turn(4)]],
        {"a": target(outages=[outage(3, 5)]), "b": target()},
        {"affinity": {"repin": repin}},
        strategy={"omni": ["a", "b"]},
    )
    assert served(run) == ["a", "b", after, after]


def test_an_open_breaker_is_passed_over_by_those_who_stay():
    """The breaker of a opens at 4 s for 60 s: turns at 7 and 10 s go to b without a call to a."""
    run = run_talks(
        [[opening(0), turn(1), turn(1), turn(1), turn(60)]],
        {"a": target(outages=[outage(3, 5)]), "b": target()},
        {"affinity": {}, "breaker": {"failures": 1, "open_s": 60}},
        strategy={"omni": ["a", "b"]},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s outcome
        0       0       a          0         ok
        1       0       a          3         error
        1       1       b          4         ok
        2       0       b          7         ok
        3       0       b          10        ok
        4       0       a          72        ok
        """,
    )


def test_a_deployment_of_a_later_level_is_asked_first_by_those_who_stay_with_it():
    run = run_talks(
        [[opening(0), turn(10), turn(1)]],
        {"a": target(outages=[outage(0, 5)]), "b": target()},
        {"affinity": {}},
        strategy={"omni": ["a", "b"]},
    )
    assert served(run) == ["b", "b", "b"]
    assert len(run.attempts) == 4


@pytest.mark.parametrize(("pause_s", "after"), [(4.999999999, "b"), (5, "a")])
def test_a_claim_ends_so_long_after_the_last_answer(pause_s, after):
    run = run_talks(
        [[opening(0), turn(pause_s)]],
        {"a": target(outages=[outage(0, 0.5)]), "b": target()},
        {"affinity": {"ttl_s": 5}},
        strategy={"omni": ["a", "b"]},
    )
    assert served(run) == ["b", after]


def test_with_reselection_a_retry_goes_to_who_answered_before_as_long_as_it_can():
    """a answered; it is out from 3 to 4.5: the turn at 3 fails at 4, its retry at 5 is answered by a again."""
    run = run_talks(
        [[opening(0), turn(1)]],
        {"a": target(outages=[outage(3, 4.5)]), "b": target()},
        {"affinity": {}, "retries": 1, "retry_target": "reselect", "select": "round-robin"},
        **PAIR,
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s outcome
        0       0       a          0         ok
        1       0       a          3         error
        1       1       a          5         ok
        """,
    )


# -- prompt caches of conversations -------------------------------------------------------------------

CACHE = {"ttl_s": 300, "min_tokens": 100, "step_tokens": 100}
PRICED = {"m": {**MODEL, "cached_input_usd_per_mtok": 0.1, "cache_write_usd_per_mtok": 1.25}}


def growing(start_s, *pauses_s, system=1000, said=150, **given):
    """A conversation behind a system prompt of its own length: each turn sends all that was said before."""
    rows = []
    for k, pause_s in enumerate((None, *pauses_s)):
        sizes = {
            "input_tokens": system + (k + 1) * said,
            "prefix_tokens": system + k * said,
            "shared": system,
            **given,
        }
        rows.append(opening(start_s, **sizes) if pause_s is None else turn(pause_s, **sizes))
    return rows


def tokens(run):
    """(input, read, written) of each call."""
    a = run.attempt_arrays
    columns = ("input_tokens", "cached_input_tokens", "cache_write_tokens")
    return [tuple(int(a[name][i]) for name in columns) for i in range(len(a["request"]))]


def test_a_turn_finds_what_the_one_before_had_sent():
    """Turn 1 sends 1,150 tokens, of which 1,100 are kept in whole hundreds; turn 2 finds them and keeps 1,300."""
    run = run_talks([growing(0, 1, 1)], {"a": target(prompt_cache=CACHE)}, models=PRICED)
    assert tokens(run) == [(1150, 0, 1100), (1300, 1100, 200), (1450, 1300, 100)]


def test_another_conversation_finds_the_shared_prefix_alone():
    run = run_talks([growing(0, 1), growing(50, 1)], {"a": target(prompt_cache=CACHE)}, models=PRICED)
    assert tokens(run) == [(1150, 0, 1100), (1300, 1100, 200), (1150, 1000, 100), (1300, 1100, 200)]


def test_without_conversations_the_shared_prefix_alone_is_kept():
    run = run_talks(
        [growing(0, 1)], {"a": target(prompt_cache={**CACHE, "conversations": False})}, models=PRICED
    )
    assert tokens(run) == [(1150, 0, 1000), (1300, 1000, 0)]


@pytest.mark.parametrize(("pause_s", "second"), [(297.999999999, (1300, 1100, 200)), (298, (1300, 0, 1300))])
def test_a_conversation_is_cold_when_it_was_touched_too_long_ago(pause_s, second):
    """The first call starts at 0 and ends at 2: touched 299.999999999 s or 300 s ago."""
    run = run_talks([growing(0, pause_s)], {"a": target(prompt_cache=CACHE)}, models=PRICED)
    assert tokens(run)[1] == second


def test_others_keep_the_shared_prefix_warm_while_a_conversation_grows_cold():
    run = run_talks(
        [growing(0, 400), growing(200), growing(350)], {"a": target(prompt_cache=CACHE)}, models=PRICED
    )
    assert tokens(run)[1] == (1300, 1000, 300)


def test_asking_again_finds_the_whole_prompt():
    sizes = {"input_tokens": 1150, "shared": 1000}
    talk = [
        opening(0, **sizes, prefix_tokens=1000, **{"correct.m": 0}),
        turn(1, repeat=1, **sizes, prefix_tokens=1150, **{"correct.m": 1}),
    ]
    run = run_talks([talk], {"a": target(prompt_cache=CACHE)}, models=PRICED)
    assert tokens(run) == [(1150, 0, 1100), (1150, 1100, 0)]


def test_failing_over_a_conversation_pays_its_history_once_more_to_the_cent():
    """Prices 1, 0.1 and 1.25 USD per million of plain, read and written tokens, 2 of output.

    a, a, then a fails over to b: 1,150 + 1,300 tokens at a, then 1,450 at b, all of it cold there; without the outage
    1,300 of these would have been read. Cold: 1,400 written + 50 plain = 1.80 mUSD; warm: 1,300 read + 100 written +
    50 plain = 0.305 mUSD.
    """
    bills = []
    for windows in ([outage(5, 8)], []):
        run = run_talks(
            [growing(0, 1, 1)],
            {"a": target(prompt_cache=CACHE, outages=windows), "b": target(prompt_cache=CACHE)},
            models=PRICED,
            strategy={"omni": ["a", "b"]},
        )
        a = run.attempt_arrays
        last = len(a["request"]) - 1
        plain, read, written = (
            int(a[f"billed_{meter}_tokens"][last]) for meter in ("input", "cached_input", "cache_write")
        )
        bills.append(plain * 1.0 + read * 0.1 + written * 1.25)
    assert bills == [1800.0, 305.0]


def test_the_history_that_is_not_found_takes_its_time():
    """0.001 s for each token that might have been found: turn 3 at b misses its 1,300 tokens of history."""
    cache = {**CACHE, "cold_ttft_s_per_mtok": 1000}
    stream = {"ttft_s": 1.0, "tokens_per_s": 50}
    run = run_talks(
        [growing(0, 1, 1, output_tokens=50)],
        {
            "a": target(prompt_cache=cache, latency=stream, outages=[outage(7, 9)]),
            "b": target(prompt_cache=cache, latency=stream),
        },
        models=PRICED,
        strategy={"omni": ["a", "b"]},
    )
    check_attempts(
        run,
        """
        request attempt deployment started_s first_token_s ended_s
        0       0       a          0         2             3
        1       0       a          4         5             6
        2       0       a          7         -             8
        2       1       b          8         10.3          11.3
        """,
    )


def test_a_recorded_conversation_finds_its_own_prefix_and_no_other_ones():
    """Rows interleaved in time: the second of one finds what the first sent (1,000 of 1,150), of two nothing is there."""
    row = {"output_tokens": 50, "task": "chat"}
    rows = [
        {"arrival_s": 0, "input_tokens": 1150, "prefix_tokens": 0, "session": "one", **row},
        {"arrival_s": 5, "input_tokens": 1150, "prefix_tokens": 1000, "session": "two", **row},
        {"arrival_s": 10, "input_tokens": 1300, "prefix_tokens": 1000, "session": "one", **row},
        {"arrival_s": 11, "input_tokens": 400, "prefix_tokens": 300, "session": None, **row},
        {"arrival_s": 12, "input_tokens": 1300, "prefix_tokens": 1150, "session": "two", **row},
        {"arrival_s": 20, "input_tokens": 400, "prefix_tokens": 300, "session": None, **row},
    ]
    run = run_rows(rows, {"a": target(prompt_cache=CACHE)}, models=PRICED)
    check_outcomes(run, "request arrived_s\n0 0\n1 5\n2 10\n3 11\n4 12\n5 20")
    assert tokens(run) == [
        (1150, 0, 1100), (1150, 0, 1100), (1300, 1000, 300), (400, 0, 300), (1300, 1100, 200), (400, 300, 0),
    ]  # fmt: skip


def test_too_many_turns_to_come_are_refused_alike():
    talk = [opening(0), *[turn(1) for _ in range(12)]]
    with pytest.raises(
        LoadExceedsCapacity, match=r"more than run\.max_in_flight = 10 turns are still to come"
    ):
        run_talks([talk], run={"seed": 1, "replications": 1, "max_in_flight": 10})


def test_a_turn_beyond_what_may_be_in_flight_is_refused_alike():
    with pytest.raises(
        LoadExceedsCapacity, match=r"max_in_flight = 1 requests in flight 3\.000 s into the window"
    ):
        run_talks(
            [[opening(0), turn(1)], [opening(2.5)]], run={"seed": 1, "replications": 1, "max_in_flight": 1}
        )


def test_every_slot_of_a_conversation_is_given_back():
    """A thousand conversations one after the other need no more room than a few."""
    talks = [[opening(10.0 * k), turn(1), turn(1)] for k in range(1000)]
    run = run_talks(talks, {"a": target(prompt_cache=CACHE)}, {"affinity": {}}, models=PRICED)
    assert len(run.outcomes) == 3000
    program = compile_program(run.scenario, "s", run.models, run.window)
    engine = CompiledEngine(program, run.work.routing.routes, n_tasks=1)
    before = engine.state.n_slots
    list(engine.run([run.work]))
    assert engine.state.n_slots == before
    m, free, slot = engine.state.m, 0, engine.state.m[c.R_FREE_SLOT]
    while slot != c.NONE:
        slot, free = m[slot + c.L_FREE], free + 1
    assert free == before
    assert np.all(m[c.R_TO_COME] == 0)
