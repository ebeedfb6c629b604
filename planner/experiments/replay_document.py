"""The JSON document of a replay: the contract of `planner replay --json` and `to_dict()`.

Plain values; money is a decimal string and a sum of ledger rows; measures are {low, central, high} over what tokens may be,
null where not known.
"""

from typing import TYPE_CHECKING, Any

from planner.experiments.replay_tokens import LEVELS
from planner.finance.ledger import plain
from planner.metrics import LOST

if TYPE_CHECKING:
    import pandas as pd

    from planner.experiments.replay import Replay, StrategyReplay

VERSION = 1


def document(found: "Replay") -> dict[str, Any]:
    """Plain values only: numbers, text, lists and mappings."""
    log = found.log
    return {
        "version": VERSION,
        "scenario": {
            "name": found.scenario.name,
            "seed": found.scenario.run.seed,
            "start": found.scenario.start.isoformat(),
            "objective": found.scenario.objective,
        },
        "log": {
            "source": log.source,
            "hex": log.hex,
            "requests": log.n,
            "rows": log.n_read,
            "left_out": log.n_bad,
            "left_out_by_column": dict(log.bad_counts),
            "bad_rows": [vars(one) for one in log.bad_rows],
            "span_s": log.span_s,
            "start": None if log.start is None else log.start.isoformat(),
            "columns": [vars(one) for one in log.columns],
            "profile": _profile(found),
        },
        "counted_by": found.counted_by,
        "counted_by_reason": found.counted_by_reason,
        "factors": [vars(row) for row in found.factors],
        "answer": found.answer,
        "winner": found.winner,
        "notices": list(found.notices),
        "windows": found.n_windows,
        "simulated_requests": found.simulated_requests,
        "strategies": {name: _strategy(found, one) for name, one in found.strategies.items()},
    }


def _strategy(found: "Replay", one: "StrategyReplay") -> dict[str, Any]:
    from planner.experiments.replay import MEASURES, money_of

    kept = [key for key in one.central.estimates if key[1] in MEASURES or key[1].startswith(LOST)]
    tasks: dict[str, dict[str, Any]] = {}
    for task, measure in kept:
        ends = {level: one.levels[level].estimates.get((task, measure)) for level in LEVELS}
        values = {level: None if end is None else end.value for level, end in ends.items()}
        central = one.central.estimates[task, measure]
        luck = {"luck_low": central.low, "luck_high": central.high}
        tasks.setdefault(task, {})[measure] = values | luck
    return {
        "meets_targets": {level: one.meets(level) for level in LEVELS},
        "misses": {level: list(one.levels[level].misses) for level in LEVELS},
        "money": {
            measure: {level: None if usd is None else plain(usd) for level, usd in levels.items()}
            for measure, levels in money_of(one, found.log.n).items()
        },
        "measures": tasks.pop("", {}),
        "tasks": tasks,
        "ledger": {
            level: {"use": outcome.use.rows_json(), "standing": outcome.standing.rows_json()}
            for level, outcome in one.levels.items()
        },
        "paid_once": one.once.rows_json(),
    }


def _profile(found: "Replay") -> dict[str, Any]:
    profile = found.log.profile
    return {
        "words": list(profile.words),
        "busiest_requests_per_s": None
        if profile.busiest_per_s != profile.busiest_per_s
        else profile.busiest_per_s,
        "load": _records(profile.load.drop(columns="moment")),
        "hours": _records(profile.hours),
        "sizes": _records(profile.sizes),
        "dispersion": _records(profile.dispersion),
    }


def _records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    return [
        {str(name): value.item() if hasattr(value, "item") else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


__all__ = ["VERSION", "document"]
