"""What a deployment's calls leave behind for the choices after them: samples of latency, or use within a minute."""

from collections import deque
from typing import Protocol

from planner import tables
from planner.engines import preference
from planner.engines.journey import Call, without_cached
from planner.engines.preference_rules import LatencyRule
from planner.engines.program import Target
from planner.limiting import REQUESTS, TOKENS


class Memory(Protocol):
    """Told of a deployment's calls as they are sent and as they end."""

    def sent(self, now: int) -> None: ...

    def ended(self, call: Call) -> None: ...


class Usage:
    """Calls and tokens of ended calls in the present calendar minute."""

    def __init__(self, target: Target, *, margin: int, counts_sent: bool) -> None:
        self.margin, self.counts_sent = margin, counts_sent
        most = [preference.NONE if rate is None else rate for rate in target.rates]
        self.most_requests, self.most_tokens = most[REQUESTS], most[TOKENS]
        self.minute = self.requests = self.tokens = 0

    def turn(self, now: int) -> None:
        """Begin anew where a new minute has begun."""
        if self.minute != preference.minute_of(now):
            self.minute, self.requests, self.tokens = preference.minute_of(now), 0, 0

    def sent(self, now: int) -> None:
        if self.counts_sent:
            self.turn(now)
            self.requests += 1

    def ended(self, call: Call) -> None:
        if call.outcome == tables.OK:
            self.turn(call.ended_ns)
            self.requests += 0 if self.counts_sent else 1
            self.tokens += sum(without_cached(call.meters))

    def is_full(self, input_tokens: int, now: int) -> bool:
        """Whether one more call would pass a limit of this minute."""
        self.turn(now)
        return preference.is_full(
            self.tokens, input_tokens, self.most_tokens, self.requests, self.margin, self.most_requests
        )


class Latencies:
    """The last samples of a deployment, in picoseconds; a call under way has none yet."""

    def __init__(self, rule: LatencyRule, target: Target) -> None:
        self.rule = rule
        self.samples: deque[int] = deque(maxlen=rule.samples)
        # LiteLLM's latency routing counts a call when it has ended ok, not when it is sent.
        self.usage = Usage(target, margin=0, counts_sent=False)

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
        elif call.outcome == tables.CANCELLED:
            sample = preference.NONE  # beaten by a hedge: nobody knows how long it would have taken
        if sample != preference.NONE:
            self.samples.append(sample)
        self.usage.ended(call)

    def meet(self) -> None:
        """LiteLLM's zero: a deployment without samples is stored with one, which stays in its mean."""
        if not self.samples:
            self.samples.append(0)

    @property
    def mean(self) -> int:
        return preference.mean_ps(sum(self.samples), len(self.samples))
