"""A small recording whose drill can be worked out by hand: one request every `gap_s` seconds, all alike.

Each asks 1,000 tokens and is answered with 100 in half a second, by `first` (1 and 2 USD per million tokens) or by
`second` (3 and 6 USD). Errors of an outage are answered at once.
"""

from typing import Any

from planner.scenario import Scenario
from planner.scenario.reading import load

MINUTES_OF_RECORDING = 90


def tree(gap_s: float = 1.0, minutes: float = MINUTES_OF_RECORDING) -> dict[str, Any]:
    """The scenario as plain values; an outage of provider `openai` is without latency."""
    rows = [
        {"arrival_s": k * gap_s, "input_tokens": 1000, "output_tokens": 100}
        for k in range(int(minutes * 60 / gap_s))
    ]
    bare = {"latency": {"total_s": 0.5}, "errors": None}
    quiet = {"mtbf_h": 1e6, "duration_h": 0.1, "error_latency_s": 0.0}
    return {
        "name": "By hand",
        "start": "2027-01-01",
        "traffic": {"trace": {"rows": rows}},
        "tasks": {"ask": {}},
        "models": {
            "cheap": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
            "dear": {"input_usd_per_mtok": 3, "output_usd_per_mtok": 6},
        },
        "deployments": {
            "first": {
                "model": "cheap", "provider": "openai", "limits": None, "outages": quiet, **bare,
            },
            "second": {
                "model": "dear", "provider": "together", "outages": None, "limits": None, **bare,
            },
        },
        "strategies": {"both": {"omni": ["first", "second"]}, "alone": {"omni": ["first"]}},
        "policy": {"retries": 0, "breaker": None, "timeout_s": 5},
        "finance": {"horizon_months": 1},
        "run": {"seed": 3, "replications": 2},
    }  # fmt: skip


def scenario(gap_s: float = 1.0, minutes: float = MINUTES_OF_RECORDING, **changes: Any) -> Scenario:
    """The scenario, with fields replaced: `__` stands for a dot."""
    found = load(tree(gap_s, minutes))
    return (
        found.set({name.replace("__", "."): value for name, value in changes.items()}) if changes else found
    )


def limited(scenario: Scenario, **limits: Any) -> Scenario:
    """The scenario with limits at the second deployment."""
    return scenario.set(
        {
            "deployments.second.limits": {
                "tokens_per_minute": None,
                "kind": "token-bucket",
                "charge": "estimate",
                **limits,
            }
        }
    )
