"""Chance: the stored draws first, then the generator on its published vectors, the functions against scipy
and exact arithmetic, and the shape of every law.
"""

import hashlib
import math
import os
import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from planner import chance

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).with_name("golden") / "draws.csv"
CERTAIN = 1e-6  # a right generator fails a statistical test with at most this chance


def read_golden() -> list[tuple[str, str]]:
    header, *lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    assert header == "kind,value"
    return [tuple(line.split(",")) for line in lines]


def uniforms(count: int, **names: int) -> np.ndarray:
    named = {"seed": 1, "replication": 0, "stream": 77, "attempt": 0} | names
    return chance.uniform_many(
        named["seed"], named["replication"], named["stream"], np.arange(count), named["attempt"]
    )


def assert_follows(drawn, law):
    assert stats.kstest(drawn, law.cdf).pvalue > CERTAIN


def test_all_golden_draws_are_the_stored_ones_to_the_bit():
    stored = read_golden()
    drawn = [float(value).hex() for value in chance.golden_draws(len(stored))]
    assert len(stored) == 10_000
    assert [value for _, value in stored] == drawn
    assert tuple(kind for kind, _ in stored[:10]) == chance.GOLDEN_KINDS


def test_golden_digest_is_the_hash_of_the_stored_draws():
    values = np.array([float.fromhex(value) for _, value in read_golden()])
    expected = hashlib.blake2s(values.astype("<f8").tobytes(), digest_size=16).hexdigest()
    assert expected == chance.golden_digest()


