"""The page "Scenario": a gallery of the library, and the text of one scenario beside widgets for its fields.

Reads what is chosen, writes into drafts, shows. What can be done with a text is decided in `app.editing`, which fields there are
in `app.fields`; nothing is simulated here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app import editing, fields, forms, gallery, own, problems, state, text, writing
from app.editing import Draft, Meaning
from app.look import STYLE
from app.navigation import COMPARE_WRITTEN
from planner.errors import PlannerError, Problem, ScenarioError
from planner.scenario import json_schema, paths
from planner.scenario.fields import Scenario

CHOSEN, VIEW, TOLD, GONE, GO, UPLOADS = (
    f"scenario:{name}" for name in ("chosen", "view", "told", "deleted", "go", "uploads")
)
LINK = "scenario:link"  # the scenario that the address named last
TEXT = "scenario:text"  # the text area
VIEW_WIDGET = "scenario:view in"
FORM = "scenario-form"
GALLERY, EDITOR = "Gallery", "Edit"
SHORTEST = 120  # characters of a faulty line that are shown
OWN_STYLE = """<style>
.st-key-yaml textarea { font-family: "Source Code Pro", ui-monospace, monospace; font-size: 0.82rem; line-height: 1.5;
  white-space: pre; overflow-x: auto; tab-size: 2; }
