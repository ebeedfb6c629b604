"""Which tier a request is sent to, and whether a model's answer is right."""

from planner.routing.quality import Rating, correctness, rating
from planner.routing.routers import Route, Routing, decide

__all__ = ["Rating", "Route", "Routing", "correctness", "decide", "rating"]
