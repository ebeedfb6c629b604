"""Logs: what their columns are taken for, every form of time, every kind of bad row with its line, bytes and names."""

import datetime
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import ScenarioError
from planner.workload.log_columns import guessed, parsed_columns
from planner.workload.logs import Log, peek, read_log

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
START_NS = 1_795_856_400 * 10**9  # 2026-11-28 09:00 UTC
ARRIVALS_NS = [0, 1_500_000_000, 4_000_000_000]


def csv_of(times: list[str], name: str = "time", more: str = "") -> bytes:
    """Three requests, of 100, 200 and 300 input tokens and 10, 20 and 30 output tokens."""
    rows = [f"{at},{100 * k},{10 * k}" for k, at in enumerate(times, 1)]
    return "\n".join([f"{name},input_tokens,output_tokens", *rows, more]).encode()


# -- columns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "wanted", "tool"),
    [
        ("TIMESTAMP,ContextTokens,GeneratedTokens", ("TIMESTAMP", "ContextTokens", "GeneratedTokens"), "Azure"),
        ("request_id,prompt_tokens,completion_tokens,startTime,endTime,model", ("startTime", "prompt_tokens", "completion_tokens"), "LiteLLM"),
        ("id,startTime,promptTokens,completionTokens,totalTokens", ("startTime", "promptTokens", "completionTokens"), "Langfuse"),
        ("Timestamp,Model,Request tokens,Response tokens,Total tokens", ("Timestamp", "Request tokens", "Response tokens"), "BurstGPT"),
        ("created_at,usage.prompt_tokens,usage.completion_tokens", ("created_at", "usage.prompt_tokens", "usage.completion_tokens"), "name"),
        ("arrival_s,input_tokens,output_tokens", ("arrival_s", "input_tokens", "output_tokens"), "name"),
        ("t_ms,input_tokens,output_tokens", ("t_ms", "input_tokens", "output_tokens"), "name"),
    ],
)  # fmt: skip
def test_columns_are_guessed_by_the_names_that_tools_export(
    header: str, wanted: tuple[str, ...], tool: str
) -> None:
    columns, problems = guessed(header.split(","))
    assert not problems
    found = {one.role: one for one in columns}
    assert tuple(found[role].name for role in ("time", "input", "output")) == wanted
    assert tool in found["time"].reason


def test_a_column_that_was_given_beats_a_guess_and_an_empty_name_takes_it_away() -> None:
    data = b"time,done,input_tokens,output_tokens,model\n0,5,1,1,a\n9,9,2,2,a\n"
    found = read_log(data, columns={"time": "done", "model": ""})
    assert found.arrival_ns.tolist() == [0, 4 * 10**9]
    assert found.model is None
    assert {one.role: one.is_given for one in found.columns} == {
        "time": True,
        "input": False,
        "output": False,
    }


def test_all_that_is_wrong_with_columns_is_told_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        read_log(b"when,in,out\n1,2,3\n", columns={"input": "inn", "colour": "out"})
    text = str(caught.value)
    assert "column input: the log has no column 'inn'; did you mean in?" in text
    assert "column colour: there is no such role" in text
    assert "column time: no column looks like the moment of the request" in text
    assert "column output: no column looks like output tokens" in text
    assert "4 problems" in text


def test_a_log_that_is_asked_about_first_tells_its_columns_and_what_is_missing() -> None:
    found = peek(b"when,input_tokens,output_tokens\n1,2,3\n")
    assert found.header == ("when", "input_tokens", "output_tokens")
    assert (found.name_of("time"), found.name_of("input")) == (None, "input_tokens")
    assert [one.field for one in found.problems] == ["column time"]


def test_columns_of_a_command_line_are_all_checked() -> None:
    assert parsed_columns(["time=a=b", "model="]) == {"time": "a=b", "model": ""}
    with pytest.raises(ScenarioError) as caught:
        parsed_columns(["tine=a", "time=a", "time=b", "time"])
    assert len(caught.value.problems) == 3


