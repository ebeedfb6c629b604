"""Money of a drill: what its stretch costs without the outage and with it, and why these differ.

Comes in: pairs of runs, counted; goes out: ledger rows of a mean replication and sums of them. Every request is in one
phase (by arrival) and has one fate; its use in both runs is counted and priced as in any bill, at the prices of the
day on which the stretch begins. The part of a row follows from its account and the fate of its requests, so that the
parts add up to the difference to the last digit. What does not follow the traffic (people, GPU hours) is the same in
both runs and not in it.

Downtime is charged as in the ledger, hours x share of requests that failed x `finance.downtime_usd_per_hour`, phase by
phase. What cold prompt caches cost is in the parts, as prefixes are billed as they were read or written in each run; as
a part of its own (`cold_caches_usd`) it is not told: of a prefix that was not found no row says what it would have cost.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from planner.errors import PriceUnknown
from planner.experiments.answer import Cost
from planner.experiments.drill_counts import (
    ELSEWHERE,
    FATES,
    LOST,
    PHASES,
    RESCUED,
    UNCHANGED,
    Means,
    Seen,
)
from planner.experiments.drill_runs import Arrays, Bench, Pair, Rows
from planner.finance import Key, Ledger, LedgerRow, Quantities, count, long_thresholds
from planner.finance.ledger import ECONOMIC, EXACT, INVOICED, View, exact, rounded, total_of
from planner.finance.quantities import REQUESTS
from planner.finance.tariff import Tariff
from planner.scenario.fields import Scenario
from planner.tables import WASTES

PRICE, NOT_BOUGHT, BOUGHT, OTHERWISE = (
    "price difference", "not bought for lost requests", "bought for rescued requests", "same deployment",
)  # fmt: skip
WASTED, TRANSFER, WRONG, DOWNTIME = "wasted", "transfer", "wrong answers", "downtime"
#: Parts of the difference, in the order in which they are told; wasted is one for each cause of waste.
PARTS = (
    PRICE, NOT_BOUGHT, BOUGHT, OTHERWISE, *(f"{WASTED}/{cause}" for cause in WASTES), TRANSFER, WRONG, DOWNTIME,
)  # fmt: skip
NO_CACHES = "no deployment of the strategy has a prompt_cache"
IN_THE_PARTS = (
    "in the parts above, where prefixes are billed as they were read or written; not told apart from them"
)
_BY_FATE = {ELSEWHERE: PRICE, LOST: NOT_BOUGHT, RESCUED: BOUGHT}
RUNS = ("without", "with")


@dataclass(frozen=True, kw_only=True)
class PartOfMoney:
    """One reason why the stretch costs more or less; of a mean replication, with a 95 % interval."""

    part: str
    view: View
    usd: Cost


@dataclass(frozen=True, kw_only=True)
class PhaseOfMoney:
    """What the requests of a phase cost, of a mean replication; invoiced, and with what is economic added."""

    phase: str
    without_invoiced_usd: Decimal
    with_invoiced_usd: Decimal
    without_economic_usd: Decimal
    with_economic_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class DrillMoney:
    """Money of a drill, of a mean replication.

    `parts` of view invoiced add up to `invoiced_usd`, all of them to `economic_usd`, and both are the exact differences
    of the ledgers. `phases` add up to the same. `unknown` says why all of it is not known, where it is not.
    """

    invoiced_usd: Cost | None
    economic_usd: Cost | None
    parts: tuple[PartOfMoney, ...]
    phases: tuple[PhaseOfMoney, ...]
    ledgers: Mapping[str, Ledger]  # "without" and "with"
    prices_downtime: bool
    prices_wrong_answers: bool
    unknown: str | None = None
    cold_caches_usd: None = None  # see the module's docstring
    cold_caches_reason: str


@dataclass(frozen=True)
class _Line:
    """What must be equal for quantities to be one row of the drill."""

    run: str
    phase: int
    part: str
    view: View
    account: str
    task: str | None
    deployment: str | None
    unit: str
    unit_price_usd: Decimal
    source: str
    through_gateway: bool


class _Bill:
    """Adds up quantities of replications, then makes rows of their means."""

    def __init__(self, bench: Bench, strategy: str) -> None:
        self.bench, self.strategy = bench, strategy
        self.scenario: Scenario = bench.scenario
        self.n = len(bench.replications)
        self.day = self.scenario.start + datetime.timedelta(seconds=bench.stretch.start_s)
        self.tariff = Tariff(self.scenario, strategy)
        self.long_above = long_thresholds(self.scenario, strategy, bench.models, self.day)
        self.sums: dict[_Line, list[Fraction]] = {}

    def take(self, replication: int, pair: Pair, one: Seen) -> None:
        for phase, fate in product(range(len(PHASES)), range(len(FATES))):
            chosen = (one.phase == phase) & (one.fate == fate)
            if not chosen.any():
                continue
            without = self._counted(pair, pair.without, chosen)
            # Unchanged requests have the same calls, row by row: see `drill_counts.fates`.
            during = without if fate == UNCHANGED else self._counted(pair, pair.with_outage, chosen)
            for run, quantities in zip(RUNS, (without, during), strict=True):
                for key, quantity in quantities.items():
                    self._add(replication, run, phase, fate, key, quantity, int(one.arrived[phase]))

    def _counted(self, pair: Pair, rows: Rows, chosen: npt.NDArray[np.bool_]) -> Quantities:
        outcomes: Arrays = {name: column[chosen] for name, column in rows.outcomes.items()}
        mine = chosen[np.searchsorted(rows.outcomes["request"], rows.attempts["request"])]
        attempts: Arrays = {name: column[mine] for name, column in rows.attempts.items()}
        return count(
            self.scenario,
            self.strategy,
            outcomes,
            attempts,
            asked=pair.asked[chosen],
            long_above=self.long_above,
        )

    def _add(
        self, replication: int, run: str, phase: int, fate: int, key: Key, quantity: int, arrived: int
    ) -> None:
        for charge in self.tariff.charges(key, self.bench.models, self.day):
            amount = quantity * charge.scale
            if charge.per == "hour":
                assert key.kind == REQUESTS, f"hours go by requests that failed: {key}"
                amount = self._hours(phase) * quantity / arrived
            line = _Line(
                run=run,
                phase=phase,
                part=part_of(charge.account, fate),
                view=charge.view,
                account=charge.account,
                task=key.task if charge.per == "request" else None,
                deployment=key.deployment,
                unit=charge.unit,
                unit_price_usd=charge.unit_price_usd,
                source=charge.source,
                through_gateway=charge.through_gateway,
            )
            self.sums.setdefault(line, [Fraction(0)] * self.n)[replication] += amount

    def _hours(self, phase: int) -> Fraction:
        stretch = self.bench.stretch
        edges = (stretch.counted_ns, stretch.from_ns, stretch.to_ns, stretch.end_ns)
        return Fraction(edges[phase + 1] - edges[phase], 3600 * 10**9)

    def rows(self) -> Iterator[tuple[_Line, LedgerRow]]:
        """Rows of a mean replication: each quantity is rounded once, the platform's share of exact spend is not."""
        for line, each in self.sums.items():
            row = self._row(line, rounded(sum(each, Fraction(0)) / self.n))
            if row.quantity:
                yield line, row
                if line.through_gateway and self.tariff.gateway_fee:
                    yield line, self._fee(line, row)

    def _row(self, line: _Line, quantity: Decimal) -> LedgerRow:
        return LedgerRow(
            month=f"{self.day:%Y-%m}",
            view=line.view,
            account=line.account,
            task=line.task,
            deployment=line.deployment,
            quantity=quantity,
            unit=line.unit,
            unit_price_usd=line.unit_price_usd,
            strategy=self.strategy,
            source=line.source,
        )

    def _fee(self, line: _Line, of: LedgerRow) -> LedgerRow:
        return LedgerRow(
            month=of.month,
            view=INVOICED,
            account="gateway fee",
            task=line.task,
            deployment=line.deployment,
            quantity=of.amount_usd,
            unit="USD",
            unit_price_usd=self.tariff.gateway_fee,
            strategy=self.strategy,
            source=self.tariff.gateway_source,
        )

    def each_usd(self, line: _Line) -> list[Fraction]:
        """The line's money in every replication, its share of the platform's fee included; for intervals alone."""
        fee = self.tariff.gateway_fee if line.through_gateway else Decimal(0)
        price = Fraction(line.unit_price_usd) * Fraction(EXACT.add(fee, Decimal(1)))
        return [quantity * price for quantity in self.sums[line]]


