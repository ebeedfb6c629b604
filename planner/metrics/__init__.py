"""Outcomes in, measures with intervals out."""

from planner.metrics.curves import LatencyCurve, latency_curve
from planner.metrics.intervals import Deletions, Estimate, deletions, estimate, interval
from planner.metrics.measures import LOST, Measure, Pool, estimates, measures
from planner.metrics.samples import Rules, Sample, Tally

__all__ = [
    "LOST", "Deletions", "Estimate", "LatencyCurve", "Measure", "Pool", "Rules", "Sample", "Tally", "deletions", "estimate", "estimates", "interval",
    "latency_curve", "measures",
]  # fmt: skip
