"""The panel of logs without a browser: a file is dropped, confirmed and replayed; links, mistakes, what is kept."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import planner
from app import jobs, logs, text
from planner.scenario import loads
from planner.workload.logs import read_log
from tests.app.library import SMALL

PAGE = Path(__file__).with_name("log_page.py")
GOOD = "created_at,prompt_tokens,completion_tokens,finished\n" + "".join(
    f"2026-11-28T09:{k // 60:02}:{k % 60:02}Z,{100 + k},{10 + k % 7},x\n" for k in range(0, 200, 2)
)
BAD = GOOD + "yesterday,5,5,x\n2026-11-28T09:59:00Z,-7,5,x\n1,2\n"
Start = Callable[..., AppTest]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL, encoding="utf-8")
    monkeypatch.setenv("PLANNER_LOG_PAGE", str(file))
    jobs.forget()

    def run(**params: str) -> AppTest:
        app = AppTest.from_file(str(PAGE), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return run


def drop(app: AppTest, content: str | bytes, name: str = "mine.csv") -> AppTest:
    data = content if isinstance(content, bytes) else content.encode()
    app.get("file_uploader")[0].upload(name, data, "text/csv")
    return app.run()


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.success, app.warning, app.error, app.header, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [one for one in app.button if one.label == label]
    return button.click().run()


def picker(app: AppTest, label: str):  # type: ignore[no-untyped-def]
    (found,) = [one for one in app.selectbox if one.label == label]
    return found


def test_nothing_is_shown_before_a_log_is_dropped(start: Start) -> None:
    app = start()
    assert not app.exception
    assert not app.button
    assert "stays on this machine" in words(app)


def test_columns_are_guessed_with_a_reason_before_anything_is_replayed(start: Start) -> None:
    app = drop(start(), GOOD)
    assert not app.exception
    assert [picker(app, label).value for label in ("Time", "Input tokens", "Output tokens", "Model")] == [
        "created_at", "prompt_tokens", "completion_tokens", logs.NONE,
    ]  # fmt: skip
    assert "by its name" in words(app)
    assert "All 100 rows are good." in words(app)
    assert "100 requests in 3.3 min" in words(app)
    assert "Take the log away" not in [one.label for one in app.button]
    assert "log" not in app.query_params


def test_a_log_is_replayed_when_its_columns_are_confirmed(start: Start) -> None:
    app = press(drop(start(), GOOD), "Replay it")
    assert not app.exception
    log = read_log(GOOD.encode())
    assert app.query_params["log"] == log.hex
    expected = planner.replay(loads(SMALL), log)
    assert text.markdown(expected.answer) in words(app)
    shown = app.dataframe[0].value
    assert list(shown.columns) == ["On this traffic", "omni-only", "mini-only", "hybrid"]
    first = shown.iloc[0]
    assert first["On this traffic"] == "cost of the log"
    low, central, high = expected.strategies["omni-only"].costs("economic")
    assert first["omni-only"] == logs.spread(logs.Spread(low=low, central=central, high=high), "USD")
    assert len(app.get("vega_lite_chart")) == 1
    app.session_state["save-log-load"] = True  # the menu is opened
    app.run()
    assert {"Ledger of the replay (CSV)", "PNG", "SVG", "CSV of the data"} <= {
        one.label for one in app.get("download_button")
    }


def test_the_replay_stays_when_the_page_is_run_again_and_goes_when_it_is_taken_away(start: Start) -> None:
    app = press(drop(start(), GOOD), "Replay it").run()
    assert "On this traffic" in words(app)
    app = press(app, "Take the log away")
    assert "On this traffic" not in words(app)
    assert "log" not in app.query_params
    assert "On this traffic" not in words(app.run())


def test_bad_rows_are_shown_with_their_line(start: Start) -> None:
    app = drop(start(), BAD)
    assert not app.exception
    assert "3 of 103 rows are left out" in words(app)
    bad = app.dataframe[0].value
    assert bad["Line"].tolist() == ["102", "103", "104"]
    assert bad["Given"].tolist() == ["the text 'yesterday'", "-7", "2 cells: 1,2"]


def test_another_column_can_be_picked(start: Start) -> None:
    app = drop(start(), GOOD.replace("completion_tokens", "answer"))
    assert "no column looks like output tokens" in words(app)
    assert "Replay it" not in [one.label for one in app.button]
    app = picker(app, "Output tokens").select("answer").run()
    assert not app.exception
    assert "Replay it" in [one.label for one in app.button]
    assert press(app, "Replay it").query_params["log"] == read_log(GOOD.encode()).hex


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x01", "it is no text"),
        (b"a,b\n1,2", "at least three"),
        (b"time,input_tokens,output_tokens\nx,y,z\n", "no row is good"),
        (b"PAR1nothing", "no readable Parquet file"),
        (b"time,input_tokens,output_tokens,num_model_requests\n1,1,1,5\n", "stand for several requests"),
    ],
)
def test_what_is_no_log_is_told_and_nothing_breaks(start: Start, content: bytes, said: str) -> None:
    app = drop(start(), content)
    assert not app.exception
    assert said in words(app).replace("\\", "")
    assert "Replay it" not in [one.label for one in app.button]


def test_a_link_with_a_log_that_is_not_here_asks_for_it(start: Start) -> None:
    log = read_log(GOOD.encode())
    app = start(log=log.hex)
    assert not app.exception
    assert f"This link was made with a log ({log.hex})" in words(app)
    assert app.query_params["log"] == log.hex
    app = press(drop(app, GOOD), "Replay it")
    assert "This link was made" not in words(app)
    assert "On this traffic" in words(app)


def test_names_in_an_address_are_no_markup(start: Start) -> None:
    app = start(log="**<b>x</b>**")
    assert not app.exception
    assert "\\*\\*\\<b\\>" in words(app)


def test_who_counted_moves_the_ranges(start: Start) -> None:
    app = press(drop(start(), GOOD), "Replay it")
    assert "nobody knows which model counted" in words(app)
    app = picker(app, "Tokens were counted by").select("big").run()
    assert not app.exception
    assert "the log was counted by big" in words(app)
    expected = planner.replay(loads(SMALL), read_log(GOOD.encode()), counted_by="big")
    low, _, high = expected.strategies["omni-only"].costs("economic")
    assert low == high
    assert "(" not in app.dataframe[0].value.iloc[0]["omni-only"]


def test_a_load_that_is_too_much_is_told(start: Start, tmp_path: Path) -> None:
    broken = SMALL.replace("run: {seed: 3", "run: {max_in_flight: 5, seed: 3")
    (tmp_path / "small.yaml").write_text(broken, encoding="utf-8")
    at_once = "t_s,input_tokens,output_tokens\n" + "0,100,10\n" * 50
    app = press(drop(start(), at_once), "Replay it")
    assert not app.exception
    assert "in flight" in words(app)


def test_three_logs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    memory: dict[str, object] = {}
    monkeypatch.setattr(logs.st, "session_state", memory)
    names = [logs.keep(read_log(f"t,input_tokens,output_tokens\n0,{k},1\n".encode())) for k in range(4)]
    assert logs.kept(names[0]) is None
    assert [found.input_tokens.tolist() for name in names[1:] if (found := logs.kept(name))] == [
        [1],
        [2],
        [3],
    ]


def test_figures_are_written_with_what_tokens_may_make_of_them() -> None:
    money = logs.Spread(central=Decimal("1234.4"), low=Decimal("999.5"), high=Decimal(2000))
    assert logs.spread(money, "USD") == "1,234 (999.50 to 2,000)"
    assert logs.spread(logs.Spread(central=1.5, low=1.0, high=2.0), "s") == "1.50 (1 to 2) s"
    assert logs.spread(logs.Spread(central=0.5, low=0.5, high=0.5), "share") == "50.0 %"
    assert logs.spread(logs.Spread(central=None, low=None, high=None), "s") == text.DASH
