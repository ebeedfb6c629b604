"""Amounts in the currency that people read, at one rate that is told beside them. The ledger stays in USD.

Comes in: USD of the ledger and a scenario with `currency` and `finance.exchange`; goes out: the same amounts over the
rate, for the eye only. Nothing is counted in another currency, and totals are converted after they are summed.
"""

import decimal
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from planner.finance.ledger import exact, usd
from planner.scenario.fields import Scenario

USD = "USD"
DIGITS = 34  # significant digits of a converted amount: a quotient need not end
_QUOTIENT = decimal.Context(prec=DIGITS, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """USD that a unit of a currency costs, when, and who says so."""

    currency: str
    usd_per_unit: Decimal
    as_of: date
    source: str

    @property
    def words(self) -> str:
        """What stands beside amounts in this currency."""
        return (
            f"1 {self.currency} = {self.usd_per_unit:f} USD on {self.as_of.isoformat()} ({self.source}); "
            "everything is counted in USD, and only shown at this rate"
        )


def rate_of(scenario: Scenario) -> Rate | None:
    """The rate of a scenario's currency; None where that is USD."""
    given = scenario.finance.exchange
    if scenario.currency == USD:
        return None
    assert given is not None, f"{scenario.currency} without a rate passed the checks"
    return Rate(
        currency=scenario.currency,
        usd_per_unit=exact(given.usd_per_unit),
        as_of=given.as_of,
        source=given.source,
    )


def shown(amount_usd: Decimal, scenario: Scenario) -> Decimal:
    """An amount of USD in the scenario's currency: over `usd_per_unit`, to 34 significant digits; USD as they are.

    Convert totals, not rows: a sum of quotients need not be the quotient of the sum in the last digit.
    """
    rate = rate_of(scenario)
    return amount_usd if rate is None else _QUOTIENT.divide(amount_usd, rate.usd_per_unit)


def money(amount_usd: Decimal | None, scenario: Scenario) -> str:
    """An amount of USD for people, in the scenario's currency: `1,234.50 EUR`; an unknown one is a dash."""
    return usd(None if amount_usd is None else shown(amount_usd, scenario), f" {scenario.currency}")


def rate_words(scenario: Scenario) -> str | None:
    """Rate, its day and its source, to stand beside amounts that `shown` or `money` made; None for USD."""
    rate = rate_of(scenario)
    return None if rate is None else rate.words


__all__ = ["Rate", "money", "rate_of", "rate_words", "shown"]
