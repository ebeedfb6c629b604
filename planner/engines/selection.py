"""Which of the equals of a level a request is sent to (facts: routing_semantics §6).

A deployment whose breaker is open is no candidate while another one is left. A retry stays with its deployment, and
the next one is chosen anew among those that this request has not tried in this level; or, under reselect, each retry
chooses anew among all that can be asked.
"""

from collections.abc import Mapping, Sequence

from planner.chance import uniform
from planner.engines import preference, rules
from planner.engines.desk import Desk
from planner.engines.journey import Journey, input_only
from planner.engines.memories import Latencies, Usage
from planner.engines.program import Program
from planner.routing.routers import Levels

Place = tuple[int, int]  # group, level


class Selector:
    """The choices of one strategy in a run, and what it remembers between them."""

    def __init__(self, program: Program, desks: Mapping[str, Desk]) -> None:
        self.program, self.desks = program, desks
        self.turns: dict[Place, int] = {}  # round-robin: where the next look begins
        self.latencies: dict[str, Latencies] = {}
        self.usage: dict[str, Usage] = {}
        if program.lowest_latency is not None:
            self.latencies = {
                name: Latencies(program.lowest_latency, desk.target) for name, desk in desks.items()
            }
        if program.lowest_usage is not None:
            margin = program.lowest_usage.margin
            self.usage = {
                name: Usage(desk.target, margin=margin, counts_sent=True) for name, desk in desks.items()
            }
        for name, desk in desks.items():
            desk.memory = self.latencies.get(name) or self.usage.get(name)

    def order(self, journey: Journey, levels: Levels, able: Mapping[str, bool], now: int) -> list[int]:
        """Numbers of the levels in the order in which a request meets them: from a level drawn by health on.

        After the last level come those before the drawn one, in order. `able` says which deployments can take the
        request: the others are no members. With no health anywhere all begin at the first level.
        """
        factor_ppm = self.program.spill_ppm
        if factor_ppm is None or len(levels) == 1:
            return list(range(len(levels)))
        health = []
        for level in levels:
            members = [name for name in level if able[name]]
            healthy = sum(not self.desks[name].is_avoided(now) for name in members)
            health.append(preference.health(healthy, len(members), factor_ppm))
        total = min(100, sum(health))
        point = preference.drawn(self._uniform(journey), 100)
        first = 0
        if total > 0:
            loads: list[int] = []
            for one in health:
                loads.append(preference.load(one, total, sum(loads)))
            loads[next(number for number, one in enumerate(health) if one > 0)] += 100 - sum(loads)
            first = next(number for number in range(len(levels)) if point < sum(loads[: number + 1]))
        return [*range(first, len(levels)), *range(first)]

    def choose(
        self,
        journey: Journey,
        place: Place,
        level: Sequence[str],
        left: Sequence[str],
        now: int,
        meters: Mapping[str, tuple[int, ...]],
    ) -> str | None:
        """One of the deployments of a level that are left, by the strategy's selection; None: all are full.

        `meters` are the request's sizes by deployment.
        """
        if self.program.select == rules.IN_ORDER and not self.program.reselects:
            return left[0]
        able = [name for name in left if not self.desks[name].avoids(journey, now)]
        open_to = [name for name in left if not self.desks[name].turns_away(journey, now)]
        candidates = able or open_to or list(left)
        kind = self.program.select
        if kind == rules.IN_ORDER:
            return candidates[0]
        if kind == rules.ROUND_ROBIN:
            return self._next_in_turn(place, level, candidates)
        if kind == rules.CHEAPEST:
            return min(candidates, key=lambda name: self.desks[name].target.list_price)
        if kind in (rules.WEIGHTED, rules.INVERSE_PRICE):
            return self._by_weight(journey, candidates)
        if kind == rules.LOWEST_LATENCY:
            return self._by_latency(journey, level, candidates, now, meters)
        if kind == rules.LOWEST_USAGE:
            return self._by_usage(journey, candidates, now, meters)
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
        u = self._uniform(journey)
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

    def _by_latency(
        self,
        journey: Journey,
        level: Sequence[str],
        candidates: Sequence[str],
        now: int,
        meters: Mapping[str, tuple[int, ...]],
    ) -> str | None:
        """One of those whose mean is near enough to the best one; a call under way is not seen."""
        rule = self.program.lowest_latency
        assert rule is not None
        found = {name: self.latencies[name] for name in candidates}
        if rule.unseen == preference.ZERO_SAMPLE and any(self.latencies[name].samples for name in level):
            for memory in found.values():
                memory.meet()
        if rule.skips_full:
            found = {
                name: memory
                for name, memory in found.items()
                if self.desks[name].takes_batch(journey)
                or not memory.usage.is_full(sum(input_only(meters[name])), now)
            }
            if not found:
                return None
        if rule.unseen == preference.LAST:
            found = {name: memory for name, memory in found.items() if memory.samples} or found
        bar = preference.bar_ps(min(memory.mean for memory in found.values()), rule.buffer_ppm)
        return self._one_of(journey, [name for name, memory in found.items() if memory.mean <= bar])

    def _by_usage(
        self,
        journey: Journey,
        candidates: Sequence[str],
        now: int,
        meters: Mapping[str, tuple[int, ...]],
    ) -> str | None:
        """One of those with the fewest tokens this minute that are not full; a call under way has none yet."""
        rule = self.program.lowest_usage
        assert rule is not None
        open_ones = [
            name
            for name in candidates
            if self.desks[name].takes_batch(journey)
            or not self.usage[name].is_full(sum(input_only(meters[name])), now)
        ]
        if not open_ones and not rule.asks_lowest:
            return None
        found = open_ones or candidates
        least = min(self.usage[name].tokens for name in found)
        return self._one_of(journey, [name for name in found if self.usage[name].tokens == least])

    def _one_of(self, journey: Journey, names: Sequence[str]) -> str:
        """One of several, all alike."""
        return names[preference.drawn(self._uniform(journey), len(names))]

    def _uniform(self, journey: Journey) -> float:
        """The next draw of a request for its choices."""
        program = self.program
        u = uniform(program.seed, program.replication, program.select_stream, journey.name, journey.choices)
        journey.choices += 1
        return u
