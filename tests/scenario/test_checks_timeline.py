"""Bad input about time: each named, with what was given and what is allowed."""

import json
from typing import Any

import pytest

from planner.scenario import loads
from tests.scenario.samples import SMALLEST, notices_with, problems, problems_with, scenario

OLD = "gpt-4o-2024-08-06"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"traffic.growth_per_month": 0.02, "traffic.growth_per_year": 0.3},
            "traffic.growth_per_year: given beside traffic.growth_per_month; give one of them",
        ),
        ({"traffic.growth_per_year": -1}, "traffic.growth_per_year: got -1; allowed: -0.99 to 100 (1/year)"),
        (
            {"traffic.growth_per_month": 0.1, "traffic.saturation_requests_per_month": 999},
            "traffic.saturation_requests_per_month: got 999; allowed: at least the volume that the plan begins with, "
            "1000 requests a month; a decline is a growth below 0, without saturation",
        ),
        (
            {"traffic.growth_per_year": -0.1, "traffic.saturation_requests_per_month": 2000},
            "traffic.saturation_requests_per_month: traffic.growth_per_year is -0.1; only growth of 0 or more saturates",
        ),
        (
            {
                "traffic": {
                    "trace": {"rows": [{"arrival_s": 0, "input_tokens": 1, "output_tokens": 1}]},
                    "saturation_requests_per_month": 5,
                }
            },
            "traffic.saturation_requests_per_month: needs traffic.requests_per_month or traffic.users to start from",
        ),
        (
            {"traffic.seasons": [1, 2]},
            "traffic.seasons: got 2 factors; allowed: 12 numbers above 0, at most 1000, January first, or months by name",
        ),
        (
            {"traffic.seasons": [1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]},
            "traffic.seasons: got 0 for march; allowed: 12 numbers above 0, at most 1000, January first, or months by name",
        ),
        (
            {"traffic.seasons": [1, True, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]},
            "traffic.seasons: got true for february; allowed: 12 numbers above 0, at most 1000, January first, "
            "or months by name",
        ),
        (
            {"traffic.seasons.december": 0},
            "traffic.seasons.december: got 0; allowed: number > 0, at most 1000 (factor)",
        ),
        ({"traffic.seasons.decembre": 2}, "traffic.seasons.decembre: no such field; did you mean december?"),
        (
            {"finance.price_drift": [{"per_year": -0.2}, {"per_year": 0.1}]},
            "finance.price_drift[1]: for the same prices as finance.price_drift[0]; give one of them",
        ),
        (
            {"finance.price_drift": [{"model": "gpt-4o-2024-08-07", "per_year": -0.2}]},
            f"finance.price_drift[0].model: no strategy uses a model 'gpt-4o-2024-08-07'; did you mean {OLD}?",
        ),
        (
            {"finance.price_drift": [{"provider": "opnai", "per_year": -0.2}]},
            "finance.price_drift[0].provider: no strategy buys tokens from a provider 'opnai'; did you mean openai?",
        ),
        (
            {"finance.price_drift": [{"per_year": -1}]},
            "finance.price_drift[0].per_year: got -1; allowed: number > -1, at most 10 (1/year)",
        ),
        (
            {"finance.rates": "real"},
            "finance.rates: real rates need finance.inflation_per_year: all amounts are nominal",
        ),
        (
            {"finance.inflation_per_year": 0.02},
            "finance.inflation_per_year: given, but finance.rates is nominal: discount_rate has inflation in it; "
            "leave it out, or give finance.rates: real",
        ),
        (
            {"finance.rates": "reel"},
            "finance.rates: got 'reel'; allowed: nominal or real; did you mean real?",
        ),
        (
            {"finance.rates": "real", "finance.inflation_per_year": -1},
            "finance.inflation_per_year: got -1; allowed: number > -1, at most 10 (1/year)",
        ),
        (
            {"finance.discount_rate": -1},
            "finance.discount_rate: got -1; allowed: number > -1, at most 10 (1/year)",
        ),
        (
            {"finance.discount_rate": -1.5},
            "finance.discount_rate: got -1.5; allowed: number > -1, at most 10 (1/year)",
        ),
        (
            {"finance.horizon_months": 0},
            "finance.horizon_months: got 0; allowed: whole number 1 to 240 (months)",
        ),
        (
            {"finance.fiscal_year_starts": 0},
            "finance.fiscal_year_starts: got 0; allowed: whole number 1 to 12 (month)",
        ),
        (
            {"finance.fiscal_year_starts": 13},
            "finance.fiscal_year_starts: got 13; allowed: whole number 1 to 12 (month)",
        ),
        (
            {"finance.depreciation_years": 0},
            "finance.depreciation_years: got 0; allowed: number > 0, at most 50 (years), or null: spent when paid",
        ),
        (
            {"finance.baseline": {"name": "Today"}},
            "finance.baseline: nothing says what it costs; give usd_per_request or usd_per_month above 0",
        ),
        (
            {"finance.baseline": {"name": "Today", "usd_per_request": -1}},
            "finance.baseline.usd_per_request: got -1; allowed: number >= 0 (USD)",
        ),
        (
            {"tasks.faq.value_usd": -0.5},
            "tasks.faq.value_usd: got -0.5; allowed: number >= 0 (USD), or null: not counted",
        ),
        (
            {"finance.people": [{"name": "x", "fte": 1, "usd_per_year": 1, "raise_per_year": -1}]},
            "finance.people[0].raise_per_year: got -1; allowed: number > -1, at most 10 (1/year)",
        ),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], told: str) -> None:
    assert problems_with(changes) == [told]


