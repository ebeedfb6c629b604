"""Outages whose starts follow the week: weights and their time, exact means, planting that changes no law."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from planner.catalogue import reliability
from planner.scenario.laws import parse_law
from planner.workload.outage_lines import Line, cut, outage_lines, planted
from planner.workload.week_starts import WeekStarts, gamma_cdf, mean_until
from planner.workload.windows import plan_windows
from tests.workload.small import small

CERTAIN = 1e-6
HOUR_NS = 3_600_000_000_000
#: Nothing at night and on the weekend, three times as much on Wednesdays, of mean 1.
RAW = [
    (3.0 if day == 2 else 1.0) if day < 5 and 6 <= hour < 20 else 0.0
    for day in range(7)
    for hour in range(24)
]
PEAKS = WeekStarts(tuple(weight * 168 / sum(RAW) for weight in RAW))
LAWS = {
    "lognormal": {"p50": 0.5, "p95": 3.0},
    "exponential": {"exponential_mean": 0.8},
    "fixed": {"fixed": 2.25},
    "gamma": {"mean": 1.0, "cv": 1.5, "kind": "gamma"},
    "empirical": {"empirical": [0.1, 0.2, 0.4, 30.0]},
    "mixture": {"mixture": [{"weight": 0.7, "law": 0.2}, {"weight": 0.3, "law": {"exponential_mean": 20}}]},
}
SURVIVAL = {
    "lognormal": stats.lognorm(math.log(6) / stats.norm.ppf(0.95), scale=0.5).sf,
    "exponential": stats.expon(scale=0.8).sf,
    "fixed": lambda u: 1.0 * (u < 2.25),
    "gamma": stats.gamma(1 / 2.25, scale=2.25).sf,
    "empirical": lambda u: sum(u < value for value in (0.1, 0.2, 0.4, 30.0)) / 4,
    "mixture": lambda u: 0.7 * (u < 0.2) + 0.3 * math.exp(-u / 20),
}


def line(law="lognormal", mtbf_h=5.0, starts=PEAKS):
    return Line("outage:x", mtbf_h, parse_law(LAWS[law]), ("omni",), starts)


def integral(law, time_h):
    """Integral of w(time - u) P(D > u) over u > 0 by quadrature, hour by hour and at the law's own steps."""
    edges = {0.0, *(u for u in (0.1, 0.2, 0.4, 2.25, 30.0)), time_h - math.floor(time_h)}
    edges |= {time_h - math.floor(time_h) + k for k in range(3000)}
    ordered = sorted(edges)
    return math.fsum(
        PEAKS.weights[math.floor(time_h - (a + b) / 2) % 168]
        * integrate.quad(SURVIVAL[law], a, b, epsabs=1e-15, epsrel=1e-13)[0]
        for a, b in pairwise(ordered)
        if PEAKS.weights[math.floor(time_h - (a + b) / 2) % 168] > 0
    )


# -- weights and their time ------------------------------------------------------------------------


def test_weight_and_moment_are_inverse_to_each_other_over_many_weeks():
    for clock in (0.0, 1e-9, 0.5, 40.0, 167.999, 168.0, 168.5, 1000.25, -3.0, -500.125):
        assert PEAKS.clock(PEAKS.moment(clock)) == pytest.approx(clock, abs=1e-9)
    assert PEAKS.clock(168.0 * 5) == 168.0 * 5
    assert PEAKS.moment(0.0) == 6.0  # the first hour of Monday that has any weight
    assert PEAKS.clock(6.0) == 0.0


