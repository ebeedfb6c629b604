"""Timelines worked out by hand: selections that remember earlier calls, and levels that share the load.

Each comment derives the expected rows from the engines' rules alone; the run must match them to the nanosecond. Where
a choice is drawn, `draw` gives the one that the rules name, and the timeline says what follows from it. All calls make
50 tokens unless the text says otherwise, so that a call of 1 s is a sample of 20 ms per token.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from planner import theory
from planner.chance import stream_id, uniform
from planner.engines import preference
from planner.engines.run import Run
from planner.errors import ScenarioError
from planner.experiments.assumptions import notices
from planner.scenario import load
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

PAIR = {"omni": [["a", "b"]]}
BROKEN = target(errors={"rate": 1, "status": 503, "latency_s": 0.5})


def draw(request: int, choice: int, n: int) -> int:
    """The place among n that a request's choice falls on (seed 1, window 0)."""
    return int(uniform(1, 0, stream_id("select"), request, choice) * n)


def takes(seconds: float, **given: Any) -> dict[str, Any]:
    return target(latency={"total_s": seconds}, **given)


def served(run: Run) -> str:
    return "".join("abc"[k] if k >= 0 else "-" for k in run.outcome_arrays["deployment"])


def asked_first(run: Run) -> np.ndarray:
    return run.attempt_arrays["deployment"][run.attempt_arrays["attempt"] == 0]


def by_latency(**given: Any) -> dict[str, Any]:
    return {"select": "lowest-latency", "lowest_latency": given}


# -- lowest latency ------------------------------------------------------------------------------------


def test_those_unseen_are_explored_first_and_then_the_fastest_is_asked() -> None:
    # Nobody is known: request 0 draws a. Of b nothing is known at 10, which counts as 0, less than a's 20 ms.
    # From 20 on a's 20 ms are less than b's 60.
    assert draw(0, 0, 2) == 0
    run = run_rows(
        at(0, 10, 20, 30), {"a": takes(1), "b": takes(3)}, by_latency(unseen="first"), strategy=PAIR
    )
    check_attempts(
        run,
        """
        request deployment started_s ended_s
        0       a          0         1
        1       b          10        13
        2       a          20        21
        3       a          30        31
        """,
    )


def test_litellms_zero_stays_in_the_mean_of_who_was_not_seen_first() -> None:
    # 0 draws a: 40 ms. At 10 b is met: a zero is stored, and its call adds 60. At 20 b's mean is (0 + 60) / 2 = 30 < 40,
    # so b again: (0 + 60 + 60) / 3 = 40, as a's. At 30 both are the best: drawn. Without the zero it is a from 20 on.
    two = {"a": takes(2), "b": takes(3)}
    run = run_rows(at(0, 10, 20, 30), two, by_latency(), strategy=PAIR)
    assert served(run) == "abb" + "ab"[draw(3, 0, 2)]
    run = run_rows(at(0, 10, 20, 30), two, by_latency(unseen="first"), strategy=PAIR)
    assert served(run) == "abaa"


def test_the_zero_goes_when_as_many_samples_have_come_as_are_kept() -> None:
    # Of the last two samples b has (0, 60) after its first call, mean 30 < 40, and (60, 60) after its second.
    two = {"a": takes(2), "b": takes(3)}
    run = run_rows(at(0, 10, 20, 30, 40), two, by_latency(samples=2), strategy=PAIR)
    assert served(run) == "abbaa"


def test_unseen_last_stays_with_the_first_one() -> None:
    run = run_rows(at(0, 10, 20), {"a": takes(9), "b": takes(1)}, by_latency(unseen="last"), strategy=PAIR)
    assert served(run) == "aaa"


def test_slow_calls_are_not_seen_before_they_end_so_a_burst_piles_onto_the_best() -> None:
    # a has 20 ms, b 40. From 10 on a takes ten times as long, 10 s. Nobody knows before 20, so all of 10 to 19 go to a,
    # although ten calls are under way there and none at b. At 20 the first of them ends: a has (20 + 200) / 2 = 110 ms.
    # The request that arrives at this instant comes after the end, and goes to b, as all later ones.
    rows = at(0, 5, *range(10, 23))
    deployments = {"a": takes(1, outages=[outage(10, 40, "degraded", slowdown=10)]), "b": takes(2)}
    run = run_rows(rows, deployments, by_latency(unseen="first"), strategy=PAIR)
    check_outcomes(
        run,
        """
        request deployment ended_s
        0       a          1
        1       b          7
        2       a          20
        3       a          21
        4       a          22
        5       a          23
        6       a          24
        7       a          25
        8       a          26
        9       a          27
        10      a          28
        11      a          29
        12      b          22
        13      b          23
        14      b          24
        """,
    )
    # Who counts calls under way leaves a with the two of 10 and 12: at 11 and from 13 on b has fewer.
    spread = run_rows(rows, deployments, {"select": "least-busy"}, strategy=PAIR)
    assert served(spread)[2:12] == "ababbbbbbb"


