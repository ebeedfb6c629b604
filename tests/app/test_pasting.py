"""The popover that counts pasted texts, in a page of its own."""

from streamlit.testing.v1 import AppTest

from tests.app.library import RECORDING, SMALL

WIDE = SMALL.replace("input_tokens: 500", "input_tokens: {p50: 500, p95: 2000}")


def page(text: str, task: str) -> None:
    import streamlit as st

    from app.pasting import paste
    from planner.scenario import loads

    def apply(changes: object, words: object) -> None:
        st.session_state["applied"] = (changes, words)

    paste(loads(text), task, apply=apply)


def opened(text: str, task: str = "faq") -> AppTest:
    app = AppTest.from_function(page, kwargs={"text": text, "task": task}, default_timeout=60).run()
    assert not app.exception
    return app


def test_pasted_texts_are_counted_at_once_and_used_at_a_press() -> None:
    app = opened(WIDE)
    assert [area.label for area in app.text_area] == [
        "Prompt (the user's part)",
        "Answer",
        "System prompt in front of every request (optional)",
    ]
    assert not app.button  # nothing to use yet
    app.text_area[0].input("hello world").run()
    app.text_area[1].input("2 + 2 = 4").run()
    told = "\n".join(one.value for one in app.markdown)
    assert "Prompt (the user's part): **2 tokens**" in told
    assert "Answer: **7 tokens**" in told
    assert "the vocabulary of big is not shipped" in told  # an own model of the scenario
    assert "applied" not in app.session_state
    app.button[0].click().run()
    changes, words = app.session_state["applied"]
    assert changes == {"tasks.faq.input_tokens": {"p50": 2, "p95": 8}, "tasks.faq.output_tokens": 7}
    assert words == ("input_tokens: 2 tokens in the median, spread as before", "output_tokens: 7 tokens")
    assert not app.exception


def test_what_looks_like_markup_is_neither_run_nor_shown_as_such() -> None:
    app = opened(WIDE)
    app.text_area[0].input("<script>alert(1)</script> **bold** $x$ :red[y]").run()
    assert not app.exception
    assert all("<script>" not in one.value for one in app.markdown)


def test_a_scenario_that_replays_a_recording_says_so_and_offers_no_area() -> None:
    app = opened(RECORDING, "chat")
    assert not app.text_area
    assert any("come from the recording" in one.value for one in app.markdown)


def test_texts_that_give_a_scenario_with_problems_offer_no_button() -> None:
    small = """
name: Small window
start: 2024-01-01
traffic: {requests_per_month: 1000}
tasks: {a: {}}
deployments: {x: {model: gpt-4-0613, provider: openai}}
strategies: {s: {omni: [x]}}
finance: {horizon_months: 1}
"""
    app = opened(small, "a")
    app.text_area[0].input("word " * 20_000).run()
    assert not app.exception
    assert not app.button
    assert any("nothing was changed" in one.value for one in app.error)
