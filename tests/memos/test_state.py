"""The state of a memo: read back as it was written, the same scenario to the hash, and anything else is refused."""

import base64
import dataclasses
import doctest
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from app import state as addresses
from planner.errors import PlannerError, ScenarioError
from planner.memos import MOST_BYTES, LogNote, MemoState, read_state
from planner.memos.changes import changes_between
from planner.memos.figures import compare_with_memo, figures_of
from planner.memos.making import scenario_run, state_of
from planner.memos.state import effective_text
from planner.memos.writing import written
from planner.scenario import loads, parse_override
from planner.scenario.paths import set_value
from tests.app.library import RECORDING, SMALL
from tests.memos.pages import CHANGES, HOSTILE, TEXT, comparison, page, state

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
BEGINS, ENDS = '<script type="application/json" id="planner-state">', "</script>"


def wrapped(content: str) -> str:
    return f"<!DOCTYPE html><html><body>{BEGINS}{content}{ENDS}</body></html>"


def embedded(content: dict[str, Any]) -> str:
    """JSON as it may stand in a page."""
    return json.dumps(content).replace("<", "\\u003c")


def plain(**changes: Any) -> dict[str, Any]:
    """The state of the test's memo as plain values, some replaced."""
    found = json.loads(page().partition(BEGINS)[2].partition(ENDS)[0])
    return found | changes


def refused(html: str | bytes) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        read_state(html, "x.html")
    assert all(problem.file == "x.html" for problem in error.value.problems)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("name", ["writing", "changes"])
def test_examples_in_docstrings_hold(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"planner.memos.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


# -- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html", [page(), page().encode(), b"\xef\xbb\xbf" + page().encode()], ids=["text", "bytes", "bom"]
)
def test_a_memo_gives_back_its_state(html: str | bytes) -> None:
    found = read_state(html)
    assert found == state()
    assert found.text == TEXT
    assert found.changes == CHANGES
    assert found.scenario() == comparison().scenario
    assert found.is_of_this_version


