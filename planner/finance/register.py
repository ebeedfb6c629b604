"""The register of assumptions: every figure with its source, date, owner and age.

Comes in: the table of assumptions of a scenario and the day on which it is read; goes out: one entry each, with a name
that stays the same as long as what it speaks of does. A figure older than `STALE_DAYS` is marked, not dropped.
"""

import calendar
import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from planner.finance.basis import Assumption
from planner.scenario.fields import Scenario
from planner.scenario.paths import Path, PathProblem, parse

STALE_DAYS = 90
CATALOGUE = "catalogue"  # owner of what the scenario does not say itself
NOBODY = "nobody named"
WORKED_OUT = "worked out"  # a bound or sentence that follows from the scenario
_GIVEN = re.compile(r"scenario: ([^;,]+)")
_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One figure. `age_days` is None where it has no date of its own: the scenario's figures are as of today."""

    id: str
    what: str
    value: str
    unit: str
    source: str
    as_of: str | None
    confidence: str | None
    owner: str
    age_days: int | None
    is_stale: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def register(scenario: Scenario, assumptions: Iterable[Assumption], today: date) -> tuple[Entry, ...]:
    """All assumptions with owner and age on a day, in their order."""
    return tuple(_entry(scenario, one, today) for one in assumptions)


def _entry(scenario: Scenario, one: Assumption, today: date) -> Entry:
    as_of = last_day(one.as_of)
    age = None if as_of is None else max((today - as_of).days, 0)  # "2026" may end after today
    return Entry(
        id="A-" + hashlib.sha256(f"{one.what}|{one.unit}".encode()).hexdigest()[:6],
        what=one.what,
        value=one.value,
        unit=one.unit,
        source=one.source,
        as_of=one.as_of,
        confidence=one.confidence,
        owner=owner_of(scenario, one),
        age_days=age,
        is_stale=age is not None and age > STALE_DAYS,
    )


def owner_of(scenario: Scenario, one: Assumption) -> str:
    """Who answers for a figure: the owner of the longest path that holds it; the catalogue for its own figures."""
    given = _GIVEN.match(one.source)
    if given is None and one.source == "scenario":
        return NOBODY
    if given is None:
        return CATALOGUE if one.as_of is not None or one.confidence is not None else WORKED_OUT
    try:
        path = parse(given.group(1).strip())
    except PathProblem:  # words behind the path, such as a day
        path = parse(given.group(1).split()[0])
    best: tuple[Path, str] = ((), NOBODY)
    for owner in scenario.finance.owners:
        prefix = parse(owner.of)
        if path[: len(prefix)] == prefix and len(prefix) > len(best[0]):
            best = (prefix, owner.name)
    return best[1]


def last_day(text: str | None) -> date | None:
    """The last day of what a date in words may mean; None where it is none.

    Of several figures with a date each (parted by semicolons) the oldest counts, of a span its end.

    >>> last_day("2026-11-12"), last_day("2024-02"), last_day("2023-2024"), last_day("soon")
    (datetime.date(2026, 11, 12), datetime.date(2024, 2, 29), datetime.date(2024, 12, 31), None)
    >>> last_day("TTFT: 2024-08; speed: 2025-06")
    datetime.date(2024, 8, 31)
    """
    found = [day for part in (text or "").split(";") if (day := _last_day(part.strip())) is not None]
    return min(found, default=None)


def _last_day(text: str) -> date | None:
    found = _DAY.search(text)
    if found is None:
        years = re.findall(r"\d{4}", text)
        return date(int(years[-1]), 12, 31) if years else None
    year, month, day = (int(part) if part is not None else None for part in found.groups())
    assert year is not None, text
    if month is None:
        return date(year, 12, 31)
    return date(year, month, day or calendar.monthrange(year, month)[1])


__all__ = ["CATALOGUE", "NOBODY", "STALE_DAYS", "WORKED_OUT", "Entry", "last_day", "owner_of", "register"]
