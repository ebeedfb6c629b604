"""A cap that changes during a simulated window: steps, each with its value and the second at which it ends."""

from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, field

MOST_CALLS = 10**7


class CapStep(Fields):
    """A stretch of every simulated window with one cap, from where the step before it ends; [from, to)."""

    until_s: float | None = field(
        "first second of every simulated window after this step; the last step has none and holds to the end",
        None,
        unit="s",
        gt=0,
        le=1e9,
    )
    value: int | None = field(
        "calls in flight at once; 0: a closed door, not in the last step; null: no cap",
        unit="calls",
        ge=0,
        le=MOST_CALLS,
    )


Concurrent = int | tuple[CapStep, ...] | None


def _in_order(steps: tuple[CapStep, ...]) -> tuple[CapStep, ...]:
    """Steps follow one another, and the last one holds for ever and lets calls in, so that no wait is endless."""
    if not steps:
        raise _wrong((), "an empty list", "at least one step")
    for index, step in enumerate(steps[:-1]):
        if step.until_s is None:
            raise _wrong((index, "until_s"), "a step without it", "until_s in every step but the last")
    for index, (one, other) in enumerate(pairwise(steps[:-1]), start=1):
        assert one.until_s is not None
        assert other.until_s is not None
        if other.until_s <= one.until_s:
            allowed = f"later than {one.until_s:g}, where the step before it ends"
            raise _wrong((index, "until_s"), f"{other.until_s:g}", allowed)
    last = len(steps) - 1
    if steps[-1].until_s is not None:
        given = f"{steps[-1].until_s:g} in the last step"
        raise _wrong((last, "until_s"), given, "no until_s there, as that step holds to the end")
    if steps[-1].value == 0:
        raise _wrong(
            (last, "value"), "0 in the last step", "at least 1, or null for no cap: it holds to the end"
        )
    return steps


def _wrong(inside: tuple[int | str, ...], given: str, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "given_allowed", "steps", {"given": given, "allowed": allowed, "inside": inside}
    )


def _form(value: Any) -> str:
    return "steps" if isinstance(value, list | tuple) else "number"


# What a file may give beside null.
CapOrSteps = Annotated[
    Annotated[int, Field(ge=1, le=MOST_CALLS), Tag("number")]
    | Annotated[tuple[CapStep, ...], AsTuple, AfterValidator(_in_order), Tag("steps")],
    Discriminator(_form),
]


def stairs(concurrent: Concurrent) -> tuple[tuple[float, int | None], ...]:
    """Every cap with the second of the window from which it holds, the first from 0; None is no cap.

    >>> stairs((CapStep(until_s=600.0, value=10), CapStep(value=2)))
    ((0.0, 10), (600.0, 2))
    """
    if not isinstance(concurrent, tuple):
        return ((0.0, concurrent),)
    ends = [step.until_s for step in concurrent[:-1]]
    return tuple(
        zip((0.0, *(end for end in ends if end is not None)), (s.value for s in concurrent), strict=True)
    )


def is_capped(concurrent: Concurrent) -> bool:
    """Whether there is a cap at any moment: a call may find it reached then."""
    return any(cap is not None for _, cap in stairs(concurrent))


def is_always_capped(concurrent: Concurrent) -> bool:
    """Whether there is a cap at every moment."""
    return all(cap is not None for _, cap in stairs(concurrent))
