"""Lines of a bill that is checked by hand: what is multiplied, and what must be equal to be one line.

Comes in: decimals; goes out: lines whose amount is exactly their product, and plain values of them.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from planner.finance.ledger import EXACT, INVOICED, LedgerRow, plain


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
        return plain_fields(self)


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
        return plain_fields(self)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What must be equal for quantities to be one line, as in the ledger."""

    account: str
    task: str | None
    deployment: str | None
    unit: str
    unit_price_usd: Decimal
    source: str
    view: str = INVOICED


def pocket_slot(line: PocketLine) -> Slot:
    """Where a line of the calculator stands."""
    return Slot(
        account=line.account,
        task=line.task,
        deployment=line.deployment,
        unit="token",
        unit_price_usd=line.unit_price_usd,
        source=line.source,
    )


def slot_of(row: LedgerRow) -> Slot:
    """Where a row of the ledger stands."""
    return Slot(
        account=row.account,
        task=row.task,
        deployment=row.deployment,
        unit=row.unit,
        unit_price_usd=row.unit_price_usd,
        source=row.source,
        view=row.view,
    )


def line_of(row: LedgerRow) -> Line:
    """A row of the ledger as it stands."""
    return line_at(slot_of(row), row.quantity)


def line_at(slot: Slot, quantity: Decimal) -> Line:
    """So much of what is paid there."""
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


def plain_fields(one: Any) -> dict[str, Any]:
    """The fields of a dataclass; decimals as text with all their digits."""
    return {
        name: plain(value) if isinstance(value := getattr(one, name), Decimal) else value
        for name in one.__dataclass_fields__
    }
