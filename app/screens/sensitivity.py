"""The page "Sensitivity": how sure the answer is, what flips it, and what knowing more would be worth.

Reads inputs, runs, shows. Every figure is one of the analysis', of the break-even or of the map.
"""

from itertools import combinations

import streamlit as st

from app import details, doubting, mapping, problems, text
from app.choosing import choose
from app.state import Address
from planner.api import Comparison
from planner.charts import budget_chart, cheapest_chart, tornado_chart
from planner.cli.doubts import closest
from planner.errors import PlannerError, ScenarioError
from planner.experiments.omni_share import threshold_strategies
from planner.experiments.uncertainty import Uncertainty

PAIR, WHOSE = "doubt:pair", "doubt:strategy"
MAPPED, ACROSS, UP = "map:scenario", "map:x", "map:y"


def page() -> None:
    """The whole page."""
    chosen = choose("Sensitivity")
    if chosen is None:
        return
    try:
        found = doubting.uncertainty_of(chosen.comparison)
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    st.info("**" + text.markdown(doubting.sentence(found, chosen.comparison.winner)) + "**")
    _show_cheapest(found)
    _show_tornado(chosen.comparison, found)
    _show_budget(chosen.comparison, found)
    _show_break_even(chosen.comparison)
    _show_omni_share(chosen.comparison)
    _show_map(chosen.comparison)
    _show_inputs(found, chosen.address)


def _show_cheapest(found: Uncertainty) -> None:
    grid = st.grid(columns=2, min_column_width=330, gap="medium")
    with grid.cell():
        st.header("Who costs least, how often", anchor=False)
        st.altair_chart(
            cheapest_chart(doubting.cheapest_table(found), found.strategies),
            width="stretch",
            key="doubt-cheapest",
        )
        st.caption(text.markdown(found.sampling_error))
    with grid.cell():
        st.header("What it would be worth to know", anchor=False)
        known = doubting.information_table(found)
        if known.empty:
            st.markdown("Nothing: one strategy only meets every target, so no input can change the choice.")
        else:
            details.show_table(known, "Value of information by input, USD")
        st.caption(
            "The most to pay for knowing an input before choosing: expected value of (partial) perfect information."
        )


def _show_tornado(comparison: Comparison, found: Uncertainty) -> None:
    """What each input does to the difference of two strategies."""
    st.header("What flips the decision", anchor=False)
    pairs = [*combinations(found.strategies, 2)]
    if not pairs:
        st.markdown("There is one strategy only: nothing to decide between.")
        return
    pairs += [(b, a) for a, b in pairs]
    if st.session_state.get(PAIR) not in pairs:
        st.session_state[PAIR] = closest(found, comparison.winner)
    a, b = st.selectbox(
        "Difference of", pairs, key=PAIR, format_func=lambda pair: f"{pair[0]} minus {pair[1]}"
    )
    bars = doubting.moving(found, a, b)
    if bars.empty:
        st.markdown(f"No uncertain input moves the difference of {text.markdown(a)} and {text.markdown(b)}.")
        return
    st.altair_chart(tornado_chart(bars, a, b), width="stretch", key="doubt-tornado")
    st.caption(
        text.markdown(
            f"{found.objective.capitalize()} cost over the plan, each input at its P10 and P90 and all others at their medians. "
            f"Left of the dashed line {a} is cheaper, right of it {b}."
        )
    )
    details.show_table(
        doubting.switch_table(found, a, b), "Inputs, differences and the values at which the decision flips"
    )


def _show_budget(comparison: Comparison, found: Uncertainty) -> None:
    st.header("The budget", anchor=False)
    details.show_table(doubting.budget_table(found), "Total cost with its quantiles over all draws, USD")
    names = list(found.strategies)
    if st.session_state.get(WHOSE) not in names:
        st.session_state[WHOSE] = comparison.winner if comparison.winner is not None else names[0]
    strategy = str(st.segmented_control("Months of", names, key=WHOSE, required=True))
    budget = comparison.scenario.finance.budget_usd_per_month
    months = doubting.month_rows(found, strategy)
    st.altair_chart(budget_chart(months, strategy, names, budget), width="stretch", key="doubt-budget")
    st.caption("Line: P50. Shaded: from P10 to P95, the dashed line.")
    if budget is None:
        st.caption("No budget is set (finance.budget_usd_per_month): no probability of passing it.")
    else:
        worst = max(months.to_dict("records"), key=lambda row: row["breach"])
        st.caption(
            text.markdown(
                f"The budget of {budget:,.0f} USD a month is passed most often in {worst['month']}: in {worst['breach']:.1%} of the draws."
            )
        )
        details.show_table(doubting.breach_table(found), "How often a year passes its budget")


