"""A small comparison whose texts are hostile, its memo, and a reader of HTML that is stricter than a browser."""

import functools
from dataclasses import dataclass, field
from html.parser import HTMLParser

import planner
from planner.api import Comparison
from planner.memos.making import state_of
from planner.memos.page import memo
from planner.memos.state import MemoState
from planner.scenario import loads
from tests.app.library import SMALL

HOSTILE = """</script></pre><!-- <script>alert(1)</script> & "quotes" 'single' ]]>"""
VOID = set(
    [
        "meta",
        "link",
        "br",
        "hr",
        "img",
        "input",
        "col",
        "wbr",
        "source",
        "area",
        "base",
        "embed",
        "param",
        "track",
    ]
)
IN_QUOTES = "'" + HOSTILE.replace("'", "''") + "'"
TEXT = f"# {HOSTILE} Ä\n" + SMALL.replace("name: Small chat", f"name: {IN_QUOTES}").replace(
    "name: Integration", "name: '<i>Integration</i> & co'"
)
CHANGES = {
    "traffic.growth_per_month": 0.03,
    "finance.sign_off": {"prepared_by": "A <b>team</b> & co", "reviewed_by": "O'Hara", "on": "2026-11-20"},
    "deployments.omni.outages": {"mtbf_h": 730.5, "duration_h": 0.5},
}


@dataclass
class Element:
    """An element with its attributes, its children and all the text in it."""

    tag: str
    attributes: dict[str, str]
    children: "list[Element | str]" = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, tag: str, **wanted: str) -> "list[Element]":
        """Elements inside of a tag and with attributes, in their order; `kind` is a class."""
        found = []
        for one in self.children:
            if isinstance(one, str):
                continue
            kinds = one.attributes.get("class", "").split()
            is_wanted = all(
                value in kinds if name == "kind" else one.attributes.get(name) == value
                for name, value in wanted.items()
            )
            if one.tag == tag and is_wanted:
                found.append(one)
            found += one.all(tag, **wanted)
        return found

    def one(self, tag: str, **wanted: str) -> "Element":
        (found,) = self.all(tag, **wanted)
        return found

    def rows(self) -> list[list[str]]:
        """Texts of the cells of every row of a table."""
        return [[cell.text for cell in row.children if not isinstance(cell, str)] for row in self.all("tr")]

    def section(self, title: str) -> "Element":
        (found,) = [one for one in self.all("section") if [h.text for h in one.all("h2")] == [title]]
        return found


class Reader(HTMLParser):
    """Builds the tree; anything that is not closed where it should be is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute of {tag} stands twice"
        found = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(found)
        if tag not in VOID:
            self.open.append(found)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> inside {self.open[-1].tag}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(html: str) -> Element:
    """The tree of a page."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"not closed: {[one.tag for one in reader.open[1:]]}"
    return reader.root


@functools.lru_cache(maxsize=1)
def comparison() -> Comparison:
    """The small scenario with hostile texts and three changes."""
    return planner.compare(loads(TEXT).set(CHANGES))


@functools.lru_cache(maxsize=1)
def state() -> MemoState:
    return state_of(comparison(), name="small", text=TEXT)


@functools.lru_cache(maxsize=1)
def page() -> str:
    return memo(comparison(), state=state())
