"""Widgets generated from the declarations of the language: every field of a scenario can be changed here.

`form` draws one section: the fields that stand in the scenario, then, on demand, all others. A field that differs from
the base is marked and can be taken back; a problem is told under its field. Comes in: a scenario, its base, problems.
Goes out: what differs from the base, as {path: value}.

What a widget shows follows the scenario: where that changes by other means (undo, a link, the text), the widget is filled
anew; where the user has moved the widget, what it holds stays until the scenario has it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app import fields, problems, text
from app.fields import GENERAL, Block, Field
from app.modes import FIRST_DAY, LAST_DAY, Incomplete, Mode, Part, carried, is_same, mode_of
from app.writing import flow
from planner.errors import Problem, ScenarioError
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.paths import Path, PathProblem

BACK = (
    object()
)  # the value of a change that takes a field back to the base, or removes what the base does not have
REMOVED = object()  # the value of a change that takes out an item
MARK = "●"
MOST_AT_ONCE = (
    24  # fields that do not stand in the scenario are drawn at once up to so many, else they are searched
)
Changed = Callable[[Path, Any], None]


def sections() -> tuple[str, ...]:
    """The sections that `form` draws, in order: general, traffic, tasks, ..."""
    return fields.sections()


def choose_section(scenario: Scenario, base: Scenario, *, key: str, found: Sequence[Problem] = ()) -> str:
    """Draw the choice of a section; changed ones are marked, and the number of problems in each is told."""
    changed = {section_of(path) for path in fields.changes(scenario, base)}
    wrong = [section_of(problem.field) for problem in found]

    def label(section: str) -> str:
        mark = f"{MARK} " if section in changed else ""
        many = f" ✗{wrong.count(section)}" if section in wrong else ""
        return f"{mark}{fields.words(section).capitalize().replace('Slo', 'SLO')}{many}"

    st.session_state.setdefault(f"{key}~section", sections()[1])
    chosen = st.pills(
        "Section", sections(), format_func=label, key=f"{key}~section", required=True, wrap=True
    )
    return chosen or sections()[1]


def section_of(path: str) -> str:
    """The section that a path lies in.

    >>> section_of("tasks.faq.share"), section_of("objective")
    ('tasks', 'general')
    """
    steps = _steps(path)
    return str(steps[0]) if steps and steps[0] in sections() else GENERAL


def _steps(path: str) -> Path:
    try:
        return paths.parse(path.removeprefix("--")) if path else ()
    except PathProblem:
        return ()


def is_moved(key: str) -> bool:
    """Whether the user has moved a widget or pressed a button of a form in this run; asked before `form` is drawn.

    Where it is False, what `form` gives is no wish of the user's, and nothing needs to be done.
    """
    return bool(st.session_state.get(f"{key}~moved") or st.session_state.get(f"{key}~done"))


def as_far_as_valid(
    base: Scenario,
    values: Mapping[str, Any],
    apply: Callable[[Scenario, Mapping[str, Any]], Scenario] = Scenario.set,
) -> tuple[Scenario, tuple[Problem, ...]]:
    """What `form` is given where some values may be refused: the scenario with those that go together, and the problems.

    Of values that do not go together, those that come first stay. What was refused is still in the widgets, with its
    problem under it, so that it can be mended.
    """
    try:
        return apply(base, values), ()
    except ScenarioError as error:
        found = error.problems
    kept: dict[str, Any] = {}
    valid = base
    for path, value in values.items():
        try:
            valid = apply(base, {**kept, path: value})
            kept[path] = value
        except ScenarioError:
            continue
    return valid, found


def form(
    scenario: Scenario,
    base: Scenario,
    *,
    section: str | Path,
    key: str,
    problems: Sequence[Problem] = (),
    on_change: Changed | None = None,
    columns: int = 3,
) -> dict[str, Any]:
    """Draw the fields of one section and give what differs from the base in it.

    Parameters
    ----------
    scenario, base
        What is shown, and what it is compared with.
    section
        `general`, a section of the language such as `traffic`, or a path below one.
    key
        Prefix of the widgets' keys: one for each page that draws a form.
    problems
        What is wrong with the scenario as asked for; shown under the fields, the others above.
    on_change
        Called with the path and the plain value (or BACK, or REMOVED) before the page is drawn again.

    Returns
    -------
    dict
        {path: value} as `base.set` takes it; empty where nothing differs. Values that the language refuses are
        among them: `base.set` says what is wrong.
    """
    base_tree = base.to_dict()
    drawing = _Drawing(key, scenario.to_dict(), base_tree, on_change, columns)
    drawing.is_refused = bool(problems)
    drawing.take_done()
    drawing.shown(fields.block(drawing.tree, base_tree, section), problems)
    top = None if section in (GENERAL, ()) else (_steps(section) if isinstance(section, str) else section)
    return {
        path: value
        for path, value in fields.differences(drawing.tree, base_tree).items()
        if (section_of(path) == GENERAL if top is None else _steps(path)[: len(top)] == top or top[: len(_steps(path))] == _steps(path))
    }  # fmt: skip


class _Drawing:
    """One form while it is drawn. `tree` is the scenario with what the widgets hold."""

    def __init__(self, key: str, tree: Any, base_tree: Any, on_change: Changed | None, columns: int) -> None:
        self.key, self.tree, self.base_tree = key, tree, base_tree
        self.on_change, self.columns = on_change, columns
        self.moved = set(
            st.session_state.pop(f"{key}~moved", ())
        )  # names of fields that the user has just moved
        self.is_refused = (
            False  # whether the scenario lacks something that was asked for, because it is wrong
        )

    # -- what was done with buttons ------------------------------------------------------------

    def take_done(self) -> None:
        """Buttons of the last run, for a page that takes what `form` gives."""
        for path, value in st.session_state.pop(f"{self.key}~done", ()):
            if value is REMOVED:
                self.tree = fields.without(self.tree, path)
            elif value is BACK:
                self.tree = fields.back(self.tree, self.base_tree, path)
            else:
                self.tree = paths.set_value(self.tree, path, value)

    def _do(self, path: Path, value: Any) -> None:
        """A button was pressed: the next run shows what it did."""
        if value is BACK or value is REMOVED:
            self._forget(path)
        if self.on_change is not None:
            self.on_change(path, value)
        else:
            st.session_state.setdefault(f"{self.key}~done", []).append((path, value))

    def _forget(self, path: Path) -> None:
        """Fill the widgets at and below a path anew; those of all items of a list, as their indexes move."""
        outer = path[:-1] if isinstance(path[-1], int) else path
        name = f"{self.key}:{paths.render(outer)}"
        for key in [key for key in st.session_state if str(key).startswith(name)]:
            del st.session_state[key]

    # -- blocks --------------------------------------------------------------------------------

    def shown(self, block: Block, found: Sequence[Problem]) -> None:
        """Draw a block; problems that belong to no field of it that is drawn stand on top."""
        top = st.container()
        if block.of_map:
            self._map(block, found, top)
            return
        drawn = list(self._fields(block.fields, found))
        for inner in block.blocks:
            self._item(inner, found)
        self._adds(block)
        drawn += self._rest(block, found)
        names = {field.path for field in drawn} | {inner.path for inner in block.blocks}
        for problem in found:
            steps = _steps(problem.field)
            is_here = (
                steps[: len(block.path)] == block.path if block.path else section_of(problem.field) == GENERAL
            )
            if is_here and not any(steps[: len(name)] == name for name in names):
                top.markdown(_red(problem, with_place=True))

    def _map(self, block: Block, found: Sequence[Problem], top: Any) -> None:
        """The keys of a map, one of which is shown."""
        names = [str(inner.path[-1]) for inner in block.blocks]
        chosen = f"{self.key}~{block.name}"
        if st.session_state.get(chosen) not in names:
            st.session_state.pop(chosen, None)
        differs = {str(steps[len(block.path)]) for path in fields.differences(self.tree, self.base_tree)
                   if len(steps := _steps(path)) > len(block.path) and steps[: len(block.path)] == block.path}  # fmt: skip
        wrong = [str(steps[len(block.path)]) for problem in found
                 if len(steps := _steps(problem.field)) > len(block.path) and steps[: len(block.path)] == block.path]  # fmt: skip
        for problem in found:
            steps = _steps(problem.field)
            if steps == block.path or (steps[:-1] == block.path and steps[-1] not in names):
                top.markdown(_red(problem, with_place=True))

        def label(name: str) -> str:
            return (
                f"{f'{MARK} ' if name in differs else ''}{text.markdown(name)}{' ✗' if name in wrong else ''}"
            )

        if names:
            st.session_state.setdefault(chosen, names[0])
            name = st.pills(block.title, names, format_func=label, key=chosen, required=True, wrap=True)
            inner = block.blocks[names.index(name if name in names else names[0])]
            self.shown(inner, found)
            st.button(f"Remove {text.markdown(str(inner.path[-1]))}", key=f"{self.key}~remove {inner.name}",
                      on_click=self._do, args=(inner.path, REMOVED))  # fmt: skip
        else:
            st.caption(f"No {block.title.lower()} here.")
        self._adds(block)

    def _item(self, block: Block, found: Sequence[Problem]) -> None:
        """An item of a list in a frame of its own."""
        with st.container(border=True):
            name = next(
                (str(field.value) for field in block.fields if field.path[-1] == "name" and field.value), ""
            )
            with st.container(
                horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
            ):
                st.markdown(
                    "**" + text.markdown(f"{block.title}: {name}" if name else block.title) + "**",
                    width="content",
                )
                st.button("Remove", key=f"{self.key}~remove {block.name}", help=f"Remove {block.title.lower()}",
                          type="tertiary", on_click=self._do, args=(block.path, REMOVED))  # fmt: skip
            self.shown(block, found)

    def _rest(self, block: Block, found: Sequence[Problem]) -> list[Field]:
        """The fields that do not stand in the scenario, on demand: all of a few, those looked for of many."""
        if not block.rest:
            return []
        many = f"More fields ({len(block.rest)})"
        if len(block.rest) <= MOST_AT_ONCE:
            is_open = st.toggle(many, key=f"{self.key}~more {block.name}")
            return list(self._fields(block.rest, found)) if is_open else []
        known = {field.name: field for field in block.rest}
        picked = f"{self.key}~more {block.name}"
        if picked in st.session_state:
            st.session_state[picked] = [name for name in st.session_state[picked] if name in known]
        names = st.multiselect(
            many, list(known), key=picked, placeholder="Type to find a field",
            format_func=lambda name: _found_as(known[name]),
        )  # fmt: skip
        return list(self._fields([known[name] for name in names], found))

    def _adds(self, block: Block) -> None:
        """The choice of a list that gets another item; what it must hold is asked for once one is chosen."""
        if not block.adds:
            return
        known = {new.name: new for new in block.adds}
        key = f"{self.key}~add {block.name}"
        chosen = st.selectbox(
            "Add an item", list(known), index=None, key=key, placeholder="Add an item …", label_visibility="collapsed",
            format_func=lambda name: f"Add to {known[name].title.lower()}",
        )  # fmt: skip
        if chosen is not None:
            self._add(known[chosen], key)

    def _add(self, new: Block, chosen: str) -> None:
        """Ask for what an item must hold; nothing is made up."""
        with st.container(border=True):
            values: dict[str | int, Any] = {}
            missing = []
            grid = st.grid(columns=self.columns, min_column_width=190, gap="small")
            for field in new.fields:
                with grid.cell(), st.container(gap="xsmall"):
                    try:
                        values[field.path[-1]] = self._asked(field, is_new=True)
                    except Incomplete:
                        missing.append(field.label)
            path, value = self._item_path(new, values)
            if missing:
                st.caption(text.markdown(f"Still to give: {', '.join(missing)}"))
            st.button(f"Add to {new.title.lower()}", key=f"{chosen} now", disabled=bool(missing), on_click=self._added,
                      args=(new, chosen, path, value))  # fmt: skip

    def _item_path(self, new: Block, values: dict[str | int, Any]) -> tuple[Path, Any]:
        if new.of_map:
            return (*new.path, str(values.get("NAME") or "x")), values.get("HOLDS")
        try:
            items = paths.get_value(self.tree, new.path)
        except PathProblem:
            items = []
        return (*new.path, len(items or [])), values

    def _added(self, new: Block, chosen: str, path: Path, value: Any) -> None:
        st.session_state[chosen] = None
        for field in new.fields:
            self._forget_field(field)
        self._do(path, value)

    # -- fields --------------------------------------------------------------------------------

    def _fields(self, some: Sequence[Field], found: Sequence[Problem]) -> Sequence[Field]:
        if some:
            grid = st.grid(columns=self.columns, min_column_width=190, gap="small")
            for field in some:
                with grid.cell(), st.container(gap="xsmall"):
                    self._field(field, found)
        return some

    def _field(self, field: Field, found: Sequence[Problem]) -> None:
        """One field with its mark, the way back, and what is wrong with it."""
        try:
            value = self._asked(field)
        except Incomplete as reason:
            value = field.value
            st.caption(f"→ {text.markdown(str(reason))}")
        seen = st.session_state.setdefault(f"{self.key}~seen", {})
        seen[field.name] = (flow(field.value), flow(value))
        if not is_same(value, field.value):
            self.tree = paths.set_value(self.tree, field.path, value)
            if is_same(value, field.base) and not field.stood:
                self.tree = fields.back(self.tree, self.base_tree, field.path)
        if _differs(field, value):
            words = (
                f"file: {_short(field.base)}" if field.stood else f"not in the file ({_short(field.base)})"
            )
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.caption(text.markdown(words), width="content")
                st.button("↺", key=f"{self.key}~back {field.name}", type="tertiary",
                          help=f"{text.markdown(field.label)}: back to {text.markdown(_short(field.base))}",
                          on_click=self._do, args=(field.path, BACK))  # fmt: skip
        for problem in found:
            if _steps(problem.field)[: len(field.path)] == field.path:
                st.markdown(_red(problem, with_place=_steps(problem.field) != field.path))

    def _asked(self, field: Field, *, is_new: bool = False) -> Any:
        """Draw the widgets of a field; what they say. Raises Incomplete."""
        self._follow(field)
        try:
            is_marked = _differs(field, self._read(field))
        except Incomplete:
            is_marked = False
        ways = field.modes
        label = text.markdown(f"{MARK} {field.label}" if is_marked else field.label)
        told: dict[str, Any] = {"on_change": self._moved, "args": (field, is_new)}
        is_optional = _is_optional(ways)
        if is_optional or (len(ways) == 1 and ways[0].parts):
            is_off = is_optional and self._kept(field, "mode") == "none"
            self._parts(field, ways[0], label, told, is_off=is_off)
            if is_optional:
                st.checkbox(
                    ways[1].label, key=self._key(field, "off"), on_change=self._switched, args=(field, is_new)
                )
        else:
            labels = {way.name: way.label for way in ways}
            st.selectbox(
                label, list(labels), format_func=labels.__getitem__, key=self._key(field, "mode"),
                help=text.markdown(field.help), **told,
            )  # fmt: skip
            way = next(way for way in ways if way.name == self._kept(field, "mode"))
            if way.parts:
                self._parts(field, way, "", told, is_off=False)
        return self._read(field)

    def _follow(self, field: Field) -> None:
        """Fill the widgets of a field where they are new, or the scenario has changed by other means.

        What the user has just moved stays, and so does what the scenario refused.
        """
        held = flow(field.value)
        before, asked = st.session_state.get(f"{self.key}~seen", {}).get(field.name, (held, held))
        stays = field.name in self.moved or held == asked or (held == before and self.is_refused)
        if not stays:
            self._forget_field(field)
        way = mode_of(field.modes, field.value)
        name = self._key(field, "mode")
        if st.session_state.get(name) not in [one.name for one in field.modes]:
            st.session_state[name] = (
                field.modes[0].name if field.value is None and way.name != "none" else way.name
            )
        if _is_optional(field.modes):
            st.session_state.setdefault(self._key(field, "off"), st.session_state[name] == "none")

    def _forget_field(self, field: Field) -> None:
        for key in [key for key in st.session_state if str(key).startswith(self._key(field, ""))]:
            del st.session_state[key]

    def _key(self, field: Field, part: str) -> str:
        return f"{self.key}:{field.name}|{part}"

    def _kept(self, field: Field, part: str) -> Any:
        return st.session_state.get(self._key(field, part))

    def _begins(self, field: Field, way: Mode) -> tuple[Any, ...]:
        """What the parts of a way hold at first: the value, else that of the base, else what a law has in common."""
        for value in (field.value, field.base):
            if value is not None and mode_of(field.modes, value).name == way.name:
                return way.taken(value)
        return carried(way, field.value) if field.value is not None else tuple(None for _ in way.parts)

    def _read(self, field: Field) -> Any:
        """What the widgets of a field say. Raises Incomplete."""
        ways = {way.name: way for way in field.modes}
        way = ways[self._kept(field, "mode")]
        begins = self._begins(field, way)
        held = [
            st.session_state.get(self._key(field, f"{way.name}.{part.name}"), begin)
            for part, begin in zip(way.parts, begins, strict=True)
        ]
        is_untouched = field.value is not None and tuple(held) == begins
        if is_untouched and mode_of(field.modes, field.value).name == way.name:
            return field.value  # as it is written, {fixed: 5} among them
        return way.made(*held)

    def _switched(self, field: Field, is_new: bool) -> None:
        """The box "none" was ticked or not."""
        is_off = st.session_state[self._key(field, "off")]
        st.session_state[self._key(field, "mode")] = "none" if is_off else field.modes[0].name
        self._moved(field, is_new)

    def _moved(self, field: Field, is_new: bool) -> None:
        """A widget was moved: a page that writes at once is told, where the value is complete."""
        st.session_state.setdefault(f"{self.key}~moved", []).append(field.name)
        if self.on_change is None or is_new:
            return
        try:
            value = self._read(field)
        except Incomplete:
            return
        if not is_same(value, field.value):
            self.on_change(field.path, value)

    # -- parts ---------------------------------------------------------------------------------

    def _parts(self, field: Field, way: Mode, label: str, told: dict[str, Any], *, is_off: bool) -> None:
        """The widgets of one way; `label` is empty where the choice of the way bears the field's name."""
        begins = self._begins(field, way)
        places = st.columns(len(way.parts), gap="small") if len(way.parts) > 1 else [st.container()]
        for place, part, begin in zip(places, way.parts, begins, strict=True):
            shown = label or part.label
            about = {"help": text.markdown(field.help)} if label else {}
            is_seen = "visible" if shown else "collapsed"
            with place:
                self._part(
                    part, begin, shown or field.label, key=self._key(field, f"{way.name}.{part.name}"),
                    disabled=is_off, label_visibility=is_seen, **about, **told,
                )  # fmt: skip

    def _part(self, part: Part, begin: Any, label: str, **common: Any) -> None:
        key = common["key"]
        if part.kind in ("whole", "number"):
            to = int if part.kind == "whole" else float
            st.session_state.setdefault(key, None if begin is None else to(begin))
            low, high = (None if end is None else to(end) for end in (part.low, part.high))
            st.number_input(label, low, high, value=None, step=to(_step(part, begin)),
                            format="%d" if to is int else "%.10g", **common)  # fmt: skip
        elif part.kind == "text":
            st.session_state.setdefault(key, "" if begin is None else str(begin))
            st.text_input(label, max_chars=part.most_characters, placeholder=part.placeholder, **common)
        elif part.kind == "date":
            st.session_state.setdefault(key, begin)
            st.date_input(
                label, value=None, min_value=FIRST_DAY, max_value=LAST_DAY, format="YYYY-MM-DD", **common
            )
        elif part.kind == "switch":
            st.session_state.setdefault(key, bool(begin))
            st.toggle(label, **common)
        else:
            st.session_state.setdefault(key, list(begin or ()))
            st.multiselect(label, part.choices, **common)


