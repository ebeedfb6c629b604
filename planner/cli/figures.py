"""How figures are written on a terminal.

Thousands are separated, amounts under a cent show significant digits, shares are per cent, and what is
unknown is a dash, never 0.
"""

import math
from decimal import Decimal

DASH = "–"
YES, NO = "✓", "✗"


def quantity(value: float | None, unit: str = "") -> str:
    """A figure with its unit, three significant digits or all whole ones.

    >>> quantity(4.2361, "s"), quantity(1234567.8, "tokens"), quantity(0.99931, "share"), quantity(None, "s")
    ('4.24 s', '1,234,568 tokens', '99.931 %', '–')
    >>> quantity(0.0, "s"), quantity(0.000123, "s"), quantity(1.0, "share"), quantity(0.25, "share")
    ('0 s', '0.000123 s', '100 %', '25.0 %')
    """
    if value is None or math.isnan(value):
        return DASH
    if unit == "share":
        return f"{_percent(value)} %"
    return f"{_digits(value)} {unit}".strip()


def span(low: float | None, high: float | None, unit: str = "") -> str:
    """A 95 % interval, or nothing where there is none.

    >>> span(4.1, 4.3, "s"), span(0.93, 0.95, "share"), span(None, None)
    ('4.10 to 4.30', '93.0 to 95.0', '')
    """
    if low is None or high is None:
        return ""
    first, last = (_percent(end) if unit == "share" else _digits(end) for end in (low, high))
    return f"{first} to {last}"


def unit_cost(value: Decimal | None) -> str:
    """A cost per something: at least four significant digits.

    >>> unit_cost(Decimal("1234.567")), unit_cost(Decimal("0.431249")), unit_cost(Decimal("0.000012349")), unit_cost(None)
    ('1,234.57 USD', '0.4312 USD', '0.00001235 USD', '–')
    """
    from planner.finance import usd  # heavy company: only where money is shown

    if value is None or value == 0 or abs(value) >= 100:
        return usd(value)
    return f"{round(value, 3 - value.adjusted()):,f} USD"


def money_span(low: Decimal | None, high: Decimal | None) -> str:
    """The ends of an interval of money: whole dollars from 1,000 up.

    >>> money_span(Decimal("1234567.8"), Decimal("2345678.9")), money_span(Decimal("-0.5"), Decimal("0.25"))
    ('1,234,568 to 2,345,679', '-0.5000 to 0.2500')
    """
    if low is None or high is None:
        return ""
    large = max(abs(low), abs(high)) >= 1000
    first, last = (f"{end:,.0f}" if large else unit_cost(end).removesuffix(" USD") for end in (low, high))
    return f"{first} to {last}"


def list_price(value: Decimal | None) -> str:
    """A list price with all its digits, two decimals at least.

    >>> list_price(Decimal("2.5")), list_price(Decimal("0.075")), list_price(Decimal("30")), list_price(None)
    ('2.50', '0.075', '30.00', '–')
    """
    if value is None:
        return DASH
    places = max(2, -int(value.normalize().as_tuple().exponent))
    return f"{value:,.{places}f}"


def count(value: float) -> str:
    """How many, short: three digits from a million up.

    >>> count(12_400_000_000), count(38_100_000), count(41234)
    ('12.4 billion', '38.1 million', '41,234')
    """
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:,.0f}"


def _percent(share: float) -> str:
    """One decimal; more where the share is so near to 0 or 1 that they tell the nines apart."""
    nearest = min(abs(share), abs(1 - share))
    if nearest == 0:
        return f"{100 * share:.0f}"
    places = 1 if nearest >= 0.01 else min(6, 1 - math.floor(math.log10(nearest * 100)))
    return f"{100 * share:.{places}f}"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if value == int(value) else text


__all__ = ["DASH", "NO", "YES", "count", "list_price", "money_span", "quantity", "span", "unit_cost"]
