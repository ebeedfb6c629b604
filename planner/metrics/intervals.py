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
    return _intervals(replicates[np.newaxis], strata)[0]


def _intervals(replicates: Floats, strata: Sequence[Hashable]) -> list[tuple[float, float] | None]:
    """`interval` of many figures, shape (figures, 1 + windows)."""
    found = jackknives(_members(tuple(strata)), replicates[:, 1:])
    if found is None:
        return [None] * len(replicates)
    errors, freedoms = found
    half = t_quantiles((1 + CONFIDENCE) / 2, freedoms) * errors
    lows, highs = (replicates[:, 0] - half).tolist(), (replicates[:, 0] + half).tolist()
    return [None if math.isnan(low) else (low, high) for low, high in zip(lows, highs, strict=True)]


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
    found = jackknives(strata, without[np.newaxis])
    if found is None or np.isnan(found[0][0]):
        return None
    return float(found[0][0]), float(found[1][0])


def jackknives(strata: Iterable[npt.NDArray[np.int64]], without: Floats) -> tuple[Floats, Floats] | None:
    """`jackknife` of many figures, shape (figures, windows), each to the same bits as alone.

    Returns
    -------
    (standard errors, degrees of freedom), shape (figures,), NaN for a figure that is not a number with some window left
    out; None where a stratum has fewer than two windows.
    """
    is_known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(without).all(axis=1))
    if not is_known.all():
        without = np.where(is_known[:, np.newaxis], without, 0.0)
    of_strata, freedoms = [], []
    for members in strata:
        count = len(members)
        if count < 2:
            return None
        mine = without.take(members, axis=1)  # in rows, so that each is added up as it would be by itself
        deviations = mine - mine.mean(axis=1, keepdims=True)
        of_strata.append((count - 1) / count * (deviations**2).sum(axis=1))
        freedoms.append(count - 1)
    variances = _summed(of_strata)
    spreads = _summed([one * one / freedom for one, freedom in zip(of_strata, freedoms, strict=True)])
    moves = variances > 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom_of = np.where(moves, variances * variances / spreads, float(sum(freedoms)))
    missing = ~is_known
    errors = np.sqrt(variances)
    errors[missing] = freedom_of[missing] = np.nan
    return errors, freedom_of


def _summed(parts: Sequence[Floats]) -> Floats:
    """Sums of many figures over their parts, each rounded once."""
    if len(parts) == 1:
        return parts[0]
    return np.array([math.fsum(of_figure) for of_figure in np.array(parts).T.tolist()])


def t_quantile(probability: float, freedom: float) -> float:
    """Student's t quantile; degrees of freedom need not be whole."""
    return float(t_quantiles(probability, np.array(freedom)))


def t_quantiles(probability: float, freedoms: Floats) -> Floats:
    """Student's t quantiles of a probability for many degrees of freedom."""
    from scipy.special import stdtrit

    found: Floats = stdtrit(freedoms, probability)
    return found


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
    return estimates(replicates[np.newaxis], strata, [bounds], [n_trials])[0]


def estimates(
    replicates: Floats,
    strata: Sequence[Hashable],
    bounds: Sequence[tuple[float, float] | None],
    n_trials: Sequence[int | None],
) -> list[Estimate]:
    """`estimate` of many figures at once; replicates have shape (figures, 1 + windows)."""
    found = zip(replicates[:, 0].tolist(), _intervals(replicates, strata), bounds, n_trials, strict=True)
    return [_estimate(value, ends, possible, tried) for value, ends, possible, tried in found]


def _estimate(
    value: float,
    ends: tuple[float, float] | None,
    bounds: tuple[float, float] | None,
    n_trials: int | None,
) -> Estimate:
    if math.isnan(value):
        return Estimate(None, reason="no request to measure it on")
    if ends is None:
        return Estimate(value, reason="no interval: fewer than two windows in a stratum")
    low, high = ends
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    if n_trials and low == high and value in (0.0, 1.0):
        unseen = 1 - (1 - CONFIDENCE) ** (1 / n_trials)
        low, high = (0.0, unseen) if value == 0.0 else (1 - unseen, 1.0)
    return Estimate(value, low, high)
