"""The reference engine with an eye on the limits: which requests they decided about, and which they held back.

A 429 leaves a row in Attempts, but a wait at a limit looks there like any other wait, and a call that a limit
turned away without a 429 leaves no row. This engine does exactly what the reference engine does and remembers
these requests by name; nothing of a run changes.
"""

from dataclasses import dataclass, field

from planner import tables
from planner.engines.desk import Desk
from planner.engines.journey import Call
from planner.engines.program import Program
from planner.engines.reference import Engine
from planner.engines.work import Work


@dataclass(frozen=True)
class Seen:
    """Names of requests at one deployment."""

    asked: set[int] = field(default_factory=set)  # its limits decided about a call
    held: set[int] = field(default_factory=set)  # a call was refused, turned away or made to wait by a limit
    too_large: set[int] = field(default_factory=set)  # larger than a limit ever holds


class WatchedDesk(Desk):
    """A desk that remembers whom its limits held back."""

    engine: "WatchingEngine"
    blocked: Call | None = None  # who was told last to wait at the head of the queue for a limit

    def place(self, call: Call, max_output_tokens: int) -> bool:
        self.engine.last.pop(call.journey.name, None)  # it goes on: what held it back before did not end it
        return super().place(call, max_output_tokens)

    def limiter_wait(self, call: Call, now: int) -> int:
        wait_ns = super().limiter_wait(call, now)
        self._seen.asked.add(call.journey.name)
        if wait_ns > 0:
            self._hold(call)
            if self.target.when_limited == "wait":
                self.blocked = call
        return wait_ns

    def _turn_away(self, call: Call, cause: int) -> bool:
        if cause == tables.TOO_LARGE:
            self._seen.asked.add(call.journey.name)
            self._seen.too_large.add(call.journey.name)
            self._hold(call)
        return super()._turn_away(call, cause)

    def _join(self, call: Call) -> bool:
        # Where the head of the queue waits for a limit, those behind it do, too.
        if self.blocked is not None and self._head() is self.blocked:
            self._seen.asked.add(call.journey.name)
            self._hold(call)
        return super()._join(call)

    def _leave(self, call: Call, cause: int) -> None:
        if cause == tables.OWN_BREAKER:
            self.engine.last.pop(call.journey.name, None)
        super()._leave(call, cause)

    def _start(self, call: Call) -> None:
        self.engine.last.pop(call.journey.name, None)
        super()._start(call)

    def _end(self, call: Call) -> None:
        # Of hedged calls one may end after the other was refused.
        self.engine.last.pop(call.journey.name, None)
        super()._end(call)

    def _hold(self, call: Call) -> None:
        self._seen.held.add(call.journey.name)
        self.engine.last[call.journey.name] = self.target.name

    @property
    def _seen(self) -> Seen:
        return self.engine.seen[self.target.name]


class WatchingEngine(Engine):
    """A run of the reference engine that remembers; `seen` by deployment, `lost_to` after the run."""

    desk_type = WatchedDesk

    def __init__(self, program: Program, work: Work) -> None:
        super().__init__(program, work)
        self.seen = {name: Seen() for name in program.targets}
        self.last: dict[int, str] = {}  # by request: the deployment whose limit held it back last of all

    def lost_to(self, deployment: str) -> set[int]:
        """Requests that failed, and the last that happened to them was a limit of a deployment."""
        names = [column.name for column in tables.OUTCOMES_TABLE]
        request, outcome, cause = (names.index(name) for name in ("request", "outcome", "cause"))
        return {
            row[request]
            for row in self.outcomes
            if row[outcome] != tables.OK
            # A retry that a breaker kept from everybody asked no desk, which would have told.
            and row[cause] != tables.OWN_BREAKER
            and self.last.get(row[request]) == deployment
        }


__all__ = ["Seen", "WatchedDesk", "WatchingEngine"]
