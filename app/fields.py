"""Which fields a section of a scenario offers, read from the declarations of the language.

Comes in: a scenario, what it is compared with, and a section. Goes out: a `Block` of fields (those that stand in the
scenario first, the others apart), with a block for each key of a map and each item of a list. Draws nothing; every bound,
unit and description is the declared one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.modes import Mode, is_same, modes
from app.writing import without
from planner.scenario import declared, paths
from planner.scenario.declared import Kind, Place
from planner.scenario.fields import Scenario
from planner.scenario.paths import Path, PathProblem, render

GENERAL = "general"  # the fields of the root that are no section: name, question, start, objective ...
ABSENT = object()  # no value stands there
_PROPER = {
    "usd": "USD", "slo": "SLO", "sla": "SLA", "ttft": "TTFT", "mtok": "million tokens", "gpu": "GPU", "gb": "GB",
    "api": "API", "fte": "FTE", "id": "ID", "cv": "CV",
}  # fmt: skip
_UNIT_SUFFIX = {"s": "s", "h": "h", "USD": "usd", "ms": "ms", "px": "px"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value that can be changed.

    `value` and `base` are plain values, the default where none is given. `stands` and `stood` say whether one is given,
    `comparable` whether the base has this place at all (an item of a list that has become longer has none).
    """

    path: Path
    place: Place
    label: str
    value: Any
    base: Any
    stands: bool
    stood: bool
    comparable: bool = True

    @property
    def name(self) -> str:
        return render(self.path)

    @property
    def modes(self) -> tuple[Mode, ...]:
        return modes(self.place)

    @property
    def help(self) -> str:
        """The declared description, with unit and path."""
        words = self.place.description[:1].upper() + self.place.description[1:]
        unit = f" ({self.place.unit})" if self.place.unit else ""
        return f"{words}{unit}.\n\n{self.name}"


@dataclass(frozen=True, kw_only=True)
class Block:
    """The fields under one heading. `adds` is what an item that is added must hold, for a list of sections."""

    path: Path
    title: str
    fields: tuple[Field, ...] = ()
    rest: tuple[Field, ...] = ()
    blocks: tuple["Block", ...] = ()
    adds: tuple["Block", ...] = ()  # lists that take another item, each an empty block at the list's path
    item_of: int | None = None  # which item of a list it is
    of_map: bool = False  # whether its blocks are the keys of one map, of which one is shown at a time

    @property
    def name(self) -> str:
        return render(self.path) if self.path else GENERAL

    def all_fields(self) -> Iterator[Field]:
        """Every field, those of the blocks inside included."""
        yield from self.fields
        yield from self.rest
        for block in self.blocks:
            yield from block.all_fields()


def sections() -> tuple[str, ...]:
    """The sections of a scenario, in order of declaration, the general fields first."""
    named = [name for name, place in declared.root().fields().items() if _is_section(place)]
    return (GENERAL, *named)


def words(name: str | int) -> str:
    """A name of the language as it is read.

    >>> words("cost_of_wrong_answer_usd"), words("p95_ttft_s")
    ('cost of wrong answer USD', 'p95 TTFT s')
    """
    return " ".join(_PROPER.get(part, part) for part in str(name).split("_"))


def block(tree: Any, base_tree: Any, section: str | Path) -> Block:
    """The fields of one section (`traffic`, `tasks`, ...), of a path below one, or the general ones.

    `tree` and `base_tree` are plain, as `Scenario.to_dict` gives them.
    """
    reader = _Reader(tree, base_tree)
    if section in (GENERAL, ()):
        found = _Found()
        for name, place in declared.root().fields().items():
            if not _is_section(place):
                reader.add(found, (name,), place, ())
        return found.block((), "General")
    path = paths.parse(section) if isinstance(section, str) else tuple(section)
    here = declared.at(path)
    assert here is not None, f"the language declares nothing at {render(path)}"
    return reader.block(path, here, words(path[-1]).capitalize() if len(path) == 1 else str(path[-1]))


def changes(scenario: Scenario, base: Scenario) -> dict[str, Any]:
    """PATH: value of everything that makes `scenario` out of `base`, as `base.set` takes it."""
    return differences(scenario.to_dict(), base.to_dict())


def differences(tree: Any, base: Any) -> dict[str, Any]:
    """PATH: value of what differs between two plain trees; setting them in `base` gives `tree`.

    Where something of the base is gone, or a list has another length, the smallest thing around it is given as a whole.
    Laws are given as a whole.

    >>> differences({"run": {"seed": 2, "replications": 4}}, {"run": {"seed": 1, "replications": 4}})
    {'run.seed': 2}
    """
    found = _differences(tree, base, ())
    return {render(path): value for path, value in found.items()}


