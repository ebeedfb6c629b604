"""Conversations during a run: which row comes after another, when, and who answered before.

The definition. A conversation's rows stand together (`workload.conversations`). In a closed loop the next one begins a
pause after the end of the one before: the next question after an answer, or the same once more, where there is a row
for that, after a wrong answer or none. An answer that is right or not rated passes over the rows that would ask again;
a request that failed ends its conversation once nobody asks again. In an open loop each begins a pause after the
arrival of the one before, whatever becomes of that.
"""

from dataclasses import dataclass

from planner.engines.program import Affinity
from planner.tables import NEVER
from planner.workload.requests import Requests

WRONG = 0  # of the verdicts 1, 0 and -1 (unrated)


class Script:
    """What follows each row."""

    def __init__(self, requests: Requests) -> None:
        self.pause_ns = requests.pause_ns.tolist()
        self.is_repeat = (requests.repeat > 0).tolist()
        self.is_open = requests.is_open

    def later(self, index: int) -> int | None:
        """The row behind a row, if it is of the same conversation."""
        after = index + 1
        return after if after < len(self.pause_ns) and self.pause_ns[after] != NEVER else None

    def rows(self, index: int) -> int:
        """Rows of the conversation that a row begins."""
        n = 1
        while self.later(index) is not None:
            index, n = index + 1, n + 1
        return n

    def follows(self, index: int, is_served: bool, correct: int) -> tuple[int | None, int]:
        """(the row that comes after one that has ended, rows passed over before it or, without one, to the end)."""
        after, passed = self.later(index), 0
        if is_served and correct != WRONG:
            while after is not None and self.is_repeat[after]:
                after, passed = self.later(after), passed + 1
        elif not is_served and after is not None and not self.is_repeat[after]:
            return None, self.rows(after)
        return after, passed


@dataclass
class Pin:
    """Who answered a conversation, and when last."""

    name: str
    touched_ns: int


class Pins:
    """By conversation and group, the deployment that it stays with."""

    def __init__(self, rule: Affinity) -> None:
        self.rule = rule
        self.pins: dict[tuple[int, int], Pin] = {}

    def of(self, session: int, group: int, now: int) -> str | None:
        """The deployment that a conversation stays with in a group."""
        pin = self.pins.get((session, group))
        return None if pin is None or now - pin.touched_ns >= self.rule.ttl_ns else pin.name

    def answered(self, session: int, group: int, name: str, now: int) -> None:
        """A deployment of a group has answered."""
        held = self.of(session, group, now)
        if held is None or held == name or self.rule.repins:
            self.pins[session, group] = Pin(name, now)
