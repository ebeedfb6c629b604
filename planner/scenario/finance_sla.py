"""Availability that is promised: by us to customers, with a penalty, and by providers to us, with credits."""

from itertools import pairwise
from typing import Annotated

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, field


class Promise(Fields):
    """What customers are promised for every calendar month, and what a month below it costs."""

    availability: float = field(
        "share of a calendar month in which every tier has somebody who answers", unit="share", gt=0, le=1
    )
    penalty_usd_per_month: float = field("paid for a month below it", unit="USD", ge=0, le=1e12)


class Credit(Fields):
    """A band of uptime and what the provider gives back."""

    below: float = field("uptime of a calendar month below this", unit="share", gt=0, le=1)
    share: float = field("share of the month's spend there that is given back", unit="share", gt=0, le=1)


class ProviderSla(Fields):
    """Service credits of a provider."""

    credits: Annotated[tuple[Credit, ...], AsTuple] = field(
        "bands from the highest uptime to the lowest; the last one that a month is below holds",
        min_length=1,
        max_length=20,
    )

    @model_validator(mode="after")
    def _in_order(self) -> "ProviderSla":
        for index, (one, other) in enumerate(pairwise(self.credits), start=1):
            for name, is_sound, wanted in (
                ("below", other.below < one.below, f"below {one.below:g}, as in the band before it"),
                ("share", other.share > one.share, f"above {one.share:g}, as in the band before it"),
            ):
                if not is_sound:
                    words = {
                        "given": f"{getattr(other, name):g}",
                        "allowed": wanted,
                        "inside": ("credits", index, name),
                    }
                    raise PydanticCustomError("given_allowed", "credits", words)
        return self

    def credit(self, uptime: float) -> float:
        """Share of a month's spend that is given back for its uptime."""
        due = [band.share for band in self.credits if uptime < band.below]
        return due[-1] if due else 0.0
