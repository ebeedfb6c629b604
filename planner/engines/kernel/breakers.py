"""Breakers: when a deployment is no longer asked, and when it is tried again."""

from planner import tables as t
from planner.engines import layout as c
from planner.engines.kernel.queues import leave
from planner.engines.kernel.signatures import BOOL, INT, MEMORY, VOID
from planner.jit import jit


@jit(VOID(*MEMORY, INT, INT, INT), forceinline=True)
def log_change(m, f, e, laws, desk, state, slot):  # type: ignore[no-untyped-def]
    """A breaker changes its state: a row of Events."""
    row = m[c.R_EVENT_ROW]
    m[row] = m[c.R_NOW]
    m[row + 1] = 0
    m[row + 2] = m[desk + c.D_INDEX]
    m[row + 3] = m[desk + c.D_STATE]
    m[row + 4] = state
    m[row + 5] = m[slot + c.L_NAME]
    m[c.R_EVENT_ROW] = row + c.N_EVENT_COLUMNS
    m[desk + c.D_STATE] = state


@jit(BOOL(*MEMORY, INT, INT), forceinline=True)
def is_rejecting(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """Open, or half-open with the probe in flight."""
    state = m[desk + c.D_STATE]
    return state == t.HALF_OPEN or (state == t.OPEN and now < m[desk + c.D_OPEN_UNTIL])


@jit(VOID(*MEMORY, INT, INT), forceinline=True)
def open_breaker(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    log_change(m, f, e, laws, desk, t.OPEN, slot)
    m[desk + c.D_EPOCH] += 1
    m[desk + c.D_COUNT] = 0
    m[desk + c.D_OPEN_UNTIL] = m[c.R_NOW] + m[desk + c.D_OPEN_NS]
    while m[desk + c.D_HEAD] != c.NONE:
        leave(m, f, e, laws, desk, m[desk + c.D_HEAD], t.OWN_BREAKER)


@jit(VOID(*MEMORY, INT, INT), forceinline=True)
def count(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Count an end for the breaker; those of attempts that started before the opening never count."""
    failed = m[slot + c.L_CALL_OUTCOME] == t.ERROR or m[slot + c.L_CALL_OUTCOME] == t.TIMEOUT
    if m[slot + c.L_IS_PROBE]:
        if failed:
            open_breaker(m, f, e, laws, desk, slot)
        else:
            m[desk + c.D_COUNT] = 0
            log_change(m, f, e, laws, desk, t.CLOSED, slot)
    elif m[slot + c.L_EPOCH] == m[desk + c.D_EPOCH] and m[desk + c.D_STATE] == t.CLOSED:
        m[desk + c.D_COUNT] = m[desk + c.D_COUNT] + 1 if failed else 0
        if m[desk + c.D_COUNT] == m[desk + c.D_FAILURES]:
            open_breaker(m, f, e, laws, desk, slot)
