"""The public functions: one Python API for the command line, the app and notebooks.

scenario = planner.load("scenarios/support-chatbot.yaml")
busier = scenario.set({"traffic.requests_per_month": 4_000_000})
result = planner.compare(busier)
print(result.answer)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from planner.engines import Run
from planner.experiments import break_even as evens
from planner.experiments import comparison as experiments
from planner.experiments import decision_map as maps
from planner.experiments.billing import bill
from planner.experiments.drill import Drill, drill
from planner.experiments.flow import flow
from planner.experiments.frontier import Frontier, frontier
from planner.experiments.hindsight import Hindsight, hindsight
from planner.experiments.memory import CellMemory
from planner.experiments.replay import Replay, replay
from planner.experiments.simulate import simulate
from planner.experiments.uncertainty import Uncertainty, uncertainty
from planner.experiments.week import week, week_simulated
from planner.finance.hand_check import Bill
from planner.memos.page import memo
from planner.scenario import Scenario, load
from planner.workload.logs import Log, read_log

if TYPE_CHECKING:
    import pandas as pd

    from planner.charts import Gallery
    from planner.charts.vega import View


@dataclass(frozen=True)
class Comparison(experiments.Comparison):
    """A comparison with its charts; see `planner.experiments.comparison.Comparison` for the tables."""

    @property
    def charts(self) -> "Mapping[str, View]":
        """latency, tco, cumulative, tradeoff, week and flow, each drawn when it is asked for."""
        return self.gallery()

    def gallery(self, frontier: Frontier | None = None) -> "Gallery":
        """The charts, with the curves of omni shares and the oracles of a frontier in `tradeoff` if one was computed."""
        from planner.charts import Gallery
        from planner.experiments.frontier import points_frame, strategy_points

        def points() -> "pd.DataFrame":
            return points_frame(strategy_points(self) if frontier is None else frontier.points)

        return Gallery(
            strategies=list(self.strategies),
            objective=self.scenario.objective,
            curves=self.curves,
            monthly=self.months,
            summary=self.figures,
            money=self.amounts,
            targets={"p95_latency_s": self.scenario.slo.p95_latency_s},
            meets={name: verdict.meets for name, verdict in self.verdicts.items()},
            week=lambda: week(self),
            flows=lambda strategy: flow(self, strategy),
            best=self.winner,
            frontier=points,
        )


def compare(
    scenario: Scenario,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
    memory: CellMemory | None = None,
) -> Comparison:
    """Run every strategy of a scenario side by side on common luck.

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
        Where what was simulated is kept from one comparison to the next, up to a number of bytes: only what a change
        can have touched is simulated again. The result is the same to the bit with it and without.

    Returns
    -------
    Comparison
        `.summary`, `.ledger`, `.differences`, `.slo` are DataFrames; `.charts`, `.answer`, `.to_dict()`.
    """
    found = experiments.compare(
        scenario, engine=engine, replications=replications, workers=workers, report=report, memory=memory
    )
    return Comparison(**{one.name: getattr(found, one.name) for one in fields(found)})


@dataclass(frozen=True, kw_only=True)
class BreakEven(evens.BreakEven):
    """Break-even with its chart; see `planner.experiments.break_even.BreakEven` for the figures."""

    @property
    def chart(self) -> "View":
        """Cost of a mean month against volume, a line a strategy, with all crossings and today's volume."""
        from planner.charts.decision import break_even_chart

        return break_even_chart(
            self.line_rows(),
            self.crossing_rows(),
            tuple(self.scenario.strategies),
            today=self.requests_per_month,
        )


def break_even(
    scenario: Scenario | experiments.Comparison,
    *,
    between: Sequence[str] | None = None,
    shares: bool = False,
    floor: float | None = None,
    headroom: float | None = None,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> BreakEven:
    """What flips the order of two strategies: the volume, the month, the cost of an error, the omni share.

    Parameters
    ----------
    scenario : Scenario or Comparison
        A comparison is not simulated again.
    between : two names, optional
        Only these strategies; all pairs if not given.
    shares, floor : bool, float
        Also the omni share that costs least with accuracy at or above `floor` (`slo.accuracy` if not given).
    headroom : float, optional
        Own servers follow the volume, at this utilisation in the peak; left out, they stand as they are.
    engine, replications, workers, report
        As in `compare`.

    Returns
    -------
    BreakEven
        `.frame` is a DataFrame with a row a crossing; `.pairs`, `.omni_shares`, `.chart`, `.to_dict()`.
    """
    found = evens.break_even(
        scenario,
        between=between,
        shares=shares,
        floor=floor,
        headroom=headroom,
        engine=engine,
        replications=replications,
        workers=workers,
        report=report,
    )
    return BreakEven(**{one.name: getattr(found, one.name) for one in fields(found)})


@dataclass(frozen=True, kw_only=True)
class DecisionMap(maps.DecisionMap):
    """A decision map with its chart; see `planner.experiments.decision_map.DecisionMap` for the figures."""

    @property
    def chart(self) -> "View":
        """The map drawn: colour by winner, ties lighter, missed gates marked, today's point."""
        from planner.charts.decision import decision_chart, map_rows

        return decision_chart(map_rows(self), self.strategies, self.x, self.y, self.today_words)


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
    report: Callable[[int, int], None] | None = None,
) -> DecisionMap:
    """Who wins where: two numbers of a scenario varied, `PATH=LOW..HIGH[:N]` each.

    Parameters
    ----------
    x, y : str
        Such as `traffic.requests_per_month=1e3..1e10` and `tasks.faq.cost_of_wrong_answer_usd=0.01..10:9`.
    x_scale, y_scale : auto, log or linear
        auto: by equal factors where both ends are above 0 and a factor of 100 or more apart.
    engine, replications, workers, report
        As in `compare`.

    Returns
    -------
    DecisionMap
        `.frame` is a DataFrame with a row a cell; `.cells`, `.today`, `.notices`, `.chart`, `.to_dict()`.
    """
    found = maps.decision_map(
        scenario,
        x=x,
        y=y,
        x_scale=x_scale,
        y_scale=y_scale,
        engine=engine,
        replications=replications,
        workers=workers,
        report=report,
    )
    return DecisionMap(**{one.name: getattr(found, one.name) for one in fields(found)})


__all__ = [
    "Bill",
    "BreakEven",
    "CellMemory",
    "Comparison",
    "DecisionMap",
    "Drill",
    "Frontier",
    "Hindsight",
    "Log",
    "Replay",
    "Run",
    "Scenario",
    "Uncertainty",
    "bill",
    "break_even",
    "compare",
    "decision_map",
    "drill",
    "flow",
    "frontier",
    "hindsight",
    "load",
    "memo",
    "read_log",
    "replay",
    "simulate",
    "uncertainty",
    "week",
    "week_simulated",
]
