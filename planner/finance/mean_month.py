"""What a mean month of the traffic costs at the prices of one day, and what each change of price changes about it.

Comes in: a plan of a strategy and its uses per planned request; goes out: a ledger of what follows the traffic, as a month
of 2,629,800 s without growth would have it, and the changes of price between two days of it. Standing charges are no
part of it: no price of tokens moves them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from planner.finance.horizon import Plan
from planner.finance.ledger import INVOICED, Ledger, LedgerRow, rounded, total_of
from planner.finance.quantities import BATCH, LONG, VERIFIED
from planner.finance.rates import Rates
from planner.finance.token_prices import MTOK_EXPONENT
from planner.scenario.fields import CascadeRouter
from planner.scenario.migrations import model_in_force
from planner.workload.windows import Era, requests_per_month

_Sides = tuple[list[LedgerRow], list[LedgerRow]]  # before, after
_Rows = list[tuple[LedgerRow, bool]]  # with whether it is of calls over the long-context threshold

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class PriceChange:
    """The price of one meter at one deployment on its first day, against that of the day before.

    `model` is in force from that day on; `was` is another only where a migration brings it. Tokens and amounts are
    those of a mean month of the whole strategy; a meter that only one of two models has counts 0 on the other's side,
    where its price is None. `deployment` is None for a cascade's verifier.
    """

    day: date
    deployment: str | None
    was: str
    model: str
    provider: str | None
    meter: str
    before_usd_per_mtok: Decimal | None
    after_usd_per_mtok: Decimal | None
    before_tokens: Decimal
    after_tokens: Decimal
    before_usd: Decimal
    after_usd: Decimal
    source: str


@dataclass(frozen=True, kw_only=True)
class ChangeDay:
    """All changes of a day, and what a mean month of the strategy's traffic costs before it and from it on, invoiced."""

    day: date
    before_usd: Decimal
    after_usd: Decimal
    changes: tuple[PriceChange, ...]


def mean_month(plan: Plan, rates: dict[int, Rates], on: date) -> Ledger:
    """The invoiced rows that follow the traffic, of a mean month at the prices and with the models of a day.

    Raises PriceUnknown where something was used whose price is not known then.
    """
    return Ledger(tuple(row for row, _ in _rows(plan, rates, on)))


def _rows(plan: Plan, rates: dict[int, Rates], on: date) -> list[tuple[LedgerRow, bool]]:
    """The rows of `mean_month`, each with whether it is of calls over the long-context threshold."""
    era = _era(plan, on)
    sums: dict[tuple[str, str, str | None, str, Decimal, str, bool, bool], Fraction] = {}
    volume = Fraction(requests_per_month(plan.scenario))
    for task, rate in rates[era.index].items():
        for key, used in rate.items():
            for charge in plan.tariff.charges(key, era.models, on):
                if charge.view == INVOICED and charge.per == "request":
                    slot = (
                        task, charge.account, key.deployment, charge.unit, charge.unit_price_usd, charge.source,
                        charge.through_gateway, key.kind.endswith(LONG),
                    )  # fmt: skip
                    quantity = volume * plan.shares[task] * used * charge.scale
                    sums[slot] = sums.get(slot, Fraction(0)) + quantity
    rows: list[tuple[LedgerRow, bool]] = []
    behind: list[Decimal] = []
    for (task, account, deployment, unit, price, source, through_gateway, is_long), quantity in sums.items():
        row = _row(plan, on, account, task, deployment, rounded(quantity), unit, price, source)
        if row.quantity:
            rows.append((row, is_long))
            behind += [row.amount_usd] if through_gateway else []
    fee, spend = plan.tariff.gateway_fee, total_of(behind)
    if fee and spend:
        row = _row(plan, on, "gateway fee", None, None, spend, "USD", fee, plan.tariff.gateway_source)
        rows.append((row, False))
    return rows


def change_days(plan: Plan, rates: dict[int, Rates]) -> tuple[ChangeDay, ...]:
    """Every day inside the plan on which a price that the strategy pays changes, or a model of it, in order."""
    days = plan.tariff.cuts(plan.pieces[0].start, plan.pieces[-1].end) | {era.start for era in plan.eras[1:]}
    found = []
    for day in sorted(days):
        before, after = _rows(plan, rates, day - ONE_DAY), _rows(plan, rates, day)
        changes = tuple(_changes(plan, day, before, after))
        if changes:
            found.append(
                ChangeDay(day=day, before_usd=_total(before), after_usd=_total(after), changes=changes)
            )
    return tuple(found)


