"""A CSV file as records, each with the line on which it begins; records that are none are set apart with their line.

Comes in: bytes; goes out: the names of its columns, the bytes of the good records alone (for a fast reader, which then
counts as they are counted here), and the malformed ones. Everything is counted over whole arrays of positions, so that
a million lines take a moment; only where quotes do not close are lines looked at again, at most as often as there are
rounds below.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from planner.errors import Problem, ScenarioError

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

QUOTE, NEWLINE, RETURN = 34, 10, 13
DELIMITERS = ",;\t|"
MOST_ROUNDS = 24  # each halves the quotes that do not close, see `_closed`
SHOWN = 60
LISTED = 20
_NUMBER_OR_TIME = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*\d{4}-\d\d-\d\d[T ].*|\s*")


@dataclass(frozen=True, kw_only=True)
class Malformed:
    """A record that has no place in the table: where it begins, what it is, what would be allowed."""

    line: int
    given: str
    allowed: str


@dataclass(frozen=True, kw_only=True)
class Records:
    """The records of a CSV file. `line` is that on which each good record begins, from 1; shape (n,)."""

    header: tuple[str, ...]
    has_names: bool
    delimiter: str
    body: bytes
    line: Integers
    malformed: tuple[Malformed, ...]  # the first 20
    n_malformed: int
    notices: tuple[str, ...]


def records(data: bytes, source: str, listed: int = LISTED) -> Records:
    """The records of a CSV file.

    Raises
    ------
    ScenarioError
        No text, no records, or a header with less than three columns.
    """
    data, notices = _text(data, source)
    delimiter = _delimiter(data)
    bounds = _bounds(data)
    is_quote = np.flatnonzero(np.frombuffer(data, np.uint8) == QUOTE)
    is_delimiter = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(delimiter))
    starts, is_blank = bounds[:-1], _blank(data, bounds)
    filled = np.flatnonzero(~is_blank)
    if not len(filled):
        raise _refuse(source, "it is empty; allowed: a CSV file with a line for each request")
    first_text = data[starts[filled[0]] : bounds[filled[0] + 1]].decode()
    header, has_names = _header(first_text, delimiter)
    if len(header) < 3:
        raise _refuse(
            source,
            f"its first line has {len(header)} columns; allowed: at least three, for time, input and output tokens",
        )
    if delimiter != ",":
        shown = {"\t": "tabulators"}.get(delimiter, f"'{delimiter}'")
        notices.append(f"columns are separated by {shown}")
    is_body = ~is_blank
    is_body[: filled[0] + int(has_names)] = False
    head, n_lines, bad_quote = _closed(data, delimiter, bounds, is_quote, is_delimiter, is_body, len(header))
    cells = _cells(bounds, head, n_lines, is_quote, is_delimiter)
    is_bad = (cells != len(header)) | bad_quote
    lines = head + 1
    malformed = [
        _told(data, bounds, int(head[k]), int(cells[k]), bool(bad_quote[k]), len(header))
        for k in np.flatnonzero(is_bad)[:listed]
    ]
    good = np.flatnonzero(~is_bad)
    body = _kept(data, bounds[head[good]], bounds[head[good] + n_lines[good]])
    return Records(
        header=header,
        has_names=has_names,
        delimiter=delimiter,
        body=body,
        line=lines[good].astype(np.int64),
        malformed=tuple(malformed),
        n_malformed=int(is_bad.sum()),
        notices=tuple(notices),
    )


def _refuse(source: str, text: str) -> ScenarioError:
    return ScenarioError([Problem(field=source, text=text)], source)


def _text(data: bytes, source: str) -> tuple[bytes, list[str]]:
    """UTF-8 without a mark, with newlines; what had to be done for it."""
    notices = []
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise _refuse(source, "it is no text; allowed: a CSV file in UTF-8") from None
        notices.append("it is UTF-16 and was read as such")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise _refuse(source, "it is no text; allowed: a CSV file in UTF-8, or a Parquet file")
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode("latin-1").encode()
        notices.append("it is no UTF-8; it was read as Latin-1, which only names can suffer from")
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    return data, notices


def _delimiter(data: bytes) -> str:
    first = next((line for line in data.split(b"\n", 50) if line.strip()), b"").decode(errors="replace")
    return max(DELIMITERS, key=first.count) if any(sign in first for sign in DELIMITERS) else ","


def _bounds(data: bytes) -> Integers:
    """Where each line begins, and the end of the last one."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    return np.concatenate([[0], ends]).astype(np.int64)


