"""Provisioned units: what one works off in a minute, how many must be bought at least and in which steps, and their price.

Comes in: data/provisioned.yaml. Goes out: frozen records of a model at a provider, and the units that a load needs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from planner.catalogue.models import load, model
from planner.catalogue.reading import given, read
from planner.errors import CatalogueError, PriceUnknown

REACHES = ("global", "regional")


@dataclass(frozen=True, kw_only=True)
class Units:
    """Units of a model at a provider. `output_weight` is None where nobody has published it."""

    model: str
    provider: str
    minimum: Mapping[str, int]  # REACH: fewest units
    step: Mapping[str, int]  # REACH: more of them come by so many
    tokens_per_minute: int  # input tokens of one unit
    output_weight: int | None  # input tokens that an output token counts as
    as_of: str
    source: str
    confidence: str

    def next_size(self, units: float | Fraction, reach: str) -> int:
        """The smallest number that is sold and is at least `units`."""
        minimum, step = self.minimum[reach], self.step[reach]
        return minimum + step * max(0, math.ceil(Fraction(units - minimum) / step))


@dataclass(frozen=True, kw_only=True)
class UnitPrice:
    """USD of a unit for an hour."""

    usd_per_hour: Decimal
    as_of: str
    source: str
    confidence: str


@cache
def units_of(name: str, provider: str) -> Units | None:
    """Units of a model (snapshots and other names of it as well) at a provider; None where nothing is known.

    Raises UnknownModel.
    """
    record, block = model(name), read("provisioned")["providers"].get(provider)
    if block is None:
        return None
    for known, row in block["models"].items():
        listed = load()[known]
        if record.name in (known, listed.alias_of, *listed.snapshots) or record.alias_of == known:
            return _units(name, provider, block, row)
    return None


@cache
def unit_price(provider: str, reach: str) -> UnitPrice:
    """List price of a unit for an hour. Raises PriceUnknown."""
    block = read("provisioned")["providers"].get(provider)
    row = None if block is None else block["usd_per_unit_hour"].get(reach)
    if row is None:
        raise PriceUnknown(f"no price of a provisioned unit ({reach}) at {provider} is known")
    return UnitPrice(
        usd_per_hour=Decimal(row["usd"]),
        as_of=row["as_of"],
        source=row["source"],
        confidence=row["confidence"],
    )


def units_needed(
    name: str,
    input_tokens_per_minute: float,
    output_tokens_per_minute: float,
    *,
    provider: str = "azure",
    reach: str = "global",
) -> int:
    """Units that a steady load needs: (input + weight x output) / tokens of a unit, up to the next size that is sold.

    Raises CatalogueError where units of the model, or the weight of its output, are not known.

    >>> units_needed("gpt-4o-mini", 5_000 * 1_000, 50 * 1_000)
    140
    """
    found = units_of(name, provider)
    if found is None:
        raise CatalogueError(f"provisioned units of {name} at {provider} are not known")
    if found.output_weight is None:
        raise CatalogueError(f"what an output token of {name} counts as at {provider} is not known")
    load_per_minute = Fraction(input_tokens_per_minute) + found.output_weight * Fraction(
        output_tokens_per_minute
    )
    return found.next_size(load_per_minute / found.tokens_per_minute, reach)


def _units(name: str, provider: str, block: Mapping[str, Any], row: Mapping[str, Any]) -> Units:
    weight = given(row, "output_weight")
    return Units(
        model=name,
        provider=provider,
        minimum={reach: int(row["minimum"][reach]) for reach in REACHES},
        step={reach: int(row["step"][reach]) for reach in REACHES},
        tokens_per_minute=int(row["tokens_per_minute"]),
        output_weight=None if weight is None else int(weight),
        as_of=given(row, "as_of") or block["as_of"],
        source=block["source"],
        confidence=block["confidence"],
    )
