"""Changes written into a scenario's text: one value changes, comments and everything else stay."""

import doctest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import fields, forms, own, writing
from app.writing import CannotWrite
from planner.scenario import paths
from planner.scenario.yaml_nodes import read_yaml

LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"
TEXT = """\
# head
name: Chat # why
tasks:
  # about faq
  faq:
    share: 0.7 # measured
    input_tokens: {p50: 420, p95: 1600} # sizes
  hard:
    share: 0.3

finance:
  people: # the team
    - {name: Run, fte: 0.5} # assumption
    - name: Tune # late
      fte: 0.1
  one_time: []
question: >
  Which one
  is it?
policy: {}
gateway:
# tail
"""


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place below the root."""
    if path:
        yield path, tree
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in inner:
        yield from leaves(value, (*path, step))


def comments(text: str) -> list[str]:
    return [line.split("# ", 1)[1] for line in text.splitlines() if "# " in line]


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]


@pytest.mark.parametrize("module", [writing, fields, forms, own])
def test_examples_in_docstrings_hold(module: object) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("name", "My chat", "name: My chat # why"),
        ("name", "a: b", 'name: "a: b" # why'),
        ("tasks.faq.share", 0.65, "    share: 0.65 # measured"),
        ("tasks.faq.input_tokens.p95", 2000, "    input_tokens: {p50: 420, p95: 2000} # sizes"),
        ("tasks.faq.input_tokens", 500, "    input_tokens: 500 # sizes"),
        ("finance.people[0].fte", 1, "    - {name: Run, fte: 1} # assumption"),
        ("finance.people[Tune].name", "Tuning", "    - name: Tuning # late"),
        ("finance.people[0].usd_per_year", 9, "    - {name: Run, fte: 0.5, usd_per_year: 9} # assumption"),
        ("finance.one_time[0]", {"name": "x", "usd": 1}, "  one_time: [{name: x, usd: 1}]"),
        ("policy.timeout_s", 60, "policy: {timeout_s: 60}"),
        ("gateway", {"kind": "unified"}, "gateway: {kind: unified}"),
        ("gateway.fee", 0.05, "gateway: {fee: 0.05}"),
    ],
)
def test_only_the_line_of_the_value_changes(path: str, value: Any, line: str) -> None:
    after = writing.put(TEXT, path, value)
    assert [new for _, new in changed_lines(TEXT, after)] == [line]
    assert comments(after) == comments(TEXT)


def test_a_new_field_gets_a_line_of_its_own_behind_those_beside_it() -> None:
    after = writing.put(TEXT, "tasks.faq.max_output_tokens", 800)
    assert after == TEXT.replace("# sizes\n", "# sizes\n    max_output_tokens: 800\n")
    added = writing.put(TEXT, "finance.people[2]", {"name": "New", "fte": 1})
    assert added == TEXT.replace("      fte: 0.1\n", "      fte: 0.1\n    - {name: New, fte: 1}\n")


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("tasks.faq.share", "    share: 0.7 # measured\n"),
        ("tasks.hard", "  hard:\n    share: 0.3\n"),
        ("finance.people[0]", "    - {name: Run, fte: 0.5} # assumption\n"),
        ("finance.people[1]", "    - name: Tune # late\n      fte: 0.1\n"),
        ("finance.people[0].fte", ", fte: 0.5"),
        ("tasks.faq.input_tokens.p50", "p50: 420, "),
    ],
)
def test_what_is_taken_out_leaves_the_rest(path: str, gone: str) -> None:
    assert gone in TEXT
    assert writing.drop(TEXT, path) == TEXT.replace(gone, "", 1)


def test_going_back_spells_the_value_as_the_file_does() -> None:
    saved = TEXT.replace("0.7 #", "0.70 #")
    changed = writing.put(saved, "tasks.faq.share", 0.5)
    assert writing.put_back(changed, "tasks.faq.share", saved) == saved
    rewritten = writing.put(saved, "tasks.faq", {"share": 0.5})
    assert "0.70" not in rewritten
    assert read_yaml(writing.put_back(rewritten, "tasks.faq", saved)).value == read_yaml(saved).value


def test_taking_out_what_is_not_there_changes_nothing() -> None:
    assert writing.drop(TEXT, "tasks.faq.review") == TEXT


def test_a_value_that_an_alias_shares_is_refused_rather_than_changed_twice() -> None:
    text = "a: &x {c: 1}\nb: *x\n"
    with pytest.raises(CannotWrite, match="change it in the text"):
        writing.put(text, "b.c", 2)
    with pytest.raises(CannotWrite):
        writing.put(text, "a.c", 2)


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "- 1\n", "", "a: 0x1F\n"])
def test_a_text_that_cannot_be_read_is_not_written_into(text: str) -> None:
    with pytest.raises(CannotWrite, match="cannot be read"):
        writing.put(text, "b", 1)


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_number_of_the_library_can_be_changed_and_every_comment_stays(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    tree = read_yaml(text).value
    scalars = [(path, value) for path, value in leaves(tree) if not isinstance(value, dict | list)]
    for path, _ in scalars[:: max(1, len(scalars) // 12)]:
        after = writing.put(text, path, 17.5)
        assert len(changed_lines(text, after)) == 1
        assert comments(after) == comments(text)
        assert read_yaml(after).value == paths.set_value(tree, path, 17.5)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | st.text(
        st.characters(exclude_categories=("C",)), max_size=20
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[A-Za-z0-9][\w. -]{0,8}", fullmatch=True), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None)
@given(value=plain)
def test_any_value_is_read_back_as_it_was_written(value: Any) -> None:
    document = read_yaml(f"x: {writing.flow(value)}\n")
    assert document.problems == ()
    assert document.value == {"x": value}


@settings(deadline=None, max_examples=60)
@given(value=plain, which=st.integers(0, 100))
def test_any_value_can_be_put_anywhere(value: Any, which: int) -> None:
    tree = read_yaml(TEXT).value
    places = [path for path, _ in leaves(tree)]
    path = places[which % len(places)]
    after = read_yaml(writing.put(TEXT, path, value))
    assert writing.flow(after.value) == writing.flow(paths.set_value(tree, path, value))
    dropped = read_yaml(writing.drop(TEXT, path)).value
    assert writing.flow(dropped) == writing.flow(writing.without(tree, path))
