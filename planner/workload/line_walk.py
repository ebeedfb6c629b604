"""Walking along an outage line from the horizon's start, compiled."""

import math

import numba
import numpy as np
import numpy.typing as npt

from planner import chance, sampling
from planner.jit import jit

WEEK_H = 168


@jit(
    numba.float64[:, ::1](
        sampling.LAWS_TYPE,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.float64,
        numba.float64,
        numba.float64,
        numba.float64[::1],
    )
)
def walk(
    law: sampling.Laws,
    seed: int,
    replication: int,
    gap_stream: int,
    duration_stream: int,
    mtbf_h: float,
    from_h: float,
    to_h: float,
    until: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Starts and ends of the line's spells that touch [from, to), hours since the horizon's start, and their index.

    `until` holds the weights of the week's hours summed up to each (169 numbers, the last 168); empty for a line whose
    spells begin at any time alike. Gaps are exponential in weights, and a start is where its weight is reached.
    """
    found = np.empty((16, 3), np.float64)
    count = k = 0
    clock = 0.0
    while True:
        clock += chance.exponential(seed, replication, gap_stream, k, 0, mtbf_h)
        start = clock
        if until.shape[0] > 0:
            weeks = math.floor(clock / WEEK_H)
            rest = clock - WEEK_H * weeks
            low, high = 0, WEEK_H  # until[low] <= rest < until[high], and no hour between is without weight
            while high - low > 1:
                middle = (low + high) // 2
                if until[middle] <= rest:
                    low = middle
                else:
                    high = middle
            start = WEEK_H * weeks + low + (rest - until[low]) / (until[low + 1] - until[low])
        if start >= to_h:
            break
        end = start + sampling.draw_law(law, 0, seed, replication, duration_stream, k, 0)
        k += 1
        if end <= from_h:
            continue
        if count == found.shape[0]:
            larger = np.empty((2 * count, 3), np.float64)
            for row in range(count):  # a slice would bring a megabyte of code that words its errors
                for column in range(3):
                    larger[row, column] = found[row, column]
            found = larger
        found[count, 0] = start
        found[count, 1] = end
        found[count, 2] = k - 1
        count += 1
    return found[:count].copy()
