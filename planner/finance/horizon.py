"""The bill of one strategy over the horizon: simulated use, scaled to real months, at dated prices.

Comes in: the planned windows and what was counted in them; goes out: a Ledger. A month is cut where a
price or a model changes, by expected requests; equal prices of one month are then one row again, and each
row's quantity is rounded once, half-even to 1e-6 unit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from planner.finance.adjustments import Adjustment, adjustments, exact_quantities
from planner.finance.calendar import HOURS_PER_DAY, Month, months_of
from planner.finance.ledger import (
    EXACT,
    INVOICED,
    Ledger,
    LedgerRow,
    View,
    Volume,
    rounded_ratio,
    total_of,
)
from planner.finance.quantities import ANSWERS, REQUESTS, Key, Quantities
from planner.finance.rates import PlannedWindow, Rates, rates_of, shares
from planner.finance.standing import standing_charges
from planner.finance.tariff import Charge, Sold, Tariff
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
    def adjustments(self) -> tuple[Adjustment, ...]:
        """What the bill gains or loses by how much is used in a month."""
        return adjustments(self)

    def driver(self, piece: MonthPiece, task: str, charge: Charge) -> Fraction:
        """What multiplies a rate per request: the task's expected requests, or its share of the hours."""
        if charge.per == "hour":
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
class Use:
    """What was used per request, and every charge for it: what a ledger and its intervals are both made of."""

    rates: dict[int, Rates]
    charged: tuple[tuple[MonthPiece, str, Key, Charge], ...]


def use_of(plan: Plan, windows: Sequence[PlannedWindow], quantities: Sequence[Quantities]) -> Use:
    """What a strategy used in the windows of a plan; the errors are those of `account`."""
    rates = rates_of(plan.scenario, plan.strategy, plan.eras, windows, quantities)
    return Use(rates, tuple(charged(plan, rates)))


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
    rates = {
        (era, task): {key: rate.as_integer_ratio() for key, rate in by_key.items()}
        for era, by_task in use.rates.items()
        for task, by_key in by_task.items()
    }
    for piece, task, key, charge in use.charged:
        lines.add(piece, charge, task, key.deployment, rates[piece.era, task][key])
    return Ledger(lines.rows(), tuple(_volumes(plan, use.rates)))


def standing_ledger(plan: Plan, *, is_adjusted: bool = True) -> Ledger:
    """The rows that would stand if nobody asked anything, with the commitments that are owed then.

    Not adjusted: without these, which are other amounts where something is used.
    """
    return Ledger(_Lines(plan).rows(is_adjusted))


def charged(plan: Plan, rates: dict[int, Rates]) -> Iterator[tuple[MonthPiece, str, Key, Charge]]:
    """Every charge of every count in every piece of a month."""
    for piece in plan.pieces:
        models = plan.eras[piece.era].models
        for task, rate in rates[piece.era].items():
            if plan.requests(piece, task):
                for key in rate:
                    for charge in plan.tariff.charges(key, models, piece.start):
                        yield piece, task, key, charge


@dataclass(frozen=True)
class _Line:
    """What must be equal for quantities to be one row."""

    month: str
    view: View
    account: str
    task: str | None
    deployment: str | None
    unit: str
    unit_price_usd: Decimal
    source: str
    through_gateway: bool = False
    sold: Sold | None = None


_Place = tuple[str, str | None, str | None, int]  # month, task, deployment, number of its kind


