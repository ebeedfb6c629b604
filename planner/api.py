"""The public functions: one Python API for the command line, the app and notebooks.

scenario = planner.load("scenarios/support-chatbot.yaml")
busier = scenario.set({"traffic.requests_per_month": 4_000_000})
result = planner.compare(busier)
print(result.answer)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from planner.engines import Run
from planner.experiments import comparison as experiments
from planner.experiments.simulate import simulate
from planner.scenario import Scenario, load

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Comparison(experiments.Comparison):
    """A comparison with its charts; see `planner.experiments.comparison.Comparison` for the tables."""

    @property
    def charts(self) -> "Mapping[str, alt.Chart]":
        """latency, tco, cumulative and tradeoff, each drawn when it is asked for."""
        return Charts(self)


class Charts(Mapping[str, Any]):
    """Charts of a comparison by name."""

    NAMES = ("latency", "tco", "cumulative", "tradeoff")

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)

    def __getitem__(self, name: str) -> Any:
        from planner import charts

        found, names = self._comparison, list(self._comparison.strategies)
        match name:
            case "latency":
                return charts.latency_chart(
                    found.curves, {"p95_latency_s": found.scenario.slo.p95_latency_s}, names
                )
            case "tco":
                return charts.tco_chart(found.monthly, names)
            case "cumulative":
                return charts.cumulative_chart(found.monthly, names, found.scenario.objective)
            case "tradeoff":
                return charts.tradeoff_chart(found.points)
        raise KeyError(f"{name}: charts are {', '.join(self.NAMES)}")


def compare(
    scenario: Scenario,
    *,
    engine: str = "reference",
    replications: int | None = None,
    workers: int = 1,
    report: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run every strategy of a scenario side by side on common luck.

    Parameters
    ----------
    replications : int, optional
        Windows instead of `run.replications`; those with a planted outage come on top.
    workers : int
        Processes; results do not depend on it. More than one needs an importable main module.
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


__all__ = ["Charts", "Comparison", "Run", "Scenario", "compare", "load", "simulate"]
