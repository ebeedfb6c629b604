"""Which deployments requests of a task may reach under a strategy, and whether one of them can take them.

Only what is certain counts: modalities, and sizes below which no request of the task can be. A request that
a law or a recording makes too large fails by name when it happens.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from planner.failures import CONTEXT_WINDOW
from planner.scenario.checks_supply import least, least_input
from planner.scenario.fields import Strategy
from planner.scenario.finding import Finding, View, listed
from planner.scenario.known import Facts
from planner.scenario.paths import Path
from planner.scenario.strategies import Rule, ThresholdRouter

TIERS = ("omni", "mini")
Crew = tuple[datetime.date, tuple[Facts, ...]]
Crews = dict[tuple[str, ...], tuple[Crew, ...]]


@dataclass(frozen=True)
class Way:
    """A way that some requests of a task surely go: the deployments that may answer, and why they come here."""

    tier: str  # omni, mini, or rule
    deployments: tuple[str, ...]
    place: Path
    over_tokens: int = 0  # a rule brings only requests with more input tokens than this


def ways(view: View, strategy: str, task: str) -> Iterator[Way]:
    """The ways that requests of a task may go under a strategy, rules first."""
    found = view.strategy(strategy)
    flat = {group: _takers(found, group) for group in found.group_names}
    for index, rule in enumerate(found.rules):
        part = _matches(view, rule, task)
        if part == "none":
            continue
        over = rule.when.context_tokens_over or 0
        if isinstance(rule.to, tuple):
            to = tuple(name for level in rule.to for name in level)
            yield Way("rule", to, (*view.tier_at(strategy, "rules"), index, "to"), over)
        elif flat.get(rule.to):
            yield Way(rule.to, flat[rule.to], _group_at(view, strategy, rule.to), over)
        if part == "all":
            return
    for tier in _routed(view, found):
        yield Way(tier, flat[tier], view.tier_at(strategy, tier))


def _takers(strategy: Strategy, group: str) -> tuple[str, ...]:
    """Deployments that may answer what a group cannot take: its own, and those of its fallbacks for that."""
    groups, pending = dict.fromkeys([group]), [group]
    while pending:
        lists = strategy.lists(pending.pop(), special_only=False)
        fresh = [one for one in lists[CONTEXT_WINDOW] if one not in groups]
        groups |= dict.fromkeys(fresh)
        pending += fresh
    return tuple(name for one in groups for level in strategy.group(one) or () for name in level)


def _group_at(view: View, strategy: str, group: str) -> Path:
    """Where a group of a strategy was given."""
    return view.tier_at(strategy, group) if group in TIERS else (*view.tier_at(strategy, "groups"), group)


def _matches(view: View, rule: Rule, task: str) -> str:
    """Whether a rule takes all, some or none of a task's requests, as far as that is certain."""
    found, when = view.scenario.tasks[task], rule.when
    if when.task is not None and when.task != task:
        return "none"
    if when.modality is not None and when.modality not in found.modalities:
        return "none"
    some = False
    if when.sensitive is not None:
        share = found.sensitive if when.sensitive else 1 - found.sensitive
        if share == 0:
            return "none"
        some = share < 1
    if when.context_tokens_over is not None:
        if view.scenario.traffic.trace is not None:
            return "some"
        prefix = found.shared_prefix_tokens
        if found.input_tokens.upper + prefix <= when.context_tokens_over:
            return "none"
        some = some or least(found.input_tokens) + prefix <= when.context_tokens_over
    return "some" if some else "all"


def _routed(view: View, strategy: Strategy) -> tuple[str, ...]:
    """Tiers to which requests may go that no rule has taken."""
    if not (strategy.omni and strategy.mini):
        return ("omni",) if strategy.omni else ("mini",) if strategy.mini else ()
    router = strategy.router
    if isinstance(router, ThresholdRouter):
        recorded = view.has_trace_column("router_score") is not False
        if router.omni_share == 0 or (router.threshold is not None and router.threshold > 1 and not recorded):
            return ("mini",)
        if router.omni_share == 1 or (
            router.threshold is not None and router.threshold <= 0 and not recorded
        ):
            return ("omni",)
    return TIERS


