"""Rules about groups of deployments and the groups they fall back on: a graph that is checked before any run."""

from collections.abc import Iterator

from planner.failures import FAILURES
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View, listed
from planner.scenario.paths import Path, closest
from planner.scenario.strategies import TIER_GROUPS, CascadeRouter, Fallbacks, Strategy

MOST_GROUPS = 50  # of a strategy; the engines keep those asked as bits of an integer


def unknown_group(view: View, path: Path, strategy: str, name: str) -> Finding:
    """A name that should be one of a strategy's groups."""
    groups = view.strategy(strategy).group_names
    return Finding(
        path=path,
        given=shown(name),
        allowed=f"a group of {strategy}: {listed(groups) if groups else 'it has none'}",
        hint=closest(name, groups),
        because=(("strategies", strategy, "groups"),),
    )


def groups(view: View) -> Iterator[Finding]:
    """Groups have names of their own, are not too many, and somebody comes to them."""
    for name in view.strategies:
        given, found = view.scenario.strategies[name], view.strategy(name)
        path = ("strategies", name, "groups")
        for group in given.groups:
            if group in TIER_GROUPS:
                yield Finding(
                    path=(*path, group), text=f"{group} is a tier: give its deployments under {group}"
                )
        if len(given.groups) > MOST_GROUPS:
            yield Finding(path=path, given=f"{len(given.groups)} groups", allowed=f"at most {MOST_GROUPS}")
        reached = _reached(found)
        for group in given.groups:
            if group not in reached and group not in TIER_GROUPS:
                lonely = [
                    one
                    for level in given.groups[group]
                    for one in level
                    if not any(one in _names(found, other) for other in reached)
                ]
                text = "unreachable: no rule and no fallback leads to it"
                yield Finding(
                    path=(*path, group),
                    text=text + (f", so {listed(lonely)} can never be asked" if lonely else ""),
                    because=(("strategies", name, "fallbacks"), ("strategies", name, "rules")),
                    is_notice=True,
                )


def _names(strategy: Strategy, group: str) -> tuple[str, ...]:
    return tuple(name for level in strategy.group(group) or () for name in level)


def _reached(strategy: Strategy) -> dict[str, None]:
    """Groups that requests may come to, in order."""
    first = [group for group in TIER_GROUPS if strategy.group(group)]
    first += [rule.to for rule in strategy.rules if isinstance(rule.to, str)]
    found = dict.fromkeys(first)
    pending = list(found)
    while pending:
        fresh = [one for one in _following(strategy, pending.pop(0)) if one not in found]
        found |= dict.fromkeys(fresh)
        pending += fresh
    return found


def _following(strategy: Strategy, group: str) -> tuple[str, ...]:
    """Groups on any list of a group, in order of first mention."""
    given = strategy.fallbacks.get(group, Fallbacks())
    lists = [given.of(failure) or () for failure in FAILURES]
    return tuple(dict.fromkeys(one for one_list in (*lists, given.any) for one in one_list))


def fallbacks(view: View) -> Iterator[Finding]:
    """Fallbacks are between groups that exist, each named once on a list, and lead into no circle."""
    for name in view.strategies:
        given, found = view.scenario.strategies[name], view.strategy(name)
        known = (*(tier for tier in TIER_GROUPS if found.group(tier)), *found.groups)
        path = ("strategies", name, "fallbacks")
        for group, lists in given.fallbacks.items():
            if group not in known:
                yield _absent(view, (*path, group), name, group)
            if not any(lists.of(failure) for failure in FAILURES) and not lists.any:
                yield Finding(
                    path=(*path, group),
                    text="names no group to fall back on",
                    hint="name one, or leave it out",
                )
            for place, one_list in _lists(lists):
                for index, other in enumerate(one_list):
                    at = (*path, group, *place, index)
                    if other not in known:
                        yield _absent(view, at, name, other)
                    elif other == group:
                        yield Finding(path=at, text=f"{group} falls back on itself")
                    elif other in one_list[:index]:
                        yield Finding(path=at, text=f"{other} stands here twice")
        yield from _circles(view, name, known)


