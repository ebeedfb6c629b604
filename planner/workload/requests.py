"""Requests: what every strategy meets. Drawn from the scenario, or replayed from a recording.

Comes in: a scenario and a window. Goes out: `Requests`, arrays by the contract of `planner.tables`, sorted
by (arrival, name). Every property of a request is a pure function of (seed, window index, purpose, name): it
does not depend on the strategy, on how many requests there are, or on who else computes a part of them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt

from planner import chance, sampling
from planner.errors import Problem, ScenarioError
from planner.jit import jit
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law
from planner.workload import traces
from planner.workload.arrivals import arrival_blocks, arrivals

if TYPE_CHECKING:
    import pandas as pd

    from planner.workload.windows import Window

# More than any window holds; keeps the far tail of a law inside the integers.
MAX_DRAWN = 1e12

STREAMS = {
    purpose: chance.stream_id(purpose)
    for purpose in (
        "task", "input", "output", "audio-input", "audio-output", "sensitive", "difficulty", "router-score",
    )
}  # fmt: skip

_FLOATS, _INTEGERS = numba.float64[::1], numba.int64[::1]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Requests:
    """Requests of a window, by (arrival, name); every array has shape (n,). Units: `planner.tables.REQUESTS`.

    `output_tokens` is what the task's law or the recording says; `sizes` cuts it for a model. NaN in
    `router_score` and `verifier_score` means not recorded. `service_ns` has shape (n, calls): the recorded
    time of each call of a request, the last column for all later ones; `NEVER` throughout a row without one.
    """

    request: Integers
    task: Integers
    arrived_ns: Integers
    input_tokens: Integers
    prefix_tokens: Integers
    output_tokens: Integers
    audio_input_ms: Integers
    audio_output_ms: Integers
    sensitive: npt.NDArray[np.bool_]
    difficulty: Floats
    router_score: Floats
    verifier_score: Floats
    session: Integers
    correct: Mapping[str, npt.NDArray[np.int8]] = field(default_factory=dict)  # MODEL: 1, 0, -1 unrated
    output_by_model: Mapping[str, Integers] = field(default_factory=dict)  # MODEL: tokens, -1 not recorded
    service_ns: Integers | None = None
    source: str = "generated"  # or "trace"

    @property
    def n(self) -> int:
        """Number of requests."""
        return int(self.request.shape[0])


def generate(scenario: Scenario, window: "Window", limit: int | None = None) -> Requests:
    """The requests of one window.

    Parameters
    ----------
    window : Window
        Its index is the replication of all luck; a recording is replayed whole in every window.
    limit : int, optional
        Exactly so many first requests instead: the window is lengthened until they have come, never thinned.

    Raises
    ------
    ScenarioError
        A recording that cannot be read, or traffic that has fewer than `limit` requests.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be >= 0: {limit}")
    if scenario.traffic.trace is not None:
        return _replay(scenario, traces.recording(scenario), window.index, limit)
    names, arrived_ns = arrivals(scenario, window.index, *_stretch(window), limit)
    return drawn(scenario, window.index, names, arrived_ns)


