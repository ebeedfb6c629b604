"""The address bar: what stands in it, what it means, and what happens to values that cannot be used."""

from pathlib import Path

import pytest

from app import inputs, state
from app.state import OUTAGE, Address
from planner.errors import ScenarioError
from planner.scenario import loads
from planner.scenario.fields import Scenario
from planner.workload.windows import counts
from tests.app.library import SMALL, write_library


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path)))
    return state.library()


def scenario(extra: str = "") -> Scenario:
    return loads(SMALL + extra)


def test_the_library_lists_every_file_the_default_first(files: dict[str, Path]) -> None:
    assert list(files) == ["support-chatbot", "broken", "recording"]


def test_an_address_is_read_back_as_it_was_written(files: dict[str, Path]) -> None:
    values = {
        "traffic.requests_per_month": 5_000_000,
        "traffic.growth_per_month": 0.055,
        "strategies.hybrid.router.omni_share": 0.4,
        OUTAGE: 90,
        "run.seed": 11,
        "deployments.omni.limits": {"concurrent": 4},
        "policy.when_busy": "reject",
        "policy.deadline_s": 20.5,
        "policy.timeout_s": None,
        "name": "true",
        "finance.people": [{"name": "Two words: here", "fte": 1, "usd_per_year": 100.5}],
    }
    params = Address("support-chatbot", values).params()
    found, notices = state.read(params, files)
    assert notices == ()
    assert found == Address("support-chatbot", values)
    assert found.params() == params


def test_the_same_address_gives_the_same_scenario_again(files: dict[str, Path]) -> None:
    params = {"scenario": "support-chatbot", "traffic.growth_per_month": "0.05", OUTAGE: "30"}
    hashes = {
        state.applied(state.scenario_of(files["support-chatbot"]), state.read(params, files)[0].values).hash
        for _ in range(2)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("traffic.growth_per_month", "5", "allowed"),
        ("traffic.growth_per_month", "lots", "allowed"),
        ("traffic.growth_per_mont", "0.1", "did you mean growth_per_month"),
        ("strategies.hybrid.router.omni_share", "1.2", "0 to 1"),
        ("nonsense[", "1", "PATH=VALUE"),
        ("nonsense[]", "1", "empty"),
        (OUTAGE, "-5", "0 to 43830"),
        (OUTAGE, "much", "0 to 43830"),
        ("run.seed", "1.5", "allowed"),
        ("deployments.omni.model", "nobody", "not in the catalogue"),
        ("policy.deadline_s", "0.001", "at least policy.timeout_s"),
    ],
)
def test_a_bad_value_is_dropped_with_a_notice_and_the_rest_is_kept(
    files: dict[str, Path], parameter: str, value: str, said: str
) -> None:
    params = {"v": "1", "scenario": "support-chatbot", parameter: value, "run.seed": "11"} | {
        parameter: value
    }
    found, notices = state.read(params, files)
    assert dict(found.values) == ({} if parameter == "run.seed" else {"run.seed": 11})
    assert len(notices) == 1
    assert parameter in notices[0]
    assert said in notices[0]


def test_an_unknown_scenario_gives_the_default_and_says_so(files: dict[str, Path]) -> None:
    found, notices = state.read({"scenario": "suport-chatbot"}, files)
    assert found.scenario == "support-chatbot"
    assert "did you mean support-chatbot" in notices[0]


def test_a_link_of_another_version_is_not_guessed_at(files: dict[str, Path]) -> None:
    found, notices = state.read({"v": "9", "scenario": "support-chatbot", "run.seed": "11"}, files)
    assert found == Address("support-chatbot")
    assert "version 9" in notices[0]


def test_values_that_change_nothing_leave_the_address(files: dict[str, Path]) -> None:
    params = {"scenario": "support-chatbot", "traffic.growth_per_month": "0.02", "run.seed": "3", OUTAGE: "0"}
    found, notices = state.read(params, files)
    assert found.values == {}
    assert notices == ()


def test_inputs_take_defaults_bounds_and_help_from_the_declarations() -> None:
    by_name = {one.name: one for one in inputs.inputs(scenario())}
    growth = by_name["traffic.growth_per_month"]
    assert (growth.base, growth.low, growth.high) == (0.02, -0.05, 0.2)
    assert "growth of volume" in growth.help.lower()
    share = by_name["strategies.hybrid.router.omni_share"]
    assert (share.base, share.low, share.high) == (0.25, 0, 1)
    assert by_name["traffic.requests_per_month"].base == 400_000
    seed, windows = inputs.luck_inputs(scenario())
    assert (seed.low, seed.high) == (0, 2**32 - 1)
    assert (windows.base, windows.low, windows.high) == (4, 1, 1000)


def test_a_volume_is_typed_in_steps_of_a_tenth_of_its_power_of_ten() -> None:
    volume = next(one for one in inputs.inputs(scenario()) if one.name == inputs.REQUESTS)
    assert (volume.base, volume.step, volume.low) == (400_000, 10_000, 1)


@pytest.mark.parametrize(("turns", "users"), [(1.0, 65_700), (2.0, 32_900)])
def test_a_volume_in_requests_is_given_in_users_and_back(turns: float, users: int) -> None:
    # 2,000,000 turns a month over 30.4375 days: 65,708 conversations of one turn a day, or 32,854 of two.
    here = scenario().set({"traffic.requests_per_month": 2_000_000, "traffic.sessions.turns_mean": turns})
    values = inputs.in_unit(here, here, {"run.seed": 4}, inputs.USERS)
    assert values == {"run.seed": 4, inputs.REQUESTS: None, inputs.USERS: users}
    counted = state.applied(here, values)
    assert counted.traffic.users.active_per_day == users
    back = inputs.in_unit(here, counted, values, inputs.REQUESTS)
    assert back == {"run.seed": 4, inputs.REQUESTS: 2_000_000}
    assert [inputs.inputs(here, given)[0].name for given in ({}, values, back)] == [
        inputs.REQUESTS,
        inputs.USERS,
        inputs.REQUESTS,
    ]


