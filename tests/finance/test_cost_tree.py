"""Every account of the cost tree, worked by hand in one plan; then each new account by itself."""

from decimal import Decimal
from fractions import Fraction

import pytest

from planner.finance import account, assumptions, cost_vectors, not_included, tco
from planner.finance.adjustments import ADJUSTED
from planner.finance.drivers import DRIVERS, driver_of
from planner.finance.hand_check import HandCheck
from planner.finance.horizon import ACCOUNT_ORDER, AT_START
from planner.finance.integrations import integrations
from planner.finance.ledger import Ledger, LedgerRow
from planner.finance.quantities import Quantities
from planner.scenario.fields import Scenario
from tests.finance.plans import OMNI, Window, counted, scenario

D, F = Decimal, Fraction
MINI = "gpt-4o-mini-2024-07-18"
#: A thousand requests a day: 31,000 in January 2025 and 28,000 in February.
DAILY = 30_437.5


def device(**changes: object) -> dict:
    return {
        "kind": "jetson-orin-nano-super",
        "fleet": 1000,
        "watts": 25.0,
        "usd": 250.0,
        "life_years": 4.0,
        **changes,
    }


def owned(**changes: object) -> dict:
    bought = {
        "usd_per_gpu": 25_000.0,
        "host_usd_per_gpu": 5_000.0,
        "life_years": 4.0,
        "power_share": 0.5,
        "pue": 1.5,
    }
    return {"gpu": "h100-80gb", "replicas": 4, "gpus_per_replica": 2, "owned": {**bought, **changes}}


def plan(**changes: object) -> Scenario:
    """Two months, one strategy of everything: a cascade over own hardware and a provider that is often out."""
    tree = {
        "traffic__requests_per_month": DAILY,
        "tasks": {"faq": {"cost_of_wrong_answer_usd": 0.35, "review": {"share": 0.1, "usd": 0.5}}},
        "models": {"our-1b": {}, "our-1c": {}, "our-8b": {}},
        "deployments": {
            "omni": {
                "model": OMNI,
                "provider": "openai",
                "outages": {"mtbf_h": 10.0, "duration_h": {"fixed": 5.0}},  # up exp(-0.5) of the time
                "sla": {"credits": [{"below": 0.99, "share": 0.1}, {"below": 0.9, "share": 0.25}]},
            },
            "dev": {
                "model": "our-1b",
                "device": device(
                    life_years=0.125, spares_share=0.0505, losses_per_year=0.12, updates_per_year=6.0,
                    update_usd=0.5, update_gb=2.0, idle_watts=5.0, hours_on_per_day=10.0, residual_share=0.4,
                ),
            },
            "own": {"model": "our-8b", "server": owned(residual_share=0.5, rack_usd_per_month=600.0, life_years=0.1)},
            "rent": {"model": "our-8b", "server": {"gpu": "h100-80gb", "usd_per_gpu_hour": 3.0}},
        },
        "strategies": {
            "all": {
                "omni": ["omni"],
                "mini": ["dev", "own", "rent"],
                "router": {
                    "kind": "cascade",
                    "usd_per_1k_requests": 2.0,
                    "verifier": {"model": MINI, "provider": "openai", "input_tokens": 10.0},
                },
            }
        },
        "gateway": {"fee": 0.05},  # of a proxy of one's own
        "finance": {
            "sla": {"availability": 0.99, "penalty_usd_per_month": 400.0},
            "horizon_months": 2,
            "discount_rate": 0.0,
            "effort": {"days_per_integration": 8.0, "days_per_model_switch": 4.0, "usd_per_day": 1000.0},
            "one_time": [{"name": "Set-up", "usd": 900.0}],
            "people": [{"name": "Run", "fte": 0.5, "usd_per_year": 120_000.0}],
            "maintenance": [
                {"name": "Licence", "usd_per_month": 300.0},
                {"name": "Hardware", "hardware_share_per_year": 0.12},
            ],
            "compliance": [
                {"name": "Assessment", "usd": 7000.0},
                {"name": "Audit", "usd": 1200.0, "every_months": 1},
                {"name": "Residency", "usd": 800.0, "only_if": "outside"},
            ],
            "at_end": [{"name": "Export", "usd": 3000.0}],
            "migrations": [{"at": "2025-02-10", "from": "our-1b", "to": "our-1c", "usd": 500.0}],
            "transfer_usd_per_gb": 0.09,
            "electricity_usd_per_kwh": 0.10,
            "downtime_usd_per_hour": 10.0,
        },
    }  # fmt: skip
    return scenario(**{**tree, **changes})


