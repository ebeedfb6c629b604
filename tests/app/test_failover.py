"""The page "Failover" without a browser: what it shows, what pickers, links and dropped files do, how mistakes look."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

import planner
from app import asked, dropped, navigation, replay, state, text
from planner.charts import backlog_chart
from planner.experiments.limits import why_429
from planner.scenario import load, loads
from tests.app.library import OUTAGE, write_library

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
PAGE = "screens/failover.py"
SECRET = "sk-very-secret-0123456789"
CONFIGURATION = f"""
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.6, api_key: {SECRET}, rpm: 500}}
  - model_name: chat
    litellm_params: {{model: azure/gpt-5.6, api_key: {SECRET}, mystery: 5}}
router_settings: {{num_retries: 2}}
"""
UNPRICED = f"""
model_list:
  - model_name: chat
    litellm_params: {{model: openai/nobody-knows-this, api_key: {SECRET}}}
"""
Start = Callable[..., AppTest]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The page on the small library, opened at an address."""
    folder = write_library(tmp_path)
    (folder / "outage.yaml").write_text(OUTAGE, encoding="utf-8")
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(folder))

    def run(**params: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        app.query_params["scenario"] = "recording"  # the first page is not what is tested: a quick one
        app.run()
        app.switch_page(PAGE)
        app.query_params.clear()
        for name, value in ({"scenario": "outage"} | params).items():
            app.query_params[name] = value
        return app.run()

    return run


def drill(**given: object) -> planner.Drill:
    """What the page shows, through the Python API."""
    wanted: dict[str, object] = {"provider": "openai", "replications": asked.REPLICATIONS, "quota": False}
    return planner.drill(loads(OUTAGE), **(wanted | given))  # type: ignore[arg-type]


def html(app: AppTest) -> str:
    """All tables."""
    return "\n".join(one.proto.body for one in app.get("html"))


def words(app: AppTest) -> str:
    kinds = (
        app.markdown,
        app.caption,
        app.success,
        app.warning,
        app.error,
        app.title,
        app.header,
        app.subheader,
        app.info,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def picker(app: AppTest, kind: str, name: str) -> object:
    return getattr(app, kind)(key=f"drill-in:{name}")


def shows(app: AppTest, found: planner.Drill) -> bool:
    """Every sentence and table of a drill is on the page."""
    assert not app.exception
    assert app.info[0].value == "\n\n".join(text.markdown(one.sentence) for one in found.strategies.values())
    tables = html(app)
    for one in found.strategies.values():
        if one.is_touched:
            for made in (replay.phases(one), replay.effects(one), replay.money(one)):
                assert made in tables
    return True


def test_the_first_screen_is_a_finished_drill_with_the_figures_of_the_python_api(start: Start) -> None:
    app = start()
    assert shows(app, drill())
    assert app.query_params == {"v": "1", "scenario": "outage", "provider": "openai"}
    assert "the parts add up to the change exactly" in words(app)


def test_what_is_shown_before_during_and_after_is_what_the_drill_holds() -> None:
    one = drill().strategies["both"]
    rows = dict(replay.phase_rows(one))
    during = one.phases[1]
    assert rows["arriving"][1] == replay.amount(during.requests.value)
    served = during.served["first"]
    assert (
        rows["served by first"][1]
        == f"{replay.amount(served.with_outage.value)} ({replay.amount(served.without.value)})"
    )
    assert sum(part.usd.value for part in one.money.parts if part.view == "invoiced") == (
        one.money.invoiced_usd.value if one.money.invoiced_usd else None
    )
    assert replay.gap(one) == 0


def test_parts_that_do_not_add_up_are_found() -> None:
    from dataclasses import replace

    one = drill().strategies["both"]
    parts = (
        *one.money.parts,
        replace(one.money.parts[0], usd=replace(one.money.parts[0].usd, value=Decimal("0.1"))),
    )
    assert abs(replay.gap(replace(one, money=replace(one.money, parts=parts)))) == Decimal("0.1")


@pytest.mark.parametrize(
    ("kind", "name", "value", "given", "param"),
    [
        ("selectbox", "provider", "azure", {"provider": "azure"}, ("provider", "azure")),
        ("number_input", "minutes", 10, {"minutes": 10.0}, ("minutes", "10")),
        ("selectbox", "mode", "hang", {"mode": "hang"}, ("mode", "hang")),
        ("number_input", "replications", 2, {"replications": 2}, ("replications", "2")),
        ("selectbox", "when", "weekday and hour", {"at": "mon 09:00"}, ("at", "mon 09:00")),
    ],
)
def test_a_picker_changes_the_drill_and_the_address(
    start: Start, kind: str, name: str, value: object, given: dict[str, object], param: tuple[str, str]
) -> None:
    app = start()
    picker(app, kind, name).set_value(value).run()  # type: ignore[attr-defined]
    assert shows(app, drill(**given))
    assert app.query_params[param[0]] == param[1]


def test_weekday_and_hour_are_picked(start: Start) -> None:
    app = start(at="mon 09:00")
    picker(app, "selectbox", "day").set_value("thursday").run()  # type: ignore[attr-defined]
    picker(app, "selectbox", "hour").set_value(17).run()  # type: ignore[attr-defined]
    assert app.query_params["at"] == "thu 17:00"
    assert shows(app, drill(at="thu 17:00"))


def test_the_address_reproduces_the_screen(start: Start) -> None:
    given = {"provider": "azure", "minutes": "7", "at": "tue 14:00", "mode": "hang", "beside": "litellm"}
    app = start(**given, **{"run.seed": "11"})
    assert app.query_params == {"v": "1", "scenario": "outage", "run.seed": "11", **given}
    changed = loads(OUTAGE).set({"run.seed": 11})
    same = planner.drill(
        changed,
        provider="azure",
        minutes=7,
        at="tue 14:00",
        mode="hang",
        quota=False,
        replications=asked.REPLICATIONS,
    )
    assert shows(app, same)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provider", "openia"), ("minutes", "0"), ("minutes", "241"), ("minutes", "1e3"), ("at", "someday 9:00"),
        ("at", "tue 24:00"), ("at", "2027-02-30 10:00"), ("at", "2020-01-01 10:00"), ("at", "2099-01-01 10:00"),
        ("at", "2027-03-01 14:30"), ("at", "2027-03-01 24:00"), ("at", "2027-03-01"),
        ("mode", "explode"), ("share", "0"), ("share", "1.01"), ("share", "30%"), ("share", "nan"), ("status", "429"),
        ("status", "5e2"), ("slowdown", "3"), ("retry-after", "20"), ("beside", "lite"), ("replications", "0"), ("nonsense", "1"),
        ("run.seed", "-1"), ("v", "9"),
    ],
)  # fmt: skip
def test_a_bad_value_in_the_address_is_ignored_and_noted(start: Start, name: str, value: str) -> None:
    app = start(**{name: value})
    assert not app.exception
    assert [one for one in app.warning if name in one.value or "version" in one.value] != []
    assert shows(app, drill())
    assert app.query_params == {"v": "1", "scenario": "outage", "provider": "openai"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"at": "2020-01-01T10:00"}, "so that the plan holds what is before and after"),
        ({"at": "2027-03-01 14:30"}, "a date and full hour such as '2027-03-01 14:00'"),
        ({"share": "0"}, "got '0'; allowed: 0.001 to 1 (share of the calls)"),
        ({"status": "429"}, "got '429'; allowed: whole number 500 to 599"),
        ({"mode": "degraded", "slowdown": "0.5"}, "got '0.5'; allowed: number >= 1 (factor)"),
        ({"mode": "hang", "retry-after": "20"}, "got '20' with mode hang; allowed: with mode limited"),
    ],
)
def test_a_notice_says_what_is_allowed(start: Start, given: dict[str, str], said: str) -> None:
    assert text.markdown(said) in words(start(**given))


