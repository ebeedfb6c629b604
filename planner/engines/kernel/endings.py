"""How a request's waits, passes and life end: pauses, layers of retries, its row."""

from planner import tables as t
from planner.chance import to_ns, uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import push
from planner.engines.kernel.conversations import leave_talk, set_free
from planner.engines.kernel.signatures import BOOL, EXPIRIES, INT, MEMORY, STARTS, VOID
from planner.engines.kernel.tallies import tally_request
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
    is_retried(m, f, e, laws, slot)  # a retry that found nobody to ask has no call to wait for
    allowed = rules.retries_allowed(m[c.R_IN_FLIGHT] - m[c.R_BATCHES], m[c.C_RETRY_PPM], m[c.C_RETRY_MINIMUM])
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
    m[c.R_IN_FLIGHT] -= 1
    m[c.R_DONE] += 1
    if m[slot + c.L_TALK] == c.NONE and m[slot + c.L_LATER] == c.NONE:
        set_free(m, slot)
    else:
        leave_talk(m, f, e, laws, slot, is_served)


@jit(VOID(RAW_INTEGERS, RAW_FLOATS, INT, INT), forceinline=True, late=True)
def begin_layers(m, f, slot, first):  # type: ignore[no-untyped-def]
    """Layers from `first` on are in their first pass."""
    for number in range(first, m[c.C_N_LAYERS]):
        layer = m[c.C_LAYERS] + number * c.N_LAYER
        m[slot + m[c.C_PASSES] + number] = 1
        first_s = rules.kept_at_first(m[layer + c.Y_BACKOFF], f[m[layer + c.Y_FLOATS]])
        f[m[slot + c.L_FLOATS] + c.N_SLOT_F + number] = first_s


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
    u = uniform(seed, replication, stream, name, m[waits])
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
        u,
    )
    f[previous] = rules.kept_s(m[layer + c.Y_BACKOFF], k, wait_s, u)
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
        at = slot + m[c.C_PASSES] + 2 * m[c.C_N_LAYERS]
        m[at + number] += 1
        if m[desk + c.D_CACHE]:
            at += m[c.C_N_DESKS] + 2 * number
            m[at] += m[slot + column + 1]
            m[at + 1] += m[slot + column + 2]
        m[slot + column] = c.NONE


@jit(VOID(*MEMORY, INT), late=True)
def give_up(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    m[slot + c.L_CAUSE] = t.DEADLINE
    finish(m, f, e, laws, slot, 0)
