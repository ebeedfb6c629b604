"""The hand check: a month's bill by pocket calculator, then what the simulation adds, until the ledger is reached.

Comes in: the windows of a plan, what was counted in them, and the ledger made of it. Goes out: lines of requests x
tokens x price, named steps of quantity x price each, and a difference to the ledger that is exactly 0. No step is a
remainder of money: each is worked from counts, and the last one, rounding, is asserted to be as small as rounding is.
docs/hand-check.md says what each step is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from planner.errors import PlannerError
from planner.finance.horizon import Plan, plan_of
from planner.finance.ledger import ECONOMIC, EXACT, INVOICED, QUANTUM, Ledger, LedgerRow, plain, rounded, total_of
from planner.finance.pocket import MeanSizes, Pocket
from planner.finance.quantities import (
    ANSWERS,
    API,
    DELIVERED,
    LONG,
    REQUESTS,
    VERIFIED,
    WASTE_KINDS,
    Key,
    Quantities,
)
from planner.finance.rates import PlannedWindow, Rates, rates_of
from planner.finance.standing import standing_charges
from planner.routing.routers import flat
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.paths import closest
from planner.tables import METERS
from planner.workload.windows import MonthPiece

FINE = Decimal("1E-18")  # quantities of steps are kept to this: requests, share and mean tokens have six places each
TOKENS = ("api", "wasted", "verifier")  # accounts that start from the calculator's lines or are steps of their own
MEAN_METERS = ("input", "image", "audio_input", "output", "audio_output")
PROMPTS = ("input", "image", "audio_input")
CACHE = ("cached_input", "cache_write")

STEPS = {
    "prices": "price steps and migrations inside the month",
    "unasked": "turns never asked",
    "repeated": "questions asked again",
    "failed": "requests that failed",
    "routing": "routing as it came out",
    "cut": "answers cut at their longest",
    "resent": "context resent",
    "sizes": "sizes as drawn",
    "reasoning": "hidden reasoning",
    "cascade": "a cascade's first answers and checks",
    "cache": "prompt cache",
    "long": "long-context price",
    **{kind: f"billed without use: {kind.partition('/')[2]}" for kind in WASTE_KINDS},
    "rounding": "rounding of requests and quantities",
    "gateway fee": "gateway fee",
    "transfer": "transfer",
}
WHOLE = ("gateway fee", "transfer")  # steps that are rows of the ledger as they stand


@dataclass(frozen=True, kw_only=True)
class PocketLine:
    """Requests x share x tokens x price: a line of the calculator."""

    task: str
    deployment: str
    account: str
    requests: Decimal
    share: Decimal
    tokens_per_request: Decimal
    unit_price_usd: Decimal
    source: str
    quantity: Decimal = field(init=False)
    amount_usd: Decimal = field(init=False)

    def __post_init__(self) -> None:
        quantity = EXACT.multiply(EXACT.multiply(self.requests, self.share), self.tokens_per_request)
        object.__setattr__(self, "quantity", quantity)
        object.__setattr__(self, "amount_usd", EXACT.multiply(quantity, self.unit_price_usd))

    def to_dict(self) -> dict[str, str]:
        """Plain values; figures as decimal strings."""
        return _plain_fields(self)


@dataclass(frozen=True, kw_only=True)
class Line:
    """Quantity x price: a row of the ledger, or what a step adds to one (less than 0: takes off it)."""

    account: str
    task: str | None
    deployment: str | None
    quantity: Decimal
    unit: str
    unit_price_usd: Decimal
    source: str
    view: str = INVOICED
    amount_usd: Decimal = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount_usd", EXACT.multiply(self.quantity, self.unit_price_usd))

    def to_dict(self) -> dict[str, str | None]:
        """Plain values; figures as decimal strings."""
        return _plain_fields(self)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that the simulation adds."""

    name: str
    lines: tuple[Line, ...]
    amount_usd: Decimal
    total_usd: Decimal  # calculator, standing and counted lines, and all steps up to this one

    def to_dict(self) -> dict[str, Any]:
        """Plain values; figures as decimal strings."""
        return _plain_fields(self) | {"lines": [line.to_dict() for line in self.lines]}


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
        return EXACT.subtract(self.ledger_usd, _sum((self.start_usd, *(one.amount_usd for one in self.steps))))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.calculator or self.standing or self.counted or self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `planner bill --json`: plain values, figures as decimal strings."""
        found: dict[str, Any] = _plain_fields(self)
        for name in ("calculator", "standing", "counted", "steps"):
            found[name] = [one.to_dict() for one in getattr(self, name)]
        return found | {"difference_usd": plain(self.difference_usd)}


@dataclass(frozen=True, kw_only=True)
class _Slot:
    """What must be equal for quantities to be one line, as in the ledger."""

    account: str
    task: str | None
    deployment: str | None
    unit: str
    unit_price_usd: Decimal
    source: str
    view: str = INVOICED


_Added = dict[_Slot, Fraction]


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
        self._made: dict[str, _Month] = {}

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
        standing = tuple(_line_of(row) for row in rows if row.account in self._standing)
        counted = tuple(
            _line_of(row)
            for row in rows
            if row.account not in self._standing and row.group not in (*TOKENS, *WHOLE)
        )
        start = _sum(line.amount_usd for line in (*calculator, *standing, *counted))
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
            ledger_usd=_sum(row.amount_usd for row in rows),
            ledger_invoiced_usd=_sum(row.amount_usd for row in rows if row.view == INVOICED),
            ledger_economic_usd=_sum(row.amount_usd for row in rows if row.view == ECONOMIC),
        )
        assert bill.difference_usd == 0, f"the hand check of {month} is off by {bill.difference_usd} USD"
        return bill

    def _month(self, name: str) -> "_Month":
        if name not in self._made:
            month_rows = [row for row in self.ledger.rows if row.month == name]
            self._made[name] = _Month(self._plan, self._rates, self._pocket, name, month_rows)
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


class _Month:
    """What every step adds in one month, over all tasks and deployments."""

    def __init__(
        self, plan: Plan, rates: dict[int, Rates], pocket: Pocket, name: str, rows: Sequence[LedgerRow]
    ) -> None:
        self.plan, self.rates, self.pocket = plan, rates, pocket
        self.pieces = [piece for piece in plan.pieces if piece.month == name]
        self.added: dict[str, _Added] = {step: {} for step in STEPS}
        self.loosest: dict[_Slot, Fraction] = {}
        is_cascade = isinstance(plan.scenario.strategy(plan.strategy).router, CascadeRouter)
        omni = flat(plan.scenario.strategy(plan.strategy).omni)
        self.turned_down = {
            one for one in plan.scenario.deployments_of(plan.strategy) if is_cascade and one not in omni
        }
        self.calculator = tuple(self._calculator())
        for piece in self.pieces:
            for task in plan.shares:
                if plan.requests(piece, task):
                    self._piece(piece, task)
        self.fine = {
            step: {slot: amount for slot, one in added.items() if (amount := rounded(one, FINE))}
            for step, added in self.added.items()
        }
        self.fine["rounding"] = self._rounding(rows)

    def steps(self, rows: Iterable[LedgerRow]) -> Iterator[tuple[str, tuple[Line, ...]]]:
        """Every step in its order, with the lines that it adds."""
        whole = [row for row in rows if row.group in WHOLE]
        for step, title in STEPS.items():
            if step in WHOLE:
                yield title, tuple(_line_of(row) for row in whole if row.group == step)
            else:
                slots = sorted(self.fine[step], key=self._place)
                yield title, tuple(_line(slot, self.fine[step][slot]) for slot in slots)

    def _place(self, slot: _Slot) -> tuple[int, int, str]:
        """By task, deployment and account, the former two as in the scenario."""
        tasks, deployments = list(self.plan.scenario.tasks), list(self.plan.scenario.deployments)
        return (
            -1 if slot.task is None else tasks.index(slot.task),
            -1 if slot.deployment is None else deployments.index(slot.deployment),
            slot.account,
        )

    # -- the calculator ------------------------------------------------------------------------

    def _requests(self, piece: MonthPiece, task: str) -> Decimal:
        return rounded(self.plan.requests(piece, task))

    def _calculator(self) -> Iterator[PocketLine]:
        """At the prices and with the models of the month's first day."""
        first = self.pieces[0]
        models = self.plan.eras[first.era].models
        for task in self.plan.shares:
            requests = _sum(self._requests(piece, task) for piece in self.pieces)
            for name, share in self.pocket.first(task, models).items():
                means = self.pocket.sizes(task, name, models).plain
                for meter in MEAN_METERS:
                    slot = self._slot(first, task, name, API, meter) if meter in means and requests else None
                    if slot is not None:
                        yield PocketLine(
                            task=task,
                            deployment=name,
                            account=slot.account,
                            requests=requests,
                            share=share,
                            tokens_per_request=means[meter],
                            unit_price_usd=slot.unit_price_usd,
                            source=slot.source,
                        )

    # -- what the simulation adds --------------------------------------------------------------

    def _piece(self, piece: MonthPiece, task: str) -> None:
        """The steps of a task in a piece of the month, from uses per planned request."""
        models = self.plan.eras[piece.era].models
        requests, rate = Fraction(self._requests(piece, task)), self.rates[piece.era][task]

        def per_request(deployment: str | None, kind: str, meter: str) -> Fraction:
            return rate.get(Key(task, deployment, kind, meter), Fraction(0))

        def add(step: str, deployment: str | None, kind: str, meter: str, amount: Fraction) -> None:
            if amount:
                self._add(step, self._slot(piece, task, deployment, kind, meter), requests * amount)

        self._at_prices_of_the_day(piece, task, requests)
        unasked, repeated = (per_request(None, REQUESTS, meter) for meter in ("unasked", "repeated"))
        failed = per_request(None, REQUESTS, "arrived") - per_request(None, REQUESTS, "completed")
        first = {name: Fraction(share) for name, share in self.pocket.first(task, models).items()}
        for name in self.plan.scenario.deployments_of(self.plan.strategy):
            served = sum((per_request(name, ANSWERS, one) for one in ("right", "wrong", "unrated")), Fraction(0))
            sent_first = first.get(name, Fraction(0))
            if sent_first or served or any(key.deployment == name for key in rate):
                means = self.pocket.sizes(task, name, models)
                for meter, mean in means.plain.items():
                    for step, share in (("unasked", -unasked), ("repeated", repeated), ("failed", -failed)):
                        add(step, name, API, meter, sent_first * share * Fraction(mean))
                    came_out = served - sent_first * (1 - unasked + repeated - failed)
                    add("routing", name, API, meter, came_out * Fraction(mean))
                for step in ("cut", "resent"):
                    for meter, mean in getattr(means, step).items():
                        add(step, name, API, meter, served * Fraction(mean))
                self._used(name, means, served, per_request, add)
            for kind in WASTE_KINDS:
                for meter in METERS:
                    for length in (kind, kind + LONG):
                        add(kind, name, length, meter, per_request(name, length, meter))
        for meter in METERS:
            add("cascade", None, VERIFIED, meter, per_request(None, VERIFIED, meter))
        self._note_sums(piece, task, rate)

    def _used(self, name: str, means: MeanSizes, served: Fraction, per_request: Any, add: Any) -> None:
        """From mean sizes of what was served to the tokens of calls of use: sizes, reasoning, cascade, cache, length."""
        both = {
            meter: per_request(name, API, meter) + per_request(name, API + LONG, meter) for meter in METERS
        }
        is_first_answer = name in self.turned_down
        for meter in MEAN_METERS:
            expected = served * means.all(meter)
            if meter in PROMPTS:
                used = both[meter] + (sum(both[one] for one in CACHE) if meter == "input" else 0)
                add("cascade" if is_first_answer else "sizes", name, API, meter, used - expected)
            else:
                passed_on = per_request(name, DELIVERED, meter) if is_first_answer else both[meter]
                add("sizes", name, API, meter, passed_on - expected)
                add("cascade", name, API, meter, both[meter] - passed_on)
        add("reasoning", name, API, "reasoning", both["reasoning"])
        for meter in CACHE:
            add("cache", name, API, "input", -both[meter])
            add("cache", name, API, meter, both[meter])
        for meter in METERS:
            above = per_request(name, API + LONG, meter)
            add("long", name, API, meter, -above)
            add("long", name, API + LONG, meter, above)

    def _at_prices_of_the_day(self, piece: MonthPiece, task: str, requests: Fraction) -> None:
        """From the models and prices of the month's first day to those of the piece."""
        opening = self.pieces[0]
        for sign, at in ((-1, opening), (1, piece)):
            models = self.plan.eras[at.era].models
            for name, share in self.pocket.first(task, models).items():
                for meter, mean in self.pocket.sizes(task, name, models).plain.items():
                    slot = self._slot(at, task, name, API, meter)
                    self._add("prices", slot, sign * requests * Fraction(share) * Fraction(mean))

    def _note_sums(self, piece: MonthPiece, task: str, rate: Mapping[Key, Fraction]) -> None:
        """How far rounding may move a line: half a millionth of a unit, and of a request its tokens."""
        for key, each in rate.items():
            if key.kind.removesuffix(LONG) in (API, *WASTE_KINDS, VERIFIED) and key.meter in METERS:
                slot = self._slot(piece, task, key.deployment, key.kind, key.meter)
                if slot is not None:
                    self.loosest[slot] = self.loosest.get(slot, Fraction(0)) + each * Fraction(QUANTUM) / 2

    def _rounding(self, rows: Sequence[LedgerRow]) -> dict[_Slot, Decimal]:
        """From the steps so far to the ledger's own quantities of tokens."""
        left: dict[_Slot, Decimal] = {}
        for row in rows:
            if row.group in TOKENS:
                slot = _slot_of(row)
                left[slot] = EXACT.add(left.get(slot, Decimal(0)), row.quantity)
        so_far: list[tuple[_Slot, Decimal]] = [(_pocket_slot(line), line.quantity) for line in self.calculator]
        for step in self.fine.values():
            so_far += step.items()
        for slot, amount in so_far:
            left[slot] = EXACT.subtract(left.get(slot, Decimal(0)), amount)
        for slot, amount in left.items():
            allowed = Fraction(QUANTUM) + self.loosest.get(slot, Fraction(0))
            assert abs(Fraction(amount)) <= allowed, f"{amount} {slot.unit} of {slot} are no rounding"
        return {slot: amount for slot, amount in left.items() if amount}

    def _slot(
        self, piece: MonthPiece, task: str, deployment: str | None, kind: str, meter: str
    ) -> _Slot | None:
        """Where a count of tokens is paid; None where it costs nothing, as on own hardware."""
        models = self.plan.eras[piece.era].models
        for charge in self.plan.tariff.charges(Key(task, deployment, kind, meter), models, piece.start):
            if charge.unit == "token":
                return _Slot(
                    account=charge.account,
                    task=task,
                    deployment=deployment,
                    unit=charge.unit,
                    unit_price_usd=charge.unit_price_usd,
                    source=charge.source,
                )
        return None

    def _add(self, step: str, slot: _Slot | None, amount: Fraction) -> None:
        if slot is not None and amount:
            added = self.added[step]
            added[slot] = added.get(slot, Fraction(0)) + amount