@pytest.mark.parametrize(("samples", "last"), [(1, "b"), (2, "a")])
def test_only_the_last_samples_count(samples: int, last: str) -> None:
    # a: 20 ms, then 200 from its slow call at 10. b: 40 at first; at 21 it is the better one (40 < 110 or 200) and takes
    # 9.5 s: 190 ms. At 40 of two samples a has 110 and b (40 + 190) / 2 = 115; of one, a has 200 and b 190.
    deployments = {
        "a": takes(1, outages=[outage(10, 15, "degraded", slowdown=10)]),
        "b": takes(2, outages=[outage(20, 25, "degraded", slowdown=4.75)]),
    }
    run = run_rows(
        at(0, 5, 10, 21, 40), deployments, by_latency(unseen="first", samples=samples), strategy=PAIR
    )
    assert served(run) == "abab" + last


def test_who_fails_fast_has_no_sample_and_stays_the_best() -> None:
    # Request 0 draws a, which fails after half a second and leaves nothing: then b is the only one left. Its 20 ms are
    # never less than the 0 that a counts as: every request meets a first (issue of LiteLLM, facts §16, P16).
    assert draw(0, 0, 2) == 0
    run = run_rows(at(0, 10, 20), {"a": BROKEN, "b": takes(1)}, by_latency(), strategy=PAIR)
    check_attempts(
        run,
        """
        request deployment started_s ended_s outcome
        0       a          0         0.5     error
        0       b          0.5       1.5     ok
        1       a          10        10.5    error
        1       b          10.5      11.5    ok
        2       a          20        20.5    error
        2       b          20.5      21.5    ok
        """,
    )
    # A failure that counts as 1 s ends this after the first: a has a mean of 1 s.
    policy = by_latency(failure_sample_s=1)
    run = run_rows(at(0, 10, 20), {"a": BROKEN, "b": takes(1)}, policy, strategy=PAIR)
    assert run.outcome_arrays["attempts"].tolist() == [2, 1, 1]


def test_who_fails_fast_is_met_once_after_every_cooldown() -> None:
    """The run recorded of LiteLLM: cooldown 1 s, one failure after every expiry (facts: routing_semantics §6)."""
    # a fails at once and is out for [t, t + 1): of requests a quarter of a second apart every fourth one meets it.
    failing = target(errors={"rate": 1, "status": 503, "latency_s": 0})
    breaker = {"kind": "cooldown", "open_s": 1, "allowed_fails": 0}
    run = run_rows(
        at(*np.arange(30) * 0.25), {"a": failing, "b": takes(0.2)}, by_latency() | {"breaker": breaker}, strategy=PAIR
    )  # fmt: skip
    assert run.outcome_arrays["attempts"].tolist() == [2, 1, 1, 1] * 7 + [2, 1]
    assert (asked_first(run) == 0).sum() == 8


def test_a_timeout_adds_a_thousand_seconds() -> None:
    # a is cut after 2 s; with the sample b is asked from then on, without it a is met first for ever.
    two = {"a": takes(5), "b": takes(1)}
    run = run_rows(at(0, 10, 20), two, by_latency() | {"timeout_s": 2}, strategy=PAIR)
    check_attempts(
        run,
        """
        request deployment started_s ended_s outcome
        0       a          0         2       timeout
        0       b          2         3       ok
        1       b          10        11      ok
        2       b          20        21      ok
        """,
    )
    run = run_rows(at(0, 10, 20), two, by_latency(timeout_sample_s=None) | {"timeout_s": 2}, strategy=PAIR)
    assert run.outcome_arrays["attempts"].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("counts", "best"),
    [("per-token", "b"), ("total", "a"), ("first-token", "a"), ("first-token-per-token", "b")],
)
def test_what_a_sample_is(counts: str, best: str) -> None:
    # a answers request 0 (10 tokens): first token after 1 s, end after 2 s; b request 1 (100 tokens): 2 s and 4 s.
    # Whole: 2 against 4 s, or 1 against 2 s to the first token. By the token: 200 against 40 ms, or 100 against 20.
    deployments = {
        "a": target(latency={"ttft_s": 1, "tokens_per_s": 10}),
        "b": target(latency={"ttft_s": 2, "tokens_per_s": 50}),
    }
    rows = at(0, output_tokens=10) + at(10, output_tokens=100) + at(20)
    run = run_rows(rows, deployments, by_latency(counts=counts, unseen="first"), strategy=PAIR)
    assert served(run) == "ab" + best


