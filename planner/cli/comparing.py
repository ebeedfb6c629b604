"""`planner compare`: run all strategies of a scenario, show them side by side, answer the question.

Comes in: a scenario file and options; goes out: tables on the terminal and, with --json, the document of the
comparison. Progress goes to stderr and leaves no trace. Ctrl-C stops worker processes and writes nothing.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.checking import FileArgument, SetOption, is_memo, load, memo_state
from planner.cli.ending import GATE_FAILED, plural, reported
from planner.cli.options import JsonOption, ReplicationsOption, file_of, write_json
from planner.cli.warming import announce
from planner.cli.writing import check_writable, write_whole
from planner.errors import PlannerError

if TYPE_CHECKING:
    from rich.console import Console

    from planner.api import Comparison
    from planner.scenario import Scenario

ENGINES = ("compiled", "reference")
MOST_WORKERS = 2
WHO = ("any", "best")  # whose misses end --fail-on-miss with a status of its own, beside names
WORTH_A_WORKER = 100_000  # requests: a worker needs two seconds to start, in which one process does so many
Report = Callable[[int, int], None]
EngineOption = Annotated[
    str, typer.Option(help="compiled, or reference: the same results, slowly.", metavar="NAME")
]
STOPPING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@reported
def compare(
    file: FileArgument,
    overrides: SetOption = None,
    json_to: JsonOption = None,
    memo_to: Annotated[
        Path | None,
        typer.Option(
            "--memo",
            help="Write the decision memo: one HTML page that can be read, printed, run again and dropped on the app.",
            metavar="FILE.html",
            show_default=False,
        ),
    ] = None,
    engine: EngineOption = "compiled",
    replications: ReplicationsOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads, by default as many as cores; processes of the reference engine, by default one, on "
            f"long runs as many as cores, at most {MOST_WORKERS}. Results do not depend on it.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit with status 3 if any target (slo) is missed by any strategy."),
    ] = False,
    fail_on_miss: Annotated[
        str | None,
        typer.Option(
            "--fail-on-miss",
            metavar="any|best|NAME",
            help="Exit with status 3 if a target is missed: by any strategy, by all of them (best), or by one.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Also print the rows behind the findings of a code, such as limit-binds (--json has all codes).",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="With --check: only the targets of this strategy count.", show_default=False),
    ] = None,
) -> None:
    """Compare all strategies of a scenario: cost, latency, availability and quality, and which to take.

    All strategies meet the same requests and the same luck.
    """
    if strategy is not None and not check:
        raise typer.BadParameter("only goes with --check", param_hint="--strategy")
    if fail_on_miss is not None and check:
        raise typer.BadParameter("says the same as --check; give one of them", param_hint="--fail-on-miss")
    targets = [one for one in (file_of(json_to), _memo_file(memo_to)) if one is not None]
    scenario = load(file, overrides)
    if strategy is not None:
        check_strategy(scenario, strategy)
    if fail_on_miss not in (None, *WHO):
        check_strategy(scenario, str(fail_on_miss), "--fail-on-miss", WHO)
    found = run(scenario, engine=engine, replications=replications, workers=workers)
    from rich.console import Console

    from planner.cli.report import show

    write_json(found.to_dict, json_to)
    console = Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False)
    show(found, console)
    if rows is not None:
        from planner.cli.choices import rows as show_rows

        show_rows(console, found, rows)
    if memo_to is not None:
        write_whole(memo_to, _memo(found, file))
    for target in targets:
        typer.echo(f"Written: {target}", err=True)
    if check:
        _end_on_miss(found, strategy)
    if fail_on_miss == "best":
        _end_if_none_meets(found)
    elif fail_on_miss is not None:
        _end_on_miss(found, None if fail_on_miss == "any" else fail_on_miss)


def run(scenario: "Scenario", *, engine: str, replications: int | None, workers: int | None) -> "Comparison":
    """The comparison, with a progress bar where stderr is a terminal.

    Raises PlannerError, KeyboardInterrupt on Ctrl-C, SystemExit when asked to stop; workers are then gone.
    """
    from rich.console import Console

    announce(check_engine(engine))
    from planner.api import compare as run_comparison

    if workers is None and engine == "reference":
        workers = default_workers(scenario, replications)
    has_processes = engine == "reference" and workers != 1
    text = f"Simulating {plural(len(scenario.strategies), 'strategy')}"
    try:
        with progress(Console(stderr=True), text) as report, _stoppable(report, has_processes) as heard:
            return run_comparison(
                scenario, engine=engine, replications=replications, workers=workers, report=heard
            )
    except BrokenExecutor:
        raise PlannerError(
            "A worker process ended by itself, perhaps out of memory; try --workers 1."
        ) from None


def _memo_file(memo_to: Path | None) -> Path | None:
    """The file that --memo names. Raises PlannerError where it could not be written, or read as a memo."""
    if memo_to is not None:
        if not is_memo(memo_to):
            raise PlannerError(f"--memo: got {str(memo_to)!r}; allowed: a file that ends in .html or .htm")
        check_writable(memo_to)
    return memo_to


def _memo(found: "Comparison", file: Path) -> str:
    """The memo of a comparison; one that comes from a memo keeps its scenario's name and text."""
    from planner.api import memo
    from planner.memos.making import state_of

    if not is_memo(file):
        return memo(found)
    before = memo_state(file)
    return memo(found, state=state_of(found, name=before.name, text=before.text))


