"""How sure the costs are: the analysis of a comparison's inputs, made once, and its tables as texts."""

import pandas as pd
import streamlit as st

import planner
from app import text
from planner.api import Comparison
from planner.cli.doubts import worth_of_knowing
from planner.experiments.uncertainty import Uncertainty, uncertainty

WORDS = {"money": "exact", "volume": "use per request held", "simulated": "simulated at P10 and P90"}


@st.cache_resource(max_entries=8, show_spinner="Drawing the uncertain inputs")
def _kept(scenario_hash: str, replications: int, version: str, _comparison: Comparison) -> Uncertainty:
    return uncertainty(_comparison)


def uncertainty_of(comparison: Comparison) -> Uncertainty:
    """The analysis of a comparison, remembered. Raises PlannerError where an input cannot be moved."""
    scenario = comparison.scenario
    return _kept(scenario.hash, scenario.run.replications, planner.__version__, comparison)


def sentence(found: Uncertainty, winner: str | None) -> str:
    """Who is cheapest how often, as read aloud; `winner` is the answer with every input as given."""
    rows = found.cheapest.to_dict("records")
    passing = [row for row in rows if row["passes"]]
    column = "among_passing" if passing else "among_all"
    chosen = passing or rows
    best = max(chosen, key=lambda row: row[column])
    others = [f"{row['strategy']} in {row[column]:.1%}" for row in chosen if row is not best]
    among = "of those that meet every target, " if len(passing) < len(rows) and passing else ""
    none = "" if passing else " No strategy meets every target."
    given = (
        ""
        if winner is None or winner == best["strategy"]
        else f" With every input as given the answer is {winner}: the odds are against it."
    )
    return (
        f"{among[:1].upper()}{among[1:]}{best['strategy']} costs least in {best[column]:.1%} of {found.draws:,} draws of "
        f"the uncertain inputs{', ' if others else ''}{', '.join(others)}.{none}{given}"
    )


def cheapest_table(found: Uncertainty) -> pd.DataFrame:
    """strategy, share, words: for the chart."""
    rows = []
    for row in found.cheapest.to_dict("records"):
        passes = "" if row["passes"] else ", misses a target"
        rows.append(
            {
                "strategy": row["strategy"],
                "share": float(row["among_all"]),
                "words": f"{row['strategy']}: {row['among_all']:.1%}{passes}",
            }
        )
    return pd.DataFrame(rows)


def budget_table(found: Uncertainty) -> pd.DataFrame:
    """A row per strategy and view: the scenario's own total, P50, P80, P95 and the mean beyond it."""
    rows = []
    for row in found.budget[found.budget["measure"] == "total"].to_dict("records"):
        rows.append(
            {
                "Strategy": row["strategy"],
                "View": "invoiced" if row["view"] == "invoiced" else "with economic",
                "As given, USD": _usd(row["expected"]),
                "P50, USD": _usd(row["p50"]),
                "P80, USD": _usd(row["p80"]),
                "P95 (95 % budget), USD": _usd(row["p95"]),
                "Mean of the worst 5 %, USD": _usd(row["cvar95"]),
            }
        )
    return pd.DataFrame(rows)


def breach_table(found: Uncertainty) -> pd.DataFrame:
    """Probability that a year's invoiced spend passes its budget; empty without a budget."""
    return pd.DataFrame(
        [
            {
                "Strategy": row["strategy"],
                "Year": row["year"],
                "Passes the budget in": f"{row['breach']:.1%}",
            }
            for row in found.years.to_dict("records")
        ]
    )


def information_table(found: Uncertainty) -> pd.DataFrame:
    """What knowing an input before choosing is worth, the most valuable first; empty where one strategy may be chosen."""
    return pd.DataFrame(
        [
            {"If this were known before choosing": name or "everything", "it would be worth, USD": _usd(usd)}
            for name, usd in worth_of_knowing(found) or ()
        ]
    )


def moving(found: Uncertainty, a: str, b: str) -> pd.DataFrame:
    """The bars of a tornado that are wider than a cent."""
    bars = found.tornado(a, b)
    return bars[bars["swing"] >= 0.01].reset_index(drop=True)


def switch_table(found: Uncertainty, a: str, b: str) -> pd.DataFrame:
    """The inputs of a tornado with their differences and the values at which the decision flips."""
    rows = []
    for bar in moving(found, a, b).to_dict("records"):
        flips = ", ".join(_figure(value) for value in bar["switches"])
        rows.append(
            {
                "Input": bar["input"],
                "P10": _figure(bar["p10"]),
                "P90": _figure(bar["p90"]),
                "Difference at P10, USD": _usd(bar["at_p10"]),
                "Difference at P90, USD": _usd(bar["at_p90"]),
                "The decision flips at": flips or "never in its range",
                "Note": "; ".join(
                    part
                    for part in (
                        "" if bar["straight"] else "not a straight line",
                        "the middle lies outside the bar" if bar["is_outside"] else "",
                    )
                    if part
                ),
            }
        )
    return pd.DataFrame(rows)


def input_table(found: Uncertainty) -> pd.DataFrame:
    """The uncertain inputs with their ranges, how each is carried through, and where it comes from."""
    return pd.DataFrame(
        [
            {
                "Input": row["name"],
                "Meaning": row["label"],
                "P10": _figure(row["p10"]),
                "P50": _figure(row["p50"]),
                "P90": _figure(row["p90"]),
                "Unit": row["unit"] or text.DASH,
                "How": WORDS.get(row["kind"], row["kind"]) + ("" if row["is_met"] else ", approximately"),
                "Source": row["source"],
            }
            for row in found.inputs.to_dict("records")
        ]
    )


def bands(found: Uncertainty, objective: str) -> pd.DataFrame:
    """strategy, month, low, high: P10 and P90 of the cumulative cost, for the chart."""
    rows = found.months
    chosen = rows[(rows["measure"] == "cumulative") & (rows["view"] == objective)]
    return chosen.rename(columns={"p10": "low", "p90": "high"})[["strategy", "month", "low", "high"]]


def month_rows(found: Uncertainty, strategy: str) -> pd.DataFrame:
    """month, p10, p50, p95, breach of a strategy's invoiced months."""
    rows = found.months
    chosen = (rows["strategy"] == strategy) & (rows["view"] == "invoiced") & (rows["measure"] == "month")
    return rows.loc[chosen, ["month", "p10", "p50", "p95", "breach"]]


def _figure(value: float) -> str:
    """Four significant digits, thousands separated.

    >>> _figure(1400000.0), _figure(0.004492), _figure(0.83)
    ('1,400,000', '0.004492', '0.83')
    """
    return f"{float(f'{value:.4g}'):,.10f}".rstrip("0").rstrip(".")


def _usd(value: float | None) -> str:
    return text.DASH if value is None or value != value else f"{value:,.0f}"
