"""Random outages: lines of spells, cut to windows or planted in them.

Comes in: the outage law of each deployment. Goes out: spells in ns since a window's start. A line hits all its
deployments at once; what an outage does there (mode, status, slowdown) stays with the deployment. A deployment has
one line or several, and is out in their union:

    all regions of its provider, at a rate (1 - regional) / mtbf, less what it shares with other providers;
    its own region alone, at regional / mtbf;
    for each pair in `outages_together` one of both providers, at share x the lower of their rates.

Sums of Poisson processes are Poisson: each deployment keeps its mtbf, and moments at which two are hit at once are
just those of the lines they share (Marshall and Olkin's common shocks).

A line is a Poisson process of starts (mean `mtbf_h`, start to start) with independent durations; spells may
overlap. Its rate may follow the week (`starts`, see `week_starts`): then "time" below is weight, whose rate is even.
Its k-th gap, duration and luck are drawn by index from the horizon's start, and it begins in its stationary state:
spells under way at the horizon's start are drawn first. Hence, for a window [a, a + L) anywhere,

    number of spells that touch it ~ Poisson(E[W(a + L) - W(a - D)] / mtbf), W(t) = t where the rate is even,
    each independently with a duration of density ~ (W(a + L) - W(a - D)) f(D), and a start of density ~ W'.

`planted` draws from just that law given that there is at least one, so that a window with an outage can be
simulated on purpose and weighted by the probability of one without any bias. Where the rate follows the week, starts
are drawn by inversion: one inside the window of W, one before it of the weight times P(D > age), and then its duration
given that it is longer than its age.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from planner import chance, sampling
from planner.catalogue import reliability
from planner.errors import Problem, ScenarioError
from planner.scenario.fields import Scenario
from planner.scenario.laws import Component, Kind, Law
from planner.scenario.outage_groups import (
    GATEWAY_LINE,
    OutageGroup,
    digest_of,
    outage_groups,
    outage_law,
    rarer,
    rate_together,
    times_of,
)
from planner.scenario.outages import OutageLaw
from planner.scenario.remembered import once_per_scenario
from planner.workload.line_walk import walk
from planner.workload.week_starts import WEEK_H, WeekStarts, lasting_beyond

# More spells in one window than this describe no outages but a slow service.
MAX_SPELLS = 100_000.0
# Longest line that is followed from the horizon's start, in spells.
MAX_LINE = 1e8
# Part of a rate below which nothing is left of it but rounding.
NOTHING = 1e-9

Floats = npt.NDArray[np.float64]
EVEN: Floats = np.empty(0)


class Spell(NamedTuple):
    """One episode on a line, [from, to) in ns since the window's start; it may begin before or end after it.

    Its luck, in [0, 1), says of which kind it is where a law has several.
    """

    line: str
    from_ns: int
    to_ns: int
    luck: float = 0.0


@dataclass(frozen=True)
class Line:
    """Outages that hit deployments at once: mean time from start to start and durations, in hours."""

    key: str
    mtbf_h: float
    duration_h: Law
    deployments: tuple[str, ...]
    starts: WeekStarts | None = None  # None: at any time alike

    def chance_in(self, length_s: float, start_s: float = 0.0) -> float:
        """Probability that at least one spell touches a window; `start_s` since the horizon's start."""
        return -math.expm1(-self.mean_in(length_s, start_s))

    def mean_in(self, length_s: float, start_s: float = 0.0) -> float:
        """Mean number of spells that touch a window; `start_s` since the horizon's start."""
        if self.starts is None:
            return (self.duration_h.mean + length_s / 3600.0) / self.mtbf_h
        return sum(self.weights_in(length_s, start_s)) / self.mtbf_h

    def weights_in(self, length_s: float, start_s: float) -> tuple[float, float]:
        """Weights of the starts of spells that touch a window: before it, and in it."""
        assert self.starts is not None
        start_h = start_s / 3600.0
        inside = self.starts.clock(start_h + length_s / 3600.0) - self.starts.clock(start_h)
        return self.starts.still_out(self.duration_h, start_h), inside

    @property
    def until(self) -> Floats:
        """What `walk` goes by."""
        return EVEN if self.starts is None else self.starts.until


@once_per_scenario
def outage_lines(scenario: Scenario) -> Mapping[str, Line]:
    """KEY: line, for all deployments that some strategy can use: by groups in the scenario's order, then the pairs; then
    those of platforms.

    The key is that of the group, for a region with ":region=NAME" behind it, for a pair "outage:ONE+OTHER".
    """
    lines = _deployment_lines(scenario)
    return {**lines, **{line.key: line for line in _gateway_lines(scenario).values()}}


