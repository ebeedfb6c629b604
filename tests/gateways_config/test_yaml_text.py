"""Text that is written is read back as it was meant, by readers of YAML 1.2 and 1.1; examples of docstrings are true."""

import doctest
import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from planner.gateways.yaml_text import yaml_text
from planner.scenario.yaml_nodes import read_yaml

words = st.sampled_from(
    ["no", "4x", "0x1f", "1e5", "a: b", "# x", "- a", "null", "x'y", '"', "日本", "a\nb", "", " "]
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), words, st.floats(1e-12, 1e12), st.text("ab:#-é ", max_size=6)
)  # fmt: skip
trees = st.dictionaries(
    words | st.text("abc-", max_size=4),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
        max_leaves=12,
    ),
    min_size=1,
    max_size=4,
)


@given(trees, words)
def test_a_tree_comes_back(tree: dict[str, Any], told: str) -> None:
    text = yaml_text(tree, {(key,): told for key in tree})
    found = read_yaml(text)
    assert found.problems == ()
    assert found.value == tree
    old = YAML(typ="safe", pure=True)
    assert old.load("%YAML 1.1\n---\n" + text) == tree


@pytest.mark.parametrize("name", ["litellm_models", "yaml_text"])
def test_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"planner.gateways.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