def test_tokens_of_a_cache_beside_the_input_are_added_to_it() -> None:
    data = b"ts,input_tokens,output_tokens,cache_read_input_tokens,cache_creation_input_tokens\n0,10,1,500,0\n1,20,1,,300\n"
    found = read_log(data)
    assert found.input_tokens.tolist() == [510, 320]
    assert found.prefix_tokens is not None
    assert found.prefix_tokens.tolist() == [500, 300]


def test_tokens_of_a_cache_are_not_added_to_a_prompt_that_holds_them() -> None:
    # LiteLLM: prompt_tokens of Anthropic's models are input_tokens, read and written ones together.
    head = b"startTime,prompt_tokens,completion_tokens,cache_read_input_tokens,cache_creation_input_tokens\n"
    found = read_log(head + b"0,510,1,500,0\n1,320,1,,300\n")
    assert found.input_tokens.tolist() == [510, 320]
    assert found.prefix_tokens is not None
    assert found.prefix_tokens.tolist() == [500, 300]
    assert any("are a part of prompt_tokens" in one for one in found.notices)
    # A row with more cached than sent: this tool counts beside.
    beside = read_log(head + b"0,10,1,500,0\n1,320,1,,300\n")
    assert beside.input_tokens.tolist() == [510, 620]
    assert any("were added to it" in one for one in beside.notices)


def test_rows_that_stand_for_several_requests_are_refused() -> None:
    data = b"start_time,input_tokens,output_tokens,num_model_requests\n1700000000,10,1,1\n1700000060,10,1,7\n"
    with pytest.raises(
        ScenarioError, match="line 3: num_model_requests is 7: rows stand for several requests"
    ):
        read_log(data)


def test_a_log_without_names_is_read_by_place_and_says_so() -> None:
    found = read_log(b"0,100,10\n1.5,200,20\n4,300,30\n")
    assert found.arrival_ns.tolist() == ARRIVALS_NS
    assert "no line of names" in found.columns[0].reason


# -- times -----------------------------------------------------------------------------------------

ABSOLUTE = {
    "zone Z": ["2026-11-28T09:00:00Z", "2026-11-28T09:00:01.5Z", "2026-11-28T09:00:04Z"],
    "other zone": ["2026-11-28T10:00:00+01:00", "2026-11-28T10:00:01.5+01:00", "2026-11-28T04:00:04-05:00"],
    "no zone": ["2026-11-28T09:00:00", "2026-11-28T09:00:01.500", "2026-11-28T09:00:04"],
    "blank, seven digits": ["2026-11-28 09:00:00.0000000", "2026-11-28 09:00:01.5000000", "2026-11-28 09:00:04.0000000"],
    "UTC in words": ["2026-11-28 09:00:00 UTC", "2026-11-28 09:00:01.5 UTC", "2026-11-28 09:00:04 UTC"],
    "s": ["1795856400", "1795856401.5", "1795856404"],
    "ms": ["1795856400000", "1795856401500", "1795856404000"],
    "us": ["1795856400000000", "1795856401500000", "1795856404000000"],
    "ns": ["1795856400000000000", "1795856401500000000", "1795856404000000000"],
}  # fmt: skip


@pytest.mark.parametrize("form", ABSOLUTE)
def test_every_form_of_a_moment_is_the_same_moment(form: str) -> None:
    found = read_log(csv_of(ABSOLUTE[form]))
    assert found.start_ns == START_NS
    assert found.arrival_ns.tolist() == ARRIVALS_NS
    assert found.start == datetime.datetime(2026, 11, 28, 9, tzinfo=datetime.UTC)
    assert found.hex == read_log(csv_of(ABSOLUTE["zone Z"])).hex


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("t_s", ["7", "8.5", "11"]),
        ("timestamp", ["7", "8.5", "11"]),
        ("t_ms", ["7000", "8500", "11000"]),
        ("arrivalMs", ["7000", "8500", "11000"]),
    ],
)
def test_seconds_and_milliseconds_from_the_start_have_no_calendar(name: str, times: list[str]) -> None:
    found = read_log(csv_of(times, name), columns={"time": name})
    assert found.start is None
    assert found.arrival_ns.tolist() == ARRIVALS_NS


