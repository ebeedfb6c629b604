"""Who answers for a plan: owners of fields, and who reviewed it."""

from typing import Any

from planner.errors import ScenarioError
from planner.scenario import load


def told(**finance: Any) -> list[str]:
    """Problems of a scenario with these fields of finance; none where it is sound."""
    raw = {
        "name": "owned",
        "start": "2027-02-01",
        "traffic": {"requests_per_month": 1000},
        "tasks": {"faq": {}},
        "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
        "deployments": {"a": {"model": "m", "latency": {"total_s": 2}}},
        "strategies": {"s": {"omni": ["a"]}},
        "finance": {"horizon_months": 1, **finance},
    }
    try:
        load(raw)
    except ScenarioError as error:
        return [str(one) for one in error.problems]
    return []


def test_owners_are_of_fields_and_names_that_there_are() -> None:
    sound = [{"of": "tasks.faq", "name": "Ann"}, {"of": "finance.discount_rate", "name": "Treasury"}]
    assert told(owners=sound) == []
    assert told(owners=[{"of": "tasks.other", "name": "Ann"}]) == [
        "finance.owners[0].of: got 'tasks.other'; there is no 'other' under tasks"
    ]
    assert told(owners=[{"of": "finance.discount", "name": "Ann"}]) == [
        "finance.owners[0].of: got 'finance.discount'; no such field"
    ]
    assert "character 7" in told(owners=[{"of": "tasks. faq", "name": "Ann"}])[0]


def test_a_field_has_one_owner() -> None:
    twice = [{"of": "tasks", "name": "Ann"}, {"of": "tasks", "name": "Ben"}]
    assert told(owners=twice) == ["finance.owners[1].of: tasks has an owner in finance.owners[0].of"]


def test_a_day_of_review_needs_a_reviewer() -> None:
    assert told(sign_off={"reviewed_by": "Cleo", "on": "2027-01-05"}) == []
    assert told(sign_off={"on": "2027-01-05"}) == [
        "finance.sign_off.on: got 2027-01-05; allowed: only beside finance.sign_off.reviewed_by"
    ]
    assert told(sign_off={"on": "next week"})[0].startswith("finance.sign_off.on: got 'next week'")
