"""Penalties for months below a promise and credits of providers, against closed forms and by hand."""

import math
from decimal import Decimal

import pytest

from planner.finance import account, assumptions, cost_vectors, tco
from planner.finance.hand_check import HandCheck
from planner.finance.horizon import plan_of
from planner.finance.uptime import breach_chances, chains_of, credit_shares
from planner.scenario.fields import Scenario
from planner.workload.outage_months import REPLICATIONS
from tests.finance.plans import OMNI, Window, counted, scenario
from tests.scenario.samples import problems_with

D = Decimal
MINI = "gpt-4o-mini-2024-07-18"
RARE = {"mtbf_h": 1000.0, "duration_h": {"fixed": 2.0}}
OFTEN = {"mtbf_h": 10.0, "duration_h": {"fixed": 5.0}}  # up exp(-0.5) = 61 % of the time
BANDS = [{"below": 0.999, "share": 0.1}, {"below": 0.9, "share": 0.3}]


def plan(outages: object = RARE, sla: dict | None = None, **changes: object) -> Scenario:
    omni = {"model": OMNI, "provider": "openai", "outages": outages, **({"sla": sla} if sla else {})}
    return scenario(deployments={"omni": omni}, **changes)


def promise(availability: float, usd: float = 1000.0) -> dict:
    return {"availability": availability, "penalty_usd_per_month": usd}


def months(found: Scenario, strategy: str = "omni-only"):
    return plan_of(found, strategy).months


def near(chance: float, expected: float) -> None:
    assert abs(chance - expected) <= 4 * math.sqrt(expected * (1 - expected) / REPLICATIONS)


# -- penalties -----------------------------------------------------------------------------------------


def test_a_promise_of_no_outage_at_all_is_broken_as_often_as_one_comes() -> None:
    found = plan(finance__sla=promise(1.0))
    (chance,) = breach_chances(found, "omni-only", months(found))
    near(float(chance), 1 - math.exp(-(744 + 2) / 1000))
    ledger = account(found, "omni-only", [Window()], [counted()])
    (row,) = ledger.rows
    assert (row.account, row.view, row.unit_price_usd) == ("penalties", "invoiced", D(1000))
    assert row.quantity == D(chance.numerator) / D(chance.denominator)
    assert "2,000 replications" in row.source


def test_a_promise_that_one_outage_does_not_break_is_broken_by_two() -> None:
    """4 h are allowed: 1.5 outages of 2.67 h. Overlaps of rare ones are a matter of a percent."""
    rare = {"mtbf_h": 1000.0, "duration_h": {"fixed": 2.67}}
    found = plan(rare, finance__sla=promise(1 - 4 / 744))
    (chance,) = breach_chances(found, "omni-only", months(found))
    mean = 744 / 1000
    two_or_more = 1 - math.exp(-mean) * (1 + mean)
    assert float(chance) == pytest.approx(two_or_more, abs=4 * math.sqrt(0.17 / REPLICATIONS) + 0.01)


def test_what_never_goes_out_breaks_no_promise_and_what_always_does_breaks_each() -> None:
    found = plan(None, finance__sla=promise(1.0))
    assert account(found, "omni-only", [Window()], [counted()]).rows == ()
    found = plan(OFTEN, finance__sla=promise(0.99), finance__horizon_months=3)
    rows = account(found, "omni-only", [Window()], [counted()]).rows
    assert [(row.month, row.amount_usd) for row in rows] == [(f"2025-0{n}", D(1000)) for n in (1, 2, 3)]


def test_a_part_of_a_month_pays_its_part() -> None:
    found = plan(OFTEN, start="2025-01-15", finance__sla=promise(0.99, 310.0))
    rows = account(found, "omni-only", [Window()], [counted()]).rows
    assert [row.quantity for row in rows] == [D("0.548387"), D("0.5")]