def test_mooncake_counts_in_milliseconds_though_its_name_does_not_say_so() -> None:
    data = b"timestamp,input_length,output_length\n0,100,10\n1500,200,20\n4000,300,30\n"
    assert read_log(data).arrival_ns.tolist() == ARRIVALS_NS


def test_a_unit_that_is_said_beats_the_size() -> None:
    assert read_log(csv_of(["0", "1500", "4000"]), time_unit="ms").arrival_ns.tolist() == ARRIVALS_NS
    with pytest.raises(ScenarioError, match="allowed: s, ms, us, ns"):
        read_log(csv_of(["0", "1", "2"]), time_unit="h")


def test_nanoseconds_keep_every_digit() -> None:
    times = ["1795856400000000001", "1795856400000000002", "1795856400000000999"]
    assert read_log(csv_of(times)).arrival_ns.tolist() == [0, 1, 998]


def test_how_times_were_read_is_said() -> None:
    assert "times are ISO 8601 without a zone, read as UTC" in read_log(csv_of(ABSOLUTE["no zone"])).notices
    assert "times are milliseconds since 1970, by their size" in read_log(csv_of(ABSOLUTE["ms"])).notices
    assert (
        "times are seconds from the start of the log, by their size"
        in read_log(csv_of(["0", "1", "2"])).notices
    )


# -- Parquet ---------------------------------------------------------------------------------------


def parquet_of(times: Any, **more: Any) -> bytes:
    into = io.BytesIO()
    table = {"time": times, "input_tokens": [100, 200, 300], "output_tokens": [10, 20, 30], **more}
    pd.DataFrame(table).to_parquet(into, index=False)
    return into.getvalue()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_columns_of_time_stamps_are_read_in_every_unit_and_zone(unit: str, zone: str | None) -> None:
    moments = pd.to_datetime([START_NS, START_NS + 10**9, START_NS + 4 * 10**9])
    stamps = moments.tz_localize("UTC").tz_convert(zone) if zone else moments
    found = read_log(parquet_of(pd.Series(stamps).dt.as_unit(unit)))
    assert found.start_ns == START_NS
    assert found.arrival_ns.tolist() == [0, 10**9, 4 * 10**9]


@pytest.mark.parametrize("form", ABSOLUTE)
def test_a_parquet_file_is_the_same_log_as_the_csv_file(form: str) -> None:
    times = ABSOLUTE[form]
    values: Any = (
        times
        if not times[0].isdigit()
        else [float(one) if "." in "".join(times) else int(one) for one in times]
    )
    assert read_log(parquet_of(values)).hex == read_log(csv_of(times)).hex


def test_fields_inside_of_a_parquet_column_have_names_with_dots() -> None:
    into = io.BytesIO()
    usage = [{"prompt_tokens": 5, "completion_tokens": 1}, {"prompt_tokens": 6, "completion_tokens": 2}]
    pd.DataFrame({"created_at": [0, 1], "usage": usage}).to_parquet(into)
    found = read_log(into.getvalue())
    assert [one.name for one in found.columns] == [
        "created_at",
        "usage.prompt_tokens",
        "usage.completion_tokens",
    ]
    assert found.input_tokens.tolist() == [5, 6]


def test_bad_rows_of_a_parquet_file_are_told_by_their_number() -> None:
    found = read_log(parquet_of([0.0, None, 2.0]))
    assert [(one.line, one.column, one.given) for one in found.bad_rows] == [(2, "time", "nothing")]


# -- rows that are none ----------------------------------------------------------------------------

GOOD = [f"{k},1,1" for k in range(40)]


