"""Tables on disk: the same rows as in memory, whole or not there at all."""

import json
from pathlib import Path

import pandas as pd
import pytest

from planner.errors import PlannerError
from planner.experiments.recording import record
from planner.experiments.simulate import simulate
from tests.experiments.test_cells import cascading


def test_the_files_hold_the_tables_of_the_run(tmp_path: Path):
    scenario = cascading()
    found = record(scenario, "cascade", tmp_path / "run", requests=700)
    run = simulate(scenario, "cascade", requests=700)
    for name, key in (
        ("outcomes", ["request"]),
        ("attempts", ["request", "attempt"]),
        ("events", ["time_s"]),
    ):
        expected = getattr(run, name)
        written = pd.read_parquet(found.folder / f"{name}.parquet")
        assert list(written.columns) == list(expected.columns)
        assert found.rows[name] == len(expected)
        if name != "events":
            written = written.sort_values(key, ignore_index=True)
        for column in expected.columns:
            left, right = written[column], expected[column]
            assert (left.isna() == right.isna()).all(), column
            assert (left[~left.isna()].to_numpy() == right[~right.isna()].to_numpy()).all(), column
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert manifest["scenario"]["hash"] == scenario.hash
    assert manifest["rows"] == found.rows


def test_a_stopped_run_leaves_nothing(tmp_path: Path):
    class Stop(Exception):
        pass

    def stop(_: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        record(cascading(), "cascade", tmp_path / "run", report=stop)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_not_written_over_and_bad_places_are_named(tmp_path: Path):
    (tmp_path / "there").mkdir()
    with pytest.raises(PlannerError, match="exists already"):
        record(cascading(), "cascade", tmp_path / "there")
    with pytest.raises(PlannerError, match="cannot be written"):
        record(cascading(), "cascade", tmp_path / "nowhere" / "run")
    with pytest.raises(PlannerError, match="strategy: got 'x'"):
        record(cascading(), "x", tmp_path / "run")
    with pytest.raises(PlannerError, match="replication: got 99"):
        record(cascading(), "cascade", tmp_path / "run", replication=99)
