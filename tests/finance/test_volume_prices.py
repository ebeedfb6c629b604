"""Tiers, commitments, prepaid credit and negotiated factors: bills worked by hand, and closed forms on drawn figures."""

import dataclasses
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.finance import account, assumptions, tco
from planner.finance.adjustments import Adjustment, Knot, PricesMove, Scope, amounts, exact_quantities
from planner.finance.hand_check import HandCheck
from planner.finance.horizon import plan_of, standing_ledger
from planner.finance.ledger import Ledger
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal
MINI = "gpt-4o-mini-2024-07-18"
# January: 31 million requests; 500 tokens in at 2.50 and 200 out at 10 per million: 38,750 + 62,000 = 100,750 USD.
COUNTS = counted(requests=100, omni__api__input=50_000, omni__api__output=20_000)
SPEND = D(100_750)


def bill(plan, counts=COUNTS, strategy: str = "omni-only") -> Ledger:
    ledger = account(plan, strategy, [Window()], [counts])
    check = HandCheck(plan, strategy, [Window()], [counts], ledger)
    for month in check.months:  # every bill of these tests can be worked by hand
        assert check.bill(month).difference_usd == 0
    return ledger


def by_account(ledger: Ledger) -> dict[str, Decimal]:
    return ledger.by("account")


def tiers(*steps: tuple[float, float], **changes: object) -> list[dict]:
    rule = {"provider": "openai", "steps": [{"above": above, "factor": factor} for above, factor in steps]}
    return [rule | changes]


# -- tiers -----------------------------------------------------------------------------------------


def test_graduated_tiers_price_each_part_of_the_spend_at_its_step() -> None:
    found = bill(scenario(finance__volume_prices=tiers((20_000, 0.9), (80_000, 0.8))))
    # 20,000 + 60,000 x 0.9 + 20,750 x 0.8 = 90,600
    assert found.total() == D(90_600)
    rows = [(r.quantity, r.unit, r.unit_price_usd) for r in found.select(account="volume prices").rows]
    assert rows == [(D(80_750), "USD", D("-0.1")), (D(20_750), "USD", D("-0.1"))]
    first = found.select(account="volume prices").rows[0]
    assert first.source == (
        "scenario: finance.volume_prices[0].steps[0]: graduated, times 0.9 above 20000 USD a month, times 1 below"
    )
    assert (first.month, first.view, first.task, first.deployment) == ("2025-01", "invoiced", None, None)


def test_volume_tiers_price_all_of_the_spend_at_the_highest_step_passed() -> None:
    found = bill(scenario(finance__volume_prices=tiers((20_000, 0.9), (80_000, 0.8), kind="volume")))
    assert found.total() == SPEND * D("0.8")
    at_the_threshold = bill(scenario(finance__volume_prices=tiers((100_750, 0.5), kind="volume")))
    assert at_the_threshold.total() == SPEND  # above means above


def test_tiers_of_tokens_count_each_price_by_itself() -> None:
    # 15,500 million tokens in and 6,200 million out; above 5,000 million of each a quarter off
    found = bill(scenario(finance__volume_prices=tiers((5e9, 0.75), of="tokens")))
    rows = [(r.quantity, r.unit, r.unit_price_usd) for r in found.select(account="volume prices").rows]
    assert rows == [
        (D(10_500_000_000), "token", D("-0.000000625")),
        (D(1_200_000_000), "token", D("-0.0000025")),
    ]
    assert found.total() == SPEND - D("6562.5") - D(3_000)


