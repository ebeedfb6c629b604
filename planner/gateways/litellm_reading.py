"""A LiteLLM proxy configuration as typed data with lines: what it says, what is wrong with it, what was not read.

Comes in: the text of a config.yaml and the environment; goes out: a Configuration, or every problem at once. Values
are taken only from fields that are named here. Values of all other fields, secrets among them, are never kept and
never shown; their places are listed. Source: BerriAI/litellm 1.109.1, proxy/proxy_server.py, types/router.py,
router_python_core.py, utils.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from planner.errors import Problem, ScenarioError
from planner.scenario.declare import shown
from planner.scenario.paths import Path, closest, render
from planner.scenario.yaml_nodes import Document, read_yaml

VERSION = "1.109.1"
ENVIRONMENT = "os.environ/"
WILDCARD = "*"
STRATEGIES = {
    "simple-shuffle": "weighted",
    "least-busy": "least-busy",
    "latency-based-routing": "lowest-latency",
    "usage-based-routing": "lowest-usage",
    "usage-based-routing-v2": "lowest-usage",
    "cost-based-routing": "cheapest",
}
"""LiteLLM's word: ours for `policy.select`."""

RETRY_CLASSES = (
    "BadRequestErrorRetries",
    "AuthenticationErrorRetries",
    "TimeoutErrorRetries",
    "RateLimitErrorRetries",
    "ContentPolicyViolationErrorRetries",
    "InternalServerErrorRetries",
    "ServiceUnavailableErrorRetries",
    "NotFoundErrorRetries",
    "DefaultRetries",
)
SECRET = re.compile(
    r"(?i)(api_?key|secret|passw|credential|authoriz|bearer|private_key|access_key|master_key|salt|license"
    r"|webhook|connection_string|database_url|redis_url|headers?$|(?<!per)_token$|^token$|^environment_variables$)"
)
_SECRET_LOOKING = re.compile(r"(?i)(sk-|key|secret|token|bearer|://|@|[A-Za-z0-9+/_=-]{33})")
_WRITTEN_SECRET = re.compile(r"(?m)^[\s\-{,\"']*([\w-]+)[\"']?\s*:\s*(.+)$")
_TRUE, _FALSE = ("yes", "y", "on", "true"), ("no", "n", "off", "false")  # YAML 1.1, which LiteLLM reads
_LONGEST_S = 86_400.0


class ConfigurationError(ScenarioError):
    """A configuration that cannot be imported, with every problem that was found in it."""

    def __str__(self) -> str:
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        return "\n".join(
            [*map(str, self.problems), f"{count} {noun} in {self.source}; nothing was imported."]
        )


@dataclass(frozen=True, kw_only=True)
class Unmapped:
    """A place of the configuration that the scenario does not say, or says otherwise, and why."""

    path: Path
    reason: str

    @property
    def place(self) -> str:
        return render(self.path)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One deployment of `model_list`: what a plan can use of it. None stands for what is not given."""

    path: Path
    model_name: str
    model: str
    host: str | None = None  # of api_base, without port, path, user or query
    region: str | None = None
    identity: str | None = None  # model_info.id
    base_model: str | None = None
    mode: str | None = None
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    order: int | None = None
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    retries: int | None = None
    cooldown_s: float | None = None
    concurrent: int | None = None
    input_usd_per_token: Decimal | None = None
    output_usd_per_token: Decimal | None = None
    context_tokens: int | None = None


Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`router_settings` over `litellm_settings`: how the router chooses, retries, gives up and falls back."""

    strategy: str = "simple-shuffle"
    buffer: float | None = None
    samples: int | None = None
    retries: int | None = None
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    retry_after_s: float | None = None
    allowed_fails: int | None = None
    cooldown_s: float | None = None
    has_cooldowns: bool = True
    max_fallbacks: int | None = None
    concurrent: int | None = None
    enforces_limits: bool = False
    fallbacks: Lists = field(default_factory=dict)  # GROUP or *: groups
    context_window: Lists | None = None  # None: not set, so that `fallbacks` count
    content_policy: Lists | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    retry_policy: Mapping[str, int] = field(default_factory=dict)
    group_retry_policies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a configuration says, the places that were not read, and the line of every path.

    `warnings` depend on the environment of this machine and are no part of the scenario.
    """

    file: str
    entries: tuple[Entry, ...]
    settings: Settings
    unmapped: tuple[Unmapped, ...]
    warnings: tuple[str, ...]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int | None:
        """Line of a path, or of the nearest thing around it."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)


