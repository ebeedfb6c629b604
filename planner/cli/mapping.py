"""`planner map`: who wins where, as two numbers of a scenario vary.

Comes in: a scenario file and two axes; goes out: a map of letters on the terminal, JSON and CSV. Progress goes to stderr;
Ctrl-C stops the work and writes nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, progress
from planner.cli.ending import plural, reported
from planner.cli.options import JsonOption, ReplicationsOption, write_json
from planner.cli.warming import announce
from planner.cli.writing import check_writable, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from planner.experiments.decision_map import DecisionMap, MapCell
    from planner.experiments.map_axes import Axis

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NOBODY, FAILED = "#", "'"
LABEL_WIDTH, MOST_WIDTH, LEAST_WIDTH = 10, 7, 4

AxisOption = Annotated[
    str,
    typer.Option(
        "--x",
        help="Across: a number of the scenario, from where to where, and in how many values.",
        metavar="PATH=LOW..HIGH[:N]",
        show_default=False,
    ),
]
UpOption = Annotated[
    str, typer.Option("--y", help="Up: another one.", metavar="PATH=LOW..HIGH[:N]", show_default=False)
]


@reported
def map_(
    file: FileArgument,
    x: AxisOption,
    y: UpOption,
    overrides: SetOption = None,
    x_scale: Annotated[
        str,
        typer.Option(
            help="log, linear, or auto: log where both ends are above 0 and a factor of 100 apart.",
            metavar="SCALE",
        ),
    ] = "auto",
    y_scale: Annotated[str, typer.Option(help="The same for --y.", metavar="SCALE")] = "auto",
    json_to: JsonOption = None,
    csv_to: Annotated[
        Path | None,
        typer.Option("--csv", help="Write a row a cell as CSV.", metavar="FILE", show_default=False),
    ] = None,
    replications: ReplicationsOption = None,
    engine: EngineOption = "compiled",
) -> None:
    """Show who wins where: the cheapest strategy that meets every target, as two numbers vary.

    Numbers that change what happens are simulated, on common luck; numbers that change money alone are billed again.
    """
    check_engine(engine)
    target = None if json_to in (None, "-") else Path(str(json_to))
    for path in (target, csv_to):
        if path is not None:
            check_writable(path)
    scenario = load(file, overrides)
    announce(engine)
    from rich.console import Console

    from planner.experiments.decision_map import decision_map

    with progress(Console(stderr=True), "Mapping") as report:
        found = decision_map(
            scenario, x=x, y=y, x_scale=x_scale, y_scale=y_scale, engine=engine, replications=replications,
            report=report,
        )  # fmt: skip
    write_json(found.to_dict, json_to)
    if csv_to is not None:
        write_whole(csv_to, csv_text(found))
    show(found, Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False))
    for path in (target, csv_to):
        if path is not None:
            typer.echo(f"Written: {path}", err=True)


def csv_text(found: "DecisionMap") -> str:
    """The frame as CSV; money with every digit, nothing where a cost is not known."""
    from planner.finance import plain

    table = found.frame
    for name in table.columns:
        if name.startswith("cost_usd:"):
            table[name] = [None if value is None else plain(value) for value in table[name]]
    return table.to_csv(index=False, lineterminator="\n")


def show(found: "DecisionMap", console: "Console") -> None:
    """The map, its key and what must be known about it."""
    for line in texts(found, console.width):
        console.print(line, soft_wrap=len(line) > console.width and line.startswith("  "))


def texts(found: "DecisionMap", width: int = 100) -> "Iterator[str]":
    """Lines of the map: largest y on top, as on paper."""
    from planner.workload.windows import horizon_words

    yield f"{found.scenario.name}: who wins, by {found.scenario.objective} cost over {horizon_words(found.scenario)}"
    yield f"up:     {_axis(found.y)}"
    yield f"across: {_axis(found.x)}"
    yield ""
    columns = _columns(found, width)
    cell_width = min(MOST_WIDTH, max(LEAST_WIDTH, (width - LABEL_WIDTH - 3) // len(columns)))
    now = found.today_at
    for row in reversed(range(len(found.y.values))):
        cells = "".join(
            _mark(found, found.cell(column, row), now == (column, row)).center(cell_width)
            for column in columns
        )
        yield f"{short(found.y.values[row]):>{LABEL_WIDTH}} | {cells}".rstrip()
    yield f"{'':>{LABEL_WIDTH}} +-" + "-" * (cell_width * len(columns))
    for labels in _across([short(found.x.values[column]) for column in columns], cell_width):
        yield f"{'':>{LABEL_WIDTH}}   {labels}".rstrip()
    yield ""
    yield from _key(found)
    if len(columns) < len(found.x.values):
        yield f"Shown are {len(columns)} of {len(found.x.values)} columns; all of them with --csv or --json."
    yield ""
    yield from found.notices


def _across(labels: "Sequence[str]", width: int) -> "Iterator[str]":
    """Labels below their columns, every second one a line lower where they would touch.

    >>> [*_across(["32k", "100k", "316k"], 4)]
    ['32k     316k', '    100k    ']
    """
    if all(len(label) < width for label in labels):
        yield "".join(label.center(width) for label in labels)
        return
    for first in (0, 1):
        yield "".join((label if k % 2 == first else "").center(width) for k, label in enumerate(labels))


def _columns(found: "DecisionMap", width: int) -> "Sequence[int]":
    """The columns that a terminal has room for: evenly chosen, ends and today's column among them."""
    many, room = len(found.x.values), max(2, (width - LABEL_WIDTH - 3) // LEAST_WIDTH)
    if many <= room:
        return range(many)
    chosen = {round(k * (many - 1) / (room - 1)) for k in range(room)}
    now = None if found.today_at is None else found.today_at[0]
    if now is not None and now not in chosen:
        chosen.remove(min(chosen - {0, many - 1}, key=lambda one: abs(one - now)))
        chosen.add(now)
    return sorted(chosen)


def _mark(found: "DecisionMap", cell: "MapCell", is_now: bool) -> str:
    """A letter: large where the winner is clear, small where it is tied, then those it is tied with."""
    if cell.winner is None:
        text = NOBODY
    elif cell.tied:
        text = "".join(_letter(found, name).lower() for name in (cell.winner, *cell.tied))
    else:
        text = _letter(found, cell.winner)
    if cell.cheaper_but_failed:
        text += FAILED
    return f"[{text}]" if is_now else text


def _letter(found: "DecisionMap", name: str) -> str:
    return LETTERS[found.strategies.index(name) % len(LETTERS)]


def _key(found: "DecisionMap") -> "Iterator[str]":
    wins = found.wins
    for name in found.strategies:
        yield f"  {_letter(found, name)}  {name}, wins {plural(wins[name], 'cell')}{_failures(found, name)}"
    if wins[None]:
        yield f"  {NOBODY}  no strategy meets every target, in {plural(wins[None], 'cell')}"
    if any(cell.tied for cell in found.cells):
        yield "  small letters: tied, the cheapest first (the paired 95 % interval holds 0, or 2 % apart at most)"
    if any(cell.cheaper_but_failed for cell in found.cells):
        yield f"  {FAILED}  a cheaper strategy misses a target"
    if found.today_at is not None:
        yield f"  [ ] nearest to today ({short(found.x.today)}, {short(found.y.today)}), where it is {found.today_words}"


def _failures(found: "DecisionMap", name: str) -> str:
    """Which targets a strategy misses, and in how many cells."""
    counted: dict[str, int] = {}
    for cell in found.cells:
        for gate in cell.gates.get(name, ()):
            counted[gate] = counted.get(gate, 0) + 1
    missed = ", ".join(f"{gate} in {n}" for gate, n in counted.items())
    return f"; misses {missed}" if missed else ""


def _axis(axis: "Axis") -> str:
    unit = f" ({axis.unit})" if axis.unit else ""
    spaced = "equal factors" if axis.is_log else "even"
    return (
        f"{axis.path}{unit}, {axis.values[0]:g} to {axis.values[-1]:g}, {len(axis.values)} values, {spaced}"
    )


def short(value: float) -> str:
    """A value in a label of five characters or so.

    >>> short(3162280.0), short(1e10), short(0.0316228), short(150), short(0)
    ('3.2M', '10B', '0.032', '150', '0')
    """
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return (
                f"{value / size:.2g}{letter}" if abs(value) < 99.5 * size else f"{value / size:.0f}{letter}"
            )
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


__all__ = ["csv_text", "map_", "short", "show", "texts"]
