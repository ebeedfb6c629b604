"""Bills over real months, every figure worked by hand."""

import itertools
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import PriceUnknown
from planner.finance import account, tco
from planner.finance.ledger import Ledger, total_of
from planner.finance.quantities import Quantities
from planner.finance.rates import NotSimulated
from planner.workload.windows import plan_windows
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal


def bill(plan, *windows: tuple[Window, Quantities], strategy: str = "omni-only") -> Ledger:
    return account(plan, strategy, [window for window, _ in windows], [counts for _, counts in windows])


def amounts(ledger: Ledger, *columns: str) -> dict:
    return ledger.by(*(columns or ("account",)))


ONE = (Window(), counted(requests=100, omni__api__input=50_000, omni__api__output=20_000))


def test_tokens_of_a_month_are_tokens_per_request_times_expected_requests() -> None:
    ledger = bill(scenario(), ONE)
    # January: 31 million requests, 500 tokens in at 2.50, 200 out at 10 per million
    assert amounts(ledger) == {"api/input": D("38750"), "api/output": D("62000")}
    (first, second) = ledger.rows
    assert (first.quantity, first.unit, first.unit_price_usd) == (D("15500000000"), "token", D("0.0000025"))
    assert (first.month, first.view, first.task, first.deployment) == ("2025-01", "invoiced", "faq", "omni")
    assert "openai list price of gpt-4o-2024-11-20 since 2024-11-20" in first.source
    assert second.quantity == D("6200000000")


def test_months_get_requests_by_their_length_leap_years_too() -> None:
    plan = scenario(start="2024-12-01", finance__horizon_months=15)
    months = amounts(bill(plan, ONE).select(account="api/input"), "month")
    assert months["2024-12"] == D("38750")
    assert months["2025-02"] == D("35000")
    assert months["2025-04"] == D("37500")
    leap = scenario(
        start="2028-02-01", models={OMNI: {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10.0}}
    )
    assert amounts(bill(leap, ONE))["api/input"] == D("36250")


def test_a_plan_from_the_middle_of_a_month_to_the_middle_of_another() -> None:
    plan = scenario(
        start="2025-01-15",
        finance__horizon_months=2,
        finance__people=[{"name": "run", "fte": 0.5, "usd_per_year": 180_000.0}],
    )
    ledger = bill(plan, ONE)
    # 17 days of January, February, 14 days of March; a day's input costs 1,250
    assert amounts(ledger.select(account="api/input"), "month") == {
        "2025-01": D("21250"),
        "2025-02": D("35000"),
        "2025-03": D("17500"),
    }
    # half of 15,000 a month for 17/31, 1 and 14/31 of a month: 0.274194, 0.5 and 0.225806 FTE-months
    assert amounts(ledger.select(account="people"), "month") == {
        "2025-01": D("4112.91"),
        "2025-02": D("7500"),
        "2025-03": D("3387.09"),
    }


def test_growth_steps_by_calendar_month_and_the_first_has_none() -> None:
    plan = scenario(start="2025-01-15", finance__horizon_months=3, traffic__growth_per_month=0.5)
    found = amounts(bill(plan, ONE).select(account="api/input"), "month")
    assert found["2025-01"] == 17 * D("1250")
    assert found["2025-02"] == 28 * D("1250") * D("1.5")
    assert found["2025-03"] == 31 * D("1250") * D("2.25")
    assert found["2025-04"] == 14 * D("1250") * D("3.375")


def test_a_price_step_inside_a_month_splits_it_by_expected_requests() -> None:
    plan = scenario(finance__price_steps=[{"at": "2025-01-11", "model": OMNI, "factor": 0.5}])
    rows = bill(plan, ONE).select(account="api/input").rows
    assert [(row.quantity, row.unit_price_usd, row.amount_usd) for row in rows] == [
        (D("5000000000"), D("0.0000025"), D("12500")),
        (D("10500000000"), D("0.00000125"), D("13125")),
    ]
    assert "times 0.5 from 2025-01-11" in rows[1].source
    assert "times" not in rows[0].source


