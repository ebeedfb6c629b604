"""Rules about strategies: tiers, routers, rules, who can take what, timeouts and gateways."""

from collections.abc import Iterator

from planner.scenario import known
from planner.scenario.checks_batches import lacks_an_end
from planner.scenario.checks_eligibility import TIERS, eligibility, ways
from planner.scenario.checks_fallbacks import FALLBACKS, unknown_group
from planner.scenario.checks_preferences import preferences
from planner.scenario.checks_retries import retries
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View, listed, unknown
from planner.scenario.outages import harms_at
from planner.scenario.paths import Path, closest, render
from planner.scenario.policy import Policy
from planner.scenario.strategies import CascadeRouter, Levels, ThresholdRouter
from planner.scenario.worst_case import passes_of, worst_case

MOST_CHOSEN_FROM = 60  # deployments of a group in which a selection chooses
MOST_CALLS = 1000  # of one request; more is a mistake in the layers


def likes(view: View) -> Iterator[Finding]:
    """`like` names another strategy, and not in a circle."""
    strategies = view.scenario.strategies
    told: set[str] = set()
    for name, strategy in strategies.items():
        path = ("strategies", name, "like")
        if strategy.like is not None and strategy.like not in strategies:
            yield unknown(path, strategy.like, strategies, "strategies")
        circle = view.circle(name)
        if circle is not None and circle[-1] in strategies and name == circle[-1] and name not in told:
            told.update(circle)
            members = dict.fromkeys(circle)
            text = (
                f"strategies {listed(members)} are like each other in a circle"
                if len(members) > 1
                else "a strategy cannot be like itself"
            )
            yield Finding(path=path, text=text)


def targets(view: View) -> Iterator[Finding]:
    """Tiers and rules name deployments that exist, each once; rules name tasks and tiers that exist."""
    scenario = view.scenario
    for name, strategy in scenario.strategies.items():
        for tier in TIERS:
            yield from _levels(view, ("strategies", name, tier), getattr(strategy, tier))
        for group, levels in strategy.groups.items():
            yield from _levels(view, ("strategies", name, "groups", group), levels)
        for index, rule in enumerate(strategy.rules):
            path = ("strategies", name, "rules", index)
            if isinstance(rule.to, tuple):
                yield from _levels(view, (*path, "to"), rule.to)
            elif rule.to not in TIERS and rule.to not in view.strategy(name).groups:
                yield unknown_group(view, (*path, "to"), name, rule.to)
            if rule.when.task is not None and rule.when.task not in scenario.tasks:
                yield unknown((*path, "when", "task"), rule.when.task, scenario.tasks, "tasks")


def _levels(view: View, path: Path, levels: Levels | None) -> Iterator[Finding]:
    deployments = view.scenario.deployments
    met: set[str] = set()
    for outer, level in enumerate(levels or ()):
        for inner, name in enumerate(level):
            place = (*path, outer) if len(level) == 1 else (*path, outer, inner)
            if name not in deployments:
                yield unknown(place, name, deployments, "deployments")
            elif name in met:
                yield Finding(path=place, text=f"{name} stands here twice")
            met.add(name)


def tiers(view: View) -> Iterator[Finding]:
    """A strategy has a tier, a router has two, a rule's tier is one of them."""
    for name in view.strategies:
        strategy, given = view.strategy(name), view.scenario.strategies[name]
        path = ("strategies", name)
        because = tuple((*path, field) for field in (*TIERS, "like"))
        if not strategy.omni and not strategy.mini:
            yield Finding(
                path=path,
                text="has neither omni nor mini",
                hint="name deployments under at least one",
                because=because,
            )
            continue
        missing = [tier for tier in TIERS if not getattr(strategy, tier)]
        if given.router is not None and missing:
            yield Finding(
                path=(*path, "router"),
                text=f"a router chooses between two tiers, and {name} has no {missing[0]}",
                because=because,
            )
        for index, rule in enumerate(strategy.rules):
            if rule.to in missing:
                yield Finding(
                    path=(*view.tier_at(name, "rules"), index, "to"),
                    text=f"got {rule.to}, and {name} has no such tier",
                    because=because,
                )


def routers(view: View) -> Iterator[Finding]:
    """A threshold lies where scores lie; a cascade's verifier exists and its inputs are known."""
    for name, strategy in view.scenario.strategies.items():
        router, path = strategy.router, ("strategies", name, "router")
        if isinstance(router, ThresholdRouter) and router.threshold is not None:
            recorded = view.has_trace_column("router_score")
            if recorded is False and not 0 <= router.threshold <= 1:
                yield Finding(
                    path=(*path, "threshold"),
                    given=f"{router.threshold:g}",
                    allowed="0 to 1, where scores lie unless a trace records router_score",
                    because=(("traffic", "trace"),),
                )
        if isinstance(router, CascadeRouter):
            yield from _verifier(view, path, router)


