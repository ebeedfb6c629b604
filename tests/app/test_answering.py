"""The answer and the findings on a page of their own: what is said, what the table says, and what a button applies."""

import re
import textwrap
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import answering, state, text
from planner.experiments import verdicts
from planner.experiments.comparison import Comparison
from planner.experiments.finding import Finding
from tests.app.library import SMALL
from tests.experiments import found_cases

# mini-only misses accuracy; hybrid and omni-only meet everything. A router, so a share can be looked for.
MISSED = SMALL.replace("slo: {p95_latency_s: 2.5}", "slo: {p95_latency_s: 60, accuracy: 0.86}")
MISSED = (
    MISSED.replace("answer_usd: 0.01", "answer_usd: 0.3")
    .replace("answer_usd: 0.02", "answer_usd: 0.5")
    .replace("window_s: 120", "window_s: 1800")
)
SCRIPT = """
import streamlit as st
import planner
from app import answering
from app.look import STYLE

st.html(STYLE)
comparison = st.session_state["comparison"]

def apply(changes, words):
    st.session_state.setdefault("applied", []).append((changes, words))

answering.show(comparison, apply)
answering.findings(comparison, apply)
"""


def compared(folder: Path, source: str, **changes: object) -> Comparison:
    file = folder / "small.yaml"
    file.write_text(source, encoding="utf-8")
    return planner.compare(planner.load(file).set({**changes}))


