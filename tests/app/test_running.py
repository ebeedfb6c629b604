"""Running a comparison from the page: progress, memory, and what is not remembered."""

from typing import Any

import pytest

import planner
from app import running
from planner.scenario import loads
from tests.app.library import SMALL


class Place:
    """Stands for a place on the page and notes what is drawn there."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.is_empty = False

    def progress(self, share: float, text: str) -> "Place":
        assert f"{share:.0%}" in text
        self.shares.append(share)
        return self

    def empty(self) -> None:
        self.is_empty = True


@pytest.fixture(autouse=True)
def _every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "REPORT_EVERY_S", 0.0)


def comparison_of(seed: int, place: Place) -> Any:
    return running.comparison_of(loads(SMALL).set({"run.seed": seed}), place)  # type: ignore[arg-type]


def test_progress_grows_to_the_end_and_the_bar_goes_away() -> None:
    place = Place()
    comparison_of(9001, place)
    assert place.shares[0] == 0
    assert place.shares[-1] == 1
    assert place.shares == sorted(place.shares)
    assert len(place.shares) > 2  # something between nothing and all
    assert place.is_empty


def test_a_remembered_result_shows_no_bar_and_is_the_same() -> None:
    first = comparison_of(9002, Place())
    place = Place()
    again = comparison_of(9002, place)
    assert place.shares == []
    assert again.to_dict() == first.to_dict()


def test_a_run_that_is_interrupted_ends_and_is_not_remembered() -> None:
    class Interrupted(BaseException):
        pass

    class Closing(Place):
        def progress(self, share: float, text: str) -> "Place":
            if share > 0.3:
                raise Interrupted
            return super().progress(share, text)

    place = Closing()
    with pytest.raises(Interrupted):
        comparison_of(9003, place)
    assert place.is_empty
    complete = Place()
    comparison_of(9003, complete)
    assert complete.shares[-1] == 1


def test_a_failure_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object, **named: object) -> None:
        raise planner.PlannerError("no")

    with monkeypatch.context() as patch:
        patch.setattr(planner, "compare", fails)
        with pytest.raises(planner.PlannerError):
            comparison_of(9004, Place())
    assert comparison_of(9004, Place()).answer
