"""Latency and load over the week: what each simulated window says of its hours, beside the load that the shape expects.

Comes in: a finished comparison, or a scenario of which one window in every hour of a week is simulated; goes out: tidy
rows for a chart. Hours count from Monday 00:00 UTC. Nothing is filled in: an hour in which no window began has no row.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from planner.errors import PlannerError
from planner.experiments.causes import awaited
from planner.experiments.cells import Cell, Progress, run_cells
from planner.metrics import Pool, deletions
from planner.metrics.samples import INTERVAL_NS, Sample
from planner.scenario.fields import MONTH_S, Scenario
from planner.scenario.quotas import first_hour_of_days
from planner.workload.arrivals import hourly_weights
from planner.workload.shapes import HOURS_PER_WEEK, weekly_weights
from planner.workload.volume import volume_factor
from planner.workload.windows import (
    Window,
    eras,
    expected_requests,
    horizon,
    month_pieces,
    requests_per_month,
)

if TYPE_CHECKING:
    import pandas as pd

    from planner.experiments.comparison import Comparison

MOST_REQUESTS = 1_000_000  # that a whole week is meant to take, over all strategies
LEAST_S, MOST_S = 60.0, 3600.0  # length of a window in it
REFUSED_ABOVE = 20_000_000  # requests: where windows of `LEAST_S` would be too many
PARTS_OF_A_RECORDING = 96

LOAD, DRAWN, PLANTED, RECORDED = "load", "as drawn", "planted outage", "recording"
COLUMNS = (
    "strategy", "kind", "hour", "hours", "windows", "n",
    "latency_p50_s", "latency_p95_s", "latency_mean_s",
    "arrivals_per_s", "arrivals_low_per_s", "arrivals_high_per_s",
)  # fmt: skip


@dataclass(frozen=True)
class WeekOf:
    """A comparison's windows by strategy, as far as this page needs them."""

    scenario: Scenario
    windows: Sequence[Window]
    cells: Mapping[str, Sequence[Cell]]
    weights: Sequence[float]


def week(comparison: "Comparison") -> "pd.DataFrame":
    """Load of every hour of the week, and latency in those in which windows were simulated.

    Returns
    -------
    DataFrame [strategy, kind, hour, hours, windows, n, latency_p50_s, latency_p95_s, latency_mean_s, arrivals_per_s,
    arrivals_low_per_s, arrivals_high_per_s]
        kind "load" (strategy ""): a row for each of the 168 hours with the requests a second that are expected, as a mean
        over the plan and, low and high, in its least and its busiest month.
        kind "as drawn" or "planted outage": a row a strategy and starting hour, over the `windows` that begin then, `n`
        requests in all; `hours` is how long such a window is. Latencies are of the tasks that somebody waits for.
        A planted outage stands for rare bad luck (its weight in every measure is small), so it has a row of its own.
        kind "recording" (traces): no week, for a recording is replayed whole whatever the hour; a row a strategy and part
        of its length, with the mean latency (in `latency_mean_s`; minutes keep no quantiles) and the arrivals a second.

    Notes
    -----
    There is no interval around a window's p95: windows are the unit of every interval, and mostly one begins in an hour.
    """
    found = WeekOf(
        comparison.scenario,
        comparison.windows,
        {name: one.cells for name, one in comparison.results.items()},
        [float(weight) for weight in comparison.plan.weights[0]],
    )
    return _recording_rows(found) if comparison.scenario.traffic.trace is not None else _rows(found)


def week_simulated(
    scenario: Scenario,
    *,
    engine: str = "compiled",
    workers: int | None = None,
    report: Progress | None = None,
) -> "pd.DataFrame":
    """The same rows with one window in every hour of a week, so that no hour is missing.

    The week is the one in which the plan's middle request is expected (half of all come before it), moved to its Monday;
    its models are those in force on that day. Outages and slow spells are off and days do not differ
    (`traffic.daily_spread` 0): the picture is that of an ordinary week. Windows are shortened, never thinned, to
    about a million requests in all, but not below a minute.

    Parameters
    ----------
    engine, workers, report
        As in `compare`.

    Raises
    ------
    PlannerError
        A recording (it has no week), a cap of a day (windows of an hour never meet it), a plan shorter than a week, or
        more than 20 million requests.
    """
    plain, windows = week_plan(scenario)
    cells = run_cells(plain, windows, engine=engine, workers=workers, report=report)
    found = WeekOf(
        plain,
        windows,
        {name: [one[name] for one in cells] for name in plain.strategies},
        [1.0] * len(windows),
    )
    return _rows(found, _monday(plain))


