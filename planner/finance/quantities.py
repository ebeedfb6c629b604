"""What was used in one window under one strategy: the integers that finance multiplies by prices.

Comes in: the Attempts and Outcomes of a simulated window (arrays of `planner.tables`); goes out: counts
by task, deployment, kind and meter. No price and no scaling here, and nothing of the engine that ran.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from planner.scenario.fields import Scenario
from planner.tables import METERS, OK, UNRATED, VERIFIER, WASTE_BY_OUTCOME, WASTES

Arrays = Mapping[str, npt.NDArray[np.generic]]

API = "api"  # billed tokens of answers that were served, and of a cascade's first answers
WASTED = (
    "wasted"  # billed tokens that no user got anything from: wasted/CAUSE, a kind for each of `tables.WASTES`
)
LONG = "-long"  # suffix of these: calls whose prompt is above the model's long-context threshold
BATCH = "batch"  # in accounts: all tokens of a task in no hurry at a deployment that has a batch API
VERIFIED = "verifier"  # tokens and calls of a cascade's checks
ROUTED = "router"  # requests that the router decided
REQUESTS = "requests"  # arrived, completed, failed; of these, repeated and failed-again; unasked are those that never did
ANSWERS = "answers"  # right, wrong, unrated, by the deployment that served them
BUSY = "busy"  # milliseconds in which calls were under way
SENT = "sent"  # tokens and calls that left for a deployment, billed or not
DELIVERED = "delivered"  # tokens of the answers that were passed on to users

WASTE_KINDS = tuple(f"{WASTED}/{cause}" for cause in WASTES)
USES = (API, *WASTE_KINDS)
TOKEN_KINDS = (*USES, *(kind + LONG for kind in USES))  # in the order in which engines keep them
KINDS = frozenset((*TOKEN_KINDS, VERIFIED, ROUTED, REQUESTS, ANSWERS, BUSY, SENT, DELIVERED))

PROMPT_METERS = ("input", "image", "audio_input")  # `input_tokens` of a call holds what a cache served, too
ANSWER_METERS = ("output", "audio_output")


class Key(NamedTuple):
    """What a count is of; `deployment` is None where it belongs to no deployment."""

    task: str
    deployment: str | None
    kind: str
    meter: str


Quantities = dict[Key, int]


def planned(quantities: Mapping[Key, int], task: str) -> int:
    """Requests of a task that the traffic holds: what no strategy changes, and what use is counted by.

    Repeats come on top of it; turns of conversations that ended early are a part of it.
    """
    arrived, repeated, unasked = (
        quantities.get(Key(task, None, REQUESTS, meter), 0) for meter in ("arrived", "repeated", "unasked")
    )
    return arrived - repeated + unasked


def count(
    scenario: Scenario,
    strategy: str,
    outcomes: Arrays,
    attempts: Arrays,
    *,
    asked: npt.NDArray[np.bool_] | None = None,
    repeated: npt.NDArray[np.bool_] | None = None,
    unasked: npt.NDArray[np.int64] | None = None,
    long_above: Mapping[str, int] | None = None,
) -> Quantities:
    """Counts of one window; keys whose count would be 0 are left out.

    Parameters
    ----------
    outcomes, attempts : mapping from column name to array
        As `tables.OUTCOMES_TABLE` and `tables.ATTEMPTS` say: codes, int64 nanoseconds.
    asked : bool array, shape (rows of outcomes,), optional
        Requests that the router decided, in the order of `outcomes`; none if left out.
    repeated : bool array, shape (rows of outcomes,), optional
        Questions asked once more after a bad answer, in the order of `outcomes`; none if left out.
    unasked : int array, shape (tasks,), optional
        Turns that never came because their conversation had ended; none if left out.
    long_above : mapping from deployment to tokens, optional
        Long-context thresholds of the models in force: a call whose whole prompt (cache reads and writes,
        images and audio included) is above it is counted apart, as all its tokens cost the higher price.

    Notes
    -----
    Wasted are the billed tokens of calls that did not end ok, by their outcome (`tables.WASTE_OF_OUTCOME`),
    and of ok calls of requests that failed in the end (lost-answer). A first answer that a cascade's verifier
    turned down is the cascade's price, not waste, where the request was served; so is every check.
    """
    counter = _Counter(scenario)
    tasks = np.asarray(outcomes["task"], np.int64)
    served_by = np.asarray(outcomes["deployment"], np.int64)
    is_ok = np.asarray(outcomes["outcome"]) == OK
    correct = np.asarray(outcomes["correct"])
    nobody = np.full(tasks.shape, _Counter.NOBODY)
    everything = np.ones(tasks.shape, np.int64)
    counter.add(REQUESTS, "arrived", tasks, nobody, everything)
    counter.add(REQUESTS, "completed", tasks, nobody, is_ok)
    counter.add(REQUESTS, "failed", tasks, nobody, ~is_ok)
    if repeated is not None:
        counter.add(REQUESTS, "repeated", tasks, nobody, repeated)
        counter.add(REQUESTS, "failed-again", tasks, nobody, ~is_ok & repeated)
    if unasked is not None:
        every = np.arange(len(scenario.tasks))
        counter.add(REQUESTS, "unasked", every, np.full(every.shape, _Counter.NOBODY), unasked)
    for meter, code in (("right", 1), ("wrong", 0), ("unrated", UNRATED)):
        counter.add(ANSWERS, meter, tasks, served_by, is_ok & (correct == code))
    if asked is not None and scenario.strategy(strategy).router is not None:
        counter.add(ROUTED, "requests", tasks, nobody, asked)
    _count_calls(counter, scenario, outcomes, attempts, long_above or {})
    return counter.counts()


def from_counts(
    scenario: Scenario, deployments: Sequence[str], counts: Mapping[str, npt.NDArray[np.int64]]
) -> Quantities:
    """The same counts from sums that an engine kept as it ran.

    Parameters
    ----------
    deployments : names, in the order of the second axis of `counts`
    counts : mapping to int64 arrays, T tasks and D deployments
        arrived, completed, failed, repeated, failed-again, unasked, asked, checks (T,); check_tokens (T, meters); tokens (T, D, kinds, meters) by
        `TOKEN_KINDS`: useful, then wasted by cause, then the same above a long-context threshold; busy_ns, calls (T, D);
        sent (T, D, 3) and delivered (T, D, 2) by meter; answers (T, D, 3): wrong, right, unrated.
    """
    found: Quantities = {}
    assert counts["tokens"].shape[2] == len(TOKEN_KINDS), counts["tokens"].shape
    for index, task in enumerate(scenario.tasks):

        def put(kind: str, meter: str, amount: int, deployment: str | None = None, task: str = task) -> None:
            assert amount >= 0, f"{kind}/{meter} of {deployment} counts {amount}"
            if amount:
                found[Key(task, deployment, kind, meter)] = amount

        for meter in ("arrived", "completed", "failed", "repeated", "unasked", "failed-again"):
            put(REQUESTS, meter, int(counts[meter][index]))
        put(ROUTED, "requests", int(counts["asked"][index]))
        put(VERIFIED, "calls", int(counts["checks"][index]))
        for place, meter in enumerate(METERS):
            put(VERIFIED, meter, int(counts["check_tokens"][index, place]))
        for number, name in enumerate(deployments):
            for place, meter in enumerate(("wrong", "right", "unrated")):
                put(ANSWERS, meter, int(counts["answers"][index, number, place]), name)
            tokens = counts["tokens"][index, number]
            for kind_place, place in np.argwhere(tokens).tolist():  # few of them are there
                put(TOKEN_KINDS[kind_place], METERS[place], int(tokens[kind_place, place]), name)
            put(BUSY, "ms", _divided(int(counts["busy_ns"][index, number]), 1_000_000), name)
            put(SENT, "calls", int(counts["calls"][index, number]), name)
            for place, meter in enumerate(PROMPT_METERS):
                put(SENT, meter, int(counts["sent"][index, number, place]), name)
            for place, meter in enumerate(ANSWER_METERS):
                put(DELIVERED, meter, int(counts["delivered"][index, number, place]), name)
    return found


def _count_calls(
    counter: "_Counter", scenario: Scenario, outcomes: Arrays, attempts: Arrays, long_above: Mapping[str, int]
) -> None:
    names = np.asarray(outcomes["request"], np.int64)
    order = np.argsort(names, kind="stable")
    called = np.asarray(attempts["request"], np.int64)
    if called.size == 0:
        return
    assert np.isin(called, names).all(), "a call belongs to no request of this window"
    place = np.searchsorted(names[order], called)
    row = order[place]
    tasks = np.asarray(outcomes["task"], np.int64)[row]
    deployments = np.asarray(attempts["deployment"], np.int64)
    by_verifier = deployments == VERIFIER
    ended = np.asarray(attempts["outcome"], np.int64)
    useful = (ended == OK) & (np.asarray(outcomes["outcome"]) == OK)[row]
    waste = np.where(useful, -1, np.array(WASTE_BY_OUTCOME)[ended])
    nobody = np.full(tasks.shape, _Counter.NOBODY)
    is_long = _is_long(scenario, attempts, deployments, long_above)
    counter.add(VERIFIED, "calls", tasks, nobody, by_verifier)
    for meter in METERS:
        billed = np.asarray(attempts[f"billed_{meter}_tokens"], np.int64)
        counter.add(VERIFIED, meter, tasks, nobody, np.where(by_verifier, billed, 0))
        for code, kind in enumerate(USES, -1):  # useful, then by cause of waste
            mine = np.where((waste == code) & ~by_verifier, billed, 0)
            counter.add(kind, meter, tasks, deployments, np.where(is_long, 0, mine))
            counter.add(kind + LONG, meter, tasks, deployments, np.where(is_long, mine, 0))
    took_ns = np.asarray(attempts["ended_ns"], np.int64) - np.asarray(attempts["started_ns"], np.int64)
    assert (took_ns >= 0).all(), "a call ended before it started"
    counter.add(BUSY, "ms", tasks, deployments, np.where(by_verifier, 0, took_ns), divisor=1_000_000)
    counter.add(SENT, "calls", tasks, deployments, ~by_verifier)
    # Passed on is the answer that was served: the last one, where earlier ones were turned down by a check.
    numbers = np.asarray(attempts["attempt"], np.int64)
    last = np.full(names.shape, -1)
    np.maximum.at(last, row[useful & ~by_verifier], numbers[useful & ~by_verifier])
    passed_on = useful & ~by_verifier & (numbers == last[row])
    for kind, meters, when in ((SENT, PROMPT_METERS, ~by_verifier), (DELIVERED, ANSWER_METERS, passed_on)):
        for meter in meters:
            tokens = np.asarray(attempts[f"{meter}_tokens"], np.int64)
            counter.add(kind, meter, tasks, deployments, np.where(when, tokens, 0))


def _is_long(
    scenario: Scenario, attempts: Arrays, deployments: npt.NDArray[np.int64], long_above: Mapping[str, int]
) -> npt.NDArray[np.bool_]:
    """Calls whose prompt is above the long-context threshold of their deployment's model."""
    if not long_above:
        return np.zeros(deployments.shape, np.bool_)
    prompt = np.zeros(deployments.shape, np.int64)
    for meter in PROMPT_METERS:
        prompt += np.asarray(attempts[f"{meter}_tokens"], np.int64)
    never = np.iinfo(np.int64).max
    above = np.array([long_above.get(name, never) for name in scenario.deployments], np.int64)
    return (deployments >= 0) & (prompt > above[np.maximum(deployments, 0)])


