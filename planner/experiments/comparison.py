"""Strategies side by side: the same windows, requests and luck for all, measured and billed.

Comes in: a scenario; goes out: a Comparison with tidy tables of measures, money, differences and
targets, the answer and the findings. No figure is made here: measures come from `metrics`, money from
`finance`, and this file only runs the plan and lays the results side by side.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np

from planner.errors import PlannerError
from planner.experiments import answer as answers
from planner.experiments.answer import Cost, SloRow, Verdict
from planner.experiments.assumptions import assumptions, not_included, notices
from planner.experiments.causes import all_wasted, awaited, lost, scopes, wasted
from planner.experiments.cells import Cell, Progress, cell_keys, cells_by_strategy, clock, run_cells
from planner.experiments.finding import Finding
from planner.experiments.findings import findings
from planner.experiments.memory import CellMemory, bill_key, measured_key
from planner.finance import (
    CostVectors,
    Ledger,
    Tco,
    account,
    cost_vectors,
    tco,
    tco_interval,
)
from planner.finance.footprint import Footprint, footprint
from planner.finance.hand_check import HandCheck, check_strategy
from planner.finance.horizon import plan_of, use_of
from planner.finance.intervals import difference_intervals
from planner.metrics import (
    LOST,
    Deletions,
    Estimate,
    LatencyCurve,
    Measure,
    Pool,
    deletions,
    estimates,
    latency_curve,
    measures,
)
from planner.scenario.fields import MONTH_S, Scenario
from planner.workload.arrivals import day_factor
from planner.workload.windows import (
    DAY_S,
    Window,
    counts,
    expected_requests,
    horizon,
    plan_windows,
    requests_per_month,
    task_share,
)

if TYPE_CHECKING:
    import pandas as pd

    from planner.experiments.fixes import Fix

Result = TypeVar("Result")

MOST_REQUESTS = 10_000_000_000  # about an hour on two cores

# Our name of a money measure: the field of `finance.Tco` it is.
MONEY = {
    "tco_total_usd": "invoiced_usd",
    "tco_npv_usd": "invoiced_npv_usd",
    "economic_tco_total_usd": "economic_usd",
    "economic_tco_npv_usd": "economic_npv_usd",
    "cost_per_1k_requests_usd": "invoiced_per_1k_usd",
    "economic_cost_per_1k_requests_usd": "economic_per_1k_usd",
    "cost_per_correct_answer_usd": "invoiced_per_correct_usd",
    "economic_cost_per_correct_answer_usd": "economic_per_correct_usd",
}
OBJECTIVE = {"economic": "economic_usd", "invoiced": "invoiced_usd"}


_COUNTED = ("arrived", "completed", "failed")
_TABLES = "_tables"  # where an instance keeps those that were made


def _table(made: "Callable[[Any], pd.DataFrame]") -> "cached_property[pd.DataFrame]":
    """A table that is made when it is first asked for; each who asks has a copy of its own, that costs nothing."""

    def table(self: Any) -> "pd.DataFrame":
        kept = self.__dict__.setdefault(_TABLES, {})
        if made.__name__ not in kept:
            kept[made.__name__] = made(self)
        return cast(
            "pd.DataFrame", kept[made.__name__].copy(deep=False)
        )  # written to, it parts from the kept one

    table.__doc__ = made.__doc__
    return cast("cached_property[pd.DataFrame]", property(table))


def _kept(made: Callable[[Any], Result]) -> Result:
    """What is worked out when it is first asked for, and the same for all who ask: nothing that can be changed."""

    def found(self: Any) -> Result:
        kept = self.__dict__.setdefault(_TABLES, {})
        if made.__name__ not in kept:
            kept[made.__name__] = made(self)
        return cast("Result", kept[made.__name__])

    found.__doc__ = made.__doc__
    return cast("Result", property(found))


class Figure(NamedTuple):
    """A measure of a strategy with its interval; `task` is "" for all, what is unknown is None."""

    strategy: str
    task: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    unit: str


class Amount(NamedTuple):
    """Money of a strategy with its interval: a measure of money, or waste by its cause, "" for all of it."""

    strategy: str
    measure: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None
    unit: str = "USD"


@dataclass(frozen=True)
class StrategyResult:
    """One strategy over all windows of the plan."""

    name: str
    cells: tuple[Cell, ...]
    measures: Mapping[tuple[str, str], Measure]  # by (task or "", measure)
    estimates: Mapping[tuple[str, str], Estimate]
    curve: LatencyCurve
    ledger: Ledger
    tco: Tco
    vectors: CostVectors

    def mean_count(self, which: str) -> float:
        """Requests per window: arrived, completed or failed."""
        totals = {
            "arrived": sum(cell.sample.n for cell in self.cells),
            "completed": sum(cell.sample.n_completed for cell in self.cells),
        }
        totals["failed"] = totals["arrived"] - totals["completed"]
        return totals[which] / len(self.cells)

    def mean_lost(self, scope: Sequence[int]) -> dict[str, float]:
        """CAUSE: requests per window of the tasks in `scope` that failed by it; causes that came up."""
        return {cause: n / len(self.cells) for cause, n in lost(self, scope).items()}

    def mean_tokens(self, meter: str) -> float:
        """Billed tokens per window, all calls."""
        return sum(cell.sample.billed_tokens[meter] for cell in self.cells) / len(self.cells)


@dataclass(frozen=True)
class Comparison:
    """What a comparison found; tables are DataFrames made when asked for."""

    scenario: Scenario
    engine: str
    windows: tuple[Window, ...]
    plan: Deletions
    results: Mapping[str, StrategyResult]
    slo_rows: tuple[SloRow, ...]
    verdicts: Mapping[str, Verdict]
    winner: str | None
    answer: str
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]
    represented_requests: float
    simulated_requests: int
    seconds: float = field(compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: tables are made anew."""
        return {name: value for name, value in self.__dict__.items() if name != _TABLES}

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(self.results)

    @property
    def timed(self) -> tuple[str, ...]:
        """Tasks whose latency, time to first token, waits and speed those over all tasks are: see `causes.awaited`."""
        names = list(self.scenario.tasks)
        return tuple(names[i] for i in awaited(self.scenario))

    @property
    def is_timed_in_part(self) -> bool:
        """Whether there are tasks in no hurry beside those."""
        return len(self.timed) < len(self.scenario.tasks)

    @_kept
    def figures(self) -> tuple[Figure, ...]:
        """The rows of `summary`."""
        told = counts(self.scenario)
        months = [
            ("turns_per_month", told.turns_per_month, "turns/month"),
            ("conversations_per_month", told.conversations_per_month, "conversations/month"),
        ]
        if told.users_active_per_day is not None:
            months.append(("users_active_per_day", told.users_active_per_day, "users"))
        rows: list[Figure] = []
        for name, result in self.results.items():
            rows += [
                Figure(name, task, measure, one.value, one.low, one.high, result.measures[task, measure].unit)
                for (task, measure), one in result.estimates.items()
            ]
            plain = [
                *((f"requests_{which}", result.mean_count(which), "requests") for which in _COUNTED),
                *(
                    (f"tokens_{meter}", result.mean_tokens(meter), "tokens")
                    for meter in result.cells[0].sample.billed_tokens
                ),
                *months,
            ]
            rows += [Figure(name, "", measure, value, None, None, unit) for measure, value, unit in plain]
        return tuple(rows)

    @_table
    def summary(self) -> "pd.DataFrame":
        """Measures: strategy, task ("" for all), measure, value, low, high, unit."""
        import pandas as pd

        return pd.DataFrame(self.figures, columns=[*Figure._fields])

    @_kept
    def amounts(self) -> tuple[Amount, ...]:
        """The rows of `money`."""
        return tuple(
            Amount(name, measure, cost.value, cost.low, cost.high)
            for name in self.results
            for measure, cost in self.costs(name).items()
        )

    @_table
    def money(self) -> "pd.DataFrame":
        """Money: strategy, measure, value, low, high (Decimal), unit."""
        return _amounts_table(self.amounts)

    @_table
    def lost(self) -> "pd.DataFrame":
        """Requests that failed: strategy, task ("" for all), cause, share with low and high, requests per window.

        Shares add up to 1 - availability, requests to all that failed; a cause that never came up has no row.
        """
        import pandas as pd

        rows = []
        for name, result in self.results.items():
            for task, scope in scopes(self.scenario):
                for cause, n in result.mean_lost(scope).items():
                    share = result.estimates[task, LOST + cause]
                    rows.append((name, task, cause, share.value, share.low, share.high, n))
        return pd.DataFrame(rows, columns=["strategy", "task", "cause", "share", "low", "high", "requests"])

    @_kept
    def waste(self) -> tuple[Amount, ...]:
        """The rows of `wasted`."""
        return tuple(
            Amount(name, cause, cost.value, cost.low, cost.high)
            for name, result in self.results.items()
            for cause, cost in {"": all_wasted(result), **wasted(result)}.items()
        )

    @_table
    def wasted(self) -> "pd.DataFrame":
        """Money that bought nobody an answer: strategy, cause ("" for all), value, low, high (Decimal), unit.

        Sums of the ledger's rows in wasted/CAUSE/METER; causes add up to all of it.
        """
        return _amounts_table(self.waste).rename(columns={"measure": "cause"})

    def costs(self, strategy: str) -> dict[str, Cost]:
        """Every money measure that is known, with its interval."""
        result = self.results[strategy]
        found = {}
        for measure, name in MONEY.items():
            value = getattr(result.tco, name)
            if value is not None:
                ends = tco_interval(result.vectors, name, value)
                found[measure] = Cost(value, *(ends or (None, None)))
        return found

    @_table
    def ledger(self) -> "pd.DataFrame":
        """Every row of every bill; amounts are exact Decimals."""
        import pandas as pd

        frames = [result.ledger.to_frame() for result in self.results.values()]
        table = pd.concat(frames, ignore_index=True)
        return table[["strategy", *[name for name in table.columns if name != "strategy"]]]

    @_table
    def differences(self) -> "pd.DataFrame":
        """b minus a for every pair and measure, paired on common luck: a, b, measure, value, low, high."""
        import pandas as pd

        rows = [
            (a, b, measure, value, low, high)
            for a, b in combinations(self.results, 2)
            for measure, value, low, high in self.difference_rows(a, b)
        ]
        return pd.DataFrame(rows, columns=["a", "b", "measure", "value", "low", "high"]).astype(
            {"value": object, "low": object, "high": object}
        )

    def difference_rows(self, a: str, b: str) -> Sequence[tuple[str, Any, Any, Any]]:
        """MEASURE, value, low, high of b minus a, paired; worked out once for a pair."""
        kept = self.__dict__.setdefault(_TABLES, {})
        if (a, b) not in kept:
            kept[a, b] = tuple(self._difference_rows(a, b))
        return cast("Sequence[tuple[str, Any, Any, Any]]", kept[a, b])

    def _difference_rows(self, a: str, b: str) -> list[tuple[str, Any, Any, Any]]:
        one, other = self.results[a], self.results[b]
        rows: list[tuple[str, Any, Any, Any]] = []
        gaps: dict[str, Measure] = {}
        for task, measure in dict.fromkeys((*one.measures, *other.measures)):
            if task == "":
                found, second = (_measure(result, task, measure) for result in (one, other))
                if found is not None and second is not None:
                    gaps[measure] = Measure(second.replicates - found.replicates, found.unit)
        for measure, gap in zip(gaps, estimates(list(gaps.values()), self.plan.strata), strict=True):
            if gap.value is not None:
                rows.append((measure, gap.value, gap.low, gap.high))
        costs = money_differences(one, other, list(MONEY.values()))
        for measure, name in MONEY.items():
            if name in costs:
                cost = costs[name]
                rows.append((measure, cost.value, cost.low, cost.high))
        return rows

    @_table
    def slo(self) -> "pd.DataFrame":
        """Targets: strategy, task, measure, target, value, met; with intervals in `verdict_matrix`."""
        import pandas as pd

        rows = [
            (row.strategy, row.task, row.measure, row.target, row.value, row.met) for row in self.slo_rows
        ]
        return pd.DataFrame(rows, columns=["strategy", "task", "measure", "target", "value", "met"])

    @_table
    def verdict_matrix(self) -> "pd.DataFrame":
        """Targets with intervals: strategy, task (None: all), measure, target, value, low, high, unit, met, verdict.

        `verdict` is met, missed, or not certain where the 95 % interval covers the target.
        """
        from planner.experiments.rows import targets

        return targets(self)

    def fixes(self, finding: Finding) -> "tuple[Fix, ...]":
        """What would change a finding, the one to try first in front; see `planner.experiments.fixes`."""
        from planner.experiments.fixes import fixes_of

        return fixes_of(self, finding)

    def rows_behind(self, finding: Finding) -> "pd.DataFrame":
        """The rows that a finding's number is made of. Raises PlannerError where it names none."""
        from planner.experiments.rows import rows_behind

        return rows_behind(self, finding)

    @_table
    def assumptions(self) -> "pd.DataFrame":
        """What the figures rest on: what, value, unit, source, as_of, confidence."""
        return assumptions(self.scenario)

    @property
    def not_included(self) -> tuple[str, ...]:
        """What is left out of the bill."""
        return not_included(self.scenario)

    @_table
    def curves(self) -> "pd.DataFrame":
        """Latency distribution for charts: strategy, share, latency_s with low_s and high_s."""
        import pandas as pd

        found = list(self.results.values())
        columns = {"share": "shares", "latency_s": "latency_s", "low_s": "low_s", "high_s": "high_s"}
        return pd.DataFrame(
            {
                "strategy": [one.name for one in found for _ in one.curve.shares],
                **{
                    name: np.concatenate([getattr(one.curve, of_curve) for one in found])
                    for name, of_curve in columns.items()
                },
            }
        )

    @_kept
    def months(self) -> Mapping[str, Sequence[Any]]:
        """The columns of `monthly`."""
        sums = {name: result.ledger.by("month", "view", "group") for name, result in self.results.items()}
        rows = [(name, *key, float(amount)) for name, found in sums.items() for key, amount in found.items()]
        names = ("strategy", "month", "view", "account", "amount_usd")
        return MappingProxyType({name: tuple(row[k] for row in rows) for k, name in enumerate(names)})

    @_table
    def monthly(self) -> "pd.DataFrame":
        """Costs for charts: strategy, month, view, account (top level), amount_usd."""
        import pandas as pd

        return pd.DataFrame(dict(self.months))

    def hand_check(self, strategy: str) -> HandCheck:
        """Any month of a strategy's bill by pocket calculator, step by step to its ledger: `.bill(month, account)`."""
        check_strategy(self.scenario, strategy)
        result = self.results[strategy]
        quantities = [cell.quantities for cell in result.cells]
        return HandCheck(self.scenario, strategy, self.windows, quantities, result.ledger)

    def footprint(self, strategy: str) -> tuple[Footprint, ...]:
        """Energy and CO2e of a strategy by deployment, and their sum; never a part of its cost."""
        check_strategy(self.scenario, strategy)
        cells = self.results[strategy].cells
        return footprint(self.scenario, strategy, self.windows, [cell.quantities for cell in cells])

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `planner compare --json`: plain values, money as decimal strings."""
        from planner.experiments.document import document

        return document(self)


def _amounts_table(rows: Sequence[Amount]) -> "pd.DataFrame":
    """Amounts stay Decimals."""
    import pandas as pd

    exact = {"value": object, "low": object, "high": object}
    return pd.DataFrame(rows, columns=[*Amount._fields]).astype(exact)


def _measure(result: StrategyResult, task: str, measure: str) -> Measure | None:
    """A measure that a strategy has; a cause by which it lost nothing is a share of 0."""
    found = result.measures.get((task, measure))
    if found is None and measure.startswith(LOST):
        return Measure(0 * result.measures[task, "availability"].replicates, "share")
    return found


def money_difference(a: StrategyResult, b: StrategyResult, name: str) -> Cost | None:
    """A field of Tco, b minus a, paired over the windows; None where one is unknown."""
    return money_differences(a, b, [name]).get(name)


def money_differences(a: StrategyResult, b: StrategyResult, names: Sequence[str]) -> dict[str, Cost]:
    """Those fields of Tco that are known of both, b minus a, paired over the windows."""
    gaps: dict[str, Decimal] = {}
    for name in names:
        first, second = getattr(a.tco, name), getattr(b.tco, name)
        if first is not None and second is not None:
            gaps[name] = second - first
    ends = difference_intervals(b.vectors, a.vectors, gaps)
    return {name: Cost(gap, *(ends[name] or (None, None))) for name, gap in gaps.items()}


def compare(
    scenario: Scenario,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
    memory: CellMemory | None = None,
) -> Comparison:
    """Run every strategy of a scenario over the plan's windows and lay them side by side.

    Parameters
    ----------
    replications : int, optional
        Windows instead of `run.replications`; those with a planted outage come on top.
    workers : int, optional
        Threads of the compiled engine (all cores if not given) or processes of the reference engine (1;
        more need an importable main module). Results do not depend on it.
    report : callable (done, total), optional
        Called often while it runs; what it raises ends the run.
    memory : CellMemory, optional
        Where what was simulated is kept from one comparison to the next: only what a change can have touched is
        simulated again. The result is the same with it and without.
    """
    began = clock()
    windows = plan_windows(scenario, replications)
    check_size(scenario, windows)
    keys = None if memory is None else cell_keys(scenario, windows, engine, list(scenario.strategies))
    plan = deletions(measure_weights(scenario, windows), [(window.era, window.stratum) for window in windows])
    running = cells_by_strategy(
        scenario, windows, engine=engine, workers=workers, report=report, memory=memory, keys=keys
    )
    with closing(running) as cells:  # a strategy that cannot be billed ends what still runs
        results = _results(scenario, windows, cells, _Measuring(scenario, plan, memory, keys), workers)
    rows = [row for name, one in results.items() for row in answers.slo_rows(scenario, name, one.estimates)]
    sentence, winner = _answer(scenario, results, rows, len(windows))
    verdicts = {
        name: Verdict(one.meets, one.misses, name == winner, one.is_baseline)
        for name, one in answers.verdicts(scenario, rows).items()
    }
    found = Comparison(
        scenario=scenario,
        engine=engine,
        windows=windows,
        plan=plan,
        results=results,
        slo_rows=tuple(rows),
        verdicts=verdicts,
        winner=winner,
        answer=sentence,
        findings=(),  # they look at all the rest
        notices=notices(scenario),
        represented_requests=expected_requests(scenario),
        simulated_requests=sum(cell.sample.n for one in results.values() for cell in one.cells),
        seconds=0.0,
    )
    complete = replace(found, findings=findings(found), seconds=clock() - began)
    complete.__dict__[_TABLES] = found.__dict__.get(_TABLES, {})  # no table holds a finding
    return complete


def run_strategy(
    scenario: Scenario,
    name: str,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> tuple[StrategyResult, tuple[Window, ...]]:
    """One strategy alone over the plan's windows: what `compare` finds of it, and the windows; arguments as there."""
    windows = plan_windows(scenario, replications)
    check_size(scenario, windows)
    cells = run_cells(scenario, windows, engine=engine, workers=workers, report=report, strategies=(name,))
    plan = deletions(measure_weights(scenario, windows), [(window.era, window.stratum) for window in windows])
    return result_of(scenario, name, windows, plan, tuple(cell[name] for cell in cells)), windows


