"""The yardstick: the two-provider failover model as a user of SimPy would write it by hand.

Poisson arrivals; each provider has a concurrency cap, a requests-per-minute token bucket, 5 % errors,
lognormal service times and a breaker that opens after 5 failures in a row for 30 s; two retries with
full-jitter backoff, then the other provider. No table of attempts, no named luck, no token counts.
"""

import math
import random
from dataclasses import dataclass, field

import simpy

ARRIVALS_PER_S = 40.0
CAPS = (200, 100)
RPM = (6000, 3000)
ERROR_RATE, ERROR_S = 0.05, 0.5
SERVICE_P50_S, SERVICE_P95_S = 2.0, 5.0
RETRIES, BASE_S, CAP_S = 2, 0.5, 8.0
FAILURES, OPEN_S, TIMEOUT_S = 5, 30.0, 30.0
MU, SIGMA = math.log(SERVICE_P50_S), math.log(SERVICE_P95_S / SERVICE_P50_S) / 1.6448536269514722


@dataclass
class Provider:
    """Slots, bucket and breaker of a provider."""

    slots: simpy.Resource
    capacity: float
    level: float
    filled_s: float = 0.0
    failures: int = 0
    open_until_s: float = -1.0

    def admits(self, now_s: float) -> bool:
        self.level = min(self.capacity, self.level + (now_s - self.filled_s) * self.capacity / 60)
        self.filled_s = now_s
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass
class Tally:
    """What came out."""

    latencies_s: list[float] = field(default_factory=list)
    failed: int = 0


def request(env: simpy.Environment, providers: list[Provider], luck: random.Random, tally: Tally):
    """One request's life."""
    arrived_s = env.now
    for provider in providers:
        for attempt in range(RETRIES + 1):
            if env.now < provider.open_until_s:
                break
            is_ok = False
            if provider.admits(env.now):
                with provider.slots.request() as slot:
                    yield slot
                    is_error = luck.random() < ERROR_RATE
                    service_s = ERROR_S if is_error else luck.lognormvariate(MU, SIGMA)
                    yield env.timeout(min(service_s, TIMEOUT_S))
                    is_ok = not is_error and service_s <= TIMEOUT_S
                if is_ok:
                    provider.failures = 0
                    tally.latencies_s.append(env.now - arrived_s)
                    return
                provider.failures += 1
                if provider.failures >= FAILURES:
                    provider.open_until_s, provider.failures = env.now + OPEN_S, 0
                    break
            if attempt < RETRIES:
                yield env.timeout(luck.uniform(0, min(CAP_S, BASE_S * 2**attempt)))
    tally.failed += 1


def source(env: simpy.Environment, n: int, providers: list[Provider], luck: random.Random, tally: Tally):
    """Poisson arrivals."""
    for _ in range(n):
        yield env.timeout(luck.expovariate(ARRIVALS_PER_S))
        env.process(request(env, providers, luck, tally))


def run(n: int, seed: int = 1) -> Tally:
    """`n` requests; their latencies in seconds and the number that failed."""
    env = simpy.Environment()
    providers = [
        Provider(simpy.Resource(env, cap), float(rpm), float(rpm)) for cap, rpm in zip(CAPS, RPM, strict=True)
    ]
    tally = Tally()
    env.process(source(env, n, providers, random.Random(seed), tally))
    env.run()
    assert len(tally.latencies_s) + tally.failed == n
    return tally
