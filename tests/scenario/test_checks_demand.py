from pathlib import Path

import pytest

from tests.scenario.samples import BASE, notices_with, problems, problems_with, scenario


def test_something_must_say_how_much_traffic_there_is() -> None:
    assert problems_with({"traffic": {}}) == [
        "traffic: nothing says how many requests come; give requests_per_month, users or trace"
    ]
    assert problems_with({"traffic.users": {"active_per_day": 5}}) == [
        "traffic.users: given beside traffic.requests_per_month; give one of them"
    ]
    users = scenario(
        {
            "traffic": {
                "users": {"active_per_day": 10, "conversations_per_day": 2},
                "sessions": {"turns_mean": 3},
            }
        }
    )
    assert users.requests_per_month() == pytest.approx(10 * 2 * 3 * 365.25 / 12)


def test_shares_are_given_for_all_tasks_or_for_none_and_sum_to_one() -> None:
    assert problems_with({"tasks": {"a": {"share": 0.6}, "b": {"share": 0.3}}, "models.m.ability": {}}) == [
        "tasks: got shares that sum to 0.9 (0.6 + 0.3); allowed: shares that sum to 1"
    ]
    assert problems_with({"tasks": {"a": {"share": 0.6}, "b": {}, "c": {}}})[0] == (
        "tasks: a share is given for a but not for b and c; give all shares, or none for equal ones"
    )
    tenths = {f"t{i}": {"share": 0.1} for i in range(10)}
    assert problems_with({"tasks": tenths, "models.m.ability": {}}) == []
    third = {"a": {"share": 1 / 3}, "b": {"share": 1 / 3}, "c": {"share": 0.3333333}}
    assert problems_with({"tasks": third, "models.m.ability": {}})[0].startswith(
        "tasks: got shares that sum to 0.9999999"
    )


def test_images_need_vision_and_vision_needs_images() -> None:
    image = [{"width_px": 100, "height_px": 100}]
    assert problems_with({"tasks.faq.images": image}) == [
        "tasks.faq.images: given, but vision is not among the task's modalities, ['text']"
    ]
    only_a = {"strategies": {"s": {"omni": ["a"]}}}
    assert problems_with({"tasks.faq.modalities": ["text", "vision"], **only_a}) == [
        "tasks.faq.modalities: vision needs images: [{width_px, height_px}]"
    ]
    assert (
        problems_with({"tasks.faq.modalities": ["text", "vision"], "tasks.faq.images": image, **only_a}) == []
    )
    assert problems_with({"tasks.faq.modalities": ["text", "text"]}) == [
        "tasks.faq.modalities: got ['text', 'text']; allowed: each modality once"
    ]


def test_speech_needs_audio_and_audio_needs_speech() -> None:
    assert problems_with({"tasks.faq.audio": {"input_s": 5}}) == [
        "tasks.faq.audio: given, but audio is not among the task's modalities, ['text']"
    ]
    talk = {
        "deployments.a.model": "gpt-4o-audio-preview-2024-12-17",
        "strategies": {"s": {"omni": ["a"]}},
        "tasks.faq.modalities": ["text", "audio"],
    }
    assert problems_with(talk) == ["tasks.faq.modalities: audio needs audio: {input_s, output_s}"]
    assert problems_with({**talk, "tasks.faq.audio": {"input_s": 5}}) == []


def test_an_evaluation_belongs_to_a_model_that_some_strategy_uses() -> None:
    assert problems_with(
        {"tasks.faq.accuracy": {"gpt-4o-2024-08-06": 0.9, "m": 0.8, "gpt-4o-2024-08-07": 0.9}}
    ) == [
        "tasks.faq.accuracy.gpt-4o-2024-08-07: no strategy uses a model 'gpt-4o-2024-08-07'; "
        "did you mean gpt-4o-2024-08-06?"
    ]
    successor = {
        "finance.migrations": [{"at": "2025-06-01", "from": "gpt-4o-2024-08-06", "to": "gpt-4o-2024-11-20"}]
    }
    assert problems_with({"tasks.faq.accuracy": {"gpt-4o-2024-11-20": 0.9}, **successor}) == []


