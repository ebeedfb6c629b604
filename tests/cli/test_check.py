"""`planner check`, `--set` and `planner schema`: all problems at once, and nothing heavy to say so."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.cli import app
from tests.cli.command import PLANNER, SCENARIO, environment, planner, write_scenario

HEAVY = ("numba", "pandas", "scipy", "streamlit", "altair", "pyarrow", "simpy")
run = CliRunner()


def test_sound_scenario_is_told_in_one_line(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    found = run.invoke(app, ["check", str(file)])
    assert found.exit_code == 0
    assert found.stderr == ""
    assert found.stdout.splitlines()[0] == (
        f"{file}: ok: 3 strategies (omni-only, mini-only, hybrid), 2 tasks (faq, account); "
        "1,000,000 requests a month (user turns) in 250,000 conversations"
    )


def test_notices_follow_with_their_lines(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    line = SCENARIO.splitlines().index("  hybrid: {omni: [omni], mini: [mini]}") + 1
    bounds, notices = (lines := run.invoke(app, ["check", str(file)]).stdout.splitlines())[1:-1], lines[-1:]
    assert [bound.partition(":")[0] for bound in bounds] == ["omni-only", "mini-only", "hybrid"]
    assert all("at most" in bound for bound in bounds)
    assert notices == [
        f"notice: {file}:{line}: strategies.hybrid: no router given: omni_share 0.25, score_correlation 0.6"
    ]


def test_volume_that_is_derived_from_users_is_shown(tmp_path: Path) -> None:
    text = SCENARIO.replace(
        "requests_per_month: 1000000", "users: {active_per_day: 1000, conversations_per_day: 2}"
    )
    found = run.invoke(app, ["check", str(write_scenario(tmp_path, text))])
    # 1000 users x 2 conversations x 4 turns x 30.4375 days
    assert (
        "243,500 requests a month (user turns) in 60,875 conversations, from 1,000 users a day"
        in found.stdout
    )


def test_every_problem_of_file_and_overrides_is_on_stderr(tmp_path: Path) -> None:
    text = SCENARIO.replace("retries: 1", "retris: 1").replace("rate: 0.3", "rate: 1.3")
    file = write_scenario(tmp_path, text)
    found = run.invoke(
        app, ["check", str(file), "--set", "slo.accuracy=2", "--set", "nonsense", "--set", "a.b=1"]
    )
    assert found.exit_code == 1
    assert found.stdout == ""
    lines = text.splitlines()
    expected = [
        "nonsense",
        f"{file}:{next(i for i, line in enumerate(lines, 1) if 'rate: 1.3' in line)}: deployments.omni.errors.rate: got 1.3",
        f"{file}:{next(i for i, line in enumerate(lines, 1) if 'retris' in line)}: policy.retris: no such field; did you mean retries?",
        f"{file}: slo.accuracy: got 2",
        f"{file}: a",
        f"5 problems in {file}; nothing was run.",
    ]
    for start in expected:
        assert any(line.startswith(start) or start in line for line in found.stderr.splitlines()), start
    assert found.stderr.splitlines()[-1] == expected[-1]


def test_set_replaces_a_field(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    found = run.invoke(
        app,
        [
            "check",
            str(file),
            "--set",
            "traffic.requests_per_month=2000",
            "--set",
            "traffic.sessions={turns_mean: 1}",
        ],
    )
    assert found.exit_code == 0
    assert "2,000 requests a month (user turns) in 2,000 conversations" in found.stdout


def test_field_set_twice_is_a_problem(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    found = run.invoke(app, ["check", str(file), "--set", "run.seed=1", "--set", "run.seed=2"])
    assert found.exit_code == 1
    assert found.stderr.splitlines()[0] == "run.seed: set more than once"


@pytest.mark.parametrize("command", ["check", "compare"])
def test_missing_file_and_folder_end_with_a_message(tmp_path: Path, command: str) -> None:
    write_scenario(tmp_path)
    absent = run.invoke(app, [command, str(tmp_path / "smal.yaml")])
    folder = run.invoke(app, [command, str(tmp_path)])
    assert (absent.exit_code, folder.exit_code) == (1, 1)
    assert absent.stderr.splitlines()[0] == f"{tmp_path}/smal.yaml: no such file; did you mean small.yaml?"
    assert folder.stderr.splitlines()[0] == f"{tmp_path}: a folder, not a file"


def test_recording_is_read_and_its_pace_told(tmp_path: Path) -> None:
    text = SCENARIO.replace(
        "{requests_per_month: 1000000, sessions: {turns_mean: 4, think_time_s: 5}}",
        "{trace: {file: trace.csv}}",
    )
    file = write_scenario(tmp_path, text)
    rows = "arrival_s,input_tokens,output_tokens\n0,100,20\n5,200,30\n9,300,10\n"
    (tmp_path / "trace.csv").write_text(rows)
    found = run.invoke(app, ["check", str(file)])
    assert found.exit_code == 0, found.stderr
    # 2 gaps in 9 s, 2,629,800 s in a mean month
    assert "a recording of 3 requests; 584,400 requests a month" in found.stdout
    (tmp_path / "trace.csv").write_text(rows.replace("200", "many"))
    broken = run.invoke(app, ["check", str(file)])
    assert broken.exit_code == 1
    assert "row 1, input_tokens: got the text 'many'" in broken.stderr


def test_check_schema_and_help_load_no_numerical_library(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    import subprocess

    for arguments in (
        ["check", str(file)],
        ["check", str(file), "--set", "x"],
        ["schema"],
        ["--help"],
        ["--version"],
    ):
        code = [sys.executable, "-X", "importtime", *PLANNER[1:], *arguments]
        found = subprocess.run(code, capture_output=True, encoding="utf-8", env=environment(), timeout=60)
        imported = {
            line.rpartition("|")[2].strip().partition(".")[0]
            for line in found.stderr.splitlines()
            if "|" in line
        }
        assert "typer" in imported
        assert imported.isdisjoint(HEAVY), arguments


def test_schema_is_a_json_schema_that_knows_the_fields() -> None:
    found = run.invoke(app, ["schema"])
    assert found.exit_code == 0
    schema = json.loads(found.stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"name", "traffic", "tasks", "deployments", "strategies"} <= set(schema["properties"])


def test_check_of_an_unreadable_byte_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: a\nquestion: \xe9\n")
    found = planner("check", path)
    assert found.returncode == 1
    assert found.stderr.splitlines()[0] == f"{path}:2: not UTF-8 text"
