"""The plan in time: models in force, months, expected requests, and the windows that are simulated.

Comes in: a scenario with a horizon of months. Goes out: eras (stretches with the same models), month pieces
with their expected requests, and a plan of weighted windows: simulating them and weighting each by its
`weight` estimates the average over the horizon's requests.

Why the plan is honest. Each era gets at least two windows. Within an era a window starts at a full hour, drawn
with probability proportional to the requests expected in it (stratified: the j-th of n windows lies in the
j-th n-th part of the era's requests), so the plain mean of a per-request measure over them is unbiased.
Rare outages are not waited for: where fewer than two of an era's windows would meet a spell of a line by
themselves, the era's windows are split by the exact probabilities into "no spell of any rare line" and "the
first rare line with a spell is i" (two windows planted with spells from their law given that there is one,
see `outage_lines`). The weights are these probabilities, so availability stays unbiased; lines after i, and
lines that are not rare, come as drawn. An era with fewer than four windows takes all lines as drawn.
Where a line's starts follow the week, its probability depends on where a window starts: then those of each kind are
drawn with probability proportional to requests times the probability of that kind there, and its weight is the mean
over requests, so that nothing is lost or counted twice (Bayes).
"""

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from planner import chance
from planner.scenario.declare import FrozenMap
from planner.scenario.fields import MONTH_S, Scenario
from planner.scenario.migrations import models_in_force
from planner.scenario.quotas import first_hour_of_days
from planner.scenario.remembered import once_per_scenario
from planner.workload import traces
from planner.workload.arrivals import hourly_weights
from planner.workload.outage_lines import Line, Spell, cut, outage_lines, planted
from planner.workload.volume import volume_factor
from planner.workload.week_starts import WEEK_H

WINDOW_STREAM = chance.stream_id("windows")
LEAST_PER_ERA = 2
LEAST_TO_SPLIT = 4
LEAST_MET = 2  # windows of an era that have to meet a spell by themselves, or it is planted
PLANTED_PER_LINE = 4
DAY_S = 86_400

#: A probability: one for all places, or one for each.
_Factor = float | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Era:
    """A stretch of the horizon, [start, end), in which every deployment keeps its model."""

    index: int
    start: datetime.date
    end: datetime.date
    models: FrozenMap  # DEPLOYMENT: model in force
    expected_requests: float
    weight: float  # share of the horizon's expected requests


@dataclass(frozen=True)
class MonthPiece:
    """A calendar month or a part of one, [start, end), within one era."""

    month: str  # YYYY-MM
    start: datetime.date
    end: datetime.date
    era: int
    expected_requests: float
    months: float  # part of its calendar month that it covers; 1.0 is a whole month


@dataclass(frozen=True)
class Window:
    """A stretch that is simulated. Its index is the replication that names all its luck."""

    index: int
    era: int
    start_s: float  # since 00:00 UTC of the horizon's first day
    length_s: float
    weight: float  # of all windows together: 1
    stratum: str  # the outage line that was planted; "" for none
    spells: tuple[Spell, ...]
    volume: float = 1.0  # relative to others: how busy it is expected to be, by hour, growth and season


@dataclass(frozen=True)
class Counts:
    """Three ways to say how much traffic there is, per mean month of the first volume."""

    turns_per_month: float
    conversations_per_month: float
    users_active_per_day: float | None


# -- volume ------------------------------------------------------------------------------------


def requests_per_month(scenario: Scenario) -> float:
    """User turns in a mean month before growth and seasons: given, derived from users, or the recording's own pace.

    A recording of n requests has n - 1 gaps, so its pace is (n - 1) / (last - first arrival); with one
    request, or all at once, its n requests are taken to fill one `run.window_s` (`volume_notice` says so).
    """
    given = scenario.requests_per_month()
    if given is not None:
        return given
    recording = traces.recording(scenario)
    span_s = recording.span_ns / 1e9
    if span_s == 0.0:
        return recording.n / scenario.run.window_s * MONTH_S
    return (recording.n - 1) / span_s * MONTH_S


def volume_notice(scenario: Scenario) -> str | None:
    """What must be said about where the monthly volume comes from; None if it was given."""
    if scenario.requests_per_month() is not None:
        return None
    recording = traces.recording(scenario)
    if recording.span_ns == 0:
        pace = f"its {recording.n} requests in every {scenario.run.window_s:g} s (run.window_s)"
    else:
        pace = f"its own pace, {recording.n - 1} gaps in {recording.span_ns / 1e9:g} s"
    return (
        f"traffic.requests_per_month is not given: the trace is taken to go on at {pace}, "
        f"{requests_per_month(scenario):,.0f} requests a month"
    )


