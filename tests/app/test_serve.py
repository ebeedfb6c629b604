"""What the server does while it comes up: the first page's comparison is begun, and Python's turns are as long again after."""

import platform
import subprocess
import sys
import time

import pytest

from app import jobs, running, serve, state
from planner import warming
from tests.app.library import write_library


@pytest.fixture(autouse=True)
def small_library(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path_factory.mktemp("library"))))
    jobs.forget()


def test_the_comparison_of_a_page_without_an_address_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "is_cold", lambda: False)
    usual_s = sys.getswitchinterval()
    serve.preload()
    files = state.library()
    address, notices = state.read({}, files)
    assert not notices
    key = running.key_of(state.applied(state.scenario_of(files[address.scenario]), address.values))
    assert jobs.is_known(key)
    until_s = time.monotonic() + 60
    while jobs.done(key) is None and time.monotonic() < until_s:
        time.sleep(0.05)
    assert jobs.done(key).scenario.hash == key[1]
    assert sys.getswitchinterval() == usual_s


def test_an_engine_that_is_not_compiled_is_left_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "is_cold", lambda: True)
    monkeypatch.setattr(serve, "compare_first", lambda: pytest.fail("compared with an engine that is cold"))
    serve.preload()


def test_a_library_that_cannot_be_read_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "is_cold", lambda: False)
    monkeypatch.setattr(state, "library", dict)
    serve.preload()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library has no mallopt of glibc's")
def test_freed_memory_is_held_and_the_library_takes_every_setting() -> None:
    """In a process of its own: settings of a process cannot be taken back."""
    code = (
        "import ctypes, app.serve as serve; serve.hold_memory(); library = ctypes.CDLL(None);"
        "print([library.mallopt(*one) for one in serve.GLIBC_SETTINGS])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[1, 1, 1]"  # 0 where a setting is refused


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve.ctypes, "CDLL", lambda name: object())
    serve.hold_memory()
