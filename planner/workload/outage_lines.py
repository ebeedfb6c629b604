"""Random outages: lines of spells, one for each provider and law, cut to windows or planted in them.

Comes in: the outage law of each deployment. Goes out: spells in ns since a window's start. All deployments of
a provider with the same times between and the same durations share one line, so they are out together; what an
outage does (mode, status, slowdown) stays with the deployment.

A line is a Poisson process of starts (gaps exponential with mean `mtbf_h`, start to start) with independent
durations; spells may overlap. Its k-th gap and duration are drawn by index from the horizon's start, and it
begins in its stationary state: spells under way at the horizon's start are drawn first. Hence, for a window
of length L anywhere,

    number of spells that touch it ~ Poisson((E[D] + L) / mtbf),
    each independently with duration of density ~ (D + L) f(D) and start uniform on (-D, L).

`planted` draws from just that law given that there is at least one, so that a window with an outage can be
simulated on purpose and weighted by the probability 1 - exp(-(E[D] + L) / mtbf) without any bias.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from planner import chance, sampling
from planner.catalogue import reliability
from planner.errors import Problem, ScenarioError
from planner.jit import jit
from planner.scenario.fields import Scenario
from planner.scenario.laws import Component, Kind, Law, parse_law
from planner.scenario.supply import OutageLaw

# More spells in one window than this describe no outages but a slow service.
MAX_SPELLS = 100_000.0
# Longest line that is followed from the horizon's start, in spells.
MAX_LINE = 1e8
GATEWAY_LINE = "outage:gateway"


class Spell(NamedTuple):
    """One episode on a line, [from, to) in ns since the window's start; it may begin before or end after it."""

    line: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True)
class Line:
    """Outage times shared by deployments: mean time from start to start and durations, in hours."""

    key: str
    mtbf_h: float
    duration_h: Law
    deployments: tuple[str, ...]

    def chance_in(self, length_s: float) -> float:
        """Probability that at least one spell touches a window of that length."""
        return -math.expm1(-self.mean_in(length_s))

    def mean_in(self, length_s: float) -> float:
        """Mean number of spells that touch a window of that length."""
        return (self.duration_h.mean + length_s / 3600.0) / self.mtbf_h


def outage_law(scenario: Scenario, deployment: str) -> OutageLaw | None:
    """The random outages of a deployment, with the catalogue's filled in; None if it has none.

    A deployment without a provider has none unless it gives a law of its own (design, section 3).
    """
    found = scenario.deployments[deployment]
    if isinstance(found.outages, OutageLaw):
        return found.outages
    if found.outages != "catalogue" or found.provider is None:
        return None
    profile = reliability.outages(found.provider)
    duration = parse_law({"p50": profile.duration_p50_h, "p95": profile.duration_p95_h})
    return OutageLaw(mtbf_h=profile.mtbf_h, duration_h=duration)


def outage_lines(scenario: Scenario) -> Mapping[str, Line]:
    """KEY: line, for all deployments that some strategy can use, in the scenario's order; then those of platforms.

    The key is "outage:PROVIDER", or "outage:DEPLOYMENT" without a provider. A second law with other times at
    the same provider is another line, and its key ends in a digest of those times.
    """
    lines = _deployment_lines(scenario)
    return {**lines, **{line.key: line for line in _gateway_lines(scenario).values()}}


def _gateway_lines(scenario: Scenario) -> dict[str, Line]:
    """STRATEGY: line of the platform before its providers. Strategies whose platforms fail at the same times share it.

    The key is "outage:gateway", whatever the strategy is called, so that what is compared has the same luck; other
    times are another platform, and its key ends in a digest of them.
    """
    found: dict[str, Line] = {}
    for name in scenario.strategies:
        law = scenario.gateway_for(name).outages
        if not isinstance(law, OutageLaw) or not scenario.behind_gateway(name):
            continue
        first = next(iter(found.values()), None)
        key = GATEWAY_LINE if first is None or _same_times(first, law) else f"{GATEWAY_LINE}:{_digest(law)}"
        found[name] = Line(key, law.mtbf_h, law.duration_h, ())
    return found


def gateway_line_of(scenario: Scenario) -> Mapping[str, str]:
    """STRATEGY: key of its platform's line, for those that have one."""
    return {name: line.key for name, line in _gateway_lines(scenario).items()}


def _deployment_lines(scenario: Scenario) -> dict[str, Line]:
    """KEY: line of deployments."""
    used = {name for strategy in scenario.strategies for name in scenario.deployments_of(strategy)}
    lines: dict[str, Line] = {}
    for name, deployment in scenario.deployments.items():
        law = outage_law(scenario, name) if name in used else None
        if law is None:
            continue
        key = f"outage:{deployment.provider or name}"
        if key == GATEWAY_LINE:  # a deployment of that name, which is no platform
            key = f"{key}:deployment"
        if key in lines and not _same_times(lines[key], law):
            key = f"{key}:{_digest(law)}"
        before = lines[key].deployments if key in lines else ()
        lines[key] = Line(key, law.mtbf_h, law.duration_h, (*before, name))
    return lines


