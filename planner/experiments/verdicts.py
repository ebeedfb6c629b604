"""Verdicts: every target held against every strategy, how nearly it is missed or met, and what missing it is worth.

Comes in: a Comparison; goes out: the matrix of strategy x task x target with intervals, near misses, excluded
strategies with the money between them and the cheapest that meets every target, and what each has to spare. No figure
is made here: values and intervals are the comparison's estimates, money is its ledgers' paired difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from planner.experiments.answer import GATES, Cost, SloRow, money_words
from planner.experiments.figure_words import apart, figure, gap_words

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison

Word = Literal["met", "missed", "not certain"]
NEAR = 0.1  # a target missed by less than a tenth is near
SETTABLE = "slo.p95_latency_s, slo.p95_ttft_s, slo.availability or slo.accuracy"
NO_TARGET = (
    "No target is set, so every strategy may be chosen, whatever it does. "
    f"Set {SETTABLE} for all requests, or tasks.TASK.slo for those of one task."
)


@dataclass(frozen=True, kw_only=True)
class Held:
    """A target held against what a strategy does: a cell of the matrix.

    `met` is the verdict of the value alone, as in `Comparison.slo_rows`. `is_certain` tells whether both ends of the
    95 % interval give the same verdict; None where there is no interval. `task` is None for all requests.
    """

    strategy: str
    task: str | None
    measure: str  # field of slo, such as p95_latency_s
    target: float
    value: float | None
    low: float | None
    high: float | None
    met: bool
    reason: str | None = None

    @property
    def more_is_better(self) -> bool:
        return GATES[self.measure][1]

    @property
    def name(self) -> str:
        """'p95 latency' or 'p95 latency for faq'."""
        return GATES[self.measure][2] + (f" for {self.task}" if self.task else "")

    @property
    def unit(self) -> str:
        return GATES[self.measure][3]

    @property
    def path(self) -> str:
        """Where the target stands in the scenario."""
        from planner.scenario.paths import render

        head: tuple[str, ...] = ("tasks", self.task) if self.task else ()
        return render((*head, "slo", self.measure))

    @property
    def is_certain(self) -> bool | None:
        if self.low is None or self.high is None:
            return None
        if self.target == 0 and self.value:
            return (
                True  # what never goes below 0 and was seen at all is above 0: its interval is cut off there
            )
        return self.meets(self.low) == self.meets(self.high)

    @property
    def verdict(self) -> Word:
        if self.is_certain is False:
            return "not certain"
        return "met" if self.met else "missed"

    def meets(self, value: float) -> bool:
        """Whether a value would meet the target."""
        return value >= self.target if self.more_is_better else value <= self.target

    def reaches(self, target: float) -> bool:
        """Whether the value would meet another target."""
        assert self.value is not None, "what is not measured meets nothing"
        return self.value >= target if self.more_is_better else self.value <= target

    @property
    def gap(self) -> float | None:
        """How far the value lies from the target, in the target's unit, never negative."""
        return None if self.value is None else abs(self.value - self.target)

    @property
    def relative(self) -> float:
        """The gap as a share of the target; of availability as a share of the failures that the target allows.

        An availability of 99 % against 99.9 % has ten times the failures allowed: no near miss. Infinite where the
        value is not known or the target allows nothing.
        """
        if self.gap is None:
            return float("inf")
        allowed = 1 - self.target if self.measure == "availability" else abs(self.target)
        if allowed == 0:
            return 0.0 if self.gap == 0 else float("inf")
        return self.gap / allowed

    def figures(self) -> str:
        """'2.7 s against 2.5 s', or why there is no figure."""
        if self.value is None:
            return self.reason or "not measured"
        value, target = apart(self.value, self.target, self.unit)
        return f"{value} against {target}"

    def gap_words(self) -> str:
        """'0.2 s', of shares in percentage points."""
        return "unknown" if self.gap is None else gap_words(self.gap, self.unit)

    def interval_words(self) -> str:
        """'2.4 to 2.9 s', or nothing where there is no interval."""
        if self.low is None or self.high is None:
            return ""
        if self.low == self.high:
            return figure(self.low, self.unit)
        low, high = apart(self.low, self.high, self.unit)
        return f"{low.removesuffix(' ' + self.unit)} to {high}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "strategy": self.strategy,
            "task": self.task,
            "measure": self.measure,
            "path": self.path,
            "target": self.target,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "met": self.met,
            "verdict": self.verdict,
            **({} if self.reason is None or self.value is not None else {"reason": self.reason}),
        }


