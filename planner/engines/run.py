"""One window of one strategy, from scenario to the three tables of a run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.engines.facts import facts
from planner.engines.program import Program, compile_program
from planner.engines.reference import Engine, Report
from planner.engines.work import Work, prepare
from planner.errors import PlannerError
from planner.scenario.fields import Scenario
from planner.workload.requests import Requests, generate
from planner.workload.windows import Window, eras

if TYPE_CHECKING:
    import pandas as pd

    from planner.engines.compiled import CompiledEngine

ENGINES = ("reference", "compiled")
Arrays = dict[str, npt.NDArray[np.int64]]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """What happened in one window under one strategy.

    `outcomes`, `attempts` and `events` are DataFrames with times in seconds from the window's start
    (contracts in `planner.tables`); the arrays behind them hold integer nanoseconds and codes.
    """

    scenario: Scenario
    strategy: str
    window: Window
    work: Work
    models: Mapping[str, str]  # DEPLOYMENT: model in force
    outcome_arrays: Arrays
    attempt_arrays: Arrays
    event_arrays: Arrays

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        return {"task": tuple(self.scenario.tasks), "deployment": tuple(self.scenario.deployments)}

    def facts(self) -> npt.NDArray[np.int64]:
        """Rows of `tables.FACTS`, by request."""
        outside = np.array(
            [one.is_outside for one in self.scenario.deployments.values()],
            np.bool_,
        )
        return facts(
            self.outcome_arrays,
            self.attempt_arrays,
            self.work,
            outside,
            self.scenario.is_verified_outside(self.strategy),
        )

    @property
    def outcomes(self) -> "pd.DataFrame":
        """One row per request."""
        return tables.frame(tables.OUTCOMES_TABLE, self.outcome_arrays, self.names)

    @property
    def attempts(self) -> "pd.DataFrame":
        """One row per upstream call."""
        return tables.frame(tables.ATTEMPTS, self.attempt_arrays, self.names)

    @property
    def events(self) -> "pd.DataFrame":
        """Every edge of a breaker or an outage."""
        return tables.frame(tables.EVENTS, self.event_arrays, self.names)


@dataclass(frozen=True)
class Reduced:
    """What is left of a run whose requests were not kept: rows went to whoever wanted them."""

    scenario: Scenario
    strategy: str
    deployments: tuple[str, ...]  # in the order of the counts
    counts: dict[str, npt.NDArray[np.int64]]  # see `layout.State.counts`


def reduce_window(
    scenario: Scenario,
    strategy: str,
    window: Window,
    blocks: Iterable[Requests],
    take: Callable[[npt.NDArray[np.int64]], None],
    *,
    long_above: Mapping[str, int] | None = None,
    report: Callable[[int], None] | None = None,
) -> Reduced:
    """Simulate one window with the compiled engine, in memory that does not grow with its requests.

    Parameters
    ----------
    blocks : iterable of Requests
        In the order of arrival, at least one.
    take : callable
        Is given rows of `tables.FACTS` of finished requests, in any order.
    long_above : mapping from deployment to prompt tokens, optional
        Long-context thresholds; calls above them are counted apart.
    report : callable (requests done), optional
        Called often; what it raises ends the run.
    """
    engine, works = _compiled(scenario, strategy, window, blocks, wants_rows=False, long_above=long_above)
    for rows in engine.run(works, report):
        take(rows.outcomes)
    return Reduced(scenario, strategy, tuple(engine.state.desks), engine.state.counts())


def stream_window(
    scenario: Scenario,
    strategy: str,
    window: Window,
    blocks: Iterable[Requests],
    report: Callable[[int], None] | None = None,
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Rows of Outcomes, Attempts and Events as they come (columns by the contracts of `tables`).

    The arguments are those of `reduce_window`; rows come in the order of their ends.
    """
    _check(scenario, strategy, "compiled")
    engine, works = _compiled(scenario, strategy, window, blocks, wants_rows=True)
    width = len(tables.OUTCOMES_TABLE)
    for rows in engine.run(works, report):
        yield rows.outcomes[:, :width], rows.attempts, rows.events


def _compiled(
    scenario: Scenario,
    strategy: str,
    window: Window,
    blocks: Iterable[Requests],
    *,
    wants_rows: bool,
    long_above: Mapping[str, int] | None = None,
) -> "tuple[CompiledEngine, Iterator[Work]]":
    from planner.engines.compiled import CompiledEngine

    program = compile_program(scenario, strategy, eras(scenario)[window.era].models, window)
    works = _works(scenario, strategy, program, blocks)
    first = next(works)
    recorded = first.requests.service_ns
    engine = CompiledEngine(
        program,
        first.routing.routes,
        n_tasks=len(scenario.tasks),
        wants_rows=wants_rows,
        n_recorded=0 if recorded is None else recorded.shape[1],
        long_above=long_above,
        n_first=first.requests.n,
    )
    return engine, chain([first], works)


def _works(scenario: Scenario, strategy: str, program: Program, blocks: Iterable[Requests]) -> Iterator[Work]:
    threshold: float | None = None
    for requests in blocks:
        work = prepare(scenario, strategy, program, requests, threshold)
        threshold = work.routing.threshold
        yield work


def run_window(
    scenario: Scenario,
    strategy: str,
    window: Window,
    *,
    engine: str = "reference",
    requests: Requests | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Run:
    """Simulate one window of a strategy.

    Parameters
    ----------
    engine : "reference" or "compiled"
        Both give the same tables to the bit.
    requests : Requests, optional
        To be served instead of those that the window generates.
    report : callable (done, total), optional
        Called as requests end; what it raises ends the run.
    """
    _check(scenario, strategy, engine)
    if requests is None:
        requests = generate(scenario, window)
    era = eras(scenario)[window.era]
    program = compile_program(scenario, strategy, era.models, window)
    work = prepare(scenario, strategy, program, requests)
    return _run(scenario, strategy, window, era.models, program, work, engine, report)


def _check(scenario: Scenario, strategy: str, engine: str) -> None:
    if engine not in ENGINES:
        raise PlannerError(f"engine: got {engine!r}; allowed: {', '.join(ENGINES)}")
    if strategy not in scenario.strategies:
        raise PlannerError(f"strategy: got {strategy!r}; allowed: {', '.join(scenario.strategies)}")


def _run(
    scenario: Scenario,
    strategy: str,
    window: Window,
    models: Mapping[str, str],
    program: Program,
    work: Work,
    engine: str,
    report: Report | None,
) -> Run:
    outcomes, attempts, events = _ROWS[engine](program, work, report)
    return Run(scenario, strategy, window, work, models, outcomes, attempts, events)


def _reference_rows(program: Program, work: Work, report: Report | None) -> tuple[Arrays, Arrays, Arrays]:
    reference = Engine(program, work, report)
    reference.run()
    return (
        tables.columns(tables.OUTCOMES_TABLE, reference.outcomes),
        tables.columns(tables.ATTEMPTS, reference.attempts),
        tables.columns(tables.EVENTS, reference.events),
    )


def _compiled_rows(program: Program, work: Work, report: Report | None) -> tuple[Arrays, Arrays, Arrays]:
    from planner.engines.compiled import run_rows

    return run_rows(program, work, report)


_ROWS = {"reference": _reference_rows, "compiled": _compiled_rows}
