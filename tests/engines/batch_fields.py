"""Batch APIs in drawn scenarios, for both generators; drawn last, so that no other draw changes."""

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]

TURNAROUNDS = (3, 0.5, 0, 2, {"exponential_mean": 3}, {"p50": 0.5, "p95": 10}, {"empirical": [0.25, 1, 1, 30]})


def draw_batches(pick: Pick, scenario: dict[str, Any]) -> None:
    """Sometimes tasks are in no hurry, and deployments that pay by the token have batch APIs."""
    if not pick((True, False, False)):
        return
    for task in scenario["tasks"].values():
        task["urgency"] = pick(("batch", "batch", "interactive"))
    for deployment in scenario["deployments"].values():
        if "server" in deployment or "device" in deployment:
            continue
        deployment["batch"] = pick((None, "catalogue", "terms", "terms", "terms"))
        if deployment["batch"] == "terms":
            deployment["batch"] = {
                "turnaround_s": pick(TURNAROUNDS),
                "expires_s": pick((86_400, 3, 1, 0.5)),
                "price_factor": pick((0.5, 1, 0)),
            }
