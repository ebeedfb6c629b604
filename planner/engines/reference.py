"""The reference engine: a request's life told in SimPy, and the definition of the rules.

    arrive -> router's tier -> ordered deployments -> admit -> attempt -> classify -> done, retry, fall back or fail

Comes in: a Program and the Work; goes out: Outcomes, Attempts and Events. Every event carries an
integer priority (round, request, attempt; see `rules`), so nothing is left to SimPy's own order of
insertion; no simpy.Resource or Timeout stands for anything that has a rank.
"""

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any

import simpy

from planner import failures, tables
from planner.chance import to_ns, uniform
from planner.engines import rules
from planner.engines.conversations import Pins, Script
from planner.engines.desk import Desk
from planner.engines.hedging import Bundle
from planner.engines.journey import Call, Clock, Journey, Moment, billed_when_cut, input_only
from planner.engines.overload import too_many_to_come
from planner.engines.pools import pools_of
from planner.engines.program import Backoff, Program, Target
from planner.engines.rules import Round, rank
from planner.engines.selection import Place, Selector
from planner.engines.work import Work
from planner.errors import LoadExceedsCapacity
from planner.routing.routers import Group, Route
from planner.sampling import draw_law
from planner.tables import DEADLINE, LIMIT, NEVER, OWN_BREAKER, TIMED_OUT
from planner.workload.sizes import Integers, Sizes

Report = Callable[[int, int], None]
Life = Generator[Moment, Any, Any]
_REPORT_EVERY_S = 0.05
_EVENTS_BETWEEN_LOOKS = 1_000  # a few milliseconds


