"""A scenario file, text or mapping -> an immutable Scenario, or all of its problems at once.

Reading goes YAML text -> plain tree with lines -> validation against the declarations -> rules across
fields. Where something is wrong, the faulty parts are left out and the rest is checked on, so that one call
lists every mistake once; nothing that merely follows from another mistake is listed.
"""

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from planner.errors import Problem, ScenarioError
from planner.scenario.checks import Finding, View, run_checks
from planner.scenario.complaints import Complaint, complaints_of
from planner.scenario.declare import NOTHING, shown
from planner.scenario.draft import Draft
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law
from planner.scenario.paths import Path, PathProblem, closest, concrete, parse, render, set_value
from planner.scenario.yaml_nodes import MAX_CHARACTERS, MAX_DEPTH, Document, read_yaml, too_large

MAX_PROBLEMS = 200  # beyond, the first of them are listed
MAX_ROUNDS = 50
STAND_INS = {
    "name": "?",
    "tasks": {"x": {}},
    "deployments": {"x": {"model": "x"}},
    "strategies": {"x": {}},
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a scenario came from: its plain tree, the line of every path, file, folder, and what was overridden."""

    data: Mapping[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)
    file: str = ""
    folder: FilePath | None = None
    overridden: frozenset[Path] = frozenset()

    def line(self, path: Path) -> int | None:
        """Line of a path, or of the nearest thing around it; None where an override set it."""
        if self.is_overridden(path):
            return None
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.lines:
                return self.lines[path[:depth]]
        return None

    def is_overridden(self, path: Path) -> bool:
        """Whether the value at a path was set by an override."""
        return any(path[: len(place)] == place for place in self.overridden)


def load(
    source: str | FilePath | Mapping[str, Any] | Scenario, overrides: Mapping[str, Any] | None = None
) -> Scenario:
    """A scenario from a file or a mapping.

    Parameters
    ----------
    source
        Path of a YAML file, or a plain mapping such as `to_dict` gives (files in it are then looked for in
        the working directory). YAML text is read by `loads`.
    overrides
        PATH: plain value, applied before anything is checked.

    Raises
    ------
    ScenarioError
        With every problem: file, line, path, what was given and what is allowed.
    """
    if isinstance(source, Scenario):
        return with_overrides(source, overrides or {})
    if isinstance(source, Mapping):
        taken = _Taken()
        tree = taken.plain(source)
        problems = [
            Problem(field=render(path), given=given, allowed=allowed)
            for path, (given, allowed) in taken.problems.items()
        ]
        return _build(Source(data=tree), overrides, problems, taken.problems)
    path = FilePath(source)
    return loads(read_text(path), name=str(source), folder=path.parent, overrides=overrides)


def loads(
    text: str,
    name: str = "<text>",
    folder: str | FilePath | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Scenario:
    """A scenario from YAML text; `name` stands for the file in problems, `folder` is where its files lie.

    Raises ScenarioError with every problem.

    >>> loads('''
    ... name: Smallest
    ... traffic: {requests_per_month: 1000}
    ... tasks: {chat: {}}
    ... deployments: {own: {model: m, latency: {total_s: 1}}}
    ... models: {m: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
    ... strategies: {all: {omni: [own]}}
    ... ''').strategy("all").omni
    (('own',),)
    """
    document = read_yaml(text, name)
    problems = list(document.problems)
    if document.complete and not isinstance(document.value, dict):
        problems.append(_no_mapping(document, name))
    if not document.complete or not isinstance(document.value, dict):
        raise ScenarioError(_listed(problems), name)
    source = Source(
        data=document.value,
        lines=document.lines,
        file=name,
        folder=FilePath(folder) if folder is not None else None,
    )
    return _build(source, overrides, problems, document.unread)


def read_text(path: str | FilePath) -> str:
    """The text of a scenario file.

    Raises ScenarioError where there is none: no such file, a folder, no permission, too large, not UTF-8.
    """
    name = str(path)
    try:
        with FilePath(path).open("rb") as file:
            content = file.read(4 * MAX_CHARACTERS + 1)
    except FileNotFoundError:
        raise ScenarioError(
            [Problem(field="", file=name, text="no such file", hint=_near_file(path))], name
        ) from None
    except IsADirectoryError:
        raise ScenarioError([Problem(field="", file=name, text="a folder, not a file")], name) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError([Problem(field="", file=name, text=f"cannot be read: {reason}")], name) from None
    if len(content) > 4 * MAX_CHARACTERS:
        raise ScenarioError([too_large(name)], name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError([Problem(field="", file=name, line=line, text="not UTF-8 text")], name) from None


def with_overrides(scenario: Scenario, overrides: Mapping[str, Any]) -> Scenario:
    """A new scenario with values replaced; `scenario` is not changed.

    Problems keep the lines of the file that the scenario came from; one at a replaced place says "set by
    override". Raises ScenarioError.
    """
    source = scenario._source if scenario._source is not None else Source(data=scenario.to_dict())
    return _build(source, overrides)


def parse_override(text: str) -> tuple[str, Any]:
    """`PATH=VALUE` -> the path and the value, read as YAML (`null`, `12`, `{p50: 1, p95: 2}`, text).

    Raises ScenarioError.

    >>> parse_override("deployments.a.limits=null")
    ('deployments.a.limits', None)
    >>> parse_override("tasks.faq.input_tokens={p50: 1, p95: 2}")
    ('tasks.faq.input_tokens', {'p50': 1, 'p95': 2})
    """
    path, given = _split_override(text)
    try:
        steps = parse(path)
    except PathProblem as problem:
        raise ScenarioError([_of_path_problem(problem)], "the override") from None
    written = given.strip()
    document = read_yaml(written, root=steps)
    problems = [replace(problem, field=path, line=None) for problem in document.problems]
    if not written:
        problems.append(Problem(field=path, text="a value must follow =", hint="null switches a limit off"))
    elif not problems and isinstance(document.value, dict | list) and written[0] not in "[{":
        allowed = "a single value, {...} or [...]; text with a colon or a leading dash stands in quotes"
        problems.append(Problem(field=path, given=shown(written), allowed=allowed))
    if problems:
        raise ScenarioError(problems, "the override")
    return path, document.value


def _split_override(text: str) -> tuple[str, str]:
    """Cut at the first = outside brackets."""
    depth = 0
    for at, character in enumerate(text):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "=" and depth <= 0:
            return text[:at].strip(), text[at + 1 :]
    problem = Problem(
        field="", given=shown(text), allowed="PATH=VALUE, such as traffic.growth_per_month=0.05"
    )
    raise ScenarioError([problem], "the override")


# -- building ------------------------------------------------------------------------------------


def _build(
    source: Source,
    overrides: Mapping[str, Any] | None = None,
    problems: Iterable[Problem] = (),
    unread: Iterable[Path] = (),
) -> Scenario:
    """The scenario of a plain tree, or ScenarioError with all problems."""
    found, spoiled = list(problems), set(unread)
    if overrides:
        source = _overridden(source, overrides, found, spoiled)
    if len(found) > MAX_PROBLEMS:
        raise ScenarioError(_listed(found), source.file or "the scenario")
    draft = Draft(source.data)
    for path in sorted(spoiled, key=len, reverse=True):
        draft.leave_out(path)
    scenario = _settle(draft, source, found)
    notices: list[Problem] = []
    if scenario is not None and len(found) < MAX_PROBLEMS:
        view = View(
            scenario=scenario,
            folder=source.folder,
            line=lambda path: source.line(draft.written(path)),
        )
        for finding in run_checks(view):
            if not _is_consequence(finding, draft):
                (notices if finding.is_notice else found).append(_of_finding(finding, draft, source))
    if found or scenario is None:
        raise ScenarioError(_listed(found), source.file or "the scenario")
    scenario._source = source
    scenario._notices = tuple(notices)
    return scenario


def _settle(draft: Draft, source: Source, found: list[Problem]) -> Scenario | None:
    """Validate, leaving out what is wrong until the rest stands; complaints are added to `found`."""
    for _ in range(MAX_ROUNDS):
        try:
            scenario = Scenario.model_validate(draft.tree, context={"folder": source.folder})
        except ValidationError as error:
            complaints = [(draft.written(complaint.path), complaint) for complaint in complaints_of(error)]
            removals = [draft.written(complaint.remove) for _, complaint in complaints]
            told = {(problem.field, problem.line) for problem in found}
            fresh = [_of_complaint(path, one, source) for path, one in complaints if not draft.is_gone(path)]
            found += [problem for problem in fresh if (problem.field, problem.line) not in told]
            if len(found) > MAX_PROBLEMS:
                return None
            for (path, complaint), removal in zip(complaints, removals, strict=True):
                _repair(draft, path, complaint, removal)
            continue
        filled = [key for key in STAND_INS if (key,) in draft.lost and draft.tree[key] == STAND_INS[key]]
        update = {key: "" if key == "name" else NOTHING for key in filled}
        return scenario.model_copy(update=update) if update else scenario
    return None


def _repair(draft: Draft, path: Path, complaint: Complaint, removal: Path) -> None:
    """Leave out the faulty part, or the smallest thing around it that can do without."""
    if complaint.meant is not None:
        draft.lost.add((*path[:-1], complaint.meant[-1]))
    if complaint.is_missing and not removal:
        draft.lost.add(path)
        draft.fill(str(path[0]), STAND_INS[str(path[0])])
        return
    while removal and not draft.leave_out(removal):
        if draft.is_inside_lost(removal[:-1]):
            return  # already gone with something around it
        removal = removal[:-1]


def _is_consequence(finding: Finding, draft: Draft) -> bool:
    """Whether a finding rests on something that was left out."""
    if draft.is_inside_lost(draft.written(finding.path)):
        return True
    if any(draft.is_gone(draft.written(path)) for path in finding.because):
        return True
    return any(draft.lacks_entry(draft.written(path)) for path in finding.complete)


def _overridden(
    source: Source, overrides: Mapping[str, Any], found: list[Problem], unread: set[Path]
) -> Source:
    """The source with overrides applied; problems and unusable values of them are added to the last two."""
    tree: Any = source.data
    places = set(source.overridden)
    for text, value in overrides.items():
        taken = _Taken()
        plain = taken.plain(value)
        try:
            tree = set_value(tree, text, plain)
            path = concrete(tree, text)
        except PathProblem as problem:
            found.append(_of_path_problem(problem, source.file))
            continue
        places.add(path)
        unread -= {place for place in unread if place[: len(path)] == path}
        for inner, (given, allowed) in taken.problems.items():
            unread.add((*path, *inner))
            hint = "set by override"
            found.append(
                Problem(
                    field=render((*path, *inner)), file=source.file, given=given, allowed=allowed, hint=hint
                )
            )
    return replace(source, data=tree, overridden=frozenset(places))


class _Taken:
    """A plain, private copy of what a caller gave; `problems` holds the places no file could hold."""

    def __init__(self) -> None:
        self.problems: dict[Path, tuple[str, str]] = {}  # path -> given, allowed

    def plain(self, value: Any, path: Path = ()) -> Any:
        """The copy: mappings, lists, text, numbers, booleans and null only."""
        if len(path) > MAX_DEPTH:
            return self._refuse(path[:3], f"values nested deeper than {MAX_DEPTH} levels", "less depth")
        if isinstance(value, Law):
            return self.plain(value.form, path)
        if isinstance(value, Mapping):
            return {key: self.plain(inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, bool | str) or value is None:
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                return self._refuse(path, str(value), "a finite number (null switches a limit off)")
            return float(value)
        if isinstance(value, int):
            if value.bit_length() > 128:
                return self._refuse(path, "a number of more than 38 digits", "a smaller number")
            return int(value)
        if hasattr(value, "tolist"):  # numbers and arrays of numpy
            return self.plain(value.tolist(), path)
        return self._refuse(path, f"a value of type {type(value).__name__}", "plain values as in YAML")

    def _refuse(self, path: Path, given: str, allowed: str) -> None:
        self.problems[path] = (given, allowed)


# -- problems ------------------------------------------------------------------------------------


def _of_complaint(path: Path, complaint: Complaint, source: Source) -> Problem:
    return _problem(path, source, complaint.given, complaint.allowed, complaint.hint, complaint.text)


def _of_finding(finding: Finding, draft: Draft, source: Source) -> Problem:
    path = draft.written(finding.path)
    return _problem(path, source, finding.given, finding.allowed, finding.hint, finding.text)


def _problem(
    path: Path, source: Source, given: str | None, allowed: str | None, hint: str | None, text: str | None
) -> Problem:
    hints = [hint] if hint else []
    if source.is_overridden(path):
        hints.append("set by override")
    return Problem(
        field=render(path),
        file=source.file,
        line=source.line(path),
        given=given,
        allowed=allowed,
        hint="; ".join(hints) or None,
        text=text,
    )


def _of_path_problem(problem: PathProblem, file: str = "") -> Problem:
    text = f"{problem.reason} (character {problem.position + 1} of the path)"
    return Problem(field=problem.text, file=file, text=text, hint=problem.hint)


def _listed(problems: list[Problem]) -> list[Problem]:
    """By line, each once; the first `MAX_PROBLEMS` of them."""
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: (problem.line is None, problem.line or 0))
    if len(ordered) <= MAX_PROBLEMS:
        return ordered
    more = Problem(field="", file=ordered[0].file, text=f"and at least {len(ordered) - MAX_PROBLEMS} more")
    return [*ordered[:MAX_PROBLEMS], more]


def _no_mapping(document: Document, name: str) -> Problem:
    needs = "a scenario needs name, tasks, deployments and strategies"
    if document.value is None:
        return Problem(field="", file=name, text=f"the file is empty; {needs}")
    return Problem(
        field="", file=name, line=1, given=shown(document.value), allowed=f"a mapping of fields; {needs}"
    )


def _near_file(path: str | FilePath) -> str | None:
    """A file of nearly that name beside the one asked for."""
    wanted = FilePath(path)
    try:
        names = [entry.name for entry in wanted.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except (OSError, ValueError):
        return None
    return closest(wanted.name, names, many=0)