@pytest.mark.parametrize("written", ["2027-03-02 14:00", "2027-03-02T14:00", "2027-03-02 14"])
def test_a_date_in_the_address_is_drilled_as_on_the_command_line(start: Start, written: str) -> None:
    app = start(at=written)
    assert shows(app, drill(at="2027-03-02T14:00"))
    assert app.query_params["at"] == "2027-03-02 14:00"
    assert text.markdown("from Tuesday 2027-03-02 14:00 UTC") in words(app)
    assert str(picker(app, "date_input", "date").value) == "2027-03-02"  # type: ignore[attr-defined]


def test_a_date_and_an_hour_are_picked(start: Start) -> None:
    app = start()
    picker(app, "selectbox", "when").set_value("date and hour").run()  # type: ignore[attr-defined]
    first = planner.load(state.library()["outage"]).start + datetime.timedelta(days=1)
    assert app.query_params["at"] == f"{first} 09:00"
    picker(app, "date_input", "date").set_value(datetime.date(2027, 3, 2)).run()  # type: ignore[attr-defined]
    picker(app, "selectbox", "hour").set_value(17).run()  # type: ignore[attr-defined]
    assert app.query_params["at"] == "2027-03-02 17:00"
    assert shows(app, drill(at="2027-03-02 17:00"))


