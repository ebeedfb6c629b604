import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import ScenarioError
from planner.scenario import load
from planner.scenario.reading import read_text
from planner.scenario.yaml_nodes import MAX_CHARACTERS, MAX_NODES, read_yaml


def problems(text: str) -> list[str]:
    return [str(problem) for problem in read_yaml(text, "f.yaml").problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1.", 1.0),
        (".5e3", 500.0),
        ("1e-3", 0.001),
        ("12.50", 12.5),
        ("12:30", "12:30"),
        ("2027-01-01", "2027-01-01"),
        ("1.2.3", "1.2.3"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("'12'", "12"),
        ('"no"', "no"),
        ("'012'", "012"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    document = read_yaml(f"a: {text}")
    assert document.problems == ()
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "012",
            "got 012; allowed: 12 (some readers take a leading zero for octal), or '012' in quotes if text is meant",
        ),
        (
            "-007",
            "got -007; allowed: 7 (some readers take a leading zero for octal), or '-007' in quotes if text is meant",
        ),
        ("0o17", "got 0o17; allowed: a decimal number, or '0o17' in quotes if text is meant"),
        ("0x1F", "got 0x1F; allowed: a decimal number, or '0x1F' in quotes if text is meant"),
        ("0b101", "got 0b101; allowed: a decimal number, or '0b101' in quotes if text is meant"),
        ("1_000", "got 1_000; allowed: a number without underscores, or '1_000' in quotes if text is meant"),
        (
            "1_0.5e1_0",
            "got 1_0.5e1_0; allowed: a number without underscores, or '1_0.5e1_0' in quotes if text is meant",
        ),
        (".nan", "got .nan; allowed: a finite number (null switches a limit off)"),
        ("-.Inf", "got -.Inf; allowed: a finite number (null switches a limit off)"),
        ("1e400", "got 1e400; allowed: a finite number"),
        ("9" * 41, f"got {'9' * 41}; allowed: a number of at most 40 digits"),
        ("!!str 5", "got the tag !!str; allowed: values without tags"),
        ("!point {x: 1}", "got the tag !point; allowed: values without tags"),
        ("*b", "got the alias *b; allowed: an alias of an earlier value; no anchor of that name before it"),
        (
            "&s [1, *s]",
            "got the alias *s; allowed: an alias of an earlier value; it stands inside the value it names",
        ),
        (r'"\0"', "got the control character U+0000; allowed: text"),
        (r'"\ud800"', "got the control character U+D800; allowed: text"),
    ],
)
def test_what_readers_disagree_about_is_one_problem_with_its_line(text: str, message: str) -> None:
    field = "b.a[1]" if text.startswith("&s") else "b.a"
    assert problems(f"z: 1\nb:\n  a: {text}\n") == [f"f.yaml:3: {field}: {message}"]


def test_reading_goes_on_after_a_bad_scalar() -> None:
    document = read_yaml("a: 012\nb: [1, 0x1, 3]\nc: fine\n", "f.yaml")
    assert [problem.line for problem in document.problems] == [1, 2]
    assert document.unread == {("a",), ("b", 1)}
    assert document.value == {"a": None, "b": [1, None, 3], "c": "fine"}


def test_every_path_has_the_line_of_its_key_or_item() -> None:
    text = "a:\n  b: 1\n  c:\n    - x\n    - y: 2\n      z: 3\nd: {e: 1,\n    f: 2}\n"
    assert read_yaml(text).lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "y"): 5,
        ("a", "c", 1, "z"): 6,
        ("d",): 7,
        ("d", "e"): 7,
        ("d", "f"): 8,
    }


