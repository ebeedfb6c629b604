"""Requests: what every strategy meets. Drawn from the scenario, or replayed from a recording.

Comes in: a scenario and a window. Goes out: `Requests`, arrays by the contract of `planner.tables`, sorted
by (arrival, name); the turns of a conversation stand together, where its first one stands. Every property of a
request is a pure function of (seed, window index, purpose, name): it does not depend on the strategy, on how many
requests there are, or on who else computes a part of them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt

from planner import chance, sampling
from planner.errors import Problem, ScenarioError
from planner.jit import jit
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law
from planner.tables import NEVER
from planner.workload import conversations, traces
from planner.workload.arrivals import TURN_BITS, arrival_blocks, arrivals

if TYPE_CHECKING:
    import pandas as pd

    from planner.workload.windows import Window

# More than any window holds; keeps the far tail of a law inside the integers.
MAX_DRAWN = 1e12

STREAMS = {
    purpose: chance.stream_id(purpose)
    for purpose in (
        "task", "input", "output", "audio-input", "audio-output", "sensitive", "difficulty", "router-score", "think",
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

    A row with a pause is a later one of the conversation of the row before: it begins so long after that one's end,
    or after its arrival where `is_open`. It may never come: a request that fails ends its conversation, and a
    question is asked again only after a wrong or failed answer. `arrived_ns` of such a row is its conversation's,
    where it is not known before the run.
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
    turn: Integers
    repeat: Integers
    pause_ns: Integers  # NEVER: it arrives by itself
    shared_tokens: Integers  # of its prefix, what it shares with requests of other conversations
    image_sets: Integers  # how often it holds the images of its task
    resent_speech_ms: Integers  # earlier spoken answers
    is_open: bool = False
    correct: Mapping[str, npt.NDArray[np.int8]] = field(default_factory=dict)  # MODEL: 1, 0, -1 unrated
    output_by_model: Mapping[str, Integers] = field(default_factory=dict)  # MODEL: tokens, -1 not recorded
    service_ns: Integers | None = None
    source: str = "generated"  # or "trace"

    @property
    def n(self) -> int:
        """Number of requests, those included that may never come."""
        return int(self.request.shape[0])

    def planned(self, n_tasks: int) -> Integers:
        """Questions by task, whether or not they are asked in the end; shape (n_tasks,)."""
        return np.bincount(self.task[self.repeat == 0], minlength=n_tasks)


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
    found = drawn(scenario, window.index, names, arrived_ns)
    return found if limit is None or found.n == limit else kept(found, np.arange(found.n) < limit)


def generate_blocks(scenario: Scenario, window: "Window", limit: int | None = None) -> Iterator[Requests]:
    """`generate`, block by block in the order of arrival, so that memory does not grow with the window.

    A recording is one block: it is in memory as a whole. At least one block comes, if only an empty one.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be >= 0: {limit}")
    if scenario.traffic.trace is not None:
        yield _replay(scenario, traces.recording(scenario), window.index, limit)
        return
    n = 0
    is_empty = True
    for names, arrived_ns in arrival_blocks(scenario, window.index, *_stretch(window), limit):
        is_empty = False
        found = drawn(scenario, window.index, names, arrived_ns)
        if limit is not None and n + found.n > limit:
            found = kept(found, np.arange(found.n) < limit - n)
        n += found.n
        yield found
        if limit is not None and n >= limit:
            return
    if is_empty:
        yield drawn(scenario, window.index, np.empty(0, np.int64), np.empty(0, np.int64))


def kept(requests: Requests, which: npt.NDArray[np.bool_]) -> Requests:
    """The rows of some requests; of a conversation all, none, its beginning, or of an open one its end.

    The first row that is kept of a conversation arrives by itself.
    """
    talk = np.cumsum(requests.pause_ns == NEVER)[which]
    columns: dict[str, Any] = {}
    for column in fields(Requests):
        value = getattr(requests, column.name)
        if isinstance(value, np.ndarray):
            columns[column.name] = value[which]
        elif isinstance(value, Mapping):
            columns[column.name] = {name: inner[which] for name, inner in value.items()}
        else:
            columns[column.name] = value
    columns["pause_ns"][np.diff(talk, prepend=-1) != 0] = NEVER
    return Requests(**columns)