def test_a_breaker_that_is_open_takes_the_fastest_out() -> None:
    # a: 20 ms, b: 60. a is out from 20 to 25: one failure opens its breaker until 60.5. Then the call at 70 is the probe.
    deployments = {"a": takes(1, outages=[outage(20, 25, error_latency_s=0.5)]), "b": takes(3)}
    run = run_rows(
        at(0, 10, 20, 30, 70),
        deployments,
        by_latency(unseen="first") | {"breaker": {"failures": 1, "open_s": 40}},
        strategy=PAIR,
    )
    assert served(run) == "abbba"
    assert run.outcome_arrays["attempts"].tolist() == [1, 1, 2, 1, 1]


def test_all_within_the_buffer_are_chosen_alike_and_the_edge_belongs_to_it() -> None:
    # Means of 20, 22 and 30 ms; 22 is exactly 20 x 1.1. The first three requests meet the three, one each.
    n = 20_000
    deployments = {"a": takes(1), "b": takes(1.1), "c": takes(1.5)}
    run = run_rows(
        at(0, 10, 20, *(100 + np.arange(n) * 0.1)),
        deployments,
        by_latency(unseen="first", buffer=0.1),
        strategy={"omni": [["a", "b", "c"]]},
    )
    assert sorted(served(run)[:3]) == ["a", "b", "c"]
    counts = np.bincount(run.outcome_arrays["deployment"][3:], minlength=3)
    assert counts[2] == 0
    assert stats.chisquare(counts[:2]).pvalue > 1e-6
    run = run_rows(
        at(0, 10, 20, 30, 40, 50, 60, 70),
        deployments,
        by_latency(unseen="first", buffer=0.099999),
        strategy={"omni": [["a", "b", "c"]]},
    )
    assert served(run)[3:] == "aaaaa"


def test_who_has_reached_a_limit_of_the_minute_is_left_out_when_calls_have_ended() -> None:
    # a and b may have 2 calls a minute; their buckets hold many more, so only the selection's own count is seen here. a's
    # calls end at 1 and 11.5: full at 12, where b has 1 of 2. b's second ends at 14: at 20 both are full, and c is asked.
    # At 60 a new minute begins.
    limited = {"limits": limits(requests_per_minute=2, burst_s=60_000)}
    deployments = {"a": takes(1, **limited), "b": takes(2, **limited), "c": target()}
    two_levels = {"omni": [["a", "b"], ["c"]]}
    rows = at(0, 5, 10.5, 12, 20, 60)
    run = run_rows(rows, deployments, by_latency(unseen="first"), strategy=two_levels)
    assert served(run) == "ababca"
    run = run_rows(rows, deployments, by_latency(unseen="first", skips_full=False), strategy=two_levels)
    assert served(run) == "abaaaa"


def test_a_refusal_counts_as_a_failure_where_failures_count() -> None:
    # a admits one call in this minute: at 20 it refuses (429), which adds 1 s to its 20 ms. From then on b is the best.
    deployments = {
        "a": takes(1, limits=limits(requests_per_minute=1, kind="fixed-window")),
        "b": takes(2),
    }
    policy = by_latency(unseen="first", failure_sample_s=1, skips_full=False) | {"when_limited": "retry"}
    run = run_rows(at(0, 10, 20, 30), deployments, policy, strategy=PAIR)
    check_attempts(
        run,
        """
        request deployment started_s ended_s outcome
        0       a          0         1       ok
        1       b          10        12      ok
        2       a          20        20      limited
        2       b          20        22      ok
        3       b          30        32      ok
        """,
    )
    run = run_rows(
        at(0, 10, 20, 30), deployments, policy | by_latency(unseen="first", skips_full=False), strategy=PAIR
    )
    assert run.outcome_arrays["attempts"].tolist() == [1, 1, 2, 2]


