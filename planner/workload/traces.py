"""Recordings that are replayed: CSV or Parquet files, rows inside the scenario, or a table.

Comes in: `traffic.trace`, or a DataFrame. Goes out: a `Recording`, arrays in the order of the rows, whose
number from 0 names the request. Three columns suffice: arrival_s, input_tokens, output_tokens. Optional ones
are replayed as recorded instead of modelled; an empty cell in them means not recorded. Rows that are no
requests are all counted and the first 20 listed; nothing is dropped or repaired.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from planner.errors import Problem, ScenarioError
from planner.scenario.demand import TRACE_COLUMNS, Trace
from planner.scenario.fields import Scenario
from planner.scenario.paths import closest, nearest
from planner.scenario.strategies import CascadeRouter
from planner.workload.cells import Cells

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 2 * 2**30
REQUIRED = ("arrival_s", "input_tokens", "output_tokens")
PER_MODEL = ("correct", "output_tokens")
# Both forms in which the Azure 2023 traces travel: the published CSV, and seconds since the first request.
AZURE_2023 = (
    {"arrival_s": "TIMESTAMP", "input_tokens": "ContextTokens", "output_tokens": "GeneratedTokens"},
    {"arrival_s": "t_s", "input_tokens": "input_tokens", "output_tokens": "output_tokens"},
)

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording's columns, in the order of its rows; every array has shape (n,). Units: `tables.REQUESTS`."""

    source: str
    arrived_ns: Integers
    input_tokens: Integers
    prefix_tokens: Integers
    output_tokens: Integers
    task: Integers  # index in the scenario's order; -1 throughout where there is no such column
    session: Integers  # numbered by first appearance; -1 if none
    router_score: Floats
    verifier_score: Floats
    service_ns: Integers | None  # (n, calls), see `requests.Requests`
    correct: Mapping[str, npt.NDArray[np.int8]]
    output_by_model: Mapping[str, Integers]
    notices: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of requests."""
        return int(self.arrived_ns.shape[0])

    @cached_property
    def order(self) -> Integers:
        """Rows by time; equal times keep the order of the rows."""
        return np.argsort(self.arrived_ns, kind="stable").astype(np.int64)

    @property
    def names_tasks(self) -> bool:
        """Whether the recording says what each request was about."""
        return bool((self.task >= 0).all())

    @property
    def last_ns(self) -> int:
        """The last arrival: the length of the window that replays it."""
        return int(self.arrived_ns.max())

    @property
    def span_ns(self) -> int:
        """From the first to the last arrival."""
        return int(self.arrived_ns.max() - self.arrived_ns.min())

    @property
    def turns_mean(self) -> float | None:
        """Requests per conversation, each request without one standing alone; None without sessions."""
        if not (self.session >= 0).any():
            return None
        return self.n / (int(self.session.max()) + 1 + int((self.session < 0).sum()))


_kept: "OrderedDict[Any, tuple[Any, Recording]]" = OrderedDict()
KEPT = 4


def recording(scenario: Scenario) -> Recording:
    """The scenario's recording, read once for each state of its file (path, time of change, size).

    Raises
    ------
    ScenarioError
        A file that is missing, empty, too large or broken, a missing column, rows that are no requests.
    """
    trace = scenario.traffic.trace
    assert trace is not None, "only a scenario with a trace has a recording"
    tasks, models = tuple(scenario.tasks), models_in_use(scenario)
    if trace.rows is not None:
        # The rows themselves are kept beside the result, so that their identity cannot be given away.
        key: Any = (id(trace.rows), tasks, models)
        return _remembered(key, trace.rows, lambda: _from_rows(trace, tasks, models))
    path = _path(scenario, trace)
    state = _state(path, trace)
    columns = tuple(sorted(trace.columns.items())) if trace.columns else ()
    return _remembered(
        (str(path), state, trace.format, columns, tasks, models),
        None,
        lambda: _from_file(path, trace, tasks, models),
    )


def from_table(
    scenario: Scenario, table: "pd.DataFrame | Sequence[Mapping[str, Any]]", source: str = "the table"
) -> Recording:
    """A recording from a DataFrame or rows whose columns have our names."""
    tasks, models = tuple(scenario.tasks), models_in_use(scenario)
    if isinstance(table, Sequence):
        return _recording(_columns_of(table), source, f"{source}: row {{row}}, ", tasks, models)
    columns = {str(name): table[name] for name in table.columns}
    return _recording(columns, source, f"{source}: row {{row}}, ", tasks, models)


def task_shares(scenario: Scenario) -> dict[str, float]:
    """TASK: share of all requests, by the rows of a recording that names tasks, else as the scenario says."""
    if scenario.traffic.trace is None:
        return scenario.shares()
    found = recording(scenario)
    if not found.names_tasks:
        return scenario.shares()
    counted = np.bincount(found.task, minlength=len(scenario.tasks))
    return {name: int(count) / found.n for name, count in zip(scenario.tasks, counted, strict=True)}


def models_in_use(scenario: Scenario) -> tuple[str, ...]:
    """Models that a column may speak of: of deployments, of migrations, of verifiers; in that order."""
    routers = [scenario.strategy(name).router for name in scenario.strategies]
    return tuple(
        dict.fromkeys(
            [
                *(deployment.model for deployment in scenario.deployments.values()),
                *(migration.to for migration in scenario.finance.migrations),
                *(router.verifier.model for router in routers if isinstance(router, CascadeRouter)),
            ]
        )
    )


def _remembered(key: Any, held: Any, read: Any) -> Recording:
    if key not in _kept:
        _kept[key] = (held, read())
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key][1]


# -- where the columns come from ---------------------------------------------------------------


def _refuse(text: str, field: str = "traffic.trace.file", **more: Any) -> ScenarioError:
    return ScenarioError([Problem(field=field, text=text, **more)], "the trace")


def _path(scenario: Scenario, trace: Trace) -> Path:
    folder = getattr(scenario._source, "folder", None)
    given = Path(str(trace.file))
    return given if folder is None else Path(folder) / given


def _state(path: Path, trace: Trace) -> tuple[int, int]:
    """Time of change and size, after the refusals that need no reading."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise _refuse(f"got '{trace.file}'; allowed: a file that ends in .csv or .parquet")
    try:
        found = path.stat()
    except OSError as error:
        raise _refuse(f"got '{trace.file}'; allowed: a readable file ({error.strerror})") from None
    if not path.is_file():
        raise _refuse(f"got '{trace.file}', which is no file; allowed: a CSV or Parquet file")
    if found.st_size == 0:
        raise _refuse(f"got '{trace.file}', which is empty; allowed: a file with at least one request")
    if found.st_size > MAX_BYTES:
        raise _refuse(
            f"got '{trace.file}' of {found.st_size / 2**30:.1f} GiB; allowed: at most {MAX_BYTES / 2**30:g} GiB"
        )
    return found.st_mtime_ns, found.st_size


