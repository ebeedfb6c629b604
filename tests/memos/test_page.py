"""The page of a memo: every figure is one of the comparison's, every text is escaped, nothing comes from outside."""

import dataclasses
import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest

import planner
from planner.cli.checking import load
from planner.errors import PlannerError
from planner.experiments import words
from planner.experiments.cards import cards
from planner.finance import usd
from planner.memos import LogNote, read_state
from planner.memos.making import state_of
from planner.memos.page import MOST_LOG_BYTES, memo
from planner.scenario import loads
from tests.app.library import RECORDING
from tests.memos.pages import CHANGES, HOSTILE, TEXT, comparison, page, read, state

TREE = read(page())
NAMES = ("omni-only", "mini-only", "hybrid")


def amounts(strategy: str, *views: str) -> Decimal:
    """Sum of ledger rows, added up here."""
    ledger = comparison().ledger
    mine = ledger[(ledger["strategy"] == strategy) & ledger["view"].isin(views)]
    return sum(mine["amount_usd"], Decimal(0))


def said(row: dict[str, float], most: float) -> str:
    """The verdict on a figure that may be so much at most; not certain where its interval covers that."""
    words_ = "met" if row["value"] <= most else "missed"
    if row["low"] <= most < row["high"]:
        return f"~ {words_}, not certain"
    return f"{'✓' if words_ == 'met' else '✗'} {words_}"


def measured(strategy: str, measure: str) -> dict[str, float]:
    rows = comparison().summary
    found = rows[(rows["strategy"] == strategy) & (rows["task"] == "") & (rows["measure"] == measure)]
    return dict(found.iloc[0])


# -- one page that stands alone ------------------------------------------------------------------


def test_it_is_a_whole_page_in_which_every_element_is_closed_and_every_id_is_its_own() -> None:
    assert page().startswith("<!DOCTYPE html>")
    assert page().endswith("</html>\n")
    html = TREE.one("html")
    assert html.attributes["lang"] == "en"
    found = [
        one.attributes["id"]
        for tag in set(re.findall(r"<([a-zA-Z]+)", page()))
        for one in TREE.all(tag.lower())
        if "id" in one.attributes
    ]
    assert len(found) > 20
    assert len(set(found)) == len(found)
    assert [one.text for one in TREE.all("h1")] == [HOSTILE]
    assert TREE.one("head").one("title").text == f"{HOSTILE}: decision memo"


def test_every_reference_inside_a_chart_leads_into_the_same_chart() -> None:
    for svg in TREE.all("svg"):
        own = {
            one.attributes.get("id")
            for tag in ("clippath", "title", "desc", "lineargradient")
            for one in svg.all(tag)
        }
        key = svg.attributes["aria-labelledby"].split()[0].removesuffix("-title")
        used = re.findall(r"url\(#([^)]+)\)", page())
        assert {name for name in used if name.startswith(f"{key}-")} <= own


def test_nothing_is_fetched_and_nothing_runs() -> None:
    for tag in set(re.findall(r"<([a-zA-Z]+)", page())):
        for one in TREE.all(tag.lower()):
            for name, value in one.attributes.items():
                assert not name.startswith("on"), (tag, name)
                if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                    assert value.startswith("#"), (tag, name, value)
    assert not TREE.all("link") + TREE.all("img") + TREE.all("iframe") + TREE.all("object") + TREE.all("form")
    (script,) = TREE.all("script")
    assert script.attributes == {"type": "application/json", "id": "planner-state"}
    style = TREE.one("style").text
    assert "url(" not in style
    assert "@import" not in style
    assert len(page().encode()) < 600_000


def test_texts_that_look_like_markup_are_shown_as_they_are() -> None:
    assert page().count("<script") == 1
    assert page().count("</script") == 1
    assert (
        TREE.one("p", kind="signed").text
        == "Prepared by A <b>team</b> & co · Reviewed by O'Hara on 2026-11-20"
    )
    assert "<i>Integration</i> & co" in [row[0] for row in TREE.section("What it rests on").rows()]
    assert not TREE.all("i") + TREE.all("b")


def test_a_plan_without_sign_off_question_targets_or_changes_has_no_empty_places() -> None:
    found = planner.compare(loads(RECORDING))
    tree = read(memo(found))
    assert not tree.all("p", kind="signed") + tree.all("p", kind="question")
    assert tree.section("Targets").one("p").text == "None is set: every strategy may be chosen."
    assert tree.section("The scenario").one("p").text == "Exactly as its file has it."
    assert "nothing stands beside it" in tree.one("p", kind="answer").text


# -- its figures ---------------------------------------------------------------------------------


def test_the_answer_is_the_comparisons() -> None:
    assert TREE.all("p", kind="answer")[0].text == comparison().answer