@pytest.mark.parametrize(
    ("row", "column", "given", "allowed"),
    [
        ("soon,1,1", "time", "the text 'soon'", "ISO 8601"),
        (",1,1", "time", "nothing", "ISO 8601"),
        ("-5,1,1", "time", "-5", "ISO 8601"),
        ("900000000,1,1", "time", "900000000", "from the middle of the log"),
        ("3,-1,1", "input_tokens", "-1", "whole number 0 to"),
        ("3,1.5,1", "input_tokens", "1.5", "whole number 0 to"),
        ("3,many,1", "input_tokens", "the text 'many'", "whole number 0 to"),
        ("3,,1", "input_tokens", "nothing", "whole number 0 to"),
        ("3,nan,1", "input_tokens", "the text 'nan'", "whole number 0 to"),
        ("3,1e13,1", "input_tokens", "1e13", "whole number 0 to"),
        ("3,1,-2", "output_tokens", "-2", "whole number 0 to"),
        ("3,1,true", "output_tokens", "the text 'true'", "whole number 0 to"),
        ("3,1,1,9", "", "4 cells: 3,1,1,9", "3 cells"),
        ("3,1", "", "2 cells: 3,1", "3 cells"),
        ('3,1,"1', "", '3,1,"1', "quotes in pairs"),
    ],
)
def test_each_kind_of_bad_row_is_left_out_and_told_with_its_line(
    row: str, column: str, given: str, allowed: str
) -> None:
    lines = ["time,input_tokens,output_tokens", *GOOD[:20], "", row, *GOOD[20:]]
    found = read_log("\n".join(lines).encode())
    (bad,) = found.bad_rows
    assert (bad.line, bad.column, bad.given) == (23, column, given)
    assert allowed in bad.allowed
    assert (found.n, found.n_read, found.n_bad) == (40, 41, 1)
    assert found.bad.values.tolist() == [[23, column or "the whole line", given, bad.allowed]]


def test_of_each_kind_the_first_twenty_are_listed_and_all_are_counted() -> None:
    lines = ["time,input_tokens,output_tokens", *GOOD, *(["x,1,1"] * 25), *(["1,1,-1"] * 5)]
    found = read_log("\n".join([*lines, *GOOD]).encode())
    assert found.n_bad == 30
    assert found.bad_counts == {"time": 25, "output_tokens": 5}
    assert [one.line for one in found.bad_rows if one.column == "time"] == list(range(42, 62))
    assert sum(one.column == "output_tokens" for one in found.bad_rows) == 5


def test_a_row_that_is_bad_twice_counts_once() -> None:
    found = read_log("\n".join(["time,input_tokens,output_tokens", *GOOD, "x,-1,-1"]).encode())
    assert found.n_bad == 1
    assert len(found.bad_rows) == 3


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_counted_through_cells_of_several_lines(ending: str) -> None:
    rows = [
        "time,note,input_tokens,output_tokens",
        '0,"two',
        'lines, ""quoted""",1,1',
        "1,plain,2,2",
        "x,bad,3,3",
        "4,y,5,5",
    ]
    found = read_log(ending.join(rows).encode())
    assert found.input_tokens.tolist() == [1, 2, 5]
    assert [one.line for one in found.bad_rows] == [5]


def test_two_quotes_that_do_not_close_leave_the_rows_between_them() -> None:
    rows = [
        "time,note,input_tokens,output_tokens",
        '0,a"b,1,1',
        "1,c,2,2",
        '2,"open,3,3',
        "3,d,4,4",
        "4,e,5,5",
        '5,"f",6,6',
        "6,g,7,7",
    ]
    found = read_log("\n".join(rows).encode())
    assert found.input_tokens.tolist() == [2, 4, 5, 6, 7]
    assert [one.line for one in found.bad_rows] == [2, 4]


