"""Log-histogram: counts in bins whose width is a fixed share of the value; merged by adding integers.

The DDSketch rule (Masson, Rim & Lee 2019): gamma = (1 + a)/(1 - a), a value x > 0 falls into the bin
ceil(log_gamma x), which stands for 2 gamma^i / (gamma + 1); with a = 0.5 % every quantile is within
0.5 % of the exact one. Zero has a bin of its own; what lies beyond the range is counted in the end
bins, and their counts say so.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from planner.chance import log
from planner.jit import jit

RELATIVE_ERROR = 0.005
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LOG_GAMMA = math.log(GAMMA)
LOWEST, HIGHEST = 1e-6, 1e8
FIRST = math.floor(math.log(LOWEST) / LOG_GAMMA)
N_BINS = math.ceil(math.log(HIGHEST) / LOG_GAMMA) - FIRST + 3  # zero, under and over the range included

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@jit("int64(float64)")
def bin_of(value: float) -> int:
    """Bin of a value >= 0: 0 for zero, 1 and the last for what is beyond the range."""
    if value <= 0.0:
        return 0
    index = math.ceil(log(value) / LOG_GAMMA) - FIRST + 1
    return min(max(index, 1), N_BINS - 1)


@jit("void(int64[:, ::1], float64[::1], int64[::1])")
def add_values(bins: Integers, values: Floats, tasks: Integers) -> None:
    """Count values by task; NaN is no value. `bins` has shape (tasks, N_BINS)."""
    for i in range(values.shape[0]):
        if not math.isnan(values[i]):
            bins[tasks[i], bin_of(values[i])] += 1


@cache
def representatives() -> Floats:
    """The value each bin stands for; shape (N_BINS,), read only."""
    powers = np.exp((np.arange(N_BINS) + FIRST - 1) * LOG_GAMMA)
    values = 2 * powers / (GAMMA + 1)
    values[0] = 0.0
    values.flags.writeable = False
    return values
