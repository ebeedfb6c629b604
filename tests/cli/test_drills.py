"""`planner drill`: what it prints, the same as JSON, and what it refuses."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from planner.cli import app
from planner.cli.drills import show
from planner.experiments.drill import Drill, drill
from tests.cli.command import SCENARIO, planner, write_scenario

run = CliRunner()
TEXT = (
    SCENARIO.replace(
        "  omni:\n    model: our-large\n", "  omni:\n    provider: openai\n    model: our-large\n", 1
    )
    .replace(
        "    errors: {rate: 0.3, status: 500, latency_s: 0.5}\n", "    errors: null\n    outages: null\n", 1
    )
    .replace(
        "  mini:\n    model: our-small\n",
        "  mini:\n    model: our-small\n    limits: {requests_per_minute: 12}\n",
        1,
    )
    .replace("  omni-only: {omni: [omni]}\n", "  omni-only: {omni: [omni, mini]}\n", 1)
    .replace("  horizon_months: 2\n", "  horizon_months: 2\n  downtime_usd_per_hour: 500\n", 1)
)
ASKED = ("--provider", "openai", "--minutes", "12", "--at", "wed 10:00")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("drills"), TEXT)


@pytest.fixture(scope="module")
def found(file: Path) -> Drill:
    return drill(file, provider="openai", minutes=12, at="wed 10:00")


def shown(found: Drill, width: int) -> str:
    console = Console(
        file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False, no_color=True
    )
    show(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_command_prints_all_there_is_to_know(file: Path) -> None:
    done = run.invoke(app, ["drill", str(file), *ASKED], env={"COLUMNS": "110"})
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert text.startswith("openai (omni) answers errors for 12 min from Wednesday 2027-01-06 10:00 UTC")
    for part in (
        "Means of 3 replications",
        "requests arriving before, 12 min during, 12 min after, 12 min",
        "served by omni",
        "lost: limit",
        "calls per request",
        "p95 latency",
        "bill, USD",
        "Backlog: at most ",
        "Recovery: ",
        "not bought for lost requests -",
        "price difference -",
        "downtime +",
        "Cold caches: no deployment of the strategy has a prompt_cache.",
        "Fallback quota: No quota saves all: without any limit at mini the outage still loses 0.333 by provider-error (mean of 3). "
        "With 30 requests/min at mini, 130,000 tokens/min at mini and 6 calls at once at mini together, no more are lost than "
        "without limits: simulated.",
        "- mini: 30 requests/min, so that nothing more is lost",
        "requests/min, so that nothing more is lost than without limits (has 12)",
        "It has no deployment of the provider: the outage does not touch it.",
        "Under omni-only the outage affects ",
        "mini-only has no deployment of the provider: nobody is affected.",
    ):
        assert part in text, part
    assert done.stderr == "" or "Compiling" in done.stderr


@pytest.mark.parametrize("width", [40, 77, 78, 100, 200])
def test_nothing_is_cut_at_any_width(found: Drill, width: int) -> None:
    text = shown(found, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    joined = " ".join(text.split())
    for one in found.strategies.values():
        assert one.sentence in joined
        assert all(quota.text in joined for quota in one.quota.quotas)


def test_lost_requests_and_money_add_up_in_what_is_written(file: Path, tmp_path: Path) -> None:
    from decimal import Decimal

    target = tmp_path / "drill.json"
    done = run.invoke(app, ["drill", str(file), *ASKED, "--json", str(target)])
    assert done.exit_code == 0, done.output
    assert f"Written: {target}" in done.stderr
    document = json.loads(target.read_text(encoding="utf-8"))
    assert document["version"] == 1
    for one in document["strategies"].values():
        lost = sum(one["n_lost"]["with"].values())
        assert lost / 3 == pytest.approx(one["lost"]["with"]["value"])
        assert lost == sum(sum(phase["n_lost"]["with"].values()) for phase in one["phases"])
        parts = sum(Decimal(part["usd"]["value"]) for part in one["money"]["parts"])
        assert parts == Decimal(one["money"]["economic_usd"]["value"])
        rows = {
            run: sum(Decimal(row["amount_usd"]) for row in one["money"]["ledgers"][run])
            for run in ("with", "without")
        }
        assert rows["with"] - rows["without"] == parts
        assert one["money"]["cold_caches_usd"] is None
    assert sum(document["strategies"]["omni-only"]["n_lost"]["with"].values()) > 0


def test_json_on_stdout_is_the_drill(file: Path, found: Drill) -> None:
    done = planner("drill", file, *ASKED, "--json", "-")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    expected = json.loads(json.dumps(found.to_dict()))
    assert document | {"seconds": 0} == expected | {"seconds": 0}
    assert "Under omni-only the outage affects" in " ".join(done.stderr.split())


def test_options_are_taken(file: Path) -> None:
    arguments = [
        "--strategy",
        "hybrid",
        "--replications",
        "1",
        "--no-quota",
        "--mode",
        "degraded",
        "--engine",
        "reference",
    ]
    done = run.invoke(app, ["drill", str(file), *ASKED, *arguments, "--set", "policy.timeout_s=9"])
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert "openai (omni) is slow for 12 min" in text
    assert "Means of 1 replication " in text
    assert "Fallback quota" not in text
    assert "mini-only" not in text


@pytest.mark.parametrize(
    ("options", "head", "manner"),
    [
        (("--mode", "error", "--share", "0.3", "--status", "529"), "openai (omni) answers errors (529) to 30 % of calls for 12 min",
         {"mode": "error", "share": 0.3, "status": 529, "slowdown": None, "retry_after_s": None}),
        (("--mode", "degraded", "--slowdown", "2.5"), "openai (omni) is slow (2.5 times) for 12 min",
         {"mode": "degraded", "share": 1.0, "status": None, "slowdown": 2.5, "retry_after_s": None}),
        (("--mode", "limited", "--retry-after", "20"), "openai (omni) refuses calls with 429, to be sent again after 20 s for 12 min",
         {"mode": "limited", "share": 1.0, "status": None, "slowdown": None, "retry_after_s": 20.0}),
    ],
)  # fmt: skip
def test_how_a_provider_is_out_is_taken_told_and_drilled(
    file: Path, tmp_path: Path, options: tuple[str, ...], head: str, manner: dict[str, object]
) -> None:
    target = tmp_path / "drill.json"
    done = run.invoke(app, ["drill", str(file), *ASKED, *options, "--no-quota", "--json", str(target)])
    assert done.exit_code == 0, done.output
    assert " ".join(done.stdout.split()).startswith(head)
    document = json.loads(target.read_text(encoding="utf-8"))
    assert document["manner"] == manner
    figures = {name: value for name, value in manner.items() if name != "mode"}
    same = drill(
        file, provider="openai", minutes=12, at="wed 10:00", mode=str(manner["mode"]), quota=False, **figures
    )
    assert document | {"seconds": 0} == json.loads(json.dumps(same.to_dict())) | {"seconds": 0}


def test_refusals_of_the_outage_itself_are_told_apart(file: Path) -> None:
    """Nobody else answers under `--strategy omni-only` where mini is taken away."""
    arguments = ["--mode", "limited", "--strategy", "omni-only", "--no-quota"]
    alone = ["--set", "strategies.omni-only.omni=[omni]"]
    done = run.invoke(app, ["drill", str(file), *ASKED, *arguments, *alone], env={"COLUMNS": "110"})
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert "- the outage's 429" in text
    (lost, refused) = re.findall(
        r"Lost: .*: ([\d,.]+) by limit \(([\d,.]+) by a 429 of the outage itself\)", text
    )[0]
    assert lost == refused


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (["--provider", "openia"], 1, "--provider: got 'openia'; allowed: openai (providers that omni-only, mini-only, hybrid"),
        (["--provider", "omni"], 1, "; omni is a deployment of openai"),
        (["--provider", "openai", "--strategy", "mini-only"], 1, "no deployment of mini-only names one"),
        (["--provider", "openai", "--strategy", "mini"], 1, "--strategy: got 'mini'; allowed: omni-only, mini-only, hybrid"),
        (["--provider", "openai", "--minutes", "90000"], 1, "--minutes: got 90,000; allowed: at most 24,960 minutes"),
        (["--provider", "openai", "--at", "900"], 1, "seconds are for a scenario that replays a recording"),
        (["--provider", "openai", "--mode", "down"], 1, "--mode: got 'down'; allowed: error, hang, degraded, limited"),
        (["--provider", "openai", "--mode", "hang", "--set", "policy.timeout_s=null"], 1, "a hang that nothing ends"),
        (["--provider", "openai", "--share", "0"], 1, "--share: got 0.0; allowed: number > 0, at most 1 (share)"),
        (["--provider", "openai", "--mode", "hang", "--retry-after", "5"], 1, "--retry-after: got 5.0 with mode hang; allowed: with"),
        (["--provider", "openai", "--status", "429"], 1, "--status: got 429; allowed: whole number 500 to 599"),
        (["--provider", "openai", "--mode", "degraded", "--slowdown", "0.1"], 1, "--slowdown: got 0.1; allowed: number >= 1"),
        (["--provider", "openai,asure"], 1, "--provider: got 'asure'; allowed: openai (providers that"),
        (["--provider", "openai", "--engine", "fast"], 2, "'fast' is not one of compiled, reference"),
        (["--provider", "openai", "--replications", "0"], 2, "--replications"),
        (["--provider", "openai", "--set", "run.sead=1"], 1, "run.sead"),
        (["--provider", "openai", "--json", "."], 1, "cannot be written"),
        ([], 2, "--provider"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_answered(file: Path, changes: list[str], status: int, message: str) -> None:
    done = run.invoke(app, ["drill", str(file), *changes], env={"COLUMNS": "200"})
    assert done.exit_code == status
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_all_that_is_wrong_is_told_at_once(file: Path) -> None:
    done = run.invoke(app, ["drill", str(file), "--provider", "x", "--minutes", "0", "--at", "never"])
    assert done.exit_code == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "--provider", "--minutes", "--at", "3 problems in the drill; nothing was run.",
    ]  # fmt: skip