def test_plain_python_gives_the_same_golden_draws():
    code = (
        "from planner import chance; "
        "assert type(chance.uniform).__name__ == 'function'; "
        "print(*[float(v).hex() for v in chance.golden_draws(500)])"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert [value for _, value in read_golden()[:500]] == run.stdout.split()


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        # Random123, tests/kat_vectors, "philox4x32 10".
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_published_vectors_compiled_and_plain(counter, key, words):
    assert words == chance.philox4x32(*counter, *key)
    plain = getattr(chance.philox4x32, "py_func", chance.philox4x32)
    assert words == plain(*counter, *key)


def test_each_name_of_a_draw_changes_it():
    base = (1, 2, 3, 4, 5)
    others = [tuple(value + (place == changed) for place, value in enumerate(base)) for changed in range(5)]
    high_half = (1, 2, 3, 4 + (1 << 32), 5)
    drawn = {chance.uniform(*names) for names in [base, *others, high_half]}
    assert len(drawn) == 7


def test_counter_layout_is_request_low_and_high_then_stream_then_attempt():
    request = (7 << 32) + 9
    x0, x1, x2, x3 = chance.philox4x32(9, 7, 11, 13, 21, 22)
    u = Fraction(2 * ((x0 >> 6) * 2**26 + (x1 >> 6)) + 1, 2**53)
    v = Fraction(2 * ((x2 >> 6) * 2**26 + (x3 >> 6)) + 1, 2**53)
    assert (u, v) == chance.uniform_pair(21, 22, 11, request, 13)


def test_uniforms_lie_strictly_inside_even_for_the_extreme_words():
    largest, smallest = (2**52 - 1 + 0.5) * 2.0**-52, 0.5 * 2.0**-52
    assert 0.0 < smallest < largest < 1.0
    assert Fraction(largest) == 1 - Fraction(1, 2**53)


def test_uniforms_are_uniform_and_both_lanes_independent():
    pairs = np.array([chance.uniform_pair(5, 0, 8, request, 0) for request in range(40_000)])
    assert_follows(pairs[:, 0], stats.uniform())
    assert_follows(pairs[:, 1], stats.uniform())
    cells, _, _ = np.histogram2d(pairs[:, 0], pairs[:, 1], bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(cells.ravel()).pvalue > CERTAIN


@pytest.mark.parametrize("other", [{"seed": 2}, {"replication": 1}, {"stream": 78}, {"attempt": 1}])
def test_neighbouring_seeds_replications_streams_and_attempts_are_uncorrelated(other):
    correlation = np.corrcoef(uniforms(100_000), uniforms(100_000, **other))[0, 1]
    # Standard error 1/sqrt(n); 5 of them are exceeded by chance in 6 of 10 million runs.
    assert abs(correlation) < 5.0 / math.sqrt(100_000)


def test_stream_numbers_are_the_first_four_bytes_of_blake2s():
    expected = int(hashlib.blake2s(b"service:omni-a", digest_size=4).hexdigest(), 16)
    assert expected == chance.stream_id("service", "omni-a")
    assert chance.stream_id("arrivals") == int(hashlib.blake2s(b"arrivals", digest_size=4).hexdigest(), 16)


def test_two_streams_with_one_number_are_refused_by_name():
    chance.check_streams({"arrivals": 1, "sizes": 2})
    with pytest.raises(ValueError, match="'arrivals' and 'sizes' are both 7"):
        chance.check_streams({"arrivals": 7, "difficulty": 8, "sizes": 7})


def test_normal_quantile_agrees_with_scipy_over_its_whole_range():
    p = np.concatenate([np.logspace(-300, -0.31, 2000), 1.0 - np.logspace(-15, -0.31, 2000)])
    actual = np.array([chance.normal_quantile(value) for value in p])
    np.testing.assert_allclose(actual, special.ndtri(p), rtol=3e-15, atol=3e-16)
    assert chance.normal_quantile(0.5) == 0.0
    assert (chance.normal_quantile(0.0), chance.normal_quantile(1.0)) == (-math.inf, math.inf)
    assert math.isnan(chance.normal_quantile(1.5))


def exact_normal_tail(x: float) -> float:
    """P(N > x) for x >= 2 by Laplace's continued fraction, in 50 digits."""
    with localcontext() as context:
        context.prec = 50
        y = Decimal(x)
        fraction = y
        for k in range(1500, 0, -1):
            fraction = y + k / fraction
        root_2_pi = Decimal("2.50662827463100050241576528481104525300698674060993831663")
        return float((-y * y / 2).exp() / root_2_pi / fraction)


@pytest.mark.parametrize("x", [2.0, 3.5, 5.65, 5.66, 6.0, 8.0, 12.0, 30.0, 37.0])
def test_normal_tail_has_fifteen_correct_digits(x):
    assert exact_normal_tail(x) == pytest.approx(chance.normal_cdf(-x), rel=6e-16)


def test_normal_cdf_agrees_with_scipy_and_is_symmetric():
    x = np.linspace(-9.0, 9.0, 4001)
    actual = np.array([chance.normal_cdf(value) for value in x])
    np.testing.assert_allclose(actual, special.ndtr(x), rtol=2e-14, atol=0.0)
    mirrored = np.array([chance.normal_cdf(-value) for value in x])
    np.testing.assert_allclose(actual + mirrored, 1.0, rtol=0.0, atol=3e-16)
    assert (chance.normal_cdf(-math.inf), chance.normal_cdf(math.inf)) == (0.0, 1.0)
    assert math.isnan(chance.normal_cdf(math.nan))


def test_logistic_power_exp_and_log_agree_with_the_mathematics_and_do_not_overflow():
    x = np.linspace(-800.0, 800.0, 1001)
    np.testing.assert_allclose([chance.logistic(v) for v in x], special.expit(x), rtol=1e-15, atol=1e-300)
    assert chance.power(2.0, 10.0) == pytest.approx(1024.0, rel=1e-14)
    assert (chance.power(0.0, 2.0), chance.power(0.0, 0.0), chance.power(0.0, -1.0)) == (0.0, 1.0, math.inf)
    assert math.isnan(chance.power(-1.0, 0.5))
    assert (chance.exp(1.0), chance.exp(710.0), chance.exp(-800.0)) == (math.e, math.inf, 0.0)
    assert (chance.log(0.0), chance.log(1.0)) == (-math.inf, 0.0)
    assert math.isnan(chance.log(-1.0))


def test_plain_python_does_not_overflow_either():
    for name in ("exp", "log", "power", "logistic"):
        compiled = getattr(chance, name)
        plain = getattr(compiled, "py_func", compiled)
        arguments = (0.0, -2.0) if name == "power" else (1e6,)
        assert plain(*arguments) == compiled(*arguments)


def test_inverted_laws_follow_their_distributions():
    requests = range(20_000)
    assert_follows([chance.normal(1, 0, 2, r, 0) for r in requests], stats.norm())
    assert_follows([chance.exponential(1, 0, 3, r, 0, 2.5) for r in requests], stats.expon(scale=2.5))
    law = stats.lognorm(0.7, scale=math.exp(0.3))
    assert_follows([chance.lognormal(1, 0, 4, r, 0, 0.3, 0.7) for r in requests], law)


def test_inverted_laws_are_the_quantiles_of_their_uniform():
    u = chance.uniform(3, 1, 9, 1234, 2)
    assert chance.exponential(3, 1, 9, 1234, 2, 4.0) == pytest.approx(
        stats.expon(scale=4.0).ppf(u), rel=1e-14
    )
    expected = stats.lognorm(0.5, scale=math.exp(1.5)).ppf(u)
    assert chance.lognormal(3, 1, 9, 1234, 2, 1.5, 0.5) == pytest.approx(expected, rel=1e-13)
    assert chance.normal(3, 1, 9, 1234, 2) == pytest.approx(special.ndtri(u), rel=1e-14)


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 1.7, 30.0])
def test_gamma_draws_follow_the_gamma_law(shape):
    drawn = np.array([chance.gamma_variate(1, 0, 5, request, 0, shape) for request in range(20_000)])
    assert_follows(drawn, stats.gamma(shape))
    assert abs(drawn.mean() - shape) < 5.2 * math.sqrt(shape / drawn.size)


