"""What flips the order of two strategies: the volume, the month, the cost of an error, the omni share.

Comes in: a scenario, or a comparison that was made of it; goes out: a BreakEven, plain frozen values. The ledgers are
those of `compare`; nothing is simulated here but the shares of `omni_share`, where they are asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.experiments.cells import Progress
from planner.experiments.comparison import Comparison, compare
from planner.experiments.even_servers import server_steps
from planner.experiments.omni_share import OmniShare, omni_share, threshold_strategies
from planner.finance import account
from planner.finance.adjustments import COMMITMENT, VOLUME
from planner.finance.break_even import Crossing, Option, cheaper_at, crossings
from planner.finance.calendar import months_of, nominal_rate
from planner.finance.flips import WRONG, ErrorCost, OverTime, error_costs, line_of, over_time
from planner.finance.hand_check import check_strategy
from planner.finance.horizon import plan_of
from planner.finance.ledger import exact, total_of
from planner.scenario.fields import Scenario
from planner.workload.volume import monthly_growth
from planner.workload.windows import month_pieces, requests_per_month

if TYPE_CHECKING:
    import pandas as pd

LINE_POINTS = 60  # of a line in the chart


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What flips the order of strategies `a` and `b`.

    `volumes` are requests a month (`traffic.requests_per_month`, with the plan's growth) at which the cost of the whole
    plan crosses, by the objective, unit costs held as simulated; empty is never. `always` is then the cheaper one at
    every volume, None where both cost the same. `months` is cumulative cost, `months_npv` discounted.
    """

    a: str
    b: str
    volumes: tuple[Crossing, ...]
    always: str | None
    today: str | None  # the cheaper one at today's volume
    months: OverTime
    months_npv: OverTime
    error_costs: tuple[ErrorCost, ...]


