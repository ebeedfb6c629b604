"""What the documentation shows is what happens: its commands and examples are run, its links exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import planner
from planner import tables
from planner.finance.horizon import ACCOUNT_ORDER
from scripts.field_reference import reference

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "docs/break-even.md",
    "docs/drills.md",
    "docs/findings.md",
    "docs/gateways.md",
    "docs/hand-check.md",
    "docs/hindsight.md",
    "docs/how-it-counts.md",
    "docs/own-scenarios.md",
    "docs/replay.md",
    "docs/scenario-language.md",
    "docs/sharing.md",
    "docs/serving.md",
    "docs/uncertainty.md",
    "docs/tco.md",
    "docs/why-429.md",
)
ANY_LINES = "..."
WHY_429 = (ROOT / "docs" / "why-429.md").read_text(encoding="utf-8")
DRILLS = (ROOT / "docs" / "drills.md").read_text(encoding="utf-8")
GATEWAYS = (ROOT / "docs" / "gateways.md").read_text(encoding="utf-8")
TCO = (ROOT / "docs" / "tco.md").read_text(encoding="utf-8")
BREAK_EVEN = (ROOT / "docs" / "break-even.md").read_text(encoding="utf-8")
HINDSIGHT = (ROOT / "docs" / "hindsight.md").read_text(encoding="utf-8")
FINDINGS = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
REPLAY = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
HAND_CHECK = (ROOT / "docs" / "hand-check.md").read_text(encoding="utf-8")
CONSOLE = re.findall(
    r"```console\n\$ planner (.*?)\n(.*?)```",
    README + WHY_429 + DRILLS + GATEWAYS + HAND_CHECK + HINDSIGHT + BREAK_EVEN + TCO + FINDINGS + REPLAY,
    re.DOTALL,
)


def is_shown(expected: list[str], found: list[str]) -> bool:
    """Whether `found` reads like `expected`, in which "..." stands for any number of lines."""
    if not expected:
        return not found
    if expected[0] == ANY_LINES:
        return any(is_shown(expected[1:], found[skip:]) for skip in range(len(found) + 1))
    return bool(found) and found[0] == expected[0] and is_shown(expected[1:], found[1:])


def test_dots_stand_for_any_number_of_lines() -> None:
    assert is_shown(["a", "...", "c"], ["a", "c"])
    assert is_shown(["a", "...", "c"], ["a", "b", "b", "c"])
    assert not is_shown(["a", "...", "c"], ["a", "b"])
    assert not is_shown(["a"], ["a", "b"])


def test_the_readme_opens_with_the_two_commands() -> None:
    before_the_picture = README.partition("![")[0]
    assert re.findall(r"^    (make \w+)", before_the_picture, re.MULTILINE) == ["make run", "make test"]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "shown"), CONSOLE, ids=[arguments for arguments, _ in CONSOLE])
def test_a_command_in_the_readme_or_on_a_page_prints_what_is_shown(arguments: str, shown: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import llm_traffic_planner; llm_traffic_planner.main()", *arguments.split()],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    found = [line.rstrip() for line in done.stdout.splitlines()]
    assert is_shown(shown.splitlines(), found), done.stdout


def test_the_python_example_in_the_readme_prints_what_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code, shown), *others = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
    assert not others
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == shown


def test_the_readme_lists_every_scenario_with_its_question() -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", README, re.MULTILINE))
    assert set(rows) == {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}
    for name, question in rows.items():
        assert question.startswith(planner.load(ROOT / "scenarios" / f"{name}.yaml").question)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#][^)]*)\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_the_field_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "scenario-language.md").read_text(encoding="utf-8")
    assert written == reference(), "run python scripts/field_reference.py"


def test_the_ten_line_scenario_of_the_field_reference_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", reference(), re.DOTALL)
    file = tmp_path / "ten-lines.yaml"
    file.write_text(example, encoding="utf-8")
    found = planner.compare(planner.load(file), replications=2)
    assert found.answer.startswith("Take mini-only: ")


def test_the_accounts_that_are_explained_are_those_of_the_ledger() -> None:
    page = (ROOT / "docs" / "how-it-counts.md").read_text(encoding="utf-8")
    table = page.partition("| Account |")[2].partition("\n\n")[0]
    explained = {
        name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.partition(" | ")[0])
    }
    found = {
        name.removesuffix("/METER").removesuffix("/CAUSE").removesuffix("/gpu-hours") for name in explained
    }
    assert found == set(ACCOUNT_ORDER)


@pytest.mark.parametrize(
    ("head", "names"), [("| Cause |", tables.CAUSES[1:]), ("| Cause of waste |", tables.WASTES)]
)
def test_every_cause_is_explained(head: str, names: tuple[str, ...]) -> None:
    page = (ROOT / "docs" / "how-it-counts.md").read_text(encoding="utf-8")
    table = page.partition(head)[2].partition("\n\n")[0]
    explained = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert sorted(explained) == sorted(names)


def test_every_code_of_a_finding_stands_in_the_table_with_its_rows_and_whether_something_is_offered() -> None:
    from planner.experiments.fixes import RECIPES
    from planner.experiments.rows import TABLES
    from tests.experiments.test_findings import AGAIN

    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (\w+) \| ?(.*?) ?\|$", FINDINGS, re.MULTILINE)
    assert {code for code, *_ in rows} == set(AGAIN)
    assert {table for _, _, table, _ in rows} <= set(TABLES)
    searched = {"errors-outweigh-the-bill"}
    assert {code for code, _, _, offered in rows if offered} == set(RECIPES) | searched


def test_the_statuses_of_the_table_are_those_of_the_help() -> None:
    from planner.cli.ending import EXIT_STATUS

    rows = re.findall(r"^\| (\d+) \| (.*?) \|$", FINDINGS, re.MULTILINE)
    assert [status for status, _ in rows] == re.findall(r"\b(\d+) [a-z]", EXIT_STATUS)
