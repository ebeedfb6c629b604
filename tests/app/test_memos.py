"""Memos on the page without a browser: taken away, dropped again, and what is said of other numbers and other versions."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import planner
from app import memos, state, text
from app.state import Address
from planner.api import Comparison
from planner.errors import PlannerError, ScenarioError
from planner.memos import LogNote, read_state
from planner.memos.page import MOST_LOG_BYTES
from tests.app.library import SMALL, write_library

VALUES: dict[str, Any] = {"traffic.growth_per_month": 0.03, state.OUTAGE: 30}
HEX = "0123456789abcdef"


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path)))
    return tmp_path


@pytest.fixture(scope="module")
def shown() -> Comparison:
    """What the page shows at the address with VALUES."""
    return planner.compare(state.applied(planner.scenario.loads(SMALL), VALUES))


def keep_in(folder: Path) -> memos.Keep:
    """Keeps a scenario as a file of the library under another name."""

    def keep(name: str, text: str) -> str:
        (folder / f"kept-{name}.yaml").write_text(text, encoding="utf-8")
        return f"kept-{name}"

    return keep


def never(name: str, text: str) -> str:
    raise AssertionError("the library holds this scenario")


def written(shown: Comparison, address: Address | None = None, log: LogNote | None = None) -> bytes:
    return memos.written(shown, address or Address("support-chatbot", VALUES), SMALL, log)


def test_a_memo_that_is_dropped_opens_the_address_it_was_made_at(shown: Comparison) -> None:
    found = memos.opened(written(shown), "memo.html", never)
    assert found.address == Address("support-chatbot", VALUES)
    assert found.notices == ()
    assert found.state.params == found.address.params()
    files = state.library()
    again = state.applied(state.scenario_of(files[found.address.scenario]), found.address.values)
    assert again.hash == shown.scenario.hash
    assert memos.said(planner.compare(again), found.state) == (
        True,
        f"Same numbers as in the memo of {found.state.made_on}: all 48 figures agree to the last digit.",
    )


def test_a_scenario_that_the_library_lacks_is_kept_and_opened(shown: Comparison, library: Path) -> None:
    content = written(shown)
    (library / "support-chatbot.yaml").write_text(SMALL.replace("0.95", "0.96"), encoding="utf-8")
    found = memos.opened(content, "memo.html", keep_in(library))
    assert found.address == Address("kept-support-chatbot", VALUES)
    assert (library / "kept-support-chatbot.yaml").read_text(encoding="utf-8") == SMALL
    assert found.notices == (
        "The library holds no such scenario: that of the memo was kept as kept-support-chatbot.",
    )
    again = memos.opened(content, "memo.html", never)  # the second time it is there
    assert again.address == found.address


def test_a_memo_of_the_command_opens_with_its_changes(library: Path) -> None:
    changed = planner.load(
        library / "support-chatbot.yaml", {"slo.p95_latency_s": 3, "policy": {"retries": 2}}
    )
    html = planner.memo(planner.compare(changed, replications=3))
    found = memos.opened(html.encode(), "memo.html", never)
    assert dict(found.address.values) == {
        "slo.p95_latency_s": 3,
        "policy": {"retries": 2},
        "run.replications": 3,
    }
    files = state.library()
    scenario = state.applied(state.scenario_of(files["support-chatbot"]), found.address.values)
    assert scenario.hash == found.state.hash


def test_parameters_that_this_app_does_not_know_give_way_to_the_changes(shown: Comparison) -> None:
    one = read_state(written(shown))
    strange = dataclasses.replace(one, params={**one.params, state.OUTAGE: "no number", "x.y": "1"})
    html = f'<script type="application/json" id="planner-state">{strange.to_json()}</script>'
    found = memos.opened(html.encode(), "memo.html", never)
    scenario = state.scenario_of(state.library()["support-chatbot"])
    assert state.applied(scenario, found.address.values).hash == one.hash


def test_a_memo_that_leads_elsewhere_is_told(shown: Comparison) -> None:
    one = read_state(written(shown))
    other = dataclasses.replace(one, hash="0" * 64)
    html = f'<script type="application/json" id="planner-state">{other.to_json()}</script>'
    assert memos.opened(html.encode(), "memo.html", never).notices == (
        "What opens is not exactly the scenario of the memo: figures differ.",
    )


def test_another_version_or_catalogue_is_told(shown: Comparison) -> None:
    one = read_state(written(shown))
    for changes, words in (
        ({"planner": "0.0.9"}, "with planner 0.0.9 and another version: figures may differ."),
        ({"catalogue": "0" * 64}, "and another catalogue of models and prices: figures may differ."),
    ):
        html = f'<script type="application/json" id="planner-state">{dataclasses.replace(one, **changes).to_json()}</script>'
        (notice,) = memos.opened(html.encode(), "memo.html", never).notices
        assert notice.endswith(words)


def test_what_differs_from_the_memo_is_listed(shown: Comparison) -> None:
    one = read_state(written(shown))
    other = planner.compare(shown.scenario.set({"run.seed": 4}))
    is_same, words = memos.said(other, one)
    assert not is_same
    assert words.startswith(f"Other numbers than in the memo of {one.made_on}: omni-only, ")
    assert words.count(" in the memo, ") == memos.MOST_DIFFERENCES
    assert " more." in words


def test_a_small_log_goes_along_and_a_large_one_is_named(shown: Comparison) -> None:
    address = Address("support-chatbot", VALUES, HEX)
    small = LogNote(name="calls.csv", rows=3, hex=HEX, content=b"PAR1")
    found = memos.opened(written(shown, address, small), "memo.html", never)
    assert found.state.log == small
    assert found.address == address
    large = dataclasses.replace(small, content=b"x" * (MOST_LOG_BYTES + 1))
    kept = memos.opened(written(shown, address, large), "memo.html", never).state.log
    assert kept == dataclasses.replace(small, content=None)


def test_the_file_is_named_after_scenario_and_hash(shown: Comparison) -> None:
    assert memos.file_name(shown, Address("my/chat")) == f"my-chat-{shown.scenario.hash[:8]}.html"


def test_no_memo_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ScenarioError, match="allowed: a decision memo"):
        memos.opened(b"<html></html>", "x.html", never)


# -- on a page -----------------------------------------------------------------------------------


@pytest.fixture
def uploaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The file in the uploader, if any; AppTest has no uploader of its own."""
    files: list[Any] = []
    monkeypatch.setattr(st, "file_uploader", lambda *_, **__: files[-1] if files else None)
    return files


