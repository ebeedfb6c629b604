"""Timelines of the kinds of limiters, worked out by hand: windows, slices, leaky buckets, charges at the end.

Windows and slices begin at the start of the simulated window. Calls take 2 s, 100 tokens in and 50 out,
unless given.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.engines.hand_tables import at, check_attempts, check_outcomes, limits, outage, run_rows, target

TASK = {"input_tokens": 10, "output_tokens": 10}
RETRY = {"when_limited": "retry", "retries": 3, "backoff": {"kind": "fixed", "waits_s": [99]}}
RETRY |= {"retry_after_cap_s": 1000}
WAIT = {"when_limited": "wait"}


def run_limited(rows: list[dict[str, Any]], policy: dict[str, Any], **given: Any) -> Any:
    """Rows against one deployment with the given limits, of model `m` with answers of at most 400 tokens."""
    others = {name: given.pop(name) for name in ("outages", "errors") if name in given}
    return run_rows(
        rows,
        {"a": target(limits=limits(**given), **others)},
        policy,
        tasks={"chat": TASK | {"max_output_tokens": 400}},
    )


@pytest.mark.parametrize(
    ("limit", "used", "requested", "told"),
    [(10_000, 8_554, 3_082, "9.816"), (30_000, 18_928, 11_159, "0.174"), (30_000, 28_039, 3_906, "3.89")],
)
def test_published_429_messages_are_reproduced(limit: int, used: int, requested: int, told: str) -> None:
    # "Limit 10000, Used 8554, Requested 3082. Please try again in 9.816s": (8554 + 3082 - 10000) / (10000 / 60 s).
    # Two calls in one instant: the first is what was used, the second is refused, comes back then and is let in.
    rows = [*at(0, input_tokens=used), *at(0, input_tokens=requested)]
    run = run_limited(rows, RETRY, tokens_per_minute=limit, charge="estimate", kind="token-bucket")
    check_attempts(
        run,
        f"""
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       0         limited {told}
        1       1       {told}    ok      -
        """,
    )


def test_a_fixed_window_lets_a_double_burst_through_at_the_edge_of_the_minute() -> None:
    # 3 a minute. 0, 1, 2 at 59.5 use up the first minute; 3 at 59.75 is told 0.25 s. At 60 a new minute begins:
    # 3 is back (round 3), then 4 and 5 arrive (round 5): six calls within half a second. 6 at 60.5 finds none
    # left and is told 59.5 s.
    rows = at(59.5, 59.5, 59.5, 59.75, 60, 60, 60.5)
    run = run_limited(rows, RETRY, requests_per_minute=3, kind="fixed-window")
    check_attempts(
        run,
        """
        request attempt started_s ended_s outcome retry_after_s
        0       0       59.5      61.5    ok      -
        1       0       59.5      61.5    ok      -
        2       0       59.5      61.5    ok      -
        3       0       59.75     59.75   limited 0.25
        3       1       60        62      ok      -
        4       0       60        62      ok      -
        5       0       60        62      ok      -
        6       0       60.5      60.5    limited 59.5
        6       1       120       122     ok      -
        """,
    )


def test_waiting_calls_are_let_in_when_the_next_minute_begins_in_order() -> None:
    # 250 tokens a minute, 100 a call: two at 1, 50 are lost at the edge. 2 and 3 wait until 60, 4 until 120.
    # 5 (10 tokens) would fit at 2 but does not overtake: it goes with 4.
    rows = [*at(1, 1, 1, 1, 1), *at(2, input_tokens=10)]
    run = run_limited(rows, WAIT, tokens_per_minute=250, kind="fixed-window", charge="estimate")
    check_attempts(
        run,
        """
        request queued_s started_s
        0       1        1
        1       1        1
        2       1        60
        3       1        60
        4       1        120
        5       2        120
        """,
    )


def test_600_a_minute_are_refused_as_10_per_second() -> None:
    # 600 a minute in slices of 1 s = 10 a slice. Eleven calls at 0.25: the last is told to come back when the
    # next slice begins, 0.75 s later. The minute's limit is far away.
    run = run_limited(at(*[0.25] * 11), RETRY, requests_per_minute=600, kind="sub-window", slice_s=1)
    check_attempts(
        run,
        "request attempt started_s outcome retry_after_s\n"
        + "\n".join(f"{name} 0 0.25 ok -" for name in range(10))
        + "\n10 0 0.25 limited 0.75\n10 1 1 ok -",
    )
    run = run_limited(at(*[0.25] * 11), RETRY, requests_per_minute=600, kind="fixed-window")
    assert list(run.attempts["outcome"]) == ["ok"] * 11


def test_a_slice_of_its_own_length_and_the_part_of_a_request_that_it_loses() -> None:
    # 100 a minute in slices of 1.5 s = 2.5 a slice: two are let in, the half is lost. 2 at 0.1 waits until 1.5,
    # 3 with it, 4 until 3.0.
    run = run_limited(at(0, 0, 0.1, 0.1, 0.1), WAIT, requests_per_minute=100, kind="sub-window", slice_s=1.5)
    check_attempts(
        run,
        """
        request queued_s started_s
        0       0        0
        1       0        0
        2       0.1      1.5
        3       0.1      1.5
        4       0.1      3
        """,
    )


@pytest.mark.parametrize(("kind", "length_s"), [("fixed-window", 60), ("sub-window", 10), ("sub-window", 7)])
def test_no_window_lets_more_through_than_it_holds_and_an_overloaded_one_lets_all_of_it(
    kind: str, length_s: int
) -> None:
    # 36 a minute hold 36, 6 or 4 (4.2) in a window; 300 calls come in the first 100 s, three a second.
    random = Random(7)
    rows = at(*sorted(random.randrange(100_000) / 1000 for _ in range(300)))
    given = {} if kind == "fixed-window" else {"slice_s": length_s}
    run = run_limited(rows, WAIT, requests_per_minute=36, kind=kind, **given)
    counts = Counter((run.attempt_arrays["started_ns"] // (length_s * 10**9)).tolist())
    held = 36 * length_s // 60
    full, last = divmod(300, held)
    assert [counts[window] for window in range(full)] == [held] * full
    assert counts[full] == last
    assert len(counts) == full + (last > 0)


# -- charged after completion ----------------------------------------------------------------------


def test_tokens_charged_after_completion_are_only_asked_for_at_admission() -> None:
    # 600 a minute = 10 per s, bucket of 600. Ten calls at 0 each find their estimate of 100 and take nothing.
    # At 2 they end and take 150 each: 600 - 1500 = -900. 10 at 3 finds -890 and needs 100: 990 short = 99 s.
    # At 102 it finds exactly 100.
    run = run_limited(
        at(*[0] * 10, 3), RETRY, tokens_per_minute=600, charge="after-completion", kind="token-bucket"
    )
    assert run.attempt_arrays["started_ns"].tolist()[:10] == [0] * 10
    check_outcomes(
        run,
        "request ended_s attempts\n" + "\n".join(f"{name} 2 1" for name in range(10)) + "\n10 104 2",
    )
    assert run.attempt_arrays["retry_after_ns"].tolist()[10:] == [99 * 10**9, -1]


def test_an_end_that_takes_tokens_postpones_those_who_wait() -> None:
    # 600 a minute, bucket of 100 (burst 10 s). 0 at 0 finds 100, ends at 2 and takes 150: -50. 1 at 1 finds 100
    # too and ends at 3: -40 - 150 = -190. 2 at 2.5 finds -45: 14.5 s, until 17; but at 3 the level falls to
    # -190: 290 short, until 32. Ends at 34.
    run = run_limited(
        at(0, 1, 2.5), WAIT, tokens_per_minute=600, burst_s=10, charge="after-completion", kind="token-bucket"
    )
    check_attempts(
        run,
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       1        1         3
        2       2.5      32        34
        """,
    )


