"""Options that several commands have, and the JSON document that they write: to a file, or to stdout.

Comes in: what was typed; goes out: parsed options, and the document written whole or not at all.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from planner.cli.writing import check_writable, write_whole

STDOUT = "-"

JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        help="Write the whole result as JSON, every digit; - writes it to stdout, and all else to stderr.",
        metavar="FILE|-",
        show_default=False,
    ),
]
ReplicationsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        help="Windows to simulate instead of run.replications; planted outages come on top.",
        show_default=False,
    ),
]


def file_of(json_to: str | None) -> Path | None:
    """The file that --json names; None for stdout and without the option.

    Raises PlannerError where it could not be written: better before a long run than after it.
    """
    target = None if json_to in (None, STDOUT) else Path(str(json_to))
    if target is not None:
        check_writable(target)
    return target


def write_json(made: Callable[[], Mapping[str, Any]], json_to: str | None) -> None:
    """Write a document where --json says; without the option it is not even made."""
    if json_to == STDOUT:
        typer.echo(json_text(made(), sys.stdout.encoding))
    elif json_to is not None:
        write_whole(Path(json_to), json_text(made(), "utf-8") + "\n")


def json_text(content: Mapping[str, Any], encoding: str) -> str:
    """JSON; beyond ASCII only where the encoding surely has it."""
    is_ascii = not encoding.lower().startswith("utf")
    return json.dumps(content, indent=1, ensure_ascii=is_ascii, allow_nan=False)


__all__ = ["STDOUT", "JsonOption", "ReplicationsOption", "file_of", "json_text", "write_json"]
