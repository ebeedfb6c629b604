"""The state of a finished comparison: the text of its scenario, what was changed of it, and the figures.

Comes in: a comparison and, where the caller knows better, name, text and address; goes out: a MemoState that gives the
same comparison again.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner import __version__
from planner.errors import PlannerError
from planner.experiments.comparison import Comparison
from planner.memos.changes import changes_between
from planner.memos.figures import figures_of
from planner.memos.state import GRAMMAR, LogNote, MemoState, catalogue_digest, effective_text
from planner.memos.writing import written
from planner.scenario.fields import Scenario
from planner.scenario.paths import parse
from planner.scenario.reading import loads, read_text
from planner.workload.windows import plan_windows


def state_of(
    comparison: Comparison,
    *,
    name: str | None = None,
    text: str | None = None,
    params: Mapping[str, str] | None = None,
    page: str = "compare",
    log: LogNote | None = None,
    today: datetime.date | None = None,
) -> MemoState:
    """The state of a comparison.

    Parameters
    ----------
    name, text : str, optional
        Name and YAML of the scenario as its file has it; by default those of the file that it was read from. Where no
        text leads to the scenario, the whole of it stands in the memo as JSON, without changes.
    params : {parameter: text}, optional
        The address of the app's page; by default `v`, `scenario` and the changes by their paths.
    today : date, optional
        The day that the memo names.
    """
    scenario = scenario_run(comparison)
    folder = None if scenario._source is None else scenario._source.folder
    file = _file_of(scenario)
    is_found = text is None and file is not None
    if is_found and file is not None:
        text = _text_of(file)
    changes = None if text is None else _changes(text, scenario, folder)
    if is_found and changes is not None and not _are_overrides(changes, scenario):
        changes = None  # the file holds something else by now
    if text is None or changes is None:
        text, changes = effective_text(scenario), {}
    name = name or (file.stem if file is not None else "scenario")
    address = {path: written(value) for path, value in changes.items()}
    return MemoState(
        planner=__version__,
        catalogue=catalogue_digest(),
        made_on=(today or datetime.date.today()).isoformat(),
        name=name,
        text=text,
        hash=scenario.hash,
        changes=changes,
        params=dict(params) if params is not None else {"v": GRAMMAR, "scenario": name, **address},
        page=page,
        log=log,
        figures=figures_of(comparison),
    )


def scenario_run(comparison: Comparison) -> Scenario:
    """The scenario that gives the comparison again: with as many windows as were run, whoever asked for them."""
    scenario, windows = comparison.scenario, comparison.windows
    if plan_windows(scenario) == windows:
        return scenario
    for many in range(len(windows), 0, -1):
        changed = scenario.set({"run.replications": many})
        if plan_windows(changed) == windows:
            return changed
    raise AssertionError("a comparison's windows are those of some number of replications")


def _file_of(scenario: Scenario) -> Path | None:
    """The file that a scenario was read from, if it still lies there."""
    source = scenario._source
    if source is None or not source.file or source.folder is None:
        return None
    file = source.folder / Path(source.file).name
    return file if file.is_file() else None


def _text_of(file: Path) -> str | None:
    try:
        return read_text(file)
    except PlannerError:
        return None


def _changes(text: str, scenario: Scenario, folder: Any) -> dict[str, Any] | None:
    """What turns a text's scenario into the one that was run; None where no change of fields does."""
    try:
        given = loads(text, folder=folder)
        changes = changes_between(given.to_dict(), scenario.to_dict())
        if changes is None:
            return None
        return changes if loads(text, folder=folder, overrides=changes).hash == scenario.hash else None
    except PlannerError:
        return None


def _are_overrides(changes: Mapping[str, Any], scenario: Scenario) -> bool:
    """Whether all that differs from the scenario's file was set after it was read."""
    source = scenario._source
    assert source is not None, "only a scenario that was read has a file"
    return all(
        any(path[: len(place)] == place[: len(path)] for place in source.overridden)
        for path in map(parse, changes)
    )


__all__ = ["scenario_run", "state_of"]
