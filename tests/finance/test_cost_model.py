"""Costs as functions of inputs: made-up bills whose formulas are known are met wherever the inputs stand."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pytest

from planner.finance.cost_model import CostModel, cost_model
from planner.finance.distributions import Input, Myerson, Pert, draw
from planner.finance.factors import Broken, fit
from planner.finance.float_bill import FloatBill, Line

MONTHS = 24
Floats = npt.NDArray[np.float64]
K = np.arange(MONTHS)
Formula = Callable[[Mapping[str, float]], Floats]


def line(account: str, view: str = "invoiced") -> Line:
    return Line(view, account, None, None, "USD", (account,))


def one(name: str, belief: Myerson | Pert, kind: str = "money", **changes: object) -> Input:
    return Input(name=name, label="", kind=kind, belief=belief, value=1.0, **changes)  # type: ignore[arg-type]


def modelled(
    inputs: tuple[Input, ...], formulas: dict[Line, Formula], n: int = 256
) -> tuple[CostModel, Floats]:
    """The model on the ranges of n draws, and the draws."""
    values = draw(inputs, (), n, 3)
    spans = [(float(column.min()), float(column.max())) for column in values.T]
    own = {each.name: each.p50 for each in inputs}

    def bill(point: Mapping[str, float]) -> FloatBill:
        at = own | dict(point)
        return FloatBill(tuple(formulas), np.array([formula(at) for formula in formulas.values()]))

    return cost_model("s", inputs, spans, bill, lambda input_, line_: True), values


def directly(inputs: tuple[Input, ...], formulas: dict[Line, Formula], values: Floats, view: str) -> Floats:
    names = [each.name for each in inputs]
    return np.array(
        [
            sum((formula(dict(zip(names, row, strict=True))) for line_, formula in formulas.items() if line_.view == view), np.zeros(MONTHS))
            for row in values
        ]
    )  # fmt: skip


INPUTS = (
    one("volume", Myerson(0.5, 1, 3)),
    one("growth", Myerson(-0.02, 0.03, 0.09)),
    one("price", Myerson(1, 2, 3)),
    one("fte", Pert(0, 0, 2)),
    one("people", Myerson(80, 100, 150)),
    one("wrong", Myerson(0.01, 0.1, 1)),
    one("nothing", Myerson(1, 2, 3)),
)
FORMULAS: dict[Line, Formula] = {
    line("api/input"): lambda x: x["volume"] * (1 + x["growth"]) ** K * x["price"] * 7,
    line("api/output"): lambda x: x["volume"] * (1 + x["growth"]) ** K * 11,
    line("api/fixed price"): lambda x: np.where(K < 6, 3.0, 2.0 * x["price"]),
    line("people"): lambda x: x["fte"] * x["people"] + 0 * K,
    line("one-time"): lambda x: np.where(K == 0, 500.0, 0.0),
    line("wrong answers", "economic"): lambda x: x["volume"] * (1 + x["growth"]) ** K * x["wrong"],
}


def test_products_of_quantities_and_prices_are_met_to_the_last_digits() -> None:
    """Growth as a power, a price that begins in month 6, an input whose median hides its line, one that moves nothing."""
    model, values = modelled(INPUTS, FORMULAS)
    costs = model.costs(values)
    for view, found in (("invoiced", costs.invoiced), ("economic", costs.economic)):
        expected = directly(INPUTS, FORMULAS, values, view)
        assert np.abs(found / expected - 1).max() < 1e-10
    assert (costs.at_start_invoiced == 500).all()
    assert not costs.at_start_economic.any()
    assert model.total(values, "invoiced") == pytest.approx(costs.invoiced.sum(axis=1), rel=1e-12)
    both = costs.invoiced.sum(axis=1) + costs.economic.sum(axis=1)
    assert model.total(values, "economic") == pytest.approx(both, rel=1e-12)
    assert all(model.met)
    straight = dict(zip((each.name for each in INPUTS), model.straight, strict=True))
    assert straight == {name: name != "growth" for name in straight}
    moved = dict(zip((each.name for each in INPUTS), model.moved, strict=True))
    assert moved == {name: name != "nothing" for name in moved}


def test_the_order_of_inputs_changes_no_cost() -> None:
    model, values = modelled(INPUTS, FORMULAS)
    other, turned = modelled(INPUTS[::-1], FORMULAS)
    assert (turned == values[:, ::-1]).all()
    assert other.total(turned, "economic") == pytest.approx(model.total(values, "economic"), rel=1e-12)


def test_lines_that_stand_only_elsewhere_are_found() -> None:
    """A line of growth that only a positive input shows, and one that a negative one shows."""
    inputs = (one("x", Myerson(-1, 0.5, 2)), one("price", Myerson(1, 2, 3)))
    formulas: dict[Line, Formula] = {
        line("above"): lambda x: max(x["x"], 0.0) * x["price"] + 0 * K,
        line("below"): lambda x: max(-x["x"], 0.0) * x["price"] ** 2 + 0 * K,
        line("always"): lambda x: 5.0 + 0 * K,
    }
    model, values = modelled(inputs, formulas)
    found = model.costs(values).invoiced
    expected = directly(inputs, formulas, values, "invoiced")
    assert model.met == (False, True)  # a bend is no series
    assert np.abs(found - expected).max() < 0.6  # at the bend itself
    far = np.abs(values[:, 0]) > 0.5
    assert np.abs(found / expected - 1)[far].max() < 0.02


def test_whole_numbers_are_worked_out_one_by_one() -> None:
    inputs = (one("n", Myerson(1, 4, 9), is_whole=True, low=1),)
    formulas: dict[Line, Formula] = {line("steps"): lambda x: np.ceil(x["n"] / 3) * 10 + 0 * K}
    model, values = modelled(inputs, formulas)
    assert model.costs(values).invoiced == pytest.approx(
        directly(inputs, formulas, values, "invoiced"), rel=1e-12
    )
    assert model.met == (True,)


def test_factors_move_the_lines_they_are_of() -> None:
    inputs = (one("factor of api", Myerson(0.5, 1, 2), "factor"), one("price", Myerson(1, 2, 3)))
    formulas: dict[Line, Formula] = {
        line("api"): lambda x: 3 * x["price"] + 0 * K,
        line("people"): lambda x: 4.0 + 0 * K,
    }
    values = draw(inputs, (), 64, 3)
    spans = [(float(column.min()), float(column.max())) for column in values.T]

    def bill(point: Mapping[str, float]) -> FloatBill:
        at = {"price": 2.0} | dict(point)
        return FloatBill(tuple(formulas), np.array([formula(at) for formula in formulas.values()]))

    model = cost_model("s", inputs, spans, bill, lambda input_, line_: line_.account == "api")
    expected = 3 * values[:, 0] * values[:, 1] + 4
    assert model.costs(values).invoiced[:, 5] == pytest.approx(expected, rel=1e-12)


def test_simulated_inputs_go_through_the_points_that_were_simulated() -> None:
    inputs = (one("retries", Myerson(1, 2, 4), "simulated"), one("price", Myerson(1, 2, 3)))
    formulas: dict[Line, Formula] = {
        line("api"): lambda x: x["retries"] ** 2 * x["price"] + 0 * K,
        line("wasted"): lambda x: (5.0 if x["retries"] > 3 else 0.0) * x["price"] + 0 * K,
    }
    met: set[float] = set()

    def bill(point: Mapping[str, float]) -> FloatBill:
        at = {"retries": 2.0, "price": 2.0} | dict(point)
        met.add(at["retries"])
        return FloatBill(tuple(formulas), np.array([formula(at) for formula in formulas.values()]))

    model = cost_model("s", inputs, [(0.5, 9.0), (0.5, 4.0)], bill, lambda input_, line_: True)
    assert sorted(met) == pytest.approx([1.0, 2.0, 4.0])
    values = np.array([[1.0, 3.0], [2.0, 3.0], [4.0, 3.0], [3.0, 1.0]])
    expected = [1 * 3, 4 * 3, 16 * 3 + 15, (4 + 16) / 2 + 2.5]
    assert model.costs(values).invoiced[:, 0] == pytest.approx(expected, rel=1e-9)
    assert model.met == (False, True)


def test_an_input_without_any_range_moves_nothing() -> None:
    found = fit(lambda value: np.ones(3), 2.0, 2.0, 2.0)
    assert found.functions == ()
    assert set(found.which) == {-1}


def test_lines_between_points_go_on_beyond_them_and_never_below_zero() -> None:
    found = Broken((1.0, 2.0, 4.0), (1.0, 3.0, 2.0))
    assert found(np.array([0.0, 0.75, 1.5, 3.0, 6.0, 20.0])) == pytest.approx([0.0, 0.5, 2.0, 2.5, 1.0, 0.0])
