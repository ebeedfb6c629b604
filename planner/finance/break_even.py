"""Break-even: from which volume on one way of paying is cheaper than another, and how much to commit to.

Comes in: options that cost something a month whatever the volume, something for each unit, and steps of capacity;
goes out: every volume at which the cheaper of two changes. All figures are exact fractions, so at a crossing the two
costs are equal to the last digit. A unit is whatever the caller counts: a request, a million tokens, a user.
Source of the formulas: facts, method §3.4.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from planner.errors import PlannerError
from planner.finance.ledger import exact

Number = int | float | str | Decimal | Fraction
HOURS_PER_MONTH = 730  # 365 x 24 / 12, the month of price lists; the ledger counts the hours of real months
MTOK = 1_000_000
MOST_STEPS = 200_000  # steps of capacity that are looked at before a search is given up


def _fraction(number: Number) -> Fraction:
    """The number that a person wrote: 0.15 is 15/100, not its nearest binary fraction."""
    if isinstance(number, Fraction):
        return number
    return Fraction(number) if isinstance(number, Decimal) else Fraction(exact(number))


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Capacity that comes in whole pieces: machines, replicas, devices, provisioned units.

    Each carries `capacity` units a month and costs `usd` a month. `spare` more are paid and carry nothing (N+1);
    at least `least` are held, whatever the volume.
    """

    capacity: Fraction
    usd: Fraction
    spare: int = 0
    least: int = 1

    def __post_init__(self) -> None:
        _require(self.capacity > 0, "the capacity of a step", self.capacity, "more than 0")
        _require(self.usd >= 0, "the price of a step", self.usd, "0 or more")
        _require(self.spare >= 0, "spare steps", self.spare, "0 or more")
        _require(self.least >= 0, "the least number of steps", self.least, "0 or more")

    def carrying(self, volume: Fraction) -> int:
        """Steps that carry a volume, without the spare; one that is exactly full still suffices."""
        return max(self.least, math.ceil(volume / self.capacity))


@dataclass(frozen=True, kw_only=True)
class Option:
    """A way to serve a volume a month: `fixed_usd` a month, `unit_usd` for each unit, and steps of capacity."""

    name: str
    fixed_usd: Fraction = Fraction(0)
    unit_usd: Fraction = Fraction(0)
    steps: Steps | None = None

    def fixed_at(self, volume: Number) -> Fraction:
        """What is paid a month for being able to serve a volume, spare included."""
        if self.steps is None:
            return self.fixed_usd
        return self.fixed_usd + (self.steps.carrying(_fraction(volume)) + self.steps.spare) * self.steps.usd

    def cost(self, volume: Number) -> Fraction:
        """USD a month at a volume."""
        return self.fixed_at(volume) + _fraction(volume) * self.unit_usd

    @property
    def slope(self) -> Fraction:
        """USD for one more unit in the long run, steps included."""
        return self.unit_usd + (self.steps.usd / self.steps.capacity if self.steps else Fraction(0))


def api(name: str, unit_usd: Number) -> Option:
    """Paid by use alone."""
    return Option(name=name, unit_usd=_fraction(unit_usd))


def own_compute(
    name: str,
    usd_per_hour: Number,
    capacity: Number,
    *,
    hours: Number = HOURS_PER_MONTH,
    share_of_month: Number = 1,
    unit_usd: Number = 0,
    spare: int = 0,
    fixed_usd: Number = 0,
) -> Option:
    """Rented or own machines: one carries `capacity` units a month and is paid for its hours.

    Parameters
    ----------
    share_of_month : number
        Part of the month that is paid for, 1 for a machine that is never given back.
    spare : int
        Machines that are paid and carry nothing.
    """
    usd = rented_month(usd_per_hour, hours, share_of_month)
    return Option(
        name=name,
        fixed_usd=_fraction(fixed_usd),
        unit_usd=_fraction(unit_usd),
        steps=Steps(capacity=_fraction(capacity), usd=usd, spare=spare),
    )


def device_fleet(
    name: str,
    usd: Number,
    life_months: Number,
    units_per_device: Number,
    *,
    unit_usd: Number = 0,
    spare: int = 0,
) -> Option:
    """A device for each so many units (users, requests a month), written off evenly over its life."""
    steps = Steps(capacity=_fraction(units_per_device), usd=owned_month(usd, life_months), spare=spare)
    return Option(name=name, unit_usd=_fraction(unit_usd), steps=steps)


