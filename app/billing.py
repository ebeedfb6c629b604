"""The hand check on screen: a month's bill by pocket calculator, then each thing that the simulation adds.

The lines are those of `planner bill`; nothing is computed here.
"""

import json
from typing import Any

import pandas as pd
import streamlit as st

import planner
from app import details, text
from planner.experiments.comparison import Comparison
from planner.finance.bill_lines import Line, PocketLine
from planner.finance.hand_check import Bill, HandCheck
from planner.finance.ledger import plain, total_of, usd

MONTH, ACCOUNT = "tco:month", "tco:account"
ALL = "all accounts"


@st.cache_resource(max_entries=12, show_spinner=False)
def _kept(
    scenario_hash: str, replications: int, version: str, strategy: str, _comparison: Comparison
) -> HandCheck:
    return _comparison.hand_check(strategy)


def _check_of(comparison: Comparison, strategy: str) -> HandCheck:
    """The hand check of a strategy, remembered: its months are worked once."""
    scenario = comparison.scenario
    return _kept(scenario.hash, scenario.run.replications, planner.__version__, strategy, comparison)


def show(comparison: Comparison, strategy: str, month: str, group: str | None) -> None:
    """Pickers for month and account, begun at what was clicked, and the bill that they ask for."""
    with st.expander(f"Check {strategy} by hand: pocket calculator to ledger", expanded=group is not None):
        check = _check_of(comparison, strategy)
        months, accounts = list(check.months), [ALL, *check.accounts]
        clicked = (strategy, month, group)
        memory = st.session_state
        if memory.get("tco:clicked") != clicked or memory.get(ACCOUNT) not in accounts:
            memory["tco:clicked"] = clicked
            memory[MONTH] = month
            memory[ACCOUNT] = group if group in accounts else ALL
        first, second = st.columns(2)
        wanted = first.selectbox("Month", months, key=MONTH)
        account = second.selectbox("Account", accounts, key=ACCOUNT)
        found = check.bill(wanted, None if account == ALL else account)
        st.markdown(
            f"By calculator {text.markdown(usd(found.start_usd))}, with all that the simulation adds "
            f"**{text.markdown(usd(found.ledger_usd))}** in the ledger; difference "
            f":green-badge[{text.markdown(usd(found.difference_usd))}], to the last digit: {plain(found.ledger_usd)} USD"
        )
        details.show_table(
            bill_table(found), f"Bill of {strategy} in {wanted}, line by line", wide=["Line", "Working"]
        )


def bill_table(found: Bill) -> pd.DataFrame:
    """Lines in three parts, then the steps with the running total."""
    rows: list[dict[str, str]] = []
    parts: tuple[tuple[str, tuple[PocketLine, ...] | tuple[Line, ...]], ...] = (
        ("By pocket calculator", found.calculator),
        ("Paid without any request", found.standing),
        ("Counted in the simulation", found.counted),
    )
    for heading, lines in parts:
        rows += [_line(one) for one in lines]
        if lines:
            rows.append(_sum(heading, total_of(one.amount_usd for one in lines), ""))
    for step in found.steps:
        rows += [_line(one) for one in step.lines]
        rows.append(_sum(step.name, step.amount_usd, usd(step.total_usd, "")))
    rows.append(_sum("Ledger", found.ledger_usd, usd(found.ledger_usd, "")))
    return pd.DataFrame(rows, columns=["Line", "Working", "Amount, USD", "So far, USD"])


def _line(one: PocketLine | Line) -> dict[str, str]:
    where = " on ".join(name for name in (one.task, one.deployment) if name)
    if isinstance(one, PocketLine):
        working = (
            f"{plain(one.requests)} requests × {plain(one.share)} × {plain(one.tokens_per_request)} tokens × "
            f"{plain(one.unit_price_usd)}"
        )
    else:
        working = f"{plain(one.quantity)} {one.unit} × {plain(one.unit_price_usd)}"
    return {
        "Line": f"{where}, {one.account}" if where else one.account,
        "Working": working,
        "Amount, USD": usd(one.amount_usd, ""),
        "So far, USD": "",
    }


def _sum(words: str, amount: Any, so_far: str) -> dict[str, str]:
    return {"Line": f"Σ {words}", "Working": "", "Amount, USD": usd(amount, ""), "So far, USD": so_far}


def as_json(document: dict[str, Any]) -> bytes:
    """A document as JSON text."""
    return json.dumps(document, indent=1, allow_nan=False).encode()
