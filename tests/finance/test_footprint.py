"""Joules and grams of deployments, worked by hand; what nobody knows is None and says why."""

import json

import pytest

import planner
from planner.catalogue import profiles
from planner.finance import account
from planner.finance.footprint import Footprint, footprint, to_frame
from planner.finance.footprint_energy import Spread
from planner.finance.quantities import Quantities
from planner.scenario.fields import Scenario
from tests.finance.plans import OMNI, Window, counted, scenario

DAILY = 30_437.5  # 31,000 requests in January
GRID = {"horizon_months": 1, "discount_rate": 0.0, "carbon_g_per_kwh": 400.0}


def of(found: Scenario, strategy: str = "omni-only", **counts: int) -> dict[str, Footprint]:
    used: Quantities = counted(requests=10, **counts)
    return {row.deployment: row for row in footprint(found, strategy, [Window()], [used])}


def close(found: Spread | None, *expected: float) -> None:
    assert found is not None
    wanted = expected if len(expected) == 3 else expected * 3
    assert tuple(found) == pytest.approx(wanted, rel=1e-12)


def own(deployment: dict, model: dict | None = None, **changes: object) -> Scenario:
    tree = {
        "traffic__requests_per_month": DAILY,
        "models": {"ours": model or {}},
        "deployments": {"omni": {"model": "ours", **deployment}},
        "finance": GRID,
    }
    return scenario(**{**tree, **changes})


# -- devices ------------------------------------------------------------------------------------------

FLEET = {"kind": "jetson-orin-nano-super", "fleet": 100, "watts": 25.0}


def test_a_device_takes_its_watts_for_as_long_as_it_answers() -> None:
    row = of(own({"device": FLEET}), omni__busy__ms=36_000, omni__sent__calls=12)["omni"]
    # 3.6 s at 25 W: 90 J a request, 0.000025 kWh at 400 g: 0.01 g; 12 calls for 10 requests
    close(row.joules_per_request, 90.0)
    close(row.grams_per_request, 0.01)
    close(row.joules_per_call, 75.0)
    close(row.kwh, 31_000 * 90 / 3_600_000)
    close(row.kwh_per_1k, 0.025)
    close(row.kg_per_1k, 0.01)
    assert (row.kind, row.unknown) == ("device", "")
    assert "nothing counted while idle" in row.source


def test_what_a_fleet_draws_idle_is_shared_by_its_requests() -> None:
    device = {**FLEET, "idle_watts": 5.0, "hours_on_per_day": 10.0}
    row = of(own({"device": device}), omni__busy__ms=36_000)["omni"]
    # 31,000 h on in January at 5 W and 31 h of answers 20 W above it: 155.62 kWh
    close(row.kwh, 155.62)
    close(row.joules_per_request, 155.62 * 3_600_000 / 31_000)
    assert row.joules_per_call is None  # no call was counted


def test_the_bill_and_the_footprint_count_the_same_kilowatt_hours() -> None:
    device = {**FLEET, "idle_watts": 5.0, "hours_on_per_day": 10.0}
    found = own({"device": device})
    ledger = account(found, "omni-only", [Window()], [counted(requests=10, omni__busy__ms=36_000)])
    paid = sum(row.quantity for row in ledger.select(group="energy").rows)
    close(of(found, omni__busy__ms=36_000)["omni"].kwh, float(paid))
    bought = {"usd_per_gpu": 1.0, "pue": 1.5, "power_share": 0.5}
    server = own({"server": {"gpu": "h100-80gb", "owned": bought}})
    paid = sum(
        row.quantity
        for row in account(server, "omni-only", [Window()], [counted()]).select(account="energy/servers").rows
    )
    close(of(server)["omni"].kwh, float(paid))


def test_a_device_whose_power_nobody_knows_is_unknown_and_so_is_the_sum() -> None:
    rows = of(own({"device": {"kind": "iphone-16-pro", "fleet": 5, "usd": 900.0}}), omni__busy__ms=1000)
    assert rows["omni"].kwh is None
    assert rows["omni"].kg is None
    assert rows["omni"].joules_per_request is None
    assert rows["omni"].unknown.endswith("give deployments.omni.device.watts")
    assert rows["all"].kwh is None
    assert rows["all"].unknown == rows["omni"].unknown


# -- servers ------------------------------------------------------------------------------------------


def test_a_bought_server_draws_the_same_whatever_it_carries() -> None:
    bought = {"usd_per_gpu": 1.0, "pue": 1.5, "power_share": 0.5}
    found = own({"server": {"gpu": "h100-80gb", "replicas": 2, "gpus_per_replica": 4, "owned": bought}})
    # 8 x (0.7 x 0.5 + 1.2 / 8) x 1.5 = 6 kW for 744 h, over 31,000 requests
    close(of(found, omni__sent__calls=10)["omni"].kwh, 4464.0)
    close(of(found, omni__sent__calls=10)["omni"].joules_per_call, 4464 * 3_600_000 / 31_000)
    close(of(found, omni__sent__calls=2)["omni"].joules_per_call, 4464 * 3_600_000 / 6_200)
    close(of(found, omni__sent__calls=2)["omni"].kg, 4464 * 0.4)