def counts() -> Quantities:
    """Of ten requests nine were answered, two of these wrong."""
    return counted(
        requests=10, failed=1, omni__api__input=5000, omni__wasted_timeout__output=100, none__verifier__input=100,
        none__router__requests=10, omni__sent__input=6000, dev__busy__ms=36_000, omni__answers__wrong=2,
        omni__answers__right=7,
    )  # fmt: skip


WINDOWS = [Window(era=0, weight=0.5), Window(era=1, weight=0.5)]


def bill(of: Scenario, strategy: str = "all") -> Ledger:
    return account(of, strategy, WINDOWS, [counts(), counts()])


def standing(of: Scenario, group: str, strategy: str = "all") -> list[tuple[str, str, Decimal]]:
    """(month, account, amount) of a group without any traffic's use."""
    windows = [Window(era=0), Window(era=1)] if of.finance.migrations else [Window()]
    ledger = account(of, strategy, windows, [counted()] * len(windows))
    return [(row.month, row.account, row.amount_usd) for row in ledger.rows if row.group == group]


#: Of 59 days with 59,000 requests; amounts of both months, USD.
BY_HAND = {
    "one-time": F(900),
    # the provider, devices, two servers: 4 x 8 days
    "integration": F(4 * 8 * 1000),
    "devices/purchase": F(1000 * 250),
    "devices/spares": F(51 * 250),  # 50.5 rounded up
    "devices/replacement": F(1051 * 250),  # after 1.5 months
    "devices/attrition": F(2 * 10 * 250),
    "devices/updates": 2 * (500 * F("0.5") + 500 * 2 * F("0.09")),
    # bought at 1.5 with a life of 1.5 months, at the end 2: 2/3 of it left, on each price to six places of a piece
    "devices/residual": F("-700.666667") * 250 * F("0.4"),
    "compute/purchase": F(8 * 30_000),
    "compute/replacement": F(8 * 30_000),  # after 1.2 months, of which 0.4 are left at the end
    "compute/residual": F("-2.666667") * 12_500 + F("-2.666667") * 2_500,
    "compute/rack": F(1200),
    "compute/gpu-hours": 59 * 24 * F(3),
    # 8 x (0.7 kW x 0.5 + 1.2 kW / 8) x 1.5 = 6 kW
    "energy/servers": 59 * 24 * 6 * F("0.1"),
    "energy/idle": 1000 * 10 * 59 * F(5, 1000) * F("0.1"),
    # 3.6 s a request at 20 W above idle: 72 J, of which 50,000 are a kWh; 0.62 and 0.56 kWh
    "energy": F("1.18") * F("0.1"),
    "migration": F(500 + 4 * 1000),
    "api/input": 59_000 * 500 * F("0.0000025"),
    "wasted/timeout/output": 59_000 * 10 * F("0.00001"),
    "verifier/input": 59_000 * 10 * F("0.00000015"),
    "gateway fee": 59_000 * (500 * F("0.0000025") + 10 * F("0.00001") + 10 * F("0.00000015")) * F("0.05"),
    "router": 59_000 * F("0.002"),
    # 600 tokens to omni and 10 to the verifier, of five bytes each
    "transfer": 59_000 * 610 * 5 * F("0.09") / 10**9,
    "review": 59_000 * F("0.9") * F("0.1") * F("0.5"),
    "people": F(2 * 5000),
    # 300 a month; 12 % a year of 1,051 devices and 8 GPUs with hosts, to six places of a dollar and year
    "maintenance": 2 * (300 + F("21895.833333") * F("0.12") + F(20_000) * F("0.12")),
    "compliance/first": F(7000 + 1200 + 800),
    "compliance/repeated": F(1200),
    "penalties": F(2 * 400),  # no month without
    "credits": -59_000 * (500 * F("0.0000025") + 10 * F("0.00001")) * F("0.25"),
    "exit": F(3000),
    "wrong answers": 59_000 * F("0.2") * F("0.35"),
    "downtime": 59 * 24 * F("0.1") * 10,
}