def test_a_quote_inside_of_a_cell_that_hides_a_comma_is_a_bad_line() -> None:
    rows = [
        "time,note,input_tokens,output_tokens",
        *(f"{k},n,1,1" for k in range(3)),
        '3,a "b,c" d,1,1',
        "4,n,1,1",
    ]
    found = read_log("\n".join(rows).encode())
    assert found.n == 4
    assert [(one.line, one.given) for one in found.bad_rows] == [(5, "a quote in the middle of a cell")]


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_other_signs_between_cells_are_told(sign: str) -> None:
    data = csv_of(["0", "1.5", "4"]).replace(b",", sign.encode())
    found = read_log(data)
    assert found.arrival_ns.tolist() == ARRIVALS_NS
    assert any("separated by" in one for one in found.notices)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_encodings_are_read(encoding: str) -> None:
    data = (
        csv_of(["0", "1.5", "4"])
        .decode()
        .replace("time", "time,größe")
        .replace("\n0,", "\n0,é,")
        .replace("\n1.5,", "\n1.5,é,")
        .replace("\n4,", "\n4,é,")
    )
    assert read_log(data.encode(encoding)).arrival_ns.tolist() == ARRIVALS_NS


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"a,b\n1,2\n", "2 columns; allowed: at least three"),
        (b"PAR1 but no more", "no readable Parquet file"),
        (b"\x00\x01\x02,\x00", "it is no text"),
        (b"time,input_tokens,output_tokens\n", "it has no rows"),
        (b"time,input_tokens,output_tokens\nx,1,1\n", "no row is good"),
        (b"time,input_tokens,output_tokens\n0,-1,1\n0,?,1\n1,1,1\n", "2 of 3 rows are bad, more than half"),
    ],
)
def test_what_is_no_log_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(ScenarioError, match=text):
        read_log(data)


def test_a_refusal_lists_the_rows() -> None:
    with pytest.raises(ScenarioError) as caught:
        read_log(b"time,input_tokens,output_tokens\nx,1,1\n1,1,-1\n1,1,1\n1,2,3,4\n")
    fields = [one.field for one in caught.value.problems]
    assert fields[1:] == ["line 2, time", "line 3, output_tokens", "line 5"]


def test_files_that_are_not_there_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    for name, text in (("none.csv", "No such file"), ("log.txt", "ends in .csv or .parquet")):
        with pytest.raises(ScenarioError, match=text):
            read_log(tmp_path / name)


def test_half_of_the_rows_may_be_bad() -> None:
    assert read_log(b"time,input_tokens,output_tokens\nx,1,1\n1,1,1\n").n == 1


# -- order, zeros, what else is said ---------------------------------------------------------------


def test_rows_out_of_order_are_sorted_and_equal_times_keep_their_order() -> None:
    found = read_log(b"time,input_tokens,output_tokens\n5,1,1\n2,2,1\n5,3,1\n2,4,1\n")
    assert found.input_tokens.tolist() == [2, 4, 1, 3]
    assert found.arrival_ns.tolist() == [0, 0, 3 * 10**9, 3 * 10**9]
    assert "2 rows earlier than the row before: all were sorted by time" in found.notices


def test_zero_tokens_stay_and_are_explained() -> None:
    found = read_log(b"time,input_tokens,output_tokens\n0,0,1\n1,5,0\n2,5,0\n")
    assert found.n == 3
    assert any(one.startswith("1 row with 0 input tokens") for one in found.notices)
    assert any(one.startswith("2 rows with 0 output tokens") for one in found.notices)


def test_requests_that_failed_in_the_log_are_traffic_all_the_same() -> None:
    found = read_log(b"time,input_tokens,output_tokens,status\n0,1,1,200\n1,1,0,429\n2,1,0,429\n3,1,0,500\n")
    assert found.n == 4
    assert any(one.startswith("3 rows ended otherwise than well (429: 2, 500: 1)") for one in found.notices)


