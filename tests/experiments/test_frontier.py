"""The front, the curve of omni shares and the oracle: against closed forms and identities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from planner.errors import PlannerError
from planner.experiments.comparison import compare
from planner.experiments.frontier import (
    ORACLE,
    SHARE,
    STRATEGY,
    frontier,
    oracle,
    pareto,
    points_frame,
    strategy_points,
    with_oracle_scores,
)
from planner.metrics.samples import CORRECT, IS_OMNI, RATED
from planner.routing.quality import correctness, solve_ability
from planner.scenario.reading import loads
from planner.workload.requests import generate
from planner.workload.windows import plan_windows

TEXT = """
schema: 1
name: Two tiers
start: 2027-01-04
traffic: {requests_per_month: 3000000, weekly_shape: flat}
tasks:
  ask:
    input_tokens: {fixed: 500}
    output_tokens: {fixed: 100}
    luck_correlation: 0.5
    difficulty: {mean: 0.5, sd: 1.2}
    accuracy: {gpt-4.1: 0.90, gpt-4.1-mini: 0.78}
deployments:
  big: {model: gpt-4.1, provider: openai, limits: null, outages: null, errors: null}
  small: {model: gpt-4.1-mini, provider: openai, limits: null, outages: null, errors: null}
strategies:
  omni-only: {omni: [big]}
  mini-only: {mini: [small]}
  hybrid:
    omni: [big]
    mini: [small]
    router: {kind: threshold, omni_share: 0.3, score_correlation: 0.5, usd_per_1k_requests: 0.05}
finance: {horizon_months: 12}
run: {seed: 3, replications: 6, window_s: 3600}
"""


@pytest.fixture(scope="module")
def scenario():
    return loads(TEXT)


@pytest.fixture(scope="module")
def comparison(scenario):
    return compare(scenario)


def closed_form(
    rho: float, omni: float, mini: float, mean: float, sd: float, k: float
) -> tuple[float, float]:
    """P(mini or omni right) and P(omni right, mini wrong): binormal copula, averaged over difficulty."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    abilities = [solve_ability(accuracy, mean, sd, k) for accuracy in (omni, mini)]
    either = only = 0.0
    for node, weight in zip(nodes, weights / math.sqrt(2 * math.pi), strict=True):
        p = [1 / (1 + math.exp(-k * (ability - mean - sd * node))) for ability in abilities]
        q = [float(ndtri(min(max(one, 1e-300), 1 - 1e-16))) for one in p]
        both = float(multivariate_normal.cdf(q, mean=[0, 0], cov=[[1, rho], [rho, 1]]))
        either += weight * (p[0] + p[1] - both)
        only += weight * (p[0] - both)
    return either, only


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_oracle_is_right_wherever_one_model_is_and_asks_omni_only_where_it_must(
    scenario, rho: float
) -> None:
    changed = scenario.set({"tasks.ask.luck_correlation": rho})
    task = changed.tasks["ask"]
    either, only = closed_form(rho, 0.90, 0.78, task.difficulty.mean, task.difficulty.sd, task.discrimination)
    found = oracle(changed, "hybrid")
    counts = sum(cell.sample.counts.sum(axis=0) for cell in found.cells)
    n = int(counts[RATED])
    assert n > 20_000
    for seen, expected in ((counts[CORRECT] / n, either), (counts[IS_OMNI] / n, only)):
        assert abs(seen - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n), (seen, expected)


def test_the_oracle_meets_the_same_requests_and_luck_as_the_strategies(scenario, comparison) -> None:
    found = oracle(scenario, "hybrid")
    for index, window in enumerate(comparison.windows):
        requests = generate(scenario, window)
        omni, mini = (correctness(scenario, requests, window.index, m) for m in ("gpt-4.1", "gpt-4.1-mini"))
        own = found.cells[index].sample.counts.sum(axis=0)
        assert own[CORRECT] == np.sum((omni == 1) | (mini == 1))
        assert own[IS_OMNI] == np.sum((omni == 1) & (mini == 0))
        for name, right in (("omni-only", omni), ("mini-only", mini)):
            alone = comparison.results[name].cells[index].sample.counts.sum(axis=0)
            assert alone[CORRECT] == np.sum(right == 1)


def test_no_share_of_the_curve_is_as_right_and_the_oracle_costs_less_than_any_that_is_near(
    scenario, comparison
) -> None:
    found = frontier(scenario, comparison, shares=(0.0, 0.3, 0.7, 1.0))
    (star,) = (one for one in found.points if one.kind == ORACLE)
    others = [one for one in found.points if one.kind != ORACLE]
    assert all(star.accuracy.value > one.accuracy.value for one in others)
    sent_more = [one for one in others if one.strategy == "hybrid" and one.omni_share > star.omni_share]
    assert len(sent_more) == 4
    assert all(star.cost_per_1k.value < one.cost_per_1k.value for one in sent_more)


def test_ends_of_the_curve_are_the_pure_strategies_but_for_the_routers_price(scenario, comparison) -> None:
    found = frontier(scenario, comparison, shares=(0.0, 0.3, 1.0))
    by = {(one.strategy, one.kind, one.wanted_share): one for one in found.points}
    router_usd = 0.05  # per 1,000 requests, all of which are asked
    for share, pure in ((0.0, "mini-only"), (1.0, "omni-only")):
        end, alone = by["hybrid", SHARE, share], by[pure, STRATEGY, None]
        assert end.accuracy == alone.accuracy
        assert float(end.cost_per_1k.value - alone.cost_per_1k.value) == pytest.approx(router_usd, abs=1e-9)
    assert by["hybrid", SHARE, 0.3].cost_per_1k == by["hybrid", STRATEGY, None].cost_per_1k
    assert by["hybrid", SHARE, 0.3].p95_latency == by["hybrid", STRATEGY, None].p95_latency


