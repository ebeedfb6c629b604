"""Money of the plan: horizon, what is paid beside tokens, migrations and supposed price changes.

Fields only; the rules that hold across them stand in `checks_money`.
"""

from typing import Annotated, Literal

from planner.scenario.dates import Date
from planner.scenario.declare import AsTuple, Fields, Key, field
from planner.scenario.finance_currency import Exchange
from planner.scenario.finance_sign_off import Owner, SignOff
from planner.scenario.finance_sla import Promise
from planner.scenario.finance_timeline import Baseline, PriceDrift
from planner.scenario.finance_upkeep import AtEnd, Compliance, Effort, Upkeep
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
    raise_per_year: float = field(
        "rise of that cost, every twelve calendar months", 0.0, unit="1/year", gt=-1, le=10
    )
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
    until: Date | None = field(
        "the plan ends before this day, earlier than these months do; null: with them", None
    )
    discount_rate: float = field(
        "per year; nominal or real, as rates says", 0.08, unit="1/year", gt=-1, le=10
    )
    rates: Literal["nominal", "real"] = field(
        "what discount_rate is: nominal, or real, on top of inflation_per_year; amounts are nominal in both",
        "nominal",
    )
    inflation_per_year: float | None = field(
        "with rates real: how money loses its worth", None, unit="1/year", gt=-1, le=10
    )
    fiscal_year_starts: int = field(
        "first month of a fiscal year, which is named by the year it ends in", 1, unit="month", ge=1, le=12
    )
    depreciation_years: float | None = field(
        "accounting view: years over which one-time costs and integration are written off; null: spent when paid",
        None,
        unit="years",
        gt=0,
        le=50,
    )
    baseline: Baseline | None = field("today's way of doing the same, to compare with; null: none", None)
    one_time: Annotated[tuple[OneTime, ...], AsTuple] = field("paid at the start", ())
    people: Annotated[tuple[People, ...], AsTuple] = field("paid every month", ())
    effort: Effort | None = field("days of work for each integration and migration; null: none", None)
    maintenance: Annotated[tuple[Upkeep, ...], AsTuple] = field("maintenance, support and licences", ())
    compliance: Annotated[tuple[Compliance, ...], AsTuple] = field("audits and assessments", ())
    at_end: Annotated[tuple[AtEnd, ...], AsTuple] = field("paid at the end of the plan", ())
    migrations: Annotated[tuple[Migration, ...], AsTuple] = field(
        "models replaced within the horizon", (), max_length=200
    )
    price_steps: Annotated[tuple[PriceStep, ...], AsTuple] = field(
        "supposed price changes", (), max_length=200
    )
    price_drift: Annotated[tuple[PriceDrift, ...], AsTuple] = field(
        "supposed slow change of token prices; of several that fit, the one that names most, and a model before a provider",
        (),
        max_length=200,
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
    electricity_usd_per_kwh: float = field(
        "energy of own devices and own servers", 0.13, unit="USD/kWh", ge=0, le=100
    )
    pue: float | None = field(
        "power of the whole room for each watt of own servers, for those without a pue; null: from the catalogue",
        None,
        unit="ratio",
        ge=1,
        le=10,
    )
    carbon_g_per_kwh: float | None = field(
        "CO2e of electricity, for footprints only; null: from the catalogue",
        None,
        unit="g/kWh",
        ge=0,
        le=5000,
    )
    sla: Promise | None = field("availability promised to customers; null: none", None)
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
    exchange: Exchange | None = field(
        "what a unit of `currency` costs, where that is not USD; the ledger stays in USD", None
    )
