"""Prices that move with volume: tiers, commitments, negotiated factors, prepaid credit, as the scenario declares them.

Fields only; the rules that hold across them stand in `checks_volume`, what they make of a bill in `finance.adjustments`.
"""

import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, Key, field
from planner.scenario.finance_sign_off import Date

if TYPE_CHECKING:
    from planner.scenario.fields import Scenario

Meter = Literal[
    "input",
    "cached_input",
    "cache_write",
    "output",
    "reasoning",
    "image",
    "audio_input",
    "audio_output",
]


class VolumeStep(Fields):
    """A price level that begins above some use."""

    above: float = field("use of a calendar month above which it holds", unit="USD or tokens", ge=0, le=1e18)
    factor: float = field("price there over the ordinary price", unit="factor", gt=0, le=1000)


class VolumePrices(Fields):
    """Tiers: the more is used in a month, the cheaper a provider's tokens."""

    provider: str = field("who sells")
    model: str | None = field("of this model; null: of all", None)
    meters: Annotated[tuple[Meter, ...], AsTuple] | None = field("tokens of these meters; null: of all", None)
    per: Literal["month"] = field("what use is counted over: a calendar month", "month")
    of: Literal["tokens", "usd"] = field(
        "what is counted: spend at ordinary prices over all that is named, or tokens of each price by itself (each "
        "meter of each model, batch calls and calls above a long-context threshold apart)",
        "usd",
    )
    kind: Literal["graduated", "volume"] = field(
        "graduated: a step's factor is for use above it; volume: the highest step that is passed is for all use",
        "graduated",
    )
    steps: Annotated[tuple[VolumeStep, ...], AsTuple] = field(
        "in order; below the first one the factor is 1", max_length=50
    )

    @model_validator(mode="after")
    def _in_order(self) -> "VolumePrices":
        for place in range(1, len(self.steps)):
            before, above = self.steps[place - 1].above, self.steps[place].above
            if above <= before:
                raise PydanticCustomError(
                    "given_allowed",
                    "steps",
                    {
                        "given": f"{above:.15g}",
                        "allowed": f"more than the step before it, which is above {before:.15g}",
                        "inside": ("steps", place, "above"),
                    },
                )
        return self


class Commitment(Fields):
    """An agreement with a provider: every month costs the commitment or the use of its tokens, whichever is more."""

    name: str = field("what was signed", min_length=1)
    provider: str = field("with whom")
    usd_per_month: float = field("paid at least in every calendar month", unit="USD/month", gt=0, le=1e12)
    factor: float = field(
        "price level of the agreement: price of all use at the provider while it runs, over the ordinary price",
        1.0,
        unit="factor",
        gt=0,
        le=1000,
    )
    starts: Date | None = field(
        "first day: the first of a calendar month, or of the plan; null: the first day of the plan", None
    )
    months: int = field(
        "calendar months that it runs; one that the plan covers in part is one, and owes that part",
        unit="months",
        ge=1,
        le=240,
    )
    strategies: Annotated[tuple[Key, ...], AsTuple] | None = field(
        "only for these, and those `like` them, even where they buy nothing; null: for all that may buy there",
        None,
    )


class Negotiated(Fields):
    """A factor on a provider's list prices over some time; prices of one's own (`models`) are left as they are."""

    provider: str = field("who sells")
    model: str | None = field("of this model, in place of a factor for all; null: of all", None)
    factor: float = field("price over the list price", unit="factor", gt=0, le=1000)
    starts: Date | None = field("first day; null: the first day of the plan", None, alias="from")
    ends: Date | None = field("first day after; null: it holds to the end of the plan", None, alias="to")
    source: str | None = field("where it is written", None, min_length=1, max_length=200)


class Prepaid(Fields):
    """Credit that is bought ahead at a fee."""

    provider: str | None = field("credit of this provider", None)
    through: Literal["gateway"] | None = field(
        "gateway: credit of the platform before the providers, for strategies with one; theirs is not bought then",
        None,
    )
    fee: float = field("fee, as a share of what is spent of it", unit="share", ge=0, le=1)

    @model_validator(mode="after")
    def _one_seller(self) -> "Prepaid":
        if (self.provider is None) == (self.through is None):
            given = "neither provider nor through" if self.provider is None else "provider and through"
            raise PydanticCustomError(
                "given_allowed",
                "prepaid",
                {"given": given, "allowed": "one of provider and through: gateway"},
            )
        return self


def commitment_months(scenario: "Scenario", one: Commitment) -> range:
    """Places, among the plan's calendar months, of those in which a commitment runs; they may lie beyond its end."""
    starts, start = one.starts or scenario.start, scenario.start
    first = 12 * (starts.year - start.year) + starts.month - start.month
    return range(first, first + one.months)


def negotiated_on(
    scenario: "Scenario", provider: str | None, model: str, on: datetime.date
) -> tuple[int, Negotiated] | None:
    """(place, factor) that holds for a model at a provider on a day: its own, else the one for all; None: none."""
    found = [
        (index, one)
        for index, one in enumerate(scenario.finance.negotiated)
        if one.provider == provider
        and one.model in (None, model)
        and (one.starts is None or one.starts <= on)
        and (one.ends is None or on < one.ends)
    ]
    return max(found, key=lambda pair: pair[1].model is not None, default=None)
