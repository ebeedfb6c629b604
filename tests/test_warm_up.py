"""Compiling ahead: `planner warm-up`, what the first use says, and machine code that cannot be kept.

A copy of the package is compiled once, in a place of its own; the small package of tests/test_jit.py stands for it
where a disk is full, a directory is lost or a file is cut short.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planner import jit, warming
from planner.errors import PlannerError
from tests.cli.command import SCENARIO, write_scenario
from tests.test_jit import ASK, FILES

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "from planner.cli import main; main()"
FIRST_USE = f"Compiling the engine for this machine, once (about {warming.COLD_S} s) ..."
EXPLAIN = ("--strategy", "mini-only", "--request", "#0")
NOT_KEPT = "machine code cannot be kept"


def environment(site: Path, **changes: str) -> dict[str, str]:
    """A package in `site`, a cache of its own, none of Numba's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    own = {
        "PYTHONPATH": str(site),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(site / "user-cache"),
    }
    return kept | own | {"COLUMNS": "120"} | changes


def python(site: Path, code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that imports the package in `site`."""
    changes = options.pop("changes", {})
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=site,
        env=environment(site, **changes),
        capture_output=True,
        text=True,
        timeout=110,
        **options,
    )


# -- the real package, compiled once -----------------------------------------------------------


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package that was never compiled, and a scenario."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "planner", site / "planner", ignore=shutil.ignore_patterns("__pycache__"))
    write_scenario(site, SCENARIO)
    return site


@pytest.fixture(scope="module")
def first(cold: Path) -> subprocess.CompletedProcess[str]:
    """The first use in that place."""
    assert is_cold(cold)
    return python(cold, COMMAND, "explain", "small.yaml", *EXPLAIN)


@pytest.fixture
def site(cold: Path, first: subprocess.CompletedProcess[str]) -> Path:
    """The folder after the first use."""
    assert first.returncode == 0, first.stderr
    return cold


def is_cold(site: Path, engine: str = "compiled", **changes: str) -> bool:
    """What a process of its own says, which must not import a compiler for it."""
    code = (
        f"import sys; from planner import warming; print(warming.is_cold({engine!r})); "
        "assert not {'numba', 'llvmlite', 'numpy', 'pandas'} & set(sys.modules)"
    )
    done = python(site, code, changes=changes)
    assert done.returncode == 0, done.stderr
    return {"True": True, "False": False}[done.stdout.strip()]


@pytest.mark.slow
def test_first_use_says_once_that_it_compiles_and_on_stderr_only(
    first: subprocess.CompletedProcess[str], site: Path
) -> None:
    assert first.stderr == FIRST_USE + "\n"
    again = python(site, COMMAND, "explain", "small.yaml", *EXPLAIN)
    assert again.stderr == ""
    assert again.stdout == first.stdout
    assert again.stdout.startswith("Request ")


@pytest.mark.slow
def test_warm_up_after_it_loads_and_says_how_long_it_took_and_where_the_code_is(site: Path) -> None:
    done = python(site, COMMAND, "warm-up")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    what, took, where = done.stdout.splitlines()
    assert what == "Loading the engine's machine code ..."
    load_s = re.fullmatch(
        r"Already compiled: loaded in (\d+\.\d) s; a small comparison took \d+\.\d s\.", took
    )
    assert load_s is not None, took
    assert float(load_s[1]) < warming.COLD_S / 2
    directory = re.fullmatch(r"Machine code: (.+) \(\d+\.\d MB\)", where)
    assert directory is not None, where
    assert Path(directory[1]).parent == site / "planner" / "__pycache__"
    assert list(Path(directory[1]).rglob("loop.run-*.nbi"))


@pytest.mark.slow
def test_warm_up_if_cold_does_and_says_nothing_where_all_is_there(site: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = python(site, COMMAND, "warm-up", "--if-cold")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5  # of processor time


@pytest.mark.slow
def test_compare_is_as_quiet_once_it_is_warm(site: Path) -> None:
    done = python(site, COMMAND, "compare", "small.yaml", "--replications", 2)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.slow
def test_it_is_cold_again_for_other_sources_settings_and_places_only(site: Path, tmp_path: Path) -> None:
    assert not is_cold(site)
    assert not is_cold(site, "reference")
    assert is_cold(site, NUMBA_BOUNDSCHECK="1")
    assert not is_cold(site, NUMBA_BOUNDSCHECK="1", NUMBA_DISABLE_JIT="1")
    kernel, face = site / "planner" / "engines" / "kernel" / "loop.py", site / "planner" / "cli" / "models.py"
    with kept(kernel), kept(face):
        os.utime(kernel, (1_000_000_000, 1_000_000_000))  # checked out again: the content counts
        face.write_text(face.read_text() + "# not compiled\n")
        assert not is_cold(site)
        kernel.write_text(kernel.read_text() + "# changed\n")
        assert is_cold(site)
    assert not is_cold(site)
    shutil.copytree(site / "planner", tmp_path / "planner")
    assert is_cold(tmp_path)  # a function's file is part of its name in the cache


@pytest.mark.slow
def test_it_is_cold_while_the_last_function_is_missing(site: Path) -> None:
    index = next((site / "planner" / "__pycache__").rglob("loop.run-*.nbi"))
    with kept(index):
        index.unlink()  # as after an interrupt while it was compiled
        assert is_cold(site)
        assert not is_cold(site, "reference")
    assert not is_cold(site)


class kept:
    """A file that is as it was afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.content, self.status = self.path.read_bytes(), self.path.stat()

    def __exit__(self, *_: object) -> None:
        self.path.write_bytes(self.content)
        os.utime(self.path, ns=(self.status.st_atime_ns, self.status.st_mtime_ns))


# -- in this process ---------------------------------------------------------------------------


@pytest.fixture
def unknown_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setattr(jit, "places", lambda: (tmp_path / "nothing", tmp_path / "here"))


@pytest.mark.usefixtures("unknown_place")
def test_announcing_says_nothing_twice_when_it_is_warm_and_one_line_when_cold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    assert warming.announce(said.append)
    assert said == [FIRST_USE]
    monkeypatch.setattr(warming, "is_cold", lambda engine: False)
    assert not warming.announce(said.append)
    assert said == [FIRST_USE]


@pytest.mark.usefixtures("unknown_place")
def test_asking_takes_no_time_that_anyone_would_notice() -> None:
    took_s = []
    for _ in range(3):
        started = time.thread_time()
        assert warming.is_cold()
        took_s.append(time.thread_time() - started)
    assert min(took_s) < 0.05


@pytest.mark.usefixtures("unknown_place")
def test_warm_up_that_cannot_keep_anything_fails_with_the_places_it_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        warming, "load", lambda: None
    )  # what is imported now would be compiled for nobody else
    monkeypatch.setattr(warming, "_run_small", lambda: None)
    monkeypatch.setattr(jit, "cache_directory", lambda: None)
    with pytest.raises(PlannerError) as caught:
        warming.warm_up(lambda text: None)
    assert f"neither {tmp_path / 'nothing'} nor {tmp_path / 'here'} can be written" in str(caught.value)
    monkeypatch.setattr(jit, "cache_directory", lambda: tmp_path)
    with pytest.raises(PlannerError, match=r"could not all be kept in .*: is the disk full"):
        warming.warm_up(lambda text: None)


