"""Sizes from a pasted prompt and answer: medians by hand, the spread unchanged, and what is refused."""

import math
import statistics
from typing import Any

import numpy as np
import pytest
from scipy import stats

import planner
from planner.counting import count_tokens
from planner.errors import ScenarioError
from planner.experiments.pasted import median_of, model_counted_for, resized, sizes_of
from planner.scenario import loads
from planner.scenario.laws import parse_law
from tests.app.library import RECORDING, SMALL

LAWS = [
    {"exponential_mean": 300},
    {"p50": 420, "p95": 1600},
    {"mean": 500, "cv": 0.8},
    {"mean": 500, "cv": 0.8, "kind": "gamma"},
    {
        "mixture": [
            {"weight": 0.7, "law": {"p50": 200, "p95": 500}},
            {"weight": 0.3, "law": {"exponential_mean": 2000}},
        ]
    },
    {
        "mixture": [
            {"weight": 0.6, "law": 100},
            {"weight": 0.4, "law": {"mean": 900, "cv": 0.5, "kind": "gamma"}},
        ]
    },
]


def drawn(form: Any, n: int = 200_000) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Draws of a law by NumPy's own generators, written down independently of the planner."""
    rng = np.random.default_rng(5)
    if isinstance(form, int | float):
        return np.full(n, float(form))
    if "exponential_mean" in form:
        return rng.exponential(form["exponential_mean"], n)
    if "p50" in form:
        return form["p50"] * np.exp(
            math.log(form["p95"] / form["p50"]) / 1.6448536269514722 * rng.standard_normal(n)
        )
    if "mixture" in form:
        parts = [drawn(part["law"], n) for part in form["mixture"]]
        which = rng.choice(len(parts), n, p=[part["weight"] for part in form["mixture"]])
        return np.choose(which, parts)
    if form.get("kind") == "gamma":
        return rng.gamma(form["cv"] ** -2, form["mean"] * form["cv"] ** 2, n)
    sigma = math.sqrt(math.log(1 + form["cv"] ** 2))
    return form["mean"] * np.exp(sigma * rng.standard_normal(n) - sigma**2 / 2)


@pytest.mark.parametrize("form", LAWS, ids=str)
def test_the_median_of_a_law_is_that_of_its_draws(form: Any) -> None:
    assert median_of(parse_law(form)) == pytest.approx(float(np.median(drawn(form))), rel=0.02)


@pytest.mark.parametrize("form", LAWS, ids=str)
def test_a_resized_law_has_the_wanted_median_and_the_same_spread(form: Any) -> None:
    new = resized(parse_law(form), 1234)
    assert median_of(parse_law(new)) == pytest.approx(1234, rel=1e-5)
    before, after = drawn(form), drawn(new)
    assert float(np.median(after)) == pytest.approx(1234, rel=0.02)
    for share in (5, 25, 75, 95):
        ratio = np.percentile(before, share) / np.median(before)
        assert np.percentile(after, share) / np.median(after) == pytest.approx(ratio, rel=1e-4)


def test_the_median_of_a_gamma_law_is_the_one_of_scipy() -> None:
    law = parse_law({"mean": 500, "cv": 0.8, "kind": "gamma"})
    assert median_of(law) == pytest.approx(stats.gamma.median(0.8**-2, scale=500 * 0.8**2), rel=1e-12)


def test_a_fixed_size_becomes_the_count() -> None:
    assert resized(parse_law(500), 80) == 80
    assert resized(parse_law({"fixed": 500}), 80) == 80


SPREAD = SMALL.replace("input_tokens: 500", "input_tokens: {p50: 500, p95: 2000}").replace(
    "output_tokens: 120",
    "output_tokens: {mean: 130, cv: 1}, max_output_tokens: 300, shared_prefix_tokens: 50",
)


