"""Who of a level can be asked; `planner.engines.selection` is the definition."""

from planner.engines import layout as c
from planner.engines.kernel.breakers import avoids, turns_away
from planner.engines.kernel.signatures import BOOL, INT, MEMORY
from planner.jit import jit
from planner.raw import RAW_INTEGERS

#: Whom a selection chooses among: those whose breaker is closed; where there are none, those that are asked all the
#: same; where there are none either, all that are left, and each turns the call away.
ABLE, OPEN_TO, ANY = range(3)


@jit(INT(RAW_INTEGERS, INT, INT, INT), forceinline=True, late=True)
def index_in_group(m, slot, level, index):  # type: ignore[no-untyped-def]
    """Place of a level's member among all deployments of the group that is tried."""
    return m[level + c.V_FIRST] - m[m[slot + c.L_GROUP] + c.U_CHAIN] + index


@jit(BOOL(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def is_left(m, f, e, laws, slot, level, index):  # type: ignore[no-untyped-def]
    """Whether a member of a level can take the request and is still to be asked in it."""
    desk = m[m[level + c.V_FIRST] + index]
    return (
        not (m[slot + c.L_TRIED] >> index_in_group(m, slot, level, index)) & 1
        and m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE] != 0
        and desk != m[slot + c.L_PINNED]
    )


@jit(BOOL(*MEMORY, INT, INT, INT, INT), forceinline=True, late=True)
def is_candidate(m, f, e, laws, slot, level, index, takes):  # type: ignore[no-untyped-def]
    """Whether a selection may choose a member of a level; `takes` says who is left (ABLE, OPEN_TO or ANY)."""
    if not is_left(m, f, e, laws, slot, level, index):
        return False
    if takes == ANY:
        return True
    desk = m[m[level + c.V_FIRST] + index]
    if takes == OPEN_TO:
        return not turns_away(m, f, e, laws, desk, slot, m[c.R_NOW])
    return not avoids(m, f, e, laws, desk, slot, m[c.R_NOW])
