"""`planner warm-up`: compile the engine ahead; and what other commands say when the first use has to.

Comes in: nothing; goes out: machine code on disk, and lines that say what is done. All of it goes to stderr from
other commands, so that their output stays what it is.
"""

from typing import Annotated

import typer

from planner import warming
from planner.cli.ending import reported


@reported
def warm_up(
    if_cold: Annotated[
        bool, typer.Option("--if-cold", help="Do and say nothing where everything is compiled already.")
    ] = False,
) -> None:
    """Compile the engine for this machine, once, so that the first comparison need not.

    It is done again by itself where an update, another Python or another processor asks for it.
    """
    if not if_cold or warming.is_cold():
        warming.warm_up(typer.echo)


def announce(engine: str) -> None:
    """Say on stderr that the first use of an engine compiles it, and have that done before anything else."""
    if warming.announce(lambda text: typer.echo(text, err=True), engine):
        warming.load(engine)


__all__ = ["announce", "warm_up"]
