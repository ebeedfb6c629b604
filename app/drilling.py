"""Runs drills and studies of limits from the page, with a progress bar; only results are remembered, never failures."""

import time
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import planner
from app.asked import Asked
from app.running import ENGINE, REPORT_EVERY_S
from planner.api import Drill
from planner.experiments.limits import LimitReport, why_429
from planner.scenario.fields import Scenario

Report = Callable[[int, int], None]


class _NotKept(Exception):
    """Nothing is remembered under a key. Raised inside the cache, which keeps no exceptions."""


@st.cache_data(max_entries=24, show_spinner=False)
def _kept(key: tuple[Any, ...], _fresh: Any) -> Any:
    if _fresh is None:
        raise _NotKept
    return _fresh


def drill_of(
    scenario: Scenario, asked: Asked, place: DeltaGenerator, words: str, *, quota: bool = False
) -> Drill:
    """The drill of a scenario, remembered or computed with a progress bar at `place`.

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
    found: Drill = _remembered(
        key, place, words, lambda report: planner.drill(scenario, engine=ENGINE, report=report, **given)
    )
    return found


def limits_of(scenario: Scenario, place: DeltaGenerator) -> LimitReport:
    """Why requests of a scenario meet rate limits, remembered or computed likewise."""
    key = ("limits", scenario.hash, ENGINE, planner.__version__)
    found: LimitReport = _remembered(
        key,
        place,
        "Trying every kind of limit",
        lambda report: why_429(scenario, engine=ENGINE, report=report),
    )
    return found


def _remembered(key: tuple[Any, ...], place: DeltaGenerator, words: str, run: Callable[[Report], Any]) -> Any:
    try:
        return _kept(key, None)
    except _NotKept:
        pass
    bar = place.progress(0.0, text=f"{words}: 0%")
    shown_s = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s >= REPORT_EVERY_S:
            share = min(done / max(total, 1), 1.0)
            bar.progress(share, text=f"{words}: {share:.0%}")
            shown_s = now_s

    try:
        fresh = run(report)
    finally:
        place.empty()
    return _kept(key, fresh)
