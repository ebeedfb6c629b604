"""`planner tco`: the statement of costs that finance signs, and the ledger behind it as a file.

Comes in: a scenario file and options; goes out: totals by account and fiscal year, unit costs with numerator and
denominator, the register of assumptions, and the reconciliation. Every figure is one of the statement's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, progress, run
from planner.cli.ending import plural, reported
from planner.cli.options import JsonOption, ReplicationsOption, write_json
from planner.cli.writing import check_writable, write_whole
from planner.errors import PlannerError

if TYPE_CHECKING:
    from rich.console import Console

    from planner.cli.report import Row
    from planner.experiments.comparison import Comparison
    from planner.experiments.statement import Statement, Unit
    from planner.experiments.uncertainty import Uncertainty

MOST_SOURCE = 60  # characters of a source on a terminal


@reported
def tco(
    file: FileArgument,
    overrides: SetOption = None,
    ledger_to: Annotated[
        str | None,
        typer.Option(
            "--ledger",
            help="Write every row of every strategy's ledger, exact; the ending says how: .csv or .parquet.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    json_to: JsonOption = None,
    draws: Annotated[
        int,
        typer.Option(
            min=0,
            help="Draws of the uncertain inputs for budgets and odds, a power of two; 0: none.",
            metavar="N",
        ),
    ] = 16_384,
    with_register: Annotated[
        bool, typer.Option("--assumptions", help="Print the register of assumptions, too.")
    ] = False,
    replications: ReplicationsOption = None,
    engine: EngineOption = "compiled",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads or processes, as in compare.", show_default=False),
    ] = None,
) -> None:
    """Total cost of ownership: by account, fiscal year and unit, with what it rests on and proof that it adds up.

    The figures are those of planner compare; every total is a sum of ledger rows.
    """
    targets = {name: Path(name) for name in (json_to, ledger_to) if name not in (None, "-")}
    for target in targets.values():
        check_writable(target)
    if ledger_to is not None:
        _check_format(ledger_to)
    _check_draws(draws)
    scenario = load(file, overrides)
    found = run(scenario, engine=engine, replications=replications, workers=workers)
    from rich.console import Console

    from planner.experiments.statement import statement

    made = statement(found)
    doubt = _doubt(found, draws, engine, replications, workers)
    write_json(lambda: made.to_dict() | {"uncertainty": None if doubt is None else doubt.to_dict()}, json_to)
    if ledger_to is not None:
        is_csv = targets[ledger_to].suffix == ".csv"
        write_whole(targets[ledger_to], made.csv if is_csv else made.parquet())
    console = Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False)
    show(made, console, with_register=with_register, doubt=doubt)
    for target in targets.values():
        typer.echo(f"Written: {target}", err=True)


def _check_format(name: str) -> None:
    from planner.finance.ledger_files import FORMATS

    if Path(name).suffix not in FORMATS:
        raise PlannerError(f"--ledger: got {name!r}; allowed: a file that ends in {' or '.join(FORMATS)}")


def _check_draws(draws: int) -> None:
    """A wrong number is refused before anything runs."""
    from planner.experiments.uncertainty import MOST_DRAWS

    if draws and (draws < 2 or draws > MOST_DRAWS or draws & (draws - 1)):
        raise PlannerError(f"--draws: got {draws}; allowed: 0 or a power of two up to {MOST_DRAWS}")


def _doubt(
    found: "Comparison", draws: int, engine: str, replications: int | None, workers: int | None
) -> "Uncertainty | None":
    """The analysis of the uncertain inputs, with a bar while inputs are simulated again."""
    if not draws:
        return None
    from rich.console import Console

    from planner.experiments.uncertainty import PricedByVolume, uncertainty

    try:
        with progress(Console(stderr=True), "Drawing the uncertain inputs") as report:
            return uncertainty(
                found, draws=draws, engine=engine, replications=replications, workers=workers, report=report
            )
    except PricedByVolume as error:  # the costs themselves are known
        typer.echo(f"Not drawn: {error}", err=True)
        return None


def show(
    made: "Statement",
    console: "Console",
    *,
    with_register: bool = False,
    doubt: "Uncertainty | None" = None,
) -> None:
    """The statement, part by part."""
    from planner.cli import doubts
    from planner.cli.report import account_rows, basis, heading, item, side_by_side, text_line
    from planner.workload.windows import horizon_words

    comparison = made.comparison
    scenario, strategies = comparison.scenario, comparison.strategies
    heading(console, f"{scenario.name}: total cost of ownership")
    begins = "" if scenario.finance.until is not None else f" from {scenario.start}"
    text_line(
        console,
        f"{horizon_words(scenario)}{begins}, USD, net of taxes; scenario {scenario.hash[:12]}.",
    )
    for line in _sign_off(made):
        text_line(console, line)
    heading(console, "By account, not discounted")
    side_by_side(console, strategies, [*account_rows(comparison), *_present_value(made)])
    heading(console, "Answer")
    text_line(console, comparison.answer, "bold")
    heading(console, "By fiscal year, not discounted")
    side_by_side(console, strategies, list(_years(made)))
    heading(console, "By unit: numerator over denominator")
    side_by_side(console, strategies, list(_units(made)))
    for one in _fractions(made):
        text_line(console, one, "dim")
    _views(made, console)
    if doubt is not None:
        doubts.show(doubt, comparison, console)
    heading(console, "Reconciliation")
    text_line(console, _reconciliation(made))
    heading(console, "What it rests on")
    for line in _rests_on(made):
        text_line(console, line)
    if with_register:
        _register(made, console)
    heading(console, "Not included")
    for text in comparison.not_included:
        item(console, text)
    console.print()
    for text in basis(comparison):
        text_line(console, text)


def _views(made: "Statement", console: "Console") -> None:
    """What stands beside the bill, where the scenario has something for it."""
    from planner.cli import tco_views
    from planner.cli.report import heading, side_by_side, text_line
    from planner.finance.currency import rate_words

    scenario, strategies = made.comparison.scenario, made.comparison.strategies
    words = rate_words(scenario)
    if words is not None:
        heading(console, f"In {scenario.currency}")
        side_by_side(console, strategies, list(tco_views.currency_rows(made)))
        text_line(console, f"{words}.")
    if made.values:
        heading(console, "What it is worth, USD (beside the bill, never in it)")
        side_by_side(console, tuple(made.values), list(tco_views.value_rows(made)))
    if made.books:
        heading(console, "Accounting view")
        for line in tco_views.accounting_lines(made):
            text_line(console, line)
    heading(console, "Energy and CO2e: low to high, never a part of the cost")
    side_by_side(console, strategies, list(tco_views.footprint_rows(made)))
    for line in tco_views.footprint_reasons(made):
        text_line(console, line)


def _sign_off(made: "Statement") -> Iterator[str]:
    """Who made it and who has looked at it, where the scenario says so."""
    given = made.comparison.scenario.finance.sign_off
    if given.prepared_by is not None:
        yield f"Prepared by {given.prepared_by}."
    if given.reviewed_by is not None:
        yield f"Reviewed by {given.reviewed_by}" + (f" on {given.on}." if given.on is not None else ".")


def _present_value(made: "Statement") -> "Iterator[Row]":
    from planner.cli.report import Cell, Row
    from planner.finance import usd
    from planner.finance.calendar import rate_in_words

    yield Row(f"present value at {rate_in_words(made.comparison.scenario)} a year")
    results = made.comparison.results.values()
    yield Row("invoiced", tuple(Cell(usd(one.tco.invoiced_npv_usd, "")) for one in results))
    yield Row("economic", tuple(Cell(usd(one.tco.economic_npv_usd, "")) for one in results))


def _years(made: "Statement") -> "Iterator[Row]":
    from planner.cli.report import Cell, Row
    from planner.finance import usd

    years = made.years
    for view, words in (("invoiced_usd", "invoiced"), ("economic_usd", "economic, with what is invoiced")):
        yield Row(words)
        for year in dict.fromkeys(years["fiscal_year"]):
            rows = years[years["fiscal_year"] == year].set_index("strategy")
            plural(int(rows["months"].iloc[0]), "month")
            cells = tuple(Cell(usd(rows.loc[name, view], "")) for name in made.comparison.strategies)
            yield Row(f"{year}" if rows["is_whole"].iloc[0] else f"{year}, in part", cells)


def _units(made: "Statement") -> "Iterator[Row]":
    from planner.cli.figures import DASH, money_span, unit_cost
    from planner.cli.report import Cell, Row

    found: dict[tuple[str, str], dict[str, Unit]] = {}
    for one in made.units:
        found.setdefault((one.view, one.per), {})[one.strategy] = one
    view_before = None
    for (view, per), by_strategy in found.items():
        if view != view_before:
            yield Row("invoiced" if view == "invoiced" else "economic, with what is invoiced")
            view_before = view
        cells = []
        for name in made.comparison.strategies:
            unit = by_strategy.get(name)
            if unit is None:  # the economic view of a strategy that has no economic rows
                cells.append(Cell("as invoiced"))
            elif unit.value_usd is None:
                cells.append(Cell(DASH, unit.unknown))
            else:
                cells.append(
                    Cell(
                        unit_cost(unit.value_usd).removesuffix(" USD"),
                        money_span(unit.low_usd, unit.high_usd),
                    )
                )
        yield Row(f"per {per}", tuple(cells))


def _fractions(made: "Statement") -> Iterator[str]:
    """What is divided by what, once for each unit."""
    from planner.finance import usd

    seen: dict[str, list[Unit]] = {}
    for one in made.units:
        if one.view == "invoiced":
            seen.setdefault(one.per, []).append(one)
    for per, units in seen.items():
        parts = [
            f"{one.strategy} {usd(one.numerator_usd, '')} / {one.count:,.0f}"
            for one in units
            if one.count is not None
        ]
        if parts:
            yield f"per {per}: {units[0].numerator} / {units[0].denominator}: {'; '.join(parts)}"


def _reconciliation(made: "Statement") -> str:
    from planner.finance import usd

    worst, rows = made.difference_usd, len(made.ledger)
    if worst == 0:
        return (
            f"Difference 0.00: accounts, months, fiscal years, charts, the exported file and the totals shown each add "
            f"up to the {rows:,} ledger rows."
        )
    wrong = "; ".join(
        f"{one.what} of {one.strategy}: {usd(one.difference_usd)}"
        for one in made.checks
        if one.difference_usd != 0
    )
    return f"NOT RECONCILED: {wrong}"


def _rests_on(made: "Statement") -> Iterator[str]:
    from planner.finance.register import NOBODY, STALE_DAYS

    entries = made.register
    stale = [one for one in entries if one.is_stale]
    oldest = max((one.age_days for one in stale if one.age_days is not None), default=0)
    orphans = sum(one.owner == NOBODY for one in entries)
    yield f"{plural(len(entries), 'assumption')}, each with source and date (--assumptions prints them)."
    if stale:
        yield f"{len(stale)} of them are older than {STALE_DAYS} days, the oldest {oldest:,} days."
    if orphans:
        yield f"{orphans} are the scenario's own and nobody is named for them (finance.owners)."


def _register(made: "Statement", console: "Console") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from planner.cli.figures import DASH

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("id", "what", "value", "owner", "as of"):
        table.add_column(name, overflow="fold")
    for one in made.register:
        source = one.source if len(one.source) <= MOST_SOURCE else one.source[: MOST_SOURCE - 3] + "..."
        what = Text(one.what)
        what.append(f"\n{source}", "dim")
        age = "" if one.age_days is None else f"\n{one.age_days:,} days" + (", stale" if one.is_stale else "")
        table.add_row(
            one.id, what, Text(f"{one.value} {one.unit}".strip()), one.owner, (one.as_of or DASH) + age
        )
    console.print()
    console.print(table)


__all__ = ["show", "tco"]
