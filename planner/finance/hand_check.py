"""The hand check: a month's bill by pocket calculator, then what the simulation adds, until the ledger is reached.

Comes in: the windows of a plan, what was counted in them, and the ledger made of it. Goes out: lines of requests x
tokens x price, named steps of quantity x price each, and a difference to the ledger that is exactly 0. No step is a
remainder of money: each is worked from counts, and the last one, rounding, is asserted to be as small as rounding is.
docs/hand-check.md says what each step is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from planner.errors import PlannerError
from planner.finance.bill_lines import Line, PocketLine, line_of, plain_fields
from planner.finance.bill_steps import STEPS, TOKENS, WHOLE, MonthSteps
from planner.finance.horizon import Plan, plan_of
from planner.finance.ledger import ECONOMIC, EXACT, INVOICED, Ledger, plain, total_of
from planner.finance.pocket import Pocket
from planner.finance.quantities import Quantities
from planner.finance.rates import PlannedWindow, rates_of
from planner.finance.standing import standing_charges
from planner.scenario.fields import Scenario
from planner.scenario.paths import closest


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that the simulation adds."""

    name: str
    lines: tuple[Line, ...]
    amount_usd: Decimal
    total_usd: Decimal  # calculator, standing and counted lines, and all steps up to this one

    def to_dict(self) -> dict[str, Any]:
        """Plain values; figures as decimal strings."""
        return plain_fields(self) | {"lines": [line.to_dict() for line in self.lines]}


@dataclass(frozen=True, kw_only=True)
class Bill:
    """A month of a strategy, checked by hand. All money is exact, in USD.

    `calculator` are the lines of tokens, `standing` what is paid without any request, `counted` what is a count of
    the simulation times a price; `start_usd` is their sum. `ledger_usd` holds invoiced and economic rows.
    """

    scenario: str
    strategy: str
    month: str
    account: str | None
    calculator: tuple[PocketLine, ...]
    standing: tuple[Line, ...]
    counted: tuple[Line, ...]
    start_usd: Decimal
    steps: tuple[Step, ...]
    ledger_usd: Decimal
    ledger_invoiced_usd: Decimal
    ledger_economic_usd: Decimal

    @property
    def difference_usd(self) -> Decimal:
        """Ledger less what the lines and steps add up to: exactly 0."""
        return EXACT.subtract(
            self.ledger_usd, total_of((self.start_usd, *(one.amount_usd for one in self.steps)))
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.calculator or self.standing or self.counted or self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `planner bill --json`: plain values, figures as decimal strings."""
        found: dict[str, Any] = plain_fields(self)
        for name in ("calculator", "standing", "counted", "steps"):
            found[name] = [one.to_dict() for one in getattr(self, name)]
        return found | {"difference_usd": plain(self.difference_usd)}


class HandCheck:
    """All months of one strategy, from one simulation."""

    def __init__(
        self,
        scenario: Scenario,
        strategy: str,
        windows: Sequence[PlannedWindow],
        quantities: Sequence[Quantities],
        ledger: Ledger,
    ) -> None:
        self.scenario, self.strategy, self.ledger = scenario, strategy, ledger
        self._plan = plan_of(scenario, strategy)
        self._rates = rates_of(scenario, strategy, self._plan.eras, windows, quantities)
        self._pocket = Pocket(scenario, strategy)
        self._standing = {one.account for one in standing_charges(scenario, strategy, self._plan.months)}
        self._made: dict[str, MonthSteps] = {}

    @property
    def months(self) -> tuple[str, ...]:
        """The plan's calendar months."""
        return tuple(month.name for month in self._plan.months)

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """Every account of the strategy's plan, groups (api) before what they hold (api/input)."""
        known = [row.account for row in self.ledger.rows]
        for month in self.months:
            known += [line.account for line in self._month(month).calculator]
        full = dict.fromkeys(known)
        return tuple(dict.fromkeys(name for one in full for name in (*_groups(one), one)))

    def bill(self, month: str, account: str | None = None) -> Bill:
        """The bill of a month, or of one account or group of accounts in it.

        Raises
        ------
        PlannerError
            A month outside the plan, or an account that the strategy never has; what there is is named.
        """
        check_month(self._plan, month)
        if account is not None and account not in self.accounts:
            raise PlannerError(_unknown("account", account, self.accounts, f" of {self.strategy}"))
        found = self._month(month)
        rows = [row for row in self.ledger.rows if row.month == month and _is_in(row.account, account)]
        calculator = tuple(line for line in found.calculator if _is_in(line.account, account))
        standing = tuple(line_of(row) for row in rows if row.account in self._standing)
        counted = tuple(
            line_of(row)
            for row in rows
            if row.account not in self._standing and row.group not in (*TOKENS, *WHOLE)
        )
        priced: tuple[PocketLine | Line, ...] = (*calculator, *standing, *counted)
        start = total_of(line.amount_usd for line in priced)
        bill = Bill(
            scenario=self.scenario.name,
            strategy=self.strategy,
            month=month,
            account=account,
            calculator=calculator,
            standing=standing,
            counted=counted,
            start_usd=start,
            steps=tuple(_stepped(found.steps(rows), start, account)),
            ledger_usd=total_of(row.amount_usd for row in rows),
            ledger_invoiced_usd=total_of(row.amount_usd for row in rows if row.view == INVOICED),
            ledger_economic_usd=total_of(row.amount_usd for row in rows if row.view == ECONOMIC),
        )
        assert bill.difference_usd == 0, f"the hand check of {month} is off by {bill.difference_usd} USD"
        return bill

    def _month(self, name: str) -> "MonthSteps":
        if name not in self._made:
            month_rows = [row for row in self.ledger.rows if row.month == name]
            self._made[name] = MonthSteps(self._plan, self._rates, self._pocket, name, month_rows)
        return self._made[name]


def check_month(plan: Plan, month: str) -> None:
    """Raise PlannerError where a month is not one of the plan's, naming the first and the last."""
    months = [one.name for one in plan.months]
    if month not in months:
        span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
        raise PlannerError(f"month: got {month!r}; allowed: {span}, the months of the plan")


def check_strategy(scenario: Scenario, strategy: str) -> None:
    """Raise PlannerError where there is no such strategy, naming those that there are."""
    if strategy not in scenario.strategies:
        raise PlannerError(_unknown("strategy", strategy, tuple(scenario.strategies)))


def _stepped(
    steps: Iterable[tuple[str, tuple[Line, ...]]], start: Decimal, account: str | None
) -> Iterator[Step]:
    """Steps that add something to an account, with the running total."""
    total = start
    for name, all_lines in steps:
        lines = tuple(line for line in all_lines if _is_in(line.account, account))
        amount = total_of(line.amount_usd for line in lines)
        total = EXACT.add(total, amount)
        if lines:
            yield Step(name=name, lines=lines, amount_usd=amount, total_usd=total)


def _groups(account: str) -> list[str]:
    """wasted and wasted/timeout for wasted/timeout/output."""
    parts = account.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _is_in(account: str, wanted: str | None) -> bool:
    return wanted is None or account == wanted or account.startswith(f"{wanted}/")


def _unknown(what: str, given: str, known: Sequence[str], whose: str = "") -> str:
    if not known:
        return f"{what}: got {given!r}; there is none{whose}"
    hint = closest(given, known)
    listed = f"{what}: got {given!r}; allowed{whose}: {', '.join(known)}"
    return listed + (f"; {hint}" if hint and hint.startswith("did") else "")


__all__ = ["STEPS", "Bill", "HandCheck", "Line", "PocketLine", "Step", "check_month", "check_strategy"]