def generate_blocks(scenario: Scenario, window: "Window", limit: int | None = None) -> Iterator[Requests]:
    """`generate`, block by block in the order of arrival, so that memory does not grow with the window.

    A recording is one block: it is in memory as a whole. At least one block comes, if only an empty one.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be >= 0: {limit}")
    if scenario.traffic.trace is not None:
        yield _replay(scenario, traces.recording(scenario), window.index, limit)
        return
    is_empty = True
    for names, arrived_ns in arrival_blocks(scenario, window.index, *_stretch(window), limit):
        is_empty = False
        yield drawn(scenario, window.index, names, arrived_ns)
    if is_empty:
        yield drawn(scenario, window.index, np.empty(0, np.int64), np.empty(0, np.int64))


def joined(blocks: Sequence[Requests]) -> Requests:
    """Blocks in the order of arrival as one."""
    if len(blocks) == 1:
        return blocks[0]
    assert all(block.source == "generated" for block in blocks), "a recording is one block"
    columns = [
        one.name
        for one in fields(Requests)
        if one.name not in ("correct", "output_by_model", "service_ns", "source")
    ]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks]) for name in columns
    }
    return Requests(**arrays)


def _stretch(window: "Window") -> tuple[int, int]:
    """(first hour, length in ns) of a window."""
    first_hour, rest = divmod(window.start_s, 3600.0)
    assert rest == 0.0, f"a window starts at a full hour: {window.start_s}"
    return int(first_hour), int(chance.to_ns(window.length_s))


def from_frame(
    scenario: Scenario,
    frame: "pd.DataFrame | Sequence[Mapping[str, Any]]",
    replication: int = 0,
) -> Requests:
    """Requests from a table or rows with the columns of a trace, named as ours; request = row number.

    Raises
    ------
    ScenarioError
        With every row that is no request.
    """
    return _replay(scenario, traces.from_table(scenario, frame), replication, None)


def router_scores(
    scenario: Scenario, requests: Requests, window_index: int, score_correlation: float
) -> Floats:
    """What a threshold router sees of each request's difficulty, in (0, 1); shape (n,).

    The difficulty's normal score within the whole mixture of tasks, joined by a Gaussian copula of parameter
    r = 2 sin(pi rho / 6) with noise of the stream "router-score", so that rho = `score_correlation` is
    Spearman's correlation of score and difficulty (source: design, section 6; Pearson 1907 for r). Scores of
    all generated requests together are uniform. Recorded scores are passed on as they are.
    """
    shares = traces.task_shares(scenario)
    parts = np.array(
        [
            (shares[name], task.difficulty.mean, task.difficulty.sd)
            for name, task in scenario.tasks.items()
            if shares[name] > 0.0
        ]
    ).reshape(-1, 3)
    modelled = _scores(
        parts,
        copula_correlation(score_correlation),
        scenario.run.seed,
        window_index,
        STREAMS["router-score"],
        requests.request,
        requests.difficulty,
    )
    return np.where(np.isnan(requests.router_score), modelled, requests.router_score)


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


def drawn(scenario: Scenario, replication: int, names: Integers, arrived_ns: Integers) -> Requests:
    """Generated requests with given names and arrivals: all their other properties."""
    n = names.shape[0]
    task = _draw_tasks(scenario, scenario.shares(), replication, names)
    prefix = np.array([t.shared_prefix_tokens for t in scenario.tasks.values()], np.int64)[task]
    laws = {
        name: [getattr(t, name) for t in scenario.tasks.values()]
        for name in ("input_tokens", "output_tokens")
    }
    user_part = _tokens(_draw(scenario, replication, "input", laws["input_tokens"], task, names))
    return Requests(
        request=names,
        task=task,
        arrived_ns=arrived_ns,
        input_tokens=prefix + user_part,
        prefix_tokens=prefix,
        output_tokens=_tokens(_draw(scenario, replication, "output", laws["output_tokens"], task, names)),
        router_score=np.full(n, np.nan),
        verifier_score=np.full(n, np.nan),
        session=np.full(n, -1, np.int64),
        **_common(scenario, replication, task, names),
    )


def _replay(scenario: Scenario, recording: traces.Recording, replication: int, limit: int | None) -> Requests:
    """The first `limit` rows of a recording by time (all, if None), the rest of their properties drawn."""
    if limit is not None and limit > recording.n:
        raise ScenarioError(
            [
                Problem(
                    field="requests",
                    given=str(limit),
                    allowed=f"at most {recording.n}, the rows of the trace",
                )
            ],
            "the traffic",
        )
    rows = recording.order[:limit]
    task = recording.task[rows]
    if (task < 0).any():
        task = np.where(task < 0, _draw_tasks(scenario, scenario.shares(), replication, rows), task)
    return Requests(
        request=rows,
        task=task,
        arrived_ns=recording.arrived_ns[rows],
        input_tokens=recording.input_tokens[rows],
        prefix_tokens=recording.prefix_tokens[rows],
        output_tokens=recording.output_tokens[rows],
        router_score=recording.router_score[rows],
        verifier_score=recording.verifier_score[rows],
        session=recording.session[rows],
        correct={model: values[rows] for model, values in recording.correct.items()},
        output_by_model={model: values[rows] for model, values in recording.output_by_model.items()},
        service_ns=None if recording.service_ns is None else recording.service_ns[rows],
        source="trace",
        **_common(scenario, replication, task, rows),
    )


def _common(scenario: Scenario, replication: int, task: Integers, names: Integers) -> dict[str, Any]:
    """Columns that are drawn for generated and recorded requests alike."""
    seed, tasks = scenario.run.seed, list(scenario.tasks.values())
    speaks = ["audio" in t.modalities for t in tasks]
    silence = Law.fixed(0)
    speech = {
        side: _draw(
            scenario,
            replication,
            f"audio-{side}",
            [
                getattr(t.audio, f"{side}_s") if audio else silence
                for t, audio in zip(tasks, speaks, strict=True)
            ],
            task,
            names,
        )
        for side in ("input", "output")
    }
    private = np.array([t.sensitive for t in tasks])[task]
    return {
        "audio_input_ms": _whole(speech["input"] * 1e3),
        "audio_output_ms": _whole(speech["output"] * 1e3),
        "sensitive": chance.uniform_many(seed, replication, STREAMS["sensitive"], names, 0) < private,
        "difficulty": _difficulties(
            np.array([(t.difficulty.mean, t.difficulty.sd) for t in tasks]),
            seed,
            replication,
            STREAMS["difficulty"],
            names,
            task,
        ),
    }


def _draw_tasks(
    scenario: Scenario, shares: Mapping[str, float], replication: int, names: Integers
) -> Integers:
    """Task codes by inversion of the shares, in the scenario's order."""
    given = list(shares.values())
    bounds = np.cumsum(given) / math.fsum(given)
    bounds[np.flatnonzero(given)[-1] :] = 1.0  # rounding must not leave a draw to a task without a share
    drawn = chance.uniform_many(scenario.run.seed, replication, STREAMS["task"], names, 0)
    return np.searchsorted(bounds, drawn, side="right").astype(np.int64)


