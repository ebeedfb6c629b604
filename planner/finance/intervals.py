"""How far a total may be off because only some windows were simulated: jackknife over windows.

Comes in: the same windows, counts and charges that the ledger is made of; goes out: t-intervals around
the exact totals, and around differences of two strategies, which saw the same windows and the same luck.
Only sampling error is meant here: nothing is said of prices, growth or other assumptions.
"""

import decimal
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from planner.finance.adjustments import Adjustment, amounts
from planner.finance.calendar import discount_factor, nominal_rate
from planner.finance.horizon import CREDITED, Plan, Stretch, Use, plan_of, standing_ledger, use_of
from planner.finance.ledger import EXACT, INVOICED, exact
from planner.finance.quantities import ANSWERS, LONG, WASTE_KINDS, WASTED, Key, Quantities, planned
from planner.finance.rates import PlannedWindow, evening, sources_of
from planner.finance.tariff import Driver
from planner.finance.totals import present_value
from planner.metrics.intervals import jackknives, t_quantiles
from planner.scenario.fields import Scenario

Floats = npt.NDArray[np.float64]
TOTALS = ("invoiced_usd", "invoiced_npv_usd", "economic_usd", "economic_npv_usd")
PER_1K = ("invoiced_per_1k_usd", "economic_per_1k_usd")
PER_CORRECT = ("invoiced_per_correct_usd", "economic_per_correct_usd")
MEASURES = (*TOTALS, *PER_1K, *PER_CORRECT)  # as `tco.Tco` names them
WASTES = (
    WASTED,
    *WASTE_KINDS,
)  # all waste, then by cause: without a gateway's fee, as in the accounts of waste
LEVEL = 0.95
_QUANTUM = Decimal("1E-12")  # ends are rounded outwards to this
_ROUNDING = decimal.Context(prec=200)


