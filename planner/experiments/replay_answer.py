"""The answer of a replay in one sentence: which strategy, on this traffic, and whether tokens could turn it.

Comes in: the costs and verdicts of each strategy at each level of tokens; goes out: words and the winner. The winner is
the cheapest of those that meet every target with the tokens as they were counted.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.experiments.answer import SloRow, money_words
from planner.scenario.fields import Scenario
from planner.workload.log_profile import many, span_words
from planner.workload.logs import Log

if TYPE_CHECKING:
    from planner.experiments.replay import StrategyReplay


def sentence(
    scenario: Scenario, log: Log, strategies: Mapping[str, "StrategyReplay"], rows: Sequence[SloRow]
) -> tuple[str, str | None]:
    """(the sentence, the winner or None)."""
    objective = scenario.objective
    costs = {name: one.costs(objective) for name, one in strategies.items()}
    traffic = f"On this traffic ({many(log.n, 'request')} in {span_words(log.span_s)})"
    eligible = sorted(
        (name for name, one in strategies.items() if one.meets()), key=lambda name: costs[name][1]
    )
    if not eligible:
        return _nobody(traffic, objective, strategies, costs, rows), None
    best = eligible[0]
    said = f"{traffic} take {best}: it would have cost {_cost(costs[best])} ({objective})"
    if len(eligible) == 1:
        said += ", and it alone meets every target" if rows and len(strategies) > 1 else ""
        return said + "." + _cheaper(strategies, costs, best) + _risk(strategies[best]), best
    second = eligible[1]
    gap = costs[second][1] - costs[best][1]
    if gap == 0:
        return (
            f"{traffic} there is no clear winner: {best} and {second} would both have cost {_cost(costs[best])} ({objective})."
            + _cheaper(strategies, costs, best)
        ), None
    among = ", among those that meet every target" if rows and len(eligible) < len(strategies) else ""
    share = f" or {gap / costs[second][1]:.0%}" if costs[second][1] else ""
    said += f"{among}, {small_words(gap)}{share} less than {second} at {_cost(costs[second])}."
    if costs[best][2] > costs[second][0]:
        said += (
            " As tokens do not transfer between models their ranges overlap, so count a sample with each model before you "
            "rely on it."
        )
    return said + _cheaper(strategies, costs, best) + _risk(strategies[best]), best


def _cost(ends: tuple[Decimal, Decimal, Decimal]) -> str:
    """A cost and its range over tokens, where there is one."""
    low, central, high = map(small_words, ends)
    return central if low == high else f"{central} ({low.removesuffix(' USD')} to {high})"


def small_words(amount: Decimal) -> str:
    """Whole dollars above 1,000, cents below, four significant digits under a dollar.

    >>> small_words(Decimal("1234.5")), small_words(Decimal("12.345")), small_words(Decimal("0.0361045"))
    ('1,234 USD', '12.34 USD', '0.03610 USD')
    """
    if amount == 0 or abs(amount) >= 1:
        return money_words(amount)
    return f"{round(amount, 3 - amount.adjusted()):f} USD"


def _nobody(
    traffic: str,
    objective: str,
    strategies: Mapping[str, "StrategyReplay"],
    costs: Mapping[str, tuple[Decimal, Decimal, Decimal]],
    rows: Sequence[SloRow],
) -> str:
    def distance(name: str) -> tuple[int, float, Decimal]:
        missed = [row for row in rows if row.strategy == name and not row.met]
        return len(missed), max(row.miss for row in missed), costs[name][1]

    nearest = min(strategies, key=distance)
    return (
        f"{traffic} none meets every target; the nearest is {nearest}, which misses "
        f"{'; '.join(strategies[nearest].central.misses)} and would have cost {_cost(costs[nearest])} ({objective})."
    )


def _cheaper(
    strategies: Mapping[str, "StrategyReplay"],
    costs: Mapping[str, tuple[Decimal, Decimal, Decimal]],
    best: str,
) -> str:
    """Strategies that would have cost less and miss a target."""
    found = [
        f" {name} would have cost {small_words(costs[best][1] - costs[name][1])} less but misses {'; '.join(one.central.misses)}."
        for name, one in strategies.items()
        if not one.meets() and costs[name][1] < costs[best][1]
    ]
    return "".join(found)


def _risk(best: "StrategyReplay") -> str:
    """A target that the winner misses at an end of what its tokens may be."""
    for level, words in (("high", "the most"), ("low", "the fewest")):
        misses = best.levels[level].misses
        if misses:
            return f" With {words} tokens that they may be it misses {'; '.join(misses)}."
    return ""


__all__ = ["sentence", "small_words"]
