"""The hand check: every step worked on paper, from counts that are given.

Unless told otherwise 31 million requests of 500 tokens in and 200 out are planned in January 2025, at 2 and 8 USD per
million tokens: 31,000 and 49,600 USD.
"""

import dataclasses
import json
from decimal import Decimal
from fractions import Fraction as F
from random import Random
from typing import Any

import pytest

from planner.errors import PlannerError
from planner.experiments.cells import run_cell
from planner.finance import Ledger, account
from planner.finance.hand_check import STEPS, Bill, HandCheck, check_strategy
from planner.finance.quantities import Quantities
from planner.finance.tariff import Tariff
from planner.scenario import load
from planner.scenario.fields import Scenario
from planner.workload.windows import plan_windows
from tests.engines.policies import draw_scenario
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal
OWN = {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8, "cached_input_usd_per_mtok": 0.5, "cache_write_usd_per_mtok": 2.5}  # fmt: skip
TASK = {"shared_prefix_tokens": 100, "input_tokens": 400, "output_tokens": 200}
AS_PLANNED = {"omni__answers__right": 100, "omni__api__input": 50_000, "omni__api__output": 20_000}


def plan(**changes: Any) -> Scenario:
    return scenario(**{"models": {OMNI: OWN}, "tasks__faq": TASK} | changes)


def checked(given: Scenario, *counts: Quantities) -> HandCheck:
    windows = [Window()] * len(counts)
    return HandCheck(given, "omni-only", windows, counts, account(given, "omni-only", windows, list(counts)))


def bill(
    given: Scenario, counts: Quantities, month: str = "2025-01", account_name: str | None = None
) -> Bill:
    return checked(given, counts).bill(month, account_name)


def of(found: Bill) -> dict[str, Decimal]:
    """STEP: USD."""
    return {step.name: step.amount_usd for step in found.steps}


def counts(**changes: int) -> Quantities:
    given = {"requests": 100, **AS_PLANNED} | changes
    return counted(**{name: number for name, number in given.items() if number})


# -- the calculator --------------------------------------------------------------------------------


def test_a_month_that_goes_as_planned_is_the_calculators_own() -> None:
    found = bill(plan(), counts())
    lines = [(line.account, line.requests, line.share, line.tokens_per_request, line.unit_price_usd, line.amount_usd) for line in found.calculator]  # fmt: skip
    assert lines == [
        ("api/input", D(31_000_000), D(1), D(500), D("0.000002"), D(31_000)),
        ("api/output", D(31_000_000), D(1), D(200), D("0.000008"), D(49_600)),
    ]
    assert found.steps == ()
    assert found.start_usd == found.ledger_usd == D(80_600)
    assert found.difference_usd == 0


def test_growth_is_in_the_requests_and_a_price_step_inside_a_month_is_a_step() -> None:
    given = plan(
        finance__horizon_months=2,
        traffic__growth_per_month=0.5,
        finance__price_steps=[{"at": "2025-02-15", "model": OMNI, "factor": 0.5}],
    )
    found = bill(given, counts(), "2025-02")
    # 28 days of 1.5 million requests at the first day's prices; half of them at half the price
    assert {line.requests for line in found.calculator} == {D(42_000_000)}
    assert found.start_usd == D(42_000 + 67_200)
    assert of(found) == {"price steps and migrations inside the month": D(-10_500 - 16_800)}
    (step,) = found.steps
    assert [(line.account, line.quantity, line.unit_price_usd) for line in step.lines] == [
        ("api/input", D(-10_500_000_000), D("0.000002")),
        ("api/input", D(10_500_000_000), D("0.000001")),
        ("api/output", D(-4_200_000_000), D("0.000008")),
        ("api/output", D(4_200_000_000), D("0.000004")),
    ]
    assert found.ledger_usd == D(81_900)


# -- what the simulation adds ----------------------------------------------------------------------


