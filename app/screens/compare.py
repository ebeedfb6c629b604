"""The first screen: a finished comparison of the chosen scenario, and the inputs that change it.

Reads inputs, runs, shows. Which inputs there are is decided in `app.state`, every figure comes from the comparison.
"""

import json
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cards, details, problems, state, text
from app.look import STYLE
from app.running import comparison_of
from app.state import Address, Input
from planner.api import Comparison
from planner.charts import Gallery, panels
from planner.errors import PlannerError, ScenarioError
from planner.scenario.fields import Scenario

PICKER = "scenario"
WIDGET = "in:"  # keys of the inputs
MOVED = "moved"


def page() -> None:
    """The whole page."""
    st.html(STYLE)
    files = state.library()
    if not files:
        st.error("The folder scenarios/ holds no scenario. Add a YAML file and reload the page.")
        return
    head, picker, more = st.columns([6, 3, 2], vertical_alignment="bottom")
    address = _synchronised(files)
    _pick(picker, files)
    notices = st.container()  # filled at the end: a changed input takes them away
    try:
        scenario = state.scenario_of(files[address.scenario])
    except ScenarioError as error:
        _remember(address)
        _show_notices(notices)
        _show_problems(error)
        return
    with head:
        st.title(text.markdown(scenario.name), anchor=False)
        st.caption(text.markdown(scenario.question))
    address = _ask(scenario, address, more)
    _remember(address)
    _show_notices(notices)
    progress = st.empty()
    try:
        changed = state.applied(scenario, address.values)
        comparison = comparison_of(changed, progress)
    except ScenarioError as error:
        _show_problems(error)
        return
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    _show(comparison, address)


# -- address and widgets -------------------------------------------------------------------------


def _synchronised(files: dict[str, Any]) -> Address:
    """The address of this run. A link that was opened or edited, or gone back to, wins over the widgets.

    A moved widget wins over the link: two quick moves send the second with the link from before the first.
    """
    params = st.query_params.to_dict()
    memory = st.session_state
    was_moved = memory.pop(MOVED, False)
    known = "address" in memory and memory["address"].scenario in files
    if not known or (not was_moved and params not in (memory.get("written"), memory["address"].params())):
        memory["written"] = params
        address, memory["notices"] = state.read(params, files)
        _start_from(address)
    return memory["address"]


def _start_from(address: Address) -> None:
    """Make an address the state: widgets are filled anew from it."""
    memory = st.session_state
    memory["address"], memory[PICKER] = address, address.scenario
    for key in [key for key in memory if str(key).startswith(WIDGET)]:
        del memory[key]


def _moved() -> None:
    """Called when the user has changed an input: what was said about the link is done with."""
    st.session_state[MOVED] = True
    st.session_state["notices"] = ()


def _restart(scenario: str | None = None) -> None:
    """Start from a scenario as its file has it: the given one, or the one just picked."""
    _moved()
    _start_from(Address(scenario or st.session_state[PICKER]))


def _pick(place: DeltaGenerator, files: dict[str, Any]) -> None:
    # Another page was shown in between: Streamlit has forgotten what a picker held that was not on it.
    st.session_state.setdefault(PICKER, st.session_state["address"].scenario)
    place.selectbox(
        "Scenario", list(files), key=PICKER, format_func=_scenario_words(files), on_change=_restart
    )


def _scenario_words(files: dict[str, Any]) -> Callable[[str], str]:
    def words(stem: str) -> str:
        try:
            return state.scenario_of(files[stem]).name
        except (ScenarioError, OSError):
            return f"{stem} (has problems)"

    return words


def _ask(scenario: Scenario, address: Address, more: DeltaGenerator) -> Address:
    """Show the inputs; the address with what they now hold."""
    values = dict(address.values)
    asked = state.inputs(scenario)
    grid = st.grid(columns=min(len(asked), 5), min_column_width=215, gap="small")
    for one in asked:
        with grid.cell():
            _take(values, one, _widget(one, values.get(one.name, one.base)))
    with more.popover("Seed and precision", width="stretch"):
        for one in state.luck_inputs(scenario):
            _take(values, one, _widget(one, values.get(one.name, one.base)))
    found = Address(address.scenario, values)
    told = state.changed(scenario, values)
    if told:
        words, button = st.columns([5, 1], vertical_alignment="center")
        words.caption("Changed: " + text.markdown("; ".join(told)))
        button.button("Reset all", on_click=_restart, args=(address.scenario,), width="stretch")
    return found


def _widget(one: Input, value: Any) -> Any:
    """Draw an input; what it holds now. Its range widens where a link asks for more than it offers."""
    key = WIDGET + one.name
    held = one.held(value)
    st.session_state.setdefault(key, held)
    now = st.session_state[key]
    common: Any = {"key": key, "help": text.markdown(one.help), "on_change": _moved}
    if one.kind == "size":
        return st.select_slider(one.label, one.sizes(now), format_func=_size_words, **common)
    if one.kind == "whole":
        return st.number_input(one.label, int(one.low), int(one.high), step=1, **common)
    low, high = min(one.low, now), max(one.high, now)
    if one.kind == "minutes" and now == int(now):
        return st.slider(one.label, int(low), int(high), step=int(one.step), **common)
    form = "percent" if one.kind == "share" else None
    return st.slider(one.label, float(low), float(high), step=float(one.step), format=form, **common)


def _size_words(size: float | None) -> str:
    return "from the recording" if size is None else f"{size:,.15g}"


def _take(values: dict[str, Any], one: Input, value: Any) -> None:
    """Note what an input holds; its own base is no change."""
    value = round(value, 6) if isinstance(value, float) else value  # a slider's steps are no exact decimals
    if value is None or value == one.held(one.base):
        values.pop(one.name, None)
    else:
        values[one.name] = value


def _remember(address: Address) -> None:
    st.session_state["address"] = address
    params = address.params()
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
    st.session_state["written"] = params


def _show_notices(place: DeltaGenerator) -> None:
    for notice in st.session_state.get("notices", ()):
        place.warning(text.markdown(notice))


# -- results -------------------------------------------------------------------------------------


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
        (second, "cumulative", "What has been spent by then"),
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


def _show_problems(error: ScenarioError) -> None:
    problems.show(error.problems, "the scenario", "nothing was run")


page()