def follows(requests: Requests) -> bool:
    """Whether the arrivals of some requests are known only as a run goes."""
    return not requests.is_open and bool((requests.pause_ns != NEVER).any())


def as_they_came(requests: Requests, names: Integers, arrived_ns: Integers) -> Requests:
    """The requests that came in a run, at the moments at which they did, whatever becomes of them in another one.

    `names` ascend; conversations stay together.
    """
    place = np.minimum(np.searchsorted(names, requests.request), len(names) - 1)
    came = names[place] == requests.request
    talk = np.cumsum(requests.pause_ns == NEVER)[came]
    found = kept(requests, came)
    moments = arrived_ns[place[came]]
    pause_ns = np.full(found.n, NEVER, np.int64)
    later = np.flatnonzero(talk[1:] == talk[:-1]) + 1
    pause_ns[later] = moments[later] - moments[later - 1]
    return replace(found, arrived_ns=moments, pause_ns=pause_ns, is_open=True)


def joined(blocks: Sequence[Requests]) -> Requests:
    """Blocks in the order of arrival as one."""
    if len(blocks) == 1:
        return blocks[0]
    assert all(block.source == "generated" for block in blocks), "a recording is one block"
    columns = [
        one.name
        for one in fields(Requests)
        if one.name not in ("correct", "output_by_model", "service_ns", "source", "is_open")
    ]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks]) for name in columns
    }
    return Requests(**arrays, is_open=blocks[0].is_open)


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


def drawn(scenario: Scenario, replication: int, names: Integers, arrived_ns: Integers) -> Requests:
    """Generated requests with given names and arrivals, and the later turns of their conversations."""
    if conversations.has_followers(scenario):
        return _conversations(scenario, replication, names, arrived_ns)
    n = names.shape[0]
    task = _draw_tasks(scenario, scenario.shares(), replication, names)
    prefix = _shared_prefix(scenario)[task]
    none = np.zeros(n, np.int64)
    return Requests(
        request=names,
        task=task,
        arrived_ns=arrived_ns,
        input_tokens=prefix + _drawn_tokens(scenario, replication, "input", task, names),
        prefix_tokens=prefix,
        output_tokens=_drawn_tokens(scenario, replication, "output", task, names),
        router_score=np.full(n, np.nan),
        verifier_score=np.full(n, np.nan),
        session=np.full(n, -1, np.int64),
        turn=none,
        repeat=none,
        pause_ns=np.full(n, NEVER, np.int64),
        shared_tokens=prefix,
        image_sets=none + 1,
        resent_speech_ms=none,
        **_common(scenario, replication, task, names, names),
    )


