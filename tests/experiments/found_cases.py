"""Small scenarios in which each rule of the findings has something to say, as changes of one base."""

from typing import Any

from planner.scenario import load
from planner.scenario.fields import Scenario

LAW = {"p50": 500, "p95": 1500}
BASE: dict[str, Any] = {
    "name": "Cases",
    "objective": "invoiced",
    "start": "2027-01-01",
    "traffic": {"requests_per_month": 400_000},
    "tasks": {
        "faq": {
            "share": 0.7,
            "input_tokens": LAW,
            "output_tokens": 120,
            "max_output_tokens": 300,
            "accuracy": {"big": 0.95, "small": 0.9},
        },
        "hard": {
            "share": 0.3,
            "input_tokens": 900,
            "output_tokens": 200,
            "max_output_tokens": 300,
            "accuracy": {"big": 0.9, "small": 0.7},
        },
    },
    "models": {
        "big": {
            "input_usd_per_mtok": 2.5,
            "cached_input_usd_per_mtok": 0.25,
            "output_usd_per_mtok": 10,
            "context_tokens": 100_000,
        },
        "small": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6, "context_tokens": 100_000},
    },
    "deployments": {
        "omni": {
            "model": "big",
            "latency": {"ttft_s": {"p50": 0.5, "p95": 1.2}, "tokens_per_s": 80},
            "errors": None,
            "outages": None,
            "limits": None,
        },
        "mini": {
            "model": "small",
            "latency": {"ttft_s": {"p50": 0.3, "p95": 0.8}, "tokens_per_s": 120},
            "errors": None,
            "outages": None,
            "limits": None,
        },
        "own": {
            "model": "small",
            "trust": "in-house",
            "latency": {"ttft_s": 1, "tokens_per_s": 60},
            "errors": None,
            "outages": None,
            "limits": None,
        },
    },
    "strategies": {
        "omni-only": {"omni": ["omni"]},
        "mini-only": {"mini": ["mini"]},
        "hybrid": {
            "omni": ["omni"],
            "mini": ["mini"],
            "router": {"kind": "threshold", "omni_share": 0.3},
        },
    },
    "policy": {"timeout_s": 30, "retries": 1},
    "slo": {"p95_latency_s": 60},
    "finance": {"horizon_months": 3},
    "run": {"seed": 5, "replications": 4, "window_s": 900},
}  # fmt: skip

# CODE: changes of the base under which the rule finds something.
CASES: dict[str, dict[str, Any]] = {
    "limit-binds": {"deployments.omni.limits": {"requests_per_minute": 6, "burst_s": 20}},
    "waiting": {"deployments.omni.limits": {"concurrent": 1}},
    "over-context": {"models.small.context_tokens": 1200},
    "over-budget": {"finance.budget_usd_per_month": 300},
    "unrated": {"tasks.hard.accuracy": {"big": 0.9}},
    "cached-share": {"deployments.omni.prompt_cache": {}, "tasks.hard.shared_prefix_tokens": 1500},
    "prompt-cache-off": {"tasks.hard.shared_prefix_tokens": 1500},
    "calls-per-request": {"deployments.omni.errors": {"rate": 0.3}},
    "hidden-tokens": {"models.big.reasoning_tokens_per_output_token": 1},
    "wasted-spend": {"policy.timeout_s": 2.5},
    "errors-outweigh-the-bill": {"tasks.hard.cost_of_wrong_answer_usd": 2, "objective": "economic"},
    "sensitive-outside": {"tasks.faq.sensitive": 0.5},
    "near-miss": {"slo.accuracy": 0.88},
    "no-target": {"slo": {}},
    "mean-against-median": {},
    "dominated": {
        "models.small.output_usd_per_mtok": 40,
        "deployments.mini.latency": {"ttft_s": 4, "tokens_per_s": 80},
    },
    "migration": {
        "models.bigger": {"input_usd_per_mtok": 3, "output_usd_per_mtok": 12},
        "finance.migrations": [{"at": "2027-02-01", "from": "big", "to": "bigger"}],
    },
    "own-breaker": {
        "deployments.omni.errors": {"rate": 0.5},
        "policy.breaker": {"failures": 2, "open_s": 30},
    },
    "outage-windows": {"deployments.omni.outages": {"mtbf_h": 2000, "duration_h": 1}},
}  # fmt: skip
HEDGED = {"policy.hedge": {"after_s": 0.6}}
SHIPPED = (
    "coding-assistant", "email-triage", "launch-2024", "o1-mini-2024", "on-device", "overnight-labels", "photo-search",
    "support-chatbot", "unified-platform", "voice-assistant",
)  # fmt: skip


def base() -> Scenario:
    return load(BASE)


def case(code: str) -> Scenario:
    """The base with the changes of a case."""
    return base().set(CASES[code])


def shipped(name: str) -> Scenario:
    """A shipped scenario in short: so many windows that rare outages are planted."""
    found = load(f"scenarios/{name}.yaml")
    return found.set({"run.replications": 4, "run.window_s": min(found.run.window_s, 600)})
