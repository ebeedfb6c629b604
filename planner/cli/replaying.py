"""`planner replay`: what each strategy would have cost on exactly the traffic of a log, how fast and how reliable.

Comes in: a log (CSV or Parquet), a scenario file and options; goes out: what the log's columns were taken for, rows that
were left out, a table of the strategies with ranges, the answer, and JSON. No figure is made here.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.checking import SetOption, load
from planner.cli.comparing import EngineOption, check_engine, progress
from planner.cli.ending import reported
from planner.cli.figures import DASH, quantity
from planner.cli.options import JsonOption, file_of, write_json
from planner.cli.warming import announce

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from planner.api import Log, Replay
    from planner.experiments.replay_rows import Spread

MOST_BAD_SHOWN = 20
LEAST_COLUMN = 26


@reported
def replay(
    log: Annotated[
        Path, typer.Argument(help="A log of requests (CSV or Parquet).", metavar="LOG", show_default=False)
    ],
    file: Annotated[
        Path, typer.Option("--scenario", help="A scenario file (YAML).", metavar="FILE", show_default=False)
    ],
    overrides: SetOption = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="What a column of the log is, such as --column time=createdAt; roles: time, input, output, cached, task, "
            "session, model, latency, status. With nothing after the = the log has none.",
            metavar="ROLE=COLUMN",
            show_default=False,
        ),
    ] = None,
    time_unit: Annotated[
        str | None,
        typer.Option(
            help="Unit of times that are numbers: s, ms, us or ns; else told by their size.",
            metavar="UNIT",
            show_default=False,
        ),
    ] = None,
    counted_by: Annotated[
        str | None,
        typer.Option(
            help="The model whose tokens the log counted, or unknown; else the log's own column of models says.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    replications: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="How often the log is replayed, with other luck, instead of run.replications; planted outages come on top.",
            show_default=False,
        ),
    ] = None,
    engine: EngineOption = "compiled",
    json_to: JsonOption = None,
) -> None:
    """Replay a log of your own traffic under every strategy: cost, latency and reliability on exactly these requests.

    The log needs three columns: time, input tokens, output tokens. Costs come with ranges, as tokens that one model counted
    are not those of another.
    """
    check_engine(engine)
    from planner.workload.log_columns import parsed_columns

    columns = parsed_columns(column or ())
    target = file_of(json_to)
    scenario = load(file, overrides)
    announce(engine)
    from rich.console import Console

    from planner.api import read_log
    from planner.api import replay as run

    read = read_log(log, columns=columns, time_unit=time_unit, name=str(log))
    with progress(Console(stderr=True), "Replaying") as report:
        found = run(
            scenario, read, counted_by=counted_by, engine=engine, replications=replications, report=report
        )
    write_json(found.to_dict, json_to)
    show(found, Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False))
    if target is not None:
        typer.echo(f"Written: {target}", err=True)


def show(found: "Replay", console: "Console") -> None:
    """All of it, the answer after the tables."""
    log = found.log
    _heading(console, f"{log.source} under {found.scenario.name}")
    for text in log.profile.words:
        _item(console, text)
    _heading(console, "Columns of the log")
    rows = [(one.role, one.name, one.reason) for one in log.columns]
    console.print(_table(("is", "column", "because"), rows, ("is", "column", "because")))
    if log.unused:
        _text(console, f"Not used: {', '.join(log.unused)}")
    _show_bad(log, console)
    _heading(console, "Tokens of each model for one in the log")
    console.print(_table(("model", "input", "output"), list(_factor_rows(found)), ("model",)))
    for text in dict.fromkeys(row.source for row in found.factors):
        _item(console, text)
    _show_strategies(found, console)
    _heading(console, "Answer")
    _text(console, found.answer, "bold")
    _heading(console, "Notices")
    for text in found.notices:
        _item(console, text)


def _show_bad(log: "Log", console: "Console") -> None:
    if not log.n_bad:
        return
    counts = ", ".join(f"{name}: {count:,}" for name, count in log.bad_counts.items())
    _heading(console, f"Rows left out: {log.n_bad:,} of {log.n_read:,} ({counts})")
    listed = sorted(log.bad_rows, key=lambda one: (one.line, one.column))[:MOST_BAD_SHOWN]
    for one in listed:
        where = f"line {one.line}" + (f", {one.column}" if one.column else "")
        _item(console, f"{where}: got {one.given}; allowed: {one.allowed}")


def _factor_rows(found: "Replay") -> Iterator[tuple[str, str, str]]:
    models = dict.fromkeys(row.model for row in found.factors)
    for model in models:
        cells = {
            row.meter: f"{row.central:.4g}"
            if row.low == row.high
            else f"{row.central:.4g} ({row.low:.4g} to {row.high:.4g})"
            for row in found.factors
            if row.model == model
        }
        yield model, cells["input"], cells["output"]


def _show_strategies(found: "Replay", console: "Console") -> None:
    objective = found.scenario.objective
    _heading(
        console,
        f"Strategies on this traffic, {objective} cost in USD; in brackets what tokens may make of it",
    )
    from planner.experiments.replay_rows import rows_of

    names, rows = list(found.strategies), rows_of(found)
    width = max(1, (console.width - 24) // LEAST_COLUMN)
    for start in range(0, len(names), width):
        chosen = names[start : start + width]
        shown = [(row.words, *(_spread(row.by_strategy[name], row.unit) for name in chosen)) for row in rows]
        of = {name: found.strategies[name] for name in chosen}
        met = {
            name: ("met" if one.meets() else "missed") + ("" if one.is_certain else ", not certain")
            for name, one in of.items()
        }
        shown.append(("targets", *(met[name] if found.slo_rows else "none given" for name in chosen)))
        console.print(_table(("", *chosen), shown, ("",)))
    for name, one in found.strategies.items():
        for text in one.central.misses:
            _item(console, f"{name} misses {text}")


def _spread(one: "Spread", unit: str) -> str:
    """A figure, and in brackets from where to where tokens may take it, where that shows."""
    middle, low, high = (_words(value, unit) for value in (one.central, one.low, one.high))
    if DASH in (middle, low, high) or low == high:
        return middle
    sign = f" {middle.rpartition(' ')[2]}" if " " in middle else ""
    bare, first, last = (text.removesuffix(sign) for text in (middle, low, high))
    return f"{bare} ({first} to {last}){sign}"


def _words(value: Any, unit: str) -> str:
    if value is None or value != value:
        return DASH
    if unit == "USD":
        from planner.experiments.replay_answer import small_words

        return small_words(value).removesuffix(" USD")
    return quantity(float(value), unit)


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], words: Sequence[str]) -> "Table":
    """A table whose columns hold figures, on the right, but for those of words."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), justify="left" if head in words else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _heading(console: "Console", text: str) -> None:
    console.print()
    _text(console, text, "bold")


def _text(console: "Console", text: str, style: str = "") -> None:
    from rich.text import Text

    console.print(Text(text, style=style))


def _item(console: "Console", text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(f"- {text}"), (0, 0, 0, 2)))


__all__ = ["replay", "show"]
