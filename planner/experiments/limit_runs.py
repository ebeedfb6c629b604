"""Runs of a strategy under other limits of one deployment, counted: who met a limit, and who was lost to one.

Comes in: a scenario and how many requests a run may hold; goes out: shares by setting, all on the same windows,
requests and luck. Two observers count the same thing:

* From rows, where every refusal is a 429 (`when_limited: retry`): a refused call is a row of Attempts, and the
  counts that the engines sum up tell refused calls, not requests. The compiled engine writes these rows as fast
  as it counts, and a run is bounded, so they fit in memory.
* By watching, where a deployment waits at a limit or rejects without a row: no table tells a wait at a limit from
  a wait for a slot, so the reference engine is watched (`planner.engines.watching`), on fewer requests.

A run without the deployment's rate limits comes first: it is the demand. Where the limits of a setting would have
let every call of that run through at once, the run under them is the same run call by call, and is not repeated.
Caps of a day and quotas of `limits.windows` are lifted for that run, too, and stay as they are in all others, which
are always simulated then. Limits of an account, a provider or a platform change at all deployments that share them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from planner import limiting, tables
from planner.engines import limiters, rules
from planner.engines.compiled import run_rows
from planner.engines.program import Program, compile_program
from planner.engines.reference import Engine
from planner.engines.watching import WatchingEngine
from planner.engines.work import Work, prepare
from planner.errors import PlannerError, ScenarioError
from planner.experiments.comparison import measure_weights
from planner.metrics.intervals import Deletions, Estimate, deletions, estimate
from planner.scenario.fields import MONTH_S, Scenario
from planner.scenario.gateway import PooledLimits
from planner.scenario.known import kind_of, limits_of, refuses_when_out
from planner.scenario.paths import render
from planner.scenario.quotas import beside_minutes, capped_by_day, pool_of, sharing
from planner.scenario.steps import is_capped
from planner.workload import traces
from planner.workload.requests import Requests, generate
from planner.workload.windows import Window, eras, plan_windows, requests_per_month

MOST_REQUESTS = 5_000_000  # of one run
LEAST_WINDOW_S = 600.0  # a bucket of a minute starts full: a shorter window would be all beginning
#: Limits beside those per minute, and what only they read.
BESIDE_MINUTES = (*limiting.PER_DAY, "day_resets_at", "windows")
WATCHED_PART = 4  # the watched engine gets that part of the requests
ENGINES = ("compiled", "reference")
Arrays = Mapping[str, npt.NDArray[np.int64]]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """A deployment's `limits` as written in a scenario (None: none), and a common cap on answers (None: as is)."""

    limits: Mapping[str, Any] | None
    cap: int | None = None


@dataclass(frozen=True)
class Counted:
    """Requests of one window by task: those that asked a deployment, and which of them were held back or lost."""

    asked: Integers
    held: Integers
    lost: Integers
    too_large: Integers


@dataclass(frozen=True)
class Calls:
    """Calls of one window at a deployment without rate limits; shape (calls,)."""

    started_ns: Integers
    ended_ns: Integers
    sent: Integers  # tokens
    answered: Integers
    caps: Integers  # longest answer asked for
    billed_sent: Integers
    billed_answered: Integers
    uncounted: Integers  # of what was sent: read from a prompt cache whose tokens the limits leave out
    billed_uncounted: Integers
    able: "Calls | None"  # one for each request that the deployment can take, if it is asked or not
    charged: dict[tuple[int, str], Integers] = field(default_factory=dict)  # see `charges`


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Of the requests that asked a deployment: how many met a limit, and how many were lost to one."""

    limited: Estimate
    lost: Estimate
    n_asked: int  # over all windows, as simulated
    n_limited: int
    n_lost: int
    too_large: Estimate  # larger than a limit ever holds: no wait helps
    too_large_by_task: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a deployment would be asked for if it had no rate limits, over all windows.

    `peak_minute` and `peak_slice` hold the most of one minute and of one slice, by limiting field.
    """

    n_calls: int
    peak_minute: Mapping[str, int]
    peak_slice: Mapping[str, int]
    charged_tokens: int  # under the charging rule
    billed_tokens: int
    slice_s: float