def dropped(content: bytes, number: int = 1) -> Any:
    return SimpleNamespace(name="memo.html", file_id=f"id-{number}", getvalue=lambda: content)


def page() -> None:
    from app import memos
    from tests.app.test_memos import never

    found = memos.drop(never)
    import streamlit as st

    if found is not None:
        st.write(f"opened {found.address.scenario} {found.address.values}")


def test_a_dropped_memo_is_opened_once(shown: Comparison, uploaded: list[Any]) -> None:
    app = AppTest.from_function(page)
    assert not app.run().markdown
    uploaded.append(dropped(written(shown)))
    assert app.run().markdown[0].value.startswith("opened support-chatbot ")
    assert not app.run().markdown
    uploaded.append(dropped(written(shown), 2))
    assert len(app.run().markdown) == 1
    assert not app.exception


def test_a_wrong_file_is_told_until_it_is_taken_away(uploaded: list[Any]) -> None:
    app = AppTest.from_function(page)
    uploaded.append(dropped(b"<html><script>alert(1)</script></html>"))
    for _ in range(2):
        app.run()
        assert [error.value for error in app.error] == ["1 problem in memo.html; nothing was opened."]
        assert "holds no state" in app.markdown[0].value
    uploaded.clear()
    app.run()
    assert not app.error
    assert not app.exception


def test_a_scenario_that_cannot_be_kept_is_told(
    shown: Comparison, uploaded: list[Any], library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, text: str) -> str:
        raise PlannerError("Nothing was saved: the disk is full.")

    content = written(shown)
    (library / "support-chatbot.yaml").write_text(SMALL.replace("0.95", "0.96"), encoding="utf-8")
    monkeypatch.setattr("tests.app.test_memos.never", full)
    uploaded.append(dropped(content))
    app = AppTest.from_function(page).run()
    assert [error.value for error in app.error] == [text.markdown("Nothing was saved: the disk is full.")]
    assert not app.exception


def test_the_button_is_there_and_makes_nothing_before_it_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    def page() -> None:
        from types import SimpleNamespace

        from app import memos
        from app.state import Address

        memos.offer(SimpleNamespace(scenario=SimpleNamespace(hash="0" * 64)), Address("x"), "")

    app = AppTest.from_function(page).run()
    assert not app.exception
    (button,) = app.get("download_button")
    assert button.proto.label == "Decision memo (HTML)"