def result_of(
    scenario: Scenario, name: str, windows: Sequence[Window], plan: Deletions, cells: tuple[Cell, ...]
) -> StrategyResult:
    """The result of a strategy whose windows are simulated."""
    measuring = _Measuring(scenario, plan, None, None)
    return _result(scenario, name, windows, cells, measuring.of(name, cells))


@dataclass(frozen=True)
class _Measured:
    """What of a strategy's result is no money."""

    measures: Mapping[tuple[str, str], Measure]
    estimates: Mapping[tuple[str, str], Estimate]
    curve: LatencyCurve


class _Measuring:
    """Measures of strategies over the windows of a plan, remembered where there is a memory and the keys of cells."""

    def __init__(
        self,
        scenario: Scenario,
        plan: Deletions,
        memory: CellMemory | None,
        keys: Sequence[Mapping[str, str]] | None,
    ) -> None:
        self.scenario, self.plan, self.memory, self.keys = scenario, plan, memory, keys

    def of(self, name: str, cells: tuple[Cell, ...]) -> _Measured:
        if self.memory is None or self.keys is None:
            return self._made(cells)
        scenario = self.scenario
        parts = (
            self.plan.weights, self.plan.strata, mean_rate_per_s(scenario), task_share(scenario), list(scenario.tasks),
            list(scenario.deployments), list(awaited(scenario)),
        )  # fmt: skip
        key = measured_key([of_window[name] for of_window in self.keys], parts)
        found: _Measured | None = self.memory.get(key)
        return self.memory.put(key, self._made(cells)) if found is None else found

    def _made(self, cells: tuple[Cell, ...]) -> _Measured:
        pool = Pool([cell.sample for cell in cells], self.plan)
        found = _measures(self.scenario, pool)
        return _Measured(
            measures=found,
            estimates=dict(zip(found, estimates(list(found.values()), self.plan.strata), strict=True)),
            curve=latency_curve(pool, awaited(self.scenario)),
        )


