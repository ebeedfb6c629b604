"""Episodes in which a deployment fails, hangs, refuses or is slow: planted by hand, or random by a law.

A law is one of a provider: when its episodes begin, how long they last, whether they hit one region or all, and of
which kinds they are. `outages_together` says which providers are hit at the same moment.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, field
from planner.scenario.demand import weights_of_a_week
from planner.scenario.laws import Law
from planner.scenario.paths import Path

Mode = Literal["error", "hang", "degraded", "limited"]
MODE = "what happens to calls that start inside; limited: a 429 after error_latency_s"
#: What an episode does, as fields of a law, of a kind and of an episode planted by hand.
HARM = ("mode", "status", "error_latency_s", "slowdown", "retry_after_s", "share")


class Harm(Fields):
    """What an episode does to calls that start in it."""

    mode: Mode = field(MODE, "error")
    status: int = field("HTTP status in mode error", 503, ge=500, le=599)
    error_latency_s: Law = field("time until the error or the refusal is answered", Law.fixed(1.0), unit="s")
    slowdown: float = field("factor on latency in mode degraded", 3.0, unit="factor", ge=1, le=1e6)
    retry_after_s: float | None = field(
        "mode limited: what a refusal asks to wait; null: it says nothing", None, unit="s", ge=0, le=1e6
    )
    share: float = field(
        "calls that start inside and meet it; the others are served as ever", 1.0, unit="share", gt=0, le=1
    )

    @property
    def is_full(self) -> bool:
        """Whether no call gets through it."""
        return self.mode != "degraded" and self.share >= 1.0


class Span(Fields):
    """When a planted episode holds."""

    from_s: float = field("first moment", unit="s", ge=0, le=1e9)
    to_s: float = field("first moment after it", unit="s", gt=0, le=1e9)


class Outage(Harm, Span):  # fields of the last base stand first
    """A planted episode, in seconds from the start of every simulated window; [from, to)."""

    @model_validator(mode="after")
    def _ordered(self) -> "Outage":
        if self.to_s <= self.from_s:
            raise _problem("to_s", f"to_s {self.to_s:g}", f"later than from_s, which is {self.from_s:g}")
        return self


class Weighted(Fields):
    """How often a kind comes."""

    weight: float = field(
        "share of episodes that are of this kind, relative to the others", unit="weight", gt=0, le=1e9
    )


class EpisodeKind(Harm, Weighted):
    """One kind of a law's episodes."""


def _starts_form(value: Any) -> str:
    return "weights" if isinstance(value, list | tuple) else "pattern"


Starts = Annotated[
    Annotated[Literal["uniform", "weekday-peaks"], Tag("pattern")]
    | Annotated[tuple[float, ...], BeforeValidator(weights_of_a_week), Tag("weights")],
    Discriminator(_starts_form),
]


class Times(Fields):
    """When episodes come, and whom they hit."""

    mtbf_h: float = field("mean time from start to start", unit="h", gt=0, le=1e7)
    duration_h: Law = field("length of an episode", unit="h")
    starts: Starts = field(
        "when in the week episodes begin: uniform, weekday-peaks (as OpenAI's incidents did), or 168 weights, Monday 00:00 "
        "UTC first",
        "uniform",
    )
    regional: float = field(
        "share of a deployment's episodes that hit its region alone; the others hit all regions of the provider",
        0.0,
        unit="share",
        ge=0,
        le=1,
    )


class OutageLaw(Harm, Times):
    """Random episodes, shared by all deployments of a provider that carry the same law."""

    kinds: Annotated[tuple[EpisodeKind, ...], AsTuple] = field(
        "what episodes do, where they are of several kinds, drawn for each; instead of mode and what belongs to it",
        (),
        max_length=20,
    )

    @model_validator(mode="after")
    def _one_way(self) -> "OutageLaw":
        both = [name for name in HARM if name in self.model_fields_set]
        if self.kinds and both:
            raise _problem(both[0], f"{both[0]} beside kinds", f"{both[0]} in each of kinds, or no kinds")
        return self

    @property
    def harms(self) -> tuple[Harm, ...]:
        """All that an episode may do."""
        return self.kinds or (self,)

    def harm(self, luck: float) -> Harm:
        """What an episode with this luck, in [0, 1), does."""
        total, reached = math.fsum(kind.weight for kind in self.kinds), 0.0
        for kind in self.kinds[:-1]:
            reached += kind.weight
            if luck * total < reached:
                return kind
        return self.harms[-1]


class Together(Fields):
    """Two providers that are at times hit at the same moment, by one cause."""

    providers: Annotated[tuple[str, ...], AsTuple] = field("two providers", min_length=2, max_length=2)
    share: float = field(
        "of the episodes of the one that has fewer: those that hit both, for as long as its law says; each keeps its mtbf_h",
        unit="share",
        gt=0,
        le=1,
    )

    @model_validator(mode="after")
    def _two(self) -> "Together":
        if len(set(self.providers)) < 2:
            raise _problem("providers", f"{self.providers[0]} twice", "two different providers")
        return self


def _problem(name: str, given: str, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "given_allowed", "outages", {"given": given, "allowed": allowed, "inside": (name,)}
    )


def _outages_form(value: Any) -> str:
    if isinstance(value, str):
        return "catalogue"
    return "windows" if isinstance(value, list | tuple) else "law"


Outages = Annotated[
    Annotated[Literal["catalogue"], Tag("catalogue")]
    | Annotated[tuple[Outage, ...], AsTuple, Tag("windows")]
    | Annotated[OutageLaw, Tag("law")],
    Discriminator(_outages_form),
]


def harms_at(path: Path, outages: Any) -> Iterator[tuple[Path, Harm]]:
    """(place, what they do) of all episodes of a deployment, as far as the scenario says it; `path` is where it does."""
    if isinstance(outages, OutageLaw) and not outages.kinds:
        yield path, outages
    listed, at = (outages.kinds, (*path, "kinds")) if isinstance(outages, OutageLaw) else (outages, path)
    if isinstance(listed, tuple):
        for index, harm in enumerate(listed):
            yield (*at, index), harm


def harms_of(outages: Any) -> tuple[Harm, ...]:
    """What all episodes of a deployment do, as far as the scenario says it."""
    return tuple(harm for _, harm in harms_at((), outages))
