"""Cells: one window of the plan under all strategies, reduced to what measures and money need.

Comes in: a scenario and a window; goes out: a Sample and Quantities by strategy. A cell is pure and
named by its window, so it can run anywhere and in any order; requests are made once for all strategies.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from planner import tables
from planner.engines.run import Run, reduce_window, run_window
from planner.engines.work import known_of
from planner.experiments.memory import CellKeys, CellMemory, Memory, requests_key, size_of
from planner.finance import Quantities, count, from_counts, long_thresholds
from planner.metrics import Rules, Sample, Tally
from planner.routing.routers import flat
from planner.scenario.fields import Scenario
from planner.workload.origins import is_generated
from planner.workload.requests import Requests, generate_blocks, joined
from planner.workload.windows import Window, eras

Progress = Callable[[int, int], None]
_TICK_S = 0.1
TARGETS = ("p95_latency_s", "p95_ttft_s", "min_tokens_per_s")


@dataclass(frozen=True)
class Cell:
    """A window under one strategy."""

    sample: Sample
    quantities: Quantities


def run_cell(
    scenario: Scenario,
    window: Window,
    engine: str = "compiled",
    report: Progress | None = None,
    strategies: Sequence[str] | None = None,
    requests: Memory | None = None,
) -> Mapping[str, Cell]:
    """All strategies of a scenario (or those named) in one window, on the same requests and luck.

    `report` hears of requests done and requests in all, over the strategies together; `requests` remembers them.
    """
    one_by_one = _compiled_cell if engine == "compiled" else _table_cell
    strategies = list(scenario.strategies if strategies is None else strategies)
    blocks = _Blocks(scenario, window, requests)
    cells = {}
    for index, strategy in enumerate(strategies):

        def heard(done: int, index: int = index) -> None:
            if report is not None:
                # How many requests there are is known when the first strategy has met them all.
                n = blocks.n if blocks.n is not None else max(done, blocks.expected)
                report(index * n + done, len(strategies) * n)

        cells[strategy] = one_by_one(scenario, strategy, window, engine, blocks, heard)
    blocks.remember()
    return cells


class _Blocks:
    """The blocks of a window, made once for all strategies, and remembered for the next comparison, unless there are too many."""

    KEPT = 1_000_000  # requests

    def __init__(self, scenario: Scenario, window: Window, memory: Memory | None = None) -> None:
        self.scenario, self.window = scenario, window
        # A recording's are in memory already, as what was read.
        self.memory = memory if is_generated(scenario) else None
        self.n: int | None = None
        self.expected = 1
        self._kept: list[Requests] | None = None
        if self.memory is not None:
            self._kept = self.memory.get(requests_key(scenario, window))
            if self._kept is not None:
                self.n = sum(block.n for block in self._kept)

    def __iter__(self) -> Iterator[Requests]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Requests] | None = []
        n = 0
        for block in generate_blocks(self.scenario, self.window):
            n += block.n
            self.expected = max(self.expected, n)
            if kept is not None:
                kept.append(block)
                if n > self.KEPT:
                    kept = None
            yield block
        self.n, self._kept = n, kept

    def remember(self) -> None:
        """Keep the requests with all that was worked out of them, when every strategy has met them."""
        if self.memory is not None and self._kept is not None:
            known = [known_of(self.scenario, block) for block in self._kept]
            self.memory.put(
                requests_key(self.scenario, self.window), self._kept, size_of([self._kept, known])
            )


def _compiled_cell(
    scenario: Scenario,
    strategy: str,
    window: Window,
    engine: str,
    blocks: _Blocks,
    report: Callable[[int], None],
) -> Cell:
    tally = Tally(len(scenario.tasks), rules_of(scenario, strategy), window.length_s)
    long_above = _long_above(scenario, strategy, window)
    run = reduce_window(scenario, strategy, window, blocks, tally.add, long_above=long_above, report=report)
    places = [list(scenario.deployments).index(name) for name in run.deployments]
    counts = run.counts
    tokens = counts["tokens"].sum(axis=(0, 1, 2)) + counts["check_tokens"].sum(axis=0)
    billed = dict(zip(tables.METERS, tokens.tolist(), strict=True))
    limited = dict(zip(places, counts["limited"].sum(axis=0).tolist(), strict=True))
    calls = dict(zip(places, counts["calls"].sum(axis=0).tolist(), strict=True))
    return Cell(
        tally.sample(billed, limited, calls, counts["unasked"]),
        from_counts(scenario, run.deployments, counts),
    )


def _table_cell(
    scenario: Scenario,
    strategy: str,
    window: Window,
    engine: str,
    blocks: _Blocks,
    report: Callable[[int], None],
) -> Cell:
    requests = joined(list(blocks))
    run = run_window(
        scenario, strategy, window, engine=engine, requests=requests, report=lambda done, _: report(done)
    )
    return reduce_run(run)


def reduce_run(run: Run) -> Cell:
    """What measures and money need of a run whose tables were kept."""
    scenario = run.scenario
    tally = Tally(len(scenario.tasks), rules_of(scenario, run.strategy), run.window.length_s)
    tally.add(run.facts())
    attempts = run.attempt_arrays
    is_real = attempts["deployment"] >= 0
    sent = attempts["deployment"][is_real]
    limited = sent[attempts["outcome"][is_real] == tables.LIMITED]
    n_deployments = len(scenario.deployments)
    billed = {meter: int(attempts[f"billed_{meter}_tokens"].sum()) for meter in tables.METERS}
    came = run.work.came(run.outcome_arrays["request"])
    unasked = run.work.unasked(run.outcome_arrays["request"], len(scenario.tasks))
    taken = tally.sample(
        billed,
        dict(enumerate(np.bincount(limited, minlength=n_deployments).tolist())),
        dict(enumerate(np.bincount(sent, minlength=n_deployments).tolist())),
        unasked,
    )
    quantities = count(
        scenario,
        run.strategy,
        run.outcome_arrays,
        attempts,
        asked=run.work.routing.asked[came],
        repeated=run.work.requests.repeat[came] > 0,
        unasked=unasked,
        long_above=long_thresholds(scenario, run.strategy, run.models, eras(scenario)[run.window.era].start),
    )
    return Cell(taken, quantities)


def rules_of(scenario: Scenario, strategy: str) -> Rules:
    """Targets of each task (its own, else the scenario's) and the deployments of the omni tier.

    The scenario's are about answers that somebody waits for, unless nobody does for any.
    """
    is_about_batches = all(task.is_batch for task in scenario.tasks.values())
    targets = np.full((len(scenario.tasks), len(TARGETS)), np.nan)
    for row, task in zip(targets, scenario.tasks.values(), strict=True):
        for column, name in enumerate(TARGETS):
            own, common = getattr(task.slo, name), getattr(scenario.slo, name)
            chosen = own
            if own is None and (is_about_batches or not task.is_batch):
                chosen = common
            row[column] = np.nan if chosen is None else chosen
    omni = flat(scenario.strategy(strategy).omni)
    return Rules(targets=targets, is_omni=np.array([name in omni for name in scenario.deployments], np.bool_))


def run_cells(
    scenario: Scenario,
    windows: Sequence[Window],
    *,
    engine: str = "compiled",
    workers: int | None = None,
    report: Progress | None = None,
    strategies: Sequence[str] | None = None,
    memory: CellMemory | None = None,
    keys: Sequence[Mapping[str, str]] | None = None,
) -> list[Mapping[str, Cell]]:
    """All windows, in the plan's order, each with its strategies; the arguments are those of `cells_by_strategy`."""
    names = list(scenario.strategies if strategies is None else strategies)
    found = dict(
        cells_by_strategy(
            scenario, windows, engine=engine, workers=workers, report=report, strategies=names, memory=memory, keys=keys
        )
    )  # fmt: skip
    return [{name: found[name][place] for name in names} for place in range(len(windows))]


def cells_by_strategy(
    scenario: Scenario,
    windows: Sequence[Window],
    *,
    engine: str = "compiled",
    workers: int | None = None,
    report: Progress | None = None,
    strategies: Sequence[str] | None = None,
    memory: CellMemory | None = None,
    keys: Sequence[Mapping[str, str]] | None = None,
) -> Generator[tuple[str, tuple[Cell, ...]]]:
    """Every strategy with its cells in the plan's order, as soon as they are all there, while others go on.

    They run on `workers` threads (compiled engine) or processes (reference) until the generator is closed.

    Parameters
    ----------
    workers : int, optional
        All cores for the compiled engine, whose kernels hold no interpreter lock, and 1 for the
        reference engine, whose processes need an importable main module.
    strategies : names, optional
        Only these; all of the scenario if not given.
    report : callable (done, total), optional
        Counts windows in thousandths, often; what it raises ends the work.
    memory : CellMemory, optional
        Cells that are in it are not run again, those that are run are kept in it.
    keys : sequence of mappings, optional
        Those of `cell_keys`, where they are at hand.
    """
    names = list(scenario.strategies if strategies is None else strategies)
    if memory is not None and keys is None:
        keys = cell_keys(scenario, windows, engine, names)
    known: list[dict[str, Cell]] = [{} for _ in windows]
    if memory is not None and keys is not None:
        for found, of_window in zip(known, keys, strict=True):
            for name, key in of_window.items():
                cell = memory.get(key)
                if cell is not None:
                    found[name] = cell
    jobs = []
    for place, (window, found) in enumerate(zip(windows, known, strict=True)):
        missing = [name for name in names if name not in found]
        if missing:
            jobs.append(Job(place, window, tuple(missing)))
    left = {name: sum(name in job.strategies for job in jobs) for name in names}
    yield from _whole(known, [name for name in names if not left[name]])
    if not jobs and report is not None:
        report(1, 1)
    for place, cells in _run_jobs(scenario, jobs, engine, workers, report, memory):
        for name, cell in cells.items():
            known[place][name] = cell
            if memory is not None and keys is not None:
                memory.put(keys[place][name], cell)
            left[name] -= 1
        yield from _whole(known, [name for name in cells if not left[name]])


def _whole(
    known: Sequence[Mapping[str, Cell]], names: Sequence[str]
) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    for name in names:
        yield name, tuple(found[name] for found in known)


def cell_keys(
    scenario: Scenario, windows: Sequence[Window], engine: str, strategies: Sequence[str]
) -> list[dict[str, str]]:
    """Of each window STRATEGY: the name under which its cell is remembered."""
    keys = CellKeys(scenario, engine)
    return [
        {name: keys.of(name, window, _long_above(scenario, name, window)) for name in strategies}
        for window in windows
    ]


def _long_above(scenario: Scenario, strategy: str, window: Window) -> dict[str, int]:
    """DEPLOYMENT: prompt tokens above which calls are counted apart in a window."""
    era = eras(scenario)[window.era]
    return long_thresholds(scenario, strategy, era.models, era.start)


@dataclass(frozen=True)
class Job:
    """Strategies to run in a window of the plan."""

    place: int
    window: Window
    strategies: tuple[str, ...]


Done = tuple[int, Mapping[str, Cell]]  # the place of a window, and cells of it


def _run_jobs(
    scenario: Scenario,
    jobs: Sequence[Job],
    engine: str,
    workers: int | None,
    report: Progress | None,
    memory: CellMemory | None,
) -> Iterator[Done]:
    """Cells as they come."""
    if workers is None:
        workers = (os.cpu_count() or 1) if engine == "compiled" else 1
    requests = None if memory is None else memory.requests
    if min(workers, len(jobs)) <= 1:
        yield from _one_by_one(scenario, jobs, engine, report, requests)
    elif engine == "compiled":
        yield from _in_threads(scenario, jobs, engine, workers, report, requests)
    else:
        yield from _in_processes(scenario, jobs, engine, min(workers, len(jobs)), report)


def _one_by_one(
    scenario: Scenario, jobs: Sequence[Job], engine: str, report: Progress | None, requests: Memory | None
) -> Iterator[Done]:
    total = 1000 * len(jobs)
    for index, job in enumerate(jobs):

        def heard(done: int, of: int, index: int = index) -> None:
            if report is not None:
                report(1000 * index + 1000 * done // max(of, 1), total)

        cells = run_cell(scenario, job.window, engine, heard, job.strategies, requests)
        if report is not None:
            report(1000 * (index + 1), total)
        yield job.place, cells


class _Stopped(Exception):
    """Tells a thread to give up."""


def _in_threads(
    scenario: Scenario,
    jobs: Sequence[Job],
    engine: str,
    workers: int,
    report: Progress | None,
    requests: Memory | None,
) -> Iterator[Done]:
    """Window after window, each with all of its strategies: its requests are at hand in the processor's caches then.

    The fullest first, so that no thread begins a long one when the others are through.
    """
    jobs = sorted(jobs, key=lambda job: -job.window.volume * len(job.strategies))
    done = [0] * len(jobs)  # thousandths of each window
    stop = threading.Event()

    def run(number: int) -> Done:
        job = jobs[number]

        def heard(so_far: int, of: int) -> None:
            done[number] = 1000 * so_far // max(of, 1)
            if stop.is_set():
                raise _Stopped

        if stop.is_set():
            raise _Stopped
        cells = run_cell(scenario, job.window, engine, heard, job.strategies, requests)
        done[number] = 1000
        return job.place, cells

    with ThreadPoolExecutor(min(workers, len(jobs))) as pool:
        futures = [pool.submit(run, number) for number in range(len(jobs))]
        try:
            yield from _follow(futures, report, lambda: sum(done), 1000 * len(jobs))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _in_processes(
    scenario: Scenario, jobs: Sequence[Job], engine: str, workers: int, report: Progress | None
) -> Iterator[Done]:
    # spawn, not fork: the parent may hold threads (a web server's, a compiler's) that a fork would break.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        futures: list[Future[Done]] = [pool.submit(_done, scenario, job, engine) for job in jobs]
        yield from _follow(
            futures, report, lambda: 1000 * sum(future.done() for future in futures), 1000 * len(jobs)
        )
    except BaseException:
        for process in (pool._processes or {}).values():
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _done(scenario: Scenario, job: Job, engine: str) -> Done:
    return job.place, run_cell(scenario, job.window, engine, None, job.strategies)


def _follow(
    futures: Sequence[Future[Done]],
    report: Progress | None,
    done: Callable[[], int],
    total: int,
) -> Iterator[Done]:
    """What is done, as it comes, telling of progress; the first failure is raised at once."""
    open_futures = set(futures)
    while open_futures:
        finished, open_futures = wait(open_futures, timeout=_TICK_S, return_when=FIRST_COMPLETED)
        found = [future.result() for future in finished]
        if report is not None:
            report(done(), total)
        yield from found


def clock() -> float:
    """Seconds of wall time, for the run's own account."""
    return time.perf_counter()
