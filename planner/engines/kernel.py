"""The compiled engine's heart: the reference engine's rules as one loop over events.

`planner.engines.desk` and `planner.engines.reference` are the definition; here the same life is told
without generators: a request that waits is a row of `slots` that names what it does next (`L_RESUME`).
Everything is integers in arrays (`planner.engines.layout`, imported as `c`).
"""

import math

import numba

from planner import tables as t
from planner.chance import to_ns, uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import pop, push
from planner.jit import jit
from planner.raw import RAW_FLOATS, RAW_INTEGERS, raw
from planner.sampling import LAWS_TYPE, draw_law

ENDS, TIMERS, STARTS, EXPIRIES = 1, 2, 3, 4  # rules.Round, as plain integers
assert tuple(rules.Round)[:4] == (ENDS, TIMERS, STARTS, EXPIRIES)

_S = (RAW_INTEGERS, RAW_FLOATS, RAW_INTEGERS, RAW_FLOATS)  # m, f, e, laws
_I, _F, _B, _V = numba.int64, numba.float64, numba.boolean, numba.void
N_METERS = 8

# What `place` and `advance` say of a call.
WILL_HAPPEN, AT_ONCE = 1, 0

#: Tokens of one call that a bucket's arithmetic takes in any case (see `program`).
EXACT_TOKENS = 10**7

#: Rows and events that one event can make beyond those of a queue that is sent on.
MARGIN = 64


@jit(_F(*_S, _I, _I, _I, _I), forceinline=True)
def draw(m, f, e, laws, desk, stream_column, law, slot):  # type: ignore[no-untyped-def]
    """A draw of the present call of a request, by the stream of a desk."""
    seed, replication = m[c.C_SEED], m[c.C_REPLICATION]
    stream = m[desk + stream_column]
    return draw_law(laws, law, seed, replication, stream, m[slot + c.L_NAME], m[slot + c.L_DRAW])


@jit(_F(*_S, _I, _I, _I), forceinline=True)
def chance_of(m, f, e, laws, desk, stream_column, slot):  # type: ignore[no-untyped-def]
    """The uniform of the present call of a request, by the stream of a desk."""
    seed, replication = m[c.C_SEED], m[c.C_REPLICATION]
    stream = m[desk + stream_column]
    return uniform(seed, replication, stream, m[slot + c.L_NAME], m[slot + c.L_DRAW])


@jit(_V(*_S, _I, _I, _I), forceinline=True)
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