def test_price_steps_of_one_model_compound_and_leave_others_alone() -> None:
    plan = scenario(
        finance__price_steps=[
            {"at": "2025-01-21", "model": OMNI, "factor": 0.5},
            {"at": "2025-01-11", "model": OMNI, "factor": 0.8},
            {"at": "2025-01-02", "model": "gpt-4o-mini-2024-07-18", "factor": 9.0},
        ]
    )
    prices = [row.unit_price_usd for row in bill(plan, ONE).select(account="api/input").rows]
    assert sorted(prices, reverse=True) == [D("0.0000025"), D("0.000002"), D("0.000001")]


def test_a_step_of_the_list_price_itself_splits_the_month() -> None:
    """o1-mini went from 3/12 to 1.10/4.40 on 2025-01-31."""
    plan = scenario(deployments={"omni": {"model": "o1-mini", "provider": "openai"}})
    counts = counted(requests=1, omni__api__input=1000, omni__api__reasoning=400, omni__api__output=100)
    ledger = bill(plan, (Window(), counts))
    # 30 million requests at the old price, one million at the new one
    assert amounts(ledger) == {
        "api/input": D("90000") + D("1100"),
        "api/output": D("36000") + D("440"),
        "api/reasoning": D("144000") + D("1760"),
    }


def test_equal_prices_on_both_sides_of_a_cut_are_one_row() -> None:
    plan = scenario(
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "other": {"model": "o1-mini", "provider": "openai"},
        },
        strategies={"omni-only": {"omni": ["omni", "other"]}},
    )
    assert len(bill(plan, ONE).select(account="api/input").rows) == 1


def test_months_after_the_last_reading_say_that_the_price_is_carried_forward() -> None:
    plan = scenario(start="2026-11-01", finance__horizon_months=2)
    rows = bill(plan, ONE).select(account="api/input").rows
    assert "carried forward" not in rows[0].source
    assert "price of 2026-11-12 carried forward" in rows[1].source


def test_launch_price_is_half_of_its_predecessor_exactly_at_equal_tokens() -> None:
    plan = scenario(
        start="2024-05-13",
        finance__horizon_months=2,
        deployments={
            "turbo": {"model": "gpt-4-turbo-2024-04-09", "provider": "openai"},
            "omni": {"model": "gpt-4o-2024-05-13", "provider": "openai"},
        },
        strategies={"turbo-only": {"omni": ["turbo"]}, "omni-only": {"omni": ["omni"]}},
    )
    after = bill(plan, (Window(), counted(requests=7, omni__api__input=4001, omni__api__output=333)))
    before = bill(
        plan,
        (Window(), counted(requests=7, turbo__api__input=4001, turbo__api__output=333)),
        strategy="turbo-only",
    )
    assert Fraction(after.total()) / Fraction(before.total()) == Fraction(1, 2)


def test_photo_bill_is_dearer_on_mini_to_the_cent() -> None:
    """A 1024x1024 photo is 765 tokens on 4o and 25,501 on 4o mini (4 tiles)."""
    plan = scenario(
        traffic__requests_per_month=30_437.5,  # 1,000 a day, 31,000 in January
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        },
        strategies={"omni-only": {"omni": ["omni"]}, "mini-only": {"mini": ["mini"]}},
    )
    omni = bill(plan, (Window(), counted(omni__api__input=200, omni__api__image=765, omni__api__output=90)))
    mini = bill(
        plan,
        (Window(), counted(mini__api__input=200, mini__api__image=25_501, mini__api__output=90)),
        strategy="mini-only",
    )
    assert amounts(omni) == {"api/input": D("15.5"), "api/image": D("59.2875"), "api/output": D("27.9")}
    assert amounts(mini) == {"api/input": D("0.93"), "api/image": D("118.57965"), "api/output": D("1.674")}


def test_own_prices_win_over_the_list_and_images_follow_the_own_input_price() -> None:
    plan = scenario(models={OMNI: {"input_usd_per_mtok": 2.0}})
    counts = counted(omni__api__input=1000, omni__api__image=500, omni__api__output=100)
    ledger = bill(plan, (Window(), counts))
    assert amounts(ledger) == {"api/input": D("62000"), "api/image": D("31000"), "api/output": D("31000")}
    assert ledger.select(account="api/input").rows[0].source == f"scenario: models.{OMNI}.input_usd_per_mtok"


