"""The environment of the router under test: `.venv-gateway`, made once from `requirements/gateway.txt`.

The router is not a dependency of the planner, and its sixty packages must not decide the versions of ours; hence an
environment beside `.venv`. It is made again when the requirements, the Python or the folder change. `python -m
tests.gateway.environment` makes it and prints its interpreter.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "requirements" / "gateway.txt"
FOLDER = ROOT / ".venv-gateway"
INSTALL_TIMEOUT_S = 900


class EnvironmentFailed(Exception):
    """The environment could not be made; the message says which step failed and what it printed."""


def stamp_of(requirements: Path, folder: Path) -> str:
    """Give what an environment at `folder` is made from: requirements by content, Python, and the path itself."""
    content = hashlib.sha256(requirements.read_bytes()).hexdigest()
    return f"{content} {sys.version_info.major}.{sys.version_info.minor} {folder}\n"


def interpreter_of(folder: Path) -> Path:
    """Give the path of the interpreter in an environment; Linux and macOS only, as the runs are forked."""
    return folder / "bin" / "python"


def is_ready(requirements: Path = REQUIREMENTS, folder: Path = FOLDER) -> bool:
    """Whether the environment is there, was made from these requirements, and its Python still is."""
    stamp = folder / "made-from"
    return (
        stamp.is_file()
        and stamp.read_text(encoding="utf-8") == stamp_of(requirements, folder)
        and interpreter_of(folder).exists()
    )


def ensure(requirements: Path = REQUIREMENTS, folder: Path = FOLDER) -> Path:
    """Give the interpreter of the environment, which is made first where it is missing or out of date.

    Raises EnvironmentFailed. The stamp is written last, so an interrupted installation is not taken for a whole one.
    """
    if is_ready(requirements, folder):
        return interpreter_of(folder)
    print(f"Installing {requirements.name} into {folder.name} (about half a minute)", file=sys.stderr)
    started = time.monotonic()
    venv.create(folder, clear=True, with_pip=True)
    command = [str(interpreter_of(folder)), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command += ["install", "-qq", "--require-hashes", "-r", str(requirements)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFailed(
            f"{requirements.name} was not installed within {INSTALL_TIMEOUT_S} s; is the package index reachable?"
        ) from None
    if done.returncode:
        shutil.rmtree(folder)
        raise EnvironmentFailed(
            f"{requirements.name} could not be installed (pip ended with {done.returncode}):\n{done.stderr.strip()}"
        )
    (folder / "made-from").write_text(stamp_of(requirements, folder), encoding="utf-8")
    print(f"Installed in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return interpreter_of(folder)


def main() -> None:
    """Make the environment and print its interpreter; status 1 with a message where that fails."""
    try:
        print(ensure())
    except EnvironmentFailed as failed:
        sys.exit(f"The environment of the real router is not there: {failed}")


if __name__ == "__main__":
    main()