def check_engine(name: str) -> str:
    """The name of an engine as it was given; anything else is wrong use."""
    if name not in ENGINES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(ENGINES)}", param_hint="--engine")
    return name


def default_workers(scenario: "Scenario", replications: int | None) -> int:
    """One process, or more where so many requests are to be simulated that starting another pays."""
    from planner.scenario.fields import MONTH_S
    from planner.workload.windows import requests_per_month, window_length_s

    per_window = requests_per_month(scenario) * window_length_s(scenario) / MONTH_S
    n_requests = per_window * (replications or scenario.run.replications) * len(scenario.strategies)
    return max(1, min(MOST_WORKERS, os.cpu_count() or 1, int(n_requests / WORTH_A_WORKER)))


@contextmanager
def progress(console: "Console", text: str) -> Iterator[Report]:
    """A bar that disappears when done; nothing at all where stderr is not a terminal."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _stoppable(report: Report, has_workers: bool) -> Iterator[Report]:
    """Let Ctrl-C and a request to stop reach this process alone, which then ends its workers.

    A terminal sends Ctrl-C to workers too, and each would print a traceback. They inherit what is held back
    when they start, so it is held back until the first report, by when all have started.
    """

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in STOPPING}
    held = None
    if has_workers and hasattr(signal, "pthread_sigmask"):
        # Its start lets interrupts through again, whatever was held back: it has to come first.
        resource_tracker.ensure_running()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def let_through() -> None:
        nonlocal held
        if held is not None:
            mask, held = held, None
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def heard(done: int, total: int) -> None:
        let_through()
        report(done, total)

    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        let_through()


def check_strategy(
    scenario: "Scenario", name: str, option: str = "--strategy", others: tuple[str, ...] = ()
) -> None:
    """Raises PlannerError where a scenario has no such strategy; `others` are further words that are allowed."""
    if name not in scenario.strategies:
        from planner.scenario.paths import closest

        hint = closest(name, scenario.strategies, many=0)  # all listed before it
        raise PlannerError(
            f"{option}: got {name!r}; allowed: {', '.join((*others, *scenario.strategies))}"
            + (f"; {hint}" if hint else "")
        )


def _end_on_miss(found: "Comparison", strategy: str | None) -> None:
    missed: dict[str, list[Any]] = {}
    for row in found.slo_rows:
        if not row.met and strategy in (None, row.strategy):
            missed.setdefault(row.strategy, []).append(row.words())
    for name, words in missed.items():
        typer.echo(f"{name} misses {'; '.join(words)}", err=True)
    if missed:
        raise typer.Exit(GATE_FAILED)


def _end_if_none_meets(found: "Comparison") -> None:
    """The best cannot miss a target unless all do: it is chosen among those that miss none."""
    if not any(verdict.meets for verdict in found.verdicts.values()):
        _end_on_miss(found, None)


__all__ = ["compare", "default_workers", "run"]
