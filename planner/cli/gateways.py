"""`planner import litellm` and `planner export litellm`: a gateway's configuration as a scenario, and back.

Comes in: a file; goes out: YAML on standard output or in a file, and on standard error what the other side cannot say.
Secrets of a configuration are never kept, shown or written.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import check_strategy
from planner.cli.ending import EXIT_STATUS, plural, reported
from planner.cli.writing import check_writable, write_whole

HELP = {"help_option_names": ["-h", "--help"]}
importing = typer.Typer(
    help="Turn a gateway's configuration into a scenario.", context_settings=HELP, no_args_is_help=True
)
exporting = typer.Typer(
    help="Write a strategy as a gateway's configuration.", context_settings=HELP, no_args_is_help=True
)
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Write here instead of to standard output.", metavar="FILE", show_default=False
    ),
]


@importing.callback()
def _importing() -> None:
    """Turn a gateway's configuration into a scenario."""


@exporting.callback()
def _exporting() -> None:
    """Write a strategy as a gateway's configuration."""


@importing.command("litellm", epilog=EXIT_STATUS)
@reported
def import_litellm(
    config: Annotated[
        Path,
        typer.Argument(help="A LiteLLM proxy configuration (YAML).", metavar="CONFIG", show_default=False),
    ],
    out: OutOption = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            help="Value of a variable that the configuration refers to as os.environ/NAME, as often as needed.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Turn a LiteLLM proxy configuration into a scenario: one strategy for each model_name.

    What the scenario cannot say of the configuration goes to stderr and to the head of the scenario. Traffic, sizes of
    requests and whatever else a configuration does not know are assumptions, each with a comment.
    """
    from planner.gateways import import_litellm as imported_from
    from planner.scenario.reading import read_text

    if out is not None:
        check_writable(out)
    found = imported_from(read_text(config), str(config), {**os.environ, **_variables(env)})
    _put(found.text, out)
    for line in (*found.warnings, *found.notices):
        typer.echo(f"notice: {line}", err=True)
    if found.unpriced:
        typer.echo(
            f"{plural(len(found.unpriced), 'price')} must be given before this scenario can run: "
            f"{', '.join(found.unpriced)}",
            err=True,
        )


@exporting.command("litellm", epilog=EXIT_STATUS)
@reported
def export_litellm(
    file: FileArgument,
    strategy: Annotated[
        str, typer.Option("--strategy", help="The strategy to write.", metavar="NAME", show_default=False)
    ],
    overrides: SetOption = None,
    out: OutOption = None,
) -> None:
    """Write a strategy of a scenario as a LiteLLM proxy configuration, without any key.

    What LiteLLM cannot say of the strategy goes to stderr and to the head of the configuration.
    """
    from planner.gateways import export_litellm as exported_from

    if out is not None:
        check_writable(out)
    scenario = load(file, overrides)
    check_strategy(scenario, strategy)
    found = exported_from(scenario, strategy)
    _put(found.text, out)
    for line in found.notices:
        typer.echo(f"notice: {line}", err=True)


def _variables(given: list[str] | None) -> dict[str, str]:
    found = {}
    for text in given or ():
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise typer.BadParameter("must be NAME=VALUE", param_hint="--env")
        found[name] = value
    return found


def _put(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_whole(out, text)


__all__ = ["export_litellm", "exporting", "import_litellm", "importing"]
