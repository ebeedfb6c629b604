"""The bill of a log that was replayed: what its requests used, at the prices of one day, and what stands in the meantime.

Comes in: a plan of a strategy and what was counted in windows that each hold the whole log. Goes out: ledgers. Use is the
mean over windows (by their weights), not scaled to any horizon; standing charges are those of the plan, spread evenly over
its days. What goes by the use of a month (tiers, commitments, prepaid credit, service credits) is no part of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from planner.finance.accounting import INTANGIBLE
from planner.finance.calendar import HOURS_PER_DAY
from planner.finance.horizon import ACCOUNT_ORDER, Plan, standing_ledger
from planner.finance.ledger import INVOICED, Ledger, LedgerRow, View, rounded, total_of
from planner.finance.quantities import REQUESTS, Key, Quantities
from planner.finance.rates import PlannedWindow
from planner.scenario.fields import Scenario

HOUR_S = 3600
#: A log may last seconds, whose share of a year's charges is far below the 1e-6 to which quantities of a month are rounded.
FINE = Decimal("1E-12")
#: Paid once for the whole plan, whatever traffic comes: shown beside a log's costs, never spread over it.
ONCE = (*INTANGIBLE, "migration", "compliance/first", "exit")


@dataclass(frozen=True)
class _Line:
    """What must be equal for quantities to be one row."""

    view: View
    account: str
    task: str | None
    deployment: str | None
    unit: str
    unit_price_usd: Decimal
    source: str
    through_gateway: bool


def mean_counts(windows: Sequence[PlannedWindow], quantities: Sequence[Quantities]) -> dict[Key, Fraction]:
    """Counts of a window, on average over all luck; exact."""
    weights = [Fraction(window.weight) for window in windows]
    total = sum(weights, Fraction(0))
    found: dict[Key, Fraction] = {}
    for weight, counted in zip(weights, quantities, strict=True):
        for key, count in counted.items():
            found[key] = found.get(key, Fraction(0)) + weight * count / total
    return found


def use_ledger(plan: Plan, counts: Mapping[Key, Fraction], times: Fraction, hours: Fraction) -> Ledger:
    """What the counted use costs, so many times over, within so many hours, on the first day of the plan.

    Rows follow the traffic, invoiced and economic; each quantity is rounded once, to 1e-12, the platform's share of exact spend is not.

    Raises PriceUnknown where something was used whose price is not known then.
    """
    era = plan.eras[0]
    arrived = sum(
        (n for key, n in counts.items() if (key.kind, key.meter) == (REQUESTS, "arrived")), Fraction(0)
    )
    sums: dict[_Line, Fraction] = {}
    for key, count in counts.items():
        for charge in plan.tariff.charges(key, era.models, era.start):
            line = _Line(
                charge.view, charge.account, key.task if charge.per == "request" else None, key.deployment,
                charge.unit, charge.unit_price_usd, charge.source, charge.through_gateway,
            )  # fmt: skip
            driver = hours / arrived if charge.per == "hour" else times
            sums[line] = sums.get(line, Fraction(0)) + count * charge.scale * driver
    rows, behind = [], []
    for line, quantity in sums.items():
        row = _row(plan, line, rounded(quantity, FINE))
        if row.quantity:
            rows.append(row)
            behind += [row.amount_usd] if line.through_gateway else []
    fee, spend = plan.tariff.gateway_fee, total_of(behind)
    if fee and spend:
        source = plan.tariff.gateway_source
        rows.append(_row(plan, _Line(INVOICED, "gateway fee", None, None, "USD", fee, source, False), spend))
    return Ledger(tuple(sorted(rows, key=lambda row: _rank(plan, row))))


def standing_of(plan: Plan, span_s: Fraction) -> Ledger:
    """What stands whether or not a request comes, for so many seconds: the plan's, by its share of the plan's days.

    Hardware that is bought is spread like all else; what is paid once (`ONCE`) is left out.
    """
    days = (plan.pieces[-1].end - plan.pieces[0].start).days
    share = span_s / (days * HOURS_PER_DAY * HOUR_S)
    sums: dict[_Line, Fraction] = {}
    for row in standing_ledger(plan, is_adjusted=False).rows:
        if row.account not in ONCE:
            line = _Line(
                row.view,
                row.account,
                row.task,
                row.deployment,
                row.unit,
                row.unit_price_usd,
                row.source,
                False,
            )
            sums[line] = sums.get(line, Fraction(0)) + Fraction(row.quantity)
    rows = [_row(plan, line, rounded(quantity * share, FINE)) for line, quantity in sums.items()]
    return Ledger(tuple(sorted((row for row in rows if row.quantity), key=lambda row: _rank(plan, row))))


def once_of(plan: Plan) -> Ledger:
    """What is paid once over the plan."""
    rows = standing_ledger(plan, is_adjusted=False).rows
    return Ledger(tuple(row for row in rows if row.account in ONCE))


def by_the_month(scenario: Scenario) -> tuple[str, ...]:
    """What a scenario has that goes by the use of a month, and is therefore in no bill of a log."""
    finance = scenario.finance
    given = {
        "finance.volume_prices": bool(finance.volume_prices),
        "finance.commitments": bool(finance.commitments),
        "finance.prepaid": bool(finance.prepaid),
        "deployments.X.sla": any(one.sla is not None for one in scenario.deployments.values()),
        "finance.sla": finance.sla is not None,
    }
    return tuple(name for name, is_given in given.items() if is_given)


def _row(plan: Plan, line: _Line, quantity: Decimal) -> LedgerRow:
    return LedgerRow(
        month=plan.months[0].name,
        view=line.view,
        account=line.account,
        task=line.task,
        deployment=line.deployment,
        quantity=quantity,
        unit=line.unit,
        unit_price_usd=line.unit_price_usd,
        strategy=plan.strategy,
        source=line.source,
    )


def _rank(plan: Plan, row: LedgerRow) -> tuple[object, ...]:
    """View, account as in a bill of the plan, task and deployment as in the scenario."""
    tasks, deployments = list(plan.scenario.tasks), list(plan.scenario.deployments)
    return (
        row.view != INVOICED,
        ACCOUNT_ORDER.index(row.account if row.account in ACCOUNT_ORDER else row.group),
        -1 if row.task is None else tasks.index(row.task),
        -1 if row.deployment is None else deployments.index(row.deployment),
        row.account,
        row.source,
    )


__all__ = ["ONCE", "by_the_month", "mean_counts", "once_of", "standing_of", "use_ledger"]