@pytest.mark.parametrize("law", LAWS)
def test_the_mean_of_a_duration_up_to_a_bound_is_the_integral_of_its_survival(law):
    for bound in (0.05, 0.3, 1.0, 2.25, 7.5, 40.0):
        steps = sorted({0.0, bound, *(u for u in (0.1, 0.2, 0.4, 2.25, 30.0) if u < bound)})
        expected = sum(
            integrate.quad(SURVIVAL[law], a, b, epsabs=1e-15, epsrel=1e-13)[0] for a, b in pairwise(steps)
        )
        assert mean_until(parse_law(LAWS[law]), bound) == pytest.approx(expected, rel=1e-11)
    assert mean_until(parse_law(LAWS[law]), 1e6) == pytest.approx(parse_law(LAWS[law]).mean, rel=1e-12)


@pytest.mark.parametrize("shape", [0.01, 0.444, 1.0, 3.7, 50.0, 1e4])
def test_the_incomplete_gamma_function_is_that_of_scipy(shape):
    for x in np.geomspace(1e-3, 20, 30) * max(shape, 1):
        assert gamma_cdf(shape, x) == pytest.approx(stats.gamma(shape).cdf(x), rel=1e-11, abs=1e-13)


# -- how many spells touch a window ----------------------------------------------------------------


def test_the_mean_number_in_a_window_is_worked_out_by_hand():
    # Spells of 2.25 h, one in 10 h. Weights 2 in [8, 9) of Monday, else even: (168 - 2) / 167 elsewhere. A window
    # [9, 10): it is touched by starts from 6.75 to 10, with 2.25 h of plain weight and one hour of 2.
    plain = 166 / 167
    week = WeekStarts(tuple(2.0 if hour == 8 else plain for hour in range(168)))
    x = Line("outage:x", 10.0, parse_law(2.25), ("omni",), week)
    assert x.mean_in(3600, 9 * 3600) == pytest.approx((2.0 + 2.25 * plain) / 10, rel=1e-12)
    assert x.chance_in(3600, 9 * 3600) == pytest.approx(1 - math.exp(-(2.0 + 2.25 * plain) / 10), rel=1e-12)
    # A week later it is the same; at [8.5, 9) of half an hour: 1 h of weight 2 less the half that comes after: 6.25 to 9.
    assert x.mean_in(3600, (9 + 168) * 3600) == pytest.approx(x.mean_in(3600, 9 * 3600), rel=1e-12)
    assert x.mean_in(1800, 8.5 * 3600) == pytest.approx((2.0 + 1.75 * plain) / 10, rel=1e-12)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("start_h", "length_h"), [(0.0, 1.0), (56.0, 1.0), (130.25, 3.5), (175.5, 0.25)])
