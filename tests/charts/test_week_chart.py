"""The week drawn: load as a step over the hours, windows where they were simulated, gaps elsewhere."""

import pandas as pd
import pytest

from planner.charts import theme, week_chart
from tests.charts.test_charts import axis_titles, layer_spec, nodes

COLUMNS = [
    "strategy", "kind", "hour", "hours", "windows", "n", "latency_p50_s", "latency_p95_s", "latency_mean_s",
    "arrivals_per_s", "arrivals_low_per_s", "arrivals_high_per_s",
]  # fmt: skip


def load(values: list[float]) -> list[tuple[object, ...]]:
    return [
        ("", "load", float(hour), 1.0, 0, 0, None, None, None, value, value / 2, value * 2)
        for hour, value in enumerate(values)
    ]


def window(
    strategy: str, hour: float, p95: float, kind: str = "as drawn", n: int = 500
) -> tuple[object, ...]:
    return (strategy, kind, hour, 0.25, 1, n, p95 / 3, p95, None, 1.0, None, None)


def table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    numbers = dict.fromkeys([name for name in COLUMNS if name.endswith("_s")], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype(numbers)


OFFICE = [1.0 if 9 <= hour % 24 < 17 else 0.25 for hour in range(168)]
ROWS = table(
    [*load(OFFICE), window("a", 10, 2.0), window("a", 40, 3.0), window("b", 10, 4.0), window("b", 41, 9.0, "planted outage")]
)  # fmt: skip


def drawn(chart, column: str) -> pd.DataFrame:
    return next(found for found in chart.tables if column in found)


def test_every_window_is_a_point_in_its_hour_and_nothing_joins_them() -> None:
    chart = week_chart(ROWS, ["a", "b"], 5.0)
    points = drawn(chart, "run")
    assert points[["strategy", "hour", "latency_s"]].to_numpy().tolist() == [
        ["a", 10, 2.0], ["a", 40, 3.0], ["b", 10, 4.0], ["b", 41, 9.0],
    ]  # fmt: skip
    assert points["middle"].tolist() == [10.125, 40.125, 10.125, 41.125]
    lines = [node for node in layer_spec(chart.to_dict(), "line") if "strategy" in str(node["encoding"])]
    assert lines == []


def test_a_whole_week_is_a_line_that_breaks_where_an_hour_is_missing() -> None:
    rows = table([*load(OFFICE), *(window("a", hour, 2.0) for hour in range(168) if hour != 80)])
    chart = week_chart(rows, ["a"])
    points = drawn(chart, "run")
    assert points.groupby("run")["hour"].agg(["min", "max"]).to_numpy().tolist() == [[0, 79], [81, 167]]
    (line,) = (node for node in layer_spec(chart.to_dict(), "line") if "run" in str(node["encoding"]))
    assert line["encoding"]["detail"]["field"] == "run"


def test_the_load_is_drawn_at_each_hour_where_it_changes_and_to_the_weeks_end() -> None:
    steps = drawn(week_chart(ROWS, ["a", "b"]), "arrivals_low_per_s")
    assert steps["middle"].tolist() == [*(float(24 * day + hour) for day in range(7) for hour in ((0, 9, 17) if day == 0 else (9, 17))), 168.0]  # fmt: skip
    assert steps["arrivals_per_s"].iloc[1] == 1.0
    assert steps["arrivals_per_s"].iloc[-1] == 0.25


def test_the_target_is_a_line_at_its_value_with_words() -> None:
    chart = week_chart(ROWS, ["a", "b"], 5.0)
    goal = drawn(chart, "text")
    assert goal["latency_s"].tolist() == [5.0]
    assert goal["text"].tolist() == ["dashed: SLO, p95 within 5 s"]
    assert not any("text" in found for found in week_chart(ROWS, ["a", "b"]).tables)


def test_planted_outages_are_hollow_and_said_to_be() -> None:
    spec = week_chart(ROWS, ["a", "b"]).to_dict()
    (point,) = layer_spec(spec, "point")
    assert point["encoding"]["fill"]["condition"]["test"] == 'datum.kind !== "planted outage"'
    assert point["encoding"]["fill"]["value"] == "transparent"
    assert any("hollow: with a planted outage" in str(node.get("title")) for node in nodes(spec))
    calm = week_chart(ROWS[ROWS["kind"] != "planted outage"], ["a", "b"]).to_dict()
    assert "hollow" not in str(calm)


def test_it_says_in_words_what_is_drawn() -> None:
    said = week_chart(ROWS, ["a", "b"], 5.0).to_dict()["description"]
    assert "between 0.25 and 1 requests a second, the most first reached on Mon at 09:00 UTC" in said
    assert "Windows begin in 3 of 168 hours" in said
    assert "a 2 s to 3 s, b 4 s to 4 s" in said
    assert "Hollow points hold a planted outage. The target is 5 s." in said
    flat = week_chart(table([*load([0.5] * 168), window("a", 10, 2.0)]), ["a"]).to_dict()["description"]
    assert "The load is the same in every hour: 0.5 requests a second expected." in flat


def test_both_panels_name_their_units_and_the_days() -> None:
    spec = week_chart(ROWS, ["a", "b"]).to_dict()
    assert axis_titles(spec) == {"Requests (per s)", "p95 latency (s, log)", "Hour of the week (UTC)"}
    assert any("'Mon', 'Tue'" in str(node.get("labelExpr")) for node in nodes(spec))


def test_of_a_recording_its_own_hours_and_means_are_drawn() -> None:
    rows = table(
        [("a", "recording", k / 2, 0.5, 3, 90, None, None, 2.0 + k, 0.05 * k, None, None) for k in range(6)]
    )
    chart = week_chart(rows, ["a"], 5.0)
    spec = chart.to_dict()
    assert axis_titles(spec) == {
        "Requests (per s)",
        "Mean latency (s, log)",
        "Time since the recording began (h)",
    }
    assert not any("text" in found for found in chart.tables)  # a mean is held against no quantile
    assert spec["description"] == (
        "Load and mean latency over the recording. Mean latency by part of it: a 2 s to 7 s."
    )
    chart.altair()


def test_a_whole_week_of_many_strategies_fits() -> None:
    rows = table([*load(OFFICE), *(window(f"s{k}", hour, 2.0 + k) for k in range(12) for hour in range(168))])
    spec = week_chart(rows).to_dict()
    assert sum(len(found) for found in spec["datasets"].values()) <= theme.MAX_ROWS


def test_nothing_simulated_is_an_empty_panel_not_an_error() -> None:
    chart = week_chart(table(load(OFFICE)), ["a"])
    chart.altair()
    assert "nothing was simulated" in chart.to_dict()["description"]
    assert drawn(chart, "run").empty
    assert pytest.approx(1.0) == drawn(chart, "arrivals_low_per_s")["arrivals_per_s"].max()
