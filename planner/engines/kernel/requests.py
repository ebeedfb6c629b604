"""A request on its way: targets, retries, waits, a cascade's check, and its end."""

import math

from planner import failures
from planner import tables as t
from planner.chance import to_ns, uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import push
from planner.engines.kernel.breakers import is_rejecting
from planner.engines.kernel.calls import place
from planner.engines.kernel.hedging import begin_bundle, count_call, decide
from planner.engines.kernel.selection import choose
from planner.engines.kernel.signatures import (
    BOOL,
    ENDS,
    EXPIRIES,
    FLOAT,
    INT,
    MEMORY,
    STARTS,
    VOID,
    WILL_HAPPEN,
    chance_of,
    draw,
    is_over,
)
from planner.engines.kernel.spill import first_level
from planner.engines.kernel.tallies import record, tally_request
from planner.jit import jit
from planner.raw import RAW_FLOATS, RAW_INTEGERS
from planner.sampling import draw_law


@jit(VOID(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def pause(m, f, e, laws, slot, wait_ns, resume):  # type: ignore[no-untyped-def]
    """Wait, then be a start that resumes there; or be given up, if the deadline comes first."""
    now = m[c.R_NOW]
    m[slot + c.L_RESUME] = resume
    deadline = m[slot + c.L_DEADLINE]
    if deadline != c.NONE and now + wait_ns >= deadline:
        push(e, deadline, EXPIRIES, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_GIVE_UP, slot, 0, 0)
    else:
        push(e, now + wait_ns, STARTS, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_RESUME, slot, 0, 0)


@jit(VOID(*MEMORY, INT), forceinline=True, late=True)
def is_retried(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Give a place in the retry budget back."""
    if m[slot + c.L_RETRYING]:
        m[slot + c.L_RETRYING] = 0
        m[c.R_RETRYING] -= 1


@jit(BOOL(*MEMORY, INT), forceinline=True, late=True)
def may_retry(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Take a place in the retry budget, if there is one; the end of the next call gives it back."""
    if m[c.C_RETRY_PPM] == c.NONE:
        return True
    allowed = rules.retries_allowed(m[c.R_IN_FLIGHT], m[c.C_RETRY_PPM], m[c.C_RETRY_MINIMUM])
    if m[c.R_RETRYING] >= allowed:
        return False
    m[slot + c.L_RETRYING] = 1
    m[c.R_RETRYING] += 1
    return True


@jit(VOID(*MEMORY, INT, INT), late=True)
def finish(m, f, e, laws, slot, is_served):  # type: ignore[no-untyped-def]
    """A request is over: its row, and its slot goes back."""
    is_retried(m, f, e, laws, slot)
    tally_request(m, slot, is_served)
    row = m[c.R_OUTCOME_ROW]
    m[c.R_OUTCOME_ROW] = row + c.N_OUTCOME_COLUMNS
    tier = m[m[slot + c.L_ROUTE] + c.T_TIER]
    if m[m[slot + c.L_ROUTE] + c.T_ESCALATE] != c.NONE:
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


@jit(VOID(RAW_INTEGERS, RAW_FLOATS, INT, INT), forceinline=True, late=True)
def begin_layers(m, f, slot, first):  # type: ignore[no-untyped-def]
    """Layers from `first` on are in their first pass."""
    for number in range(first, m[c.C_N_LAYERS]):
        layer = m[c.C_LAYERS] + number * c.N_LAYER
        m[slot + m[c.C_PASSES] + number] = 1
        f[m[slot + c.L_FLOATS] + c.N_SLOT_F + number] = f[m[layer + c.Y_FLOATS]]


@jit(VOID(*MEMORY, INT), late=True)
def pass_failed(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Everything was tried: the innermost layer that has passes left tries again, or the request is over."""
    number = m[c.C_N_LAYERS] - 1
    while number >= 0:
        layer = m[c.C_LAYERS] + number * c.N_LAYER
        if m[slot + m[c.C_PASSES] + number] < m[layer + c.Y_ATTEMPTS]:
            break
        number -= 1
    if number < 0 or rules.is_final(m[slot + c.L_CAUSE]) or not may_retry(m, f, e, laws, slot):
        finish(m, f, e, laws, slot, 0)
        return
    layer = m[c.C_LAYERS] + number * c.N_LAYER
    passes = slot + m[c.C_PASSES] + number
    waits = passes + m[c.C_N_LAYERS]
    seed, replication, name, stream = (
        m[c.C_SEED],
        m[c.C_REPLICATION],
        m[slot + c.L_NAME],
        m[layer + c.Y_STREAM],
    )
    k, given_s = m[passes] - 1, 0.0
    if m[layer + c.Y_BACKOFF] == rules.FIXED:
        given_s = f[m[layer + c.Y_WAITS] + min(k, m[layer + c.Y_N_WAITS] - 1)]
    elif m[layer + c.Y_BACKOFF] == rules.LAW:
        given_s = draw_law(laws, m[layer + c.Y_LAW], seed, replication, stream, name, m[waits])
    floats, previous = m[layer + c.Y_FLOATS], m[slot + c.L_FLOATS] + c.N_SLOT_F + number
    wait_s = rules.wait_s(
        m[layer + c.Y_BACKOFF],
        k,
        f[floats],
        f[floats + 1],
        f[floats + 2],
        f[floats + 3],
        f[floats + 4],
        f[previous],
        given_s,
        uniform(seed, replication, stream, name, m[waits]),
    )
    f[previous] = wait_s
    m[passes] += 1
    m[waits] += 1
    begin_layers(m, f, slot, number + 1)
    pause(m, f, e, laws, slot, to_ns(wait_s), c.AGAIN)


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def keep_answer(m, slot, column):  # type: ignore[no-untyped-def]
    """An answer of a pass that failed all the same: paid for, and counted when the request is over."""
    desk = m[slot + column]
    if desk != c.NONE:
        number = (desk - c.N_HEADER) // c.N_DESK
        m[slot + m[c.C_PASSES] + 2 * m[c.C_N_LAYERS] + number] += 1
        m[slot + column] = c.NONE


@jit(VOID(*MEMORY, INT), late=True)
def give_up(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    m[slot + c.L_CAUSE] = t.DEADLINE
    finish(m, f, e, laws, slot, 0)


@jit(VOID(*MEMORY, INT), forceinline=True, late=True)
def serve(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """An answer came: done, or to be checked by a cascade's verifier."""
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    size = slot + m[desk + c.D_SIZES]
    m[slot + c.L_SERVED] = desk
    m[slot + c.L_SERVED_FIRST] = m[slot + c.L_FIRST]
    m[slot + c.L_SERVED_OUTPUT] = m[size + c.M_OUTPUT] + m[size + c.M_SPOKEN]
    m[slot + c.L_SERVED_NS] = m[slot + c.L_ENDED] - m[slot + c.L_FIRST]
    is_cascade = m[m[slot + c.L_ROUTE] + c.T_ESCALATE] != c.NONE
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
    m[slot + c.L_CALL_ATTEMPT] = m[slot + c.L_NEXT_ATTEMPT]
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


@jit(VOID(*MEMORY, INT), late=True)
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


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def ask(m, f, e, laws, slot, desk):  # type: ignore[no-untyped-def]
    """Turn to a deployment; its retries begin anew."""
    m[slot + c.L_DESK] = desk
    m[slot + c.L_HAS_ASKED] = 1
    m[slot + c.L_TRY] = 0
    f[m[slot + c.L_FLOATS] + c.G_PREVIOUS] = f[m[desk + c.D_FLOATS] + c.F_BASE_S]


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def enter(m, slot, group):  # type: ignore[no-untyped-def]
    """Turn to a group, of which nobody has been asked yet."""
    m[slot + c.L_GROUP] = group
    m[slot + c.L_HAS_ASKED] = 0
    m[slot + c.L_PLACE] = -1
    m[slot + c.L_GROUPS] |= 1 << m[group + c.U_INDEX]


@jit(VOID(RAW_INTEGERS, INT), forceinline=True, late=True)
def begin_pass(m, slot):  # type: ignore[no-untyped-def]
    """Turn to the group that the request's route names, as if nobody had been asked yet."""
    m[slot + c.L_STAGE] = c.MINI_STAGE
    m[slot + c.L_GROUPS] = 0
    m[slot + c.L_BROKE_OFF] = 0
    m[slot + c.L_DEPTH] = 0
    enter(m, slot, m[m[slot + c.L_ROUTE] + c.T_GROUP])


@jit(VOID(RAW_INTEGERS, INT), forceinline=True, late=True)
def escalate(m, slot):  # type: ignore[no-untyped-def]
    """A cascade turns to omni."""
    m[slot + c.L_STAGE] = c.OMNI_STAGE
    m[slot + c.L_DEPTH] = 0
    enter(m, slot, m[m[slot + c.L_ROUTE] + c.T_ESCALATE])


@jit(BOOL(RAW_INTEGERS, INT), late=True)
def falls_back(m, slot):  # type: ignore[no-untyped-def]
    """All of a group failed: turn to the next one that its fallbacks name, or those it was reached by; or to none."""
    lists, depth = m[m[slot + c.L_GROUP] + c.U_FALLBACKS], m[slot + c.L_DEPTH]
    if lists != c.NONE and depth < m[c.C_MAX_FALLBACKS]:
        failure = failures.CONTEXT_WINDOW
        if m[slot + c.L_HAS_ASKED]:
            failure = rules.failure_of(m[slot + c.L_CAUSE])
        frame = slot + m[c.C_FRAMES] + 2 * depth
        m[frame] = m[lists + 2 * failure]
        m[frame + 1] = m[frame] + m[lists + 2 * failure + 1]
        depth += 1
    while depth > 0:
        frame = slot + m[c.C_FRAMES] + 2 * (depth - 1)
        while m[frame] < m[frame + 1]:
            index = m[m[frame]]
            m[frame] += 1
            if not (m[slot + c.L_GROUPS] >> index) & 1:
                m[slot + c.L_DEPTH] = depth
                enter(m, slot, m[c.C_GROUPS] + index * c.N_GROUP)
                return True
        depth -= 1
    m[slot + c.L_DEPTH] = 0
    return False


@jit(BOOL(*MEMORY, INT), forceinline=True, late=True)
def goes_on(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """All of a group was tried: a fallback's turn, or omni's in a cascade's first stage, or the pass has failed."""
    if m[slot + c.L_BROKE_OFF]:
        if m[c.C_N_LAYERS]:
            pass_failed(m, f, e, laws, slot)
        else:
            finish(m, f, e, laws, slot, 0)
        return False
    has_fallbacks = m[m[slot + c.L_GROUP] + c.U_FALLBACKS] != c.NONE
    if (has_fallbacks or m[slot + c.L_DEPTH] > 0) and falls_back(m, slot):
        return True
    is_cascade = m[m[slot + c.L_ROUTE] + c.T_ESCALATE] != c.NONE
    if is_cascade and m[slot + c.L_STAGE] == c.MINI_STAGE:
        escalate(m, slot)
        return True
    if m[c.C_N_LAYERS]:
        pass_failed(m, f, e, laws, slot)
    else:
        finish(m, f, e, laws, slot, 0)
    return False


@jit(BOOL(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def leaves(m, slot, group):  # type: ignore[no-untyped-def]
    """Whether the rest of a group is passed over: a content filter refused the prompt, and fallbacks are for that; or
    an answer broke off that was seen in part.
    """
    if m[slot + c.L_BROKE_OFF]:
        return True
    return (
        m[group + c.U_LEAVES] != 0
        and m[slot + c.L_HAS_ASKED] != 0
        and m[slot + c.L_CAUSE] == t.CONTENT_POLICY
    )


@jit(BOOL(*MEMORY, INT), late=True)
def next_chosen(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Move to the deployment that the selection names; False where the request is over."""
    while True:
        group = m[slot + c.L_GROUP]
        levels, n_levels = m[group + c.U_LEVELS], m[group + c.U_N_LEVELS]
        if leaves(m, slot, group):
            if goes_on(m, f, e, laws, slot):
                continue
            return False
        if m[slot + c.L_PLACE] >= 0:
            if is_over(m, f, e, laws, slot, m[c.R_NOW]):
                give_up(m, f, e, laws, slot)
                return False
            number = (m[slot + c.L_FIRST_LEVEL] + m[slot + c.L_PLACE]) % n_levels
            level = levels + number * c.N_LEVEL
            index = choose(m, f, e, laws, slot, level)
            if index == c.FULL:
                m[slot + c.L_CAUSE], m[slot + c.L_OUTCOME] = t.LIMIT, t.REJECTED
                m[slot + c.L_HAS_ASKED] = 1
            elif index != c.NONE:
                m[slot + c.L_TRIED] |= 1 << index
                ask(m, f, e, laws, slot, m[m[level + c.V_FIRST] + index])
                return True
        m[slot + c.L_PLACE] += 1
        m[slot + c.L_TRIED] = 0
        if m[slot + c.L_PLACE] == 0:
            m[slot + c.L_FIRST_LEVEL] = 0
            if m[c.C_SPILL_PPM] != c.NONE and n_levels > 1:
                m[slot + c.L_FIRST_LEVEL] = first_level(m, f, e, laws, slot, levels, n_levels)
        if m[slot + c.L_PLACE] >= n_levels:
            if goes_on(m, f, e, laws, slot):
                continue
            return False


@jit(BOOL(*MEMORY, INT), forceinline=True, late=True)
def next_target(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Move to the next eligible deployment of the chain; False where the request is over."""
    if m[c.C_CHOOSES]:
        return next_chosen(m, f, e, laws, slot)
    now = m[c.R_NOW]
    while True:
        group = m[slot + c.L_GROUP]
        first, length = m[group + c.U_CHAIN], m[group + c.U_LENGTH]
        m[slot + c.L_PLACE] += 1
        if m[slot + c.L_PLACE] >= length or leaves(m, slot, group):
            if goes_on(m, f, e, laws, slot):
                continue
            return False
        if is_over(m, f, e, laws, slot, now):
            give_up(m, f, e, laws, slot)
            return False
        desk = m[first + m[slot + c.L_PLACE]]
        if m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE]:
            ask(m, f, e, laws, slot, desk)
            return True


@jit(FLOAT(*MEMORY, INT, INT), forceinline=True, late=True)
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
        f[floats + c.F_FACTOR],
        f[floats + c.F_SPREAD],
        f[m[slot + c.L_FLOATS] + c.G_PREVIOUS],
        given_s,
        u,
    )
    f[m[slot + c.L_FLOATS] + c.G_PREVIOUS] = wait_s
    return wait_s


@jit(INT(*MEMORY, INT), forceinline=True, late=True)
def judge(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """As `conclude`, for a call that was counted."""
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    is_retried(m, f, e, laws, slot)
    outcome, turned_away = m[slot + c.L_CALL_OUTCOME], m[slot + c.L_TURNED_AWAY]
    m[slot + c.L_OUTCOME] = outcome
    if turned_away != t.NO_CAUSE:
        m[slot + c.L_CAUSE] = turned_away
    elif m[slot + c.L_STATUS] == rules.FILTERED:
        m[slot + c.L_CAUSE] = t.CONTENT_POLICY
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
    moves_on = turned_away != t.NO_CAUSE or m[slot + c.L_STATUS] == rules.FILTERED
    moves_on = (
        moves_on
        or (not is_last and is_rejecting(m, f, e, laws, desk, now))
        or (is_last and not m[desk + c.D_SLEEPS])
    )
    if (
        outcome == t.ERROR
        and m[slot + c.L_STREAMED] != c.NONE
        and not m[desk + c.D_RETRIES_BROKEN]
        # Somebody has seen a part of it, unless a cascade would have checked it first.
        and (m[m[slot + c.L_ROUTE] + c.T_ESCALATE] == c.NONE or m[slot + c.L_STAGE] == c.OMNI_STAGE)
    ):
        m[slot + c.L_BROKE_OFF] = 1
        moves_on = True
    retry_after = m[slot + c.L_RETRY_AFTER]
    moves_on = moves_on or (retry_after != t.NEVER and retry_after > m[desk + c.D_RETRY_CAP])
    moves_on = moves_on or (not is_last and not may_retry(m, f, e, laws, slot))
    if moves_on:
        if m[slot + c.L_STARTED] == t.NEVER and not m[slot + c.L_HAS_DONE]:
            return c.NEXT
        m[slot + c.L_RESUME] = c.NEXT
        push(e, now, STARTS, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_RESUME, slot, 0, 0)
        return c.NONE
    wait_ns = retry_after if retry_after != t.NEVER else to_ns(backoff(m, f, e, laws, desk, slot))
    m[slot + c.L_TRY] += 1
    pause(m, f, e, laws, slot, wait_ns, c.NEXT if is_last else c.ATTEMPT)
    return c.NONE


@jit(INT(*MEMORY, INT), forceinline=True, late=True)
def conclude(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A call has ended or was turned away: what the request does now.

    NEXT: try the next target at once; NONE: an event will come, or the request is over.
    """
    count_call(m, slot, slot)
    return judge(m, f, e, laws, slot)


@jit(VOID(*MEMORY, INT, INT), late=True)
def advance(m, f, e, laws, slot, resume):  # type: ignore[no-untyped-def]
    """Go on from an event until the next one must be waited for."""
    if resume == c.AGAIN:
        keep_answer(m, slot, c.L_ANSWERED)
        keep_answer(m, slot, c.L_ANSWERED_AGAIN)
        begin_pass(m, slot)
        resume = c.NEXT
    if resume == c.ESCALATE:
        m[slot + c.L_CAUSE] = t.NO_ELIGIBLE
        m[slot + c.L_OUTCOME] = t.REJECTED
        escalate(m, slot)
        resume = c.NEXT
    while True:
        if resume == c.NEXT and not next_target(m, f, e, laws, slot):
            return
        desk = m[slot + c.L_DESK]
        is_first = m[slot + c.L_ATTEMPTS] == 0
        if m[m[slot + c.L_ROUTE] + c.T_ESCALATE] != c.NONE:
            m[slot + c.L_ROLE] = t.ROLE_OMNI if m[slot + c.L_STAGE] == c.OMNI_STAGE else t.ROLE_MINI
        else:
            m[slot + c.L_ROLE] = t.PRIMARY if is_first else t.RETRY
        if place(m, f, e, laws, desk, slot) == WILL_HAPPEN:
            if m[desk + c.D_HEDGE_AFTER] != c.NONE:
                begin_bundle(m, f, e, laws, desk, slot)
            return
        resume = conclude(m, f, e, laws, slot)
        if resume == c.NONE:
            return


@jit(VOID(*MEMORY, INT), late=True)
def go_on_after(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A call of a slot has ended or was turned away: what its request does now; slots of hedges have no request."""
    if m[slot + c.L_PENDING] or m[slot + c.L_OWNER] != c.NONE:
        owner = decide(m, f, e, laws, slot)
        if owner != c.NONE and judge(m, f, e, laws, owner) == c.NEXT:
            advance(m, f, e, laws, owner, c.NEXT)
    elif conclude(m, f, e, laws, slot) == c.NEXT:
        advance(m, f, e, laws, slot, c.NEXT)
