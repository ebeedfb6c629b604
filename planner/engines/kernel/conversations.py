"""Rows of a conversation that are still to come, and what it remembers; `engines.conversations` is the definition.

A row that is to come has its slot already, and waits there. A conversation of more than one row has one more slot, where it
keeps who answered it and what prompt caches hold of it (one of a single row, too, where a cascade may ask a cache twice in one
turn); the last of its rows sets it free.
"""

from planner import tables as t
from planner.engines import layout as c
from planner.engines.heap import push
from planner.engines.kernel.signatures import ARRIVALS, BOOL, INT, MEMORY, VOID
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(VOID(RAW_INTEGERS, INT), forceinline=True, late=True)
def set_free(m, slot):  # type: ignore[no-untyped-def]
    m[slot + c.L_FREE] = m[c.R_FREE_SLOT]
    m[c.R_FREE_SLOT] = slot


@jit(INT(RAW_INTEGERS), forceinline=True, late=True)
def take_slot(m):  # type: ignore[no-untyped-def]
    slot = m[c.R_FREE_SLOT]
    m[c.R_FREE_SLOT] = m[slot + c.L_FREE]
    return slot


@jit(VOID(RAW_INTEGERS, INT), late=True)
def release(m, slot):  # type: ignore[no-untyped-def]
    """A row is over, or will never come."""
    talk = m[slot + c.L_TALK]
    if talk != c.NONE:
        m[talk + c.TALK_ROWS] -= 1
        if m[talk + c.TALK_ROWS] == 0:
            set_free(m, talk)
    set_free(m, slot)


@jit(BOOL(RAW_INTEGERS, INT), late=True)
def has_slots(m, needed):  # type: ignore[no-untyped-def]
    """Whether so many slots are free."""
    slot = m[c.R_FREE_SLOT]
    while needed > 0 and slot != c.NONE:
        slot = m[slot + c.L_FREE]
        needed -= 1
    return needed == 0


@jit(VOID(RAW_INTEGERS, INT, INT), late=True)
def begin_talk(m, slot, rows):  # type: ignore[no-untyped-def]
    """A conversation of so many rows begins with a row, and remembers nothing yet."""
    talk = take_slot(m)
    for column in range(c.TALK_ROWS, m[c.C_TALK_END]):
        m[talk + column] = 0
    m[talk + c.TALK_ROWS] = rows
    while slot != c.NONE:
        m[slot + c.L_TALK] = talk
        slot = m[slot + c.L_LATER]


@jit(INT(RAW_INTEGERS, INT), late=True)
def pass_over(m, slot):  # type: ignore[no-untyped-def]
    """A row will never come; the one behind it."""
    after = m[slot + c.L_LATER]
    if not m[slot + c.L_IS_REPEAT]:
        m[m[slot + c.L_COUNTS] + c.Q_UNASKED] += 1
    m[c.R_TO_COME] -= 1
    m[c.R_DONE] += 1
    release(m, slot)
    return after


@jit(VOID(*MEMORY, INT), late=True)
def follow(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A row arrives after its pause."""
    at_ns = m[c.R_NOW] + m[slot + c.L_PAUSE]
    push(e, at_ns, ARRIVALS, m[slot + c.L_NAME], 0, c.K_BEGIN, slot, 0, 0)


@jit(VOID(*MEMORY, INT, INT), late=True)
def go_on_with(m, f, e, laws, slot, is_served):  # type: ignore[no-untyped-def]
    """A request of a closed conversation is over: the row that follows, if any does."""
    after = m[slot + c.L_LATER]
    if is_served:
        if m[slot + m[m[slot + c.L_SERVED] + c.D_CORRECT]] != 0:  # not wrong
            while after != c.NONE and m[after + c.L_IS_REPEAT]:
                after = pass_over(m, after)
    elif not m[after + c.L_IS_REPEAT]:
        while after != c.NONE:
            after = pass_over(m, after)
    if after != c.NONE:
        follow(m, f, e, laws, after)


@jit(VOID(*MEMORY, INT, INT), late=True)
def leave_talk(m, f, e, laws, slot, is_served):  # type: ignore[no-untyped-def]
    """A request of a conversation is over: what follows, and its slot goes back."""
    if m[slot + c.L_LATER] != c.NONE and not m[c.C_IS_OPEN]:
        go_on_with(m, f, e, laws, slot, is_served)
    release(m, slot)


@jit(INT(RAW_INTEGERS, INT), late=True)
def pinned(m, slot):  # type: ignore[no-untyped-def]
    """The deployment that the conversation stays with in the group that is tried, or NONE."""
    talk = m[slot + c.L_TALK]
    if talk == c.NONE:
        return c.NONE
    pin = talk + c.TALK_PINS + 2 * m[m[slot + c.L_GROUP] + c.U_INDEX]
    if m[pin] == 0 or m[c.R_NOW] - m[pin + 1] >= m[c.C_PIN_TTL]:
        return c.NONE
    return m[pin]


@jit(VOID(RAW_INTEGERS, INT), late=True)
def pin_to(m, slot):  # type: ignore[no-untyped-def]
    """A deployment has answered: the conversation may stay with it."""
    talk, desk, group = m[slot + c.L_TALK], m[slot + c.L_DESK], m[slot + c.L_GROUP]
    if talk == c.NONE:
        return
    place = 0
    while place < m[group + c.U_LENGTH] and m[m[group + c.U_CHAIN] + place] != desk:
        place += 1
    if place == m[group + c.U_LENGTH]:
        return
    held = pinned(m, slot)
    if held == c.NONE or held == desk or m[c.C_REPINS]:
        pin = talk + c.TALK_PINS + 2 * m[group + c.U_INDEX]
        m[pin] = desk
        m[pin + 1] = m[c.R_NOW]


assert t.NEVER == c.NONE, "a row without a pause arrives by itself"
