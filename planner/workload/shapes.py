"""Weekly shapes of traffic: 168 hourly weights with mean 1, Monday 00:00 UTC first.

Comes in: the scenario's `traffic.weekly_shape`. Goes out: weights that multiply the mean rate. The named
shapes are tables of two-digit numbers (no function of the machine's mathematics library), explained beside
each; a shape of one's own is 168 numbers in the scenario.
"""

import math

import numpy as np
import numpy.typing as npt

HOURS_PER_WEEK = 168

# A working day, in units of its plateau, from four numbers: the night at 0.08 of the plateau, a rise from 6 to
# 11 h, full load until 16:30, a fall until 20:30; raised cosines, read at mid-hour. Night level and length of
# the morning rise are BurstGPT's (Azure OpenAI traffic of a campus, hourly counts: 0.13 at 7 h against 1.63 at
# 11-16 h, rising 7 to 12 h). That campus works on into the night; an office does not: the fall is an assumption.
WORKING_DAY = (
    0.08, 0.08, 0.08, 0.08, 0.08, 0.08, 0.10, 0.27, 0.54, 0.81, 0.98, 1.00,
    1.00, 1.00, 1.00, 1.00, 1.00, 0.87, 0.54, 0.21, 0.08, 0.08, 0.08, 0.08,
)  # fmt: skip
# Weekend against working day. An assumption: none of the measured traces of business use covers a weekend.
WEEKEND_LEVEL = 0.25

# A consumer service's day: mean and two harmonics fitted to the hour-of-day means of ServeGen's m-small (Alibaba
# Cloud Model Studio, one week; R squared 0.91): 1 - 0.032 cos x - 0.243 sin x + 0.077 cos 2x - 0.214 sin 2x at
# x = 2 pi (hour + 1/2) / 24. Its days differ by 0.88 to 1.08 without a weekend, so every day is the same here.
EVENING_DAY = (
    0.96, 0.78, 0.64, 0.56, 0.56, 0.63, 0.74, 0.88, 1.01, 1.10, 1.14, 1.13,
    1.08, 1.03, 0.99, 0.99, 1.03, 1.12, 1.22, 1.31, 1.36, 1.35, 1.27, 1.13,
)  # fmt: skip

_NAMED = {
    "flat": (1.0,) * HOURS_PER_WEEK,
    "business-hours": WORKING_DAY * 5 + tuple(WEEKEND_LEVEL * level for level in WORKING_DAY) * 2,
    "consumer-evening": EVENING_DAY * 7,
}


def weekly_weights(shape: str | tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Weights of a week's hours with mean 1; shape (168,), Monday 00:00 UTC first.

    Parameters
    ----------
    shape : "flat", "business-hours", "consumer-evening", or 168 weights >= 0 that are not all 0
        Hours are UTC: business-hours are those of a place on UTC. Weights given are divided by their mean.
    """
    weights = _NAMED[shape] if isinstance(shape, str) else shape
    assert len(weights) == HOURS_PER_WEEK, f"a weekly shape has 168 weights: {len(weights)}"
    mean = math.fsum(weights) / HOURS_PER_WEEK
    return np.array([weight / mean for weight in weights], dtype=np.float64)
