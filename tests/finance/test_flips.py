"""What flips two strategies, from small ledgers that can be worked out by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest

from planner.finance.break_even import crossings
from planner.finance.calendar import months_of
from planner.finance.flips import error_costs, line_of, over_time
from planner.finance.ledger import ECONOMIC, INVOICED, Ledger, LedgerRow
from planner.workload.windows import month_pieces
from tests.finance.plans import scenario


def row(
    strategy: str, month: str, account: str, usd: str, task: str | None = None, view=INVOICED
) -> LedgerRow:
    return LedgerRow(
        month=month, view=view, account=account, task=task, quantity=Decimal(usd), unit="USD",
        unit_price_usd=Decimal(1), strategy=strategy, source="test",
    )  # fmt: skip


MONTHS = months_of(month_pieces(scenario(finance__horizon_months=3)))
NAMES = [month.name for month in MONTHS]
# a: 30 a month for use alone. b: 50 at the start, 10 a month for people, 5 for use. Made for 100 requests.
A = Ledger(tuple(row("a", month, "api/input", "30", "faq") for month in NAMES))
B = Ledger(
    (
        row("b", NAMES[0], "one-time", "50"),
        *(row("b", month, "people", "10") for month in NAMES),
        *(row("b", month, "api/input", "5", "faq") for month in NAMES),
    )
)


def test_rows_of_tasks_follow_the_volume_and_others_stand() -> None:
    """a: 90 for 100 requests, 0.9 each. b: 80 and 0.15 each: level at 80 / 0.75 = 106.67."""
    a, b = (line_of(ledger, name, Fraction(100), is_economic=False) for name, ledger in (("a", A), ("b", B)))
    assert (a.fixed_usd, a.unit_usd) == (0, Fraction("0.9"))
    assert (b.fixed_usd, b.unit_usd) == (80, Fraction("0.15"))
    assert [(one.volume, one.before, one.after) for one in crossings(a, b)] == [(Fraction(320, 3), "a", "b")]


def test_economic_rows_count_only_where_they_are_asked_for() -> None:
    ledger = Ledger((*A.rows, row("a", NAMES[0], "wrong answers", "60", "faq", ECONOMIC), row("a", NAMES[0], "downtime", "7", None, ECONOMIC)))  # fmt: skip
    invoiced = line_of(ledger, "a", Fraction(100), is_economic=False)
    economic = line_of(ledger, "a", Fraction(100), is_economic=True)
    assert (invoiced.fixed_usd, invoiced.unit_usd) == (0, Fraction("0.9"))
    assert (economic.fixed_usd, economic.unit_usd) == (7, Fraction("1.5"))  # downtime is paid by the hour


def test_the_month_from_which_the_dearer_start_has_cost_less() -> None:
    """b minus a so far: 50 + 15 - 30 = 35, then 20, then 5: never. A fourth month would make it -10."""
    found = over_time(A, B, ("a", "b"), MONTHS, is_economic=False)
    assert [gap for _, gap in found.differences] == [35, 20, 5]
    assert (found.leads_at_first, found.turns) == ("a", ())
    longer = months_of(month_pieces(scenario(finance__horizon_months=4)))
    more = longer[3].name
    a = Ledger((*A.rows, row("a", more, "api/input", "30", "faq")))
    b = Ledger((*B.rows, row("b", more, "people", "10"), row("b", more, "api/input", "5", "faq")))
    turned = over_time(a, b, ("a", "b"), longer, is_economic=False)
    assert [(turn.month, turn.before, turn.after) for turn in turned.turns] == [("2025-04", "a", "b")]


def test_all_turns_are_found_and_a_level_month_is_none() -> None:
    """Differences so far: -1, 0, 1, -2: b, level, a, b."""
    months = months_of(month_pieces(scenario(finance__horizon_months=4)))
    names = [month.name for month in months]
    a = Ledger(tuple(row("a", month, "people", "10") for month in names))
    b = Ledger(tuple(row("b", month, "people", usd) for month, usd in zip(names, ("9", "11", "11", "7"), strict=True)))  # fmt: skip
    found = over_time(a, b, ("a", "b"), months, is_economic=False)
    assert found.leads_at_first == "b"
    assert [(turn.month, turn.after) for turn in found.turns] == [("2025-03", "a"), ("2025-04", "b")]


def test_discounting_moves_the_turn_and_leaves_the_start_alone() -> None:
    """At 100 % a year a month's end is worth 2^(-1/12): 50 against 15 x (0.9439 + 0.8909 + 0.8409 + 0.7937) = 52.04."""
    months = months_of(month_pieces(scenario(finance__horizon_months=4)))
    names = [month.name for month in months]
    a = Ledger(tuple(row("a", month, "people", "15") for month in names))
    b = Ledger((row("b", names[0], "one-time", "50"),))
    plain = over_time(a, b, ("a", "b"), months, is_economic=False)
    valued = over_time(a, b, ("a", "b"), months, is_economic=False, rate_per_year=1.0)
    assert [turn.month for turn in plain.turns] == [turn.month for turn in valued.turns] == ["2025-04"]
    expected = [50 - 15 * sum(2 ** (-k / 12) for k in range(1, n + 1)) for n in range(1, 5)]
    assert [float(gap) for _, gap in valued.differences] == pytest.approx(expected, rel=1e-12)
    dear = over_time(a, Ledger((row("b", names[0], "one-time", "53"),)), ("a", "b"), months, is_economic=False, rate_per_year=1.0)  # fmt: skip
    assert dear.turns == ()


