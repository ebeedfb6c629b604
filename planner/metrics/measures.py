"""Measures over the windows of a plan: latency, reliability, load and quality, with intervals.

Every window counts with its weight and every request of a window alike, so that windows drawn in
proportion to expected requests give plain per-request averages. Means are ratios of weighted sums,
quantiles come from the weighted pool (never from averaged quantiles), intervals from leaving out one
window at a time. Comes in: Samples of the same windows; goes out: Estimates by measure and scope.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.jit import jit
from planner.metrics import intervals
from planner.metrics import samples as s
from planner.metrics.histogram import N_BINS, bin_of, representatives
from planner.metrics.intervals import Deletions, Estimate, Floats, estimate
from planner.metrics.samples import Integers, Sample

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
SPEED_QUANTILES = {"p05": 0.05, **QUANTILES}
TOKEN_QUANTILES = {"p50": 0.5, "p95": 0.95}
LOST = "failed:"  # and a cause: share of requests lost by it; with availability these add up to 1
SHARE = (0.0, 1.0)
POSITIVE = (0.0, float("inf"))
EXACT_POOL = 200_000  # requests of a plan whose values are sorted
_STRIDE = 128  # values between two places whose sums are kept
_BITS = 11  # of a number, that are sorted by at once
_GROUP, _GROUPS = 1 << _BITS, -(-63 // _BITS)

Scope = Sequence[int]  # indices of tasks


@dataclass(frozen=True)
class Measure:
    """Replicates of one measure: as planned, then with each window left out."""

    replicates: Floats
    unit: str
    bounds: tuple[float, float] | None = None
    n_trials: int | None = None  # of a share of chance events: how many were tried

    def estimate(self, strata: Sequence[Hashable]) -> Estimate:
        return estimate(self.replicates, strata, self.bounds, self.n_trials)


def estimates(measures: Sequence[Measure], strata: Sequence[Hashable]) -> list[Estimate]:
    """The estimates of many measures over the same windows, at once."""
    if not measures:
        return []
    return intervals.estimates(
        np.array([one.replicates for one in measures]),
        strata,
        [one.bounds for one in measures],
        [one.n_trials for one in measures],
    )


class Pool:
    """The samples of one strategy over all windows, pooled with weights."""

    def __init__(self, samples: Sequence[Sample], plan: Deletions) -> None:
        assert len(samples) == plan.n_windows
        self.samples, self.plan = samples, plan
        arrived = np.array([one.n for one in samples])
        # A request's weight is its window's, shared among the requests of the window.
        self.per_request = np.ascontiguousarray(plan.weights / np.maximum(arrived, 1))
        # Sorting is for plans of moderate size; larger ones are binned, like the windows of large ones.
        self.is_exact = all(one.is_exact for one in samples) and int(arrived.sum()) <= EXACT_POOL
        self._by_value: dict[str, _Values] = {}
        self._by_task: dict[str, tuple[_Values, list[int]]] = {}
        self._counts = np.array([one.counts for one in samples])  # (windows, tasks, counts)
        self._has = np.array([one.has for one in samples])  # (windows, tasks, columns)

    @property
    def n_tasks(self) -> int:
        return len(self.samples[0].counts)

    def counts(self, scope: Scope) -> Floats:
        """Every count by window; shape (counts, windows)."""
        return np.ascontiguousarray(self._counts[:, list(scope)].sum(axis=1).T.astype(np.float64))

    def weighted(self, counts: Floats) -> Floats:
        """A count by window summed up with the weights of the plan and of every deletion."""
        found: Floats = self.per_request @ counts
        return found

    def ratio(self, above: Floats, below: Floats) -> Floats:
        """Ratio of weighted sums for the plan and every deletion, never a mean of ratios; NaN over nothing."""
        return ratio(self.weighted(above), self.weighted(below))

    def mean(self, column: str, scope: Scope) -> Floats:
        """Weighted mean over the requests of a scope that have the value, from exact sums."""
        place, per = s.COLUMNS.index(column), s.UNITS_PER[column]
        of_tasks = [[one.sums[task][place] for one in self.samples] for task in scope]
        totals = np.array([sum(of_window) / per for of_window in zip(*of_tasks, strict=True)])
        return self.ratio(totals, self._has[:, list(scope), place].sum(axis=1).astype(np.float64))

    def quantiles(
        self, column: str, scope: Scope, shares: Sequence[float], *, as_planned: bool = False
    ) -> Floats:
        """Weighted quantiles at ascending shares, shape (shares, 1 + windows), or (shares, 1) `as_planned` alone.

        Exact samples: linear between order statistics, with equal weights NumPy's default. Binned ones:
        the value of the bin in which the share falls.
        """
        values, _, windows, stands_for = self._of(column, scope)
        wanted = np.array(shares, dtype=np.float64)
        assert np.all(np.diff(wanted) >= 0), "shares ascend"
        weights = self.per_request[:1] if as_planned else self.per_request
        return weighted_quantiles(values, windows, stands_for, weights, wanted, self.is_exact)

    def _of(self, column: str, scope: Scope) -> "_Values":
        """The values of the tasks in a scope, in ascending order."""
        chosen = set(scope)
        if len(chosen) == self.n_tasks:
            return self._sorted(column)
        if len(chosen) == 1:
            if column not in self._by_task:
                found = self._sorted(column)
                bounds = np.cumsum(np.bincount(found.tasks, minlength=self.n_tasks)).tolist()
                self._by_task[column] = (found.taken(in_order(found.tasks)), [0, *bounds])
            sorted_by_task, starts = self._by_task[column]
            (task,) = chosen
            return sorted_by_task.taken(slice(starts[task], starts[task + 1]))
        in_scope = np.zeros(self.n_tasks, np.bool_)
        in_scope[list(scope)] = True
        found = self._sorted(column)
        return found.taken(in_scope[found.tasks])

    def _sorted(self, column: str) -> "_Values":
        """The values of all windows in ascending order; equal ones by window, then as they are in it."""
        if column not in self._by_value:
            self._by_value[column] = self._exact(column) if self.is_exact else self._binned(column)
        return self._by_value[column]

    def _exact(self, column: str) -> "_Values":
        parts = [one.values[column] for one in self.samples]
        values, tasks, stands_for = (np.concatenate([part[i] for part in parts]) for i in range(3))
        windows = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        assert values.size == 0 or values.min() >= 0.0, "no column has values below 0"
        # The bits of floats that are not negative, read as whole numbers, stand in the same order; + 0.0 makes 0.0 of -0.0.
        return _Values(values, tasks, windows, stands_for).taken(in_order((values + 0.0).view(np.int64)))

    def _binned(self, column: str) -> "_Values":
        bins = np.zeros((N_BINS, self.n_tasks), np.int64)
        parts: list[tuple[Integers, Integers, Integers]] = []
        for one in self.samples:
            values, tasks, stands_for = one.values[column]
            room = min(len(values), bins.size)
            places, tasks_of, requests = (np.empty(room, np.int64) for _ in range(3))
            n = _fill_bins(np.ascontiguousarray(values), tasks, stands_for, bins, places, tasks_of, requests)
            parts.append((places[:n], tasks_of[:n], requests[:n]))
        places, tasks, stands_for = (np.concatenate([part[i] for part in parts]) for i in range(3))
        windows = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        return _Values(representatives()[places], tasks, windows, stands_for).taken(in_order(places))


class _Values(NamedTuple):
    """Values of the requests of many windows, with their tasks, their windows and how many requests each stands for."""

    values: Floats
    tasks: Integers
    windows: Integers
    stands_for: Integers

    def taken(self, which: "Integers | npt.NDArray[np.bool_] | slice") -> "_Values":
        return _Values(self.values[which], self.tasks[which], self.windows[which], self.stands_for[which])


def ratio(above: Floats, below: Floats) -> Floats:
    """Ratios of weighted sums; NaN over nothing."""
    if (below > 0).all():
        return above / below
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


@jit("int64[::1](int64[::1])")
def in_order(numbers: Integers) -> Integers:
    """Places of whole numbers >= 0 in ascending order, equal ones as they come.

    Sorted by one group of bits after the other, from the last to the first: no numbers are compared, and groups that all
    of them have alike are passed over.
    """
    n = numbers.shape[0]
    order = np.arange(n)
    if n == 0:
        return order
    many = np.zeros((_GROUPS, _GROUP), np.int64)
    for i in range(n):
        for group in range(_GROUPS):
            many[group, (numbers[i] >> (group * _BITS)) & (_GROUP - 1)] += 1
    other, keys, other_keys = np.empty(n, np.int64), numbers.copy(), np.empty(n, np.int64)
    for group in range(_GROUPS):
        shift = group * _BITS
        if many[group, (numbers[0] >> shift) & (_GROUP - 1)] == n:
            continue
        start = 0
        for bits in range(_GROUP):
            start += many[group, bits]
            many[group, bits] = start - many[group, bits]
        for i in range(n):
            bits = (keys[i] >> shift) & (_GROUP - 1)
            place = many[group, bits]
            many[group, bits] = place + 1
            other[place], other_keys[place] = order[i], keys[i]
        order, other = other, order
        keys, other_keys = other_keys, keys
    return order


@jit("int64(float64[::1], int64[::1], int64[::1], int64[:, ::1], int64[::1], int64[::1], int64[::1])")
def _fill_bins(
    values: Floats,
    tasks: Integers,
    stands_for: Integers,
    bins: Integers,
    places: Integers,
    tasks_of: Integers,
    requests: Integers,
) -> int:
    """Write the bins that hold any of the values, in order, their tasks and their requests; how many there are.

    `bins` has shape (N_BINS, tasks) and is 0 everywhere, before and after.
    """
    for i in range(values.shape[0]):
        bins[bin_of(values[i]), tasks[i]] += stands_for[i]
    found = 0
    for place in range(bins.shape[0]):
        for task in range(bins.shape[1]):
            if bins[place, task]:
                places[found], tasks_of[found], requests[found] = place, task, bins[place, task]
                bins[place, task] = 0
                found += 1
    return found


@jit("int64(float64[:, ::1], int64, float64)")
def _last_below(reached: Floats, row: int, wanted: float) -> int:
    """The last place of an ascending column that is below a value; 0 where none is."""
    low, high = 0, reached.shape[0]
    while high - low > 1:
        middle = (low + high) // 2
        if reached[middle, row] < wanted:
            low = middle
        else:
            high = middle
    return low


@jit("float64[:, ::1](float64[::1], int64[::1], int64[::1], float64[:, ::1], float64[::1], boolean)")
def weighted_quantiles(
    values: Floats,
    windows: Integers,
    stands_for: Integers,
    per_request: Floats,
    shares: Floats,
    is_exact: bool,
) -> Floats:
    """Quantiles of sorted values under several weightings; shape (shares, weightings), NaN of nothing.

    A value weighs per_request[weighting, its window] times the requests it stands for. All weightings are summed up
    side by side, each in the order of the values, and what is left of the way to a quantile is walked from the last
    place on the way whose sum is kept.
    """
    n, n_rows = values.shape[0], per_request.shape[0]
    found = np.full((shares.shape[0], n_rows), np.nan)
    by_window = np.empty((per_request.shape[1], n_rows))
    for row in range(n_rows):
        for window in range(per_request.shape[1]):
            by_window[window, row] = per_request[row, window]
    total = np.zeros(n_rows)
    reached = np.zeros((n // _STRIDE + 1, n_rows))  # weight of all values before each kept place
    for i in range(n):
        if i % _STRIDE == 0:
            for row in range(n_rows):
                reached[i // _STRIDE, row] = total[row]
        many, window = float(stands_for[i]), windows[i]
        for row in range(n_rows):
            total[row] += by_window[window, row] * many
    if n % _STRIDE == 0:
        for row in range(n_rows):
            reached[n // _STRIDE, row] = total[row]
    for row in range(n_rows):
        if total[row] == 0.0:
            continue
        last = 0.0
        i = n - 1
        while last <= 0.0:
            last = by_window[windows[i], row] * stands_for[i]
            i -= 1
        # Positions run from 0 at the first value to the weight before the last one.
        length = total[row] - last if is_exact else total[row]
        for place in range(shares.shape[0]):
            wanted = shares[place] * length
            kept = _last_below(reached, row, wanted)
            # One kept place further back, so that the value before the quantile's is met on the way.
            kept = _last_below(reached, row, reached[kept, row])
            sum_before = reached[kept, row]
            before = before_value = 0.0
            is_first, is_found = True, False
            for i in range(kept * _STRIDE, n):
                weight = by_window[windows[i], row] * stands_for[i]
                if weight <= 0.0:
                    continue
                position = sum_before if is_exact else sum_before + weight
                if wanted <= position:
                    if is_first or not is_exact or position == before:
                        found[place, row] = values[i]
                    else:
                        part = (wanted - before) / (position - before)
                        found[place, row] = before_value + part * (values[i] - before_value)
                    is_found = True
                    break
                before, before_value, is_first = position, values[i], False
                sum_before += weight
            if not is_found:  # rounding left the last positions a hair below
                found[place, row] = before_value
    return found


def measures(
    pool: Pool,
    scope: Scope,
    names: Sequence[str],
    mean_rate_per_s: float | None,
    awaited: Scope | None = None,
) -> dict[str, Measure]:
    """Every measure over the requests of the tasks in `scope`.

    Parameters
    ----------
    awaited : tasks, optional
        Those in `scope` whose answers somebody waits for: times and speeds are of these alone (all if not given).
    names : deployments in the scenario's order
    mean_rate_per_s : float or None
        Mean arrivals per second of the scope over the horizon, for goodput; None where unknown.
    """
    found: dict[str, Measure] = {}
    timed = scope if awaited is None else awaited
    for column in ("latency_s", "ttft_s", "wait_s"):
        base = column.removesuffix("_s")
        found[f"{base}_mean_s"] = Measure(pool.mean(column, timed), "s", POSITIVE)
        for name, row in zip(QUANTILES, pool.quantiles(column, timed, list(QUANTILES.values())), strict=True):
            found[f"{base}_{name}_s"] = Measure(row, "s", POSITIVE)
    found["speed_mean"] = Measure(pool.mean("speed", timed), "tokens/s", POSITIVE)
    for name, row in zip(
        SPEED_QUANTILES, pool.quantiles("speed", timed, list(SPEED_QUANTILES.values())), strict=True
    ):
        found[f"speed_{name}"] = Measure(row, "tokens/s", POSITIVE)
    for column in ("input_tokens", "output_tokens"):
        found[f"{column}_mean"] = Measure(pool.mean(column, scope), "tokens", POSITIVE)
        rows = pool.quantiles(column, scope, list(TOKEN_QUANTILES.values()))
        for name, row in zip(TOKEN_QUANTILES, rows, strict=True):
            found[f"{column}_{name}"] = Measure(row, "tokens", POSITIVE)
    return found | _shares(pool, scope, names, mean_rate_per_s)


def _shares(
    pool: Pool, scope: Scope, names: Sequence[str], mean_rate_per_s: float | None
) -> dict[str, Measure]:
    counts = pool.counts(scope)
    arrived, rated = counts[s.ARRIVED], counts[s.RATED]
    of_arrived, of_completed, of_rated, of_planned = (
        pool.weighted(one)
        for one in (arrived, counts[s.COMPLETED], rated, arrived - counts[s.REPEATED] + counts[s.UNASKED])
    )

    def share(column: int, of: Floats = of_arrived) -> Floats:
        return ratio(pool.weighted(counts[column]), of)

    found = {
        "availability": Measure(share(s.COMPLETED), "share", SHARE, int(arrived.sum())),
        "accuracy": Measure(share(s.CORRECT, of_rated), "share", SHARE, int(rated.sum())),
        "omni_share": Measure(share(s.IS_OMNI), "share", SHARE),
        "over_context_share": Measure(share(s.OVER_CONTEXT), "share", SHARE),
        "repeated_share": Measure(share(s.REPEATED), "share", SHARE),
        "unasked_share": Measure(share(s.UNASKED, of_planned), "share", SHARE),
        "attempts_mean": Measure(share(s.ATTEMPTS), "attempts", POSITIVE),
        "sensitive_outside": Measure(pool.plan.weights @ counts[s.SENSITIVE_OUTSIDE], "requests", POSITIVE),
    }
    if mean_rate_per_s is not None:
        found["goodput_per_s"] = Measure(share(s.GOOD, of_planned) * mean_rate_per_s, "requests/s", POSITIVE)
    for index, name in enumerate(names):
        if counts[s.N_COUNTS + index].any():
            found[f"served_share:{name}"] = Measure(share(s.N_COUNTS + index, of_completed), "share", SHARE)
    for index, name in enumerate(tables.CAUSES):
        column = s.N_COUNTS + len(names) + index
        if name and counts[column].any():
            found[f"{LOST}{name}"] = Measure(share(column), "share", SHARE, int(arrived.sum()))
    return found
