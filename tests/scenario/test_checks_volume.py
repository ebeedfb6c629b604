"""Bad input about prices that move with volume, units and levels of service: what is wrong, where, and what would do."""

from typing import Any

import pytest

from planner.scenario.known import limits_of
from tests.scenario.samples import notices_with, problems, problems_with, scenario

OLD = "gpt-4o-2024-08-06"


def tiers(*rules: dict[str, Any]) -> dict[str, Any]:
    made = [{"provider": "openai", "steps": [{"above": 0, "factor": 0.9}]} | rule for rule in rules]
    return {"finance.volume_prices": made}


def signed(*items: dict[str, Any]) -> dict[str, Any]:
    base = {"name": "EA", "provider": "openai", "usd_per_month": 100, "months": 12}
    return {"finance.commitments": [base | item for item in items]}


def agreed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"finance.negotiated": [{"provider": "openai", "factor": 0.8} | item for item in items]}


def test_sound_figures_pass_and_are_read() -> None:
    found = scenario(
        tiers({"model": OLD, "meters": ["input", "output"], "of": "tokens", "kind": "volume"})
        | signed({"months": 6, "starts": "2025-07-01", "factor": 0.9, "strategies": ["omni-only"]})
        | agreed({"from": "2025-02-01", "to": "2026-01-01"}, {"model": OLD, "to": "2025-03-01"})
        | {"finance.prepaid": [{"provider": "openai", "fee": 0.05}]}
    )
    assert found.finance.volume_prices[0].meters == ("input", "output")
    assert found.finance.commitments[0].strategies == ("omni-only",)
    assert str(found.finance.negotiated[0].starts) == "2025-02-01"
    assert found.finance.prepaid[0].through is None
    # a whole horizon, to its last month
    assert (
        problems_with(
            signed({"months": 12}),
        )
        == []
    )


def test_every_problem_is_named_with_its_line() -> None:
    text = """\
name: Lines
start: 2025-01-01
traffic: {requests_per_month: 1000}
tasks: {faq: {}}
deployments: {a: {model: gpt-4o-2024-08-06, provider: openai}}
strategies: {omni-only: {omni: [a]}}
finance:
  horizon_months: 12
  commitments:
    - name: EA
      provider: openai
      usd_per_month: 100
      months: 13
  volume_prices:
    - provider: openai
      steps:
        - {above: 10, factor: 0.9}
        - {above: 10, factor: 0.8}
"""
    assert problems(text) == [
        "<text>:13: finance.commitments[0].months: got 13; allowed: at most 12: the plan, 2025-01-01 to 2025-12-31, has so "
        "many calendar months; what is owed after its end would be in no bill; give a longer finance.horizon_months, or fewer "
        "months",
        "<text>:18: finance.volume_prices[0].steps[1].above: got 10; allowed: more than the step before it, which is above 10",
    ]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], "finance.volume_prices[0].steps: got []; allowed: at least one step"),
        (
            [{"above": -1, "factor": 1}],
            "finance.volume_prices[0].steps[0].above: got -1; allowed: number >= 0 (USD or tokens)",
        ),
        (
            [{"above": 1, "factor": 0}],
            "finance.volume_prices[0].steps[0].factor: got 0; allowed: number > 0, at most 1000 (factor)",
        ),
        (
            [{"above": 5, "factor": 1}, {"above": 4, "factor": 1}],
            "finance.volume_prices[0].steps[1].above: got 4; allowed: more than the step before it, which is above 5",
        ),
    ],
)
def test_steps_increase_and_factors_are_above_nothing(steps: list[dict], expected: str) -> None:
    assert problems_with(tiers({"steps": steps})) == [expected]


def test_no_meters_are_no_meaning() -> None:
    assert problems_with(tiers({"meters": []})) == [
        "finance.volume_prices[0].meters: got []; allowed: at least one meter"
    ]