def test_a_call_is_counted_in_the_minute_in_which_it_ends() -> None:
    # 200 a minute. 0 runs 59-61: its 150 tokens count in the second minute. 1 at 60.5 finds all 200; 2 at 61.5
    # finds 50 and is told 58.5 s; 1's end at 62.5 takes 150 more (-100), forgotten at 120 when 2 comes back.
    run = run_limited(
        at(59, 60.5, 61.5), RETRY, tokens_per_minute=200, charge="after-completion", kind="fixed-window"
    )
    check_attempts(
        run,
        """
        request attempt started_s ended_s outcome retry_after_s
        0       0       59        61      ok      -
        1       0       60.5      62.5    ok      -
        2       0       61.5      61.5    limited 58.5
        2       1       120       122     ok      -
        """,
    )


@pytest.mark.parametrize(
    ("bill", "started"),
    # 0 is cut at 1. Nothing billed: the bucket stays full, 1 starts at 1.5. Its input of 100 billed: 0 left at 1,
    # 5 at 1.5, 95 short = 9.5 s, at 11. All 150 billed: -50 at 1, 150 short at 10 per s = 15 s, at 16.
    [("none", "1.5"), ("input", "11"), ("full", "16")],
)
def test_a_call_that_was_cut_takes_what_it_is_billed(bill: str, started: str) -> None:
    run = run_limited(
        at(0, 1.5),
        {**WAIT, "timeout_s": 1, "bill_timeouts": bill},
        tokens_per_minute=600, burst_s=10, charge="after-completion", kind="token-bucket",
    )  # fmt: skip
    check_attempts(run, f"request started_s\n0 0\n1 {started}")


