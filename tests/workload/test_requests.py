"""Generated requests: each property follows its law and is a function of the request's name alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from planner import tables
from planner.routing.scores import copula_correlation, router_scores
from planner.workload import requests as requests_
from planner.workload import windows
from planner.workload.requests import from_frame, generate
from planner.workload.windows import Window
from tests.workload.small import PHOTO, TEXT, small

CERTAIN = 1e-6
ARRAYS = [column.name for column in tables.REQUESTS]
TEN_HOURS = Window(index=3, era=0, start_s=36_000.0, length_s=36_000.0, weight=1.0, stratum="", spells=())
FOUR_TASKS = {
    "none-first": {"share": 0.0},
    "text": {**TEXT, "share": 0.5, "shared_prefix_tokens": 300},
    "voice": {
        "share": 0.3,
        "modalities": ["text", "audio"],
        "audio": {"input_s": {"p50": 6, "p95": 20}, "output_s": {"fixed": 2.0}},
    },
    "photo": {**PHOTO, "share": 0.2},
    "none-last": {"share": 0.0},
}


def four_tasks(**more):
    return small(tasks=FOUR_TASKS, **more)


def test_columns_are_those_of_the_contract():
    requests = generate(four_tasks(), TEN_HOURS)
    assert requests.n > 20_000
    for column in tables.REQUESTS:
        values = getattr(requests, column.name)
        assert values.shape == (requests.n,)
        assert values.dtype == column.dtype
    assert requests.source == "generated"
    assert (requests.correct, requests.output_by_model, requests.service_ns) == ({}, {}, None)


def test_tasks_come_in_their_shares_and_never_without_one():
    requests = generate(four_tasks(), TEN_HOURS)
    counts = np.bincount(requests.task, minlength=5)
    assert (counts[0], counts[4]) == (0, 0)
    expected = np.array([0.5, 0.3, 0.2]) * requests.n
    assert stats.chisquare(counts[1:4], expected).pvalue > CERTAIN


def test_the_first_ten_of_a_window_are_the_same_when_only_ten_are_asked_for():
    scenario = four_tasks()
    whole, ten = generate(scenario, TEN_HOURS), generate(scenario, TEN_HOURS, limit=10)
    assert ten.n == 10
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(ten, name), getattr(whole, name)[:10])


def test_more_volume_and_another_strategy_change_no_property_of_an_old_request():
    old = generate(four_tasks(), TEN_HOURS)
    new = generate(
        four_tasks(
            traffic={"requests_per_month": 2_100_000}, strategies={"other": {"mini": ["mini", "omni"]}}
        ),
        TEN_HOURS,
    )
    assert new.n > old.n
    kept = np.isin(new.request, old.request)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(new, name)[kept], getattr(old, name))


def test_another_window_index_is_other_luck():
    first, second = (generate(four_tasks(), Window(i, 0, 0.0, 3600.0, 1.0, "", ())) for i in (0, 1))
    assert first.n != second.n or (first.input_tokens != second.input_tokens).any()
    common = np.intersect1d(first.request, second.request)
    sizes = [r.output_tokens[np.isin(r.request, common)] for r in (first, second)]
    assert (sizes[0] == sizes[1]).mean() < 0.1


def test_sizes_follow_their_laws():
    requests = generate(four_tasks(), TEN_HOURS)
    text, photo = requests.task == 1, requests.task == 3
    z95 = stats.norm.ppf(0.95)
    lognormal = stats.lognorm(math.log(1600 / 420) / z95, scale=420)
    spread = np.random.default_rng(1).uniform(-0.5, 0.5, requests.n)  # undoes the rounding to whole tokens
    user_part = requests.input_tokens - requests.prefix_tokens
    assert stats.kstest((user_part + spread)[text], lognormal.cdf).pvalue > CERTAIN
    gamma = stats.gamma(1 / 0.49, scale=200 * 0.49)
    assert (
        stats.kstest(
            (user_part + spread)[photo & (user_part > 3)],
            lambda x: (gamma.cdf(x) - gamma.cdf(3.5)) / gamma.sf(3.5),
        ).pvalue
        > CERTAIN
    )
    exponential = stats.expon(scale=90)
    answers = (requests.output_tokens + spread)[photo & (requests.output_tokens > 1)]
    assert stats.kstest(answers - 1.5, exponential.cdf).pvalue > CERTAIN
    assert requests.output_tokens[photo].min() == 1
    assert set(requests.prefix_tokens[text]) == {300}
    assert set(requests.prefix_tokens[~text]) == {0}


def test_input_and_output_of_a_request_are_independent():
    requests = generate(four_tasks(), TEN_HOURS)
    text = requests.task == 1
    statistic = stats.spearmanr(requests.input_tokens[text], requests.output_tokens[text])
    assert statistic.pvalue > CERTAIN


@pytest.mark.parametrize(("drawn", "whole"), [(0.0, 1), (0.4, 1), (1.5, 2), (2.5, 2), (3.5, 4)])
def test_tokens_are_rounded_half_to_even_and_at_least_one(drawn, whole):
    scenario = small(
        tasks={"only": {"input_tokens": drawn, "output_tokens": drawn, "shared_prefix_tokens": 10}}
    )
    requests = generate(scenario, TEN_HOURS, limit=3)
    assert set(requests.output_tokens.tolist()) == {whole}
    assert set(requests.input_tokens.tolist()) == {10 + whole}


def test_the_far_tail_of_a_law_stays_within_the_integers():
    assert requests_._tokens(np.array([1e300, np.inf, 1e11])).tolist() == [10**12, 10**12, 10**11]


def test_only_tasks_with_audio_speak():
    requests = generate(four_tasks(), TEN_HOURS)
    voice = requests.task == 2
    assert set(requests.audio_output_ms[voice].tolist()) == {2000}
    assert np.median(requests.audio_input_ms[voice]) == pytest.approx(6000, rel=0.03)
    assert not requests.audio_input_ms[~voice].any()
    assert not requests.audio_output_ms[~voice].any()


def test_private_data_come_in_the_share_of_the_task():
    requests = generate(four_tasks(), TEN_HOURS)
    photo = requests.task == 3
    assert not requests.sensitive[~photo].any()
    assert stats.binomtest(int(requests.sensitive[photo].sum()), int(photo.sum()), 0.25).pvalue > CERTAIN


def test_difficulty_is_normal_by_task():
    requests = generate(four_tasks(), TEN_HOURS)
    for task, law in ((1, stats.norm(0, 1)), (3, stats.norm(1.5, 0.5))):
        assert stats.kstest(requests.difficulty[requests.task == task], law.cdf).pvalue > CERTAIN


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 1.0])
def test_scores_are_uniform_and_have_the_wanted_rank_correlation_with_difficulty(rho):
    scenario = four_tasks()
    requests = generate(scenario, TEN_HOURS)
    scores = router_scores(scenario, requests, 3, rho)
    assert scores.min() > 0
    assert scores.max() < 1
    assert stats.kstest(scores, "uniform").pvalue > CERTAIN
    found = stats.spearmanr(scores, requests.difficulty).statistic
    assert found == pytest.approx(rho, abs=5 / math.sqrt(requests.n))


def test_a_perfect_score_ranks_requests_by_difficulty():
    scenario = four_tasks()
    requests = generate(scenario, TEN_HOURS)
    scores = router_scores(scenario, requests, 3, 1.0)
    order = np.argsort(requests.difficulty)
    assert (np.diff(scores[order]) >= 0).all()


def test_a_recorded_score_is_passed_on():
    scenario = small()
    rows = [
        {"arrival_s": 0, "input_tokens": 10, "output_tokens": 5, "router_score": 0.7},
        {"arrival_s": 1, "input_tokens": 10, "output_tokens": 5},
    ]
    scores = router_scores(scenario, from_frame(scenario, rows), 0, 0.6)
    assert scores[0] == 0.7
    assert 0 < scores[1] < 1


def test_scores_of_extreme_difficulties_stay_inside():
    scenario = small(
        tasks={"far": {"difficulty": {"mean": -20, "sd": 20}}, "near": {"difficulty": {"sd": 0.001}}}
    )
    scores = router_scores(scenario, generate(scenario, TEN_HOURS), 3, 1.0)
    assert np.isfinite(scores).all()
    assert scores.min() > 0
    assert scores.max() < 1


@given(st.floats(0, 1))
def test_copula_correlation_is_twice_the_sine(rho):
    assert copula_correlation(rho) == pytest.approx(2 * math.sin(math.pi * rho / 6), abs=1e-15)


def test_a_window_of_the_plan_gives_its_requests():
    scenario = small(run={"window_s": 600})
    plan = windows.plan_windows(scenario)
    counts = [generate(scenario, window).n for window in plan]
    mean = 2_000_000 / 2_629_800 * 600
    assert np.mean(counts) == pytest.approx(mean, abs=6 * math.sqrt(mean / len(plan)))


def test_a_negative_limit_is_refused():
    with pytest.raises(ValueError, match="limit must be >= 0: -1"):
        generate(small(), TEN_HOURS, limit=-1)