def test_without_the_compiler_there_is_nothing_to_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    said: list[str] = []
    warming.warm_up(said.append)
    assert said == ["NUMBA_DISABLE_JIT is set: nothing is compiled, and runs are slow."]
    assert not warming.is_cold()


def test_set_up_compiles_ahead_and_goes_on_where_that_fails() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^setup:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
    assert recipe is not None
    assert "llm-traffic-planner warm-up --if-cold ||" in recipe[1]


# -- machine code that cannot be kept ----------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder with a package of one kernel and its helper; the kernel of 2 is 700."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def asked(site: Path, before: str = "", **options: Any) -> tuple[int, int, str]:
    """The kernel's result, how many functions came from disk, and what was said."""
    done = python(site, before + ASK, **options)
    assert done.returncode == 0, done.stderr
    result, hits, _ = done.stdout.split(maxsplit=2)
    return int(result), int(hits), done.stderr


def test_disk_that_fills_up_while_compiling_costs_a_warning_and_no_run(small: Path) -> None:
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))}
    result, hits, said = asked(small, **full)
    assert (result, hits) == (700, 0)
    assert said.count(NOT_KEPT) == 1  # for both functions together
    assert "File too large" in said
    assert not list(small.rglob("*.nbc"))
    assert not list(small.rglob("*.tmp.*"))
    assert asked(small) == (700, 0, "")  # there is room again
    assert asked(small)[:2] == (700, 1)


def test_directory_that_is_lost_after_its_check_costs_a_warning_and_leaves_no_code_elsewhere(
    small: Path,
) -> None:
    lose = (
        "import pathlib, shutil; from planner import jit; place = jit.cache_directory(); shutil.rmtree(place); "
        "pathlib.Path(place).write_text(''); "
    )
    result, hits, said = asked(small, before=lose)
    assert (result, hits) == (700, 0)
    assert said.count(NOT_KEPT) == 1
    # Numba's own places know nothing of other sources: an edited helper would go unnoticed there.
    assert not list(small.rglob("*.nbi"))


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop this user")
def test_directory_that_becomes_read_only_costs_a_warning_and_no_run(small: Path) -> None:
    lock = "from planner import jit; jit.cache_directory().chmod(0o500); "
    result, hits, said = asked(small, before=lock)
    assert (result, hits) == (700, 0)
    assert said.count(NOT_KEPT) == 1


@pytest.mark.parametrize(("pattern", "n_bytes"), [("*.nbi", 0), ("*.nbi", 10), ("*.nbc", 0), ("*.nbc", 500)])
def test_file_cut_short_by_a_crash_is_written_anew(small: Path, pattern: str, n_bytes: int) -> None:
    assert asked(small)[:2] == (700, 0)
    for path in small.rglob(pattern):
        os.truncate(path, n_bytes)
    assert asked(small) == (700, 0, "")
    assert asked(small)[:2] == (700, 1)


def test_same_source_written_again_keeps_its_machine_code(small: Path) -> None:
    assert asked(small)[:2] == (700, 0)
    for path in small.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert asked(small)[:2] == (700, 1)


def test_what_only_type_checkers_import_is_no_source_of_machine_code(small: Path) -> None:
    kernel = small / "planner" / "engines" / "kernel.py"
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from planner.other import TEXT\n"
    kernel.write_text(guarded + kernel.read_text())
    names = {path.name for path in jit.jitted_sources(small / "planner")}
    assert "other.py" not in names
    kernel.write_text(guarded.replace("if TYPE", "if not TYPE") + kernel.read_text())
    names = {path.name for path in jit.jitted_sources(small / "planner")}
    assert "other.py" in names
