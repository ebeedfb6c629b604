"""Widgets from declarations: every field is within reach, and what a widget says is what the scenario becomes."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app import fields, modes, own, writing
from app.fields import Block, Field
from planner.errors import ScenarioError
from planner.scenario import Scenario, declared, load, loads, paths
from planner.scenario.declared import Kind
from tests.app.library import SMALL
from tests.app.test_writing import leaves

LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"
FILES = sorted(LIBRARY.glob("*.yaml"))


@cache
def scenario_of(file: Path) -> Scenario:
    return load(file)


def all_fields(scenario: Scenario) -> Iterator[Field]:
    tree = scenario.to_dict()
    for section in fields.sections():
        yield from fields.block(tree, tree, section).all_fields()


# -- which fields there are --------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_value_of_a_shipped_scenario_is_reached_by_a_widget_that_holds_it(file: Path) -> None:
    scenario = scenario_of(file)
    tree = scenario.to_dict()
    standing = {field.path: field for field in all_fields(scenario) if field.stands}
    for path, value in leaves(tree):
        if isinstance(value, dict | list) and value:
            continue
        reached = [path[:depth] for depth in range(1, len(path) + 1) if path[:depth] in standing]
        assert reached, paths.render(path)
        field = standing[reached[-1]]
        assert field.value == paths.get_value(tree, field.path)
        way = modes.mode_of(field.modes, field.value)
        if way.name != "on":
            assert modes.is_same(way.made(*way.taken(field.value)), field.value)


def test_every_declared_field_that_is_simulated_is_offered_or_stands_in_something_that_is() -> None:
    """On a scenario in which every section that may be absent is there, else inside the value that would bring it in."""
    scenario = loads(SMALL)
    offered = {tuple("KEY" if step in ("faq", "hard", "omni", "mini", "big", "small", "omni-only", "mini-only", "hybrid") else step for step in field.path)
               for field in all_fields(scenario)}  # fmt: skip
    tops = {"tasks", "models", "deployments", "strategies"}
    for pattern, place in declared.walk():
        if place.later is not None or any("later" in str(step) for step in pattern):
            continue
        path = tuple("KEY" if k == 1 and pattern[0] in tops else step for k, step in enumerate(pattern))
        if path[0] in tops and len(path) <= 2:
            continue  # keys are added and removed as such
        is_covered = any(path[:depth] in offered for depth in range(1, len(path) + 1))
        holds = any(one[: len(path)] == path for one in offered)
        in_list = "N" in path or place.kind is Kind.LIST or any(
            isinstance(step, str) and step.isupper() for step in path if step != "KEY"
        )  # fmt: skip
        in_map = path[0] in ("uncertain",)
        inside_later = any(
            (found := declared.at(pattern[:depth])) is not None and found.later is not None
            for depth in range(1, len(pattern))
        )
        assert is_covered or holds or in_list or in_map or inside_later, paths.render(path)


def test_the_bounds_and_the_unit_are_the_declared_ones() -> None:
    known = {field.name: field for field in all_fields(loads(SMALL))}
    share = known["tasks.faq.share"]
    assert share.label == "Share (0 to 1)"
    (part,) = share.modes[0].parts
    assert (part.kind, part.low, part.high) == ("number", 0, 1)
    assert [way.label for way in share.modes] == ["a number", "none"]
    seed = known["run.seed"]
    (part,) = seed.modes[0].parts
    assert (part.kind, part.low, part.high) == ("whole", 0, 2**32 - 1)
    timeout = known["policy.timeout_s"]
    place = declared.at(timeout.path)
    assert place is not None
    assert timeout.label.endswith("(s)")
    assert place.description[1:] in timeout.help
    assert "policy.timeout_s" in timeout.help


def test_choices_that_are_not_simulated_yet_are_not_offered() -> None:
    for field in all_fields(loads(SMALL)):
        for word in field.place.words_later:
            assert str(word) not in [way.label for way in field.modes], field.name


# -- what a change comes to --------------------------------------------------------------------------


def other_value(field: Field, fraction: float) -> Any:
    """Another value that the field's own widget can give."""
    way = modes.mode_of(field.modes, field.value)
    parts = []
    for part, held in zip(way.parts, way.taken(field.value), strict=True):
        if part.kind in ("whole", "number"):
            low, high = part.low or 0, min(part.high if part.high is not None else 1e6, 10 * abs(held) + 1)
            wanted = low + fraction * (high - low)
            parts.append(round(wanted) if part.kind == "whole" else round(wanted, 6))
        else:
            parts.append(held)
    return way.made(*parts)


