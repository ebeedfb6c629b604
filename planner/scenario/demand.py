"""What users ask for: the traffic over time and the tasks it is made of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import (
    NOTHING,
    AsMap,
    AsTuple,
    DumpMap,
    Fields,
    Key,
    field,
    later_choices,
)
from planner.scenario.laws import Law, parse_law
from planner.scenario.seasons import SeasonsField

Modality = Literal["text", "vision", "audio"]
TRACE_COLUMNS = (
    "arrival_s", "input_tokens", "output_tokens", "task", "session", "prefix_tokens", "service_s",
    "router_score", "verifier_score",
)  # fmt: skip


class Users(Fields):
    """People instead of requests; the derived number of requests is shown."""

    active_per_day: float = field("users active on a mean day", unit="users", gt=0, le=1e10)
    conversations_per_day: float = field(
        "conversations an active user starts a day", 1.0, unit="1/day", gt=0, le=1e4
    )


class Bursts(Fields):
    """Burstiness inside a cell of constant rate."""

    kind: Annotated[Literal["none"], later_choices("bursts", "renewal", "cox", "clients")] = field(
        "how arrivals cluster beyond Poisson", "none"
    )


MAX_QUESTIONS = 64  # turns of a conversation at most
#: RAGPulse: 85 % of the gaps between turns are lognormal with median 37 s and sigma 0.80; the rest are breaks of
#: many minutes, in which most users have begun something new (facts: traces, sessions).
THINK_TIME = {"p50": 36.9, "p95": 137.6}


class Sessions(Fields):
    """Conversations: several turns of one task, in which everything is sent again with every turn."""

    turns_mean: float = field(
        "mean user turns of a conversation, geometric and at most 64; 1: every request stands alone",
        1.0,
        unit="turns",
        ge=1,
        le=20,
    )
    think_time_s: Law = field(
        "time between an answer and the next turn; loop open: between the arrivals of two turns; a week at most",
        parse_law(THINK_TIME),
        unit="s",
    )
    loop: Literal["closed", "open"] = field(
        "closed: the next turn waits for the answer, and a failed one ends the conversation; open: turns come at "
        "their times whatever becomes of the others",
        "closed",
    )
    context: Literal["resend", "none"] = field(
        "resend: a later turn sends all earlier questions, answers, images and speech again", "resend"
    )


def weights_of_a_week(value: Any) -> Any:
    if isinstance(value, tuple | list):
        numbers = [x for x in value if isinstance(x, int | float) and not isinstance(x, bool) and x >= 0]
        if len(value) != 168 or len(numbers) != 168 or sum(numbers) <= 0:
            raise PydanticCustomError(
                "given_allowed",
                "weights",
                {
                    "given": f"{len(value)} weights",
                    "allowed": "168 numbers >= 0, not all 0, Monday 00:00 UTC first",
                },
            )
        return tuple(float(x) for x in value)
    return value


def _shape_form(value: Any) -> str:
    return "weights" if isinstance(value, list | tuple) else "shape"


WeeklyShape = Annotated[
    Annotated[Literal["flat", "business-hours", "consumer-evening"], Tag("shape")]
    | Annotated[tuple[float, ...], BeforeValidator(weights_of_a_week), Tag("weights")],
    Discriminator(_shape_form),
]


class Trace(Fields):
    """A recording that is replayed instead of generated traffic."""

    file: str | None = field("CSV or Parquet file, relative to the scenario file", None)
    format: Literal["azure-2023"] | None = field("column names of a known format", None)
    columns: Annotated[Mapping[str, str], AsMap, DumpMap] | None = field(
        "our column name: the file's name", None
    )
    rows: Annotated[tuple[Mapping[str, Any], ...], AsTuple] | None = field(
        "the recording itself, row by row", None
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Trace":
        if (self.file is None) == (self.rows is None):
            given = "both file and rows" if self.file is not None else "neither file nor rows"
            raise PydanticCustomError(
                "given_allowed", "trace", {"given": given, "allowed": "one of file and rows"}
            )
        if self.format is not None and self.columns is not None:
            raise PydanticCustomError(
                "given_allowed", "trace", {"given": "both format and columns", "allowed": "one of them"}
            )
        return self


class Traffic(Fields):
    """How many requests come, and when."""

    requests_per_month: float | None = field(
        "user turns in a mean month of 2,629,800 s", None, unit="requests/month", gt=0, le=1e13
    )
    users: Users | None = field("people instead of requests_per_month", None)
    growth_per_month: float = field(
        "growth of volume from one calendar month to the next",
        0.0,
        unit="1/month",
        ge=-0.5,
        le=1,
        slider=(-0.05, 0.2),
    )
    growth_per_year: float | None = field(
        "instead of growth_per_month: growth over twelve calendar months; a month's is (1 + this)^(1/12) - 1",
        None,
        unit="1/year",
        ge=-0.99,
        le=100,
        slider=(-0.5, 2),
    )
    saturation_requests_per_month: float | None = field(
        "growth slows down as volume nears this (S-curve); null: it never does",
        None,
        unit="requests/month",
        gt=0,
        le=1e13,
    )
    seasons: SeasonsField | None = field(
        "how busy months of the year are against each other: 12 factors, January first, or months by name, the others 1; "
        "scaled to mean 1 over a year",
        None,
    )
    weekly_shape: WeeklyShape = field(
        "flat, business-hours, consumer-evening, or 168 weights, Monday 00:00 UTC first", "flat"
    )
    daily_spread: float = field(
        "standard deviation of a day's volume factor (gamma mixed); 0 is Poisson given the shape",
        0.0,
        ge=0,
        le=2,
    )
    bursts: Bursts = field("burstiness beyond Poisson", Bursts())
    sessions: Sessions = field("conversations", Sessions())
    trace: Trace | None = field("a recording instead of generated arrivals", None)


class Image(Fields):
    """One image sent with every request of the task."""

    width_px: int = field("width", unit="px", ge=1, le=100_000)
    height_px: int = field("height", unit="px", ge=1, le=100_000)
    detail: Literal["low", "high"] = field("detail level asked for", "high")


class Audio(Fields):
    """Seconds of speech in and out."""

    input_s: Law = field("user's speech", Law.fixed(0), unit="s")
    output_s: Law = field("spoken answer", Law.fixed(0), unit="s")


class Difficulty(Fields):
    """How hard the task's requests are, on the scale of model abilities (normal)."""

    mean: float = field("mean difficulty", 0.0, ge=-20, le=20)
    sd: float = field("standard deviation of difficulty", 1.0, gt=0, le=20)


