"""What a breaker's fields must say together."""

from typing import Any

import pytest

from planner.engines.health_rules import HealthRule, health_rule
from tests.scenario.samples import SMALLEST, notices_with, problems, problems_with, scenario


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"open_s": None}, "policy.breaker.open_s: got null; allowed: number > 0, at most 86400 (s)"),
        (
            {"open_cap_s": 60},
            "policy.breaker.open_cap_s: got open_cap_s with open_growth constant; allowed: linear or exponential",
        ),
        (
            {"open_growth": "linear", "open_cap_s": 20},
            "policy.breaker.open_cap_s: got 20; allowed: at least open_s, which is 30",
        ),
        (
            {"open_growth": "exponential", "open_s": 400},
            "policy.breaker.open_s: got 400; allowed: at most open_cap_s, which is 300",
        ),
        (
            {"counts": ["error", "error"]},
            "policy.breaker.counts: got ['error', 'error']; allowed: each word once",
        ),
        (
            {"kind": "cooldown", "failures": 3},
            "policy.breaker.failures: got failures with kind cooldown; "
            "allowed: allowed_fails, counts, honours_retry_after, open_s, when_open",
        ),
        (
            {"allowed_fails": 3},
            "policy.breaker.allowed_fails: got allowed_fails with kind consecutive; "
            "allowed: counts, failures, open_cap_s, open_growth, open_s, successes",
        ),
        (
            {"kind": "cooldown", "counts": ["error"], "honours_retry_after": True},
            "policy.breaker.honours_retry_after: got honours_retry_after with counts that leave limited out; "
            "allowed: counts with limited, which alone brings a retry-after",
        ),
    ],
)
def test_a_breaker_that_does_not_hold_together_is_named(given: dict[str, Any], expected: str) -> None:
    assert [expected] == problems_with({"policy.breaker": given})


WINDOW = "policy.breaker."


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"minimum_calls": 101},
            "minimum_calls: got 101, which the window never holds; allowed: at most window_calls, which is 100",
        ),
        (
            {"window_calls": 20, "minimum_calls": 21},
            "minimum_calls: got 21, which the window never holds; allowed: at most window_calls, which is 20",
        ),
        (
            {"window_calls": 20, "window_s": 20},
            "window_s: got both window_calls and window_s; allowed: one of them",
        ),
        (
            {"window_s": 1.5},
            "window_s: got 1.5 with kind sliding-window; allowed: whole seconds, at least 1",
        ),
        ({"half_open_calls": 0}, "half_open_calls: got 0; allowed: whole number >= 1 (calls)"),
        ({"window_calls": 0}, "window_calls: got 0; allowed: whole number 1 to 100000 (calls)"),
        ({"window_s": 0.5}, "window_s: got 0.5 with kind sliding-window; allowed: whole seconds, at least 1"),
        ({"window_s": 0}, "window_s: got 0; allowed: 0.001 to 86400 (s)"),
        ({"failure_share": 0}, "failure_share: got 0; allowed: 1e-06 to 1 (share)"),
        ({"slow_share": 1.1}, "slow_share: got 1.1; allowed: 1e-06 to 1 (share)"),
        (
            {"slow_s": None, "slow_share": 0.5},
            "slow_share: got slow_share with slow_s null; allowed: slow_s beside it",
        ),
        (
            {"open_growth": "linear", "open_cap_s": 40},
            "open_cap_s: got 40; allowed: at least open_s, which is 60",
        ),
        (
            {"failures": 3},
            "failures: got failures with kind sliding-window; allowed: counts, failure_share, half_open_calls, "
            "minimum_calls, open_cap_s, open_growth, open_s, slow_s, slow_share, window_calls, window_s",
        ),
        (
            {"kind": "sampling-window", "half_open_calls": 3},
            "half_open_calls: got half_open_calls with kind sampling-window; "
            "allowed: counts, failure_share, minimum_calls, open_cap_s, open_growth, open_s, window_s",
        ),
        (
            {"kind": "sampling-window", "window_s": None},
            "window_s: got null with kind sampling-window; allowed: number >= 0.001 (s)",
        ),
        (
            {"kind": "consecutive", "window_s": 3},
            "window_s: got window_s with kind consecutive; "
            "allowed: counts, failures, open_cap_s, open_growth, open_s, successes",
        ),
    ],
)
def test_a_window_that_does_not_hold_together_is_named(given: dict[str, Any], expected: str) -> None:
    assert [WINDOW + expected] == problems_with({"policy.breaker": {"kind": "sliding-window"} | given})


