"""Sanity checks of comparisons: silent on a sound one, and each speaks where its thing is broken.

The shipped scenarios pass them in tests/test_scenarios.py.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import planner
from planner.experiments import comparison as experiments
from planner.experiments.sanity import CHECKS, Oddity, sanity
from planner.metrics.intervals import Estimate
from planner.scenario import loads
from tests.app.library import SMALL


@cache
def sound() -> planner.Comparison:
    """A library's small scenario, without the failures that its omni has for other tests."""
    return planner.compare(
        loads(SMALL.replace("errors: {rate: 0.05}", "errors: null")).set({"slo.p95_latency_s": 10})
    )


def broken(strategy: str = "omni-only", **fields: Any) -> experiments.Comparison:
    """The sound comparison with fields of one strategy's result replaced."""
    found = sound()
    results = {**found.results, strategy: replace(found.results[strategy], **fields)}
    return replace(found, results=MappingProxyType(results))


def only(found: tuple[Oddity, ...], check: str) -> list[str]:
    """The sentences of a check, after a look that no other check has spoken."""
    assert {one.check for one in found} == {check}
    return [one.text for one in found]


def test_a_sound_comparison_shows_nothing_odd() -> None:
    assert sanity(sound()) == ()


@pytest.mark.parametrize(
    ("measure", "value", "check", "said"),
    [
        ("accuracy", 1.2, "shares", "accuracy is 1.2"),
        ("availability", 0.9, "shares", "availability 0.9 and what is lost, 0, do not add up to 1"),
        ("served_share:omni", 0.5, "shares", "deployments answered 0.5 of all answers"),
        ("speed_mean", float("inf"), "finite", "speed_mean is inf"),
        ("latency_p99_s", 0.1, "quantiles", "quantiles of latency fall"),
        ("ttft_p95_s", 8.0, "latency", "is below p95 to first token 8 s"),
        ("output_tokens_p50", 10_000.0, "latency", "10,000 tokens at"),
    ],
)  # fmt: skip
def test_a_measure_that_cannot_be_is_told(measure: str, value: float, check: str, said: str) -> None:
    changed = {measure: value}
    if measure == "ttft_p95_s":
        changed["ttft_p99_s"] = value  # so that its own quantiles still rise
    estimates = dict(sound().results["omni-only"].estimates)
    estimates |= {("", name): Estimate(number) for name, number in changed.items()}
    (text,) = only(sanity(broken(estimates=MappingProxyType(estimates))), check)
    assert said in text


def test_a_typical_answer_is_worked_out_with_the_gaps_between_tokens() -> None:
    """0.5 s to the first of 101 tokens, then 100 gaps at 50 a second: 2.5 s, and p95 must be at least that."""
    estimates = dict(sound().results["omni-only"].estimates)
    figures = {
        "ttft_p50_s": 0.5, "ttft_p90_s": 0.6, "ttft_p95_s": 0.7, "ttft_p99_s": 0.8, "speed_p50": 50.0,
        "output_tokens_p50": 101.0, "latency_p50_s": 1.0, "latency_p90_s": 1.1, "latency_p99_s": 9.0,
    }  # fmt: skip
    estimates |= {("faq", name): Estimate(value) for name, value in figures.items()}
    for slow_s, is_odd in ((2.45, True), (2.55, False)):
        estimates["faq", "latency_p95_s"] = Estimate(slow_s)
        found = sanity(broken(estimates=MappingProxyType(estimates)))
        assert [(one.check, one.task) for one in found] == ([("latency", "faq")] if is_odd else [])


def test_a_strategy_that_meets_no_target_leaves_no_decision() -> None:
    found = sanity(planner.compare(loads(SMALL).set({"slo.p95_latency_s": 0.01}), replications=2))
    (text,) = [one.text for one in found if one.check == "decision"]
    assert text.startswith("no strategy meets every target: omni-only ")


@pytest.mark.parametrize(("winner", "said"), [(None, "but none is taken"), ("omni-only", "misses a target")])
def test_a_winner_that_is_missing_or_not_eligible_is_told(winner: str | None, said: str) -> None:
    verdicts = dict(sound().verdicts)
    if winner is not None:
        verdicts[winner] = replace(verdicts[winner], meets=False)
    told = replace(sound(), winner=winner, verdicts=MappingProxyType(verdicts), answer="Take it.")
    (text,) = only(sanity(told), "decision")
    assert said in text


def test_no_clear_winner_is_a_decision_where_it_is_said() -> None:
    assert sound().winner is None
    assert sound().answer.startswith("No clear winner")
    assert [one.check for one in sanity(replace(sound(), answer="Take any."))] == ["decision"]


def test_a_cause_that_takes_one_request_in_five_is_told() -> None:
    found = sanity(
        planner.compare(loads(SMALL.replace("rate: 0.05", "rate: 0.2")).set({"policy.retries": 0}))
    )
    texts = [one.text for one in found if one.check == "failures" and one.strategy == "omni-only"]
    assert len(texts) == 1
    assert "% of requests fail by " in texts[0]
    assert 8 < float(texts[0].split(" %")[0]) < 32  # one in five of about 70 requests, by chance


def test_a_tier_that_answers_nobody_is_told() -> None:
    found = planner.compare(
        loads(SMALL).set({"strategies.hybrid.router.omni_share": 0, "policy.retries": 3}), replications=2
    )
    texts = [one.text for one in sanity(found) if one.check == "deployments"]
    assert texts == ["omni, the first choice of omni, answers nobody"]


def test_nobody_who_asks_or_is_answered_is_told() -> None:
    lost = broken("mini-only", cells=tuple(
        replace(cell, sample=replace(cell.sample, counts=cell.sample.counts * 0))
        for cell in sound().results["mini-only"].cells
    ))  # fmt: skip
    assert [one.text for one in sanity(lost) if one.check == "requests"] == ["no request arrives"]


def test_a_total_that_is_not_the_sum_of_its_ledger_is_told_to_the_last_digit() -> None:
    tco = sound().results["omni-only"].tco
    cent = replace(tco, invoiced_usd=tco.invoiced_usd + Decimal("0.0001"))
    (text,) = only(sanity(broken(tco=cent)), "money")
    assert "is not the sum of its ledger rows" in text


def test_a_bill_of_nothing_is_told() -> None:
    tco = sound().results["omni-only"].tco
    nothing = replace(tco, invoiced_usd=Decimal(0), economic_usd=Decimal(0))
    texts = [one.text for one in sanity(broken(tco=nothing)) if one.check == "money"]
    assert "costs nothing" in texts


def test_shares_of_tasks_that_do_not_add_up_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sound().scenario), "shares", lambda self: {"faq": 0.7, "hard": 0.2})
    assert only(sanity(sound()), "shares") == ["the tasks' shares add up to 0.9"]


def test_every_check_has_been_made_to_speak() -> None:
    tested: dict[Callable[..., Any], str] = {check: check.__name__.removeprefix("_") for check in CHECKS}
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in tested.values() if f'"{name}"' not in source] == []
