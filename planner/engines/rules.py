"""The engines' rules in one place: ranks of simultaneous events, and the arithmetic both engines share.

The order at one instant, the meaning of each option and who counts what are written down here and
nowhere else; an engine adds only control flow. Times are int64 nanoseconds since the window's start.
"""

import math
from enum import IntEnum

from planner import failures, tables
from planner.chance import exp, power, to_ns
from planner.jit import jit


class Round(IntEnum):
    """Rounds of one instant, in order; inside a round by request name, then attempt.

    What a handler causes at the same instant is a new event of round STARTS, which runs after all
    pending ENDS and TIMERS of that instant.
    """

    ENDS = 1  # ends of attempts
    TIMERS = 2  # outage edges, changes of a concurrency cap, refill wake-ups, late news for breakers
    STARTS = 3  # queued, backed-off, next target, zero backoff, probe, hand-over of a freed slot
    EXPIRIES = 4  # queue timeouts and deadlines of waiting requests: a wait exactly as long is served
    ARRIVALS = 5


def rank(round_: int, request: int, attempt: int) -> int:
    """One integer that orders the events of one instant: round, then request, then attempt."""
    return ((round_ << 64) + request << 32) + attempt


NO_LAW = -1

# Modes of an outage, as the state of a target when an attempt starts.
UP, ERROR, HANG, DEGRADED, OVERLOADED = range(5)
MODES = ("up", "error", "hang", "degraded", "limited")

# What a call is charged against tokens-per-minute when it is admitted; after-completion only asks then that
# its estimate be there, and takes at the end what the call is billed.
ESTIMATE, PROMPT_PLUS_MAX_OUTPUT, MAX_OF_MAX_OUTPUT_AND_ESTIMATE, ACTUAL, AFTER_COMPLETION = range(5)
CHARGES = (
    "estimate",
    "prompt-plus-max-output",
    "max-of-max-output-and-estimate",
    "actual",
    "after-completion",
)

# How a target is chosen among the equals of a level.
IN_ORDER, ROUND_ROBIN, WEIGHTED, LEAST_BUSY, CHEAPEST, INVERSE_PRICE, LOWEST_LATENCY, LOWEST_USAGE = range(8)
SELECTIONS = (
    "in-order",
    "round-robin",
    "weighted",
    "least-busy",
    "cheapest",
    "inverse-price",
    "lowest-latency",
    "lowest-usage",
)

# What a call cut by a timeout costs.
BILL_NONE, BILL_INPUT, BILL_FULL = range(3)
BILLS = ("none", "input", "full")
BILLS_MID_STREAM = ("none", "input", "partial")

(
    FIXED, LAW, EXPONENTIAL, EQUAL_JITTER, FULL_JITTER, DECORRELATED, OPENAI, LITELLM, LINEAR_WAIT, ENVOY, POLLY,
) = range(11)  # fmt: skip
BACKOFFS = (
    "fixed", "law", "exponential", "equal-jitter", "full-jitter", "decorrelated", "openai", "litellm", "linear", "envoy",
    "polly",
)  # fmt: skip

# Kinds of breakers, and how the time they stay open grows with openings in a row.
CONSECUTIVE, COOLDOWN, SLIDING_WINDOW, SAMPLING_WINDOW = range(4)
BREAKERS = ("consecutive", "cooldown", "sliding-window", "sampling-window")
CONSTANT, LINEAR, DOUBLING = range(3)
GROWTHS = ("constant", "linear", "exponential")

BREAKER_COUNTS = {
    "ok": "resets the count of failures in a row; a window takes it in",
    "error": "counts (5xx and connection errors), unless `counts` leaves it out: then ignored",
    "timeout": "counts, also a cut by the deadline, unless `counts` leaves it out: then ignored",
    "limited": "ignored, unless `counts` names it: then a call that fails at once",
    "cancelled": "ignored",
    "rejected": "ignored: no call was made",
}

