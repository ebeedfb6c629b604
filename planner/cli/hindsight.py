"""`planner hindsight`: what each strategy would have cost in the past, at the list prices of each day.

Comes in: a scenario file and two days; goes out: tables on the terminal, JSON, and months as CSV. No figure is made here.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, progress
from planner.cli.ending import reported
from planner.cli.options import JsonOption, ReplicationsOption, write_json
from planner.cli.warming import announce
from planner.cli.writing import check_writable, write_whole

if TYPE_CHECKING:
    pass


@reported
def hindsight(
    file: FileArgument,
    since: Annotated[
        str, typer.Option(help="First day of the look back.", metavar="YYYY-MM-DD", show_default=False)
    ],
    until: Annotated[
        str | None,
        typer.Option(
            help="The day after the last; by default today.", metavar="YYYY-MM-DD", show_default=False
        ),
    ] = None,
    successor: Annotated[
        list[str] | None,
        typer.Option(
            "--successor",
            help="Which model follows one that retires, as often as needed, such as --successor o1-mini=o3-mini",
            metavar="MODEL=MODEL",
            show_default=False,
        ),
    ] = None,
    overrides: SetOption = None,
    replications: ReplicationsOption = None,
    engine: EngineOption = "compiled",
    json_to: JsonOption = None,
    csv_to: Annotated[
        Path | None,
        typer.Option("--csv", help="Write the bills by month as CSV.", metavar="FILE", show_default=False),
    ] = None,
) -> None:
    """Say what each strategy would have cost since a day, at the real list prices of each day.

    Volume is constant; a strategy counts from the first day on which all its models were on sale, and ends where one
    retires.
    """
    check_engine(engine)
    pairs = _successors(successor)
    target = None if json_to in (None, "-") else Path(str(json_to))
    for path in (target, csv_to):
        if path is not None:
            check_writable(path)
    scenario = load(file, overrides)
    from planner.experiments.hindsight import asked_days

    asked_days(scenario, since, until, pairs)
    announce(engine)
    from rich.console import Console

    from planner.api import hindsight as look_back
    from planner.cli.hindsight_report import show
    from planner.experiments.hindsight_document import months_csv

    with progress(Console(stderr=True), "Simulating") as report:
        found = look_back(
            scenario, since, until, successors=pairs, engine=engine, replications=replications, report=report
        )
    write_json(found.to_dict, json_to)
    if csv_to is not None:
        write_whole(csv_to, months_csv(found))
    show(found, Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False))
    for path in (target, csv_to):
        if path is not None:
            typer.echo(f"Written: {path}", err=True)


def _successors(texts: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or ():
        origin, sign, model = text.partition("=")
        if not sign or not origin or not model:
            raise typer.BadParameter(f"{text!r} is not MODEL=MODEL", param_hint="--successor")
        if origin in found:
            raise typer.BadParameter(f"{origin} is followed twice", param_hint="--successor")
        found[origin] = model
    return found


__all__ = ["hindsight"]
