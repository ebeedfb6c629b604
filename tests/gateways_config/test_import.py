"""What of a LiteLLM configuration becomes what of a scenario."""

from typing import Any

import pytest

from planner.errors import ScenarioError
from planner.gateways import Imported
from planner.scenario import loads
from tests.gateways_config.configurations import FULL, imported, scenario, scenario_of, small

GPT, AZURE = {"model": "openai/gpt-4o"}, {"model": "azure/gpt-4o"}


def tree(text: str) -> dict[str, Any]:
    return scenario(text).to_dict()


def policy(router: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """What stands in the file under policy, beside the preset."""
    source = scenario(small(router, **sections))._source
    assert source is not None
    given = dict(source.data["policy"])
    assert given.pop("preset") == "litellm"
    return given


def reason(found: Imported, place: str) -> str:
    """Why a place was not mapped."""
    (told,) = {one.reason for one in found.unmapped if one.place == place}
    return told


# -- names, models, providers --------------------------------------------------------------------


def test_one_strategy_for_each_model_name_and_alias() -> None:
    found = scenario(FULL)
    assert tuple(found.strategies) == ("gpt-4o", "claude-eu", "own", "mini", "gpt-4", "old")
    assert found.strategies["gpt-4"].like == "gpt-4o"
    assert found.strategies["old"].like == "mini"


def test_names_become_names_of_the_language_once_each_and_originals_are_labels() -> None:
    entries = [{"model_name": name, **GPT} for name in ("GPT-4o", "gpt-4o", "GPT 4o", "日本", "4x")]
    found = scenario(small(None, *entries))
    assert tuple(found.strategies) == ("gpt-4o", "gpt-4o-2", "gpt-4o-3", "model", "4x")
    assert tuple(found.deployments) == (
        "openai-gpt-4o",
        *(f"openai-gpt-4o-{number}" for number in range(2, 6)),
    )
    assert {one.label for one in found.deployments.values()} == {"openai/gpt-4o"}


def test_an_id_of_a_deployment_is_its_name() -> None:
    assert tuple(scenario(small(None, {**GPT, "info": {"id": "East US/1"}})).deployments) == ("east-us-1",)


@pytest.mark.parametrize(
    ("model", "provider", "known"),
    [
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("azure/gpt-4o", "azure", "gpt-4o"),
        ("anthropic/claude-opus-5", "anthropic", "claude-opus-5"),
        ("claude-opus-5", "anthropic", "claude-opus-5"),
        ("gemini/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("groq/llama-3.1-8b-instant", "groq", "llama-3.1-8b-instant"),
        ("bedrock/meta.llama3-1-8b-instruct-v1:0", "bedrock", "llama-3.1-8b-instruct"),
        ("bedrock/us.meta.llama3-3-70b-instruct-v1:0", "bedrock", "llama-3.3-70b-instruct"),
        ("deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct", "deepinfra", "llama-3.1-8b-instruct"),
        (
            "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct",
            "fireworks",
            "llama-3.1-8b-instruct",
        ),
        ("mistral/mistral-large-latest", "mistral", "mistral-large-latest"),
    ],
)
def test_a_model_of_the_catalogue_is_found_with_its_provider_and_prices(
    model: str, provider: str, known: str
) -> None:
    found = imported(small(None, {"model": model}))
    (deployment,) = scenario_of(found).deployments.values()
    assert (deployment.provider, deployment.model) == (provider, known)
    assert found.unpriced == ()


@pytest.mark.parametrize(
    "model",
    ["hosted_vllm/our-8b", "hosted_vllm/llama-3.1-8b-instruct", "xai/grok-4", "nobody-knows", "azure/a-name"],
)
def test_a_model_without_a_known_price_is_one_of_the_scenarios_own_with_null_prices(model: str) -> None:
    found = imported(small(None, {"model": model}))
    assert len(found.unpriced) == 2
    with pytest.raises(ScenarioError) as caught:
        loads(found.text)
    assert len(caught.value.problems) == 1
    assert "a price of one's own would be models" in str(caught.value)
    (own,) = scenario_of(found).models.values()
    assert own.output_usd_per_mtok == 1
    assert "no price is known: give models" in reason(found, "model_list[0].litellm_params.model")
    assert "assumption: the catalogue has no latency of it" in found.text


def test_a_deployment_of_azure_takes_the_model_that_base_model_names() -> None:
    found = scenario(small(None, {"model": "azure/a-name", "info": {"base_model": "azure/gpt-4o"}}))
    assert found.deployments["azure-a-name"].model == "gpt-4o"


def test_the_place_in_an_address_of_azure_and_a_region_stand_in_name_and_label() -> None:
    found = scenario(
        small(
            None,
            {**AZURE, "api_base": "https://our-eu.openai.azure.com/openai/v1?key=x"},
            {**AZURE, "api_base": "https://swedencentral.api.cognitive.microsoft.com"},
            {"model": "bedrock/meta.llama3-1-8b-instruct-v1:0", "aws_region_name": "eu-west-1"},
        )
    )
    assert [one.label for one in found.deployments.values()] == [
        "azure/gpt-4o (our-eu)",
        "azure/gpt-4o (swedencentral)",
        "bedrock/meta.llama3-1-8b-instruct-v1:0 (eu-west-1)",
    ]
    assert next(iter(found.deployments)) == "azure-gpt-4o-our-eu"


def test_an_openai_model_at_an_address_of_ones_own_is_nobodys() -> None:
    found = scenario(small(None, {"model": "openai/our-8b", "api_base": "http://10.0.0.1:8000/v1"}))
    assert found.deployments["openai-our-8b"].provider is None


def test_prices_of_the_configuration_count_before_the_catalogue() -> None:
    priced = {**GPT, "input_cost_per_token": 2.0e-06, "info": {"output_cost_per_token": "8e-6"}}
    found = tree(small(None, priced))
    assert found["models"] == {"gpt-4o": {"input_usd_per_mtok": 2.0, "output_usd_per_mtok": 8.0}}
    both = tree(small(None, priced, GPT))
    assert both["deployments"]["openai-gpt-4o"]["model"] == "openai/gpt-4o"
    assert both["deployments"]["openai-gpt-4o-2"]["model"] == "gpt-4o"
    assert both["models"]["openai/gpt-4o"]["input_usd_per_mtok"] == 2.0


def test_a_model_that_has_retired_keeps_its_last_price_as_an_assumption() -> None:
    found = imported(small(None, {"model": "anthropic/claude-3-opus-20240229"}))
    assert found.unpriced == ()
    assert scenario_of(found).models["anthropic/claude-3-opus-20240229"].output_usd_per_mtok == 75
    assert "# assumption: the last list price that is known" in found.text


def test_the_horizon_ends_before_the_first_retirement() -> None:
    found = imported(small(None, {"model": "openai/gpt-4o-2024-11-20"}))
    assert scenario_of(found).finance.horizon_months == 1
    assert "# assumption: gpt-4o-2024-11-20 retires at openai on 2027-01-14" in found.text
    assert scenario(small(None, {"model": "openai/gpt-5.6"})).finance.horizon_months == 36


# -- levels, weights, limits ---------------------------------------------------------------------


def test_order_makes_levels_and_equals_of_one_order_are_drawn_by_weight() -> None:
    found = scenario(
        small(
            None,
            {**GPT, "order": 2},
            {**AZURE, "order": 1, "weight": 3},
            {**GPT, "order": 1, "weight": 1, "rpm": 9},
        )
    )
    assert found.strategy("chat").omni == (("azure-gpt-4o", "openai-gpt-4o-2"), ("openai-gpt-4o",))
    assert [one.weight for one in found.deployments.values()] == [1.0, 3.0, 1.0]
    assert found.strategy_policy("chat").select == "weighted"


@pytest.mark.parametrize(("metric", "values"), [("rpm", (300, 100)), ("tpm", (90_000, 30_000))])
def test_without_weights_rpm_else_tpm_is_the_weight_and_no_limit(
    metric: str, values: tuple[int, int]
) -> None:
    found = imported(
        small(None, *({**one, metric: value} for one, value in zip((GPT, AZURE), values, strict=True)))
    )
    deployments = list(scenario_of(found).deployments.values())
    assert [one.weight for one in deployments] == list(values)
    for one in deployments:
        assert one.limits is not None
        assert one.limits.requests_per_minute == "catalogue"
    assert "LiteLLM enforces no rate" in reason(found, f"model_list[0].litellm_params.{metric}")


def test_large_tpm_are_scaled_to_weights() -> None:
    found = scenario(small(None, {**GPT, "tpm": 30_000_000}, {**AZURE, "tpm": 10_000_000}))
    assert [one.weight for one in found.deployments.values()] == [1e6, pytest.approx(1e6 / 3)]


def test_weight_0_is_drawn_only_where_the_others_are_out() -> None:
    found = imported(small(None, {**GPT, "weight": 0}, {**AZURE, "weight": 2}))
    assert scenario_of(found).strategy("chat").omni == (("azure-gpt-4o",), ("openai-gpt-4o",))
    assert "drawn only" in reason(found, "model_list[0]") or "draws it only" in reason(found, "model_list[0]")


@pytest.mark.parametrize(
    ("given", "concurrent"),
    [
        ({"max_parallel_requests": 7, "rpm": 60}, 7),
        ({"rpm": 60, "tpm": 100_000}, 60),
        ({"tpm": 100_000}, 600),
        ({"tpm": 100}, 1),
        ({}, 5),
    ],
)
def test_calls_in_flight_are_capped_as_litellm_reckons(given: dict[str, int], concurrent: int) -> None:
    found = scenario(small({"default_max_parallel_requests": 5}, {**GPT, **given}))
    assert found.deployments["openai-gpt-4o"].limits.concurrent == concurrent  # type: ignore[union-attr]
    assert found.strategy_policy("chat").when_busy == "reject"


@pytest.mark.parametrize(
    "router",
    [
        {"routing_strategy": "usage-based-routing"},
        {"routing_strategy": "latency-based-routing"},
        {"optional_pre_call_checks": ["enforce_model_rate_limits"]},
    ],
    ids=str,
)
def test_rates_are_limits_where_the_gateway_knows_or_enforces_them(router: dict[str, Any]) -> None:
    limits = scenario(small(router, {**GPT, "rpm": 60})).deployments["openai-gpt-4o"].limits
    assert limits is not None
    assert (limits.requests_per_minute, limits.tokens_per_minute) == (60, None)
    assert (limits.kind, limits.charge) == ("fixed-window", "after-completion")


# -- policy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        ({}, {}),
        ({"routing_strategy": "simple-shuffle"}, {}),
        ({"routing_strategy": "least-busy"}, {"select": "least-busy"}),
        ({"routing_strategy": "cost-based-routing"}, {"select": "cheapest"}),
        (
            {"routing_strategy": "usage-based-routing-v2"},
            {"select": "lowest-usage", "lowest_usage": {"off_by_one": True}},
        ),
        (
            {
                "routing_strategy": "latency-based-routing",
                "routing_strategy_args": {"lowest_latency_buffer": 0.5, "max_latency_list_size": 20},
            },
            {"select": "lowest-latency", "lowest_latency": {"buffer": 0.5, "samples": 20}},
        ),
        ({"num_retries": 2, "timeout": 6000, "max_fallbacks": 5, "cooldown_time": 5}, {}),
        ({"num_retries": 0}, {"retries": 0}),
        ({"timeout": 30}, {"timeout_s": 30}),
        ({"stream_timeout": 7}, {"timeout_s": 7}),
        ({"timeout": 30, "stream_timeout": 7}, {"timeout_s": 30}),
        ({"max_fallbacks": 2}, {"max_fallbacks": 2}),
        ({"cooldown_time": 60}, {"breaker": {"kind": "cooldown", "open_s": 60}}),
        ({"allowed_fails": 0}, {"breaker": {"kind": "cooldown", "open_s": 5, "allowed_fails": 0}}),
        ({"disable_cooldowns": True, "cooldown_time": 9}, {"breaker": None}),
        ({"retry_after": 0.25}, {}),
        ({"retry_after": 20}, {"backoff": {"kind": "litellm", "base_s": 8, "cap_s": 8, "jitter_s": 0.75}}),
        ({"retry_after": 3}, {"backoff": {"kind": "litellm", "base_s": 3, "cap_s": 8, "jitter_s": 0.75}}),
    ],
    ids=str,
)
def test_settings_of_the_router_stand_beside_the_preset(
    router: dict[str, Any], expected: dict[str, Any]
) -> None:
    given = policy(router)
    newer = {"retry_target", "sibling_wait", "retry_after_jitter_s", "retries_after", "honours_retry_after"}
    assert {key: value for key, value in given.items() if key not in newer} == expected