@pytest.mark.parametrize(
    "change",
    [
        {"finance__price_steps": [{"at": "2025-01-16", "model": OMNI, "factor": 1.000001}]},
        {"finance__negotiated": [{"provider": "openai", "factor": 0.999, "from": "2025-01-16"}]},
    ],
)
def test_tiers_of_tokens_whose_price_changes_within_a_month_are_refused(change: dict) -> None:
    """Half of a month's 15,500 million tokens on either side of a step of one millionth are not two times none above 10,000."""
    plan = scenario(finance__volume_prices=tiers((10e9, 0.5), of="tokens"), **change)
    with pytest.raises(
        PricesMove, match=rf"openai in 2025-01, as the price of {OMNI} \(input\) changes on 2025-01-16"
    ):
        bill(plan)
    by_money = scenario(finance__volume_prices=tiers((50_000, 0.5)), **change)
    assert D(75_000) < bill(by_money).total() < D(75_400)


def test_tiers_of_one_meter_or_model_leave_the_others_alone() -> None:
    plan = scenario(finance__volume_prices=tiers((0, 0.5), meters=["output"]))
    assert bill(plan).total() == D(38_750 + 31_000)
    other = scenario(finance__volume_prices=tiers((0, 0.5), model=MINI))
    assert bill(other).total() == SPEND


def test_months_count_by_themselves_and_a_part_of_a_month_has_that_part_of_a_threshold() -> None:
    plan = scenario(
        start="2025-01-17", finance__horizon_months=1, finance__volume_prices=tiers((31_000, 0.5))
    )
    # 15 days of January and 16 of February at 3,250 USD a day; thresholds 15/31 and 16/28 of 31,000
    found = bill(plan).by("month")
    january, february = D(15_000), Fraction(31_000 * 16, 28)
    assert found["2025-01"] == 15 * D(3_250) - (15 * D(3_250) - january) / 2
    assert abs(Fraction(found["2025-02"]) - (16 * 3_250 + february) / 2) < Fraction(1, 10**6)


def test_waste_and_checks_of_a_cascade_count_towards_tiers() -> None:
    plan = scenario(
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "mini": {"model": MINI, "provider": "openai"},
        },
        strategies={
            "omni-only": {
                "omni": ["omni"], "mini": ["mini"],
                "router": {"kind": "cascade", "verifier": {"model": MINI, "provider": "openai"}},
            }
        },
        finance__volume_prices=tiers((0, 0.5)),
    )  # fmt: skip
    counts = counted(requests=1, mini__api__input=1000, omni__wasted_timeout__output=10, none__verifier__input=200)  # fmt: skip
    ledger = account(plan, "omni-only", [Window()], [counts])
    tokens = sum(row.amount_usd for row in ledger.rows if row.unit == "token")
    assert ledger.by("group")["volume prices"] == -tokens / 2
    assert {row.group for row in ledger.rows if row.unit == "token"} == {"api", "wasted", "verifier"}


# -- commitments -----------------------------------------------------------------------------------


def commitment(**changes: object) -> list[dict]:
    return [{"name": "EA", "provider": "openai", "usd_per_month": 90_000.0, "months": 1} | changes]


@pytest.mark.parametrize(("usd", "paid"), [(90_000, 100_750), (100_750, 100_750), (150_000, 150_000)])
def test_a_month_costs_the_commitment_or_its_use_whichever_is_more(usd: float, paid: int) -> None:
    found = bill(scenario(finance__commitments=commitment(usd_per_month=float(usd))))
    assert found.total() == D(paid)
    unused = by_account(found).get("commitment/unused", D(0))
    assert unused == max(D(0), D(usd) - SPEND)


def test_a_price_level_of_the_agreement_is_for_all_use_and_counts_towards_it() -> None:
    found = by_account(bill(scenario(finance__commitments=commitment(factor=0.8))))
    assert found["commitment/price level"] == -SPEND / 5
    assert found["commitment/unused"] == D(90_000) - SPEND * D("0.8")
    assert sum(found.values()) == D(90_000)


def test_a_commitment_is_owed_where_nobody_asks_anything() -> None:
    counts = counted(requests=100)
    found = bill(scenario(finance__commitments=commitment()), counts)
    assert by_account(found) == {"commitment/unused": D(90_000)}