def test_a_bill_with_every_account_is_the_one_worked_by_hand() -> None:
    ledger = bill(plan())
    found = {name: F(amount) for name, amount in ledger.by("account").items()}
    assert set(found) == set(BY_HAND)
    # rows of traffic are rounded to a millionth of a unit, here of a GB
    assert {name: found[name] for name in found if abs(found[name] - BY_HAND[name]) > F(1, 10**6)} == {}
    exact = set(BY_HAND) - {"transfer"}
    assert {name: found[name] for name in exact} == {name: BY_HAND[name] for name in exact}
    assert abs(F(ledger.total()) - sum(BY_HAND.values())) < F(1, 10**6)
    economic = BY_HAND["wrong answers"] + BY_HAND["downtime"]
    assert F(ledger.total("economic")) == economic


def test_every_account_has_a_driver_and_every_driver_an_account() -> None:
    accounts = {*ACCOUNT_ORDER, *(row.account for row in bill(plan()).rows)}
    assert all(driver_of(one) for one in accounts)
    groups = {"/".join(one.split("/")[:many]) for one in accounts for many in (1, 2)}
    assert set(DRIVERS) - groups == set()
    with pytest.raises(KeyError, match="nothing drives the account sundries"):
        driver_of("sundries/other")


def test_the_plan_of_every_account_holds_every_account() -> None:
    met = {row.account for row in bill(plan()).rows} | {row.group for row in bill(plan()).rows}
    assert set(ACCOUNT_ORDER) - met == {*ADJUSTED, "provisioned"}  # worked in tests of their own


def test_what_is_paid_on_the_first_day_is_not_discounted_and_the_rest_is() -> None:
    priced = plan(finance__discount_rate=3.0)  # twelfth root of 4 a month: a third and more over the plan
    start = sum(BY_HAND[name] for name in AT_START)
    ledger = bill(priced)
    later = {month: F(amount) for month, amount in ledger.by("month").items()}
    later["2025-01"] -= start
    by_hand = (
        float(start) + float(later["2025-01"]) * 4 ** (-1 / 12) + float(later["2025-02"]) * 4 ** (-2 / 12)
    )
    assert float(tco(priced, ledger).economic_npv_usd) == pytest.approx(by_hand, rel=1e-12)
    assert set(AT_START) <= {row.account for row in ledger.rows}


def test_the_hand_check_ends_on_every_account_and_month_of_it() -> None:
    ledger = bill(plan())
    check = HandCheck(plan(), "all", WINDOWS, [counts(), counts()], ledger)
    for month in ("2025-01", "2025-02"):
        for name in check.accounts:
            mine = [
                row for row in ledger.rows
                if row.month == month and (row.account == name or row.account.startswith(name + "/"))
            ]  # fmt: skip
            found = check.bill(month, name)
            assert found.ledger_usd == sum((row.amount_usd for row in mine), D(0))
            assert found.difference_usd == 0
    shown = [line.account for line in check.bill("2025-02").standing]
    assert "devices/residual" in shown
    assert "energy/idle" in shown
    assert "review" in [line.account for line in check.bill("2025-02").counted]


def test_the_float_twin_of_the_intervals_gives_the_same_totals() -> None:
    vectors = cost_vectors(plan(), "all", WINDOWS, [counts(), counts()])
    found = tco(plan(), bill(plan()))
    for measure in ("invoiced_usd", "economic_usd", "invoiced_npv_usd", "economic_per_1k_usd"):
        assert vectors.estimate(measure) == pytest.approx(float(getattr(found, measure)), rel=1e-9)


def test_figures_of_every_row_are_among_the_assumptions() -> None:
    sources = {row.source for row in assumptions(plan(), "all")}

    def rests(row: LedgerRow) -> bool:
        first = row.source.partition(";")[0].partition(",")[0]
        return any(first in source or source.startswith(first.removesuffix("]")) for source in sources)

    missing = [row.source for row in bill(plan()).rows if not rests(row)]
    assert missing == []
    rows = {row.what: row for row in assumptions(plan(), "all")}
    assert rows["interfaces of all"].value == "4"
    assert rows["GPU of own"].value == "25000"
    assert rows["power usage effectiveness of own"].value == "1.5"
    assert (rows["power of the host of eight GPUs of own"].value, rows["losses of dev"].value) == (
        "1.2",
        "0.12",
    )


def test_what_is_now_in_the_bill_is_not_listed_as_left_out() -> None:
    text = " ".join(not_included())
    for word in ("losses and updates of a device fleet", "what devices are worth at the end"):
        assert word not in text


