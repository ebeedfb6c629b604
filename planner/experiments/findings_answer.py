"""Rules about the choice itself: targets narrowly missed, no target at all, strategies that another beats in everything.

Each rule is a function from the facts of a comparison to findings; a finding carries its number and the rows that it
is made of, so a test can check it against something independent.
"""

from collections.abc import Iterator
from decimal import Decimal

from planner.experiments.answer import money_words
from planner.experiments.figure_words import gap_words
from planner.experiments.finding import Facts, Finding, Rows, Rule
from planner.experiments.verdicts import NO_TARGET, exclusions, matrix, near_misses

TOTAL = {"economic": "economic_tco_total_usd", "invoiced": "tco_total_usd"}
# measure, the sign of worse, words, "worse" in words, unit
COUNTS = (
    ("latency_p95_s", 1, "its p95 latency", "longer", "s"),
    ("accuracy", -1, "its accuracy", "lower", "%"),
)


def near_miss(facts: Facts) -> Iterator[Finding]:
    """A strategy that misses one target alone, or all that it misses by little."""
    held = matrix(facts.comparison)
    savings = {one.strategy: one.saving for one in exclusions(facts.comparison, held)}
    for one in near_misses(held):
        widest = max(one.missed, key=lambda held: held.relative)
        assert widest.gap is not None, "a miss that is not measured is not near"
        saving = savings[one.strategy]
        yield Finding(
            "near-miss",
            one.strategy,
            one.text,
            widest.gap,
            Rows(
                "slo",
                {"strategy": one.strategy, "measure": widest.measure, "task": widest.task},
            ),
            usd=max(saving.value, Decimal(0)) if saving is not None else None,
            subject=widest.path,
        )


def no_target(facts: Facts) -> Iterator[Finding]:
    """Nothing says what a strategy has to do."""
    if not facts.comparison.slo_rows:
        yield Finding("no-target", None, NO_TARGET, 0.0, Rows("slo"))


def dominated(facts: Facts) -> Iterator[Finding]:
    """A strategy that another beats in cost, latency and quality at once, and that meets no target which that one misses.

    It is surely dearer (the paired interval lies above zero), in latency and accuracy no better, and in one of them
    surely worse. Of several that beat it, the cheapest is named.
    """
    total = TOTAL[facts.scenario.objective]
    names = facts.comparison.strategies
    rows = {(a, b): _gaps(facts, a, b) for a in names for b in names if names.index(a) < names.index(b)}
    for worse in names:
        beaten = []
        for better in names:
            if better == worse or not _may_replace(facts, better, worse):
                continue
            pair = (better, worse) if (better, worse) in rows else (worse, better)
            sign = 1 if pair == (better, worse) else -1
            found = rows[pair]
            if _is_dominated(found, sign, total):
                beaten.append((sign * found[total][0], better, pair, sign))
        if beaten:
            dearer, better, pair, sign = max(beaten)
            parts = [f"it costs {money_words(dearer)} more"]
            for measure, way, words, worse_word, unit in COUNTS:
                gap = sign * way * rows[pair][measure][0]
                parts.append(
                    f"{words} is {gap_words(gap, unit)} {worse_word}" if gap else f"{words} is the same"
                )
            yield Finding(
                "dominated",
                worse,
                f"{worse} is beaten by {better} in cost, latency and accuracy: {parts[0]}, {parts[1]} and {parts[2]} (paired).",
                float(dearer),
                Rows(
                    "differences",
                    {"a": pair[0], "b": pair[1], "measure": (total, *(one[0] for one in COUNTS))},
                ),
                usd=dearer,
                subject=better,
            )


def _may_replace(facts: Facts, better: str, worse: str) -> bool:
    """Whether one strategy misses no target that another meets."""

    def missed(strategy: str) -> set[tuple[str | None, str]]:
        rows = facts.comparison.slo_rows
        return {(row.task, row.measure) for row in rows if row.strategy == strategy and not row.met}

    return missed(better) <= missed(worse)


def _gaps(facts: Facts, a: str, b: str) -> dict[str, tuple]:
    """MEASURE: value, low, high of b minus a."""
    return {row[0]: row[1:] for row in facts.comparison.difference_rows(a, b)}


def _is_dominated(found: dict[str, tuple], sign: int, total: str) -> bool:
    """Whether the second of a pair (the first, with sign -1) is worse in everything."""
    is_sure = False
    for measure, way in ((total, 1), *((one[0], one[1]) for one in COUNTS)):
        if measure not in found:
            return False
        value, low, high = found[measure]
        gap = sign * way * value
        sure = low is not None and (low > 0 if sign * way > 0 else high < 0)
        if measure == total and not sure:
            return False
        if gap < 0:
            return False
        is_sure = is_sure or (measure != total and sure)
    return is_sure


RULES: tuple[Rule, ...] = (near_miss, no_target, dominated)