@given(
    st.builds(
        MemoState,
        planner=st.text(min_size=1, max_size=20),
        catalogue=st.just("0" * 64),
        made_on=st.just("2026-11-20"),
        name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
        text=st.text(st.characters(exclude_categories=["Cs"])) | st.just(HOSTILE) | st.just("<!--<script>"),
        hash=st.just("f" * 64),
        changes=st.dictionaries(
            st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())
        ),
        params=st.dictionaries(st.text(), st.text()),
        page=st.just("tco"),
        log=st.none()
        | st.builds(
            LogNote,
            name=st.text(min_size=1, max_size=20),
            rows=st.integers(0, 10**9),
            hex=st.just("0123456789abcdef"),
            content=st.none() | st.binary(),
        ),
        figures=st.dictionaries(
            st.text(),
            st.dictionaries(
                st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
            ),
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_any_state_survives_the_page(one: MemoState) -> None:
    content = one.to_json()
    assert content.isascii()
    assert not set("<>&") & set(content)
    assert read_state(wrapped(content)) == one


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_shipped_scenario_with_changes_comes_back_with_the_same_hash(file: Path) -> None:
    given = planner.load(file)
    text = file.read_text(encoding="utf-8")
    for values in (
        {},
        {"run.seed": 99, "slo.p95_latency_s": 3.25},
        {addresses.OUTAGE: 30, "run.replications": 5},
        {
            "policy": {"retries": 2},
            "tasks." + next(iter(given.tasks)) + ".output_tokens": {"p50": 10, "p95": 70},
        },
    ):
        wanted = addresses.applied(given, values)
        changes = changes_between(given.to_dict(), wanted.to_dict())
        assert changes is not None
        one = MemoState(
            planner=planner.__version__, catalogue="0" * 64, made_on="2026-11-20", name=file.stem, text=text,
            hash=wanted.hash, changes=changes,
        )  # fmt: skip
        back = read_state(wrapped(one.to_json()))
        assert back.scenario().hash == wanted.hash
        assert loads(back.effective).hash == wanted.hash
        assert loads(effective_text(wanted), folder=file.parent).hash == wanted.hash


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4)


@given(MAPPINGS, MAPPINGS)
@settings(max_examples=400, deadline=None)
def test_changes_turn_one_tree_into_the_other(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    changes = changes_between(given, wanted)
    if changes is None:
        assert set(given) - set(wanted)
        return
    tree: Any = given
    for path, value in changes.items():
        tree = set_value(tree, path, value)
    assert json.dumps(tree, sort_keys=True) == json.dumps(wanted, sort_keys=True)


@given(TREES)
@settings(max_examples=300, deadline=None)
def test_a_written_value_is_read_back_as_it_is(value: Any) -> None:
    assert parse_override(f"a.b={written(value)}") == ("a.b", value)


@pytest.mark.parametrize(
    "value", [1, 2.0, 0.05, 1e-7, None, True, "gpt-4.1", "a b", "true", {"p50": 1}, [1, "x"]]
)
def test_values_are_written_as_the_address_bar_does(value: Any) -> None:
    assert written(value) == addresses.written(value)


def test_more_windows_than_the_scenario_asks_for_are_a_change() -> None:
    given = loads(SMALL)
    found = planner.compare(given, replications=2)
    assert scenario_run(found).run.replications == 2
    made = state_of(found, name="small", text=SMALL)
    assert made.changes == {"run.replications": 2}
    assert compare_with_memo(planner.compare(made.scenario()), made) == []


def test_a_scenario_whose_text_is_not_known_stands_in_the_memo_whole() -> None:
    found = planner.compare(loads(SMALL).set({"traffic.growth_per_month": 0.03}), replications=2)
    made = state_of(found)
    assert made.name == "scenario"
    assert made.changes == {}
    assert made.scenario() == scenario_run(found)
    recording = planner.compare(loads(RECORDING))
    other = state_of(recording, text=SMALL)  # no change of fields takes its targets away
    assert other.changes == {}
    assert other.scenario() == recording.scenario


def test_the_text_of_a_file_is_taken_from_it_while_it_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# a comment\n" + SMALL, encoding="utf-8")
    found = planner.compare(planner.load(file, {"run.seed": 5}), replications=4)
    made = state_of(found)
    assert (made.name, made.text, made.changes) == ("mine", "# a comment\n" + SMALL, {"run.seed": 5})
    assert made.params == {"v": "1", "scenario": "mine", "run.seed": "5"}
    file.write_text(SMALL.replace("0.95", "0.96"), encoding="utf-8")  # no longer what was run
    later = state_of(found)
    assert later.changes == {}
    assert later.scenario() == found.scenario


# -- the same numbers ----------------------------------------------------------------------------


def test_a_memo_run_again_gives_the_same_figures_to_the_last_digit() -> None:
    found = read_state(page())
    again = planner.compare(found.scenario())
    assert compare_with_memo(again, found) == []
    assert figures_of(again) == {name: dict(one) for name, one in found.figures.items()}
    assert again.summary.equals(comparison().summary)
    assert again.ledger.equals(comparison().ledger)


def test_other_numbers_are_listed_with_both() -> None:
    other = planner.compare(comparison().scenario.set({"run.seed": 4}))
    found = compare_with_memo(other, state())
    total = next(one for one in found if (one.strategy, one.measure) == ("hybrid", "economic_tco_total_usd"))
    here = comparison().money.set_index(["strategy", "measure"])["value"]["hybrid", "economic_tco_total_usd"]
    there = other.money.set_index(["strategy", "measure"])["value"]["hybrid", "economic_tco_total_usd"]
    assert (
        total.words() == f"hybrid, economic_tco_total_usd: {here:,.0f} USD in the memo, {there:,.0f} USD now"
    )


def test_a_difference_beyond_what_is_shown_is_one_all_the_same() -> None:
    figures = {name: dict(one) for name, one in state().figures.items()}
    figures["hybrid"]["latency_p95_s"] += 1e-15
    figures["hybrid"]["tco_total_usd"] += "1"
    figures["gone"] = {"accuracy": 0.5}
    found = compare_with_memo(comparison(), dataclasses.replace(state(), figures=figures))
    assert [(one.strategy, one.measure) for one in found] == [
        ("hybrid", "tco_total_usd"), ("hybrid", "latency_p95_s"), ("gone", "accuracy"),
    ]  # fmt: skip
    assert all(one.memo != one.now for one in found)
    assert found[-1].now == "–"


# -- what is no memo -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("", "holds no state"),
        ("<html><body>Hello</body></html>", "allowed: a decision memo"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (wrapped("{"), "cut off or altered"),
        (wrapped("[" * 200_000), "cut off or altered"),
        (wrapped("[]"), "a mapping of fields"),
        (wrapped('{"v": NaN}'), "cut off or altered"),
        (wrapped("{}") * 2, "holds 2 states"),
        (wrapped("{}").replace("application/json", "text/javascript"), "no state of type application/json"),
        (wrapped("{}").replace("<script", "<div").replace("</script", "</div"), "cut off inside its state"),
        (page()[:-1000], "cut off inside its state"),
        (page()[: page().index("planner-state")], "holds no state"),
        ("x" * (MOST_BYTES + 1), f"at most {MOST_BYTES:,}"),
    ],
)  # fmt: skip
def test_what_is_no_memo_is_refused_with_what_is_allowed(html: str | bytes, said: str) -> None:
    (problem,) = refused(html)
    assert said in problem


def test_a_memo_of_another_version_is_refused_by_name() -> None:
    assert refused(wrapped(embedded(plain(v="2", planner="9.9.9")))) == [
        "x.html: v: got '2' (made with planner 9.9.9); allowed: '1', which this version reads"
    ]


def test_an_altered_text_is_noticed() -> None:
    (problem,) = refused(page().replace("400000", "400001"))
    assert "text was altered" in problem


def test_altered_changes_are_noticed_when_the_scenario_is_made() -> None:
    found = read_state(page().replace('"traffic.growth_per_month":0.03', '"traffic.growth_per_month":0.04'))
    with pytest.raises(PlannerError, match="Its changes were altered"):
        found.scenario()


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = plain(
        sha256=5,
        changes=[],
        params={"a": 1},
        figures={"x": {"y": []}},
        hash="zz",
        made_on="today",
        log="x",
        page="",
        text=None,
    )
    fields = {problem.split(": ")[1] for problem in refused(wrapped(embedded(wrong)))}
    assert fields == {"sha256", "changes", "params", "figures", "hash", "made_on", "log", "page", "text"}


@pytest.mark.parametrize(
    "log",
    [
        {"name": "a", "rows": -1, "hex": "0" * 16},
        {"name": "a", "rows": True, "hex": "0" * 16},
        {"name": "a", "rows": 1, "hex": "0" * 15},
        {"name": "", "rows": 1, "hex": "0" * 16},
        {"name": "a", "rows": 1, "hex": "0" * 16, "bytes": "!!!", "sha256": "0" * 64},
        {"name": "a", "rows": 1, "hex": "0" * 16, "bytes": 5, "sha256": "0" * 64},
        {"name": "a", "rows": 1, "hex": "0" * 16, "bytes": base64.b64encode(b"x").decode(), "sha256": "0" * 64},
    ],
)  # fmt: skip
def test_a_log_that_was_altered_is_refused(log: dict[str, Any]) -> None:
    (problem,) = refused(wrapped(embedded(plain(log=log))))
    assert "log" in problem


@pytest.mark.parametrize(
    "file", ["/etc/passwd", "../secret.csv", "a/../../b.csv", "C:\\x.csv", "\\\\host\\x.csv"]
)
@pytest.mark.parametrize("where", ["text", "changes"])
def test_a_memo_reads_no_file_outside_its_own_folder(file: str, where: str) -> None:
    if where == "text":
        text, changes = SMALL.replace("requests_per_month: 400000", f"trace: {{file: '{file}'}}"), {}
    else:
        text, changes = SMALL, {"tasks.faq.input_tokens": {"empirical": file}}
    one = MemoState(
        planner=planner.__version__, catalogue="0" * 64, made_on="2026-11-20", name="x", text=text, hash="0" * 64,
        changes=changes,
    )  # fmt: skip
    with pytest.raises(ScenarioError) as error:
        one.scenario()
    (problem,) = error.value.problems
    assert problem.allowed == "the name of a file that lies beside the memo, without .. and not absolute"


@pytest.mark.parametrize("junk", ["<!--", "<script ", "<a ", "</script", 'id="planner-state"'[:-2], "&#"])
def test_a_large_page_that_is_no_memo_costs_no_more_than_a_search(junk: str) -> None:
    html = junk * (MOST_BYTES // len(junk))
    began_s = time.process_time()
    refused(html)
    refused(html[: MOST_BYTES // 2] + BEGINS + html[: MOST_BYTES // 3])
    assert time.process_time() - began_s < 5


def test_a_broken_scenario_in_a_memo_names_the_line_of_its_text() -> None:
    text = SMALL.replace("growth_per_month: 0.02", "growth_per_mnth: 0.02")
    one = MemoState(
        planner=planner.__version__,
        catalogue="0" * 64,
        made_on="2026-11-20",
        name="x",
        text=text,
        hash="0" * 64,
    )
    with pytest.raises(ScenarioError) as error:
        one.scenario(name="memo.html#scenario")
    assert str(error.value.problems[0]).startswith(
        "memo.html#scenario:4: traffic.growth_per_mnth: no such field"
    )


def test_reading_a_memo_loads_no_numerical_library() -> None:
    code = "import sys; from planner.memos import read_state; print([m for m in ('numba', 'numpy', 'pandas', 'scipy', 'altair', 'streamlit') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
