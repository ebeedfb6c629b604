"""Runs a comparison once for each scenario, with a progress bar; only results are remembered, never failures."""

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import planner
from planner.api import Comparison
from planner.scenario.fields import Scenario

ENGINE = "compiled"
REPORT_EVERY_S = 0.1


class _NotKept(Exception):
    """Nothing is remembered under a key. Raised inside the cache, which keeps no exceptions."""


@st.cache_data(max_entries=16, show_spinner=False)
def _kept(
    scenario_hash: str, engine: str, replications: int, version: str, _fresh: Comparison | None
) -> Comparison:
    """The remembered comparison, or the fresh one, which is remembered from now on."""
    if _fresh is None:
        raise _NotKept
    return _fresh


def comparison_of(scenario: Scenario, place: DeltaGenerator) -> Comparison:
    """The comparison of a scenario, remembered or computed with a progress bar at `place`.

    A rerun that Streamlit asks for while it computes (a moved slider, a closed tab) ends the run, because
    drawing the bar raises then. Raises PlannerError where the run cannot be done.
    """
    key = (scenario.hash, ENGINE, scenario.run.replications, planner.__version__)
    try:
        return _kept(*key, None)
    except _NotKept:
        pass
    bar = place.progress(0.0, text=_words(0, 1))
    shown_s = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s >= REPORT_EVERY_S:
            bar.progress(min(done / max(total, 1), 1.0), text=_words(done, total))
            shown_s = now_s

    try:
        fresh = planner.compare(scenario, engine=ENGINE, report=report)
    finally:
        place.empty()
    return _kept(*key, fresh)


def _words(done: int, total: int) -> str:
    return f"Simulating every strategy on the same traffic: {done / max(total, 1):.0%}"
