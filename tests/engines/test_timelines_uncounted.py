"""Limits that leave out what a prompt cache gives (`limits.counts_cached: false`), worked out by hand on both engines.

As in `test_timelines_caches`: a call takes 2 s and is sent 1,500 tokens, of which 1,152 are kept for 10 s after the last
touch; warm it is charged 1,500 - 1,152 = 348 of input. It asks for 100 output tokens at most and is answered with 50.
"""

from typing import Any

import pytest

from planner.engines.run import Run
from planner.scenario import load
from planner.scenario.known import counts_cached
from planner.scenario.supply import Deployment
from tests.engines.hand_tables import check_attempts, check_outcomes, limits
from tests.engines.test_timelines_caches import CHARGES, asked, cached, run

WAIT = {"when_limited": "wait"}
BUCKET = {
    "tokens_per_minute": 3000,
    "kind": "token-bucket",
    "charge": "estimate",
    "burst_s": 60,
}  # 50 a second


def uncounted(
    rows: list[dict[str, Any]],
    policy: dict[str, Any] = WAIT,
    *,
    own: Any = None,
    tasks: Any = None,
    **given: Any,
) -> Run:
    """A run on one deployment with a prompt cache whose limits do not count what it gives."""
    found = limits(**({"counts_cached": False} | given))
    more = {} if tasks is None else {"tasks": tasks}
    return run(rows, {"a": cached(limits=found, **(own or {}))}, policy=policy, **more)


def starts(found: Run) -> list[float]:
    return [ns / 1e9 for ns in found.attempt_arrays["started_ns"].tolist()]


# -- at admission ----------------------------------------------------------------------------------


def test_what_the_cache_gives_is_not_charged() -> None:
    """3,000 - 1,500 are left; at 3 there are 1,650, and every second 50 come and 348 go: 1,302, 1,004, 706, 408, 110.

    At 8 there are 160, 188 too few: 3.76 s later the call starts, 4.76 s after the last touch.
    """
    found = uncounted(asked(0, 3, 4, 5, 6, 7, 8), **BUCKET)
    check_attempts(
        found,
        """
        request queued_s started_s cached_input_tokens
        0       0        0         0
        1       3        3         1152
        2       4        4         1152
        3       5        5         1152
        4       6        6         1152
        5       7        7         1152
        6       8        11.76     1152
        """,
    )


def test_where_it_counts_the_same_calls_wait() -> None:
    """1,650 at 3 are 150 after it; at 4 there are 200, 1,300 too few."""
    assert starts(uncounted(asked(0, 3, 4, 5), **BUCKET, counts_cached=True)) == [0, 3, 30, 60]
    assert starts(uncounted(asked(0, 3, 4, 5), **BUCKET)) == [0, 3, 4, 5]


def test_a_charge_stays_as_it_was_when_the_call_was_sent() -> None:
    """1 is sent warm at 3 and takes 30 s; at 15 the prefix is gone, and nothing more is taken for 1.

    1,302 are left at 3 and 1,902 at 15: enough for 2, which is cold. Had 1 been charged in full, there would be 750.
    """
    rows = [*asked(0, service_s=2.0), *asked(3, service_s=30.0), *asked(15, service_s=2.0)]
    found = uncounted(rows, **BUCKET)
    check_attempts(
        found,
        """
        request started_s cached_input_tokens cache_write_tokens
        0       0         0                   1152
        1       3         1152                0
        2       15        0                   1152
        """,
    )


def test_a_call_that_waits_starts_when_the_prefix_is_there() -> None:
    """As before, and 3 comes at 16, cold: 452 of 1,500 are there. At 17 the end of 2 leaves the prefix: 348 of 502 do."""
    rows = [*asked(0, service_s=2.0), *asked(3, service_s=30.0), *asked(15, 16, service_s=2.0)]
    assert starts(uncounted(rows, **BUCKET)) == [0, 3, 15, 17]


def test_a_call_that_waits_until_the_prefix_is_gone_needs_all_of_it() -> None:
    """1,600 are held and 10 come a second. At 3 there are 130 of 348: 21.8 s. Then the prefix is gone: 1,500 at 140 s."""
    small = BUCKET | {"tokens_per_minute": 600, "burst_s": 160}
    found = uncounted(asked(0, 3), **small)
    check_attempts(
        found,
        """
        request queued_s started_s cached_input_tokens cache_write_tokens
        0       0        0         0                   1152
        1       3        140       0                   1152
        """,
    )