class Interval(NamedTuple):
    """Ends of a confidence interval, USD."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, kw_only=True)
class CostVectors:
    """What a strategy's totals are made of, by window, in floats.

    Shapes: W windows, K keys (counts), T tasks, E eras, A adjustments. A total is fixed + sum over eras and keys of
    price[era, key] x rate[era, key] + what each month's adjustments make of their sums, which are such sums too. A rate
    is pooled from the windows as `rates.rates_of` says.
    """

    strategy: str
    windows: tuple[tuple[int, str], ...]  # (era, stratum) of each window
    weights: Floats  # (W,)
    requests: Floats  # (W, T) arrived, times the window's factor (see `rates.evening`)
    counts: Floats  # (W, K), times the same factor
    task_of: npt.NDArray[np.int64]  # (K,)
    borrowed: dict[int, tuple[int, ...]]  # ERA: eras with the same models
    prices: dict[str, Floats]  # MEASURE of TOTALS and WASTES: USD for a rate of 1, (E, K)
    right: Floats  # right answers for a rate of 1, (E, K)
    fixed: dict[str, float]  # MEASURE of TOTALS and WASTES
    adjustments: tuple[Adjustment, ...]
    sums: Floats  # what an adjustment sums up for a rate of 1, (A, E, K)
    adjusted: dict[str, Floats]  # MEASURE of TOTALS: value of a dollar of each adjustment, (A,)
    expected_requests: float

    def estimate(self, measure: str) -> float:
        """A measure of `MEASURES` or `WASTES` from all windows: the ledger's figure but for rounding."""
        return float(self._of(measure, self._rates[:1])[0])

    def without_each(self, measure: str) -> Floats:
        """The measure with each window left out in turn; shape (W,), NaN where the others do not tell."""
        return self._of(measure, self._rates[1:])

    @cached_property
    def strata(self) -> dict[tuple[int, str], npt.NDArray[np.int64]]:
        """(ERA, STRATUM): its windows."""
        return {
            stratum: np.flatnonzero([window == stratum for window in self.windows])
            for stratum in dict.fromkeys(self.windows)
        }

    def _of(self, measure: str, rates: Floats) -> Floats:
        """The measure for each of many tables of rates, shape (many, E, K)."""
        if measure in PER_1K:
            return self._of(measure.replace("_per_1k", ""), rates) / self.expected_requests * 1000
        if measure in PER_CORRECT:
            right = (self.right * rates).sum(axis=(1, 2))
            return self._of(measure.replace("_per_correct", ""), rates) / np.where(right > 0, right, np.nan)
        total: Floats = self.fixed[measure] + (self.prices[measure] * rates).sum(axis=(1, 2))
        if self.adjustments and measure in self.adjusted:  # waste stands before them
            usd = amounts(self.adjustments, np.einsum("aek,mek->am", self.sums, rates))
            total = total + self.adjusted[measure] @ usd
        return total

    @cached_property
    def _rates(self) -> Floats:
        """Counts per request from all windows, then with each left out; (1 + W, E, K), NaN where no window tells.

        The float twin of `rates.rates_of`.
        """
        rates = np.empty((1 + len(self.windows), len(self.borrowed), len(self.task_of)))
        for era, others in self.borrowed.items():
            own, is_known = self._pooled((era,))
            if not is_known.all():
                own = np.where(is_known, own, self._pooled(others)[0])
            rates[:, era] = own
        return rates

    def _pooled(self, eras: tuple[int, ...]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Counts per request of some eras and whether there are any; (1 + W, K)."""
        shape = (1 + len(self.windows), len(self.task_of))
        total, rate = np.zeros(shape), np.zeros(shape)
        for stratum, members in self.strata.items():
            weight = float(self.weights[members].sum())
            if stratum[0] not in eras or not weight:
                continue
            requests, counted = self._of_stratum(members)
            tells = requests != 0
            total += np.where(tells, weight, 0.0)
            rate += np.where(tells, weight * counted / np.where(tells, requests, 1.0), 0.0)
        is_known = total > 0
        return np.where(is_known, rate / np.where(is_known, total, 1.0), np.nan), is_known

    def _of_stratum(self, members: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Requests of each count's task in a stratum's windows, and the counts; (1 + W, K).

        The stratum's probability does not shrink with its windows. Where a window of another one is left out, they are
        those of all its windows.
        """
        requests = np.empty((1 + len(self.windows), self.requests.shape[1]))
        counted = np.empty((1 + len(self.windows), len(self.task_of)))
        requests[:], counted[:] = self._summed(members)
        for left_out in members:
            requests[1 + left_out], counted[1 + left_out] = self._summed(members[members != left_out])
        return requests[:, self.task_of], counted

    def _summed(self, windows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Requests by task and counts of some windows together."""
        return self.requests.T.take(windows, axis=1).sum(axis=1), self.counts[windows].sum(axis=0)


def tco_interval(
    vectors: CostVectors, measure: str, value: Decimal | None, level: float = LEVEL
) -> Interval | None:
    """Confidence interval around a strategy's exact figure.

    Parameters
    ----------
    measure : str
        One of `MEASURES`, the fields of `tco.Tco`, or of `WASTES`.
    value : Decimal, optional
        The exact figure; the interval is centred on it.

    Returns
    -------
    Interval, or None where the value is unknown or a stratum has fewer than two windows.
    """
    return _intervals(vectors.strata, [vectors.without_each(measure)], [value], level)[0]


def difference_interval(
    a: CostVectors, b: CostVectors, measure: str, value: Decimal | None, level: float = LEVEL
) -> Interval | None:
    """Confidence interval of a's figure minus b's, paired by window; arguments as for `tco_interval`."""
    return difference_intervals(a, b, {measure: value}, level)[measure]


def difference_intervals(
    a: CostVectors, b: CostVectors, values: Mapping[str, Decimal | None], level: float = LEVEL
) -> dict[str, Interval | None]:
    """`difference_interval` of many measures at once, by measure."""
    assert a.windows == b.windows, f"{a.strategy} and {b.strategy} were simulated in different windows"
    without = [a.without_each(measure) - b.without_each(measure) for measure in values]
    return dict(zip(values, _intervals(a.strata, without, list(values.values()), level), strict=True))


def _intervals(
    strata: dict[tuple[int, str], npt.NDArray[np.int64]],
    without: Sequence[Floats],
    values: Sequence[Decimal | None],
    level: float,
) -> list[Interval | None]:
    """Intervals around values, of which each is given with every window left out; None where it is not known."""
    found = jackknives(strata.values(), np.array(without)) if without else None
    if found is None:
        return [None] * len(values)
    errors, freedoms = found
    halves = (errors * t_quantiles((1 + level) / 2, freedoms)).tolist()
    return [
        None if value is None or math.isnan(half) else _around(value, half)
        for value, half in zip(values, halves, strict=True)
    ]


def _around(value: Decimal, half: float) -> Interval:
    if half == 0.0:
        return Interval(value, value)
    width = exact(half)
    return Interval(
        EXACT.subtract(value, width).quantize(_QUANTUM, decimal.ROUND_FLOOR, _ROUNDING),
        EXACT.add(value, width).quantize(_QUANTUM, decimal.ROUND_CEILING, _ROUNDING),
    )


def cost_vectors(
    scenario: Scenario,
    strategy: str,
    windows: Sequence[PlannedWindow],
    quantities: Sequence[Quantities],
    plan: Plan | None = None,
    use: Use | None = None,
) -> CostVectors:
    """The per-window make-up of a strategy's totals; the arguments are those of `horizon.account`."""
    plan = plan or plan_of(scenario, strategy)
    use = use or use_of(plan, windows, quantities)
    tasks = list(plan.shares)
    keys = sorted(
        {key for counted in quantities for key in counted if key.task in plan.shares},
        key=lambda key: (key.task, key.deployment or "", key.kind, key.meter),
    )
    prices, right = _prices(plan, use, keys)
    factors = np.array(evening(windows), float)[:, np.newaxis]
    vectors = CostVectors(
        strategy=strategy,
        windows=tuple((window.era, window.stratum) for window in windows),
        weights=np.array([window.weight for window in windows]),
        requests=np.array(
            [[planned(counted, task) for task in tasks] for counted in quantities],
            float,
        ).reshape(len(windows), len(tasks))
        * factors,
        counts=np.array([[counted.get(key, 0) for key in keys] for counted in quantities], float).reshape(
            len(windows), len(keys)
        )
        * factors,
        task_of=np.array([tasks.index(key.task) for key in keys], np.int64),
        borrowed=sources_of(scenario, strategy, plan.eras),
        prices=prices,
        right=right,
        fixed=_fixed(plan),
        adjustments=plan.adjustments,
        sums=_sums(plan, use, keys),
        adjusted=_adjusted(plan),
        expected_requests=float(sum(plan.requests(piece, task) for piece in plan.pieces for task in tasks)),
    )
    return vectors


def _prices(plan: Plan, use: Use, keys: Sequence[Key]) -> tuple[dict[str, Floats], Floats]:
    """USD (and right answers) that a rate of 1 makes over the whole horizon, by era and key."""
    place = {key: i for i, key in enumerate(keys)}
    right = np.zeros((len(plan.eras), len(keys)))
    today = _discounts(plan)
    fee = 1 + float(plan.tariff.gateway_fee)
    # Of every charge in every piece of a month, in this order: where it counts, and USD before and after fees and credits.
    cells: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    kinds: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    views: list[npt.NDArray[np.bool_]] = [np.empty(0, np.bool_)]
    before: list[Floats] = [np.empty(0)]
    after: list[Floats] = [np.empty(0)]
    later: list[Floats] = [np.empty(0)]
    for stretch in use.stretches:
        n, charges = len(stretch.pieces), [charge for _, charge in stretch.charged]
        usd = _units(plan, stretch) * np.array([float(charge.unit_price_usd) for charge in charges])
        before.append(usd.ravel())
        through = np.array([fee if charge.through_gateway else 1.0 for charge in charges])
        usd = usd * (through - _credits(plan, stretch))
        after.append(usd.ravel())
        later.append((usd * np.array([[today[piece.month]] for piece in stretch.pieces])).ravel())
        first = stretch.era * len(keys)
        cells.append(np.tile(np.array([first + place[key] for key, _ in stretch.charged], np.int64), n))
        kinds.append(np.tile(np.array([_waste(key) for key, _ in stretch.charged], np.int64), n))
        views.append(np.tile(np.array([charge.view == INVOICED for charge in charges], np.bool_), n))
        for task, rate in use.rates[stretch.era].items():
            served = [place[key] for key in rate if key.kind == ANSWERS and key.meter == "right"]
            for piece in stretch.pieces:
                right[stretch.era, served] += float(plan.requests(piece, task))
    cell, kind, is_invoiced = np.concatenate(cells), np.concatenate(kinds), np.concatenate(views)

    def summed(usd: Sequence[Floats], kept: npt.NDArray[np.bool_] | None = None) -> Floats:
        """Sums by era and key, added up in the order of the charges."""
        each, where = np.concatenate(usd), cell
        if kept is not None:
            each, where = each[kept], where[kept]
        sums = np.zeros(right.size)
        np.add.at(sums, where, each)
        return sums.reshape(right.shape)

    return {
        "invoiced_usd": summed(after, is_invoiced),
        "invoiced_npv_usd": summed(later, is_invoiced),
        "economic_usd": summed(after),
        "economic_npv_usd": summed(later),
        WASTED: summed(before, kind >= 0),
        **{name: summed(before, kind == number) for number, name in enumerate(WASTE_KINDS)},
    }, right


def _waste(key: Key) -> int:
    """The number of a count among `WASTE_KINDS`; -1: no waste."""
    kind = key.kind.removesuffix(LONG)
    return WASTE_KINDS.index(kind) if kind in WASTE_KINDS else -1


def _units(plan: Plan, stretch: Stretch) -> Floats:
    """Units of every charge for a rate of 1 in every piece; shape (pieces, charges). Exact fractions, rounded once."""
    columns: dict[tuple[str, Driver, int, int], int] = {}
    column_of = [
        columns.setdefault((key.task, charge.per, *charge.scale.as_integer_ratio()), len(columns))
        for key, charge in stretch.charged
    ]
    units = np.empty((len(stretch.pieces), len(columns)))
    for row, piece in enumerate(stretch.pieces):
        for (task, per, numerator, denominator), column in columns.items():
            driver, of = plan.driver(piece, task, per).as_integer_ratio()
            units[row, column] = driver * numerator / (of * denominator)
    return units[:, column_of]


def _credits(plan: Plan, stretch: Stretch) -> Floats | float:
    """Share of every charge that is expected back in every piece; shape (pieces, charges), or 0 of all."""
    if not plan.credits:
        return 0.0
    is_credited = np.array(
        [charge.account.partition("/")[0] in CREDITED for _, charge in stretch.charged], np.bool_
    )
    back = [
        [float(plan.credits.get((piece.month, key.deployment or "")) or 0) for key, _ in stretch.charged]
        for piece in stretch.pieces
    ]
    return np.where(is_credited, back, 0.0)


def _sums(plan: Plan, use: Use, keys: Sequence[Key]) -> Floats:
    """What each adjustment sums up for a rate of 1, by era and key: USD or tokens of its month and scope."""
    found = np.zeros((len(plan.adjustments), len(plan.eras), len(keys)))
    if not plan.adjustments:
        return found
    place = {key: i for i, key in enumerate(keys)}
    of_month: dict[str, list[int]] = {}
    for index, one in enumerate(plan.adjustments):
        of_month.setdefault(one.month, []).append(index)
    for stretch in use.stretches:
        for piece, units in zip(stretch.pieces, _units(plan, stretch).tolist(), strict=True):
            for index in of_month.get(piece.month, ()):
                one = plan.adjustments[index]
                for (key, charge), each in zip(stretch.charged, units, strict=True):
                    if one.scope.holds(charge):
                        price = float(charge.unit_price_usd) if one.of == "amount_usd" else 1.0
                        found[index, stretch.era, place[key]] += each * price
    return found


def _adjusted(plan: Plan) -> dict[str, Floats]:
    """What a dollar of each adjustment adds to a total: adjustments are invoiced, and paid at the end of their month."""
    today = _discounts(plan)
    assert all(one.view == INVOICED for one in plan.adjustments), "an adjustment is on no invoice"
    ones = np.ones(len(plan.adjustments))
    values = np.array([today[one.month] for one in plan.adjustments], float)
    return {
        "invoiced_usd": ones,
        "invoiced_npv_usd": values,
        "economic_usd": ones,
        "economic_npv_usd": values,
    }


def _fixed(plan: Plan) -> dict[str, float]:
    """What does not depend on the windows."""
    ledger, rate = standing_ledger(plan, is_adjusted=False), nominal_rate(plan.scenario)
    total = float(ledger.total())
    today = float(present_value(ledger, plan.months, rate))
    assert ledger.total() == ledger.total(INVOICED), "a standing charge is always invoiced"
    return {
        "invoiced_usd": total,
        "invoiced_npv_usd": today,
        "economic_usd": total,
        "economic_npv_usd": today,
        **dict.fromkeys(WASTES, 0.0),
    }


def _discounts(plan: Plan) -> dict[str, float]:
    rate = nominal_rate(plan.scenario)
    return {month.name: float(discount_factor(rate, month.ends_after)) for month in plan.months}