@settings(deadline=None, max_examples=60)
@given(file=st.sampled_from(FILES), which=st.integers(0, 10_000), fraction=st.floats(0.01, 0.99))
def test_a_changed_field_is_one_change_and_the_text_says_the_same(
    file: Path, which: int, fraction: float
) -> None:
    """Widget -> {path: value} -> scenario, and widget -> text -> scenario: the same, or refused alike."""
    scenario = scenario_of(file)
    standing = [field for field in all_fields(scenario) if field.stands]
    field = standing[which % len(standing)]
    value = other_value(field, fraction)
    tree = paths.set_value(scenario.to_dict(), field.path, value)
    changes = fields.differences(tree, scenario.to_dict())
    assert set(changes) <= {field.name}
    text = writing.put(file.read_text(encoding="utf-8"), field.path, value)
    try:
        expected = scenario.set({field.name: value})
    except ScenarioError as error:
        refused = {one.field for one in error.problems}
        with pytest.raises(ScenarioError) as other:
            own.scenario_of(text, file.name, file.parent)
        told = {one.field for one in other.value.problems}
        assert told == refused
        return
    assert own.scenario_of(text, file.name, file.parent) == expected
    assert scenario.set(changes) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"traffic.growth_per_month": 0.05},
        {"tasks.faq.input_tokens": {"p50": 1, "p95": 2}},
        {"finance.people": []},
        {"policy.retries": 2, "policy.breaker": None},
        {"finance.people[0].fte": 2, "run.seed": 1},
        {"tasks.faq.accuracy.big": 0.5},
    ],
)
def test_changes_against_the_base_make_the_scenario(change: dict[str, Any]) -> None:
    base = loads(SMALL)
    changed = base.set(change)
    found = fields.changes(changed, base)
    assert found == change
    assert base.set(found) == changed


def test_a_removed_key_is_a_change_of_what_it_stood_in() -> None:
    base = loads(SMALL)
    tree = writing.without(base.to_dict(), ("strategies", "hybrid"))
    (path,) = fields.differences(tree, base.to_dict())
    assert path == "strategies"
    assert list(base.set(fields.differences(tree, base.to_dict())).strategies) == ["omni-only", "mini-only"]


def test_going_back_takes_along_what_was_made_for_the_field() -> None:
    base = loads(SMALL).to_dict()
    tree = paths.set_value(base, "traffic.sessions.turns_mean", 3)
    assert fields.back(tree, base, ("traffic", "sessions", "turns_mean")) == base
    tree = paths.set_value(base, "run.seed", 99)
    assert fields.back(tree, base, ("run", "seed")) == base


# -- the widgets -------------------------------------------------------------------------------------


def _page() -> None:
    import streamlit as st

    from app import forms
    from planner.scenario import loads

    memory = st.session_state
    base = loads(memory["text"])
    values = memory.setdefault("values", {})
    scenario, problems = forms.as_far_as_valid(base, values)
    moved = forms.is_moved("f")
    found = forms.form(scenario, base, section=memory["section"], key="f", problems=problems)
    if moved:
        memory["values"] = found
    memory["found"], memory["moved"] = found, moved


Start = Callable[..., AppTest]


@pytest.fixture
def start() -> Start:
    def run(section: str, text: str = SMALL) -> AppTest:
        app = AppTest.from_function(_page, default_timeout=60)
        app.session_state["text"], app.session_state["section"] = text, section
        app.run()
        assert not app.exception
        assert app.session_state["found"] == {}
        return app

    return run


def labelled(elements: Any, label: str) -> Any:
    (found,) = [one for one in elements if one.label.removeprefix("● ") == label]
    return found


def test_a_moved_number_is_a_change_that_is_marked_and_can_be_taken_back(start: Start) -> None:
    app = start("traffic")
    labelled(app.number_input, "Growth per month").set_value(0.05).run()
    assert app.session_state["values"] == {"traffic.growth_per_month": 0.05}
    assert "● Growth per month" in [one.label for one in app.number_input]
    assert "file\\: 0.02" in [one.value for one in app.caption]
    app.button(key="f~back traffic.growth_per_month").click().run()
    assert app.session_state["values"] == {}
    assert labelled(app.number_input, "Growth per month").value == 0.02
    assert "Growth per month" in [one.label for one in app.number_input]


