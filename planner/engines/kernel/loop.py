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
from planner.engines.kernel.endings import begin_layers, give_up, pause
from planner.engines.kernel.hedging import hedge
from planner.engines.kernel.queues import leave, offer
from planner.engines.kernel.requests import advance, end_check, go_on_after
from planner.engines.kernel.signatures import BOOL, INT, MARGIN
from planner.engines.kernel.turns import begin_pass
from planner.jit import jit
from planner.raw import raw
from planner.sampling import LAWS_TYPE, draw_law


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
    elif kind == c.K_CAP:
        m[who + c.D_CONCURRENT] = e[event + c.E_CAUSE]
        offer(m, f, e, laws, who)
    elif kind == c.K_TELL:
        told(m, f, e, laws, event, who)
    elif kind == c.K_SEND_ON:
        send_queue_on(m, f, e, laws, who)


@jit(inline="always")
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
    begin_pass(m, slot)
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
        m[at] = block.service[index, k]
        at += 1
    for k in range(block.kept.shape[1]):
        m[at + k] = block.kept[index, k]
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


@jit(INT(numba.int64[::1], numba.float64[::1], numba.int64[::1], LAWS_TYPE, c.BLOCK_TYPE, BOOL, INT))
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
        if m[c.C_HEDGES] and m[c.R_FREE_SLOT] == c.NONE:
            return c.NEED_SLOTS
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
            if slot == c.NONE or (m[c.C_HEDGES] and m[c.R_IN_FLIGHT] >= m[c.C_MAX_IN_FLIGHT]):
                return c.NEED_SLOTS
            m[c.R_FREE_SLOT] = m[slot + c.L_FREE]
            m[c.R_IN_FLIGHT] += 1
            m[c.R_NEXT_REQUEST] = index + 1
            arrive(m, f, e, laws, slot, block, index)
        else:
            return c.FINISHED
    return c.TICK
