"""The distribution of latency with its interval, for charts.

Comes in: the pooled samples of a plan; goes out: latencies at many shares, each with the 95 % interval that the measures
of the same share have (the stratified jackknife of `intervals`), all shares at once.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from planner.metrics.intervals import CONFIDENCE, Floats
from planner.metrics.measures import QUANTILES, Pool, Scope


@dataclass(frozen=True)
class LatencyCurve:
    """Latencies in s at ascending shares of the answers; the ends are NaN where there is no interval."""

    shares: Floats
    latency_s: Floats
    low_s: Floats
    high_s: Floats


def latency_curve(pool: Pool, scope: Scope | None = None) -> LatencyCurve:
    """Latencies of some tasks (all if not given), denser towards the tail; the shares of the measures are among them."""
    body, tail = np.linspace(0.0, 0.9, 46), 1 - np.geomspace(0.1, 1e-3, 26)
    shares = np.unique(np.round([*body, *tail, *QUANTILES.values()], 9))
    found = pool.quantiles("latency_s", range(pool.n_tasks) if scope is None else scope, list(shares))
    low, high = intervals(found, pool.plan.strata)
    return LatencyCurve(shares, found[:, 0], np.maximum(low, 0.0), high)


def intervals(replicates: Floats, strata: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Both ends of `intervals.interval` for many figures at once.

    Parameters
    ----------
    replicates : float array, shape (figures, 1 + windows)
        As planned, then with each window left out.

    Returns
    -------
    float arrays, shape (figures,)
        NaN where a stratum has a single window or a replicate is not a number.
    """
    from scipy.special import stdtrit

    values, without = replicates[:, 0], replicates[:, 1:]
    variance, spread, freedom = (np.zeros(len(values)) for _ in range(3))
    for stratum in dict.fromkeys(strata):
        members = without[:, [index for index, name in enumerate(strata) if name == stratum]]
        count = members.shape[1]
        if count < 2:
            return np.full(len(values), np.nan), np.full(len(values), np.nan)
        deviations = members - members.mean(axis=1, keepdims=True)
        own = (count - 1) / count * (deviations**2).sum(axis=1)
        variance += own
        spread += own * own / (count - 1)
        freedom += count - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(variance > 0.0, variance * variance / spread, freedom)
    half = stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(variance)
    half[~np.isfinite(replicates).all(axis=1)] = np.nan
    return values - half, values + half


__all__ = ["LatencyCurve", "intervals", "latency_curve"]
