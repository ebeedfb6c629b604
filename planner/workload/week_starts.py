"""When in the week outages begin: weights of its hours, the time that they stand for, and who is still out.

Comes in: 168 weights of mean 1 from the horizon's first hour on, and a law of durations; goes out: the weight
between two moments, the moment where a weight is reached, and the mean weight of the starts before a moment whose
spells still last then. A rate of starts that is w(t) / mtbf is a Poisson process of rate 1 / mtbf in that weight, which
is how a line is walked; so a mean number of spells is a weight over mtbf.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from planner import chance
from planner.scenario.laws import Component, Kind, Law

WEEK_H = 168
TAIL = 1e-13  # part of a law's mean that may lie beyond the hours that are looked at one by one
MOST_WEEKS = 400  # of them; what lasts longer counts as begun evenly over the week

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WeekStarts:
    """Weights of the week's hours, of mean 1, from the hour on in which the horizon starts."""

    weights: tuple[float, ...]

    @cached_property
    def until(self) -> Floats:
        """Weight from the horizon's start until each hour of its first week begins, and until it ends."""
        found = np.concatenate([[0.0], np.cumsum(self.weights)])
        found[found >= found[-1]] = float(WEEK_H)  # also of hours without weight at its end
        return found

    @cached_property
    def _weights(self) -> Floats:
        return np.array(self.weights)

    def clock(self, time_h: float) -> float:
        """Weight between the horizon's start and a moment, negative before it."""
        weeks = math.floor(time_h / WEEK_H)
        rest = time_h - WEEK_H * weeks
        hour = min(int(rest), WEEK_H - 1)
        step = float(self.until[hour + 1] - self.until[hour])
        return WEEK_H * weeks + float(self.until[hour]) + (rest - hour) * step

    def moment(self, clock: float) -> float:
        """The moment at which a weight is reached; the inverse of `clock`."""
        weeks = math.floor(clock / WEEK_H)
        rest = clock - WEEK_H * weeks
        hour = int(np.searchsorted(self.until, rest, side="right")) - 1
        if hour >= WEEK_H:  # rounding at the week's end
            return float(WEEK_H * (weeks + 1))
        step = float(self.until[hour + 1] - self.until[hour])
        return WEEK_H * weeks + hour + (rest - float(self.until[hour])) / step

    def still_out(self, law: Law, time_h: float) -> float:
        """Integral over u > 0 of weight(time - u) x P(D > u): the starts before a moment that last beyond it."""
        masses, beyond = self._masses(law, time_h)
        return float(masses.sum()) + beyond

    def began(self, law: Law, time_h: float, u: float) -> float:
        """How long before a moment a spell began that lasts beyond it; the earlier, the smaller the uniform u."""
        masses, beyond = self._masses(law, time_h)
        found = _lasting(law, time_h - math.floor(time_h))
        cumulated = beyond + np.cumsum(masses[::-1])  # the oldest first
        target = u * cumulated[-1]
        place = int(np.searchsorted(cumulated, target, side="right"))
        piece = len(masses) - 1 - min(place, len(masses) - 1)
        mass, reached = float(masses[piece]), float(cumulated[len(masses) - 1 - piece])
        left = min(max((reached - target) / mass, 0.0), 1.0) if mass > 0.0 else 1.0
        low, high = float(found.edges[piece]), float(found.edges[piece + 1])
        wanted = float(found.reached[piece]) + left * float(found.reached[piece + 1] - found.reached[piece])
        for _ in range(100):  # the integral grows with its bound: halving finds it
            middle = 0.5 * (low + high)
            if middle in (low, high):
                break
            if mean_until(law, middle) < wanted:
                low = middle
            else:
                high = middle
        return low

    def _masses(self, law: Law, time_h: float) -> tuple[Floats, float]:
        """Weight x lasting by pieces of time before a moment: its own hour, then one hour each; and what lies beyond."""
        hour = math.floor(time_h)
        found = _lasting(law, time_h - hour)
        pieces = np.diff(found.reached)
        weights = self._weights[(hour - np.arange(len(pieces))) % WEEK_H]
        return weights * pieces, found.beyond


@dataclass(frozen=True)
class _Lasting:
    """The integral of P(D > u) from 0 to each edge: 0, where the present hour began, and each hour before that."""

    edges: Floats
    reached: Floats
    beyond: float


@lru_cache(maxsize=64)
def _lasting(law: Law, present_h: float) -> _Lasting:
    mean, edges = law.mean, [0.0, present_h]
    reached = [0.0, mean_until(law, present_h)]
    while mean - reached[-1] > TAIL * mean and len(edges) < MOST_WEEKS * WEEK_H:
        edges.append(present_h + len(edges) - 1)
        reached.append(mean_until(law, edges[-1]))
    return _Lasting(np.array(edges), np.array(reached), max(mean - reached[-1], 0.0))


