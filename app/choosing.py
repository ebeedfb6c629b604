"""Which scenario, and what is changed of it: the head of the pages that show a comparison.

Compare, TCO and Sensitivity ask for the same, so they share one address and one memory: what is changed on one of them
is changed on all. Which inputs there are is decided in `app.inputs`, how they are drawn in `app.asking`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import asking, navigation, problems, running, sharing, state, text
from app.asking import ADDRESS, MOVED, WIDGET, Asking
from app.jobs import Job
from app.look import STYLE
from app.navigation import COMPARE_WRITTEN as WRITTEN
from app.state import Address
from planner.api import Comparison
from planner.errors import PlannerError, ScenarioError
from planner.scenario.fields import Scenario

PICKER = "scenario"
PAGE = "page shown"


@dataclass(frozen=True)
class Chosen:
    """A finished comparison and the address that asks for it."""

    comparison: Comparison
    address: Address
    share: DeltaGenerator  # where the page offers what can be taken away


def choose(title: str = "") -> Chosen | None:
    """Draw the head of a page, run what it asks for, and give the comparison; None where there is none to show.

    `title` stands before the scenario's name; problems are told in its place.
    """
    st.html(STYLE)
    files = state.library()
    if not files:
        st.error("The folder scenarios/ holds no scenario. Add a YAML file and reload the page.")
        return None
    head, picker, more, share = st.columns([6, 3, 2, 2], vertical_alignment="bottom")
    _forget_other_page(title)
    address = _synchronised(files)
    _pick(picker, files)
    share_place = sharing.head(share)
    notices = st.container()
    try:
        scenario = state.scenario_of(files[address.scenario])
    except ScenarioError as error:
        remember(address)
        _show_notices(notices)
        problems.show(error.problems, "the scenario", "nothing was run")
        return None
    ahead = _ask_ahead(scenario, address)
    with head:
        st.title(text.markdown(f"{title}: {scenario.name}" if title else scenario.name), anchor=False)
        st.caption(text.markdown(scenario.question))
    try:
        changed = state.with_models(scenario, address.values)
    except ScenarioError as error:  # a model that cannot serve here; the pickers show it and lead back
        asked = _ask(Asking(scenario, address, scenario), more)
        remember(address)
        asked.tell(error.problems, "the models")
        return None
    asked = _ask(Asking(changed.scenario, address, scenario), more)
    remember(address)
    _show_notices(notices)
    about_models = st.empty()  # a place in every run, so that what follows stays where it is
    if changed.notices:
        about_models.caption(" ".join(text.markdown(notice) for notice in changed.notices))
    progress = st.empty()
    try:
        found = running.comparison_of(state.applied(scenario, address.values), progress, ahead)
        return None if found is None else Chosen(found, address, share_place)
    except ScenarioError as error:
        asked.tell(error.problems, "the inputs")
    except PlannerError as error:
        st.error(text.markdown(str(error)))
    return None


def _ask_ahead(scenario: Scenario, address: Address) -> Job | None:
    """Have the comparison begun while the inputs are drawn; what is wrong with it is told where its result is asked for."""
    with suppress(PlannerError):
        return running.ask(state.applied(scenario, address.values))
    return None


def _ask(asked: Asking, more: DeltaGenerator) -> Asking:
    """The inputs, and under them what is changed with ways back."""
    asked.first_row()
    asked.tasks()
    asked.all_others()
    with more.popover("Seed and precision", width="stretch"):
        asked.luck()
    asked.ways_back()
    return asked


# -- address and widgets -------------------------------------------------------------------------


def _forget_other_page(page: str) -> None:
    """Widgets of another page hold nothing on this one, though their keys are the same: they are filled anew."""
    memory = st.session_state
    if memory.get(PAGE, page) != page:
        for key in [key for key in memory if str(key).startswith(WIDGET) or key == PICKER]:
            del memory[key]
    memory[PAGE] = page


def _synchronised(files: dict[str, Any]) -> Address:
    """The address of this run. A link that was opened or edited, or gone back to, wins over the widgets.

    A moved widget wins over the link: two quick moves send the second with the link from before the first.
    """
    params = st.query_params.to_dict()
    memory = st.session_state
    was_moved = memory.pop(MOVED, False)
    known = ADDRESS in memory and memory[ADDRESS].scenario in files
    if not known or (not was_moved and params not in (memory.get(WRITTEN), memory[ADDRESS].params())):
        memory[WRITTEN] = params
        address, notices = state.read(params, files)
        asking.go(address)
        memory.pop(MOVED, None)
        memory["notices"] = notices
    memory[PICKER] = memory[ADDRESS].scenario
    return memory[ADDRESS]


def _pick_scenario() -> None:
    asking.go(Address(st.session_state[PICKER], log=st.session_state[ADDRESS].log), words="another scenario")


def _pick(place: DeltaGenerator, files: dict[str, Any]) -> None:
    place.selectbox(
        "Scenario", list(files), key=PICKER, format_func=_scenario_words(files), on_change=_pick_scenario
    )


def _scenario_words(files: dict[str, Any]) -> Callable[[str], str]:
    def words(stem: str) -> str:
        try:
            return state.scenario_of(files[stem]).name
        except (ScenarioError, OSError):
            return f"{stem} (has problems)"

    return words


def remember(address: Address) -> None:
    """Write an address to the address bar, and lead the links to other pages there."""
    st.session_state["address"] = address
    params = address.params()
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
    st.session_state[WRITTEN] = params
    navigation.refresh()


def _show_notices(place: DeltaGenerator) -> None:
    for notice in st.session_state.get("notices", ()):
        place.warning(text.markdown(notice))
