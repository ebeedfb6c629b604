"""Pairs of runs of a drill: the same requests and luck, without and with the outage.

Comes in: a plan of a drill; goes out: for each strategy and replication the tables of both runs, request by request,
and runs under other limits. The outage is planted as one more window of `outages` at every deployment of the providers,
so no engine knows of drills.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.engines.compiled import CompiledEngine, run_rows
from planner.engines.program import compile_program
from planner.engines.reference import Engine
from planner.engines.work import Work, prepare
from planner.errors import LoadExceedsCapacity, PlannerError
from planner.experiments.drill_stretch import Plan, Stretch
from planner.scenario.fields import MONTH_S, Scenario
from planner.scenario.outages import Harm, Outage, OutageLaw
from planner.scenario.paths import render
from planner.workload import traces
from planner.workload.arrivals import hourly_weights
from planner.workload.outage_lines import outage_law
from planner.workload.requests import Requests, as_they_came, follows, generate, kept
from planner.workload.windows import eras, requests_per_month

ENGINES = ("compiled", "reference")
# A request takes about a kilobyte and a half in one run: rows of it and its calls, as they are made and sorted.
MOST_REQUESTS = 400_000  # of one run
MOST_OF_ALL = 1_600_000  # of the pairs of a strategy; beyond, there are fewer replications
MOST_KEPT = 1_000_000  # of the pairs of all strategies; beyond, a strategy is run again where it is reported
LEAST_REPLICATIONS = 2
Arrays = Mapping[str, npt.NDArray[np.int64]]
Integers = npt.NDArray[np.int64]
Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Rows:
    """Outcomes by request, and Attempts by request and attempt (contracts in `planner.tables`)."""

    outcomes: Arrays
    attempts: Arrays


@dataclass(frozen=True)
class Pair:
    """One replication of a strategy: the same requests without the outage and with it."""

    work: Work
    without: Rows
    with_outage: Rows

    @property
    def asked(self) -> npt.NDArray[np.bool_]:
        """Requests that the router decided, in the order of Outcomes."""
        order = np.argsort(self.work.requests.request, kind="stable")
        return self.work.routing.asked[order]


class Bench:
    """The same requests and luck for every strategy and setting of a drill."""

    def __init__(
        self, scenario: Scenario, plan: Plan, stretch: Stretch, replications: int, engine: str
    ) -> None:
        self.scenario, self.plan, self.stretch, self.engine = scenario, plan, stretch, engine
        self.hit = planted(scenario, plan, stretch)
        self.models = eras(scenario)[stretch.era].models
        self.replications = range(replications)
        self.requests = [_requests(scenario, stretch, one) for one in self.replications]
        self.simulated = 0
        self._counting = threading.Lock()

    def keeps(self, strategies: int) -> bool:
        """Whether the rows of so many strategies may be in memory at once."""
        return 2 * strategies * sum(one.n for one in self.requests) <= MOST_KEPT

    def works(self, strategy: str) -> list[Work]:
        """Requests with their routes and sizes, which no outage and no limit changes."""

        def one(replication: int) -> Work:
            program, requests = (
                self._program(self.scenario, strategy, replication),
                self.requests[replication],
            )
            work = prepare(self.scenario, strategy, program, requests)
            if not follows(requests) or not requests.n:
                return work
            # Turns come as they do without the outage, so that each request has its like in every run.
            found = self.outcomes(self.scenario, strategy, replication, work)
            came = as_they_came(requests, found["request"], found["arrived_ns"])
            return prepare(self.scenario, strategy, program, came)

        return self.each(one, self.replications)

    def pairs(self, strategy: str) -> list[Pair]:
        """All replications of a strategy; where it has no deployment of the provider, the outage changes nothing."""
        works = self.works(strategy)
        is_touched = any(name in self.plan.deployments for name in self.scenario.deployments_of(strategy))

        def run(scenario: Scenario, replication: int, word: str) -> Rows:
            try:
                return self.run(scenario, strategy, replication, works[replication])
            except LoadExceedsCapacity as error:
                raise LoadExceedsCapacity(f"{strategy}, {word} the outage: {error}") from None

        def one(replication: int) -> Pair:
            without = run(self.scenario, replication, "without")
            with_outage = run(self.hit, replication, "with") if is_touched else without
            return Pair(works[replication], without, with_outage)

        return self.each(one, self.replications)

    def run(self, scenario: Scenario, strategy: str, replication: int, work: Work) -> Rows:
        """One run of a strategy under a changed scenario. Raises LoadExceedsCapacity."""
        program = self._program(scenario, strategy, replication)
        self._count(work)
        if self.engine == "compiled":
            outcomes, attempts, _ = run_rows(program, work)
            return Rows(outcomes, attempts)
        reference = Engine(program, work)
        reference.run()
        return Rows(
            tables.columns(tables.OUTCOMES_TABLE, reference.outcomes),
            tables.columns(tables.ATTEMPTS, reference.attempts),
        )

    def outcomes(self, scenario: Scenario, strategy: str, replication: int, work: Work) -> Arrays:
        """Outcomes alone of such a run, in a third of the time: writing and sorting calls takes the most of it."""
        if self.engine != "compiled":
            return self.run(scenario, strategy, replication, work).outcomes
        program = self._program(scenario, strategy, replication)
        self._count(work)
        recorded = work.requests.service_ns
        engine = CompiledEngine(
            program,
            work.routing.routes,
            n_tasks=len(scenario.tasks),
            wants_rows=False,
            n_recorded=0 if recorded is None else recorded.shape[1],
        )
        rows = np.concatenate([taken.outcomes for taken in engine.run([work])])
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        return {column.name: rows[:, place] for place, column in enumerate(tables.OUTCOMES_TABLE)}

    def _count(self, work: Work) -> None:
        with self._counting:
            self.simulated += work.requests.n

    def each(self, one: Callable[[Given], Found], many: Iterable[Given]) -> list[Found]:
        """One after the other, or side by side where the engine holds no interpreter lock; in order all the same."""
        listed = list(many)
        workers = min(os.cpu_count() or 1, len(listed)) if self.engine == "compiled" else 1
        if workers <= 1:
            return [one(given) for given in listed]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, listed))

    def _program(self, scenario: Scenario, strategy: str, replication: int) -> Any:
        return compile_program(scenario, strategy, self.models, self.stretch.window(replication))


def check_engine(engine: str) -> None:
    """Raise PlannerError for an engine that does not exist."""
    if engine not in ENGINES:
        raise PlannerError(f"engine: got {engine!r}; allowed: {', '.join(ENGINES)}")


def planted(scenario: Scenario, plan: Plan, stretch: Stretch) -> Scenario:
    """The scenario with the outage at all deployments of the providers; windows that the scenario itself gives stay."""
    changes = {}
    for name in plan.deployments:
        given = scenario.deployments[name].outages
        law = None if isinstance(given, tuple) else outage_law(scenario, name)
        window: dict[str, Any] = {
            "from_s": stretch.from_ns / 1e9,
            "to_s": stretch.to_ns / 1e9,
            **plan.manner.window(_like(law, plan.manner.mode)),
        }
        others = (
            [one.model_dump(exclude_unset=True) for one in given if isinstance(one, Outage)]
            if isinstance(given, tuple)
            else []
        )
        changes[render(("deployments", name, "outages"))] = [*others, window]
    return scenario.set(changes)


def _like(law: OutageLaw | None, mode: str) -> Harm | None:
    """The kind of a law's episodes that does the same, or the law."""
    return None if law is None else next((harm for harm in law.harms if harm.mode == mode), law)


