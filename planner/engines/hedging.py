"""Hedged calls: a second call where the first has not answered in time; the first answer wins.

The definition. A hedge is a call of its own, with its row, its luck and its place in the limits; it is a start of
the instant at which the wait is over, unless an answer came by then. Where it is turned away nothing is lost. The
first answer ends all: the others are cancelled at that instant, the one still queued without a row. A failure waits
for the calls still under way; when all have failed, the end of the first call decides what the request does next, as
if there had been no hedges, but for a part of an answer that somebody saw. Facts: routing_semantics §10.
"""

from typing import TYPE_CHECKING

import simpy

from planner import tables
from planner.engines.journey import Call, Journey, Moment
from planner.engines.program import Hedge
from planner.engines.rules import Round, rank
from planner.tables import NEVER

if TYPE_CHECKING:
    from planner.engines.desk import Desk
    from planner.engines.reference import Engine


class Bundle:
    """A call and its hedges, until one answers or all have failed; `waiter` happens then, with the call that decided."""

    def __init__(self, engine: "Engine", journey: Journey, desk: "Desk", first: Call) -> None:
        self.engine, self.journey, self.desk = engine, journey, desk
        hedge = desk.target.hedge
        assert hedge is not None
        self.hedge: Hedge = hedge
        self.first = first
        assert first.target is not None
        self.next_draw = {first.target.name: first.draw + 1}  # luck that no call here has had yet
        self.pending: list[Call] = []
        self.n_hedges = 0
        self.next_attempt = first.attempt + 1  # number of the next hedge
        self.is_decided = False
        self.waiter = Moment(engine.env)
        self._add(first)
        self._wait()

    def _add(self, call: Call) -> None:
        self.pending.append(call)
        assert call.done is not None
        call.done.callbacks.append(lambda event: self._ended(call, event))

    def _wait(self) -> None:
        moment = Moment(self.engine.env)
        moment.callbacks.append(self._hedge)
        moment.at(self.hedge.after_ns, rank(Round.STARTS, self.journey.name, self.next_attempt))

    def _hedge(self, _: simpy.Event) -> None:
        """Nobody has answered so far: one more call."""
        journey, engine = self.journey, self.engine
        if self.is_decided or journey.is_over(engine.env.ns):  # no time is left at the deadline
            return
        desk = self.desk if self.hedge.to is None else engine.desks[self.hedge.to]
        sizes = engine.sizes[desk.target.name]
        if sizes.eligible[journey.index]:
            name = desk.target.name
            draw = max(journey.calls.get(name, 0), self.next_draw.get(name, 0))
            call = engine.new_call(journey, desk, tables.HEDGE, self.next_attempt, draw)
            will_happen = desk.place(call, sizes.max_output[journey.index])
            if will_happen or call.started_ns != NEVER:
                self.next_attempt += 1
                self.next_draw[name] = draw + 1
            if will_happen:
                self._add(call)
            else:
                engine.count_call(call)
        self.n_hedges += 1
        if self.n_hedges < self.hedge.most:
            self._wait()

    def _ended(self, call: Call, event: simpy.Event) -> None:
        if call.is_cancelled:
            return
        self.pending.remove(call)
        self.engine.count_call(call)
        self.first.was_seen_to_break |= call.broke_off
        if call.outcome != tables.OK and self.pending:
            return
        self.is_decided = True
        for other in self.pending:
            assert other.target is not None
            self.engine.desks[other.target.name].cancel(other, self.hedge.bill_losers)
            self.engine.count_call(other)
        self.waiter.happen_now(call if call.outcome == tables.OK else self.first)
