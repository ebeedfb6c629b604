"""When requests come: a Poisson count per cell of constant rate, uniform positions inside, names that stay.

Comes in: a scenario, a replication and a stretch of the horizon. Goes out: names and moments of arrival. A
cell is 1/2^16 of an hour (55 ms); only from about a billion requests a month on is it finer, by powers of
two up to 2^21 an hour, so that the peak hour of the base volume has at most 64 arrivals a cell.

The grid depends on the base volume (`requests_per_month` as given) and the weekly shape alone, never on growth,
seasons, day factors or the window. It moves, and names with it, only where base volume times the shape's peak passes
64 x 2^16 requests an hour, and at each doubling above: between two such points a slider keeps every name.
Within a grid more volume keeps every old request: the count of a cell grows with its mean (one uniform,
inverted), and the d-th arrival of a cell is a draw of its own.

A name packs (cell counted from the horizon's start, draw in the cell, turn) into 39 + 16 + 8 bits: the same
hour has the same names in every window. Of the turn's bits the lower six number the questions of a conversation, the
upper two how often one was asked again. What arrives here are conversations: their first turns.
"""

import datetime
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from planner import chance
from planner.errors import Problem, ScenarioError
from planner.jit import jit
from planner.scenario.fields import MONTH_S, Scenario
from planner.workload.shapes import HOURS_PER_WEEK, weekly_weights
from planner.workload.volume import volume_factors

HOUR_NS = 3_600_000_000_000
MEAN_PER_CELL = 64
LEAST_CELLS_LOG2, MOST_CELLS_LOG2 = 16, 21  # cells per hour
CELL_BITS, DRAW_BITS, TURN_BITS = 39, 16, 8
QUESTION_BITS = 6  # of the turn's
MAX_CELL, MAX_DRAW, MAX_TURN = (1 << CELL_BITS) - 1, (1 << DRAW_BITS) - 1, (1 << TURN_BITS) - 1
# Six standard deviations below the largest count that a name can hold.
MAX_CELL_MEAN = 64_000.0
# How far a window is lengthened for a wanted number of requests: ten years.
LONGEST_SEARCH_H = 87_660

COUNT_STREAM = chance.stream_id("arrival-count")
POSITION_STREAM = chance.stream_id("arrival")
DAY_STREAM = chance.stream_id("day")

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def pack_name(cell: int, draw: int, turn: int = 0) -> int:
    """Name of the draw-th arrival of a cell and of a later turn of its conversation.

    >>> pack_name(1, 2, 3) == (1 << 24) + (2 << 8) + 3
    True
    """
    assert 0 <= cell <= MAX_CELL, f"a cell must be in 0..{MAX_CELL}: {cell}"
    assert 0 <= draw <= MAX_DRAW, f"a draw must be in 0..{MAX_DRAW}: {draw}"
    assert 0 <= turn <= MAX_TURN, f"a turn must be in 0..{MAX_TURN}: {turn}"
    return (cell << (DRAW_BITS + TURN_BITS)) | (draw << TURN_BITS) | turn


def unpack_name(name: int) -> tuple[int, int, int]:
    """Cell, draw and turn of a name; the inverse of `pack_name`."""
    return name >> (DRAW_BITS + TURN_BITS), (name >> TURN_BITS) & MAX_DRAW, name & MAX_TURN


