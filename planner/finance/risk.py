"""What draws of costs say: budgets, who is cheapest, what not knowing costs and what knowing is worth.

Comes in: costs of strategies over the same draws; goes out: figures of one number each, in USD or shares. All are
means and quantiles of the sample, which is the whole distribution as far as the design goes. Source: method §3.6.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
SHARES = (0.1, 0.5, 0.8, 0.9, 0.95)
TAIL = 0.05
DEGREE = 5  # of the regression behind the value of knowing one input


def quantiles(costs: Floats, shares: tuple[float, ...] = SHARES) -> Floats:
    """Quantiles over the draws (axis 0), linear between order statistics; shape (shares, ...)."""
    return np.asarray(np.quantile(costs, shares, axis=0))


def tail_mean(costs: Floats, share: float = TAIL) -> float:
    """Mean of the worst draws, `share` of all: the conditional value at risk (CVaR95 for 5 %).

    The draw on the edge counts with the part of it that belongs there.

    >>> tail_mean(np.arange(1.0, 101.0))
    98.0
    """
    wanted = share * costs.shape[0]
    whole = math.floor(wanted)
    worst = np.sort(costs)[::-1][: whole + 1]
    rest = wanted - whole
    return float((worst[:whole].sum() + (rest * worst[whole] if rest else 0.0)) / wanted)


def shares_cheapest(costs: Floats) -> Floats:
    """Share of draws in which each strategy costs least, shape (strategies,); `costs` is (draws, strategies).

    Strategies that cost the same share the draw.
    """
    is_least = costs <= costs.min(axis=1, keepdims=True)
    return np.asarray((is_least / is_least.sum(axis=1, keepdims=True)).mean(axis=0))


def regrets(costs: Floats) -> Floats:
    """What each strategy costs more than the best of its draw, shape (draws, strategies)."""
    return np.asarray(costs - costs.min(axis=1, keepdims=True))


def value_of_perfect_information(costs: Floats) -> float:
    """USD that knowing every input before choosing would save on average (EVPI).

    min over strategies of the mean cost, minus the mean of the cost of the best strategy of each draw.
    """
    return max(0.0, float(costs.mean(axis=0).min() - costs.min(axis=1).mean()))


def value_of_knowing(scores: Floats, costs: Floats, degree: int = DEGREE) -> float:
    """USD that knowing one input before choosing would save on average (EVPPI), by regression on the sample.

    Parameters
    ----------
    scores : (draws,)
        The input, as normal scores.
    costs : (draws, strategies)

    Notes
    -----
    The mean cost of each strategy given the input is a polynomial of the input's normal score, in Hermite's basis, fitted by
    least squares (Strong, Oakley and Brennan 2014 in its simplest form).
    """
    gaps = costs - costs[:, [int(costs.mean(axis=0).argmin())]]
    expected = conditional_means(scores, gaps, degree)
    return max(0.0, float(gaps.mean(axis=0).min() - expected.min(axis=1).mean()))


def conditional_means(scores: Floats, values: Floats, degree: int = DEGREE) -> Floats:
    """Means of some values given normal scores, by regression; shape as `values` (draws, columns)."""
    if float(np.ptp(scores)) == 0.0:
        return np.broadcast_to(values.mean(axis=0), values.shape)
    basis = np.polynomial.hermite_e.hermevander(scores, degree) / np.sqrt(
        [math.factorial(k) for k in range(degree + 1)]
    )
    weights = np.linalg.solve(basis.T @ basis, basis.T @ values)
    return np.asarray(basis @ weights)


def normal_scores(values: Floats) -> Floats:
    """Normal quantiles of the ranks of a sample: the input on a scale where powers of it behave. Ties share a rank."""
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    if many.shape[0] == 1:
        return np.zeros(values.shape)
    middle = np.cumsum(many) - many / 2
    return np.asarray(ndtri(middle / values.shape[0])[place])


def evpi_of_two_normals(mean: float, sd: float) -> float:
    """EVPI of two options whose costs differ by a normal: s (phi(u) - u Phi(-u)), u = |mean| / s.

    The closed form that the sample's figure is tested against.

    >>> round(evpi_of_two_normals(0.0, 1.0), 6)
    0.398942
    """
    u = abs(mean) / sd
    return sd * (math.exp(-u * u / 2) / math.sqrt(2 * math.pi) - u * float(ndtr(-u)))


def compound_quantile(calls: float, mean: float, second: float, third: float, share: float) -> float:
    """Quantile of what a Poisson number of calls costs in all, each as any other (a compound Poisson sum).

    Parameters
    ----------
    calls : float
        Expected number.
    mean, second, third : float
        First three moments of one call's cost, E[c], E[c^2], E[c^3].

    Notes
    -----
    Mean N E[c], variance N E[c^2] (method §3.6) and skewness E[c^3] / sqrt(N E[c^2]^3), by Cornish and Fisher's first
    correction of the normal quantile. With E[c^3] = 0 it is the normal quantile.
    """
    z = float(ndtri(share))
    spread = math.sqrt(calls * second)
    skewness = third / math.sqrt(calls * second**3) if second else 0.0
    return calls * mean + spread * (z + skewness * (z * z - 1) / 6)
