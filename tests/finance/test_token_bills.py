"""Token bills through the whole ledger, from simulated calls to the cent: every figure is worked by hand beside it.

Requests have fixed sizes or are written out one by one, and nothing fails, so that use per request is exact.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from planner.experiments.cells import run_cell
from planner.finance import account
from planner.finance.hand_check import HandCheck
from planner.finance.ledger import Ledger
from planner.scenario import load
from planner.workload.windows import plan_windows

D = Decimal
A_MILLION_A_DAY = 30_437_500  # of a mean month of 30.4375 days
CALM = {"limits": None, "errors": None, "outages": None}
CENT = D("0.01")


def billed(
    task: dict[str, Any],
    deployment: dict[str, Any],
    *,
    rows: Sequence[dict[str, Any]] = (),
    month: str = "2026-12",
    engine: str = "compiled",
    finance: dict[str, Any] | None = None,
    **scenario: Any,
) -> dict[str, Decimal]:
    """USD by account, to the cent, of a month of a million requests a day (or of those written out, spread over it)."""
    traffic: dict[str, Any] = {"requests_per_month": A_MILLION_A_DAY}
    if rows:
        traffic = {"trace": {"rows": list(rows)}}
    tree = {
        "name": "bill", "start": f"{month}-01", "traffic": traffic, "tasks": {"faq": task},
        "deployments": {"a": {**CALM, "latency": {"total_s": 1}, **deployment}}, "strategies": {"s": {"omni": ["a"]}},
        "policy": {"timeout_s": None, "retries": 0, "when_busy": "wait"},
        "finance": {"horizon_months": 1, **(finance or {})}, "run": {"window_s": 3600, "replications": 1, "seed": 1},
    }  # fmt: skip
    if not rows:
        tree["run"]["window_s"] = 20  # type: ignore[index]
    found = load(tree | scenario)
    windows = plan_windows(found)
    counts = [run_cell(found, window, engine)["s"].quantities for window in windows]
    ledger = account(found, "s", windows, counts)
    assert HandCheck(found, "s", windows, counts, ledger).bill(month).difference_usd == 0
    return by_account(ledger)


def by_account(ledger: Ledger) -> dict[str, Decimal]:
    return {name: usd.quantize(CENT) for name, usd in ledger.by("account", view="invoiced").items()}


FAQ = {"input_tokens": 1200, "output_tokens": 300}


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_plain_calls(engine: str) -> None:
    # 31,000,000 requests; gpt-4o-2024-11-20 at 2.50 and 10 USD per million tokens
    assert billed(FAQ, {"model": "gpt-4o-2024-11-20", "provider": "openai"}, engine=engine) == {
        "api/input": D("93000.00"),  # 31 x 1,200 x 2.5
        "api/output": D("93000.00"),  # 31 x 300 x 10
    }


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_batch_calls(engine: str) -> None:
    task = FAQ | {"urgency": "batch"}
    assert billed(task, {"model": "gpt-4o-2024-11-20", "provider": "openai"}, engine=engine) == {
        "api/batch/input": D("46500.00"),
        "api/batch/output": D("46500.00"),
    }


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_cached_calls(engine: str) -> None:
    # Four calls at 0, 10, 20 and 1,000 s of 1,500 tokens each, 1,200 of them a prefix, of which 1,024 + 128 are kept for
    # 300 s: the first and the last find nothing, the second and the third find 1,152 tokens.
    rows = [
        {"arrival_s": s, "task": "faq", "input_tokens": 1500, "output_tokens": 100, "prefix_tokens": 1200}
        for s in (0, 10, 20, 1000)
    ]
    deployment = {"model": "gpt-4o-2024-11-20", "provider": "openai", "prompt_cache": {}}
    found = billed({}, deployment, rows=rows, engine=engine)
    # Three gaps in 1,000 s are 8,035.2 calls in the 2,678,400 s of December, of each (6,000 - 2,304) / 4 = 924 tokens plain
    # and 576 cached: 8,035.2 x 924 x 2.50, x 576 x 1.25 and x 100 x 10, over a million
    assert found == {"api/input": D("18.56"), "api/cached_input": D("5.79"), "api/output": D("8.04")}


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_calls_over_a_long_context_threshold(engine: str) -> None:
    # gpt-5.4: over 272,000 prompt tokens 5 and 22.50 in place of 2.50 and 15 for the whole call
    model = {"model": "gpt-5.4", "provider": "openai"}
    long = billed({"input_tokens": 300_000, "output_tokens": 100}, model, engine=engine)
    assert long == {"api/input": D("46500000.00"), "api/output": D("69750.00")}
    at_the_threshold = billed({"input_tokens": 272_000, "output_tokens": 100}, model, engine=engine)
    assert at_the_threshold == {"api/input": D("21080000.00"), "api/output": D("46500.00")}


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        ("gpt-4o-2024-11-20", 1105, "85637.50"),  # 31 x 1,105 x 2.5
        (
            "gpt-4o-mini-2024-07-18",
            36835,
            "171282.75",
        ),  # 31 x 36,835 x 0.15: twice omni's bill for the same photo
    ],
)
def test_calls_with_a_photo(model: str, tokens: int, usd: str) -> None:
    task = FAQ | {"modalities": ["text", "vision"], "images": [{"width_px": 2048, "height_px": 4096}]}
    found = billed(task, {"model": model, "provider": "openai"})
    assert found["api/image"] == D(usd)
    assert found["api/image"] == (31 * tokens * (D("2.5") if tokens == 1105 else D("0.15"))).quantize(CENT)


def test_spoken_calls() -> None:
    # A minute in and a minute out: 600 and 1,200 tokens; gpt-audio at 32 and 64 USD per million
    task = {
        "modalities": ["text", "audio"], "audio": {"input_s": 60, "output_s": 60},
        "input_tokens": 100, "output_tokens": 10,
    }  # fmt: skip
    assert billed(task, {"model": "gpt-audio", "provider": "openai"}) == {
        "api/input": D("7750.00"),
        "api/output": D("3100.00"),
        "api/audio_input": D("595200.00"),
        "api/audio_output": D("2380800.00"),
    }


def test_calls_that_reason() -> None:
    # o3 at 2 and 8, four hidden tokens for each visible one, billed as output
    own = {"o3": {"reasoning_tokens_per_output_token": 4}}
    assert billed(FAQ, {"model": "o3", "provider": "openai"}, models=own, month="2025-12") == {
        "api/input": D("74400.00"),
        "api/output": D("74400.00"),
        "api/reasoning": D("297600.00"),
    }


# -- with prices that move -------------------------------------------------------------------------


def test_a_batch_of_photos_with_a_negotiated_factor_and_tiers() -> None:
    # list 1.25 and 5 in a batch, times 0.8: 1 and 4; images are input
    task = FAQ | {
        "urgency": "batch",
        "modalities": ["text", "vision"],
        "images": [{"width_px": 2048, "height_px": 4096}],
    }
    found = billed(
        task,
        {"model": "gpt-4o-2024-11-20", "provider": "openai"},
        finance={
            "negotiated": [{"provider": "openai", "factor": 0.8}],
            "volume_prices": [{"provider": "openai", "steps": [{"above": 50_000, "factor": 0.9}]}],
            "commitments": [{"name": "EA", "provider": "openai", "usd_per_month": 100_000, "months": 1}],
        },
    )
    # 31 x 1,200 x 1 = 37,200; 31 x 1,105 x 1 = 34,255; 31 x 300 x 4 = 37,200: 108,655; a tenth off 58,655; to 100,000
    assert found == {
        "api/batch/input": D("37200.00"),
        "api/batch/image": D("34255.00"),
        "api/batch/output": D("37200.00"),
        "volume prices": D("-5865.50"),
    }  # 102,789.50 is above the commitment
    assert sum(found.values()) == D("102789.50")


def test_long_calls_at_priority_with_a_factor_under_a_commitment() -> None:
    deployment = {
        "model": "gpt-5.4",
        "provider": "openai",
        "price_level": "priority",
        "price_level_factor": 2.0,
    }
    found = billed(
        {"input_tokens": 300_000, "output_tokens": 100},
        deployment,
        finance={
            "negotiated": [{"provider": "openai", "factor": 0.5}],
            "commitments": [
                {"name": "EA", "provider": "openai", "usd_per_month": 50_000_000, "factor": 0.9, "months": 1}
            ],
            "prepaid": [{"provider": "openai", "fee": 0.01}],
        },
    )
    # 5 and 22.50, halved and doubled; 46,569,750 at the agreement's level: 41,912,775; up to 50 million
    assert found == {
        "api/input": D("46500000.00"),
        "api/output": D("69750.00"),
        "commitment/price level": D("-4656975.00"),
        "commitment/unused": D("8087225.00"),
        "prepaid fee": D("500000.00"),
    }


def test_units_that_stand_ready_answer_for_the_price_of_their_hours() -> None:
    task = {"input_tokens": 100, "output_tokens": 10, "max_output_tokens": 10}
    deployment = {
        "model": "gpt-4o-mini", "provider": "azure", "provisioned": {"units": 600},
        "limits": {"input_tokens_per_minute": 20_000_000, "output_tokens_per_minute": 700_000},
    }  # fmt: skip
    found = billed(task, deployment, finance={"commitments": []})
    assert found == {"provisioned": D("446400.00")}  # 600 x 744 h x 1 USD


def test_a_load_above_the_units_is_refused_and_costs_nothing_more() -> None:
    """15 units keep 185,000 tokens a minute of any kind: 764,000 are asked for, so most calls are refused."""
    task = {"input_tokens": 1000, "output_tokens": 100, "max_output_tokens": 100}
    tree = {
        "name": "tight", "start": "2026-12-01", "traffic": {"requests_per_month": A_MILLION_A_DAY}, "tasks": {"faq": task},
        "deployments": {
            "a": {
                "model": "gpt-4o-mini", "provider": "azure", "latency": {"total_s": 1}, "errors": None, "outages": None,
                "provisioned": {"units": 15},
            }
        },
        "strategies": {"s": {"omni": ["a"]}}, "policy": {"retries": 0, "timeout_s": None},
        "finance": {"horizon_months": 1}, "run": {"window_s": 1800, "replications": 1, "seed": 1},
    }  # fmt: skip
    found = load(tree)
    (window, *_) = plan_windows(found)
    runs = {engine: run_cell(found, window, engine)["s"].quantities for engine in ("compiled", "reference")}
    assert runs["compiled"] == runs["reference"]
    used = sum(n for key, n in runs["compiled"].items() if key.kind == "api")
    # what a full bucket holds and what comes back in 30 minutes, and one call that may be over
    assert 0.97 * 185_000 * 30 < used <= 185_000 * 31 + 1100
    ledger = account(found, "s", [window], [runs["compiled"]])
    assert by_account(ledger) == {"provisioned": D("11160.00")}