def rented_month(
    usd_per_hour: Number, hours: Number = HOURS_PER_MONTH, share_of_month: Number = 1
) -> Fraction:
    """USD a month of a machine that is paid by the hour.

    >>> float(rented_month(1.5, 730, 0.3))
    328.5
    """
    return _fraction(usd_per_hour) * _fraction(hours) * _fraction(share_of_month)


def owned_month(usd: Number, months: Number) -> Fraction:
    """USD a month of what is bought once and used for so many months, without interest.

    >>> round(float(owned_month(15_000, 36)), 2)
    416.67
    """
    _require(_fraction(months) > 0, "months of use", months, "more than 0")
    return _fraction(usd) / _fraction(months)


def utilisation(peak_to_mean: Number, headroom: Number) -> Fraction:
    """Mean utilisation over a month of what is sized for its peak: 1 / (peak to mean x 1/target at the peak).

    `headroom` is the utilisation aimed at in the peak: a peak of twice the mean at 70 % gives 35 %.

    >>> float(utilisation(2, 0.7))
    0.35
    """
    _require(_fraction(peak_to_mean) >= 1, "peak over mean", peak_to_mean, "1 or more")
    _require(0 < _fraction(headroom) <= 1, "utilisation in the peak", headroom, "more than 0, at most 1")
    return _fraction(headroom) / _fraction(peak_to_mean)


def self_host_usd_per_mtok(usd_per_hour: Number, tokens_per_s: Number, utilised: Number = 1) -> Fraction:
    """USD for a million tokens of a machine that makes so many a second when it is busy.

    >>> round(float(self_host_usd_per_mtok(1.5, 2000)), 4)
    0.2083
    """
    _require(_fraction(tokens_per_s) > 0, "tokens per second", tokens_per_s, "more than 0")
    _require(0 < _fraction(utilised) <= 1, "utilisation", utilised, "more than 0, at most 1")
    return _fraction(usd_per_hour) * MTOK / (_fraction(tokens_per_s) * 3600 * _fraction(utilised))


def break_even_volume(fixed_1: Number, unit_1: Number, fixed_2: Number, unit_2: Number) -> Fraction | None:
    """V* = (F2 - F1) / (v1 - v2): from there on option 2, with more fixed and less for a unit, is cheaper.

    None is never: option 2, dearer at no volume, is no cheaper for a unit either, or the two do not trade fixed for unit.

    >>> round(float(break_even_volume(0, 3, 320, 0)), 2)
    106.67
    >>> print(break_even_volume(0, 2.5, 0, 3))
    None
    """
    gained, more = _fraction(unit_1) - _fraction(unit_2), _fraction(fixed_2) - _fraction(fixed_1)
    if gained == 0 or more == 0 or more / gained <= 0:
        return None
    return more / gained


@dataclass(frozen=True)
class Crossing:
    """A volume at which the cheaper of two options changes.

    equal: both cost the same there. step: they do not; up to there (inclusive) `before` is cheaper, and the next
    piece of capacity of one of them makes `after` the cheaper one.
    """

    volume: Fraction
    before: str
    after: str
    kind: Literal["equal", "step"] = "equal"


def crossings(a: Option, b: Option, *, up_to: Number | None = None) -> tuple[Crossing, ...]:
    """Every volume above 0 at which the cheaper of two options changes, in order; none is never.

    A crossing lies within the capacity that is paid for there. Without `up_to` all of them are found: beyond some
    volume the long-run cost of a unit decides.

    Raises
    ------
    PlannerError
        The two cost the same in the long run, or have so many steps that there is no end in sight: give `up_to`.

    >>> gpu = own_compute("GPU", 1, 100, hours=100)
    >>> [(float(one.volume), one.before, one.after) for one in crossings(api("API", 2), gpu)]
    [(50.0, 'API', 'GPU')]
    """
    end = _end(a, b) if up_to is None else _fraction(up_to)
    found: list[Crossing] = []
    cheaper: str | None = None  # the cheaper one so far; None while they are level
    for low, high in _stretches(a, b, end):
        # Within (low, high] both fixed costs stand still, so the difference is a straight line.
        fixed = a.fixed_at(high) - b.fixed_at(high)
        unit = a.unit_usd - b.unit_usd
        at_low, at_high = fixed + unit * low, fixed + unit * high
        first, last = _cheaper(a, b, at_low), _cheaper(a, b, at_high)
        if first is None:
            first = last
        if cheaper is not None and first is not None and first != cheaper:
            found.append(Crossing(low, cheaper, first, "equal" if _is_level(a, b, low) else "step"))
        cheaper = first if first is not None else cheaper
        if first is not None and last is not None and first != last:
            found.append(Crossing(-fixed / unit, first, last))
            cheaper = last
    return tuple(one for one in found if one.volume > 0)


