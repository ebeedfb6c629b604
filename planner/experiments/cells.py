"""Cells: one window of the plan under all strategies, reduced to what measures and money need.

Comes in: a scenario and a window; goes out: a Sample and Quantities by strategy. A cell is pure and
named by its window, so it can run anywhere and in any order; requests are made once for all strategies.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from planner.engines.run import Run, run_window
from planner.finance import Quantities, count, long_thresholds
from planner.metrics import Sample, sample
from planner.routing.routers import flat
from planner.scenario.fields import Scenario
from planner.workload.requests import generate
from planner.workload.windows import Window, eras

Progress = Callable[[int, int], None]
_TICK_S = 0.1


@dataclass(frozen=True)
class Cell:
    """A window under one strategy."""

    sample: Sample
    quantities: Quantities


def run_cell(
    scenario: Scenario, window: Window, engine: str = "reference", report: Progress | None = None
) -> dict[str, Cell]:
    """All strategies of a scenario in one window, on the same requests and luck.

    `report` hears of requests done and requests in all, over the strategies together.
    """
    requests = generate(scenario, window)
    total = requests.n * len(scenario.strategies)
    cells = {}
    for index, strategy in enumerate(scenario.strategies):
        before = index * requests.n

        def heard(done: int, _: int, before: int = before) -> None:
            if report is not None:
                report(before + done, total)

        run = run_window(scenario, strategy, window, engine=engine, requests=requests, report=heard)
        cells[strategy] = reduce_run(run)
    return cells


def reduce_run(run: Run) -> Cell:
    """What measures and money need of a run."""
    scenario, requests = run.scenario, run.work.requests
    deployments = list(scenario.deployments)
    omni = flat(scenario.strategy(run.strategy).omni)
    taken = sample(
        run.outcome_arrays,
        run.attempt_arrays,
        {name: getattr(requests, name) for name in ("request", "input_tokens", "output_tokens", "sensitive")},
        length_s=run.window.length_s,
        over_context=_over_context(run),
        outside=np.array(
            [one.effective_trust in ("outside", "contract") for one in scenario.deployments.values()],
            dtype=np.bool_,
        ),
        omni=frozenset(deployments.index(name) for name in omni),
    )
    by_name = np.argsort(requests.request, kind="stable")
    quantities = count(
        scenario,
        run.strategy,
        run.outcome_arrays,
        run.attempt_arrays,
        asked=run.work.routing.asked[by_name],
        long_above=long_thresholds(scenario, run.strategy, run.models, eras(scenario)[run.window.era].start),
    )
    return Cell(taken, quantities)


def _over_context(run: Run) -> npt.NDArray[np.bool_]:
    """Requests that some deployment of their route cannot take for their size."""
    routing = run.work.routing
    over = np.zeros(run.work.requests.n, dtype=np.bool_)
    for index, route in enumerate(routing.routes):
        taken = routing.route == index
        for name in (*route.chain, *route.escalate):
            over |= taken & run.work.sizes[name].over_context
    return over


def run_cells(
    scenario: Scenario,
    windows: Sequence[Window],
    *,
    engine: str = "reference",
    workers: int = 1,
    report: Progress | None = None,
) -> list[Mapping[str, Cell]]:
    """All windows, in the plan's order, on `workers` processes.

    `report(done, total)` counts windows in thousandths, often; what it raises ends the work: running
    processes are stopped and nothing is kept.
    """
    total = 1000 * len(windows)
    if workers <= 1 or len(windows) == 1:
        return list(_one_by_one(scenario, windows, engine, report, total))
    return _side_by_side(scenario, windows, engine, workers, report, total)


def _one_by_one(
    scenario: Scenario, windows: Sequence[Window], engine: str, report: Progress | None, total: int
) -> Iterator[Mapping[str, Cell]]:
    for index, window in enumerate(windows):

        def heard(done: int, of: int, index: int = index) -> None:
            if report is not None:
                report(1000 * index + 1000 * done // max(of, 1), total)

        yield run_cell(scenario, window, engine, heard)
        if report is not None:
            report(1000 * (index + 1), total)


def _side_by_side(
    scenario: Scenario,
    windows: Sequence[Window],
    engine: str,
    workers: int,
    report: Progress | None,
    total: int,
) -> list[Mapping[str, Cell]]:
    # spawn, not fork: the parent may hold threads (a web server's, a compiler's) that a fork would break.
    pool = ProcessPoolExecutor(min(workers, len(windows)), mp_context=get_context("spawn"))
    try:
        futures = [pool.submit(run_cell, scenario, window, engine) for window in windows]
        open_futures = set(futures)
        while open_futures:
            _, open_futures = wait(open_futures, timeout=_TICK_S, return_when=FIRST_COMPLETED)
            if report is not None:
                report(1000 * (len(futures) - len(open_futures)), total)
        return [future.result() for future in futures]
    except BaseException:
        for process in (pool._processes or {}).values():
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def clock() -> float:
    """Seconds of wall time, for the run's own account."""
    return time.perf_counter()
