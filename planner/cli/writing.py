"""Files written whole or not at all: under a temporary name beside the target, then renamed.

Comes in: a path and text or bytes; goes out: the file, or a PlannerError that says why there is none.
"""

import os
import secrets
from pathlib import Path

from planner.errors import PlannerError


def check_writable(path: Path) -> None:
    """Raise PlannerError where a file at `path` could not be written: better before a long run than after it."""
    folder = path.resolve().parent
    if path.is_dir():
        raise PlannerError(f"{path}: cannot be written: it is a folder.")
    if not folder.is_dir():
        raise PlannerError(f"{path}: cannot be written: there is no folder {path.parent}.")
    if not os.access(path if _is_special(path) else folder, os.W_OK):
        raise PlannerError(f"{path}: cannot be written: no permission.")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that a reader sees the old content or all of the new, never a part.

    Devices and pipes are written straight. Raises PlannerError; what was there before is then untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if _is_special(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)  # resolved: a link stays a link
    except OSError as error:
        raise PlannerError(
            f"{path}: cannot be written: {error.strerror or error}; nothing was kept."
        ) from None


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _replace(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


__all__ = ["check_writable", "write_whole"]
