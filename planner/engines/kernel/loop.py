"""The loop over events: takes the next one, or the next arrival, and lets it happen.

`planner.engines.desk` and `planner.engines.reference` are the definition; here the same life is told
without generators: a request that waits is a row of `slots` that names what it does next (`L_RESUME`).
Everything is integers in arrays (`planner.engines.layout`, imported as `c`).
"""

import numba

from planner import tables as t
from planner.chance import to_ns
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import pop
from planner.engines.kernel.breakers import send_queue_on, told
from planner.engines.kernel.calls import end_call, hand_over
from planner.engines.kernel.conversations import begin_talk, follow, has_slots, take_slot
from planner.engines.kernel.endings import begin_layers, give_up, pause
from planner.engines.kernel.hedging import hedge
from planner.engines.kernel.queues import leave, offer
from planner.engines.kernel.requests import advance, end_check, go_on_after
from planner.engines.kernel.signatures import ARRIVALS, BOOL, INT, MARGIN, MEMORY, VOID, is_unhurried
from planner.engines.kernel.turns import begin_pass
from planner.jit import jit
from planner.raw import RAW_INTEGERS, raw
from planner.sampling import LAWS_TYPE, draw_law


@jit(inline="always")
def start_life(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A request's life begins."""
    now = m[c.R_NOW]
    deadline = c.NONE if is_unhurried(m, slot) else m[c.C_DEADLINE]
    m[c.R_IN_FLIGHT] += 1
    m[slot + c.L_ARRIVED] = now
    m[slot + c.L_DEADLINE] = c.NONE if deadline == c.NONE else now + deadline
    if m[c.C_IS_OPEN] and m[slot + c.L_LATER] != c.NONE:
        follow(m, f, e, laws, m[slot + c.L_LATER])
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


@jit(VOID(*MEMORY, INT), late=True)
def begin(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """A later row of a conversation arrives; first ones have the same inline, as there are most of them."""
    start_life(m, f, e, laws, slot)


@jit(inline="always")
def handle(m, f, e, laws, event, now):  # type: ignore[no-untyped-def]
    """One event."""
    kind, who = e[event + c.E_KIND], e[event + c.E_WHO]
    if kind == c.K_END:
        # A ticket names one call for ever: what was cancelled has none, and the slot may long have another request.
        if m[who + c.L_TICKET] == e[event + c.E_TICKET]:
            end_call(m, f, e, laws, who)
            go_on_after(m, f, e, laws, who)
    elif kind == c.K_RESUME:
        advance(m, f, e, laws, who, m[who + c.L_RESUME])
    elif kind == c.K_HAND_OVER:
        hand_over(m, f, e, laws, who)
    elif kind == c.K_LEFT:
        if m[who + c.L_TICKET] == e[event + c.E_TICKET]:
            go_on_after(m, f, e, laws, who)
    elif kind == c.K_HEDGE:
        if m[who + c.L_BUNDLE] == e[event + c.E_TICKET]:
            hedge(m, f, e, laws, who)
    elif kind == c.K_WAKE:
        if m[who + c.D_WAKE] == now:
            m[who + c.D_WAKE] = c.NONE
        offer(m, f, e, laws, who)
    elif kind == c.K_EXPIRE:
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
    elif kind == c.K_BEGIN:
        m[c.R_TO_COME] -= 1
        if m[c.R_IN_FLIGHT] >= m[c.C_MAX_IN_FLIGHT]:
            m[c.R_IS_TOO_MUCH] = 1
        else:
            begin(m, f, e, laws, who)
    elif kind == c.K_CAP:
        m[who + c.D_CONCURRENT] = e[event + c.E_CAUSE]
        offer(m, f, e, laws, who)
    elif kind == c.K_TELL:
        told(m, f, e, laws, event, who)
    elif kind == c.K_SEND_ON:
        send_queue_on(m, f, e, laws, who)


@jit(inline="always")
def enter(m, f, slot, block, index):  # type: ignore[no-untyped-def]
    """A request's facts are copied into its slot, so that a block can go while it is under way or still to come."""
    m[slot + c.L_NAME] = block.rows[index, c.ROW_NAME]
    m[slot + c.L_TASK] = block.rows[index, c.ROW_TASK]
    m[slot + c.L_ROUTE] = block.rows[index, c.ROW_ROUTE]
    m[slot + c.L_FACTS] = block.rows[index, c.ROW_FACTS]
    m[slot + c.L_INPUT] = block.rows[index, c.ROW_INPUT]
    m[slot + c.L_OUTPUT] = block.rows[index, c.ROW_OUTPUT]
    m[slot + c.L_PAUSE] = block.rows[index, c.ROW_PAUSE]
    m[slot + c.L_IS_REPEAT] = block.rows[index, c.ROW_REPEATS] > 0
    m[slot + c.L_TALK] = c.NONE
    m[slot + c.L_LATER] = c.NONE
    m[slot + c.L_ATTEMPTS] = 0
    m[slot + c.L_CAUSE] = t.NO_ELIGIBLE
    m[slot + c.L_OUTCOME] = t.REJECTED
    begin_pass(m, slot)
    m[slot + c.L_WAIT_NS] = 0
    m[slot + c.L_IS_WAITING] = 0
    m[slot + c.L_COUNTS] = m[c.C_COUNTS] + block.rows[index, c.ROW_TASK] * m[c.C_TASK_WIDTH]
    m[slot + c.L_ANSWERED] = c.NONE
    m[slot + c.L_ANSWERED_AGAIN] = c.NONE
    m[slot + c.L_DRAWN] = block.rows[index, c.ROW_DRAWN]
    for k in range(c.N_LUCK):
        f[m[slot + c.L_FLOATS] + c.G_LUCK + k] = block.luck[index, k]
    at = slot + c.N_SLOT
    for k in range(block.behind.shape[1]):
        m[at + k] = block.behind[index, k]
    m[slot + c.L_RETRYING] = 0
    m[slot + c.L_NEXT_ATTEMPT] = 0
    m[slot + c.L_PENDING] = 0
    m[slot + c.L_SEEN_TO_BREAK] = 0
    m[slot + c.L_BUNDLE] = c.NONE
    m[slot + c.L_OWNER] = c.NONE
    m[slot + c.L_TICKET] = c.NONE
    m[slot + c.L_CHOICES] = 0
    if m[c.C_N_LAYERS]:
        at = slot + m[c.C_PASSES] + m[c.C_N_LAYERS]
        for k in range(m[c.C_N_LAYERS] + 3 * m[c.C_N_DESKS]):
            m[at + k] = 0
        begin_layers(m, f, slot, 0)


@jit(inline="always")
def arrive(m, f, e, laws, block, index, rows):  # type: ignore[no-untyped-def]
    """A request arrives; the rows of its conversation that may follow wait in slots of their own."""
    first = m[c.R_FREE_SLOT]
    before = c.NONE
    for row in range(index, index + rows):
        slot = take_slot(m)
        enter(m, f, slot, block, row)
        if before != c.NONE:
            m[before + c.L_LATER] = slot
        before = slot
    if rows > 1:
        m[c.R_TO_COME] += rows - 1
    if m[c.C_REMEMBERS] > (rows == 1) and block.rows[index, c.ROW_SESSION] >= 0:
        begin_talk(m, first, rows)
    start_life(m, f, e, laws, first)


@jit(inline="always")
def rows_of(block, index):  # type: ignore[no-untyped-def]
    """Rows of the conversation that a request begins."""
    rows = 1
    while index + rows < block.rows.shape[0] and block.rows[index + rows, c.ROW_PAUSE] != t.NEVER:
        rows += 1
    return rows


@jit(BOOL(RAW_INTEGERS, INT), forceinline=True, late=True)
def is_first_event(e, name):  # type: ignore[no-untyped-def]
    """Whether the first event comes before an arrival of the same instant."""
    event = e[c.H_HEAP_NS + e[c.H_CAPACITY]]
    return e[event + c.E_ROUND] != ARRIVALS or e[event + c.E_NAME] < name


@jit(INT(numba.int64[::1], numba.float64[::1], numba.int64[::1], LAWS_TYPE, c.BLOCK_TYPE, BOOL, INT))
def run(memory, floats, event_list, law_table, block, is_last, steps):  # type: ignore[no-untyped-def]
    """Let events happen until something is needed (see FINISHED and the others in the layout).

    At most `steps` events and arrivals, so that the caller can show progress and be stopped.
    """
    m, f, e, laws = raw(memory), raw(floats), raw(event_list), raw(law_table)
    n = block.rows.shape[0]
    for _ in range(steps):
        if (
            m[c.R_ATTEMPT_ROW] + MARGIN * c.N_ATTEMPT_COLUMNS > m[c.R_ATTEMPT_END]
            or m[c.R_OUTCOME_ROW] + 2 * c.N_OUTCOME_COLUMNS > m[c.R_OUTCOME_END]
            or m[c.R_EVENT_ROW] + MARGIN * c.N_EVENT_COLUMNS > m[c.R_EVENT_END]
        ):
            return c.NEED_ROWS
        if m[c.C_HEDGES] and m[c.R_FREE_SLOT] == c.NONE:
            return c.NEED_SLOTS
        if e[c.H_FREE] < m[c.R_WAITING] + MARGIN:
            return c.NEED_EVENTS
        index = m[c.R_NEXT_REQUEST]
        if index >= n and not is_last:
            return c.NEED_REQUESTS
        if e[c.H_EVENTS] and (
            index >= n
            or e[c.H_HEAP_NS] < block.rows[index, c.ROW_ARRIVED]
            or (
                e[c.H_HEAP_NS] == block.rows[index, c.ROW_ARRIVED]
                and is_first_event(e, block.rows[index, c.ROW_NAME])
            )
        ):
            now = e[c.H_HEAP_NS]
            m[c.R_NOW] = now
            handle(m, f, e, laws, pop(e), now)
            if m[c.R_IS_TOO_MUCH]:
                return c.TOO_MUCH
        elif index < n:
            m[c.R_NOW] = block.rows[index, c.ROW_ARRIVED]
            rows = 1
            if index + 1 < n and block.rows[index + 1, c.ROW_PAUSE] != t.NEVER:
                rows = rows_of(block, index)
            if m[c.R_TO_COME] + rows - 1 > m[c.C_MAX_IN_FLIGHT]:
                return c.TOO_MANY_TO_COME
            if m[c.R_IN_FLIGHT] >= m[c.C_MAX_IN_FLIGHT]:
                return c.TOO_MUCH
            if m[c.R_FREE_SLOT] == c.NONE or (
                (rows > 1 or m[c.C_REMEMBERS] > 1) and not has_slots(m, rows + 1)
            ):
                return c.NEED_SLOTS
            m[c.R_NEXT_REQUEST] = index + rows
            arrive(m, f, e, laws, block, index, rows)
        else:
            return c.FINISHED
    return c.TICK
