"""The statement of costs: sums worked again from the rows, unit costs from their two parts, and a check that can fail."""

import dataclasses
import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

import planner
from planner.cli.tco_views import footprint_reasons
from planner.experiments.statement import Statement, Unit, statement
from planner.finance.ledger import Ledger, total_of
from tests.cli.command import SCENARIO

TODAY = date(2026, 11, 28)
TEXT = SCENARIO.replace("horizon_months: 2", "horizon_months: 14").replace(
    "requests_per_month: 1000000", "users: {active_per_day: 20000, conversations_per_day: 0.4}"
)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> planner.Comparison:
    file = tmp_path_factory.mktemp("statement") / "plan.yaml"
    file.write_text(TEXT)
    return planner.compare(planner.load(file))


@pytest.fixture(scope="module")
def made(comparison: planner.Comparison) -> Statement:
    return statement(comparison, TODAY)


def units(made: Statement, strategy: str, view: str) -> dict[str, Unit]:
    return {one.per: one for one in made.units if one.strategy == strategy and one.view == view}


def test_everything_adds_up(made: Statement) -> None:
    assert made.difference_usd == 0
    assert {one.strategy for one in made.checks} == {"omni-only", "mini-only", "hybrid"}
    for name in ("omni-only", "mini-only", "hybrid"):
        rows = [row.amount_usd for row in made.ledger.rows if row.strategy == name]
        assert total_of(made.accounts[name]) == total_of(rows)
        years = made.years[made.years["strategy"] == name]
        assert list(years["fiscal_year"]) == ["2027", "2028"]
        assert list(years["months"]) == [12, 2]
        assert total_of(years["economic_usd"]) == total_of(rows)


def test_a_row_that_is_lost_on_the_way_is_seen(comparison: planner.Comparison) -> None:
    result = comparison.results["hybrid"]
    shorter = Ledger(result.ledger.rows[:-1], result.ledger.volumes)
    lost = result.ledger.rows[-1].amount_usd
    assert lost != 0
    results = {**comparison.results, "hybrid": dataclasses.replace(result, ledger=shorter)}
    broken = statement(dataclasses.replace(comparison, results=results), TODAY)
    wrong = {one.what: one.difference_usd for one in broken.checks if one.difference_usd}
    # the totals and months were made of the whole ledger, so they are off by what is missing now
    assert wrong["total shown"] == lost
    assert wrong["total by month"] == lost
    assert broken.difference_usd == lost


def test_a_unit_cost_is_its_numerator_over_its_denominator(made: Statement) -> None:
    for name, result in made.comparison.results.items():
        for view, amount in (
            ("invoiced", result.ledger.total("invoiced")),
            ("economic", result.ledger.total()),
        ):
            found = units(made, name, view)
            planned = result.ledger.expected("planned")
            assert found["1,000 requests"].numerator_usd == amount
            assert found["1,000 requests"].count == planned
            for one in found.values():
                size = 1000 if one.per.startswith("1,000") else 1
                exact = Fraction(one.numerator_usd) * size / Fraction(one.count)
                assert abs(Fraction(one.value_usd) - exact) <= exact / 10**26
            assert found["right answer"].count == result.ledger.expected("right")
            # four turns to a conversation, and 20,000 people who have 0.4 conversations of them a day
            talks = found["1,000 conversations"].count
            assert abs(talks - planned / 4) < Decimal("0.00001")
            months = found["active user and month"].count
            per_month = Decimal("0.4") * 4 * Decimal("30.4375")  # turns of a user in a mean month
            assert abs(months - planned / per_month) < Decimal("0.000001")  # kept to six places


def test_the_varying_part_leaves_out_what_is_paid_anyway(made: Statement) -> None:
    found = units(made, "omni-only", "invoiced")
    ledger = made.comparison.results["omni-only"].ledger
    standing = [row.amount_usd for row in ledger.rows if row.account in ("one-time", "people")]
    assert total_of(standing) == 1000 + 14 * Decimal("0.1") * 10_000
    gap = found["1,000 requests"].numerator_usd - found["1,000 requests, varying part"].numerator_usd
    assert gap == total_of(standing)


def test_downtime_is_paid_by_the_hour_and_varies_with_no_request() -> None:
    """As break-even has it: what varies is tokens alone, however much an hour without answers costs."""
    tree = {
        "name": "hours", "start": "2025-01-01", "traffic": {"requests_per_month": 2_000_000}, "tasks": {"faq": {}},
        "deployments": {"omni": {"model": "gpt-4o-2024-11-20", "provider": "openai", "errors": {"rate": 0.2, "status": 500}}},
        "strategies": {"o": {"omni": ["omni"]}}, "policy": {"retries": 0},
        "finance": {"horizon_months": 1, "downtime_usd_per_hour": 1000},
        "run": {"window_s": 120, "replications": 2, "seed": 3},
    }  # fmt: skip
    made = statement(planner.compare(planner.load(tree)))
    ledger = made.comparison.results["o"].ledger
    assert ledger.select(account="downtime").total() > 10_000
    varying = units(made, "o", "economic")["1,000 requests, varying part"].numerator_usd
    assert varying == ledger.total("invoiced")


def test_an_energy_that_is_known_has_no_reason_beside_one_that_is_not() -> None:
    tree = {
        "name": "energy", "start": "2025-01-01", "traffic": {"requests_per_month": 2_000_000}, "tasks": {"faq": {}},
        "deployments": {
            "omni": {"model": "gpt-4o-2024-11-20", "provider": "openai"},
            "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        },
        "strategies": {"o": {"omni": ["omni"]}, "m": {"mini": ["mini"]}}, "finance": {"horizon_months": 1},
        "run": {"window_s": 120, "replications": 2, "seed": 3},
    }  # fmt: skip
    reasons = list(footprint_reasons(statement(planner.compare(planner.load(tree)))))
    assert [text.partition(":")[0] for text in reasons] == ["m"]
    assert "nan" not in reasons[0]


def test_intervals_are_those_of_the_comparison(made: Statement) -> None:
    costs = made.comparison.costs("hybrid")
    found = units(made, "hybrid", "economic")
    assert found["1,000 requests"].low_usd == costs["economic_cost_per_1k_requests_usd"].low
    assert found["right answer"].high_usd == costs["economic_cost_per_correct_answer_usd"].high
    assert found["1,000 answered requests"].low_usd is None


def test_the_document_is_plain_and_its_money_is_text(made: Statement) -> None:
    found = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert found["read_on"] == "2026-11-28"
    by_account = total_of(Decimal(row["hybrid"]) for row in found["accounts"])
    by_row = total_of(Decimal(row["amount_usd"]) for row in found["ledger"] if row["strategy"] == "hybrid")
    assert by_account == by_row
    assert {row["difference_usd"] for row in found["reconciliation"]} == {"0"}
    assert len(found["register"]) == len(made.register)
