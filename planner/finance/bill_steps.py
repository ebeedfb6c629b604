"""What the simulation adds to a month's bill by pocket calculator, step by step, in quantities.

Comes in: the calendar and prices of a strategy, uses per planned request, and what the calculator knows; goes out: the
calculator's lines and, for each step in its fixed order, the tokens that it adds to each line of the bill.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planner.finance.adjustments import ADJUSTED, COMMITMENT, PREPAID, VOLUME
from planner.finance.bill_lines import Line, PocketLine, Slot, line_at, line_of, pocket_slot, slot_of
from planner.finance.horizon import Plan
from planner.finance.ledger import EXACT, QUANTUM, LedgerRow, rounded, total_of
from planner.finance.pocket import MINI, OMNI, MeanSizes, Pocket
from planner.finance.quantities import ANSWERS, API, DELIVERED, LONG, REQUESTS, VERIFIED, WASTE_KINDS, Key
from planner.finance.rates import Rates
from planner.routing.routers import groups_of, reachable
from planner.scenario.fields import CascadeRouter
from planner.tables import METERS
from planner.workload.windows import MonthPiece

#: Quantities of steps are kept to this: requests, share and mean tokens have six places each.
FINE = Decimal("1E-18")
#: Accounts that start from the calculator's lines, or are steps of their own.
TOKENS = ("api", "wasted", "verifier")
MEAN_METERS = ("input", "image", "audio_input", "output", "audio_output")
PROMPTS = ("input", "image", "audio_input")
CACHE = ("cached_input", "cache_write")

PRICED_BY_VOLUME = {
    VOLUME: "volume prices",
    COMMITMENT: "commitments",
    PREPAID: "fee on prepaid credit",
}
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
    **{group: PRICED_BY_VOLUME[group] for group in ADJUSTED if group != PREPAID},
    "gateway fee": "gateway fee",
    PREPAID: PRICED_BY_VOLUME[PREPAID],
    "credits": "credits of providers",
    "transfer": "transfer",
}
#: Steps that are rows of the ledger as they stand.
WHOLE = ("gateway fee", "credits", "transfer", *ADJUSTED)

_Added = dict[Slot, Fraction]


class MonthSteps:
    """What every step adds in one month, over all tasks and deployments."""

    def __init__(
        self, plan: Plan, rates: dict[int, Rates], pocket: Pocket, name: str, rows: Sequence[LedgerRow]
    ) -> None:
        self.plan, self.rates, self.pocket = plan, rates, pocket
        self.pieces = [piece for piece in plan.pieces if piece.month == name]
        self.added: dict[str, _Added] = {step: {} for step in STEPS}
        self.loosest: dict[Slot, Fraction] = {}
        self.turned_down = checked_by_cascade(plan)
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
                yield title, tuple(line_of(row) for row in whole if row.group == step)
            else:
                slots = sorted(self.fine[step], key=self._place)
                yield title, tuple(line_at(slot, self.fine[step][slot]) for slot in slots)

    def _place(self, slot: Slot) -> tuple[int, int, str]:
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
            requests = total_of(self._requests(piece, task) for piece in self.pieces)
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
            served = sum(
                (per_request(name, ANSWERS, one) for one in ("right", "wrong", "unrated")), Fraction(0)
            )
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

    def _rounding(self, rows: Sequence[LedgerRow]) -> dict[Slot, Decimal]:
        """From the steps so far to the ledger's own quantities of tokens."""
        left: dict[Slot, Decimal] = {}
        for row in rows:
            if row.group in TOKENS:
                slot = slot_of(row)
                left[slot] = EXACT.add(left.get(slot, Decimal(0)), row.quantity)
        so_far: list[tuple[Slot, Decimal]] = [(pocket_slot(line), line.quantity) for line in self.calculator]
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
    ) -> Slot | None:
        """Where a count of tokens is paid; None where it costs nothing, as on own hardware."""
        models = self.plan.eras[piece.era].models
        for charge in self.plan.tariff.charges(Key(task, deployment, kind, meter), models, piece.start):
            if charge.unit == "token":
                return Slot(
                    account=charge.account,
                    task=task,
                    deployment=deployment,
                    unit=charge.unit,
                    unit_price_usd=charge.unit_price_usd,
                    source=charge.source,
                )
        return None

    def _add(self, step: str, slot: Slot | None, amount: Fraction) -> None:
        if slot is not None and amount:
            added = self.added[step]
            added[slot] = added.get(slot, Fraction(0)) + amount


def checked_by_cascade(plan: Plan) -> frozenset[str]:
    """Deployments whose answers a cascade checks: those of mini, and of groups that follow it, but not of omni."""
    scenario, strategy = plan.scenario, plan.strategy
    if not isinstance(scenario.strategy(strategy).router, CascadeRouter):
        return frozenset()
    groups = groups_of(scenario, strategy)
    asked = {name for group in reachable(groups, MINI) for name in groups[group].chain}
    return frozenset(asked - set(groups[OMNI].chain))
