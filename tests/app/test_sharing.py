"""docs/sharing.md: each of its examples gives what is said of it, its rules hold, and its commands run."""

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import asked, navigation, state
from app.asked import Asked
from app.state import OUTAGE, Address
from planner.memos import read_state
from tests.app.library import SMALL, write_library
from tests.cli.command import planner as command

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^    (/\S*)$", PAGE, re.MULTILINE)
CHATBOT = "support-chatbot"
# What each example asks for, in the order of the page.
MEANT: list[tuple[str, Address | Asked]] = [
    ("", Address(CHATBOT)),
    ("", Address(CHATBOT, {"traffic.requests_per_month": 6_000_000, "traffic.growth_per_month": 0.05})),
    ("", Address(CHATBOT, {"strategies.hybrid.router.omni_share": 0.4})),
    ("", Address(CHATBOT, {OUTAGE: 90})),
    ("", Address(CHATBOT, {"omni": "claude-opus-5-5@anthropic", "mini": "claude-haiku-5-5@anthropic"})),
    ("", Address(CHATBOT, {"tasks.faq.accuracy[gpt-5.6]": 0.97, "finance.people[0].fte": 1})),
    ("tco", Address(CHATBOT, {"policy.breaker": None, "tasks.faq.output_tokens": {"p50": 80, "p95": 300}})),
    ("sensitivity", Address("voice-assistant", {"objective": "invoiced"})),
    ("failover", Asked(scenario=CHATBOT, provider="openai", minutes=45, at="tue 14:00", mode="hang", beside="no-retries")),
    ("", Address(CHATBOT, {}, "0123456789abcdef")),
]  # fmt: skip


def parsed(link: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(link)
    return parts.path.removeprefix("/"), dict(parse_qsl(parts.query, keep_blank_values=True))


@pytest.mark.parametrize(("link", "meant"), list(zip(EXAMPLES, MEANT, strict=True)), ids=EXAMPLES)
def test_an_example_asks_for_what_is_said(link: str, meant: tuple[str, Address | Asked]) -> None:
    page, params = parsed(link)
    found, notices = (asked if page == "failover" else state).read(params, state.library())
    assert notices == ()
    assert (page, found) == meant
    scenario = state.scenario_of(state.library()[found.scenario])
    applied = state.applied(scenario, found.values)
    assert (applied.hash == scenario.hash) == (not found.values)
    again, complaints = (asked if page == "failover" else state).read(found.params(), state.library())
    assert (again, complaints) == (found, ())


def test_there_are_ten_examples() -> None:
    assert len(EXAMPLES) == 10


def test_the_grammar_names_every_parameter_and_page_of_the_app() -> None:
    grammar = PAGE.partition("```ebnf")[2].partition("```")[0]
    for name in (*asked.OWN, "v", "scenario", "omni", "mini", OUTAGE, state.LOG):
        assert f'"{name}=' in grammar, name
    main = (ROOT / "app" / "main.py").read_text(encoding="utf-8")
    for name in re.findall(r'url_path="([a-z]+)"', main):
        assert name == "compare" or f'"{name}"' in grammar, name
    assert f'"{navigation.FAILOVER}"' in grammar
    assert f"0 to {state.MONTH_MIN:g}" in grammar


@pytest.mark.parametrize(
    ("params", "values", "notices"),
    [
        ({}, {}, 0),
        ({"v": "2", "run.seed": "5"}, {}, 1),
        ({"run.seed": "x", "traffic.growth_per_month": "0.05"}, {"traffic.growth_per_month": 0.05}, 1),
        ({"traffic.growth_per_month": "0.02"}, {}, 0),
        ({"nothing": "1"}, {}, 1),
        ({"log": "xyz"}, {}, 1),
    ],
)
def test_rules_of_the_page_hold(
    params: dict[str, str],
    values: dict[str, Any],
    notices: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path)))
    found, told = state.read(params, state.library())
    assert (found, len(told)) == (Address(CHATBOT, values), notices)


def test_of_two_values_the_last_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path)))
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    app.query_params["scenario"] = CHATBOT
    app.query_params["run.seed"] = ["5", "6"]
    app.run()
    assert not app.exception
    assert app.session_state["address"].values == {"run.seed": 6}


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "support-chatbot.yaml").write_text(SMALL, encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 4
    for line in lines:
        name, *arguments = shlex.split(line)
        assert name == "planner"
        done = command(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    first, other = (read_state((tmp_path / name).read_bytes()) for name in ("memo.html", "other.html"))
    assert first.changes == {"traffic.growth_per_month": 0.05}
    assert other.changes == {"traffic.growth_per_month": 0.05, "run.seed": 8}
    assert other.text == SMALL


def test_the_python_example_finds_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "support-chatbot.yaml").write_text(SMALL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "docs/sharing.md", "exec"), {})
    assert capsys.readouterr().out == "[]\n"
    assert planner.memo.__name__ == "memo"
