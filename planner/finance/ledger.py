"""The ledger: the only place where money is made.

Comes in: quantities (integers, or sums scaled to a month and rounded once) and dated unit prices, all
decimal; goes out: rows whose amount is exactly quantity times unit price. Every total that is shown
anywhere is a sum of these rows, so screens and exports reconcile to 0.00. No float enters here.
"""

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, reduce
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from planner.finance.drivers import driver_of

if TYPE_CHECKING:
    import pandas as pd

View = Literal["invoiced", "economic"]
INVOICED: View = "invoiced"
ECONOMIC: View = "economic"

# Products of quantities, prices and factors are exact in fewer digits than this even where a float is 1e-300;
# the trap turns any rounding into an error instead of a lost fraction of a cent.
EXACT = decimal.Context(prec=2000, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero])
_ANY_LENGTH = decimal.Context(prec=200)  # for deliberate rounding of amounts for the eye
_TWO_DIGITS = decimal.Context(prec=2, rounding=decimal.ROUND_HALF_EVEN)
QUANTUM = Decimal("0.000001")  # a scaled quantity is rounded to this once, half-even (design §7)
_PLACES = 6

ROW_COLUMNS = (
    "month", "view", "account", "driver", "task", "deployment", "quantity", "unit", "unit_price_usd", "amount_usd",
    "strategy", "source",
)  # fmt: skip


def exact(number: int | float | str | Decimal) -> Decimal:
    """The decimal that a person wrote: 0.15 becomes Decimal('0.15'), not its nearest binary fraction.

    >>> exact(0.15), exact(2000000)
    (Decimal('0.15'), Decimal('2000000'))
    """
    return Decimal(str(number))


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; 0 of nothing."""
    return reduce(EXACT.add, amounts, Decimal(0))


def rounded(quantity: Fraction, quantum: Decimal = QUANTUM) -> Decimal:
    """A scaled quantity as a decimal, rounded half-even to 1e-6 unit (or another power of ten).

    >>> rounded(Fraction(2, 3)), rounded(Fraction(5, 10**7)), rounded(Fraction(15, 10**7))
    (Decimal('0.666667'), Decimal('0.000000'), Decimal('0.000002'))
    """
    return rounded_ratio(quantity.numerator, quantity.denominator, quantum)


def rounded_ratio(numerator: int, denominator: int, quantum: Decimal = QUANTUM) -> Decimal:
    """`rounded` of a fraction that need not be in its lowest terms: reducing long ones costs more than all else.

    >>> rounded_ratio(4, 6), rounded_ratio(-10, 4, Decimal(1)), rounded_ratio(14, 4, Decimal(1))
    (Decimal('0.666667'), Decimal('-2'), Decimal('4'))
    """
    places = _PLACES if quantum is QUANTUM else -int(quantum.as_tuple().exponent)
    whole, rest = divmod(numerator * 10**places, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-places, EXACT)


def decimal_of(amount: Fraction) -> Decimal:
    """A fraction that is a finite decimal, with all its digits.

    >>> decimal_of(Fraction(1, 8))
    Decimal('0.125')
    """
    return EXACT.divide(Decimal(amount.numerator), Decimal(amount.denominator))


def plain(number: Decimal) -> str:
    """All digits, no exponent, no trailing zeros: how money and quantities travel in JSON.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.00000015")), plain(Decimal("12.500")), plain(Decimal("-0.0"))
    ('1000', '0.00000015', '12.5', '0')
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def usd(amount: Decimal | None, unit: str = " USD") -> str:
    """An amount for people: thousands separated, cents, and two significant digits under a cent.

    A non-zero amount is never shown as 0.00; an unknown one is a dash.

    >>> usd(Decimal("1234567.895")), usd(Decimal("0.000123")), usd(Decimal(0)), usd(None)
    ('1,234,567.90 USD', '0.00012 USD', '0.00 USD', '–')
    """
    if amount is None:
        return "–"
    if amount == 0 or abs(amount) >= Decimal("0.01"):
        return f"{amount.quantize(Decimal('0.01'), decimal.ROUND_HALF_EVEN, _ANY_LENGTH):,f}{unit}"
    two = _TWO_DIGITS.plus(amount)
    return f"{two.quantize(Decimal(1).scaleb(two.adjusted() - 1)):f}{unit}"


