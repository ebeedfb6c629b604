"""Every random number, and every transcendental function that an engine or the workload may see.

A draw is a pure function of (seed, replication, stream, request, attempt): the counter-based generator
Philox4x32-10 (Salmon et al. 2011), never a shared sequential one. So strategies meet the same requests and
the same luck, and nothing depends on block size, order, worker count or engine. All functions are scalar,
compiled, and give the same bits as plain Python (no ``**``, no array functions, no fast-math).

Ranges: seed, replication and stream 0..2^32-1; request 0..2^63-1; attempt 0..2^32-1 (below 2^20 for gamma).
"""

import hashlib
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from planner.jit import jit

# Reserved by `gamma_variate`: its loop counts in the attempt's bits from this one upward.
ATTEMPT_BITS = 20
# "Never", in nanoseconds: 146 years; the sum of two still fits an int64.
FOREVER_NS = 4_611_686_018_427_387_903

_MASK32 = 0xFFFFFFFF
_MULTIPLIER_0, _MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57  # Random123, philox.h
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_TWO_TO_MINUS_52 = 2.220446049250313e-16
_CENTRAL = 0.425  # from 1/2: where the normal quantile needs no logarithm
_SQRT_32 = 5.656854249492381
_ONE_OVER_SQRT_2PI = 0.3989422804014327
# exp of more is no float: infinity in machine code, an OverflowError in plain Python
_LARGEST_EXP_ARGUMENT = 709.782712893384


def stream_id(purpose: str, owner: str = "") -> int:
    """Stable 32-bit number of a stream, from its purpose and, where it has one, its deployment or provider.

    >>> stream_id("arrivals") == stream_id("arrivals"), stream_id("service", "a") != stream_id("service", "b")
    (True, True)
    """
    name = f"{purpose}:{owner}" if owner else purpose
    return int.from_bytes(hashlib.blake2s(name.encode(), digest_size=4).digest(), "big")


def check_streams(ids: Mapping[str, int]) -> None:
    """Refuse a run in which two streams would share their draws.

    Parameters
    ----------
    ids : mapping from the stream's name to its number

    Raises
    ------
    ValueError
        Two names have the same number (chance 1 in 4 billion per pair): one of them must be renamed.
    """
    owners: dict[int, str] = {}
    for name, number in ids.items():
        if number in owners:
            raise ValueError(
                f"streams must have different numbers: {owners[number]!r} and {name!r} are both {number}"
            )
        owners[number] = name


