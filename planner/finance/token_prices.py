"""What a token of a model costs at a provider on a day, and why.

Comes in: a scenario (own prices, price steps, drift) and the catalogue's dated list prices; goes out: USD per
token, exact, with the source in words. An own price wins over the list; a price that nobody knows is an
error, never 0; months after the last reading say that the price is carried forward.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from planner.catalogue import models as catalogue
from planner.catalogue import price_levels, prices
from planner.errors import PriceUnknown
from planner.finance.ledger import EXACT, exact, plain
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.finance_volume import negotiated_on
from planner.scenario.known import BATCH_METERS, batch_price_problem, level_price_problem, listed_as
from planner.scenario.price_drift import drift_factor, drift_in_force
from planner.scenario.price_levels import PriceLevel
from planner.scenario.supply import Deployment, OwnModel

MTOK_EXPONENT = -6  # prices are listed per million tokens
_OWN_FIELD = {"reasoning": "output"}  # hidden tokens are billed as output
_LONG_METERS = {"input": "input", "image": "input", "output": "output", "reasoning": "output"}


@dataclass(frozen=True, kw_only=True)
class UnitPrice:
    """USD per token, in words where it comes from, and what a table of assumptions shows of it."""

    usd: Decimal
    source: str
    as_of: str | None = None
    confidence: str | None = None

    @property
    def usd_per_mtok(self) -> Decimal:
        """The price as people know it, per million tokens."""
        return self.usd.scaleb(-MTOK_EXPONENT, EXACT)


def home_provider(model: str) -> str | None:
    """The provider of a model's own vendor; None for open weights and models not in the catalogue."""
    return catalogue.model(model).home_provider if model in catalogue.names() else None


def token_price(
    scenario: Scenario,
    model: str,
    provider: str | None,
    meter: str,
    on: date,
    *,
    is_long: bool = False,
    level: PriceLevel | None = None,
) -> UnitPrice:
    """Price of a token on a day: an own one, or the list's times what is negotiated; then price steps.

    Parameters
    ----------
    provider : str, optional
        None takes the price at the model's home provider.
    meter : str
        One of `tables.METERS`.
    is_long : bool
        The prompt is above the model's long-context threshold. Own prices hold for any length.
    level : PriceLevel, optional
        The level of service; None: the ordinary one. A factor of one's own is on the ordinary price, whatever it is;
        listed prices of a level are known for neither own prices nor long prompts.

    Raises
    ------
    PriceUnknown
        Naming the meter, the model, the provider and since or until when a price is known.
    """
    if level is not None:
        return _at_level(scenario, model, provider, meter, on, level=level, is_long=is_long)
    own = own_price(scenario, model, provider, meter)
    if own is not None:
        value, field_name = own
        factor, steps = _steps(scenario, model, provider, on)
        source = "scenario: " + paths.render(("models", model, field_name))
        return UnitPrice(usd=_per_token(value, factor), source=source + steps, confidence="given")
    where = provider if provider is not None else home_provider(model)
    if where is None:
        field_name = paths.render(("models", model, _own_field(meter)))
        raise PriceUnknown(f"no {meter} price of {model} is known on {on}; give {field_name}")
    began = prices.cached_from(model, where, on) if meter == "cached_input" else None
    if began is not None:
        plain_input = token_price(scenario, model, provider, "input", on, is_long=is_long)
        why = f", for cached input too: it has a price of its own only from {began}"
        return replace(plain_input, source=plain_input.source + why)
    factor, steps = _list_factor(scenario, model, where, on)
    found = prices.price(model, where, meter, on)
    value, kind = found.usd_per_mtok, "list price"
    if is_long:
        value, kind = _long_price(model, where, meter, on, value)
    carried = f", {found.carried_text}" if found.carried_text else ""
    source = f"{where} {kind} of {model} since {found.effective_from} ({found.source}){carried}{steps}"
    return UnitPrice(
        usd=_per_token(value, factor),
        source=source,
        as_of=str(found.known_until),
        confidence=found.confidence,
    )


