"""When outages come, whom they hit and of which kinds they are, drawn into a scenario that has been drawn already.

For both generators. Deployments of a provider get the same times, so that pairs of providers can be hit together.
"""

from collections.abc import Callable
from typing import Any

from planner.scenario.outages import HARM

Pick = Callable[[Any], Any]

TIMES = ("mtbf_h", "duration_h", "starts", "regional")
#: All episodes of a week in its first hours, where the windows of a scenario that is not long begin, or in any.
WEEK = [5.0] * 24 + [0.0] * 24 + [1.0] * 120


def draw_outages(pick: Pick, scenario: dict[str, Any]) -> None:
    """Kinds, weeks, regions and pairs, where a deployment has outages by a law of its own."""
    laws: dict[str, list[dict[str, Any]]] = {}
    for deployment in scenario["deployments"].values():
        outages, provider = deployment.get("outages"), deployment.get("provider")
        if not isinstance(outages, dict):
            continue
        outages |= {"starts": pick(("uniform", "weekday-peaks", WEEK)), "regional": pick((0, 0, 0.5, 1))}
        if pick((False, False, True)):
            _split(pick, outages)
        if provider is not None:
            deployment["region"] = pick((None, "eu", "us"))
            laws.setdefault(provider, []).append(outages)
    for same in laws.values():
        if pick((True, True, False)):
            for law in same:
                law |= {name: same[0][name] for name in TIMES}
    if pick((True, True, False)):
        scenario["outages_together"] = _pairs(pick, scenario, laws)


def _split(pick: Pick, law: dict[str, Any]) -> None:
    """What a law's episodes do becomes one of several kinds."""
    harm = {name: law.pop(name) for name in HARM if name in law}
    other = {"mode": pick(("error", "degraded", "limited")), "share": pick((1, 0.5))}
    other |= {"status": pick((500, 503)), "error_latency_s": pick((0, 0.5)), "slowdown": pick((1, 3))}
    other |= {"retry_after_s": pick((None, 0, 0.5))}
    law["kinds"] = [{"weight": pick((1, 3)), **harm}, {"weight": 1, **other}]


def _pairs(
    pick: Pick, scenario: dict[str, Any], laws: dict[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Both providers, where each has one law for all that a strategy may use, with room for what they share."""
    able = [
        provider
        for provider, found in laws.items()
        if all(law[name] == found[0][name] for law in found for name in TIMES)
        and found[0]["regional"] < 1
        and not any(
            one.get("outages", "catalogue") == "catalogue" and one.get("provider") == provider
            for one in scenario["deployments"].values()
        )
    ]
    if len(able) < 2:
        return []
    return [{"providers": able[:2], "share": pick((0.25, 0.5))}]
