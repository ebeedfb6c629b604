"""The page without a browser: what it shows first, what inputs do, and how mistakes look."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import cards, details, state, text
from planner.api import Comparison
from planner.finance import Ledger
from planner.scenario import loads
from tests.app.library import SMALL, write_library

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
Start = Callable[..., AppTest]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The app on the small library, opened at an address."""
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path)))

    def run(**params: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The comparison of the small scenario through the Python API."""
    folder = write_library(tmp_path_factory.mktemp("library"))
    return planner.compare(planner.load(folder / "support-chatbot.yaml"))


def totals(app: AppTest) -> list[str]:
    return [metric.value for metric in app.metric]


def expected_totals(comparison: Comparison) -> list[str]:
    money = comparison.money.set_index(["strategy", "measure"])["value"]
    return [text.amount(money[name, "economic_tco_total_usd"]) for name in comparison.scenario.strategies]


def texts(app: AppTest) -> str:
    """Everything written in Markdown."""
    kinds = (
        app.markdown,
        app.caption,
        app.success,
        app.warning,
        app.error,
        app.title,
        app.header,
    )
    return "\n".join(element.value for kind in kinds for element in kind)


def test_the_first_screen_is_a_finished_comparison(start: Start, small: Comparison) -> None:
    app = start()
    assert not app.exception
    assert app.title[0].value == "Small chat"
    assert len(app.metric) == 3
    assert text.markdown(small.answer) in texts(app)
    assert totals(app) == expected_totals(small)


def test_figures_are_those_of_the_python_api(start: Start, small: Comparison) -> None:
    app = start(**{"traffic.growth_per_month": "0.07", "run.seed": "11"})
    changed = planner.compare(small.scenario.set({"traffic.growth_per_month": 0.07, "run.seed": 11}))
    assert totals(app) == expected_totals(changed)
    assert totals(app) != expected_totals(small)


def test_changing_the_volume_changes_the_totals_and_the_address(start: Start) -> None:
    app = start()
    before = totals(app)
    app.number_input(key="in:traffic.requests_per_month").set_value(2_000_000).run()
    assert not app.exception
    assert all(after != one for after, one in zip(totals(app), before, strict=True))
    assert app.query_params["traffic.requests_per_month"] == "2000000"


def test_the_address_reproduces_the_screen(start: Start) -> None:
    app = start()
    app.slider[0].set_value(0.05).run()
    app.slider[1].set_value(0.6).run()
    app.slider[2].set_value(240).run()
    again = start(**app.query_params)
    assert again.query_params == app.query_params
    assert totals(again) == totals(app)
    assert [again.slider[k].value for k in range(3)] == [0.05, 0.6, 240]


def test_a_quick_second_move_that_still_carries_the_old_link_is_kept(start: Start) -> None:
    app = start()
    old = dict(app.query_params)
    app.slider[0].set_value(0.05).run()
    app.query_params.clear()
    app.query_params.update(old)
    app.slider[0].set_value(0.06).run()
    assert app.slider[0].value == 0.06
    assert app.query_params["traffic.growth_per_month"] == "0.06"


def test_the_latency_chart_says_whose_times_it_shows_where_a_task_is_in_no_hurry(
    start: Start, tmp_path: Path
) -> None:
    assert "nobody waits for the other tasks" not in texts(start())
    unhurried = SMALL.replace("hard: {share: 0.3,", "hard: {share: 0.3, urgency: batch,")
    assert unhurried != SMALL
    (tmp_path / "support-chatbot.yaml").write_text(unhurried, encoding="utf-8")
    app = start()
    assert not app.exception
    assert "Of faq: nobody waits for the other tasks." in texts(app)


def test_a_link_edited_in_the_address_bar_wins_over_the_widgets(start: Start) -> None:
    app = start(**{"traffic.growth_per_month": "0.05"})
    app.query_params["traffic.growth_per_month"] = "0.08"
    app.run()
    assert app.slider[0].value == 0.08


def test_an_outage_of_the_primary_costs_availability(start: Start, small: Comparison) -> None:
    app = start(**{state.OUTAGE: "480"})
    assert not app.exception
    outage = {"deployments.omni.outages": {"mtbf_h": 730.5, "duration_h": 8.0}}
    changed = planner.compare(small.scenario.set(outage))
    assert totals(app) == expected_totals(changed)

    def availability(comparison: Comparison) -> float:
        rows = comparison.summary
        chosen = (
            (rows["strategy"] == "omni-only") & (rows["task"] == "") & (rows["measure"] == "availability")
        )
        return float(rows.loc[chosen, "value"].iloc[0])

    assert availability(changed) < availability(small)


def test_a_bad_value_in_the_address_is_ignored_and_noted(start: Start, small: Comparison) -> None:
    app = start(**{"traffic.growth_per_month": "7"})
    assert not app.exception
    assert any("growth" in one.value and "ignored" in one.value for one in app.warning)
    assert totals(app) == expected_totals(small)
    assert "traffic.growth_per_month" not in app.query_params


def test_a_notice_goes_away_when_an_input_moves(start: Start) -> None:
    app = start(**{"traffic.growth_per_month": "7"})
    app.slider[0].set_value(0.03).run()
    assert [one for one in app.warning if "ignored" in one.value] == []


def test_what_was_changed_is_listed_and_can_be_reset(start: Start, small: Comparison) -> None:
    app = start(**{"traffic.growth_per_month": "0.07", "policy.retries": "0"})
    labels = [button.label for button in app.button]
    assert r"↺ traffic.growth\_per\_month\: 0.07 (file\: 0.02)" in labels
    assert r"↺ policy.retries\: 0 (file\: 2)" in labels
    assert app.slider[0].label == "● Growth per month"
    next(button for button in app.button if button.label == "Reset all").click().run()
    assert totals(app) == expected_totals(small)
    assert app.query_params == {"v": "1", "scenario": "support-chatbot"}


def test_each_change_has_a_way_back_of_its_own_and_can_be_undone(start: Start, small: Comparison) -> None:
    app = start(**{"traffic.growth_per_month": "0.07", "run.seed": "11"})
    app.button(key="back:traffic.growth_per_month").click().run()
    assert app.query_params == {"v": "1", "scenario": "support-chatbot", "run.seed": "11"}
    assert app.slider[0].value == 0.02
    app.button(key="undo").click().run()
    assert app.slider[0].value == 0.07
    app.button(key="reset all").click().run()
    assert totals(app) == expected_totals(small)
    app.button(key="undo").click().run()
    assert app.query_params["traffic.growth_per_month"] == "0.07"
    changed = planner.compare(small.scenario.set({"traffic.growth_per_month": 0.07, "run.seed": 11}))
    assert totals(app) == expected_totals(changed)


def test_a_value_beyond_the_slider_but_inside_the_bounds_widens_it(start: Start) -> None:
    app = start(**{"traffic.growth_per_month": "0.5"})
    assert not app.exception
    assert app.slider[0].value == 0.5
    assert app.slider[0].max == 0.5


def test_a_bad_scenario_shows_its_problems_with_fields_and_no_figures(start: Start) -> None:
    app = start(scenario="broken")
    assert not app.exception
    assert "3 problems" in app.error[0].value
    for field in ("requests\\_per\\_mont", "tasks.a.sensitive", "deployments.x.model"):
        assert field in texts(app)
    assert "did you mean gpt-4o-mini" in texts(app)
    assert len(app.metric) == 0
    app.selectbox[0].set_value("support-chatbot").run()
    assert len(app.metric) == 3


def test_a_run_that_cannot_be_done_shows_a_message_and_is_tried_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fails(*given: object, **named: object) -> Comparison:
        calls.append(given)
        raise planner.LoadExceedsCapacity("load exceeds capacity: 9 requests in flight at 3.0 s")

    monkeypatch.setattr(planner, "compare", fails)
    app = start(**{"run.seed": "77"})
    assert not app.exception
    assert "load exceeds capacity" in app.error[0].value
    app.run()
    assert len(calls) == 2  # a failure is not remembered


def test_a_result_is_computed_once_for_a_scenario(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    compare = planner.compare

    def counted(*given: object, **named: object) -> Comparison:
        calls.append(given)
        return compare(*given, **named)

    monkeypatch.setattr(planner, "compare", counted)
    app = start(**{"run.seed": "78"})
    app.slider[0].set_value(0.1).run()
    app.slider[0].set_value(0.02).run()
    assert not app.exception
    assert len(calls) == 2


def test_a_recording_needs_no_volume(start: Start) -> None:
    app = start(scenario="recording")
    assert not app.exception
    assert app.number_input(key="in:traffic.requests_per_month").value is None
    assert len(app.metric) == 1


def test_an_empty_library_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(tmp_path))
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    assert not app.exception
    assert "Add a YAML file" in app.error[0].value


def test_every_file_can_be_taken_away(start: Start, small: Comparison) -> None:
    app = start()
    for tab, charts in (
        ("Cost over time", ["cumulative"]),
        ("Cost against latency and quality", ["tradeoff-0", "tradeoff-1"]),
        ("Over the week", ["week"]),
        ("Where requests go", ["flow"]),
    ):
        app.session_state["more charts"] = tab
        shown = ("latency", "tco", *charts)
        for name in shown:
            app.session_state[f"save-{name}"] = True  # the menus are opened
        app.run()
        assert not app.exception
        labels = [button.proto.label for button in app.get("download_button")]
        assert {"Everything (JSON)", "Ledger (CSV)", "Measures (CSV)", "Decision memo (HTML)"} <= set(labels)
        assert [labels.count(kind) for kind in ("PNG", "SVG", "CSV of the data")] == [len(shown)] * 3
    lines = details.exact_csv(small.ledger).decode().splitlines()
    assert len(lines) == len(small.ledger) + 1
    amounts = [
        Decimal(line.split(",")[lines[0].split(",").index("amount_usd")])
        for line in lines[1:]
        if '"' not in line
    ]
    assert amounts
    assert "E" not in lines[1]


# -- cards and tables ----------------------------------------------------------------------------


def test_cards_say_verdict_difference_and_interval(small: Comparison) -> None:
    found = {card.strategy: card for card in cards.cards(small)}
    money = small.money.set_index(["strategy", "measure"])["value"]
    gap = money["hybrid", "economic_tco_total_usd"] - money["omni-only", "economic_tco_total_usd"]
    share = 100 * gap / money["omni-only", "economic_tco_total_usd"]
    assert found["hybrid"].difference == f"{text.signed_amount(gap)} ({share:+.1f} %)"
    assert found["omni-only"].is_baseline
    assert found["omni-only"].difference == ""
    for name, verdict in small.verdicts.items():
        assert found[name].meets == verdict.meets
        assert found[name].verdict.startswith("✓" if verdict.meets else "✗")
    assert sum(card.is_best for card in found.values()) <= 1


def test_a_difference_whose_interval_covers_zero_is_told_as_not_certain(small: Comparison) -> None:
    gaps = small.differences.set_index(["a", "b", "measure"])
    for card in cards.cards(small)[1:]:
        row = gaps.loc[("omni-only", card.strategy, "economic_tco_total_usd")]
        assert card.is_certain == (not row["low"] <= 0 <= row["high"])


def test_a_card_holds_the_target_beside_the_figure(small: Comparison) -> None:
    slo = small.slo.set_index(["strategy", "measure"])
    for card in cards.cards(small):
        line = next(line for line in card.lines if line.name == "p95 latency")
        assert line.target == "≤ 2.5 s"
        assert line.met == bool(slo.loc[(card.strategy, "p95_latency_s"), "met"])
        assert line.value == text.number(slo.loc[(card.strategy, "p95_latency_s"), "value"], "s")


def test_a_card_holds_the_target_over_all_tasks_beside_one_of_a_task() -> None:
    both = loads(SMALL).set({"tasks.hard.slo": {"p95_latency_s": 9}})
    for card in cards.cards(planner.compare(both)):
        assert "≤ 2.5 s" in [line.target for line in card.lines if line.name == "p95 latency"]


def test_only_routed_strategies_tell_their_share_sent_to_omni(small: Comparison) -> None:
    told = {
        card.strategy: any(line.name == "Sent to omni" for line in card.lines) for card in cards.cards(small)
    }
    assert told == {"omni-only": False, "mini-only": False, "hybrid": True}


def test_the_card_table_marks_by_word_and_sign_and_escapes_texts() -> None:
    html = cards.table((cards.Line(name="<b>", value="1 s", interval="0 to 2 s", target="≤ 2 s", met=False),))
    assert "&lt;b&gt;" in html
    assert "✗ missed" in html
    assert "≤ 2 s" in html


def test_the_ledger_reconciles_and_its_sums_are_the_totals(small: Comparison) -> None:
    ledgers = {name: result.ledger for name, result in small.results.items()}
    gaps = details.unreconciled(small, ledgers)
    assert set(gaps) == set(small.strategies)
    assert set(gaps.values()) == {Decimal(0)}
    sums = details.ledger_sums(small.ledger, list(small.scenario.strategies)).set_index("Account")
    assert sums.loc["Total with economic", "hybrid"] == details.usd(
        sum(small.ledger.loc[small.ledger["strategy"] == "hybrid", "amount_usd"], Decimal(0))
    )


def test_a_ledger_that_does_not_add_up_is_noticed(small: Comparison) -> None:
    ledgers = {name: result.ledger for name, result in small.results.items()}
    for name, whole in ledgers.items():
        gaps = details.unreconciled(small, ledgers | {name: Ledger(whole.rows[:-1])})
        assert [one for one, gap in gaps.items() if gap != 0] == [name]


def test_measures_are_shown_per_task_with_intervals(small: Comparison) -> None:
    tables = details.measures_by_task(small)
    assert list(tables) == ["", "faq", "hard"]
    rows = tables["hard"].set_index("Measure")
    value = small.summary.query(
        "strategy == 'hybrid' and task == 'hard' and measure == 'latency_p95_s'"
    ).iloc[0]
    assert rows.loc["latency, p95", "hybrid"].startswith(text.number(value["value"], "s"))
    assert f"({text.interval(value['low'], value['high'], 's')})" in rows.loc["latency, p95", "hybrid"]
    assert not [name for name in tables[""]["Measure"] if "_" in name]


def test_failures_have_a_row_per_cause_in_words(small: Comparison) -> None:
    retried = planner.compare(
        small.scenario.set({"policy.retries": 0, "deployments.omni.errors": {"rate": 0.3}})
    )
    failed = details.failures(retried)
    assert "the provider answered with errors" in set(failed["Cause (share of requests)"])
    assert (
        failed.set_index("Cause (share of requests)").loc["the provider answered with errors", "mini-only"]
        == "0.0 %"
    )


def test_wasted_money_has_a_row_per_cause_and_its_sum(small: Comparison) -> None:
    cut = planner.compare(small.scenario.set({"policy.timeout_s": 2, "policy.bill_timeouts": "full"}))
    table = details.wasted(cut).set_index("Wasted, of the invoiced cost")
    assert list(table.index) == ["calls that were cut", "all wasted"]
    spent = cut.results["omni-only"].ledger.by("group")["wasted"]
    assert spent > 0
    assert [cell.partition("  (")[0] for cell in table["omni-only"]] == [text.amount(spent)] * 2
    free = planner.compare(small.scenario.set({"policy.timeout_s": 2, "policy.bill_timeouts": "none"}))
    assert details.wasted(free).empty
