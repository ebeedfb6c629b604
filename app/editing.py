"""The text of a scenario while it is edited: what is saved, what is typed, and the way back.

The text is the truth: widgets change it, and it alone is saved. Comes in: a name of the library. Goes out: drafts, kept in the
session until they are saved or given up, and what a text means. Draws nothing.
"""

from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from app import dropped, fields, forms, own, state, writing
from planner.errors import Problem, ScenarioError
from planner.scenario.fields import Scenario
from planner.scenario.reading import read_text
from planner.scenario.yaml_nodes import read_yaml

DRAFTS = "scenario:drafts"  # NAME: draft, in the memory of the session
MOST_STEPS_BACK = 100


@dataclass
class Draft:
    """A text under a name. `saved` is what its file holds, None where there is no file yet."""

    name: str
    text: str
    saved: str | None
    past: list[str] = field(default_factory=list)
    valid: Scenario | None = None  # what the text last meant without a problem
    notices: tuple[str, ...] = ()  # what was said when it was imported

    @property
    def is_unsaved(self) -> bool:
        return self.text != self.saved

    def write(self, text: str) -> None:
        """Another text; the one before can be brought back."""
        if text != self.text:
            self.past = [*self.past[-MOST_STEPS_BACK:], self.text]
            self.text = text

    def step_back(self) -> None:
        """The text before the last change."""
        if self.past:
            self.text = self.past.pop()


@dataclass(frozen=True)
class Meaning:
    """What a text says: a scenario, or its problems."""

    scenario: Scenario | None
    problems: tuple[Problem, ...] = ()


def drafts(memory: MutableMapping[Any, Any]) -> dict[str, Draft]:
    """The drafts of a session."""
    found: dict[str, Draft] = memory.setdefault(DRAFTS, {})
    return found


def unsaved(memory: MutableMapping[Any, Any]) -> tuple[str, ...]:
    """Names of drafts with changes that are not saved."""
    return tuple(name for name, draft in drafts(memory).items() if draft.is_unsaved)


def draft_of(memory: MutableMapping[Any, Any], files: Mapping[str, Path], name: str) -> Draft:
    """The draft of a scenario; one that is not changed follows its file. Raises PlannerError where it cannot be read."""
    known = drafts(memory)
    draft = known.get(name)
    if draft is not None and draft.is_unsaved:
        return draft
    text = read_text(files[name]).replace("\r\n", "\n") if name in files else own.read(name)
    if draft is None or draft.text != text:
        known[name] = Draft(name=name, text=text, saved=text)
    return known[name]


def meaning(draft: Draft, files: Mapping[str, Path]) -> Meaning:
    """What the text of a draft says; the last valid meaning is kept in the draft."""
    found = _meant(draft, draft.text, files)
    if found.scenario is not None:
        draft.valid = found.scenario
    return found


def base(draft: Draft, files: Mapping[str, Path]) -> Scenario | None:
    """What the file says, which changes are compared with; the last valid text where it says nothing."""
    saved = None if draft.saved is None else _meant(draft, draft.saved, files).scenario
    return saved or draft.valid


def _meant(draft: Draft, text: str, files: Mapping[str, Path]) -> Meaning:
    shipped = None if own.is_own(draft.name) else files.get(draft.name)
    if shipped is not None and text == draft.saved:  # ours: it may read files wherever it says
        try:
            return Meaning(state.scenario_of(shipped))
        except ScenarioError as error:
            return Meaning(None, error.problems)
    return _read(text, draft.name, shipped.parent if shipped is not None else own.folder())


@lru_cache(maxsize=64)
def _read(text: str, name: str, folder: Path) -> Meaning:
    try:
        return Meaning(own.scenario_of(text, name, folder))
    except ScenarioError as error:
        return Meaning(None, error.problems)


# -- changes of fields -------------------------------------------------------------------------------


def change(draft: Draft, before: Scenario | None, path: fields.Path, value: Any) -> None:
    """Write one change of the widgets into the text. `before` is the base. Raises CannotWrite."""
    if value is forms.REMOVED:
        draft.write(writing.drop(draft.text, path))
    elif value is forms.BACK:
        tree = before.to_dict() if before is not None else {}
        there = fields.given(tree, path)
        if there is fields.ABSENT:
            draft.write(writing.drop(draft.text, fields.created(tree, path)))
        else:
            draft.write(_as_before(draft, path, there))
    else:
        draft.write(writing.put(draft.text, path, value))


