"""Another model for a tier: the scenario in which one of the catalogue's serves.

Comes in: a scenario and, for omni or mini, a model at a provider; goes out: the scenario with that model in place of the
one that the tier asks first. What is said of the replaced service (limits, latency, outages) does not hold for another one
and comes from the catalogue anew; what is said of the task holds on, with the replaced model's accuracy where the scenario
rates the new one nowhere. Deployments of the replaced model that rules send requests to change with it; where else it is
named (groups, hedges, verifiers) it stays, and a notice says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.errors import Problem, ScenarioError
from planner.scenario import known
from planner.scenario.draft import copy_tree
from planner.scenario.fields import Scenario
from planner.scenario.offers import TIERS, Slot, sellers, slot
from planner.scenario.paths import closest

#: What a deployment keeps when another model takes its place: what is the caller's own, not the service's. A batch API
#: that is not used and a prompt cache that is are the caller's, too (`_served`); their terms are the service's.
KEPT = ("trust", "policy", "weight")
#: Fields of a deployment of which nobody is told when they go: names, and what is dealt with by itself.
_UNTOLD = ("model", "provider", "region", "account", "label", "batch", "prompt_cache", *KEPT)


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A scenario with other models, and what a reader must know about them."""

    scenario: Scenario
    notices: tuple[str, ...] = ()


def picked(scenario: Scenario, picks: Mapping[str, str]) -> Picked:
    """The scenario with other models.

    Parameters
    ----------
    picks
        TIER (omni or mini): MODEL@PROVIDER, or MODEL for its vendor's own service.

    Raises
    ------
    ScenarioError
        A tier that has no model to change, an unknown model, one that the provider does not sell; every problem.
    """
    problems = []
    chosen: dict[str, tuple[Slot, tuple[str, str]]] = {}
    for tier, written in picks.items():
        here = slot(scenario, tier)
        if here is None:
            text = f"no strategy has a model in its {tier} tier that is paid by the token"
            problems.append(Problem(field=tier, given=written, text=text))
            continue
        found = _read(written)
        if isinstance(found, Problem):
            problems.append(Problem(field=tier, given=found.given, allowed=found.allowed, hint=found.hint))
        elif found != (here.model, here.provider):
            chosen[tier] = here, found
    if problems:
        raise ScenarioError(problems, "the models")
    if not chosen:
        return Picked(scenario=scenario)
    tree = copy_tree(scenario.to_dict())
    notices: list[str] = []
    for here, (model, provider) in chosen.values():
        notices += _replace(tree, scenario, here, model, provider)
    notices += _forget(tree)
    changes = {name: tree[name] for name in ("tasks", "deployments", "strategies", "finance") if name in tree}
    return Picked(scenario=scenario.set(changes), notices=tuple(notices))


def _read(written: str) -> tuple[str, str] | Problem:
    """(model, provider) of MODEL@PROVIDER, or what is wrong with it."""
    from planner.catalogue import models, prices

    name, _, provider = written.partition("@")
    record = known.record(name)
    if record is None:
        return Problem(
            field="",
            given=f"'{name}'",
            allowed="a model of the catalogue",
            hint=closest(name, models.names()),
        )
    sellers = prices.providers(record.name)
    provider = provider or record.home_provider or (sellers[0] if sellers else "")
    if provider not in sellers:
        allowed = f"a provider that sells {record.name}: {', '.join(sellers) or 'none is known'}"
        return Problem(field="", given=f"'{provider}'", allowed=allowed, hint=closest(provider, sellers))
    return record.name, provider


def _replace(tree: dict[str, Any], scenario: Scenario, here: Slot, model: str, provider: str) -> list[str]:
    """Put a model in a slot's place in a plain tree; what a reader must know."""
    others = [one for one in sellers(scenario, model) if one != provider]
    places = [provider, *others][: len(here.deployments)]
    bases = [tree["deployments"][name] for name in here.deployments]
    # The old ones make room first, so that a new one may take an old one's name.
    places_held = {name: f"\0{index}" for index, name in enumerate(here.deployments)}
    _rename(tree, here.tier, places_held)
    by_rule = _of_rules(tree, scenario, here)
    _rename_in_rules(tree, here, places_held)
    named = _asked(tree) | _mentioned(_policies(tree))
    for name in here.deployments:
        if name not in named:
            del tree["deployments"][name]
    takes: dict[str, str | None] = dict.fromkeys(places_held.values())
    for held, where, base in zip(places_held.values(), places, bases, strict=False):
        name = _known_name(tree, here.tier, model, where) or _free_name(
            f"{here.tier}-{where}", tree["deployments"], model, where
        )
        tree["deployments"].setdefault(name, _served(scenario, base, model, where))
        takes[held] = name
    _rename(tree, here.tier, takes)
    _rename_in_rules(tree, here, takes)
    for name in by_rule:
        base = tree["deployments"][name]
        where = base["provider"] if base["provider"] in others else provider
        tree["deployments"][name] = _served(scenario, base, model, where)
    return [
        *_lost_sellers(here, model, places),
        *_left_out(scenario, (*here.deployments[: len(places)], *by_rule), model),
        *_still_asked(tree, here, model),
        *_inherit(tree, scenario, here.model, model),
    ]


