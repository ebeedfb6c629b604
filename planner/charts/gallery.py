"""The four charts of a comparison, each made when it is asked for.

Come in: the tidy tables of a comparison (measures, money, monthly amounts, latency curves); go out: charts
by name. Figures are looked up in the tables, never computed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from planner.charts.cost import cumulative_chart, tco_chart, tradeoff_chart
from planner.charts.latency import latency_chart

COST_PER_1K = {"invoiced": "cost_per_1k_requests_usd", "economic": "economic_cost_per_1k_requests_usd"}


class Gallery(Mapping[str, Any]):
    """NAME: chart for `latency`, `tco`, `cumulative` and `tradeoff`; a chart is made once, when first asked for.

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
    ) -> None:
        self._strategies = list(strategies)
        self._objective = objective
        self._curves, self._monthly, self._summary, self._money = curves, monthly, summary, money
        self._targets, self._meets = targets, meets
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _DRAWN[name](self)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_DRAWN)

    def __len__(self) -> int:
        return len(_DRAWN)

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
                    "accuracy": self._measure(name, "accuracy"),
                    "meets": self._meets[name],
                }
                for name in self._strategies
            ]
        )
        return tradeoff_chart(points, self._strategies, self._objective)

    def _measure(self, strategy: str, measure: str) -> float | None:
        """A measure over all tasks; None where it is unknown."""
        rows = self._summary
        found = rows.loc[
            (rows["strategy"] == strategy) & (rows["task"] == "") & (rows["measure"] == measure), "value"
        ]
        return None if found.empty or pd.isna(found.iloc[0]) else float(found.iloc[0])


_DRAWN: dict[str, Callable[[Gallery], Any]] = {
    "latency": Gallery._latency,
    "tco": Gallery._tco,
    "cumulative": Gallery._cumulative,
    "tradeoff": Gallery._tradeoff,
}