def test_a_second_provider_breaks_fewer_promises() -> None:
    two = {
        "a": {"model": OMNI, "provider": "openai", "outages": RARE},
        "b": {"model": OMNI, "provider": "azure", "outages": RARE},
    }
    found = scenario(
        deployments=two,
        strategies={"one": {"omni": ["a"]}, "both": {"omni": ["a", "b"]}},
        finance__sla=promise(0.9999),
    )
    (one,), (both,) = (breach_chances(found, name, months(found, name)) for name in ("one", "both"))
    # both out for more than 4.5 min of the month: starts within two hours of one another, at 0.744 a month each
    assert 0 < both < one / 50


def test_replications_are_named_so_the_same_plan_has_the_same_penalty() -> None:
    found = plan(finance__sla=promise(0.999))
    again = plan(finance__sla=promise(0.999, 5.0))
    assert breach_chances(found, "omni-only", months(found)) == breach_chances(
        again, "omni-only", months(again)
    )


# -- who may answer --------------------------------------------------------------------------------------


def tiers(**strategy: object) -> tuple[tuple[str, ...], ...]:
    found = scenario(
        deployments={name: {"model": OMNI, "provider": "openai"} for name in ("a", "b", "c", "d")},
        strategies={"all": strategy},
    )
    return chains_of(found, "all")


def test_each_tier_and_each_rule_is_a_chain() -> None:
    assert tiers(omni=["a", "b"]) == (("a", "b"),)
    assert tiers(omni=["a"], mini=["b", "c"]) == (("a",), ("b", "c"))
    rule = {"when": {"sensitive": True}, "to": ["d"]}
    assert tiers(omni=["a"], mini=["b"], rules=[rule]) == (("a",), ("b",), ("d",))
    to_group = {"when": {"sensitive": True}, "to": "extra"}
    assert tiers(omni=["a"], groups={"extra": ["c"]}, rules=[to_group]) == (("a",), ("c",))


def test_groups_that_nobody_is_sent_to_first_are_no_chain_but_stand_in() -> None:
    groups = {"groups": {"extra": ["c"], "last": ["d"]}}
    assert tiers(omni=["a"], **groups, fallbacks={"omni": ["extra"]}) == (("a", "c"),)
    chained = {"omni": ["extra"], "extra": {"error": ["last"]}}
    assert tiers(omni=["a"], **groups, fallbacks=chained) == (("a", "c", "d"),)
    assert tiers(omni=["a"], **groups, fallbacks={"omni": {"limit": ["extra"]}}) == (("a",),)


def test_a_router_that_sends_all_to_one_tier_needs_only_that() -> None:
    for share, chain in ((0.0, ("b",)), (1.0, ("a",))):
        router = {"kind": "threshold", "omni_share": share}
        assert tiers(omni=["a"], mini=["b"], router=router) == (chain,)


# -- credits -------------------------------------------------------------------------------------------


def test_credits_are_the_share_of_the_band_on_the_spend_there() -> None:
    found = plan(OFTEN, {"credits": BANDS})
    used = counted(omni__api__input=1000, omni__api__output=100, omni__wasted_timeout__output=10)
    ledger = account(found, "omni-only", [Window()], [used])
    by = ledger.by("account")
    # 31 million requests of 0.0025 in, 0.001 out and 0.0001 wasted; never up 90 % of a month
    assert by["credits"] == -D("0.3") * 31_000_000 * D("0.0036")
    assert ledger.total() == D("0.7") * 31_000_000 * D("0.0036")
    (row,) = ledger.select(account="credits").rows
    assert (row.view, row.task, row.deployment, row.unit_price_usd) == ("invoiced", "faq", "omni", D("-0.3"))


def test_the_expected_band_follows_the_law_of_outages() -> None:
    """With episodes of two hours, 0.27 % of a month each: below 99.9 % in a month that any falls into but for its edges."""
    found = plan(RARE, {"credits": [{"below": 0.999, "share": 0.1}, {"below": 0.996, "share": 0.5}]})
    (share,) = credit_shares(found, "omni", months(found))
    # one 0.1, two or more 0.5; all but 0.744 h of the start of a first one count
    mean = (744 + 2 - 2 * 0.744) / 1000
    one, more = mean * math.exp(-mean), 1 - (1 + mean) * math.exp(-mean)
    assert float(share) == pytest.approx(0.1 * one + 0.5 * more, abs=0.02)


