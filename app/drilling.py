"""Runs drills and studies of limits from the page: long work, as `app.jobs` does it."""

from typing import Any

import planner
from app import jobs
from app.asked import Asked
from app.jobs import Place
from app.running import ENGINE
from planner.api import Drill
from planner.experiments.limits import LimitReport, why_429
from planner.scenario.fields import Scenario


def drill_of(
    scenario: Scenario, asked: Asked, place: Place, words: str, *, quota: bool = False
) -> Drill | None:
    """The drill of a scenario, remembered or waited for at `place`; None where it was cancelled.

    Raises PlannerError where it cannot be done.
    """
    assert asked.provider is not None, "a drill needs a provider"
    given: dict[str, Any] = {
        "provider": asked.provider,
        "minutes": float(asked.minutes),
        "at": asked.at,
        **asked.figures(),
        "replications": asked.replications,
        "quota": quota,
    }
    key = ("drill", scenario.hash, ENGINE, planner.__version__, *sorted(given.items()))
    return jobs.result_of(
        key,
        lambda report: planner.drill(scenario, engine=ENGINE, report=report, **given),
        place,
        words,
        kind=f"drill {words}",
    )


def limits_of(scenario: Scenario, place: Place) -> LimitReport | None:
    """Why requests of a scenario meet rate limits, remembered or computed likewise."""
    key = ("limits", scenario.hash, ENGINE, planner.__version__)
    return jobs.result_of(
        key,
        lambda report: why_429(scenario, engine=ENGINE, report=report),
        place,
        "Trying every kind of limit",
        kind="limits",
    )
