"""What breakers over windows go by, in integers, and the arithmetic that both engines share.

sliding-window is resilience4j's, over calls or whole seconds; sampling-window is Polly's (facts:
routing_semantics §5.3, §5.4). Times are int64 nanoseconds since the window's start, shares parts per million.
"""

from dataclasses import dataclass

from planner.chance import to_ns
from planner.jit import jit
from planner.scenario.breaker import Breaker

MILLION = 1_000_000
NEVER_SLOW = -1
SECOND_NS = 10**9
SAMPLING_BUCKETS = 10  # Polly's rolling health metrics


@dataclass(frozen=True, kw_only=True)
class HealthRule:
    """A window of ends, what opens a breaker by it, and what a half-open one admits and decides by."""

    places: int  # calls, or buckets, that the window holds at most
    bucket_ns: int  # 0: a window of calls
    window_ns: int  # 0: a window of calls
    is_aligned: bool  # buckets begin at multiples of their length, else with their first end
    minimum: int  # ends in the window before it may open
    failure_ppm: int
    slow_ns: int  # NEVER_SLOW: off
    slow_ppm: int
    opens_on_success: bool  # a success, too, may show the shares to be reached
    half_open_calls: int
    decides_after: int  # ends while half-open


def health_rule(given: Breaker) -> HealthRule | None:
    """The window of a breaker; None for kinds without one."""
    if given.kind not in ("sliding-window", "sampling-window"):
        return None
    is_sampling = given.kind == "sampling-window"
    length_s = given.window_time_s
    window_ns = 0 if length_s is None else int(to_ns(length_s))
    bucket_ns = -(-window_ns // SAMPLING_BUCKETS) if is_sampling else SECOND_NS if window_ns else 0
    half_open_calls = 1 if is_sampling else given.half_open_calls
    return HealthRule(
        places=-(-window_ns // bucket_ns) if window_ns else given.window_calls,
        bucket_ns=bucket_ns,
        window_ns=window_ns,
        is_aligned=not is_sampling,
        minimum=given.minimum,
        failure_ppm=round(given.failure_limit * MILLION),
        slow_ns=NEVER_SLOW if is_sampling or given.slow_s is None else int(to_ns(given.slow_s)),
        slow_ppm=round(given.slow_share * MILLION),
        opens_on_success=not is_sampling,
        half_open_calls=half_open_calls,
        decides_after=min(given.minimum_calls, half_open_calls),
    )


@jit("boolean(int64, int64)")
def is_slow(lasted_ns: int, slow_ns: int) -> bool:
    """Whether a call lasted longer than the limit; exactly as long is not slow."""
    return slow_ns >= 0 and lasted_ns > slow_ns


@jit("boolean(int64, int64, int64, int64, int64)")
def is_sick(calls: int, failed: int, slow: int, failure_ppm: int, slow_ppm: int) -> bool:
    """Whether the failed or the slow ones of some calls reach their share; both shares are above 0."""
    return failed * MILLION >= failure_ppm * calls or slow * MILLION >= slow_ppm * calls


@jit("int64(int64, int64, boolean)")
def bucket_start(now: int, bucket_ns: int, is_aligned: bool) -> int:
    """When the bucket begins that an end at `now` opens."""
    return now - now % bucket_ns if is_aligned else now
