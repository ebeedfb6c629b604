"""Calls to batch APIs: handed in, and taken back; `planner.engines.rules.BATCH_CALLS` tells the rules."""

from planner import tables as t
from planner.chance import to_ns
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.heap import push
from planner.engines.kernel.service import is_filtered, recorded_ns
from planner.engines.kernel.signatures import ENDS, INT, MEMORY, VOID, draw
from planner.engines.kernel.tallies import record
from planner.jit import jit


@jit(VOID(*MEMORY, INT, INT), late=True)
def hand_in(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Send a call to the batch API, and schedule its end."""
    now = m[c.R_NOW]
    m[slot + c.L_STARTED] = now
    m[slot + c.L_STREAMED] = c.NONE
    m[slot + c.L_HAS_DONE] = 1
    total_ns = recorded_ns(m, f, e, laws, slot)
    if total_ns == t.NEVER:
        total_ns = to_ns(draw(m, f, e, laws, desk, c.D_S_BATCH, m[desk + c.D_BATCH_LAW], slot))
    share = f[m[desk + c.D_FLOATS] + c.F_FILTER_SHARE]
    if total_ns > m[desk + c.D_EXPIRES]:
        total_ns = m[desk + c.D_EXPIRES]
        m[slot + c.L_CALL_OUTCOME] = t.TIMEOUT
    elif share > 0.0 and is_filtered(m, f, e, laws, desk, slot, share):
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.ERROR, rules.FILTERED
    else:
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.OK, 200
        m[slot + c.L_FIRST] = now + total_ns
    m[c.R_BATCHES] += 1
    at, name, ticket = now + total_ns, m[slot + c.L_NAME], m[slot + c.L_TICKET]
    push(e, at, ENDS, name, m[slot + c.L_CALL_ATTEMPT], c.K_END, slot, ticket, 0)


@jit(VOID(*MEMORY, INT, INT), late=True)
def take_back(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """A call to the batch API is over: its row, and nothing else that others would notice."""
    m[slot + c.L_ENDED] = m[c.R_NOW]
    m[c.R_BATCHES] -= 1
    bills_input, bills_output = 0, 0
    if m[slot + c.L_CALL_OUTCOME] == t.OK:
        bills_input, bills_output = 1, 1
    elif m[slot + c.L_STATUS] == rules.FILTERED and m[desk + c.D_FILTER_BILLS] != rules.BILL_NONE:
        bills_input = 1
    record(m, f, e, laws, slot, desk, bills_input, bills_output)
