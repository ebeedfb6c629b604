"""Every request and call of a window on disk, written as they end, in memory that does not grow.

Comes in: a scenario and a strategy; goes out: a folder with `outcomes.parquet`, `attempts.parquet`,
`events.parquet` (contracts in `planner.tables`, times in seconds) and `manifest.json`. The folder is
written under a temporary name and renamed when it is whole: a crash, a full disk or Ctrl-C leaves no
half of it.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner import tables
from planner.engines.run import stream_window
from planner.errors import PlannerError
from planner.scenario.fields import Scenario
from planner.tables import Column
from planner.workload.requests import generate_blocks
from planner.workload.windows import plan_windows

TABLES: dict[str, Sequence[Column]] = {
    "outcomes": tables.OUTCOMES_TABLE,
    "attempts": tables.ATTEMPTS,
    "events": tables.EVENTS,
}


@dataclass(frozen=True)
class Recorded:
    """Where the tables are, and how many rows each has."""

    folder: Path
    rows: dict[str, int]


def record(
    scenario: Scenario,
    strategy: str,
    folder: Path | str,
    *,
    replication: int = 0,
    requests: int | None = None,
    report: Callable[[int], None] | None = None,
) -> Recorded:
    """Simulate one window of a strategy with the compiled engine and write its tables.

    Rows come in the order in which requests and calls end.

    Parameters
    ----------
    folder : path
        Must not exist yet, its parent must.
    requests : int, optional
        Exactly so many first requests; the window is lengthened, never thinned.
    report : callable (requests done), optional
        Called often; what it raises ends the run and nothing stays.

    Raises
    ------
    PlannerError
        A folder that exists or cannot be written, a strategy or replication that does not exist.
    """
    target = Path(folder)
    if target.exists():
        raise PlannerError(f"{target} exists already; name a new folder")
    windows = plan_windows(scenario)
    if not 0 <= replication < len(windows):
        raise PlannerError(f"replication: got {replication}; allowed: 0 to {len(windows) - 1}")
    window = windows[replication]
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as half:
            blocks = generate_blocks(scenario, window, requests)
            rows = _write(scenario, stream_window(scenario, strategy, window, blocks, report), Path(half))
            manifest = {
                "scenario": {"name": scenario.name, "hash": scenario.hash, "seed": scenario.run.seed},
                "strategy": strategy,
                "replication": replication,
                "window_start_s": window.start_s,
                "engine": "compiled",
                "rows": rows,
            }
            (Path(half) / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            whole = Path(half) / "whole"
            whole.mkdir()
            for name in (*(f"{table}.parquet" for table in TABLES), "manifest.json"):
                shutil.move(Path(half) / name, whole / name)
            whole.rename(target)
    except OSError as error:
        raise PlannerError(f"{target} cannot be written: {error.strerror or error}") from None
    return Recorded(target, rows)


def _write(scenario: Scenario, chunks: Iterable[Sequence[np.ndarray]], folder: Path) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = {"task": tuple(scenario.tasks), "deployment": tuple(scenario.deployments)}
    schemas = {table: pa.schema(list(_fields(contract))) for table, contract in TABLES.items()}
    writers: dict[str, Any] = {
        table: pq.ParquetWriter(folder / f"{table}.parquet", schema, compression="zstd")
        for table, schema in schemas.items()
    }
    rows = dict.fromkeys(TABLES, 0)
    try:
        for chunk in chunks:
            for (table, contract), part in zip(TABLES.items(), chunk, strict=True):
                if not len(part):
                    continue
                arrays = {column.name: part[:, index] for index, column in enumerate(contract)}
                frame = tables.frame(contract, arrays, names)
                writers[table].write_table(
                    pa.Table.from_pandas(frame, schema=schemas[table], preserve_index=False)
                )
                rows[table] += len(part)
    finally:
        for writer in writers.values():
            writer.close()
    return rows


def _fields(contract: Sequence[Column]) -> Iterator[Any]:
    import pyarrow as pa

    for column in contract:
        if column.name.endswith("_ns"):
            yield pa.field(column.name.removesuffix("_ns") + "_s", pa.float64())
        elif column.words or column.name in ("task", "deployment"):
            yield pa.field(column.name, pa.string())
        elif column.name == "correct":
            yield pa.field(column.name, pa.bool_())
        else:
            yield pa.field(column.name, pa.int64())