def _served(scenario: Scenario, base: Mapping[str, Any], model: str, provider: str) -> dict[str, Any]:
    """A deployment with a model of the catalogue in place of the one that `base` has."""
    found = {"model": model, "provider": provider, **{name: base[name] for name in KEPT if name in base}}
    if "batch" in base and base["batch"] is None:
        found["batch"] = None
    if base.get("prompt_cache") is not None and _sells_cached(scenario, model, provider):
        found["prompt_cache"] = {}
    return found


def _sells_cached(scenario: Scenario, model: str, provider: str) -> bool:
    return known.price_problem(scenario, model, provider, "cached_input", scenario.start) is None


def _of_rules(tree: Mapping[str, Any], scenario: Scenario, here: Slot) -> list[str]:
    """Deployments of a slot's model that rules alone name: the same model by another way, such as its batch API."""
    strategies = tree["strategies"].values()
    in_rules = _mentioned([rule["to"] for one in strategies for rule in one.get("rules", ())])
    elsewhere = [[one.get(tier) for tier in TIERS] for one in strategies]
    elsewhere += [list(one.get("groups", {}).values()) for one in strategies]
    held = _mentioned([*elsewhere, *_policies(tree)]) | set(here.deployments)
    return [
        name
        for name, one in scenario.deployments.items()
        if name in in_rules - held
        and one.model == here.model
        and one.is_paid_by_token
        and one.provider is not None
    ]


def _rename_in_rules(tree: Mapping[str, Any], here: Slot, takes: Mapping[str, str | None]) -> None:
    """Rename deployments where rules send requests to them by name; those that are in the other tier, too, stay."""
    strategies = tree["strategies"].values()
    others = _mentioned([one.get(tier) for one in strategies for tier in TIERS if tier != here.tier])
    mine = {name: taken for name, taken in takes.items() if name not in others}
    first = next((taken for taken in takes.values() if taken is not None), None)
    for strategy in strategies:
        for rule in strategy.get("rules", ()):
            if not isinstance(rule["to"], str):
                rule["to"] = _renamed(rule["to"], mine) or [[first]]


def _left_out(scenario: Scenario, names: Sequence[str], model: str) -> list[str]:
    """What was said of the replaced services and holds no longer."""
    told = []
    for name in names:
        one = scenario.deployments[name]
        gone = [field for field in type(one).model_fields if field in one.model_fields_set - {*_UNTOLD}]
        told += [f"{field} of {name}" for field in gone]
    if not told:
        return []
    return [f"Left out, as they were said of another service than {model}: {', '.join(told)}."]


def _still_asked(tree: Mapping[str, Any], here: Slot, new: str) -> list[str]:
    """Where the replaced model is named and stays: on own hardware or provisioned units of the tier, beside tier and rules."""
    deployments, old = tree["deployments"], here.model
    own = {name for name, one in deployments.items() if one["model"] == old} if old != new else set()
    places = []
    for strategy, one in tree["strategies"].items():
        kept = sorted(own & _mentioned(one.get(here.tier)))
        places += [f"{name} in {here.tier} of {strategy}" for name in kept]
        places += [
            f"groups.{group} of {strategy}"
            for group, levels in one.get("groups", {}).items()
            if own & _mentioned(levels)
        ]
        router = one.get("router") or {}
        if (router.get("verifier") or {}).get("model") == old != new:
            places.append(f"the verifier of {strategy}")
    if own & _mentioned([(policy or {}).get("hedge") for policy in _policies(tree)]):
        places.append("a hedge")
    return [f"{old} is named elsewhere, too, and stays there: {', '.join(places)}."] if places else []


def _rename(tree: Mapping[str, Any], tier: str, takes: Mapping[str, str | None]) -> None:
    """Rename deployments in a tier of every strategy that gives it."""
    for strategy in tree["strategies"].values():
        if strategy.get(tier):
            strategy[tier] = _renamed(strategy[tier], takes)


