"""Cells of a recording: each column checked and converted, every bad cell remembered with its row.

Comes in: columns of numbers, text or plain values, as files and YAML give them. Goes out: arrays, or one
ScenarioError with the first 20 bad cells, by row, and the count of all.
"""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from planner import chance
from planner.errors import Problem, ScenarioError
from planner.scenario.declare import shown
from planner.scenario.paths import closest
from planner.tables import NEVER, UNRATED

if TYPE_CHECKING:
    import pandas as pd

LISTED = 20
MAX_TOKENS = 10**12
# A recording is one window: about three years. Keeps out seconds since 1970, which are no offsets.
MAX_ARRIVAL_S = 1e8
MAX_SERVICE_S = 1e8

ARRIVAL_TEXT = "seconds since the start of the recording, 0 to 100,000,000, or a timestamp"
TOKENS_TEXT = f"whole number 0 to {MAX_TOKENS:,} (tokens)"
_RIGHT = {"true": 1, "false": 0}

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Cells:
    """Columns of one recording and what is wrong with them.

    Parameters
    ----------
    columns : mapping from our column names to their values, n each
    place : text before a column's name in a problem's field, with `{row}` for the row's number from 0
    """

    def __init__(self, columns: Mapping[str, "pd.Series"], n: int, place: str) -> None:
        self._columns, self._n, self._place = columns, n, place
        self._bad: list[tuple[int, int, Problem]] = []
        self._bad_count = 0
        self._bad_columns: list[Problem] = []
        self._bad_rows: dict[str, Flags] = {}

    # -- what went wrong -----------------------------------------------------------------------

    def refuse_column(self, name: str, text: str, hint: str | None) -> None:
        """Remember that a whole column makes no sense."""
        place = self._place.partition("{row}")[0].removesuffix("[").removesuffix(": row ")
        self._bad_columns.append(Problem(field=f"{place}: {name}", text=text, hint=hint))

    def raise_problems(self, source: str) -> None:
        """Raise what was remembered, if anything: columns, then the first bad cells by row."""
        if not self._bad_columns and not self._bad:
            return
        first = [problem for *_, problem in sorted(self._bad, key=lambda entry: entry[:2])[:LISTED]]
        if self._bad_count > LISTED:
            text = f"{self._bad_count:,} cells cannot be used; the first {LISTED} are listed"
            first.append(Problem(field="traffic.trace", text=text))
        raise ScenarioError([*self._bad_columns, *first], source)

    def _refuse(self, name: str, bad: Flags, allowed: str, hints: Sequence[str] = ()) -> None:
        """Remember the bad cells of a column; only the first ones of each column can be among the first of all."""
        self._bad_rows[name] = bad
        rows = np.flatnonzero(bad)
        self._bad_count += rows.shape[0]
        for row in rows[:LISTED].tolist():
            value = self._columns[name].iloc[row]
            problem = Problem(
                field=f"{self._place.format(row=row)}{name}",
                given=_given(value),
                allowed=allowed,
                hint=closest(value, hints) if hints and not _is_empty(value) else None,
            )
            self._bad.append((row, list(self._columns).index(name), problem))

    def at_most(self, name: str, values: Integers, limits: Integers, limit_name: str) -> None:
        """A column that may not pass another."""
        if name in self._columns:
            is_over = values > limits
            if limit_name in self._bad_rows:
                is_over &= ~self._bad_rows[limit_name]  # there is no telling
            self._refuse_if_any(name, is_over, f"at most the row's {limit_name}, of which it is a part")

    # -- columns -------------------------------------------------------------------------------

    def whole(self, name: str, empty: int | None = None) -> Integers:
        """Tokens. `empty` stands for an empty cell or a missing column; None: neither is allowed."""
        values, is_empty, is_bad = self._read(name)
        with np.errstate(invalid="ignore"):
            is_bad |= ~is_empty & ~((values >= 0) & (values <= MAX_TOKENS) & (values == np.floor(values)))
        if empty is None:
            is_bad |= is_empty
        self._refuse_if_any(name, is_bad, TOKENS_TEXT)
        return np.where(is_empty | is_bad, 0 if empty is None else empty, values).astype(np.int64)

    def numbers(self, name: str) -> Floats:
        """Scores; NaN where none was recorded."""
        values, is_empty, is_bad = self._read(name)
        self._refuse_if_any(name, is_bad, "a number, or nothing where none was recorded")
        return np.where(is_empty | is_bad, np.nan, values)

    def verdict(self, name: str) -> npt.NDArray[np.int8]:
        """Right (1), wrong (0), unrated (-1)."""
        series = self._columns[name]
        if series.dtype == np.bool_:
            return series.to_numpy().astype(np.int8)
        values, is_empty, is_bad = self._read(name, {**_RIGHT, True: 1, False: 0})
        is_bad |= ~is_empty & (values != 0) & (values != 1)
        self._refuse_if_any(name, is_bad, "1 or true, 0 or false, or nothing where nobody rated it")
        return np.where(is_empty | is_bad, UNRATED, values).astype(np.int8)

    def codes(self, name: str, words: Sequence[str]) -> Integers:
        """Index of each word; -1 throughout if there is no such column."""
        if name not in self._columns:
            return np.full(self._n, -1, np.int64)
        place = {word: index for index, word in enumerate(words)}
        found = np.array(
            [place.get(value, -1) if isinstance(value, str) else -1 for value in self._columns[name]],
            np.int64,
        )
        self._refuse_if_any(name, found < 0, ", ".join(words), words)
        return found

    def labels(self, name: str) -> Integers:
        """Numbers from 0 for what is equal, by first appearance; -1 for an empty cell."""
        if name not in self._columns:
            return np.full(self._n, -1, np.int64)
        seen: dict[Any, int] = {}
        found = np.empty(self._n, np.int64)
        is_bad = np.zeros(self._n, bool)
        for row, value in enumerate(self._columns[name]):
            if isinstance(value, list | tuple | dict | np.ndarray):
                is_bad[row] = True
            else:
                found[row] = -1 if _is_empty(value) else seen.setdefault(value, len(seen))
        self._refuse_if_any(name, is_bad, "a text or a number")
        return found

    def moments(self, name: str) -> Integers:
        """Arrivals in ns: seconds as given, or timestamps from the earliest on."""
        # A column of time stamps holds no numbers to look for, one cell after the other.
        is_stamped = self._columns[name].dtype.kind == "M"
        if not is_stamped:
            values, is_empty, is_bad = self._read(name)
            is_stamped = self._looks_stamped(name, is_bad)
        if is_stamped:
            moments, is_bad = self._timestamps(name)
            is_bad = is_bad | (moments > MAX_ARRIVAL_S * 1e9)
        else:
            with np.errstate(invalid="ignore"):
                is_bad |= is_empty | ~((values >= 0) & (values <= MAX_ARRIVAL_S))
            moments = chance.to_ns_many(np.ascontiguousarray(np.where(is_bad, 0.0, values)))
        self._refuse_if_any(name, is_bad, ARRIVAL_TEXT)
        return moments

    def periods(self, name: str) -> Integers | None:
        """Recorded times of calls in ns, shape (n, calls): a number, or a list by call whose last repeats.

        A list may be written in a text as JSON, `[1.5, 2]`. `NEVER` throughout a row without any; None if there
        is no such column.
        """
        if name not in self._columns:
            return None
        series = self._columns[name]
        if series.dtype.kind in "iuf":
            lists: list[list[float]] | None = None
            values, is_empty, is_bad = self._read(name)
            longest = 1
        else:
            lists = [_as_list(value) for value in series]
            longest = max(1, *(len(row) for row in lists))
            is_empty = np.array([_is_empty(value) for value in series], bool)
            is_bad = ~is_empty & np.array([not row for row in lists])
            values = np.array([row[0] if row else np.nan for row in lists])
        table = np.empty((self._n, longest), np.int64)
        for call in range(longest):
            if lists is not None:
                values = np.array([row[min(call, len(row) - 1)] if row else np.nan for row in lists])
            with np.errstate(invalid="ignore"):
                is_bad |= ~is_empty & ~((values >= 0) & (values <= MAX_SERVICE_S))
            known = np.where(is_empty | is_bad, 0.0, values)
            table[:, call] = np.where(is_empty, NEVER, chance.to_ns_many(np.ascontiguousarray(known)))
        self._refuse_if_any(
            name, is_bad, "seconds >= 0, a list of them by call, or nothing where none was recorded"
        )
        return table

    # -- reading -------------------------------------------------------------------------------

    def _refuse_if_any(self, name: str, is_bad: Flags, allowed: str, hints: Sequence[str] = ()) -> None:
        if is_bad.any():
            self._refuse(name, is_bad, allowed, hints)

    def _read(self, name: str, words: Mapping[Any, int] | None = None) -> tuple[Floats, Flags, Flags]:
        """A column's numbers, which cells are empty and which are no numbers; all empty if there is none.

        `words` are texts and booleans that stand for numbers.
        """
        if name not in self._columns:
            return np.full(self._n, np.nan), np.ones(self._n, bool), np.zeros(self._n, bool)
        series = self._columns[name]
        if series.dtype.kind in "iuf":
            values = series.to_numpy(np.float64, na_value=np.nan)
            is_empty = np.isnan(values)
            return values, is_empty, np.isinf(values)
        values = np.full(self._n, np.nan)
        is_empty = np.zeros(self._n, bool)
        for row, value in enumerate(series):
            if _is_empty(value):
                is_empty[row] = True
            else:
                values[row] = _as_number(value, words or {})
        return values, is_empty, ~is_empty & ~np.isfinite(values)

    def _looks_stamped(self, name: str, is_bad: Flags) -> bool:
        """Whether a column with cells that are no numbers holds timestamps rather than mistakes."""
        return self._columns[name].dtype.kind not in "iufb" and 2 * int(is_bad.sum()) > self._n

    def _timestamps(self, name: str) -> tuple[Integers, Flags]:
        """Timestamps in ns since the earliest, those without a zone read as UTC, and which are none."""
        import pandas as pd

        series = self._columns[name]
        if series.dtype.kind != "M":
            texts = pd.Series([str(value) for value in series], dtype=object)
            series = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
        elif series.dt.tz is None:
            series = series.dt.tz_localize("UTC")
        is_bad = series.isna().to_numpy()
        ns = series.dt.as_unit("ns").astype("int64").to_numpy()
        earliest = int(ns[~is_bad].min()) if (~is_bad).any() else 0
        return np.where(is_bad, 0, ns - earliest).astype(np.int64), is_bad


