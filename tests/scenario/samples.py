"""A small sound scenario, and the problems or notices that a change of it brings."""

import copy
from typing import Any

from planner.errors import ScenarioError
from planner.scenario import Scenario, load, loads
from planner.scenario.paths import set_value

# Dated prices, no retirement inside the year, and own figures where a rule must not depend on the catalogue.
BASE: dict[str, Any] = {
    "name": "Sample",
    "start": "2025-01-01",
    "traffic": {"requests_per_month": 1000},
    "tasks": {"faq": {}},
    "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "ability": {"faq": 1.0}}},
    "deployments": {
        "a": {"model": "gpt-4o-2024-08-06", "provider": "openai"},
        "b": {"model": "m", "latency": {"total_s": 1}},
    },
    "strategies": {"omni-only": {"omni": ["a"]}, "mini-only": {"mini": ["b"]}},
    "finance": {"horizon_months": 12},
}

SMALLEST = """\
name: Smallest
traffic: {requests_per_month: 1000}
tasks: {chat: {}}
models: {m: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
deployments: {own: {model: m, latency: {total_s: 1}}}
strategies: {all: {omni: [own]}}
"""


def changed(**changes: Any) -> dict[str, Any]:
    """BASE with values at paths replaced; `__` stands for a dot, "..." as value takes the key out."""
    return changed_at({path.replace("__", "."): value for path, value in changes.items()})


def changed_at(changes: dict[str, Any]) -> dict[str, Any]:
    """BASE with values at paths replaced; "..." as value takes the key out."""
    tree = copy.deepcopy(BASE)
    for path, value in changes.items():
        if value is ...:
            *steps, last = path.split(".")
            inner = tree
            for step in steps:
                inner = inner[step]
            del inner[last]
        else:
            tree = set_value(tree, path, value)
    return tree


def scenario(changes: dict[str, Any] | None = None) -> Scenario:
    """BASE with changes, loaded."""
    return load(changed_at(changes or {}))


def problems(source: dict[str, Any] | str, **options: Any) -> list[str]:
    """Every problem of a mapping or of YAML text, as shown; empty if it is sound."""
    try:
        if isinstance(source, str):
            loads(source, **options)
        else:
            load(source, **options)
    except ScenarioError as error:
        return [str(problem) for problem in error.problems]
    return []


def problems_with(changes: dict[str, Any]) -> list[str]:
    """Every problem that changes of BASE bring."""
    return problems(changed_at(changes))


def notices_with(changes: dict[str, Any]) -> list[str]:
    """Every notice of BASE with changes."""
    return [str(notice) for notice in load(changed_at(changes)).notices]