def test_price_steps_hold_for_own_prices_too() -> None:
    plan = scenario(
        models={OMNI: {"input_usd_per_mtok": 2.0}},
        finance__price_steps=[{"at": "2024-06-01", "model": OMNI, "factor": 0.25}],
    )
    assert bill(plan, ONE).select(account="api/input").rows[0].unit_price_usd == D("0.0000005")


def test_a_deployment_without_a_provider_pays_the_home_providers_price() -> None:
    plan = scenario(deployments={"omni": {"model": OMNI}})
    assert amounts(bill(plan, ONE))["api/input"] == D("38750")


def test_unknown_prices_are_errors_and_never_zero() -> None:
    own = scenario(
        deployments={"omni": {"model": "our-8b"}},
        models={"our-8b": {"modalities": ["text"], "input_usd_per_mtok": 0.0}},
    )
    with pytest.raises(
        PriceUnknown,
        match=r"no output price of our-8b is known on 2025-01-01; give models\.our-8b\.output_usd_per_mtok",
    ):
        bill(own, ONE)
    early = scenario(start="2024-11-01")
    with pytest.raises(PriceUnknown, match="known since 2024-11-20"):
        bill(early, ONE)


def test_a_price_of_zero_that_was_given_is_a_row_of_zero() -> None:
    plan = scenario(
        deployments={"omni": {"model": "our-8b"}},
        models={"our-8b": {"input_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}},
    )
    assert amounts(bill(plan, ONE)) == {"api/input": D(0), "api/output": D(0)}


def test_wasted_and_verifier_tokens_have_accounts_of_their_own() -> None:
    plan = scenario(
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        },
        strategies={
            "omni-only": {
                "omni": ["omni"],
                "mini": ["mini"],
                "router": {
                    "kind": "cascade",
                    "usd_per_1k_requests": 0.02,
                    "verifier": {
                        "model": "gpt-4o-mini-2024-07-18",
                        "input_tokens": 1600,
                        "output_tokens": 10,
                    },
                },
            }
        },
        gateway={"kind": "unified", "fee": 0.055},
    )
    counts = counted(
        omni__wasted_timeout__output=10, none__verifier__input=1600, none__verifier__output=10, none__verifier__calls=1,
        none__router__requests=1,
    )  # fmt: skip
    ledger = bill(plan, (Window(), counts))
    assert amounts(ledger) == {
        "wasted/timeout/output": D("3100"),  # 31e6 x 10 x 10e-6
        "verifier/input": D("7440"),  # 31e6 x 1600 x 0.15e-6
        "verifier/output": D("186"),
        "gateway fee": D("10726") * D("0.055"),
        "router": D("620"),  # 31e6 x 0.00002
    }
    fees = ledger.select(account="gateway fee").rows
    assert [(row.quantity, row.unit, row.unit_price_usd, row.deployment) for row in fees] == [
        (D("7626"), "USD", D("0.055"), None),
        (D("3100"), "USD", D("0.055"), "omni"),
    ]


def test_the_gateway_takes_its_fee_on_what_is_bought_and_not_on_own_hardware() -> None:
    own = {"our-8b": {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}}
    plan = scenario(
        deployments={"omni": {"model": "our-8b", "server": {"gpu": "l40s"}}},
        models=own,
        gateway={"kind": "unified", "fee": 0.1},
    )
    assert "gateway fee" not in amounts(bill(plan, ONE))
    sold = scenario(gateway={"kind": "unified", "fee": 0.1})
    assert amounts(bill(sold, ONE))["gateway fee"] == D("10075")


def test_sources_say_where_a_fee_is_written() -> None:
    plan = scenario(
        strategies={
            "omni-only": {"omni": ["omni"]},
            "through": {"like": "omni-only", "gateway": {"kind": "unified", "fee": 0.2}},
            "like-it": {"like": "through"},
        },
        gateway={"kind": "unified", "fee": 0.1},
    )
    found = {
        name: bill(plan, ONE, strategy=name).select(account="gateway fee").rows[0] for name in plan.strategies
    }
    assert {name: (row.source, row.unit_price_usd) for name, row in found.items()} == {
        "omni-only": ("scenario: gateway.fee", D("0.1")),
        "through": ("scenario: strategies.through.gateway.fee", D("0.2")),
        "like-it": ("scenario: strategies.through.gateway.fee", D("0.2")),
    }


def test_a_verifier_follows_migrations_and_its_prompts_leave_our_cloud() -> None:
    plan = scenario(
        deployments={"omni": {"model": "gpt-4.1-2025-04-14"}, "mini": {"model": "gpt-4.1-mini-2025-04-14"}},
        start="2025-05-01",
        strategies={
            "omni-only": {
                "omni": ["omni"],
                "mini": ["mini"],
                "router": {
                    "kind": "cascade",
                    "verifier": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
                },
            }
        },
        finance__transfer_usd_per_gb=0.1,
        finance__migrations=[{"at": "2025-05-11", "from": "gpt-4o-mini-2024-07-18", "to": OMNI, "usd": 7.0}],
    )
    ledger = bill(plan, (Window(), counted(none__verifier__input=1000)))
    # ten million checks at 0.15, 21 million at 2.50; 31e6 x 5,000 bytes
    assert [(row.account, row.quantity, row.amount_usd) for row in ledger.rows] == [
        ("migration", D(1), D(7)),
        ("verifier/input", D("10000000000"), D("1500")),
        ("verifier/input", D("21000000000"), D("52500")),
        ("transfer", D("155"), D("15.5")),
    ]


def test_a_chain_of_migrations_on_one_day_is_paid_whole_in_whatever_order_it_is_written() -> None:
    chain = [
        {"at": "2025-01-11", "from": "gpt-4o-2024-08-06", "to": "gpt-4o-2024-05-13", "usd": 1.0},
        {"at": "2025-01-11", "from": OMNI, "to": "gpt-4o-2024-08-06", "usd": 10.0},
        {"at": "2025-02-01", "from": "gpt-4o-2024-05-13", "to": OMNI, "usd": 100.0},  # after the plan
        {"at": "2024-12-31", "from": "gpt-4-0613", "to": "gpt-4o", "usd": 1000.0},  # not in use
    ]
    windows = [(Window(0, 0.5), counted()), (Window(1, 0.5), counted())]
    assert amounts(bill(scenario(finance__migrations=chain), *windows)) == {"migration": D("11")}


def test_a_recording_sets_the_shares_of_tasks_and_the_volume() -> None:
    rows = [
        {"arrival_s": s, "task": task, "input_tokens": 10, "output_tokens": 5}
        for s, task in ((0, "faq"), (1, "photo"), (2, "faq"), (3, "faq"))
    ]
    plan = scenario(
        traffic={"trace": {"rows": rows}},
        tasks={"faq": {}, "photo": {}},
    )
    counts = {**counted(requests=3, omni__api__input=30), **counted("photo", requests=1, omni__api__input=10)}
    ledger = bill(plan, (Window(weight=0.5), counts), (Window(weight=0.5), counts))
    # one request a second through 31 days, a quarter of them photos, 10 tokens each
    quantities = {row.task: row.quantity for row in ledger.select(account="api/input").rows}
    assert {task: round(q, 3) for task, q in quantities.items()} == {
        "faq": D("20088000"),
        "photo": D("6696000"),
    }


def test_the_windows_of_a_real_plan_are_taken_as_they_are() -> None:
    plan = migration_plan()
    windows = plan_windows(plan)
    counts = [counted(requests=10, omni__api__input=1000)] * len(windows)
    ledger = account(plan, "omni-only", windows, counts)
    assert len({window.stratum for window in windows}) > 1
    # 41 days at 2.50 and 18 at 5, a hundred million tokens a day
    assert ledger.by("account")["api/input"] == 41 * D("250") + 18 * D("500")


def test_own_servers_are_billed_by_the_hours_of_real_months() -> None:
    plan = scenario(
        start="2028-01-01",
        finance__horizon_months=2,
        models={"our-8b": {}},
        deployments={
            "omni": {
                "model": "our-8b",
                "server": {"gpu": "l40s", "replicas": 2, "gpus_per_replica": 3, "usd_per_gpu_hour": 1.5},
            }
        },
    )
    ledger = bill(plan, ONE)
    # 744 h in January, 696 h in a leap February, six GPUs; no tokens are paid
    assert [(row.month, row.account, row.quantity) for row in ledger.rows] == [
        ("2028-01", "compute/gpu-hours", D("4464")),
        ("2028-02", "compute/gpu-hours", D("4176")),
    ]
    assert ledger.total() == D("8640") * D("1.5")


def test_a_gpu_without_a_given_price_costs_what_the_catalogue_says() -> None:
    plan = scenario(
        models={"our-8b": {}}, deployments={"omni": {"model": "our-8b", "server": {"gpu": "h100-80gb"}}}
    )
    (row,) = bill(plan, ONE).rows
    assert row.amount_usd == 744 * D("3.99")
    assert "2026-11-09" in row.source


def test_own_servers_pay_tokens_where_own_prices_are_given() -> None:
    plan = scenario(
        models={"our-8b": {"output_usd_per_mtok": 0.5}},
        deployments={"omni": {"model": "our-8b", "server": {"gpu": "h100-80gb"}}},
    )
    assert set(amounts(bill(plan, ONE))) == {"api/output", "compute/gpu-hours"}


def device_plan(**changes):
    device = {
        "kind": "jetson-orin-nano-super",
        "fleet": 2000,
        "watts": 25.0,
        "usd": 250.0,
        "life_years": 4.0,
        **changes,
    }
    return {"models": {"our-1b": {}}, "deployments": {"omni": {"model": "our-1b", "device": device}}}


def test_devices_are_bought_at_the_start_and_again_when_their_life_ends() -> None:
    plan = scenario(finance__horizon_months=9, **device_plan(life_years=0.25))
    rows = bill(plan, ONE).rows
    assert [(row.month, row.account, row.quantity, row.amount_usd) for row in rows] == [
        ("2025-01", "devices/purchase", D("2000"), D("500000")),
        ("2025-04", "devices/replacement", D("2000"), D("500000")),
        ("2025-07", "devices/replacement", D("2000"), D("500000")),
    ]


def test_devices_that_outlive_the_plan_are_bought_once() -> None:
    assert len(bill(scenario(finance__horizon_months=48, **device_plan()), ONE).rows) == 1
    assert len(bill(scenario(finance__horizon_months=49, **device_plan()), ONE).rows) == 2


def test_devices_use_energy_while_they_answer() -> None:
    plan = scenario(finance__electricity_usd_per_kwh=0.13, **device_plan())
    ledger = bill(plan, (Window(), counted(requests=1000, omni__busy__ms=3_600_000)))
    (energy,) = ledger.select(account="energy").rows
    # 3.6 s x 25 W = 90 J a request; 31e6 requests: 775 kWh
    assert (energy.quantity, energy.unit, energy.amount_usd) == (D("775"), "kWh", D("100.75"))


def test_a_device_whose_price_nobody_knows_is_an_error_that_says_what_to_give() -> None:
    with pytest.raises(PriceUnknown, match=r"deployments\.omni\.device\.usd"):
        bill(scenario(**device_plan(kind="iphone-16-pro", usd=None)), ONE)


def test_only_devices_pay_for_energy_apart() -> None:
    assert "energy" not in amounts(bill(scenario(), (Window(), counted(omni__busy__ms=1000))))


def test_text_images_and_speech_that_leave_our_cloud_are_billed_by_the_gigabyte() -> None:
    audio = "gpt-4o-audio-preview-2024-12-17"
    plan = scenario(
        tasks={
            "faq": {
                "modalities": ["text", "vision", "audio"],
                "images": [{"width_px": 100, "height_px": 100}] * 2,
            }
        },
        deployments={"omni": {"model": audio, "provider": "openai"}},
        finance__transfer_usd_per_gb=0.09,
    )
    counts = counted(
        omni__sent__input=1000, omni__sent__calls=1, omni__sent__audio_input=100, omni__delivered__output=50,
        omni__delivered__audio_output=40,
    )  # fmt: skip
    (row,) = bill(plan, (Window(), counts)).rows
    # bytes a request: 1000 x 5 + 2 x 300,000 + 10 s x 64,000 + 50 x 200 + 2 s x 64,000 = 1,383,000
    assert (row.account, row.unit, row.quantity) == ("transfer", "GB", D("42873"))
    assert row.amount_usd == D("3858.57")


def test_prompts_to_own_hardware_stay_inside_and_devices_answer_outside_our_cloud() -> None:
    counts = counted(omni__sent__input=1000, omni__delivered__output=50)
    server = scenario(
        models={"our-8b": {}},
        deployments={"omni": {"model": "our-8b", "server": {"gpu": "h100-80gb"}}},
        finance__transfer_usd_per_gb=0.09,
    )
    assert bill(server, (Window(), counts)).select(account="transfer").rows[0].quantity == D("310")
    device = scenario(finance__transfer_usd_per_gb=0.09, **device_plan())
    assert "transfer" not in amounts(bill(device, (Window(), counts)))


def test_wrong_answers_and_downtime_are_economic_and_apart() -> None:
    plan = scenario(tasks={"faq": {"cost_of_wrong_answer_usd": 0.35}}, finance__downtime_usd_per_hour=1000.0)
    counts = counted(requests=100, failed=2, omni__answers__right=90, omni__answers__wrong=8)
    ledger = bill(plan, (Window(), counts))
    assert ledger.total("invoiced") == 0
    rows = {row.account: row for row in ledger.rows}
    assert (rows["wrong answers"].quantity, rows["wrong answers"].amount_usd) == (D("2480000"), D("868000"))
    assert rows["wrong answers"].deployment == "omni"
    # 2 % of 744 hours
    assert (rows["downtime"].quantity, rows["downtime"].unit, rows["downtime"].amount_usd) == (
        D("14.88"),
        "h",
        D("14880"),
    )
    assert rows["downtime"].task is None


def test_downtime_weighs_tasks_by_their_share() -> None:
    plan = scenario(
        tasks={"faq": {"share": 0.75}, "photo": {"share": 0.25}}, finance__downtime_usd_per_hour=1.0
    )
    counts = {**counted(requests=10, failed=1), **counted("photo", requests=10, failed=5)}
    (row,) = bill(plan, (Window(), counts)).select(account="downtime").rows
    assert row.quantity == 744 * (D("0.075") + D("0.125"))


def test_one_time_costs_and_people_cover_a_strategy_and_those_like_it() -> None:
    plan = scenario(
        strategies={
            "omni-only": {"omni": ["omni"]},
            "through": {"like": "omni-only"},
            "other": {"omni": ["omni"]},
        },
        finance__one_time=[
            {"name": "Integration", "usd": 60_000.0},
            {"name": "Router", "usd": 40_000.0, "strategies": ["omni-only"]},
        ],
        finance__people=[{"name": "run", "fte": 1.0, "usd_per_year": 100_000.0, "strategies": ["through"]}],
    )
    assert amounts(account(plan, "through", [Window()], [counted()])) == {
        "one-time": D("100000"),
        "people": D("8333.3333333333"),
    }
    assert amounts(account(plan, "other", [Window()], [counted()])) == {"one-time": D("60000")}
    assert amounts(account(plan, "omni-only", [Window()], [counted()])) == {"one-time": D("100000")}


def migration_plan(**changes):
    return scenario(
        finance__horizon_months=2,
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "mini": {"model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        },
        strategies={"omni-only": {"omni": ["omni"]}, "mini-only": {"mini": ["mini"]}},
        **{
            "finance__migrations": [
                {"at": "2025-01-11", "from": OMNI, "to": "gpt-4o-2024-08-06", "usd": 20_000.0},
                {"at": "2025-02-11", "from": "gpt-4o-2024-08-06", "to": "gpt-4o-2024-05-13", "usd": 500.0},
            ],
            **changes,
        },
    )


def test_each_era_is_billed_by_its_own_windows_at_the_price_of_the_model_in_force() -> None:
    windows = [Window(0, 0.2), Window(1, 0.5), Window(2, 0.3)]
    counts = [counted(omni__api__input=tokens) for tokens in (100, 200, 300)]
    ledger = account(migration_plan(), "omni-only", windows, counts)
    # 10 days, then 21 + 10 days at the same 2.50, then 18 days at 5
    assert [(row.month, row.account, row.quantity, row.amount_usd) for row in ledger.rows] == [
        ("2025-01", "migration", D(1), D("20000")),
        ("2025-01", "api/input", D("1000000000"), D("2500")),
        ("2025-01", "api/input", D("4200000000"), D("10500")),
        ("2025-02", "migration", D(1), D("500")),
        ("2025-02", "api/input", D("2000000000"), D("5000")),
        ("2025-02", "api/input", D("5400000000"), D("27000")),
    ]


def test_a_migration_costs_only_strategies_that_have_the_model() -> None:
    counts = [counted(mini__api__input=100)] * 3
    ledger = account(migration_plan(), "mini-only", [Window(0, 0.2), Window(1, 0.5), Window(2, 0.3)], counts)
    assert set(amounts(ledger)) == {"api/input"}


def test_a_task_not_met_in_an_era_takes_the_rate_of_an_era_with_the_same_models() -> None:
    windows = [Window(0, 0.2), Window(1, 0.5), Window(2, 0.3)]
    counts = [counted(mini__api__input=100), counted(requests=0), counted(mini__api__input=100)]
    ledger = account(migration_plan(), "mini-only", windows, counts)
    assert amounts(ledger)["api/input"] == 59 * D("100") * D("0.15")


def test_a_task_not_met_where_models_differ_is_an_error_that_says_what_to_do() -> None:
    windows = [Window(0, 0.2), Window(1, 0.5), Window(2, 0.3)]
    counts = [counted(omni__api__input=100), counted(requests=0), counted(omni__api__input=100)]
    with pytest.raises(
        NotSimulated,
        match=r"task faq was simulated for the time from 2025-01-11 to 2025-02-11.*run\.window_s",
    ):
        account(migration_plan(), "omni-only", windows, counts)


def test_windows_of_a_stratum_are_pooled_by_requests() -> None:
    ledger = bill(
        scenario(),
        (Window(weight=0.5), counted(requests=1, omni__api__input=100)),
        (Window(weight=0.5), counted(requests=3, omni__api__input=500)),
    )
    assert ledger.rows[0].quantity == 31 * D(
        "150000000"
    )  # 600 tokens over 4 requests, not the mean of 100 and 166.7


def test_a_window_of_a_busy_hour_counts_for_its_requests_once() -> None:
    # Drawn four times as often, it stands for as many requests as the quiet one: the mean of 100 and 150 tokens.
    ledger = bill(
        scenario(),
        (Window(weight=0.5, volume=1.0), counted(requests=1, omni__api__input=100)),
        (Window(weight=0.5, volume=4.0), counted(requests=4, omni__api__input=600)),
    )
    assert ledger.rows[0].quantity == 31 * D("125000000")


def test_strata_are_combined_by_their_probability() -> None:
    calm, outage = Window(weight=0.45), Window(weight=0.05, stratum="outage:openai")
    ledger = bill(
        scenario(),
        (calm, counted(requests=10, omni__api__input=1000)),
        (calm, counted(requests=30, omni__api__input=3000)),
        (outage, counted(requests=5, omni__api__input=100)),
        (outage, counted(requests=5, omni__api__input=300)),
    )
    # 0.9 x 100 + 0.1 x 40 tokens a request
    assert abs(ledger.rows[0].quantity - 31 * D("94000000")) <= D(
        "0.00001"
    )  # the weights are binary fractions


def test_a_stratum_without_the_task_leaves_its_weight_to_the_others() -> None:
    ledger = bill(
        scenario(),
        (Window(weight=0.75), counted(requests=10, omni__api__input=1000)),
        (Window(weight=0.25, stratum="outage:openai"), counted(requests=0)),
    )
    assert ledger.rows[0].quantity == 31 * D("100000000")


PARTS = (
    (Window(weight=0.3), counted(requests=7, failed=1, omni__api__input=911, omni__api__output=13)),
    (Window(weight=0.3), counted(requests=11, omni__api__input=2000, omni__wasted_timeout__output=5)),
    (Window(weight=0.2, stratum="outage:openai"), counted(requests=3, failed=3)),
    (Window(weight=0.2, stratum="outage:openai"), counted(requests=9, failed=2, omni__api__input=801)),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1::5])
def test_the_order_of_windows_changes_nothing(order: tuple[int, ...]) -> None:
    plan = scenario(finance__horizon_months=3, finance__downtime_usd_per_hour=5.0)
    assert bill(plan, *(PARTS[i] for i in order)) == bill(plan, *PARTS)


counts_of_windows = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 10**6), st.integers(0, 10**5), st.floats(0.01, 1)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(
    counts_of_windows,
    st.integers(1, 14),
    st.floats(-0.2, 0.3),
    st.sampled_from(["2024-12-01", "2025-01-31", "2025-02-14"]),
    st.floats(0, 0.3),
)
def test_every_total_is_the_sum_of_its_rows(
    parts: list, months: int, growth: float, start: str, fee: float
) -> None:
    plan = scenario(
        start=start,
        traffic__growth_per_month=growth,
        finance__horizon_months=months,
        finance__people=[{"name": "run", "fte": 0.3, "usd_per_year": 99_999.99}],
        tasks={"faq": {"cost_of_wrong_answer_usd": 0.1}},
        gateway={"kind": "unified", "fee": fee},
    )
    ledger = bill(
        plan,
        *(
            (
                Window(weight=weight),
                counted(
                    requests=n, omni__api__input=a, omni__wasted_timeout__output=b, omni__answers__wrong=n
                ),
            )
            for n, a, b, weight in parts
        ),
    )
    found = tco(plan, ledger)
    assert found.invoiced_usd == total_of(row.amount_usd for row in ledger.rows if row.view == "invoiced")
    assert found.economic_usd == total_of(row.amount_usd for row in ledger.rows)
    assert total_of(row.invoiced_usd for row in found.per_month) == found.invoiced_usd
    assert found.per_month[-1].cumulative_economic_usd == found.economic_usd
    assert total_of(ledger.by("account", "task").values()) == ledger.total()
    for row in ledger.rows:
        assert {type(row.quantity), type(row.unit_price_usd), type(row.amount_usd)} == {D}
    fees = ledger.select(account="gateway fee")
    through = total_of(row.amount_usd for row in ledger.rows if row.group in ("api", "wasted", "verifier"))
    assert total_of(row.quantity for row in fees.rows) == (through if fee else 0)


