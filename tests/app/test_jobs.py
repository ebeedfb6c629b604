"""Long work of the pages: a bar with the time left, cancelling, joining, memory, and what is not remembered."""

import re
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import jobs, running
from planner.errors import PlannerError
from planner.scenario import loads
from tests.app.library import SMALL


class Place:
    """Stands for a place on the page and notes what is drawn there."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.texts: list[str] = []
        self.buttons: list[str] = []
        self.is_empty = False

    def container(self) -> "Place":
        return self

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def empty(self) -> None:
        self.is_empty = True


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page of a session: its memory, and `st` that draws on one `Place`."""
    place, memory = Place(), {}

    def progress(share: float, text: str) -> Any:
        place.shares.append(share)
        place.texts.append(text)
        return SimpleNamespace(progress=progress)

    drawn = SimpleNamespace(
        session_state=memory,
        progress=progress,
        button=lambda label, **more: place.buttons.append(label),
        columns=lambda spec, **more: [SimpleNamespace(info=place.texts.append, button=drawn.button)] * 2,
    )
    monkeypatch.setattr(jobs, "st", drawn)
    monkeypatch.setattr(jobs, "QUIET_S", 0.0)
    monkeypatch.setattr(jobs, "REDRAW_S", 0.0)
    yield SimpleNamespace(place=place, memory=memory)
    jobs.forget()


def counted_work(steps: int, seen: list[int], wait_s: float = 0.03) -> Any:
    def work(report: jobs.Report) -> str:
        for step in range(steps):
            time.sleep(wait_s)
            seen.append(step)
            report(step + 1, steps)
        return "done"

    return work


def test_progress_grows_with_the_time_left_and_the_bar_goes_away(page: Any) -> None:
    assert jobs.result_of(("a",), counted_work(20, []), page.place, "Working") == "done"
    assert page.place.shares == sorted(page.place.shares)
    assert len(set(page.place.shares)) > 3
    assert any(re.search(r"about \d+ s left$", words) for words in page.place.texts)
    assert page.place.buttons == ["Cancel"]
    assert page.place.is_empty


def test_time_left_is_what_is_spent_in_proportion() -> None:
    job = jobs.Job(("x",), began_s=time.monotonic() - 30)
    assert job.left_s() is None
    job.report(1, 4)
    assert job.left_s() == pytest.approx(90, abs=6)


def test_a_remembered_result_shows_no_bar(page: Any) -> None:
    jobs.result_of(("b",), counted_work(2, []), page.place, "Working")
    page.place.shares.clear()
    seen: list[int] = []
    assert jobs.result_of(("b",), counted_work(2, seen), page.place, "Working") == "done"
    assert page.place.shares == []
    assert seen == []


def test_quick_work_shows_no_bar(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "QUIET_S", 30.0)
    assert jobs.result_of(("c",), lambda report: 5, page.place, "Working") == 5
    assert page.place.shares == []


