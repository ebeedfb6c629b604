"""Who wins where: two numbers of a scenario varied, and in each cell the cheapest strategy that passes every gate.

Comes in: a scenario and two axes; goes out: a DecisionMap, plain frozen values. What changes outcomes is simulated,
all strategies on common luck; what changes money alone is the same windows billed again, so a cell is what `compare`
says at its point. A winner is tied with those whose paired interval of the difference holds 0, or which cost at most
2 % more: between them the map does not decide.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.experiments.answer import Cost
from planner.experiments.causes import scopes
from planner.experiments.cells import Progress, clock
from planner.experiments.comparison import OBJECTIVE, Comparison, compare
from planner.experiments.map_axes import Axis, as_given, read_axes
from planner.experiments.map_windows import LONG, SHORTEST_S, Length, fitted
from planner.finance import CostVectors, account, cost_vectors, difference_interval, tco_interval
from planner.finance.ledger import INVOICED, decimal_of, exact
from planner.scenario.fields import Scenario

if TYPE_CHECKING:
    import pandas as pd

INDIFFERENCE = Decimal("0.02")  # of the dearer one's cost
MOST_RUNS = 100  # points that are simulated
PROBE_WINDOWS = 4  # `replications` of a first look there
OVERRUN = 0.1  # availability that is missed by so much, for want of capacity, in a first look, is missed
WANT_OF_CAPACITY = ("limit", "queue", "expired")


@dataclass(frozen=True, kw_only=True)
class MapRun:
    """One simulated point: where, with which windows, and how long it took. `x` or `y` is None where it is not simulated."""

    x: float | None
    y: float | None
    length: Length
    n_windows: int
    simulated_requests: int
    is_probe: bool  # a few windows showed that no strategy has the capacity: no more were simulated
    seconds: float = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class MapCell:
    """What the strategies do at a point.

    `winner` is the cheapest by the objective among those that pass every gate, None where none does; `tied` are others
    that pass and cannot be told from it, with the reason. `failed` holds, by strategy, the gates it misses; `costs` is
    empty where the point was not simulated, because it is sure that none passes.
    """

    x: float
    y: float
    winner: str | None
    tied: Mapping[str, str]  # STRATEGY: interval or within 2 %
    costs: Mapping[str, Cost]
    failed: Mapping[str, tuple[str, ...]]  # STRATEGY: what it misses, in words; those that miss something
    gates: Mapping[str, tuple[str, ...]]  # STRATEGY: names of the gates it misses
    run: int | None  # in `DecisionMap.runs`
    is_simulated: bool = True

    @property
    def is_tie(self) -> bool:
        return bool(self.tied)

    @property
    def cheaper_but_failed(self) -> tuple[str, ...]:
        """Strategies that would win if they passed their gates."""
        if self.winner is None:
            return ()
        least = self.costs[self.winner].value
        return tuple(name for name in self.failed if self.costs[name].value < least)


@dataclass(frozen=True, kw_only=True)
class DecisionMap:
    """A map of winners; `cells` by row of y, then x, both rising. `today` is the scenario as it is."""

    scenario: Scenario
    x: Axis
    y: Axis
    strategies: tuple[str, ...]
    cells: tuple[MapCell, ...]
    today: MapCell
    runs: tuple[MapRun, ...]
    notices: tuple[str, ...]
    seconds: float = field(compare=False)

    def cell(self, column: int, row: int) -> MapCell:
        """The cell of the `column`-th value of x and the `row`-th of y, from 0."""
        return self.cells[row * len(self.x.values) + column]

    @property
    def today_at(self) -> tuple[int, int] | None:
        """Column and row of the cell nearest to today's point; None where that lies outside the map."""
        if not (self.x.holds_today and self.y.holds_today):
            return None
        return self.x.nearest(), self.y.nearest()

    @property
    def today_words(self) -> str:
        """What is said of today's point."""
        if self.today.winner is None:
            return "no strategy passes every gate"
        tied = f", tied with {' and '.join(self.today.tied)}" if self.today.tied else ""
        return f"{self.today.winner}{tied}"

    @property
    def wins(self) -> dict[str | None, int]:
        """STRATEGY: cells that it wins, ties included; None: cells in which none passes every gate."""
        found: dict[str | None, int] = dict.fromkeys((*self.strategies, None), 0)
        for cell in self.cells:
            found[cell.winner] += 1
        return found

    @property
    def frame(self) -> "pd.DataFrame":
        """A row a cell: x, y, winner, tie, tied_with, gates_failed, is_simulated, and cost_usd:STRATEGY (Decimal)."""
        import pandas as pd

        rows = []
        for cell in self.cells:
            row: dict[str, Any] = {
                "x": cell.x,
                "y": cell.y,
                "winner": cell.winner,
                "tie": cell.is_tie,
                "tied_with": ", ".join(cell.tied),
                "gates_failed": "; ".join(
                    f"{name}: {', '.join(gates)}" for name, gates in cell.gates.items()
                ),
                "is_simulated": cell.is_simulated,
            }
            row |= {
                f"cost_usd:{name}": cell.costs[name].value if name in cell.costs else None
                for name in self.strategies
            }
            rows.append(row)
        table = pd.DataFrame(rows)
        costs = {f"cost_usd:{name}": object for name in self.strategies}
        return table.astype({"winner": object} | costs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; money as decimal strings."""
        from planner.experiments.map_document import document

        return document(self)


def decision_map(
    scenario: Scenario,
    *,
    x: str,
    y: str,
    x_scale: str = "auto",
    y_scale: str = "auto",
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> DecisionMap:
    """Which strategy wins at each point of a grid of two numbers of the scenario.

    Parameters
    ----------
    x, y : str
        `PATH=LOW..HIGH[:N]`; see `map_axes.read_axes`, also for the scales.
    replications, workers, report
        As in `compare`.

    Raises
    ------
    ScenarioError
        What is wrong with the axes, or with the scenario at a point of them; nothing was simulated.
    """
    began = clock()
    across, up = read_axes(scenario, x, y, x_scale=x_scale, y_scale=y_scale)
    points = _points(scenario, across, up)
    wanted = list(dict.fromkeys(_simulated_at(across, up, a, b) for a, b in points))
    if len(wanted) > MOST_RUNS:
        raise PlannerError(
            f"{len(wanted)} points would have to be simulated, as {across.path} and {up.path} both change outcomes; "
            f"at most {MOST_RUNS} are. Give fewer values after the colon."
        )
    progress = _Progress(report, len(wanted) + 1)
    now = compare(scenario, engine=engine, replications=replications, workers=workers, report=progress.part())
    cells: dict[tuple[float, float], MapCell] = {}
    runs: list[MapRun] = []
    spent: list[tuple[tuple[float | None, float | None], Comparison]] = []
    for place in wanted:
        mine = {point: one for point, one in points.items() if _simulated_at(across, up, *point) == place}
        base = _at(scenario, across, up, place)
        changed, length = fitted(base, scenario, replications)
        beyond = _sure_to_fail(across, up, place, length, spent)
        if beyond is not None:
            progress.part()
            cells |= {point: _not_simulated(point, beyond) for point in mine}
            continue
        part = progress.part()
        found, is_probe = now, False
        if place != (None, None) and changed != scenario:
            found, is_probe = _simulated(changed, length, replications, engine, workers, part)
        spent.append((place, found))
        runs.append(
            MapRun(
                x=place[0],
                y=place[1],
                length=length,
                n_windows=len(found.windows),
                simulated_requests=found.simulated_requests,
                seconds=found.seconds,
                is_probe=is_probe,
            )
        )
        billing = _Billing(found, across, up, mine)
        for point in mine:
            cells[point] = _cell(point, found, *billing.costs(point), len(runs) - 1)
            progress.tell()
    ordered = tuple(cells[a, b] for b in up.values for a in across.values)
    return DecisionMap(
        scenario=scenario,
        x=across,
        y=up,
        strategies=tuple(scenario.strategies),
        cells=ordered,
        today=_cell((across.today, up.today), now, *_billed(now, scenario), None),
        runs=tuple(runs),
        notices=tuple(_notices(scenario, across, up, runs, ordered)),
        seconds=clock() - began,
    )


class _Progress:
    """Thousandths of several comparisons as one report; what the listener raises ends the work."""

    def __init__(self, report: Progress | None, parts: int) -> None:
        self.report, self.parts, self.number = report, parts, -1

    def part(self) -> Progress | None:
        """The report of the next comparison."""
        self.number += 1
        self.tell()
        number = self.number
        if self.report is None:
            return None
        listener = self.report

        def heard(done: int, total: int) -> None:
            listener(1000 * number + 1000 * done // max(total, 1), 1000 * self.parts)

        return heard

    def tell(self) -> None:
        if self.report is not None:
            self.report(min(1000 * self.number, 1000 * self.parts), 1000 * self.parts)


def _points(scenario: Scenario, x: Axis, y: Axis) -> dict[tuple[float, float], Scenario]:
    """POINT: the scenario there, corners first: what is wrong with one is found before anything is simulated."""
    corners = [(a, b) for a in (x.values[0], x.values[-1]) for b in (y.values[0], y.values[-1])]
    every = [(a, b) for b in y.values for a in x.values]
    found = {
        (a, b): scenario.set({x.path: as_given(scenario, x.path, a), y.path: as_given(scenario, y.path, b)})
        for a, b in dict.fromkeys([*corners, *every])
    }
    return {point: found[point] for point in every}


def _simulated_at(x: Axis, y: Axis, a: float, b: float) -> tuple[float | None, float | None]:
    """The part of a point that has to be simulated; None for an axis of money."""
    return (None if x.is_money else a, None if y.is_money else b)


def _at(scenario: Scenario, x: Axis, y: Axis, place: tuple[float | None, float | None]) -> Scenario:
    """The scenario with the simulated numbers of a point, and its own where money alone changes."""
    values = {
        axis.path: as_given(scenario, axis.path, value)
        for axis, value in zip((x, y), place, strict=True)
        if value is not None and value != axis.today
    }
    return scenario.set(values) if values else scenario


def _simulated(
    scenario: Scenario,
    length: Length,
    replications: int | None,
    engine: str,
    workers: int | None,
    report: Progress | None,
) -> tuple[Comparison, bool]:
    """A comparison at a point, and whether a first look at a few windows was enough."""
    few = PROBE_WINDOWS if replications is None else min(replications, PROBE_WINDOWS)
    if length.requests > LONG:
        found = compare(scenario, engine=engine, replications=few, workers=workers)
        if all(_is_overrun(found, name) for name in found.results):
            return found, True
    return (
        compare(scenario, engine=engine, replications=replications, workers=workers, report=report),
        False,
    )


Bills = tuple[
    dict[str, Decimal], dict[str, CostVectors]
]  # by strategy: total by the objective, and its make-up


def _billed(found: Comparison, billed: Scenario) -> Bills:
    """The windows of a comparison billed by a scenario that differs in money alone."""
    totals: dict[str, Decimal] = {}
    vectors: dict[str, CostVectors] = {}
    for name, result in found.results.items():
        if billed == found.scenario:
            totals[name], vectors[name] = getattr(result.tco, OBJECTIVE[billed.objective]), result.vectors
            continue
        quantities = [cell.quantities for cell in result.cells]
        ledger = account(billed, name, found.windows, quantities)
        totals[name] = ledger.total(None if billed.objective == "economic" else INVOICED)
        vectors[name] = cost_vectors(billed, name, found.windows, quantities)
    return totals, vectors


class _Billing:
    """The bills of all points that share their windows; along an axis of straight lines two of them give the others."""

    def __init__(
        self, found: Comparison, x: Axis, y: Axis, points: Mapping[tuple[float, float], Scenario]
    ) -> None:
        self.found, self.points = found, points
        self.axes = (x, y)
        self.line = next((place for place, axis in ((1, y), (0, x)) if axis.is_linear), None)
        self._ends: dict[float, tuple[Bills, Bills]] = {}

    def costs(self, point: tuple[float, float]) -> Bills:
        if self.line is None:
            return self._at(point)
        axis, other = self.axes[self.line], point[1 - self.line]
        low, high = axis.values[0], axis.values[-1]
        if other not in self._ends:
            self._ends[other] = self._at(self._point(low, other)), self._at(self._point(high, other))
        (first, mine), (last, others) = self._ends[other]
        value = point[self.line]
        part = Fraction(exact(value) - exact(low)) / Fraction(exact(high) - exact(low))
        totals = {
            name: decimal_of(Fraction(first[name]) + part * (Fraction(last[name]) - Fraction(first[name])))
            for name in first
        }
        return totals, {name: _between(mine[name], others[name], float(part)) for name in mine}

    def _point(self, value: float, other: float) -> tuple[float, float]:
        return (value, other) if self.line == 0 else (other, value)

    def _at(self, point: tuple[float, float]) -> Bills:
        one, window_s = self.points[point], self.found.scenario.run.window_s
        return _billed(
            self.found, one if one.run.window_s == window_s else one.set({"run.window_s": window_s})
        )


def _between(first: CostVectors, last: CostVectors, part: float) -> CostVectors:
    """The make-up of a total that lies on a straight line between two."""
    prices = {name: value + part * (last.prices[name] - value) for name, value in first.prices.items()}
    return replace(first, prices=prices)


def _cell(
    point: tuple[float, float],
    found: Comparison,
    totals: Mapping[str, Decimal],
    vectors: Mapping[str, CostVectors],
    run: int | None,
) -> MapCell:
    """The cell of a point: its bills, and the gates of the comparison whose windows it shares."""
    measure = OBJECTIVE[found.scenario.objective]
    costs = {
        name: Cost(value, *(tco_interval(vectors[name], measure, value) or (None, None)))
        for name, value in totals.items()
    }
    failed = {name: verdict.misses for name, verdict in found.verdicts.items() if verdict.misses}
    gates = {
        name: tuple(
            dict.fromkeys(row.measure for row in found.slo_rows if row.strategy == name and not row.met)
        )
        for name in failed
    }
    passing = [name for name in costs if name not in failed]
    winner = min(passing, key=lambda name: costs[name].value) if passing else None
    tied = {} if winner is None else _tied(winner, passing, costs, vectors, measure)
    return MapCell(
        x=point[0], y=point[1], winner=winner, tied=tied, costs=costs, failed=failed, gates=gates, run=run
    )


def _tied(
    winner: str,
    passing: Sequence[str],
    costs: Mapping[str, Cost],
    vectors: Mapping[str, CostVectors],
    measure: str,
) -> dict[str, str]:
    found = {}
    for name in passing:
        if name == winner:
            continue
        gap = costs[name].value - costs[winner].value
        ends = difference_interval(vectors[name], vectors[winner], measure, gap)
        if gap == 0 or (ends is not None and ends.low <= 0):
            found[name] = "interval"
        elif gap <= INDIFFERENCE * abs(costs[name].value):
            found[name] = "within 2 %"
    return found


def _sure_to_fail(
    x: Axis,
    y: Axis,
    place: tuple[float | None, float | None],
    length: Length,
    spent: Sequence[tuple[tuple[float | None, float | None], Comparison]],
) -> Comparison | None:
    """A smaller volume at which every strategy already loses requests for want of capacity, and a target with them.

    The same limits cannot serve a larger share of more requests. Only asked where simulating would take long.
    """
    if not length.requests > LONG:
        return None
    for before, found in reversed(spent):
        smaller = all(
            there == here
            or (axis.kind == "volume" and there is not None and here is not None and there < here)
            for axis, there, here in zip((x, y), before, place, strict=True)
        )
        if smaller and before != place and all(_is_overrun(found, name) for name in found.results):
            return found
    return None


def _is_overrun(found: Comparison, strategy: str) -> bool:
    """Whether a strategy misses availability by far, and mostly for want of capacity."""
    target = found.scenario.slo.availability
    value = found.results[strategy].estimates["", "availability"].value
    if target is None or value is None or value > target - OVERRUN:
        return False
    everything = next(scope for task, scope in scopes(found.scenario) if not task)
    lost = found.results[strategy].mean_lost(everything)
    return sum(n for cause, n in lost.items() if cause in WANT_OF_CAPACITY) > sum(lost.values()) / 2


def _not_simulated(point: tuple[float, float], found: Comparison) -> MapCell:
    names = list(found.results)
    words = ("availability: more traffic than at a point at which it is already missed for want of capacity",)
    return MapCell(
        x=point[0],
        y=point[1],
        winner=None,
        tied={},
        costs={},
        failed=dict.fromkeys(names, words),
        gates=dict.fromkeys(names, ("availability",)),
        run=None,
        is_simulated=False,
    )


def _notices(
    scenario: Scenario, x: Axis, y: Axis, runs: Sequence[MapRun], cells: Sequence[MapCell]
) -> Iterator[str]:
    """What a reader must know about how the map was made."""
    simulated = [axis.path for axis in (x, y) if not axis.is_money]
    billed = [axis.path for axis in (x, y) if axis.is_money]
    total = sum(run.simulated_requests for run in runs)
    ways = []
    if simulated:
        ways.append(
            f"{' and '.join(simulated)}: simulated at {_points_of(len(runs))}, {total:,} requests in all"
        )
    if billed:
        ways.append(f"{' and '.join(billed)}: the same simulated use billed again, exactly")
    yield "; ".join(ways) + "."
    for reason, words in (("shortened", "shortened to"), ("lengthened", "lengthened to")):
        lengths = [run.length.window_s for run in runs if run.length.reason == reason]
        if lengths:
            span = (
                f"{min(lengths):,.6g} s"
                if len(set(lengths)) == 1
                else f"{min(lengths):,.6g} to {max(lengths):,.6g} s"
            )
            yield (
                f"Windows of {scenario.run.window_s:g} s were {words} {span} at {_points_of(len(lengths))}, never thinned: "
                "all requests of that time."
            )
    short_s = min(
        (run.length.window_s for run in runs if run.length.reason == "shortened"), default=SHORTEST_S
    )
    if short_s < min(SHORTEST_S, scenario.run.window_s):
        yield (
            f"A limit per minute starts full: in windows of {short_s:g} s demand of up to {1 + 60 / short_s:.2g} times a "
            "limit is not refused, so near a limit the largest volumes look better than they are."
        )
    probes = [run for run in runs if run.is_probe]
    if probes:
        yield (
            f"At {_points_of(len(probes))} {probes[0].n_windows} windows were enough to see that no strategy has the "
            "capacity: every one misses availability by far. Costs there are rougher, without intervals."
        )
    if any(run.length.reason == "own-needed" for run in runs):
        yield "At some points windows kept their length, as the scenario takes no other."
    nobody = [cell for cell in cells if cell.winner is None]
    if nobody:
        yield _nobody(nobody, len(cells))
    left_out = [cell for cell in cells if not cell.is_simulated]
    if left_out:
        yield (
            f"{len(left_out)} cells were not simulated: at a smaller volume every strategy already misses availability "
            "for want of capacity (rate limits, queues), which more traffic does not mend. Their costs are not known."
        )
    for axis in (x, y):
        if not axis.holds_today:
            yield f"Today's point lies outside the map: {axis.path} is {axis.today:g}."


def _nobody(nobody: Sequence[MapCell], many: int) -> str:
    counted: dict[str, int] = {}
    for cell in nobody:
        for gate in dict.fromkeys(gate for gates in cell.gates.values() for gate in gates):
            counted[gate] = counted.get(gate, 0) + 1
    most = ", ".join(sorted(counted, key=lambda gate: -counted[gate]))
    return f"In {len(nobody)} of {many} cells no strategy passes every gate; missed there: {most}."


def _points_of(n: int) -> str:
    return "1 point" if n == 1 else f"{n} points"


__all__ = ["INDIFFERENCE", "DecisionMap", "MapCell", "MapRun", "decision_map"]