@jit(_B(*_S, _I, _I), forceinline=True)
def is_rejecting(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """Open, or half-open with the probe in flight."""
    state = m[desk + c.D_STATE]
    return state == t.HALF_OPEN or (state == t.OPEN and now < m[desk + c.D_OPEN_UNTIL])


@jit(_B(*_S, _I), forceinline=True)
def is_busy(m, f, e, laws, desk):  # type: ignore[no-untyped-def]
    cap = m[desk + c.D_CONCURRENT]
    return cap != c.NONE and m[desk + c.D_BUSY] >= cap


@jit(_B(*_S, _I, _I), forceinline=True)
def is_over(m, f, e, laws, slot, now):  # type: ignore[no-untyped-def]
    deadline = m[slot + c.L_DEADLINE]
    return deadline != c.NONE and now >= deadline


@jit(_I(*_S, _I, _I, _I), forceinline=True)
def limiter_wait(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """Nanoseconds until every bucket holds what the call needs."""
    longest = 0
    elapsed = now - m[desk + c.D_FILLED]
    m[desk + c.D_FILLED] = now
    if m[desk + c.D_RQ]:
        m[desk + c.D_LEVEL_R] = rules.refilled(
            m[desk + c.D_LEVEL_R], elapsed, m[desk + c.D_RP], m[desk + c.D_RCAP]
        )
        longest = rules.refill_wait(m[desk + c.D_LEVEL_R], m[slot + c.L_NEED_R], m[desk + c.D_RP])
    if m[desk + c.D_TQ]:
        m[desk + c.D_LEVEL_T] = rules.refilled(
            m[desk + c.D_LEVEL_T], elapsed, m[desk + c.D_TP], m[desk + c.D_TCAP]
        )
        longest = max(
            longest, rules.refill_wait(m[desk + c.D_LEVEL_T], m[slot + c.L_NEED_T], m[desk + c.D_TP])
        )
    return longest


@jit(_I(*_S, _I, _I, _I), forceinline=True)
def meter_of(m, f, e, laws, slot, desk, meter):  # type: ignore[no-untyped-def]
    """Tokens of a call by meter."""
    if desk == c.NONE:
        if meter == c.M_INPUT:
            return m[c.C_CHECK_INPUT]
        return m[c.C_CHECK_OUTPUT] if meter == c.M_OUTPUT else 0
    return m[slot + m[desk + c.D_SIZES] + meter]


@jit(_V(RAW_INTEGERS, _I, _I, _I, _I, _I), forceinline=True)
def tally_tokens(m, slot, desk, kind, is_billed_input, is_billed_output):  # type: ignore[no-untyped-def]
    """Add a call's billed tokens to the counts of its task and desk."""
    size = slot + m[desk + c.D_SIZES]
    above = m[desk + c.D_LONG_ABOVE]
    if above != c.NONE and m[size + c.M_INPUT] + m[size + c.M_IMAGE] + m[size + c.M_HEARD] > above:
        kind += c.API_LONG - c.API
    at = m[slot + c.L_COUNTS] + m[desk + c.D_COUNTS] + c.QD_TOKENS + kind * N_METERS
    for meter in range(N_METERS):
        is_answer = meter == c.M_OUTPUT or meter == c.M_HIDDEN or meter == c.M_SPOKEN
        if is_billed_output if is_answer else is_billed_input:
            m[at + meter] += m[size + meter]


@jit(_V(RAW_INTEGERS, _I, _I, _I, _I), forceinline=True)
def tally_call(m, slot, desk, is_billed_input, is_billed_output):  # type: ignore[no-untyped-def]
    """Count a call that has ended; whether its answer was of use is known when the request is over."""
    counts = m[slot + c.L_COUNTS]
    if desk == c.NONE:
        m[counts + c.Q_CHECKS] += 1
        if m[c.C_CHECK_OUTSIDE]:
            m[slot + c.L_FACTS] |= t.FACT_OUTSIDE
        if is_billed_input:
            m[counts + c.Q_CHECK_TOKENS + c.M_INPUT] += m[c.C_CHECK_INPUT]
        if is_billed_output:
            m[counts + c.Q_CHECK_TOKENS + c.M_OUTPUT] += m[c.C_CHECK_OUTPUT]
        return
    at, size = counts + m[desk + c.D_COUNTS], slot + m[desk + c.D_SIZES]
    m[at + c.QD_BUSY_NS] += m[slot + c.L_ENDED] - m[slot + c.L_STARTED]
    m[at + c.QD_CALLS] += 1
    m[at + c.QD_SENT] += m[size + c.M_INPUT]
    m[at + c.QD_SENT + 1] += m[size + c.M_IMAGE]
    m[at + c.QD_SENT + 2] += m[size + c.M_HEARD]
    if m[desk + c.D_OUTSIDE]:
        m[slot + c.L_FACTS] |= t.FACT_OUTSIDE
    outcome = m[slot + c.L_CALL_OUTCOME]
    if outcome == t.OK:
        if m[slot + c.L_ANSWERED] == c.NONE:
            m[slot + c.L_ANSWERED] = desk
        else:
            m[slot + c.L_ANSWERED_AGAIN] = desk
    elif outcome == t.LIMITED:
        m[at + c.QD_LIMITED] += 1
    else:
        tally_tokens(m, slot, desk, c.WASTED, is_billed_input, is_billed_output)


@jit(_V(RAW_INTEGERS, _I, _I, _I), forceinline=True)
def tally_answer(m, slot, desk, is_served):  # type: ignore[no-untyped-def]
    """Count the tokens of a call that was answered, now that its request is over."""
    tally_tokens(m, slot, desk, c.API if is_served else c.WASTED, 1, 1)
    if is_served and m[desk + c.D_INDEX] == m[m[slot + c.L_SERVED] + c.D_INDEX]:
        at, size = m[slot + c.L_COUNTS] + m[desk + c.D_COUNTS], slot + m[desk + c.D_SIZES]
        m[at + c.QD_DELIVERED] += m[size + c.M_OUTPUT]
        m[at + c.QD_DELIVERED + 1] += m[size + c.M_SPOKEN]


@jit(_V(RAW_INTEGERS, _I, _I), forceinline=True)
def tally_request(m, slot, is_served):  # type: ignore[no-untyped-def]
    """Count a request that is over, and the answers it had."""
    counts = m[slot + c.L_COUNTS]
    m[counts + c.Q_ARRIVED] += 1
    if m[slot + c.L_FACTS] & t.FACT_ASKED:
        m[counts + c.Q_ASKED] += 1
    if m[slot + c.L_ANSWERED] != c.NONE:
        tally_answer(m, slot, m[slot + c.L_ANSWERED], is_served)
    if m[slot + c.L_ANSWERED_AGAIN] != c.NONE:
        tally_answer(m, slot, m[slot + c.L_ANSWERED_AGAIN], is_served)
    if is_served:
        m[counts + c.Q_COMPLETED] += 1
        desk = m[slot + c.L_SERVED]
        correct = m[slot + m[desk + c.D_CORRECT]]
        answer = c.QD_UNRATED if correct == t.UNRATED else c.QD_WRONG + correct
        m[counts + m[desk + c.D_COUNTS] + answer] += 1
    else:
        m[counts + c.Q_FAILED] += 1


@jit(_V(*_S, _I, _I, _I, _I), forceinline=True)
def record(m, f, e, laws, slot, desk, is_billed_input, is_billed_output):  # type: ignore[no-untyped-def]
    """A call has ended: its row if rows are wanted, and what measures need of it.

    `desk` is NONE for a verifier's call, whose tokens are constants of the run.
    """
    m[slot + c.L_WAIT_NS] += m[slot + c.L_STARTED] - m[slot + c.L_QUEUED]
    if m[c.C_WANTS_ROWS]:
        row = m[c.R_ATTEMPT_ROW]
        m[row] = m[slot + c.L_NAME]
        m[row + 1] = m[slot + c.L_CALL_ATTEMPT]
        m[row + 2] = t.VERIFIER if desk == c.NONE else m[desk + c.D_INDEX]
        m[row + 3] = m[slot + c.L_ROLE]
        m[row + 4] = m[slot + c.L_QUEUED]
        m[row + 5] = m[slot + c.L_STARTED]
        m[row + 6] = t.NEVER
        m[row + 7] = m[slot + c.L_FIRST]
        m[row + 8] = m[slot + c.L_ENDED]
        m[row + 9] = m[slot + c.L_CALL_OUTCOME]
        m[row + 10] = 0
        m[row + 11] = m[slot + c.L_STATUS]
        m[row + 12] = m[slot + c.L_RETRY_AFTER]
        answered = m[slot + c.L_CALL_OUTCOME] != t.ERROR and m[slot + c.L_CALL_OUTCOME] != t.LIMITED
        for meter in range(N_METERS):
            tokens = meter_of(m, f, e, laws, slot, desk, meter)
            is_answer = meter == c.M_OUTPUT or meter == c.M_HIDDEN or meter == c.M_SPOKEN
            m[row + 13 + meter] = tokens if answered or not is_answer else 0
            is_billed = is_billed_output if is_answer else is_billed_input
            m[row + 13 + N_METERS + meter] = tokens if is_billed else 0
        m[c.R_ATTEMPT_ROW] = row + c.N_ATTEMPT_COLUMNS
    tally_call(m, slot, desk, is_billed_input, is_billed_output)
    m[slot + c.L_ATTEMPTS] += 1


@jit(_V(*_S, _I, _I), forceinline=True)
def refuse(m, f, e, laws, slot, retry_after_ns):  # type: ignore[no-untyped-def]
    """A 429: a row of no duration, and an attempt."""
    now = m[c.R_NOW]
    m[slot + c.L_STARTED] = now
    m[slot + c.L_ENDED] = now
    m[slot + c.L_CALL_OUTCOME] = t.LIMITED
    m[slot + c.L_STATUS] = 429
    m[slot + c.L_RETRY_AFTER] = retry_after_ns
    record(m, f, e, laws, slot, m[slot + c.L_DESK], 0, 0)


@jit(_V(*_S, _I, _I, _I, _I), forceinline=True)
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


@jit(_I(*_S, _I, _I), forceinline=True)
def join(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Queue at a desk; WILL_HAPPEN, or AT_ONCE where the queue is full."""
    if m[desk + c.D_QUEUE_LIMIT] != c.NONE and m[desk + c.D_WAITING] >= m[desk + c.D_QUEUE_LIMIT]:
        m[slot + c.L_TURNED_AWAY] = t.QUEUE
        return AT_ONCE
    m[slot + c.L_IS_WAITING] = 1
    m[slot + c.L_HAS_DONE] = 1
    m[slot + c.L_NEXT] = c.NONE
    m[slot + c.L_PREVIOUS] = m[desk + c.D_TAIL]
    if m[desk + c.D_TAIL] == c.NONE:
        m[desk + c.D_HEAD] = slot
    else:
        m[m[desk + c.D_TAIL] + c.L_NEXT] = slot
    m[desk + c.D_TAIL] = slot
    m[desk + c.D_WAITING] += 1
    m[c.R_WAITING] += 1
    if m[desk + c.D_PATIENCE_LAW] != rules.NO_LAW:
        patience_ns = to_ns(draw(m, f, e, laws, desk, c.D_S_PATIENCE, m[desk + c.D_PATIENCE_LAW], slot))
        expire_in(m, f, e, laws, slot, patience_ns, t.QUEUE, c.K_EXPIRE)
    if m[slot + c.L_DEADLINE] != c.NONE:
        expire_in(m, f, e, laws, slot, m[slot + c.L_DEADLINE] - m[c.R_NOW], t.DEADLINE, c.K_EXPIRE)
    return WILL_HAPPEN


@jit(_V(*_S, _I, _I), forceinline=True)
def dequeue(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
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


@jit(_V(*_S, _I, _I, _I), forceinline=True)
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


@jit(_V(*_S, _I), forceinline=True)
def offer(m, f, e, laws, desk):  # type: ignore[no-untyped-def]
    """Offer what may be free to the head of the queue, as a start of this instant."""
    head = m[desk + c.D_HEAD]
    if head != c.NONE and not is_busy(m, f, e, laws, desk):
        push(e, m[c.R_NOW], STARTS, m[head + c.L_NAME], m[head + c.L_CALL_ATTEMPT], c.K_HAND_OVER, desk, 0, 0)


@jit(_V(*_S, _I, _I, _I), forceinline=True)
def wake_in(m, f, e, laws, desk, slot, delay_ns):  # type: ignore[no-untyped-def]
    at = m[c.R_NOW] + delay_ns
    push(e, at, TIMERS, m[slot + c.L_NAME], m[slot + c.L_CALL_ATTEMPT], c.K_WAKE, desk, 0, 0)


@jit(_I(*_S, _I, _I), forceinline=True)
def spell_at(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """The outage that holds when an attempt starts: the last to begin whose [from, to) holds now."""
    first = m[desk + c.D_SPELLS]
    for number in range(m[desk + c.D_N_SPELLS] - 1, -1, -1):
        spell = first + number * c.N_SPELL
        if m[spell + c.P_FROM] <= now < m[spell + c.P_TO]:
            return spell
    return c.NONE


@jit(_I(*_S, _I), forceinline=True)
def recorded_ns(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Recorded service time of the next attempt; the last one repeats."""
    n = m[c.C_N_SERVICE]
    if n == 0:
        return t.NEVER
    known = 0
    wanted, last = m[slot + c.L_ATTEMPTS], t.NEVER
    for k in range(n):
        time_ns = m[slot + m[c.C_SERVICE] + k]
        if time_ns != t.NEVER:
            last = time_ns
            if known == wanted:
                break
            known += 1
    return last


@jit(numba.types.UniTuple(_I, 2)(*_S, _I, _I, _I))
def service(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """(first token, end) after the start, NEVER where it does not come; sets outcome and status."""
    added_s = 0.0
    if m[desk + c.D_GATEWAY] != rules.NO_LAW:
        added_s = draw(m, f, e, laws, desk, c.D_S_GATEWAY, m[desk + c.D_GATEWAY], slot)
    spell = spell_at(m, f, e, laws, desk, now)
    slowdown = 1.0
    if spell != c.NONE:
        mode = m[spell + c.P_MODE]
        if mode == rules.HANG:
            m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.TIMEOUT, 0
            return t.NEVER, t.NEVER
        if mode == rules.ERROR:
            m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.ERROR, m[spell + c.P_STATUS]
            answer_s = draw(m, f, e, laws, desk, c.D_S_OUTAGE, m[spell + c.P_LAW], slot)
            return t.NEVER, to_ns(added_s) + to_ns(answer_s)
        slowdown = f[m[spell + c.P_FLOAT]]
    rate = f[m[desk + c.D_FLOATS] + c.F_ERROR_RATE]
    if rate > 0.0 and chance_of(m, f, e, laws, desk, c.D_S_ERROR, slot) < rate:
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.ERROR, m[desk + c.D_ERROR_STATUS]
        answer_s = draw(m, f, e, laws, desk, c.D_S_ERROR_LATENCY, m[desk + c.D_ERROR_LAW], slot)
        return t.NEVER, to_ns(added_s) + to_ns(answer_s)
    m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.OK, 200
    recorded = recorded_ns(m, f, e, laws, slot)
    if recorded != t.NEVER:
        taken = recorded if slowdown == 1.0 else to_ns(recorded / 1e9 * slowdown)
        total_ns = to_ns(added_s) + taken
        return total_ns, total_ns
    if m[desk + c.D_TOTAL] != rules.NO_LAW:
        total_ns = to_ns(added_s) + to_ns(
            draw(m, f, e, laws, desk, c.D_S_TTFT, m[desk + c.D_TOTAL], slot) * slowdown
        )
        return total_ns, total_ns
    ttft_s = draw(m, f, e, laws, desk, c.D_S_TTFT, m[desk + c.D_TTFT], slot)
    speed = draw(m, f, e, laws, desk, c.D_S_SPEED, m[desk + c.D_SPEED], slot)
    size = slot + m[desk + c.D_SIZES]
    first_ns, total_ns = rules.call_times(
        ttft_s, speed, m[size + c.M_HIDDEN], m[size + c.M_OUTPUT] + m[size + c.M_SPOKEN], slowdown, added_s
    )
    return (first_ns if m[desk + c.D_STREAMS] else total_ns), total_ns


@jit(_V(*_S, _I, _I), forceinline=True)
def start(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Send the call: take slot and charges, draw what will happen, schedule its end."""
    now = m[c.R_NOW]
    m[desk + c.D_BUSY] += 1
    m[desk + c.D_LEVEL_R] -= m[slot + c.L_NEED_R]
    m[desk + c.D_LEVEL_T] -= m[slot + c.L_NEED_T]
    if m[desk + c.D_STATE] == t.OPEN:
        log_change(m, f, e, laws, desk, t.HALF_OPEN, slot)
        m[slot + c.L_IS_PROBE] = 1
    m[slot + c.L_EPOCH] = m[desk + c.D_EPOCH]
    m[slot + c.L_STARTED] = now
    first_ns, total_ns = service(m, f, e, laws, desk, slot, now)
    m[slot + c.L_ANSWERS] = m[slot + c.L_CALL_OUTCOME] != t.ERROR
    cut_ns = m[desk + c.D_TIMEOUT]
    if m[slot + c.L_DEADLINE] != c.NONE:
        left_ns = m[slot + c.L_DEADLINE] - now
        cut_ns = left_ns if cut_ns == c.NONE else min(cut_ns, left_ns)
    if cut_ns != c.NONE and (total_ns == t.NEVER or total_ns > cut_ns):
        total_ns = cut_ns
        m[slot + c.L_CALL_OUTCOME] = t.TIMEOUT
        m[slot + c.L_STATUS] = 0
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


@jit(_V(*_S, _I), forceinline=True)
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


@jit(_V(*_S, _I, _I), forceinline=True)
def open_breaker(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    log_change(m, f, e, laws, desk, t.OPEN, slot)
    m[desk + c.D_EPOCH] += 1
    m[desk + c.D_COUNT] = 0
    m[desk + c.D_OPEN_UNTIL] = m[c.R_NOW] + m[desk + c.D_OPEN_NS]
    while m[desk + c.D_HEAD] != c.NONE:
        leave(m, f, e, laws, desk, m[desk + c.D_HEAD], t.OWN_BREAKER)


@jit(_V(*_S, _I, _I), forceinline=True)
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


@jit(_V(*_S, _I), forceinline=True)
def end_call(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A call has ended: free its slot, write its row, count it, and offer the slot."""
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    m[slot + c.L_ENDED] = now
    m[desk + c.D_BUSY] -= 1
    outcome = m[slot + c.L_CALL_OUTCOME]
    bills_input, bills_output = 0, 0
    if outcome == t.OK:
        bills_input, bills_output = 1, 1
    elif outcome == t.TIMEOUT and m[slot + c.L_ANSWERS] and m[desk + c.D_BILL] != rules.BILL_NONE:
        bills_input, bills_output = 1, 1 if m[desk + c.D_BILL] == rules.BILL_FULL else 0
    record(m, f, e, laws, slot, desk, bills_input, bills_output)
    if m[desk + c.D_FAILURES] != c.NONE:
        count(m, f, e, laws, desk, slot)
    offer(m, f, e, laws, desk)


@jit(_I(*_S, _I, _I), forceinline=True)
def place(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Ask for admission: breaker, then concurrency, then all limiters."""
    now = m[c.R_NOW]
    m[slot + c.L_DESK] = desk
    m[slot + c.L_CALL_ATTEMPT] = m[slot + c.L_ATTEMPTS]
    m[slot + c.L_DRAW] = m[slot + m[desk + c.D_CALLS]]
    m[c.R_TICKET] += 1
    m[slot + c.L_TICKET] = m[c.R_TICKET]
    m[slot + c.L_QUEUED] = now
    m[slot + c.L_STARTED] = t.NEVER
    m[slot + c.L_FIRST] = t.NEVER
    m[slot + c.L_RETRY_AFTER] = t.NEVER
    m[slot + c.L_CALL_OUTCOME] = t.REJECTED
    m[slot + c.L_STATUS] = 0
    m[slot + c.L_TURNED_AWAY] = t.NO_CAUSE
    m[slot + c.L_IS_PROBE] = 0
    m[slot + c.L_HAS_DONE] = 0
    m[slot + c.L_NEED_R] = m[desk + c.D_RQ]
    m[slot + c.L_NEED_T] = 0
    if m[desk + c.D_TQ]:
        size = slot + m[desk + c.D_SIZES]
        tokens = rules.charge(
            m[desk + c.D_CHARGE],
            m[size + c.M_INPUT]
            + m[size + c.M_CACHED]
            + m[size + c.M_WRITTEN]
            + m[size + c.M_IMAGE]
            + m[size + c.M_HEARD],
            m[size + c.M_OUTPUT] + m[size + c.M_HIDDEN] + m[size + c.M_SPOKEN],
            m[size + c.M_MAX_OUTPUT],
        )
        if tokens > EXACT_TOKENS and tokens > m[desk + c.D_TCAP] // m[desk + c.D_TQ]:
            m[slot + c.L_NEED_T] = m[desk + c.D_TCAP] + 1  # the product may not fit 64 bits
        else:
            m[slot + c.L_NEED_T] = tokens * m[desk + c.D_TQ]
    if is_rejecting(m, f, e, laws, desk, now):
        m[slot + c.L_TURNED_AWAY] = t.OWN_BREAKER
        return AT_ONCE
    if m[slot + c.L_NEED_R] > m[desk + c.D_RCAP] or m[slot + c.L_NEED_T] > m[desk + c.D_TCAP]:
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


@jit(_V(*_S, _I, _I, _I), forceinline=True)
def pause(m, f, e, laws, slot, wait_ns, resume):  # type: ignore[no-untyped-def]
    """Wait, then be a start that resumes there; or be given up, if the deadline comes first."""
    now = m[c.R_NOW]
    m[slot + c.L_RESUME] = resume
    deadline = m[slot + c.L_DEADLINE]
    if deadline != c.NONE and now + wait_ns >= deadline:
        push(e, deadline, EXPIRIES, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_GIVE_UP, slot, 0, 0)
    else:
        push(e, now + wait_ns, STARTS, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_RESUME, slot, 0, 0)


@jit(_V(*_S, _I, _I), forceinline=True)
def finish(m, f, e, laws, slot, is_served):  # type: ignore[no-untyped-def]
    """A request is over: its row, and its slot goes back."""
    tally_request(m, slot, is_served)
    row = m[c.R_OUTCOME_ROW]
    m[c.R_OUTCOME_ROW] = row + c.N_OUTCOME_COLUMNS
    tier = m[m[slot + c.L_ROUTE] + c.T_TIER]
    if m[m[slot + c.L_ROUTE] + c.T_ESCALATE_LENGTH]:
        tier = t.OMNI if m[slot + c.L_STAGE] == c.OMNI_STAGE else t.MINI
    m[row] = m[slot + c.L_NAME]
    m[row + 1] = m[slot + c.L_TASK]
    m[row + 2] = m[slot + c.L_ARRIVED]
    m[row + 4] = m[c.R_NOW]
    m[row + 7] = tier
    m[row + 8] = m[slot + c.L_ATTEMPTS]
    m[row + c.O_WAIT] = m[slot + c.L_WAIT_NS]
    m[row + c.O_FACTS] = m[slot + c.L_FACTS]
    m[row + c.O_INPUT] = m[slot + c.L_INPUT]
    m[row + c.O_OUTPUT] = m[slot + c.L_OUTPUT]
    if is_served:
        desk = m[slot + c.L_SERVED]
        m[row + 3] = m[slot + c.L_SERVED_FIRST]
        m[row + 5] = t.OK
        m[row + 6] = m[desk + c.D_INDEX]
        m[row + 9] = t.NO_CAUSE
        m[row + 10] = m[slot + m[desk + c.D_CORRECT]]
        m[row + c.O_SPEED_OUTPUT] = m[slot + c.L_SERVED_OUTPUT]
        m[row + c.O_SPEED_NS] = m[slot + c.L_SERVED_NS]
    else:
        m[row + 3] = t.NEVER
        m[row + 5] = t.TIMEOUT if m[slot + c.L_CAUSE] == t.DEADLINE else m[slot + c.L_OUTCOME]
        m[row + 6] = t.NO_DEPLOYMENT
        m[row + 9] = m[slot + c.L_CAUSE]
        m[row + 10] = t.UNRATED
        m[row + c.O_SPEED_OUTPUT] = 0
        m[row + c.O_SPEED_NS] = 0
    m[slot + c.L_FREE] = m[c.R_FREE_SLOT]
    m[c.R_FREE_SLOT] = slot
    m[c.R_IN_FLIGHT] -= 1
    m[c.R_DONE] += 1


@jit(_V(*_S, _I), forceinline=True)
def give_up(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    m[slot + c.L_CAUSE] = t.DEADLINE
    finish(m, f, e, laws, slot, 0)


@jit(_V(*_S, _I), forceinline=True)
def serve(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """An answer came: done, or to be checked by a cascade's verifier."""
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    size = slot + m[desk + c.D_SIZES]
    m[slot + c.L_SERVED] = desk
    m[slot + c.L_SERVED_FIRST] = m[slot + c.L_FIRST]
    m[slot + c.L_SERVED_OUTPUT] = m[size + c.M_OUTPUT] + m[size + c.M_SPOKEN]
    m[slot + c.L_SERVED_NS] = m[slot + c.L_ENDED] - m[slot + c.L_FIRST]
    is_cascade = m[m[slot + c.L_ROUTE] + c.T_ESCALATE_LENGTH] > 0
    if not is_cascade or m[slot + c.L_STAGE] == c.OMNI_STAGE:
        finish(m, f, e, laws, slot, 1)
        return
    if is_over(m, f, e, laws, slot, now):
        give_up(m, f, e, laws, slot)
        return
    took_ns = to_ns(
        draw_law(
            laws,
            m[c.C_CHECK_LAW],
            m[c.C_SEED],
            m[c.C_REPLICATION],
            m[c.C_CHECK_STREAM],
            m[slot + c.L_NAME],
            0,
        )
    )
    m[slot + c.L_CALL_ATTEMPT] = m[slot + c.L_ATTEMPTS]
    m[slot + c.L_ROLE] = t.ROLE_VERIFIER
    m[slot + c.L_QUEUED] = now
    m[slot + c.L_STARTED] = now
    m[slot + c.L_RETRY_AFTER] = t.NEVER
    is_cut = m[slot + c.L_DEADLINE] != c.NONE and now + took_ns > m[slot + c.L_DEADLINE]
    if is_cut:
        took_ns = m[slot + c.L_DEADLINE] - now
    m[slot + c.L_CALL_OUTCOME] = t.TIMEOUT if is_cut else t.OK
    m[slot + c.L_STATUS] = 0 if is_cut else 200
    m[slot + c.L_FIRST] = t.NEVER if is_cut else now + took_ns
    push(e, now + took_ns, ENDS, m[slot + c.L_NAME], m[slot + c.L_CALL_ATTEMPT], c.K_CHECK, slot, 0, 0)


@jit(_V(*_S, _I), forceinline=True)
def end_check(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """The verifier has judged, or the deadline cut it."""
    now = m[c.R_NOW]
    m[slot + c.L_ENDED] = now
    is_cut = m[slot + c.L_CALL_OUTCOME] == t.TIMEOUT
    bill = m[c.C_CHECK_BILL] if is_cut else rules.BILL_FULL
    record(
        m, f, e, laws, slot, c.NONE, 1 if bill != rules.BILL_NONE else 0, 1 if bill == rules.BILL_FULL else 0
    )
    if is_cut:
        give_up(m, f, e, laws, slot)
        return
    score = f[m[slot + c.L_FLOATS] + c.G_SCORE]
    if m[c.C_HAS_ACCEPT] and not math.isnan(score):
        accepted = score >= f[c.CF_ACCEPT]
    else:
        right = m[slot + m[m[slot + c.L_SERVED] + c.D_CORRECT]] == 1
        share = f[c.CF_TRUE_POSITIVE] if right else f[c.CF_FALSE_POSITIVE]
        verdict = uniform(m[c.C_SEED], m[c.C_REPLICATION], m[c.C_VERDICT_STREAM], m[slot + c.L_NAME], 0)
        accepted = verdict < share
    if accepted:
        # Nobody sees mini's tokens before the verdict: the whole answer is shown then.
        m[slot + c.L_SERVED_FIRST] = now
        finish(m, f, e, laws, slot, 1)
    else:
        m[slot + c.L_RESUME] = c.ESCALATE
        push(e, now, STARTS, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_RESUME, slot, 0, 0)


@jit(_B(*_S, _I), forceinline=True)
def next_target(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Move to the next eligible deployment of the chain; False where the request is over."""
    now = m[c.R_NOW]
    while True:
        route = m[slot + c.L_ROUTE]
        is_cascade = m[route + c.T_ESCALATE_LENGTH] > 0
        first, length = m[route + c.T_CHAIN], m[route + c.T_LENGTH]
        if is_cascade and m[slot + c.L_STAGE] == c.OMNI_STAGE:
            first, length = m[route + c.T_ESCALATE], m[route + c.T_ESCALATE_LENGTH]
        m[slot + c.L_PLACE] += 1
        if m[slot + c.L_PLACE] >= length:
            if is_cascade and m[slot + c.L_STAGE] == c.MINI_STAGE:
                m[slot + c.L_STAGE] = c.OMNI_STAGE
                m[slot + c.L_PLACE] = -1
                continue
            finish(m, f, e, laws, slot, 0)
            return False
        if is_over(m, f, e, laws, slot, now):
            give_up(m, f, e, laws, slot)
            return False
        desk = m[first + m[slot + c.L_PLACE]]
        if m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE]:
            m[slot + c.L_DESK] = desk
            m[slot + c.L_TRY] = 0
            f[m[slot + c.L_FLOATS] + c.G_PREVIOUS] = f[m[desk + c.D_FLOATS] + c.F_BASE_S]
            return True


@jit(_F(*_S, _I, _I), forceinline=True)
def backoff(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """The wait before the next retry on a desk, in seconds."""
    floats = m[desk + c.D_FLOATS]
    kind, k, given_s = m[desk + c.D_BACKOFF], m[slot + c.L_TRY], 0.0
    if kind == rules.FIXED:
        given_s = f[m[desk + c.D_WAITS] + min(k, m[desk + c.D_N_WAITS] - 1)]
    elif kind == rules.LAW:
        given_s = draw(m, f, e, laws, desk, c.D_S_BACKOFF, m[desk + c.D_WAIT_LAW], slot)
    u = chance_of(m, f, e, laws, desk, c.D_S_BACKOFF, slot)
    wait_s = rules.wait_s(
        kind,
        k,
        f[floats + c.F_BASE_S],
        f[floats + c.F_CAP_S],
        f[floats + c.F_JITTER_S],
        f[m[slot + c.L_FLOATS] + c.G_PREVIOUS],
        given_s,
        u,
    )
    f[m[slot + c.L_FLOATS] + c.G_PREVIOUS] = wait_s
    return wait_s


@jit(_I(*_S, _I), forceinline=True)
def conclude(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A call has ended or was turned away: what the request does now.

    NEXT: try the next target at once; NONE: an event will come, or the request is over.
    """
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    if m[slot + c.L_STARTED] != t.NEVER:
        m[slot + m[desk + c.D_CALLS]] += 1
    outcome, turned_away = m[slot + c.L_CALL_OUTCOME], m[slot + c.L_TURNED_AWAY]
    m[slot + c.L_OUTCOME] = outcome
    if turned_away != t.NO_CAUSE:
        m[slot + c.L_CAUSE] = turned_away
    elif outcome == t.ERROR:
        m[slot + c.L_CAUSE] = t.PROVIDER_ERROR
    elif outcome == t.LIMITED:
        m[slot + c.L_CAUSE] = t.LIMIT
    elif outcome == t.TIMEOUT:
        m[slot + c.L_CAUSE] = t.TIMED_OUT
    if outcome == t.OK:
        serve(m, f, e, laws, slot)
        return c.NONE
    if is_over(m, f, e, laws, slot, now):
        give_up(m, f, e, laws, slot)
        return c.NONE
    is_last = m[slot + c.L_TRY] == m[desk + c.D_RETRIES]
    goes_on = turned_away != t.NO_CAUSE
    goes_on = (
        goes_on
        or (not is_last and is_rejecting(m, f, e, laws, desk, now))
        or (is_last and not m[desk + c.D_SLEEPS])
    )
    retry_after = m[slot + c.L_RETRY_AFTER]
    goes_on = goes_on or (retry_after != t.NEVER and retry_after > m[desk + c.D_RETRY_CAP])
    if goes_on:
        if m[slot + c.L_STARTED] == t.NEVER and not m[slot + c.L_HAS_DONE]:
            return c.NEXT
        m[slot + c.L_RESUME] = c.NEXT
        push(e, now, STARTS, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_RESUME, slot, 0, 0)
        return c.NONE
    wait_ns = retry_after if retry_after != t.NEVER else to_ns(backoff(m, f, e, laws, desk, slot))
    m[slot + c.L_TRY] += 1
    pause(m, f, e, laws, slot, wait_ns, c.NEXT if is_last else c.ATTEMPT)
    return c.NONE


@jit(_V(*_S, _I, _I), forceinline=True)
def advance(m, f, e, laws, slot, resume):  # type: ignore[no-untyped-def]
    """Go on from an event until the next one must be waited for."""
    if resume == c.ESCALATE:
        m[slot + c.L_CAUSE] = t.NO_ELIGIBLE
        m[slot + c.L_STAGE] = c.OMNI_STAGE
        m[slot + c.L_PLACE] = -1
        resume = c.NEXT
    while True:
        if resume == c.NEXT and not next_target(m, f, e, laws, slot):
            return
        desk = m[slot + c.L_DESK]
        is_first = m[slot + c.L_ATTEMPTS] == 0
        if m[m[slot + c.L_ROUTE] + c.T_ESCALATE_LENGTH]:
            m[slot + c.L_ROLE] = t.ROLE_OMNI if m[slot + c.L_STAGE] == c.OMNI_STAGE else t.ROLE_MINI
        else:
            m[slot + c.L_ROLE] = t.PRIMARY if is_first else t.RETRY
        if place(m, f, e, laws, desk, slot) == WILL_HAPPEN:
            return
        resume = conclude(m, f, e, laws, slot)
        if resume == c.NONE:
            return


@jit(_V(*_S, _I, _I), forceinline=True)
def handle(m, f, e, laws, event, now):  # type: ignore[no-untyped-def]
    """One event."""
    kind, who = e[event + c.E_KIND], e[event + c.E_WHO]
    if kind == c.K_END:
        end_call(m, f, e, laws, who)
        if conclude(m, f, e, laws, who) == c.NEXT:
            advance(m, f, e, laws, who, c.NEXT)
    elif kind == c.K_RESUME:
        advance(m, f, e, laws, who, m[who + c.L_RESUME])
    elif kind == c.K_HAND_OVER:
        hand_over(m, f, e, laws, who)
    elif kind == c.K_LEFT:
        if conclude(m, f, e, laws, who) == c.NEXT:
            advance(m, f, e, laws, who, c.NEXT)
    elif kind == c.K_WAKE:
        offer(m, f, e, laws, who)
    elif kind == c.K_EXPIRE:
        # A ticket names one call for ever: the slot may long have another request.
        if m[who + c.L_IS_WAITING] and m[who + c.L_TICKET] == e[event + c.E_TICKET]:
            desk = m[who + c.L_DESK]
            was_head = m[desk + c.D_HEAD] == who
            leave(m, f, e, laws, desk, who, e[event + c.E_CAUSE])
            if was_head:
                offer(m, f, e, laws, desk)
    elif kind == c.K_CHECK:
        end_check(m, f, e, laws, who)
    elif kind == c.K_GIVE_UP:
        give_up(m, f, e, laws, who)
    elif kind == c.K_EDGE:
        row = m[c.R_EVENT_ROW]
        m[row] = now
        m[row + 1] = 1
        m[row + 2] = e[event + c.E_ATTEMPT]
        m[row + 3] = who
        m[row + 4] = e[event + c.E_TICKET]
        m[row + 5] = -1
        m[c.R_EVENT_ROW] = row + c.N_EVENT_COLUMNS


@jit(_V(*_S, _I, c.BLOCK_TYPE, _I), forceinline=True)
def arrive(m, f, e, laws, slot, block, index):  # type: ignore[no-untyped-def]
    """A request enters: its facts are copied, so that a block can go while it is under way."""
    now = m[c.R_NOW]
    m[slot + c.L_NAME] = block.names[index]
    m[slot + c.L_TASK] = block.tasks[index]
    m[slot + c.L_ARRIVED] = now
    m[slot + c.L_ROUTE] = block.routes[index]
    m[slot + c.L_FACTS] = block.facts[index]
    m[slot + c.L_INPUT] = block.inputs[index]
    m[slot + c.L_OUTPUT] = block.outputs[index]
    deadline = m[c.C_DEADLINE]
    m[slot + c.L_DEADLINE] = c.NONE if deadline == c.NONE else now + deadline
    m[slot + c.L_ATTEMPTS] = 0
    m[slot + c.L_CAUSE] = t.NO_ELIGIBLE
    m[slot + c.L_OUTCOME] = t.REJECTED
    m[slot + c.L_STAGE] = c.MINI_STAGE
    m[slot + c.L_PLACE] = -1
    m[slot + c.L_WAIT_NS] = 0
    m[slot + c.L_IS_WAITING] = 0
    m[slot + c.L_COUNTS] = m[c.C_COUNTS] + block.tasks[index] * m[c.C_TASK_WIDTH]
    m[slot + c.L_ANSWERED] = c.NONE
    m[slot + c.L_ANSWERED_AGAIN] = c.NONE
    f[m[slot + c.L_FLOATS] + c.G_SCORE] = block.scores[index]
    at = slot + c.N_SLOT
    for model in range(block.sizes.shape[1]):
        for column in range(c.N_SIZE):
            m[at + column] = block.sizes[index, model, column]
        at += c.N_SIZE
    for model in range(block.correct.shape[1]):
        m[at] = block.correct[index, model]
        at += 1
    for _ in range(m[c.C_N_DESKS]):
        m[at] = 0
        at += 1
    for k in range(block.service.shape[1]):
        m[at + k] = block.service[index, k]
    thinking_ns = 0
    law = m[c.C_ROUTER_LAW]
    if m[slot + c.L_FACTS] & t.FACT_ASKED and law != rules.NO_LAW:
        seed, replication = m[c.C_SEED], m[c.C_REPLICATION]
        stream = m[c.C_ROUTER_STREAM]
        thinking_ns = to_ns(draw_law(laws, law, seed, replication, stream, m[slot + c.L_NAME], 0))
    if thinking_ns == 0 and deadline != 0:
        advance(m, f, e, laws, slot, c.NEXT)  # nothing else is left to happen at this instant
    else:
        pause(m, f, e, laws, slot, thinking_ns, c.NEXT)


@jit(_I(numba.int64[::1], numba.float64[::1], numba.int64[::1], LAWS_TYPE, c.BLOCK_TYPE, _B, _I))
def run(memory, floats, event_list, law_table, block, is_last, steps):  # type: ignore[no-untyped-def]
    """Let events happen until something is needed (see FINISHED and the others in the layout).

    At most `steps` events and arrivals, so that the caller can show progress and be stopped.
    """
    m, f, e, laws = raw(memory), raw(floats), raw(event_list), raw(law_table)
    n = block.names.shape[0]
    for _ in range(steps):
        if (
            m[c.R_ATTEMPT_ROW] + MARGIN * c.N_ATTEMPT_COLUMNS > m[c.R_ATTEMPT_END]
            or m[c.R_OUTCOME_ROW] + 2 * c.N_OUTCOME_COLUMNS > m[c.R_OUTCOME_END]
            or m[c.R_EVENT_ROW] + MARGIN * c.N_EVENT_COLUMNS > m[c.R_EVENT_END]
        ):
            return c.NEED_ROWS
        if e[c.H_FREE] < m[c.R_WAITING] + MARGIN:
            return c.NEED_EVENTS
        index = m[c.R_NEXT_REQUEST]
        if index >= n and not is_last:
            return c.NEED_REQUESTS
        if e[c.H_EVENTS] and (index >= n or e[c.H_HEAP_NS] <= block.arrived[index]):
            now = e[c.H_HEAP_NS]
            m[c.R_NOW] = now
            handle(m, f, e, laws, pop(e), now)
        elif index < n:
            m[c.R_NOW] = block.arrived[index]
            slot = m[c.R_FREE_SLOT]
            if slot == c.NONE:
                return c.NEED_SLOTS
            m[c.R_FREE_SLOT] = m[slot + c.L_FREE]
            m[c.R_IN_FLIGHT] += 1
            m[c.R_NEXT_REQUEST] = index + 1
            arrive(m, f, e, laws, slot, block, index)
        else:
            return c.FINISHED
    return c.TICK
