"""Which input moves a figure, how far, and where a decision turns.

Comes in: a figure as a function of a table of inputs; goes out: bars of a tornado with switch-over values, and shares
of the variance. Nothing here knows money: the figure may be a cost, a difference of two, or a test function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from planner.finance.distributions import Input, design

Floats = npt.NDArray[np.float64]
Figure = Callable[[Floats], Floats]  # values (draws, inputs) -> (draws,)
STEPS = 65  # values of an input at which a change of sign is looked for
_ROOT = 60  # halvings: below the last digit of a float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One input at its 10 % and 90 % values, all others at their medians."""

    name: str
    low: float  # the input's 10 % value
    high: float
    at_low: float  # the figure there
    at_high: float
    baseline: float  # the figure with every input at its median
    swing: float  # distance between the lowest and the highest of the three
    switches: tuple[float, ...]  # values of the input at which the figure changes sign
    is_outside: bool  # the baseline lies outside the bar: the input does not act in one direction


def tornado(inputs: Sequence[Input], figure: Figure, spans: Sequence[tuple[float, float]]) -> tuple[Bar, ...]:
    """Bars of all inputs, the widest first; ties by name.

    `spans` is the range of each input in which switch-over values are looked for.
    """
    middle = np.array([one.p50 for one in inputs])
    grids = [np.unique([*np.linspace(low, high, STEPS), one.p10, one.p50, one.p90]) for one, (low, high) in zip(inputs, spans, strict=True)]  # fmt: skip
    grids = [np.unique(np.round(grid)) if one.is_whole else grid for one, grid in zip(inputs, grids, strict=True)]  # fmt: skip
    table = np.concatenate([_along(middle, index, grid) for index, grid in enumerate(grids)])
    values = figure(table)
    baseline = float(figure(middle[np.newaxis])[0])
    bars, at = [], 0
    for index, (one, grid) in enumerate(zip(inputs, grids, strict=True)):
        mine = values[at : at + grid.shape[0]]
        at += grid.shape[0]
        low, high = one.p10, one.p90
        ends = [float(mine[np.searchsorted(grid, value)]) for value in (low, high)]
        bars.append(
            Bar(
                name=one.name,
                low=low,
                high=high,
                at_low=ends[0],
                at_high=ends[1],
                baseline=baseline,
                swing=max(*ends, baseline) - min(*ends, baseline),
                switches=_roots(grid, mine, partial(_along, middle, index), figure),
                is_outside=not min(ends) <= baseline <= max(ends),
            )
        )
    return tuple(sorted(bars, key=lambda bar: (-bar.swing, bar.name)))


def _along(middle: Floats, index: int, values: Floats) -> Floats:
    table = np.tile(middle, (values.shape[0], 1))
    table[:, index] = values
    return table


def _roots(
    grid: Floats, values: Floats, table: Callable[[Floats], Floats], figure: Figure
) -> tuple[float, ...]:
    """Where the figure changes sign between grid points, by halving all such intervals together."""
    signs = np.sign(values)
    exact = [float(grid[i]) for i in range(1, len(grid) - 1) if signs[i] == 0 and signs[i - 1] * signs[i + 1] < 0]  # fmt: skip
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    if not at.shape[0]:
        return tuple(exact)
    low, high, sign = grid[at].copy(), grid[at + 1].copy(), signs[at]
    for _ in range(_ROOT):
        middle = (low + high) / 2
        is_low = np.sign(figure(table(middle))) == sign
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return tuple(sorted((*exact, *map(float, (low + high) / 2))))


@dataclass(frozen=True)
class Shares:
    """Shares of a figure's variance: by each input alone (`first`), and with all that it does together with others."""

    first: Floats
    total: Floats


def sobol_indices(figure: Figure, inputs: Sequence[Input], n: int = 1024, *, seed: int = 0) -> Shares:
    """Sobol's S1 and ST by Saltelli's design of n x (inputs + 2) points; for independent inputs.

    First: Saltelli et al. 2010; total: Jansen 1999. n is a power of two. A figure that does not vary has shares of 0.
    """
    k = len(inputs)
    points = design(2 * k, n, seed)
    a, b = (_values(inputs, half) for half in (points[:, :k], points[:, k:]))
    mixed = [np.where(np.arange(k) == index, b, a) for index in range(k)]
    values = figure(np.concatenate([a, b, *mixed])).reshape(k + 2, n)
    values = values - values[:2].mean()
    at_a, at_b, at_mixed = values[0], values[1], values[2:]
    variance = float(values[:2].var())
    if variance <= 1e-24 * float((values**2).max(initial=0.0)) or variance == 0.0:
        return Shares(np.zeros(k), np.zeros(k))
    first = (at_b * (at_mixed - at_a)).mean(axis=1) / variance
    total = ((at_a - at_mixed) ** 2).mean(axis=1) / 2 / variance
    return Shares(np.asarray(first), np.asarray(total))


def _values(inputs: Sequence[Input], points: Floats) -> Floats:
    return np.column_stack([one.values(points[:, index]) for index, one in enumerate(inputs)])


def rank_correlations(values: Floats, figure: Floats) -> Floats:
    """Spearman's correlation of each column with the figure; 0 where either does not vary."""
    ranked = _ranks(figure)
    return np.array([_correlation(_ranks(column), ranked) for column in values.T])


def _ranks(values: Floats) -> Floats:
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(many) - (many - 1) / 2)[place])


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else 0.0