class Engine:
    """A run: the requests, the desks they go to, and the rows they leave."""

    desk_type: type[Desk] = Desk

    def __init__(self, program: Program, work: Work, report: Report | None = None) -> None:
        self.env = Clock()
        self.program, self.work, self.report = program, work, report
        requests = work.requests
        self.names = requests.request.tolist()
        self.arrived = requests.arrived_ns.tolist()
        self.tasks = requests.task.tolist()
        self.sessions = requests.session.tolist()
        self.script = Script(requests)
        self.pins = None if program.affinity is None else Pins(program.affinity)
        pools = pools_of(list(program.targets.values()))
        self.desks = {
            name: self.desk_type(self, target, pools[name]) for name, target in program.targets.items()
        }
        self.selector = Selector(program, self.desks)
        self.chooses = program.chooses
        self.sizes = {name: _Rows(work.sizes[name], work.kept.get(name)) for name in program.targets}
        self.correct = {model: found.tolist() for model, found in work.correct.items()}
        self.service = None if requests.service_ns is None else requests.service_ns.tolist()
        self.route = work.routing.route.tolist()
        self.asked = work.routing.asked.tolist()
        self.verifier_score = requests.verifier_score.tolist()
        self.n_in_flight = self.n_done = self.n_retrying = 0
        self.n_in_batches = 0  # calls that wait for a batch API
        self.n_to_come = 0  # rows of conversations that have begun
        self.n_passed = 0  # those that never came
        self.outcomes: list[tuple[int, ...]] = []
        self.attempts: list[tuple[int, ...]] = []
        self.events: list[tuple[int, ...]] = []

    def run(self) -> None:
        """Let every request live to its end; arrivals stop with the window and the run drains."""
        self._plant_changes()
        if self.names:
            self._arrive_next(0)
        if self.report is None:
            self.env.run()
        else:
            self._run_told(self.report)
        n = len(self.names)
        assert len(self.outcomes) + self.n_passed == n, (len(self.outcomes), self.n_passed, n)
        assert self.n_in_flight == self.n_retrying == self.n_to_come == 0, (
            self.n_in_flight, self.n_retrying, self.n_to_come,
        )  # fmt: skip
        self.outcomes.sort()
        self.attempts.sort()
        if self.report is not None:
            self.report(len(self.names), len(self.names))

    def _run_told(self, report: Report) -> None:
        """As `env.run`, with a report several times a second: by the clock, as in an overload nothing may end."""
        env, told_s = self.env, time.perf_counter()
        with suppress(simpy.core.EmptySchedule):
            while True:
                for _ in range(_EVENTS_BETWEEN_LOOKS):
                    env.step()
                now_s = time.perf_counter()
                if now_s - told_s >= _REPORT_EVERY_S:
                    report(self.n_done, len(self.names))
                    told_s = now_s

    def _arrive_next(self, index: int) -> None:
        def arrive(_: simpy.Event) -> None:
            rows = self.script.rows(index)
            if index + rows < len(self.names):
                self._arrive_next(index + rows)
            self.n_to_come += rows - 1
            if self.n_to_come > self.program.max_in_flight:
                raise self._too_many_to_come()
            self._begin(index)

        moment = Moment(self.env)
        moment.callbacks.append(arrive)
        moment.at(self.arrived[index] - self.env.ns, rank(Round.ARRIVALS, self.names[index], 0))

    def _begin(self, index: int) -> None:
        self.n_in_flight += 1
        if self.n_in_flight > self.program.max_in_flight:
            raise self._too_much()
        self.arrived[index] = self.env.ns
        if self.script.is_open:
            self._follow(self.script.later(index))
        self.env.process(self._life(index))

    def _follow(self, index: int | None) -> None:
        """A later row of a conversation arrives after its pause."""
        if index is None:
            return

        def arrive(_: simpy.Event) -> None:
            self.n_to_come -= 1
            self._begin(index)

        moment = Moment(self.env)
        moment.callbacks.append(arrive)
        moment.at(self.script.pause_ns[index], rank(Round.ARRIVALS, self.names[index], 0))

    # -- a request's life --

    def _life(self, index: int) -> Life:
        program, now = self.program, self.env.ns
        is_batch = bool(program.batch_tasks) and program.batch_tasks[self.tasks[index]]
        deadline_ns = None if program.deadline_ns is None or is_batch else now + program.deadline_ns
        journey = Journey(index, self.names[index], deadline_ns, is_batch)
        route = self.work.routing.routes[self.route[index]]
        thinking_ns = 0
        if self.asked[index] and program.router_law != rules.NO_LAW:
            thinking_ns = to_ns(self._draw(program.router_law, program.router_stream, journey.name, 0))
        tier = route.tier
        served: Call | None = None
        if (yield from self._pause(journey, thinking_ns)):
            served, tier = yield from self._passes(journey, route)
        self._finish(journey, served, tier)

    def _passes(self, journey: Journey, route: Route) -> Life:
        """Pass after pass through all that the strategy tries, as the layers want; (successful call or None, tier).

        The innermost layer that has passes left waits and tries again; those inside it begin anew.
        """
        layers = self.program.layers
        passes, waits = [1] * len(layers), [0] * len(layers)
        previous_s = [_first_s(layer.backoff) for layer in layers]
        while True:
            journey.groups, journey.broke_off = 0, False
            if route.is_cascade:
                served, tier = yield from self._cascade(journey, route)
            else:
                served = yield from self._serve(journey, route.group, tables.PRIMARY, tables.RETRY)
                tier = route.tier
            able = [i for i, layer in enumerate(layers) if passes[i] < layer.attempts]
            if served is not None or rules.is_final(journey.cause) or not able:
                return served, tier
            if not self._may_retry(journey):
                return served, tier
            i, layer = able[-1], layers[able[-1]]
            given_s = 0.0
            if layer.backoff.kind == rules.LAW:
                given_s = self._draw(layer.backoff.law, layer.stream, journey.name, waits[i])
            u = uniform(self.program.seed, self.program.replication, layer.stream, journey.name, waits[i])
            waited_s = _wait_s(layer.backoff, passes[i] - 1, previous_s[i], given_s, u)
            previous_s[i] = rules.kept_s(layer.backoff.kind, passes[i] - 1, waited_s, u)
            passes[i], waits[i] = passes[i] + 1, waits[i] + 1
            for inner in range(i + 1, len(layers)):
                passes[inner], previous_s[inner] = 1, _first_s(layers[inner].backoff)
            if not (yield from self._pause(journey, to_ns(waited_s))):
                return None, tier

    def _may_retry(self, journey: Journey) -> bool:
        """Take a place in the retry budget, if there is one; the end of the next call gives it back.

        A retry that found nobody to ask has none to wait for: its place goes back first.
        """
        budget = self.program.retry_budget
        if budget is None:
            return True
        self._is_retried(journey)
        active = self.n_in_flight - self.n_in_batches
        allowed = rules.retries_allowed(active, budget.ratio_ppm, budget.minimum)
        if self.n_retrying >= allowed:
            return False
        journey.is_retrying = True
        self.n_retrying += 1
        return True

    def _is_retried(self, journey: Journey) -> None:
        if journey.is_retrying:
            journey.is_retrying = False
            self.n_retrying -= 1

    def _serve(
        self, journey: Journey, index: int, first_role: int, next_role: int, n_fallbacks: int = 0
    ) -> Life:
        """Try a group, then those it falls back on, each with its own fallbacks; the successful call, or None."""
        journey.groups |= 1 << index
        group = self.program.groups[index]
        ask = self._ask_anew if self.program.reselects else self._ask
        call = yield from ask(journey, index, first_role, next_role)
        if call is not None or journey.cause == DEADLINE or journey.broke_off:
            return call
        if not group.fallbacks or n_fallbacks == self.program.max_fallbacks:
            return None
        failure = rules.failure_of(journey.cause) if journey.has_asked else failures.CONTEXT_WINDOW
        for other in group.fallbacks[failure]:
            if not journey.groups >> other & 1:
                call = yield from self._serve(journey, other, first_role, next_role, n_fallbacks + 1)
                if call is not None or journey.cause == DEADLINE or journey.broke_off:
                    return call
        return None

    def _ask(self, journey: Journey, index: int, first_role: int, next_role: int) -> Life:
        """Try a group's levels in order, in each the deployments as they are chosen; the successful call, or None."""
        group = self.program.groups[index]
        journey.turn_to(group, index)
        pinned = self._pinned(journey, index, group.chain)
        if pinned is not None:
            if journey.is_over(self.env.ns):
                journey.cause = DEADLINE
                return None
            journey.has_asked = True
            call = yield from self._try(
                journey, self.desks[pinned], self.sizes[pinned], first_role, next_role
            )
            if call is not None or journey.cause == DEADLINE or journey.broke_off:
                return call
            if group.leaves_when_filtered and journey.cause == tables.CONTENT_POLICY:
                return None
        for number in self._order(journey, group):
            level = group.levels[number]
            left = [name for name in level if self.sizes[name].eligible[journey.index] and name != pinned]
            place = (index, number)
            while True:
                now = self.env.ns
                if journey.is_over(now):  # first of all: it may end with a check, and nobody left to ask
                    journey.cause = DEADLINE
                    return None
                if not left:
                    break
                name = self._choose(journey, place, level, left) if self.chooses else left[0]
                if name is None:
                    break
                left.remove(name)
                journey.has_asked = True
                call = yield from self._try(
                    journey, self.desks[name], self.sizes[name], first_role, next_role
                )
                if call is not None or journey.cause == DEADLINE:
                    return call
                if group.leaves_when_filtered and journey.cause == tables.CONTENT_POLICY:
                    return None
                if journey.broke_off:
                    return None
                if not self.program.asks_equals:
                    break
        return None

    def _ask_anew(self, journey: Journey, index: int, first_role: int, next_role: int) -> Life:
        """Try a group as one: a retry chooses anew in the first level where somebody can be asked.

        When the retries are used up, each level after the first follows with as many of its own.
        """
        group = self.program.groups[index]
        journey.turn_to(group, index)
        journey.too_large = set()
        order = self._order(journey, group)
        for turn in range(len(order)):
            k, numbers = 0, order if turn == 0 else order[turn : turn + 1]
            while True:
                if journey.is_over(self.env.ns):
                    journey.cause = DEADLINE
                    return None
                name = self._choose_anew(journey, index, numbers)
                if name is None:
                    break
                journey.has_asked = True
                desk = self.desks[name]
                if k == 0:
                    journey.previous_s = _first_s(desk.target.backoff)
                role = _role(journey, first_role, next_role)
                call = yield from self._attempt(journey, desk, self.sizes[name], role)
                if call.outcome == tables.OK:
                    return call
                if journey.is_over(self.env.ns):
                    journey.cause = DEADLINE
                    return None
                if call.turned_away == tables.TOO_LARGE:
                    journey.too_large |= {name}
                wait_ns, is_last = self._wait_after(journey, desk, call, role, k)
                if wait_ns == NEVER:
                    yield from self._go_on(journey, call)
                    break
                if not (yield from self._pause(journey, wait_ns)):
                    return None
                if is_last:
                    break
                k += 1
            if group.leaves_when_filtered and journey.cause == tables.CONTENT_POLICY and journey.has_asked:
                return None
            if journey.broke_off:
                return None
        return None

    def _order(self, journey: Journey, group: Group) -> list[int]:
        """Numbers of a group's levels as a request meets them."""
        if self.program.spill_ppm is None:
            return list(range(len(group.levels)))
        able = {name: self.sizes[name].eligible[journey.index] for name in group.chain}
        return self.selector.order(journey, group.levels, able, self.env.ns)

    def _choose(
        self, journey: Journey, place: Place, level: Sequence[str], left: Sequence[str]
    ) -> str | None:
        """One of the deployments of a level that are left; None: all are full, no call, as if each turned it away."""
        if not self.chooses:
            return left[0]
        meters = {name: self.sizes[name].meters[journey.index] for name in left}
        chosen = self.selector.choose(journey, place, level, left, self.env.ns, meters)
        if chosen is None:
            journey.cause, journey.outcome, journey.has_asked = LIMIT, tables.REJECTED, True
        return chosen

    def _choose_anew(self, journey: Journey, index: int, numbers: Sequence[int]) -> str | None:
        """One of the first of these levels where somebody can be asked; None where nobody can."""
        now, levels = self.env.ns, self.program.groups[index].levels
        pinned = self._pinned(journey, index, [name for number in numbers for name in levels[number]])
        if pinned is not None:
            return pinned
        for number in numbers:
            level = levels[number]
            left = [
                name
                for name in level
                if self.sizes[name].eligible[journey.index] and name not in journey.too_large
            ]
            if all(self.desks[name].turns_away(journey, now) for name in left):
                if left:
                    journey.cause, journey.outcome, journey.has_asked = OWN_BREAKER, tables.REJECTED, True
                continue
            return self._choose(journey, (index, number), level, left)
        return None

    def _pinned(self, journey: Journey, index: int, names: Sequence[str]) -> str | None:
        """The one of these deployments that the conversation stays with in a group, if it can be asked now."""
        session = self.sessions[journey.index]
        if self.pins is None or session < 0:
            return None
        name, now = self.pins.of(session, index, self.env.ns), self.env.ns
        if name is None or name not in names or name in journey.too_large:
            return None
        can_take = self.sizes[name].eligible[journey.index]
        return name if can_take and not self.desks[name].avoids(journey, now) else None

    def _has_somebody(self, journey: Journey, now: int) -> bool:
        """Whether somebody of the group that is tried could be asked for this request."""
        return any(
            self.sizes[name].eligible[journey.index]
            and name not in journey.too_large
            and not self.desks[name].turns_away(journey, now)
            for name in journey.chain
        )

    def _try(self, journey: Journey, desk: Desk, sizes: "_Rows", first_role: int, next_role: int) -> Life:
        """One deployment and its retries; leaves cause and outcome in the journey when it gives up."""
        journey.previous_s = _first_s(desk.target.backoff)
        k = 0
        while True:
            role = _role(journey, first_role, next_role)
            call = yield from self._attempt(journey, desk, sizes, role)
            if call.outcome == tables.OK:
                return call
            if journey.is_over(self.env.ns):
                journey.cause = DEADLINE
                return None
            wait_ns, is_last = self._wait_after(journey, desk, call, role, k)
            if wait_ns == NEVER:
                return (yield from self._go_on(journey, call))
            if not (yield from self._pause(journey, wait_ns)) or is_last:
                return None
            k += 1

    def _wait_after(self, journey: Journey, desk: Desk, call: Call, role: int, k: int) -> tuple[int, bool]:
        """(nanoseconds to wait after a failure, whether it was the last try); NEVER: go on at once, without a retry.

        `k` retries were made before.
        """
        target, now, leaves = desk.target, self.env.ns, (NEVER, True)
        is_last = k >= target.retries[rules.retry_class(call.outcome)]
        if call.was_seen_to_break and role != tables.ROLE_MINI:
            journey.broke_off = not target.retries_broken
            if journey.broke_off:
                return leaves
        if call.status == rules.FILTERED:
            return leaves
        if call.turned_away != tables.NO_CAUSE and not self.program.reselects:
            return leaves
        if is_last and not (target.sleep_after_last and k > 0):
            return leaves
        if self.program.reselects:
            has_sibling = self._has_somebody(journey, now)
            if not is_last and not has_sibling:
                return leaves
        else:
            has_sibling = False
            if not is_last and desk.turns_away(journey, now):
                return leaves
        wait_ns = call.retry_after_ns
        is_asked = wait_ns != NEVER and target.honours_retry_after
        if target.skips_wait and has_sibling and len(journey.chain) > 1:
            wait_ns = 0
        elif is_asked and wait_ns <= target.retry_after_cap_ns:
            if target.retry_after_jitter_s > 0:
                u = self.uniform(target, "backoff", call)
                wait_ns += to_ns(target.retry_after_jitter_s * u)
        elif is_asked and not target.retries_above_cap:
            return leaves
        else:
            wait_ns = to_ns(self._backoff(journey, target, call, k))
        if not is_last and not self._may_retry(journey):
            return leaves
        return wait_ns, is_last

    def _attempt(self, journey: Journey, desk: Desk, sizes: "_Rows", role: int) -> Life:
        """Place one call and wait for its end; the call, ended or turned away."""
        draw = journey.calls.get(desk.target.name, 0)
        call = self.new_call(journey, desk, role, journey.next_attempt, draw)
        will_happen = desk.place(call, sizes.max_output[journey.index])
        if will_happen and desk.target.hedge is not None and not journey.is_batch:
            call = yield Bundle(self, journey, desk, call).waiter
        elif will_happen:
            assert call.done is not None
            yield call.done
            call.was_seen_to_break = call.broken_meters is not None and call.broke_off
        self._is_retried(journey)
        self.count_call(call)
        self._classify(journey, call)
        if call.outcome == tables.OK and self.pins is not None:
            self._pin(journey, call)
        return call

    def _pin(self, journey: Journey, call: Call) -> None:
        """A call was answered: the conversation may stay with who did."""
        assert self.pins is not None
        assert call.target is not None
        session, name = self.sessions[journey.index], call.target.name
        if session >= 0 and name in journey.chain:
            self.pins.answered(session, journey.group, name, self.env.ns)

    def new_call(self, journey: Journey, desk: Desk, role: int, attempt: int, draw: int) -> Call:
        """A call that nobody has been asked for yet."""
        meters = self.sizes[desk.target.name].meters[journey.index]
        return Call(journey, desk.target, role, meters, self._recorded(journey, attempt), draw, attempt)

    def count_call(self, call: Call) -> None:
        """A call was sent: the next one to its deployment has luck of its own."""
        if call.started_ns != NEVER:
            assert call.target is not None
            calls, name = call.journey.calls, call.target.name
            calls[name] = max(calls.get(name, 0), call.draw + 1)

    def _classify(self, journey: Journey, call: Call) -> None:
        """What stopped the request last; a success clears it."""
        journey.outcome = call.outcome
        if call.turned_away != tables.NO_CAUSE:
            journey.cause = call.turned_away
        elif call.status == rules.FILTERED:
            journey.cause = tables.CONTENT_POLICY
        elif call.outcome == tables.ERROR:
            journey.cause = tables.PROVIDER_ERROR
        elif call.outcome == tables.LIMITED:
            journey.cause = LIMIT
        elif call.outcome == tables.TIMEOUT:
            journey.cause = tables.EXPIRED if call.is_batch else TIMED_OUT

    def _go_on(self, journey: Journey, call: Call) -> Life:
        """Leave this target: the next one, if any, is a start of this instant."""
        if call.started_ns != NEVER or call.is_waiting or call.done is not None:
            yield Moment(self.env).at(0, rank(Round.STARTS, journey.name, journey.attempts))
        return None

    def _pause(self, journey: Journey, wait_ns: int) -> Life:
        """Wait, then be a start; False if the deadline comes first."""
        now = self.env.ns
        if journey.deadline_ns is not None and now + wait_ns >= journey.deadline_ns:
            left_ns = journey.deadline_ns - now
            yield Moment(self.env).at(left_ns, rank(Round.EXPIRIES, journey.name, journey.attempts))
            journey.cause = DEADLINE
            return False
        yield Moment(self.env).at(wait_ns, rank(Round.STARTS, journey.name, journey.attempts))
        return True

    def _backoff(self, journey: Journey, target: Target, call: Call, k: int) -> float:
        """Wait before retry k, in seconds."""
        backoff = target.backoff
        given_s = 0.0
        if backoff.kind == rules.LAW:
            given_s = self.draw(target, "backoff", backoff.law, call)
        u = self.uniform(target, "backoff", call)
        waited_s = _wait_s(backoff, k, journey.previous_s, given_s, u)
        journey.previous_s = rules.kept_s(backoff.kind, k, waited_s, u)
        return waited_s

    def _cascade(self, journey: Journey, route: Route) -> Life:
        """Mini answers, a verifier accepts, or omni answers; (successful call or None, tier)."""
        call = yield from self._serve(journey, route.group, tables.ROLE_MINI, tables.ROLE_MINI)
        if call is not None:
            is_accepted = yield from self._verify(journey, call)
            if is_accepted:
                return call, tables.MINI
        if journey.cause == DEADLINE:
            return None, tables.MINI
        call = yield from self._serve(journey, route.escalate, tables.ROLE_OMNI, tables.ROLE_OMNI)
        return call, tables.OMNI

    def _verify(self, journey: Journey, answer: Call) -> Life:
        """The check of mini's answer, an attempt row of its own; whether the answer is accepted."""
        program, verifier = self.program, self.program.verifier
        assert verifier is not None
        now = self.env.ns
        if journey.is_over(now):
            journey.cause = DEADLINE
            return False
        took_ns = to_ns(self._draw(verifier.latency_law, program.verifier_stream, journey.name, 0))
        meters = (verifier.input_tokens, 0, 0, verifier.output_tokens, 0, 0, 0, 0)
        check = Call(journey, None, tables.ROLE_VERIFIER, meters, NEVER, 0)
        check.queued_ns = check.started_ns = now
        is_cut = journey.deadline_ns is not None and now + took_ns > journey.deadline_ns
        if is_cut:
            assert journey.deadline_ns is not None
            took_ns = journey.deadline_ns - now
        yield Moment(self.env).at(took_ns, rank(Round.ENDS, journey.name, check.attempt))
        check.ended_ns = self.env.ns
        check.outcome, check.status = (tables.TIMEOUT, 0) if is_cut else (tables.OK, 200)
        check.first_token_ns = NEVER if is_cut else check.ended_ns
        self.record(check, billed_when_cut(check.meters, verifier.bill_timeouts) if is_cut else check.meters)
        if is_cut:
            journey.cause, journey.outcome = DEADLINE, tables.TIMEOUT
            return False
        if self._accepts(journey, answer):
            # Nobody sees mini's tokens before the verdict: the whole answer is shown then.
            answer.first_token_ns = check.ended_ns
            return True
        yield Moment(self.env).at(0, rank(Round.STARTS, journey.name, journey.attempts))
        # What was answered does not count: without anybody to escalate to, the request is rejected.
        journey.cause, journey.outcome = tables.NO_ELIGIBLE, tables.REJECTED
        return False

    def _accepts(self, journey: Journey, answer: Call) -> bool:
        """The verdict: by the recorded score where there is one, else by luck and the truth."""
        program, verifier = self.program, self.program.verifier
        assert verifier is not None
        assert answer.target is not None
        score = self.verifier_score[journey.index]
        if not math.isnan(score) and verifier.accept_score is not None:
            return score >= verifier.accept_score
        is_right = self.correct[answer.target.model][journey.index] == 1
        share = verifier.true_positive if is_right else verifier.false_positive
        return uniform(program.seed, program.replication, program.verdict_stream, journey.name, 0) < share

    def _finish(self, journey: Journey, served: Call | None, tier: int) -> None:
        self._is_retried(journey)
        self.n_in_flight -= 1
        self.n_done += 1
        i = journey.index
        if served is None:
            deployment, first_ns, correct = tables.NO_DEPLOYMENT, NEVER, tables.UNRATED
            outcome, cause = journey.outcome, journey.cause
            if cause == DEADLINE:
                outcome = tables.TIMEOUT
        else:
            target = served.target
            assert target is not None
            deployment, first_ns = target.index, served.first_token_ns
            correct, outcome, cause = self.correct[target.model][i], tables.OK, tables.NO_CAUSE
        self.outcomes.append(
            (
                journey.name,
                self.tasks[i],
                self.arrived[i],
                first_ns,
                self.env.ns,
                outcome,
                deployment,
                tier,
                journey.attempts,
                cause,
                correct,
            )
        )
        if not self.script.is_open:
            after, passed = self.script.follows(i, served is not None, correct)
            self.n_to_come -= passed
            self.n_passed += passed
            self.n_done += passed
            self._follow(after)

    # -- luck and rows --

    def draw(self, target: Target, purpose: str, law: int, call: Call) -> float:
        return self._draw(law, target.streams[purpose], call.journey.name, call.draw)

    def _draw(self, law: int, stream: int, name: int, attempt: int) -> float:
        program = self.program
        return draw_law(program.laws, law, program.seed, program.replication, stream, name, attempt)

    def uniform(self, target: Target, purpose: str, call: Call) -> float:
        program = self.program
        return uniform(
            program.seed, program.replication, target.streams[purpose], call.journey.name, call.draw
        )

    def is_filtered(self, target: Target, call: Call) -> bool:
        """Whether the provider's content filter refuses the prompt: the same one every time."""
        program = self.program
        u = uniform(program.seed, program.replication, target.filter_stream, call.journey.name, 0)
        return u < target.filter_share

    def _recorded(self, journey: Journey, attempt: int) -> int:
        """Recorded service time of an attempt; the last one repeats."""
        if self.service is None:
            return NEVER
        times = self.service[journey.index]
        known = [time for time in times if time != NEVER]
        return known[min(attempt, len(known) - 1)] if known else NEVER

    def record(self, call: Call, billed: tuple[int, ...]) -> None:
        """Write an attempt's row, once, when it has ended."""
        journey = call.journey
        deployment = tables.VERIFIER if call.target is None else call.target.index
        meters = call.meters
        if call.broken_meters is not None and call.broke_off:
            meters = call.broken_meters
        elif call.outcome in (tables.ERROR, tables.LIMITED):
            meters = input_only(meters)  # nothing was generated
        self.attempts.append(
            (
                journey.name,
                call.attempt,
                deployment,
                call.role,
                call.queued_ns,
                call.started_ns,
                NEVER,
                call.first_token_ns,
                call.ended_ns,
                call.outcome,
                0,
                call.status,
                call.retry_after_ns,
                *meters,
                *billed,
            )
        )
        journey.attempts += 1
        journey.next_attempt = max(journey.next_attempt, call.attempt + 1)

    def _plant_changes(self) -> None:
        """Edges of outages after the window's start are state timers that only leave an event; caps change, too."""
        kind = tables.EVENT_KINDS.index("outage")
        for spell in self.program.gateway_spells:
            state, nobody = tables.OUTAGE_STATES[spell.mode], tables.NO_DEPLOYMENT
            self._edge(spell.from_ns, (kind, nobody, tables.UP, state, -1))
            self._edge(spell.to_ns, (kind, nobody, state, tables.UP, -1))
        for desk in self.desks.values():
            for spell in desk.target.spells:
                state = tables.OUTAGE_STATES[spell.mode]
                self._edge(spell.from_ns, (kind, desk.target.index, tables.UP, state, -1))
                self._edge(spell.to_ns, (kind, desk.target.index, state, tables.UP, -1))
            desk.plant_caps()
            desk.plant_knowledge()

    def _edge(self, time_ns: int, change: tuple[int, ...]) -> None:
        if time_ns >= 0:
            moment = Moment(self.env)
            moment.callbacks.append(lambda _: self.events.append((time_ns, *change)))
            moment.at(time_ns, rank(Round.TIMERS, 0, change[1]))

    def _too_many_to_come(self) -> LoadExceedsCapacity:
        return LoadExceedsCapacity(too_many_to_come(self.program.max_in_flight, self.env.ns, self.n_done))

    def _too_much(self) -> LoadExceedsCapacity:
        waiting = ", ".join(
            f"{name}: {desk.n_waiting} waiting, {desk.busy} in flight" for name, desk in self.desks.items()
        )
        return LoadExceedsCapacity(
            rules.too_much(self.program.max_in_flight, self.env.ns, self.n_done, waiting, self.n_in_batches)
        )


