"""Who of a level can be asked; `planner.engines.selection` is the definition."""

from planner.engines import layout as c
from planner.engines.kernel.breakers import is_rejecting
from planner.engines.kernel.signatures import BOOL, INT, MEMORY
from planner.jit import jit


@jit(BOOL(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def is_left(m, f, e, laws, slot, level, index):  # type: ignore[no-untyped-def]
    """Whether a member of a level can take the request and was not tried in it."""
    desk = m[m[level + c.V_FIRST] + index]
    return not (m[slot + c.L_TRIED] >> index) & 1 and m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE] != 0


@jit(BOOL(*MEMORY, INT, INT, INT, BOOL), forceinline=True, late=True)
def is_candidate(m, f, e, laws, slot, level, index, takes_rejecting):  # type: ignore[no-untyped-def]
    if not is_left(m, f, e, laws, slot, level, index):
        return False
    desk = m[m[level + c.V_FIRST] + index]
    return takes_rejecting or not is_rejecting(m, f, e, laws, desk, m[c.R_NOW])
