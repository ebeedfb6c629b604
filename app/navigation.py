"""Links between the pages. Each leads to what the other page showed last, with the scenario of this one."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import asked, state

COMPARE_WRITTEN = (
    "written"  # the address that the pages of a comparison wrote last, in the memory of the session
)
FAILOVER_WRITTEN = "drill:written"
DRAWN = "links drawn"  # in the memory of the session: place, pages and the shown one, of this run
FAILOVER = "failover"  # the one page with an address of its own


def show(place: DeltaGenerator, pages: Sequence[Any], chosen: Any) -> None:
    """Draw the links; that of the page that is shown is disabled.

    Pages of a comparison share one address, so a link between them leads to the same; from and to Failover the scenario
    and its changes are taken along.
    """
    memory = st.session_state
    memory[DRAWN] = place, pages, chosen
    is_failover = chosen.url_path == FAILOVER
    here, there = (FAILOVER_WRITTEN, COMPARE_WRITTEN) if is_failover else (COMPARE_WRITTEN, FAILOVER_WRITTEN)
    same = dict(memory.get(here, {}))
    other = onward(same, dict(memory.get(there, {})))
    with place.container():
        row = st.container(horizontal=True, gap="small")
        for page in pages:
            leads = same if (page.url_path == FAILOVER) == is_failover else other
            is_shown = page.url_path == chosen.url_path
            row.page_link(page, disabled=is_shown, query_params=None if is_shown else leads)


def refresh() -> None:
    """Draw the links once more, to what the page asks for by now: before long work, during which they may be followed."""
    drawn = st.session_state.get(DRAWN)
    if drawn is not None:
        show(*drawn)


def onward(here: dict[str, str], there: dict[str, str]) -> dict[str, str]:
    """The address of the other page: this page's scenario and changes, and what only the other one asks for.

    >>> onward({"v": "1", "scenario": "a", "provider": "x"}, {"v": "1", "scenario": "a", "run.seed": "2"})
    {'v': '1', 'scenario': 'a'}
    >>> onward({"v": "1", "scenario": "a", "run.seed": "2"}, {"v": "1", "scenario": "a", "provider": "x"})
    {'v': '1', 'scenario': 'a', 'run.seed': '2', 'provider': 'x'}
    """
    found = {name: value for name, value in here.items() if name not in asked.OWN}
    found = {"v": state.VERSION, **found} if found else found
    if there.get("scenario") == here.get("scenario"):
        found |= {name: value for name, value in there.items() if name in asked.OWN or name == state.LOG}
    return found
