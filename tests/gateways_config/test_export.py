"""A strategy as a LiteLLM configuration: what LiteLLM can say, and a notice for what it cannot."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from planner.gateways import UnknownStrategy, export_litellm
from planner.scenario import load
from planner.scenario.policy import Policy

BASE: dict[str, Any] = {
    "name": "Written",
    "start": "2026-12-01",
    "traffic": {"requests_per_month": 1000},
    "tasks": {"chat": {}},
    "models": {"m": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.4}},
    "deployments": {
        "a": {"model": "gpt-4o", "provider": "openai"},
        "b": {"model": "gpt-4o", "provider": "azure"},
        "own": {"model": "m", "latency": {"total_s": 1}},
    },
    "strategies": {
        "one": {"omni": ["a", "b"]},
        "drawn": {"omni": [["a", "b"], ["own"]]},
        "both": {"omni": ["a"], "mini": ["own"], "rules": [{"when": {"task": "chat"}, "to": "mini"}]},
        "backed": {
            "omni": ["a"],
            "groups": {"spare": ["b"], "long": ["own"]},
            "fallbacks": {"omni": {"any": ["spare"], "context_window": ["long"]}, "spare": ["long"]},
        },
    },
    "policy": {"preset": "litellm"},
    "finance": {"horizon_months": 1},
}


def written(strategy: str = "one", **changes: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The configuration as a reader of YAML 1.1 such as LiteLLM's takes it, and the notices."""
    found = export_litellm(
        load(BASE).set({key.replace("__", "."): value for key, value in changes.items()}), strategy
    )
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    tree = reader.load("%YAML 1.1\n---\n" + found.text)
    return tree, found.notices


def settings(**changes: Any) -> dict[str, Any]:
    return written(**changes)[0]["router_settings"]


def test_an_order_becomes_orders_and_names_become_ids() -> None:
    tree, notices = written(policy__select="in-order")
    assert tree["model_list"] == [
        {
            "model_name": "one",
            "litellm_params": {"model": "openai/gpt-4o", "order": 1},
            "model_info": {"id": "a"},
        },
        {
            "model_name": "one",
            "litellm_params": {"model": "azure/gpt-4o", "order": 2},
            "model_info": {"id": "b"},
        },
    ]
    assert tree["router_settings"] == {
        "routing_strategy": "simple-shuffle",
        "num_retries": 2,
        "timeout": 6000,
        "cooldown_time": 5,
        "max_fallbacks": 5,
    }
    assert notices == ()


def test_weights_prices_and_an_address_to_be_put_right() -> None:
    tree, notices = written("drawn", deployments__a__weight=3)
    params = [one["litellm_params"] for one in tree["model_list"]]
    assert params[0] == {"model": "openai/gpt-4o", "weight": 3, "order": 1}
    assert params[2] == {
        "model": "hosted_vllm/m",
        "api_base": "http://own.invalid/v1",
        "input_cost_per_token": 1e-7,
        "output_cost_per_token": 4e-7,
        "order": 2,
    }
    assert any("api_base of hosted_vllm must be put right" in one for one in notices)


def test_two_tiers_are_two_model_names_and_the_router_is_the_applications() -> None:
    tree, notices = written("both")
    assert [one["model_name"] for one in tree["model_list"]] == ["omni", "mini"]
    assert any(one.startswith("router: LiteLLM does not choose") for one in notices)
    assert any(one.startswith("rules: the application asks") for one in notices)


def test_handing_in_to_batch_apis_is_the_applications() -> None:
    text = "urgency batch: the application hands chat in to batch APIs; the router sends all alike"
    assert text not in written("one")[1]
    assert text in written("one", tasks__chat__urgency="batch")[1]


