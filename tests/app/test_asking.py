"""The inputs in the body of the page: other models, users, sizes, errors; what is wrong is told at the input."""

import doctest
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import asking, inputs, state, text
from planner.scenario import loads
from planner.scenario.picking import picked

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
CHAT = """
name: Chat
question: Which?
start: 2027-01-01
traffic: {requests_per_month: 300000}
tasks:
  faq: {share: 0.7, input_tokens: {p50: 400, p95: 1600}, output_tokens: 100, accuracy: {gpt-5.6: 0.9, gpt-5.6-luna: 0.8}, cost_of_wrong_answer_usd: 0.1}
  hard: {share: 0.3, input_tokens: {mean: 900, cv: 1}, output_tokens: 300, accuracy: {gpt-5.6: 0.8, gpt-5.6-luna: 0.6}, cost_of_wrong_answer_usd: 0.2}
deployments:
  omni: {model: gpt-5.6, provider: openai}
  mini: {model: gpt-5.6-luna, provider: openai}
strategies:
  omni-only: {omni: [omni]}
  hybrid: {omni: [omni], mini: [mini], router: {kind: threshold, omni_share: 0.25}}
finance: {horizon_months: 12}
run: {seed: 3, replications: 3, window_s: 120}
"""
Start = Callable[..., AppTest]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The app on a library of one scenario of the catalogue's models."""
    (tmp_path / "chat.yaml").write_text(CHAT, encoding="utf-8")
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(tmp_path))

    def run(**params: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return run


def totals(app: AppTest) -> list[str]:
    assert not app.exception
    return [metric.value for metric in app.metric]


def expected(scenario: planner.Scenario) -> list[str]:
    found = planner.compare(scenario)
    money = found.money.set_index(["strategy", "measure"])["value"]
    return [text.amount(money[name, "economic_tco_total_usd"]) for name in found.scenario.strategies]


def test_claude_and_haiku_are_picked_and_billed(start: Start) -> None:
    app = start()
    assert totals(app) == expected(loads(CHAT))
    offered = app.selectbox(key="in:omni").options
    assert offered[0].startswith("gpt-5.6 · openai · ")
    assert any(words.startswith("claude-opus-5-5 · anthropic · ") for words in offered[:5])
    app.selectbox(key="in:omni").set_value("claude-opus-5-5@anthropic").run()
    app.selectbox(key="in:mini").set_value("claude-haiku-5-5@anthropic").run()
    assert app.query_params["omni"] == "claude-opus-5-5@anthropic"
    assert app.query_params["mini"] == "claude-haiku-5-5@anthropic"
    picks = {"omni": "claude-opus-5-5@anthropic", "mini": "claude-haiku-5-5@anthropic"}
    found = picked(loads(CHAT), picks)
    assert totals(app) == expected(found.scenario)
    said = " ".join(one.value for one in app.caption)
    assert all(text.markdown(notice) in said for notice in found.notices)
    assert totals(start(**app.query_params)) == totals(app)


def test_a_model_that_retires_within_the_horizon_is_not_offered_and_a_link_to_it_says_why(
    start: Start,
) -> None:
    app = start(omni="gpt-5.1@openai")
    assert not app.exception
    assert any("omni was ignored" in one.value and "2027-04-01" in one.value for one in app.warning)
    assert totals(app) == expected(loads(CHAT))
    assert not any(words.startswith("gpt-5.1 ·") for words in app.selectbox(key="in:omni").options)


def test_users_are_typed_where_the_scenario_counts_requests(start: Start) -> None:
    app = start()
    app.button(key="other unit").click().run()
    assert app.number_input(key=f"in:{inputs.USERS}").value == 9860  # 300,000 / 30.4375, three digits
    app.number_input(key=f"in:{inputs.USERS}").set_value(5000).run()
    assert app.query_params[inputs.REQUESTS] == "null"
    assert app.query_params[inputs.USERS] == "5000"
    by_hand = loads(CHAT.replace("requests_per_month: 300000", "users: {active_per_day: 5000}"))
    assert totals(app) == expected(by_hand)
    app.button(key="other unit").click().run()
    assert app.number_input(key=f"in:{inputs.REQUESTS}").value == 152_000  # 5,000 x 30.4375
    assert inputs.USERS not in app.query_params


def test_sizes_keep_their_spread_and_are_of_the_task_that_is_shown(start: Start) -> None:
    app = start()
    app.number_input(key="in:tasks.faq.input_tokens").set_value(800).run()
    assert app.query_params["tasks.faq.input_tokens"] == "{p50: 800, p95: 3200}"
    app.selectbox(key=asking.TASK).set_value("hard").run()
    app.number_input(key="in:tasks.hard.input_tokens").set_value(450).run()
    app.number_input(key="in:tasks.hard.cost_of_wrong_answer_usd").set_value(0.5).run()
    assert app.query_params["tasks.hard.input_tokens"] == "{mean: 450, cv: 1}"
    by_hand = loads(CHAT).set(
        {
            "tasks.faq.input_tokens": {"p50": 800, "p95": 3200},
            "tasks.hard.input_tokens": {"mean": 450, "cv": 1},
            "tasks.hard.cost_of_wrong_answer_usd": 0.5,
        }
    )
    assert totals(app) == expected(by_hand)
    app.button(key="back:tasks.hard.input_tokens").click().run()
    assert app.number_input(key="in:tasks.hard.input_tokens").value == 900


def test_what_is_wrong_is_told_at_the_input_that_was_changed(start: Start) -> None:
    fixed = start(**{"tasks.faq.input_tokens": "400"})
    fixed.number_input(key="in:tasks.faq.input_tokens").set_value(5_000_000).run()
    assert not fixed.exception
    assert "no deployment here takes prompts of 5000000 tokens" in fixed.error[0].value
    assert "nothing was run" in fixed.error[-1].value
    fixed.number_input(key="in:tasks.faq.input_tokens").set_value(500).run()
    assert totals(fixed) == expected(loads(CHAT).set({"tasks.faq.input_tokens": 500}))


def test_an_unknown_model_in_a_link_is_ignored_with_the_nearest_name(start: Start) -> None:
    app = start(omni="claude-opus-55@anthropic")
    assert any("omni was ignored" in one.value and "did you mean" in one.value for one in app.warning)
    assert totals(app) == expected(loads(CHAT))


def test_every_other_field_is_folded_by_section_and_changed_there(start: Start) -> None:
    app = start()
    app.session_state["all others"] = True
    app.run()
    assert not app.exception
    app.pills(key=f"{asking.FORM}~section").set_value("finance").run()
    field = next(one for one in app.number_input if "horizon" in one.label.lower())
    field.set_value(24).run()
    assert app.query_params["finance.horizon_months"] == "24"
    assert totals(app) == expected(loads(CHAT).set({"finance.horizon_months": 24}))
    app.button(key="undo").click().run()
    assert "finance.horizon_months" not in app.query_params
    assert totals(app) == expected(loads(CHAT))


@pytest.mark.parametrize("half", ["traffic.requests_per_month", "traffic.users.active_per_day"])
def test_the_way_back_of_either_half_of_a_changed_unit_takes_both(start: Start, half: str) -> None:
    """One half alone (no volume at all, or two) would be refused, and nothing be shown."""
    as_in_file = totals(start())
    app = start(**{"traffic.requests_per_month": "null", "traffic.users.active_per_day": "5000"})
    assert totals(app) != as_in_file
    app.button(key=f"back:{half}").click().run()
    assert not app.error
    assert totals(app) == as_in_file


def test_the_steps_of_a_volume_are_those_of_what_it_is() -> None:
    """5,000 users are no matter of a hundred thousand, though the file counts requests."""
    scenario = loads(CHAT)
    values = {inputs.REQUESTS: None, inputs.USERS: 5000}
    volume = next(one for one in inputs.inputs(scenario, values) if one.name == inputs.USERS)
    assert volume.step == 100
    volume = next(one for one in inputs.inputs(scenario) if one.name == inputs.REQUESTS)
    assert volume.step == 10_000


def test_the_page_stays_in_its_place_when_an_input_is_changed_first(start: Start) -> None:
    """What moves up or down by a place is drawn twice, old and new, for as long as the run lasts."""

    def places(app: AppTest) -> list[str]:
        found = [(index, node) for index, node in app.main.children.items()]
        return [f"{index} {node.type}" for index, node in found if node.type != "unknown"][: len(found) - 1]

    app = start()
    before = places(app)
    app.slider(key="in:strategies.hybrid.router.omni_share").set_value(0.3).run()
    assert not app.exception
    after = places(app)
    assert len(before) > 10
    assert after == before


def test_the_examples_in_the_text_hold() -> None:
    found = doctest.testmod(inputs)
    assert found.attempted > 0
    assert found.failed == 0