def test_latency_as_logged_is_kept_for_the_profile_only() -> None:
    found = read_log(b"time,input_tokens,output_tokens,latency_ms\n0,1,1,1500\n1,1,1,\n2,1,1,2500\n")
    assert found.latency_ns is not None
    assert found.latency_ns.tolist() == [1_500_000_000, -1, 2_500_000_000]
    assert any(
        one == "latency as logged: median 2 s, p95 2.45 s (shown, not replayed)"
        for one in found.profile.words
    )


# -- name, bytes, file -----------------------------------------------------------------------------

RICH = b"time,input_tokens,output_tokens,prefix_tokens,session,task,model,latency_s\n0,9,1,5,a,x,m,1\n2,9,0,,b,y,n,\n3,7,2,7,a,x,m,2\n9,z,2,7,a,x,m,2\n"


def test_a_log_survives_its_bytes() -> None:
    before = read_log(RICH, name="mine.csv")
    after = Log.from_bytes(before.to_bytes())
    assert after.hex == before.hex
    for name in (
        "arrival_ns",
        "input_tokens",
        "output_tokens",
        "prefix_tokens",
        "session",
        "task",
        "model",
        "latency_ns",
    ):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
    assert (after.source, after.task_names, after.n_read, after.n_bad) == ("mine.csv", ("x", "y"), 4, 1)
    assert after.notices == before.notices


@pytest.mark.parametrize("data", [b"", b"PAR1", parquet_of([0, 1, 2])])
def test_other_bytes_are_no_kept_log(data: bytes) -> None:
    with pytest.raises(ScenarioError, match="no log that was kept"):
        Log.from_bytes(data)


def test_a_kept_log_with_codes_of_nothing_is_refused() -> None:
    bad = Log(
        source="",
        arrival_ns=np.array([0]),
        input_tokens=np.array([1]),
        output_tokens=np.array([1]),
        task=np.array([5]),
        task_names=("a",),
    )
    with pytest.raises(ScenarioError, match="unknown codes of task"):
        Log.from_bytes(bad.to_bytes())


def test_the_name_of_a_log_is_its_traffic() -> None:
    one = read_log(csv_of(["0", "1.5", "4"]))
    assert one.hex == read_log(csv_of(["0", "1.5", "4"], more="x,1,1")).hex
    assert one.hex != read_log(csv_of(["0", "1.5", "4.000001"])).hex
    assert one.hex != read_log(csv_of(ABSOLUTE["s"])).hex
    assert len(one.hex) == 16
    assert int(one.hex, 16) >= 0


def test_a_million_requests_take_less_than_two_megabytes_in_a_page_where_they_are_plain() -> None:
    n = 250_000
    log = Log(
        source="", arrival_ns=np.arange(n) * 10**9, input_tokens=np.full(n, 500), output_tokens=np.full(n, 90)
    )
    assert len(log.to_bytes()) < 100_000


def test_the_file_of_a_log_goes_when_the_log_does() -> None:
    log = read_log(RICH)
    path = log.file
    assert path.is_file()
    del log
    assert not path.exists()
    assert not path.parent.exists()


# -- profile ---------------------------------------------------------------------------------------


def test_a_profile_counts_by_hand() -> None:
    # Saturday 09:00 UTC: 6 requests in the first minute, 2 in the third; the last 130 s after the first.
    seconds = [0, 10, 20, 30, 40, 50, 125, 130]
    rows = [f"{1_795_856_400 + at},100,{10 * k}" for k, at in enumerate(seconds)]
    found = read_log("\n".join(["ts,input_tokens,output_tokens", *rows]).encode()).profile
    assert (found.busiest_per_s, found.busiest_s) == (0.1, 0.0)
    assert found.words[0] == "8 requests in 2.17 min from Saturday 2026-11-28 09:00 UTC"
    assert found.words[1].startswith("6 requests a minute at the busiest minute (2026-11-28 09:00 UTC)")
    assert found.hours.values.tolist() == [["Saturday", 9, 8, 1, 8.0]]
    assert found.load["requests"].sum() == 8
    assert len(found.load) == 131  # bins of a second
    assert found.load["moment"].iloc[10] == datetime.datetime(2026, 11, 28, 9, 0, 10, tzinfo=datetime.UTC)
    sizes = found.sizes.set_index(["what", "share"])["value"]
    assert sizes["input tokens", 0.95] == 100
    assert sizes["output tokens", 0.5] == 35