def test_settings_of_the_router_count_before_those_of_litellm_but_for_the_timeout_of_a_call() -> None:
    litellm = {"num_retries": 4, "request_timeout": 20, "fallbacks": [{"chat": ["b"]}]}
    assert policy({}, litellm_settings=litellm)["retries"] == 4
    found = policy({"num_retries": 3, "timeout": 30}, litellm_settings=litellm)
    assert (found["retries"], found["timeout_s"]) == (3, 20)


def test_a_deployment_has_a_policy_of_its_own_where_it_differs() -> None:
    entry = {**GPT, "timeout": 20, "num_retries": 0, "cooldown_time": 9}
    found = scenario(small({"timeout": 20, "allowed_fails": 2}, entry))
    own = found.to_dict()["deployments"]["openai-gpt-4o"]["policy"]
    assert own == {
        "retries": 0,
        "breaker": {"kind": "cooldown", "open_s": 9.0, "allowed_fails": 2, "honours_retry_after": False},
    }


def test_retries_are_cut_where_one_request_could_make_too_many_calls() -> None:
    # Twenty orders, each with retries of its own: 20 x (1 + 49) calls.
    orders = [{**GPT, "order": number} for number in range(1, 21)]
    found = imported(small({"num_retries": 90}, *orders))
    assert scenario_of(found).policy.retries == 49
    assert reason(found, "router_settings.num_retries").startswith("49 retries are taken")
    # As equals of one order they share the retries.
    assert scenario_of(imported(small({"num_retries": 90}, *[GPT] * 20))).policy.retries == 90