def part_of(account: str, fate: int) -> str:
    """The part of the difference that a row belongs to, by its account and the fate of its requests.

    >>> part_of("wasted/timeout/output", 0), part_of("api/input", 3), part_of("downtime", 1)
    ('wasted/timeout', 'price difference', 'downtime')
    """
    group, *inner = account.split("/")
    if group == WASTED:
        return f"{WASTED}/{inner[0]}"
    if group in (TRANSFER, WRONG, DOWNTIME):
        return group
    return _BY_FATE.get(fate, OTHERWISE)


def money(
    bench: Bench, strategy: str, pairs: Sequence[Pair], counted: Sequence[Seen], means: Means
) -> DrillMoney:
    """The money of a strategy's drill."""
    finance = bench.scenario.finance
    prices_downtime = finance.downtime_usd_per_hour > 0
    prices_wrong = any(one.cost_of_wrong_answer_usd > 0 for one in bench.scenario.tasks.values())
    bill = _Bill(bench, strategy)
    cold = cold_caches_reason(bench.scenario, strategy)
    try:
        for replication, (pair, one) in enumerate(zip(pairs, counted, strict=True)):
            bill.take(replication, pair, one)
    except PriceUnknown as unknown:
        return DrillMoney(
            invoiced_usd=None, economic_usd=None, parts=(), phases=(), ledgers={}, unknown=str(unknown),
            prices_downtime=prices_downtime, prices_wrong_answers=prices_wrong, cold_caches_reason=cold,
        )  # fmt: skip
    rows = list(bill.rows())
    parts = tuple(_parts(bill, rows, means))
    return DrillMoney(
        invoiced_usd=_difference(bill, rows, means, view=INVOICED),
        economic_usd=_difference(bill, rows, means),
        parts=parts,
        phases=tuple(_phase(rows, index) for index in range(len(PHASES))),
        ledgers={run: Ledger(tuple(row for line, row in rows if line.run == run)) for run in RUNS},
        prices_downtime=prices_downtime,
        prices_wrong_answers=prices_wrong,
        cold_caches_reason=cold,
    )


