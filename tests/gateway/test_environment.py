"""The environment is made once, again when its requirements change, and a failure says what to do."""

import subprocess
from pathlib import Path

import pytest

from tests.gateway import environment, recordings

EMPTY = "# nothing to install\n"


def test_it_is_made_once_and_is_out_of_date_after_a_change_of_the_requirements(tmp_path: Path) -> None:
    requirements = tmp_path / "some.txt"
    requirements.write_text(EMPTY)
    folder = tmp_path / "made"
    python = environment.ensure(requirements, folder)
    assert python.exists()
    kept = folder / "kept"
    kept.touch()
    environment.ensure(requirements, folder)
    assert kept.exists()
    requirements.write_text(EMPTY * 2)
    assert not environment.is_ready(requirements, folder)


def test_a_failed_installation_shows_what_pip_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    requirements = tmp_path / "bad.txt"
    requirements.write_text("./not-there --hash=sha256:00\n")
    with pytest.raises(environment.EnvironmentFailed, match=r"bad\.txt could not be installed") as failed:
        environment.ensure(requirements, tmp_path / "made")
    assert "not-there" in str(failed.value)
    assert not (tmp_path / "made").exists()


def test_the_run_refuses_every_host_but_this_machine() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import router_run, socket\n"
        "try: socket.create_connection(('192.0.2.1', 80), timeout=1)\n"
        "except ConnectionRefusedError as refused: print(refused)\n"
    )
    done = subprocess.run(
        [str(environment.ensure()), "-I", "-W", "ignore", "-c", code, str(recordings.HERE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "this run may not leave the machine: socket.getaddrinfo 192.0.2.1\n"


def test_a_case_that_is_not_there_and_a_field_that_no_case_has_are_named() -> None:
    with pytest.raises(ValueError, match=r"no case 'unheard-of'; there are: allowed-fails, both-limited"):
        recordings.load_case("unheard-of")
    with pytest.raises(ValueError, match="requests: no such field: every"):
        recordings.spread({"at_s": 0, "model": "chat", "every": 1})