@media (max-width: 640px) { .st-key-yaml textarea { max-height: 50vh; } }
.st-key-library h2 { font-size: 1.15rem; padding: 0.2rem 0 0; }
.st-key-library h3 { font-size: 1.1rem; padding: 0 0 0.3rem; }
@media (min-width: 641px) { .st-key-library [class*="st-key-card-"] { min-height: 13rem; justify-content: space-between; } }
</style>"""


def page() -> None:
    """The whole page."""
    st.html(STYLE)
    st.html(OWN_STYLE)
    _go_where_asked()
    files = state.library()
    _follow_link(files)
    head, view = st.columns([6, 3], vertical_alignment="bottom")
    with head:
        st.title("Scenario", anchor=False)
        st.caption("The library of questions, and the text of one of them beside its fields.")
    chosen = st.session_state[CHOSEN]
    known = {**dict.fromkeys(files), **dict.fromkeys(editing.drafts(st.session_state))}
    memory = st.session_state
    _write_link(files, chosen)
    # What a widget holds is forgotten while another page is shown; what is remembered of it is not.
    memory[VIEW_WIDGET] = shown = memory.setdefault(VIEW, GALLERY)
    view.segmented_control(
        "Show",
        [GALLERY, EDITOR],
        key=VIEW_WIDGET,
        required=True,
        label_visibility="collapsed",
        on_change=_viewed,
    )
    _tell()
    if shown == EDITOR and chosen in known:
        _edit(files, chosen, list(known))
    else:
        _show_gallery(files)


def _follow_link(files: dict[str, Path]) -> None:
    """A link that names a scenario of the library chooses it; the last choice stays otherwise."""
    memory = st.session_state
    asked = st.query_params.get("scenario")
    if asked != memory.get(LINK):
        memory[LINK] = asked
        if asked in files:
            memory[CHOSEN] = asked
        elif asked is not None:
            hint = paths.closest(asked, files) or "it was renamed or deleted, or is another server's"
            memory[TOLD] = ("error", f"There is no scenario {asked!r}; {hint}.")
    memory.setdefault(CHOSEN, next(iter(files), ""))


def _write_link(files: dict[str, Path], chosen: str) -> None:
    """The address names the chosen scenario, where it is one that a link can open."""
    if chosen in files and st.query_params.get("scenario") != chosen:
        st.query_params["scenario"] = st.session_state[LINK] = chosen


def _go_where_asked() -> None:
    """After "Save and compare" and "Compare": to that page, with the scenario as its file has it."""
    name = st.session_state.pop(GO, None)
    if name is not None:
        st.session_state.pop("address", None)  # the address alone says what is compared
        st.session_state.pop(COMPARE_WRITTEN, None)
        st.switch_page("screens/compare.py", query_params={"v": state.VERSION, "scenario": name})


def _tell() -> None:
    """What the last press of a button came to, and the way back from a deletion."""
    memory = st.session_state
    kind, words = memory.pop(TOLD, ("", ""))
    if words:
        (st.error if kind == "error" else st.success)(text.markdown(words))
    if GONE in memory:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Deleted **{text.markdown(memory[GONE][0])}**.")
            st.button("Undo", key="scenario:undelete", on_click=_undelete)
            st.button(
                "Dismiss", key="scenario:dismiss", type="tertiary", on_click=memory.pop, args=(GONE, None)
            )


def _doing(action: Callable[..., Any], *args: Any, done: str = "") -> Any:
    """Do something that may fail: what it said stands on the page."""
    try:
        found = action(*args)
    except PlannerError as error:
        st.session_state[TOLD] = ("error", str(error))
        return None
    if done:
        st.session_state[TOLD] = ("done", done)
    return found


# -- the gallery -----------------------------------------------------------------------------------


def _show_gallery(files: dict[str, Path]) -> None:
    waiting = [name for name in editing.unsaved(st.session_state)]
    if waiting:
        with st.container(border=True):
            st.markdown(
                f"**Unsaved changes** in {text.markdown(', '.join(waiting))}. They are kept while this window is open."
            )
            with st.container(horizontal=True):
                for name in waiting:
                    st.button(
                        f"Continue {name}", key=f"scenario:go on {name}", on_click=_choose, args=(name,)
                    )
    cards = gallery.cards(files)
    mine = [card for card in cards if card.is_own]
    with st.container(key="library"):
        _offer_import()
        if mine:
            st.header("My scenarios", anchor=False)
            _show_cards(mine)
        st.header("Library", anchor=False)
        _show_cards([card for card in cards if not card.is_own])
    st.caption(text.markdown(f"Scenarios of your own lie in {own.folder()}."))


def _show_cards(cards: list[gallery.Card]) -> None:
    grid = st.grid(columns=3, min_column_width=300, gap="small")
    for card in cards:
        with grid.cell(), st.container(border=True, height="stretch", key=f"card {card.name}"):
            st.markdown(f"### {text.markdown(card.title)}")
            if card.is_own:
                st.caption(text.markdown(card.name))
            if card.reason:
                st.markdown(f":red[✗ {text.markdown(card.reason)}]")
            else:
                st.markdown(text.markdown(card.question) or "No question is written down.")
                st.markdown(" ".join(f":gray-badge[{text.markdown(tag)}]" for tag in card.tags))
            with st.container(horizontal=True):
                st.button("Open", key=f"open {card.name}", disabled=bool(card.reason), help="Compare its strategies",
                          on_click=_compare, args=(card.name,))  # fmt: skip
                st.button("Edit", key=f"edit {card.name}", on_click=_choose, args=(card.name,))
                st.button("Duplicate", key=f"duplicate {card.name}", on_click=_duplicate, args=(card.name,))


def _offer_import() -> None:
    memory = st.session_state
    with st.popover("Import a file"):
        st.file_uploader(
            "A scenario or a LiteLLM configuration (YAML, at most 1 MB)", ["yaml", "yml"], max_upload_size=1,
            key=f"{UPLOADS}:{memory.get(UPLOADS, 0)}", on_change=_take_upload,
        )  # fmt: skip
        st.caption("It stays on the machine that serves this page, and is kept once you save it.")


def _take_upload() -> None:
    """Read what was dropped and let go of it: the next uploader is another one."""
    memory = st.session_state
    number = memory.get(UPLOADS, 0)
    dropped = memory[f"{UPLOADS}:{number}"]
    memory[UPLOADS] = number + 1
    if dropped is None:
        return
    content = dropped.getvalue()
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, dropped.file_id)
    draft = _doing(
        editing.imported, memory, content, dropped.name, done=f"Read {dropped.name}. It is not saved yet."
    )
    if draft is not None:
        _choose(draft.name)


# -- buttons ---------------------------------------------------------------------------------------


def _viewed() -> None:
    st.session_state[VIEW] = st.session_state[VIEW_WIDGET] or GALLERY


def _choose(name: str) -> None:
    memory = st.session_state
    memory[CHOSEN], memory[VIEW] = name, EDITOR


def _draft(name: str) -> Draft | None:
    found: Draft | None = _doing(editing.draft_of, st.session_state, state.library(), name)
    return found


def _compare(name: str) -> None:
    st.session_state[GO] = name


def _duplicate(name: str) -> None:
    draft = _draft(name)
    copy = _doing(editing.duplicate, st.session_state, draft) if draft is not None else None
    if copy is not None:
        st.session_state[TOLD] = ("done", f"Duplicated as {copy.name}.")
        _choose(copy.name)


def _save(name: str, then_compare: bool = False) -> None:
    draft = _draft(name)
    saved = _doing(editing.save, st.session_state, draft) if draft is not None else None
    if saved is None:
        return
    words = f"Saved as {saved.name}." if saved.name != name else f"Saved {name}."
    if saved.name != name and own.is_own(name):
        words += f" {name} was changed from another window meanwhile, and is as that window left it."
    st.session_state[TOLD] = ("done", words)
    _choose(saved.name)
    if then_compare:
        st.session_state[GO] = saved.name


def _rename(name: str) -> None:
    draft, title = _draft(name), str(st.session_state.get("scenario:title", "")).strip()
    if draft is None or not title:
        return
    renamed = _doing(editing.rename, st.session_state, draft, title)
    if renamed is not None:
        st.session_state[TOLD] = ("done", f"Renamed to {renamed.name}.")
        _choose(renamed.name)


def _delete(name: str) -> None:
    memory = st.session_state
    draft = editing.drafts(memory).get(name)
    if name in own.files():
        gone = _doing(own.delete, name)
        if gone is None:
            return
        memory[GONE] = (name, gone, draft)
    else:
        memory[GONE] = (name, None, draft)
    editing.drafts(memory).pop(name, None)
    memory[VIEW] = GALLERY


def _undelete() -> None:
    memory = st.session_state
    name, gone, draft = memory[GONE]
    if gone is not None:
        name = _doing(own.restore, gone)
        if name is None:
            return
    memory.pop(GONE)
    if draft is not None:
        draft.name = name
        editing.drafts(memory)[name] = draft
    _choose(name)


def _give_up(name: str) -> None:
    """Back to what the file holds; the typed text can be brought back with Undo."""
    draft = editing.drafts(st.session_state)[name]
    if draft.saved is None:
        _delete(name)
    else:
        draft.write(draft.saved)


def _step_back(name: str) -> None:
    editing.drafts(st.session_state)[name].step_back()


def _typed(name: str) -> None:
    editing.drafts(st.session_state)[name].write(st.session_state[TEXT])


def _take_over(draft: Draft, shown: Scenario, other: Scenario) -> None:
    _doing(
        editing.take_over, draft, shown, other, done="The changes of the other pages stand in the text now."
    )


# -- the editor ------------------------------------------------------------------------------------


def _edit(files: dict[str, Path], name: str, known: list[str]) -> None:
    try:
        draft = editing.draft_of(st.session_state, files, name)
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    found = editing.meaning(draft, files)
    picker, state_of_it = st.columns([2, 3], vertical_alignment="bottom")
    with picker:
        _pick(known, name)
    with state_of_it:
        _say_state(draft)
    _show_bar(draft, found)
    _offer_changes(draft, found)
    for notice in draft.notices:
        st.info(text.markdown(notice))
    left, right = st.columns(2, gap="medium")
    with left:
        _show_text(draft, found)
    with right:
        _show_widgets(draft, found, files)


def _pick(known: list[str], name: str) -> None:
    """Another scenario to edit."""
    memory = st.session_state
    memory["scenario:pick"] = name
    waiting = editing.unsaved(memory)
    st.selectbox(
        "Scenario", known, key="scenario:pick", on_change=lambda: _choose(memory["scenario:pick"]),
        format_func=lambda one: f"{one} {forms.MARK} unsaved" if one in waiting else one,
    )  # fmt: skip


def _say_state(draft: Draft) -> None:
    is_own = own.is_own(draft.name)
    if draft.is_unsaved:
        kept = (
            ""
            if is_own
            else " A scenario of the library is never overwritten: saving makes a copy of your own."
        )
        st.markdown(f":orange-badge[{forms.MARK} Unsaved changes]{kept}")
    else:
        st.caption("Saved." if is_own else "Of the library. Saving a change makes a copy of your own.")


def _show_bar(draft: Draft, found: Meaning) -> None:
    """What can be done with the draft."""
    name, is_own = draft.name, own.is_own(draft.name)
    with st.container(horizontal=True):
        st.button("Save", disabled=not draft.is_unsaved, on_click=_save, args=(name,),
                  help="Keeps the text as it stands, comments and all.")  # fmt: skip
        if draft.is_unsaved:
            st.button("Save and compare", disabled=found.scenario is None, on_click=_save, args=(name, True))
        else:
            st.button("Compare", disabled=found.scenario is None, on_click=_compare, args=(name,))
        st.button("Undo", key="scenario:undo", disabled=not draft.past, on_click=_step_back, args=(name,),
                  help="Takes back the last change of the text or of a field.")  # fmt: skip
        st.button("Give up changes", disabled=not draft.is_unsaved, on_click=_give_up, args=(name,))
        st.button("Duplicate", key="scenario:duplicate", on_click=_duplicate, args=(name,))
        if is_own:
            with st.popover("Rename"):
                st.text_input(
                    "New name", editing.title_of(draft.text, name), key="scenario:title", max_chars=200
                )
                st.button("Rename now", on_click=_rename, args=(name,))
            st.button("Delete", on_click=_delete, args=(name,), help="It can be brought back.")
        stem = name.removeprefix(own.PREFIX)
        st.download_button(
            "Export (YAML)",
            data=draft.text,
            file_name=f"{stem}.yaml",
            mime="application/yaml",
            on_click="ignore",
        )
        st.download_button("JSON Schema", data=_schema, file_name="scenario.schema.json", mime="application/schema+json",
                           on_click="ignore", help="For completion and checks in an editor of your own.")  # fmt: skip


def _schema() -> bytes:
    return json.dumps(json_schema(), indent=1).encode()


def _offer_changes(draft: Draft, found: Meaning) -> None:
    """What was changed on the pages of the comparison can be written into the text."""
    address = st.session_state.get("address")
    if address is None or address.scenario != draft.name or not address.values or found.scenario is None:
        return
    try:
        other = state.applied(found.scenario, address.values)
    except ScenarioError:
        return
    differs = fields.changes(other, found.scenario)
    if differs:
        words, button = st.columns([5, 2], vertical_alignment="center")
        words.caption(
            "Changed on the other pages: "
            + text.markdown("; ".join(f"{path}: {writing.flow(value)}" for path, value in differs.items()))
        )
        button.button("Write into the text", on_click=_take_over, args=(draft, found.scenario, other))


def _show_text(draft: Draft, found: Meaning) -> None:
    st.session_state[TEXT] = draft.text
    with st.container(key="yaml"):
        st.text_area("Text (YAML)", height=620, key=TEXT, on_change=_typed, args=(draft.name,),
                     help="Leave the field, or press Ctrl+Enter, to have it read. The text is what is saved.")  # fmt: skip
    if not found.problems:
        st.markdown(":green[✓ No problems.]")
        return
    many = len(found.problems)
    st.markdown(f":red[**✗ {many} problem{'s' if many != 1 else ''}** in the text]")
    lines = draft.text.splitlines()
    st.markdown("\n".join(_at_line(problem, lines) for problem in found.problems))


def _at_line(problem: Problem, lines: list[str]) -> str:
    """A problem with its line and what stands there."""
    place = f"**{text.markdown(problem.field)}**: " if problem.field else ""
    said = f"{place}{text.markdown(problems.said(problem))}"
    if problem.line is None or not 0 < problem.line <= len(lines):
        return f"- {said}"
    stands = " ".join(lines[problem.line - 1].replace("`", "'").split())[:SHORTEST]
    return f"- Line {problem.line}: {f'`{stands}`' if stands else '(empty)'}  \n  {said}"


def _show_widgets(draft: Draft, found: Meaning, files: dict[str, Path]) -> None:
    shown, before = draft.valid, editing.base(draft, files)
    if shown is None or before is None:
        st.info("The fields appear here when the text can be read without a problem.")
        return
    if found.scenario is None:
        st.warning("The fields show the text as it last was without a problem.")
    key = f"{FORM} {draft.name}"
    section = forms.choose_section(shown, before, key=key, found=found.problems)

    def change(path: fields.Path, value: Any) -> None:
        _doing(editing.change, draft, before, path, value)

    forms.form(shown, before, section=section, key=key, problems=found.problems, on_change=change, columns=2)


page()