def _is_empty(value: Any) -> bool:
    """None, NaN, a missing value of pandas, or a text of blanks."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if isinstance(value, list | tuple | dict | np.ndarray):
        return False
    # pandas' NA has no truth: comparing it gives NA again.
    return type(value).__name__ == "NAType" or bool(value != value)


def _as_number(value: Any, words: Mapping[Any, int]) -> float:
    """The number a cell holds, NaN if none: booleans, dates and lists are no numbers."""
    if isinstance(value, bool | np.bool_):
        return float(words.get(bool(value), np.nan))
    if isinstance(value, str):
        text = value.strip().lower()
        if text in words:
            return float(words[text])
        try:
            return float(text) if "_" not in text else math.nan
        except ValueError:
            return math.nan
    if isinstance(value, int | float | np.integer | np.floating | Decimal):
        return float(value) if -1e300 < value < 1e300 else math.nan
    return math.nan


def _as_list(value: Any) -> list[float]:
    """Numbers of a cell that holds one or a list of them; empty if it holds neither."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    if not isinstance(value, list | tuple | np.ndarray):
        value = [value]
    numbers = [_as_number(each, {}) for each in value]
    return [] if any(number != number for number in numbers) else numbers


def _given(value: Any) -> str:
    if _is_empty(value):
        return "nothing"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    return shown(
        value.item()
        if isinstance(value, np.generic)
        else value.tolist()
        if isinstance(value, np.ndarray)
        else value
    )
