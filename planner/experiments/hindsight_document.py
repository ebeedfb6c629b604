"""The JSON document of a look back, and its months as CSV: plain values, money and quantities as decimal strings."""

import csv
import io
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from planner.experiments.answer import Cost
from planner.experiments.hindsight import HELD, Choice, Hindsight, Together
from planner.finance import plain

VERSION = 1
CSV_COLUMNS = ("strategy", "month", "first_day", "day_after_last", "invoiced_usd", "economic_usd")


def document(found: Hindsight) -> dict[str, Any]:
    """Plain values only."""
    return {
        "version": VERSION,
        "scenario": {
            "name": found.scenario.name,
            "hash": found.scenario.hash,
            "seed": found.scenario.run.seed,
            "objective": found.scenario.objective,
        },
        "engine": found.engine,
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "currency": "USD",
        "simulated_requests": found.simulated_requests,
        "answer": found.answer,
        "notices": [*found.notices, HELD],
        "strategies": {name: _strategy(found, name) for name in found.stretches},
        "together": None if found.together is None else _together(found.together),
        "months": [dict(zip(CSV_COLUMNS, map(_plain, row), strict=True)) for row in found.month_rows()],
        "steps": [{key: _plain(value) for key, value in row.items()} for row in found.step_rows()],
        "ledger": [row for one in found.choices.values() for row in one.ledger.rows_json()],
    }


def months_csv(found: Hindsight) -> str:
    """The bills by month over each strategy's own days, every digit."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(CSV_COLUMNS)
    lines.writerows([_plain(value) for value in row] for row in found.month_rows())
    return text.getvalue()


def _strategy(found: Hindsight, name: str) -> dict[str, Any]:
    one = found.stretches[name]
    told: dict[str, Any] = {key: _plain(value) for key, value in asdict(one).items() if key != "strategy"}
    told["days"] = one.days
    told |= {"cost": None, "per_1k_requests": None, "change_days": []}
    if name in found.choices:
        choice = found.choices[name]
        told["cost"] = {view: _cost(choice.cost(f"{view}_usd")) for view in ("invoiced", "economic")}
        told["per_1k_requests"] = _per_1k(choice)
        told["change_days"] = [
            {
                "day": day.day.isoformat(),
                "mean_month_before_usd": plain(day.before_usd),
                "mean_month_after_usd": plain(day.after_usd),
            }
            for day in choice.changes
        ]
    return told


def _per_1k(choice: Choice) -> dict[str, str | None]:
    return {
        "invoiced_usd": _plain(choice.tco.invoiced_per_1k_usd),
        "economic_usd": _plain(choice.tco.economic_per_1k_usd),
        "expected_requests": _plain(choice.tco.expected_requests),
    }


def _together(found: Together) -> dict[str, Any]:
    return {
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "best": found.best,
        "ranked": list(found.ranked),
        "strategies": {
            name: {
                "cost": {view: _cost(found.cost(name, f"{view}_usd")) for view in ("invoiced", "economic")},
                "regret": {
                    view: _cost(found.regret(name, f"{view}_usd")) for view in ("invoiced", "economic")
                },
                "misses": list(found.misses[name]),
            }
            for name in found.ranked
        },
    }


def _cost(one: Cost) -> dict[str, str | None]:
    return {"usd": plain(one.value), "low": _plain(one.low), "high": _plain(one.high)}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else value


__all__ = ["CSV_COLUMNS", "document", "months_csv"]
