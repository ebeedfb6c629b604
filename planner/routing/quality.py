"""Whether an answer is right: difficulty, abilities and luck that models share.

A request has a latent difficulty that all models see; a model answers correctly with probability
logistic(discrimination * (ability - difficulty)), and the luck of two models is joined by a Gaussian
copula with `luck_correlation`. Comes in: Requests and a model; goes out: 1 right, 0 wrong, -1 unrated.
"""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from planner.catalogue import models as catalogue
from planner.chance import logistic, normal_many, normal_quantile, stream_id
from planner.jit import jit
from planner.scenario.fields import Scenario
from planner.tables import UNRATED
from planner.workload.requests import Requests

Basis = Literal["own evaluation", "own ability", "catalogue score", "inherited"]
_COMMON_LUCK = stream_id("luck")
_GRID = np.linspace(-8.5, 8.5, 4001)
_WEIGHTS = np.exp(-_GRID * _GRID / 2)
_WEIGHTS /= _WEIGHTS.sum()


@dataclass(frozen=True)
class Rating:
    """A model's ability on a task and what it rests on."""

    ability: float
    basis: Basis
    from_model: str


def rating(scenario: Scenario, task: str, model: str) -> Rating | None:
    """How good a model is at a task; None where nothing is known and its answers count as unrated.

    In this order: the user's own evaluation (`tasks.T.accuracy`), the user's ability, the
    catalogue's estimate from a benchmark score, and for the successor of a migration whatever its
    predecessor has.
    """
    found = scenario.tasks[task]
    if model in found.accuracy:
        ability = solve_ability(
            found.accuracy[model], found.difficulty.mean, found.difficulty.sd, found.discrimination
        )
        return Rating(ability, "own evaluation", model)
    own = scenario.models.get(model)
    if own is not None and task in own.ability:
        return Rating(own.ability[task], "own ability", model)
    if model in catalogue.names():
        estimate = catalogue.model(model).ability
        if estimate is not None:
            return Rating(float(getattr(estimate, "value", estimate)), "catalogue score", model)
    for migration in scenario.finance.migrations:
        if migration.to == model and migration.from_model != model:
            inherited = rating(scenario, task, migration.from_model)
            if inherited is not None:
                return Rating(inherited.ability, "inherited", inherited.from_model)
    return None


def mean_accuracy(ability: float, mean: float, sd: float, discrimination: float) -> float:
    """Share of right answers over difficulties ~ N(mean, sd): E[logistic(k (a - d))]."""
    exponent = -discrimination * (ability - mean - sd * _GRID)
    return float(_WEIGHTS @ (1 / (1 + np.exp(np.clip(exponent, -700, 700)))))


@lru_cache(maxsize=4096)
def solve_ability(accuracy: float, mean: float, sd: float, discrimination: float) -> float:
    """The ability at which `mean_accuracy` is `accuracy` (0 < accuracy < 1), by bisection."""
    reach = (40 / discrimination) + 10 * sd
    low, high = mean - reach, mean + reach
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if mean_accuracy(middle, mean, sd, discrimination) < accuracy:
            low = middle
        else:
            high = middle
    return (low + high) / 2


#: Answers whose log odds of being right are within this are decided by the table of `_thresholds`.
_TABLED = 16.0
_STEPS = 32  # to one
#: Nearer to the table than this, the exact threshold decides; the table is within a tenth of it.
DOUBT = 1e-3


@cache
def thresholds() -> npt.NDArray[np.float64]:
    """Luck up to which an answer is right, by its log odds from -16 to 16 in steps of 1/32; shape (1025,)."""
    odds = np.arange(-_TABLED * _STEPS, _TABLED * _STEPS + 1) / _STEPS
    return np.array([normal_quantile(logistic(one)) for one in odds])


@jit(
    "void(int64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], int8[::1])"
)
def answer(
    tasks: npt.NDArray[np.int64],
    difficulty: npt.NDArray[np.float64],
    common: npt.NDArray[np.float64],
    own: npt.NDArray[np.float64],
    ability: npt.NDArray[np.float64],
    discrimination: npt.NDArray[np.float64],
    correlation: npt.NDArray[np.float64],
    table: npt.NDArray[np.float64],
    correct: npt.NDArray[np.int8],
) -> None:
    """Fill `correct` from each request's luck, common to all models and the model's own.

    `ability`, `discrimination` and `correlation` are by task; where the ability is NaN, answers are unrated. The luck is
    held against a straight line in the `table` of `thresholds` first, which settles nearly all; only next to it against
    the threshold itself, which takes ten times as long. With an empty table always against that: the result is the same.
    """
    for i in range(tasks.shape[0]):
        task = tasks[i]
        if math.isnan(ability[task]):
            correct[i] = UNRATED
            continue
        odds = discrimination[task] * (ability[task] - difficulty[i])
        rho = correlation[task]
        luck = math.sqrt(rho) * common[i]
        luck += math.sqrt(1.0 - rho) * own[i]
        if -_TABLED < odds < _TABLED and table.shape[0] > 0:
            place = (odds + _TABLED) * _STEPS
            k = int(place)
            gap = luck - (table[k] + (place - k) * (table[k + 1] - table[k]))
            if abs(gap) > DOUBT:
                correct[i] = 1 if gap < 0.0 else 0
                continue
        probability = logistic(odds)
        if probability >= 1.0:
            correct[i] = 1
        elif probability <= 0.0:
            correct[i] = 0
        else:
            correct[i] = 1 if luck <= normal_quantile(probability) else 0


def correctness(scenario: Scenario, requests: Requests, replication: int, model: str) -> npt.NDArray[np.int8]:
    """Whether the model's answer to each request is right.

    Returns
    -------
    int8 array, shape (requests,)
        1 right, 0 wrong, -1 unrated. A recorded `correct.MODEL` wins over the model of quality.
    """
    recorded = requests.correct.get(model)
    if recorded is not None:
        return np.ascontiguousarray(recorded, dtype=np.int8)
    ratings = [rating(scenario, task, model) for task in scenario.tasks]
    correct = np.full(requests.n, UNRATED, dtype=np.int8)
    seed = scenario.run.seed
    answer(
        requests.task,
        requests.difficulty,
        normal_many(seed, replication, _COMMON_LUCK, requests.request, 0),
        normal_many(seed, replication, stream_id("luck", model), requests.request, 0),
        np.array([math.nan if found is None else found.ability for found in ratings]),
        np.array([task.discrimination for task in scenario.tasks.values()], dtype=np.float64),
        np.array([task.luck_correlation for task in scenario.tasks.values()], dtype=np.float64),
        thresholds(),
        correct,
    )
    return correct
