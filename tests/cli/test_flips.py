"""`planner map` and `planner break-even`: what they print, the same as JSON and CSV, and what they refuse."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import planner
from planner.cli import app
from planner.cli.ending import BAD_INPUT, INTERRUPTED, USAGE
from planner.cli.mapping import short, texts
from planner.experiments import decision_map as maps
from tests.cli.command import write_scenario

run = CliRunner()
X, Y = "traffic.requests_per_month=1e5..1e6:3", "tasks.faq.cost_of_wrong_answer_usd=0..0.5:3"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("flips"))


@pytest.fixture(scope="module")
def found(file: Path) -> planner.DecisionMap:
    return planner.decision_map(planner.load(file), x=X, y=Y)


def refused(*arguments: object, status: int = BAD_INPUT) -> str:
    done = run.invoke(app, [*map(str, arguments)])
    assert done.exit_code == status, done.output
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def test_the_map_has_a_letter_a_cell_largest_value_on_top(file: Path, found: planner.DecisionMap) -> None:
    done = run.invoke(app, ["map", str(file), "--x", X, "--y", Y], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Small: who wins, by economic cost over 2 months"
    grid = [line for line in lines if " | " in line]
    assert [line.partition("|")[0].strip() for line in grid] == ["0.5", "0.25", "0"]
    letters = dict(zip(found.strategies, "ABC", strict=True))
    for row, line in enumerate(reversed(grid)):
        marks = line.partition("|")[2].split()
        assert len(marks) == 3
        for column, mark in enumerate(marks):
            cell = found.cell(column, row)
            if cell.winner is None:
                assert mark.strip("[]'") == "#"
                continue
            first = letters[cell.winner]
            assert mark.strip("[]'")[0] == (first.lower() if cell.tied else first)
            assert ("[" in mark) == (found.today_at == (column, row))
            assert ("'" in mark) == bool(cell.cheaper_but_failed)
    assert any("simulated at 3 points" in line for line in lines)


def test_json_and_csv_hold_the_same_cells(file: Path, found: planner.DecisionMap, tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    done = run.invoke(app, ["map", str(file), "--x", X, "--y", Y, "--json", "-", "--csv", str(table)])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    expected = json.loads(json.dumps(found.to_dict()))
    assert {k: v for k, v in document.items() if k != "seconds"} == {
        k: v for k, v in expected.items() if k != "seconds"
    }
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    assert rows["cost_usd:hybrid"].tolist() == [
        cell["costs_usd"]["hybrid"]["value"] for cell in document["cells"]
    ]
    assert rows["winner"].tolist() == [cell["winner"] or "" for cell in document["cells"]]


def test_a_wide_map_is_cut_to_the_terminal_and_says_so(file: Path) -> None:
    wide = planner.decision_map(
        planner.load(file),
        x="finance.one_time[0].usd=0..2000:60",
        y="tasks.faq.cost_of_wrong_answer_usd=0..1:2",
    )
    lines = list(texts(wide, 100))
    assert all(len(line) <= 100 for line in lines if "|" in line)
    assert any(line.startswith("Shown are ") and " of 60 columns" in line for line in lines)
    assert sum("[" in line for line in lines if "|" in line) == 1  # today's column is never left out


def test_labels_of_narrow_columns_do_not_touch(file: Path) -> None:
    wide = planner.decision_map(
        planner.load(file),
        x="finance.one_time[0].usd=1e3..1e10:15",
        y="tasks.faq.cost_of_wrong_answer_usd=0..1:2",
    )
    for width in (80, 120):
        lines = list(texts(wide, width))
        below = next(at for at, line in enumerate(lines) if line.strip().startswith("+-"))
        labels = " ".join(lines[below + 1 : lines.index("", below)]).split()
        assert sorted(labels) == sorted(short(value) for value in wide.x.values)


def test_what_is_wrong_with_a_map_is_told_before_anything_runs(file: Path, tmp_path: Path) -> None:
    text = refused(
        "map", file, "--x", "traffic.nothing=1..2", "--y", "tasks.faq.cost_of_wrong_answer_usd=2..1"
    )
    assert "traffic.nothing: no 'nothing' here" in text
    assert "got 2..1; allowed: a low end below the high end" in text
    assert "2 problems in the axes of the map; nothing was run." in text
    assert "--y" in refused("map", file, "--x", X, status=USAGE)
    assert "there is no folder" in refused(
        "map", file, "--x", X, "--y", Y, "--csv", tmp_path / "no" / "map.csv"
    )
    assert "--x-scale: got 'round'" in refused("map", file, "--x", X, "--y", Y, "--x-scale", "round")


def test_an_interrupted_map_writes_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(maps, "_cell", stop)
    target, table = tmp_path / "map.json", tmp_path / "map.csv"
    done = run.invoke(app, ["map", str(file), "--x", X, "--y", Y, "--json", str(target), "--csv", str(table)])
    assert done.exit_code == INTERRUPTED
    assert "Interrupted; nothing was written." in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_break_even_prints_every_pair_and_way(file: Path) -> None:
    found = planner.break_even(planner.load(file))
    done = run.invoke(app, ["break-even", str(file), "--month", "2027-02"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Small: economic cost over 2 months, today 1,000,000 requests a month")
    for pair in found.pairs:
        at = lines.index(f"{pair.a} and {pair.b}")
        own = lines[at + 1 : at + 7]
        assert own[0].startswith("  volume   ")
        for crossing in pair.volumes:
            assert f"{crossing.after} is cheaper above {float(crossing.volume):,.0f}" in own[0]
        assert own[1].startswith("  2027-02  that month's own bill (")
        assert own[2].startswith("  time     so far ")
        assert own[3].startswith("  errors   all tasks: ")
        assert own[4].strip().startswith("faq: ")
        assert own[5].strip().startswith("account: ")


def test_break_even_as_json_is_that_of_the_api(file: Path) -> None:
    done = run.invoke(app, ["break-even", str(file), "--between", "omni-only", "mini-only", "--json", "-"])
    assert done.exit_code == 0, done.output
    expected = planner.break_even(planner.load(file), between=("omni-only", "mini-only")).to_dict()
    assert json.loads(done.stdout) == json.loads(json.dumps(expected))


def test_the_omni_share_is_printed_where_it_is_asked_for(file: Path) -> None:
    done = run.invoke(app, ["break-even", str(file), "--between", "omni-only", "hybrid", "--omni-share", "--floor", "0.7"])  # fmt: skip
    assert done.exit_code == 0, done.output
    (share,) = planner.break_even(planner.load(file), between=("omni-only", "hybrid"), shares=True, floor=0.7).omni_shares  # fmt: skip
    assert share.best is not None
    assert (
        f"hybrid: the omni share that costs least with accuracy at least 0.7 is {share.best.share:.4g}"
        in done.stdout
    )
    assert "the floor binds" in done.stdout or "the floor does not bind" in done.stdout


def test_what_break_even_refuses(file: Path) -> None:
    assert "strategy: got 'hybird'" in refused("break-even", file, "--between", "omni-only", "hybird")
    assert "two different strategies" in refused("break-even", file, "--between", "hybrid", "hybrid")
    assert "only goes with --omni-share" in refused("break-even", file, "--floor", "0.9", status=USAGE)
    assert "month: got '2030-01'; allowed: 2027-01 to 2027-02" in refused(
        "break-even", file, "--month", "2030-01"
    )
    assert "headroom: got 2; allowed" in refused("break-even", file, "--headroom", "2")
