"""What a breaker's fields must say together."""

from typing import Any

import pytest

from tests.scenario.samples import problems_with, scenario


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
            "allowed: allowed_fails, counts, honours_retry_after, open_s",
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
