"""What moves with a month's use in all (`adjustments`), for bills in floats: sums and figures that inputs move first.

Comes in: a plan's adjustments and the lines of its bill; goes out: channels beside the views of a bill (what each rule
sums up, its scale, slopes and thresholds), each of them products of factors like any line, and what the rules make of
them once all draws are known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from planner.finance.adjustments import knot_amount

if TYPE_CHECKING:
    from planner.finance.horizon import Plan
    from planner.finance.tariff import Charge

Floats = npt.NDArray[np.float64]
SUM, SCALE, SLOPE, THRESHOLD = "sum", "scale", "slope", "threshold"
VIEWS = 2  # channels that are money: invoiced and economic


@dataclass(frozen=True)
class Rule:
    """An adjustment of a month without its figures: places of earlier ones of that month, and its knots."""

    adds: tuple[int, ...]
    knots: tuple[tuple[str, str], ...]  # (part, account)


@dataclass(frozen=True)
class Rules:
    """Adjustments of every month, in the order in which they count."""

    months: tuple[tuple[Rule, ...], ...] = ()

    @property
    def width(self) -> int:
        """Most adjustments of a month."""
        return max((len(rules) for rules in self.months), default=0)

    @property
    def depth(self) -> int:
        """Most knots of an adjustment."""
        return max((len(rule.knots) for rules in self.months for rule in rules), default=0)

    @property
    def channels(self) -> int:
        """Views, then sums and scales of adjustments, then slopes and thresholds of their knots."""
        return VIEWS + 2 * self.width * (1 + self.depth)

    def channel(self, what: str, rule: int, knot: int = 0) -> int:
        """The channel of a figure."""
        if what in (SUM, SCALE):
            return VIEWS + (self.width if what == SCALE else 0) + rule
        first = VIEWS + 2 * self.width + (self.width * self.depth if what == THRESHOLD else 0)
        return first + rule * self.depth + knot

    def amounts(self, values: Floats) -> Iterator[tuple[int, str, Floats]]:
        """(month, account, USD of every draw) of each knot; `values` is (channels, draws, months)."""
        for month, rules in enumerate(self.months):
            found: list[Floats] = []
            for place, rule in enumerate(rules):
                base = values[self.channel(SUM, place), :, month]
                base = base + sum((found[earlier] for earlier in rule.adds), np.zeros_like(base))
                base = values[self.channel(SCALE, place), :, month] * base
                mine = np.zeros_like(base)
                for number, (part, account) in enumerate(rule.knots):
                    slope = values[self.channel(SLOPE, place, number), :, month]
                    threshold = values[self.channel(THRESHOLD, place, number), :, month]
                    usd = knot_amount(part, slope, threshold, base)
                    mine = mine + usd
                    yield month, account, usd
                found.append(mine)


NO_RULES = Rules()


def rules_of(plan: "Plan") -> Rules:
    """The adjustments of a strategy by month."""
    if not plan.adjustments:
        return NO_RULES
    found = []
    for month in plan.months:
        mine = [(place, one) for place, one in enumerate(plan.adjustments) if one.month == month.name]
        first = mine[0][0] if mine else 0
        found.append(
            tuple(
                Rule(
                    tuple(earlier - first for earlier in one.adds),
                    tuple((knot.part, knot.account) for knot in one.knots),
                )
                for _, one in mine
            )
        )
    return Rules(tuple(found))


def figures_of(plan: "Plan") -> Iterator[tuple[str, int, int, int, float]]:
    """(what, rule, knot, month, figure): scales, slopes and thresholds of every adjustment."""
    places = {month.name: place for place, month in enumerate(plan.months)}
    met: dict[str, int] = {}
    for one in plan.adjustments:
        rule, month = met.get(one.month, 0), places[one.month]
        met[one.month] = rule + 1
        yield SCALE, rule, 0, month, float(one.scale)
        for number, knot in enumerate(one.knots):
            yield SLOPE, rule, number, month, float(knot.slope_usd)
            yield THRESHOLD, rule, number, month, float(knot.threshold)


def summed_in(plan: "Plan", charge: "Charge") -> Iterator[tuple[int, int]]:
    """(rule, month) of the adjustments that a charge counts towards."""
    places = {month.name: place for place, month in enumerate(plan.months)}
    met: dict[str, int] = {}
    for one in plan.adjustments:
        rule = met.get(one.month, 0)
        met[one.month] = rule + 1
        if one.scope.holds(charge):
            yield rule, places[one.month]
