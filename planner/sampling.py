"""Laws of times and sizes, packed into arrays for compiled code.

Comes in: laws as tuples of components (weight, kind, a, b, values). Goes out: `Laws`, a tuple of arrays that
compiled functions accept, and draws from them. A draw takes both uniforms of its (seed, replication, stream,
request, attempt): the first gives the value by inversion, the second chooses the component of a mixture, so
that two strategies with the same law meet the same value.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numba
import numpy as np
import numpy.typing as npt

from planner.chance import (
    exp,
    exponential_quantile,
    gamma_variate,
    lognormal_quantile,
    normal_many,
    uniform_pair,
)
from planner.jit import jit
from planner.raw import RAW_FLOATS

FIXED = 0  # a = the value
EXPONENTIAL = 1  # a = mean
LOGNORMAL = 2  # a, b = mean and standard deviation of the logarithm
GAMMA = 3  # a = shape, b = scale
EMPIRICAL = 4  # values, sorted ascending

# Columns of a component in `Laws`.
KIND, CUMULATED_WEIGHT, A, B, FIRST_VALUE, END_OF_VALUES, WIDTH = range(7)

Component = tuple[float, int, float, float, Sequence[float]]
Law = Sequence[Component]


#: Packed laws, one array of reals: for each law the place of its first component, then the components
#: (KIND, CUMULATED_WEIGHT, A, B, FIRST_VALUE, END_OF_VALUES), then all empirical values. Places are
#: whole numbers and exact. One array, so that a compiled loop can take it as a bare pointer.
Laws = npt.NDArray[np.float64]

_FLOATS, _INTEGERS = numba.float64[::1], numba.int64[::1]
#: Numba's type of `Laws`, for the signatures of functions that take it.
LAWS_TYPE = _FLOATS


def pack_laws(laws: Sequence[Law]) -> Laws:
    """Arrays of a list of laws; a law's index is its place in the list.

    Parameters
    ----------
    laws : sequence of laws, each a sequence of components (weight, kind, a, b, values)
        Weights are relative (divided by their sum here). Kinds: 0 fixed at a; 1 exponential with mean a;
        2 lognormal, a and b mean and standard deviation of the logarithm; 3 gamma with shape a and scale b;
        4 empirical, `values` sorted ascending.

    Raises
    ------
    ValueError
        A component that is no law, by place, rule and value.
    """
    places: list[int] = []
    rows: list[list[float]] = []
    values: list[float] = []
    for index, law in enumerate(laws):
        if not law:
            raise ValueError(f"laws[{index}] must have at least one component: {law!r}")
        total = math.fsum(component[0] for component in law)
        last = max((place for place, component in enumerate(law) if component[0] > 0.0), default=0)
        cumulated = 0.0
        places.append(len(laws) + WIDTH * len(rows))
        for place, component in enumerate(law):
            _check(f"laws[{index}][{place}]", component)
            weight, kind, a, b, own = component
            cumulated += weight
            # From the last component with a weight on it is exactly 1, so that every uniform finds one.
            share = cumulated / total if place < last else 1.0
            rows.append([float(kind), share, float(a), float(b), len(values), len(values) + len(own)])
            values.extend(float(value) for value in own)
        if not total > 0.0:
            raise ValueError(f"laws[{index}]: weights must have a sum > 0: {total}")
    behind = len(laws) + WIDTH * len(rows)
    for row in rows:
        row[FIRST_VALUE] += behind
        row[END_OF_VALUES] += behind
    return np.array([*places, *(number for row in rows for number in row), *values], dtype=np.float64)


def is_zero(laws: Laws, law_index: int) -> bool:
    """Whether a law gives 0 and nothing else."""
    row = int(laws[law_index])
    return bool(laws[row + KIND] == FIXED and laws[row + CUMULATED_WEIGHT] == 1.0 and laws[row + A] == 0.0)


def content(laws: Laws, law_index: int) -> bytes:
    """A law as bytes, wherever it stands among others: equal where every draw of it would be."""
    found = []
    row = int(laws[law_index])
    while True:
        component = laws[row : row + WIDTH]
        found.append(component[:FIRST_VALUE].tobytes())
        found.append(laws[int(component[FIRST_VALUE]) : int(component[END_OF_VALUES])].tobytes())
        if component[CUMULATED_WEIGHT] == 1.0:
            return b"|".join(found)
        row += WIDTH


def _check(name: str, component: Component) -> None:
    """Refuse a component that is no law."""
    weight, kind, a, b, values = component
    if not (math.isfinite(weight) and weight >= 0.0):
        raise ValueError(f"{name}: weight must be a number >= 0: {weight!r}")
    rules = {
        FIXED: ("a (the value) must be finite", math.isfinite(a)),
        EXPONENTIAL: ("a (the mean) must be >= 0 and finite", 0.0 <= a < math.inf),
        LOGNORMAL: ("a must be finite and b >= 0 and finite", math.isfinite(a) and 0.0 <= b < math.inf),
        GAMMA: (
            "a (shape) must be > 0 and b (scale) >= 0, both finite",
            0.0 < a < math.inf and 0.0 <= b < math.inf,
        ),
        EMPIRICAL: (
            "values must be finite, sorted ascending, at least one",
            len(values) > 0
            and all(math.isfinite(value) for value in values)
            and all(low <= high for low, high in pairwise(values)),
        ),
    }
    if kind not in rules:
        raise ValueError(f"{name}: kind must be 0, 1, 2, 3 or 4: {kind!r}")
    if kind != EMPIRICAL and len(values) > 0:
        raise ValueError(f"{name}: only an empirical law (kind 4) has values: {list(values)!r}")
    rule, is_kept = rules[kind]
    if not is_kept:
        given = list(values) if kind == EMPIRICAL else (a, b)
        raise ValueError(f"{name}: {rule}: {given!r}")


@jit([numba.float64(laws, *(numba.int64,) * 6) for laws in (LAWS_TYPE, RAW_FLOATS)], forceinline=True)
def draw_law(
    laws: Laws, law_index: int, seed: int, replication: int, stream: int, request: int, attempt: int
) -> float:
    """One draw from a packed law; see `planner.chance` for the ranges of the names of a draw.

    Fixed, exponential, lognormal and empirical values grow with the first uniform u (empirical: the value
    number floor(u n)); the component of a mixture is the first whose cumulated weight exceeds the second. A
    gamma value uses further draws of its own (`planner.chance.gamma_variate`).
    """
    row = int(laws[law_index])
    if laws[row + KIND] == FIXED and laws[row + CUMULATED_WEIGHT] == 1.0:
        return laws[row + A]  # no luck is needed
    u, v = uniform_pair(seed, replication, stream, request, attempt)
    while v >= laws[row + CUMULATED_WEIGHT]:
        row += WIDTH
    kind = int(laws[row + KIND])
    a, b = laws[row + A], laws[row + B]
    if kind == FIXED:
        return a
    if kind == EXPONENTIAL:
        return exponential_quantile(u, a)
    if kind == LOGNORMAL:
        return lognormal_quantile(u, a, b)
    if kind == GAMMA:
        return b * gamma_variate(seed, replication, stream, request, attempt, a)
    first, end = int(laws[row + FIRST_VALUE]), int(laws[row + END_OF_VALUES])
    return laws[first + math.floor(u * (end - first))]


@jit(_FLOATS(LAWS_TYPE, numba.int64, numba.int64, numba.int64, numba.int64, _INTEGERS, numba.int64))
def draw_many(
    laws: Laws,
    law_index: int,
    seed: int,
    replication: int,
    stream: int,
    requests: npt.NDArray[np.int64],
    attempt: int,
) -> npt.NDArray[np.float64]:
    """`draw_law` for many requests; shape (requests,). The normal draws of one lognormal are made together."""
    row = int(laws[law_index])
    if laws[row + KIND] == LOGNORMAL and laws[row + CUMULATED_WEIGHT] == 1.0:
        drawn = normal_many(seed, replication, stream, requests, attempt)
        for i in range(requests.shape[0]):
            drawn[i] = exp(laws[row + A] + laws[row + B] * drawn[i])
        return drawn
    drawn = np.empty(requests.shape[0], dtype=np.float64)
    for i in range(requests.shape[0]):
        drawn[i] = draw_law(laws, law_index, seed, replication, stream, requests[i], attempt)
    return drawn


@jit(_FLOATS(LAWS_TYPE, _INTEGERS, numba.int64, numba.int64, numba.int64, _INTEGERS, numba.int64))
def draw_each(
    laws: Laws,
    law_indices: npt.NDArray[np.int64],
    seed: int,
    replication: int,
    stream: int,
    requests: npt.NDArray[np.int64],
    attempt: int,
) -> npt.NDArray[np.float64]:
    """`draw_law` for many requests, each with a law of its own; shape (requests,).

    Where all laws are fixed or one lognormal each, their normal draws are made together, which is faster.
    """
    n = requests.shape[0]
    n_laws = int(laws[0])  # the first component stands behind the places of all laws
    are_plain = True
    for index in range(n_laws):
        row = int(laws[index])
        kind = laws[row + KIND]
        are_plain &= laws[row + CUMULATED_WEIGHT] == 1.0 and kind in (LOGNORMAL, FIXED)
    if are_plain:
        drawn = normal_many(seed, replication, stream, requests, attempt)
        for i in range(n):
            row = int(laws[law_indices[i]])
            a = laws[row + A]
            drawn[i] = a if laws[row + KIND] == FIXED else exp(a + laws[row + B] * drawn[i])
        return drawn
    drawn = np.empty(n, dtype=np.float64)
    for i in range(n):
        drawn[i] = draw_law(laws, law_indices[i], seed, replication, stream, requests[i], attempt)
    return drawn
