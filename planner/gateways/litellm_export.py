"""A strategy of a scenario -> a LiteLLM proxy configuration, and what LiteLLM cannot say of it.

Comes in: a Scenario and the name of a strategy; goes out: YAML of model_list and router_settings. Keys never stand in a
scenario, so none stands here: LiteLLM takes them from its environment. What is written as what: docs/gateways.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from planner.catalogue.prices import HOSTS
from planner.errors import PlannerError
from planner.gateways.litellm_configuration import VERSION
from planner.gateways.litellm_models import (
    PREFIX_OF,
    is_listed,
    needs_address,
    of_label,
    own_server,
    strategy_named,
    target,
)
from planner.gateways.yaml_text import comment, yaml_text
from planner.scenario.breaker import Breaker
from planner.scenario.fields import Scenario
from planner.scenario.paths import closest
from planner.scenario.policy import Policy
from planner.scenario.strategies import TIER_GROUPS, Levels, Strategy
from planner.scenario.supply import Deployment, Limits

ROUTING = {
    "weighted": "simple-shuffle",
    "least-busy": "least-busy",
    "lowest-latency": "latency-based-routing",
    "lowest-usage": "usage-based-routing-v2",
    "cheapest": "cost-based-routing",
    "in-order": "simple-shuffle",
    "round-robin": "simple-shuffle",
    "inverse-price": "simple-shuffle",
}
_SAID = {
    "select", "lowest_latency", "lowest_usage", "timeout_s", "retries", "backoff", "max_fallbacks",
    "special_fallbacks_only", "breaker", "preset", "retries_after",
}  # fmt: skip
_NOT_THE_GATEWAYS = {"bill_timeouts", "bill_mid_stream"}  # what a provider asks for, not how a gateway calls
_RESOURCE = re.compile(r"[a-z0-9][a-z0-9-]*")
_REGION_FIELDS = {
    "bedrock": "aws_region_name",
    "bedrock_converse": "aws_region_name",
    "vertex_ai": "vertex_location",
}


class UnknownStrategy(PlannerError):
    """A strategy that the scenario does not have."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A configuration's text, and what it cannot say of the strategy."""

    text: str
    notices: tuple[str, ...]


def export_litellm(scenario: Scenario, strategy: str) -> Exported:
    """The configuration of one strategy. Raises UnknownStrategy."""
    if strategy not in scenario.strategies:
        hint = closest(strategy, scenario.strategies)
        known = ", ".join(scenario.strategies)
        raise UnknownStrategy(f"strategy: got {strategy!r}; allowed: {known}{f'; {hint}' if hint else ''}")
    return _Writer(scenario, strategy).exported()


