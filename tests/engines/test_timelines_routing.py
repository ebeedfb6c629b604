"""Timelines of routing, worked out by hand: rules, threshold router, cascade, eligibility, recorded answers."""

from typing import Any

import pytest

from tests.engines.hand_tables import (
    MODEL,
    at,
    check_attempts,
    check_outcomes,
    limits,
    outage,
    run_rows,
    target,
)  # fmt: skip

MINI = {"ttft_s": 0.5, "tokens_per_s": 50}  # 50 output tokens: first at 0.5 s, last at 1.5 s
OMNI = {"ttft_s": 1.0, "tokens_per_s": 50}  # first at 1 s, last at 2 s
BOTH = {"big": target(latency=OMNI), "small": target(latency=MINI)}


def hybrid(router: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"omni": ["big"], "mini": ["small"], "router": router, **given}


def test_a_score_at_the_threshold_goes_to_omni_after_the_routers_time() -> None:
    # The decision takes 0.02 s, then the call asks for admission.
    run = run_rows(
        [*at(0, router_score=0.365), *at(10, router_score=0.3649), *at(20, router_score=0.9)],
        BOTH,
        strategy=hybrid({"kind": "threshold", "threshold": 0.365, "latency_s": 0.02}),
    )
    check_attempts(
        run,
        """
        request attempt deployment role    queued_s started_s first_token_s ended_s
        0       0       big        primary 0.02     0.02      1.02          2.02
        1       0       small      primary 10.02    10.02     10.52         11.52
        2       0       big        primary 20.02    20.02     21.02         22.02
        """,
    )
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s deployment tier
        0       0         1.02          2.02    big        omni
        1       10        10.52         11.52   small      mini
        2       20        21.02         22.02   big        omni
        """,
    )


def test_a_wanted_omni_share_is_the_quantile_of_the_recorded_scores() -> None:
    # Scores 0, 0.25, 0.5, 0.75, 1: the 0.6 quantile is at position 0.6 x 4 = 2.4: 0.5 + 0.4 x 0.25 = 0.6.
    run = run_rows(
        [row for score in (0, 0.25, 0.5, 0.75, 1) for row in at(0, router_score=score)],
        BOTH,
        strategy=hybrid({"kind": "threshold", "omni_share": 0.4}),
    )
    assert list(run.outcomes["tier"]) == ["mini", "mini", "mini", "omni", "omni"]


def test_the_quantile_itself_goes_to_omni() -> None:
    # The 0.5 quantile of the five scores is 0.5, and a score equal to the threshold is omni's.
    run = run_rows(
        [row for score in (1, 0.75, 0.5, 0.25, 0) for row in at(0, router_score=score)],
        BOTH,
        strategy=hybrid({"kind": "threshold", "omni_share": 0.5}),
    )
    assert list(run.outcomes["tier"]) == ["omni", "omni", "omni", "mini", "mini"]


CASCADE = {
    "kind": "cascade",
    "accept_score": 0.6,
    "verifier": {"model": "judge", "input_tokens": 160, "output_tokens": 10, "latency_s": 0.5},
}
JUDGED = {"models": {"m": MODEL, "judge": MODEL}, "strategy": hybrid(CASCADE)}


def test_a_cascade_serves_minis_answer_when_accepted_and_omnis_otherwise() -> None:
    # 0: mini 0-1.5, check 1.5-2; 0.6 is accepted: the user sees the first token then.
    # 1: mini 10-11.5, check until 12, 0.59 is not: omni 12-14, first token 13.
    run = run_rows([*at(0, verifier_score=0.6), *at(10, verifier_score=0.59)], BOTH, **JUDGED)
    check_attempts(
        run,
        """
        request attempt deployment role     queued_s started_s ended_s outcome billed_input_tokens billed_output_tokens
        0       0       small      mini     0        0         1.5     ok      100                 50
        0       1       verifier   verifier 1.5      1.5       2       ok      160                 10
        1       0       small      mini     10       10        11.5    ok      100                 50
        1       1       verifier   verifier 11.5     11.5      12      ok      160                 10
        1       2       big        omni     12       12        14      ok      100                 50
        """,
    )
    check_outcomes(
        run,
        """
        request arrived_s first_token_s ended_s outcome deployment tier attempts
        0       0         2             2       ok      small      mini 2
        1       10        13            14      ok      big        omni 3
        """,
    )


def test_a_deadline_cuts_a_cascade_in_its_second_stage() -> None:
    # Escalated at 2.0 as above; omni would end at 4.0, the deadline is 3.
    run = run_rows(at(0, verifier_score=0), BOTH, {"deadline_s": 3}, **JUDGED)
    check_attempts(
        run,
        """
        request attempt role     started_s ended_s outcome
        0       0       mini     0         1.5     ok
        0       1       verifier 1.5       2       ok
        0       2       omni     2         3       timeout
        """,
    )
    check_outcomes(
        run,
        """
        request first_token_s ended_s outcome deployment attempts cause
        0       -             3       timeout -          3        deadline
        """,
    )


def test_an_answer_or_a_verdict_that_comes_at_the_deadline_starts_nothing_more() -> None:
    # Mini 0-1.5, check 1.5-2. With a deadline of 1.5 s the check would start at it, with 2 s the call to
    # omni: neither is made. With 2 s an accepted answer is in time.
    mini = "0 0 mini 0 1.5 ok"
    check = "0 1 verifier 1.5 2 ok"
    for deadline_s, score, attempts, outcome in (
        (1.5, 1, mini, "0 1.5 timeout 1 deadline"),
        (2, 0, f"{mini}\n{check}", "0 2 timeout 2 deadline"),
        (2, 1, f"{mini}\n{check}", "0 2 ok 2 -"),
    ):
        run = run_rows(at(0, verifier_score=score), BOTH, {"deadline_s": deadline_s}, **JUDGED)
        check_attempts(run, f"request attempt role started_s ended_s outcome\n{attempts}")
        check_outcomes(run, f"request ended_s outcome attempts cause\n{outcome}")


@pytest.mark.parametrize(("rule", "billed"), [("none", "0 0"), ("input", "160 0"), ("full", "160 10")])
def test_a_check_cut_by_the_deadline_is_billed_as_the_policy_says(rule: str, billed: str) -> None:
    # Mini 0-1.5, the check would end at 2 and is cut at 1.75.
    run = run_rows(at(0, verifier_score=1), BOTH, {"deadline_s": 1.75, "bill_timeouts": rule}, **JUDGED)
    check_attempts(
        run,
        f"""
        request role     started_s ended_s outcome billed_input_tokens billed_output_tokens
        0       mini     0         1.5     ok      100                 50
        0       verifier 1.5       1.75    timeout {billed}
        """,
    )


def test_the_first_matching_rule_decides_before_the_router() -> None:
    # Sensitive tasks go to the private target (tier rule), photos to omni, long prompts to omni above
    # 30,000 tokens; the rest asks the router, which takes 0.25 s and here always says mini.
    tasks = {
        "chat": {},
        "photo": {"modalities": ["text", "vision"], "images": [{"width_px": 512, "height_px": 512}]},
        "secret": {"sensitive": 1.0},
    }
    models = {
        "m": {**MODEL, "modalities": ["text", "vision"], "image_tokens": 85, "image_usd_per_mtok": 1},
    }
    rules = [
        {"when": {"sensitive": True}, "to": ["private"]},
        {"when": {"modality": "vision"}, "to": "omni"},
        {"when": {"context_tokens_over": 30_000}, "to": "omni"},
    ]
    run = run_rows(
        [
            *at(0, task="secret", router_score=0.1),
            *at(10, task="photo", router_score=0.1),
            *at(20, task="chat", router_score=0.1, input_tokens=30_000),
            *at(30, task="chat", router_score=0.1, input_tokens=30_001),
        ],
        {**BOTH, "private": target()},
        tasks=tasks,
        models=models,
        strategy=hybrid({"kind": "threshold", "threshold": 0.5, "latency_s": 0.25}, rules=rules),
    )
    check_outcomes(
        run,
        """
        request task   arrived_s ended_s deployment tier
        0       secret 0         2       private    rule
        1       photo  10        12      big        omni
        2       chat   20        21.75   small      mini
        3       chat   30        32      big        omni
        """,
    )
    assert list(run.attempts["image_tokens"]) == [0, 85, 0, 0]
    assert list(run.attempts["input_tokens"]) == [100, 100, 30_000, 30_001]


def test_conditions_of_one_rule_must_all_hold() -> None:
    run = run_rows(
        [
            *at(0, task="secret"),
            *at(0, task="secret", input_tokens=2000),
            *at(0, task="chat", input_tokens=2000),
        ],
        {"big": target(), "small": target(), "private": target()},
        tasks={"chat": {}, "secret": {"sensitive": 1.0}},
        strategy={
            "mini": ["small"],
            "rules": [{"when": {"sensitive": True, "context_tokens_over": 1000}, "to": ["private"]}],
        },
    )
    assert list(run.outcomes["deployment"]) == ["small", "private", "small"]


def test_levels_are_tried_in_order_across_the_tier() -> None:
    # 0: a fails it at 1, b serves it 1-3. 1: a fails it at 1.5, b is busy, c serves it.
    run = run_rows(
        at(0, 0.5),
        {"a": target(outages=[outage(0, 5)]), "b": target(limits=limits(concurrent=1)), "c": target()},
        {"when_busy": "reject"},
        strategy={"omni": [["a", "b"], ["c"]]},
    )
    check_attempts(
        run,
        """
        request attempt deployment role    started_s ended_s outcome
        0       0       a          primary 0         1       error
        0       1       b          retry   1         3       ok
        1       0       a          primary 0.5       1.5     error
        1       1       c          retry   1.5       3.5     ok
        """,
    )


def test_a_target_that_cannot_take_a_request_is_passed_over() -> None:
    # 5,000 tokens do not fit a window of 4,000: b serves 1; 200,000 fit nowhere.
    run = run_rows(
        [*at(0), *at(0, input_tokens=5_000), *at(0, input_tokens=200_000)],
        {"a": target(model="narrow"), "b": target()},
        models={"m": MODEL, "narrow": {**MODEL, "context_tokens": 4_000}},
    )
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       2       ok       a          1        -
        1       2       ok       b          1        -
        2       0       rejected -          0        no-eligible-deployment
        """,
    )
    check_attempts(run, "request attempt deployment role\n0 0 a primary\n1 0 b primary")


