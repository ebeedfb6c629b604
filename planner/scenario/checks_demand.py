"""Rules about traffic, recordings and tasks."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath

from planner.scenario.declare import shown
from planner.scenario.demand import TRACE_COLUMNS, Task
from planner.scenario.finding import Finding, View, listed, unknown
from planner.scenario.paths import Path, closest

TRACE = ("traffic", "trace")
REQUIRED_COLUMNS = ("arrival_s", "input_tokens", "output_tokens")
COLUMNS_PER_MODEL = ("correct", "output_tokens")
TRACE_FILES = (".csv", ".parquet")


def volume(view: View) -> Iterator[Finding]:
    """Something must say how much traffic there is, and only one thing."""
    traffic = view.scenario.traffic
    places = tuple(("traffic", name) for name in ("requests_per_month", "users", "trace"))
    if traffic.requests_per_month is None and traffic.users is None and traffic.trace is None:
        yield Finding(
            path=("traffic",),
            text="nothing says how many requests come",
            hint="give requests_per_month, users or trace",
            because=places,
        )
    if traffic.requests_per_month is not None and traffic.users is not None:
        other = view.where(places[0])
        yield Finding(
            path=places[1],
            text=f"given beside traffic.requests_per_month{other}",
            hint="give one of them",
            because=places[:1],
        )


def trace_file(view: View) -> Iterator[Finding]:
    """A recording must be there, in a format that we read."""
    trace = view.scenario.traffic.trace
    if trace is None or trace.file is None:
        return
    path = FilePath(trace.file) if view.folder is None else view.folder / trace.file
    where = (*TRACE, "file")
    if path.suffix.lower() not in TRACE_FILES:
        yield Finding(path=where, given=shown(trace.file), allowed="a file that ends in .csv or .parquet")
    elif not path.is_file():
        beside = "beside the scenario file" if view.folder is not None else "in the working directory"
        yield Finding(path=where, given=shown(trace.file), allowed=f"a file; none of that name is {beside}")


def trace_columns(view: View) -> Iterator[Finding]:
    """Names of columns must be ours, and those of models must be models that are used."""
    trace = view.scenario.traffic.trace
    if trace is None:
        return
    for name in trace.columns or {}:
        yield from _column(view, (*TRACE, "columns", name), name)
    theirs = set((trace.columns or {}).values())
    met: set[str] = set()
    for index, row in enumerate(trace.rows or ()):
        for name in row:
            if name not in met and name not in theirs:
                met.add(name)
                yield from _column(view, (*TRACE, "rows", index, name), name)
        if trace.columns is None:
            for name in REQUIRED_COLUMNS:
                if name not in row:
                    yield Finding(path=(*TRACE, "rows", index), text=f"no {name}; every row needs one")
        yield from _row_task(view, index, row)
    if trace.rows is not None and not trace.rows:
        yield Finding(path=(*TRACE, "rows"), given="an empty list", allowed="at least one row")


def _column(view: View, path: Path, name: str) -> Iterator[Finding]:
    kind, dot, model = name.partition(".")
    if dot and kind in COLUMNS_PER_MODEL:
        if model not in view.models:
            yield Finding(
                path=path,
                text=f"no strategy uses a model {shown(model)}",
                hint=closest(model, view.models),
                complete=(("deployments",), ("finance", "migrations"), ("strategies",)),
            )
    elif name not in TRACE_COLUMNS:
        names = [*TRACE_COLUMNS, *(f"{kind}.MODEL" for kind in COLUMNS_PER_MODEL)]
        yield Finding(path=path, text="no such column", hint=closest(name, names))


def _row_task(view: View, index: int, row: Mapping[str, object]) -> Iterator[Finding]:
    task = row.get("task")
    if isinstance(task, str) and task not in view.scenario.tasks:
        yield unknown((*TRACE, "rows", index, "task"), task, view.scenario.tasks, "tasks")


def shares(view: View) -> Iterator[Finding]:
    """Shares are given for all tasks or for none, and sum to 1."""
    tasks = view.scenario.tasks
    given = {name: task.share for name, task in tasks.items() if task.share is not None}
    because = tuple(("tasks", name, "share") for name in tasks)
    if not given:
        return
    missing = [name for name in tasks if name not in given]
    if missing:
        yield Finding(
            path=("tasks",),
            text=f"a share is given for {listed(given)} but not for {listed(missing)}",
            hint="give all shares, or none for equal ones",
            because=because,
            complete=(("tasks",),),
        )
    elif abs(total := math.fsum(given.values())) - 1 > 1e-9 or total < 1 - 1e-9:
        parts = " + ".join(f"{share:g}" for share in given.values())
        yield Finding(
            path=("tasks",),
            given=f"shares that sum to {total:.10g}" + (f" ({parts})" if len(given) <= 8 else ""),
            allowed="shares that sum to 1",
            because=because,
            complete=(("tasks",),),
        )


def modalities(view: View) -> Iterator[Finding]:
    """What a task holds and what it says about images and speech must agree."""
    for name, task in view.scenario.tasks.items():
        yield from _agreement(
            view, name, task, "vision", "images", bool(task.images), "[{width_px, height_px}]"
        )
        spoken = task.audio.input_s.mean > 0 or task.audio.output_s.mean > 0
        yield from _agreement(view, name, task, "audio", "audio", spoken, "{input_s, output_s}")
        if len(set(task.modalities)) < len(task.modalities):
            yield Finding(
                path=("tasks", name, "modalities"),
                given=shown(list(task.modalities)),
                allowed="each modality once",
            )


def _agreement(
    view: View, name: str, task: Task, modality: str, field: str, has_it: bool, form: str
) -> Iterator[Finding]:
    where = ("tasks", name, "modalities")
    if has_it and modality not in task.modalities:
        yield Finding(
            path=("tasks", name, field),
            text=f"given, but {modality} is not among the task's modalities, {shown(list(task.modalities))}"
            + view.where(where) * ("modalities" in task.model_fields_set),
            because=(where,),
        )
    if not has_it and modality in task.modalities:
        yield Finding(path=where, text=f"{modality} needs {field}: {form}", because=(("tasks", name, field),))


def accuracies(view: View) -> Iterator[Finding]:
    """An evaluation belongs to a model that is used, an ability to a task that exists."""
    scenario = view.scenario
    for name, task in scenario.tasks.items():
        for model in task.accuracy:
            if model not in view.models:
                yield Finding(
                    path=("tasks", name, "accuracy", model),
                    text=f"no strategy uses a model {shown(model)}",
                    hint=closest(model, view.models),
                    complete=(("deployments",), ("finance", "migrations"), ("strategies",)),
                )
    for model, own in scenario.models.items():
        for name in own.ability:
            if name not in scenario.tasks:
                yield unknown(("models", model, "ability", name), name, scenario.tasks, "tasks")


def gates_on_private_data(view: View) -> Iterator[Finding]:
    """A gate on private data says nothing where no request holds any."""
    tasks = view.scenario.tasks
    if view.scenario.slo.sensitive_outside is not None and not any(task.sensitive for task in tasks.values()):
        yield Finding(
            path=("slo", "sensitive_outside"),
            text="no task has sensitive requests, so every strategy meets this target",
            complete=(("tasks",),),
            is_notice=True,
        )
    for name, task in tasks.items():
        if task.slo.sensitive_outside is not None and not task.sensitive:
            yield Finding(
                path=("tasks", name, "slo", "sensitive_outside"),
                text="the task has no sensitive requests, so every strategy meets this target",
                is_notice=True,
            )


def ratings_for_gates(view: View) -> Iterator[Finding]:
    """A target on accuracy cannot be judged where no model is rated."""
    from planner.scenario.known import is_rated

    scenario = view.scenario
    for name, task in scenario.tasks.items():
        wanted = task.slo.accuracy if task.slo.accuracy is not None else scenario.slo.accuracy
        unrated = [model for model in view.models if not is_rated(scenario, name, model)]
        if wanted is not None and unrated and view.scenario.traffic.trace is None:
            yield Finding(
                path=("tasks", name),
                text=f"answers of {listed(unrated)} are unrated here and do not count towards slo.accuracy",
                hint=f"give tasks.{name}.accuracy",
                is_notice=True,
            )


DEMAND = (
    volume,
    trace_file,
    trace_columns,
    shares,
    modalities,
    accuracies,
    gates_on_private_data,
    ratings_for_gates,
)
