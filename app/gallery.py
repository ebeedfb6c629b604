"""The gallery of the library: what a card of each scenario says. Comes in: the library. Goes out: cards; draws nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app import own, state, text
from planner.errors import PlannerError, ScenarioError
from planner.scenario.fields import Scenario

SEEN_AS = {"text": "text", "vision": "images", "audio": "speech"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A scenario as the gallery shows it; one that cannot be read has a reason and no tags."""

    name: str
    title: str
    question: str = ""
    tags: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_own(self) -> bool:
        return own.is_own(self.name)


def cards(files: Mapping[str, Path]) -> tuple[Card, ...]:
    """A card for each file, one's own first."""
    found = [_card(name, file) for name, file in files.items()]
    return (*(card for card in found if card.is_own), *(card for card in found if not card.is_own))


def _card(name: str, file: Path) -> Card:
    try:
        scenario = state.scenario_of(file)
    except ScenarioError as error:
        many = len(error.problems)
        return Card(
            name=name, title=name, reason=f"{many} problem{'s' if many != 1 else ''} to mend before it runs"
        )
    except (OSError, PlannerError) as error:
        return Card(name=name, title=name, reason=f"cannot be read: {error}")
    return Card(name=name, title=scenario.name, question=scenario.question, tags=tags(scenario))


def tags(scenario: Scenario) -> tuple[str, ...]:
    """Volume, horizon, number of strategies and what requests hold, in words."""
    volume = scenario.requests_per_month()
    finance = scenario.finance
    strategies = len(scenario.strategies)
    held = {one for task in scenario.tasks.values() for one in task.modalities}
    return (
        "a recording" if volume is None else f"{text.count(volume)} requests/month",
        f"until {finance.until:%Y-%m-%d}"
        if finance.until is not None
        else f"{finance.horizon_months} month{'s' if finance.horizon_months != 1 else ''}",
        f"{strategies} strateg{'ies' if strategies != 1 else 'y'}",
        " + ".join(word for one, word in SEEN_AS.items() if one in held),
    )
