"""A strategy's bill as a function of uncertain inputs: fast enough for ten thousand draws.

Comes in: bills at a few values of each input; goes out: sums of products, one factor for each input. A line of the
bill is a quantity times a price and each input moves it by a factor of its own, so that products of factors are exact
for inputs of money and of volume, whatever their number; for inputs that were simulated anew they say that two of them
together do what each does alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planner.errors import PlannerError
from planner.finance.distributions import Input
from planner.finance.factors import Factor, Fitted, fit, proportional, through, together
from planner.finance.float_adjustments import NO_RULES, Rules
from planner.finance.float_bill import FloatBill, Line

Floats = npt.NDArray[np.float64]
Point = Mapping[str, float]  # name of an input: its value; those not named stand at the scenario's own
MOST_BASES = 12
CHUNK = 4096  # draws worked out at once: memory does not grow with their number but for the costs themselves


class RulesVary(PlannerError):
    """An input of which other rules of price hold at some of its values."""


@dataclass(frozen=True)
class Joint:
    """Inputs that move the volume together and not each by a factor of its own, as growth below a saturation does.

    `volume` gives requests by month, shape (draws, months), for a table of these inputs alone; `reference` those at the
    point where the lines stand.
    """

    inputs: tuple[int, ...]
    volume: Callable[[Floats], Floats]
    reference: Floats

    def ratios(self, values: Floats) -> Floats:
        """Volume by month over that at the reference, shape (draws, months)."""
        return np.asarray(self.volume(values[:, list(self.inputs)]) / self.reference)


@dataclass(frozen=True)
class Costs:
    """USD of many draws: by month, shape (draws, months), and what of it is paid on the first day, shape (draws,)."""

    invoiced: Floats
    economic: Floats  # on no invoice, on top
    at_start_invoiced: Floats
    at_start_economic: Floats

    def months(self, objective: str) -> Floats:
        """USD by month; `economic` is what is invoiced and what is not."""
        return self.invoiced if objective == "invoiced" else self.invoiced + self.economic

    def at_start(self, objective: str) -> Floats:
        """What of it is paid on the first day."""
        both = self.at_start_invoiced + self.at_start_economic
        return self.at_start_invoiced if objective == "invoiced" else both


@dataclass(frozen=True)
class _Part:
    """Products that stand at one base, sorted so that many draws are few matrix products.

    One input, the wide one, has most functions (growth has one for each month). Products with the same functions of all
    other inputs are one pattern; a pattern's costs are its common factor times a mixture of the wide input's functions.
    """

    functions: tuple[tuple[Factor, ...], ...]  # by input
    wide: int  # place of the wide input, -1 where there is none
    patterns: tuple[tuple[tuple[int, int], ...], ...]  # (input, function) of the others
    usd: Floats  # (patterns, functions of the wide input and 1, channels, months)
    first: Floats  # the same of what is paid on the first day: (patterns, functions and 1, views)
    by_volume: npt.NDArray[np.bool_]  # patterns that follow the volume of joint inputs

    def tables(self, values: Floats) -> tuple[Floats, list[Floats]]:
        """Functions of the wide input and 1, shape (draws, functions and 1), and each pattern's common factor."""
        n = values.shape[0]
        used = {pair for pattern in self.patterns for pair in pattern}
        found = {(index, one): self.functions[index][one](values[:, index]) for index, one in used}
        mixed = np.ones((n, self.usd.shape[1]))
        if self.wide >= 0:
            mixed[:, :-1] = together(self.functions[self.wide], values[:, self.wide])
        return mixed, [
            np.prod([np.ones(n), *(found[pair] for pair in pattern)], axis=0) for pattern in self.patterns
        ]


@dataclass(frozen=True)
class CostModel:
    """The bill of one strategy for any values of the inputs."""

    strategy: str
    n_months: int
    parts: tuple[_Part, ...]
    straight: tuple[bool, ...]  # by input: every line is a straight line of it
    met: tuple[bool, ...]  # by input: False where it is an approximation
    moved: tuple[bool, ...]  # by input: whether it moves any line
    joint: Joint | None = None
    rules: Rules = NO_RULES  # of prices that move with volume

    def costs(self, values: Floats) -> Costs:
        """USD by month for a table of values, shape (draws, inputs)."""
        chunks = [self._costs(values[at : at + CHUNK]) for at in range(0, values.shape[0], CHUNK)]
        sums, first = (np.concatenate([chunk[place] for chunk in chunks], axis=1) for place in (0, 1))
        return Costs(sums[0], sums[1], first[0], first[1])

    def _costs(self, values: Floats) -> tuple[Floats, Floats]:
        """USD by view, draw and month, and what of it is paid on the first day."""
        n = values.shape[0]
        sums, first = np.zeros((self.rules.channels, n, self.n_months)), np.zeros((2, n))
        volume = None if self.joint is None else self.joint.ratios(values)
        for part in self.parts:
            mixed, common = part.tables(values)
            for usd, at_first, factor, by_volume in zip(
                part.usd, part.first, common, part.by_volume, strict=True
            ):
                for channel in np.flatnonzero(usd.any(axis=(0, 2))):
                    found = factor[:, np.newaxis] * (mixed @ usd[:, channel])
                    sums[channel] += found * volume if by_volume and volume is not None else found
                for view in range(2):
                    if at_first[:, view].any():
                        first[view] += factor * (mixed @ at_first[:, view])
        for month, _, usd in self.rules.amounts(sums):
            sums[0, :, month] += usd
        return sums[:2], first

    def total(self, values: Floats, objective: str) -> Floats:
        """USD over the whole horizon, shape (draws,)."""
        if self.joint is not None or self.rules.width:
            return np.asarray(self.costs(values).months(objective).sum(axis=1))
        found = np.zeros(values.shape[0])
        for part in self.parts:
            views = slice(0, 1) if objective == "invoiced" else slice(0, 2)
            weights = part.usd[:, :, views].sum(axis=(2, 3))  # (patterns, functions)
            mixed, common = part.tables(values)
            found += (np.column_stack(common) * (mixed @ weights.T)).sum(axis=1)
        return found


