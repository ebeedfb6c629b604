"""Breakers during a run: when a deployment is no longer asked, and when it is tried again.

A desk asks `is_open` before it admits a call, tells a breaker of the starts and, with the delay of
`policy.health`, of the ends of calls, and sends its queue on when the breaker opens. Now is when it is told: an
end counts in the windows, and opens it, from then on. Every edge is a row of Events.
"""

from typing import TYPE_CHECKING

from planner import tables
from planner.engines import rules
from planner.engines.health_rules import HealthRule, is_sick, is_slow
from planner.engines.health_windows import Tally, new_window
from planner.engines.journey import Call
from planner.engines.program import Breaker as Settings
from planner.tables import CLOSED, HALF_OPEN, OPEN

if TYPE_CHECKING:
    from planner.engines.desk import Desk


class NoBreaker:
    """A deployment that is always asked."""

    rejects = False

    def is_open(self, now: int) -> bool:
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

    @property
    def rejects(self) -> bool:
        """Whether no call is sent while it is open."""
        return self.settings.rejects

    def is_open(self, now: int) -> bool:
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
        outcome = rules.judged(call.outcome, call.status)
        is_failure = bool(self.settings.counts >> outcome & 1)
        if not is_failure and outcome != tables.OK:
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


class WindowBreaker(Breaker):
    """Opens by shares of the ends in a window; half-open, it admits some calls and decides by the same shares."""

    def __init__(self, desk: "Desk", settings: Settings, rule: HealthRule) -> None:
        super().__init__(desk, settings)
        self.rule = rule
        self.window = new_window(rule)
        self.trial = Tally()  # ends while half-open
        self.admitted = 0  # calls while half-open, but for those whose ends were ignored

    def is_open(self, now: int) -> bool:
        """Open, or half-open with all its places taken."""
        if self.state == OPEN:
            return now < self.open_until
        return self.state == HALF_OPEN and self.admitted >= self.rule.half_open_calls

    def start(self, call: Call) -> None:
        if self.state == OPEN:
            self._change(HALF_OPEN, call)
            self.trial, self.admitted = Tally(), 0
        if self.state == HALF_OPEN:
            self.admitted += 1
        call.epoch = self.epoch

    def end(self, call: Call) -> None:
        """Count an end; those of calls that started before the last opening never count.

        Calls of a half-open breaker that end after it has closed are the first in its new window.
        """
        if call.epoch != self.epoch:
            return
        now, rule = self.desk.env.ns, self.rule
        outcome = rules.judged(call.outcome, call.status)
        is_failure = bool(self.settings.counts >> outcome & 1)
        if not is_failure and outcome != tables.OK:
            if self.state == HALF_OPEN:
                self.admitted -= 1  # it tells nothing: another call takes its place
            return
        slow = is_slow(call.ended_ns - call.started_ns, rule.slow_ns)
        if self.state == HALF_OPEN:
            self.trial.add(is_failure, slow)
            if self.trial.calls == rule.decides_after:
                if self._is_sick(self.trial):
                    self._open(call)
                else:
                    self.window, self.openings = new_window(rule), 0
                    self._change(CLOSED, call)
            return
        self.window.add(now, is_failure, slow)
        if is_failure or rule.opens_on_success:
            found = self.window.tally()
            if found.calls >= rule.minimum and self._is_sick(found):
                self._open(call)

    def _is_sick(self, found: Tally) -> bool:
        rule = self.rule
        return is_sick(found.calls, found.failed, found.slow, rule.failure_ppm, rule.slow_ppm)


class Cooldown(Breaker):
    """LiteLLM's cooldown: failures take a deployment out for a time, then full traffic returns at once.

    There is no half-open state and no memory of what started when: an end counts whenever it comes. One that comes
    during a cooldown does not lengthen it: what is kept in memory keeps its first expiry (`InMemoryCache.set_cache`).
    Events show closed when the first call after a cooldown starts.
    """

    def __init__(self, desk: "Desk", settings: Settings) -> None:
        super().__init__(desk, settings)
        self.failed, self.succeeded = _Counter(settings.window_ns), _Counter(settings.window_ns)

    def start(self, call: Call) -> None:
        if self.state == OPEN and not self.is_open(self.desk.env.ns):
            self._change(CLOSED, call)

    def end(self, call: Call) -> None:
        now, given = self.desk.env.ns, self.settings
        outcome = rules.judged(call.outcome, call.status)
        if outcome == tables.OK:
            self.succeeded.add(now)
        if not given.counts >> outcome & 1:
            return
        self.failed.add(now)
        if self.state == OPEN and self.is_open(now):
            return
        allowed_fails = rules.NO_LIMIT if given.allowed_fails is None else given.allowed_fails
        is_limited = call.outcome == tables.LIMITED
        failed, succeeded = self.failed.value(now), self.succeeded.value(now)
        if rules.is_cooled(
            allowed_fails, call.group_length, call.can_fall_back, is_limited, failed, succeeded
        ):
            is_told = given.honours_retry_after and call.retry_after_ns != tables.NEVER
            self._change(OPEN, call)
            self.open_until = now + (call.retry_after_ns if is_told else given.open_ns)
            if given.rejects:
                self.desk.send_queue_on()


class _Counter:
    """A count that lives for a fixed time from its first count: [first, first + window)."""

    def __init__(self, window_ns: int) -> None:
        self.window_ns, self.count, self.ends_ns = window_ns, 0, 0

    def add(self, now: int) -> None:
        if now >= self.ends_ns:
            self.count, self.ends_ns = 0, now + self.window_ns
        self.count += 1

    def value(self, now: int) -> int:
        return self.count if now < self.ends_ns else 0


def breaker_of(desk: "Desk", settings: Settings | None) -> Breaker | NoBreaker:
    """The breaker of a desk, as its policy says."""
    if settings is None:
        return NoBreaker()
    if settings.health is not None:
        return WindowBreaker(desk, settings, settings.health)
    return (Cooldown if settings.kind == rules.COOLDOWN else Breaker)(desk, settings)
