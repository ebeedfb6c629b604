"""The bill of batch APIs: listed batch prices and own factors, worked out by hand, and half of the interactive bill."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planner.engines.run import run_window
from planner.errors import PriceUnknown
from planner.finance import account, assumptions, count
from planner.finance.dearest import dearest
from planner.finance.token_prices import batch_price, token_price
from planner.scenario import Scenario, load
from planner.workload.windows import plan_windows
from tests.finance.plans import OMNI, Window, counted, scenario

JANUARY = date(2025, 1, 1)


def bill(found: Scenario, **counts: int) -> dict[str, Decimal]:
    """Money by account of a month of a million requests a day, one of which used these tokens."""
    ledger = account(found, "omni-only", [Window()], [counted(**counts)])
    return ledger.by("account", view="invoiced")


def test_listed_batch_prices_make_the_bill_to_the_cent() -> None:
    # A million requests a day, 31 days: 31,000,000 requests of 1,200 input tokens and 300 output tokens.
    # gpt-4o-2024-11-20 in a batch: 1.25 and 5 USD per million tokens (list of 2026-11-12).
    # 31 x 1,200 x 1.25 = 46,500 USD; 31 x 300 x 5 = 46,500 USD.
    found = bill(scenario(tasks__faq__urgency="batch"), omni__api__input=1200, omni__api__output=300)
    assert found == {"api/batch/input": Decimal(46_500), "api/batch/output": Decimal(46_500)}
    ordinary = bill(scenario(), omni__api__input=1200, omni__api__output=300)
    assert ordinary == {"api/input": Decimal(93_000), "api/output": Decimal(93_000)}


def test_a_factor_of_ones_own_is_taken_times_the_ordinary_price_of_every_meter() -> None:
    changes = {"tasks__faq__urgency": "batch", "deployments__omni__batch": {"price_factor": 0.35}}
    found = bill(scenario(**changes), omni__api__input=1200, omni__api__output=300, omni__api__reasoning=100)
    # 0.35 x 2.5 = 0.875 and 0.35 x 10 = 3.5 USD per million: 31 x 1,200 x 0.875 = 32,550; 31 x 300 x 3.5 = 32,550.
    assert found == {
        "api/batch/input": Decimal(32_550),
        "api/batch/output": Decimal(32_550),
        "api/batch/reasoning": Decimal(10_850),
    }


def test_wasted_tokens_of_a_batch_are_at_its_price_too_and_keep_their_cause() -> None:
    plan = scenario(tasks__faq__urgency="batch")
    ledger = account(plan, "omni-only", [Window()], [counted(omni__wasted_lost_answer__output=300, failed=1)])
    (row,) = ledger.select("invoiced").rows
    assert (row.account, row.group, row.waste) == ("wasted/lost-answer/batch/output", "wasted", "lost-answer")
    assert row.amount_usd == Decimal(46_500)


@pytest.mark.parametrize(
    "changes",
    [
        {"deployments__omni__batch": None},
        {"deployments__omni__provider": None},  # nobody whose batch API we know
        {"deployments__omni": {"model": "llama-3.1-8b-instruct", "provider": "groq"}},
    ],
)
def test_without_a_batch_api_the_price_is_the_ordinary_one(changes: dict[str, Any]) -> None:
    plan = scenario(tasks__faq__urgency="batch", **changes)
    in_batch = bill(plan, omni__api__input=1200, omni__api__output=300)
    assert in_batch == bill(scenario(**changes), omni__api__input=1200, omni__api__output=300)
    assert set(in_batch) == {"api/input", "api/output"}


def test_other_tasks_of_the_deployment_and_a_verifier_pay_ordinary_prices() -> None:
    plan = scenario(tasks={"faq": {}, "night": {"urgency": "batch"}})
    both = [{**counted("faq", omni__api__input=10), **counted("night", omni__api__input=10)}]
    ledger = account(plan, "omni-only", [Window()], both)
    prices = {(row.task, row.account): row.unit_price_usd for row in ledger.select("invoiced").rows}
    assert prices == {
        ("faq", "api/input"): Decimal("0.0000025"),
        ("night", "api/batch/input"): Decimal("0.00000125"),
    }


def test_price_steps_hold_for_batch_prices_and_the_source_says_so() -> None:
    step = [{"at": "2025-01-16", "model": OMNI, "factor": 0.5}]
    plan = load(
        {
            "name": "steps", "start": "2025-01-01", "traffic": {"requests_per_month": 30_437_500},
            "tasks": {"faq": {"urgency": "batch"}}, "deployments": {"omni": {"model": OMNI, "provider": "openai"}},
            "strategies": {"omni-only": {"omni": ["omni"]}}, "finance": {"horizon_months": 1, "price_steps": step},
        }
    )  # fmt: skip
    rows = account(plan, "omni-only", [Window()], [counted(omni__api__input=1000)]).select("invoiced").rows
    # 15 days at 1.25 and 16 at 0.625: 15 x 1,250 + 16 x 625 = 28,750 USD.
    assert sum(row.amount_usd for row in rows) == Decimal(28_750)
    assert all(row.source.startswith(f"openai batch price of {OMNI} since ") for row in rows)
    assert rows[-1].source.endswith("times 0.5 from 2025-01-16 (scenario: finance.price_steps)")


def test_a_long_prompt_pays_the_long_price_in_the_ratio_of_the_list() -> None:
    plan = scenario(start="2026-06-01", deployments__omni={"model": "gemini-2.5-pro", "provider": "google"})
    day = date(2026, 6, 1)
    for meter, listed in (("input", "1.25"), ("output", "7.5"), ("reasoning", "7.5")):
        found = batch_price(plan, "gemini-2.5-pro", "google", meter, day, factor=None, is_long=True)
        assert found.usd_per_mtok == Decimal(listed), meter
        ordinary = token_price(plan, "gemini-2.5-pro", "google", meter, day, is_long=True)
        assert Fraction(found.usd) == Fraction(ordinary.usd) / 2
        assert "in the ratio of its batch price to its ordinary one" in found.source


def test_what_a_negotiated_price_is_in_a_batch_is_not_guessed() -> None:
    plan = scenario(models={OMNI: {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}})
    with pytest.raises(PriceUnknown, match="is your own, and the list does not say what it is in a batch"):
        batch_price(plan, OMNI, "openai", "input", JANUARY, factor=None)
    assert batch_price(plan, OMNI, "openai", "input", JANUARY, factor=0.5).usd_per_mtok == 1


def test_speech_in_a_batch_has_no_listed_price() -> None:
    with pytest.raises(PriceUnknown, match="no batch price of audio_input tokens"):
        batch_price(scenario(), "gemini-2.5-flash", "google", "audio_input", date(2026, 6, 1), factor=None)


def test_on_the_same_requests_a_batch_costs_half_to_the_last_digit() -> None:
    """Turnaround and latency differ, tokens do not: every amount of one bill is half of the other's."""
    tree = {
        "name": "half", "start": "2025-01-01", "traffic": {"requests_per_month": 2_000_000},
        "tasks": {"faq": {"input_tokens": {"p50": 300, "p95": 2000}, "output_tokens": {"exponential_mean": 150}}},
        "deployments": {"omni": {"model": OMNI, "provider": "openai", "outages": None, "errors": None, "limits": None}},
        "strategies": {"omni-only": {"omni": ["omni"]}}, "policy": {"timeout_s": None},
        "finance": {"horizon_months": 1}, "run": {"seed": 2, "replications": 1, "window_s": 600},
    }  # fmt: skip
    sums = []
    for urgency in ("interactive", "batch"):
        found = load(tree).set(
            {"tasks.faq.urgency": urgency, "deployments.omni.batch": {"expires_s": 604_800}}
        )
        windows = plan_windows(found)
        run = run_window(found, "omni-only", windows[0], engine="compiled")
        counts = count(found, "omni-only", run.outcome_arrays, run.attempt_arrays)
        sums.append(account(found, "omni-only", windows, [counts]).by("account", view="invoiced"))
    ordinary, in_batch = sums
    assert len(ordinary) == 2
    for meter in ("input", "output"):
        assert in_batch[f"api/batch/{meter}"] * 2 == ordinary[f"api/{meter}"] > 100


