"""Closed forms of queues, limits, retries and routing: what a simulated figure must agree with.

Plain arithmetic on plain numbers; nothing is drawn or simulated here. Tests, badges and searches use it.
Loads are in erlang (arrival rate x mean service time), times in seconds, SCV means squared coefficient of
variation (variance / mean^2). A queue whose load reaches its servers has no steady state: all wait, and for
`math.inf`. A value outside a formula's range raises ValueError with the name, the rule and the value.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Longest queue that `erlang_a` sums over; a longer one means patience of weeks, where nobody leaves.
_MOST_STATES = 4_000_000

# Most requests away at once that `retrial_mmc` sums over; each one costs a small linear system.
_MOST_AWAY = 100_000


class FiniteQueue(NamedTuple):
    """Steady state of M/M/c/K."""

    blocked: float  # share of arrivals turned away, 0..1
    wait_s: float  # mean wait of those admitted, seconds
    queue_length: float  # mean number waiting
    carried_load: float  # mean number in service, erlang


class ClosedLoop(NamedTuple):
    """What users get who wait for their answers."""

    requests_per_s: float
    response_s: float


class ImpatientQueue(NamedTuple):
    """Steady state of M/M/c+M (Erlang A)."""

    abandoned: float  # share of arrivals that leave unserved, 0..1
    delayed: float  # share of arrivals that find all servers busy, 0..1
    wait_s: float  # mean time in the queue, of the served and of those who leave, seconds
    queue_length: float  # mean number waiting
    carried_load: float  # mean number in service, erlang


class RetrialQueue(NamedTuple):
    """Steady state of M/M/c/c whose blocked arrivals come back until they are served."""

    blocked: float  # share of arrivals that find all servers busy, 0..1
    wait_s: float  # mean time from the arrival to the start of service, of all arrivals, seconds
    away: float  # mean number of those who were turned away and will come back (the orbit)
    returns: float  # mean number of returns of an arrival, the last one, which is served, included
    carried_load: float  # mean number in service, erlang


class FluidBacklog(NamedTuple):
    """State of a token bucket at the end of each period of constant demand."""

    level_tokens: FloatArray  # tokens in the bucket, shape (periods,)
    backlog_tokens: FloatArray  # tokens asked for and not yet granted, shape (periods,)
    wait_s: FloatArray  # wait of a request that joins at that moment, seconds, shape (periods,)


def little(arrivals_per_s: float, sojourn_s: float) -> float:
    """Mean number in a stable system: L = lambda W (Little 1961).

    >>> little(2.0, 1.5)
    3.0
    """
    return _at_least(0.0, arrivals_per_s=arrivals_per_s) * _at_least(0.0, sojourn_s=sojourn_s)


def erlang_b(offered_load: float, servers: int) -> float:
    """Share of arrivals lost in M/G/c/c, where nobody waits.

    Source: Erlang 1917; recursion B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)), which never overflows.

    >>> round(erlang_b(4.5, 6), 4)
    0.1542
    """
    _at_least(0.0, offered_load=offered_load)
    _count(0, servers=servers)
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered_load * blocked / (k + offered_load * blocked)
    return blocked


def erlang_c(offered_load: float, servers: int) -> float:
    """Share of arrivals that wait in M/M/c.

    Source: Erlang 1917; C = B / (1 - rho (1 - B)) with rho = a / c.

    >>> round(erlang_c(4.5, 6), 4), erlang_c(6.0, 6)
    (0.4217, 1.0)
    """
    _count(1, servers=servers)
    if _at_least(0.0, offered_load=offered_load) >= servers:
        return 1.0
    blocked = erlang_b(offered_load, servers)
    return blocked / (1.0 - offered_load / servers * (1.0 - blocked))


def erlang_c_wait(arrivals_per_s: float, service_s: float, servers: int) -> float:
    """Mean wait of all arrivals in M/M/c, seconds: C S / (c - a).

    >>> round(erlang_c_wait(2.25, 2.0, 6), 3)
    0.562
    """
    load = _load(arrivals_per_s, service_s)
    waits = erlang_c(load, servers)
    return waits * service_s / (servers - load) if load < servers else math.inf


def erlang_c_wait_tail(t_s: float, arrivals_per_s: float, service_s: float, servers: int) -> float:
    """P(wait > t) in M/M/c, first come first served: C exp(-(c - a) t / S).

    >>> erlang_c_wait_tail(0.0, 2.25, 2.0, 6) == erlang_c(4.5, 6)
    True
    """
    load = _load(arrivals_per_s, service_s)
    waits = erlang_c(load, servers)
    return waits * math.exp(-max(0.0, servers - load) * _at_least(0.0, t_s=t_s) / service_s)


def erlang_c_wait_quantile(quantile: float, arrivals_per_s: float, service_s: float, servers: int) -> float:
    """Wait that a share of arrivals does not exceed in M/M/c, seconds; 0 for those who need not wait.

    Inverse of `erlang_c_wait_tail`: S / (c - a) log(C / (1 - q)).

    >>> erlang_c_wait_quantile(0.5, 2.25, 2.0, 6), round(erlang_c_wait_quantile(0.95, 2.25, 2.0, 6), 3)
    (0.0, 2.843)
    """
    _inside(0.0, 1.0, quantile=quantile)
    load = _load(arrivals_per_s, service_s)
    waits = erlang_c(load, servers)
    if load >= servers:
        return math.inf
    if waits <= 1.0 - quantile:
        return 0.0
    return service_s / (servers - load) * math.log(waits / (1.0 - quantile))


def priority_wait(arrivals_per_s: Sequence[float], service_s: float, servers: int) -> tuple[float, ...]:
    """Mean wait of each class in M/M/c with priorities that stop no call in service, seconds; first class first.

    W_k = W_0 / ((1 - s_(k-1)) (1 - s_k)) with W_0 = C S / c and s_k the utilisation by classes 1 to k; all
    classes have one mean service time. A class whose s_k is 1 or more waits for ever, those before it do not.
    Source: Cobham, Operations Research 2 (1954) 70; Kella and Yechiali, Naval Research Logistics Quarterly 32
    (1985) 589.

    >>> [round(wait_s, 4) for wait_s in priority_wait([0.5, 0.25], 1.0, 1)], priority_wait([0.5, 0.5], 1.0, 1)
    ([1.5, 6.0], (2.0, inf))
    """
    if not arrivals_per_s:
        raise ValueError("arrivals_per_s must have at least one class")
    _count(1, servers=servers)
    loads = [_load(rate, service_s) for rate in arrivals_per_s]
    until_one_ends_s = erlang_c(math.fsum(loads), servers) * service_s / servers
    waits, before = [], 0.0
    for number in range(1, len(loads) + 1):
        used = math.fsum(loads[:number]) / servers
        waits.append(until_one_ends_s / ((1.0 - before) * (1.0 - used)) if used < 1.0 else math.inf)
        before = used
    return tuple(waits)


def mm1_wait(arrivals_per_s: float, service_s: float) -> float:
    """Mean wait in M/M/1, seconds: rho S / (1 - rho).

    >>> mm1_wait(0.5, 1.0)
    1.0
    """
    return mg1_wait(arrivals_per_s, service_s, service_scv=1.0)


def mm1_sojourn(arrivals_per_s: float, service_s: float) -> float:
    """Mean time in system in M/M/1, seconds: S / (1 - rho).

    >>> mm1_sojourn(0.5, 1.0)
    2.0
    """
    return mm1_wait(arrivals_per_s, service_s) + service_s


def mm1_wait_quantile(quantile: float, arrivals_per_s: float, service_s: float) -> float:
    """Quantile of the wait in M/M/1, seconds: 0 up to q = 1 - rho, then S / (1 - rho) log(rho / (1 - q)).

    >>> round(mm1_wait_quantile(0.95, 0.5, 1.0), 3)
    4.605
    """
    return erlang_c_wait_quantile(quantile, arrivals_per_s, service_s, servers=1)


def mm1_sojourn_quantile(quantile: float, arrivals_per_s: float, service_s: float) -> float:
    """Quantile of the time in system in M/M/1, seconds: exponential with mean S / (1 - rho).

    >>> round(mm1_sojourn_quantile(0.5, 0.5, 1.0), 4)
    1.3863
    """
    _inside(0.0, 1.0, quantile=quantile)
    return -mm1_sojourn(arrivals_per_s, service_s) * math.log1p(-quantile)


def mm_c_k(arrivals_per_s: float, service_s: float, servers: int, places: int) -> FiniteQueue:
    """M/M/c/K: c servers, K places in all (those in service included), a full system turns away.

    Source: birth-death product form, in logarithms; Little's law for the wait.

    >>> round(mm_c_k(1.0, 1.0, servers=1, places=2).blocked, 12) == round(1 / 3, 12)
    True
    """
    load = _load(arrivals_per_s, service_s)
    _count(1, servers=servers)
    _count(servers, places=places)
    number = np.arange(places + 1)
    shares = _shares_of_states(load, np.minimum(number[1:], servers).astype(np.float64))
    queue = float(np.sum(np.maximum(number - servers, 0) * shares))
    blocked = float(shares[-1])
    admitted_per_s = arrivals_per_s * (1.0 - blocked)
    wait_s = queue / admitted_per_s if admitted_per_s > 0.0 else 0.0
    return FiniteQueue(blocked, wait_s, queue, load * (1.0 - blocked))


def machine_repairman(users: int, think_s: float, service_s: float, servers: int) -> ClosedLoop:
    """M/M/c//N: each of N users thinks an exponential time, then waits for one of c servers and for its answer.

    Source: birth-death product form (Palm's machine interference model); the interactive response-time law
    N = X (R + Z) of Denning and Buzen 1978 gives R from X.

    >>> found = machine_repairman(users=1, think_s=9.0, service_s=1.0, servers=3)
    >>> round(found.requests_per_s, 12), round(found.response_s, 12)
    (0.1, 1.0)
    """
    _count(1, users=users, servers=servers)
    _above(0.0, think_s=think_s, service_s=service_s)
    number = np.arange(users + 1)  # at the servers
    deaths = np.minimum(number[1:], servers) / (service_s * (users - number[:-1]))
    shares = _shares_of_states(1.0 / think_s, deaths)
    requests_per_s = float(np.sum((users - number) * shares)) / think_s
    return ClosedLoop(requests_per_s, users / requests_per_s - think_s)


def erlang_a(arrivals_per_s: float, service_s: float, patience_s: float, servers: int) -> ImpatientQueue:
    """M/M/c+M: those who wait leave after an exponential time with mean `patience_s`; always stable.

    Source: Palm 1957; Garnett, Mandelbaum, Reiman 2002. Birth-death chain, deaths min(n, c) mu +
    (n - c)^+ theta, summed until what is left out weighs under 1e-17; P(abandon) = theta E[Q] / lambda.

    Raises
    ------
    ValueError
        The queue would be millions long (overload with patience of weeks): use the fluid limit instead.

    >>> a = erlang_a(arrivals_per_s=10.0, service_s=1.0, patience_s=1.0, servers=10)
    >>> round(a.abandoned, 6) == round(1.0 - a.carried_load / 10.0, 6)
    True
    """
    load = _load(arrivals_per_s, service_s)
    _above(0.0, patience_s=patience_s)
    _count(1, servers=servers)
    leaving = service_s / patience_s  # departures by impatience per waiting request and mean service time
    states = servers + 64
    while True:
        number = np.arange(states + 1)
        waiting = np.maximum(number - servers, 0)
        shares = _shares_of_states(load, np.minimum(number, servers)[1:] + leaving * waiting[1:])
        ratio = load / (servers + leaving * (states - servers))
        if ratio < 1.0 and float(shares[-1]) <= 1e-17 * (1.0 - ratio) * float(np.max(shares)):
            break
        if states >= _MOST_STATES:
            raise ValueError(f"patience_s must keep the queue below {_MOST_STATES:,} requests: {patience_s}")
        states = min(2 * states, _MOST_STATES)
    queue = float(np.sum(waiting * shares))
    delayed = float(np.sum(shares[servers:]))
    carried = float(np.sum(np.minimum(number, servers) * shares))
    if arrivals_per_s == 0.0:
        return ImpatientQueue(0.0, 0.0, 0.0, 0.0, 0.0)
    wait_s = queue / arrivals_per_s
    return ImpatientQueue(wait_s / patience_s, delayed, wait_s, queue, carried)


def retrial_mm1(arrivals_per_s: float, service_s: float, backoff_s: float) -> RetrialQueue:
    """M/M/1/1 with retrials: who finds the server busy comes back after exponential times with mean `backoff_s`.

    Mean number away: rho (lambda + rho nu) / ((1 - rho) nu) with nu = 1 / backoff_s; so the mean wait is
    rho / (1 - rho) x (service_s + backoff_s), which without backoff is that of M/M/1.

    Source: Falin and Templeton, "Retrial Queues", 1997, the Markovian case of M/G/1 with classical retrials.

    >>> retrial_mm1(0.5, 1.0, 3.0).wait_s, mm1_wait(0.5, 1.0)
    (4.0, 1.0)
    """
    load = _load(arrivals_per_s, service_s)
    _above(0.0, backoff_s=backoff_s)
    if load >= 1.0:
        return RetrialQueue(1.0, math.inf, math.inf, math.inf, 1.0)
    wait_s = load / (1.0 - load) * (service_s + backoff_s)
    return RetrialQueue(load, wait_s, arrivals_per_s * wait_s, wait_s / backoff_s, load)


def retrial_mmc(arrivals_per_s: float, service_s: float, backoff_s: float, servers: int) -> RetrialQueue:
    """M/M/c/c with retrials: who finds all servers busy comes back after exponential times of mean `backoff_s`.

    Stable below a load of c, however long the backoff; between Erlang's C (backoff 0) and Erlang's B at the load
    a / (1 - B), returns included (endless backoff).

    Source: Falin and Templeton, "Retrial Queues", 1997. No closed form from three servers on: the chain of (busy, away)
    is solved level by level from above, cut where what is left out weighs under 1e-15. Only a full system sends
    somebody away, so a level n is its predecessor's weight with all servers busy times a row r(n), where
    r(n) M(n) = lambda e_c and M(n) takes in the way back from the level above.

    Raises
    ------
    ValueError
        The number away would be beyond a hundred thousand: too long a backoff, or too near to full load.

    >>> [round(value, 9) for value in retrial_mmc(0.5, 1.0, 3.0, servers=1)] == [0.5, 4.0, 2.0, 1.333333333, 0.5]
    True
    """
    load = _load(arrivals_per_s, service_s)
    _above(0.0, backoff_s=backoff_s)
    _count(1, servers=servers)
    if load >= servers:
        return RetrialQueue(1.0, math.inf, math.inf, math.inf, float(servers))
    if load == 0.0:
        return RetrialQueue(0.0, 0.0, 0.0, 0.0, 0.0)
    returning = service_s / backoff_s  # returns of each request away per mean service time
    most = 64
    while True:
        full, weights, busy = _levels_of_retrials(load, returning, servers, most)
        if float(weights[-1]) <= 1e-15 * (1.0 - load / servers):
            break
        if most >= _MOST_AWAY:
            raise ValueError(f"backoff_s must keep the number away below {_MOST_AWAY:,}: {backoff_s}")
        most = min(2 * most, _MOST_AWAY)
    away = float(np.sum(np.arange(most + 1) * weights))
    wait_s = away / arrivals_per_s
    return RetrialQueue(full, wait_s, away, wait_s / backoff_s, busy)


def mg1_wait(arrivals_per_s: float, service_s: float, service_scv: float) -> float:
    """Mean wait in M/G/1, first come first served, seconds: lambda E[S^2] / (2 (1 - rho)).

    Source: Pollaczek 1930, Khinchine 1932; E[S^2] = S^2 (1 + SCV).

    >>> mg1_wait(0.5, 1.0, service_scv=3.0)
    2.0
    """
    load = _load(arrivals_per_s, service_s)
    _at_least(0.0, service_scv=service_scv)
    if load >= 1.0:
        return math.inf
    return load * service_s * (1.0 + service_scv) / (2.0 * (1.0 - load))


def md1_wait(arrivals_per_s: float, service_s: float) -> float:
    """Mean wait in M/D/1 (equal service times), seconds: half of that in M/M/1.

    >>> md1_wait(0.5, 1.0)
    0.5
    """
    return mg1_wait(arrivals_per_s, service_s, service_scv=0.0)


def ps_sojourn(own_service_s: float, arrivals_per_s: float, mean_service_s: float) -> float:
    """Mean time in system of a request of size x when one server is shared equally, seconds: x / (1 - rho).

    Source: Kleinrock 1967; M/G/1-PS, whatever the law of the sizes.

    >>> ps_sojourn(2.0, 0.5, 1.0)
    4.0
    """
    load = _load(arrivals_per_s, mean_service_s)
    _at_least(0.0, own_service_s=own_service_s)
    if own_service_s == 0.0:
        return 0.0
    return own_service_s / (1.0 - load) if load < 1.0 else math.inf


def kingman_bound(arrivals_per_s: float, service_s: float, arrival_scv: float, service_scv: float) -> float:
    """Upper bound of the mean wait in G/G/1, seconds: lambda (var_a + var_s) / (2 (1 - rho)).

    Source: Kingman 1962; var_a = arrival_scv / lambda^2, var_s = service_scv S^2.

    >>> kingman_bound(0.5, 1.0, arrival_scv=1.0, service_scv=1.0)
    2.5
    """
    load = _load(arrivals_per_s, service_s)
    _above(0.0, arrivals_per_s=arrivals_per_s)
    _at_least(0.0, arrival_scv=arrival_scv, service_scv=service_scv)
    if load >= 1.0:
        return math.inf
    variances = arrival_scv / (arrivals_per_s * arrivals_per_s) + service_scv * service_s * service_s
    return arrivals_per_s * variances / (2.0 * (1.0 - load))


def kingman(arrivals_per_s: float, service_s: float, arrival_scv: float, service_scv: float) -> float:
    """Approximate mean wait in G/G/1, seconds: rho / (1 - rho) x (ca2 + cs2) / 2 x S; exact for M/G/1.

    Source: Kingman 1961, heavy traffic ("VUT equation").

    >>> kingman(0.5, 1.0, arrival_scv=1.0, service_scv=0.0) == md1_wait(0.5, 1.0)
    True
    """
    return allen_cunneen(arrivals_per_s, service_s, 1, arrival_scv, service_scv)


def allen_cunneen(
    arrivals_per_s: float, service_s: float, servers: int, arrival_scv: float, service_scv: float
) -> float:
    """Approximate mean wait in G/G/c, seconds: that of M/M/c x (ca2 + cs2) / 2; exact for M/M/c and M/G/1.

    Source: Allen 1990. Good to a few per cent at moderate and heavy load; poor for bursts and cs2 > 4.

    >>> allen_cunneen(2.25, 2.0, 6, 1.0, 1.0) == erlang_c_wait(2.25, 2.0, 6)
    True
    """
    _at_least(0.0, arrival_scv=arrival_scv, service_scv=service_scv)
    return _scaled(erlang_c_wait(arrivals_per_s, service_s, servers), (arrival_scv + service_scv) / 2.0)


def sakasegawa(
    arrivals_per_s: float, service_s: float, servers: int, arrival_scv: float, service_scv: float
) -> float:
    """Approximate mean wait in G/G/c without Erlang's C, seconds.

    Source: Sakasegawa 1977: rho^(sqrt(2 (c + 1)) - 1) / (c (1 - rho)) x (ca2 + cs2) / 2 x S; exact for M/M/1.

    >>> sakasegawa(0.5, 1.0, 1, 1.0, 1.0) == mm1_wait(0.5, 1.0)
    True
    """
    _at_least(0.0, arrival_scv=arrival_scv, service_scv=service_scv)
    _count(1, servers=servers)
    use = _load(arrivals_per_s, service_s) / servers
    if use >= 1.0:
        return math.inf
    queueing = use ** (math.sqrt(2.0 * (servers + 1.0)) - 1.0) / (servers * (1.0 - use))
    return queueing * (arrival_scv + service_scv) / 2.0 * service_s


def token_bucket_wait(
    requested_tokens: float, available_tokens: float, tokens_per_s: float, capacity_tokens: float
) -> float:
    """Wait until a bucket can grant a request that is first in line, seconds: max(0, (n - available) / rate).

    Raises
    ------
    ValueError
        The request is larger than the bucket: it can never be granted.

    Source: the printed "try again in" of OpenAI's 429 answers, to the millisecond; limit 10,000 a minute,
    used 8,554, requested 3,082:

    >>> token_bucket_wait(3082, 10_000 - 8554, 10_000 / 60, 10_000)
    9.816
    """
    _at_least(0.0, requested_tokens=requested_tokens)
    _above(0.0, tokens_per_s=tokens_per_s, capacity_tokens=capacity_tokens)
    if requested_tokens > capacity_tokens:
        raise ValueError(
            f"requested_tokens must be <= capacity_tokens, which is {capacity_tokens}: {requested_tokens}"
        )
    return max(0.0, (requested_tokens - min(available_tokens, capacity_tokens)) / tokens_per_s)


def token_bucket_fluid(
    durations_s: Sequence[float] | FloatArray,
    demand_per_s: Sequence[float] | FloatArray,
    tokens_per_s: float,
    capacity_tokens: float,
) -> FluidBacklog:
    """Level, backlog and wait of a token bucket under a demand that is constant in each of several periods.

    Parameters
    ----------
    durations_s, demand_per_s : float sequences, shape (periods,)
        Length of each period in seconds; tokens asked for per second in it.
    tokens_per_s, capacity_tokens : float
        Refill and size; the bucket starts full.

    Source: fluid limit; level minus backlog moves by refill - demand, stopped at the capacity. Between the
    ends of the periods both are linear, so the greatest backlog stands at one of them.

    >>> token_bucket_fluid([60.0, 60.0], [150.0, 50.0], 100.0, 1000.0).backlog_tokens
    array([2000.,    0.])
    """
    durations = np.asarray(durations_s, dtype=np.float64)
    demands = np.asarray(demand_per_s, dtype=np.float64)
    if durations.ndim != 1 or durations.shape != demands.shape:
        raise ValueError(
            f"durations_s and demand_per_s must be one row each: {durations.shape}, {demands.shape}"
        )
    for duration, demand in zip(durations.tolist(), demands.tolist(), strict=True):
        _at_least(0.0, durations_s=duration, demand_per_s=demand)
    _above(0.0, tokens_per_s=tokens_per_s, capacity_tokens=capacity_tokens)
    balance = np.empty(durations.size)
    state = capacity_tokens
    for i in range(durations.size):
        state = min(capacity_tokens, state + (tokens_per_s - demands[i]) * durations[i])
        balance[i] = state
    backlog = np.maximum(0.0, -balance)
    return FluidBacklog(np.maximum(0.0, balance), backlog, backlog / tokens_per_s)


def lognormal_from_quantiles(p50: float, p95: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a lognormal law: log p50, log(p95 / p50) / 1.6449.

    >>> [round(value, 4) for value in lognormal_from_quantiles(0.5, 1.4)]
    [-0.6931, 0.626]
    """
    _above(0.0, p50=p50)
    _at_least(p50, p95=p95)
    return math.log(p50), math.log(p95 / p50) / NormalDist().inv_cdf(0.95)


def lognormal_mean(mu: float, sigma: float) -> float:
    """Mean of a lognormal law: exp(mu + sigma^2 / 2); above the median, which a bill must not be made of.

    >>> round(lognormal_mean(*lognormal_from_quantiles(420, 1600)), 2)
    584.56
    """
    return math.exp(mu + _at_least(0.0, sigma=sigma) * sigma / 2.0)


def expected_attempts(failure: float, retries: int) -> float:
    """Mean number of calls of a request whose calls fail independently: (1 - p^m) / (1 - p), m = 1 + retries.

    >>> expected_attempts(0.5, 2), expected_attempts(1.0, 2)
    (1.75, 3.0)
    """
    _within(0.0, 1.0, failure=failure)
    _count(0, retries=retries)
    return math.fsum(failure**k for k in range(retries + 1))


def serial_availability(availabilities: Sequence[float]) -> float:
    """Availability of parts that must all work and fail independently (gateway, then provider): the product.

    >>> round(serial_availability([0.999, 0.995]), 6)
    0.994005
    """
    for value in availabilities:
        _within(0.0, 1.0, availabilities=value)
    return math.prod(availabilities)


def cascade_break_even(small_usd: float, verify_usd: float, strong_usd: float) -> float:
    """Escalated share at which a cascade costs as much as the strong model alone.

    1 - (C_small + C_verify) / C_strong, costs in US dollars per request. Below it the cascade is cheaper;
    zero or less means that it never is.

    >>> cascade_break_even(0.1, 0.15, 1.0)
    0.75
    """
    _at_least(0.0, small_usd=small_usd, verify_usd=verify_usd)
    return 1.0 - (small_usd + verify_usd) / _above(0.0, strong_usd=strong_usd)


def threshold_for_share(scores: Sequence[float] | FloatArray, share: float) -> float:
    """Score from which on a request goes to the strong model, so that a wanted share of a sample does.

    The quantile 1 - share, linearly interpolated between the sample's sorted values (RouteLLM's calibration).

    >>> threshold_for_share([0.1, 0.2, 0.3, 0.4, 0.5], 0.25)
    0.4
    """
    _within(0.0, 1.0, share=share)
    sample = np.asarray(scores, dtype=np.float64)
    if sample.size == 0 or not np.all(np.isfinite(sample)):
        raise ValueError(f"scores must be at least one finite number: {scores!r}")
    return float(np.quantile(sample, 1.0 - share, method="linear"))


def retry_budget(active_requests: int, ratio: float = 0.2, minimum: int = 3) -> int:
    """Retries that may be under way at once: max(minimum, ratio x active requests), rounded down.

    Source: Envoy's retry budget; 20 % and 3 are its defaults. Google's rule of 10 % of a client's requests is
    the same with ratio 0.1 and minimum 0.

    >>> retry_budget(10), retry_budget(100)
    (3, 20)
    """
    _count(0, active_requests=active_requests, minimum=minimum)
    _at_least(0.0, ratio=ratio)
    return max(minimum, math.floor(ratio * active_requests + 1e-9))  # 0.29 x 100 is 28.999... in floats


def adaptive_throttle(requests: float, accepts: float, multiplier: float = 2.0) -> float:
    """Probability of dropping a request locally: max(0, (requests - K accepts) / (requests + 1)).

    Source: Google, "Site Reliability Engineering", chapter "Handling overload"; K = 2 over two minutes.
    `requests` counts every attempt, the dropped ones included; `accepts` those that the backend accepted.

    >>> adaptive_throttle(99, 20), adaptive_throttle(10, 8)
    (0.59, 0.0)
    """
    _at_least(0.0, requests=requests, accepts=accepts)
    _above(0.0, multiplier=multiplier)
    return max(0.0, (requests - multiplier * accepts) / (requests + 1.0))


def priority_load(healthy_shares: Sequence[float], overprovisioning: float = 1.4) -> tuple[int, ...]:
    """Per cent of the traffic that each priority level gets, by the healthy share of its targets.

    Source: Envoy, "priority levels": health_p = min(100, 1.4 x 100 x healthy share), T = min(100, sum of
    health), load_p = min(what is left, health_p x 100 / T), in whole per cent. What whole numbers leave over
    goes to the first level with any health, as in Envoy's code (a table of its documentation spreads it);
    with no health anywhere everything stays on the first level.

    >>> priority_load([0.5, 1.0]), priority_load([0.71, 1.0])
    ((70, 30), (99, 1))
    """
    if not healthy_shares:
        raise ValueError(f"healthy_shares must have at least one level: {healthy_shares!r}")
    _above(0.0, overprovisioning=overprovisioning)
    health = []
    for share in healthy_shares:
        _within(0.0, 1.0, healthy_shares=share)
        health.append(min(100, math.floor(100.0 * overprovisioning * share + 1e-9)))
    total = min(100, sum(health))
    if total == 0:
        return (100, *[0] * (len(health) - 1))
    loads: list[int] = []
    for level in health:
        loads.append(min(100 - sum(loads), level * 100 // total))
    first = next(place for place, level in enumerate(health) if level > 0)
    loads[first] += 100 - sum(loads)
    return tuple(loads)


def inverse_price_weights(prices_usd: Sequence[float], exponent: float = 2.0) -> tuple[float, ...]:
    """Chance of each target to be chosen when weighted by price^-exponent (OpenRouter: squared); sums to 1.

    >>> [round(weight, 12) for weight in inverse_price_weights([1.0, 3.0])]
    [0.9, 0.1]
    """
    if not len(prices_usd):
        raise ValueError(f"prices_usd must have at least one price: {prices_usd!r}")
    cheapest = min(_above(0.0, prices_usd=price) for price in prices_usd)
    _at_least(0.0, exponent=exponent)
    weights = [(cheapest / price) ** exponent for price in prices_usd]  # relative, so that nothing overflows
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def _load(arrivals_per_s: float, service_s: float) -> float:
    """Offered load in erlang, of checked factors."""
    return _at_least(0.0, arrivals_per_s=arrivals_per_s) * _above(0.0, service_s=service_s)


def _scaled(wait_s: float, factor: float) -> float:
    """A wait times a factor; 0 x infinity (equal gaps and work at full load) is still no steady state."""
    return math.inf if math.isinf(wait_s) else wait_s * factor


def _shares_of_states(load: float, deaths: FloatArray) -> FloatArray:
    """Steady state of a birth-death chain 0..N: births at `load`, deaths[n-1] out of n; shape (N + 1,)."""
    if load == 0.0:
        return np.concatenate(([1.0], np.zeros(deaths.size)))
    logs = np.concatenate(([0.0], np.cumsum(np.log(load / deaths))))
    weights = np.exp(logs - np.max(logs))
    shares: FloatArray = weights / np.sum(weights)
    return shares


def _levels_of_retrials(
    load: float, returning: float, servers: int, most: int
) -> tuple[float, FloatArray, float]:
    """(share of time with all servers busy, shares of 0..most away, mean number in service) of M/M/c/c with retrials.

    The unit of time is the mean service time; who would be one too many away is lost.
    """
    number = np.arange(servers + 1, dtype=np.float64)
    inside = np.diag(number) - np.diag(number[1:], -1) - np.diag(np.full(servers, load), 1)
    inside[:-1, :-1] += np.diag(np.full(servers, load))  # a free server takes an arrival: no change of level
    sends_away = np.zeros(servers + 1)
    sends_away[-1] = load
    full, total, busy = np.empty(most + 1), np.empty(most + 1), np.empty(most + 1)
    row = np.zeros(servers + 1)  # of the level above
    for away in range(most, -1, -1):
        matrix = inside.copy()
        matrix[:-1, :-1] += np.diag(np.full(servers, away * returning))
        # Out of a full system the chain goes up and comes back with i busy at these rates. Coming back to the full
        # one is no change, and is left out of the diagonal instead of being subtracted from it: no digits are lost.
        back = row[:-2] * ((away + 1) * returning)
        matrix[-1, 1:-1] -= back
        matrix[-1, -1] += np.sum(back)
        if away > 0:
            row[:] = np.linalg.solve(matrix.T, sends_away)
        else:  # of nobody away: relative to the state with all servers busy
            row[:-1], row[-1] = np.linalg.solve(matrix[:-1, :-1].T, -matrix[-1, :-1]), 1.0
        full[away], total[away], busy[away] = row[-1], np.sum(row), np.sum(number * row)
    logs = np.concatenate(([0.0], np.cumsum(np.log(full[:-1]))))  # of the predecessor's state with all busy
    scale = np.exp(logs - np.max(logs))
    weight = float(np.sum(scale * total))
    shares: FloatArray = scale * total / weight
    return float(np.sum(scale * full)) / weight, shares, float(np.sum(scale * busy)) / weight


def _at_least(least: float, **values: float) -> float:
    """The last of the named values; every one must be a number >= least and finite."""
    for name, value in values.items():
        if not least <= value < math.inf:
            raise ValueError(f"{name} must be >= {least:g} and finite: {value}")
    return value


def _above(bound: float, **values: float) -> float:
    """The last of the named values; every one must be a number > bound and finite."""
    for name, value in values.items():
        if not bound < value < math.inf:
            raise ValueError(f"{name} must be > {bound:g} and finite: {value}")
    return value


def _inside(low: float, high: float, **values: float) -> None:
    """Refuse a value that is not strictly between two bounds."""
    for name, value in values.items():
        if not low < value < high:
            raise ValueError(f"{name} must be between {low:g} and {high:g}, both excluded: {value}")


def _within(low: float, high: float, **values: float) -> None:
    """Refuse a value that is not between two bounds, these included."""
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must be {low:g} to {high:g}: {value}")


def _count(least: int, **values: int) -> None:
    """Refuse what is no whole number of at least so many."""
    for name, value in values.items():
        if isinstance(value, bool) or int(value) != value or value < least:
            raise ValueError(f"{name} must be a whole number >= {least}: {value}")
