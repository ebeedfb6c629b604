"""What is exported, the real router builds itself from and holds as the scenario says; and it comes back the same.

Expectations are read from the scenario, not from the exporter: the effective value of each deployment (its own, else the
router's) must be the scenario's, or the export must have said that it is not.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from planner.gateways import export_litellm
from planner.scenario import Scenario, loads
from planner.scenario.policy import Policy
from tests.gateway.exports import Export, exports, routers
from tests.gateways_config.configurations import imported, scenario_of
from tests.gateways_config.test_round_trip import of_strategy

NAMES = tuple(exports())
FOREVER_S = 6000  # LiteLLM cuts a call then where it was told nothing
SELECTS = {
    "weighted": "simple-shuffle", "in-order": "simple-shuffle", "round-robin": "simple-shuffle",
    "inverse-price": "simple-shuffle", "least-busy": "least-busy", "lowest-latency": "latency-based-routing",
    "lowest-usage": "usage-based-routing-v2", "cheapest": "cost-based-routing",
}  # fmt: skip


@pytest.fixture(params=NAMES)
def one(request: pytest.FixtureRequest) -> Export:
    return exports()[request.param]


def groups(one: Export) -> Iterator[tuple[str, list[list[str]]]]:
    """GROUP: its deployments by level, as they are asked."""
    strategy = one.scenario.strategy(one.strategy)
    policy = one.scenario.strategy_policy(one.strategy)
    for group in strategy.group_names:
        levels = [list(level) for level in strategy.group(group) or ()]
        if policy.select == "in-order":
            levels = [[name] for level in levels for name in level]
        yield group, levels


def held(one: Export) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """MODEL_NAME: DEPLOYMENT of the scenario: what the router holds of it."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for entry in routers()[one.name]["deployments"]:
        name = entry["model_info"]["id"].partition("-in-")[0]
        found.setdefault(entry["model_name"], {}).setdefault(name, []).append(entry["litellm_params"])
    return found


def model_names(one: Export) -> dict[str, str]:
    """GROUP: the model_name under which the router holds just its deployments, in the order of the groups."""
    left = {name: set(own) for name, own in held(one).items()}
    found = {}
    for group, levels in groups(one):
        wanted = {name for level in levels for name in level}
        found[group] = next(name for name, own in left.items() if own == wanted)
        del left[found[group]]
    assert not left, "the router holds no other group"
    return found


def every(one: Export) -> Iterator[tuple[str, Policy, dict[str, Any]]]:
    """(deployment, its policy, what the router holds of it)."""
    for own in held(one).values():
        for name, params in own.items():
            for entry in params:
                yield name, one.scenario.policy_for(one.strategy, name), entry


def says(one: Export, *words: str) -> bool:
    return any(all(word in notice for word in words) for notice in one.written.notices)


# -- the router is built ---------------------------------------------------------------------------


def test_every_strategy_of_the_library_and_many_drawn_ones_are_exported() -> None:
    assert len([name for name in NAMES if not name.startswith("drawn")]) >= 20
    assert len([name for name in NAMES if name.startswith("drawn")]) >= 40
    selects = {one.scenario.strategy_policy(one.strategy).select for one in exports().values()}
    assert {"in-order", "weighted", "least-busy", "lowest-latency", "lowest-usage", "cheapest"} <= selects


def test_the_real_router_builds_itself_from_it(one: Export) -> None:
    assert "error" not in routers()[one.name]
    assert set(model_names(one)) == {group for group, _ in groups(one)}


def test_it_selects_retries_and_falls_back_as_the_strategy_does(one: Export) -> None:
    settings = routers()[one.name]["settings"]
    policy = one.scenario.strategy_policy(one.strategy)
    strategy = SELECTS[policy.select]
    assert settings["routing_strategy"] == strategy
    assert settings["selects"] == ([] if strategy == "simple-shuffle" else [strategy])
    if policy.select in ("round-robin", "inverse-price"):
        assert says(one, f"select {policy.select}")
    assert settings["num_retries"] == policy.retries
    assert settings["max_fallbacks"] == policy.max_fallbacks
    by_class = policy.retries_after
    expected = {
        "InternalServerErrorRetries": by_class.error,
        "ServiceUnavailableErrorRetries": by_class.error,
        "RateLimitErrorRetries": by_class.limited,
        "TimeoutErrorRetries": by_class.timeout,
    }
    assert (settings["retry_policy"] or {}) == {k: v for k, v in expected.items() if v is not None}
    if policy.backoff.kind == "litellm" and (policy.backoff.cap_s, policy.backoff.jitter_s) == (8, 0.75):
        assert max(settings["retry_after"], 0.5) == policy.backoff.base_s
    else:
        assert says(one, "policy.backoff")
    if policy.select == "lowest-latency":
        assert settings["latency_args"]["lowest_latency_buffer"] == policy.lowest_latency.buffer
        assert settings["latency_args"]["max_latency_list_size"] == policy.lowest_latency.samples