def _from_rows(trace: Trace, tasks: tuple[str, ...], models: tuple[str, ...]) -> Recording:
    assert trace.rows is not None
    columns = _columns_of(trace.rows)
    mapping = _mapping(trace, list(columns), "traffic.trace.rows")
    taken = set(mapping.values())
    unknown = [name for name in columns if name not in taken and not _is_ours(name)]
    if unknown:
        raise ScenarioError(
            [
                Problem(
                    field=f"traffic.trace.rows[{_first_with(trace.rows, name)}].{name}",
                    text="no such column",
                    hint=_meant(name, [*TRACE_COLUMNS, *(f"{kind}.MODEL" for kind in PER_MODEL)]),
                )
                for name in unknown
            ],
            "the trace",
        )
    named = {ours: columns[theirs] for ours, theirs in mapping.items()}
    return _recording(named, "the trace", "traffic.trace.rows[{row}].", tasks, models)


def _first_with(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    return next(index for index, row in enumerate(rows) if name in row)


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, "pd.Series"]:
    """Columns of plain values in order of first mention; a key that a row lacks is an empty cell."""
    import pandas as pd

    names = dict.fromkeys(str(key) for row in rows for key in row)
    return {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}


def _from_file(path: Path, trace: Trace, tasks: tuple[str, ...], models: tuple[str, ...]) -> Recording:
    shown = str(trace.file)
    read = _read_csv if path.suffix.lower() == ".csv" else _read_parquet
    header, columns = read(path, shown, lambda names: _mapping(trace, names, shown))
    unused = [name for name in header if name not in columns.values]
    named = {ours: columns.values[theirs] for ours, theirs in columns.mapping.items()}
    notices = (f"{shown}: columns not used: {', '.join(unused)}",) if unused else ()
    return _recording(named, shown, f"{shown}: row {{row}}, ", tasks, models, notices)


@dataclass(frozen=True)
class _Read:
    """Columns that were read, by the file's names, and the file's name of each of ours."""

    mapping: Mapping[str, str]
    values: Mapping[str, "pd.Series"]


