"""Timelines of caps of a day and of several quotas at once, worked out by hand, in both engines.

A recording begins at 00:00 UTC. Calls take 2 s, 100 tokens in and 50 out.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.engines.hand_tables import at, check_attempts, check_outcomes, limits, run_rows, target

DAY_S = 86_400
RETRY = {"when_limited": "retry", "retries": 3, "backoff": {"kind": "fixed", "waits_s": [99]}}
RETRY |= {"retry_after_cap_s": DAY_S}
WAIT = {"when_limited": "wait"}


def run_limited(rows: list[dict[str, Any]], policy: dict[str, Any], **given: Any) -> Any:
    """Rows against one deployment with the given limits."""
    return run_rows(rows, {"a": target(limits=limits(**given))}, policy)


@pytest.mark.parametrize("kind", ["token-bucket", "leaky-bucket", "sub-window", "fixed-window"])
def test_a_cap_of_a_day_is_whole_again_at_midnight_whatever_the_kind(kind: str) -> None:
    # 2 requests a day. 2 at 10 s is told 86,390 s: midnight. The second day's two are 2 itself and 3, a second
    # after midnight; 4, another second later, is told a day less 2 s, and opens the third day.
    run = run_limited(at(0, 5, 10, 86_401, 86_402), RETRY, requests_per_day=2, kind=kind)
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       5         ok      -
        2       0       10        limited 86390
        2       1       86400     ok      -
        3       0       86401     ok      -
        4       0       86402     limited 86398
        4       1       172800    ok      -
        """,
    )


def test_the_day_of_a_cap_begins_at_its_hour() -> None:
    # Whole again at 08:00 UTC: a recording begins at 00:00, so the first day has 28,800 s left. 1 is told 28,799 s.
    run = run_limited(at(0, 1), RETRY, requests_per_day=1, day_resets_at=8)
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       1         limited 28799
        1       1       28800     ok      -
        """,
    )


def test_a_queue_waits_for_the_next_day() -> None:
    # One a day, first come first served: 1 starts at midnight, 2 at the one after it.
    run = run_limited(at(0, 1, 2), WAIT, requests_per_day=1)
    check_attempts(
        run,
        """
        request queued_s started_s outcome
        0       0        0         ok
        1       1        86400     ok
        2       2        172800    ok
        """,
    )


def test_tokens_of_a_day_are_a_cap_beside_that_of_the_minute() -> None:
    # 250 tokens a day, 100 a call; 6000 a minute never bind. 2 is told to come back at midnight, which is more than
    # retry_after_cap_s: it fails then and there, and is not tried again.
    run = run_limited(
        at(0, 1, 2), RETRY | {"retry_after_cap_s": 60},
        tokens_per_minute=6000, tokens_per_day=250, charge="estimate",
    )  # fmt: skip
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       1         ok      -
        2       0       2         limited 86398
        """,
    )


def test_retry_after_is_the_longest_of_all_waits() -> None:
    # 1 a minute and 2 a day. 1 at 10 waits for the minute (50 s). 2 at 70 finds the minute used by 1 (50 s) and the
    # day, too: the longer wait is told. The bucket alone would have had 1 request again at 120.
    run = run_limited(at(0, 10, 70), RETRY, requests_per_minute=1, kind="fixed-window", requests_per_day=2)
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       10        limited 50
        1       1       60        ok      -
        2       0       70        limited 86330
        2       1       86400     ok      -
        """,
    )


def test_tokens_of_a_day_charged_after_completion() -> None:
    # 250 a day, 150 a call, taken at its end, where only the estimate (100) must be there at its start. 0 and 1 start
    # with 250 each; at 2 and 3 they have taken 300. 2 at 3.5 finds -50 and comes back at midnight.
    run = run_limited(at(0, 1, 3.5), RETRY, tokens_per_day=250, charge="after-completion")
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       1         ok      -
        2       0       3.5       limited 86396.5
        2       1       86400     ok      -
        """,
    )


def test_a_call_larger_than_the_cap_of_a_day_is_too_large_even_beside_a_leaky_bucket() -> None:
    run = run_limited(at(0), RETRY, kind="leaky-bucket", tokens_per_day=99, charge="estimate")
    check_outcomes(
        run,
        """
        request outcome attempts cause
        0       limited 1        too-large
        """,
    )


# -- several quotas at once ------------------------------------------------------------------------


