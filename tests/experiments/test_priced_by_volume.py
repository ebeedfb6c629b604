"""What is made of a comparison whose prices move with volume: its tables, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

import planner
from planner.experiments.uncertainty import PricedByVolume, uncertainty

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


def test_draws_of_costs_that_move_with_volume_are_refused_not_guessed() -> None:
    found = planner.compare(planner.load(TREE))
    with pytest.raises(PricedByVolume, match="not supported yet: how sure the costs of omni-only are"):
        uncertainty(found, draws=16)
