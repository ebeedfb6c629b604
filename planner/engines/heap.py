"""The compiled engine's event list: a binary heap on whole nanoseconds with ranks for ties.

Everything stands in one array `e`: a header, the heap's times, its events, the free events, and the
events themselves. Times stand in the heap; the rest of an event is looked at only when two times are
equal. Order: time, round, request, attempt, then the order in which events were made.
"""

import numba

from planner.engines import layout as c
from planner.jit import jit
from planner.raw import RAW_INTEGERS, raw

_E, _I = RAW_INTEGERS, numba.int64


@jit(numba.boolean(_E, _I, _I))
def is_before(e, one, other):  # type: ignore[no-untyped-def]
    """Whether event `one` comes before `other` at one instant."""
    for column in range(c.E_SEQUENCE + 1):
        a, b = e[one + column], e[other + column]
        if a != b:
            return a < b
    return False


@jit(numba.void(_E, _I, _I, _I, _I, _I, _I, _I, _I))
def push(e, time_ns, round_, name, attempt, kind, who, ticket, cause):  # type: ignore[no-untyped-def]
    """Put an event in its place; there must be room (see NEED_EVENTS)."""
    capacity = e[c.H_CAPACITY]
    times, heap = c.H_HEAP_NS, c.H_HEAP_NS + capacity
    e[c.H_FREE] -= 1
    event = e[heap + capacity + e[c.H_FREE]]
    e[c.H_SEQUENCE] += 1
    e[event + c.E_ROUND] = round_
    e[event + c.E_NAME] = name
    e[event + c.E_ATTEMPT] = attempt
    e[event + c.E_SEQUENCE] = e[c.H_SEQUENCE]
    e[event + c.E_KIND] = kind
    e[event + c.E_WHO] = who
    e[event + c.E_TICKET] = ticket
    e[event + c.E_CAUSE] = cause
    place = e[c.H_EVENTS]
    e[c.H_EVENTS] = place + 1
    while place > 0:
        above = (place - 1) >> 1
        above_ns = e[times + above]
        if above_ns < time_ns or (above_ns == time_ns and is_before(e, e[heap + above], event)):
            break
        e[times + place] = above_ns
        e[heap + place] = e[heap + above]
        place = above
    e[times + place] = time_ns
    e[heap + place] = event


@jit(_I(_E), forceinline=True)
def pop(e):  # type: ignore[no-untyped-def]
    """Take the first event out of the heap; its columns stay readable until the next push."""
    capacity = e[c.H_CAPACITY]
    times, heap = c.H_HEAP_NS, c.H_HEAP_NS + capacity
    first = e[heap]
    last = e[c.H_EVENTS] - 1
    e[c.H_EVENTS] = last
    time_ns, event = e[times + last], e[heap + last]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        right = below + 1
        below_ns = e[times + below]
        if right < last:
            right_ns = e[times + right]
            if right_ns < below_ns or (
                right_ns == below_ns and is_before(e, e[heap + right], e[heap + below])
            ):
                below, below_ns = right, right_ns
        if time_ns < below_ns or (time_ns == below_ns and is_before(e, event, e[heap + below])):
            break
        e[times + place] = below_ns
        e[heap + place] = e[heap + below]
        place = below
    e[times + place] = time_ns
    e[heap + place] = event
    e[heap + capacity + e[c.H_FREE]] = first
    e[c.H_FREE] += 1
    return first


@jit(numba.void(numba.int64[::1], *(_I,) * 8))
def push_first(event_list, time_ns, round_, name, attempt, kind, who, ticket, cause):  # type: ignore[no-untyped-def]
    """`push` for those outside a compiled loop."""
    push(raw(event_list), time_ns, round_, name, attempt, kind, who, ticket, cause)
