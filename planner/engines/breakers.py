"""Breakers during a run: when a deployment is no longer asked, and when it is tried again.

A desk asks `is_rejecting` before it admits a call, tells a breaker of the starts and ends of calls, and
sends its queue on when the breaker opens. Every edge is a row of Events.
"""

from typing import TYPE_CHECKING

from planner import tables
from planner.engines import rules
from planner.engines.journey import Call
from planner.engines.program import Breaker as Settings
from planner.tables import CLOSED, HALF_OPEN, OPEN

if TYPE_CHECKING:
    from planner.engines.desk import Desk


class NoBreaker:
    """A deployment that is always asked."""

    def is_rejecting(self, now: int) -> bool:
        return False

    def start(self, call: Call) -> None: ...

    def end(self, call: Call) -> None: ...


class Breaker:
    """Counts failures in a row; opens, then lets one call at a time through until enough succeed."""

    def __init__(self, desk: "Desk", settings: Settings) -> None:
        self.desk, self.settings = desk, settings
        self.state, self.open_until, self.epoch = CLOSED, 0, 0
        self.failures = self.successes = self.openings = 0  # each in a row
        self.is_probing = False

    def is_rejecting(self, now: int) -> bool:
        """Open, or half-open with a probe in flight."""
        if self.state == OPEN:
            return now < self.open_until
        return self.state == HALF_OPEN and self.is_probing

    def start(self, call: Call) -> None:
        """A call is sent; where the breaker is not closed, it is a probe."""
        if self.state == OPEN:
            self._change(HALF_OPEN, call)
        if self.state == HALF_OPEN:
            self.is_probing = call.is_probe = True
        call.epoch = self.epoch

    def end(self, call: Call) -> None:
        """Count an end; those of calls that started before the last opening never count."""
        is_failure = bool(self.settings.counts >> call.outcome & 1)
        if not is_failure and call.outcome != tables.OK:
            if call.is_probe:
                self.is_probing = False  # it tells nothing: the next call is a probe again
        elif call.is_probe:
            self.is_probing = False
            if is_failure:
                self._open(call)
                return
            self.successes += 1
            if self.successes == self.settings.successes:
                self.failures = self.openings = 0
                self._change(CLOSED, call)
        elif call.epoch == self.epoch and self.state == CLOSED:
            self.failures = self.failures + 1 if is_failure else 0
            if self.failures == self.settings.failures:
                self._open(call)

    def _open(self, call: Call) -> None:
        self._change(OPEN, call)
        self.epoch += 1
        self.openings += 1
        self.failures = self.successes = 0
        given = self.settings
        self.open_until = self.desk.env.ns + rules.open_time(
            given.growth, given.open_ns, given.cap_ns, self.openings
        )
        self.desk.send_queue_on()

    def _change(self, state: int, call: Call) -> None:
        kind = tables.EVENT_KINDS.index("breaker")
        desk = self.desk
        desk.engine.events.append(
            (desk.env.ns, kind, desk.target.index, self.state, state, call.journey.name)
        )
        self.state = state


def breaker_of(desk: "Desk", settings: Settings | None) -> Breaker | NoBreaker:
    """The breaker of a desk, as its policy says."""
    return NoBreaker() if settings is None else Breaker(desk, settings)