@pytest.mark.parametrize("name", NAMES)
def test_a_card_has_the_total_of_the_ledger_and_the_measured_figures(name: str) -> None:
    (card,) = [one for one in TREE.all("article") if one.one("h3").text == name]
    total = amounts(name, "invoiced", "economic")
    assert card.one("div", kind="total").text == words.amount(total)
    rows = {row[0]: row[1] for row in card.rows()}
    per_1k = (
        comparison().money.set_index(["strategy", "measure"]).loc[(name, "economic_cost_per_1k_requests_usd")]
    )
    assert rows["Per 1,000 requests"] == (
        f"{words.unit_cost(per_1k['value'])}{words.unit_cost(per_1k['low']).removesuffix(' USD')} to {words.unit_cost(per_1k['high'])}"
    )
    invoiced = next(value for label, value in rows.items() if label == "Invoiced part of it")
    assert invoiced.startswith(words.amount(amounts(name, "invoiced")))
    for label, measure, unit in (
        ("p95 latency", "latency_p95_s", "s"),
        ("p95 to first token", "ttft_p95_s", "s"),
        ("Availability", "availability", "share"),
        ("Right answers", "accuracy", "share"),
    ):
        row = measured(name, measure)
        shown = next(value for key, value in rows.items() if key.startswith(label))
        assert shown == words.number(row["value"], unit) + words.interval(row["low"], row["high"], unit)
    latency = next(key for key in rows if key.startswith("p95 latency"))
    assert latency == f"p95 latency{said(measured(name, 'latency_p95_s'), 2.5)} ≤ 2.5 s"


def test_cards_say_the_same_words_as_the_app() -> None:
    for card, drawn in zip(cards(comparison()), TREE.all("article"), strict=True):
        assert drawn.all("span", kind="badge")[0].text == card.verdict
        assert [row[1] for row in drawn.rows()] == [line.value + line.interval for line in card.lines]
        assert [one.text for one in drawn.all("li")] == list(card.misses)


def test_accounts_add_up_to_the_totals_and_both_to_the_ledger() -> None:
    rows = {row[0]: row[1:] for row in TREE.section("What it costs, by account").rows()[1:]}
    ledger = comparison().ledger
    for k, name in enumerate(NAMES):
        assert rows["Total invoiced"][k] == usd(amounts(name, "invoiced"), "")
        assert rows["Total with economic"][k] == usd(amounts(name, "invoiced", "economic"), "")
        mine = ledger[ledger["strategy"] == name]
        for account, cells in rows.items():
            if not account.startswith("Total"):
                assert cells[k] == usd(
                    sum(mine.loc[mine["account"] == account, "amount_usd"], Decimal(0)), ""
                )
    assert set(ledger["account"]) <= set(rows)
    assert TREE.one("p", id="reconciliation").text.startswith("✓ 0.00 USD between every total shown")


def test_a_total_that_is_not_the_sum_of_its_rows_is_told() -> None:
    found = comparison()
    one = found.results["hybrid"]
    wrong = dataclasses.replace(one, tco=dataclasses.replace(one.tco, economic_usd=one.tco.economic_usd + 7))
    bad = dataclasses.replace(found, results={**found.results, "hybrid": wrong})
    said = read(memo(bad, state=state())).one("p", id="reconciliation").text
    assert said.startswith("✗ +7.00 USD between a total shown and its ledger rows: total shown of hybrid")


def test_targets_stand_with_what_every_strategy_does() -> None:
    head, *rows = TREE.section("Targets").rows()
    assert head == ["Target", *NAMES]
    slo = comparison().slo
    assert len(rows) == len(slo) / len(NAMES)
    for k, name in enumerate(NAMES):
        row = slo[slo["strategy"] == name].iloc[0]
        sign = said(measured(row["strategy"], "latency_p95_s"), row["target"])
        assert rows[0][0] == "P95 latency ≤ 2.5 s"
        assert rows[0][1 + k] == words.number(row["value"], "s") + sign


def test_charts_have_a_title_a_description_with_figures_and_two_widths() -> None:
    figures = TREE.section("Charts").all("figure")
    assert [one.one("figcaption").text for one in figures] == [
        "How long answers take", "What it costs, by account", "p95 latency against cost", "Right answers against cost",
    ]  # fmt: skip
    notes = ["".join(one.text for one in drawn.all("p")) for drawn in figures]
    assert notes == ["", "", *["filled: meets every target; hollow: misses one"] * 2]
    for drawn in figures:
        assert [one.attributes["class"] for one in drawn.all("div")] == ["wide", "narrow"]
        for svg in drawn.all("svg"):
            title, about = svg.attributes["aria-labelledby"].split()
            assert svg.one("title", id=title).text == drawn.one("figcaption").text
            assert len(svg.one("desc", id=about).text) > 40
            assert svg.attributes["role"] == "img"
            assert "#7a7a7a" not in str(svg)  # texts take the colour of the page
    assert comparison().charts["latency"].to_dict()["description"] == figures[0].all("desc")[0].text