def test_recorded_answers_and_lengths_of_a_model_replace_the_model() -> None:
    # On a (model m) 50 tokens: 2 s; recorded 150 for model n: 1 + 3 = 4 s on b. Recorded verdicts
    # decide `correct`; a failed request has none.
    rows = [
        {**row, "output_tokens.n": 150, "correct.m": m, "correct.n": n}
        for row, m, n in zip(at(0, 10, 20), (1, 0, 1), (0, 1, 1), strict=True)
    ]
    deployments = {
        "a": target(latency=OMNI, outages=[outage(10, 30)]),
        "b": target(model="n", latency=OMNI, outages=[outage(20, 30)]),
    }
    run = run_rows(rows, deployments, models={"m": MODEL, "n": MODEL})
    check_outcomes(
        run,
        """
        request first_token_s ended_s outcome deployment correct
        0       1             2       ok      a          True
        1       12            15      ok      b          True
        2       -             22      error   -          -
        """,
    )
    assert list(run.attempts["billed_output_tokens"]) == [50, 0, 150, 0, 0]


@pytest.mark.parametrize("select", ["in-order", "least-busy"])
def test_a_turned_down_answer_with_nobody_to_escalate_to_is_no_success(select: str) -> None:
    # The check turns mini's answer down at 3; omni takes 100 tokens at most, the request has 150: rejected then.
    # With a deadline at that very moment it is the deadline that ended it.
    judge = {"model": "m", "latency_s": 1, "true_positive": 0, "false_positive": 0}
    sections = {
        "models": {"m": MODEL, "narrow": MODEL | {"context_tokens": 100}},
        "tasks": {"chat": {"accuracy": {"m": 0.5, "narrow": 0.5}}},
        "strategy": {"mini": ["a"], "omni": ["b"], "router": {"kind": "cascade", "verifier": judge}},
    }
    rows = [*at(0, input_tokens=150), *at(100, input_tokens=10, output_tokens=10)]
    deployments = {"a": target(), "b": target(model="narrow")}
    run = run_rows(rows, deployments, {"select": select}, **sections)
    check_outcomes(
        run,
        """
        request ended_s outcome  deployment attempts cause
        0       3       rejected -          2        no-eligible-deployment
        1       105     ok       b          3        -
        """,
    )
    run = run_rows(rows, deployments, {"select": select, "deadline_s": 3}, **sections)
    check_outcomes(
        run,
        """
        request ended_s outcome deployment attempts cause
        0       3       timeout -          2        deadline
        1       103     timeout -          2        deadline
        """,
    )
