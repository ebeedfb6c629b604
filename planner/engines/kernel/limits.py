"""Rate limits: what a call asks of its deployment's limiters, how long it waits, what its end sets right."""

from planner.engines import layout as c
from planner.engines import limiters, rules
from planner.engines.kernel.caches import given
from planner.engines.kernel.signatures import BOOL, INT, MEMORY, VOID
from planner.jit import jit
from planner.limiting import LARGEST_CHARGE, REQUESTS


@jit(INT(*MEMORY, INT, INT), forceinline=True, late=True)
def sent(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Input tokens of the present call, whatever the meter."""
    size = slot + m[desk + c.D_SIZES]
    tokens = m[size + c.M_INPUT] + m[size + c.M_CACHED] + m[size + c.M_WRITTEN]
    return tokens + m[size + c.M_IMAGE] + m[size + c.M_HEARD]


@jit(INT(*MEMORY, INT, INT), forceinline=True, late=True)
def answered(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Output tokens of the present call, whatever the meter."""
    size = slot + m[desk + c.D_SIZES]
    return m[size + c.M_OUTPUT] + m[size + c.M_HIDDEN] + m[size + c.M_SPOKEN]


@jit(BOOL(*MEMORY, INT, INT), late=True)
def measure(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Note what the call asks of each limiter; whether it is larger than one of them ever holds."""
    fits = True
    rule = m[desk + c.D_CHARGE]
    x = m[desk + c.D_LIMITERS]
    for _ in range(m[desk + c.D_N_LIMITERS]):
        counted, leaks = m[x + c.X_MEASURE], m[x + c.X_LEAKS]
        asked = 1
        if counted != REQUESTS:
            asked = limiters.asked(
                counted,
                rule,
                sent(m, f, e, laws, desk, slot) - m[slot + c.L_UNCOUNTED],
                answered(m, f, e, laws, desk, slot),
                m[slot + m[desk + c.D_SIZES] + c.M_MAX_OUTPUT],
            )
        m[slot + c.L_ASKED_REQUESTS + counted] = asked
        if asked > LARGEST_CHARGE:  # the product may not fit 64 bits
            fits = fits and (leaks or asked <= m[x + c.X_CAPACITY] // m[x + c.X_Q])
        else:
            fits = fits and (leaks or asked * m[x + c.X_Q] <= m[x + c.X_CAPACITY])
        x += c.N_LIMITER
    return not fits


@jit(VOID(*MEMORY, INT, INT), late=True)
def measure_anew(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Note what the call asks now, where what the prompt cache would give it is not counted."""
    m[slot + c.L_UNCOUNTED] = given(m, desk, slot)
    measure(m, f, e, laws, desk, slot)


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def fill(m, f, e, laws, desk, now):  # type: ignore[no-untyped-def]
    """Bring the levels of all limiters up to now."""
    x = m[desk + c.D_LIMITERS]
    filled = m[x + c.X_FILLED]
    m[x + c.X_FILLED] = now
    for _ in range(m[desk + c.D_N_LIMITERS]):
        level, capacity, length = m[x + c.X_LEVEL], m[x + c.X_CAPACITY], m[x + c.X_WINDOW_NS]
        if length:
            since = m[x + c.X_SINCE]
            m[x + c.X_LEVEL] = limiters.renewed(level, filled + since, now + since, length, capacity)
        else:
            m[x + c.X_LEVEL] = rules.refilled(level, now - filled, m[x + c.X_P], capacity)
        x += c.N_LIMITER


@jit(INT(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def limiter_wait(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """Nanoseconds until every limiter holds what the call needs."""
    n = m[desk + c.D_N_LIMITERS]
    if n == 0:
        return 0
    if m[desk + c.D_UNCOUNTS]:
        measure_anew(m, f, e, laws, desk, slot)
    fill(m, f, e, laws, desk, now)
    longest = 0
    x = m[desk + c.D_LIMITERS]
    for _ in range(n):
        needed = 1  # of a leaky bucket below 100 %, anything left is enough
        if not m[x + c.X_LEAKS]:
            needed = m[slot + c.L_ASKED_REQUESTS + m[x + c.X_MEASURE]] * m[x + c.X_Q]
        length = m[x + c.X_WINDOW_NS]
        if length:
            wait_ns = limiters.window_wait(m[x + c.X_LEVEL], needed, now + m[x + c.X_SINCE], length)
        else:
            wait_ns = rules.refill_wait(m[x + c.X_LEVEL], needed, m[x + c.X_P])
        longest = max(longest, wait_ns)
        x += c.N_LIMITER
    return longest


@jit(INT(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def taken(m, f, e, laws, desk, slot, x):  # type: ignore[no-untyped-def]
    """Units that a limiter gives when the call starts."""
    counted = m[x + c.X_MEASURE]
    if m[desk + c.D_CHARGE] == rules.AFTER_COMPLETION and counted != REQUESTS:
        return 0
    asked = m[slot + c.L_ASKED_REQUESTS + counted]
    if m[x + c.X_LEAKS]:
        return limiters.units(asked, m[x + c.X_Q])  # never asked whether it fits
    return asked * m[x + c.X_Q]


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def take(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Charge a call that starts."""
    x = m[desk + c.D_LIMITERS]
    for _ in range(m[desk + c.D_N_LIMITERS]):
        m[x + c.X_LEVEL] -= taken(m, f, e, laws, desk, slot, x)
        x += c.N_LIMITER


@jit(VOID(*MEMORY, INT, INT, INT, INT), late=True)
def settle(m, f, e, laws, desk, slot, bills_input, bills_output):  # type: ignore[no-untyped-def]
    """A call has ended: its tokens are set right to what it is billed."""
    fill(m, f, e, laws, desk, m[c.R_NOW])
    input_tokens = sent(m, f, e, laws, desk, slot) - m[slot + c.L_UNCOUNTED] if bills_input else 0
    output_tokens = answered(m, f, e, laws, desk, slot) if bills_output else 0
    if bills_output == 2:  # an answer that broke off: what had come
        output_tokens = m[slot + m[desk + c.D_SIZES] + c.M_HIDDEN] + m[slot + c.L_STREAMED]
    x = m[desk + c.D_LIMITERS]
    for _ in range(m[desk + c.D_N_LIMITERS]):
        counted = m[x + c.X_MEASURE]
        if m[x + c.X_SETTLES]:
            used = limiters.units(limiters.used(counted, input_tokens, output_tokens), m[x + c.X_Q])
            took = taken(m, f, e, laws, desk, slot, x)
            m[x + c.X_LEVEL] = limiters.settled(m[x + c.X_LEVEL], took, used, m[x + c.X_CAPACITY])
        x += c.N_LIMITER
