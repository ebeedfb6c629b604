"""Whether a score reaches a threshold: the short way against the scores themselves."""

from dataclasses import replace

import numpy as np
import pytest

from planner.routing import scores
from planner.routing.scores import DOUBT, reach, router_scores
from planner.scenario.fields import Scenario
from planner.workload.requests import from_frame, generate
from planner.workload.windows import plan_windows

ALIKE = {
    "a": {"share": 0.6, "difficulty": {"mean": -1, "sd": 0.5}},
    "b": {"share": 0.3, "difficulty": {"mean": 2, "sd": 1.5}},
    "c": {"share": 0.1, "difficulty": {"mean": 0.5, "sd": 0.8}},
}
FAR_APART = {
    "a": {"share": 0.5, "difficulty": {"mean": -20, "sd": 20}},
    "b": {"share": 0.5, "difficulty": {"mean": 0, "sd": 0.001}},
}
RARE = {
    "a": {"share": 0.999999, "difficulty": {"mean": 0, "sd": 0.2}},
    "b": {"share": 0.000001, "difficulty": {"mean": 9, "sd": 0.2}},
}


def scenario(tasks: dict) -> Scenario:
    sizes = {"input_tokens": 10, "output_tokens": 10}
    return Scenario.model_validate(
        {
            "name": "scores",
            "traffic": {"requests_per_month": 40_000 * 730.5},
            "tasks": {name: {**sizes, **task} for name, task in tasks.items()},
            "models": {"m": {}},
            "deployments": {"d": {"model": "m", "latency": {"total_s": 1}}},
            "strategies": {
                "both": {"omni": ["d"], "mini": ["d"], "router": {"kind": "threshold", "omni_share": 0.5}}
            },
            "finance": {"horizon_months": 1},
        }
    )


@pytest.mark.parametrize("tasks", [ALIKE, FAR_APART, RARE], ids=["alike", "far apart", "a rare one"])
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.97, 1.0])
def test_what_reaches_a_threshold_is_what_scores_at_least_that(tasks, rho):
    found = scenario(tasks)
    window = plan_windows(found)[0]
    requests = generate(found, window)
    scored = router_scores(found, requests, window.index, rho)
    own = np.sort(scored)[
        [5, len(scored) // 3, -7]
    ]  # scores that are met exactly, of which one reaches itself
    for threshold in (-np.inf, 0.0, 1e-9, 0.0004, 0.002, 0.25, 0.75, 0.999, 1.0, np.inf, *own):
        expected = scored >= threshold
        assert np.array_equal(reach(found, requests, window.index, rho, float(threshold)), expected), (
            threshold
        )


def test_the_table_is_nearer_to_ranks_than_what_it_leaves_in_doubt():
    mixture = scores._mixture(scenario(ALIKE))
    table = scores._table(mixture)
    assert table is not None
    first, step, ranks = table
    difficulty = np.random.default_rng(3).uniform(first, first + step * (len(ranks) - 1), 200_000)
    exact = scores._ranks(np.array(mixture), difficulty)
    line = np.interp(difficulty, first + step * np.arange(len(ranks)), ranks)
    used = np.abs(line) < 6
    assert np.abs(line - exact)[used].max() < DOUBT / 10
    assert used.mean() > 0.5


def test_tasks_of_very_different_spread_have_no_table():
    assert scores._table(scores._mixture(scenario(FAR_APART))) is None


def test_scores_given_to_generated_requests_are_held_against_the_threshold_too() -> None:
    """As an oracle does."""
    found = scenario(ALIKE)
    window = plan_windows(found)[0]
    requests = generate(found, window)
    given = np.where(np.arange(requests.n) % 3 == 0, np.arange(requests.n) % 2, np.nan)
    changed = replace(requests, router_score=given)
    expected = router_scores(found, changed, window.index, 0.6) >= 0.5
    assert np.array_equal(reach(found, changed, window.index, 0.6, 0.5), expected)
    assert not np.array_equal(expected, reach(found, requests, window.index, 0.6, 0.5))


def test_recorded_scores_are_held_against_the_threshold_as_they_are():
    found = scenario(ALIKE)
    rows = [
        {"arrival_s": i, "input_tokens": 9, "output_tokens": 9, "router_score": i / 10} for i in range(10)
    ]
    assert reach(found, from_frame(found, rows), 0, 0.6, 0.5).tolist() == [False] * 5 + [True] * 5
