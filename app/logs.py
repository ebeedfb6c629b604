"""A log of one's own traffic on the home page: dropped, its columns confirmed, replayed under every strategy, shown.

Comes in: a file of the user's, which stays in the session and on this machine; goes out: the panel, and the name of the log
in use for the address. At most three logs are kept in a session. Every figure is one of `planner.replay`.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

import planner
from app import details, drawing, jobs, problems, text
from app.jobs import Place
from planner.api import Log, Replay
from planner.charts import log_load_chart
from planner.errors import PlannerError, ScenarioError
from planner.experiments.replay import StrategyReplay
from planner.experiments.replay_answer import small_words
from planner.experiments.replay_rows import USD, Spread, rows_of
from planner.experiments.replay_tokens import UNKNOWN, models_of
from planner.scenario.fields import Scenario
from planner.workload.log_cells import UNIT_WORDS
from planner.workload.log_columns import NEEDED
from planner.workload.logs import Peek, peek, read_log

MOST_KEPT = 3
ENGINE = "compiled"
TYPES = ["csv", "parquet"]
KEPT, IN_USE, SEEN, PEEKED, READ, UPLOADS = (
    f"logs:{name}" for name in ("kept", "in use", "seen", "peeked", "read", "uploads")
)
WIDGET = "log-in:"  # keys of the pickers
NONE = "–"
BY_SIZE = "told by their size"
GUESS = "as the log says"
#: Roles that are asked for, in words; `requests` is for refusing sums and is never picked.
ROLES = {
    "time": "Time",
    "input": "Input tokens",
    "output": "Output tokens",
    "model": "Model",
    "cached": "Cached prefix tokens",
    "session": "Conversation",
    "task": "Task",
    "latency": "Latency",
    "status": "Status",
}


# -- logs of the session ---------------------------------------------------------------------------


def kept(name: str) -> Log | None:
    """The log of a name, if this session has it."""
    found: OrderedDict[str, Log] = st.session_state.get(KEPT, OrderedDict())
    return found.get(name)


def keep(log: Log) -> str:
    """Keep a log in the session, the last three; its name."""
    found: OrderedDict[str, Log] = st.session_state.setdefault(KEPT, OrderedDict())
    found[log.hex] = log
    found.move_to_end(log.hex)
    while len(found) > MOST_KEPT:
        found.popitem(last=False)
    return log.hex


# -- the panel -------------------------------------------------------------------------------------


def panel(scenario: Scenario, log_hex: str | None) -> str | None:
    """The whole panel; gives the name of the log in use, for the address bar.

    `log_hex` is what the address names: it counts where it differs from what it named before.
    """
    memory = st.session_state
    if log_hex != memory.get(SEEN):
        memory[IN_USE] = log_hex
    name: str | None = memory.get(IN_USE)
    memory[SEEN] = name
    with st.expander("Drop a log of your own traffic", expanded=name is not None or READ in memory):
        offer()
        log = None if name is None else kept(name)
        if log is None and name is not None:
            st.info(
                f"This link was made with a log ({text.markdown(name)}), which stayed on the machine of whoever made it; drop "
                "it here to see the same."
            )
    if log is not None:
        _replay(scenario, log)
    return name


def offer() -> None:
    """The uploader, and what became of a file: its columns to confirm, bad rows, the button that replays it."""
    memory = st.session_state
    dropped = st.file_uploader(
        "A log with a row for each request (CSV or Parquet): time, input tokens, output tokens, more if there is more", TYPES,
        max_upload_size=50, key=f"{UPLOADS}:{memory.get(UPLOADS, 0)}",
    )  # fmt: skip
    st.caption(
        "It stays on this machine, in the memory of this session; no text of prompts or answers is needed or read."
    )
    if dropped is None:
        memory.pop(READ, None)
        memory.pop(PEEKED, None)
        return
    try:
        found = _peeked(dropped)
    except ScenarioError as error:
        problems.show(error.problems, dropped.name, "nothing was read")
        return
    columns, unit = _ask(found, dropped.file_id)
    log = _read(dropped, columns, unit)
    if log is not None:
        _show_log(log)
        st.button("Replay it", type="primary", on_click=_use, args=(log,), key="log-use")


def _ask(found: Peek, file_id: str) -> tuple[dict[str, str | None], str | None]:
    """Pickers of columns, each with the reason of its guess; what they hold, and the unit of times."""
    chosen: dict[str, str | None] = {}
    grid = st.grid(columns=3, min_column_width=215, gap="small")
    for role, words in ROLES.items():
        guess = next((one for one in found.columns if one.role == role), None)
        options = [*([] if role in NEEDED and guess is not None else [NONE]), *found.header]
        with grid.cell():
            picked = st.selectbox(
                words, options, index=0 if guess is None else options.index(guess.name),
                key=f"{WIDGET}{file_id}:{role}",
            )  # fmt: skip
            if guess is None:
                why = "no column looks like it" if role in NEEDED else "none found"
            else:
                why = guess.reason if picked == guess.name else "picked"
            st.caption(text.markdown(why))
        chosen[role] = None if picked == NONE else picked
    with grid.cell():
        unit = st.selectbox(
            "Times that are numbers", [BY_SIZE, *UNIT_WORDS], key=f"{WIDGET}{file_id}:unit",
            format_func=lambda one: UNIT_WORDS.get(one, one),
        )  # fmt: skip
    # A needed role without a column is left to be asked for, so that the problem names it.
    given = {role: name for role, name in chosen.items() if name is not None or role not in NEEDED}
    return given, None if unit == BY_SIZE else unit


def _peeked(dropped: Any) -> Peek:
    """The first look at a file, taken once. Raises ScenarioError."""
    memory = st.session_state
    if memory.get(PEEKED, (None, None))[0] != dropped.file_id:
        memory.pop(PEEKED, None)
        memory[PEEKED] = (dropped.file_id, peek(dropped.getvalue(), dropped.name))
    found: Peek = memory[PEEKED][1]
    return found


def _read(dropped: Any, columns: Mapping[str, str | None], unit: str | None) -> Log | None:
    """The log as its columns are picked, read once; None where it cannot be."""
    memory = st.session_state
    key = (dropped.file_id, tuple(columns.items()), unit)
    if memory.get(READ, (None, None))[0] != key:
        memory.pop(READ, None)
        try:
            log = read_log(dropped.getvalue(), columns=columns, time_unit=unit, name=dropped.name)
        except ScenarioError as error:
            problems.show(error.problems, dropped.name, "nothing was read")
            return None
        memory[READ] = (key, log)
        return log
    found: Log = memory[READ][1]
    return found


def _use(log: Log) -> None:
    """The button: from now on this log is in use, and the uploader is empty again."""
    memory = st.session_state
    memory[IN_USE] = keep(log)
    memory.pop(READ, None)
    memory.pop(PEEKED, None)
    memory[UPLOADS] = memory.get(UPLOADS, 0) + 1


def _forget() -> None:
    st.session_state[IN_USE] = None


def _show_log(log: Log) -> None:
    """What was read, what was left out."""
    st.markdown("\n".join(f"- {text.markdown(one)}" for one in (*log.profile.words, *log.notices)))
    if not log.n_bad:
        st.markdown(f"All {log.n_read:,} rows are good.")
        return
    counts = ", ".join(f"{name}: {count:,}" for name, count in log.bad_counts.items())
    st.warning(text.markdown(f"{log.n_bad:,} of {log.n_read:,} rows are left out ({counts})."))
    bad = log.bad.astype(str).rename(columns=str.capitalize)
    details.show_table(bad, "Rows that are left out, with their line", wide=["Given", "Allowed"])


# -- the replay ------------------------------------------------------------------------------------


def _replay(scenario: Scenario, log: Log) -> None:
    head, picker, button = st.columns([5, 3, 2], vertical_alignment="bottom")
    head.header(text.markdown(f"On your own traffic: {log.source}"), anchor=False)
    options = [GUESS, UNKNOWN, *models_of(scenario)]
    key = f"{WIDGET}counted-by:{scenario.name}"
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
    who = picker.selectbox(
        "Tokens were counted by", options, key=key,
        help="Another model counts the same text as more or fewer tokens; figures for all others come with a range.",
    )  # fmt: skip
    button.button("Take the log away", on_click=_forget, key="log-forget", width="stretch")
    try:
        found = result_of(scenario, log, None if who == GUESS else who, st.empty())
    except ScenarioError as error:
        problems.show(error.problems, "the scenario with this log", "nothing was replayed")
        return
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if found is not None:
        show(found)


def result_of(scenario: Scenario, log: Log, counted_by: str | None, place: Place) -> Replay | None:
    """The replay of a log, remembered or waited for at `place`; None where it was cancelled.

    Raises PlannerError where the scenario cannot be run on it.
    """
    key = ("replay", scenario.hash, log.hex, counted_by, ENGINE, planner.__version__)
    return jobs.result_of(
        key,
        lambda report: planner.replay(scenario, log, counted_by=counted_by, engine=ENGINE, report=report),
        place,
        "Replaying the log under every strategy",
        kind="replay",
    )


def show(found: Replay) -> None:
    """The answer, the table with ranges, the log's load, and what has to be known."""
    (st.success if found.winner is not None else st.warning)("**" + text.markdown(found.answer) + "**")
    details.show_table(
        table(found), "Strategies on the traffic of the log, with what tokens may make of each figure"
    )
    st.caption(
        text.markdown(
            f"{found.scenario.objective.capitalize()} cost in USD. In brackets: with the fewest and the most tokens that "
            f"they may be for each model; {_counter(found)}. {found.n_windows} replays of the log, {found.simulated_requests:,} "
            "requests simulated."
        )
    )
    missed = [
        f"**{text.markdown(name)}** {text.markdown('; '.join(one.central.misses))}"
        for name, one in found.strategies.items()
        if one.central.misses
    ]
    if missed:
        st.markdown("Targets missed on this traffic: " + " · ".join(missed))
    stem = f"log-{found.log.hex[:8]}"
    drawing.offer_csv(found.ledger, "replay-ledger", stem=stem, label="Ledger of the replay (CSV)")
    profile = found.log.profile
    drawing.draw(
        log_load_chart(profile.load), "log-load", title="Load of the log", table=profile.load, stem=stem
    )
    st.markdown("\n".join(f"- {text.markdown(one)}" for one in profile.words))
    with st.expander(f"What these figures rest on ({len(found.notices)})"):
        st.markdown("\n".join(f"- {text.markdown(one)}" for one in found.notices))
        details.show_table(_factors(found), "Tokens of each model for one in the log", wide=["Source"])


