"""The model of uncertain costs is the ledger's: wherever inputs of money and volume stand, to nine digits."""

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import planner
from planner.errors import PlannerError
from planner.experiments.uncertainty import DRAWS, Uncertainty, uncertainty
from planner.finance import Ledger, account, tco
from planner.scenario import Scenario, load
from planner.scenario.input_kinds import kind_of, value_at
from planner.scenario.paths import render
from planner.workload.windows import plan_windows

SCENARIOS = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.yaml"))
WINDOW_S = 600
SMALL: dict[str, Any] = {
    "name": "small",
    "start": "2027-01-15",
    "traffic": {"requests_per_month": 2_000_000, "growth_per_month": 0.02},
    "tasks": {
        "faq": {"share": 0.7, "cost_of_wrong_answer_usd": 0.2, "accuracy": {"big": 0.95, "small": 0.85}},
        "mail": {"share": 0.3, "output_tokens": {"p50": 100, "p95": 400}, "accuracy": {"big": 0.9, "small": 0.6}},
    },
    "models": {
        "big": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10},
        "small": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6},
    },
    "deployments": {
        "a": {"model": "big", "latency": {"total_s": 1}},
        "b": {"model": "small", "latency": {"total_s": 1}, "errors": {"rate": 0.1, "latency_s": 0.1}},
    },
    "strategies": {
        "omni-only": {"omni": ["a"]},
        "mini-only": {"mini": ["b"]},
        "both": {"omni": ["a"], "mini": ["b"], "router": {"omni_share": 0.5, "usd_per_1k_requests": 0.02}},
    },
    "policy": {"retries": 1},
    "gateway": {"fee": 0.05},
    "finance": {
        "horizon_months": 14,
        "one_time": [{"name": "Set-up", "usd": 900}],
        "people": [{"name": "Run", "fte": 0.1, "usd_per_year": 90_000}, {"name": "Tune", "fte": 0.05, "usd_per_year": 90_000, "strategies": ["both"]}],
        "downtime_usd_per_hour": 50,
        "price_steps": [{"at": "2027-06-10", "model": "big", "factor": 0.8}],
        "budget_usd_per_month": 8000,
    },
    "run": {"window_s": 3600, "replications": 2},
}  # fmt: skip


@cache
def shipped(path: Path) -> planner.Comparison:
    return planner.compare(planner.load(path).set({"run.window_s": WINDOW_S}), replications=2)


#: The same tokens at a dear and at a cheap price: no price of both together lets the dear one win.
FREE: dict[str, Any] = {
    "name": "tokens",
    "start": "2025-04-01",
    "traffic": {"requests_per_month": 2_000_000},
    "tasks": {"faq": {}},
    "deployments": {
        "omni": {"model": "gpt-4o-2024-11-20", "provider": "openai"},
        "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
    },
    "strategies": {"o": {"omni": ["omni"]}, "m": {"mini": ["mini"]}},
    "finance": {"horizon_months": 1},
    "run": {"window_s": 120, "replications": 2, "seed": 3},
}


def small(**changes: Any) -> Scenario:
    return load(SMALL, {path.replace("__", "."): value for path, value in changes.items()})


@cache
def found() -> Uncertainty:
    """The small scenario with its default ranges."""
    return planner.uncertainty(small())


