"""The reference engine: a request's life told in SimPy, and the definition of the rules.

    arrive -> router's tier -> ordered deployments -> admit -> attempt -> classify -> done, retry, fall back or fail

Comes in: a Program and the Work; goes out: Outcomes, Attempts and Events. Every event carries an
integer priority (round, request, attempt; see `rules`), so nothing is left to SimPy's own order of
insertion; no simpy.Resource or Timeout stands for anything that has a rank.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

from planner import tables
from planner.chance import to_ns, uniform
from planner.engines import rules
from planner.engines.program import Program, Spell, Target
from planner.engines.rules import Round, rank
from planner.engines.work import Work
from planner.errors import LoadExceedsCapacity
from planner.sampling import draw_law
from planner.workload.sizes import Sizes
from planner.tables import CLOSED, DEADLINE, HALF_OPEN, LIMIT, NEVER, OPEN, OWN_BREAKER, QUEUE, TIMED_OUT, TOO_LARGE

Report = Callable[[int, int], None]
Life = Generator["Moment", Any, Any]
_REPORT_EVERY = 500
_NO_METERS = (0,) * len(tables.METERS)


class Moment(simpy.Event):
    """An event with a rank; scheduled when its time is known, which may be later than its making."""

    def at(self, delay_ns: int, priority: int, value: Any = None) -> "Moment":
        self._ok = True
        self._value = value
        self.env.schedule(self, priority, delay_ns)  # type: ignore[arg-type]
        return self


class Journey:
    """A request on its way: where it is in its life and what it has tried."""

    __slots__ = ("attempts", "calls", "cause", "deadline_ns", "index", "name", "outcome")

    def __init__(self, index: int, name: int, deadline_ns: int | None) -> None:
        self.index, self.name, self.deadline_ns = index, name, deadline_ns
        self.attempts = 0  # rows so far: the number of the next attempt
        self.calls: dict[str, int] = {}  # calls so far by deployment: the attempt number of chance
        self.cause = tables.NO_ELIGIBLE
        self.outcome = tables.REJECTED

    def is_over(self, now: int) -> bool:
        return self.deadline_ns is not None and now >= self.deadline_ns


class Call:
    """One attempt at a deployment: waiting, then sent, then ended or turned away."""

    __slots__ = (
        "attempt", "deadline_ns", "done", "draw", "ended_ns", "epoch", "first_token_ns", "is_probe", "is_waiting",
        "journey", "meters", "needed", "outcome", "queued_ns", "retry_after_ns", "role", "service_ns", "started_ns",
        "status", "target", "turned_away",
    )  # fmt: skip

    def __init__(
        self, journey: Journey, target: Target | None, role: int, meters: tuple[int, ...], service_ns: int, draw: int
    ) -> None:
        self.journey, self.target, self.role = journey, target, role
        self.meters, self.service_ns, self.draw = meters, service_ns, draw
        self.attempt = journey.attempts
        self.deadline_ns = journey.deadline_ns
        self.done: Moment | None = None
        self.needed: tuple[int, int] = (0, 0)
        self.queued_ns = self.started_ns = self.first_token_ns = self.ended_ns = NEVER
        self.retry_after_ns = NEVER
        self.outcome = tables.REJECTED
        self.status = 0
        self.turned_away = tables.NO_CAUSE  # cause, where no call was sent
        self.is_waiting = self.is_probe = False
        self.epoch = 0


class Desk:
    """A deployment during a run: breaker, slots, limiters and the client queue in front of it."""

    def __init__(self, engine: "Engine", target: Target) -> None:
        self.engine, self.env, self.target = engine, engine.env, target
        self.busy = 0
        self.queue: deque[Call] = deque()
        self.n_waiting = 0
        self.state, self.failures, self.open_until, self.epoch = CLOSED, 0, 0, 0
        self.buckets = [bucket for bucket in (target.requests_bucket, target.tokens_bucket) if bucket is not None]
        self.levels = [bucket.capacity for bucket in self.buckets]
        self.filled_ns = 0
        self.spell_starts = [spell.from_ns for spell in target.spells]

    # -- admission: breaker, then concurrency, then all limiters; nothing is taken unless all admit --

    def place(self, call: Call, max_output_tokens: int) -> bool:
        """Ask for admission. True: `call.done` will happen; False: turned away or limited, at once."""
        now = call.queued_ns = self.env.now
        self._measure(call, max_output_tokens)
        if self.is_rejecting(now):
            return self._turn_away(call, OWN_BREAKER)
        if any(needed > bucket.capacity for needed, bucket in zip(call.needed, self.buckets, strict=False)):
            if self.target.when_limited == "retry":
                self._refuse(call, NEVER)
            return self._turn_away(call, TOO_LARGE)
        is_busy = self.is_busy()
        if is_busy and not self.target.waits_when_busy:
            return self._turn_away(call, QUEUE)
        if is_busy or self.n_waiting:
            return self._join(call)
        wait_ns = self.limiter_wait(call, now)
        if wait_ns == 0:
            self._start(call)
            return True
        if self.target.when_limited == "retry":
            self._refuse(call, wait_ns)
            return False
        if self.target.when_limited == "reject":
            return self._turn_away(call, LIMIT)
        if not self._join(call):
            return False
        self._wake_in(wait_ns, call)
        return True

    def is_busy(self) -> bool:
        return self.target.concurrent is not None and self.busy >= self.target.concurrent

    def is_rejecting(self, now: int) -> bool:
        """Open, or half-open with the probe in flight."""
        return self.state == HALF_OPEN or (self.state == OPEN and now < self.open_until)

    def limiter_wait(self, call: Call, now: int) -> int:
        """Nanoseconds until every bucket holds what the call needs."""
        longest = 0
        elapsed, self.filled_ns = now - self.filled_ns, now
        for index, bucket in enumerate(self.buckets):
            level = self.levels[index] = rules.refilled(self.levels[index], elapsed, bucket.p, bucket.capacity)
            longest = max(longest, rules.refill_wait(level, call.needed[index], bucket.p))
        return longest

    def _measure(self, call: Call, max_output_tokens: int) -> None:
        target = self.target
        needed = []
        if target.requests_bucket is not None:
            needed.append(target.requests_bucket.q)
        if target.tokens_bucket is not None:
            sent, cached, written, output, hidden, image, heard, spoken = call.meters
            tokens = rules.charge(
                target.charge, sent + cached + written + image + heard, output + hidden + spoken, max_output_tokens
            )
            needed.append(tokens * target.tokens_bucket.q)
        call.needed = tuple(needed)  # type: ignore[assignment]

    def _turn_away(self, call: Call, cause: int) -> bool:
        call.turned_away = cause
        return False

    def _refuse(self, call: Call, retry_after_ns: int) -> None:
        """A 429: a row of no duration, and an attempt."""
        now = self.env.now
        call.started_ns = call.ended_ns = now
        call.outcome, call.status, call.retry_after_ns = tables.LIMITED, 429, retry_after_ns
        self.engine.record(call, _NO_METERS)

    # -- the client queue: first come, first served; a start never overtakes it --

    def _join(self, call: Call) -> bool:
        limit = self.target.queue_limit
        if limit is not None and self.n_waiting >= limit:
            return self._turn_away(call, QUEUE)
        call.done = Moment(self.env)
        call.is_waiting = True
        self.queue.append(call)
        self.n_waiting += 1
        law = self.target.queue_timeout_law
        if law != rules.NO_LAW:
            patience = to_ns(self.engine.draw(self.target, "queue-timeout", law, call))
            self._expire_in(patience, call, QUEUE)
        if call.deadline_ns is not None:
            self._expire_in(call.deadline_ns - self.env.now, call, DEADLINE)
        return True

    def _expire_in(self, delay_ns: int, call: Call, cause: int) -> None:
        def expire(_: simpy.Event) -> None:
            if call.is_waiting:
                was_head = self._head() is call
                self._leave(call, cause)
                if was_head:
                    self._offer()

        moment = Moment(self.env)
        moment.callbacks.append(expire)  # type: ignore[union-attr]
        moment.at(delay_ns, rank(Round.EXPIRIES, call.journey.name, call.attempt))

    def _head(self) -> Call | None:
        while self.queue and not self.queue[0].is_waiting:
            self.queue.popleft()
        return self.queue[0] if self.queue else None

    def _leave(self, call: Call, cause: int) -> None:
        """Leave the queue without being sent; the request goes on in a start of this instant."""
        self._dequeue(call)
        call.turned_away = cause
        assert call.done is not None
        call.done.at(0, rank(Round.STARTS, call.journey.name, call.attempt))

    def _dequeue(self, call: Call) -> None:
        call.is_waiting = False
        self.n_waiting -= 1

    def _offer(self) -> None:
        """Offer what may be free to the head of the queue, as a start of this instant."""
        head = self._head()
        if head is not None and not self.is_busy():
            moment = Moment(self.env)
            moment.callbacks.append(self._hand_over)  # type: ignore[union-attr]
            moment.at(0, rank(Round.STARTS, head.journey.name, head.attempt))

    def _wake_in(self, delay_ns: int, call: Call) -> None:
        moment = Moment(self.env)
        moment.callbacks.append(lambda _: self._offer())  # type: ignore[union-attr]
        moment.at(delay_ns, rank(Round.TIMERS, call.journey.name, call.attempt))

    def _hand_over(self, _: simpy.Event) -> None:
        call = self._head()
        now = self.env.now
        if call is None or (self.is_busy() and not self.is_rejecting(now)):
            return
        if self.is_rejecting(now):
            self._leave(call, OWN_BREAKER)
        else:
            wait_ns = self.limiter_wait(call, now)
            if wait_ns == 0:
                self._dequeue(call)
                self._start(call)
            elif self.target.when_limited == "wait":
                self._wake_in(wait_ns, call)
                return
            elif self.target.when_limited == "retry":
                self._leave(call, tables.NO_CAUSE)
                self._refuse(call, wait_ns)
            else:
                self._leave(call, LIMIT)
        self._offer()

    # -- the call itself --

    def _start(self, call: Call) -> None:
        now, target = self.env.now, self.target
        self.busy += 1
        for index, needed in enumerate(call.needed):
            self.levels[index] -= needed
        if self.state == OPEN:
            self._change(HALF_OPEN, call)
            call.is_probe = True
        call.epoch = self.epoch
        call.started_ns = now
        first_ns, total_ns = self._service(call, now)
        cut_ns = target.timeout_ns
        if call.deadline_ns is not None:
            left_ns = call.deadline_ns - now
            cut_ns = left_ns if cut_ns is None else min(cut_ns, left_ns)
        if cut_ns is not None and (total_ns == NEVER or total_ns > cut_ns):
            total_ns = cut_ns
            call.outcome, call.status = tables.TIMEOUT, 0
            first_ns = first_ns if first_ns <= cut_ns else NEVER
        assert total_ns != NEVER, "a hang without timeout and deadline is refused before any run"
        call.first_token_ns = NEVER if first_ns == NEVER else now + first_ns
        if call.done is None:
            call.done = Moment(self.env)
        call.done.callbacks.insert(0, lambda _: self._end(call))  # type: ignore[union-attr]
        call.done.at(total_ns, rank(Round.ENDS, call.journey.name, call.attempt))

    def _service(self, call: Call, now: int) -> tuple[int, int]:
        """(first token, end) after the start, NEVER where it does not come; sets outcome and status."""
        target, engine = self.target, self.engine
        added_s = engine.draw(target, "gateway-latency", target.gateway_law, call)
        spell = self._spell_at(now)
        mode = rules.UP if spell is None else spell.mode
        if mode == rules.HANG:
            call.outcome, call.status = tables.TIMEOUT, 0
            return NEVER, NEVER
        if mode == rules.ERROR:
            assert spell is not None
            call.outcome, call.status = tables.ERROR, spell.status
            answer_s = engine.draw(target, "outage-latency", spell.latency_law, call)
            return NEVER, to_ns(added_s) + to_ns(answer_s)
        if target.error_rate > 0 and engine.uniform(target, "error", call) < target.error_rate:
            call.outcome, call.status = tables.ERROR, target.error_status
            answer_s = engine.draw(target, "error-latency", target.error_law, call)
            return NEVER, to_ns(added_s) + to_ns(answer_s)
        call.outcome, call.status = tables.OK, 200
        slowdown = 1.0 if spell is None else spell.slowdown
        if call.service_ns != NEVER:
            total_ns = to_ns(added_s) + (call.service_ns if slowdown == 1.0 else to_ns(call.service_ns / 1e9 * slowdown))
            return total_ns, total_ns
        if target.total_law != rules.NO_LAW:
            total_ns = to_ns(added_s) + to_ns(engine.draw(target, "ttft", target.total_law, call) * slowdown)
            return total_ns, total_ns
        ttft_s = engine.draw(target, "ttft", target.ttft_law, call)
        speed = engine.draw(target, "speed", target.speed_law, call)
        output, hidden, spoken = call.meters[3], call.meters[4], call.meters[7]
        first_ns, total_ns = rules.call_times(ttft_s, speed, hidden, output + spoken, slowdown, added_s)
        return (first_ns if target.streams_answer else total_ns), total_ns

    def _spell_at(self, now: int) -> Spell | None:
        """The outage that holds when an attempt starts; windows are half open, [from, to)."""
        for index in range(bisect_right(self.spell_starts, now) - 1, -1, -1):
            spell = self.target.spells[index]
            if now < spell.to_ns:
                return spell
        return None

    def _end(self, call: Call) -> None:
        now = call.ended_ns = self.env.now
        self.busy -= 1
        billed = _NO_METERS
        if call.outcome == tables.OK:
            billed = call.meters
        elif call.outcome == tables.TIMEOUT and self.target.bill_timeouts != rules.BILL_NONE:
            billed = call.meters
            if self.target.bill_timeouts == rules.BILL_INPUT:
                billed = _input_only(call.meters)
        self.engine.record(call, billed)
        if self.target.breaker_failures is not None:
            self._count(call, now)
        self._offer()

    # -- the breaker --

    def _count(self, call: Call, now: int) -> None:
        """Count an end; those of attempts that started before the opening never count."""
        is_failure = call.outcome in (tables.ERROR, tables.TIMEOUT)
        if call.is_probe:
            if is_failure:
                self._open(now, call)
            else:
                self.failures = 0
                self._change(CLOSED, call)
        elif call.epoch == self.epoch and self.state == CLOSED:
            self.failures = self.failures + 1 if is_failure else 0
            if self.failures == self.target.breaker_failures:
                self._open(now, call)

    def _open(self, now: int, call: Call) -> None:
        self._change(OPEN, call)
        self.epoch += 1
        self.failures = 0
        self.open_until = now + self.target.breaker_open_ns
        while (waiting := self._head()) is not None:
            self._leave(waiting, OWN_BREAKER)

    def _change(self, state: int, call: Call) -> None:
        kind = tables.EVENT_KINDS.index("breaker")
        self.engine.events.append((self.env.now, kind, self.target.index, self.state, state, call.journey.name))
        self.state = state


class Engine:
    """A run: the requests, the desks they go to, and the rows they leave."""

    def __init__(self, program: Program, work: Work, report: Report | None = None) -> None:
        self.env = simpy.Environment()
        self.program, self.work, self.report = program, work, report
        requests = work.requests
        self.names = requests.request.tolist()
        self.arrived = requests.arrived_ns.tolist()
        self.tasks = requests.task.tolist()
        self.desks = {name: Desk(self, target) for name, target in program.targets.items()}
        self.sizes = {name: _Rows(work.sizes[name]) for name in program.targets}
        self.correct = {model: found.tolist() for model, found in work.correct.items()}
        self.service = None if requests.service_ns is None else requests.service_ns.tolist()
        self.route = work.routing.route.tolist()
        self.asked = work.routing.asked.tolist()
        self.verifier_score = requests.verifier_score.tolist()
        self.n_in_flight = self.n_done = 0
        self.outcomes: list[tuple[int, ...]] = []
        self.attempts: list[tuple[int, ...]] = []
        self.events: list[tuple[int, ...]] = []

    def run(self) -> None:
        """Let every request live to its end; arrivals stop with the window and the run drains."""
        self._plant_outage_edges()
        if self.names:
            self._arrive_next(0)
        self.env.run()
        assert len(self.outcomes) == len(self.names), (len(self.outcomes), len(self.names))
        self.outcomes.sort()
        self.attempts.sort()
        if self.report is not None:
            self.report(len(self.names), len(self.names))

    def _arrive_next(self, index: int) -> None:
        def arrive(_: simpy.Event) -> None:
            if index + 1 < len(self.names):
                self._arrive_next(index + 1)
            self.n_in_flight += 1
            if self.n_in_flight > self.program.max_in_flight:
                raise self._too_much()
            self.env.process(self._life(index))

        moment = Moment(self.env)
        moment.callbacks.append(arrive)  # type: ignore[union-attr]
        moment.at(self.arrived[index] - self.env.now, rank(Round.ARRIVALS, self.names[index], 0))

    # -- a request's life --

    def _life(self, index: int) -> Life:
        program, now = self.program, self.env.now
        deadline_ns = None if program.deadline_ns is None else now + program.deadline_ns
        journey = Journey(index, self.names[index], deadline_ns)
        route = self.work.routing.routes[self.route[index]]
        thinking_ns = 0
        if self.asked[index] and program.router_law != rules.NO_LAW:
            thinking_ns = to_ns(self._draw(program.router_law, program.router_stream, journey.name, 0))
        tier = route.tier
        served: Call | None = None
        if (yield from self._pause(journey, thinking_ns)):
            if route.is_cascade:
                served, tier = yield from self._cascade(journey, route.chain, route.escalate)
            else:
                served = yield from self._serve(journey, route.chain, tables.PRIMARY, tables.RETRY)
        self._finish(journey, served, tier)

    def _serve(self, journey: Journey, chain: Sequence[str], first_role: int, next_role: int) -> Life:
        """Try the deployments in order, each with its retries; the successful call, or None."""
        for name in chain:
            sizes = self.sizes[name]
            if not sizes.eligible[journey.index]:
                continue
            call = yield from self._try(journey, self.desks[name], sizes, first_role, next_role)
            if call is not None or journey.cause == DEADLINE:
                return call
        return None

    def _try(self, journey: Journey, desk: Desk, sizes: "_Rows", first_role: int, next_role: int) -> Life:
        """One deployment and its retries; leaves cause and outcome in the journey when it gives up."""
        target, previous_s = desk.target, desk.target.backoff.base_s
        for k in range(target.retries + 1):
            role = first_role if journey.attempts == 0 or first_role == next_role else next_role
            call = yield from self._attempt(journey, desk, sizes, role)
            if call.outcome == tables.OK:
                return call
            now = self.env.now
            if journey.is_over(now):
                journey.cause = DEADLINE
                return None
            if call.turned_away != tables.NO_CAUSE:
                return (yield from self._go_on(journey, call))
            is_last = k == target.retries
            if not is_last and desk.is_rejecting(now):
                return (yield from self._go_on(journey, call))
            if is_last and not target.sleep_after_last:
                return (yield from self._go_on(journey, call))
            wait_ns = call.retry_after_ns
            if wait_ns == NEVER:
                previous_s = self._backoff(target, call, k, previous_s)
                wait_ns = to_ns(previous_s)
            elif wait_ns > target.retry_after_cap_ns:
                return (yield from self._go_on(journey, call))
            if not (yield from self._pause(journey, wait_ns)):
                return None
        return None

    def _attempt(self, journey: Journey, desk: Desk, sizes: "_Rows", role: int) -> Life:
        """Place one call and wait for its end; the call, ended or turned away."""
        name = desk.target.name
        draw = journey.calls.get(name, 0)
        call = Call(journey, desk.target, role, sizes.meters[journey.index], self._recorded(journey), draw)
        will_happen = desk.place(call, sizes.max_output[journey.index])
        if will_happen:
            assert call.done is not None
            yield call.done
        if call.started_ns != NEVER:
            journey.calls[name] = draw + 1
        self._classify(journey, call)
        return call

    def _classify(self, journey: Journey, call: Call) -> None:
        """What stopped the request last; a success clears it."""
        journey.outcome = call.outcome
        if call.turned_away != tables.NO_CAUSE:
            journey.cause = call.turned_away
        elif call.outcome == tables.ERROR:
            journey.cause = tables.PROVIDER_ERROR
        elif call.outcome == tables.LIMITED:
            journey.cause = LIMIT
        elif call.outcome == tables.TIMEOUT:
            journey.cause = TIMED_OUT

    def _go_on(self, journey: Journey, call: Call) -> Life:
        """Leave this target: the next one, if any, is a start of this instant."""
        if call.started_ns != NEVER or call.is_waiting or call.done is not None:
            yield Moment(self.env).at(0, rank(Round.STARTS, journey.name, journey.attempts))
        return None

    def _pause(self, journey: Journey, wait_ns: int) -> Life:
        """Wait, then be a start; False if the deadline comes first."""
        now = self.env.now
        if journey.deadline_ns is not None and now + wait_ns >= journey.deadline_ns:
            left_ns = journey.deadline_ns - now
            yield Moment(self.env).at(left_ns, rank(Round.EXPIRIES, journey.name, journey.attempts))
            journey.cause = DEADLINE
            return False
        yield Moment(self.env).at(wait_ns, rank(Round.STARTS, journey.name, journey.attempts))
        return True

    def _backoff(self, target: Target, call: Call, k: int, previous_s: float) -> float:
        backoff = target.backoff
        given_s = 0.0
        if backoff.kind == rules.FIXED:
            given_s = backoff.waits_s[min(k, len(backoff.waits_s) - 1)]
        elif backoff.kind == rules.LAW:
            given_s = self.draw(target, "backoff", backoff.law, call)
        u = self.uniform(target, "backoff", call)
        return rules.wait_s(backoff.kind, k, backoff.base_s, backoff.cap_s, backoff.jitter_s, previous_s, given_s, u)

    def _cascade(self, journey: Journey, mini: Sequence[str], omni: Sequence[str]) -> Life:
        """Mini answers, a verifier accepts, or omni answers; (successful call or None, tier)."""
        call = yield from self._serve(journey, mini, tables.ROLE_MINI, tables.ROLE_MINI)
        if call is not None:
            is_accepted = yield from self._verify(journey, call)
            if is_accepted:
                return call, tables.MINI
        if journey.cause == DEADLINE:
            return None, tables.MINI
        call = yield from self._serve(journey, omni, tables.ROLE_OMNI, tables.ROLE_OMNI)
        return call, tables.OMNI

    def _verify(self, journey: Journey, answer: Call) -> Life:
        """The check of mini's answer, an attempt row of its own; whether the answer is accepted."""
        program, verifier = self.program, self.program.verifier
        assert verifier is not None
        now = self.env.now
        took_ns = to_ns(self._draw(verifier.latency_law, program.verifier_stream, journey.name, 0))
        meters = (verifier.input_tokens, 0, 0, verifier.output_tokens, 0, 0, 0, 0)
        check = Call(journey, None, tables.ROLE_VERIFIER, meters, NEVER, 0)
        check.queued_ns = check.started_ns = now
        is_cut = journey.deadline_ns is not None and now + took_ns > journey.deadline_ns
        if is_cut:
            assert journey.deadline_ns is not None
            took_ns = journey.deadline_ns - now
        yield Moment(self.env).at(took_ns, rank(Round.ENDS, journey.name, check.attempt))
        check.ended_ns = self.env.now
        check.outcome, check.status = (tables.TIMEOUT, 0) if is_cut else (tables.OK, 200)
        check.first_token_ns = NEVER if is_cut else check.ended_ns
        self.record(check, check.meters)
        if is_cut:
            journey.cause, journey.outcome = DEADLINE, tables.TIMEOUT
            return False
        if self._accepts(journey, answer):
            # Nobody sees mini's tokens before the verdict: the whole answer is shown then.
            answer.first_token_ns = check.ended_ns
            return True
        yield Moment(self.env).at(0, rank(Round.STARTS, journey.name, journey.attempts))
        journey.cause = tables.NO_ELIGIBLE
        return False

    def _accepts(self, journey: Journey, answer: Call) -> bool:
        """The verdict: by the recorded score where there is one, else by luck and the truth."""
        program, verifier = self.program, self.program.verifier
        assert verifier is not None and answer.target is not None
        score = self.verifier_score[journey.index]
        if not math.isnan(score) and verifier.accept_score is not None:
            return score >= verifier.accept_score
        is_right = self.correct[answer.target.model][journey.index] == 1
        share = verifier.true_positive if is_right else verifier.false_positive
        return uniform(program.seed, program.replication, program.verdict_stream, journey.name, 0) < share

    def _finish(self, journey: Journey, served: Call | None, tier: int) -> None:
        self.n_in_flight -= 1
        self.n_done += 1
        if self.report is not None and self.n_done % _REPORT_EVERY == 0:
            self.report(self.n_done, len(self.names))
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
                journey.name, self.tasks[i], self.arrived[i], first_ns, self.env.now, outcome, deployment, tier,
                journey.attempts, cause, correct,
            )  # fmt: skip
        )

    # -- luck and rows --

    def draw(self, target: Target, purpose: str, law: int, call: Call) -> float:
        return self._draw(law, target.streams[purpose], call.journey.name, call.draw)

    def _draw(self, law: int, stream: int, name: int, attempt: int) -> float:
        program = self.program
        return draw_law(program.laws, law, program.seed, program.replication, stream, name, attempt)

    def uniform(self, target: Target, purpose: str, call: Call) -> float:
        program = self.program
        return uniform(program.seed, program.replication, target.streams[purpose], call.journey.name, call.draw)

    def _recorded(self, journey: Journey) -> int:
        """Recorded service time of the next attempt; the last one repeats."""
        if self.service is None:
            return NEVER
        times = self.service[journey.index]
        known = [time for time in times if time != NEVER]
        return known[min(journey.attempts, len(known) - 1)] if known else NEVER

    def record(self, call: Call, billed: tuple[int, ...]) -> None:
        """Write an attempt's row, once, when it has ended."""
        journey = call.journey
        deployment = tables.VERIFIER if call.target is None else call.target.index
        meters = call.meters
        if call.outcome in (tables.ERROR, tables.LIMITED):
            meters = _input_only(meters)  # nothing was generated
        self.attempts.append(
            (
                journey.name, call.attempt, deployment, call.role, call.queued_ns, call.started_ns, NEVER,
                call.first_token_ns, call.ended_ns, call.outcome, 0, call.status, call.retry_after_ns, *meters, *billed,
            )  # fmt: skip
        )
        journey.attempts += 1

    def _plant_outage_edges(self) -> None:
        """Edges of outages inside the window are state timers; they only leave an event."""
        kind = tables.EVENT_KINDS.index("outage")
        for desk in self.desks.values():
            for spell in desk.target.spells:
                state = (tables.UP, tables.OUT_ERROR, tables.OUT_HANG, tables.OUT_DEGRADED)[spell.mode]
                self._edge(spell.from_ns, (kind, desk.target.index, tables.UP, state, -1))
                self._edge(spell.to_ns, (kind, desk.target.index, state, tables.UP, -1))

    def _edge(self, time_ns: int, change: tuple[int, ...]) -> None:
        if 0 <= time_ns < self.program.length_ns:
            moment = Moment(self.env)
            moment.callbacks.append(lambda _: self.events.append((time_ns, *change)))  # type: ignore[union-attr]
            moment.at(time_ns, rank(Round.TIMERS, 0, change[1]))

    def _too_much(self) -> LoadExceedsCapacity:
        waiting = ", ".join(f"{name}: {desk.n_waiting} waiting, {desk.busy} in flight" for name, desk in self.desks.items())
        return LoadExceedsCapacity(
            f"load exceeds capacity: more than run.max_in_flight = {self.program.max_in_flight} requests in flight "
            f"{self.env.now / 1e9:.3f} s into the window ({self.n_done} done; {waiting})"
        )


class _Rows:
    """Sizes of all requests at one deployment, as rows that Python reads quickly."""

    def __init__(self, sizes: Sizes) -> None:
        zeros = [0] * len(sizes.input)
        self.meters = list(
            zip(
                sizes.input.tolist(), zeros, zeros, sizes.output.tolist(), sizes.reasoning.tolist(),
                sizes.image.tolist(), sizes.audio_input.tolist(), sizes.audio_output.tolist(), strict=True,
            )  # fmt: skip
        )
        self.max_output = sizes.max_output.tolist()
        self.eligible = sizes.eligible.tolist()


def _input_only(meters: tuple[int, ...]) -> tuple[int, ...]:
    """What was sent, without what would have been answered."""
    sent, cached, written, _, _, image, heard, _ = meters
    return (sent, cached, written, 0, 0, image, heard, 0)