# With `policy.health.lag_s` a breaker is told of the end of a call so much later, as a state timer ranked by the call's
# request and attempt; without, within the end itself. What it does it does when it is told: an opening at t + lag lasts
# [t + lag, t + lag + open time), ends count in its windows from then on, a probe holds its place until then, calls that
# started before t + lag belong to the time before the opening and never count. Starts are known at once. With
# `knowledge: perfect` a deployment whose holding episode meets every call is passed over like one whose breaker is
# open and rejects, over [from, to) of it; its queue is sent on as the episode begins, in the round of state timers.

BILLED = {
    "ok": "full",
    "error": "none; content_filter.billed where a filter refused the prompt, policy.bill_mid_stream where the answer "
    "broke off after its first token",
    "limited": "none",
    "timeout": "policy.bill_timeouts; none where an error would have come, or where a batch API's window has ended",
    "cancelled": "policy.hedge.bill_losers; none where an error would have come",
    "rejected": "none",
}


#: A call of a task with `urgency: batch` to a deployment with a batch API (facts: routing_semantics §13).
BATCH_CALLS = {
    "sent": "at once: breaker, concurrency, queue and limiters are not asked, and it neither counts in them nor in what a "
    "selection remembers; a selection sees neither an open breaker nor a full minute of the deployment",
    "answered": "all at once after the drawn turnaround, stream batch:DEPLOYMENT; a recorded service time wins over the law",
    "left out": "outages and slow spells, random errors, breaks in mid-stream, the gateway's own time and prompt caches: the "
    "provider works it off within its window, and the measured turnaround holds all that",
    "content filter": "refuses the same prompts as ever, when the turnaround is over",
    "expired": "no answer after expires_s: a timeout by the cause expired, billed nothing; then retries_after.timeout and "
    "fallbacks as after any timeout. An answer after exactly expires_s has come",
    "task": "deadline_s, hedges and the size of the retry budget are about requests that somebody waits for: none of them holds "
    "for the task, wherever its calls go. timeout_s holds for its calls to deployments without a batch API",
}


@jit("int64(int64, int64, int64, int64)")
def charge(rule: int, input_tokens: int, output_tokens: int, max_output_tokens: int) -> int:
    """Tokens a call is charged at admission, or must find then.

    `input_tokens` are all input meters, `output_tokens` all drawn output (hidden included),
    `max_output_tokens` the cap that was asked for, the model's own where none was.
    """
    if rule == PROMPT_PLUS_MAX_OUTPUT:
        return input_tokens + max_output_tokens
    if rule == MAX_OF_MAX_OUTPUT_AND_ESTIMATE:
        return max(max_output_tokens, input_tokens)
    if rule == ACTUAL:
        return input_tokens + output_tokens
    return input_tokens


@jit("int64(int64, int64, int64, int64)")
def open_time(growth: int, open_ns: int, cap_ns: int, openings: int) -> int:
    """How long a breaker stays open, at its `openings`-th opening in a row (1 for the first).

    Linear: open time x openings; exponential: open time x 2^(openings - 1); both at most the cap,
    which is not below the open time (Envoy: linear, 300 s; facts: routing_semantics §5.5).
    """
    if growth == LINEAR:
        return cap_ns if openings > cap_ns // open_ns else open_ns * openings
    if growth == DOUBLING:
        grown = open_ns
        for _ in range(openings - 1):
            if grown > cap_ns // 2:
                return cap_ns
            grown *= 2
        return grown
    return open_ns


NO_LIMIT = -1
#: A cooldown's counters of failures and successes live so long from their first count.
COOLDOWN_WINDOW_NS = 60 * 10**9