def test_a_date_that_leaves_no_room_is_a_problem_of_the_drill(start: Start) -> None:
    """The last day of the plan can be picked; an outage of an hour at 23:00 has no hour after it."""
    app = start(at="2027-03-02 23:00", minutes="60")
    last = asked.days(planner.load(state.library()["outage"]))[1]
    picker(app, "date_input", "date").set_value(last).run()  # type: ignore[attr-defined]
    assert not app.exception
    assert "so that the plan holds what is before and after" in words(app)


@pytest.mark.parametrize(
    ("mode", "figures", "address"),
    [
        ("error", {"share": 0.3, "status": 529}, {"share": "0.3", "status": "529"}),
        ("hang", {"share": 0.125}, {"mode": "hang", "share": "0.125"}),
        ("degraded", {"slowdown": 6.5}, {"mode": "degraded", "slowdown": "6.5"}),
        ("limited", {"share": 0.4, "retry_after_s": 20.0}, {"mode": "limited", "share": "0.4", "retry-after": "20"}),
    ],
)  # fmt: skip
def test_how_a_provider_is_out_is_picked_and_stands_in_the_address(
    start: Start, mode: str, figures: dict[str, object], address: dict[str, str]
) -> None:
    same = drill(mode=mode, **figures)
    app = start(**address)
    assert shows(app, same)
    plain = {"v": "1", "scenario": "outage", "provider": "openai"}
    assert app.query_params == plain | address
    app = start()
    if mode != "error":
        picker(app, "selectbox", "mode").set_value(mode).run()  # type: ignore[attr-defined]
    for name, value in figures.items():
        shown = 100 * value if name == "share" else value  # type: ignore[operator]
        picker(app, "number_input", name).set_value(shown).run()  # type: ignore[attr-defined]
    assert shows(app, same)
    assert app.query_params == plain | address


def test_another_mode_forgets_what_it_does_not_read(start: Start) -> None:
    app = start(mode="limited", **{"retry-after": "20"}, share="0.5")
    picker(app, "selectbox", "mode").set_value("hang").run()  # type: ignore[attr-defined]
    assert "retry-after" not in app.query_params
    assert shows(app, drill(mode="hang", share=0.5))


def test_refusals_of_the_outage_itself_have_a_row_of_their_own(start: Start) -> None:
    found = drill(mode="limited")
    one = found.strategies["alone"]
    assert one.n_refused > 0
    rows = dict(replay.phase_rows(one))
    assert rows["of these by the outage's 429"][1] == replay.amount(one.phases[1].refused.value)
    assert "of these by the outage's 429" in html(start(mode="limited")).replace("&#x27;", "'")


def test_a_notice_goes_away_when_a_picker_moves(start: Start) -> None:
    app = start(minutes="999")
    assert "minutes was ignored" in words(app)
    picker(app, "number_input", "minutes").set_value(5).run()  # type: ignore[attr-defined]
    assert "ignored" not in words(app)


def test_another_policy_is_put_beside_on_the_same_luck(start: Start) -> None:
    app = start()
    picker(app, "selectbox", "beside").set_value("openrouter").run()  # type: ignore[attr-defined]
    other = planner.drill(
        loads(OUTAGE).set({"policy": {"preset": "openrouter"}}),
        provider="openai", quota=False, replications=asked.REPLICATIONS,
    )  # fmt: skip
    here = drill()
    rows = replay.differences(here, other)
    assert replay.table(["With the outage", "as it is", "openrouter", "difference"], rows,
                        "The drill as it is and under openrouter") in html(app)  # fmt: skip
    lost = next(row for row in rows if row[0] == "both: requests lost")
    a, b = (one.strategies["both"].lost.with_outage.value for one in (here, other))
    assert lost[1:3] == [replay.amount(a), replay.amount(b)]
    assert app.query_params["beside"] == "openrouter"


def test_no_retries_takes_them_away_everywhere() -> None:
    scenario = loads(OUTAGE).set({"deployments.first.policy.retries": 3})
    bare = asked.beside(scenario, asked.NO_RETRIES)
    for name in bare.strategies:
        assert not bare.strategy_policy(name).layers
        for one in bare.deployments_of(name):
            assert bare.policy_for(name, one).most_retries == 0


