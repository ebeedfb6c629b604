"""`router_settings` and `litellm_settings` of a LiteLLM configuration as Settings; the router's own count first.

Source: BerriAI/litellm 1.109.1, router_python_core.py (__init__), router_utils/fallback_event_handlers.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

from planner.gateways.hiding import kind_of
from planner.gateways.litellm_configuration import RETRY_CLASSES, STRATEGIES, WILDCARD, Settings
from planner.gateways.taking import NO_COUNTERPART, Taker
from planner.scenario.paths import Path, closest

_ROUTER = {
    "routing_strategy", "routing_strategy_args", "num_retries", "timeout", "stream_timeout", "retry_after",
    "allowed_fails", "cooldown_time", "disable_cooldowns", "max_fallbacks", "default_max_parallel_requests",
    "fallbacks", "default_fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "model_group_alias",
    "retry_policy", "model_group_retry_policy", "optional_pre_call_checks",
}  # fmt: skip
_LITELLM = {
    "num_retries", "request_timeout", "max_fallbacks", "fallbacks", "default_fallbacks", "context_window_fallbacks",
    "content_policy_fallbacks",
}  # fmt: skip
_ROUTER_REASONS = {
    "allowed_fails_policy": "counts of failures by exception; the plan has one count, policy.breaker.allowed_fails",
    "enable_pre_call_checks": "the planner never sends a prompt that is too long, as these checks do",
    "enable_tag_filtering": "tags decide by request who may answer; rules of a strategy are the nearest",
    "provider_budget_config": "a budget takes a provider out when it is spent",
    "routing_groups": "strategies of their own for some groups; give strategies.X.policy.select",
    "enable_weighted_failover": "here the other equals of a level follow in any case",
    "enable_mid_stream_fallback_continuation": "a broken answer is not continued elsewhere here",
    "deployment_affinity_ttl_seconds": "no deployment is pinned to a user or a session here",
    "model_group_affinity_config": "no deployment is pinned to a user or a session here",
    "session_affinity_repin_on_failover": "no deployment is pinned to a user or a session here",
    "enable_health_check_routing": "health checks take no deployment out here; outages and breakers do",
    "redis_host": "the planner simulates one gateway process; several share their state through Redis",
    "redis_port": "the planner simulates one gateway process; several share their state through Redis",
    "cache_responses": "no answer comes from a cache here",
}  # fmt: skip
_LITELLM_REASONS = {
    "cache": "no answer comes from a cache here",
    "cache_params": "no answer comes from a cache here",
    "allowed_fails": "LiteLLM counts so only where router_settings has it",
    "drop_params": "changes what is sent, not when or to whom",
}
_MISPLACED = ("health_check_interval", "health_check_concurrency")


def read_settings(taker: Taker, tree: Mapping[str, Any]) -> Settings:
    router_at, litellm_at = ("router_settings",), ("litellm_settings",)
    router, litellm = taker.mapping(tree, router_at), taker.mapping(tree, litellm_at)
    for key in _MISPLACED:
        if key in router:
            taker.complain((*router_at, key), f"{key} under router_settings", "it under general_settings")
    taker.rest(
        router, router_at, {*_ROUTER, *_MISPLACED}, lambda key: _ROUTER_REASONS.get(key, NO_COUNTERPART)
    )
    taker.rest(litellm, litellm_at, _LITELLM, lambda key: _LITELLM_REASONS.get(key, NO_COUNTERPART))

    def of_both(take: Callable[..., Any], key: str, **options: Any) -> Any:
        """The router's own value over that of litellm_settings, which is then listed."""
        own, other = take(router, (*router_at, key), **options), take(litellm, (*litellm_at, key), **options)
        if own is not None and other is not None and own != other:
            taker.leave((*litellm_at, key), f"router_settings.{key} counts first")
        return other if own is None else own

    strategy = _strategy(taker, router, (*router_at, "routing_strategy"))
    args = taker.mapping(router, (*router_at, "routing_strategy_args"))
    known = (
        {"lowest_latency_buffer", "max_latency_list_size"} if strategy == "latency-based-routing" else set()
    )
    args_at = (*router_at, "routing_strategy_args")
    taker.rest(args, args_at, known, lambda key: "not used by the plan under this routing_strategy")
    own_timeout, call_timeout = (
        taker.time_s(router, (*router_at, "timeout")),
        taker.time_s(litellm, (*litellm_at, "request_timeout")),
    )
    if own_timeout is not None and call_timeout is not None:
        taker.leave((*router_at, "timeout"), "litellm_settings.request_timeout counts first for each call")
    lists = {
        key: _both_lists(taker, router, litellm, f"{key}fallbacks")
        for key in ("", "context_window_", "content_policy_")
    }
    defaults = of_both(lambda part, path: _names(taker, part.get(str(path[-1])), path), "default_fallbacks")
    general = dict(lists[""] or {})
    if defaults:
        if WILDCARD in general:
            taker.leave((*router_at, "fallbacks"), "default_fallbacks count before its entry for *")
        general[WILDCARD] = defaults
    return Settings(
        strategy=strategy,
        buffer=taker.number(args, (*args_at, "lowest_latency_buffer")) if known else None,
        samples=taker.count(args, (*args_at, "max_latency_list_size"), 1) if known else None,
        retries=of_both(taker.count, "num_retries"),
        timeout_s=call_timeout or own_timeout,
        stream_timeout_s=taker.time_s(router, (*router_at, "stream_timeout")),
        retry_after_s=taker.time_s(router, (*router_at, "retry_after")),
        allowed_fails=taker.count(router, (*router_at, "allowed_fails")),
        cooldown_s=taker.time_s(router, (*router_at, "cooldown_time")),
        has_cooldowns=not taker.flag(router, (*router_at, "disable_cooldowns")),
        max_fallbacks=of_both(taker.count, "max_fallbacks"),
        concurrent=taker.count(router, (*router_at, "default_max_parallel_requests"), 1),
        enforces_limits=_checks(taker, router, (*router_at, "optional_pre_call_checks")),
        fallbacks=general,
        context_window=lists["context_window_"] or None,
        content_policy=lists["content_policy_"] or None,
        aliases=_aliases(taker, router, (*router_at, "model_group_alias")),
        retry_policy=_retry_policy(taker, router, (*router_at, "retry_policy")),
        group_retry_policies={
            group: _retry_policy(taker, policies, (*router_at, "model_group_retry_policy", group))
            for policies in [taker.mapping(router, (*router_at, "model_group_retry_policy"))]
            for group in policies
        },
    )


