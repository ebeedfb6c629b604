"""Contracts of the tables that travel between stages: column, dtype, unit, meaning.

Inside the program moments and periods are int64 nanoseconds since the start of the window (`_ns`)
and names are integer codes; in the DataFrames handed to people they are float seconds (`_s`, NaN
where it never happened) and words. `frame` makes the second from the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

NEVER = -1  # a moment that did not happen, in nanoseconds
UNRATED = -1  # an answer that nobody rated

METERS = (
    "input", "cached_input", "cache_write", "output", "reasoning", "image", "audio_input", "audio_output",
)  # fmt: skip
OUTCOMES = ("ok", "error", "limited", "timeout", "cancelled", "rejected")
OK, ERROR, LIMITED, TIMEOUT, CANCELLED, REJECTED = range(6)

CAUSES = (
    "", "provider-error", "limit", "own-breaker", "queue", "deadline", "timeout", "no-eligible-deployment", "too-large",
    "content-policy", "expired",
)  # fmt: skip
(
    NO_CAUSE, PROVIDER_ERROR, LIMIT, OWN_BREAKER, QUEUE, DEADLINE, TIMED_OUT, NO_ELIGIBLE, TOO_LARGE,
    CONTENT_POLICY, EXPIRED,
) = range(11)  # fmt: skip

# What a call's tokens were wasted by where nobody got an answer for them, by the call's outcome. An ok call is
# waste only where its request failed all the same. Another kind of waste is another word here.
WASTE_OF_OUTCOME = {
    "timeout": "timeout",
    "error": "error", "limited": "error", "cancelled": "hedge", "rejected": "error",
    "ok": "lost-answer",
}  # fmt: skip
WASTES = tuple(dict.fromkeys(WASTE_OF_OUTCOME.values()))
WASTE_BY_OUTCOME = tuple(WASTES.index(WASTE_OF_OUTCOME[word]) for word in OUTCOMES)  # codes by code

TIERS = ("omni", "mini", "rule")
OMNI, MINI, RULE = range(3)

ROLES = ("primary", "retry", "hedge", "mini", "verifier", "omni")
PRIMARY, RETRY, HEDGE, ROLE_MINI, ROLE_VERIFIER, ROLE_OMNI = range(6)

VERIFIER = -2  # deployment code of a verifier's calls
NO_DEPLOYMENT = -1

EVENT_KINDS = ("breaker", "outage")
STATES = ("closed", "open", "half-open", "up", "error", "hang", "degraded", "limited")
CLOSED, OPEN, HALF_OPEN, UP, OUT_ERROR, OUT_HANG, OUT_DEGRADED, OUT_LIMITED = range(8)
#: States of an outage by `rules.MODES`.
OUTAGE_STATES = (UP, OUT_ERROR, OUT_HANG, OUT_DEGRADED, OUT_LIMITED)


@dataclass(frozen=True)
class Column:
    """One column: its name inside (`_ns` for times), dtype, unit and meaning; `words` decode codes."""

    name: str
    dtype: str
    unit: str
    meaning: str
    words: tuple[str, ...] = ()


def _meters(prefix: str, meaning: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{prefix}{meter}_tokens", "int64", "tokens", f"{meter} {meaning}") for meter in METERS
    )


REQUESTS = (
    Column("request", "int64", "", "name of the request: (cell, draw, turn) packed, or the row of a trace"),
    Column("task", "int64", "", "index of the task in the scenario's order"),
    Column("arrived_ns", "int64", "ns", "arrival since the start of the window"),
    Column("input_tokens", "int64", "tokens", "text sent, prefix included, counted alike for every model"),
    Column("prefix_tokens", "int64", "tokens", "part of the input shared with other requests"),
    Column("output_tokens", "int64", "tokens", "visible answer, counted alike for every model"),
    Column("audio_input_ms", "int64", "ms", "user's speech"),
    Column("audio_output_ms", "int64", "ms", "spoken answer"),
    Column("sensitive", "bool", "", "holds private data"),
    Column("difficulty", "float64", "", "latent difficulty, on the scale of abilities"),
    Column("router_score", "float64", "", "what a threshold router sees; 0..1 unless recorded"),
    Column("verifier_score", "float64", "", "recorded score of mini's answer; NaN if none"),
    Column("session", "int64", "", "conversation; -1 if none"),
    Column("turn", "int64", "count", "questions of its conversation before it"),
    Column("repeat", "int64", "count", "how often the question was asked before"),
    Column(
        "pause_ns", "int64", "ns", "time since the end, or arrival, of the row before; -1: arrives by itself"
    ),
    Column("shared_tokens", "int64", "tokens", "part of the prefix shared with other conversations"),
    Column("image_sets", "int64", "count", "how often it holds the images of its task"),
    Column("resent_speech_ms", "int64", "ms", "earlier spoken answers sent again"),
)
ATTEMPTS = (
    Column("request", "int64", "", "name of the request"),
    Column("attempt", "int64", "", "number of this call within the request, from 0"),
    Column("deployment", "int64", "", "index in the scenario's order; -2 for a verifier"),
    Column("role", "int64", "", "why the call was made", ROLES),
    Column("queued_ns", "int64", "ns", "asked for admission"),
    Column("started_ns", "int64", "ns", "sent"),
    Column("scheduled_ns", "int64", "ns", "first in a batch (servers only)"),
    Column("first_token_ns", "int64", "ns", "first visible token"),
    Column("ended_ns", "int64", "ns", "end of the call"),
    Column("outcome", "int64", "", "how it ended", OUTCOMES),
    Column("restarts", "int64", "count", "times a server began it anew"),
    Column("status", "int64", "", "HTTP status; 0 where none was answered"),
    Column("retry_after_ns", "int64", "ns", "wait asked for by a 429"),
    *_meters("", "of the call"),
    *_meters("billed_", "billed (input excludes cached and cache-write)"),
)
OUTCOMES_TABLE = (
    Column("request", "int64", "", "name of the request"),
    Column("task", "int64", "", "index of the task in the scenario's order"),
    Column("arrived_ns", "int64", "ns", "arrival"),
    Column("first_token_ns", "int64", "ns", "first visible token of the answer that was served"),
    Column("ended_ns", "int64", "ns", "end, by success or final failure"),
    Column("outcome", "int64", "", "how it ended", OUTCOMES),
    Column("deployment", "int64", "", "who served it; -1 if nobody"),
    Column("tier", "int64", "", "where it was sent", TIERS),
    Column("attempts", "int64", "count", "rows in Attempts"),
    Column("cause", "int64", "", "why it failed", CAUSES),
    Column("correct", "int64", "", "1 right, 0 wrong, -1 unrated or failed"),
)
FACT_SENSITIVE, FACT_OVER_CONTEXT, FACT_ASKED, FACT_OUTSIDE, FACT_REPEATED = 1, 2, 4, 8, 16
FACTS = (
    *OUTCOMES_TABLE,
    Column("wait_ns", "int64", "ns", "sum over attempts of started minus queued; backoff apart"),
    Column("speed_output_tokens", "int64", "tokens", "streamed tokens of the served attempt"),
    Column("speed_ns", "int64", "ns", "from its first token to its end; 0 where it did not stream"),
    Column(
        "flags", "int64", "", "sensitive 1, over a context window 2, decided by the router 4, sent outside 8"
    ),
    Column("input_tokens", "int64", "tokens", "text sent, counted alike for every model"),
    Column("output_tokens", "int64", "tokens", "visible answer, counted alike for every model"),
)
EVENTS = (
    Column("time_ns", "int64", "ns", "when"),
    Column("kind", "int64", "", "what changed", EVENT_KINDS),
    Column("deployment", "int64", "", "where; -1 for the platform before the providers"),
    Column("from", "int64", "", "state before", STATES),
    Column("to", "int64", "", "state after", STATES),
    Column("request", "int64", "", "request that caused it; -1 if none"),
)


def columns(contract: Sequence[Column], rows: Sequence[Sequence[Any]]) -> dict[str, np.ndarray]:
    """Arrays by column name from rows in the contract's order."""
    if not rows:
        return {column.name: np.empty(0, column.dtype) for column in contract}
    return {
        column.name: np.array(values, column.dtype)
        for column, values in zip(contract, zip(*rows, strict=True), strict=True)
    }


def frame(
    contract: Sequence[Column], arrays: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]]
) -> "pd.DataFrame":
    """The table for people: seconds instead of nanoseconds, words instead of codes.

    `names` gives the words of `task` and `deployment`; codes below 0 become None, except a
    verifier's. Unrated answers and moments that never happened are NaN.
    """
    import pandas as pd

    table: dict[str, Any] = {}
    for column in contract:
        values = arrays[column.name]
        words = column.words or names.get(column.name, ())
        if column.name.endswith("_ns"):
            seconds = np.where(values == NEVER, np.nan, values / 1e9)
            table[column.name.removesuffix("_ns") + "_s"] = seconds
        elif words:
            lookup = np.array([*words, "verifier", None], dtype=object)
            table[column.name] = lookup[
                np.where(values == VERIFIER, len(words), np.where(values < 0, -1, values))
            ]
        elif column.name == "correct":
            table[column.name] = pd.array(values == 1, dtype="boolean")
            table[column.name][values == UNRATED] = pd.NA
        else:
            table[column.name] = values
    return pd.DataFrame(table)
