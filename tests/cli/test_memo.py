"""`planner compare --memo` and a memo in place of a scenario file."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.cli import app
from planner.memos import read_state
from tests.cli.command import SCENARIO, planner, write_scenario
from tests.memos.pages import read

run = CliRunner()
LIGHT = ("numba", "pandas", "scipy", "streamlit", "altair", "pyarrow", "simpy", "vl_convert")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario, its memo and the document of the same run."""
    found = tmp_path_factory.mktemp("memos")
    file = write_scenario(found)
    done = planner(
        "compare", file, "--set", "traffic.growth_per_month=0.03", "--memo", found / "memo.html", "--json", found / "first.json"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"Written: {found / 'memo.html'}" in done.stderr
    return found


def document(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_memo_run_again_gives_the_same_document_and_the_same_memo(folder: Path) -> None:
    done = planner("compare", "memo.html", "--memo", "again.html", "--json", "again.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "figures may differ" not in done.stderr
    first, again = document(folder / "first.json"), document(folder / "again.json")
    first["notices"] = again["notices"] = []  # they name the file
    assert again == first
    assert (folder / "again.html").read_text("utf-8") == (folder / "memo.html").read_text("utf-8")


def test_the_memo_has_the_totals_of_the_document_and_text_and_changes_of_the_file(folder: Path) -> None:
    html = (folder / "memo.html").read_text(encoding="utf-8")
    found = read_state(html)
    strategies = document(folder / "first.json")["strategies"]
    for name, figures in found.figures.items():
        assert figures["economic_tco_total_usd"] == strategies[name]["economic_tco_usd"]["total"]["value"]
        assert figures["latency_p95_s"] == strategies[name]["latency_s"]["p95"]["value"]
    assert found.text == SCENARIO
    assert found.changes == {"traffic.growth_per_month": 0.03}
    command = read(html).section("How to run it again").all("pre")[0].text
    assert command.splitlines() == [
        "planner compare memo.html", "planner compare small.yaml \\", "  --set traffic.growth_per_month=0.03",
    ]  # fmt: skip


def test_check_and_tco_take_a_memo_and_overrides_on_top(folder: Path) -> None:
    memo = str(folder / "memo.html")
    found = run.invoke(app, ["check", memo])
    assert found.exit_code == 0
    assert found.stdout.startswith(f"{memo}: ok: 3 strategies (omni-only, mini-only, hybrid)")
    line = SCENARIO.splitlines().index("  hybrid: {omni: [omni], mini: [mini]}") + 1
    assert f"notice: {memo}#scenario:{line}: strategies.hybrid: no router given" in found.stdout
    changed = run.invoke(app, ["check", memo, "--set", "traffic.requests_per_month=5000"])
    assert "5,000 requests a month" in changed.stdout
    stated = planner("tco", memo, "--draws", "0")
    assert stated.returncode == 0, stated.stderr
    total = document(folder / "first.json")["strategies"]["hybrid"]["tco_usd"]["total"]["value"]
    assert f"{float(total):,.2f}" in stated.stdout


def test_problems_of_overrides_on_a_memo_are_all_told(folder: Path) -> None:
    memo = str(folder / "memo.html")
    found = run.invoke(app, ["check", memo, "--set", "slo.accuracy=2", "--set", "nonsense"])
    assert found.exit_code == 1
    assert f"{memo}#scenario: slo.accuracy: got 2; allowed: " in found.stderr
    assert "PATH=VALUE" in found.stderr


def test_checking_a_memo_loads_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys; from planner.cli import app; from typer.testing import CliRunner; "
        f"print(CliRunner().invoke(app, ['check', 'memo.html']).exit_code, [m for m in {LIGHT} if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "0 []"


def test_another_version_is_told_before_it_runs(folder: Path, tmp_path: Path) -> None:
    html = (folder / "memo.html").read_text(encoding="utf-8")
    old = tmp_path / "old.html"
    old.write_text(html.replace('"planner":"0.1.0"', '"planner":"0.0.9"'), encoding="utf-8")
    found = run.invoke(app, ["check", str(old)])
    assert found.exit_code == 0
    day = read_state(html).made_on
    assert f"{old}: made on {day} with planner 0.0.9 and another version: figures may differ." in found.stderr
    old.write_text(re.sub('"catalogue":"[0-9a-f]{64}"', f'"catalogue":"{"0" * 64}"', html), encoding="utf-8")
    assert "and another catalogue: figures may differ." in run.invoke(app, ["check", str(old)]).stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"<html></html>", "holds no state"),
        (b"\xff", "no text in UTF-8"),
        (b"x" * 10_000_001, "at most 10,000,000"),
    ],
)
def test_what_is_no_memo_ends_with_one_message(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "x.html"
    if content is not None:
        file.write_bytes(content)
    found = run.invoke(app, ["compare", str(file)])
    assert found.exit_code == 1
    assert said in found.stderr
    assert found.stderr.rstrip().endswith("nothing was run.")


@pytest.mark.parametrize(
    ("target", "said"),
    [("memo.pdf", "allowed: a file that ends in .html or .htm"), ("none/memo.html", "there is no folder")],
)
def test_a_memo_that_could_not_be_written_is_refused_before_the_run(
    tmp_path: Path, target: str, said: str
) -> None:
    file = write_scenario(tmp_path)
    found = run.invoke(app, ["compare", str(file), "--memo", str(tmp_path / target)])
    assert found.exit_code == 1
    assert said in found.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["small.yaml"]
