"""The figures of a comparison that its memo carries, and whether a comparison has the same.

Nothing is rounded: money as decimals with all their digits, measures as they were computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from planner.experiments import words
from planner.experiments.comparison import MONEY, Comparison
from planner.finance import plain
from planner.memos.state import MemoState

# Measure over all tasks: its unit.
MEASURES = {
    "latency_p50_s": "s",
    "latency_p95_s": "s",
    "latency_p99_s": "s",
    "ttft_p95_s": "s",
    "availability": "share",
    "accuracy": "share",
    "omni_share": "share",
    "goodput_per_s": "/s",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A figure that is not what the memo says. `memo` and `now` are texts; a dash where there is none."""

    strategy: str
    measure: str
    memo: str
    now: str

    def words(self) -> str:
        """`hybrid, tco_total_usd: 1,234 USD in the memo, 1,235 USD now`."""
        return f"{self.strategy}, {self.measure}: {self.memo} in the memo, {self.now} now"


def figures_of(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """STRATEGY: MEASURE: value, money as decimal strings; None where it is not known."""
    found: dict[str, dict[str, Any]] = {}
    for name, result in comparison.results.items():
        costs = comparison.costs(name)
        money = {measure: plain(costs[measure].value) if measure in costs else None for measure in MONEY}
        measured = {measure: result.estimates.get(("", measure)) for measure in MEASURES}
        found[name] = money | {
            measure: None if one is None else one.value for measure, one in measured.items()
        }
    return found


def compare_with_memo(comparison: Comparison, state: MemoState) -> list[Difference]:
    """Every figure of the memo that the comparison does not have to the last digit; empty where all are the same."""
    now = figures_of(comparison)
    found = []
    for strategy in dict.fromkeys([*state.figures, *now]):
        ours: Mapping[str, Any] = now.get(strategy, {})
        theirs: Mapping[str, Any] = state.figures.get(strategy, {})
        for measure in dict.fromkeys([*theirs, *ours]):
            if ours.get(measure) != theirs.get(measure):
                before, after = _words(measure, theirs.get(measure)), _words(measure, ours.get(measure))
                if before == after:  # they differ beyond what is shown
                    before, after = str(theirs.get(measure)), str(ours.get(measure))
                found.append(Difference(strategy=strategy, measure=measure, memo=before, now=after))
    return found


def _words(measure: str, value: Any) -> str:
    if value is None:
        return words.DASH
    if measure in MONEY:
        try:
            return words.unit_cost(Decimal(value)) if "_per_" in measure else words.amount(Decimal(value))
        except (InvalidOperation, TypeError, ValueError):
            return str(value)[:40]
    return (
        words.number(value, MEASURES.get(measure, "")) if isinstance(value, int | float) else str(value)[:40]
    )


__all__ = ["MEASURES", "Difference", "compare_with_memo", "figures_of"]