def batch_price(
    scenario: Scenario,
    model: str,
    provider: str | None,
    meter: str,
    on: date,
    *,
    factor: float | None,
    is_long: bool = False,
) -> UnitPrice:
    """Price of a token of a call to a batch API on a day.

    Parameters
    ----------
    factor : float, optional
        On the ordinary price of the meter. Without one the listed batch price holds; over the long-context threshold,
        where none is listed, the ordinary price there in the ratio that the list has below it.

    Raises
    ------
    PriceUnknown
        No ordinary price, or without a factor no batch price.
    """
    ordinary = token_price(scenario, model, provider, meter, on, is_long=is_long)
    if factor is not None:
        in_batch, why = EXACT.multiply(ordinary.usd, exact(factor)), "batch.price_factor of the deployment"
        return replace(ordinary, usd=in_batch, source=f"{ordinary.source}, times {exact(factor)} ({why})")
    where = provider if provider is not None else home_provider(model)
    problem = batch_price_problem(scenario, model, where, meter, on)
    if problem is not None or where is None:
        raise PriceUnknown(f"{problem}; give batch.price_factor of the deployment")
    found = prices.price(model, where, BATCH_METERS[meter], on)
    steps, words = _list_factor(scenario, model, where, on)
    carried = f", {found.carried_text}" if found.carried_text else ""
    source = f"{where} batch price of {model} since {found.effective_from} ({found.source}){carried}{words}"
    usd = _per_token(found.usd_per_mtok, steps)
    if is_long:
        plain_usd = prices.price(model, where, "output" if meter == "reasoning" else meter, on).usd_per_mtok
        usd = _exact_ratio(ordinary.usd, found.usd_per_mtok, plain_usd)
        source = f"{ordinary.source}, in the ratio of its batch price to its ordinary one"
    return UnitPrice(usd=usd, source=source, as_of=str(found.known_until), confidence=found.confidence)


def _at_level(
    scenario: Scenario,
    model: str,
    provider: str | None,
    meter: str,
    on: date,
    *,
    level: PriceLevel,
    is_long: bool,
) -> UnitPrice:
    """Price of a token at a level of service; see `token_price`."""
    if level.factor is not None:
        ordinary = token_price(scenario, model, provider, meter, on, is_long=is_long)
        words = f"{ordinary.source}, times {exact(level.factor)} ({level.name}: price_level_factor of the deployment)"
        return replace(ordinary, usd=EXACT.multiply(ordinary.usd, exact(level.factor)), source=words)
    where = provider if provider is not None else home_provider(model)
    problem = level_price_problem(scenario, model, where, level.name, meter, on)
    if is_long and problem is None:
        problem = f"no {level.name} price of {model} over its long-context threshold is known"
    if problem is not None or where is None:
        raise PriceUnknown(f"{problem}; give price_level_factor of the deployment")
    found = price_levels.level_price(model, where, level.name, listed_as(model, where, meter), on)
    factor, words = _list_factor(scenario, model, where, on)
    carried = f", price of {found.known_until} carried forward" if on > found.known_until else ""
    return UnitPrice(
        usd=_per_token(found.usd_per_mtok, factor),
        source=f"{where} {level.name} price of {model} since {found.effective_from} ({found.source}){carried}{words}",
        as_of=str(found.known_until),
        confidence=found.confidence,
    )


def _exact_ratio(value: Decimal, above: Decimal, below: Decimal) -> Decimal:
    """value x above / below, where a decimal holds it; all listed ratios are halves."""
    ratio = Fraction(above) / Fraction(below)
    return EXACT.multiply(value, EXACT.divide(Decimal(ratio.numerator), Decimal(ratio.denominator)))


def own_price(scenario: Scenario, model: str, provider: str | None, meter: str) -> tuple[Decimal, str] | None:
    """An own or negotiated price in USD per million tokens and its field; None where none is given.

    Images are billed as input tokens where neither the scenario nor the catalogue has a price of its own
    for them.
    """
    own = scenario.models.get(model)
    if own is None:
        return None
    wanted = _own_field(meter)
    value = getattr(own, wanted)
    if value is None and meter == "image" and not _lists_images_apart(model, provider):
        wanted = "input_usd_per_mtok"
        value = own.input_usd_per_mtok
    return None if value is None else (exact(value), wanted)


def pays_by_token(scenario: Scenario, deployment: Deployment, model: str, meter: str) -> bool:
    """Whether tokens cost something: not on units that stand ready, on own hardware only at a price of one's own."""
    if deployment.is_own_hardware:
        return own_price(scenario, model, deployment.provider, meter) is not None
    return deployment.is_paid_by_token


def has_own_prices(scenario: Scenario, model: str) -> bool:
    """Whether the scenario gives any price of the model: own hardware pays by the token only then."""
    own = scenario.models.get(model)
    names = (name for name in OwnModel.model_fields if name.endswith("_usd_per_mtok"))
    return own is not None and any(getattr(own, name) is not None for name in names)


def long_threshold(scenario: Scenario, model: str, provider: str | None, on: date) -> int | None:
    """Prompt tokens above which a whole call costs the long-context price; None where there is none."""
    found = _long_context(model, provider if provider is not None else home_provider(model), on)
    return None if found is None else found.threshold_tokens