def test_counts_of_retries_by_exception_are_retries_after_and_the_rest_is_listed() -> None:
    policy = {
        "TimeoutErrorRetries": 3,
        "RateLimitErrorRetries": 4,
        "DefaultRetries": 1,
        "NotFoundErrorRetries": 9,
    }
    found = imported(small({"retry_policy": policy}))
    retries = scenario_of(found).policy.retries_after
    assert (retries.error, retries.limited, retries.timeout) == (1, 4, 3)
    place = "router_settings.retry_policy.NotFoundErrorRetries"
    assert reason(found, place) == "retries after this exception have no count of their own here"
    own = {"model_group_retry_policy": {"gpt": {"TimeoutErrorRetries": 5}}}
    (name,) = (one for one, entry in scenario(small(own, {"model_name": "gpt", **GPT})).deployments.items())
    assert (
        scenario(small(own, {"model_name": "gpt", **GPT})).policy_for("gpt", name).retries_after.timeout == 5
    )


# -- fallbacks -----------------------------------------------------------------------------------

MODELS = [{"model_name": name, **GPT} for name in ("a", "b", "c", "d")]


def fallbacks(router: dict[str, Any], name: str) -> dict[str, Any]:
    found = tree(small(router, *MODELS))["strategies"][name]
    return {"groups": tuple(found.get("groups", ())), **found.get("fallbacks", {})}


