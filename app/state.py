"""The address bar: which scenario, and what differs from its file.

The address is the state: `?v=1&scenario=support-chatbot&traffic.growth_per_month=0.05`. `scenario` is a file of
the library, `v` the version of this grammar, every other parameter a field of the scenario by its path (as in
`--set`), or one of four of the app's own: `omni` and `mini` (MODEL@PROVIDER: another model for the tier), `log` (which
dropped log is replayed beside it) and `primary_outage_min_per_month`. Parameters that equal the scenario's own value are
left out, and those that cannot be used are dropped with a notice. The same address always gives the same numbers.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from app import own
from planner.errors import Problem, ScenarioError
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law
from planner.scenario.offers import TIERS, slot
from planner.scenario.picking import Picked, picked
from planner.scenario.reading import loads, parse_override, read_text
from planner.scenario.remembered import once_per_scenario

LIBRARY = Path(__file__).resolve().parent.parent / "scenarios"
LIBRARY_VARIABLE = "PLANNER_SCENARIOS"  # environment: another folder of scenarios
DEFAULT_SCENARIO = "support-chatbot"
VERSION = "1"
OUTAGE = "primary_outage_min_per_month"
MONTH_H = 730.5  # a mean month of 365.25 days / 12
MONTH_MIN = MONTH_H * 60
_PLAIN_WORD = re.compile(r"[A-Za-z][\w.@-]*")  # text that YAML reads as text without quotes
_YAML_WORDS = ("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL")
LOG = "log"
_LOG_NAME = re.compile(r"[0-9a-f]{16}")
RESERVED = ("v", "scenario", LOG, "embed", "embed_options")


@dataclass(frozen=True)
class Address:
    """A scenario of the library and what differs from its file, by parameter; `log` names a log that was dropped."""

    scenario: str
    values: Mapping[str, Any] = field(default_factory=dict)
    log: str | None = None

    def params(self) -> dict[str, str]:
        """What stands in the address bar."""
        return {
            "v": VERSION,
            "scenario": self.scenario,
            **({} if self.log is None else {LOG: self.log}),
            **{name: written(value) for name, value in self.values.items()},
        }


# -- the library ---------------------------------------------------------------------------------


def library() -> dict[str, Path]:
    """NAME: file of every scenario of the library, the default first."""
    folder = Path(os.environ.get(LIBRARY_VARIABLE) or LIBRARY)
    files = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
    found = {file.stem: file for file in files}
    first = [DEFAULT_SCENARIO] if DEFAULT_SCENARIO in found else []
    shipped = {name: found[name] for name in [*first, *(name for name in found if name not in first)]}
    return {**shipped, **own.files()}


def scenario_of(file: Path) -> Scenario:
    """The scenario of a file, read again when the file has changed. Raises ScenarioError."""
    seen = file.stat()
    return _read(file, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=32)
def _read(file: Path, changed_ns: int, size: int) -> Scenario:
    if own.is_inside(file):  # a text of the user's: it may name no file outside its folder
        return own.scenario_of(read_text(file), own.PREFIX + file.stem)
    return loads(read_text(file), name=f"scenarios/{file.name}", folder=file.parent)


# -- from the address to a scenario --------------------------------------------------------------


def read(params: Mapping[str, str], files: Mapping[str, Path]) -> tuple[Address, tuple[str, ...]]:
    """The address that parameters mean, and a notice for each that cannot be used.

    Where the scenario's own file has problems, its values cannot be judged and are left out; the page
    lists the problems.
    """
    notices = []
    if params.get("v", VERSION) != VERSION:
        notices.append(
            f"The link is of version {params['v']}; this app reads version {VERSION}. Its values were ignored."
        )
    name = params.get("scenario", next(iter(files)))
    if name not in files:
        hint = paths.closest(name, files) or ""
        notices.append(f"scenario: there is no {name!r}; {hint}".rstrip("; "))
        name = next(iter(files))
    if params.get("v", VERSION) != VERSION:
        return Address(name), tuple(notices)
    try:
        scenario = scenario_of(files[name])
    except ScenarioError:
        return Address(name), tuple(notices)
    log = params.get(LOG)
    if log is not None and not _LOG_NAME.fullmatch(log):
        notices.append(f"log was ignored: got {log!r}; allowed: 16 hexadecimal digits")
        log = None
    values, complaints = _values(scenario, {key: text for key, text in params.items() if key not in RESERVED})
    return Address(name, values, log), (*notices, *complaints)


def _values(scenario: Scenario, texts: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values that a scenario takes and that change anything, and what is wrong with the others."""
    given: dict[str, Any] = {}
    notices = []
    for parameter, text in texts.items():
        try:
            given |= _parsed(parameter, text)
        except ScenarioError as error:
            notices.append(_ignored(parameter, error))
    try:
        applied(scenario, given)
    except ScenarioError:  # some do not fit, alone or together: those that come first stay
        kept: dict[str, Any] = {}
        for parameter, value in given.items():
            try:
                applied(scenario, {**kept, parameter: value})
                kept[parameter] = value
            except ScenarioError as error:
                notices.append(_ignored(parameter, error))
        given = kept
    return tidy(scenario, given), notices


def tidy(scenario: Scenario, values: Mapping[str, Any], among: Iterable[str] | None = None) -> dict[str, Any]:
    """The values that change anything; only those `among` some names are looked at, if given."""
    asked = set(values if among is None else among)
    return {
        name: value
        for name, value in values.items()
        if name not in asked or not _is_idle(scenario, values, name)
    }


