"""Logs of one's own traffic: CSV or Parquet as other tools export it, cleaned, for a replay.

Comes in: a file or its bytes, and what its columns are where that is not plain. Goes out: a `Log`, its rows in the
order of time, counted from the first request, with the rows that were left out counted and shown by line. Unlike the
recording of a scenario (`traces`), a log may have bad rows; only where more than half of them are bad is it refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner.errors import Problem, ScenarioError
from planner.workload.cells import MAX_ARRIVAL_S, MAX_TOKENS, TOKENS_TEXT
from planner.workload.log_cells import TIME_TEXT, UNITS_NS, Flags, Integers, moments, numbers, shown, texts
from planner.workload.log_columns import (
    MOONCAKE,
    NEEDED,
    PROMPT_WITH_CACHED,
    Column,
    format_of,
    guessed,
    plain,
)
from planner.workload.log_kept import BadRow, Log
from planner.workload.log_lines import LISTED, Records, records, table
from planner.workload.log_profile import many

MAX_BYTES = 2 * 2**30
SUFFIXES = (".csv", ".parquet")
_PARQUET = b"PAR1"
_FINE = {"", "200", "201", "ok", "success", "succeeded", "successful", "completed", "complete", "done", "true", "1", "default"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Peek:
    """What a log's first look tells: its columns, what they are taken for, and why it cannot be read yet."""

    header: tuple[str, ...]
    columns: tuple[Column, ...]
    problems: tuple[Problem, ...]

    def name_of(self, role: str) -> str | None:
        """The column of a role."""
        return next((one.name for one in self.columns if one.role == role), None)


@dataclass(frozen=True)
class _Source:
    """A log that was opened: its header, and how to get columns of it."""

    name: str
    header: tuple[str, ...]
    has_names: bool
    notices: tuple[str, ...]
    records: Records | None  # of a CSV file
    parquet: Any  # of a Parquet file


def peek(source: "Path | bytes", name: str = "the log") -> Peek:
    """The columns of a log and what they are taken for; reads no rows of a Parquet file.

    Raises ScenarioError where the file is no log at all.
    """
    opened = _open(source, name)
    columns, problems = guessed(opened.header, has_names=opened.has_names)
    return Peek(header=opened.header, columns=columns, problems=problems)


def read_log(
    source: "Path | str | bytes",
    *,
    columns: Mapping[str, str | None] | None = None,
    time_unit: str | None = None,
    name: str = "",
) -> Log:
    """The log of a file.

    Parameters
    ----------
    source : path, or bytes
    columns : role to name, optional
        What the columns are, where they are not guessed rightly: roles are those of `log_columns.NAMES`.
    time_unit : s, ms, us or ns, optional
        Of a time column of numbers.
    name : str, optional
        What the log is called; the path if not given.

    Raises
    ------
    ScenarioError
        No such file, no such columns, rows that stand for several requests, no good row or more bad ones than good.
    """
    called = name or (
        source if isinstance(source, str) else source.name if isinstance(source, Path) else "the log"
    )
    if time_unit is not None and time_unit not in UNITS_NS:
        problem = Problem(field="time unit", given=repr(time_unit), allowed=", ".join(UNITS_NS))
        raise ScenarioError([problem], str(called))
    opened = _open(Path(source) if isinstance(source, str) else source, str(called))
    chosen, problems = guessed(opened.header, columns, has_names=opened.has_names)
    if problems:
        raise ScenarioError(problems, str(called))
    return _Reader(opened, chosen, time_unit).log()


def _open(source: "Path | bytes", name: str) -> _Source:
    data = source
    if isinstance(source, Path):
        if source.suffix.lower() not in SUFFIXES:
            raise _refuse(name, "allowed: a file that ends in .csv or .parquet")
        try:
            if source.stat().st_size > MAX_BYTES:
                raise _refuse(name, f"it is larger than {MAX_BYTES / 2**30:g} GiB, which is allowed")
            data = source.read_bytes()
        except OSError as error:
            raise _refuse(name, f"allowed: a readable file ({error.strerror})") from None
    assert isinstance(data, bytes)
    if not data:
        raise _refuse(name, "it is empty; allowed: a file with at least one request")
    if data[:4] == _PARQUET:
        return _open_parquet(data, name)
    found = records(data, name)
    return _Source(name, found.header, found.has_names, found.notices, found, None)


def _open_parquet(data: bytes, name: str) -> _Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        read = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise _refuse(name, f"it is no readable Parquet file: {str(error).splitlines()[0]}") from None
    while any(pa.types.is_struct(one.type) for one in read.schema):
        read = read.flatten()  # usage: {prompt_tokens} becomes usage.prompt_tokens
    return _Source(name, tuple(read.column_names), True, (), None, read)


