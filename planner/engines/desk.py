"""A deployment during a run: breaker, slots, limiters and the client queue in front of it.

Admission is atomic: breaker, then concurrency, then all limiters; nothing is charged and no probe is
taken unless all admit. What happens to a call after it has ended is the request's business
(`planner.engines.reference`).
"""

from bisect import bisect_right
from typing import TYPE_CHECKING

import simpy

from planner import tables
from planner.chance import to_ns
from planner.engines import limiters, rules
from planner.engines.breakers import breaker_of
from planner.engines.journey import NO_METERS, Call, Journey, Moment, billed_when_cut, without_cached
from planner.engines.pools import Pool
from planner.engines.priorities import ClientQueue
from planner.engines.program import Target
from planner.engines.prompt_caches import PromptCache
from planner.engines.rules import Round, rank
from planner.engines.spells import Spell
from planner.limiting import REQUESTS
from planner.tables import DEADLINE, LIMIT, NEVER, OWN_BREAKER, QUEUE, TOO_LARGE

if TYPE_CHECKING:
    from planner.engines.memories import Memory
    from planner.engines.reference import Engine


class Outages:
    """Spells in order of their beginning, and which of them holds."""

    def __init__(self, spells: tuple[Spell, ...]) -> None:
        self.spells, self.starts = spells, [spell.from_ns for spell in spells]

    def at(self, now: int) -> Spell | None:
        """The last to begin of those that hold when an attempt starts; windows are half open, [from, to)."""
        for index in range(bisect_right(self.starts, now) - 1, -1, -1):
            if now < self.spells[index].to_ns:
                return self.spells[index]
        return None


