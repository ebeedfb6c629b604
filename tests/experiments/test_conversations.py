"""What conversations cost and lose over a plan, against what follows from their law."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import planner
from planner.engines.run import run_window
from planner.experiments.drill import drill
from planner.workload.requests import as_they_came
from planner.workload.windows import Window

M = 3.5  # mean turns


def scenario(deployment: dict[str, Any] | None = None, **sections: Any) -> planner.Scenario:
    model = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "ability": {"chat": 0}}
    return planner.load(
        {
            "name": "talks",
            "traffic": {"requests_per_month": sections.pop("requests_per_month", 40_000_000), "sessions": {"turns_mean": M}},
            "tasks": {
                "chat": {"input_tokens": 100, "output_tokens": 40, "shared_prefix_tokens": 1200, **sections.pop("task", {})}
            },
            "models": {"m": model} | sections.pop("models", {}),
            "deployments": {"a": {"model": "m", "latency": {"total_s": 1}, **(deployment or {})}},
            "strategies": {"s": {"omni": ["a"]}},
            "policy": {"retries": 0, "breaker": None},
            "finance": {"horizon_months": 1},
            "run": {"seed": 3, "replications": 6, "window_s": 3600},
            **sections,
        }
    )  # fmt: skip


def test_the_bill_of_resent_context_is_what_the_law_of_turns_says() -> None:
    """E[T(T+1)/2] = m^2 and E[T(T-1)/2] = m(m - 1) for geometric T: 1,200 + 100 m + 40 (m - 1) tokens a turn.

    About 330,000 turns in 94,000 conversations: what one sends has a standard deviation of 1.2 times its mean, so the
    share below is seven standard errors.
    """
    one = scenario()
    found = planner.compare(one, workers=1)
    expected = 1200 + 100 * M + 40 * (M - 1)
    result = found.results["s"]
    assert abs(result.estimates["", "input_tokens_mean"].value / expected - 1) < 0.03
    [row] = [row for row in result.ledger.rows if row.account == "api/input"]
    planned = result.ledger.expected("planned")
    assert abs(float(row.quantity) / float(planned) / expected - 1) < 0.03
    assert planned == result.ledger.expected("arrived")
    assert abs(float(planned) / found.represented_requests - 1) < 1e-9


def test_where_everything_fails_only_first_turns_are_asked_and_money_counts_all_that_were_planned() -> None:
    one = scenario(
        {"errors": {"rate": 1, "latency_s": 0}}, finance={"horizon_months": 1, "downtime_usd_per_hour": 10}
    )
    found = planner.compare(one, workers=1).results["s"]
    assert found.estimates["", "availability"].value == 0
    assert abs(found.estimates["", "unasked_share"].value - (1 - 1 / M)) < 0.01
    volumes = found.ledger.volumes[0]
    assert abs(float(volumes.arrived / volumes.planned) - 1 / M) < 0.01
    assert found.tco.expected_requests == volumes.planned
    # No turn is answered: the service is down all the time, whatever part of the turns was still asked.
    [down] = [row for row in found.ledger.rows if row.account == "downtime"]
    assert float(down.quantity) == pytest.approx(31 * 24, rel=1e-9)


def test_a_question_that_fails_again_and_again_is_lost_once() -> None:
    one = scenario(
        {"errors": {"rate": 1, "latency_s": 0}}, task={"requery_probability": 0.7},
        finance={"horizon_months": 1, "downtime_usd_per_hour": 10},
    )  # fmt: skip
    found = planner.compare(one, workers=1).results["s"]
    assert found.estimates["", "repeated_share"].value > 0.5
    [down] = [row for row in found.ledger.rows if row.account == "downtime"]
    assert float(down.quantity) == pytest.approx(31 * 24, rel=1e-9)


def test_who_asks_again_comes_on_top_and_is_billed() -> None:
    """Half of the answers are wrong, half of those who got one ask again, at most three times, with luck of its own.

    Difficulty has no spread, so each answer is right with probability 1/2: 1/4 + 1/16 + 1/64 repeats a question.
    """
    task = {"requery_probability": 0.5, "difficulty": {"mean": 0, "sd": 1e-6}, "cost_of_wrong_answer_usd": 1}
    one = scenario(task=task)
    found = planner.compare(one, workers=1).results["s"]
    again = 1 / 4 + 1 / 16 + 1 / 64
    assert abs(found.estimates["", "repeated_share"].value - again / (1 + again)) < 0.005
    volumes = found.ledger.volumes[0]
    assert abs(float(volumes.arrived / volumes.planned) - (1 + again)) < 0.01
    wrong = sum((row.amount_usd for row in found.ledger.rows if row.account == "wrong answers"), Decimal(0))
    assert abs(float(wrong / volumes.planned) - (1 + again) / 2) < 0.01


def flaky(**given: Any) -> planner.Scenario:
    return scenario(
        {"provider": "openai", "limits": None, "errors": {"rate": 0.1}, "outages": None, "prompt_cache": {}},
        requests_per_month=400_000,
        models={"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "cached_input_usd_per_mtok": 0.1}},
        **given,
    )


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_requests_played_as_they_came_give_the_same_run(engine: str) -> None:
    """The turns that came, at fixed moments, meet the same luck and the same caches as in the loop they came from."""
    one = flaky()
    window = Window(0, 0, 0.0, 3600.0, 1.0, "", ())
    loop = run_window(one, "s", window, engine=engine)
    came = as_they_came(loop.work.requests, loop.outcome_arrays["request"], loop.outcome_arrays["arrived_ns"])
    assert came.n == len(loop.outcomes) < loop.work.requests.n
    again = run_window(one, "s", window, engine=engine, requests=came)
    for table in ("outcome_arrays", "attempt_arrays", "event_arrays"):
        for column, values in getattr(loop, table).items():
            assert np.array_equal(values, getattr(again, table)[column]), (table, column)
    assert loop.attempt_arrays["cached_input_tokens"].sum() > 0


def test_a_drill_of_conversations_has_each_request_in_both_runs() -> None:
    found = drill(flaky(), provider="openai", minutes=5, at="peak", replications=2, quota=False)
    result = found.strategies["s"]
    causes = sum(result.n_lost["with"].values()) - sum(result.n_lost["without"].values())
    assert causes == 2 * result.lost.difference.value > 0
    assert 0 < result.affected_sessions.value <= result.affected.value
