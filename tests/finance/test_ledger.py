"""The ledger: exact amounts, sums that reconcile, and how money is written."""

import pickle
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.finance.ledger import Ledger, LedgerRow, exact, merge, plain, rounded, total_of, usd

D = Decimal


def row(tokens: str, price: str, **changes: object) -> LedgerRow:
    values: dict[str, object] = dict(
        month="2027-01", view="invoiced", account="api/input", task="faq", deployment="omni",
        quantity=D(tokens), unit="token", unit_price_usd=D(price), strategy="omni-only", source="a price list",
    )  # fmt: skip
    return LedgerRow(**{**values, **changes})  # type: ignore[arg-type]


def bill(*lines: tuple[str, str]) -> Decimal:
    """Sum of rows given as (tokens, USD per million tokens)."""
    return Ledger(tuple(row(tokens, str(D(price).scaleb(-6))) for tokens, price in lines)).total()


def test_amount_is_quantity_times_unit_price_without_rounding() -> None:
    found = row("123456789012345.678901", "0.00000000000123456789")
    expected = D("152.41578750190541839048498057289")
    assert found.amount_usd.compare(expected.quantize(D("1E-8"))) != 0  # nothing was rounded to eight places
    assert Fraction(found.amount_usd) == Fraction(found.quantity) * Fraction(found.unit_price_usd)


def test_published_bill_with_cached_input() -> None:
    # 27,147 prompt tokens of which 27,146 cached, 351 answer tokens, at 1.4, 0.26 and 4.4 per million
    assert bill(("1", "1.4"), ("27146", "0.26"), ("351", "4.4")) == D("0.00860376")


def test_published_bill_of_a_request_and_of_a_thousand() -> None:
    one = bill(("500", "1.5"), ("200", "2.0"))
    assert one == D("0.00115")
    assert one * 1000 == D("1.15")


def test_published_bill_of_a_million_and_half_a_million_tokens() -> None:
    assert bill(("1000000", "3"), ("500000", "15")) == D("10.5")


def test_published_bill_of_a_minute_of_realtime_speech() -> None:
    # 60 s in are 600 tokens at 100 per million, 60 s out are 1,200 tokens at 200
    assert bill(("600", "100")) == D("0.06")
    assert bill(("1200", "200")) == D("0.24")


def test_published_gpu_month() -> None:
    rented = row("219", "1.5", unit="GPU-hour")  # 730 h, 0.3 of the month
    assert rented.amount_usd == D("328.5")


def test_photo_bill_on_mini_is_dearer_than_on_the_later_omni() -> None:
    """A 2048x4096 photo at high detail: 1,105 tokens on 4o, 36,835 on 4o mini."""
    assert bill(("1105", "5")) == D("0.005525")
    assert bill(("36835", "0.15")) == D("0.00552525")
    assert bill(("1105", "2.5")) == D("0.0027625")


def test_own_gpu_pays_back_above_the_published_volume() -> None:
    # 320 USD a month against 3 USD per million tokens: 106.67 million tokens a month
    assert bill(("106660000", "3")) < D("320") < bill(("106670000", "3"))


def test_rows_refuse_floats() -> None:
    with pytest.raises(AssertionError, match="must be a Decimal"):
        row("1", "1", quantity=1.0)
    with pytest.raises(AssertionError, match="must be a Decimal"):
        row("1", "1", unit_price_usd=0.1)
    with pytest.raises(AssertionError, match="finite"):
        row("NaN", "1")


