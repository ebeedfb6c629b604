"""Classes of priority: which of two waiting calls a client queue serves first.

Comes in: the priorities of a strategy's tasks; goes out: their classes, and the reference engine's queue.
The compiled engine keeps one list in the order of this queue (`planner.engines.kernel.priorities`).
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.engines.journey import Call


def priority_classes(priorities: Sequence[int]) -> tuple[int, ...]:
    """Class of each task, 0 served first; nothing where all have one priority, the usual case.

    >>> priority_classes([5, -1, 5]), priority_classes([3, 3])
    ((1, 0, 1), ())
    """
    order = sorted(set(priorities))
    return tuple(order.index(priority) for priority in priorities) if len(order) > 1 else ()


class ClientQueue:
    """Waiting calls by class of priority, in each first come, first served.

    A call that has left stays in its line until it would be served: `is_waiting` tells.
    """

    def __init__(self, n_classes: int) -> None:
        self.lines: list[deque[Call]] = [deque() for _ in range(n_classes)]

    def append(self, call: "Call", priority_class: int) -> None:
        self.lines[priority_class].append(call)

    def head(self) -> "Call | None":
        """Who is served next."""
        for line in self.lines:
            while line and not line[0].is_waiting:
                line.popleft()
            if line:
                return line[0]
        return None