def _refuse(name: str, text: str) -> ScenarioError:
    return ScenarioError([Problem(field=name, text=text)], name)


class _Reader:
    """Reads the chosen columns and sets the bad rows apart."""

    def __init__(self, opened: _Source, chosen: Sequence[Column], time_unit: str | None) -> None:
        self.opened, self.chosen, self.time_unit = opened, tuple(chosen), time_unit
        self.names = {one.role: one.name for one in chosen}
        self.notices = list(opened.notices)
        self.listed: list[BadRow] = []
        self.counts: dict[str, int] = {}
        if opened.records is not None:
            found, self.columns = table(opened.records, list(self.names.values()))
            self.line: Integers = found.line
            self._malformed(found)
        else:
            self.columns = {name: opened.parquet.column(name) for name in self.names.values()}
            self.line = np.arange(1, opened.parquet.num_rows + 1, dtype=np.int64)
        self.n_malformed = self.counts.get("malformed line", 0)
        self.is_bad: Flags = np.zeros(len(self.line), np.bool_)

    def log(self) -> Log:
        self._refuse_sums()
        unit = self.time_unit
        if unit is None and format_of(self.opened.header) == MOONCAKE:
            unit = "ms"
        when = moments(self.columns[self.names["time"]], self.names["time"], unit)
        self._set_apart("time", when.is_bad, TIME_TEXT)
        ns = when.ns
        far = self._far(ns, when.is_bad)
        self._set_apart("time", far, f"at most {MAX_ARRIVAL_S / 2:,.0f} s from the middle of the log")
        sent, answered = self._tokens("input"), self._tokens("output")
        read, written = self._tokens("cache-read", 0), self._tokens("cache-write", 0)
        prefix = self._tokens("cached", 0)
        if prefix is not None:
            self._set_apart("cached", prefix > sent, "at most the row's input tokens, of which it is a part")
        if read is not None or written is not None:
            cached = sum(part for part in (read, written) if part is not None)
            is_part = self._holds_cached(sent, cached)
            sent = sent if is_part else sent + cached
            prefix = cached if prefix is None else prefix
            self.notices.append(
                f"tokens read from and written to a prompt cache are a part of {self.names['input']} and were not added to it"
                if is_part
                else "tokens read from and written to a prompt cache stand beside the input and were added to it"
            )
        good = np.flatnonzero(~self.is_bad)
        self._refuse_if_mostly_bad(len(good))
        order = good[np.argsort(ns[good], kind="stable")]
        n_late = int((np.diff(ns[good]) < 0).sum())
        if n_late:
            self.notices.append(f"{many(n_late, 'row')} earlier than the row before: all were sorted by time")
        self.notices.append(f"times are {when.words}")
        self._tell_zeros(sent[order], answered[order])
        first = int(ns[order[0]])
        return Log(
            source=self.opened.name,
            arrival_ns=ns[order] - first,
            input_tokens=sent[order],
            output_tokens=answered[order],
            prefix_tokens=None if prefix is None else prefix[order],
            start_ns=first if when.is_absolute else None,
            session=self._codes("session", order)[0],
            task=self._codes("task", order)[0],
            task_names=self._codes("task", order)[1],
            model=self._codes("model", order)[0],
            model_names=self._codes("model", order)[1],
            latency_ns=self._latency(order),
            columns=self.chosen,
            unused=tuple(name for name in self.opened.header if name not in self.names.values()),
            n_read=len(self.line) + self.n_malformed,
            n_bad=int(self.is_bad.sum()) + self.n_malformed,
            bad_counts=dict(self.counts),
            bad_rows=tuple(self.listed),
            notices=tuple((*self.notices, *self._status(order))),
        )

    def _malformed(self, found: Records) -> None:
        if found.n_malformed:
            self.counts["malformed line"] = found.n_malformed
            self.listed += [
                BadRow(line=one.line, column="", given=one.given, allowed=one.allowed)
                for one in found.malformed
            ]

    def _set_apart(self, role: str, is_bad: Flags, allowed: str) -> None:
        """Leave rows out; of a role the first 20 are listed."""
        rows = np.flatnonzero(is_bad)
        if not len(rows):
            return
        name = self.names[role]
        before = self.counts.get(name, 0)
        self.counts[name] = before + len(rows)
        self.listed += [
            BadRow(
                line=int(self.line[row]),
                column=name,
                given=shown(self.columns[name], int(row)),
                allowed=allowed,
            )
            for row in rows[: max(LISTED - before, 0)].tolist()
        ]
        self.is_bad |= is_bad

    def _holds_cached(self, sent: Integers, cached: Integers) -> bool:
        """Whether the input holds what a prompt cache read and wrote: prompt_tokens do (OpenAI's name, which LiteLLM and others
        keep for every provider), Anthropic's input_tokens do not. A row with more cached than sent says that none do.
        """
        is_whole = plain(self.names["input"]) in PROMPT_WITH_CACHED
        return is_whole and not bool((cached > sent)[~self.is_bad].any())

    def _tokens(self, role: str, empty: int | None = None) -> Any:
        """Whole tokens of a role; None where there is no such column. `empty` stands for an empty cell."""
        if role not in self.names:
            return None
        values, is_empty = numbers(self.columns[self.names[role]])
        with np.errstate(invalid="ignore"):
            is_good = (values >= 0) & (values <= MAX_TOKENS) & (values == np.floor(values))
        is_bad = ~is_good & ~is_empty if empty is not None else ~is_good
        self._set_apart(role, is_bad, TOKENS_TEXT)
        return np.where(is_good, values, empty or 0).astype(np.int64)

    def _far(self, ns: Integers, is_bad: Flags) -> Flags:
        """Moments that cannot belong to the same log, such as 1970 in the middle of today."""
        if is_bad.all():
            return np.zeros(len(ns), np.bool_)
        middle = int(np.sort(ns[~is_bad])[(~is_bad).sum() // 2])
        return ~is_bad & (np.abs(ns.astype(np.float64) - middle) > MAX_ARRIVAL_S / 2 * 1e9)

    def _refuse_sums(self) -> None:
        """A row must be one request: what was summed up cannot be replayed."""
        if "requests" not in self.names:
            return
        values, _ = numbers(self.columns[self.names["requests"]])
        several = np.flatnonzero(values > 1)
        if len(several):
            row = int(several[0])
            raise _refuse(
                self.opened.name,
                f"line {self.line[row]:,}: {self.names['requests']} is {values[row]:g}: rows stand for several requests, "
                "and when each came is not known; allowed: a log with a row for each request",
            )

    def _refuse_if_mostly_bad(self, n_good: int) -> None:
        n_bad = int(self.is_bad.sum()) + self.n_malformed
        if n_good and n_bad <= n_good:
            return
        total = n_good + n_bad
        said = "no row is good" if not n_good else f"{n_bad:,} of {total:,} rows are bad, more than half"
        if not total:
            said = "it has no rows"
        problems = [Problem(field=self.opened.name, text=f"{said}; are these the right columns? "
                            + ", ".join(f"{role}: {self.names[role]}" for role in NEEDED))]  # fmt: skip
        listed = sorted(self.listed, key=lambda one: one.line)[:LISTED]
        problems += [
            Problem(
                field=f"line {one.line}" + (f", {one.column}" if one.column else ""),
                given=one.given,
                allowed=one.allowed,
            )
            for one in listed
        ]
        raise ScenarioError(problems, self.opened.name)

    def _tell_zeros(self, sent: Integers, answered: Integers) -> None:
        for tokens, what, why in (
            (sent, "input", "such a prompt is billed nothing and takes no time to read"),
            (
                answered,
                "output",
                "calls that failed or were cut; they are replayed as requests with an empty answer",
            ),
        ):
            count = int((tokens == 0).sum())
            if count:
                self.notices.append(f"{many(count, 'row')} with 0 {what} tokens: {why}")

    def _codes(self, role: str, order: Integers) -> tuple[Any, tuple[str, ...]]:
        if role not in self.names:
            return None, ()
        codes, distinct = texts(self.columns[self.names[role]])
        return codes[order], distinct if role != "session" else ()

    def _latency(self, order: Integers) -> Any:
        """How long answers took, in ns, -1 where nobody knows; milliseconds where the name says so."""
        if "latency" not in self.names:
            return None
        name = self.names["latency"]
        values, _ = numbers(self.columns[name])
        is_ms = name.lower().endswith("ms")
        with np.errstate(invalid="ignore"):
            is_good = (values >= 0) & (values < 1e12)
        return np.where(is_good, np.rint(np.where(is_good, values, 0.0) * (1e6 if is_ms else 1e9)), -1).astype(np.int64)[order]  # fmt: skip

    def _status(self, order: Integers) -> list[str]:
        """What is said of requests that failed in the log; they are traffic all the same."""
        codes, distinct = self._codes("status", order)
        if codes is None:
            return []
        counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
        failed = {
            word: int(count)
            for word, count in zip(distinct, counts, strict=True)
            if count and word.lower() not in _FINE and not (word.startswith("2") and len(word) == 3)
        }
        if not failed:
            return []
        first = sorted(failed.items(), key=lambda pair: -pair[1])[:3]
        told = ", ".join(f"{word}: {count:,}" for word, count in first)
        return [
            f"{many(sum(failed.values()), 'row')} ended otherwise than well ({told}); they are traffic, and are replayed with the "
            "tokens that they have"
        ]


__all__ = ["BadRow", "Column", "Log", "Peek", "peek", "read_log"]
