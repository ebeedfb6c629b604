"""Timelines of caps of a day, worked out by hand, in both engines.

A recording begins at 00:00 UTC. Calls take 2 s, 100 tokens in and 50 out.
"""

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
