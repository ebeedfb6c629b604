"""The commands as they are run: output, messages, statuses, files, and no secret anywhere."""

from pathlib import Path

from tests.cli.command import planner
from tests.gateways_config.configurations import FULL, SECRET, small
from tests.gateways_config.test_reading import WRONG


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_import_check_export_and_import_again(tmp_path: Path) -> None:
    config = write(tmp_path, FULL)
    first = planner("import", "litellm", config, "--out", tmp_path / "scenario.yaml")
    assert first.returncode == 0, first.stderr
    assert first.stdout == ""
    prices = [f"models[anthropic.claude-sonnet-4-6].{side}_usd_per_mtok" for side in ("input", "output")]
    prices = [one.replace("anthropic.", "bedrock/anthropic.") for one in prices]
    assert f"2 prices must be given before this scenario can run: {', '.join(prices)}" in first.stderr
    assert (
        f"notice: {config}:11: model_list[1].litellm_params.api_key: os.environ/NOT_SET_HERE" in first.stderr
    )
    given = [part for price in prices for part in ("--set", f"{price}=1")]
    checked = planner("check", tmp_path / "scenario.yaml", *given)
    assert checked.returncode == 0, checked.stderr
    exported = planner(
        "export",
        "litellm",
        tmp_path / "scenario.yaml",
        "--strategy",
        "gpt-4o",
        *given,
        "--out",
        tmp_path / "back.yaml",
    )
    assert exported.returncode == 0, exported.stderr
    again = planner("import", "litellm", tmp_path / "back.yaml")
    assert again.returncode == 0, again.stderr
    lines = (tmp_path / "scenario.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("  gpt-4o:")
    assert (
        lines[start : start + 8]
        == again.stdout.splitlines()[again.stdout.splitlines().index("  gpt-4o:") :][:8]
    )
    for found in (first, checked, exported, again):
        assert SECRET not in found.stdout + found.stderr
    for path in tmp_path.iterdir():
        assert path == config or SECRET not in path.read_text(encoding="utf-8")


def test_problems_end_with_status_1_and_nothing_is_written(tmp_path: Path) -> None:
    found = planner("import", "litellm", write(tmp_path, WRONG), "--out", tmp_path / "scenario.yaml")
    assert found.returncode == 1
    assert found.stdout == ""
    assert (
        found.stderr.splitlines()[-1] == f"15 problems in {tmp_path / 'config.yaml'}; nothing was imported."
    )
    assert not (tmp_path / "scenario.yaml").exists()


def test_a_variable_can_be_given(tmp_path: Path) -> None:
    config = write(tmp_path, small(None, {"model": "openai/gpt-4o", "rpm": "os.environ/OUR_RPM"}))
    assert "set OUR_RPM, or give --env OUR_RPM=VALUE" in planner("import", "litellm", config).stderr
    assert "concurrent: 33" in planner("import", "litellm", config, "--env", "OUR_RPM=33").stdout
    assert "concurrent: 44" in planner("import", "litellm", config, OUR_RPM="44").stdout
    assert planner("import", "litellm", config, "--env", "OUR_RPM").returncode == 2


def test_a_file_that_is_not_there_and_an_unknown_strategy_are_told(tmp_path: Path) -> None:
    found = planner("import", "litellm", tmp_path / "gone.yaml")
    assert found.returncode == 1
    assert "no such file" in found.stderr
    scenario = Path(__file__).parents[2] / "scenarios" / "support-chatbot.yaml"
    found = planner("export", "litellm", scenario, "--strategy", "hybird")
    assert (found.returncode, found.stdout) == (1, "")
    assert "--strategy: got 'hybird'; allowed: " in found.stderr
    assert "did you mean hybrid?" in found.stderr


def test_a_run_of_an_imported_scenario_compares_its_strategies(tmp_path: Path) -> None:
    entries = (
        {"model_name": "large", "model": "openai/gpt-4o"},
        {"model_name": "small", "model": "gpt-4o-mini"},
    )
    found = planner(
        "import",
        "litellm",
        write(tmp_path, small({"num_retries": 1}, *entries)),
        "--out",
        tmp_path / "s.yaml",
    )
    assert found.returncode == 0, found.stderr
    done = planner("compare", tmp_path / "s.yaml", "--engine", "reference", "--replications", "2")
    assert done.returncode == 0, done.stderr
    assert "small" in done.stdout


def test_help_names_what_can_be_read_and_written() -> None:
    for command in ("import", "export"):
        assert "litellm" in planner(command, "--help").stdout
