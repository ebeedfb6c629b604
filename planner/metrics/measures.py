"""Measures over the windows of a plan: latency, reliability, load and quality, with intervals.

Every window counts with its weight and every request of a window alike, so that windows drawn in
proportion to expected requests give plain per-request averages. Means are ratios of weighted sums,
quantiles come from the weighted pool (never from averaged quantiles), intervals from leaving out one
window at a time. Comes in: Samples of the same windows; goes out: Estimates by measure and scope.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.metrics.intervals import Deletions, Estimate, Floats, estimate
from planner.metrics.samples import Sample

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
SPEED_QUANTILES = {"p05": 0.05, **QUANTILES}
TIMES = ("latency_s", "ttft_s", "wait_s")
SHARE = (0.0, 1.0)
POSITIVE = (0.0, float("inf"))


@dataclass(frozen=True)
class Measure:
    """Replicates of one measure: as planned, then with each window left out."""

    replicates: Floats
    unit: str
    bounds: tuple[float, float] | None = None
    n_trials: int | None = None  # of a share of chance events: how many were tried

    def estimate(self, strata: Sequence[Hashable]) -> Estimate:
        return estimate(self.replicates, strata, self.bounds, self.n_trials)


class Pool:
    """The samples of one strategy over all windows, pooled with weights."""

    def __init__(self, samples: Sequence[Sample], plan: Deletions) -> None:
        assert len(samples) == plan.n_windows
        self.samples, self.plan = samples, plan
        counts = np.array([one.n for one in samples])
        self.window = np.repeat(np.arange(len(samples)), counts)
        # A request's weight is its window's, shared among the requests of the window.
        self.per_request = plan.weights / np.maximum(counts, 1)
        self.task = self.column("task")

    def column(self, name: str) -> npt.NDArray[np.generic]:
        return np.concatenate([getattr(one, name) for one in self.samples])

    def sums(self, values: npt.NDArray[np.generic]) -> Floats:
        """Weighted sum for the plan and every deletion; shape (1 + windows,)."""
        by_window = np.bincount(self.window, weights=values.astype(np.float64), minlength=len(self.samples))
        return self.per_request @ by_window

    def ratio(self, above: npt.NDArray[np.generic], below: npt.NDArray[np.generic]) -> Floats:
        """Ratio of weighted sums, never a mean of ratios; NaN where nothing stands below."""
        numerator, denominator = self.sums(above), self.sums(below)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(denominator > 0, numerator / denominator, np.nan)

    def mean(self, values: Floats, scope: npt.NDArray[np.bool_]) -> Floats:
        """Weighted mean over the requests of a scope that have the value."""
        has = scope & ~np.isnan(values)
        return self.ratio(np.where(has, values, 0.0), has)

    def quantiles(self, values: Floats, scope: npt.NDArray[np.bool_], shares: Sequence[float]) -> Floats:
        """Weighted quantiles, shape (shares, 1 + windows); linear between order statistics.

        With equal weights this is NumPy's default quantile of the pooled values.
        """
        has = np.flatnonzero(scope & ~np.isnan(values))
        result = np.full((len(shares), self.plan.n_windows + 1), np.nan)
        if not len(has):
            return result
        order = has[np.argsort(values[has], kind="stable")]
        ordered, windows = values[order], self.window[order]
        for row, weights in enumerate(self.per_request):
            weight = weights[windows]
            kept = weight > 0
            if not kept.any():
                continue
            weight, value = weight[kept], ordered[kept]
            before = np.cumsum(weight) - weight
            if before[-1] <= 0:
                result[:, row] = value[-1]
            else:
                result[:, row] = np.interp(shares, before / before[-1], value)
        return result


def measures(
    pool: Pool,
    scope: npt.NDArray[np.bool_],
    names: Sequence[str],
    mean_rate_per_s: float | None,
    good: npt.NDArray[np.bool_],
) -> dict[str, Measure]:
    """Every measure over the requests in `scope`.

    Parameters
    ----------
    scope : bool array, shape (requests of all windows,)
    names : deployments in the scenario's order
    mean_rate_per_s : float or None
        Mean arrivals per second of the scope over the horizon, for goodput; None where unknown.
    good : bool array, shape (requests,)
        Completed requests that meet every target of their task.
    """
    found: dict[str, Measure] = {}
    for column in TIMES:
        base = column.removesuffix("_s")
        values = pool.column(column).astype(np.float64)
        found[f"{base}_mean_s"] = Measure(pool.mean(values, scope), "s", POSITIVE)
        for name, row in zip(QUANTILES, pool.quantiles(values, scope, list(QUANTILES.values())), strict=True):
            found[f"{base}_{name}_s"] = Measure(row, "s", POSITIVE)
    speed = pool.column("speed").astype(np.float64)
    found["speed_mean"] = Measure(pool.mean(speed, scope), "tokens/s", POSITIVE)
    for name, row in zip(
        SPEED_QUANTILES, pool.quantiles(speed, scope, list(SPEED_QUANTILES.values())), strict=True
    ):
        found[f"speed_{name}"] = Measure(row, "tokens/s", POSITIVE)
    for column in ("input_tokens", "output_tokens"):
        values = pool.column(column).astype(np.float64)
        found[f"{column}_mean"] = Measure(pool.mean(values, scope), "tokens", POSITIVE)
        for name, row in zip(("p50", "p95"), pool.quantiles(values, scope, [0.5, 0.95]), strict=True):
            found[f"{column}_{name}"] = Measure(row, "tokens", POSITIVE)
    return found | _shares(pool, scope, names, mean_rate_per_s, good)


def _shares(
    pool: Pool,
    scope: npt.NDArray[np.bool_],
    names: Sequence[str],
    mean_rate_per_s: float | None,
    good: npt.NDArray[np.bool_],
) -> dict[str, Measure]:
    completed = pool.column("completed").astype(np.bool_)
    correct = pool.column("correct").astype(np.int64)
    deployment, cause = pool.column("deployment"), pool.column("cause")
    rated = scope & completed & (correct != tables.UNRATED)

    def share(which: npt.NDArray[np.generic], of: npt.NDArray[np.bool_] = scope) -> Measure:
        return Measure(pool.ratio(which.astype(np.bool_) & of, of), "share", SHARE)

    def chance(which: npt.NDArray[np.generic], of: npt.NDArray[np.bool_]) -> Measure:
        return Measure(share(which, of).replicates, "share", SHARE, int(of.sum()))

    found = {
        "availability": chance(completed, scope),
        "accuracy": chance(correct == 1, rated),
        "omni_share": share(pool.column("is_omni")),
        "over_context_share": share(pool.column("over_context")),
        "attempts_mean": Measure(
            pool.mean(pool.column("n_attempts").astype(np.float64), scope), "attempts", POSITIVE
        ),
        "sensitive_outside": Measure(
            _per_window(pool, pool.column("sensitive_outside").astype(np.bool_) & scope), "requests", POSITIVE
        ),
    }
    good_share = pool.ratio(good & scope, scope)
    if mean_rate_per_s is not None:
        found["goodput_per_s"] = Measure(good_share * mean_rate_per_s, "requests/s", POSITIVE)
    for index, name in enumerate(names):
        if np.any(deployment[scope] == index):
            found[f"served_share:{name}"] = share(deployment == index, scope & completed)
    for index, name in enumerate(tables.CAUSES):
        if name and np.any(cause[scope] == index):
            found[f"failed:{name}"] = share(cause == index)
    return found


def _per_window(pool: Pool, which: npt.NDArray[np.bool_]) -> Floats:
    """Mean count per window, by the plan's weights."""
    counts = np.bincount(pool.window, weights=which.astype(np.float64), minlength=len(pool.samples))
    return pool.plan.weights @ counts


