"""The inputs in the body of the page: drawn from the address, written back to it, marked where changed, with ways back.

The address is the only state: every widget is filled from it before it is drawn, and a change of a widget, a way back, an
undo and a fix are all changes of the address. What it was before each of them is kept, so that each can be undone.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import forms, inputs, pasting, problems, state, text
from app.inputs import REQUESTS, USERS, Input
from app.state import OUTAGE, Address
from planner.errors import Problem, ScenarioError
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.offers import TIERS, slot

WIDGET = "in:"  # keys of the inputs
TASK = "in:task shown"
ADDRESS = "address"
HISTORY = "addresses before"
UNDOABLE = 50
MOVED = "moved"
LAST = "input changed last"
SIX_ON_A_LAPTOP = 200  # px; six inputs stand in one row at 1,440 px, scroll bar and margins taken off
FORM = "all"  # prefix of the keys of the form
CHANGED = "● "  # before the label of an input that differs from the file
UNITS = {REQUESTS: "Requests per month", USERS: "Active users per day"}


# -- changes of the address --------------------------------------------------------------------------


def go(address: Address, *, words: str = "") -> None:
    """Make another address the state, so that it can be undone. For callbacks."""
    memory = st.session_state
    before = memory.get(ADDRESS)
    if before is not None and before != address:
        memory[HISTORY] = [*memory.get(HISTORY, []), (before, words)][-UNDOABLE:]
    memory[ADDRESS] = address
    memory[MOVED] = True
    memory["notices"] = ()


def change(changes: Mapping[str, Any], words: str = "") -> None:
    """Set values of the address; those that the scenario has anyway are left out. For callbacks."""
    address: Address = st.session_state[ADDRESS]
    values = {**address.values, **changes}
    with suppress(ScenarioError):  # the page tells what is wrong with them
        values = state.tidy(state.scenario_of(state.library()[address.scenario]), values, changes)
    go(replace(address, values=values), words=words)


def _use_sizes(changes: Mapping[str, Any], words: Sequence[str]) -> None:
    """Take over what was counted of pasted texts. For callbacks."""
    change(changes, words="; ".join(words))


def _switch_unit(wanted: str) -> None:
    """Give the volume in requests or in users. For callbacks."""
    address: Address = st.session_state[ADDRESS]
    scenario = state.scenario_of(state.library()[address.scenario])
    with suppress(ScenarioError):  # the page tells what is wrong with the values as they are
        values = inputs.in_unit(scenario, state.applied(scenario, address.values), address.values, wanted)
        go(replace(address, values=state.tidy(scenario, values)), words=UNITS[wanted])


def restore(*names: str) -> None:
    """Let values be as the file has them. For callbacks."""
    address: Address = st.session_state[ADDRESS]
    back = inputs.together(names, address.values)
    left = {name: value for name, value in address.values.items() if name not in back}
    go(replace(address, values=left), words=f"back: {', '.join(names)}")


def restore_all() -> None:
    """Let everything be as the file has it. For callbacks."""
    address: Address = st.session_state[ADDRESS]
    go(replace(address, values={}), words="back: everything")


def with_log(address: Address, log: str | None) -> Address:
    """The address with another log beside it; no change that could be undone."""
    if log == address.log:
        return address
    found = replace(address, log=log)
    st.session_state[ADDRESS] = found
    return found


def undo() -> None:
    """Go back to the address before the last change. For callbacks."""
    memory = st.session_state
    if memory.get(HISTORY):
        *rest, (before, _) = memory[HISTORY]
        memory[HISTORY], memory[ADDRESS], memory[MOVED], memory["notices"] = rest, before, True, ()


# -- drawing -----------------------------------------------------------------------------------------


class Asking:
    """The inputs of one run of the page. Problems found later are told under the input they are about."""

    def __init__(self, scenario: Scenario, address: Address, file: Scenario) -> None:
        """`scenario` is the one that values are changes of: that of the `file`, with the models of the address."""
        self.scenario, self.address, self.file = scenario, address, file
        self._under: dict[str, DeltaGenerator] = {}

    def first_row(self) -> None:
        """Models, volume, growth, shares and an outage."""
        asked = inputs.inputs(self.scenario, self.address.values)
        grid = st.grid(columns=min(len(asked), 6), min_column_width=SIX_ON_A_LAPTOP, gap="small")
        for one in asked:
            place = grid.cell()
            with place:
                if one.name in UNITS:
                    self._volume(one)
                else:
                    self._input(one, place)

    def tasks(self) -> None:
        """Sizes of prompts and answers and the cost of a wrong answer, of one task at a time."""
        names = list(self.scenario.tasks)
        if st.session_state.get(TASK) not in names:
            st.session_state[TASK] = names[0]
        asked_columns = st.grid(columns=5 if len(names) > 1 else 4, min_column_width=215, gap="small")
        if len(names) > 1:
            changed = {name for name in names if any(_is_about(path, name) for path in self.address.values)}
            with asked_columns.cell():
                st.selectbox(
                    "Task",
                    names,
                    key=TASK,
                    format_func=lambda name: f"{CHANGED}{name}" if name in changed else name,
                    help="Which kind of request the next three inputs are about.",
                )
        for one in inputs.task_inputs(self.scenario, st.session_state[TASK]):
            place = asked_columns.cell()
            with place:
                self._input(one, place)
        if self.scenario.traffic.trace is None:
            with asked_columns.cell():
                st.caption("Or count them")
                pasting.paste(self.scenario, st.session_state[TASK], apply=_use_sizes)

    def all_others(self) -> None:
        """Every other field of the language, a section at a time; drawn while they are unfolded only."""
        fold = st.expander("All other inputs", key="all others", on_change="rerun")
        if not fold.open:
            return
        values = {name: value for name, value in self.address.values.items() if name != OUTAGE}
        now, found = forms.as_far_as_valid(self.file, values, state.applied)
        was_moved = forms.is_moved(FORM)
        with fold:
            section = forms.choose_section(now, self.scenario, key=FORM, found=found)
            after = forms.form(now, self.scenario, section=section, key=FORM, problems=found)
        before = {name: value for name, value in values.items() if _is_of(name, section)}
        if was_moved and after != before:
            kept = {name: value for name, value in self.address.values.items() if not _is_of(name, section)}
            go(replace(self.address, values={**kept, **after}), words=section)
            st.rerun()

    def luck(self) -> None:
        """Seed and number of windows."""
        for one in inputs.luck_inputs(self.scenario):
            place = st.container(gap="small")
            with place:
                self._input(one, place)

    def ways_back(self) -> None:
        """What is changed, each with a way back; undo, and everything back."""
        told = state.changed(self.file, self.address.values)
        can_undo = bool(st.session_state.get(HISTORY))
        # There in every run, though it may be empty: what follows stays in its place and need not be drawn anew.
        place = st.container(horizontal=True, gap="small", key="ways-back")
        if not told and not can_undo:
            return
        with place:
            for name, words in zip(self.address.values, told, strict=True):
                st.button(
                    text.markdown(f"↺ {words}"),
                    key=f"back:{name}",
                    help=f"Back to the file's value: {text.markdown(name)}",
                    on_click=restore,
                    args=(name,),
                )
            st.button("↶ Undo", key="undo", disabled=not can_undo, on_click=undo, help=_undo_words())  # fmt: skip
            if told:
                st.button("Reset all", key="reset all", on_click=restore_all)

    def tell(self, found: Sequence[Problem], what: str) -> None:
        """Problems of the values: at the input that they are about where there is one, all of them in a list."""
        last = self._under.get(st.session_state.get(LAST, ""))
        for problem in found:
            place = self._under.get(self._input_of(problem.field), last)
            if place is not None:
                place.error(text.markdown(problems.said(problem)))
        problems.show(found, what, "nothing was run")

    def _input_of(self, field: str) -> str:
        """The input that a problem's field belongs to: itself, the longest one that it lies in, or a tier's model."""
        inside = [name for name in self._under if field == name or field.startswith((f"{name}.", f"{name}["))]
        if not inside:
            inside = [
                tier
                for tier in TIERS
                if (here := slot(self.scenario, tier)) is not None
                and any(field == paths.render(("deployments", name, "model")) for name in here.deployments)
            ]
        return max(inside, key=len, default="")

    # -- one input -----------------------------------------------------------------------------------

    def _volume(self, one: Input) -> None:
        """Requests or users, whichever is wanted, with a way to the other."""
        names = list(UNITS)
        other = names[1 - names.index(one.name)]
        with st.container(gap=None):
            place = st.container(gap="small")
            with place:
                self._input(one, place)
            st.button(
                f"in {UNITS[other][:1].lower()}{UNITS[other][1:]}",
                key="other unit",
                type="tertiary",
                help="Give the volume in the other unit; the traffic stays the same, to three digits.",
                disabled=self.scenario.traffic.trace is not None,
                on_click=_switch_unit,
                args=(other,),
            )

    def _input(self, one: Input, place: DeltaGenerator) -> None:
        """The widget of an input; `place` is what holds it alone, for what is wrong with it stands at its end."""
        key = WIDGET + one.name
        now = one.held(inputs.value_in(self.scenario, one, self.address.values))
        st.session_state[key] = now
        label = (CHANGED if one.name in self.address.values else "") + one.label
        common: Any = {
            "key": key,
            "help": text.markdown(one.help),
            "on_change": _take,
            "args": (self.scenario, one),
        }
        _draw(one, label, now, common)
        self._under[one.name] = place


def _draw(one: Input, label: str, now: Any, common: dict[str, Any]) -> None:
    """The widget of an input. Its range widens where a link asks for more than it offers."""
    if one.kind == "model":
        words = dict(zip(one.choices, one.words, strict=True))
        choices = one.choices if now in one.choices else (*one.choices, now)
        st.selectbox(label, choices, format_func=lambda choice: words.get(choice, choice), **common)
    elif one.kind in ("whole", "tokens") or (one.kind == "size" and _is_whole(one, now)):
        low, high = min(int(one.low), now or 0), max(int(one.high), now or 0)
        st.number_input(
            label,
            low,
            high,
            step=int(one.step),
            placeholder="as recorded" if now is None else None,
            **common,
        )
    elif one.kind in ("size", "usd"):
        st.number_input(
            label, float(one.low), float(one.high), step=float(one.step), format=_digits(now), **common
        )
    else:
        low, high = min(one.low, now), max(one.high, now)
        if one.kind == "minutes" and now == int(now):
            st.slider(label, int(low), int(high), step=int(one.step), **common)
        else:
            form = "percent" if one.kind == "share" else None
            st.slider(label, float(low), float(high), step=float(one.step), format=form, **common)


def _is_whole(one: Input, now: Any) -> bool:
    return all(value is None or value == int(value) for value in (now, one.base))


def _digits(now: Any) -> str:
    """As many decimals as the value has, at least two."""
    decimals = len(f"{float(now or 0):.10f}".rstrip("0").partition(".")[2])
    return f"%.{min(max(decimals, 2), 8)}f"


def _take(scenario: Scenario, one: Input) -> None:
    """Called when a widget has been changed: its value becomes one of the address."""
    st.session_state[LAST] = one.name
    value = st.session_state[WIDGET + one.name]
    value = round(value, 10) if isinstance(value, float) else value  # a slider's steps are no exact decimals
    if value is None or value == one.held(one.base):
        restore(one.name)
    else:
        values = st.session_state[ADDRESS].values
        change(inputs.change_of(scenario, one, one.held(value), values), words=one.label)


def _is_about(path: str, task: str) -> bool:
    return path.startswith((f"tasks.{task}.", f"tasks[{task}]"))


def _is_of(name: str, section: str) -> bool:
    """Whether a value of the address is one of a section of the form."""
    return name != OUTAGE and name not in TIERS and forms.section_of(name) == section


def _undo_words() -> str:
    """What the button takes back."""
    history = st.session_state.get(HISTORY)
    words = history[-1][1] if history else ""
    return f"Undo the last change: {text.markdown(words)}" if words else "Undo the last change"