def price_days(
    scenario: Scenario, model: str, provider: str | None, meters: tuple[str, ...], start: date, end: date
) -> Iterator[date]:
    """Days inside (start, end) on which a price of the model may change; unlisted meters have none."""
    yield from (
        step.at for step in scenario.finance.price_steps if step.model == model and start < step.at < end
    )
    where = provider if provider is not None else home_provider(model)
    if drift_in_force(scenario, model, where) is not None:
        yield from _month_starts(start, end)
    if where is None:
        return
    for one in scenario.finance.negotiated:
        if one.provider == where and one.model in (None, model):
            yield from (day for day in (one.starts, one.ends) if day is not None and start < day < end)
    for meter in meters:
        if meter in BATCH_METERS.values() or own_price(scenario, model, provider, meter) is None:
            try:
                yield from prices.price_changes(model, where, meter, start, end)
            except PriceUnknown:  # raised again, with the day, where tokens of that meter were really used
                continue


def _month_starts(start: date, end: date) -> Iterator[date]:
    """First days of calendar months inside (start, end)."""
    year, month = start.year, start.month
    while (first := date(year + month // 12, month % 12 + 1, 1)) < end:
        yield first
        year, month = first.year, first.month


def _long_price(model: str, provider: str, meter: str, on: date, plain_price: Decimal) -> tuple[Decimal, str]:
    found = _long_context(model, provider, on)
    if found is None:
        return plain_price, "list price"
    if meter not in _LONG_METERS:
        raise PriceUnknown(
            f"no {meter} price of {model} at {provider} is known over {found.threshold_tokens} prompt tokens"
        )
    value = found.input_usd_per_mtok if _LONG_METERS[meter] == "input" else found.output_usd_per_mtok
    return value, f"list price over {found.threshold_tokens} prompt tokens"


@lru_cache(maxsize=1024)
def _long_context(model: str, provider: str | None, on: date) -> prices.LongContext | None:
    if provider is None:
        return None
    try:
        return prices.long_context(model, provider, on)
    except PriceUnknown:
        return None


def _steps(scenario: Scenario, model: str, provider: str | None, on: date) -> tuple[Decimal, str]:
    """Product of the scenario's price steps and drift up to a day, and how the source tells of them."""
    factor, words = Decimal(1), ""
    for step in sorted(scenario.finance.price_steps, key=lambda one: one.at):
        if step.model == model and step.at <= on:
            factor = EXACT.multiply(factor, exact(step.factor))
            words += f", times {exact(step.factor)} from {step.at} (scenario: finance.price_steps)"
    drift, why = _drift(scenario, model, provider, on)
    return EXACT.multiply(factor, drift), words + why


def _drift(scenario: Scenario, model: str, provider: str | None, on: date) -> tuple[Decimal, str]:
    """What the supposed drift has made of a price by a day's month, and how the source tells of it."""
    where = provider if provider is not None else home_provider(model)
    index = drift_in_force(scenario, model, where)
    factor = drift_factor(scenario, model, where, on)
    if index is None or factor == 1:
        return factor, ""
    per_year = exact(scenario.finance.price_drift[index].per_year)
    path = paths.render(("finance", "price_drift", index))
    return (
        factor,
        f", times {plain(factor)} in {on:%Y-%m} for a drift of {per_year} a year (scenario: {path})",
    )


def _list_factor(scenario: Scenario, model: str, provider: str, on: date) -> tuple[Decimal, str]:
    """What a list price is multiplied by on a day, price steps and what is negotiated, and how the source tells of it."""
    factor, words = _steps(scenario, model, provider, on)
    found = negotiated_on(scenario, provider, model, on)
    if found is not None:
        index, one = found
        factor = EXACT.multiply(factor, exact(one.factor))
        place = "scenario: " + paths.render(("finance", "negotiated", index))
        told = f", {one.source}" if one.source else ""
        words += f", times {exact(one.factor)} negotiated ({place}{told})"
    return factor, words


def _per_token(usd_per_mtok: Decimal, factor: Decimal) -> Decimal:
    return EXACT.multiply(usd_per_mtok, factor).scaleb(MTOK_EXPONENT, EXACT)


def _own_field(meter: str) -> str:
    return f"{_OWN_FIELD.get(meter, meter)}_usd_per_mtok"


@lru_cache(maxsize=1024)
def _lists_images_apart(model: str, provider: str | None) -> bool:
    where = provider if provider is not None else home_provider(model)
    if where is None:
        return False
    try:
        return "image" in prices.meters(model, where)
    except PriceUnknown:
        return False
