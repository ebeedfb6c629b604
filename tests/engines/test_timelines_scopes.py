"""Timelines of limits that several deployments share, worked out by hand, in both engines.

Calls take 2 s, 100 tokens in and 50 out, unless given.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.engines.hand_tables import at, check_attempts, check_outcomes, limits, run_rows, target

RETRY = {"when_limited": "retry", "retries": 3, "backoff": {"kind": "fixed", "waits_s": [99]}}
RETRY |= {"retry_after_cap_s": 1000}
WAIT = {"when_limited": "wait"}


def sharing(scope: str = "provider", **given: Any) -> dict[str, Any]:
    """Limits that are shared."""
    return limits(scope=scope, **({"charge": "estimate"} | given))


def openai(shared: dict[str, Any], **given: Any) -> dict[str, Any]:
    return target(provider="openai", limits=shared, **given)


def by_task(rows: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Arrivals of two tasks, which go to two deployments."""
    found = [row for task, moments in rows.items() for row in at(*moments, task=task)]
    return sorted(found, key=lambda row: row["arrival_s"])


def run_apart(rows: list[dict[str, Any]], deployments: dict[str, Any], policy: dict[str, Any]) -> Any:
    """Task `chat` to `a`, task `mail` to `b`."""
    rule = {"when": {"task": "mail"}, "to": ["b"]}
    return run_rows(
        rows,
        deployments,
        policy,
        tasks={"chat": {"max_output_tokens": 400}, "mail": {"max_output_tokens": 400}},
        strategy={"omni": ["a"], "rules": [rule]},
    )


def test_a_fallback_finds_the_bucket_of_the_provider_drained() -> None:
    # 2 requests a minute for a and b together. 0 and 1 take them at a; 2 is turned away by a and by b alike, as both
    # draw on the same. With limits of its own, b would have answered.
    shared = sharing(requests_per_minute=2, kind="fixed-window")
    run = run_rows(at(0, 1, 2), {"a": openai(shared), "b": openai(shared)})
    check_outcomes(
        run,
        """
        request outcome  attempts cause
        0       ok       1        -
        1       ok       1        -
        2       rejected 0        limit
        """,
    )
    own = shared | {"scope": "deployment"}
    run = run_rows(at(0, 1, 2), {"a": openai(own), "b": openai(own)})
    assert list(run.outcomes["outcome"]) == ["ok", "ok", "ok"]


def test_accounts_of_one_provider_have_limits_of_their_own() -> None:
    # a and b are of account x, c of account y: 1 finds x used up at a and at b, and is answered by c.
    shared = sharing("account", requests_per_minute=1, kind="fixed-window")
    names = {"a": "x", "b": "x", "c": "y"}
    run = run_rows(at(0, 1, 2), {name: openai(shared, account=account) for name, account in names.items()})
    check_outcomes(
        run,
        """
        request outcome  deployment cause
        0       ok       a          -
        1       ok       c          -
        2       rejected -          limit
        """,
    )


def test_retry_after_counts_what_a_sibling_took() -> None:
    # 600 tokens a minute for both, 10 a second. 0 takes 100 of a at 0, 1 takes 100 each of b at 0: 100 x 6 = 600 are gone.
    # At 5 there are 50: 6 at a is told 5 s, the time for the other 50, though a itself took 300 only.
    shared = sharing(tokens_per_minute=600, kind="token-bucket")
    rows = by_task({"chat": [0, 0, 0, 5], "mail": [0, 0, 0]})
    run = run_apart(rows, {"a": openai(shared), "b": openai(shared)}, RETRY)
    check_attempts(
        run,
        """
        request attempt deployment started_s outcome retry_after_s
        0       0       a          0         ok      -
        1       0       a          0         ok      -
        2       0       a          0         ok      -
        3       0       b          0         ok      -
        4       0       b          0         ok      -
        5       0       b          0         ok      -
        6       0       a          5         limited 5
        6       1       a          10        ok      -
        """,
    )


def test_queues_of_two_deployments_wake_when_the_shared_bucket_refills() -> None:
    # 6 requests a minute for both, one every 10 s, one held. 0 takes it. 1 (mail, at b) and 2 (chat, at a) wait from 1
    # and 2: both queues are to be woken at 10, the lower name first. 1 starts at 10, so 2 must wait for 20. 3 (chat)
    # comes behind 2 in a's own queue, at 30.
    shared = sharing(requests_per_minute=6, kind="token-bucket", burst_s=10)
    rows = by_task({"chat": [0, 2, 3], "mail": [1]})
    run = run_apart(rows, {"a": openai(shared), "b": openai(shared)}, WAIT)
    check_attempts(
        run,
        """
        request deployment queued_s started_s
        0       a          0        0
        1       b          1        10
        2       a          2        20
        3       a          3        30
        """,
    )


def test_an_end_at_a_sibling_lets_a_waiting_call_start() -> None:
    # A leaky bucket of 300 tokens (a minute's, 5 a second), prompt + max output: 500 are taken of it, 150 billed. 0 at a
    # leaves -200. 1 waits at b from 1: at -195, one token would be there 39.2 s later. But 0 ends at 2: -190 + 500 - 150
    # = 160, so b's queue is looked at there and then, and 1 starts at 2.
    shared = sharing(tokens_per_minute=300, kind="leaky-bucket", charge="prompt-plus-max-output")
    rows = by_task({"chat": [0], "mail": [1]})
    run = run_apart(rows, {"a": openai(shared), "b": openai(shared)}, WAIT)
    check_attempts(
        run,
        """
        request deployment queued_s started_s ended_s
        0       a          0        0         2
        1       b          1        2         4
        """,
    )


@pytest.mark.parametrize("seed", range(12))
def test_all_that_share_admit_no_more_than_one_limit_together(seed: int) -> None:
    random = Random(seed)
    held = random.randrange(2, 8)
    shared = sharing(windows=[{"requests": held, "per_s": 10}], requests_per_day=35)
    rows = by_task({task: [random.randrange(160) / 2 for _ in range(30)] for task in ("chat", "mail")})
    policy = {"when_limited": random.choice(("wait", "retry", "reject")), "retry_after_cap_s": 20}
    run = run_apart(rows, {"a": openai(shared), "b": openai(shared)}, policy | {"retries": 2})
    started = run.attempts.loc[run.attempts["outcome"] == "ok", "started_s"]
    assert set(run.attempts["deployment"]) == {"a", "b"}
    assert max(Counter(int(moment // 10) for moment in started).values()) == held
    assert max(Counter(int(moment // 86_400) for moment in started).values()) <= 35
