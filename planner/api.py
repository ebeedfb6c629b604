"""The public functions: one Python API for the command line, the app and notebooks.

scenario = planner.load("scenarios/support-chatbot.yaml")
busier = scenario.set({"traffic.requests_per_month": 4_000_000})
result = planner.compare(busier)
print(result.answer)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from planner.engines import Run
from planner.experiments import comparison as experiments
from planner.experiments.billing import bill
from planner.experiments.drill import Drill, drill
from planner.experiments.hindsight import Hindsight, hindsight
from planner.experiments.simulate import simulate
from planner.experiments.uncertainty import Uncertainty, uncertainty
from planner.finance.hand_check import Bill
from planner.scenario import Scenario, load

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Comparison(experiments.Comparison):
    """A comparison with its charts; see `planner.experiments.comparison.Comparison` for the tables."""

    @property
    def charts(self) -> "Mapping[str, alt.Chart]":
        """latency, tco, cumulative and tradeoff, each drawn when it is asked for."""
        from planner.charts import Gallery

        return Gallery(
            strategies=list(self.strategies),
            objective=self.scenario.objective,
            curves=self.curves,
            monthly=self.monthly,
            summary=self.summary,
            money=self.money,
            targets={"p95_latency_s": self.scenario.slo.p95_latency_s},
            meets={name: verdict.meets for name, verdict in self.verdicts.items()},
        )


def compare(
    scenario: Scenario,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
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

    Returns
    -------
    Comparison
        `.summary`, `.ledger`, `.differences`, `.slo` are DataFrames; `.charts`, `.answer`, `.to_dict()`.
    """
    found = experiments.compare(
        scenario, engine=engine, replications=replications, workers=workers, report=report
    )
    return Comparison(**{one.name: getattr(found, one.name) for one in fields(found)})


__all__ = [
    "Bill",
    "Comparison",
    "Drill",
    "Hindsight",
    "Run",
    "Scenario",
    "Uncertainty",
    "bill",
    "compare",
    "drill",
    "hindsight",
    "load",
    "simulate",
    "uncertainty",
]