def line_of(scenario: Scenario) -> Mapping[str, str]:
    """DEPLOYMENT: key of its line, for those that have one."""
    return {name: line.key for line in outage_lines(scenario).values() for name in line.deployments}


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
    _check_mean(line, length_s)
    end_s = start_s + length_s
    if end_s / 3600.0 / line.mtbf_h > MAX_LINE:
        raise ScenarioError([_too_many(line)], "the outages")
    before = _touching(scenario, line, replication, "outage-before", 0.0, at_least_one=False)
    after = _walk(
        sampling.pack_laws([_components(line.duration_h)]),
        scenario.run.seed,
        replication,
        chance.stream_id("outage-gap", line.key),
        chance.stream_id("outage-duration", line.key),
        line.mtbf_h,
        start_s / 3600.0,
        end_s / 3600.0,
    )
    hours = np.concatenate([before.reshape(-1, 2), after])
    return _spells(line, hours - start_s / 3600.0, length_s)


def planted(
    scenario: Scenario, line: Line, replication: int, length_s: float, part: int = 0, parts: int = 1
) -> tuple[Spell, ...]:
    """Spells of a line that touch a window, given that at least one does, in order of start.

    The windows that are planted alike are told apart by `part` of `parts`: how early the first spell lies is
    drawn from that part of its law, so that together they show its end, its middle and its beginning.
    """
    _check_mean(line, length_s)
    hours = _touching(
        scenario,
        line,
        replication,
        "outage-planted",
        length_s / 3600.0,
        at_least_one=True,
        part=part,
        parts=parts,
    )
    return _spells(line, hours, length_s)


def _touching(
    scenario: Scenario,
    line: Line,
    replication: int,
    purpose: str,
    length_h: float,
    at_least_one: bool,
    part: int = 0,
    parts: int = 1,
) -> npt.NDArray[np.float64]:
    """Starts and ends, in hours, of the spells that touch [0, length]; shape (spells, 2).

    The law of the module's docstring, by inversion of the count and one draw of duration and start for each.
    """
    seed = scenario.run.seed
    mean = (line.duration_h.mean + length_h) / line.mtbf_h
    if mean == 0.0:
        return np.empty((0, 2))
    u = chance.uniform(seed, replication, chance.stream_id(f"{purpose}-count", line.key), 0, 0)
    if at_least_one:
        none = chance.exp(-mean)
        u = none + u * (1.0 - none)
    count = chance.poisson_quantile(mean, u)
    # Rounding of u can undo the condition where the mean is below 1e-15.
    names = np.arange(max(count, 1) if at_least_one else count)
    law = sampling.pack_laws([_touching_durations(line.duration_h, length_h)])
    durations = sampling.draw_many(
        law, 0, seed, replication, chance.stream_id(f"{purpose}-duration", line.key), names, 0
    )
    places = chance.uniform_many(seed, replication, chance.stream_id(f"{purpose}-start", line.key), names, 0)
    places[:1] = (part + places[:1]) / parts
    starts = places * (durations + length_h) - durations
    return np.column_stack([starts, starts + durations])


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


def _spells(line: Line, hours: npt.NDArray[np.float64], length_s: float) -> tuple[Spell, ...]:
    """Spells of positive length that touch [0, length), from starts and ends in hours."""
    end_ns = chance.to_ns(length_s)
    found = [
        Spell(line.key, int(chance.to_ns(start * 3600.0)), int(chance.to_ns(end * 3600.0)))
        for start, end in hours.tolist()
    ]
    return tuple(
        sorted(spell for spell in found if spell.from_ns < min(spell.to_ns, end_ns) and spell.to_ns > 0)
    )


def _components(law: Law) -> list[sampling.Component]:
    return [(part.weight, int(part.kind), part.a, part.b, part.values) for part in law.components]


def _same_times(line: Line, law: OutageLaw) -> bool:
    return line.mtbf_h == law.mtbf_h and line.duration_h == law.duration_h


def _digest(law: OutageLaw) -> str:
    text = repr(
        (law.mtbf_h, [(c.weight, int(c.kind), c.a, c.b, c.values) for c in law.duration_h.components])
    )
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()


def _check_mean(line: Line, length_s: float) -> None:
    if line.mean_in(length_s) > MAX_SPELLS:
        raise ScenarioError([_too_many(line)], "the outages")


def _too_many(line: Line) -> Problem:
    return Problem(
        field=f"deployments.{line.deployments[0]}.outages.mtbf_h"
        if line.deployments
        else "gateway.outages.mtbf_h",
        given=f"{line.mtbf_h:g} with durations of {line.duration_h.mean:g} h on average",
        allowed=f"at most {MAX_SPELLS:,.0f} outages in one window and {MAX_LINE:,.0f} over the horizon",
    )


@jit(
    numba.float64[:, ::1](
        sampling.LAWS_TYPE,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.int64,
        numba.float64,
        numba.float64,
        numba.float64,
    )
)
def _walk(
    law: sampling.Laws,
    seed: int,
    replication: int,
    gap_stream: int,
    duration_stream: int,
    mtbf_h: float,
    from_h: float,
    to_h: float,
) -> npt.NDArray[np.float64]:
    """Starts and ends of the line's spells that touch [from, to), hours since the horizon's start."""
    found = np.empty((16, 2), np.float64)
    count = k = 0
    start = 0.0
    while True:
        start += chance.exponential(seed, replication, gap_stream, k, 0, mtbf_h)
        if start >= to_h:
            break
        end = start + sampling.draw_law(law, 0, seed, replication, duration_stream, k, 0)
        k += 1
        if end <= from_h:
            continue
        if count == found.shape[0]:
            larger = np.empty((2 * count, 2), np.float64)
            larger[:count] = found
            found = larger
        found[count, 0] = start
        found[count, 1] = end
        count += 1
    return found[:count].copy()
