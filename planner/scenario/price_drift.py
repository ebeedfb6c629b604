"""The supposed slow change of token prices: which one holds for a model, and what a day's price is against the first.

Comes in: a scenario; goes out: exact decimals. Prices step at the start of calendar months; the first has none.
"""

import decimal
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from planner.scenario.fields import Scenario
from planner.scenario.finance_timeline import PriceDrift

DRIFT_DIGITS = 12  # significant digits of a factor on prices


def drift_in_force(scenario: Scenario, model: str, provider: str | None) -> int | None:
    """Index in `finance.price_drift` of the one that holds for a model at a provider; None where none does.

    One that names both wins over one that names the model, that over one that names the provider, and that over one
    for all. `provider` is where the tokens are bought; None fits no provider's name.
    """
    return _chosen(scenario.finance.price_drift, model, provider) if scenario.finance.price_drift else None


def drift_factor(scenario: Scenario, model: str, provider: str | None, on: date) -> Decimal:
    """Price of a day against what it would be without drift: (1 + per_year)^(k/12), k calendar months after the first.

    To 12 significant digits, half-even; exactly 1 where nothing drifts and in the first month.
    """
    index = drift_in_force(scenario, model, provider)
    if index is None:
        return Decimal(1)
    months = (on.year - scenario.start.year) * 12 + on.month - scenario.start.month
    return _power(str(scenario.finance.price_drift[index].per_year), max(months, 0))


def _chosen(drifts: Iterable[PriceDrift], model: str, provider: str | None) -> int | None:
    found: tuple[int, int] | None = None
    for index, one in enumerate(drifts):
        if one.model in (None, model) and one.provider in (None, provider):
            rank = 2 * (one.model is not None) + (one.provider is not None)
            if found is None or rank > found[0]:
                found = rank, index
    return None if found is None else found[1]


@lru_cache(maxsize=4096)
def _power(per_year: str, months: int) -> Decimal:
    if months == 0:
        return Decimal(1)
    wide = decimal.Context(prec=DRIFT_DIGITS + 20, rounding=decimal.ROUND_HALF_EVEN)
    exponent = wide.divide(Decimal(months), Decimal(12))
    found = wide.power(wide.add(1, Decimal(per_year)), exponent)
    return decimal.Context(prec=DRIFT_DIGITS, rounding=decimal.ROUND_HALF_EVEN).plus(found)
