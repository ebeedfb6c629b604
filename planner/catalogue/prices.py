"""Dated prices by model, provider and meter, exact Decimals in USD per million tokens.

Comes in: data/prices-*.yaml. Goes out: the price in force on a day, its history and its steps. A price that
is not known is an error that says since when one is; it is never zero. After the last day on which a price
was seen it is carried forward, and says so. Hidden reasoning tokens are billed on the output meter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any

from planner.catalogue.models import UnknownModel, canonical, model
from planner.catalogue.reading import amount, day, did_you_mean, given, read
from planner.errors import PriceUnknown

METERS = (
    "input",
    "cached_input",
    "cache_write",
    "output",
    "batch_input",
    "batch_output",
    "image",
    "audio_input",
    "audio_cached_input",
    "audio_output",
)
_SAME_AS = {"reasoning": "output"}
_OWN_FILE = ("openai", "azure", "anthropic", "google", "mistral")
HOSTS = (
    "groq",
    "bedrock",
    "together",
    "fireworks",
    "deepinfra",
    "cerebras",
    "anyscale",
    "replicate",
    "perplexity",
)
PROVIDERS = _OWN_FILE + HOSTS


@dataclass(frozen=True, kw_only=True)
class PricePeriod:
    """A price from `effective_from` to the day before `effective_to`.

    `effective_to` is None while the price was still listed on `known_until`, the last day it was seen.
    """

    usd_per_mtok: Decimal
    effective_from: date
    effective_to: date | None
    known_until: date
    date_basis: str
    source: str
    confidence: str
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Price(PricePeriod):
    """The price in force on one day."""

    carried_forward: bool

    @property
    def carried_text(self) -> str | None:
        """ "price of DATE carried forward" for days after the last reading, else None."""
        return f"price of {self.known_until} carried forward" if self.carried_forward else None


@dataclass(frozen=True, kw_only=True)
class LongContext:
    """Prices of the whole request once its prompt, cached tokens included, is over `threshold_tokens`.

    At exactly the threshold providers differ; here the lower price still holds.
    """

    threshold_tokens: int
    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    effective_from: date
    source: str
    confidence: str


@dataclass(frozen=True, kw_only=True)
class PriceDecision:
    """A contradiction between public price sources and how it was settled here."""

    model: str
    provider: str
    dispute: str
    taken: str
    because: str


def price(name: str, provider: str, meter: str, on: date) -> Price:
    """Price in force on a day.

    `meter` is one of METERS or `reasoning` (billed as output). Images cost the input price where the model
    has no image price of its own. Raises PriceUnknown, whose text says since when or until when a price is
    known.
    """
    history = periods(name, provider, meter)
    for period in history:
        if period.effective_from <= on and (period.effective_to is None or on < period.effective_to):
            carried = period.effective_to is None and on > period.known_until
            return Price(**vars(period), carried_forward=carried)
    known = "; ".join(_span(period) for period in history)
    raise PriceUnknown(f"{meter} price of {name} at {provider} is not known on {on}; known {known}")


@cache
def periods(name: str, provider: str, meter: str) -> tuple[PricePeriod, ...]:
    """Whole history of one meter, oldest first; neighbours of one price are one period.

    Raises PriceUnknown.
    """
    entry = _entry(name, provider)
    wanted = _meter(meter)
    history = _history(entry, wanted)
    if not history and wanted == "image" and "vision" in model(name).modalities:
        history = _history(entry, "input")
    if not history:
        why = given(entry, "note")
        raise PriceUnknown(
            f"{name} at {provider} has no {meter} price; priced: {', '.join(_metered(entry))}"
            + (f" ({why})" if why else "")
        )
    return history


def price_changes(name: str, provider: str, meter: str, start: date, end: date) -> tuple[date, ...]:
    """Days with start < day < end on which the price changes, or stops or starts being known.

    A month [start, end) is cut at these days, and the price of each part asked for at its first day.
    """
    found: set[date] = set()
    for period in periods(name, provider, meter):
        found.add(period.effective_from)
        if period.effective_to is not None:
            found.add(period.effective_to)
    return tuple(sorted(moment for moment in found if start < moment < end))


def cached_from(name: str, provider: str, on: date) -> date | None:
    """First day of a price of cached input, where `on` lies before it and an input price is known then; else None.

    Before that day nobody sold a discount on what a prompt cache held: all input cost the same.
    """
    try:
        first = periods(name, provider, "cached_input")[0].effective_from
        price(name, provider, "input", on)
    except PriceUnknown:
        return None
    return first if on < first else None


def meters(name: str, provider: str) -> tuple[str, ...]:
    """Meters with a price of their own at some date. Raises PriceUnknown."""
    return _metered(_entry(name, provider))


def providers(name: str) -> tuple[str, ...]:
    """Providers at which a model has a price at some date, maybe none. Raises UnknownModel."""
    record = model(name)
    candidates = {record.name, record.alias_of}
    return tuple(provider for provider in PROVIDERS if candidates & set(_table(provider)))


def long_context(name: str, provider: str, on: date | None = None) -> LongContext | None:
    """Long-context prices in force on a day (default: the latest known), None where there are none.

    Raises PriceUnknown where the model has no price at the provider, or none on that day.
    """
    rows = _periods(_entry(name, provider))
    if on is None:
        row = rows[-1]
    else:
        price(name, provider, "input", on)  # raises with the dates that are known
        row = next(row for row in rows if row["from"] <= on and (row["to"] is None or on < row["to"]))
    long = row["long"]
    if long is None:
        return None
    return LongContext(
        threshold_tokens=int(long["over"]),
        input_usd_per_mtok=Decimal(long["input"]),
        output_usd_per_mtok=Decimal(long["output"]),
        effective_from=row["from"],
        source=row["source"],
        confidence=row["confidence"],
    )


@cache
def price_decisions() -> tuple[PriceDecision, ...]:
    """Every known contradiction between price sources, with what was taken and why."""
    return tuple(PriceDecision(**row) for row in read("price-decisions"))


def _span(period: PricePeriod) -> str:
    if period.effective_to is None:
        return f"since {period.effective_from}"
    return f"from {period.effective_from} to {period.effective_to - timedelta(days=1)}"


def _meter(meter: str) -> str:
    wanted = _SAME_AS.get(meter, meter)
    if wanted not in METERS:
        hint = did_you_mean(meter, [*METERS, *_SAME_AS])
        raise PriceUnknown(f"{meter!r} is no meter{hint or '; meters: ' + ', '.join([*METERS, *_SAME_AS])}")
    return wanted


@cache
def _table(provider: str) -> Mapping[str, Mapping[str, Any]]:
    """Price entries of a provider by model, with the tables they refer to."""
    file = read(f"prices-{provider}") if provider in _OWN_FILE else read("prices-hosts")
    rows = file["models"] if provider in _OWN_FILE else file["providers"][provider]
    shared = {"sources": file["sources"], "as_of": file["as_of"]}
    return MappingProxyType({name: {**shared, **row} for name, row in rows.items()})


def _entry(name: str, provider: str) -> Mapping[str, Any]:
    """Price entry of a model at a provider; a moving name without one has its target's."""
    try:
        record = model(canonical(name))
    except UnknownModel as unknown:
        raise PriceUnknown(f"no price: {unknown}") from None
    if provider not in PROVIDERS:
        hint = did_you_mean(provider, PROVIDERS)
        raise PriceUnknown(
            f"{provider!r} is no provider with known prices{hint or '; known: ' + ', '.join(PROVIDERS)}"
        )
    table = _table(provider)
    entry = table.get(record.name) or table.get(record.alias_of or "")
    if entry is None:
        others = providers(name)
        known = (
            f"prices are known at {', '.join(others)}"
            if others
            else "none is known anywhere (open weights: own hardware)"
        )
        raise PriceUnknown(f"no price of {name} at {provider} is known; {known}")
    return entry


