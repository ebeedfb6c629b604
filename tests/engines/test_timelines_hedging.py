"""Timelines worked out by hand: hedged calls, what they win, lose and cost.

Each comment derives the expected rows from the engines' rules alone; the run must match them to the nanosecond.
"""

import math
from typing import Any

import numpy as np
import pytest

from planner.engines.run import run_window
from planner.scenario import load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import (
    MODEL,
    POLICY,
    STREAM,
    at,
    check_attempts,
    check_events,
    check_outcomes,
    fixed,
    limits,
    outage,
    run_rows,
    target,
)
from tests.scenario.samples import notices_with, problems_with


def hedge(after_s: float, **given: Any) -> dict[str, Any]:
    return {"hedge": {"after_s": after_s, **given}}


def takes(*service_s: float) -> list[dict[str, Any]]:
    """One request at 0 s whose calls, by their number, take so long."""
    return at(0, service_s=list(service_s))


def test_the_first_answer_wins_and_the_other_call_is_cancelled_then() -> None:
    # The first call would take 5 s. After 1 s a second one, which takes 2 s: it answers at 3, and the first is
    # cut there. Both are billed in full (100 in, 50 out): the answer, and by default the loser, too.
    run = run_rows(takes(5, 2), policy=hedge(1))
    check_attempts(
        run,
        """
        attempt role    started_s ended_s outcome   status billed_input_tokens billed_output_tokens
        0       primary 0         3       cancelled 0      100                 50
        1       hedge   1         3       ok        200    100                 50
        """,
    )
    check_outcomes(run, "ended_s attempts outcome deployment\n3 2 ok a")


@pytest.mark.parametrize(("bill", "billed"), [("none", "0 0"), ("input", "100 0"), ("full", "100 50")])
def test_the_first_call_may_win_and_what_a_loser_costs_is_a_policy(bill: str, billed: str) -> None:
    # The first call answers at 2; the hedge of 1 s would have answered at 4.
    run = run_rows(takes(2, 3), policy=hedge(1, bill_losers=bill))
    check_attempts(
        run,
        f"""
        attempt role    started_s ended_s outcome   billed_input_tokens billed_output_tokens
        0       primary 0         2       ok        100                 50
        1       hedge   1         2       cancelled {billed}
        """,
    )


def test_an_answer_exactly_when_the_wait_is_over_needs_no_hedge() -> None:
    run = run_rows(takes(1, 1), policy=hedge(1))
    check_attempts(run, "attempt role started_s ended_s\n0 primary 0 1")


def test_several_hedges_follow_at_equal_distances() -> None:
    # Calls begin at 0, 1, 2 and 3 (three hedges at most) and take 9, 9, 9 and 1 s: the last one answers at 4.
    run = run_rows(takes(9, 9, 9, 1), policy=hedge(1, max=3))
    check_attempts(
        run,
        """
        attempt role    started_s ended_s outcome
        0       primary 0         4       cancelled
        1       hedge   1         4       cancelled
        2       hedge   2         4       cancelled
        3       hedge   3         4       ok
        """,
    )


def test_two_answers_at_one_instant_give_one_answer() -> None:
    # The first call ends at 3, and so does the hedge. Ends come in order of their numbers: the first call answers.
    run = run_rows(takes(3, 2), policy=hedge(1))
    check_attempts(run, "attempt ended_s outcome\n0 3 ok\n1 3 cancelled")


def test_a_failure_waits_for_the_hedge_and_the_last_failure_is_retried() -> None:
    # The outage fails calls that start in [0, 2) 1.5 s after their start. The first call fails at 1.5 while its
    # hedge, begun at 1, is under way: nothing is decided. The hedge fails at 2.5, and the retry waits 1 s from then:
    # it starts at 3.5, and its own hedge at 4.5; it answers at 5.5, 2 s after its start.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 2, error_latency_s=1.5)])},
        {"retries": 1, "backoff": fixed(1)} | hedge(1),
    )
    check_attempts(
        run,
        """
        attempt role    started_s ended_s outcome
        0       primary 0         1.5     error
        1       hedge   1         2.5     error
        2       retry   3.5       5.5     ok
        3       hedge   4.5       5.5     cancelled
        """,
    )