def test_the_line_of_a_window_is_named() -> None:
    text = (
        SMALLEST
        + "policy:\n  breaker:\n    kind: sliding-window\n    window_calls: 5\n    minimum_calls: 9\n"
    )
    (problem,) = problems(text)
    line = text.splitlines().index("    minimum_calls: 9") + 1
    assert f":{line}: policy.breaker.minimum_calls: got 9" in problem


def test_defaults_are_those_of_the_libraries() -> None:
    def rule(**given: Any) -> tuple[HealthRule | None, float]:
        found = scenario({"policy.breaker": given}).policy.breaker
        assert found is not None
        return health_rule(found), found.open_time_s

    sliding, open_s = rule(kind="sliding-window")
    assert (sliding, open_s) == (
        HealthRule(
            places=100, bucket_ns=0, window_ns=0, is_aligned=True, minimum=100, failure_ppm=500_000,
            slow_ns=60 * 10**9, slow_ppm=1_000_000, opens_on_success=True, half_open_calls=10, decides_after=10,
        ),
        60,
    )  # fmt: skip
    sampling, open_s = rule(kind="sampling-window")
    assert (sampling, open_s) == (
        HealthRule(
            places=10, bucket_ns=3 * 10**9, window_ns=30 * 10**9, is_aligned=False, minimum=100, failure_ppm=100_000,
            slow_ns=-1, slow_ppm=1_000_000, opens_on_success=False, half_open_calls=1, decides_after=1,
        ),
        5,
    )  # fmt: skip


NEVER_SLOW = "unused: no call is slow, longer than"


@pytest.mark.parametrize(
    ("breaker", "policy", "told"),
    [
        ({"slow_s": 30}, {}, "policy.timeout_s is 30"),
        ({"slow_share": 0.5}, {}, "policy.timeout_s is 30"),
        ({"slow_s": 29}, {}, None),
        ({"slow_s": 29}, {"timeout_s": 20}, "policy.timeout_s is 20"),
        ({"slow_s": 29}, {"timeout_s": None, "deadline_s": 29}, "policy.deadline_s is 29"),
        ({"slow_s": 29}, {"timeout_s": None}, None),
        ({"slow_s": None}, {}, None),
        ({}, {}, None),
    ],
)
def test_slowness_that_cannot_be_is_told(
    breaker: dict[str, Any], policy: dict[str, Any], told: str | None
) -> None:
    found = notices_with({"policy": {"breaker": {"kind": "sliding-window", **breaker}, **policy}})
    found = [notice for notice in found if NEVER_SLOW in notice]
    assert len(found) == (told is not None)
    assert told is None or told in found[0]


def test_slowness_of_one_deployment_is_enough() -> None:
    found = notices_with(
        {
            "policy": {"breaker": {"kind": "sliding-window", "slow_s": 40}},
            "deployments.b.policy": {"timeout_s": 50},
        }
    )
    assert not [notice for notice in found if NEVER_SLOW in notice]


NEVER_CLOSES = "once open, it lets no later arrival of a window through"


@pytest.mark.parametrize(("open_s", "is_told"), [(600, True), (86_400, True), (599.999, False)])
def test_a_breaker_that_cannot_close_inside_a_window_is_told(open_s: float, is_told: bool) -> None:
    given = scenario({"run": {"window_s": 600}, "policy.breaker": {"open_s": open_s}})
    told = [notice for notice in given.notices if NEVER_CLOSES in str(notice)]
    assert len(told) == is_told
    assert all(f"open for {open_s:g} s, and run.window_s is 600" in str(notice) for notice in told)


@pytest.mark.parametrize(
    "breaker",
    [
        {"kind": "cooldown", "open_s": 600, "honours_retry_after": True},  # a refusal may tell a shorter time
        {"failures": 5},  # 30 s unless said otherwise
        None,
    ],
)
def test_a_breaker_that_may_close_is_not_told(breaker: dict[str, Any] | None) -> None:
    given = scenario({"run": {"window_s": 600}, "policy.breaker": breaker})
    assert not [notice for notice in given.notices if NEVER_CLOSES in str(notice)]


def test_the_line_told_is_that_of_the_breaker_in_force() -> None:
    given = scenario(
        {
            "run": {"window_s": 600},
            "deployments.b.policy": {"breaker": {"kind": "cooldown", "open_s": 700, "counts": ["error"]}},
        }
    )
    told = [str(notice) for notice in given.notices if NEVER_CLOSES in str(notice)]
    assert len(told) == 1
    assert "deployments.b.policy.breaker.open_s" in told[0]
