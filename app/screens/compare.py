"""The first screen: a finished comparison of the chosen scenario, and the inputs that change it.

Which inputs there are is decided in `app.inputs`, every figure comes from the comparison.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import streamlit as st

import planner
from app import answering, asking, cards, details, drawing, jobs, logs, memos, sharing, text
from app.choosing import choose, remember
from app.state import Address
from planner.api import Comparison, Frontier
from planner.charts import Gallery, panels, week_chart
from planner.errors import PlannerError
from planner.experiments.frontier import routed_strategies

WANTED = "wanted:"  # in the memory of a session: work that was asked for with a button, by its key


def page() -> None:
    """The whole page."""
    chosen = choose()
    if chosen is None:
        return
    comparison = chosen.comparison
    answering.show(comparison, asking.change)
    memos.tell(comparison)
    cards.show(cards.cards(comparison))
    st.caption(text.markdown(_represented(comparison)))
    log = logs.panel(comparison.scenario, chosen.address.log)
    address = asking.with_log(chosen.address, log)
    if address != chosen.address:
        remember(address)
    _show_charts(comparison, address)
    answering.findings(comparison, asking.change)
    _show_notices(comparison)
    _show_failures(comparison)
    _show_tables(comparison)
    _offer_downloads(comparison, address)
    sharing.offer(chosen.share, comparison, address)


def _represented(comparison: Comparison) -> str:
    """What stands behind the figures."""
    scenario = comparison.scenario
    volume = {
        row.measure: row.value
        for row in comparison.figures
        if row.measure in ("turns_per_month", "conversations_per_month")  # the same under every strategy
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


def _show_charts(comparison: Comparison, address: Address) -> None:
    """Latency and cost; below them one of the others at a time: those that nobody looks at are neither made nor sent."""
    stem = f"{address.scenario}-{comparison.scenario.hash[:8]}"

    def draw(name: str, chart: Any, title: str = "", note: str = "") -> None:
        drawing.draw(chart, name, title=title, stem=stem, note=note, moves=name in MOVING)

    gallery = comparison.gallery()
    first = st.grid(columns=2, min_column_width=330, gap="medium")
    with first.cell():
        timed = f"Of {', '.join(comparison.timed)}: nobody waits for the other tasks."
        draw(
            "latency",
            gallery["latency"],
            "How long answers take",
            timed if comparison.is_timed_in_part else "",
        )
    with first.cell():
        draw("tco", gallery["tco"], "What it costs, by account")
    tabs = st.tabs(list(MORE), key="more charts", on_change="rerun")
    for tab, show in zip(tabs, MORE.values(), strict=True):
        if tab.open:
            with tab:
                show(comparison, gallery, draw)


Draw = Callable[..., None]
MOVING = ("latency", "tco", "cumulative")  # charts that a moved slider mostly leaves in their form


def _show_cumulative(comparison: Comparison, gallery: Gallery, draw: Draw) -> None:
    draw("cumulative", gallery["cumulative"], "What it has cost by then")


def _show_tradeoff(comparison: Comparison, gallery: Gallery, draw: Draw) -> None:
    frontier = _frontier(comparison)
    charts = panels((gallery if frontier is None else comparison.gallery(frontier))["tradeoff"])
    places = st.grid(columns=len(charts), min_column_width=330, gap="medium")
    for k, part in enumerate(charts):
        with places.cell():
            draw(f"tradeoff-{k}", part.properties(width="container"))
    if frontier is None and routed_strategies(comparison.scenario):
        _ask_for(
            "frontier",
            comparison,
            "Add other omni shares and the oracle router to cost against latency and quality",
            "The oracle knows which model will be right: what the best router could reach, and what is still to gain.",
        )


def _show_week(comparison: Comparison, gallery: Gallery, draw: Draw) -> None:
    title = "Latency and load over the week"
    simulated = _wanted(
        "week",
        comparison,
        "Simulating every hour of a week",
        lambda report: planner.week_simulated(comparison.scenario, report=report),
    )
    if simulated is None:
        draw("week", gallery["week"], title)
        if comparison.scenario.traffic.trace is None:
            _ask_for(
                "week", comparison, "Simulate every hour of a week", "Fills the hours that no window met."
            )
    else:
        target = comparison.scenario.slo.p95_latency_s
        draw("week", week_chart(simulated, list(comparison.strategies), target), title)


def _show_flow(comparison: Comparison, gallery: Gallery, draw: Draw) -> None:
    names = list(comparison.strategies)
    first = names.index(comparison.winner) if comparison.winner in names else 0
    shown = st.session_state.get("flow of")
    st.session_state["flow of"] = shown if shown in names else names[first]
    place = st.container()
    whose = st.selectbox("Requests of", names, key="flow of")
    with place:
        draw("flow", gallery.flow_of(whose), "Where requests go")


#: LABEL of a tab: what draws it; the first one is open on a fresh page.
MORE: dict[str, Callable[[Comparison, Gallery, Draw], None]] = {
    "Cost over time": _show_cumulative,
    "Cost against latency and quality": _show_tradeoff,
    "Over the week": _show_week,
    "Where requests go": _show_flow,
}


def _frontier(comparison: Comparison) -> Frontier | None:
    """Other omni shares and the oracle, where they were asked for."""
    return _wanted(
        "frontier",
        comparison,
        "Routing by other shares and by the oracle",
        lambda report: planner.frontier(comparison.scenario, comparison, report=report),
    )


def _ask_for(kind: str, comparison: Comparison, label: str, help_: str) -> None:
    """A button for work that takes longer."""
    key = WANTED + kind

    def want() -> None:
        st.session_state[key] = comparison.scenario.hash

    st.button(label, key=f"{key}:button", help=help_, on_click=want, type="tertiary", icon=":material/add:")


def _wanted(kind: str, comparison: Comparison, words: str, work: Callable[[jobs.Report], Any]) -> Any:
    """The result of work that was asked for with a button for this scenario; None where it was not, or cannot be."""
    key = (kind, comparison.scenario.hash, planner.__version__)
    if st.session_state.get(WANTED + kind) != comparison.scenario.hash and not jobs.is_known(key):
        return None
    try:
        return jobs.result_of(key, work, st.empty(), words, kind=kind)
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return None


def _show_notices(comparison: Comparison) -> None:
    if comparison.notices:
        with st.expander(f"Notices ({len(comparison.notices)})"):
            st.markdown("\n".join(f"- {text.markdown(str(notice))}" for notice in comparison.notices))


def _show_failures(comparison: Comparison) -> None:
    st.header("Failures by cause", anchor=False)
    failed = details.failures(comparison)
    if failed.empty:
        st.markdown("No request failed in any strategy.")
    else:
        details.show_table(failed, "Share of requests that fail, by cause and strategy")
    wasted = details.wasted(comparison)
    if not wasted.empty:
        details.show_table(wasted, "Money that bought nobody an answer, by cause and strategy")


def _show_tables(comparison: Comparison) -> None:
    with _folded("Measures per task") as place:
        if place.open:
            _show_measures(comparison)
    ledgers = {name: result.ledger for name, result in comparison.results.items()}
    worst = max(details.unreconciled(comparison, ledgers).values(), key=abs)
    badge = "reconciled to 0.00" if worst == 0 else "NOT reconciled"
    with _folded(f"Ledger ({badge})") as place:
        if place.open:
            _show_ledger(comparison, worst)
    with _folded("Assumptions, with source and date") as place:
        if place.open:
            details.show_table(
                _assumptions(comparison), "Assumptions with source and date", wide=["What", "Source"]
            )
    with st.expander("What is not included"):
        st.markdown("\n".join(f"- {text.markdown(one)}" for one in comparison.not_included))


def _folded(label: str) -> Any:
    """An expander whose content is made, and sent, only while it is open: a moved slider need not wait for it."""
    return st.expander(label, key=f"fold:{label.split(' (')[0]}", on_change="rerun")


def _show_measures(comparison: Comparison) -> None:
    tables = details.measures_by_task(comparison)
    tabs = st.tabs([task or "All tasks" for task in tables])
    for tab, (task, table) in zip(tabs, tables.items(), strict=True):
        with tab:
            details.show_table(table, f"Measures of {task or 'all tasks'} with 95 % intervals")
            st.caption("Figures with 95 % intervals from the spread between windows.")


def _show_ledger(comparison: Comparison, worst: Decimal) -> None:
    ledger = comparison.ledger
    if worst == 0:
        st.markdown(":green-badge[✓ 0.00 USD] between every total shown and the sum of its ledger rows")
    else:
        amount = text.markdown(text.signed_amount(worst))
        st.markdown(f":red-badge[✗ {amount}] between a total shown and its ledger rows")
    sums = details.ledger_sums(ledger, list(comparison.scenario.strategies))
    details.show_table(sums, "Sums of the ledger by account and strategy", wide=["Account"])
    st.caption(
        f"{len(ledger):,} rows by month, task and deployment stand behind these sums; the CSV below has them all."
    )


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
    st.header("Take it away", anchor=False)
    with st.container(horizontal=True):
        for label, name, kind, made in offers:
            st.download_button(label, data=made, file_name=name, mime=kind, on_click="ignore")


page()