def test_tiers_are_of_tokens_that_are_bought_and_of_each_once() -> None:
    assert problems_with(tiers({"provider": "opena"})) == [
        "finance.volume_prices[0].provider: no strategy buys tokens of 'opena'; did you mean openai?"
    ]
    assert problems_with(tiers({"model": "gpt-4o"})) == [
        f"finance.volume_prices[0].model: no strategy uses a model 'gpt-4o'; known here: {OLD}, m"
    ]
    assert problems_with(tiers({"meters": ["input"]}, {"meters": ["output"]})) == []
    (twice,) = problems_with(tiers({"meters": ["input"]}, {"meters": ["output"]}, {"model": OLD}))
    assert twice == (
        "finance.volume_prices[2]: tokens of openai are in finance.volume_prices[0] already; each token can be in one of "
        "them; give model or meters to tell them apart"
    )


def test_commitments_are_with_providers_and_of_strategies_that_exist() -> None:
    assert problems_with(signed({"provider": "azure", "strategies": ["omni-onl"]})) == [
        "finance.commitments[0].provider: no strategy buys tokens of 'azure'; known here: openai",
        "finance.commitments[0].strategies[0]: got 'omni-onl'; allowed: a name under strategies; did you mean omni-only?",
    ]
    assert problems_with(signed({"factor": 0, "usd_per_month": 0, "months": 0})) == [
        "finance.commitments[0].usd_per_month: got 0; allowed: number > 0 (USD/month)",
        "finance.commitments[0].factor: got 0; allowed: number > 0, at most 1000 (factor)",
        "finance.commitments[0].months: got 0; allowed: whole number 1 to 240 (months)",
    ]


@pytest.mark.parametrize(
    ("change", "at_most"),
    [({"months": 13}, 12), ({"starts": "2025-07-01"}, 6), ({"starts": "2025-12-01", "months": 2}, 1)],
)
def test_a_commitment_ends_within_the_plan(change: dict[str, Any], at_most: int) -> None:
    (found,) = problems_with(signed(change))
    assert found.startswith(
        f"finance.commitments[0].months: got {change.get('months', 12)}; allowed: at most {at_most}: "
    )
    assert problems_with(signed(change | {"months": at_most})) == []


@pytest.mark.parametrize("day", ["2025-02-15", "2024-12-01", "2026-01-01"])
def test_a_commitment_begins_with_a_month_of_the_plan(day: str) -> None:
    assert problems_with(signed({"starts": day, "months": 1})) == [
        f"finance.commitments[0].starts: got {day}; allowed: 2025-01-01, or the first day of a month after it, until 2025-12-31"
    ]


def test_a_plan_from_the_middle_of_a_month_has_a_calendar_month_more() -> None:
    assert problems_with(signed({"months": 13}) | {"start": "2025-01-15"}) == []
    assert problems_with(signed({"starts": "2025-01-15"}) | {"start": "2025-01-15"}) == []


def test_a_plan_that_ends_on_a_day_holds_shorter_commitments() -> None:
    cut = {"finance.until": "2025-07-11"}
    assert problems_with(signed({"months": 7}) | cut) == []
    (found,) = problems_with(signed({"months": 8}) | cut)
    assert found.startswith(
        "finance.commitments[0].months: got 8; allowed: at most 7: the plan, 2025-01-01 to 2025-07-10, "
    )


def test_use_counts_towards_one_commitment_at_a_time() -> None:
    (found,) = problems_with(signed({"name": "first", "months": 6}, {"starts": "2025-06-01", "months": 2}))
    assert found == (
        "finance.commitments[1]: runs beside first at openai for strategy omni-only: use would count towards both; "
        "give them as one, or one after the other"
    )
    apart = signed({"strategies": ["omni-only"]}, {"strategies": ["mini-only"]})
    assert problems_with(apart) == []
    assert problems_with(signed({"months": 6}, {"starts": "2025-07-01", "months": 2})) == []


