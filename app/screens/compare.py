"""The first screen: a finished comparison of the chosen scenario, and the inputs that change it.

Which inputs there are is decided in `app.choosing`, every figure comes from the comparison.
"""

import json
from collections.abc import Callable
from typing import Any

import streamlit as st

from app import cards, details, text
from app.choosing import choose
from app.state import Address
from planner.api import Comparison
from planner.charts import Gallery, panels


def page() -> None:
    """The whole page."""
    chosen = choose()
    if chosen is not None:
        _show(chosen.comparison, chosen.address)


def _show(comparison: Comparison, address: Address) -> None:
    won = any(verdict.is_best for verdict in comparison.verdicts.values())
    (st.success if won else st.warning)("**" + text.markdown(comparison.answer) + "**")
    cards.show(cards.cards(comparison))
    _show_misses(comparison)
    st.caption(text.markdown(_represented(comparison)))
    _show_charts(comparison)
    _show_findings(comparison)
    _show_tables(comparison)
    _offer_downloads(comparison, address)


def _show_misses(comparison: Comparison) -> None:
    missed = [
        f"**{name}** {text.markdown('; '.join(verdict.misses))}"
        for name, verdict in comparison.verdicts.items()
        if verdict.misses
    ]
    if missed:
        st.markdown("Targets missed: " + " · ".join(missed))


def _represented(comparison: Comparison) -> str:
    """What stands behind the figures."""
    scenario = comparison.scenario
    summary = comparison.summary
    volume = {
        measure: summary.loc[summary["measure"] == measure, "value"].iloc[0]
        for measure in ("turns_per_month", "conversations_per_month")
        if (summary["measure"] == measure).any()
    }
    parts = [
        f"{text.count(comparison.represented_requests)} requests represented by {text.count(comparison.simulated_requests)} "
        f"simulated in {len(comparison.windows)} windows × {len(scenario.strategies)} strategies"
    ]
    if not text.is_unknown(volume.get("turns_per_month")):
        turns = text.number(volume["turns_per_month"])
        talks = text.number(volume.get("conversations_per_month"))
        parts.append(f"first month's rate: {turns} user turns a month in {talks} conversations")
    parts += [
        f"seed {scenario.run.seed}",
        f"scenario {scenario.hash[:12]}",
        f"computed in {comparison.seconds:.1f} s",
    ]
    return " · ".join(parts)


def _show_charts(comparison: Comparison) -> None:
    gallery = Gallery(
        strategies=list(comparison.scenario.strategies),
        objective=comparison.scenario.objective,
        curves=comparison.curves,
        monthly=comparison.monthly,
        summary=comparison.summary,
        money=comparison.money,
        targets={"p95_latency_s": comparison.scenario.slo.p95_latency_s},
        meets={name: verdict.meets for name, verdict in comparison.verdicts.items()},
    )
    first = st.grid(columns=2, min_column_width=330, gap="medium")
    second = st.grid(columns=3, min_column_width=330, gap="medium")
    for grid, name, title in (
        (first, "latency", "How long answers take"),
        (first, "tco", "What it costs, by account"),
        (second, "cumulative", "What it has cost by then"),
    ):
        with grid.cell():
            st.subheader(title, anchor=False)
            _draw(gallery[name], name)
            if name == "latency" and comparison.is_timed_in_part:
                st.caption(f"Of {', '.join(comparison.timed)}: nobody waits for the other tasks.")
    for k, part in enumerate(panels(gallery["tradeoff"])):
        with second.cell():
            _draw(part.properties(width="container"), f"tradeoff-{k}")


def _draw(chart: Any, name: str) -> None:
    """A chart as wide as its place; its description is what a screen reader says."""
    st.altair_chart(chart, width="stretch", key=f"chart-{name}")


def _show_findings(comparison: Comparison) -> None:
    st.subheader("Findings", anchor=False)
    told = [f"- {text.markdown(finding.text)}" for finding in comparison.findings]
    st.markdown("\n".join(told) if told else "No rule found anything out of the ordinary.")
    if comparison.notices:
        with st.expander(f"Notices ({len(comparison.notices)})"):
            st.markdown("\n".join(f"- {text.markdown(str(notice))}" for notice in comparison.notices))
    st.subheader("Failures by cause", anchor=False)
    failed = details.failures(comparison)
    if failed.empty:
        st.markdown("No request failed in any strategy.")
    else:
        details.show_table(failed, "Share of requests that fail, by cause and strategy")
    wasted = details.wasted(comparison)
    if not wasted.empty:
        details.show_table(wasted, "Money that bought nobody an answer, by cause and strategy")


def _show_tables(comparison: Comparison) -> None:
    with st.expander("Measures per task"):
        tables = details.measures_by_task(comparison)
        for tab, (task, table) in zip(
            st.tabs([task or "All tasks" for task in tables]), tables.items(), strict=True
        ):
            with tab:
                details.show_table(table, f"Measures of {task or 'all tasks'} with 95 % intervals")
                st.caption("Figures with 95 % intervals from the spread between windows.")
    ledger = comparison.ledger
    gaps = details.unreconciled(comparison, ledger)
    worst = max(gaps.values(), key=abs)
    badge = "reconciled to 0.00" if worst == 0 else "NOT reconciled"
    with st.expander(f"Ledger ({badge})"):
        if worst == 0:
            st.markdown(":green-badge[✓ 0.00 USD] between every total shown and the sum of its ledger rows")
        else:
            st.markdown(
                f":red-badge[✗ {text.markdown(text.signed_amount(worst))}] between a total shown and its ledger rows"
            )
        sums = details.ledger_sums(ledger, list(comparison.scenario.strategies))
        details.show_table(sums, "Sums of the ledger by account and strategy", wide=["Account"])
        st.caption(
            f"{len(ledger):,} rows by month, task and deployment stand behind these sums; the CSV below has them all."
        )
    with st.expander("Assumptions, with source and date"):
        details.show_table(
            _assumptions(comparison), "Assumptions with source and date", wide=["What", "Source"]
        )
    with st.expander("What is not included"):
        st.markdown("\n".join(f"- {text.markdown(one)}" for one in comparison.not_included))


def _assumptions(comparison: Comparison) -> Any:
    table = comparison.assumptions
    shown = table.astype(object).where(table.notna(), text.DASH).map(str)
    return shown.rename(
        columns={
            "what": "What",
            "value": "Value",
            "unit": "Unit",
            "source": "Source",
            "as_of": "As of",
            "confidence": "Confidence",
        }
    )


def _offer_downloads(comparison: Comparison, address: Address) -> None:
    stem = f"{address.scenario}-{comparison.scenario.hash[:8]}"
    offers: list[tuple[str, str, str, Callable[[], bytes]]] = [
        (
            "Everything (JSON)",
            f"{stem}.json",
            "application/json",
            lambda: json.dumps(comparison.to_dict(), indent=1).encode(),
        ),
        ("Ledger (CSV)", f"{stem}-ledger.csv", "text/csv", lambda: details.exact_csv(comparison.ledger)),
        ("Measures (CSV)", f"{stem}-measures.csv", "text/csv", lambda: details.exact_csv(comparison.summary)),
    ]
    st.subheader("Take it away", anchor=False)
    with st.container(horizontal=True):
        for label, name, kind, made in offers:
            st.download_button(label, data=made, file_name=name, mime=kind, on_click="ignore")


page()
