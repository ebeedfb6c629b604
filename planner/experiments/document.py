"""The JSON document of a comparison: the contract of `planner compare --json` and `to_dict()`.

Every estimated number is {value, low, high}, null with a reason where it is not known; money is a
decimal string, inside {value, low, high} too, and equals the sum of the ledger rows beside it.
Requests and tokens are means per window as plain numbers.
"""

from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.experiments import verdicts
from planner.experiments.answer import Cost
from planner.experiments.causes import all_wasted, scopes, wasted
from planner.finance import plain
from planner.metrics import LOST, Estimate

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison, StrategyResult
    from planner.experiments.finding import Finding

VERSION = 1
TIMES = {"latency_s": "latency", "ttft_s": "ttft", "wait_s": "wait"}
STATISTICS = ("mean", "p50", "p90", "p95", "p99")


def document(comparison: "Comparison") -> dict[str, Any]:
    """Plain values only: numbers, text, lists and mappings."""
    scenario = comparison.scenario
    return {
        "version": VERSION,
        "scenario": {
            "name": scenario.name,
            "hash": scenario.hash,
            "seed": scenario.run.seed,
            "version": scenario.schema_version,
            "objective": scenario.objective,
            "horizon_months": scenario.finance.horizon_months,
            "until": None if scenario.finance.until is None else scenario.finance.until.isoformat(),
            "start": scenario.start.isoformat(),
        },
        "engine": comparison.engine,
        "windows": len(comparison.windows),
        "simulated_requests": comparison.simulated_requests,
        "represented_requests": comparison.represented_requests,
        "volume": _volume(comparison),
        "answer": comparison.answer,
        "winner": comparison.winner,
        "targets": _targets(comparison),
        "findings": [_finding(comparison, one) for one in comparison.findings],
        "notices": list(comparison.notices),
        "strategies": {name: _strategy(comparison, result) for name, result in comparison.results.items()},
        "differences": _differences(comparison),
    }


def _targets(comparison: "Comparison") -> dict[str, Any]:
    """Every target held against every strategy, near misses, who is excluded, and what is left to spare."""
    held = verdicts.matrix(comparison)
    return {
        "matrix": [one.to_dict() for one in held],
        "near_misses": [
            {"strategy": one.strategy, "missed": [row.path for row in one.missed], "text": one.text}
            for one in verdicts.near_misses(held)
        ],
        "excluded": [
            {
                "strategy": one.strategy,
                "missed": [row.path for row in one.missed],
                "against": one.against,
                "saving_usd": None if one.saving is None else _cost(one.saving),
                "text": one.text,
            }
            for one in verdicts.exclusions(comparison, held)
        ],
        "to_spare": [
            {"strategy": one.strategy, "path": one.held.path, "text": one.text}
            for one in verdicts.spares(held)
        ],
        "note": None if held else verdicts.NO_TARGET,
    }


def _finding(comparison: "Comparison", one: "Finding") -> dict[str, Any]:
    """A finding with the rows behind it; those of the ledger stand under `strategies`, and are named only."""
    rows = None
    if one.rows is not None:
        rows = one.rows.to_dict()
        if one.rows.table != "ledger":
            rows["records"] = [
                {name: _value(value) for name, value in record.items()}
                for record in comparison.rows_behind(one).to_dict("records")
            ]
    return {
        "code": one.code,
        "key": one.key,
        "strategy": one.strategy,
        "text": one.text,
        "value": one.value,
        "at_stake": {"usd": _plain(one.usd), "share": one.share},
        "rows": rows,
        "fixes": [fix.to_dict() for fix in comparison.fixes(one)],
    }


