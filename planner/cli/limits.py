"""`planner limits`: why requests meet rate limits (429), and which quota or max-output would fix it.

Comes in: a scenario file and options; goes out: for each strategy and deployment with rate limits a matrix of
limiter kind x charging rule, a reason and advice, or all of it as JSON. Every figure is one of the report's.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, check_strategy, progress
from planner.cli.ending import plural, reported
from planner.cli.figures import DASH, count, quantity, span
from planner.cli.options import json_text
from planner.cli.warming import announce

if TYPE_CHECKING:
    from rich.console import Console

    from planner.experiments.limits import Cell, DeploymentLimits, LimitReport, Shares

# Broken where a hyphen is: five columns fit 80 characters.
HEADS = {
    "estimate": "estimate",
    "prompt-plus-max-output": "prompt-plus-\nmax-output",
    "max-of-max-output-and-estimate": "max-of-max-\noutput-and-\nestimate",
    "actual": "actual",
    "after-completion": "after-\ncompletion",
}
UNITS = {
    "requests_per_minute": "requests/min",
    "tokens_per_minute": "tokens/min",
    "input_tokens_per_minute": "input tokens/min",
    "output_tokens_per_minute": "output tokens/min",
}
WIDEST = 78


@reported
def limits(
    file: FileArgument,
    overrides: SetOption = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Only this strategy; may be repeated.", metavar="NAME", show_default=False),
    ] = None,
    deployment: Annotated[
        list[str] | None,
        typer.Option(help="Only this deployment; may be repeated.", metavar="NAME", show_default=False),
    ] = None,
    target: Annotated[
        float, typer.Option(help="Share of requests that may meet a limit, for the advice.", metavar="SHARE")
    ] = 0.001,
    requests: Annotated[
        int,
        typer.Option(
            min=1,
            help="About how many requests are simulated for each figure: fewer are quicker, more tell rarer refusals.",
            metavar="N",
        ),
    ] = 70_000,
    engine: EngineOption = "compiled",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")] = False,
) -> None:
    """Why 429: requests held back by rate limits under every kind and charging rule, and what would fix it.

    Each figure is of a run with exactly that setting, on the same requests and luck.
    """
    check_engine(engine)
    scenario = load(file, overrides)
    for name in strategy or ():
        check_strategy(scenario, name)
    announce(engine)
    from rich.console import Console

    from planner.experiments.limits import why_429

    with progress(Console(stderr=True), "Trying limits") as report:
        found = why_429(
            scenario,
            strategies=strategy,
            deployments=deployment,
            target=target,
            engine=engine,
            requests=requests,
            report=report,
        )
    if as_json:
        typer.echo(json_text(found.to_dict(), sys.stdout.encoding))
        return
    show(found, Console(highlight=False, markup=False, emoji=False))


def show(found: "LimitReport", console: "Console") -> None:
    """The report on a terminal."""
    for row in found.rows:
        _deployment(row, console, found.target)
    for notice in found.notices:
        console.print(notice)
    if found.rows:
        console.print(
            f"{plural(found.n_settings, 'setting')} of {count(found.n_requests)} requests in "
            f"{plural(found.n_windows, 'window')}; {count(found.simulated_requests)} simulated in "
            f"{found.seconds:.1f} s. Intervals are 95 %, over windows.",
            style="dim",
        )


def _deployment(row: "DeploymentLimits", console: "Console", target: float) -> None:
    console.print(f"{row.strategy}: {row.deployment}", style="bold")
    quotas = ", ".join(f"{quota:,} {UNITS[name]}" for name, quota in row.quotas.items())
    console.print(f"{quotas}; {row.label}, charged by {row.charge}, when limited: {row.when_limited}")
    console.print(_present(row.present))
    console.print(row.why)
    if row.kept:
        console.print(row.kept)
    if row.too_large:
        console.print(row.too_large, style="red")
    console.print()
    _matrix(row, console)
    for text in advice(row, target):
        console.print(f"- {text}")
    console.print()


def _present(shares: "Shares") -> str:
    if shares.limited.value is None:
        return "None of its requests were seen in the windows simulated."
    text = f"{quantity(shares.limited.value, 'share')} of its requests meet a limit"
    ends = span(shares.limited.low, shares.limited.high, "share")
    text += f" ({ends})" if ends else ""
    return f"{text}, {quantity(shares.lost.value, 'share')} are lost to one ({shares.n_asked:,} simulated)."


def advice(row: "DeploymentLimits", target: float) -> list[str]:
    """What would fix it, one line for each way."""
    if row.is_fixed:
        return [f"Nothing to fix: at most {quantity(target, 'share')} may meet a limit."]
    return row.remedies


def _matrix(row: "DeploymentLimits", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    kinds = dict.fromkeys(cell.label for cell in row.cells)
    by_place = {(cell.label, cell.charge): cell for cell in row.cells}
    reasons: dict[str, int] = {}
    lines = {
        kind: [_cell(by_place[kind, charge], reasons) for charge in HEADS if (kind, charge) in by_place]
        for kind in kinds
    }
    console.print(
        "Share of requests that meet a limit (lost to one), by kind and charge; * as it is", style="dim"
    )
    if console.width < WIDEST:  # a table would be cut: one line for each
        for kind, cells in lines.items():
            console.print(f"{kind}:")
            for charge, cell in zip(HEADS, cells, strict=True):
                console.print(f"  {charge}: {' '.join(cell.split())}")
    else:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
        table.add_column("kind", no_wrap=True)
        for head in HEADS.values():
            table.add_column(head, justify="right", no_wrap=True)
        for kind, cells in lines.items():
            table.add_row(kind, *cells)
        console.print(table)
    for reason, number in reasons.items():
        console.print(f"[{number}] refused: {reason}")


def _cell(cell: "Cell", reasons: dict[str, int]) -> str:
    if cell.shares is None:
        assert cell.refused, "a setting is simulated or refused"
        numbers = [reasons.setdefault(reason, len(reasons) + 1) for reason in cell.refused]
        return f"[{','.join(map(str, numbers))}]"
    mark = "*" if cell.is_present else ""
    limited, lost = cell.shares.limited.value, cell.shares.lost.value
    if limited is None:
        return f"{DASH}{mark}"
    return f"{_short(limited)}{mark}" + (f"\n({_short(lost)})" if lost else "")


def _short(share: float | None) -> str:
    """Per cent in few characters; small shares keep a digit that is not 0.

    >>> _short(0.5833), _short(0.00052), _short(0.0), _short(1.0)
    ('58.3%', '0.052%', '0%', '100%')
    """
    if share is None:
        return DASH
    percent = 100 * share
    if percent == 0:
        return "0%"
    return f"{percent:.1f}%".replace("100.0%", "100%") if percent >= 0.1 else f"{percent:.2g}%"


__all__ = ["advice", "limits", "show"]
