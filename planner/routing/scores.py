"""What a threshold router sees of a request's difficulty, and whether it is enough.

Comes in: Requests; goes out: a score for each, or whether it reaches a threshold, which takes a fraction of the time.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from planner import chance
from planner.jit import jit
from planner.scenario.fields import Scenario
from planner.workload import traces
from planner.workload.requests import STREAMS, Requests

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Mixture = tuple[tuple[float, float, float], ...]  # share, mean and standard deviation of difficulty, by task

#: Of the table of `_ranks`: points within the least standard deviation of a task, and points at most.
_POINTS, _MOST_POINTS = 32, 16_384
#: A table that is off by more than this, in standard deviations, is not used.
_OFF = 2e-4
#: Scores nearer to the threshold than this are worked out in full: ten times what the table may be off.
DOUBT = 10 * _OFF
#: Ranks farther out are not taken from the table: a float has too few digits left for them.
_FAR = 6.0
#: Nor are thresholds nearer to 0 or 1 than this held against it.
_EXTREME = 1e-3


def router_scores(
    scenario: Scenario, requests: Requests, window_index: int, score_correlation: float
) -> Floats:
    """What a threshold router sees of each request's difficulty, in (0, 1); shape (n,).

    The difficulty's normal score within the whole mixture of tasks, joined by a Gaussian copula of parameter
    r = 2 sin(pi rho / 6) with noise of the stream "router-score", so that rho = `score_correlation` is
    Spearman's correlation of score and difficulty (source: design, section 6; Pearson 1907 for r). Scores of
    all generated requests together are uniform. Recorded scores are passed on as they are.
    """
    modelled = _scores(
        np.array(_mixture(scenario)),
        copula_correlation(score_correlation),
        _noise(scenario, requests, window_index),
        requests.difficulty,
    )
    return np.where(np.isnan(requests.router_score), modelled, requests.router_score)


def reach(
    scenario: Scenario, requests: Requests, window_index: int, score_correlation: float, threshold: float
) -> Flags:
    """Whether `router_scores` are at least `threshold`; shape (n,).

    Most are clearly above or below it, which a table of the difficulty's normal scores shows; the others are worked out.
    """
    mixture = _mixture(scenario)
    table = _table(mixture) if _EXTREME < threshold < 1.0 - _EXTREME else None
    if (
        table is None or not np.isnan(requests.router_score).all()
    ):  # an oracle records scores of generated ones, too
        return router_scores(scenario, requests, window_index, score_correlation) >= threshold
    return _reach(
        np.array(mixture),
        copula_correlation(score_correlation),
        _noise(scenario, requests, window_index),
        requests.difficulty,
        threshold,
        *table,
    )


def _mixture(scenario: Scenario) -> Mixture:
    shares = traces.task_shares(scenario)
    return tuple(
        (shares[name], task.difficulty.mean, task.difficulty.sd)
        for name, task in scenario.tasks.items()
        if shares[name] > 0.0
    )


def _noise(scenario: Scenario, requests: Requests, window_index: int) -> Floats:
    return chance.normal_many(scenario.run.seed, window_index, STREAMS["router-score"], requests.request, 0)


@lru_cache(maxsize=64)
def _table(mixture: Mixture) -> tuple[float, float, Floats] | None:
    """(difficulty of the first point, step, normal scores); None where tasks differ too much for a table."""
    parts = np.array(mixture)
    low = float((parts[:, 1] - 8.0 * parts[:, 2]).min())
    high = float((parts[:, 1] + 8.0 * parts[:, 2]).max())
    step = float(parts[:, 2].min()) / _POINTS
    if not (high - low) / step < _MOST_POINTS:
        return None
    points: Floats = low + step * np.arange(math.ceil((high - low) / step) + 1, dtype=np.float64)
    found = _ranks(parts, points)
    for share in (0.25, 0.5, 0.75):
        between: Floats = points[:-1] + share * step
        line = found[:-1] + share * (found[1:] - found[:-1])
        is_used = np.abs(line) < _FAR
        if (np.abs(line - _ranks(parts, between))[is_used] > _OFF).any():
            return None
    return low, step, found


def copula_correlation(spearman: float) -> float:
    """Correlation r = 2 sin(pi rho / 6) of the Gaussian copula whose rank correlation is rho, for rho in 0..1.

    The sine is summed here, so that it has the same bits on every machine.

    >>> copula_correlation(0.0), copula_correlation(1.0)
    (0.0, 1.0)
    """
    if spearman == 1.0:
        return 1.0
    x = math.pi * spearman / 6.0
    term = total = x
    for k in range(1, 12):
        term *= -x * x / (2 * k * (2 * k + 1))
        total += term
    return min(1.0, 2.0 * total)


@jit("float64(float64[:, ::1], float64)", forceinline=True)
def _rank(parts: Floats, difficulty: float) -> float:
    """Normal score of a difficulty within the whole mixture; a row of `parts` holds share, mean and standard deviation."""
    below = 0.0
    total = 0.0
    for k in range(parts.shape[0]):
        below += parts[k, 0] * chance.normal_cdf((difficulty - parts[k, 1]) / parts[k, 2])
        total += parts[k, 0]
    # Kept off the ends, where the quantile is infinite: 8.2 standard deviations either way.
    return chance.normal_quantile(min(max(below / total, 1e-16), 1.0 - 1.2e-16))


@jit("float64(float64, float64, float64)", forceinline=True)
def _score(r: float, rank: float, noise: float) -> float:
    rest = math.sqrt(max(0.0, 1.0 - r * r))
    return min(max(chance.normal_cdf(r * rank + rest * noise), 1e-300), 1.0 - 1.2e-16)


@jit("float64[::1](float64[:, ::1], float64[::1])")
def _ranks(parts: Floats, difficulty: Floats) -> Floats:
    found = np.empty(difficulty.shape[0], np.float64)
    for i in range(difficulty.shape[0]):
        found[i] = _rank(parts, difficulty[i])
    return found


@jit("float64[::1](float64[:, ::1], float64, float64[::1], float64[::1])")
def _scores(parts: Floats, r: float, noise: Floats, difficulty: Floats) -> Floats:
    """Scores of `router_scores`."""
    found = np.empty(difficulty.shape[0], np.float64)
    for i in range(difficulty.shape[0]):
        found[i] = _score(r, _rank(parts, difficulty[i]), noise[i])
    return found


@jit(
    "boolean[::1](float64[:, ::1], float64, float64[::1], float64[::1], float64, float64, float64, float64[::1])"
)
def _reach(
    parts: Floats,
    r: float,
    noise: Floats,
    difficulty: Floats,
    threshold: float,
    first: float,
    step: float,
    table: Floats,
) -> Flags:
    """Whether scores are at least `threshold`, by the `table` of ranks from the difficulty `first` on where that is clear."""
    found = np.empty(difficulty.shape[0], np.bool_)
    wanted = chance.normal_quantile(threshold)
    rest = math.sqrt(max(0.0, 1.0 - r * r))
    end = table.shape[0] - 1.0
    for i in range(difficulty.shape[0]):
        place = (difficulty[i] - first) / step
        if 0.0 <= place < end:
            k = int(place)
            rank = table[k] + (place - k) * (table[k + 1] - table[k])
            gap = r * rank + rest * noise[i] - wanted
            if abs(rank) < _FAR and abs(gap) > DOUBT:
                found[i] = gap > 0.0
                continue
        found[i] = _score(r, _rank(parts, difficulty[i]), noise[i]) >= threshold
    return found


__all__ = ["copula_correlation", "reach", "router_scores"]
