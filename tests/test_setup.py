"""The set-up: who owns the package `planner`, what the locks may contain, which imports the contracts refuse.

The clash with another distribution is played with fake metadata on an import path of its own; the import contracts
are tested by planting a forbidden import in a small tree of packages with the same names.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llm_traffic_planner
from planner import _installation

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["run.lock", "dev.lock"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def write_distribution(
    site: Path, name: str, *, version: str = "0.3.3", top_level: str | None = None, record: str | None = None
) -> None:
    """Write the metadata folder that pip leaves for an installed distribution."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if top_level is not None:
        (info / "top_level.txt").write_text(top_level)
    if record is not None:
        (info / "RECORD").write_text(record)


def locked_versions(lock: str) -> dict[str, set[str]]:
    """Give package -> versions of a lock file (several where a marker tells them apart)."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", text, flags=re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def run_command(site: Path, *, package: str | None) -> subprocess.CompletedProcess[str]:
    """Run the command's module with only `site` on the path, where `package` is the text of planner/__init__.py."""
    shutil.copy(ROOT / "llm_traffic_planner.py", site)
    if package is not None:
        (site / "planner").mkdir(parents=True)
        (site / "planner" / "__init__.py").write_text(package)
    code = f"import sys; sys.path.insert(0, {str(site)!r}); import llm_traffic_planner; llm_traffic_planner.main()"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, cwd=site
    )