def _results(
    scenario: Scenario,
    windows: Sequence[Window],
    cells: Iterable[tuple[str, tuple[Cell, ...]]],
    measuring: _Measuring,
    workers: int | None,
) -> dict[str, StrategyResult]:
    """Results by strategy, in the scenario's order.

    Each is billed as soon as its cells are there, and measured beside that: sorting holds no interpreter lock.
    """

    def bill(name: str, own: tuple[Cell, ...]) -> _Bill:
        memory, keys = measuring.memory, measuring.keys
        if memory is None or keys is None:
            return _bill(scenario, name, windows, own)
        key = bill_key(scenario, name, [of_window[name] for of_window in keys])
        found: _Bill | None = memory.get(key)
        return memory.put(key, _bill(scenario, name, windows, own)) if found is None else found

    if workers is not None and workers <= 1:
        alone = {name: _joined(name, own, bill(name, own), measuring.of(name, own)) for name, own in cells}
        return {name: alone[name] for name in scenario.strategies}
    with ThreadPoolExecutor(1) as beside:
        begun = {name: (own, beside.submit(measuring.of, name, own), bill(name, own)) for name, own in cells}
        return {
            name: _joined(name, own, paid, then.result())
            for name in scenario.strategies
            for own, then, paid in (begun[name],)
        }


