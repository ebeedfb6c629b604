"""Sizes of a task from a typical prompt and answer, as changes to the scenario.

Comes in: a scenario, a task, and the pasted texts. Goes out: how many tokens each is (counted by `planner.counting`)
and the changes that make the counts the medians of the task's laws, with the spread that the laws have: what is typical
is measured, how far requests differ is still the scenario's assumption.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from planner.counting import Counted, count_tokens
from planner.errors import Problem, ScenarioError
from planner.scenario import paths
from planner.scenario.demand import Task
from planner.scenario.fields import Scenario
from planner.scenario.laws import NORMAL, Component, Kind, Law

PARTS = ("shared_prefix_tokens", "input_tokens", "output_tokens")  # instructions, prompt, answer
_SIGNIFICANT = 6  # digits of a scaled quantile


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What pasted texts say about a task.

    `counted` holds each text that is not empty by its field; `changes` are {path: value} for `Scenario.set`; `words` say
    them in one line each; `notices` what the reader should know before using them.
    """

    counted: Mapping[str, Counted] = field(hash=False)
    changes: Mapping[str, Any] = field(hash=False)
    words: tuple[str, ...]
    notices: tuple[str, ...]


def sizes_of(scenario: Scenario, task: str, *, prompt: str, answer: str, instructions: str = "") -> Sizes:
    """The changes that make pasted texts the typical request of a task.

    An empty text leaves its size as it is. Texts are counted for the model of `model_counted_for`.

    Raises
    ------
    ScenarioError
        There is no such task, its sizes come from a recording, or the changed scenario would have problems (a prompt
        that fits no window, for one).
    planner.counting.TextTooLong
        A text is longer than is counted.
    """
    refuse(scenario, task)
    model = model_counted_for(scenario)
    given = dict(zip(PARTS, (instructions, prompt, answer), strict=True))
    counted = {name: count_tokens(text, model) for name, text in given.items() if text}
    one = scenario.tasks[task]
    changes: dict[str, Any] = {}
    words = []
    for name, found in counted.items():
        tokens = (
            found.tokens if name == PARTS[0] else max(found.tokens, 1)
        )  # no law draws less than one token
        law = getattr(one, name)
        changes[paths.render(("tasks", task, name))] = tokens if name == PARTS[0] else resized(law, tokens)
        spread = "" if isinstance(law, int) or law.is_fixed else " in the median, spread as before"
        words.append(f"{name}: {tokens:,} tokens{spread}")
    scenario.set(changes)  # all problems at once, before anything is offered
    return Sizes(
        counted=MappingProxyType(counted),
        changes=MappingProxyType(changes),
        words=tuple(words),
        notices=_notices(one, counted),
    )


def model_counted_for(scenario: Scenario) -> str:
    """The model that texts are counted for: that of the first omni deployment, else of the first deployment.

    Sizes of a scenario are counted alike for every model; `models.X.input_token_factor` says how another one differs.
    """
    for name in scenario.strategies:
        omni = scenario.strategy(name).omni
        if omni:
            return scenario.deployments[omni[0][0]].model
    return next(iter(scenario.deployments.values())).model


def refuse(scenario: Scenario, task: str) -> None:
    """Raise ScenarioError where no pasted text can stand for a task's sizes, saying why and what to do."""
    if task not in scenario.tasks:
        names = ", ".join(scenario.tasks)
        raise ScenarioError([Problem(field="task", given=task, allowed=f"one of {names}")], "the texts")
    if scenario.traffic.trace is not None:
        raise ScenarioError(
            [
                Problem(
                    field="traffic.trace", text="the sizes come from the recording; take it out to use others"
                )
            ],
            "the texts",
        )
    problems = [
        Problem(field=paths.render(("tasks", task, name)), text=said)
        for name in PARTS[1:]
        if (said := _unfit(getattr(scenario.tasks[task], name)))
    ]
    if problems:
        raise ScenarioError(problems, "the texts")