def _differences(tree: Any, base: Any, path: Path) -> dict[Path, Any]:
    if is_same(tree, base):
        return {}
    place = declared.at(path) if path else None
    if not (place is not None and place.kind is Kind.LAW):
        if isinstance(tree, Mapping) and isinstance(base, Mapping) and (set(base) <= set(tree) or not path):
            pairs = [(name, value, base.get(name, ABSENT)) for name, value in tree.items()]
            return _together(pairs, path)
        if isinstance(tree, list) and isinstance(base, list) and len(tree) == len(base):
            return _together([(k, *pair) for k, pair in enumerate(zip(tree, base, strict=True))], path)
    return {path: tree}


def _together(pairs: list[tuple[Any, Any, Any]], path: Path) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for step, value, before in pairs:
        if (
            before is ABSENT
            and isinstance(value, Mapping)
            and value
            and _is_made_by_its_fields((*path, step))
        ):
            found |= _differences(value, {}, (*path, step))
        elif before is ABSENT:
            found[*path, step] = value
        else:
            found |= _differences(value, before, (*path, step))
    return found


def _is_made_by_its_fields(path: Path) -> bool:
    """Whether setting the fields of a section one by one makes it: one that stands there always, and is no key of a map."""
    place, outer = declared.at(path), declared.at(path[:-1]) if len(path) > 1 else declared.root()
    return (
        place is not None and place.kind is Kind.SECTION and outer is not None and outer.kind is Kind.SECTION
    )


def back(tree: Any, base_tree: Any, path: Path) -> Any:
    """A tree with what stands at a path as it is in the base; what only stands around it for its sake goes, too."""
    there = given(base_tree, path)
    if there is not ABSENT:
        return paths.set_value(tree, path, there)
    return without(tree, created(base_tree, path))


def created(base_tree: Any, path: Path) -> Path:
    """The outermost part of a path that a tree does not have."""
    return next(
        (path[:depth] for depth in range(1, len(path)) if given(base_tree, path[:depth]) is ABSENT), path
    )


def given(tree: Any, path: Path) -> Any:
    """What stands at a path of a plain tree, or ABSENT."""
    try:
        return paths.get_value(tree, path)
    except PathProblem:
        return ABSENT


# -- from declarations to fields ---------------------------------------------------------------------


def _is_section(place: Place) -> bool:
    return place.kind in (Kind.SECTION, Kind.MAP, Kind.LIST)