class _Counter:
    """Sums by (task, deployment) in int64: a float would lose units above 2**53."""

    NOBODY = -1

    def __init__(self, scenario: Scenario) -> None:
        self.tasks = tuple(scenario.tasks)
        self.deployments = tuple(scenario.deployments)
        self.found: Quantities = {}

    def add(
        self,
        kind: str,
        meter: str,
        tasks: npt.NDArray[np.int64],
        deployments: npt.NDArray[np.int64],
        values: npt.NDArray[np.generic],
        divisor: int = 1,
    ) -> None:
        width = len(self.deployments) + 1
        sums = np.zeros(len(self.tasks) * width, np.int64)
        np.add.at(sums, tasks * width + np.maximum(deployments, self.NOBODY) + 1, values.astype(np.int64))
        for cell in np.flatnonzero(sums):
            task, deployment = divmod(int(cell), width)
            name = self.deployments[deployment - 1] if deployment else None
            amount = _divided(int(sums[cell]), divisor)
            assert amount >= 0, f"{kind}/{meter} of {name} counts {amount}"
            if amount:
                self.found[Key(self.tasks[task], name, kind, meter)] = amount

    def counts(self) -> Quantities:
        return self.found


def _divided(total: int, divisor: int) -> int:
    """Half-even quotient in integers."""
    whole, rest = divmod(total, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1))