def read_configuration(text: str, file: str, environment: Mapping[str, str]) -> Configuration:
    """The configuration of a text; `environment` gives references os.environ/NAME their values.

    Raises ConfigurationError with every problem: what YAML refuses, what LiteLLM would reject, references without a
    value, strategies without a counterpart.
    """
    document = read_yaml(text, file, allows_merges=True)
    veil = _Veil(text, document)
    problems = [veil.over(problem) for problem in document.problems]
    if document.complete and not isinstance(document.value, dict):
        problems.append(
            Problem(
                field="", file=file, line=1, given=_kind(document.value), allowed="a mapping with model_list"
            )
        )
    if not document.complete or not isinstance(document.value, dict):
        raise ConfigurationError(problems, file)
    own = document.value.get("environment_variables")
    variables = {
        **environment,
        **{key: str(value) for key, value in (own if isinstance(own, dict) else {}).items()},
    }
    taker = _Taker(document, file, variables, veil, problems)
    entries = _entries(taker, document.value)
    settings = _settings(taker, document.value)
    _others(taker, document.value)
    if taker.problems:
        order = sorted(taker.problems, key=lambda problem: problem.line or 0)
        raise ConfigurationError(dict.fromkeys(order), file)
    return Configuration(
        file=file,
        entries=entries,
        settings=settings,
        unmapped=tuple(taker.unmapped),
        warnings=tuple(taker.warnings),
        lines=document.lines,
    )


# -- secrets -------------------------------------------------------------------------------------


