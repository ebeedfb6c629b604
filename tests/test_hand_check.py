"""The hand check of every shipped scenario ends on the ledger to the last digit; its page can be worked again by hand.

Windows are short and few: the identity holds for any counts. What is compared with is the ledger's own table and
fractions, not the bill's arithmetic.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

import planner
from planner.finance import LedgerRow, merge

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
PAGE = (ROOT / "docs" / "hand-check.md").read_text(encoding="utf-8")
WINDOW_S = 600


@cache
def compared(path: Path) -> planner.Comparison:
    scenario = planner.load(path)
    return planner.compare(scenario.set({"run.window_s": WINDOW_S}), replications=2)


def rows_of(found: planner.Comparison) -> dict[tuple[str, str], list[LedgerRow]]:
    """(STRATEGY, MONTH): rows of the ledger."""
    sorted_rows: dict[tuple[str, str], list[LedgerRow]] = {}
    for row in merge(result.ledger for result in found.results.values()).rows:
        sorted_rows.setdefault((row.strategy, row.month), []).append(row)
    return sorted_rows


def worked(bill: planner.Bill) -> Fraction:
    """The bill as a person would work it: every line's product, all added up."""
    total = Fraction(0)
    for line in bill.calculator:
        factors = (line.requests, line.share, line.tokens_per_request, line.unit_price_usd)
        product = Fraction(1)
        for factor in factors:
            product *= Fraction(factor)
        assert product == Fraction(line.amount_usd)
        total += product
    for line in (*bill.standing, *bill.counted, *(line for step in bill.steps for line in step.lines)):
        total += Fraction(line.quantity) * Fraction(line.unit_price_usd)
    return total


def accounts_of(rows: list[LedgerRow]) -> Iterator[tuple[str, Fraction]]:
    """Every account and group of accounts, and what its rows add up to."""
    names = {"/".join(row.account.split("/")[:n]) for row in rows for n in (1, 2, 3)}
    for name in sorted(names):
        inside = [row for row in rows if row.account == name or row.account.startswith(name + "/")]
        yield (
            name,
            sum((Fraction(row.quantity) * Fraction(row.unit_price_usd) for row in inside), Fraction(0)),
        )


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_hand_check_ends_on_the_ledger_for_every_strategy_month_and_account(path: Path) -> None:
    found = compared(path)
    ledgers = rows_of(found)
    for strategy in found.strategies:
        check = found.hand_check(strategy)
        assert {(strategy, month) for month in check.months} >= {key for key in ledgers if key[0] == strategy}
        for month in check.months:
            rows = ledgers.get((strategy, month), [])
            for account, ledger in [(None, None), *accounts_of(rows)]:
                bill = check.bill(month, account)
                expected = (
                    sum((Fraction(row.amount_usd) for row in rows), Fraction(0)) if ledger is None else ledger
                )
                assert worked(bill) == Fraction(bill.ledger_usd) == expected, (strategy, month, account)
                assert bill.difference_usd == 0


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_requests_of_the_calculator_are_those_the_ledger_was_scaled_to(path: Path) -> None:
    found = compared(path)
    for strategy in found.strategies:
        planned = {(one.month, one.task): one.planned for one in found.results[strategy].ledger.volumes}
        check = found.hand_check(strategy)
        for month in check.months:
            for line in check.bill(month).calculator:
                # each of up to four pieces of a month, and each volume, is rounded to a millionth
                assert abs(line.requests - planned[month, line.task]) <= Decimal("0.00001")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_rounding_moves_no_bill_by_a_cent(path: Path) -> None:
    found = compared(path)
    for strategy in found.strategies:
        check = found.hand_check(strategy)
        for month in check.months:
            for step in check.bill(month).steps:
                if step.name == "rounding of requests and quantities":
                    assert abs(step.amount_usd) < Decimal("0.01")


@pytest.mark.parametrize("name", ["on-device", "voice-assistant"])
def test_means_caps_and_context_of_the_calculator_are_those_that_are_drawn(name: str) -> None:
    """As shipped, seeds fixed: what is left to sampling is 2 % of the tokens' cost at most."""
    found = planner.compare(planner.load(ROOT / "scenarios" / f"{name}.yaml"))
    checks = [found.hand_check(strategy) for strategy in found.strategies]
    paid_by_token = [check for check in checks if "api" in check.accounts]
    assert len(paid_by_token) >= 3
    for check in paid_by_token:
        bill = check.bill(check.months[0], "api")
        steps = {step.name: step.amount_usd for step in bill.steps}
        assert abs(steps["sizes as drawn"]) < Decimal("0.04") * bill.ledger_usd
        assert steps["context resent"] > Decimal("0.1") * bill.start_usd


def test_a_bill_from_python_is_the_one_of_a_comparison() -> None:
    scenario = planner.load(ROOT / "scenarios" / "o1-mini-2024.yaml").set({"run.window_s": WINDOW_S})
    bill = planner.bill(scenario, "o1-mini", "2025-01", "api", replications=2)
    assert bill == planner.compare(scenario, replications=2).hand_check("o1-mini").bill("2025-01", "api")
    assert isinstance(bill, planner.Bill)


def test_both_engines_make_the_same_bill() -> None:
    scenario = planner.load(ROOT / "scenarios" / "support-chatbot.yaml").set({"run.window_s": 120})
    asked = ("hybrid", "2027-01")
    compiled = planner.bill(scenario, *asked, replications=1)
    assert compiled == planner.bill(scenario, *asked, replications=1, engine="reference", workers=1)


# -- the page --------------------------------------------------------------------------------------


def numbers(text: str) -> list[Decimal]:
    return [Decimal(word.replace(",", "")) for word in re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)]


def test_every_line_on_the_page_is_its_product_to_the_cent() -> None:
    (shown,) = re.findall(r"```console\n\$ planner bill .*?\n(.*?)```", PAGE, re.DOTALL)
    products = re.findall(r": (.*) x (\S+) per million = (\S+)", shown)
    assert len(products) >= 8
    for factors, price, amount in products:
        product = Decimal(1)
        for factor in numbers(factors):
            product *= factor
        exact = product * Decimal(price) / 1_000_000
        assert float(exact) == pytest.approx(float(amount.replace(",", "")), rel=0.05, abs=0.006)
        if abs(exact) >= 1:
            assert exact.quantize(Decimal("0.01")) == Decimal(amount.replace(",", ""))


def test_the_example_of_the_page_is_worked_by_hand() -> None:
    """o1-mini in January 2025, from the page's own sums: 3 and 12 until the 30th, 1.1 and 4.4 on the 31st."""
    found = compared(ROOT / "scenarios" / "o1-mini-2024.yaml").hand_check("o1-mini").bill("2025-01")
    requests = [Fraction(100_000 * days * 86_400, 2_629_800) for days in (30, 1)]
    start = sum(requests) * (900 * 3 + 300 * 12) / 1_000_000
    prices = requests[1] * (900 * Fraction("-1.9") + 300 * Fraction("-7.6")) / 1_000_000
    hidden = (requests[0] * 12 + requests[1] * Fraction("4.4")) * 1_200 / 1_000_000
    steps = {step.name: step.amount_usd for step in found.steps}
    for by_hand, amount in (
        (start, found.start_usd),
        (prices, steps["price steps and migrations inside the month"]),
        (hidden, steps["hidden reasoning"]),
        (start + prices + hidden, found.ledger_usd),
    ):
        assert abs(by_hand - Fraction(amount)) < Fraction(1, 10**7)
        assert f"{float(by_hand):,.2f}" in PAGE
