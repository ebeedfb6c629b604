"""Long work of the pages: each asked for by its key, done once in a thread of its own, remembered when it is done.

A run of a page waits for its work with a bar, the time left and a button that cancels. A rerun (a moved input, another
page) ends the waiting, not the work: whoever asks for the same key next, from any page or browser, joins it, so nothing is
started twice. Work that nobody waits for any more, because its session asked for something else in its place, is told to
stop. Only results are remembered, never failures.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

Result = TypeVar("Result")
Report = Callable[[int, int], None]
Key = tuple[Hashable, ...]

KEPT = 12  # results; of a million requests some forty megabytes each
# Work that is done by then shows no bar: a moved slider mostly is, and bar and button would push the page down and let it up.
QUIET_S = 1.0
TICK_S = 0.1  # between looks whether the page is to run anew; the end of the work wakes at once
REDRAW_S = 0.25
LETS_GO_S = 2.0  # after work, of the results that had to go for its own
CANCELLED = "cancelled work"  # in the memory of a session: keys whose work it has cancelled
MINE = "work asked for"  # in the memory of a session: KIND: key of the work it waits for


class Place(Protocol):
    """Where progress is drawn: a `DeltaGenerator`, such as `st.empty()` gives."""

    def container(self) -> Any: ...
    def empty(self) -> Any: ...


class Cancelled(Exception):
    """The work was cancelled; raised in its thread by its next report."""


@dataclass(eq=False)
class Job:
    """Work under way."""

    key: Key
    began_s: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 1
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None
    sessions: set[str] = field(default_factory=set)

    def report(self, done: int, total: int) -> None:
        """What the work calls as it goes on; raises Cancelled where it is to stop."""
        if self.stop.is_set():
            raise Cancelled
        self.done, self.total = done, max(total, 1)

    @property
    def share(self) -> float:
        return min(max(self.done / self.total, 0.0), 1.0)

    def left_s(self) -> float | None:
        """Seconds that are left if it goes on as it did; None where nothing can be said yet."""
        spent_s = time.monotonic() - self.began_s
        return None if self.share < 0.02 else spent_s * (1 - self.share) / self.share


_lock = threading.RLock()
_running: dict[Key, Job] = {}
_done: "OrderedDict[Key, Any]" = OrderedDict()


def done(key: Key) -> Any:
    """The remembered result of a key, or None."""
    with _lock:
        if key in _done:
            _done.move_to_end(key)
        return _done.get(key)


def is_known(key: Key) -> bool:
    """Whether work of a key is done or under way, so that nobody need ask for it."""
    return key in _done or key in _running


def forget() -> None:
    """Drop every remembered result."""
    with _lock:
        _done.clear()


def result_of(
    key: Key,
    work: Callable[[Report], Result],
    place: Place,
    words: str,
    *,
    kind: str = "",
    asked: Job | None = None,
) -> Result | None:
    """The result of a key: remembered, or waited for at `place`; None where this session has cancelled it.

    Parameters
    ----------
    key
        What the result depends on, all of it.
    work
        Called in a thread with a `report(done, total)` that it calls often; makes no Streamlit call.
    words
        What is going on, for the bar.
    kind
        A session waits for one piece of work of a kind; asking for another cancels the one before.
    asked
        What `ask` gave further up in this run of the page. It may have failed meanwhile: it is not tried twice in a run.

    Raises what the work raises.
    """
    found = done(key)
    if found is not None:
        _release(kind, key)
        return found
    if key in st.session_state.get(CANCELLED, ()):
        _release(kind, key)
        _show_cancelled(key, place, words)
        return None
    while True:
        job = _join(kind, key, work) if asked is None or asked.key != key else asked
        asked = None
        _wait(job, place, words)
        if not isinstance(
            job.error, Cancelled
        ):  # else told to stop just as this session joined it: begun anew
            break
    if job.error is not None:
        raise job.error
    return job.result


def ask(key: Key, work: Callable[[Report], Any], *, kind: str = "") -> Job | None:
    """Join work that `result_of` will wait for further down the page, or start it; None where it is done or was cancelled."""
    if key in _done or key in st.session_state.get(CANCELLED, ()):
        return None
    return _join(kind, key, work)


def begin(key: Key, work: Callable[[Report], Any]) -> None:
    """Begin work before anybody asks for it: whoever does joins it, or finds its result."""
    with _lock:
        if key not in _done and key not in _running:
            _start(key, work, "ahead")


def cancel(key: Key) -> None:
    """Wait no more for the work of a key, and do not start it again by itself in this session."""
    st.session_state[CANCELLED] = {*st.session_state.get(CANCELLED, ()), key}
    _leave(key)


def again(key: Key) -> None:
    """Let work of a key that was cancelled be started again."""
    st.session_state[CANCELLED] = {*st.session_state.get(CANCELLED, ())} - {key}


# -- threads -----------------------------------------------------------------------------------------


def _join(kind: str, key: Key, work: Callable[[Report], Any]) -> Job:
    """The job of a key, started if nobody has."""
    _release(kind, key)
    session = _session()
    with _lock:
        job = _running.get(key)
        if job is None or job.stop.is_set():
            job = _start(key, work, kind)
        job.sessions.add(session)
    return job


def _start(key: Key, work: Callable[[Report], Any], kind: str) -> Job:
    job = Job(key)
    _running[key] = job
    threading.Thread(target=_do, args=(job, work), name=f"work {kind}", daemon=True).start()
    return job


def _do(job: Job, work: Callable[[Report], Any]) -> None:
    try:
        job.result = work(job.report)
    except BaseException as error:  # told to whoever waits
        job.error = error
    gone = []
    with _lock:
        if job.error is None:
            _done[job.key] = job.result
            while len(_done) > KEPT:
                gone.append(_done.popitem(last=False))
        if _running.get(job.key) is job:
            del _running[job.key]
    job.ended.set()
    if gone:  # taking thousands of rows apart holds everybody up for some hundredths of a second: after the page is drawn
        time.sleep(LETS_GO_S)


def _release(kind: str, key: Key) -> None:
    """This session waits for `key` now: what it waited for before of this kind has one less to wait for it."""
    mine = st.session_state.setdefault(MINE, {})
    before = mine.get(kind)
    mine[kind] = key
    if before is None or before == key:
        return
    _leave(before)


def _leave(key: Key) -> None:
    """This session no longer waits for a key; the last one to leave tells the work to stop."""
    with _lock:
        job = _running.get(key)
        if job is not None:
            job.sessions.discard(_session())
            if not job.sessions:
                job.stop.set()


def _session() -> str:
    context = get_script_run_ctx()
    return "" if context is None else context.session_id


# -- waiting -----------------------------------------------------------------------------------------


def _wait(job: Job, place: Place, words: str) -> None:
    """Wait for a job, with a bar as soon as it is clear that it takes a while.

    Drawing, and looking into the memory of the session, raise where Streamlit has been asked for a rerun; the job goes on then.
    """
    bar = None
    drawn_s = began_s = time.monotonic()
    try:
        while not job.ended.wait(TICK_S):
            # Before there is a bar, nothing else lets an input that was moved again go ahead.
            st.session_state.get(MINE)
            now_s = time.monotonic()
            if bar is None and now_s - began_s >= QUIET_S:
                with place.container():
                    bar = st.progress(job.share, text=_words(job, words))
                    st.button("Cancel", key=f"cancel:{hash(job.key)}", on_click=cancel, args=(job.key,))
            elif bar is not None and now_s - drawn_s >= REDRAW_S:
                bar.progress(job.share, text=_words(job, words))
                drawn_s = now_s
    finally:
        if bar is not None:
            place.empty()


def _words(job: Job, words: str) -> str:
    left_s = job.left_s()
    left = "" if left_s is None else f", about {time_words(left_s)} left"
    return f"{words}: {job.share:.0%}{left}"


def time_words(seconds: float) -> str:
    """A time to wait, no finer than it is known.

    >>> time_words(0.4), time_words(12.2), time_words(200)
    ('1 s', '12 s', '3 min')
    """
    return f"{max(round(seconds), 1)} s" if seconds < 100 else f"{round(seconds / 60)} min"


def _show_cancelled(key: Key, place: Place, words: str) -> None:
    with place.container():
        said, button = st.columns([5, 1], vertical_alignment="center")
        said.info(f"Cancelled: {words[:1].lower()}{words[1:]}. Nothing of it is shown.")
        button.button("Run it", key=f"again:{hash(key)}", on_click=again, args=(key,), width="stretch")
