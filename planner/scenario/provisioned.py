"""Provisioned units of a deployment as the scenario declares them, and the rate limits that they make.

A limiter here counts every token alike, or input and output apart, while units work off input + weight x output. So
limits are derived that the units can always keep: see `provisioned_rates`.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import Fields, field

if TYPE_CHECKING:
    from planner.catalogue.provisioned import Units
    from planner.scenario.supply import Deployment

#: What a limit per minute has in place of a number where it is to be derived.
_CATALOGUE = "catalogue"
#: Derived limits are rounded down to hundreds, which buckets hold exactly in 64 bits (`limiting.is_exact`).
_HUNDREDS = 100


class Reservation(Fields):
    """Units paid for by the month, for a term."""

    usd_per_unit_month: float = field("price of a unit", unit="USD/month", ge=0, le=1e9)
    months: int = field("length of a term; it is renewed until the plan ends", unit="months", ge=1, le=240)


class Provisioned(Fields):
    """Units that stand ready and are paid for whether they are used or not; their tokens cost nothing on top."""

    units: int = field("units bought", unit="units", ge=1, le=1_000_000)
    reach: Literal["global", "regional"] = field(
        "where calls are worked off; the fewest units, their steps and their price differ", "global"
    )
    usd_per_unit_hour: float | None = field(
        "price of a unit; null: from the catalogue", None, unit="USD/h", ge=0, le=1e6
    )
    reservation: Reservation | None = field("a price by the month in place of one by the hour", None)
    tokens_per_unit_minute: int | None = field(
        "input tokens that a unit works off in a minute; null: from the catalogue",
        None,
        unit="tokens/min",
        ge=1,
        le=10**9,
    )
    output_weight: float | None = field(
        "input tokens that an output token counts as; null: from the catalogue",
        None,
        unit="ratio",
        gt=0,
        le=1000,
    )

    @model_validator(mode="after")
    def _one_price(self) -> "Provisioned":
        if self.usd_per_unit_hour is not None and self.reservation is not None:
            words = {"given": "usd_per_unit_hour and reservation", "allowed": "one of them"}
            raise PydanticCustomError(
                "given_allowed", "provisioned", words | {"inside": ("usd_per_unit_hour",)}
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the units of a deployment work off with a model in force; None: not known."""

    tokens_per_minute: int | None  # input tokens
    output_weight: Fraction | None

    @property
    def tokens_of_any_kind(self) -> int | None:
        """Tokens a minute that the units keep whatever the mix: as though all were the dearer kind, in whole hundreds."""
        if self.tokens_per_minute is None or self.output_weight is None:
            return None
        kept = int(self.tokens_per_minute / max(Fraction(1), self.output_weight))
        return kept // _HUNDREDS * _HUNDREDS or kept


def published_units(deployment: "Deployment", model: str) -> "Units | None":
    """What is published of units of a model in force at a deployment's provider.

    Of a successor of which nothing is published, what holds for the model that the deployment begins with: its `model`
    tells. None: nothing is known.
    """
    from planner.catalogue import models, provisioned

    if deployment.provider is None:
        return None
    for name in (model, deployment.model):
        if name in models.names():
            found = provisioned.units_of(name, deployment.provider)
            if found is not None:
                return found
    return None


def capacity_of(deployment: "Deployment", model: str) -> Capacity:
    """Capacity of a deployment's units: given, else as published for the model in force (see `published_units`)."""
    given, found = deployment.provisioned, published_units(deployment, model)
    assert given is not None, "a deployment without units has no capacity"
    per_unit = given.tokens_per_unit_minute or (found.tokens_per_minute if found is not None else None)
    if given.output_weight is not None:
        weight: Fraction | None = Fraction(str(given.output_weight))
    else:
        weight = Fraction(found.output_weight) if found is not None and found.output_weight else None
    return Capacity(
        tokens_per_minute=None if per_unit is None else given.units * per_unit, output_weight=weight
    )


def provisioned_rates(deployment: "Deployment", model: str) -> tuple[int | None, ...]:
    """Limits per minute in the order of `limiting.FIELDS`: given ones, else tokens that the units keep whatever the mix.

    Requests are not limited. Where input and output are limited apart, tokens are not limited together unless given.
    """
    limits = deployment.limits
    assert limits is not None, "units hold only so much"
    apart = (limits.input_tokens_per_minute, limits.output_tokens_per_minute)
    tokens = limits.tokens_per_minute
    if tokens == _CATALOGUE:
        tokens = (
            None
            if all(isinstance(rate, int) for rate in apart)
            else capacity_of(deployment, model).tokens_of_any_kind
        )
    rates = (limits.requests_per_minute, tokens, *apart)
    return tuple(rate if isinstance(rate, int) else None for rate in rates)
