"""Axes of a decision map: which number of a scenario is varied, from where to where, in which steps.

Comes in: `PATH=LOW..HIGH[:N]` for each axis; goes out: two Axis with every value checked against the scenario, or
all that is wrong with both at once. Nothing is simulated here.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from planner.errors import Problem, ScenarioError
from planner.finance.inputs import Kind, kind_of, value_at
from planner.scenario.fields import Scenario
from planner.scenario.paths import PathProblem, concrete, parse, render
from planner.scenario.schema import describe

Scale = Literal["auto", "log", "linear"]
SCALES: tuple[str, ...] = get_args(Scale)
LEAST_VALUES, MOST_VALUES = 2, 100
MOST_CELLS = 1_900  # a chart carries 2,000 rows
LOG_FROM_RATIO = 100  # with both ends above 0, wider axes are spaced by equal factors
LINEAR_VALUES, PER_DECADE, MOST_BY_DEFAULT = 9, 2, 25
_TEXT = re.compile(r"(?P<path>.*)=(?P<low>[^=]*?)\.\.(?P<high>[^=:]*)(?::(?P<many>[^=:]*))?", re.DOTALL)
FORM = "PATH=LOW..HIGH or PATH=LOW..HIGH:N, such as traffic.requests_per_month=1e3..1e10"


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis: `values` in rising order; `today` is what the scenario has, `kind` what changing it changes."""

    path: str
    values: tuple[float, ...]
    is_log: bool
    kind: Kind
    today: float
    unit: str
    description: str

    @property
    def is_money(self) -> bool:
        """Whether every simulated outcome stays as it is along this axis."""
        return self.kind == "money"

    @property
    def is_linear(self) -> bool:
        """Whether every bill is a straight line along this axis, to the last digit: the price of one economic row."""
        steps = parse(self.path)
        is_error = steps[0] == "tasks" and steps[2:] == ("cost_of_wrong_answer_usd",)
        return is_error or steps == ("finance", "downtime_usd_per_hour")

    @property
    def holds_today(self) -> bool:
        """Whether the scenario's own value lies within the axis."""
        return self.values[0] <= self.today <= self.values[-1]

    def nearest(self) -> int:
        """The place of the value nearest to today's, on the axis' own scale."""
        measured = [math.log(value) for value in self.values] if self.is_log else list(self.values)
        today = math.log(self.today) if self.is_log else self.today
        return min(range(len(measured)), key=lambda index: abs(measured[index] - today))


def read_axes(
    scenario: Scenario, x: str, y: str, *, x_scale: str = "auto", y_scale: str = "auto"
) -> tuple[Axis, Axis]:
    """Both axes of a map.

    Parameters
    ----------
    x, y : str
        `PATH=LOW..HIGH[:N]`. Spaced by equal factors where both ends are above 0 and a factor of 100 or more apart, else
        evenly; a whole number takes whole values, each once.
    x_scale, y_scale : auto, log or linear

    Raises
    ------
    ScenarioError
        Everything that is wrong with both.
    """
    problems: list[Problem] = []
    axes = []
    for name, text, scale in (("x", x, x_scale), ("y", y, y_scale)):
        try:
            axes.append(_axis(scenario, name, text, scale))
        except ScenarioError as error:
            problems += error.problems
    if len(axes) == 2:
        problems += _together(scenario, *axes)
    if problems:
        raise ScenarioError(dict.fromkeys(problems), "the axes of the map")
    first, second = axes
    return first, second


def _axis(scenario: Scenario, name: str, text: str, scale: str) -> Axis:
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise _wrong(f"--{name}", text, FORM)
    if scale not in SCALES:
        raise _wrong(f"--{name}-scale", scale, ", ".join(SCALES))
    path = found["path"].strip()
    kind = _kind(scenario, path)
    today = value_at(scenario, path)
    problems, ends = [], []
    for word in ("low", "high"):
        try:
            ends.append(_number(found[word]))
        except ValueError:
            problems.append(
                _problem(path, f"{found[word]!r} as {word} end", "a finite number, such as 0.5 or 1e6")
            )
    many = found["many"]
    if many is not None and not (many.strip().isdecimal() and LEAST_VALUES <= int(many) <= MOST_VALUES):
        problems.append(
            _problem(path, f"{many!r} values", f"a whole number, {LEAST_VALUES} to {MOST_VALUES}")
        )
    if len(ends) == 2 and ends[0] >= ends[1]:
        problems.append(_problem(path, f"{ends[0]:g}..{ends[1]:g}", "a low end below the high end"))
    if len(ends) == 2 and scale == "log" and ends[0] <= 0:
        problems.append(_problem(path, f"{ends[0]:g}..{ends[1]:g} on a log scale", "both ends above 0"))
    if problems:
        raise ScenarioError(problems, "the axes of the map")
    low, high = ends
    is_log = scale == "log" or (scale == "auto" and low > 0 and high / low >= LOG_FROM_RATIO)
    if is_log and isinstance(today, int | float) and today <= 0:
        is_log = scale == "log"  # today's point has no place on it; forced is forced
    is_whole = isinstance(today, int)
    values = _values(low, high, None if many is None else int(many), is_log, is_whole)
    _check_values(scenario, path, values)
    row = describe(path)
    return Axis(
        path=render(parse(path)), values=values, is_log=is_log, kind=kind, today=float(today), unit=row.unit,
        description=row.description,
    )  # fmt: skip


