"""Outage lines: who shares one, Poisson spells in a stationary state, and planting that changes no law."""

import math

import numpy as np
import pytest
from scipy import stats

from planner import sampling
from planner.errors import ScenarioError
from planner.scenario.laws import parse_law
from planner.workload import outage_lines as lines_
from planner.workload.outage_lines import Line, cut, lines_of, outage_law, outage_lines, planted
from tests.workload.small import small

CERTAIN = 1e-6
OFTEN = {"mtbf_h": 5, "duration_h": {"p50": 0.5, "p95": 3.0}}
HOUR_NS = 3_600_000_000_000


def line(mtbf_h=5.0, duration_h=OFTEN["duration_h"]):
    return Line("outage:x", mtbf_h, parse_law(duration_h), ("omni",))


def deployments(**outages):
    return small(
        deployments={
            name: {"model": "gpt-4o-2024-11-20", "outages": law}
            | ({"provider": provider} if provider else {})
            for name, (provider, law) in outages.items()
        },
        strategies={"all": {"omni": list(outages)}},
    )


def test_deployments_of_a_provider_with_the_same_times_share_a_line():
    scenario = deployments(
        a=("openai", OFTEN), b=("openai", {**OFTEN, "mode": "degraded"}), c=("azure", OFTEN), d=(None, OFTEN)
    )
    assert lines_of(scenario) == {
        "a": ("outage:openai",),
        "b": ("outage:openai",),
        "c": ("outage:azure",),
        "d": ("outage:d",),
    }
    assert outage_law(scenario, "b").mode == "degraded"


def test_other_times_at_a_provider_are_another_line_with_a_stable_key():
    scenario = deployments(a=("openai", OFTEN), b=("openai", {**OFTEN, "mtbf_h": 6}), c=("openai", OFTEN))
    keys = lines_of(scenario)
    assert keys["a"] == keys["c"] == ("outage:openai",)
    assert keys["b"][0].startswith("outage:openai:")
    other = lines_of(deployments(a=("openai", OFTEN), z=("openai", {**OFTEN, "mtbf_h": 6})))
    assert other["z"] == keys["b"]


def test_outages_of_the_catalogue_are_those_of_the_provider():
    scenario = deployments(a=("openai", "catalogue"), b=(None, "catalogue"), c=("openai", None))
    assert list(outage_lines(scenario)) == ["outage:openai"]
    law = outage_law(scenario, "a")
    # 95 days with an outage in 1,298, 1,390 + 6,501 minutes of outage
    assert law.mtbf_h == pytest.approx(1298 * 24 / 95, rel=1e-12)
    assert law.duration_h.mean == pytest.approx(7891 / 60 / 95, rel=1e-9)
    assert law.mode == "error"
    assert outage_law(scenario, "b") is None
    assert outage_law(scenario, "c") is None


def test_planted_windows_of_a_deployment_are_no_line():
    scenario = deployments(a=("openai", [{"from_s": 1, "to_s": 2}]))
    assert outage_lines(scenario) == {}


def test_a_deployment_that_no_strategy_uses_has_no_line():
    scenario = deployments(a=("openai", OFTEN), b=("azure", OFTEN))
    fewer = scenario.model_copy(update={"strategies": small(strategies={"s": {"omni": ["a"]}}).strategies})
    assert list(outage_lines(fewer)) == ["outage:openai"]


@pytest.mark.parametrize("start_h", [0.0, 3.0, 400.0])
def test_the_number_of_spells_that_touch_a_window_is_poisson_from_the_first_hour_on(start_h):
    scenario, x = small(), line()
    counts = [len(cut(scenario, x, replication, start_h * 3600, 7200)) for replication in range(3000)]
    law = stats.poisson((x.duration_h.mean + 2) / 5)
    observed = np.bincount(np.minimum(counts, 4), minlength=5)
    expected = np.array([*law.pmf(np.arange(4)), law.sf(3)]) * 3000
    assert stats.chisquare(observed, expected).pvalue > CERTAIN
    assert x.chance_in(7200) == pytest.approx(law.sf(0), rel=1e-12)


def test_a_moment_anywhere_is_inside_a_spell_as_often_as_the_closed_form_says():
    scenario, x = small(), line()
    inside = [
        any(spell.from_ns <= 0 < spell.to_ns for spell in cut(scenario, x, replication, 50 * 3600, 3600))
        for replication in range(4000)
    ]
    expected = 1 - math.exp(-x.duration_h.mean / 5)  # an infinite-server queue in its stationary state
    assert stats.binomtest(sum(inside), 4000, expected).pvalue > CERTAIN