@dataclass(frozen=True, kw_only=True)
class NearMiss:
    """A strategy that misses one target alone, or each that it misses by less than a tenth."""

    strategy: str
    missed: tuple[Held, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """A strategy that may not be chosen, why, and what it would save.

    `saving` is the cost of `against`, the cheapest that meets every target, minus its own, by the objective: positive
    where the excluded one is cheaper. Both are None where no strategy meets every target.
    """

    strategy: str
    missed: tuple[Held, ...]
    against: str | None
    saving: Cost | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Spare:
    """What a strategy that meets every target has left at its tightest one."""

    strategy: str
    held: Held
    text: str


def matrix(comparison: "Comparison") -> tuple[Held, ...]:
    """Every target of the scenario and of its tasks for every strategy, in the order of `slo_rows`."""
    return tuple(_held(comparison, row) for row in comparison.slo_rows)


def _held(comparison: "Comparison", row: SloRow) -> Held:
    measure = GATES[row.measure][0]
    found = comparison.results[row.strategy].estimates.get((row.task or "", measure))
    return Held(
        strategy=row.strategy,
        task=row.task,
        measure=row.measure,
        target=row.target,
        value=row.value,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        met=row.met,
        reason=row.reason,
    )


def near_misses(held: Sequence[Held]) -> tuple[NearMiss, ...]:
    """Strategies that miss one target of several, or each that they miss by less than a tenth.

    A strategy of which a figure is not known is no near miss: nobody can say how near.
    """
    found = []
    for strategy in dict.fromkeys(one.strategy for one in held):
        rows = [one for one in held if one.strategy == strategy]
        missed = tuple(one for one in rows if not one.met)
        if not missed or any(one.value is None for one in missed):
            continue
        is_single = len(missed) == 1 and len(rows) > 1
        if is_single or all(one.relative < NEAR for one in missed):
            found.append(
                NearMiss(strategy=strategy, missed=missed, text=_near_words(strategy, missed, len(rows)))
            )
    return tuple(found)


def _near_words(strategy: str, missed: Sequence[Held], n_targets: int) -> str:
    if len(missed) == 1 and n_targets > 1:
        (only,) = missed
        return f"{strategy} meets everything but {_miss_words(only, ', by')}."
    parts = "; ".join(_miss_words(one, " by") for one in missed)
    many = f"its only target: {parts}" if n_targets == 1 else f"{len(missed)} of {n_targets} targets: {parts}"
    return f"{strategy} misses, by less than a tenth, {many}."


def _miss_words(one: Held, by: str) -> str:
    text = f"{one.name}{by} {one.gap_words()} ({one.figures()})"
    if one.is_certain is None:
        return f"{text}, of which there is no interval"
    if one.target == 0:
        return f"{text}; any at all is a miss"
    ends = one.interval_words()
    if one.is_certain:
        return f"{text}; its 95 % interval, {ends}, does not reach the target"
    return f"{text}; its 95 % interval, {ends}, covers the target: the miss is not certain"


def exclusions(comparison: "Comparison", held: Sequence[Held] | None = None) -> tuple[Exclusion, ...]:
    """Strategies that miss a target, with the reason and the money, in the scenario's order."""
    from planner.experiments.comparison import OBJECTIVE, money_difference

    cells = matrix(comparison) if held is None else held
    name = OBJECTIVE[comparison.scenario.objective]
    best = cheapest_that_meets(comparison)
    found = []
    for strategy, verdict in comparison.verdicts.items():
        if verdict.meets:
            continue
        missed = tuple(one for one in cells if one.strategy == strategy and not one.met)
        saving = None
        if best is not None:
            saving = money_difference(comparison.results[strategy], comparison.results[best], name)
        why = "; ".join(f"{one.name} {one.figures()}" for one in missed)
        money = (
            _saving_words(saving, best)
            if best is not None and saving is not None
            else f"it costs {money_words(getattr(comparison.results[strategy].tco, name))}, and no strategy meets every target"
        )
        found.append(
            Exclusion(
                strategy=strategy,
                missed=missed,
                against=best,
                saving=saving,
                text=f"{strategy} is excluded: {why}; {money}.",
            )
        )
    return tuple(found)


def cheapest_that_meets(comparison: "Comparison") -> str | None:
    """The cheapest strategy, by the objective, among those that meet every target."""
    from planner.experiments.comparison import OBJECTIVE

    name = OBJECTIVE[comparison.scenario.objective]
    able = [strategy for strategy, verdict in comparison.verdicts.items() if verdict.meets]
    return min(able, key=lambda strategy: getattr(comparison.results[strategy].tco, name)) if able else None


def _saving_words(saving: Cost, best: str) -> str:
    value = saving.value
    if value == 0:
        return f"it costs what {best} costs"
    text = f"it would be {money_words(abs(value))} {'cheaper' if value > 0 else 'dearer'} than {best}"
    if saving.low is None or saving.high is None:
        return text
    if saving.low <= 0 <= saving.high:
        return f"{text}, which is not certain (95 % interval {_ends(saving, value > 0)})"
    return f"{text} (95 % interval {_ends(saving, value > 0)})"


def _ends(saving: Cost, is_cheaper: bool) -> str:
    """The interval of what it would be cheaper, or dearer, by."""
    assert saving.low is not None
    assert saving.high is not None
    low, high = (saving.low, saving.high) if is_cheaper else (-saving.high, -saving.low)
    return f"{money_words(low)} to {money_words(high)}"


def spares(held: Sequence[Held]) -> tuple[Spare, ...]:
    """For each strategy that meets every target, the tightest: the one with the least left of what it allows.

    Targets of nothing (no sensitive request outside) are met or not; they leave nothing to spare.
    """
    found = []
    for strategy in dict.fromkeys(one.strategy for one in held):
        rows = [one for one in held if one.strategy == strategy]
        numbers = [one for one in rows if one.target != 0]
        if all(one.met for one in rows) and numbers:
            tightest = min(numbers, key=lambda one: one.relative)
            found.append(Spare(strategy=strategy, held=tightest, text=_spare_words(tightest)))
    return tuple(found)


def _spare_words(one: Held) -> str:
    if one.gap == 0:
        return f"{one.strategy} passes with nothing to spare: {one.name} is {figure(one.target, one.unit)}, the target."
    unsure = ", not certain: the 95 % interval covers the target" if one.is_certain is False else ""
    return f"{one.strategy} passes with {one.gap_words()} of {one.name} to spare ({one.figures()}){unsure}."


__all__ = [
    "NEAR", "NO_TARGET", "Exclusion", "Held", "NearMiss", "Spare", "cheapest_that_meets", "exclusions", "matrix",
    "near_misses", "spares",
]  # fmt: skip
