"""The hash of a scenario follows the contents of the files it reads."""

from pathlib import Path

import planner

BASE = {
    "name": "files",
    "tasks": {"ask": {"output_tokens": {"empirical": "sizes.csv"}}},
    "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}},
    "deployments": {"a": {"model": "m", "latency": {"total_s": 1}}},
    "strategies": {"s": {"omni": ["a"]}},
    "finance": {"horizon_months": 1},
}


def written(folder: Path, sizes: str, trace: str) -> planner.Scenario:
    import json

    (folder / "sizes.csv").write_text(sizes)
    (folder / "trace.csv").write_text(trace)
    path = folder / "scenario.yaml"
    path.write_text(json.dumps({**BASE, "traffic": {"trace": {"file": "trace.csv"}}}))
    return planner.load(path)


ROWS = "arrival_s,input_tokens,output_tokens\n0,10,5\n1,20,5\n"


def test_the_same_files_give_the_same_hash(tmp_path: Path) -> None:
    assert written(tmp_path, "1\n2\n", ROWS).hash == written(tmp_path, "1\n2\n", ROWS).hash


def test_another_recording_or_law_is_another_scenario(tmp_path: Path) -> None:
    hashes = {
        written(tmp_path, "1\n2\n", ROWS).hash,
        written(tmp_path, "1\n3\n", ROWS).hash,
        written(tmp_path, "1\n2\n", ROWS.replace("20", "21")).hash,
    }
    assert len(hashes) == 3