def test_what_would_stand_without_a_request_holds_the_commitment_and_not_what_use_saves() -> None:
    plan = plan_of(
        scenario(finance__commitments=commitment(), finance__volume_prices=tiers((1, 0.5))), "omni-only"
    )
    assert by_account(standing_ledger(plan)) == {"commitment/unused": D(90_000)}
    assert len(standing_ledger(plan, is_adjusted=False)) == 0


def test_a_commitment_runs_for_its_months_and_binds_who_signed() -> None:
    plan = scenario(
        finance__horizon_months=3,
        finance__commitments=commitment(usd_per_month=200_000.0, starts="2025-02-01", strategies=["a"]),
        strategies={"a": {"omni": ["omni"]}, "b": {"omni": ["omni"]}},
    )
    assert bill(plan, strategy="a").by("month") == {
        "2025-01": SPEND,
        "2025-02": D(200_000),
        "2025-03": SPEND,
    }
    assert bill(plan, strategy="b").by("month")["2025-02"] == D(91_000)


def test_use_of_other_providers_does_not_count() -> None:
    plan = scenario(
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "azure": {"model": "gpt-4o", "provider": "azure"},
        },
        strategies={"omni-only": {"omni": [["omni", "azure"]]}},
        finance__commitments=commitment(usd_per_month=50_000.0),
        start="2025-06-01",
    )
    counts = counted(requests=100, omni__api__input=40_000, azure__api__input=10_000)
    # June: 30 million requests: 30,000 USD at openai, 7,500 at azure
    assert by_account(bill(plan, counts)) == {"api/input": D(37_500), "commitment/unused": D(20_000)}


def test_a_commitment_counts_what_tiers_leave() -> None:
    plan = scenario(
        finance__commitments=commitment(), finance__volume_prices=tiers((20_000, 0.9), (80_000, 0.5))
    )
    found = by_account(bill(plan))
    # 20,000 + 54,000 + 10,375 = 84,375 of use
    assert found["volume prices"] == D(84_375) - SPEND
    assert found["commitment/unused"] == D(5_625)


# -- prepaid credit --------------------------------------------------------------------------------


def test_credit_costs_a_share_of_all_that_is_paid_of_it() -> None:
    plan = scenario(
        finance__prepaid=[{"provider": "openai", "fee": 0.05}], finance__commitments=commitment(factor=0.8)
    )
    assert by_account(bill(plan))["prepaid fee"] == D(4_500)  # of the 90,000 that the month costs


def test_credit_of_a_platform_pays_for_tokens_and_its_fee_and_providers_credit_is_not_bought() -> None:
    plan = scenario(
        gateway={"kind": "unified", "fee": 0.1},
        finance__prepaid=[{"through": "gateway", "fee": 0.05}, {"provider": "openai", "fee": 0.5}],
    )
    found = by_account(bill(plan))
    assert found["gateway fee"] == SPEND / 10
    assert found["prepaid fee"] == SPEND * D("1.1") * D("0.05")
    direct = scenario(finance__prepaid=plan.finance.model_dump(by_alias=True)["prepaid"][1:])
    assert by_account(bill(direct))["prepaid fee"] == SPEND / 2


# -- negotiated factors ----------------------------------------------------------------------------


def factors(*rows: dict) -> dict:
    return {"finance__negotiated": [{"provider": "openai"} | row for row in rows]}


def test_a_negotiated_factor_is_on_list_prices_on_its_days() -> None:
    plan = scenario(**factors({"factor": 0.8, "from": "2025-01-11", "to": "2025-01-21", "source": "EA-7"}))
    found = bill(plan)
    assert found.total() == 21 * D(3_250) + 10 * D(3_250) * D("0.8")
    reduced = [row for row in found.rows if "negotiated" in row.source]
    assert len(reduced) == 2
    assert reduced[0].source.endswith(", times 0.8 negotiated (scenario: finance.negotiated[0], EA-7)")
    assert reduced[0].unit_price_usd == D("0.000002")


