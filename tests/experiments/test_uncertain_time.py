"""Uncertain inputs of a plan over time: real rates, fiscal years, growth by the year, seasons and drift."""

from functools import cache
from typing import Any

import numpy as np
import pytest

import planner
from planner.experiments.uncertainty import Uncertainty, uncertainty
from planner.finance.uncertain_inputs import inputs_of
from planner.scenario import load
from planner.scenario.fields import Scenario
from tests.scenario.samples import changed_at

VOLUME = {"traffic.requests_per_month": {"p10": 800, "p50": 1000, "p90": 1500}}


def plan(**changes: Any) -> Scenario:
    return load(
        changed_at(
            {
                "finance.horizon_months": 24,
                "start": "2025-04-01",
                "traffic.requests_per_month": 1000,
                "run": {"window_s": 86_400, "replications": 2},
                "uncertain": VOLUME,
                "strategies": {"mini-only": {"mini": ["b"]}},
            }
            | {path.replace("__", "."): value for path, value in changes.items()}
        )
    )


@cache
def nominal() -> Uncertainty:
    return uncertainty(planner.compare(plan(finance__discount_rate=0.071)), draws=256)


def drawn(scenario: Scenario) -> Uncertainty:
    return uncertainty(planner.compare(scenario), draws=256)


def test_a_real_rate_discounts_draws_as_the_nominal_rate_that_it_makes() -> None:
    real = drawn(plan(finance__discount_rate=0.05, finance__rates="real", finance__inflation_per_year=0.02))
    for view in ("invoiced", "economic"):
        expected = nominal().drawn["mini-only"].today[view]
        assert real.drawn["mini-only"].today[view] == pytest.approx(expected, rel=1e-12)
        assert (expected < real.drawn["mini-only"].totals[view]).all()


def test_an_uncertain_inflation_moves_present_values_and_no_total() -> None:
    found = drawn(
        plan(
            finance__discount_rate=0.05,
            finance__rates="real",
            finance__inflation_per_year=0.02,
            uncertain={"finance.inflation_per_year": {"min": 0.0, "mode": 0.02, "max": 0.1}},
        )
    )
    one = found.drawn["mini-only"]
    assert np.ptp(one.totals["invoiced"]) < 1e-9 * one.totals["invoiced"].mean()
    inflation = found.values[:, 0]
    order = np.argsort(inflation)
    assert (np.diff(one.today["invoiced"][order]) <= 0).all()
    # the total is spread evenly enough that a draw's present value is its months at both rates
    months = found.scenario.finance.horizon_months
    rate = 1.05 * (1 + inflation) - 1
    low = one.totals["invoiced"] * (1 + rate) ** (-months / 12)
    assert (one.today["invoiced"] > low).all()


def test_budgets_are_of_fiscal_years() -> None:
    found = drawn(plan(finance__fiscal_year_starts=10, finance__budget_usd_per_month=0.75))
    years = found.drawn["mini-only"].year_breaches
    assert years is not None
    assert list(years) == ["FY2025", "FY2026", "FY2027"]


def test_growth_by_the_year_has_a_default_range() -> None:
    names = {
        one.name: (one.p10, one.p50, one.p90)
        for one in inputs_of(plan(uncertain={}, traffic__growth_per_year=0.4))
    }
    assert names["traffic.growth_per_year"] == pytest.approx((0.2, 0.4, 0.6))
    assert "traffic.growth_per_month" not in names


DRIFT = {"finance.price_drift[0].per_year": {"min": -0.5, "mode": -0.2, "max": 0.0}}
GROWTH = {"traffic.growth_per_year": {"p10": 0.2, "p50": 0.5, "p90": 1.0}}


def seasonal(**changes: Any) -> Scenario:
    return plan(
        **{
            "traffic__growth_per_year": 0.5,
            "traffic__seasons": {"december": 3},
            "finance__price_drift": [{"model": "m", "per_year": -0.2}],
        }
        | changes
    )


def test_fast_bills_meet_the_ledger_under_seasons_drift_and_raises() -> None:
    people = [{"name": "run", "fte": 0.00001, "usd_per_year": 180_000, "raise_per_year": 0.03}]
    raises = {"finance.people[0].raise_per_year": {"min": 0.0, "mode": 0.03, "max": 0.2}}
    season = {"traffic.seasons.december": {"p10": 1, "p50": 3, "p90": 4}}
    for uncertain in (DRIFT, raises, season, VOLUME | GROWTH | DRIFT | raises):
        found = drawn(seasonal(uncertain=uncertain, finance__people=people))
        assert found.inputs["is_met"].all(), uncertain
        assert found.check.largest_difference < 1e-5
        assert np.ptp(found.drawn["mini-only"].totals["invoiced"]) > 0


def test_what_a_saturation_binds_together_is_drawn_together() -> None:
    """Volume and growth are no factors of their own below a saturation: months are worked out draw by draw."""
    both = drawn(seasonal(uncertain=VOLUME | GROWTH | DRIFT, traffic__saturation_requests_per_month=5000))
    assert both.inputs["is_met"].all()
    assert both.check.largest_difference < 1e-9
    alone = drawn(seasonal(uncertain=GROWTH | DRIFT, traffic__saturation_requests_per_month=1300))
    assert alone.inputs["is_met"].all()
    assert alone.check.largest_difference < 1e-5


def test_a_volume_drawn_above_its_saturation_costs_no_less() -> None:
    found = drawn(seasonal(uncertain=VOLUME, traffic__saturation_requests_per_month=1200))
    totals = found.drawn["mini-only"].totals["invoiced"]
    order = np.argsort(found.values[:, 0])
    assert totals.min() > 0
    assert (np.diff(totals[order]) > -1e-3 * totals.mean()).all()
