"""Figures on a terminal: never rounded to nothing, never a zero for what is not known."""

import doctest
from decimal import Decimal

import pytest

from planner.cli import checking, figures
from planner.cli.ending import plural


@pytest.mark.parametrize("module", [figures, checking])
def test_examples_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0


def test_nearly_perfect_share_is_never_shown_as_perfect() -> None:
    for share in (0.9951, 0.99951, 0.999951, 0.9999951):
        assert figures.quantity(share, "share") not in ("100 %", "100.0 %", "100.00 %", "100.000 %")
    assert figures.quantity(0.0004, "share") == "0.040 %"


def test_price_keeps_every_digit() -> None:
    for text in ("0.075", "0.0375", "1234.5", "2", "0.000001"):
        assert Decimal(figures.list_price(Decimal(text)).replace(",", "")) == Decimal(text)


def test_amount_under_a_cent_is_never_zero() -> None:
    assert figures.unit_cost(Decimal("0.0000000123456")) == "0.00000001235 USD"
    assert figures.unit_cost(Decimal(0)) == "0.00 USD"


def test_nouns_agree_with_their_number() -> None:
    assert [plural(1, "strategy"), plural(2, "strategy"), plural(0, "window")] == [
        "1 strategy",
        "2 strategies",
        "0 windows",
    ]
