"""Small tidy tables as charts get them: three strategies over three years, with amounts that are easy to add up."""

from decimal import Decimal

import pandas as pd

STRATEGIES = ("omni-only", "mini-only", "hybrid")
MONTHS = tuple(f"{2027 + k // 12}-{k % 12 + 1:02d}" for k in range(36))
# STRATEGY: (view, account, USD in the first month, USD in each later month)
AMOUNTS = {
    "omni-only": [
        ("invoiced", "api", "21000.25", "24500.5"),
        ("invoiced", "wasted", "40", "42.75"),
        ("invoiced", "people", "7500", "7500"),
        ("invoiced", "one-time", "60000", "0"),
        ("economic", "wrong answers", "9000.01", "11000"),
    ],
    "mini-only": [
        ("invoiced", "api", "1300.5", "1500.125"),
        ("invoiced", "people", "7500", "7500"),
        ("invoiced", "one-time", "60000", "0"),
        ("economic", "wrong answers", "39000", "43000"),
    ],
    "hybrid": [
        ("invoiced", "api", "6200", "7100.5"),
        ("invoiced", "router", "40", "44"),
        ("invoiced", "people", "7500", "7500"),
        ("invoiced", "one-time", "100000", "0"),
        ("invoiced", "migration", "30000", "0"),
        ("economic", "wrong answers", "14000", "16000"),
        ("economic", "downtime", "210.75", "200"),
    ],
}
MEDIANS_S = {"omni-only": 3.1, "mini-only": 1.4, "hybrid": 1.7}
SPREADS = {"omni-only": 1.9, "mini-only": 1.6, "hybrid": 2.1}  # factor from a quantile level to the next


def ledger_total(strategy: str, view: str | None = None) -> Decimal:
    """Sum of a strategy's amounts, added up as decimals."""
    rows = [row for row in AMOUNTS[strategy] if view is None or row[0] == view]
    return sum((Decimal(first) + 35 * Decimal(later) for _, _, first, later in rows), Decimal(0))


def monthly() -> pd.DataFrame:
    """Amounts by strategy, month, view and account."""
    return pd.DataFrame(
        [
            {"strategy": strategy, "month": month, "view": view, "account": account, "amount_usd": float(first if k == 0 else later)}
            for strategy, rows in AMOUNTS.items()
            for k, month in enumerate(MONTHS)
            for view, account, first, later in rows
        ]
    )  # fmt: skip


def curves(rows_each: int = 600) -> pd.DataFrame:
    """Quantile curves; the latency at share s is median x spread ** (8 s - 4), so p95 is median x spread ** 3.6."""
    rows = []
    for strategy in STRATEGIES:
        for k in range(rows_each):
            share = k / (rows_each - 1)
            latency_s = MEDIANS_S[strategy] * SPREADS[strategy] ** (8 * share - 4)
            rows.append({"strategy": strategy, "share": share, "latency_s": latency_s})
    return pd.DataFrame(rows)


def points() -> pd.DataFrame:
    """Cost, latency and quality of each strategy; mini has no interval, omni misses its target."""
    return pd.DataFrame(
        [
            {"strategy": "omni-only", "cost_per_1k_usd": Decimal("14.2"), "low": Decimal("13.9"), "high": Decimal("14.6"), "p95_latency_s": 9.3, "accuracy": 0.948, "meets": False},
            {"strategy": "mini-only", "cost_per_1k_usd": Decimal("4.1"), "low": None, "high": None, "p95_latency_s": 3.9, "accuracy": 0.88, "meets": True},
            {"strategy": "hybrid", "cost_per_1k_usd": Decimal("6.5"), "low": Decimal("6.2"), "high": Decimal("6.9"), "p95_latency_s": 6.1, "accuracy": 0.931, "meets": True},
        ]
    )  # fmt: skip


def totals() -> pd.DataFrame:
    """Intervals of the whole bars, as the money table gives them."""
    return pd.DataFrame(
        [
            {
                "strategy": strategy,
                "value": ledger_total(strategy),
                "low": ledger_total(strategy) * Decimal("0.98"),
                "high": ledger_total(strategy) * Decimal("1.03"),
            }
            for strategy in STRATEGIES
        ]
    )