def _metered(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(meter for meter in METERS if any(meter in row for row in entry["periods"]))


def _periods(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of an entry with dates read, ends filled in and sources resolved."""
    rows = entry["periods"]
    listed_until = date.fromisoformat(given(entry, "seen") or entry["as_of"])
    starts = [date.fromisoformat(row["from"]) for row in rows]
    found = []
    for i, row in enumerate(rows):
        end = day(given(row, "until")) or (starts[i + 1] if i + 1 < len(rows) else None)
        note = "; ".join(text for text in (given(entry, "note"), given(row, "note")) if text)
        found.append(
            {
                **row,
                "from": starts[i],
                "to": end,
                "known_until": listed_until if end is None else end - timedelta(days=1),
                "source": entry["sources"][given(row, "source") or entry["source"]],
                "confidence": given(row, "confidence") or entry["confidence"],
                "note": note or None,
                "long": row.get("long"),
            }
        )
    return found


def _history(entry: Mapping[str, Any], meter: str) -> tuple[PricePeriod, ...]:
    merged: list[PricePeriod] = []
    for row in _periods(entry):
        usd = amount(given(row, meter))
        if usd is None:
            continue
        last = merged[-1] if merged else None
        if last is not None and last.effective_to == row["from"] and last.usd_per_mtok == usd:
            merged[-1] = replace(last, effective_to=row["to"], known_until=row["known_until"])
            continue
        merged.append(
            PricePeriod(
                usd_per_mtok=usd,
                effective_from=row["from"],
                effective_to=row["to"],
                known_until=row["known_until"],
                date_basis=row["basis"],
                source=row["source"],
                confidence=row["confidence"],
                note=row["note"],
            )
        )
    return tuple(merged)
