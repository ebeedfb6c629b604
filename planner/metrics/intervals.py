"""Intervals over windows: the stratified delete-one jackknife and its t interval.

Windows are the unit of every interval: requests inside one are correlated. A plan's windows stand in
strata (era x planted outage) with weights; leaving one out gives its weight to the others of its
stratum. For a plain mean over equal windows this is exactly the t interval of the window means, it
serves ratios and pooled quantiles alike, and a difference of two strategies on the same windows is
paired by construction.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; a missing one says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Deletions:
    """Weights of the windows: as planned, and with each window left out in turn.

    `weights` has shape (1 + windows, windows); row 0 is the plan, rows sum to 1.
    """

    weights: Floats
    strata: tuple[Hashable, ...]

    @property
    def n_windows(self) -> int:
        return self.weights.shape[1]


def deletions(weights: Sequence[float], strata: Sequence[Hashable]) -> Deletions:
    """The plan's weights and all delete-one weights.

    A stratum of one window cannot lose it: its row repeats the plan (and `interval` then declines).
    """
    plan = np.array(weights, dtype=np.float64)
    plan = plan / plan.sum()
    table = np.tile(plan, (len(plan) + 1, 1))
    for index, stratum in enumerate(strata):
        others = [other for other, name in enumerate(strata) if name == stratum and other != index]
        if others:
            row = table[index + 1]
            row[others] += plan[index] * plan[others] / plan[others].sum()
            row[index] = 0.0
    return Deletions(table, tuple(strata))


def interval(replicates: Floats, strata: Sequence[Hashable]) -> tuple[float, float] | None:
    """95 % interval around replicates[0] from the delete-one values replicates[1:].

    None where a stratum has a single window or a replicate is not a number.
    """
    value = float(replicates[0])
    found = jackknife(_members(tuple(strata)), replicates[1:])
    if found is None or math.isnan(value):
        return None
    error, freedom = found
    half = t_quantile((1 + CONFIDENCE) / 2, freedom) * error
    return value - half, value + half


@lru_cache(maxsize=64)
def _members(strata: tuple[Hashable, ...]) -> tuple[npt.NDArray[np.int64], ...]:
    """Places of each stratum, in the order in which they come up."""
    return tuple(
        np.array([index for index, name in enumerate(strata) if name == one], np.int64)
        for one in dict.fromkeys(strata)
    )


def jackknife(strata: Iterable[npt.NDArray[np.int64]], without: Floats) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of a figure of stratified windows.

    Parameters
    ----------
    strata : iterable of int arrays
        Which windows belong to each stratum; they are independent of those of other strata.
    without : float array, shape (windows,)
        The figure with each window left out.

    Returns
    -------
    (standard error, degrees of freedom); None where a stratum has fewer than two windows or a figure is NaN.

    Source: delete-one jackknife within strata, variance = sum over strata of (n-1)/n x sum of squared
    deviations from the stratum's mean; degrees of freedom by Satterthwaite.
    """
    if not np.isfinite(without).all():
        return None
    variances, freedoms = [], []
    for members in strata:
        count = len(members)
        if count < 2:
            return None
        deviations = without[members] - without[members].mean()
        variances.append((count - 1) / count * float((deviations**2).sum()))
        freedoms.append(count - 1)
    variance = math.fsum(variances)
    if variance == 0.0:
        return 0.0, float(sum(freedoms))
    spread = math.fsum(one * one / freedom for one, freedom in zip(variances, freedoms, strict=True))
    return math.sqrt(variance), variance * variance / spread


def t_quantile(probability: float, freedom: float) -> float:
    """Student's t quantile; degrees of freedom need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def estimate(
    replicates: Floats,
    strata: Sequence[Hashable],
    bounds: tuple[float, float] | None = None,
    n_trials: int | None = None,
) -> Estimate:
    """An Estimate from replicates.

    Parameters
    ----------
    bounds : (lowest, highest) possible value, optional
        The interval is clipped to it.
    n_trials : int, optional
        For a share of independent events: how many were tried. Where none (or all) of them happened the
        windows show no spread, and the bound 1 - 0.05^(1/n), about 3/n, takes its place: nothing seen
        is not nothing possible.
    """
    value = float(replicates[0])
    if math.isnan(value):
        return Estimate(None, reason="no request to measure it on")
    found = interval(replicates, strata)
    if found is None:
        return Estimate(value, reason="no interval: fewer than two windows in a stratum")
    low, high = found
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    if n_trials and low == high and value in (0.0, 1.0):
        unseen = 1 - (1 - CONFIDENCE) ** (1 / n_trials)
        low, high = (0.0, unseen) if value == 0.0 else (1 - unseen, 1.0)
    return Estimate(value, low, high)