def test_a_failed_call_takes_nothing_after_completion() -> None:
    # Bucket of 100. 0 fails at 1 (an outage) and is billed nothing: 1 at 1.5 finds all 100.
    run = run_limited(
        at(0, 1.5), WAIT, outages=[outage(0, 1)],
        tokens_per_minute=600, burst_s=10, charge="after-completion", kind="token-bucket",
    )  # fmt: skip
    check_attempts(run, "request started_s outcome\n0 0 error\n1 1.5 ok")


def test_requests_are_counted_at_admission_whenever_tokens_are() -> None:
    # 2 a minute in fixed minutes: the third call is refused at once, though nobody has ended.
    run = run_limited(
        at(0, 0, 0), RETRY,
        requests_per_minute=2, tokens_per_minute=6000, charge="after-completion", kind="fixed-window",
    )  # fmt: skip
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       0         ok      -
        2       0       0         limited 60
        2       1       60        ok      -
        """,
    )


# -- leaky buckets ---------------------------------------------------------------------------------


def leaky(**given: Any) -> dict[str, Any]:
    """600 tokens a minute drain as 10 per s; the bucket holds 100; a call fills in 100 + 400 tokens at admission."""
    return {
        "kind": "leaky-bucket",
        "tokens_per_minute": 600,
        "burst_s": 10,
        "charge": "prompt-plus-max-output",
        **given,
    }


def test_a_leaky_bucket_admits_below_100_percent_and_tells_when_it_is_there_again() -> None:
    # 0 at 0: empty, fills in 500 of 100. 1 at 1: 490 there, 390 above 100: after 39 s it is at 100 %, one
    # nanosecond later below. Meanwhile 0 has ended at 2 with 150: 480 - 350 = 130; at 40.000000001 all has drained.
    run = run_limited(at(0, 1), RETRY, **leaky())
    check_attempts(
        run,
        """
        request attempt started_s    outcome retry_after_s
        0       0       0            ok      -
        1       0       1            limited 39.000000001
        1       1       40.000000001 ok      -
        """,
    )


def test_tokens_given_back_let_those_who_wait_start_in_that_instant() -> None:
    # As above with an answer of 10: at 2 there are 480 - 500 + 110 = 90 of 100. 1, which waits since 1, starts at
    # 2.0 and fills in 500 more (590); 2, which arrives at 2.0, stands behind it. At 4 it ends: 570 - 390 = 180, so 2
    # starts when 80 have drained, 8 s and a nanosecond later.
    run = run_limited(at(0, 1, 2, output_tokens=10), WAIT, **leaky())
    check_attempts(
        run,
        """
        request queued_s started_s
        0       0        0
        1       1        2
        2       2        12.000000001
        """,
    )


def test_what_has_drained_cannot_be_given_back() -> None:
    # A call of 60 s takes 500: at 60 the bucket has long been empty (100 free, -500 + 600) when 350 would come back.
    # Two calls at 60.5 then: the first leaves -400, the second waits for 400 and a nanosecond: had 350 come back,
    # it would have started at once.
    rows = [*at(0, service_s=60), *at(60.5, 60.5, service_s=100)]
    run = run_limited(rows, WAIT, **leaky())
    check_attempts(run, "request started_s\n0 0\n1 60.5\n2 100.500000001")


def test_a_failed_call_gives_everything_back() -> None:
    # 0 fails at 1 and is billed nothing: the bucket is empty again and 1 starts at 1.5.
    run = run_limited(at(0, 1.5), WAIT, outages=[outage(0, 1)], **leaky())
    check_attempts(run, "request started_s outcome\n0 0 error\n1 1.5 ok")


def test_a_leaky_bucket_admits_a_call_larger_than_itself() -> None:
    # 5000 tokens on an empty bucket of 100: admitted. The next waits 490 s (4900 too many; 5400 - 5050 back at 2).
    run = run_limited(at(0, 3, input_tokens=5000), WAIT, **leaky())
    # At 2: 5400 - 20 - 350 = 5030; at 3: 5020, 4920 above 100 = 492 s.
    check_attempts(run, "request started_s\n0 0\n1 495.000000001")


def test_a_leaky_bucket_charged_after_completion_fills_at_the_end_only() -> None:
    # 0 and 1 at 0 are both let in; at 2 they fill in 150 each: 300 of 100. 2 at 3 finds 290: 19 s and a nanosecond.
    run = run_limited(at(0, 0, 3), RETRY, **leaky(charge="after-completion"))
    check_attempts(
        run,
        """
        request attempt started_s    outcome retry_after_s
        0       0       0            ok      -
        1       0       0            ok      -
        2       0       3            limited 19.000000001
        2       1       22.000000001 ok      -
        """,
    )


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "fixed-window", "tokens_per_minute": 99, "charge": "estimate"},
        {"kind": "sub-window", "slice_s": 1, "tokens_per_minute": 5999, "charge": "estimate"},
        {"kind": "token-bucket", "burst_s": 10, "tokens_per_minute": 540, "charge": "after-completion"},
    ],
)
def test_a_call_larger_than_a_window_ever_holds_is_too_large_and_not_retried(given: dict[str, Any]) -> None:
    run = run_limited(at(0), RETRY, **given)
    assert list(run.outcomes["cause"]) == ["too-large"]
    assert list(run.outcome_arrays["ended_ns"]) == [0]
    assert len(run.attempts) == 1


# -- input and output apart ------------------------------------------------------------------------


def test_input_and_output_have_limits_of_their_own() -> None:
    # Input 600 a minute (10 per s, bucket 600), output 1200 a minute (20 per s, bucket 1200), charged 100 and the
    # cap of 400. 0, 1, 2 at 0 leave 300 input and 0 output. 3 at 0: output 400 short = 20 s. 4 at 1 has 500 in and
    # also finds the output empty: input 310 there, 190 short = 19 s, output 380 short = 19 s; at 20 both are there
    # and 3 comes first by name, so 4 finds input 500 - 100 = 400 (100 short = 10 s), output 0 (20 s): at 40.
    rows = [*at(0, 0, 0, 0), *at(1, input_tokens=500)]
    given = {
        "input_tokens_per_minute": 600,
        "output_tokens_per_minute": 1200,
        "charge": "prompt-plus-max-output",
    }
    run = run_limited(rows, RETRY, kind="token-bucket", **given)
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       0         ok      -
        2       0       0         ok      -
        3       0       0         limited 20
        3       1       20        ok      -
        4       0       1         limited 19
        4       1       20        limited 20
        4       2       40        ok      -
        """,
    )


