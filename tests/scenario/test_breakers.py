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
    ],
)
def test_a_breaker_that_does_not_hold_together_is_named(given: dict[str, Any], expected: str) -> None:
    assert [expected] == problems_with({"policy.breaker": given})
