"""Which of the equals of a level a request is sent to (facts: routing_semantics §6).

A deployment whose breaker turns calls away is no candidate while another one is left. A retry stays with its
deployment; the next one is chosen anew among those that this request has not tried in this level.
"""

from collections.abc import Mapping, Sequence

from planner.chance import uniform
from planner.engines import rules
from planner.engines.desk import Desk
from planner.engines.journey import Journey
from planner.engines.program import Program

Place = tuple[int, int]  # group, level


class Selector:
    """The choices of one strategy in a run, and what it remembers between them."""

    def __init__(self, program: Program, desks: Mapping[str, Desk]) -> None:
        self.program, self.desks = program, desks
        self.turns: dict[Place, int] = {}  # round-robin: where the next look begins

    def choose(
        self, journey: Journey, place: Place, level: Sequence[str], left: Sequence[str], now: int
    ) -> str:
        """One of the deployments of a level that are left, by the strategy's selection."""
        able = [name for name in left if not self.desks[name].is_rejecting(now)]
        candidates = able or list(left)
        kind = self.program.select
        if kind == rules.ROUND_ROBIN:
            return self._next_in_turn(place, level, candidates)
        if kind == rules.CHEAPEST:
            return min(candidates, key=lambda name: self.desks[name].target.list_price)
        if kind in (rules.WEIGHTED, rules.INVERSE_PRICE):
            return self._by_weight(journey, candidates)
        # The first of those that have least to do: calls under way and calls that wait.
        return min(candidates, key=lambda name: self.desks[name].busy + self.desks[name].n_waiting)

    def _next_in_turn(self, place: Place, level: Sequence[str], candidates: Sequence[str]) -> str:
        turn = self.turns.get(place, 0)
        for step in range(len(level)):
            index = (turn + step) % len(level)
            if level[index] in candidates:
                self.turns[place] = index + 1
                return level[index]
        raise AssertionError(f"no candidate of {level} is left")

    def _by_weight(self, journey: Journey, candidates: Sequence[str]) -> str:
        program = self.program
        u = uniform(program.seed, program.replication, program.select_stream, journey.name, journey.choices)
        journey.choices += 1
        total = 0.0
        for name in candidates:
            total += self.desks[name].target.weight
        reached, chosen = 0.0, candidates[-1]
        for name in candidates:
            reached += self.desks[name].target.weight
            if u * total < reached:
                chosen = name
                break
        return chosen