class _Found:
    """Fields and blocks as they are met."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.rest: list[Field] = []
        self.blocks: list[Block] = []
        self.adds: list[Block] = []

    def block(self, path: Path, title: str, **more: Any) -> Block:
        return Block(
            path=path, title=title, fields=tuple(self.fields), rest=tuple(self.rest), blocks=tuple(self.blocks),
            adds=tuple(self.adds), **more,
        )  # fmt: skip


@dataclass(frozen=True)
class _Reader:
    tree: Any
    base_tree: Any

    def block(self, path: Path, place: Place, title: str, **more: Any) -> Block:
        """What stands at a path, taken apart."""
        found = _Found()
        value = given(self.tree, path)
        if place.kind is Kind.MAP and place.item is not None and place.item.kind is Kind.SECTION:
            blocks = (
                [self.block((*path, name), place.item, str(name)) for name in value]
                if isinstance(value, Mapping)
                else []
            )
            return Block(
                path=path,
                title=title,
                blocks=tuple(blocks),
                adds=(self._new_key(path, place),),
                of_map=True,
                **more,
            )
        if place.kind in (Kind.MAP, Kind.LIST):
            self.add(found, path, place, path)
        else:
            for name, inner in _fields_of(place, value).items():
                self.add(found, (*path, name), inner, path)
            if place.nullable and path and given(self.tree, path) is not ABSENT:
                self._leaf(found, path, place, path)
        return found.block(path, title, **more)

    def add(self, found: _Found, path: Path, place: Place, outer: Path) -> None:
        """Take in a place and all below it; items of lists and keys of maps become blocks of their own."""
        value = given(self.tree, path)
        if place.later is not None and value is ABSENT:
            return
        item = place.item
        if place.kind is Kind.LIST and item is not None and item.kind is Kind.SECTION:
            items = value if isinstance(value, list) else []
            for k in range(len(items)):
                title = f"{_label(path, outer).capitalize()} {k + 1}"
                found.blocks.append(self.block((*path, k), item, title, item_of=k))
            found.adds.append(self._empty(path, item, outer))
        elif isinstance(value, Mapping) and place.kind is Kind.MAP and item is not None and value:
            for name in value:
                self.add(found, (*path, name), item, outer)
            self._leaf(found, path, place, outer, is_whole=True)
        elif place.kind in (Kind.SECTION, Kind.FORMS) and (
            isinstance(value, Mapping)
            or (value is ABSENT and place.kind is Kind.SECTION and not place.nullable)
        ):
            for name, inner in _fields_of(place, value).items():
                self.add(found, (*path, name), inner, outer)
            if place.nullable or place.kind is Kind.FORMS:
                self._leaf(found, path, place, outer, is_whole=place.kind is Kind.FORMS)
        else:
            self._leaf(found, path, place, outer)

    def _leaf(self, found: _Found, path: Path, place: Place, outer: Path, *, is_whole: bool = False) -> None:
        value, base = given(self.tree, path), given(self.base_tree, path)
        label = _label(path, outer) or words(path[-1])
        field = Field(
            path=path,
            place=place,
            label=_with_unit(label, place) + (" as a whole" if is_whole else ""),
            value=place.default if value is ABSENT else value,
            base=place.default if base is ABSENT else base,
            stands=value is not ABSENT,
            stood=base is not ABSENT,
            comparable=self._is_comparable(path),
        )
        is_shown = not is_whole and (field.stands or field.stood)
        (found.fields if is_shown else found.rest).append(field)

    def _is_comparable(self, path: Path) -> bool:
        """Whether every list on the way is as long as in the base, so that an index means the same there."""
        for depth, step in enumerate(path):
            if isinstance(step, int):
                one, other = given(self.tree, path[:depth]), given(self.base_tree, path[:depth])
                if not isinstance(other, list) or len(one) != len(other):
                    return False
        return True

    def _empty(self, path: Path, item: Place, outer: Path) -> Block:
        """What must be said of an item that is added."""
        needed = [
            Field(
                path=(*path, name), place=inner, label=_with_unit(words(name), inner), value=inner.default, base=inner.default,
                stands=False, stood=False, comparable=False,
            )
            for name, inner in item.fields().items()
            if inner.required or name == "name"
        ]  # fmt: skip
        return Block(path=path, title=_label(path, outer) or words(path[-1]), fields=tuple(needed))

    def _new_key(self, path: Path, place: Place) -> Block:
        """What must be said of a key that is added: its name, and what it holds."""
        shared: Any = {"base": None, "stands": False, "stood": False, "comparable": False}
        name = Place(
            kind=Kind.TEXT,
            min_length=1,
            description="a name of your own: a-z, 0-9 and -" if place.own_keys else "name",
        )
        holds = Place(kind=Kind.ANY, description="its fields, as {field: value, ...}")
        fields = (
            Field(path=(*path, "NAME"), place=name, label="Name", value=None, **shared),
            Field(path=(*path, "HOLDS"), place=holds, label="Holds (YAML)", value={}, **shared),
        )
        return Block(path=path, title=words(path[-1]), fields=fields, of_map=True)


def _fields_of(place: Place, value: Any) -> dict[str, Place]:
    """The fields beside those of a value: of the form that has them all, where there are several."""
    if place.section is not None or not isinstance(value, Mapping):
        return place.fields()
    for form in place.forms.values():
        known = form.fields()
        kind = known.get("kind")
        is_kind = kind is None or not kind.choices or value.get("kind", kind.default) in kind.choices
        if known and set(value) <= set(known) and is_kind:
            return known
    return place.fields()


def _label(path: Path, outer: Path) -> str:
    """Where a field stands below the heading it is shown under, in words."""
    return ", ".join(
        words(step) if isinstance(step, str) else f"no. {step + 1}" for step in path[len(outer) :]
    )


def _with_unit(label: str, place: Place) -> str:
    """The unit behind the label, said once.

    >>> _with_unit("timeout s", Place(kind=Kind.NUMBER, unit="s"))
    'Timeout (s)'
    """
    unit = "0 to 1" if place.unit == "share" else place.unit
    said = unit.replace("/", " per ")
    if (len(unit) > 2 and label.lower().endswith(said.lower())) or (
        unit.startswith("1/") and label.endswith(said[1:])
    ):
        unit = ""
    suffix = _PROPER.get(_UNIT_SUFFIX.get(place.unit, ""), _UNIT_SUFFIX.get(place.unit, ""))
    if suffix and label.endswith(f" {suffix}"):
        label = label.removesuffix(f" {suffix}")
    return label[:1].upper() + label[1:] + (f" ({unit})" if unit else "")
