"""Rules about what is known of health: late news need a breaker that hears them, perfect knowledge an outage."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.outages import harms_of
from planner.scenario.paths import Path
from planner.scenario.supply import may_be_out


def unread(view: View) -> Iterator[Finding]:
    """Fields of `health` that were given and change nothing anywhere they hold."""
    is_read: dict[Path, bool] = {}
    texts: dict[Path, str] = {}
    for name in view.strategies:
        for deployment in view.deployments_of(name):
            policy, at = (
                view.scenario.policy_for(name, deployment),
                view.given_at("health", name, deployment),
            )
            if at is None:
                continue
            if policy.health.lag_s > 0:
                place = (*at, "lag_s")
                is_read[place] = is_read.get(place, False) or policy.breaker is not None
                texts[place] = "unused: no breaker hears the news, for policy.breaker is null"
            if policy.health.knowledge == "perfect":
                place = (*at, "knowledge")
                is_out = may_be_out(view.scenario.deployments[deployment])
                if deployment in view.scenario.behind_gateway(name):
                    platform = harms_of(view.scenario.gateway_for(name).outages)
                    is_out = is_out or any(harm.is_full for harm in platform)
                is_read[place] = is_read.get(place, False) or is_out
                texts[place] = "unused: no deployment that it holds for is ever wholly out"
    for place, text in texts.items():
        if not is_read[place]:
            yield Finding(path=place, text=text, because=(("deployments",),), is_notice=True)


HEALTH = (unread,)