def test_a_failure_before_the_wait_is_over_is_retried_without_a_hedge() -> None:
    # The first call fails at 0.5; the hedge of 1 s is not sent any more. The retry begins at 1.5 and answers at 3.5;
    # its own hedge begins at 2.5.
    run = run_rows(
        at(0),
        {"a": target(outages=[outage(0, 1, error_latency_s=0.5)])},
        {"retries": 1, "backoff": fixed(1)} | hedge(1),
    )
    check_attempts(
        run,
        """
        attempt role    started_s ended_s outcome
        0       primary 0         0.5     error
        1       retry   1.5       3.5     ok
        2       hedge   2.5       3.5     cancelled
        """,
    )


def test_a_hedge_may_go_to_another_deployment_which_then_has_served() -> None:
    # a hangs in its outage; the hedge after 1 s goes to b, which answers at 3. A hang that is cut is billed as an
    # answer that nobody waited for: by the policy of losers.
    deployments = {"a": target(outages=[outage(0, 10, "hang")]), "b": target()}
    policy = {"timeout_s": 30} | hedge(1, to="b", bill_losers="input")
    run = run_rows(at(0), deployments, policy)
    check_attempts(
        run,
        """
        attempt deployment role    started_s ended_s outcome   billed_input_tokens
        0       a          primary 0         3       cancelled 100
        1       b          hedge   1         3       ok        100
        """,
    )
    check_outcomes(run, "deployment ended_s outcome\nb 3 ok")


def test_a_call_that_waits_for_a_slot_is_hedged_and_leaves_the_queue_without_a_row() -> None:
    # a takes one call at a time: request 1 of 0.5 s waits behind request 0, which ends at 4. After 1 s, at 1.5, it
    # is asked for at b, too, which answers at 3.5: the call waiting at a is gone without a row. Request 0 takes 4 s
    # and has no use of its own hedge to b, which takes 4 s as well and is cut at 4.
    rows = [*at(0, service_s=[4.0, 4.0]), *at(0.5, service_s=[2.0, 2.0])]
    deployments = {"a": target(limits=limits(concurrent=1)), "b": target()}
    run = run_rows(rows, deployments, hedge(1, to="b"))
    check_attempts(
        run,
        """
        request attempt deployment queued_s started_s ended_s outcome
        0       0       a          0        0         4       ok
        0       1       b          1        1         4       cancelled
        1       1       b          1.5      1.5       3.5     ok
        """,
    )
    check_outcomes(run, "request attempts ended_s outcome\n0 2 4 ok\n1 1 3.5 ok")


def test_a_slot_that_a_cancelled_call_frees_goes_to_the_next_in_the_queue() -> None:
    # b takes one call at a time. Request 0 (a hangs) holds it from 1, as a hedge, to 3. Request 1, straight to b by
    # its rule, waits from 1.5 and is sent at 3. Request 2 is a hedge again: its first call at a answers at 4.5 + 2.
    deployments = {"a": target(outages=[outage(0, 4, "hang")]), "b": target(limits=limits(concurrent=1))}
    strategy = {"omni": ["a"], "groups": {"b": ["b"]}, "rules": [{"when": {"task": "direct"}, "to": "b"}]}
    rows = [*at(0, task="chat"), *at(1.5, task="direct"), *at(4.5, task="chat")]
    policy = {"timeout_s": 30} | hedge(1, to="b")
    run = run_rows(rows, deployments, policy, strategy=strategy, tasks={"chat": {}, "direct": {}})
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome
        0       0       a          primary 0         3       cancelled
        0       1       b          hedge   1         3       ok
        1       0       b          primary 3         5       ok
        2       0       a          primary 4.5       6.5     ok
        2       1       b          hedge   5.5       6.5     cancelled
        """,
    )


def test_a_hedge_that_is_turned_away_is_nothing_lost() -> None:
    # b lets one request a minute through: request 0 has it as its hedge. The hedge of request 1 is refused at once
    # at 11 (the bucket, empty at 1, is full at 61), a row, but its first call answers at 14 all the same.
    deployments = {"a": target(latency={"total_s": 4}), "b": target(limits=limits(requests_per_minute=1))}
    run = run_rows(at(0, 10), deployments, {"when_limited": "retry"} | hedge(1, to="b"))
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome retry_after_s
        0       0       a          primary 0         3       cancelled -
        0       1       b          hedge   1         3       ok        -
        1       0       a          primary 10        14      ok        -
        1       1       b          hedge   11        11      limited   50
        """,
    )


