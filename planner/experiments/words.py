"""How figures are written for people who read a page: the app, and the memo that leaves the room.

Thousands are separated, amounts under a cent show significant digits, shares are per cent, and what is
unknown is a dash, never 0.
"""

import math
from decimal import Decimal
from typing import Any

from planner.finance.ledger import usd

DASH = "–"
UNITS = {"share": "%", "factor": "×"}


def is_unknown(value: Any) -> bool:
    """None and every kind of "not a number"."""
    return value is None or value is pd_na() or (isinstance(value, float | Decimal) and value != value)


def pd_na() -> Any:
    """The missing value of pandas, without its import where nothing else needs it."""
    import pandas as pd

    return pd.NA


def amount(value: Decimal | None) -> str:
    """An amount of money: whole dollars from 1,000 up, cents below, significant digits under a cent.

    >>> amount(Decimal("1234567.891")), amount(Decimal("12.3")), amount(Decimal("0.00123")), amount(None)
    ('1,234,568 USD', '12.30 USD', '0.0012 USD', '–')
    """
    if is_unknown(value):
        return DASH
    assert value is not None
    return f"{value:,.0f} USD" if abs(value) >= 1000 else usd(value)


def signed_amount(value: Decimal) -> str:
    """A difference of money with its sign; the minus is the plain one, which widgets read as "less".

    >>> signed_amount(Decimal("-1234.5")), signed_amount(Decimal(3)), signed_amount(Decimal(0))
    ('-1,234 USD', '+3.00 USD', '0.00 USD')
    """
    if value == 0:
        return amount(value)
    return ("-" if value < 0 else "+") + amount(abs(value))


def unit_cost(value: Decimal | None) -> str:
    """A cost per something: at least four significant digits.

    >>> unit_cost(Decimal("1234.567")), unit_cost(Decimal("0.431249")), unit_cost(Decimal("0.000012349")), unit_cost(None)
    ('1,234.57 USD', '0.4312 USD', '0.00001235 USD', '–')
    """
    if is_unknown(value):
        return DASH
    assert value is not None
    if value == 0 or abs(value) >= 100:
        return usd(value)
    places = 3 - value.adjusted()
    return f"{round(value, places):,f} USD"


def number(value: Any, unit: str = "") -> str:
    """A figure with its unit, as long as its size deserves.

    >>> number(0.99931, "share"), number(4.2361, "s"), number(1234567.8, "requests"), number(None, "s")
    ('99.931 %', '4.24 s', '1,234,568 requests', '–')
    >>> number(0.25, "share"), number(0, "tokens"), number(0.000123, "s")
    ('25.0 %', '0 tokens', '0.000123 s')
    """
    if is_unknown(value):
        return DASH
    if unit == "USD":
        return amount(Decimal(str(value)))
    if unit == "share":
        return f"{_percent(float(value))} %"
    return f"{_digits(float(value))} {UNITS.get(unit, unit)}".strip()


def _percent(share: float) -> str:
    return f"{100 * share:.{_percent_places(share)}f}"


def _percent_places(share: float) -> int:
    """One decimal; more where the share is so near to 0 or 1 that they tell the nines apart."""
    nearest = min(abs(share), abs(1 - share))
    return 1 if nearest == 0 or nearest >= 0.01 else min(6, 1 - math.floor(math.log10(nearest * 100) + 1e-9))


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if value == int(value) else text


def interval(low: Any, high: Any, unit: str = "") -> str:
    """A 95 % interval, or nothing where there is none.

    >>> interval(4.1, 4.3, "s"), interval(None, None, "s"), interval(0.93, 0.95, "share")
    ('4.10 to 4.30 s', '', '93.0 to 95.0 %')
    >>> interval(0.9986, 0.99925, "share"), interval(0, 0.00016, "share")
    ('99.860 to 99.925 %', '0.000 to 0.016 %')
    """
    if is_unknown(low) or is_unknown(high):
        return ""
    if unit == "USD":
        return f"{amount(low).removesuffix(' USD')} to {amount(high)}"
    if unit == "share":
        places = max(_percent_places(float(low)), _percent_places(float(high)))
        return f"{100 * low:.{places}f} to {100 * high:.{places}f} %"
    return f"{_digits(float(low))} to {number(high, unit)}"


def share_of(part: Decimal, whole: Decimal) -> str:
    """A difference as a share of what it is measured against, with its sign.

    >>> share_of(Decimal(-25), Decimal(200)), share_of(Decimal(1), Decimal(0))
    ('-12.5 %', '')
    """
    return "" if whole == 0 else f"{100 * part / whole:+.1f} %"


def count(value: float) -> str:
    """How many, short: three digits from a million up.

    >>> count(12_400_000_000), count(38_100_000), count(41234)
    ('12.4 billion', '38.1 million', '41,234')
    """
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:,.0f}"


__all__ = [
    "DASH",
    "amount",
    "count",
    "interval",
    "is_unknown",
    "number",
    "pd_na",
    "share_of",
    "signed_amount",
    "unit_cost",
]
