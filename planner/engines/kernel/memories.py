"""Choices by what earlier calls left behind; `planner.engines.memories` and `selection` are the definition."""

from planner import tables as t
from planner.chance import uniform
from planner.engines import layout as c
from planner.engines import preference, rules
from planner.engines.kernel.candidates import is_candidate
from planner.engines.kernel.limits import answered, sent
from planner.engines.kernel.signatures import BOOL, FLOAT, INT, MEMORY, VOID, is_batch
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(FLOAT(RAW_INTEGERS, INT), forceinline=True, late=True)
def next_uniform(m, slot):  # type: ignore[no-untyped-def]
    """The next draw of a request for its choices."""
    m[slot + c.L_CHOICES] += 1
    seed, replication, stream = m[c.C_SEED], m[c.C_REPLICATION], m[c.C_SELECT_STREAM]
    return uniform(seed, replication, stream, m[slot + c.L_NAME], m[slot + c.L_CHOICES] - 1)


# -- what calls leave behind -----------------------------------------------------------------------------


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def turn(m, memory, now):  # type: ignore[no-untyped-def]
    """Begin anew where a new minute has begun."""
    minute = preference.minute_of(now)
    if m[memory + c.B_MINUTE] != minute:
        m[memory + c.B_MINUTE] = minute
        m[memory + c.B_REQUESTS] = 0
        m[memory + c.B_TOKENS] = 0


@jit(VOID(RAW_INTEGERS, INT, INT), late=True)
def note_sent(m, desk, now):  # type: ignore[no-untyped-def]
    """A call is sent to a desk that remembers."""
    if m[c.C_SELECT] == rules.LOWEST_USAGE:
        turn(m, m[desk + c.D_MEMORY], now)
        m[m[desk + c.D_MEMORY] + c.B_REQUESTS] += 1


@jit(VOID(RAW_INTEGERS, INT, INT), late=True)
def add_sample(m, memory, sample):  # type: ignore[no-untyped-def]
    """Keep a sample; the oldest one goes where there is no room."""
    most, at = m[m[c.C_RULE] + c.W_SAMPLES], memory + c.N_LATENCIES + m[memory + c.A_NEXT]
    if m[memory + c.A_KEPT] == most:
        m[memory + c.A_TOTAL] -= m[at]
    else:
        m[memory + c.A_KEPT] += 1
    m[at] = sample
    m[memory + c.A_TOTAL] += sample
    m[memory + c.A_NEXT] = (m[memory + c.A_NEXT] + 1) % most


@jit(VOID(*MEMORY, INT, INT), late=True)
def note_end(m, f, e, laws, desk, slot):  # type: ignore[no-untyped-def]
    """A call has ended at a desk that remembers, or was refused there."""
    memory, rule, outcome = m[desk + c.D_MEMORY], m[c.C_RULE], m[slot + c.L_CALL_OUTCOME]
    output_tokens, is_latency = answered(m, f, e, laws, desk, slot), m[c.C_SELECT] == rules.LOWEST_LATENCY
    if outcome == t.OK:
        turn(m, memory, m[slot + c.L_ENDED])
        m[memory + c.B_REQUESTS] += 1 if is_latency else 0  # lowest-usage counts it when it is sent
        m[memory + c.B_TOKENS] += sent(m, f, e, laws, desk, slot) + output_tokens
    if not is_latency:
        return
    sample = m[rule + c.W_FAILURE_PS]
    if outcome == t.OK:
        started = m[slot + c.L_STARTED]
        total_ns, first_ns = m[slot + c.L_ENDED] - started, m[slot + c.L_FIRST] - started
        sample = preference.sample_ps(m[rule + c.W_COUNTS], total_ns, first_ns, output_tokens)
    elif outcome == t.TIMEOUT:
        sample = m[rule + c.W_TIMEOUT_PS]
    elif outcome == t.CANCELLED:
        sample = preference.NONE
    if sample != preference.NONE:
        add_sample(m, memory, sample)


# -- choices ---------------------------------------------------------------------------------------------


@jit(BOOL(*MEMORY, INT, INT), late=True)
def is_full(m, f, e, laws, slot, desk):  # type: ignore[no-untyped-def]
    """Whether one more call would pass a limit of the present minute; a batch API has none of these limits."""
    if is_batch(m, desk, slot):
        return False
    memory = m[desk + c.D_MEMORY]
    turn(m, memory, m[c.R_NOW])
    return preference.is_full(
        m[memory + c.B_TOKENS],
        sent(m, f, e, laws, desk, slot),
        m[memory + c.B_MOST_TOKENS],
        m[memory + c.B_REQUESTS],
        m[m[c.C_RULE] + c.W_MARGIN],
        m[memory + c.B_MOST_REQUESTS],
    )


