"""Weekly shapes: their mean, their days, and the tables against the formulas that explain them."""

import math

import numpy as np
import pytest

from planner.workload.shapes import EVENING_DAY, WEEKEND_LEVEL, WORKING_DAY, weekly_weights


@pytest.mark.parametrize("shape", ["flat", "business-hours", "consumer-evening", tuple(range(168))])
def test_every_shape_has_168_weights_of_mean_one(shape):
    weights = weekly_weights(shape)
    assert weights.shape == (168,)
    assert weights.mean() == pytest.approx(1.0, abs=1e-12)
    assert (weights >= 0).all()


def test_flat_is_one_exactly():
    assert (weekly_weights("flat") == 1.0).all()


def test_given_weights_keep_their_ratios():
    given = tuple(float(1 + hour % 5) for hour in range(168))
    weights = weekly_weights(given)
    assert weights / weights[0] == pytest.approx(np.array(given), rel=1e-12)


def test_business_hours_are_busy_on_a_weekday_morning_and_quiet_on_sunday_night():
    weights = weekly_weights("business-hours")
    assert weights.argmax() % 24 in range(10, 17)
    assert weights[10] > 2.5
    assert weights[5 * 24 + 10] == pytest.approx(WEEKEND_LEVEL * weights[10], rel=1e-12)
    assert weights[6 * 24 + 3] < 0.1


def test_consumer_evening_peaks_at_twenty_hours_every_day():
    by_day = weekly_weights("consumer-evening").reshape(7, 24)
    assert (by_day.argmax(axis=1) == 20).all()
    assert (by_day == by_day[0]).all()


def test_working_day_is_its_four_numbers():
    def level(hour: float) -> float:
        def ramp(x: float) -> float:
            return 0.5 - 0.5 * math.cos(math.pi * min(max(x, 0.0), 1.0))

        return 0.08 + 0.92 * ramp((hour - 6) / 5) * (1 - ramp((hour - 16.5) / 4))

    assert [round(level(hour + 0.5), 2) for hour in range(24)] == pytest.approx(WORKING_DAY, abs=0.0051)


def test_evening_day_is_two_harmonics():
    def level(hour: int) -> float:
        x = 2 * math.pi * (hour + 0.5) / 24
        return (
            1 - 0.032 * math.cos(x) - 0.243 * math.sin(x) + 0.077 * math.cos(2 * x) - 0.214 * math.sin(2 * x)
        )

    assert [level(hour) for hour in range(24)] == pytest.approx(EVENING_DAY, abs=0.006)
