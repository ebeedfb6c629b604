"""Rows of attempts, and the counts that finance bills: added up as calls end and requests are over."""

from planner import tables as t
from planner.engines import layout as c
from planner.engines.kernel.signatures import INT, MEMORY, N_METERS, VOID
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(INT(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def meter_of(m, f, e, laws, slot, desk, meter):  # type: ignore[no-untyped-def]
    """Tokens of a call by meter; those of a prompt cache are a part of its input."""
    if desk == c.NONE:
        if meter == c.M_INPUT:
            return m[c.C_CHECK_INPUT]
        return m[c.C_CHECK_OUTPUT] if meter == c.M_OUTPUT else 0
    if meter == c.M_CACHED:
        return m[slot + c.L_READ]
    if meter == c.M_WRITTEN:
        return m[slot + c.L_WRITTEN]
    return m[slot + m[desk + c.D_SIZES] + meter]


#: Of an answer that broke off, what had come is billed.
PARTLY = 2


@jit(INT(RAW_INTEGERS, INT, INT, INT), forceinline=True, late=True)
def come(m, slot, desk, meter):  # type: ignore[no-untyped-def]
    """Answer tokens of a call that broke off, by meter: the transcript comes before the speech it is of."""
    size = slot + m[desk + c.D_SIZES]
    if meter == c.M_HIDDEN:
        return m[size + c.M_HIDDEN]
    read = min(m[size + c.M_OUTPUT], m[slot + c.L_STREAMED])
    return read if meter == c.M_OUTPUT else m[slot + c.L_STREAMED] - read


@jit(INT(RAW_INTEGERS, INT, INT, INT), forceinline=True, late=True)
def counts_of(m, slot, desk, kind):  # type: ignore[no-untyped-def]
    """Where tokens of a kind are counted for a call's task and desk."""
    size = slot + m[desk + c.D_SIZES]
    above = m[desk + c.D_LONG_ABOVE]
    if above != c.NONE and m[size + c.M_INPUT] + m[size + c.M_IMAGE] + m[size + c.M_HEARD] > above:
        kind += c.API_LONG - c.API
    return m[slot + c.L_COUNTS] + m[desk + c.D_COUNTS] + c.QD_TOKENS + kind * N_METERS


@jit(VOID(RAW_INTEGERS, INT, INT, INT, INT, INT), late=True)
def tally_cached(m, slot, desk, kind, read, written):  # type: ignore[no-untyped-def]
    """Of the input that was counted, count apart what a prompt cache gave and took."""
    at = counts_of(m, slot, desk, kind)
    m[at + c.M_INPUT] -= read + written
    m[at + c.M_CACHED] += read
    m[at + c.M_WRITTEN] += written


@jit(VOID(RAW_INTEGERS, INT, INT, INT, INT, INT), forceinline=True, late=True)
def tally_tokens(m, slot, desk, kind, is_billed_input, is_billed_output):  # type: ignore[no-untyped-def]
    """Add a call's billed tokens to the counts of its task and desk; all its input as plain input."""
    size = slot + m[desk + c.D_SIZES]
    at = counts_of(m, slot, desk, kind)
    for meter in range(N_METERS):
        is_answer = meter == c.M_OUTPUT or meter == c.M_HIDDEN or meter == c.M_SPOKEN
        if is_answer and is_billed_output == PARTLY:
            m[at + meter] += come(m, slot, desk, meter)
        elif is_billed_output if is_answer else is_billed_input:
            m[at + meter] += m[size + meter]


@jit(VOID(RAW_INTEGERS, INT, INT, INT, INT), forceinline=True, late=True)
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
        answered = c.L_ANSWERED if m[slot + c.L_ANSWERED] == c.NONE else c.L_ANSWERED_AGAIN
        m[slot + answered] = desk
        if m[desk + c.D_CACHE]:
            m[slot + answered + 1] = m[slot + c.L_READ]
            m[slot + answered + 2] = m[slot + c.L_WRITTEN]
    elif outcome == t.LIMITED:
        m[at + c.QD_LIMITED] += 1
    else:
        kind = c.WASTED + t.WASTE_BY_OUTCOME[outcome]
        tally_tokens(m, slot, desk, kind, is_billed_input, is_billed_output)
        if m[desk + c.D_CACHE] and is_billed_input:
            tally_cached(m, slot, desk, kind, m[slot + c.L_READ], m[slot + c.L_WRITTEN])


@jit(INT(INT), forceinline=True, late=True)
def kind_of_answer(is_served):  # type: ignore[no-untyped-def]
    return c.API if is_served else c.WASTED + t.WASTE_BY_OUTCOME[t.OK]


@jit(VOID(RAW_INTEGERS, INT, INT, INT), forceinline=True, late=True)
def tally_answer(m, slot, answered, is_served):  # type: ignore[no-untyped-def]
    """Count the tokens of a call that was answered, now that its request is over; `answered` is the column of who did."""
    desk, kind = m[slot + answered], kind_of_answer(is_served)
    tally_tokens(m, slot, desk, kind, 1, 1)
    if m[desk + c.D_CACHE]:
        tally_cached(m, slot, desk, kind, m[slot + answered + 1], m[slot + answered + 2])


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def tally_passes(m, slot, is_served):  # type: ignore[no-untyped-def]
    """Count the answers of earlier passes, which a check turned down."""
    at = slot + m[c.C_PASSES] + 2 * m[c.C_N_LAYERS]
    for number in range(m[c.C_N_DESKS]):
        desk, kind = c.N_HEADER + number * c.N_DESK, kind_of_answer(is_served)
        for _ in range(m[at + number]):
            tally_tokens(m, slot, desk, kind, 1, 1)
        if m[desk + c.D_CACHE]:
            cached = at + m[c.C_N_DESKS] + 2 * number
            tally_cached(m, slot, desk, kind, m[cached], m[cached + 1])


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def tally_request(m, slot, is_served):  # type: ignore[no-untyped-def]
    """Count a request that is over, and the answers it had."""
    counts = m[slot + c.L_COUNTS]
    m[counts + c.Q_ARRIVED] += 1
    m[counts + c.Q_REPEATED] += m[slot + c.L_IS_REPEAT]
    if m[slot + c.L_FACTS] & t.FACT_ASKED:
        m[counts + c.Q_ASKED] += 1
    if m[slot + c.L_ANSWERED] != c.NONE:
        tally_answer(m, slot, c.L_ANSWERED, is_served)
    if m[slot + c.L_ANSWERED_AGAIN] != c.NONE:
        tally_answer(m, slot, c.L_ANSWERED_AGAIN, is_served)
    if m[c.C_N_LAYERS]:
        tally_passes(m, slot, is_served)
    if is_served:
        m[counts + c.Q_COMPLETED] += 1
        desk = m[slot + c.L_SERVED]
        correct = m[slot + m[desk + c.D_CORRECT]]
        answer = c.QD_UNRATED if correct == t.UNRATED else c.QD_WRONG + correct
        at, size = counts + m[desk + c.D_COUNTS], slot + m[desk + c.D_SIZES]
        m[at + answer] += 1
        m[at + c.QD_DELIVERED] += m[size + c.M_OUTPUT]
        m[at + c.QD_DELIVERED + 1] += m[size + c.M_SPOKEN]
    else:
        m[counts + c.Q_FAILED] += 1
        m[counts + c.Q_FAILED_AGAIN] += m[slot + c.L_IS_REPEAT]


@jit(VOID(*MEMORY, INT, INT, INT, INT), forceinline=True, late=True)
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
        broke_off = (
            desk != c.NONE and m[slot + c.L_CALL_OUTCOME] == t.ERROR and m[slot + c.L_STREAMED] != c.NONE
        )
        answered = broke_off or (
            m[slot + c.L_CALL_OUTCOME] != t.ERROR and m[slot + c.L_CALL_OUTCOME] != t.LIMITED
        )
        for meter in range(N_METERS):
            tokens = meter_of(m, f, e, laws, slot, desk, meter)
            is_answer = meter == c.M_OUTPUT or meter == c.M_HIDDEN or meter == c.M_SPOKEN
            if is_answer and broke_off:
                tokens = come(m, slot, desk, meter)
            m[row + 13 + meter] = tokens if answered or not is_answer else 0
            if is_answer and is_billed_output == PARTLY:
                tokens = come(m, slot, desk, meter)
            is_billed = is_billed_output if is_answer else is_billed_input
            if meter == c.M_INPUT and desk != c.NONE:
                tokens -= m[slot + c.L_READ] + m[slot + c.L_WRITTEN]
            m[row + 13 + N_METERS + meter] = tokens if is_billed else 0
        m[c.R_ATTEMPT_ROW] = row + c.N_ATTEMPT_COLUMNS
    tally_call(m, slot, desk, is_billed_input, is_billed_output)
    m[slot + c.L_ATTEMPTS] += 1
    if m[slot + c.L_CALL_ATTEMPT] >= m[slot + c.L_NEXT_ATTEMPT]:
        m[slot + c.L_NEXT_ATTEMPT] = m[slot + c.L_CALL_ATTEMPT] + 1