_Bill = tuple[Ledger, Tco, CostVectors]


def _result(
    scenario: Scenario, name: str, windows: Sequence[Window], cells: tuple[Cell, ...], found: _Measured
) -> StrategyResult:
    return _joined(name, cells, _bill(scenario, name, windows, cells), found)


def _joined(name: str, cells: tuple[Cell, ...], bill: _Bill, found: _Measured) -> StrategyResult:
    ledger, total, vectors = bill
    return StrategyResult(
        name=name,
        cells=cells,
        measures=found.measures,
        estimates=found.estimates,
        curve=found.curve,
        ledger=ledger,
        tco=total,
        vectors=vectors,
    )


def _bill(scenario: Scenario, name: str, windows: Sequence[Window], cells: tuple[Cell, ...]) -> _Bill:
    quantities = [cell.quantities for cell in cells]
    plan_of_bill = plan_of(scenario, name)
    use = use_of(plan_of_bill, windows, quantities)
    ledger = account(scenario, name, windows, quantities, plan_of_bill, use)
    return (
        ledger,
        tco(scenario, ledger),
        cost_vectors(scenario, name, windows, quantities, plan_of_bill, use),
    )


def measured(scenario: Scenario, plan: Deletions, cells: Sequence[Cell]) -> dict[tuple[str, str], Measure]:
    """(TASK or "" for all, MEASURE): every measure of one strategy over the windows of a plan."""
    return _measures(scenario, Pool([cell.sample for cell in cells], plan))


