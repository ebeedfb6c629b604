"""A plan whose deployment has a prompt cache: what people read of it."""

from decimal import Decimal
from typing import Any

from planner.api import compare
from planner.experiments.assumptions import assumptions, notices
from planner.experiments.comparison import Comparison
from planner.experiments.document import document
from planner.scenario import load

PRICES = {
    "context_tokens": 100_000, "input_usd_per_mtok": 4, "output_usd_per_mtok": 8,
    "cached_input_usd_per_mtok": 0.4, "cache_write_usd_per_mtok": 5,
}  # fmt: skip


def plan(**cache: Any) -> dict[str, Any]:
    """A chat with 2,000 tokens of prefix and 100 of its own, once with a cache and once without."""
    service = {"model": "m", "latency": {"total_s": 1.0}, "limits": None, "errors": None, "outages": None}
    return {
        "name": "cached",
        "start": "2027-01-01",
        "traffic": {"requests_per_month": 300_000},
        "tasks": {"chat": {"shared_prefix_tokens": 2000, "input_tokens": 100, "output_tokens": 50}},
        "models": {"m": PRICES},
        "deployments": {
            "plain": service,
            "keeps": service | {"prompt_cache": {"step_tokens": 1, **cache}},
        },
        "strategies": {"without": {"omni": ["plain"]}, "with": {"omni": ["keeps"]}},
        "finance": {"horizon_months": 1},
        "run": {"replications": 2, "window_s": 3600},
    }


def compared(**cache: Any) -> Comparison:
    return compare(load(plan(**cache)))


def test_the_bill_with_a_cache_differs_from_that_without_by_its_tokens_at_their_prices() -> None:
    """Of the same requests: each token read saves 3.6 millionths of a dollar, each one written costs 1 more."""
    found = compared()
    ledgers = {name: result.ledger for name, result in found.results.items()}

    def quantity(name: str, meter: str) -> Decimal:
        return sum((row.quantity for row in ledgers[name].rows if row.account == f"api/{meter}"), Decimal(0))

    read, written = quantity("with", "cached_input"), quantity("with", "cache_write")
    assert read > 10 * written > 0
    # Quantities are rounded to a millionth of a token each.
    moved = quantity("without", "input") - quantity("with", "input") - read - written
    assert abs(moved) < Decimal("0.00001")
    saved = ledgers["without"].total() - ledgers["with"].total()
    assert abs(saved - (read * Decimal("3.6") - written) / 10**6) < Decimal("1e-9")


def test_the_share_of_cached_tokens_is_a_finding_and_stands_in_the_document() -> None:
    found = compared()
    (told,) = [one for one in found.findings if one.code == "cached-share"]
    tokens = document(found)["strategies"]["with"]["tokens"]
    total = tokens["input"] + tokens["cached"] + tokens["cache_write"]
    assert told.strategy == "with"
    # The document's tokens are plain means of windows, the finding's are over the plan, by their weights: here nearly alike.
    assert abs(told.value - tokens["cached"] / total) < 1e-6
    assert f"{told.value:.1%} of the input tokens paid for came from a prompt cache" in told.text
    assert document(found)["strategies"]["without"]["tokens"]["cached"] == 0


def test_a_notice_tells_that_every_window_begins_cold() -> None:
    assert any("keep nothing at the start of every simulated window" in one for one in notices(load(plan())))


def test_the_assumptions_say_what_is_kept_and_how_long() -> None:
    table = assumptions(load(plan(max_age_s=3000, cold_ttft_s_per_mtok=40)))
    rows = dict(zip(table["what"], table["value"], strict=True))
    expected = (
        "a task's prefix of 1,024 tokens or more, in steps of 1, is kept 300 s after its last use, at most 3000 s after "
        "it was written; without it the first token comes 40 s later for a million tokens"
    )
    assert rows["prompt cache of keeps"] == expected


def test_a_provider_that_does_not_count_reads_against_its_limits_is_told_of() -> None:
    given: dict[str, Any] = plan() | {"models": {}, "strategies": {"s": {"omni": ["keeps"]}}}
    given["start"] = "2026-12-01"
    keeps = {
        "model": "claude-sonnet-5-5", "provider": "anthropic", "prompt_cache": {"step_tokens": 1},
        "latency": {"total_s": 1.0},
    }  # fmt: skip
    given["deployments"] = {"keeps": keeps}
    table = assumptions(load(given))
    (row,) = table[table["what"] == "tokens from the prompt cache of keeps in its limits"].to_dict("records")
    assert row["value"] == "not counted"
    assert "cache reads do not count" in row["source"]
