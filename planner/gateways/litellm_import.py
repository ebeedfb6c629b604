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
    Lists,
    Settings,
    Unmapped,
)
from planner.gateways.litellm_models import (
    PROVIDERS,
    Target,
    account,
    group_named,
    labelled,
    own_server,
    target,
)
from planner.gateways.litellm_reading import read_configuration
from planner.gateways.naming import free_name, one_line, slug_of
from planner.gateways.yaml_text import comment, yaml_text
from planner.scenario.checks_fallbacks import MOST_GROUPS
from planner.scenario.checks_strategies import MOST_CALLS, MOST_EQUALS
from planner.scenario.paths import Path, render
from planner.scenario.policy import Policy

NAME = "Imported LiteLLM configuration"
TASK = "chat"
REQUESTS_PER_MONTH = 1_000_000
SIZES = {"input_tokens": {"p50": 420, "p95": 1600}, "output_tokens": {"p50": 110, "p95": 380}}
LATENCY = {"ttft_s": {"p50": 0.5, "p95": 1.5}, "tokens_per_s": 50}
PRICES = ("input_usd_per_mtok", "output_usd_per_mtok")
PRESET_RETRIES, PRESET_TIMEOUT_S, PRESET_OPEN_S, PRESET_FALLBACKS, PRESET_BASE_S = 2, 6000, 5, 5, 0.5
LONGEST_WAIT_S = 8  # of LiteLLM's backoff
MOST_RETRIES, MOST_FALLBACKS, MOST_PER_MINUTE, MOST_CONCURRENT, MOST_WEIGHT = 100, 20, 10**9, 10**6, 1e6


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
        retries = self._retries(levels)
        self._weigh(levels)
        deployments = {}
        for entry in self.given.entries:
            deployments[self.names[id(entry)]] = self._deployment(entry, plan, retries)
        strategies = self._strategies(levels)
        policy = self._policy(retries)
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

    def _at(self, key: str, group: str | None = None) -> Path:
        """Where a setting stands, or the entry of a group in a list of fallbacks."""
        sections = ("router_settings", "litellm_settings")
        section = next((one for one in sections if (one, key) in self.given.lines), sections[0])
        if group is not None:
            entries = (path for path in self.given.lines if len(path) == 4 and path[:2] == (section, key))
            return next((path for path in entries if path[3] == group), (section, key))
        return (section, key)

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
        for level in found:
            if len(level) > MOST_EQUALS:
                self.complain(
                    level[MOST_EQUALS].path,
                    f"{len(level)} equals of one order",
                    f"at most {MOST_EQUALS} of an order",
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

    def _retries(self, levels: Mapping[str, list[list[Entry]]]) -> int:
        """Retries that the planner's bound on calls of one request leaves, where each target has its own."""
        wanted = PRESET_RETRIES if self.given.settings.retries is None else self.given.settings.retries
        path = self._at("num_retries")
        self._most_retries = MOST_RETRIES
        for group in self.groups:
            count = sum(len(self.groups[name]) for name in self._graph(group)[0])
            if count > MOST_CALLS:
                self.complain(
                    ("model_list",), f"{count} deployments that a request may meet", f"at most {MOST_CALLS}"
                )
                return wanted
            self._most_retries = min(self._most_retries, MOST_CALLS // count - 1)
        if wanted > self._most_retries:
            self.leave(
                path,
                f"{self._most_retries} retries are taken, as each deployment makes its own here and one request may "
                f"make at most {MOST_CALLS} calls",
            )
        return min(wanted, self._most_retries)

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
        policy = self._own_policy(entry, retries)
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

    def _own_policy(self, entry: Entry, retries: int) -> dict[str, Any]:
        settings, params = self.given.settings, (*entry.path, "litellm_params")
        found: dict[str, Any] = {}
        own_s = entry.timeout_s or entry.stream_timeout_s
        if entry.stream_timeout_s is not None:
            self._tell_stream((*params, "stream_timeout"), entry.timeout_s)
        if own_s is not None and own_s != (self._timeout_s() or PRESET_TIMEOUT_S):
            found["timeout_s"] = own_s
        if entry.retries is not None:
            if entry.retries > self._most_retries:
                self.leave(
                    (*params, "num_retries"),
                    f"{self._most_retries} retries are taken, the most that the plan allows",
                )
            if min(entry.retries, self._most_retries) != retries:
                found["retries"] = min(entry.retries, self._most_retries)
        if entry.cooldown_s is not None:
            if settings.has_cooldowns:
                found["breaker"] = self._breaker(entry.cooldown_s) | {"honours_retry_after": False}
            else:
                self.leave(
                    (*params, "cooldown_time"), "router_settings.disable_cooldowns: nothing cools down"
                )
        policy = settings.group_retry_policies.get(entry.model_name)
        if policy:
            found |= _newer(
                self._retries_after(policy, ("router_settings", "model_group_retry_policy", entry.model_name))
            )
        return found

    def _tell_stream(self, path: Path, other_s: float | None) -> None:
        if other_s is not None:
            self.leave(
                path,
                "a timeout to the first chunk and between chunks; here timeout counts, of the whole call",
            )
        else:
            self.leave(path, "a timeout to the first chunk and between chunks; here it is of the whole call")

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
        reached, edges = self._graph(name)
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

    def _lists_of(self, group: str) -> dict[str, tuple[str, ...] | None]:
        """GROUP's fallbacks by class of failure, as groups of the file; None: as any."""
        settings = self.given.settings

        def of(lists: Lists) -> tuple[str, ...]:
            names = lists.get(group, lists.get(WILDCARD, ()))
            groups = [settings.aliases.get(name, name) if name not in self.groups else name for name in names]
            return tuple(dict.fromkeys(one for one in groups if one in self.groups and one != group))

        return {
            "any": of(settings.fallbacks),
            "context_window": None if settings.context_window is None else of(settings.context_window),
            "content_policy": None if settings.content_policy is None else of(settings.content_policy),
        }

    def _graph(self, root: str) -> tuple[list[str], dict[str, dict[str, tuple[str, ...] | None]]]:
        """Groups that a request for `root` may come to, and their fallbacks without ways back.

        LiteLLM passes over a target that the request has met; a fallback to a group before it on the way is left out.
        """
        edges: dict[str, dict[str, tuple[str, ...] | None]] = {}
        order: list[str] = []
        state: dict[str, bool] = {}  # GROUP: whether all that follows it is done
        stack: list[tuple[str, Iterator[str]]] = []

        def enter(group: str) -> None:
            state[group] = False
            order.append(group)
            edges[group] = self._lists_of(group)
            names = dict.fromkeys(one for names in edges[group].values() for one in names or ())
            stack.append((group, iter(names)))

        enter(root)
        while stack:
            group, following = stack[-1]
            other = next(following, None)
            if other is None:
                state[group] = True
                stack.pop()
            elif other not in state:
                enter(other)
            elif not state[other]:
                edges[group] = {
                    key: None if names is None else tuple(one for one in names if one != other)
                    for key, names in edges[group].items()
                }
        return order, edges

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
                    self.leave(self._at(key, group), "of no model_name that was imported")
                    continue
                for name in names:
                    if settings.aliases.get(name, name) not in self.groups and name not in self.groups:
                        self.leave(
                            self._at(key, group), f"{one_line(name)} is no model_name that was imported"
                        )
        for root in self.groups:
            reached, edges = self._graph(root)
            for group in reached:
                before, after = self._lists_of(group), edges[group]
                if before != after:
                    self.leave(
                        self._at("fallbacks", group),
                        f"under {one_line(root)} it does not lead back to what was asked before, which LiteLLM passes over too",
                    )

    # -- policy --------------------------------------------------------------------------------

    def _timeout_s(self) -> float | None:
        settings = self.given.settings
        return settings.timeout_s or settings.stream_timeout_s

    def _breaker(self, open_s: float | None) -> dict[str, Any]:
        settings = self.given.settings
        found: dict[str, Any] = {"kind": "cooldown", "open_s": open_s or settings.cooldown_s or PRESET_OPEN_S}
        if settings.allowed_fails is not None:
            found["allowed_fails"] = min(settings.allowed_fails, 10**6)
        return found

    def _policy(self, retries: int) -> dict[str, Any]:
        """The policy of all strategies: LiteLLM's preset, and beside it what the configuration says otherwise."""
        settings = self.given.settings
        select = STRATEGIES[settings.strategy]
        found: dict[str, Any] = {"preset": "litellm"}
        if select != "weighted":
            found["select"] = select
        if select == "lowest-latency":
            own = {"buffer": settings.buffer, "samples": settings.samples}
            given = {key: value for key, value in own.items() if value is not None}
            found |= {"lowest_latency": _bounded(given)} if given else {}
            if _bounded(given) != given:
                self.leave(
                    ("router_settings", "routing_strategy_args"),
                    "taken up to the largest values of the language",
                )
        if select == "lowest-usage":
            found["lowest_usage"] = {"off_by_one": True}
        if retries != PRESET_RETRIES:
            found["retries"] = retries
        if settings.stream_timeout_s is not None:
            self._tell_stream(("router_settings", "stream_timeout"), settings.timeout_s)
        timeout_s = self._timeout_s()
        if timeout_s is not None and timeout_s != PRESET_TIMEOUT_S:
            found["timeout_s"] = timeout_s
        if settings.max_fallbacks is not None and settings.max_fallbacks > MOST_FALLBACKS:
            self.leave(
                self._at("max_fallbacks"),
                f"{MOST_FALLBACKS} are taken, the most that the plan allows",
            )
        most = (
            PRESET_FALLBACKS
            if settings.max_fallbacks is None
            else min(settings.max_fallbacks, MOST_FALLBACKS)
        )
        if most != PRESET_FALLBACKS:
            found["max_fallbacks"] = most
        if not settings.has_cooldowns:
            found["breaker"] = None
            for key in ("cooldown_time", "allowed_fails"):
                if self.given.line(("router_settings",)) and ("router_settings", key) in self.given.lines:
                    self.leave(("router_settings", key), "disable_cooldowns: nothing cools down")
        elif (breaker := self._breaker(None)) != {"kind": "cooldown", "open_s": PRESET_OPEN_S}:
            found["breaker"] = breaker
        wait_s = settings.retry_after_s
        if wait_s is not None and wait_s > PRESET_BASE_S:
            base_s = min(wait_s, LONGEST_WAIT_S)
            found["backoff"] = {
                "kind": "litellm",
                "base_s": base_s,
                "cap_s": LONGEST_WAIT_S,
                "jitter_s": 0.75,
            }
            if base_s < LONGEST_WAIT_S:
                self.leave(
                    ("router_settings", "retry_after"),
                    "here waits double from it on; in LiteLLM they stay at it until 0.5, 1, 2, 4 s have passed it",
                )
        return found | _newer(self._newer_fields())

    # Fields that the language does not have yet: each is written as soon as `Policy` has it. Until then what the
    # configuration says of them is listed, and `policies.yaml` says what LiteLLM does otherwise.

    def _newer_fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "retry_target": "reselect",
            "sibling_wait": "none",
            "retry_after_jitter_s": 0.75,
            "honours_retry_after": True,
        }
        if self.given.settings.retry_policy:
            found |= self._retries_after(
                self.given.settings.retry_policy, ("router_settings", "retry_policy")
            )
        return found

    def _retries_after(self, policy: Mapping[str, int], path: Path) -> dict[str, Any]:
        """`retries_after` of a RetryPolicy: after errors, limits and timeouts; other exceptions are listed."""
        if "retries_after" not in Policy.model_fields:
            self.leave(path, "counts of retries by exception; the plan has one, policy.retries")
            return {}
        wanted = {
            "error": ("InternalServerErrorRetries", "ServiceUnavailableErrorRetries"),
            "limited": ("RateLimitErrorRetries",),
            "timeout": ("TimeoutErrorRetries",),
        }
        found, used = {}, set()
        for word, names in wanted.items():
            name = next((one for one in (*names, "DefaultRetries") if one in policy), None)
            if name is not None:
                found[word] = min(policy[name], self._most_retries)
                used.add(name)
        for name in policy:
            if name not in used:
                self.leave((*path, name), "retries after this exception have no count of their own here")
        return {"retries_after": found} if found else {}


def _newer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some fields that the language has, and that the preset does not fill already."""
    from planner.catalogue.policies import preset

    filled = preset("litellm").policy
    return {
        key: value for key, value in fields.items() if key in Policy.model_fields and filled.get(key) != value
    }


def _bounded(given: Mapping[str, Any]) -> dict[str, Any]:
    most = {"buffer": 100.0, "samples": 100}
    return {key: min(value, most[key]) for key, value in given.items()}


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