def test_turns_never_asked_questions_asked_again_and_failures_change_the_number_of_requests() -> None:
    # of 100 planned 10 are never asked, 20 come again, and of these 110 fail 11
    found = bill(
        plan(),
        counts(
            requests=110, failed=11, none__requests__unasked=10, none__requests__repeated=20,
            omni__answers__right=99, omni__api__input=49_500, omni__api__output=19_800,
        ),
    )  # fmt: skip
    assert of(found) == {
        "turns never asked": D(-8_060),
        "questions asked again": D(16_120),
        "requests that failed": D(-8_866),
    }
    assert found.ledger_usd == D(79_794)
    assert [step.total_usd for step in found.steps] == [D(72_540), D(88_660), D(79_794)]


def test_a_call_that_was_billed_and_tried_again_is_a_step_of_its_cause() -> None:
    found = bill(
        plan(), counts(omni__wasted_timeout__input=5_000, omni__wasted_timeout__output=1_000, omni__wasted_hedge__output=10)
    )  # fmt: skip
    assert of(found) == {
        "billed without use: timeout": D(3_100 + 2_480),
        "billed without use: hedge": D("24.8"),
    }


def test_a_cache_takes_read_and_written_tokens_out_of_the_input() -> None:
    found = bill(plan(), counts(omni__api__input=20_000, omni__api__cached_input=25_000, omni__api__cache_write=5_000))  # fmt: skip
    assert of(found) == {"prompt cache": 310_000 * (D(-30_000 * 2 + 5_000 * 5 // 2) + D(12_500)) / 1_000_000}
    assert of(found) == {"prompt cache": D(-10_850)}
    (step,) = found.steps
    assert {line.account: line.quantity for line in step.lines} == {
        "api/input": D(-9_300_000_000),
        "api/cached_input": D(7_750_000_000),
        "api/cache_write": D(1_550_000_000),
    }


def test_routing_moves_requests_from_one_deployment_to_another() -> None:
    given = plan(
        models={OMNI: OWN, "small": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 1}},
        deployments={"omni": {"model": OMNI, "provider": "openai"}, "mini": {"model": "small"}},
        strategies={"omni-only": {"omni": ["omni", "mini"]}},
    )
    found = bill(
        given,
        counts(
            omni__answers__right=90, omni__api__input=45_000, omni__api__output=18_000,
            mini__answers__wrong=10, mini__api__input=5_000, mini__api__output=2_000,
        ),
    )  # fmt: skip
    assert of(found) == {"routing as it came out": D(-8_060 + 310 + 620)}
    (step,) = found.steps
    assert [(line.deployment, line.account, line.amount_usd) for line in step.lines] == [
        ("omni", "api/input", D(-3_100)),
        ("omni", "api/output", D(-4_960)),
        ("mini", "api/input", D(310)),
        ("mini", "api/output", D(620)),
    ]


def test_a_cascade_pays_first_answers_that_were_turned_down_and_checks() -> None:
    judge = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 4}
    given = plan(
        models={OMNI: OWN, "small": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 1}, "judge": judge},
        deployments={"omni": {"model": OMNI, "provider": "openai"}, "mini": {"model": "small"}},
        strategies={
            "omni-only": {"omni": ["omni"], "mini": ["mini"], "router": {"kind": "cascade", "verifier": {"model": "judge"}}}
        },
    )  # fmt: skip
    # mini answers all 100, 30 of its answers are turned down and omni answers them
    found = bill(
        given,
        counts(
            mini__answers__right=70, mini__api__input=50_000, mini__api__output=20_000, mini__delivered__output=14_000,
            omni__answers__right=30, omni__api__input=15_000, omni__api__output=6_000, omni__delivered__output=6_000,
            none__verifier__input=10_000, none__verifier__output=100, none__verifier__calls=100,
        ),
    )  # fmt: skip
    assert found.start_usd == D(3_100 + 6_200)
    assert of(found) == {
        "routing as it came out": D(-930 - 1_860 + 9_300 + 14_880),
        "a cascade's first answers and checks": D(930 + 1_860 + 3_100 + 124),
    }
    assert found.ledger_usd == D(36_704)


