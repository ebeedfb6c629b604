"""Closed forms against published values, scipy's distributions, numerical integrals, and small chains
solved by linear algebra; their limits against each other; their refusals.
"""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from planner import theory


def stationary(births: np.ndarray, deaths: np.ndarray) -> np.ndarray:
    """Steady state of a birth-death chain by solving pi Q = 0, sum pi = 1."""
    size = len(births) + 1
    generator = np.zeros((size, size))
    for n in range(size - 1):
        generator[n, n + 1] = births[n]
        generator[n + 1, n] = deaths[n]
    generator -= np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(size)])
    return np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]


@pytest.mark.parametrize(("load", "servers"), [(0.5, 1), (4.5, 6), (10.0, 10), (120.0, 100), (0.0, 3)])
def test_erlang_b_is_the_truncated_poisson_law(load, servers):
    expected = stats.poisson.pmf(servers, load) / stats.poisson.cdf(servers, load)
    assert expected == pytest.approx(theory.erlang_b(load, servers), rel=1e-12)


def test_erlang_b_gives_tabulated_loads():
    # Traffic tables: 10 trunks at 1 % blocking carry 4.461 erlang; 20 at 2 % 13.182; 100 at 1 % 84.064.
    assert theory.erlang_b(4.461, 10) == pytest.approx(0.01, abs=5e-6)
    assert theory.erlang_b(13.182, 20) == pytest.approx(0.02, abs=5e-6)
    assert theory.erlang_b(84.064, 100) == pytest.approx(0.01, abs=5e-6)


def test_erlang_b_of_thousands_of_servers_neither_overflows_nor_vanishes():
    assert theory.erlang_b(5000.0, 5000) == pytest.approx(math.sqrt(2 / (math.pi * 5000)), rel=0.02)
    assert theory.erlang_b(3.0, 0) == 1.0


@pytest.mark.parametrize(("load", "servers"), [(0.5, 1), (4.5, 6), (8.0, 10), (95.0, 100)])
def test_erlang_c_is_the_chance_that_all_servers_are_busy(load, servers):
    states = 4000
    deaths = np.minimum(np.arange(1, states), servers).astype(float)
    logs = np.concatenate(([0.0], np.cumsum(math.log(load) - np.log(deaths))))
    shares = np.exp(logs - logs.max())
    expected = shares[servers:].sum() / shares.sum()
    assert expected == pytest.approx(theory.erlang_c(load, servers), rel=1e-10)


def test_erlang_c_of_one_server_is_its_utilisation():
    assert theory.erlang_c(0.7, 1) == pytest.approx(0.7, rel=1e-14)


def test_erlang_c_wait_is_the_integral_of_its_tail():
    tail = integrate.quad(lambda t: theory.erlang_c_wait_tail(t, 2.25, 2.0, 6), 0.0, math.inf)[0]
    assert tail == pytest.approx(theory.erlang_c_wait(2.25, 2.0, 6), rel=1e-9)
    assert theory.erlang_c_wait(2.25, 2.0, 6) == pytest.approx(0.562, abs=5e-4)


@pytest.mark.parametrize("quantile", [0.7, 0.95, 0.999])
def test_erlang_c_wait_quantile_inverts_the_tail(quantile):
    t_s = theory.erlang_c_wait_quantile(quantile, 2.25, 2.0, 6)
    assert theory.erlang_c_wait_tail(t_s, 2.25, 2.0, 6) == pytest.approx(1.0 - quantile, rel=1e-12)


def test_a_full_system_waits_for_ever():
    assert theory.erlang_c(7.0, 6) == 1.0
    assert theory.erlang_c_wait(3.5, 2.0, 6) == math.inf
    assert theory.erlang_c_wait_tail(1e9, 3.5, 2.0, 6) == 1.0
    assert theory.erlang_c_wait_quantile(0.01, 3.5, 2.0, 6) == math.inf
    for wait in (theory.mm1_wait, theory.mm1_sojourn, theory.md1_wait):
        assert wait(1.0, 1.0) == math.inf
    assert theory.mg1_wait(1.0, 1.0, 0.0) == math.inf
    assert theory.ps_sojourn(1.0, 2.0, 1.0) == math.inf
    for wait in (theory.allen_cunneen, theory.sakasegawa):
        assert wait(3.5, 2.0, 6, 0.0, 0.0) == math.inf
    assert theory.kingman(1.0, 1.0, 0.0, 0.0) == math.inf
    assert theory.kingman_bound(1.0, 1.0, 0.0, 0.0) == math.inf


