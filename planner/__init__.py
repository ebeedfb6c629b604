"""Plan LLM traffic before building it: cost, latency, availability and quality of every strategy.

    import planner

    scenario = planner.load("scenarios/support-chatbot.yaml")
    print(planner.compare(scenario).answer)

Names are imported when they are first used: `import planner` alone is quick.
"""

from typing import TYPE_CHECKING, Any

from planner._installation import DISTRIBUTION, warn_if_shadowed

if TYPE_CHECKING:
    from planner.api import (
        Bill,
        BreakEven,
        CellMemory,
        Comparison,
        DecisionMap,
        Drill,
        Frontier,
        Hindsight,
        Log,
        Replay,
        Run,
        Uncertainty,
        bill,
        break_even,
        compare,
        decision_map,
        drill,
        flow,
        frontier,
        hindsight,
        memo,
        read_log,
        replay,
        simulate,
        uncertainty,
        week,
        week_simulated,
    )
    from planner.errors import (
        CatalogueError,
        LoadExceedsCapacity,
        PlannerError,
        PriceUnknown,
        Problem,
        ScenarioError,
    )
    from planner.scenario import Scenario, load

__version__ = "0.1.0"

_HOME = {
    "Bill": "planner.api",
    "BreakEven": "planner.api",
    "CatalogueError": "planner.errors",
    "CellMemory": "planner.api",
    "Comparison": "planner.api",
    "DecisionMap": "planner.api",
    "Drill": "planner.api",
    "Frontier": "planner.api",
    "Hindsight": "planner.api",
    "LoadExceedsCapacity": "planner.errors",
    "Log": "planner.api",
    "PlannerError": "planner.errors",
    "PriceUnknown": "planner.errors",
    "Problem": "planner.errors",
    "Replay": "planner.api",
    "Run": "planner.api",
    "Scenario": "planner.scenario",
    "ScenarioError": "planner.errors",
    "Uncertainty": "planner.api",
    "bill": "planner.api",
    "break_even": "planner.api",
    "compare": "planner.api",
    "decision_map": "planner.api",
    "drill": "planner.api",
    "flow": "planner.api",
    "frontier": "planner.api",
    "hindsight": "planner.api",
    "load": "planner.scenario",
    "memo": "planner.api",
    "read_log": "planner.api",
    "replay": "planner.api",
    "simulate": "planner.api",
    "uncertainty": "planner.api",
    "week": "planner.api",
    "week_simulated": "planner.api",
}
__all__ = [
    "DISTRIBUTION",
    "Bill",
    "BreakEven",
    "CatalogueError",
    "CellMemory",
    "Comparison",
    "DecisionMap",
    "Drill",
    "Frontier",
    "Hindsight",
    "LoadExceedsCapacity",
    "Log",
    "PlannerError",
    "PriceUnknown",
    "Problem",
    "Replay",
    "Run",
    "Scenario",
    "ScenarioError",
    "Uncertainty",
    "bill",
    "break_even",
    "compare",
    "decision_map",
    "drill",
    "flow",
    "frontier",
    "hindsight",
    "load",
    "memo",
    "read_log",
    "replay",
    "simulate",
    "uncertainty",
    "week",
    "week_simulated",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'planner' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


warn_if_shadowed()
