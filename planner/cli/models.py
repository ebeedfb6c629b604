"""`planner models`: the catalogue as a list, or some of its models side by side with sources.

Comes in: the catalogue's rows; goes out: tables. Each figure shows whether it was measured, estimated or is
absent; what is not known is a dash.
"""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.ending import reported
from planner.errors import CatalogueError, PriceUnknown

if TYPE_CHECKING:
    from rich.console import Console

Entry = dict[str, Any]
PHOTO_PX = 1024
LABEL_WIDTH, VALUE_WIDTH = 24, 24
TAGGED = ("measured", "estimate", "absent")
WITH_SOURCE_ONLY = ("points at",)


@reported
def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Models to lay side by side; none: list all.", show_default=False),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="List only what this provider sells, at its prices.", show_default=False),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Prices of this day, YYYY-MM-DD; default: the newest known.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the models of the catalogue, or compare some: price, speed, scores, limits of size, retirement."""
    from rich.console import Console

    day = _day(on)
    console = Console(highlight=False, markup=False, emoji=False)
    if names:
        if provider is not None:
            raise typer.BadParameter("goes with the list, not with names of models", param_hint="--provider")
        _show_comparison(console, list(dict.fromkeys(names)), day)
    else:
        _show_list(console, provider, day)


def newest() -> date:
    """The day of the newest prices in the catalogue."""
    from planner.catalogue.reading import read

    return date.fromisoformat(read("pairs")["as_of"])


def _day(text: str | None) -> date:
    if text is None:
        return newest()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date, YYYY-MM-DD", param_hint="--on") from None


# -- the list ----------------------------------------------------------------------------------


def listed(provider: str | None, on: date) -> list[Entry]:
    """Rows of the list; with a provider only what it sells, at its price and retired when it says so."""
    from planner import catalogue
    from planner.catalogue.prices import PROVIDERS
    from planner.catalogue.reading import did_you_mean

    rows = catalogue.list_models(on)
    if provider is None:
        return rows
    if provider not in PROVIDERS:
        hint = did_you_mean(provider, PROVIDERS)
        raise CatalogueError(
            f"{provider!r} is not a provider of the catalogue ({', '.join(PROVIDERS)}){hint}"
        )
    found = []
    for row in rows:
        if provider not in row["providers"]:
            continue
        ends = catalogue.retirement(row["model"], provider)
        own: Entry = {"provider": provider, "retires": None if ends is None else ends.date}
        for meter in ("input", "output"):
            own[f"{meter}_usd_per_mtok"] = _price(row["model"], provider, meter, on)
        found.append(row | own)
    return found


def _price(model: str, provider: str, meter: str, on: date) -> Decimal | None:
    from planner import catalogue

    try:
        return catalogue.price(model, provider, meter, on).usd_per_mtok
    except PriceUnknown:
        return None


