"""Kinds of rate limits, and a limit as exact integers.

Comes in: a limit per minute and how it is kept; goes out: integers for the engines, and whether 64 bits hold
them. Kinds and their sources: facts, routing_semantics §8 and rate_limit_behaviour.
"""

from fractions import Fraction

TOKEN_BUCKET, FIXED_WINDOW, SUB_WINDOW, LEAKY_BUCKET = (
    "token-bucket",
    "fixed-window",
    "sub-window",
    "leaky-bucket",
)
#: Kinds whose allowance is whole again at the start of every window, and lost at its end.
WINDOWS = (FIXED_WINDOW, SUB_WINDOW)
MINUTE_NS, DAY_NS = 60 * 10**9, 86_400 * 10**9
#: What a limiter counts, by the field that gives its limit.
REQUESTS, TOKENS, INPUT, OUTPUT = range(4)
FIELDS = ("requests_per_minute", "tokens_per_minute", "input_tokens_per_minute", "output_tokens_per_minute")
#: The same of a day.
PER_DAY = {"requests_per_day": REQUESTS, "tokens_per_day": TOKENS}

#: What an engine may hold in its smallest unit.
LARGEST = 2**62
#: Tokens of one call that stay exact, and tokens that calls may owe together where they are charged at their end.
LARGEST_CHARGE, LARGEST_DEBT = 10**7, 4 * 10**9
#: Units that one call takes or owes at most, and that a level goes below zero: far beyond `LARGEST_DEBT` tokens.
LARGEST_UNITS = 2**61


def window_ns(kind: str, slice_ns: int) -> int:
    """Length of a window; 0 for buckets, which have none."""
    return {FIXED_WINDOW: MINUTE_NS, SUB_WINDOW: slice_ns}.get(kind, 0)


def settles(kind: str, charge: str, measure: int) -> bool:
    """Whether what a limiter counts of a call is set right at the call's end."""
    return measure != REQUESTS and (kind == LEAKY_BUCKET or charge == "after-completion")


def shape(limit_per_minute: int, kind: str, *, burst_ns: int, slice_ns: int) -> tuple[int, int, int]:
    """A limiter in integers: (p, q, capacity).

    A bucket gives p units of 1/q back per nanosecond and holds `burst_ns` of them; a window has p = 0 and
    holds the limit times its length, whatever fraction of a token that leaves over being of no use.
    """
    length = window_ns(kind, slice_ns)
    if length:
        held = Fraction(limit_per_minute * length, MINUTE_NS)
        return 0, held.denominator, held.numerator
    rate = Fraction(limit_per_minute, MINUTE_NS)
    return rate.numerator, rate.denominator, rate.numerator * burst_ns


def is_exact(q: int, capacity: int, may_owe: bool) -> bool:
    """Whether a limiter's levels stay exact in 64 bits."""
    return capacity < LARGEST and q * (LARGEST_DEBT if may_owe else LARGEST_CHARGE) < LARGEST
