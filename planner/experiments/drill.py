"""A drill: an outage of a provider, or of several at once, planted in a scenario and replayed on common luck.

Comes in: a scenario, who is out, how, how long and when; goes out: a `Drill`, plain frozen values. Each strategy meets the
same requests and the same luck twice in every replication, without and with the outage, and what differs is what the
outage did: who was served by whom, who was lost and why, the backlog, the way back, calls and money, and the quota at
the fallbacks that would have lost nothing.

Conventions. Requests belong to before, during or after by their arrival; calls and money are those of their requests.
Outages by law are left out of both runs, windows given in the scenario stay in both. Figures are means over
replications, each one drill with its own luck, with 95 % intervals. The time after the outage is doubled until every
strategy has gone on undisturbed for a tenth of the outage (and a minute at least), at most `MOST_DOUBLINGS` times.
Where and when: `drill_stretch`; how: `drill_manner`; runs: `drill_runs`; counting: `drill_counts`; money: `drill_money`; quota: `drill_quota`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from planner import tables
from planner.errors import PlannerError
from planner.experiments.cells import clock
from planner.experiments.drill_counts import (
    FATES,
    LOST,
    PHASES,
    STEPS_PER_OUTAGE,
    UNCHANGED,
    Means,
    Paired,
    Seen,
    backlog_at,
    backlog_peak,
    is_recovered,
    seen,
)
from planner.experiments.drill_manner import Manner
from planner.experiments.drill_money import DrillMoney, money
from planner.experiments.drill_quota import FallbackQuota, fallback_quota
from planner.experiments.drill_runs import Bench, Pair, check_engine, fit, fits
from planner.experiments.drill_stretch import PEAK, Plan, Stretch, plan_drill, verifier_of
from planner.finance import Ledger, plain, usd
from planner.metrics.intervals import Estimate
from planner.scenario.fields import Scenario
from planner.scenario.gateway import PooledLimits
from planner.scenario.quotas import PLATFORM, beside_minutes
from planner.scenario.reading import load
from planner.scenario.steps import is_capped
from planner.workload.windows import DAY_S, eras

VERSION = 1
MOST_DOUBLINGS = 3
Report = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Requests that arrive before, during or after the outage.

    `served` by deployment and `lost` by cause add up to `requests`, in both runs; `n_lost` are whole requests over all
    replications that add up likewise. `fates` says what the outage made of them (`drill_counts.FATES`).
    """

    name: str
    from_s: float  # since the outage's beginning
    to_s: float
    requests: Estimate
    n_requests: int
    served: Mapping[str, Paired]
    lost: Mapping[str, Paired]
    n_lost: Mapping[str, Mapping[str, int]]  # "without" or "with": by cause
    refused: Estimate  # of those lost by `limit` with the outage: its own 429 was what they met last
    n_refused: int  # the same over all replications
    fates: Mapping[str, Estimate]
    calls_per_request: Paired
    latency_p95_s: Paired


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Requests in flight beyond those without the outage, mean over replications, at moments 1 % of the outage apart."""

    times_s: tuple[float, ...]  # since the outage's beginning
    in_flight_without: tuple[float, ...]
    in_flight_with: tuple[float, ...]
    backlog: tuple[float, ...]
    peak: Estimate  # of each replication, exact, at any moment
    peak_s: Estimate  # when, since the outage's beginning


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Seconds from the outage's end until nothing differs for good; 0 where that was before its end.

    `all_s`: every later request ends as it would have, by the same deployment at the same moment. `backlog_s`: as many are
    in flight. `loss_s`: the last request that is lost and would not have been has ended.
    """

    all_s: Estimate
    longest_s: float | None  # of `all_s`, over replications
    backlog_s: Estimate
    loss_s: Estimate
    is_complete: bool  # in every replication, within the stretch


