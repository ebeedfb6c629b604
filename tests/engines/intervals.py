"""Student's interval over independent windows, and the comparison of a simulated mean with a closed form."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

CHANCE = 1e-6  # of a right engine failing a comparison, unless a test asks for less


def check(values: Sequence[float], truth: float, precision: float, chance: float = CHANCE) -> None:
    """The windows' interval covers the truth, and is narrow enough for that to mean something.

    `values` are the means of independent windows. The half-width must be below `precision` x truth, so that any
    value further than twice that from the truth is refused.
    """
    mean = float(np.mean(values))
    standard_error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half_width = float(stdtrit(len(values) - 1, 1 - chance / 2)) * standard_error
    assert half_width < precision * truth, f"{mean:.6g} +- {half_width:.2g} tells too little of {truth:.6g}"
    assert abs(mean - truth) < half_width, f"{mean:.6g} +- {half_width:.2g} against {truth:.6g}"