def _strategy(taker: Taker, router: Mapping[str, Any], path: Path) -> str:
    found = taker.word(router, path)
    if found is None or found in STRATEGIES:
        return found or "simple-shuffle"
    hint = closest(found, STRATEGIES)
    taker.complain(
        path, taker.veil.shown(found), ", ".join(STRATEGIES), hint if hint and "mean" in hint else None
    )
    return "simple-shuffle"


def _checks(taker: Taker, router: Mapping[str, Any], path: Path) -> bool:
    """Whether the gateway itself enforces rpm and tpm; other checks before a call are listed."""
    given = router.get("optional_pre_call_checks")
    if given is None:
        return False
    if not isinstance(given, list):
        taker.complain(path, kind_of(given), "a list of names of checks")
        return False
    for index, check in enumerate(given):
        if check != "enforce_model_rate_limits":
            taker.leave((*path, index), "no check of this kind is made before a call here")
    return "enforce_model_rate_limits" in given


def _names(taker: Taker, given: Any, path: Path) -> tuple[str, ...] | None:
    """A list of model names; an item may be a mapping with model and overrides, which are listed."""
    if given is None:
        return None
    if not isinstance(given, list):
        taker.complain(path, kind_of(given), "a list of model names")
        return None
    found: list[str] = []
    for index, item in enumerate(given):
        here = (*path, index)
        if isinstance(item, dict) and isinstance(item.get("model"), str):
            taker.rest(item, here, {"model"}, lambda key: "fallbacks change nothing of a request here")
            found.append(item["model"])
        elif isinstance(item, str) and item:
            found.append(item)
        else:
            taker.complain(here, kind_of(item), "a model name")
    return tuple(dict.fromkeys(found))


def _both_lists(
    taker: Taker, router: Mapping[str, Any], litellm: Mapping[str, Any], key: str
) -> dict[str, tuple[str, ...]] | None:
    own = _lists(taker, router, ("router_settings", key))
    other = _lists(taker, litellm, ("litellm_settings", key))
    if own and other:
        taker.leave(("litellm_settings", key), f"router_settings.{key} counts first")
    return own or other


def _lists(taker: Taker, tree: Mapping[str, Any], path: Path) -> dict[str, tuple[str, ...]] | None:
    """`[{GROUP: [GROUP, ...]}, ...]`; of two entries the first counts, of two for * the last, as in LiteLLM."""
    given = tree.get(str(path[-1]))
    if given is None:
        return None
    if not isinstance(given, list):
        taker.complain(path, kind_of(given), "a list such as [{gpt-4o: [gpt-4o-mini]}]")
        return None
    found: dict[str, tuple[str, ...]] = {}
    for index, item in enumerate(given):
        here = (*path, index)
        if not isinstance(item, dict) or len(item) != 1:
            count = f"a mapping with {len(item)} keys" if isinstance(item, dict) else kind_of(item)
            taker.complain(here, count, "a mapping with one key, such as {gpt-4o: [gpt-4o-mini]}")
            continue
        ((group, targets),) = item.items()
        names = _names(taker, targets, (*here, group))
        if names is not None and group in found and group != WILDCARD:
            taker.leave((*here, group), "given twice: the first entry counts")
        elif names is not None:
            found[group] = names
        elif targets is None:
            taker.complain((*here, group), "nothing", "a list of model names")
    return found


def _aliases(taker: Taker, router: Mapping[str, Any], path: Path) -> dict[str, str]:
    """`{ALIAS: GROUP}` or `{ALIAS: {model: GROUP, hidden: ...}}`."""
    found = {}
    for alias, target in taker.mapping(router, path).items():
        here = (*path, alias)
        if isinstance(target, dict):
            taker.rest(target, here, {"model", "hidden"}, lambda key: NO_COUNTERPART)
            target = target.get("model")
        if isinstance(target, str) and target:
            found[alias] = target
        else:
            taker.complain(here, kind_of(target), "a model_name of model_list")
    return found


def _retry_policy(taker: Taker, tree: Mapping[str, Any], path: Path) -> dict[str, int]:
    given = taker.mapping(tree, path)
    taker.rest(given, path, RETRY_CLASSES, lambda key: "no class of exceptions of LiteLLM's RetryPolicy")
    counts = {key: taker.count(given, (*path, key)) for key in RETRY_CLASSES if key in given}
    return {key: count for key, count in counts.items() if count is not None}


__all__ = ["read_settings"]
