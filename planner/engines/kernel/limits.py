"""Rate limits: how long a call has to wait for its deployment's limiters, and what its end sets right."""

from planner.engines import layout as c
from planner.engines import limiters, rules
from planner.engines.kernel.signatures import INT, MEMORY, VOID
from planner.jit import jit


@jit(VOID(*MEMORY, INT, INT), forceinline=True)
def fill(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """Bring the levels of all limiters up to now."""
    filled, length = m[desk + c.D_FILLED], m[desk + c.D_WINDOW_NS]
    m[desk + c.D_FILLED] = now
    if length:
        m[desk + c.D_LEVEL_R] = limiters.renewed(
            m[desk + c.D_LEVEL_R], filled, now, length, m[desk + c.D_RCAP]
        )
        m[desk + c.D_LEVEL_T] = limiters.renewed(
            m[desk + c.D_LEVEL_T], filled, now, length, m[desk + c.D_TCAP]
        )
        return
    if m[desk + c.D_RQ]:
        m[desk + c.D_LEVEL_R] = rules.refilled(
            m[desk + c.D_LEVEL_R], now - filled, m[desk + c.D_RP], m[desk + c.D_RCAP]
        )
    if m[desk + c.D_TQ]:
        m[desk + c.D_LEVEL_T] = rules.refilled(
            m[desk + c.D_LEVEL_T], now - filled, m[desk + c.D_TP], m[desk + c.D_TCAP]
        )


@jit(INT(*MEMORY, INT, INT, INT), forceinline=True)
def limiter_wait(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """Nanoseconds until every limiter holds what the call needs."""
    fill(m, f, e, laws, desk, now)
    length = m[desk + c.D_WINDOW_NS]
    if length:
        return max(
            limiters.window_wait(m[desk + c.D_LEVEL_R], m[slot + c.L_NEED_R], now, length),
            limiters.window_wait(m[desk + c.D_LEVEL_T], m[slot + c.L_NEED_T], now, length),
        )
    longest = 0
    if m[desk + c.D_RQ]:
        longest = rules.refill_wait(m[desk + c.D_LEVEL_R], m[slot + c.L_NEED_R], m[desk + c.D_RP])
    if m[desk + c.D_TQ]:
        longest = max(
            longest, rules.refill_wait(m[desk + c.D_LEVEL_T], m[slot + c.L_NEED_T], m[desk + c.D_TP])
        )
    return longest


@jit(VOID(*MEMORY, INT, INT, INT, INT))
def settle(m, f, e, laws, desk, slot, bills_input, bills_output):  # type: ignore[no-untyped-def]
    """A call has ended: its tokens are set right to what it is billed."""
    fill(m, f, e, laws, desk, m[c.R_NOW])
    size, used = slot + m[desk + c.D_SIZES], 0
    if bills_input:
        used += m[size + c.M_INPUT] + m[size + c.M_CACHED] + m[size + c.M_WRITTEN]
        used += m[size + c.M_IMAGE] + m[size + c.M_HEARD]
    if bills_output:
        used += m[size + c.M_OUTPUT] + m[size + c.M_HIDDEN] + m[size + c.M_SPOKEN]
    m[desk + c.D_LEVEL_T] = limiters.settled(
        m[desk + c.D_LEVEL_T], m[slot + c.L_TAKE_T], used * m[desk + c.D_TQ], m[desk + c.D_TCAP]
    )