def test_findings_assumptions_exclusions_and_notices_are_all_there() -> None:
    found = comparison()
    assert [one.text for one in TREE.section("Findings").all("li")] == [one.text for one in found.findings]
    assert [one.text for one in TREE.section("What is not included").all("li")] == list(found.not_included)
    assert len(TREE.section("Notices").all("li")) == len(found.notices)
    head, *rows = TREE.section("What it rests on").rows()
    assert head == ["What", "Value", "Source", "As of", "Confidence"]
    table = found.assumptions
    assert len(rows) == len(table)
    for row, one in zip(rows, table.to_dict("records"), strict=True):
        as_of = words.DASH if words.is_unknown(one["as_of"]) else one["as_of"]
        assert [row[0], row[2], row[3]] == [one["what"], one["source"], as_of]
        assert row[1].startswith(str(one["value"]))


# -- the scenario and how to run it again --------------------------------------------------------


def test_the_scenario_stands_as_given_with_what_was_changed() -> None:
    part = TREE.section("The scenario")
    assert part.one("pre", id="scenario").text == "\n" + TEXT  # a browser drops the first line break of a pre
    told = [one.text for one in part.one("ul", id="changes").all("li")]
    assert "traffic.growth_per_month: 0.03 (file: 0.02)" in told
    assert "deployments.omni.outages: {mtbf_h: 730.5, duration_h: 0.5} (file: null)" in told
    assert len(told) == len(CHANGES)


def test_the_commands_name_changes_version_seed_hash_and_requests() -> None:
    part = TREE.section("How to run it again")
    command = part.all("pre")[0].text
    assert command.startswith("planner compare memo.html\nplanner compare small.yaml \\\n")
    assert "--set traffic.growth_per_month=0.03" in command
    facts = dict(part.one("table").rows())
    assert facts["Planner"] == planner.__version__
    assert facts["Seed"] == "3"
    assert facts["Scenario hash"] == comparison().scenario.hash
    arrived = sum(cell.sample.n for one in comparison().results.values() for cell in one.cells)
    assert facts["Requests"].startswith(
        f"{comparison().represented_requests:,.0f} represented by {arrived:,} simulated"
    )
    assert facts["Address"].startswith("/?v=1&scenario=small&traffic.growth_per_month=0.03")


def test_the_commands_written_in_the_memo_give_the_scenario_back(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(TEXT, encoding="utf-8")
    command = TREE.section("How to run it again").all("pre")[0].text.split("\n", 1)[1].replace("\\\n", " ")
    _, _, file, *options = shlex.split(command)
    overrides = [text for flag, text in zip(options[::2], options[1::2], strict=True) if flag == "--set"]
    assert load(tmp_path / file, overrides).hash == comparison().scenario.hash


def test_a_log_is_in_the_page_where_it_is_small_and_named_where_it_is_not() -> None:
    named = state_of(
        comparison(),
        name="small",
        text=TEXT,
        log=LogNote(name="<calls>.csv", rows=12345, hex="0123456789abcdef"),
    )
    small = memo(comparison(), state=named, log=b"PAR1 \x00\xff</script>")
    assert read(small).one("p", id="log").text == (
        "Log <calls>.csv, 12,345 rows, 0123456789abcdef. "
        "Its times and token counts are in this page (16 bytes), and nothing else of it."
    )
    assert read_state(small).log == LogNote(
        name="<calls>.csv", rows=12345, hex="0123456789abcdef", content=b"PAR1 \x00\xff</script>"
    )
    large = memo(comparison(), state=named, log=b"x" * (MOST_LOG_BYTES + 1))
    assert "It is named only" in read(large).one("p", id="log").text
    assert read_state(large).log == named.log
    with pytest.raises(PlannerError, match="a state that names the log"):
        memo(comparison(), state=state(), log=b"x")


def test_a_state_of_another_comparison_is_refused() -> None:
    other = planner.compare(comparison().scenario.set({"run.seed": 4}), replications=2)
    with pytest.raises(PlannerError, match="got the state of scenario"):
        memo(other, state=state())


def test_folders_of_this_machine_stay_out_of_it(tmp_path: Path) -> None:
    file = tmp_path / "secret-folder" / "small.yaml"
    file.parent.mkdir()
    file.write_text(TEXT, encoding="utf-8")
    html = memo(planner.compare(planner.load(file), replications=2))
    assert read_state(html).name == "small"
    assert "small.yaml: start: not given" in html
    assert "secret-folder" not in html