def _is_idle(scenario: Scenario, values: Mapping[str, Any], name: str) -> bool:
    """Whether the scenario is the same without a value."""
    without = {other: value for other, value in values.items() if other != name}
    try:
        return applied(scenario, without).hash == applied(scenario, values).hash
    except ScenarioError:  # another value needs this one
        return False


def _parsed(parameter: str, text: str) -> dict[str, Any]:
    """A parameter with its value, as written. Raises ScenarioError."""
    path, value = parse_override(f"{parameter}={text}")
    if path == OUTAGE and (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MONTH_MIN
    ):
        problem = Problem(field=OUTAGE, given=text, allowed=f"0 to {MONTH_MIN:g} (minutes per month)")
        raise ScenarioError([problem], "the link")
    return {path: value}


def _ignored(parameter: str, error: ScenarioError) -> str:
    """One notice for a parameter: its own problem where there is one, else the first that it caused."""
    own = [problem for problem in error.problems if problem.field == parameter]
    problem = (own or error.problems)[0]
    if problem.text is not None:
        said = problem.text
    else:
        said = f"got {problem.given}; allowed: {problem.allowed}"
    hint = "; ".join(part for part in (problem.hint or "").split("; ") if part and part != "set by override")
    return f"{parameter} was ignored: {said}" + (f"; {hint}" if hint else "")


def applied(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """The scenario with the address's values set, other models first. Raises ScenarioError with every problem.

    The last ones are remembered: a moved slider asks three times for the same, once to see whether it changes anything.
    """
    try:
        text = json.dumps(values)  # tells 1, 1.0 and true apart, as a scenario does
    except (TypeError, ValueError):
        return _applied(scenario, values)
    if _names_files(scenario) or own.names_files(values):  # which may change between two runs
        return _applied(scenario, values)
    return _remembered(_Wanted(scenario, values, text))


class _Wanted:
    """Values to be set in a scenario, equal where it is the same object and they are written alike."""

    def __init__(self, scenario: Scenario, values: Mapping[str, Any], text: str) -> None:
        self.scenario, self.values, self.text = scenario, dict(values), text

    def __hash__(self) -> int:
        return hash((id(self.scenario), self.text))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wanted) and self.scenario is other.scenario and self.text == other.text


@lru_cache(maxsize=32)
def _remembered(wanted: _Wanted) -> Scenario:
    return _applied(wanted.scenario, wanted.values)


@once_per_scenario
def _names_files(scenario: Scenario) -> bool:
    return own.names_files(scenario.to_dict())


def _applied(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    base = with_models(scenario, values).scenario
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name in TIERS or (name == OUTAGE and not value):
            continue
        if name == OUTAGE:
            law = {"mtbf_h": MONTH_H, "duration_h": value / 60}
            changes |= {
                paths.render(("deployments", one, "outages")): law for one in primary_deployments(base)
            }
        else:
            changes[name] = value
    if outside := own.overrides_outside(changes):
        raise ScenarioError(outside, "the link")
    return base.set(changes) if changes else base


def with_models(scenario: Scenario, values: Mapping[str, Any]) -> Picked:
    """The scenario with the models of the address, nothing else of it set. Raises ScenarioError."""
    picks = tuple((tier, str(values[tier])) for tier in TIERS if tier in values)
    return _with_models(scenario, picks) if picks else Picked(scenario=scenario)


@lru_cache(maxsize=64)
def _with_models(scenario: Scenario, picks: tuple[tuple[str, str], ...]) -> Picked:
    return picked(scenario, dict(picks))


def primary_deployments(scenario: Scenario) -> tuple[str, ...]:
    """The first omni deployment of the first strategy that has one, and all others of its provider."""
    for name in scenario.strategies:
        omni = scenario.strategy(name).omni
        if omni:
            first = omni[0][0]
            provider = scenario.deployments[first].provider
            others = [
                name for name, one in scenario.deployments.items() if provider and one.provider == provider
            ]
            return tuple(dict.fromkeys([first, *others]))
    return ()


def changed(scenario: Scenario, values: Mapping[str, Any]) -> list[str]:
    """What differs from the scenario's file, as `path: value (file: value)`."""
    return [f"{name}: {written(value)}{_before(scenario, name)}" for name, value in values.items()]


def _before(scenario: Scenario, name: str) -> str:
    """What the file has in a value's place, in brackets; nothing where it has none."""
    if name == OUTAGE:
        return " (file: 0)"
    if name in TIERS:
        here = slot(scenario, name)
        return "" if here is None else f" (file: {here.written})"
    value = in_file(scenario, name)
    return (
        "" if value is MISSING or isinstance(value, Mapping | list | tuple) else f" (file: {written(value)})"
    )


MISSING = object()


def in_file(scenario: Scenario, path: str) -> Any:
    """The plain value at a path of the scenario, its default where the file says nothing, or MISSING."""
    here: Any = scenario
    try:
        for step in paths.parse(path):
            is_inside = isinstance(here, Mapping) or (isinstance(here, tuple) and isinstance(step, int))
            here = here[step] if is_inside else getattr(here, str(step))
    except (paths.PathProblem, KeyError, IndexError, TypeError, AttributeError):
        return MISSING
    if isinstance(here, Law):
        return here.form
    return here if here is None or isinstance(here, str | int | float | bool) else MISSING


def written(value: Any) -> str:
    """A value as it stands in a link; YAML reads it back to the same."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(inner) for inner in value) + "]"
    if isinstance(value, str) and (value in _YAML_WORDS or not _PLAIN_WORD.fullmatch(value)):
        return json.dumps(value)
    return repr(value) if isinstance(value, float) else str(value)