@dataclass
class _Writer:
    scenario: Scenario
    name: str
    told: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.strategy: Strategy = self.scenario.strategy(self.name)
        self.policy: Policy = self.scenario.strategy_policy(self.name)
        self.model_names = self._model_names()
        self.met: set[str] = set()

    def exported(self) -> Exported:
        tree: dict[str, Any] = {"model_list": []}
        for group in self.strategy.group_names:
            tree["model_list"] += self._group(group, self.strategy.group(group) or ())
        tree["router_settings"] = self._router_settings()
        self._tell_strategy()
        self._tell_policy()
        notices = tuple(self.told)
        return Exported(text="\n".join([*self._head(notices), "", yaml_text(tree)]), notices=notices)

    def _head(self, notices: tuple[str, ...]) -> Iterator[str]:
        yield from comment(
            f"Made by `planner export litellm` from strategy {self.name}, for LiteLLM {VERSION}. No key stands here: "
            "LiteLLM takes those of a provider from its environment, such as OPENAI_API_KEY; add api_key: "
            "os.environ/NAME to litellm_params for others."
        )
        if notices:
            yield from comment("Of the strategy this configuration does not say, or says otherwise:")
            for notice in notices:
                yield from comment(f"- {notice}")

    def tell(self, text: str) -> None:
        self.told[text] = None

    def _model_names(self) -> dict[str, str]:
        """GROUP: what clients ask for: the strategy's own name for its only tier, else the group's."""
        tiers = [tier for tier in TIER_GROUPS if self.strategy.group(tier)]
        found = {tier: tier if len(tiers) > 1 else self.name for tier in tiers}
        for group in self.strategy.groups:
            name = strategy_named(group)
            name = group if name in found.values() else name
            while name in found.values():
                name += "-group"
            found[group] = name
        return found

    # -- model_list ----------------------------------------------------------------------------

    def _group(self, group: str, levels: Levels) -> Iterator[dict[str, Any]]:
        if self.policy.select == "in-order" and any(len(level) > 1 for level in levels):
            self.tell(f"{group}: equals in order of the list become orders of their own")
            levels = tuple((name,) for level in levels for name in level)
        for order, level in enumerate(levels, 1):
            written = {name: self._params(name, self.scenario.deployments[name]) for name in level}
            if any("weight" in params for params in written.values()):
                # LiteLLM asks those without a weight only after those with one.
                for name, params in written.items():
                    params.setdefault("weight", self.scenario.deployments[name].weight)
            for name, params in written.items():
                if len(levels) > 1:
                    params["order"] = order
                identity = name
                if name in self.met:
                    identity = f"{name}-in-{group}"
                    self.tell(
                        f"deployment {name} stands in several groups: LiteLLM takes each for one of its own, with its own cooldown and limits"
                    )
                self.met.add(name)
                info: dict[str, Any] = {"id": identity}
                base = self._base(self.scenario.deployments[name])
                label = of_label(self.scenario.deployments[name].label or "")[0]
                if base is not None and label == params["model"]:
                    info["base_model"] = base
                own = self.scenario.models.get(self.scenario.deployments[name].model)
                if own is not None and own.context_tokens is not None:
                    info["max_input_tokens"] = own.context_tokens
                yield {"model_name": self.model_names[group], "litellm_params": params, "model_info": info}

    def _params(self, name: str, deployment: Deployment) -> dict[str, Any]:
        model, prefix, where = self._model(name, deployment)
        found = dict(model)
        if where is not None:
            found |= self._place(name, where, deployment.provider, prefix)
        own = self.scenario.models.get(deployment.model)
        for meter in ("input", "output"):
            price = None if own is None else getattr(own, f"{meter}_usd_per_mtok")
            if price is not None:
                found[f"{meter}_cost_per_token"] = float(Decimal(repr(float(price))).scaleb(-6))
        if self.policy.select == "weighted" and "weight" in deployment.model_fields_set:
            found["weight"] = deployment.weight
        if deployment.limits is not None:
            found |= self._limits(name, deployment.limits, found)
        return found | self._own_policy(name)

    def _model(self, name: str, deployment: Deployment) -> tuple[dict[str, Any], str, str | None]:
        """(model and address, prefix, where it stands) of a deployment: as its label has it, where that says the same."""
        provider = deployment.provider
        address = {"api_base": f"http://{name}.invalid/v1"} if provider is None else {}
        if deployment.label is not None:
            label, where = of_label(deployment.label)
            served = target(label, f"{name}.invalid" if provider is None else None, self._base(deployment))
            names = {served.record, served.name, label, f"{provider or 'own'}/{label}", own_server(label)}
            is_same = re.sub(r" \([0-9]+\)$", "", deployment.model) in names
            if served.provider == provider and is_same:
                address = address if served.prefix is not None and needs_address(served.prefix) else {}
                if address:
                    self.tell(f"{name}: no scenario tells where a server stands: api_base must be put right")
                return {"model": label} | address, served.prefix or "", where or deployment.account
        if provider is None:
            self.tell(
                f"{name}: nobody is known to serve {deployment.model}: api_base of hosted_vllm must be put right"
            )
            return {"model": f"hosted_vllm/{deployment.model}"} | address, "hosted_vllm", deployment.account
        prefix = PREFIX_OF[provider]
        if provider in HOSTS:
            self.tell(
                f"{name}: {deployment.model} is the catalogue's name; {provider} may call the model otherwise"
            )
        return {"model": f"{prefix}/{deployment.model}"}, prefix, deployment.account

    def _base(self, deployment: Deployment) -> str | None:
        """The model behind a label that does not name it, such as that of a deployment of Azure."""
        if deployment.label is None or not is_listed(deployment.model):
            return None
        return None if target(of_label(deployment.label)[0]).record == deployment.model else deployment.model

    def _place(self, name: str, where: str, provider: str | None, prefix: str) -> dict[str, Any]:
        if provider == "azure" and _RESOURCE.fullmatch(where):
            return {"api_base": f"https://{where}.openai.azure.com"}
        if prefix in _REGION_FIELDS:
            return {_REGION_FIELDS[prefix]: where}
        if self.scenario.deployments[name].account is not None:
            self.tell(f"{name}: account {where} has a key of its own; add its api_key")
            return {}
        return {"region_name": where}

    def _limits(self, name: str, limits: Limits, params: dict[str, Any]) -> dict[str, Any]:
        """What the gateway itself enforces: rates that its selection knows or that it is told to keep, calls in flight."""
        found: dict[str, Any] = {}
        rates = {"rpm": limits.requests_per_minute, "tpm": limits.tokens_per_minute}
        given = {key: rate for key, rate in rates.items() if isinstance(rate, int)}
        if given and self._knows_limits(limits):
            found |= given
            if self.policy.select == "weighted" and "weight" not in params:
                found["weight"] = 1  # else LiteLLM would draw by rpm
            if limits.concurrent is None:
                self.tell(
                    f"{name}: without max_parallel_requests LiteLLM caps calls in flight at rpm, or tpm x 6 / 1000"
                )
        elif given:
            self.tell(f"{name}: limits are the provider's: LiteLLM learns of them by its 429")
        if isinstance(limits.concurrent, int):
            found["max_parallel_requests"] = limits.concurrent
        elif limits.concurrent is not None:
            self.tell(
                f"{name}: limits.concurrent changes in steps; LiteLLM knows one number, and none is written"
            )
        others = ("requests_per_day", "tokens_per_day", "input_tokens_per_minute", "output_tokens_per_minute")
        extra = [one for one in others if isinstance(getattr(limits, one), int)] + (
            ["windows"] if limits.windows else []
        )
        for one in extra:
            self.tell(f"{name}: limits.{one} is not written")
        return found

    def _knows_limits(self, limits: Limits) -> bool:
        return (
            self.policy.select in ("lowest-usage", "lowest-latency", "cheapest")
            or limits.kind == "fixed-window"
        )

    def _own_policy(self, name: str) -> dict[str, Any]:
        """What a deployment's own policy says otherwise than the strategy's."""
        own = self.scenario.policy_for(self.name, name)
        found: dict[str, Any] = {}
        if own.timeout_s != self.policy.timeout_s and own.timeout_s is not None:
            found["timeout"] = own.timeout_s
        elif own.timeout_s != self.policy.timeout_s:
            self.tell(
                f"{name}: policy.timeout_s null of one deployment is not written: the router's cuts its calls"
            )
        if own.retries != self.policy.retries:
            found["num_retries"] = own.retries
        if own.breaker != self.policy.breaker and own.breaker is not None:
            found["cooldown_time"] = own.breaker.open_time_s
            if own.breaker.kind != "cooldown" or own.breaker.honours_retry_after:
                self.tell(
                    f"{name}: a breaker of its own becomes a cooldown_time of its own, before any retry-after"
                )
        elif own.breaker != self.policy.breaker:
            self.tell(
                f"{name}: policy.breaker null of one deployment is not written: the router's cooldown holds"
            )
        handled = {"timeout_s", "retries", "breaker", "preset"}
        for one in sorted(self.scenario.deployments[name].policy.model_fields_set - handled):
            if getattr(own, one) != getattr(self.policy, one) and one not in _NOT_THE_GATEWAYS:
                self.tell(f"{name}: policy.{one} of one deployment is not written")
        return found

    # -- router_settings -----------------------------------------------------------------------

    def _router_settings(self) -> dict[str, Any]:
        policy = self.policy
        found: dict[str, Any] = {"routing_strategy": ROUTING[policy.select]}
        if policy.select in ("round-robin", "inverse-price"):
            self.tell(f"select {policy.select}: LiteLLM draws at random, all alike or by weight")
        if policy.select == "lowest-latency":
            given = policy.lowest_latency.model_fields_set
            names = {"buffer": "lowest_latency_buffer", "samples": "max_latency_list_size"}
            args = {names[one]: getattr(policy.lowest_latency, one) for one in names if one in given}
            found |= {"routing_strategy_args": args} if args else {}
            for one in sorted(given - set(names)):
                self.tell(f"policy.lowest_latency.{one} is not written: LiteLLM has one way")
        if policy.select == "lowest-usage" and not policy.lowest_usage.off_by_one:
            self.tell("LiteLLM takes a deployment for full one call early (policy.lowest_usage.off_by_one)")
        found["num_retries"] = policy.retries
        by_class = policy.retries_after
        counts = {
            "InternalServerErrorRetries": by_class.error,
            "ServiceUnavailableErrorRetries": by_class.error,
            "RateLimitErrorRetries": by_class.limited,
            "TimeoutErrorRetries": by_class.timeout,
        }
        if own := {name: count for name, count in counts.items() if count is not None}:
            found["retry_policy"] = own
        if policy.timeout_s is not None:
            found["timeout"] = policy.timeout_s
        else:
            self.tell("policy.timeout_s null: LiteLLM cuts a call after 6000 s")
        found |= self._backoff() | self._cooldown(policy.breaker)
        found["max_fallbacks"] = policy.max_fallbacks
        found |= self._fallbacks()
        deployments = [self.scenario.deployments[one] for one in self.met]
        if policy.select not in ("lowest-usage", "lowest-latency", "cheapest") and any(
            one.limits is not None
            and one.limits.kind == "fixed-window"
            and (
                isinstance(one.limits.requests_per_minute, int)
                or isinstance(one.limits.tokens_per_minute, int)
            )
            for one in deployments
        ):
            found["optional_pre_call_checks"] = ["enforce_model_rate_limits"]
        return found

    def _backoff(self) -> dict[str, Any]:
        backoff = self.policy.backoff
        if backoff.kind != "litellm" or backoff.cap_s != 8 or backoff.jitter_s != 0.75:
            self.tell("policy.backoff: LiteLLM waits 0.5, 1, 2, 4, 8, 8 ... s with up to 0.75 s on top")
            return {}
        return {"retry_after": backoff.base_s} if backoff.base_s > 0.5 else {}

    def _cooldown(self, breaker: Breaker | None) -> dict[str, Any]:
        if breaker is None:
            return {"disable_cooldowns": True}
        found: dict[str, Any] = {"cooldown_time": breaker.open_time_s}
        if breaker.kind == "cooldown":
            if breaker.allowed_fails is not None:
                found["allowed_fails"] = breaker.allowed_fails
            if not breaker.honours_retry_after:
                self.tell(
                    "policy.breaker.honours_retry_after: LiteLLM's cooldown lasts as long as a retry-after says"
                )
        elif breaker.kind == "consecutive":
            found["allowed_fails"] = breaker.failures - 1
            self.tell(
                "policy.breaker consecutive: LiteLLM counts failures within cooldown_time, in a row or not, and has no probe"
            )
        else:
            self.tell(
                f"policy.breaker {breaker.kind}: of it LiteLLM knows only how long a deployment stays out"
            )
        return found

    def _fallbacks(self) -> dict[str, Any]:
        found: dict[str, list[dict[str, list[str]]]] = {}
        keys = {
            "any": "fallbacks",
            "context_window": "context_window_fallbacks",
            "content_policy": "content_policy_fallbacks",
        }
        for group, lists in self.strategy.fallbacks.items():
            for ours, theirs in keys.items():
                names = getattr(lists, ours)
                if names is not None and (names or ours != "any"):
                    entry = {self.model_names[group]: [self.model_names[one] for one in names]}
                    found.setdefault(theirs, []).append(entry)
            for ours in ("error", "limit", "timeout"):
                if getattr(lists, ours) is not None:
                    self.tell(
                        f"fallbacks.{group}.{ours}: LiteLLM has no list for this failure; the one for any counts"
                    )
        if len(found) > 1 and not self.policy.special_fallbacks_only:
            self.tell(
                "policy.special_fallbacks_only false: in LiteLLM a special list set for one group bars the general one for all"
            )
        return dict(sorted(found.items(), key=lambda item: list(keys.values()).index(item[0])))

    # -- what has no words ---------------------------------------------------------------------

    def _tell_strategy(self) -> None:
        if self.strategy.router is not None:
            both = " and ".join(self.model_names[tier] for tier in TIER_GROUPS if tier in self.model_names)
            self.tell(f"router: LiteLLM does not choose between tiers; the application asks for {both}")
        if self.strategy.rules:
            self.tell("rules: the application asks for the model_name that a rule would choose")
        unhurried = [name for name, task in self.scenario.tasks.items() if task.is_batch]
        if unhurried:
            self.tell(
                f"urgency batch: the application hands {', '.join(unhurried)} in to batch APIs; the router sends all alike"
            )
        gateway = self.scenario.gateway_for(self.name)
        if gateway.kind != "direct" or gateway.fee:
            self.tell("gateway: LiteLLM is the gateway; what another one costs is not written")
        if gateway.limits is not None:
            self.tell(
                "gateway.limits: LiteLLM keeps limits of each deployment, not of a platform's account; those of the "
                "deployments are written, though they do not hold behind it"
            )
        if gateway.outages:
            self.tell("gateway.outages: what is simulated is no part of a configuration")
        lonely = [name for name in self.scenario.deployments_of(self.name) if name not in self.met]
        for name in lonely:
            self.tell(f"deployment {name} is asked by a rule only, and not written")

    def _tell_policy(self) -> None:
        preset = Policy.model_validate({"preset": "litellm"})
        for one in Policy.model_fields:
            if one in _SAID or one in _NOT_THE_GATEWAYS:
                continue
            if getattr(self.policy, one) != getattr(preset, one):
                self.tell(f"policy.{one}: LiteLLM has no setting for it")


__all__ = ["Exported", "UnknownStrategy", "export_litellm"]