def _conversations(scenario: Scenario, replication: int, names: Integers, arrived_ns: Integers) -> Requests:
    """The rows of conversations with given names and arrivals (`workload.conversations`)."""
    seed, tasks, sessions = scenario.run.seed, list(scenario.tasks.values()), scenario.traffic.sessions
    means = list(scenario.turns_by_task().values())
    of_conversation = _draw_tasks(scenario, conversations.conversation_shares(scenario), replication, names)
    chances = [conversations.turn_chances(mean) for mean in means]
    turns = conversations.drawn_turns(seed, replication, names, chances, of_conversation)
    task_of = np.repeat(of_conversation, turns)
    questions = conversations.question_names(names, turns)
    again = np.array([one.requery_probability for one in tasks])[task_of]
    rows = conversations.script(
        names, turns, conversations.drawn_repeats(seed, replication, questions, again)
    )
    task, asked = task_of[rows.question], questions[rows.question]
    own = _drawn_tokens(scenario, replication, "input", task_of, questions)
    shared = _shared_prefix(scenario)[task]
    history = np.zeros(rows.name.shape, np.int64)
    common = _common(scenario, replication, task, asked, rows.name)
    image_sets, resent_speech_ms = history + 1, history
    output_tokens = _drawn_tokens(scenario, replication, "output", task, rows.name)
    if sessions.context == "resend":
        cut = np.array([one.max_output_tokens or MAX_DRAWN for one in tasks])[task_of]
        at_first = np.flatnonzero(rows.repeat == 0)  # of each question
        said = own + np.minimum(output_tokens[at_first], cut).astype(np.int64)
        history = conversations.before(said, turns)[rows.question]
        image_sets = rows.turn + 1
        heard, spoken = common["audio_input_ms"], common["audio_output_ms"]
        common["audio_input_ms"] = heard + conversations.before(heard[at_first], turns)[rows.question]
        resent_speech_ms = conversations.before(spoken[at_first], turns)[rows.question]
    sent = shared + history + own[rows.question]
    thought_s = _draw(scenario, replication, "think", [sessions.think_time_s] * len(tasks), task, rows.name)
    pause_ns = chance.to_ns_many(np.minimum(thought_s, conversations.MAX_THINK_S))
    pause_ns[rows.is_first] = NEVER
    arrived = arrived_ns[rows.conversation]
    is_open = sessions.loop == "open"
    if is_open:
        since = np.where(rows.is_first, 0, pause_ns)
        total = np.cumsum(since)
        arrived = arrived + total - total[np.flatnonzero(rows.is_first)][rows.conversation]
    talks = np.array(means)[task] > 1.0
    return Requests(
        request=rows.name,
        task=task,
        arrived_ns=arrived,
        input_tokens=sent,
        prefix_tokens=np.where(rows.repeat > 0, sent, shared + history),
        output_tokens=output_tokens,
        router_score=np.full(rows.name.shape, np.nan),
        verifier_score=np.full(rows.name.shape, np.nan),
        session=np.where(talks, names[rows.conversation] >> TURN_BITS, -1),
        turn=rows.turn,
        repeat=rows.repeat,
        pause_ns=pause_ns,
        shared_tokens=shared,
        image_sets=image_sets,
        resent_speech_ms=resent_speech_ms,
        is_open=is_open,
        **common,
    )


def _shared_prefix(scenario: Scenario) -> Integers:
    """System prompts by task."""
    return np.array([task.shared_prefix_tokens for task in scenario.tasks.values()], np.int64)


def _drawn_tokens(
    scenario: Scenario, replication: int, side: str, task: Integers, names: Integers
) -> Integers:
    """User's part of the prompt (`input`) or visible answer (`output`), counted alike for every model."""
    laws = [getattr(one, f"{side}_tokens") for one in scenario.tasks.values()]
    return _tokens(_draw(scenario, replication, side, laws, task, names))


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
    is_chained = remembers_conversations(scenario) and bool((recording.session[rows] >= 0).any())
    pause_ns = np.full(rows.shape, NEVER, np.int64)
    if is_chained:
        rows, pause_ns = _by_conversation(recording, rows)
    session, prefix = recording.session[rows], recording.prefix_tokens[rows]
    none = np.zeros(rows.shape, np.int64)
    task = recording.task[rows]
    if (task < 0).any():
        task = np.where(task < 0, _draw_tasks(scenario, scenario.shares(), replication, rows), task)
    return Requests(
        request=rows,
        task=task,
        arrived_ns=recording.arrived_ns[rows],
        input_tokens=recording.input_tokens[rows],
        prefix_tokens=prefix,
        output_tokens=recording.output_tokens[rows],
        router_score=recording.router_score[rows],
        verifier_score=recording.verifier_score[rows],
        session=session,
        turn=none,
        repeat=none,
        pause_ns=pause_ns,
        shared_tokens=np.where(session >= 0, 0, prefix),
        image_sets=none + 1,
        resent_speech_ms=none,
        is_open=is_chained,
        correct={model: values[rows] for model, values in recording.correct.items()},
        output_by_model={model: values[rows] for model, values in recording.output_by_model.items()},
        service_ns=None if recording.service_ns is None else recording.service_ns[rows],
        source="trace",
        **_common(scenario, replication, task, rows, rows),
    )