def flatten_settings(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give (dotted key, value) of each setting in a tree of sections."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten_settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


class TestOtherDistribution:
    def test_one_that_names_the_package_in_top_level_is_reported_with_what_to_do(
        self, tmp_path: Path
    ) -> None:
        write_distribution(tmp_path, "llm_d_planner", top_level="planner\n")
        with pytest.warns(_installation.InstallationWarning) as caught:
            _installation.warn_if_shadowed([str(tmp_path)])
        message = str(caught[0].message)
        assert f"llm-d-planner 0.3.3 (in {tmp_path})" in message
        assert "pip uninstall llm-d-planner;" in message
        assert "install llm-traffic-planner again" in message

    def test_one_that_only_lists_its_files_is_found(self, tmp_path: Path) -> None:
        write_distribution(tmp_path, "planner", version="0.5.1", record="planner/__init__.py,sha256=x,0\n")
        owners = list(_installation.other_owners([str(tmp_path)]))
        assert owners == [("planner", "0.5.1", str(tmp_path))]

    def test_our_own_metadata_and_unrelated_packages_give_no_warning(self, tmp_path: Path) -> None:
        write_distribution(tmp_path, "llm_traffic_planner", top_level="llm_traffic_planner\nplanner\n")
        write_distribution(
            tmp_path,
            "trip_planner",
            top_level="trip_planner\n",
            record="trip_planner/planner/__init__.py,,\n",
        )
        write_distribution(tmp_path, "no_files_listed")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _installation.warn_if_shadowed([str(tmp_path), str(tmp_path / "gone")])

    def test_the_same_folder_named_twice_is_reported_once(self, tmp_path: Path) -> None:
        write_distribution(tmp_path, "llm_d_planner", top_level="planner\n")
        owners = list(_installation.other_owners([str(tmp_path), f"{tmp_path}{os.sep}"]))
        assert len(owners) == 1

    def test_the_check_takes_less_than_30_ms_here(self) -> None:
        seconds = []
        for _ in range(5):
            started = time.thread_time()
            list(_installation.other_owners(sys.path))
            seconds.append(time.thread_time() - started)
        assert min(seconds) < 0.03

    def test_this_environment_has_no_other_owner(self) -> None:
        assert list(_installation.other_owners(sys.path)) == []


class TestCommand:
    def test_our_own_package_is_accepted(self) -> None:
        assert llm_traffic_planner.describe_foreign_planner() is None

    def test_the_marker_is_the_same_in_both_places(self) -> None:
        assert llm_traffic_planner.DISTRIBUTION == _installation.DISTRIBUTION
        assert PYPROJECT["project"]["name"] == _installation.DISTRIBUTION

    def test_another_distributions_package_is_named_and_ends_with_status_1(self, tmp_path: Path) -> None:
        write_distribution(tmp_path, "llm-d-planner", top_level="planner\n")
        done = run_command(tmp_path, package="VERSION = 3\n")
        assert done.returncode == 1
        assert done.stdout == ""
        assert f"({tmp_path / 'planner' / '__init__.py'}) belongs to llm-d-planner." in done.stderr
        assert "pip uninstall llm-d-planner;" in done.stderr
        assert "Traceback" not in done.stderr

    def test_another_distributions_package_that_fails_to_import_is_named_too(self, tmp_path: Path) -> None:
        write_distribution(tmp_path, "llm-d-planner", top_level="planner\n")
        done = run_command(tmp_path, package="import a_module_that_is_not_there\n")
        assert done.returncode == 1
        assert (
            "belongs to llm-d-planner and cannot be imported (No module named 'a_module_that_is_not_there')"
            in done.stderr
        )
        assert "Traceback" not in done.stderr

    def test_a_folder_of_the_same_name_that_nobody_installed_is_shown(self, tmp_path: Path) -> None:
        done = run_command(tmp_path, package="")
        assert done.returncode == 1
        assert f"({tmp_path / 'planner' / '__init__.py'}) is another one." in done.stderr

    def test_a_missing_package_is_said_plainly(self, tmp_path: Path) -> None:
        done = run_command(tmp_path, package=None)
        assert done.returncode == 1
        assert "its package 'planner' is not installed here" in done.stderr

    def test_a_failure_inside_our_own_package_keeps_its_own_message(self, tmp_path: Path) -> None:
        write_distribution(tmp_path, "llm_traffic_planner", top_level="planner\n")
        done = run_command(tmp_path, package="import numpy_that_is_not_there\n")
        assert done.returncode == 1
        assert "ModuleNotFoundError: No module named 'numpy_that_is_not_there'" in done.stderr

    def test_our_package_runs_its_command_line(self, tmp_path: Path) -> None:
        (tmp_path / "planner").mkdir()
        (tmp_path / "planner" / "__init__.py").write_text("DISTRIBUTION = 'llm-traffic-planner'\n")
        (tmp_path / "planner" / "cli.py").write_text("def main():\n    print('ran')\n")
        done = run_command(tmp_path, package=None)
        assert (done.returncode, done.stdout) == (0, "ran\n")

    def test_both_commands_are_installed_beside_this_python(self) -> None:
        names = PYPROJECT["project"]["scripts"]
        assert names == dict.fromkeys(["planner", "llm-traffic-planner"], "llm_traffic_planner:main")
        missing = [
            name for name in names if shutil.which(name, path=str(Path(sys.executable).parent)) is None
        ]
        assert missing == []


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_it_names_no_host_and_every_package_has_a_hash(self, lock: str) -> None:
        text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
        assert "://" not in text
        assert re.search(r"^\s*-", text.replace("    --hash", ""), flags=re.MULTILINE) is None
        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert len(blocks) > 40
        without = [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]
        assert without == []

    def test_what_is_shared_has_one_version_in_both(self) -> None:
        run, dev = (locked_versions(lock) for lock in LOCKS)
        different = {
            name: (versions, dev.get(name)) for name, versions in run.items() if dev.get(name) != versions
        }
        assert different == {}

    def test_tools_for_tests_are_not_needed_to_run(self) -> None:
        extra = set(locked_versions("dev.lock")) - set(locked_versions("run.lock"))
        assert {"pytest", "ruff", "mypy", "playwright", "hypothesis", "import-linter"} <= extra

    def test_every_declared_dependency_and_the_build_backend_is_locked(self) -> None:
        declared = PYPROJECT["project"]["dependencies"] + PYPROJECT["build-system"]["requires"]
        names = {re.split(r"[<>=!~; \[]", line)[0].replace(".", "-") for line in declared}
        assert names <= set(locked_versions("run.lock"))


class TestFiles:
    def test_no_file_of_the_set_up_names_a_host_of_a_package_index_or_a_path_of_one_machine(self) -> None:
        files = [
            "Makefile",
            "pyproject.toml",
            ".ci/run",
            ".streamlit/config.toml",
            "Dockerfile",
            ".dockerignore",
            "requirements/run.lock",
            "requirements/dev.lock",
            "requirements/gateway.txt",
        ]
        texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in files}
        guilty = [
            name
            for name, text in texts.items()
            if re.search(r"pypi|pythonhosted|(?<!--no-emit-)index-url|/home/|/root/", text)
        ]
        assert guilty == []

    def test_ci_runs_both_sets_of_tests_and_can_be_executed(self) -> None:
        script = ROOT / ".ci" / "run"
        assert os.access(script, os.X_OK)
        assert script.read_text(encoding="utf-8").splitlines()[-3::2] == [
            "make test",
            "make test-gateway || make test-gateway",
        ]
        subprocess.run(["bash", "-n", str(script)], check=True)

    def test_the_package_says_that_it_is_typed(self) -> None:
        assert (ROOT / "planner" / "py.typed").is_file()
        assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"]["planner"]

    def test_the_app_keeps_to_itself(self) -> None:
        settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
        assert settings["browser"]["gatherUsageStats"] is False
        assert settings["server"]["address"] == "localhost"
        assert settings["server"]["allowedHosts"] == ["localhost", "127.0.0.1"]
        assert settings["server"]["maxUploadSize"] == 50
        assert settings["client"]["showErrorDetails"] == "none"
        assert settings["client"]["showErrorLinks"] is False
        assert settings["client"]["toolbarMode"] == "minimal"
        assert settings["runner"]["magicEnabled"] is False

    def test_what_protects_the_app_by_default_is_left_on(self) -> None:
        settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
        never = {
            "enableXsrfProtection",
            "enableCORS",
            "enableAgentApi",
            "enableStaticServing",
            "corsAllowedOrigins",
        }
        assert never.isdisjoint(settings["server"])

    def test_every_uploader_limits_types_and_bytes(self) -> None:
        asked = [
            call
            for file in sorted((ROOT / "app").rglob("*.py"))
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "file_uploader"
        ]
        assert asked
        without = [
            ast.unparse(call)
            for call in asked
            if not {"max_upload_size", "type"}
            <= {word.arg for word in call.keywords} | ({"type"} if len(call.args) > 1 else set())
        ]
        assert without == []

    def test_the_theme_leaves_light_and_dark_to_the_reader(self) -> None:
        settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
        assert set(settings["theme"]) == {"light", "dark"}

    def test_streamlit_knows_every_setting_and_takes_its_value(self) -> None:
        settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
        expected = dict(flatten_settings(settings))
        code = f"import json, streamlit; print(json.dumps({{key: streamlit.get_option(key) for key in {list(expected)}}}))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=True
        )
        assert "not a valid config option" not in done.stdout + done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) == expected


