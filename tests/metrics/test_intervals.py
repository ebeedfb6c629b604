"""Intervals: the jackknife is the t interval where that is known, and covers what it promises."""

import math

import numpy as np
import pytest
from scipy import stats

from planner.metrics import deletions, estimate, interval
from planner.metrics.intervals import jackknife, jackknives


def replicates_of_mean(values: np.ndarray, weights: list[float], strata: list[str]) -> np.ndarray:
    return deletions(weights, strata).weights @ values


def test_equal_windows_give_the_t_interval_of_their_mean():
    values = np.array([3.1, 2.7, 3.9, 3.3, 2.2, 4.0, 3.0])
    strata = ["only"] * len(values)
    found = interval(replicates_of_mean(values, [1.0] * len(values), strata), strata)
    expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert found == pytest.approx(expected, rel=1e-12)


def test_strata_combine_as_a_stratified_mean_with_satterthwaite():
    """W = 0.9 and 0.1: var = sum W^2 s^2 / n, df = var^2 / sum((W^2 s^2 / n)^2 / (n - 1))."""
    common, rare = np.array([1.0, 1.4, 0.9, 1.2]), np.array([5.0, 8.0])
    weights = [0.9 / 4] * 4 + [0.1 / 2] * 2
    strata = ["common"] * 4 + ["rare"] * 2
    parts = [0.81 * common.var(ddof=1) / 4, 0.01 * rare.var(ddof=1) / 2]
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 1)
    half = stats.t.ppf(0.975, degrees) * math.sqrt(sum(parts))
    centre = 0.9 * common.mean() + 0.1 * rare.mean()
    found = interval(replicates_of_mean(np.concatenate([common, rare]), weights, strata), strata)
    assert found == pytest.approx((centre - half, centre + half), rel=1e-12)


def test_many_figures_at_once_are_each_to_the_same_bits_as_alone():
    generator = np.random.Generator(np.random.Philox(5))
    for strata in (["only"] * 23, ["a"] * 9 + ["b"] * 2 + ["c"] * 150, ["a", "b"] * 4):
        without = generator.normal(5.0, 1.0, (40, len(strata)))
        without[3], without[7, 2] = 1.5, np.nan  # nothing differs; one is not known
        members = [np.flatnonzero(np.array(strata) == one) for one in dict.fromkeys(strata)]
        errors, freedoms = jackknives(members, without)
        for row, error, freedom in zip(without, errors, freedoms, strict=True):
            alone = jackknife(members, row)
            assert (None if math.isnan(error) else (error, freedom)) == alone
            if alone is not None:
                variances = [
                    (len(mine) - 1) / len(mine) * float(((row[mine] - row[mine].mean()) ** 2).sum())
                    for mine in members
                ]
                assert math.sqrt(math.fsum(variances)) == error


def test_a_single_window_gives_a_value_and_says_why_there_is_no_interval():
    found = estimate(np.array([2.0, 2.0]), ["only"])
    assert (found.value, found.low, found.high) == (2.0, None, None)
    assert found.reason == "no interval: fewer than two windows in a stratum"


def test_nothing_measured_is_none_never_zero():
    found = estimate(np.array([np.nan] * 3), ["a", "a"])
    assert found.value is None
    assert found.reason == "no request to measure it on"


def test_no_failure_seen_is_not_no_failure_possible():
    """0 of n: the upper 95 % bound is 1 - 0.05^(1/n), about 3/n."""
    found = estimate(np.ones(4), ["a"] * 3, (0.0, 1.0), n_trials=3000)
    assert found.value == 1.0
    assert found.high == 1.0
    assert found.low == pytest.approx(1 - 3 / 3000, abs=2e-6)


def test_weights_of_a_left_out_window_go_to_its_stratum():
    table = deletions([0.2, 0.3, 0.5], ["a", "a", "b"]).weights
    assert table[0] == pytest.approx([0.2, 0.3, 0.5])
    assert table[1] == pytest.approx([0.0, 0.5, 0.5])
    assert table[2] == pytest.approx([0.5, 0.0, 0.5])
    assert table[3] == pytest.approx([0.2, 0.3, 0.5])  # alone in its stratum: it cannot be lost


def test_intervals_of_a_mean_cover_the_truth_about_95_times_in_100():
    """2,000 seeded repetitions of 8 windows: the count of covers is binomial(2000, 0.95); 5 sigma is 49."""
    generator = np.random.Generator(np.random.Philox(11))
    strata = ["only"] * 8
    weights = deletions([1.0] * 8, strata).weights
    covered = 0
    for _ in range(2000):
        found = interval(weights @ generator.normal(10.0, 2.0, 8), strata)
        assert found is not None
        covered += found[0] <= 10.0 <= found[1]
    assert abs(covered - 1900) < 49
