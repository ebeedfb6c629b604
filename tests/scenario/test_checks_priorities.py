import pytest

from tests.scenario.samples import notices_with, problems_with

TWO = {"tasks": {"faq": {"share": 0.5, "priority": 2}, "haste": {"share": 0.5, "priority": 0}}}
ALIKE = {"tasks": {"faq": {"share": 0.5, "priority": 2}, "haste": {"share": 0.5, "priority": 2}}}
CAP = {"deployments.a.limits": {"concurrent": 3}}


@pytest.mark.parametrize("value", [1_000_001, -1_000_001, 1.5, "high", True, None])
def test_a_priority_is_a_whole_number_within_bounds(value: object) -> None:
    (problem,) = problems_with({"tasks.faq.priority": value})
    assert problem.startswith("tasks.faq.priority: got ")
    assert "whole number" in problem


def test_one_priority_for_all_changes_nothing() -> None:
    text = "every task has this priority, so it changes nothing"
    assert notices_with(CAP | ALIKE) == [f"tasks.{name}.priority: {text}" for name in ("faq", "haste")]


def test_priorities_need_a_client_queue() -> None:
    text = ["tasks.faq.priority: no call ever waits in a client queue, so priorities change nothing"]
    assert notices_with(TWO | CAP) == []
    assert notices_with(TWO | {"policy.when_limited": "wait"}) == []
    assert notices_with(TWO) == text
    assert notices_with(TWO | CAP | {"policy.queue_limit": 0}) == text
    assert notices_with(TWO | CAP | {"policy.when_busy": "reject"}) == text
