"""Volume over the calendar months: expected requests, drawn windows and simulated arrivals follow one formula."""

import calendar
import datetime
import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from planner.errors import ScenarioError
from planner.scenario.fields import MONTH_S, Scenario
from planner.scenario.seasons import MONTH_DAYS, season_factors
from planner.workload.arrivals import HOUR_NS, arrivals, cells_per_hour, hourly_weights
from planner.workload.requests import generate
from planner.workload.volume import monthly_growth, volume_factor, volume_factors
from planner.workload.windows import eras, expected_requests, month_pieces, plan_windows
from tests.workload.small import small, with_seed

CERTAIN = 1e-6  # a right generator fails a statistical test with at most this chance
CHRISTMAS = {"november": 2, "december": 4, "august": 0.5}
ONE_MODEL = {
    "deployments": {"omni": {"model": "gpt-4o-2024-11-20"}},
    "strategies": {"all": {"omni": ["omni"]}},
}


def traffic(
    requests_per_month: float = 1e6, months: int = 12, start: str = "2027-01-01", **fields: Any
) -> Scenario:
    return small(
        traffic={"requests_per_month": requests_per_month, **fields},
        start=start,
        finance={"horizon_months": months},
        **ONE_MODEL,
    )


def month_days(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


# -- growth by the year ------------------------------------------------------------------------------


def test_a_year_of_monthly_growth_is_the_annual_growth() -> None:
    # 1.1^12 = 3.138428376721: a month's growth is a tenth, not a twelfth of 213.8 %
    assert monthly_growth(traffic(growth_per_year=2.138428376721).traffic) == pytest.approx(0.1, rel=1e-12)
    found = volume_factors(traffic(growth_per_year=0.5), 25)
    assert (found[0], found[12], found[24]) == pytest.approx((1.0, 1.5, 2.25), rel=1e-13)
    assert found[6] == pytest.approx(math.sqrt(1.5), rel=1e-13)


@given(st.floats(-0.5, 1.0), st.integers(1, 120))
def test_monthly_growth_is_a_product_month_by_month(growth: float, months: int) -> None:
    found = volume_factors(traffic(growth_per_month=growth), months)
    assert found == tuple(itertools.accumulate([1.0] + [1.0 + growth] * (months - 1), lambda a, b: a * b))
    assert found[-1] == pytest.approx((1 + growth) ** (months - 1), rel=1e-12)


# -- saturation --------------------------------------------------------------------------------------


def test_logistic_growth_by_hand() -> None:
    # v' = v (1 + 0.5 (1 - v / 4)): 1, 1 + 0.5 x 0.75 = 1.375, 1.375 (1 + 0.5 x 0.65625) = 1.826171875
    found = volume_factors(traffic(1e6, growth_per_month=0.5, saturation_requests_per_month=4e6), 3)
    assert found == (1.0, 1.375, 1.826171875)


def test_a_saturation_at_the_start_holds_the_volume() -> None:
    assert set(volume_factors(traffic(1e6, growth_per_month=0.5, saturation_requests_per_month=1e6), 24)) == {
        1.0
    }


def test_a_volume_that_is_drawn_above_its_saturation_stays_where_it_is() -> None:
    """No file may say so, but an uncertain volume may be drawn there, past all checks."""
    drawn = traffic(9e6, growth_per_month=0.5, saturation_requests_per_month=1e6)
    assert set(volume_factors(drawn, 24)) == {1.0}


@given(st.floats(0, 1), st.floats(1, 100))
def test_growth_never_passes_its_saturation_and_never_falls(growth: float, room: float) -> None:
    given_ = traffic(1e6, growth_per_month=growth, saturation_requests_per_month=room * 1e6)
    found = np.array(volume_factors(given_, 240))
    assert (np.diff(found) >= -1e-12 * found[1:]).all()
    assert found.max() <= room * (1 + 1e-12)
    assert (found <= np.array(volume_factors(traffic(growth_per_month=growth), 240)) * (1 + 1e-12)).all()


def test_a_far_saturation_is_plain_growth_and_a_long_plan_reaches_a_near_one() -> None:
    plain = volume_factors(traffic(1e3, growth_per_month=0.1), 12)
    far = volume_factors(traffic(1e3, growth_per_month=0.1, saturation_requests_per_month=1e13), 12)
    assert far == pytest.approx(plain, rel=1e-8)
    near = volume_factors(traffic(1e6, growth_per_month=0.2, saturation_requests_per_month=5e6), 240)
    assert near[-1] == pytest.approx(5.0, rel=1e-9)


# -- seasons -----------------------------------------------------------------------------------------


def test_seasons_have_mean_one_over_a_year_by_length_of_months() -> None:
    # only December differs, 3 against 1: the mean is (365.25 + 2 x 31) / 365.25
    factors = season_factors(traffic(seasons={"december": 3}).traffic.seasons)
    assert factors is not None
    mean = (365.25 + 62) / 365.25
    assert factors == pytest.approx([1 / mean] * 11 + [3 / mean], rel=1e-14)
    assert math.fsum(f * d for f, d in zip(factors, MONTH_DAYS, strict=True)) == pytest.approx(
        365.25, rel=1e-14
    )


def test_a_year_of_seasons_without_growth_brings_twelve_mean_months() -> None:
    """Four years, one of them a leap year: 48 mean months of 2,629,800 s."""
    plan = traffic(1e6, months=48, seasons=[1, 1, 1, 2, 1, 1, 0.3, 0.3, 1, 1, 1, 5])
    assert expected_requests(plan) == pytest.approx(48e6, rel=1e-3)
    # exactly, but for the quarter of a day by which Februaries differ from 28.25
    factors = volume_factors(plan, 48)
    by_hand = sum(
        1e6 * month_days(2027 + k // 12, k % 12 + 1) * 86_400 / MONTH_S * factors[k] for k in range(48)
    )
    assert expected_requests(plan) == pytest.approx(by_hand, rel=1e-13)


def test_months_by_name_and_twelve_factors_are_the_same() -> None:
    by_name = traffic(seasons=CHRISTMAS)
    listed = traffic(seasons=[1, 1, 1, 1, 1, 1, 1, 0.5, 1, 1, 2, 4])
    assert volume_factors(by_name, 24) == volume_factors(listed, 24)
    assert volume_factors(traffic(seasons=[7] * 12), 24) == pytest.approx([1.0] * 24, rel=1e-15)


def test_seasons_are_of_the_calendar_wherever_the_plan_begins() -> None:
    january, october = traffic(seasons=CHRISTMAS), traffic(start="2027-10-15", seasons=CHRISTMAS)
    assert volume_factors(october, 12) == volume_factors(january, 21)[9:]
    assert volume_factor(october, 2) == max(volume_factors(january, 12))


# -- expected requests, windows and arrivals agree ---------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.dates(datetime.date(2024, 1, 1), datetime.date(2035, 1, 1)),
    st.integers(1, 40),
    st.floats(0, 3),
    st.floats(1, 20),
    st.lists(st.floats(0.1, 10), min_size=12, max_size=12),
)
def test_expected_requests_of_months_are_volume_by_length_by_level_by_season(
    start, months, growth, room, seasons
):
    plan = traffic(
        3e5,
        months,
        start.isoformat(),
        growth_per_year=growth,
        saturation_requests_per_month=3e5 * room,
        seasons=seasons,
    )
    mean = sum(f * d for f, d in zip(seasons, MONTH_DAYS, strict=True)) / 365.25
    step = (1 + growth) ** (1 / 12) - 1
    volume, found = 3e5, {}
    for piece in month_pieces(plan):
        if found and piece.month not in found:
            volume *= 1 + step * (1 - volume / (3e5 * room))
        seconds = (piece.end - piece.start).days * 86_400
        share = seconds / MONTH_S * seasons[piece.start.month - 1] / mean
        found[piece.month] = found.get(piece.month, 0.0) + volume * share
        assert piece.expected_requests == pytest.approx(volume * share, rel=1e-9)
    assert expected_requests(plan) == pytest.approx(sum(found.values()), rel=1e-9)
    assert math.fsum(era.weight for era in eras(plan)) == pytest.approx(1.0, rel=1e-12)


def test_hours_of_a_month_add_up_to_its_expected_requests() -> None:
    plan = traffic(
        1e6, 14, "2027-03-01", growth_per_year=0.4, saturation_requests_per_month=2e6, seasons=CHRISTMAS
    )
    hours = 0
    for piece in month_pieces(plan):
        n = (piece.end - piece.start).days * 24
        weights = hourly_weights(plan, hours, n)
        assert weights.sum() * 1e6 / MONTH_S * 3600 == pytest.approx(piece.expected_requests, rel=1e-12)
        hours += n


def test_windows_are_drawn_in_proportion_to_the_requests_of_their_months() -> None:
    plan = traffic(1e6, 12, growth_per_year=1.0, saturation_requests_per_month=1.8e6, seasons=CHRISTMAS)
    starts = [plan_windows(with_seed(plan, seed), 1)[0].start_s for seed in range(3000)]
    ends = np.cumsum([month_days(2027, month) * 86_400 for month in range(1, 13)])
    observed = np.bincount(np.searchsorted(ends, starts, side="right"), minlength=12)
    expected = np.array([piece.expected_requests for piece in month_pieces(plan)])
    assert stats.chisquare(observed, expected / expected.sum() * 3000).pvalue > CERTAIN
    assert observed[11] > 4 * observed[0]


def test_a_simulated_window_of_the_peak_month_has_the_peaks_rate() -> None:
    plan = traffic(2e6, 12, growth_per_year=1.0, saturation_requests_per_month=3e6, seasons=CHRISTMAS)
    windows = [window for window in plan_windows(plan, 60) if window.start_s >= 334 * 86_400]
    assert len(windows) >= 10
    level = 2e6
    for _ in range(11):
        level *= 1 + (2 ** (1 / 12) - 1) * (1 - level / 3e6)
    mean = (365.25 + 30 * 1 + 31 * 3 - 31 * 0.5) / 365.25  # November 2, December 4, August 0.5
    rate_per_hour = level * 4 / mean / MONTH_S * 3600
    assert rate_per_hour > 3 * 2e6 / MONTH_S * 3600
    arrived = sum(len(generate(plan, window).arrived_ns) for window in windows)
    expected = rate_per_hour * len(windows)
    assert arrived == pytest.approx(expected, abs=5 * math.sqrt(expected))
    for window in windows:
        assert window.volume * 2e6 / MONTH_S * 3600 == pytest.approx(rate_per_hour, rel=1e-9)


def test_every_month_gets_its_share_of_many_windows() -> None:
    plan = traffic(1e6, 12, seasons=CHRISTMAS)
    windows = plan_windows(plan, 200)
    ends = np.cumsum([month_days(2027, month) * 86_400 for month in range(1, 13)])
    by_month = Counter(int(np.searchsorted(ends, window.start_s, side="right")) for window in windows)
    total = expected_requests(plan)
    for index, piece in enumerate(month_pieces(plan)):
        assert by_month[index] == pytest.approx(
            200 * piece.expected_requests / total, abs=2
        )  # one at each end


@settings(max_examples=20, deadline=None)
@given(st.floats(1e4, 5e6), st.floats(1.0, 2.0), st.integers(0, 11), st.floats(0, 1))
def test_more_volume_keeps_every_old_request_under_seasons_and_saturation(volume, factor, month, growth):
    fields = {"growth_per_month": growth, "saturation_requests_per_month": 1e7, "seasons": CHRISTMAS}
    hour = (datetime.date(2027, month + 1, 1) - datetime.date(2027, 1, 1)).days * 24
    old, new = (
        dict(zip(*arrivals(traffic(size, **fields), 3, hour, HOUR_NS // 30), strict=True))
        for size in (volume, volume * factor)
    )
    assert old.items() <= new.items()


def test_five_percent_more_volume_keeps_every_old_request_in_the_peak_month() -> None:
    more = {
        "weekly_shape": "business-hours",
        "daily_spread": 0.2,
        "growth_per_year": 0.3,
        "seasons": CHRISTMAS,
    }
    old, _ = arrivals(traffic(5e6, **more), 1, 340 * 24, 3 * HOUR_NS)
    new, _ = arrivals(traffic(5.25e6, **more), 1, 340 * 24, 3 * HOUR_NS)
    assert len(old) > 1000
    assert set(old) < set(new)


def test_seasons_and_saturation_do_not_move_the_grid() -> None:
    volume = 64 * 65_536 / 3600 * MONTH_S * 0.999
    assert cells_per_hour(traffic(volume, seasons=CHRISTMAS, growth_per_year=3.0)) == 65_536


def test_a_season_that_names_cannot_hold_is_refused() -> None:
    with pytest.raises(ScenarioError) as caught:
        arrivals(traffic(1e9, growth_per_month=1.0, seasons={"january": 2}), 0, 24 * 365, HOUR_NS)
    # 2^12 mean months of a billion, times 2 / (1 + 31 / 365.25)
    assert str(caught.value).startswith(
        "traffic.seasons: got seasons and growth, that is 1.03e+10 requests in one hour; "
    )
    with pytest.raises(ScenarioError) as caught:
        arrivals(traffic(1e9, growth_per_year=100.0), 0, 24 * 365 * 2, HOUR_NS)
    assert str(caught.value).startswith("traffic.growth_per_year: got 100, that is ")