@jit("boolean(int64, int64, boolean, int64, int64, int64)")
def is_cooled(
    allowed_fails: int, group: int, can_fall_back: bool, is_limited: int, failed: int, succeeded: int
) -> bool:
    """Whether a failure takes a deployment out (LiteLLM; facts: routing_semantics §5.1, in its order).

    `group` deployments are in the chain, `can_fall_back` says that their group has fallbacks; `failed` (this one included) and `succeeded` calls are in their
    windows; `allowed_fails` is -1 where it is not set.
    """
    if allowed_fails >= 0:
        return (group > 1 or can_fall_back) and failed > allowed_fails
    if is_limited and group > 1:
        return True
    total = failed + succeeded
    if succeeded == 0 and total >= 1000:
        return True
    return group > 1 and total >= 5 and 2 * failed > total


@jit("int64(int64, int64, int64, int64)")
def refilled(level: int, elapsed_ns: int, p: int, capacity: int) -> int:
    """Level of a bucket `elapsed_ns` later; time is clamped to time-to-full first, against overflow."""
    missing = capacity - level
    if elapsed_ns >= (missing + p - 1) // p:
        return capacity
    return level + elapsed_ns * p


@jit("int64(int64, int64, int64)")
def refill_wait(level: int, needed: int, p: int) -> int:
    """Nanoseconds until `needed` units are there, rounded up; 0 if they are."""
    if needed <= level:
        return 0
    return (needed - level + p - 1) // p


#: HTTP status of a prompt that a content filter refuses; never sent again to the same target.
FILTERED = 400

FAILURE_OF = {
    "provider-error": "error",
    "limit": "limit",
    "own-breaker": "limit",
    "queue": "limit",
    "too-large": "limit",
    "timeout": "timeout",
    "expired": "timeout",
    "no-eligible-deployment": "context-window",
    "content-policy": "content-policy",
}


@jit("int64(int64)")
def retry_class(outcome: int) -> int:
    """Which number of retries holds after a failure: 0 an error's, 1 a limit's, 2 a timeout's.

    A call that was turned away before it was sent has met a limit.
    """
    if outcome == tables.ERROR:
        return 0
    return 2 if outcome == tables.TIMEOUT else 1


@jit("int64(int64)")
def failure_of(cause: int) -> int:
    """Class of a failure, as in `failures.FAILURES`; after the deadline nobody asks (`FAILURE_OF`)."""
    if cause == tables.PROVIDER_ERROR:
        return failures.ERROR
    if cause == tables.TIMED_OUT or cause == tables.EXPIRED:
        return failures.TIMEOUT
    if cause == tables.NO_ELIGIBLE:
        return failures.CONTEXT_WINDOW
    if cause == tables.CONTENT_POLICY:
        return failures.CONTENT_POLICY
    return failures.LIMIT


@jit("int64(int64, int64)")
def judged(outcome: int, status: int) -> int:
    """How a breaker sees an end: a refused prompt says nothing of the target's health, as a cancelled call."""
    return tables.CANCELLED if status == FILTERED else outcome


@jit("int64(int64, int64, int64, int64)")
def streamed(visible: int, first_ns: int, broken_ns: int, total_ns: int) -> int:
    """Visible tokens that had come when a call broke off at or after its first one, evenly from then to its end."""
    if broken_ns >= total_ns:
        return visible
    return int(visible * ((broken_ns - first_ns) / (total_ns - first_ns)))


@jit("boolean(int64)")
def is_final(cause: int) -> bool:
    """Whether a layer does not try again after a failure by this cause.

    A layer outside sees the last failure alone, and none of these is one that a later try is for; that another
    deployment had failed by something else before is not known to it.
    """
    return cause in (tables.NO_ELIGIBLE, tables.TOO_LARGE, tables.DEADLINE, tables.CONTENT_POLICY)


