"""A look back on the terminal: what each strategy cost over its own days and over those common to all, and why.

Comes in: a Hindsight; goes out: tables. Every figure is one of its own.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from planner.cli.figures import DASH, list_price, money_span, unit_cost
from planner.experiments.hindsight import HELD, ONE_DAY, Hindsight
from planner.finance import usd
from planner.workload.windows import requests_per_month

LEAST_COLUMN = 14
WORDS = ("strategy", "days", "day", "month", "price", "targets")  # columns of text; the others hold figures


def show(found: Hindsight, console: Console) -> None:
    """The tables, the answer after them."""
    last = found.until - ONE_DAY
    _heading(console, f"{found.scenario.name}: {found.since} to {last} in hindsight, USD")
    _text(
        console,
        f"{requests_per_month(found.scenario):,.0f} requests in a mean month, every month; list prices of tokens as they "
        "were on each day. Economic cost is the invoiced cost, wrong answers and downtime.",
    )
    _heading(console, "Each strategy over the days on which it could be run")
    console.print(
        _table(("strategy", "days", "invoiced", "economic", "per 1,000 requests"), _own_rows(found))
    )
    for text in _limits(found):
        _item(console, text)
    if found.together is not None:
        first, end = found.together.start, found.together.end - ONE_DAY
        _heading(console, f"Over the days common to all, {first} to {end}, on the same requests and luck")
        console.print(
            _table(("strategy", "invoiced", "economic", "against the first", "targets"), _common_rows(found))
        )
    _heading(console, "Prices that changed, and a mean month before and after")
    steps = list(_step_rows(found))
    if steps:
        console.print(
            _table(("day", "strategy", "price", "before", "after", "month before", "month after"), steps)
        )
        for text in dict.fromkeys(_sources(found)):
            _item(console, text)
    else:
        _text(console, "None that any of the strategies paid.")
    _heading(console, f"Bills by month, {found.scenario.objective}")
    names = list(found.stretches)
    width = max(1, (console.width - 9) // max(LEAST_COLUMN, *(len(name) + 2 for name in names)))
    for start in range(0, len(names), width):
        chosen = names[start : start + width]
        console.print(_table(("month", *chosen), _month_rows(found, chosen)))
    _heading(console, "Answer")
    _text(console, found.answer, "bold")
    _heading(console, "Notices")
    for text in (*found.notices, HELD):
        _item(console, text)


def _own_rows(found: Hindsight) -> Iterator[tuple[str, ...]]:
    for name, one in found.stretches.items():
        if name not in found.choices:
            yield name, "none", DASH, DASH, DASH
            continue
        tco = found.choices[name].tco
        per_1k = (
            tco.invoiced_per_1k_usd if found.scenario.objective == "invoiced" else tco.economic_per_1k_usd
        )
        yield (
            name,
            one.words(),
            usd(tco.invoiced_usd, ""),
            usd(tco.economic_usd, ""),
            unit_cost(per_1k).removesuffix(" USD"),
        )


def _limits(found: Hindsight) -> Iterator[str]:
    """Why a strategy has not all of the days."""
    for name, one in found.stretches.items():
        if one.start is None:
            yield f"{name} could not be run on any day: {one.begins}"
            continue
        if one.begins is not None:
            yield f"{name} begins on {one.start}: {one.begins}"
        if one.ends is not None:
            yield f"{name} ends before {one.end}: {one.ends}"


def _common_rows(found: Hindsight) -> Iterator[tuple[str, ...]]:
    together = found.together
    assert together is not None, "there is a table only where there are common days"
    for place, name in enumerate(together.ranked):
        gap = together.regret(name, found.objective)
        ends = money_span(gap.low, gap.high)
        sign = "+" if gap.value > 0 else ""
        yield (
            name,
            usd(together.tcos[name].invoiced_usd, ""),
            usd(together.tcos[name].economic_usd, ""),
            f"{sign}{usd(gap.value, '')}" + (f" ({ends})" if ends and gap.low != gap.high else "")
            if place
            else "",
            "; ".join(together.misses[name]) or "met" if _has_targets(found) else "none given",
        )


def _has_targets(found: Hindsight) -> bool:
    slos = (found.scenario.slo, *(task.slo for task in found.scenario.tasks.values()))
    return any(value is not None for slo in slos for _, value in slo)


def _step_rows(found: Hindsight) -> Iterator[tuple[str, ...]]:
    for name, choice in found.choices.items():
        for day in choice.changes:
            for one in day.changes:
                model = one.model if one.was == one.model else f"{one.was} to {one.model}"
                yield (
                    one.day.isoformat(),
                    name,
                    f"{one.meter} of {model}",
                    list_price(one.before_usd_per_mtok),
                    list_price(one.after_usd_per_mtok),
                    usd(one.before_usd, ""),
                    usd(one.after_usd, ""),
                )
            yield (
                "",
                "",
                "all that follows the traffic",
                "",
                "",
                usd(day.before_usd, ""),
                usd(day.after_usd, ""),
            )


def _sources(found: Hindsight) -> Iterator[str]:
    for row in found.step_rows():
        basis = f"; day: {row['basis']}" if row["basis"] else ""
        confidence = f"; confidence {row['confidence']}" if row["confidence"] else ""
        yield f"{row['source']}{basis}{confidence}"


def _month_rows(found: Hindsight, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    is_invoiced = found.scenario.objective == "invoiced"
    bills = {
        (name, month): invoiced if is_invoiced else economic
        for name, month, _, _, invoiced, economic in found.month_rows()
    }
    year, month, last = found.since.year, found.since.month, found.until - ONE_DAY
    while (year, month) <= (last.year, last.month):
        label = f"{year}-{month:02d}"
        cells = []
        for name in names:
            one = found.stretches[name]
            if (name, label) in bills:
                cells.append(usd(bills[name, label], ""))
            elif one.start is None:
                cells.append("never")
            else:
                cells.append("not yet" if label < f"{one.start:%Y-%m}" else "ended")
        yield label, *cells
        year, month = year + month // 12, month % 12 + 1


def _table(heads: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for head in heads:
        table.add_column(Text(head), justify="left" if head in WORDS else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold underline"))


def _text(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style))


def _item(console: Console, text: str) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row("-", Text(text))
    console.print(grid)


__all__ = ["show"]
