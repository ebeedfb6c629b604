"""LiteLLM configurations for tests: a full one, small ones, and how a scenario is loaded from them."""

from typing import Any

from planner.gateways import Imported, import_litellm
from planner.gateways.yaml_text import yaml_text
from planner.scenario import Scenario, loads

SECRET = "sk-very-secret-0123456789"

FULL = f"""\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o
      api_base: https://our-eu.openai.azure.com/openai?key={SECRET}
      api_key: {SECRET}
      api_version: "2024-06-01"
      weight: 3
      order: 1
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_key: os.environ/NOT_SET_HERE, weight: 1, order: 1}}
    model_info: {{id: Second}}
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o-2024-08-06, order: 2, timeout: 20, num_retries: 0, cooldown_time: 9}}
  - model_name: Claude (EU)
    litellm_params: {{model: bedrock/anthropic.claude-sonnet-4-6, aws_region_name: eu-west-1, aws_secret_access_key: {SECRET}}}
  - model_name: own
    litellm_params: {{model: hosted_vllm/our-8b, api_base: "http://u:{SECRET}@10.0.0.1:8000", max_parallel_requests: 32}}
    model_info: {{input_cost_per_token: 1.0e-07, output_cost_per_token: 4e-7, max_input_tokens: 32000}}
  - model_name: mini
    litellm_params: {{model: gpt-4o-mini, extra_headers: {{Authorization: Bearer {SECRET}}}}}
router_settings:
  num_retries: 1
  timeout: 45
  cooldown_time: 30
  allowed_fails: 3
  max_fallbacks: 4
  fallbacks: [{{gpt-4o: ["Claude (EU)", mini]}}, {{mini: [gpt-4o]}}]
  default_fallbacks: [own]
  context_window_fallbacks: [{{mini: [gpt-4o]}}]
  content_policy_fallbacks: [{{gpt-4o: [own]}}]
  model_group_alias: {{gpt-4: gpt-4o, old: {{model: mini, hidden: true}}}}
  redis_password: {SECRET}
general_settings: {{master_key: {SECRET}}}
environment_variables: {{OPENAI_API_KEY: {SECRET}}}
"""


def small(router: dict[str, Any] | None = None, *entries: dict[str, Any], **sections: Any) -> str:
    """A configuration of deployments {model_name, **litellm_params}; two of gpt-4o where none is given."""
    given = entries or ({"model": "openai/gpt-4o"}, {"model": "azure/gpt-4o"})
    tree: dict[str, Any] = {
        "model_list": [
            {
                "model_name": one.get("model_name", "chat"),
                "litellm_params": {
                    key: value for key, value in one.items() if key not in ("model_name", "info")
                },
                **({"model_info": one["info"]} if "info" in one else {}),
            }
            for one in given
        ]
    }
    return yaml_text(tree | ({"router_settings": router} if router else {}) | sections)


def imported(text: str, **environment: str) -> Imported:
    return import_litellm(text, "config.yaml", environment)


def scenario_of(found: Imported) -> Scenario:
    """The scenario of an import, with 1 USD for each price that nobody knows."""
    return loads(found.text, "imported.yaml", overrides=dict.fromkeys(found.unpriced, 1))


def scenario(text: str, **environment: str) -> Scenario:
    return scenario_of(imported(text, **environment))