def test_groups_and_their_fallbacks() -> None:
    found = written("backed")[0]
    assert [one["model_name"] for one in found["model_list"]] == ["backed", "spare", "long"]
    assert found["router_settings"]["fallbacks"] == [{"backed": ["spare"]}, {"spare": ["long"]}]
    assert found["router_settings"]["context_window_fallbacks"] == [{"backed": ["long"]}]


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"policy__select": "least-busy"}, "routing_strategy", "least-busy"),
        ({"policy__select": "lowest-usage"}, "routing_strategy", "usage-based-routing-v2"),
        ({"policy__select": "lowest-latency"}, "routing_strategy", "latency-based-routing"),
        ({"policy__select": "cheapest"}, "routing_strategy", "cost-based-routing"),
        ({"policy__retries": 0}, "num_retries", 0),
        ({"policy__timeout_s": 12.5}, "timeout", 12.5),
        ({"policy__breaker": None}, "disable_cooldowns", True),
        ({"policy__breaker": {"kind": "cooldown", "open_s": 7}}, "cooldown_time", 7),
        ({"policy__breaker": {"kind": "consecutive", "failures": 4}}, "allowed_fails", 3),
        ({"policy__max_fallbacks": 1}, "max_fallbacks", 1),
        ({"policy__backoff": {"kind": "litellm", "base_s": 3}}, "retry_after", 3),
        (
            {"policy__select": "lowest-latency", "policy__lowest_latency": {"buffer": 0.2}},
            "routing_strategy_args",
            {"lowest_latency_buffer": 0.2},
        ),
    ],
    ids=str,
)
def test_the_policy_becomes_settings_of_the_router(changes: dict[str, Any], key: str, expected: Any) -> None:
    assert settings(strategy="one", **changes)[key] == expected


def test_limits_of_a_provider_are_not_the_gateways() -> None:
    limits = {"requests_per_minute": 60, "concurrent": 9}
    tree, notices = written(deployments__a__limits=limits)
    assert tree["model_list"][0]["litellm_params"]["max_parallel_requests"] == 9
    assert "rpm" not in tree["model_list"][0]["litellm_params"]
    assert any(one.startswith("a: limits are the provider's") for one in notices)
    tree, _ = written(deployments__a__limits=limits, policy__select="lowest-usage")
    assert tree["model_list"][0]["litellm_params"]["rpm"] == 60
    tree, _ = written("drawn", deployments__a__limits=limits | {"kind": "fixed-window"})
    assert tree["model_list"][0]["litellm_params"]["weight"] == 1  # else rpm would be one
    assert tree["router_settings"]["optional_pre_call_checks"] == ["enforce_model_rate_limits"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"policy__hedge": {"after_s": 1}}, "policy.hedge: LiteLLM has no setting for it"),
        ({"policy__deadline_s": 6000}, "policy.deadline_s: LiteLLM has no setting for it"),
        ({"policy__select": "round-robin"}, "select round-robin"),
        ({"policy__timeout_s": None}, "policy.timeout_s null"),
        ({"policy__backoff": {"kind": "full-jitter"}}, "policy.backoff"),
        ({"policy__breaker": {"kind": "sampling-window"}}, "policy.breaker sampling-window"),
        ({"gateway__kind": "unified", "gateway__fee": 0.05}, "gateway: LiteLLM is the gateway"),
        (
            {"gateway": {"kind": "unified", "limits": {"requests_per_minute": 9}}},
            "gateway.limits: LiteLLM keeps limits of each",
        ),
        (
            {"gateway": {"kind": "unified", "outages": {"mtbf_h": 999, "duration_h": 1}}},
            "gateway.outages: what is simulated",
        ),
        ({"policy__select": "lowest-usage"}, "LiteLLM takes a deployment for full one call early"),
    ],
    ids=str,
)
def test_what_litellm_cannot_say_is_told(changes: dict[str, Any], told: str) -> None:
    notices = written(**changes)[1]
    assert any(one.startswith(told) for one in notices), notices


def test_every_field_of_a_policy_is_written_or_told() -> None:
    """A field that the language gets later is told, until somebody writes it."""
    from planner.gateways import litellm_export

    known = litellm_export._SAID | litellm_export._NOT_THE_GATEWAYS
    assert {"hedge", "deadline_s", "layers", "spill_over", "queue_limit"} <= set(Policy.model_fields) - known


def test_an_unknown_strategy_is_told_with_what_is_near() -> None:
    with pytest.raises(
        UnknownStrategy, match=r"got 'drown'; allowed: one, drawn, both, backed; did you mean drawn\?"
    ):
        written("drown")
