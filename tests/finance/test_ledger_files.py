"""The exported ledger: exact in both formats, and read back by another program."""

import io
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import PlannerError
from planner.finance.ledger import EXACT, LedgerRow, total_of
from planner.finance.ledger_files import COLUMNS, csv_text, parquet_bytes, totals_of_csv


def row(quantity: str, price: str, strategy: str = "s", task: str | None = "faq") -> LedgerRow:
    return LedgerRow(
        month="2027-01",
        view="invoiced",
        account="api/input",
        task=task,
        deployment='a "quoted", one',
        quantity=Decimal(quantity),
        unit="token",
        unit_price_usd=Decimal(price),
        strategy=strategy,
        source="a list, of prices\nin two lines",
    )


DECIMALS = st.decimals(min_value="-1e12", max_value="1e12", places=6)
PRICES = st.decimals(min_value="0", max_value="1e4", places=12)


@given(st.lists(st.tuples(DECIMALS, PRICES, st.sampled_from(["s", "t"])), max_size=20))
def test_the_text_of_the_file_adds_up_to_the_ledger(lines: list[tuple[Decimal, Decimal, str]]) -> None:
    rows = [row(str(quantity), str(price), name) for quantity, price, name in lines]
    found = totals_of_csv(csv_text(rows))
    for name in ("s", "t"):
        mine = [one.amount_usd for one in rows if one.strategy == name]
        assert found.get(name, Decimal(0)) == total_of(mine)


def test_a_changed_file_is_noticed() -> None:
    text = csv_text([row("3", "2"), row("5", "7")])
    assert totals_of_csv(text) == {"s": Decimal(41)}
    assert totals_of_csv(text.replace(",5,", ",6,").replace(",35,", ",42,")) == {"s": Decimal(48)}
    with pytest.raises(PlannerError, match=r"line 5 of the exported ledger: 5 x 7 USD is not 36 USD"):
        totals_of_csv(text.replace(",35,", ",36,"))


def test_parquet_holds_every_digit_and_pandas_reads_it() -> None:
    rows = [row("1234567.000001", "0.00000015"), row("-0.5", "1E+3", task=None)]
    table = pd.read_parquet(io.BytesIO(parquet_bytes(rows)))
    assert list(table.columns) == list(COLUMNS)
    assert list(table["amount_usd"]) == [one.amount_usd for one in rows]
    assert list(table["quantity"]) == [Decimal("1234567.000001"), Decimal("-0.5")]
    assert table["task"].isna().tolist() == [False, True]
    assert table["source"][0] == "a list, of prices\nin two lines"


def test_long_figures_get_a_wider_type_and_too_long_ones_are_refused() -> None:
    wide = row("1234567890123.123456", "0." + "1234567890" * 3)
    table = pd.read_parquet(io.BytesIO(parquet_bytes([wide])))
    assert table["amount_usd"][0] == EXACT.multiply(wide.quantity, wide.unit_price_usd)
    with pytest.raises(PlannerError, match="Parquet holds 76: write it as CSV"):
        parquet_bytes([row("0.000001", "0." + "1234567890" * 9)])


def test_an_empty_ledger_is_a_file_with_heads() -> None:
    assert csv_text([]).strip() == ",".join(COLUMNS)
    assert totals_of_csv(csv_text([])) == {}
    assert len(pd.read_parquet(io.BytesIO(parquet_bytes([])))) == 0