def week_plan(scenario: Scenario) -> tuple[Scenario, tuple[Window, ...]]:
    """The scenario without day factors and the 168 windows of `week_simulated`."""
    if scenario.traffic.trace is not None:
        raise PlannerError(
            "A recording is replayed whole, whatever the hour: there is no week of it to simulate."
        )
    if first_hour_of_days(scenario) is not None:
        raise PlannerError(
            "A deployment has a cap of a day: windows of an hour would never meet it, so a week of them is not simulated."
        )
    first, last = horizon(scenario)
    if (last - first).days < 14:
        raise PlannerError("The plan is shorter than two weeks, so it may hold no whole week.")
    plain = scenario.set({"traffic.daily_spread": 0}) if scenario.traffic.daily_spread else scenario
    monday = _monday(plain)
    first_hour = (monday - plain.start).days * 24
    hourly = hourly_weights(plain, first_hour, HOURS_PER_WEEK)
    per_hour = requests_per_month(plain) / MONTH_S * 3600.0 * hourly
    week_total = float(per_hour.sum()) * len(plain.strategies)
    length_s = min(max(MOST_REQUESTS / week_total * 3600.0 if week_total else MOST_S, LEAST_S), MOST_S)
    length_s = float(int(length_s))
    if week_total * length_s / 3600.0 > REFUSED_ABOVE:
        raise PlannerError(
            f"One minute in every hour of the week are about {week_total * length_s / 3600.0:,.0f} requests; at most "
            f"{REFUSED_ABOVE:,} are simulated."
        )
    era = next(one.index for one in eras(plain) if one.start <= monday < one.end)
    return plain, tuple(
        Window(
            index=hour,
            era=era,
            start_s=(first_hour + hour) * 3600.0,
            length_s=length_s,
            weight=1.0 / HOURS_PER_WEEK,
            stratum="",
            spells=(),
            volume=float(hourly[hour]),
        )
        for hour in range(HOURS_PER_WEEK)
    )