def _part(
    functions: tuple[tuple[Factor, ...], ...],
    which: npt.NDArray[np.int64],
    usd: Floats,
    months: npt.NDArray[np.int64],
    views: npt.NDArray[np.int64],
    at_start: npt.NDArray[np.bool_],
    by_volume: npt.NDArray[np.bool_],
    n_months: int,
    n_channels: int,
) -> _Part:
    counts = [len(one) for one in functions]
    wide = int(np.argmax(counts)) if counts and max(counts) > 1 else -1
    n_wide = counts[wide] if wide >= 0 else 0
    column = (
        np.full(usd.shape[0], n_wide) if wide < 0 else np.where(which[:, wide] >= 0, which[:, wide], n_wide)
    )
    others = np.column_stack([which, by_volume])
    if wide >= 0:
        others[:, wide] = -1
    rows, pattern = np.unique(others, axis=0, return_inverse=True)
    table = np.zeros((rows.shape[0], n_wide + 1, n_channels, n_months))
    np.add.at(table, (pattern.reshape(-1), column, views, months), usd)
    first = np.zeros((rows.shape[0], n_wide + 1, 2))
    np.add.at(first, (pattern.reshape(-1)[at_start], column[at_start], views[at_start]), usd[at_start])
    patterns = tuple(
        tuple((int(index), int(row[index])) for index in np.flatnonzero(row[:-1] >= 0)) for row in rows
    )
    return _Part(functions, wide, patterns, table, first, rows[:, -1] > 0)


def cost_model(
    strategy: str,
    inputs: Sequence[Input],
    spans: Sequence[tuple[float, float]],
    bill: Callable[[Point], FloatBill],
    moves: Callable[[Input, Line], bool],
    volume: Callable[[Floats], Floats] | None = None,
) -> CostModel:
    """The model of a strategy on the ranges of its inputs.

    Parameters
    ----------
    spans : sequence of (lowest, highest)
        Range of each input over all draws.
    bill : callable
        The bill at a point; inputs of kind factor stand at 1 in it, whatever the point says.
    moves : callable
        Whether an input of kind factor moves a line.
    volume : callable, optional
        Requests by month, shape (draws, months), for a table of the inputs of kind volume: given where they do not move
        it by a factor each.
    """
    reference = {one.name: _reference(one, span) for one, span in zip(inputs, spans, strict=True)}
    joint = None
    if volume is not None:
        places = tuple(index for index, one in enumerate(inputs) if one.kind == "volume")
        at = volume(np.array([[reference[inputs[index].name] for index in places]]))
        joint = Joint(places, volume, at)
    builder = _Builder(inputs, spans, bill, moves, joint)
    builder.add(reference)
    while builder.hidden and len(builder.parts) < MOST_BASES:
        builder.add(reference | builder.next_base())
    return CostModel(
        strategy=strategy,
        n_months=builder.n_months,
        parts=tuple(builder.parts),
        straight=tuple(builder.straight),
        met=tuple(builder.met),
        moved=tuple(builder.moved),
        joint=joint,
        rules=builder.rules,
    )


def _reference(one: Input, span: tuple[float, float]) -> float:
    """Where the lines that an input moves are not nothing: its median, or an end of its range where that is 0."""
    return one.p50 if one.p50 != 0 else span[1] if span[1] != 0 else span[0]


