"""Outcomes in, measures with intervals out."""

from planner.metrics.intervals import Deletions, Estimate, deletions, estimate, interval
from planner.metrics.measures import Measure, Pool, latency_curve, measures, meets_targets
from planner.metrics.samples import Sample, sample

__all__ = [
    "Deletions", "Estimate", "Measure", "Pool", "Sample", "deletions", "estimate", "interval", "latency_curve",
    "measures", "meets_targets", "sample",
]  # fmt: skip