def test_an_empty_system_never_waits():
    assert theory.erlang_c_wait(0.0, 2.0, 6) == 0.0
    assert theory.mm1_sojourn(0.0, 2.0) == 2.0
    assert theory.mm_c_k(0.0, 2.0, 3, 5) == (0.0, 0.0, 0.0, 0.0)
    assert theory.erlang_a(0.0, 2.0, 1.0, 3) == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_mm1_quantiles_invert_the_known_distributions():
    arrivals_per_s, service_s = 0.8, 1.0
    rate = (1.0 - 0.8) / service_s
    t_s = theory.mm1_sojourn_quantile(0.99, arrivals_per_s, service_s)
    assert stats.expon(scale=1 / rate).cdf(t_s) == pytest.approx(0.99, rel=1e-12)
    t_s = theory.mm1_wait_quantile(0.99, arrivals_per_s, service_s)
    assert 0.8 * math.exp(-rate * t_s) == pytest.approx(0.01, rel=1e-12)
    assert theory.mm1_wait_quantile(0.2, arrivals_per_s, service_s) == 0.0


def test_little_links_the_mean_number_to_the_mean_time():
    number = np.arange(2000)
    mean_number = np.sum(number * 0.2 * 0.8**number)  # the geometric law of M/M/1 at load 0.8
    assert mean_number == pytest.approx(theory.little(0.8, theory.mm1_sojourn(0.8, 1.0)), rel=1e-9)


@pytest.mark.parametrize(
    ("arrivals", "service", "servers", "places"), [(3.0, 1.0, 2, 5), (0.4, 2.0, 1, 8), (50.0, 0.1, 4, 40)]
)
def test_finite_queue_is_the_solution_of_its_chain(arrivals, service, servers, places):
    states = np.arange(places + 1)
    shares = stationary(np.full(places, arrivals), np.minimum(states[1:], servers) / service)
    queue = np.sum(np.maximum(states - servers, 0) * shares)
    actual = theory.mm_c_k(arrivals, service, servers, places)
    expected = (
        shares[-1],
        queue / (arrivals * (1 - shares[-1])),
        queue,
        np.sum(np.minimum(states, servers) * shares),
    )
    assert actual == pytest.approx(expected, rel=1e-8)


def test_finite_queue_without_waiting_room_is_erlang_b_and_with_endless_room_erlang_c():
    assert theory.mm_c_k(4.5, 1.0, 6, 6).blocked == pytest.approx(theory.erlang_b(4.5, 6), rel=1e-12)
    endless = theory.mm_c_k(2.25, 2.0, 6, 3000)
    assert endless.wait_s == pytest.approx(theory.erlang_c_wait(2.25, 2.0, 6), rel=1e-12)
    assert endless.blocked < 1e-100


@pytest.mark.parametrize(
    ("arrivals", "service", "patience", "servers"),
    [(3.0, 1.0, 2.0, 2), (5.0, 1.0, 0.3, 2), (0.5, 2.0, 10.0, 1)],
)
def test_impatient_queue_is_the_solution_of_its_chain(arrivals, service, patience, servers):
    size = 120
    states = np.arange(size + 1)
    waiting = np.maximum(states - servers, 0)
    busy = np.minimum(states, servers)
    shares = stationary(np.full(size, arrivals), busy[1:] / service + waiting[1:] / patience)
    queue = np.sum(waiting * shares)
    actual = theory.erlang_a(arrivals, service, patience, servers)
    expected = (
        queue / patience / arrivals,
        shares[servers:].sum(),
        queue / arrivals,
        queue,
        np.sum(busy * shares),
    )
    assert actual == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("patience", [0.01, 1.0, 300.0])
