"""Figures in the unit of their target, in words: as many digits as it takes to tell a value from its target.

Comes in: a value and the unit of `answer.GATES` ("%" for shares of 1); goes out: text.
"""


def figure(value: float, unit: str, digits: int = 3) -> str:
    """A value in the unit of its target, with significant digits.

    >>> figure(2.4961, "s"), figure(0.87, "%"), figure(0.99954, "%"), figure(1234.5, "s")
    ('2.5 s', '87 %', '99.954 %', '1234 s')
    """
    if unit != "%":
        return f"{_plain(value, digits)} {unit}"
    # Digits of a share near 1 are those of what is missing: 99.954 % has two.
    missing = 1 - value
    return f"{_plain(100 * value, digits if missing <= 0 else max(digits, 1 - _exponent(missing)))} %"


def apart(a: float, b: float, unit: str) -> tuple[str, str]:
    """Two values with as many digits as it takes to tell them apart.

    >>> apart(2.7, 2.5, "s"), apart(8.0004, 8, "s"), apart(0.99954, 0.999, "%")
    (('2.7 s', '2.5 s'), ('8.0004 s', '8 s'), ('99.954 %', '99.9 %'))
    """
    for digits in range(3, 16):
        first, second = figure(a, unit, digits), figure(b, unit, digits)
        if first != second or a == b:
            return first, second
    return first, second


def gap_words(gap: float, unit: str) -> str:
    """A distance from a target, two significant digits; of shares in percentage points.

    >>> gap_words(0.2034, "s"), gap_words(0.03, "%"), gap_words(352.4, "a window")
    ('0.2 s', '3 percentage points', '352 a window')
    """
    if unit == "%":
        points = _plain(100 * gap, 2)
        return f"{points} percentage point{'' if points == '1' else 's'}"
    return f"{_plain(gap, 2)} {unit}"


def _plain(value: float, digits: int) -> str:
    """Significant digits without an exponent; whole digits are never rounded away."""
    if value == 0:
        return "0"
    places = max(0, digits - 1 - _exponent(value))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exponent(value: float) -> int:
    """The power of ten of the first digit."""
    return int(f"{abs(value):e}".partition("e")[2])


__all__ = ["apart", "figure", "gap_words"]