def test_the_shorter_of_two_quotas_binds_first_then_the_longer() -> None:
    # 2 in 10 s and 3 in 60 s. 2 at 1 finds the 10 s used up: told 9 s, and is the third of the minute at 10. 3 at 12
    # finds one left of its 10 s, but none of the minute: told 48 s, and starts with the new minute.
    plan = [{"requests": 2, "per_s": 10}, {"requests": 3, "per_s": 60}]
    run = run_limited(at(0, 0.5, 1, 12), RETRY, windows=plan)
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       0.5       ok      -
        2       0       1         limited 9
        2       1       10        ok      -
        3       0       12        limited 48
        3       1       60        ok      -
        """,
    )


def test_a_bucket_and_a_window_of_five_hours_are_kept_each_by_its_kind() -> None:
    # A bucket of 200 tokens in 20 s (10 per s) and 250 tokens in 5 h. 1 at 0 finds 100 left and takes them; 2 at 1
    # finds 10 of the bucket (9 s), but 50 of the 5 hours: it must wait for 18,000 s.
    plan = [{"tokens": 200, "per_s": 20, "kind": "token-bucket"}, {"tokens": 250, "per_s": 18_000}]
    run = run_limited(at(0, 0, 1), RETRY, windows=plan, charge="estimate")
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       0         ok      -
        2       0       1         limited 17999
        2       1       18000     ok      -
        """,
    )


def test_quotas_count_input_and_output_apart_beside_a_limit_of_the_minute() -> None:
    # `actual`: 100 in, 50 out. 3 requests a minute; 1000 input tokens in 30 s never bind; 100 output tokens in 30 s let
    # two calls in. 2 at 2 is told 28 s; 3 at 31 finds the minute used up by 0, 1 and 2: told 29 s.
    plan = [{"input_tokens": 1000, "per_s": 30}, {"output_tokens": 100, "per_s": 30}]
    run = run_limited(
        at(0, 1, 2, 31), RETRY,
        requests_per_minute=3, kind="fixed-window", charge="actual", windows=plan,
    )  # fmt: skip
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       1         ok      -
        2       0       2         limited 28
        2       1       30        ok      -
        3       0       31        limited 29
        3       1       60        ok      -
        """,
    )


def test_one_leaky_quota_is_set_right_at_the_end_while_the_others_keep_their_charge() -> None:
    # prompt + max output: 500 are asked of each quota, 150 are billed. The leaky bucket (300 in 30 s, 10 per s) lets 0
    # in at full and stands at -200; at its end, 2 s later, it has -180 + 500 - 150 = 170. The window of 1000 in 60 s
    # keeps the 500. 1 at 2.5 finds something in the bucket and 500 of the window. 2 at 3 finds 0 of the window: told
    # 57 s. (Bucket: 175 - 500 = -325 after 1, -320 at 3, below 1 for another 32 s and a bit: less.)
    plan = [
        {"tokens": 300, "per_s": 30, "kind": "leaky-bucket"},
        {"tokens": 1000, "per_s": 60, "kind": "fixed-window"},
    ]
    run = run_rows(
        at(0, 2.5, 3),
        {"a": target(limits=limits(windows=plan, charge="prompt-plus-max-output"))},
        RETRY,
        tasks={"chat": {"max_output_tokens": 400}},
    )
    check_attempts(
        run,
        """
        request attempt started_s outcome retry_after_s
        0       0       0         ok      -
        1       0       2.5       ok      -
        2       0       3         limited 57
        2       1       60        ok      -
        """,
    )


def test_a_call_larger_than_one_quota_is_too_large_at_once() -> None:
    plan = [{"tokens": 1000, "per_s": 10}, {"tokens": 99, "per_s": 604_800}]
    run = run_limited(at(0), RETRY, windows=plan, charge="estimate")
    check_outcomes(
        run,
        """
        request outcome attempts cause
        0       limited 1        too-large
        """,
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_window_of_any_quota_admits_more_than_it_holds(seed: int) -> None:
    random = Random(seed)
    plan = [
        {"requests": random.randrange(1, 6), "per_s": random.choice((1, 2.5, 7))},
        {"tokens": random.randrange(100, 900), "per_s": random.choice((3, 10))},
        {"requests": random.randrange(5, 20), "per_s": 20},
    ]
    arrivals = sorted(random.randrange(120) / 2 for _ in range(60))
    policy = {"when_limited": random.choice(("wait", "retry", "reject")), "retries": 2}
    run = run_limited(at(*arrivals), policy, windows=plan, charge="estimate")
    started = run.attempts.loc[run.attempts["outcome"] == "ok", "started_s"]
    assert len(started) > 0
    for quota in plan:
        admitted = Counter(int(moment // quota["per_s"]) for moment in started)
        held = quota["requests"] if "requests" in quota else quota["tokens"] // 100
        assert max(admitted.values()) <= held, f"{quota} let more in than it holds"