def test_impatient_queue_serves_whom_it_does_not_lose(patience):
    actual = theory.erlang_a(12.0, 1.0, patience, 10)
    assert actual.carried_load == pytest.approx(12.0 * (1.0 - actual.abandoned), rel=1e-10)


def test_impatience_has_erlang_b_and_erlang_c_as_its_limits():
    assert theory.erlang_a(4.5, 1.0, 1e-9, 6).abandoned == pytest.approx(theory.erlang_b(4.5, 6), rel=1e-6)
    patient = theory.erlang_a(4.5, 1.0, 1e9, 6)
    assert patient.delayed == pytest.approx(theory.erlang_c(4.5, 6), rel=1e-6)
    assert patient.wait_s == pytest.approx(theory.erlang_c_wait(4.5, 1.0, 6), rel=1e-6)


def test_impatience_equal_to_service_makes_the_number_present_poisson():
    # With theta = mu every request leaves at rate mu, waiting or not: M/M/infinity.
    expected = stats.poisson.sf(9, 12.0)
    assert expected == pytest.approx(theory.erlang_a(12.0, 1.0, 1.0, 10).delayed, rel=1e-10)


def test_a_queue_of_millions_is_refused_instead_of_summed_for_ever():
    with pytest.raises(ValueError, match="patience_s must keep the queue below 4,000,000 requests"):
        theory.erlang_a(100.0, 1.0, 1e9, 10)


def retrials_by_linear_algebra(load: float, service: float, backoff: float, servers: int, most: int) -> tuple:
    """The chain of (busy, away), cut at `most` away: pi Q = 0 solved at once, every state a row of Q."""
    size = (servers + 1) * (most + 1)
    generator = np.zeros((size, size))

    def state(busy: int, away: int) -> int:
        return away * (servers + 1) + busy

    for away in range(most + 1):
        for busy in range(servers + 1):
            here = state(busy, away)
            if busy < servers:
                generator[here, state(busy + 1, away)] += load / service
                if away:
                    generator[here, state(busy + 1, away - 1)] += away / backoff
            elif away < most:
                generator[here, state(busy, away + 1)] += load / service
            if busy:
                generator[here, state(busy - 1, away)] += busy / service
    generator -= np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(size)])
    shares = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]
    shares = shares.reshape(most + 1, servers + 1)
    away = shares.sum(axis=1) @ np.arange(most + 1)
    wait = away / (load / service)
    return shares[:, -1].sum(), wait, away, wait / backoff, shares.sum(axis=0) @ np.arange(servers + 1)


@pytest.mark.parametrize(
    ("load", "service", "backoff", "servers"),
    [(0.5, 1.0, 3.0, 1), (0.4, 2.0, 0.1, 1), (1.2, 2.0, 1.5, 2), (2.0, 0.5, 4.0, 4)],
)
def test_retrials_are_the_solution_of_their_chain(load, service, backoff, servers):
    expected = retrials_by_linear_algebra(load, service, backoff, servers, 80)
    assert theory.retrial_mmc(load / service, service, backoff, servers) == pytest.approx(expected, rel=1e-8)
    if servers == 1:
        assert theory.retrial_mm1(load / service, service, backoff) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("load", "backoff"), [(0.2, 0.5), (0.9, 0.1), (0.95, 300.0), (0.99, 1.0)])
def test_retrials_at_one_server_follow_their_closed_form(load, backoff):
    expected = theory.retrial_mm1(load, 1.0, backoff)
    assert theory.retrial_mmc(load, 1.0, backoff, servers=1) == pytest.approx(expected, rel=1e-10)


def test_retrials_without_backoff_wait_as_erlang_c_says():
    actual = theory.retrial_mmc(4.5, 1.0, 1e-7, servers=6)
    assert actual.blocked == pytest.approx(theory.erlang_c(4.5, 6), rel=1e-6)
    assert actual.wait_s == pytest.approx(theory.erlang_c_wait(4.5, 1.0, 6), rel=1e-6)
    assert theory.retrial_mm1(0.8, 1.0, 1e-9).wait_s == pytest.approx(theory.mm1_wait(0.8, 1.0), rel=1e-8)