def _verifier(view: View, path: Path, router: CascadeRouter) -> Iterator[Finding]:
    from planner.catalogue import prices

    model, provider = router.verifier.model, router.verifier.provider
    place = (*path, "verifier")
    if not known.is_known(view.scenario, model):
        yield Finding(
            path=(*place, "model"),
            text=f"got {shown(model)}; not in the catalogue",
            hint=known.did_you_mean(view.scenario, model),
            because=(("models", model),),
        )
    if provider is not None and provider not in prices.PROVIDERS:
        yield Finding(
            path=(*place, "provider"),
            text=f"got {shown(provider)}; not in the catalogue",
            hint=closest(provider, prices.PROVIDERS, many=20),
        )
    if router.accept_score is not None and view.has_trace_column("verifier_score") is False:
        yield Finding(
            path=(*path, "accept_score"),
            text="unused: no trace records verifier_score, so true_positive and false_positive decide",
            because=(("traffic", "trace"),),
            is_notice=True,
        )


def cascades(view: View) -> Iterator[Finding]:
    """A cascade must know how often mini is right, unless a trace records it."""
    if view.has_trace_column("verifier_score") is not False:
        return
    for name in view.strategies:
        strategy = view.strategy(name)
        if not isinstance(strategy.router, CascadeRouter) or not (strategy.omni and strategy.mini):
            continue
        minis = [one for level in strategy.mini for one in level if one in view.scenario.deployments]
        for task in view.scenario.tasks:
            if not any(way.tier == "mini" for way in ways(view, name, task)):
                continue
            model = next(
                (m for m in _models_of(view, minis, task) if not known.is_rated(view.scenario, task, m)), None
            )
            if model is not None:
                accuracy, ability = (
                    render(("tasks", task, "accuracy", model)),
                    render(("models", model, "ability", task)),
                )
                yield Finding(
                    path=view.tier_at(name, "router"),
                    text=f"a cascade must know how often mini is right: {model} has no rating for task {task}",
                    hint=f"give {accuracy} or {ability}",
                    because=(
                        ("models", model),
                        ("tasks", task, "accuracy"),
                        *((("deployments", one)) for one in minis),
                    ),
                )
                break


def _models_of(view: View, deployments: list[str], task: str) -> Iterator[str]:
    """Models that those deployments run within the horizon and that can take a task."""
    for service in view.services:
        facts = view.facts(service.model)
        takes = facts is not None and set(view.scenario.tasks[task].modalities) <= facts.modalities
        if takes and service.owner in deployments:
            yield service.model


# -- time and gateways -----------------------------------------------------------------------------


def deadlines(view: View) -> Iterator[Finding]:
    """A deadline shorter than one call's timeout would make the timeout pointless."""
    told: set[Path] = set()
    for name in view.strategies:
        deadline_s = view.scenario.strategy_policy(name).deadline_s
        at = view.given_at("deadline_s", name)
        if deadline_s is None or at is None:
            continue
        for deployment in view.deployments_of(name):
            timeout_s = view.scenario.policy_for(name, deployment).timeout_s
            place = view.given_at("timeout_s", name, deployment)
            if timeout_s is None or deadline_s >= timeout_s or at in told:
                continue
            if place is not None and place[-1] == "preset":
                continue  # nobody chose it, and the deadline holds all the same
            told.add(at)
            origin = view.where(place) if place is not None else " (the default)"
            yield Finding(
                path=at,
                given=f"{deadline_s:g}",
                allowed=f"at least {render(place or ('policy', 'timeout_s'))}, which is {timeout_s:g}{origin}",
                because=(
                    place or ("policy", "timeout_s"),
                    ("deployments", deployment, "policy", "timeout_s"),
                ),
            )