def _unfit(law: Law) -> str:
    """Why one text cannot be the median of a law; empty where it can."""
    if any(part.kind is Kind.EMPIRICAL for part in law.components):
        return "the sizes are a list of measured ones, which says more than one text; give a law instead of the list"
    if not law.is_fixed and median_of(law) == 0:
        return (
            "more than half of the sizes are 0, so that no typical text has another; give a law without them"
        )
    return ""


# -- laws ----------------------------------------------------------------------------------------


def resized(law: Law, median: float) -> Any:
    """A law of the same shape with another median, as it is written in a scenario.

    All sizes are multiplied by one factor, so that p95/p50, the coefficient of variation and weights stay. Raises
    ValueError for a law that varies around a median of 0: no factor gives it another.

    >>> from planner.scenario.laws import parse_law
    >>> resized(parse_law({"p50": 100, "p95": 400}), 250)
    {'p50': 250, 'p95': 1000}
    >>> resized(parse_law(500), 80)
    80
    """
    if law.is_fixed:
        return _number(median)
    now = median_of(law)
    if now == 0:
        raise ValueError("more than half of the draws are 0")
    return _scaled(law.form, median / now)


def median_of(law: Law) -> float:
    """The size that half of the draws do not exceed; by bisection of the distribution function for mixtures and gamma."""
    if len(law.components) == 1:
        (only,) = law.components
        if only.kind is Kind.FIXED:
            return only.a
        if only.kind is Kind.EXPONENTIAL:
            return only.a * math.log(2)
        if only.kind is Kind.LOGNORMAL:
            return math.exp(only.a)
    if _below(law, 0.0) >= 0.5:
        return 0.0
    low, high = 0.0, max(part.mean for part in law.components)
    while _below(law, high) < 0.5:
        high *= 2
    for _ in range(200):
        middle = 0.5 * (low + high)
        if _below(law, middle) < 0.5:
            low = middle
        else:
            high = middle
    return high


def _below(law: Law, size: float) -> float:
    return math.fsum(part.weight * _component_below(part, size) for part in law.components)


def _component_below(part: Component, size: float) -> float:
    """Probability that a draw of a component is at most `size`."""
    if part.kind is Kind.FIXED:
        return float(size >= part.a)
    if size <= 0:
        return 0.0
    if part.kind is Kind.EXPONENTIAL:
        return -math.expm1(-size / part.a)
    if part.kind is Kind.LOGNORMAL:
        return NORMAL.cdf((math.log(size) - part.a) / part.b)
    if part.kind is Kind.GAMMA:
        from scipy.special import gammainc

        return float(gammainc(part.a, size / part.b))
    return sum(value <= size for value in part.values) / len(part.values)


def _scaled(form: Any, factor: float) -> Any:
    """A law's written form with all its sizes multiplied."""
    if not isinstance(form, Mapping):
        return _number(form * factor)
    if "mixture" in form:
        parts = [{"weight": part["weight"], "law": _scaled(part["law"], factor)} for part in form["mixture"]]
        return {"mixture": parts}
    sizes = ("fixed", "exponential_mean", "p50", "p95", "mean")
    return {key: _number(value * factor) if key in sizes else value for key, value in form.items()}


def _number(value: float) -> float | int:
    """Rounded to what a reader of the file would write; a whole number where it is one."""
    rounded = float(f"{value:.{_SIGNIFICANT}g}")
    return int(rounded) if rounded == int(rounded) else rounded


# -- what the reader should know -----------------------------------------------------------------


def _notices(task: Task, counted: Mapping[str, Counted]) -> tuple[str, ...]:
    notices = []
    answer = counted.get("output_tokens")
    if answer is not None and task.max_output_tokens is not None and answer.tokens > task.max_output_tokens:
        notices.append(
            f"The answer has {answer.tokens:,} tokens; this task cuts answers at max_output_tokens = "
            f"{task.max_output_tokens:,}, so the simulated ones are shorter."
        )
    if task.shared_prefix_tokens and "input_tokens" in counted and "shared_prefix_tokens" not in counted:
        notices.append(
            f"A system prompt of {task.shared_prefix_tokens:,} tokens stands in front of the prompt as before: the "
            "prompt pasted here should be the user's part alone."
        )
    return tuple(notices)
