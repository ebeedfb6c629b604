"""The client queue in front of a deployment: a linked list of slots, by priority, then first come, first served."""

from planner import tables as t
from planner.chance import to_ns
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import push
from planner.engines.kernel.priorities import enter_class, leave_class
from planner.engines.kernel.signatures import (
    AT_ONCE,
    BOOL,
    EXPIRIES,
    INT,
    MEMORY,
    STARTS,
    TIMERS,
    VOID,
    WILL_HAPPEN,
    draw,
)
from planner.jit import jit


@jit(BOOL(*MEMORY, INT), forceinline=True, late=True)
def is_busy(m, f, e, laws, desk):  # type: ignore[no-untyped-def]
    cap = m[desk + c.D_CONCURRENT]
    return cap != c.NONE and m[desk + c.D_BUSY] >= cap


@jit(VOID(*MEMORY, INT, INT, INT, INT), forceinline=True, late=True)
def expire_in(m, f, e, laws, slot, delay_ns, cause, kind):  # type: ignore[no-untyped-def]
    at = m[c.R_NOW] + delay_ns
    push(
        e,
        at,
        EXPIRIES,
        m[slot + c.L_NAME],
        m[slot + c.L_CALL_ATTEMPT],
        kind,
        slot,
        m[slot + c.L_TICKET],
        cause,
    )


@jit(VOID(*MEMORY, INT), forceinline=True, late=True)
def offer(m, f, e, laws, desk):  # type: ignore[no-untyped-def]
    """Offer what may be free to the head of the queue, as a start of this instant."""
    head = m[desk + c.D_HEAD]
    if head != c.NONE and not is_busy(m, f, e, laws, desk):
        push(e, m[c.R_NOW], STARTS, m[head + c.L_NAME], m[head + c.L_CALL_ATTEMPT], c.K_HAND_OVER, desk, 0, 0)


@jit(INT(*MEMORY, INT, INT), forceinline=True, late=True)
def join(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Queue at a desk; WILL_HAPPEN, or AT_ONCE where the queue is full."""
    if m[desk + c.D_QUEUE_LIMIT] != c.NONE and m[desk + c.D_WAITING] >= m[desk + c.D_QUEUE_LIMIT]:
        m[slot + c.L_TURNED_AWAY] = t.QUEUE
        return AT_ONCE
    m[slot + c.L_IS_WAITING] = 1
    m[slot + c.L_HAS_DONE] = 1
    before, after = m[desk + c.D_TAIL], c.NONE
    if m[c.C_CLASSES]:
        before = enter_class(m, f, e, laws, desk, slot)
        after = m[desk + c.D_HEAD] if before == c.NONE else m[before + c.L_NEXT]
    m[slot + c.L_PREVIOUS] = before
    m[slot + c.L_NEXT] = after
    if before == c.NONE:
        m[desk + c.D_HEAD] = slot
    else:
        m[before + c.L_NEXT] = slot
    if after == c.NONE:
        m[desk + c.D_TAIL] = slot
    else:
        m[after + c.L_PREVIOUS] = slot
    m[desk + c.D_WAITING] += 1
    m[c.R_WAITING] += 1
    if m[desk + c.D_PATIENCE_LAW] != rules.NO_LAW:
        patience_ns = to_ns(draw(m, f, e, laws, desk, c.D_S_PATIENCE, m[desk + c.D_PATIENCE_LAW], slot))
        expire_in(m, f, e, laws, slot, patience_ns, t.QUEUE, c.K_EXPIRE)
    if m[slot + c.L_DEADLINE] != c.NONE:
        expire_in(m, f, e, laws, slot, m[slot + c.L_DEADLINE] - m[c.R_NOW], t.DEADLINE, c.K_EXPIRE)
    if before == c.NONE and after != c.NONE:
        offer(m, f, e, laws, desk)  # it came before those who wait for a limiter, and may need less
    return WILL_HAPPEN


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def dequeue(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    if m[c.C_CLASSES]:
        leave_class(m, f, e, laws, desk, slot)
    before, after = m[slot + c.L_PREVIOUS], m[slot + c.L_NEXT]
    if before == c.NONE:
        m[desk + c.D_HEAD] = after
    else:
        m[before + c.L_NEXT] = after
    if after == c.NONE:
        m[desk + c.D_TAIL] = before
    else:
        m[after + c.L_PREVIOUS] = before
    m[slot + c.L_IS_WAITING] = 0
    m[desk + c.D_WAITING] -= 1
    m[c.R_WAITING] -= 1


@jit(VOID(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def leave(m, f, e, laws, desk, slot, cause):  # type: ignore[no-untyped-def]
    """Leave the queue without being sent; the request goes on in a start of this instant."""
    dequeue(m, f, e, laws, desk, slot)
    m[slot + c.L_TURNED_AWAY] = cause
    push(
        e,
        m[c.R_NOW],
        STARTS,
        m[slot + c.L_NAME],
        m[slot + c.L_CALL_ATTEMPT],
        c.K_LEFT,
        slot,
        m[slot + c.L_TICKET],
        0,
    )


@jit(VOID(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def wake_in(m, f, e, laws, desk, slot, delay_ns):  # type: ignore[no-untyped-def]
    """Look at the queue then. One look is enough: each end of a call would add one more, for ever."""
    at = m[c.R_NOW] + delay_ns
    if m[desk + c.D_WAKE] != c.NONE and m[desk + c.D_WAKE] <= at:
        return
    m[desk + c.D_WAKE] = at
    push(e, at, TIMERS, m[slot + c.L_NAME], m[slot + c.L_CALL_ATTEMPT], c.K_WAKE, desk, 0, 0)
