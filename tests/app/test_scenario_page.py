"""The page "Scenario" without a browser: gallery, text and widgets, files of one's own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import gallery, own, state
from planner.scenario import load, loads
from tests.app.library import SMALL, write_library

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
PAGE = "screens/scenario.py"
TEXT = (
    "# ours\n" + SMALL.strip().replace("growth_per_month: 0.02}", "growth_per_month: 0.020} # guessed") + "\n"
)
Start = Callable[..., AppTest]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mine"
    monkeypatch.setenv(own.VARIABLE, str(folder))
    return folder


@pytest.fixture
def start(tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    (tmp_path / "library").mkdir()
    write_library(tmp_path / "library")
    (tmp_path / "library" / "support-chatbot.yaml").write_text(TEXT, encoding="utf-8")
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(tmp_path / "library"))

    def run(edit: str = "", **params: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        app.switch_page(PAGE)
        for name, value in params.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        if edit:
            app.button(key=f"edit {edit}").click().run()
        return app

    return run


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.success, app.warning, app.error, app.info, app.title)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [one for one in app.button if one.label == label]
    button.click().run()
    assert not app.exception
    return app


def type_text(app: AppTest, text: str) -> AppTest:
    app.text_area[0].set_value(text).run()
    assert not app.exception
    return app


def number(app: AppTest, label: str) -> Any:
    (found,) = [one for one in app.number_input if one.label.removeprefix("● ") == label]
    return found


# -- gallery -----------------------------------------------------------------------------------------


def test_the_gallery_shows_questions_and_tags_of_the_library_and_what_is_broken(start: Start) -> None:
    app = start()
    shown = texts(app)
    assert "### Small chat" in shown
    assert "Omni, mini or both?" in shown
    assert (
        ":gray-badge[400,000 requests/month] :gray-badge[12 months] :gray-badge[3 strategies] :gray-badge[text]"
        in shown
    )
    assert ":gray-badge[a recording]" in shown
    assert "problems to mend before it runs" in shown
    assert app.button(key="open broken").disabled


def test_tags_of_the_shipped_library_are_what_the_files_say() -> None:
    voice = load(state.LIBRARY / "voice-assistant.yaml")
    assert gallery.tags(voice) == ("511,350 requests/month", "24 months", "4 strategies", "text + speech")
    chat = load(state.LIBRARY / "support-chatbot.yaml")
    assert gallery.tags(chat) == ("2 million requests/month", "36 months", "3 strategies", "text")


def test_open_leads_to_the_comparison_of_that_scenario(start: Start) -> None:
    app = start()
    app.button(key="open support-chatbot").click().run()
    assert not app.exception
    assert app.title[0].value == "Small chat"
    assert len(app.metric) == 3
    assert app.query_params == {"v": "1", "scenario": "support-chatbot"}


def test_own_scenarios_come_first(start: Start) -> None:
    own.save("my/chat", SMALL.replace("Small chat", "My chat"))
    shown = texts(start())
    assert shown.index("### My chat") < shown.index("### Small chat")


# -- text and widgets --------------------------------------------------------------------------------


def test_a_widget_writes_its_value_into_the_text_and_comments_stay(start: Start) -> None:
    app = start("support-chatbot")
    number(app, "Growth per month").set_value(0.05).run()
    assert app.text_area[0].value == TEXT.replace(
        "growth_per_month: 0.020} # guessed", "growth_per_month: 0.05} # guessed"
    )
    assert "Unsaved changes" in texts(app)
    assert "● Growth per month" in [one.label for one in app.number_input]
    press(app, "↺")
    assert app.text_area[0].value == TEXT
    assert "Unsaved changes" not in texts(app)


def test_a_field_that_was_added_by_a_widget_goes_with_the_way_back(start: Start) -> None:
    app = start("support-chatbot")
    app.pills[0].set_value("run").run() if hasattr(app, "pills") else app.button_group[1].set_value(
        ["run"]
    ).run()
    app.toggle[0].set_value(True).run()
    number(app, "Max in flight (requests)").set_value(5000).run()
    assert "window_s: 120, max_in_flight: 5000}" in app.text_area[0].value
    press(app, "↺")
    assert app.text_area[0].value == TEXT


def test_widgets_follow_the_text(start: Start) -> None:
    app = start("support-chatbot")
    type_text(app, TEXT.replace("0.020} # guessed", "0.07} # guessed"))
    assert number(app, "Growth per month").value == 0.07
    press(app, "Undo")
    assert app.text_area[0].value == TEXT
    assert number(app, "Growth per month").value == 0.02


def test_a_mistake_in_the_text_is_told_at_its_line_and_at_its_field(start: Start) -> None:
    app = start("support-chatbot")
    type_text(app, TEXT.replace("growth_per_month: 0.020", "growth_per_month: fast"))
    shown = texts(app)
    assert "1 problem" in shown
    line = next(k for k, one in enumerate(TEXT.splitlines(), 1) if "growth_per_month" in one)
    assert (
        f"Line {line}: `traffic: {{requests_per_month: 400000, growth_per_month: fast}} # guessed`" in shown
    )
    assert "got the text 'fast'" in shown
    at_field = [one.value for one in app.markdown if one.value.startswith(":red[✗ got")]
    assert len(at_field) == 1
    assert "last was without a problem" in shown
    assert number(app, "Growth per month").value == 0.02
    assert [one.disabled for one in app.button if one.label == "Save and compare"] == [True]
    number(app, "Growth per month").set_value(0.03).run()  # the field mends the text
    assert "growth_per_month: 0.03} # guessed" in app.text_area[0].value
    assert "No problems" in texts(app)


def test_a_mistyped_key_is_told_with_what_was_meant(start: Start) -> None:
    app = start("broken")
    shown = texts(app)
    assert "did you mean requests_per_month?" in shown
    assert "The fields appear here" in shown
    assert not app.number_input


def test_text_that_is_no_yaml_keeps_the_fields_and_is_not_written_into(start: Start) -> None:
    app = start("support-chatbot")
    broken = TEXT + "x: [1\n"
    type_text(app, broken)
    assert "not readable as YAML" in texts(app)
    number(app, "Growth per month").set_value(0.09).run()
    assert app.text_area[0].value == broken
    assert "mend it first" in texts(app)


def test_markup_in_a_scenario_is_shown_as_text(start: Start) -> None:
    app = start("support-chatbot")
    type_text(app, TEXT.replace("name: Small chat", 'name: "[x](http://evil.example) <b>"\nbad`: "`$x$"'))
    assert not app.exception
    assert not any("[x](http" in one.value for one in app.markdown)


# -- files of one's own ------------------------------------------------------------------------------


def test_saving_a_shipped_scenario_makes_a_copy_and_leaves_the_file(
    start: Start, tmp_path: Path, mine: Path
) -> None:
    app = start("support-chatbot")
    number(app, "Growth per month").set_value(0.05).run()
    saved = app.text_area[0].value
    press(app, "Save")
    assert (mine / "small-chat.yaml").read_text(encoding="utf-8") == saved
    assert (tmp_path / "library" / "support-chatbot.yaml").read_text(encoding="utf-8") == TEXT
    assert "Saved as my/small-chat" in texts(app)
    assert "Unsaved changes" not in texts(app)
    number(app, "Growth per month").set_value(0.06).run()
    press(app, "Save")
    assert sorted(file.name for file in mine.iterdir()) == ["small-chat.yaml"]
    assert loads((mine / "small-chat.yaml").read_text(encoding="utf-8")).traffic.growth_per_month == 0.06


def test_save_and_compare_compares_what_was_saved(start: Start) -> None:
    app = start("support-chatbot")
    type_text(app, TEXT.replace("Small chat", "Bigger chat").replace("400000", "900000"))
    press(app, "Save and compare")
    assert app.title[0].value == "Bigger chat"
    assert app.query_params == {"v": "1", "scenario": "my/bigger-chat"}
    assert 900_000 in [one.value for one in (*app.number_input, *app.select_slider)]


def test_duplicate_rename_delete_and_undo(start: Start, mine: Path) -> None:
    app = start()
    app.button(key="duplicate support-chatbot").click().run()
    assert [file.name for file in mine.iterdir()] == ["small-chat-copy.yaml"]
    assert "name: Small chat (copy)\n" in app.text_area[0].value
    app.text_input(key="scenario:title").set_value("Plan B")
    press(app, "Rename now")
    assert [file.name for file in mine.iterdir()] == ["plan-b.yaml"]
    assert "name: Plan B\n" in app.text_area[0].value
    assert "# guessed" in app.text_area[0].value
    type_text(app, app.text_area[0].value + "# more\n")
    press(app, "Delete")
    assert own.files() == {}
    assert "Deleted **my/plan-b**" in texts(app)
    press(app, "Undo")
    assert list(own.files()) == ["my/plan-b"]
    assert app.text_area[0].value.endswith("# more\n")  # what was not saved came back, too
    assert "# more" not in own.read("my/plan-b")
    assert "Unsaved changes" in texts(app)


def test_unsaved_changes_survive_another_page_and_are_told_there(start: Start) -> None:
    app = start("support-chatbot")
    type_text(app, TEXT + "# typed\n")
    app.switch_page("screens/tco.py").run()
    assert not app.exception
    app.switch_page(PAGE).run()
    assert app.text_area[0].value == TEXT + "# typed\n"
    app.session_state["scenario:view"] = "Gallery"
    app.run()
    assert "Unsaved changes** in support-chatbot" in texts(app)
    app.button(key="scenario:go on support-chatbot").click().run()
    press(app, "Give up changes")
    assert app.text_area[0].value == TEXT


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser writes everywhere")
def test_a_folder_that_is_read_only_loses_nothing(start: Start, mine: Path) -> None:
    mine.mkdir()
    mine.chmod(0o500)
    try:
        app = start("support-chatbot")
        type_text(app, TEXT + "# typed\n")
        press(app, "Save")
    finally:
        mine.chmod(0o700)
    assert "no permission" in texts(app)
    assert app.text_area[0].value == TEXT + "# typed\n"
    assert "Unsaved changes" in texts(app)


def test_a_full_disk_loses_nothing(start: Start, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = start("support-chatbot")
    type_text(app, TEXT + "# typed\n")

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.own.os.fsync", full)
    press(app, "Save")
    assert "the disk is full" in texts(app)
    assert app.text_area[0].value == TEXT + "# typed\n"
    assert list(mine.iterdir()) == []


def test_a_scenario_that_another_window_saved_becomes_a_second_one(start: Start) -> None:
    own.save("my/chat", TEXT)
    app = start("my/chat")
    type_text(app, TEXT + "# typed\n")
    own.save("my/chat", TEXT + "# theirs\n", opened=TEXT)
    press(app, "Save")
    assert own.read("my/chat") == TEXT + "# theirs\n"
    assert own.read("my/small-chat") == TEXT + "# typed\n"
    assert "changed from another window" in texts(app)


def test_changes_of_the_comparison_can_be_written_into_the_text(start: Start) -> None:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["scenario"] = "support-chatbot"
    app.query_params["traffic.growth_per_month"] = "0.06"
    app.run()
    assert not app.exception
    app.switch_page(PAGE).run()
    app.button(key="edit support-chatbot").click().run()
    press(app, "Write into the text")
    assert app.text_area[0].value == TEXT.replace("0.020} # guessed", "0.06} # guessed")


# -- import ------------------------------------------------------------------------------------------


def drop(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].set_value((name, content, "application/yaml")).run()
    assert not app.exception
    return app


def test_a_broken_file_is_imported_to_be_mended(start: Start, mine: Path) -> None:
    app = drop(start(), "Our plan.yaml", TEXT.replace("0.020}", "lots}").encode())
    assert "lots} # guessed" in app.text_area[0].value
    assert "It is not saved yet" in texts(app)
    assert "got the text 'lots'" in texts(app)
    assert not mine.exists()
    type_text(app, TEXT)
    press(app, "Save")
    assert list(own.files()) == ["my/our-plan"]


def test_what_is_no_text_is_refused(start: Start) -> None:
    app = drop(start(), "x.yaml", b"\xff\xfe\x00")
    assert "no text in UTF-8" in texts(app)
    assert not app.text_area


def test_an_imported_file_names_no_file_outside_its_folder(start: Start) -> None:
    text = TEXT.replace("input_tokens: 500", "input_tokens: {empirical: /etc/passwd}")
    app = drop(start(), "x.yaml", text.encode())
    assert "without .. and not absolute" in texts(app)
    assert "root:" not in texts(app)


def test_a_gateway_configuration_is_read_into_a_scenario(start: Start) -> None:
    secret = "sk-very-secret-0123456789"
    given = (
        f"model_list: [{{model_name: chat, litellm_params: {{model: openai/gpt-5.6, api_key: {secret}}}}}]"
    )
    app = drop(start(), "config.yaml", given.encode())
    assert "strategies:" in app.text_area[0].value
    assert secret not in app.text_area[0].value + texts(app)
    assert "No problems" in texts(app)