def test_the_mean_number_in_a_window_is_the_integral(law, start_h, length_h):
    expected = integral(law, start_h) + PEAKS.clock(start_h + length_h) - PEAKS.clock(start_h)
    found = line(law).mean_in(length_h * 3600, start_h * 3600)
    assert found == pytest.approx(expected / 5.0, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("law", LAWS)
def test_over_a_week_the_mean_is_that_of_even_starts(law):
    means = [line(law).mean_in(3600, hour * 3600) for hour in range(168)]
    assert sum(means) / 168 == pytest.approx(line(law, starts=None).mean_in(3600), rel=1e-11)


def test_even_weights_are_no_pattern_at_all():
    given = {"mtbf_h": 5, "duration_h": 1}
    scenarios = [
        small(deployments={"omni": {"model": "gpt-4o-2024-11-20", "provider": "openai", "outages": outages}},
              strategies={"s": {"omni": ["omni"]}})
        for outages in (given, given | {"starts": [2.0] * 168})
    ]  # fmt: skip
    one, other = (next(iter(outage_lines(scenario).values())) for scenario in scenarios)
    assert one == other
    assert one.starts is None


# -- the line itself -------------------------------------------------------------------------------


def test_starts_of_a_long_line_fall_into_the_hours_of_the_week_by_their_weights():
    x = line(mtbf_h=0.5)
    spells = cut(small(), x, 1, 1000 * 3600.0, 3000 * 3600.0)
    starts = np.array([s.from_ns for s in spells if s.from_ns > 0]) / HOUR_NS + 1000
    hours = np.floor(starts).astype(int) % 168
    weights = np.array(PEAKS.weights)
    assert set(hours.tolist()) <= set(np.flatnonzero(weights).tolist())
    expected = np.array([PEAKS.clock(4000.0) - PEAKS.clock(1000.0)]) / 0.5
    assert abs(len(starts) - expected[0]) < 5 * math.sqrt(expected[0])
    seen = np.bincount(hours, minlength=168)
    covered = np.bincount(np.arange(1000, 4000) % 168, minlength=168) * weights
    busy = weights > 0
    assert stats.chisquare(seen[busy], covered[busy] / covered.sum() * len(starts)).pvalue > CERTAIN
    inside = starts - np.floor(starts)
    assert stats.kstest(inside, "uniform").pvalue > CERTAIN  # even within the hour


@pytest.mark.parametrize("start_h", [0.0, 8.0, 24 * 2 + 20.0, 24 * 5 + 3.0, 24 * 30 + 7.0])
def test_the_number_of_spells_that_touch_a_window_is_poisson_wherever_it_lies(start_h):
    """From the horizon's first hour on: the spells under way then are drawn in the stationary state of the week."""
    scenario, x = small(), line("mixture", mtbf_h=4.0)
    counts = [len(cut(scenario, x, replication, start_h * 3600, 7200)) for replication in range(2500)]
    law = stats.poisson(x.mean_in(7200, start_h * 3600))
    observed = np.bincount(np.minimum(counts, 4), minlength=5)
    expected = np.array([*law.pmf(np.arange(4)), law.sf(3)]) * 2500
    assert stats.chisquare(observed, expected).pvalue > CERTAIN


def test_the_week_counts_from_monday_whatever_day_the_horizon_starts_on():
    weights = [168.0 if hour == 24 * 2 + 5 else 0.0 for hour in range(168)]  # Wednesdays from 5 to 6
    for start, first in (("2027-01-06", 5), ("2027-01-07", 6 * 24 + 5)):  # a Wednesday, a Thursday
        scenario = small(
            start=start,
            deployments={"omni": {"model": "gpt-4o-2024-11-20", "provider": "openai",
                                  "outages": {"mtbf_h": 100, "duration_h": 1, "starts": weights}}},
            strategies={"s": {"omni": ["omni"]}},
        )  # fmt: skip
        (x,) = outage_lines(scenario).values()
        spells = cut(scenario, x, 0, 0.0, 52 * 168 * 3600.0)
        assert len(spells) > 30
        assert {math.floor(spell.from_ns / HOUR_NS) % 168 for spell in spells} == {first}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("start_h", "parts"), [(56.0, 1), (24 * 5 + 1.0, 4)])
def test_planted_spells_have_the_law_of_drawn_ones_given_that_there_is_one(law, start_h, parts):
    """In the middle of Wednesday, and in the first hours of Saturday, where only spells from before are met."""
    scenario, x = small(), line(law, mtbf_h=1.0)
    drawn = [s for r in range(1500) if (s := cut(scenario, x, r, start_h * 3600, 3600))]
    if not drawn:
        assert x.chance_in(3600, start_h * 3600) < 1e-3
        return
    wanted = [planted(scenario, x, r, 3600, r % parts, parts, start_h * 3600) for r in range(1500)]
    assert all(wanted)
    chance = x.chance_in(3600, start_h * 3600)
    assert stats.binomtest(len(drawn), 1500, chance).pvalue > CERTAIN
    if len(drawn) < 30:
        return
    counts = [[len(spells) for spells in sample] for sample in (drawn, wanted)]
    table = np.array([[np.minimum(sample, 3).tolist().count(k) for k in (1, 2, 3)] for sample in counts])
    if (table.sum(axis=0) > 0).sum() > 1:
        assert stats.chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue > CERTAIN
    for measure in (lambda s: s.from_ns, lambda s: round((s.to_ns - s.from_ns) / 1e9, 3)):
        samples = [[measure(spell) for spells in sample for spell in spells] for sample in (drawn, wanted)]
        assert stats.ks_2samp(*samples).pvalue > CERTAIN