def test_neutral_values_written_out_change_no_row() -> None:
    neutral_device = {
        "spares_share": 0.0, "losses_per_year": 0.0, "updates_per_year": 0.0, "update_usd": 0.0, "update_gb": 0.0,
        "idle_watts": None, "residual_share": 0.0,
    }  # fmt: skip
    neutral = {
        "effort": None,
        "maintenance": [],
        "compliance": [],
        "at_end": [],
        "pue": None,
        "carbon_g_per_kwh": None,
    }
    used = counted(requests=10, failed=1, omni__busy__ms=1000)

    def rows(device_more: dict, finance_more: dict, task: dict) -> tuple[LedgerRow, ...]:
        found = scenario(
            tasks={"faq": task},
            models={"our-1b": {}, "our-8b": {}},
            deployments={
                "omni": {"model": "our-1b", "device": device(**device_more)},
                "own": {
                    "model": "our-8b",
                    "server": {"gpu": "h100-80gb", **({"owned": None} if task else {})},
                },
            },
            strategies={"omni-only": {"omni": ["omni", "own"]}},
            finance={"horizon_months": 60, "discount_rate": 0.0, **finance_more},
        )
        return account(found, "omni-only", [Window()], [used]).rows

    assert rows(neutral_device, neutral, {"review": None}) == rows({}, {}, {})


# -- effort ----------------------------------------------------------------------------------------


def connected(deployments: dict, strategy: dict, **changes: object) -> Scenario:
    effort = {"days_per_integration": 10.0, "days_per_model_switch": 3.0, "usd_per_day": 100.0}
    tree = {"deployments": deployments, "strategies": {"all": strategy}, "finance__effort": effort}
    return scenario(**{**tree, **changes})


TWO_AT_OPENAI = {
    "a": {"model": OMNI, "provider": "openai"},
    "b": {"model": MINI, "provider": "openai", "account": "other"},
    "c": {"model": OMNI, "provider": "azure"},
}


def test_each_provider_is_one_interface_and_a_platform_is_one_for_all() -> None:
    strategy = {"omni": ["a", "b", "c"]}
    direct = connected(TWO_AT_OPENAI, strategy)
    assert integrations(direct, "all") == ("API of openai", "API of azure")
    assert standing(direct, "integration") == [("2025-01", "integration", D(1000))] * 2
    through = connected(TWO_AT_OPENAI, strategy, gateway={"kind": "unified"})
    assert integrations(through, "all") == ("the unified platform",)
    assert standing(through, "integration") == [("2025-01", "integration", D(1000))]


def test_a_model_without_a_provider_is_its_vendors_or_an_interface_of_its_own() -> None:
    plain = {"a": {"model": OMNI}, "b": {"model": MINI, "provider": "openai"}, "c": {"model": "our-8b"}}
    found = connected(plain, {"omni": ["a", "b", "c"]}, models={"our-8b": {}})
    assert integrations(found, "all") == ("API of openai", "API of c")


def test_a_verifier_is_one_more_interface_unless_its_provider_is_touched() -> None:
    tiers = {"omni": ["a"], "mini": ["b"]}
    two = {
        "a": {"model": OMNI, "provider": "openai"},
        "b": {"model": "our-8b", "server": {"gpu": "h100-80gb"}},
    }

    def verified(by: dict) -> tuple[str, ...]:
        router = {"kind": "cascade", "verifier": by}
        return integrations(connected(two, {**tiers, "router": router}, models={"our-8b": {}}), "all")

    assert verified({"model": MINI}) == ("API of openai", "server of b")
    assert verified({"model": OMNI, "provider": "azure"}) == ("API of openai", "server of b", "API of azure")
    assert verified({"model": "our-8b"}) == ("API of openai", "server of b")


def test_a_migration_costs_days_and_a_new_vendor_an_integration_more() -> None:
    move = [{"at": "2025-01-11", "from": OMNI, "to": "claude-3-5-haiku-20241022", "usd": 50.0}]
    found = connected({"a": {"model": OMNI}}, {"omni": ["a"]}, finance__migrations=move)
    rows = account(found, "all", [Window(), Window(era=1)], [counted()] * 2).select(account="migration").rows
    assert [(row.quantity, row.unit, row.amount_usd) for row in rows] == [
        (D(10), "day", D(1000)),
        (D(3), "day", D(300)),
        (D(1), "migration", D(50)),
    ]
    assert "first use of API of anthropic on 2025-01-11" in rows[0].source


def test_migrations_of_others_cost_no_days() -> None:
    move = [{"at": "2025-01-11", "from": MINI, "to": OMNI, "usd": 7.0}]
    found = connected(
        {"a": {"model": OMNI, "provider": "openai"}, "b": {"model": MINI, "provider": "openai"}},
        {"omni": ["a"]},
        strategies={"all": {"omni": ["a"]}, "other": {"omni": ["b"]}},
        finance__migrations=move,
    )
    assert standing(found, "migration") == []
    assert standing(found, "migration", "other") == [
        ("2025-01", "migration", D(300)),
        ("2025-01", "migration", D(7)),
    ]


