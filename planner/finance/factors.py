"""How a line of the bill moves with one input: functions that are 1 at a reference, found from a few bills.

Comes in: the values of many elements of a bill at a few values of one input, in proportion to those at the reference;
goes out: a function for each element, equal ones once. Straight lines are recognised as such; others are Chebyshev
series, of the logarithm where all are positive, so that powers such as (1 + growth)^36 are met to the last digits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DEGREES = (8, 16, 48)
_LARGE = 600.0  # exponents beyond are no factor of a bill
_SAME = 1e-12  # relative: elements that move so alike share a function
_EXACT = 1e-11  # relative error up to which a function counts as met
_LOOKED_AT = (0.31, 0.5, 0.83)  # shares of a range at which a straight line is looked for, besides its ends
MOST_WHOLE = 64  # whole numbers up to which each is worked out by itself


class Factor(Protocol):
    """Factors of an element of the bill for values of one input."""

    def __call__(self, values: Floats) -> Floats: ...


@dataclass(frozen=True)
class Straight:
    """1 + slope x (value - reference)."""

    reference: float
    slope: float

    def __call__(self, values: Floats) -> Floats:
        return np.asarray(1 + self.slope * (values - self.reference))


@dataclass(frozen=True)
class Series:
    """A Chebyshev series over [low, high], or its exponential."""

    low: float
    high: float
    coefficients: tuple[float, ...]
    is_log: bool

    def __call__(self, values: Floats) -> Floats:
        x = (2 * values - self.low - self.high) / (self.high - self.low)
        found = np.polynomial.chebyshev.chebval(x, self.coefficients)
        return np.asarray(np.exp(found) if self.is_log else found)


@dataclass(frozen=True)
class Broken:
    """Straight lines between points, going on beyond the outer ones; never below zero."""

    places: tuple[float, ...]
    factors: tuple[float, ...]

    def __call__(self, values: Floats) -> Floats:
        x, y = np.array(self.places), np.array(self.factors)
        found = np.interp(values, x, y)
        first, last = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
        found = np.where(values < x[0], y[0] + first * (values - x[0]), found)
        found = np.where(values > x[-1], y[-1] + last * (values - x[-1]), found)
        return np.maximum(found, 0.0)


def together(functions: Sequence[Factor], values: Floats) -> Floats:
    """All functions of one input at once, shape (draws, functions): series of one shape are summed together."""
    found = np.empty((values.shape[0], len(functions)))
    series = [place for place, one in enumerate(functions) if isinstance(one, Series)]
    for place, one in enumerate(functions):
        if not isinstance(one, Series):
            found[:, place] = one(values)
    alike: dict[tuple[float, float, int, bool], list[int]] = {}
    for place in series:
        one = functions[place]
        assert isinstance(one, Series)
        alike.setdefault((one.low, one.high, len(one.coefficients), one.is_log), []).append(place)
    for (low, high, _, is_log), places in alike.items():
        coefficients = np.array([functions[place].coefficients for place in places])  # type: ignore[attr-defined]
        x = (2 * values - low - high) / (high - low)
        basis = np.polynomial.chebyshev.chebvander(x, coefficients.shape[1] - 1)
        summed = basis @ coefficients.T
        found[:, places] = np.exp(summed) if is_log else summed
    return found


@dataclass(frozen=True)
class Fitted:
    """Functions of one input: `which[e]` is that of element e, -1 where the input does not move it."""

    functions: tuple[Factor, ...]
    which: npt.NDArray[np.int64]
    is_straight: bool
    is_met: bool  # False: an approximation, as where a step lies inside the range


def fit(
    ratios: Callable[[float], Floats], reference: float, low: float, high: float, *, is_whole: bool = False
) -> Fitted:
    """The functions of all elements on [low, high].

    Parameters
    ----------
    ratios : callable
        Value of the input -> element values over those at the reference, shape (elements,).
    """
    if low == high:
        return _unmoved(ratios(reference).shape[0])
    places = np.array([low, *(low + (high - low) * np.array(_LOOKED_AT)), high])
    if low < reference < high:
        places[2] = reference
    if is_whole:
        places = np.unique(np.round(places))
    looked = np.array([ratios(float(place)) for place in places])
    moved = np.any(np.abs(looked - 1) > _SAME, axis=0)
    if not moved.any():
        return _unmoved(moved.shape[0])
    shares = ((places - low) / (high - low))[:, np.newaxis]
    on_line = looked[0] + (looked[-1] - looked[0]) * shares
    size = np.maximum(np.abs(looked).max(axis=0), 1.0)
    if (np.abs(on_line - looked) <= _SAME * 8 * size)[:, moved].all():
        slopes = (looked[-1] - looked[0]) / (high - low)
        groups, which = _alike(slopes[:, np.newaxis] * (high - low), moved)
        functions = tuple(Straight(reference, float(slopes[first])) for first in groups)
        return Fitted(functions, which, True, True)
    if is_whole:
        return _each_whole(ratios, moved, low, high)
    return _series(ratios, moved, places, looked)


def through(places: Floats, factors: Floats) -> Fitted:
    """Functions through a few points, for what costs a simulation each; `factors` of shape (points, elements)."""
    moved = np.any(np.abs(factors - 1) > _SAME, axis=0)
    if not moved.any():
        return _unmoved(moved.shape[0])
    groups, which = _alike(factors.T, moved)
    functions = tuple(Broken(tuple(map(float, places)), tuple(map(float, factors[:, one]))) for one in groups)
    return Fitted(functions, which, False, False)


def proportional(reference: float, moved: npt.NDArray[np.bool_]) -> Fitted:
    """Elements that are in proportion to the input, and others that it does not move."""
    function = Straight(reference, 1 / reference)
    return Fitted((function,), np.where(moved, 0, -1).astype(np.int64), True, True)


def _unmoved(n: int) -> Fitted:
    return Fitted((), np.full(n, -1, np.int64), True, True)


def _series(
    ratios: Callable[[float], Floats], moved: npt.NDArray[np.bool_], tests: Floats, looked: Floats
) -> Fitted:
    """Series that meet the bill at `tests`, where it was looked at before; lines between nodes where none does."""
    low, high = float(tests[0]), float(tests[-1])
    expected = looked[:, moved]
    for degree in DEGREES:
        n = degree + 1
        x = np.cos(np.pi * (np.arange(n) + 0.5) / n)
        values = np.array([ratios(float((low + high) / 2 + (high - low) / 2 * one)) for one in x])[:, moved]
        for is_log in (True, False):
            if is_log and not ((values > 0).all() and (expected > 0).all()):
                continue
            basis = np.polynomial.chebyshev.chebvander(x, degree)
            coefficients = 2 / n * basis.T @ (np.log(values) if is_log else values)
            coefficients[0] /= 2
            at = (2 * tests - low - high) / (high - low)
            found = np.polynomial.chebyshev.chebvander(at, degree) @ coefficients
            if is_log:
                found = np.exp(np.minimum(found, _LARGE))
            if (np.abs(found - expected) <= _EXACT * np.maximum(np.abs(expected), 1.0)).all():
                full = np.zeros((moved.shape[0], n))
                full[moved] = coefficients.T
                groups, which = _alike(full, moved)
                functions = tuple(Series(low, high, tuple(map(float, full[one])), is_log) for one in groups)
                return Fitted(functions, which, False, True)
    order = np.argsort(x)
    places = np.array([low, *((low + high) / 2 + (high - low) / 2 * x[order]), high])
    factors = np.array([ratios(float(place)) for place in places])
    rough = through(places, factors)
    return Fitted(rough.functions, rough.which, False, False)


def _each_whole(
    ratios: Callable[[float], Floats], moved: npt.NDArray[np.bool_], low: float, high: float
) -> Fitted:
    n = round(high - low) + 1
    places = np.unique(np.round(np.linspace(low, high, min(n, MOST_WHOLE))))
    found = through(places, np.array([ratios(float(place)) for place in places]))
    return Fitted(found.functions, found.which, False, n <= MOST_WHOLE)


def _alike(rows: Floats, moved: npt.NDArray[np.bool_]) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Elements whose rows are equal but for rounding: the first of each kind, and the kind of each element."""
    which = np.full(rows.shape[0], -1, np.int64)
    kinds: dict[bytes, int] = {}
    firsts: list[int] = []
    scale = max(float(np.abs(rows[moved]).max()), math.ulp(1.0))
    # Rounded to a binary grid, so that the same motion worked out by two roads is one function; -0.0 is 0.0.
    grid = np.round(rows / scale * 2**39) + 0.0
    for element in np.flatnonzero(moved):
        kind = grid[element].tobytes()
        if kind not in kinds:
            kinds[kind] = len(firsts)
            firsts.append(int(element))
        which[element] = kinds[kind]
    return firsts, which
