"""One real comparison, run once by the command and shared by the tests that read its output."""

import json
from typing import Any, NamedTuple

import pytest

from tests.cli.command import planner, write_scenario


class Compared(NamedTuple):
    """The JSON document on stdout and the report on stderr of `planner compare FILE --json -`."""

    stdout: str
    report: str
    document: dict[str, Any]


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    file = write_scenario(tmp_path_factory.mktemp("compared"))
    found = planner("compare", file, "--json", "-")
    assert found.returncode == 0, found.stderr
    return Compared(found.stdout, found.stderr, json.loads(found.stdout))
