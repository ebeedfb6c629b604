"""What is made of a comparison whose prices move with volume: its tables, and what is refused."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import planner
from planner.experiments.uncertainty import PricedByVolume, uncertainty
from planner.finance import account

TREE: dict[str, Any] = {
    "name": "volume", "start": "2026-12-01", "traffic": {"requests_per_month": 2_000_000},
    "tasks": {"faq": {"input_tokens": 1000, "output_tokens": 100}},
    "deployments": {
        "omni": {"model": "gpt-4o-2024-11-20", "provider": "openai", "price_level": "priority"},
        "ready": {"model": "gpt-4o-mini", "provider": "azure", "provisioned": {"units": 15}},
    },
    "strategies": {"omni-only": {"omni": ["omni"]}, "units": {"mini": ["ready"]}},
    "finance": {
        "horizon_months": 1,
        "commitments": [{"name": "EA", "provider": "openai", "usd_per_month": 20_000, "months": 1}],
    },
    "run": {"window_s": 600, "replications": 2, "seed": 3},
}  # fmt: skip


def test_a_comparison_shows_commitments_and_units_and_what_they_rest_on() -> None:
    found = planner.compare(planner.load(TREE))
    costs = {name: result.ledger.by("group", view="invoiced") for name, result in found.results.items()}
    assert sum(costs["omni-only"].values()) == Decimal(20_000)
    assert costs["omni-only"]["commitment"] > 1_000
    assert costs["units"]["provisioned"] == Decimal(15 * 744)
    rows = found.assumptions.set_index("what")
    assert rows.loc["tokens_per_minute of gpt-4o-mini at ready", "value"] == "185000"
    assert rows.loc["input tokens of all units of gpt-4o-mini at ready", "value"] == "555000"
    assert rows.loc["EA: least spend at openai, 1 months from 2026-12-01", "value"] == "20000"
    assert not any(what.startswith("requests_per_minute of gpt-4o-mini at ready") for what in rows.index)
    assert found.hand_check("omni-only").bill("2026-12", "commitment").ledger_usd > 1_000


def test_a_commitment_with_a_volume_nobody_knows_is_worked_by_hand() -> None:
    """Pay the larger of 20,000 and use, at 2,000,000 requests x u: the bill of every draw is max(20000, u x requests)."""
    given = {"traffic.requests_per_month": {"p10": 1e6, "p50": 2e6, "p90": 8e6}}
    found = planner.compare(planner.load({**TREE, "uncertain": given}))
    result = uncertainty(found, draws=1024)
    ledger = found.results["omni-only"].ledger
    used = float(sum(row.amount_usd for row in ledger.rows if row.group == "api"))
    assert 5_000 < used < 20_000
    requests = result.values[:, 0]
    expected = np.maximum(20_000, used * requests / 2_000_000)
    assert (expected > 20_000).any()
    assert result.drawn["omni-only"].totals["invoiced"] == pytest.approx(expected, rel=1e-9)
    assert result.check.largest_difference < 1e-9


def test_tiers_levels_and_prepaid_fees_are_drawn_to_the_ledger_s_digits() -> None:
    """Thresholds, factors, fees, prices and volume all uncertain at once, against exact ledgers."""
    finance = {
        "horizon_months": 3,
        "volume_prices": [
            {"provider": "openai", "of": "usd", "kind": "graduated", "steps": [{"above": 4000, "factor": 0.9}, {"above": 9000, "factor": 0.7}]}
        ],
        "commitments": [{"name": "EA", "provider": "openai", "usd_per_month": 8_000, "months": 2, "factor": 0.95}],
        "prepaid": [{"provider": "openai", "fee": 0.055}],
    }  # fmt: skip
    paths = {
        "traffic.requests_per_month": 2_000_000, "finance.volume_prices[0].steps[0].factor": 0.9,
        "finance.volume_prices[0].steps[1].above": 9000, "finance.commitments[0].usd_per_month": 8_000,
        "finance.commitments[0].factor": 0.95, "finance.prepaid[0].fee": 0.055,
    }  # fmt: skip
    only = {"deployments": {"omni": {"model": "gpt-4o-2024-11-20", "provider": "openai"}}, "strategies": {"omni-only": {"omni": ["omni"]}}}  # fmt: skip
    given = {path: {"min": 0.95 * value, "mode": value, "max": 1.04 * value} for path, value in paths.items()}
    plan = planner.load({**TREE, **only, "start": "2026-09-01", "finance": finance, "uncertain": given})
    found = planner.compare(plan)
    result = uncertainty(found, draws=64)
    assert result.check.largest_difference < 1e-9
    quantities = [cell.quantities for cell in found.results["omni-only"].cells]
    for row in range(3, 60, 11):
        point = dict(zip(paths, map(float, result.values[row]), strict=True))
        changed = plan.set(point)
        ledger = account(changed, "omni-only", found.windows, quantities)
        assert {"volume prices", "commitment", "prepaid fee"} <= {line.group for line in ledger.rows}
        total = result.drawn["omni-only"].totals["invoiced"][row]
        assert total == pytest.approx(float(ledger.total("invoiced")), rel=1e-9), row


def test_tiers_that_go_by_tokens_are_refused_not_guessed() -> None:
    tiers = [{"provider": "openai", "of": "tokens", "steps": [{"above": 1e9, "factor": 0.9}]}]
    found = planner.compare(planner.load({**TREE, "finance": {"horizon_months": 1, "volume_prices": tiers}}))
    with pytest.raises(
        PricedByVolume, match="not supported yet: how sure the costs of omni-only are, as tiers"
    ):
        uncertainty(found, draws=16)


def test_an_input_that_adds_a_step_is_refused_by_name() -> None:
    given = {"finance.commitments[0].factor": {"p10": 0.9, "p50": 1.0, "p90": 1.1}}
    commitment = {"name": "EA", "provider": "openai", "usd_per_month": 20_000, "months": 1, "factor": 1.0}
    plan = {**TREE, "finance": {"horizon_months": 1, "commitments": [commitment]}, "uncertain": given}
    with pytest.raises(PricedByVolume, match=r"finance.commitments\[0\].factor adds or takes away a step"):
        uncertainty(planner.load(plan), draws=16)


def test_draws_in_which_steps_of_a_tier_change_places_are_refused() -> None:
    steps = [{"above": 5000, "factor": 0.9}, {"above": 6000, "factor": 0.8}]
    tree = TREE | {
        "finance": {"horizon_months": 1, "volume_prices": [{"provider": "openai", "steps": steps}]},
        "uncertain": {"finance.volume_prices[0].steps[0].above": {"p10": 4000, "p50": 5000, "p90": 8000}},
    }
    with pytest.raises(
        PricedByVolume, match=r"the step before finance.volume_prices\[0\].steps\[1\].above is not below it"
    ):
        uncertainty(planner.load(tree), draws=256)
    narrow = {"finance.volume_prices[0].steps[0].above": {"p10": 4900, "p50": 5000, "p90": 5100}}
    assert uncertainty(planner.load(tree | {"uncertain": narrow}), draws=256).draws == 256
