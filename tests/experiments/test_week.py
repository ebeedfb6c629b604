"""Latency and load over the week: the load is the shape's, latencies are those of the windows, nothing is filled in."""

import math

import numpy as np
import pytest

from planner.errors import PlannerError
from planner.experiments.comparison import compare
from planner.experiments.week import (
    DRAWN,
    LOAD,
    PLANTED,
    RECORDED,
    hour_of_week,
    week,
    week_plan,
    week_simulated,
)
from planner.scenario.fields import MONTH_S
from planner.scenario.reading import loads
from planner.workload.shapes import EVENING_DAY, WEEKEND_LEVEL, WORKING_DAY
from planner.workload.windows import expected_requests, horizon

TEXT = """
schema: 1
name: A week
start: 2027-01-06
traffic: {requests_per_month: 600000, weekly_shape: business-hours, growth_per_month: 0.02}
tasks:
  ask: {input_tokens: {p50: 500, p95: 2000}, output_tokens: {p50: 100, p95: 300}}
deployments:
  big: {model: gpt-4.1, provider: openai, outages: {mtbf_h: 400, duration_h: 0.5}}
  small: {model: gpt-4.1-mini, provider: openai, outages: null}
strategies:
  omni-only: {omni: [big]}
  mini-only: {mini: [small]}
finance: {horizon_months: 12}
run: {seed: 3, replications: 9, window_s: 1200}
"""


@pytest.fixture(scope="module")
def comparison():
    return compare(loads(TEXT))


@pytest.fixture(scope="module")
def rows(comparison):
    return week(comparison)


def load_of(rows):
    return rows[rows["kind"] == LOAD].set_index("hour")


def closed_week() -> list[float]:
    """Weights of mean 1: five working days and a weekend at a quarter of their level."""
    weights = [*WORKING_DAY * 5, *(WEEKEND_LEVEL * level for level in WORKING_DAY * 2)]
    return [weight / (sum(weights) / 168) for weight in weights]


def test_the_load_of_each_hour_is_the_shape_times_the_mean_rate(comparison, rows) -> None:
    scenario = comparison.scenario
    first, last = horizon(scenario)
    mean = expected_requests(scenario) / ((last - first).days * 86_400)
    assert load_of(rows)["arrivals_per_s"].tolist() == pytest.approx(
        [mean * weight for weight in closed_week()], rel=1e-12
    )


def test_least_and_busiest_month_are_the_ends_of_the_growth(rows) -> None:
    load = load_of(rows)
    base = 600_000 / MONTH_S
    peak = max(closed_week())
    assert load["arrivals_low_per_s"].max() == pytest.approx(base * peak, rel=1e-12)
    assert load["arrivals_high_per_s"].max() == pytest.approx(base * 1.02**12 * peak, rel=1e-12)


def test_monday_noon_is_busy_and_sunday_night_is_not(rows) -> None:
    load = load_of(rows)["arrivals_per_s"]
    assert load[12.0] == load.max()
    assert load[24 * 6 + 3.0] == pytest.approx(load.max() * 0.08 * WEEKEND_LEVEL)


def test_an_evening_shape_is_drawn_alike_every_day() -> None:
    rows = week(compare(loads(TEXT).set({"traffic.weekly_shape": "consumer-evening"}), replications=2))
    load = load_of(rows)["arrivals_per_s"].to_numpy().reshape(7, 24)
    assert (load == load[0]).all()
    assert load[0] / load[0].mean() == pytest.approx(np.array(EVENING_DAY) / np.mean(EVENING_DAY), rel=1e-9)


def test_every_window_is_in_the_hour_in_which_it_begins(comparison, rows) -> None:
    # The plan starts on a Wednesday: hour 0 of the plan is hour 48 of the week.
    assert hour_of_week(comparison.scenario, 0.0) == 48
    assert hour_of_week(comparison.scenario, 5 * 86_400.0) == 0
    for name in comparison.strategies:
        own = rows[rows["strategy"] == name]
        assert own["windows"].sum() == len(comparison.windows)
        assert own["n"].sum() == sum(cell.sample.n for cell in comparison.results[name].cells)
        drawn = [window for window in comparison.windows if not window.stratum]
        hours = {float(hour_of_week(comparison.scenario, window.start_s)) for window in drawn}
        assert set(own[own["kind"] == DRAWN]["hour"]) == hours
    assert (rows["kind"] == PLANTED).any()
    assert set(rows.loc[rows["kind"] != LOAD, "hours"]) == {1200 / 3600}


def test_latencies_are_the_quantiles_of_the_windows_requests(comparison, rows) -> None:
    for name in comparison.strategies:
        groups: dict[tuple[float, str], list[int]] = {}
        for index, window in enumerate(comparison.windows):
            key = (
                float(hour_of_week(comparison.scenario, window.start_s)),
                PLANTED if window.stratum else DRAWN,
            )
            groups.setdefault(key, []).append(index)
        for row in rows[rows["strategy"] == name].to_dict("records"):
            members = groups[row["hour"], row["kind"]]
            if len(members) == 1:
                values = comparison.results[name].cells[members[0]].sample.values["latency_s"][0]
                assert row["latency_p95_s"] == pytest.approx(np.quantile(values, 0.95), rel=1e-12)
                assert row["latency_p50_s"] == pytest.approx(np.quantile(values, 0.5), rel=1e-12)


