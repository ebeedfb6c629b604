"""Prompt caches in drawn scenarios, for both generators; drawn last, so that no other draw changes."""

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]


def draw_caches(pick: Pick, scenario: dict[str, Any]) -> None:
    """Sometimes deployments of own models keep prefixes, some of them charge for it, and rows have prefixes of their own."""
    if not pick((True, False)):
        return
    rows = scenario["traffic"].get("trace", {}).get("rows", ())
    prefixes = pick(((40,), (120, 40, 0), (1000, 120, 40), (0,)))
    for row in rows:
        row["prefix_tokens"] = min(row["input_tokens"], pick(prefixes))
    for model in scenario["models"].values():
        model["cached_input_usd_per_mtok"] = 0.1
        if pick((True, False)):
            model["cache_write_usd_per_mtok"] = 1.25
    for deployment in scenario["deployments"].values():
        if deployment["model"] in scenario["models"] and pick((True, True, False)):
            ttl_s = pick((300, 5, 30, 300, 1, 2.5, 0.5))
            deployment["prompt_cache"] = {
                "ttl_s": ttl_s,
                "min_tokens": pick((1, 16, 40, 100)),
                "step_tokens": pick((1, 16)),
                "refresh": pick((True, True, False)),
                "max_age_s": pick((None, None, ttl_s, 2 * ttl_s)),
                "cold_ttft_s_per_mtok": pick((0, 0, 5000, 1e6 / 3)),
            }
