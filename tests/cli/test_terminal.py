"""The report of `planner compare`: its figures are those of the document, at every width of a terminal."""

import io
import pickle
import re
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import planner as api
from planner.cli.report import Cell, growth_in_words, money_rows, show
from planner.scenario.demand import Traffic
from tests.cli.command import planner, write_scenario
from tests.cli.conftest import Compared

if TYPE_CHECKING:
    from planner.api import Comparison

NAMES = ["omni-only", "mini-only", "hybrid"]
WIDTHS = (40, 60, 80, 100, 120, 200)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> "Comparison":
    return api.compare(api.load(write_scenario(tmp_path_factory.mktemp("terminal"))))


def report(comparison: "Comparison", width: int, **options: Any) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        **{"no_color": True} | options,
    )
    show(comparison, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cents(text: str) -> str:
    """A decimal as people read it: rounded half-even to cents, thousands separated."""
    return f"{Decimal(text).quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"


def row(text: str, section: str, label: str) -> list[str]:
    """Cells of the row with a label after the line that starts with `section`."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(section))
    line = next(line for line in lines[start + 1 :] if re.match(rf"{re.escape(label)}\s", line))
    return line.removeprefix(label).split()


def test_totals_are_those_of_the_document(compared: Compared) -> None:
    strategies = compared.document["strategies"].values()
    for section, kind in (("Invoiced cost", "tco_usd"), ("Economic cost, USD", "economic_tco_usd")):
        for label, key in (("total", "total"), ("net present value", "npv")):
            expected = [cents(one[kind][key]["value"]) for one in strategies]
            assert row(compared.report, section, label) == expected


def test_accounts_are_sums_of_the_ledger_rows_and_end_in_the_totals(compared: Compared) -> None:
    ledgers = [one["ledger"] for one in compared.document["strategies"].values()]
    for account in {entry["account"] for entry in ledgers[0]}:
        sums = [
            sum((Decimal(entry["amount_usd"]) for entry in ledger if entry["account"] == account), Decimal(0))
            for ledger in ledgers
        ]
        assert row(compared.report, "Total cost over 2 months", account) == [cents(str(one)) for one in sums]
    strategies = compared.document["strategies"].values()
    for label, kind in (("total invoiced", "tco_usd"), ("total economic", "economic_tco_usd")):
        expected = [cents(one[kind]["total"]["value"]) for one in strategies]
        assert row(compared.report, "Total cost over 2 months", label) == expected


def test_measures_are_those_of_the_document(compared: Compared) -> None:
    strategies = list(compared.document["strategies"].values())
    for label, statistic in (("mean", "mean"), ("p50", "p50"), ("p95", "p95"), ("p99", "p99")):
        shown = [float(cell) for cell in row(compared.report, "Latency, s", label)]
        assert shown == pytest.approx([one["latency_s"][statistic]["value"] for one in strategies], rel=0.005)
    shown = [float(cell) for cell in row(compared.report, "Quality", "accuracy") if cell != "%"]
    assert shown == pytest.approx([100 * one["accuracy"]["value"] for one in strategies], abs=0.051)
    shown = [float(cell) for cell in row(compared.report, "Reliability", "goodput, requests/s")]
    assert shown == pytest.approx([one["goodput_per_s"]["value"] for one in strategies], rel=0.005)


def test_mean_stands_beside_p50_and_p95_of_tokens(compared: Compared) -> None:
    strategies = compared.document["strategies"].values()
    for what in ("input", "output"):
        for statistic in ("mean", "p50", "p95"):
            shown = [
                int(cell.replace(",", "")) for cell in row(compared.report, "Tokens", f"{what}, {statistic}")
            ]
            assert shown == [
                round(one[f"{what}_tokens_per_request"][statistic]["value"]) for one in strategies
            ]


def test_failures_are_shown_by_cause_and_one_that_never_happened_is_none(compared: Compared) -> None:
    cells = row(compared.report, "Reliability", "failed, provider-error")
    omni = compared.document["strategies"]["omni-only"]["failed_share"]["provider-error"]["value"]
    assert float(cells[0]) == pytest.approx(100 * omni, abs=0.051)
    assert cells[1] == "%"
    assert "provider-error" not in compared.document["strategies"]["mini-only"]["failed_share"]
    assert cells[2] == "none"


def test_answer_findings_notices_volume_and_basis_are_said(compared: Compared) -> None:
    text = " ".join(compared.report.split())
    document = compared.document
    assert " ".join(document["answer"].split()) in text
    assert all(" ".join(one["text"].split()) in text for one in document["findings"])
    assert all(re.sub(r"\s+", "", one) in re.sub(r"\s+", "", compared.report) for one in document["notices"])
    assert "1,000,000 requests a month (user turns) in 250,000 conversations" in text
    assert (
        f"simulated in 3 windows per strategy; engine compiled; seed 11; hash {document['scenario']['hash'][:12]}"
        in text
    )
    assert f"represented by {document['simulated_requests']:,} simulated" in text
    assert "sampling error only" in text


def test_difference_rows_are_gaps_of_the_shown_totals(compared: Compared) -> None:
    totals = [one["tco_usd"]["total"]["value"] for one in compared.document["strategies"].values()]
    base, *others = map(Decimal, totals)
    cells = row(compared.report, "Minus omni-only", "invoiced total, USD")
    assert cells == ["baseline", *(cents(str(one - base)) for one in others)]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_at_any_width(comparison: "Comparison", width: int) -> None:
    text = report(comparison, width)
    lines = text.splitlines()
    # What is to be pasted is not broken.
    assert max(len(line) for line in lines if not line.startswith(("  fix: ", "  or: "))) <= width
    assert not any("…" in line for line in lines)
    for name in NAMES:
        tco = comparison.results[name].tco
        for amount in (tco.invoiced_usd, tco.economic_usd, tco.invoiced_npv_usd, tco.economic_npv_usd):
            assert re.search(rf"(?<!\S){re.escape(cents(str(amount)))}(?!\S)", text), (name, amount)
        p95 = f"{comparison.results[name].estimates['', 'latency_p95_s'].value:.2f}"
        assert re.search(rf"(?<!\S){p95}(?!\S)", text)


def test_strategies_stand_side_by_side_from_80_columns_on(comparison: "Comparison") -> None:
    assert any(line.split() == NAMES for line in report(comparison, 80).splitlines())
    assert not any(line.split() == NAMES for line in report(comparison, 60).splitlines())


def test_colours_change_no_character(comparison: "Comparison") -> None:
    coloured = report(comparison, 80, force_terminal=True, no_color=False, color_system="standard")
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == report(comparison, 80)


def test_missed_target_has_a_symbol_and_a_word(comparison: "Comparison") -> None:
    missing = api.compare(comparison.scenario.set({"slo.accuracy": 0.7, "run.replications": 2}))
    text = report(missing, 100)
    assert re.search(r"mini-only +accuracy at least 70.0 % +6\d\.\d % +✗ missed", text)
    assert re.search(r"omni-only +accuracy at least 70.0 % +8\d\.\d % +✓ met", text)
    assert "✗ misses 1 of 2" in text


def test_unknown_figures_are_a_dash_with_the_reason(comparison: "Comparison") -> None:
    unrated = api.compare(
        comparison.scenario.set(
            {"tasks.faq.accuracy": {}, "tasks.account.accuracy": {}, "slo": {}, "run.replications": 2}
        )
    )
    text = report(unrated, 120)
    assert row(text, "Quality", "accuracy") == ["–", "–", "–"]
    assert row(text, "Invoiced cost", "per correct answer") == ["–", "–", "–"]
    first = next(one for one in money_rows(unrated) if one.label == "per correct answer")
    assert first.cells[0] == Cell("–", "100.0% of the answers are not rated")
    assert "None given" in text


def test_terminal_without_unicode_gets_ascii(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    found = planner("compare", file, "--replications", 2, PYTHONIOENCODING="ascii")
    assert found.returncode == 0, found.stderr
    assert found.stdout.isascii()
    assert "+ met" in found.stdout
    assert "?" not in found.stdout.replace("Which one?", "")
    lines = [line for line in found.stdout.splitlines() if not line.startswith(("  fix: ", "  or: "))]
    assert max(map(len, lines)) <= 80


def test_piped_report_has_no_control_characters(compared: Compared) -> None:
    assert "\x1b" not in compared.report
    assert "\r" not in compared.report
    assert "Simulating" not in compared.report


def test_comparison_with_its_tables_can_be_pickled_and_shown_again(comparison: "Comparison") -> None:
    assert report(pickle.loads(pickle.dumps(comparison)), 80) == report(comparison, 80)


def test_wasted_money_is_shown_by_cause_and_adds_up_to_the_rows_of_waste(compared: Compared) -> None:
    strategies = list(compared.document["strategies"].values())
    causes = {cause for one in strategies for cause in one["wasted_usd"]["by_cause"]}
    if not causes:
        assert "all wasted" not in compared.report
        return
    for cause in causes:
        told = [one["wasted_usd"]["by_cause"].get(cause) for one in strategies]
        assert row(compared.report, "Wasted", cause) == [
            cents(one["value"]) if one else "none" for one in told
        ]
    totals = [one["wasted_usd"]["total"]["value"] for one in strategies]
    assert row(compared.report, "Wasted", "all wasted") == [cents(one) for one in totals]


def test_failed_requests_of_a_window_are_numbers_by_cause(compared: Compared) -> None:
    strategies = list(compared.document["strategies"].values())
    shown = row(compared.report, "Mean of a window", "failed, provider-error")
    expected = [one["failed_requests"].get("provider-error", 0) for one in strategies]
    assert [float(cell) for cell in shown] == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize(
    ("traffic", "told"),
    [
        ({}, []),
        ({"growth_per_month": 0.03}, ["+3 % each month"]),
        (
            {"growth_per_year": 0.5, "saturation_requests_per_month": 4e6},
            ["+50 % each year", "at most 4 million a month"],
        ),
        # 365.25 / (365.25 + 31) of the mean but in December, which has twice that
        ({"seasons": {"december": 2}}, ["seasons from 0.922 (January) to 1.84 (December)"]),
    ],
)
def test_growth_and_seasons_are_told_in_words(traffic: dict[str, Any], told: list[str]) -> None:
    assert list(growth_in_words(Traffic(requests_per_month=1e6, **traffic))) == told


def test_near_misses_exclusions_and_fixes_are_said_and_can_be_pasted(comparison: "Comparison") -> None:
    missing = api.compare(comparison.scenario.set({"slo.accuracy": 0.7, "run.replications": 2}))
    text = report(missing, 60)
    read = " ".join(text.split())
    assert "Near misses - mini-only meets everything but accuracy, by" in read
    assert "Excluded - mini-only is excluded: accuracy 6" in read
    assert "To spare - omni-only passes with" in read
    for one in missing.findings:
        assert " ".join(one.text.split()) in read
        for fix in missing.fixes(one):
            assert " ".join(fix.words.split()) in read
            if fix.kind != "search":
                assert any(line.endswith(" ".join(fix.options)) for line in text.splitlines())


def test_a_near_miss_is_not_said_twice(comparison: "Comparison") -> None:
    missing = api.compare(comparison.scenario.set({"slo.accuracy": 0.7, "run.replications": 2}))
    assert report(missing, 200).count("meets everything but accuracy") == 1


def test_without_targets_it_is_said_what_to_set(comparison: "Comparison") -> None:
    free = api.compare(comparison.scenario.set({"slo": {}, "run.replications": 2}))
    assert "Set slo.p95_latency_s, slo.p95_ttft_s" in " ".join(report(free, 80).split())
