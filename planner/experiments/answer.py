"""The answer: gates, verdicts and one plain sentence.

Among the strategies that meet every gate the cheapest wins, by the scenario's objective; a paired
interval that covers zero is "no clear winner", and where none meets the gates the nearest is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from planner.finance import usd
from planner.metrics import Estimate
from planner.scenario.fields import Scenario
from planner.workload.windows import horizon_words

# slo field: (measure it is held against, whether more is better, words, unit)
GATES: dict[str, tuple[str, bool, str, str]] = {
    "p95_latency_s": ("latency_p95_s", False, "p95 latency", "s"),
    "p95_ttft_s": ("ttft_p95_s", False, "p95 time to first token", "s"),
    "min_tokens_per_s": ("speed_p05", True, "output speed of the slowest 5 %", "tokens/s"),
    "availability": ("availability", True, "availability", "%"),
    "accuracy": ("accuracy", True, "accuracy", "%"),
    "sensitive_outside": ("sensitive_outside", False, "sensitive requests sent outside", "a window"),
}


@dataclass(frozen=True)
class SloRow:
    """A target held against what a strategy does."""

    strategy: str
    task: str | None
    measure: str
    target: float
    value: float | None
    met: bool
    reason: str | None = None

    @property
    def miss(self) -> float:
        """How far off, relative to the target; 0 where met."""
        if self.met:
            return 0.0
        if self.value is None:
            return float("inf")
        return abs(self.value - self.target) / (abs(self.target) or 1.0)

    def words(self) -> str:
        """'p95 latency 9.1 s against 8 s' and the like."""
        _, _, name, unit = GATES[self.measure]
        where = f" for {self.task}" if self.task else ""
        if self.value is None:
            return f"{name}{where}: {self.reason or 'not measured'}"
        return f"{name}{where} {_number(self.value, unit)} against {_number(self.target, unit)}"


@dataclass(frozen=True)
class Verdict:
    """Whether a strategy meets every gate, and what it misses."""

    meets: bool
    misses: tuple[str, ...]
    is_best: bool = False
    is_baseline: bool = False


@dataclass(frozen=True)
class Cost:
    """Total cost over the horizon by the objective."""

    value: Decimal
    low: Decimal | None
    high: Decimal | None


def slo_rows(
    scenario: Scenario, strategy: str, estimates: Mapping[tuple[str, str], Estimate]
) -> list[SloRow]:
    """Every target of the scenario and of its tasks, for one strategy.

    `estimates` is keyed by (task or "", measure).
    """
    rows = []
    for task, slo in [("", scenario.slo), *((name, one.slo) for name, one in scenario.tasks.items())]:
        for field, (measure, more_is_better, _, _) in GATES.items():
            target = getattr(slo, field)
            if target is None:
                continue
            found = estimates.get((task, measure), Estimate(None, reason="not measured"))
            value = found.value
            met = value is not None and (value >= target if more_is_better else value <= target)
            rows.append(SloRow(strategy, task or None, field, float(target), value, met, found.reason))
    return rows


def verdicts(scenario: Scenario, rows: Sequence[SloRow]) -> dict[str, Verdict]:
    """By strategy; the first strategy is the baseline of differences."""
    found = {}
    for index, strategy in enumerate(scenario.strategies):
        misses = tuple(row.words() for row in rows if row.strategy == strategy and not row.met)
        found[strategy] = Verdict(not misses, misses, is_baseline=index == 0)
    return found


def answer(
    scenario: Scenario,
    costs: Mapping[str, Cost],
    differences: Mapping[tuple[str, str], Cost],
    rows: Sequence[SloRow],
    n_windows: int,
) -> tuple[str, str | None]:
    """(the sentence, the winner or None).

    Parameters
    ----------
    costs : by strategy
    differences : by (a, b): cost of b minus cost of a, paired on the same windows
    """
    basis = f"{scenario.objective} cost over {horizon_words(scenario)}"
    found = verdicts(scenario, rows)
    eligible = [name for name, verdict in found.items() if verdict.meets]
    has_gates = bool(rows)
    if not eligible:
        return _nobody(rows, found, costs, basis), None
    ranked = sorted(eligible, key=lambda name: costs[name].value)
    best = ranked[0]
    excluded = _excluded(found, costs, best)
    if len(ranked) == 1:
        if len(found) == 1:
            met = " and meets every target" if has_gates else ""
            return (
                f"{best} costs {money_words(costs[best].value)} ({basis}){met}; nothing stands beside it.",
                best,
            )
        return (
            f"Take {best}: it alone meets every target; it costs {money_words(costs[best].value)} ({basis}).{excluded}",
            best,
        )
    second = ranked[1]
    gap = _pair(differences, best, second)
    targets = ", among those that meet every target" if has_gates and len(eligible) < len(found) else ""
    if gap.low is not None and gap.low <= 0:
        assert gap.high is not None
        return (
            f"No clear winner: {best} and {second} differ by {money_words(gap.value)} ({basis}{targets}), but the paired 95 % "
            f"interval, {money_words(gap.low)} to {money_words(gap.high)}, covers zero.{excluded}"
        ), None
    share = gap.value / costs[second].value if costs[second].value else Decimal(0)
    certainty = "no interval: fewer than two windows"
    if gap.low is not None and gap.high is not None:
        certainty = f"95 % interval {money_words(gap.low)} to {money_words(gap.high)}, paired over {n_windows} windows"
    if gap.value == 0:
        return (
            f"No clear winner: {best} and {second} cost the same, {money_words(costs[best].value)} ({basis}).{excluded}",
            None,
        )
    return (
        f"Take {best}: it costs {money_words(costs[best].value)} ({basis}{targets}), {money_words(gap.value)} or {share:.0%} less "
        f"than {second} ({certainty}).{excluded}"
    ), best


def _nobody(
    rows: Sequence[SloRow], found: Mapping[str, Verdict], costs: Mapping[str, Cost], basis: str
) -> str:
    def distance(name: str) -> tuple[int, float, Decimal]:
        missed = [row for row in rows if row.strategy == name and not row.met]
        return len(missed), max(row.miss for row in missed), costs[name].value

    nearest = min(found, key=distance)
    return (
        f"None meets every target; the nearest is {nearest}, which misses {'; '.join(found[nearest].misses)} "
        f"and costs {money_words(costs[nearest].value)} ({basis})."
    )


def _excluded(found: Mapping[str, Verdict], costs: Mapping[str, Cost], best: str) -> str:
    """Cheaper strategies that miss a target, and which."""
    cheaper = [
        f"{name} is cheaper by {money_words(costs[best].value - costs[name].value)} but misses {'; '.join(verdict.misses)}"
        for name, verdict in found.items()
        if not verdict.meets and costs[name].value < costs[best].value
    ]
    return f" {'. '.join(cheaper)}." if cheaper else ""


def _pair(differences: Mapping[tuple[str, str], Cost], a: str, b: str) -> Cost:
    """Cost of b minus cost of a, whichever way it is kept."""
    if (a, b) in differences:
        return differences[(a, b)]
    kept = differences[(b, a)]
    low = None if kept.high is None else -kept.high
    high = None if kept.low is None else -kept.low
    return Cost(-kept.value, low, high)


def money_words(amount: Decimal) -> str:
    """Whole dollars above 1,000: the sentence is read aloud; the ledger has every digit."""
    if abs(amount) >= 1000:
        return f"{amount:,.0f} USD"
    return usd(amount)


def _number(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.3g} %" if value < 0.99 else f"{100 * value:.6g} %"
    return f"{value:.3g} {unit}"