def test_planted_spells_meet_the_window_as_long_as_their_law_says():
    """The mean time that all spells overlap [a, a + 1 h), against quadrature: planted x P(one) = walked = exact."""
    scenario, x, a = small(), line("exponential", mtbf_h=6.0), 24 * 2 + 19.5
    # E[overlap] = integral over t in the window of the mean number of spells that cover t
    covering = [
        line("exponential", mtbf_h=6.0).starts.still_out(x.duration_h, a + (k + 0.5) / 200)
        for k in range(200)
    ]
    exact = sum(covering) / 200 / 6.0

    def overlap(spells):
        return sum(min(s.to_ns, HOUR_NS) - max(s.from_ns, 0) for s in spells) / HOUR_NS

    found = np.array([overlap(planted(scenario, x, r, 3600, r % 4, 4, a * 3600)) for r in range(3000)])
    chance = x.chance_in(3600, a * 3600)
    assert abs(found.mean() * chance - exact) < 5.5 * found.std() / math.sqrt(3000) * chance
    walked = np.array([overlap(cut(scenario, x, r, a * 3600, 3600)) for r in range(3000)])
    assert abs(walked.mean() - exact) < 5.5 * walked.std() / math.sqrt(3000)


# -- the plan --------------------------------------------------------------------------------------


def plan_of(seed=1, replications=8, **changes):
    laws = {
        "openai": {"mtbf_h": 60, "duration_h": {"exponential_mean": 1.5}, "starts": RAW},
        "azure": {"mtbf_h": 90, "duration_h": 2.0},
        "google": {"mtbf_h": 80, "duration_h": {"p50": 0.5, "p95": 3}, "starts": "weekday-peaks"},
    }
    scenario = small(
        traffic={"requests_per_month": 1e6, "weekly_shape": "business-hours"},
        deployments={
            name: {"model": "gpt-4o-2024-11-20", "provider": name, "latency": {"total_s": 1}, "outages": law}
            for name, law in laws.items()
        },
        models={"gpt-4o-2024-11-20": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
        strategies={"all": {"omni": list(laws)}},
        finance={"horizon_months": 1},
        run={"seed": seed},
        **changes,
    )
    return scenario, plan_windows(scenario, replications)


def busy(scenario):
    from planner.workload.windows import hourly_weights

    return hourly_weights(scenario, 0, 31 * 24)


def test_weights_of_the_plan_are_the_exact_probabilities_over_the_requests():
    scenario, plan = plan_of()
    volumes = busy(scenario)
    chances = [
        np.array([x.chance_in(3600, hour * 3600.0) for hour in range(31 * 24)])
        for x in outage_lines(scenario).values()
    ]
    expected, left = {}, np.ones(31 * 24)
    for key, chance in zip(outage_lines(scenario), chances, strict=True):
        expected[key] = float((volumes * left * chance).sum() / volumes.sum())
        left = left * (1 - chance)
    expected[""] = float((volumes * left).sum() / volumes.sum())
    weights = Counter()
    for window in plan:
        weights[window.stratum] += window.weight
    assert set(weights) == set(expected)
    for key, weight in expected.items():
        assert weights[key] == pytest.approx(weight, rel=1e-10)
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)