def lasting_beyond(law: Law, u: float, chosen: float, value: float) -> float:
    """A draw of the duration given that it is longer than u: by two uniforms, for the component and in it."""
    lasts = [part.weight * _survival(part, u) for part in law.components]
    total, reached = math.fsum(lasts), 0.0
    for part, weight in zip(law.components, lasts, strict=True):
        reached += weight
        if weight > 0.0 and chosen * total <= reached:
            return max(_beyond(part, u, value), u)
    raise AssertionError(f"no duration is longer than {u} h")


def _beyond(part: Component, u: float, value: float) -> float:
    match part.kind:
        case Kind.FIXED:
            return part.a
        case Kind.EXPONENTIAL:
            return u + chance.exponential_quantile(value, part.a)
        case Kind.LOGNORMAL:
            return chance.exp(part.a - part.b * chance.normal_quantile((1.0 - value) * _survival(part, u)))
        case Kind.GAMMA:
            return part.b * _gamma_above(part.a, u / part.b, (1.0 - value) * _survival(part, u))
    longer = [one for one in part.values if one > u]
    return longer[int(value * len(longer))]


def _gamma_above(shape: float, low: float, tail: float) -> float:
    """Where the gamma law's upper tail, seen from `low` on, has come down to `tail`."""
    high = max(2.0 * low, shape, 1e-3)
    while gamma_sf(shape, high) > tail:
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if gamma_sf(shape, middle) > tail:
            low = middle
        else:
            high = middle
    return high


def _survival(part: Component, u: float) -> float:
    """P(D > u)."""
    match part.kind:
        case Kind.FIXED:
            return 1.0 if part.a > u else 0.0
        case Kind.EXPONENTIAL:
            return chance.exp(-u / part.a)
        case Kind.LOGNORMAL:
            return chance.normal_cdf((part.a - chance.log(u)) / part.b)
        case Kind.GAMMA:
            return gamma_sf(part.a, u / part.b)
    return sum(value > u for value in part.values) / len(part.values)


def mean_until(law: Law, x: float) -> float:
    """E[min(D, x)]: the integral of P(D > u) over u from 0 to x."""
    return math.fsum(part.weight * _part_until(part, x) for part in law.components)


def _part_until(part: Component, x: float) -> float:
    if x <= 0.0:
        return 0.0
    match part.kind:
        case Kind.FIXED:
            return min(part.a, x)
        case Kind.EXPONENTIAL:
            return part.a * (1.0 - chance.exp(-x / part.a))
        case Kind.LOGNORMAL:
            z = (chance.log(x) - part.a) / part.b
            return part.mean * chance.normal_cdf(z - part.b) + x * chance.normal_cdf(-z)
        case Kind.GAMMA:
            below = gamma_cdf(part.a, x / part.b)
            # P(a + 1, y) = P(a, y) - y^a e^-y / Gamma(a + 1)
            step = chance.exp(part.a * chance.log(x / part.b) - x / part.b - math.lgamma(part.a + 1.0))
            return part.mean * (below - step) + x * (1.0 - below)
    return math.fsum(min(value, x) for value in part.values) / len(part.values)


def gamma_cdf(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma function, to about 1e-13."""
    return _gamma_below(shape, x) if x < shape + 1.0 else 1.0 - _gamma_above_x(shape, x)


def gamma_sf(shape: float, x: float) -> float:
    """Regularised upper incomplete gamma function, to about 1e-13 of itself."""
    return 1.0 - _gamma_below(shape, x) if x < shape + 1.0 else _gamma_above_x(shape, x)


def _gamma_below(shape: float, x: float) -> float:
    """By the series of Abramowitz and Stegun 6.5.29; for x < shape + 1."""
    if x <= 0.0:
        return 0.0
    term = total = 1.0 / shape
    n = shape
    while term > total * 1e-17:
        n += 1.0
        term *= x / n
        total += term
    return min(total * _gamma_front(shape, x), 1.0)


def _gamma_above_x(shape: float, x: float) -> float:
    """By the continued fraction of Abramowitz and Stegun 6.5.31, with Lentz's method; for x >= shape + 1."""
    tiny = 1e-300
    b = x + 1.0 - shape
    c, d = 1.0 / tiny, 1.0 / b
    fraction = d
    for i in range(1, 100_000):
        a = -i * (i - shape)
        b += 2.0
        d = 1.0 / (a * d + b or tiny)
        c = b + a / c or tiny
        fraction *= d * c
        if abs(d * c - 1.0) < 1e-16:
            break
    return fraction * _gamma_front(shape, x)


def _gamma_front(shape: float, x: float) -> float:
    return chance.exp(shape * chance.log(x) - x - math.lgamma(shape))
