"""Batch APIs in drawn scenarios, for both generators; drawn last, so that no other draw changes."""

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]

TURNAROUNDS = (
    3,
    0.5,
    0,
    2,
    {"exponential_mean": 3},
    {"p50": 0.5, "p95": 10},
    {"empirical": [0.25, 1, 1, 30]},
)


def draw_batches(pick: Pick, scenario: dict[str, Any]) -> None:
    """Sometimes tasks are in no hurry, and deployments that pay by the token have batch APIs."""
    if not pick((False, False, True)) or _needs_a_deadline(scenario):
        return
    for task in scenario["tasks"].values():
        task["urgency"] = pick(("batch", "batch", "interactive"))
    listed = "catalogue" if not scenario["models"] else None  # what an own price is in a batch, no list says
    for deployment in scenario["deployments"].values():
        if "server" in deployment or "device" in deployment:
            continue
        deployment["batch"] = pick((None, listed, "terms", "terms", "terms"))
        if deployment["batch"] == "terms":
            deployment["batch"] = {
                "turnaround_s": pick(TURNAROUNDS),
                "expires_s": pick((86_400, 3, 1, 0.5)),
                "price_factor": pick((0.5, 1, 0)),
            }


def _needs_a_deadline(scenario: dict[str, Any]) -> bool:
    """Whether a call may hang that only a deadline ends, which holds for no task in no hurry."""
    places = [scenario, *scenario["deployments"].values(), *scenario["strategies"].values()]
    policies = [place.get("policy", {}) for place in places]
    has_timeout = all(policy.get("timeout_s", 1) is not None for policy in policies)
    return not has_timeout and "'hang'" in str(scenario["deployments"])