# -- maintenance, compliance, exit -------------------------------------------------------------------


def test_items_are_paid_by_their_strategies_and_those_like_them() -> None:
    only = {"name": "x", "usd": 60.0, "strategies": ["mine"]}
    found = scenario(
        strategies={"mine": {"omni": ["omni"]}, "like-mine": {"like": "mine"}, "other": {"omni": ["omni"]}},
        finance__maintenance=[{"name": "x", "usd_per_month": 60.0, "strategies": ["mine"]}],
        finance__compliance=[only],
        finance__at_end=[only],
    )
    for strategy, usd in (("mine", D(180)), ("like-mine", D(180)), ("other", D(0))):
        assert account(found, strategy, [Window()], [counted()]).total() == usd


def test_parts_of_months_pay_their_part_of_maintenance() -> None:
    found = scenario(
        start="2025-01-15",
        finance__horizon_months=1,
        finance__maintenance=[{"name": "x", "usd_per_month": 310.0}],
    )
    # 17 of 31 days of January and 14 of 28 of February, to six places of a month
    assert standing(found, "maintenance", "omni-only") == [
        ("2025-01", "maintenance", D("0.548387") * 310),
        ("2025-02", "maintenance", D("0.500000") * 310),
    ]


def test_an_audit_comes_again_after_its_months_and_a_single_one_does_not() -> None:
    found = scenario(
        finance__horizon_months=13,
        finance__compliance=[
            {"name": "audit", "usd": 10.0, "every_months": 6},
            {"name": "once", "usd": 5.0},
        ],
    )
    assert standing(found, "compliance", "omni-only") == [
        ("2025-01", "compliance/first", D(10)),
        ("2025-01", "compliance/first", D(5)),
        ("2025-07", "compliance/repeated", D(10)),
        ("2026-01", "compliance/repeated", D(10)),
    ]


@pytest.mark.parametrize(
    ("trust", "paid"), [("outside", True), ("contract", True), ("in-house", False), (None, True)]
)
def test_what_only_outsiders_ask_for_is_not_paid_in_house(trust: str | None, paid: bool) -> None:
    found = scenario(
        deployments={"omni": {"model": OMNI, "provider": "openai", "trust": trust}},
        finance__compliance=[{"name": "residency", "usd": 5.0, "only_if": "outside"}],
    )
    assert bool(standing(found, "compliance", "omni-only")) is paid


def test_a_verifier_outside_is_outside() -> None:
    router = {"kind": "cascade", "verifier": {"model": MINI, "provider": "openai"}}
    tiers = {"omni": ["omni"], "mini": ["omni"]}
    found = scenario(
        models={"our-8b": {}},
        deployments={"omni": {"model": "our-8b", "server": {"gpu": "h100-80gb"}}},
        strategies={"plain": {"omni": ["omni"]}, "checked": {**tiers, "router": router}},
        finance__compliance=[{"name": "residency", "usd": 5.0, "only_if": "outside"}],
    )
    assert standing(found, "compliance", "plain") == []
    assert standing(found, "compliance", "checked") == [("2025-01", "compliance/first", D(5))]


def test_exit_is_paid_at_the_end_of_the_last_month() -> None:
    found = scenario(
        finance__horizon_months=12, finance__discount_rate=0.25, finance__at_end=[{"name": "x", "usd": 100.0}]
    )
    ledger = account(found, "omni-only", [Window()], [counted()])
    assert [(row.month, row.account) for row in ledger.rows] == [("2025-12", "exit")]
    assert tco(found, ledger).invoiced_npv_usd == D(80)


# -- fleets -----------------------------------------------------------------------------------------


def fleet(months: int = 1, **changes: object) -> Scenario:
    return scenario(
        models={"our-1b": {}},
        deployments={"omni": {"model": "our-1b", "device": device(**changes)}},
        finance__horizon_months=months,
        finance__transfer_usd_per_gb=0.09,
    )


def test_a_fleet_with_nothing_given_is_bought_and_no_more() -> None:
    assert standing(fleet(), "devices", "omni-only") == [("2025-01", "devices/purchase", D(250_000))]
    assert standing(fleet(), "energy", "omni-only") == []


