"""Windows of ends behind a desk: the last calls in a ring, or buckets of the last seconds in one."""

from planner.engines import layout as c
from planner.engines.health_rules import bucket_start
from planner.engines.kernel.signatures import INT, VOID
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(VOID(RAW_INTEGERS, INT), forceinline=True, late=True)
def clear_window(m, ring):  # type: ignore[no-untyped-def]
    m[ring + c.Z_OLDEST] = 0
    m[ring + c.Z_LENGTH] = 0
    m[ring + c.Z_CALLS] = 0
    m[ring + c.Z_FAILED] = 0
    m[ring + c.Z_SLOW] = 0


@jit(VOID(RAW_INTEGERS, INT, INT, INT, INT), forceinline=True, late=True)
def tally(m, ring, calls, failed, slow):  # type: ignore[no-untyped-def]
    m[ring + c.Z_CALLS] += calls
    m[ring + c.Z_FAILED] += failed
    m[ring + c.Z_SLOW] += slow


@jit(VOID(RAW_INTEGERS, INT, INT, INT), late=True)
def add_call(m, ring, failed, slow):  # type: ignore[no-untyped-def]
    """An end in a window of calls, instead of the oldest one where it is full."""
    places, oldest, first = m[ring + c.Z_PLACES], m[ring + c.Z_OLDEST], ring + c.N_HEALTH
    if m[ring + c.Z_LENGTH] == places:
        before = m[first + oldest]
        tally(m, ring, -1, -(before & 1), -(before >> 1))
        place = oldest
        m[ring + c.Z_OLDEST] = (oldest + 1) % places
    else:
        place = m[ring + c.Z_LENGTH]  # it fills from an empty one, whose oldest stands first
        m[ring + c.Z_LENGTH] += 1
    m[first + place] = failed | slow << 1
    tally(m, ring, 1, failed, slow)


@jit(VOID(RAW_INTEGERS, INT, INT, INT, INT), late=True)
def add_to_bucket(m, ring, now, failed, slow):  # type: ignore[no-untyped-def]
    """An end in a window of buckets, after those whose beginning is a window ago are forgotten."""
    places, first = m[ring + c.Z_PLACES], ring + c.N_HEALTH
    while m[ring + c.Z_LENGTH]:
        bucket = first + m[ring + c.Z_OLDEST] * c.N_BUCKET
        if now - m[bucket + c.ZB_START] < m[ring + c.Z_WINDOW_NS]:
            break
        tally(m, ring, -m[bucket + c.ZB_CALLS], -m[bucket + c.ZB_FAILED], -m[bucket + c.ZB_SLOW])
        m[ring + c.Z_OLDEST] = (m[ring + c.Z_OLDEST] + 1) % places
        m[ring + c.Z_LENGTH] -= 1
    length = m[ring + c.Z_LENGTH]
    bucket = first + (m[ring + c.Z_OLDEST] + length - 1) % places * c.N_BUCKET
    if length == 0 or now - m[bucket + c.ZB_START] >= m[ring + c.Z_BUCKET_NS]:
        bucket = first + (m[ring + c.Z_OLDEST] + length) % places * c.N_BUCKET
        m[ring + c.Z_LENGTH] += 1
        m[bucket + c.ZB_START] = bucket_start(now, m[ring + c.Z_BUCKET_NS], m[ring + c.Z_ALIGNED] != 0)
        m[bucket + c.ZB_CALLS] = 0
        m[bucket + c.ZB_FAILED] = 0
        m[bucket + c.ZB_SLOW] = 0
    m[bucket + c.ZB_CALLS] += 1
    m[bucket + c.ZB_FAILED] += failed
    m[bucket + c.ZB_SLOW] += slow
    tally(m, ring, 1, failed, slow)
