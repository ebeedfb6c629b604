"""What a breaker's fields must say together."""

from typing import Any

import pytest

from tests.scenario.samples import problems_with


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
        ({"kind": "sliding-window"}, "policy.breaker.kind: not supported yet: breaker kind sliding-window"),
    ],
)
def test_a_breaker_that_does_not_hold_together_is_named(given: dict[str, Any], expected: str) -> None:
    assert [expected] == problems_with({"policy.breaker": given})
