"""The ledger as files for other programs: CSV and Parquet, every amount exact, and read back to be added up again.

Comes in: rows of one or several strategies; goes out: bytes. Nothing is rounded: a column of decimals gets as many
places as its longest figure needs.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError
from planner.finance.ledger import EXACT, ROW_COLUMNS, LedgerRow, plain

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("strategy", *(name for name in ROW_COLUMNS if name != "strategy"))
DECIMALS = ("quantity", "unit_price_usd", "amount_usd")
FORMATS = (".csv", ".parquet")
_DIGITS_128, _DIGITS_256 = 38, 76


def csv_text(rows: Iterable[LedgerRow]) -> str:
    """The rows as CSV: decimals with all their digits and no exponent, nothing where a row belongs to no task."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_text(getattr(row, name)) for name in COLUMNS])
    return file.getvalue()


def parquet_bytes(rows: Iterable[LedgerRow]) -> bytes:
    """The rows as Parquet: decimals as decimal128 where 38 digits hold them, else decimal256; texts as strings."""
    import pyarrow as pa
    from pyarrow import parquet

    chosen = list(rows)
    columns: dict[str, pa.Array] = {}
    for name in COLUMNS:
        values = [getattr(row, name) for row in chosen]
        kind = _decimal_type(values) if name in DECIMALS else pa.string()
        columns[name] = pa.array(values, kind)
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def totals_of_csv(text: str) -> dict[str, Decimal]:
    """STRATEGY: what a file's rows add up to, from its text alone: quantity x unit price, not the column of amounts.

    For the check that an export is the ledger. Raises PlannerError where a row's amount is not its product.
    """
    found: dict[str, Decimal] = {}
    reader = csv.DictReader(io.StringIO(text))
    for row in reader:
        amount = EXACT.multiply(Decimal(row["quantity"]), Decimal(row["unit_price_usd"]))
        if amount != Decimal(row["amount_usd"]):
            raise PlannerError(
                f"line {reader.line_num} of the exported ledger: {row['quantity']} x {row['unit_price_usd']} USD is not "
                f"{row['amount_usd']} USD"
            )
        found[row["strategy"]] = EXACT.add(found.get(row["strategy"], Decimal(0)), amount)
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return plain(value) if isinstance(value, Decimal) else str(value)


def _decimal_type(values: Sequence[Decimal]) -> "pa.DataType":
    """The narrowest decimal type that holds every figure as it is."""
    import pyarrow as pa

    plains = [Decimal(plain(value)) for value in values]
    places = max((-int(value.as_tuple().exponent) for value in plains), default=0)
    whole = max((len(plain(abs(value)).partition(".")[0]) for value in plains), default=1)
    digits = whole + max(places, 0)
    if digits <= _DIGITS_128:
        return pa.decimal128(_DIGITS_128, max(places, 0))
    if digits <= _DIGITS_256:
        return pa.decimal256(_DIGITS_256, max(places, 0))
    raise PlannerError(
        f"the ledger has figures of {digits} digits; Parquet holds {_DIGITS_256}: write it as CSV"
    )


__all__ = ["COLUMNS", "FORMATS", "csv_text", "parquet_bytes", "totals_of_csv"]
