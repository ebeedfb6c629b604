"""The tables under the charts: measures per task, failures, served shares, ledger, assumptions.

Each is a plain table with units in its heads and figures as texts: unknown is a dash, an amount under a cent
keeps its digits.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from app import text
from planner.api import Comparison
from planner.experiments.comparison import Amount, Figure
from planner.experiments.findings import WASTE_WORDS
from planner.finance.ledger import Ledger, plain, total_of, usd

ALL_TASKS = ""


def measures_by_task(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """TASK ("" for all): a row per measure, a column per strategy, figures with their intervals."""
    names = list(comparison.scenario.strategies)
    found = {}
    for task in [ALL_TASKS, *comparison.scenario.tasks]:
        cells = {(row.measure, row.strategy): row for row in comparison.figures if row.task == task}
        measures = _in_order(measure for measure, _ in cells)
        table = [
            {"Measure": _measure_words(measure)} | {name: _cell(cells.get((measure, name))) for name in names}
            for measure in measures
            if not measure.startswith("failed:")
        ]
        if table:
            found[task] = pd.DataFrame(table)
    return found


def _in_order(measures: Iterable[str]) -> list[str]:
    """Known measures in reading order, others after them."""
    seen = dict.fromkeys(measures)
    return [
        *(name for name in text.MEASURES if name in seen),
        *(name for name in seen if name not in text.MEASURES),
    ]


def _measure_words(measure: str) -> str:
    kind, _, name = measure.partition(":")
    if name:
        return {"served_share": f"served by {name}"}.get(kind, f"{kind} {name}")
    if measure.startswith("tokens_"):
        return f"billed {measure.removeprefix('tokens_').replace('_', ' ')} tokens, per window"
    return text.MEASURES.get(measure, measure)


def _cell(row: Figure | Amount | None) -> str:
    if row is None:
        return text.DASH
    ends = text.interval(row.low, row.high, row.unit)
    return text.number(row.value, row.unit) + (f"  ({ends})" if ends else "")


def failures(comparison: Comparison) -> pd.DataFrame:
    """Share of requests that fail, a row per cause, a column per strategy; empty if none fails."""
    cells = {
        (row.measure.removeprefix("failed:"), row.strategy): row
        for row in comparison.figures
        if row.task == ALL_TASKS and row.measure.startswith("failed:")
    }
    # An unknown share is told, too.
    causes = list(dict.fromkeys(cause for (cause, _), row in cells.items() if row.value != 0))
    names = list(comparison.scenario.strategies)
    none = _cell(Figure("", ALL_TASKS, "", 0.0, None, None, "share"))  # a cause that a strategy never met
    return pd.DataFrame(
        [
            {"Cause (share of requests)": text.CAUSES.get(cause, cause)}
            | {name: _cell(cells[cause, name]) if (cause, name) in cells else none for name in names}
            for cause in causes
        ]
    )


def wasted(comparison: Comparison) -> pd.DataFrame:
    """Money that bought nobody an answer, a row per cause and one for all, a column per strategy; empty if none was."""
    cells = {(row.measure, row.strategy): row for row in comparison.waste}
    causes = list(dict.fromkeys(cause for cause, _ in cells if cause))
    names = list(comparison.scenario.strategies)
    return pd.DataFrame(
        [
            {"Wasted, of the invoiced cost": WASTE_WORDS.get(cause, cause) if cause else "all wasted"}
            | {name: _cell(cells[cause, name]) if (cause, name) in cells else "none" for name in names}
            for cause in ([*causes, ""] if causes else [])
        ]
    )


def ledger_sums(ledger: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Sums of the ledger's exact amounts by view and account, a column per strategy, totals below."""
    sums: dict[tuple[str, str], dict[str, list[Decimal]]] = {}
    for row in ledger[["view", "account", "strategy", "amount_usd"]].to_dict("records"):
        sums.setdefault((row["view"], row["account"]), {}).setdefault(row["strategy"], []).append(
            row["amount_usd"]
        )
    table = [
        {"View": view, "Account": account} | {name: _sum_words(found.get(name)) for name in strategies}
        for (view, account), found in sorted(
            sums.items(), key=lambda item: (item[0][0] != "invoiced", item[0][1])
        )
    ]
    for words, views in (("Total invoiced", {"invoiced"}), ("Total with economic", {"invoiced", "economic"})):
        of_views = ledger[ledger["view"].isin(views)]
        totals = {
            name: usd(total_of(of_views.loc[of_views["strategy"] == name, "amount_usd"]))
            for name in strategies
        }
        table.append({"View": "", "Account": words} | totals)
    return pd.DataFrame(table)


def _sum_words(amounts: list[Decimal] | None) -> str:
    return text.DASH if amounts is None else usd(total_of(amounts))


def unreconciled(comparison: Comparison, ledgers: Mapping[str, Ledger]) -> dict[str, Decimal]:
    """STRATEGY: the largest difference between a total that is shown and the sum of its ledger's rows; 0 is right."""
    money = {(row.strategy, row.measure): row.value for row in comparison.amounts}
    found = {}
    for name in comparison.scenario.strategies:
        sums = ledgers[name].by("view")
        invoiced, everything = sums.get("invoiced", Decimal(0)), total_of(sums.values())
        gaps = [money[name, "tco_total_usd"] - invoiced, money[name, "economic_tco_total_usd"] - everything]
        found[name] = max(gaps, key=abs)
    return found


def exact_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV; decimals with all their digits, unknown figures empty."""
    texts = table.map(lambda value: plain(value) if isinstance(value, Decimal) else value)
    return texts.to_csv(index=False).encode()


def show_table(table: pd.DataFrame, words: str, *, wide: Sequence[str] = ()) -> None:
    """A table at full width; columns of figures to the right. `words` names it for screen readers."""
    config: dict[Any, Any] = {
        name: st.column_config.TextColumn(
            alignment="left" if k == 0 or name in wide else "right", width="large" if name in wide else None
        )
        for k, name in enumerate(table.columns)
    }
    height = min(36 * (len(table) + 1) + 2, 620)
    st.dataframe(table, hide_index=True, width="stretch", height=height, column_config=config, alt=words)