# Output of 1200 a minute (20 per s, bucket 1200); six calls at 0 with 400 out at most, 50 out.
OUTPUT_STARTS = [
    ("prompt-plus-max-output", ["0", "0", "0", "20", "40", "60"]),  # 400 each
    ("max-of-max-output-and-estimate", ["0", "0", "0", "20", "40", "60"]),  # 400 each, whatever the input
    ("actual", ["0"] * 6),  # 50 each
    ("after-completion", ["0"] * 6),  # nothing at admission
]


@pytest.mark.parametrize(("charge", "starts"), OUTPUT_STARTS)
def test_each_charging_rule_takes_its_own_part_of_the_output(charge: str, starts: list[str]) -> None:
    run = run_limited(
        at(*[0] * 6, input_tokens=900),
        WAIT,
        output_tokens_per_minute=1200,
        charge=charge,
        kind="token-bucket",
    )
    check_attempts(run, "request started_s\n" + "\n".join(f"{n} {start}" for n, start in enumerate(starts)))


def test_output_after_completion_is_owed_and_input_too_each_to_its_own_limiter() -> None:
    # Input 6000 a minute (100 per s), output 600 (10 per s). Twenty calls at 0 end at 2 and take 100 and 50 each:
    # input 6000 - 2000 = 4000, output 600 - 1000 = -400. 20 at 3 finds input 4100, enough, and output -390: it asks
    # nothing of the output but waits until nothing is owed: 39 s.
    run = run_limited(
        at(*[0] * 20, 3), RETRY, kind="token-bucket",
        input_tokens_per_minute=6000, output_tokens_per_minute=600, charge="after-completion",
    )  # fmt: skip
    assert run.attempt_arrays["started_ns"].tolist()[:20] == [0] * 20
    assert run.attempt_arrays["retry_after_ns"].tolist()[20:] == [39 * 10**9, -1]
    assert run.attempt_arrays["started_ns"].tolist()[20:] == [3 * 10**9, 42 * 10**9]


