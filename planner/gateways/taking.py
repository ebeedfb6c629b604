"""Typed values out of a plain tree that others wrote: what is wrong, and what was left, is noted with its place.

Comes in: a tree with lines and the environment; goes out: numbers, words and flags as LiteLLM takes them, problems, and
places that were not read.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from planner.errors import Problem
from planner.gateways.hiding import ENVIRONMENT, SECRET, Veil, kind_of
from planner.gateways.litellm_configuration import Unmapped
from planner.scenario.paths import Path, render
from planner.scenario.yaml_nodes import Document

NO_COUNTERPART = "no counterpart in the scenario language"
SECRET_REASON = "a secret, or may hold one: never kept, shown or exported"
_TRUE, _FALSE = ("yes", "y", "on", "true"), ("no", "n", "off", "false")  # YAML 1.1, which LiteLLM reads
_LONGEST_S = 86_400.0


@dataclass
class Taker:
    """Takes typed values out of a plain tree; what is wrong, and what was left, is noted."""

    document: Document
    file: str
    environment: dict[str, str]
    veil: Veil
    problems: list[Problem]
    unmapped: list[Unmapped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        lines = self.document.lines
        return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)

    def complain(self, path: Path, given: str, allowed: str, hint: str | None = None) -> None:
        if path not in self.document.unread:  # told as YAML already
            self.problems.append(
                Problem(
                    field=self.veil.text(render(path)),
                    file=self.file,
                    line=self.line(path),
                    given=given,
                    allowed=allowed,
                    hint=hint,
                )
            )

    def leave(self, path: Path, reason: str) -> None:
        self.unmapped.append(Unmapped(path=path, reason=reason))

    def value(self, tree: Mapping[str, Any], path: Path) -> tuple[Any, bool]:
        """(value at the last step of a path, whether it comes from the environment); None where there is none."""
        given = tree.get(str(path[-1]))
        if not isinstance(given, str) or not given.startswith(ENVIRONMENT):
            return given, False
        name = given.removeprefix(ENVIRONMENT)
        found = self.environment.get(name)
        if not found:
            self.complain(
                path,
                self.veil.text(f"{ENVIRONMENT}{name}"),
                "a value, or a variable of the environment that has one",
                self.veil.text(f"set {name}, or give --env {name}=VALUE"),
            )
            return None, True
        return found, True

    def told(self, value: Any, is_hidden: bool) -> str:
        return "the value of a variable of the environment" if is_hidden else self.veil.shown(value)

    def number(
        self, tree: Mapping[str, Any], path: Path, low: float = 0, *, whole: bool = False, unit: str = ""
    ) -> float | None:
        """A number >= low, as LiteLLM takes it: digits in quotes, too; `whole` numbers are given as such."""
        value, is_hidden = self.value(tree, path)
        if value is None:
            return None
        found = _number(value)
        if found is None or found < low or (whole and not found.is_integer()):
            noun = "whole number" if whole else "number"
            self.complain(
                path, self.told(value, is_hidden), f"{noun} >= {low:g}{f' ({unit})' if unit else ''}"
            )
            return None
        return found

    def count(self, tree: Mapping[str, Any], path: Path, low: float = 0, unit: str = "") -> int | None:
        found = self.number(tree, path, low, whole=True, unit=unit)
        return None if found is None else int(found)

    def time_s(self, tree: Mapping[str, Any], path: Path) -> float | None:
        """Seconds; 0 is none, as LiteLLM has it, and what is longer than a day counts as one."""
        found = self.number(tree, path, unit="s")
        if found is not None and found > _LONGEST_S:
            self.leave(path, f"longer than a day: {_LONGEST_S:g} s are taken")
            return _LONGEST_S
        return found or None

    def amount(self, tree: Mapping[str, Any], path: Path) -> Decimal | None:
        value, is_hidden = self.value(tree, path)
        found = _number(value)
        if value is None:
            return None
        if found is None or not 0 <= found <= 1:
            self.complain(path, self.told(value, is_hidden), "number 0 to 1 (USD per token)")
            return None
        try:
            return Decimal(repr(value) if isinstance(value, float) else str(value))
        except InvalidOperation:
            return Decimal(repr(found))

    def flag(self, tree: Mapping[str, Any], path: Path) -> bool | None:
        value, is_hidden = self.value(tree, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
            return value.lower() in _TRUE
        self.complain(path, self.told(value, is_hidden), "true or false")
        return None

    def word(self, tree: Mapping[str, Any], path: Path, *, needed: str = "") -> str | None:
        """Text that is not empty; `needed` says what for, where LiteLLM cannot do without."""
        value, is_hidden = self.value(tree, path)
        if isinstance(value, int | float) and not isinstance(value, bool) and not needed:
            return str(value)
        if isinstance(value, str) and value.strip():
            return value
        missing = value is None and not is_hidden
        if (missing and needed) or value is not None:
            self.complain(
                path, "nothing" if missing else self.told(value, is_hidden), f"text{needed and f', {needed}'}"
            )
        return None

    def mapping(self, tree: Mapping[str, Any], path: Path, allowed: str = "a mapping") -> dict[str, Any]:
        value = tree.get(str(path[-1]))
        if value is None or isinstance(value, dict):
            return value or {}
        self.complain(path, kind_of(value), allowed)
        return {}

    def rest(
        self, tree: Mapping[str, Any], path: Path, known: Iterable[str], reason: Callable[[str], str]
    ) -> None:
        """List all fields of a mapping that are not known, with the reason; values are not looked at."""
        for key, value in tree.items():
            if key in known or value is None:
                continue
            is_secret = SECRET.search(key) is not None
            self.leave((*path, key), SECRET_REASON if is_secret else reason(key))
            if isinstance(value, str) and value.startswith(ENVIRONMENT):
                name = value.removeprefix(ENVIRONMENT)
                if not self.environment.get(name):
                    line = self.line((*path, key))
                    place = f"{self.file}:{line}" if line is not None else self.file
                    self.warnings.append(
                        self.veil.text(
                            f"{place}: {render((*path, key))}: {value} has no value here; it is not needed for a "
                            "plan, and LiteLLM would have to do without"
                        )
                    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not re.fullmatch(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*", value):
            return None
        value = float(value)
    if isinstance(value, int | float) and abs(value) <= 1e15:
        return float(value)
    return None


__all__ = ["NO_COUNTERPART", "Taker"]