def test_negotiated_factors_hold_on_days_of_the_plan_one_at_a_time() -> None:
    assert problems_with(agreed({"factor": 0, "from": "tomorrow"})) == [
        "finance.negotiated[0].factor: got 0; allowed: number > 0, at most 1000 (factor)",
        "finance.negotiated[0].from: got 'tomorrow'; allowed: a date, YYYY-MM-DD, or null: the first day of the plan",
    ]
    assert problems_with(agreed({"from": "2024-12-31", "to": "2026-01-02"})) == [
        "finance.negotiated[0].from: got 2024-12-31; allowed: a day of the horizon, 2025-01-01 to 2025-12-31",
        "finance.negotiated[0].to: got 2026-01-02; allowed: a day of the horizon, 2025-01-02 to 2026-01-01, the day after the plan",
    ]
    assert problems_with(agreed({"from": "2025-03-01", "to": "2025-03-01"})) == [
        "finance.negotiated[0].to: got 2025-03-01; allowed: after from, which is 2025-03-01"
    ]
    assert problems_with(agreed({"to": "2025-03-02"}, {"from": "2025-03-01"})) == [
        "finance.negotiated[1]: finance.negotiated[0] holds for the same prices on some of its days; give from and to, so "
        "that one follows the other"
    ]
    assert problems_with(agreed({"to": "2025-03-01"}, {"from": "2025-03-01"}, {"model": OLD})) == []
    assert problems_with(agreed({"provider": "mistral", "model": "m1"})) == [
        "finance.negotiated[0].provider: no strategy buys tokens of 'mistral'; known here: openai",
        "finance.negotiated[0].model: no strategy uses a model 'm1'; did you mean m?",
    ]


def test_a_factor_on_prices_of_ones_own_is_told_to_do_nothing() -> None:
    own = {f"models.{OLD}": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}}
    tree = agreed({"model": OLD})
    tree["models"] = {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "ability": {"faq": 1.0}}} | {
        OLD: own[f"models.{OLD}"]
    }
    assert (
        f"finance.negotiated[0]: prices of {OLD} are your own (models), which this factor leaves as they are"
        in notices_with(tree)
    )


def test_credit_is_bought_of_one_seller_each() -> None:
    def given(*items: dict[str, Any]) -> list[str]:
        return problems_with({"finance.prepaid": list(items)})

    assert given({"fee": 0.1}) == [
        "finance.prepaid[0]: got neither provider nor through; allowed: one of provider and through: gateway"
    ]
    assert given({"fee": 0.1, "provider": "openai", "through": "gateway"}) == [
        "finance.prepaid[0]: got provider and through; allowed: one of provider and through: gateway"
    ]
    assert given({"fee": 0.1, "through": "gateway"}) == [
        "finance.prepaid[0].through: no strategy goes through a platform; give gateway.kind: unified"
    ]
    assert given({"fee": 0.1, "provider": "openai"}, {"fee": 0.2, "provider": "openai"}) == [
        "finance.prepaid[1].provider: its credit has a fee already"
    ]
    assert given({"fee": 1.5, "provider": "openai"}) == [
        "finance.prepaid[0].fee: got 1.5; allowed: 0 to 1 (share)"
    ]


# -- units -----------------------------------------------------------------------------------------


def units(**provisioned: Any) -> dict[str, Any]:
    beside = {
        name: provisioned.pop(name)
        for name in ("limits", "batch", "model", "provider")
        if name in provisioned
    }
    deployment = {"model": "gpt-4o-mini", "provider": "azure", "provisioned": {"units": 15} | provisioned}
    return {"deployments.a": deployment | beside}


def test_units_come_in_sizes_that_are_sold() -> None:
    assert problems_with(units()) == []
    assert problems_with(units(units=14)) == [
        "deployments.a.provisioned.units: got 14; allowed: 15 and more in steps of 5, as units of gpt-4o-mini (global) are "
        "sold, such as 15"
    ]
    assert problems_with(units(units=30, reach="regional")) == [
        "deployments.a.provisioned.units: got 30; allowed: 25 and more in steps of 25, as units of gpt-4o-mini (regional) "
        "are sold, such as 50"
    ]