def test_quota_and_limits_are_searched_only_when_asked_for(start: Start) -> None:
    app = start()
    assert "simulated." not in words(app)
    app.button(key="drill:button:quota").click().run()
    assert not app.exception
    full = drill(quota=True)
    for one in full.strategies.values():
        assert one.quota is not None
        assert text.markdown(one.quota.text) in words(app)
    assert app.button(key="drill:button:quota").disabled
    app.button(key="drill:button:limits").click().run()
    report = why_429(loads(OUTAGE))
    assert report.rows
    for row in report.rows:
        heads, cells, _ = replay.limit_cells(row)
        assert replay.table(heads, cells, f"Limits of {row.deployment} under {row.strategy}") in html(app)
        assert text.markdown(row.why) in words(app)
    picker(app, "number_input", "minutes").set_value(11).run()  # type: ignore[attr-defined]
    assert not app.button(key="drill:button:quota").disabled  # another drill
    assert app.button(key="drill:button:limits").disabled  # of the same scenario


def test_a_scenario_without_a_provider_says_so(start: Start) -> None:
    app = start(scenario="support-chatbot")
    assert not app.exception
    assert "none can be out" in words(app)


def test_problems_of_a_scenario_are_listed(start: Start) -> None:
    app = start(scenario="broken")
    assert not app.exception
    assert "problems in the scenario; nothing was run" in words(app)


def test_a_drill_that_cannot_be_done_is_a_message_and_is_not_remembered(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: object, **named: object) -> None:
        raise planner.LoadExceedsCapacity("too much in flight")

    with monkeypatch.context() as patch:
        patch.setattr(planner, "drill", fails)
        app = start(minutes="13")
        assert not app.exception
        assert "too much in flight" in words(app)
    assert shows(app.run(), drill(minutes=13.0))


def test_another_scenario_is_picked(start: Start) -> None:
    app = start(minutes="10")
    picker(app, "selectbox", "scenario").set_value("support-chatbot").run()  # type: ignore[attr-defined]
    assert "none can be out" in words(app)
    assert app.query_params["scenario"] == "support-chatbot"
    assert app.query_params["minutes"] == "10"


# -- dropped configurations ------------------------------------------------------------------------


def drop(app: AppTest, content: str | bytes, name: str = "config.yaml") -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    app.file_uploader[0].set_value((name, raw, "application/yaml"))
    return app.run()


def nowhere(app: AppTest, secret: str) -> bool:
    labels = repr([one.label for one in (*app.expander, *app.number_input, *app.button)])
    assert secret not in words(app) + html(app) + repr(app.query_params) + labels
    assert secret not in repr(app.session_state["drill:dropped"])
    assert (
        "drill:uploads:0" not in app.session_state
    )  # the uploader that held the file is gone, and the file with it
    return True


def test_a_dropped_configuration_stands_in_place_of_the_scenario(start: Start) -> None:
    app = drop(start(), CONFIGURATION)
    assert not app.exception
    found = dropped.read(CONFIGURATION.encode(), "config.yaml")
    same = planner.drill(loads(found.text), provider="openai", quota=False, replications=asked.REPLICATIONS)
    assert shows(app, same)
    assert "stands in place of the picked scenario" in words(app)
    assert any("could not be said" in one.label for one in app.expander)
    assert "mystery" in words(app)
    assert nowhere(app, SECRET)
    assert app.query_params == {"v": "1", "scenario": "outage"}
    next(one for one in app.button if "Back" in one.label).click().run()
    assert shows(app, drill())


def test_the_server_lets_go_of_a_dropped_file(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = []
    real = MemoryUploadedFileManager.remove_file

    def remove(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        held = self.get_files(session_id, [file_id])
        real(self, session_id, file_id)
        let_go.append((len(held), len(self.get_files(session_id, [file_id]))))

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", remove)
    drop(start(), CONFIGURATION)
    assert let_go == [(1, 0)]


def test_prices_that_are_missing_are_asked_for(start: Start) -> None:
    app = drop(start(), UNPRICED)
    assert not app.exception
    assert "not known. Give all of them" in words(app)
    assert not app.info
    found = dropped.read(UNPRICED.encode(), "config.yaml")
    for path in found.unpriced:
        app.number_input(key=f"drill-price:{path}").set_value(2.0)
    app.run()
    priced = found.scenario(dict.fromkeys(found.unpriced, 2.0))
    same = planner.drill(priced, provider="openai", quota=False, replications=asked.REPLICATIONS)
    assert shows(app, same)
    assert nowhere(app, SECRET)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (f"model_list:\n  - model_name: a\n    litellm_params: {{api_key: {SECRET}}}\n", "line"),
        (f"api_key: {SECRET}\n  - x: [", "problem"),
        ("", "problem"),
        (b"#" * (dropped.MOST_BYTES + 1), "at most 1,000,000"),
    ],
    ids=["binary", "no model", "no yaml", "empty", "large"],
)
def test_a_bad_configuration_gives_its_problems_and_keeps_its_secrets(
    start: Start, content: str | bytes, said: str
) -> None:
    app = drop(start(), content)
    assert not app.exception
    assert app.error
    assert said in words(app)
    assert not app.info
    assert nowhere(app, SECRET)


