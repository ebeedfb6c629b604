"""Exports for the real router: strategies of the library and of drawn configurations, and what it makes of them."""

import json
import random
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from planner.gateways import Exported, export_litellm
from planner.scenario import Scenario, load
from tests.gateway import environment
from tests.gateways_config.configurations import scenario as scenario_of_export

HERE = Path(__file__).resolve().parent
SCENARIOS = sorted((HERE.parents[1] / "scenarios").glob("*.yaml"))
DRAWN = 24
SECONDS = 120


@dataclass(frozen=True)
class Export:
    """A strategy as it was written, and as the real router took it."""

    name: str
    scenario: Scenario
    strategy: str

    @cached_property
    def written(self) -> Exported:
        return export_litellm(self.scenario, self.strategy)

    @property
    def configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = YAML(typ="safe", pure=True).load(self.written.text)
        return found


@cache
def exports() -> Mapping[str, Export]:
    """All of them, by name."""
    found = [
        Export(f"{path.stem}: {strategy}", scenario, strategy)
        for path in SCENARIOS
        for scenario in (load(path),)
        for strategy in scenario.strategies
    ]
    for seed in range(DRAWN):
        scenario = scenario_of_export(configuration(seed))
        found += [Export(f"drawn {seed}: {strategy}", scenario, strategy) for strategy in scenario.strategies]
    return {one.name: one for one in found}


@cache
def routers() -> Mapping[str, Any]:
    """What the real router says of itself, by name of the export; it is built from all of them in one go."""
    asked = {name: one.configuration for name, one in exports().items()}
    done = subprocess.run(
        [str(environment.ensure()), "-I", "-W", "ignore", str(HERE / "router_load.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


# -- drawn configurations --------------------------------------------------------------------------

MODELS: tuple[dict[str, Any], ...] = (
    {"model": "openai/gpt-4o"},
    {"model": "openai/gpt-4o-mini"},
    {"model": "azure/gpt-4o", "api_base": "https://our-eu.openai.azure.com", "api_version": "2024-06-01"},
    {"model": "anthropic/claude-opus-5"},
    {"model": "bedrock/anthropic.claude-sonnet-4-6", "aws_region_name": "eu-west-1"},
    {"model": "groq/llama-3.1-8b-instant"},
    {
        "model": "hosted_vllm/our-8b", "api_base": "http://10.0.0.1:8000/v1", "input_cost_per_token": 2.5e-07,
        "output_cost_per_token": 1e-06,
    },
)  # fmt: skip
GROUPS = ("chat", "small", "spare")
STRATEGIES = (
    "simple-shuffle", "least-busy", "latency-based-routing", "usage-based-routing-v2", "cost-based-routing",
)  # fmt: skip


def configuration(seed: int) -> str:
    """A configuration that LiteLLM takes, as JSON, which is YAML too."""
    draw = random.Random(seed)
    groups = GROUPS[: draw.choice((1, 2, 3))]
    entries = [_entry(draw, group) for group in groups for _ in range(draw.choice((1, 2, 3)))]
    settings: dict[str, Any] = {"routing_strategy": draw.choice(STRATEGIES)}
    for name, values in {
        "num_retries": (0, 1, 3),
        "timeout": (5, 30.5, 600),
        "cooldown_time": (1, 5, 60),
        "allowed_fails": (0, 3),
        "retry_after": (0, 2),
        "max_fallbacks": (1, 5),
        "disable_cooldowns": (True,),
        "retry_policy": (
            {"TimeoutErrorRetries": 1, "RateLimitErrorRetries": 4},
            {"InternalServerErrorRetries": 0},
        ),
    }.items():
        if draw.random() < 0.4:
            settings[name] = draw.choice(values)
    for name in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        if len(groups) > 1 and draw.random() < 0.5:
            settings[name] = [{groups[0]: list(groups[1:])}]
    if settings["routing_strategy"] == "latency-based-routing" and draw.random() < 0.7:
        settings["routing_strategy_args"] = {"lowest_latency_buffer": 0.25, "max_latency_list_size": 7}
    if draw.random() < 0.2:
        settings["optional_pre_call_checks"] = ["enforce_model_rate_limits"]
    return json.dumps({"model_list": entries, "router_settings": settings})


def _entry(draw: random.Random, group: str) -> dict[str, Any]:
    params = dict(draw.choice(MODELS))
    for name, values in {
        "rpm": (30, 500),
        "tpm": (40_000,),
        "weight": (1, 2.5, 9),
        "order": (1, 2),
        "timeout": (4, 20.5),
        "num_retries": (0, 2),
        "cooldown_time": (9,),
        "max_parallel_requests": (3, 50),
    }.items():
        if draw.random() < 0.3:
            params[name] = draw.choice(values)
    return {"model_name": group, "litellm_params": params}
