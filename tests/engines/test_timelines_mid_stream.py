"""Timelines worked out by hand: answers that break off, before and after their first token, and what they cost.

A call that would be answered breaks off with a share of `errors.mid_stream`, at a moment of its time that is as likely
as any other. The tests ask for a share of 1, so that every call does, and read the moment from the rows.
"""

from typing import Any

import numpy as np
import pytest

from planner.engines.run import Run
from tests.engines.hand_tables import (
    STREAM,
    at,
    check_attempts,
    check_outcomes,
    fixed,
    run_rows,
    target,
)

BREAKS = {"errors": {"rate": 0, "status": 502, "mid_stream": 1}}
STREAMS = {"latency": STREAM}  # first token at 1 s, 50 tokens until 2 s


def one(kind: str, policy: dict[str, Any], **more: Any) -> Run:
    """A request whose first call breaks off before or after its first token, found among the first few seeds."""
    deployments = {"a": target(**BREAKS, **STREAMS), "b": target(**STREAMS)}
    for seed in range(40):
        run = run_rows(at(0), deployments, policy, **more, run={"seed": seed, "replications": 1})
        first = run.attempts.iloc[0]
        seen = "after" if not np.isnan(first["first_token_s"]) else "before"
        if seen == kind:
            return run
    raise AssertionError(f"no call broke off {kind} its first token")


def broken_s(run: Run) -> float:
    """Seconds after its start at which the first call broke off."""
    first = run.attempts.iloc[0]
    return float(first["ended_s"] - first["started_s"])


def test_every_moment_of_a_call_is_as_likely_as_any_other() -> None:
    # 400 calls of 2 s: moments uniform on [0, 2), so half of them before the first token at 1 s (200 +- 6 x 10), and
    # a mean of 1 s (standard error 2 / sqrt(12 x 400)).
    run = run_rows(at(*range(0, 4000, 10)), {"a": target(**BREAKS, **STREAMS)})
    lengths_s = (run.attempts["ended_s"] - run.attempts["started_s"]).to_numpy()
    before = run.attempts["first_token_s"].isna().to_numpy()
    assert (before == (lengths_s < 1)).all()
    assert 140 < before.sum() < 260
    assert abs(lengths_s.mean() - 1) < 6 * 2 / np.sqrt(12 * 400)
    assert (run.attempts["status"].to_numpy() == np.where(before, 502, 200)).all()
    assert (run.outcomes["cause"] == "provider-error").all()