def test_every_duplicate_key_is_reported_and_the_first_value_stands() -> None:
    text = "a: 1\nb: {x: 1, y: 2}\na: 2\nb:\n  x: 9\na: 3\n"
    assert problems(text) == [
        "f.yaml:3: a: the key is given twice; first on line 1",
        "f.yaml:4: b: the key is given twice; first on line 2",
        "f.yaml:6: a: the key is given twice; first on line 1",
    ]
    assert read_yaml(text).value == {"a": 1, "b": {"x": 1, "y": 2}}
    assert read_yaml(text).lines[("b", "x")] == 2


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("1", "1: the key 1 reads as a number; write '1' in quotes if text is meant"),
        ("012", "012: the key 012 reads as a number; write '012' in quotes if text is meant"),
        ("1.5", "[1.5]: the key 1.5 reads as a number; write '1.5' in quotes if text is meant"),
        ("true", "true: the key 'true' reads as a boolean; write it in quotes if text is meant"),
        ("null", "null: the key 'null' reads as null; write it in quotes if text is meant"),
        ("!!str k", "k: got the tag !!str; allowed: keys without tags"),
        ("<<", "<<: merge keys (<<) are not allowed; write the fields out, or use like: for strategies"),
    ],
)
def test_keys_that_are_no_text_are_refused(key: str, message: str) -> None:
    assert problems(f"a: 1\n{key}: {{x: 1}}\n") == [f"f.yaml:2: {message}"]


def test_keys_that_only_yaml_1_1_takes_for_booleans_are_text() -> None:
    assert read_yaml("yes: 1\nno: 2\n'3': 3\n2027-01-01: 4\n").problems == ()


def test_lists_mappings_and_aliases_as_keys_are_refused() -> None:
    assert problems("? [a]\n: 1\n") == ["f.yaml:1: got a list or mapping as a key; allowed: text keys"]
    assert problems("a: &x k\n*x : 1\n") == ["f.yaml:2: got an alias as a key; allowed: text keys"]


def test_a_merge_key_is_one_problem_and_its_fields_are_not_missed() -> None:
    document = read_yaml("base: &b {x: 1, y: 2}\nq:\n  <<: *b\n  y: 3\n")
    assert len(document.problems) == 1
    assert document.value["q"] == {"x": 1, "y": 3}


def test_other_yaml_versions_tags_and_documents_are_refused() -> None:
    assert problems("%YAML 1.1\n---\na: 1\n") == [
        "f.yaml:1: got %YAML 1.1; allowed: YAML 1.2, which needs no such line"
    ]
    assert problems("%YAML 1.2\n---\na: 1\n") == []
    assert problems("%TAG ! tag:x,2000:\n---\na: 1\n") == ["f.yaml:1: got a %TAG line; allowed: no tags"]
    assert problems("a: 1\n---\nb: 2\n") == [
        "f.yaml:2: a second document begins here; one file holds one scenario"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1\n", "f.yaml:2: a tab stands here; YAML indents with blanks only"),
        (
            "a: b: c\n",
            "f.yaml:1: not readable as YAML: mapping values are not allowed here (column 5); "
            "put a text that holds a colon and a blank in quotes",
        ),
        ("a: [1, 2\nb: 3", "f.yaml:2: not readable as YAML: expected ',' or ']', but got ':' (column 2)"),
        ("a: x\x00y", "f.yaml:1: got the control character U+0000; allowed: text"),
        ("a: 1\nb: \x07", "f.yaml:2: got the control character U+0007; allowed: text"),
    ],
)
def test_text_that_is_no_yaml_is_one_problem(text: str, message: str) -> None:
    assert problems(text) == [message]
    assert not read_yaml(text).complete


def test_small_aliases_are_allowed_and_point_to_where_they_are_used() -> None:
    document = read_yaml("a: &x {p50: 1, p95: 2}\nb: *x\nc: [*x, &y 3, *y]\n")
    assert document.problems == ()
    assert document.value == {
        "a": {"p50": 1, "p95": 2},
        "b": {"p50": 1, "p95": 2},
        "c": [{"p50": 1, "p95": 2}, 3, 3],
    }
    assert document.lines[("b",)] == 2


