"""Money of keeping what was built: integration effort, maintenance, compliance and the end of the plan.

Fields only; the rules that hold across them stand in `checks_upkeep`.
"""

from typing import Annotated, Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, Key, field

Payers = Annotated[tuple[Key, ...], AsTuple] | None


def payers_field() -> Any:
    """Which strategies pay an item."""
    return field("only for these, and those `like` them; null: for all", None)


class Effort(Fields):
    """Days of work for every interface that a strategy touches, and for every model that it changes."""

    days_per_integration: float = field(
        "work for each distinct provider API; all calls through a unified platform are one, each own server and each "
        "device fleet is one",
        0.0,
        unit="days",
        ge=0,
        le=1e5,
    )
    days_per_model_switch: float = field(
        "work for each migration that a strategy meets, beside finance.migrations[N].usd",
        0.0,
        unit="days",
        ge=0,
        le=1e5,
    )
    usd_per_day: float = field("loaded cost of a day", unit="USD/day", ge=0, le=1e6)


class Upkeep(Fields):
    """Maintenance, support and licences, paid every month."""

    name: str = field("what is paid", min_length=1)
    usd_per_month: float | None = field("amount", None, unit="USD/month", ge=0, le=1e12)
    hardware_share_per_year: float | None = field(
        "share of the purchase price of the strategy's own servers and devices, spares included",
        None,
        unit="1/year",
        ge=0,
        le=10,
    )
    strategies: Payers = payers_field()

    @model_validator(mode="after")
    def _one_amount(self) -> "Upkeep":
        if (self.usd_per_month is None) == (self.hardware_share_per_year is None):
            both = self.usd_per_month is not None
            given = f"{'both' if both else 'neither'} usd_per_month {'and' if both else 'nor'} hardware_share_per_year"
            raise PydanticCustomError("given_allowed", "upkeep", {"given": given, "allowed": "one of them"})
        return self


class Compliance(Fields):
    """Audits, assessments and certificates."""

    name: str = field("what is paid", min_length=1)
    usd: float = field("amount each time", unit="USD", ge=0, le=1e12)
    every_months: int | None = field(
        "paid again after so many months, at the end of that calendar month; null: once, at the start",
        None,
        unit="months",
        ge=1,
        le=240,
    )
    only_if: Literal["outside"] | None = field(
        "outside: only for strategies that may send requests to deployments with trust outside or contract, or to a "
        "verifier there; null: for all",
        None,
    )
    strategies: Payers = payers_field()


class AtEnd(Fields):
    """Paid once, at the end of the plan's last month: data export, new prompts, the end of a contract."""

    name: str = field("what is paid", min_length=1)
    usd: float = field("amount", unit="USD", ge=0, le=1e12)
    strategies: Payers = payers_field()
