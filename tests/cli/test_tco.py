"""`planner tco`: what it prints, the files it writes, and what it refuses."""

import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import planner
from planner.cli import app
from planner.cli.ending import BAD_INPUT
from planner.finance import usd
from planner.finance.ledger import total_of
from planner.finance.ledger_files import totals_of_csv
from tests.cli.command import SCENARIO, write_scenario

run = CliRunner()
TEXT = SCENARIO.replace(
    "  transfer_usd_per_gb: 0.09\n",
    "  transfer_usd_per_gb: 0.09\n  owners: [{of: tasks, name: Product}]\n"
    "  sign_off: {prepared_by: Ann, reviewed_by: Cleo, on: 2026-12-01}\n",
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("tco"), TEXT)


def test_the_statement_names_totals_years_units_and_who_signed(file: Path) -> None:
    done = run.invoke(app, ["tco", str(file), "--assumptions"], env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    text = done.stdout
    found = planner.compare(planner.load(file))
    for name in found.strategies:
        total = found.results[name].ledger.total()
        assert usd(total, "") in text
        assert usd(found.results[name].tco.economic_npv_usd, "") in text
    for part in (
        "Prepared by Ann.",
        "Reviewed by Cleo on 2026-12-01.",
        "2027 (2 months of it)",
        "per right answer",
        "Difference 0.00",
        "Product",
        "nobody named",
        "Not included",
    ):
        assert part in text, part


def test_the_ledger_is_written_in_both_formats(file: Path, tmp_path: Path) -> None:
    text, table, document = (tmp_path / name for name in ("l.csv", "l.parquet", "s.json"))
    done = run.invoke(app, ["tco", str(file), "--ledger", str(text), "--json", str(document)])
    assert done.exit_code == 0, done.output
    assert run.invoke(app, ["tco", str(file), "--ledger", str(table)]).exit_code == 0
    rows = pd.read_parquet(table)
    told = json.loads(document.read_text())
    for name, total in totals_of_csv(text.read_text()).items():
        assert total == total_of(rows.loc[rows["strategy"] == name, "amount_usd"])
        assert total == total_of(Decimal(row[name]) for row in told["accounts"])


def test_another_ending_is_refused_before_anything_runs(file: Path, tmp_path: Path) -> None:
    done = run.invoke(app, ["tco", str(file), "--ledger", str(tmp_path / "l.xlsx")])
    assert done.exit_code == BAD_INPUT
    assert "allowed: a file that ends in .csv or .parquet" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []
    done = run.invoke(app, ["tco", str(file), "--ledger", str(tmp_path / "no" / "l.csv")])
    assert done.exit_code == BAD_INPUT
    assert "there is no folder" in " ".join(done.stderr.split())