def test_ranges_of_a_servers_figures_go_into_its_own() -> None:
    rented = of(own({"server": {"gpu": "h100-80gb"}}))["omni"]
    # draw 0.45, 0.82, 0.99 of 700 W and 150 W of host; PUE of a large cloud, at worst the industry's
    close(
        rented.kwh,
        744 * (0.7 * 0.45 + 0.15) * 1.09, 744 * (0.7 * 0.82 + 0.15) * 1.12, 744 * (0.7 * 0.99 + 0.15) * 1.58,
    )  # fmt: skip
    bought = of(own({"server": {"gpu": "h100-80gb", "owned": {"usd_per_gpu": 1.0}}}))["omni"]
    close(
        bought.kwh,
        744 * (0.7 * 0.45 + 0.15) * 1.55, 744 * (0.7 * 0.82 + 0.15) * 1.56, 744 * (0.7 * 0.99 + 0.15) * 1.58,
    )  # fmt: skip


def test_pue_of_the_plan_is_that_of_a_room_of_ones_own() -> None:
    finance = {**GRID, "pue": 2.0}
    bought = own(
        {"server": {"gpu": "h100-80gb", "owned": {"usd_per_gpu": 1.0, "power_share": 0.5}}}, finance=finance
    )
    close(of(bought)["omni"].kwh, 744 * 0.5 * 2)


# -- providers -----------------------------------------------------------------------------------------


def test_own_joules_of_a_token_price_answers_hidden_ones_and_prompts() -> None:
    found = own({"latency": {"total_s": 1.0}}, {"joules_per_output_token": 2.0})
    row = of(
        found, omni__sent__input=1500, omni__api__input=1000, omni__api__cached_input=500, omni__api__output=100,
        omni__api__reasoning=50, omni__wasted_timeout__output=10, omni__sent__calls=10,
    )["omni"]  # fmt: skip
    # a request: 16 tokens out; 100 tokens in, of which each counts as 0, 0.37 or 0.67 of one out
    close(row.joules_per_request, 32.0, 2 * (16 + 37), 2 * (16 + 67))
    close(row.grams_per_request, *(joules * 400 / 3_600_000 for joules in (32, 106, 166)))


def test_gpt_4o_takes_what_is_published_for_a_short_query() -> None:
    found = scenario(traffic__requests_per_month=DAILY, finance=GRID)
    row = of(found, omni__api__output=5000)["omni"]  # 500 tokens a request, as in the published query
    close(row.joules_per_request, 0.24 * 3600, 0.3 * 3600, 0.34 * 3600)
    long = of(found, omni__sent__input=100_000, omni__api__output=5000)["omni"]
    # 10,000 tokens in: about 2.5 Wh (Epoch AI)
    assert long.joules_per_request is not None
    assert long.joules_per_request.central / 3600 == pytest.approx(2.5, rel=0.02)


def test_open_models_take_what_was_measured_with_host_and_building_on_top() -> None:
    found = scenario(
        traffic__requests_per_month=DAILY,
        deployments={"omni": {"model": "llama-3.1-8b-instruct", "provider": "deepinfra"}},
        finance=GRID,
    )
    row = of(found, omni__api__output=1000)["omni"]
    host = 1 + 150 / (700 * 0.82)
    close(row.joules_per_request, 7.02 * host * 1.09, 9.51 * host * 1.12, 45.48 * host * 1.2)


def test_a_strong_model_without_a_figure_gets_a_wide_stand_in_that_says_so() -> None:
    known = profiles.token_energy("gpt-6.1-sol")
    assert known is not None
    assert (known.low, known.central, known.high) == pytest.approx((1.728, 2.16, 21.6))
    assert known.source.startswith("no figure is published for this model")
    assert known.confidence == "low"


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-6-luna", "lfm2.5-1.2b", "nobody-1"])
def test_small_closed_models_have_no_figure(model: str) -> None:
    assert profiles.token_energy(model) is None


def test_an_unknown_model_is_named_with_what_to_give() -> None:
    mini = "gpt-4o-mini-2024-07-18"
    found = scenario(deployments={"omni": {"model": mini, "provider": "openai"}})
    rows = of(found, omni__api__output=100)
    assert rows["omni"].kwh is None
    assert (
        rows["omni"].unknown
        == f"no figure of energy is known for {mini}; give models.{mini}.joules_per_output_token"
    )
    assert rows["all"].unknown == rows["omni"].unknown
    # who is never called takes nothing, known or not
    assert of(found)["omni"].kwh == (0, 0, 0)


