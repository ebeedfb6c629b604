"""Hedged calls, each in a slot of its own; `planner.engines.hedging` is the definition.

The first call of a bundle is that of the request's own slot. A hedge has a copy of that slot, which owes it its
sizes and its luck, and gives back what a call leaves behind: rows counted, waits, answers.
"""

from planner import tables as t
from planner.engines import layout as c
from planner.engines.heap import push
from planner.engines.kernel.calls import billed_when_cut, close, place
from planner.engines.kernel.queues import dequeue, offer
from planner.engines.kernel.signatures import INT, MEMORY, STARTS, VOID, WILL_HAPPEN, is_over
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def count_call(m, owner, slot):  # type: ignore[no-untyped-def]
    """A call was sent: the request's next one to its deployment has luck of its own."""
    if m[slot + c.L_STARTED] != t.NEVER:
        calls = owner + m[m[slot + c.L_DESK] + c.D_CALLS]
        m[calls] = max(m[calls], m[slot + c.L_DRAW] + 1)


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def wait_to_hedge(m, f, e, laws, desk, owner):  # type: ignore[no-untyped-def]
    number = m[owner + c.L_NEXT_NUMBER]
    at = m[c.R_NOW] + m[desk + c.D_HEDGE_AFTER]
    push(e, at, STARTS, m[owner + c.L_NAME], number, c.K_HEDGE, owner, m[owner + c.L_BUNDLE], 0)


@jit(VOID(*MEMORY, INT, INT), late=True)
def begin_bundle(m, f, e, laws, desk, owner):  # type: ignore[no-untyped-def]
    """A call that may be hedged was asked for."""
    m[owner + c.L_PENDING] = 1
    m[owner + c.L_OWN_PENDING] = 1
    m[owner + c.L_HEDGES] = 0
    m[owner + c.L_BUNDLE] = m[owner + c.L_TICKET]
    m[owner + c.L_NEXT_NUMBER] = m[owner + c.L_CALL_ATTEMPT] + 1
    m[owner + c.L_FIRST_HEDGE] = c.NONE
    m[owner + c.L_SEEN_TO_BREAK] = 0
    m[owner + c.L_NEXT_DRAW] = m[owner + c.L_DRAW] + 1 if m[desk + c.D_HEDGE_TO] == desk else 0
    wait_to_hedge(m, f, e, laws, desk, owner)


@jit(VOID(RAW_INTEGERS, INT, INT), late=True)
def give_back(m, owner, slot):  # type: ignore[no-untyped-def]
    """A hedge is over: its request takes what it left behind, and its slot is free."""
    if m[slot + c.L_ATTEMPTS]:  # it left a row
        m[owner + c.L_ATTEMPTS] += m[slot + c.L_ATTEMPTS]
        m[owner + c.L_NEXT_ATTEMPT] = max(m[owner + c.L_NEXT_ATTEMPT], m[slot + c.L_NEXT_ATTEMPT])
    m[owner + c.L_WAIT_NS] += m[slot + c.L_WAIT_NS]
    m[owner + c.L_FACTS] |= m[slot + c.L_FACTS]
    if m[slot + c.L_ANSWERED] != c.NONE:
        answered = c.L_ANSWERED if m[owner + c.L_ANSWERED] == c.NONE else c.L_ANSWERED_AGAIN
        for column in range(3):
            m[owner + answered + column] = m[slot + c.L_ANSWERED + column]
    m[slot + c.L_TICKET] = c.NONE
    m[slot + c.L_OWNER] = c.NONE
    m[slot + c.L_FREE] = m[c.R_FREE_SLOT]
    m[c.R_FREE_SLOT] = slot


@jit(VOID(*MEMORY, INT), late=True)
def hedge(m, f, e, laws, owner):  # type: ignore[no-untyped-def]
    """Nobody has answered so far: one more call."""
    if is_over(m, f, e, laws, owner, m[c.R_NOW]):  # no time is left at the deadline
        return
    first = m[owner + c.L_DESK]
    desk = m[first + c.D_HEDGE_TO]
    if m[owner + m[desk + c.D_SIZES] + c.M_ELIGIBLE]:
        slot = m[c.R_FREE_SLOT]
        m[c.R_FREE_SLOT] = m[slot + c.L_FREE]
        floats = m[slot + c.L_FLOATS]
        for column in range(m[c.C_SLOT_WIDTH]):
            m[slot + column] = m[owner + column]
        m[slot + c.L_FLOATS] = floats
        m[slot + c.L_DRAWN] = c.NONE  # the real numbers stay with the request's own slot
        m[slot + c.L_OWNER] = owner
        m[slot + c.L_PENDING] = 0
        m[slot + c.L_BUNDLE] = c.NONE
        m[slot + c.L_ATTEMPTS] = 0
        m[slot + c.L_WAIT_NS] = 0
        m[slot + c.L_IS_WAITING] = 0
        m[slot + c.L_ANSWERED] = c.NONE
        m[slot + c.L_ANSWERED_AGAIN] = c.NONE
        m[slot + c.L_ROLE] = t.HEDGE
        m[slot + c.L_NEXT_ATTEMPT] = m[owner + c.L_NEXT_NUMBER]
        # Luck that no call beside it has had, whether it was counted yet or not.
        drawn = max(m[owner + m[desk + c.D_CALLS]], m[owner + c.L_NEXT_DRAW])
        m[slot + m[desk + c.D_CALLS]] = drawn
        will_happen = place(m, f, e, laws, desk, slot) == WILL_HAPPEN
        if will_happen or m[slot + c.L_STARTED] != t.NEVER:
            m[owner + c.L_NEXT_NUMBER] += 1
            m[owner + c.L_NEXT_DRAW] = drawn + 1
        if will_happen:
            m[slot + c.L_NEXT_HEDGE] = c.NONE
            last = m[owner + c.L_FIRST_HEDGE]
            if last == c.NONE:
                m[owner + c.L_FIRST_HEDGE] = slot
            else:
                while m[last + c.L_NEXT_HEDGE] != c.NONE:
                    last = m[last + c.L_NEXT_HEDGE]
                m[last + c.L_NEXT_HEDGE] = slot
            m[owner + c.L_PENDING] += 1
        else:
            count_call(m, owner, slot)
            give_back(m, owner, slot)
    m[owner + c.L_HEDGES] += 1
    if m[owner + c.L_HEDGES] < m[first + c.D_HEDGES]:
        wait_to_hedge(m, f, e, laws, first, owner)


