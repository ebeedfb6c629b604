"""The menu "Share": the link, the decision memo to take away, and the memo that is dropped and opens what it was made of."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import asking, logs, memos, own, state
from app.state import Address
from planner.api import Comparison, Log
from planner.errors import PlannerError
from planner.memos import LogNote
from planner.scenario.reading import read_text


def head(place: DeltaGenerator) -> DeltaGenerator:
    """Draw the menu; gives the place for what the page offers once it has something to show."""
    with place.popover("Share", width="stretch"):
        st.markdown(
            "The address bar is the link: it holds the scenario and what you changed. A scenario of your own opens only on "
            "the server where it was saved, and a dropped log in no link at all; the memo holds both."
        )
        offers = st.container()
        opened = memos.drop(_keep)
    if opened is not None:
        _open(opened)
    return offers


def offer(place: DeltaGenerator, comparison: Comparison, address: Address) -> None:
    """The decision memo of what the page shows."""
    with place:
        memos.offer(comparison, address, read_text(state.library()[address.scenario]), _log_of(address))


def _log_of(address: Address) -> LogNote | None:
    log = None if address.log is None else logs.kept(address.log)
    if log is None:
        return None
    return LogNote(name=log.source, rows=log.n, hex=log.hex, content=log.to_bytes())


def _keep(name: str, content: str) -> str:
    """Keep the scenario of a memo among those of one's own; its name in the library."""
    found = own.free_name(name)
    own.save(found, content)
    return found


def _open(opened: memos.Opened) -> None:
    """Go to what a memo asks for; its log, where it holds one, is in this session from now on."""
    note = opened.state.log
    notices = opened.notices
    address = opened.address
    if note is not None and note.content is not None:
        try:
            address = Address(address.scenario, address.values, logs.keep(Log.from_bytes(note.content)))
        except PlannerError as error:
            notices = (*notices, f"The log of the memo cannot be read: {error}")
    asking.go(address, words="a memo")
    st.session_state["notices"] = notices
    st.rerun()


__all__ = ["head", "offer"]