def test_samples_are_whole_picoseconds_and_never_overflow() -> None:
    assert preference.sample_ps(preference.PER_TOKEN, 10**9, 0, 3) == 333_333_333_333  # rounded down
    assert preference.sample_ps(preference.PER_TOKEN, 10**9, 0, 0) == 10**12  # no tokens count as one
    assert preference.sample_ps(preference.TOTAL, 10**9, 0, 7) == 10**12
    longest = preference.sample_ps(preference.TOTAL, 10**17, 0, 1)
    assert longest == 46_000 * 10**12
    assert 100 * longest < 2**63
    assert preference.bar_ps(longest, 100_000_000) == 101 * longest < 2**63
    assert preference.bar_ps(20_000_000_003, 100_000) == 22_000_000_003  # 22_000_000_003.3


# -- lowest usage --------------------------------------------------------------------------------------


def minutely(**given: Any) -> dict[str, Any]:
    """Limits counted by calendar minutes, of which a call's tokens are taken at its end."""
    return target(limits=limits(kind="fixed-window", charge="after-completion", **given))


def by_usage(**given: Any) -> dict[str, Any]:
    return {"select": "lowest-usage", "lowest_usage": given}


@pytest.mark.parametrize(
    ("off_by_one", "expected"), [(False, "abbbacca"), (True, "abbccccb")], ids=["exact", "off by one"]
)
def test_the_least_used_that_is_not_full_is_asked(off_by_one: bool, expected: str) -> None:
    # Request 0 draws a and leaves 1,050 tokens there. b has fewer (0, 150, 300) until it has taken its 3 calls of this
    # minute; then a may take its second. Both full: the next level, c. At 60 all counts are 0 again: drawn.
    # Missed by one, b takes 2 calls and a 1.
    assert draw(0, 0, 2) == 0
    deployments = {
        "a": minutely(requests_per_minute=2),
        "b": minutely(requests_per_minute=3),
        "c": target(),
    }
    rows = at(0, input_tokens=1000) + at(10, 20, 30, 40, 50, 55, 60)
    run = run_rows(rows, deployments, by_usage(off_by_one=off_by_one), strategy={"omni": [["a", "b"], ["c"]]})
    expected = expected[:-1] + "ab"[draw(7, 0, 2)]
    assert served(run) == expected
    assert run.outcome_arrays["attempts"].tolist() == [1] * 8


def test_tokens_of_calls_under_way_are_not_seen() -> None:
    # a may have 1,000 tokens a minute, a call takes 2 s and leaves 900 + 50. The three of 0 to 0.2 all find none: 2,850.
    # The one at 3 finds a full, and c is asked, as long as the minute lasts.
    rows = at(0, 0.1, 0.2, 3, 59, 60, input_tokens=900)
    run = run_rows(
        rows, {"a": minutely(tokens_per_minute=1000), "b": target()}, by_usage(), strategy={"omni": [["a"], ["b"]]}
    )  # fmt: skip
    assert served(run) == "aaabba"


def test_the_input_of_a_request_may_just_fit_and_counts_go_to_the_minute_of_the_end() -> None:
    # 850 + 50 tokens are counted at 2. An input of 100 just fits (900 + 100), at 10; one of 1 does not, at 20: 1,050 are
    # counted by then. The call of 59.5 ends at 61.5: its 950 count in the second minute, so that 51 do not fit at 62.
    rows = at(0, input_tokens=850) + at(10) + at(20, input_tokens=1)
    run = run_rows(
        rows, {"a": minutely(tokens_per_minute=1000), "b": target()}, by_usage(), strategy={"omni": [["a"], ["b"]]}
    )  # fmt: skip
    assert served(run) == "aab"
    rows = at(59.5, input_tokens=900) + at(60) + at(62, input_tokens=51)
    run = run_rows(
        rows, {"a": minutely(tokens_per_minute=1000), "b": target()}, by_usage(), strategy={"omni": [["a"], ["b"]]}
    )  # fmt: skip
    assert served(run) == "aab"