def test_a_leaky_bucket_of_output_is_set_right_to_the_billed_output() -> None:
    # Output of 600 a minute, bucket of 100 (burst 10 s). 0 fills in 400; at 2: 380 - 400 + 50 = 30. 1 at 1 finds
    # 390, 290 above 100: 29 s and a nanosecond. 2 at 2.0 finds 30 of 100 and starts: round 5 comes after the end's round 1.
    run = run_limited(
        at(0, 1, 2), RETRY, kind="leaky-bucket",
        output_tokens_per_minute=600, burst_s=10, charge="prompt-plus-max-output",
    )  # fmt: skip
    check_attempts(
        run,
        """
        request attempt started_s    outcome retry_after_s
        0       0       0            ok      -
        1       0       1            limited 29.000000001
        1       1       30.000000001 ok      -
        2       0       2            ok      -
        """,
    )


@pytest.mark.parametrize(
    "given",
    [
        {"input_tokens_per_minute": 99},
        {"output_tokens_per_minute": 399},
        {"tokens_per_minute": 499},
    ],
)
def test_a_call_too_large_for_one_of_its_limiters_is_too_large(given: dict[str, int]) -> None:
    run = run_limited(at(0), RETRY, kind="fixed-window", charge="prompt-plus-max-output", **given)
    assert list(run.outcomes["cause"]) == ["too-large"]
    exact = {name: value + 1 for name, value in given.items()}
    run = run_limited(at(0), RETRY, kind="fixed-window", charge="prompt-plus-max-output", **exact)
    assert list(run.outcomes["outcome"]) == ["ok"]