def test_a_zero_horizon_and_a_discount_below_minus_one_hundred_percent_are_named_with_their_lines() -> None:
    text = SMALLEST + "finance:\n  horizon_months: 0\n  discount_rate: -1.2\n  rates: real\n"
    assert problems(text, name="plan.yaml") == [
        "plan.yaml:8: finance.horizon_months: got 0; allowed: whole number 1 to 240 (months)",
        "plan.yaml:9: finance.discount_rate: got -1.2; allowed: number > -1, at most 10 (1/year)",
        "plan.yaml:10: finance.rates: real rates need finance.inflation_per_year: all amounts are nominal",
    ]


def test_two_growths_name_the_line_of_the_other() -> None:
    text = SMALLEST.replace(
        "{requests_per_month: 1000}",
        "\n  requests_per_month: 1000\n  growth_per_month: 0\n  growth_per_year: 0.1",
    )
    assert problems(text) == [
        "<text>:5: traffic.growth_per_year: given beside traffic.growth_per_month (line 4); give one of them"
    ]


def test_a_fault_of_what_a_rule_rests_on_is_told_alone() -> None:
    assert problems_with({"traffic.requests_per_month": -1, "traffic.saturation_requests_per_month": 5}) == [
        "traffic.requests_per_month: got -1; allowed: number > 0 (requests/month)"
    ]


def test_a_saturation_is_compared_with_the_volume_that_users_bring() -> None:
    users = {"active_per_day": 100, "conversations_per_day": 2}  # 6,087.5 requests a month
    assert problems_with({"traffic": {"users": users, "saturation_requests_per_month": 6087}}) == [
        "traffic.saturation_requests_per_month: got 6087; allowed: at least the volume that the plan begins with, "
        "6087.5 requests a month; a decline is a growth below 0, without saturation"
    ]
    assert problems_with({"traffic": {"users": users, "saturation_requests_per_month": 6088}}) == []


def test_shares_that_sum_to_nothing_are_told_alone() -> None:
    users = {"active_per_day": 100}
    (told,) = problems_with(
        {"traffic": {"users": users, "saturation_requests_per_month": 1}, "tasks.faq.share": 0}
    )
    assert "shares that sum to 0" in told


def test_scaled_seasons_are_noticed() -> None:
    told = [one for one in notices_with({"traffic.seasons": {"december": 3}}) if "seasons" in one]
    assert told == [
        "traffic.seasons: the factors have mean 1.17 over a year, by length of months; they are divided by it, so that "
        "requests_per_month stays the mean"
    ]
    assert not [one for one in notices_with({"traffic.seasons": [1] * 12}) if "seasons" in one]


def test_what_is_sound_is_taken() -> None:
    found = scenario(
        {
            "traffic.growth_per_year": 0.5,
            "traffic.saturation_requests_per_month": 5000,
            "traffic.seasons": {"july": 0.5},
            "finance.price_drift": [
                {"per_year": -0.2},
                {"model": OLD, "per_year": 0},
                {"provider": "openai", "per_year": -0.1},
                {"model": "m", "per_year": 0.1},
            ],
            "finance.rates": "real",
            "finance.inflation_per_year": 0.02,
            "finance.baseline": {"name": "Call centre", "usd_per_month": 5000},
            "tasks.faq.value_usd": 0,
        }
    )
    assert loads(json.dumps(found.to_dict())).hash == found.hash


def test_seasons_can_be_set_by_path_in_both_forms() -> None:
    by_name = scenario({"traffic.seasons": {"july": 0.5}}).set({"traffic.seasons.december": 2})
    assert by_name.to_dict()["traffic"]["seasons"] == {"july": 0.5, "december": 2.0}
    listed = scenario({"traffic.seasons": [1] * 12}).set({"traffic.seasons[11]": 2})
    assert listed.to_dict()["traffic"]["seasons"] == [1.0] * 11 + [2.0]
