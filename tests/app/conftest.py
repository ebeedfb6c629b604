"""Tests of the app never see scenarios of whoever runs them: the folder of one's own is an empty one."""

import os
from collections.abc import Iterator

import pytest

from app import own


@pytest.fixture(scope="session", autouse=True)
def empty_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For the whole session, so that servers started by a test see it, too."""
    before = os.environ.get(own.VARIABLE)
    os.environ[own.VARIABLE] = str(tmp_path_factory.mktemp("nobody") / "scenarios")
    yield
    if before is None:
        del os.environ[own.VARIABLE]
    else:
        os.environ[own.VARIABLE] = before
