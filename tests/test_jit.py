"""The compiler's door: no stale machine code, a place for the cache everywhere, no trace in other users'
Numba.
"""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from planner import jit as jit_module
from planner.jit import jit, jitted_sources

JIT_SOURCE = Path(jit_module.__file__).read_text(encoding="utf-8")
FILES = {
    "planner/__init__.py": "",
    "planner/jit.py": JIT_SOURCE,
    "planner/columns.py": "FACTOR = 3\n",
    "planner/helper.py": (
        "from planner.columns import FACTOR\n"
        "from planner.jit import jit\n\n\n"
        '@jit("int64(int64)")\n'
        "def scale(x):\n    return FACTOR * x + 1\n"
    ),
    "planner/engines/__init__.py": "",
    "planner/engines/kernel.py": (
        "from planner.helper import scale\n"
        "from planner.jit import jit\n\n\n"
        '@jit("int64(int64)")\n'
        "def kernel(x):\n    return scale(x) * 100\n"
    ),
    "planner/other.py": "TEXT = 'not compiled'\n",
}
ASK = (
    "from planner.engines.kernel import kernel; from planner import jit; "
    "hits = sum(getattr(kernel, 'stats').cache_hits.values()) if hasattr(kernel, 'stats') else -1; "
    "print(kernel(2), hits, jit.cache_directory())"
)


