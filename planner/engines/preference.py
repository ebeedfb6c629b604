"""The arithmetic, shared by both engines, of selections that remember and of levels that share the load.

Samples of latency are picoseconds, uses are counts within a minute, shares whole per cent: all of it integers, so that
the engines agree to the bit. Sources: facts, routing_semantics §6 (LiteLLM's latency and usage routing, Envoy's
priority levels).
"""

from planner.jit import jit
from planner.limiting import MINUTE_NS

NONE = -1
MILLION = 1_000_000

# What a sample of latency is.
PER_TOKEN, FIRST_TOKEN, FIRST_TOKEN_PER_TOKEN, TOTAL = range(4)
COUNTS = ("per-token", "first-token", "first-token-per-token", "total")
# What a deployment without samples counts as.
ZERO_SAMPLE, FIRST, LAST = range(3)
UNSEEN = ("zero-sample", "first", "last")

#: The longest sample. 100 of them, or one times 101, stay below 2^63 picoseconds.
LONGEST_NS = 46_000 * 10**9


# -- latency -------------------------------------------------------------------------------------------


@jit("int64(int64, int64, int64, int64)")
def sample_ps(counts: int, total_ns: int, first_ns: int, output_tokens: int) -> int:
    """The sample of an answered call in picoseconds (per token), rounded down.

    `total_ns` and `first_ns` run from the call's start to its end and its first visible token; `output_tokens` are all
    that were made. A call without any counts as one token, as in LiteLLM.
    """
    span_ns = first_ns if counts in (FIRST_TOKEN, FIRST_TOKEN_PER_TOKEN) else total_ns
    tokens = max(1, output_tokens) if counts in (PER_TOKEN, FIRST_TOKEN_PER_TOKEN) else 1
    whole_ns = span_ns // tokens
    if whole_ns >= LONGEST_NS:
        return LONGEST_NS * 1000
    return whole_ns * 1000 + (span_ns - whole_ns * tokens) * 1000 // tokens


@jit("int64(int64, int64)")
def mean_ps(total_ps: int, samples: int) -> int:
    """Mean of samples, rounded down; 0 without any."""
    return total_ps // samples if samples else 0


@jit("int64(int64, int64)")
def bar_ps(best_ps: int, buffer_ppm: int) -> int:
    """The highest mean that is as good as the best one: best x (1 + buffer), rounded down."""
    millions = best_ps // MILLION
    return best_ps + millions * buffer_ppm + (best_ps - millions * MILLION) * buffer_ppm // MILLION


@jit("int64(float64, int64)")
def drawn(u: float, n: int) -> int:
    """One of n places, all alike, by a uniform; what rounding would carry beyond the last is the last."""
    return min(int(u * n), n - 1)


# -- usage ---------------------------------------------------------------------------------------------


@jit("int64(int64)")
def minute_of(now: int) -> int:
    """The calendar minute of a moment; windows begin with a minute."""
    return now // MINUTE_NS


@jit("boolean(int64, int64, int64, int64, int64, int64)")
def is_full(
    tokens: int, input_tokens: int, most_tokens: int, requests: int, margin: int, most_requests: int
) -> bool:
    """Whether one more call would pass a limit of a minute; limits are NONE where there is none.

    With margin 1 a call is missed, LiteLLM's `rpm + 1 < limit`.
    """
    if most_tokens != NONE and tokens + input_tokens > most_tokens:
        return True
    return most_requests != NONE and requests + 1 + margin > most_requests


# -- levels that share the load --------------------------------------------------------------------------


@jit("int64(int64, int64, int64)")
def health(healthy: int, members: int, factor_ppm: int) -> int:
    """Health of a level in whole per cent, at most 100: factor x healthy share; 0 for a level without members."""
    if members == 0:
        return 0
    return min(100, factor_ppm * healthy // (members * (MILLION // 100)))


@jit("int64(int64, int64, int64)")
def load(level_health: int, total: int, given: int) -> int:
    """Per cent of the load that a level gets, of what `given` to the levels before it leaves.

    `total` is min(100, the sum of all healths) and not 0. What rounding leaves over goes to the first level with any
    health (`theory.priority_load`).
    """
    return min(100 - given, level_health * 100 // total)