@dataclass(frozen=True, kw_only=True)
class MonthEven:
    """Break-even of one calendar month's own bill: requests of the month, their crossings, and as in `Pair` else."""

    requests: Decimal
    volumes: tuple[Crossing, ...]
    always: str | None


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """Break-even of all pairs of strategies (or of one), from the ledgers of a comparison."""

    scenario: Scenario
    comparison: Comparison
    requests_per_month: float
    lines: Mapping[str, Option]  # USD of the whole plan over requests a month
    pairs: tuple[Pair, ...]
    omni_shares: tuple[OmniShare, ...] = ()
    headroom: float | None = None  # own servers follow the volume, used so far in the peak; None: they stand

    @property
    def frame(self) -> "pd.DataFrame":
        """V*: a row a crossing: a, b, requests_per_month, before, after, kind; pairs without any have one row, never."""
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for pair in self.pairs:
            rows += [
                (pair.a, pair.b, float(one.volume), one.before, one.after, one.kind) for one in pair.volumes
            ] or [(pair.a, pair.b, None, pair.always, pair.always, "never")]
        return pd.DataFrame(rows, columns=["a", "b", "requests_per_month", "before", "after", "kind"])

    def line_rows(self, up_to: float | None = None) -> "pd.DataFrame":
        """Cost of a mean month of the plan against volume, for the chart: strategy, volume, usd."""
        import pandas as pd

        end = Fraction(exact(up_to)) if up_to is not None else self._end()
        months = self._months
        rows = [
            (name, float(end * k / LINE_POINTS), float(line.cost(end * k / LINE_POINTS) / months))
            for name, line in self.lines.items()
            for k in range(LINE_POINTS + 1)
        ]
        return pd.DataFrame(rows, columns=["strategy", "volume", "usd"])

    def crossing_rows(self, up_to: float | None = None) -> "pd.DataFrame":
        """Crossings for the chart: volume, usd (of a mean month), before, after."""
        import pandas as pd

        end = Fraction(exact(up_to)) if up_to is not None else self._end()
        months = self._months
        rows = [
            (
                float(one.volume),
                float(self.lines[one.before].cost(one.volume) / months),
                one.before,
                one.after,
            )
            for pair in self.pairs
            for one in pair.volumes
            if one.volume <= end
        ]
        return pd.DataFrame(rows, columns=["volume", "usd", "before", "after"])

    @property
    def _months(self) -> Fraction:
        """Months of the plan, the first and the last by their covered parts."""
        return months_of(month_pieces(self.scenario))[-1].ends_after

    def _end(self) -> Fraction:
        """Twice today's volume, or a little more than a crossing near to it."""
        today = Fraction(exact(self.requests_per_month))
        near = [one.volume for pair in self.pairs for one in pair.volumes if one.volume <= 20 * today]
        return max([2 * today, *(volume * Fraction(5, 4) for volume in near)])

    def in_month(self, month: str) -> dict[tuple[str, str], MonthEven]:
        """(A, B): requests of a calendar month at which its own bill crosses, from that month's rows."""
        one = self.comparison
        volumes = next(iter(one.results.values())).ledger.volumes
        planned = total_of(volume.planned for volume in volumes if volume.month == month)
        if month not in {volume.month for volume in volumes}:
            known = sorted({volume.month for volume in volumes})
            raise PlannerError(f"month: got {month!r}; allowed: {known[0]} to {known[-1]}")
        lines = {
            name: line_of(
                one.results[name].ledger.select(month=month),
                name,
                Fraction(planned),
                is_economic=self.scenario.objective == "economic",
            )
            for name in self.lines
        }
        found = {}
        for pair in self.pairs:
            a, b = lines[pair.a], lines[pair.b]
            flips = crossings(a, b)
            always = None if flips else (cheaper_at(a, b, planned) or cheaper_at(a, b, 1))
            found[pair.a, pair.b] = MonthEven(requests=planned, volumes=flips, always=always)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: volumes and money as decimal strings."""
        from planner.experiments.even_document import document

        return document(self)


def break_even(
    scenario: Scenario | Comparison,
    *,
    between: Sequence[str] | None = None,
    shares: bool = False,
    floor: float | None = None,
    headroom: float | None = None,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> BreakEven:
    """What flips the order of the strategies of a scenario, pair by pair.

    Parameters
    ----------
    scenario : Scenario or Comparison
        A comparison is not simulated again.
    between : two names, optional
        Only these two strategies; all pairs if not given.
    shares : bool
        Also look for the omni share that costs least, for every strategy with a threshold router (about 17 runs each).
    floor : float, optional
        Least accuracy for that; `slo.accuracy` if not given.
    headroom : float, optional
        Let own servers follow the volume: as many replicas as keep this utilisation in the peak hour. Left out, they
        stand as the scenario has them.
    engine, replications, workers, report
        As in `compare`.

    Raises
    ------
    PlannerError
        A strategy that there is not, a server whose capacity is not known, or a cost that is no straight line over the
        volume because tiers or commitments move its prices or growth nears a saturation.
    """
    plan = scenario.scenario if isinstance(scenario, Comparison) else scenario
    names = _names(plan, between)
    if headroom is not None and not 0 < headroom <= 1:
        raise PlannerError(
            f"headroom: got {headroom:g}; allowed: more than 0, at most 1 (utilisation in the peak)"
        )
    _check_lines(plan, names)
    options: dict[str, Any] = {"engine": engine, "replications": replications, "workers": workers}
    found = scenario if isinstance(scenario, Comparison) else compare(plan, report=report, **options)
    volume = requests_per_month(plan)
    is_economic = plan.objective == "economic"
    lines = {
        name: line_of(
            found.results[name].ledger,
            name,
            Fraction(exact(volume)),
            is_economic=is_economic,
            steps={} if headroom is None else server_steps(found, name, headroom),
        )
        for name in names
    }
    wrong = _wrong_answers(found, names)
    pairs = tuple(_pair(found, lines, wrong, a, b, volume) for a, b in combinations(names, 2))
    searched = threshold_strategies(plan) if shares else ()
    return BreakEven(
        scenario=plan,
        comparison=found,
        requests_per_month=volume,
        lines=lines,
        pairs=pairs,
        omni_shares=tuple(
            omni_share(plan, name, floor=floor, report=report, **options)
            for name in searched
            if name in names
        ),
        headroom=headroom,
    )


def _check_lines(scenario: Scenario, names: Sequence[str]) -> None:
    """Refuse plans whose cost is no straight line over the volume, rather than draw one."""
    traffic = scenario.traffic
    if traffic.saturation_requests_per_month is not None and monthly_growth(traffic):
        raise PlannerError(
            "Break-even volumes are not supported yet where growth slows down towards "
            "traffic.saturation_requests_per_month: twice the volume at the start is not twice the requests of the plan. "
            "The decision map bills every volume: "
            "planner map FILE --x traffic.requests_per_month=LOW..HIGH --y PATH=LOW..HIGH"
        )
    for name in names:
        knots = [knot for one in plan_of(scenario, name).adjustments for knot in one.knots]
        moving = {knot.account.partition("/")[0] for knot in knots} & {VOLUME, COMMITMENT}
        if moving:
            raise PlannerError(
                f"Break-even volumes are not supported yet where {' and '.join(sorted(moving))} move what {name} pays: its cost "
                "is no straight line over the volume. The decision map bills every volume: "
                "planner map FILE --x traffic.requests_per_month=LOW..HIGH --y PATH=LOW..HIGH"
            )


def _names(scenario: Scenario, between: Sequence[str] | None) -> tuple[str, ...]:
    if between is None:
        return tuple(scenario.strategies)
    for name in between:
        check_strategy(scenario, name)
    if len(set(between)) != 2 or len(between) != 2:
        raise PlannerError(f"between: got {', '.join(between)}; allowed: two different strategies")
    return tuple(between)


def _pair(
    found: Comparison,
    lines: Mapping[str, Option],
    wrong: Mapping[str, Mapping[str, Decimal]],
    a: str,
    b: str,
    volume: float,
) -> Pair:
    scenario = found.scenario
    first, second = found.results[a].ledger, found.results[b].ledger
    is_economic = scenario.objective == "economic"
    months = months_of(month_pieces(scenario))
    flips = crossings(lines[a], lines[b])
    today = cheaper_at(lines[a], lines[b], exact(volume))
    return Pair(
        a=a,
        b=b,
        volumes=flips,
        always=None if flips else (today or cheaper_at(lines[a], lines[b], 1)),
        today=today,
        months=over_time(first, second, (a, b), months, is_economic=is_economic),
        months_npv=over_time(
            first, second, (a, b), months, is_economic=is_economic,
            rate_per_year=nominal_rate(scenario),
        ),
        error_costs=error_costs(
            {name: found.results[name].ledger.total() for name in (a, b)},
            wrong,
            {task: exact(one.cost_of_wrong_answer_usd) for task, one in scenario.tasks.items()},
            (a, b),
        ),
    )  # fmt: skip


def _wrong_answers(found: Comparison, names: Sequence[str]) -> dict[str, dict[str, Decimal]]:
    """STRATEGY: TASK: wrong answers of the plan, as rows of the ledger count them.

    Where an error costs nothing the ledger has no row of it: such tasks are billed once more at a dollar each.
    """
    scenario = found.scenario
    free = {
        f"tasks.{task}.cost_of_wrong_answer_usd": 1
        for task, one in scenario.tasks.items()
        if not one.cost_of_wrong_answer_usd
    }
    priced = scenario.set(free) if free else scenario
    counted = {}
    for name in names:
        result = found.results[name]
        ledger = result.ledger
        if free:
            ledger = account(priced, name, found.windows, [cell.quantities for cell in result.cells])
        rows = ledger.select(account=WRONG).rows
        counted[name] = {
            task: total_of(row.quantity for row in rows if row.task == task) for task in scenario.tasks
        }
    return counted


__all__ = ["BreakEven", "MonthEven", "Pair", "break_even"]
