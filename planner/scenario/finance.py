"""Money of the plan: horizon, what is paid beside tokens, migrations and supposed price changes.

Fields only; the rules that hold across them stand in `checks_money`.
"""

from typing import Annotated, Any

from planner.scenario.declare import AsTuple, Fields, Key, field, later
from planner.scenario.finance_sign_off import Date, Owner, SignOff
from planner.scenario.finance_volume import Commitment, Negotiated, Prepaid, VolumePrices


class OneTime(Fields):
    """Paid once, at the start."""

    name: str = field("what is paid", min_length=1)
    usd: float = field("amount", unit="USD", ge=0, le=1e12)
    strategies: Annotated[tuple[Key, ...], AsTuple] | None = field(
        "only for these, and those `like` them; null: for all", None
    )


class People(Fields):
    """Work that goes on."""

    name: str = field("what they do", min_length=1)
    fte: float = field("full-time equivalents", unit="FTE", ge=0, le=1e6)
    usd_per_year: float = field("loaded cost of one", unit="USD/year", ge=0, le=1e9)
    strategies: Annotated[tuple[Key, ...], AsTuple] | None = field(
        "only for these, and those `like` them; null: for all", None
    )


class Migration(Fields):
    """A model replaced by another on a day, at a cost, in every deployment that uses it."""

    at: Date = field("first day of the successor")
    from_model: str = field("model replaced", alias="from")
    to: str = field("successor")
    usd: float = field("evaluation and re-prompting", 0.0, unit="USD", ge=0, le=1e12)


class PriceStep(Fields):
    """A supposed change of a model's list prices."""

    at: Date = field("first day of the new price")
    model: str = field("model")
    factor: float = field("new price over old", unit="factor", gt=0, le=1000)


class Finance(Fields):
    """The horizon and what is paid beside tokens."""

    horizon_months: int = field("length of the plan", 36, unit="months", ge=1, le=240, slider=(1, 60))
    discount_rate: float = field("per year, nominal", 0.08, unit="1/year", gt=-1, le=10)
    one_time: Annotated[tuple[OneTime, ...], AsTuple] = field("paid at the start", ())
    people: Annotated[tuple[People, ...], AsTuple] = field("paid every month", ())
    effort: Annotated[Any, later("integration effort")] = field("days per integration", None)
    migrations: Annotated[tuple[Migration, ...], AsTuple] = field(
        "models replaced within the horizon", (), max_length=200
    )
    price_steps: Annotated[tuple[PriceStep, ...], AsTuple] = field(
        "supposed price changes", (), max_length=200
    )
    volume_prices: Annotated[tuple[VolumePrices, ...], AsTuple] = field(
        "tiers of providers' prices by use in a month", (), max_length=200
    )
    commitments: Annotated[tuple[Commitment, ...], AsTuple] = field(
        "least spend agreed with providers", (), max_length=200
    )
    negotiated: Annotated[tuple[Negotiated, ...], AsTuple] = field(
        "factors on list prices", (), max_length=200
    )
    prepaid: Annotated[tuple[Prepaid, ...], AsTuple] = field(
        "fees on credit that is bought ahead", (), max_length=200
    )
    transfer_usd_per_gb: float = field("data sent out of our cloud", 0.0, unit="USD/GB", ge=0, le=1e4)
    electricity_usd_per_kwh: float = field("energy of own devices", 0.13, unit="USD/kWh", ge=0, le=100)
    downtime_usd_per_hour: float = field(
        "economic cost of an hour without answers", 0.0, unit="USD/h", ge=0, le=1e9
    )
    budget_usd_per_month: float | None = field(
        "invoiced spend per month that must not be passed; null: none", None, unit="USD/month", gt=0
    )
    owners: Annotated[tuple[Owner, ...], AsTuple] = field(
        "who answers for which of the scenario's figures; the longest path wins", (), max_length=200
    )
    sign_off: SignOff = field("who prepared and who reviewed the plan", SignOff())
