"""What flips the order of two strategies: volume, time, and the cost of an error, from their ledgers.

Comes in: ledgers and the calendar; goes out: exact volumes, months and amounts. Rows that name a task follow the
volume, their unit costs held as simulated, and so do fees on prepaid credit; all others stand still: what is paid whether
or not a request comes, and downtime, which is paid by the hour. No price is looked up here and no money is made: every figure is a sum of rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from planner.finance.adjustments import PREPAID
from planner.finance.break_even import Option, Steps
from planner.finance.calendar import Month, discount_factor
from planner.finance.horizon import AT_START
from planner.finance.ledger import EXACT, INVOICED, Ledger, total_of

GPU_HOURS = "compute/gpu-hours"
WRONG = "wrong answers"


def line_of(
    ledger: Ledger,
    strategy: str,
    volume: Fraction,
    *,
    is_economic: bool,
    steps: Mapping[str, Steps] | None = None,
) -> Option:
    """The cost of a strategy as a straight line over the volume.

    Parameters
    ----------
    ledger : Ledger
        Of the whole plan, or of one month (`ledger.select(month=...)`).
    volume : Fraction
        What the rows were made for, in the unit of the answer: requests a month of the plan, or requests of the month.
    is_economic : bool
        Invoiced and economic rows, or invoiced ones only.
    steps : DEPLOYMENT: Steps, optional
        Own servers whose number follows the volume: their GPU hours are taken by these steps instead of the ledger's.
        At most one server can step.
    """
    stepping = dict(steps or {})
    assert len(stepping) <= 1, f"one server steps with the volume, not {sorted(stepping)}"
    fixed: list[Decimal] = []
    moving: list[Decimal] = []
    for row in ledger.rows:
        if not is_economic and row.view != INVOICED:
            continue
        if row.account == GPU_HOURS and row.deployment in stepping:
            continue
        (moving if row.task is not None or row.group == PREPAID else fixed).append(row.amount_usd)
    unit = Fraction(total_of(moving)) / volume if volume else Fraction(0)
    return Option(
        name=strategy,
        fixed_usd=Fraction(total_of(fixed)),
        unit_usd=unit,
        steps=next(iter(stepping.values()), None),
    )


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A month by whose end the strategy that has cost less so far is another."""

    month: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """Which of two has cost less so far, month after month; `turns` empty is never.

    `leads_at_first` is the one that costs less by the end of the first month that tells them apart; None: none does.
    """

    leads_at_first: str | None
    turns: tuple[Turn, ...]
    differences: tuple[tuple[str, Decimal], ...]  # (month, b minus a so far, USD)


def over_time(
    a: Ledger,
    b: Ledger,
    names: tuple[str, str],
    months: Sequence[Month],
    *,
    is_economic: bool,
    rate_per_year: float | Decimal | None = None,
) -> OverTime:
    """Cumulative cost of two strategies, month by month.

    Parameters
    ----------
    rate_per_year : float, optional
        Discount every month to the plan's first day, as `totals.present_value` does; none: undiscounted.
    """
    first, second = (_by_month(ledger, months, is_economic, rate_per_year) for ledger in (a, b))
    so_far, leader = Decimal(0), None
    leads_at_first: str | None = None
    turns, differences = [], []
    for month in months:
        so_far = EXACT.add(so_far, EXACT.subtract(second[month.name], first[month.name]))
        differences.append((month.name, so_far))
        if so_far == 0:
            continue
        now = names[0] if so_far > 0 else names[1]
        if leader is None:
            leads_at_first = now
        elif now != leader:
            turns.append(Turn(month=month.name, before=leader, after=now))
        leader = now
    return OverTime(leads_at_first=leads_at_first, turns=tuple(turns), differences=tuple(differences))


def _by_month(
    ledger: Ledger, months: Sequence[Month], is_economic: bool, rate_per_year: float | Decimal | None
) -> dict[str, Decimal]:
    found = {month.name: Decimal(0) for month in months}
    factors = {
        month.name: Decimal(1) if rate_per_year is None else discount_factor(rate_per_year, month.ends_after)
        for month in months
    }
    for row in ledger.rows:
        if is_economic or row.view == INVOICED:
            factor = Decimal(1) if row.account in AT_START else factors[row.month]
            found[row.month] = EXACT.add(found[row.month], EXACT.multiply(row.amount_usd, factor))
    return found


@dataclass(frozen=True, kw_only=True)
class ErrorCost:
    """C*: the cost of an error at which two strategies cost the same, economically, over the plan.

    `usd` is what a wrong answer then costs, None where no cost of 0 or more makes them equal; `factor` the same as a
    multiple of today's costs, where there is one. Below it `below` is cheaper, above it `above`. `task` is None where
    the costs of all tasks move by a common factor.
    """

    task: str | None
    usd: Fraction | None
    factor: Fraction | None
    below: str | None
    above: str | None
    more_wrong: str | None  # who gives more wrong answers; None: both as many
    today_usd: Decimal | None  # of the task


def error_costs(
    totals: Mapping[str, Decimal],
    wrong: Mapping[str, Mapping[str, Decimal]],
    today: Mapping[str, Decimal],
    names: tuple[str, str],
) -> tuple[ErrorCost, ...]:
    """C* of two strategies: for all tasks by a common factor, then for each task with the others as they are.

    Parameters
    ----------
    totals : by strategy
        Economic cost of the plan at today's costs of an error, USD.
    wrong : by strategy, then task
        Wrong answers of the plan, as the ledger has them.
    today : by task
        What a wrong answer costs, USD.

    Notes
    -----
    Economic cost is linear in what a wrong answer costs, so C* is exact: with everything else B and wrong answers W,
    (B_b - B_a) / (W_a - W_b), the method's (c_o - c_m) / (err_m - err_o).
    """
    a, b = names
    apart = Fraction(totals[b]) - Fraction(totals[a])
    cost = {
        name: sum((Fraction(wrong[name].get(t, Decimal(0))) * Fraction(today[t]) for t in today), Fraction(0))
        for name in names
    }
    found = []
    if any(today.values()):
        gap = cost[b] - cost[a]  # what errors make of the difference today
        found.append(_flip(None, apart - gap, gap, names, Decimal(1), None))
    for task, usd in today.items():
        more = Fraction(wrong[b].get(task, Decimal(0))) - Fraction(wrong[a].get(task, Decimal(0)))
        found.append(_flip(task, apart - more * Fraction(usd), more, names, usd, usd))
    return tuple(found)


def _flip(
    task: str | None,
    rest: Fraction,
    gap: Fraction,
    names: tuple[str, str],
    unit: Decimal,
    today: Decimal | None,
) -> ErrorCost:
    """b minus a is rest + gap x C: where it is 0, and who is cheaper on either side."""
    a, b = names
    more_wrong = None if gap == 0 else (b if gap > 0 else a)
    at = None if gap == 0 else -rest / gap
    if at is None or at < 0:  # the same order at every cost of 0 or more
        cheaper = None if rest == 0 else (a if rest > 0 else b)
        return ErrorCost(
            task=task, usd=None, factor=None, below=cheaper, above=cheaper, more_wrong=more_wrong, today_usd=today
        )  # fmt: skip
    below, above = (b, a) if gap > 0 else (a, b)
    return ErrorCost(
        task=task, usd=None if task is None else at, factor=at / Fraction(unit) if unit else None, below=below,
        above=above, more_wrong=more_wrong, today_usd=today,
    )  # fmt: skip


__all__ = ["ErrorCost", "OverTime", "Turn", "error_costs", "line_of", "over_time"]
