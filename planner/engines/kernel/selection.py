"""Which of the equals of a level a request is sent to; `planner.engines.selection` is the definition."""

from planner.chance import uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.kernel.breakers import avoids, turns_away
from planner.engines.kernel.candidates import ABLE, ANY, OPEN_TO, is_candidate, is_left
from planner.engines.kernel.memories import by_latency, by_usage
from planner.engines.kernel.signatures import INT, MEMORY
from planner.jit import jit


@jit(INT(*MEMORY, INT, INT), late=True)
def choose(m, f, e, laws, slot, level):  # type: ignore[no-untyped-def]
    """Index of the member of a level that is asked next, NONE where none is left, FULL where all that are left are."""
    length, first = m[level + c.V_LENGTH], m[level + c.V_FIRST]
    n_left, takes = 0, ANY
    for index in range(length):
        if is_left(m, f, e, laws, slot, level, index):
            n_left += 1
            if not avoids(m, f, e, laws, m[first + index], slot, m[c.R_NOW]):
                takes = ABLE
            elif takes == ANY and not turns_away(m, f, e, laws, m[first + index], slot, m[c.R_NOW]):
                takes = OPEN_TO
    if n_left == 0:
        return c.NONE
    kind = m[c.C_SELECT]
    if kind == rules.LOWEST_LATENCY:
        return by_latency(m, f, e, laws, slot, level, takes)
    if kind == rules.LOWEST_USAGE:
        return by_usage(m, f, e, laws, slot, level, takes)
    if kind == rules.IN_ORDER:
        for index in range(length):
            if is_candidate(m, f, e, laws, slot, level, index, takes if m[c.C_RESELECTS] else ANY):
                return index
    if kind == rules.ROUND_ROBIN:
        for step in range(length):
            index = (m[level + c.V_TURN] + step) % length
            if is_candidate(m, f, e, laws, slot, level, index, takes):
                m[level + c.V_TURN] = index + 1
                return index
    chosen = c.NONE
    if kind == rules.WEIGHTED or kind == rules.INVERSE_PRICE:
        u = uniform(
            m[c.C_SEED], m[c.C_REPLICATION], m[c.C_SELECT_STREAM], m[slot + c.L_NAME], m[slot + c.L_CHOICES]
        )
        m[slot + c.L_CHOICES] += 1
        total, reached = 0.0, 0.0
        for index in range(length):
            if is_candidate(m, f, e, laws, slot, level, index, takes):
                total += f[m[m[first + index] + c.D_FLOATS] + c.F_WEIGHT]
        for index in range(length):
            if is_candidate(m, f, e, laws, slot, level, index, takes):
                chosen = index
                reached += f[m[m[first + index] + c.D_FLOATS] + c.F_WEIGHT]
                if u * total < reached:
                    break
        return chosen
    if kind == rules.CHEAPEST:
        lowest = 0.0
        for index in range(length):
            if is_candidate(m, f, e, laws, slot, level, index, takes):
                price = f[m[m[first + index] + c.D_FLOATS] + c.F_PRICE]
                if chosen == c.NONE or price < lowest:
                    chosen, lowest = index, price
        return chosen
    least = 0
    for index in range(length):
        if is_candidate(m, f, e, laws, slot, level, index, takes):
            desk = m[first + index]
            load = m[desk + c.D_BUSY] + m[desk + c.D_WAITING]
            if chosen == c.NONE or load < least:
                chosen, least = index, load
    return chosen
