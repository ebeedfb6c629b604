"""`planner bill`: a month by pocket calculator, then each thing that the simulation adds, up to the ledger.

Comes in: a scenario file, a strategy and a month; goes out: lines that a person can work again, on the terminal and
as JSON. Every figure is one of the bill's.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, progress
from planner.cli.ending import reported
from planner.cli.figures import list_price
from planner.cli.options import JsonOption, ReplicationsOption, file_of, write_json
from planner.cli.warming import announce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from planner.finance.bill_lines import Line, PocketLine
    from planner.finance.hand_check import Bill

LABEL_WIDTH = 46
COUNTED = ("request", "answer", "item", "device", "migration")  # units that have a plural
SHOWN_QUANTITY = Decimal("0.000001")


@reported
def bill(
    file: FileArgument,
    strategy: Annotated[str, typer.Option(help="Whose bill.", metavar="NAME", show_default=False)],
    month: Annotated[
        str,
        typer.Option(help="A calendar month of the plan.", metavar="YYYY-MM", show_default=False),
    ],
    account: Annotated[
        str | None,
        typer.Option(
            help="Only this account (api/input), or this group of them (api).",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    overrides: SetOption = None,
    short: Annotated[bool, typer.Option("--short", help="Print sums only, without the lines.")] = False,
    replications: ReplicationsOption = None,
    engine: EngineOption = "compiled",
    json_to: JsonOption = None,
) -> None:
    """Check a month's bill by hand: requests x tokens x price, then what the simulation adds, up to the ledger.

    The ledger is that of planner compare, and is reached to the last digit.
    """
    check_engine(engine)
    target = file_of(json_to)
    scenario = load(file, overrides)
    announce(engine)
    from rich.console import Console

    from planner.api import bill as made

    with progress(Console(stderr=True), "Simulating") as report:
        found = made(
            scenario, strategy, month, account, engine=engine, replications=replications, report=report
        )
    write_json(found.to_dict, json_to)
    show(
        found,
        Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False),
        short=short,
    )
    if target is not None:
        typer.echo(f"Written: {target}", err=True)


def show(found: "Bill", console: "Console", *, short: bool = False) -> None:
    """The bill, line by line; amounts to the cent, the ledger with every digit."""
    for text in _texts(found, short):
        console.print(text, soft_wrap=True)


def _texts(found: "Bill", short: bool) -> "Iterator[str]":
    from planner.finance import plain, usd
    from planner.finance.ledger import total_of

    only = f", account {found.account}" if found.account else ""
    yield f"{found.scenario}: {found.strategy} in {found.month}{only}, USD"
    if found.is_empty:
        yield ""
        yield "There is nothing in it: no request is planned and no row stands in the ledger."
    else:
        yield "Amounts to the cent; quantities to six places; every digit with --json."
    parts: tuple[tuple[str, Sequence[PocketLine | Line]], ...] = (
        ("By pocket calculator: requests x share x tokens x price", found.calculator),
        ("Paid without any request: quantity x price", found.standing),
        ("Counted in the simulation: quantity x price", found.counted),
    )
    for heading, lines in parts:
        if lines:
            yield ""
            yield heading
            yield from () if short else (f"  {_line(one)}" for one in lines)
            yield _sum_line("together", total_of(one.amount_usd for one in lines))
    if found.steps:
        yield ""
        yield _sum_line("So far", found.start_usd, indent="")
        yield "What the simulation adds, and the sum so far"
        for step in found.steps:
            yield f"{_sum_line(step.name, step.amount_usd, signed=True)}{usd(step.total_usd, ''):>18}"
            yield from () if short else (f"      {_line(one)}" for one in step.lines)
    yield ""
    yield _sum_line("Ledger", found.ledger_usd, indent="")
    if found.ledger_economic_usd:
        yield _sum_line("of it invoiced", found.ledger_invoiced_usd)
        yield _sum_line("of it economic", found.ledger_economic_usd)
    yield _sum_line("Difference", found.difference_usd, indent="")
    yield f"To the last digit: {plain(found.ledger_usd)} USD"


def _sum_line(label: str, amount: Decimal, *, indent: str = "  ", signed: bool = False) -> str:
    from planner.finance import usd

    sign = "+" if signed and amount > 0 else ""
    return f"{indent}{label:<{LABEL_WIDTH - len(indent)}}{sign + usd(amount, ''):>18}"


def _line(one: "PocketLine | Line") -> str:
    """`faq on omni, api/input: 1,000 x 0.3 x 500 x 2.50 per million = 0.38`."""
    from planner.finance import usd

    where = " on ".join(name for name in (one.task, one.deployment) if name)
    label = f"{where}, {one.account}" if where else one.account
    return f"{label}: {_product(one)} = {usd(one.amount_usd, '')}"


def _product(one: "PocketLine | Line") -> str:
    from planner.finance.bill_lines import PocketLine

    if isinstance(one, PocketLine):
        return (
            f"{_digits(one.requests)} x {_digits(one.share)} x {_digits(one.tokens_per_request)} tokens x "
            f"{_per_million(one.unit_price_usd)}"
        )
    quantity = _digits(one.quantity)
    if one.unit == "token":
        return f"{quantity} tokens x {_per_million(one.unit_price_usd)}"
    unit = one.unit if one.quantity == 1 or one.unit not in COUNTED else f"{one.unit}s"
    return f"{quantity} {unit} x {_digits(one.unit_price_usd, None)}"


def _per_million(price_usd: Decimal) -> str:
    return f"{list_price(price_usd.scaleb(6))} per million"


def _digits(number: Decimal, quantum: Decimal | None = SHOWN_QUANTITY) -> str:
    """Thousands separated, no zeros at the end; what rounds to nothing keeps two significant digits.

    >>> _digits(Decimal("1234567.500000")), _digits(Decimal("-0.00000004321")), _digits(Decimal("2E+3"))
    ('1,234,567.5', '-0.000000043', '2,000')
    """
    import decimal

    shown = number
    if quantum is not None:
        if abs(number) >= quantum:
            shown = number.quantize(quantum, context=decimal.Context(prec=200))
        else:
            shown = decimal.Context(prec=2).plus(number)
    text = f"{shown:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


__all__ = ["bill", "show"]