def _absent(view: View, path: Path, strategy: str, group: str) -> Finding:
    if group in TIER_GROUPS:
        because = (("strategies", strategy, group), ("strategies", strategy, "like"))
        return Finding(path=path, text=f"got {group}, and {strategy} has no such tier", because=because)
    return unknown_group(view, path, strategy, group)


def _lists(given: Fallbacks) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """(name of the field, list) of every list that is given; a plain list has no name."""
    fields = given.model_fields_set
    for field in (*(failure.replace("-", "_") for failure in FAILURES), "any"):
        if field in fields:
            yield (field,), getattr(given, field) or ()


def _circles(view: View, name: str, known: tuple[str, ...]) -> Iterator[Finding]:
    """The first circle of a strategy's graph, told once, where the fallbacks were given."""
    strategy = view.strategy(name)
    at = view.tier_at(name, "fallbacks")
    if at[1:2] != (name,):
        return  # told where it was given
    met: dict[str, bool] = {}  # GROUP: whether all that follows it is known to end
    for group in strategy.fallbacks:
        circle = _circle(strategy, group, (), met)
        if circle and all(one in known for one in circle):
            way = ", then ".join(circle[1:])
            yield Finding(
                path=(*at, circle[0]),
                text=f"a circle of fallbacks: {circle[0]} falls back on {way}",
                hint=f"take {circle[0]} out of the lists of {circle[-2]}" if len(circle) > 2 else None,
                because=(("strategies", name, "groups"),),
            )
            return


def _circle(
    strategy: Strategy, group: str, way: tuple[str, ...], met: dict[str, bool]
) -> tuple[str, ...] | None:
    """The way back to a group that stands on the way already, if there is one; falling back on itself is told apart."""
    if group in way:
        return (*way[way.index(group) :], group)
    if met.get(group):
        return None
    for other in _following(strategy, group):
        if other != group and (found := _circle(strategy, other, (*way, group), met)):
            return found
    met[group] = True
    return None


def cascades_fall_back(view: View) -> Iterator[Finding]:
    """A cascade goes from mini to omni of itself; a fallback that does so too would skip the check."""
    for name in view.strategies:
        strategy = view.strategy(name)
        if not isinstance(strategy.router, CascadeRouter) or not (strategy.omni and strategy.mini):
            continue
        pending, met = ["mini"], {"mini"}
        while pending:
            for other in _following(strategy, pending.pop()):
                if other == "omni":
                    yield Finding(
                        path=(*view.tier_at(name, "fallbacks"), "mini"),
                        text="mini falls back on omni, which a cascade asks in any case when mini fails",
                        hint="leave omni out",
                        because=(("strategies", name, "router"),),
                    )
                    return
                if other not in met:
                    met.add(other)
                    pending.append(other)


def idle_lists(view: View) -> Iterator[Finding]:
    """A list for a failure that cannot come is worth knowing."""
    for name in view.strategies:
        strategy = view.strategy(name)
        at = view.tier_at(name, "fallbacks")
        if at[1:2] != (name,):
            continue
        for group, lists in strategy.fallbacks.items():
            members = [one for one in _names(strategy, group) if one in view.scenario.deployments]
            policies = [view.scenario.policy_for(name, one) for one in members]
            deployments = [view.scenario.deployments[one] for one in members]
            if lists.timeout and all(policy.timeout_s is None for policy in policies):
                yield _idle((*at, group, "timeout"), "no call of this group is ever cut: timeout_s is null")
            if lists.content_policy and not any(
                one.content_filter is not None and one.content_filter.share > 0 for one in deployments
            ):
                yield _idle(
                    (*at, group, "content_policy"), "no deployment of this group has a content_filter"
                )
    for field in ("max_fallbacks", "special_fallbacks_only"):
        told: set[Path] = set()
        for name in view.strategies:
            place = view.given_at(field, name)
            if (
                place is None
                or place[-1] == "preset"
                or place in told
                or any(view.strategy(one).fallbacks for one in view.strategies)
            ):
                continue
            told.add(place)
            yield _idle(place, "no strategy has fallbacks")


def _idle(path: Path, text: str) -> Finding:
    return Finding(path=path, text=f"unused: {text}", is_notice=True)


FALLBACKS = (groups, fallbacks, cascades_fall_back, idle_lists)
