"""The `planner` command: check a scenario, compare its strategies, state their costs, check a month's bill by hand, say what
flips the decision and map it, look back, replay a log, rehearse an outage, explain one request, say why limits are met, look models up,
read and write gateways' files.

Comes in: a command line; goes out: text on the terminal, JSON, and an exit status (see `ending`). No figure
is made here. Everything heavy is imported by the command that needs it, so `planner check` starts at once.
"""

import sys
from typing import Annotated

import typer

from planner import DISTRIBUTION, __version__
from planner.cli.billing import bill
from planner.cli.checking import check, schema
from planner.cli.comparing import compare
from planner.cli.drills import drill
from planner.cli.ending import (
    BAD_INPUT,
    EXIT_STATUS,
    INTERRUPTED,
    flush_output,
    make_encodable,
    tell_system_error,
)
from planner.cli.evens import break_even
from planner.cli.explaining import explain
from planner.cli.gateways import exporting, importing
from planner.cli.hindsight import hindsight
from planner.cli.limits import limits
from planner.cli.mapping import map_
from planner.cli.models import models
from planner.cli.replaying import replay
from planner.cli.tco import tco
from planner.cli.warming import warm_up

app = typer.Typer(
    name="planner",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_STATUS,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"planner {__version__} ({DISTRIBUTION})")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Plan LLM traffic before building it: cost, latency, availability and answer quality of every strategy.

    Start with: planner compare scenarios/support-chatbot.yaml
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


app.command(epilog=EXIT_STATUS)(bill)
app.command(epilog=EXIT_STATUS)(break_even)
app.command(epilog=EXIT_STATUS)(check)
app.command(epilog=EXIT_STATUS)(compare)
app.command(epilog=EXIT_STATUS)(drill)
app.command(epilog=EXIT_STATUS)(explain)
app.add_typer(exporting, name="export")
app.command(epilog=EXIT_STATUS)(hindsight)
app.add_typer(importing, name="import")
app.command(epilog=EXIT_STATUS)(limits)
app.command("map", epilog=EXIT_STATUS)(map_)
app.command(epilog=EXIT_STATUS)(models)
app.command(epilog=EXIT_STATUS)(replay)
app.command(epilog=EXIT_STATUS)(schema)
app.command(epilog=EXIT_STATUS)(tco)
app.command(epilog=EXIT_STATUS)(warm_up)


def main() -> None:
    """Run the command line; always ends with SystemExit."""
    make_encodable(sys.stdout)
    make_encodable(sys.stderr)
    try:
        app(prog_name="planner")
    except KeyboardInterrupt:  # before or after a command had control
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:  # such as the version written to a full disk
        tell_system_error(error)
        raise SystemExit(BAD_INPUT) from None
    finally:
        flush_output()


__all__ = ["app", "main"]