@pytest.fixture(scope="module")
def missed(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compared(tmp_path_factory.mktemp("missed"), MISSED)


Open = Callable[[Comparison], AppTest]


@pytest.fixture
def opened() -> Open:
    def run(comparison: Comparison) -> AppTest:
        app = AppTest.from_string(textwrap.dedent(SCRIPT), default_timeout=60)
        app.session_state["comparison"] = comparison
        return app.run()

    return run


def said(app: AppTest) -> str:
    kinds = (app.markdown, app.success, app.warning, app.caption)
    return "\n".join(one.value for kind in kinds for one in kind)


def test_the_sentence_near_misses_exclusions_and_what_is_to_spare_are_said(
    missed: Comparison, opened: Open
) -> None:
    app = opened(missed)
    assert not app.exception
    held = verdicts.matrix(missed)
    near = verdicts.near_misses(held)
    assert [one.strategy for one in near] == ["mini-only"]
    assert text.markdown(missed.answer) in said(app)
    for one in (*near, *verdicts.exclusions(missed, held), *verdicts.spares(held)):
        assert text.markdown(one.text) in said(app)
    assert ":orange-badge[Near miss]" in said(app)


def test_every_finding_is_said_once(missed: Comparison, opened: Open) -> None:
    words = said(opened(missed))
    for one in missed.findings:
        assert words.count(text.markdown(one.text)) == 1, one.text


def test_a_button_applies_exactly_the_changes_of_the_fix(missed: Comparison, opened: Open) -> None:
    app = opened(missed)
    (near,) = [one for one in missed.findings if one.code == "near-miss"]
    (fix,) = [one for one in missed.fixes(near) if one.kind == "target"]
    (button,) = [one for one in app.button if one.label == text.markdown(fix.words)]
    button.click().run()
    assert not app.exception
    assert app.session_state["applied"] == [(dict(fix.changes), fix.words)]


def test_every_fix_has_a_button_of_its_own(missed: Comparison, opened: Open) -> None:
    app = opened(missed)
    wanted = [fix for one in missed.findings for fix in missed.fixes(one)]
    assert len(app.button) == len(wanted) > 0
    assert len({button.key for button in app.button}) == len(wanted)


def test_a_search_says_what_it_found_and_then_offers_it(tmp_path: Path, opened: Open) -> None:
    # Omni alone has 0.7 x 0.95 + 0.3 x 0.9 = 0.935 and mini 0.84; at a quarter hybrid lies below 0.91.
    source = MISSED.replace("accuracy: 0.86}", "accuracy: 0.91}")
    comparison = compared(tmp_path, source)
    assert not comparison.verdicts["hybrid"].meets
    app = opened(comparison)
    (button,) = [one for one in app.button if one.label.startswith("Look for the nearest omni share")]
    button.click().run()
    assert not app.exception
    (found,) = [one for one in app.button if one.label.startswith("Fix: Send ")]
    found.click().run()
    ((changes, words),) = app.session_state["applied"]
    assert words in found.label.replace("\\", "")
    fixed = planner.compare(comparison.scenario.set(changes))
    assert fixed.verdicts["hybrid"].meets


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [
        [unescape(re.sub(r"<[^>]+>", " ", one)) for one in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in rows
    ]


def test_the_table_says_what_the_targets_say(missed: Comparison) -> None:
    names = missed.strategies
    head, *rows = cells(answering.matrix(verdicts.matrix(missed), names))
    assert head == ["Target", *names]
    assert len(rows) == 2
    by_row = {"p95_latency_s": rows[0], "accuracy": rows[1]}
    for row in missed.slo_rows:
        cell = by_row[row.measure][1 + names.index(row.strategy)]
        low, high = (
            getattr(missed.results[row.strategy].estimates["", verdicts.GATES[row.measure][0]], end)
            for end in ("low", "high")
        )
        is_better_high = row.measure == "accuracy"
        verdict_of = [end >= row.target if is_better_high else end <= row.target for end in (low, high)]
        if verdict_of[0] != verdict_of[1]:
            assert f"~ {'met' if row.met else 'missed'}, not certain" in cell
        else:
            assert ("✓ met" if row.met else "✗ missed") in cell
        assert "95 % interval" in cell


def test_the_table_can_be_read_without_eyes_and_scrolls_in_itself(missed: Comparison) -> None:
    html = answering.matrix(verdicts.matrix(missed), missed.strategies)
    assert html.count("scope='col'") == 1 + len(missed.strategies)
    assert html.count("scope='row'") == 2
    assert "<caption" in html
    assert "class='sideways' tabindex='0' role='region' aria-label=" in html


def test_names_that_look_like_markup_do_no_harm(missed: Comparison) -> None:
    held = [one for one in verdicts.matrix(missed) if one.strategy == "hybrid"]
    html = answering.matrix(
        [verdicts.Held(**{**vars(one), "strategy": "<b>", "task": "<script>"}) for one in held],
        ["<b>"],
    )
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


def test_rows_stand_in_their_popover(missed: Comparison, opened: Open) -> None:
    app = opened(missed)
    one = next(one for one in missed.findings if one.rows is not None and one.rows.table == "ledger")
    app.session_state[f"rows:{one.key}"] = True
    app.run()
    assert not app.exception
    table = missed.rows_behind(one)
    assert any(len(frame.value) == min(len(table), answering.MOST_ROWS) for frame in app.dataframe)
    assert any(f"{len(table):,} rows of the table ledger" in found.value for found in app.caption)


def test_findings_that_are_folded_are_there_when_they_are_unfolded(
    missed: Comparison, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "AT_ONCE", 1)
    app = opened(missed)
    told = [text.markdown(one.text) for one in missed.findings if one.code not in answering.ABOVE]
    assert len(told) > 2
    assert [one for one in told if one in said(app)] == told[:1]
    assert f"More findings ({len(told) - 1})" in [one.label for one in app.expander]
    app.session_state["more findings"] = True
    app.run()
    assert not app.exception
    assert [one for one in told if one in said(app)] == told


def test_without_targets_it_is_said_what_to_set(tmp_path: Path, opened: Open) -> None:
    source = MISSED.replace("slo: {p95_latency_s: 60, accuracy: 0.86}", "slo: {}")
    app = opened(compared(tmp_path, source))
    assert not app.exception
    assert text.markdown(verdicts.NO_TARGET) in said(app)
    assert not app.expander


def test_all_met_folds_the_table(tmp_path: Path, opened: Open) -> None:
    source = MISSED.replace("accuracy: 0.86}", "accuracy: 0.5}")
    app = opened(compared(tmp_path, source))
    assert app.expander[0].proto.expanded is False


def test_a_finding_without_rows_or_fix_is_text_alone(missed: Comparison, opened: Open) -> None:
    from dataclasses import replace

    app = opened(replace(missed, findings=(Finding("own", None, "Something *else*.", 1.0),)))
    assert not app.exception
    assert "Something \\*else\\*." in said(app)
    assert not app.button


@pytest.mark.parametrize("name", found_cases.SHIPPED)
def test_a_fix_survives_the_address_bar(name: str) -> None:
    """What a button applies is what a link reads back: deployments that are added, rules, levels, nulls."""
    files = {name: Path("scenarios") / f"{name}.yaml"}
    scenario = state.scenario_of(files[name])
    found = planner.compare(scenario.set({"run.window_s": min(scenario.run.window_s, 600)}), replications=4)
    for one in found.findings:
        for fix in found.fixes(one):
            address, notices = state.read(state.Address(name, dict(fix.changes)).params(), files)
            assert not notices
            assert state.applied(scenario, address.values).hash == scenario.set(fix.changes).hash
