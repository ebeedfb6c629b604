"""Bills of a comparison's strategies wherever its uncertain inputs stand, and how far the fast ones may be off.

Comes in: a comparison and its uncertain inputs; goes out: float bills at any point, each worked out once, and a check
against the exact ledger. Points at which another use is expected are simulated: the same windows, requests and luck.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from planner.experiments.cells import Progress, run_cells
from planner.experiments.comparison import Comparison
from planner.finance import account
from planner.finance.adjustments import ADJUSTED
from planner.finance.cost_model import CostModel, Point
from planner.finance.distributions import Input
from planner.finance.float_bill import FloatBill, FloatRates, float_bill, float_rates
from planner.finance.horizon import plan_of
from planner.finance.ledger import QUANTUM, Ledger
from planner.finance.rates import rates_of
from planner.finance.uncertain_inputs import moves
from planner.scenario.fields import Scenario
from planner.scenario.input_kinds import replaced
from planner.workload.volume import volume_factors
from planner.workload.windows import plan_windows, requests_per_month

Floats = npt.NDArray[np.float64]
CHECKED = 8


@dataclass(frozen=True)
class Check:
    """How far the fast bills are from the exact ledger, over some draws; both relative to the ledger's total.

    The ledger rounds every quantity to 1e-6 unit, which the fast bills leave out: `with_rounding` is the largest
    difference as it stands, `largest_difference` what is left of it beyond that rounding, account by account. Inputs that
    were simulated again stand at their medians in these draws: between the points at which they were simulated nothing
    exact is known.
    """

    draws: int
    largest_difference: float
    with_rounding: float


class Bills:
    """Bills at any point, each worked out once."""

    def __init__(
        self,
        comparison: Comparison,
        inputs: tuple[Input, ...],
        engine: str,
        workers: int | None,
        report: Progress | None,
        replications: int | None,
    ) -> None:
        self.comparison, self.inputs = comparison, inputs
        self.engine, self.workers, self.report, self.replications = engine, workers, report, replications
        self.simulated = tuple(one for one in inputs if one.kind == "simulated")
        self.read = tuple(one for one in inputs if one.kind in ("money", "volume"))
        self._worlds: dict[tuple[float, ...], Scenario] = {}
        self._counts: dict[tuple[float, ...], Any] = {}
        self._rates: dict[tuple[str, tuple[float, ...]], FloatRates] = {}
        self._bills: dict[tuple[str, tuple[float, ...], tuple[float, ...]], FloatBill] = {}

    def bill(self, strategy: str, point: Point) -> FloatBill:
        """The float bill at a point; inputs that are not named stand where the scenario has them."""
        world = tuple(point.get(one.name, one.value) for one in self.simulated)
        money = tuple(point.get(one.name, one.value) for one in self.read)
        key = (strategy, world, money)
        if key not in self._bills:
            self._bills[key] = float_bill(self.scenario(point), strategy, self._rates_at(strategy, world))
        return self._bills[key]

    def ledger(self, strategy: str, point: Point) -> Ledger:
        """The exact ledger at a point."""
        world = tuple(point.get(one.name, one.value) for one in self.simulated)
        windows, quantities = self._quantities(strategy, world)
        return account(self.scenario(point), strategy, windows, quantities)

    @property
    def volume(self) -> Callable[[Floats], Floats] | None:
        """Requests by month for a table of the inputs of volume, where they do not move it by a factor each.

        Growth below a saturation goes with how much there is; seasons are scaled to a mean of 1, all together.
        """
        mine = tuple(one for one in self.inputs if one.kind == "volume")
        traffic = self.comparison.scenario.traffic
        is_bound = traffic.saturation_requests_per_month is not None
        has_seasons = sum(one.name.startswith("traffic.seasons") for one in mine) > 0
        if not mine or not (is_bound or has_seasons):
            return None
        months = len(plan_of(self.comparison.scenario, self.comparison.strategies[0]).months)

        def by_month(values: Floats) -> Floats:
            rows, place = np.unique(values, axis=0, return_inverse=True)
            found = np.empty((rows.shape[0], months))
            for index, row in enumerate(rows):
                point = dict(zip((one.name for one in mine), map(float, row), strict=True))
                world = self.scenario(point)
                found[index] = np.array(volume_factors(world, months)) * requests_per_month(world)
            return found[place.reshape(-1)]

        return by_month

    def scenario(self, point: Point) -> Scenario:
        """The scenario at a point."""
        world = tuple(point.get(one.name, one.value) for one in self.simulated)
        found = self._world(world)
        for one in self.read:
            value = point.get(one.name, one.value)
            if value != one.value:
                found = replaced(found, one.name, round(value) if one.is_whole else value)
        return found

    def _world(self, world: tuple[float, ...]) -> Scenario:
        if world not in self._worlds:
            changed = {
                one.name: round(value) if one.is_whole else value
                for one, value in zip(self.simulated, world, strict=True)
                if value != one.value
            }
            base = self.comparison.scenario
            self._worlds[world] = base.set(changed) if changed else base
        return self._worlds[world]

    def _quantities(self, strategy: str, world: tuple[float, ...]) -> tuple[Any, list[Any]]:
        scenario = self._world(world)
        if scenario is self.comparison.scenario:
            return self.comparison.windows, [
                cell.quantities for cell in self.comparison.results[strategy].cells
            ]
        if world not in self._counts:
            windows = plan_windows(scenario, self.replications)
            cells = run_cells(scenario, windows, engine=self.engine, workers=self.workers, report=self.report)
            self._counts[world] = (windows, cells)
        windows, cells = self._counts[world]
        return windows, [by_strategy[strategy].quantities for by_strategy in cells]

    def _rates_at(self, strategy: str, world: tuple[float, ...]) -> FloatRates:
        key = (strategy, world)
        if key not in self._rates:
            scenario = self._world(world)
            windows, quantities = self._quantities(strategy, world)
            plan = plan_of(scenario, strategy)
            self._rates[key] = float_rates(rates_of(scenario, strategy, plan.eras, windows, quantities))
        return self._rates[key]


def checked(
    bills: Bills, models: Mapping[str, CostModel], inputs: tuple[Input, ...], values: Floats
) -> Check:
    """The models against bills worked out at drawn points, and those against the exact ledger.

    The first draws of the design are spread over the whole range. Strategies take turns, so that many cost no more.
    """
    table = values[:CHECKED].copy()
    for index, one in enumerate(inputs):
        if one.kind == "simulated":
            table[:, index] = one.p50
    worst = worst_rounded = 0.0
    names = list(models)
    for number, row in enumerate(table):
        name = names[number % len(names)]
        point = dict(zip((one.name for one in inputs), map(float, row), strict=True))
        bill = bills.bill(name, point)
        values_there = bill.values.copy()
        for one in inputs:
            if one.kind == "factor":
                values_there[[moves(one, line) for line in bill.all_lines]] *= point[one.name]
        settled = bill.channels(values_there)
        expected = float(settled[:2].sum()) + sum(float(usd[0]) for *_, usd in bill.rules.amounts(settled))
        costs = models[name].costs(row[np.newaxis])
        modelled = float((costs.invoiced + costs.economic).sum())
        ledger = bills.ledger(name, point)
        size = abs(float(ledger.total())) or 1.0
        beyond, gap = _apart(bill, ledger)
        worst = max(worst, abs(modelled - expected) / (abs(expected) or 1.0), beyond / size)
        worst_rounded = max(worst_rounded, abs(gap) / size)
    return Check(len(table), worst, worst_rounded)


def _apart(bill: FloatBill, ledger: Ledger) -> tuple[float, float]:
    """USD by which a bill differs from its ledger: beyond rounding, account by account, and in all."""
    gaps: dict[str, float] = {}
    for line, usd in zip(bill.lines, bill.usd.sum(axis=1), strict=True):
        gaps[line.account] = gaps.get(line.account, 0.0) + float(usd)
    for _, name, amount in bill.rules.amounts(bill.channels(bill.values)):
        gaps[name] = gaps.get(name, 0.0) + float(amount[0])
    allowed = dict.fromkeys(gaps, 0.0)
    half = float(QUANTUM) / 2
    for row in ledger.rows:
        gaps[row.account] = gaps.get(row.account, 0.0) - float(row.amount_usd)
        rounding = half * abs(float(row.unit_price_usd))  # of a fee: its spend is a sum of rounded rows
        allowed[row.account] = allowed.get(row.account, 0.0) + rounding
    every = sum(allowed.values())
    for name in allowed:
        if name.partition("/")[0] in ADJUSTED:  # they are made of sums of rounded rows
            allowed[name] += 2 * every
    beyond = sum(max(0.0, abs(gap) - allowed.get(name, 0.0)) for name, gap in gaps.items())
    return beyond, sum(gaps.values())
