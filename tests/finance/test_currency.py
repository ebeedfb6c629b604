"""Totals in another currency: the rate is told, the ledger stays in USD, and a currency without a rate is refused."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import planner
from planner.errors import ScenarioError
from planner.finance import account, assumptions, money, rate_of, rate_words, shown
from tests.cli.command import SCENARIO, write_scenario
from tests.finance.plans import Window, counted, scenario

D = Decimal
RATE = {"usd_per_unit": 1.25, "as_of": "2026-11-27", "source": "ECB reference rate"}


def test_dollars_are_shown_as_they_are() -> None:
    dollars = scenario()
    assert rate_of(dollars) is None
    assert rate_words(dollars) is None
    assert shown(D("1234.5678901"), dollars) == D("1234.5678901")
    assert money(D("1234.5"), dollars) == "1,234.50 USD"
    assert money(None, dollars) == "–"


def test_an_amount_is_divided_by_what_a_unit_costs() -> None:
    euros = scenario(currency="EUR", finance__exchange=RATE)
    assert shown(D("1000"), euros) == D("800")
    assert money(D("1000"), euros) == "800.00 EUR"
    assert shown(D("1"), scenario(currency="JPY", finance__exchange=RATE | {"usd_per_unit": 0.003})) == D(
        "333.3333333333333333333333333333333"
    )
    assert rate_words(euros) == (
        "1 EUR = 1.25 USD on 2026-11-27 (ECB reference rate); everything is counted in USD, and only shown at this rate"
    )


def test_the_ledger_stays_in_dollars_and_the_rate_is_an_assumption() -> None:
    plain_rows, euro_rows = (
        account(one, "omni-only", [Window()], [counted(omni__api__input=500)]).rows
        for one in (scenario(), scenario(currency="EUR", finance__exchange=RATE))
    )
    assert plain_rows == euro_rows
    told = [
        row.to_dict()
        for row in assumptions(scenario(currency="EUR", finance__exchange=RATE), "omni-only")
        if "EUR" in row.what
    ]
    assert told == [
        {
            "what": "one EUR, for totals shown in EUR",
            "value": "1.25",
            "unit": "USD",
            "source": "ECB reference rate (scenario: finance.exchange)",
            "as_of": "2026-11-27",
            "confidence": "given",
        }
    ]


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        (
            "currency: EUR",
            ["{file}:3: currency: EUR has no rate; everything is counted in USD; give finance.exchange: {{usd_per_unit, as_of, source}}"],
        ),
        (
            "finance: {{exchange: {{usd_per_unit: 1.1, as_of: 2026-11-27, source: ECB}}}}",
            ["{file}:3: finance.exchange: a rate without a foreign currency; set currency to EUR, GBP, CHF or JPY, or leave it out"],
        ),
        (
            "currency: CHF\nfinance: {{exchange: {{usd_per_unit: 0, as_of: 27.11.2026, source: ''}}}}",
            [
                "{file}:4: finance.exchange.usd_per_unit: got 0; allowed: number > 0 (USD)",
                "{file}:4: finance.exchange.as_of: got '27.11.2026'; allowed: a date, YYYY-MM-DD",
                "{file}:4: finance.exchange.source: got ''; allowed: ",
            ],
        ),
        ("currency: PLN", ["{file}:3: currency: got 'PLN'; allowed: USD, EUR, GBP, CHF or JPY"]),
    ],
)  # fmt: skip
def test_rates_that_are_missing_or_wrong_are_named_with_their_line(
    tmp_path: Path, lines: str, messages: list[str]
) -> None:
    text = SCENARIO.partition("finance:")[0] + "run: {seed: 11}\n"
    head, rest = text.split("start:", 1)
    file = write_scenario(tmp_path, head + lines.replace("{{", "{").replace("}}", "}") + "\nstart:" + rest)
    with pytest.raises(ScenarioError) as told:
        planner.load(file)
    found = [str(one) for one in told.value.problems]
    assert len(found) == len(messages)
    for one, message in zip(found, messages, strict=True):
        assert one.startswith(message.format(file=file))


def test_a_sound_rate_gives_a_notice_that_the_rest_is_in_dollars(tmp_path: Path) -> None:
    text = SCENARIO.replace(
        "finance:\n",
        "currency: EUR\nfinance:\n  exchange: {usd_per_unit: 1.25, as_of: 2026-11-27, source: ECB}\n",
    )
    found = [str(one) for one in planner.load(write_scenario(tmp_path, text)).notices]
    assert any(
        one.endswith("everything is counted in USD, and shown in USD wherever EUR is not named")
        for one in found
    )


def until(**finance: Any) -> Any:
    return scenario(finance={"horizon_months": 3, "discount_rate": 0.0, **finance})


def test_a_plan_may_end_on_a_day_of_its_own() -> None:
    from planner.workload.windows import expected_requests, horizon, horizon_words

    whole, cut = until(), until(until="2025-02-11")
    assert [str(day) for day in horizon(cut)] == ["2025-01-01", "2025-02-11"]
    assert expected_requests(cut) == pytest.approx(41_000_000)  # a million a day, 31 and 10 days
    assert horizon_words(whole) == "3 months"
    assert horizon_words(cut) == "2025-01-01 to 2025-02-10"
    bills = [
        account(one, "omni-only", [Window()], [counted(omni__api__input=500)]).by("month")
        for one in (whole, cut)
    ]
    assert bills[0]["2025-01"] == bills[1]["2025-01"]
    assert bills[1] == {"2025-01": D(31) * 1250, "2025-02": D(10) * 1250}  # 500 tokens at 2.50 a million


@pytest.mark.parametrize("day", ["2027-01-01", "2026-12-31", "2027-03-02"])
def test_an_end_outside_the_horizon_is_named(tmp_path: Path, day: str) -> None:
    text = SCENARIO.replace("horizon_months: 2", f"horizon_months: 2\n  until: {day}")
    with pytest.raises(ScenarioError) as told:
        planner.load(write_scenario(tmp_path, text))
    (problem,) = told.value.problems
    assert str(problem).endswith(
        f":36: finance.until: got {day}; allowed: a day after start, 2027-01-01, up to 2027-03-01, "
        "by when horizon_months are over"
    )


def test_a_plan_that_ends_on_a_day_of_its_own_says_so(tmp_path: Path) -> None:
    text = SCENARIO.replace("horizon_months: 2", "horizon_months: 2\n  until: 2027-02-15")
    found = planner.compare(planner.load(write_scenario(tmp_path, text)))
    assert "cost over 2027-01-01 to 2027-02-14" in found.answer
    assert found.to_dict()["scenario"]["until"] == "2027-02-15"
    people = found.results["omni-only"].ledger.select(account="people").rows
    assert [row.quantity for row in people] == [D("0.1"), D("0.05")]  # 14 of 28 days of February