def retry_afters(view: View) -> Iterator[Finding]:
    """A retry-after that is honoured up to longer than the whole request may take can never be waited out."""
    told: set[Path] = set()
    for name in view.strategies:
        deadline_s = view.scenario.strategy_policy(name).deadline_s
        if deadline_s is None:
            continue
        for deployment in view.deployments_of(name):
            at = view.given_at("retry_after_cap_s", name, deployment)
            policy, limits = (
                view.scenario.policy_for(name, deployment),
                view.scenario.limited(name, deployment).limits,
            )
            cap_s = policy.retry_after_cap_s
            is_asked = limits is not None and policy.when_limited == "retry"
            if at is None or at[-1] == "preset" or at in told or cap_s <= deadline_s or not is_asked:
                continue
            told.add(at)
            place = view.given_at("deadline_s", name) or ("policy", "deadline_s")
            yield Finding(
                path=at,
                given=f"{cap_s:g}",
                allowed=f"at most {render(place)}, which is {deadline_s:g}{view.where(place)}",
                because=(place,),
            )


def hedges(view: View) -> Iterator[Finding]:
    """A hedge goes to a deployment of the strategy, and helps little where the call beside it is cut before."""
    told: set[Path] = set()
    for name in view.strategies:
        names = view.deployments_of(name)
        for deployment in names:
            policy = view.scenario.policy_for(name, deployment)
            at = view.given_at("hedge", name, deployment)
            if policy.hedge is None or at is None or at in told:
                continue
            if policy.hedge.to is not None and policy.hedge.to not in view.scenario.deployments:
                told.add(at)
                yield unknown((*at, "to"), policy.hedge.to, view.scenario.deployments, "deployments")
            elif policy.hedge.to is not None and policy.hedge.to not in names:
                told.add(at)
                yield Finding(
                    path=(*at, "to"),
                    text=f"got {policy.hedge.to}, which is in no group of {name}",
                    hint=f"one of {listed(names)}",
                    because=(("strategies", name),),
                )
            if policy.timeout_s is not None and policy.hedge.after_s >= policy.timeout_s:
                told.add(at)
                place = view.given_at("timeout_s", name, deployment) or ("policy", "timeout_s")
                yield Finding(
                    path=(*at, "after_s"),
                    text=f"{policy.hedge.after_s:g} s: a call is cut before that ({render(place)} is "
                    f"{policy.timeout_s:g}{view.where(place)}), so only calls that wait in a queue are hedged",
                    because=(place,),
                    is_notice=True,
                )


def hangs(view: View) -> Iterator[Finding]:
    """A call that hangs ends only by a timeout or a deadline."""
    for deployment in view.used:
        hanging = list(_hanging(view, deployment))
        if not hanging:
            continue
        for name in view.strategies:
            if deployment not in view.deployments_of(name):
                continue
            if (lacking := lacks_an_end(view, name, deployment)) is not None:
                what, hint = lacking
                for path in hanging:
                    yield Finding(
                        path=path,
                        text=f"a hang that nothing ends: under strategy {name} {what}",
                        hint=hint,
                        because=(
                            ("policy", "timeout_s"),
                            ("policy", "deadline_s"),
                            ("strategies", name, "policy"),
                            ("deployments", deployment, "policy"),
                        ),
                    )
                break


def _hanging(view: View, deployment: str) -> Iterator[Path]:
    outages = view.scenario.deployments[deployment].outages
    path = ("deployments", deployment, "outages")
    for place, harm in harms_at(path, outages):
        if harm.mode == "hang":
            yield (*place, "mode")


def default_router(view: View) -> Iterator[Finding]:
    """Two tiers without a router get the default one, which is worth knowing."""
    for name in view.strategies:
        given = view.scenario.strategies[name]
        resolved = view.strategy(name)
        if (
            resolved.omni
            and resolved.mini
            and isinstance(resolved.router, ThresholdRouter)
            and not _has_router(view, name)
        ):
            yield Finding(
                path=("strategies", name),
                text=f"no router given: omni_share {resolved.router.omni_share:g}, score_correlation {resolved.router.score_correlation:g}",
                because=(("strategies", name, "router"), ("strategies", given.like or name, "router")),
                is_notice=True,
            )


def _has_router(view: View, name: str) -> bool:
    return any(view.scenario.strategies[one].router is not None for one in view.scenario.lineage(name))


def _hedges_nowhere(view: View, strategy: str) -> bool:
    """Whether some hedge of a strategy goes to a deployment that does not exist, which is told apart."""
    policies = [view.scenario.policy_for(strategy, one) for one in view.deployments_of(strategy)]
    named = [
        policy.hedge.to for policy in policies if policy.hedge is not None and policy.hedge.to is not None
    ]
    return any(name not in view.scenario.deployments for name in named)


