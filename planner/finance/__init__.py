"""Money: what was used in simulated windows becomes a ledger, and the ledger a total cost of ownership.

`quantities.count` takes the integers out of a window, `horizon.account` makes the ledger of a strategy,
`totals.tco` its totals, `intervals` how far sampling may have moved them, `basis` what it all rests on; `investment`
looks at the difference of two, `break_even` and `flips` at where their order changes, `accounting` spreads what lasts,
`value.value` compares with what answers are worth and with what today costs. Parts are imported when they are first asked
for: some need the whole workload, prices need none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.finance.accounting import Books, books
    from planner.finance.assumption import Assumption
    from planner.finance.basis import assumptions, not_included
    from planner.finance.currency import Rate, money, rate_of, rate_words, shown
    from planner.finance.fiscal import YearCost, by_fiscal_year, fiscal_year
    from planner.finance.footprint import Footprint
    from planner.finance.horizon import account
    from planner.finance.intervals import (
        MEASURES,
        CostVectors,
        Interval,
        cost_vectors,
        difference_interval,
        tco_interval,
    )
    from planner.finance.investment import (
        Flow,
        Irr,
        Payback,
        annuity,
        cost_flows,
        difference_flows,
        equivalent_annual_cost,
        irr,
        npv,
        payback,
    )
    from planner.finance.ledger import Ledger, LedgerRow, merge, plain, usd
    from planner.finance.quantities import Key, Quantities, count, from_counts
    from planner.finance.rates import NotSimulated
    from planner.finance.tariff import long_thresholds
    from planner.finance.totals import MonthCost, Tco, tco
    from planner.finance.value import Value

_HOME = {
    "Assumption": "planner.finance.assumption",
    "Books": "planner.finance.accounting",
    "CostVectors": "planner.finance.intervals",
    "Flow": "planner.finance.investment",
    "Footprint": "planner.finance.footprint",
    "Interval": "planner.finance.intervals",
    "Irr": "planner.finance.investment",
    "Key": "planner.finance.quantities",
    "Ledger": "planner.finance.ledger",
    "LedgerRow": "planner.finance.ledger",
    "MEASURES": "planner.finance.intervals",
    "MonthCost": "planner.finance.totals",
    "NotSimulated": "planner.finance.rates",
    "Payback": "planner.finance.investment",
    "Quantities": "planner.finance.quantities",
    "Rate": "planner.finance.currency",
    "Tco": "planner.finance.totals",
    "Value": "planner.finance.value",
    "YearCost": "planner.finance.fiscal",
    "account": "planner.finance.horizon",
    "annuity": "planner.finance.investment",
    "assumptions": "planner.finance.basis",
    "books": "planner.finance.accounting",
    "by_fiscal_year": "planner.finance.fiscal",
    "cost_flows": "planner.finance.investment",
    "cost_vectors": "planner.finance.intervals",
    "count": "planner.finance.quantities",
    "difference_flows": "planner.finance.investment",
    "difference_interval": "planner.finance.intervals",
    "equivalent_annual_cost": "planner.finance.investment",
    "fiscal_year": "planner.finance.fiscal",
    "from_counts": "planner.finance.quantities",
    "irr": "planner.finance.investment",
    "long_thresholds": "planner.finance.tariff",
    "merge": "planner.finance.ledger",
    "money": "planner.finance.currency",
    "not_included": "planner.finance.basis",
    "npv": "planner.finance.investment",
    "payback": "planner.finance.investment",
    "plain": "planner.finance.ledger",
    "rate_of": "planner.finance.currency",
    "rate_words": "planner.finance.currency",
    "shown": "planner.finance.currency",
    "tco": "planner.finance.totals",
    "tco_interval": "planner.finance.intervals",
    "usd": "planner.finance.ledger",
}
__all__ = [
    "MEASURES",
    "Assumption",
    "Books",
    "CostVectors",
    "Flow",
    "Footprint",
    "Interval",
    "Irr",
    "Key",
    "Ledger",
    "LedgerRow",
    "MonthCost",
    "NotSimulated",
    "Payback",
    "Quantities",
    "Rate",
    "Tco",
    "Value",
    "YearCost",
    "account",
    "annuity",
    "assumptions",
    "books",
    "by_fiscal_year",
    "cost_flows",
    "cost_vectors",
    "count",
    "difference_flows",
    "difference_interval",
    "equivalent_annual_cost",
    "fiscal_year",
    "from_counts",
    "irr",
    "long_thresholds",
    "merge",
    "money",
    "not_included",
    "npv",
    "payback",
    "plain",
    "rate_of",
    "rate_words",
    "shown",
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
