"""`planner bill`: what it prints, the same as JSON, and what it refuses."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import planner
from planner.cli import app
from planner.cli.billing import _digits
from planner.cli.ending import BAD_INPUT, USAGE
from tests.cli.command import SCENARIO, write_scenario

run = CliRunner()
TEXT = SCENARIO.replace(
    "sessions: {turns_mean: 4, think_time_s: 5}",
    "sessions: {turns_mean: 4, think_time_s: 5}, growth_per_month: 0.02",
).replace(
    "policy: {retries: 1, breaker: null}\n",
    "policy: {retries: 1, breaker: null}\ngateway: {kind: unified, fee: 0.055}\n",
)
FEBRUARY = ("--strategy", "hybrid", "--month", "2027-02")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("bills"), TEXT)


@pytest.fixture(scope="module")
def found(file: Path) -> planner.Bill:
    return planner.bill(planner.load(file), "hybrid", "2027-02")


def printed(*arguments: object) -> str:
    done = run.invoke(app, ["bill", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object, status: int = BAD_INPUT) -> str:
    done = run.invoke(app, ["bill", *map(str, arguments)])
    assert done.exit_code == status, done.output
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def test_the_command_prints_every_line_step_and_the_ledger(file: Path, found: planner.Bill) -> None:
    text = printed(file, *FEBRUARY)
    lines = text.splitlines()
    assert lines[0] == "Small: hybrid in 2027-02, USD"
    assert text.count(" x 2.00 per million = ") >= 2
    # 28 days of a million requests a mean month, 2 % more, three quarters of them faq, a quarter of which to omni
    requests = Fraction(1_000_000 * 28 * 86_400, 2_629_800) * Fraction("1.02") * Fraction("0.75")
    assert f"  faq on omni, api/input: {float(requests):,.6f} x 0.25 x " in text
    for step in found.steps:
        (line,) = [one for one in lines if one.startswith(f"  {step.name:<44}")]
        assert line.endswith(f"{step.total_usd:,.2f}")
    assert f"\nTo the last digit: {planner.finance.plain(found.ledger_usd)} USD\n" in text
    difference = next(line for line in lines if line.startswith("Difference"))
    assert difference.split() == ["Difference", "0.00"]
    assert {"turns never asked", "requests that failed", "context resent", "gateway fee", "transfer"} <= {
        step.name for step in found.steps
    }


def test_a_short_bill_has_sums_only(file: Path, found: planner.Bill) -> None:
    text = printed(file, *FEBRUARY, "--short")
    assert " per million = " not in text
    assert len([line for line in text.splitlines() if line.startswith("  ")]) == len(found.steps) + 3 + 2


def test_an_account_has_its_own_bill(file: Path, found: planner.Bill) -> None:
    text = printed(file, *FEBRUARY, "--account", "api/output")
    assert text.startswith("Small: hybrid in 2027-02, account api/output, USD\n")
    assert "api/input" not in text
    assert "Paid without any request" not in text
    people = printed(file, *FEBRUARY, "--account", "people")
    assert "  people: 0.1 FTE-month x 10,000 = 1,000.00\n" in people
    assert "By pocket calculator" not in people


def test_a_month_without_the_account_says_so(file: Path) -> None:
    text = printed(file, *FEBRUARY, "--account", "one-time")
    assert "There is nothing in it: no request is planned and no row stands in the ledger." in text
    assert text.endswith("To the last digit: 0 USD\n")


def test_the_json_document_is_the_bill(file: Path, found: planner.Bill, tmp_path: Path) -> None:
    done = run.invoke(app, ["bill", str(file), *FEBRUARY, "--json", "-"])
    assert done.exit_code == 0
    document: dict[str, Any] = json.loads(done.stdout)
    assert document == found.to_dict()
    assert "Ledger" in done.stderr
    target = tmp_path / "bill.json"
    run.invoke(app, ["bill", str(file), *FEBRUARY, "--json", str(target)])
    assert json.loads(target.read_text(encoding="utf-8")) == document


def test_figures_of_the_scenario_can_be_set(file: Path) -> None:
    text = printed(file, *FEBRUARY, "--set", "models.our-large.input_usd_per_mtok=4", "--replications", "1")
    assert " x 4.00 per million = " in text
    assert " x 2.00 per million = " not in text


def test_unknown_strategies_months_and_accounts_are_named_with_what_there_is(file: Path) -> None:
    assert refused(file, "--strategy", "hybird", "--month", "2027-01") == (
        "strategy: got 'hybird'; allowed: omni-only, mini-only, hybrid; did you mean hybrid?"
    )
    assert refused(file, "--strategy", "hybrid", "--month", "2027-03") == (
        "month: got '2027-03'; allowed: 2027-01 to 2027-02, the months of the plan"
    )
    text = refused(file, *FEBRUARY, "--account", "api/inpt")
    assert text.startswith(
        "account: got 'api/inpt'; allowed of hybrid: one-time, api, api/input, api/output, "
    )
    assert text.endswith("; did you mean api/input?")


def test_strategies_and_months_are_refused_before_anything_is_simulated(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simulated(*_: object, **__: object) -> None:
        raise AssertionError("simulated")

    monkeypatch.setattr("planner.experiments.billing.compare", simulated)
    refused(file, "--strategy", "none", "--month", "2027-01")
    refused(file, "--strategy", "hybrid", "--month", "2026-12")


def test_wrong_use_is_told(file: Path, tmp_path: Path) -> None:
    assert "Missing option '--month'" in refused(file, "--strategy", "hybrid", status=USAGE)
    assert "'quick' is not one of compiled, reference" in refused(
        file, *FEBRUARY, "--engine", "quick", status=USAGE
    )
    assert "no folder" in refused(file, *FEBRUARY, "--json", tmp_path / "none" / "bill.json")


def test_digits_are_shown_to_six_places() -> None:
    assert _digits(Decimal("123456789012345678901234567890.1234567")) == (
        "123,456,789,012,345,678,901,234,567,890.123457"
    )
    assert _digits(Decimal("0")) == "0"
    assert _digits(Decimal("-1200")) == "-1,200"