def _measures(scenario: Scenario, pool: Pool) -> dict[tuple[str, str], Measure]:
    found: dict[tuple[str, str], Measure] = {}
    deployments = list(scenario.deployments)
    rate, shares = mean_rate_per_s(scenario), task_share(scenario)
    for task, scope in scopes(scenario):
        share = shares.get(task, 0.0) if task else 1.0
        for measure, one in measures(
            pool,
            scope,
            deployments,
            None if rate is None else rate * share,
            awaited=None if task else awaited(scenario),
        ).items():
            found[task, measure] = one
    return found


def check_size(scenario: Scenario, windows: Sequence[Window]) -> None:
    """Refuse ahead what would run for hours: the requests that the windows are expected to hold."""
    if scenario.traffic.trace is not None:
        return
    per_hour = requests_per_month(scenario) / MONTH_S * 3600
    expected = sum(per_hour * window.volume for window in windows) * len(scenario.strategies)
    if expected > MOST_REQUESTS:
        raise PlannerError(
            f"About {expected:,.0f} requests would have to be simulated ({len(windows)} windows of "
            f"{windows[0].length_s:g} s, {len(scenario.strategies)} strategies); at most {MOST_REQUESTS:,} are. "
            "Give shorter windows (run.window_s) or fewer of them (run.replications)."
        )