def test_losses_of_a_year_are_the_share_of_the_fleet() -> None:
    rows = standing(fleet(12, losses_per_year=0.06), "devices", "omni-only")
    assert sum(amount for _, name, amount in rows if name == "devices/attrition") == 60 * 250


def test_devices_sold_halfway_through_their_life_bring_half_of_what_new_ones_would() -> None:
    rows = standing(fleet(24, residual_share=0.3, spares_share=0.1), "devices", "omni-only")
    assert rows[-1] == ("2026-12", "devices/residual", -550 * 75)


def test_devices_at_the_end_of_their_life_bring_nothing() -> None:
    rows = standing(fleet(48, residual_share=0.3), "devices", "omni-only")
    assert rows == [("2025-01", "devices/purchase", D(250_000))]


def test_idle_power_is_paid_all_day_and_answers_pay_what_is_above_it() -> None:
    """2,000 J of answers at 25 W or 80 s; the same 80 s at 5 W are in what is paid idle or not."""
    found = fleet(idle_watts=5.0, hours_on_per_day=10.0)
    used = counted(requests=1, omni__busy__ms=3600)
    ledger = account(found, "omni-only", [Window()], [used])
    kwh = {row.account: row.quantity for row in ledger.select(group="energy").rows}
    # 31 million requests of 3.6 s are 31,000 h; 1,000 devices are on for 310,000 h
    assert kwh == {"energy": D(31_000 * 20) / 1000, "energy/idle": D(310_000 * 5) / 1000}
    assert kwh["energy"] + kwh["energy/idle"] == D(31_000 * 25 + (310_000 - 31_000) * 5) / 1000


# -- servers that are bought ---------------------------------------------------------------------------


def bought(months: int = 1, finance: dict | None = None, **changes: object) -> Scenario:
    return scenario(
        models={"our-8b": {}},
        deployments={"omni": {"model": "our-8b", "server": owned(**changes)}},
        finance={"horizon_months": months, "discount_rate": 0.0, **(finance or {})},
    )


def test_bought_servers_pay_no_hours() -> None:
    names = {name for _, name, _ in standing(bought(), "compute", "omni-only")}
    assert names == {"compute/purchase"}


def test_servers_are_bought_again_when_their_life_ends() -> None:
    assert standing(bought(8, life_years=0.5, host_usd_per_gpu=0.0), "compute", "omni-only") == [
        ("2025-01", "compute/purchase", D(200_000)),
        ("2025-07", "compute/replacement", D(200_000)),
    ]


@pytest.mark.parametrize(
    ("own", "finance", "pue"),
    [({"pue": 1.2}, {"pue": 2.0}, "1.2"), ({"pue": None}, {"pue": 2.0}, "2"), ({"pue": None}, {}, "1.56")],
)
def test_pue_is_the_servers_or_the_plans_or_the_industrys(own: dict, finance: dict, pue: str) -> None:
    (row,) = (
        account(bought(finance=finance, **own), "omni-only", [Window()], [counted()])
        .select(group="energy")
        .rows
    )
    assert row.quantity == 744 * 4 * D(pue)
    assert row.unit_price_usd == D("0.13")


def test_life_and_draw_of_servers_come_from_the_catalogue_where_they_are_not_given() -> None:
    found = bought(49, life_years=None, power_share=None, pue=1.0)
    ledger = account(found, "omni-only", [Window()], [counted()])
    assert [row.month for row in ledger.select(account="compute/replacement").rows] == ["2029-01"] * 2
    # 8 x (0.7 x 0.82 + 0.15) kW
    assert ledger.select(group="energy").rows[0].quantity == 744 * 8 * D("0.724")
    rows = {row.what: row for row in assumptions(found, "omni-only")}
    assert (rows["life of servers of omni"].value, rows["life of servers of omni"].confidence) == (
        "4",
        "medium",
    )
    assert rows["mean draw of GPUs of omni"].value == "0.82"


# -- review -----------------------------------------------------------------------------------------


def test_reviews_follow_answers_not_requests() -> None:
    found = scenario(tasks={"faq": {"review": {"share": 0.25, "usd": 2.0}}})
    ledger = account(found, "omni-only", [Window()], [counted(requests=10, failed=2)])
    (row,) = ledger.select(account="review").rows
    # 24.8 of 31 million are answered, a quarter of these looked at
    assert (row.quantity, row.unit, row.amount_usd, row.view) == (
        D(6_200_000),
        "answer",
        D(12_400_000),
        "invoiced",
    )