def test_derived_limits_are_told_and_given_ones_are_kept_by_the_units() -> None:
    (notice,) = [line for line in notices_with(units()) if "provisioned" in line]
    assert notice == (
        "deployments.a.provisioned: units work off 555,000 tokens of gpt-4o-mini a minute, input + 3 x output; the limit "
        "counts all alike, so that 185,000 are admitted, as though all were the dearer kind; give "
        "deployments.a.limits.input_tokens_per_minute and output_tokens_per_minute for your mix"
    )
    fits = {"input_tokens_per_minute": 255_000, "output_tokens_per_minute": 100_000}
    assert problems_with(units(limits=fits)) == []
    assert problems_with(units(limits=fits | {"output_tokens_per_minute": 101_000})) == [
        "deployments.a.limits.input_tokens_per_minute: got 255000 beside 101000 output tokens; allowed: at most 252000: "
        "units work off input + 3 x output of 555,000 tokens a minute"
    ]
    for field, most in (("tokens", 555_000), ("input_tokens", 555_000), ("output_tokens", 185_000)):
        (found,) = problems_with(units(limits={f"{field}_per_minute": most + 1_000}))
        assert found == (
            f"deployments.a.limits.{field}_per_minute: got {most + 1_000}; allowed: at most {most}: what the units work off in "
            "a minute"
        )
    (told,) = [
        line for line in notices_with(units(limits={"tokens_per_minute": 300_000})) if "limits" in line
    ]
    assert told.startswith(
        "deployments.a.limits.tokens_per_minute: 300,000 tokens a minute are what the units work off only"
    )


def test_what_nobody_knows_of_units_must_be_given() -> None:
    assert problems_with(units(model="o3-mini")) == [
        "deployments.a.provisioned.output_weight: how many input tokens an output token of o3-mini at azure counts as is not "
        "known; give deployments.a.provisioned.output_weight"
    ]
    assert problems_with(units(model="o3-mini", output_weight=4)) == []
    elsewhere = problems_with(units(provider="openai"))
    assert elsewhere == [
        "deployments.a.provisioned: the price of a unit (global) at openai is not known; give "
        "deployments.a.provisioned.usd_per_unit_hour or deployments.a.provisioned.reservation",
        "deployments.a.provisioned.tokens_per_unit_minute: what a unit of gpt-4o-mini at openai works off is not known; give "
        "deployments.a.provisioned.tokens_per_unit_minute",
        "deployments.a.provisioned.output_weight: how many input tokens an output token of gpt-4o-mini at openai counts as is "
        "not known; give deployments.a.provisioned.output_weight",
    ]
    given = {"usd_per_unit_hour": 1, "tokens_per_unit_minute": 1000, "output_weight": 4, "units": 3}
    assert problems_with(units(provider="openai", **given)) == []


def test_a_successor_of_which_nothing_is_published_works_off_what_its_predecessor_did() -> None:
    moved = units(model="gpt-4o-mini", units=20) | {
        "finance.migrations": [{"at": "2025-09-01", "from": "gpt-4o-mini", "to": "gpt-5-mini"}]
    }
    assert problems_with(moved) == []
    (notice,) = [line for line in notices_with(moved) if "published" in line]
    assert notice == (
        "deployments.a.provisioned: nothing is published of units of gpt-5-mini at azure: they are taken to work off as much "
        "as those of gpt-4o-mini; give deployments.a.provisioned.tokens_per_unit_minute and output_weight"
    )
    assert limits_of(scenario(moved).deployments["a"], "gpt-5-mini")[0] == (None, 246_600, None, None)
    own = units(tokens_per_unit_minute=1000, output_weight=8) | {
        "finance.migrations": moved["finance.migrations"]
    }
    assert [line for line in notices_with(own) if "published" in line] == []


