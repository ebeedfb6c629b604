"""How figures are written: examples in the docstrings, and what a reader must never be shown."""

import doctest
from decimal import Decimal

import pandas as pd
import pytest

from app import text
from planner.charts import theme
from planner.experiments import words


@pytest.mark.parametrize("module", [text, words, theme])
def test_examples_in_docstrings_hold(module: object) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("unknown", [None, float("nan"), pd.NA, Decimal("NaN")])
def test_unknown_is_a_dash_and_never_zero(unknown: object) -> None:
    assert text.number(unknown, "s") == "–"
    assert text.amount(unknown) == "–"
    assert text.unit_cost(unknown) == "–"
    assert text.interval(unknown, 3, "s") == ""


@pytest.mark.parametrize("small", ["0.004", "0.00000123", "-0.0007"])
def test_an_amount_under_a_cent_keeps_digits(small: str) -> None:
    for written in (text.amount(Decimal(small)), text.unit_cost(Decimal(small))):
        shown = Decimal(written.removesuffix(" USD"))
        assert shown != 0
        assert float(shown) == pytest.approx(float(small), rel=0.05)  # two digits at least


def test_thousands_are_separated() -> None:
    assert text.amount(Decimal("1234567.89")) == "1,234,568 USD"
    assert text.number(1234567.0, "tokens") == "1,234,567 tokens"


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.0, "100.0 %"), (0.99999, "99.9990 %"), (0.99931, "99.931 %"), (0.999, "99.90 %"), (0.5, "50.0 %")],
)
def test_the_nines_of_a_share_are_told_apart(share: float, expected: str) -> None:
    assert text.number(share, "share") == expected


def test_markdown_shows_texts_as_they_are() -> None:
    assert text.markdown("a_b *c* [d](e) $5 :red[x] <b>") == r"a\_b \*c\* \[d\](e) \$5 \:red\[x\] \<b\>"