def test_the_deadline_cuts_all_calls_of_a_bundle() -> None:
    run = run_rows(takes(9, 9), policy={"deadline_s": 3} | hedge(1))
    check_attempts(run, "attempt ended_s outcome\n0 3 timeout\n1 3 timeout")
    check_outcomes(run, "ended_s outcome cause attempts\n3 timeout deadline 2")


def test_a_cancelled_probe_frees_its_place() -> None:
    # The outage fails request 0 at a (0 to 1): the breaker opens at 1 for 2 s. Request 1 at 3 is the probe; it hangs
    # in a second outage. Its hedge goes to b at 4 and answers at 6; the probe is cancelled, tells the breaker
    # nothing, and its place is free: request 2 at 7 is the next probe, answers at 9, and the breaker closes.
    outages = [outage(0, 1), outage(3, 4, "hang")]
    deployments = {"a": target(outages=outages), "b": target()}
    breaker = {"kind": "consecutive", "failures": 1, "open_s": 2}
    policy = {"timeout_s": 30, "breaker": breaker} | hedge(1, to="b")
    run = run_rows(at(0, 3, 7), deployments, policy)
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome
        0       0       a          primary 0         1       error
        0       1       b          retry   1         3       ok
        0       2       b          hedge   2         3       cancelled
        1       0       a          primary 3         6       cancelled
        1       1       b          hedge   4         6       ok
        2       0       a          primary 7         9       ok
        2       1       b          hedge   8         9       cancelled
        """,
    )
    check_events(
        run,
        "breaker",
        """
        time_s from      to        request
        1      closed    open      0
        3      open      half-open 1
        9      half-open closed    2
        """,
    )


def test_a_refused_prompt_does_not_end_the_other_call() -> None:
    # a refuses the prompt after 2 s; the hedge to b, of another provider, answers at 3.
    deployments = {"a": target(content_filter={"share": 1, "latency_s": 2.0}), "b": target()}
    run = run_rows(at(0), deployments, hedge(1, to="b"))
    check_attempts(run, "attempt deployment ended_s outcome status\n0 a 2 error 400\n1 b 3 ok 200")


def test_calls_and_latency_are_those_of_the_formulas() -> None:
    """Expected further calls P(X > d) and latency E[min(X, d + Y)] (routing_semantics §10), X and Y exponential.

    With mean 1 s and d = 1 s: P = e^-1; E[min] = integral of P(X > t) up to d, then of e^-t e^-(t - d):
    1 - e^-1 + e^-1 / 2. 20,000 requests far apart; 6 standard errors, so a right engine fails one seed in 5e8.
    """
    n = 20_000
    raw = {
        "name": "hedged",
        "traffic": {"trace": {"rows": [{"arrival_s": 100.0 * k, "input_tokens": 1, "output_tokens": 1} for k in range(n)]}},
        "tasks": {"chat": {}},
        "models": {"m": MODEL},
        "deployments": {"a": target(latency={"total_s": {"exponential_mean": 1.0}})},
        "strategies": {"s": {"omni": ["a"]}},
        "policy": POLICY | hedge(1),
        "finance": {"horizon_months": 1},
        "run": {"seed": 3, "replications": 1},
    }  # fmt: skip
    scenario = load(raw)
    run = run_window(scenario, "s", plan_windows(scenario)[0], engine="compiled")
    extra = run.outcome_arrays["attempts"] - 1
    share = math.exp(-1)
    assert abs(extra.mean() - share) < 6 * math.sqrt(share * (1 - share) / n)
    latency_s = (run.outcome_arrays["ended_ns"] - run.outcome_arrays["arrived_ns"]) / 1e9
    expected_s = 1 - share / 2
    assert abs(latency_s.mean() - expected_s) < 6 * latency_s.std() / math.sqrt(n)
    # Second calls have luck of their own: the same luck would make every hedged request last its first call.
    hedged = extra == 1
    assert np.mean(latency_s[hedged]) == pytest.approx(1.5, abs=6 * 0.5 / math.sqrt(hedged.sum()))


def test_a_hedge_that_only_queues_can_meet_is_worth_knowing() -> None:
    assert notices_with({"policy.hedge": {"after_s": 29}}) == []
    assert notices_with({"policy.hedge": {"after_s": 30}}) == [
        "policy.hedge.after_s: 30 s: a call is cut before that (policy.timeout_s is 30), so only calls that wait in a "
        "queue are hedged"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"policy.hedge": {"after_s": 1, "to": "aa"}},
            "policy.hedge.to: got 'aa'; allowed: a name under deployments; did you mean a?",
        ),
        (  # with layers whose calls are counted
            {"policy.hedge": {"after_s": 1, "to": "aa"}, "policy.layers": [{"name": "app"}]},
            "policy.hedge.to: got 'aa'; allowed: a name under deployments; did you mean a?",
        ),
        (
            {"policy.hedge": {"after_s": 1, "to": "b"}},
            "policy.hedge.to: got b, which is in no group of omni-only; one of a",
        ),
        ({"policy.hedge": {"max": 2}}, "policy.hedge.after_s: must be"),
        (
            {"policy.hedge": {"after_s": 0}},
            "policy.hedge.after_s: got 0; allowed: number > 0, at most 86400 (s)",
        ),
    ],
)
def test_a_hedge_that_cannot_be_is_named(changes: dict[str, Any], expected: str) -> None:
    assert [problem[: len(expected)] for problem in problems_with(changes)] == [expected]


OMNI_ONLY = {
    "omni": ["a"], "mini": ["b"],
    "rules": [{"when": {"context_tokens_over": 500}, "to": "mini"}, {"when": {"task": "chat"}, "to": "omni"}],
}  # fmt: skip


def test_a_hedge_that_fails_otherwise_takes_no_retry_from_the_first_call() -> None:
    # a is down until 1: 503 at 1. The hedge at b, from 0.5, is refused by b's content filter at 3.5. a's retry follows
    # a second later, as without the hedge: 4.5 to 6.5; it has a hedge of its own, which loses.
    run = run_rows(
        at(0),
        {
            "a": target(outages=[outage(0, 1)]),
            "b": target(content_filter={"share": 1.0, "latency_s": 3.0}),
        },
        {"retries": 3, "backoff": fixed(1), "hedge": {"after_s": 0.5, "to": "b"}},
        strategy=OMNI_ONLY,
    )
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome status
        0       0       a          primary 0         1       error   503
        0       1       b          hedge   0.5       3.5     error   400
        0       2       a          retry   4.5       6.5     ok      200
        0       3       b          hedge   5         6.5     cancelled 0
        """,
    )


