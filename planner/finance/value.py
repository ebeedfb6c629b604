"""What the answers are worth and what today's way of giving them costs: net value, return and payback.

Comes in: a scenario with `tasks.X.value_usd` or `finance.baseline`, and a strategy's ledger; goes out: None without both,
else two more ledgers (worth of right answers; today's cost for the same planned requests) and figures that are sums of rows.
The two questions are kept apart and never added: **net value** is worth less cost, and needs no baseline; the **saving** is
today's cost less the strategy's, and takes it that today's answers are worth as much.
"""

import decimal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.finance.calendar import DISCOUNT_DIGITS, months_of, nominal_rate
from planner.finance.investment import Irr, Payback, difference_flows, irr, npv, payback
from planner.finance.ledger import (
    ECONOMIC,
    EXACT,
    INVOICED,
    Ledger,
    LedgerRow,
    View,
    exact,
    rounded,
    total_of,
)
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.workload.windows import month_pieces

if TYPE_CHECKING:
    import pandas as pd

_RATIO = decimal.Context(prec=DISCOUNT_DIGITS, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True)
class MonthValue:
    """A calendar month; economic costs include invoiced ones. None: not asked for, or not known (see `unknown`)."""

    month: str
    value_usd: Decimal | None
    baseline_usd: Decimal | None
    invoiced_usd: Decimal
    economic_usd: Decimal
    net_value_invoiced_usd: Decimal | None
    net_value_economic_usd: Decimal | None
    saving_invoiced_usd: Decimal | None
    saving_economic_usd: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Return:
    """Over the horizon, against one view of the cost; nothing is discounted but what says so.

    `roi_of_value` is net value / cost, `roi_of_saving` is saving / cost: both over the strategy's own cost in this view,
    None where it is 0.
    """

    cost_usd: Decimal
    net_value_usd: Decimal | None
    roi_of_value: Decimal | None
    saving_usd: Decimal | None
    saving_npv_usd: Decimal | None
    roi_of_saving: Decimal | None
    payback: Payback | None
    discounted_payback: Payback | None
    irr: Irr | None


@dataclass(frozen=True, kw_only=True)
class Value:
    """What a strategy brings. `worth` and `today` are ledgers of their own, never part of the strategy's bill."""

    strategy: str
    baseline: str | None
    value_usd: Decimal | None
    baseline_usd: Decimal | None
    invoiced: Return
    economic: Return
    per_month: tuple[MonthValue, ...]
    worth: Ledger
    today: Ledger
    unknown: Mapping[str, str]

    def to_frame(self) -> "pd.DataFrame":
        """One row a month; money stays Decimal."""
        import pandas as pd

        names = list(MonthValue.__dataclass_fields__)
        return pd.DataFrame(
            {name: pd.Series([getattr(row, name) for row in self.per_month], dtype=object) for name in names}
        )


def value(scenario: Scenario, ledger: Ledger) -> Value | None:
    """Net value and saving of a strategy; None where the scenario gives neither a worth nor a baseline.

    A month's worth is unknown where some answers to a task with `value_usd` are not rated; so is then the total.
    """
    baseline = scenario.finance.baseline
    has_worth = any(task.value_usd is not None for task in scenario.tasks.values())
    if baseline is None and not has_worth:
        return None
    strategies = {row.strategy for row in ledger.rows}
    assert len(strategies) <= 1, f"a ledger of several strategies has no one value: {sorted(strategies)}"
    strategy = strategies.pop() if strategies else ""
    worth = Ledger(tuple(_worth(scenario, strategy, ledger)), ledger.volumes)
    today = Ledger(tuple(_today(scenario, ledger)), ledger.volumes)
    unrated = _unrated(scenario, ledger)
    unknown = {"value_usd": _reason(scenario, ledger)} if unrated else {}
    total = worth.total() if has_worth and not unrated else None
    return Value(
        strategy=strategy,
        baseline=None if baseline is None else baseline.name,
        value_usd=total,
        baseline_usd=None if baseline is None else today.total(),
        invoiced=_return(scenario, ledger, INVOICED, total, today),
        economic=_return(scenario, ledger, None, total, today),
        per_month=tuple(_months(scenario, ledger, worth if has_worth else None, today, unrated)),
        worth=worth,
        today=today,
        unknown=unknown,
    )


def _worth(scenario: Scenario, strategy: str, ledger: Ledger) -> Iterator[LedgerRow]:
    for volume in ledger.volumes:
        each = scenario.tasks[volume.task].value_usd
        if each is not None and volume.right:
            yield LedgerRow(
                month=volume.month,
                view=ECONOMIC,
                account="value",
                task=volume.task,
                quantity=volume.right,
                unit="answer",
                unit_price_usd=exact(each),
                strategy=strategy,
                source="scenario: " + paths.render(("tasks", volume.task, "value_usd")),
            )


