"""A case of `cases/` as the planner sees it: its configuration imported, its providers scripted, its requests replayed.

`planned(name)` gives what `recordings.run(name)` gives of the real router, from a simulation instead. Nothing but the
configuration says how requests are routed: what the import makes of it stands, with the router's jitter switched off
as in the recordings.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planner.engines.run import run_window
from planner.gateways import import_litellm
from planner.gateways.yaml_text import yaml_text
from planner.scenario import Scenario, loads
from planner.workload.windows import plan_windows
from tests.gateway import recordings
from tests.gateway.fake_provider import Fault, Script

FOREVER_S = 1e6
MODES = {"error": "error", "limited": "limited", "hang": "hang"}


@dataclass(frozen=True, kw_only=True)
class PlannedCall:
    """One upstream call, as in a recording."""

    provider: str
    at_s: float
    status: int


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a simulation gives of a case: calls in the order of their starts, and each request's end."""

    calls: tuple[PlannedCall, ...]
    ended_s: tuple[float, ...]
    answered_by: tuple[str | None, ...]
    scenario: Scenario


def planned(name: str, seed: int = 1) -> Planned:
    """Simulate a case.

    Raises ValueError for a script that the planner has no words for.
    """
    case = recordings.load_case(name)
    (model,) = {request["model"] for request in case["requests"]}
    config = copy.deepcopy(case["config"])
    for entry in config["model_list"]:  # deployments are called as their providers are
        entry.setdefault("model_info", {})["id"] = _provider(entry)
    found = import_litellm(yaml_text(config), f"{name}.yaml", {})
    scenario = loads(found.text, name, overrides=dict.fromkeys(found.unpriced, 1))
    scenario = scenario.set(dict(_overrides(scenario, case, seed)))
    run = run_window(scenario, model, plan_windows(scenario)[0])
    attempts = run.attempts.sort_values(["started_s", "request", "attempt"], kind="stable")
    return Planned(
        calls=tuple(
            PlannedCall(provider=row.deployment, at_s=row.started_s, status=row.status)
            for row in attempts.itertuples()
        ),
        ended_s=tuple(run.outcomes["ended_s"]),
        answered_by=tuple(
            row.deployment if row.outcome == "ok" else None for row in run.outcomes.itertuples()
        ),
        scenario=scenario,
    )


def _provider(entry: Mapping[str, Any]) -> str:
    return str(entry["litellm_params"]["api_base"].split("/")[3])


def _overrides(scenario: Scenario, case: Mapping[str, Any], seed: int) -> Iterator[tuple[str, Any]]:
    """What the case says beside the configuration: how providers answer, and when requests come."""
    scripts = {provider: Script.read(document) for provider, document in case["providers"].items()}
    # A model for each provider: answers have a length of their own there.
    answers = {f"output_tokens.made-by-{name}": script.completion_tokens for name, script in scripts.items()}
    rows = [
        {"arrival_s": request["at_s"], "input_tokens": request["input_tokens"], "output_tokens": 1, **answers}
        for request in case["requests"]
    ]
    yield "traffic", {"trace": {"rows": rows}}
    model = {"context_tokens": 128_000, "input_usd_per_mtok": 1, "output_usd_per_mtok": 1}
    yield "models", {f"made-by-{name}": model for name in scripts}
    yield "run.replications", 1
    yield "run.seed", seed
    yield "policy.retry_after_jitter_s", 0
    backoff = scenario.policy.backoff
    yield (
        "policy.backoff",
        {"kind": "litellm", "base_s": backoff.base_s, "cap_s": backoff.cap_s, "jitter_s": 0},
    )
    for provider, script in scripts.items():
        if not isinstance(script.latency_s, int | float):
            raise ValueError(f"{provider}: latencies by call")
        place = f"deployments.{provider}"
        yield f"{place}.model", f"made-by-{provider}"
        yield f"{place}.latency", {"total_s": script.latency_s}
        yield f"{place}.errors", None
        yield from _faults(place, script.faults)
        if not _has_own_limits(scenario, provider):
            yield f"{place}.limits", None


def _has_own_limits(scenario: Scenario, provider: str) -> bool:
    """Whether the configuration itself, not the catalogue, limits a deployment."""
    return "limits" in scenario.deployments[provider].model_fields_set


def _faults(place: str, faults: Any) -> Iterator[tuple[str, Any]]:
    windows = []
    for fault in faults:
        if fault.from_call != 1 or fault.to_call != float("inf"):
            raise ValueError(f"{place}: faults by call")
        if fault.mode == "content_filter":
            yield f"{place}.content_filter", {"share": 1, "latency_s": fault.after_s}
        elif fault.mode in MODES:
            windows.append(_window(fault))
        else:
            raise ValueError(f"{place}: {fault.mode}")
    yield f"{place}.outages", windows or None


def _window(fault: Fault) -> dict[str, Any]:
    if fault.mode == "error" and fault.status is not None and fault.status < 500:
        raise ValueError(f"status {fault.status}")
    window: dict[str, Any] = {
        "from_s": fault.from_s, "to_s": min(fault.to_s, FOREVER_S), "mode": MODES[fault.mode],
    }  # fmt: skip
    if fault.mode != "hang":
        window["error_latency_s"] = fault.after_s
    if fault.mode == "error" and fault.status is not None:
        window["status"] = fault.status
    if fault.mode == "limited" and fault.retry_after_s is not None:
        window["retry_after_s"] = fault.retry_after_s
    return window
