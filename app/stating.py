"""The statement of costs of a comparison: made once, and its tables as texts for the page TCO."""

import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

import planner
from app import text
from planner.api import Comparison
from planner.cli.tco_views import value_rows
from planner.experiments.statement import Statement, Unit, statement
from planner.finance.calendar import rate_in_words
from planner.finance.ledger import Ledger, LedgerRow, plain, usd
from planner.finance.register import STALE_DAYS


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(
    scenario_hash: str, replications: int, version: str, today: datetime.date, _comparison: Comparison
) -> Statement:
    return statement(_comparison, today)


def statement_of(comparison: Comparison) -> Statement:
    """The statement of a comparison, read today; remembered, because reruns ask for it again and again."""
    scenario = comparison.scenario
    return _kept(
        scenario.hash, scenario.run.replications, planner.__version__, datetime.date.today(), comparison
    )


def account_table(made: Statement) -> pd.DataFrame:
    """A row per account, a column per strategy, the totals of both views among them."""
    names = list(made.comparison.strategies)
    rows: list[dict[str, str]] = []
    for view, words in (("invoiced", "Total invoiced"), ("economic", "Total with economic")):
        for row in made.accounts[made.accounts["view"] == view].to_dict("records"):
            label = row["account"] + (" (on no invoice)" if view == "economic" else "")
            rows.append({"Account, USD": label} | {name: usd(row[name], "") for name in names})
        results = made.comparison.results
        totals = {
            name: results[name].ledger.total("invoiced" if view == "invoiced" else None) for name in names
        }
        rows.append({"Account, USD": words} | {name: usd(total, "") for name, total in totals.items()})
    present = {name: made.comparison.results[name].tco for name in names}
    rate = rate_in_words(made.comparison.scenario)
    for label, attribute in (("invoiced", "invoiced_npv_usd"), ("with economic", "economic_npv_usd")):
        rows.append(
            {"Account, USD": f"Present value at {rate}, {label}"}
            | {name: usd(getattr(one, attribute), "") for name, one in present.items()}
        )
    return pd.DataFrame(rows)


def year_table(made: Statement) -> pd.DataFrame:
    """A row per fiscal year and view, a column per strategy."""
    years = made.years
    rows = []
    for view, words in (("invoiced_usd", "invoiced"), ("economic_usd", "with economic")):
        for year in dict.fromkeys(years["fiscal_year"]):
            mine = years[years["fiscal_year"] == year].set_index("strategy")
            part = "" if mine["is_whole"].iloc[0] else " in part"
            rows.append(
                {"Fiscal year, USD": f"{year}{part}, {words}"}
                | {name: usd(mine.loc[name, view], "") for name in made.comparison.strategies}
            )
    return pd.DataFrame(rows)


def unit_table(made: Statement) -> pd.DataFrame:
    """A row per unit and view, a column per strategy: the cost with its interval."""
    names = list(made.comparison.strategies)
    found: dict[tuple[str, str], dict[str, Unit]] = {}
    for one in made.units:
        found.setdefault((one.view, one.per), {})[one.strategy] = one
    return pd.DataFrame(
        [
            {"Per": per + ("" if view == "invoiced" else ", with economic")}
            | {name: _unit_words(units[name]) if name in units else "as invoiced" for name in names}
            for (view, per), units in found.items()
        ]
    )


def fraction_table(made: Statement) -> pd.DataFrame:
    """A row per strategy, unit and view: what is divided by what."""
    return pd.DataFrame(
        [
            {
                "Strategy": one.strategy,
                "Per": one.per,
                "Numerator": f"{usd(one.numerator_usd)}, {one.numerator}",
                "Denominator": f"{one.count:,.0f} {one.denominator}"
                if one.count is not None
                else one.unknown,
                "Cost": _unit_words(one),
            }
            for one in made.units
        ]
    )


def _unit_words(one: Unit) -> str:
    if one.value_usd is None:
        return f"{text.DASH} {one.unknown}"
    if one.low_usd is None or one.high_usd is None:
        return text.unit_cost(one.value_usd)
    ends = f"{text.unit_cost(one.low_usd).removesuffix(' USD')} to {text.unit_cost(one.high_usd)}"
    return f"{text.unit_cost(one.value_usd)}  ({ends.removesuffix(' USD')})"


