"""Fixes in how calls are made: quotas, places, timeouts, hedges, retries, prompt caches.

Each recipe is a function from a comparison and a finding to proposals: words for a button, and changes of the scenario
by path. What a proposal costs is in its words.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from planner.errors import PlannerError
from planner.experiments.finding import Finding
from planner.experiments.findings_money import cacheable
from planner.limiting import FIELDS
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.paths import render

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison

Proposal: TypeAlias = tuple[str, Mapping[str, Any]]
LIMIT_WORDS = {
    "requests_per_minute": "requests/min",
    "tokens_per_minute": "tokens/min",
    "input_tokens_per_minute": "input tokens/min",
    "output_tokens_per_minute": "output tokens/min",
}


def policy_changes(
    scenario: Scenario, strategy: str, deployments: Iterable[str], field: str, value: Any
) -> dict[str, Any]:
    """A field of the policy for a strategy, and at those of its deployments that have one of their own."""
    changes = {render(("strategies", strategy, "policy", field)): value}
    for name in deployments:
        if field in scenario.deployments[name].policy.model_fields_set:
            changes[render(("deployments", name, "policy", field))] = value
    return changes


# -- limits --------------------------------------------------------------------------------------


def more_quota_or_wait(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """The next usage tier; else calls that wait for the limit instead of being refused."""
    yield from more_quota(comparison, finding)
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "limits bind under a strategy"
    members = (finding.subject or "").split("/")
    if any(scenario.policy_for(strategy, name).when_limited != "wait" for name in members):
        yield (
            f"Let calls of {strategy} wait for the limit instead of being refused: answers come later",
            policy_changes(scenario, strategy, members, "when_limited", "wait"),
        )


def more_quota(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """The next published usage tier of the model at its provider, where the limits given are below it."""
    from planner.catalogue import profiles

    scenario = comparison.scenario
    for name in (finding.subject or "").split("/"):
        one = scenario.deployments[name]
        if one.limits is None or one.provider is None or one.is_own_hardware or one.provisioned is not None:
            continue
        given = {field: getattr(one.limits, field) for field in FIELDS}
        held = {field: limit for field, limit in given.items() if isinstance(limit, int)}
        try:
            tiers = profiles.limit_tiers(one.model, one.provider)
        except PlannerError:  # a model under a name of its own
            continue
        for tier in tiers:
            wanted = {field: getattr(tier, field) for field in held}
            if (
                held
                and all(wanted[field] is not None and wanted[field] >= held[field] for field in held)
                and wanted != held
            ):
                told = ", ".join(
                    f"{held[field]:,} to {wanted[field]:,} {LIMIT_WORDS[field]}"
                    for field in held
                    if wanted[field] != held[field]
                )
                yield (
                    f"Move {name} to {tier.tier} of {one.provider} ({told})",
                    {
                        render(("deployments", name, "limits", field)): limit
                        for field, limit in wanted.items()
                    },
                )
                break


def more_places(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Twice the calls in flight where a cap holds requests in a queue; of own servers twice the hardware."""
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a strategy waits"
    changes: dict[str, Any] = {}
    told = []
    for name in scenario.deployments_of(strategy):
        one = scenario.deployments[name]
        cap = None if one.limits is None else one.limits.concurrent
        if not isinstance(cap, int) or one.device is not None:
            continue
        changes[render(("deployments", name, "limits", "concurrent"))] = 2 * cap
        if one.server is not None:
            changes[render(("deployments", name, "server", "replicas"))] = 2 * one.server.replicas
            told.append(
                f"{name} {cap} to {2 * cap} on {2 * one.server.replicas} replicas, which doubles its hardware"
            )
        else:
            told.append(f"{name} {cap} to {2 * cap}")
    if changes:
        yield f"Allow twice as many calls in flight ({'; '.join(told)})", changes


# -- calls ---------------------------------------------------------------------------------------


def waste_less(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Against the largest cause of waste: a longer timeout, or no hedge."""
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a strategy wastes"
    spent = {cause: usd for cause, usd in comparison.results[strategy].ledger.by("waste").items() if cause}
    names = scenario.deployments_of(strategy)
    policies = [scenario.policy_for(strategy, name) for name in names]
    largest = max(spent, key=lambda cause: spent[cause])
    if largest == "timeout":
        timeouts = [one.timeout_s for one in policies if one.timeout_s is not None]
        if not timeouts:
            return
        longer = 2 * max(timeouts)
        changes = policy_changes(scenario, strategy, names, "timeout_s", longer)
        deadlines = [one.deadline_s for one in policies if one.deadline_s is not None]
        more = ""
        if deadlines and min(deadlines) < longer:
            changes |= policy_changes(scenario, strategy, names, "deadline_s", 2 * longer)
            more = f", and a deadline of {2 * longer:g} s"
        yield (
            f"Cut calls of {strategy} after {longer:g} s{more} instead of {max(timeouts):g} s: fewer are paid for nothing",
            changes,
        )
    elif largest == "hedge":
        yield (
            f"Send no second call beside the first under {strategy}: slow answers stay slow",
            policy_changes(scenario, strategy, names, "hedge", None),
        )


def fewer_calls(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """No hedge, or a budget for retries; a cascade asks twice on purpose."""
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "calls are made under a strategy"
    names = scenario.deployments_of(strategy)
    policies = [scenario.policy_for(strategy, name) for name in names]
    if any(one.hedge is not None for one in policies):
        yield (
            f"Send no second call beside the first under {strategy}: slow answers stay slow",
            policy_changes(scenario, strategy, names, "hedge", None),
        )
    is_cascade = isinstance(scenario.strategy(strategy).router, CascadeRouter)
    if not is_cascade and any(one.retry_budget is None and one.most_retries for one in policies):
        yield (
            f"Give {strategy} a retry budget of a tenth of the requests in flight: fewer calls, and more requests may fail",
            policy_changes(scenario, strategy, names, "retry_budget", {"ratio": 0.1, "minimum": 0}),
        )


def open_later(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """A breaker that opens after four times the failures, where chance opens it.

    Not where outages were planted: then it does what it is for, and calls that are tried fail all the same.
    """
    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "a breaker belongs to a strategy"
    if any(window.stratum for window in comparison.windows):
        return
    names = scenario.deployments_of(strategy)
    breakers = [scenario.policy_for(strategy, name).breaker for name in names]
    counting = [one for one in breakers if one is not None and one.kind == "consecutive"]
    if not counting:
        return
    first = min(counting, key=lambda one: one.failures)
    given = first.model_dump(mode="json", exclude_unset=True)
    later = given | {"failures": 4 * first.failures}
    yield (
        f"Open the breaker of {strategy} after {4 * first.failures} failures in a row instead of {first.failures}",
        policy_changes(scenario, strategy, names, "breaker", later),
    )


def cache_prompts(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """The provider's prompt cache, with the defaults of the language."""
    strategy = finding.strategy
    assert strategy is not None, "a strategy pays for prompts"
    names = cacheable(comparison.scenario, strategy)
    yield (
        f"Use the prompt cache of {', '.join(names)}",
        {render(("deployments", name, "prompt_cache")): {} for name in names},
    )