def test_retrials_after_an_endless_backoff_are_one_more_poisson_stream():
    # All tries together are lost with probability B(a'), and a' = a / (1 - B(a')): Cohen's fixed point.
    tries = 4.5
    for _ in range(2000):
        tries = 4.5 / (1.0 - theory.erlang_b(tries, 6))
    lost = theory.erlang_b(tries, 6)
    actual = theory.retrial_mmc(4.5, 1.0, 2000.0, servers=6)
    assert actual.blocked == pytest.approx(lost, rel=1e-3)
    assert actual.returns == pytest.approx(lost / (1.0 - lost), rel=1e-3)


def test_retrials_serve_everybody_below_full_load_and_nobody_in_time_at_it():
    assert theory.retrial_mmc(95.0, 1.0, 1.0, servers=100).carried_load == pytest.approx(95.0, rel=1e-10)
    assert theory.retrial_mmc(0.0, 1.0, 1.0, servers=3) == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert theory.retrial_mm1(0.0, 1.0, 1.0) == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert theory.retrial_mmc(3.0, 1.0, 1.0, servers=3) == (1.0, math.inf, math.inf, math.inf, 3.0)
    assert theory.retrial_mm1(1.0, 1.0, 1.0) == (1.0, math.inf, math.inf, math.inf, 1.0)
    with pytest.raises(ValueError, match="backoff_s must keep the number away below 100,000"):
        theory.retrial_mmc(0.9, 1.0, 1e6, servers=1)


def test_pollaczek_khinchine_agrees_with_its_textbook_cases():
    assert theory.mg1_wait(0.8, 1.0, 1.0) == pytest.approx(theory.erlang_c_wait(0.8, 1.0, 1), rel=1e-12)
    assert theory.md1_wait(0.8, 1.0) == pytest.approx(theory.mm1_wait(0.8, 1.0) / 2.0, rel=1e-14)


def test_mg1_wait_agrees_with_a_recursion_over_deterministic_service():
    # M/D/1 by its embedded chain: Poisson arrivals during each service, states cut at 200.
    load, size = 0.7, 200
    arrivals = stats.poisson.pmf(np.arange(size), load)
    chain = np.zeros((size, size))
    for n in range(size):
        start = max(n - 1, 0)
        chain[n, start:] = arrivals[: size - start]
        chain[n, -1] += 1.0 - chain[n].sum()
    equations = np.vstack([chain.T - np.eye(size), np.ones(size)])
    shares = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]
    mean_number = np.sum(np.arange(size) * shares)
    assert mean_number == pytest.approx(theory.little(load, theory.md1_wait(load, 1.0) + 1.0), rel=1e-8)


def test_processor_sharing_has_the_mean_sojourn_of_mm1_on_average():
    average = integrate.quad(lambda x: theory.ps_sojourn(x, 0.6, 1.0) * math.exp(-x), 0.0, math.inf)[0]
    assert average == pytest.approx(theory.mm1_sojourn(0.6, 1.0), rel=1e-9)
    assert theory.ps_sojourn(0.0, 5.0, 1.0) == 0.0


def test_approximations_are_exact_where_the_queue_is_known():
    assert theory.kingman(0.8, 1.0, 1.0, 3.0) == pytest.approx(theory.mg1_wait(0.8, 1.0, 3.0), rel=1e-12)
    assert theory.allen_cunneen(9.0, 1.0, 10, 1.0, 1.0) == theory.erlang_c_wait(9.0, 1.0, 10)
    assert theory.sakasegawa(0.8, 1.0, 1, 1.0, 1.0) == pytest.approx(theory.mm1_wait(0.8, 1.0), rel=1e-12)
    assert theory.kingman_bound(0.8, 1.0, 1.0, 1.0) > theory.mm1_wait(0.8, 1.0)


@pytest.mark.parametrize(("load", "servers"), [(8.0, 10), (9.5, 10), (90.0, 100), (2.7, 3)])
def test_sakasegawa_is_close_to_erlang_c(load, servers):
    expected = theory.erlang_c_wait(load, 1.0, servers)
    assert theory.sakasegawa(load, 1.0, servers, 1.0, 1.0) == pytest.approx(expected, rel=0.15)