def test_several_windows_of_an_hour_are_pooled_like_measures() -> None:
    hours = ", ".join(["1", *["0"] * 167])
    text = TEXT.replace("weekly_shape: business-hours", f"weekly_shape: [{hours}]")
    scenario = loads(text)
    scenario = scenario.set({"deployments.big.outages": None})
    found = compare(scenario, replications=4)
    rows = week(found)
    own = rows[rows["strategy"] == "omni-only"]
    assert own["hour"].tolist() == [0.0]
    assert own["windows"].tolist() == [4]
    measure = found.results["omni-only"].estimates["", "latency_p95_s"].value
    assert own["latency_p95_s"].iloc[0] == pytest.approx(measure, rel=1e-12)


def test_hours_without_a_window_have_no_row(comparison, rows) -> None:
    hours = {hour_of_week(comparison.scenario, window.start_s) for window in comparison.windows}
    assert len(hours) < 60
    assert set(rows.loc[rows["kind"] != LOAD, "hour"]) == {float(hour) for hour in hours}


def test_a_simulated_week_has_every_hour_with_the_load_of_the_shape() -> None:
    scenario = loads(TEXT).set({"traffic.daily_spread": 0.3, "traffic.requests_per_month": 3_000_000})
    rows = week_simulated(scenario)
    load = load_of(rows)["arrivals_per_s"]
    assert load.to_numpy() / load.mean() == pytest.approx(
        closed_week(), rel=0.02
    )  # a month may end within it
    for name in ("omni-only", "mini-only"):
        own = rows[rows["strategy"] == name].set_index("hour")
        assert own.index.tolist() == [float(hour) for hour in range(168)]
        assert set(own["kind"]) == {DRAWN}
        expected = load * own["hours"] * 3600
        assert ((own["n"] - expected).abs() < 5 * np.sqrt(expected) + 3).all()
        total, wanted = own["n"].sum(), expected.sum()
        assert abs(total - wanted) < 4 * math.sqrt(wanted)
    assert rows.loc[rows["kind"] != LOAD, "n"].sum() < 1_050_000


def test_a_simulated_week_is_the_same_each_time_and_for_any_number_of_workers() -> None:
    scenario = loads(TEXT)
    one, two = (week_simulated(scenario, workers=workers) for workers in (1, 2))
    assert one.equals(two)


def test_windows_of_a_simulated_week_are_hours_of_one_week_with_nothing_broken() -> None:
    scenario, windows = week_plan(loads(TEXT))
    assert [hour_of_week(scenario, window.start_s) for window in windows] == list(range(168))
    assert {window.spells for window in windows} == {()}
    starts = np.array([window.start_s for window in windows])
    assert (np.diff(starts) == 3600).all()
    first, last = horizon(scenario)
    assert 0 <= starts[0] < starts[-1] + 3600 <= (last - first).days * 86_400
    # Half of the requests of a plan that grows by 2 % a month come after the middle of the year.
    assert 26 * 7 * 86_400 < starts[0] < 31 * 7 * 86_400


def test_a_busy_week_is_shortened_and_a_huge_one_refused() -> None:
    busy = loads(TEXT).set({"traffic.requests_per_month": 50_000_000})
    _, windows = week_plan(busy)
    per_second = 50_000_000 / MONTH_S
    total = per_second * 1.02**6 * 168 * windows[0].length_s * 2
    assert 60 <= windows[0].length_s < 600
    assert total == pytest.approx(1_000_000, rel=0.1)
    with pytest.raises(PlannerError, match="at most 20,000,000"):
        week_plan(busy.set({"traffic.requests_per_month": 5_000_000_000}))


def test_what_has_no_week_is_refused(tmp_path) -> None:
    with pytest.raises(PlannerError, match="shorter than two weeks"):
        week_plan(loads(TEXT).set({"finance.until": "2027-01-15"}))
    trace = recorded(tmp_path)
    with pytest.raises(PlannerError, match="recording"):
        week_simulated(trace)


def recorded(folder):
    """A scenario that replays a recording of 100 minutes, one request each second of every other minute."""
    lines = ["arrival_s,input_tokens,output_tokens"]
    lines += [f"{60 * minute + second},400,60" for minute in range(0, 100, 2) for second in range(60)]
    path = folder / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    text = TEXT.replace(
        "traffic: {requests_per_month: 600000, weekly_shape: business-hours, growth_per_month: 0.02}",
        f"traffic: {{trace: {{file: {path}}}}}",
    ).replace("window_s: 1200", "window_s: 900")
    return loads(text)


def test_of_a_recording_its_own_minutes_are_drawn(tmp_path) -> None:
    found = compare(recorded(tmp_path), replications=2)
    rows = week(found)
    assert set(rows["kind"]) == {RECORDED}
    for name in found.strategies:
        own = rows[rows["strategy"] == name]
        drawn = [k for k, window in enumerate(found.windows) if not window.stratum]
        cells = [found.results[name].cells[k].sample for k in drawn]
        assert own["n"].sum() == sum(one.n for one in cells) == 3000 * len(drawn)
        arrived = own["arrivals_per_s"] * own["hours"] * 3600
        assert arrived.sum() == pytest.approx(3000, rel=1e-9)
        latency = (own["latency_mean_s"].fillna(0) * own["n"]).sum() / own["n"].sum()
        total = sum(one.sums[0][0] for one in cells) / 1e9 / own["n"].sum()
        assert latency == pytest.approx(total, rel=1e-9)
        assert own["latency_p95_s"].isna().all()


def test_a_cap_of_a_day_has_no_week_of_short_windows() -> None:
    text = TEXT.replace(
        "provider: openai, outages: null",
        "provider: openai, outages: null, limits: {requests_per_day: 90000}",
    )
    scenario = loads(text.replace("window_s: 1200", "window_s: 86400"))
    with pytest.raises(PlannerError, match="cap of a day"):
        week_plan(scenario)
