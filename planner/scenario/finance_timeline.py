"""Fields of money over time: prices that drift, and what today's way of doing the same costs.

Fields only; the rules that hold across them stand in `checks_timeline`.
"""

from planner.scenario.declare import Fields, field


class PriceDrift(Fields):
    """Token prices that go up or down month by month."""

    provider: str | None = field("only prices of this provider; null: of all", None)
    model: str | None = field("only prices of this model; null: of all", None)
    per_year: float = field(
        "change over twelve months; -0.2 is a fifth less every year", unit="1/year", gt=-1, le=10
    )


class Baseline(Fields):
    """What today's way of answering the same requests costs, to compare with."""

    name: str = field("what it is called", min_length=1)
    usd_per_request: float = field("cost of a planned request", 0.0, unit="USD", ge=0, le=1e9)
    usd_per_month: float = field("fixed cost", 0.0, unit="USD/month", ge=0, le=1e12)
