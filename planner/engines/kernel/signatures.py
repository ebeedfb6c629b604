"""What every part of the kernel takes: the engine's memory as raw arrays, and draws of luck from it."""

import numba

from planner.chance import uniform
from planner.engines import layout as c
from planner.engines import rules
from planner.jit import jit
from planner.raw import RAW_FLOATS, RAW_INTEGERS
from planner.sampling import draw_law

ENDS, TIMERS, STARTS, EXPIRIES, ARRIVALS = 1, 2, 3, 4, 5  # rules.Round, as plain integers
assert tuple(rules.Round) == (ENDS, TIMERS, STARTS, EXPIRIES, ARRIVALS)

MEMORY = (RAW_INTEGERS, RAW_FLOATS, RAW_INTEGERS, RAW_FLOATS)  # m, f, e, laws
INT, FLOAT, BOOL, VOID = numba.int64, numba.float64, numba.boolean, numba.void
N_METERS = 8

# What `place` and `advance` say of a call.
WILL_HAPPEN, AT_ONCE = 1, 0

#: Rows and events that one event can make beyond those of a queue that is sent on.
MARGIN = 64


@jit(FLOAT(*MEMORY, INT, INT, INT, INT), forceinline=True, late=True)
def draw(m, f, e, laws, desk, stream_column, law, slot):  # type: ignore[no-untyped-def]
    """A draw of the present call of a request, by the stream of a desk."""
    seed, replication = m[c.C_SEED], m[c.C_REPLICATION]
    stream = m[desk + stream_column]
    return draw_law(laws, law, seed, replication, stream, m[slot + c.L_NAME], m[slot + c.L_DRAW])


@jit(FLOAT(*MEMORY, INT, INT, INT), forceinline=True, late=True)
def chance_of(m, f, e, laws, desk, stream_column, slot):  # type: ignore[no-untyped-def]
    """The uniform of the present call of a request, by the stream of a desk."""
    seed, replication = m[c.C_SEED], m[c.C_REPLICATION]
    stream = m[desk + stream_column]
    return uniform(seed, replication, stream, m[slot + c.L_NAME], m[slot + c.L_DRAW])


@jit(BOOL(RAW_INTEGERS, INT), forceinline=True, late=True)
def is_unhurried(m, slot):  # type: ignore[no-untyped-def]
    """Whether a request is of a task with `urgency: batch`."""
    return m[c.C_BATCH] != 0 and m[m[c.C_BATCH] + m[slot + c.L_TASK]] != 0


@jit(BOOL(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def is_batch(m, desk, slot):  # type: ignore[no-untyped-def]
    """Whether a request's call to a desk is handed in to a batch API."""
    return m[desk + c.D_BATCH_LAW] != rules.NO_LAW and is_unhurried(m, slot)


@jit(BOOL(*MEMORY, INT, INT), forceinline=True, late=True)
def is_over(m, f, e, laws, slot, now):  # type: ignore[no-untyped-def]
    deadline = m[slot + c.L_DEADLINE]
    return deadline != c.NONE and now >= deadline
