"""The bill of one strategy over the horizon: simulated use, scaled to real months, at dated prices.

Comes in: the planned windows and what was counted in them; goes out: a Ledger. A month is cut where a
price or a model changes, by expected requests; equal prices of one month are then one row again, and each
row's quantity is rounded once, half-even to 1e-6 unit.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from planner.finance.adjustments import Adjustment, adjustments, exact_quantities
from planner.finance.calendar import HOURS_PER_DAY, Month, months_of
from planner.finance.ledger import (
    EXACT,
    INVOICED,
    Ledger,
    LedgerRow,
    View,
    Volume,
    rounded,
    rounded_ratio,
    total_of,
)
from planner.finance.quantities import ANSWERS, REQUESTS, Key, Quantities
from planner.finance.rates import PlannedWindow, Rates, rates_of, shares
from planner.finance.standing import standing_charges
from planner.finance.standing_charge import StandingCharge
from planner.finance.tariff import DATED, Charge, Driver, Sold, Tariff
from planner.finance.uptime import expected_credits
from planner.scenario.fields import Scenario
from planner.workload.outage_months import REPLICATIONS
from planner.workload.windows import Era, MonthPiece, eras, horizon, month_pieces

ACCOUNT_ORDER = (
    "one-time", "integration", "devices/purchase", "devices/spares", "devices/replacement", "devices/attrition",
    "devices/updates", "devices/residual", "compute/purchase", "compute/replacement", "compute/rack", "compute/residual",
    "migration", "api", "wasted", "verifier", "volume prices", "provisioned", "commitment", "gateway fee",
    "prepaid fee", "router", "transfer", "compute", "energy", "energy/idle",
    "energy/servers", "review", "people", "maintenance", "compliance/first", "compliance/repeated", "penalties",
    "credits", "exit",
    "wrong answers", "downtime",
)  # fmt: skip
#: Accounts paid on the first day, at t = 0.
AT_START = (
    "one-time",
    "integration",
    "devices/purchase",
    "devices/spares",
    "compute/purchase",
    "compliance/first",
)


CREDITED = ("api", "wasted")  # groups of what is spent at providers


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything about a strategy's bill but the counts: calendar, eras, expected requests, prices."""

    scenario: Scenario
    strategy: str
    tariff: Tariff
    eras: tuple[Era, ...]
    pieces: tuple[MonthPiece, ...]
    months: tuple[Month, ...]
    shares: dict[str, Fraction]
    #: (MONTH, DEPLOYMENT): share of the spend on tokens there that its provider is expected to give back.
    credits: dict[tuple[str, str], Decimal]

    @cached_property
    def standing(self) -> tuple[StandingCharge, ...]:
        """What is paid whether or not a request comes."""
        return standing_charges(self.scenario, self.strategy, self.months)

    @cached_property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """What the bill gains or loses by how much is used in a month."""
        return adjustments(self)

    def driver(self, piece: MonthPiece, task: str, per: Driver) -> Fraction:
        """What multiplies a rate per request: the task's expected requests, or its share of the hours."""
        if per == "hour":
            return self._hours[piece.start, task]
        return self._requests[piece.start, task]

    def requests(self, piece: MonthPiece, task: str) -> Fraction:
        """Expected requests of a task in a piece of a month."""
        return self._requests[piece.start, task]

    @cached_property
    def _requests(self) -> dict[tuple[date, str], Fraction]:
        """(FIRST DAY of a piece, TASK): expected requests."""
        return {
            (piece.start, task): Fraction(piece.expected_requests) * share
            for piece in self.pieces
            for task, share in self.shares.items()
        }

    @cached_property
    def _hours(self) -> dict[tuple[date, str], Fraction]:
        """(FIRST DAY of a piece, TASK): the task's share of its hours."""
        return {
            (piece.start, task): share * (piece.end - piece.start).days * HOURS_PER_DAY
            for piece in self.pieces
            for task, share in self.shares.items()
        }

    @cached_property
    def ranks(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Places of accounts, tasks and deployments in a ledger."""
        scenario = self.scenario
        return tuple(  # type: ignore[return-value]
            {name: place for place, name in enumerate(names)}
            for names in (ACCOUNT_ORDER, scenario.tasks, scenario.deployments)
        )


def plan_of(scenario: Scenario, strategy: str) -> Plan:
    """The calendar and prices of a strategy's bill; month pieces are cut where its prices change."""
    tariff = Tariff(scenario, strategy)
    start, end = horizon(scenario)
    pieces = month_pieces(scenario, tariff.cuts(start, end))
    months = months_of(pieces)
    return Plan(
        scenario=scenario,
        strategy=strategy,
        tariff=tariff,
        eras=eras(scenario),
        pieces=pieces,
        months=months,
        shares=shares(scenario),
        credits=expected_credits(scenario, strategy, months),
    )


@dataclass(frozen=True)
class Stretch:
    """Pieces of months, one after the other, between which neither a model nor a price nor its source changes."""

    era: int
    pieces: tuple[MonthPiece, ...]
    charged: tuple[tuple[Key, Charge], ...]  # every charge of every count, in each of the pieces


@dataclass(frozen=True)
class Use:
    """What was used per request, and every charge for it: what a ledger and its intervals are both made of."""

    rates: dict[int, Rates]
    stretches: tuple[Stretch, ...]


def use_of(plan: Plan, windows: Sequence[PlannedWindow], quantities: Sequence[Quantities]) -> Use:
    """What a strategy used in the windows of a plan; the errors are those of `account`."""
    rates = rates_of(plan.scenario, plan.strategy, plan.eras, windows, quantities)
    return Use(rates, tuple(_stretches(plan, rates)))


def _stretches(plan: Plan, rates: dict[int, Rates]) -> Iterator[Stretch]:
    """The pieces in which something is asked, with what is charged there.

    Prices are asked for once for all counts that cost alike, in every piece, and all charges made only where one of
    these has changed: days on which a price is read anew, carried forward or drifts are no cuts between pieces.
    """
    asked = (piece for piece in plan.pieces if piece.expected_requests)
    for era, pieces in groupby(asked, key=attrgetter("era")):
        yield from _of_era(plan, era, pieces, [key for rate in rates[era].values() for key in rate])


def _of_era(plan: Plan, era: int, pieces: Iterable[MonthPiece], keys: Sequence[Key]) -> Iterator[Stretch]:
    models = plan.eras[era].models
    alike: dict[Hashable, Key] = {}
    for key in keys:
        if key.kind in DATED:
            alike.setdefault(plan.tariff.priced_by(key), key)

    def prices(piece: MonthPiece) -> list[tuple[Charge, ...]]:
        return [plan.tariff.charges(key, models, piece.start) for key in alike.values()]

    for _, same in groupby(pieces, key=prices):
        stretch = tuple(same)
        charges = ((key, plan.tariff.charges(key, models, stretch[0].start)) for key in keys)
        yield Stretch(era, stretch, tuple((key, charge) for key, found in charges for charge in found))


def account(
    scenario: Scenario,
    strategy: str,
    windows: Sequence[PlannedWindow],
    quantities: Sequence[Quantities],
    plan: Plan | None = None,
    use: Use | None = None,
) -> Ledger:
    """The ledger of a strategy.

    Parameters
    ----------
    windows : sequence of `planner.workload.windows.Window`
        All windows of the plan; their order does not matter.
    quantities : sequence of Quantities, one for each window
        From `planner.finance.quantities.count`.
    plan : Plan, optional
        That of `plan_of`, where it is at hand: prices that were looked up for it are not looked up again.
    use : Use, optional
        That of `use_of` for the same plan, windows and quantities, where it is at hand.

    Raises
    ------
    PriceUnknown
        Something was used whose price is not known on a day of the horizon.
    NotSimulated
        A task is expected of which no request was simulated.
    """
    plan = plan or plan_of(scenario, strategy)
    use = use or use_of(plan, windows, quantities)
    lines = _Lines(plan)
    for stretch in use.stretches:
        lines.add(stretch, use.rates[stretch.era])
    return Ledger(lines.rows(), tuple(_volumes(plan, use.rates)))


def standing_ledger(plan: Plan, *, is_adjusted: bool = True) -> Ledger:
    """The rows that would stand if nobody asked anything, with the commitments that are owed then.

    Not adjusted: without these, which are other amounts where something is used.
    """
    return Ledger(_Lines(plan).rows(is_adjusted))


class _Kind(NamedTuple):
    """What must be equal, beside month, task and deployment, for quantities to be one row."""

    view: View
    account: str
    unit: str
    unit_price_usd: Decimal
    source: str
    through_gateway: bool = False
    sold: Sold | None = None


_Owner = tuple[str, str | None, str | None]  # month, task, deployment
_Place = tuple[str, str | None, str | None, int]  # the same, and the number of its kind


class _Lines:
    """Adds quantities up exactly, then rounds each line once and makes rows of them.

    Sums are kept as numerator and denominator, not in their lowest terms, by what tells lines apart: month, task,
    deployment and a number for all the rest.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lines: dict[_Place, _Kind] = {}
        self.sums: dict[_Place, tuple[int, int]] = {}
        #: First day on which a line was used: rows of a month come in this order.
        self.since: dict[_Place, date] = {}
        self.kinds: dict[_Kind, int] = {}
        for standing in plan.standing:
            kind = _Kind(INVOICED, standing.account, standing.unit, standing.unit_price_usd, standing.source)
            place = (standing.month, None, standing.deployment, self._number(kind))
            self.lines.setdefault(place, kind)
            self._sum(place, *standing.quantity.as_integer_ratio())

    def add(self, stretch: Stretch, rates: Rates) -> None:
        """What is charged in a stretch of time, of counts per request of each task.

        What comes to one line is added up once for all its pieces, for each thing that drives it.
        """
        found: dict[tuple[str | None, str | None, int], tuple[_Kind, dict[tuple[str, Driver], Fraction]]] = {}
        for key, charge in stretch.charged:
            kind = _Kind(
                charge.view, charge.account, charge.unit, charge.unit_price_usd, charge.source,
                charge.through_gateway, charge.sold,
            )  # fmt: skip
            of_task = key.task if charge.per == "request" else None
            _, parts = found.setdefault((of_task, key.deployment, self._number(kind)), (kind, {}))
            driver, rate = (key.task, charge.per), rates[key.task][key]
            each = rate if charge.scale == 1 else rate * charge.scale
            parts[driver] = parts[driver] + each if driver in parts else each
        sums = [
            (where, kind, [(driver, *each.as_integer_ratio()) for driver, each in parts.items()])
            for where, (kind, parts) in found.items()
        ]
        drivers = {driver for _, _, ratios in sums for driver, _, _ in ratios}
        for piece in stretch.pieces:
            driven = {driver: self.plan.driver(piece, *driver).as_integer_ratio() for driver in drivers}
            for (of_task, deployment, number), kind, ratios in sums:
                place = (piece.month, of_task, deployment, number)
                self.lines.setdefault(place, kind)
                self.since.setdefault(place, piece.start)
                for driver, numerator, denominator in ratios:
                    units, of = driven[driver]
                    self._sum(place, units * numerator, of * denominator)

    def _number(self, kind: _Kind) -> int:
        return self.kinds.setdefault(kind, len(self.kinds))

    def _sum(self, place: _Place, numerator: int, denominator: int) -> None:
        before = self.sums.get(place)
        self.sums[place] = (
            (numerator, denominator) if before is None else _added(before, numerator, denominator)
        )

    def rows(self, is_adjusted: bool = True) -> tuple[LedgerRow, ...]:
        ranked: list[tuple[tuple[object, ...], LedgerRow]] = []
        sold: list[tuple[_Kind, LedgerRow]] = []
        fees: dict[_Owner, list[Decimal]] = {}
        spent: dict[_Owner, list[Decimal]] = {}
        for place, (numerator, denominator) in self.sums.items():
            quantity = rounded_ratio(numerator, denominator)
            if quantity:
                kind, owner = self.lines[place], place[:3]
                row = self._row(owner, kind, quantity)
                ranked.append((self._rank(row, self.since.get(place, date.min)), row))
                if kind.through_gateway:
                    fees.setdefault(owner, []).append(row.amount_usd)
                if self.plan.credits and row.group in CREDITED:
                    spent.setdefault(owner, []).append(row.amount_usd)
                if kind.sold is not None:
                    sold.append((kind, row))
        if is_adjusted:
            ranked += [
                (self._rank(row, date.min, number), row) for number, row in enumerate(self._adjusted(sold))
            ]
        ranked += [(self._rank(row, date.min), row) for row in self._fees(fees)]
        ranked += [(self._rank(row, date.min), row) for row in self._credits(spent)]
        return tuple(row for _, row in sorted(ranked, key=itemgetter(0)))

    def _fees(self, spent: dict[_Owner, list[Decimal]]) -> Iterator[LedgerRow]:
        """The gateway's share of the exact spend that goes through it, not rounded."""
        tariff = self.plan.tariff
        if not tariff.gateway_fee:
            return
        kind = _Kind(INVOICED, "gateway fee", "USD", tariff.gateway_fee, tariff.gateway_source)
        for owner, amounts in spent.items():
            if total := total_of(amounts):
                yield self._row(owner, kind, total)

    def _credits(self, spent: dict[_Owner, list[Decimal]]) -> Iterator[LedgerRow]:
        """What providers are expected to give back of the exact spend with them, less than 0."""
        for owner, amounts in spent.items():
            month, _, deployment = owner
            share = self.plan.credits.get((month, deployment or ""))
            if share and (total := total_of(amounts)):
                kind = _Kind(
                    INVOICED, "credits", "USD", share.copy_negate(),
                    f"scenario: deployments.{deployment}.sla; expected over {REPLICATIONS:,} replications of outages",
                )  # fmt: skip
                yield self._row(owner, kind, total)

    def _adjusted(self, sold: Sequence[tuple[_Kind, LedgerRow]]) -> Iterator[LedgerRow]:
        """Rows of what depends on a month's use in all, from the rows of tokens as they stand, not rounded."""
        if not self.plan.adjustments:
            return
        of_month: dict[str, list[tuple[_Kind, LedgerRow]]] = {}
        for kind, row in sold:
            of_month.setdefault(row.month, []).append((kind, row))
        sums = [
            total_of(
                getattr(row, one.of) for kind, row in of_month.get(one.month, ()) if one.scope.holds(kind)
            )
            for one in self.plan.adjustments
        ]
        for one, knot, units in exact_quantities(self.plan.adjustments, sums):
            kind = _Kind(one.view, knot.account, one.unit, knot.slope_usd, knot.source)
            yield self._row((one.month, one.task, one.deployment), kind, units)

    def _row(self, owner: _Owner, kind: _Kind, quantity: Decimal) -> LedgerRow:
        month, task, deployment = owner
        return LedgerRow(
            month=month,
            view=kind.view,
            account=kind.account,
            task=task,
            deployment=deployment,
            quantity=quantity,
            unit=kind.unit,
            unit_price_usd=kind.unit_price_usd,
            strategy=self.plan.strategy,
            source=kind.source,
        )

    def _rank(self, row: LedgerRow, since: date, of_equals: int = 0) -> tuple[object, ...]:
        """Month, view, account as in ACCOUNT_ORDER, then task and deployment as in the scenario."""
        accounts, tasks, deployments = self.plan.ranks
        return (
            row.month,
            row.view != INVOICED,
            accounts[row.account if row.account in accounts else row.group],
            -1 if row.task is None else tasks[row.task],
            -1 if row.deployment is None else deployments[row.deployment],
            row.account,
            since,
            of_equals,
            row.source,
            row.unit_price_usd,
        )


def _added(ratio: tuple[int, int], numerator: int, denominator: int) -> tuple[int, int]:
    """A ratio and another one as one, not in its lowest terms."""
    if ratio[1] == denominator:
        return ratio[0] + numerator, denominator
    return ratio[0] * denominator + numerator * ratio[1], denominator * ratio[1]


def _volumes(plan: Plan, rates: dict[int, Rates]) -> Iterator[Volume]:
    """Expected requests by month and task. Failed is what arrives and is not completed, to the last digit."""
    meters = ("arrived", "repeated", "unasked", "completed", "right", "wrong", "unrated")
    nothing = rounded(Fraction(0))
    per_request: dict[tuple[int, str], dict[str, tuple[int, int]]] = {}  # the same for all months of an era
    for era, by_task in rates.items():
        for task, rate_of in by_task.items():
            found_of = dict.fromkeys(meters, Fraction(0))
            for key, rate in rate_of.items():
                if key.kind in (REQUESTS, ANSWERS) and key.meter in found_of:
                    found_of[key.meter] += rate
            per_request[era, task] = {
                meter: each.as_integer_ratio() for meter, each in found_of.items() if each
            }
    pieces_of: dict[str, list[MonthPiece]] = {}
    for piece in plan.pieces:
        pieces_of.setdefault(piece.month, []).append(piece)
    for month in plan.months:
        for task in plan.shares:
            sums: dict[str, tuple[int, int]] = {}  # not in their lowest terms, as in `_Lines`
            for piece in pieces_of[month.name]:
                requests, of = plan.requests(piece, task).as_integer_ratio()
                for meter, (numerator, denominator) in per_request[piece.era, task].items():
                    ratio = (requests * numerator, of * denominator)
                    sums[meter] = _added(sums[meter], *ratio) if meter in sums else ratio
            found = {meter: rounded_ratio(*sums[meter]) if meter in sums else nothing for meter in meters}
            repeated, unasked = found.pop("repeated"), found.pop("unasked")
            failed = EXACT.subtract(found["arrived"], found["completed"])
            planned = EXACT.add(EXACT.subtract(found["arrived"], repeated), unasked)
            yield Volume(month=month.name, task=task, planned=planned, failed=failed, **found)
