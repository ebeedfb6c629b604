"""Batch APIs worked out by hand: what a call handed in is spared, when it comes back, and what its end leaves behind.

A batch answer takes 5 s and expires after 20 s unless the text says otherwise; an ordinary call takes 2 s. Requests of
task `chat` are waited for, those of task `night` are in no hurry.
"""

from decimal import Decimal
from typing import Any

import pytest

from planner import tables
from planner.engines.run import Run, reduce_window
from planner.errors import LoadExceedsCapacity
from planner.finance import count, from_counts
from planner.workload.requests import generate
from tests.engines.hand_tables import (
    MODEL,
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

TERMS = {"turnaround_s": 5, "expires_s": 20, "price_factor": 0.5}
TASKS = {"chat": {}, "night": {"urgency": "batch"}}


def with_batch(**given: Any) -> dict[str, Any]:
    """A target with a batch API, with other fields of either."""
    own = {name: given.pop(name) for name in TERMS.keys() & given.keys()}
    return target(batch=TERMS | own, **given)


def asked(*tasks_at: tuple[str, float], **given: Any) -> list[dict[str, Any]]:
    """Requests of a task at a moment each."""
    return [row for task, moment_s in tasks_at for row in at(moment_s, task=task, **given)]


def run(
    rows: list[dict[str, Any]],
    deployments: dict[str, Any],
    policy: dict[str, Any] | None = None,
    **given: Any,
) -> Run:
    """Both engines' run, whose counts without rows are those that follow from the rows."""
    given.setdefault("tasks", TASKS)
    found = run_rows(rows, deployments, policy, **given)
    scenario, window = found.scenario, found.window
    reduced = reduce_window(scenario, "s", window, [generate(scenario, window)], lambda _: None)
    billed = count(scenario, "s", found.outcome_arrays, found.attempt_arrays)
    counted = from_counts(scenario, reduced.deployments, reduced.counts)
    assert billed == {key: amount for key, amount in counted.items() if key.kind != "router"}
    return found


# -- what a batch call is spared, and spares others ------------------------------------------------


def test_a_batch_call_passes_a_full_limiter_and_a_full_house_and_takes_nothing_from_them() -> None:
    # One call at once and one a minute. The chat at 1 waits for the slot of the chat at 0 until 2, then for the bucket,
    # which is whole again 60 s after 0, as if the nights had never been.
    one = limits(concurrent=1, requests_per_minute=1, kind="token-bucket", charge="actual", burst_s=60)
    found = run(
        asked(("chat", 0), ("night", 0.5), ("night", 0.5), ("chat", 1)),
        {"a": with_batch(limits=one)},
        {"when_limited": "wait"},
    )
    check_attempts(
        found,
        """
        request queued_s started_s first_token_s ended_s outcome status role
        0       0        0         2             2       ok      200    primary
        1       0.5      0.5       5.5           5.5     ok      200    primary
        2       0.5      0.5       5.5           5.5     ok      200    primary
        3       1        60        62            62      ok      200    primary
        """,
    )


def test_a_batch_call_is_larger_than_no_bucket_and_leaves_a_tokens_limit_alone() -> None:
    small = limits(tokens_per_minute=200, kind="token-bucket", charge="actual", burst_s=60)
    found = run(
        asked(("night", 0), input_tokens=5000) + asked(("chat", 1)),
        {"a": with_batch(limits=small)},
    )
    check_outcomes(
        found,
        """
        request ended_s outcome deployment cause
        0       5       ok      a          -
        1       3       ok      a          -
        """,
    )


@pytest.mark.parametrize("mode", ["error", "hang", "degraded", "limited"])
def test_a_batch_call_is_worked_off_through_an_outage(mode: str) -> None:
    found = run(
        asked(("night", 1), ("chat", 1)),
        {"a": with_batch(outages=[outage(0, 100, mode)])},
        {"timeout_s": 4},
    )
    assert found.outcome_arrays["ended_ns"][0] == 6_000_000_000
    assert found.outcome_arrays["outcome"][0] == tables.OK
    # The same moment, and an ordinary call: it fails, or takes three times as long and is cut at 4 s.
    assert found.outcome_arrays["outcome"][1] != tables.OK


def test_an_open_breaker_does_not_hold_a_batch_call_and_hears_nothing_of_it() -> None:
    # The second failure opens at 3.5; the good batch answer at 6 neither breaks the row of failures nor closes it.
    deployments = {"a": with_batch(outages=[outage(0, 100)])}
    found = run(
        asked(("chat", 0), ("night", 1), ("chat", 2.5), ("night", 4), ("chat", 7)),
        deployments,
        {"breaker": {"failures": 2, "open_s": 30}},
    )
    check_outcomes(
        found,
        """
        request ended_s outcome  cause
        0       1       error    provider-error
        1       6       ok       -
        2       3.5     error    provider-error
        3       9       ok       -
        4       7       rejected own-breaker
        """,
    )
    check_events(found, "breaker", "time_s deployment from to request\n3.5 a closed open 2")


def test_an_expired_batch_call_is_no_failure_to_a_breaker() -> None:
    found = run(
        asked(("night", 0), ("chat", 25)),
        {"a": with_batch(turnaround_s=30)},
        {"breaker": {"failures": 1, "open_s": 300}},
    )
    check_outcomes(
        found,
        """
        request ended_s outcome cause
        0       20      timeout expired
        1       27      ok      -
        """,
    )


def test_neither_timeout_nor_deadline_nor_hedge_is_about_a_batch_call() -> None:
    found = run(
        asked(("night", 0), ("chat", 0)),
        {"a": with_batch(latency={"total_s": 10})},
        {"timeout_s": 3, "deadline_s": 4, "hedge": {"after_s": 1, "max": 1, "bill_losers": "full"}},
    )
    check_attempts(
        found,
        """
        request attempt started_s ended_s role    outcome
        0       0       0         5       primary ok
        1       0       0         3       primary timeout
        1       1       1         4       hedge   timeout
        """,
    )


def test_where_nobody_has_a_batch_api_the_timeout_holds_and_the_deadline_does_not() -> None:
    # Cut at 3, again from 4 to 7, though the deadline was 5 s; a chat beside it is cut at 5.
    found = run(
        asked(("night", 0), ("chat", 0)),
        {"a": target(batch=None, latency={"total_s": 10})},
        {"timeout_s": 3, "deadline_s": 5, "retries": 1, "hedge": {"after_s": 1, "max": 1}},
    )
    check_attempts(
        found,
        """
        request attempt started_s ended_s role    outcome
        0       0       0         3       primary timeout
        0       1       4         7       retry   timeout
        1       0       0         3       primary timeout
        1       1       1         4       hedge   timeout
        """,
    )
    check_outcomes(
        found,
        """
        request ended_s outcome cause
        0       7       timeout timeout
        1       5       timeout deadline
        """,
    )


def test_random_errors_and_breaks_are_of_ordinary_calls() -> None:
    found = run(
        asked(("night", 0), ("chat", 0)),
        {"a": with_batch(errors={"rate": 0.999999, "status": 500, "latency_s": 0.5, "mid_stream": 1})},
    )
    check_outcomes(
        found,
        """
        request ended_s outcome
        0       5       ok
        1       0.5     error
        """,
    )


def test_a_batch_call_neither_reads_nor_writes_a_prompt_cache_nor_keeps_it_warm() -> None:
    cache = {"ttl_s": 10, "min_tokens": 1, "step_tokens": 1}
    found = run(
        asked(("night", 0), ("chat", 1), ("night", 2), ("night", 8), ("chat", 12), prefix_tokens=60),
        {"a": with_batch(prompt_cache=cache)},
        tasks={name: task | {"shared_prefix_tokens": 60} for name, task in TASKS.items()},
        models={"m": MODEL | {"cached_input_usd_per_mtok": 0.1, "cache_write_usd_per_mtok": 1.25}},
    )
    check_attempts(
        found,
        """
        request input_tokens cached_input_tokens cache_write_tokens billed_input_tokens
        0       100          0                   0                  100
        1       100          0                   60                 40
        2       100          0                   0                  100
        3       100          0                   0                  100
        4       100          0                   60                 40
        """,
    )


def test_a_platform_adds_its_time_to_ordinary_calls_only() -> None:
    found = run(
        asked(("night", 0), ("chat", 0)),
        {"a": with_batch()},
        gateway={"kind": "unified", "latency_s": 0.5},
    )
    check_outcomes(found, "request ended_s\n0 5\n1 2.5")


# -- its end ---------------------------------------------------------------------------------------


def test_an_answer_at_the_last_moment_has_come_and_one_a_nanosecond_later_has_not() -> None:
    found = run(
        asked(("night", 0)),
        {"a": with_batch(turnaround_s=20)},
    )
    check_outcomes(found, "request ended_s outcome cause\n0 20 ok -")
    found = run(asked(("night", 0)), {"a": with_batch(turnaround_s=20, expires_s=19.999999999)})
    check_outcomes(found, "request ended_s outcome cause\n0 19.999999999 timeout expired")
    check_attempts(
        found,
        """
        request first_token_s ended_s      outcome status billed_input_tokens billed_output_tokens
        0       -             19.999999999 timeout 0      0                   0
        """,
    )


def test_after_expiry_it_is_handed_in_again_and_then_goes_to_the_next_target() -> None:
    # 20 s, a backoff of 1 s, 20 s again; `retries_after.timeout` is what holds. Then b, an ordinary call of 2 s.
    found = run(
        asked(("night", 0)),
        {"a": with_batch(turnaround_s=60), "b": target(batch=None)},
        {"retries": 0, "retries_after": {"timeout": 1}, "backoff": fixed(1)},
    )
    check_attempts(
        found,
        """
        request attempt deployment started_s ended_s outcome role    billed_input_tokens
        0       0       a          0         20      timeout primary 0
        0       1       a          21        41      timeout retry   0
        0       2       b          41        43      ok      retry   100
        """,
    )


def test_an_expired_call_is_a_timeout_to_the_fallbacks_of_a_group() -> None:
    found = run(
        asked(("night", 0)),
        {"a": with_batch(turnaround_s=60), "b": with_batch(turnaround_s=3), "c": with_batch()},
        strategy={
            "omni": ["a"],
            "groups": {"slow": ["b"], "other": ["c"]},
            "fallbacks": {"omni": {"timeout": ["slow"], "error": ["other"]}},
        },
    )
    check_attempts(
        found,
        """
        request deployment started_s ended_s outcome
        0       a          0         20      timeout
        0       b          20        23      ok
        """,
    )


def test_each_try_has_a_turnaround_of_its_own() -> None:
    # Every other try expires; a retry with the luck of the first would expire as well, each time.
    found = run(
        asked(*[("night", 0.0)] * 40),
        {"a": with_batch(turnaround_s={"empirical": [1, 30]})},
        {"retries": 60, "backoff": fixed(0)},
    )
    tries = found.outcome_arrays["attempts"].tolist()
    assert found.outcome_arrays["outcome"].tolist() == [tables.OK] * 40
    assert {1, 2, 3} <= set(tries)
    ends = found.outcome_arrays["ended_ns"].tolist()
    assert ends == [(20 * (n - 1) + 1) * 10**9 for n in tries]


def test_a_recorded_service_time_wins_over_the_turnaround_and_may_expire() -> None:
    found = run(
        asked(("night", 0), service_s=7) + asked(("night", 0), service_s=[30, 4]),
        {"a": with_batch()},
        {"retries": 1, "backoff": fixed(1)},
    )
    check_attempts(
        found,
        """
        request attempt started_s ended_s outcome
        0       0       0         7       ok
        1       0       0         20      timeout
        1       1       21        25      ok
        """,
    )


def test_a_content_filter_refuses_a_prompt_when_the_turnaround_is_over() -> None:
    found = run(
        asked(("night", 0), ("chat", 0)),
        {"a": with_batch(content_filter={"share": 1, "latency_s": 0.25, "billed": "input"})},
    )
    check_attempts(
        found,
        """
        request started_s ended_s outcome status billed_input_tokens billed_output_tokens
        0       0         5       error   400    100                 0
        1       0         0.25    error   400    100                 0
        """,
    )
    check_outcomes(found, "request cause\n0 content-policy\n1 content-policy")


def test_a_cascade_checks_a_batch_answer_when_it_is_back_and_hands_in_again() -> None:
    judge = {"model": "m", "latency_s": 0.5, "input_tokens": 10, "output_tokens": 1}
    found = run(
        asked(("night", 0), verifier_score=0.9) + asked(("night", 0), verifier_score=0.1),
        {"a": with_batch(), "b": with_batch(turnaround_s=8)},
        strategy={
            "mini": ["a"],
            "omni": ["b"],
            "router": {"kind": "cascade", "accept_score": 0.5, "verifier": judge},
        },
    )
    check_attempts(
        found,
        """
        request attempt deployment role     started_s ended_s
        0       0       a          mini     0         5
        0       1       verifier   verifier 5         5.5
        1       0       a          mini     0         5
        1       1       verifier   verifier 5         5.5
        1       2       b          omni     5.5       13.5
        """,
    )


# -- what others see -------------------------------------------------------------------------------


def test_batch_calls_are_no_load_to_a_selection_by_load() -> None:
    # Two nights at a, then a chat: least-busy still takes the first of the equals, a.
    found = run(
        asked(("night", 0), ("night", 0), ("chat", 1), ("chat", 1)),
        {"a": with_batch(), "b": with_batch()},
        {"select": "least-busy"},
        strategy={"omni": [["a", "b"]]},
    )
    check_attempts(
        found,
        """
        request deployment
        0       a
        1       a
        2       a
        3       b
        """,
    )


def test_a_selection_sees_no_open_breaker_of_a_batch_api() -> None:
    # a is open from 1 on: the chat at 2 goes to b, the night at 2 to a, the first of the equals.
    found = run(
        asked(("chat", 0), ("chat", 2), ("night", 2)),
        {"a": with_batch(outages=[outage(0, 100)]), "b": with_batch()},
        {"select": "least-busy", "breaker": {"failures": 1, "open_s": 60}},
        strategy={"omni": [["a", "b"]]},
    )
    check_attempts(
        found,
        """
        request attempt deployment ended_s outcome
        0       0       a          1       error
        0       1       b          3       ok
        1       0       b          4       ok
        2       0       a          7       ok
        """,
    )


def test_a_full_minute_is_full_for_ordinary_calls_only() -> None:
    # Three a minute: the fourth chat is turned away without a call, and so is nobody's night.
    three = limits(requests_per_minute=3, kind="token-bucket", charge="actual", burst_s=60)
    found = run(
        asked(("chat", 0), ("chat", 0.5), ("chat", 1), ("chat", 1.5), ("night", 1.5), ("night", 1.5)),
        {"a": with_batch(limits=three)},
        {"select": "lowest-usage", "lowest_usage": {"when_full": "next-level"}},
    )
    check_outcomes(
        found,
        """
        request ended_s outcome  cause
        0       2       ok       -
        1       2.5     ok       -
        2       3       ok       -
        3       1.5     rejected limit
        4       6.5     ok       -
        5       6.5     ok       -
        """,
    )


def test_answers_under_way_in_batches_are_no_active_requests_to_a_retry_budget() -> None:
    # Half of the active requests may be retries. At 1 two chats fail: with the ten nights under way both might retry.
    nights = [("night", 0.0)] * 10
    found = run(
        asked(*nights, ("chat", 0), ("chat", 0)),
        {"a": with_batch(outages=[outage(0, 100)])},
        {"retries": 1, "retry_budget": {"ratio": 0.5, "minimum": 0}, "backoff": fixed(1)},
    )
    assert found.outcome_arrays["attempts"].tolist() == [1] * 10 + [2, 1]


def test_too_many_answers_under_way_are_told_as_such_by_both_engines() -> None:
    from planner.engines.run import run_window

    found = run(asked(("night", 0), ("night", 0), ("chat", 1)), {"a": with_batch()})
    scenario = found.scenario.set({"run.max_in_flight": 2})
    told = []
    for engine in ("reference", "compiled"):
        with pytest.raises(LoadExceedsCapacity) as refusal:
            run_window(scenario, "s", found.window, engine=engine)
        told.append(str(refusal.value))
    expected = (
        "run.max_in_flight is too small for so many answers of batch APIs under way: more than run.max_in_flight = 2 "
        "requests in flight 1.000 s into the window (0 done; a: 0 waiting, 0 in flight; 2 handed in to batch APIs)"
    )
    assert told == [expected, expected]


def test_tokens_of_a_batch_call_are_counted_where_it_was_answered() -> None:
    found = run(asked(("night", 0), ("night", 0)), {"a": with_batch()})
    counted = count(found.scenario, "s", found.outcome_arrays, found.attempt_arrays)
    amounts = {(key.kind, key.meter): amount for key, amount in counted.items() if key.deployment == "a"}
    assert amounts["api", "input"] == 200
    assert amounts["api", "output"] == 100
    assert amounts["busy", "ms"] == Decimal(10_000)