class Bench:
    """The same windows, requests and luck for every setting."""

    def __init__(
        self, scenario: Scenario, strategies: Iterable[str], requests: int, engine: str = "compiled"
    ) -> None:
        if engine not in ENGINES:
            raise PlannerError(f"engine: got {engine!r}; allowed: {', '.join(ENGINES)}")
        self.engine = engine
        watched = [name for name in strategies if _needs_watching(scenario, name)]
        self.scenario, self.windows, shortened = plan_within(
            scenario, max(1, requests // WATCHED_PART if watched else requests)
        )
        self.notices = [shortened] if shortened is not None else []
        if watched:
            self.notices.append(
                f"Under {', '.join(watched)} a limit can hold requests back without a 429, which only the reference "
                "engine tells: fewer requests are simulated."
            )
        self.plan: Deletions = deletions(
            measure_weights(self.scenario, self.windows),
            [(window.era, window.stratum) for window in self.windows],
        )
        self.requests: tuple[Requests, ...] = tuple(
            generate(self.scenario, window) for window in self.windows
        )
        self.eras = eras(self.scenario)
        self.simulated = self.n_settings = 0
        self._works: dict[tuple[str, int | None], list[Work]] = {}
        self._shares: dict[tuple[Any, ...], Shares] = {}
        self._unlimited: dict[tuple[str, str, int | None], tuple[list[Counted], list[Calls]]] = {}

    @property
    def n_requests(self) -> int:
        """Requests of one run, over all windows."""
        return sum(one.n for one in self.requests)

    def place(self, strategy: str, deployment: str) -> str:
        """Where the limits are written that hold for a deployment under a strategy: its own, or a platform's."""
        if isinstance(self.scenario.limited(strategy, deployment).limits, PooledLimits):
            return render(("strategies", strategy, "gateway", "limits"))
        return render(("deployments", deployment, "limits"))

    def changed(self, strategy: str, deployment: str, setting: Setting) -> Scenario:
        """The scenario under a setting. Raises ScenarioError where it is refused."""
        limits, place = setting.limits, self.place(strategy, deployment)
        found: dict[str, Any] = {place: limits}
        if place.startswith("strategies"):  # where null would be the deployments' own
            found[place] = {name: value for name, value in (limits or {}).items() if name != "concurrent"}
        elif limits is not None and limits.get("scope", "deployment") != "deployment":
            for name in sharing(self.scenario, deployment, strategy)[1:]:
                own = self.scenario.deployments[name].limits
                assert own is not None, "who shares limits has some"
                concurrent = own.model_dump(exclude_unset=True).get("concurrent")
                found[render(("deployments", name, "limits"))] = {**limits, "concurrent": concurrent}
        return self.scenario.set(found | self.caps(setting.cap))

    def caps(self, cap: int | None) -> dict[str, int]:
        """Overrides that cap the answers of all tasks, none of which gets longer."""
        if cap is None:
            return {}
        return {
            render(("tasks", name, "max_output_tokens")): min(cap, task.max_output_tokens or cap)
            for name, task in self.scenario.tasks.items()
        }

    def shares(self, strategy: str, deployment: str, setting: Setting) -> Shares:
        """What the limits of a deployment do under a setting. Raises ScenarioError where it is refused."""
        key = (strategy, deployment, repr(setting))
        if key not in self._shares:
            scenario = self.changed(strategy, deployment, setting)
            works = self.works(scenario, strategy, setting.cap)
            counted, calls = self.unlimited(strategy, deployment, setting)
            is_watched = self.engine == "reference" or _needs_watching(scenario, strategy)
            look = _watched if is_watched else _from_rows
            found = []
            for window, work, free, one in zip(self.windows, works, counted, calls, strict=True):
                if not lets_through(scenario, strategy, deployment, self.models(window)[deployment], one):
                    program = compile_program(scenario, strategy, self.models(window), window)
                    free = look(scenario, program, deployment, work)
                    self.simulated += work.requests.n
                found.append(free)
            self.n_settings += 1
            self._shares[key] = self._summed(found)
        return self._shares[key]

    def unlimited(
        self, strategy: str, deployment: str, setting: Setting
    ) -> tuple[list[Counted], list[Calls]]:
        """The run of every window without the deployment's rate limits: what was counted, and the calls.

        The calls are those of all deployments that share the limits.
        """
        key = (strategy, deployment, setting.cap)
        if key not in self._unlimited:
            kept = {
                name: value for name, value in (setting.limits or {}).items() if name not in BESIDE_MINUTES
            }
            lifted = {**kept, **dict.fromkeys(limiting.FIELDS)}
            scenario = self.changed(strategy, deployment, Setting(lifted, setting.cap))
            works = self.works(scenario, strategy, setting.cap)
            self._unlimited[key] = ([], [])
            for window, work in zip(self.windows, works, strict=True):
                program = compile_program(scenario, strategy, self.models(window), window)
                outcomes, attempts = _rows(program, work, self.engine)
                counted = _count_rows(scenario, program, deployment, outcomes, attempts, has_limits=False)
                self._unlimited[key][0].append(counted)
                calls = [
                    _calls(scenario, program, name, work, attempts)
                    for name in sharing(scenario, deployment, strategy)
                    if name in program.targets
                ]
                self._unlimited[key][1].append(_joined(calls))
            self.simulated += self.n_requests
        return self._unlimited[key]

    def models(self, window: Window) -> Mapping[str, str]:
        """DEPLOYMENT: model in force in a window."""
        return self.eras[window.era].models

    def works(self, scenario: Scenario, strategy: str, cap: int | None) -> list[Work]:
        """Requests with their sizes and routes, which no limit changes: made once for each cap on answers."""
        key = (strategy, cap)
        if key not in self._works:
            if cap is not None:  # one cap after the other is tried: only the sizes as they are stay
                self._works = {one: works for one, works in self._works.items() if one[1] is None}
            self._works[key] = [
                prepare(
                    scenario,
                    strategy,
                    compile_program(scenario, strategy, self.models(window), window),
                    one,
                )
                for window, one in zip(self.windows, self.requests, strict=True)
            ]
        return self._works[key]

    def cut_share(self, strategy: str, deployment: str, cap: int) -> float:
        """Share of the requests that may go to a deployment whose answer a cap cuts short."""
        cut = whole = 0
        uncut = self.works(self.scenario, strategy, None)
        capped = self.works(self.scenario.set(self.caps(cap)), strategy, cap)
        for before, after in zip(uncut, capped, strict=True):
            able = before.sizes[deployment].eligible
            shorter = after.sizes[deployment].output < before.sizes[deployment].output
            cut += int((shorter & able).sum())
            whole += int(able.sum())
        return cut / whole if whole else 0.0

    def longest_cap(self, strategy: str, deployment: str) -> int:
        """The largest max-output that a request to a deployment is charged with now."""
        works = self.works(self.scenario, strategy, None)
        tops = [one.sizes[deployment].max_output[one.sizes[deployment].eligible] for one in works]
        return max((int(top.max()) for top in tops if top.size), default=0)

    def _summed(self, counted: list[Counted]) -> Shares:
        # A request's weight is its window's, shared among the requests of the window.
        per_request = self.plan.weights / np.array([max(one.n, 1) for one in self.requests], dtype=np.float64)
        counts = {
            which: np.array([getattr(one, which) for one in counted])
            for which in ("asked", "held", "lost", "too_large")
        }  # each of shape (windows, tasks)
        n_asked = int(counts["asked"].sum())

        def share(which: str) -> Estimate:
            above, below = per_request @ counts[which].sum(axis=1), per_request @ counts["asked"].sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                replicates = np.where(below > 0, above / below, np.nan)
            return estimate(replicates, self.plan.strata, (0.0, 1.0), n_asked or None)

        too_large, asked = (per_request[0] @ counts[which] for which in ("too_large", "asked"))
        return Shares(
            limited=share("held"),
            lost=share("lost"),
            n_asked=n_asked,
            n_limited=int(counts["held"].sum()),
            n_lost=int(counts["lost"].sum()),
            too_large=share("too_large"),
            too_large_by_task={
                task: float(part / whole)
                for task, part, whole in zip(self.scenario.tasks, too_large, asked, strict=True)
                if part > 0
            },
        )

    def demand(
        self, strategy: str, deployment: str, limits: Mapping[str, Any], charge: str, slice_s: float
    ) -> Demand:
        """What is asked of a deployment without its rate limits, charged by a rule."""
        _, calls = self.unlimited(strategy, deployment, Setting(limits))
        minutes = dict.fromkeys(limiting.FIELDS, 0)
        slices = dict.fromkeys(limiting.FIELDS, 0)
        charged = 0
        for one in calls:
            for measure, name in enumerate(limiting.FIELDS):
                amounts = charges(measure, charge, one)
                if charge == "after-completion" and measure in (limiting.TOKENS, limiting.OUTPUT):
                    amounts = _used(measure, one)
                minutes[name] = max(minutes[name], _most(one.started_ns, amounts, limiting.MINUTE_NS))
                slices[name] = max(slices[name], _most(one.started_ns, amounts, round(slice_s * 1e9)))
                charged += int(amounts.sum()) if measure == limiting.TOKENS else 0
        return Demand(
            n_calls=sum(one.sent.size for one in calls),
            peak_minute=minutes,
            peak_slice=slices,
            charged_tokens=charged,
            billed_tokens=sum(int((one.billed_sent + one.billed_answered).sum()) for one in calls),
            slice_s=slice_s,
        )


def plan_within(scenario: Scenario, most: int) -> tuple[Scenario, tuple[Window, ...], str | None]:
    """(scenario, windows, notice): the plan with fewer windows, then shorter ones, so that a run stays small.

    Never fewer than two windows for each stretch with the same models, and never thinned: a thinned window
    would have other peaks. Fewer windows are spread over the horizon like all of them.
    """
    replications = scenario.run.replications
    while True:
        windows = plan_windows(scenario, replications)
        expected = _expected(scenario, windows)
        if expected <= most or replications <= 2:
            break
        replications = max(2, min(replications - 1, int(replications * 0.85)))
    notice = None
    if expected > most and scenario.traffic.trace is None and scenario.run.window_s > LEAST_WINDOW_S:
        given_s = scenario.run.window_s
        step_s = 86_400 if capped_by_day(scenario) else 60
        length_s = max(LEAST_WINDOW_S, step_s, given_s * most / expected // step_s * step_s)
        try:
            scenario = scenario.set({"run.window_s": length_s})
        except ScenarioError:  # quotas of limits.windows, say, of which it would hold no whole number
            if not _has_limits_beside_minutes(scenario):
                raise
            length_s = given_s
        windows = plan_windows(scenario, replications)
        expected = _expected(scenario, windows)
        if length_s < given_s:
            notice = f"Windows of {length_s:g} s instead of run.window_s {given_s:g}: rates are high enough to see in them."
        else:
            notice = (
                f"Windows stay as long as run.window_s, {given_s:g} s, which limits per day or limits.windows need, so "
                f"about {expected:,.0f} requests are simulated for each figure."
            )
    if expected > MOST_REQUESTS:
        raise PlannerError(
            f"About {expected:,.0f} requests would have to be simulated for every figure; at most {MOST_REQUESTS:,} are. "
            "Give shorter windows (run.window_s) or less traffic."
        )
    return scenario, windows, notice


def _has_limits_beside_minutes(scenario: Scenario) -> bool:
    return any(
        beside_minutes(scenario.limited(strategy, name))
        for strategy in scenario.strategies
        for name in scenario.deployments_of(strategy)
    )


def _expected(scenario: Scenario, windows: tuple[Window, ...]) -> float:
    if scenario.traffic.trace is not None:
        return float(traces.recording(scenario).n * len(windows))
    per_hour = requests_per_month(scenario) / MONTH_S * 3600
    return sum(per_hour * window.volume for window in windows)


def _needs_watching(scenario: Scenario, strategy: str) -> bool:
    """Whether some deployment of a strategy can hold a request back without a row that says so.

    With a deadline, a wait for a slot may end a request without a row after its last 429: only watching tells
    which of the two it was.
    """
    has_deadline = scenario.strategy_policy(strategy).deadline_s is not None
    for name in scenario.deployments_of(strategy):
        policy, limits = scenario.policy_for(strategy, name), scenario.limited(strategy, name).limits
        if refuses_when_out(scenario, strategy, name):
            return True  # a provider's 429 in an outage is none of its limits
        if limits is None:
            continue
        has_slots = is_capped(limits.concurrent)
        if policy.when_limited != "retry" or (has_slots and (has_deadline or policy.when_busy == "reject")):
            return True
    return False


_SELECTS_BY_LIMITS = ("lowest-latency", "lowest-usage")


def lets_through(scenario: Scenario, strategy: str, deployment: str, model: str, calls: Calls) -> bool:
    """Whether the limits of a deployment surely let every one of these calls through at once.

    Bounded from above: a call takes what it needs or is charged, whichever is more, and at its end what it is
    billed beyond that; nothing is given back. True is a proof, False may be caution.
    """
    found = scenario.limited(strategy, deployment)
    rates, charge = limits_of(found, model)
    limits, kind = found.limits, kind_of(found)
    if limits is None:
        return True
    if beside_minutes(found) or pool_of(found) is not None:
        return False
    if any(scenario.strategy_policy(name).select in _SELECTS_BY_LIMITS for name in scenario.strategies):
        return False  # where calls go depends on what is left of the limits
    length_ns = limiting.window_ns(kind, round(limits.slice_s * 1e9))
    for measure, rate in enumerate(rates):
        if rate is None:
            continue
        taken = charges(measure, charge, calls)
        starts = taken if charge != "after-completion" or measure == limiting.REQUESTS else taken * 0
        beyond = np.zeros_like(taken)
        if limiting.settles(kind, charge, measure):
            beyond = np.maximum(_used(measure, calls) - starts, 0)
        at_ns = np.concatenate([calls.started_ns, calls.ended_ns])
        amounts = np.concatenate([taken, beyond]).astype(np.float64)
        held_s = length_ns / 1e9 if length_ns else limits.burst_s
        capacity = (rate * held_s / 60) * (1 - 1e-6) - 1  # beyond what floats round off
        # A request that is too large is turned away before it waits for a slot, so it need not have a call.
        able = None if kind == limiting.LEAKY_BUCKET else calls.able
        if able is not None and charges(measure, charge, able).max(initial=0) > capacity:
            return False
        if length_ns:
            most: float = _most(at_ns, amounts, length_ns)
        else:
            most = _deepest(at_ns / 1e9, amounts, rate / 60)
        if most > capacity:
            return False
    return True


def _deepest(at_s: npt.NDArray[np.float64], amounts: npt.NDArray[np.float64], per_s: float) -> float:
    """The furthest that a bucket which starts full and refills at a rate goes below full (Lindley's recursion)."""
    if not at_s.size:
        return 0.0
    order = np.argsort(at_s, kind="stable")
    times, taken = at_s[order], amounts[order]
    after = np.cumsum(taken) - per_s * times
    lowest = np.minimum.accumulate(after - taken)  # the moments at which the bucket was full last
    return float((after - lowest).max())


def charges(measure: int, charge: str, calls: Calls) -> Integers:
    """What each call is charged at admission, or must find then, by a limiter of `measure`."""
    if (measure, charge) not in calls.charged:
        rule = rules.CHARGES.index(charge)
        calls.charged[measure, charge] = limiters.all_asked(
            measure, rule, calls.sent - calls.uncounted, calls.answered, calls.caps
        )
    return calls.charged[measure, charge]


def _used(measure: int, calls: Calls) -> Integers:
    """What a limiter counts of the tokens that each call is billed."""
    sent = calls.billed_sent - calls.billed_uncounted
    if measure == limiting.INPUT:
        return sent
    return calls.billed_answered + (sent if measure == limiting.TOKENS else 0)


def _rows(program: Program, work: Work, engine: str) -> tuple[Arrays, Arrays]:
    """Outcomes and Attempts of a run, the same from either engine."""
    if engine == "compiled":
        outcomes, attempts, _ = run_rows(program, work)
        return outcomes, attempts
    reference = Engine(program, work)
    reference.run()
    return (
        tables.columns(tables.OUTCOMES_TABLE, reference.outcomes),
        tables.columns(tables.ATTEMPTS, reference.attempts),
    )


def _from_rows(scenario: Scenario, program: Program, deployment: str, work: Work) -> Counted:
    """Counts of a run whose refusals all left rows."""
    return _count_rows(scenario, program, deployment, *_rows(program, work, "compiled"))


def _are_handed_in(program: Program, deployment: str, task: Integers) -> npt.NDArray[np.bool_]:
    """Whether calls of requests of these tasks are handed in to a deployment's batch API, which no limit decides about."""
    if not program.batch_tasks or program.targets[deployment].batch is None:
        return np.zeros(task.shape, np.bool_)
    return np.array(program.batch_tasks, np.bool_)[task]


def _count_rows(
    scenario: Scenario,
    program: Program,
    deployment: str,
    outcomes: Arrays,
    attempts: Arrays,
    *,
    has_limits: bool = True,
) -> Counted:
    """Both tables stand in the order of requests, attempts in their own order after it.

    Without limits of its own a deployment's refusals are those of an outage.
    """
    request = attempts["request"]
    mine = attempts["deployment"] == list(scenario.deployments).index(deployment)
    refused = mine & (attempts["outcome"] == tables.LIMITED) & has_limits
    is_last = np.ones(request.size, np.bool_)
    is_last[:-1] = request[1:] != request[:-1]
    if request.size:  # of hedged calls one may end after the other was refused
        first = np.flatnonzero(np.concatenate([[True], is_last[:-1]]))
        ends_ns = np.maximum.reduceat(attempts["ended_ns"], first)
        is_last &= attempts["ended_ns"] == np.repeat(ends_ns, np.diff(first, append=request.size))
    by_limit = np.isin(outcomes["cause"], (tables.LIMIT, tables.TOO_LARGE, tables.DEADLINE))
    failed = (outcomes["outcome"] != tables.OK) & by_limit
    row = np.searchsorted(outcomes["request"], request)
    asked = mine & ~_are_handed_in(program, deployment, outcomes["task"][row])
    return _counted(
        scenario,
        outcomes,
        asked=row[asked],
        held=row[refused],
        lost=row[refused & is_last & failed[row]],
        too_large=row[refused & (attempts["retry_after_ns"] == tables.NEVER)],
    )


def _watched(scenario: Scenario, program: Program, deployment: str, work: Work) -> Counted:
    """Counts of a run of the watched engine."""
    engine = WatchingEngine(program, work)
    engine.run()
    outcomes = tables.columns(tables.OUTCOMES_TABLE, engine.outcomes)
    seen = engine.seen[deployment]

    def rows(found: set[int]) -> Integers:
        return np.searchsorted(outcomes["request"], np.array(sorted(found), np.int64))

    return _counted(
        scenario,
        outcomes,
        asked=rows(seen.asked),
        held=rows(seen.held),
        lost=rows(engine.lost_to(deployment)),
        too_large=rows(seen.too_large),
    )


def _counted(scenario: Scenario, outcomes: Arrays, **rows: Integers) -> Counted:
    """Each request once, however many calls of it there were."""
    task = outcomes["task"]
    by_task = {}
    for which, found in rows.items():
        is_among = np.zeros(task.size, np.bool_)
        is_among[found] = True
        by_task[which] = np.bincount(task[is_among], minlength=len(scenario.tasks))
    return Counted(**by_task)


def _calls(scenario: Scenario, program: Program, deployment: str, work: Work, attempts: Arrays) -> Calls:
    counts = program.targets[deployment].counts_cached
    sizes, names = work.sizes[deployment], work.requests.request
    order = np.argsort(names, kind="stable")
    all_rows = order[np.searchsorted(names, attempts["request"], sorter=order)]
    handed_in = _are_handed_in(program, deployment, work.requests.task)
    mine = attempts["deployment"] == list(scenario.deployments).index(deployment)
    mine &= ~handed_in[all_rows]
    rows = all_rows[mine]
    # A limiter charges what the call would have answered, also where it then fails: the row of such a call has none.
    sent = sizes.input + sizes.image + sizes.audio_input
    answered = sizes.output + sizes.reasoning + sizes.audio_output

    def billed(*meters: str) -> Integers:
        found: Integers = sum(
            (attempts[f"billed_{meter}_tokens"][mine] for meter in meters), np.zeros(rows.size, np.int64)
        )
        return found

    read = [attempts[f"{billed}cached_input_tokens"][mine] * (not counts) for billed in ("", "billed_")]
    able = sizes.eligible & ~handed_in
    nothing = np.zeros(int(able.sum()), np.int64)
    return Calls(
        started_ns=attempts["started_ns"][mine],
        ended_ns=attempts["ended_ns"][mine],
        sent=sent[rows],
        answered=answered[rows],
        caps=sizes.max_output[rows],
        billed_sent=billed("input", "cached_input", "cache_write", "image", "audio_input"),
        billed_answered=billed("output", "reasoning", "audio_output"),
        uncounted=read[0],
        billed_uncounted=read[1],
        able=Calls(
            started_ns=nothing,
            ended_ns=nothing,
            sent=sent[able],
            answered=answered[able],
            caps=sizes.max_output[able],
            billed_sent=nothing,
            billed_answered=nothing,
            uncounted=nothing,  # what is too large is so without a cache
            billed_uncounted=nothing,
            able=None,
        ),
    )


def _joined(parts: list[Calls]) -> Calls:
    """Calls of several deployments as if they were of one."""
    if len(parts) == 1:
        return parts[0]

    def column(name: str) -> Integers:
        return np.concatenate([getattr(one, name) for one in parts])

    return Calls(
        started_ns=column("started_ns"),
        ended_ns=column("ended_ns"),
        sent=column("sent"),
        answered=column("answered"),
        caps=column("caps"),
        billed_sent=column("billed_sent"),
        billed_answered=column("billed_answered"),
        uncounted=column("uncounted"),
        billed_uncounted=column("billed_uncounted"),
        able=_joined(able) if (able := [one.able for one in parts if one.able is not None]) else None,
    )


def _most(started_ns: Integers, amounts: npt.NDArray[Any], length_ns: int) -> int:
    """The most of an amount in one stretch of a length, stretches counted from the window's start."""
    if not started_ns.size:
        return 0
    _, place = np.unique(started_ns // length_ns, return_inverse=True)
    return int(np.ceil(np.bincount(place.ravel(), weights=amounts).max()))


__all__ = ["Bench", "Counted", "Demand", "Setting", "Shares", "plan_within"]
