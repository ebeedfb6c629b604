"""`planner replay`: what it prints, what it refuses, the document it writes."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

import planner
from planner.cli import app
from planner.cli.ending import BAD_INPUT, USAGE
from tests.cli.command import write_scenario

run = CliRunner()
SCENARIO = """\
name: Two models
traffic: {requests_per_month: 400000}
tasks: {faq: {}}
models:
  big: {input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}
  small: {input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}
deployments:
  omni: {model: big, latency: {total_s: 1}, errors: null, outages: null, limits: null}
  mini: {model: small, latency: {total_s: 1}, errors: null, outages: null, limits: null}
strategies: {omni-only: {omni: [omni]}, mini-only: {mini: [mini]}}
objective: invoiced
run: {replications: 2}
"""
# Three good rows, of 1,700 tokens in and 150 out, and a bad one.
LOG = "t_s,input_tokens,answer,note\n0,1000,100,a\n10,500,50,b\nx,1,1,c\n36,200,0,d\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("replay")
    log = folder / "mine.csv"
    log.write_text(LOG, encoding="utf-8")
    return log, write_scenario(folder, SCENARIO)


def printed(files: tuple[Path, Path], *arguments: str) -> str:
    log, scenario = files
    command = ["replay", str(log), "--scenario", str(scenario), "--column", "output=answer", *arguments]
    done = run.invoke(app, command, env={"COLUMNS": "110"})
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object, status: int = BAD_INPUT) -> str:
    done = run.invoke(app, ["replay", *map(str, arguments)])
    assert done.exit_code == status, done.output
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def cells(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name}  ")]
    return line.removeprefix(name).split()


def test_the_report_tells_columns_bad_rows_costs_and_the_answer(files: tuple[Path, Path]) -> None:
    text = printed(files, "--counted-by", "big")
    assert "time     t_s            by its name" in text
    assert "output   answer         given" in text
    assert "Not used: note" in text
    assert "Rows left out: 1 of 4 (t_s: 1)" in text
    assert "line 4, t_s: got the text 'x'; allowed: ISO 8601" in text
    # big: 1,700 x 2.5e-6 + 150 x 1e-5, and no range, as it counted; small: 0.000345, 0.00027075, 0.00052425 (half to even).
    assert cells(text, "cost of the log") == ["0.005750", "0.0003450", "(0.0002708", "to", "0.0005242)"]
    assert cells(text, "latency, p50")[:2] == ["1", "s"]
    assert cells(text, "targets") == ["none", "given", "none", "given"]
    assert "On this traffic (3 requests in 36 s) take mini-only: it would have cost 0.0003450 USD" in text


def test_the_document_is_the_one_of_the_python_api(files: tuple[Path, Path]) -> None:
    document = json.loads(printed(files, "--counted-by", "big", "--json", "-"))
    log = planner.read_log(files[0], columns={"output": "answer"}, name=str(files[0]))
    found = planner.replay(planner.load(files[1]), log, counted_by="big")
    assert document == json.loads(json.dumps(found.to_dict()))
    money = document["strategies"]["mini-only"]["money"]["total_invoiced_usd"]
    assert Decimal(money["central"]) == Decimal("0.000345")


def test_the_document_goes_into_a_file_whole(files: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "found.json"
    assert "Answer" in printed(files, "--json", str(target))
    assert json.loads(target.read_text(encoding="utf-8"))["winner"] == "mini-only"


def test_a_field_can_be_set(files: tuple[Path, Path]) -> None:
    text = printed(files, "--counted-by", "big", "--set", "models.big.input_usd_per_mtok=5")
    assert cells(text, "cost of the log")[0] == "0.01000"


def test_wrong_use_and_bad_input_end_with_their_status(files: tuple[Path, Path], tmp_path: Path) -> None:
    log, scenario = files
    both = (log, "--scenario", scenario)
    assert "column output: no column looks like output tokens" in refused(*both)
    assert "got 'colour=x'" in refused(*both, "--column", "colour=x")
    assert "the log has no column 'anwser'; did you mean answer?" in refused(
        *both, "--column", "output=anwser"
    )
    assert "allowed: s, ms, us, ns" in refused(*both, "--column", "output=answer", "--time-unit", "h")
    assert "counted by: got 'bigg'" in refused(*both, "--column", "output=answer", "--counted-by", "bigg")
    assert "allowed: a readable file" in refused(tmp_path / "none.csv", "--scenario", scenario)
    assert "nothing was run" in refused(log, "--scenario", scenario, "--set", "run.seeed=1")
    assert "is not one of compiled, reference" in refused(*both, "--engine", "x", status=USAGE)
    refused(log, status=USAGE)


def test_an_unwritable_target_is_told_before_the_run(files: tuple[Path, Path], tmp_path: Path) -> None:
    log, scenario = files
    assert "there is no folder" in refused(
        log, "--scenario", scenario, "--json", tmp_path / "none" / "x.json"
    )
