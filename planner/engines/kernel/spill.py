"""Levels that share the load by their health; `planner.engines.selection` is the definition."""

from planner.engines import layout as c
from planner.engines import preference
from planner.engines.kernel.breakers import is_avoided
from planner.engines.kernel.memories import next_uniform
from planner.engines.kernel.signatures import INT, MEMORY
from planner.jit import jit


@jit(INT(*MEMORY, INT, INT), late=True)
def health(m, f, e, laws, slot, level):  # type: ignore[no-untyped-def]
    """Health of a level in per cent, of the deployments that can take the request."""
    members, healthy, first = 0, 0, m[level + c.V_FIRST]
    for index in range(m[level + c.V_LENGTH]):
        desk = m[first + index]
        if m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE] != 0:
            members += 1
            if not is_avoided(m, f, e, laws, desk, m[c.R_NOW]):
                healthy += 1
    return preference.health(healthy, members, m[c.C_SPILL_PPM])


@jit(INT(*MEMORY, INT, INT, INT), late=True)
def first_level(m, f, e, laws, slot, levels, n_levels):  # type: ignore[no-untyped-def]
    """Number of the level at which a request begins, drawn by the levels' shares of the load."""
    total, first_healthy = 0, c.NONE
    for number in range(n_levels):
        one = health(m, f, e, laws, slot, levels + number * c.N_LEVEL)
        total += one
        if one > 0 and first_healthy == c.NONE:
            first_healthy = number
    total = min(100, total)
    point = preference.drawn(next_uniform(m, slot), 100)
    if total == 0:
        return 0
    given = 0
    for number in range(n_levels):
        given += preference.load(health(m, f, e, laws, slot, levels + number * c.N_LEVEL), total, given)
    left_over, given, reached = 100 - given, 0, 0
    for number in range(n_levels):
        own = preference.load(health(m, f, e, laws, slot, levels + number * c.N_LEVEL), total, given)
        given += own
        reached += own
        if number == first_healthy:
            reached += left_over
        if point < reached:
            return number
    return first_healthy
