"""Rules about uncertain inputs: what may be uncertain, figures in order and inside bounds, correlations that can hold."""

import math
from collections.abc import Iterator

from planner.scenario import declared
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View
from planner.scenario.input_kinds import kind_of, value_at
from planner.scenario.paths import Path, PathProblem, closest, concrete, render

UNCERTAIN = ("uncertain",)


def inputs(view: View) -> Iterator[Finding]:
    """Each names a number of this scenario that may be uncertain, once, with figures in order and inside its bounds."""
    met: dict[Path, str] = {}
    for name, given in view.scenario.uncertain.items():
        path = (*UNCERTAIN, name)
        try:
            kind = kind_of(view.scenario, name)
            value = value_at(view.scenario, name)
            steps = concrete(view.scenario.to_dict(), name)
        except PathProblem as problem:
            yield Finding(path=path, text=f"{problem.reason} (character {problem.position + 1} of the path)", hint=problem.hint)  # fmt: skip
            continue
        if steps in met:
            yield Finding(path=path, text=f"the same number as {met[steps]}")
            continue
        met[steps] = name
        if kind == "fixed":
            yield Finding(path=path, text=_why_not(value), because=(steps,))
            continue
        figures = given.figures
        wrong = list(_order(path, figures))
        yield from wrong
        outside = list(_bounds(path, figures, steps))
        yield from outside
        middle = figures[1]
        if not wrong and not outside and middle[1] != value:
            yield Finding(
                path=(*path, middle[0]),
                text=f"{middle[1]:g}, but {name} is {value:g}: where all is as expected, the draws stand at {middle[1]:g}",
                is_notice=True,
            )


def _why_not(value: object) -> str:
    if value is None:
        return "no number stands there; give one first, and what is believed of it here"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "no number stands there: only numbers can be uncertain"
    return "chosen, not uncertain: neither dates, horizon and seed nor targets, budget and what costs are compared with can be"


def _order(path: Path, figures: tuple[tuple[str, float], ...]) -> Iterator[Finding]:
    (low, a), (middle, b), (high, c) = figures
    if a > b or b > c:
        first, second = (low, middle) if a > b else (middle, high)
        yield Finding(path=(*path, first), text=f"{first} > {second}: {a if a > b else b:g} > {b if a > b else c:g}", hint=f"{low} <= {middle} <= {high}")  # fmt: skip
    elif low == "p10" and a < c and b in (a, c):
        other = low if b == a else high
        yield Finding(path=(*path, middle), given=f"{b:g}", allowed=f"a value between p10 and p90, not {other} itself: no distribution has both there; {{min, mode, max}} may")  # fmt: skip


def _bounds(path: Path, figures: tuple[tuple[str, float], ...], steps: Path) -> Iterator[Finding]:
    place = declared.at(steps)
    if place is None:
        return
    names = [figures[1]] if figures[0][0] == "p10" else list(figures)
    for name, value in names:
        below = place.low is not None and (value < place.low or (place.low_open and value == place.low))
        above = place.high is not None and (value > place.high or (place.high_open and value == place.high))
        if below or above:
            bound = f"{'>' if place.low_open else '>='} {place.low:g}" if below else f"{'<' if place.high_open else '<='} {place.high:g}"  # fmt: skip
            yield Finding(path=(*path, name), given=f"{value:g}", allowed=f"{bound}, as {render(steps)}")


def correlations(view: View) -> Iterator[Finding]:
    """Each is of two inputs, once; together they leave a distribution."""
    known = list(view.scenario.uncertain)
    pairs: dict[frozenset[str], int] = {}
    sound = True
    for index, one in enumerate(view.scenario.correlated):
        path = ("correlated", index)
        for place, name in enumerate(one.between):
            if name not in known:
                sound = False
                yield Finding(path=(*path, "between", place), given=shown(name), allowed="a path under uncertain", hint=closest(name, known), because=((*UNCERTAIN, name),))  # fmt: skip
        pair = frozenset(one.between)
        if len(pair) == 1:
            sound = False
            yield Finding(path=(*path, "between"), text="an input goes with itself always: two different paths are needed")  # fmt: skip
        elif pair in pairs:
            sound = False
            yield Finding(path=(*path, "between"), text=f"said before, under correlated[{pairs[pair]}]")
        pairs.setdefault(pair, index)
    if sound and pairs and not _is_possible(view):
        yield Finding(
            path=("correlated",),
            text="no inputs can go together in all these ways at once: the matrix of correlations is not positive definite",
            hint="make some of them weaker",
            because=(UNCERTAIN,),
        )


def _is_possible(view: View) -> bool:
    """Whether the copula's matrix has a Cholesky root."""
    names = sorted({name for one in view.scenario.correlated for name in one.between})
    n = len(names)
    matrix = [[1.0 if i == j else 0.0 for j in range(n)] for i in range(n)]
    for one in view.scenario.correlated:
        i, j = (names.index(name) for name in one.between)
        matrix[i][j] = matrix[j][i] = 2 * math.sin(math.pi * one.rank / 6)
    root = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(root[i][k] * root[j][k] for k in range(j))
            if i == j:
                if rest <= 1e-12:
                    return False
                root[i][i] = math.sqrt(rest)
            else:
                root[i][j] = rest / root[j][j]
    return True


UNCERTAINTY = (inputs, correlations)