def test_after_a_migration_tokens_take_the_successors_energy() -> None:
    found = own(
        {"latency": {"total_s": 1.0}},
        models={"ours": {"joules_per_output_token": 2.0}, "next": {"joules_per_output_token": 1.0}},
        finance={**GRID, "migrations": [{"at": "2025-01-11", "from": "ours", "to": "next"}]},
    )
    used = counted(requests=10, omni__api__output=100)
    rows = footprint(found, "omni-only", [Window(era=0), Window(era=1)], [used, used])
    # 10 tokens a request: 10 days at 20 J, 21 days at 10 J
    close(rows[0].kwh, (10_000 * 20 + 21_000 * 10) / 3_600_000)


# -- the whole ------------------------------------------------------------------------------------------


def cascade(verifier: dict) -> Scenario:
    return scenario(
        traffic__requests_per_month=DAILY,
        models={"ours": {}},
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "own": {
                "model": "ours",
                "server": {"gpu": "h100-80gb", "owned": {"usd_per_gpu": 1.0, "pue": 1.0, "power_share": 0.5}},
            },
        },
        strategies={
            "both": {"omni": ["omni"], "mini": ["own"], "router": {"kind": "cascade", "verifier": verifier}}
        },
        finance=GRID,
    )


def test_deployments_and_checks_add_up_to_the_sum() -> None:
    found = cascade({"model": OMNI, "provider": "openai"})
    rows = of(found, "both", omni__api__output=5000, none__verifier__output=500, none__verifier__calls=10)
    close(rows["own"].kwh, 372.0)  # 0.5 kW
    close(rows["omni"].kwh, *(31 * wh for wh in (0.24, 0.3, 0.34)))
    close(rows["verifier"].kwh, *(3.1 * wh for wh in (0.24, 0.3, 0.34)))
    close(rows["all"].kwh, *(372 + 34.1 * wh for wh in (0.24, 0.3, 0.34)))
    close(rows["all"].kg, *(0.4 * (372 + 34.1 * wh) for wh in (0.24, 0.3, 0.34)))
    assert rows["all"].requests == pytest.approx(31_000)


def test_a_verifier_on_ones_own_server_takes_nothing_beside_it() -> None:
    rows = of(cascade({"model": "ours"}), "both", none__verifier__output=500)
    assert rows["verifier"].kwh == (0, 0, 0)
    assert rows["verifier"].source.startswith("runs on own")


def test_carbon_comes_from_the_catalogue_where_it_is_not_given() -> None:
    found = own({"device": FLEET}, finance={"horizon_months": 1})
    row = of(found, omni__busy__ms=36_000)["omni"]
    close(row.grams_per_request, *(90 * grams / 3_600_000 for grams in (50, 370, 700)))
    assert "from memory" in row.source


def test_rows_are_plain_values() -> None:
    row = of(own({"device": FLEET}), omni__busy__ms=36_000)["omni"]
    plain = json.loads(json.dumps(row.to_dict()))
    assert plain["joules_per_request_central"] == pytest.approx(90.0)
    assert plain["unknown"] is None
    frame = to_frame(list(of(own({"device": FLEET}), omni__busy__ms=36_000).values()))
    assert list(frame["deployment"]) == ["omni", "all"]
    assert frame["kwh_low"].iloc[0] == pytest.approx(0.775)


def test_footprints_are_no_part_of_the_bill() -> None:
    dirty, clean = (
        own({"device": FLEET}, finance={**GRID, "carbon_g_per_kwh": grams}) for grams in (5000.0, 0.0)
    )
    used = counted(requests=10, omni__busy__ms=36_000)
    one, other = (account(found, "omni-only", [Window()], [used]) for found in (dirty, clean))
    assert one.rows == other.rows


def test_a_comparison_tells_the_footprint_of_each_strategy() -> None:
    from tests.test_hand_check import ROOT

    found = planner.compare(
        planner.load(ROOT / "scenarios" / "on-device.yaml").set({"run.window_s": 600}), replications=2
    )
    rows = {row.deployment: row for row in found.footprint("device-only")}
    assert set(rows) == {"terminal", "all"}
    kwh = sum(row.quantity for row in found.results["device-only"].ledger.select(account="energy").rows)
    # the ledger rounds a row's quantity to a millionth: 36 months of two tasks
    assert rows["terminal"].kwh is not None
    assert rows["terminal"].kwh.central == pytest.approx(float(kwh), abs=72 * 5e-7)
    assert found.footprint("hybrid")[-1].unknown.startswith("no figure of energy is known for gpt-6-luna")
