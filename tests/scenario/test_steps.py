"""Concurrency caps given as steps: what is sound, what is said of the rest, and who else reads them."""

import json
from typing import Any

import jsonschema
import pytest

from planner.experiments.assumptions import notices
from planner.scenario import describe, field_rows, json_schema, load
from planner.scenario.steps import CapStep, is_always_capped, is_capped, stairs
from planner.scenario.worst_case import worst_case
from tests.engines.hand_tables import limits, target
from tests.scenario.samples import notices_with, problems_with

CAP = "deployments.a.limits.concurrent"
STEPS: list[dict[str, Any]] = [{"until_s": 600, "value": 10}, {"until_s": 1200, "value": 2}, {"value": 10}]


def scenario(concurrent: Any, **policy: Any) -> Any:
    return load(
        {
            "name": "steps",
            "traffic": {"requests_per_month": 1000},
            "tasks": {"chat": {}},
            "models": {"m": {"modalities": ["text"], "context_tokens": 10_000, "input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
            "deployments": {"a": target(limits=limits(concurrent=concurrent))},
            "strategies": {"s": {"omni": ["a"]}},
            "policy": policy,
            "finance": {"horizon_months": 1},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    "steps",
    [
        STEPS,
        [{"value": 1}],
        [{"value": None}],
        [{"until_s": None, "value": 1}],
        [{"until_s": 1e-9, "value": 0}, {"until_s": 1e9, "value": None}, {"value": 10**7}],
    ],
)
def test_sound_steps_pass(steps: list[dict[str, Any]]) -> None:
    assert problems_with({CAP: steps}) == []


@pytest.mark.parametrize(
    ("steps", "messages"),
    [
        ([], [": got an empty list; allowed: at least one step"]),
        (5.5, [": got 5.5; allowed: whole number >= 1 (calls), or null for none"]),
        ({"value": 5}, [": got {value: 5}; allowed: whole number >= 1 (calls), or null for none"]),
        ([{"until_s": 5, "value": 1}],
         ["[0].until_s: got 5 in the last step; allowed: no until_s there, as that step holds to the end"]),
        ([{"value": 1}, {"value": 2}], ["[0].until_s: got a step without it; allowed: until_s in every step but the last"]),
        ([{"until_s": 5, "value": 1}, {"until_s": 5, "value": 2}, {"value": 3}],
         ["[1].until_s: got 5; allowed: later than 5, where the step before it ends"]),
        ([{"until_s": 5, "value": 1}, {"until_s": 2.5, "value": 2}, {"value": 3}],
         ["[1].until_s: got 2.5; allowed: later than 5, where the step before it ends"]),
        ([{"until_s": 5, "value": 0}, {"value": 0}],
         ["[1].value: got 0 in the last step; allowed: at least 1, or null for no cap: it holds to the end"]),
        ([{"until_s": 0, "value": -1}, {"value": 1}],
         ["[0].until_s: got 0; allowed: number > 0 (s)", "[0].value: got -1; allowed: whole number >= 0 (calls), or null: no cap"]),
        ([{"until_s": 5, "value": 10**8}, {"value": "2"}],
         ["[0].value: got 100000000; allowed: whole number 0 to 10000000 (calls), or null: no cap",
          "[1].value: got the text '2'; allowed: whole number >= 0 (calls), or null: no cap; write 2 without quotes"]),
        ([{"until_s": 5, "cap": 3, "value": 3}, {"value": True}],
         ["[0].cap: no such field; known here: until_s, value", "[1].value: got true; allowed: whole number >= 0 (calls), or null: no cap"]),
        ([{"until_s": 5}, {"value": 1}],
         ["[0].value: must be given: calls in flight at once; 0: a closed door, not in the last step; null: no cap"]),
    ],
)  # fmt: skip
def test_each_mistake_has_one_clear_message(steps: Any, messages: list[str]) -> None:
    assert problems_with({CAP: steps}) == [f"{CAP}{message}" for message in messages]


def test_stairs_say_from_when_each_cap_holds() -> None:
    tree = scenario(STEPS)
    assert stairs(tree.deployments["a"].limits.concurrent) == ((0.0, 10), (600.0, 2), (1200.0, 10))
    assert stairs(None) == ((0.0, None),)
    assert stairs(7) == ((0.0, 7),)


def test_a_cap_at_some_moments_is_a_cap_but_not_one_at_all_moments() -> None:
    some = (CapStep(until_s=5.0, value=0), CapStep(value=None))
    assert (is_capped(some), is_always_capped(some)) == (True, False)
    none = (CapStep(until_s=5.0, value=None), CapStep(value=None))
    assert (is_capped(none), is_always_capped(none)) == (False, False)
    assert (is_capped(3), is_always_capped(3)) == (True, True)
    assert (is_capped(None), is_always_capped(None)) == (False, False)


def test_a_tree_with_steps_is_written_and_read_again_and_changed_by_path() -> None:
    tree = scenario(STEPS)
    assert load(tree.to_dict()) == tree
    assert hash(load(tree.to_dict())) == hash(tree)
    changed = tree.set({f"{CAP}[1].value": 0})
    assert stairs(changed.deployments["a"].limits.concurrent)[1] == (600.0, 0)
    assert changed.set({CAP: 3}).deployments["a"].limits.concurrent == 3


def test_who_may_wait_for_a_place_is_told_by_the_steps() -> None:
    for steps, unbounded in (
        (STEPS, "calls wait at a without queue_timeout_s"),
        ([{"until_s": 5, "value": 0}, {"value": None}], "calls wait at a without queue_timeout_s"),
        ([{"until_s": 5, "value": None}, {"value": None}], ""),
    ):
        assert worst_case(scenario(steps, timeout_s=5), "s").unbounded == unbounded
    two = {"tasks": {"faq": {"share": 0.5, "priority": 2}, "haste": {"share": 0.5}}}
    assert notices_with(two | {"deployments.a.limits": {"concurrent": STEPS}}) == []
    never = [{"until_s": 5, "value": None}, {"value": None}]
    assert notices_with(two | {"deployments.a.limits": {"concurrent": never}}) != []


def test_own_hardware_needs_a_cap_in_every_step() -> None:
    text = "deployments.b.limits.concurrent: not supported yet: own GPUs without a number of calls in flight"
    for steps, expected in (
        (STEPS, []),
        ([{"until_s": 5, "value": 0}, {"value": 2}], []),
        ([{"until_s": 5, "value": None}, {"value": 2}], [text]),
    ):
        given = {
            "deployments.b.server": {"gpu": "l40s"},
            "deployments.b.latency": {"total_s": 1},
            "deployments.b.limits": {"concurrent": steps},
        }
        assert [one for one in problems_with(given) if "concurrent" in one] == expected


def test_a_notice_says_that_every_window_has_the_steps() -> None:
    text = "Every simulated window begins with the first step of limits.concurrent of a"
    assert any(one.startswith(text) for one in notices(scenario(STEPS)))
    for plain in (5, None, [{"value": 5}]):
        assert not any(one.startswith(text) for one in notices(scenario(plain)))


def test_the_schema_and_the_reference_know_both_forms() -> None:
    row = describe(CAP)
    assert row.allowed == "whole number >= 1 (calls) or a list of {until_s, value}, or null for none"
    assert (row.type, row.low, row.high, row.unit) == ("whole number", 1, 10**7, "calls")
    paths = [one["path"] for one in field_rows()]
    assert "deployments.DEPLOYMENT.limits.concurrent[N].until_s" in paths
    assert "deployments.DEPLOYMENT.limits.concurrent[N].value" in paths
    check = jsonschema.Draft202012Validator(json_schema())
    for concurrent, is_sound in (
        (STEPS, True),
        (3, True),
        (None, True),
        (0, False),
        ([{"until_s": 0}], False),
        ("x", False),
    ):
        tree = json.loads(json.dumps(scenario(5).to_dict()))
        tree["deployments"]["a"]["limits"]["concurrent"] = concurrent
        assert check.is_valid(tree) == is_sound, concurrent


def test_a_step_after_the_last_arrival_of_a_window_is_said_so() -> None:
    text = (
        f"{CAP}[2]: begins at 1200 s, after the last arrival of a window (run.window_s is 1200): "
        "it acts on calls that are left over only"
    )
    assert notices_with({CAP: STEPS, "run.window_s": 1200}) == [text]
    assert notices_with({CAP: STEPS, "run.window_s": 1201}) == []
    (first_of_two,) = notices_with({CAP: STEPS, "run.window_s": 600})
    assert first_of_two.startswith(f"{CAP}[1]: begins at 600 s")