@jit("int64(int64, int64, int64)")
def retries_allowed(active: int, ratio_ppm: int, minimum: int) -> int:
    """Retries that may be under way at once: max(minimum, ratio x active), rounded down (`theory.retry_budget`)."""
    return max(minimum, active * ratio_ppm // 1_000_000)


def too_much(max_in_flight: int, now_ns: int, n_done: int, waiting: str, n_in_batches: int) -> str:
    """Why a run ends when more requests are under way than are allowed."""
    what = "load exceeds capacity"
    if 2 * n_in_batches > max_in_flight:
        what = "run.max_in_flight is too small for so many answers of batch APIs under way"
    batches = f"; {n_in_batches} handed in to batch APIs" if n_in_batches else ""
    return (
        f"{what}: more than run.max_in_flight = {max_in_flight} requests in flight {now_ns / 1e9:.3f} s into the window "
        f"({n_done} done; {waiting}{batches})"
    )


@jit("float64(float64)")
def _polly_curve(t: float) -> float:
    """2^t x tanh(sqrt(4t)), which Polly's decorrelated waits follow; t >= 0."""
    twice = exp(-4.0 * math.sqrt(t))  # e^(-2x) of x = sqrt(4t)
    return power(2.0, t) * (1.0 - twice) / (1.0 + twice)


@jit("float64(int64, float64)")
def kept_at_first(kind: int, base_s: float) -> float:
    """What the first wait goes by, as no other was before it."""
    return 0.0 if kind == POLLY else base_s


@jit("float64(int64, int64, float64, float64)")
def kept_s(kind: int, k: int, waited_s: float, u: float) -> float:
    """What the next wait needs of retry k's: the wait, or for polly where its curve has come to."""
    return _polly_curve(k + u) if kind == POLLY else waited_s


@jit("float64(int64, int64, float64, float64, float64, float64, float64, float64, float64, float64)")
def wait_s(
    kind: int,
    k: int,
    base_s: float,
    cap_s: float,
    jitter_s: float,
    factor: float,
    spread: float,
    previous_s: float,
    given_s: float,
    u: float,
) -> float:
    """Backoff before retry k (0 for the first), in seconds (facts: routing_semantics §3).

    `factor` is the growth from wait to wait of the exponential kinds, `spread` the share by which fixed, linear and
    exponential waits are longer or shorter at most.

    `previous_s` is what `kept_s` gave for the wait before (`kept_at_first` where there is none), `given_s` the wait of
    kinds fixed and law, u the uniform of this retry.
    """
    if kind == LAW:
        return given_s
    if kind == FIXED:
        return given_s * (1.0 + spread * (2.0 * u - 1.0))
    if kind == LINEAR_WAIT:
        return min(cap_s, base_s * (k + 1)) * (1.0 + spread * (2.0 * u - 1.0))
    if kind == ENVOY:
        reach = base_s  # (2^(k + 1) - 1) x base
        for _ in range(k):
            if reach >= cap_s:
                break
            reach = 2.0 * reach + base_s
        return u * min(reach, cap_s)
    if kind == DECORRELATED:
        return min(cap_s, base_s + u * (3.0 * previous_s - base_s))
    if kind == POLLY:
        return min(cap_s, base_s / 1.4 * (_polly_curve(k + u) - previous_s))
    grown = base_s
    for _ in range(k):
        if grown >= cap_s:
            break
        grown *= factor
    grown = min(grown, cap_s)
    if kind == EQUAL_JITTER:
        return grown / 2.0 + u * (grown / 2.0)
    if kind == FULL_JITTER:
        return u * grown
    if kind == OPENAI:
        return grown * (1.0 - 0.25 * u)
    if kind == LITELLM:
        return grown + jitter_s * u
    return grown * (1.0 + spread * (2.0 * u - 1.0))


@jit("UniTuple(int64, 2)(float64, float64, int64, int64, float64, float64)")
def call_times(
    ttft_s: float, tokens_per_s: float, hidden: int, visible: int, slowdown: float, added_s: float
) -> tuple[int, int]:
    """(first visible token, end) of a call in nanoseconds after its start.

    The call takes the gateway's time, the time to the first token, then all tokens at the speed;
    the first visible token comes after the hidden ones. A degraded provider is slower by a factor.
    """
    before = to_ns(added_s) + to_ns(ttft_s * slowdown)
    first = before + to_ns(hidden / tokens_per_s * slowdown)
    return first, before + to_ns((hidden + visible) / tokens_per_s * slowdown)