@dataclass(frozen=True, init=False)
class LedgerRow:
    """One line of the bill. `amount_usd` is quantity times unit price, without any rounding.

    `account` is text with a slash for subgroups (`api/output`), `task` and `deployment` are None where
    the line belongs to none; `source` says where the price comes from and as of when.
    """

    month: str
    view: View
    account: str
    task: str | None
    deployment: str | None
    quantity: Decimal
    unit: str
    unit_price_usd: Decimal
    strategy: str
    source: str
    amount_usd: Decimal = field(init=False)

    def __init__(
        self,
        *,
        month: str,
        view: View,
        account: str,
        task: str | None = None,
        deployment: str | None = None,
        quantity: Decimal,
        unit: str,
        unit_price_usd: Decimal,
        strategy: str,
        source: str,
    ) -> None:
        for value in (quantity, unit_price_usd):
            assert isinstance(value, Decimal), f"{account}: a quantity or price must be a Decimal: {value!r}"
            assert value.is_finite(), f"{account}: a quantity or price must be finite: {value}"
        # At once: a bill has thousands of rows, and each guarded assignment of a frozen class takes as long as this.
        self.__dict__.update(
            month=month, view=view, account=account, task=task, deployment=deployment, quantity=quantity, unit=unit,
            unit_price_usd=unit_price_usd, strategy=strategy, source=source,
            amount_usd=EXACT.multiply(quantity, unit_price_usd),
        )  # fmt: skip

    @property
    def driver(self) -> str:
        """What has to move for the quantity to move."""
        return driver_of(self.account)

    @property
    def group(self) -> str:
        """The account without its subgroup: api for api/output."""
        return self.account.partition("/")[0]

    @property
    def waste(self) -> str | None:
        """What wasted this money: timeout for wasted/timeout/output, None for money that was not wasted."""
        parts = self.account.split("/")
        return parts[1] if parts[0] == "wasted" else None


@dataclass(frozen=True, kw_only=True)
class Volume:
    """Expected requests of a task in a month, the denominators of unit costs. Decimals to 1e-6.

    Planned are those that the traffic holds. Of them some never arrive, as their conversation had ended, and questions
    that are asked once more arrive on top of them.
    """

    month: str
    task: str
    planned: Decimal
    arrived: Decimal
    completed: Decimal
    failed: Decimal
    right: Decimal
    wrong: Decimal
    unrated: Decimal


class _Sum(NamedTuple):
    """What the rows of a month, view and account add up to, with what follows from the account."""

    month: str
    view: View
    account: str
    amount_usd: Decimal
    group: str
    waste: str | None


@dataclass(frozen=True)
class Ledger:
    """All rows of one strategy over the horizon, and the volumes they were scaled to."""

    rows: tuple[LedgerRow, ...]
    volumes: tuple[Volume, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: sums are made anew."""
        return {"rows": self.rows, "volumes": self.volumes}

    def select(self, view: View | None = None, **values: Any) -> "Ledger":
        """The rows of a view and with the given column values (`group` and `waste` count as columns)."""
        kept = tuple(
            row
            for row in self.rows
            if (view is None or row.view == view)
            and all(getattr(row, name) == value for name, value in values.items())
        )
        return Ledger(kept, self.volumes)

    def total(self, view: View | None = None) -> Decimal:
        """Sum of the rows of a view; None adds both, which is the economic total."""
        return total_of(row.amount_usd for row in self.rows if view is None or row.view == view)

    def by(self, *columns: str, view: View | None = None) -> dict[Any, Decimal]:
        """Sums by one column (the key is its value) or several (the key is a tuple), in row order.

        Columns are those of a row, `group` and `waste`. The sums add up to `total(view)` exactly.
        """
        assert columns, "name at least one column"
        # A page asks a dozen times, mostly for these columns; sums are exact, so that sums of sums are the same.
        parts = self._sums if _SUMMED.issuperset(columns) else self.rows
        sums: dict[Any, Decimal] = {}
        key_of, add, nothing = attrgetter(*columns), EXACT.add, Decimal(0)
        for part in parts:
            if view is None or part.view == view:
                key = key_of(part)
                sums[key] = add(sums.get(key, nothing), part.amount_usd)
        return sums

    @cached_property
    def _sums(self) -> tuple[_Sum, ...]:
        """The rows summed by month, view and account, in the order in which each came up first."""
        sums: dict[tuple[str, View, str], Decimal] = {}
        of_account: dict[str, tuple[str, str | None]] = {}
        key_of, add, nothing = attrgetter("month", "view", "account"), EXACT.add, Decimal(0)
        for row in self.rows:
            key = key_of(row)
            sums[key] = add(sums.get(key, nothing), row.amount_usd)
            if row.account not in of_account:
                of_account[row.account] = (row.group, row.waste)
        return tuple(_Sum(*key, amount, *of_account[key[2]]) for key, amount in sums.items())

    def expected(self, what: str) -> Decimal:
        """Expected requests in all: `arrived`, `completed`, `failed`, `right`, `wrong` or `unrated`."""
        return total_of(getattr(volume, what) for volume in self.volumes)

    def to_frame(self) -> "pd.DataFrame":
        """The rows as a table; quantities, prices and amounts stay Decimals."""
        import pandas as pd

        return pd.DataFrame(
            {name: pd.Series([getattr(row, name) for row in self.rows], dtype=object) for name in ROW_COLUMNS}
        )

    def rows_json(self) -> list[dict[str, str | None]]:
        """The rows for JSON: quantities and money as decimal strings without exponent."""
        return [{name: _json(getattr(row, name)) for name in ROW_COLUMNS} for row in self.rows]


_SUMMED = frozenset(_Sum._fields) - {"amount_usd"}


def _json(value: Any) -> str | None:
    return plain(value) if isinstance(value, Decimal) else value


def merge(ledgers: Mapping[str, Ledger] | Iterable[Ledger]) -> Ledger:
    """The rows of several strategies in one ledger, for tables and exports."""
    many = list(ledgers.values() if isinstance(ledgers, Mapping) else ledgers)
    return Ledger(tuple(row for ledger in many for row in ledger.rows))