def cold_caches_reason(scenario: Scenario, strategy: str) -> str:
    """Why the money of cold prompt caches is no part of its own."""
    names = scenario.deployments_of(strategy)
    has_caches = any(scenario.deployments[name].prompt_cache is not None for name in names)
    return IN_THE_PARTS if has_caches else NO_CACHES


def _parts(bill: _Bill, rows: Sequence[tuple[_Line, LedgerRow]], means: Means) -> Iterator[PartOfMoney]:
    found = {(line.part, row.view) for line, row in rows}
    for part in PARTS:
        for view in (INVOICED, ECONOMIC):
            if (part, view) in found:
                usd = _difference(bill, rows, means, part=part, view=view)
                if usd.value or usd.low or usd.high:
                    yield PartOfMoney(part=part, view=view, usd=usd)


def _difference(
    bill: _Bill,
    rows: Sequence[tuple[_Line, LedgerRow]],
    means: Means,
    part: str | None = None,
    view: View | None = None,
) -> Cost:
    """With minus without, of the rows of a part and view."""
    sides = {
        run: total_of(row.amount_usd for _, row in _chosen(rows, run, part=part, view=view)) for run in RUNS
    }
    value = EXACT.subtract(sides["with"], sides["without"])
    each = [Fraction(0)] * bill.n
    for line in bill.sums:
        if part in (None, line.part) and view in (None, line.view):
            sign = 1 if line.run == "with" else -1
            each = [sum_ + sign * usd for sum_, usd in zip(each, bill.each_usd(line), strict=True)]
    found = means.of([float(one) for one in each], is_signed=True)
    if found.low is None or found.high is None or found.value is None:
        return Cost(value, None, None)
    # Around the exact value: the floats' own mean may miss it in the last digits.
    return Cost(
        value,
        EXACT.subtract(value, exact(found.value - found.low)),
        EXACT.add(value, exact(found.high - found.value)),
    )


def _chosen(
    rows: Sequence[tuple[_Line, LedgerRow]],
    run: str,
    *,
    phase: int | None = None,
    part: str | None = None,
    view: View | None = None,
) -> Iterator[tuple[_Line, LedgerRow]]:
    for line, row in rows:
        is_meant = line.run == run and phase in (None, line.phase) and part in (None, line.part)
        if is_meant and view in (None, row.view):
            yield line, row


def _phase(rows: Sequence[tuple[_Line, LedgerRow]], phase: int) -> PhaseOfMoney:
    sums = {
        (run, view): total_of(row.amount_usd for _, row in _chosen(rows, run, phase=phase, view=view))
        for run in RUNS
        for view in (INVOICED, None)
    }
    return PhaseOfMoney(
        phase=PHASES[phase],
        without_invoiced_usd=sums["without", INVOICED],
        with_invoiced_usd=sums["with", INVOICED],
        without_economic_usd=sums["without", None],
        with_economic_usd=sums["with", None],
    )


__all__ = ["NO_CACHES", "PARTS", "DrillMoney", "PartOfMoney", "PhaseOfMoney", "money", "part_of"]
