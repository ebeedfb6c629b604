"""Rules about selections that remember and about levels that share the load."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path
from planner.scenario.policy import Policy
from planner.scenario.strategies import Levels


def preferences(view: View) -> Iterator[Finding]:
    """What lowest-latency and lowest-usage go by is read by them alone; load is shared by levels that can fail."""
    for field, select in (("lowest_latency", "lowest-latency"), ("lowest_usage", "lowest-usage")):
        yield from _unread(view, field, select)
    yield from _missed_calls(view)
    yield from _nothing_to_spill(view)


def _unread(view: View, field: str, select: str) -> Iterator[Finding]:
    """A field that no strategy under it reads."""
    read: set[Path] = set()
    given: set[Path] = {(*place, field) for place, policy in _policies(view) if field in policy}
    for name in view.strategies:
        at = view.given_at(field, name)
        if at is not None and view.scenario.strategy_policy(name).select == select:
            read.add(at)
    for at in sorted(given - read, key=str):
        yield Finding(
            path=at,
            text=f"unused: no strategy that it holds for has select: {select}",
            because=(("policy", "select"), *(("strategies", name) for name in view.scenario.strategies)),
            is_notice=True,
        )


def _policies(view: View) -> Iterator[tuple[Path, frozenset[str]]]:
    """(place, fields given there) of the policies that whole requests go by."""
    yield ("policy",), frozenset(view.scenario.policy.model_fields_set)
    for name, strategy in view.scenario.strategies.items():
        yield ("strategies", name, "policy"), frozenset(strategy.policy.model_fields_set)


def _missed_calls(view: View) -> Iterator[Finding]:
    """One request per minute, missed by one, is none."""
    for name in view.strategies:
        policy = view.scenario.strategy_policy(name)
        at = view.given_at("lowest_usage", name)
        if policy.select != "lowest-usage" or not policy.lowest_usage.off_by_one or at is None:
            continue
        for deployment in view.deployments_of(name):
            limits = view.scenario.limited(name, deployment).limits
            if limits is not None and limits.requests_per_minute == 1:
                yield Finding(
                    path=(*at, "off_by_one"),
                    text=f"never sends a call to {deployment}, whose requests_per_minute is 1",
                    because=(
                        ("deployments", deployment, "limits", "requests_per_minute"),
                        ("gateway", "limits"),
                    ),
                    is_notice=True,
                )


def _is_never_sick(policy: Policy) -> bool:
    return policy.breaker is None and policy.health.knowledge == "own"


def _nothing_to_spill(view: View) -> Iterator[Finding]:
    """Load is shared by two levels or more, of which one can be sick."""
    for name in view.strategies:
        scenario, at = view.scenario, view.given_at("spill_over", name)
        if at is None or scenario.strategy_policy(name).spill_over is None:
            continue
        found = view.strategy(name)
        lists: list[Levels] = [levels for levels in (found.omni, found.mini) if levels]
        lists += [rule.to for rule in found.rules if isinstance(rule.to, tuple)]
        if all(len(levels) == 1 for levels in lists):
            yield Finding(
                path=at,
                text=f"spill_over has no second level to share the load with in {name}",
                hint="levels stand one after the other, such as [[a, b], [c]]",
                because=(("strategies", name),),
                is_notice=True,
            )
        elif all(_is_never_sick(scenario.policy_for(name, one)) for one in view.deployments_of(name)):
            yield Finding(
                path=at,
                text=f"without a breaker no deployment of {name} is ever found sick: spill_over sends all to the first level",
                because=(("strategies", name), ("policy", "breaker"), ("deployments",)),
                is_notice=True,
            )
