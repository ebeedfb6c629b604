"""What is believed of an uncertain input, and draws of all of them together.

Comes in: three figures for each input and rank correlations between some; goes out: a table of draws from one
scrambled Sobol design, joined by a Gaussian copula. Source of the formulas: facts, method §3.6.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtr, ndtri

Floats = npt.NDArray[np.float64]
Z90 = 1.2815515655446004  # normal quantile of 0.9
_EDGE = 2.0**-40  # a design may hold 0 itself, of which a normal quantile is infinite


class Belief(Protocol):
    """A distribution by its quantiles."""

    def quantile(self, probability: Floats) -> Floats: ...


@dataclass(frozen=True)
class Myerson:
    """The distribution with these 10 %, 50 % and 90 % quantiles (Myerson 2005): a shifted lognormal, or a normal.

    With z the standard normal quantile of the probability and b = (p90 - p50) / (p50 - p10) the quantile is
    p50 + (p90 - p50) (b^(z/z90) - 1) / (b - 1), and p50 + (p90 - p50) z / z90 where b = 1. The three quantiles are
    exact. All three equal: the input is certain.
    """

    p10: float
    p50: float
    p90: float

    def quantile(self, probability: Floats) -> Floats:
        """Values at probabilities inside (0, 1), in the unit of the input.

        >>> Myerson(1.0, 2.0, 4.0).quantile(np.array([0.1, 0.5, 0.9])).round(12)
        array([1., 2., 4.])
        """
        if self.p10 == self.p90:
            return np.full(probability.shape, self.p50)
        t = ndtri(probability) / Z90
        above = self.p90 - self.p50
        log_b = math.log(above / (self.p50 - self.p10))
        if abs(log_b) < 1e-9:  # expm1(t log b) / expm1(log b) is t there, to the last digit
            return np.asarray(self.p50 + above * t)
        return np.asarray(self.p50 + above * np.expm1(t * log_b) / math.expm1(log_b))


@dataclass(frozen=True)
class Inverse:
    """One over a value of Myerson's: a factor on prices with these quantiles, never at or below 0.

    For quantiles that lie farther apart below the median than above it: Myerson's own distribution has no lowest value
    there, and cut off at 0 it would let prices be nothing.
    """

    p10: float
    p50: float
    p90: float

    def quantile(self, probability: Floats) -> Floats:
        """Values at probabilities inside (0, 1), in the unit of the input.

        >>> Inverse(0.6, 1.0, 1.1).quantile(np.array([0.0001, 0.1, 0.5, 0.9])).round(3)
        array([0.029, 0.6  , 1.   , 1.1  ])
        """
        upside_down = Myerson(1 / self.p90, 1 / self.p50, 1 / self.p10)
        return np.asarray(1 / upside_down.quantile(1 - probability))


@dataclass(frozen=True)
class Pert:
    """The beta distribution of a lowest, a most likely and a highest value (PERT): mean (min + 4 mode + max) / 6."""

    low: float
    mode: float
    high: float

    def quantile(self, probability: Floats) -> Floats:
        """Values at probabilities in [0, 1], in the unit of the input.

        >>> Pert(0.0, 1.0, 2.0).quantile(np.array([0.0, 0.5, 1.0])).round(12)
        array([0., 1., 2.])
        """
        if self.low == self.high:
            return np.full(probability.shape, self.mode)
        width = self.high - self.low
        a = 1 + 4 * (self.mode - self.low) / width
        b = 1 + 4 * (self.high - self.mode) / width
        return np.asarray(self.low + width * betaincinv(a, b, probability))


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of two inputs, by their places."""

    first: int
    second: int
    rank: float


class NotPossible(ValueError):
    """Rank correlations that no distribution can have together."""


def copula(n: int, correlations: Sequence[Correlation]) -> Floats:
    """The correlation matrix of the normal scores: r = 2 sin(pi rank / 6) for each pair, 0 elsewhere.

    Raises
    ------
    NotPossible
        The matrix is not positive definite.
    """
    matrix = np.eye(n)
    for one in correlations:
        matrix[one.first, one.second] = matrix[one.second, one.first] = 2 * math.sin(math.pi * one.rank / 6)
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise NotPossible("rank correlations that cannot hold together") from None
    return matrix


def design(n: int, draws: int, seed: int) -> Floats:
    """A scrambled Sobol design in (0, 1), shape (draws, n); a power of two keeps its balance."""
    assert draws & (draws - 1) == 0, f"{draws} draws are no power of two: the design would lose its balance"
    if n == 0:
        return np.zeros((draws, 0))
    from scipy.stats import qmc  # slow to import

    points = qmc.Sobol(n, scramble=True, rng=np.random.default_rng(seed)).random(draws)
    return np.clip(points, _EDGE, 1 - _EDGE)


def joined(points: Floats, correlations: Sequence[Correlation]) -> Floats:
    """Probabilities with these rank correlations, from independent ones; shape as given."""
    if not correlations:
        return points
    root = np.linalg.cholesky(copula(points.shape[1], correlations))
    return np.clip(ndtr(ndtri(points) @ root.T), _EDGE, 1 - _EDGE)


Kind = Literal["money", "volume", "simulated", "factor"]


@dataclass(frozen=True)
class Rows:
    """Which lines of the bill an input of kind factor moves; None: any."""

    groups: frozenset[str] | None = None  # accounts or their first words, of what a fee is taken on too
    meters: frozenset[str] | None = None
    deployments: frozenset[str | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Input:
    """An uncertain input: its name, what is believed of it, and where that comes from.

    `name` is a path of the scenario, or the word for a default range whose value is a factor on rows of the bill (kind
    factor; 1 leaves them as they are). `value` is what the scenario holds. Draws beyond `low` and `high`, the bounds of
    the field, are the bound itself: the quantiles that were given stay what they are. Whole numbers are rounded.
    """

    name: str
    label: str
    kind: Kind
    belief: Myerson | Inverse | Pert
    value: float
    unit: str = ""
    source: str = "scenario: uncertain"
    confidence: str = "given"
    low: float = -math.inf
    high: float = math.inf
    is_whole: bool = False
    low_open: bool = False
    high_open: bool = False
    rows: Rows | None = None

    def values(self, probability: Floats) -> Floats:
        """Values at probabilities, legal ones."""
        found = self.belief.quantile(probability)
        if self.is_whole:
            found = np.round(found)
        low = np.nextafter(self.low, math.inf) if self.low_open else self.low
        high = np.nextafter(self.high, -math.inf) if self.high_open else self.high
        return np.clip(found, low, high)

    def at(self, probability: float) -> float:
        """The value at one probability."""
        return float(self.values(np.array([probability]))[0])

    @property
    def p10(self) -> float:
        return self.at(0.1)

    @property
    def p50(self) -> float:
        return self.at(0.5)

    @property
    def p90(self) -> float:
        return self.at(0.9)


def draw(inputs: Sequence[Input], correlations: Sequence[Correlation], draws: int, seed: int) -> Floats:
    """Values of all inputs, shape (draws, inputs).

    An input has its column of the design by the order of names, so that the order in which inputs are given changes no
    figure.
    """
    order = sorted(range(len(inputs)), key=lambda index: inputs[index].name)
    column = {index: place for place, index in enumerate(order)}
    points = design(len(inputs), draws, seed)
    moved = [Correlation(column[one.first], column[one.second], one.rank) for one in correlations]
    probabilities = joined(points, moved)
    found = np.zeros((draws, len(inputs)))
    for index, one in enumerate(inputs):
        found[:, index] = one.values(probabilities[:, column[index]])
    return found
