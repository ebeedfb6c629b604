"""Busy and quiet months of a year: what each brings against the others.

Fields only. How they are read: `season_factors` scales them so that a year without growth has mean 1, weighted by the
length of months; `traffic.requests_per_month` thus stays what a mean month of that year brings.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from planner.scenario.declare import Fields, field, shown

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
#: Days of a mean year's months; they sum to 365.25, twelve mean months of 2,629,800 s.
MONTH_DAYS = (31.0, 28.25, 31.0, 30.0, 31.0, 30.0, 31.0, 31.0, 30.0, 31.0, 30.0, 31.0)
MOST = 1000.0  # a month against another


def _month(name: str) -> Any:
    return field(f"{name.capitalize()} against other months", 1.0, unit="factor", gt=0, le=MOST)


class Seasons(Fields):
    """Months by name; those that are not named are as busy as 1."""

    january: float = _month("january")
    february: float = _month("february")
    march: float = _month("march")
    april: float = _month("april")
    may: float = _month("may")
    june: float = _month("june")
    july: float = _month("july")
    august: float = _month("august")
    september: float = _month("september")
    october: float = _month("october")
    november: float = _month("november")
    december: float = _month("december")


def _twelve(value: Any) -> Any:
    if isinstance(value, tuple | list):
        numbers = [
            x for x in value if isinstance(x, int | float) and not isinstance(x, bool) and 0 < x <= MOST
        ]
        if len(value) != len(MONTHS) or len(numbers) != len(MONTHS):
            given = f"{len(value)} factors"
            if len(value) == len(MONTHS):
                bad = next(i for i, x in enumerate(value) if isinstance(x, bool) or x not in numbers)
                given = f"{shown(value[bad])} for {MONTHS[bad]}"
            raise PydanticCustomError(
                "given_allowed",
                "seasons",
                {
                    "given": given,
                    "allowed": f"12 numbers above 0, at most {MOST:g}, January first, or months by name",
                },
            )
        return tuple(float(x) for x in value)
    return value


def _form(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "months"


SeasonsField = Annotated[
    Annotated[Seasons, Tag("months")] | Annotated[tuple[float, ...], BeforeValidator(_twelve), Tag("list")],
    Discriminator(_form),
]


def written_factors(seasons: Seasons | Sequence[float]) -> tuple[float, ...]:
    """The twelve factors as given, January first."""
    if isinstance(seasons, Seasons):
        return tuple(float(getattr(seasons, name)) for name in MONTHS)
    return tuple(seasons)


def yearly_mean(factors: Sequence[float]) -> float:
    """Mean over a year, months weighted by their length (February 28.25 days)."""
    return math.fsum(f * days for f, days in zip(factors, MONTH_DAYS, strict=True)) / math.fsum(MONTH_DAYS)


def season_factors(seasons: Seasons | Sequence[float] | None) -> tuple[float, ...] | None:
    """The twelve factors, scaled to mean 1 over a year; None where all months are alike.

    >>> season_factors(None)
    >>> round(season_factors([2.0] * 12)[0], 12)
    1.0
    """
    if seasons is None:
        return None
    factors = written_factors(seasons)
    mean = yearly_mean(factors)
    return tuple(factor / mean for factor in factors)
