"""Prompt caches: what of a prefix a call finds, and what it leaves behind; `engines.prompt_caches` is the definition."""

from planner.engines import layout as c
from planner.engines.cache_rules import is_warm
from planner.engines.kernel.signatures import BOOL, FLOAT, INT, VOID
from planner.jit import jit
from planner.raw import RAW_FLOATS, RAW_INTEGERS


@jit(INT(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def entry_of(m, cache, slot):  # type: ignore[no-untyped-def]
    """The entry of a request's task."""
    return cache + c.N_CACHE + m[slot + c.L_TASK] * c.N_ENTRY


@jit(BOOL(RAW_INTEGERS, INT, INT, INT), late=True)
def is_kept(m, cache, entry, now):  # type: ignore[no-untyped-def]
    """Whether an entry was written and is still there."""
    if m[entry + c.I_TOKENS] == 0:
        return False
    touched, written = m[entry + c.I_TOUCHED], m[entry + c.I_WRITTEN]
    return is_warm(now, touched, written, m[cache + c.J_TTL], m[cache + c.J_MAX_AGE])


@jit(INT(RAW_INTEGERS, INT, INT, INT), late=True)
def found_in(m, cache, entry, tokens):  # type: ignore[no-untyped-def]
    """What of so many tokens an entry holds now."""
    return min(tokens, m[entry + c.I_TOKENS]) if is_kept(m, cache, entry, m[c.R_NOW]) else 0


@jit(VOID(RAW_INTEGERS, INT, INT), late=True)
def meet(m, desk, slot):  # type: ignore[no-untyped-def]
    """A call is sent to a desk with a cache: what of its prefix it finds there, by meter."""
    cache = m[desk + c.D_CACHE]
    kept = slot + m[cache + c.J_KEPT]
    own, shared, left = m[kept], m[kept + 1], m[kept + 2]
    found = found_in(m, cache, entry_of(m, cache, slot), shared)
    m[slot + c.L_FOUND_OWN] = 0
    if m[slot + c.L_TALK] != c.NONE:
        found_own = found_in(m, cache, m[slot + c.L_TALK] + m[cache + c.J_TALK], own)
        m[slot + c.L_FOUND_OWN] = found_own > 0
        found = max(found, found_own)
    m[slot + c.L_READ] = found
    if m[cache + c.J_CHARGES]:
        m[slot + c.L_WRITTEN] = max(left, shared) - found


@jit(FLOAT(RAW_INTEGERS, RAW_FLOATS, INT, INT), late=True)
def cold_s(m, f, desk, slot):  # type: ignore[no-untyped-def]
    """Seconds that the part of a prefix which was not found adds to the time to first token."""
    cache = m[desk + c.D_CACHE]
    kept = slot + m[cache + c.J_KEPT]
    return (max(m[kept], m[kept + 1]) - m[slot + c.L_READ]) * f[m[cache + c.J_COLD]]


@jit(VOID(RAW_INTEGERS, INT, INT, INT, INT, INT), late=True)
def touch_entry(m, cache, entry, tokens, started, is_hit):  # type: ignore[no-untyped-def]
    """A call that ended well leaves so many tokens in an entry."""
    if tokens == 0:
        return
    if m[entry + c.I_TOKENS] == 0:
        m[entry + c.I_TOKENS] = tokens
        m[entry + c.I_WRITTEN] = started
        m[entry + c.I_TOUCHED] = started
        return
    if is_hit or is_kept(m, cache, entry, started):
        tokens = max(tokens, m[entry + c.I_TOKENS])
    m[entry + c.I_TOKENS] = tokens
    if not is_hit:
        m[entry + c.I_WRITTEN] = max(m[entry + c.I_WRITTEN], started)
    if not is_hit or m[cache + c.J_REFRESHES]:
        m[entry + c.I_TOUCHED] = max(m[entry + c.I_TOUCHED], started)


@jit(VOID(RAW_INTEGERS, INT, INT), late=True)
def touch(m, desk, slot):  # type: ignore[no-untyped-def]
    """A call at a desk with a cache has ended well."""
    cache, started = m[desk + c.D_CACHE], m[slot + c.L_STARTED]
    kept = slot + m[cache + c.J_KEPT]
    touch_entry(m, cache, entry_of(m, cache, slot), m[kept + 1], started, m[slot + c.L_READ] > 0)
    talk = m[slot + c.L_TALK]
    if talk != c.NONE:
        touch_entry(m, cache, talk + m[cache + c.J_TALK], m[kept + 2], started, m[slot + c.L_FOUND_OWN])
