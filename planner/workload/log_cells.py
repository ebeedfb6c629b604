"""Cells of a log as numbers and moments: converted over whole columns, with which of them are none.

Comes in: Arrow columns, of text (CSV) or of any type (Parquet). Goes out: arrays and masks, and in words how the moments
were understood. Moments are integers of nanoseconds, so that no digit of a time stamp is lost in a float.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from planner import chance

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
WHOLE = r"^[+-]?(\d{1,18}|[1-8]\d{18})$"
#: Seconds since 1970 begin here (1973): what is smaller counts from the start of a log.
FIRST_EPOCH_S = 1e8
UNITS_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
UNIT_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_NAMED = {
    "ms": ("ms", "millis", "milliseconds"), "us": ("us", "micros", "microseconds"),
    "ns": ("ns", "nanos", "nanoseconds"), "s": ("s", "sec", "secs", "seconds"),
}  # fmt: skip
TIME_TEXT = (
    "ISO 8601, such as 2026-11-28T09:30:00Z, seconds, ms, us or ns since 1970, or seconds from the start"
)


@dataclass(frozen=True)
class Moments:
    """Moments of a column in ns, since 1970 where `is_absolute`; 0 where `is_bad`. `words` says how it was read."""

    ns: Integers
    is_bad: Flags
    is_absolute: bool
    words: str


def numbers(column: Any) -> tuple[Floats, Flags]:
    """A column's numbers, NaN where a cell holds none, and which cells are empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.utf8_trim_whitespace(column)
        is_number = pc.match_substring_regex(text, NUMBER)
        values = _floats(pc.cast(pc.if_else(is_number, text, pa.scalar(None, text.type)), pa.float64()))
        is_empty = _flags(pc.or_kleene(pc.is_null(text), pc.equal(text, "")))
        return values, is_empty
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = _floats(pc.cast(column, pa.float64(), safe=False))
        is_empty = _flags(pc.is_null(column, nan_is_null=True))
        return values, is_empty
    n = len(column)
    return np.full(n, np.nan), _flags(pc.is_null(column))


