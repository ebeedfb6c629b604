"""Reads the catalogue's own YAML files, each once and only when it is asked for.

Every scalar is read as text (the parser's base type) and converted once, by the field that owns it: no price
ever passes through a float, no date or yes/no is guessed. `none` stands for "not given" and is never zero.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DATA = Path(__file__).parent / "data"
CONFIDENCES = ("low", "medium", "high")


@cache
def read(name: str) -> Any:
    """Content of data/NAME.yaml as dicts, lists and texts; cached, so treat it as read-only."""
    return YAML(typ="base", pure=False).load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))


def given(row: Mapping[str, Any], key: str) -> str | None:
    """Text of a field, None where it is absent or says `none`."""
    text = row.get(key)
    return None if text is None or text == "none" else str(text)


def day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def whole(text: str | None) -> int | None:
    return None if text is None else int(text)


def number(text: str | None) -> float | None:
    return None if text is None else float(text)


def amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def yes(text: str) -> bool:
    """True for yes, False for no; anything else is a mistake in our own files."""
    assert text in ("yes", "no"), text
    return text == "yes"


@dataclass(frozen=True, kw_only=True)
class Range:
    """A figure with its uncertainty, where it comes from and how far to trust it."""

    low: float
    central: float
    high: float
    unit: str
    as_of: str
    confidence: str
    source: str
    kind: str = "estimate"
    note: str | None = None

    def describe(self, name: str) -> str:
        """One line for a table of assumptions."""
        spread = "" if self.low == self.high else f" ({self.low:g} to {self.high:g})"
        origin = f"{self.source}, {self.as_of}, confidence {self.confidence}"
        return f"{name}: {self.central:g} {self.unit}{spread}; {origin}"


def as_range(row: Mapping[str, Any], unit: str | None = None) -> Range:
    """Range from a row with low, central, high, as_of, confidence, source and its own or the given unit."""
    return Range(
        low=float(row["low"]),
        central=float(row["central"]),
        high=float(row["high"]),
        unit=unit or row["unit"],
        as_of=row["as_of"],
        confidence=row["confidence"],
        source=row["source"],
        kind=given(row, "kind") or "estimate",
        note=given(row, "note"),
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean X?" for the nearest known name, else an empty text."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