def _blank(data: bytes, bounds: Integers) -> Flags:
    """Lines of nothing but blanks; only short ones are looked at one by one."""
    is_blank = np.zeros(len(bounds) - 1, np.bool_)
    for line in np.flatnonzero(np.diff(bounds) <= 8):
        is_blank[line] = not data[bounds[line] : bounds[line + 1]].strip()
    return is_blank


def _header(text: str, delimiter: str) -> tuple[tuple[str, ...], bool]:
    """Names of the columns, each once; whether the first line holds them."""
    cells = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    if (
        cells
        and all(_NUMBER_OR_TIME.fullmatch(cell) for cell in cells)
        and any(cell.strip() for cell in cells)
    ):
        return tuple(f"column {number + 1}" for number in range(len(cells))), False
    found: list[str] = []
    for number, cell in enumerate(cells):
        name = cell.strip() or f"column {number + 1}"
        while name in found:
            name += " again"
        found.append(name)
    return tuple(found), True


def _closed(
    data: bytes,
    delimiter: str,
    bounds: Integers,
    quotes: Integers,
    delimiters: Integers,
    is_body: Flags,
    width: int,
) -> tuple[Integers, Integers, Flags]:
    """Records as (first line, number of lines, whether a quote in it is never closed).

    A line with an odd number of quotes opens a field that goes on in later lines. If what comes of it has not the
    right number of cells, or it opens in the middle of a cell, the quote was a mistake: its line alone is bad, and the rest is read without it. Mistakes that
    paired up with each other come apart in the next round.
    """
    odd = (np.diff(np.searchsorted(quotes, bounds)) % 2).astype(np.bool_) & is_body
    bad = np.zeros(len(odd), np.bool_)
    body = np.flatnonzero(is_body)
    inner = _inner(data, bounds, quotes, delimiter)
    for _ in range(MOST_ROUNDS):
        head, n_lines, is_open = _joined(body, odd & ~bad, len(odd))
        many = n_lines > 1
        if not (many.any() or is_open):
            break
        cells = _cells(bounds, head, n_lines, quotes, delimiters)
        wrong = many & ((cells != width) | inner[head])
        if is_open:
            wrong[-1] = True
        if not wrong.any():
            break
        bad[head[wrong]] = True
    else:
        head, n_lines, _ = _joined(body, np.zeros(len(odd), np.bool_), len(odd))
        return head, n_lines, odd[head]
    return head, n_lines, bad[head]


def _inner(data: bytes, bounds: Integers, quotes: Integers, delimiter: str) -> Flags:
    """Lines in which a quote opens that stands in the middle of a cell: neither a sign between cells nor a quote is before it."""
    found = np.zeros(len(bounds) - 1, np.bool_)
    if len(quotes):
        line = np.searchsorted(bounds, quotes, side="right") - 1
        place = np.arange(len(quotes)) - np.searchsorted(quotes, bounds)[line]
        before = np.frombuffer(data, np.uint8)[np.maximum(quotes - 1, 0)]
        at_start = quotes == bounds[line]
        opens_well = at_start | (before == ord(delimiter)) | (before == QUOTE)
        found[line[(place % 2 == 0) & ~opens_well]] = True
    return found


