"""The client queue by task priority: where a call stands in the one list, in as many steps as there are classes.

The list of a desk is ordered by class, in each class first come, first served; the desk knows the last of
each class. So head, departures and all that walks the list stay as they are without priorities.
"""

from planner.engines import layout as c
from planner.engines.kernel.signatures import INT, MEMORY, VOID
from planner.jit import jit


@jit(INT(*MEMORY, INT, INT), forceinline=True, late=True)
def class_tail(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """Where the desk keeps the last waiting call of the slot's class."""
    return m[desk + c.D_CLASS_TAILS] + m[m[c.C_CLASSES] + m[slot + c.L_TASK]]


@jit(INT(*MEMORY, INT, INT), forceinline=True, late=True)
def enter_class(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """The call that the slot stands behind, or NONE where it becomes the head; it is its class's last now."""
    own = class_tail(m, f, e, laws, desk, slot)
    before = c.NONE
    for at in range(own, m[desk + c.D_CLASS_TAILS] - 1, -1):
        if m[at] != c.NONE:
            before = m[at]
            break
    m[own] = slot
    return before


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def leave_class(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """The slot leaves the list: where it was its class's last, the one before it is, if of its class."""
    own = class_tail(m, f, e, laws, desk, slot)
    if m[own] == slot:
        before = m[slot + c.L_PREVIOUS]
        is_alike = before != c.NONE and class_tail(m, f, e, laws, desk, before) == own
        m[own] = before if is_alike else c.NONE