def test_time_in_outages_over_the_plan_is_unbiased_where_starts_follow_the_week():
    """Over requests: sum of q(a) x mean time in spells of [a, a + 1 h), which is not E[D] / mtbf."""
    scenario, _ = plan_of()
    volumes, exact = busy(scenario), {}
    for key, x in outage_lines(scenario).items():
        fine = (np.arange(31 * 24 * 8) + 0.5) / 8
        covering = np.array(
            [x.duration_h.mean if x.starts is None else x.starts.still_out(x.duration_h, t) for t in fine]
        )
        by_hour = covering.reshape(-1, 8).mean(axis=1) / x.mtbf_h
        exact[key] = float((volumes * by_hour).sum() / volumes.sum())
        if x.starts is not None:
            assert abs(exact[key] / (x.duration_h.mean / x.mtbf_h) - 1) > 0.03
    assert exact["outage:openai"] > 1.5 * 1.5 / 60  # all its starts lie in the busy hours
    found = []
    for seed in range(250):
        _, plan = plan_of(seed)
        found.append(
            [
                sum(
                    w.weight * sum(min(s.to_ns, HOUR_NS) - max(s.from_ns, 0) for s in w.spells if s.line == key) / HOUR_NS
                    for w in plan
                )
                for key in exact
            ]
        )  # fmt: skip
    shares = np.array(found)
    error = shares.std(axis=0, ddof=1) / math.sqrt(len(shares))
    assert (np.abs(shares.mean(axis=0) - list(exact.values())) < 5.5 * error).all()


def test_windows_without_an_outage_start_less_often_where_outages_do():
    """Given that there is none, a window lies less likely at a peak: start ~ requests x (1 - p)."""
    weights = [100.0 if hour % 24 == 12 else 1.0 for hour in range(168)]
    law = {"mtbf_h": 20, "duration_h": 0.01, "starts": weights}
    starts = Counter()
    for seed in range(300):
        scenario = small(
            traffic={"requests_per_month": 1e6},
            deployments={"omni": {"model": "gpt-4o-2024-11-20", "provider": "openai", "outages": law}},
            strategies={"s": {"omni": ["omni"]}},
            finance={"horizon_months": 1},
            run={"seed": seed},
        )
        for window in plan_windows(scenario, 8):
            starts[window.stratum, int(window.start_s // 3600) % 24 == 12] += 1
    (x,) = outage_lines(scenario).values()
    p = np.array([x.chance_in(3600, hour * 3600.0) for hour in range(24)])
    noon_calm, noon_out = (1 - p[12]) / (1 - p).sum(), p[12] / p.sum()
    calm, out = starts["", True], starts["outage:openai", True]
    assert stats.binomtest(calm, calm + starts["", False], noon_calm).pvalue > CERTAIN
    assert stats.binomtest(out, out + starts["outage:openai", False], noon_out).pvalue > CERTAIN


# -- the pattern of the catalogue ------------------------------------------------------------------


def test_weekday_peaks_are_the_smoothed_counts_of_the_incidents():
    # Facts, incident_start_pattern: 231 incidents, 56 on Wednesdays, 7 on Sundays; 30, 21 and 19 in the hours from 18, 19
    # and 20 UTC. Half an incident more each; hours 1-2-1.
    weights = np.array(reliability.start_weights()).reshape(7, 24)
    assert weights.mean() == pytest.approx(1.0, rel=1e-12)
    days, hours = weights.mean(axis=1), weights.mean(axis=0)
    assert days[2] == pytest.approx(56.5 / 234.5 * 7, abs=2e-3)
    assert days[6] == pytest.approx(7.5 / 234.5 * 7, abs=2e-3)
    assert hours[19] == pytest.approx((21.5 + 2 * 30.5 + 19.5) / 4 / 243 * 24, abs=2e-3)
    assert hours[0] == pytest.approx((13.5 + 2 * 6.5 + 10.5) / 4 / 243 * 24, abs=2e-3)
    assert weights[2, 19] == pytest.approx(days[2] * hours[19], rel=1e-12)  # independent of each other


def test_only_a_provider_with_incidents_enough_has_the_pattern_by_default():
    found = {
        provider: reliability.outages(provider).starts
        for provider in ("openai", "anthropic", "azure", "google")
    }
    assert found == {
        "openai": "weekday-peaks",
        "anthropic": "uniform",
        "azure": "uniform",
        "google": "uniform",
    }
