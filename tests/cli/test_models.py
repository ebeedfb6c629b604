"""`planner models`: the list and the comparison show the catalogue's figures, and say where they come from."""

import re
from datetime import date
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from planner import catalogue
from planner.catalogue.tokens import image_tokens
from planner.cli import app
from planner.cli.models import compared, in_order, listed, sources
from tests.cli.command import planner

OMNI, MINI = "gpt-4o-2024-11-20", "gpt-4o-mini-2024-07-18"
LATE_2024 = date(2024, 12, 1)
run = CliRunner()


def cells(text: str, label: str) -> list[str]:
    """Cells of the line that starts with a label, split where two blanks stand."""
    line = next(line for line in text.splitlines() if line.startswith(label))
    return re.split(r"\s{2,}", line.strip())[1:]


def test_list_shows_every_model_with_price_window_and_retirement() -> None:
    found = planner("models", "--on", "2024-12-01", COLUMNS="140")
    assert found.returncode == 0
    names = [line.split()[0] for line in found.stdout.splitlines()[2:] if line and not line[0].isdigit()]
    assert {catalogue.model(name).name for name in catalogue.names()} == set(names)
    assert len(names) == len(set(names))
    assert cells(found.stdout, OMNI) == [
        "omni", "openai", "text, vision", "text", "128,000", "2.50", "10.00", "2027-01-14",
    ]  # fmt: skip
    narrow = run.invoke(app, ["models", "--on", "2024-12-01"], env={"COLUMNS": "80"}).stdout
    assert cells(narrow, MINI) == ["mini", "128,000", "0.15", "0.60", "2027-01-14"]


def test_price_follows_the_day() -> None:
    may, november = (
        run.invoke(app, ["models", "--on", day], env={"COLUMNS": "80"}).stdout
        for day in ("2024-05-20", "2024-12-01")
    )
    assert cells(may, "gpt-4o ")[2:4] == ["5.00", "15.00"]
    assert cells(november, "gpt-4o ")[2:4] == ["2.50", "10.00"]
    assert cells(may, OMNI)[2:4] == ["–", "–"]


def test_provider_lists_only_what_it_sells_at_its_prices() -> None:
    rows = listed("azure", date(2026, 11, 12))
    assert {row["provider"] for row in rows} == {"azure"}
    assert all("azure" in row["providers"] for row in rows)
    found = run.invoke(app, ["models", "--provider", "azure", "--on", "2026-11-12"], env={"COLUMNS": "80"})
    assert cells(found.stdout, "gpt-4-turbo-2024-04-09")[2:4] == ["11.00", "33.00"]
    everywhere = run.invoke(app, ["models", "--on", "2026-11-12"], env={"COLUMNS": "80"})
    assert cells(everywhere.stdout, "gpt-4-turbo-2024-04-09")[2:4] == ["10.00", "30.00"]


def test_unknown_model_and_provider_are_told_with_what_is_near() -> None:
    for arguments, hint in ((["gpt-4o-mni"], "gpt-4o-mini"), (["--provider", "opnai"], "openai")):
        found = run.invoke(app, ["models", *arguments])
        assert found.exit_code == 1
        assert f"did you mean {hint}" in found.stderr
        assert found.stdout == ""


def test_comparison_stands_side_by_side_with_tags() -> None:
    text = planner("models", OMNI, MINI, "--on", "2024-12-01").stdout
    assert cells(text, "context, tokens") == ["128,000", "128,000"]
    assert cells(text, "input price") == ["2.50", "0.15"]
    assert cells(text, "cached input price") == ["1.25", "0.075"]
    assert cells(text, "output price") == ["10.00", "0.60"]
    assert cells(text, "batch output price") == ["5.00", "0.30"]
    assert cells(text, "score mmlu") == ["85.7 % measured", "82.0 % measured"]
    assert cells(text, "ability") == ["2.11 estimate", "1.80 estimate"]
    assert cells(text, "parameters") == ["– absent", "– absent"]
    assert cells(text, "runs on") == ["api", "api"]
    assert cells(text, "retirement") == ["2027-01-14", "2027-01-14"]
    assert cells(text, "TTFT, s") == ["0.555 estimate", "0.590 measured"]


def test_photo_costs_more_on_mini_than_on_omni() -> None:
    rows = {
        row["model"]: row
        for row in compared([OMNI, MINI], LATE_2024)
        if row["measure"].startswith("price of a")
    }
    # 765 tokens at 2.50 and 25,501 at 0.15 USD per million
    assert rows[OMNI]["value"] == Decimal("0.0019125")
    assert rows[MINI]["value"] == Decimal("0.00382515")
    assert image_tokens(MINI, 1024, 1024) == 25501


def test_model_without_images_has_no_price_of_one() -> None:
    row = next(row for row in compared(["o1-mini"], LATE_2024) if row["measure"].startswith("price of a"))
    assert row["value"] is None
    assert row["kind"] == "absent"


def test_measures_that_only_some_models_have_keep_their_place() -> None:
    rows = [
        {"model": model, "measure": measure}
        for model, measures in (("a", "abz"), ("b", "abcz"))
        for measure in measures
    ]
    assert in_order(rows) == ["a", "b", "c", "z"]


def test_every_figure_has_its_source_listed_below() -> None:
    rows = compared([OMNI, MINI], LATE_2024)
    text = "\n".join(sources(rows))
    for row in rows:
        if row["value"] is not None:
            assert row["source"] in text
    printed = re.sub(r"\s+", "", planner("models", OMNI, MINI, "--on", "2024-12-01").stdout)
    assert all(re.sub(r"\s+", "", line) in printed for line in sources(rows))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize(
    "arguments", [[], ["gpt-4o-audio-preview-2024-12-17", OMNI, MINI, "llama-3.1-8b-instruct"]]
)
def test_nothing_is_cut_off_at_any_width(width: int, arguments: list[str]) -> None:
    found = run.invoke(app, ["models", *arguments], env={"COLUMNS": str(width)})
    assert found.exit_code == 0
    assert max(map(len, found.stdout.splitlines())) <= width
    assert "…" not in found.stdout
    squeezed = re.sub(r"\s+", "", found.stdout)
    for name in arguments:
        assert name in squeezed