def test_two_quick_moves_of_one_widget_keep_the_second(start: Start) -> None:
    app = start("traffic")
    for value in (0.05, 0.06, 0.07):
        labelled(app.number_input, "Growth per month").set_value(value).run()
        assert app.session_state["values"] == {"traffic.growth_per_month": value}


def test_undoing_elsewhere_fills_the_widget_anew(start: Start) -> None:
    app = start("traffic")
    labelled(app.number_input, "Growth per month").set_value(0.05).run()
    app.session_state["values"] = {}
    app.run()
    assert labelled(app.number_input, "Growth per month").value == 0.02
    assert app.session_state["values"] == {}
    app.session_state["values"] = {"traffic.growth_per_month": 0.09}
    app.run()
    assert labelled(app.number_input, "Growth per month").value == 0.09


def test_none_is_an_explicit_choice(start: Start) -> None:
    app = start("slo")
    assert labelled(app.number_input, "P95 latency (s)").value == 2.5
    app.checkbox(key="f:slo.p95_latency_s|off").check().run()
    assert app.session_state["values"] == {"slo.p95_latency_s": None}
    assert labelled(app.number_input, "P95 latency (s)").disabled
    app.checkbox(key="f:slo.p95_latency_s|off").uncheck().run()
    assert app.session_state["values"] == {}


def test_a_law_is_given_another_way(start: Start) -> None:
    app = start("tasks.faq")
    way = labelled(app.selectbox, "Input tokens")
    assert way.value == "fixed"
    way.set_value("quantiles").run()
    assert app.session_state["values"] == {}  # nothing is made up
    assert any("Give p50 and p95" in one.value for one in app.caption)
    labelled(app.number_input, "p50").set_value(400).run()
    labelled(app.number_input, "p95").set_value(900).run()
    assert app.session_state["values"] == {"tasks.faq.input_tokens": {"p50": 400, "p95": 900}}
    labelled(app.selectbox, "Input tokens").set_value("gamma").run()
    app.number_input(key="f:tasks.faq.input_tokens|gamma.cv").set_value(0.5).run()
    found = app.session_state["values"]["tasks.faq.input_tokens"]
    assert (found["cv"], found["kind"]) == (0.5, "gamma")
    mean = (
        loads(SMALL).set({"tasks.faq.input_tokens": {"p50": 400, "p95": 900}}).tasks["faq"].input_tokens.mean
    )
    assert found["mean"] == pytest.approx(mean)  # it begins at the mean of the law before


def test_what_a_row_cannot_say_is_written_in_yaml_and_a_mistake_in_it_is_told(start: Start) -> None:
    app = start("tasks.faq")
    labelled(app.selectbox, "Output tokens").set_value("yaml").run()
    field = app.text_input(key="f:tasks.faq.output_tokens|yaml.yaml")
    field.set_value("{empirical: [1, 2, 30]}").run()
    assert app.session_state["values"] == {"tasks.faq.output_tokens": {"empirical": [1, 2, 30]}}
    app.text_input(key="f:tasks.faq.output_tokens|yaml.yaml").set_value("{empirical: [1, 2").run()
    assert not app.exception
    assert any("not readable as YAML" in one.value for one in app.caption)


def test_a_problem_stands_at_its_field_and_the_refused_value_stays_to_be_mended(start: Start) -> None:
    app = start("policy", SMALL + "policy: {timeout_s: 30, deadline_s: 60}\n")
    labelled(app.number_input, "Deadline (s)").set_value(10).run()
    assert app.session_state["values"] == {"policy.deadline_s": 10}
    app.run()
    assert labelled(app.number_input, "Deadline (s)").value == 10
    red = [one.value for one in app.markdown if one.value.startswith(":red[")]
    assert len(red) == 1
    assert "policy.timeout\\_s, which is 30" in red[0]
    labelled(app.number_input, "Deadline (s)").set_value(45).run()
    app.run()
    assert app.session_state["values"] == {"policy.deadline_s": 45}
    assert not [one for one in app.markdown if one.value.startswith(":red[")]


def test_a_refused_value_leaves_those_that_were_taken_before(start: Start) -> None:
    app = start("policy", SMALL + "policy: {timeout_s: 30, deadline_s: 60, retries: 1}\n")
    labelled(app.number_input, "Retries").set_value(3).run()
    labelled(app.number_input, "Deadline (s)").set_value(10).run()
    both = {"policy.deadline_s": 10, "policy.retries": 3}
    for _ in range(3):  # nothing moves by itself
        assert app.session_state["values"] == both
        app.run()
        assert not app.session_state["moved"]
        assert app.session_state["found"] == both
    labelled(app.number_input, "Retries").set_value(2).run()
    assert app.session_state["values"] == {"policy.deadline_s": 10, "policy.retries": 2}
    app.button(key="f~back policy.deadline_s").click().run()
    assert app.session_state["values"] == {"policy.retries": 2}
    app.run()
    assert labelled(app.number_input, "Deadline (s)").value == 60


