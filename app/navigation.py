"""Links between the pages. Each leads to what the other page showed last, with the scenario of this one."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import asked, state

COMPARE_WRITTEN = "written"  # the address that each page wrote last, in the memory of the session
FAILOVER_WRITTEN = "drill:written"


def show(place: DeltaGenerator, compare: Any, failover: Any, chosen: Any) -> None:
    """Draw the links; that of the page that is shown is disabled."""
    is_compare = chosen.url_path == compare.url_path
    here, there = COMPARE_WRITTEN, FAILOVER_WRITTEN
    if not is_compare:
        here, there = there, here
    leads = onward(dict(st.session_state.get(here, {})), dict(st.session_state.get(there, {})))
    with place.container():
        row = st.container(horizontal=True, gap="small")
        row.page_link(compare, disabled=is_compare, query_params=None if is_compare else leads)
        row.page_link(failover, disabled=not is_compare, query_params=leads if is_compare else None)


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
        found |= {name: value for name, value in there.items() if name in asked.OWN}
    return found