def test_a_refusal_asks_to_wait_for_what_is_charged_then() -> None:
    small = BUCKET | {"tokens_per_minute": 600, "burst_s": 160}
    found = uncounted(asked(0, 3), {"when_limited": "retry", "retries": 0}, **small)
    check_attempts(
        found,
        """
        request started_s outcome status retry_after_s cached_input_tokens billed_input_tokens
        0       0         ok      200    -             0                   348
        1       3         limited 429    21.8          0                   0
        """,
    )


def test_what_is_larger_than_the_bucket_without_a_cache_is_too_large() -> None:
    """Warm, 1 would ask for 300 of the 1,000; whether it is could change while it waited."""
    rows = [
        *asked(0, input_tokens=900, prefix_tokens=800),
        *asked(3, input_tokens=1100, prefix_tokens=800),
        *asked(6, input_tokens=1000, prefix_tokens=800),
    ]
    held = BUCKET | {"tokens_per_minute": 6000, "burst_s": 10}
    found = uncounted(rows, own={"min_tokens": 100, "step_tokens": 1}, **held)
    check_outcomes(
        found,
        """
        request ended_s outcome  cause
        0       2       ok       -
        1       3       rejected too-large
        2       8       ok       -
        """,
    )


@pytest.mark.parametrize(("field", "quota"), [("tokens_per_minute", 2048), ("input_tokens_per_minute", 1848)])
def test_limits_of_tokens_and_of_input_leave_reads_out(field: str, quota: int) -> None:
    """A minute just holds 1,500 and 348 of input, and the 100 of output that each asks for where they count."""
    window = {field: quota, "kind": "fixed-window", "charge": "prompt-plus-max-output"}
    task = {"chat": {"max_output_tokens": 100}}
    assert starts(uncounted(asked(0, 3), tasks=task, **window)) == [0, 3]
    assert starts(uncounted(asked(0, 3), tasks=task, **window, counts_cached=True)) == [0, 60]
    assert starts(uncounted(asked(0, 3), tasks=task, **(window | {field: quota - 1}))) == [0, 60]


def test_limits_of_requests_and_of_output_are_as_ever() -> None:
    for window in (
        {"requests_per_minute": 1, "kind": "fixed-window", "charge": "estimate"},
        {"output_tokens_per_minute": 99, "kind": "fixed-window", "charge": "actual"},
    ):
        assert starts(uncounted(asked(0, 3), **window)) == [0, 60]


def test_quotas_of_other_lengths_and_of_a_day_leave_reads_out() -> None:
    for quota in (
        {"windows": [{"tokens": 1850, "per_s": 60, "kind": "fixed-window"}]},
        {"windows": [{"input_tokens": 1848, "per_s": 60, "kind": "fixed-window"}]},
        {"tokens_per_day": 1848, "day_resets_at": 0},
    ):
        assert starts(uncounted(asked(0, 3), charge="estimate", kind="token-bucket", **quota)) == [0, 3]


# -- at the end ------------------------------------------------------------------------------------


def test_what_is_set_right_at_the_end_leaves_reads_out() -> None:
    """2,000 a minute, taken at the end: 1,550 at 2 leave 450, in which 348 are; 398 at 5 leave 52."""
    window = {"tokens_per_minute": 2000, "kind": "fixed-window", "charge": "after-completion"}
    assert starts(uncounted(asked(0, 3, 6), **window)) == [0, 3, 60]
    assert starts(uncounted(asked(0, 3), **window, counts_cached=True)) == [0, 60]


def test_a_leaky_bucket_takes_and_gives_back_what_was_not_read() -> None:
    """10 a second, 160 s of it: 1,600. A call starts while anything is left.

    0 takes 1,500 and 50 more at its end at 2: 1,600 - 1,500 + 20 - 50 = 70. 1 at 3 finds 80, warm, takes 348 and 50 at
    5: -268, -248, -298. 2 at 6 finds -288 and starts a nanosecond after there is nothing owed, 28.8 s later. It is cold
    then, and takes 1,500: -1,500. At its end, at 36.8, there are -1,480, less 50: 3 waits 153 s more.
    """
    bucket = {"tokens_per_minute": 600, "kind": "leaky-bucket", "charge": "estimate", "burst_s": 160}
    found = uncounted(asked(0, 3, 6, 6), **bucket)
    check_attempts(
        found,
        """
        request started_s cached_input_tokens
        0       0         0
        1       3         1152
        2       34.800000001  0
        3       189.800000001 0
        """,
    )


