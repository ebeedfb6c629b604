"""What an outage did, request by request: who was lost, who was served elsewhere, the backlog and the way back.

Comes in: pairs of runs on the same requests and luck; goes out: counts and times of each replication, and their means
with intervals. A request is *unchanged* only if its row of Outcomes and every row of its calls are the same in both
runs, to the last nanosecond and token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.chance import to_ns
from planner.experiments.causes import awaited
from planner.experiments.drill_runs import Arrays, Pair, Rows
from planner.experiments.drill_stretch import Stretch
from planner.metrics.intervals import Deletions, Estimate, deletions, estimate
from planner.scenario.fields import Scenario
from planner.scenario.outages import Outage

PHASES = ("before", "during", "after")  # by arrival
FATES = ("unchanged", "lost", "rescued", "elsewhere", "changed", "failed-otherwise")
UNCHANGED, LOST, RESCUED, ELSEWHERE, CHANGED, FAILED_OTHERWISE = range(6)
STEPS_PER_OUTAGE = 100  # resolution of the backlog over time
QUIET_PART, LEAST_QUIET_NS = 10, 60 * 10**9
NOT_REFUSING = -2  # beside `tables.NEVER`
_LAST = ("request", "deployment", "started_ns", "ended_ns", "outcome", "retry_after_ns")
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


# -- estimates over replications -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Paired:
    """A figure without the outage, with it, and the difference on common luck."""

    without: Estimate
    with_outage: Estimate
    difference: Estimate


class Means:
    """Means over replications, which are independent and count alike, with 95 % intervals."""

    def __init__(self, replications: int) -> None:
        self.plan: Deletions = deletions([1.0] * replications, [0] * replications)

    def of(self, values: Sequence[float], *, is_signed: bool = False) -> Estimate:
        """The mean of a figure of each replication; a count's interval does not go below 0."""
        bounds = None if is_signed else (0.0, np.inf)
        if len(values) > 1 and len(set(values)) == 1 and np.isfinite(values[0]):
            # An interval of no width would claim that no other luck ever gives another figure.
            return Estimate(float(values[0]), reason="no interval: the same in every replication")
        return self._told(self.plan.weights @ np.array(values, np.float64), bounds)

    def ratio(self, above: Sequence[float], below: Sequence[float]) -> Estimate:
        """A ratio of sums over replications."""
        return self._told(self._ratio(above, below), (0.0, np.inf))

    def paired(self, without: Sequence[float], during: Sequence[float]) -> Paired:
        """Means of both runs and of the differences."""
        gap = [b - a for a, b in zip(without, during, strict=True)]
        return Paired(
            without=self.of(without), with_outage=self.of(during), difference=self.of(gap, is_signed=True)
        )

    def paired_ratio(
        self, without: Sequence[float], during: Sequence[float], below: Sequence[float]
    ) -> Paired:
        """The same of a ratio to what both runs share."""
        gap = self._ratio(during, below) - self._ratio(without, below)
        return Paired(
            without=self.ratio(without, below),
            with_outage=self.ratio(during, below),
            difference=self._told(gap, None),
        )

    def _ratio(self, above: Sequence[float], below: Sequence[float]) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (self.plan.weights @ np.array(above, np.float64)) / (
                self.plan.weights @ np.array(below, np.float64)
            )
        return np.where(np.isfinite(found), found, np.nan)

    def _told(self, replicates: Floats, bounds: tuple[float, float] | None) -> Estimate:
        if self.plan.n_windows == 1 and np.isfinite(replicates[0]):
            return Estimate(float(replicates[0]), reason="no interval: one replication")
        return estimate(replicates, self.plan.strata, bounds)


