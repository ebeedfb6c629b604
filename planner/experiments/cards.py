"""One card per strategy, in words: what it costs, what users get, which targets it meets, and the difference to the
baseline.

Comes in: a finished comparison; goes out: the texts of a card, for the page and for the memo. No figure is made here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from planner.experiments import words as text
from planner.experiments.answer import SloRow
from planner.experiments.comparison import MONEY, Amount, Comparison, Figure, money_difference
from planner.experiments.verdicts import Held
from planner.finance.calendar import rate_in_words
from planner.workload.windows import horizon_words

TOTALS = {
    "invoiced": ("tco_total_usd", "tco_npv_usd", "cost_per_1k_requests_usd"),
    "economic": ("economic_tco_total_usd", "economic_tco_npv_usd", "economic_cost_per_1k_requests_usd"),
}
# Measure, its words on a card, the target it is held against and how that reads.
LINES = (
    ("latency_p95_s", "p95 latency", "p95_latency_s", "≤"),
    ("ttft_p95_s", "p95 to first token", "p95_ttft_s", "≤"),
    ("speed_p05", "Slowest 5 % stream at", "min_tokens_per_s", "≥"),
    ("availability", "Availability", "availability", "≥"),
    ("accuracy", "Right answers", "accuracy", "≥"),
    ("sensitive_outside", "Sensitive sent outside", "sensitive_outside", "≤"),
    ("omni_share", "Sent to omni", None, ""),
)
HIDDEN_WITHOUT_TARGET = ("min_tokens_per_s", "sensitive_outside")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a card: a figure, its interval, and the target with whether it is met; `is_certain` as in `verdicts.Held`."""

    name: str
    value: str
    interval: str = ""
    target: str = ""
    met: bool | None = None
    is_certain: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything a card shows, as texts."""

    strategy: str
    verdict: str
    meets: bool
    has_targets: bool
    misses: tuple[str, ...]
    is_best: bool
    is_baseline: bool
    total_label: str
    total: str
    total_interval: str
    difference: str
    difference_interval: str
    is_certain: bool
    baseline: str
    lines: tuple[Line, ...]


def cards(comparison: Comparison) -> list[Card]:
    """The cards in the scenario's order; the first strategy is the baseline."""
    measured = {(row.strategy, row.measure): row for row in comparison.figures if row.task == ""}
    money = {(row.strategy, row.measure): row for row in comparison.amounts}
    slo = comparison.slo_rows
    targets = {(row.strategy, row.measure): row for row in slo if not row.task}
    names = list(comparison.scenario.strategies)
    return [
        _card(
            comparison,
            name,
            names[0],
            measured,
            money,
            targets,
            any(row.strategy == name for row in slo),
        )
        for name in names
    ]


def _card(
    comparison: Comparison,
    name: str,
    baseline: str,
    measured: Mapping[tuple[str, str], Figure],
    money: Mapping[tuple[str, str], Amount],
    targets: Mapping[tuple[str, str], SloRow],
    has_targets: bool,
) -> Card:
    scenario = comparison.scenario
    verdict = comparison.verdicts[name]
    total_measure, npv_measure, unit_measure = TOTALS[scenario.objective]
    total = money.get((name, total_measure))
    difference = difference_interval = ""
    is_certain = True
    results = comparison.results
    gap = None
    if name != baseline:
        gap = money_difference(results[baseline], results[name], MONEY[total_measure])
    if gap is not None:
        share = text.share_of(gap.value, money[baseline, total_measure].value)
        difference = text.signed_amount(gap.value) + (f" ({share})" if share else "")
        difference_interval = text.interval(gap.low, gap.high, "USD")
        is_certain = gap.low is None or gap.high is None or not gap.low <= 0 <= gap.high
    lines = [_money_line("Per 1,000 requests", money.get((name, unit_measure)))]
    if scenario.objective == "economic":
        lines.append(_money_line("Invoiced part of it", money.get((name, "tco_total_usd")), is_total=True))
    lines.append(
        _money_line(
            f"Present value at {rate_in_words(scenario)}",
            money.get((name, npv_measure)),
            is_total=True,
        )
    )
    for measure, words, target, relation in LINES:
        line = _measure_line(
            measured.get((name, measure)), words, targets.get((name, target or "")), relation
        )
        is_routed = scenario.strategy(name).router is not None
        if (
            line is not None
            and (line.target or target not in HIDDEN_WITHOUT_TARGET)
            and (measure != "omni_share" or is_routed)
        ):
            lines.append(line)
    return Card(
        strategy=name,
        verdict=_verdict(verdict, has_targets),
        meets=verdict.meets,
        has_targets=has_targets,
        misses=tuple(verdict.misses),
        is_best=verdict.is_best,
        is_baseline=verdict.is_baseline,
        total_label=f"TCO over {horizon_words(scenario)}, {scenario.objective}",
        total=text.DASH if total is None else text.amount(total.value),
        total_interval="" if total is None else text.interval(total.low, total.high, "USD"),
        difference=difference,
        difference_interval=difference_interval,
        is_certain=is_certain,
        baseline=baseline,
        lines=tuple(lines),
    )


def _verdict(verdict: Any, has_targets: bool) -> str:
    if not has_targets:
        return "No target is set"
    if verdict.meets:
        return "✓ Meets every target"
    many = len(verdict.misses)
    return f"✗ Misses {many} target{'s' if many != 1 else ''}"


def _money_line(name: str, row: Amount | None, *, is_total: bool = False) -> Line:
    if row is None:
        return Line(name=name, value=text.DASH)
    if is_total:
        return Line(name=name, value=text.amount(row.value), interval=text.interval(row.low, row.high, "USD"))
    low, high = row.low, row.high
    known = not (text.is_unknown(low) or text.is_unknown(high))
    ends = f"{text.unit_cost(low).removesuffix(' USD')} to {text.unit_cost(high)}" if known else ""
    return Line(name=name, value=text.unit_cost(row.value), interval=ends)


def _measure_line(row: Figure | None, words: str, target: SloRow | None, relation: str) -> Line | None:
    if row is None:
        return None if target is None else Line(name=words, value=text.DASH, target="not measured", met=False)
    unit = row.unit
    held = "" if target is None else f"{relation} {_target(target.target, unit)}"
    return Line(
        name=words,
        value=text.number(row.value, unit),
        interval=text.interval(row.low, row.high, unit),
        target=held,
        met=None if target is None else bool(target.met),
        is_certain=None if target is None else _is_certain(row, target),
    )


def _is_certain(row: Figure, target: SloRow) -> bool | None:
    """Whether both ends of the interval give the same verdict; None where there is none."""
    if text.is_unknown(row.low) or text.is_unknown(row.high):
        return None
    held = Held(
        strategy=row.strategy, task=None, measure=target.measure, target=target.target, value=row.value,
        low=row.low, high=row.high, met=bool(target.met),
    )  # fmt: skip
    return held.is_certain


def mark(met: bool, is_certain: bool | None) -> tuple[str, str]:
    """(class, sign with a word) of a verdict, the same wherever it stands."""
    if is_certain is False:
        return "unsure", "~ met, not certain" if met else "~ missed, not certain"
    return ("met", "✓ met") if met else ("missed", "✗ missed")


def _target(value: float, unit: str) -> str:
    """A target as it was written, not as measured figures are."""
    return (
        f"{Decimal(repr(float(value))) * 100:f}".rstrip("0").rstrip(".") + " %"
        if unit == "share"
        else f"{value:,g} {unit}"
    )


__all__ = ["LINES", "TOTALS", "Card", "Line", "cards"]
