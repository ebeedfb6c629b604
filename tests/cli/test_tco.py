"""`planner tco`: what it prints, the files it writes, and what it refuses."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import planner
from planner.cli import app, tco_views
from planner.cli.doubts import closest
from planner.cli.ending import BAD_INPUT
from planner.experiments.statement import statement
from planner.experiments.uncertainty import uncertainty
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
        "2027, in part",
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


def test_views_beside_the_bill_are_shown_where_the_scenario_has_them(tmp_path: Path) -> None:
    text = TEXT.replace("accuracy: {our-large: 0.9, our-small: 0.7}", "accuracy: {our-large: 0.9, our-small: 0.7}\n    value_usd: 0.05").replace(
        "finance:\n",
        "currency: EUR\nfinance:\n  exchange: {usd_per_unit: 1.25, as_of: 2026-11-20, source: a bank}\n"
        "  baseline: {name: By hand, usd_per_request: 0.02}\n  depreciation_years: 1\n  fiscal_year_starts: 2\n",
    )  # fmt: skip
    file = write_scenario(tmp_path, text)
    document = tmp_path / "s.json"
    done = run.invoke(
        app, ["tco", str(file), "--draws", "0", "--json", str(document)], env={"COLUMNS": "140"}
    )
    assert done.exit_code == 0, done.output
    told = json.loads(document.read_text())
    found = planner.compare(planner.load(file))
    for name in found.strategies:
        ledger = found.results[name].ledger
        # in another currency: the total over the rate
        total = ledger.total() / Decimal("1.25")
        assert usd(total, " EUR") in done.stdout
        assert abs(Decimal(told["currency"]["totals"][name]["economic"]) - total) < Decimal("1e-20")
        # today: a fiftieth of a dollar for every planned request
        today = ledger.expected("planned") * Decimal("0.02")
        assert Decimal(told["value"][name]["baseline_usd"]) == today
        assert Decimal(told["value"][name]["economic"]["saving_usd"]) == today - ledger.total()
        # worth: five cents for every right answer to faq, and to nothing else
        right = total_of(one.right for one in ledger.volumes if one.task == "faq")
        assert Decimal(told["value"][name]["value_usd"]) == right * Decimal("0.05")
        # the accounting view: 1,000 USD over twelve months, two of which the plan covers
        written_off = total_of(Decimal(row["depreciation_usd"]) for row in told["accounting"][name])
        assert abs(written_off - Decimal(1000) * 2 / 12) < Decimal("1e-9")
    assert [row["fiscal_year"] for row in told["years"] if row["strategy"] == "hybrid"] == [
        "FY2027",
        "FY2028",
    ]
    for part in (
        "In EUR",
        "1 EUR = 1.25 USD on 2026-11-20 (a bank)",
        "By hand",
        "payback",
        "Accounting view",
        "kg CO2e",
    ):
        assert part in done.stdout, part
    assert told["uncertainty"] is None


def test_draws_give_budgets_and_odds_and_a_wrong_number_of_them_is_refused(
    file: Path, tmp_path: Path
) -> None:
    document = tmp_path / "s.json"
    done = run.invoke(
        app, ["tco", str(file), "--draws", "256", "--json", str(document)], env={"COLUMNS": "140"}
    )
    assert done.exit_code == 0, done.output
    told = json.loads(document.read_text())["uncertainty"]
    assert told["draws"] == 256
    assert "How sure: 256 draws" in done.stdout
    assert "P95, the 95 % budget" in done.stdout
    odds = [row["among_all"] for row in told["cheapest"]]
    assert sum(odds) == pytest.approx(1)
    for row in told["budget"]:
        assert row["p10"] <= row["p50"] <= row["p80"] <= row["p95"] <= row["cvar95"] + 1e-9
    done = run.invoke(app, ["tco", str(file), "--draws", "1000"])
    assert done.exit_code == BAD_INPUT
    assert "--draws: got 1000; allowed: 0 or a power of two" in " ".join(done.stderr.split())


def test_a_strategy_whose_energy_is_known_gets_no_reason(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (f"no figure of energy is known for {model}" for model in "xy")
    rows = {"a": {"unknown": float("nan")}, "b": {"unknown": None}, "c": {"unknown": f"{first}; {second}"}}
    monkeypatch.setattr(tco_views, "_footprints", lambda made: rows)
    made = statement(planner.compare(planner.load(file)))
    assert [*tco_views.footprint_reasons(made)] == [f"c: {first}", f"c: {second}"]


def test_the_difference_shown_is_to_a_strategy_that_may_be_chosen(file: Path) -> None:
    found = uncertainty(planner.compare(planner.load(file)), draws=64)
    answer = found.strategies[0]
    gaps = {
        name: abs(one[found.objective] - found.expected[answer][found.objective])
        for name, one in found.expected.items()
    }
    near, far = sorted(found.strategies[1:], key=lambda name: gaps[name])
    assert closest(replace(found, passing=found.strategies), answer) == (answer, near)
    assert closest(replace(found, passing=(answer, far)), answer) == (answer, far)
    assert closest(replace(found, passing=(answer,)), answer) == (answer, near)


def test_what_knowing_is_worth_counts_only_strategies_that_may_be_chosen(file: Path) -> None:
    from dataclasses import replace

    from planner.cli.doubts import closest, worth_of_knowing
    from planner.experiments.uncertainty import uncertainty

    found = uncertainty(planner.compare(planner.load(file)), draws=256)
    assert len(found.strategies) == 3
    table = found.information.set_index("input")
    everyone = replace(found, passing=())
    told = worth_of_knowing(everyone)
    assert told is not None
    assert told[0] == ("", table.loc["", "usd"])
    # the same costs with omni-only ruled out: by hand, the mean of the cheaper of two below the cheaper mean
    two = ("mini-only", "hybrid")
    among = worth_of_knowing(replace(found, passing=two))
    costs = found.totals(two)
    assert among is not None
    assert among[0][1] == pytest.approx(costs.mean(axis=0).min() - costs.min(axis=1).mean())
    assert worth_of_knowing(replace(found, passing=("hybrid",))) is None
    assert closest(replace(found, passing=two), "hybrid") == ("hybrid", "mini-only")


def test_lines_on_depreciation_and_energy_say_what_their_tables_hold(tmp_path: Path) -> None:
    from datetime import date

    from planner.cli.tco_views import accounting_lines, footprint_reasons, footprint_rows
    from planner.experiments.statement import statement

    text = TEXT.replace("finance:\n", "finance:\n  depreciation_years: 1\n").replace(
        "our-large: {input_usd_per_mtok: 2,",
        "our-large: {joules_per_output_token: 0.36, input_usd_per_mtok: 2,",
    )
    made = statement(planner.compare(planner.load(write_scenario(tmp_path, text))), date(2026, 11, 28))
    lines = list(accounting_lines(made))
    assert lines[0].startswith(
        "omni-only: 1,000.00 USD paid for things that last, 166.67 USD of it written off within the plan, 833.33 USD still"
    )
    kwh = next(row for row in footprint_rows(made) if row.label == "kWh per 1,000 requests")
    total = made.comparison.footprint("omni-only")[-1].kwh_per_1k
    assert total is not None
    assert kwh.cells[0].value == f"{total.central:.3g}"
    assert [cell.value for cell in kwh.cells[1:]] == ["–", "–"]  # nobody knows what the small one draws
    assert [one.partition(":")[0] for one in footprint_reasons(made)] == ["mini-only, hybrid"]
