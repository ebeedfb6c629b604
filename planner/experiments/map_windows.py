"""How long the windows of a map are: enough requests in each to say something, not so many that it takes hours.

Comes in: a scenario of the map and the scenario as it was given; goes out: the length of its windows. Windows are
shortened or lengthened, never thinned: what is simulated is all of the traffic for a shorter or longer time.
"""

from dataclasses import dataclass

from planner.errors import ScenarioError
from planner.scenario.fields import MONTH_S, Scenario
from planner.workload.windows import plan_windows, requests_per_month

MOST = 300_000  # requests of a strategy over all windows: longer windows are shortened to it
LEAST = 20_000  # where there are fewer, windows are lengthened to it
SHORTEST_S = (
    300.0  # limits of a minute show: a bucket that starts full hides demand of up to 1.2 times a limit
)
LONG = 3_000_000  # requests of a strategy: where even these windows hold more, they may be shorter still
LEAST_S = 120.0  # but no shorter: such a bucket then hides demand of up to 1.5 times a limit, which is told
LONGEST_S = 604_800.0  # the bound of run.window_s


@dataclass(frozen=True, kw_only=True)
class Length:
    """The windows of one simulation: their length, and about how many requests of a strategy they hold in all."""

    window_s: float
    requests: float
    reason: str  # own, shortened, lengthened, or own-needed: another length is refused by the scenario


def expected(scenario: Scenario, replications: int | None = None) -> float:
    """Requests of one strategy that the windows of a scenario are expected to hold."""
    per_hour = requests_per_month(scenario) / MONTH_S * 3600
    return sum(per_hour * window.volume for window in plan_windows(scenario, replications))


def fitted(scenario: Scenario, base: Scenario, replications: int | None = None) -> tuple[Scenario, Length]:
    """A scenario of the map with windows of a length that suits its traffic.

    Where it has the traffic of `base`, its own windows stay, so that the map says what a comparison says.
    """
    own_s = scenario.run.window_s
    if scenario.traffic.trace is not None:
        return scenario, Length(window_s=own_s, requests=float("nan"), reason="own")
    there, here = expected(scenario, replications), expected(base, replications)
    if there <= 0 or abs(there - here) <= 1e-9 * here or LEAST <= there <= MOST:
        return scenario, Length(window_s=own_s, requests=there, reason="own")
    if there > MOST:
        wanted = max(own_s * MOST / there, min(own_s, SHORTEST_S))
        if there * wanted / own_s > LONG:
            wanted = max(own_s * LONG / there, min(own_s, LEAST_S))
    else:
        wanted = min(own_s * min(LEAST, max(here, there)) / there, max(own_s, LONGEST_S))
    wanted = min(float(f"{wanted:.3g}"), max(own_s, LONGEST_S))  # no figure hangs on the last digits
    if wanted == own_s:
        return scenario, Length(window_s=own_s, requests=there, reason="own")
    try:
        changed = scenario.set({"run.window_s": wanted})
    except ScenarioError:  # such as a cap of a day, which needs windows of whole days
        return scenario, Length(window_s=own_s, requests=there, reason="own-needed")
    reason = "shortened" if wanted < own_s else "lengthened"
    return changed, Length(window_s=wanted, requests=expected(changed, replications), reason=reason)


__all__ = ["LEAST", "LEAST_S", "LONG", "LONGEST_S", "MOST", "SHORTEST_S", "Length", "expected", "fitted"]
