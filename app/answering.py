"""The answer on screen: the sentence, who nearly made it, who is excluded, every target, and findings with their fixes.

Every figure and every word is the comparison's. A fix is applied by a function that the page gives: it takes changes
{path: value} and words for the undo list, is called when a button is pressed, and before the page runs again.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

import streamlit as st

import planner
from app import details, jobs, text
from planner.errors import PlannerError
from planner.experiments import fixes, verdicts
from planner.experiments.cards import mark
from planner.experiments.comparison import Comparison
from planner.experiments.figure_words import figure
from planner.experiments.finding import Finding
from planner.experiments.fixes import Fix
from planner.experiments.verdicts import Held

Apply: TypeAlias = Callable[[Mapping[str, Any], str], None]

ABOVE = ("near-miss", "no-target")  # findings that stand at the answer, not in the list below
FIX = "fix:"  # keys of the buttons
LOOK = "look:"  # in the memory of a session: searches that were asked for
AT_ONCE = 6  # findings that are shown without asking: the most important ones
MOST_ROWS = 200  # of a table on screen; the file has all
COLUMN_PX = 150  # of a strategy in the matrix: narrower screens scroll sideways
ROWS_PX = 760  # of the rows behind a finding; a narrower screen narrows them


def show(comparison: Comparison, apply: Apply) -> None:
    """The sentence, near misses with what would change them, exclusions, what is to spare, and every target."""
    won = any(verdict.is_best for verdict in comparison.verdicts.values())
    (st.success if won else st.warning)("**" + text.markdown(comparison.answer) + "**")
    held = verdicts.matrix(comparison)
    for one in comparison.findings:
        if one.code in ABOVE:
            _point(comparison, one, apply, _badge(one))
    for excluded in verdicts.exclusions(comparison, held):
        st.markdown(f":red-badge[Excluded] {text.markdown(excluded.text)}")
    if held:
        is_plain = all(one.verdict == "met" for one in held)
        with st.expander("Every target, strategy by strategy, and what is to spare", expanded=not is_plain):
            st.html(matrix(held, comparison.strategies))
            for spare in verdicts.spares(held):
                st.caption(text.markdown(spare.text))


def _badge(one: Finding) -> str:
    return ":orange-badge[Near miss] " if one.code == "near-miss" else ":gray-badge[No target] "


def findings(comparison: Comparison, apply: Apply) -> None:
    """What else was found, most important first: each with the rows behind it and what would change it."""
    st.header("Findings", anchor=False)
    told = [one for one in comparison.findings if one.code not in ABOVE]
    if not told:
        st.markdown("No rule found anything out of the ordinary.")
    for one in told[:AT_ONCE]:
        _point(comparison, one, apply)
    if len(told) > AT_ONCE:
        # What is folded is sent while it is open: each has a popover and buttons.
        more = st.expander(f"More findings ({len(told) - AT_ONCE})", key="more findings", on_change="rerun")
        if more.open:
            with more:
                for one in told[AT_ONCE:]:
                    _point(comparison, one, apply)


def _point(comparison: Comparison, one: Finding, apply: Apply, badge: str = "• ") -> None:
    """A finding, and beside it its rows and fixes; on a narrow screen they stand under it."""
    with st.container(
        horizontal=True, gap="small", vertical_alignment="center", key=f"finding-{_word(one.key)}"
    ):
        st.markdown(badge + text.markdown(one.text), width="content")
        if one.rows is not None:
            _rows(comparison, one)
        for number, fix in enumerate(comparison.fixes(one)):
            key = f"{FIX}{one.key}:{number}"
            if fix.kind == "search":
                _search(comparison, one, fix, key, apply)
            else:
                _button(fix, key, apply)


def _word(key: str) -> str:
    """A key as a class of the page: letters, digits and dashes."""
    return "".join(one if one.isalnum() else "-" for one in key)


def _button(fix: Fix, key: str, apply: Apply) -> None:
    words = text.markdown(fix.words)
    st.button(
        f"Fix: {words}" if fix.kind == "change" else words,
        key=key,
        on_click=apply,
        args=(dict(fix.changes), fix.words),
        help=text.markdown("; ".join(f"{path} = {value}" for path, value in fix.changes.items())),
        wrap=True,
    )


# -- rows ----------------------------------------------------------------------------------------


def _rows(comparison: Comparison, one: Finding) -> None:
    """The rows are made when they are asked for: a ledger has thousands."""
    place = st.popover("Rows behind it", key=f"rows:{one.key}", on_change="rerun", type="tertiary")
    if not place.open:
        return
    with place, st.container(width=ROWS_PX):
        table = comparison.rows_behind(one)
        assert one.rows is not None, "offered only where there are rows"
        many = f" The first {MOST_ROWS} of them:" if len(table) > MOST_ROWS else ""
        st.caption(
            text.markdown(
                f"{len(table):,} row{'' if len(table) == 1 else 's'} of the table {one.rows.table}; the finding's number is {one.value:.6g}.{many}"
            )
        )
        if not table.empty:
            shown = table.head(MOST_ROWS).map(_cell)
            details.show_table(shown, f"Rows behind: {one.text}")
        st.download_button(
            "Rows (CSV)",
            data=lambda: details.exact_csv(comparison.rows_behind(one)),
            file_name=f"{_word(one.key)}.csv",
            mime="text/csv",
            key=f"csv:{one.key}",
            on_click="ignore",
        )


def _cell(value: Any) -> str:
    return text.DASH if text.is_unknown(value) else str(value)


# -- searches ------------------------------------------------------------------------------------


def _search(comparison: Comparison, one: Finding, fix: Fix, key: str, apply: Apply) -> None:
    """A button that looks for a fix as long work, then what was found and the button that applies it.

    What is asked for is remembered for this scenario: another one's search is another.
    """
    wanted = f"{LOOK}{comparison.scenario.hash}:{one.key}"
    st.button(text.markdown(fix.words), key=key, on_click=_ask, args=(wanted,), wrap=True)
    if not st.session_state.get(wanted):
        return
    place = st.empty()
    try:
        result = jobs.result_of(
            ("fix", comparison.scenario.hash, one.key, planner.__version__),
            lambda report: fixes.find(comparison, one, report=report),
            place,
            "Looking at omni shares",
            kind="fix",
        )
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if result is None:
        return
    found, told = result
    st.markdown(text.markdown(told))
    if found is not None:
        _button(found, f"{key}:found", apply)


def _ask(wanted: str) -> None:
    st.session_state[wanted] = True


# -- every target ----------------------------------------------------------------------------------


def matrix(held: Sequence[Held], strategies: Sequence[str]) -> str:
    """The verdict matrix as an HTML table: a row per target, a column per strategy; it scrolls sideways in itself."""
    cells = {(one.task, one.measure, one.strategy): one for one in held}
    targets = dict.fromkeys((one.task, one.measure) for one in held)
    head = "".join(f"<th scope='col' style='padding-right: 0'>{escape(name)}</th>" for name in strategies)
    rows = "".join(
        f"<tr><th scope='row'>{_target(cells[(*target, strategies[0])])}</th>"
        + "".join(f"<td>{_verdict(cells[(*target, name)])}</td>" for name in strategies)
        + "</tr>"
        for target in targets
    )
    width = COLUMN_PX * (len(strategies) + 1)
    return (
        "<div class='sideways' tabindex='0' role='region' aria-label='Every target, strategy by strategy'>"
        f"<table class='figures phases' style='min-width: {width}px'>"
        "<caption style='text-align: left'>Every target held against every strategy: verdict, figure and 95 % interval</caption>"
        f"<thead><tr><th scope='col'>Target</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _target(one: Held) -> str:
    bound = "at least" if one.more_is_better else "at most"
    return f"{escape(one.name)}<small>{bound} {escape(figure(one.target, one.unit))}</small>"


def _verdict(one: Held) -> str:
    """A sign with a word, the figure, its interval; colour alone says nothing."""
    kind, words = mark(one.met, one.is_certain)
    if one.value is None:
        return f"<span class='{kind}'>{words}</span><small>{escape(one.reason or 'not measured')}</small>"
    ends = one.interval_words()
    interval = f"95 % interval {ends}" if ends else "no interval: one window"
    return (
        f"<span class='{kind}'>{words}</span> <b>{escape(one.figures().partition(' against ')[0])}</b>"
        f"<small>{escape(interval)}</small>"
    )


__all__ = ["Apply", "findings", "matrix", "show"]