def _is_optional(ways: Sequence[Mode]) -> bool:
    """Whether there is one way to give a value, or none is given."""
    return len(ways) == 2 and ways[1].name == "none" and bool(ways[0].parts)


def _differs(field: Field, value: Any) -> bool:
    return field.comparable and not is_same(value, field.base)


def _step(part: Part, begin: Any) -> float:
    """What one press of + adds: 1 of whole numbers, 0.01 of shares, else a tenth of the value's decade."""
    if part.kind == "whole":
        return 1 if not begin or abs(begin) < 1000 else 10 ** max(0, math.floor(math.log10(abs(begin))) - 1)
    if part.high is not None and part.high <= 1:
        return 0.01
    return 10.0 ** (math.floor(math.log10(abs(begin))) - 1) if begin else 1.0


def _short(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    said = "none" if value is None else f"{value:,.15g}" if is_number else flow(value)
    return said if len(said) <= 60 else said[:57] + "..."


def _found_as(field: Field) -> str:
    """A field as it is looked for: name, default, what it is."""
    return f"{field.label} · {_short(field.value)} · {field.place.description}"


def _red(problem: Problem, *, with_place: bool) -> str:
    place = f"**{text.markdown(problem.field.removeprefix('--') or 'the scenario')}**: " if with_place else ""
    line = f" (line {problem.line})" if problem.line is not None else ""
    return f":red[✗ {place}{text.markdown(problems.said(problem))}{line}]"