# -- one replication -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A replication of a strategy, counted; arrays by phase have the order of `PHASES`.

    `phase` is -1 for requests of a lead-in, which nothing counts. Moments are ns since the window's start.
    """

    phase: Integers  # (requests,)
    fate: Integers  # (requests,), of `FATES`
    arrived: Integers  # (phases,)
    fates: Integers  # (phases, fates)
    served: Mapping[str, Integers]  # "without" or "with": (phases, deployments)
    lost: Mapping[str, Integers]  # the same: (phases, causes)
    refused: (
        Integers  # (phases,), of those lost by `limit` with the outage: its own 429 was what they met last
    )
    calls: Mapping[str, Integers]  # the same: (phases,), to deployments, checks of a verifier left out
    latency_p95_s: Mapping[
        str, Floats
    ]  # the same: (phases,), of tasks that somebody waits for, NaN where there are none
    steps: (
        Integers  # (requests changed as they ended, 2): moment, +1 ended without the outage, -1 ended with it
    )
    recovered_ns: (
        int | None
    )  # from here on every request is as it would have been; None: nothing ever differed
    cleared_ns: int | None  # from here on as many requests are in flight; None: there were always as many
    last_lost_ns: int | None  # end of the last request that was lost and would not have been
    sessions: int | None  # conversations of requests that differ; None where the requests name none
    ends: Mapping[str, Integers]  # "without" or "with": moments of ends, sorted
    arrivals: Integers  # sorted


def seen(hit: Scenario, deployments: Sequence[str], stretch: Stretch, pair: Pair) -> Seen:
    """What the outage did in a replication; `hit` is the scenario with it planted at `deployments`."""
    a, b = pair.without.outcomes, pair.with_outage.outcomes
    assert np.array_equal(a["request"], b["request"]), "both runs have the same requests"
    edges = [stretch.counted_ns, stretch.from_ns, stretch.to_ns]
    phase = np.searchsorted(edges, a["arrived_ns"], side="right") - 1
    fate = fates(pair)
    is_early = np.maximum(a["ended_ns"], b["ended_ns"]) < stretch.from_ns
    assert not (fate[is_early] != UNCHANGED).any(), "an outage changes nothing before it begins"
    counted = phase >= 0
    runs = {"without": pair.without, "with": pair.with_outage}
    changed = counted & (fate != UNCHANGED)
    ends_a, ends_b = a["ended_ns"][changed], b["ended_ns"][changed]
    steps = np.column_stack(
        [np.concatenate([ends_a, ends_b]), np.repeat([1, -1], [ends_a.size, ends_b.size])]
    ).astype(np.int64)
    lost = counted & (fate == LOST)
    return Seen(
        phase=phase,
        fate=fate,
        arrived=_by_phase(phase),
        fates=_table(phase, fate, len(FATES)),
        served={
            name: _table(np.where(_is_ok(run), phase, -1), run.outcomes["deployment"], len(hit.deployments))
            for name, run in runs.items()
        },
        lost={
            name: _table(np.where(_is_ok(run), -1, phase), run.outcomes["cause"], len(tables.CAUSES))
            for name, run in runs.items()
        },
        refused=_by_phase(np.where(refused(hit, deployments, stretch, pair.with_outage), phase, -1)),
        calls={name: _calls(run, phase) for name, run in runs.items()},
        latency_p95_s={
            name: _p95(run, np.where(np.isin(a["task"], awaited(hit)), phase, -1))
            for name, run in runs.items()
        },
        steps=steps,
        recovered_ns=int(steps[:, 0].max()) if changed.any() else None,
        cleared_ns=_cleared(steps),
        last_lost_ns=int(b["ended_ns"][lost].max()) if lost.any() else None,
        sessions=_sessions(pair, changed),
        ends={name: np.sort(run.outcomes["ended_ns"][counted]) for name, run in runs.items()},
        arrivals=np.sort(a["arrived_ns"][counted]),
    )


def fates(pair: Pair) -> Integers:
    """What became of each request, in the order of Outcomes; shape (requests,), places in `FATES`."""
    a, b = pair.without.outcomes, pair.with_outage.outcomes
    differs = np.zeros(a["request"].shape, np.bool_)
    for column in tables.OUTCOMES_TABLE:
        differs |= a[column.name] != b[column.name]
    differs |= _calls_differ(pair, differs)
    ok_a, ok_b = a["outcome"] == tables.OK, b["outcome"] == tables.OK
    found = np.full(differs.shape, UNCHANGED)
    found[differs] = FAILED_OTHERWISE
    found[differs & ok_a & ok_b] = CHANGED
    found[ok_a & ok_b & (a["deployment"] != b["deployment"])] = ELSEWHERE
    found[ok_a & ~ok_b] = LOST
    found[~ok_a & ok_b] = RESCUED
    return found.astype(np.int64)


def _calls_differ(pair: Pair, differs: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Requests of equal outcome whose calls were not all the same; they have as many of them."""
    names = pair.without.outcomes["request"]
    rows = [np.searchsorted(names, run.attempts["request"]) for run in (pair.without, pair.with_outage)]
    same = [~differs[row] for row in rows]
    assert np.array_equal(rows[0][same[0]], rows[1][same[1]]), "equal outcomes have equally many calls"
    other = np.zeros(int(same[0].sum()), np.bool_)
    for column in tables.ATTEMPTS:
        one, two = pair.without.attempts[column.name], pair.with_outage.attempts[column.name]
        other |= one[same[0]] != two[same[1]]
    found = np.zeros(names.shape, np.bool_)
    found[rows[0][same[0]][other]] = True
    return found