def test_tokens_come_evenly_and_what_had_come_is_billed() -> None:
    # 50 tokens from 1 s to 2 s: at a break b s after the start, 50 x (b - 1), rounded down, had come.
    run = run_rows(at(*range(0, 400, 10)), {"a": target(**BREAKS, **STREAMS)})
    lengths_ns = run.attempt_arrays["ended_ns"] - run.attempt_arrays["started_ns"]
    seen = lengths_ns >= 10**9
    come = np.where(seen, 50 * (lengths_ns - 10**9) // 10**9, 0)
    assert seen.any()
    assert (~seen).any()
    assert run.attempt_arrays["output_tokens"].tolist() == come.tolist()
    assert run.attempt_arrays["billed_output_tokens"].tolist() == come.tolist()
    assert run.attempt_arrays["billed_input_tokens"].tolist() == np.where(seen, 100, 0).tolist()


@pytest.mark.parametrize(
    ("bill", "sent", "is_output"), [("none", 0, False), ("input", 100, False), ("partial", 100, True)]
)
def test_what_a_broken_answer_costs_is_a_policy(bill: str, sent: int, is_output: bool) -> None:
    run = one("after", {"bill_mid_stream": bill})
    first = run.attempts.iloc[0]
    assert first["billed_input_tokens"] == sent
    assert first["billed_output_tokens"] == (int(50 * (broken_s(run) - 1)) if is_output else 0)


def test_before_the_first_token_it_is_an_error_as_any_other() -> None:
    # No token was seen: one retry, 1 s later, breaks off too; then b answers in 2 s. Nothing of it is billed.
    run = one("before", {"retries": 1, "backoff": fixed(1)})
    assert run.attempts["deployment"].tolist() == ["a", "a", "b"] or run.outcomes["outcome"][0] == "error"
    assert run.attempts.iloc[0][["billed_input_tokens", "billed_output_tokens"]].tolist() == [0, 0]
    assert run.attempts.iloc[1]["started_s"] == pytest.approx(run.attempts.iloc[0]["ended_s"] + 1)


def test_after_the_first_token_the_request_has_failed() -> None:
    # Retries and b are there, but the user has seen a part of the answer: no further call.
    run = one("after", {"retries": 2, "backoff": fixed(1)})
    assert len(run.attempts) == 1
    check_outcomes(run, "outcome cause attempts\nerror provider-error 1")
    assert run.outcomes["ended_s"][0] == run.attempts["ended_s"][0]


def test_a_policy_may_try_it_again_all_the_same() -> None:
    run = one("after", {"retries_mid_stream": True})
    check_attempts(run, "deployment outcome\na error\nb ok")
    assert run.attempts["started_s"][1] == run.attempts["ended_s"][0]


def test_it_ends_the_pass_fallbacks_included_but_an_outer_layer_begins_anew() -> None:
    strategy = {"omni": ["a"], "groups": {"b": ["b"]}, "fallbacks": {"omni": ["b"]}}
    run = one("after", {}, strategy=strategy)
    assert len(run.attempts) == 1
    layers = [{"name": "app", "attempts": 2, "backoff": fixed(3)}]
    run = one("after", {"layers": layers}, strategy=strategy)
    assert run.attempts["deployment"].tolist()[:2] == ["a", "a"]
    assert run.attempts["started_s"][1] == pytest.approx(run.attempts["ended_s"][0] + 3)


def test_in_a_cascade_nobody_has_seen_minis_answer() -> None:
    # mini (a) breaks off after its first token: nobody saw it before the check, so its fallback b is asked.
    strategy = {
        "omni": ["b"],
        "mini": ["a", "b"],
        "router": {"kind": "cascade", "verifier": {"model": "m", "true_positive": 1, "false_positive": 1}},
    }
    run = one("after", {}, strategy=strategy, tasks={"chat": {"accuracy": {"m": 0.5}}})
    check_attempts(run, "deployment role outcome\na mini error\nb mini ok\nverifier verifier ok")


def test_a_call_cut_before_it_breaks_off_is_a_cut_call() -> None:
    # Cut at 1.5 s: of the calls that would break off later the timeout comes first. Left alone they would have ended
    # between 1.5 and 2 s with 25 to 49 tokens: no more than those can have been made, so no more are billed.
    run = run_rows(at(*range(0, 400, 10)), {"a": target(**BREAKS, **STREAMS)}, {"timeout_s": 1.5})
    cut = run.attempts["outcome"] == "timeout"
    assert 0 < cut.sum() < 40
    alone = run_rows(at(*range(0, 400, 10)), {"a": target(**BREAKS, **STREAMS)})
    assert (alone.attempts[cut]["ended_s"] - alone.attempts[cut]["started_s"]).between(1.5, 2).all()
    billed = run.attempts[cut]["billed_output_tokens"]
    assert billed.tolist() == alone.attempts[cut]["billed_output_tokens"].tolist()
    assert billed.between(25, 49).all()
    free = run_rows(
        at(*range(0, 400, 10)),
        {"a": target(**BREAKS, **STREAMS)},
        {"timeout_s": 1.5, "bill_mid_stream": "input"},
    )
    assert (free.attempts["billed_output_tokens"] == 0).all()
    assert (free.attempts[cut]["billed_input_tokens"] == 100).all()
    lengths_s = run.attempts["ended_s"] - run.attempts["started_s"]
    assert (lengths_s[cut] == 1.5).all()
    assert (lengths_s[~cut] <= 1.5).all()


def test_an_answer_without_a_stream_breaks_off_before_anything_is_seen() -> None:
    run = run_rows(at(*range(0, 400, 10)), {"a": target(**BREAKS)})
    assert run.attempts["first_token_s"].isna().all()
    assert (run.attempts["billed_input_tokens"] == 0).all()


def test_broken_answers_open_a_breaker_as_other_errors_do() -> None:
    breaker = {"kind": "consecutive", "failures": 3, "open_s": 1000}
    run = run_rows(at(*range(0, 100, 10)), {"a": target(**BREAKS, **STREAMS)}, {"breaker": breaker})
    assert len(run.attempts) == 3
    assert (run.outcomes["cause"][3:] == "own-breaker").all()