def counts(scenario: Scenario) -> Counts:
    """Turns, conversations and users. A recording with sessions has its own turns per conversation."""
    traffic = scenario.traffic
    turns = requests_per_month(scenario)
    turns_mean = traffic.sessions.turns_mean
    if traffic.trace is not None:
        turns_mean = traces.recording(scenario).turns_mean or turns_mean
    users = None if traffic.users is None else traffic.users.active_per_day
    return Counts(turns, turns / turns_mean, users)


def task_share(scenario: Scenario) -> dict[str, float]:
    """TASK: share of all requests; a recording that names tasks has its own."""
    return traces.task_shares(scenario)


# -- calendar ----------------------------------------------------------------------------------


def horizon(scenario: Scenario) -> tuple[datetime.date, datetime.date]:
    """First day of the plan and the day after its last: the same day of the month, or that month's last.

    `finance.until` ends it earlier.
    """
    start = scenario.start
    month = start.month - 1 + scenario.finance.horizon_months
    year, month = start.year + month // 12, month % 12 + 1
    whole = datetime.date(year, month, min(start.day, _days_of_month(year, month)))
    return start, min(whole, scenario.finance.until or whole)


def horizon_words(scenario: Scenario) -> str:
    """How long the plan is, for people: `36 months`, or from which day to which where it ends at a day of its own."""
    start, end = horizon(scenario)
    if scenario.finance.until is not None:
        return f"{start} to {end - datetime.timedelta(days=1)}"
    months = scenario.finance.horizon_months
    return f"{months} {'month' if months == 1 else 'months'}"


def eras(scenario: Scenario) -> tuple[Era, ...]:
    """The horizon cut at the migrations that change a deployment's model."""
    return _eras(scenario, requests_per_month(scenario))


@once_per_scenario
def _eras(scenario: Scenario, volume: float) -> tuple[Era, ...]:
    start, end = horizon(scenario)
    cuts = [start]
    for day in sorted({migration.at for migration in scenario.finance.migrations}):
        if start < day < end and models_in_force(scenario, day) != models_in_force(scenario, cuts[-1]):
            cuts.append(day)
    spans = list(zip(cuts, [*cuts[1:], end], strict=True))
    expected = [_expected(scenario, volume, first, last) for first, last in spans]
    total = math.fsum(expected)
    return tuple(
        Era(
            index,
            first,
            last,
            FrozenMap(models_in_force(scenario, first)),
            expected[index],
            expected[index] / total,
        )
        for index, (first, last) in enumerate(spans)
    )


def month_pieces(scenario: Scenario, extra_cuts: Iterable[datetime.date] = ()) -> tuple[MonthPiece, ...]:
    """The horizon cut at the ends of calendar months, at eras, and on the days given (price changes).

    Expected requests are volume x seconds / 2,629,800 x (1 + growth)^k x season, k calendar months after the first
    (`planner.workload.volume`): months get their share by length, whatever weekdays they hold.
    """
    volume = requests_per_month(scenario)
    found = []
    for era in eras(scenario):
        for first, last in _pieces(era.start, era.end, extra_cuts):
            days = (last - first).days
            found.append(
                MonthPiece(
                    month=f"{first:%Y-%m}",
                    start=first,
                    end=last,
                    era=era.index,
                    expected_requests=_piece_requests(scenario, volume, first, days),
                    months=days / _days_of_month(first.year, first.month),
                )
            )
    return tuple(found)


def expected_requests(scenario: Scenario) -> float:
    """Requests over the whole horizon, on average over all luck."""
    return _expected(scenario, requests_per_month(scenario), *horizon(scenario))


def _expected(scenario: Scenario, volume: float, start: datetime.date, end: datetime.date) -> float:
    return math.fsum(
        _piece_requests(scenario, volume, first, (last - first).days)
        for first, last in _pieces(start, end, ())
    )


def _piece_requests(scenario: Scenario, volume: float, first: datetime.date, days: int) -> float:
    months = (first.year - scenario.start.year) * 12 + first.month - scenario.start.month
    return volume * (days * DAY_S / MONTH_S) * volume_factor(scenario, months)