class Desk:
    """A deployment during a run: breaker, slots, limiters and the client queue in front of it."""

    def __init__(self, engine: "Engine", target: Target, pool: Pool) -> None:
        self.engine, self.env, self.target = engine, engine.env, target
        self.busy = 0
        self.cap = target.concurrent
        self.queue = ClientQueue(max(1, len(set(engine.program.classes))))
        self.n_waiting = 0
        self.breaker = breaker_of(self, target.breaker)
        self.pool = pool
        pool.desks.append(self)
        self.settles = any(limiter.settles for limiter in target.limiters)
        self.wake_ns: int | None = None  # when the queue is looked at next because of a limiter
        self.outages = Outages(target.spells)
        self.gateway_outages = Outages(target.gateway_spells)
        self.memory: Memory | None = None  # of a selection that goes by earlier calls
        self.cache = None if target.cache is None else PromptCache(target.cache)
        self.uncounting = None if target.counts_cached or not target.limiters else self.cache

    # -- admission: breaker, then concurrency, then all limiters; nothing is taken unless all admit --

    def place(self, call: Call, max_output_tokens: int) -> bool:
        """Ask for admission. True: `call.done` will happen; False: turned away or limited, at once."""
        now = call.queued_ns = self.env.ns
        if call.is_batch:
            self._hand_in(call)
            return True
        call.max_output_tokens = max_output_tokens
        self._measure(call)  # as if nothing were kept of it: what is too large then is too large
        if self.is_rejecting(now):
            return self._turn_away(call, OWN_BREAKER)
        if any(
            needed > limiter.capacity
            for needed, limiter in zip(call.needed, self.target.limiters, strict=True)
        ):
            if self.target.when_limited == "retry":
                self._refuse(call, NEVER)
            return self._turn_away(call, TOO_LARGE)
        is_busy = self.is_busy()
        if is_busy and not self.target.waits_when_busy:
            return self._turn_away(call, LIMIT)
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
        return self.cap is not None and self.busy >= self.cap

    def plant_caps(self) -> None:
        """Changes of the cap are state timers; each offers what it may have freed, and stops no call in flight."""
        for time_ns, cap in self.target.later_caps:

            def change(_: simpy.Event, cap: int | None = cap) -> None:
                self.cap = cap
                self._offer()

            moment = Moment(self.env)
            moment.callbacks.append(change)
            moment.at(time_ns, rank(Round.TIMERS, 0, self.target.index))

    def plant_knowledge(self) -> None:
        """Perfect knowledge: when an outage begins to meet every call, nobody waits any longer."""

        def look(_: simpy.Event) -> None:
            if self.is_known_out(self.env.ns):
                self.send_queue_on()

        spells = (*self.target.spells, *self.target.gateway_spells)
        edges = {edge for spell in spells for edge in (spell.from_ns, spell.to_ns) if edge >= 0}
        for edge in sorted(edges) if self.target.knows_outages else ():
            moment = Moment(self.env)
            moment.callbacks.append(look)
            moment.at(edge, rank(Round.TIMERS, 0, self.target.index))

    def is_known_out(self, now: int) -> bool:
        """Perfect knowledge of an outage that no call would get through."""
        if not self.target.knows_outages:
            return False
        found = (self.outages.at(now), self.gateway_outages.at(now))
        return any(spell is not None and spell.is_full for spell in found)

    def is_avoided(self, now: int) -> bool:
        """Whether the breaker is open, or the deployment known to be out, so that others are asked before it."""
        return self.breaker.is_open(now) or self.is_known_out(now)

    def is_rejecting(self, now: int) -> bool:
        """Whether the breaker, or perfect knowledge, lets no call through."""
        return (self.breaker.rejects and self.breaker.is_open(now)) or self.is_known_out(now)

    def avoids(self, journey: Journey, now: int) -> bool:
        """As `is_avoided`, for a request: a batch API is never avoided."""
        return self.is_avoided(now) and not self.takes_batch(journey)

    def turns_away(self, journey: Journey, now: int) -> bool:
        """As `is_rejecting`, for a request."""
        return self.is_rejecting(now) and not self.takes_batch(journey)

    def takes_batch(self, journey: Journey) -> bool:
        """Whether a request's call here is handed in to a batch API."""
        return journey.is_batch and self.target.batch is not None

    def limiter_wait(self, call: Call, now: int) -> int:
        """Nanoseconds until every limiter holds what the call needs, by what the prompt cache would give it now."""
        longest = 0
        if self.uncounting is not None:
            index = call.journey.index
            kept = self.engine.sizes[self.target.name].kept[index]
            call.uncounted = self.uncounting.given(
                self.engine.tasks[index], self.engine.sessions[index], kept, now
            )
            self._measure(call)
        self._fill(now)
        for index, limiter in enumerate(self.target.limiters):
            level, needed = self.pool.levels[index], call.needed[index]
            if length := limiter.window_ns:
                wait = limiters.window_wait(level, needed, now + limiter.since_ns, length)
            else:
                wait = rules.refill_wait(level, needed, limiter.p)
            longest = max(longest, wait)
        return longest

    def _fill(self, now: int) -> None:
        """Bring the levels of all limiters up to now."""
        filled_ns, self.pool.filled_ns = self.pool.filled_ns, now
        for index, limiter in enumerate(self.target.limiters):
            level = self.pool.levels[index]
            if length := limiter.window_ns:
                before, after = filled_ns + limiter.since_ns, now + limiter.since_ns
                self.pool.levels[index] = limiters.renewed(level, before, after, length, limiter.capacity)
            else:
                self.pool.levels[index] = rules.refilled(level, now - filled_ns, limiter.p, limiter.capacity)

    def _settle(self, call: Call, billed: tuple[int, ...]) -> None:
        """A call has ended: its tokens are set right to what it is billed."""
        self._fill(self.env.ns)
        sent, answered = _sent_and_answered(billed)
        if self.uncounting is not None:
            sent -= billed[1]  # read from the cache
        for index, limiter in enumerate(self.target.limiters):
            if limiter.settles:
                tokens = limiters.used(limiter.measure, sent, answered)
                used = limiters.units(tokens, limiter.q)
                self.pool.levels[index] = limiters.settled(
                    self.pool.levels[index], call.taken[index], used, limiter.capacity
                )

    def _measure(self, call: Call) -> None:
        """What each limiter must hold for the call, and what it gives when the call starts."""
        target, most = self.target, call.max_output_tokens
        sent, answered = _sent_and_answered(call.meters)
        sent -= call.uncounted
        asked = [
            (limiters.asked(limiter.measure, target.charge, sent, answered, most), limiter.q)
            for limiter in target.limiters
        ]
        # Of a leaky bucket below 100 % of utilisation, anything left is enough, however much is taken then.
        call.needed = tuple(
            1 if limiter.leaks else tokens * q
            for limiter, (tokens, q) in zip(target.limiters, asked, strict=True)
        )
        call.taken = tuple(
            limiters.units(tokens, q) if limiter.leaks else tokens * q
            for limiter, (tokens, q) in zip(target.limiters, asked, strict=True)
        )
        if target.charge == rules.AFTER_COMPLETION:
            call.taken = tuple(limiter.q if limiter.measure == REQUESTS else 0 for limiter in target.limiters)

    def _turn_away(self, call: Call, cause: int) -> bool:
        call.turned_away = cause
        return False

    def _refuse(self, call: Call, retry_after_ns: int) -> None:
        """A 429: a row of no duration, and an attempt."""
        now = self.env.ns
        call.started_ns = call.ended_ns = now
        call.outcome, call.status, call.retry_after_ns = tables.LIMITED, 429, retry_after_ns
        if self.memory is not None:
            self.memory.sent(now)
            self.memory.ended(call)
        self.engine.record(call, NO_METERS)
        breaker = self.target.breaker
        if breaker is not None and breaker.counts >> tables.LIMITED & 1:
            self.breaker.start(call)
            self._tell(call)

    # -- the client queue: by task priority, then first come, first served; a start never overtakes it --

    def _join(self, call: Call) -> bool:
        limit = self.target.queue_limit
        if limit is not None and self.n_waiting >= limit:
            return self._turn_away(call, QUEUE)
        call.done = Moment(self.env)
        call.is_waiting = True
        classes = self.engine.program.classes
        self.queue.append(call, classes[self.engine.tasks[call.journey.index]] if classes else 0)
        self.n_waiting += 1
        law = self.target.queue_timeout_law
        if law != rules.NO_LAW:
            patience = to_ns(self.engine.draw(self.target, "queue-timeout", law, call))
            self._expire_in(patience, call, QUEUE)
        if call.deadline_ns is not None:
            self._expire_in(call.deadline_ns - self.env.ns, call, DEADLINE)
        if classes and self.n_waiting > 1 and self._head() is call:
            self._offer()  # it came before those who wait for a limiter, and may need less
        return True

    def _expire_in(self, delay_ns: int, call: Call, cause: int) -> None:
        def expire(_: simpy.Event) -> None:
            if call.is_waiting:
                was_head = self._head() is call
                self._leave(call, cause)
                if was_head:
                    self._offer()

        moment = Moment(self.env)
        moment.callbacks.append(expire)
        moment.at(delay_ns, rank(Round.EXPIRIES, call.journey.name, call.attempt))

    def _head(self) -> Call | None:
        return self.queue.head()

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
            moment.callbacks.append(self._hand_over)
            moment.at(0, rank(Round.STARTS, head.journey.name, head.attempt))

    def _wake_in(self, delay_ns: int, call: Call) -> None:
        """Look at the queue then. One look is enough: each end of a call would add one more, for ever."""
        at_ns = self.env.ns + delay_ns
        if self.wake_ns is not None and self.wake_ns <= at_ns:
            return
        self.wake_ns = at_ns
        moment = Moment(self.env)
        moment.callbacks.append(self._wake)
        moment.at(delay_ns, rank(Round.TIMERS, call.journey.name, call.attempt))

    def _wake(self, _: simpy.Event) -> None:
        if self.wake_ns == self.env.ns:
            self.wake_ns = None
        self._offer()

    def _hand_over(self, _: simpy.Event) -> None:
        call = self._head()
        now = self.env.ns
        if call is None or (self.is_busy() and not self.is_rejecting(now)):
            return
        if self.is_rejecting(now):
            self._leave(call, OWN_BREAKER)
        elif call.deadline_ns is not None and now >= call.deadline_ns:
            self._leave(call, DEADLINE)  # a start at the deadline has no time left
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
        now, target = self.env.ns, self.target
        self.busy += 1
        for index, taken in enumerate(call.taken):
            self.pool.levels[index] -= taken
        self.breaker.start(call)
        call.started_ns = now
        if self.memory is not None:
            self.memory.sent(now)
        if self.cache is not None:
            index, engine = call.journey.index, self.engine
            kept = engine.sizes[target.name].kept[index]
            self.cache.meet(call, engine.tasks[index], engine.sessions[index], kept, now)
        call.answers = True
        first_ns, total_ns = self._service(call, now)
        if call.outcome == tables.OK and target.break_rate > 0:
            first_ns, total_ns = self._broken(call, first_ns, total_ns)
        has_failed = call.outcome in (tables.ERROR, tables.LIMITED)
        call.answers = call.answers and (not has_failed or first_ns != NEVER)
        cut_ns = target.timeout_ns
        if call.deadline_ns is not None:
            left_ns = call.deadline_ns - now
            cut_ns = left_ns if cut_ns is None else min(cut_ns, left_ns)
        if cut_ns is not None and (total_ns == NEVER or total_ns > cut_ns):
            total_ns = cut_ns
            call.outcome, call.status, call.retry_after_ns = tables.TIMEOUT, 0, NEVER
            first_ns = first_ns if first_ns <= cut_ns else NEVER
        assert total_ns != NEVER, "a hang without timeout and deadline is refused before any run"
        call.first_token_ns = NEVER if first_ns == NEVER else now + first_ns
        if call.done is None:
            call.done = Moment(self.env)
        call.done.callbacks.insert(0, lambda _: None if call.is_cancelled else self._end(call))
        call.done.at(total_ns, rank(Round.ENDS, call.journey.name, call.attempt))

    def _service(self, call: Call, now: int) -> tuple[int, int]:
        """(first token, end) after the start, NEVER where it does not come; sets outcome and status."""
        target, engine = self.target, self.engine
        added_s = engine.draw(target, "gateway-latency", target.gateway_law, call)
        # What the platform does of itself comes first: the call never gets to the provider.
        gate = self._met(self.gateway_outages, "gateway-outage-share", call, now)
        slowdown = 1.0
        if gate is not None:
            if gate.mode != rules.DEGRADED:
                call.answers = False  # nobody makes tokens, though a hang is only seen when it is cut
                return self._out(call, gate, "gateway-outage-latency", 0.0)
            slowdown = gate.slowdown
            added_s *= slowdown
        spell = self._met(self.outages, "outage-share", call, now)
        if spell is not None:
            if spell.mode != rules.DEGRADED:
                return self._out(call, spell, "outage-latency", added_s)
            slowdown *= spell.slowdown
        if target.filter_share > 0 and engine.is_filtered(target, call):
            call.outcome, call.status = tables.ERROR, rules.FILTERED
            answer_s = engine.draw(target, "filter-latency", target.filter_law, call)
            return NEVER, to_ns(added_s) + to_ns(answer_s)
        if target.error_rate > 0 and engine.uniform(target, "error", call) < target.error_rate:
            call.outcome, call.status = tables.ERROR, target.error_status
            answer_s = engine.draw(target, "error-latency", target.error_law, call)
            return NEVER, to_ns(added_s) + to_ns(answer_s)
        call.outcome, call.status = tables.OK, 200
        if call.service_ns != NEVER:
            total_ns = to_ns(added_s) + (
                call.service_ns if slowdown == 1.0 else to_ns(call.service_ns / 1e9 * slowdown)
            )
            return total_ns, total_ns
        cold_s = 0.0 if target.cache is None else call.cold_tokens * target.cache.cold_s_per_token
        if target.total_law != rules.NO_LAW:
            total_s = engine.draw(target, "ttft", target.total_law, call) + cold_s
            total_ns = to_ns(added_s) + to_ns(total_s * slowdown)
            return total_ns, total_ns
        ttft_s = engine.draw(target, "ttft", target.ttft_law, call) + cold_s
        speed = engine.draw(target, "speed", target.speed_law, call)
        output, hidden, spoken = call.meters[3], call.meters[4], call.meters[7]
        first_ns, total_ns = rules.call_times(ttft_s, speed, hidden, output + spoken, slowdown, added_s)
        return (first_ns if target.streams_answer else total_ns), total_ns

    def _broken(self, call: Call, first_ns: int, total_ns: int) -> tuple[int, int]:
        """(first token, end) of a call that would be answered, if it breaks off: at any moment of its time alike."""
        u = self.engine.uniform(self.target, "mid-stream", call)
        if u >= self.target.break_rate:
            return first_ns, total_ns
        broken_ns = int(total_ns * (u / self.target.break_rate))
        call.outcome = tables.ERROR
        if broken_ns < first_ns:
            call.status = self.target.error_status
            return NEVER, broken_ns
        sent, cached, written, output, hidden, image, heard, spoken = call.meters
        visible = rules.streamed(output + spoken, first_ns, broken_ns, total_ns)
        read = min(output, visible)  # the transcript comes before the speech it is of
        call.broken_meters = (sent, cached, written, read, hidden, image, heard, visible - read)
        return first_ns, broken_ns

    def _met(self, outages: "Outages", share: str, call: Call, now: int) -> Spell | None:
        """The outage that a call meets which starts now, if it is among the share of calls that do."""
        spell = outages.at(now)
        if spell is None or spell.share >= 1.0:
            return spell
        return spell if self.engine.uniform(self.target, share, call) < spell.share else None

    def _out(self, call: Call, spell: Spell, latency: str, added_s: float) -> tuple[int, int]:
        """(first token, end) of a call that an outage leaves without an answer."""
        if spell.mode == rules.HANG:
            call.outcome, call.status = tables.TIMEOUT, 0
            return NEVER, NEVER
        call.outcome, call.status = tables.ERROR, spell.status
        if spell.mode == rules.OVERLOADED:
            call.outcome, call.status, call.retry_after_ns = tables.LIMITED, 429, spell.retry_after_ns
        answer_s = self.engine.draw(self.target, latency, spell.latency_law, call)
        return NEVER, to_ns(added_s) + to_ns(answer_s)

    def _hand_in(self, call: Call) -> None:
        """Send a call to the batch API (`rules.BATCH_CALLS`)."""
        now, target, batch = self.env.ns, self.target, self.target.batch
        assert batch is not None
        call.started_ns = now
        total_ns = call.service_ns
        if total_ns == NEVER:
            total_ns = to_ns(self.engine.draw(target, "batch", batch.turnaround_law, call))
        if total_ns > batch.expires_ns:
            total_ns, call.outcome = batch.expires_ns, tables.TIMEOUT
        elif target.filter_share > 0 and self.engine.is_filtered(target, call):
            call.outcome, call.status = tables.ERROR, rules.FILTERED
        else:
            call.outcome, call.status = tables.OK, 200
            call.first_token_ns = now + total_ns
        self.engine.n_in_batches += 1
        call.done = Moment(self.env)
        call.done.callbacks.insert(0, lambda _: self._take_back(call))
        call.done.at(total_ns, rank(Round.ENDS, call.journey.name, call.attempt))

    def _take_back(self, call: Call) -> None:
        """A call to the batch API is over: its row, and nothing else that others would notice."""
        call.ended_ns = self.env.ns
        self.engine.n_in_batches -= 1
        billed = NO_METERS
        if call.outcome == tables.OK:
            billed = call.meters
        elif call.status == rules.FILTERED:
            billed = billed_when_cut(call.meters, self.target.filter_bills)
        self.engine.record(call, billed)

    def cancel(self, call: Call, bill: int) -> None:
        """Nobody waits for a call any longer: it leaves the queue without a row, or ends here and now.

        `bill` says what of it is billed where an answer would have come. One that was refused, or has left the
        queue in this instant, is only forgotten.
        """
        if call.is_waiting:
            was_head = self._head() is call
            self._dequeue(call)
            if was_head:
                self._offer()
        elif call.started_ns != NEVER and call.ended_ns == NEVER:
            call.outcome, call.status, call.retry_after_ns = tables.CANCELLED, 0, NEVER
            if call.first_token_ns > self.env.ns:
                call.first_token_ns = NEVER
            self._close(call, self._billed_when_cut(call, bill))
        call.is_cancelled = True

    def _end(self, call: Call) -> None:
        billed = NO_METERS
        if call.outcome == tables.OK:
            billed = call.meters
            if self.cache is not None:
                index = call.journey.index
                self.cache.touch(call, self.engine.tasks[index], self.engine.sessions[index])
        elif call.outcome == tables.TIMEOUT:
            billed = self._billed_when_cut(call, self.target.bill_timeouts)
        elif call.status == rules.FILTERED:
            billed = billed_when_cut(call.meters, self.target.filter_bills)
        elif call.broke_off:
            billed = billed_when_cut(call.made_meters, self.target.break_bills)
        self._close(call, billed)

    def _billed_when_cut(self, call: Call, policy: int) -> tuple[int, ...]:
        """What a call costs that was cut: nothing where an error would have come, and never more than left alone."""
        if not call.answers:
            return NO_METERS
        if call.broken_meters is not None:
            policy = min(policy, self.target.break_bills)
        return billed_when_cut(call.made_meters, policy)

    def _close(self, call: Call, billed: tuple[int, ...]) -> None:
        """A call is over: free its slot, write its row, count it, and offer the slot.

        `billed` are meters of the call, where a prompt cache's tokens are part of the input.
        """
        billed = without_cached(billed)
        call.ended_ns = self.env.ns
        self.busy -= 1
        self.engine.record(call, billed)
        if self.settles:
            self._settle(call, billed)
            for other in self.pool.others(self):  # what was given back may be enough for who waits there
                other._offer()
        if self.memory is not None:
            self.memory.ended(call)
        self._tell(call)
        self._offer()

    def _tell(self, call: Call) -> None:
        """The breaker learns of the end of a call: now, or as a state timer when the news has come (see `rules`)."""
        if self.target.lag_ns == 0 or self.target.breaker is None:
            self.breaker.end(call)
            return
        moment = Moment(self.env)
        moment.callbacks.append(lambda _: self.breaker.end(call))
        moment.at(self.target.lag_ns, rank(Round.TIMERS, call.journey.name, call.attempt))

    def send_queue_on(self) -> None:
        """The breaker has opened, or an outage that is known begun: nobody waits any longer."""
        while (waiting := self._head()) is not None:
            self._leave(waiting, OWN_BREAKER)


def _sent_and_answered(meters: tuple[int, ...]) -> tuple[int, int]:
    """(input tokens, output tokens) of a call, whatever the meter; as it is billed, or before it is sent."""
    sent, cached, written, output, hidden, image, heard, spoken = meters
    return sent + cached + written + image + heard, output + hidden + spoken