@dataclass(frozen=True, kw_only=True)
class StrategyDrill:
    """All about one strategy."""

    name: str
    is_touched: bool  # it has a deployment of the provider
    phases: tuple[Phase, ...]
    n_lost: Mapping[str, Mapping[str, int]]  # "without" or "with": by cause, over all phases and replications
    n_refused: int  # of those lost by `limit` with the outage: its own 429 was what they met last
    lost: Paired  # requests lost in a replication
    fates: Mapping[str, Estimate]
    affected: Estimate  # requests that did not end as they would have
    affected_sessions: Estimate | None  # conversations of those; None where requests name none
    backlog: Backlog
    recovery: Recovery
    money: DrillMoney
    quota: FallbackQuota | None  # None where it was not asked for
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What was found, by strategy; times of the stretch are seconds since the outage's beginning."""

    name: str
    provider: str  # several with "and" between them
    providers: tuple[str, ...]
    deployments: tuple[str, ...]
    mode: str
    manner: Manner
    minutes: float
    place: str
    engine: str
    n_replications: int
    n_requests: int  # of one run, over all replications
    from_s: float
    to_s: float
    strategies: Mapping[str, StrategyDrill]
    notices: tuple[str, ...]
    simulated_requests: int
    seconds: float = field(compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, money as decimal strings: the JSON document of `planner drill --json`."""
        found: dict[str, Any] = {"version": VERSION, **_plain(self)}
        return found


def drill(
    scenario: Scenario | str | Path,
    *,
    provider: str | Sequence[str],
    minutes: float = 30.0,
    at: str | float = PEAK,
    mode: str = "error",
    share: float | None = None,
    status: int | None = None,
    slowdown: float | None = None,
    retry_after_s: float | None = None,
    strategies: Sequence[str] | None = None,
    replications: int | None = None,
    engine: str = "compiled",
    quota: bool = True,
    report: Report | None = None,
) -> Drill:
    """Plant an outage of a provider, or of several at once, and replay it on common luck.

    Parameters
    ----------
    scenario : Scenario or path
        A path is loaded.
    provider : str or sequence of names
        Whose deployments are out, all at once; several providers in a list, or with commas between them.
    minutes : float
        How long.
    at : str or float
        `peak`: the hour of the week with the most expected arrivals (the first of equals), or a recording's busiest stretch;
        a weekday and time such as `tue 14:00`, the first in the plan; a date and time such as `2027-03-02 14:00` (UTC); or
        seconds into a recording.
    mode : "error", "hang", "degraded" or "limited"
        What happens to calls that start in the outage.
    share : float, optional
        Share of them that meet it, drawn call by call; all, if not given.
    status : int, optional
        HTTP status in mode error; like the next two that of the deployment's own law of outages, if not given.
    slowdown : float, optional
        Factor on latency in mode degraded.
    retry_after_s : float, optional
        What a refusal asks to wait in mode limited.
    strategies : sequence of names, optional
        All, if not given.
    replications : int, optional
        Instead of `run.replications`.
    quota : bool
        Whether to search the fallback quota that would have lost nothing.
    report : callable (done, total), optional
        Called often; what it raises ends the work.

    Raises
    ------
    ScenarioError
        With every problem of what was asked.
    LoadExceedsCapacity
        More requests in flight than `run.max_in_flight`.
    """
    began = clock()
    check_engine(engine)
    scenario = scenario if isinstance(scenario, Scenario) else load(scenario)
    wanted = scenario.run.replications if replications is None else replications
    if wanted < 1:
        raise PlannerError(f"replications: got {wanted}; allowed: at least 1")
    figures = {"share": share, "status": status, "slowdown": slowdown, "retry_after_s": retry_after_s}
    plan = plan_drill(scenario, provider, minutes, at, mode, strategies, figures)
    heard = _Heard(report, len(plan.strategies))
    bench, pairs, counted, notices = _settled(scenario, plan, wanted, engine, heard)
    means = Means(len(bench.replications))
    found = {}
    for name in plan.strategies:
        rows = pairs.pop(name) if name in pairs else bench.pairs(name)
        found[name] = _strategy(bench, name, rows, counted[name], means, heard if quota else None)
        del rows
        heard.done()
    return Drill(
        name=scenario.name,
        provider=" and ".join(plan.providers),
        providers=plan.providers,
        deployments=plan.deployments,
        mode=mode,
        manner=plan.manner,
        minutes=minutes,
        place=plan.place,
        engine=engine,
        n_replications=len(bench.replications),
        n_requests=sum(one.n for one in bench.requests),
        from_s=(bench.stretch.counted_ns - bench.stretch.from_ns) / 1e9,
        to_s=(bench.stretch.end_ns - bench.stretch.from_ns) / 1e9,
        strategies=found,
        notices=tuple(notices),
        simulated_requests=bench.simulated,
        seconds=clock() - began,
    )


class _Heard:
    """Progress: a part for the pairs of all strategies, then one for each strategy, of which searches tell steps."""

    STEPS = 20

    def __init__(self, report: Report | None, strategies: int) -> None:
        self.report, self.total = report, (strategies + 1) * self.STEPS
        self.begun = self.within = 0

    def step(self) -> None:
        self.within = min(self.within + 1, self.STEPS - 1)
        self._tell()

    def done(self) -> None:
        self.begun, self.within = self.begun + 1, 0
        self._tell()

    def _tell(self) -> None:
        if self.report is not None:
            self.report(min(self.begun * self.STEPS + self.within, self.total), self.total)


def _settled(
    scenario: Scenario, plan: Plan, wanted: int, engine: str, heard: _Heard
) -> tuple[Bench, dict[str, list[Pair]], dict[str, list[Seen]], list[str]]:
    """All strategies over a stretch that is long enough for all to recover, as far as that can be had.

    Pairs are those that may be kept.
    """
    stretch, simulated = plan.stretch, 0
    doublings = 0 if stretch.is_recording else MOST_DOUBLINGS
    for left in range(doublings, -1, -1):
        replications, fewer = fit(scenario, stretch, wanted)
        bench = Bench(scenario, plan, stretch, replications, engine)
        bench.simulated += simulated
        pairs: dict[str, list[Pair]] = {}
        counted: dict[str, list[Seen]] = {}
        for name in plan.strategies:
            rows = bench.pairs(name)
            counted[name] = [seen(bench.hit, plan.deployments, stretch, pair) for pair in rows]
            if bench.keeps(len(plan.strategies)):
                pairs[name] = rows
            del rows  # before those of the next strategy are made
            heard.step()
        open_ones = [
            name for name, all_of in counted.items() if not all(is_recovered(stretch, one) for one in all_of)
        ]
        simulated = bench.simulated
        if not open_ones or left == 0 or not fits(scenario, stretch.longer()):
            break
        stretch = stretch.longer()
    heard.done()
    notices = _notices(scenario, plan, stretch, open_ones)
    return bench, pairs, counted, notices + ([fewer] if fewer is not None else [])


def _notices(scenario: Scenario, plan: Plan, stretch: Stretch, open_ones: Sequence[str]) -> list[str]:
    found = []
    if open_ones:
        ends = "the recording ends" if stretch.is_recording else f"{stretch.end_ns / 6e10:,.0f} minutes"
        after_s = (stretch.end_ns - stretch.to_ns) / 1e9
        where = f"({ends})" if stretch.is_recording else ""
        found.append(
            f"{', '.join(open_ones)}: requests still differ {after_s:,.0f} s after the outage, where the stretch ends"
            f"{' ' + where if where else ''}: counts and money go no further, and there is no recovery time. A choice that "
            "remembers earlier calls (policy.select) may differ for ever."
        )
    used = {name for strategy in plan.strategies for name in scenario.deployments_of(strategy)}
    given = [name for name in used if isinstance(scenario.deployments[name].outages, tuple)]
    if any(scenario.deployments[name].outages for name in given):
        found.append(
            f"Outages given as windows at {', '.join(sorted(given))} hold in both runs, in seconds since the simulated "
            f"stretch begins, {stretch.from_ns / 1e9:,.0f} s before the outage; where two overlap the later one counts."
        )
    platforms = [
        name
        for name in plan.strategies
        if scenario.behind_gateway(name) and isinstance(scenario.gateway_for(name).outages, tuple)
    ]
    if platforms:
        found.append(
            f"Outages of the platform given as windows hold in both runs of {', '.join(platforms)}, in seconds since the "
            "simulated stretch begins; a call meets them before any outage of a provider."
        )
    found += _starts(scenario, plan.strategies, stretch)
    start_of = {era.index: (era.start - scenario.start).days * DAY_S for era in eras(scenario)}
    if any(stretch.start_s < day < stretch.start_s + stretch.end_ns / 1e9 for day in start_of.values()):
        found.append(
            "A migration falls into the stretch: models and prices of the day on which it begins hold for all of it."
        )
    for name in plan.strategies:
        judge = verifier_of(scenario, name)
        if judge in plan.providers:
            found.append(
                f"{name}: its verifier is at {judge} too, and is not out: its outages are not simulated."
            )
    if stretch.is_recording and stretch.from_ns - stretch.counted_ns < stretch.outage_ns:
        found.append("The recording holds less time before the outage than the outage is long.")
    return found


def _starts(scenario: Scenario, strategies: Sequence[str], stretch: Stretch) -> list[str]:
    """About quotas and caps that count from where the simulated stretch begins."""
    found = []
    pairs = [(name, strategy) for strategy in strategies for name in scenario.deployments_of(strategy)]
    for name, strategy in sorted(pairs):
        limited = scenario.limited(strategy, name)
        limits = limited.limits
        if limits is None:
            continue
        if limits.windows:
            whose = PLATFORM if isinstance(limits, PooledLimits) else name
            found.append(
                f"{whose}: {', '.join(beside_minutes(limited))} begin whole where the simulated stretch "
                f"begins, {stretch.from_ns / 1e9:,.0f} s before the outage."
            )
        if not isinstance(limits.concurrent, int) and is_capped(limits.concurrent):
            found.append(
                f"{name}: the steps of limits.concurrent count from where the simulated stretch begins, "
                f"{stretch.from_ns / 1e9:,.0f} s before the outage."
            )
    return list(dict.fromkeys(found))


# -- one strategy ----------------------------------------------------------------------------------


def _strategy(
    bench: Bench,
    name: str,
    pairs: Sequence[Pair],
    counted: Sequence[Seen],
    means: Means,
    heard: _Heard | None,
) -> StrategyDrill:
    fates = {
        fate: means.of([int(one.fates[:, code].sum()) for one in counted]) for code, fate in enumerate(FATES)
    }
    lost = {run: [int(one.lost[run].sum()) for one in counted] for run in ("without", "with")}
    sessions = [one.sessions for one in counted]
    affected = [int(one.fates.sum() - one.fates[:, UNCHANGED].sum()) for one in counted]
    bill = money(bench, name, pairs, counted, means)
    recovery = _recovery(bench.stretch, counted, means)
    found = StrategyDrill(
        name=name,
        is_touched=any(one in bench.plan.deployments for one in bench.scenario.deployments_of(name)),
        phases=tuple(_phase(bench, phase, counted, means) for phase in range(len(PHASES))),
        n_lost={run: _by_cause(counted, run, slice(None)) for run in ("without", "with")},
        n_refused=sum(int(one.refused.sum()) for one in counted),
        lost=means.paired(lost["without"], lost["with"]),
        fates=fates,
        affected=means.of(affected),
        affected_sessions=(
            None if any(one is None for one in sessions) else means.of([one or 0 for one in sessions])
        ),
        backlog=_backlog(bench.stretch, counted, means),
        recovery=recovery,
        money=bill,
        quota=None if heard is None else fallback_quota(bench, name, pairs, heard.step),
        sentence="",
    )
    return _with_sentence(found, counted)


def _phase(bench: Bench, phase: int, counted: Sequence[Seen], means: Means) -> Phase:
    stretch, scenario = bench.stretch, bench.scenario
    edges = (stretch.counted_ns, stretch.from_ns, stretch.to_ns, stretch.end_ns)
    arrived = [int(one.arrived[phase]) for one in counted]
    refused = [int(one.refused[phase]) for one in counted]
    n_lost = {run: _by_cause(counted, run, phase) for run in ("without", "with")}
    served = {}
    for place, name in enumerate(scenario.deployments):
        without, during = (
            [int(one.served[run][phase, place]) for one in counted] for run in ("without", "with")
        )
        if any(without) or any(during):
            served[name] = means.paired(without, during)
    lost = {}
    for code, cause in enumerate(tables.CAUSES):
        if cause in n_lost["without"] or cause in n_lost["with"]:
            lost[cause] = means.paired(
                *([int(one.lost[run][phase, code]) for one in counted] for run in ("without", "with"))
            )
    return Phase(
        name=PHASES[phase],
        from_s=(edges[phase] - stretch.from_ns) / 1e9,
        to_s=(edges[phase + 1] - stretch.from_ns) / 1e9,
        requests=means.of(arrived),
        n_requests=sum(arrived),
        served=served,
        lost=lost,
        n_lost=n_lost,
        refused=means.of(refused),
        n_refused=sum(refused),
        fates={
            fate: means.of([int(one.fates[phase, code]) for one in counted])
            for code, fate in enumerate(FATES)
            if any(one.fates[phase, code] for one in counted)
        },
        calls_per_request=means.paired_ratio(
            [int(one.calls["without"][phase]) for one in counted],
            [int(one.calls["with"][phase]) for one in counted],
            arrived,
        ),
        latency_p95_s=means.paired(
            *([float(one.latency_p95_s[run][phase]) for one in counted] for run in ("without", "with"))
        ),
    )


def _by_cause(counted: Sequence[Seen], run: str, phases: int | slice) -> dict[str, int]:
    """CAUSE: requests lost by it over all replications; causes that came up."""
    sums = np.sum([np.atleast_2d(one.lost[run][phases]).sum(axis=0) for one in counted], axis=0)
    return {cause: int(n) for cause, n in zip(tables.CAUSES, sums, strict=True) if n}


def _backlog(stretch: Stretch, counted: Sequence[Seen], means: Means) -> Backlog:
    first = -((stretch.from_ns - stretch.counted_ns) * STEPS_PER_OUTAGE // stretch.outage_ns)
    last = (stretch.end_ns - stretch.from_ns) * STEPS_PER_OUTAGE // stretch.outage_ns
    moments = stretch.from_ns + np.arange(first, last + 1) * stretch.outage_ns // STEPS_PER_OUTAGE
    in_flight = {
        run: np.mean(
            [
                np.searchsorted(one.arrivals, moments, side="right")
                - np.searchsorted(one.ends[run], moments, side="right")
                for one in counted
            ],
            axis=0,
        )
        for run in ("without", "with")
    }
    peaks = [backlog_peak(one.steps) for one in counted]
    times = [(at - stretch.from_ns) / 1e9 for _, at in peaks if at is not None]
    return Backlog(
        times_s=tuple(((moments - stretch.from_ns) / 1e9).tolist()),
        in_flight_without=tuple(in_flight["without"].tolist()),
        in_flight_with=tuple(in_flight["with"].tolist()),
        backlog=tuple(np.mean([backlog_at(one.steps, moments) for one in counted], axis=0).tolist()),
        peak=means.of([most for most, _ in peaks]),
        peak_s=_of_some(times, len(counted), means, "there is no backlog in every replication"),
    )


def _recovery(stretch: Stretch, counted: Sequence[Seen], means: Means) -> Recovery:
    is_complete = all(is_recovered(stretch, one) for one in counted)

    def after_s(moment_ns: int | None) -> float:
        return 0.0 if moment_ns is None else max(0, moment_ns - stretch.to_ns) / 1e9

    each = {
        name: [after_s(getattr(one, f"{name}_ns")) for one in counted]
        for name in ("recovered", "cleared", "last_lost")
    }
    missing = Estimate(None, reason="requests still differ where the stretch ends")

    def told(name: str) -> Estimate:
        """A time is known where its last moment lies well before the end of the stretch."""
        moments = [getattr(one, f"{name}_ns") or 0 for one in counted]
        is_known = is_complete or max(moments) < stretch.end_ns - stretch.outage_ns // 10
        return means.of(each[name]) if is_known else missing

    return Recovery(
        all_s=means.of(each["recovered"]) if is_complete else missing,
        longest_s=max(each["recovered"]) if is_complete else None,
        backlog_s=told("cleared"),
        loss_s=told("last_lost"),
        is_complete=is_complete,
    )


def _of_some(values: Sequence[float], n: int, means: Means, reason: str) -> Estimate:
    """A mean of a figure that every replication has, or none."""
    return means.of(values, is_signed=True) if len(values) == n else Estimate(None, reason=reason)


def _with_sentence(found: StrategyDrill, counted: Sequence[Seen]) -> StrategyDrill:
    arrived = sum(int(one.arrived[1]) for one in counted) / len(counted)
    if not found.is_touched:
        text = f"{found.name} has no deployment of the provider: nobody is affected."
        return replace(found, sentence=text)
    hit, lost = found.affected.value or 0.0, found.fates[FATES[LOST]].value or 0.0
    text = (
        f"Under {found.name} the outage affects {_many(hit)} requests, where {_many(arrived)} arrive during it: "
        f"{_many(lost)} are lost and {_many(hit - lost)} served elsewhere, later or otherwise"
    )
    if found.affected_sessions is not None and found.affected_sessions.value is not None:
        text += f", in {_many(found.affected_sessions.value)} conversations"
    invoiced, economic = found.money.invoiced_usd, found.money.economic_usd
    if invoiced is None or economic is None:
        text += "; what it costs is not known."
    else:
        text += f"; it changes the bill by {_signed(invoiced.value)}"
        if found.money.prices_downtime or found.money.prices_wrong_answers:
            what = [
                word
                for word, is_priced in (
                    ("downtime", found.money.prices_downtime),
                    ("wrong answers", found.money.prices_wrong_answers),
                )
                if is_priced
            ]
            text += f", and by {_signed(economic.value)} with {' and '.join(what)}"
        text += "."
    return replace(found, sentence=text)


def _many(value: float) -> str:
    """A mean number of requests.

    >>> _many(1234.4), _many(3.25), _many(7.0)
    ('1,234', '3.2', '7')
    """
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def _signed(value: Decimal) -> str:
    return ("+" if value > 0 else "") + usd(value)


# -- plain values ----------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Ledger):
        return value.rows_json()
    if isinstance(value, Estimate):
        told = {"value": value.value, "low": value.low, "high": value.high}
        return told if value.reason is None else told | {"reason": value.reason}
    if isinstance(value, Paired):
        return {
            "without": _plain(value.without),
            "with": _plain(value.with_outage),
            "difference": _plain(value.difference),
        }
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


__all__ = ["Backlog", "Drill", "Phase", "Recovery", "StrategyDrill", "drill"]