def _show_list(console: "Console", provider: str | None, on: date) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from planner.cli.figures import DASH, list_price

    rows = listed(provider, on)
    is_wide = console.width >= 116
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("model", overflow="fold", min_width=24)
    for name in ("tier", "provider", "takes", "gives") if is_wide else ("tier",):
        table.add_column(name)
    for name in ("context", "in", "out"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("retires", no_wrap=True)
    for row in rows:
        middle = [row["tier"]]
        if is_wide:
            middle += [
                row["provider"] or "own hardware",
                _joined(row["modalities"]),
                _joined(row["output_modalities"]),
            ]
        context = DASH if row["context_tokens"] is None else f"{row['context_tokens']:,}"
        prices = [list_price(row[f"{meter}_usd_per_mtok"]) for meter in ("input", "output")]
        table.add_row(*map(Text, [row["model"], *middle, context, *prices, str(row["retires"] or DASH)]))
    console.print(table)
    where = f" of {provider}" if provider else ""
    console.print(
        Text(
            f"\n{len(rows)} models{where}; in and out: USD per million tokens on {on}; {DASH} is not known, not sold or not announced."
        )
    )


# -- side by side ------------------------------------------------------------------------------


def compared(names: list[str], on: date) -> list[Entry]:
    """The catalogue's rows for some models, with batch prices and the price of a photo put in."""
    from planner import catalogue

    sellers = {row["model"]: row["provider"] for row in catalogue.list_models(on)}
    found = []
    for row in catalogue.compare_models(names, on):
        found.append(row)
        if row["measure"] == "runs on":
            found.append(row | {"measure": "prices at", "value": sellers[row["model"]] or "own hardware"})
        if row["measure"] == "output price":
            found += [_batch(row["model"], sellers[row["model"]], which, on) for which in ("input", "output")]
        if row["measure"].startswith("tokens of a") and row["measure"].endswith("image"):
            found.append(_photo(row, sellers[row["model"]], on))
    return found


def in_order(rows: list[Entry]) -> list[str]:
    """Measures of all models, each after the one that it follows where it first comes up."""
    found: list[str] = []
    before: Entry = {"model": None}
    for row in rows:
        if row["measure"] not in found:
            place = found.index(before["measure"]) + 1 if before["model"] == row["model"] else len(found)
            found.insert(place, row["measure"])
        before = row
    return found


def _batch(model: str, provider: str | None, which: str, on: date) -> Entry:
    return _priced_row(model, provider, f"batch_{which}", on, f"batch {which} price", "USD/1e6 tokens")


def _photo(tokens: Entry, provider: str | None, on: date) -> Entry:
    """What one photo costs: its billed tokens at the price of image tokens."""
    row = _priced_row(
        tokens["model"], provider, "image", on, f"price of a {PHOTO_PX} x {PHOTO_PX} image", "USD"
    )
    if tokens["value"] is None or row["value"] is None:
        absent = {
            "value": None,
            "kind": "absent",
            "note": tokens["note"] if tokens["value"] is None else row["note"],
        }
        return row | absent
    return row | {
        "value": row["value"] * tokens["value"] / 10**6,
        "note": f"{tokens['value']:,} tokens {row['note']}",
    }


def _priced_row(model: str, provider: str | None, meter: str, on: date, measure: str, unit: str) -> Entry:
    from planner import catalogue

    row: Entry = {
        "model": model,
        "measure": measure,
        "value": None,
        "unit": unit,
        "kind": "absent",
        "as_of": None,
    }
    if provider is None:
        return row | {
            "source": "sold by nobody we know",
            "note": "own hardware: paid by the hour or the piece",
        }
    try:
        found = catalogue.price(model, provider, meter, on)
    except PriceUnknown as unknown:
        return row | {"source": "no price known", "note": str(unknown)}
    carried = f", {found.carried_text}" if found.carried_text else ""
    note = f"at {provider} since {found.effective_from} ({found.date_basis}){carried}"
    known = {"value": found.usd_per_mtok, "kind": "reported", "as_of": str(found.known_until)}
    return row | known | {"source": found.source, "note": note}


def _show_comparison(console: "Console", names: list[str], on: date) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = compared(names, on)
    columns = list(dict.fromkeys(row["model"] for row in rows))
    measures = in_order(rows)
    cells = {(row["model"], row["measure"]): row for row in rows}
    units = {row["measure"]: row["unit"] for row in rows}
    per_table = max(1, (console.width - LABEL_WIDTH) // (VALUE_WIDTH + 2))
    for start in range(0, len(columns), per_table):
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
        table.add_column("", overflow="fold", min_width=LABEL_WIDTH, max_width=44)
        for name in columns[start : start + per_table]:
            table.add_column(
                Text(name), justify="right", overflow="fold", min_width=min(VALUE_WIDTH, console.width // 3)
            )
        for measure in measures:
            own = [cells.get((name, measure)) for name in columns[start : start + per_table]]
            unit = f", {units[measure]}" if units[measure] not in ("", "share") else ""
            table.add_row(Text(measure + unit), *map(_cell, own))
        console.print(table)
    console.print(
        Text(
            f"\nPrices of {on}. A figure without a tag is as its source reports it.\n\nSources and notes",
            "bold",
        )
    )
    for text in sources(rows):
        console.print(Text(f"- {text}"))


def _cell(row: Entry | None) -> Any:
    from rich.text import Text

    from planner.cli.figures import DASH

    if row is None or row["value"] is None:
        tag = " absent" if row is not None and row["kind"] == "absent" else ""
        return Text(DASH).append(tag, "dim")
    text = Text(_value(row))
    if row["kind"] in TAGGED:
        text.append(f" {row['kind']}", "yellow" if row["kind"] == "estimate" else "dim")
    return text


def _value(row: Entry) -> str:
    from planner.cli.figures import list_price, quantity, unit_cost

    value = row["value"]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return unit_cost(value).removesuffix(" USD") if row["unit"] == "USD" else list_price(value)
    if isinstance(value, tuple):
        return _joined(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if row["unit"] == "share" else quantity(value)
    return str(value)


def sources(rows: list[Entry]) -> list[str]:
    """Where the figures come from: models and measures that share source, day and note are listed together."""
    groups: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for row in rows:
        if row["value"] is None and row["measure"] in WITH_SOURCE_ONLY:
            continue
        key = (row["source"] or "", row["as_of"] or "", row["note"] or "")
        groups.setdefault(key, {}).setdefault(row["model"], []).append(row["measure"])
    found = []
    for (source, as_of, note), by_model in groups.items():
        models_of: dict[tuple[str, ...], list[str]] = {}
        for model, measures in by_model.items():
            models_of.setdefault(tuple(measures), []).append(model)
        what = "; ".join(
            f"{', '.join(owners)}: {', '.join(measures)}" for measures, owners in models_of.items()
        )
        parts = [part for part in (note, source, as_of) if part]
        found.append(f"{what} = {'; '.join(parts)}")
    return found


def _joined(words: tuple[str, ...]) -> str:
    return ", ".join(words)


__all__ = ["compared", "in_order", "listed", "models", "newest", "sources"]
