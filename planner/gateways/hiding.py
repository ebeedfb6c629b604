"""Keeps secrets of a foreign configuration out of every message, whatever shape the file is in.

Comes in: a text and what could be read of it; goes out: messages without any text that stands under a name such as
api_key. Values are told by their kind only, unless their field is known to hold none.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from planner.errors import Problem
from planner.scenario.declare import shown
from planner.scenario.yaml_nodes import Document

ENVIRONMENT = "os.environ/"
SECRET = re.compile(
    r"(?i)(api_?key|secret|passw|credential|authoriz|bearer|private_key|access_key|master_key|salt|license"
    r"|webhook|connection_string|database_url|redis_url|headers?$|(?<!per)_token$|^token$|^environment_variables$)"
)
_SECRET_LOOKING = re.compile(r"(?i)(sk-|key|secret|token|bearer|://|@|[A-Za-z0-9+/_=-]{33})")
_WRITTEN_SECRET = re.compile(r"(?m)^[\s\-{,\"']*([\w-]+)[\"']?\s*:\s*(.+)$")


class Veil:
    """Keeps secrets out of messages: those of fields with such names, wherever else their text comes up."""

    def __init__(self, text: str, document: Document) -> None:
        found = {value for value in _secrets(document.value, False)}
        for key, written in _WRITTEN_SECRET.findall(
            text
        ):  # of a text that is no YAML, or no value of its own
            if SECRET.search(key):
                found.update(re.findall(r"[^\s\"'{},&*!|>\[\]]+", written))
        self.secrets = sorted((one for one in found if len(one) >= 4), key=lambda one: (-len(one), one))

    def over(self, problem: Problem) -> Problem:
        """A problem of the YAML reader without any value of the file."""
        given = "a value" if problem.given is not None else None
        allowed = (
            None if problem.allowed is None else re.sub(r"'[^']*'", "a text", self.text(problem.allowed))
        )
        if problem.given is not None and re.fullmatch(r"[-+]?0[0-9xXoObB].*", problem.given or ""):
            allowed = "a decimal number, or text in quotes"
        text = None if problem.text is None else self.text(problem.text)
        hint = None if problem.hint is None else self.text(problem.hint)
        return replace(
            problem, given=given, allowed=allowed, text=text, hint=hint, field=self.text(problem.field)
        )

    def text(self, text: str) -> str:
        """A message without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "(hidden)")
        return text

    def shown(self, value: Any) -> str:
        """A value of a field that is no secret, unless it looks like one."""
        if isinstance(value, str) and (_SECRET_LOOKING.search(value) or self.text(value) != value):
            return f"a text of {len(value)} characters"
        if isinstance(value, dict | list):
            return kind_of(value)
        return shown(value)


def _secrets(value: Any, is_secret: bool) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, is_secret or SECRET.search(key) is not None)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, is_secret)
    elif is_secret and isinstance(value, str) and not value.startswith(ENVIRONMENT):
        yield value


def kind_of(value: Any) -> str:
    names = {
        dict: "a mapping",
        list: "a list",
        str: "a text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "nothing")


__all__ = ["ENVIRONMENT", "SECRET", "Veil", "kind_of"]
