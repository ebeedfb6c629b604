"""A decision map as plain values for JSON: money as decimal strings, numbers as they are."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.finance import plain

if TYPE_CHECKING:
    from planner.experiments.decision_map import DecisionMap, MapCell
    from planner.experiments.map_axes import Axis


def document(found: "DecisionMap") -> dict[str, Any]:
    """The JSON document of `planner map --json`."""
    return {
        "scenario": found.scenario.name,
        "hash": found.scenario.hash,
        "objective": found.scenario.objective,
        "strategies": list(found.strategies),
        "x": _axis(found.x),
        "y": _axis(found.y),
        "today": _cell(found.today),
        "today_at": None
        if found.today_at is None
        else dict(zip(("column", "row"), found.today_at, strict=True)),
        "cells": [_cell(cell) for cell in found.cells],
        "runs": [
            {
                "x": run.x,
                "y": run.y,
                "window_s": run.length.window_s,
                "windows": run.n_windows,
                "why_this_length": run.length.reason,
                "simulated_requests": run.simulated_requests,
            }
            for run in found.runs
        ],
        "notices": list(found.notices),
        "seconds": found.seconds,
    }


def _axis(axis: "Axis") -> dict[str, Any]:
    return {**asdict(axis), "values": list(axis.values)}


def _cell(cell: "MapCell") -> dict[str, Any]:
    return {
        "x": cell.x,
        "y": cell.y,
        "winner": cell.winner,
        "tied": dict(cell.tied),
        "costs_usd": {
            name: {
                "value": plain(cost.value),
                "low": None if cost.low is None else plain(cost.low),
                "high": None if cost.high is None else plain(cost.high),
            }
            for name, cost in cell.costs.items()
        },
        "misses": {name: list(words) for name, words in cell.failed.items()},
        "gates_failed": {name: list(gates) for name, gates in cell.gates.items()},
        "is_simulated": cell.is_simulated,
        "run": cell.run,
    }