def eligibility(view: View) -> Iterator[Finding]:
    """Wherever requests of a task may go, some deployment can take them, in every era."""
    answers: dict[tuple[tuple[str, ...], int, str], str | None] = {}
    crews: Crews = {}
    for name in view.strategies:
        lacking: dict[tuple[Path, str], list[str]] = {}
        for task in view.scenario.tasks:
            for way in ways(view, name, task):
                asked = (way.deployments, way.over_tokens, task)
                if asked not in answers:
                    answers[asked] = _why_nobody(view, way, task, crews)
                reason = answers[asked]
                if reason is not None and task not in lacking.get((way.place, reason), ()):
                    lacking.setdefault((way.place, reason), []).append(task)
        for (place, reason), tasks in lacking.items():
            needs = f"which task {tasks[0]} needs" if len(tasks) == 1 else f"which tasks {listed(tasks)} need"
            tier = str(place[2]) if place[2:] else ""
            other = "omni" if tier == "mini" and view.strategy(name).omni else None
            hint = (
                f"add one that does, or a rule {{when: {{task: {tasks[0]}}}, to: {other}}}"
                if other
                else "add one that does"
            )
            yield Finding(
                path=place,
                text=f"no deployment here takes {reason}, {needs}",
                hint=hint,
                because=_rests_on(view, name, tasks),
            )


def _rests_on(view: View, strategy: str, tasks: list[str]) -> tuple[Path, ...]:
    """What eligibility depends on: models, their figures, tiers, rules, sizes and migrations."""
    names = view.scenario.deployments_of(strategy)
    models = {view.scenario.deployments[name].model for name in names if name in view.scenario.deployments}
    return (
        *(("deployments", name) for name in names if name not in view.scenario.deployments),
        *(("models", model) for model in models),
        *(
            ("strategies", other, field)
            for other in view.scenario.lineage(strategy)
            for field in (*TIERS, "groups", "fallbacks", "rules", "like")
        ),
        *(
            ("tasks", task, field)
            for task in tasks
            for field in ("modalities", "input_tokens", "shared_prefix_tokens")
        ),
        ("finance", "migrations"),
    )


def _why_nobody(view: View, way: Way, task: str, crews: Crews) -> str | None:
    """What no deployment of a way takes on some day of the horizon; None where one does, or nobody can tell."""
    found = view.scenario.tasks[task]
    if not way.deployments or not all(name in view.scenario.deployments for name in way.deployments):
        return None
    for day, facts in _crews(view, way.deployments, crews):
        since = f" from {day} on" if day > view.horizon[0] else ""
        takers = [model for model in facts if set(found.modalities) <= model.modalities]
        if not takers:
            lacking = [
                kind for kind in found.modalities if not any(kind in model.modalities for model in facts)
            ]
            return listed(lacking or found.modalities) + (" together" if not lacking else "") + since
        if view.scenario.traffic.trace is None:
            sizes = [_least_prompt(view, way, task, model) for model in takers]
            if all(
                model.context_tokens is not None and size > model.context_tokens
                for model, size in zip(takers, sizes, strict=True)
            ):
                return f"prompts of {min(sizes)} tokens{since}"
    return None


def _crews(view: View, deployments: tuple[str, ...], crews: Crews) -> tuple[Crew, ...]:
    """(first day, models in force there) of each era; eras with a model that nobody knows are left out."""
    if deployments not in crews:
        services = [service for name in deployments for service in view.services_of.get(name, ())]
        found: list[Crew] = []
        for day in sorted({service.start for service in services if service.serves}):
            names = dict.fromkeys(service.model for service in services if service.start <= day < service.end)
            models = [view.facts(name) for name in names]
            known_ = tuple(model for model in models if model is not None)
            if len(known_) == len(models) and (not found or found[-1][1] != known_):
                found.append((day, known_))
        crews[deployments] = tuple(found)
    return crews[deployments]


def _least_prompt(view: View, way: Way, task: str, model: Facts) -> int:
    """Tokens that every prompt of a task holds at least on the way to a model."""
    least_sent = least_input(view, task, model)
    return (
        max(least_sent, round((way.over_tokens + 1) * model.input_token_factor))
        if way.over_tokens
        else least_sent
    )
