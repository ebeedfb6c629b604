"""Strategies side by side on common luck: the comparison, the answer and the findings."""

from planner.experiments.comparison import Comparison, Verdict, compare
from planner.experiments.findings import Finding
from planner.experiments.simulate import simulate

__all__ = ["Comparison", "Finding", "Verdict", "compare", "simulate"]