decimals = st.decimals(min_value=0, max_value=10**15, allow_nan=False, allow_infinity=False, places=6)
prices = st.decimals(min_value=0, max_value=10**4, allow_nan=False, allow_infinity=False, places=12)
lines = st.tuples(
    decimals,
    prices,
    st.sampled_from(["2027-01", "2027-02"]),
    st.sampled_from(["invoiced", "economic"]),
    st.sampled_from(["api/input", "api/output", "people"]),
    st.sampled_from([None, "faq"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(lines, max_size=30))
def test_every_grouping_adds_up_to_the_total_exactly(given_lines: list[tuple]) -> None:
    rows = tuple(
        row("0", "0", quantity=q, unit_price_usd=p, month=m, view=v, account=a, task=t)
        for q, p, m, v, a, t in given_lines
    )
    ledger = Ledger(rows)
    truth = sum((Fraction(r.quantity) * Fraction(r.unit_price_usd) for r in rows), Fraction(0))
    assert Fraction(ledger.total()) == truth
    assert total_of([ledger.total("invoiced"), ledger.total("economic")]) == ledger.total()
    for columns in (("account",), ("month",), ("group",), ("task",), ("month", "account"), ("view", "task")):
        assert total_of(ledger.by(*columns).values()) == ledger.total()
        assert total_of(ledger.by(*columns, view="invoiced").values()) == ledger.total("invoiced")
    assert total_of(D(line["amount_usd"]) for line in ledger.rows_json()) == ledger.total()
    assert total_of(ledger.to_frame()["amount_usd"]) == ledger.total()


def test_sums_of_sums_are_those_of_the_rows_in_their_order() -> None:
    rows = (
        row("3", "0.1", month="2027-02", account="wasted/timeout/output", task=None),
        row("2", "0.01", account="api/output", view="economic"),
        row("5", "1"),
        row("7", "0.1", month="2027-02", account="wasted/timeout/input"),
        row("1E+3", "1", account="people"),
    )
    ledger = Ledger(rows)
    asked = (("group",), ("waste",), ("view",), ("month", "view", "group"), ("account", "month"))
    for columns in asked:
        for view in (None, "invoiced", "economic"):
            plain: dict = {}
            for one in rows:
                key = tuple(getattr(one, name) for name in columns)
                if view is None or one.view == view:
                    plain.setdefault(key if len(columns) > 1 else key[0], []).append(one.amount_usd)
            expected = [(key, str(total_of(amounts))) for key, amounts in plain.items()]
            assert expected == [(key, str(usd)) for key, usd in ledger.by(*columns, view=view).items()]
    ledger.by("group").clear()  # each who asks has sums of his own
    assert ledger.by("group")["people"] == D(1000)
    again = pickle.loads(pickle.dumps(ledger))
    assert again == ledger
    assert again.by("waste") == ledger.by("waste")


def test_nothing_in_a_row_is_a_float() -> None:
    found = row("2.5", "0.1")
    assert [type(getattr(found, name)) for name in ("quantity", "unit_price_usd", "amount_usd")] == [D, D, D]


def test_select_keeps_matching_rows_and_group_drops_the_subgroup() -> None:
    ledger = Ledger(
        (row("1", "1"), row("2", "1", account="api/output"), row("4", "1", account="people", task=None))
    )
    assert ledger.by("group") == {"api": D(3), "people": D(4)}
    assert ledger.select(task="faq").total() == D(3)
    assert ledger.select("economic").rows == ()


def test_merge_puts_the_rows_of_strategies_behind_each_other() -> None:
    both = merge({"a": Ledger((row("1", "1", strategy="a"),)), "b": Ledger((row("2", "1", strategy="b"),))})
    assert both.by("strategy") == {"a": D(1), "b": D(2)}


def test_json_rows_hold_plain_strings_without_exponents() -> None:
    (line,) = Ledger((row("1E+9", "1.5E-7", task=None),)).rows_json()
    assert line["quantity"] == "1000000000"
    assert line["unit_price_usd"] == "0.00000015"
    assert line["amount_usd"] == "150"
    assert line["task"] is None
    assert list(line) == [
        "month", "view", "account", "driver", "task", "deployment", "quantity", "unit", "unit_price_usd", "amount_usd",
        "strategy", "source",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (D("1234567.891"), "1,234,567.89 USD"),
        (D("0.125"), "0.12 USD"),  # half to even
        (D("0.135"), "0.14 USD"),
        (D("0.01"), "0.01 USD"),
        (D("0.009949"), "0.0099 USD"),
        (D("0.00996"), "0.010 USD"),
        (D("0.000123"), "0.00012 USD"),
        (D("1E-15"), "0.0000000000000010 USD"),
        (D("-0.00015"), "-0.00015 USD"),
        (D("-1234.5"), "-1,234.50 USD"),
        (D("0"), "0.00 USD"),
        (None, "–"),
    ],
)
def test_amounts_for_people(amount: Decimal | None, text: str) -> None:
    assert usd(amount) == text


@settings(max_examples=100, deadline=None)
@given(st.decimals(min_value=D("1E-20"), max_value=D("1E+15"), allow_nan=False, allow_infinity=False))
def test_no_amount_but_zero_is_shown_as_zero(amount: Decimal) -> None:
    shown = D(usd(amount, unit="").replace(",", ""))
    assert shown != 0
    tolerance = D("0.005") if amount >= D("0.01") else amount * D("0.05")
    assert abs(shown - amount) <= tolerance


def test_scaled_quantities_are_rounded_half_even_to_a_millionth_once() -> None:
    assert rounded(Fraction(25, 10**7)) == D("0.000002")
    assert rounded(Fraction(35, 10**7)) == D("0.000004")
    assert rounded(Fraction(10**30, 3)) == D("333333333333333333333333333333.333333")


def test_decimals_of_scenario_numbers_are_what_was_written() -> None:
    assert exact(0.055) == D("0.055")
    assert exact(1e-7) == D("0.0000001")
    assert plain(exact(1e-7)) == "0.0000001"