BIG = MAX_CHARACTERS - 50
HOSTILE = {
    "alias bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{c}: &{c} [{','.join(['*' + chr(ord(c) - 1)] * 9)}]\n" for c in "bcdefghij"),
    "chain of aliases": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 99)),
    "10 MB": "a: " + "x " * 5_000_000,
    "deep lists": "[ " * (BIG // 2),
    "deep mappings": "{a: " * (BIG // 4),
    "deep block": "- " * (BIG // 2),
    "deep complex keys": "? " * (BIG // 2),
    "many values": "[" + "a, " * (BIG // 3) + "]",
    "many keys": "".join(f"k{i}: v\n" for i in range(BIG // 10)),
    "one key again and again": "x: y\n" * (BIG // 5),
    "many anchors": "&a " * (BIG // 3),
    "many directives": "%A\n" * (BIG // 3),
    "long tag": "!" * BIG,
    "long number": "a: " + "9" * BIG,
    "open quote": '"' + "x " * (BIG // 2),
    "escapes": '"\\ ' * (BIG // 3),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_in_a_moment(name: str) -> None:
    began = time.process_time()
    document = read_yaml(HOSTILE[name], "f.yaml")
    took_s = time.process_time() - began
    assert document.problems
    assert not document.complete
    assert took_s < 5  # of processor time; well under a second


def test_limits_say_what_they_are() -> None:
    assert problems(HOSTILE["alias bomb"]) == ["f.yaml:6: aliases make more than 100,000 values of this text"]
    assert problems("[" * 40) == ["f.yaml:1: nested deeper than 32 levels"]
    assert problems("[" * 32 + "]" * 32) == []
    assert problems("[" + "1, " * MAX_NODES + "]") == [
        "f.yaml:1: more than 30,000 values in one file; put a long trace into a CSV or Parquet file"
    ]
    assert problems(HOSTILE["10 MB"]) == [
        "f.yaml: larger than 512 KiB; put a long trace into a CSV or Parquet file"
    ]
    assert problems("a: 1\nb: " + "x" * 20_000) == ["f.yaml:2: more than 10,000 characters in one word"]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text(alphabet="ab01:-[]{},&*!|>'\"%#?~<.\n \t\\_xe\x85é", max_size=60))
def test_any_text_gives_a_value_or_problems_and_never_fails(text: str) -> None:
    document = read_yaml(text)
    assert document.complete or document.problems


def read(path: Path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_text(path)
    return [str(problem).replace(str(path), "FILE") for problem in caught.value.problems]


def test_files_that_cannot_be_read_are_one_problem(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("a: b\n" * 1_000_000)
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: caf\xe9\n".encode("latin-1"))
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "support-chatbot.yaml").write_text("a: 1")
    assert read(tmp_path / "big.yaml") == [
        "FILE: larger than 512 KiB; put a long trace into a CSV or Parquet file"
    ]
    assert read(tmp_path / "latin.yaml") == ["FILE:2: not UTF-8 text"]
    assert read(tmp_path / "picture.yaml") == ["FILE:1: not UTF-8 text"]
    assert read(tmp_path / "suport-chatbot.yaml") == [
        "FILE: no such file; did you mean support-chatbot.yaml?"
    ]
    assert read(tmp_path) == ["FILE: a folder, not a file"]


def test_an_endless_file_is_refused() -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("this system has no /dev/zero")
    assert read(endless) == ["FILE: larger than 512 KiB; put a long trace into a CSV or Parquet file"]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    from tests.scenario.samples import SMALLEST

    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert load(path).name == "Smallest"


def test_files_of_others_may_merge_and_group_digits() -> None:
    text = "base: &base {a: 1, b: 2_000}\nx: {<<: *base, a: 3}\ny: {<<: [*base, {c: 4}]}\n"
    found = read_yaml(text, is_foreign=True)
    assert found.problems == ()
    assert found.value["x"] == {"a": 3, "b": 2000}
    assert found.value["y"] == {"a": 1, "b": 2000, "c": 4}
    assert [problem.field for problem in read_yaml(text).problems] == ["base.b", "x.<<", "y.<<"]