def _as_before(draft: Draft, path: fields.Path, value: Any) -> str:
    """The text with a value of the file again, spelled as it is there."""
    if draft.saved is not None:
        with suppress(writing.CannotWrite):
            return writing.put_back(draft.text, path, draft.saved)
    return writing.put(draft.text, path, value)


def take_over(draft: Draft, shown: Scenario, other: Scenario) -> None:
    """Write everything into the text that makes `other` out of what it says. Raises CannotWrite."""
    text = draft.text
    for path, value in fields.changes(other, shown).items():
        text = writing.put(text, path, value)
    draft.write(text)


# -- files -------------------------------------------------------------------------------------------


def title_of(text: str, name: str) -> str:
    """The name that stands in a text, else that of its file."""
    value = read_yaml(text).value
    found = value.get("name") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else name.removeprefix(own.PREFIX)


def titled(text: str, title: str) -> str:
    """A text with another name in it; as it is where it cannot be read."""
    try:
        return writing.put(text, "name", title)
    except writing.CannotWrite:
        return text


def save(memory: MutableMapping[Any, Any], draft: Draft) -> Draft:
    """Save a draft; the draft as it now is. One of the shipped ones, or one changed meanwhile, becomes a copy of one's own.

    Raises OwnError; the draft then stays unsaved.
    """
    known = drafts(memory)
    name = draft.name
    if own.is_own(name):
        try:
            own.save(name, draft.text, opened=draft.saved)
            draft.saved = draft.text
            return draft
        except own.ChangedMeanwhile:
            pass
    copy = own.free_name(title_of(draft.text, name), tuple(known))
    own.save(copy, draft.text)
    known.pop(name, None)
    known[copy] = Draft(name=copy, text=draft.text, saved=draft.text, past=draft.past, valid=draft.valid)
    return known[copy]


def duplicate(memory: MutableMapping[Any, Any], draft: Draft) -> Draft:
    """A saved copy of a draft under a name of its own. Raises OwnError."""
    title = f"{title_of(draft.text, draft.name)} (copy)"
    name = own.free_name(title, tuple(drafts(memory)))
    text = titled(draft.text, title)
    own.save(name, text)
    drafts(memory)[name] = Draft(name=name, text=text, saved=text)
    return drafts(memory)[name]


def rename(memory: MutableMapping[Any, Any], draft: Draft, title: str) -> Draft:
    """Another title, in the text and as the name of the file. Raises OwnError."""
    known = drafts(memory)
    name = own.free_name(title, tuple(known))
    if own.slug(title) == draft.name.removeprefix(own.PREFIX):
        name = draft.name
    if draft.saved is not None:
        renamed = titled(draft.saved, title)
        own.save(draft.name, renamed, opened=draft.saved)
        draft.saved, draft.text = renamed, titled(draft.text, title)
        if name != draft.name:
            own.rename(draft.name, name)
    else:
        draft.text = titled(draft.text, title)
    known.pop(draft.name, None)
    known[name] = draft
    draft.name = name
    return draft


def imported(memory: MutableMapping[Any, Any], content: bytes, file: str) -> Draft:
    """A draft of an uploaded file: a scenario as it stands, or a LiteLLM configuration read into one.

    Problems of the text are no obstacle: it can be mended. Raises OwnError for what is no text, too large, or a configuration
    that cannot be read.
    """
    text = own.text_of(content, file)
    notices: tuple[str, ...] = ()
    tree = read_yaml(text, is_foreign=True).value
    if isinstance(tree, dict) and "model_list" in tree:
        found = dropped.read(content, file)
        if found.failure or found.problems:
            said = found.failure or "; ".join(map(str, found.problems[:5]))
            raise own.OwnError(f"{file} is a LiteLLM configuration that cannot be read. {said}")
        unpriced = tuple(
            f"{path} is not known: give it, or nothing can be billed." for path in found.unpriced
        )
        text, notices = found.text, (*map(str, found.notices), *unpriced)
    stem = Path(file).stem
    known = drafts(memory)
    name = own.free_name(stem, tuple(known))
    known[name] = Draft(name=name, text=text, saved=None, notices=notices)
    return known[name]
