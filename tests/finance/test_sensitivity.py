"""Tornado, switch-over values and shares of variance against functions whose answers are known."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from planner.finance.distributions import Z90, Input, Myerson, Pert
from planner.finance.sensitivity import rank_correlations, sobol_indices, tornado

Floats = npt.NDArray[np.float64]


def normal(name: str, mean: float, sd: float, **changes: bool) -> Input:
    belief = Myerson(mean - sd * Z90, mean, mean + sd * Z90)
    return Input(name=name, label="", kind="money", belief=belief, value=mean, **changes)  # type: ignore[arg-type]


def uniform(name: str) -> Input:
    class Uniform(Pert):
        def quantile(self, probability: Floats) -> Floats:
            return np.asarray(self.low + (self.high - self.low) * probability)

    return Input(name=name, label="", kind="money", belief=Uniform(-math.pi, 0.0, math.pi), value=0.0)


def test_a_tornado_of_a_difference_of_straight_lines() -> None:
    """F = 10 + 3 a - 2 b: bars of 2 x 1.2816 standard deviations, zeros at a = -10/3 + ... by hand."""
    inputs = (normal("a", 1.0, 2.0), normal("b", 0.0, 1.0), normal("still", 5.0, 1.0))
    bars = tornado(inputs, lambda x: 10 + 3 * x[:, 0] - 2 * x[:, 1], ((-9.0, 9.0), (-9.0, 9.0), (0.0, 9.0)))
    a, b, still = bars
    assert [bar.name for bar in bars] == ["a", "b", "still"]
    assert a.baseline == b.baseline == 13.0
    assert (a.at_low, a.at_high) == pytest.approx((13 - 6 * Z90, 13 + 6 * Z90))
    assert a.swing == pytest.approx(12 * Z90)
    assert (b.at_low, b.at_high) == pytest.approx((13 + 2 * Z90, 13 - 2 * Z90))
    assert a.switches == pytest.approx((-10 / 3,), rel=1e-12)
    assert b.switches == pytest.approx((6.5,), rel=1e-12)
    assert (still.swing, still.switches) == (0.0, ())
    assert not any(bar.is_outside for bar in bars)


def test_all_changes_of_sign_are_found_and_a_bend_is_told() -> None:
    inputs = (normal("a", 0.0, 1.0),)
    (bar,) = tornado(inputs, lambda x: x[:, 0] ** 2 - 2, ((-3.0, 3.0),))
    assert bar.switches == pytest.approx((-math.sqrt(2), math.sqrt(2)), rel=1e-12)
    assert bar.is_outside
    assert bar.swing == pytest.approx(Z90**2)
    (touching,) = tornado(inputs, lambda x: x[:, 0] ** 2, ((-3.0, 3.0),))
    assert touching.switches == ()
    (exact,) = tornado(inputs, lambda x: x[:, 0], ((-2.0, 2.0),))
    assert exact.switches == (0.0,)


def test_whole_numbers_are_looked_at_as_such() -> None:
    one = Input(name="n", label="", kind="money", belief=Myerson(2, 5, 9), value=5.0, is_whole=True)
    met: list[float] = []

    def figure(values: Floats) -> Floats:
        met.extend(values[:, 0])
        return values[:, 0] - 1.0

    tornado((one,), figure, ((1.0, 20.0),))
    assert {value % 1 for value in met} == {0.0}


def test_the_order_of_inputs_changes_no_bar() -> None:
    a, b = normal("a", 1.0, 2.0), normal("b", 0.0, 1.0)
    first = tornado((a, b), lambda x: x[:, 0] * x[:, 1] + x[:, 0], ((-9, 9), (-9, 9)))
    second = tornado((b, a), lambda x: x[:, 0] * x[:, 1] + x[:, 1], ((-9, 9), (-9, 9)))
    assert first == second


def test_shares_of_variance_of_ishigami() -> None:
    """sin x + a sin^2 y + b z^4 sin x on (-pi, pi), a = 7, b = 0.1 (Ishigami and Homma 1990)."""
    a, b = 7.0, 0.1

    def ishigami(x: Floats) -> Floats:
        return np.asarray(np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0]))

    v1 = (1 + b * math.pi**4 / 5) ** 2 / 2
    v2 = a * a / 8
    v13 = b * b * math.pi**8 * (1 / 18 - 1 / 50)
    variance = v1 + v2 + v13
    found = sobol_indices(ishigami, (uniform("x"), uniform("y"), uniform("z")), 2**13, seed=2)
    assert found.first == pytest.approx(np.array([v1, v2, 0.0]) / variance, abs=0.01)
    assert found.total == pytest.approx(np.array([v1 + v13, v2, v13]) / variance, abs=0.01)


def test_shares_of_a_sum_add_up_and_of_nothing_are_nothing() -> None:
    inputs = (normal("a", 0.0, 3.0), normal("b", 1.0, 4.0))
    found = sobol_indices(lambda x: x[:, 0] + x[:, 1], inputs, 2**12)
    assert found.first == pytest.approx([9 / 25, 16 / 25], abs=0.01)
    assert found.total == pytest.approx([9 / 25, 16 / 25], abs=0.01)
    still = sobol_indices(lambda x: np.full(x.shape[0], 4.2), inputs, 2**6)
    assert set(still.first) == set(still.total) == {0.0}


def test_rank_correlations_are_spearmans() -> None:
    generator = np.random.default_rng(4)
    values = np.round(generator.normal(size=(500, 3)), 1)
    figure = values[:, 0] ** 3 + values[:, 1] + generator.normal(size=500)
    expected = [stats.spearmanr(column, figure).statistic for column in values.T]
    assert rank_correlations(values, figure) == pytest.approx(expected, rel=1e-10)
    assert rank_correlations(np.ones((5, 1)), np.arange(5.0)) == [0.0]
