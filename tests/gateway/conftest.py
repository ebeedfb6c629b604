"""`@pytest.mark.case(NAME)` gives a test the recording of that case as `recording`.

The cases that the selected tests name start together when the first of them is asked for, in the order of the tests,
so that a whole run takes about as long as its cases do side by side.
"""

import pytest

from tests.gateway import recordings
from tests.gateway.recordings import Recording


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "case(name): needs the recording of tests/gateway/cases/NAME.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The test that comes first waits for all cases that are recorded before its own, on a busy machine repeatedly.
    for item in items:
        if item.get_closest_marker("case") is not None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def _started(request: pytest.FixtureRequest) -> None:
    marks = [item.get_closest_marker("case") for item in request.session.items]
    recordings.start(mark.args[0] for mark in marks if mark is not None)


@pytest.fixture
def recording(request: pytest.FixtureRequest, _started: None) -> Recording:
    mark = request.node.get_closest_marker("case")
    assert mark is not None, "a test that uses `recording` names its case: @pytest.mark.case(NAME)"
    return recordings.run(mark.args[0])