def fit(scenario: Scenario, stretch: Stretch, replications: int) -> tuple[int, str | None]:
    """(replications, notice): fewer where all of them would be too many requests.

    Raises
    ------
    PlannerError
        One run would already be too many.
    """
    expected = _expected(scenario, stretch)
    if expected > MOST_REQUESTS:
        raise PlannerError(
            f"About {expected:,.0f} requests would have to be simulated in one run of the drill; at most "
            f"{MOST_REQUESTS:,} are. Give a shorter outage (--minutes) or less traffic."
        )
    most = max(LEAST_REPLICATIONS, int(MOST_OF_ALL / max(2 * expected, 1)))
    if replications <= most:
        return replications, None
    return most, (
        f"{most} replications instead of {replications}: each run holds about {expected:,.0f} requests."
    )


def fits(scenario: Scenario, stretch: Stretch) -> bool:
    """Whether one run of a stretch is not too many requests."""
    return _expected(scenario, stretch) <= MOST_REQUESTS


def _expected(scenario: Scenario, stretch: Stretch) -> float:
    if stretch.is_recording:
        return float(traces.recording(scenario).n)
    first_ns = 0 if stretch.leads_in else stretch.counted_ns
    hours = -(-stretch.end_ns // (3600 * 10**9))
    weights = hourly_weights(scenario, int(stretch.start_s // 3600), int(hours))
    edges = np.arange(hours + 1) * 3600.0
    covered = np.diff(np.clip(edges, first_ns / 1e9, stretch.end_ns / 1e9)) / 3600.0
    return float((weights * covered).sum()) * requests_per_month(scenario) / MONTH_S * 3600.0


def _requests(scenario: Scenario, stretch: Stretch, replication: int) -> Requests:
    found = generate(scenario, stretch.window(replication))
    if stretch.leads_in:
        return found
    return kept(found, found.arrived_ns >= stretch.counted_ns)


def calls_of(rows: Rows, scenario: Scenario, deployments: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which rows of Attempts are calls to some deployments."""
    places = [list(scenario.deployments).index(name) for name in deployments]
    return np.isin(rows.attempts["deployment"], places)


__all__ = ["Bench", "Pair", "Rows", "calls_of", "check_engine", "fit", "fits", "planted"]