STAGES = {
    "planner.errors": "",
    "planner.jit": "import numba",
    "planner.tables": "",
    "planner.chance": "import planner.jit",
    "planner.sampling": "import planner.chance",
    "planner.theory": "import planner.errors",
    "planner.catalogue": "import planner.errors",
    "planner.catalogue.prices": "import planner.errors",
    "planner.counting": "import planner.catalogue",
    "planner.scenario": "import planner.catalogue.prices, planner.errors",
    "planner.gateways": "import planner.scenario, planner.catalogue.prices, planner.errors",
    "planner.workload": "import planner.scenario, planner.sampling, planner.tables, pandas",
    "planner.routing": "import planner.workload, planner.scenario, planner.theory",
    "planner.engines": "import planner.routing, planner.workload, planner.scenario, planner.chance, simpy",
    "planner.metrics": "import planner.tables, pandas",
    "planner.finance": "import planner.tables, planner.catalogue.prices, planner.scenario",
    "planner.experiments": "import planner.engines, planner.metrics, planner.finance",
    "planner.charts": "import altair, planner.tables",
    "planner.memos": "import planner.charts, planner.experiments",
    "planner.cli": "import planner, planner.experiments, typer, rich",
    "planner.failures": "",
    "planner.limiting": "",
    "planner._installation": "",
    "planner": "import planner._installation",
    "planner.api": "import planner.experiments, planner.charts, planner.memos",
    "app": "import planner, streamlit, planner.charts",
}
"""A tree with the arrows that design allows, one line of imports a module."""

WRONG_ARROWS = [
    ("planner.scenario", "planner.workload", "imports point one way"),
    ("planner.counting", "planner.scenario", "imports point one way"),
    ("planner.routing", "planner.engines", "imports point one way"),
    ("planner.scenario", "planner.gateways", "imports point one way"),
    ("planner.gateways", "planner.workload", "imports point one way"),
    ("planner.experiments", "planner.cli", "imports point one way"),
    ("planner.metrics", "app", "imports point one way"),
    ("planner.engines", "planner", "no stage imports the public surface"),
    ("planner.catalogue", "planner.chance", "scenario and catalogue know no chance"),
    ("planner.scenario", "pandas", "scenario and catalogue know no chance"),
    ("planner.catalogue.prices", "planner.scenario", "the catalogue knows no scenario"),
    ("planner.engines", "planner.catalogue.prices", "engines read no price"),
    ("planner.workload", "planner.finance", "engines read no price"),
    ("planner.workload", "planner.theory", "engines read no price"),
    ("planner.engines", "planner.theory", "engines read no price"),
    ("planner.metrics", "planner.engines", "metrics and finance know tables"),
    ("planner.charts", "planner.metrics", "charts draw tidy tables"),
    ("planner.finance", "streamlit", "no stage knows a face"),
]


def check_imports(folder: Path, stages: dict[str, str]) -> str:
    """Write the modules of `stages` as packages under `folder` and give what lint-imports says of them."""
    for name, imports in stages.items():
        package = folder.joinpath(*name.split("."))
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(imports + "\n")
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], capture_output=True, text=True, timeout=60, cwd=folder
    )
    return done.stdout + done.stderr


class TestImportContracts:
    def test_the_arrows_of_the_design_are_allowed(self, tmp_path: Path) -> None:
        said = check_imports(tmp_path, STAGES)
        assert re.search(r"Contracts: (\d+) kept, 0 broken", said), said

    @pytest.mark.parametrize(("importer", "imported", "contract"), WRONG_ARROWS)
    def test_a_wrong_arrow_is_refused(
        self, tmp_path: Path, importer: str, imported: str, contract: str
    ) -> None:
        said = check_imports(tmp_path, {**STAGES, importer: f"{STAGES[importer]}\nimport {imported}"})
        broken = [line for line in said.splitlines() if "BROKEN" in line]
        assert any(line.startswith(contract) for line in broken), said
