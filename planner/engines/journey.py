"""Requests and calls on their way, and the moments they wait for."""

from collections.abc import Set as AbstractSet
from typing import Any

import simpy

from planner import tables
from planner.engines import rules
from planner.engines.program import Target
from planner.routing.routers import Group
from planner.tables import NEVER

NOBODY: AbstractSet[str] = frozenset()
NO_METERS = (0,) * len(tables.METERS)


class Clock(simpy.Environment):
    """SimPy's event loop on whole nanoseconds."""

    @property
    def ns(self) -> int:
        """Now, in nanoseconds since the start of the window."""
        return self._now  # type: ignore[return-value]


class Moment(simpy.Event):
    """An event with a rank; scheduled when its time is known, which may be later than its making."""

    def at(self, delay_ns: int, priority: int, value: Any = None) -> "Moment":
        self._ok = True
        self._value = value
        self.env.schedule(self, priority, delay_ns)  # type: ignore[arg-type]
        return self

    def happen_now(self, value: Any = None) -> None:
        """Happen as a part of what happens now, without an event of its own."""
        self._ok = True
        self._value = value
        callbacks, self.callbacks = self.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(self)


class Journey:
    """A request on its way: where it is in its life and what it has tried."""

    __slots__ = (
        "attempts",
        "broke_off",
        "calls",
        "can_fall_back",
        "cause",
        "chain",
        "choices",
        "deadline_ns",
        "group",
        "groups",
        "has_asked",
        "index",
        "is_batch",
        "is_retrying",
        "name",
        "next_attempt",
        "outcome",
        "previous_s",
        "too_large",
    )

    def __init__(self, index: int, name: int, deadline_ns: int | None, is_batch: bool) -> None:
        self.index, self.name, self.deadline_ns = index, name, deadline_ns
        self.is_batch = is_batch  # in no hurry: its calls go through batch APIs where there are some
        self.attempts = 0  # rows so far
        self.next_attempt = 0  # number of the next call: more than every number in a row so far
        self.calls: dict[str, int] = {}  # calls so far by deployment: the attempt number of chance
        self.chain: tuple[str, ...] = ()  # deployments of the group that is tried
        self.group = 0  # the one that is tried, by its place
        self.groups = 0  # bits of those asked in this pass
        self.broke_off = False  # an answer that was seen in part ends the pass
        self.can_fall_back = False  # the group that is tried has fallbacks
        self.has_asked = False  # somebody of it
        self.cause = tables.NO_ELIGIBLE
        self.outcome = tables.REJECTED
        self.choices = 0  # draws of the selection so far
        self.is_retrying = False  # counts against the retry budget
        self.previous_s = 0.0  # of the backoff, what the next wait goes by
        self.too_large: AbstractSet[str] = (
            NOBODY  # deployments of the group whose limits can never take the request
        )

    def turn_to(self, group: Group, index: int) -> None:
        """A group is tried; nobody in it has been asked yet."""
        self.group = index
        self.chain, self.can_fall_back, self.has_asked = group.chain, bool(group.fallbacks), False

    def is_over(self, now: int) -> bool:
        return self.deadline_ns is not None and now >= self.deadline_ns


class Call:
    """One attempt at a deployment: waiting, then sent, then ended or turned away."""

    __slots__ = (
        "answers", "attempt", "broken_meters", "can_fall_back", "cold_tokens", "deadline_ns", "done", "draw", "ended_ns", "epoch",
        "first_token_ns", "found_own", "found_tokens", "group_length", "is_cancelled",
        "is_probe", "is_waiting",
        "journey", "kept", "max_output_tokens", "meters", "needed", "outcome", "queued_ns", "retry_after_ns", "role", "service_ns",
        "started_ns", "status", "taken", "target", "turned_away", "uncounted", "was_seen_to_break",
    )  # fmt: skip

    def __init__(
        self,
        journey: Journey,
        target: Target | None,
        role: int,
        meters: tuple[int, ...],
        service_ns: int,
        draw: int,
        attempt: int | None = None,
    ) -> None:
        self.journey, self.target, self.role = journey, target, role
        self.meters, self.service_ns, self.draw = meters, service_ns, draw
        self.attempt = journey.next_attempt if attempt is None else attempt
        self.deadline_ns = journey.deadline_ns
        # Of the group it was made for: its request may have gone on when a breaker is told of its end.
        self.group_length, self.can_fall_back = len(journey.chain), journey.can_fall_back
        self.done: Moment | None = None
        self.needed: tuple[int, ...] = ()  # what each limiter must hold
        self.taken: tuple[int, ...] = ()  # what each gives when the call starts
        self.queued_ns = self.started_ns = self.first_token_ns = self.ended_ns = NEVER
        self.retry_after_ns = NEVER
        self.outcome = tables.REJECTED
        self.status = 0
        self.turned_away = tables.NO_CAUSE  # cause, where no call was sent
        self.is_waiting = self.is_probe = self.is_cancelled = False
        self.answers = False  # tokens are made, were it not cut
        self.broken_meters: tuple[int, ...] | None = (
            None  # of an answer that breaks off: what has come by then
        )
        self.epoch = 0
        # Of a prompt cache: what it may find and leave there, what it found, whether it was its conversation's, and what
        # it might have found and did not.
        self.kept: tuple[int, ...] = (0, 0, 0)
        self.found_tokens = self.cold_tokens = 0
        self.found_own = False
        self.max_output_tokens = self.uncounted = (
            0  # what it asked for, and what its limiters do not count of it
        )
        self.was_seen_to_break = False  # it, or a call beside it, broke off after its first token

    @property
    def is_batch(self) -> bool:
        """Whether it is handed in to a batch API."""
        return self.journey.is_batch and self.target is not None and self.target.batch is not None

    @property
    def broke_off(self) -> bool:
        """Whether it ended by breaking off after its first token."""
        return self.outcome == tables.ERROR and self.broken_meters is not None

    @property
    def made_meters(self) -> tuple[int, ...]:
        """What would have been made of it, were it not cut: less where it would have broken off."""
        return self.meters if self.broken_meters is None else self.broken_meters


def without_cached(meters: tuple[int, ...]) -> tuple[int, ...]:
    """The meters of a call as they are billed: plain input is what no prompt cache gave or took."""
    sent, cached, written, *others = meters
    return (sent - cached - written, cached, written, *others)


def billed_when_cut(meters: tuple[int, ...], policy: int) -> tuple[int, ...]:
    """What a call that a timeout or the deadline cut is billed."""
    if policy == rules.BILL_NONE:
        return NO_METERS
    return input_only(meters) if policy == rules.BILL_INPUT else meters


def input_only(meters: tuple[int, ...]) -> tuple[int, ...]:
    """What was sent, without what would have been answered."""
    sent, cached, written, _, _, image, heard, _ = meters
    return (sent, cached, written, 0, 0, image, heard, 0)
