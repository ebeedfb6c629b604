"""Both engines on breakers over windows with many calls: rings come round, buckets are forgotten, states change often."""

from random import Random
from typing import Any

import numpy as np

from planner import tables
from tests.engines.hand_tables import limits, run_rows, target
from tests.engines.space import COUNTS


def busy(random: Random) -> dict[str, Any]:
    """Four hundred requests within a hundred seconds, at a deployment that fails often and one behind it."""
    rows = [
        {
            "arrival_s": random.randrange(1000) / 10,
            "input_tokens": 10,
            "output_tokens": 10,
            "service_s": random.choice((0, 0.1, 0.5, 1, 4)),
        }
        for _ in range(400)
    ]
    shared = {
        "minimum_calls": random.choice((1, 3, 5)),
        "failure_share": random.choice((0.3, 0.5, 0.6)),
        "open_s": random.choice((0.1, 1, 3)),
        "open_growth": random.choice(("constant", "linear", "exponential")),
        "counts": random.choice(COUNTS),
    }
    slow = {"slow_s": random.choice((0.4, 0.5)), "slow_share": random.choice((0.4, 0.7))}
    half_open = {"half_open_calls": random.choice((1, 2, 5))}
    breaker = random.choice(
        (
            {"kind": "sliding-window", "window_calls": random.choice((5, 7, 20)), **slow, **half_open},
            {"kind": "sliding-window", "window_s": random.choice((1, 3, 10)), **slow, **half_open},
            {"kind": "sampling-window", "window_s": random.choice((0.7, 3, 10))},
        )
    )
    policy = {
        "timeout_s": random.choice((None, 1, 3)),
        "retries": random.choice((0, 2)),
        "backoff": {"kind": "fixed", "waits_s": [0, 0.5]},
        "when_limited": "retry",
        "hedge": random.choice((None, None, {"after_s": 0.5, "max": 2})),
        "breaker": shared | breaker,
    }
    errors = {"rate": random.choice((0.2, 0.4)), "status": 503, "latency_s": random.choice((0, 0.1, 0.5))}
    limited = limits(concurrent=random.choice((None, 4)), requests_per_minute=random.choice((None, 120)))
    return {
        "rows": rows,
        "deployments": {"a": target(errors=errors, limits=limited), "b": target()},
        "policy": policy,
    }


def test_busy_windows_are_alike_and_breakers_over_them_change_their_states() -> None:
    edges: dict[tuple[str, str, str], int] = {}
    for seed in range(60):
        given = busy(Random(seed))
        run = run_rows(**given)
        events = run.event_arrays
        chosen = np.flatnonzero(events["kind"] == tables.EVENT_KINDS.index("breaker"))
        for row in chosen:
            edge = (
                given["policy"]["breaker"]["kind"],
                tables.STATES[events["from"][row]],
                tables.STATES[events["to"][row]],
            )
            edges[edge] = edges.get(edge, 0) + 1
    for kind in ("sliding-window", "sampling-window"):
        for states in (
            ("closed", "open"),
            ("open", "half-open"),
            ("half-open", "open"),
            ("half-open", "closed"),
        ):
            assert edges[kind, *states] >= 50, (kind, states, edges)
