"""Provisioned units: the published sizing examples, bills by the hour and by the month, and the limits that they make."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import limiting
from planner.catalogue.provisioned import unit_price, units_needed, units_of
from planner.errors import CatalogueError, PriceUnknown
from planner.finance import account, assumptions, long_thresholds
from planner.scenario.batches import terms_of
from planner.scenario.known import counts_cached, kind_of, limits_of
from planner.scenario.quotas import quotas_of
from planner.workload.windows import eras
from tests.finance.plans import Window, counted, scenario

D = Decimal
MINI = "gpt-4o-mini"


def plan(provisioned: dict[str, Any], limits: dict[str, Any] | None = None, **changes: Any) -> Any:
    deployment: dict[str, Any] = {"model": MINI, "provider": "azure", "provisioned": provisioned}
    if limits is not None:
        deployment["limits"] = limits
    return scenario(deployments={"omni": deployment}, **changes)


# -- sizing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "generation", "per_minute", "units"),
    [(800, 150, 30, 15), (5000, 50, 1000, 140), (1000, 300, 500, 30)],
)
def test_units_needed_are_those_of_the_published_examples(
    prompt: int, generation: int, per_minute: int, units: int
) -> None:
    """MicrosoftDocs/azure-ai-docs articles/ai-services/openai/how-to/latency.md, gpt-4o-mini."""
    assert units_needed(MINI, prompt * per_minute, generation * per_minute) == units


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.sampled_from(["global", "regional"]))
def test_units_needed_are_the_fewest_that_are_sold_and_work_off_the_load(
    sent: int, out: int, reach: str
) -> None:
    found = units_of("gpt-4o", "azure")
    assert found is not None
    units = units_needed("gpt-4o", sent, out, reach=reach)
    minimum, step = found.minimum[reach], found.step[reach]
    assert (units - minimum) % step == 0
    assert units * 2500 >= sent + 3 * out
    assert units == minimum or (units - step) * 2500 < sent + 3 * out


def test_snapshots_have_their_models_units_and_unknown_ones_are_an_error() -> None:
    assert units_needed("gpt-4o-mini-2024-07-18", 5_000_000, 50_000) == 140
    assert units_needed("gpt-4o-2024-11-20", 0, 0) == 15
    with pytest.raises(CatalogueError, match="provisioned units of o1-mini at azure are not known"):
        units_needed("o1-mini", 1, 1)
    with pytest.raises(CatalogueError, match="provisioned units of gpt-4o at openai are not known"):
        units_needed("gpt-4o", 1, 1, provider="openai")
    with pytest.raises(
        CatalogueError, match="what an output token of o3-mini counts as at azure is not known"
    ):
        units_needed("o3-mini", 1, 1)
    with pytest.raises(PriceUnknown, match=r"no price of a provisioned unit \(global\) at openai is known"):
        unit_price("openai", "global")


# -- the bill --------------------------------------------------------------------------------------

COUNTS = counted(
    requests=100, omni__api__input=50_000, omni__api__output=20_000, omni__wasted_timeout__input=9
)


def bill(given_plan: Any, **changes: int) -> dict[str, Decimal]:
    ledger = account(given_plan, "omni-only", [Window()], [COUNTS])
    assert {row.deployment for row in ledger.rows} == {"omni"}
    return ledger.by("account")


def test_units_cost_their_hours_used_or_not_and_tokens_nothing() -> None:
    # 15 units x 744 h of January at 1 USD (list price, global), at 2 (regional: 25 units) and at 0.65
    assert bill(plan({"units": 15})) == {"provisioned": D(11_160)}
    assert bill(plan({"units": 25, "reach": "regional"})) == {"provisioned": D(37_200)}
    assert bill(plan({"units": 15, "usd_per_unit_hour": 0.65})) == {"provisioned": D(7_254)}
    nobody = account(plan({"units": 15}), "omni-only", [Window()], [counted()])
    assert nobody.total() == D(11_160)


def test_reserved_units_cost_their_month_and_a_part_of_one_its_part() -> None:
    reserved = {"units": 20, "reservation": {"usd_per_unit_month": 260.0, "months": 1}}
    assert bill(plan(reserved)) == {"provisioned": D(5_200)}
    from_the_17th = account(plan(reserved, start="2025-01-17"), "omni-only", [Window()], [COUNTS])
    rows = [(row.month, row.quantity, row.unit) for row in from_the_17th.rows]
    assert rows == [("2025-01", D("9.677419"), "unit-month"), ("2025-02", D("11.428571"), "unit-month")]


def test_own_prices_fees_tiers_and_commitments_find_no_tokens_to_charge() -> None:
    busy = plan(
        {"units": 15},
        models={MINI: {"input_usd_per_mtok": 5.0, "output_usd_per_mtok": 5.0}},
        gateway={"kind": "unified", "fee": 0.1},
        finance__volume_prices=[{"provider": "azure", "steps": [{"above": 0, "factor": 0.5}]}],
        finance__prepaid=[{"provider": "azure", "fee": 0.1}],
        finance__commitments=[{"name": "C", "provider": "azure", "usd_per_month": 1.0, "months": 1}],
    )
    assert bill(busy) == {"provisioned": D(11_160)}


def test_units_have_neither_a_batch_api_nor_a_long_context_price() -> None:
    unhurried = plan({"units": 15}, tasks__faq__urgency="batch", start="2026-12-01")
    assert terms_of(unhurried, "omni", MINI, unhurried.start) is None
    assert bill(unhurried) == {"provisioned": D(11_160)}
    long = scenario(
        start="2026-12-01",
        deployments={"omni": {"model": "gpt-5.4", "provider": "azure", "provisioned": {"units": 15}}},
    )
    assert long_thresholds(long, "omni-only", eras(long)[0].models, long.start) == {}


def test_assumptions_name_units_and_price_with_their_source() -> None:
    rows = {row.what: row for row in assumptions(plan({"units": 15}), "omni-only")}
    assert rows["provisioned units of omni"].value == "15"
    price = rows["price of a unit of omni"]
    assert (price.value, price.unit, price.as_of, price.confidence) == ("1", "USD/h", "2025", "medium")
    assert rows[f"{MINI} on omni"].source == "provisioned units, paid for whether used or not"
    assert not any(what.startswith("input price") for what in rows)


# -- limits ----------------------------------------------------------------------------------------


def rates(found: Any, model: str = MINI) -> tuple[Any, ...]:
    return limits_of(found.deployments["omni"], model)


def test_limits_are_what_the_units_keep_whatever_the_mix() -> None:
    # 15 x 37,000 = 555,000 input tokens a minute, an output token counts as 3: 185,000 of any kind, in whole hundreds
    assert rates(plan({"units": 15})) == ((None, 185_000, None, None), "prompt-plus-max-output")
    assert rates(plan({"units": 15}), "gpt-4.1") == ((None, 11_200, None, None), "prompt-plus-max-output")
    own = plan({"units": 7, "tokens_per_unit_minute": 1000, "output_weight": 2.5})
    assert rates(own)[0] == (None, 2_800, None, None)


def test_limits_of_ones_own_take_their_place() -> None:
    apart = plan({"units": 15}, {"input_tokens_per_minute": 255_000, "output_tokens_per_minute": 100_000})
    assert rates(apart)[0] == (None, None, 255_000, 100_000)
    assert rates(plan({"units": 15}, {"tokens_per_minute": 300_000}))[0] == (None, 300_000, None, None)
    assert rates(plan({"units": 15}, {"requests_per_minute": 60, "charge": "actual"})) == (
        (60, 185_000, None, None), "actual",
    )  # fmt: skip


def test_units_admit_below_full_use_and_are_set_right_at_the_end() -> None:
    deployment = plan({"units": 15}).deployments["omni"]
    assert kind_of(deployment) == limiting.LEAKY_BUCKET
    (quota,), charge = quotas_of(deployment, MINI)
    assert (quota.measure, quota.limit, quota.leaks, quota.settles) == (limiting.TOKENS, 185_000, True, True)
    assert charge == "prompt-plus-max-output"
    assert counts_cached(deployment, MINI) is False
    assert counts_cached(deployment.model_copy(update={"provider": None}), MINI) is True


@given(st.integers(1, 10**4), st.integers(1, 10**6), st.integers(0, 10**6))
def test_what_the_derived_limit_admits_the_units_work_off(units: int, sent: int, out: int) -> None:
    """Any mix of tokens within the derived limit is within input + weight x output of the units."""
    (_, most, _, _), _ = rates(plan({"units": units}))
    if sent + out <= most:
        assert sent + 3 * out <= units * 37_000
    assert Fraction(most + 100) * 3 > units * 37_000  # and not a hundred less than must be
