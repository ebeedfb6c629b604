"""Which tier a request is sent to, and whether a model's answer is right.

The formulas that routing and resilience are planned with stand in `planner.theory`, which needs nothing but
numbers; they are given here under the same names, as the same objects.
"""

from planner.routing.quality import Rating, correctness, rating
from planner.routing.routers import Route, Routing, decide
from planner.theory import (
    adaptive_throttle,
    cascade_break_even,
    expected_attempts,
    inverse_price_weights,
    priority_load,
    retry_budget,
    serial_availability,
    threshold_for_share,
)

__all__ = [
    "Rating",
    "Route",
    "Routing",
    "adaptive_throttle",
    "cascade_break_even",
    "correctness",
    "decide",
    "expected_attempts",
    "inverse_price_weights",
    "priority_load",
    "rating",
    "retry_budget",
    "serial_availability",
    "threshold_for_share",
]
