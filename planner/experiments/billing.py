"""A month's bill checked by hand, from a scenario: simulate, make the ledger, take it apart again.

Comes in: a scenario, a strategy, a month; goes out: the Bill of `finance.hand_check`. What cannot be asked for is told
before anything is simulated.
"""

from planner.experiments.cells import Progress
from planner.experiments.comparison import compare
from planner.finance.hand_check import Bill, check_month, check_strategy
from planner.finance.horizon import plan_of
from planner.scenario.fields import Scenario


def bill(
    scenario: Scenario,
    strategy: str,
    month: str,
    account: str | None = None,
    *,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> Bill:
    """A month of a strategy by pocket calculator, and what the simulation adds, until the ledger is reached exactly.

    Parameters
    ----------
    month : str
        YYYY-MM, one of the plan's calendar months.
    account : str, optional
        Only one account (api/input) or a group of them (api).
    replications, workers, report
        As in `compare`: the ledger is the one that it makes.

    Raises
    ------
    PlannerError
        A strategy, month or account that there is not, with what there is.

    Notes
    -----
    Each call simulates. For many months or accounts: `compare(scenario).hand_check(strategy).bill(month, account)`.
    """
    check_strategy(scenario, strategy)
    check_month(plan_of(scenario, strategy), month)
    found = compare(scenario, engine=engine, replications=replications, workers=workers, report=report)
    return found.hand_check(strategy).bill(month, account)