def _is_level(a: Option, b: Option, volume: Fraction) -> bool:
    return a.cost(volume) == b.cost(volume)


def cheaper_at(a: Option, b: Option, volume: Number) -> str | None:
    """The cheaper of two at a volume; None where they cost the same."""
    return _cheaper(a, b, a.cost(volume) - b.cost(volume))


def _cheaper(a: Option, b: Option, difference: Fraction) -> str | None:
    return None if difference == 0 else (b.name if difference > 0 else a.name)


def _end(a: Option, b: Option) -> Fraction:
    """A volume beyond which the order stays: cost lies within one step above a straight line."""
    slope = abs(a.slope - b.slope)
    if slope == 0:
        if a.steps is None and b.steps is None:
            return Fraction(1)
        raise PlannerError(
            f"{a.name} and {b.name} cost the same for a unit in the long run: they may cross without end; "
            "give the volume up to which to look."
        )
    apart = Fraction(0)
    for option in (a, b):
        apart += abs(option.fixed_usd)
        if option.steps is not None:
            apart += (option.steps.spare + max(option.steps.least, 1) + 1) * option.steps.usd
    return apart / slope + 1


def _stretches(a: Option, b: Option, end: Fraction) -> Iterator[tuple[Fraction, Fraction]]:
    """(low, high] between which no step is taken, up to a volume."""
    pieces = sum(end / option.steps.capacity for option in (a, b) if option.steps is not None)
    if pieces > MOST_STEPS:
        raise PlannerError(
            f"{a.name} and {b.name}: about {float(pieces):,.0f} steps of capacity lie below {float(end):,.6g} units; "
            f"at most {MOST_STEPS:,} are looked at. Give the volume up to which to look."
        )
    ends = {end}
    for option in (a, b):
        if option.steps is not None:
            ends |= {option.steps.capacity * k for k in range(1, math.ceil(end / option.steps.capacity) + 1)}
    low = Fraction(0)
    for high in sorted(one for one in ends if one <= end):
        yield low, high
        low = high


def break_even_utilisation(committed: Number, on_demand: Number) -> Fraction:
    """Share of the time for which a commitment must be used to cost as much as on demand.

    `committed` and `on_demand` are rates for the same unit and hour; above 1 the commitment never pays.

    >>> round(float(break_even_utilisation("4.916", "6.88")), 4)
    0.7145
    """
    _require(_fraction(on_demand) > 0, "the rate on demand", on_demand, "more than 0")
    return _fraction(committed) / _fraction(on_demand)


def best_commitment(loads: Sequence[Number], committed: Number, on_demand: Number) -> Fraction:
    """The level to commit to: the one that load exceeds with probability committed / on demand (newsvendor).

    Parameters
    ----------
    loads : sequence of numbers
        Units needed in each hour, all hours alike.
    committed, on_demand : numbers
        Rates of a unit and hour; what is above the level is bought on demand.

    Returns
    -------
    Fraction
        The least level of the lowest expected cost; 0 where a commitment never pays.

    >>> [float(best_commitment([1, 2, 3, 4], rate, 1)) for rate in (0.1, 0.5, 0.6, 1)]
    [4.0, 2.0, 2.0, 0.0]
    """
    _require(len(loads) > 0, "hours of load", 0, "at least one")
    ratio = break_even_utilisation(committed, on_demand)
    ordered = sorted(_fraction(load) for load in loads)
    if ratio >= 1:
        return Fraction(0)
    for index, level in enumerate(ordered):
        above = sum(1 for load in ordered[index:] if load > level)
        if Fraction(above, len(ordered)) <= ratio:
            return level
    return ordered[-1]


def commitment_cost(loads: Sequence[Number], level: Number, committed: Number, on_demand: Number) -> Fraction:
    """USD of all hours with a level committed to and the rest on demand."""
    held = _fraction(level)
    over = sum((max(Fraction(0), _fraction(load) - held) for load in loads), Fraction(0))
    return len(loads) * held * _fraction(committed) + over * _fraction(on_demand)


def _require(holds: bool, what: str, given: object, allowed: str) -> None:
    if not holds:
        raise PlannerError(f"{what}: got {given}; allowed: {allowed}")


__all__ = [
    "Crossing",
    "Option",
    "Steps",
    "api",
    "best_commitment",
    "break_even_utilisation",
    "break_even_volume",
    "cheaper_at",
    "commitment_cost",
    "crossings",
    "device_fleet",
    "own_compute",
    "owned_month",
    "rented_month",
    "self_host_usd_per_mtok",
    "utilisation",
]
