"""Recordings: replayed to the row, read once, and every mistake in them named with its row."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from planner.errors import ScenarioError
from planner.tables import NEVER
from planner.workload import traces as traces_
from planner.workload.requests import from_frame, generate
from planner.workload.traces import models_in_use, recording
from planner.workload.windows import Window, plan_windows
from tests.workload.small import BASE, small

OMNI, MINI = "gpt-4o-2024-11-20", "gpt-4o-mini-2024-07-18"
AZURE = Path(__file__).resolve().parents[3] / "shared" / "data" / "azure2023_conv.dev.parquet"
SECOND = 1_000_000_000


def window(index=0):
    return Window(index=index, era=0, start_s=0.0, length_s=10.0, weight=1.0, stratum="", spells=())


def row(arrival=0, sent=10, answer=5, **more):
    return {"arrival_s": arrival, "input_tokens": sent, "output_tokens": answer, **more}


def of_rows(*rows, **trace):
    return small(traffic={"trace": {"rows": list(rows), **trace}})


def of_file(path, **trace):
    return small(traffic={"trace": {"file": str(path), **trace}})


def csv(folder, text, name="calls.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(scenario):
    with pytest.raises(ScenarioError) as caught:
        recording(scenario)
    return str(caught.value)


# -- replay ------------------------------------------------------------------------------------


def test_three_columns_suffice_and_rows_name_the_requests_in_order_of_time():
    requests = generate(of_rows(row(2.5, 100), row(0, 200), row(2.5, 300), row(1e-9, 400)), window())
    assert requests.request.tolist() == [1, 3, 0, 2]
    assert requests.arrived_ns.tolist() == [0, 1, 2_500_000_000, 2_500_000_000]
    assert requests.input_tokens.tolist() == [200, 400, 100, 300]
    assert requests.prefix_tokens.tolist() == [0] * 4
    assert requests.session.tolist() == [-1] * 4
    assert requests.source == "trace"
    assert np.isnan(requests.router_score).all()
    assert requests.service_ns is None


def test_rows_files_and_tables_with_the_same_content_are_the_same_recording(tmp_path):
    rows = [
        row(0.1, 10, 5, task="faq", session="u1", prefix_tokens=4, router_score=0.25, service_s=1.5),
        row(0.3, 20, 6, task="photo", session="u2", prefix_tokens=0, router_score=0.75, service_s=2.5),
    ]
    table = pd.DataFrame(rows)
    table.to_parquet(tmp_path / "calls.parquet")
    table.to_csv(tmp_path / "calls.csv", index=False)
    scenarios = [of_rows(*rows), of_file(tmp_path / "calls.parquet"), of_file(tmp_path / "calls.csv")]
    wanted = generate(scenarios[0], window(3))
    for other in (*(generate(s, window(3)) for s in scenarios[1:]), from_frame(scenarios[0], table, 3)):
        for name in (*traces_.Recording.__dataclass_fields__,):
            if name in wanted.__dataclass_fields__ and name not in ("source", "correct", "output_by_model"):
                np.testing.assert_array_equal(getattr(wanted, name), getattr(other, name))
        np.testing.assert_array_equal(wanted.difficulty, other.difficulty)


def test_every_window_replays_all_rows_with_other_luck():
    scenario = of_rows(*(row(second) for second in range(50)))
    first, second = generate(scenario, window(0)), generate(scenario, window(1))
    assert (first.request == second.request).all()
    assert (first.arrived_ns == second.arrived_ns).all()
    assert (first.difficulty != second.difficulty).all()
    assert (first.task != second.task).any()


def test_missing_tasks_are_drawn_by_share():
    requests = generate(of_rows(*(row(second) for second in range(2000))), window())
    assert (requests.task == 0).mean() == pytest.approx(0.6, abs=0.055)


def test_a_tasks_own_laws_still_hold_for_recorded_rows():
    requests = generate(of_rows(*(row(s, task="photo") for s in range(2000))), window())
    assert requests.sensitive.mean() == pytest.approx(0.25, abs=0.05)
    assert requests.difficulty.mean() == pytest.approx(1.5, abs=0.06)


def test_a_limit_replays_the_first_rows_by_time_and_no_more_than_there_are():
    scenario = of_rows(row(2), row(0), row(1))
    assert generate(scenario, window(), limit=2).request.tolist() == [1, 2]
    with pytest.raises(ScenarioError, match=r"requests: got 4; allowed: at most 3, the rows of the trace"):
        generate(scenario, window(), limit=4)


def test_service_times_are_a_number_or_a_list_by_call_whose_last_repeats():
    scenario = of_rows(
        row(0, service_s=2),
        row(1, service_s=[1, 0.5, 3]),
        row(2),
        row(3, service_s="[4, 5]"),
        row(4, service_s="6"),
    )
    found = generate(scenario, window()).service_ns
    s = SECOND
    assert found.tolist() == [
        [2 * s] * 3,
        [s, s // 2, 3 * s],
        [NEVER] * 3,
        [4 * s, 5 * s, 5 * s],
        [6 * s] * 3,
    ]


def test_lists_of_service_times_survive_parquet_and_csv(tmp_path):
    table = pd.DataFrame([row(0, service_s=[1.0, 2.0]), row(1, service_s=[3.0])])
    table.to_parquet(tmp_path / "calls.parquet")
    table.to_csv(tmp_path / "calls.csv", index=False)
    for name in ("calls.parquet", "calls.csv"):
        found = recording(of_file(tmp_path / name)).service_ns
        assert found.tolist() == [[SECOND, 2 * SECOND], [3 * SECOND, 3 * SECOND]]


def test_right_answers_and_answer_lengths_are_recorded_by_model():
    key, length = f"correct.{OMNI}", f"output_tokens.{MINI}"
    scenario = of_rows(
        row(0, **{key: True, length: 7}), row(1, **{key: 0}), row(2, **{key: "true", length: 0}), row(3)
    )
    requests = generate(scenario, window())
    assert requests.correct[OMNI].tolist() == [1, 0, 1, -1]
    assert requests.correct[OMNI].dtype == np.int8
    assert requests.output_by_model[MINI].tolist() == [7, -1, 0, -1]


def test_columns_of_booleans_in_a_table_are_right_and_wrong():
    table = pd.DataFrame([row(0), row(1)]).assign(**{f"correct.{OMNI}": [True, False]})
    assert from_frame(small(), table).correct[OMNI].tolist() == [1, 0]
    with_gaps = table.assign(**{f"correct.{OMNI}": pd.array([True, None], dtype="boolean")})
    assert from_frame(small(), with_gaps).correct[OMNI].tolist() == [1, -1]


def test_sessions_are_numbered_by_first_appearance():
    labels = ["b", None, "a", "b", 7, "", float("nan")]
    scenario = of_rows(*(row(i, session=label) for i, label in enumerate(labels)))
    found = recording(scenario)
    assert found.session.tolist() == [0, -1, 1, 0, 2, -1, -1]
    assert found.turns_mean == 7 / 6


def test_timestamps_count_from_the_earliest(tmp_path):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:50.9951690,396,109\n"
        "2023-11-16 18:15:45.6805900,879,55\n"
    )
    found = recording(of_file(csv(tmp_path, text), format="azure-2023"))
    assert found.arrived_ns.tolist() == [SECOND, 5_314_579_000, 0]
    assert found.input_tokens.tolist() == [374, 396, 879]
    assert found.output_tokens.tolist() == [44, 109, 55]


def test_timestamps_of_a_table_may_have_a_zone():
    stamps = pd.to_datetime(["2024-03-31 00:59:59.0", "2024-03-31 01:00:00.5"]).tz_localize("UTC")
    for times in (
        stamps,
        stamps.tz_convert("Europe/Paris"),
        stamps.tz_localize(None),
        stamps.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    ):
        table = pd.DataFrame({"arrival_s": times, "input_tokens": [1, 1], "output_tokens": [1, 1]})
        assert from_frame(small(), table).arrived_ns.tolist() == [0, 1_500_000_000]


def test_numbers_are_offsets_as_given_even_if_the_first_is_not_zero():
    assert recording(of_rows(row(3.5), row("7"))).arrived_ns.tolist() == [3_500_000_000, 7 * SECOND]


def test_other_names_are_mapped_and_unused_columns_are_said(tmp_path):
    path = csv(tmp_path, "when,in,output_tokens,region\n0,10,5,eu\n1,20,6,us\n")
    scenario = of_file(path, columns={"arrival_s": "when", "input_tokens": "in"})
    found = recording(scenario)
    assert found.input_tokens.tolist() == [10, 20]
    assert found.notices == (f"{path}: columns not used: region",)
    rows = of_rows(
        {"when": 1, "in": 3, "output_tokens": 4}, columns={"arrival_s": "when", "input_tokens": "in"}
    )
    assert recording(rows).input_tokens.tolist() == [3]


def test_a_relative_file_lies_beside_the_scenario_file(tmp_path):
    csv(tmp_path, "arrival_s,input_tokens,output_tokens\n0,10,5\n")
    scenario = of_file("calls.csv")
    object.__setattr__(scenario, "_source", type("Source", (), {"folder": tmp_path})())
    assert recording(scenario).n == 1


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    path = csv(tmp_path, "arrival_s,input_tokens,output_tokens\n0,10,5\n")
    reads = []
    original = traces_._read_csv
    monkeypatch.setattr(traces_, "_read_csv", lambda *arguments: reads.append(1) or original(*arguments))
    first = [recording(of_file(path)).n for _ in range(3)]
    csv(tmp_path, "arrival_s,input_tokens,output_tokens\n0,10,5\n1,10,5\n")
    assert (first, recording(of_file(path)).n, len(reads)) == ([1, 1, 1], 2, 2)
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    recording(of_file(path))
    assert len(reads) == 3


def test_rows_of_another_scenario_are_not_taken_for_these():
    assert [recording(of_rows(row(sent=size))).input_tokens.tolist() for size in (1, 2, 3)] == [[1], [2], [3]]


def test_models_of_migrations_and_verifiers_are_in_use_too():
    scenario = small(
        finance={"migrations": [{"at": "2028-01-01", "from": OMNI, "to": "gpt-5"}]},
        strategies={
            "cascade": {
                "omni": ["omni"],
                "mini": ["mini"],
                "router": {"kind": "cascade", "verifier": {"model": "o1-mini"}},
            }
        },
    )
    assert models_in_use(scenario) == (OMNI, MINI, "gpt-5", "o1-mini")


@pytest.mark.skipif(not AZURE.is_file(), reason="the shared Azure 2023 trace is not on this machine")
def test_the_azure_trace_is_replayed_to_the_row():
    scenario = of_file(AZURE, format="azure-2023")
    raw = pd.read_parquet(AZURE)
    for planned in plan_windows(scenario)[:2]:
        requests = generate(scenario, planned)
        assert requests.n == len(raw) == 13_828
        assert (np.sort(requests.request) == np.arange(13_828)).all()
        assert (requests.input_tokens == raw["input_tokens"].to_numpy()[requests.request]).all()
        assert (requests.output_tokens == raw["output_tokens"].to_numpy()[requests.request]).all()
        assert (np.abs(requests.arrived_ns / 1e9 - raw["t_s"].to_numpy()[requests.request]) < 1e-9).all()
        assert planned.length_s == raw["t_s"].max()


# -- mistakes ----------------------------------------------------------------------------------


def test_every_bad_cell_is_listed_with_its_row():
    scenario = of_rows(
        row(-1, 10.5, "many", task="faq"),
        row(None, True, None, task="fax"),
        row("soon", 10**13, [1], task="photo", prefix_tokens=5),
        row(0, 10, 5, task="faq", prefix_tokens=11, session=[1], router_score="high"),
        row(0, 10, 5, task=None, service_s=[1, -1], verifier_score=float("inf"), **{f"correct.{OMNI}": 2}),
        row(float("nan"), float("nan"), 1e400, task=3, service_s=[]),
        row(1, "1_000", "12", task="faq"),
    )
    number = "whole number 0 to 1,000,000,000,000 (tokens)"
    times = "seconds since the start of the recording, 0 to 100,000,000, or a timestamp"
    service = "seconds >= 0, a list of them by call, or nothing where none was recorded"
    places = "traffic.trace.rows"
    assert complaint(scenario).splitlines() == [
        f"{places}[0].arrival_s: got -1; allowed: {times}",
        f"{places}[0].input_tokens: got 10.5; allowed: {number}",
        f"{places}[0].output_tokens: got the text 'many'; allowed: {number}",
        f"{places}[1].arrival_s: got nothing; allowed: {times}",
        f"{places}[1].input_tokens: got true; allowed: {number}",
        f"{places}[1].output_tokens: got nothing; allowed: {number}",
        f"{places}[1].task: got the text 'fax'; allowed: faq, photo; did you mean faq?",
        f"{places}[2].arrival_s: got the text 'soon'; allowed: {times}",
        f"{places}[2].input_tokens: got 10000000000000; allowed: {number}",
        f"{places}[2].output_tokens: got [1]; allowed: {number}",
        f"{places}[3].prefix_tokens: got 11; allowed: at most the row's input_tokens, of which it is a part",
        f"{places}[3].session: got [1]; allowed: a text or a number",
        f"{places}[3].router_score: got the text 'high'; allowed: a number, or nothing where none was recorded",
        f"{places}[4].task: got nothing; allowed: faq, photo",
        f"{places}[4].service_s: got [1, -1]; allowed: {service}",
        f"{places}[4].verifier_score: got inf; allowed: a number, or nothing where none was recorded",
        f"{places}[4].correct.{OMNI}: got 2; allowed: 1 or true, 0 or false, or nothing where nobody rated it",
        f"{places}[5].arrival_s: got nothing; allowed: {times}",
        f"{places}[5].input_tokens: got nothing; allowed: {number}",
        f"{places}[5].output_tokens: got inf; allowed: {number}",
        "traffic.trace: 23 cells cannot be used; the first 20 are listed",
        "21 problems in the trace; nothing was run.",
    ]


def test_a_file_of_mistakes_lists_twenty_and_counts_all(tmp_path):
    text = "arrival_s,input_tokens,output_tokens\n" + "".join(f"{i},{-i},x\n" for i in range(500))
    path = csv(tmp_path, text)
    lines = complaint(of_file(path)).splitlines()
    number = "allowed: whole number 0 to 1,000,000,000,000 (tokens)"
    assert lines[0] == f"{path}: row 0, output_tokens: got the text 'x'; {number}"
    assert lines[1] == f"{path}: row 1, input_tokens: got -1; {number}"
    assert len(lines) == 22
    assert lines[-2] == "traffic.trace: 999 cells cannot be used; the first 20 are listed"
    assert lines[-1] == f"21 problems in {path}; nothing was run."


def test_seconds_since_1970_are_no_offsets():
    assert "got 1700000000; allowed: seconds since the start of the recording" in complaint(
        of_rows(row(1_700_000_000))
    )


def test_a_broken_timestamp_among_good_ones_is_named(tmp_path):
    text = "arrival_s,input_tokens,output_tokens\n2023-11-16 18:15:46,1,1\n2023-11-16 25:15:46,1,1\n2023-11-17,1,1\n"
    lines = complaint(of_file(csv(tmp_path, text))).splitlines()
    assert len(lines) == 2
    assert "row 1, arrival_s: got the text '2023-11-16 25:15:46'" in lines[0]


def test_missing_columns_say_what_there_is(tmp_path):
    path = csv(tmp_path, "arrival_s,prompt_tokens,output_tokens\n0,1,1\n")
    assert complaint(of_file(path)) == (
        f"traffic.trace: {path} has no column input_tokens; it has arrival_s, prompt_tokens, output_tokens; "
        "give columns: {input_tokens: prompt_tokens}\n1 problem in the trace; nothing was run."
    )
    azure = csv(tmp_path, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,1\n", "azure.csv")
    assert "its columns are those of format: azure-2023" in complaint(of_file(azure))


def test_a_format_that_does_not_fit_names_its_columns(tmp_path):
    path = csv(tmp_path, "arrival_s,input_tokens,output_tokens\n0,1,1\n")
    assert complaint(of_file(path, format="azure-2023")).splitlines()[0] == (
        f"traffic.trace.format: {path} has no column 'TIMESTAMP'; known here: arrival_s, input_tokens, output_tokens"
    )


def test_columns_that_do_not_exist_on_either_side_are_named(tmp_path):
    path = csv(tmp_path, "when,input_tokens,output_tokens\n0,1,1\n")
    columns = {"arrival_s": "wen", "inputtokens": "input_tokens"}
    assert complaint(of_file(path, columns=columns)).splitlines()[:2] == [
        f"traffic.trace.columns[arrival_s]: {path} has no column 'wen'; did you mean when?",
        "traffic.trace.columns[inputtokens]: no such column of ours; did you mean input_tokens?",
    ]


def test_a_model_that_nobody_uses_is_named(tmp_path):
    path = csv(tmp_path, "arrival_s,input_tokens,output_tokens,correct.gpt-4o-2024-11-2\n0,1,1,1\n")
    assert complaint(of_file(path)).splitlines()[0] == (
        f"{path}: correct.gpt-4o-2024-11-2: no strategy uses a model 'gpt-4o-2024-11-2'; did you mean {OMNI}?"
    )


def test_an_unknown_key_of_an_inline_row_is_named():
    assert complaint(of_rows(row(0), row(1, sesion="a"))).splitlines()[0] == (
        "traffic.trace.rows[1].sesion: no such column; did you mean session?"
    )


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("none.csv", None, "got '{path}'; allowed: a readable file (No such file or directory)"),
        ("empty.csv", b"", "got '{path}', which is empty; allowed: a file with at least one request"),
        ("blank.csv", b"\n\n", "got '{path}', which is empty; allowed: a file with at least one request"),
        ("empty.parquet", b"", "got '{path}', which is empty; allowed: a file with at least one request"),
        ("calls.xlsx", b"x", "got '{path}'; allowed: a file that ends in .csv or .parquet"),
        (
            "latin.csv",
            "arrival_s,größe\n".encode("latin-1"),
            "got '{path}', which is not UTF-8 text; allowed: a CSV file in UTF-8",
        ),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, text):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert complaint(of_file(path)) == (
        f"traffic.trace.file: {text.format(path=path)}\n1 problem in the trace; nothing was run."
    )


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "calls.csv").mkdir()
    assert "which is no file; allowed: a CSV or Parquet file" in complaint(of_file(tmp_path / "calls.csv"))


def test_a_broken_parquet_file_says_so(tmp_path):
    path = tmp_path / "calls.parquet"
    pd.DataFrame([row(0), row(1)]).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert f"got '{path}', which is no readable Parquet file: " in complaint(of_file(path))


def test_lines_longer_than_the_header_are_refused(tmp_path):
    header = "arrival_s,input_tokens,output_tokens\n"
    for lines in ("0,1,1\n1,2,3,4\n", "0,1,1,9\n1,1,1,9\n"):
        assert "which is no CSV file: " in complaint(of_file(csv(tmp_path, header + lines)))


def test_a_line_shorter_than_the_header_misses_its_cells(tmp_path):
    path = csv(tmp_path, "arrival_s,input_tokens,output_tokens\n0,1,1\n1,2\n")
    assert f"{path}: row 1, output_tokens: got nothing" in complaint(of_file(path))


def test_a_file_larger_than_two_gib_is_not_read(tmp_path):
    path = tmp_path / "calls.csv"
    with path.open("wb") as file:
        file.truncate(2 * 2**30 + 2**29)  # sparse: takes no room
    assert complaint(of_file(path)).startswith(
        f"traffic.trace.file: got '{path}' of 2.5 GiB; allowed: at most 2 GiB"
    )


def test_a_header_without_rows_is_refused(tmp_path):
    path = csv(tmp_path, "arrival_s,input_tokens,output_tokens\n")
    assert complaint(of_file(path)).startswith(
        f"traffic.trace: {path} has no rows; allowed: at least one request"
    )


def test_a_table_without_a_needed_column_is_refused():
    with pytest.raises(ScenarioError) as caught:
        from_frame(small(), pd.DataFrame([row(0)]).drop(columns=["input_tokens", "output_tokens"]))
    assert str(caught.value) == (
        "input_tokens: the table has no such column\noutput_tokens: the table has no such column\n"
        "2 problems in the table; nothing was run."
    )


def test_a_byte_order_mark_and_blank_lines_are_no_problem(tmp_path):
    path = csv(tmp_path, "\ufeffarrival_s,input_tokens,output_tokens\n0,1,1\n\n1,2,3\n\n")
    assert recording(of_file(path)).input_tokens.tolist() == [1, 2]


def test_deployments_of_the_base_are_what_columns_may_name():
    assert models_in_use(small()) == tuple(d["model"] for d in BASE["deployments"].values())
