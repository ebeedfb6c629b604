"""Decision memos on the page: one to take away, and one that is dropped and opens the same state again.

Nothing is computed here: the page is made by `planner.memo`, read by `planner.memos`, and held against a comparison by
`planner.memos.figures`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import problems, state, text
from app.state import Address
from planner.api import Comparison, memo
from planner.errors import PlannerError, ScenarioError
from planner.memos import LogNote, MemoState, read_state
from planner.memos.figures import compare_with_memo
from planner.memos.making import state_of
from planner.memos.page import MOST_LOG_BYTES
from planner.memos.state import catalogue_digest
from planner.scenario.fields import Scenario
from planner.scenario.reading import read_text

Keep = Callable[[str, str], str]  # name, text of a scenario: under which name of the library it is kept
SEEN, OPENED, FAILED = "memo:seen", "memo:opened", "memo:failed"
MOST_DIFFERENCES = 8  # that are listed; the others are counted


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a dropped memo asks for: an address of this app, what must be said about it, and the memo's own state."""

    address: Address
    state: MemoState
    notices: tuple[str, ...] = ()


# -- to take away --------------------------------------------------------------------------------


def offer(comparison: Comparison, address: Address, scenario_text: str, log: LogNote | None = None) -> None:
    """The button that writes the memo; the page is made when it is pressed.

    `scenario_text` is the YAML of the address's scenario as its file has it; a log of more than 2 MB is only named.
    """
    st.download_button(
        "Decision memo (HTML)",
        data=lambda: written(comparison, address, scenario_text, log),
        file_name=file_name(comparison, address),
        mime="text/html",
        on_click="ignore",
        help="One page to read, print and send: answer, figures, charts, assumptions and the scenario. Dropped here, it opens again.",
    )


def written(
    comparison: Comparison, address: Address, scenario_text: str, log: LogNote | None = None
) -> bytes:
    """The memo of what the page shows."""
    content = None if log is None else log.content
    named = None if log is None else LogNote(name=log.name, rows=log.rows, hex=log.hex)
    made = state_of(
        comparison,
        name=address.scenario,
        text=scenario_text,
        params=address.params(),
        page="compare",
        log=named,
    )
    kept = content if content is not None and len(content) <= MOST_LOG_BYTES else None
    return memo(comparison, state=made, log=kept).encode()


def file_name(comparison: Comparison, address: Address) -> str:
    """SCENARIO-HASH.html."""
    return f"{address.scenario.replace('/', '-')}-{comparison.scenario.hash[:8]}.html"


# -- to open again -------------------------------------------------------------------------------


def drop(keep: Keep) -> Opened | None:
    """An uploader for a memo; what it asks for, once for each memo that is dropped, else None.

    `keep(NAME, TEXT)` keeps a scenario that the library does not hold and gives its name there; it may raise PlannerError.
    What is wrong with a file is told in its place.
    """
    memory = st.session_state
    given = st.file_uploader(
        "Open a memo",
        type=["html", "htm"],
        max_upload_size=10,
        help="A decision memo of this app or of `planner compare --memo`.",
    )
    if given is None:
        memory.pop(SEEN, None)
        memory.pop(FAILED, None)
        return None
    found = None
    if memory.get(SEEN) != given.file_id:
        memory[SEEN] = given.file_id
        memory.pop(FAILED, None)
        try:
            found = opened(given.getvalue(), given.name, keep)
            memory[OPENED] = found.state
        except PlannerError as error:
            memory[FAILED] = error
    if (failure := memory.get(FAILED)) is not None:
        if isinstance(failure, ScenarioError):
            problems.show(failure.problems, failure.source, "nothing was opened")
        else:
            st.error(text.markdown(str(failure)))
    return found


def opened(content: bytes, file: str, keep: Keep) -> Opened:
    """The address that a memo asks for. Raises PlannerError where it is no memo or its scenario cannot be kept."""
    found = read_state(content, file)
    notices = []
    files = state.library()
    name = _known(found, files)
    if name is None:
        name = keep(found.stem, found.text)
        files = state.library()
        notices.append(f"The library holds no such scenario: that of the memo was kept as {name}.")
    address, complaints = _address(found, name, files)
    notices += [*complaints, *_versions(found)]
    return Opened(address=address, state=found, notices=tuple(notices))


def _known(found: MemoState, files: Mapping[str, Path]) -> str | None:
    """The scenario of the library that has the memo's text, first the one of its name."""
    for name in [*(name for name in files if name == found.name), *files]:
        try:
            if _lines(read_text(files[name])) == _lines(found.text):
                return name
        except ScenarioError:
            continue
    return None


def _lines(content: str) -> str:
    return content.replace("\r\n", "\n")


def _address(found: MemoState, name: str, files: Mapping[str, Path]) -> tuple[Address, tuple[str, ...]]:
    """The memo's address, or its changes where that does not lead to its scenario, and what must be said."""
    first, notices = state.read({**found.params, "scenario": name}, files)
    try:
        scenario = state.scenario_of(files[name])
        for address in (first, Address(name, dict(found.changes), first.log)):
            if _leads_to(found, address, scenario):
                return address, notices if address is first else ()
    except ScenarioError as error:
        return first, (*notices, str(error))
    return first, (*notices, "What opens is not exactly the scenario of the memo: figures differ.")


def _leads_to(found: MemoState, address: Address, scenario: Scenario) -> bool:
    try:
        return state.applied(scenario, address.values).hash == found.hash
    except ScenarioError:
        return False


def _versions(found: MemoState) -> list[str]:
    if found.is_of_this_version:
        return []
    what = (
        "another catalogue of models and prices"
        if found.catalogue != catalogue_digest()
        else "another version"
    )
    return [
        f"The memo was made on {found.made_on} with planner {found.planner} and {what}: figures may differ."
    ]


def tell(comparison: Comparison) -> None:
    """Below the answer: whether the page shows the numbers of the memo that was opened; nothing for another scenario."""
    found = st.session_state.get(OPENED)
    if isinstance(found, MemoState) and comparison.scenario.hash == found.hash:
        is_same, words = said(comparison, found)
        (st.success if is_same else st.warning)(text.markdown(words))


def said(comparison: Comparison, found: MemoState) -> tuple[bool, str]:
    """Whether a comparison has every figure of a memo, and that in words."""
    differences = compare_with_memo(comparison, found)
    if not differences:
        many = sum(len(one) for one in found.figures.values())
        return (
            True,
            f"Same numbers as in the memo of {found.made_on}: all {many} figures agree to the last digit.",
        )
    listed = "; ".join(one.words() for one in differences[:MOST_DIFFERENCES])
    more = len(differences) - MOST_DIFFERENCES
    rest = f"; and {more} more" if more > 0 else ""
    return False, f"Other numbers than in the memo of {found.made_on}: {listed}{rest}."


__all__ = ["Keep", "Opened", "drop", "file_name", "offer", "opened", "said", "tell", "written"]
