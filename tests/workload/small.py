"""A small scenario and its variations, for the tests of the workload."""

from typing import Any

from planner.scenario.fields import Scenario

TEXT = {"share": 0.6, "input_tokens": {"p50": 420, "p95": 1600}, "output_tokens": {"p50": 110, "p95": 380}}
PHOTO = {
    "share": 0.4,
    "modalities": ["text", "vision"],
    "images": [{"width_px": 1024, "height_px": 1024, "detail": "high"}],
    "input_tokens": {"mean": 200, "cv": 0.7, "kind": "gamma"},
    "output_tokens": {"exponential_mean": 90},
    "difficulty": {"mean": 1.5, "sd": 0.5},
    "sensitive": 0.25,
}
BASE: dict[str, Any] = {
    "name": "small",
    "traffic": {"requests_per_month": 2_000_000},
    "tasks": {"faq": TEXT, "photo": PHOTO},
    "deployments": {
        "omni": {"model": "gpt-4o-2024-11-20", "provider": "openai"},
        "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
    },
    "strategies": {"omni-only": {"omni": ["omni"]}, "mini-only": {"mini": ["mini"]}},
}


def small(**sections: Any) -> Scenario:
    """The base with whole sections replaced; `None` leaves a section out."""
    tree = {key: value for key, value in {**BASE, **sections}.items() if value is not None}
    return Scenario.model_validate(tree)


def with_seed(scenario: Scenario, seed: int) -> Scenario:
    return scenario.model_copy(update={"run": scenario.run.model_copy(update={"seed": seed})})
