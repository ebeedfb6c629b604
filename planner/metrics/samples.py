"""A window under a strategy, reduced to what measures need, as rows of finished requests come in.

Comes in: rows of `planner.tables.FACTS`, in any order and in blocks of any size; goes out: a `Sample`.
Counts and sums are integers, so no figure depends on the size of a block or the order of rows. Values
are kept exactly up to `EXACT_LIMIT` requests, beyond that as log-histograms.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.jit import jit
from planner.metrics.histogram import N_BINS, add_values, representatives

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

EXACT_LIMIT = 20_000  # a window; a plan of ten has 200,000 to sort
INTERVAL_NS = 60 * 10**9  # of the time series

# Columns of values, and what their integer sums are counted in.
COLUMNS = ("latency_s", "ttft_s", "wait_s", "speed", "input_tokens", "output_tokens")
UNITS_PER = {
    "latency_s": 10**9,
    "ttft_s": 10**9,
    "wait_s": 10**9,
    "speed": 10**6,
    "input_tokens": 1,
    "output_tokens": 1,
}
LATENCY, TTFT, WAIT, SPEED, INPUT, OUTPUT = range(6)
N_COLUMNS = len(COLUMNS)

# Counts by task; after these, requests served by each deployment and failed by each cause.
COUNTS = (
    "arrived",
    "completed",
    "rated",
    "correct",
    "omni",
    "over_context",
    "sensitive_outside",
    "good",
    "attempts",
    "repeated",
    "unasked",
)
(
    ARRIVED, COMPLETED, RATED, CORRECT, IS_OMNI, OVER_CONTEXT, SENSITIVE_OUTSIDE, GOOD, ATTEMPTS, REPEATED, UNASKED,
    N_COUNTS,
) = range(12)  # fmt: skip
N_CAUSES = len(tables.CAUSES)
N_TIERS = len(tables.TIERS)

SERIES = ("arrived", "failed", "latency_ns")  # per interval of arrival

_OK, _NEVER, _UNRATED, _OMNI, _RULE = tables.OK, tables.NEVER, tables.UNRATED, tables.OMNI, tables.RULE
(
    _TASK, _ARRIVED, _FIRST, _ENDED, _OUTCOME, _DEPLOYMENT, _TIER, _CALLS, _CAUSE, _CORRECT,
    _WAIT, _SPEED_OUTPUT, _SPEED_NS, _FLAGS, _INPUT, _OUTPUT,
) = range(1, 17)  # fmt: skip
_SENSITIVE_AND_OUTSIDE = tables.FACT_SENSITIVE | tables.FACT_OUTSIDE
_OVER, _REPEATED = tables.FACT_OVER_CONTEXT, tables.FACT_REPEATED
assert [column.name for column in tables.FACTS][_WAIT] == "wait_ns"


@dataclass(frozen=True)
class Sample:
    """A window under a strategy.

    `values` holds each column's values with their tasks and how many requests each stands for: one in
    an exact sample, the requests of a bin in a binned one. `sums` are whole numbers of `UNITS_PER`.
    """

    length_s: float
    counts: Integers  # (tasks, N_COUNTS + deployments + causes)
    sums: list[list[int]]  # [task][column]
    has: Integers  # (tasks, columns): requests that have the value
    values: Mapping[str, tuple[Floats, Integers, Integers]]  # COLUMN: values, tasks, requests
    is_exact: bool
    series: Integers  # (intervals, SERIES)
    billed_tokens: Mapping[str, int] = field(default_factory=dict)  # by meter, all calls
    n_limited: Mapping[int, int] = field(default_factory=dict)  # calls refused with 429, by deployment
    n_calls: Mapping[int, int] = field(default_factory=dict)  # calls by deployment
    # (tasks, tiers, deployments + 1): requests by the tier they were sent to and who served them, the last column nobody
    flow: Integers = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))

    @property
    def n(self) -> int:
        """Requests that arrived."""
        return int(self.counts[:, ARRIVED].sum())

    @property
    def n_lost(self) -> Integers:
        """Requests that failed, by task and cause; shape (tasks, `tables.CAUSES`). They add up to all that failed."""
        return self.counts[:, -N_CAUSES:]

    @property
    def n_completed(self) -> int:
        return int(self.counts[:, COMPLETED].sum())


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a request is held against: targets by task (NaN is none) and the deployments of the omni tier."""

    targets: Floats  # (tasks, 3): p95_latency_s, p95_ttft_s, min_tokens_per_s
    is_omni: npt.NDArray[np.bool_]  # (deployments,)


