"""A LiteLLM configuration -> the text of a scenario, and what it does not say.

Comes in: a Configuration; goes out: YAML that the planner's own loader takes, one strategy for each model_name, with a
comment wherever a figure is an assumption and everything that was not mapped at its head. Nothing is drawn and nothing
of the machine goes in, so that one configuration always gives one text. What is mapped to what, and why:
docs/gateways.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from planner.errors import Problem
from planner.gateways.horizon import Plan, facts_of, has_latency, last_prices, per_mtok
from planner.gateways.litellm_configuration import (
    STRATEGIES,
    VERSION,
    WILDCARD,
    Configuration,
    ConfigurationError,
    Entry,
    Settings,
    Unmapped,
)
from planner.gateways.litellm_fallbacks import graph_of, lists_of
from planner.gateways.litellm_models import (
    PROVIDERS,
    Target,
    account,
    group_named,
    labelled,
    own_server,
    target,
)
from planner.gateways.litellm_policy import MOST_RETRIES, PRESET_RETRIES, PolicyWriter
from planner.gateways.litellm_reading import read_configuration
from planner.gateways.naming import free_name, one_line, slug_of
from planner.gateways.yaml_text import comment, yaml_text
from planner.scenario.checks_fallbacks import MOST_GROUPS
from planner.scenario.checks_strategies import MOST_CALLS, MOST_CHOSEN_FROM
from planner.scenario.paths import Path, render

NAME = "Imported LiteLLM configuration"
TASK = "chat"
REQUESTS_PER_MONTH = 1_000_000
SIZES = {"input_tokens": {"p50": 420, "p95": 1600}, "output_tokens": {"p50": 110, "p95": 380}}
LATENCY = {"ttft_s": {"p50": 0.5, "p95": 1.5}, "tokens_per_s": 50}
PRICES = ("input_usd_per_mtok", "output_usd_per_mtok")
MOST_PER_MINUTE, MOST_CONCURRENT, MOST_WEIGHT = 10**9, 10**6, 1e6


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A scenario's text; what of the configuration it does not say; prices to be filled in before it can run."""

    text: str
    unmapped: tuple[Unmapped, ...]
    unpriced: tuple[str, ...]  # paths of the scenario
    warnings: tuple[str, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """One line for each reason, with the places it holds for."""
        found: dict[str, list[str]] = {}
        for one in self.unmapped:
            found.setdefault(one.reason, []).append(one.place)
        return tuple(f"{', '.join(dict.fromkeys(places))}: {reason}" for reason, places in found.items())


def import_litellm(text: str, file: str, environment: Mapping[str, str]) -> Imported:
    """The scenario of a configuration's text; `file` names it in messages.

    Raises ConfigurationError with every problem, and keeps no secret: see `litellm_reading`.
    """
    return Composer(read_configuration(text, file, environment)).imported()


@dataclass
class Composer:
    """Puts the scenario together: names, models, deployments, strategies, policy, text."""

    given: Configuration
    comments: dict[Path, str] = field(default_factory=dict)
    unmapped: list[Unmapped] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unpriced: list[Path] = field(default_factory=list)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.unmapped += self.given.unmapped
        self.groups: dict[str, list[Entry]] = {}
        for entry in self.given.entries:
            self.groups.setdefault(entry.model_name, []).append(entry)
        taken: set[str] = set()
        self.strategy_names = {name: free_name(slug_of(name, "model"), taken) for name in self.groups}
        self.alias_names = {
            alias: free_name(slug_of(alias, "alias"), taken)
            for alias in self._aliases()
            if alias not in self.groups
        }
        self.group_names = self._group_names()
        self.targets = {
            id(entry): target(entry.model, entry.host, entry.base_model) for entry in self.given.entries
        }
        names: set[str] = set()
        self.names = {id(entry): free_name(self._slug_of(entry), names) for entry in self.given.entries}

    def imported(self) -> Imported:
        plan = Plan.of([self.targets[id(entry)] for entry in self.given.entries])
        levels = {name: self._levels(entries) for name, entries in self.groups.items()}
        most_retries = self._most_retries()
        retries = self._retries(most_retries)
        self.policies = PolicyWriter(given=self.given, most_retries=most_retries, leave=self.leave)
        self._weigh(levels)
        deployments = {}
        for entry in self.given.entries:
            deployments[self.names[id(entry)]] = self._deployment(entry, plan, retries)
        strategies = self._strategies(levels)
        policy = self.policies.of_all(retries)
        if self.problems:
            raise ConfigurationError(self.problems, self.given.file)
        self.leave(
            ("model_list",),
            "limits of the providers stand in no configuration of a gateway: where a provider is named, the catalogue's "
            "highest published ones hold unless deployments.X.limits says otherwise",
        )
        tree = {
            "schema": 1,
            "name": NAME,
            "start": plan.start.isoformat(),
            "traffic": {"requests_per_month": REQUESTS_PER_MONTH},
            "tasks": {TASK: SIZES},
            **({"models": self.models} if self.models else {}),
            "deployments": deployments,
            "strategies": strategies,
            "policy": policy,
            "finance": {"horizon_months": plan.months},
        }
        self.comments |= {
            ("start",): "assumption: the month after the newest prices of the catalogue",
            (
                "traffic",
                "requests_per_month",
            ): "assumption: a proxy's configuration knows no traffic; give your own",
            ("tasks", TASK): "assumption: sizes of a short chat; give those of your own requests",
            ("finance", "horizon_months"): plan.comment,
        }
        result = Imported(
            text="",
            unmapped=tuple(self.unmapped),
            unpriced=tuple(render(path) for path in self.unpriced),
            warnings=self.given.warnings,
        )
        text = "\n".join([*self._head(result), "", yaml_text(tree, self.comments)])
        return Imported(
            text=text, unmapped=result.unmapped, unpriced=result.unpriced, warnings=result.warnings
        )

    def _head(self, result: Imported) -> Iterator[str]:
        name = PurePath(self.given.file).name
        yield from comment(
            f"Made by `planner import litellm` from {one_line(name)}, with the semantics of LiteLLM {VERSION} "
            "(policy.preset: litellm). A comment stands wherever a figure is an assumption."
        )
        if result.unpriced:
            yield from comment(
                "No price is known for these; fill them in before a run (USD per million tokens):"
            )
            for path in result.unpriced:
                yield from comment(f"- {path}")
        if result.notices:
            yield from comment("Of the configuration this scenario does not say, or says otherwise:")
            for notice in result.notices:
                yield from comment(f"- {notice}")

    def leave(self, path: Path, reason: str) -> None:
        self.unmapped.append(Unmapped(path=path, reason=reason))

    def complain(self, path: Path, given: str, allowed: str) -> None:
        line = self.given.line(path)
        self.problems.append(
            Problem(field=render(path), file=self.given.file, line=line, given=given, allowed=allowed)
        )

    # -- names ---------------------------------------------------------------------------------

    def _slug_of(self, entry: Entry) -> str:
        if entry.identity is not None:
            return slug_of(entry.identity, "deployment")
        where = account(self.targets[id(entry)], entry.host, entry.region)
        return slug_of(f"{entry.model}-{where}" if where else entry.model, "deployment")

    def _group_names(self) -> dict[str, str]:
        """model_name: its name under a strategy's groups, where omni and mini are the tiers."""
        return {name: group_named(slug) for name, slug in self.strategy_names.items()}

    def _aliases(self) -> Iterator[str]:
        for alias, group in self.given.settings.aliases.items():
            path = ("router_settings", "model_group_alias", alias)
            if alias in self.groups:
                self.leave(path, "a model_name of the same name is asked instead")
            elif group not in self.groups:
                self.leave(path, "leads to no model_name that was imported")
            else:
                yield alias

    # -- levels, retries -----------------------------------------------------------------------

    def _levels(self, entries: list[Entry]) -> list[list[Entry]]:
        """Equals by order, the lowest first; those whose weight is 0 after the others of their order."""
        orders = sorted({entry.order for entry in entries if entry.order is not None})
        found = [[entry for entry in entries if entry.order == order] for order in orders]
        rest = [entry for entry in entries if entry.order is None]
        if rest and orders:
            for entry in rest:
                self.leave(
                    entry.path,
                    "no order beside others that have one: asked last; LiteLLM asks it only when they cool down",
                )
        found += [rest] if rest else []
        if self.given.settings.strategy == "simple-shuffle":
            found = [part for level in found for part in self._drawn(level)]
        if len(entries) > MOST_CHOSEN_FROM:
            self.complain(
                entries[MOST_CHOSEN_FROM].path,
                f"{len(entries)} deployments of one model_name",
                f"at most {MOST_CHOSEN_FROM}",
            )
        return found

    def _drawn(self, level: list[Entry]) -> Iterator[list[Entry]]:
        """Those of a level that have a weight, then those that are drawn only where none of them is left."""
        metric = self._metric(level)
        if metric is None:
            yield level
            return
        drawn = [entry for entry in level if getattr(entry, metric)]
        rest = [entry for entry in level if not getattr(entry, metric)]
        yield drawn
        if rest:
            for entry in rest:
                self.leave(
                    entry.path,
                    f"no {metric} beside others that have one: asked after them; LiteLLM draws it only when they cool down",
                )
            yield from self._drawn(rest)

    @staticmethod
    def _metric(level: list[Entry]) -> str | None:
        """What equals are drawn by: weight, else rpm, else tpm; None: all alike."""
        return next(
            (one for one in ("weight", "rpm", "tpm") if any(getattr(entry, one) for entry in level)), None
        )

    def _weigh(self, levels: Mapping[str, list[list[Entry]]]) -> None:
        """Weights of equals that are drawn; a weight that decides nothing is listed."""
        self.weights: dict[str, float] = {}
        is_drawn = self.given.settings.strategy == "simple-shuffle"
        for level in (level for found in levels.values() for level in found):
            metric = self._metric(level) if is_drawn and len(level) > 1 else None
            if metric is not None:
                values = {self.names[id(entry)]: float(getattr(entry, metric)) for entry in level}
                most = max(values.values())
                scale = MOST_WEIGHT / most if most > MOST_WEIGHT else 1.0
                self.weights |= {name: max(value * scale, 1e-9) for name, value in values.items()}
            for entry in level:
                if entry.weight is not None and metric != "weight":
                    why = (
                        "it has no equal to be drawn against"
                        if is_drawn
                        else "only simple-shuffle draws by weight"
                    )
                    self.leave((*entry.path, "litellm_params", "weight"), why)

    def _most_retries(self) -> int:
        """Retries that the planner's bound on calls of one request leaves, where each order has its own."""
        most = MOST_RETRIES
        for group in self.groups:
            reached = graph_of(self.groups, self.given.settings, group)[0]
            count = sum(len({entry.order for entry in self.groups[name]}) for name in reached)
            if count > MOST_CALLS:
                self.complain(
                    ("model_list",), f"{count} orders that a request may meet", f"at most {MOST_CALLS}"
                )
            most = min(most, max(MOST_CALLS // count - 1, 0))
        return most

    def _retries(self, most: int) -> int:
        given = self.given.settings.retries
        wanted = PRESET_RETRIES if given is None else given
        if wanted > most:
            self.leave(
                self.given.at("num_retries"),
                f"{most} retries are taken, as each order makes its own and one request may make at most "
                f"{MOST_CALLS} calls",
            )
        return min(wanted, most)

    # -- deployments ---------------------------------------------------------------------------

    def _deployment(self, entry: Entry, plan: Plan, retries: int) -> dict[str, Any]:
        served, name = self.targets[id(entry)], self.names[id(entry)]
        path: Path = ("deployments", name)
        model, is_listed = self._model(entry, served, plan)
        found: dict[str, Any] = {"model": model}
        if served.provider is not None:
            found["provider"] = served.provider
        else:
            self.comments[*path, "model"] = "nobody whose limits, errors or outages the catalogue knows"
        where = account(served, entry.host, entry.region)
        if where is None and entry.host is not None:
            self.leave(
                (*entry.path, "litellm_params", "api_base"), "an address: only one of Azure tells where it is"
            )
        found["label"] = entry.model if where is None else labelled(entry.model, where)
        if not (is_listed and has_latency(model, served.provider)):
            found["latency"] = LATENCY
            self.comments[*path, "latency"] = "assumption: the catalogue has no latency of it; give your own"
        limits = self._limits(entry)
        if limits:
            found["limits"] = limits
        if name in self.weights:
            found["weight"] = self.weights[name]
        if entry.rpm is not None or entry.tpm is not None:
            self._tell_rates(entry, path)
        policy = self.policies.of_deployment(entry, retries)
        if policy:
            found["policy"] = policy
        return found

    def _model(self, entry: Entry, served: Target, plan: Plan) -> tuple[str, bool]:
        """(model of a deployment, whether it is the catalogue's): own prices and what is unknown stand under models."""
        prices = {
            key: per_mtok(cost)
            for key, cost in zip(PRICES, (entry.input_usd_per_token, entry.output_usd_per_token), strict=True)
            if cost is not None
        }
        why = plan.why_not(served)
        if served.record is not None and why is None:
            others = [one for one in self.given.entries if self.targets[id(one)].record == served.record]
            listed = [one for one in others if plan.why_not(self.targets[id(one)]) is None]
            if (
                not prices
                or len({(one.input_usd_per_token, one.output_usd_per_token) for one in listed}) == 1
            ):
                if prices:
                    self.models[served.record] = prices
                return served.record, True
        return self._own_model(entry, served, prices, why), False

    def _own_model(self, entry: Entry, served: Target, prices: dict[str, float], why: str | None) -> str:
        """An entry under models for what the catalogue cannot price: the same for the same model and prices."""
        found = facts_of(served)
        if entry.context_tokens is not None:
            found["context_tokens"] = entry.context_tokens
        last = last_prices(served) if served.record is not None and served.provider is not None else {}
        for key in PRICES:
            found[key] = prices.get(key, last.get(key))
        name = self._own_name(entry, served, found)
        if name in self.models:
            return name
        self.models[name] = found
        path: Path = ("models", name)
        self.comments[path] = why or "a price of its own in the configuration"
        absent = [(*path, key) for key in PRICES if found[key] is None]
        if absent:
            self.unpriced += absent
            places = " and ".join(map(render, absent))
            self.leave((*entry.path, "litellm_params", "model"), f"no price is known: give {places}")
        for key in PRICES:
            if found[key] is None:
                self.comments[*path, key] = "not known: give USD per million tokens"
            elif key not in prices:
                self.comments[*path, key] = "assumption: the last list price that is known"
        return name

    def _own_name(self, entry: Entry, served: Target, wanted: dict[str, Any]) -> str:
        from planner.catalogue import models

        base = entry.model
        if base in models.names():
            base = f"{served.provider or 'own'}/{base}"
        if served.is_own_server and served.prefix in PROVIDERS:
            base = own_server(base)  # openai/our-8b at an address of one's own
        names = [base, *(f"{base} ({number})" for number in range(2, len(self.given.entries) + 2))]
        return next(name for name in names if name not in self.models or self.models[name] == wanted)

    def _limits(self, entry: Entry) -> dict[str, Any]:
        """What the gateway itself enforces: calls in flight, and rates where its selection or a check knows them."""
        found: dict[str, Any] = {}
        settings = self.given.settings
        if settings.enforces_limits or STRATEGIES[settings.strategy] in (
            "lowest-usage",
            "lowest-latency",
            "cheapest",
        ):
            rates = {"requests_per_minute": entry.rpm, "tokens_per_minute": entry.tpm}
            if any(rate and rate <= MOST_PER_MINUTE for rate in rates.values()):
                found = {
                    key: rate if rate and rate <= MOST_PER_MINUTE else None for key, rate in rates.items()
                }
                found |= {"kind": "fixed-window", "charge": "after-completion"}
        concurrent = _concurrent(entry, settings)
        if concurrent is not None and concurrent > MOST_CONCURRENT:
            self.leave(
                (*entry.path, "litellm_params"),
                f"more than {MOST_CONCURRENT} calls at once: so many are taken",
            )
        if concurrent is not None:
            found["concurrent"] = min(concurrent, MOST_CONCURRENT)
        return found

    def _tell_rates(self, entry: Entry, path: Path) -> None:
        """What became of rpm and tpm."""
        params = (*entry.path, "litellm_params")
        settings = self.given.settings
        known = [key for key in ("rpm", "tpm") if getattr(entry, key) is not None]
        for key in known:
            rate = getattr(entry, key)
            if rate == 0:
                self.leave(
                    (*params, key),
                    "0 is no rate that a plan can hold; LiteLLM would ask it never or as if it were not given",
                )
            elif rate > MOST_PER_MINUTE:
                self.leave((*params, key), f"more than {MOST_PER_MINUTE} a minute: no limit is set")
        if entry.concurrent is None and (entry.rpm or entry.tpm):
            origin = "rpm" if entry.rpm else "tpm x 6 / 1000"
            self.comments[*path, "limits"] = (
                f"LiteLLM caps calls in flight at {origin} where max_parallel_requests is not given"
            )
        if settings.strategy in ("simple-shuffle", "least-busy") and not settings.enforces_limits:
            for key in known:
                what = ", it is a weight where none is given" if settings.strategy == "simple-shuffle" else ""
                self.leave(
                    (*params, key),
                    f"under {settings.strategy} LiteLLM enforces no rate{what}; it caps calls in flight where "
                    "max_parallel_requests is not given",
                )

    # -- strategies ----------------------------------------------------------------------------

    def _strategies(self, levels: Mapping[str, list[list[Entry]]]) -> dict[str, Any]:
        self._tell_lists()
        found: dict[str, Any] = {}
        for name, slug in self.strategy_names.items():
            found[slug] = self._strategy(name, levels)
            if slug != name:
                self.comments["strategies", slug] = f"model_name: {one_line(name)}"
        for alias, slug in self.alias_names.items():
            group = self.given.settings.aliases[alias]
            found[slug] = {"like": self.strategy_names[group]}
            self.comments["strategies", slug] = f"model_group_alias: {one_line(alias)}"
        return found

    def _strategy(self, name: str, levels: Mapping[str, list[list[Entry]]]) -> dict[str, Any]:
        tier = self._tier(levels[name][0][0])
        reached, edges = graph_of(self.groups, self.given.settings, name)
        if len(reached) - 1 > MOST_GROUPS:
            self.complain(
                self.groups[name][0].path,
                f"{len(reached) - 1} groups that {one_line(name)} falls back on",
                f"at most {MOST_GROUPS}",
            )
        words = {one: self.group_names[one] for one in reached} | {name: tier}
        found: dict[str, Any] = {tier: self._as_lists(levels[name])}
        if reached[1:]:
            found["groups"] = {words[one]: self._as_lists(levels[one]) for one in reached[1:]}
        fallbacks: dict[str, Any] = {}
        for one in reached:
            lists = {
                key: [words[other] for other in names]
                for key, names in edges[one].items()
                if names is not None
            }
            if any(lists.values()):
                fallbacks[words[one]] = lists["any"] if set(lists) == {"any"} else lists
        if fallbacks:
            found["fallbacks"] = fallbacks
        return found

    def _as_lists(self, levels: list[list[Entry]]) -> list[Any]:
        names = [[self.names[id(entry)] for entry in level] for level in levels]
        return [level[0] if len(level) == 1 else level for level in names]

    def _tier(self, entry: Entry) -> str:
        """omni for the catalogue's large and middle models and those it does not know, mini for the small ones."""
        from planner.catalogue import models

        record = self.targets[id(entry)].record
        return "omni" if record is None or models.model(record).tier in ("omni", "mid") else "mini"

    def _tell_lists(self) -> None:
        """Fallbacks that lead nowhere, belong to nobody, or lead back."""
        settings = self.given.settings
        for key, lists in (
            ("fallbacks", settings.fallbacks),
            ("context_window_fallbacks", settings.context_window or {}),
            ("content_policy_fallbacks", settings.content_policy or {}),
        ):
            for group, names in lists.items():
                if group not in self.groups and group != WILDCARD:
                    self.leave(self.given.at(key, group), "of no model_name that was imported")
                    continue
                for name in names:
                    if settings.aliases.get(name, name) not in self.groups and name not in self.groups:
                        self.leave(
                            self.given.at(key, group), f"{one_line(name)} is no model_name that was imported"
                        )
        for root in self.groups:
            reached, edges = graph_of(self.groups, self.given.settings, root)
            for group in reached:
                before, after = lists_of(self.groups, self.given.settings, group), edges[group]
                if before != after:
                    self.leave(
                        self.given.at("fallbacks", group),
                        f"under {one_line(root)} it does not lead back to what was asked before, which LiteLLM passes over too",
                    )


def _concurrent(entry: Entry, settings: Settings) -> int | None:
    """LiteLLM's calculate_max_parallel_requests (utils.py); 0 counts as not given."""
    if entry.concurrent is not None:
        return entry.concurrent
    if entry.rpm:
        return entry.rpm
    if entry.tpm:
        return int(entry.tpm / 1000 * 6) or 1
    return settings.concurrent


__all__ = ["Imported", "import_litellm"]