@jit("UniTuple(int64, 4)(int64, int64, int64, int64, int64, int64)", forceinline=True)
def philox4x32(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> tuple[int, int, int, int]:
    """Ten rounds of Philox4x32: four random 32-bit words from a counter of four and a key of two.

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). A product of two
    words may wrap around in the compiled int64 (never in Python); both its halves are the same either way.
    """
    c0, c1, c2, c3, k0, k1 = int(c0), int(c1), int(c2), int(c3), int(k0), int(k1)
    for _ in range(_ROUNDS):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0 = ((product_1 >> 32) & _MASK32) ^ c1 ^ k0
        c1 = product_1 & _MASK32
        c2 = ((product_0 >> 32) & _MASK32) ^ c3 ^ k1
        c3 = product_0 & _MASK32
        k0 = (k0 + _WEYL_0) & _MASK32
        k1 = (k1 + _WEYL_1) & _MASK32
    return c0, c1, c2, c3


@jit("UniTuple(float64, 2)(int64, int64, int64, int64, int64)", forceinline=True)
def uniform_pair(seed: int, replication: int, stream: int, request: int, attempt: int) -> tuple[float, float]:
    """Two independent uniforms strictly between 0 and 1.

    Each is (52 random bits + 1/2) / 2^52, which a float holds exactly: with 53 bits the largest would round
    to 1. For the same reason 1 - u is exact and as random as u.
    """
    x0, x1, x2, x3 = philox4x32(
        request & _MASK32, (request >> 32) & _MASK32, stream & _MASK32, attempt & _MASK32, seed, replication
    )
    u = (((x0 >> 6) << 26) + (x1 >> 6) + 0.5) * _TWO_TO_MINUS_52
    v = (((x2 >> 6) << 26) + (x3 >> 6) + 0.5) * _TWO_TO_MINUS_52
    return u, v


@jit("float64(int64, int64, int64, int64, int64)", forceinline=True)
def uniform(seed: int, replication: int, stream: int, request: int, attempt: int) -> float:
    """One uniform strictly between 0 and 1: the first of `uniform_pair`."""
    return uniform_pair(seed, replication, stream, request, attempt)[0]


@jit("float64[::1](int64, int64, int64, int64[::1], int64)")
def uniform_many(
    seed: int, replication: int, stream: int, requests: npt.NDArray[np.int64], attempt: int
) -> npt.NDArray[np.float64]:
    """`uniform` for many requests; shape (requests,)."""
    drawn = np.empty(requests.shape[0], dtype=np.float64)
    for i in range(requests.shape[0]):
        drawn[i] = uniform(seed, replication, stream, requests[i], attempt)
    return drawn


@jit("float64(float64)", forceinline=True)
def exp(x: float) -> float:
    """e to the x; infinity above the largest float, in plain Python too."""
    if x > _LARGEST_EXP_ARGUMENT:
        return math.inf
    return math.exp(x)


@jit("float64(float64)", forceinline=True)
def log(x: float) -> float:
    """Natural logarithm; minus infinity at 0, NaN below, in plain Python too."""
    if x > 0.0:
        return math.log(x)
    return -math.inf if x == 0.0 else math.nan


@jit("float64(float64, float64)")
def power(x: float, y: float) -> float:
    """x to the y for x >= 0, as exp(y log x); NaN for negative x."""
    if y == 0.0:
        return 1.0
    return exp(y * log(x))


@jit("float64(float64)")
def logistic(x: float) -> float:
    """1 / (1 + e^-x), without overflow at either end.

    >>> logistic(0.0)
    0.5
    """
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


@jit("UniTuple(float64, 2)(float64)", forceinline=True)
def _central_quantile(q: float) -> tuple[float, float]:
    """Numerator and denominator of `normal_quantile` at 1/2 + q, for q within `_CENTRAL`."""
    r = 0.180625 - q * q
    a = 2509.0809287301226727 * r + 33430.575583588128105
    a = ((a * r + 67265.770927008700853) * r + 45921.953931549871457) * r + 13731.693765509461125
    a = ((a * r + 1971.5909503065514427) * r + 133.14166789178437745) * r + 3.387132872796366608
    b = 5226.495278852854561 * r + 28729.085735721942674
    b = ((b * r + 39307.89580009271061) * r + 21213.794301586595867) * r + 5394.1960214247511077
    b = ((b * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1.0
    return q * a, b


@jit("float64(float64)", forceinline=True)
def normal_quantile(p: float) -> float:
    """Standard normal quantile; relative error below 1e-15 in (0, 1), infinite at the ends, NaN outside.

    Source: M. J. Wichura, algorithm AS 241 (PPND16), Applied Statistics 37 (1988) 477-484.

    >>> round(normal_quantile(0.975), 10)
    1.9599639845
    """
    if not 0.0 < p < 1.0:
        if p == 0.0:
            return -math.inf
        return math.inf if p == 1.0 else math.nan
    q = p - 0.5
    if abs(q) <= _CENTRAL:
        a, b = _central_quantile(q)
        return a / b
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        a = 7.7454501427834140764e-4 * r + 0.0227238449892691845833
        a = ((a * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r + 3.64784832476320460504
        a = ((a * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734
        b = 1.05075007164441684324e-9 * r + 5.475938084995344946e-4
        b = ((b * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r + 0.68976733498510000455
        b = ((b * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0
    else:
        r -= 5.0
        a = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        a = ((a * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r + 0.29656057182850489123
        a = ((a * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772
        b = 2.04426310338993978564e-15 * r + 1.4215117583164458887e-7
        b = ((b * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r + 0.0148753612908506148525
        b = ((b * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0
    return -a / b if q < 0.0 else a / b


@jit("float64(float64)")
def normal_cdf(x: float) -> float:
    """Standard normal distribution function; relative error about 1e-15, in the lower tail too.

    Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969)
    631-638, in the form of his ANORM (ACM Algorithm 715).

    >>> normal_cdf(0.0), round(normal_cdf(1.959963984540054), 12)
    (0.5, 0.975)
    """
    y = abs(x)
    if y <= 0.67448975:
        s = y * y
        a = ((0.065682337918207449113 * s + 2.2352520354606839287) * s + 161.02823106855587881) * s
        b = ((s + 47.20258190468824187) * s + 976.09855173777669322) * s
        a = (a + 1067.6894854603709582) * s + 18154.981253343561249
        b = (b + 10260.932208618978205) * s + 45507.789335026729956
        return 0.5 + x * a / b
    if y <= _SQRT_32:
        a = (1.0765576773720192317e-8 * y + 0.39894151208813466764) * y + 8.8831497943883759412
        a = ((a * y + 93.506656132177855979) * y + 597.27027639480026226) * y + 2494.5375852903726711
        a = ((a * y + 6848.1904505362823326) * y + 11602.651437647350124) * y + 9842.7148383839780218
        b = (y + 22.266688044328115691) * y + 235.38790178262499861
        b = ((b * y + 1519.377599407554805) * y + 6485.558298266760755) * y + 18615.571640885098091
        b = ((b * y + 34900.952721145977266) * y + 38912.003286093271411) * y + 19685.429676859990727
        tail = a / b
    elif y < 38.6:
        s = 1.0 / (y * y)
        a = (0.02307344176494017303 * s + 0.21589853405795699) * s + 0.1274011611602473639
        a = ((a * s + 0.022235277870649807) * s + 0.001421619193227893466) * s + 2.9112874951168792e-5
        b = (s + 1.28426009614491121) * s + 0.468238212480865118
        b = ((b * s + 0.0659881378689285515) * s + 0.00378239633202758244) * s + 7.29751555083966205e-5
        tail = (_ONE_OVER_SQRT_2PI - s * a / b) / y
    elif y >= 38.6:
        return 0.0 if x < 0.0 else 1.0
    else:
        return math.nan
    # exp(-y^2/2) in two factors: the square of y cut to sixteenths is exact.
    cut = math.floor(y * 16.0) / 16.0
    tail *= math.exp(-cut * cut * 0.5) * math.exp(-(y - cut) * (y + cut) * 0.5)
    return tail if x < 0.0 else 1.0 - tail


@jit("float64(int64, int64, int64, int64, int64)")
def normal(seed: int, replication: int, stream: int, request: int, attempt: int) -> float:
    """Standard normal draw, by inversion."""
    return normal_quantile(uniform(seed, replication, stream, request, attempt))


@jit("float64[::1](int64, int64, int64, int64[::1], int64)")
def normal_many(
    seed: int, replication: int, stream: int, requests: npt.NDArray[np.int64], attempt: int
) -> npt.NDArray[np.float64]:
    """`normal` for many requests, a third of the time for each; shape (requests,).

    The first two loops are free of branches, so that the compiler takes several requests at a time; the third
    sets those right that lie outside the middle, three in twenty.
    """
    u = uniform_many(seed, replication, stream, requests, attempt)
    drawn = np.empty(u.shape[0], dtype=np.float64)
    for i in range(u.shape[0]):
        a, b = _central_quantile(u[i] - 0.5)
        drawn[i] = np.true_divide(a, b)  # unlike "/" it does not look for a zero, which would be a branch
    for i in range(u.shape[0]):
        if not abs(u[i] - 0.5) <= _CENTRAL:
            drawn[i] = normal_quantile(u[i])
    return drawn


@jit("float64(float64, float64)")
def exponential_quantile(u: float, mean: float) -> float:
    """Quantile of the exponential law with that mean; grows with u."""
    return -mean * math.log(1.0 - u)


@jit("float64(float64, float64, float64)")
def lognormal_quantile(u: float, mu: float, sigma: float) -> float:
    """Quantile of exp(mu + sigma N), N standard normal; grows with u."""
    return exp(mu + sigma * normal_quantile(u))


@jit("float64(int64, int64, int64, int64, int64, float64)")
def exponential(seed: int, replication: int, stream: int, request: int, attempt: int, mean: float) -> float:
    """Exponential draw with that mean, by inversion."""
    return exponential_quantile(uniform(seed, replication, stream, request, attempt), mean)


@jit("float64(int64, int64, int64, int64, int64, float64, float64)")
def lognormal(
    seed: int, replication: int, stream: int, request: int, attempt: int, mu: float, sigma: float
) -> float:
    """Lognormal draw, by inversion; mu and sigma are mean and standard deviation of the logarithm."""
    return lognormal_quantile(uniform(seed, replication, stream, request, attempt), mu, sigma)


@jit("float64(int64, int64, int64, int64, int64, float64)")
def gamma_variate(
    seed: int, replication: int, stream: int, request: int, attempt: int, shape: float
) -> float:
    """Gamma draw of unit scale (mean = shape), for shape > 0 and attempt < 2^20.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000) 363-372.
    Trial n = 1, 2, ... uses the draw of attempt + n * 2^20; the attempt's own first uniform only enters for
    shape < 1 (a draw of shape + 1 times U^(1/shape)), its second stays free for the caller.
    """
    d = (shape + 1.0 if shape < 1.0 else shape) - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    trial = attempt
    while True:  # each trial is accepted with probability 0.95 or more
        trial += 1 << ATTEMPT_BITS
        u, w = uniform_pair(seed, replication, stream, request, trial)
        x = normal_quantile(u)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            if math.log(w) < 0.5 * x * x + d - d * v + d * math.log(v):
                break
    drawn = d * v
    if shape < 1.0:
        drawn *= power(uniform(seed, replication, stream, request, attempt), 1.0 / shape)
    return drawn


@jit("float64(float64, float64)")
def _deviance(n: float, mean: float) -> float:
    """n log(n / mean) + mean - n without cancellation, by a series where n is near the mean.

    Source: C. Loader, "Fast and accurate computation of binomial probabilities" (2000), function bd0.
    """
    v = (n - mean) / (n + mean)
    if abs(v) >= 0.1:
        return n * math.log(n / mean) + mean - n
    total = (n - mean) * v
    numerator = 2.0 * n * v
    divisor = 1.0
    before = math.inf
    while total != before:
        before = total
        numerator *= v * v
        divisor += 2.0
        total += numerator / divisor
    return total


@jit("float64(float64, float64)")
def _poisson_term(n: float, mean: float) -> float:
    """P(Poisson(mean) = n) for n > 100, in Loader's saddle-point form with Stirling's series."""
    m = n * n
    series = (1.0 - (1.0 / 30.0 - (1.0 / 105.0 - 1.0 / (140.0 * m)) / m) / m) / (12.0 * n)
    return math.exp(-series - _deviance(n, mean)) / math.sqrt(6.283185307179586 * n)


@jit("int64(float64, float64)")
def poisson_quantile(mean: float, u: float) -> int:
    """Least count k with P(Poisson(mean) <= k) >= u, for mean 0..1e7 and u in (0, 1).

    Exact inversion: for a given u the count never falls when the mean grows, so that more volume keeps every
    old request. Small means sum the terms from 0 upward. Large ones start 12 standard deviations out (beyond
    lies 1e-31) and sum inward from the side where u lies, so that both tails keep their accuracy.

    >>> poisson_quantile(4.0, 0.5), poisson_quantile(0.0, 0.999)
    (4, 0)
    """
    spread = 12.0 * math.sqrt(mean) + 12.0
    if mean >= 400.0 and u > 0.5:
        above = 1.0 - u  # exact, see uniform_pair
        k = math.ceil(mean + spread)
        term = _poisson_term(float(k), mean)
        tail = term
        while tail <= above:
            term *= k / mean
            k -= 1
            tail += term
        return k
    k = math.floor(mean - spread) if mean >= 400.0 else 0
    term = _poisson_term(float(k), mean) if mean >= 400.0 else math.exp(-mean)
    total = term
    while total < u:
        k += 1
        term *= mean / k
        total += term
        if term < 1e-18 and k > mean:
            break  # the sum cannot grow any more: u lies within rounding of 1
    return k


@jit("int64(float64)", forceinline=True)
def to_ns(seconds: float) -> int:
    """Seconds to whole nanoseconds, half to even: the only such conversion in the product.

    146 years and more, either way, become plus or minus `FOREVER_NS`; infinity thus means never.

    Raises
    ------
    ValueError
        Not a number.

    >>> to_ns(1.5), to_ns(0.5e-9), to_ns(1.5e-9)
    (1500000000, 0, 2)
    """
    scaled = seconds * 1e9
    if scaled >= 4.611686018427388e18:
        return FOREVER_NS
    if scaled <= -4.611686018427388e18:
        return -FOREVER_NS
    if scaled != scaled:
        raise ValueError("seconds must be a number: nan")
    below = math.floor(scaled)
    rest = scaled - below  # exact: from 2^52 on a float has no fraction
    if rest > 0.5 or (rest == 0.5 and below & 1 == 1):
        return below + 1
    return below


@jit("int64[::1](float64[::1])")
def to_ns_many(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """`to_ns` for many values; shape (values,)."""
    moments = np.empty(seconds.shape[0], dtype=np.int64)
    for i in range(seconds.shape[0]):
        moments[i] = to_ns(seconds[i])
    return moments


GOLDEN_KINDS = (
    "word",
    "uniform",
    "second",
    "normal",
    "cdf",
    "exponential",
    "lognormal",
    "gamma",
    "logistic",
    "poisson",
)


@jit("float64[::1](int64)")
def golden_draws(count: int) -> npt.NDArray[np.float64]:
    """The first `count` golden draws: `GOLDEN_KINDS` in turn, over wide ranges of their arguments.

    A machine whose draws differ from the stored ones in any bit would give different results: tests and
    workers compare all 10,000 before anything else.
    """
    drawn = np.empty(count, dtype=np.float64)
    for i in range(count):
        kind, j = i % 10, i // 10
        seed, replication, stream = 1 + j % 7, j % 5, 1_000_003 * kind + 17
        request, attempt = j * 8_589_934_609 + j, j % 3
        u, v = uniform_pair(seed, replication, stream, request, attempt)
        if kind == 0:
            drawn[i] = philox4x32(request & _MASK32, request >> 32, stream, attempt, seed, replication)[3]
        elif kind == 1:
            drawn[i] = u
        elif kind == 2:
            drawn[i] = v
        elif kind == 3:
            drawn[i] = normal(seed, replication, stream, request, attempt)
        elif kind == 4:
            drawn[i] = normal_cdf(16.0 * u - 8.0)
        elif kind == 5:
            drawn[i] = exponential(seed, replication, stream, request, attempt, 0.25 + j % 9)
        elif kind == 6:
            drawn[i] = lognormal(seed, replication, stream, request, attempt, v - 0.5, 0.1 + 0.3 * (j % 8))
        elif kind == 7:
            drawn[i] = gamma_variate(seed, replication, stream, request, attempt, 0.05 + 4.0 * v)
        elif kind == 8:
            drawn[i] = logistic(40.0 * u - 20.0) + power(10.0 * v, 3.0 * u)
        else:
            drawn[i] = poisson_quantile(64.0 * v if j % 10 < 9 else 10000.0 * v, u) + to_ns(v)
    return drawn


def golden_digest() -> str:
    """Hash of all 10,000 golden draws on this machine; 32 hex digits, to be compared between machines."""
    return hashlib.blake2s(golden_draws(10_000).astype("<f8").tobytes(), digest_size=16).hexdigest()