def test_units_stand_alone() -> None:
    assert problems_with(units(limits=None)) == [
        "deployments.a.limits: got null; allowed: limits, or leave them out: units work off only so much"
    ]
    assert (
        "deployments.a.limits.scope: got provider; allowed: deployment: units are those of one deployment"
        in problems_with(
            units(
                limits={
                    "scope": "provider",
                    "requests_per_minute": None,
                    "tokens_per_minute": 1000,
                    "charge": "actual",
                }
            )
        )
    )
    assert problems_with(units(limits={"input_tokens_per_minute": "catalogue"})) == [
        "deployments.a.limits.input_tokens_per_minute: got catalogue; allowed: a number or null: nobody publishes one for units"
    ]
    assert problems_with(units(batch={"price_factor": 0.5})) == [
        "deployments.a.batch: units have no batch API; calls of tasks with urgency batch are ordinary ones there; leave it out"
    ]
    own = {
        "deployments.b": {
            "model": "m", "latency": {"total_s": 1}, "limits": {"concurrent": 1},
            "server": {"gpu": "h100-80gb"}, "provisioned": {"units": 1},
        },
        "models.m.params_billions": 8,
    }  # fmt: skip
    assert (
        "deployments.b.provisioned: units are bought of a provider, and this is a server of one's own"
        in problems_with(own)
    )


def test_a_platforms_limits_do_not_take_the_place_of_units() -> None:
    pooled = {"gateway": {"kind": "unified", "limits": {"tokens_per_minute": 1_000_000}}}
    (found,) = problems_with(units() | pooled)
    assert found == (
        "deployments.a.provisioned: strategy omni-only has a platform's limits in place of what the units work off; leave out "
        "gateway.limits, so that each deployment keeps its own"
    )


def test_a_reservation_is_no_longer_than_the_plan_and_has_one_price() -> None:
    def reserved(months: int) -> dict[str, Any]:
        return units(reservation={"usd_per_unit_month": 260, "months": months})

    assert problems_with(reserved(13)) == [
        "deployments.a.provisioned.reservation.months: got 13; allowed: at most 12, the length of the plan: what is owed after "
        "its end would be in no bill"
    ]
    assert [line for line in notices_with(reserved(12)) if "reservation" in line] == []
    assert [line for line in notices_with(reserved(5)) if "reservation" in line] == [
        "deployments.a.provisioned.reservation.months: terms of 5 months do not fill a plan of 12: the last one runs 3 months "
        "longer, which are in no bill"
    ]
    cut = reserved(12) | {"finance.until": "2025-07-11"}  # six months and ten days
    assert [line.partition(" allowed: ")[2][:10] for line in problems_with(cut)] == ["at most 7,"]
    both = units(usd_per_unit_hour=1, reservation={"usd_per_unit_month": 260, "months": 1})
    assert problems_with(both) == [
        "deployments.a.provisioned.usd_per_unit_hour: got usd_per_unit_hour and reservation; allowed: one of them"
    ]


def test_units_that_retire_are_named_like_any_model() -> None:
    found = problems_with(units(model="gpt-4o-2024-05-13") | {"finance.horizon_months": 36})
    assert any("retires at azure" in line for line in found)


# -- levels of service -----------------------------------------------------------------------------


def test_a_level_has_a_price_and_tokens_that_are_paid_for() -> None:
    assert problems_with({"deployments.a.price_level": "flex"}) == [
        f"deployments.a.price_level: no flex input price of {OLD} at openai is known; give deployments.a.price_level_factor"
    ]
    assert problems_with({"deployments.a.price_level": "priority"}) == [
        f"deployments.a.price_level: priority input price of {OLD} at openai is not known on 2025-01-01; known since "
        "2026-11-12; give deployments.a.price_level_factor"
    ]
    late = {"start": "2026-12-01", "finance.horizon_months": 1}
    assert problems_with({"deployments.a.price_level": "priority", **late}) == []
    assert problems_with({"deployments.a.price_level": "flex", "deployments.a.price_level_factor": 0.5}) == []
    assert problems_with({"deployments.a.price_level_factor": 0.5}) == [
        "deployments.a.price_level_factor: got 0.5 with price_level standard; allowed: price_level_factor with price_level "
        "priority or flex"
    ]
    (own,) = problems_with({"deployments.b.price_level": "priority"})
    assert own == (
        "deployments.b.price_level: the price of m is your own, and the list does not say what it is at level priority; give "
        "deployments.b.price_level_factor"
    )
    tree = units()
    tree["deployments.a"]["price_level"] = "priority"
    assert problems_with(tree) == [
        "deployments.a.price_level: its tokens are not paid for one by one, so there is no level at which they are bought; "
        "leave it out"
    ]