def _gateway_lines(scenario: Scenario) -> dict[str, Line]:
    """STRATEGY: line of the platform before its providers. Strategies whose platforms fail at the same times share it.

    The key is "outage:gateway", whatever the strategy is called, so that what is compared has the same luck; other
    times are another platform, and its key ends in a digest of them.
    """
    found: dict[str, Line] = {}
    first: OutageLaw | None = None
    for name in scenario.strategies:
        law = scenario.gateway_for(name).outages
        if not isinstance(law, OutageLaw) or not scenario.behind_gateway(name):
            continue
        first = law if first is None else first
        key = GATEWAY_LINE if times_of(first) == times_of(law) else f"{GATEWAY_LINE}:{digest_of(law)}"
        found[name] = _line(scenario, key, law.mtbf_h, law, ())
    return found


@once_per_scenario
def gateway_line_of(scenario: Scenario) -> Mapping[str, str]:
    """STRATEGY: key of its platform's line, for those that have one."""
    return {name: line.key for name, line in _gateway_lines(scenario).items()}


def _deployment_lines(scenario: Scenario) -> dict[str, Line]:
    """KEY: line of deployments."""
    groups = outage_groups(scenario)
    by_provider = {group.provider: group for group in groups.values() if group.provider is not None}
    shared = dict.fromkeys(groups, 0.0)
    pairs = []
    for pair in scenario.outages_together:
        one, other = (by_provider[provider] for provider in pair.providers)
        rate, model = rate_together(pair, {str(g.provider): g for g in (one, other)}), rarer(one, other)
        shared[one.key] += rate
        shared[other.key] += rate
        key = f"outage:{'+'.join(pair.providers)}"
        pairs.append(_line(scenario, key, 1.0 / rate, model.law, (*one.deployments, *other.deployments)))
    found = [line for group in groups.values() for line in _own_lines(scenario, group, shared[group.key])]
    return {line.key: line for line in (*found, *_merged(pairs))}


def _merged(pairs: list[Line]) -> list[Line]:
    """Lines of pairs, told apart where the same two are named more than once."""
    seen: dict[str, int] = {}
    found = []
    for line in pairs:
        seen[line.key] = number = seen.get(line.key, 0) + 1
        key = line.key if number == 1 else f"{line.key}:{number}"
        found.append(Line(key, line.mtbf_h, line.duration_h, line.deployments, line.starts))
    return found


def _own_lines(scenario: Scenario, group: OutageGroup, shared: float) -> list[Line]:
    """Lines of one provider: of all its regions, less what it shares with others, and of each region alone."""
    law, lines = group.law, []
    if law.regional == 0.0 and shared == 0.0:
        lines.append(_line(scenario, group.key, law.mtbf_h, law, group.deployments))
    else:
        rest = (1.0 - law.regional) * group.rate - shared
        if rest > NOTHING * group.rate:
            lines.append(_line(scenario, group.key, 1.0 / rest, law, group.deployments))
    if law.regional > 0.0:
        regions: dict[str, list[str]] = {}
        for name in group.deployments:
            regions.setdefault(scenario.deployments[name].region or "", []).append(name)
        for region, names in regions.items():
            key = f"{group.key}:region={region}"
            lines.append(_line(scenario, key, law.mtbf_h / law.regional, law, tuple(names)))
    return lines


def _line(scenario: Scenario, key: str, mtbf_h: float, law: OutageLaw, deployments: tuple[str, ...]) -> Line:
    weights = reliability.start_weights() if law.starts == "weekday-peaks" else law.starts
    starts = None if weights == "uniform" else _week(tuple(weights), 24 * scenario.start.weekday())
    return Line(key, mtbf_h, law.duration_h, deployments, starts)


@lru_cache(maxsize=64)
def _week(weights: tuple[float, ...], first_hour: int) -> WeekStarts | None:
    """Weights of mean 1 from an hour of the week on; None where all are alike."""
    if min(weights) == max(weights):
        return None
    mean = math.fsum(weights) / WEEK_H
    turned = weights[first_hour:] + weights[:first_hour]
    return WeekStarts(tuple(weight / mean for weight in turned))


def said_of_line(key: str) -> str:
    """Whose outages a line holds, in words.

    >>> said_of_line("outage:openai"), said_of_line("outage:openai:region=eu"), said_of_line("outage:openai+azure")
    ('openai', 'openai in region eu alone', 'openai and azure at once')
    """
    name = key.removeprefix("outage:")
    owner, is_regional, region = name.partition(":region=")
    if is_regional:
        return f"{owner} in {f'region {region}' if region else 'no named region'} alone"
    return f"{' and '.join(owner.split('+'))} at once" if "+" in owner else owner


