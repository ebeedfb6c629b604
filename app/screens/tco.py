"""The page "TCO": what finance reviews, from the total to each ledger row and back.

Reads inputs, runs, shows. Every figure is one of the statement's, every table a list of sums of ledger rows.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app import billing, details, doubting, mapping, stating, text
from app.choosing import choose
from app.state import Address
from planner.charts import CHOICE, months_chart, tco_chart
from planner.charts.cost import ECONOMIC, cumulative_chart
from planner.cli.tco_views import accounting_lines
from planner.errors import PlannerError
from planner.experiments.statement import Statement
from planner.experiments.uncertainty import Uncertainty
from planner.finance.currency import money, rate_words
from planner.finance.ledger import usd

WHOSE = "tco:strategy"
BARS = "tco:bars"


def page() -> None:
    """The whole page."""
    chosen = choose("TCO")
    if chosen is None:
        return
    made = stating.statement_of(chosen.comparison)
    try:
        doubt = doubting.uncertainty_of(chosen.comparison)
    except PlannerError as error:
        doubt = None
        st.warning(text.markdown(f"No budget can be given: {error}"))
    won = any(verdict.is_best for verdict in chosen.comparison.verdicts.values())
    (st.success if won else st.warning)("**" + text.markdown(chosen.comparison.answer) + "**")
    _show_badges(made)
    _show_totals(made, doubt)
    _show_units(made)
    _show_views(made)
    _show_months(made)
    _show_basis(made)
    _offer_downloads(made, chosen.address)


def _show_badges(made: Statement) -> None:
    """Whether everything adds up, and who has signed."""
    worst, many = made.difference_usd, len(made.ledger)
    badge = (
        f":green-badge[✓ reconciled 0.00] every total, chart and export adds up to the {many:,} ledger rows"
        if worst == 0
        else f":red-badge[✗ NOT reconciled {text.markdown(text.signed_amount(worst))}] "
        + text.markdown(
            "; ".join(f"{one.what} of {one.strategy}" for one in made.checks if one.difference_usd)
        )
    )
    scenario = made.comparison.scenario
    parts = [badge, f"scenario {scenario.hash[:12]}", f"seed {scenario.run.seed}"]
    signed = scenario.finance.sign_off
    if signed.prepared_by:
        parts.append("prepared by " + text.markdown(signed.prepared_by))
    if signed.reviewed_by:
        on = f" on {signed.on}" if signed.on is not None else ""
        parts.append("reviewed by " + text.markdown(signed.reviewed_by) + on)
    st.markdown(" · ".join(parts))


def _show_totals(made: Statement, doubt: Uncertainty | None) -> None:
    comparison = made.comparison
    names = list(comparison.strategies)
    money = comparison.money
    has_economic = bool((comparison.monthly["view"] == "economic").any())
    totals = money[money["measure"] == ("economic_tco_total_usd" if has_economic else "tco_total_usd")]
    grid = st.grid(columns=2, min_column_width=330, gap="medium")
    with grid.cell():
        st.header("What it costs, by account", anchor=False)
        st.altair_chart(
            tco_chart(comparison.monthly, names, totals[["strategy", "value", "low", "high"]]),
            width="stretch",
            key="tco-accounts",
        )
    with grid.cell():
        st.header("What it has cost by then", anchor=False)
        st.altair_chart(
            cumulative_chart(
                comparison.monthly,
                names,
                comparison.scenario.objective,
                None if doubt is None else doubting.bands(doubt, comparison.scenario.objective),
                mapping.crossings(comparison),
            ),
            width="stretch",
            key="tco-cumulative",
        )
        st.caption(
            "Shaded: from P10 to P90 of the uncertain inputs. Rings: months by which another strategy has cost less so far."
        )
    details.show_table(stating.account_table(made), "Total cost by account and strategy, in USD")
    if doubt is not None:
        st.header("The 95 % budget", anchor=False)
        details.show_table(doubting.budget_table(doubt), "Total cost with its quantiles over all draws, USD")
    with st.expander("By fiscal year"):
        details.show_table(stating.year_table(made), "Cost by fiscal year and strategy, in USD")


def _show_units(made: Statement) -> None:
    st.header("Per request, per answer, per person", anchor=False)
    details.show_table(stating.unit_table(made), "Unit costs by strategy with 95 % intervals of sampling")
    with st.expander("Numerators and denominators"):
        details.show_table(
            stating.fraction_table(made), "What is divided by what", wide=["Per", "Numerator", "Denominator"]
        )


def _show_views(made: Statement) -> None:
    """What stands beside the bill: another currency, worth and saving, depreciation, energy."""
    scenario = made.comparison.scenario
    rate = rate_words(scenario)
    if rate is not None:
        totals = ", ".join(
            f"{name} {money(result.tco.invoiced_usd, scenario)} invoiced, {money(result.tco.economic_usd, scenario)} with economic"
            for name, result in made.comparison.results.items()
        )
        st.markdown(f"**In {scenario.currency}**: {text.markdown(totals)}. {text.markdown(rate)}.")
    if made.values:
        st.header("What it is worth, beside the bill", anchor=False)
        details.show_table(stating.value_table(made), "Worth, saving, return and payback by strategy")
    if made.books:
        with st.expander("Accounting view: what is written off"):
            st.markdown("\n".join(f"- {text.markdown(line)}" for line in accounting_lines(made)))
    with st.expander("Energy and CO2e, never a part of the cost"):
        details.show_table(
            stating.footprint_table(made), "Energy and CO2e by strategy and deployment", wide=["Source"]
        )


def _show_months(made: Statement) -> None:
    """Month by month: a click on a bar shows the ledger rows behind it, and the same month by hand."""
    st.header("Month by month, down to the ledger", anchor=False)
    names = list(made.comparison.strategies)
    winner = made.comparison.winner
    if st.session_state.get(WHOSE) not in names:
        st.session_state[WHOSE] = winner if winner is not None else names[0]
    strategy = str(st.segmented_control("Strategy", names, key=WHOSE, required=True))
    st.caption("Click a bar to see the ledger rows behind it and to check them by hand.")
    shown: Any = st.altair_chart
    event = shown(
        months_chart(made.comparison.monthly, strategy),
        width="stretch",
        key=f"{BARS}:{strategy}",
        on_select="rerun",
        selection_mode=[CHOICE],
    )
    months = [row.month for row in made.comparison.results[strategy].tco.per_month]
    picked = event.selection.get(CHOICE) if event is not None else None
    month = str(picked[0]["month"]) if picked else months[0]
    label = str(picked[0]["label"]) if picked else None
    ledger = made.comparison.results[strategy].ledger
    if label is not None:
        view = "economic" if label.endswith(ECONOMIC) else "invoiced"
        rows = stating.rows_behind(ledger, month, label.removesuffix(ECONOMIC), view)
        total = sum((row.amount_usd for row in rows), start=0 * ledger.total())
        st.markdown(
            f"**{text.markdown(label)} of {text.markdown(strategy)} in {month}: "
            f"{text.markdown(usd(total))}**, the sum of {len(rows)} rows"
        )
        details.show_table(stating.row_table(rows), f"Ledger rows of {label} in {month}", wide=["Source"])
    billing.show(made.comparison, strategy, month, None if label is None else label.removesuffix(ECONOMIC))


def _show_basis(made: Statement) -> None:
    stale = stating.staleness(made)
    with st.expander("Assumptions: source, date, age and owner" + (" (some are stale)" if stale else "")):
        if stale:
            st.markdown(text.markdown(stale))
        details.show_table(stating.register_table(made), "Register of assumptions", wide=["What", "Source"])
    with st.expander("What is not included"):
        st.markdown("\n".join(f"- {text.markdown(one)}" for one in made.comparison.not_included))
    with st.expander("Reconciliation, way by way"):
        st.markdown(
            "\n".join(
                f"- {text.markdown(one.what)} of {text.markdown(one.strategy)}: difference "
                f"{text.markdown(usd(one.difference_usd))}"
                for one in made.checks
            )
        )


def _offer_downloads(made: Statement, address: Address) -> None:
    stem = f"{address.scenario}-{made.comparison.scenario.hash[:8]}"
    offers: list[tuple[str, str, str, Callable[[], bytes]]] = [
        ("Ledger (CSV)", f"{stem}-ledger.csv", "text/csv", lambda: made.csv.encode()),
        ("Ledger (Parquet)", f"{stem}-ledger.parquet", "application/vnd.apache.parquet", made.parquet),
        (
            "Statement (JSON)",
            f"{stem}-tco.json",
            "application/json",
            lambda: billing.as_json(made.to_dict()),
        ),
        (
            "Assumptions (CSV)",
            f"{stem}-assumptions.csv",
            "text/csv",
            lambda: details.exact_csv(stating.register_table(made)),
        ),
    ]
    st.header("Take it away", anchor=False)
    with st.container(horizontal=True):
        for label, name, kind, data in offers:
            st.download_button(label, data=data, file_name=name, mime=kind, on_click="ignore")


page()
