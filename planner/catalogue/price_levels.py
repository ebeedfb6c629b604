"""Prices of other levels of service: priority and flex, by model, provider and meter.

Comes in: data/price-levels.yaml. Goes out: the price on a day. One that is not known is an error, never the ordinary
price: cached, image and audio tokens have none, nor had any before the day on which the lists were read.
"""

from datetime import date
from decimal import Decimal

from planner.catalogue.models import UnknownModel, model
from planner.catalogue.prices import PricePeriod
from planner.catalogue.reading import read
from planner.errors import PriceUnknown

LEVELS = ("priority", "flex")
_METERS = {"input": "input", "output": "output", "reasoning": "output"}


def level_price(name: str, provider: str, level: str, meter: str, on: date) -> PricePeriod:
    """Price of a token of a model at a level of `LEVELS`.

    Raises
    ------
    PriceUnknown
        Naming the level, the model, the provider and the meter or the day since which it is known.
    """
    content = read("price-levels")
    try:
        record = model(name)
    except UnknownModel as unknown:
        raise PriceUnknown(f"no {level} price: {unknown}") from None
    block = content["providers"].get(provider, {})
    rows = block.get(level, {})
    row = rows.get(record.name) or rows.get(record.alias_of or "")
    what = f"{level} {meter} price of {name} at {provider}"
    if row is None or meter not in _METERS:
        raise PriceUnknown(f"no {what} is known")
    since = date.fromisoformat(content["from"])
    if on < since:
        raise PriceUnknown(f"{what} is not known on {on}; known since {since}")
    return PricePeriod(
        usd_per_mtok=Decimal(row[_METERS[meter]]),
        effective_from=since,
        effective_to=None,
        known_until=date.fromisoformat(content["as_of"]),
        date_basis="first observed",
        source=block["source"],
        confidence=content["confidence"],
        note=None,
    )
