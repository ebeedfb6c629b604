"""Whatever configuration is drawn: the scenario loads, is the same each time, and comes back through an export."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.gateways import export_litellm
from planner.scenario import Scenario, load
from tests.gateways_config.configurations import FULL, SECRET, imported, scenario, scenario_of, small

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
MODELS = (
    "openai/gpt-4o", "gpt-4o", "gpt-4o-mini", "azure/gpt-4o", "azure/our-deployment", "anthropic/claude-opus-5",
    "anthropic/claude-3-opus-20240229", "bedrock/meta.llama3-1-8b-instruct-v1:0", "bedrock/anthropic.claude-opus-5",
    "groq/llama-3.1-8b-instant", "hosted_vllm/our-8b", "hosted_vllm/llama-3.1-8b-instruct", "ollama/llama3", "xai/grok",
    "nobody-knows", "vertex_ai/gemini-2.5-pro", "openai/gpt-4o-2024-11-20", "together_ai/meta-llama/Llama-3.3-70B",
)  # fmt: skip
NAMES = (
    "gpt-4o",
    "GPT-4o",
    "omni",
    "mini",
    "omni-group",
    "Ärger 1",
    "no",
    "4x",
    "a b",
    "0x1f",
    "like",
    "x/y",
    "日本",
)
HOSTS = (
    "https://our-eu.openai.azure.com",
    "https://eastus.api.cognitive.microsoft.com/",
    "http://10.0.0.1:1",
    "::bad",
)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


UNLISTED = {
    "hosted_vllm/our-8b": {"input_cost_per_token": 2.5e-07, "output_cost_per_token": 1e-06},
    "ollama/llama3": {"input_cost_per_token": 0},
}
"""Prices by model: where two deployments of one differ in them, the name of a model of one's own tells them apart."""

counts = st.integers(0, 3000)
times = st.floats(0, 100_000).map(lambda value: round(value, 3))
entries = st.builds(
    lambda name, model, params, info: {
        "model_name": name, "model": model, "api_key": SECRET, "info": info, **params, **UNLISTED.get(model, {})
    },
    st.sampled_from(NAMES),
    st.sampled_from(MODELS),
    optional(
        rpm=st.integers(0, 10**7), tpm=st.integers(0, 10**10), weight=st.sampled_from([0, 1, 2.5, 10**8]),
        order=st.integers(-1, 3), timeout=times, stream_timeout=times, num_retries=st.integers(0, 200),
        cooldown_time=times, max_parallel_requests=st.integers(1, 10**7), api_base=st.sampled_from(HOSTS),
        region_name=st.sampled_from(["eu-west-1", "us"]), custom_llm_provider=st.sampled_from(["openai", "azure"]),
    ),
    optional(id=st.sampled_from(["a", "B", "a-2"])),
)  # fmt: skip
name_lists = st.lists(st.sampled_from([*NAMES, "gone", "alias"]), max_size=4)
fallback_lists = st.lists(
    st.builds(lambda group, names: {group: names}, st.sampled_from([*NAMES, "*", "gone"]), name_lists),
    max_size=8,
)
routers = optional(
    routing_strategy=st.sampled_from(
        [
            "simple-shuffle",
            "least-busy",
            "latency-based-routing",
            "usage-based-routing-v2",
            "cost-based-routing",
        ]
    ),
    num_retries=st.integers(0, 300),
    timeout=times,
    stream_timeout=times,
    cooldown_time=times,
    retry_after=times,
    allowed_fails=counts,
    disable_cooldowns=st.booleans(),
    max_fallbacks=st.integers(0, 30),
    default_max_parallel_requests=st.integers(1, 100),
    fallbacks=fallback_lists,
    default_fallbacks=name_lists,
    context_window_fallbacks=fallback_lists,
    content_policy_fallbacks=fallback_lists,
    model_group_alias=st.dictionaries(
        st.sampled_from(["alias", "gpt-4o"]), st.sampled_from([*NAMES, "gone"])
    ),
    retry_policy=optional(TimeoutErrorRetries=st.integers(0, 9), DefaultRetries=st.integers(0, 9)),
    optional_pre_call_checks=st.sampled_from([[], ["enforce_model_rate_limits"], ["prompt_caching"]]),
    routing_strategy_args=optional(
        lowest_latency_buffer=st.floats(0, 200), max_latency_list_size=st.integers(1, 200)
    ),
)


def of_strategy(found: Scenario, name: str) -> dict[str, Any]:
    """All that a scenario says of one strategy."""
    tree, used = found.to_dict(), found.deployments_of(name)
    deployments = {one: tree["deployments"][one] for one in used}
    models = {one["model"]: tree.get("models", {}).get(one["model"]) for one in deployments.values()}
    return {
        "strategy": tree["strategies"][name],
        "deployments": deployments,
        "models": models,
        "policy": tree["policy"],
    }


def assert_comes_back(found: Scenario, name: str) -> None:
    written = export_litellm(found, name)
    again = of_strategy(scenario_of(imported(written.text)), name)
    assert again == of_strategy(found, name)
    assert SECRET not in written.text


@settings(max_examples=60, deadline=None)
@given(
    given_entries=st.lists(entries, min_size=1, max_size=5),
    router=routers,
    litellm=optional(num_retries=counts, request_timeout=times, fallbacks=fallback_lists),
)
def test_any_configuration_gives_a_scenario_that_loads_and_comes_back(
    given_entries: list[dict[str, Any]], router: dict[str, Any], litellm: dict[str, Any]
) -> None:
    text = small(router, *given_entries, litellm_settings=litellm)
    found = imported(text)
    assert found == imported(text)
    assert SECRET not in repr(found)
    loaded = scenario_of(found)
    assert len(loaded.deployments) == len(given_entries)
    asked = {one["model_name"] for one in given_entries}
    named = [name for name in loaded.strategies if loaded.strategies[name].like is None]
    assert len(named) == len(asked)
    for name in named:
        assert_comes_back(loaded, name)


def test_a_full_configuration_comes_back() -> None:
    found = scenario(FULL)
    for name in ("gpt-4o", "claude-eu", "own", "mini"):
        assert_comes_back(found, name)


def test_a_scenario_of_one_strategy_and_what_it_falls_back_on_comes_back_whole() -> None:
    found = scenario(
        small(
            {"fallbacks": [{"chat": ["spare"]}], "num_retries": 1, "cooldown_time": 60},
            {
                "model_name": "chat",
                "model": "azure/gpt-4o",
                "weight": 2,
                "api_base": "https://our-eu.openai.azure.com",
            },
            {"model_name": "chat", "model": "openai/gpt-4o", "weight": 1},
            {"model_name": "spare", "model": "groq/llama-3.1-8b-instant", "max_parallel_requests": 20},
        )
    )
    assert scenario(export_litellm(found, "chat").text) == found


@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_every_strategy_of_the_library_can_be_written_and_read(path: Path) -> None:
    found = load(path)
    for name in found.strategies:
        again = scenario(export_litellm(found, name).text)
        # one that stands in two groups is two deployments of LiteLLM
        assert {one.partition("-in-")[0] for one in again.deployments} == {
            one
            for group in found.strategy(name).group_names
            for level in found.strategy(name).group(group) or ()
            for one in level
        }
