"""What chance alone does to a month's bill, against simulated months."""

import math
from decimal import Decimal

import numpy as np
import pytest

from planner.finance.arrival_noise import month_noise, variation
from planner.finance.ledger import Ledger, LedgerRow, Volume
from planner.scenario.laws import parse_law
from tests.finance.plans import scenario


def ledger(requests: int, usd: str) -> Ledger:
    row = LedgerRow(
        month="2025-01", view="invoiced", account="api/output", task="faq", deployment="omni", quantity=Decimal(requests),
        unit="token", unit_price_usd=Decimal(usd), strategy="omni-only", source="test",
    )  # fmt: skip
    count = Decimal(requests)
    nothing = Decimal(0)
    volume = Volume(
        month="2025-01", task="faq", planned=count, arrived=count, completed=count, failed=nothing, right=nothing,
        wrong=nothing, unrated=count,
    )  # fmt: skip
    return Ledger((row,), (volume,))


def test_the_95_percent_month_is_that_of_simulated_months() -> None:
    """400 requests a month on average, lognormal answers that cost 0.01 on average and nothing else that varies."""
    sigma = 0.8
    output = {"p50": 100, "p95": 100 * math.exp(sigma * 1.6448536269514722)}
    plan = scenario(tasks__faq__output_tokens=output)
    generator = np.random.default_rng(5)
    numbers = generator.poisson(400, 20_000)
    costs = generator.lognormal(-sigma * sigma / 2, sigma, int(numbers.sum())) * 0.01
    months = np.add.reduceat(costs, np.concatenate([[0], np.cumsum(numbers)[:-1]]))
    found = month_noise(plan, ledger(400, "0.01"))
    assert found == pytest.approx(np.quantile(months, 0.95) / 4 - 1, rel=0.03)
    assert 0.05 < np.quantile(months, 0.95) / 4 - 1 < 0.15


def test_a_month_of_two_million_is_within_a_thousandth_or_two() -> None:
    """The figure of method 3.6: relative noise at two million calls is about 0.1 %."""
    plan = scenario(tasks__faq__output_tokens={"mean": 200, "cv": 1.0})
    found = month_noise(plan, ledger(2_000_000, "0.001"))
    assert found == pytest.approx(1.6448536 * math.sqrt(2 / 2_000_000), rel=1e-6)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (5, 0.0),
        ({"exponential_mean": 7}, 1.0),
        ({"mean": 3, "cv": 0.4, "kind": "gamma"}, 0.4),
        ({"mean": 3, "cv": 2.5}, 2.5),
        ({"empirical": [1, 3]}, 0.5),
        ({"mixture": [{"weight": 0.5, "law": 1}, {"weight": 0.5, "law": 3}]}, 0.5),
        (0, 0.0),
    ],
)
def test_how_much_a_law_varies(form: object, expected: float) -> None:
    assert variation(parse_law(form)) == pytest.approx(expected, rel=1e-9)


def test_nothing_is_said_where_requests_hang_together() -> None:
    for changes in ({"traffic__daily_spread": 0.2}, {"traffic__sessions": {"turns_mean": 2}}):
        assert month_noise(scenario(**changes), ledger(100, "1")) is None
    assert month_noise(scenario(), Ledger(())) is None