def test_a_factor_of_a_model_takes_the_place_of_one_for_all_and_own_prices_are_left_alone() -> None:
    both = factors({"factor": 0.9}, {"factor": 0.5, "model": OMNI})
    assert bill(scenario(**both)).total() == SPEND / 2
    own = scenario(models={OMNI: {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10.0}}, **both)
    assert bill(own).total() == SPEND
    elsewhere = scenario(finance__negotiated=[{"provider": "azure", "factor": 0.5}])
    assert bill(elsewhere).total() == SPEND


def test_negotiated_factors_price_steps_and_batches_multiply() -> None:
    plan = scenario(
        tasks__faq__urgency="batch",
        finance__price_steps=[{"at": "2025-01-01", "model": OMNI, "factor": 0.5}],
        **factors({"factor": 0.8}),
    )
    assert bill(plan).total() == SPEND * D("0.5") * D("0.5") * D("0.8")


# -- closed forms ----------------------------------------------------------------------------------

money = st.decimals(0, 10**7, places=4, allow_nan=False)
factor = st.decimals("0.01", 3, places=3, allow_nan=False)
steps = st.lists(st.tuples(money, factor), min_size=1, max_size=5, unique_by=lambda step: step[0]).map(sorted)


def adjustment(rule: list[tuple[Decimal, Decimal]], part: str) -> Adjustment:
    before, knots = D(1), []
    for above, level in rule:
        knots.append(Knot(part=part, threshold=above, slope_usd=level - before, account="t", source=""))
        before = level
    return Adjustment(month="m", scope=Scope(), knots=tuple(knots))


def worked(one: Adjustment, base: Decimal) -> Fraction:
    return sum(
        (Fraction(units) * Fraction(knot.slope_usd) for knot, units in one.quantities(base)), Fraction(0)
    )


def closed_form(rule: list[tuple[Decimal, Decimal]], use: Decimal) -> Fraction:
    """What graduated tiers cost: each part of the use times its own factor, summed over parts."""
    edges = [D(0), *(above for above, _ in rule)]
    levels = [D(1), *(level for _, level in rule)]
    total = Fraction(0)
    for place, (low, level) in enumerate(zip(edges, levels, strict=True)):
        high = edges[place + 1] if place + 1 < len(edges) else max(use, low)
        total += Fraction(level) * max(Fraction(0), Fraction(min(use, high)) - Fraction(low))
    return total


@given(steps, money)
def test_graduated_tiers_are_the_sum_over_parts(rule: list[tuple[Decimal, Decimal]], use: Decimal) -> None:
    assert Fraction(use) + worked(adjustment(rule, "above"), use) == closed_form(rule, use)


@given(steps, money, st.decimals("0.0001", 100, places=4, allow_nan=False))
def test_graduated_tiers_are_continuous_and_grow_with_use(
    rule: list[tuple[Decimal, Decimal]], use: Decimal, more: Decimal
) -> None:
    one = adjustment(rule, "above")
    growth = Fraction(more) + worked(one, use + more) - worked(one, use)
    dearest, cheapest = max(D(1), *(level for _, level in rule)), min(D(1), *(level for _, level in rule))
    assert Fraction(cheapest) * Fraction(more) <= growth <= Fraction(dearest) * Fraction(more)
    assert growth > 0


@given(steps, money)
def test_volume_tiers_are_use_times_the_highest_step_passed(
    rule: list[tuple[Decimal, Decimal]], use: Decimal
) -> None:
    level = next((level for above, level in reversed(rule) if use > above), D(1))
    assert Fraction(use) + worked(adjustment(rule, "whole"), use) == Fraction(use) * Fraction(level)