def _read_csv(path: Path, shown: str, mapping_of: Any) -> tuple[list[str], _Read]:
    import warnings

    import pandas as pd

    options: dict[str, Any] = {"encoding": "utf-8-sig", "index_col": False}
    try:
        header = [str(name) for name in pd.read_csv(path, nrows=0, **options).columns]
        mapping = mapping_of(header)
        with warnings.catch_warnings():
            # Lines longer than the header would lose their last cells with no more than a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # All columns, used or not: only then does the reader count the cells of every line.
            table = pd.read_csv(path, low_memory=False, **options)
    except pd.errors.EmptyDataError:
        raise _refuse(f"got '{shown}', which is empty; allowed: a file with at least one request") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise _refuse(f"got '{shown}', which is no CSV file: {reason}") from None
    except UnicodeDecodeError:
        raise _refuse(f"got '{shown}', which is not UTF-8 text; allowed: a CSV file in UTF-8") from None
    except OSError as error:
        raise _refuse(f"got '{shown}'; allowed: a readable file ({error.strerror})") from None
    return header, _Read(mapping, {name: table[name] for name in sorted(set(mapping.values()))})


def _read_parquet(path: Path, shown: str, mapping_of: Any) -> tuple[list[str], _Read]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            header = list(file.schema_arrow.names)
            mapping = mapping_of(header)
            wanted = sorted(set(mapping.values()))
            table = file.read(columns=wanted).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise _refuse(f"got '{shown}', which is no readable Parquet file: {reason}") from None
    return header, _Read(mapping, {name: table[name] for name in wanted})


def _is_ours(name: str) -> bool:
    return name in TRACE_COLUMNS or ("." in name and name.split(".", 1)[0] in PER_MODEL)


def _meant(name: str, known: Sequence[str]) -> str | None:
    return closest(name, known)


def _mapping(trace: Trace, header: Sequence[str], where: str) -> dict[str, str]:
    """Our name: the recording's name, for all of our columns that it has."""
    given = dict(trace.columns or {})
    if trace.format == "azure-2023":
        given = next((names for names in AZURE_2023 if set(names.values()) <= set(header)), AZURE_2023[0])
    problems = []
    for ours, theirs in given.items():
        place = f"traffic.trace.columns[{ours}]" if trace.format is None else "traffic.trace.format"
        if not _is_ours(ours):
            problems.append(
                Problem(field=place, text="no such column of ours", hint=_meant(ours, TRACE_COLUMNS))
            )
        elif theirs not in header:
            problems.append(
                Problem(field=place, text=f"{where} has no column '{theirs}'", hint=_meant(theirs, header))
            )
    mapping = {name: name for name in header if _is_ours(name)} | given
    for name in REQUIRED:
        if name not in mapping:
            problems.append(
                Problem(
                    field="traffic.trace",
                    text=f"{where} has no column {name}",
                    hint=_what_instead(name, header),
                )
            )
    if problems:
        raise ScenarioError(problems, "the trace")
    return mapping


def _what_instead(name: str, header: Sequence[str]) -> str:
    if any(set(names.values()) <= set(header) for names in AZURE_2023):
        return "its columns are those of format: azure-2023"
    theirs = nearest(name, [other for other in header if not _is_ours(other)]) or "THEIRS"
    return f"it has {', '.join(header[:12])}; give columns: {{{name}: {theirs}}}"


# -- from columns to arrays --------------------------------------------------------------------


def _recording(
    columns: Mapping[str, "pd.Series"],
    source: str,
    place: str,
    tasks: tuple[str, ...],
    models: tuple[str, ...],
    notices: tuple[str, ...] = (),
) -> Recording:
    """Check and convert all columns; `place` says where row `{row}` stands."""
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise ScenarioError(
            [Problem(field=name, text=f"{source} has no such column") for name in missing], source
        )
    n = len(columns["arrival_s"])
    if n == 0:
        raise _refuse(f"{source} has no rows; allowed: at least one request", "traffic.trace")
    cells = Cells(columns, n, place)
    sent, prefix = cells.whole("input_tokens"), cells.whole("prefix_tokens", empty=0)
    cells.at_most("prefix_tokens", prefix, sent, "input_tokens")
    per_model: dict[str, dict[str, Any]] = {kind: {} for kind in PER_MODEL}
    for name in columns:
        kind, _, model = name.partition(".")
        if kind in PER_MODEL and model:
            if model not in models:
                cells.refuse_column(name, f"no strategy uses a model '{model}'", closest(model, models))
            else:
                per_model[kind][model] = (
                    cells.verdict(name) if kind == "correct" else cells.whole(name, empty=-1)
                )
    found = Recording(
        source=source,
        arrived_ns=cells.moments("arrival_s"),
        input_tokens=sent,
        prefix_tokens=prefix,
        output_tokens=cells.whole("output_tokens"),
        task=cells.codes("task", tasks),
        session=cells.labels("session"),
        router_score=cells.numbers("router_score"),
        verifier_score=cells.numbers("verifier_score"),
        service_ns=cells.periods("service_s"),
        correct=per_model["correct"],
        output_by_model=per_model["output_tokens"],
        notices=notices,
    )
    cells.raise_problems(source)
    return found