def test_an_open_bound_is_refused_with_the_words_of_the_language(start: Start) -> None:
    app = start("slo")
    labelled(app.number_input, "P95 latency (s)").set_value(0).run()
    app.run()
    (red,) = [one.value for one in app.markdown if one.value.startswith(":red[")]
    assert "got 0; allowed" in red.replace("\\", "")


def test_items_are_added_and_removed_and_nothing_is_made_up(start: Start) -> None:
    app = start("finance")
    app.selectbox(key="f~add finance").set_value("finance.people").run()
    add = app.button(key="f~add finance now")
    assert add.disabled
    app.text_input(key="f:finance.people.name|text.text").set_value("Tune").run()
    for field, value in (("fte", 0.2), ("usd_per_year", 100_000)):
        app.number_input(key=f"f:finance.people.{field}|number.value").set_value(value).run()
    app.button(key="f~add finance now").click().run()
    run = {"name": "Run", "fte": 0.1, "usd_per_year": 120000}
    tune = {"name": "Tune", "fte": 0.2, "usd_per_year": 100000}
    assert app.session_state["values"] == {"finance.people": [run, tune]}
    app.number_input(key="f:finance.people[1].fte|number.value").set_value(0.3).run()
    assert app.session_state["values"] == {"finance.people": [run, {**tune, "fte": 0.3}]}
    app.button(key="f~remove finance.people[0]").click().run()
    left = loads(SMALL).set(app.session_state["values"]).to_dict()["finance"]["people"]
    assert left == [{**tune, "fte": 0.3}]
    assert app.text_input(key="f:finance.people[0].name|text.text").value == "Tune"


def test_a_task_is_added_and_removed(start: Start) -> None:
    app = start("tasks", SMALL.replace("share: 0.7, ", "").replace("share: 0.3, ", ""))
    app.selectbox(key="f~add tasks").set_value("tasks").run()
    app.text_input(key="f:tasks.NAME|text.text").set_value("third").run()
    app.button(key="f~add tasks now").click().run()
    assert app.session_state["values"] == {"tasks.third": {}}
    app.pills[0].set_value("third").run() if hasattr(app, "pills") else app.button_group[0].set_value(
        ["third"]
    ).run()
    app.button(key="f~remove tasks.third").click().run()
    assert app.session_state["values"] == {}


def test_few_other_fields_are_drawn_on_demand_and_many_are_looked_for(start: Start) -> None:
    app = start("run")
    assert len(app.number_input) == 3
    app.toggle(key="f~more run").set_value(True).run()
    assert "Max in flight (requests)" in [one.label for one in app.number_input]
    labelled(app.number_input, "Max in flight (requests)").set_value(5000).run()
    assert app.session_state["values"] == {"run.max_in_flight": 5000}
    app = start("deployments.omni")
    drawn = len(app.number_input)
    app.multiselect(key="f~more deployments.omni").set_value(["deployments.omni.policy.timeout_s"]).run()
    assert len(app.number_input) == drawn + 1
    labelled(app.number_input, "Policy, timeout (s)").set_value(12).run()
    assert app.session_state["values"] == {"deployments.omni.policy.timeout_s": 12}
    app.run()
    assert not app.exception
    assert labelled(app.number_input, "Policy, timeout (s)").value == 12


@pytest.mark.parametrize("section", fields.sections())
def test_every_section_is_drawn_with_all_its_fields(start: Start, section: str) -> None:
    app = start(section, FILES[0].read_text(encoding="utf-8"))
    for toggle in app.toggle:
        if toggle.label.startswith("More fields"):
            toggle.set_value(True)
    for search in app.multiselect:
        if search.label.startswith("More fields"):
            search.set_value([option for option in fields_of(section)])
    app.run()
    assert not app.exception
    assert app.session_state["found"] == {}


def fields_of(section: str) -> list[str]:
    """The fields of the block that is shown first which do not stand in the file."""
    tree = scenario_of(FILES[0]).to_dict()
    block: Block = fields.block(tree, tree, section)
    while block.of_map and block.blocks:
        block = block.blocks[0]
    return [field.name for field in block.rest]
