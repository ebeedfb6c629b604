"""A LiteLLM configuration that was dropped on the page: read into a scenario at once, and not kept itself.

What stays is the scenario's text, which holds no secret, what could not be said in it, and prices that are missing.
References to variables of the environment get no value here: this machine's are nobody's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.errors import PlannerError, Problem, ScenarioError
from planner.gateways import import_litellm
from planner.scenario.fields import Scenario
from planner.scenario.reading import loads

MOST_BYTES = 1_000_000
NAME = "imported.yaml"


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """What became of a configuration: a scenario's text, or why there is none."""

    file: str
    text: str = ""
    notices: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    failure: str = ""

    def scenario(self, prices: Mapping[str, Any]) -> Scenario:
        """The scenario with the prices that were missing. Raises ScenarioError."""
        return loads(self.text, NAME, overrides=prices)


def read(content: bytes, file: str) -> Dropped:
    """What a file holds; never raises."""
    if len(content) > MOST_BYTES:
        return Dropped(
            file=file,
            failure=f"It holds {len(content):,} bytes; allowed: at most {MOST_BYTES:,}.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Dropped(file=file, failure="It is no text in UTF-8.")
    try:
        found = import_litellm(text, file, {})
    except ScenarioError as error:
        return Dropped(file=file, problems=error.problems)
    except PlannerError as error:
        return Dropped(file=file, failure=str(error))
    return Dropped(
        file=file, text=found.text, notices=(*found.warnings, *found.notices), unpriced=found.unpriced
    )
