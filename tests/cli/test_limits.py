"""`planner limits`: the matrix, the reason and the advice on a terminal, and the same as JSON."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from planner.cli import app
from planner.cli.limits import show
from planner.experiments.limits import LimitReport, why_429
from planner.scenario import load
from tests.cli.command import SCENARIO, planner, write_scenario

run = CliRunner()
LIMITED = SCENARIO.replace(
    "    errors: {rate: 0.3, status: 500, latency_s: 0.5}\n",
    "    limits: {requests_per_minute: 30, tokens_per_minute: 30000, charge: prompt-plus-max-output}\n",
    1,
).replace("tasks:\n  faq:\n", "tasks:\n  faq:\n    max_output_tokens: 1000\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_scenario(tmp_path, LIMITED)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> LimitReport:
    return why_429(write_scenario(tmp_path_factory.mktemp("limits"), LIMITED), strategies=["omni-only"])


def shown(report: LimitReport, width: int) -> str:
    console = Console(
        file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False, no_color=True
    )
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_command_prints_matrix_reason_and_advice(file: Path) -> None:
    found = run.invoke(app, ["limits", str(file), "--strategy", "omni-only"], env={"COLUMNS": "120"})
    assert found.exit_code == 0, found.output
    text = found.stdout
    assert text.startswith("omni-only: omni\n")
    assert "30 requests/min, 30,000 tokens/min; token-bucket, charged by prompt-plus-max-output" in text
    for kind in ("token-bucket", "fixed-window", "sub-window 1 s", "sub-window 10 s", "leaky-bucket"):
        assert any(line.startswith(f"{kind} ") for line in text.splitlines()), kind
    assert text.count("%*") == 1  # as it is
    assert "Without limits the busiest minute asks" in text
    assert "- requests_per_minute does not bind: 0.000% meet it alone" in text
    assert "- tokens_per_minute: 150,000 instead of 30,000 leaves 0.000%" in text
    assert "- With requests_per_minute " in text
    # 30 a minute let no request through within a slice of 1 s.
    assert "[1] refused: slice_s: got 1; allowed: at least 2" in text


@pytest.mark.parametrize("width", [40, 77, 78, 80, 120, 200])
def test_every_figure_is_shown_at_every_width(report: LimitReport, width: int) -> None:
    text = shown(report, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    (row,) = report.rows
    for kind in dict.fromkeys(cell.label for cell in row.cells):
        assert kind in text
    joined = " ".join(text.split())
    for advice in row.quota_advice:
        assert advice.text in joined


def test_json_is_the_report(file: Path, report: LimitReport) -> None:
    found = planner("limits", file, "--strategy", "omni-only", "--json")
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    expected = json.loads(json.dumps(report.to_dict()))
    assert document | {"seconds": 0} == expected | {"seconds": 0}


def test_target_overrides_and_deployment_are_taken(file: Path) -> None:
    arguments = ["limits", str(file), "--strategy", "omni-only", "--deployment", "omni", "--target", "0.99"]
    found = run.invoke(app, arguments)
    assert "- Nothing to fix: at most 99.0 % may meet a limit." in found.stdout
    place = "deployments.omni.limits"
    arguments = ["limits", str(file), "--set", f"{place}={{kind: fixed-window, requests_per_minute: 20}}"]
    found = run.invoke(app, [*arguments, "--requests", "500", "--strategy", "hybrid"])
    assert "20 requests/min; fixed-window, charged by estimate" in found.stdout


def test_engines_print_the_same(file: Path) -> None:
    texts = []
    for engine in ("compiled", "reference"):
        found = run.invoke(app, ["limits", str(file), "--engine", engine, "--requests", "300", "--json"])
        assert found.exit_code == 0, found.output
        texts.append(json.loads(found.stdout) | {"seconds": 0, "engine": ""})
    assert texts[0] == texts[1]


def test_a_scenario_without_limits_is_answered(tmp_path: Path) -> None:
    found = run.invoke(app, ["limits", str(write_scenario(tmp_path))])
    assert found.exit_code == 0
    assert found.stdout.startswith("No deployment has a rate limit")
    assert "deployments.omni.limits.requests_per_minute: 500" in " ".join(found.stdout.split())
    document = json.loads(run.invoke(app, ["limits", str(write_scenario(tmp_path)), "--json"]).stdout)
    assert document["rows"] == []


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (["--strategy", "omni"], 1, "--strategy: got 'omni'; allowed: omni-only, mini-only, hybrid"),
        (
            ["--deployment", "onmi"],
            1,
            "--deployment: got 'onmi'; allowed: omni, mini; did you mean omni?",
        ),
        (["--deployment", "mini"], 1, "--deployment: mini has no rate limit; give deployments.mini.limits"),
        (
            ["--strategy", "mini-only", "--deployment", "omni"],
            1,
            "--deployment: omni is used by none of mini-only",
        ),
        (["--target", "1.5"], 1, "target: got 1.5; allowed: 0 up to 1"),
        (["--engine", "fast"], 2, "'fast' is not one of compiled, reference"),
        (["--requests", "0"], 2, "--requests"),
        (["--set", "deployments.omni.limits.kind=bucket"], 1, "deployments.omni.limits.kind: got 'bucket'"),
    ],
)
def test_wrong_arguments_are_answered(file: Path, changes: list[str], status: int, message: str) -> None:
    found = run.invoke(app, ["limits", str(file), *changes], env={"COLUMNS": "200"})
    assert found.exit_code == status
    assert message in found.stderr
    assert "Traceback" not in found.output


def test_requests_too_large_are_told(tmp_path: Path) -> None:
    """A hundredth of the prompts are far larger than a bucket of 6 s."""
    text = LIMITED.replace(
        "limits: {requests_per_minute: 30, tokens_per_minute: 30000,",
        "limits: {requests_per_minute: null, tokens_per_minute: 30000, burst_s: 6,",
    ).replace("charge: prompt-plus-max-output", "charge: estimate")
    row = why_429(load(write_scenario(tmp_path, text)), strategies=["omni-only"]).rows[0]
    assert row.too_large is not None
    found = run.invoke(app, ["limits", str(tmp_path / "small.yaml"), "--strategy", "omni-only"])
    assert "are larger than the limit ever holds (too-large)" in " ".join(found.stdout.split())


def test_what_stays_in_force_is_told(file: Path) -> None:
    arguments = ["--set", "deployments.omni.limits.windows=[{requests: 1, per_s: 60}]", "--requests", "300"]
    found = run.invoke(app, ["limits", str(file), *arguments, "--strategy", "omni-only"])
    assert found.exit_code == 0, found.output
    text = " ".join(found.stdout.split())
    assert "windows[0] (1 requests in 60 s) stay in force as they are in every setting" in text
    assert "so no quota per minute brings it to 0.001." in text
    assert "- requests_per_minute" not in text