@jit(
    "void(int64[:, ::1], float64[:, ::1], boolean[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], float64[:, ::1],"
    " int64[:, ::1], int64[:, :, ::1])"
)
def _reduce(
    rows: Integers,
    targets: Floats,
    is_omni: npt.NDArray[np.bool_],
    counts: Integers,
    sums: Integers,
    has: Integers,
    values: Floats,
    series: Integers,
    flow: Integers,
) -> None:
    """Add rows to counts, sums, numbers of values, series and flow; write their values, NaN where there is none.

    One loop for all: a row is read once, while it is in the processor's cache.
    """
    n_deployments = is_omni.shape[0]
    nobody, last = flow.shape[2] - 1, series.shape[0] - 1
    for i in range(rows.shape[0]):
        task, deployment, flags = rows[i, _TASK], rows[i, _DEPLOYMENT], rows[i, _FLAGS]
        completed = rows[i, _OUTCOME] == _OK
        latency_ns = rows[i, _ENDED] - rows[i, _ARRIVED]
        values[LATENCY, i] = latency_ns / 1e9
        values[WAIT, i] = rows[i, _WAIT] / 1e9
        values[INPUT, i] = rows[i, _INPUT]
        values[OUTPUT, i] = rows[i, _OUTPUT]
        sums[task, LATENCY] += latency_ns
        sums[task, WAIT] += rows[i, _WAIT]
        sums[task, INPUT] += rows[i, _INPUT]
        sums[task, OUTPUT] += rows[i, _OUTPUT]
        values[TTFT, i] = math.nan
        values[SPEED, i] = math.nan
        if rows[i, _FIRST] != _NEVER:
            ttft_ns = rows[i, _FIRST] - rows[i, _ARRIVED]
            values[TTFT, i] = ttft_ns / 1e9
            sums[task, TTFT] += ttft_ns
            has[task, TTFT] += 1
        if completed and rows[i, _SPEED_NS] > 0:
            speed = rows[i, _SPEED_OUTPUT] / (rows[i, _SPEED_NS] / 1e9)
            values[SPEED, i] = speed
            sums[task, SPEED] += math.floor(speed * 1e6 + 0.5)
            has[task, SPEED] += 1
        counts[task, ARRIVED] += 1
        counts[task, ATTEMPTS] += rows[i, _CALLS]
        if rows[i, _TIER] == _OMNI or (rows[i, _TIER] == _RULE and deployment >= 0 and is_omni[deployment]):
            counts[task, IS_OMNI] += 1
        if flags & _REPEATED:
            counts[task, REPEATED] += 1
        if flags & _OVER:
            counts[task, OVER_CONTEXT] += 1
        if flags & _SENSITIVE_AND_OUTSIDE == _SENSITIVE_AND_OUTSIDE:
            counts[task, SENSITIVE_OUTSIDE] += 1
        if completed:
            counts[task, COMPLETED] += 1
            counts[task, N_COUNTS + deployment] += 1
            if rows[i, _CORRECT] != _UNRATED:
                counts[task, RATED] += 1
                counts[task, CORRECT] += rows[i, _CORRECT]
            missed = values[LATENCY, i] > targets[task, 0] or values[TTFT, i] > targets[task, 1]
            if not (missed or values[SPEED, i] < targets[task, 2]):
                counts[task, GOOD] += 1
        else:
            counts[task, N_COUNTS + n_deployments + rows[i, _CAUSE]] += 1
        interval = min(rows[i, _ARRIVED] // INTERVAL_NS, last)
        series[interval, 0] += 1
        series[interval, 1] += not completed
        series[interval, 2] += latency_ns
        flow[task, rows[i, _TIER], deployment if completed else nobody] += 1


class Tally:
    """Takes rows of finished requests, in blocks of any size, and gives a Sample."""

    def __init__(self, n_tasks: int, rules: Rules, length_s: float) -> None:
        self.rules, self.length_s = rules, length_s
        n_deployments = len(rules.is_omni)
        self.counts = np.zeros((n_tasks, N_COUNTS + n_deployments + N_CAUSES), np.int64)
        self.sums = [[0] * N_COLUMNS for _ in range(n_tasks)]
        self.has = np.zeros((n_tasks, N_COLUMNS), np.int64)
        self.series = np.zeros((max(1, math.ceil(length_s * 1e9 / INTERVAL_NS)), len(SERIES)), np.int64)
        self.flow = np.zeros((n_tasks, N_TIERS, n_deployments + 1), np.int64)
        self._kept: list[tuple[Floats, Integers]] = []
        self._n_kept = 0
        self._bins: Integers | None = None

    def add(self, rows: Integers) -> None:
        """Rows of `tables.FACTS`; shape (n, columns)."""
        rows = np.ascontiguousarray(rows)
        values = np.empty((N_COLUMNS, len(rows)))
        sums = np.zeros((len(self.sums), N_COLUMNS), np.int64)
        _reduce(
            rows,
            self.rules.targets,
            self.rules.is_omni,
            self.counts,
            sums,
            self.has,
            values,
            self.series,
            self.flow,
        )
        for total, more in zip(self.sums, sums.tolist(), strict=True):
            total[:] = [one + other for one, other in zip(total, more, strict=True)]
        self._kept.append((values, rows[:, _TASK].copy()))
        self._n_kept += len(rows)
        if self._bins is not None or self._n_kept > EXACT_LIMIT:
            self._fill_bins()

    def _fill_bins(self) -> None:
        if self._bins is None:
            self._bins = np.zeros((N_COLUMNS, len(self.sums), N_BINS), np.int64)
        for values, tasks in self._kept:
            for column in range(N_COLUMNS):
                add_values(self._bins[column], values[column], tasks)
        self._kept.clear()

    def sample(
        self,
        billed_tokens: Mapping[str, int],
        n_limited: Mapping[int, int],
        n_calls: Mapping[int, int],
        unasked: Integers | None = None,
    ) -> Sample:
        """The window so far. The arguments are sums over its calls (see `Sample`), and turns that never came, by task."""
        if unasked is not None:
            self.counts[:, UNASKED] = unasked
        assert not self.counts[:, -N_CAUSES + tables.NO_CAUSE].any(), "a request failed by no cause"
        has = self.has.copy()
        has[:, [LATENCY, WAIT, INPUT, OUTPUT]] = self.counts[:, [ARRIVED]]
        return Sample(
            length_s=self.length_s,
            counts=self.counts,
            sums=self.sums,
            has=has,
            values=self._exact() if self._bins is None else self._binned(self._bins),
            is_exact=self._bins is None,
            series=self.series,
            billed_tokens=billed_tokens,
            n_limited=n_limited,
            n_calls=n_calls,
            flow=self.flow,
        )

    def _exact(self) -> dict[str, tuple[Floats, Integers, Integers]]:
        kept = self._kept or [(np.empty((N_COLUMNS, 0)), np.empty(0, np.int64))]
        values = np.concatenate([one for one, _ in kept], axis=1)
        tasks = np.concatenate([one for _, one in kept])
        ones = np.ones(len(tasks), np.int64)
        found = {}
        for index, name in enumerate(COLUMNS):
            if index not in (TTFT, SPEED) or int(self.has[:, index].sum()) == len(tasks):
                found[name] = (values[index], tasks, ones)  # what all columns have alike is held once
            else:
                is_there = ~np.isnan(values[index])
                own = tasks[is_there]
                found[name] = (values[index][is_there], own, ones[: len(own)])
        return found

    def _binned(self, bins: Integers) -> dict[str, tuple[Floats, Integers, Integers]]:
        return {name: _of_bins(bins[index]) for index, name in enumerate(COLUMNS)}


def _of_bins(bins: Integers) -> tuple[Floats, Integers, Integers]:
    """(values, tasks, requests) of the bins that hold any; `bins` has shape (tasks, N_BINS)."""
    tasks, places = np.nonzero(bins)
    return representatives()[places], tasks.astype(np.int64), bins[tasks, places]
