"""The arithmetic of rate limits that both engines share, on the integers of `planner.limiting`.

A level is kept in units of 1/q token (or request), so that all of it is exact; it may go below zero where a
call is charged at its end. Times are nanoseconds since the window's start, at which a minute and a slice begin.
"""

import numpy as np
import numpy.typing as npt

from planner.engines import rules
from planner.jit import jit
from planner.limiting import INPUT, LARGEST_UNITS, OUTPUT, REQUESTS

Integers = npt.NDArray[np.int64]


@jit("int64(int64, int64, int64, int64, int64)")
def renewed(level: int, filled_ns: int, now: int, length_ns: int, capacity: int) -> int:
    """Level of a window's limiter now: whole again where a new window has begun since `filled_ns`."""
    return level if now // length_ns == filled_ns // length_ns else capacity


@jit("int64(int64, int64, int64, int64)")
def window_wait(level: int, needed: int, now: int, length_ns: int) -> int:
    """Nanoseconds until `needed` units are there: 0, or until the next window begins."""
    return 0 if needed <= level else length_ns - now % length_ns


@jit("int64(int64, int64)")
def units(tokens: int, q: int) -> int:
    """Tokens in units of 1/q, where nothing says that they fit the limiter; at most `LARGEST_UNITS`."""
    return LARGEST_UNITS if tokens > LARGEST_UNITS // q else tokens * q


@jit("int64(int64, int64, int64, int64)")
def settled(level: int, taken: int, used: int, capacity: int) -> int:
    """Level after a call's end: what it took is given back and what it used is taken.

    Never above the capacity: what has drained meanwhile cannot be given back. The floor keeps 64 bits
    from overflowing and is out of reach of `LARGEST_DEBT` tokens.
    """
    return max(-LARGEST_UNITS, min(capacity, level + (taken - used)))


@jit("int64(int64, int64, int64, int64, int64)")
def asked(measure: int, rule: int, input_tokens: int, output_tokens: int, max_output_tokens: int) -> int:
    """What a call is charged at admission, or must find then, by a limiter of `measure`.

    Arguments are those of `rules.charge`. Of the output alone, a rule charges what it charges of it together
    with the input: the cap that was asked for, the drawn output, or nothing.
    """
    if measure == REQUESTS:
        return 1
    if measure == INPUT:
        return input_tokens
    if measure == OUTPUT:
        if rule in (rules.PROMPT_PLUS_MAX_OUTPUT, rules.MAX_OF_MAX_OUTPUT_AND_ESTIMATE):
            return max_output_tokens
        return output_tokens if rule == rules.ACTUAL else 0
    return rules.charge(rule, input_tokens, output_tokens, max_output_tokens)


@jit("int64[::1](int64, int64, int64[::1], int64[::1], int64[::1])")
def all_asked(measure: int, rule: int, sent: Integers, answered: Integers, caps: Integers) -> Integers:
    """`asked` of many calls."""
    found = np.empty(sent.shape[0], np.int64)
    for i in range(found.shape[0]):
        found[i] = asked(measure, rule, sent[i], answered[i], caps[i])
    return found


@jit("int64(int64, int64, int64)")
def used(measure: int, input_tokens: int, output_tokens: int) -> int:
    """What a limiter counts of the tokens that a call is billed."""
    if measure == INPUT:
        return input_tokens
    return output_tokens if measure == OUTPUT else input_tokens + output_tokens
