"""What a finding is: one sentence with its number, the rows of a table behind it, and what is at stake.

Rules that make findings stand in `findings_money`, `findings_service` and `findings_answer`; they look at `Facts`, which
is a finished comparison with its parts at hand.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from planner.finance import Ledger
from planner.metrics import Estimate, Sample
from planner.scenario.fields import Scenario
from planner.workload.windows import Window

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison


@dataclass(frozen=True)
class Rows:
    """Rows of a table of `planner.experiments.rows.TABLES`: those that have a value (or one of several) in each column."""

    table: str
    where: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "table": self.table,
            "where": {name: list(one) if isinstance(one, tuple) else one for name, one in self.where.items()},
        }


@dataclass(frozen=True)
class Finding:
    """One sentence with its number.

    `usd` is the money at stake over the horizon and `share` the share of requests, calls or tokens concerned, where a
    rule knows one; findings are ordered by them. `subject` is what it is about beside the strategy: a deployment, a
    task or a target.
    """

    code: str
    strategy: str | None
    text: str
    value: float
    rows: Rows | None = None
    usd: Decimal | None = None
    share: float | None = None
    subject: str | None = None

    @property
    def key(self) -> str:
        """Names this finding among those of a comparison, the same on every run: what a button is keyed by."""
        return ":".join((self.code, self.strategy or "", self.subject or ""))


@dataclass(frozen=True)
class Facts:
    """What the rules look at."""

    comparison: "Comparison"
    scenario: Scenario
    windows: tuple[Window, ...]
    ledgers: Mapping[str, Ledger]
    estimates: Mapping[str, Mapping[tuple[str, str], Estimate]]
    samples: Mapping[str, tuple[Sample, ...]]

    @classmethod
    def of(cls, comparison: "Comparison") -> "Facts":
        """The facts of a comparison whose findings are still to be made."""
        results = comparison.results
        return cls(
            comparison,
            comparison.scenario,
            comparison.windows,
            {name: one.ledger for name, one in results.items()},
            {name: one.estimates for name, one in results.items()},
            {name: tuple(cell.sample for cell in one.cells) for name, one in results.items()},
        )

    @cached_property
    def by_account(self) -> Mapping[str, Mapping[str, Decimal]]:
        """STRATEGY: ACCOUNT: USD of its rows, in their order."""
        return {strategy: ledger.by("account") for strategy, ledger in self.ledgers.items()}

    def number(self, strategy: str, measure: str, task: str = "") -> float | None:
        found = self.estimates[strategy].get((task, measure))
        return None if found is None else found.value


def per_request(comparison: "Comparison", strategy: str, counted: Callable[[Sample], int]) -> float:
    """A count per request that arrives, over the plan: windows by their weights, as in every measure.

    A plain sum over windows would count a planted outage, or the first weeks of a plan, as much as all of the years.
    """
    cells = comparison.results[strategy].cells
    weights = comparison.plan.weights[0]
    return math.fsum(
        float(weight) * counted(cell.sample) / max(cell.sample.n, 1)
        for weight, cell in zip(weights, cells, strict=True)
    ) / math.fsum(float(weight) for weight in weights)


def tokens_per_request(comparison: "Comparison", strategy: str, meter: str) -> float:
    """Billed tokens of a meter per request that arrives."""
    return per_request(comparison, strategy, lambda sample: sample.billed_tokens[meter])


def calls_per_request(comparison: "Comparison", strategy: str, place: int) -> tuple[float, float]:
    """(calls, of them refused by a limit) of the deployment at a place of the scenario, per request that arrives."""
    return (
        per_request(comparison, strategy, lambda sample: sample.n_calls.get(place, 0)),
        per_request(comparison, strategy, lambda sample: sample.n_limited.get(place, 0)),
    )


Rule = Callable[[Facts], Iterator[Finding]]


def summary_rows(strategy: str, *measures: str, task: str = "") -> Rows:
    """Measures of a strategy, of all requests or of a task."""
    return Rows("summary", {"strategy": strategy, "task": task, "measure": measures})


__all__ = [
    "Facts",
    "Finding",
    "Rows",
    "Rule",
    "calls_per_request",
    "per_request",
    "summary_rows",
    "tokens_per_request",
]
