"""Windows of ends that a breaker looks at: the last calls, or those of the last seconds in buckets."""

from collections import deque
from dataclasses import dataclass

from planner.engines.health_rules import HealthRule, bucket_start


@dataclass
class Tally:
    """Ends, and those of them that were failures or slow; one may be both."""

    calls: int = 0
    failed: int = 0
    slow: int = 0
    start_ns: int = 0  # of a bucket

    def add(self, is_failure: bool, is_slow: bool) -> None:
        self.calls += 1
        self.failed += is_failure
        self.slow += is_slow


class CallWindow:
    """The last ends, up to a number of them."""

    def __init__(self, rule: HealthRule) -> None:
        self.ends: deque[tuple[bool, bool]] = deque(maxlen=rule.places)

    def add(self, now: int, is_failure: bool, is_slow: bool) -> None:
        self.ends.append((is_failure, is_slow))

    def tally(self) -> Tally:
        return Tally(len(self.ends), sum(one[0] for one in self.ends), sum(one[1] for one in self.ends))


class TimeWindow:
    """Ends in buckets; a bucket is forgotten as a whole when its beginning is a window ago."""

    def __init__(self, rule: HealthRule) -> None:
        self.rule = rule
        self.buckets: deque[Tally] = deque()

    def add(self, now: int, is_failure: bool, is_slow: bool) -> None:
        rule, buckets = self.rule, self.buckets
        while buckets and now - buckets[0].start_ns >= rule.window_ns:
            buckets.popleft()
        if not buckets or now - buckets[-1].start_ns >= rule.bucket_ns:
            buckets.append(Tally(start_ns=bucket_start(now, rule.bucket_ns, rule.is_aligned)))
        assert len(buckets) <= rule.places
        buckets[-1].add(is_failure, is_slow)

    def tally(self) -> Tally:
        return Tally(
            sum(one.calls for one in self.buckets),
            sum(one.failed for one in self.buckets),
            sum(one.slow for one in self.buckets),
        )


def new_window(rule: HealthRule) -> CallWindow | TimeWindow:
    """An empty window."""
    return TimeWindow(rule) if rule.window_ns else CallWindow(rule)