def _stepped(
    steps: Iterable[tuple[str, tuple[Line, ...]]], start: Decimal, account: str | None
) -> Iterator[Step]:
    """Steps that add something to an account, with the running total."""
    total = start
    for name, all_lines in steps:
        lines = tuple(line for line in all_lines if _is_in(line.account, account))
        amount = _sum(line.amount_usd for line in lines)
        total = EXACT.add(total, amount)
        if lines:
            yield Step(name=name, lines=lines, amount_usd=amount, total_usd=total)


def _groups(account: str) -> list[str]:
    """wasted and wasted/timeout for wasted/timeout/output."""
    parts = account.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _is_in(account: str, wanted: str | None) -> bool:
    return wanted is None or account == wanted or account.startswith(f"{wanted}/")


def _pocket_slot(line: PocketLine) -> _Slot:
    return _Slot(
        account=line.account,
        task=line.task,
        deployment=line.deployment,
        unit="token",
        unit_price_usd=line.unit_price_usd,
        source=line.source,
    )


def _slot_of(row: LedgerRow) -> _Slot:
    return _Slot(
        account=row.account,
        task=row.task,
        deployment=row.deployment,
        unit=row.unit,
        unit_price_usd=row.unit_price_usd,
        source=row.source,
        view=row.view,
    )


def _line_of(row: LedgerRow) -> Line:
    return _line(_slot_of(row), row.quantity)


def _line(slot: _Slot, quantity: Decimal) -> Line:
    return Line(
        account=slot.account,
        task=slot.task,
        deployment=slot.deployment,
        quantity=quantity,
        unit=slot.unit,
        unit_price_usd=slot.unit_price_usd,
        source=slot.source,
        view=slot.view,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return total_of(amounts)


def _plain_fields(one: Any) -> dict[str, Any]:
    """The fields of a dataclass; decimals as text with all their digits."""
    return {
        name: plain(value) if isinstance(value := getattr(one, name), Decimal) else value
        for name in one.__dataclass_fields__
    }


def _unknown(what: str, given: str, known: Sequence[str], whose: str = "") -> str:
    if not known:
        return f"{what}: got {given!r}; there is none{whose}"
    hint = closest(given, known)
    listed = f"{what}: got {given!r}; allowed{whose}: {', '.join(known)}"
    return listed + (f"; {hint}" if hint and hint.startswith("did") else "")


__all__ = ["STEPS", "Bill", "HandCheck", "Line", "PocketLine", "Step", "check_month", "check_strategy"]