def test_burstiness_is_variance_over_mean() -> None:
    # Counts by second: ten seconds with 0 or 4 in turn, then one request that ends the log.
    times = [str(second) for second in range(0, 10, 2) for _ in range(4)] + ["10"]
    rows = [f"{at},1,1" for at in times]
    spread = read_log("\n".join(["t,input_tokens,output_tokens", *rows]).encode()).profile.dispersion
    # Mean 2, squares of deviations 10 x 4, over 9.
    assert spread.values.tolist() == [[1, pytest.approx(40 / 9 / 2), 10]]


def test_a_log_of_one_request_has_a_profile() -> None:
    log = read_log(b"t,input_tokens,output_tokens\n5,1,1\n")
    assert log.span_s == 0
    assert log.profile.load["requests"].tolist() == [1]
    assert log.profile.dispersion.empty


# -- properties ------------------------------------------------------------------------------------

ROW = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5))
NOTE = st.text(st.sampled_from('ab ,"\n;é'), max_size=8)
BAD = st.sampled_from(["x,1,1,n", "1,-1,1,n", "1,1,?,n", "1,1", "1,1,1,n,n", "", "   "])


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(ROW, NOTE), min_size=1, max_size=30),
    bad=st.lists(st.tuples(st.integers(0, 29), BAD), max_size=20),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_good_rows_in_are_requests_out_in_order(
    rows: list[tuple[tuple[int, int, int], str]], bad: list[tuple[int, str]], ending: str
) -> None:
    bad = bad[: len(rows)]
    quoted = [f'{a},{b},{c},"{note.replace(chr(34), chr(34) * 2)}"' for (a, b, c), note in rows]
    body: list[str] = []
    for place, line in enumerate(quoted):
        body += [text for at, text in bad if at == place]
        body.append(line)
    body += [text for at, text in bad if at >= len(rows)]
    found = read_log(ending.join(["t_s,input_tokens,output_tokens,note", *body]).encode())
    ordered = sorted((row for row, _ in rows), key=lambda row: row[0])
    assert found.arrival_ns.tolist() == [(row[0] - ordered[0][0]) * 10**9 for row in ordered]
    assert found.input_tokens.tolist() == [row[1] for row in ordered]
    assert found.output_tokens.tolist() == [row[2] for row in ordered]
    n_bad = sum(bool(text.strip()) for _, text in bad)
    assert (found.n_bad, found.n_read) == (n_bad, len(rows) + n_bad)
    text = ending.join(["t_s,input_tokens,output_tokens,note", *body])
    for one in found.bad_rows:
        line = text.replace("\r\n", "\n").split("\n")[one.line - 1]
        assert line.strip() in {other for _, other in bad}


@pytest.mark.parametrize(
    ("name", "n", "unit"),
    [
        ("azure2023_conv", 13_828, None),
        ("azure2023_code", 7_148, None),
        ("mooncake_conversation", 7_689, None),
    ],
)
def test_real_traces_are_read_whole(name: str, n: int, unit: str | None) -> None:
    path = SHARED / f"{name}.dev.parquet"
    if not path.exists():
        pytest.skip("the shared data are not here")
    table = pd.read_parquet(path)
    time = "t_ms" if "t_ms" in table else "t_s"
    found = read_log(path, columns={"time": time, "session": "", "cached": ""})
    assert (found.n, found.n_bad) == (n, 0)
    assert int(found.input_tokens.sum()) == int(table["input_tokens"].sum())
    scale = 1000 if time == "t_ms" else 1
    assert found.span_s == pytest.approx((table[time].max() - table[time].min()) / scale, abs=1e-6)