def test_what_a_rule_keeps_from_a_cascade_is_no_first_answer() -> None:
    judge = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 4}
    given = plan(
        models={OMNI: OWN, "small": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 1}, "judge": judge},
        deployments={"omni": {"model": OMNI, "provider": "openai"}, "mini": {"model": "small"}, "own": {"model": "small"}},
        strategies={
            "omni-only": {
                "omni": ["omni"], "mini": ["mini"], "router": {"kind": "cascade", "verifier": {"model": "judge"}},
                "rules": [{"when": {"task": "faq"}, "to": ["own"]}],
            }
        },
    )  # fmt: skip
    found = bill(given, counted(requests=100, own__answers__right=100, own__api__input=51_000, own__api__output=20_000))  # fmt: skip
    assert found.start_usd == D(3_100 + 6_200)
    assert of(found) == {"sizes as drawn": D(62)}


def test_answers_cut_at_their_longest_are_told_by_the_law() -> None:
    found = bill(plan(tasks__faq=TASK | {"max_output_tokens": 150}), counts(omni__api__output=15_000))
    assert of(found) == {"answers cut at their longest": D(-12_400)}


def test_hidden_tokens_are_a_step() -> None:
    found = bill(plan(), counts(omni__api__reasoning=10_000))
    assert of(found) == {"hidden reasoning": D(24_800)}


def test_sampling_is_what_sizes_were_drawn_beside_their_means() -> None:
    found = bill(plan(), counts(omni__api__input=50_700, omni__api__output=19_900))
    assert of(found) == {"sizes as drawn": D(434 - 248)}


def test_resent_context_comes_as_the_turns_mean_has_it_and_the_rest_is_drawn() -> None:
    # two turns on average: one before each, of 400 and 200 tokens; 109,000 came instead of 110,000 for 100 requests
    found = bill(plan(traffic__sessions={"turns_mean": 2}), counts(omni__api__input=109_000))
    steps = of(found)
    assert steps["context resent"] == D(37_200)
    assert steps["sizes as drawn"] == D(-620)


def test_long_prompts_pay_the_higher_price_in_a_step_of_their_own() -> None:
    given = plan(start="2026-06-01", deployments={"omni": {"model": "gemini-2.5-pro", "provider": "google"}})
    found = bill(
        given,
        counts(omni__api__input=10_000, omni__api_long__input=40_000, omni__api__output=19_000, omni__api_long__output=1_000),
        "2026-06",
    )  # fmt: skip
    # 30 million requests; of 100 requests 40,000 tokens at 2.50 instead of 1.25, and 1,000 at 15 instead of 10
    assert of(found) == {"long-context price": 300_000 * (D(50_000) + D(5_000)) / 1_000_000}


def test_fees_and_transfer_are_the_ledgers_own_rows() -> None:
    given = plan(gateway={"kind": "unified", "fee": 0.05}, finance__transfer_usd_per_gb=0.1)
    found = bill(given, counts(omni__sent__input=50_000, omni__delivered__output=20_000))
    steps = of(found)
    assert steps["gateway fee"] == D(4_030)
    rows = checked(given, counts(omni__sent__input=50_000, omni__delivered__output=20_000)).ledger
    assert steps["transfer"] == rows.select(account="transfer").total() > 0
    assert list(steps) == ["gateway fee", "transfer"]


def test_quantities_that_no_decimal_holds_are_rounded_last() -> None:
    """A request a day, 31 in January; 1,000 tokens of three requests are 333 1/3 each."""
    given = scenario(
        models={OMNI: OWN}, tasks__faq={"input_tokens": 333, "output_tokens": 1}, traffic__requests_per_month=30.4375
    )  # fmt: skip
    found = bill(
        given, counted(requests=3, omni__answers__right=3, omni__api__input=1_000, omni__api__output=3)
    )
    (line, _) = found.calculator
    assert (line.requests, line.quantity) == (D(31), D(31 * 333))
    drawn, rounding = found.steps
    assert [one.quantity for one in drawn.lines] == [D("10.333333333333333333")]
    assert rounding.name == "rounding of requests and quantities"
    assert [one.quantity for one in rounding.lines] == [D("-0.000000333333333333")]
    assert found.ledger_usd == D("10333.333333") * D("0.000002") + D(31) * D("0.000008")
    assert found.difference_usd == 0