def test_cancelled_work_ends_within_a_second_and_is_not_begun_again_by_itself(page: Any) -> None:
    seen: list[int] = []
    key = ("d",)
    ended: list[Any] = []

    def wait() -> None:
        job = jobs._join("d", key, counted_work(1000, seen))
        jobs._wait(job, page.place, "Working")
        ended.append(job.error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not seen:
        time.sleep(0.01)
    done = len(seen)
    jobs.cancel(key)
    waiting.join(30)
    (error,) = ended
    assert len(seen) - done <= 10  # of 1,000: steps of 0.03 s
    assert isinstance(error, jobs.Cancelled)
    assert not jobs.is_known(key)
    assert jobs.result_of(key, counted_work(3, seen), page.place, "Simulating it") is None
    assert "Cancelled: simulating it. Nothing of it is shown." in page.place.texts
    jobs.again(key)
    assert jobs.result_of(key, counted_work(3, seen), page.place, "Simulating it") == "done"


def test_what_is_asked_for_ahead_is_joined_further_down_and_not_begun_where_it_was_cancelled(
    page: Any,
) -> None:
    seen: list[int] = []
    key = ("ahead",)
    jobs.ask(key, counted_work(5, seen), kind="k")
    assert jobs.is_known(key)
    assert page.memory[jobs.MINE]["k"] == key
    assert jobs.result_of(key, counted_work(5, seen), page.place, "Working", kind="k") == "done"
    assert seen == list(range(5))
    jobs.ask(key, counted_work(5, seen), kind="k")
    jobs.ask(("left",), counted_work(1000, seen), kind="k")
    jobs.ask(("next",), counted_work(1, []), kind="k")  # asked for in its place
    jobs.cancel(("never",))
    jobs.ask(("never",), counted_work(5, seen), kind="k")
    assert not jobs.is_known(("never",))
    while jobs.is_known(("left",)):
        time.sleep(0.01)
    assert len(seen) < 1000


def test_what_was_asked_for_ahead_and_failed_is_told_and_not_tried_again_in_the_same_run(page: Any) -> None:
    calls = []

    def fails(report: jobs.Report) -> str:
        calls.append(1)
        raise PlannerError("no")

    asked = jobs.ask(("fails ahead",), fails)
    asked.ended.wait(30)
    for _ in range(2):  # the next run of the page asks and waits once more
        with pytest.raises(PlannerError, match="no"):
            jobs.result_of(("fails ahead",), fails, page.place, "Working", asked=asked)
        asked = None
    assert len(calls) == 2


def test_work_goes_on_when_its_page_is_left_and_is_joined_not_begun_twice(page: Any) -> None:
    begun: list[str] = []

    def work(report: jobs.Report) -> str:
        begun.append("once")
        time.sleep(0.3)
        return "done"

    class Rerun(BaseException):
        """What Streamlit raises where a page is asked for anew."""

    class Leaving(Place):
        def container(self) -> "Place":
            raise Rerun

    with pytest.raises(Rerun):
        jobs.result_of(("e",), work, Leaving(), "Working")
    assert jobs.is_known(("e",))
    assert jobs.result_of(("e",), work, page.place, "Working") == "done"
    assert begun == ["once"]


def test_asking_for_another_of_a_kind_stops_the_one_before_unless_somebody_else_waits(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    first = jobs._join("k", ("f", 1), counted_work(1000, seen))
    jobs._join("k", ("f", 2), counted_work(1, []))
    assert first.stop.is_set()
    shared = jobs._join("k", ("f", 3), counted_work(1000, seen))
    monkeypatch.setattr(jobs, "_session", lambda: "another")
    jobs.st.session_state.pop(jobs.MINE)
    assert jobs._join("k", ("f", 3), counted_work(1000, seen)) is shared
    jobs._join("k", ("f", 4), counted_work(1, []))
    assert not shared.stop.is_set()
    shared.stop.set()


def test_a_failure_is_told_and_not_remembered(page: Any) -> None:
    def fails(report: jobs.Report) -> str:
        raise planner.PlannerError("no")

    with pytest.raises(planner.PlannerError, match="no"):
        jobs.result_of(("g",), fails, page.place, "Working")
    assert jobs.result_of(("g",), counted_work(1, []), page.place, "Working") == "done"


def test_results_beyond_the_kept_number_are_dropped_the_oldest_first(page: Any) -> None:
    for number in range(jobs.KEPT + 1):
        jobs.result_of(("h", number), lambda report, number=number: number + 1, page.place, "Working")
    assert jobs.done(("h", 0)) is None
    assert jobs.done(("h", 1)) == 2


def test_a_comparison_is_that_of_the_python_api(page: Any) -> None:
    scenario = loads(SMALL).set({"run.seed": 9001})
    found = running.comparison_of(scenario, page.place)
    assert found is not None
    fresh = planner.compare(scenario)
    assert found.answer == fresh.answer
    assert found.ledger.equals(fresh.ledger)


def test_what_was_begun_ahead_is_joined_not_begun_again(page: Any) -> None:
    seen: list[int] = []
    jobs.begin(("ahead",), counted_work(10, seen))
    jobs.begin(("ahead",), counted_work(10, seen))
    assert jobs.is_known(("ahead",))
    assert jobs.result_of(("ahead",), counted_work(10, seen), page.place, "Working") == "done"
    jobs.begin(("ahead",), counted_work(10, seen))
    assert seen == list(range(10))


def test_what_fails_ahead_is_done_again_by_whoever_asks(page: Any) -> None:
    def fails(report: jobs.Report) -> str:
        raise planner.PlannerError("no")

    jobs.begin(("fails",), fails)
    while jobs.is_known(("fails",)):
        time.sleep(0.01)
    assert jobs.result_of(("fails",), counted_work(1, []), page.place, "Working") == "done"


def test_before_there_is_a_bar_a_page_that_is_to_run_anew_does_so_and_the_work_goes_on(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Anew(BaseException):
        """Stands for what Streamlit raises when a script looks into its memory and is to run again."""

    class Memory(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key == jobs.MINE and time.monotonic() - began_s > 0.15:
                raise Anew
            return super().get(key, default)

    began_s = time.monotonic()
    monkeypatch.setattr(jobs, "QUIET_S", 30.0)
    monkeypatch.setattr(jobs.st, "session_state", Memory(page.memory))
    seen: list[int] = []
    with pytest.raises(Anew):
        jobs.result_of(("anew",), counted_work(20, seen, 0.1), page.place, "Working")
    assert len(seen) < 20
    monkeypatch.setattr(jobs.st, "session_state", page.memory)
    assert jobs.result_of(("anew",), counted_work(20, seen), page.place, "Working") == "done"
    assert seen == list(range(20))


def script() -> None:
    import time

    import streamlit as st

    from app import jobs

    def work(report: jobs.Report) -> str:
        for step in range(2000):
            time.sleep(0.005)
            report(step, 2000)
        return "done"

    found = jobs.result_of(("script",), work, st.empty(), "Working on it")
    st.write(f"found {found}")


def test_on_a_page_the_cancel_button_leaves_a_way_to_run_it() -> None:
    app = AppTest.from_function(script, default_timeout=1.5)
    with pytest.raises(RuntimeError, match="timed out"):
        app.run()
    app = AppTest.from_function(script, default_timeout=10)
    app.session_state[jobs.CANCELLED] = {("script",)}
    app.run()
    assert "Cancelled: working on it" in app.info[0].value
    assert [button.label for button in app.button] == ["Run it"]
    assert app.markdown[0].value == "found None"
    for job in list(jobs._running.values()):
        job.stop.set()
