"""The formulas of routing and resilience have the same names in `planner.routing` and `planner.theory`."""

import pytest

from planner import routing, theory

NAMES = [
    "adaptive_throttle",
    "cascade_break_even",
    "expected_attempts",
    "inverse_price_weights",
    "priority_load",
    "retry_budget",
    "serial_availability",
    "threshold_for_share",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_is_one_object_under_both_addresses(name: str) -> None:
    assert getattr(routing, name) is getattr(theory, name)
    assert name in routing.__all__
