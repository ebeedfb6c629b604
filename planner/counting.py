"""Tokens of a pasted text, counted on this machine.

Comes in: a text and the model that is to read or write it. Goes out: how many tokens it is, how they were counted,
and whether that is an estimate. OpenAI's vocabularies are compiled into the package toktok-rs, so nothing is fetched
(docs/decisions/014-token-counting.md); without the package, or in a text that is too long, 4 characters count as one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from planner.catalogue import models

CHARACTERS_PER_TOKEN = 4  # OpenAI's rule of thumb for English text; other languages need more tokens
MOST_CHARACTERS = 1_000_000  # of one text; the longest window of the catalogue holds about four times as many
NEWEST = "o200k_base"

# Which vocabulary a model of OpenAI's reads, by the start of its name; longer starts first.
# Source: tiktoken 0.14.0, tiktoken/model.py (2026-08-17). Models that it does not name are estimated with the newest.
VOCABULARIES = (
    ("gpt-oss-", "o200k_harmony"),
    ("chatgpt-4o-", "o200k_base"),
    ("gpt-4.5-", "o200k_base"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4o", "o200k_base"),
    ("gpt-5", "o200k_base"),
    ("gpt-35-turbo", "cl100k_base"),
    ("gpt-3.5", "cl100k_base"),
    ("gpt-4-", "cl100k_base"),
    ("o4-mini", "o200k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
)


class TextTooLong(ValueError):
    """A text of more than `MOST_CHARACTERS` characters, which is not counted."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Tokens of a text; `how` says in words how they were counted and, for an estimate, why it is one."""

    tokens: int
    how: str
    is_estimate: bool


def count_tokens(text: str, model: str | None = None) -> Counted:
    """Tokens of a text as a model counts them, special markers such as <|endoftext|> counted as plain text.

    Exact for models of OpenAI's whose vocabulary is published. For those of other makers the count with OpenAI's newest
    vocabulary is an estimate, and `how` says so. What a provider wraps around a message (a few tokens) is not counted.

    Parameters
    ----------
    model : str, optional
        A name or synonym of the catalogue, or any other; without one, OpenAI's newest published vocabulary counts.

    Raises
    ------
    TextTooLong
        The text has more than `MOST_CHARACTERS` characters.

    >>> count_tokens("tiktoken is great!", "gpt-4o-2024-11-20")
    Counted(tokens=6, how='counted with o200k_base, the vocabulary of gpt-4o-2024-11-20', is_estimate=False)
    """
    if len(text) > MOST_CHARACTERS:
        raise TextTooLong(
            f"The text has {len(text):,} characters; at most {MOST_CHARACTERS:,} are counted. Paste a typical one."
        )
    count = _counter()
    if count is None:
        return Counted(
            tokens=-(-len(text) // CHARACTERS_PER_TOKEN),
            how=f"estimated at {CHARACTERS_PER_TOKEN} characters a token: the package toktok-rs is not installed",
            is_estimate=True,
        )
    vocabulary, how, is_estimate = _vocabulary(model)
    return Counted(tokens=count(_whole(text), vocabulary), how=how, is_estimate=is_estimate)


def published_vocabulary(model: str) -> str | None:
    """Name of the vocabulary that tiktoken gives for a model, by its catalogue name where it has one; None for others.

    >>> published_vocabulary("gpt-4o-mini"), published_vocabulary("gpt-4-turbo-2024-04-09")
    ('o200k_base', 'cl100k_base')
    >>> published_vocabulary("claude-sonnet-4-5") is None
    True
    """
    for name in (model, _canonical(model)):
        for start, vocabulary in VOCABULARIES:
            if _begins(name, start):
                return vocabulary
    return None


def _vocabulary(model: str | None) -> tuple[str, str, bool]:
    """The vocabulary to count with, how that reads, and whether the count is an estimate."""
    if model is None:
        why = "no model was named"
        return NEWEST, f"estimated with {NEWEST}, OpenAI's newest published vocabulary: {why}", True
    found = published_vocabulary(model)
    if found is not None:
        return found, f"counted with {found}, the vocabulary of {model}", False
    why = f"the vocabulary of {model} is not shipped, and may give more or fewer"
    return NEWEST, f"estimated with {NEWEST}, a vocabulary of OpenAI's: {why}", True


def _begins(name: str, start: str) -> bool:
    """Whether a name is `start`, or begins with it at the border of a word: o1 is no start of o100."""
    rest = name.removeprefix(start)
    return name.startswith(start) and (not rest or start.endswith("-") or rest[0] in "-.")


def _canonical(model: str) -> str:
    try:
        return models.canonical(model)
    except models.UnknownModel:
        return model


def _whole(text: str) -> str:
    """The text with what no UTF-8 can hold (half a surrogate pair) replaced, as any client would send it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _counter() -> Callable[[str, str], int] | None:
    """Counts a text with a named vocabulary; None without the package."""
    try:
        from toktok import batch_count
    except ImportError:
        return None
    return lambda text, vocabulary: batch_count([text], vocabulary, threads=1)[0]