def hourly_weights(scenario: Scenario, first_hour: int, hours: int) -> Floats:
    """Expected requests of each hour against a mean hour of `traffic.requests_per_month`; shape (hours,).

    Weekly shape (flat for a trace) times growth and season by calendar month. Hours count from 00:00 UTC of the
    scenario's start.
    """
    traffic = scenario.traffic
    shape = weekly_weights("flat" if traffic.trace is not None else traffic.weekly_shape)
    hour = np.arange(first_hour, first_hour + hours)
    of_week = (scenario.start.weekday() * 24 + hour) % HOURS_PER_WEEK
    months = _months_since_start(scenario.start, first_hour // 24, (first_hour + hours - 1) // 24)
    factors = np.array(volume_factors(scenario, int(months[-1]) + 1))
    return shape[of_week] * factors[months[hour // 24 - first_hour // 24]]


def _months_since_start(start: datetime.date, first_day: int, last_day: int) -> Integers:
    """Calendar months since the first, for each day counted from the start."""
    days = np.arange(first_day, last_day + 1) + np.datetime64(start, "D")
    return days.astype("datetime64[M]").astype(np.int64) - int(np.datetime64(start, "M").astype(np.int64))


def cells_per_hour(scenario: Scenario) -> int:
    """Cells of an hour, a power of two: see the module's docstring for when it changes."""
    volume = scenario.requests_per_month()
    assert volume is not None, "generated traffic needs a volume"
    peak = volume / MONTH_S * 3600.0 * float(weekly_weights(scenario.traffic.weekly_shape).max())
    log2 = LEAST_CELLS_LOG2
    while log2 < MOST_CELLS_LOG2 and peak > MEAN_PER_CELL * (1 << log2):
        log2 += 1
    return 1 << log2


def day_factor(scenario: Scenario, replication: int, day: int) -> float:
    """Volume of a day against its mean: gamma with mean 1 and standard deviation `daily_spread`.

    The d-th day from the horizon's start is drawn by index; source: facts, Poisson counts mixed by day
    (variance m + m^2 spread^2).
    """
    spread = scenario.traffic.daily_spread
    if spread == 0.0:
        return 1.0
    variance = spread * spread
    drawn = chance.gamma_variate(scenario.run.seed, replication, DAY_STREAM, day, 0, 1.0 / variance)
    return drawn * variance


def hourly_means(scenario: Scenario, replication: int, first_hour: int, hours: int) -> Floats:
    """Mean number of conversations that begin in each hour of one replication, its day factors included."""
    volume = scenario.requests_per_month()
    assert volume is not None, "generated traffic needs a volume"
    means = hourly_weights(scenario, first_hour, hours) * (volume / MONTH_S * 3600.0)
    means /= scenario.turns_per_conversation()
    if scenario.traffic.daily_spread > 0.0:
        for day in range(first_hour // 24, (first_hour + hours - 1) // 24 + 1):
            begin, end = max(day * 24 - first_hour, 0), min((day + 1) * 24 - first_hour, hours)
            means[begin:end] *= day_factor(scenario, replication, day)
    return means


BLOCK_REQUESTS = 32_768  # mean number of arrivals that are made at a time


def arrivals(
    scenario: Scenario, replication: int, first_hour: int, length_ns: int, limit: int | None = None
) -> tuple[Integers, Integers]:
    """Names and moments of the arrivals of a stretch, by time; moments in ns since its start.

    The arguments are those of `arrival_blocks`.
    """
    blocks = list(arrival_blocks(scenario, replication, first_hour, length_ns, limit))
    if not blocks:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([names for names, _ in blocks]), np.concatenate([moments for _, moments in blocks])


def arrival_blocks(
    scenario: Scenario, replication: int, first_hour: int, length_ns: int, limit: int | None = None
) -> Iterator[tuple[Integers, Integers]]:
    """The arrivals of a stretch, block by block in time: (names, moments in ns since its start).

    Parameters
    ----------
    replication : int
        Index of the window: another replication, other luck.
    first_hour : int
        Where the stretch starts, in hours since the horizon's start.
    length_ns : int
        Arrivals lie in [0, length_ns).
    limit : int, optional
        Exactly so many first arrivals instead: the stretch ends with the last of them, however long that takes.

    Raises
    ------
    ScenarioError
        A volume beyond what names can hold, or a limit that the traffic does not reach.
    """
    cells = cells_per_hour(scenario)
    last_cell = -(-length_ns * cells // HOUR_NS)  # whole cells that cover the stretch
    means = np.empty(0)
    found = cell = 0  # cells since the start of the stretch
    while cell < last_cell if limit is None else found < limit:
        hour, begin = divmod(cell, cells)
        if hour % 24 == 0 and begin == 0:
            if limit is not None and hour >= LONGEST_SEARCH_H:
                raise ScenarioError([_too_few(limit, found)], "the traffic")
            assert (first_hour + hour + 24) * cells <= MAX_CELL, "a window ends within 30 years of the start"
            means = hourly_means(scenario, replication, first_hour + hour, 24)
        cell_mean = float(means[hour % 24]) / cells
        if cell_mean > MAX_CELL_MEAN:
            raise ScenarioError([_too_many(scenario, cell_mean * cells)], "the traffic")
        # A block lies within an hour and has as many cells as bring about a block of requests.
        wanted = math.ceil(BLOCK_REQUESTS / max(cell_mean, 1e-9))
        end = min(cells, begin + wanted, last_cell - hour * cells if limit is None else cells)
        names, moments = _some_cells(
            scenario.run.seed,
            replication,
            COUNT_STREAM,
            POSITION_STREAM,
            (first_hour + hour) * cells,
            begin,
            end,
            cells,
            cell_mean,
        )
        # Names ascend already, so a stable sort by time puts equal moments in the order of names.
        order = np.argsort(moments, kind="stable")
        names, moments = names[order], moments[order] + hour * HOUR_NS
        if limit is None:
            kept = int(np.searchsorted(moments, length_ns, side="left"))
        else:
            kept = min(len(names), limit - found)
        found += kept
        cell += end - begin
        if kept:
            yield names[:kept], moments[:kept]


def _too_many(scenario: Scenario, per_hour: float) -> Problem:
    traffic = scenario.traffic
    name = "growth_per_month" if traffic.growth_per_year is None else "growth_per_year"
    if traffic.seasons is not None:
        name, given = "seasons", "seasons and growth"
    else:
        given = f"{getattr(traffic, name):g}"
    return Problem(
        field=f"traffic.{name}",
        given=f"{given}, that is {per_hour:.3g} requests in one hour",
        allowed=f"a volume of at most {cells_per_hour(scenario) * MAX_CELL_MEAN:.3g} requests an hour",
    )


def _too_few(limit: int, found: int) -> Problem:
    years = LONGEST_SEARCH_H / 8766
    return Problem(
        field="requests", given=str(limit), allowed=f"at most the {found} that come within {years:g} years"
    )


@jit("UniTuple(int64[::1], 2)(int64, int64, int64, int64, int64, int64, int64, int64, float64)")
def _some_cells(
    seed: int,
    replication: int,
    count_stream: int,
    position_stream: int,
    first_cell: int,
    begin: int,
    end: int,
    cells: int,
    cell_mean: float,
) -> tuple[Integers, Integers]:
    """Names and moments of the arrivals in cells [begin, end) of one hour, cell by cell, draw by draw.

    `first_cell` is the hour's first cell, counted from the horizon's start; moments are ns since the hour's start.
    """
    counts = np.empty(end - begin, np.int64)
    luck = chance.uniform_many(
        seed, replication, count_stream, np.arange(first_cell + begin, first_cell + end), 0
    )
    total = 0
    for k in range(end - begin):
        count = chance.poisson_quantile(cell_mean, luck[k])
        if count > MAX_DRAW + 1:
            raise ValueError("more arrivals in a cell than a name can hold")
        counts[k] = count
        total += count
    names = np.empty(total, np.int64)
    i = 0
    for cell in range(begin, end):
        for draw in range(counts[cell - begin]):
            names[i] = ((first_cell + cell) << (DRAW_BITS + TURN_BITS)) | (draw << TURN_BITS)
            i += 1
    place = chance.uniform_many(seed, replication, position_stream, names, 0)
    moments = np.empty(total, np.int64)
    i = 0
    for cell in range(begin, end):
        start = cell * HOUR_NS // cells  # whole ns: an arrival never leaves its cell by rounding
        width = (cell + 1) * HOUR_NS // cells - start
        for _ in range(counts[cell - begin]):
            moments[i] = start + math.floor(place[i] * width)
            i += 1
    return names, moments