@jit(INT(RAW_INTEGERS, INT), forceinline=True, late=True)
def mean_of(m, memory):  # type: ignore[no-untyped-def]
    return preference.mean_ps(m[memory + c.A_TOTAL], m[memory + c.A_KEPT])


@jit(BOOL(*MEMORY, INT, INT, INT, INT, BOOL), late=True)
def is_compared(m, f, e, laws, slot, level, index, takes, only_seen):  # type: ignore[no-untyped-def]
    """Whether the mean of a member counts: it can be chosen, is not full, and has samples where only those do."""
    if not is_candidate(m, f, e, laws, slot, level, index, takes):
        return False
    desk = m[m[level + c.V_FIRST] + index]
    if m[m[c.C_RULE] + c.W_SKIPS] and is_full(m, f, e, laws, slot, desk):
        return False
    return not only_seen or m[m[desk + c.D_MEMORY] + c.A_KEPT] > 0


@jit(INT(*MEMORY, INT, INT, INT), late=True)
def by_latency(m, f, e, laws, slot, level, takes):  # type: ignore[no-untyped-def]
    """One of those whose mean is near enough to the best one; FULL where all are at a limit."""
    length, first, rule = m[level + c.V_LENGTH], m[level + c.V_FIRST], m[c.C_RULE]
    has_samples = False
    for index in range(length):
        has_samples = has_samples or m[m[m[first + index] + c.D_MEMORY] + c.A_KEPT] > 0
    if m[rule + c.W_UNSEEN] == preference.ZERO_SAMPLE and has_samples:
        for index in range(length):
            if is_candidate(m, f, e, laws, slot, level, index, takes):
                memory = m[m[first + index] + c.D_MEMORY]
                if m[memory + c.A_KEPT] == 0:
                    add_sample(m, memory, 0)
    only_seen = False
    if m[rule + c.W_UNSEEN] == preference.LAST:
        for index in range(length):
            only_seen = only_seen or is_compared(m, f, e, laws, slot, level, index, takes, True)
    best = c.NONE
    for index in range(length):
        if is_compared(m, f, e, laws, slot, level, index, takes, only_seen):
            mean = mean_of(m, m[m[first + index] + c.D_MEMORY])
            if best == c.NONE or mean < best:
                best = mean
    if best == c.NONE:
        return c.FULL
    bar, n_near = preference.bar_ps(best, m[rule + c.W_BUFFER_PPM]), 0
    for index in range(length):
        if is_compared(m, f, e, laws, slot, level, index, takes, only_seen):
            n_near += mean_of(m, m[m[first + index] + c.D_MEMORY]) <= bar
    wanted = preference.drawn(next_uniform(m, slot), n_near)
    for index in range(length):
        counts = is_compared(m, f, e, laws, slot, level, index, takes, only_seen)
        if counts and mean_of(m, m[m[first + index] + c.D_MEMORY]) <= bar:
            if wanted == 0:
                return index
            wanted -= 1
    return c.NONE


@jit(INT(*MEMORY, INT, INT, INT), late=True)
def by_usage(m, f, e, laws, slot, level, takes):  # type: ignore[no-untyped-def]
    """One of those with the fewest tokens this minute that are not full; FULL where all are."""
    length, first = m[level + c.V_LENGTH], m[level + c.V_FIRST]
    n_open = 0
    for index in range(length):
        can_take = is_candidate(m, f, e, laws, slot, level, index, takes)
        if can_take and not is_full(m, f, e, laws, slot, m[first + index]):
            n_open += 1
    if n_open == 0 and not m[m[c.C_RULE] + c.W_ASKS_LOWEST]:
        return c.FULL
    least, n_least = c.NONE, 0
    for index in range(length):
        if is_candidate(m, f, e, laws, slot, level, index, takes):
            desk = m[first + index]
            if n_open > 0 and is_full(m, f, e, laws, slot, desk):
                continue
            tokens = m[m[desk + c.D_MEMORY] + c.B_TOKENS]
            if least == c.NONE or tokens < least:
                least, n_least = tokens, 0
            if tokens == least:
                n_least += 1
    wanted = preference.drawn(next_uniform(m, slot), n_least)
    for index in range(length):
        if is_candidate(m, f, e, laws, slot, level, index, takes):
            desk = m[first + index]
            if n_open > 0 and is_full(m, f, e, laws, slot, desk):
                continue
            if m[m[desk + c.D_MEMORY] + c.B_TOKENS] == least:
                if wanted == 0:
                    return index
                wanted -= 1
    return c.NONE