def test_a_count_that_no_account_knows_of_is_never_free() -> None:
    with pytest.raises(AssertionError, match="no account knows of"):
        bill(scenario(), (Window(), counted(omni__wasted__output=10)))


def test_waste_by_cause_adds_up_to_all_waste_and_to_the_bill() -> None:
    # 31e6 requests: 10, 20 and 30 output tokens each at 10 USD per million; input of use at 2.5.
    ledger = bill(
        scenario(),
        (
            Window(),
            counted(
                omni__api__input=4,
                omni__wasted_timeout__output=10,
                omni__wasted_error__output=20,
                omni__wasted_lost_answer__output=30,
            ),
        ),
    )
    assert ledger.by("waste") == {None: D(310), "error": D(6200), "lost-answer": D(9300), "timeout": D(3100)}
    assert ledger.by("group")["wasted"] == D(18600)
    assert ledger.total() == D(18910)
    assert ledger.select(waste="error").total() == D(6200)


def test_volumes_are_what_is_expected_and_add_up() -> None:
    ledger = bill(scenario(finance__horizon_months=2), *PARTS)
    assert ledger.expected("arrived") == D("59000000")
    assert ledger.expected("completed") + ledger.expected("failed") == ledger.expected("arrived")
    assert [volume.month for volume in ledger.volumes] == ["2025-01", "2025-02"]


def test_long_prompts_cost_the_higher_price_for_all_their_tokens() -> None:
    plan = scenario(
        start="2026-06-01", deployments={"omni": {"model": "gemini-2.5-pro", "provider": "google"}}
    )
    counts = counted(
        omni__api__input=1000,
        omni__api_long__input=300_000,
        omni__api_long__output=1000,
        omni__wasted_timeout_long__output=1,
    )
    ledger = bill(plan, (Window(), counts))
    # 30 million requests; 1.25 and 10 below 200,000 tokens, 2.50 and 15 above
    assert ledger.by("account", "unit_price_usd") == {
        ("api/input", D("0.00000125")): D("37500"),
        ("api/input", D("0.0000025")): D("22500000"),
        ("api/output", D("0.000015")): D("450000"),
        ("wasted/timeout/output", D("0.000015")): D("450"),
    }
