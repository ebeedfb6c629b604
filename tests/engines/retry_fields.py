"""How retries choose and wait, drawn into a scenario that has been drawn already; for both generators."""

from collections.abc import Callable
from typing import Any

Pick = Callable[[Any], Any]

WHOLE = (
    {},
    {"retry_target": "same", "sibling_wait": "backoff"},
    {"asks_equals": False},
    {"retry_target": "reselect", "sibling_wait": "backoff"},
    {"retry_target": "reselect", "sibling_wait": "none"},
)


def draw_retries(pick: Pick, scenario: dict[str, Any]) -> None:
    """Fields of retries in the scenario's own policy; those of a breaker where a choice reads them."""
    general = scenario["policy"]
    general |= pick(WHOLE)
    general |= {
        "retries_after": {name: pick((None, None, 0, 1, 3)) for name in ("error", "limited", "timeout")},
        "honours_retry_after": pick((True, True, False)),
        "retry_after_above_cap": pick(("no-retry", "backoff")),
        "retry_after_jitter_s": pick((0, 0, 0.75)),
    }
    selects = [
        one["policy"]["select"]
        for one in scenario["strategies"].values()
        if "select" in one.get("policy", {})
    ]
    selects.append(general["select"])
    if "in-order" in selects and general.get("retry_target") != "reselect":
        return
    places = [scenario, *scenario["deployments"].values(), *scenario["strategies"].values()]
    for place in places:
        breaker = place.get("policy", {}).get("breaker")
        if breaker and breaker["kind"] == "cooldown":
            breaker["when_open"] = pick(("reject", "last"))