class _Lines:
    """Adds quantities up exactly, then rounds each line once and makes rows of them.

    Sums are kept as numerator and denominator, not in their lowest terms, by what tells lines apart: month, task,
    deployment and a number for all the rest.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lines: dict[_Place, _Line] = {}
        self.sums: dict[_Place, tuple[int, int]] = {}
        #: First day on which a line was used: rows of a month come in this order.
        self.since: dict[_Place, date] = {}
        self.kinds: dict[tuple[object, ...], int] = {}
        #: By the identity of a charge, which is kept: the number of its kind, it, its scale.
        self.kind_of: dict[int, tuple[int, Charge, int, int]] = {}
        self.drivers: dict[tuple[date, str, str], tuple[int, int]] = {}
        for standing in standing_charges(plan.scenario, plan.strategy, plan.months):
            line = _Line(
                standing.month, INVOICED, standing.account, None, standing.deployment, standing.unit,
                standing.unit_price_usd, standing.source,
            )  # fmt: skip
            place = (line.month, line.task, line.deployment, self._kind(line))
            self.lines.setdefault(place, line)
            self._sum(place, standing.quantity.numerator, standing.quantity.denominator)

    def add(
        self,
        piece: MonthPiece,
        charge: Charge,
        task: str,
        deployment: str | None,
        rate: tuple[int, int],
    ) -> None:
        """A charge for a count, given per request as numerator and denominator."""
        known = self.kind_of.get(id(charge))
        if known is None:
            known = self.kind_of[id(charge)] = (self._kind(charge), charge, *charge.scale.as_integer_ratio())
        of_task = task if charge.per == "request" else None
        place = (piece.month, of_task, deployment, known[0])
        if place not in self.lines:
            self.lines[place] = _Line(
                piece.month, charge.view, charge.account, of_task, deployment,
                charge.unit, charge.unit_price_usd, charge.source, charge.through_gateway,
                charge.sold,
            )  # fmt: skip
        driver, per = self._driver(piece, task, charge)
        self._sum(place, driver * rate[0] * known[2], per * rate[1] * known[3])
        self.since.setdefault(place, piece.start)

    def _driver(self, piece: MonthPiece, task: str, charge: Charge) -> tuple[int, int]:
        """`Plan.driver` as numerator and denominator, the same for all charges of a task in a piece."""
        asked = (piece.start, task, charge.per)
        found = self.drivers.get(asked)
        if found is None:
            found = self.drivers[asked] = self.plan.driver(piece, task, charge).as_integer_ratio()
        return found

    def _kind(self, line: "_Line | Charge") -> int:
        """The number of all that tells lines of one month, task and deployment apart."""
        kind = (
            line.view, line.account, line.unit, line.unit_price_usd, line.source, line.through_gateway, line.sold,
        )  # fmt: skip
        return self.kinds.setdefault(kind, len(self.kinds))

    def _sum(self, place: _Place, numerator: int, denominator: int) -> None:
        before = self.sums.get(place)
        self.sums[place] = (
            (numerator, denominator) if before is None else _added(before, numerator, denominator)
        )

    def rows(self, is_adjusted: bool = True) -> tuple[LedgerRow, ...]:
        ranked: list[tuple[tuple[object, ...], LedgerRow]] = []
        sold: list[tuple[_Line, LedgerRow]] = []
        fees: dict[tuple[str, str | None, str | None], list[Decimal]] = {}
        spent: dict[tuple[str, str | None, str | None], list[Decimal]] = {}
        for place, (numerator, denominator) in self.sums.items():
            line = self.lines[place]
            row = self._row(line, rounded_ratio(numerator, denominator))
            if row.quantity:
                ranked.append((self._rank(row, self.since.get(place, date.min)), row))
                if line.through_gateway:
                    fees.setdefault((line.month, line.task, line.deployment), []).append(row.amount_usd)
                if row.group in CREDITED:
                    spent.setdefault((line.month, line.task, line.deployment), []).append(row.amount_usd)
                if line.sold is not None:
                    sold.append((line, row))
        if is_adjusted:
            ranked += [
                (self._rank(row, date.min, number), row) for number, row in enumerate(self._adjusted(sold))
            ]
        ranked += [(self._rank(row, date.min), row) for row in self._fees(fees)]
        ranked += [(self._rank(row, date.min), row) for row in self._credits(spent)]
        return tuple(row for _, row in sorted(ranked, key=lambda pair: pair[0]))

    def _fees(self, spent: dict[tuple[str, str | None, str | None], list[Decimal]]) -> Iterator[LedgerRow]:
        """The gateway's share of the exact spend that goes through it, not rounded."""
        tariff = self.plan.tariff
        if not tariff.gateway_fee:
            return
        for (month, task, deployment), amounts in spent.items():
            line = _Line(
                month,
                INVOICED,
                "gateway fee",
                task,
                deployment,
                "USD",
                tariff.gateway_fee,
                tariff.gateway_source,
            )
            if total := total_of(amounts):
                yield self._row(line, total)

    def _credits(self, spent: dict[tuple[str, str | None, str | None], list[Decimal]]) -> Iterator[LedgerRow]:
        """What providers are expected to give back of the exact spend with them, less than 0."""
        for (month, task, deployment), amounts in spent.items():
            share = self.plan.credits.get((month, deployment or ""))
            if share and (total := total_of(amounts)):
                line = _Line(
                    month, INVOICED, "credits", task, deployment, "USD", share.copy_negate(),
                    f"scenario: deployments.{deployment}.sla; expected over {REPLICATIONS:,} replications of outages",
                )  # fmt: skip
                yield self._row(line, total)

    def _adjusted(self, sold: Sequence[tuple[_Line, LedgerRow]]) -> Iterator[LedgerRow]:
        """Rows of what depends on a month's use in all, from the rows of tokens as they stand, not rounded."""
        of_month: dict[str, list[tuple[_Line, LedgerRow]]] = {}
        for line, row in sold:
            of_month.setdefault(row.month, []).append((line, row))
        sums = [
            total_of(
                getattr(row, one.of) for line, row in of_month.get(one.month, ()) if one.scope.holds(line)
            )
            for one in self.plan.adjustments
        ]
        for one, knot, units in exact_quantities(self.plan.adjustments, sums):
            line = _Line(
                one.month,
                one.view,
                knot.account,
                one.task,
                one.deployment,
                one.unit,
                knot.slope_usd,
                knot.source,
            )
            yield self._row(line, units)

    def _row(self, line: _Line, quantity: Decimal) -> LedgerRow:
        return LedgerRow(
            month=line.month,
            view=line.view,
            account=line.account,
            task=line.task,
            deployment=line.deployment,
            quantity=quantity,
            unit=line.unit,
            unit_price_usd=line.unit_price_usd,
            strategy=self.plan.strategy,
            source=line.source,
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
    for month in plan.months:
        pieces = [piece for piece in plan.pieces if piece.month == month.name]
        for task in plan.shares:
            sums = dict.fromkeys(meters, (0, 1))  # not in their lowest terms, as in `_Lines`
            for piece in pieces:
                requests, of = plan.requests(piece, task).as_integer_ratio()
                for meter, (numerator, denominator) in per_request[piece.era, task].items():
                    sums[meter] = _added(sums[meter], requests * numerator, of * denominator)
            found = {name: rounded_ratio(*ratio) for name, ratio in sums.items()}
            repeated, unasked = found.pop("repeated"), found.pop("unasked")
            failed = EXACT.subtract(found["arrived"], found["completed"])
            planned = EXACT.add(EXACT.subtract(found["arrived"], repeated), unasked)
            yield Volume(month=month.name, task=task, planned=planned, failed=failed, **found)
