"""What happens to a call that is sent: how long it takes, and how it ends."""

import numba

from planner import tables as t
from planner.chance import to_ns, uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.kernel.caches import cold_s
from planner.engines.kernel.signatures import BOOL, FLOAT, INT, MEMORY, chance_of, draw
from planner.jit import jit


@jit(INT(*MEMORY, INT, INT, INT, INT, INT, INT), late=True)
def met(m, f, e, laws, desk, first, n, share, slot, now):  # type: ignore[no-untyped-def]
    """The outage that a call meets which starts now: the last to begin whose [from, to) holds, if the call is among
    the share that do."""
    for number in range(n - 1, -1, -1):
        spell = first + number * c.N_SPELL
        if m[spell + c.P_FROM] <= now < m[spell + c.P_TO]:
            wanted = f[m[spell + c.P_FLOAT] + 1]
            if wanted < 1.0 and chance_of(m, f, e, laws, desk, share, slot) >= wanted:
                return c.NONE
            return spell
    return c.NONE


@jit(numba.types.UniTuple(INT, 2)(*MEMORY, INT, INT, INT, FLOAT, INT), late=True)
def out(m, f, e, laws, desk, spell, stream, added_s, slot):  # type: ignore[no-untyped-def]
    """(first token, end) of a call that an outage leaves without an answer."""
    mode = m[spell + c.P_MODE]
    if mode == rules.HANG:
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.TIMEOUT, 0
        return t.NEVER, t.NEVER
    m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.ERROR, m[spell + c.P_STATUS]
    if mode == rules.OVERLOADED:
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.LIMITED, 429
        m[slot + c.L_RETRY_AFTER] = m[spell + c.P_RETRY_AFTER]
    answer_s = draw(m, f, e, laws, desk, stream, m[spell + c.P_LAW], slot)
    return t.NEVER, to_ns(added_s) + to_ns(answer_s)


