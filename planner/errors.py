"""Errors a user can meet, and the Problem that every complaint about input is made of.

    PlannerError
    ├── ScenarioError      bad input: all problems at once, nothing was run
    ├── CatalogueError     a model, provider, device or GPU that the catalogue does not know
    │   └── PriceUnknown   a price asked for at a date at which it is not known
    └── LoadExceedsCapacity  a run that had more requests in flight than `run.max_in_flight`

An impossible state inside the program is an assertion, never one of these.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class PlannerError(Exception):
    """Base of every error that is meant for the user's eyes."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One complaint about input: where it stands, what was given and what is allowed.

    `field` is a path in the grammar of `planner.scenario.paths`. A `text` replaces the
    "got ...; allowed: ..." form where a rule reads better as a sentence.
    """

    field: str
    file: str = ""
    line: int | None = None
    given: str | None = None
    allowed: str | None = None
    hint: str | None = None
    text: str | None = None

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        if self.text is not None:
            message = self.text
        elif self.given is not None:
            message = f"got {self.given}; allowed: {self.allowed}"
        else:
            message = f"allowed: {self.allowed}"
        hint = f"; {self.hint}" if self.hint else ""
        return ": ".join(part for part in (place, self.field, message + hint) if part)


class ScenarioError(PlannerError):
    """A scenario that cannot be run, with every problem that was found in it."""

    def __init__(self, problems: Iterable[Problem], source: str = "the scenario") -> None:
        self.problems = tuple(problems)
        self.source = source
        assert self.problems, "a ScenarioError without a problem says nothing"
        super().__init__(self.problems, source)

    def __str__(self) -> str:
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        return "\n".join([*map(str, self.problems), f"{count} {noun} in {self.source}; nothing was run."])


class CatalogueError(PlannerError):
    """The catalogue does not hold what was asked for."""


class PriceUnknown(CatalogueError):
    """No price is known at the date asked for; the message says since when one is."""


class LoadExceedsCapacity(PlannerError):
    """More requests were in flight than `run.max_in_flight`: the load exceeds the capacity."""
