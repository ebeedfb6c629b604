"""What a pocket calculator knows: means of laws under caps, of conversations and recordings, and who is asked first."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import stats

from planner.finance.pocket import Pocket, earlier_turns, mean_below
from planner.scenario.fields import Scenario
from planner.scenario.laws import parse_law
from tests.finance.plans import OMNI, scenario

D = Decimal
MINI = "gpt-4o-mini-2024-07-18"
MODELS = {"omni": OMNI, "mini": MINI}
TWO = {
    "omni": {"model": OMNI, "provider": "openai"},
    "mini": {"model": MINI, "provider": "openai"},
}


def two(**strategy: Any) -> Scenario:
    given = {"omni": ["omni"], "mini": ["mini"]} | strategy
    return scenario(deployments=TWO, strategies={"omni-only": given})


def first(plan: Scenario, task: str = "faq") -> dict[str, Decimal]:
    return Pocket(plan, "omni-only").first(task, MODELS)


# -- means under a cap -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "tail"),
    [
        ({"p50": 100, "p95": 400}, stats.lognorm(s=math.log(4) / stats.norm.ppf(0.95), scale=100).sf),
        ({"mean": 100, "cv": 0.7, "kind": "gamma"}, stats.gamma(a=1 / 0.49, scale=49).sf),
        ({"exponential_mean": 100}, stats.expon(scale=100).sf),
        ({"mixture": [{"weight": 0.25, "law": 50}, {"weight": 0.75, "law": {"exponential_mean": 100}}]},
         lambda x: 0.25 * (x < 50) + 0.75 * np.exp(-x / 100)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cap", [20.0, 120.0, 900.0])
def test_the_mean_under_a_cap_is_the_area_under_the_tail_up_to_it(law: Any, tail: Any, cap: float) -> None:
    middles = (np.arange(200_000) + 0.5) * cap / 200_000
    area = float(np.mean(tail(middles))) * cap
    assert mean_below(parse_law(law), cap) == pytest.approx(area, rel=2e-5)


def test_a_list_of_values_is_cut_value_by_value() -> None:
    assert mean_below(parse_law({"empirical": [10, 20, 60]}), 30) == 20.0
    assert mean_below(parse_law({"empirical": [10, 20, 60]}), 90) == 30.0


def test_a_cap_far_away_changes_no_mean() -> None:
    for law in ({"p50": 100, "p95": 400}, {"mean": 100, "cv": 2.0, "kind": "gamma"}, {"exponential_mean": 9}):
        assert mean_below(parse_law(law), 1e9) == pytest.approx(parse_law(law).mean, rel=1e-9)


def test_sizes_are_the_prefix_and_the_laws_mean_by_the_models_factors() -> None:
    plan = scenario(
        tasks__faq={"shared_prefix_tokens": 100, "input_tokens": 400, "output_tokens": {"exponential_mean": 200}, "max_output_tokens": 150},
        models={OMNI: {"input_token_factor": 1.2, "output_token_factor": 1.5, "max_output_tokens": 1000}},
    )  # fmt: skip
    found = Pocket(plan, "omni-only").sizes("faq", "omni", {"omni": OMNI})
    assert found.plain == {"input": D("600.000000"), "output": D("300.000000")}
    # of an exponential answer with mean 300 under a cap of 150 is left 300 (1 - exp(-1/2)) = 118.040802
    assert found.cut == {"output": D("118.040802") - 300}
    assert found.resent == {}
    assert found.all("output") == Fraction(D("118.040802"))


def test_images_and_speech_are_meters_of_their_own() -> None:
    plan = scenario(
        tasks__faq={"modalities": ["text", "vision"], "images": [{"width_px": 512, "height_px": 512}] * 2, "input_tokens": 50, "output_tokens": 20}
    )  # fmt: skip
    found = Pocket(plan, "omni-only").sizes("faq", "omni", {"omni": OMNI})
    assert found.plain == {"input": D(50), "output": D(20), "image": D(2 * (85 + 170))}


# -- conversations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [1.5, 2.0, 3.5])
def test_geometric_turns_have_their_mean_less_one_before_them(mean: float) -> None:
    """E[T (T - 1)] / (2 E[T]) = p / (1 - p) = mean - 1 for a geometric law; 64 turns are far away."""
    assert earlier_turns(mean) == pytest.approx(mean - 1, rel=1e-6)


def test_resent_context_is_what_was_said_before_answers_cut() -> None:
    plan = scenario(
        tasks__faq={"shared_prefix_tokens": 100, "input_tokens": 400, "output_tokens": 200, "max_output_tokens": 150},
        traffic__sessions={"turns_mean": 2},
    )  # fmt: skip
    found = Pocket(plan, "omni-only").sizes("faq", "omni", {"omni": OMNI})
    assert found.resent == {
        "input": D("550.000000")
    }  # one turn before: 400 and 150, the prefix once in every turn
    alone = plan.set({"traffic.sessions.context": "none"})
    assert Pocket(alone, "omni-only").sizes("faq", "omni", {"omni": OMNI}).resent == {}


# -- recordings ------------------------------------------------------------------------------------


def test_a_recording_has_means_of_its_own_rows() -> None:
    rows = [
        {"arrival_s": 0, "input_tokens": 100, "output_tokens": 10},
        {"arrival_s": 1, "input_tokens": 300, "output_tokens": 50},
    ]
    plan = scenario(tasks__faq={"max_output_tokens": 20}, traffic={"trace": {"rows": rows}})
    found = Pocket(plan, "omni-only").sizes("faq", "omni", {"omni": OMNI})
    assert found.plain == {"input": D(200), "output": D(30)}
    assert found.cut == {"output": D(-15)}  # 10 and 20 are left


# -- who is asked first ----------------------------------------------------------------------------


def test_the_router_takes_its_wanted_share() -> None:
    assert first(two(router={"kind": "threshold", "omni_share": 0.3})) == {"omni": D("0.3"), "mini": D("0.7")}
    assert first(two(router={"kind": "threshold", "threshold": 0.6})) == {"omni": D("0.4"), "mini": D("0.6")}


def test_a_cascade_asks_mini_first() -> None:
    verifier = {"model": MINI, "provider": "openai"}
    assert first(two(router={"kind": "cascade", "verifier": verifier})) == {"mini": D(1)}


def test_rules_take_their_requests_before_the_router() -> None:
    plan = two(
        router={"kind": "threshold", "omni_share": 0.5}, rules=[{"when": {"task": "faq"}, "to": "mini"}]
    )
    assert first(plan) == {"mini": D(1)}
    plan = plan.set({"tasks.other": {}})
    assert first(plan, "other") == {"omni": D("0.5"), "mini": D("0.5")}


def test_a_rule_for_private_data_takes_the_tasks_private_share() -> None:
    plan = two(router={"kind": "threshold", "omni_share": 0}, rules=[{"when": {"sensitive": True}, "to": ["omni"]}])  # fmt: skip
    plan = plan.set({"tasks.faq.sensitive": 0.25})
    found = first(plan)
    assert sum(found.values()) == 1
    assert abs(float(found["omni"]) - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 20_000)


@pytest.mark.parametrize(
    ("select", "shares"),
    [
        ("in-order", {"omni": D(1)}),
        ("round-robin", {"omni": D("0.5"), "mini": D("0.5")}),
        ("weighted", {"omni": D("0.75"), "mini": D("0.25")}),
    ],
)
def test_equals_are_asked_in_order_by_weight_or_alike(select: str, shares: dict[str, Decimal]) -> None:
    plan = scenario(
        deployments={"omni": TWO["omni"] | {"weight": 3}, "mini": TWO["mini"]},
        strategies={"omni-only": {"omni": [["omni", "mini"]], "policy": {"select": select}}},
    )
    assert first(plan) == shares


def test_who_cannot_take_the_task_is_passed_over() -> None:
    plan = scenario(
        deployments=TWO | {"deaf": {"model": "our-text", "provider": "openai"}},
        models={"our-text": {"modalities": ["text"], "input_usd_per_mtok": 1, "output_usd_per_mtok": 1}},
        tasks__faq={"modalities": ["text", "vision"], "images": [{"width_px": 512, "height_px": 512}]},
        strategies={"omni-only": {"omni": ["deaf", "omni"]}},
    )
    assert Pocket(plan, "omni-only").first("faq", MODELS | {"deaf": "our-text"}) == {"omni": D(1)}