def test_a_cut_call_counts_what_it_is_billed_without_what_it_read() -> None:
    """1 is warm, cut at 6 and billed for its input: 348 of the 450 that 0 left are gone, 2 finds 102 of 348."""
    window = {"tokens_per_minute": 2000, "kind": "fixed-window", "charge": "after-completion"}
    rows = [*asked(0, service_s=2.0), *asked(3, service_s=9.0), *asked(7, service_s=2.0)]
    policy = WAIT | {"timeout_s": 3, "bill_timeouts": "input"}
    assert starts(uncounted(rows, policy, **window)) == [0, 3, 60]
    assert starts(uncounted(rows, policy | {"bill_timeouts": "none"}, **window)) == [0, 3, 7]


# -- who counts how --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "given", "expected"),
    [
        ("anthropic", "claude-sonnet-4-6", "catalogue", False),
        ("anthropic", "claude-3-7-sonnet-20250219", "catalogue", False),
        ("anthropic", "claude-3-5-sonnet-20241022", "catalogue", True),
        ("anthropic", "claude-3-haiku-20240307", "catalogue", True),
        ("anthropic", "claude-3-haiku", "catalogue", True),
        ("anthropic", "our-own-name", "catalogue", False),
        ("openai", "gpt-4o-mini-2024-07-18", "catalogue", True),
        ("azure", "gpt-4o-2024-11-20", "catalogue", True),
        ("google", "gemini-2.5-flash", "catalogue", True),
        ("somebody", "claude-sonnet-4-6", "catalogue", True),
        (None, "our-own-name", "catalogue", True),
        ("anthropic", "claude-sonnet-4-6", True, True),
        ("openai", "gpt-4o-mini-2024-07-18", False, False),
    ],
)
def test_reads_count_as_given_or_as_the_provider_counts_them(
    provider: str | None, model: str, given: Any, expected: bool
) -> None:
    deployment = Deployment.model_validate(
        {"model": model, "provider": provider, "limits": {"counts_cached": given}}
    )
    assert counts_cached(deployment, model) is expected


def test_own_hardware_counts_reads_whatever_its_provider() -> None:
    deployment = Deployment.model_validate(
        {"model": "m", "provider": "anthropic", "server": {"gpu": "l40s"}, "limits": {"concurrent": 1}}
    )
    assert counts_cached(deployment, "m")


@pytest.mark.parametrize(("provider", "third_s"), [("anthropic", 4), ("openai", 30)])
def test_the_rule_of_the_provider_holds_where_nothing_is_given(provider: str, third_s: float) -> None:
    own = cached(limits=limits(**BUCKET), provider=provider)
    assert starts(run(asked(0, 3, 4), {"a": own}, policy=WAIT)) == [0, 3, third_s]


def test_without_a_cache_nothing_is_left_out_and_that_is_told() -> None:
    plain: dict[str, Any] = {
        "name": "No cache", "start": "2027-01-01", "traffic": {"requests_per_month": 1000},
        "tasks": {"chat": {}}, "models": {"m": CHARGES},
        "deployments": {"a": {"model": "m", "latency": {"total_s": 2}, "limits": limits(counts_cached=False, **BUCKET)}},
        "strategies": {"s": {"omni": ["a"]}},
    }  # fmt: skip
    for changes, said in (
        ({}, "unused: the deployment keeps no prefixes (prompt_cache)"),
        (
            {
                "deployments.a.prompt_cache": {},
                "deployments.a.limits": {"requests_per_minute": 5, "counts_cached": False},
            },
            "unused: no limit of tokens or input tokens is on",
        ),
    ):
        (notice,) = (one for one in load(plain, overrides=changes).notices if "counts_cached" in str(one))
        assert said in str(notice)
    kept = load(plain, overrides={"deployments.a.prompt_cache": {}})
    assert not [notice for notice in kept.notices if "counts_cached" in str(notice)]