class _Builder:
    """Adds base after base until every element that some evaluation showed stands at one."""

    def __init__(
        self,
        inputs: Sequence[Input],
        spans: Sequence[tuple[float, float]],
        bill: Callable[[Point], FloatBill],
        moves: Callable[[Input, Line], bool],
        joint: Joint | None,
    ) -> None:
        self.inputs, self.spans, self.bill, self.moves, self.joint = inputs, spans, bill, moves, joint
        self.parts: list[_Part] = []
        self.covered: set[tuple[Line, int]] = set()
        self.hidden: dict[
            tuple[Line, int], tuple[str, float]
        ] = {}  # element: an input and value that show it
        self.straight, self.met = [True] * len(inputs), [True] * len(inputs)
        self.moved = [False] * len(inputs)
        self.n_months, self.rules = 0, Rules()

    def next_base(self) -> dict[str, float]:
        """The value of one input that shows most of what is hidden still."""
        shown = list(self.hidden.values())
        name, value = max(dict.fromkeys(shown), key=shown.count)
        return {name: value}

    def add(self, base: dict[str, float]) -> None:
        """Products of all elements that are not nothing at a base and stand at none yet."""
        there = self.bill(base)
        self.n_months = there.usd.shape[1]
        self.rules = there.rules
        mine = there.values != 0
        if self.parts:
            mine &= np.array([[(line, month) not in self.covered for month in range(self.n_months)] for line in there.all_lines])  # fmt: skip
        rows, months = np.nonzero(mine)
        usd = there.values[rows, months]
        which = np.full((rows.shape[0], len(self.inputs)), -1, np.int64)
        functions: list[tuple[Factor, ...]] = []
        by_volume = np.zeros(rows.shape[0], np.bool_)
        for index, one in enumerate(self.inputs):
            if self.joint is not None and index in self.joint.inputs:
                followers = self._followers(index, one, base, there, (rows, months), usd)
                by_volume |= followers
                functions.append(())
                self.straight[index], self.moved[index] = False, self.moved[index] or bool(followers.any())
                continue
            fitted = self._fit(index, one, base, there, (rows, months), usd)
            which[:, index] = fitted.which
            functions.append(fitted.functions)
            self.straight[index] &= fitted.is_straight
            self.met[index] &= fitted.is_met
            self.moved[index] |= bool(fitted.functions)
        self.covered |= {(there.all_lines[row], int(month)) for row, month in zip(rows, months, strict=True)}
        self.hidden = {element: where for element, where in self.hidden.items() if element not in self.covered}  # fmt: skip
        if not rows.shape[0]:  # nothing came of it: do not ask for it again
            self.hidden = {element: where for element, where in self.hidden.items() if base[where[0]] != where[1]}  # fmt: skip
            return
        on_lines = [there.all_lines[row] for row in rows]
        self.parts.append(
            _part(
                tuple(functions),
                which,
                usd,
                months.astype(np.int64),
                np.array([line.channel(self.rules) for line in on_lines], np.int64),
                np.array([line.is_at_start for line in on_lines], np.bool_),
                by_volume,
                self.n_months,
                self.rules.channels,
            )
        )

    def _fit(
        self,
        index: int,
        one: Input,
        base: dict[str, float],
        there: FloatBill,
        where: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
        usd: Floats,
    ) -> Fitted:
        if one.kind == "factor":
            moved = np.array([self.moves(one, line) for line in there.all_lines], np.bool_)
            # The bill holds these at 1, so what stands at the base is that of a factor of 1.
            return (
                proportional(1.0, moved[where[0]])
                if where[0].shape[0]
                else proportional(1.0, np.zeros(0, np.bool_))
            )

        def ratios(value: float) -> Floats:
            if value == base[one.name]:
                return np.ones(usd.shape[0])
            found = self._aligned(there, self.bill(base | {one.name: value}), one.name, value)
            return np.asarray(found[where] / usd)

        if one.kind == "simulated":
            places = np.unique(np.array([one.p10, one.p50, one.p90]))
            if places.shape[0] == 1:
                return fit(ratios, base[one.name], base[one.name], base[one.name])
            return through(places, np.array([ratios(float(place)) for place in places]))
        low, high = self.spans[index]
        return fit(ratios, base[one.name], low, high, is_whole=one.is_whole)

    def _followers(
        self,
        index: int,
        one: Input,
        base: dict[str, float],
        there: FloatBill,
        where: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
        usd: Floats,
    ) -> npt.NDArray[np.bool_]:
        """Elements that a joint input moves."""
        moved = np.zeros(usd.shape[0], np.bool_)
        for value in self.spans[index]:
            found = self._aligned(there, self.bill(base | {one.name: value}), one.name, value)
            moved |= np.abs(found[where] / usd - 1) > 1e-12
        return moved

    def _aligned(self, there: FloatBill, other: FloatBill, name: str, value: float) -> Floats:
        """USD of another bill in the lines of the base's; what the base does not show is remembered."""
        if there.rules != other.rules:
            raise RulesVary(f"{name} adds or takes away a step of prices that move with volume at {value:g}")
        if there.all_lines == other.all_lines:
            found = other.values
        else:
            place = {line: row for row, line in enumerate(other.all_lines)}
            found = np.zeros_like(there.values)
            for row, line in enumerate(there.all_lines):
                if line in place:
                    found[row] = other.values[place[line]]
            known = set(there.all_lines)
            for row, line in enumerate(other.all_lines):
                if line not in known:
                    self._hide(line, np.flatnonzero(other.values[row]), name, value)
        for row, month in zip(*np.nonzero((found != 0) & (there.values == 0)), strict=True):
            self._hide(there.all_lines[row], np.array([month]), name, value)
        return found

    def _hide(self, line: Line, months: npt.NDArray[np.intp], name: str, value: float) -> None:
        for month in months:
            if (line, int(month)) not in self.covered:
                self.hidden.setdefault((line, int(month)), (name, value))
