"""What is said of fields about retries that nothing reads, or that another one contradicts."""

from typing import Any

import pytest

from tests.scenario.samples import notices_with, problems_with


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"policy": {"asks_equals": False, "retry_target": "reselect"}},
            "policy.asks_equals: got asks_equals false with retry_target reselect, which chooses among all equals; "
            "allowed: one of them",
        ),
        (
            {"policy": {"sibling_wait": "none"}},
            "policy.sibling_wait: got sibling_wait none with retry_target same, which has no sibling to go to; "
            "allowed: retry_target reselect beside it",
        ),
        (
            {"policy": {"breaker": {"kind": "cooldown", "when_open": "last"}}},
            "policy.breaker.when_open: got last, and omni-only asks its deployments as written (select in-order); "
            "allowed: another select, or retry_target reselect",
        ),
        (
            {"deployments.a.policy": {"retry_target": "reselect"}},
            "deployments.a.policy.retry_target: a retry is chosen in a group, not of one deployment; "
            "give it under policy or under a strategy's policy",
        ),
        (
            {"policy": {"retries_after": {"error": -1}}},
            "policy.retries_after.error: got -1; allowed: whole number 0 to 100 (retries), or null: as retries says",
        ),
    ],
)
def test_retries_that_contradict_each_other_are_named(changes: dict[str, Any], expected: str) -> None:
    assert problems_with(changes) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"policy": {"retries": 0, "sleep_after_last": True}},
            "policy.sleep_after_last: unused: there are no retries",
        ),
        (
            {"policy": {"honours_retry_after": False, "retry_after_cap_s": 5}},
            "policy.retry_after_cap_s: unused: honours_retry_after is false",
        ),
    ],
)
def test_fields_of_retries_that_nothing_reads_are_noticed(changes: dict[str, Any], expected: str) -> None:
    assert notices_with(changes) == [expected]


def test_a_preset_contradicts_nobody() -> None:
    changes = {"policy": {"preset": "portkey"}, "strategies.omni-only.policy": {"preset": "litellm"}}
    assert problems_with(changes) == []
    assert problems_with({"policy": {"preset": "litellm", "retry_target": "same"}}) == []
