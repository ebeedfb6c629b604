"""Decision maps: a cell says what a comparison says at its point, whichever way it was made."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from planner.api import compare, decision_map
from planner.errors import PlannerError, ScenarioError
from planner.experiments import decision_map as maps
from planner.experiments import map_windows
from planner.experiments.map_axes import read_axes
from planner.scenario.fields import Scenario

VOLUME, ERROR = "traffic.requests_per_month", "tasks.ask.cost_of_wrong_answer_usd"


def small(**more: Any) -> Scenario:
    """Two plain models at prices of our own; a month, four windows of an hour."""
    raw: dict[str, Any] = {
        "name": "Two models",
        "start": "2027-01-01",
        "objective": "economic",
        "traffic": {"requests_per_month": 100_000},
        "tasks": {
            "ask": {
                "input_tokens": 800,
                "output_tokens": 200,
                "cost_of_wrong_answer_usd": 0.02,
                "accuracy": {"big": 0.95, "small": 0.85},
            }
        },
        "models": {
            "big": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10},
            "small": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6},
        },
        "deployments": {
            "a": {"model": "big", "latency": {"ttft_s": 1, "tokens_per_s": 100}},
            "b": {"model": "small", "latency": {"ttft_s": 0.5, "tokens_per_s": 250}},
        },
        "strategies": {"omni-only": {"omni": ["a"]}, "mini-only": {"mini": ["b"]}},
        "finance": {
            "horizon_months": 1,
            "discount_rate": 0.0,
            "one_time": [{"name": "Evaluate", "usd": 300, "strategies": ["mini-only"]}],
        },
        "run": {"replications": 4, "window_s": 3600},
    }
    for path, value in more.items():
        *parents, last = path.split("__")
        here = raw
        for step in parents:
            here = here.setdefault(step, {})
        here[last] = value
    return Scenario.model_validate(raw)


def same_costs(cell: maps.MapCell, scenario: Scenario) -> None:
    fresh = compare(scenario)
    for name, result in fresh.results.items():
        assert cell.costs[name].value == result.tco.economic_usd
    assert dict(cell.failed) == {name: one.misses for name, one in fresh.verdicts.items() if one.misses}
    if fresh.winner is not None:
        assert cell.winner == fresh.winner


@pytest.fixture(scope="module")
def by_volume() -> Any:
    return decision_map(small(), x=f"{VOLUME}=1e4..1e6:3", y=f"{ERROR}=0.01..1:3")


def test_a_cell_along_a_money_axis_is_a_fresh_comparison_exactly(by_volume) -> None:
    for cell in by_volume.cells:
        window_s = by_volume.runs[cell.run].length.window_s
        same_costs(cell, small().set({VOLUME: cell.x, ERROR: cell.y, "run.window_s": window_s}))


def test_today_is_what_compare_says(by_volume) -> None:
    same_costs(by_volume.today, small())
    at_today = by_volume.cell(1, 1)  # 100,000 requests: today's volume, and the windows are today's
    assert by_volume.runs[at_today.run].length.reason == "own"
    assert at_today.costs == maps.decision_map(small().set({ERROR: at_today.y}), x=f"{VOLUME}=1e4..1e6:3", y=f"{ERROR}=0.01..1:3").today.costs  # fmt: skip


def test_two_axes_of_money_are_simulated_once() -> None:
    found = decision_map(
        small(), x="models.big.output_usd_per_mtok=5..20:3", y="finance.one_time[Evaluate].usd=0..600:3"
    )
    assert len(found.runs) == 1
    assert (found.runs[0].x, found.runs[0].y) == (None, None)
    for cell in found.cells:
        same_costs(cell, small().set({found.x.path: cell.x, found.y.path: cell.y}))


def test_the_winner_by_hand() -> None:
    """100,000 a month is 101,848 in January: big 0.004 USD each, 407 USD; small 0.00024 each and 300 once, 324 USD.

    An error on ten in a hundred more answers: at 0.01 USD 102 more, at 1 USD 10,185 more: small wins at nothing only.
    """
    found = decision_map(small(), x="finance.one_time[Evaluate].usd=300..500:2", y=f"{ERROR}=0..1:2")
    winners = {(cell.x, cell.y): cell.winner for cell in found.cells}
    assert winners == {
        (300, 0): "mini-only",
        (500, 0): "omni-only",
        (300, 1): "omni-only",
        (500, 1): "omni-only",
    }
    assert found.wins == {"omni-only": 3, "mini-only": 1, None: 0}


def test_a_tie_is_within_two_percent_or_an_interval_that_holds_zero() -> None:
    """At no cost of errors the bills are the same for every request: no spread, so 2 % alone makes a tie.

    big costs 407.39 USD; small 24.44 and what is paid once: 383 makes 407.44 (0.01 %), 380 makes 404.44 (0.7 %), 300
    makes 324.44 (20 %).
    """
    found = decision_map(small(), x="finance.one_time[Evaluate].usd=300..380:2", y=f"{ERROR}=0..1:2")
    clear, tied = found.cell(0, 0), found.cell(1, 0)
    assert (clear.winner, dict(clear.tied)) == ("mini-only", {})
    assert (tied.winner, dict(tied.tied)) == ("mini-only", {"omni-only": "within 2 %"})


def test_a_gate_that_is_missed_bars_the_cheapest() -> None:
    scenario = small(slo__accuracy=0.9)
    found = decision_map(scenario, x="finance.one_time[Evaluate].usd=0..100:2", y=f"{ERROR}=0..0.001:2")
    assert {cell.winner for cell in found.cells} == {"omni-only"}
    cell = found.cells[0]
    assert dict(cell.gates) == {"mini-only": ("accuracy",)}
    assert cell.cheaper_but_failed == ("mini-only",)
    assert cell.failed["mini-only"][0].startswith("accuracy 8")


def limited() -> Scenario:
    """Both models take 600 requests a minute: 26 million a mean month."""
    limits = {"requests_per_minute": 600, "tokens_per_minute": None}
    return small(
        deployments__a__limits=limits, deployments__b__limits=limits, slo__availability=0.999,
        policy__retries=0, run__replications=2, run__window_s=300,
    )  # fmt: skip


def test_where_limits_make_all_fail_the_map_says_so() -> None:
    found = decision_map(limited(), x=f"{VOLUME}=1e7..1e8:2", y=f"{ERROR}=0..1:2")
    assert [cell.winner for cell in found.cells[1::2]] == [None, None]
    assert found.cells[0].winner is not None
    assert "In 2 of 4 cells no strategy passes every gate; missed there: availability." in found.notices


def test_volumes_beyond_one_that_cannot_be_served_are_not_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "LONG", 20_000)
    found = decision_map(limited(), x=f"{VOLUME}=1e7..1e9:3", y=f"{ERROR}=0..1:2")
    served, first, beyond = (found.cell(column, 0) for column in range(3))
    assert served.winner is not None
    assert (first.winner, first.is_simulated) == (None, True)
    assert (beyond.winner, beyond.is_simulated, dict(beyond.costs)) == (None, False, {})
    assert [run.x for run in found.runs] == [1e7, 1e8]
    assert any("2 cells were not simulated" in notice for notice in found.notices)
    assert found.frame["cost_usd:omni-only"].isna().sum() == 2
    json.dumps(found.to_dict(), allow_nan=False)


def test_strategies_that_can_serve_are_always_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "LONG", 1_000)
    free = limited().set({"deployments.a.limits": None})
    found = decision_map(free, x=f"{VOLUME}=1e7..1e8:2", y=f"{ERROR}=0..1:2")
    assert all(cell.is_simulated for cell in found.cells)
    assert found.cell(1, 1).winner == "omni-only"


# -- windows -------------------------------------------------------------------------------------------


def length(volume: float, **more: Any) -> map_windows.Length:
    scenario = small(**more)
    return map_windows.fitted(scenario.set({VOLUME: volume}), scenario)[1]


def test_windows_keep_their_length_at_todays_volume_and_where_it_suits() -> None:
    assert length(100_000).reason == "own"  # only 548 requests, but the user's own choice
    assert length(5_000_000).reason == "own"


def test_windows_are_shortened_to_a_third_of_a_million_requests_but_not_below_five_minutes() -> None:
    """1e8 a month is 38.0258 a second, 547,571 in four hours: 300,000 take 1,972 s each. At 1e9 300 s hold 456,309."""
    busy = length(1e8)
    assert (busy.reason, busy.window_s) == ("shortened", 1970.0)
    assert busy.requests == pytest.approx(4 * 1970 * 1e8 / 2_629_800)
    assert length(1e9).window_s == 300.0
    assert length(1e10).window_s == pytest.approx(197.0)  # 3 million requests
    assert length(1e11).window_s == 120.0


def test_windows_are_lengthened_to_what_today_has() -> None:
    """Today 547.6 requests in four hours; at 10,000 a month windows are ten times as long, to a week at most."""
    assert (length(10_000).reason, length(10_000).window_s) == ("lengthened", 36_000.0)
    assert length(1).window_s == 604_800.0


# -- axes ----------------------------------------------------------------------------------------------


def problems(x: str, y: str, scenario: Scenario | None = None, **scales: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_axes(scenario or small(), x, y, **scales)
    return [str(problem) for problem in caught.value.problems]


def test_wide_axes_take_equal_factors_and_others_equal_steps() -> None:
    x, y = read_axes(small(), f"{VOLUME}=1e3..1e5", f"{ERROR}=1..9:5")
    assert x.values == (1e3, 3162.28, 1e4, 31622.8, 1e5)
    assert (x.is_log, x.kind, x.today, x.unit) == (True, "volume", 100_000, "requests/month")
    assert y.values == (1, 3, 5, 7, 9)
    assert (y.is_log, y.kind, y.today) == (False, "money", 0.02)
    forced, even = read_axes(
        small(), f"{ERROR}=1..4:3", f"{VOLUME}=1e3..1e5:3", x_scale="log", y_scale="linear"
    )
    assert forced.values == (1, 2, 4)
    assert even.values == (1e3, 50_500, 1e5)


def test_whole_numbers_take_whole_values_each_once() -> None:
    x, _ = read_axes(small(), "policy.retries=0..3:9", f"{ERROR}=1..9:5")
    assert x.values == (0, 1, 2, 3)
    assert x.kind == "simulated"


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ("cost", f"{ERROR}=1..2", "--x: got 'cost'; allowed: PATH=LOW..HIGH"),
        ("traffic.requests_per_mnth=1..2", f"{ERROR}=1..2", "did you mean requests_per_month?"),
        (f"{VOLUME}=one..2", f"{ERROR}=1..2", f"{VOLUME}: got 'one' as low end; allowed: a finite number"),
        (f"{VOLUME}=1..inf", f"{ERROR}=1..2", "got 'inf' as high end"),
        (f"{VOLUME}=2..1", f"{ERROR}=1..2", f"{VOLUME}: got 2..1; allowed: a low end below the high end"),
        (f"{VOLUME}=1..2:1", f"{ERROR}=1..2", "got '1' values; allowed: a whole number, 2 to 100"),
        (f"{ERROR}=1..2", f"{ERROR}=3..4", f"{ERROR}: is on both axes"),
        ("finance.one_time[0].usd=1..2", "finance.one_time[Evaluate].usd=1..2", "is on both axes"),
        (f"{ERROR}=-1..2", f"{VOLUME}=1..2", f"{ERROR}: got -1; allowed: number >= 0"),
        ("run.seed=1..9", f"{ERROR}=1..2", "run.seed: got a day, a word, a target, a setting of the run"),
        ("slo.accuracy=0..1", f"{ERROR}=1..2", "slo.accuracy: got null"),
        (f"{VOLUME}=1..2:60", f"{ERROR}=1..2:60", "60 x 60 = 3,600 cells; at most 1,900 are drawn"),
        ("tasks.other.share=0..1", f"{ERROR}=1..2", "no 'other' here"),
    ],
)
def test_a_bad_axis_is_named(x: str, y: str, expected: str) -> None:
    assert any(expected in one for one in problems(x, y)), problems(x, y)


def test_what_is_wrong_with_both_axes_is_told_at_once() -> None:
    found = problems(f"{VOLUME}=2..1", f"{ERROR}=a..2")
    assert len(found) == 2


def test_a_log_scale_needs_both_ends_above_zero() -> None:
    assert "on a log scale" in problems(f"{ERROR}=0..1", f"{VOLUME}=1..2", x_scale="log")[0]
    assert "--x-scale: got 'cubic'" in problems(f"{ERROR}=0..1", f"{VOLUME}=1..2", x_scale="cubic")[0]


def test_too_many_points_to_simulate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "MOST_RUNS", 3)
    with pytest.raises(PlannerError, match="4 points would have to be simulated"):
        decision_map(small(), x=f"{VOLUME}=1e4..1e5:2", y="policy.retries=0..1:2")


def test_two_axes_of_outcomes_are_simulated_point_by_point() -> None:
    found = decision_map(small(), x=f"{VOLUME}=1e5..2e5:2", y="tasks.ask.output_tokens=100..200:2")
    assert [(run.x, run.y) for run in found.runs] == [(1e5, 100), (2e5, 100), (1e5, 200), (2e5, 200)]
    for cell in found.cells:
        window_s = found.runs[cell.run].length.window_s
        same_costs(cell, small().set({VOLUME: cell.x, found.y.path: cell.y, "run.window_s": window_s}))


def test_nothing_is_kept_where_the_listener_stops_it() -> None:
    def stop(done: int, total: int) -> None:
        assert 0 <= done <= total
        if done > total / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decision_map(small(), x=f"{VOLUME}=1e4..1e6:5", y=f"{ERROR}=0.01..1:3", report=stop)


def test_the_frame_and_the_document_hold_every_cell(by_volume) -> None:
    frame, document = by_volume.frame, by_volume.to_dict()
    assert list(frame.columns) == [
        "x", "y", "winner", "tie", "tied_with", "gates_failed", "is_simulated", "cost_usd:omni-only", "cost_usd:mini-only",
    ]  # fmt: skip
    assert len(frame) == len(document["cells"]) == 9
    for row, cell in zip(frame.to_dict("records"), document["cells"], strict=True):
        given: Mapping[str, Any] = cell["costs_usd"]
        assert (row["x"], row["y"], row["winner"]) == (cell["x"], cell["y"], cell["winner"])
        assert row["cost_usd:omni-only"] == Decimal(given["omni-only"]["value"])
    json.dumps(document, allow_nan=False)


def test_todays_point_lies_in_the_nearest_cell_or_outside(by_volume) -> None:
    assert by_volume.today_at == (1, 0)  # 100,000 and 0.02, of 0.01, 0.1 and 1 on a log scale
    away = decision_map(small(), x="finance.one_time[0].usd=400..500:2", y=f"{ERROR}=0..1:2")
    assert away.today_at is None
    assert "Today's point lies outside the map: finance.one_time[0].usd is 300." in away.notices
