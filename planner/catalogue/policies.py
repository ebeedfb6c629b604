"""Policies of known clients and gateways, by name.

Comes in: data/policies.yaml. Goes out: fields of a policy as a scenario would give them, and what those systems do
otherwise.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogue.reading import given, read


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How one system calls: plain fields of a policy, with source and date."""

    name: str
    about: str
    policy: Mapping[str, Any]
    differs: tuple[str, ...]  # what it does otherwise than the fields can say
    as_of: str | None  # of sources that name a version only, None
    confidence: str
    source: str

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        dated = f", {self.as_of}" if self.as_of else ""
        return f"{self.about}; {self.source}{dated}; confidence {self.confidence}"


@cache
def preset(name: str) -> Preset:
    """The policy of a system by its name. Raises KeyError where nobody is called so."""
    row = read("policies")["policies"][name]
    return Preset(
        name=name,
        about=row["about"],
        policy=_plain(row["policy"]),
        differs=tuple(row["differs"]),
        as_of=given(row, "as_of"),
        confidence=row["confidence"],
        source=row["source"],
    )


def presets() -> tuple[str, ...]:
    """Names of all systems."""
    return tuple(read("policies")["policies"])


def _plain(content: Any) -> Any:
    """Numbers, true, false and null of texts; other texts as they are."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_plain(value) for value in content]
    try:
        return json.loads(content)
    except json.JSONDecodeError:
        return content
