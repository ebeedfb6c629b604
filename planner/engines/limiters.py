"""The arithmetic of rate limits that both engines share, on the integers of `planner.limiting`.

A level is kept in units of 1/q token (or request), so that all of it is exact; it may go below zero where a
call is charged at its end. Times are nanoseconds since the window's start, at which a minute and a slice begin.
"""

from planner.jit import jit


@jit("int64(int64, int64, int64, int64, int64)")
def renewed(level: int, filled_ns: int, now: int, length_ns: int, capacity: int) -> int:
    """Level of a window's limiter now: whole again where a new window has begun since `filled_ns`."""
    return level if now // length_ns == filled_ns // length_ns else capacity


@jit("int64(int64, int64, int64, int64)")
def window_wait(level: int, needed: int, now: int, length_ns: int) -> int:
    """Nanoseconds until `needed` units are there: 0, or until the next window begins."""
    return 0 if needed <= level else length_ns - now % length_ns


@jit("int64(int64, int64, int64, int64)")
def settled(level: int, taken: int, used: int, capacity: int) -> int:
    """Level after a call's end: what it took is given back and what it used is taken.

    Never above the capacity: what has drained meanwhile cannot be given back. The floor keeps 64 bits
    from overflowing and is out of reach of `LARGEST_DEBT` tokens.
    """
    return max(-(2**62), min(capacity, level + (taken - used)))