def test_variables_of_this_machine_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_MODEL", "openai/gpt-5.6")
    found = dropped.read(
        CONFIGURATION.replace("openai/gpt-5.6", "os.environ/OUR_MODEL").encode(), "config.yaml"
    )
    assert found.problems


# -- around the page -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "there", "leads"),
    [
        ({}, {}, {}),
        ({"v": "1", "scenario": "a"}, {}, {"v": "1", "scenario": "a"}),
        (
            {"v": "1", "scenario": "a", "run.seed": "2"},
            {"v": "1", "scenario": "a", "provider": "x", "run.seed": "9"},
            {"v": "1", "scenario": "a", "run.seed": "2", "provider": "x"},
        ),
        (
            {"v": "1", "scenario": "a", "provider": "x", "at": "peak"},
            {"v": "1", "scenario": "b"},
            {"v": "1", "scenario": "a"},
        ),
    ],
)
def test_a_link_carries_the_scenario_and_what_the_other_page_asks_for(
    here: dict[str, str], there: dict[str, str], leads: dict[str, str]
) -> None:
    assert navigation.onward(here, there) == leads


def test_both_pages_are_as_they_were_when_one_comes_back(start: Start) -> None:
    app = start(minutes="9", mode="hang")
    written = dict(app.query_params)
    app.switch_page("screens/compare.py")
    app.query_params.clear()
    app.query_params.update({"v": "1", "scenario": "recording"})
    app.run()
    assert not app.exception
    assert app.title[0].value == "Recording"
    assert app.selectbox[0].value == "recording"
    app.switch_page(PAGE)
    app.query_params.clear()
    app.query_params.update(written)
    app.run()
    assert shows(app, drill(minutes=9.0, mode="hang"))
    assert picker(app, "number_input", "minutes").value == 9  # type: ignore[attr-defined]
    assert picker(app, "selectbox", "scenario").value == "outage"  # type: ignore[attr-defined]


def test_no_folder_is_taken_for_pages_without_the_frame() -> None:
    assert not (MAIN.parent / "pages").exists()


def test_links_to_all_pages_are_on_all(start: Start) -> None:
    there = [one.proto for one in start().get("page_link")]
    assert [link.disabled for link in there] == [False, False, False, False, True]
    assert all("scenario=outage" in link.query_string for link in there[:4])
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["scenario"] = "recording"
    app.run()
    links = [one.proto for one in app.get("page_link")]
    assert [link.label for link in links] == [
        "Compare strategies",
        "Scenario",
        "TCO",
        "Sensitivity",
        "Failover",
    ]
    assert [link.disabled for link in links] == [True, False, False, False, False]
    assert all("scenario=recording" in link.query_string for link in links[1:])


def test_the_chart_holds_few_rows_shades_the_outage_and_has_a_description() -> None:
    found = drill()
    chart = backlog_chart(replay.backlogs(found), found.minutes, list(found.strategies), found.provider)
    spec = chart.to_dict()
    assert sum(len(rows) for rows in spec["datasets"].values()) <= 2000
    assert "openai" in spec["description"]
    assert spec["layer"][0]["mark"]["type"] == "rect"


def test_a_policy_that_does_not_fit_is_a_message_and_the_drill_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """OpenRouter chooses among equals by price, which says nothing of one that costs nothing."""
    free = OUTAGE.replace(
        "input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6", "input_usd_per_mtok: 0, output_usd_per_mtok: 0"
    )
    equals = free.replace("both: {omni: [first, second]}", "both: {omni: [[first, second]]}")
    assert free != OUTAGE
    assert equals != free
    (tmp_path / "free.yaml").write_text(equals, encoding="utf-8")
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(tmp_path))
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["scenario"] = "free"
    app.run()
    app.switch_page(PAGE)
    app.query_params["beside"] = "openrouter"
    app.run()
    assert not app.exception
    assert "it was not run" in words(app)
    assert len(app.info) == 1


@pytest.mark.parametrize("name", state.library())
def test_every_scenario_of_the_library_is_taken(name: str) -> None:
    scenario = load(state.library()[name])
    assert asked.providers(scenario)
    bare = asked.beside(scenario, asked.NO_RETRIES)
    for strategy in bare.strategies:
        assert all(bare.policy_for(strategy, one).most_retries == 0 for one in bare.deployments_of(strategy))
