"""Beliefs and draws against the distributions they are named after."""

import math

import numpy as np
import pytest
from scipy import stats

from planner.finance.distributions import (
    Z90,
    Correlation,
    Input,
    Inverse,
    Myerson,
    NotPossible,
    Pert,
    copula,
    design,
    draw,
    joined,
)

PROBABILITIES = np.array([0.001, 0.05, 0.1, 0.3, 0.5, 0.77, 0.9, 0.99])


def one(name: str = "a", belief: Myerson | Pert | None = None, **changes: object) -> Input:
    return Input(name=name, label="", kind="money", belief=belief or Myerson(1, 2, 4), value=2.0, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("p10", "p50", "p90"),
    [(1, 2, 4), (1, 2, 3), (-3, 1, 2), (0.01, 0.1, 1), (1, 2, 3 + 1e-9), (1e6, 2e6, 9e6)],
)
def test_the_three_quantiles_are_met_exactly(p10: float, p50: float, p90: float) -> None:
    found = Myerson(p10, p50, p90).quantile(np.array([0.1, 0.5, 0.9]))
    assert found == pytest.approx([p10, p50, p90], rel=1e-13, abs=1e-13)


def test_figures_in_proportion_make_a_lognormal() -> None:
    """b = 2 and p50 = 2: 2 + 2 (2^t - 1) = 2^(1 + t)."""
    lognormal = stats.lognorm(s=math.log(2) / Z90, scale=2)
    assert Myerson(1, 2, 4).quantile(PROBABILITIES) == pytest.approx(lognormal.ppf(PROBABILITIES), rel=1e-12)


def test_figures_at_equal_distances_make_a_normal() -> None:
    normal = stats.norm(5, 2 / Z90)
    assert Myerson(3, 5, 7).quantile(PROBABILITIES) == pytest.approx(normal.ppf(PROBABILITIES), rel=1e-12)
    nearly = Myerson(3, 5, 7 + 1e-7).quantile(PROBABILITIES)
    assert nearly == pytest.approx(normal.ppf(PROBABILITIES), rel=1e-6)


def test_a_pert_is_the_beta_of_its_three_values() -> None:
    found = Pert(2, 3, 10).quantile(PROBABILITIES)
    beta = stats.beta(1 + 4 * 1 / 8, 1 + 4 * 7 / 8, loc=2, scale=8)
    assert found == pytest.approx(beta.ppf(PROBABILITIES), rel=1e-10)
    assert beta.mean() == pytest.approx((2 + 4 * 3 + 10) / 6)
    mean = Pert(2, 3, 10).quantile(design(1, 2**14, 1)[:, 0]).mean()
    assert mean == pytest.approx((2 + 4 * 3 + 10) / 6, rel=1e-4)


def test_three_equal_figures_are_certain() -> None:
    assert set(Myerson(3, 3, 3).quantile(PROBABILITIES)) == {3.0}
    assert set(Pert(3, 3, 3).quantile(PROBABILITIES)) == {3.0}


def test_the_design_has_one_point_in_each_of_its_strata() -> None:
    points = design(5, 2**12, 3)
    for column in points.T:
        assert sorted(np.floor(column * 2**12).astype(int)) == list(range(2**12))


def test_equal_seeds_give_equal_draws_and_others_others() -> None:
    assert (design(3, 64, 7) == design(3, 64, 7)).all()
    assert (design(3, 64, 7) != design(3, 64, 8)).any()


def test_draws_keep_the_quantiles_and_the_bounds_of_the_field() -> None:
    inputs = (one("a", Myerson(0.1, 0.5, 0.9), low=0.0, high=1.0), one("b", Myerson(1, 4, 9), is_whole=True))
    values = draw(inputs, (), 2**14, 1)
    assert np.quantile(values[:, 0], [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=1e-3)
    assert values[:, 0].min() == 0.0
    assert values[:, 0].max() == 1.0
    assert (values[:, 1] == np.round(values[:, 1])).all()
    open_ended = draw((one("a", Myerson(0.1, 0.5, 0.9), low=0.0, low_open=True),), (), 2**10, 1)
    assert open_ended.min() > 0


@pytest.mark.parametrize("rank", [-0.9, -0.3, 0.5, 0.8])
def test_rank_correlations_are_realised(rank: float) -> None:
    inputs = (one("a"), one("b", Pert(0, 1, 9)), one("c"))
    values = draw(inputs, (Correlation(0, 1, rank),), 2**14, 5)
    found = stats.spearmanr(values).statistic
    assert found[0, 1] == pytest.approx(rank, abs=0.01)
    assert abs(found[0, 2]) < 0.01
    assert abs(found[1, 2]) < 0.01


def test_the_order_of_inputs_changes_no_draw() -> None:
    a, b, c = one("a"), one("b", Pert(0, 1, 9)), one("c", Myerson(3, 5, 7))
    first = draw((a, b, c), (Correlation(0, 2, 0.7),), 2**10, 5)
    second = draw((c, a, b), (Correlation(0, 1, 0.7),), 2**10, 5)
    assert (first[:, 0] == second[:, 1]).all()
    assert (first[:, 1] == second[:, 2]).all()
    assert (first[:, 2] == second[:, 0]).all()


def test_correlations_that_cannot_hold_together_are_refused() -> None:
    with pytest.raises(NotPossible):
        copula(3, (Correlation(0, 1, 0.9), Correlation(1, 2, 0.9), Correlation(0, 2, -0.9)))
    assert joined(design(2, 8, 1), ()).shape == (8, 2)


def test_a_default_factor_that_lies_wider_below_its_median_never_makes_prices_nothing() -> None:
    """0.6, 1, 1.1: Myerson's own tail passes 0 in 2.4 % of all draws; one over a value of his has a lowest value of 0."""
    assert (Myerson(0.6, 1.0, 1.1).quantile(np.array([0.023])) < 0).all()
    belief = Inverse(0.6, 1.0, 1.1)
    assert belief.quantile(np.array([0.1, 0.5, 0.9])) == pytest.approx([0.6, 1.0, 1.1], rel=1e-12)
    found = belief.quantile(np.linspace(1e-9, 1 - 1e-9, 10_001))
    assert (np.diff(found) > 0).all()
    assert found.min() > 0
    assert 1 / found == pytest.approx(
        Myerson(1 / 1.1, 1.0, 1 / 0.6).quantile(1 - np.linspace(1e-9, 1 - 1e-9, 10_001)), rel=1e-12
    )