@jit(VOID(*MEMORY, INT, INT), late=True)
def cancel(m, f, e, laws, slot, bill):  # type: ignore[no-untyped-def]
    """Nobody waits for a call any longer: it leaves the queue without a row, or ends here and now."""
    now, desk = m[c.R_NOW], m[slot + c.L_DESK]
    if m[slot + c.L_IS_WAITING]:
        was_head = m[desk + c.D_HEAD] == slot
        dequeue(m, f, e, laws, desk, slot)
        if was_head:
            offer(m, f, e, laws, desk)
    elif m[slot + c.L_STARTED] != t.NEVER and m[slot + c.L_ENDED] == t.NEVER:
        m[slot + c.L_CALL_OUTCOME] = t.CANCELLED
        m[slot + c.L_STATUS] = 0
        m[slot + c.L_RETRY_AFTER] = t.NEVER
        if m[slot + c.L_FIRST] > now:
            m[slot + c.L_FIRST] = t.NEVER
        bills_input, bills_output = billed_when_cut(m, desk, slot, bill)
        close(m, f, e, laws, slot, bills_input, bills_output)
    m[slot + c.L_TICKET] = c.NONE


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def take_out(m, owner, slot):  # type: ignore[no-untyped-def]
    """Take a hedge that has ended out of its bundle's list."""
    if m[owner + c.L_FIRST_HEDGE] == slot:
        m[owner + c.L_FIRST_HEDGE] = m[slot + c.L_NEXT_HEDGE]
        return
    before = m[owner + c.L_FIRST_HEDGE]
    while m[before + c.L_NEXT_HEDGE] != slot:
        before = m[before + c.L_NEXT_HEDGE]
    m[before + c.L_NEXT_HEDGE] = m[slot + c.L_NEXT_HEDGE]


@jit(INT(*MEMORY, INT), late=True)
def decide(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """One of several calls has ended or was turned away; the request that goes on now, or NONE where others are awaited.

    The slot of the request then holds the call that decided: the answer, or its own first one, which failed.
    """
    owner = m[slot + c.L_OWNER]
    if owner == c.NONE:
        owner = slot
    m[owner + c.L_PENDING] -= 1
    count_call(m, owner, slot)
    if owner == slot:
        m[owner + c.L_OWN_PENDING] = 0
    else:
        take_out(m, owner, slot)
    if (
        m[slot + c.L_CALL_OUTCOME] == t.ERROR
        and m[slot + c.L_STARTED] != t.NEVER
        and m[slot + c.L_STREAMED] != c.NONE
    ):
        m[owner + c.L_SEEN_TO_BREAK] = 1
    has_answer = m[slot + c.L_CALL_OUTCOME] == t.OK and m[slot + c.L_TURNED_AWAY] == t.NO_CAUSE
    if not has_answer and m[owner + c.L_PENDING]:
        if owner != slot:
            give_back(m, owner, slot)
        return c.NONE
    bill = m[m[owner + c.L_DESK] + c.D_HEDGE_BILL]
    if m[owner + c.L_OWN_PENDING]:
        cancel(m, f, e, laws, owner, bill)
        count_call(m, owner, owner)
        m[owner + c.L_OWN_PENDING] = 0
    other = m[owner + c.L_FIRST_HEDGE]
    while other != c.NONE:
        following = m[other + c.L_NEXT_HEDGE]
        cancel(m, f, e, laws, other, bill)
        count_call(m, owner, other)
        give_back(m, owner, other)
        other = following
    m[owner + c.L_FIRST_HEDGE] = c.NONE
    m[owner + c.L_PENDING] = 0
    m[owner + c.L_BUNDLE] = c.NONE
    if owner != slot:
        if has_answer:
            m[owner + c.L_DRAW] = m[slot + c.L_DRAW]
            m[owner + c.L_STARTED] = m[slot + c.L_STARTED]
            m[owner + c.L_FIRST] = m[slot + c.L_FIRST]
            m[owner + c.L_ENDED] = m[slot + c.L_ENDED]
            m[owner + c.L_CALL_OUTCOME] = m[slot + c.L_CALL_OUTCOME]
            m[owner + c.L_STATUS] = m[slot + c.L_STATUS]
            m[owner + c.L_TURNED_AWAY] = m[slot + c.L_TURNED_AWAY]
            m[owner + c.L_HAS_DONE] = m[slot + c.L_HAS_DONE]
            m[owner + c.L_DESK] = m[slot + c.L_DESK]
        give_back(m, owner, slot)
    return owner