def _pieces(
    start: datetime.date, end: datetime.date, cuts: Iterable[datetime.date]
) -> list[tuple[datetime.date, datetime.date]]:
    """[start, end) cut on the first days of months and on the days given."""
    days = {start, *(day for day in cuts if start < day < end)}
    year, month = start.year, start.month
    while True:
        year, month = year + month // 12, month % 12 + 1
        first = datetime.date(year, month, 1)
        if first >= end:
            break
        days.add(first)
    ordered = sorted(days)
    return list(zip(ordered, [*ordered[1:], end], strict=True))


def _days_of_month(year: int, month: int) -> int:
    following = datetime.date(year + month // 12, month % 12 + 1, 1)
    return (following - datetime.date(year, month, 1)).days


# -- windows -----------------------------------------------------------------------------------


def plan_windows(scenario: Scenario, replications: int | None = None) -> tuple[Window, ...]:
    """The windows to simulate, the same for all strategies; first all as drawn or without rare outages, then
    the planted ones.

    Parameters
    ----------
    replications : int, optional
        Windows to share among the eras, instead of `run.replications`; planted ones come on top. With 1 each
        era has one; otherwise at least two, so the total is higher where there are many eras.

    Notes
    -----
    Where a deployment has a cap of a day, windows start at the hour at which its day does (`checks_limits` sees to
    it that they hold whole days): drawn in the same way, among the days.
    A window longer than an hour starts with probability proportional to the requests expected in all of it,
    which counts every inner hour alike. It may end after its era, whose models stay in force to its end.
    A recording is one whole window: it is replayed in all of them, with other luck.
    """
    wanted = scenario.run.replications if replications is None else replications
    if wanted < 1:
        raise ValueError(f"replications must be >= 1: {wanted}")
    length_s = window_length_s(scenario)
    lines = list(outage_lines(scenario).values())
    plan = list(eras(scenario))
    windows: list[Window] = []
    extra: list[tuple[_Places, list[Line], Line, float, _Factor]] = []
    for era, number in zip(plan, windows_per_era([era.weight for era in plan], wanted), strict=True):
        places = _places(scenario, era, length_s)
        rare = rare_lines(
            lines, number, {line.key: places.mean(_chances(line, places, length_s)) for line in lines}
        )
        left: _Factor = era.weight  # times the probability that no rare line so far has a spell
        for line in rare:
            probability = _chances(line, places, length_s)
            drawn = lines[lines.index(line) + 1 :] + _common(lines, rare, line)
            factor = left * probability
            extra.append((places, drawn, line, places.mean(factor), factor))
            left = left * (1.0 - probability)
        for start_s, volume in _draw_starts(scenario, places, number, len(windows), left):
            index, weight = len(windows), places.mean(left) / number
            drawn = [line for line in lines if line not in rare]
            spells = _cut_all(scenario, drawn, index, start_s, length_s)
            windows.append(Window(index, era.index, start_s, length_s, weight, "", spells, volume))
    for places, drawn, line, weight, factor in extra:
        if weight == 0.0:  # such a line never begins where this era's windows could meet it
            continue
        starts = _draw_starts(scenario, places, PLANTED_PER_LINE, len(windows), factor)
        for part, (start_s, volume) in enumerate(starts):
            index = len(windows)
            spells = planted(scenario, line, index, length_s, part, PLANTED_PER_LINE, start_s) + _cut_all(
                scenario, drawn, index, start_s, length_s
            )
            windows.append(
                Window(
                    index,
                    places.era.index,
                    start_s,
                    length_s,
                    weight / PLANTED_PER_LINE,
                    line.key,
                    tuple(sorted(spells)),
                    volume,
                )
            )
    return tuple(windows)


def window_length_s(scenario: Scenario) -> float:
    """Length of every window: `run.window_s`, or up to the last arrival of a recording."""
    if scenario.traffic.trace is None:
        return scenario.run.window_s
    return traces.recording(scenario).last_ns / 1e9 or scenario.run.window_s


def windows_per_era(weights: list[float], replications: int) -> list[int]:
    """Windows of each era: about weight x replications, at least two (one if there is only one replication).

    Eras whose part would be below two get two; the others share what is left by largest remainders, so that
    the sum is `replications` wherever two for each allow it.
    """
    least = 1 if replications == 1 else LEAST_PER_ERA
    found = [least] * len(weights)
    open_eras = list(range(len(weights)))
    while True:
        left = replications - least * (len(weights) - len(open_eras))
        total = math.fsum(weights[era] for era in open_eras)
        small = [era for era in open_eras if weights[era] / total * left < least]
        if not small:
            break
        open_eras = [era for era in open_eras if era not in small]
        if not open_eras:
            return found
    parts = {era: weights[era] / total * left for era in open_eras}
    for era, part in parts.items():
        found[era] = math.floor(part)
    by_rest = sorted(open_eras, key=lambda era: (math.floor(parts[era]) - parts[era], era))
    for era in by_rest[: left - sum(found[era] for era in open_eras)]:
        found[era] += 1
    return found


def rare_lines(lines: list[Line], number: int, chances: Mapping[str, float]) -> list[Line]:
    """Lines of which fewer than two of an era's windows would meet a spell by themselves; `chances` by key."""
    if number < LEAST_TO_SPLIT:
        return []
    return [line for line in lines if chances[line.key] * number < LEAST_MET]


def _common(lines: list[Line], rare: list[Line], planted_line: Line) -> list[Line]:
    """Lines before the planted one that are not rare: they too come as drawn."""
    return [line for line in lines[: lines.index(planted_line)] if line not in rare]


def _cut_all(
    scenario: Scenario, lines: Iterable[Line], replication: int, start_s: float, length_s: float
) -> tuple[Spell, ...]:
    return tuple(spell for line in lines for spell in cut(scenario, line, replication, start_s, length_s))


@dataclass(frozen=True)
class _Places:
    """Where an era's windows may start, in hours since the horizon's start, and how busy they are expected to be."""

    era: Era
    hours: npt.NDArray[np.int64]
    volumes: npt.NDArray[np.float64]  # expected requests of a window, relative to others; negative is none
    is_replay: bool  # the same requests, whatever the hour

    @cached_property
    def shares(self) -> npt.NDArray[np.float64]:
        """How often a window starts there, relative to others: by requests, or alike where none are expected."""
        busy = np.maximum(self.volumes, 0.0)
        return busy if np.cumsum(busy)[-1] > 0.0 else np.ones(len(busy))

    @cached_property
    def bounds(self) -> npt.NDArray[np.float64]:
        """Sums of `shares` up to each place."""
        return np.cumsum(self.shares)

    @cached_property
    def _total(self) -> np.float64:
        return self.shares.sum()

    def mean(self, factor: _Factor) -> float:
        """Mean of what depends on the place, over requests."""
        if isinstance(factor, float):
            return factor
        return float((self.shares * factor).sum() / self._total)


def _chances(line: Line, places: _Places, length_s: float) -> _Factor:
    """Probability that a window meets a spell of a line: one number, or by place where starts follow the week."""
    if line.starts is None:
        return line.chance_in(length_s)
    return _week_chances(line, length_s)[places.hours % WEEK_H]


@lru_cache(maxsize=256)
def _week_chances(line: Line, length_s: float) -> npt.NDArray[np.float64]:
    return np.array([line.chance_in(length_s, hour * 3600.0) for hour in range(WEEK_H)])


def _places(scenario: Scenario, era: Era, length_s: float) -> _Places:
    first = (era.start - scenario.start).days * 24
    hours = (era.end - era.start).days * 24
    whole, rest = divmod(length_s / 3600.0, 1.0)
    weights = hourly_weights(scenario, first, hours + int(whole) + 1)
    until = np.concatenate([[0.0], np.cumsum(weights)])
    inside = (
        until[int(whole) : int(whole) + hours]
        - until[:hours]
        + rest * weights[int(whole) : int(whole) + hours]
    )
    day_begins_h = first_hour_of_days(scenario)
    candidates = np.arange(hours) if day_begins_h is None else np.arange(day_begins_h, hours, 24)
    is_replay = scenario.traffic.trace is not None
    return _Places(era, first + candidates, inside[candidates], is_replay)


def _draw_starts(
    scenario: Scenario, places: _Places, number: int, first_index: int, factor: _Factor
) -> list[tuple[float, float]]:
    """Starts in s since the horizon's start, with the relative volume: one in each n-th part of the era's requests.

    They count by a factor where it differs from place to place, such as the probability to meet an outage there.
    """
    bounds = places.bounds if isinstance(factor, float) else np.cumsum(places.shares * factor)
    starts = []
    for j in range(number):
        u = chance.uniform(scenario.run.seed, first_index + j, WINDOW_STREAM, 0, 0)
        place = int(np.searchsorted(bounds, (j + u) / number * bounds[-1], side="right"))
        place = min(place, len(bounds) - 1)
        is_busy = not places.is_replay and places.volumes[place] > 0.0
        volume = float(places.volumes[place]) if is_busy else 1.0
        starts.append((float(places.hours[place]) * 3600.0, volume))
    return starts
