"""The table of a replay as people read it: one row a figure, by strategy, from low to high; the same on every face.

Comes in: a Replay; goes out: rows of numbers with their unit. Nothing is formatted and no figure is made here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.experiments.replay_tokens import LEVELS
from planner.metrics import LOST

if TYPE_CHECKING:
    from planner.experiments.replay import Replay

USD = "USD"
#: Measures in reading order: name in words, by measure.
WORDS = {
    "latency_p50_s": "latency, p50",
    "latency_p95_s": "latency, p95",
    "latency_p99_s": "latency, p99",
    "ttft_p50_s": "first token, p50",
    "ttft_p95_s": "first token, p95",
    "availability": "availability",
    "accuracy": "right answers",
    "omni_share": "sent to omni",
    "over_context_share": "over a context window",
}
HIDDEN_AT_ZERO = ("over_context_share",)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure with the tokens as counted, and at the low and the high end of what they may be; None is unknown."""

    central: Decimal | float | None
    low: Decimal | float | None
    high: Decimal | float | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table: strategies without the figure have none."""

    measure: str
    words: str
    unit: str
    by_strategy: dict[str, Spread]


def rows_of(found: "Replay") -> tuple[Row, ...]:
    """Cost, latency, reliability and right answers; rows that say nothing about any strategy are left out."""
    made = [*_money(found), *_measures(found), *_lost(found)]
    return tuple(
        row
        for row in made
        if any(one.central is not None for one in row.by_strategy.values()) and not _is_idle(row)
    )


def _is_idle(row: Row) -> bool:
    return row.measure in HIDDEN_AT_ZERO and all(
        not end for one in row.by_strategy.values() for end in (one.low, one.central, one.high)
    )


def _money(found: "Replay") -> Iterator[Row]:
    from planner.experiments.replay import money_of

    objective = found.scenario.objective
    made = {name: money_of(one, found.log.n) for name, one in found.strategies.items()}
    invoiced = [("total_invoiced_usd", "of it, on an invoice")] if objective == "economic" else []
    for measure, words in (
        (f"total_{objective}_usd", "cost of the log"),
        *invoiced,
        (f"use_{objective}_usd", "of it, its requests"),
        ("standing_usd", "of it, standing charges"),
        (f"per_1k_{objective}_usd", "per 1,000 requests"),
        (f"month_{objective}_usd", "a month like it"),
    ):
        by_strategy = {name: Spread(**one[measure]) for name, one in made.items()}
        yield Row(measure=measure, words=words, unit=USD, by_strategy=by_strategy)


def _measures(found: "Replay") -> Iterator[Row]:
    from planner.experiments.replay import unit_of

    for measure, words in WORDS.items():
        by_strategy = {}
        for name, one in found.strategies.items():
            ends: dict[str, Any] = {}
            for level in LEVELS:
                estimate = one.levels[level].estimates.get(("", measure))
                ends[level] = None if estimate is None else estimate.value
            by_strategy[name] = Spread(**ends)
        yield Row(measure=measure, words=words, unit=unit_of(measure), by_strategy=by_strategy)


def _lost(found: "Replay") -> Iterator[Row]:
    """Shares that were lost, by cause; 0 where a strategy lost nothing by it."""
    causes = {
        measure
        for one in found.strategies.values()
        for outcome in one.levels.values()
        for task, measure in outcome.estimates
        if task == "" and measure.startswith(LOST) and outcome.estimates[task, measure].value
    }
    for measure in sorted(causes):
        by_strategy = {}
        for name, one in found.strategies.items():
            ends = {level: one.levels[level].estimates.get(("", measure)) for level in LEVELS}
            by_strategy[name] = Spread(
                **{level: 0.0 if end is None else end.value for level, end in ends.items()}
            )
        yield Row(
            measure=measure,
            words=f"lost: {measure.removeprefix(LOST)}",
            unit="share",
            by_strategy=by_strategy,
        )


__all__ = ["USD", "WORDS", "Row", "Spread", "rows_of"]
