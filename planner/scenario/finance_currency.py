"""The currency in which people read totals: one rate against the US dollar, in which everything is counted.

Fields only; that a rate is there where one is needed stands in `checks_currency`.
"""

from planner.scenario.dates import Date
from planner.scenario.declare import Fields, field


class Exchange(Fields):
    """What a unit of the scenario's currency costs in US dollars; one rate for the whole plan."""

    usd_per_unit: float = field("US dollars for one unit of the currency", unit="USD", gt=0, le=1e6)
    as_of: Date = field("day of the rate")
    source: str = field("who published it", min_length=1, max_length=300)
