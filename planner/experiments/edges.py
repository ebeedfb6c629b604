"""What breakers and outages did on one request's way.

Comes in: a run's Events and the deployments of a route; goes out: edges in order, and the state that the request met
at a moment. Edges that it caused itself in that moment come after it, so they are no part of what it met.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from planner import tables as t
from planner.chance import to_ns
from planner.engines import rules
from planner.engines.episodes import known_outages
from planner.engines.health_rules import health_rule
from planner.engines.program import breaker_of, compile_program
from planner.engines.run import Arrays, Run
from planner.scenario.breaker import Breaker

Row = Mapping[str, int]


class Edges:
    """Edges of the deployments on a request's route."""

    def __init__(self, run: Run, request: int, route: Sequence[str]) -> None:
        self.run, self.request = run, request
        self.deployments = list(run.scenario.deployments)
        events = run.event_arrays
        places = [self.deployments.index(name) for name in route]
        if set(route) & set(run.scenario.behind_gateway(run.strategy)):
            places.append(t.NO_DEPLOYMENT)  # the platform's outages
        chosen = np.isin(events["deployment"], places)
        self.all = sorted(rows_of(events, chosen), key=lambda event: event["time_ns"])

    def of(self, deployment: str, kind: str) -> list[Row]:
        """Edges of a deployment's breaker or outage, in order of time."""
        return self._of(self.deployments.index(deployment), kind)

    def _of(self, place: int, kind: str) -> list[Row]:
        wanted = place, t.EVENT_KINDS.index(kind)
        return [one for one in self.all if (one["deployment"], one["kind"]) == wanted]

    def last(self, deployment: str, kind: str, time_ns: int) -> Row | None:
        """The last edge until a moment that the request did not cause in that very moment."""
        return self._last(self.of(deployment, kind), time_ns)

    def _last(self, edges: list[Row], time_ns: int) -> Row | None:
        past = [
            one
            for one in edges
            if one["time_ns"] < time_ns or (one["time_ns"] == time_ns and one["request"] != self.request)
        ]
        return past[-1] if past else None

    def breaker_at(self, deployment: str, time_ns: int) -> str:
        """State of a breaker in words; nothing where it is closed."""
        last = self.last(deployment, "breaker", time_ns)
        if last is None or last["to"] == t.CLOSED:
            return ""
        since = f"breaker {t.STATES[last['to']]} since {seconds(last['time_ns'])} s"
        breaker = self.run.scenario.policy_for(self.run.strategy, deployment).breaker
        health = None if breaker is None else health_rule(breaker)
        has_places = health is not None and health.half_open_calls > 1
        if last["to"] == t.HALF_OPEN:
            if not self.is_rejecting(deployment, time_ns):
                return since
            return f"{since}, all its places are taken" if has_places else f"{since}, its probe is under way"
        if self.is_rejecting(deployment, time_ns):
            return since
        if breaker is not None and breaker.kind == "cooldown":
            return ""
        return f"{since}, its next call is {'let through' if has_places else 'the probe'}"

    def outage_at(self, deployment: str, time_ns: int) -> str:
        """An outage that is under way in words, the platform's first: it is what a call meets first."""
        if deployment in self.run.scenario.behind_gateway(self.run.strategy):
            found = self._under_way(self._of(t.NO_DEPLOYMENT, "outage"), time_ns)
            if found:
                return f"{found}, of the platform"
        return self._under_way(self.of(deployment, "outage"), time_ns)

    def _under_way(self, edges: list[Row], time_ns: int) -> str:
        """One that began before the window shows in its end."""
        last = self._last(edges, time_ns)
        if last is not None:
            began = f" since {seconds(last['time_ns'])} s"
            return "" if last["to"] == t.UP else f"outage ({t.STATES[last['to']]}){began}"
        if edges and edges[0]["from"] != t.UP:
            return f"outage ({t.STATES[edges[0]['from']]}) since before the window"
        return ""

    def is_rejecting(self, deployment: str, time_ns: int) -> bool:
        """Whether a breaker surely rejected: half-open with no place left, or open and not yet over."""
        last = self.last(deployment, "breaker", time_ns)
        breaker = self.run.scenario.policy_for(self.run.strategy, deployment).breaker
        if last is None or last["to"] == t.CLOSED or breaker is None:
            return False
        if last["to"] == t.HALF_OPEN:
            health = health_rule(breaker)
            if health is not None:
                return self._taken(deployment, breaker, last, time_ns) >= health.half_open_calls
            return breaker.successes == 1  # between several probes it rejects nobody
        return time_ns < last["time_ns"] + self._open_ns(deployment, breaker, last)

    def is_known_out(self, deployment: str, time_ns: int) -> bool:
        """Whether perfect knowledge passed the deployment over."""
        run = self.run
        if run.scenario.policy_for(run.strategy, deployment).health.knowledge != "perfect":
            return False
        program = compile_program(run.scenario, run.strategy, run.models, run.window)
        stretches = known_outages(program.targets[deployment])
        return any(from_ns <= time_ns < to_ns for from_ns, to_ns in stretches)

    def _lag_ns(self, deployment: str) -> int:
        """How late its breaker is told of an end."""
        return int(to_ns(self.run.scenario.policy_for(self.run.strategy, deployment).health.lag_s))

    def _taken(self, deployment: str, given: Breaker, edge: Row, time_ns: int) -> int:
        """Places of a half-open breaker over a window that were surely taken at a moment.

        Calls sent since its edge, without those of this very moment, which may have come later, and those whose
        end it ignored.
        """
        counts, lag_ns = breaker_of(given).counts | 1 << t.OK, self._lag_ns(deployment)
        attempts, start_ns = self.run.attempt_arrays, edge["time_ns"]
        is_first = (attempts["started_ns"] == start_ns) & (attempts["request"] == edge["request"])
        is_sent = (attempts["started_ns"] >= start_ns) & ((attempts["started_ns"] < time_ns) | is_first)
        chosen = is_sent & (attempts["deployment"] == self.deployments.index(deployment))
        return sum(
            one["ended_ns"] + lag_ns > time_ns
            or bool(counts >> rules.judged(one["outcome"], one["status"]) & 1)
            for one in rows_of(attempts, chosen)
        )

    def _open_ns(self, deployment: str, given: Breaker, opening: Row) -> int:
        """How long the breaker stays open after an opening, which may grow with those in a row."""
        openings = 0
        for edge in self.of(deployment, "breaker"):
            openings = 0 if edge["to"] == t.CLOSED else openings + (edge["to"] == t.OPEN)
            if edge is opening:
                break
        settings = breaker_of(given)
        if settings.kind == rules.COOLDOWN:
            told_ns = self._told_ns(deployment, opening) if settings.honours_retry_after else t.NEVER
            return settings.open_ns if told_ns == t.NEVER else told_ns
        return rules.open_time(settings.growth, settings.open_ns, settings.cap_ns, openings)

    def _told_ns(self, deployment: str, opening: Row) -> int:
        """The retry-after of the refusal that began a cooldown; NEVER where there was none."""
        attempts = self.run.attempt_arrays
        is_it = (
            (attempts["request"] == opening["request"])
            & (attempts["deployment"] == self.deployments.index(deployment))
            & (attempts["ended_ns"] + self._lag_ns(deployment) == opening["time_ns"])
        )
        found = attempts["retry_after_ns"][is_it]
        return int(found[-1]) if len(found) else t.NEVER


def rows_of(arrays: Arrays, chosen: np.ndarray) -> list[Row]:
    """Rows of a table where `chosen` is true."""
    places = np.flatnonzero(chosen)
    return [{name: int(values[place]) for name, values in arrays.items()} for place in places]


def seconds(time_ns: int) -> str:
    """Nanoseconds as seconds with milliseconds, rounded half up in integers.

    >>> seconds(1_234_567_500_000), seconds(499_999)
    ('1,234.568', '0.000')
    """
    whole, rest = divmod(time_ns + 500_000, 10**9)
    return f"{whole:,}.{rest // 10**6:03d}"


__all__ = ["Edges", "Row", "rows_of", "seconds"]
