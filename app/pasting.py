"""A popover in which a typical prompt and answer are pasted, counted on this machine, and made the sizes of a task.

Counting and the changes are `planner.experiments.pasted`; what is pasted is neither stored nor put into the address.
"""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app import problems, text
from planner.counting import MOST_CHARACTERS, TextTooLong
from planner.errors import ScenarioError
from planner.experiments.pasted import PARTS, Sizes, model_counted_for, refuse, sizes_of
from planner.scenario.fields import Scenario

Apply = Callable[[Mapping[str, Any], tuple[str, ...]], None]
KEY = "paste:"
AREAS = (
    ("prompt", "Prompt (the user's part)", PARTS[1]),
    ("answer", "Answer", PARTS[2]),
    ("instructions", "System prompt in front of every request (optional)", PARTS[0]),
)


def paste(scenario: Scenario, task: str, *, apply: Apply) -> None:
    """Draw the popover for one task.

    `apply(changes, words)` is called when "Use these sizes" is pressed, before the page is drawn anew: {path: value} as for
    `Scenario.set`, and a line in words for each. Nothing is called where the texts give a scenario with problems.
    """
    with st.popover("Paste prompt and answer", width="stretch"):
        try:
            refuse(scenario, task)
        except ScenarioError as error:
            problems.show(error.problems, "the texts", "nothing was changed")
            return
        st.caption(
            f"Counted on this machine for {text.markdown(model_counted_for(scenario))}; the texts never leave it and are "
            "not kept. The counts become the medians of the task; how far requests differ stays as it is."
        )
        given = {
            name: st.text_area(label, key=f"{KEY}{task}:{name}", max_chars=MOST_CHARACTERS, height=110)
            for name, label, _ in AREAS
        }
        if not any(given.values()):
            return
        try:
            found = sizes_of(scenario, task, **given)
        except ScenarioError as error:
            problems.show(error.problems, "the texts", "nothing was changed")
        except TextTooLong as error:
            st.error(text.markdown(str(error)))
        else:
            _offer(found, task, apply)


def _offer(found: Sizes, task: str, apply: Apply) -> None:
    """The counts, how they were counted, and the button that uses them."""
    lines = [
        f"- {label}: **{found.counted[name].tokens:,} tokens**, {text.markdown(found.counted[name].how)}"
        for _, label, name in AREAS
        if name in found.counted
    ]
    st.markdown("\n".join(lines))
    for notice in found.notices:
        st.warning(text.markdown(notice))
    st.button(
        "Use these sizes",
        key=f"{KEY}{task}:use",
        type="primary",
        width="stretch",
        on_click=apply,
        args=(dict(found.changes), found.words),
    )
