"""Which scenario, and what is changed of it: the head of the pages that show a comparison.

Compare, TCO and Sensitivity ask for the same, so they share one address and one memory: what is changed on one of them
is changed on all. Which inputs there are is decided in `app.state`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import problems, state, text
from app.look import STYLE
from app.navigation import COMPARE_WRITTEN as WRITTEN
from app.running import comparison_of
from app.state import Address, Input
from planner.api import Comparison
from planner.errors import PlannerError, ScenarioError
from planner.scenario.fields import Scenario

PICKER = "scenario"
WIDGET = "in:"  # keys of the inputs
MOVED = "moved"
PAGE = "page shown"


@dataclass(frozen=True)
class Chosen:
    """A finished comparison and the address that asks for it."""

    comparison: Comparison
    address: Address


def choose(title: str = "") -> Chosen | None:
    """Draw the head of a page, run what it asks for, and give the comparison; None where there is none to show.

    `title` stands before the scenario's name; problems are told in its place.
    """
    st.html(STYLE)
    files = state.library()
    if not files:
        st.error("The folder scenarios/ holds no scenario. Add a YAML file and reload the page.")
        return None
    head, picker, more = st.columns([6, 3, 2], vertical_alignment="bottom")
    _forget_other_page(title)
    address = _synchronised(files)
    _pick(picker, files)
    notices = st.container()  # filled at the end: a changed input takes them away
    try:
        scenario = state.scenario_of(files[address.scenario])
    except ScenarioError as error:
        _remember(address)
        _show_notices(notices)
        problems.show(error.problems, "the scenario", "nothing was run")
        return None
    with head:
        st.title(text.markdown(f"{title}: {scenario.name}" if title else scenario.name), anchor=False)
        st.caption(text.markdown(scenario.question))
    address = _ask(scenario, address, more)
    _remember(address)
    _show_notices(notices)
    progress = st.empty()
    try:
        return Chosen(comparison_of(state.applied(scenario, address.values), progress), address)
    except ScenarioError as error:
        problems.show(error.problems, "the scenario", "nothing was run")
    except PlannerError as error:
        st.error(text.markdown(str(error)))
    return None


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
    known = "address" in memory and memory["address"].scenario in files
    if not known or (not was_moved and params not in (memory.get(WRITTEN), memory["address"].params())):
        memory[WRITTEN] = params
        address, memory["notices"] = state.read(params, files)
        _start_from(address)
    return memory["address"]


def _start_from(address: Address) -> None:
    """Make an address the state: widgets are filled anew from it."""
    memory = st.session_state
    memory["address"], memory[PICKER] = address, address.scenario
    for key in [key for key in memory if str(key).startswith(WIDGET)]:
        del memory[key]


def _moved() -> None:
    """Called when the user has changed an input: what was said about the link is done with."""
    st.session_state[MOVED] = True
    st.session_state["notices"] = ()


def _restart(scenario: str | None = None) -> None:
    """Start from a scenario as its file has it: the given one, or the one just picked."""
    _moved()
    _start_from(Address(scenario or st.session_state[PICKER]))


def _pick(place: DeltaGenerator, files: dict[str, Any]) -> None:
    # Another page was shown in between: Streamlit has forgotten what a picker held that was not on it.
    st.session_state.setdefault(PICKER, st.session_state["address"].scenario)
    place.selectbox(
        "Scenario", list(files), key=PICKER, format_func=_scenario_words(files), on_change=_restart
    )


def _scenario_words(files: dict[str, Any]) -> Callable[[str], str]:
    def words(stem: str) -> str:
        try:
            return state.scenario_of(files[stem]).name
        except (ScenarioError, OSError):
            return f"{stem} (has problems)"

    return words


def _ask(scenario: Scenario, address: Address, more: DeltaGenerator) -> Address:
    """Show the inputs; the address with what they now hold."""
    values = dict(address.values)
    asked = state.inputs(scenario)
    grid = st.grid(columns=min(len(asked), 5), min_column_width=215, gap="small")
    for one in asked:
        with grid.cell():
            _take(values, one, _widget(one, values.get(one.name, one.base)))
    with more.popover("Seed and precision", width="stretch"):
        for one in state.luck_inputs(scenario):
            _take(values, one, _widget(one, values.get(one.name, one.base)))
    found = Address(address.scenario, values)
    told = state.changed(scenario, values)
    if told:
        words, button = st.columns([5, 1], vertical_alignment="center")
        words.caption("Changed: " + text.markdown("; ".join(told)))
        button.button("Reset all", on_click=_restart, args=(address.scenario,), width="stretch")
    return found


def _widget(one: Input, value: Any) -> Any:
    """Draw an input; what it holds now. Its range widens where a link asks for more than it offers."""
    key = WIDGET + one.name
    held = one.held(value)
    st.session_state.setdefault(key, held)
    now = st.session_state[key]
    common: Any = {"key": key, "help": text.markdown(one.help), "on_change": _moved}
    if one.kind == "size":
        return st.select_slider(one.label, one.sizes(now), format_func=_size_words, **common)
    if one.kind == "whole":
        return st.number_input(one.label, int(one.low), int(one.high), step=1, **common)
    low, high = min(one.low, now), max(one.high, now)
    if one.kind == "minutes" and now == int(now):
        return st.slider(one.label, int(low), int(high), step=int(one.step), **common)
    form = "percent" if one.kind == "share" else None
    return st.slider(one.label, float(low), float(high), step=float(one.step), format=form, **common)


def _size_words(size: float | None) -> str:
    return "from the recording" if size is None else f"{size:,.15g}"


def _take(values: dict[str, Any], one: Input, value: Any) -> None:
    """Note what an input holds; its own base is no change."""
    value = round(value, 6) if isinstance(value, float) else value  # a slider's steps are no exact decimals
    if value is None or value == one.held(one.base):
        values.pop(one.name, None)
    else:
        values[one.name] = value


def _remember(address: Address) -> None:
    st.session_state["address"] = address
    params = address.params()
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
    st.session_state[WRITTEN] = params


def _show_notices(place: DeltaGenerator) -> None:
    for notice in st.session_state.get("notices", ()):
        place.warning(text.markdown(notice))