def numbers_of(scenario: Scenario, *kinds: str) -> dict[str, float]:
    """Paths of numbers of some kinds that the file gives, and the numbers."""
    paths: list[str] = ["finance.discount_rate"]

    def walk(here: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(here, dict):
            for key, inner in here.items():
                walk(inner, (*path, key))
        elif isinstance(here, list):
            for index, inner in enumerate(here):
                walk(inner, (*path, index))
        elif isinstance(here, int | float) and not isinstance(here, bool):
            paths.append(render(path))

    walk(scenario.to_dict(), ())
    return {
        path: value_at(scenario, path) for path in dict.fromkeys(paths) if kind_of(scenario, path) in kinds
    }


def believed(numbers: dict[str, float]) -> dict[str, Any]:
    """A range around each number; around 0, one above it. Below 0 would be illegal for most."""
    ranges = {path: sorted((0.8 * number, number, 1.3 * number)) for path, number in numbers.items()}
    return {
        path: {"min": 0, "mode": 0, "max": 0.1} if not number else dict(zip(("p10", "p50", "p90"), ranges[path], strict=True))
        for path, number in numbers.items()
    }  # fmt: skip


# -- the model is the ledger -------------------------------------------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_default_ranges_of_every_shipped_scenario_are_carried_to_the_ledger_s_digits(path: Path) -> None:
    comparison = shipped(path)
    result = uncertainty(comparison, draws=256)
    assert result.is_default
    assert result.check.draws == 8
    assert result.check.largest_difference < 1e-9
    assert result.check.with_rounding < 1e-9
    assert result.inputs["is_met"].all()
    assert len(result.inputs) >= 4
    assert set(result.inputs["kind"]) <= {"volume", "factor"}
    for name in comparison.strategies:
        middle = np.array([[one.p50 for one in result.inputs_used]])
        expected = float(comparison.results[name].tco.economic_usd)
        costs = result.drawn[name].model.costs(middle)
        assert float((costs.invoiced + costs.economic).sum()) == pytest.approx(expected, rel=1e-9)


def test_no_draw_of_the_default_ranges_has_tokens_for_nothing() -> None:
    """Prices at 0.6 to 1.1 of today's: no draw in which all strategies cost nothing and tie for the cheapest."""
    result = uncertainty(planner.compare(planner.load(FREE)), draws=4096)
    column = [one.name for one in result.inputs_used].index("price of tokens at openai")
    price = result.inputs_used[column]
    assert (price.p10, price.p50, price.p90) == pytest.approx((0.6, 1.0, 1.1), rel=1e-12)
    assert result.values[:, column].min() > 0
    assert (result.totals() > 0).all()
    assert dict(zip(result.cheapest["strategy"], result.cheapest["among_all"], strict=True)) == {
        "o": 0.0,
        "m": 1.0,
    }


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_number_of_money_and_volume_moves_the_bill_as_the_ledger_says(path: Path) -> None:
    """All of them uncertain at once; months, views and present values at drawn points against exact ledgers."""
    base = shipped(path)
    numbers = numbers_of(base.scenario, "money", "volume")
    scenario = base.scenario.set({"uncertain": believed(numbers)})
    comparison = planner.compare(scenario, replications=2)
    result = uncertainty(comparison, draws=64)
    assert not result.is_default
    assert result.check.largest_difference < 1e-9
    name = comparison.strategies[-1]
    quantities = [cell.quantities for cell in comparison.results[name].cells]
    for row in (3, 42):
        values = dict(zip((one.name for one in result.inputs_used), result.values[row], strict=True))
        changed = scenario.set({key: round(value) if isinstance(numbers[key], int) else float(value) for key, value in values.items()})  # fmt: skip
        ledger = account(changed, name, comparison.windows, quantities)
        exact = tco(changed, ledger)
        costs = result.drawn[name].model.costs(result.values[row : row + 1])
        rounding = dict.fromkeys((month.month for month in exact.per_month), 0.0)
        for line in ledger.rows:
            rounding[line.month] += 5e-7 * abs(float(line.unit_price_usd))
        for month, invoiced, economic in zip(
            exact.per_month, costs.invoiced[0], costs.economic[0], strict=True
        ):
            size = float(exact.invoiced_usd)
            both = invoiced + economic
            assert abs(invoiced - float(month.invoiced_usd)) < 1e-9 * size + rounding[month.month], (
                month.month
            )
            assert abs(both - float(month.economic_usd)) < 1e-9 * size + rounding[month.month], month.month
        spread = sum(rounding.values())
        today = result.drawn[name].today
        assert today["invoiced"][row] == pytest.approx(float(exact.invoiced_npv_usd), rel=1e-9, abs=spread)
        assert today["economic"][row] == pytest.approx(float(exact.economic_npv_usd), rel=1e-9, abs=spread)


@pytest.mark.parametrize(
    "changes",
    [
        {"traffic__saturation_requests_per_month": 2_500_000, "traffic__growth_per_month": 0.1},
        {"traffic__seasons": {"july": 0.5, "december": 2.0}, "traffic__growth_per_month": 0.1},
        {"finance__price_drift": [{"per_year": -0.3}]},
        {"finance__rates": "real", "finance__inflation_per_year": 0.02},
        {
            "traffic__growth_per_month": ...,
            "traffic__growth_per_year": 0.5,
            "traffic__saturation_requests_per_month": 9e6,
        },
    ],
    ids=["saturation", "seasons", "drift", "real", "yearly"],
)
def test_growth_seasons_and_drift_are_carried_to_the_ledger_s_digits(changes: dict[str, Any]) -> None:
    """Growth below a saturation is no factor of its own: volume and growth move months together."""
    tree = json.loads(json.dumps(SMALL))
    if changes.get("traffic__growth_per_month") is ...:
        del tree["traffic"]["growth_per_month"]
    given = {path.replace("__", "."): value for path, value in changes.items() if value is not ...}
    plan = load(tree, given)
    numbers = numbers_of(plan, "money", "volume")
    uncertain = plan.set({"uncertain": believed(numbers)})
    result = planner.uncertainty(uncertain, draws=128)
    assert result.check.largest_difference < 1e-9
    assert result.inputs["is_met"].all()
    row = result.values[5:6]
    values = dict(zip((one.name for one in result.inputs_used), result.values[5], strict=True))
    changed = plan.set({key: round(value) if isinstance(numbers[key], int) else float(value) for key, value in values.items()})  # fmt: skip
    comparison = planner.compare(plan)
    for name in plan.strategies:
        quantities = [cell.quantities for cell in comparison.results[name].cells]
        exact = tco(changed, account(changed, name, comparison.windows, quantities))
        costs = result.drawn[name].model.costs(row)
        for month, invoiced in zip(exact.per_month, costs.invoiced[0], strict=True):
            assert invoiced == pytest.approx(float(month.invoiced_usd), rel=1e-9, abs=0.02), month.month
        assert result.drawn[name].today["economic"][5] == pytest.approx(
            float(exact.economic_npv_usd), rel=1e-6
        )
        assert result.figure(name)(row)[0] == pytest.approx(float(exact.economic_usd), rel=1e-9, abs=0.2)


def test_the_check_sees_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot fail is none."""
    from planner.experiments import uncertain_bills

    right = uncertain_bills.Bills.ledger

    def bent(self: Any, name: str, point: Any) -> Ledger:
        ledger = right(self, name, point)
        dearest = max(ledger.rows, key=lambda row: row.amount_usd)
        return Ledger((*ledger.rows, replace(dearest, quantity=dearest.quantity / 10_000)))

    assert uncertainty(small(), draws=64).check.largest_difference < 1e-9
    monkeypatch.setattr(uncertain_bills.Bills, "ledger", bent)
    assert 1e-7 < uncertainty(small(), draws=64).check.largest_difference < 1e-4


# -- simulated inputs --------------------------------------------------------------------------------


def test_simulated_inputs_are_those_of_comparisons_where_they_were_simulated() -> None:
    errors, share, fee = "deployments.b.errors.rate", "strategies.both.router.omni_share", "gateway.fee"
    ranges = {
        errors: {"p10": 0.05, "p50": 0.1, "p90": 0.2},
        share: {"min": 0.2, "mode": 0.5, "max": 0.9},
        fee: {"p10": 0.0, "p50": 0.05, "p90": 0.1},
    }
    plan = small(uncertain=ranges, finance__downtime_usd_per_hour=5000)
    result = planner.uncertainty(plan, draws=256)
    table = result.inputs.set_index("name")
    assert list(table["kind"]) == ["simulated", "simulated", "money"]
    assert list(table["is_met"]) == [False, False, True]
    middle = {one.name: one.p50 for one in result.inputs_used}
    for path in (errors, share):
        for end in ("p10", "p90"):
            point = middle | {path: float(table.loc[path, end])}
            exact = planner.compare(plan.set(point))
            values = np.array([list(point.values())])
            for name in plan.strategies:
                total = result.drawn[name].model.total(values, "economic")[0]
                assert total == pytest.approx(float(exact.results[name].tco.economic_usd), rel=1e-8), (
                    path,
                    end,
                )
    assert result.check.largest_difference < 1e-9
    dearer = result.tornado("mini-only").set_index("input").loc[errors]
    assert dearer["at_p90"] > dearer["baseline"] > dearer["at_p10"]


# -- tables ------------------------------------------------------------------------------------------


def test_one_uncertain_price_is_worked_by_hand() -> None:
    """Only downtime's price is uncertain: the bill is fixed + hours x price, so every quantile is known."""
    path = "finance.downtime_usd_per_hour"
    plan = small(uncertain={path: {"p10": 20, "p50": 50, "p90": 80}})
    comparison = planner.compare(plan)
    result = planner.uncertainty(comparison)
    ledger = comparison.results["mini-only"].ledger
    hours = float(sum(row.quantity for row in ledger.rows if row.account == "downtime"))
    fixed = float(sum(row.amount_usd for row in ledger.rows if row.account != "downtime"))
    assert hours > 1
    budget = result.budget.set_index(["strategy", "view", "measure"]).loc["mini-only", "economic", "total"]
    z = {"p10": -1.2815515655446004, "p50": 0.0, "p80": 0.8416212335729143, "p95": 1.6448536269514722}
    for name, score in z.items():
        price = 50 + 30 * score / 1.2815515655446004
        assert budget[name] == pytest.approx(fixed + hours * price, rel=1e-5)
    sd = hours * 30 / 1.2815515655446004
    tail = math.exp(-(z["p95"] ** 2) / 2) / math.sqrt(2 * math.pi) / 0.05
    assert budget["cvar95"] == pytest.approx(fixed + hours * 50 + sd * tail, rel=1e-4)
    assert budget["expected"] == pytest.approx(float(comparison.results["mini-only"].tco.economic_usd))
    invoiced = result.budget.set_index(["strategy", "view", "measure"]).loc["mini-only", "invoiced", "total"]
    assert invoiced["p10"] == pytest.approx(invoiced["p95"], rel=1e-12)


def test_probabilities_information_and_regret_belong_together() -> None:
    result = found()
    cheapest, information, regret = result.cheapest, result.information, result.regret
    assert cheapest["among_all"].sum() == pytest.approx(1.0)
    totals = result.totals()
    best = totals.argmin(axis=1)
    assert list(cheapest["among_all"]) == pytest.approx([(best == i).mean() for i in range(3)], abs=1e-9)
    everything = information["usd"].iloc[0]
    assert information["input"].iloc[0] == ""
    assert everything == pytest.approx(regret["mean"].min())
    assert (information["usd"] <= everything + 1e-9).all()
    assert (information["usd"] >= 0).all()
    assert information["usd"].iloc[1:].is_monotonic_decreasing


def test_gates_decide_who_is_asked() -> None:
    plan = small(slo__accuracy=0.85)
    result = planner.uncertainty(planner.compare(plan), draws=1024)
    assert "mini-only" not in result.passing
    table = result.cheapest.set_index("strategy")
    assert not table.loc["mini-only", "passes"]
    assert np.isnan(table.loc["mini-only", "among_passing"])
    assert table["among_passing"].sum() == pytest.approx(1.0)


def test_months_add_up_and_the_budget_is_broken_as_often_as_drawn() -> None:
    result = found()
    months = result.months
    assert months["month"].iloc[0] == "2027-01"
    one = months[(months["strategy"] == "omni-only") & (months["view"] == "invoiced")]
    last = one[one["measure"] == "cumulative"].iloc[-1]
    total = result.budget.set_index(["strategy", "view", "measure"]).loc["omni-only", "invoiced", "total"]
    for name in ("mean", "p10", "p50", "p80", "p90", "p95"):
        assert last[name] == pytest.approx(total[name], rel=1e-12)
    costs = result.drawn["omni-only"].model.costs(result.values).invoiced
    spent = one[one["measure"] == "month"]
    assert list(spent["breach"]) == pytest.approx(list((costs > 8000).mean(axis=0)))
    assert 0 < spent["breach"].iloc[-1] < 1
    years = result.years.set_index(["strategy", "year"])
    inside = np.array([name.startswith("2027") for name in spent["month"]])
    assert inside.sum() == 12
    expected = (costs[:, inside].sum(axis=1) > 12 * 8000).mean()
    assert years.loc[("omni-only", "2027"), "breach"] == pytest.approx(expected)
    without = planner.uncertainty(small(finance__budget_usd_per_month=None), draws=64)
    assert without.months["breach"].isna().all()
    assert without.years.empty


def test_a_tornado_of_two_strategies_turns_where_the_difference_does() -> None:
    result = found()
    table = result.tornado("omni-only", "mini-only")
    figure = result.figure("omni-only", "mini-only")
    middle = np.array([one.p50 for one in result.inputs_used])
    names = [one.name for one in result.inputs_used]
    assert table["baseline"].nunique() == 1
    assert table["baseline"].iloc[0] == pytest.approx(figure(middle[np.newaxis])[0])
    assert table["swing"].is_monotonic_decreasing
    turning = 0
    for bar in table.itertuples():
        for value in bar.switches:
            point = middle.copy()
            point[names.index(bar.input)] = value
            assert abs(figure(point[np.newaxis])[0]) < 1e-6 * abs(bar.baseline)
            turning += 1
    assert turning >= 1
    straight = table.set_index("input")["straight"]
    assert not straight["traffic.growth_per_month"]
    assert straight["cost of a wrong answer"]


def test_shares_of_variance_are_those_of_what_moves_a_bill() -> None:
    table = found().importance
    mine = table[table["strategy"] == "omni-only"].set_index("input")
    assert mine.loc["share of wrong answers of mini", "total"] == 0
    assert mine["first"].sum() <= 1.02
    assert (mine["total"] >= mine["first"] - 0.02).all()
    assert mine["rank_correlation"].idxmax() in set(mine["first"].nlargest(2).index)
    correlated = [{"between": ["gateway.fee", "traffic.requests_per_month"], "rank": 0.5}]
    ranges = {"gateway.fee": {"p10": 0.0, "p50": 0.05, "p90": 0.1}, "traffic.requests_per_month": {"p10": 1e6, "p50": 2e6, "p90": 4e6}}  # fmt: skip
    joined = planner.uncertainty(small(uncertain=ranges, correlated=correlated), draws=256)
    assert joined.importance["total"].isna().all()


# -- what must not matter ----------------------------------------------------------------------------


def test_the_order_of_strategies_and_of_inputs_changes_no_figure() -> None:
    ranges = {
        "gateway.fee": {"p10": 0.0, "p50": 0.05, "p90": 0.1},
        "traffic.requests_per_month": {"p10": 1e6, "p50": 2e6, "p90": 4e6},
        "tasks.faq.cost_of_wrong_answer_usd": {"min": 0, "mode": 0.2, "max": 1},
    }
    first = planner.uncertainty(small(uncertain=ranges), draws=512)
    turned = {**SMALL, "strategies": dict(reversed(SMALL["strategies"].items())), "uncertain": dict(reversed(ranges.items()))}  # fmt: skip
    second = planner.uncertainty(load(turned), draws=512)
    for name in first.strategies:
        assert first.drawn[name].totals["economic"] == pytest.approx(second.drawn[name].totals["economic"], rel=1e-12)  # fmt: skip
    a = first.information.set_index("input")["usd"]
    b = second.information.set_index("input")["usd"]
    assert a.to_dict() == pytest.approx(b.to_dict(), rel=1e-9)
    assert dict(zip(*first.cheapest[["strategy", "among_all"]].to_numpy().T, strict=True)) == dict(
        zip(*second.cheapest[["strategy", "among_all"]].to_numpy().T, strict=True)
    )


def test_the_same_seed_gives_the_same_and_another_nearly_the_same() -> None:
    comparison = planner.compare(small())
    first, again = uncertainty(comparison, draws=2048), uncertainty(comparison, draws=2048)
    assert (first.values == again.values).all()
    assert first.budget.equals(again.budget)
    other = uncertainty(planner.compare(small(run__seed=8)), draws=2048)
    assert other.budget["p95"].to_numpy() == pytest.approx(first.budget["p95"].to_numpy(), rel=0.1)


def test_fewer_draws_say_nearly_the_same() -> None:
    less = uncertainty(planner.compare(small()), draws=1024).budget
    assert less["p80"].to_numpy() == pytest.approx(found().budget["p80"].to_numpy(), rel=0.02)


# -- asking ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [0, 1, 10_000, 2**21])
def test_a_number_of_draws_that_unbalances_the_design_is_refused(draws: int) -> None:
    with pytest.raises(PlannerError, match=f"draws: got {draws}; allowed: a power of two from 2 to 1048576"):
        uncertainty(small(), draws=draws)


def test_a_strategy_that_there_is_not_is_named() -> None:
    with pytest.raises(PlannerError, match="no strategy 'nobody'; there are omni-only, mini-only, both"):
        found().tornado("omni-only", "nobody")


def test_the_document_is_plain_and_says_all() -> None:
    document = json.loads(json.dumps(found().to_dict(), allow_nan=False))
    assert document["draws"] == DRAWS == 16_384
    assert document["is_default"] is True
    assert {one["a"] + "/" + one["b"] for one in document["tornado"]} == {
        "omni-only/mini-only", "omni-only/both", "mini-only/both",
    }  # fmt: skip
    assert len(document["months"]) == 3 * 2 * 2 * 15
    assert document["check"]["largest_difference"] < 1e-9
    assert all(row["source"] and row["confidence"] for row in document["inputs"])


def test_sampling_error_stands_apart_in_one_line() -> None:
    line = found().sampling_error
    assert "\n" not in line
    assert all(name in line for name in SMALL["strategies"])
    windows = plan_windows(small())
    assert len(windows) == 2