def _value(value: Any) -> Any:
    """A cell of a table as JSON has it: money as a decimal string, null for what is missing."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value


def _volume(comparison: "Comparison") -> dict[str, float | None]:
    from planner.workload.windows import counts

    told = counts(comparison.scenario)
    return {
        "turns_per_month": told.turns_per_month,
        "conversations_per_month": told.conversations_per_month,
        "users_active_per_day": told.users_active_per_day,
    }


def _strategy(comparison: "Comparison", result: "StrategyResult") -> dict[str, Any]:
    verdict = comparison.verdicts[result.name]
    tokens = {"input": "input", "cached": "cached_input", "output": "output", "reasoning": "reasoning"}
    tokens |= {meter: meter for meter in ("image", "audio_input", "audio_output", "cache_write")}
    found = {
        "meets_targets": verdict.meets,
        "misses": list(verdict.misses),
        "requests": {
            which: _number(result.mean_count(which)) for which in ("arrived", "completed", "failed")
        },
        **_measures(comparison, result, ""),
        "tokens": {name: _number(result.mean_tokens(meter)) for name, meter in tokens.items()},
        **_money(comparison, result),
        "slo": [
            {
                "measure": row.measure,
                "task": row.task,
                "target": row.target,
                "value": row.value,
                "met": row.met,
                **({"reason": row.reason} if row.value is None else {}),
            }
            for row in comparison.slo_rows
            if row.strategy == result.name
        ],
        "tasks": {task: _measures(comparison, result, task) for task in comparison.scenario.tasks},
        "ledger": result.ledger.rows_json(),
    }
    return found


def _measures(comparison: "Comparison", result: "StrategyResult", task: str) -> dict[str, Any]:
    """Latency, reliability, load and quality of a strategy, over all requests or those of a task."""

    def of(measure: str) -> dict[str, Any]:
        return _estimate(result.estimates.get((task, measure), Estimate(None, reason="no such requests")))

    found: dict[str, Any] = {
        key: {statistic: of(f"{base}_{statistic}_s") for statistic in STATISTICS}
        for key, base in TIMES.items()
    }
    found["output_tokens_per_s"] = {statistic: of(f"speed_{statistic}") for statistic in ("p05", *STATISTICS)}
    for name in (
        "availability",
        "accuracy",
        "omni_share",
        "goodput_per_s",
        "sensitive_outside",
        "over_context_share",
        "repeated_share",
        "unasked_share",
    ):
        found[name] = of(name)
    found["served_share"] = _grouped(result, task, "served_share:")
    found["failed_share"] = _grouped(result, task, LOST)
    scope = dict(scopes(comparison.scenario))[task]
    found["failed_requests"] = {cause: _number(n) for cause, n in result.mean_lost(scope).items()}
    for name in ("input_tokens", "output_tokens"):
        found[f"{name}_per_request"] = {
            statistic: of(f"{name}_{statistic}") for statistic in ("mean", "p50", "p95")
        }
    return found


def _grouped(result: "StrategyResult", task: str, prefix: str) -> dict[str, Any]:
    return {
        measure.removeprefix(prefix): _estimate(one)
        for (scope, measure), one in result.estimates.items()
        if scope == task and measure.startswith(prefix)
    }


def _money(comparison: "Comparison", result: "StrategyResult") -> dict[str, Any]:
    costs = comparison.costs(result.name)
    unknown = dict(result.tco.unknown)

    def of(measure: str, why: str = "") -> dict[str, Any]:
        cost = costs.get(measure)
        return (
            {"value": None, "low": None, "high": None, "reason": unknown.get(why, "unknown")}
            if cost is None
            else _cost(cost)
        )

    return {
        "cost_per_1k_requests_usd": of("cost_per_1k_requests_usd", "per_1k_usd"),
        "economic_cost_per_1k_requests_usd": of("economic_cost_per_1k_requests_usd", "per_1k_usd"),
        "cost_per_correct_answer_usd": of("cost_per_correct_answer_usd", "per_correct_usd"),
        "economic_cost_per_correct_answer_usd": of("economic_cost_per_correct_answer_usd", "per_correct_usd"),
        "tco_usd": {"total": of("tco_total_usd"), "npv": of("tco_npv_usd")},
        "economic_tco_usd": {"total": of("economic_tco_total_usd"), "npv": of("economic_tco_npv_usd")},
        "wasted_usd": {
            "total": _cost(all_wasted(result)),
            "by_cause": {cause: _cost(cost) for cause, cost in wasted(result).items()},
        },
    }


def _differences(comparison: "Comparison") -> list[dict[str, Any]]:
    return [
        {"a": a, "b": b, "measure": measure, "value": _plain(value), "low": _plain(low), "high": _plain(high)}
        for a, b in combinations(comparison.results, 2)
        for measure, value, low, high in comparison.difference_rows(a, b)
    ]


def _estimate(one: Estimate) -> dict[str, Any]:
    found: dict[str, Any] = {"value": one.value, "low": one.low, "high": one.high}
    return found if one.reason is None else found | {"reason": one.reason}


def _cost(cost: Cost) -> dict[str, Any]:
    return {"value": plain(cost.value), "low": _plain(cost.low), "high": _plain(cost.high)}


def _plain(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


def _number(value: float) -> float | int:
    """A mean that is whole is shown whole."""
    return int(value) if value == int(value) else value