def test_a_pasted_prompt_and_answer_become_medians_by_hand() -> None:
    scenario = loads(SPREAD)
    found = sizes_of(
        scenario, "faq", prompt="hello world " * 125, answer="hello world " * 100, instructions="2 + 2 = 4"
    )
    # "hello world hello world ... ": two tokens a pair and one for the blank at the end
    assert {name: one.tokens for name, one in found.counted.items()} == {
        "shared_prefix_tokens": 7, "input_tokens": 251, "output_tokens": 201,
    }  # fmt: skip
    # A lognormal with cv 1 has its mean at sqrt(1 + 1) times its median.
    assert found.changes == {
        "tasks.faq.shared_prefix_tokens": 7,
        "tasks.faq.input_tokens": {"p50": 251, "p95": 1004},
        "tasks.faq.output_tokens": {"mean": pytest.approx(201 * math.sqrt(2), rel=1e-5), "cv": 1},
    }
    assert len(found.words) == 3
    assert found.notices == ()
    changed = scenario.set(dict(found.changes)).tasks["faq"]
    assert changed.shared_prefix_tokens == 7
    assert median_of(changed.input_tokens) == pytest.approx(251)
    assert changed.output_tokens.mean / median_of(changed.output_tokens) == pytest.approx(
        math.sqrt(2), rel=1e-5
    )


def test_changes_are_met_by_the_simulated_requests() -> None:
    scenario = loads(SPREAD)
    found = sizes_of(scenario, "faq", prompt="hello world " * 125, answer="")
    changed = scenario.set({**found.changes, "tasks.faq.share": 1, "tasks.hard.share": 0})
    sent = planner.simulate(changed, "omni-only", requests=4000).attempts["input_tokens"]
    assert statistics.median(sent) == pytest.approx(251 + 50, rel=0.05)  # the system prompt stands in front
    assert np.percentile(sent - 50, 95) / statistics.median(sent - 50) == pytest.approx(4, rel=0.1)


def test_an_empty_text_leaves_its_size_as_it_is() -> None:
    found = sizes_of(loads(SPREAD), "faq", prompt="", answer="hi")
    assert set(found.changes) == {"tasks.faq.output_tokens"}
    assert sizes_of(loads(SPREAD), "faq", prompt="", answer="").changes == {}


def test_an_answer_longer_than_its_cap_and_a_prompt_behind_instructions_are_pointed_out() -> None:
    found = sizes_of(loads(SPREAD), "faq", prompt="hi", answer="word " * 400)
    cap, instructions = found.notices
    assert cap.startswith("The answer has 401 tokens; this task cuts answers at max_output_tokens = 300")
    assert "system prompt of 50 tokens stands in front" in instructions


def test_texts_are_counted_for_the_first_omni_deployments_model() -> None:
    scenario = planner.load("scenarios/support-chatbot.yaml")
    model = model_counted_for(scenario)
    assert model == scenario.deployments[scenario.strategy("omni-only").omni[0][0]].model
    found = sizes_of(scenario, next(iter(scenario.tasks)), prompt="お誕生日おめでとう", answer="")
    assert found.counted["input_tokens"] == count_tokens("お誕生日おめでとう", model)


@pytest.mark.parametrize(
    ("text", "task", "said"),
    [
        (SMALL, "fax", "one of faq, hard"),
        (RECORDING, "chat", "come from the recording"),
        (SMALL.replace("input_tokens: 500", "input_tokens: {empirical: [1, 2, 3]}"), "faq", "a list of measured ones"),
        (
            SMALL.replace("input_tokens: 500", "input_tokens: {mixture: [{weight: 0.6, law: 0}, {weight: 0.4, law: 9}]}"),
            "faq",
            "more than half of the sizes are 0",
        ),
    ],
)  # fmt: skip
def test_where_no_text_can_stand_for_the_sizes_it_is_said_why(text: str, task: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        sizes_of(loads(text), task, prompt="hello", answer="hello")


def test_a_prompt_that_fits_no_window_is_refused_with_the_scenarios_own_problem() -> None:
    scenario = planner.load({
        "name": "Small window", "traffic": {"requests_per_month": 1000}, "tasks": {"a": {}},
        "deployments": {"x": {"model": "gpt-4-0613", "provider": "openai"}}, "strategies": {"s": {"omni": ["x"]}},
        "finance": {"horizon_months": 1}, "start": "2024-01-01",
    })  # fmt: skip
    with pytest.raises(ScenarioError):
        sizes_of(scenario, "a", prompt="word " * 20_000, answer="")
