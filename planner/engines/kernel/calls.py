"""A call at a deployment: asked for, admitted or turned away, sent, ended."""

import numba

from planner import tables as t
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import push
from planner.engines.kernel.batches import hand_in, take_back
from planner.engines.kernel.breakers import begin_probe, count, count_refusal, is_rejecting
from planner.engines.kernel.caches import meet, touch
from planner.engines.kernel.limits import limiter_wait, measure, settle, take
from planner.engines.kernel.memories import note_end, note_sent
from planner.engines.kernel.queues import dequeue, is_busy, join, leave, offer, wake_in
from planner.engines.kernel.service import broken, service
from planner.engines.kernel.signatures import AT_ONCE, ENDS, INT, MEMORY, VOID, WILL_HAPPEN, is_batch, is_over
from planner.engines.kernel.tallies import PARTLY, record
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(VOID(*MEMORY, INT, INT), late=True)
def refuse(m, f, e, laws, slot, retry_after_ns):  # type: ignore[no-untyped-def]
    """A 429: a row of no duration, and an attempt."""
    now = m[c.R_NOW]
    m[slot + c.L_STARTED] = now
    m[slot + c.L_ENDED] = now
    m[slot + c.L_CALL_OUTCOME] = t.LIMITED
    m[slot + c.L_STATUS] = 429
    m[slot + c.L_RETRY_AFTER] = retry_after_ns
    desk = m[slot + c.L_DESK]
    if m[desk + c.D_MEMORY]:
        note_sent(m, desk, now)
        note_end(m, f, e, laws, desk, slot)
    record(m, f, e, laws, slot, desk, 0, 0)
    if m[desk + c.D_COUNTED] >> t.LIMITED & 1:
        count_refusal(m, f, e, laws, desk, slot)


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def start(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Send the call: take slot and charges, draw what will happen, schedule its end."""
    now = m[c.R_NOW]
    m[desk + c.D_BUSY] += 1
    if m[desk + c.D_N_LIMITERS]:
        take(m, f, e, laws, desk, slot)
    if m[desk + c.D_STATE] != t.CLOSED:
        begin_probe(m, f, e, laws, desk, slot)
    m[slot + c.L_EPOCH] = m[desk + c.D_EPOCH]
    m[slot + c.L_STARTED] = now
    if m[desk + c.D_MEMORY]:
        note_sent(m, desk, now)
    if m[desk + c.D_CACHE]:
        meet(m, desk, slot)
    m[slot + c.L_ANSWERS] = 1
    first_ns, total_ns = service(m, f, e, laws, desk, slot, now)
    m[slot + c.L_STREAMED] = c.NONE
    if f[m[desk + c.D_FLOATS] + c.F_BREAK_RATE] > 0.0 and m[slot + c.L_CALL_OUTCOME] == t.OK:
        first_ns, total_ns = broken(m, f, e, laws, desk, slot, first_ns, total_ns)
    has_failed = m[slot + c.L_CALL_OUTCOME] == t.ERROR or m[slot + c.L_CALL_OUTCOME] == t.LIMITED
    if has_failed and first_ns == t.NEVER:
        m[slot + c.L_ANSWERS] = 0
    cut_ns = m[desk + c.D_TIMEOUT]
    if m[slot + c.L_DEADLINE] != c.NONE:
        left_ns = m[slot + c.L_DEADLINE] - now
        cut_ns = left_ns if cut_ns == c.NONE else min(cut_ns, left_ns)
    if cut_ns != c.NONE and (total_ns == t.NEVER or total_ns > cut_ns):
        total_ns = cut_ns
        m[slot + c.L_CALL_OUTCOME] = t.TIMEOUT
        m[slot + c.L_STATUS] = 0
        m[slot + c.L_RETRY_AFTER] = t.NEVER
        if first_ns > cut_ns:
            first_ns = t.NEVER
    m[slot + c.L_FIRST] = t.NEVER if first_ns == t.NEVER else now + first_ns
    m[slot + c.L_HAS_DONE] = 1
    push(
        e,
        now + total_ns,
        ENDS,
        m[slot + c.L_NAME],
        m[slot + c.L_CALL_ATTEMPT],
        c.K_END,
        slot,
        m[slot + c.L_TICKET],
        0,
    )


@jit(VOID(*MEMORY, INT), late=True)
def hand_over(m, f, e, laws, desk):  # type: ignore[no-untyped-def]
    slot, now = m[desk + c.D_HEAD], m[c.R_NOW]
    rejecting = is_rejecting(m, f, e, laws, desk, now)
    if slot == c.NONE or (is_busy(m, f, e, laws, desk) and not rejecting):
        return
    if rejecting:
        leave(m, f, e, laws, desk, slot, t.OWN_BREAKER)
    elif is_over(m, f, e, laws, slot, now):
        leave(m, f, e, laws, desk, slot, t.DEADLINE)
    else:
        wait_ns = limiter_wait(m, f, e, laws, desk, slot, now)
        when = m[desk + c.D_WHEN_LIMITED]
        if wait_ns == 0:
            dequeue(m, f, e, laws, desk, slot)
            start(m, f, e, laws, desk, slot)
        elif when == c.WAIT:
            wake_in(m, f, e, laws, desk, slot, wait_ns)
            return
        elif when == c.RETRY:
            leave(m, f, e, laws, desk, slot, t.NO_CAUSE)
            refuse(m, f, e, laws, slot, wait_ns)
        else:
            leave(m, f, e, laws, desk, slot, t.LIMIT)
    offer(m, f, e, laws, desk)


@jit(VOID(*MEMORY, INT, INT, INT), late=True)
def close(m, f, e, laws, slot, bills_input, bills_output):  # type: ignore[no-untyped-def]
    """A call is over: free its slot, write its row, count it, and offer the slot."""
    desk = m[slot + c.L_DESK]
    m[slot + c.L_ENDED] = m[c.R_NOW]
    m[desk + c.D_BUSY] -= 1
    record(m, f, e, laws, slot, desk, bills_input, bills_output)
    if m[desk + c.D_SETTLES]:
        settle(m, f, e, laws, desk, slot, bills_input, bills_output)
        other = m[desk + c.D_SIBLING]
        while other != c.NONE and other != desk:  # what was given back may be enough for who waits there
            offer(m, f, e, laws, other)
            other = m[other + c.D_SIBLING]
    if m[desk + c.D_MEMORY]:
        note_end(m, f, e, laws, desk, slot)
    if m[desk + c.D_BREAKER] != c.NONE:
        count(m, f, e, laws, desk, slot)
    offer(m, f, e, laws, desk)


@jit(numba.types.UniTuple(INT, 2)(RAW_INTEGERS, INT, INT, INT), late=True)
def billed_when_cut(m, desk, slot, policy):  # type: ignore[no-untyped-def]
    """(input, output) of a call that was cut, as `close` wants it: never more than left alone."""
    if not m[slot + c.L_ANSWERS]:
        return 0, 0
    made = 1
    if m[slot + c.L_STREAMED] != c.NONE:
        policy, made = min(policy, m[desk + c.D_BREAKS_BILL]), PARTLY
    return (0 if policy == rules.BILL_NONE else 1), (made if policy == rules.BILL_FULL else 0)


@jit(VOID(*MEMORY, INT), forceinline=True, late=True)
def end_call(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A call has ended: what of it is billed, and all that its end sets free."""
    desk = m[slot + c.L_DESK]
    if is_batch(m, desk, slot):
        take_back(m, f, e, laws, desk, slot)
        return
    outcome = m[slot + c.L_CALL_OUTCOME]
    bills_input, bills_output = 0, 0
    if outcome == t.OK:
        bills_input, bills_output = 1, 1
        if m[desk + c.D_CACHE]:
            touch(m, desk, slot)
    elif outcome == t.TIMEOUT:
        bills_input, bills_output = billed_when_cut(m, desk, slot, m[desk + c.D_BILL])
    elif m[slot + c.L_STATUS] == rules.FILTERED and m[desk + c.D_FILTER_BILLS] != rules.BILL_NONE:
        bills_input = 1
    elif (
        outcome == t.ERROR
        and m[slot + c.L_STREAMED] != c.NONE
        and m[desk + c.D_BREAKS_BILL] != rules.BILL_NONE
    ):
        bills_input, bills_output = 1, PARTLY if m[desk + c.D_BREAKS_BILL] == rules.BILL_FULL else 0
    close(m, f, e, laws, slot, bills_input, bills_output)


@jit(INT(*MEMORY, INT, INT), late=True)
def place(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Ask for admission: breaker, then concurrency, then all limiters."""
    now = m[c.R_NOW]
    m[slot + c.L_DESK] = desk
    m[slot + c.L_CALL_ATTEMPT] = m[slot + c.L_NEXT_ATTEMPT]
    m[slot + c.L_DRAW] = m[slot + m[desk + c.D_CALLS]]
    m[c.R_TICKET] += 1
    m[slot + c.L_TICKET] = m[c.R_TICKET]
    m[slot + c.L_QUEUED] = now
    m[slot + c.L_STARTED] = t.NEVER
    m[slot + c.L_ENDED] = t.NEVER
    m[slot + c.L_FIRST] = t.NEVER
    m[slot + c.L_RETRY_AFTER] = t.NEVER
    m[slot + c.L_CALL_OUTCOME] = t.REJECTED
    m[slot + c.L_STATUS] = 0
    m[slot + c.L_TURNED_AWAY] = t.NO_CAUSE
    m[slot + c.L_IS_PROBE] = 0
    m[slot + c.L_HAS_DONE] = 0
    m[slot + c.L_READ] = 0
    m[slot + c.L_WRITTEN] = 0
    m[slot + c.L_UNCOUNTED] = 0
    if is_batch(m, desk, slot):
        hand_in(m, f, e, laws, desk, slot)
        return WILL_HAPPEN
    is_too_large = measure(m, f, e, laws, desk, slot)
    if is_rejecting(m, f, e, laws, desk, now):
        m[slot + c.L_TURNED_AWAY] = t.OWN_BREAKER
        return AT_ONCE
    if is_too_large:
        if m[desk + c.D_WHEN_LIMITED] == c.RETRY:
            refuse(m, f, e, laws, slot, t.NEVER)
        m[slot + c.L_TURNED_AWAY] = t.TOO_LARGE
        return AT_ONCE
    busy = is_busy(m, f, e, laws, desk)
    if busy and not m[desk + c.D_WAITS_BUSY]:
        m[slot + c.L_TURNED_AWAY] = t.LIMIT
        return AT_ONCE
    if busy or m[desk + c.D_WAITING]:
        return join(m, f, e, laws, desk, slot)
    wait_ns = limiter_wait(m, f, e, laws, desk, slot, now)
    if wait_ns == 0:
        start(m, f, e, laws, desk, slot)
        return WILL_HAPPEN
    if m[desk + c.D_WHEN_LIMITED] == c.RETRY:
        refuse(m, f, e, laws, slot, wait_ns)
        return AT_ONCE
    if m[desk + c.D_WHEN_LIMITED] == c.REJECT:
        m[slot + c.L_TURNED_AWAY] = t.LIMIT
        return AT_ONCE
    if join(m, f, e, laws, desk, slot) == AT_ONCE:
        return AT_ONCE
    wake_in(m, f, e, laws, desk, slot, wait_ns)
    return WILL_HAPPEN