@pytest.fixture
def package(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "site" / "planner"


def ask(package: Path, **environment: str) -> tuple[int, int, str]:
    """The kernel's result, the cache hits of its process, and the cache directory, in a fresh process."""
    cleared = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    cleared |= {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(package.parent.parent / "user-cache")}
    run = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=package.parent,
        env=cleared | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    result, hits, directory = run.stdout.split(maxsplit=2)
    return int(result), int(hits), directory.strip()


def test_second_process_loads_the_first_ones_machine_code(package):
    first = ask(package)
    second = ask(package)
    assert (first[0], first[1]) == (700, 0)
    assert (second[0], second[1]) == (700, 1)
    assert Path(first[2]).parent == package / "__pycache__"


def test_editing_a_helper_in_another_file_changes_the_kernels_result(package):
    before, _, directory = ask(package)
    helper = package / "helper.py"
    helper.write_text(helper.read_text().replace("+ 1", "+ 2"))
    after, hits, other_directory = ask(package)
    assert (before, after) == (700, 800)
    assert hits == 0
    assert directory != other_directory


def test_editing_a_constant_that_a_helper_imports_changes_the_kernels_result(package):
    before, _, _ = ask(package)
    (package / "columns.py").write_text("FACTOR = 4\n")
    after, _, _ = ask(package)
    assert (before, after) == (700, 900)


def test_a_file_that_becomes_part_of_a_kernel_changes_its_code_although_the_sources_are_remembered(package):
    before, _, _ = ask(package)
    assert before == 700
    (package / "other.py").write_text("FACTOR = 5\n", encoding="utf-8")
    (package / "helper.py").write_text(
        FILES["planner/helper.py"].replace("columns", "other"), encoding="utf-8"
    )
    assert ask(package)[0] == 1100
    (package / "other.py").write_text("FACTOR = 7\n", encoding="utf-8")
    assert ask(package)[0] == 1500
    (package / "__pycache__" / jit_module.SOURCES).write_text("{", encoding="utf-8")
    assert ask(package)[:2] == (1500, 1)


def test_editing_a_file_that_is_not_compiled_keeps_the_machine_code(package):
    _, _, directory = ask(package)
    (package / "other.py").write_text("TEXT = 'changed'\n")
    _, hits, same_directory = ask(package)
    assert hits == 1
    assert directory == same_directory


def test_read_only_package_uses_the_users_cache(package, tmp_path):
    # A file where the directory should be: refused to every user, also to one whom permissions do not stop.
    (package / "__pycache__").write_text("")
    result, _, directory = ask(package)
    assert result == 700
    assert Path(directory).parent == tmp_path / "user-cache" / "llm-traffic-planner"
    assert ask(package)[1] == 1


def test_without_any_writable_place_functions_still_compile(package, tmp_path):
    (package / "__pycache__").write_text("")
    (tmp_path / "user-cache").write_text("")
    result, hits, directory = ask(package)
    assert (result, hits, directory) == (700, 0, "None")


def test_a_relative_xdg_cache_home_is_ignored(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    monkeypatch.setenv("HOME", "/home/someone")
    assert jit_module.user_cache() == Path("/home/someone/.cache/llm-traffic-planner")


def test_disabled_compiler_leaves_plain_functions(package):
    assert ask(package, NUMBA_DISABLE_JIT="1")[:2] == (700, -1)


def test_a_compiler_setting_gets_its_own_cache(package):
    plain = ask(package)[2]
    checked = ask(package, NUMBA_BOUNDSCHECK="1")[2]
    assert plain != checked


def test_sources_are_those_that_import_jit_and_what_they_import(package):
    names = [path.relative_to(package).as_posix() for path in jitted_sources(package)]
    assert names == ["columns.py", "engines/kernel.py", "helper.py", "jit.py"]


def test_a_file_that_only_asks_the_door_something_brings_in_nothing_it_imports(package):
    (package / "asking.py").write_text(
        "from planner import jit, other\nPLACES = jit.places()\n", encoding="utf-8"
    )
    assert not {"asking.py", "other.py"} & {path.name for path in jitted_sources(package)}
    (package / "asking.py").write_text(
        "from planner import jit, other\n\n\n@jit.jit()\ndef one(): ...\n", encoding="utf-8"
    )
    assert {"asking.py", "other.py"} <= {path.name for path in jitted_sources(package)}


def test_relative_and_late_imports_count_too(package):
    (package / "engines" / "late.py").write_text(
        "from ..jit import jit\n\n\ndef build():\n    from . import deep\n    from ..other import TEXT\n"
    )
    (package / "engines" / "deep.py").write_text("DEPTH = 1\n")
    names = {path.relative_to(package).as_posix() for path in jitted_sources(package)}
    assert {"engines/late.py", "engines/deep.py", "other.py"} <= names


def test_the_real_package_hashes_chance_and_sampling():
    names = {path.name for path in jitted_sources(jit_module.PACKAGE)}
    assert {"chance.py", "sampling.py", "jit.py"} <= names


def test_old_cache_directories_are_swept_when_a_new_one_is_made(package):
    for age in range(9):
        directory = package / "__pycache__" / f"jit-old{age}"
        directory.mkdir(parents=True)
        os.utime(directory, (1_000_000 - age, 1_000_000 - age))
    ask(package)
    left = sorted(path.name for path in (package / "__pycache__").glob("jit-old*"))
    assert left == ["jit-old0", "jit-old1", "jit-old2", "jit-old3", "jit-old4"]
    assert len(list((package / "__pycache__").glob("jit-*"))) == jit_module.KEPT_DIRECTORIES


def test_numbas_own_setting_is_as_before_after_decorating(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "set-by-somebody-else")

    @jit()
    def double(x):
        return 2 * x

    assert numba.config.CACHE_DIR == "set-by-somebody-else"
    assert double(21) == 42


def test_a_list_of_signatures_compiles_them_all_and_no_other():
    @jit(["int64(int64)", "float64(float64)"])
    def double(x):
        return 2 * x

    assert (double(3), double(1.5)) == (6, 3.0)
    if hasattr(double, "signatures"):
        assert len(double.signatures) == 2
        with pytest.raises(TypeError, match="No matching definition"):
            double("a")


def test_division_by_zero_raises_as_in_python():
    @jit("float64(float64, float64)")
    def divide(a, b):
        return a / b

    with pytest.raises(ZeroDivisionError):
        divide(1.0, 0.0)


LATE = """
import sys, numpy as np
from planner.jit import jit

@jit("int64(int64)", late=True)
def more(x):
    return x + 1

@jit("int64(int64)", late=True)
def much_more(x):
    return more(more(x))

@jit("int64(int64)")
def most(x):
    return much_more(x) * 2

assert most(3) == 10
assert not most.stats.cache_hits, most.stats
for late in (more, much_more):
    try:
        late(1)
    except TypeError as refusal:
        assert "only compiled code calls it" in str(refusal) or "No matching definition" in str(refusal), refusal
    else:
        raise AssertionError("Python called it")
assert "scipy.linalg" not in sys.modules

@jit()
def product(a, b):
    return a @ b

assert product(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[1.0, 2.0], [3.0, 4.0]]
assert "scipy.linalg" in sys.modules
"""


def test_late_functions_are_taken_over_by_callers_and_linear_algebra_is_asked_for_when_used(tmp_path):
    script = tmp_path / "late.py"
    script.write_text(LATE)
    environment = os.environ | {"PYTHONPATH": str(jit_module.PACKAGE.parent), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
