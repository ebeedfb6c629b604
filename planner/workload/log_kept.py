"""A log that was read and cleaned: what it holds, its name by content, its bytes, and its file for a replay.

The same traffic has the same name (`Log.hex`), from whatever file it came. Its bytes are small enough to travel in a page:
times as differences, columns packed, then zstd.
"""

import contextlib
import datetime
import hashlib
import io
import json
import os
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from planner.errors import Problem, ScenarioError
from planner.workload.log_columns import Column

if TYPE_CHECKING:
    import pandas as pd

    from planner.workload.log_profile import Profile

Integers = npt.NDArray[np.int64]

HEX_DIGITS = 16
_ARRAYS = (
    "arrival_ns",
    "input_tokens",
    "output_tokens",
    "prefix_tokens",
    "session",
    "task",
    "model",
    "latency_ns",
)
_VERSION = "1"
MOST_ROWS = 20_000_000  # a memo comes from anywhere: no small file may unpack without end


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that was left out: its line (row, in a Parquet file), column, what stood there, what is allowed."""

    line: int
    column: str
    given: str
    allowed: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Log:
    """Requests of a log in the order of time; arrays of shape (n,), `arrival_ns` from the first request on.

    `start_ns` is the first request in ns since 1970, None where the log counts from its own start. `session`, `task` and
    `model` are codes, -1 where a cell was empty; None where there is no such column. `latency_ns` is -1 where not known.
    """

    source: str
    arrival_ns: Integers
    input_tokens: Integers
    output_tokens: Integers
    prefix_tokens: Integers | None = None
    start_ns: int | None = None
    session: Integers | None = None
    task: Integers | None = None
    task_names: tuple[str, ...] = ()
    model: Integers | None = None
    model_names: tuple[str, ...] = ()
    latency_ns: Integers | None = None
    columns: tuple[Column, ...] = ()
    unused: tuple[str, ...] = ()
    n_read: int = 0
    n_bad: int = 0
    bad_counts: Mapping[str, int] = field(default_factory=dict)
    bad_rows: tuple[BadRow, ...] = ()  # of each column and of malformed lines the first 20
    notices: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of requests."""
        return int(self.arrival_ns.shape[0])

    @property
    def span_s(self) -> float:
        """From the first to the last request, in seconds."""
        return int(self.arrival_ns[-1]) / 1e9

    @property
    def start(self) -> datetime.datetime | None:
        """The moment of the first request, UTC; None where only differences of time are known."""
        if self.start_ns is None:
            return None
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return epoch + datetime.timedelta(microseconds=self.start_ns // 1000)

    @cached_property
    def hex(self) -> str:
        """The first 16 hex digits of the SHA-256 of its content."""
        digest = hashlib.sha256(
            f"log {_VERSION} {self.start_ns} {self.task_names} {self.model_names}".encode()
        )
        for name in _ARRAYS:
            values = getattr(self, name)
            digest.update(f"{name} {values is not None}".encode())
            if values is not None:
                digest.update(np.ascontiguousarray(values, "<i8").tobytes())
        return digest.hexdigest()[:HEX_DIGITS]

    @cached_property
    def profile(self) -> "Profile":
        """Load over the time of the log, hours of the week, sizes and burstiness."""
        from planner.workload.log_profile import profile

        return profile(self)

    @cached_property
    def without_tasks(self) -> "Log":
        """The same requests, not saying what they are about; lives as long as this log."""
        return replace(self, task=None, task_names=())

    @property
    def bad(self) -> "pd.DataFrame":
        """Rows that were left out, the first 20 of each kind: line, column, given, allowed."""
        import pandas as pd

        ordered = sorted(self.bad_rows, key=lambda one: (one.line, one.column))
        rows = [(one.line, one.column or "the whole line", one.given, one.allowed) for one in ordered]
        return pd.DataFrame(rows, columns=["line", "column", "given", "allowed"])

    def named(self, source: str) -> "Log":
        """The same log under another name."""
        return replace(self, source=source)

    # -- as bytes and as a file --------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The log as a Parquet file, zstd; `from_bytes` reads it. Bad rows are not in it, only how many there were."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = {name: getattr(self, name) for name in _ARRAYS if getattr(self, name) is not None}
        arrays["arrival_ns"] = np.diff(self.arrival_ns, prepend=0)
        told = {
            "version": _VERSION, "source": self.source, "start_ns": self.start_ns, "task_names": self.task_names,
            "model_names": self.model_names, "n_read": self.n_read, "n_bad": self.n_bad,
            "bad_counts": dict(self.bad_counts), "notices": self.notices,
        }  # fmt: skip
        schema = pa.schema([(name, pa.int64()) for name in arrays], metadata={"log": json.dumps(told)})
        into = io.BytesIO()
        pq.write_table(
            pa.table(list(arrays.values()), schema=schema), into, compression="zstd", compression_level=9,
            use_dictionary=False, write_statistics=False, store_schema=True,
            column_encoding=dict.fromkeys(arrays, "DELTA_BINARY_PACKED"),
        )  # fmt: skip
        return into.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "Log":
        """The log of `to_bytes`. Raises ScenarioError where the bytes are none."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if pq.read_metadata(pa.BufferReader(data)).num_rows > MOST_ROWS:
                raise ValueError(f"more than {MOST_ROWS:,} rows")
            read = pq.read_table(pa.BufferReader(data))
            told = json.loads((read.schema.metadata or {})[b"log"])
            arrays: dict[str, Any] = {name: read.column(name).to_numpy() for name in read.column_names}
            arrays = {name: np.array(values, np.int64) for name, values in arrays.items()}
            if (
                told["version"] != _VERSION
                or not set(arrays) <= set(_ARRAYS)
                or not len(arrays["arrival_ns"])
            ):
                raise ValueError("another version")
            arrays["arrival_ns"] = np.cumsum(arrays["arrival_ns"])
            tokens = [arrays[name] for name in ("input_tokens", "output_tokens")]
            if (np.diff(arrays["arrival_ns"]) < 0).any() or any((one < 0).any() for one in tokens):
                raise ValueError("no log")
            for name in ("task", "model"):
                codes = arrays.get(name)
                if codes is not None and not (codes.min() >= -1 and codes.max() < len(told[f"{name}_names"])):
                    raise ValueError(f"unknown codes of {name}")
            told_too: dict[str, Any] = {
                **{key: tuple(told[key]) for key in ("task_names", "model_names", "notices")},
                **{key: told[key] for key in ("source", "start_ns", "n_read", "n_bad", "bad_counts")},
            }
            return Log(**arrays, **told_too)
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            problem = Problem(field="the log", text=f"it is no log that was kept by this program ({error})")
            raise ScenarioError([problem], "the log") from None

    @cached_property
    def file(self) -> Path:
        """A Parquet file with the columns of a trace, in a folder of its own that goes when the log does."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns: dict[str, Any] = {
            # A time stamp, not float seconds: no ns of an arrival may get lost.
            "arrival_s": pa.array(self.arrival_ns, pa.timestamp("ns")),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }
        if self.prefix_tokens is not None:
            columns["prefix_tokens"] = self.prefix_tokens
        if self.session is not None:
            columns["session"] = pa.array(self.session, mask=self.session < 0)
        if self.task is not None:
            names = np.array([*self.task_names, None], dtype=object)
            columns["task"] = pa.array(names[self.task], pa.string())
        folder = Path(tempfile.mkdtemp(prefix="planner-log-"))
        weakref.finalize(self, _remove, folder)
        path = folder / f"{self.hex}.parquet"
        pq.write_table(pa.table(columns), path, compression="lz4", write_statistics=False)
        path.chmod(0o600)
        return path


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            os.unlink(path)
        folder.rmdir()


__all__ = ["HEX_DIGITS", "BadRow", "Log"]
