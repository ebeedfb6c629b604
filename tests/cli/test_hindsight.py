"""`planner hindsight`: what it prints, the same as JSON and CSV, and what it refuses."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.cli import app
from planner.cli.ending import BAD_INPUT, USAGE
from tests.cli.command import write_scenario

run = CliRunner()
TEXT = """\
name: Alias and mini
objective: invoiced
traffic: {requests_per_month: 30437.5}
tasks: {faq: {input_tokens: 1000, output_tokens: 200}}
models: {o1-mini: {reasoning_tokens_per_output_token: 4}}
deployments:
  alias: {model: gpt-4o, provider: openai, outages: null, errors: null, limits: null}
  mini: {model: gpt-4o-mini, provider: openai, outages: null, errors: null, limits: null}
strategies:
  alias: {omni: [alias]}
  mini: {mini: [mini]}
policy: {timeout_s: null}
finance: {horizon_months: 1}
run: {replications: 2}
"""
TWO_MONTHS = ("--since", "2024-09-01", "--until", "2024-11-01")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("past"), TEXT)


def printed(*arguments: object) -> str:
    done = run.invoke(app, ["hindsight", *map(str, arguments)], env={"COLUMNS": "110"})
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object, status: int = BAD_INPUT) -> str:
    done = run.invoke(app, ["hindsight", *map(str, arguments)])
    assert done.exit_code == status, done.output
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_tables_say_what_each_choice_would_have_cost(file: Path) -> None:
    text = printed(file, *TWO_MONTHS)
    table = rows(text)
    assert text.lstrip().startswith("Alias and mini: 2024-09-01 to 2024-10-31 in hindsight, USD\n")
    # 30 + 1 days at 8.00 USD and 30 at 4.50; the mini has 1,000 x 0.15 + 200 x 0.60 = 0.27 a day throughout.
    assert ["alias", "2024-09-01", "to", "2024-10-31", "383.00", "383.00", "6.279"] in table
    assert ["mini", "2024-09-01", "to", "2024-10-31", "16.47", "16.47", "0.2700"] in table
    assert ["alias", "383.00", "383.00", "+366.53", "none", "given"] in table
    assert ["2024-10-02", "alias", "input", "of", "gpt-4o", "5.00", "2.50", "152.19", "76.09"] in table
    assert ["2024-10-02", "alias", "output", "of", "gpt-4o", "15.00", "10.00", "91.31", "60.88"] in table
    assert ["all", "that", "follows", "the", "traffic", "243.50", "136.97"] in table
    assert ["2024-09", "240.00", "8.10"] in table
    assert ["2024-10", "143.00", "8.37"] in table
    assert "Best in hindsight: mini at 16.47 USD (invoiced cost, 2024-09-01 to 2024-10-31); " in text
    assert "day: announced (from memory); confidence medium" in " ".join(text.split())


def test_months_before_and_after_a_strategy_are_named(file: Path, tmp_path: Path) -> None:
    later = write_scenario(tmp_path, TEXT.replace("model: gpt-4o-mini,", "model: o1-mini,").replace(
        "finance: {horizon_months: 1}", "start: 2025-01-01\nfinance: {horizon_months: 1}"))  # fmt: skip
    table = rows(printed(later, "--since", "2024-08-01", "--until", "2026-01-01"))
    assert ["2024-08", "248.00", "not", "yet"] in table
    assert ["2025-11", "135.00", "ended"] in table


def test_the_document_and_the_csv_hold_every_digit(file: Path, tmp_path: Path) -> None:
    document, months = tmp_path / "past.json", tmp_path / "months.csv"
    printed(file, *TWO_MONTHS, "--json", document, "--csv", months)
    told = json.loads(document.read_text(encoding="utf-8"))
    assert told["strategies"]["alias"]["cost"]["invoiced"]["usd"] == "383"
    assert told["together"]["best"] == "mini"
    assert told["together"]["strategies"]["alias"]["regret"]["invoiced"]["usd"] == "366.53"
    assert told["strategies"]["alias"]["change_days"] == [
        {"day": "2024-10-02", "mean_month_before_usd": "243.5", "mean_month_after_usd": "136.96875"}
    ]
    amounts = [Decimal(row["amount_usd"]) for row in told["ledger"] if row["strategy"] == "alias"]
    assert sum(amounts) == Decimal(383)
    with months.open(encoding="utf-8") as lines:
        found = list(csv.DictReader(lines))
    assert found[0] == {
        "strategy": "alias",
        "month": "2024-09",
        "first_day": "2024-09-01",
        "day_after_last": "2024-10-01",
        "invoiced_usd": "240",
        "economic_usd": "240",
    }
    assert [row["invoiced_usd"] for row in found] == ["240", "143", "8.1", "8.37"]


def test_json_alone_on_stdout(file: Path) -> None:
    done = run.invoke(app, ["hindsight", str(file), *TWO_MONTHS, "--json", "-"])
    assert json.loads(done.stdout)["since"] == "2024-09-01"
    assert "in hindsight, USD" in done.stderr


def test_bad_days_and_successors_end_with_all_problems(file: Path) -> None:
    told = refused(file, "--since", "2024-13-01", "--until", "then")
    assert told == (
        "since: got '2024-13-01'; allowed: a date, YYYY-MM-DD until: got 'then'; allowed: a date, YYYY-MM-DD "
        "2 problems in what was asked of the past; nothing was run."
    )
    told = refused(file, *TWO_MONTHS, "--successor", "gpt-4o=gpt-5")
    assert told.startswith(
        "successor: gpt-4o=gpt-5: no strategy uses a model gpt-4o that retires between 2024-09-01"
    )
    assert "'gpt-4o' is not MODEL=MODEL" in refused(file, *TWO_MONTHS, "--successor", "gpt-4o", status=USAGE)
    assert "No strategy could have been run from 2023-01-01" in refused(
        file, "--since", "2023-01-01", "--until", "2024-01-01"
    )


def test_an_unknown_model_is_named_before_anything_is_run(tmp_path: Path) -> None:
    wrong = write_scenario(tmp_path, TEXT.replace("model: gpt-4o,", "model: gpt-4p,"))
    assert "deployments.alias.model: got 'gpt-4p'; not in the catalogue" in refused(wrong, *TWO_MONTHS)