def test_users_are_asked_for_where_the_scenario_counts_users() -> None:
    counted = loads(SMALL.replace("requests_per_month: 400000", "users: {active_per_day: 5000}"))
    volume = inputs.inputs(counted)[0]
    assert (volume.name, volume.base) == ("traffic.users.active_per_day", 5000)
    assert state.applied(counted, {volume.name: 6000}).traffic.users.active_per_day == 6000


def test_growth_by_the_year_is_asked_for_where_the_scenario_gives_it() -> None:
    yearly = loads(SMALL.replace("growth_per_month: 0.02", "growth_per_year: 0.5"))
    growth = inputs.inputs(yearly)[1]
    assert (growth.name, growth.label, growth.base) == ("traffic.growth_per_year", "Growth per year", 0.5)
    assert (growth.low, growth.high) == (-0.5, 2)
    assert state.applied(yearly, {growth.name: 0.25}).traffic.growth_per_year == 0.25


def test_a_strategy_that_is_like_another_has_no_share_of_its_own() -> None:
    like = scenario().set(
        {"strategies.cheaper": {"like": "hybrid", "gateway": {"kind": "unified", "fee": 0.05}}}
    )
    names = [one.name for one in inputs.inputs(like) if one.kind == "share"]
    assert names == ["traffic.growth_per_month", "strategies.hybrid.router.omni_share"]
    changed = state.applied(like, {"strategies.hybrid.router.omni_share": 0.7})
    assert changed.strategy("cheaper").router.omni_share == 0.7


def test_a_share_below_strategies_without_router_is_not_asked() -> None:
    single = loads(
        SMALL.replace(
            "  hybrid: {omni: [omni], mini: [mini], router: {kind: threshold, omni_share: 0.25}}\n", ""
        )
    )
    assert [one.name for one in inputs.inputs(single) if "omni_share" in one.name] == []


def test_an_outage_hits_every_deployment_of_the_primary_provider_and_no_other() -> None:
    two = scenario().set({
        "deployments.omni.provider": "openai",
        "deployments.spare": {"model": "big", "provider": "openai", "latency": {"total_s": 1}, "limits": None, "errors": None, "outages": None},
    })  # fmt: skip
    assert state.primary_deployments(two) == ("omni", "spare")
    changed = state.applied(two, {OUTAGE: 90})
    for name in ("omni", "spare"):
        outages = changed.deployments[name].outages
        assert outages.mtbf_h == 730.5
        assert outages.duration_h.form == {"fixed": 1.5} or outages.duration_h.mean == pytest.approx(1.5)
    assert changed.deployments["mini"].outages is None


def test_the_same_values_in_the_same_scenario_are_set_once() -> None:
    one, equal = scenario(), scenario()
    first = state.applied(one, {"run.seed": 5})
    assert state.applied(one, {"run.seed": 5}) is first
    assert state.applied(equal, {"run.seed": 5}) is not first  # lines of its problems may be others
    sizes = [state.applied(one, {"slo.p95_latency_s": value}).slo.p95_latency_s for value in (2, 3, 2.0)]
    assert sizes == [2, 3, 2]


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "sizes.csv"
    base = loads(SMALL, folder=tmp_path)
    means = []
    for size in (100, 200):
        file.write_text(f"{size}\n{size}\n", encoding="utf-8")
        found = state.applied(base, {"tasks.faq.input_tokens": {"empirical": "sizes.csv"}})
        means.append(found.tasks["faq"].input_tokens.mean)
    assert means == [100, 200]


def test_values_that_do_not_go_together_are_a_scenario_error() -> None:
    with pytest.raises(ScenarioError):
        state.applied(
            scenario(),
            {"deployments.omni.limits": {"concurrent": 4}, "policy.timeout_s": 50, "policy.deadline_s": 1},
        )


def test_from_users_to_requests_and_back_the_traffic_stays() -> None:
    # Of voice-assistant a user starts 1.2 conversations a day: the way back must not count with one.
    here = state.scenario_of(state.library()["voice-assistant"])
    by_requests = inputs.in_unit(here, here, {}, inputs.REQUESTS)
    back = inputs.in_unit(here, state.applied(here, by_requests), by_requests, inputs.USERS)
    assert state.applied(here, back) == here
    # Where the address says how many a user starts, that stays, too, however it was written.
    chat = state.scenario_of(state.library()["support-chatbot"])
    users = {inputs.REQUESTS: None, inputs.ALL_USERS: {"active_per_day": 5000, "conversations_per_day": 3}}
    (volume,) = [one for one in inputs.inputs(chat, users) if one.name in (inputs.USERS, inputs.REQUESTS)]
    assert (volume.name, inputs.value_in(chat, volume, users)) == (inputs.USERS, 5000)
    now = state.applied(chat, users)
    same = state.applied(chat, inputs.in_unit(chat, now, users, inputs.USERS))
    assert counts(same) == counts(now)
    single = {
        inputs.REQUESTS: None,
        "traffic.users.active_per_day": 5000,
        "traffic.users.conversations_per_day": 3,
    }
    other = inputs.in_unit(chat, state.applied(chat, single), single, inputs.REQUESTS)
    assert counts(state.applied(chat, other)).turns_per_month == 813_000