def refused(hit: Scenario, deployments: Sequence[str], stretch: Stretch, rows: Rows) -> npt.NDArray[np.bool_]:
    """Requests lost by `limit` that met a 429 of the outage itself last, in the order of Outcomes.

    A deployment's own rate limits answer 429 too, in no time, and ask for the time until they have room; the outage
    answers after its latency, or, where that is 0, asks for what it was told to.
    """
    outcomes, attempts = rows.outcomes, rows.attempts
    found = np.zeros(outcomes["request"].shape, np.bool_)
    asks = np.full(len(hit.deployments), NOT_REFUSING, np.int64)
    for name in deployments:
        planted = outage_of(hit, name)
        if planted.mode == "limited":
            asked_s = planted.retry_after_s
            asks[list(hit.deployments).index(name)] = tables.NEVER if asked_s is None else to_ns(asked_s)
    if (asks == NOT_REFUSING).all():
        return found
    told = (attempts["outcome"] != tables.CANCELLED) & (attempts["deployment"] >= 0)
    order = np.lexsort([attempts["attempt"][told], attempts["ended_ns"][told], attempts["request"][told]])
    names = attempts["request"][told][order]
    is_last = np.append(names[1:] != names[:-1], True)[: names.size]
    last = {column: attempts[column][told][order][is_last] for column in _LAST}
    asked = asks[last["deployment"]]
    took = last["ended_ns"] > last["started_ns"]
    is_own = (asked != NOT_REFUSING) & (took | (last["retry_after_ns"] == asked))
    is_own &= (last["outcome"] == tables.LIMITED) & (last["started_ns"] >= stretch.from_ns)
    is_own &= last["started_ns"] < stretch.to_ns
    found[np.searchsorted(outcomes["request"], last["request"][is_own])] = True
    # A request that somebody else turned away without a 429 after that has no row of it, but another outcome.
    return found & (outcomes["outcome"] == tables.LIMITED) & (outcomes["cause"] == tables.LIMIT)


def outage_of(hit: Scenario, deployment: str) -> Outage:
    """The outage that was planted at a deployment: the last of its windows."""
    outages = hit.deployments[deployment].outages
    assert isinstance(outages, tuple), "an outage is planted as a window"
    return outages[-1]


def is_recovered(stretch: Stretch, one: Seen) -> bool:
    """Whether requests went on as they would have, for a tenth of the outage and a minute at least."""
    if one.recovered_ns is None:
        return True
    quiet_ns = max(stretch.outage_ns // QUIET_PART, LEAST_QUIET_NS)
    return one.recovered_ns <= stretch.end_ns - quiet_ns


def _is_ok(run: Rows) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = run.outcomes["outcome"] == tables.OK
    return found


def _by_phase(phase: Integers) -> Integers:
    return np.bincount(phase[phase >= 0], minlength=len(PHASES))


def _table(phase: Integers, column: Integers, width: int) -> Integers:
    """How many of each phase and code; rows with a phase of -1 count nowhere."""
    kept = phase >= 0
    assert (column[kept] >= 0).all(), "a counted row has a code"
    flat = np.bincount(phase[kept] * width + column[kept], minlength=len(PHASES) * width)
    return flat.reshape(len(PHASES), width)


def _calls(run: Rows, phase: Integers) -> Integers:
    row = np.searchsorted(run.outcomes["request"], run.attempts["request"])
    return _by_phase(np.where(run.attempts["deployment"] >= 0, phase[row], -1))


def _p95(run: Rows, phase: Integers) -> Floats:
    took_s = (run.outcomes["ended_ns"] - run.outcomes["arrived_ns"]) / 1e9
    found = [took_s[phase == one] for one in range(len(PHASES))]
    return np.array([np.percentile(one, 95) if one.size else np.nan for one in found])


def _sessions(pair: Pair, changed: npt.NDArray[np.bool_]) -> int | None:
    requests = pair.work.requests
    if not (requests.session >= 0).any():
        return None
    session = requests.session[np.argsort(requests.request, kind="stable")][changed]
    return int(np.unique(session[session >= 0]).size) + int((session < 0).sum())


# -- backlog ---------------------------------------------------------------------------------------


def backlog_at(steps: Integers, moments: Integers) -> Integers:
    """Requests in flight beyond those without the outage, right after each moment."""
    without, during = np.sort(steps[steps[:, 1] > 0, 0]), np.sort(steps[steps[:, 1] < 0, 0])
    return np.searchsorted(without, moments, side="right") - np.searchsorted(during, moments, side="right")


def backlog_peak(steps: Integers) -> tuple[int, int | None]:
    """(most requests beyond those without the outage, first moment at which it is so many); 0 has no moment."""
    moments = np.unique(steps[:, 0])
    if not moments.size:
        return 0, None
    held = backlog_at(steps, moments)
    most = int(held.max())
    return (most, int(moments[np.argmax(held)])) if most > 0 else (0, None)


def _cleared(steps: Integers) -> int | None:
    moments = np.unique(steps[:, 0])
    if not moments.size:
        return None
    held = backlog_at(steps, moments)
    apart = np.flatnonzero(held)
    if not apart.size:
        return None
    assert held[-1] == 0, "all requests end in both runs"
    return int(moments[apart[-1] + 1])


__all__ = [
    "FATES",
    "PHASES",
    "Arrays",
    "Means",
    "Paired",
    "Seen",
    "backlog_at",
    "backlog_peak",
    "fates",
    "is_recovered",
    "refused",
    "seen",
]
