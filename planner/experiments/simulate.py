"""One strategy in one window, for those who want every request and call.

Comes in: a scenario and a strategy's name; goes out: the engine's `Run` with its three tables.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planner.engines.run import Run, run_window
from planner.errors import PlannerError
from planner.scenario.fields import Scenario
from planner.workload.requests import Requests, from_frame, generate
from planner.workload.windows import plan_windows

if TYPE_CHECKING:
    import pandas as pd


def simulate(
    scenario: Scenario,
    strategy: str,
    *,
    engine: str = "compiled",
    replication: int = 0,
    requests: "int | Requests | pd.DataFrame | Sequence[Mapping[str, Any]] | None" = None,
    report: Callable[[int, int], None] | None = None,
) -> Run:
    """Simulate one window of a strategy, with every request and call kept.

    Parameters
    ----------
    replication : int
        Which window of the plan, from 0; those of `compare` have the same numbers and the same luck.
    requests : int, DataFrame or Requests, optional
        A number: exactly so many first requests (the window is lengthened, never thinned). A table
        with the columns of a trace: these requests instead of the scenario's.
    report : callable (done, total), optional
        Called as requests end.

    Returns
    -------
    Run
        `.outcomes`, `.attempts`, `.events` are DataFrames; times in seconds from the window's start.
    """
    windows = plan_windows(scenario)
    if not 0 <= replication < len(windows):
        raise PlannerError(f"replication: got {replication}; allowed: 0 to {len(windows) - 1}")
    window = windows[replication]
    given: Requests | None
    if requests is None or isinstance(requests, Requests):
        given = requests
    elif isinstance(requests, int):
        given = generate(scenario, window, requests)
    else:
        given = from_frame(scenario, requests, replication)
    return run_window(scenario, strategy, window, engine=engine, requests=given, report=report)