def test_where_all_are_full_a_request_fails_at_once_or_asks_the_lowest_all_the_same() -> None:
    # One call a minute each. Request 0 draws a, 1 goes to b, of which nothing is used. 2 finds both full: it fails by its
    # limit without a call; or it waits at the one with fewer tokens, b (120 against 150), until the minute is over.
    deployments = {"a": minutely(requests_per_minute=1), "b": minutely(requests_per_minute=1)}
    rows = at(0) + at(10, input_tokens=70) + at(20)
    policy = {"when_limited": "wait"}
    run = run_rows(rows, deployments, by_usage() | policy, strategy=PAIR)
    check_outcomes(
        run,
        """
        request deployment ended_s outcome  attempts cause
        0       a          2       ok       1        -
        1       b          12      ok       1        -
        2       -          20      rejected 0        limit
        """,
    )
    run = run_rows(rows, deployments, by_usage(when_full="lowest") | policy, strategy=PAIR)
    check_outcomes(
        run,
        """
        request deployment ended_s outcome attempts
        0       a          2       ok      1
        1       b          12      ok      1
        2       b          62      ok      1
        """,
    )


def test_a_failed_call_counts_as_sent_and_leaves_no_tokens() -> None:
    # a fails: one call of its two is gone, no token. It stays the least used, so request 1 meets it again; then it is full.
    deployments = {"a": minutely(requests_per_minute=2) | {"errors": BROKEN["errors"]}, "b": target()}
    run = run_rows(at(0, 10, 20), deployments, by_usage(), strategy=PAIR)
    check_attempts(
        run,
        """
        request deployment started_s
        0       a          0
        0       b          0.5
        1       a          10
        1       b          10.5
        2       b          20
        """,
    )


def test_equals_in_use_are_chosen_alike() -> None:
    # Calls end after everything: nobody has used any token, and each choice is drawn among all three.
    n = 20_000
    deployments = {name: takes(5000) for name in "abc"}
    run = run_rows(at(*np.arange(n) * 0.1), deployments, by_usage(), strategy={"omni": [["a", "b", "c"]]})
    assert stats.chisquare(np.bincount(run.outcome_arrays["deployment"])).pvalue > 1e-6


# -- levels that share the load --------------------------------------------------------------------------


@given(
    levels=st.lists(
        st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=5
    ),
    factor_ppm=st.one_of(st.integers(10_000, 10**9), st.sampled_from((1_400_000, 1_000_000, 500_000))),
)
def test_shares_of_levels_are_envoys(levels: list[tuple[int, int]], factor_ppm: int) -> None:
    health = [preference.health(healthy, members, factor_ppm) for healthy, members in levels]
    wanted = theory.priority_load([healthy / members for healthy, members in levels], factor_ppm / 1_000_000)
    total = min(100, sum(health))
    if total == 0:
        assert wanted == (100, *[0] * (len(levels) - 1))
        return
    loads: list[int] = []
    for one in health:
        loads.append(preference.load(one, total, sum(loads)))
    loads[[one > 0 for one in health].index(True)] += 100 - sum(loads)
    assert tuple(loads) == wanted


SPILLING = {"spill_over": {}, "breaker": {"failures": 1, "open_s": 80_000}}


def test_a_half_sick_level_keeps_seventy_per_cent() -> None:
    """Envoy's published example: half of the first level healthy gives 70 to 30."""
    # The first request opens a's breaker. From then on b's level has 1.4 x 50 % = 70 % of the health.
    n = 20_000
    run = run_rows(
        at(*np.arange(n) * 0.1), {"a": BROKEN, "b": target(), "c": target()}, SPILLING,
        strategy={"omni": [["a", "b"], ["c"]]},
    )  # fmt: skip
    first = np.bincount(asked_first(run)[10:], minlength=3)
    assert first[0] == 0
    assert stats.chisquare(first[1:], (n - 10) * np.array([0.7, 0.3])).pvalue > 1e-6


def test_a_request_goes_on_to_later_levels_and_then_to_earlier_ones() -> None:
    # a's breaker opens at 0.5 for good. Whoever draws a point of 70 or more begins at c, which fails (and has no breaker),
    # then d, which fails too, then b of the first level. All others begin at b, the only one of it that is left.
    rows = at(*range(0, 200, 10))
    unbroken = BROKEN | {"policy": {"breaker": None}}
    run = run_rows(
        rows, {"a": BROKEN, "b": target(), "c": unbroken, "d": unbroken}, SPILLING,
        strategy={"omni": [["a", "b"], ["c"], ["d"]]},
    )  # fmt: skip
    # Request 0 has nobody sick before it: the first level has all the load, and a is asked first.
    expected = ["ab"] + ["cdb" if draw(request, 0, 100) >= 70 else "b" for request in range(1, len(rows))]
    calls = run.attempt_arrays
    found = [
        "".join("abcd"[k] for k in calls["deployment"][calls["request"] == request])
        for request in range(len(rows))
    ]
    assert found == expected
    assert "cdb" in found


