"""Requests in, Outcomes, Attempts and Events out."""

from planner.engines.run import ENGINES, Run, run_window

__all__ = ["ENGINES", "Run", "run_window"]
