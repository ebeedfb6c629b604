"""The page "Failover": an outage of a provider, replayed on common luck, with another policy beside it.

Reads what is asked for, runs, shows. What can be asked is decided in `app.asked`, every figure comes from the drill.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app import asked as asking
from app import drilling, dropped, navigation, problems, replay, state, text
from app.asked import Asked
from app.look import STYLE
from app.navigation import FAILOVER_WRITTEN as WRITTEN
from planner.api import Drill
from planner.charts import backlog_chart
from planner.errors import PlannerError, ScenarioError
from planner.experiments.drill_manner import MODES, place_of
from planner.experiments.drill_stretch import DAYS, PEAK
from planner.finance.dearest import dearest
from planner.scenario.checks_outages import READ_IN
from planner.scenario.fields import Scenario
from planner.scenario.worst_case import worst_case

OWN = "drill:"  # what this page remembers in the session
WIDGET = "drill-in:"  # keys of the pickers
PRICE = "drill-price:"
ASKED, MOVED, NOTICES, DROPPED, UPLOADS = (
    OWN + name for name in ("asked", "moved", "notices", "dropped", "uploads")
)
MODE_WORDS = {
    "error": "answers errors", "hang": "does not answer", "degraded": "is slow", "limited": "refuses with 429",
}  # fmt: skip
FIGURES = {  # what one mode alone reads: label, step, help
    "status": (
        "HTTP status",
        1,
        "Status of the errors. Empty: that of the provider's own outages, else 503.",
    ),
    "slowdown": (
        "Times as slow",
        0.5,
        "Factor on latency. Empty: that of the provider's own outages, else 3.",
    ),
    "retry_after_s": (
        "Retry-After (s)",
        5.0,
        "What a refusal asks to wait. Empty: that of the provider's own outages, else it says nothing.",
    ),
}
BESIDE_WORDS = {asking.NONE: "nothing", asking.NO_RETRIES: "no retries"}
BUSIEST, AT_HOUR, AT_SECOND = "busiest hour", "weekday and hour", "seconds into the recording"
AT_DATE = "date and hour"


def page() -> None:
    """The whole page."""
    st.html(STYLE)
    files = state.library()
    if not files:
        st.error("The folder scenarios/ holds no scenario. Add a YAML file and reload the page.")
        return
    asked = _synchronised(files)
    head, picker = st.columns([7, 4], vertical_alignment="bottom")
    with head:
        st.title("Failover", anchor=False)
        st.caption(
            "An outage of one provider, replayed request by request, with and without it on the same luck."
        )
    _pick(picker, files)
    notices = st.container()  # filled at the end: a changed picker takes them away
    _offer_upload()
    scenario = _scenario(files, asked)
    if scenario is None:
        _remember(asked)
        _show_notices(notices)
        return
    asked = _ask(scenario, asked)
    _remember(asked)
    _show_notices(notices)
    if asked.provider is None:
        st.warning("No strategy of this scenario uses a provider, so none can be out.")
        return
    try:
        drill = drilling.drill_of(scenario, asked, st.empty(), "Replaying the outage")
    except ScenarioError as error:
        problems.show(error.problems, "what was asked for", "nothing was run")
        return
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if drill is not None:
        _show(scenario, asked, drill)


# -- address and pickers ---------------------------------------------------------------------------


def _synchronised(files: dict[str, Any]) -> Asked:
    """What is asked for in this run: a link that was opened or edited wins over the pickers, a moved one over the link."""
    params = st.query_params.to_dict()
    memory = st.session_state
    was_moved = memory.pop(MOVED, False)
    known = ASKED in memory and memory[ASKED].scenario in files
    if not known or (not was_moved and params != memory.get(WRITTEN)):
        memory[WRITTEN] = params
        memory.pop(DROPPED, None)
        asked, memory[NOTICES] = asking.read(params, files)
        _start_from(asked)
    found: Asked = memory[ASKED]
    return found


def _start_from(asked: Asked) -> None:
    memory = st.session_state
    for key in [key for key in memory if str(key).startswith((WIDGET, PRICE))]:
        del memory[key]
    memory[ASKED] = asked
    memory[WIDGET + "scenario"] = asked.scenario


def _moved() -> None:
    st.session_state[MOVED] = True
    st.session_state[NOTICES] = ()


def _restart() -> None:
    """Another scenario was picked: its providers are others; what is asked of them stays."""
    _moved()
    memory = st.session_state
    memory.pop(DROPPED, None)
    before: Asked = memory[ASKED]
    _start_from(replace(before, scenario=memory[WIDGET + "scenario"], values={}, provider=None, at=PEAK))


def _pick(place: DeltaGenerator, files: dict[str, Any]) -> None:
    memory = st.session_state
    memory.setdefault(WIDGET + "scenario", memory[ASKED].scenario)
    place.selectbox(
        "Scenario",
        list(files),
        key=WIDGET + "scenario",
        format_func=_scenario_words(files),
        on_change=_restart,
    )


def _scenario_words(files: dict[str, Any]) -> Callable[[str], str]:
    def words(stem: str) -> str:
        try:
            return state.scenario_of(files[stem]).name
        except (ScenarioError, OSError):
            return f"{stem} (has problems)"

    return words


def _ask(scenario: Scenario, asked: Asked) -> Asked:
    """Show the pickers; what they now ask for."""
    if asked.values and DROPPED not in st.session_state:
        told = "; ".join(f"{name}: {value}" for name, value in asked.values.items())
        st.caption("Changed: " + text.markdown(told))
    providers = asking.providers(scenario)
    if not providers:
        return replace(asked, provider=None)
    provider = asked.provider if asked.provider in providers else providers[0]
    grid = st.grid(columns=6, min_column_width=165, gap="small")
    common: Any = {"on_change": _moved}
    with grid.cell():
        provider = st.selectbox("Provider that is out", providers, **_key("provider", provider), **common)
    with grid.cell():
        minutes = st.number_input(
            "For how long (min)", asking.LEAST_MINUTES, asking.MOST_MINUTES, step=5,
            **_key("minutes", asked.minutes), **common,
        )  # fmt: skip
    at = _ask_when(grid, scenario, asked.at, common)
    with grid.cell():
        mode = st.selectbox(
            "What happens",
            list(MODES),
            **_key("mode", asked.mode),
            format_func=MODE_WORDS.__getitem__,
            **common,
        )
    figures = _ask_figures(grid, mode, asked, common)
    with grid.cell():
        beside = st.selectbox(
            "Put beside it", asking.BESIDE, **_key("beside", asked.beside), **common,
            format_func=lambda one: BESIDE_WORDS.get(one, f"policy of {one}"),
            help="The same drill, on the same requests and luck, under another policy.",
        )  # fmt: skip
    with grid.cell():
        replications = st.number_input(
            "Replications", 1, asking.MOST_REPLICATIONS, step=1, **_key("replications", asked.replications), **common,
            help="Drills with other luck that means are taken over. More narrow the intervals and take longer.",
        )  # fmt: skip
    return replace(
        asked,
        provider=provider,
        minutes=int(minutes),
        at=at,
        mode=mode,
        **figures,
        beside=beside,
        replications=int(replications),
    )


def _ask_when(grid: Any, scenario: Scenario, before: str, common: Any) -> str:
    """When it begins, as the drill reads it."""
    is_recording = scenario.traffic.trace is not None
    given = AT_SECOND if is_recording else AT_DATE if asking.is_dated(before) else AT_HOUR
    ways = [BUSIEST, AT_SECOND] if is_recording else [BUSIEST, AT_HOUR, AT_DATE]
    with grid.cell():
        when = st.selectbox(
            "When it begins", ways, **_key("when", BUSIEST if before == PEAK else given), **common,
            help="All times are UTC.",
        )  # fmt: skip
    if when == BUSIEST:
        return PEAK
    if when == AT_SECOND:
        with grid.cell():
            first = 0 if before == PEAK else int(before)
            return str(st.number_input("Second", 0, 10**9, step=60, **_key("second", first), **common))
    if when == AT_DATE:
        first_day, last_day = asking.days(scenario)
        date, hour = asking.date_and_hour(scenario, before)
        with grid.cell():
            date = st.date_input(
                "Date", **_key("date", date), min_value=first_day, max_value=last_day, format="YYYY-MM-DD", **common
            )  # fmt: skip
        return asking.on_day(date, _ask_hour(grid, hour, common))
    day, hour = asking.day_and_hour(before)
    with grid.cell():
        day = st.selectbox("Weekday", DAYS, **_key("day", day), format_func=str.capitalize, **common)
    return asking.weekly(day, _ask_hour(grid, hour, common))


def _ask_hour(grid: Any, hour: int, common: Any) -> int:
    with grid.cell():
        found: int = st.selectbox(
            "Hour (UTC)", range(24), **_key("hour", hour), format_func=lambda one: f"{one:02d}:00", **common
        )
    return found


def _ask_figures(grid: Any, mode: str, asked: Asked, common: Any) -> dict[str, Any]:
    """The share of calls that meet the outage, and what this mode alone reads."""
    with grid.cell():
        percent = st.number_input(
            "Calls that meet it (%)", 100 * asking.LEAST_SHARE, 100.0, step=5.0, format="%.6g",
            **_key("share", round(100 * asked.share, 6)), **common,
            help="Drawn call by call; the others are served as ever.",
        )  # fmt: skip
    found: dict[str, Any] = {"share": round(percent / 100, 8), **dict.fromkeys(asking.OF_MODE)}
    for name, (label, step, words) in FIGURES.items():
        if mode not in READ_IN[name]:
            continue
        place = place_of(name)
        low, high = (type(step)(end) for end in (place.low or 0, place.high or 0))
        if (value := getattr(asked, name)) is not None:
            st.session_state.setdefault(WIDGET + name, value)
        with grid.cell():
            found[name] = st.number_input(
                label, low, high, value=None, step=step, key=WIDGET + name, help=words, placeholder="its own",
                format="%.6g" if isinstance(step, float) else "%d", **common,
            )  # fmt: skip
    return found


def _key(name: str, value: Any) -> dict[str, Any]:
    """The key of a picker, which holds a value from the beginning."""
    st.session_state.setdefault(WIDGET + name, value)
    return {"key": WIDGET + name}


def _remember(asked: Asked) -> None:
    """Write the address; a dropped configuration stands in none."""
    st.session_state[ASKED] = asked
    shown = Asked(scenario=asked.scenario) if DROPPED in st.session_state else asked
    params = shown.params()
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
    st.session_state[WRITTEN] = params
    navigation.refresh()


def _show_notices(place: DeltaGenerator) -> None:
    for notice in st.session_state.get(NOTICES, ()):
        place.warning(text.markdown(notice))


# -- the scenario, picked or dropped ---------------------------------------------------------------


def _offer_upload() -> None:
    memory = st.session_state
    with st.expander("Or drop a LiteLLM configuration", expanded=DROPPED in memory):
        st.file_uploader(
            "LiteLLM proxy configuration (YAML, at most 1 MB)", ["yaml", "yml"], max_upload_size=1,
            key=f"{UPLOADS}:{memory.get(UPLOADS, 0)}", on_change=_take_upload,
        )  # fmt: skip
        st.caption(
            "It is read into a scenario at once and not kept; keys and passwords in it are never shown. Traffic and "
            "sizes of requests are assumptions, as a configuration knows none."
        )
        found: dropped.Dropped | None = memory.get(DROPPED)
        if found is None:
            return
        if found.problems:
            problems.show(found.problems, found.file, "nothing was imported")
        elif found.failure:
            st.error(text.markdown(f"{found.file} cannot be read. {found.failure}"))
        else:
            st.success(
                text.markdown(
                    f"{found.file} stands in place of the picked scenario. The link does not carry it."
                )
            )
        st.button("Back to the picked scenario", on_click=_restart)
    if found is not None and found.notices:
        with st.expander(f"What could not be said of the configuration ({len(found.notices)})"):
            st.markdown("\n".join(f"- {text.markdown(one)}" for one in found.notices))


def _take_upload() -> None:
    """Read what was dropped and let go of it: the next uploader is another one."""
    memory = st.session_state
    number = memory.get(UPLOADS, 0)
    file = memory.get(f"{UPLOADS}:{number}")
    if file is None:
        return
    _moved()
    found = dropped.read(file.getvalue(), file.name)
    context = get_script_run_ctx()
    keeper = None if context is None else context.uploaded_file_mgr
    if context is not None and isinstance(keeper, MemoryUploadedFileManager):
        keeper.remove_file(context.session_id, file.file_id)  # else it is held until the browser goes away
    _start_from(replace(memory[ASKED], values={}, provider=None, at=PEAK))
    memory[DROPPED] = found
    memory[UPLOADS] = number + 1


def _scenario(files: dict[str, Any], asked: Asked) -> Scenario | None:
    """The scenario to be drilled; None where it has problems, which are then on the page."""
    found: dropped.Dropped | None = st.session_state.get(DROPPED)
    try:
        if found is None:
            return state.applied(state.scenario_of(files[asked.scenario]), asked.values)
        if not found.text:
            return None
        prices = _prices(found)
        return None if prices is None else found.scenario(prices)
    except ScenarioError as error:
        problems.show(error.problems, "the scenario", "nothing was run")
        return None


def _prices(found: dropped.Dropped) -> dict[str, float] | None:
    """Prices that the catalogue does not know, as given on the page; None until all are."""
    if not found.unpriced:
        return {}
    place = st.empty()
    given: dict[str, float] = {}
    grid = st.grid(columns=2, min_column_width=300, gap="small")
    for path in found.unpriced:
        with grid.cell():
            value = st.number_input(
                path, 0.0, 1e6, value=None, step=0.01, format="%.6g", key=PRICE + path, on_change=_moved,
                placeholder="USD per million tokens",
            )  # fmt: skip
        if value is not None:
            given[path] = value
    missing = len(found.unpriced) - len(given)
    if missing:
        place.warning(
            f"{missing} price{'s' if missing != 1 else ''} of the configuration {'are' if missing != 1 else 'is'} not "
            "known. Give all of them (USD per million tokens) to run the drill."
        )
        return None
    place.caption("Prices that the catalogue does not know, as given here (USD per million tokens):")
    return given


# -- results -------------------------------------------------------------------------------------


def _show(scenario: Scenario, asked: Asked, drill: Drill) -> None:
    sentences = "\n\n".join(text.markdown(one.sentence) for one in drill.strategies.values())
    st.info(sentences)
    st.caption(
        text.markdown(
            f"{drill.provider} ({', '.join(drill.deployments)}) {drill.manner.words()} for {drill.minutes:g} min from "
            f"{drill.place} · means of {drill.n_replications} replication{'s' if drill.n_replications != 1 else ''} · in "
            f"brackets the same requests and luck without the outage · {text.count(drill.simulated_requests)} requests "
            f"simulated · seed {scenario.run.seed} · scenario {scenario.hash[:12]} · computed in {drill.seconds:.1f} s"
        )
    )
    for notice in drill.notices:
        st.warning(text.markdown(notice))
    for one in drill.strategies.values():
        _show_strategy(one)
    rows = replay.backlogs(drill)
    if not rows.empty:
        st.header("Backlog over time", anchor=False)
        chart = backlog_chart(rows, drill.minutes, list(scenario.strategies), drill.provider)
        st.altair_chart(chart, width="stretch", key="chart-backlog")
    if asked.beside != asking.NONE:
        _show_beside(scenario, asked, drill)
    _show_findings(scenario)
    _show_quota(scenario, asked)
    _show_limits(scenario)


def _show_strategy(one: Any) -> None:
    st.header(text.markdown(one.name), anchor=False)
    if not one.is_touched:
        st.markdown("It has no deployment of the provider: the outage does not touch it.")
        return
    left, right = st.columns([8, 5], gap="large")
    with left:
        st.html(replay.phases(one))
        if one.money.invoiced_usd is None or one.money.economic_usd is None:
            st.warning(text.markdown(f"Money is not known: {one.money.unknown}"))
        else:
            st.html(replay.money(one))
            gap = replay.gap(one)
            if gap == 0:
                st.markdown(":green-badge[✓ the parts add up to the change exactly]")
            else:
                st.markdown(f":red-badge[✗ the parts miss the change by {text.markdown(replay.signed(gap))}]")
            if not one.money.prices_downtime:
                st.caption("Downtime is not priced (finance.downtime\\_usd\\_per\\_hour).")
            st.caption(text.markdown(f"Cold caches: {one.money.cold_caches_reason}."))
    with right:
        st.html(replay.effects(one))


def _show_beside(scenario: Scenario, asked: Asked, drill: Drill) -> None:
    """Another policy beside it; one that does not fit the scenario says so, and the rest of the page stands."""
    name = BESIDE_WORDS.get(asked.beside, asked.beside)
    st.header(f"Beside it: {name}", anchor=False)
    try:
        changed = asking.beside(scenario, asked.beside)
        other = drilling.drill_of(changed, asked, st.empty(), "Replaying it under the other policy")
    except ScenarioError as error:
        problems.show(error.problems, "the scenario under this policy", "it was not run")
        return
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if other is None:
        return
    st.caption(text.markdown(asking.beside_words(scenario, asked.beside)))
    heads = ["With the outage", "as it is", name, "difference"]
    rows = replay.differences(drill, other)
    if rows:
        st.html(replay.table(heads, rows, f"The drill as it is and under {name}"))
    else:
        st.markdown("The outage touches no strategy.")
    if (drill.n_replications, drill.to_s) != (other.n_replications, other.to_s):
        st.caption(
            f"It counts until {drill.to_s / 60:,.0f} min after the outage began over {drill.n_replications} replications, "
            f"the other one until {other.to_s / 60:,.0f} min over {other.n_replications}."
        )
    for notice in other.notices:
        if notice not in drill.notices:
            st.caption(text.markdown(f"{name}: {notice}"))


def _show_findings(scenario: Scenario) -> None:
    st.header("Static findings", anchor=False)
    found = {
        name: (worst_case(scenario, name).text, dearest(scenario, name).text) for name in scenario.strategies
    }
    st.html(replay.findings(found))
    if scenario.notices:
        with st.expander(f"Notices of the check ({len(scenario.notices)})"):
            st.markdown("\n".join(f"- {text.markdown(str(notice))}" for notice in scenario.notices))


def _wanted(name: str, label: str, key: tuple[Any, ...]) -> bool:
    """A button for work that takes longer; whether it was asked for. While it runs the button cannot be pressed."""
    memory = st.session_state
    is_wanted: bool = memory.get(OWN + name) == key

    def want() -> None:
        _moved()
        memory[OWN + name] = key

    st.button(label, key=f"{OWN}button:{name}", disabled=is_wanted, on_click=want)
    return is_wanted


def _show_quota(scenario: Scenario, asked: Asked) -> None:
    st.header("The fallback quota that would have lost nothing", anchor=False)
    st.caption(
        "Tries other limits at the fallbacks, on the same requests and luck. Takes longer than the replay."
    )
    key = (scenario.hash, replace(asked, values={}, beside=asking.NONE))
    if not _wanted("quota", "Search the fallback quota", key):
        return
    try:
        found = drilling.drill_of(scenario, asked, st.empty(), "Searching the quota", quota=True)
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if found is None:
        return
    for one in found.strategies.values():
        if one.quota is None:
            continue
        lines = [f"**{text.markdown(one.name)}:** {text.markdown(one.quota.text)}"]
        lines += [f"- {text.markdown(quota.text)}" for quota in one.quota.quotas]
        st.markdown("\n".join([lines[0], "", *lines[1:]]))


def _show_limits(scenario: Scenario) -> None:
    st.header("Why 429", anchor=False)
    st.caption(
        "How rate limits hold requests back over the whole plan, not only in this outage, by kind and charge."
    )
    if not _wanted("limits", "Try every kind of limit", (scenario.hash,)):
        return
    try:
        found = drilling.limits_of(scenario, st.empty())
    except PlannerError as error:
        st.error(text.markdown(str(error)))
        return
    if found is None:
        return
    for notice in found.notices:
        st.markdown(text.markdown(notice))
    for row in found.rows:
        with st.expander(text.markdown(f"{row.strategy}: {row.deployment}")):
            st.markdown(text.markdown(row.why))
            for more in (row.kept, row.too_large):
                if more:
                    st.markdown(text.markdown(more))
            heads, cells, reasons = replay.limit_cells(row)
            st.html(replay.table(heads, cells, f"Limits of {row.deployment} under {row.strategy}"))
            st.caption(
                r"Share of its requests that meet a limit, in brackets the share lost to one; \* as it is now."
            )
            for number, reason in enumerate(reasons, 1):
                st.caption(text.markdown(f"[{number}] {reason}"))
            advice = replay.advice(row, found.target)
            st.markdown("\n".join(f"- {text.markdown(one)}" for one in advice))


page()