def latency_curve(pool: Pool, points: int = 400) -> tuple[Floats, Floats]:
    """(shares, latencies in s) of the latency distribution, denser towards the tail."""
    shares = 1 - np.geomspace(1, 1e-3, points)
    values = pool.column("latency_s").astype(np.float64)
    return shares, pool.quantiles(values, np.ones(len(values), dtype=np.bool_), list(shares))[:, 0]


Targets = Mapping[str, float | None]


def meets_targets(pool: Pool, targets_by_task: Sequence[Targets]) -> npt.NDArray[np.bool_]:
    """Completed requests that meet every per-request target of their task.

    `targets_by_task` gives p95_latency_s, p95_ttft_s and min_tokens_per_s by task; None is no target.
    A request without a time to first token or a speed cannot miss it.
    """
    good = pool.column("completed").astype(np.bool_)
    checks = (
        ("p95_latency_s", "latency_s", 1),
        ("p95_ttft_s", "ttft_s", 1),
        ("min_tokens_per_s", "speed", -1),
    )
    for target, column, sign in checks:
        limits = np.array(
            [np.nan if one.get(target) is None else one[target] for one in targets_by_task], dtype=np.float64
        )
        limit, value = limits[pool.task.astype(np.int64)], pool.column(column).astype(np.float64)
        good &= ~(sign * value > sign * limit)
    return good
