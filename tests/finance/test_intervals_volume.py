"""Intervals where prices move with volume: centred on the ledger, and the exact jackknife on both sides of a kink."""

import math
from typing import Any

import pytest

from planner.finance import MEASURES, account, cost_vectors, tco, tco_interval
from planner.finance.intervals import difference_interval
from tests.finance.test_intervals import drawn, plan

VOLUME: dict[str, dict[str, Any]] = {
    "tiers": {"volume_prices": [{"provider": "openai", "steps": [{"above": 1e4, "factor": 0.9}, {"above": 5e4, "factor": 0.7}]}]},
    "whole": {"volume_prices": [{"provider": "openai", "kind": "volume", "steps": [{"above": 1e4, "factor": 0.5}]}]},
    "tokens": {"volume_prices": [{"provider": "openai", "of": "tokens", "steps": [{"above": 1e8, "factor": 0.5}]}]},
    "committed": {"commitments": [{"name": "C", "provider": "openai", "usd_per_month": 1e6, "months": 4}]},
    "all": {
        "volume_prices": [{"provider": "openai", "steps": [{"above": 2e4, "factor": 0.8}]}],
        "commitments": [{"name": "C", "provider": "openai", "usd_per_month": 6e4, "factor": 0.9, "months": 4}],
        "prepaid": [{"provider": "openai", "fee": 0.05}],
        "negotiated": [{"provider": "openai", "factor": 0.8, "from": "2025-02-20"}],
    },
}  # fmt: skip


def priced(name: str):
    given = plan().model_dump(mode="json", by_alias=True, exclude_unset=True)
    given["finance"] |= VOLUME[name]
    if name == "tokens":  # tiers of tokens do not go across a change of price within a month
        given["finance"]["price_steps"][0]["at"] = "2025-02-01"
    given["gateway"] = {"fee": 0.05}
    return type(plan()).model_validate(given)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", VOLUME)
def test_the_float_twin_gives_the_figures_of_the_ledger(name: str, measure: str) -> None:
    windows, counts = drawn("omni", 1)
    vectors = cost_vectors(priced(name), "omni-only", windows, counts)
    found = tco(priced(name), account(priced(name), "omni-only", windows, counts))
    exact = getattr(found, measure)
    assert vectors.estimate(measure) == pytest.approx(float(exact), rel=1e-9)
    interval = tco_interval(vectors, measure, exact)
    assert interval is not None
    middle = (interval.low + interval.high) / 2
    assert float(middle) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("name", VOLUME)
def test_leaving_out_a_window_is_what_the_ledger_gives_without_it(name: str) -> None:
    windows, counts = drawn("omni", 2)
    without = cost_vectors(priced(name), "omni-only", windows, counts).without_each("economic_npv_usd")
    for left_out in range(len(windows)):
        own = (windows[left_out].era, windows[left_out].stratum)
        mates = [i for i, w in enumerate(windows) if (w.era, w.stratum) == own]
        factor = len(mates) / (len(mates) - 1)
        kept = [
            (w._replace(weight=w.weight * factor) if i in mates else w, counts[i])
            for i, w in enumerate(windows)
            if i != left_out
        ]
        ledger = account(priced(name), "omni-only", [w for w, _ in kept], [c for _, c in kept])
        exact = tco(priced(name), ledger).economic_npv_usd
        assert without[left_out] == pytest.approx(float(exact), rel=1e-8)


def test_where_a_commitment_is_never_reached_its_months_cost_the_same_whatever_was_drawn() -> None:
    windows, counts = drawn("omni", 3)
    vectors = cost_vectors(priced("committed"), "omni-only", windows, counts)
    tokens_usd = vectors.sums.sum(axis=0)  # for a rate of 1 in the commitment's four months
    owed = 1e6 * 17 / 31 + 3e6  # from 15 January on: 17 days of it, and three months
    drawn_usd = []
    for left_out, total in enumerate(vectors.without_each("invoiced_usd")):
        rates = vectors._rates[1 + left_out]
        drawn_usd.append(float((tokens_usd * rates).sum()))
        others = float((vectors.prices["invoiced_usd"] * rates).sum()) - drawn_usd[-1]
        assert total == pytest.approx(vectors.fixed["invoiced_usd"] + others + owed, rel=1e-12)
    assert max(drawn_usd) - min(drawn_usd) > 100


def test_paired_differences_of_a_strategy_and_itself_are_nothing() -> None:
    windows, counts = drawn("omni", 4)
    vectors = cost_vectors(priced("all"), "omni-only", windows, counts)
    none = difference_interval(vectors, vectors, "invoiced_usd", tco(priced("all"), account(priced("all"), "omni-only", windows, counts)).invoiced_usd * 0)  # fmt: skip
    assert none is not None
    assert none.low == none.high == 0
    assert math.isfinite(vectors.estimate("economic_npv_usd"))
