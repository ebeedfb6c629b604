"""How a command ends: exit statuses, one message instead of a traceback, and output that any terminal can show.

Errors that are meant for people end with their message on stderr and status 1; Ctrl-C ends with one line and
status 130. What a terminal's encoding does not have is written in ASCII.
"""

import codecs
import contextlib
import errno
import functools
import os
import sys
from collections.abc import Callable
from typing import IO, ParamSpec, TypeVar

import typer

from planner.errors import PlannerError

OK, BAD_INPUT, USAGE, GATE_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_STATUS = (
    "Exit status: 0 done; 1 bad input or nothing could be written; 2 wrong use of the command; "
    "3 a target is missed (compare --check or --fail-on-miss); 130 interrupted."
)
ENCODING_ERRORS = "planner-ascii"
# One character for one, so that columns stay aligned.
_ASCII = {
    "✓": "+", "✗": "x", "–": "-", "—": "-", "−": "-", "×": "x", "·": ".", "…": ".", "’": "'", "“": '"', "”": '"',
    "→": ">", "≥": ">", "≤": "<", "\u00a0": " ", "\u202f": " ", "•": "-",
}  # fmt: skip

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def reported(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A command whose expected failures end with a message and a status instead of a traceback."""

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except PlannerError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted; nothing was written.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads any more: no error of ours
                raise
            tell_system_error(error)
            raise typer.Exit(BAD_INPUT) from None

    return run


def make_encodable(stream: IO[str] | None) -> None:
    """Let a stream write what its encoding does not have in ASCII instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=ENCODING_ERRORS)


def flush_output() -> None:
    """Write what is still held back; a disk that is full is said so, a reader who has gone is not an error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        tell_system_error(error)
        raise SystemExit(BAD_INPUT) from None


def tell_system_error(error: OSError) -> None:
    """Say what the system refused, such as output to a full disk, and keep Python from trying again at its end."""
    if error.errno != errno.EPIPE:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"Failed: {place}{error.strerror or error}.", err=True)
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_ASCII.get(character, "?") for character in bad), error.end


codecs.register_error(ENCODING_ERRORS, _in_ascii)


def plural(count: int, noun: str) -> str:
    """`1 task`, `3 tasks`, `2 strategies`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


__all__ = [
    "BAD_INPUT",
    "ENCODING_ERRORS",
    "EXIT_STATUS",
    "GATE_FAILED",
    "INTERRUPTED",
    "OK",
    "USAGE",
    "flush_output",
    "make_encodable",
    "plural",
    "reported",
    "tell_system_error",
]