def _show_break_even(comparison: Comparison) -> None:
    """Cost against volume with every crossing, crossings over time, and the cost of an error that flips the ranking."""
    st.header("Break-even", anchor=False)
    if len(comparison.strategies) < 2:
        st.markdown("There is one strategy only: nothing to break even with.")
        return
    try:
        found = mapping.break_even_of(comparison)
    except PlannerError as error:
        st.warning(text.markdown(str(error)))
        return
    st.vega_lite_chart(spec=found.chart.to_dict(), width="stretch", key="even-lines")
    st.caption(
        "Unit costs are held as simulated: what limits and queues do at another volume, the map below shows."
    )
    details.show_table(
        mapping.volume_table(found),
        "Volumes and months at which the cheaper strategy changes",
        wide=["Requests a month at which it changes", "Months in which what was spent so far crosses"],
    )
    details.show_table(
        mapping.error_table(found), "Cost of a wrong answer at which the ranking flips", wide=["Cheaper"]
    )


def _show_omni_share(comparison: Comparison) -> None:
    """The share that a router should send to omni, looked for when it is asked for: it takes about seventeen runs."""
    scenario = comparison.scenario
    if not threshold_strategies(scenario):
        return
    asked = st.button("Find the omni share that costs least", key="share:ask")
    place = st.empty()
    try:
        found = mapping.omni_shares_of(scenario, place, asked=asked)
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if found is not None:
        st.markdown("\n".join(f"- {text.markdown(mapping.share_words(one))}" for one in found))


def _show_map(comparison: Comparison) -> None:
    """Who wins where, over any two numbers of the scenario."""
    st.header("Decision map", anchor=False)
    scenario = comparison.scenario
    first, second = mapping.suggested(scenario)
    memory = st.session_state
    if memory.get(MAPPED) != scenario.hash:
        memory[MAPPED] = scenario.hash
        memory[ACROSS], memory[UP] = first, second
    with st.form("map"):
        left, right, button = st.columns([5, 5, 2], vertical_alignment="bottom")
        x = left.text_input("Across: PATH=LOW..HIGH:N", key=ACROSS)
        y = right.text_input("Up: PATH=LOW..HIGH:N", key=UP)
        asked = button.form_submit_button("Draw the map", width="stretch")
    place = st.empty()
    try:
        found = mapping.map_of(scenario, x, y, place, asked=asked)
    except ScenarioError as error:
        problems.show(error.problems, "the axes", "nothing was run")
        return
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if found is None:
        st.caption(
            "Every cell is billed, and simulated where the number changes what happens; a map of the volume takes some seconds."
        )
        return
    st.vega_lite_chart(spec=found.chart.to_dict(), width="stretch", key="map")
    told = [f"{name} wins {many} of {len(found.cells)} cells" for name, many in found.wins.items() if name]
    st.caption(text.markdown(" ".join([f"{'; '.join(told)}.", *found.notices])))
    st.download_button(
        "Map (CSV)",
        data=lambda: details.exact_csv(found.frame),
        file_name=f"{scenario.hash[:8]}-map.csv",
        mime="text/csv",
        on_click="ignore",
    )


def _show_inputs(found: Uncertainty, address: Address) -> None:
    words = "default ranges, the scenario names none" if found.is_default else "as the scenario has them"
    with st.expander(f"The uncertain inputs ({words})", expanded=found.is_default):
        details.show_table(
            doubting.input_table(found),
            "Uncertain inputs with their ranges and sources",
            wide=["Meaning", "Source"],
        )
        st.caption(
            text.markdown(
                f"{found.draws:,} draws (scrambled Sobol, seed {found.scenario.run.seed}). The fast bills behind them differ "
                f"from the exact ledger by at most {found.check.largest_difference:.1e} of the total over {found.check.draws} "
                f"checked draws. Computed in {found.seconds:.1f} s."
            )
        )
    st.download_button(
        "Uncertain inputs (CSV)",
        data=lambda: details.exact_csv(found.inputs),
        file_name=f"{address.scenario}-{found.scenario.hash[:8]}-inputs.csv",
        mime="text/csv",
        on_click="ignore",
    )


page()
