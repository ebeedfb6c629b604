"""Whether a comparison can be what its scenario means: signs of a broken assumption, each in words.

Comes in: a finished comparison. Goes out: the oddities that were found, none for a sound one. Some checks are identities,
which only a fault of the program can break; others are what no shipped scenario should show when it is opened.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from planner.experiments.comparison import OBJECTIVE, Comparison, StrategyResult
from planner.metrics.measures import LOST

MOST_LOST = 0.05  # share of requests that one cause may take in a scenario that is no drill
UNCLEAR = "No clear winner"  # how `answer` begins where an interval covers zero
_TOLERANCE = 1e-9
_HISTOGRAM = 0.01  # quantiles come from histograms with an error of 0.5 % each
_QUANTILES = ("p50", "p90", "p95", "p99")
_SHARES = ("availability", "accuracy", "omni_share", "over_context_share", "unasked_share")


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """One thing that looks wrong: which check, which strategy ("" for all), which task ("" for all), and a sentence."""

    check: str
    strategy: str
    task: str
    text: str


Found = Iterator[Oddity]


def sanity(comparison: Comparison) -> tuple[Oddity, ...]:
    """Everything that looks wrong about a comparison, in the order of `CHECKS`; empty for a sound one."""
    return tuple(oddity for check in CHECKS for oddity in check(comparison))


def _requests(comparison: Comparison) -> Found:
    """Somebody asks, and who asks is answered or not."""
    for name, one in comparison.results.items():
        arrived, completed, failed = (one.mean_count(which) for which in ("arrived", "completed", "failed"))
        if not arrived:
            yield _odd("requests", name, "", "no request arrives")
        elif not completed:
            yield _odd("requests", name, "", f"none of {arrived:,.0f} requests a window is answered")
        if not math.isclose(arrived, completed + failed, rel_tol=_TOLERANCE):
            yield _odd("requests", name, "", f"{arrived:g} arrive, but {completed:g} + {failed:g} end")


def _finite(comparison: Comparison) -> Found:
    """A figure is a number or unknown, never infinite or undefined."""
    for name, one in comparison.results.items():
        for (task, measure), found in one.estimates.items():
            if found.value is not None and not math.isfinite(found.value):
                yield _odd("finite", name, task, f"{measure} is {found.value}")


def _quantiles(comparison: Comparison) -> Found:
    """A higher quantile is at least a lower one."""
    for name, one in comparison.results.items():
        for task in _tasks(comparison):
            for kind in ("latency", "ttft", "wait"):
                values = [_value(one, task, f"{kind}_{quantile}_s") for quantile in _QUANTILES]
                known = [value for value in values if value is not None]
                if known != sorted(known):
                    yield _odd("quantiles", name, task, f"quantiles of {kind} fall: {known}")


def _latency(comparison: Comparison) -> Found:
    """An answer ends after it began, and a slow one takes at least what a typical one takes.

    A typical answer takes its time to first token and its tokens at its speed, all in the median. That 95 % of answers are
    quicker can only be where the three hang together in a way that no provider shows.
    """
    for name, one in comparison.results.items():
        for task in _tasks(comparison):
            slow, first = _value(one, task, "latency_p95_s"), _value(one, task, "ttft_p95_s")
            if slow is None or first is None:
                continue
            if slow < first * (1 - _HISTOGRAM):
                yield _odd(
                    "latency",
                    name,
                    task,
                    f"p95 latency {slow:.3g} s is below p95 to first token {first:.3g} s",
                )
            begun, speed = _value(one, task, "ttft_p50_s"), _value(one, task, "speed_p50")
            tokens = _value(one, task, "output_tokens_p50")
            if begun is None or not speed or tokens is None:  # what does not stream has no speed
                continue
            typical = begun + max(tokens - 1, 0) / speed
            if slow < typical * (1 - _HISTOGRAM):
                yield _odd(
                    "latency", name, task,
                    f"p95 latency {slow:.3g} s is below a typical answer's {typical:.3g} s: {begun:.3g} s to its first token "
                    f"and {tokens:,.0f} tokens at {speed:.3g} a second",
                )  # fmt: skip


def _shares(comparison: Comparison) -> Found:
    """Shares lie from 0 to 1; those of tasks, of the deployments that answered and of causes add up."""
    given = comparison.scenario.shares()
    if not math.isclose(sum(given.values()), 1, abs_tol=1e-6):
        yield _odd("shares", "", "", f"the tasks' shares add up to {sum(given.values()):g}")
    for name, one in comparison.results.items():
        for (task, measure), found in one.estimates.items():
            is_share = measure in _SHARES or measure.startswith(("served_share:", LOST))
            if is_share and found.value is not None and not -_TOLERANCE <= found.value <= 1 + _TOLERANCE:
                yield _odd("shares", name, task, f"{measure} is {found.value:g}")
        for task in _tasks(comparison):
            yield from _sums(name, task, one)


def _sums(name: str, task: str, one: StrategyResult) -> Found:
    rows = {measure: found.value for (where, measure), found in one.estimates.items() if where == task}
    available = rows.get("availability")
    if available is None:
        return
    lost = math.fsum(
        value for measure, value in rows.items() if measure.startswith(LOST) and value is not None
    )
    if not math.isclose(available + lost, 1, abs_tol=1e-6):
        yield _odd(
            "shares", name, task, f"availability {available:g} and what is lost, {lost:g}, do not add up to 1"
        )
    served = [
        value for measure, value in rows.items() if measure.startswith("served_share:") and value is not None
    ]
    if served and available and not math.isclose(math.fsum(served), 1, abs_tol=1e-6):
        yield _odd("shares", name, task, f"deployments answered {math.fsum(served):g} of all answers")


def _decision(comparison: Comparison) -> Found:
    """Some strategy meets every target, and one of those is taken, or it is said that no winner is clear."""
    eligible = [name for name, verdict in comparison.verdicts.items() if verdict.meets]
    if not eligible:
        missed = "; ".join(f"{name} {', '.join(v.misses)}" for name, v in comparison.verdicts.items())
        yield _odd("decision", "", "", f"no strategy meets every target: {missed}")
    elif comparison.winner is None and not comparison.answer.startswith(UNCLEAR):
        yield _odd(
            "decision",
            "",
            "",
            f"{', '.join(eligible)} meet every target, but none is taken: {comparison.answer}",
        )
    elif comparison.winner is not None and comparison.winner not in eligible:
        yield _odd("decision", comparison.winner, "", "is taken although it misses a target")


def _deployments(comparison: Comparison) -> Found:
    """The first choice of a tier answers somebody; who stands in for others need not, in a lucky window."""
    for name, one in comparison.results.items():
        strategy = comparison.scenario.strategy(name)
        for tier, groups in (("omni", strategy.omni), ("mini", strategy.mini)):
            first = groups[0] if groups else ()
            if first and not any(_value(one, "", f"served_share:{deployment}") for deployment in first):
                yield _odd(
                    "deployments", name, "", f"{', '.join(first)}, the first choice of {tier}, answers nobody"
                )


def _failures(comparison: Comparison) -> Found:
    """No single cause takes more than one request in twenty."""
    for name, one in comparison.results.items():
        for (task, measure), found in one.estimates.items():
            if (
                task == ""
                and measure.startswith(LOST)
                and found.value is not None
                and found.value > MOST_LOST
            ):
                cause = measure.removeprefix(LOST)
                yield _odd("failures", name, "", f"{100 * found.value:.1f} % of requests fail by {cause}")


def _money(comparison: Comparison) -> Found:
    """Every strategy costs something, and its totals are the sums of its ledger to the last digit."""
    for name, one in comparison.results.items():
        invoiced = sum((row.amount_usd for row in one.ledger.rows if row.view == "invoiced"), Decimal(0))
        everything = sum((row.amount_usd for row in one.ledger.rows), Decimal(0))
        for what, total, rows in (
            ("invoiced", one.tco.invoiced_usd, invoiced),
            ("economic", one.tco.economic_usd, everything),
        ):
            if total != rows:
                yield _odd(
                    "money", name, "", f"the {what} total {total} is not the sum of its ledger rows, {rows}"
                )
        if not getattr(one.tco, OBJECTIVE[comparison.scenario.objective]) > 0:
            yield _odd("money", name, "", "costs nothing")
        for measure, cost in comparison.costs(name).items():
            if not cost.value.is_finite():
                yield _odd("money", name, "", f"{measure} is {cost.value}")


CHECKS: tuple[Callable[[Comparison], Found], ...] = (
    _requests, _finite, _quantiles, _latency, _shares, _decision, _deployments, _failures, _money,
)  # fmt: skip


def _tasks(comparison: Comparison) -> tuple[str, ...]:
    return ("", *comparison.scenario.tasks)


def _value(one: StrategyResult, task: str, measure: str) -> float | None:
    found = one.estimates.get((task, measure))
    return None if found is None else found.value


def _odd(check: str, strategy: str, task: str, text: str) -> Oddity:
    return Oddity(check=check, strategy=strategy, task=task, text=text)
