"""Conversations: how many turns they have, who asks again, what is resent, and how long users think.

Comes in: names and moments of conversations. Goes out: their rows, conversation by conversation: a row for every
question and, behind it, one for each time that the user would ask it again after a wrong or failed answer. Which of
these happen, and when, is known only as the run goes: a later row begins after the end of the one before and
thinking (`loop: closed`), or so long after its arrival (`loop: open`).

Turns are geometric, cut at `MAX_QUESTIONS` with the mean kept; a question is asked again at most `MAX_REPEATS` times.
All turns of a conversation are of one task. With `context: resend` a question's prompt holds all earlier questions
and answers, so that T turns of u and a tokens behind a prompt of s send T s + u T(T+1)/2 + a T(T-1)/2 (facts: method
§3.4); an answer that is asked for again takes the place of the earlier one. Speech is resent as speech (facts:
token_rules, context_replay), images as images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from planner import chance
from planner.jit import jit
from planner.scenario.demand import MAX_QUESTIONS
from planner.scenario.fields import Scenario
from planner.workload.arrivals import QUESTION_BITS, TURN_BITS

MAX_REPEATS = (1 << (TURN_BITS - QUESTION_BITS)) - 1
#: Whoever thinks longer than a week has left; keeps sums of 64 pauses inside the integers.
MAX_THINK_S = 604_800.0

assert MAX_QUESTIONS == 1 << QUESTION_BITS, "names number the questions"

TURNS_STREAM = chance.stream_id("turns")
REPEATS_STREAM = chance.stream_id("requery")

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def has_followers(scenario: Scenario) -> bool:
    """Whether a request may lead to another one."""
    repeats = any(task.requery_probability > 0.0 for task in scenario.tasks.values())
    return repeats or any(mean > 1.0 for mean in scenario.turns_by_task().values())


def conversation_shares(scenario: Scenario) -> dict[str, float]:
    """TASK: share of all conversations, such that its share of the requests is as given."""
    mean, turns = scenario.turns_per_conversation(), scenario.turns_by_task()
    return {name: share * mean / turns[name] for name, share in scenario.shares().items()}


@lru_cache(maxsize=64)
def turn_chances(mean: float) -> Floats:
    """Cumulative probability of 1, 2, ... turns, shape (MAX_QUESTIONS,): geometric, cut off with this mean.

    Products and sums alone, so that the bits are the same on every machine.

    >>> turn_chances(1.0)[0]
    1.0
    """
    assert 1.0 <= mean <= MAX_QUESTIONS / 2, mean
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2.0
        chances = _cut_geometric(middle)
        found = sum(number * p for number, p in enumerate(chances, 1))
        low, high = (middle, high) if found < mean else (low, middle)
    reached, cumulated = 0.0, np.empty(MAX_QUESTIONS)
    for index, p in enumerate(_cut_geometric(low)):
        reached += p
        cumulated[index] = reached
    cumulated[-1] = 1.0  # rounding must not leave a draw without turns
    return cumulated


def _cut_geometric(goes_on: float) -> list[float]:
    """Probability of each number of turns where each is followed by another with probability `goes_on`."""
    weights, one = [], 1.0
    for _ in range(MAX_QUESTIONS):
        weights.append(one)
        one *= goes_on
    total = sum(weights)
    return [weight / total for weight in weights]


def drawn_turns(
    seed: int, replication: int, names: Integers, chances: Sequence[Floats], task: Integers
) -> Integers:
    """Turns of each conversation."""
    u = chance.uniform_many(seed, replication, TURNS_STREAM, names, 0)
    return _turns(u, np.stack(chances), task)


@jit("int64[::1](float64[::1], float64[:, ::1], int64[::1])")
def _turns(u: Floats, chances: npt.NDArray[np.float64], task: Integers) -> Integers:
    """Turns by inversion of each conversation's row of cumulated chances, which ends with 1."""
    found = np.empty(u.shape[0], np.int64)
    for i in range(u.shape[0]):
        turns = 1
        while chances[task[i], turns - 1] <= u[i]:
            turns += 1
        found[i] = turns
    return found


def drawn_repeats(seed: int, replication: int, names: Integers, again: Floats) -> Integers:
    """How often a question would be asked again; `again` is the probability after each bad answer."""
    if not again.any():
        return np.zeros(len(names), np.int64)
    u = chance.uniform_many(seed, replication, REPEATS_STREAM, names, 0)
    found, reach = np.zeros(len(names), np.int64), np.ones(len(names))
    for _ in range(MAX_REPEATS):
        reach = reach * again
        found += u < reach
    return found


@dataclass(frozen=True, eq=False)
class Script:
    """The rows of conversations; every array has shape (rows,)."""

    conversation: Integers  # index of the conversation
    question: Integers  # place among all questions of all conversations
    name: Integers
    turn: Integers  # from 0
    repeat: Integers  # how often it was asked before
    is_first: npt.NDArray[np.bool_]  # begins its conversation


def script(names: Integers, turns: Integers, repeats: Integers) -> Script:
    """Rows of conversations with given turns, and repeats by question; conversation by conversation."""
    conversation, question, name, turn, repeat = _script(names, turns, repeats)
    return Script(conversation, question, name, turn, repeat, is_first=(turn == 0) & (repeat == 0))


@jit("UniTuple(int64[::1], 5)(int64[::1], int64[::1], int64[::1])")
def _script(
    names: Integers, turns: Integers, repeats: Integers
) -> tuple[Integers, Integers, Integers, Integers, Integers]:
    n = repeats.shape[0] + repeats.sum()
    conversation, question, name = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    turn, repeat = np.empty(n, np.int64), np.empty(n, np.int64)
    row = 0
    asked = 0
    for k in range(names.shape[0]):
        for place in range(turns[k]):
            for again in range(1 + repeats[asked]):
                conversation[row] = k
                question[row] = asked
                name[row] = names[k] + (again << QUESTION_BITS) + place
                turn[row] = place
                repeat[row] = again
                row += 1
            asked += 1
    return conversation, question, name, turn, repeat


@jit("int64[::1](int64[::1], int64[::1])")
def question_names(names: Integers, turns: Integers) -> Integers:
    """Name of every question's first row, conversation by conversation."""
    found = np.empty(turns.sum(), np.int64)
    asked = 0
    for k in range(names.shape[0]):
        for place in range(turns[k]):
            found[asked] = names[k] + place
            asked += 1
    return found


@jit("int64[::1](int64[::1], int64[::1])")
def before(values: Integers, turns: Integers) -> Integers:
    """Sum over the earlier questions of the same conversation, by question."""
    found = np.empty(values.shape[0], np.int64)
    asked = 0
    for k in range(turns.shape[0]):
        total = 0
        for _ in range(turns[k]):
            found[asked] = total
            total += values[asked]
            asked += 1
    return found
