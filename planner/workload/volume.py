"""How the volume of traffic goes over the calendar months: growth, saturation and seasons.

Comes in: a scenario; goes out: the volume of each calendar month against `traffic.requests_per_month`. Expected
requests, the windows that are drawn and the arrivals inside them all take it from here, so they cannot disagree.

The level starts at 1 and steps by calendar month: times 1 + g or, with a saturation K, times 1 + g (1 - v / K), where v is
the month's volume (logistic growth, facts: method §3.2); a volume above K, as an uncertain one may be drawn, stays. A month's volume is level times season; levels know no seasons.
"""

import math

from planner import chance
from planner.scenario.demand import Traffic
from planner.scenario.fields import Scenario
from planner.scenario.remembered import once_per_scenario
from planner.scenario.seasons import season_factors

MONTHS_PER_YEAR = 12
MONTHS_AT_A_TIME = 64


def monthly_growth(traffic: Traffic) -> float:
    """Growth from one calendar month to the next: as given, or (1 + annual)^(1/12) - 1."""
    if traffic.growth_per_year is None:
        return traffic.growth_per_month
    return chance.power(1.0 + traffic.growth_per_year, 1.0 / MONTHS_PER_YEAR) - 1.0


def volume_factors(scenario: Scenario, months: int) -> tuple[float, ...]:
    """Volume of the first so many calendar months against `traffic.requests_per_month`; shape (months,)."""
    return _factors(scenario, -(-months // MONTHS_AT_A_TIME) * MONTHS_AT_A_TIME)[:months]


@once_per_scenario
def _factors(scenario: Scenario, months: int) -> tuple[float, ...]:
    """The same; what comes later changes nothing of what came before."""
    traffic = scenario.traffic
    growth, room = monthly_growth(traffic), _room(scenario)
    seasons = season_factors(traffic.seasons)
    level = 1.0
    found = []
    for month in range(months):
        found.append(
            level
            if seasons is None
            else level * seasons[(scenario.start.month - 1 + month) % MONTHS_PER_YEAR]
        )
        level *= 1.0 + (growth if math.isinf(room) else growth * max(0.0, 1.0 - level / room))
    return tuple(found)


def volume_factor(scenario: Scenario, month: int) -> float:
    """Volume of one calendar month against `traffic.requests_per_month`; 0 is the first."""
    return volume_factors(scenario, month + 1)[month]


def _room(scenario: Scenario) -> float:
    """Saturation against the first volume; infinite where there is none."""
    saturation = scenario.traffic.saturation_requests_per_month
    if saturation is None:
        return math.inf
    volume = scenario.requests_per_month()
    assert volume is not None, "a saturation needs a given volume: checked before any run"
    return saturation / volume


__all__ = ["monthly_growth", "volume_factor", "volume_factors"]
