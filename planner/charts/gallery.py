"""The charts of a comparison, each made when it is asked for.

Come in: the tidy tables of a comparison (measures, money, monthly amounts, latency curves, week, flow); go out: charts
by name. Figures are looked up in the tables, never computed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from planner.charts.cost import cumulative_chart, tco_chart
from planner.charts.flow import flow_chart
from planner.charts.latency import latency_chart
from planner.charts.tradeoff import tradeoff_chart
from planner.charts.vega import Columns, column
from planner.charts.week import week_chart

COST_PER_1K = {"invoiced": "cost_per_1k_requests_usd", "economic": "economic_cost_per_1k_requests_usd"}


class Gallery(Mapping[str, Any]):
    """NAME: chart for `latency`, `tco`, `cumulative`, `tradeoff` and, where their tables are given, `week` and `flow`.

    A chart is made once, when it is first asked for.

    Parameters
    ----------
    strategies : sequence of names, in the scenario's order
    objective : invoiced or economic
    curves, monthly : DataFrame or columns
        As a comparison gives them.
    summary, money : DataFrame or rows
        As a comparison gives them; rows have the columns as fields.
    targets : mapping
        `p95_latency_s`: seconds or None, from the scenario's SLO.
    meets : mapping from strategy to bool
        Whether a strategy meets every target.
    week : callable () -> DataFrame, optional
        Gives the rows of `week_chart`.
    flows : callable (strategy) -> DataFrame, optional
        Gives the links of `flow_chart`.
    best : str, optional
        The strategy whose flow `flow` is; the first if not given. `flow_of` draws any other.
    frontier : callable () -> DataFrame, optional
        Gives the points of strategies, of routers at other omni shares and of oracles, with the fronts: see `tradeoff_chart`.
    """

    def __init__(
        self,
        *,
        strategies: Sequence[str],
        objective: str,
        curves: Columns,
        monthly: Columns,
        summary: pd.DataFrame | Sequence[Any],
        money: pd.DataFrame | Sequence[Any],
        targets: Mapping[str, float | None],
        meets: Mapping[str, bool],
        week: Callable[[], pd.DataFrame] | None = None,
        flows: Callable[[str], pd.DataFrame] | None = None,
        best: str | None = None,
        frontier: Callable[[], pd.DataFrame] | None = None,
    ) -> None:
        self._strategies = list(strategies)
        self._objective = objective
        self._curves, self._monthly, self._summary, self._money = curves, monthly, summary, money
        self._targets, self._meets = targets, meets
        self._week_rows, self._flows, self._best, self._frontier = week, flows, best, frontier
        self._made: dict[str, Any] = {}
        self._measures: dict[tuple[str, str], tuple[Any, Any, Any]] = {}
        given = {"week": week, "flow": flows}
        self._names = [name for name in _DRAWN if given.get(name, True) is not None]

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = _DRAWN[name](self)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def flow_of(self, strategy: str) -> Any:
        """The flow of any strategy."""
        assert self._flows is not None, "asked for without flows"
        return flow_chart(self._flows(strategy))

    def _latency(self) -> Any:
        p95 = {name: self._measure(name, "latency_p95_s") for name in self._strategies}
        return latency_chart(self._curves, self._targets, self._strategies, p95)

    def _tco(self) -> Any:
        has_economic = "economic" in column(self._monthly, "view")
        measure = "economic_tco_total_usd" if has_economic else "tco_total_usd"
        rows = [row for row in _rows(self._money) if row.measure == measure]
        totals = {name: [getattr(row, name) for row in rows] for name in ("strategy", "low", "high")}
        return tco_chart(self._monthly, self._strategies, totals)

    def _cumulative(self) -> Any:
        return cumulative_chart(self._monthly, self._strategies, self._objective)

    def _tradeoff(self) -> Any:
        measure = COST_PER_1K[self._objective]
        costs = {row.strategy: row for row in _rows(self._money) if row.measure == measure}
        points = pd.DataFrame(
            [
                {
                    "strategy": name,
                    "cost_per_1k_usd": getattr(costs.get(name), "value", None),
                    "low": getattr(costs.get(name), "low", None),
                    "high": getattr(costs.get(name), "high", None),
                    "p95_latency_s": self._measure(name, "latency_p95_s"),
                    "p95_low": self._measure(name, "latency_p95_s", "low"),
                    "p95_high": self._measure(name, "latency_p95_s", "high"),
                    "accuracy": self._measure(name, "accuracy"),
                    "accuracy_low": self._measure(name, "accuracy", "low"),
                    "accuracy_high": self._measure(name, "accuracy", "high"),
                    "meets": self._meets[name],
                }
                for name in self._strategies
            ]
        )
        frontier = None if self._frontier is None else self._frontier()
        return tradeoff_chart(points, self._strategies, self._objective, frontier)

    def _week(self) -> Any:
        assert self._week_rows is not None, "asked for without its rows"
        return week_chart(self._week_rows(), self._strategies, self._targets.get("p95_latency_s"))

    def _flow(self) -> Any:
        return self.flow_of(self._best if self._best is not None else self._strategies[0])

    def _measure(self, strategy: str, measure: str, column: str = "value") -> float | None:
        """A measure over all tasks, or an end of its interval; None where it is unknown."""
        if not self._measures:
            self._measures = {
                (row.strategy, row.measure): (row.value, row.low, row.high)
                for row in _rows(self._summary)
                if row.task == ""
            }
        found = self._measures.get((strategy, measure), (None, None, None))
        value = found[("value", "low", "high").index(column)]
        return None if value is None or pd.isna(value) else float(value)


def _rows(table: pd.DataFrame | Sequence[Any]) -> Iterable[Any]:
    """The rows of a table, with its columns as fields."""
    return table.itertuples(index=False) if isinstance(table, pd.DataFrame) else table


_DRAWN: dict[str, Callable[[Gallery], Any]] = {
    "latency": Gallery._latency,
    "tco": Gallery._tco,
    "cumulative": Gallery._cumulative,
    "tradeoff": Gallery._tradeoff,
    "week": Gallery._week,
    "flow": Gallery._flow,
}