def test_the_dearest_request_of_a_task_in_no_hurry_is_at_batch_prices_once() -> None:
    """No timeout leaves anything of a batch call billed, so retries add nothing."""
    task = {"input_tokens": 1000, "output_tokens": 100}
    plan = load(
        {
            "name": "dearest", "start": "2025-01-01", "traffic": {"requests_per_month": 1000}, "tasks": {"faq": task},
            "deployments": {"omni": {"model": OMNI, "provider": "openai"}},
            "strategies": {"s": {"omni": ["omni"]}}, "policy": {"retries": 2}, "finance": {"horizon_months": 1},
        }
    )  # fmt: skip
    # One call: 1,000 x 2.5e-6 + 100 x 10e-6 = 0.0035 USD; three of them with timeouts billed in full.
    assert dearest(plan, "s").usd == Decimal("0.0105")
    assert dearest(plan.set({"tasks.faq.urgency": "batch"}), "s").usd == Decimal("0.00175")


def test_assumptions_list_batch_prices_only_where_a_task_is_in_no_hurry() -> None:
    def batch_rows(plan: Scenario) -> dict[str, str]:
        return {
            row.what: row.value for row in assumptions(plan, "omni-only") if row.what.startswith("batch ")
        }

    assert batch_rows(scenario()) == {}
    assert batch_rows(scenario(tasks__faq__urgency="batch")) == {
        f"batch input price of {OMNI} at openai from 2025-01-01": "1.25",
        f"batch output price of {OMNI} at openai from 2025-01-01": "5",
    }