def _changes(plan: Plan, day: date, before: _Rows, after: _Rows) -> Iterator[PriceChange]:
    """Slots whose price or model changes, those of one meter with equal prices together."""
    was, now = _by_slot(before), _by_slot(after)
    alike: dict[tuple[str | None, str, Decimal | None, Decimal | None], _Sides] = {}
    for slot in dict.fromkeys((*was, *now)):
        old, new = was.get(slot, []), now.get(slot, [])
        prices = (_price(old), _price(new))
        moved = _model(plan, slot.deployment, day - ONE_DAY) != _model(plan, slot.deployment, day)
        if prices[0] != prices[1] or moved:
            sides = alike.setdefault((slot.deployment, slot.meter, *prices), ([], []))
            sides[0].extend(old)
            sides[1].extend(new)
    for (deployment, meter, old_price, new_price), (old, new) in alike.items():
        yield PriceChange(
            day=day,
            deployment=deployment,
            was=_model(plan, deployment, day - ONE_DAY),
            model=_model(plan, deployment, day),
            provider=_provider(plan, deployment),
            meter=meter,
            before_usd_per_mtok=old_price,
            after_usd_per_mtok=new_price,
            before_tokens=total_of(row.quantity for row in old),
            after_tokens=total_of(row.quantity for row in new),
            before_usd=total_of(row.amount_usd for row in old),
            after_usd=total_of(row.amount_usd for row in new),
            source=(new or old)[0].source,
        )


class _Slot(NamedTuple):
    """What has one price of tokens on a day."""

    task: str | None
    deployment: str | None
    account: str
    is_long: bool

    @property
    def meter(self) -> str:
        *parts, meter = self.account.split("/")
        batch, long = ", batch" if BATCH in parts else "", ", long context" if self.is_long else ""
        return f"{meter}{batch}{long}"


def _by_slot(rows: _Rows) -> dict[_Slot, list[LedgerRow]]:
    found: dict[_Slot, list[LedgerRow]] = {}
    for row, is_long in rows:
        if row.unit == "token":
            found.setdefault(_Slot(row.task, row.deployment, row.account, is_long), []).append(row)
    return found


def _total(rows: _Rows) -> Decimal:
    return total_of(row.amount_usd for row, _ in rows)


def _price(rows: list[LedgerRow]) -> Decimal | None:
    """USD per million tokens; None of nothing."""
    found = {row.unit_price_usd for row in rows}
    assert len(found) <= 1, f"one kind of tokens has several prices on a day: {sorted(found)}"
    return found.pop().scaleb(-MTOK_EXPONENT) if found else None


def _era(plan: Plan, on: date) -> Era:
    return next(era for era in plan.eras if era.start <= on < era.end)


def _model(plan: Plan, deployment: str | None, on: date) -> str:
    if deployment is not None:
        return str(_era(plan, on).models[deployment])
    router = plan.scenario.strategy(plan.strategy).router
    assert isinstance(router, CascadeRouter), f"{VERIFIED} tokens of no verifier"
    return model_in_force(plan.scenario, router.verifier.model, on)


def _provider(plan: Plan, deployment: str | None) -> str | None:
    if deployment is not None:
        return plan.scenario.deployments[deployment].provider
    router = plan.scenario.strategy(plan.strategy).router
    return router.verifier.provider if isinstance(router, CascadeRouter) else None


def _row(
    plan: Plan,
    on: date,
    account: str,
    task: str | None,
    deployment: str | None,
    quantity: Decimal,
    unit: str,
    price: Decimal,
    source: str,
) -> LedgerRow:
    return LedgerRow(
        month=f"{on:%Y-%m}",
        view=INVOICED,
        account=account,
        task=task,
        deployment=deployment,
        quantity=quantity,
        unit=unit,
        unit_price_usd=price,
        strategy=plan.strategy,
        source=source,
    )


__all__ = ["ChangeDay", "PriceChange", "change_days", "mean_month"]
