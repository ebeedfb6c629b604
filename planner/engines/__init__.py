"""Requests in, Outcomes, Attempts and Events out."""

from planner.engines.run import ENGINES, Reduced, Run, reduce_window, run_window

__all__ = ["ENGINES", "Reduced", "Run", "reduce_window", "run_window"]