def test_an_ability_belongs_to_a_task() -> None:
    assert problems_with({"models.m.ability": {"fak": 1}}) == [
        "models.m.ability.fak: got 'fak'; allowed: a name under tasks; did you mean faq?"
    ]


def test_a_gate_on_private_data_without_any_is_noticed() -> None:
    assert (
        "slo.sensitive_outside: no task has sensitive requests, so every strategy meets this target"
        in notices_with({"slo.sensitive_outside": 0})
    )
    assert (
        "tasks.faq.slo.sensitive_outside: the task has no sensitive requests, so every strategy meets this target"
        in notices_with({"tasks.faq.slo.sensitive_outside": 0})
    )
    assert notices_with({"slo.sensitive_outside": 0, "tasks.faq.sensitive": 0.1}) == notices_with({})


def test_a_target_on_accuracy_with_unrated_models_is_noticed() -> None:
    assert notices_with({"slo.accuracy": 0.8, "models.m.ability": {}}) == [
        "tasks.faq: answers of m are unrated here and do not count towards slo.accuracy; give tasks.faq.accuracy"
    ]
    assert notices_with({"slo.accuracy": 0.8}) == []


# -- recordings --------------------------------------------------------------------------------------

ROW = {"arrival_s": 0, "input_tokens": 10, "output_tokens": 5}


def test_a_recording_must_be_there_in_a_format_that_is_read(tmp_path: Path) -> None:
    assert problems_with({"traffic": {"trace": {"file": "day.txt"}}}) == [
        "traffic.trace.file: got 'day.txt'; allowed: a file that ends in .csv or .parquet"
    ]
    assert problems_with({"traffic": {"trace": {"file": "no-such-recording.csv"}}}) == [
        "traffic.trace.file: got 'no-such-recording.csv'; allowed: a file; none of that name is in the working directory"
    ]
    (tmp_path / "day.csv").write_text("arrival_s,input_tokens,output_tokens\n0,1,1\n")
    assert problems_with({"traffic": {"trace": {"file": str(tmp_path / "day.csv")}}}) == []


def test_a_recording_is_looked_for_beside_the_scenario_file(tmp_path: Path) -> None:
    from tests.scenario.samples import SMALLEST

    text = SMALLEST.replace("{requests_per_month: 1000}", "{trace: {file: day.csv}}")
    assert problems(text, folder=tmp_path) == [
        "<text>:2: traffic.trace.file: got 'day.csv'; allowed: a file; none of that name is beside the scenario file"
    ]
    (tmp_path / "day.csv").write_text("arrival_s,input_tokens,output_tokens\n0,1,1\n")
    assert problems(text, folder=tmp_path) == []


def test_columns_have_our_names() -> None:
    columns = {
        "arrival_s": "TIME",
        "inputtokens": "IN",
        "output_tokens": "OUT",
        "correct.m": "OK",
        "correct.n": "KO",
    }
    found = problems_with(
        {"traffic": {"trace": {"rows": [{"TIME": 0, "IN": 1, "OUT": 2}], "columns": columns}}}
    )
    assert found == [
        "traffic.trace.columns.inputtokens: no such column; did you mean input_tokens?",
        "traffic.trace.columns[correct.n]: no strategy uses a model 'n'; known here: gpt-4o-2024-08-06, m",
    ]


def test_rows_have_our_columns_and_our_tasks() -> None:
    rows = [ROW, {**ROW, "tsk": "faq"}, {"arrival_s": 1, "input_tokens": 1}, {**ROW, "task": "fak"}]
    assert problems_with({"traffic": {"trace": {"rows": rows}}}) == [
        "traffic.trace.rows[1].tsk: no such column; did you mean task?",
        "traffic.trace.rows[2]: no output_tokens; every row needs one",
        "traffic.trace.rows[3].task: got 'fak'; allowed: a name under tasks; did you mean faq?",
    ]
    assert (
        problems_with({"traffic": {"trace": {"rows": [{**ROW, "router_score": 0.5, "output_tokens.m": 3}]}}})
        == []
    )
    assert problems_with({"traffic": {"trace": {"rows": []}}}) == [
        "traffic.trace.rows: got an empty list; allowed: at least one row"
    ]


def test_the_sample_itself_is_sound() -> None:
    assert problems(BASE) == []
    assert notices_with({}) == []
