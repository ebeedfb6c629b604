"""Money: what was used in simulated windows becomes a ledger, and the ledger a total cost of ownership.

`quantities.count` takes the integers out of a window, `horizon.account` makes the ledger of a strategy,
`totals.tco` its totals, `intervals` how far sampling may have moved them, `basis` what it all rests on, `break_even`
and `flips` where the order of two options changes. Parts are
imported when they are first asked for: some need the whole workload, prices need none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.finance.basis import Assumption, assumptions, not_included
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
    from planner.finance.totals import MonthCost, Tco, tco

_HOME = {
    "Assumption": "planner.finance.basis",
    "CostVectors": "planner.finance.intervals",
    "Interval": "planner.finance.intervals",
    "Key": "planner.finance.quantities",
    "Ledger": "planner.finance.ledger",
    "LedgerRow": "planner.finance.ledger",
    "MEASURES": "planner.finance.intervals",
    "MonthCost": "planner.finance.totals",
    "NotSimulated": "planner.finance.rates",
    "Quantities": "planner.finance.quantities",
    "Tco": "planner.finance.totals",
    "account": "planner.finance.horizon",
    "assumptions": "planner.finance.basis",
    "cost_vectors": "planner.finance.intervals",
    "count": "planner.finance.quantities",
    "difference_interval": "planner.finance.intervals",
    "from_counts": "planner.finance.quantities",
    "long_thresholds": "planner.finance.tariff",
    "merge": "planner.finance.ledger",
    "not_included": "planner.finance.basis",
    "plain": "planner.finance.ledger",
    "tco": "planner.finance.totals",
    "tco_interval": "planner.finance.intervals",
    "usd": "planner.finance.ledger",
}
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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'planner.finance' has no attribute {name!r}")
    found = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found
