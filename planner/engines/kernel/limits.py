"""Rate limits: how long a call has to wait for its deployment's limiters."""

from planner.engines import layout as c
from planner.engines import rules
from planner.engines.kernel.signatures import INT, MEMORY
from planner.jit import jit


@jit(INT(*MEMORY, INT, INT, INT), forceinline=True)
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
