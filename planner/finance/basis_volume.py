"""Figures of prices that move with volume, for the table of assumptions: tiers, commitments, factors, credit, units.

Comes in: a scenario and one of its strategies; goes out: one figure each, with its source. `basis` lists them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from planner.catalogue import provisioned
from planner.errors import PriceUnknown
from planner.finance.ledger import exact, plain
from planner.finance.standing_charge import strategy_pays
from planner.finance.standing_provisioned import provisioned_price
from planner.finance.tariff import Tariff
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.paths import Path
from planner.scenario.provisioned import capacity_of, published_units

_GIVEN = "given"


class Figure(NamedTuple):
    """The columns of `basis.Assumption`."""

    what: str
    value: str
    unit: str
    source: str
    as_of: str | None = None
    confidence: str | None = _GIVEN


def volume_figures(scenario: Scenario, strategy: str) -> Iterator[Figure]:
    """All of them that a strategy's bill rests on, in the order of the bill."""
    sellers = Tariff(scenario, strategy).sellers
    finance = scenario.finance
    for index, factor in enumerate(finance.negotiated):
        if factor.provider in sellers:
            span = f"{factor.starts or scenario.start} to {factor.ends or 'the end of the plan'}"
            what = f"negotiated at {factor.provider} for {factor.model or 'all models'}, {span}"
            told = f" ({factor.source})" if factor.source else ""
            yield _given(factor.factor, "times list price", what, "negotiated", index, told=told)
    for index, rule in enumerate(finance.volume_prices):
        if rule.provider in sellers:
            of = "USD/month" if rule.of == "usd" else "tokens/month"
            which = f"{rule.model or 'all models'}, {', '.join(rule.meters or ('all meters',))}"
            for place, step in enumerate(rule.steps):
                what = f"{rule.kind} tier at {rule.provider} above {plain(exact(step.above))} {of} ({which})"
                yield _given(step.factor, "times", what, "volume_prices", index, "steps", place)
    for index, one in enumerate(finance.commitments):
        pays = (
            one.provider in sellers
            if one.strategies is None
            else strategy_pays(one.strategies, scenario, strategy)
        )
        if pays:
            what = f"{one.name}: least spend at {one.provider}, {one.months} months from {one.starts or scenario.start}"
            yield _given(one.usd_per_month, "USD/month", what, "commitments", index, "usd_per_month")
            yield _given(one.factor, "times", f"{one.name}: price level", "commitments", index, "factor")
    for index, credit in enumerate(finance.prepaid):
        if credit.through is not None or credit.provider in sellers:
            whose = credit.provider or "the platform"
            yield _given(
                credit.fee, "share of spend", f"fee on prepaid credit of {whose}", "prepaid", index, "fee"
            )
    yield from _units(scenario, strategy)


def _units(scenario: Scenario, strategy: str) -> Iterator[Figure]:
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        given = deployment.provisioned
        if given is None:
            continue
        is_listed = given.usd_per_unit_hour is None and given.reservation is None
        unit = "USD/h" if given.reservation is None else "USD/month"
        path: Path = ("deployments", name, "provisioned")
        yield Figure(f"provisioned units of {name}", str(given.units), "units", _scenario(*path, "units"))
        try:
            price, source = provisioned_price(scenario, name)
        except PriceUnknown as unknown:
            yield Figure(f"price of a unit of {name}", "unknown", unit, str(unknown), confidence=None)
            continue
        listed = provisioned.unit_price(deployment.provider or "", given.reach) if is_listed else None
        yield Figure(
            f"price of a unit of {name}",
            plain(price),
            unit,
            source,
            listed.as_of if listed else None,
            listed.confidence if listed else _GIVEN,
        )


def capacity_figures(scenario: Scenario, name: str, model: str) -> Iterator[Figure]:
    """What a deployment's units work off in a minute with a model in force."""
    deployment = scenario.deployments[name]
    given = deployment.provisioned
    assert given is not None, f"{name} has no provisioned units"
    capacity = capacity_of(deployment, model)
    known = published_units(deployment, model)
    borrowed = f", borrowed from {known.model}" if known is not None and known.model != model else ""
    weight = None if capacity.output_weight is None else plain(exact(float(capacity.output_weight)))
    for what, value, unit, is_own in (
        ("input tokens of all units", capacity.tokens_per_minute, "tokens/min", given.tokens_per_unit_minute),
        ("weight of an output token", weight, "input tokens", given.output_weight),
    ):
        is_given = is_own is not None or known is None
        yield Figure(
            f"{what} of {model} at {name}",
            "not known" if value is None else str(value),
            unit,
            _scenario("deployments", name, "provisioned")
            if is_given or known is None
            else known.source + borrowed,
            None if is_given or known is None else known.as_of,
            _GIVEN if is_given or known is None else "low" if borrowed else known.confidence,
        )


def _given(value: float, unit: str, what: str, *path: str | int, told: str = "") -> Figure:
    return Figure(what, plain(exact(value)), unit, _scenario("finance", *path) + told)


def _scenario(*path: str | int) -> str:
    return "scenario: " + paths.render(path)
