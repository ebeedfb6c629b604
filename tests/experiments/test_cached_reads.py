"""How tokens that a prompt cache gives count in limits is among the assumptions, with whose rule it is."""

from typing import Any

import pytest

from planner.experiments.assumptions import assumptions
from planner.scenario import load

OMNI = "gpt-4o-2024-11-20"


@pytest.mark.parametrize(
    ("provider", "model", "limits", "value", "confidence"),
    [
        ("anthropic", "claude-sonnet-4-6", {}, "not counted", "high"),
        ("anthropic", "claude-3-5-sonnet-20241022", {}, "counted like any others", "high"),
        ("openai", OMNI, {}, "counted like any others", "high"),
        ("anthropic", "claude-sonnet-4-6", {"counts_cached": True}, "counted like any others", "scenario"),
        ("anthropic", "claude-sonnet-4-6", {"counts_cached": False}, "not counted", "high"),
        ("openai", OMNI, {"counts_cached": False}, "not counted", "scenario"),
    ],
)
def test_how_tokens_from_a_cache_are_counted_is_listed(
    provider: str, model: str, limits: dict[str, Any], value: str, confidence: str
) -> None:
    """With the provider's own rule as its source, and that it is another one where it was given otherwise."""
    prices = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "cached_input_usd_per_mtok": 0.1}
    deployment = {
        "model": model, "provider": provider, "prompt_cache": {}, "limits": limits, "latency": {"total_s": 1},
    }  # fmt: skip
    plan = load(
        {
            "name": "Cached", "start": "2024-12-01", "traffic": {"requests_per_month": 1000}, "tasks": {"chat": {}},
            "models": {model: prices}, "deployments": {"a": deployment}, "strategies": {"s": {"omni": ["a"]}},
            "finance": {"horizon_months": 1},
        }
    )  # fmt: skip
    rows = assumptions(plan)
    (row,) = rows[rows["what"] == "tokens from the prompt cache of a in its limits"].to_dict("records")
    assert (row["value"], row["confidence"]) == (value, confidence)
    assert ("the provider does it otherwise" in row["source"]) == (confidence == "scenario")
    assert "docs.anthropic.com" in row["source"] or provider != "anthropic"
