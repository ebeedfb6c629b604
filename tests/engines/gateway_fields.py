"""Platforms with limits, outages and a routing of their own in drawn scenarios, for both generators; drawn last."""

from collections.abc import Callable, Sequence
from typing import Any

from planner.engines import rules

Pick = Callable[[Sequence[Any]], Any]
Raw = dict[str, Any]


def draw_platforms(pick: Pick, scenario: Raw) -> None:
    """Sometimes the scenario's gateway, or the strategy's, is a platform with more than a fee and a latency."""
    if not pick((True, False)):
        return
    strategy = scenario["strategies"]["s"]
    places = pick(((scenario,), (scenario,), (strategy,), (scenario, strategy)))
    is_replay = "trace" in scenario["traffic"]
    for place in places:
        place["gateway"] = {**place.get("gateway", {}), "kind": "unified"} | _platform(pick, is_replay)
    if pick((True, False)):  # nobody else says how to choose
        for one in (scenario, *scenario["strategies"].values()):
            one.get("policy", {}).pop("select", None)


def _platform(pick: Pick, is_replay: bool) -> Raw:
    found: Raw = {}
    if pick((True, False)):
        found["limits"] = pick((_limits(pick, is_replay), _limits(pick, is_replay), {}, None))
    if pick((True, False)):
        found["outages"] = pick((_windows(pick), _law(pick), None))
    if pick((True, False)):
        found["routing"] = pick((None, *rules.SELECTIONS))
    return found


def _limits(pick: Pick, is_replay: bool) -> Raw:
    kind = pick(("token-bucket", "fixed-window", "sub-window", "leaky-bucket"))
    charge = pick(
        ("estimate", "prompt-plus-max-output", "max-of-max-output-and-estimate", "actual", "after-completion")
    )
    found: Raw = {
        "requests_per_minute": pick((60, 120, None)),
        "tokens_per_minute": pick((None, 60_000, 6000)),
        "input_tokens_per_minute": pick((None, None, 6000)),
        "output_tokens_per_minute": None if charge == "estimate" else pick((None, None, 6000)),
        "kind": kind,
        "charge": charge,
    }
    if kind == "sub-window":
        found["slice_s"] = pick((1, 10, 60))
    if kind in ("token-bucket", "leaky-bucket"):
        found["burst_s"] = pick((60, 10, 1))
    if is_replay and pick((True, False, False)):
        found |= {"requests_per_day": pick((5, 3)), "tokens_per_day": pick((None, 3000))}
        found |= {"day_resets_at": pick((0, 23))}
    if pick((True, False, False)):
        measure, quota = pick((("requests", 3), ("tokens", 900), ("input_tokens", 900)))
        if charge != "estimate" and pick((True, False)):
            measure, quota = "output_tokens", 300
        found["windows"] = [
            {
                measure: quota,
                "per_s": pick((0.5, 5)),
                "kind": pick(("fixed-window", "token-bucket", "leaky-bucket")),
            }
        ]
    return found


def _episode(pick: Pick) -> Raw:
    mode = pick(("error", "limited", "degraded", "hang"))
    own: Raw = {
        "error": {"status": pick((502, 503)), "error_latency_s": pick((0, 0.5, {"exponential_mean": 0.5}))},
        "limited": {"retry_after_s": pick((None, 0, 0.5)), "error_latency_s": pick((0, 0.5))},
        "degraded": {"slowdown": pick((2, 1, 3.5))},
        "hang": {},
    }[mode]
    return {"mode": mode, "share": pick((1, 1, 0.5)), **own}


def _windows(pick: Pick) -> list[Raw]:
    """They may overlap each other and what providers have."""
    starts = pick(((0,), (2,), (1, 2), (5, 0.5)))
    return [{"from_s": start, "to_s": start + pick((2, 0.5, 10)), **_episode(pick)} for start in starts]


def _law(pick: Pick) -> Raw:
    does: Raw = _episode(pick)
    if pick((True, False, False)):
        does = {"kinds": [{"weight": pick((1, 3)), **_episode(pick)} for _ in range(pick((1, 2)))]}
    return {
        "mtbf_h": pick((0.005, 0.02)),
        "duration_h": pick((0.001, {"exponential_mean": 0.002})),
        "starts": pick(("uniform", "uniform", "weekday-peaks", [1] * 84 + [3] * 84)),
        **does,
    }