def measure_weights(scenario: Scenario, windows: Sequence[Window]) -> list[float]:
    """Weights of windows for measures per request; those of a stratum add up to its probability.

    Windows are drawn in proportion to expected requests, so they count alike; where days differ by
    `traffic.daily_spread`, a window of a busy day stands for more requests and counts by its day's factor.
    """
    if scenario.traffic.trace is not None or scenario.traffic.daily_spread == 0:
        return [window.weight for window in windows]
    busy = [
        window.weight * day_factor(scenario, window.index, int(window.start_s // DAY_S)) for window in windows
    ]
    found = []
    for window in windows:
        alike = [
            i for i, other in enumerate(windows) if (other.era, other.stratum) == (window.era, window.stratum)
        ]
        planned = sum(windows[i].weight for i in alike)
        found.append(busy[window.index] / sum(busy[i] for i in alike) * planned)
    return found


def mean_rate_per_s(scenario: Scenario) -> float | None:
    """Mean arrivals per second over the horizon; of a recording, over its own length."""
    if scenario.traffic.trace is not None:
        from planner.workload.traces import recording

        found = recording(scenario)
        return found.n / (found.last_ns / 1e9) if found.last_ns > 0 else None
    first, last = horizon(scenario)
    return expected_requests(scenario) / ((last - first).days * 86_400)


def _answer(
    scenario: Scenario, results: Mapping[str, StrategyResult], rows: Sequence[SloRow], n_windows: int
) -> tuple[str, str | None]:
    name = OBJECTIVE[scenario.objective]
    costs = {}
    for strategy, one in results.items():
        value = getattr(one.tco, name)
        costs[strategy] = Cost(value, *(tco_interval(one.vectors, name, value) or (None, None)))
    gaps: dict[tuple[str, str], Cost] = {}
    for a, b in combinations(results, 2):
        gap = money_difference(results[a], results[b], name)
        assert gap is not None, "totals are always known"
        gaps[a, b] = gap
    return answers.answer(scenario, costs, gaps, rows, n_windows)


__all__ = ["MONEY", "Comparison", "StrategyResult", "Verdict", "compare", "result_of", "run_strategy"]
