"""Both engines on busy client queues of four classes: every reason to join, to leave and to be overtaken, on a grid."""

from random import Random
from typing import Any

import numpy as np
import pytest

from tests.engines.hand_tables import limits, outage, run_rows, target

PRIORITIES = {"d": 4, "b": 1, "c": 1, "a": -3, "e": 9}


def crowded(random: Random) -> dict[str, Any]:
    """Eighty requests within ten seconds at two deployments of few places."""
    rows = [
        {
            "arrival_s": random.randrange(40) / 4,
            "input_tokens": random.choice((10, 40, 90)),
            "output_tokens": 10,
            "task": random.choice(list(PRIORITIES)),
            "service_s": random.choice((0, 0.25, 0.5, 1)),
        }
        for _ in range(80)
    ]
    deployments = {
        name: target(
            limits=limits(
                concurrent=random.choice((None, 1, 2)),
                tokens_per_minute=random.choice((None, 6000)),
                burst_s=1,
                charge="estimate",
            ),
            outages=random.choice((None, [outage(2, 3), outage(5, 5.5)])),
        )
        for name in ("one", "two")
    }
    policy = {
        "when_limited": random.choice(("wait", "wait", "retry", "reject")),
        "queue_limit": random.choice((None, None, 5)),
        "queue_timeout_s": random.choice((None, 1, 3)),
        "deadline_s": random.choice((None, 6)),
        "retry_after_cap_s": 5,  # not beyond the deadline
        "retries": random.choice((0, 2)),
        "backoff": {"kind": "fixed", "waits_s": [0, 0.5]},
        "breaker": random.choice((None, {"kind": "consecutive", "failures": 2, "open_s": 1})),
    }
    tasks = {name: {"priority": priority} for name, priority in PRIORITIES.items()}
    return {"rows": rows, "deployments": deployments, "policy": policy, "tasks": tasks}


@pytest.mark.parametrize("seed", range(40))
def test_crowded_queues_of_several_classes_are_alike(seed: int) -> None:
    run_rows(**crowded(Random(seed)))


def test_those_queues_are_another_matter_without_priorities() -> None:
    changed = 0
    for seed in range(10):
        given = crowded(Random(seed))
        plain = given | {"tasks": {name: {} for name in PRIORITIES}}
        one, other = run_rows(**given), run_rows(**plain)
        changed += not np.array_equal(one.outcome_arrays["ended_ns"], other.outcome_arrays["ended_ns"])
    assert changed > 5
