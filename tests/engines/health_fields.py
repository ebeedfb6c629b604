"""What is known of deployments' health, drawn into a scenario that has been drawn already; for both generators."""

from collections.abc import Callable
from typing import Any

Pick = Callable[[Any], Any]

LAGS_S = (0, 0, 0.25, 0.5, 1, 5)


def draw_health(pick: Pick, scenario: dict[str, Any]) -> None:
    """Late news and perfect knowledge in the scenario's policy, and at times in others' own."""
    scenario["policy"]["health"] = _health(pick)
    for owner in (*scenario["deployments"].values(), *scenario["strategies"].values()):
        if pick((False, False, False, True)):
            owner["policy"] = owner.get("policy", {}) | {"health": _health(pick)}


def _health(pick: Pick) -> dict[str, Any]:
    return {"lag_s": pick(LAGS_S), "knowledge": pick(("own", "own", "perfect"))}
