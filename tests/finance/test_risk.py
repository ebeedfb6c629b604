"""Budgets, probabilities and values of information against closed forms."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.special import ndtri

from planner.finance.distributions import design
from planner.finance.risk import (
    compound_quantile,
    conditional_means,
    evpi_of_two_normals,
    normal_scores,
    quantiles,
    regrets,
    shares_cheapest,
    tail_mean,
    value_of_knowing,
    value_of_perfect_information,
)

DRAWS = 2**14


def normals(n: int = 2, seed: int = 1) -> npt.NDArray[np.float64]:
    return np.asarray(ndtri(design(n, DRAWS, seed)))


@pytest.mark.parametrize(
    ("mean", "sd"), [(0.0, 1.0), (0.5, 1.0), (-2.0, 1.0), (30_000.0, 50_000.0), (3.0, 1.0)]
)
def test_perfect_information_about_two_normals(mean: float, sd: float) -> None:
    """Costs whose difference is normal: s (phi(u) - u Phi(-u)), u = |d| / s."""
    z = normals()
    common = 100.0 + 7 * z[:, 1]
    costs = np.column_stack([common, common + mean + sd * z[:, 0]])
    u = abs(mean) / sd
    expected = sd * (stats.norm.pdf(u) - u * stats.norm.cdf(-u))
    assert evpi_of_two_normals(mean, sd) == pytest.approx(expected, rel=1e-12)
    assert value_of_perfect_information(costs) == pytest.approx(expected, rel=0.01, abs=1e-4 * sd)


@pytest.mark.parametrize(("mean", "first", "second"), [(0.3, 1.0, 0.5), (1.0, 0.4, 2.0), (0.0, 3.0, 1.0)])
def test_knowing_one_of_two_inputs(mean: float, first: float, second: float) -> None:
    """The difference is d + a x + b y with normal x and y: knowing x alone is worth what a normal (d, a) says."""
    z = normals()
    costs = np.column_stack([np.zeros(DRAWS), mean + first * z[:, 0] + second * z[:, 1]])
    for column, spread in ((0, first), (1, second)):
        found = value_of_knowing(normal_scores(z[:, column]), costs)
        assert found == pytest.approx(evpi_of_two_normals(mean, spread), rel=0.02, abs=0.002)


def test_knowing_what_moves_nothing_is_worth_nothing() -> None:
    z = normals(3)
    costs = np.column_stack([np.zeros(DRAWS), 0.5 + z[:, 0]])
    assert value_of_knowing(normal_scores(z[:, 2]), costs) < 1e-4
    assert value_of_knowing(np.zeros(DRAWS), costs) == 0.0


def test_knowing_an_input_that_bends() -> None:
    """The difference is exp(x) - 2: negative below log 2, so knowing x saves E[(2 - e^x)+] or E[(e^x - 2)+]."""
    x = normals()[:, 0]
    costs = np.column_stack([np.full(DRAWS, 2.0), np.exp(x)])
    k = math.log(2)
    saved = 2 * stats.norm.cdf(k) - math.exp(0.5) * stats.norm.cdf(k - 1)  # a put: E[(2 - e^x)+]
    expected = min(2.0, math.exp(0.5)) - (2.0 - saved)
    assert value_of_perfect_information(costs) == pytest.approx(expected, rel=0.01)
    assert value_of_knowing(x, costs) == pytest.approx(expected, rel=0.02)


def test_means_given_an_input_are_those_of_the_polynomial() -> None:
    z = normals()
    found = conditional_means(z[:, 0], (z[:, 0] ** 3 - 2 * z[:, 0] + z[:, 1])[:, np.newaxis])
    assert np.abs(found[:, 0] - (z[:, 0] ** 3 - 2 * z[:, 0])).mean() < 0.01


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (0.7, 1.0), (-1.5, 2.0)])
def test_the_probability_of_being_cheapest(mean: float, sd: float) -> None:
    z = normals()[:, 0]
    found = shares_cheapest(np.column_stack([np.zeros(DRAWS), mean + sd * z]))
    assert found[1] == pytest.approx(stats.norm.cdf(-mean / sd), abs=1e-3)
    assert found.sum() == pytest.approx(1.0)


def test_equal_costs_share_a_draw() -> None:
    assert shares_cheapest(np.array([[1.0, 1.0, 2.0], [3.0, 1.0, 2.0]])) == pytest.approx([0.25, 0.75, 0.0])


def test_quantiles_and_the_mean_of_the_tail_of_a_normal() -> None:
    z = normals()[:, 0]
    assert quantiles(z) == pytest.approx(stats.norm.ppf([0.1, 0.5, 0.8, 0.9, 0.95]), abs=1e-3)
    assert tail_mean(z) == pytest.approx(stats.norm.pdf(stats.norm.ppf(0.95)) / 0.05, rel=1e-2)


def test_the_tail_counts_its_edge_in_part() -> None:
    assert tail_mean(np.arange(1.0, 31.0)) == pytest.approx((30 + 0.5 * 29) / 1.5)
    assert tail_mean(np.array([5.0])) == pytest.approx(5.0)


def test_the_least_mean_regret_is_the_value_of_perfect_information() -> None:
    costs = normals(3) * np.array([1.0, 2.0, 3.0]) + np.array([0.0, 0.1, 0.2])
    assert regrets(costs).mean(axis=0).min() == pytest.approx(value_of_perfect_information(costs))
    assert regrets(costs).min() == 0.0


def test_scores_are_those_of_ranks_and_ties_share_one() -> None:
    found = normal_scores(np.array([3.0, 1.0, 2.0, 2.0]))
    assert found == pytest.approx(stats.norm.ppf([3.5 / 4, 0.5 / 4, 0.5, 0.5]))


@pytest.mark.parametrize(("calls", "sigma"), [(200, 0.5), (2000, 1.0)])
def test_the_95_percent_of_a_compound_sum_is_that_of_a_simulation(calls: int, sigma: float) -> None:
    """A Poisson number of lognormal costs: mean N E[c], variance N E[c^2], skewness E[c^3] / sqrt(N E[c^2]^3)."""
    generator = np.random.default_rng(11)
    numbers = generator.poisson(calls, 20_000)
    costs = generator.lognormal(0.0, sigma, int(numbers.sum()))
    sums = np.add.reduceat(costs, np.concatenate([[0], np.cumsum(numbers)[:-1]]))
    moments = [math.exp(k * k * sigma * sigma / 2) for k in (1, 2, 3)]
    assert sums.mean() == pytest.approx(calls * moments[0], rel=0.005)
    assert sums.var() == pytest.approx(calls * moments[1], rel=0.05)
    for share in (0.5, 0.8, 0.95):
        assert compound_quantile(calls, *moments, share) == pytest.approx(np.quantile(sums, share), rel=0.005)
