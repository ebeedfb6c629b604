"""Caps that change over time, on both engines: against a model of its own, and with all else that may happen."""

from collections import deque
from random import Random
from typing import Any

import numpy as np
import pytest

from planner import tables
from tests.engines.hand_tables import limits, outage, run_rows, target
from tests.engines.test_equality_priorities import crowded

TICK_NS = 250_000_000


def drawn_steps(random: Random, *values: int | None) -> list[dict[str, Any]]:
    """Steps that end on ticks of the first ten seconds, the last one open."""
    ends = sorted(random.sample(range(1, 40), random.choice((1, 3, 8))))
    steps: list[dict[str, Any]] = [{"until_s": end / 4, "value": random.choice((0, *values))} for end in ends]
    return [*steps, {"value": random.choice(values)}]


def patient(crowd: dict[str, Any]) -> dict[str, Any]:
    """A crowd of which nobody honours a retry-after for longer than its deadline."""
    return crowd | {"policy": crowd["policy"] | {"retry_after_cap_s": 5}}


def starts_by_ticks(
    arrivals: list[int], lengths: list[int], steps: list[dict[str, Any]], waits: bool
) -> list[int | None]:
    """When each call starts, in ticks, told tick by tick; None: turned away. All lengths are above 0."""
    found: list[int | None] = [None] * len(arrivals)
    waiting: deque[int] = deque()
    ends: list[int] = []
    tick = 0
    while tick <= max(arrivals) or waiting:
        ends = [end for end in ends if end > tick]
        cap = next(s["value"] for s in steps if s.get("until_s") is None or tick < s["until_s"] * 4)
        most = len(arrivals) if cap is None else cap
        arriving = [call for call, arrival in enumerate(arrivals) if arrival == tick]
        for call in [*waiting, *arriving]:
            if len(ends) < most:
                found[call] = tick
                ends.append(tick + lengths[call])
                if call in waiting:
                    waiting.remove(call)
            elif waits and call in arriving:
                waiting.append(call)
        tick += 1
    return found


@pytest.mark.parametrize("seed", range(40))
def test_starts_are_those_of_a_model_that_goes_tick_by_tick(seed: int) -> None:
    random = Random(seed)
    arrivals = sorted(random.randrange(40) for _ in range(random.choice((20, 60))))
    lengths = [random.choice((1, 2, 2, 5, 9)) for _ in arrivals]
    steps = drawn_steps(random, 1, 2, 3, 7, None)
    waits = random.random() < 0.7
    rows = [
        {"arrival_s": arrival / 4, "input_tokens": 10, "output_tokens": 10, "service_s": length / 4}
        for arrival, length in zip(arrivals, lengths, strict=True)
    ]
    policy = {"when_busy": "wait" if waits else "reject"}
    run = run_rows(rows, {"a": target(limits=limits(concurrent=steps))}, policy)
    expected = starts_by_ticks(arrivals, lengths, steps, waits)
    started: list[int | None] = [None] * len(rows)
    for name, moment in zip(run.attempt_arrays["request"], run.attempt_arrays["started_ns"], strict=True):
        started[name] = int(moment) // TICK_NS
    assert started == expected
    turned_away = run.outcome_arrays["outcome"] == tables.REJECTED
    assert turned_away.tolist() == [moment is None for moment in expected]


@pytest.mark.parametrize("seed", range(40))
def test_crowds_with_priorities_limiters_outages_and_breakers_are_alike(seed: int) -> None:
    random = Random(seed)
    given = patient(crowded(random))
    for deployment in given["deployments"].values():
        deployment["limits"] |= {"concurrent": drawn_steps(random, None, 1, 2, 5)}
        deployment["outages"] = random.choice((None, [outage(2, 3), outage(5, 5.5)]))
    run_rows(**given)


def test_those_crowds_are_another_matter_under_their_first_caps_alone() -> None:
    changed = 0
    for seed in range(10):
        random = Random(seed)
        given = patient(crowded(random))
        steps = drawn_steps(random, 1, 2)
        runs = []
        for concurrent in (steps, steps[0]["value"] or 1):
            for deployment in given["deployments"].values():
                deployment["limits"] |= {"concurrent": concurrent}
            runs.append(run_rows(**given).outcome_arrays["ended_ns"])
        changed += not np.array_equal(*runs)
    assert changed > 5
