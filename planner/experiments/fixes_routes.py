"""Fixes in who is asked: another provider behind the first, private data inside, images and long prompts to who can.

Each recipe is a function from a comparison and a finding to proposals: words for a button, and changes of the scenario
by path. What a proposal costs is in its words.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError, ScenarioError
from planner.experiments.finding import Finding
from planner.experiments.fixes_calls import Proposal
from planner.scenario.fields import Deployment, Scenario, Strategy, ThresholdRouter
from planner.scenario.paths import render
from planner.scenario.strategies import TIER_GROUPS
from planner.workload.sizes import resolve_model

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison

WORTH_A_RULE = 2  # a window that holds twice as much


def second_provider(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """The same model at another provider, asked where the first one fails, for each group that has only one provider.

    A deployment that the scenario has already is taken; else one is added whose price, latency, limits and outages are
    the catalogue's.
    """
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a strategy depends on a provider"
    found = scenario.strategy(strategy)
    changes: dict[str, Any] = {}
    told: list[str] = []
    for group in found.group_names:
        levels = found.group(group) or ()
        names = [name for level in levels for name in level]
        providers = {scenario.deployments[name].provider for name in names}
        if (
            len(providers) != 1
            or providers == {None}
            or any(scenario.deployments[n].is_own_hardware for n in names)
        ):
            continue
        path = _group_path(strategy, group)
        added = _elsewhere(scenario, names[0], changes, path, [list(level) for level in levels])
        if added is None:
            if finding.code == "single-provider":
                return  # half of the requests would still depend on the one
            continue
        name, new = added
        changes |= new
        changes[path] = [*map(list, levels), [name]]
        told.append(f"{name} behind {names[-1]}")
    if told:
        yield f"Let another provider answer where the first fails: {', '.join(told)}", changes


def _group_path(strategy: str, group: str) -> str:
    steps = (group,) if group in TIER_GROUPS else ("groups", group)
    return render(("strategies", strategy, *steps))


def _elsewhere(
    scenario: Scenario, first: str, so_far: Mapping[str, Any], group: str, levels: list[list[str]]
) -> tuple[str, dict[str, Any]] | None:
    """(name, changes that add it) of a deployment of the same model at another provider, behind the levels of a group.

    None where nobody sells it, or not over the whole horizon.
    """
    from planner.catalogue import latency, prices

    one = scenario.deployments[first]
    for name, other in scenario.deployments.items():
        if (
            other.model == one.model
            and other.provider not in (None, one.provider)
            and not other.is_own_hardware
        ):
            return name, {}
    try:
        sellers = [name for name in prices.providers(one.model) if name != one.provider]
    except PlannerError:  # a model under a name of its own
        return None
    for provider in sellers:
        name = _free_name(scenario, f"{first}-{provider}")
        path = render(("deployments", name))
        if path in so_far:
            return name, {}
        new: dict[str, Any] = {"model": one.model, "provider": provider}
        if one.trust is not None:
            new["trust"] = one.trust
        if one.prompt_cache is not None:
            new["prompt_cache"] = one.prompt_cache.model_dump(mode="json", exclude_unset=True)
        wanted = {**so_far, path: new, group: [*levels, [name]]}
        if latency.has_latency(one.model, provider) and _is_sound(scenario, wanted):
            return name, {path: new}
    return None


def _free_name(scenario: Scenario, name: str) -> str:
    number, free = 1, name
    while free in scenario.deployments:
        number += 1
        free = f"{name}-{number}"
    return free


def _is_sound(scenario: Scenario, changes: Mapping[str, Any]) -> bool:
    try:
        scenario.set(changes)
    except ScenarioError:
        return False
    return True


# -- rules before the router -------------------------------------------------------------------------


def with_rule(scenario: Scenario, strategy: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule in front of those that a strategy has."""
    rules = [one.model_dump(mode="json", exclude_unset=True) for one in scenario.strategy(strategy).rules]
    return {render(("strategies", strategy, "rules")): [dict(rule), *rules]}


def keep_inside(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Requests with private data to a deployment in the house or on the device, where the scenario has one."""
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a strategy sends data outside"
    for name, one in scenario.deployments.items():
        if not one.is_outside:
            rule = {"when": {"sensitive": True}, "to": [name]}
            changes = with_rule(scenario, strategy, rule)
            if _is_sound(scenario, changes):
                yield (
                    f"Send requests with private data of {strategy} to {name} ({one.model}), which is in your hands",
                    changes,
                )
                return


def images_to_omni(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Images past the router to the model that bills fewer tokens for them."""
    scenario = comparison.scenario
    task = (finding.subject or "").partition("/")[0]
    changes: dict[str, Any] = {}
    told = []
    for strategy in scenario.strategies:
        found = scenario.strategy(strategy)
        if found.omni and found.mini and not _decides_images(found, task):
            changes |= with_rule(scenario, strategy, {"when": {"task": task}, "to": "omni"})
            told.append(strategy)
    if told:
        yield f"Send {task} to omni under {', '.join(told)}: the image costs less there", changes


def _decides_images(strategy: Strategy, task: str) -> bool:
    """Whether a rule already decides about a task or about images."""
    return any(rule.when.task == task or rule.when.modality == "vision" for rule in strategy.rules)


def long_to_larger(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Prompts that a small window does not hold to the deployments with the largest one."""
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a strategy sends requests"
    windows = {
        name: _window(scenario, scenario.deployments[name]) for name in scenario.deployments_of(strategy)
    }
    largest = max(one or 10**12 for one in windows.values())
    smallest = min(one or 10**12 for one in windows.values())
    if largest < WORTH_A_RULE * smallest:
        return  # what is too long for the one is mostly too long for the other
    able = [name for name, one in windows.items() if (one or 10**12) == largest]
    longest_answer = max((task.max_output_tokens or 0 for task in scenario.tasks.values()), default=0)
    above = max(smallest - longest_answer, smallest // 2)
    yield (
        f"Send prompts above {above:,} tokens of {strategy} to {', '.join(able)}, which hold more",
        with_rule(scenario, strategy, {"when": {"context_tokens_over": above}, "to": able}),
    )


def _window(scenario: Scenario, one: Deployment) -> int | None:
    return resolve_model(scenario, one.model, one.provider).context_tokens


# -- the router ----------------------------------------------------------------------------------


def less_omni(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Half the omni share of a router: cheaper, and less accurate."""
    from planner.experiments.omni_share import share_changes, threshold_strategies

    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a strategy passes the budget"
    router = scenario.strategy(strategy).router
    if (
        strategy not in threshold_strategies(scenario)
        or not isinstance(router, ThresholdRouter)
        or not router.omni_share
    ):
        return
    half = round(router.omni_share / 2, 6)
    yield (
        f"Send {100 * half:.4g} % of {strategy} to omni instead of {100 * router.omni_share:.4g} %: cheaper, less accurate",
        share_changes(scenario, strategy, half),
    )
