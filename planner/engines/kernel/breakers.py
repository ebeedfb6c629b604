"""Breakers: when a deployment is no longer asked, and when it is tried again."""

from planner import tables as t
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.health_rules import is_sick, is_slow
from planner.engines.heap import push
from planner.engines.kernel.health import add_call, add_to_bucket, clear_window, tally
from planner.engines.kernel.queues import leave
from planner.engines.kernel.signatures import BOOL, INT, MEMORY, TIMERS, VOID, is_batch
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(VOID(*MEMORY, INT, INT, INT), forceinline=True, late=True)
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


@jit(BOOL(*MEMORY, INT, INT), late=True)
def is_avoided(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """Known to be out, or the breaker is open, or half-open with a probe in flight."""
    while m[m[desk + c.D_KNOWN_OUT] + 1] <= now:  # now never goes back
        m[desk + c.D_KNOWN_OUT] += 2
    if m[m[desk + c.D_KNOWN_OUT]] <= now:
        return True
    state = m[desk + c.D_STATE]
    if state == t.OPEN:
        return now < m[desk + c.D_OPEN_UNTIL]
    return state == t.HALF_OPEN and m[desk + c.D_PROBING] != 0


@jit(BOOL(*MEMORY, INT, INT), late=True)
def is_rejecting(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """Whether the breaker, or perfect knowledge, lets no call through."""
    if not is_avoided(m, f, e, laws, desk, now):
        return False
    return m[desk + c.D_REJECTS] != 0 or m[m[desk + c.D_KNOWN_OUT]] <= now


@jit(BOOL(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def avoids(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """As `is_avoided`, for a request: a batch API is never avoided."""
    return is_avoided(m, f, e, laws, desk, now) and not is_batch(m, desk, slot)


@jit(BOOL(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def turns_away(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """As `is_rejecting`, for a request."""
    return is_rejecting(m, f, e, laws, desk, now) and not is_batch(m, desk, slot)


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def take_place(m, desk, places):  # type: ignore[no-untyped-def]
    """Take places of a half-open breaker over a window; with none left it is probing, and rejects."""
    ring = m[desk + c.D_RING]
    m[ring + c.Z_ADMITTED] += places
    m[desk + c.D_PROBING] = 1 if m[ring + c.Z_ADMITTED] >= m[ring + c.Z_HALF_OPEN] else 0


@jit(VOID(*MEMORY, INT, INT), late=True)
def begin_probe(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """A call is sent while the breaker is not closed: a probe, or the first one after a cooldown."""
    if m[desk + c.D_BREAKER] == rules.COOLDOWN:
        if not is_avoided(m, f, e, laws, desk, m[c.R_NOW]):  # nobody is asked who is known to be out
            log_change(m, f, e, laws, desk, t.CLOSED, slot)
        return
    if m[desk + c.D_STATE] == t.OPEN:
        log_change(m, f, e, laws, desk, t.HALF_OPEN, slot)
        if m[desk + c.D_RING]:
            m[m[desk + c.D_RING] + c.Z_ADMITTED] = 0
    if m[desk + c.D_RING]:
        take_place(m, desk, 1)
        return
    m[desk + c.D_PROBING] = 1
    m[slot + c.L_IS_PROBE] = 1


@jit(VOID(*MEMORY, INT), late=True)
def send_queue_on(m, f, e, laws, desk):  # type: ignore[no-untyped-def]
    """The breaker has opened, or an outage that is known begun: nobody waits any longer."""
    while m[desk + c.D_HEAD] != c.NONE:
        leave(m, f, e, laws, desk, m[desk + c.D_HEAD], t.OWN_BREAKER)


@jit(VOID(*MEMORY, INT, INT), late=True)
def open_breaker(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    log_change(m, f, e, laws, desk, t.OPEN, slot)
    m[desk + c.D_EPOCH] += 1
    m[desk + c.D_OPENINGS] += 1
    m[desk + c.D_COUNT] = 0
    m[desk + c.D_SUCCEEDED] = 0
    m[desk + c.D_OPEN_UNTIL] = m[c.R_NOW] + rules.open_time(
        m[desk + c.D_GROWTH], m[desk + c.D_OPEN_NS], m[desk + c.D_OPEN_CAP], m[desk + c.D_OPENINGS]
    )
    send_queue_on(m, f, e, laws, desk)


@jit(VOID(*MEMORY, INT, INT, INT), late=True)
def end_probe(m, f, e, laws, desk, slot, failed):  # type: ignore[no-untyped-def]
    """A probe has ended: open again, or closed after enough successes."""
    m[desk + c.D_PROBING] = 0
    if failed:
        open_breaker(m, f, e, laws, desk, slot)
    elif m[slot + c.L_CALL_OUTCOME] == t.OK:
        m[desk + c.D_SUCCEEDED] += 1
        if m[desk + c.D_SUCCEEDED] == m[desk + c.D_SUCCESSES]:
            m[desk + c.D_COUNT] = 0
            m[desk + c.D_OPENINGS] = 0
            log_change(m, f, e, laws, desk, t.CLOSED, slot)


@jit(VOID(*MEMORY, INT, INT), late=True)
def cool(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Count an end for a cooldown, in windows that each begin with their first count."""
    now, window = m[c.R_NOW], m[desk + c.D_WINDOW]
    outcome = rules.judged(m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS])
    if outcome == t.OK:
        if now >= m[desk + c.D_WELL_END]:
            m[desk + c.D_WELL] = 0
            m[desk + c.D_WELL_END] = now + window
        m[desk + c.D_WELL] += 1
    if not m[desk + c.D_COUNTED] >> outcome & 1:
        return
    if now >= m[desk + c.D_FAILED_END]:
        m[desk + c.D_FAILED] = 0
        m[desk + c.D_FAILED_END] = now + window
    m[desk + c.D_FAILED] += 1
    if m[desk + c.D_STATE] == t.OPEN and now < m[desk + c.D_OPEN_UNTIL]:
        return
    group = m[m[slot + c.L_GROUP] + c.U_LENGTH]
    can_fall_back = m[m[slot + c.L_GROUP] + c.U_FALLBACKS] != c.NONE
    well = m[desk + c.D_WELL] if now < m[desk + c.D_WELL_END] else 0
    is_limited = 1 if outcome == t.LIMITED else 0
    if not rules.is_cooled(
        m[desk + c.D_ALLOWED], group, can_fall_back, is_limited, m[desk + c.D_FAILED], well
    ):
        return
    log_change(m, f, e, laws, desk, t.OPEN, slot)
    told = m[slot + c.L_RETRY_AFTER]
    if told == t.NEVER or not m[desk + c.D_HONOURS]:
        told = m[desk + c.D_OPEN_NS]
    m[desk + c.D_OPEN_UNTIL] = now + told
    if m[desk + c.D_REJECTS]:
        send_queue_on(m, f, e, laws, desk)


@jit(BOOL(RAW_INTEGERS, INT), forceinline=True, late=True)
def is_window_sick(m, ring):  # type: ignore[no-untyped-def]
    return is_sick(
        m[ring + c.Z_CALLS], m[ring + c.Z_FAILED], m[ring + c.Z_SLOW],
        m[ring + c.Z_FAILURE_PPM], m[ring + c.Z_SLOW_PPM],
    )  # fmt: skip


@jit(VOID(*MEMORY, INT, INT), late=True)
def count_in_window(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Count an end in a window; a half-open breaker's ends stand alone in it, so it is empty at every edge."""
    if m[slot + c.L_EPOCH] != m[desk + c.D_EPOCH]:
        return
    now, ring, state = m[c.R_NOW], m[desk + c.D_RING], m[desk + c.D_STATE]
    outcome = rules.judged(m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS])
    failed = m[desk + c.D_COUNTED] >> outcome & 1
    if not failed and outcome != t.OK:
        if state == t.HALF_OPEN:
            take_place(m, desk, -1)
        return
    slow = 1 if is_slow(now - m[slot + c.L_STARTED], m[ring + c.Z_SLOW_NS]) else 0
    if state == t.HALF_OPEN:
        tally(m, ring, 1, failed, slow)
        if m[ring + c.Z_CALLS] == m[ring + c.Z_DECIDES]:
            sick = is_window_sick(m, ring)
            clear_window(m, ring)
            if sick:
                open_breaker(m, f, e, laws, desk, slot)
            else:
                m[desk + c.D_OPENINGS] = 0
                log_change(m, f, e, laws, desk, t.CLOSED, slot)
        return
    if m[ring + c.Z_WINDOW_NS]:
        add_to_bucket(m, ring, now, failed, slow)
    else:
        add_call(m, ring, failed, slow)
    if (
        (failed or m[ring + c.Z_ON_SUCCESS])
        and m[ring + c.Z_CALLS] >= m[ring + c.Z_MINIMUM]
        and is_window_sick(m, ring)
    ):
        clear_window(m, ring)
        open_breaker(m, f, e, laws, desk, slot)


@jit(VOID(*MEMORY, INT, INT), late=True)
def count(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Count an end for the breaker; those of attempts that started before the opening never count.

    Late news are kept until they come: then the call's slot may have another request.
    """
    if m[desk + c.D_LAG] and slot != m[c.C_TOLD]:
        number = 2 * rules.judged(m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS]) + m[slot + c.L_IS_PROBE]
        name, attempt, epoch = m[slot + c.L_NAME], m[slot + c.L_CALL_ATTEMPT], m[slot + c.L_EPOCH]
        push(e, m[c.R_NOW] + m[desk + c.D_LAG], TIMERS, name, attempt, c.K_TELL, desk, epoch, number)
        event = e[c.H_HEAP_NS + 2 * e[c.H_CAPACITY] + e[c.H_FREE]]  # the one just made
        e[event + c.E_TOOK] = m[slot + c.L_ENDED] - m[slot + c.L_STARTED]
        e[event + c.E_RETRY_AFTER] = m[slot + c.L_RETRY_AFTER]
        e[event + c.E_GROUP] = m[slot + c.L_GROUP]
        return
    if m[desk + c.D_BREAKER] == rules.COOLDOWN:
        cool(m, f, e, laws, desk, slot)
        return
    if m[desk + c.D_RING]:
        count_in_window(m, f, e, laws, desk, slot)
        return
    outcome = rules.judged(m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS])
    failed = m[desk + c.D_COUNTED] >> outcome & 1
    if m[slot + c.L_IS_PROBE]:
        end_probe(m, f, e, laws, desk, slot, failed)
    elif (
        (failed or outcome == t.OK)
        and m[slot + c.L_EPOCH] == m[desk + c.D_EPOCH]
        and m[desk + c.D_STATE] == t.CLOSED
    ):
        m[desk + c.D_COUNT] = m[desk + c.D_COUNT] + 1 if failed else 0
        if m[desk + c.D_COUNT] == m[desk + c.D_FAILURES]:
            open_breaker(m, f, e, laws, desk, slot)


@jit(VOID(*MEMORY, INT, INT), late=True)
def count_refusal(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """A 429 that counts: a call that starts and fails at once."""
    if m[desk + c.D_STATE] != t.CLOSED:
        begin_probe(m, f, e, laws, desk, slot)
    m[slot + c.L_EPOCH] = m[desk + c.D_EPOCH]
    count(m, f, e, laws, desk, slot)


@jit(inline="always")
def told(m, f, e, laws, event, desk):  # type: ignore[no-untyped-def]
    """The news of an end has come: as if it were now, but for how long the call took."""
    slot = m[c.C_TOLD]
    m[slot + c.L_NAME] = e[event + c.E_NAME]
    m[slot + c.L_CALL_OUTCOME] = e[event + c.E_CAUSE] >> 1
    m[slot + c.L_IS_PROBE] = e[event + c.E_CAUSE] & 1
    m[slot + c.L_EPOCH] = e[event + c.E_TICKET]
    m[slot + c.L_STARTED] = m[c.R_NOW] - e[event + c.E_TOOK]
    m[slot + c.L_RETRY_AFTER] = e[event + c.E_RETRY_AFTER]
    m[slot + c.L_GROUP] = e[event + c.E_GROUP]
    count(m, f, e, laws, desk, slot)