def remembers_conversations(scenario: Scenario) -> bool:
    """Whether some deployment or strategy goes by the conversation that a request belongs to."""
    caches = any(one.prompt_cache is not None for one in scenario.deployments.values())
    return caches or any(scenario.strategy_policy(name).affinity is not None for name in scenario.strategies)


def _by_conversation(recording: traces.Recording, rows: Integers) -> tuple[Integers, Integers]:
    """Rows with those of a conversation together, where its first one stands, and the gap before each later one."""
    session = recording.session[rows]
    alone = np.where(session >= 0, session, session.max() + 1 + np.arange(len(rows)))
    _, first, of = np.unique(alone, return_index=True, return_inverse=True)
    order = np.argsort(first[of], kind="stable")
    rows, at = rows[order], first[of][order]
    moments = recording.arrived_ns[rows]
    pause_ns = np.full(rows.shape, NEVER, np.int64)
    later = np.flatnonzero(at[1:] == at[:-1]) + 1
    pause_ns[later] = moments[later] - moments[later - 1]
    return rows, pause_ns


def _common(
    scenario: Scenario, replication: int, task: Integers, asked: Integers, names: Integers
) -> dict[str, Any]:
    """Columns that are drawn for generated and recorded requests alike.

    `asked` names the questions: what is asked again is the same as before, its answer (`names`) another one.
    """
    seed, tasks = scenario.run.seed, list(scenario.tasks.values())
    silent = np.zeros(task.shape, np.int64)
    speech = {"input": silent, "output": silent}
    speaks = ["audio" in t.modalities for t in tasks]
    if any(speaks):
        silence = Law.fixed(0)
        for side in speech:
            laws = [
                getattr(t.audio, f"{side}_s") if audio else silence
                for t, audio in zip(tasks, speaks, strict=True)
            ]
            names_of = asked if side == "input" else names
            drawn_s = _draw(scenario, replication, f"audio-{side}", laws, task, names_of)
            speech[side] = _whole(drawn_s * 1e3)
    private = np.array([t.sensitive for t in tasks])
    sensitive = np.zeros(task.shape, np.bool_)
    if private.any():
        luck = chance.uniform_many(seed, replication, STREAMS["sensitive"], asked, 0)
        sensitive = luck < private[task]
    return {
        "audio_input_ms": speech["input"],
        "audio_output_ms": speech["output"],
        "sensitive": sensitive,
        "difficulty": _difficulties(
            np.array([(t.difficulty.mean, t.difficulty.sd) for t in tasks]),
            seed,
            replication,
            STREAMS["difficulty"],
            asked,
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
    return sampling.draw_each(packed, task, scenario.run.seed, replication, STREAMS[purpose], names, 0)


def components(law: Law) -> list[sampling.Component]:
    """A scenario's law as the sampler wants it."""
    return [(part.weight, int(part.kind), part.a, part.b, part.values) for part in law.components]


def _tokens(drawn: Floats) -> Integers:
    """Whole tokens, half to even, at least 1."""
    return _whole(np.maximum(drawn, 1.0))


def _whole(drawn: Floats) -> Integers:
    return np.rint(np.minimum(drawn, MAX_DRAWN)).astype(np.int64)


@jit("float64[::1](float64[:, ::1], int64, int64, int64, int64[::1], int64[::1])")
def _difficulties(
    laws: Floats, seed: int, replication: int, stream: int, names: Integers, task: Integers
) -> Floats:
    """Normal draws with mean and standard deviation by task."""
    drawn = chance.normal_many(seed, replication, stream, names, 0)
    for i in range(names.shape[0]):
        drawn[i] = laws[task[i], 0] + laws[task[i], 1] * drawn[i]
    return drawn


__all__ = ["Requests", "from_frame", "generate"]
