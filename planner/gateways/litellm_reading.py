"""A LiteLLM proxy configuration as typed data with lines: what it says, what is wrong with it, what was not read.

Comes in: the text of a config.yaml and the environment; goes out: a Configuration, or every problem at once. Values
are taken only from fields that are named here. Values of all other fields, secrets among them, are never kept and
never shown; their places are listed. Source: BerriAI/litellm 1.109.1, proxy/proxy_server.py, types/router.py,
router_python_core.py, utils.py.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from planner.errors import Problem
from planner.gateways.hiding import Veil, kind_of
from planner.gateways.litellm_configuration import WILDCARD, Configuration, ConfigurationError, Entry
from planner.gateways.litellm_settings import read_settings
from planner.gateways.taking import NO_COUNTERPART, Taker
from planner.scenario.paths import Path
from planner.scenario.yaml_nodes import read_yaml


def read_configuration(text: str, file: str, environment: Mapping[str, str]) -> Configuration:
    """The configuration of a text; `environment` gives references os.environ/NAME their values.

    Raises ConfigurationError with every problem: what YAML refuses, what LiteLLM would reject, references without a
    value, strategies without a counterpart.
    """
    document = read_yaml(text, file, is_foreign=True)
    veil = Veil(text, document)
    problems = [veil.over(problem) for problem in document.problems]
    if document.complete and not isinstance(document.value, dict):
        problems.append(
            Problem(
                field="",
                file=file,
                line=1,
                given=kind_of(document.value),
                allowed="a mapping with model_list",
            )
        )
    if not document.complete or not isinstance(document.value, dict):
        raise ConfigurationError(problems, file)
    own = document.value.get("environment_variables")
    variables = {
        **environment,
        **{key: str(value) for key, value in (own if isinstance(own, dict) else {}).items()},
    }
    taker = Taker(document, file, variables, veil, problems)
    entries = _entries(taker, document.value)
    settings = read_settings(taker, document.value)
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


# -- model_list ----------------------------------------------------------------------------------

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


def _entries(taker: Taker, tree: Mapping[str, Any]) -> tuple[Entry, ...]:
    path: Path = ("model_list",)
    given = tree.get("model_list")
    if not isinstance(given, list) or not given:
        if path not in taker.document.unread:
            taker.complain(
                path,
                kind_of(given) if given != [] else "an empty list",
                "a list of deployments with at least one",
            )
        return ()
    found: list[Entry] = []
    for index, item in enumerate(given):
        here = (*path, index)
        if not isinstance(item, dict):
            taker.complain(here, kind_of(item), "a mapping with model_name and litellm_params")
            continue
        entry = _entry(taker, here, item)
        if entry is not None:
            found.append(entry)
    if not found and not taker.problems:
        taker.complain(path, "no deployment that a plan can hold", "at least one model_name of chat models")
    return tuple(found)


def _entry(taker: Taker, path: Path, item: Mapping[str, Any]) -> Entry | None:
    name = taker.word(item, (*path, "model_name"), needed="the name that clients ask for")
    params_at, info_at = (*path, "litellm_params"), (*path, "model_info")
    if not isinstance(item.get("litellm_params"), dict):
        given = item.get("litellm_params")
        taker.complain(params_at, kind_of(given), "a mapping with model")
        return None
    params, info = item["litellm_params"], taker.mapping(item, info_at)
    model = taker.word(params, (*params_at, "model"), needed="such as openai/gpt-4o")
    taker.rest(item, path, {"model_name", "litellm_params", "model_info"}, lambda key: NO_COUNTERPART)
    taker.rest(params, params_at, _PARAMS, lambda key: _REASONS.get(key, NO_COUNTERPART))
    taker.rest(info, info_at, _INFO, lambda key: _REASONS.get(key, NO_COUNTERPART))

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


def _is_planned(taker: Taker, entry: Entry) -> bool:
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


_OTHERS = {
    "general_settings": "how the proxy runs: changes no figure of a plan",
    "include": "deployments of other files: import the whole configuration as one file",
}


def _others(taker: Taker, tree: Mapping[str, Any]) -> None:
    known = ("model_list", "router_settings", "litellm_settings")
    taker.rest(tree, (), known, lambda key: _OTHERS.get(key, NO_COUNTERPART))


__all__ = ["read_configuration"]