def test_credits_and_penalties_pass_hand_check_intervals_and_assumptions() -> None:
    found = plan(OFTEN, {"credits": BANDS}, finance__sla=promise(0.99), finance__discount_rate=0.1)
    windows = [Window(weight=0.5)] * 2
    counts = [counted(omni__api__input=1000), counted(omni__api__input=1400, omni__wasted_timeout__output=10)]
    ledger = account(found, "omni-only", windows, counts)
    check = HandCheck(found, "omni-only", windows, counts, ledger)
    for name in check.accounts:
        assert check.bill("2025-01", name).difference_usd == 0
    steps = {step.name: step.amount_usd for step in check.bill("2025-01").steps}
    assert steps["credits of providers"] == ledger.by("account")["credits"]
    vectors = cost_vectors(found, "omni-only", windows, counts)
    for measure in ("invoiced_usd", "economic_npv_usd"):
        assert vectors.estimate(measure) == pytest.approx(
            float(getattr(tco(found, ledger), measure)), rel=1e-9
        )
    rows = {row.what: row.value for row in assumptions(found, "omni-only")}
    assert rows["credit of omni below 0.9 of a month"] == "0.3"
    assert (rows["availability promised"], rows["month below it"]) == ("0.99", "1000")


def test_what_a_platform_buys_brings_no_credits() -> None:
    found = plan(OFTEN, {"credits": BANDS}, gateway={"kind": "unified"})
    assert "credits" not in account(found, "omni-only", [Window()], [counted(omni__api__input=1000)]).by(
        "account"
    )


def test_waste_is_told_without_its_credit() -> None:
    found = plan(OFTEN, {"credits": BANDS})
    used = [counted(omni__api__input=1000, omni__wasted_timeout__output=10)] * 2
    vectors = cost_vectors(found, "omni-only", [Window(weight=0.5)] * 2, used)
    assert vectors.estimate("wasted") == pytest.approx(31_000_000 * 10 * 0.00001)


# -- bad input -----------------------------------------------------------------------------------------


def test_bands_go_down_and_give_more() -> None:
    def said(*bands: tuple[float, float]) -> list[str]:
        sla = {"credits": [{"below": below, "share": share} for below, share in bands]}
        return problems_with({"deployments.a.sla": sla})

    assert said((0.999, 0.1), (0.99, 0.25)) == []
    assert said((0.99, 0.1), (0.999, 0.25)) == [
        "deployments.a.sla.credits[1].below: got 0.999; allowed: below 0.99, as in the band before it"
    ]
    assert said((0.999, 0.25), (0.99, 0.1)) == [
        "deployments.a.sla.credits[1].share: got 0.1; allowed: above 0.25, as in the band before it"
    ]


def test_planted_outages_say_nothing_of_a_month() -> None:
    planted = [{"from_s": 0, "to_s": 60}]
    text = "outages planted in every window say nothing of a month, and {} of months; give {}"
    assert problems_with({"deployments.a.outages": planted, "finance.sla": promise(0.99)}) == [
        "deployments.a.outages: " + text.format("finance.sla is", "{mtbf_h, duration_h}")
    ]
    assert problems_with({"deployments.a.outages": planted, "deployments.a.sla": {"credits": BANDS}}) == [
        "deployments.a.sla: " + text.format("credits are", "outages {mtbf_h, duration_h}")
    ]
    gateway = {"kind": "unified", "outages": planted}
    (found,) = problems_with({"gateway": gateway, "finance.sla": promise(0.99)})
    assert found.startswith("gateway.outages: outages planted in every window")


def test_own_hardware_gives_no_credits() -> None:
    own = {
        "model": "m",
        "latency": {"total_s": 1},
        "limits": {"concurrent": 5},
        "server": {"gpu": "h100-80gb"},
    }
    assert problems_with({"deployments.b": {**own, "sla": {"credits": BANDS}}}) == [
        "deployments.b.sla: own hardware has no provider who gives credits; leave it out"
    ]