def test_gamma_draws_leave_the_second_uniform_of_their_attempt_free():
    drawn, second = [], []
    for request in range(20_000):
        drawn.append(chance.gamma_variate(1, 0, 6, request, 0, 0.8))
        second.append(chance.uniform_pair(1, 0, 6, request, 0)[1])
    assert abs(stats.spearmanr(drawn, second).statistic) < 5.2 / math.sqrt(20_000)


@pytest.mark.parametrize("mean", [0.0, 1e-300, 0.01, 1.0, 5.0, 64.0, 399.9, 400.0, 1000.0, 1e5])
def test_poisson_counts_are_the_exact_quantiles(mean):
    u = np.concatenate([uniforms(300), np.logspace(-16, -1, 31), 1.0 - np.logspace(-12, -1, 31)])
    actual = [chance.poisson_quantile(mean, value) for value in u]
    assert stats.poisson.ppf(u, mean).tolist() == actual


def exact_poisson_tail(count: int, mean: int) -> Decimal:
    """P(Poisson(mean) > count), for a count above the mean, in 40 digits."""
    n, m = Decimal(count + 1), Decimal(mean)
    series = 1 / (12 * n) - 1 / (360 * n**3) + 1 / (1260 * n**5)
    two_pi = Decimal("6.28318530717958647692528676655900576839433879875021164195")
    term = (n * (m / n).ln() + n - m - series).exp() / (two_pi * n).sqrt()
    total = Decimal(0)
    while term > total * Decimal("1e-30"):
        total += term
        n += 1
        term *= m / n
    return total


@pytest.mark.parametrize("u", [0.999997, 1.0 - 1e-11])
def test_poisson_counts_are_exact_at_ten_million_where_scipy_is_not(u):
    with localcontext() as context:
        context.prec = 40
        count = chance.poisson_quantile(1e7, u)
        above = Decimal(1) - Decimal(u)
        tail = exact_poisson_tail(count, 10_000_000)
        tail_below = exact_poisson_tail(count - 1, 10_000_000)
    assert tail <= above < tail_below


def test_poisson_counts_never_fall_when_the_mean_grows():
    means = np.concatenate([np.linspace(0.0, 80.0, 300), np.linspace(390.0, 410.0, 101), [1e4, 1e5, 1e6]])
    for u in uniforms(40):
        counts = [chance.poisson_quantile(mean, u) for mean in means]
        assert sorted(counts) == counts


def test_poisson_counts_end_for_the_largest_uniform():
    largest = 1.0 - 2.0**-53
    # P(N > 8.2 standard deviations) is the 1.1e-16 that is left above it.
    assert 30 + 8 * math.sqrt(30) < chance.poisson_quantile(30.0, largest) < 30 + 14 * math.sqrt(30)
    assert 1e7 + 8 * math.sqrt(1e7) < chance.poisson_quantile(1e7, largest) < 1e7 + 9 * math.sqrt(1e7)


@pytest.mark.parametrize(
    ("seconds", "nanoseconds"),
    [
        (0.0, 0),
        (1.0, 1_000_000_000),
        (0.5e-9, 0),
        (1.5e-9, 2),
        (2.5e-9, 2),
        (-0.5e-9, 0),
        (-1.5e-9, -2),
        (0.1, 100_000_000),
        (86_400.000000001, 86_400_000_000_001),
        (1e9, 10**18),
        (math.inf, chance.FOREVER_NS),
        (-math.inf, -chance.FOREVER_NS),
        (5e9, chance.FOREVER_NS),
    ],
)
def test_seconds_become_nanoseconds_half_to_even(seconds, nanoseconds):
    assert nanoseconds == chance.to_ns(seconds)
    plain = getattr(chance.to_ns, "py_func", chance.to_ns)
    assert nanoseconds == plain(seconds)


def test_nanoseconds_are_those_of_pythons_own_rounding():
    seconds = np.exp(special.ndtri(uniforms(5000)) * 6.0)
    expected = [round(value * 1e9) for value in seconds.tolist()]
    assert expected == chance.to_ns_many(seconds).tolist()


def test_not_a_number_is_no_time():
    with pytest.raises(ValueError, match="seconds must be a number: nan"):
        chance.to_ns(math.nan)


def test_two_forevers_still_fit_an_int64():
    assert 2 * chance.FOREVER_NS <= 2**63 - 1
    assert chance.to_ns(4.6116860184273e9) < chance.FOREVER_NS


def test_normal_draws_made_together_are_those_made_one_by_one():
    requests = np.arange(50_000) * 8_589_934_609
    together = chance.normal_many(3, 1, 9, requests, 2)
    assert together.tolist() == [chance.normal(3, 1, 9, request, 2) for request in requests.tolist()]
    assert np.abs(together).max() > 4, "the tails are among them"


def test_plain_python_makes_the_same_normal_draws_together():
    plain = getattr(chance.normal_many, "py_func", chance.normal_many)
    requests = np.arange(300)
    assert chance.normal_many(3, 1, 9, requests, 2).tolist() == plain(3, 1, 9, requests, 2).tolist()
