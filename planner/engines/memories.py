"""What a deployment's calls leave behind for the choices after them: samples of latency, or use within a minute."""

from collections import deque
from typing import Protocol

from planner import tables
from planner.engines import preference
from planner.engines.journey import Call
from planner.engines.preference_rules import LatencyRule, UsageRule
from planner.engines.program import Target
from planner.limiting import REQUESTS, TOKENS


class Memory(Protocol):
    """Told of a deployment's calls as they are sent and as they end."""

    def sent(self, now: int) -> None: ...

    def ended(self, call: Call) -> None: ...


class Latencies:
    """The last samples of a deployment, in picoseconds; a call under way has none yet."""

    def __init__(self, rule: LatencyRule) -> None:
        self.rule = rule
        self.samples: deque[int] = deque(maxlen=rule.samples)

    def sent(self, now: int) -> None:
        """Nothing is known of a call before its end."""

    def ended(self, call: Call) -> None:
        rule, sample = self.rule, self.rule.failure_ps
        if call.outcome == tables.OK:
            output, hidden, spoken = call.meters[3], call.meters[4], call.meters[7]
            total_ns, first_ns = call.ended_ns - call.started_ns, call.first_token_ns - call.started_ns
            sample = preference.sample_ps(rule.counts, total_ns, first_ns, output + hidden + spoken)
        elif call.outcome == tables.TIMEOUT:
            sample = rule.timeout_ps
        if sample != preference.NONE:
            self.samples.append(sample)

    def meet(self) -> None:
        """LiteLLM's zero: a deployment without samples is stored with one, which stays in its mean."""
        if not self.samples:
            self.samples.append(0)

    @property
    def mean(self) -> int:
        return preference.mean_ps(sum(self.samples), len(self.samples))


class Usage:
    """Calls sent and tokens of ended calls in the present calendar minute."""

    def __init__(self, rule: UsageRule, target: Target) -> None:
        self.rule, self.target = rule, target
        self.minute = self.requests = self.tokens = 0

    def turn(self, now: int) -> None:
        """Begin anew where a new minute has begun."""
        if self.minute != preference.minute_of(now):
            self.minute, self.requests, self.tokens = preference.minute_of(now), 0, 0

    def sent(self, now: int) -> None:
        self.turn(now)
        self.requests += 1

    def ended(self, call: Call) -> None:
        self.turn(call.ended_ns)
        if call.outcome == tables.OK:
            self.tokens += sum(call.meters)

    def is_full(self, input_tokens: int) -> bool:
        """Whether one more call would pass a limit; for the minute that `turn` was told."""
        most = [preference.NONE if rate is None else rate for rate in self.target.rates]
        return preference.is_full(
            self.tokens, input_tokens, most[TOKENS], self.requests, self.rule.margin, most[REQUESTS]
        )
