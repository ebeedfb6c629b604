"""Scenarios of one's own: nothing is lost, nothing outside their folder is read or written."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from app import own, state
from app.own import ChangedMeanwhile, OwnError
from planner.errors import ScenarioError
from tests.app.library import SMALL, write_library


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of one's own, which does not exist yet."""
    folder = tmp_path / "mine"
    monkeypatch.setenv(own.VARIABLE, str(folder))
    return folder


def failing(number: int) -> Any:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_what_is_saved_is_the_text_as_written_and_the_folder_is_made_when_first_needed(mine: Path) -> None:
    assert own.files() == {}
    assert not mine.exists()
    own.save("my/chat", "# why\nname: Größe\n")
    assert own.files() == {"my/chat": mine / "chat.yaml"}
    assert own.read("my/chat") == "# why\nname: Größe\n"
    assert [file.name for file in mine.iterdir()] == ["chat.yaml"]


def test_the_library_shows_own_scenarios_as_my_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shipped").mkdir()
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path / "shipped")))
    own.save("my/chat", SMALL)
    files = state.library()
    assert list(files) == ["support-chatbot", "broken", "recording", "my/chat"]
    assert state.scenario_of(files["my/chat"]).name == "Small chat"
    address, notices = state.read({"v": "1", "scenario": "my/chat", "run.seed": "9"}, files)
    assert (address.scenario, address.values, notices) == ("my/chat", {"run.seed": 9}, ())


def test_names_are_made_of_words_and_the_second_of_a_name_gets_a_number() -> None:
    assert own.free_name("Our chat!") == "my/our-chat"
    own.save("my/our-chat", "a: 1\n")
    assert own.free_name("Our chat!") == "my/our-chat-2"
    assert own.free_name("Our chat!", ("my/our-chat-2",)) == "my/our-chat-3"
    assert own.free_name("../../etc/passwd") == "my/etc-passwd"
    assert own.free_name("x" * 500) == "my/" + "x" * own.MOST_CHARACTERS


@pytest.mark.parametrize("name", ["my/../x", "my/", "my/A", "my/-a", "chat", "my/a/b", "my/a.b"])
def test_no_other_name_reaches_a_file(name: str) -> None:
    for action in (own.read, own.delete, lambda name: own.save(name, "a: 1\n")):
        with pytest.raises(OwnError, match="no name"):
            action(name)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "no permission")]
)  # fmt: skip
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_failed_save_says_why_and_leaves_the_old_text(
    mine: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, where: str
) -> None:
    own.save("my/chat", "old: 1\n")
    with monkeypatch.context() as broken:
        broken.setattr(os, where, failing(number))
        with pytest.raises(OwnError, match=words):
            own.save("my/chat", "new: 1\n", opened="old: 1\n")
    assert own.read("my/chat") == "old: 1\n"
    assert [file.name for file in mine.iterdir()] == ["chat.yaml"]


def test_a_folder_that_cannot_be_made_is_told(mine: Path) -> None:
    mine.write_text("a file where the folder should be", encoding="utf-8")
    assert own.files() == {}
    with pytest.raises(OwnError, match="Nothing was saved"):
        own.save("my/chat", "a: 1\n")


def test_a_file_that_another_window_saved_is_not_overwritten() -> None:
    own.save("my/chat", "one: 1\n")
    own.save("my/chat", "two: 2\n", opened="one: 1\n")
    for opened in ("one: 1\n", None):
        with pytest.raises(ChangedMeanwhile):
            own.save("my/chat", "three: 3\n", opened=opened)
    assert own.read("my/chat") == "two: 2\n"


def test_what_is_deleted_can_be_brought_back_even_if_its_name_was_taken_meanwhile() -> None:
    own.save("my/chat", "a: 1\n")
    gone = own.delete("my/chat")
    assert own.files() == {}
    own.save("my/chat", "b: 2\n")
    assert own.restore(gone) == "my/chat-2"
    assert own.read("my/chat-2") == "a: 1\n"
    assert own.read("my/chat") == "b: 2\n"


def test_renaming_onto_another_is_refused() -> None:
    own.save("my/a", "a: 1\n")
    own.save("my/b", "b: 1\n")
    with pytest.raises(OwnError, match="exists already"):
        own.rename("my/a", "my/b")
    own.rename("my/a", "my/c")
    assert set(own.files()) == {"my/b", "my/c"}


def test_sizes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OwnError, match="1,000,000 are kept"):
        own.save("my/a", "x" * (own.MOST_BYTES + 1))
    monkeypatch.setattr(own, "MOST_FILES", 1)
    own.save("my/a", "a: 1\n")
    with pytest.raises(OwnError, match="delete some first"):
        own.save("my/b", "b: 1\n")


@pytest.mark.parametrize(
    "file", ["/etc/passwd", "../secret", "a/../../b", "C:\\x", "\\\\host\\share", "..\\x", "C:x", "a\0b"]
)
def test_a_text_of_a_users_reads_no_file_outside_its_folder(mine: Path, file: str) -> None:
    law = SMALL.replace("input_tokens: 500", f"input_tokens: {{empirical: {file!r}}}", 1)
    assert law != SMALL
    problems = own.files_outside({"tasks": {"faq": {"input_tokens": {"empirical": file}}}})
    assert [problem.field for problem in problems] == ["tasks.faq.input_tokens.empirical"]
    with pytest.raises(ScenarioError) as told:
        own.scenario_of(law.replace("a\\x00b", "a/../../b"), "my/chat")
    assert any("without .." in str(problem) for problem in told.value.problems) or "control" in str(
        told.value
    )


def test_a_number_file_in_the_folder_is_read(mine: Path) -> None:
    mine.mkdir()
    (mine / "sizes.txt").write_text("100\n300\n", encoding="utf-8")
    text = SMALL.replace("input_tokens: 500", "input_tokens: {empirical: sizes.txt}", 1)
    assert own.scenario_of(text, "my/chat").tasks["faq"].input_tokens.mean == 200


@pytest.mark.parametrize(
    "parameter", ["traffic.trace.file", "traffic[trace][file]", "tasks.faq.input_tokens.empirical"]
)
def test_a_link_reads_no_file_outside_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameter: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("token\nverysecret\n", encoding="utf-8")
    (tmp_path / "shipped").mkdir()
    monkeypatch.setenv(state.LIBRARY_VARIABLE, str(write_library(tmp_path / "shipped")))
    for given in (str(secret), "../secret"):
        address, notices = state.read({"scenario": "support-chatbot", parameter: given}, state.library())
        assert address.values == {}
        assert "without .." in notices[0]
        assert "verysecret" not in " ".join(notices)


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/llm-traffic-planner/scenarios"),
        ("linux", {}, "/home/x/.local/share/llm-traffic-planner/scenarios"),
        ("darwin", {}, "/home/x/Library/Application Support/llm-traffic-planner/scenarios"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/llm-traffic-planner/scenarios"),
    ],
)
def test_the_folder_is_where_each_system_keeps_data(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    for name in (own.VARIABLE, "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("app.own.sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/x"))
    assert own.folder() == Path(expected)
