"""Money: what was used in simulated windows becomes a ledger, and the ledger a total cost of ownership.

`quantities.count` takes the integers out of a window, `horizon.account` makes the ledger of a strategy,
`tco.tco` its totals, `intervals` how far sampling may have moved them, `assumptions` what it all rests on.
"""

from planner.finance.assumptions import Assumption, assumptions, not_included
from planner.finance.horizon import account
from planner.finance.intervals import (
    MEASURES,
    CostVectors,
    Interval,
    cost_vectors,
    difference_interval,
    tco_interval,
)
from planner.finance.ledger import Ledger, LedgerRow, merge, plain, usd
from planner.finance.quantities import Key, Quantities, count, from_counts
from planner.finance.rates import NotSimulated
from planner.finance.tariff import long_thresholds
from planner.finance.tco import MonthCost, Tco, tco

__all__ = [
    "MEASURES",
    "Assumption",
    "CostVectors",
    "Interval",
    "Key",
    "Ledger",
    "LedgerRow",
    "MonthCost",
    "NotSimulated",
    "Quantities",
    "Tco",
    "account",
    "assumptions",
    "cost_vectors",
    "count",
    "difference_interval",
    "from_counts",
    "long_thresholds",
    "merge",
    "not_included",
    "plain",
    "tco",
    "tco_interval",
    "usd",
]