def test_fallbacks_follow_from_group_to_group_and_only_those_reached_are_there() -> None:
    assert fallbacks({"fallbacks": [{"a": ["b"]}, {"b": ["c"]}]}, "a") == {
        "groups": ("b", "c"),
        "omni": {"any": ["b"]},
        "b": {"any": ["c"]},
    }
    assert fallbacks({"fallbacks": [{"a": ["b"]}, {"b": ["c"]}]}, "c") == {"groups": ()}


def test_a_circle_ends_where_it_would_close() -> None:
    router = {"fallbacks": [{"a": ["b"]}, {"b": ["c", "a"]}, {"c": ["b", "a"]}]}
    assert fallbacks(router, "a") == {"groups": ("b", "c"), "omni": {"any": ["b"]}, "b": {"any": ["c"]}}
    found = imported(small(router, *MODELS))
    assert "passes over too" in "".join(found.notices)


def test_default_fallbacks_are_of_groups_without_fallbacks_of_their_own() -> None:
    router = {"fallbacks": [{"a": ["b"]}], "default_fallbacks": ["d"]}
    assert fallbacks(router, "a") == {"groups": ("b", "d"), "omni": {"any": ["b"]}, "b": {"any": ["d"]}}
    assert fallbacks(router, "c") == {"groups": ("d",), "omni": {"any": ["d"]}}


