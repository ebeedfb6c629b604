"""Values as they stand in a link, after `--set` and in the list of changes; YAML reads each back to the same.

Comes in: plain values; goes out: text in one line.
"""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

_PLAIN_WORD = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)  # text that YAML reads as text without quotes
_YAML_WORDS = ("true", "false", "null")


def written(value: Any) -> str:
    """A value in one line of YAML.

    >>> written(2.0), written(0.05), written(None), written(True), written("gpt-4.1"), written("a: b")
    ('2', '0.05', 'null', 'true', 'gpt-4.1', '"a: b"')
    >>> written({"p50": 1, "p95": 2.5}), written(["omni", "True"])
    ('{p50: 1, p95: 2.5}', '[omni, "True"]')
    """
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(str(key))}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(inner) for inner in value) + "]"
    if isinstance(value, str):
        is_plain = _PLAIN_WORD.fullmatch(value) and value.lower() not in _YAML_WORDS
        return value if is_plain else json.dumps(value)
    return repr(value) if isinstance(value, float) else str(value)


def as_option(path: str, value: Any) -> str:
    """A change as an option of the command line, ready for a shell.

    >>> as_option("models[gpt-4.1].input_usd_per_mtok", 3), as_option("run.seed", 8)
    ("--set 'models[gpt-4.1].input_usd_per_mtok=3'", '--set run.seed=8')
    """
    return f"--set {shlex.quote(f'{path}={written(value)}')}"


__all__ = ["as_option", "written"]
