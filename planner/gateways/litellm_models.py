"""LiteLLM's model names <-> providers and models of the catalogue.

Comes in: `azure/gpt-4o`, `bedrock/meta.llama3-1-8b-instruct-v1:0` and the like; goes out: who serves it and which model
of the catalogue it is, as far as both are known. Prefixes: litellm 1.109.1, types/utils.py (LlmProviders).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from planner.scenario.strategies import TIER_GROUPS

PROVIDERS = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "azure": "azure",
    "azure_ai": "azure",
    "anthropic": "anthropic",
    "gemini": "google",
    "vertex_ai": "google",
    "mistral": "mistral",
    "groq": "groq",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "deepinfra": "deepinfra",
    "cerebras": "cerebras",
    "anyscale": "anyscale",
    "replicate": "replicate",
    "perplexity": "perplexity",
}
"""LiteLLM's prefix: provider of the catalogue."""

OTHER_PREFIXES = {
    "ai21", "aiohttp_openai", "azure_text", "baseten", "clarifai", "cloudflare", "codestral", "cohere", "cohere_chat",
    "custom", "custom_openai", "databricks", "deepseek", "docker_model_runner", "empower", "featherless_ai",
    "friendliai", "github", "github_copilot", "gigachat", "hosted_vllm", "huggingface", "hyperbolic", "infinity",
    "lambda_ai", "lemonade", "litellm_proxy", "llamafile", "lm_studio", "meta_llama", "moonshot", "nebius", "nlp_cloud",
    "novita", "nscale", "nvidia_nim", "ollama", "ollama_chat", "oobabooga", "openai_like", "openrouter", "ovhcloud",
    "palm", "petals", "predibase", "sagemaker", "sagemaker_chat", "sambanova", "snowflake", "text-completion-codestral",
    "triton", "v0", "vercel_ai_gateway", "vllm", "volcengine", "voyage", "watsonx", "watsonx_text", "xai", "xinference",
    "zai", "dashscope", "minimax", "aleph_alpha", "maritalk", "topaz", "galadriel", "bytez", "heroku", "oci", "sap",
}  # fmt: skip
OWN_SERVERS = {
    "hosted_vllm", "vllm", "ollama", "ollama_chat", "llamafile", "lm_studio", "xinference", "triton", "oobabooga",
    "docker_model_runner", "lemonade", "openai_like", "custom_openai", "aiohttp_openai", "infinity",
}  # fmt: skip
PREFIX_OF = {
    provider: prefix
    for prefix, provider in PROVIDERS.items()
    if prefix not in ("text-completion-openai", "azure_ai", "vertex_ai", "bedrock_converse")
}
_PUBLIC_HOSTS = {
    "openai": ("api.openai.com",),
    "anthropic": ("api.anthropic.com",),
    "mistral": ("api.mistral.ai",),
    "groq": ("api.groq.com",),
}
_AZURE_RESOURCE = (
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
    ".ai.azure.com",
)
_AZURE_REGION = ".api.cognitive.microsoft.com"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Who serves a model, as far as the catalogue knows.

    `provider` is None for own servers and providers that it does not know, `record` the catalogue's name of the
    model or None, `name` the model's name without LiteLLM's prefix.
    """

    provider: str | None
    record: str | None
    name: str
    prefix: str | None
    is_own_server: bool = False


def target(model: str, host: str | None = None, base: str | None = None) -> Target:
    """Provider and model of a LiteLLM model name.

    `host` is that of api_base, `base` model_info.base_model, which names the model behind a deployment of any name.

    >>> target("azure/gpt-4o").provider, target("azure/gpt-4o").record
    ('azure', 'gpt-4o')
    >>> target("bedrock/us.meta.llama3-1-8b-instruct-v1:0").record
    'llama-3.1-8b-instruct'
    >>> target("hosted_vllm/our-8b").record is None
    True
    """
    first, slash, rest = model.partition("/")
    prefix, name = None, model
    if slash and (first in PROVIDERS or first in OTHER_PREFIXES):
        prefix, name = first, rest
    record = _record(_last(base) if base else name, prefix)
    if prefix is None:
        return Target(provider=_home(record), record=record, name=name, prefix=None)
    served = PROVIDERS.get(prefix)
    public = _PUBLIC_HOSTS.get(served or "")
    is_own = prefix in OWN_SERVERS or (host is not None and public is not None and not _is_of(host, public))
    return Target(
        provider=None if is_own else served,
        record=record,
        name=name,
        prefix=prefix,
        is_own_server=is_own,
    )


def _is_of(host: str, public: tuple[str, ...]) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in public)


def needs_address(prefix: str) -> bool:
    """Whether a server of one's own can stand behind a prefix, so that only an address tells where it is."""
    return prefix in OWN_SERVERS or PROVIDERS.get(prefix, "") in _PUBLIC_HOSTS


