"""The comparison of a scenario, computed once for each scenario: long work, as `app.jobs` does it."""

import gc
from collections.abc import Callable

import planner
from app import jobs
from app.jobs import Job, Place
from planner.api import Comparison
from planner.experiments.memory import CellMemory
from planner.scenario.fields import Scenario

ENGINE = "compiled"
#: Of all sessions: what a change of an input cannot have touched is not simulated again.
MEMORY = CellMemory()
WORDS = "Simulating every strategy on the same traffic"


def key_of(scenario: Scenario) -> jobs.Key:
    """What a comparison depends on."""
    return ("compare", scenario.hash, ENGINE, planner.__version__)


def comparison_of(scenario: Scenario, place: Place, asked: Job | None = None) -> Comparison | None:
    """The comparison of a scenario, remembered or waited for at `place`; None where it was cancelled.

    `asked` is what `ask` gave for it in this run of the page.

    Raises PlannerError where the run cannot be done.
    """
    return jobs.result_of(key_of(scenario), _work(scenario), place, WORDS, kind="compare", asked=asked)


def ask(scenario: Scenario) -> Job | None:
    """Let the comparison of a scenario go on while the page draws what stands above it."""
    return jobs.ask(key_of(scenario), _work(scenario), kind="compare")


def begin(scenario: Scenario) -> None:
    """Begin the comparison of a scenario before a page asks for it."""
    jobs.begin(key_of(scenario), _work(scenario))


def _work(scenario: Scenario) -> Callable[[jobs.Report], Comparison]:
    return lambda report: planner.compare(scenario, engine=ENGINE, report=report, memory=MEMORY)


# What the engine and its libraries brought into memory stays until the end: collections need not walk through it again.
# A comparison makes some hundred thousand objects, nearly all of which go by themselves: looking through them as often as
# Python and Streamlit do by default was a tenth of a second of each.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 10, 5)