def _role(journey: Journey, first_role: int, next_role: int) -> int:
    return first_role if journey.attempts == 0 or first_role == next_role else next_role


def _first_s(backoff: Backoff) -> float:
    return rules.kept_at_first(backoff.kind, backoff.base_s)


def _wait_s(backoff: Backoff, k: int, previous_s: float, given_s: float, u: float) -> float:
    """Wait before retry k, in seconds."""
    if backoff.kind == rules.FIXED:
        given_s = backoff.waits_s[min(k, len(backoff.waits_s) - 1)]
    return rules.wait_s(
        backoff.kind,
        k,
        backoff.base_s,
        backoff.cap_s,
        backoff.jitter_s,
        backoff.factor,
        backoff.spread,
        previous_s,
        given_s,
        u,
    )


class _Rows:
    """Sizes of all requests at one deployment, as rows that Python reads quickly."""

    def __init__(self, sizes: Sizes, kept: Integers | None) -> None:
        zeros = [0] * len(sizes.input)
        self.meters = list(
            zip(
                sizes.input.tolist(),
                zeros,
                zeros,
                sizes.output.tolist(),
                sizes.reasoning.tolist(),
                sizes.image.tolist(),
                sizes.audio_input.tolist(),
                sizes.audio_output.tolist(),
                strict=True,
            )
        )
        self.max_output = sizes.max_output.tolist()
        self.eligible = sizes.eligible.tolist()
        self.kept = [] if kept is None else kept.tolist()  # see `Work.kept`, where it has a prompt cache