def _today(scenario: Scenario, ledger: Ledger) -> Iterator[LedgerRow]:
    """What the baseline costs: each planned request, and every month by its covered part."""
    baseline = scenario.finance.baseline
    if baseline is None:
        return
    if baseline.usd_per_request:
        for volume in ledger.volumes:
            yield _of_today(
                volume.month, volume.task, volume.planned, "request", baseline.usd_per_request, baseline.name
            )
    if baseline.usd_per_month:
        for month in months_of(month_pieces(scenario)):
            yield _of_today(
                month.name, None, rounded(month.fraction), "month", baseline.usd_per_month, baseline.name
            )


def _of_today(month: str, task: str | None, quantity: Decimal, unit: str, usd: float, name: str) -> LedgerRow:
    return LedgerRow(
        month=month,
        view=INVOICED,
        account=f"today/{unit}s",
        task=task,
        quantity=quantity,
        unit=unit,
        unit_price_usd=exact(usd),
        strategy=name,
        source=f"scenario: finance.baseline.usd_per_{unit}",
    )


def _unrated(scenario: Scenario, ledger: Ledger) -> set[str]:
    """Months in which some answers that would be worth something are not rated."""
    return {
        one.month for one in ledger.volumes if one.unrated and scenario.tasks[one.task].value_usd is not None
    }


def _reason(scenario: Scenario, ledger: Ledger) -> str:
    """Which share of whose answers nobody can rate."""
    parts = []
    for task, asked in scenario.tasks.items():
        mine = [one for one in ledger.volumes if one.task == task]
        unrated = total_of(one.unrated for one in mine)
        if asked.value_usd is not None and unrated:
            share = _RATIO.divide(unrated, total_of(one.completed for one in mine))
            parts.append(f"{share:.1%} of the answers to {task} are not rated")
    return ", ".join(parts)


def _return(
    scenario: Scenario, ledger: Ledger, view: View | None, worth: Decimal | None, today: Ledger
) -> Return:
    cost = ledger.total(view)
    net = None if worth is None else EXACT.subtract(worth, cost)
    if scenario.finance.baseline is None:
        return Return(
            cost_usd=cost,
            net_value_usd=net,
            roi_of_value=_over(net, cost),
            saving_usd=None,
            saving_npv_usd=None,
            roi_of_saving=None,
            payback=None,
            discounted_payback=None,
            irr=None,
        )
    rate = nominal_rate(scenario)
    flows = difference_flows(scenario, ledger, today, view)
    saving = EXACT.subtract(today.total(), cost)
    return Return(
        cost_usd=cost,
        net_value_usd=net,
        roi_of_value=_over(net, cost),
        saving_usd=saving,
        saving_npv_usd=npv(flows, rate),
        roi_of_saving=_over(saving, cost),
        payback=payback(flows),
        discounted_payback=payback(flows, rate),
        irr=irr(flows),
    )


def _months(
    scenario: Scenario, ledger: Ledger, worth: Ledger | None, today: Ledger, unrated: set[str]
) -> Iterator[MonthValue]:
    nothing = Decimal(0)
    invoiced, economic = ledger.by("month", view=INVOICED), ledger.by("month")
    worths, baselines = worth.by("month") if worth is not None else {}, today.by("month")
    for month in months_of(month_pieces(scenario)):
        name = month.name
        paid, with_economic = invoiced.get(name, nothing), economic.get(name, nothing)
        gained = None if worth is None or name in unrated else worths.get(name, nothing)
        base = None if scenario.finance.baseline is None else baselines.get(name, nothing)
        yield MonthValue(
            month=name,
            value_usd=gained,
            baseline_usd=base,
            invoiced_usd=paid,
            economic_usd=with_economic,
            net_value_invoiced_usd=_less(gained, paid),
            net_value_economic_usd=_less(gained, with_economic),
            saving_invoiced_usd=_less(base, paid),
            saving_economic_usd=_less(base, with_economic),
        )


def _less(gained: Decimal | None, cost: Decimal) -> Decimal | None:
    return None if gained is None else EXACT.subtract(gained, cost)


def _over(gained: Decimal | None, cost: Decimal) -> Decimal | None:
    return None if gained is None or not cost else _RATIO.divide(gained, cost)


__all__ = ["MonthValue", "Return", "Value", "value"]