def test_a_special_list_that_is_set_bars_the_general_one_for_all() -> None:
    router = {"fallbacks": [{"a": ["b"]}, {"b": ["c"]}], "context_window_fallbacks": [{"a": ["d"]}]}
    assert fallbacks(router, "a") == {
        "groups": ("b", "c", "d"),
        "omni": {"any": ["b"], "context_window": ["d"]},
        "b": {"any": ["c"], "context_window": []},
    }


def test_fallbacks_to_nobody_are_listed() -> None:
    found = imported(
        small({"fallbacks": [{"a": ["gone", {"model": "b", "temperature": 0}]}, {"gone": ["a"]}]}, *MODELS)
    )
    assert "gone is no model_name" in reason(found, "router_settings.fallbacks[0].a")
    assert "of no model_name" in reason(found, "router_settings.fallbacks[1].gone")
    assert "change nothing of a request" in reason(found, "router_settings.fallbacks[0].a[1].temperature")


def test_tiers_follow_the_catalogue_and_a_group_called_like_one_has_another_name() -> None:
    entries = ({"model_name": "omni", "model": "gpt-4o"}, {"model_name": "mini", "model": "gpt-4o-mini"})
    found = tree(small({"fallbacks": [{"omni": ["mini"]}]}, *entries))["strategies"]
    assert found["omni"] == {
        "omni": [["gpt-4o"]],
        "groups": {"mini-group": [["gpt-4o-mini"]]},
        "fallbacks": {"omni": {"any": ["mini-group"]}},
    }
    assert found["mini"] == {"mini": [["gpt-4o-mini"]]}


# -- nothing in silence --------------------------------------------------------------------------


def test_everything_that_is_not_mapped_is_listed_with_its_path_and_a_reason() -> None:
    entry = {
        **GPT,
        "tags": ["a"],
        "drop_params": True,
        "made_up": {"x": 1},
        "info": {"mode": "chat", "team_id": "t"},
    }
    other = {"model_name": "embed", "model": "openai/text-embedding-3-small", "info": {"mode": "embedding"}}
    found = imported(
        small(
            {
                "routing_groups": [],
                "allowed_fails_policy": {},
                "unheard_of": 1,
                "routing_strategy_args": {"ttl": 3},
            },
            entry,
            other,
            {"model_name": "openai/*", "model": "openai/*"},
            litellm_settings={"cache": True, "callbacks": ["x"]},
            general_settings={"master_key": "sk-1"},
            mcp_servers={},
        )
    )
    assert {one.place for one in found.unmapped} == {
        "model_list",
        "model_list[0].litellm_params.tags",
        "model_list[0].litellm_params.drop_params",
        "model_list[0].litellm_params.made_up",
        "model_list[0].model_info.team_id",
        "model_list[1]",
        "model_list[2]",
        "router_settings.routing_groups",
        "router_settings.allowed_fails_policy",
        "router_settings.unheard_of",
        "router_settings.routing_strategy_args.ttl",
        "litellm_settings.cache",
        "litellm_settings.callbacks",
        "general_settings",
        "mcp_servers",
    }
    flat = " ".join(found.text.replace("#", " ").split())
    for one in found.unmapped:
        assert one.place in flat
        assert " ".join(one.reason.split()) in flat
    assert len(scenario_of(found).strategies) == 1


def test_limits_of_providers_are_said_to_be_the_catalogues() -> None:
    assert "limits of the providers stand in no configuration" in reason(imported(small()), "model_list")
