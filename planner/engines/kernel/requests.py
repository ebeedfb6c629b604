"""A request on its way: its calls, what their ends lead to, and a cascade's check."""

import math

from planner import tables as t
from planner.chance import to_ns, uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import push
from planner.engines.kernel.breakers import turns_away
from planner.engines.kernel.calls import place
from planner.engines.kernel.conversations import pin_to
from planner.engines.kernel.endings import finish, give_up, is_retried, keep_answer, may_retry, pause
from planner.engines.kernel.hedging import begin_bundle, count_call, decide
from planner.engines.kernel.signatures import (
    ENDS,
    FLOAT,
    INT,
    MEMORY,
    STARTS,
    VOID,
    WILL_HAPPEN,
    chance_of,
    draw,
    is_batch,
    is_over,
    is_unhurried,
)
from planner.engines.kernel.tallies import record
from planner.engines.kernel.turns import begin_pass, escalate, has_somebody, next_target, place_in_group
from planner.jit import jit
from planner.sampling import draw_law


@jit(VOID(*MEMORY, INT), forceinline=True, late=True)
def serve(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """An answer came: done, or to be checked by a cascade's verifier."""
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    size = slot + m[desk + c.D_SIZES]
    if m[c.C_PIN_TTL] != c.NONE:
        pin_to(m, slot)
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
    score = f[m[slot + c.L_FLOATS] + c.G_LUCK + c.LUCK_SCORE]
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
    f[m[slot + c.L_FLOATS] + c.G_PREVIOUS] = rules.kept_s(kind, k, wait_s, u)
    return wait_s


@jit(INT(*MEMORY, INT), late=True)
def judge(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """As `conclude`, for a call that was counted."""
    now = m[c.R_NOW]
    desk = m[slot + c.L_DESK]
    is_retried(m, f, e, laws, slot)
    was_seen = m[slot + c.L_SEEN_TO_BREAK] != 0
    m[slot + c.L_SEEN_TO_BREAK] = 0
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
        m[slot + c.L_CAUSE] = t.EXPIRED if is_batch(m, desk, slot) else t.TIMED_OUT
    if outcome == t.OK:
        serve(m, f, e, laws, slot)
        return c.NONE
    if is_over(m, f, e, laws, slot, now):
        give_up(m, f, e, laws, slot)
        return c.NONE
    reselects = m[c.C_RESELECTS] != 0
    if reselects and turned_away == t.TOO_LARGE:
        m[slot + c.L_TRIED] |= 1 << place_in_group(m, slot, desk)
    is_last = m[slot + c.L_TRY] >= m[desk + c.D_RETRIES + rules.retry_class(outcome)]
    has_sibling = reselects and has_somebody(m, f, e, laws, slot)
    moves_on = (
        m[slot + c.L_STATUS] == rules.FILTERED
        or (turned_away != t.NO_CAUSE and not reselects)
        or (is_last and (not m[desk + c.D_SLEEPS] or m[slot + c.L_TRY] == 0))
        or (reselects and not is_last and not has_sibling)
        or (not reselects and not is_last and turns_away(m, f, e, laws, desk, slot, now))
    )
    if (
        (was_seen or (outcome == t.ERROR and m[slot + c.L_STREAMED] != c.NONE))
        and not m[desk + c.D_RETRIES_BROKEN]
        # Somebody has seen a part of it, unless a cascade would have checked it first.
        and (m[m[slot + c.L_ROUTE] + c.T_ESCALATE] == c.NONE or m[slot + c.L_STAGE] == c.OMNI_STAGE)
    ):
        m[slot + c.L_BROKE_OFF] = 1
        moves_on = True
    retry_after = m[slot + c.L_RETRY_AFTER]
    if not m[desk + c.D_RETRY_AFTER]:
        retry_after = t.NEVER
    skips = has_sibling and m[desk + c.D_SKIPS_WAIT] and m[m[slot + c.L_GROUP] + c.U_LENGTH] > 1
    if retry_after != t.NEVER and retry_after > m[desk + c.D_RETRY_CAP]:
        moves_on = moves_on or (not skips and not m[desk + c.D_ABOVE_CAP])
        retry_after = t.NEVER
    moves_on = moves_on or (not is_last and not may_retry(m, f, e, laws, slot))
    if moves_on:
        if m[slot + c.L_STARTED] == t.NEVER and not m[slot + c.L_HAS_DONE]:
            return c.NEXT
        m[slot + c.L_RESUME] = c.NEXT
        push(e, now, STARTS, m[slot + c.L_NAME], m[slot + c.L_ATTEMPTS], c.K_RESUME, slot, 0, 0)
        return c.NONE
    wait_ns = retry_after
    if skips:
        wait_ns = 0
    elif retry_after == t.NEVER:
        wait_ns = to_ns(backoff(m, f, e, laws, desk, slot))
    elif f[m[desk + c.D_FLOATS] + c.F_RETRY_JITTER_S] > 0.0:
        u = chance_of(m, f, e, laws, desk, c.D_S_BACKOFF, slot)
        wait_ns += to_ns(f[m[desk + c.D_FLOATS] + c.F_RETRY_JITTER_S] * u)
    m[slot + c.L_TRY] += 1
    resume = c.NEXT if is_last else (c.RESELECT if reselects else c.ATTEMPT)
    pause(m, f, e, laws, slot, wait_ns, resume)
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
        if (resume == c.NEXT or resume == c.RESELECT) and not next_target(m, f, e, laws, slot, resume):
            return
        desk = m[slot + c.L_DESK]
        is_first = m[slot + c.L_ATTEMPTS] == 0
        if m[m[slot + c.L_ROUTE] + c.T_ESCALATE] != c.NONE:
            m[slot + c.L_ROLE] = t.ROLE_OMNI if m[slot + c.L_STAGE] == c.OMNI_STAGE else t.ROLE_MINI
        else:
            m[slot + c.L_ROLE] = t.PRIMARY if is_first else t.RETRY
        if place(m, f, e, laws, desk, slot) == WILL_HAPPEN:
            if m[desk + c.D_HEDGE_AFTER] != c.NONE and not is_unhurried(m, slot):
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