@jit(INT(*MEMORY, INT), forceinline=True, late=True)
def recorded_ns(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Recorded service time of the next attempt; the last one repeats."""
    n = m[c.C_N_SERVICE]
    if n == 0:
        return t.NEVER
    known = 0
    wanted, last = m[slot + c.L_CALL_ATTEMPT], t.NEVER
    for k in range(n):
        time_ns = m[slot + m[c.C_SERVICE] + k]
        if time_ns != t.NEVER:
            last = time_ns
            if known == wanted:
                break
            known += 1
    return last


@jit(BOOL(*MEMORY, INT, INT, FLOAT), forceinline=True, late=True)
def is_filtered(m, f, e, laws, desk, slot, share):  # type: ignore[no-untyped-def]
    """Whether the provider's content filter refuses the prompt: the same one every time."""
    u = uniform(m[c.C_SEED], m[c.C_REPLICATION], m[desk + c.D_S_FILTER], m[slot + c.L_NAME], 0)
    return u < share


@jit(numba.types.UniTuple(INT, 2)(*MEMORY, INT, INT, INT, INT), late=True)
def broken(m, f, e, laws, desk, slot, first_ns, total_ns):  # type: ignore[no-untyped-def]
    """(first token, end) of a call that would be answered, if it breaks off: at any moment of its time alike."""
    rate = f[m[desk + c.D_FLOATS] + c.F_BREAK_RATE]
    u = chance_of(m, f, e, laws, desk, c.D_S_BREAK, slot)
    if u >= rate:
        return first_ns, total_ns
    broken_ns = int(total_ns * (u / rate))
    m[slot + c.L_CALL_OUTCOME] = t.ERROR
    if broken_ns < first_ns:
        m[slot + c.L_STATUS] = m[desk + c.D_ERROR_STATUS]
        return t.NEVER, broken_ns
    size = slot + m[desk + c.D_SIZES]
    visible = m[size + c.M_OUTPUT] + m[size + c.M_SPOKEN]
    m[slot + c.L_STREAMED] = rules.streamed(visible, first_ns, broken_ns, total_ns)
    return first_ns, broken_ns


@jit(numba.types.UniTuple(INT, 2)(*MEMORY, INT, INT, INT), late=True)
def service(m, f, e, laws, desk, slot, now):  # type: ignore[no-untyped-def]
    """(first token, end) after the start, NEVER where it does not come; sets outcome and status."""
    added_s = 0.0
    if m[desk + c.D_GATEWAY] != rules.NO_LAW:
        added_s = draw(m, f, e, laws, desk, c.D_S_GATEWAY, m[desk + c.D_GATEWAY], slot)
    slowdown = 1.0
    n = m[desk + c.D_N_GATEWAY_SPELLS]
    if n:
        # What the platform does of itself comes first: the call never gets to the provider.
        gate = met(m, f, e, laws, desk, m[desk + c.D_GATEWAY_SPELLS], n, c.D_S_GATEWAY_SHARE, slot, now)
        if gate != c.NONE:
            if m[gate + c.P_MODE] != rules.DEGRADED:
                m[slot + c.L_ANSWERS] = 0  # nobody makes tokens, though a hang is only seen when it is cut
                return out(m, f, e, laws, desk, gate, c.D_S_GATEWAY_OUTAGE, 0.0, slot)
            slowdown = f[m[gate + c.P_FLOAT]]
            added_s *= slowdown
    n = m[desk + c.D_N_SPELLS]
    if n:
        spell = met(m, f, e, laws, desk, m[desk + c.D_SPELLS], n, c.D_S_OUTAGE_SHARE, slot, now)
        if spell != c.NONE:
            if m[spell + c.P_MODE] != rules.DEGRADED:
                return out(m, f, e, laws, desk, spell, c.D_S_OUTAGE, added_s, slot)
            slowdown *= f[m[spell + c.P_FLOAT]]
    share = f[m[desk + c.D_FLOATS] + c.F_FILTER_SHARE]
    if share > 0.0 and is_filtered(m, f, e, laws, desk, slot, share):
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.ERROR, rules.FILTERED
        answer_s = draw(m, f, e, laws, desk, c.D_S_FILTER_LATENCY, m[desk + c.D_FILTER_LAW], slot)
        return t.NEVER, to_ns(added_s) + to_ns(answer_s)
    # Of most calls the luck was drawn before, many at a time: the same as is drawn here, only sooner.
    luck = m[slot + c.L_FLOATS] + c.G_LUCK
    is_drawn = m[slot + c.L_DRAWN] == desk and m[slot + c.L_DRAW] == 0
    rate = f[m[desk + c.D_FLOATS] + c.F_ERROR_RATE]
    if (
        rate > 0.0
        and (f[luck + c.LUCK_ERROR] if is_drawn else chance_of(m, f, e, laws, desk, c.D_S_ERROR, slot)) < rate
    ):
        m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.ERROR, m[desk + c.D_ERROR_STATUS]
        answer_s = draw(m, f, e, laws, desk, c.D_S_ERROR_LATENCY, m[desk + c.D_ERROR_LAW], slot)
        return t.NEVER, to_ns(added_s) + to_ns(answer_s)
    m[slot + c.L_CALL_OUTCOME], m[slot + c.L_STATUS] = t.OK, 200
    recorded = recorded_ns(m, f, e, laws, slot)
    if recorded != t.NEVER:
        taken = recorded if slowdown == 1.0 else to_ns(recorded / 1e9 * slowdown)
        total_ns = to_ns(added_s) + taken
        return total_ns, total_ns
    later_s = cold_s(m, f, desk, slot) if m[desk + c.D_CACHE] else 0.0
    if m[desk + c.D_TOTAL] != rules.NO_LAW:
        total_s = later_s + (
            f[luck + c.LUCK_TIME]
            if is_drawn
            else draw(m, f, e, laws, desk, c.D_S_TTFT, m[desk + c.D_TOTAL], slot)
        )
        total_ns = to_ns(added_s) + to_ns(total_s * slowdown)
        return total_ns, total_ns
    if is_drawn:
        ttft_s, speed = f[luck + c.LUCK_TIME], f[luck + c.LUCK_SPEED]
    else:
        ttft_s = draw(m, f, e, laws, desk, c.D_S_TTFT, m[desk + c.D_TTFT], slot)
        speed = draw(m, f, e, laws, desk, c.D_S_SPEED, m[desk + c.D_SPEED], slot)
    ttft_s += later_s
    size = slot + m[desk + c.D_SIZES]
    first_ns, total_ns = rules.call_times(
        ttft_s, speed, m[size + c.M_HIDDEN], m[size + c.M_OUTPUT] + m[size + c.M_SPOKEN], slowdown, added_s
    )
    return (first_ns if m[desk + c.D_STREAMS] else total_ns), total_ns