def test_each_deployment_has_the_scenarios_retries_timeout_and_cooldown(one: Export) -> None:
    settings = routers()[one.name]["settings"]
    for name, policy, params in every(one):
        assert params.get("num_retries", settings["num_retries"]) == policy.retries, name
        timeout_s = params.get("timeout", settings["timeout"])
        if policy.timeout_s is None:
            assert timeout_s == FOREVER_S or says(one, name, "timeout_s"), name
        else:
            assert timeout_s == policy.timeout_s, name
        if policy.breaker is None:
            assert settings["disable_cooldowns"] or says(one, name, "breaker"), name
            continue
        assert not settings["disable_cooldowns"], name
        assert params.get("cooldown_time", settings["cooldown_time"]) == policy.breaker.open_time_s, name
    breaker = one.scenario.strategy_policy(one.strategy).breaker
    if breaker is not None and breaker.kind == "cooldown":
        assert settings["allowed_fails"] == (3 if breaker.allowed_fails is None else breaker.allowed_fails)
        assert breaker.honours_retry_after or says(one, "honours_retry_after")
    elif breaker is not None:
        assert says(one, f"policy.breaker {breaker.kind}")


def test_levels_are_orders_and_weights_are_weights(one: Export) -> None:
    policy = one.scenario.strategy_policy(one.strategy)
    names = model_names(one)
    for group, levels in groups(one):
        own = held(one)[names[group]]
        by_order: dict[int, set[str]] = {}
        for name, (params,) in own.items():
            by_order.setdefault(params.get("order", 1), set()).add(name)
        assert [by_order[order] for order in sorted(by_order)] == [set(level) for level in levels], group
        if policy.select != "weighted":
            continue
        for level in levels:
            given = [own[name][0].get("weight") for name in level]
            wanted = [one.scenario.deployments[name].weight for name in level]
            if any(weight is not None for weight in given):  # LiteLLM asks those without one after the others
                assert given == wanted, group
            else:
                assert len(set(wanted)) == 1, group
                assert not any({"rpm", "tpm"} & set(own[name][0]) for name in level), "it would draw by them"


def test_limits_that_the_gateway_keeps_are_the_scenarios(one: Export) -> None:
    settings = routers()[one.name]["settings"]
    for name, _, params in every(one):
        limits = one.scenario.deployments[name].limits
        rates = {
            "rpm": None if limits is None else limits.requests_per_minute,
            "tpm": None if limits is None else limits.tokens_per_minute,
        }
        for key, rate in rates.items():
            if key in params:
                assert params[key] == rate, name
                keeps = settings["routing_strategy"] not in ("simple-shuffle", "least-busy")
                assert keeps or "ModelRateLimitingCheck" in settings["callbacks"], name
            elif isinstance(rate, int):
                assert says(one, f"{name}: limits are the provider's"), name
        concurrent = None if limits is None else limits.concurrent
        if concurrent is None or isinstance(concurrent, int):
            assert params.get("max_parallel_requests") == concurrent, name
        else:
            assert says(one, name, "limits.concurrent"), name


def test_fallbacks_lead_to_the_same_deployments(one: Export) -> None:
    settings, names = routers()[one.name]["settings"], model_names(one)
    strategy = one.scenario.strategy(one.strategy)
    keys: dict[str, Callable[[Any], Any]] = {
        "fallbacks": lambda lists: lists.any or None,
        "context_window_fallbacks": lambda lists: lists.context_window,
        "content_policy_fallbacks": lambda lists: lists.content_policy,
    }
    for key, listed in keys.items():
        expected = {
            names[group]: [names[other] for other in listed(lists)]
            for group, lists in strategy.fallbacks.items()
            if listed(lists) is not None
        }
        found = {group: others for entry in settings[key] or () for group, others in entry.items()}
        assert found == expected, key


# -- and comes back --------------------------------------------------------------------------------


def again(text: str) -> Scenario:
    return scenario_of(imported(text))


def test_an_import_of_an_export_is_a_fixed_point(one: Export) -> None:
    """What LiteLLM can say is said once: exported and imported again, each strategy is what it was."""
    first = again(one.written.text)
    assert [name for name in first.strategies if first.strategies[name].like is None]
    for name in first.strategies:
        second = again(export_litellm(first, name).text)
        assert of_strategy(second, name) == of_strategy(first, name)
        if len(first.strategies) == 1:
            assert second == first


# -- what had gone wrong ---------------------------------------------------------------------------

WEIGHTED = """
name: Weighted
traffic: {requests_per_month: 1000}
tasks: {chat: {}}
deployments:
  a: {model: gpt-4o-2024-11-20, provider: openai, weight: 3}
  b: {model: gpt-4o-2024-11-20, provider: azure}
  c: {model: gpt-4o-2024-11-20, provider: openai, policy: {breaker: null, timeout_s: null}}
strategies: {s: {omni: [[a, b], [c]]}}
policy: {preset: litellm, select: weighted, timeout_s: 30}
finance: {horizon_months: 1}
start: 2025-06-01
"""


def test_a_weight_that_is_not_given_is_written_beside_one_that_is() -> None:
    found = again(export_litellm(loads(WEIGHTED), "s").text)
    level = found.strategy("s").omni[0] if found.strategy("s").omni else ()
    assert {name: found.deployments[name].weight for name in level} == {"a": 3, "b": 1}


def test_a_deployment_without_what_the_strategy_has_is_told() -> None:
    notices = export_litellm(loads(WEIGHTED), "s").notices
    assert any("c: policy.breaker null" in notice for notice in notices)
    assert any("c: policy.timeout_s null" in notice for notice in notices)
