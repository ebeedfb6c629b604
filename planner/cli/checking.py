"""`planner check` and `planner schema`: what is wrong with a scenario file, and what may stand in one.

Comes in: a file and overrides; goes out: a Scenario, or every problem at once. Nothing is simulated here and,
unless the scenario replays a recording, no numerical library is loaded.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.ending import plural, reported
from planner.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from planner.memos import MemoState
    from planner.scenario import Scenario

FileArgument = Annotated[
    Path,
    typer.Argument(
        help="A scenario file (YAML), or a decision memo (.html) with its scenario.",
        metavar="FILE",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Replace a field, as often as needed, such as --set run.seed=8",
        metavar="PATH=VALUE",
        show_default=False,
    ),
]


@reported
def check(file: FileArgument, overrides: SetOption = None) -> None:
    """Say everything that is wrong with a scenario file, or that it is sound. Nothing is simulated.

    Problems go to stderr, each with file, line, path, what was given and what is allowed. A recording that the
    scenario replays is read too.
    """
    scenario = load(file, overrides)
    typer.echo(f"{file}: ok: {_contents(scenario)}; {_volume(scenario)}")
    for line in _worst_cases(scenario):
        typer.echo(line)
    for notice in _notices(scenario):
        typer.echo(f"notice: {notice}")


def _worst_cases(scenario: "Scenario") -> list[str]:
    from planner.finance.dearest import dearest
    from planner.scenario.worst_case import worst_case

    return [
        f"{name}: {worst_case(scenario, name).text}; {dearest(scenario, name).text}"
        for name in scenario.strategies
    ]


@reported
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from planner.scenario import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def load(file: Path, overrides: list[str] | None) -> "Scenario":
    """The scenario of a file, or of a memo, with fields replaced.

    Raises ScenarioError with the problems of the file and of all overrides together.
    """
    from planner.scenario import load as read
    from planner.scenario import parse_override

    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for text in overrides or ():
        try:
            path, value = parse_override(text)
        except ScenarioError as error:
            problems += error.problems
            continue
        if path in values:
            problems.append(Problem(field=path, text="set more than once"))
        values[path] = value
    try:
        scenario = _of_memo(file, values) if is_memo(file) else read(file, values)
    except ScenarioError as error:
        raise ScenarioError([*problems, *error.problems], error.source) from None
    if problems:
        raise ScenarioError(problems, str(file))
    return scenario


def is_memo(file: Path) -> bool:
    """Whether a file is a decision memo, by its ending."""
    return file.suffix.lower() in (".html", ".htm")


def memo_state(file: Path) -> "MemoState":
    """The state in a memo. Raises ScenarioError where there is none."""
    from planner.memos import MOST_BYTES, read_state

    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        said = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise ScenarioError([Problem(field="", file=str(file), text=said)], str(file)) from None
    return read_state(content, str(file))


def _of_memo(file: Path, values: dict[str, Any]) -> "Scenario":
    """The scenario of a memo; lines in problems are those of the scenario that the memo shows."""
    from planner.memos.state import catalogue_digest

    state = memo_state(file)
    if not state.is_of_this_version:
        other = "another catalogue" if state.catalogue != catalogue_digest() else "another version"
        typer.echo(
            f"{file}: made on {state.made_on} with planner {state.planner} and {other}: figures may differ.",
            err=True,
        )
    return state.scenario(file.parent, values, name=f"{file}#scenario")


def _contents(scenario: "Scenario") -> str:
    return ", ".join(
        f"{plural(len(found), noun)} ({', '.join(found)})"
        for noun, found in (("strategy", scenario.strategies), ("task", scenario.tasks))
    )


def _notices(scenario: "Scenario") -> list[str]:
    found = [str(notice) for notice in scenario.notices]
    if scenario.traffic.trace is not None:
        from planner.workload.windows import volume_notice

        pace = volume_notice(scenario)
        found += [] if pace is None else [pace]
    return found


def _volume(scenario: "Scenario") -> str:
    """How much traffic the scenario means, counted in the three usual ways."""
    requests, users = scenario.requests_per_month(), scenario.traffic.users
    sessions = scenario.traffic.sessions
    if scenario.traffic.trace is not None:
        from planner.workload.traces import recording
        from planner.workload.windows import counts

        told = counts(scenario)
        rows = plural(recording(scenario).n, "request")
        return f"a recording of {rows}; {volume(told.turns_per_month, told.conversations_per_month)}"
    assert requests is not None, "without a trace the scenario tells its volume"
    text = volume(requests, requests / sessions.turns_mean)
    return text if users is None else f"{text}, from {users.active_per_day:,.0f} users a day"


def volume(turns: float, conversations: float) -> str:
    """Traffic of a mean month in words.

    >>> volume(2_000_000, 571_428.6)
    '2,000,000 requests a month (user turns) in 571,429 conversations'
    """
    return f"{turns:,.0f} requests a month (user turns) in {conversations:,.0f} conversations"


__all__ = ["FileArgument", "SetOption", "check", "is_memo", "load", "memo_state", "schema", "volume"]