def account(served: Target, host: str | None, region: str | None) -> str | None:
    """Where a deployment stands: the resource or region in an address of Azure; elsewhere the region given.

    >>> account(target("azure/gpt-4o"), "our-eu.openai.azure.com", None)
    'our-eu'
    """
    if served.provider != "azure":
        return region
    for ending in (*_AZURE_RESOURCE, _AZURE_REGION):
        if host is not None and host.endswith(ending) and len(host) > len(ending):
            return host.removesuffix(ending)
    return None


def own_server(model: str) -> str:
    """Name of a model under a provider's prefix that somebody else serves."""
    return f"{model} (own server)"


def labelled(model: str, where: str) -> str:
    """A deployment's label: LiteLLM's name of the model and where it stands."""
    return f"{model} ({where})"


def of_label(label: str) -> tuple[str, str | None]:
    """(LiteLLM's name of a model, where it stands) of a label.

    >>> of_label(labelled("azure/gpt-4o", "our-eu"))
    ('azure/gpt-4o', 'our-eu')
    """
    found = re.fullmatch(r"(\S+) \(([^()]+)\)", label)
    return (label, None) if found is None else (found[1], found[2])


_TIER_LIKE = re.compile(rf"({'|'.join(TIER_GROUPS)})(-group)*")


def group_named(strategy: str) -> str:
    """Name of a group for a strategy's name: omni and mini are tiers, so no further group may be called so.

    >>> group_named("mini"), group_named("mini-group"), group_named("spare")
    ('mini-group', 'mini-group-group', 'spare')
    """
    return f"{strategy}-group" if _TIER_LIKE.fullmatch(strategy) else strategy


def strategy_named(group: str) -> str:
    """The inverse of `group_named`."""
    return group.removesuffix("-group") if _TIER_LIKE.fullmatch(group) else group


def is_listed(model: str) -> bool:
    """Whether a name is one of the catalogue's."""
    from planner.catalogue import models

    return model in models.names()


def _last(model: str) -> str:
    """A name without the prefixes before it."""
    return model.rpartition("/")[2]


def _home(record: str | None) -> str | None:
    from planner.catalogue import models

    return None if record is None else models.model(record).home_provider


def _record(name: str, prefix: str | None) -> str | None:
    """The catalogue's name of a model, of several spellings the first that it knows."""
    from planner.catalogue import models

    known = models.names()
    for one in _spellings(name, prefix):
        if one in known:
            return one
    return None


def _spellings(name: str, prefix: str | None) -> Iterator[str]:
    yield name
    short = _last(name).lower()
    yield short
    if prefix in ("bedrock", "bedrock_converse"):
        short = re.sub(r"^(us|eu|apac|global|us-gov)\.", "", short)
        short = re.sub(r"^(anthropic|meta|mistral|cohere|amazon|google|openai)\.", "", short)
        short = re.sub(r"(-v\d+)?(:\d+)?$", "", short)
        yield short
    short = short.partition("@")[0].replace("gpt-35-", "gpt-3.5-")
    yield short
    short = re.sub(r"^meta-llama", "llama", short)
    short = re.sub(r"llama-?(v)?(\d)[p.-](\d)-", r"llama-\2.\3-", short)
    short = re.sub(r"llama-?(v)?(\d)-", r"llama-\2-", short)
    yield short
    short = re.sub(r"-(turbo|fp8|lite|free)$", "", short)
    yield short
    yield re.sub(r"-it$", "-instruct", short)


__all__ = [
    "PREFIX_OF",
    "PROVIDERS",
    "Target",
    "account",
    "group_named",
    "is_listed",
    "labelled",
    "needs_address",
    "of_label",
    "own_server",
    "strategy_named",
    "target",
]
