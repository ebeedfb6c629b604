"""The load of a log: what is drawn is what the profile says, in words and units that fit its rate."""

import pandas as pd

from planner.charts import log_load_chart
from planner.workload.logs import read_log


def load_of(times: list[str]) -> pd.DataFrame:
    text = "\n".join(["time,input_tokens,output_tokens", *(f"{at},10,3" for at in times)])
    return read_log(text.encode()).profile.load


def drawn(rows: pd.DataFrame) -> tuple[list[dict[str, object]], dict[str, object]]:
    spec = log_load_chart(rows).to_dict()
    (table,) = spec["datasets"].values()
    return table, spec


def test_the_levels_are_those_of_the_profile_and_the_last_is_drawn_to_its_end() -> None:
    rows = load_of(["0", "0.5", "0.7", "1", "3"])
    table, spec = drawn(rows)
    assert [row["rate"] for row in table] == [*rows["requests_per_s"], rows["requests_per_s"].iloc[-1]]
    assert [row["at"] for row in table] == [0, 1, 2, 3, 4]
    encoding = spec["layer"][1]["encoding"]  # type: ignore[index]
    assert encoding["y"]["title"] == "Requests a second"
    assert encoding["x"]["title"] == "Time since the log began (s)"
    assert "at most 3 a second, from 0 s after the start on" in str(spec["description"])


def test_slow_traffic_is_told_by_the_minute_and_a_calendar_in_utc() -> None:
    table, spec = drawn(load_of([f"2026-11-28T09:{minute:02}:00Z" for minute in range(0, 60, 5)]))
    encoding = spec["layer"][1]["encoding"]  # type: ignore[index]
    assert encoding["y"]["title"] == "Requests a minute"
    assert encoding["x"]["scale"]["type"] == "utc"
    assert table[0]["at"] == "2026-11-28T09:00:00+00:00"
    assert table[0]["words"] == "Sat 2026-11-28 09:00:00"


def test_a_chart_stays_small_and_is_sound() -> None:
    for many, gap in ((2000, 1), (2000, 3600), (1, 1)):
        chart = log_load_chart(load_of([str(gap * k) for k in range(many)]))
        assert sum(len(table) for table in chart.tables) <= 2000
        chart.altair()  # validates against the schema
