"""The charts of a comparison, each made when it is asked for.

Come in: the tidy tables of a comparison (measures, money, monthly amounts, latency curves, week, flow); go out: charts
by name. Figures are looked up in the tables, never computed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from planner.charts.cost import cumulative_chart, tco_chart
from planner.charts.flow import flow_chart
from planner.charts.latency import latency_chart
from planner.charts.tradeoff import tradeoff_chart
from planner.charts.week import week_chart

COST_PER_1K = {"invoiced": "cost_per_1k_requests_usd", "economic": "economic_cost_per_1k_requests_usd"}


class Gallery(Mapping[str, Any]):
    """NAME: chart for `latency`, `tco`, `cumulative`, `tradeoff` and, where their tables are given, `week` and `flow`.

    A chart is made once, when it is first asked for.

    Parameters
    ----------
    strategies : sequence of names, in the scenario's order
    objective : invoiced or economic
    curves, monthly, summary, money : DataFrame
        As a comparison gives them.
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
    frontier : DataFrame, optional
        Points of strategies, of routers at other omni shares and of oracles, with the fronts: see `tradeoff_chart`.
    """

    def __init__(
        self,
        *,
        strategies: Sequence[str],
        objective: str,
        curves: pd.DataFrame,
        monthly: pd.DataFrame,
        summary: pd.DataFrame,
        money: pd.DataFrame,
        targets: Mapping[str, float | None],
        meets: Mapping[str, bool],
        week: Callable[[], pd.DataFrame] | None = None,
        flows: Callable[[str], pd.DataFrame] | None = None,
        best: str | None = None,
        frontier: pd.DataFrame | None = None,
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
        has_economic = bool((self._monthly["view"] == "economic").any())
        measure = "economic_tco_total_usd" if has_economic else "tco_total_usd"
        totals = self._money[self._money["measure"] == measure]
        return tco_chart(self._monthly, self._strategies, totals[["strategy", "value", "low", "high"]])

    def _cumulative(self) -> Any:
        return cumulative_chart(self._monthly, self._strategies, self._objective)

    def _tradeoff(self) -> Any:
        costs = self._money[self._money["measure"] == COST_PER_1K[self._objective]].set_index("strategy")
        points = pd.DataFrame(
            [
                {
                    "strategy": name,
                    "cost_per_1k_usd": costs["value"].get(name),
                    "low": costs["low"].get(name),
                    "high": costs["high"].get(name),
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
        return tradeoff_chart(points, self._strategies, self._objective, self._frontier)

    def _week(self) -> Any:
        assert self._week_rows is not None, "asked for without its rows"
        return week_chart(self._week_rows(), self._strategies, self._targets.get("p95_latency_s"))

    def _flow(self) -> Any:
        return self.flow_of(self._best if self._best is not None else self._strategies[0])

    def _measure(self, strategy: str, measure: str, column: str = "value") -> float | None:
        """A measure over all tasks, or an end of its interval; None where it is unknown."""
        if not self._measures:
            rows = self._summary[self._summary["task"] == ""]
            keys = zip(rows["strategy"], rows["measure"], strict=True)
            ends = zip(rows["value"], rows["low"], rows["high"], strict=True)
            self._measures = dict(zip(keys, ends, strict=True))
        found = self._measures.get((strategy, measure), (None, None, None))
        value = found[("value", "low", "high").index(column)]
        return None if value is None or pd.isna(value) else float(value)


_DRAWN: dict[str, Callable[[Gallery], Any]] = {
    "latency": Gallery._latency,
    "tco": Gallery._tco,
    "cumulative": Gallery._cumulative,
    "tradeoff": Gallery._tradeoff,
    "week": Gallery._week,
    "flow": Gallery._flow,
}
