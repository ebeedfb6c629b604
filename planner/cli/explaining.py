"""`planner explain`: one request's life on the terminal, from arrival to answer or failure.

Comes in: a scenario file, a strategy and which request; goes out: one line per step. Both engines tell the same.
"""

from typing import Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, check_strategy, progress
from planner.cli.ending import reported
from planner.cli.warming import announce


@reported
def explain(
    file: FileArgument,
    strategy: Annotated[str, typer.Option(help="The strategy under which it is served.", show_default=False)],
    request: Annotated[
        str,
        typer.Option(
            help="Its name, '#K' for the K-th arrival of the window from 0 (quoted: a shell takes # for a comment), "
            "slowest, or first-failed.",
            metavar="REQUEST",
        ),
    ] = "slowest",
    replication: Annotated[
        int, typer.Option(min=0, help="Which window of the plan, from 0; as in compare.")
    ] = 0,
    engine: EngineOption = "compiled",
    overrides: SetOption = None,
) -> None:
    """Tell one request's whole life: its route, every call, waits, breakers and outages, outcome and cost."""
    check_engine(engine)
    scenario = load(file, overrides)
    check_strategy(scenario, strategy)
    announce(engine)
    from rich.console import Console

    from planner.experiments.explain import explain_text
    from planner.experiments.simulate import simulate

    with progress(Console(stderr=True), f"Simulating {strategy}") as report:
        run = simulate(scenario, strategy, engine=engine, replication=replication, report=report)
    typer.echo(explain_text(run, request))


__all__ = ["explain"]