@once_per_scenario
def lines_of(scenario: Scenario) -> Mapping[str, tuple[str, ...]]:
    """DEPLOYMENT: keys of its lines, for those that have any."""
    found: dict[str, tuple[str, ...]] = {}
    for line in outage_lines(scenario).values():
        for name in line.deployments:
            found[name] = (*found.get(name, ()), line.key)
    return found


def cut(
    scenario: Scenario, line: Line, replication: int, start_s: float, length_s: float
) -> tuple[Spell, ...]:
    """The spells of a replication's line that touch a window, in order of start.

    Parameters
    ----------
    start_s, length_s : float
        The window, in seconds since the horizon's start.

    Raises
    ------
    ScenarioError
        A law with so many spells that no window can be cut from it.
    """
    _check_mean(line, length_s, start_s)
    end_s = start_s + length_s
    if end_s / 3600.0 / line.mtbf_h > MAX_LINE:
        raise ScenarioError([_too_many(line)], "the outages")
    before = _touching(scenario, line, replication, "outage-before", 0.0, 0.0, at_least_one=False)
    after = walk(
        sampling.pack_laws([_components(line.duration_h)]),
        scenario.run.seed,
        replication,
        chance.stream_id("outage-gap", line.key),
        chance.stream_id("outage-duration", line.key),
        line.mtbf_h,
        start_s / 3600.0,
        end_s / 3600.0,
        line.until,
    )
    after[:, 2] = _luck(scenario, line, replication, "outage", after[:, 2].astype(np.int64))
    rows = np.concatenate([before, after])
    rows[:, :2] -= start_s / 3600.0
    return _spells(line, rows, length_s)


def planted(
    scenario: Scenario,
    line: Line,
    replication: int,
    length_s: float,
    part: int = 0,
    parts: int = 1,
    start_s: float = 0.0,
) -> tuple[Spell, ...]:
    """Spells of a line that touch a window, given that at least one does, in order of start.

    The windows that are planted alike are told apart by `part` of `parts`: how early the first spell lies is
    drawn from that part of its law, so that together they show its end, its middle and its beginning.
    """
    _check_mean(line, length_s, start_s)
    rows = _touching(
        scenario,
        line,
        replication,
        "outage-planted",
        start_s,
        length_s,
        at_least_one=True,
        part=part,
        parts=parts,
    )
    return _spells(line, rows, length_s)


def _touching(
    scenario: Scenario,
    line: Line,
    replication: int,
    purpose: str,
    start_s: float,
    length_s: float,
    at_least_one: bool,
    part: int = 0,
    parts: int = 1,
) -> Floats:
    """Starts and ends, in hours since the window's start, and luck of the spells that touch it; shape (spells, 3).

    The law of the module's docstring, by inversion of the count and draws of duration and start for each.
    """
    seed, mean = scenario.run.seed, line.mean_in(length_s, start_s)
    if mean == 0.0:
        return np.empty((0, 3))
    u = chance.uniform(seed, replication, chance.stream_id(f"{purpose}-count", line.key), 0, 0)
    if at_least_one:
        none = chance.exp(-mean)
        u = none + u * (1.0 - none)
    count = chance.poisson_quantile(mean, u)
    # Rounding of u can undo the condition where the mean is below 1e-15.
    names = np.arange(max(count, 1) if at_least_one else count)
    places = chance.uniform_many(seed, replication, chance.stream_id(f"{purpose}-start", line.key), names, 0)
    places[:1] = (part + places[:1]) / parts
    draws = _Draws(seed, replication, purpose, line)
    if line.starts is None:
        length_h = length_s / 3600.0
        durations = draws.durations(_touching_durations(line.duration_h, length_h), names)
        starts = places * (durations + length_h) - durations
    else:
        starts, durations = _places_in_week(line, line.starts, draws, places, start_s, length_s)
    luck = _luck(scenario, line, replication, purpose, names)
    return np.column_stack([starts, starts + durations, luck])


@dataclass(frozen=True)
class _Draws:
    """Draws for spells that touch a window, by their index."""

    seed: int
    replication: int
    purpose: str
    line: Line

    def durations(self, law: list[sampling.Component], names: npt.NDArray[np.int64]) -> Floats:
        stream = chance.stream_id(f"{self.purpose}-duration", self.line.key)
        packed = sampling.pack_laws([law])
        return sampling.draw_many(packed, 0, self.seed, self.replication, stream, names, 0)

    def uniforms(self, what: str, names: npt.NDArray[np.int64]) -> Floats:
        stream = chance.stream_id(f"{self.purpose}-{what}", self.line.key)
        return chance.uniform_many(self.seed, self.replication, stream, names, 0)