def _renamed(levels: Sequence[Any], takes: Mapping[str, str | None]) -> list[Any]:
    """The levels of a tier with some deployments renamed or, under None, left out; each is asked once."""
    found: list[list[str]] = []
    for level in levels:
        names = [takes.get(name, name) for name in ([level] if isinstance(level, str) else level)]
        met = {name for one in found for name in one}
        kept = [name for name in dict.fromkeys(names) if name is not None and name not in met]
        found += [kept] if kept else []
    return found


def _asked(tree: Mapping[str, Any]) -> set[str]:
    """Deployments that some strategy asks. A rule's `to: omni` names a group, whatever deployments are called."""
    strategies = tree["strategies"].values()
    lists = [strategy.get(tier) for strategy in strategies for tier in TIERS]
    lists += [level for strategy in strategies for level in strategy.get("groups", {}).values()]
    lists += [
        rule["to"]
        for strategy in strategies
        for rule in strategy.get("rules", ())
        if not isinstance(rule["to"], str)
    ]
    return _mentioned(lists)


def _policies(tree: Mapping[str, Any]) -> list[Any]:
    """Every policy of a tree: a hedge may name a deployment."""
    holders = [tree, *tree["strategies"].values(), *tree["deployments"].values()]
    return [holder.get("policy") for holder in holders]


def _mentioned(part: Any) -> set[str]:
    """Every text that stands as a value anywhere in a part of the tree."""
    if isinstance(part, str):
        return {part}
    inner: Sequence[Any] = (
        list(part.values()) if isinstance(part, Mapping) else part if isinstance(part, list | tuple) else ()
    )
    return set().union(*(_mentioned(one) for one in inner)) if inner else set()


def _known_name(tree: Mapping[str, Any], tier: str, model: str, provider: str) -> str | None:
    """A deployment that the tier has already and that is the same service: it is asked first from now on."""
    for strategy in tree["strategies"].values():
        for name in sorted(_mentioned(strategy.get(tier)) & set(tree["deployments"])):
            one = tree["deployments"][name]
            if (one["model"], one.get("provider")) == (model, provider):
                return name
    return None


def _free_name(wanted: str, taken: Mapping[str, Any], model: str, provider: str) -> str:
    """A name for the new deployment: one that says the same already, else one that is free."""
    name, count = wanted, 2
    while name in taken and (taken[name].get("model"), taken[name].get("provider")) != (model, provider):
        name, count = f"{wanted}-{count}", count + 1
    return name


def _lost_sellers(here: Slot, model: str, places: Sequence[str]) -> list[str]:
    if len(places) >= len(here.deployments):
        return []
    return [
        f"{model} is sold by {len(places)} of the {len(here.deployments)} providers that {here.tier} had: "
        f"{', '.join(places)} alone answers for it."
    ]


def _inherit(tree: dict[str, Any], scenario: Scenario, old: str, new: str) -> list[str]:
    """Give a model that no task rates the accuracy of the one it replaces."""
    heirs = []
    for name, task in tree["tasks"].items():
        accuracy = scenario.tasks[name].accuracy
        if accuracy and new not in accuracy and old in accuracy:
            task["accuracy"] = {**task["accuracy"], new: accuracy[old]}
            heirs.append(name)
    if not heirs:
        return []
    return [
        f"{new} counts as right as often as {old}, which it replaces, on {', '.join(heirs)}: no rating of it is given. "
        f"Set tasks.{heirs[0]}.accuracy[{new}] to what your own evaluation finds."
    ]


def _forget(tree: dict[str, Any]) -> list[str]:
    """Leave out what concerns models that nobody uses any more: their migrations and their accuracy."""
    finance = tree.get("finance", {})
    steps = finance.get("migrations", [])
    named = _asked(tree)
    used = {one["model"] for name, one in tree["deployments"].items() if name in named}
    used |= _mentioned([strategy.get("router") for strategy in tree["strategies"].values()])
    reached: set[str] = set()
    while reached != used:
        reached = set(used)
        used |= {step["to"] for step in steps if step["from"] in used}
    for task in tree["tasks"].values():
        if task.get("accuracy"):
            task["accuracy"] = {model: share for model, share in task["accuracy"].items() if model in used}
    kept = [step for step in steps if step["from"] in used]
    if len(kept) == len(steps):
        return []
    finance["migrations"] = kept
    left = ", ".join(f"{step['from']} to {step['to']}" for step in steps if step not in kept)
    return [f"Migrations that no longer concern a model in use are left out: {left}."]


__all__ = ["Picked", "picked"]