class _Veil:
    """Keeps secrets out of messages: those of fields with such names, wherever else their text comes up."""

    def __init__(self, text: str, document: Document) -> None:
        found = {value for value in _secrets(document.value, False)}
        for key, written in _WRITTEN_SECRET.findall(
            text
        ):  # of a text that is no YAML, or no value of its own
            if SECRET.search(key):
                found.update(re.findall(r"[^\s\"'{},&*!|>\[\]]+", written))
        self.secrets = sorted((one for one in found if len(one) >= 4), key=lambda one: (-len(one), one))

    def over(self, problem: Problem) -> Problem:
        """A problem of the YAML reader without any value of the file."""
        given = "a value" if problem.given is not None else None
        allowed = (
            None if problem.allowed is None else re.sub(r"'[^']*'", "a text", self.text(problem.allowed))
        )
        if problem.given is not None and re.fullmatch(r"[-+]?0[0-9xXoObB].*", problem.given or ""):
            allowed = "a decimal number, or text in quotes"
        text = None if problem.text is None else self.text(problem.text)
        hint = None if problem.hint is None else self.text(problem.hint)
        return replace(
            problem, given=given, allowed=allowed, text=text, hint=hint, field=self.text(problem.field)
        )

    def text(self, text: str) -> str:
        """A message without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "(hidden)")
        return text

    def shown(self, value: Any) -> str:
        """A value of a field that is no secret, unless it looks like one."""
        if isinstance(value, str) and (_SECRET_LOOKING.search(value) or self.text(value) != value):
            return f"a text of {len(value)} characters"
        if isinstance(value, dict | list):
            return _kind(value)
        return shown(value)


def _secrets(value: Any, is_secret: bool) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, is_secret or SECRET.search(key) is not None)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, is_secret)
    elif is_secret and isinstance(value, str) and not value.startswith(ENVIRONMENT):
        yield value


def _kind(value: Any) -> str:
    names = {
        dict: "a mapping",
        list: "a list",
        str: "a text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "nothing")


# -- typed values --------------------------------------------------------------------------------


@dataclass
class _Taker:
    """Takes typed values out of a plain tree; what is wrong, and what was left, is noted."""

    document: Document
    file: str
    environment: dict[str, str]
    veil: _Veil
    problems: list[Problem]
    unmapped: list[Unmapped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        lines = self.document.lines
        return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)

    def complain(self, path: Path, given: str, allowed: str, hint: str | None = None) -> None:
        if path not in self.document.unread:  # told as YAML already
            self.problems.append(
                Problem(
                    field=self.veil.text(render(path)),
                    file=self.file,
                    line=self.line(path),
                    given=given,
                    allowed=allowed,
                    hint=hint,
                )
            )

    def leave(self, path: Path, reason: str) -> None:
        self.unmapped.append(Unmapped(path=path, reason=reason))

    def value(self, tree: Mapping[str, Any], path: Path) -> tuple[Any, bool]:
        """(value at the last step of a path, whether it comes from the environment); None where there is none."""
        given = tree.get(str(path[-1]))
        if not isinstance(given, str) or not given.startswith(ENVIRONMENT):
            return given, False
        name = given.removeprefix(ENVIRONMENT)
        found = self.environment.get(name)
        if not found:
            self.complain(
                path,
                self.veil.text(f"{ENVIRONMENT}{name}"),
                "a value, or a variable of the environment that has one",
                self.veil.text(f"set {name}, or give --env {name}=VALUE"),
            )
            return None, True
        return found, True

    def told(self, value: Any, is_hidden: bool) -> str:
        return "the value of a variable of the environment" if is_hidden else self.veil.shown(value)

    def number(
        self, tree: Mapping[str, Any], path: Path, low: float = 0, *, whole: bool = False, unit: str = ""
    ) -> float | None:
        """A number >= low, as LiteLLM takes it: digits in quotes, too; `whole` numbers are given as such."""
        value, is_hidden = self.value(tree, path)
        if value is None:
            return None
        found = _number(value)
        if found is None or found < low or (whole and not found.is_integer()):
            noun = "whole number" if whole else "number"
            self.complain(
                path, self.told(value, is_hidden), f"{noun} >= {low:g}{f' ({unit})' if unit else ''}"
            )
            return None
        return found

    def count(self, tree: Mapping[str, Any], path: Path, low: float = 0, unit: str = "") -> int | None:
        found = self.number(tree, path, low, whole=True, unit=unit)
        return None if found is None else int(found)

    def time_s(self, tree: Mapping[str, Any], path: Path) -> float | None:
        """Seconds; 0 is none, as LiteLLM has it, and what is longer than a day counts as one."""
        found = self.number(tree, path, unit="s")
        if found is not None and found > _LONGEST_S:
            self.leave(path, f"longer than a day: {_LONGEST_S:g} s are taken")
            return _LONGEST_S
        return found or None

    def amount(self, tree: Mapping[str, Any], path: Path) -> Decimal | None:
        value, is_hidden = self.value(tree, path)
        found = _number(value)
        if value is None:
            return None
        if found is None or not 0 <= found <= 1:
            self.complain(path, self.told(value, is_hidden), "number 0 to 1 (USD per token)")
            return None
        try:
            return Decimal(repr(value) if isinstance(value, float) else str(value))
        except InvalidOperation:
            return Decimal(repr(found))

    def flag(self, tree: Mapping[str, Any], path: Path) -> bool | None:
        value, is_hidden = self.value(tree, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
            return value.lower() in _TRUE
        self.complain(path, self.told(value, is_hidden), "true or false")
        return None

    def word(self, tree: Mapping[str, Any], path: Path, *, needed: str = "") -> str | None:
        """Text that is not empty; `needed` says what for, where LiteLLM cannot do without."""
        value, is_hidden = self.value(tree, path)
        if isinstance(value, int | float) and not isinstance(value, bool) and not needed:
            return str(value)
        if isinstance(value, str) and value.strip():
            return value
        missing = value is None and not is_hidden
        if (missing and needed) or value is not None:
            self.complain(
                path, "nothing" if missing else self.told(value, is_hidden), f"text{needed and f', {needed}'}"
            )
        return None

    def mapping(self, tree: Mapping[str, Any], path: Path, allowed: str = "a mapping") -> dict[str, Any]:
        value = tree.get(str(path[-1]))
        if value is None or isinstance(value, dict):
            return value or {}
        self.complain(path, _kind(value), allowed)
        return {}

    def rest(
        self, tree: Mapping[str, Any], path: Path, known: Iterable[str], reason: Callable[[str], str]
    ) -> None:
        """List all fields of a mapping that are not known, with the reason; values are not looked at."""
        for key, value in tree.items():
            if key in known or value is None:
                continue
            is_secret = SECRET.search(key) is not None
            self.leave((*path, key), SECRET_REASON if is_secret else reason(key))
            if isinstance(value, str) and value.startswith(ENVIRONMENT):
                name = value.removeprefix(ENVIRONMENT)
                if not self.environment.get(name):
                    line = self.line((*path, key))
                    place = f"{self.file}:{line}" if line is not None else self.file
                    self.warnings.append(
                        self.veil.text(
                            f"{place}: {render((*path, key))}: {value} has no value here; it is not needed for a "
                            "plan, and LiteLLM would have to do without"
                        )
                    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not re.fullmatch(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*", value):
            return None
        value = float(value)
    if isinstance(value, int | float) and abs(value) <= 1e15:
        return float(value)
    return None


# -- model_list ----------------------------------------------------------------------------------

SECRET_REASON = "a secret, or may hold one: never kept, shown or exported"
_PARAMS = {
    "model", "custom_llm_provider", "api_base", "base_url", "region_name", "aws_region_name", "vertex_location",
    "watsonx_region_name", "weight", "rpm", "tpm", "order", "timeout", "stream_timeout", "num_retries",
    "cooldown_time", "max_parallel_requests", "input_cost_per_token", "output_cost_per_token",
}  # fmt: skip
_INFO = {
    "id", "base_model", "mode", "input_cost_per_token", "output_cost_per_token", "max_input_tokens",
    "order",
}  # fmt: skip
_REASONS = {
    "api_version": "a version of the provider's API: changes no figure of a plan",
    "organization": "an account at the provider that bears no name in a plan",
    "max_retries": "the router gives the SDK below no retries of its own",
    "itpm": "a limit of input tokens that the gateway keeps: give deployments.X.limits",
    "otpm": "a limit of output tokens that the gateway keeps: give deployments.X.limits",
    "tpd": "a cap of a day: give deployments.X.limits.tokens_per_day",
    "rpd": "a cap of a day: give deployments.X.limits.requests_per_day",
    "tags": "tags decide by request who may answer; rules of a strategy are the nearest",
    "tag_regex": "tags decide by request who may answer; rules of a strategy are the nearest",
    "max_budget": "a budget takes a deployment out when it is spent; the plan has finance.budget_usd_per_month",
    "budget_duration": "a budget takes a deployment out when it is spent",
    "mock_response": "a deployment that answers by itself; here its model is planned",
    "max_tokens": "a cap on answers: give tasks.X.max_output_tokens",
    "timeout_by_service_tier": "a timeout by kind of request; the plan has one for each deployment",
    "stream_timeout_by_service_tier": "a timeout by kind of request; the plan has one for each deployment",
}  # fmt: skip
_NO_COUNTERPART = "no counterpart in the scenario language"


def _entries(taker: _Taker, tree: Mapping[str, Any]) -> tuple[Entry, ...]:
    path: Path = ("model_list",)
    given = tree.get("model_list")
    if not isinstance(given, list) or not given:
        if path not in taker.document.unread:
            taker.complain(
                path,
                _kind(given) if given != [] else "an empty list",
                "a list of deployments with at least one",
            )
        return ()
    found: list[Entry] = []
    for index, item in enumerate(given):
        here = (*path, index)
        if not isinstance(item, dict):
            taker.complain(here, _kind(item), "a mapping with model_name and litellm_params")
            continue
        entry = _entry(taker, here, item)
        if entry is not None:
            found.append(entry)
    if not found and not taker.problems:
        taker.complain(path, "no deployment that a plan can hold", "at least one model_name of chat models")
    return tuple(found)


def _entry(taker: _Taker, path: Path, item: Mapping[str, Any]) -> Entry | None:
    name = taker.word(item, (*path, "model_name"), needed="the name that clients ask for")
    params_at, info_at = (*path, "litellm_params"), (*path, "model_info")
    if not isinstance(item.get("litellm_params"), dict):
        given = item.get("litellm_params")
        taker.complain(params_at, _kind(given), "a mapping with model")
        return None
    params, info = item["litellm_params"], taker.mapping(item, info_at)
    model = taker.word(params, (*params_at, "model"), needed="such as openai/gpt-4o")
    taker.rest(item, path, {"model_name", "litellm_params", "model_info"}, lambda key: _NO_COUNTERPART)
    taker.rest(params, params_at, _PARAMS, lambda key: _REASONS.get(key, _NO_COUNTERPART))
    taker.rest(info, info_at, _INFO, lambda key: _REASONS.get(key, _NO_COUNTERPART))

    def param(key: str) -> Path:
        return (*params_at, key)

    bases = [key for key in ("api_base", "base_url") if params.get(key) is not None]
    regions = [
        key
        for key in ("region_name", "aws_region_name", "vertex_location", "watsonx_region_name")
        if params.get(key) is not None
    ]
    base = taker.word(params, param(bases[0])) if bases else None
    region = taker.word(params, param(regions[0])) if regions else None
    for key in (*bases[1:], *regions[1:]):
        taker.leave(param(key), "given twice under another name; the first counts")
    order = taker.number(params, param("order"), -1e9, whole=True)
    if order is None and info.get("order") is not None:
        order = taker.number(info, (*info_at, "order"), -1e9, whole=True)
    costs = []
    for key in ("input_cost_per_token", "output_cost_per_token"):
        cost = taker.amount(params, param(key))
        if info.get(key) is not None:
            if params.get(key) is None:
                cost = taker.amount(info, (*info_at, key))
            else:
                taker.leave((*info_at, key), "litellm_params has a price that counts first")
        costs.append(cost)
    entry = Entry(
        path=path,
        model_name=name or "",
        model=_prefixed(model or "", taker.word(params, param("custom_llm_provider"))),
        host=_host(base),
        region=region,
        identity=taker.word(info, (*info_at, "id")),
        base_model=taker.word(info, (*info_at, "base_model")),
        mode=taker.word(info, (*info_at, "mode")),
        weight=taker.number(params, param("weight"), unit="weight"),
        rpm=taker.count(params, param("rpm"), unit="requests/min"),
        tpm=taker.count(params, param("tpm"), unit="tokens/min"),
        order=None if order is None else int(order),
        timeout_s=taker.time_s(params, param("timeout")),
        stream_timeout_s=taker.time_s(params, param("stream_timeout")),
        retries=taker.count(params, param("num_retries"), unit="retries"),
        cooldown_s=taker.time_s(params, param("cooldown_time")),
        concurrent=taker.count(params, param("max_parallel_requests"), 1, unit="calls"),
        input_usd_per_token=costs[0],
        output_usd_per_token=costs[1],
        context_tokens=taker.count(info, (*info_at, "max_input_tokens"), 1, unit="tokens"),
    )
    return entry if name and model and _is_planned(taker, entry) else None


def _is_planned(taker: _Taker, entry: Entry) -> bool:
    """Whether an entry is a deployment of a model that chats; the others are listed."""
    if WILDCARD in entry.model_name or WILDCARD in entry.model:
        taker.leave(entry.path, "a wildcard serves any model that is asked for; name the models to plan them")
        return False
    if re.match(r"(auto_router|complexity_router|adaptive_router|quality_router)/", entry.model):
        taker.leave(entry.path, "a router by content; the planner's are strategies.X.router")
        return False
    if entry.mode not in (None, "chat", "completion", "responses"):
        taker.leave(entry.path, f"mode {taker.veil.shown(entry.mode)}: no model that answers in text")
        return False
    return True


def _prefixed(model: str, provider: str | None) -> str:
    """A model with its provider in front, where custom_llm_provider tells one."""
    return model if provider is None or model.startswith(f"{provider}/") else f"{provider}/{model}"


def _host(base: str | None) -> str | None:
    """Name of the machine in an address, lower case; None where there is none. Nothing else of it is kept."""
    if base is None:
        return None
    try:
        return urlsplit(base if "//" in base else f"//{base}").hostname
    except ValueError:
        return None


# -- settings ------------------------------------------------------------------------------------

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


def _settings(taker: _Taker, tree: Mapping[str, Any]) -> Settings:
    router_at, litellm_at = ("router_settings",), ("litellm_settings",)
    router, litellm = taker.mapping(tree, router_at), taker.mapping(tree, litellm_at)
    for key in _MISPLACED:
        if key in router:
            taker.complain((*router_at, key), f"{key} under router_settings", "it under general_settings")
    taker.rest(
        router, router_at, {*_ROUTER, *_MISPLACED}, lambda key: _ROUTER_REASONS.get(key, _NO_COUNTERPART)
    )
    taker.rest(litellm, litellm_at, _LITELLM, lambda key: _LITELLM_REASONS.get(key, _NO_COUNTERPART))

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


def _strategy(taker: _Taker, router: Mapping[str, Any], path: Path) -> str:
    found = taker.word(router, path)
    if found is None or found in STRATEGIES:
        return found or "simple-shuffle"
    hint = closest(found, STRATEGIES)
    taker.complain(
        path, taker.veil.shown(found), ", ".join(STRATEGIES), hint if hint and "mean" in hint else None
    )
    return "simple-shuffle"


def _checks(taker: _Taker, router: Mapping[str, Any], path: Path) -> bool:
    """Whether the gateway itself enforces rpm and tpm; other checks before a call are listed."""
    given = router.get("optional_pre_call_checks")
    if given is None:
        return False
    if not isinstance(given, list):
        taker.complain(path, _kind(given), "a list of names of checks")
        return False
    for index, check in enumerate(given):
        if check != "enforce_model_rate_limits":
            taker.leave((*path, index), "no check of this kind is made before a call here")
    return "enforce_model_rate_limits" in given


def _names(taker: _Taker, given: Any, path: Path) -> tuple[str, ...] | None:
    """A list of model names; an item may be a mapping with model and overrides, which are listed."""
    if given is None:
        return None
    if not isinstance(given, list):
        taker.complain(path, _kind(given), "a list of model names")
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
            taker.complain(here, _kind(item), "a model name")
    return tuple(dict.fromkeys(found))


def _both_lists(
    taker: _Taker, router: Mapping[str, Any], litellm: Mapping[str, Any], key: str
) -> dict[str, tuple[str, ...]] | None:
    own = _lists(taker, router, ("router_settings", key))
    other = _lists(taker, litellm, ("litellm_settings", key))
    if own and other:
        taker.leave(("litellm_settings", key), f"router_settings.{key} counts first")
    return own or other


def _lists(taker: _Taker, tree: Mapping[str, Any], path: Path) -> dict[str, tuple[str, ...]] | None:
    """`[{GROUP: [GROUP, ...]}, ...]`; of two entries the first counts, of two for * the last, as in LiteLLM."""
    given = tree.get(str(path[-1]))
    if given is None:
        return None
    if not isinstance(given, list):
        taker.complain(path, _kind(given), "a list such as [{gpt-4o: [gpt-4o-mini]}]")
        return None
    found: dict[str, tuple[str, ...]] = {}
    for index, item in enumerate(given):
        here = (*path, index)
        if not isinstance(item, dict) or len(item) != 1:
            count = f"a mapping with {len(item)} keys" if isinstance(item, dict) else _kind(item)
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


def _aliases(taker: _Taker, router: Mapping[str, Any], path: Path) -> dict[str, str]:
    """`{ALIAS: GROUP}` or `{ALIAS: {model: GROUP, hidden: ...}}`."""
    found = {}
    for alias, target in taker.mapping(router, path).items():
        here = (*path, alias)
        if isinstance(target, dict):
            taker.rest(target, here, {"model", "hidden"}, lambda key: _NO_COUNTERPART)
            target = target.get("model")
        if isinstance(target, str) and target:
            found[alias] = target
        else:
            taker.complain(here, _kind(target), "a model_name of model_list")
    return found


def _retry_policy(taker: _Taker, tree: Mapping[str, Any], path: Path) -> dict[str, int]:
    given = taker.mapping(tree, path)
    taker.rest(given, path, RETRY_CLASSES, lambda key: "no class of exceptions of LiteLLM's RetryPolicy")
    counts = {key: taker.count(given, (*path, key)) for key in RETRY_CLASSES if key in given}
    return {key: count for key, count in counts.items() if count is not None}


_OTHERS = {
    "general_settings": "how the proxy runs: changes no figure of a plan",
    "include": "deployments of other files: import the whole configuration as one file",
}


def _others(taker: _Taker, tree: Mapping[str, Any]) -> None:
    known = ("model_list", "router_settings", "litellm_settings")
    taker.rest(tree, (), known, lambda key: _OTHERS.get(key, _NO_COUNTERPART))


__all__ = [
    "ENVIRONMENT",
    "STRATEGIES",
    "VERSION",
    "Configuration",
    "ConfigurationError",
    "Entry",
    "Settings",
    "Unmapped",
    "read_configuration",
]