def test_with_no_health_anywhere_all_begin_at_the_first_level() -> None:
    run = run_rows(at(0, 10), {"a": BROKEN, "b": BROKEN}, SPILLING, strategy={"omni": [["a"], ["b"]]})
    check_outcomes(run, "request ended_s attempts cause\n0 1 2 provider-error\n1 10 0 own-breaker")


def test_a_full_level_spills_to_the_next_where_limits_turn_away() -> None:
    # One call at a time at a and b. 0 and 1 take them until 2 and 2.1; 2 finds both busy and goes to c at once, as does 3.
    # 4 comes at 2, when a is free again.
    one = target(limits=limits(concurrent=1))
    run = run_rows(
        at(0, 0.1, 0.2, 0.3, 2),
        {"a": one, "b": one, "c": target()},
        {"select": "round-robin", "when_busy": "reject"},
        strategy={"omni": [["a", "b"], ["c"]]},
    )
    check_outcomes(
        run,
        """
        request deployment ended_s attempts
        0       a          2       1
        1       b          2.1     1
        2       c          2.2     1
        3       c          2.3     1
        4       a          4       1
        """,
    )


# -- bad input -------------------------------------------------------------------------------------------


def scenario(policy: dict[str, Any], **sections: Any) -> Any:
    return load(
        {
            "name": "by hand",
            "traffic": {"trace": {"rows": at(0)}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": {"a": target(limits=limits(requests_per_minute=1)), "b": target()},
            "strategies": {"s": PAIR},
            "policy": policy,
        }
        | sections
    )


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (by_latency(samples=0), "policy.lowest_latency.samples: got 0"),
        (by_latency(buffer=-1), "policy.lowest_latency.buffer: got -1"),
        (by_latency(unseen="never"), "policy.lowest_latency.unseen: got 'never'"),
        (by_usage(when_full="wait"), "policy.lowest_usage.when_full: got 'wait'"),
        ({"spill_over": {"overprovisioning": 0}}, "policy.spill_over.overprovisioning: got 0"),
    ],
)
def test_bad_input_is_named(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(policy)
    assert message in str(caught.value)


@pytest.mark.parametrize("field", ["lowest_latency", "lowest_usage", "spill_over"])
def test_what_belongs_to_whole_requests_is_refused_under_a_deployment(field: str) -> None:
    deployments = {"a": target(policy={field: {}}), "b": target()}
    with pytest.raises(ScenarioError, match=f"deployments.a.policy.{field}: .*not of one deployment"):
        scenario({}, deployments=deployments)


@pytest.mark.parametrize(
    ("policy", "strategy", "notice"),
    [
        ({"lowest_latency": {}}, PAIR, "policy.lowest_latency: unused"),
        (by_usage(off_by_one=True), PAIR, "off_by_one: never sends a call to a, whose requests_per_minute is 1"),
        ({"lowest_usage": {}, "select": "least-busy"}, PAIR, "policy.lowest_usage: unused"),
        ({"spill_over": {}}, PAIR, "spill_over has no second level to share the load with in s"),
        ({"spill_over": {}, "breaker": None}, {"omni": [["a"], ["b"]]}, "without a breaker no deployment of s"),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_noticed(policy: dict[str, Any], strategy: dict[str, Any], notice: str) -> None:
    found = scenario(policy, strategies={"s": strategy})
    assert any(notice in str(one) for one in found.notices), found.notices


def test_what_has_an_effect_is_not_noticed() -> None:
    found = scenario(by_latency(samples=3) | {"spill_over": {}}, strategies={"s": {"omni": [["a", "b"], ["c"]]}},
        deployments={name: target() for name in "abc"})  # fmt: skip
    assert not [one for one in found.notices if "policy" in str(one)]


def test_a_comparison_says_that_one_gateway_remembers() -> None:
    found = notices(scenario({"select": "lowest-usage"}))
    assert any("What s chooses by is remembered by one gateway for all requests" in text for text in found)
    assert not any("remembered" in text for text in notices(scenario({"select": "least-busy"})))