def test_a_hedge_that_leaves_a_queue_takes_no_retry_from_the_first_call() -> None:
    # Request 0 holds b's only place until 20. Request 1's hedge waits there from 1.5 and leaves at 3.5; a failed at 2.
    # a's retry: 4.5, after the outage that ends at 3.
    run = run_rows(
        [*at(0, input_tokens=1000), *at(1)],
        {
            "a": target(outages=[outage(0, 3)]),
            "b": target(latency={"total_s": 20}, limits=limits(concurrent=1)),
        },
        {"retries": 3, "backoff": fixed(1), "queue_timeout_s": 2, "hedge": {"after_s": 0.5, "to": "b"}},
        strategy=OMNI_ONLY,
    )
    check_outcomes(
        run,
        """
        request ended_s outcome deployment attempts
        0       20      ok      b          1
        1       6.5     ok      a          2
        """,
    )


def test_a_part_of_an_answer_that_was_seen_ends_the_pass_whichever_call_fails_last() -> None:
    # a breaks off somewhere in 2 s, after its first token at 1 in about half of the calls; the hedge at b fails 3.5 s
    # after the arrival. Where a part was seen there is no retry; where not, a is tried again at 4.5.
    run = run_rows(
        at(*range(0, 400, 20)),
        {
            "a": target(latency=STREAM, errors={"rate": 0, "mid_stream": 1.0}),
            "b": target(errors={"rate": 1, "latency_s": 3.0}),
        },
        {"retries": 1, "backoff": fixed(1), "hedge": {"after_s": 0.5, "to": "b"}},
        strategy=OMNI_ONLY,
    )
    attempts = run.attempts
    first = attempts[attempts["role"] == "primary"].set_index("request")
    is_hedged = attempts[attempts["role"] == "hedge"]["request"].unique()
    was_seen = first["first_token_s"].notna()
    tried_again = set(attempts[attempts["role"] == "retry"]["request"])
    assert {name for name in is_hedged if was_seen[name]}.isdisjoint(tried_again)
    assert {name for name in first.index if not was_seen[name]} <= tried_again
    assert 3 < was_seen.sum() < 17