def test_adjacent_windows_are_cut_from_the_same_line():
    scenario, x = small(), line()
    whole = cut(scenario, x, 2, 0.0, 100 * 3600)
    assert len(whole) > 10
    pieces = {
        (spell.from_ns + start * HOUR_NS, spell.to_ns + start * HOUR_NS)
        for start in range(100)
        for spell in cut(scenario, x, 2, start * 3600.0, 3600.0)
    }
    # Hours since the horizon's start are floats: to the microsecond they are the same moments.
    rounded = {(round(a, -3), round(b, -3)) for a, b in pieces}
    assert rounded == {(round(spell.from_ns, -3), round(spell.to_ns, -3)) for spell in whole}


def test_starts_are_a_poisson_process():
    scenario, x = small(), line(mtbf_h=0.5)
    starts = np.array([s.from_ns for s in cut(scenario, x, 1, 1000 * 3600, 3000 * 3600) if s.from_ns > 0])
    gaps = np.diff(np.sort(starts)) / HOUR_NS
    assert len(gaps) > 5000
    assert stats.kstest(gaps, stats.expon(scale=0.5).cdf).pvalue > CERTAIN


@pytest.mark.parametrize(
    "duration",
    [
        {"p50": 0.5, "p95": 3.0},
        {"exponential_mean": 0.8},
        {"fixed": 0.7},
        {"mean": 1.0, "cv": 1.5, "kind": "gamma"},
        {"empirical": [0.1, 0.2, 0.4, 3.0]},
        {
            "mixture": [
                {"weight": 0.7, "law": {"fixed": 0.2}},
                {"weight": 0.3, "law": {"exponential_mean": 2}},
            ]
        },
    ],
)
@pytest.mark.parametrize("parts", [1, 4])
def test_planted_spells_have_the_law_of_drawn_ones_given_that_there_is_one(duration, parts):
    scenario, x = small(), line(mtbf_h=4.0, duration_h=duration)
    drawn = [spells for r in range(6000) if (spells := cut(scenario, x, r, 30 * 3600, 3600))]
    wanted = [planted(scenario, x, r, 3600, r % parts, parts) for r in range(len(drawn))]
    assert all(wanted)
    counts = [[len(spells) for spells in sample] for sample in (drawn, wanted)]
    table = [[np.minimum(sample, 3).tolist().count(k) for k in (1, 2, 3)] for sample in counts]
    assert stats.chi2_contingency(np.array(table)[:, np.sum(table, axis=0) > 0]).pvalue > CERTAIN
    for measure in (lambda s: s.from_ns, lambda s: round((s.to_ns - s.from_ns) / 1e9, 3)):
        samples = [[measure(spell) for spells in sample for spell in spells] for sample in (drawn, wanted)]
        assert stats.ks_2samp(*samples).pvalue > CERTAIN


@pytest.mark.parametrize(
    ("duration", "density", "upper"),
    [
        ({"p50": 0.5, "p95": 3.0}, stats.lognorm(math.log(6) / stats.norm.ppf(0.95), scale=0.5), 400),
        ({"exponential_mean": 0.8}, stats.expon(scale=0.8), 40),
        ({"mean": 1.0, "cv": 0.6, "kind": "gamma"}, stats.gamma(1 / 0.36, scale=0.36), 40),
    ],
)
def test_durations_of_touching_spells_are_weighted_by_the_time_they_can_touch(duration, density, upper):
    law, length = parse_law(duration), 0.7
    packed = sampling.pack_laws([lines_._touching_durations(law, length)])
    drawn = np.sort(sampling.draw_many(packed, 0, 7, 0, 99, np.arange(20_000), 0))
    grid = np.concatenate([[0.0], np.geomspace(1e-6, upper, 200_001)])
    weight = (grid + length) * density.pdf(grid)
    weight[0] = 0.0
    cumulated = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2 * np.diff(grid))])
    assert stats.kstest(drawn, lambda t: np.interp(t, grid, cumulated / cumulated[-1])).pvalue > CERTAIN


def test_instant_outages_touch_nothing():
    scenario, x = small(), line(mtbf_h=0.01, duration_h={"fixed": 0})
    assert cut(scenario, x, 0, 0.0, 3600.0) == ()


def test_more_outages_than_a_window_can_hold_are_refused():
    x = line(mtbf_h=1e-6, duration_h={"fixed": 1})
    with pytest.raises(ScenarioError) as caught:
        cut(small(), x, 0, 0.0, 3600.0)
    assert str(caught.value) == (
        "deployments.omni.outages.mtbf_h: got 1e-06 with durations of 1 h on average; "
        "allowed: at most 100,000 outages in one window and 100,000,000 over the horizon\n"
        "1 problem in the outages; nothing was run."
    )