def test_what_needs_no_request_and_what_is_counted_are_quantity_times_price() -> None:
    given = plan(
        tasks__faq=TASK | {"cost_of_wrong_answer_usd": 0.5},
        finance__people=[{"name": "run", "fte": 0.5, "usd_per_year": 120_000.0}],
        finance__one_time=[{"name": "set-up", "usd": 900.0}],
        finance__downtime_usd_per_hour=10.0,
    )
    found = bill(
        given, counts(failed=2, omni__answers__right=97, omni__answers__wrong=1, omni__api__input=49_000, omni__api__output=19_600)
    )  # fmt: skip
    assert [(line.account, line.amount_usd) for line in found.standing] == [("one-time", D(900)), ("people", D(5_000))]  # fmt: skip
    assert [(line.account, line.view, line.amount_usd) for line in found.counted] == [
        ("wrong answers", "economic", D(155_000)),
        ("downtime", "economic", D("148.8")),  # 744 h, 2 % of them
    ]
    assert of(found) == {"requests that failed": D(-1_612)}
    assert found.ledger_invoiced_usd == D(80_600 - 1_612 + 5_900)
    assert found.ledger_economic_usd == D("155148.8")


# -- accounts, months, what cannot be asked for ----------------------------------------------------


def test_an_account_or_a_group_is_a_bill_of_its_own() -> None:
    both = checked(plan(), counts(omni__wasted_timeout__output=1_000, omni__api__cached_input=1_000, omni__api__input=49_000))  # fmt: skip
    assert both.accounts == (
        "api", "api/cached_input", "api/input", "api/output", "wasted", "wasted/timeout", "wasted/timeout/output",
    )  # fmt: skip
    cached = both.bill("2025-01", "api/cached_input")
    assert cached.calculator == ()
    assert of(cached) == {"prompt cache": D(155)} == {"prompt cache": cached.ledger_usd}
    plain = both.bill("2025-01", "api/input")
    assert (plain.start_usd, of(plain), plain.ledger_usd) == (D(31_000), {"prompt cache": D(-620)}, D(30_380))
    assert (
        both.bill("2025-01", "wasted").ledger_usd == both.bill("2025-01", "wasted/timeout/output").ledger_usd
    )
    whole, parts = both.bill("2025-01"), [both.bill("2025-01", name) for name in ("api", "wasted")]
    assert whole.ledger_usd == sum(part.ledger_usd for part in parts)


def test_a_month_without_the_account_is_an_empty_bill() -> None:
    given = plan(finance__horizon_months=2, finance__one_time=[{"name": "set-up", "usd": 900.0}])
    found = bill(given, counts(), "2025-02", "one-time")
    assert found.is_empty
    assert found.ledger_usd == found.difference_usd == 0


def test_own_hardware_without_a_price_by_the_token_has_no_lines() -> None:
    given = plan(deployments={"omni": {"model": OMNI, "server": {"gpu": "h100-sxm", "usd_per_gpu_hour": 2.0}}}, models={OMNI: {"params_billions": 8}})  # fmt: skip
    found = bill(given, counts())
    assert found.calculator == ()
    assert found.steps == ()
    assert [(line.account, line.amount_usd) for line in found.standing] == [("compute/gpu-hours", D(1_488))]


@pytest.mark.parametrize("month", ["2024-12", "2025-03", "2025-1", "January", ""])
def test_a_month_outside_the_plan_is_refused_with_the_months_of_the_plan(month: str) -> None:
    with pytest.raises(PlannerError) as refused:
        bill(plan(finance__horizon_months=2), counts(), month)
    assert str(refused.value) == f"month: got {month!r}; allowed: 2025-01 to 2025-02, the months of the plan"