def _counter(found: Replay) -> str:
    return (
        f"the log was counted by {found.counted_by}"
        if found.counted_by
        else "nobody knows which model counted them"
    )


def table(found: Replay) -> pd.DataFrame:
    """One row a figure, one column a strategy, as texts."""
    rows: list[dict[str, str]] = [
        {
            "On this traffic": row.words,
            **{name: spread(one, row.unit) for name, one in row.by_strategy.items()},
        }
        for row in rows_of(found)
    ]
    if found.slo_rows:
        met = {name: _met_words(one) for name, one in found.strategies.items()}
        rows.append({"On this traffic": "targets", **met})
    return pd.DataFrame(rows)


def _met_words(one: StrategyReplay) -> str:
    """Whether every target is met; not certain where fewer or more tokens say otherwise."""
    words = "all met" if one.meets() else f"{len(one.central.misses)} missed"
    if not one.is_certain:
        return f"~ {words}, not certain"
    return f"✓ {words}" if one.meets() else f"✗ {words}"


def spread(one: Spread, unit: str) -> str:
    """A figure, and in brackets from where to where tokens may take it, where that shows."""
    middle, low, high = (_words(value, unit) for value in (one.central, one.low, one.high))
    if text.DASH in (middle, low, high) or low == high:
        return middle
    sign = f" {middle.rpartition(' ')[2]}" if " " in middle else ""
    bare, first, last = (words.removesuffix(sign) for words in (middle, low, high))
    return f"{bare} ({first} to {last}){sign}"


def _words(value: Any, unit: str) -> str:
    if text.is_unknown(value):
        return text.DASH
    return small_words(value).removesuffix(" USD") if unit == USD else text.number(value, unit)


def _factors(found: Replay) -> pd.DataFrame:
    rows = [
        {
            "Model": row.model,
            "Tokens": row.meter,
            "Central": f"{row.central:.4g}",
            "From": f"{row.low:.4g}",
            "To": f"{row.high:.4g}",
            "Confidence": row.confidence,
            "Source": row.source,
        }
        for row in found.factors
    ]
    return pd.DataFrame(rows)


__all__ = ["keep", "kept", "offer", "panel", "result_of", "show"]