def row_table(rows: tuple[LedgerRow, ...]) -> pd.DataFrame:
    """Rows of the ledger: quantity x unit price = amount, with source."""
    return pd.DataFrame(
        [
            {
                "Account": row.account,
                "Driver": row.driver,
                "Task": row.task or text.DASH,
                "Deployment": row.deployment or text.DASH,
                "Quantity": f"{Decimal(plain(row.quantity)):,f} {row.unit}",
                "Unit price, USD": plain(row.unit_price_usd),
                "Amount, USD": usd(row.amount_usd, ""),
                "Source": row.source,
            }
            for row in rows
        ]
    )


def rows_behind(ledger: Ledger, month: str, group: str, view: str) -> tuple[LedgerRow, ...]:
    """The rows of a bar: a month's rows of an account with all that is below it, in one view."""
    return ledger.select(view="economic" if view == "economic" else "invoiced", month=month, group=group).rows


def value_table(made: Statement) -> pd.DataFrame:
    """A row per figure of worth, saving, return and payback, a column per strategy; empty unless the scenario asks."""
    names = list(made.values)
    return pd.DataFrame(
        [
            {"USD over the plan": row.label}
            | {
                name: cell.value + (f" ({cell.under})" if cell.under else "")
                for name, cell in zip(names, row.cells, strict=True)
            }
            if row.cells
            else {"USD over the plan": row.label.capitalize()} | dict.fromkeys(names, "")
            for row in value_rows(made)
        ]
    )


def footprint_table(made: Statement) -> pd.DataFrame:
    """A row per strategy and deployment: energy and CO2e of 1,000 requests, low to high, or why nobody knows."""
    rows = []
    for row in made.footprints.to_dict("records"):
        words = {
            name: _spread_words(row, name)
            for name in ("kwh_per_1k", "kg_per_1k", "joules_per_call", "grams_per_call")
        }
        rows.append(
            {
                "Strategy": row["strategy"],
                "Deployment": row["deployment"],
                "kWh per 1,000 requests": words["kwh_per_1k"],
                "kg CO2e per 1,000 requests": words["kg_per_1k"],
                "J per call": words["joules_per_call"],
                "g CO2e per call": words["grams_per_call"],
                "Source": next(
                    (
                        str(row[name])
                        for name in ("unknown", "source")
                        if row[name] and not text.is_unknown(row[name])
                    ),
                    text.DASH,
                ),
            }
        )
    return pd.DataFrame(rows)


def _spread_words(row: dict[Any, Any], name: str) -> str:
    low, central, high = (row[f"{name}_{part}"] for part in ("low", "central", "high"))
    if text.is_unknown(central):
        return text.DASH
    return f"{_figure(central)} ({_figure(low)} to {_figure(high)})"


def _figure(value: float) -> str:
    """Three significant digits, written out from 1,000 on.

    >>> _figure(11312.4), _figure(676.2), _figure(0.00134)
    ('11,312', '676', '0.00134')
    """
    return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.3g}"


def register_table(made: Statement) -> pd.DataFrame:
    """The register of assumptions: value, source, date, age, confidence and who answers for it."""
    return pd.DataFrame(
        [
            {
                "Id": one.id,
                "What": one.what,
                "Value": f"{one.value} {one.unit}".strip(),
                "Owner": one.owner,
                "As of": one.as_of or text.DASH,
                "Age": text.DASH
                if one.age_days is None
                else f"{one.age_days:,} days{', stale' if one.is_stale else ''}",
                "Confidence": one.confidence or text.DASH,
                "Source": one.source,
            }
            for one in made.register
        ]
    )


def staleness(made: Statement) -> str:
    """How many figures are old, in a sentence; nothing where none is."""
    stale = [one.age_days for one in made.register if one.is_stale and one.age_days is not None]
    if not stale:
        return ""
    return f"{len(stale)} of {len(made.register)} are older than {STALE_DAYS} days, the oldest {max(stale):,} days."