class Slo(Fields):
    """Targets; null is no target. A strategy that misses one is not eligible to win."""

    p95_latency_s: float | None = field("95 % of answers complete within", None, unit="s", gt=0)
    p95_ttft_s: float | None = field("95 % of answers start within", None, unit="s", gt=0)
    min_tokens_per_s: float | None = field(
        "95 % of answers stream at least this fast", None, unit="tokens/s", gt=0
    )
    availability: float | None = field("share of requests answered", None, unit="share", ge=0, le=1)
    accuracy: float | None = field("share of rated answers that are right", None, unit="share", ge=0, le=1)
    sensitive_outside: int | None = field(
        "sensitive requests allowed outside in-house and device deployments", None, unit="requests", ge=0
    )


class Review(Fields):
    """People who look at answers."""

    share: float = field("share of answers that somebody looks at", 1.0, unit="share", ge=0, le=1)
    usd: float = field("cost of one look", unit="USD", ge=0, le=1e6)


Share = Annotated[float, field("share", unit="share", gt=0, lt=1)]


class Task(Fields):
    """One kind of request."""

    share: float | None = field(
        "share of all requests; equal shares if no task gives one", None, unit="share", ge=0, le=1
    )
    modalities: Annotated[tuple[Modality, ...], AsTuple] = field(
        "what a request holds, together", ("text",), min_length=1
    )
    input_tokens: Law = field("the user's part of the prompt", Law.fixed(500), unit="tokens")
    output_tokens: Law = field("visible answer", Law.fixed(200), unit="tokens")
    max_output_tokens: int | None = field(
        "cap on the visible answer; null: the model's own", None, unit="tokens", ge=1
    )
    shared_prefix_tokens: int = field(
        "system prompt in front of every request", 0, unit="tokens", ge=0, le=10_000_000
    )
    images: Annotated[tuple[Image, ...], AsTuple] = field("images sent with every request", ())
    audio: Audio = field("speech in and out", Audio())
    accuracy: Annotated[Mapping[str, Share], AsMap, DumpMap] = field(
        "MODEL: share of right answers in your own evaluation", NOTHING
    )
    difficulty: Difficulty = field("latent difficulty", Difficulty())
    discrimination: float = field("how sharply success falls with difficulty", 1.0, gt=0, le=20)
    luck_correlation: float = field(
        "how far models are right on the same requests beyond difficulty", 0.5, ge=0, le=1
    )
    cost_of_wrong_answer_usd: float = field("economic cost of a wrong answer", 0.0, unit="USD", ge=0, le=1e9)
    value_usd: float | None = field(
        "worth of a right answer, for the view of value; null: not counted", None, unit="USD", ge=0, le=1e9
    )
    review: Review | None = field(
        "answers that people look at; changes neither accuracy nor the cost of wrong answers; null: none",
        None,
    )
    requery_probability: float = field(
        "share of users who ask the same again after a wrong or failed answer, at most three times; such requests come "
        "on top of the others",
        0.0,
        unit="share",
        ge=0,
        le=1,
    )
    sensitive: float = field("share of requests with private data", 0.0, unit="share", ge=0, le=1)
    urgency: Literal["interactive", "batch"] = field(
        "interactive, or batch: in no hurry, through the batch API of a deployment that has one",
        "interactive",
    )
    priority: int = field(
        "lower first in a client queue, equals first come, first served; calls in flight are never stopped for it",
        0,
        ge=-1_000_000,
        le=1_000_000,
    )
    slo: Slo = field("targets of this task", Slo())

    @property
    def is_batch(self) -> bool:
        """In no hurry: calls go through batch APIs where there are some."""
        return self.urgency == "batch"


Tasks = Annotated[Mapping[Key, Task], AsMap, DumpMap]
