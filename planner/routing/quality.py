"""Whether an answer is right: difficulty, abilities and luck that models share.

A request has a latent difficulty that all models see; a model answers correctly with probability
logistic(discrimination * (ability - difficulty)), and the luck of two models is joined by a Gaussian
copula with `luck_correlation`. Comes in: Requests and a model; goes out: 1 right, 0 wrong, -1 unrated.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from planner.catalogue import models as catalogue
from planner.chance import logistic, normal, normal_quantile, stream_id
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


@jit(
    "void(int64, int64, int64, int64, int64[::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[::1], int8[::1])"
)
def _answer(
    seed: int,
    replication: int,
    common: int,
    own: int,
    requests: npt.NDArray[np.int64],
    tasks: npt.NDArray[np.int64],
    difficulty: npt.NDArray[np.float64],
    ability: npt.NDArray[np.float64],
    discrimination: npt.NDArray[np.float64],
    correlation: npt.NDArray[np.float64],
    correct: npt.NDArray[np.int8],
) -> None:
    """Fill `correct`; `ability`, `discrimination` and `correlation` are by task, NaN ability is unrated."""
    for i in range(requests.shape[0]):
        task = tasks[i]
        if math.isnan(ability[task]):
            correct[i] = UNRATED
            continue
        probability = logistic(discrimination[task] * (ability[task] - difficulty[i]))
        if probability >= 1.0:
            correct[i] = 1
            continue
        if probability <= 0.0:
            correct[i] = 0
            continue
        rho = correlation[task]
        luck = math.sqrt(rho) * normal(seed, replication, common, requests[i], 0)
        luck += math.sqrt(1.0 - rho) * normal(seed, replication, own, requests[i], 0)
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
    _answer(
        scenario.run.seed,
        replication,
        _COMMON_LUCK,
        stream_id("luck", model),
        requests.request,
        requests.task,
        requests.difficulty,
        np.array([math.nan if found is None else found.ability for found in ratings]),
        np.array([task.discrimination for task in scenario.tasks.values()], dtype=np.float64),
        np.array([task.luck_correlation for task in scenario.tasks.values()], dtype=np.float64),
        correct,
    )
    return correct