def load_rows(
    scenario: Scenario, monday: datetime.date | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Requests a second expected in each hour of the week: mean over the plan, least month, busiest month.

    The weekly shape times the mean rate, so that its mean over the 168 hours is the plan's requests by its seconds. With
    `monday`, those of that week alone, three times.
    """
    shape = weekly_weights(scenario.traffic.weekly_shape)
    if monday is not None:
        first_hour = (monday - scenario.start).days * 24
        own = hourly_weights(scenario, first_hour, HOURS_PER_WEEK) * requests_per_month(scenario) / MONTH_S
        return own, own, own
    first, last = horizon(scenario)
    mean = expected_requests(scenario) / ((last - first).days * 86_400)
    factors = [
        volume_factor(scenario, (piece.start.year - first.year) * 12 + piece.start.month - first.month)
        for piece in month_pieces(scenario)
    ]
    base = requests_per_month(scenario) / MONTH_S
    return shape * mean, shape * base * min(factors), shape * base * max(factors)


def _monday(scenario: Scenario) -> datetime.date:
    """Monday of the week of the plan's middle request, inside the plan."""
    first, last = horizon(scenario)
    half, so_far, day = expected_requests(scenario) / 2, 0.0, first
    for piece in month_pieces(scenario):
        if so_far + piece.expected_requests >= half:
            part = (half - so_far) / piece.expected_requests
            day = piece.start + datetime.timedelta(days=int(part * (piece.end - piece.start).days))
            break
        so_far += piece.expected_requests
    monday = day - datetime.timedelta(days=day.weekday())
    if monday < first:
        monday += datetime.timedelta(days=7)
    while monday + datetime.timedelta(days=7) > last:
        monday -= datetime.timedelta(days=7)
    return monday


def hour_of_week(scenario: Scenario, start_s: float) -> int:
    """Hour since Monday 00:00 UTC at which a window begins; `start_s` counts from the plan's first midnight."""
    return int(scenario.start.weekday() * 24 + start_s // 3600) % HOURS_PER_WEEK


def _rows(found: WeekOf, monday: datetime.date | None = None) -> "pd.DataFrame":
    scenario = found.scenario
    mean, low, high = load_rows(scenario, monday)
    rows: list[tuple[object, ...]] = [
        ("", LOAD, hour, 1.0, 0, 0, None, None, None, mean[hour], low[hour], high[hour])
        for hour in range(HOURS_PER_WEEK)
    ]
    groups: dict[tuple[int, str], list[int]] = {}
    for index, window in enumerate(found.windows):
        kind = PLANTED if window.stratum else DRAWN
        groups.setdefault((hour_of_week(scenario, window.start_s), kind), []).append(index)
    scope = awaited(scenario)
    for strategy, cells in found.cells.items():
        for (hour, kind), members in sorted(groups.items()):
            samples = [cells[index].sample for index in members]
            p50, p95 = _quantiles(samples, [found.weights[index] for index in members], scope)
            n = sum(one.n for one in samples)
            seconds = sum(one.length_s for one in samples)
            hours = found.windows[members[0]].length_s / 3600.0
            latency = (_known(p50), _known(p95), None)
            rows.append((strategy, kind, hour, hours, len(members), n, *latency, n / seconds, None, None))
    return _frame(rows)


def _quantiles(
    samples: Sequence[Sample], weights: Sequence[float], scope: Sequence[int]
) -> tuple[float, float]:
    """p50 and p95 of the latency over windows by weight, as the measures of a plan of these windows have them."""
    (first, *others) = samples
    if not others and first.is_exact:  # the same by the plain rule: nothing to weigh
        values, tasks, _ = first.values["latency_s"]
        values = values if len(scope) == len(first.counts) else values[np.isin(tasks, scope)]
        p50, p95 = np.quantile(values, [0.5, 0.95]) if len(values) else (np.nan, np.nan)
        return float(p50), float(p95)
    used = weights if sum(weights) > 0 else [1.0] * len(samples)
    pool = Pool(samples, deletions(used, range(len(samples))))
    p50, p95 = pool.quantiles("latency_s", scope, [0.5, 0.95])[:, 0]
    return float(p50), float(p95)


def _recording_rows(found: WeekOf) -> "pd.DataFrame":
    """Load and mean latency by part of a recording, over all windows that replay it as drawn."""
    rows: list[tuple[object, ...]] = []
    chosen = [index for index, window in enumerate(found.windows) if not window.stratum]
    for strategy, cells in found.cells.items():
        series = np.sum([cells[index].sample.series for index in chosen], axis=0)
        length_s = found.windows[chosen[0]].length_s
        minutes = len(series)
        cuts = np.unique(np.linspace(0, minutes, min(minutes, PARTS_OF_A_RECORDING) + 1).round().astype(int))
        for begin, end in pairwise(cuts.tolist()):
            n, _, latency_ns = (int(number) for number in series[begin:end].sum(axis=0))
            from_s = begin * INTERVAL_NS / 1e9
            seconds = min(end * INTERVAL_NS / 1e9, length_s) - from_s
            mean_s = latency_ns / 1e9 / n if n else None
            rate = n / len(chosen) / seconds if seconds > 0 else None
            place = (from_s / 3600.0, seconds / 3600.0, len(chosen), n)
            rows.append((strategy, RECORDED, *place, None, None, mean_s, rate, None, None))
    return _frame(rows)


def _known(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _frame(rows: Sequence[tuple[object, ...]]) -> "pd.DataFrame":
    import pandas as pd

    numbers = dict.fromkeys([name for name in COLUMNS if name.endswith("_s")], float)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"hour": float, **numbers})


__all__ = ["week", "week_plan", "week_simulated"]
