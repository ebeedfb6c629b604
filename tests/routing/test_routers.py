"""Routers: rules before the router, thresholds that give the wanted share, recorded scores as recorded."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from planner.routing import decide
from planner.routing.scores import router_scores
from planner.scenario.fields import Scenario
from planner.tables import MINI, OMNI, RULE
from planner.workload.requests import generate
from planner.workload.windows import plan_windows

SIGMAS = 5.0


def scenario(
    strategy: dict[str, Any], tasks: dict[str, Any] | None = None, traffic: dict[str, Any] | None = None
) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "routing",
            "traffic": traffic or {"requests_per_month": 20_000 * 730.5},
            "tasks": tasks or {"ask": {"input_tokens": 100, "output_tokens": 10}},
            "models": {"m": {"modalities": ["text", "vision"], "image_tokens": 100}},
            "deployments": {
                name: {"model": "m", "latency": {"total_s": 1}} for name in ("big", "small", "home")
            },
            "strategies": {"s": {"omni": ["big"], "mini": ["small"], **strategy}},
            "finance": {"horizon_months": 1},
        }
    )


def routed(found: Scenario):
    window = plan_windows(found)[0]
    requests = generate(found, window)
    return requests, decide(found, "s", requests, window.index)


def tiers(routing) -> np.ndarray:
    return np.array([routing.routes[index].tier for index in routing.route])


def off_by(share: float, expected: float, n: int) -> float:
    return abs(share - expected) / math.sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.8])
def test_wanted_omni_share_is_met(share):
    requests, routing = routed(scenario({"router": {"kind": "threshold", "omni_share": share}}))
    assert off_by(np.mean(tiers(routing) == OMNI), share, requests.n) < SIGMAS


@pytest.mark.parametrize(("share", "tier"), [(0, MINI), (1, OMNI)])
def test_shares_of_none_and_all_are_exact(share, tier):
    _, routing = routed(scenario({"router": {"kind": "threshold", "omni_share": share}}))
    assert set(tiers(routing)) == {tier}


def test_omni_share_is_of_the_requests_that_reach_the_router():
    """A rule takes the hard task away; of the rest the wanted quarter goes to omni all the same."""
    tasks = {
        "easy": {"share": 0.6, "input_tokens": 100, "output_tokens": 10, "difficulty": {"mean": -1}},
        "hard": {"share": 0.4, "input_tokens": 100, "output_tokens": 10, "difficulty": {"mean": 2}},
    }
    strategy = {
        "router": {"kind": "threshold", "omni_share": 0.25},
        "rules": [{"when": {"task": "hard"}, "to": "omni"}],
    }
    requests, routing = routed(scenario(strategy, tasks))
    easy = requests.task == 0
    assert set(tiers(routing)[~easy]) == {OMNI}
    # The threshold itself rests on a sample of 12,000 or so: twice the variance of the share alone.
    assert off_by(np.mean(tiers(routing)[easy] == OMNI), 0.25, int(easy.sum())) < SIGMAS * 1.5
    assert np.array_equal(routing.asked, easy)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_score_correlation_is_spearmans(rho):
    """The sample rank correlation of n pairs has a standard error of about (1 - rho^2) 1.06 / sqrt(n)."""
    found = scenario({})
    window = plan_windows(found)[0]
    requests = generate(found, window)
    scores = router_scores(found, requests, window.index, rho)
    measured = stats.spearmanr(scores, requests.difficulty).statistic
    assert abs(measured - rho) < SIGMAS * 1.2 * (1 - rho * rho + 0.02) / math.sqrt(requests.n)


def test_scores_are_uniform_over_the_whole_mix():
    tasks = {
        "a": {"share": 0.7, "difficulty": {"mean": -1, "sd": 0.5}},
        "b": {"share": 0.3, "difficulty": {"mean": 2, "sd": 1.5}},
    }
    found = scenario({}, tasks)
    window = plan_windows(found)[0]
    requests = generate(found, window)
    p_value = stats.kstest(router_scores(found, requests, window.index, 0.6), "uniform").pvalue
    assert p_value > 1e-7


def test_first_matching_rule_decides_and_the_router_is_not_asked():
    tasks = {
        "text": {"share": 0.5, "input_tokens": {"p50": 100, "p95": 400}, "sensitive": 0.3},
        "photo": {
            "share": 0.5,
            "modalities": ["text", "vision"],
            "images": [{"width_px": 10, "height_px": 10}],
        },
    }
    rules = [
        {"when": {"sensitive": True}, "to": ["home"]},
        {"when": {"modality": "vision"}, "to": "omni"},
        {"when": {"context_tokens_over": 250}, "to": "omni"},
    ]
    requests, routing = routed(
        scenario({"rules": rules, "router": {"kind": "threshold", "omni_share": 0}}, tasks)
    )
    found = tiers(routing)
    private, photo, long = requests.sensitive, requests.task == 1, requests.input_tokens > 250
    assert set(found[private]) == {RULE}
    assert {routing.groups[routing.routes[index].group].chain for index in routing.route[private]} == {
        ("home",)
    }
    assert set(found[~private & (photo | long)]) == {OMNI}
    assert set(found[~private & ~photo & ~long]) == {MINI}
    assert np.array_equal(routing.asked, ~private & ~photo & ~long)


def recording(scores: list[float]) -> dict[str, Any]:
    rows = [
        {"arrival_s": float(i), "input_tokens": 10, "output_tokens": 5, "router_score": score}
        for i, score in enumerate(scores)
    ]
    return {"trace": {"rows": rows}}


def test_recorded_scores_go_to_omni_at_or_above_a_fixed_threshold():
    found = scenario(
        {"router": {"kind": "threshold", "threshold": 0.365}}, traffic=recording([0.1, 0.364, 0.365, 0.9])
    )
    _, routing = routed(found)
    assert tiers(routing).tolist() == [MINI, MINI, OMNI, OMNI]


def test_a_share_of_recorded_scores_is_their_own_interpolated_quantile():
    """Scores 0, 1, 2, 3, 4 and a wanted share of 0.4: the 0.6 quantile is 2.4, so 3 and 4 go to omni."""
    found = scenario(
        {"router": {"kind": "threshold", "omni_share": 0.4}}, traffic=recording([3.0, 0.0, 4.0, 1.0, 2.0])
    )
    _, routing = routed(found)
    assert routing.threshold == pytest.approx(2.4)
    assert tiers(routing).tolist() == [OMNI, MINI, OMNI, MINI, MINI]


def test_one_tier_takes_everything():
    found = scenario({"mini": None, "router": None})
    _, routing = routed(found)
    assert set(tiers(routing)) == {OMNI}
    assert not routing.asked.any()


def test_both_tiers_without_a_router_get_the_documented_default():
    found = scenario({})
    router = found.strategy("s").router
    assert (router.kind, router.omni_share, router.score_correlation) == ("threshold", 0.25, 0.6)
