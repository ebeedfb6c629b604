"""Tokens and money of single calls, for the story of one request.

Comes in: a run and rows of its tables; goes out: words and amounts. The money is finance's own: the same counts at
the same unit prices as in the ledger, on the window's day.
"""

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np

from planner import tables as t
from planner.engines.run import Run
from planner.errors import PriceUnknown
from planner.finance import count, long_thresholds
from planner.finance.quantities import TOKEN_KINDS, VERIFIED
from planner.finance.tariff import Tariff

Row = Mapping[str, int]


class CallCosts:
    """What calls of a run are billed, at the prices of its window's day."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.day = run.scenario.start + datetime.timedelta(seconds=run.window.start_s)
        self.tariff = Tariff(run.scenario, run.strategy)
        self.long_above = long_thresholds(run.scenario, run.strategy, run.models, self.day)

    def tokens(self, outcome: Row, call: Row) -> str:
        """Tokens of a call, what of them is billed, and what that costs, in words."""
        # Tokens from a prompt cache and to it are a part of the input of a call, and meters of their own in its bill.
        used = {
            meter: call[f"{meter}_tokens"]
            for meter in t.METERS
            if call[f"{meter}_tokens"] and meter not in ("cached_input", "cache_write")
        }
        billed = {
            meter: call[f"billed_{meter}_tokens"] for meter in t.METERS if call[f"billed_{meter}_tokens"]
        }
        words = f"{_meters(used)} tokens" if used else "no tokens"
        if not billed:
            return f"{words}, none billed"
        words += ", all billed" if billed == used else f", billed {_meters(billed)}"
        try:
            cost = self.cost_usd(outcome, [call])
        except PriceUnknown:
            return f"{words}, price not known"
        return f"{words}, {'not paid by the token' if cost is None else money(cost)}"

    def cost_usd(self, outcome: Row, calls: Sequence[Row]) -> Decimal | None:
        """Billed tokens of some calls of a request at the day's prices, with the gateway's fee.

        None where no token of theirs has a price, as on own hardware. Raises PriceUnknown.
        """
        quantities = count(
            self.run.scenario,
            self.run.strategy,
            _arrays([outcome]),
            _arrays(calls),
            long_above=self.long_above,
        )
        total, is_priced = Fraction(0), False
        for key, quantity in quantities.items():
            if key.kind in (*TOKEN_KINDS, VERIFIED):
                for charge in self.tariff.charges(key, self.run.models, self.day):
                    if charge.unit == "token":
                        fee = self.tariff.gateway_fee if charge.through_gateway else Decimal(0)
                        total += quantity * charge.scale * Fraction(charge.unit_price_usd) * Fraction(1 + fee)
                        is_priced = True
        return Decimal(total.numerator) / Decimal(total.denominator) if is_priced else None

    def summary(self, outcome: Row, calls: Sequence[Row]) -> str:
        """What all calls of a request cost together, in words."""
        if not any(call[f"billed_{meter}_tokens"] for call in calls for meter in t.METERS):
            return "Billed tokens: none"
        try:
            cost = self.cost_usd(outcome, calls)
        except PriceUnknown as unknown:
            return f"Billed tokens: {unknown}"
        if cost is None:
            return "Billed tokens: none has a price, as on own hardware"
        fee = " with the gateway's fee" if self.tariff.gateway_fee else ""
        return f"Billed tokens: {money(cost)}{fee} at the prices of {self.day:%Y-%m-%d}"


def money(amount_usd: Decimal) -> str:
    """An amount with four significant digits or more.

    >>> money(Decimal("0.000123456")), money(Decimal("12.3")), money(Decimal(0))
    ('0.0001235 USD', '12.30 USD', '0 USD')
    """
    if amount_usd == 0:
        return "0 USD"
    return f"{round(amount_usd, max(2, 3 - amount_usd.adjusted())):,f} USD"


def _meters(tokens: Mapping[str, int]) -> str:
    return " + ".join(f"{number:,} {meter.replace('_', ' ')}" for meter, number in tokens.items())


def _arrays(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows], np.int64) for name in rows[0]}


__all__ = ["CallCosts", "money"]