def layers(view: View) -> Iterator[Finding]:
    """Layers have names of their own."""
    told: set[Path] = set()
    for name in view.strategies:
        policy, at = view.scenario.strategy_policy(name), view.given_at("layers", name)
        if at is None or not policy.layers:
            continue
        names = [layer.name for layer in policy.layers]
        for index, layer in enumerate(policy.layers):
            if layer.name in names[:index] and at not in told:
                yield Finding(path=(*at, index, "name"), text=f"{layer.name} stands here twice")
        told.add(at)


def calls(view: View) -> Iterator[Finding]:
    """What layers, retries, fallbacks and hedges multiply up to can still be sent."""
    for name in view.strategies:
        policy = view.scenario.strategy_policy(name)
        passes, at = passes_of(policy), view.given_at("layers", name) if policy.layers else None
        is_known = len(view.deployments_of(name)) == len(view.scenario.deployments_of(name))
        most = passes  # at least one call in each
        if is_known and not _hedges_nowhere(view, name):
            most = worst_case(view.scenario, name).calls
        if most > MOST_CALLS:
            yield Finding(
                path=at or ("strategies", name),
                given=f"{passes:,} passes, up to {most:,} calls for one request of {name}",
                allowed=f"at most {MOST_CALLS:,} calls",
                because=(("strategies", name), ("policy", "retries")),
            )


def selections(view: View) -> Iterator[Finding]:
    """A selection chooses among equals, and a weight counts only under `weighted`."""
    weighted: set[str] = set()
    for name in view.strategies:
        select, at = view.scenario.strategy_policy(name).select, view.given_at("select", name)
        if select == "weighted":
            weighted.update(view.deployments_of(name))
        found = view.strategy(name)
        lists = [found.group(group) or () for group in found.group_names]
        lists += [rule.to for rule in found.rules if isinstance(rule.to, tuple)]
        by = _chooses_by(view.scenario.strategy_policy(name))
        for levels in lists:
            if by and sum(map(len, levels)) > MOST_CHOSEN_FROM:
                yield Finding(
                    path=("strategies", name),
                    given=f"{sum(map(len, levels))} deployments in one group",
                    allowed=f"at most {MOST_CHOSEN_FROM} with {by}",
                    because=(("policy", "select"), ("policy", "spill_over"), ("policy", "retry_target")),
                )
        if (
            select != "in-order"
            and at is not None
            and at[-1] != "preset"
            and all(len(one) == 1 for levels in lists for one in levels)
        ):
            yield Finding(
                path=at,
                text=f"{select} has nothing to choose in {name}: equals stand in a list of their own, such as [[a, b], [c]]",
                because=(("strategies", name),),
                is_notice=True,
            )
        if select == "inverse-price":
            equals = {one for levels in lists for level in levels if len(level) > 1 for one in level}
            yield from _free(view, name, at or ("strategies", name), equals)
    for name, deployment in view.scenario.deployments.items():
        if "weight" in deployment.model_fields_set and name not in weighted:
            yield Finding(
                path=("deployments", name, "weight"),
                text="unused: no strategy that uses it has select: weighted",
                because=(("policy", "select"), *(("strategies", one) for one in view.scenario.strategies)),
                is_notice=True,
            )


def _chooses_by(policy: Policy) -> str:
    """What makes a policy choose among deployments; nothing where each is asked as written."""
    if policy.select != "in-order":
        return f"select {policy.select}"
    if policy.spill_over is not None:
        return "spill_over"
    if policy.retry_target == "reselect":
        return "retry_target reselect"
    if policy.affinity is not None:
        return "affinity"
    return "" if policy.asks_equals else "asks_equals false"


def _free(view: View, strategy: str, at: Path, equals: set[str]) -> Iterator[Finding]:
    """Deployments among equals whose tokens cost nothing, which price^-2 cannot weigh."""
    for name in view.deployments_of(strategy):
        is_told = (
            view.scenario.is_routed_by_platform(strategy) and view.scenario.deployments[name].is_own_hardware
        )
        if name not in equals or is_told:
            continue
        for service in view.services_of.get(name, ()):
            if known.list_usd_per_mtok(view.scenario, name, service.model, service.start) == 0:
                yield Finding(
                    path=at,
                    text=f"inverse-price would send everything to {name}, whose tokens cost nothing",
                    hint="use cheapest, which does so, or weighted with deployments.X.weight",
                    because=(("models", service.model), ("deployments", name)),
                )
                break


STRATEGIES = (
    likes,
    targets,
    tiers,
    routers,
    cascades,
    eligibility,
    deadlines,
    retry_afters,
    hedges,
    hangs,
    layers,
    calls,
    selections,
    *FALLBACKS,
    preferences,
    retries,
    default_router,
)
