import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.scenario.paths import (
    Path,
    PathProblem,
    closest,
    concrete,
    get_value,
    nearest,
    parse,
    render,
    set_value,
)

TREE = {
    "models": {"gpt-4.1": {"input_usd_per_mtok": 2.0}, "gpt-4o": {}},
    "finance": {"people": [{"name": "Run and evaluate", "fte": 0.5}, {"name": "Lead", "fte": 1}]},
    "tasks": {"faq": {"input_tokens": {"p50": 1, "p95": 2}, "output_tokens": 500}},
}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("name", ("name",)),
        ("policy.timeout_s", ("policy", "timeout_s")),
        ("models[gpt-4.1].input_usd_per_mtok", ("models", "gpt-4.1", "input_usd_per_mtok")),
        ("finance.people[0].fte", ("finance", "people", 0, "fte")),
        ("finance.one_time[Router and set].usd", ("finance", "one_time", "Router and set", "usd")),
        ("a[b[c].d", ("a", "b[c", "d")),
        ('a["b]c"].d', ("a", "b]c", "d")),
        ('a["0"]', ("a", "0")),
        ("a.0", ("a", "0")),
        ("[a.b]", ("a.b",)),
        ("a[0][1]", ("a", 0, 1)),
    ],
)
def test_a_path_is_read_as_its_steps(text: str, steps: Path) -> None:
    assert parse(text) == steps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "path '', character 1: a path is empty"),
        ("a..b", "path 'a..b', character 3: a key is missing here"),
        ("a.", "path 'a.', character 3: a key is missing here"),
        (".a", "path '.a', character 1: a key is missing here"),
        ("a[b", "path 'a[b', character 2: a bracket is not closed"),
        ("a[]", "path 'a[]', character 2: a bracket is empty"),
        ("a[b]c", "path 'a[b]c', character 5: a dot or bracket must follow a closed bracket"),
        ('a["b', "path 'a[\"b', character 3: a quoted key is not closed"),
        ('a["b"x]', "path 'a[\"b\"x]', character 6: ] must follow a quoted key"),
        ("a[1234567890]", "path 'a[1234567890]', character 2: an index has at most 9 digits"),
        (
            "a b",
            "path 'a b', character 2: a key with a dot, bracket, quote or blank stands in brackets, "
            "such as models[gpt-4.1]",
        ),
    ],
)
def test_a_text_that_is_no_path_says_where_it_goes_wrong(text: str, message: str) -> None:
    with pytest.raises(PathProblem) as caught:
        parse(text)
    assert str(caught.value) == message


steps = st.one_of(st.text(max_size=12), st.integers(0, 10**9 - 1))


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.lists(steps, min_size=1, max_size=6).map(tuple))
def test_rendering_and_parsing_are_inverse(path: Path) -> None:
    assert parse(render(path)) == path


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.dictionaries(st.text(max_size=5), trees, max_size=4),
    st.lists(st.text(max_size=5), min_size=1, max_size=4),
    trees,
)
def test_a_value_set_is_got_back_and_nothing_else_changes(
    tree: dict[str, Any], keys: list[str], value: Any
) -> None:
    before = copy.deepcopy(tree)
    try:
        after = set_value(tree, tuple(keys), value)
    except PathProblem:
        after = None  # a list stands in the way
    assert tree == before
    if after is not None:
        assert get_value(after, tuple(keys)) == value
        assert {key: inner for key, inner in after.items() if key != keys[0]} == {
            key: inner for key, inner in tree.items() if key != keys[0]
        }


def test_items_of_a_list_are_got_and_set_by_index_or_name() -> None:
    assert get_value(TREE, "finance.people[1].fte") == 1
    assert get_value(TREE, "finance.people[Run and evaluate].fte") == 0.5
    after = set_value(TREE, "finance.people[Lead].fte", 3)
    assert get_value(after, "finance.people[1]") == {"name": "Lead", "fte": 3}
    assert get_value(TREE, "finance.people[1].fte") == 1
    assert concrete(TREE, "finance.people[Lead].fte") == ("finance", "people", 1, "fte")


def test_parts_of_a_law_and_whole_laws_are_set() -> None:
    assert set_value(TREE, "tasks.faq.input_tokens.p50", 7)["tasks"]["faq"]["input_tokens"] == {
        "p50": 7,
        "p95": 2,
    }
    assert set_value(TREE, "tasks.faq.input_tokens", 300)["tasks"]["faq"]["input_tokens"] == 300
    assert set_value(TREE, "tasks.faq.output_tokens.p50", 7)["tasks"]["faq"]["output_tokens"] == {"p50": 7}


def test_missing_mappings_are_made_and_lists_grow_by_one() -> None:
    assert set_value({}, "a.b.c", 1) == {"a": {"b": {"c": 1}}}
    assert set_value({"a": None}, "a.b", 1) == {"a": {"b": 1}}
    assert set_value({}, "finance.price_steps[0].factor", 0.5) == {
        "finance": {"price_steps": [{"factor": 0.5}]}
    }
    assert set_value({"a": [1]}, "a[1]", 2) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("finance.peple", "path 'finance.peple', character 9: no 'peple' here; did you mean people?"),
        (
            "models[gpt-4.0].x",
            "path 'models[gpt-4.0].x', character 7: no 'gpt-4.0' here; did you mean gpt-4.1?",
        ),
        (
            "finance.people[2]",
            "path 'finance.people[2]', character 15: no item 2; there are 2, counted from 0",
        ),
        (
            "finance.people[Leed].fte",
            "path 'finance.people.Leed.fte', character 16: no item named 'Leed'; did you mean Lead?",
        ),
        (
            "tasks.faq.output_tokens.p50",
            "path 'tasks.faq.output_tokens.p50', character 25: 500 has no fields",
        ),
        ("models[0]", "path 'models[0]', character 7: no 0 here; known here: gpt-4.1, gpt-4o"),
    ],
)
def test_a_path_that_leads_nowhere_names_what_is_there(path: str, message: str) -> None:
    with pytest.raises(PathProblem) as caught:
        get_value(TREE, path)
    assert str(caught.value) == message


def test_two_items_of_one_name_need_an_index() -> None:
    tree = {"a": [{"name": "x"}, {"name": "x"}]}
    with pytest.raises(PathProblem, match="2 items are named 'x'; give the index, such as"):
        set_value(tree, "a.x.y", 1)
    assert set_value(tree, "a[1].y", 1)["a"][1] == {"name": "x", "y": 1}


def test_an_index_does_not_fit_a_mapping() -> None:
    with pytest.raises(PathProblem, match=r"an index where a mapping stands; known here: gpt-4\.1, gpt-4o"):
        set_value(TREE, "models[0].x", 1)


def test_mistyped_names_are_recognised() -> None:
    assert nearest("tokens_per_minut", ["requests_per_minute", "tokens_per_minute"]) == "tokens_per_minute"
    assert nearest("GPT-4O", ["gpt-4o", "gpt-4o-mini"]) == "gpt-4o"
    assert nearest("zebra", ["gpt-4o"]) is None
    assert closest("zebra", ["a", "b"]) == "known here: a, b"
    assert closest("zebra", []) is None