def test_gig1_bound_and_approximation_hold_for_regular_arrivals():
    # D/M/1 exactly: sigma solves sigma = exp(-(1 - sigma) / rho); wait = S sigma / (1 - sigma).
    load = 0.9
    sigma = 0.5
    for _ in range(2000):
        sigma = math.exp(-(1.0 - sigma) / load)
    exact = sigma / (1.0 - sigma)
    assert exact < theory.kingman_bound(load, 1.0, 0.0, 1.0)
    assert theory.kingman(load, 1.0, 0.0, 1.0) == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize(
    ("limit", "used", "requested", "wait_s"),
    [
        # Printed by OpenAI in real 429 answers; the last is a public issue of another project.
        (10_000, 8_554, 3_082, 9.816),
        (30_000, 18_928, 11_159, 0.174),
        (30_000, 28_039, 3_906, 3.89),
        (10_000, 8_782, 8_172, 41.724),
    ],
)
def test_token_bucket_waits_as_printed_in_real_answers(limit, used, requested, wait_s):
    actual = theory.token_bucket_wait(requested, limit - used, limit / 60, limit)
    assert wait_s == pytest.approx(actual, abs=1e-9)


def test_token_bucket_grants_at_once_what_it_holds_and_refuses_what_it_can_never_hold():
    assert theory.token_bucket_wait(50, 50, 1.0, 100) == 0.0
    assert theory.token_bucket_wait(100, 1e9, 1.0, 100) == 0.0
    assert theory.token_bucket_wait(100, -20, 10.0, 100) == 12.0
    with pytest.raises(ValueError, match="requested_tokens must be <= capacity_tokens, which is 100: 101"):
        theory.token_bucket_wait(101, 100, 1.0, 100)


def test_token_bucket_fluid_follows_small_steps():
    durations, demands, rate, size = [30.0, 45.0, 10.0, 200.0], [180.0, 90.0, 400.0, 20.0], 100.0, 1500.0
    level, backlog, step = size, 0.0, 0.001
    expected = []
    for duration, demand in zip(durations, demands, strict=True):
        for _ in range(round(duration / step)):
            backlog += demand * step
            level = min(size, level + rate * step)
            granted = min(level, backlog)
            level, backlog = level - granted, backlog - granted
        expected.append(backlog)
    actual = theory.token_bucket_fluid(durations, demands, rate, size)
    np.testing.assert_allclose(actual.backlog_tokens, expected, atol=1.0)
    np.testing.assert_allclose(actual.wait_s, actual.backlog_tokens / rate)
    assert np.all((actual.level_tokens == 0.0) | (actual.backlog_tokens == 0.0))
    assert actual.level_tokens[-1] == size


def test_lognormal_from_quantiles_is_scipys_law():
    mu, sigma = theory.lognormal_from_quantiles(420.0, 1600.0)
    law = stats.lognorm(sigma, scale=math.exp(mu))
    assert law.ppf([0.5, 0.95]) == pytest.approx([420.0, 1600.0], rel=1e-12)
    assert law.mean() == pytest.approx(theory.lognormal_mean(mu, sigma), rel=1e-12)
    assert theory.lognormal_from_quantiles(3.0, 3.0) == (math.log(3.0), 0.0)


@pytest.mark.parametrize(("failure", "retries"), [(0.0, 3), (0.2, 0), (0.5, 2), (0.9, 5), (1.0, 4)])
def test_expected_attempts_is_the_mean_of_the_cut_geometric_law(failure, retries):
    last = retries + 1
    shares = [failure ** (k - 1) * (1 - failure) for k in range(1, last)] + [failure**retries]
    expected = sum(k * share for k, share in zip(range(1, last + 1), shares, strict=True))
    assert expected == pytest.approx(theory.expected_attempts(failure, retries), rel=1e-12)


def test_stacked_retries_multiply_to_twelve_calls_where_four_were_expected():
    # Facts, routing_semantics section 16, P1: an application of 4 tries on an SDK of 3 calls, all failing.
    assert theory.expected_attempts(1.0, 3) == 4.0
    assert theory.expected_attempts(1.0, 4 * 3 - 1) == 12.0


