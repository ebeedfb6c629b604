"""Small scenarios and windows that the tests of bills share."""

from typing import Any, NamedTuple

from planner.finance.quantities import Key, Quantities
from planner.scenario.fields import Scenario

OMNI = "gpt-4o-2024-11-20"
MEAN_MONTH_S = 2_629_800  # 30.4375 days: a 30-day month gets 30/30.4375 of requests_per_month


class Window(NamedTuple):
    """What scaling needs of a window."""

    era: int = 0
    weight: float = 1.0
    stratum: str = ""
    volume: float = 1.0


def scenario(**changes: Any) -> Scenario:
    """One task on one omni model in January 2025; one million expected requests a day."""
    tree: dict[str, Any] = {
        "name": "a bill",
        "start": "2025-01-01",
        "traffic": {"requests_per_month": 30_437_500},  # a million a day
        "tasks": {"faq": {}},
        "deployments": {"omni": {"model": OMNI, "provider": "openai"}},
        "strategies": {"omni-only": {"omni": ["omni"]}},
        "finance": {"horizon_months": 1, "discount_rate": 0.0},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        here = tree
        for step in parents:
            here = here.setdefault(step, {})
        here[last] = value
    return Scenario.model_validate(tree)


def counted(task: str = "faq", requests: int = 1, failed: int = 0, **counts: int) -> Quantities:
    """Counts of a window: `omni__api__input=5` is 5 tokens, `none__router__requests=3` belongs to nobody.

    Waste has its cause: `omni__wasted_lost_answer__output=5` is of kind wasted/lost-answer.
    """
    found: Quantities = {
        Key(task, None, "requests", "arrived"): requests,
        Key(task, None, "requests", "completed"): requests - failed,
    }
    if failed:
        found[Key(task, None, "requests", "failed")] = failed
    for name, count in counts.items():
        deployment, kind, meter = name.split("__")
        kind = kind.replace("wasted_", "wasted/").replace("_", "-")
        found[Key(task, None if deployment == "none" else deployment.replace("_", "-"), kind, meter)] = count
    return found
