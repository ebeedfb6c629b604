import doctest
import importlib

import pytest

MODULES = ("declare", "paths", "reading")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(f"planner.scenario.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