def test_serial_availability_is_never_above_its_weakest_part():
    assert theory.serial_availability([0.999, 0.995, 0.9]) == pytest.approx(0.8946045, rel=1e-12)
    assert theory.serial_availability([]) == 1.0


def test_cascade_break_even_makes_both_costs_equal():
    escalated = theory.cascade_break_even(0.002, 0.001, 0.012)
    cascade = 0.002 + 0.001 + escalated * 0.012
    assert cascade == pytest.approx(0.012, rel=1e-12)
    assert theory.cascade_break_even(1.0, 0.5, 1.0) == -0.5


@pytest.mark.parametrize("share", [0.0, 0.13, 0.5, 1.0])
def test_threshold_sends_the_wanted_share_of_the_sample(share):
    scores = (np.arange(1000) * 617 % 1000) / 1000.0
    threshold = theory.threshold_for_share(scores, share)
    assert np.mean(scores >= threshold) == pytest.approx(share, abs=1.1e-3)


def test_threshold_interpolates_linearly():
    assert theory.threshold_for_share([0.0, 1.0], 0.25) == 0.75
    assert theory.threshold_for_share([0.4], 0.9) == 0.4


def test_threshold_is_the_quantile_that_routellm_calibrates():
    # Facts, routing_semantics section 11: threshold = quantile(1 - wanted share), linear interpolation.
    # Place 0.5 x (4 - 1) = 1.5 between the second and the third of four.
    assert theory.threshold_for_share([0.4, 0.1, 0.2, 0.3], 0.5) == pytest.approx(0.25, rel=1e-12)


def test_retry_budgets_are_those_of_envoy_and_of_google():
    # Facts, routing_semantics section 9: max(3, 20 % of the active), and 10 % of a client's requests.
    assert [theory.retry_budget(active) for active in (1, 14, 25, 50)] == [3, 3, 5, 10]
    assert [theory.retry_budget(active, 0.1, 0) for active in (9, 10, 250)] == [0, 1, 25]


def test_adaptive_throttle_is_googles_formula():
    # Facts, routing_semantics section 9: max(0, (requests - 2 accepts) / (requests + 1)).
    assert theory.adaptive_throttle(100, 50) == 0.0
    assert theory.adaptive_throttle(100, 25) == pytest.approx(50 / 101, rel=1e-12)
    assert theory.adaptive_throttle(100, 0) == pytest.approx(100 / 101, rel=1e-12)
    assert theory.adaptive_throttle(100, 25, multiplier=1.1) == pytest.approx(72.5 / 101, rel=1e-12)


def test_retry_budget_takes_the_greater_of_share_and_minimum():
    assert [theory.retry_budget(active) for active in (0, 15, 19, 20, 1000)] == [3, 3, 3, 4, 200]
    assert theory.retry_budget(100, ratio=0.29, minimum=0) == 29


def test_adaptive_throttle_settles_at_the_backends_capacity():
    # A backend that takes a tenth of the demand: with K = 2 it is offered about twice what it accepts.
    requests, accepts = 1e6, 1e5
    offered = requests * (1.0 - theory.adaptive_throttle(requests, accepts))
    assert offered == pytest.approx(2.0 * accepts, rel=1e-5)
    assert theory.adaptive_throttle(0, 0) == 0.0


@pytest.mark.parametrize(
    ("healthy", "loads"),
    [
        # Envoy, architecture overview, "Priority levels", whose tables have these rows.
        ((1.0, 1.0), (100, 0)),
        ((0.72, 1.0), (100, 0)),
        ((0.71, 0.71), (99, 1)),
        ((0.5, 0.5), (70, 30)),
        ((0.25, 1.0), (35, 65)),
        ((0.0, 1.0), (0, 100)),
        ((0.25, 0.25), (50, 50)),
        ((0.25, 0.25, 1.0), (35, 35, 30)),
        # Health 35, 35, 28 of 98: 35 + 35 + 28, and the 2 that whole numbers leave over stay on the first.
        ((0.25, 0.25, 0.2), (37, 35, 28)),
        ((0.0, 0.0), (100, 0)),
    ],
)
def test_priority_load_spills_as_documented(healthy, loads):
    assert loads == theory.priority_load(healthy)