def _draw(
    scenario: Scenario, replication: int, purpose: str, laws: Sequence[Law], task: Integers, names: Integers
) -> Floats:
    """One draw for each request from its task's law."""
    packed = sampling.pack_laws([components(law) for law in laws])
    return _draw_by_task(packed, scenario.run.seed, replication, STREAMS[purpose], names, task)


def components(law: Law) -> list[sampling.Component]:
    """A scenario's law as the sampler wants it."""
    return [(part.weight, int(part.kind), part.a, part.b, part.values) for part in law.components]


def _tokens(drawn: Floats) -> Integers:
    """Whole tokens, half to even, at least 1."""
    return _whole(np.maximum(drawn, 1.0))


def _whole(drawn: Floats) -> Integers:
    return np.rint(np.minimum(drawn, MAX_DRAWN)).astype(np.int64)


@jit(_FLOATS(sampling.LAWS_TYPE, numba.int64, numba.int64, numba.int64, _INTEGERS, _INTEGERS))
def _draw_by_task(
    laws: sampling.Laws, seed: int, replication: int, stream: int, names: Integers, task: Integers
) -> Floats:
    drawn = np.empty(names.shape[0], np.float64)
    for i in range(names.shape[0]):
        drawn[i] = sampling.draw_law(laws, task[i], seed, replication, stream, names[i], 0)
    return drawn


@jit("float64[::1](float64[:, ::1], int64, int64, int64, int64[::1], int64[::1])")
def _difficulties(
    laws: Floats, seed: int, replication: int, stream: int, names: Integers, task: Integers
) -> Floats:
    """Normal draws with mean and standard deviation by task."""
    drawn = np.empty(names.shape[0], np.float64)
    for i in range(names.shape[0]):
        z = chance.normal(seed, replication, stream, names[i], 0)
        drawn[i] = laws[task[i], 0] + laws[task[i], 1] * z
    return drawn


@jit("float64[::1](float64[:, ::1], float64, int64, int64, int64, int64[::1], float64[::1])")
def _scores(
    parts: Floats, r: float, seed: int, replication: int, stream: int, names: Integers, difficulty: Floats
) -> Floats:
    """Scores of `router_scores`; a row of `parts` holds share, mean and standard deviation of a task."""
    rest = math.sqrt(max(0.0, 1.0 - r * r))
    scores = np.empty(names.shape[0], np.float64)
    for i in range(names.shape[0]):
        below = 0.0
        total = 0.0
        for k in range(parts.shape[0]):
            below += parts[k, 0] * chance.normal_cdf((difficulty[i] - parts[k, 1]) / parts[k, 2])
            total += parts[k, 0]
        # Kept off the ends, where the quantile is infinite: 8.2 standard deviations either way.
        rank = min(max(below / total, 1e-16), 1.0 - 1.2e-16)
        noise = chance.normal(seed, replication, stream, names[i], 0)
        score = chance.normal_cdf(r * chance.normal_quantile(rank) + rest * noise)
        scores[i] = min(max(score, 1e-300), 1.0 - 1.2e-16)
    return scores


__all__ = ["Requests", "copula_correlation", "from_frame", "generate", "router_scores"]