def test_an_unknown_account_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(PlannerError) as refused:
        bill(plan(), counts(), account_name="api/ouput")
    assert str(refused.value) == (
        "account: got 'api/ouput'; allowed of omni-only: api, api/input, api/output; did you mean api/output?"
    )


def test_an_unknown_strategy_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(PlannerError, match=r"^strategy: got 'omni'; allowed: omni-only"):
        check_strategy(plan(), "omni")


# -- its form --------------------------------------------------------------------------------------


def test_the_document_has_every_digit_and_adds_up() -> None:
    given = plan(finance__people=[{"name": "run", "fte": 0.3, "usd_per_year": 100_000.0}])
    found = bill(given, counted(requests=7, omni__answers__right=7, omni__api__input=3_333, omni__api__output=1_000))  # fmt: skip
    document = json.loads(json.dumps(found.to_dict()))
    lines = [line for step in document["steps"] for line in step["lines"]]
    lines += document["calculator"] + document["standing"] + document["counted"]
    assert {step["name"] for step in document["steps"]} == {"sizes as drawn", "rounding of requests and quantities"}  # fmt: skip
    for line in lines:
        assert F(line["quantity"]) * F(line["unit_price_usd"]) == F(line["amount_usd"])
    assert sum(F(line["amount_usd"]) for line in lines) == F(document["ledger_usd"]) == F(found.ledger_usd)
    assert document["difference_usd"] == "0"


def test_a_bill_is_frozen() -> None:
    found = bill(plan(), counts())
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.month = "2025-02"  # type: ignore[misc]


def test_a_ledger_that_the_counts_do_not_make_is_never_explained_away_as_rounding() -> None:
    given, seen = plan(), counts()
    ledger = account(given, "omni-only", [Window()], [seen])
    first, *others = ledger.rows
    other = Ledger((dataclasses.replace(first, quantity=first.quantity + 1_000), *others))
    with pytest.raises(AssertionError, match="are no rounding"):
        HandCheck(given, "omni-only", [Window()], [seen], other).bill("2025-01")


# -- whatever a scenario may be --------------------------------------------------------------------


def priced_by_volume(given: Scenario) -> dict:
    """Tiers, a commitment and prepaid credit at a provider whose tokens strategy s buys; nothing where there is none."""
    seller = min((one for one in Tariff(given, "s").sellers if one is not None), default=None)
    if seller is None:
        return {}
    return {
        "volume_prices": [{"provider": seller, "steps": [{"above": 0.001, "factor": 0.8}]}],
        "commitments": [{"name": "C", "provider": seller, "usd_per_month": 5, "months": 1}],
        "prepaid": [{"provider": seller, "fee": 0.05}],
    }


def test_drawn_scenarios_end_on_the_ledger_through_every_step_of_a_run() -> None:
    """Cascades, caches, conversations, hedges, failures and recordings as the engines' tests draw them."""
    seen: set[str] = set()
    for seed in range(120):
        tree = draw_scenario(Random(seed))
        for model in tree["models"].values():
            model |= OWN
        try:
            given = load(tree)
            if seed % 2:
                given = load(tree | {"finance": tree["finance"] | priced_by_volume(given)})
            windows = plan_windows(given, 1)
            cells = [run_cell(given, window)["s"].quantities for window in windows]
            ledger = account(given, "s", windows, cells)
        except PlannerError:  # the language refuses some draws, and short windows may miss a task
            continue
        check = HandCheck(given, "s", windows, cells, ledger)
        for month in check.months:
            found = check.bill(month)
            lines = [line for step in found.steps for line in step.lines]
            total = sum(F(line.quantity) * F(line.unit_price_usd) for line in (*found.calculator, *found.standing, *found.counted, *lines))  # fmt: skip
            assert total == F(ledger.select(month=month).total()), seed
            seen |= {step.name for step in found.steps}
    # Credits have tests of their own (test_sla): following the lines of 120 drawn plans takes minutes.
    assert set(STEPS.values()) - seen == {
        "price steps and migrations inside the month", "long-context price", "credits of providers", "transfer",
    }  # fmt: skip