def _kind(scenario: Scenario, path: str) -> Kind:
    """What an axis changes; structure, targets and settings of the run are no axis."""
    try:
        kind = kind_of(scenario, path)
        value = value_at(scenario, path)
    except PathProblem as problem:
        text = f"{problem.reason} (character {problem.position + 1} of the path)"
        raise ScenarioError(
            [Problem(field=problem.text, text=text, hint=problem.hint)], "the axes of the map"
        ) from None
    if kind == "fixed":
        hint = f"give it a value first, such as --set {path}=1" if value is None else None
        given = (
            "null" if value is None else "a day, a word, a target, a setting of the run or a whole section"
        )
        raise ScenarioError(
            [
                Problem(
                    field=path,
                    given=given,
                    allowed="a number of the traffic, the supply or the bill",
                    hint=hint,
                )
            ],
            "the axes of the map",
        )
    return kind


def _number(text: str) -> float:
    value = float(text.strip().replace("_", "x"))  # 1_000 is Python's, not YAML's
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _values(low: float, high: float, many: int | None, is_log: bool, is_whole: bool) -> tuple[float, ...]:
    if many is None:
        wide = round(PER_DECADE * math.log10(high / low)) + 1 if is_log else LINEAR_VALUES
        many = min(max(wide, 5), MOST_BY_DEFAULT)
    inner: list[float] = []
    for index in range(1, many - 1):
        part = index / (many - 1)
        value = low * (high / low) ** part if is_log else low + (high - low) * part
        inner.append(float(f"{value:.6g}"))  # no figure of the map hangs on a value's last digits
    found = [low, *inner, high]
    if is_whole:
        found = [float(round(value)) for value in found]
    return tuple(dict.fromkeys(value for value in found if low <= value <= high)) or (low, high)


def as_given(scenario: Scenario, path: str, value: float) -> float | int:
    """A value as the language wants it: a whole number where the field is one."""
    return int(value) if isinstance(value_at(scenario, path), int) and value.is_integer() else value


def _check_values(scenario: Scenario, path: str, values: Sequence[float]) -> None:
    """Raise what the language says of the values: the ends first, and then the first of the others."""
    problems: list[Problem] = []
    for value in (values[0], values[-1], *values[1:-1]):
        if problems and value not in (values[0], values[-1]):
            break
        try:
            scenario.set({path: as_given(scenario, path, value)})
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(dict.fromkeys(problems), "the axes of the map")


def _together(scenario: Scenario, x: Axis, y: Axis) -> list[Problem]:
    tree = scenario.to_dict()
    try:
        first, second = concrete(tree, x.path), concrete(tree, y.path)
    except PathProblem:
        first, second = parse(x.path), parse(y.path)
    if first == second:
        return [Problem(field=x.path, text="is on both axes", hint="vary two different numbers")]
    cells = len(x.values) * len(y.values)
    if cells > MOST_CELLS:
        text = f"{len(x.values)} x {len(y.values)} = {cells:,} cells; at most {MOST_CELLS:,} are drawn"
        return [Problem(field=f"{x.path}, {y.path}", text=text, hint="give fewer values after the colon")]
    return []


def _problem(field: str, given: str, allowed: str) -> Problem:
    return Problem(field=field, given=given, allowed=allowed)


def _wrong(field: str, given: str, allowed: str) -> ScenarioError:
    return ScenarioError([_problem(field, repr(given), allowed)], "the axes of the map")


__all__ = ["SCALES", "Axis", "Scale", "as_given", "read_axes"]
