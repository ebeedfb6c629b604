"""When an imported plan begins and how long it is, and what the catalogue knows of the models in it."""

import calendar
import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from planner.errors import PriceUnknown
from planner.gateways.litellm_models import Target

HORIZON_MONTHS = 36


def per_mtok(cost: Decimal) -> float:
    return float(cost.scaleb(6))


def facts_of(served: Target) -> dict[str, Any]:
    """What the catalogue knows of a model beside its price."""
    from planner.catalogue import models

    if served.record is None:
        return {}
    record = models.model(served.record)
    return {
        "modalities": [kind for kind in ("text", "vision", "audio") if kind in record.modalities],
        "context_tokens": record.context_tokens,
        "max_output_tokens": record.max_output_tokens,
    }


def has_latency(model: str, provider: str | None) -> bool:
    from planner.scenario import known

    return known.has_latency(model, provider)


def last_prices(served: Target) -> dict[str, float]:
    """The last list prices that are known of a model at a provider; an empty mapping where none ever was."""
    from planner.catalogue import prices

    assert served.record is not None
    assert served.provider is not None
    found = {}
    for meter in ("input", "output"):
        try:
            found[f"{meter}_usd_per_mtok"] = float(
                prices.periods(served.record, served.provider, meter)[-1].usd_per_mtok
            )
        except PriceUnknown:
            continue
    return found


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When the plan begins and how long it is: a time in which all models that can be are sold and priced."""

    start: datetime.date
    months: int
    limited_by: str | None

    @property
    def comment(self) -> str:
        if self.limited_by is None:
            return "assumption"
        return f"assumption: {self.limited_by}; give finance.migrations to plan further"

    @classmethod
    def of(cls, targets: list[Target]) -> "Plan":
        from planner.catalogue.reading import read

        newest = datetime.date.fromisoformat(read("pairs")["as_of"])
        start = _later(newest.replace(day=1), 1)
        months, why = HORIZON_MONTHS, None
        for one in targets:
            end = _end(one, start, _later(start, HORIZON_MONTHS))
            if end is None:
                continue
            day, reason = end
            whole = (day.year - start.year) * 12 + day.month - start.month - (day.day < start.day)
            if 1 <= whole < months:
                months, why = whole, reason
        return cls(start=start, months=months, limited_by=why)

    def why_not(self, served: Target) -> str | None:
        """Why the catalogue cannot price a model over the plan; None where it can."""
        if served.record is None:
            return "not in the catalogue"
        if served.provider is None:
            return "served by somebody who is not in the catalogue"
        end = _end(served, self.start, _later(self.start, self.months))
        return None if end is None else end[1]


def _end(served: Target, start: datetime.date, end: datetime.date) -> tuple[datetime.date, str] | None:
    """The first day before `end` at which a model is no longer sold or priced, and why; None where there is none."""
    from planner.catalogue import prices
    from planner.scenario import known

    if served.record is None or served.provider is None:
        return None
    found: list[tuple[datetime.date, str]] = []
    retires = known.retirement(served.record, served.provider)
    if retires is not None and retires.date is not None and retires.date < end:
        found.append((retires.date, f"{served.record} retires at {served.provider} on {retires.date}"))
    for meter in ("input", "output"):
        for day in (start, *known.price_days(served.record, served.provider, meter, start, end)):
            try:
                prices.price(served.record, served.provider, meter, day)
            except PriceUnknown:
                found.append(
                    (day, f"no {meter} price of {served.record} at {served.provider} is known on {day}")
                )
                break
    return min(found, default=None)


def _later(day: datetime.date, months: int) -> datetime.date:
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return datetime.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


__all__ = ["Plan", "facts_of", "has_latency", "last_prices", "per_mtok"]