@settings(max_examples=40, deadline=None)
@given(
    tokens=st.integers(0, 10**6),
    committed=st.decimals("0.01", 10**6, places=2, allow_nan=False),
    level=factor,
    rule=steps,
)
def test_a_bill_is_the_maximum_of_commitment_and_use_exactly(
    tokens: int, committed: Decimal, level: Decimal, rule: list[tuple[Decimal, Decimal]]
) -> None:
    plan = scenario(
        finance__volume_prices=tiers(*((float(above), float(one)) for above, one in rule)),
        finance__commitments=commitment(usd_per_month=float(committed), factor=float(level)),
    )
    counts = counted(requests=100, **({"omni__api__input": tokens} if tokens else {}))
    ledger = bill(plan, counts)
    use = sum((row.amount_usd for row in ledger.rows if row.unit == "token"), D(0))
    after_tiers = closed_form(rule, use)
    assert Fraction(ledger.total()) == max(Fraction(committed), Fraction(level) * after_tiers)


@given(st.lists(money, min_size=1, max_size=6), steps, money, factor)
def test_the_float_twin_is_the_ledgers(
    uses: list[Decimal], rule: list[tuple[Decimal, Decimal]], committed: Decimal, level: Decimal
) -> None:
    tier = adjustment(rule, "above")
    unused = Knot(part="below", threshold=committed, slope_usd=D(1), account="c", source="")
    many = (
        tier,
        dataclasses.replace(tier, scale=level, adds=(0,), knots=(unused,)),
        dataclasses.replace(adjustment(rule, "above"), adds=(0, 1)),
    )
    floats = amounts(many, np.array([[float(use) for use in uses]] * 3))
    assert floats.shape == (3, len(uses))
    for place, use in enumerate(uses):
        exact = [Fraction(0)] * 3
        for one, knot, units in exact_quantities(many, [use] * 3):
            exact[many.index(one)] += Fraction(units) * Fraction(knot.slope_usd)
        assert floats[:, place] == pytest.approx([float(usd) for usd in exact], rel=1e-9, abs=1e-5)


# -- the rest of the plan --------------------------------------------------------------------------


def test_without_any_of_these_fields_there_are_no_adjustments() -> None:
    assert plan_of(scenario(), "omni-only").adjustments == ()


def test_commitments_are_discounted_with_their_month() -> None:
    plan = scenario(
        finance={
            "horizon_months": 12, "discount_rate": 0.21, "commitments": commitment(months=12, usd_per_month=1_000.0),
        }
    )  # fmt: skip
    found = tco(plan, bill(plan, counted(requests=1)))
    assert found.invoiced_usd == D(12_000)
    by_hand = sum(1_000 * 1.21 ** (-month / 12) for month in range(1, 13))
    assert float(found.invoiced_npv_usd) == pytest.approx(by_hand, rel=1e-12)


def test_assumptions_list_every_figure_with_its_field() -> None:
    plan = scenario(
        finance__volume_prices=tiers((20_000, 0.9)),
        finance__commitments=commitment(factor=0.8),
        finance__prepaid=[{"provider": "openai", "fee": 0.05}],
        **factors({"factor": 0.7, "source": "EA-7"}),
    )
    rows = {row.what: (row.value, row.unit, row.source) for row in assumptions(plan, "omni-only")}
    assert rows["graduated tier at openai above 20000 USD/month (all models, all meters)"] == (
        "0.9", "times", "scenario: finance.volume_prices[0].steps[0]",
    )  # fmt: skip
    assert rows["EA: least spend at openai, 1 months from 2025-01-01"][:2] == ("90000", "USD/month")
    assert rows["EA: price level"][0] == "0.8"
    assert rows["fee on prepaid credit of openai"] == (
        "0.05",
        "share of spend",
        "scenario: finance.prepaid[0].fee",
    )
    assert rows["negotiated at openai for all models, 2025-01-01 to the end of the plan"] == (
        "0.7", "times list price", "scenario: finance.negotiated[0] (EA-7)",
    )  # fmt: skip
    assert rows[f"input price of {OMNI} at openai from 2025-01-01"][0] == "1.75"
