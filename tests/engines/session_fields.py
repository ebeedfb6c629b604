"""Conversations in drawn scenarios, for both generators; drawn last, so that no other draw changes."""

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]


def draw_sessions(pick: Pick, scenario: dict[str, Any]) -> None:
    """Sometimes generated requests come in conversations, users ask again, and both stay with who answered them."""
    if not pick((True, False)):
        return
    if "trace" in scenario["traffic"]:
        for row in scenario["traffic"]["trace"]["rows"]:
            row["session"] = pick(("one", "two", "three", None))
    else:
        closed = pick((True, True, False))
        scenario["traffic"]["sessions"] = {
            "turns_mean": pick((1, 2, 5, 20)),
            "think_time_s": pick((0, 0.5, 5, {"exponential_mean": 3}, {"p50": 1, "p95": 8})),
            "loop": "closed" if closed else "open",
            "context": pick(("resend", "resend", "none")),
        }
        for task in scenario["tasks"].values() if closed else ():
            task["requery_probability"] = pick((0, 0.3, 0.9, 1))
    policies = [scenario["policy"], *(one.get("policy") for one in scenario["strategies"].values())]
    for policy in policies:
        if policy is not None:
            policy["affinity"] = pick(
                (None, {}, {"repin": True}, {"ttl_s": 2, "repin": False}, {"ttl_s": 0.5, "repin": True})
            )
    for deployment in scenario["deployments"].values():
        if "prompt_cache" in deployment:
            deployment["prompt_cache"]["conversations"] = pick((True, True, False))
