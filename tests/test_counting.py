"""Tokens of pasted texts: against published examples, against another program, and without a network."""

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from planner import counting
from planner.catalogue import models
from planner.counting import Counted, TextTooLong, count_tokens, published_vocabulary

GOLDEN = json.loads((Path(__file__).parent / "golden" / "token_counts.json").read_text(encoding="utf-8"))
MODEL_OF = {"o200k_base": "gpt-4o-2024-11-20", "cl100k_base": "gpt-4-turbo-2024-04-09"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a socket fails."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("counting opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


# OpenAI cookbook, "How to count tokens with tiktoken" (github.com/openai/openai-cookbook, examples), its table of encodings.
PUBLISHED = [
    ("antidisestablishmentarianism", {"cl100k_base": 6, "o200k_base": 6}),
    ("2 + 2 = 4", {"cl100k_base": 7, "o200k_base": 7}),
    ("お誕生日おめでとう", {"cl100k_base": 9, "o200k_base": 8}),
    ("tiktoken is great!", {"cl100k_base": 6, "o200k_base": 6}),
    ("hello world", {"cl100k_base": 2, "o200k_base": 2}),
]


@pytest.mark.parametrize("vocabulary", MODEL_OF)
@pytest.mark.parametrize(("text", "counts"), PUBLISHED)
def test_a_published_example_is_counted_as_published(
    text: str, counts: dict[str, int], vocabulary: str
) -> None:
    assert count_tokens(text, MODEL_OF[vocabulary]).tokens == counts[vocabulary]


@pytest.mark.parametrize("vocabulary", MODEL_OF)
@pytest.mark.parametrize("row", GOLDEN["counts"], ids=lambda row: ascii(row["text"][:20]))
def test_every_text_has_as_many_tokens_as_openais_own_program_counts(
    row: dict[str, Any], vocabulary: str
) -> None:
    found = count_tokens(row["text"], MODEL_OF[vocabulary])
    assert found.tokens == row[vocabulary]
    assert not found.is_estimate
    assert found.how == f"counted with {vocabulary}, the vocabulary of {MODEL_OF[vocabulary]}"


def test_the_two_vocabularies_are_told_apart() -> None:
    assert any(row["o200k_base"] != row["cl100k_base"] for row in GOLDEN["counts"])


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("o1-mini", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5.6-luna", "o200k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("gpt-oss-20b", "o200k_harmony"),
        ("o100-turbo", None),
        ("gpt-6-sol", None),
        ("gpt-audio", None),
        ("claude-haiku-5-5", None),
        ("mine", None),
    ],
)
def test_a_model_is_counted_with_its_own_vocabulary_only(model: str, vocabulary: str | None) -> None:
    assert published_vocabulary(model) == vocabulary
    assert count_tokens("hello world", model).is_estimate == (vocabulary is None)


@pytest.mark.parametrize("name", models.names())
def test_a_model_of_another_maker_is_never_said_to_be_counted_exactly(name: str) -> None:
    if models.model(name).vendor != "OpenAI":
        found = count_tokens("hello world", name)
        assert found.is_estimate
        assert found.how.startswith("estimated with o200k_base, a vocabulary of OpenAI's: ")
        assert name in found.how


def test_without_a_model_the_newest_vocabulary_gives_an_estimate() -> None:
    found = count_tokens("お誕生日おめでとう")
    assert (found.tokens, found.is_estimate) == (8, True)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100)]
)
def test_without_the_package_four_characters_are_a_token_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, text: str, tokens: int
) -> None:
    monkeypatch.setitem(sys.modules, "toktok", None)  # makes the import fail
    found = count_tokens(text, "gpt-4o")
    assert found == Counted(tokens=tokens, how=found.how, is_estimate=True)
    assert found.how.startswith("estimated at 4 characters a token")


def test_half_a_surrogate_pair_is_counted_and_raises_nothing() -> None:
    assert count_tokens("a\ud800b", "gpt-4o").tokens == count_tokens("a?b", "gpt-4o").tokens


def test_a_megabyte_is_counted_within_seconds_and_more_is_refused() -> None:
    text = "word " * (counting.MOST_CHARACTERS // 5)
    began_s = time.process_time()
    assert count_tokens(text, "gpt-4o").tokens == pytest.approx(len(text) / 5, rel=0.01)
    assert time.process_time() - began_s < 5
    with pytest.raises(TextTooLong, match=r"1,000,001 characters; at most 1,000,000"):
        count_tokens(text + "x", "gpt-4o")


def test_a_long_run_without_a_word_border_does_not_take_quadratic_time() -> None:
    began_s = time.process_time()
    assert count_tokens("a" * counting.MOST_CHARACTERS, "gpt-4o").tokens == 125_000  # eight letters a token
    assert time.process_time() - began_s < 5
