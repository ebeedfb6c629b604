"""What is said of conversations before anything runs."""

from typing import Any

import pytest

from planner.errors import ScenarioError
from planner.scenario import load

LATENCY = {"latency": {"total_s": 2}}


def told(**sections: Any) -> list[str]:
    """Problems, or notices where there are none, about sessions, asking again and affinity."""
    raw: dict[str, Any] = {
        "name": "talks",
        "traffic": {"requests_per_month": 1000, "sessions": sections.pop("sessions", {})},
        "tasks": {"chat": sections.pop("task", {})},
        "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
        "deployments": {"a": {"model": "m", **LATENCY}, "b": {"model": "m", **LATENCY}},
        "strategies": {"s": {"omni": sections.pop("omni", ["a", "b"])}},
        "policy": sections.pop("policy", {}),
        "finance": {"horizon_months": 1},
    }
    if rows := sections.pop("rows", None):
        raw["traffic"]["trace"] = {"rows": rows}
        del raw["traffic"]["requests_per_month"]
    assert not sections
    try:
        return [str(one) for one in load(raw).notices]
    except ScenarioError as error:
        return [str(one) for one in error.problems]


ROWS = [{"arrival_s": 0, "input_tokens": 10, "output_tokens": 5, "session": "one"}]


def test_turns_are_one_to_twenty_and_laws_are_laws() -> None:
    assert told(sessions={"turns_mean": 21}) == [
        "traffic.sessions.turns_mean: got 21; allowed: 1 to 20 (turns)"
    ]
    assert told(sessions={"turns_mean": 0.5})[0].startswith("traffic.sessions.turns_mean: got 0.5")
    assert told(sessions={"think_time_s": -1})[0].startswith("traffic.sessions.think_time_s: got -1")
    assert told(sessions={"context": "all"}) == [
        "traffic.sessions.context: got 'all'; allowed: resend or none"
    ]
    assert told(task={"requery_probability": 1.5}) == [
        "tasks.chat.requery_probability: got 1.5; allowed: 0 to 1 (share)"
    ]


def test_nobody_asks_a_recording_again() -> None:
    [found] = told(task={"requery_probability": 0.3}, rows=ROWS)
    assert found == (
        "tasks.chat.requery_probability: a recording is replayed as it is: nobody asks again; leave it out"
    )


def test_nobody_asks_again_in_an_open_loop() -> None:
    [found] = told(task={"requery_probability": 0.3}, sessions={"turns_mean": 3, "loop": "open"})
    assert found.startswith(
        "tasks.chat.requery_probability: in an open loop turns come whatever was answered: nobody asks again"
    )


@pytest.mark.parametrize(
    ("sessions", "task", "fields"),
    [
        ({"think_time_s": 5}, {}, ["think_time_s"]),
        ({"think_time_s": 5, "loop": "open", "context": "none"}, {}, ["context", "loop", "think_time_s"]),
        ({"think_time_s": 5}, {"requery_probability": 0.2}, []),
        ({"turns_mean": 2, "think_time_s": 5, "loop": "open", "context": "none"}, {}, []),
    ],
)
def test_fields_that_nothing_reads_are_told(sessions: Any, task: Any, fields: list[str]) -> None:
    found = [one for one in told(sessions=sessions, task=task) if "sessions" in one]
    assert [one.split(": ")[0].rsplit(".", 1)[1] for one in found] == fields
    assert all("unused: every conversation has one turn" in one for one in found)


def test_of_a_recording_only_the_turns_are_read() -> None:
    found = told(sessions={"turns_mean": 2, "loop": "closed"}, rows=ROWS)
    assert [one for one in found if "sessions" in one] == [
        "traffic.sessions.loop: unused: a recording is replayed as it is"
    ]


def test_affinity_needs_conversations_and_somebody_else() -> None:
    assert any("no request belongs to a conversation" in one for one in told(policy={"affinity": {}}))
    assert any(
        "no group of it has a second deployment" in one
        for one in told(policy={"affinity": {}}, sessions={"turns_mean": 2}, omni=["a"])
    )
    assert not any("affinity" in one for one in told(policy={"affinity": {}}, sessions={"turns_mean": 2}))
    assert not any("affinity" in one for one in told(policy={"affinity": {}}, rows=ROWS))
    without = [{name: value for name, value in ROWS[0].items() if name != "session"}]
    assert any(
        "no request belongs to a conversation" in one for one in told(policy={"affinity": {}}, rows=without)
    )


def test_long_conversations_in_short_windows_are_told() -> None:
    long = told(sessions={"turns_mean": 10, "think_time_s": 600})
    assert any("users think for 5,400 s in a conversation, and run.window_s is" in one for one in long)
    assert not any("users think" in one for one in told(sessions={"turns_mean": 2, "think_time_s": 60}))