def _places_in_week(
    line: Line, week: WeekStarts, draws: _Draws, places: Floats, start_s: float, length_s: float
) -> tuple[Floats, Floats]:
    """(starts, durations) in hours of spells that touch a window; the first places are of those from before it."""
    before, inside = line.weights_in(length_s, start_s)
    start_h, edge = start_s / 3600.0, before / (before + inside)
    names = np.arange(len(places))
    starts, durations = np.empty(len(places)), draws.durations(_components(line.duration_h), names)
    began = week.clock(start_h)
    for name in np.flatnonzero(places >= edge).tolist():
        reached = (places[name] - edge) / (1.0 - edge) * inside
        starts[name] = week.moment(began + reached) - start_h
    left = np.flatnonzero(places < edge)
    chosen, values = draws.uniforms("part", left), draws.uniforms("lasting", left)
    for name, part, value in zip(left.tolist(), chosen.tolist(), values.tolist(), strict=True):
        age = week.began(line.duration_h, start_h, places[name] / edge)
        starts[name], durations[name] = -age, lasting_beyond(line.duration_h, age, part, value)
    return starts, durations


def _luck(
    scenario: Scenario, line: Line, replication: int, purpose: str, names: npt.NDArray[np.int64]
) -> Floats:
    """What chooses the kind of each spell."""
    stream = chance.stream_id(f"{purpose}-kind", line.key)
    return chance.uniform_many(scenario.run.seed, replication, stream, names, 0)


def _touching_durations(law: Law, length_h: float) -> list[sampling.Component]:
    """Durations of density ~ (D + L) f(D): the law itself with weight L, its size-biased form with E[D]."""
    parts = list(law.components)
    plain = [(part.weight * length_h, int(part.kind), part.a, part.b, part.values) for part in parts]
    biased = [piece for part in parts for piece in _size_biased(part)]
    return [piece for piece in plain + biased if piece[0] > 0.0]


def _size_biased(part: Component) -> list[sampling.Component]:
    """A component with density ~ x f(x); its weight is multiplied by its mean."""
    weight = part.weight * part.mean
    match part.kind:
        case Kind.EXPONENTIAL:
            return [(weight, int(Kind.GAMMA), 2.0, part.a, ())]
        case Kind.LOGNORMAL:
            return [(weight, int(Kind.LOGNORMAL), part.a + part.b * part.b, part.b, ())]
        case Kind.GAMMA:
            return [(weight, int(Kind.GAMMA), part.a + 1.0, part.b, ())]
        case Kind.EMPIRICAL:
            each = part.weight / len(part.values)
            return [(each * value, int(Kind.FIXED), value, 0.0, ()) for value in part.values]
    return [(weight, int(Kind.FIXED), part.a, 0.0, ())]


def _spells(line: Line, rows: Floats, length_s: float) -> tuple[Spell, ...]:
    """Spells of positive length that touch [0, length), from starts and ends in hours and luck."""
    end_ns = chance.to_ns(length_s)
    found = [
        Spell(line.key, int(chance.to_ns(start * 3600.0)), int(chance.to_ns(end * 3600.0)), luck)
        for start, end, luck in rows.tolist()
    ]
    return tuple(
        sorted(spell for spell in found if spell.from_ns < min(spell.to_ns, end_ns) and spell.to_ns > 0)
    )


def _components(law: Law) -> list[sampling.Component]:
    return [(part.weight, int(part.kind), part.a, part.b, part.values) for part in law.components]


def _check_mean(line: Line, length_s: float, start_s: float) -> None:
    if line.mean_in(length_s, start_s) > MAX_SPELLS:
        raise ScenarioError([_too_many(line)], "the outages")


def _too_many(line: Line) -> Problem:
    return Problem(
        field=f"deployments.{line.deployments[0]}.outages.mtbf_h"
        if line.deployments
        else "gateway.outages.mtbf_h",
        given=f"{line.mtbf_h:g} with durations of {line.duration_h.mean:g} h on average",
        allowed=f"at most {MAX_SPELLS:,.0f} outages in one window and {MAX_LINE:,.0f} over the horizon",
    )


__all__ = ["Line", "Spell", "cut", "lines_of", "outage_law", "outage_lines", "planted", "said_of_line"]
