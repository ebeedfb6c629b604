"""Links between the pages. Each leads to what the other page showed last, with the scenario of this one."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import asked, asking, state

COMPARE_WRITTEN = (
    "written"  # the address that the pages of a comparison wrote last, in the memory of the session
)
FAILOVER_WRITTEN = "drill:written"
DRAWN = "links drawn"  # in the memory of the session: place, pages, the shown one and where links lead, of this run
FAILOVER = "failover"  # the one page with an address of its own


def show(place: DeltaGenerator, pages: Sequence[Any], chosen: Any) -> None:
    """Draw the links; that of the page that is shown is disabled. `refresh` draws them again where that leads elsewhere."""
    _draw(place, pages, chosen, _leads(chosen))


def refresh() -> None:
    """Draw the links once more where the page asks for something else by now: before long work, during which they may be
    followed, and at the end.
    """
    drawn = st.session_state.get(DRAWN)
    if drawn is None:
        return
    place, pages, chosen, leads = drawn
    now = _leads(chosen)
    if now != leads:
        _draw(place, pages, chosen, now)


Leads = tuple[dict[str, str], dict[str, str]]  # to pages with the same address, and to the others


def _leads(chosen: Any) -> Leads:
    """Where links lead from a page.

    Pages of a comparison share one address, so a link between them leads to the same; from and to Failover the scenario
    and its changes are taken along. An input that was just moved is written by the page in a moment; it counts already.
    """
    memory = st.session_state
    here, there = COMPARE_WRITTEN, FAILOVER_WRITTEN
    if chosen.url_path == FAILOVER:
        here, there = there, here
    same = dict(memory.get(here, {}))
    if here == COMPARE_WRITTEN and memory.get(asking.MOVED):
        same = memory[asking.ADDRESS].params()
    return same, onward(same, dict(memory.get(there, {})))


def _draw(place: DeltaGenerator, pages: Sequence[Any], chosen: Any, leads: Leads) -> None:
    st.session_state[DRAWN] = place, pages, chosen, leads
    same, other = leads
    is_failover = chosen.url_path == FAILOVER
    row = place.container(horizontal=True, gap="small")
    for page in pages:
        to = same if (page.url_path == FAILOVER) == is_failover else other
        is_shown = page.url_path == chosen.url_path
        row.page_link(page, disabled=is_shown, query_params=None if is_shown else to)


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
