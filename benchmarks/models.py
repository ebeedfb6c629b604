"""The scenarios that are timed."""

from typing import Any

from benchmarks import plain_simpy as plain

MONTH_S = 2_629_800


def two_providers() -> dict[str, Any]:
    """The model of `plain_simpy`, in the scenario language."""
    service = {"total_s": {"p50": plain.SERVICE_P50_S, "p95": plain.SERVICE_P95_S}}
    deployments = {
        name: {
            "model": "any",
            "latency": service,
            "limits": {"concurrent": cap, "requests_per_minute": rpm, "tokens_per_minute": None},
            "errors": {"rate": plain.ERROR_RATE, "latency_s": plain.ERROR_S},
        }
        for name, cap, rpm in zip(("first", "second"), plain.CAPS, plain.RPM, strict=True)
    }
    return {
        "name": "Two providers with failover",
        "traffic": {"requests_per_month": plain.ARRIVALS_PER_S * MONTH_S},
        "tasks": {"any": {"input_tokens": 500, "output_tokens": 200}},
        "models": {"any": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
        "deployments": deployments,
        "strategies": {"failover": {"omni": ["first", "second"]}},
        "policy": {
            "timeout_s": plain.TIMEOUT_S,
            "retries": plain.RETRIES,
            "backoff": {"kind": "full-jitter", "base_s": plain.BASE_S, "cap_s": plain.CAP_S},
            "breaker": {"failures": plain.FAILURES, "open_s": plain.OPEN_S},
        },
        "finance": {"horizon_months": 1},
    }


def slots(concurrent: int, load: float) -> dict[str, Any]:
    """One deployment with `concurrent` slots at an offered load of `load` times them; a bounded queue of 1,000."""
    mean_s = 2.0
    return {
        "name": f"{concurrent} slots at load {load:g}",
        "traffic": {"requests_per_month": load * concurrent / mean_s * MONTH_S},
        "tasks": {"any": {"input_tokens": 500, "output_tokens": 200}},
        "models": {"any": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
        "deployments": {
            "only": {
                "model": "any",
                "latency": {"total_s": {"exponential_mean": mean_s}},
                "limits": {"concurrent": concurrent},
            }
        },
        "strategies": {"one": {"omni": ["only"]}},
        "policy": {"timeout_s": None, "retries": 0, "breaker": None, "queue_limit": 1000},
        "finance": {"horizon_months": 1},
    }


#: Brings the default scenario to about a million simulated requests over its three strategies.
A_MILLION = {"run.window_s": 3240.0, "run.replications": 24}