def moments(column: Any, name: str, unit: str | None = None) -> Moments:
    """The moments of a column.

    Parameters
    ----------
    unit : s, ms, us or ns, optional
        Of numbers; by the column's name and their size if not given.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _of_stamps(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values, is_empty = numbers(column)
        is_number = ~np.isnan(values)
        if 2 * int(is_number.sum()) < len(values) - int(is_empty.sum()):
            return _of_texts(column)
    return _of_numbers(column, name, unit)


def _of_stamps(column: Any) -> Moments:
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = getattr(column.type, "tz", None)
    is_bad = _flags(pc.is_null(column))
    stamps = pc.cast(column, pa.timestamp("ns", zone), safe=False)
    ns = pc.fill_null(pc.cast(stamps, pa.int64()), 0).to_numpy().astype(np.int64)
    said = f"time stamps in {zone}" if zone else "time stamps without a zone, read as UTC"
    return Moments(ns, is_bad, True, said)


def _of_texts(column: Any) -> Moments:
    import pandas as pd
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"\s*UTC$", "Z")
    stamps = pd.to_datetime(
        pd.Series(text.to_numpy(zero_copy_only=False), dtype=object),
        errors="coerce",
        utc=True,
        format="ISO8601",
    )
    is_bad = stamps.isna().to_numpy()
    ns = np.where(is_bad, 0, stamps.dt.as_unit("ns").astype("int64").to_numpy())
    has_zone = _flags(pc.match_substring_regex(text, r"(Z|:\d\d(\.\d+)?[+-]\d\d(:?\d\d)?)$"))
    zoned = int((has_zone & ~is_bad).sum())
    if zoned == int((~is_bad).sum()):
        words = "ISO 8601 with a zone"
    elif zoned == 0:
        words = "ISO 8601 without a zone, read as UTC"
    else:
        words = f"ISO 8601; {int((~is_bad).sum()) - zoned:,} without a zone were read as UTC"
    return Moments(ns.astype(np.int64), np.asarray(is_bad, np.bool_), True, words)


def _of_numbers(column: Any, name: str, unit: str | None) -> Moments:
    values, _ = numbers(column)
    is_bad = ~np.isfinite(values)
    middle = float(np.median(np.abs(values[~is_bad]))) if (~is_bad).any() else 0.0
    said = unit or named_unit(name)
    chosen, since = said or "s", "as it was said" if unit else "as the name says"
    if said is None:
        chosen, since = _by_size(middle), "by their size"
    is_absolute = middle * UNITS_NS[chosen] / 1e9 >= FIRST_EPOCH_S
    ns, fits = _to_ns(column, values, is_bad, chosen, is_absolute)
    is_bad |= ~fits | (ns < 0)
    origin = "since 1970" if is_absolute else "from the start of the log"
    words = f"{UNIT_WORDS[chosen]} {origin}, {since}"
    return Moments(np.where(is_bad, 0, ns), is_bad, is_absolute, words)


def named_unit(name: str) -> str | None:
    """The unit that a column's name ends with.

    >>> named_unit("t_ms"), named_unit("arrivalMs"), named_unit("timestamp"), named_unit("arrival_s")
    ('ms', 'ms', None, 's')
    """
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    last = parts[-1].lower() if len(parts) > 1 else ""
    return next((unit for unit, words in _NAMED.items() if last in words), None)


def _by_size(middle: float) -> str:
    """Seconds since 1970 have ten digits today, milliseconds thirteen, and so on."""
    for unit, below in (("s", 1e11), ("ms", 1e14), ("us", 1e17)):
        if middle < below:
            return unit
    return "ns"


def _to_ns(
    column: Any, values: Floats, is_bad: Flags, unit: str, is_absolute: bool
) -> tuple[Integers, Flags]:
    """Nanoseconds, exactly where whole numbers were given, and which values are small enough for them."""
    scale = UNITS_NS[unit]
    limit = 9e18 / scale
    with np.errstate(invalid="ignore"):
        fits = ~is_bad & (np.abs(values) < limit)
    known = np.where(fits, values, 0.0)
    whole = _whole(column)
    if whole is not None:
        return np.where(fits, whole * scale, 0), fits
    if unit == "s" and not is_absolute:
        return np.asarray(chance.to_ns_many(np.ascontiguousarray(known))), fits
    if unit == "ns":
        return np.rint(known).astype(np.int64), fits
    # A float of today's seconds holds microseconds, not more.
    per_us = scale // 1000
    return np.rint(known * per_us).astype(np.int64) * 1000, fits


def _whole(column: Any) -> Integers | None:
    """The whole numbers of a column that holds nothing else; 0 where there is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind):
        return pc.fill_null(pc.cast(column, pa.int64(), safe=False), 0).to_numpy().astype(np.int64)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    text = pc.utf8_trim_whitespace(column)
    is_whole = pc.match_substring_regex(text, WHOLE)
    is_number = pc.match_substring_regex(text, NUMBER)
    if not pc.all(pc.or_(is_whole, pc.invert(is_number))).as_py():
        return None
    ints = pc.cast(pc.if_else(is_whole, text, pa.scalar("0", text.type)), pa.int64())
    return pc.fill_null(ints, 0).to_numpy().astype(np.int64)


def texts(column: Any) -> tuple[Integers, tuple[str, ...]]:
    """A column's values as numbers of distinct ones, by first appearance, and these as text; -1 for an empty cell."""
    import pandas as pd

    values = column.to_pandas()
    is_empty = values.isna().to_numpy()
    if values.dtype == object or str(values.dtype).startswith("str"):
        values = values.map(
            lambda value: value.strip() if isinstance(value, str) else str(value), na_action="ignore"
        )
        is_empty = is_empty | (values == "").to_numpy()
    codes, distinct = pd.factorize(values.where(~is_empty))
    return np.asarray(codes, np.int64), tuple(str(value) for value in distinct)


def shown(column: Any, row: int) -> str:
    """A cell as it stands in the log."""
    value = column[row].as_py()
    if value is None or (isinstance(value, str) and not value.strip()):
        return "nothing"
    text = f"the text '{value}'" if isinstance(value, str) and not _is_number(value) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _is_number(text: str) -> bool:
    return re.match(NUMBER, text.strip()) is not None


def _floats(array: Any) -> Floats:
    import pyarrow.compute as pc

    return np.array(pc.fill_null(array, float("nan")).to_numpy(), np.float64)


def _flags(array: Any) -> Flags:
    import pyarrow.compute as pc

    return np.array(pc.fill_null(array, True).to_numpy(zero_copy_only=False), np.bool_)


__all__ = ["TIME_TEXT", "UNITS_NS", "Moments", "moments", "named_unit", "numbers", "shown", "texts"]