def test_inverse_price_weights_follow_the_documented_example():
    # OpenRouter: a target at 1 dollar is 9 times as likely as one at 3 dollars.
    weights = theory.inverse_price_weights([1.0, 3.0])
    assert weights[0] / weights[1] == pytest.approx(9.0, rel=1e-12)
    assert math.fsum(theory.inverse_price_weights([1e-200, 1.0, 1e200])) == pytest.approx(1.0)
    assert theory.inverse_price_weights([5.0, 7.0], exponent=0.0) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.erlang_b(-1.0, 3), "offered_load must be >= 0 and finite: -1.0"),
        (lambda: theory.erlang_b(1.0, 2.5), "servers must be a whole number >= 0: 2.5"),
        (lambda: theory.erlang_c(1.0, 0), "servers must be a whole number >= 1: 0"),
        (lambda: theory.erlang_c_wait(1.0, 0.0, 1), "service_s must be > 0 and finite: 0.0"),
        (lambda: theory.erlang_c_wait_tail(-1.0, 1.0, 1.0, 2), "t_s must be >= 0 and finite: -1.0"),
        (
            lambda: theory.mm1_wait_quantile(1.0, 0.5, 1.0),
            "quantile must be between 0 and 1, both excluded: 1.0",
        ),
        (lambda: theory.mm1_wait(math.nan, 1.0), "arrivals_per_s must be >= 0 and finite: nan"),
        (lambda: theory.mm_c_k(1.0, 1.0, 4, 3), "places must be a whole number >= 4: 3"),
        (lambda: theory.erlang_a(1.0, 1.0, 0.0, 1), "patience_s must be > 0 and finite: 0.0"),
        (lambda: theory.retrial_mm1(0.5, 1.0, 0.0), "backoff_s must be > 0 and finite: 0.0"),
        (lambda: theory.retrial_mmc(0.5, 1.0, 1.0, 0), "servers must be a whole number >= 1: 0"),
        (lambda: theory.mg1_wait(0.5, 1.0, -1.0), "service_scv must be >= 0 and finite: -1.0"),
        (lambda: theory.kingman_bound(0.0, 1.0, 1.0, 1.0), "arrivals_per_s must be > 0 and finite: 0.0"),
        (lambda: theory.token_bucket_fluid([1.0], [1.0, 2.0], 1.0, 1.0), "must be one row each"),
        (
            lambda: theory.token_bucket_fluid([-1.0], [1.0], 1.0, 1.0),
            "durations_s must be >= 0 and finite: -1.0",
        ),
        (lambda: theory.lognormal_from_quantiles(2.0, 1.0), "p95 must be >= 2 and finite: 1.0"),
        (lambda: theory.lognormal_mean(0.0, -1.0), "sigma must be >= 0 and finite: -1.0"),
        (lambda: theory.expected_attempts(1.2, 1), "failure must be 0 to 1: 1.2"),
        (lambda: theory.serial_availability([0.9, 99.9]), "availabilities must be 0 to 1: 99.9"),
        (lambda: theory.cascade_break_even(1.0, 1.0, 0.0), "strong_usd must be > 0 and finite: 0.0"),
        (lambda: theory.threshold_for_share([], 0.5), "scores must be at least one finite number"),
        (lambda: theory.retry_budget(True), "active_requests must be a whole number >= 0: True"),
        (lambda: theory.adaptive_throttle(1.0, 1.0, 0.0), "multiplier must be > 0 and finite: 0.0"),
        (lambda: theory.priority_load([]), "healthy_shares must have at least one level"),
        (lambda: theory.inverse_price_weights([0.0, 1.0]), "prices_usd must be > 0 and finite: 0.0"),
        (lambda: theory.inverse_price_weights([]), "prices_usd must have at least one price"),
    ],
)
def test_values_outside_a_formulas_range_are_refused_by_name_rule_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