def test_the_cost_of_an_error_at_which_the_ranking_flips() -> None:
    """omni costs 100 and errs 10 times, mini 40 and 70 times: (100 - 40) / (70 - 10) = 1 USD, today 0.5."""
    totals = {"omni": Decimal(100) + 10 * Decimal("0.5"), "mini": Decimal(40) + 70 * Decimal("0.5")}
    wrong = {"omni": {"faq": Decimal(10)}, "mini": {"faq": Decimal(70)}}
    common, own = error_costs(totals, wrong, {"faq": Decimal("0.5")}, ("omni", "mini"))
    assert (common.task, common.factor, common.below, common.above) == (None, 2, "mini", "omni")
    assert (own.task, own.usd, own.factor, own.below, own.above) == ("faq", 1, 2, "mini", "omni")
    assert own.more_wrong == "mini"


def test_a_ranking_that_no_error_flips() -> None:
    """a is dearer and errs more: never. With as many errors on both sides: never. Free errors have no factor."""
    wrong = {"a": {"faq": Decimal(9)}, "b": {"faq": Decimal(3)}}
    (only,) = error_costs({"a": Decimal(9), "b": Decimal(5)}, wrong, {"faq": Decimal(0)}, ("a", "b"))
    assert (only.usd, only.factor, only.below, only.above) == (None, None, "b", "b")
    alike = {"a": {"faq": Decimal(3)}, "b": {"faq": Decimal(3)}}
    (same,) = error_costs({"a": Decimal(9), "b": Decimal(5)}, alike, {"faq": Decimal(0)}, ("a", "b"))
    assert (same.usd, same.below, same.more_wrong) == (None, "b", None)
    (flip,) = error_costs({"a": Decimal(5), "b": Decimal(9)}, wrong, {"faq": Decimal(0)}, ("a", "b"))
    assert (flip.usd, flip.factor, flip.below, flip.above) == (Fraction(4, 6), None, "a", "b")


def test_each_task_flips_with_the_others_as_they_are() -> None:
    """omni 100, mini 40; errors 10 and 0 against 20 and 30, at 1 USD each: 110 against 90.

    faq: 110 - 10 = 100 + 10 C against 70 + 20 C: C = 3. hard: 110 against 60 + 30 C: C = 5/3. All: 100 + 10 f, 40 + 50 f: 1.5.
    """
    totals = {"omni": Decimal(110), "mini": Decimal(90)}
    wrong = {"omni": {"faq": Decimal(10)}, "mini": {"faq": Decimal(20), "hard": Decimal(30)}}
    found = error_costs(totals, wrong, {"faq": Decimal(1), "hard": Decimal(1)}, ("omni", "mini"))
    assert [(one.task, one.usd, one.factor) for one in found] == [
        (None, None, Fraction(3, 2)),
        ("faq", 3, 3),
        ("hard", Fraction(5, 3), Fraction(5, 3)),
    ]