def _joined(body: Integers, odd: Flags, n_all: int) -> tuple[Integers, Integers, bool]:
    """Lines of the body put together where a quote is open at the end of one."""
    inside = (np.cumsum(odd[body]) % 2).astype(np.bool_)  # at the end of each line
    begins = np.concatenate([[True], ~inside[:-1]]) if len(body) else np.zeros(0, np.bool_)
    head = body[begins]
    last = np.append(np.flatnonzero(begins)[1:], len(body)) - 1 if len(head) else np.zeros(0, np.int64)
    return head, body[last] - head + 1, bool(len(inside) and inside[-1])


def _cells(
    bounds: Integers, head: Integers, n_lines: Integers, quotes: Integers, delimiters: Integers
) -> Integers:
    """Cells of each record: delimiters outside of quotes, and one."""
    first, end = bounds[head], bounds[head + n_lines]
    if not len(quotes):
        return np.searchsorted(delimiters, end) - np.searchsorted(delimiters, first) + 1
    record = np.searchsorted(first, delimiters, side="right") - 1
    is_in = record >= 0
    record, places = record[is_in], delimiters[is_in]
    before = np.searchsorted(quotes, places) - np.searchsorted(quotes, first)[record]
    counts = (before % 2 == 0) & (places < end[record])
    return np.bincount(record[counts], minlength=len(head)).astype(np.int64) + 1


def _told(data: bytes, bounds: Integers, line: int, cells: int, is_open: bool, width: int) -> Malformed:
    text = data[bounds[line] : bounds[line + 1]].decode().rstrip("\r\n")
    shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    if is_open:
        return Malformed(
            line=line + 1, given=shown, allowed="quotes in pairs: one opens here and never closes"
        )
    return Malformed(
        line=line + 1, given=f"{cells} cells: {shown}", allowed=f"{width} cells, as the first line has"
    )


def _kept(data: bytes, first: Integers, end: Integers) -> bytes:
    """The bytes of some records, one after the other; all at once where they are adjacent."""
    if not len(first):
        return b""
    gaps = np.flatnonzero(first[1:] != end[:-1])
    begins, ends = first[np.concatenate([[0], gaps + 1])], end[np.append(gaps, len(end) - 1)]
    parts = [data[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
    return b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts)


def table(found: Records, names: Sequence[str]) -> tuple[Records, dict[str, Any]]:
    """Some columns of the good records as Arrow arrays of text, in their order.

    Records that the reader takes for something else (a quote in the middle of a cell) are malformed, too.
    """
    import pyarrow as pa

    wanted = list(dict.fromkeys(names))
    if not found.body:
        return found, {name: pa.chunked_array([pa.array([], pa.string())]) for name in wanted}
    odd: list[int] = []
    try:
        read = _read(found, wanted, None)
    except pa.ArrowInvalid:
        # Only one thread knows which record it is at.
        def skip(row: Any) -> str:
            odd.append(int(row.number) - 1)
            return "skip"

        read = _read(found, wanted, skip)
    lines = np.delete(found.line, odd)
    assert read.num_rows == len(lines), f"{read.num_rows} rows of {len(lines)} records"
    told = [
        Malformed(
            line=int(found.line[at]),
            given="a quote in the middle of a cell",
            allowed="quotes around whole cells",
        )
        for at in odd
    ]
    malformed = sorted((*found.malformed, *told), key=lambda one: one.line)
    after = replace(
        found, line=lines, malformed=tuple(malformed[:LISTED]), n_malformed=found.n_malformed + len(odd)
    )
    return after, {name: read.column(name) for name in wanted}


def _read(found: Records, wanted: list[str], skip: Callable[[Any], str] | None) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        pa.BufferReader(found.body),
        read_options=arrow_csv.ReadOptions(
            column_names=list(found.header), block_size=1 << 24, use_threads=skip is None
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=found.delimiter,
            newlines_in_values=b'"' in found.body,
            ignore_empty_lines=False,
            invalid_row_handler=skip,
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
        ),
    )


__all__ = ["LISTED", "Malformed", "Records", "records", "table"]