def test_no_two_calls_of_a_request_to_one_deployment_have_the_same_luck() -> None:
    # Errors after exponential times: the third hedge is sent while the first has ended and the second has not, or the
    # other way round. Equal lengths would be equal draws.
    for seed in range(60):
        run = run_rows(
            at(0),
            {"a": target(errors={"rate": 1, "latency_s": {"exponential_mean": 2}})},
            {"timeout_s": 300, "hedge": {"after_s": 1, "max": 3}},
            run={"seed": seed, "replications": 1},
        )
        took_ns = run.attempt_arrays["ended_ns"] - run.attempt_arrays["started_ns"]
        assert len(set(took_ns.tolist())) == len(took_ns), f"seed {seed}: {took_ns}"


def test_no_hedge_is_sent_at_the_deadline() -> None:
    # a lets one request a minute through; request 1 waits for it until its deadline at 3, where its hedge was due.
    run = run_rows(
        at(0, 1),
        {"a": target(limits=limits(requests_per_minute=1, burst_s=60)), "b": target(latency={"total_s": 9})},
        {"timeout_s": 2, "deadline_s": 2, "when_limited": "wait", "hedge": {"after_s": 2, "to": "b"}},
    )
    check_outcomes(run, "request ended_s attempts cause\n0 2 1 -\n1 3 0 deadline")


def test_a_part_that_was_seen_ends_the_pass_also_where_the_first_call_was_refused_by_a_filter() -> None:
    # a refuses every prompt after 0.5 s; the hedge at b breaks off within 2 s. Where its first token had come, at 1.25, the
    # pass has failed; where it had not, the next deployment, c, answers.
    run = run_rows(
        at(*range(0, 400, 20)),
        {
            "a": target(content_filter={"share": 1.0, "latency_s": 0.5}),
            "b": target(latency=STREAM, errors={"rate": 0, "mid_stream": 1.0}),
            "c": target(),
        },
        {"hedge": {"after_s": 0.25, "to": "b"}},
        strategy={"omni": ["a", "c"], "mini": ["b"], "rules": OMNI_ONLY["rules"]},
    )
    beside = run.attempts[(run.attempts["role"] == "hedge") & (run.attempts["attempt"] == 1)]
    assert beside["request"].tolist() == run.outcomes["request"].tolist()
    was_seen = beside["first_token_s"].notna().tolist()
    assert 3 < sum(was_seen) < 17
    assert (run.outcomes["outcome"] != "ok").tolist() == was_seen
