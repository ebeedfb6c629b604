"""Inputs and the address bar: which scenario, and what differs from its file.

The address is the state: `?v=1&scenario=support-chatbot&traffic.growth_per_month=0.05`. `scenario` is a file of
the library, `v` the version of this grammar, every other parameter a field of the scenario by its path (as in
`--set`) or `primary_outage_min_per_month`. Parameters that equal the scenario's own value are left out, and those
that cannot be used are dropped with a notice. The same address always gives the same numbers.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from app import own
from planner.errors import Problem, ScenarioError
from planner.scenario import declared, paths
from planner.scenario.declared import Place
from planner.scenario.fields import Scenario
from planner.scenario.reading import loads, parse_override, read_text
from planner.scenario.strategies import ThresholdRouter

LIBRARY = Path(__file__).resolve().parent.parent / "scenarios"
LIBRARY_VARIABLE = "PLANNER_SCENARIOS"  # environment: another folder of scenarios
DEFAULT_SCENARIO = "support-chatbot"
VERSION = "1"
OUTAGE = "primary_outage_min_per_month"
MONTH_H = 730.5  # a mean month of 365.25 days / 12
MONTH_MIN = MONTH_H * 60
_PLAIN_WORD = re.compile(r"[A-Za-z][\w.-]*")  # text that YAML reads as text without quotes
_YAML_WORDS = ("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL")
STEPS_OF_A_DECADE = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
DECADES = 2  # a volume can be moved by a factor of 100 either way
RESERVED = ("v", "scenario", "embed", "embed_options")


@dataclass(frozen=True)
class Address:
    """A scenario of the library and what differs from its file, by parameter."""

    scenario: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def params(self) -> dict[str, str]:
        """What stands in the address bar."""
        return {
            "v": VERSION,
            "scenario": self.scenario,
            **{name: _written(value) for name, value in self.values.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Input:
    """A widget: which parameter it sets, what it shows when nothing is changed, and its bounds."""

    name: str
    label: str
    help: str
    base: float | int | None
    low: float
    high: float
    step: float
    kind: Literal["size", "whole", "share", "minutes"]

    def sizes(self, now: float | None) -> list[float | int | None]:
        """What a slider over a wide range offers: ten steps a decade around the base, the base and the value now."""
        middle = self.base or now or 1_000_000
        first = math.floor(math.log10(middle)) - DECADES
        grid = [
            step * 10.0**decade
            for decade in range(first, first + 2 * DECADES + 1)
            for step in STEPS_OF_A_DECADE
        ]
        offered = {self.held(size) for size in grid if self.low <= size <= self.high} | {self.base, now} - {
            None
        }
        without = [None] if self.base is None else []
        return [*without, *sorted(size for size in offered if size is not None)]

    def held(self, value: Any) -> float | int | None:
        """A value as the widget holds it."""
        if value is None:
            return None
        return int(value) if self.kind != "share" and value == int(value) else float(value)


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


# -- the inputs of a scenario --------------------------------------------------------------------


def inputs(scenario: Scenario) -> tuple[Input, ...]:
    """The inputs in the body of the page: volume, growth, shares sent to omni, an outage of the primary."""
    found = [_volume(scenario), _growth(scenario), *_omni_shares(scenario)]
    outage = _outage(scenario)
    return (*found, outage) if outage is not None else tuple(found)


def luck_inputs(scenario: Scenario) -> tuple[Input, ...]:
    """The inputs that decide about chance and precision, not about the world."""
    run = scenario.run
    return (
        _whole("run.seed", "Seed", run.seed, "Another seed gives other luck."),
        _whole(
            "run.replications", "Windows per strategy", run.replications,
            "More narrow the intervals and take longer; below 4, rare outages are met only by chance.",
        ),
    )  # fmt: skip


def _volume(scenario: Scenario) -> Input:
    traffic = scenario.traffic
    if traffic.requests_per_month is None and traffic.users is not None:
        return _size("traffic.users.active_per_day", "Active users per day", traffic.users.active_per_day)
    base = traffic.requests_per_month
    extra = "" if base is not None else " As given: as many as the recording holds."
    return _size("traffic.requests_per_month", "Requests per month", base, extra)


def _size(name: str, label: str, base: float | None, extra: str = "") -> Input:
    place = _declared(name)
    assert place.high is not None, f"{name} has no upper bound"
    held = int(base) if base is not None and base == int(base) else base
    return Input(
        name=name, label=label, help=_help(place) + extra, base=held, low=1, high=place.high, step=1, kind="size"
    )  # fmt: skip


def _growth(scenario: Scenario) -> Input:
    traffic = scenario.traffic
    name, per = ("traffic.growth_per_month", "month")
    if traffic.growth_per_year is not None:
        name, per = ("traffic.growth_per_year", "year")
    place = _declared(name)
    low, high = place.slider or (place.low or 0.0, place.high or 1.0)
    return Input(
        name=name,
        label=f"Growth per {per}",
        help=_help(place, f"in % per {per}"),
        base=traffic.growth_per_month if traffic.growth_per_year is None else traffic.growth_per_year,
        low=low,
        high=high,
        step=0.005,
        kind="share",
    )


def _omni_shares(scenario: Scenario) -> Iterable[Input]:
    """One for each strategy that has a threshold router of its own with a wanted share."""
    place = _declared("strategies.x.router.omni_share")
    for name, given in scenario.strategies.items():
        router = scenario.strategy(name).router
        inherits = given.like is not None and given.router is None
        if isinstance(router, ThresholdRouter) and router.omni_share is not None and not inherits:
            path = paths.render(("strategies", name, "router", "omni_share"))
            yield Input(
                name=path,
                label=f"Sent to omni ({name})",
                help=_help(place, "in %"),
                base=router.omni_share,
                low=place.low or 0.0,
                high=1.0 if place.high is None else place.high,
                step=0.01,
                kind="share",
            )


def _outage(scenario: Scenario) -> Input | None:
    primary = primary_deployments(scenario)
    if not primary:
        return None
    provider = scenario.deployments[primary[0]].provider
    whose = f"all deployments of {provider} ({', '.join(primary)})" if provider else primary[0]
    return Input(
        name=OUTAGE,
        label="Outage of omni (min/month)",
        help=f"0: outages as in the scenario. Above 0: {whose} fail once a month on average (every {MONTH_H:g} h, at "
        f"random moments) for this long, in place of the outages in the scenario. Calls that start inside are answered "
        f"with status 503.",
        base=0,
        low=0,
        high=480,
        step=5,
        kind="minutes",
    )


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


def _whole(name: str, label: str, base: int, extra: str) -> Input:
    place = _declared(name)
    assert None not in (place.low, place.high), f"{name} has no bounds"
    return Input(
        name=name, label=label, help=f"{_help(place)} {extra}", base=base,
        low=place.low or 0, high=place.high or 0, step=1, kind="whole",
    )  # fmt: skip


def _declared(path: str) -> Place:
    place = declared.at(paths.parse(path))
    assert place is not None, f"the language declares nothing at {path}"
    return place


def _help(place: Place, unit: str | None = None) -> str:
    """The declared description with unit and bounds."""
    words = place.description[:1].upper() + place.description[1:]
    said = unit if unit is not None else place.unit
    return f"{words}{f' ({said})' if said else ''}."


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
    values, complaints = _values(scenario, {key: text for key, text in params.items() if key not in RESERVED})
    return Address(name, values), (*notices, *complaints)


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
    return {name: value for name, value in given.items() if not _is_idle(scenario, given, name)}, notices


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
    """The scenario with the address's values set. Raises ScenarioError with every problem."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name == OUTAGE and not value:
            continue
        if name == OUTAGE:
            law = {"mtbf_h": MONTH_H, "duration_h": value / 60}
            changes |= {
                paths.render(("deployments", one, "outages")): law for one in primary_deployments(scenario)
            }
        else:
            changes[name] = value
    if outside := own.overrides_outside(changes):
        raise ScenarioError(outside, "the link")
    return scenario.set(changes) if changes else scenario


def changed(scenario: Scenario, values: Mapping[str, Any]) -> list[str]:
    """What differs from the scenario's file, as `path: value (file: value)`."""
    known = {one.name: one.base for one in (*inputs(scenario), *luck_inputs(scenario))}
    return [
        f"{name}: {_written(value)}" + (f" (file: {_written(known[name])})" if name in known else "")
        for name, value in values.items()
    ]


def _written(value: Any) -> str:
    """A value as it stands in a link; YAML reads it back to the same."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(inner) for inner in value) + "]"
    if isinstance(value, str) and (value in _YAML_WORDS or not _PLAIN_WORD.fullmatch(value)):
        return json.dumps(value)
    return repr(value) if isinstance(value, float) else str(value)