def test_points_of_strategies_are_the_figures_of_the_comparison(comparison) -> None:
    frame = points_frame(strategy_points(comparison)).set_index("strategy")
    money = comparison.money.set_index(["strategy", "measure"])["value"]
    summary = comparison.summary
    for name in comparison.strategies:
        assert frame.loc[name, "cost_per_1k_usd"] == float(money[name, "economic_cost_per_1k_requests_usd"])
        for column, measure in (("p95_latency_s", "latency_p95_s"), ("accuracy", "accuracy")):
            row = summary[
                (summary["strategy"] == name) & (summary["task"] == "") & (summary["measure"] == measure)
            ]
            assert frame.loc[name, column] == row["value"].iloc[0]
    assert (frame["kind"] == STRATEGY).all()


def test_the_oracle_is_on_no_front(scenario, comparison) -> None:
    frame = frontier(scenario, comparison, shares=(0.2,)).frame
    star = frame[frame["kind"] == ORACLE]
    assert len(star) == 1
    assert not star[["on_latency_front", "on_quality_front"]].to_numpy().any()
    assert frame["on_quality_front"].any()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_no_other_point_dominates(points) -> None:
    expected = [not any(a <= x and b <= y and (a < x or b < y) for a, b in points) for x, y in points]
    assert pareto([(float(x), float(y)) for x, y in points]) == expected


def test_it_reports_and_can_be_ended(scenario, comparison) -> None:
    heard = []

    def report(done: int, total: int) -> None:
        heard.append((done, total))
        if len(heard) > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frontier(scenario, comparison, report=report)
    assert all(0 <= done <= total for done, total in heard)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_what_cannot_be_drawn_is_refused_or_said(scenario, comparison) -> None:
    with pytest.raises(PlannerError, match="mini-only: a frontier needs a router between omni and mini"):
        frontier(scenario, comparison, strategies=["mini-only"])
    alone = loads(TEXT.split("  hybrid:")[0] + TEXT[TEXT.index("finance:") :])
    with pytest.raises(PlannerError, match="No strategy here routes"):
        frontier(alone)
    with pytest.raises(PlannerError, match="another scenario"):
        frontier(scenario.set({"run.seed": 4}), comparison)
    own = "models: {own-8b: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}\ndeployments:"
    text = TEXT.replace(", gpt-4.1-mini: 0.78}", "}").replace(
        "model: gpt-4.1-mini", "latency: {total_s: {fixed: 1}}, model: own-8b"
    )
    unknown = loads(text.replace("deployments:", own))
    found = frontier(unknown, shares=(0.5,))
    assert found.notices == ("hybrid: no oracle, the accuracy of own-8b on ask is not known",)
    assert [one.kind for one in found.points] == [SHARE]


def test_a_cascade_has_an_oracle_but_no_curve(scenario) -> None:
    cascade = loads(
        TEXT.replace(
            "router: {kind: threshold, omni_share: 0.3, score_correlation: 0.5, usd_per_1k_requests: 0.05}",
            "router: {kind: cascade, verifier: {model: gpt-4.1-mini, input_tokens: 600, output_tokens: 5, true_positive: 0.9, false_positive: 0.2}}",
        )
    )
    found = frontier(cascade)
    assert [one.kind for one in found.points] == [ORACLE]
    threshold = oracle(scenario.set({"strategies.hybrid.router.usd_per_1k_requests": 0}), "hybrid")
    assert found.points[0].cost_per_1k.value == threshold.tco.economic_per_1k_usd
    assert found.points[0].accuracy == threshold.estimates["", "accuracy"]


def test_scores_are_one_only_where_omni_is_right_and_mini_is_wrong(scenario) -> None:
    window = plan_windows(scenario)[0]
    requests = generate(scenario, window)
    scores = with_oracle_scores(scenario, "hybrid", window, requests).router_score
    assert set(scores) == {0.0, 1.0}
    assert len(scores) == requests.n


def test_answers_of_a_recording_are_the_oracles_truth(tmp_path) -> None:
    """Eight requests whose answers are written down: omni alone is right in two, mini in three, both in one, none in two."""
    right = [(1, 0), (1, 0), (0, 1), (0, 1), (0, 1), (1, 1), (0, 0), (0, 0)]
    lines = ["arrival_s,input_tokens,output_tokens,correct.gpt-4.1,correct.gpt-4.1-mini"]
    lines += [f"{60 * k},400,60,{omni},{mini}" for k, (omni, mini) in enumerate(right)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    traffic = "traffic: {requests_per_month: 3000000, weekly_shape: flat}"
    scenario = loads(TEXT.replace(traffic, f"traffic: {{trace: {{file: {path}}}}}"))
    found = oracle(scenario, "hybrid")
    for cell in found.cells:
        counts = cell.sample.counts.sum(axis=0)
        assert (counts[IS_OMNI], counts[CORRECT], counts[RATED]) == (2, 6, 8)
    assert found.estimates["", "accuracy"].value == 6 / 8
