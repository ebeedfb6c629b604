"""Arrivals: Poisson counts, uniform moments, names that stay when volume, windows or luck of others change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from planner import chance
from planner.errors import ScenarioError
from planner.scenario.fields import MONTH_S
from planner.workload import arrivals as arrivals_
from planner.workload.arrivals import (
    HOUR_NS,
    MAX_CELL,
    MAX_DRAW,
    MAX_TURN,
    arrivals,
    cells_per_hour,
    day_factor,
    hourly_means,
    hourly_weights,
    pack_name,
    unpack_name,
)
from tests.workload.small import small

CERTAIN = 1e-6  # a right generator fails a statistical test with at most this chance
# Three arrivals a cell on average: 65,536 cells an hour.
DENSE = 3.0 * 65_536 / 3600 * MONTH_S


def traffic(volume, **more):
    return small(traffic={"requests_per_month": float(volume), **more})


@given(st.integers(0, MAX_CELL), st.integers(0, MAX_DRAW), st.integers(0, MAX_TURN), st.integers(0, MAX_CELL))
def test_a_name_gives_back_what_was_packed_and_grows_with_the_cell(cell, draw, turn, other):
    name = pack_name(cell, draw, turn)
    assert 0 <= name < 2**63
    assert (cell, draw, turn) == unpack_name(name)
    if other > cell:
        assert pack_name(other, 0, 0) > name


@pytest.mark.parametrize(
    ("cell", "draw", "turn"),
    [(-1, 0, 0), (MAX_CELL + 1, 0, 0), (0, MAX_DRAW + 1, 0), (0, -1, 0), (0, 0, MAX_TURN + 1)],
)
def test_a_name_outside_its_bits_is_refused(cell, draw, turn):
    with pytest.raises(AssertionError, match="must be in 0"):
        pack_name(cell, draw, turn)


def test_counts_of_cells_are_poisson():
    names, _ = arrivals(traffic(DENSE), 0, 5, HOUR_NS)
    counts = np.bincount((names >> 24) - 5 * 65_536, minlength=65_536)
    assert counts.shape == (65_536,)
    observed = np.bincount(np.minimum(counts, 10), minlength=11)
    law = stats.poisson(3.0)
    expected = np.array([*law.pmf(np.arange(10)), law.sf(9)]) * 65_536
    assert stats.chisquare(observed, expected).pvalue > CERTAIN


def test_count_of_a_cell_is_the_inverse_of_the_poisson_law_at_its_uniform():
    names, _ = arrivals(traffic(DENSE), 4, 0, HOUR_NS)
    counts = np.bincount(names >> 24, minlength=65_536)
    cells = np.arange(0, 65_536, 331)
    u = chance.uniform_many(7, 4, chance.stream_id("arrival-count"), cells, 0)
    expected = stats.poisson.ppf(u, 3.0)
    assert (expected == counts[cells]).all()


def test_counts_of_hours_are_poisson_across_replications():
    scenario = traffic(40 * MONTH_S / 3600)
    counts = [arrivals(scenario, replication, 0, HOUR_NS)[0].shape[0] for replication in range(400)]
    # Sum of squares over the mean: chi-square with 400 degrees of freedom for a Poisson law of mean 40.
    statistic = sum((count - 40) ** 2 / 40 for count in counts)
    assert CERTAIN < stats.chi2.cdf(statistic, 400) < 1 - CERTAIN
    assert np.mean(counts) == pytest.approx(40, abs=5 * np.sqrt(40 / 400))


def test_moments_are_uniform_in_the_hour_and_in_their_cell():
    _, moments = arrivals(traffic(DENSE), 1, 0, HOUR_NS)
    assert stats.kstest(moments / HOUR_NS, "uniform").pvalue > CERTAIN
    inside = moments / HOUR_NS * 65_536 % 1.0
    assert stats.kstest(inside, "uniform").pvalue > CERTAIN


def test_arrivals_are_sorted_named_once_and_inside_their_cells_and_the_window():
    names, moments = arrivals(traffic(DENSE), 2, 30, HOUR_NS // 2)
    assert (np.diff(moments) >= 0).all()
    assert moments[0] >= 0
    assert moments[-1] < HOUR_NS // 2
    assert np.unique(names).shape == names.shape
    cells = (names >> 24) - 30 * 65_536
    assert (moments >= cells * HOUR_NS // 65_536).all()
    assert (moments < (cells + 1) * HOUR_NS // 65_536).all()


def test_equal_moments_are_in_order_of_names():
    names, moments = arrivals(traffic(3e11), 0, 0, 2_000_000_000)
    ties = np.diff(moments) == 0
    assert ties.any()
    assert (np.diff(names)[ties] > 0).all()


def test_weekly_shape_and_start_weekday_set_the_rate_of_each_hour():
    weights = [0.0] * 24 + [1.0 + hour % 7 for hour in range(144)]  # nothing on Mondays
    scenario = traffic(500 * MONTH_S / 3600, weekly_shape=weights)  # starts on Friday, 2027-01-01
    _, moments = arrivals(scenario, 0, 0, 168 * HOUR_NS)
    counts = np.bincount(moments // HOUR_NS, minlength=168)
    monday = slice(3 * 24, 4 * 24)
    assert counts[monday].sum() == 0
    expected = np.roll(np.array(weights) / np.mean(weights) * 500, -4 * 24)
    assert (expected[monday] == 0).all()
    busy = expected > 0
    statistic = ((counts - expected)[busy] ** 2 / expected[busy]).sum()
    assert stats.chi2.sf(statistic, busy.sum()) > CERTAIN


def test_growth_steps_at_the_turn_of_the_calendar_month():
    scenario = small(traffic={"requests_per_month": 1e6, "growth_per_month": 0.1}, start="2027-01-15")
    weights = hourly_weights(scenario, 0, 60 * 24)
    assert set(weights[: 17 * 24]) == {1.0}
    assert weights[17 * 24 : 45 * 24] == pytest.approx(1.1, rel=1e-12)
    assert weights[45 * 24] == pytest.approx(1.21, rel=1e-12)


def test_day_factors_are_gamma_with_mean_one_and_the_given_spread():
    scenario = traffic(1e6, daily_spread=0.3)
    factors = np.array(
        [day_factor(scenario, replication, day) for replication in range(50) for day in range(400)]
    )
    law = stats.gamma(1 / 0.09, scale=0.09)
    assert (law.mean(), law.std()) == pytest.approx((1.0, 0.3))
    assert stats.kstest(factors, law.cdf).pvalue > CERTAIN
    assert factors.mean() == pytest.approx(1.0, abs=5 * 0.3 / np.sqrt(20_000))


def test_day_factor_multiplies_whole_days_only():
    scenario = traffic(1e6, daily_spread=0.3)
    ratios = hourly_means(scenario, 3, 20, 40) / hourly_means(traffic(1e6), 3, 20, 40)
    expected = [day_factor(scenario, 3, day) for day in (0, 1, 2)]
    assert ratios == pytest.approx(np.repeat(expected, [4, 24, 12]), rel=1e-12)
    assert day_factor(traffic(1e6), 3, 0) == 1.0


@settings(max_examples=25, deadline=None)
@given(st.floats(1e3, 2e8), st.floats(1.0, 3.0), st.integers(0, 20))
def test_more_volume_keeps_every_old_request_and_its_moment(volume, factor, replication):
    old = dict(zip(*arrivals(traffic(volume), replication, 7, HOUR_NS), strict=True))
    new = dict(zip(*arrivals(traffic(volume * factor), replication, 7, HOUR_NS), strict=True))
    assert old.items() <= new.items()


def test_five_percent_more_volume_under_shape_growth_and_spread_keeps_every_old_request():
    more = {"weekly_shape": "business-hours", "daily_spread": 0.2}
    old, _ = arrivals(traffic(5e6, growth_per_month=0.02, **more), 1, 2000, 3 * HOUR_NS)
    new, _ = arrivals(traffic(5.25e6, growth_per_month=0.03, **more), 1, 2000, 3 * HOUR_NS)
    assert set(old) < set(new)


def test_an_hour_has_the_same_names_and_moments_in_any_window():
    scenario = traffic(3e6, daily_spread=0.2)
    long_names, long_moments = arrivals(scenario, 0, 22, 5 * HOUR_NS)
    names, moments = arrivals(scenario, 0, 24, HOUR_NS)
    hour = long_moments // HOUR_NS == 2
    assert (names == long_names[hour]).all()
    assert (moments == long_moments[hour] - 2 * HOUR_NS).all()


def test_another_replication_has_other_luck():
    scenario = traffic(3e6)
    assert set(arrivals(scenario, 0, 0, HOUR_NS)[1]).isdisjoint(arrivals(scenario, 1, 0, HOUR_NS)[1])


def test_a_shorter_window_is_the_beginning_of_a_longer_one():
    scenario = traffic(3e6)
    names, moments = arrivals(scenario, 0, 3, 2 * HOUR_NS)
    for length_ns in (1, 1_234_567_891, HOUR_NS + 1):
        early = moments < length_ns
        assert (names[early] == arrivals(scenario, 0, 3, length_ns)[0]).all()


@pytest.mark.parametrize("limit", [0, 1, 4321])
def test_a_limit_gives_exactly_the_first_arrivals_however_long_that_takes(limit):
    scenario = traffic(1e6)
    names, moments = arrivals(scenario, 0, 3, 1, limit=limit)
    expected = arrivals(scenario, 0, 3, 10 * HOUR_NS)
    assert names.shape == (limit,)
    assert (names == expected[0][:limit]).all()
    assert (moments == expected[1][:limit]).all()


def test_the_grid_has_a_power_of_two_of_cells_with_at_most_64_arrivals_at_the_peak():
    flat_peak = 64 * 65_536 / 3600 * MONTH_S
    assert cells_per_hour(traffic(1)) == 65_536
    assert cells_per_hour(traffic(flat_peak * 0.999)) == 65_536
    assert cells_per_hour(traffic(flat_peak * 1.001)) == 131_072
    assert cells_per_hour(traffic(flat_peak * 8.001)) == 2**20
    assert cells_per_hour(traffic(1e13)) == 2**21
    peaked = [1.0] * 84 + [3.0] * 84
    assert cells_per_hour(traffic(flat_peak * 0.7, weekly_shape=peaked)) == 131_072


def test_growth_spread_and_window_do_not_move_the_grid():
    volume = 64 * 65_536 / 3600 * MONTH_S * 0.999
    assert cells_per_hour(traffic(volume, growth_per_month=1.0, daily_spread=2.0)) == 65_536


def test_a_volume_that_names_cannot_hold_is_refused():
    scenario = traffic(1e9, growth_per_month=1.0)
    with pytest.raises(ScenarioError) as caught:
        arrivals(scenario, 0, 24 * 365, HOUR_NS)
    assert str(caught.value) == (
        "traffic.growth_per_month: got 1, that is 5.61e+09 requests in one hour; "
        "allowed: a volume of at most 4.19e+09 requests an hour\n"
        "1 problem in the traffic; nothing was run."
    )


def test_compiled_and_plain_arrivals_are_the_same():
    arguments = (7, 3, 11, 12, 5 * 256, 3, 200, 256, 1.6)
    plain = arrivals_._some_cells.py_func(*arguments)
    compiled = arrivals_._some_cells(*arguments)
    assert plain[0].shape[0] > 100
    assert all((a == b).all() for a, b in zip(plain, compiled, strict=True))


def test_a_limit_that_the_traffic_does_not_reach_is_refused(monkeypatch):
    monkeypatch.setattr(arrivals_, "LONGEST_SEARCH_H", 24)
    with pytest.raises(ScenarioError) as caught:
        arrivals(traffic(1e4), 0, 0, HOUR_NS, limit=10_000)
    assert str(caught.value) == (
        "requests: got 10000; allowed: at most the 347 that come within 0.00273785 years\n"
        "1 problem in the traffic; nothing was run."
    )
