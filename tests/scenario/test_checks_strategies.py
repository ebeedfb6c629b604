from typing import Any

import pytest

from tests.scenario.samples import notices_with, problems, problems_with

PHOTO = {
    "tasks": {
        "faq": {},
        "photo": {"modalities": ["text", "vision"], "images": [{"width_px": 100, "height_px": 100}]},
    }
}
BOTH: dict[str, Any] = {"omni": ["a"], "mini": ["b"]}


def test_like_names_another_strategy_and_not_in_a_circle() -> None:
    assert problems_with({"strategies.third": {"like": "omni-onl"}}) == [
        "strategies.third.like: got 'omni-onl'; allowed: a name under strategies; did you mean omni-only?"
    ]
    assert problems_with({"strategies": {"x": {"like": "y"}, "y": {"like": "x"}, "z": {"like": "y"}}}) == [
        "strategies.x.like: strategies x and y are like each other in a circle"
    ]
    assert problems_with({"strategies.x": {"like": "x"}}) == [
        "strategies.x.like: a strategy cannot be like itself"
    ]


def test_tiers_and_rules_name_deployments_that_exist_once() -> None:
    assert problems_with({"strategies.omni-only.omni": ["a", "aa", ["b", "bb"], "a"]}) == [
        "strategies.omni-only.omni[1]: got 'aa'; allowed: a name under deployments; did you mean a?",
        "strategies.omni-only.omni[2][1]: got 'bb'; allowed: a name under deployments; did you mean b?",
        "strategies.omni-only.omni[3]: a stands here twice",
    ]
    rules = [{"when": {"task": "fak"}, "to": ["c"]}]
    assert problems_with({"strategies.omni-only.rules": rules}) == [
        "strategies.omni-only.rules[0].to[0]: got 'c'; allowed: a name under deployments; known here: a, b",
        "strategies.omni-only.rules[0].when.task: got 'fak'; allowed: a name under tasks; did you mean faq?",
    ]


def test_a_strategy_has_a_tier_a_router_two_and_a_rule_one_of_them() -> None:
    assert problems_with({"strategies.x": {}}) == [
        "strategies.x: has neither omni nor mini; name deployments under at least one"
    ]
    assert problems_with({"strategies.omni-only.router": {"omni_share": 0.5}}) == [
        "strategies.omni-only.router: a router chooses between two tiers, and omni-only has no mini"
    ]
    assert problems_with({"strategies.omni-only.rules": [{"when": {"task": "faq"}, "to": "mini"}]}) == [
        "strategies.omni-only.rules[0].to: got mini, and omni-only has no such tier"
    ]


def test_two_tiers_without_a_router_get_the_default_and_a_notice() -> None:
    assert notices_with({"strategies.both": BOTH}) == [
        "strategies.both: no router given: omni_share 0.25, score_correlation 0.6"
    ]
    assert notices_with({"strategies.both": {**BOTH, "router": {"omni_share": 0.5}}}) == []
    assert (
        notices_with(
            {"strategies.both": {**BOTH, "router": {"omni_share": 0.5}}, "strategies.c": {"like": "both"}}
        )
        == []
    )


def test_a_threshold_lies_where_scores_lie_unless_a_trace_records_them() -> None:
    high = {"strategies.both": {**BOTH, "router": {"threshold": 2.5}}}
    assert problems_with(high) == [
        "strategies.both.router.threshold: got 2.5; "
        "allowed: 0 to 1, where scores lie unless a trace records router_score"
    ]
    row = {"arrival_s": 0, "input_tokens": 1, "output_tokens": 1}
    assert problems_with({**high, "traffic": {"trace": {"rows": [{**row, "router_score": 3}]}}}) == []
    assert len(problems_with({**high, "traffic": {"trace": {"rows": [row]}}})) == 1


CASCADE: dict[str, Any] = {
    "strategies.both": {
        **BOTH,
        "router": {"kind": "cascade", "verifier": {"model": "gpt-4o-mini-2024-07-18"}},
    }
}


def test_the_verifier_of_a_cascade_is_known_and_priced() -> None:
    assert problems_with(CASCADE) == []
    at = "strategies.both.router.verifier"
    assert problems_with({**CASCADE, f"{at}.model": "gpt-4o-mini-2024-07-19"}) == [
        f"{at}.model: got 'gpt-4o-mini-2024-07-19'; not in the catalogue; did you mean gpt-4o-mini-2024-07-18?"
    ]
    assert problems_with({**CASCADE, f"{at}.provider": "opnai"}) == [
        f"{at}.provider: got 'opnai'; not in the catalogue; did you mean openai?"
    ]
    assert problems_with({**CASCADE, f"{at}.model": "gpt-4.1-2025-04-14"}) == [
        f"{at}.model: input price of gpt-4.1-2025-04-14 at openai is not known on 2025-01-01; "
        "known since 2025-04-14; a price of one's own would be models[gpt-4.1-2025-04-14].input_usd_per_mtok"
    ]


def test_a_cascade_must_know_how_often_mini_is_right() -> None:
    unrated = {**CASCADE, "models.m.ability": {}}
    assert problems_with(unrated) == [
        "strategies.both.router: a cascade must know how often mini is right: m has no rating for task faq; "
        "give tasks.faq.accuracy.m or models.m.ability.faq"
    ]
    assert problems_with({**unrated, "tasks.faq.accuracy": {"m": 0.7}}) == []
    row = {"arrival_s": 0, "input_tokens": 1, "output_tokens": 1, "verifier_score": 0.5, "correct.m": True}
    assert problems_with({**unrated, "traffic": {"trace": {"rows": [row]}}}) == []


def test_an_accept_score_without_recorded_scores_is_noticed() -> None:
    scored = {**CASCADE, "strategies.both.router.accept_score": 0.5}
    assert notices_with(scored) == [
        "strategies.both.router.accept_score: unused: no trace records verifier_score, "
        "so true_positive and false_positive decide"
    ]
    row = {"arrival_s": 0, "input_tokens": 1, "output_tokens": 1, "verifier_score": 0.5}
    assert notices_with({**scored, "traffic": {"trace": {"rows": [row]}}}) == []


# -- who can take what -------------------------------------------------------------------------------

NOBODY = "no deployment here takes vision, which task photo needs"
RULE = "or a rule {when: {task: photo}, to: omni}"


def test_every_tier_that_may_get_a_task_has_a_deployment_that_takes_it() -> None:
    assert problems_with(PHOTO) == [f"strategies.mini-only.mini: {NOBODY}; add one that does"]
    both = {**PHOTO, "strategies": {"s": {**BOTH, "router": {"omni_share": 0.5}}}}
    assert problems_with(both) == [f"strategies.s.mini: {NOBODY}; add one that does, {RULE}"]
    assert problems_with({**both, "strategies.s.mini": ["b", "a"]}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"rules": [{"when": {"modality": "vision"}, "to": "omni"}]},
        {"rules": [{"when": {"task": "photo"}, "to": ["a"]}]},
        {"router": {"omni_share": 1}},
        {"router": {"threshold": 0}},
    ],
)
def test_a_tier_that_never_gets_a_task_need_not_take_it(change: dict[str, Any]) -> None:
    assert (
        problems_with({**PHOTO, "strategies": {"s": {**BOTH, "router": {"omni_share": 0.5}, **change}}}) == []
    )


def test_a_rule_that_takes_a_part_of_the_requests_must_lead_to_a_taker() -> None:
    rule = [{"when": {"sensitive": True}, "to": ["b"]}]
    only = {**PHOTO, "strategies": {"s": {"omni": ["a"], "rules": rule}}}
    assert problems_with(only) == []  # no request of task photo is sensitive
    assert problems_with({**only, "tasks.photo.sensitive": 0.1}) == [
        f"strategies.s.rules[0].to: {NOBODY}; add one that does"
    ]


def test_several_tasks_that_nobody_takes_are_one_problem() -> None:
    image = [{"width_px": 1, "height_px": 1}]
    tasks = {name: {"modalities": ["text", "vision"], "images": image} for name in ("faq", "scan", "photo")}
    assert problems_with({"tasks": tasks}) == [
        "strategies.mini-only.mini: no deployment here takes vision, which tasks faq, scan and photo need; "
        "add one that does"
    ]


def test_modalities_must_be_taken_together() -> None:
    tasks = {
        "faq": {
            "modalities": ["vision", "audio"],
            "images": [{"width_px": 1, "height_px": 1}],
            "audio": {"input_s": 1},
        }
    }
    changes = {
        "tasks": tasks,
        "deployments.a2": {"model": "gpt-4o-audio-preview-2024-12-17", "provider": "openai"},
        "strategies": {"s": {"omni": ["a", "a2"]}},
    }
    assert problems_with(changes) == [
        "strategies.s.omni: no deployment here takes vision and audio together, which task faq needs; add one that does"
    ]


def test_prompts_that_are_surely_too_long_are_refused() -> None:
    long = {
        "tasks.faq.input_tokens": 1000,
        "tasks.faq.shared_prefix_tokens": 127_001,
        "strategies": {"s": {"omni": ["a"]}},
    }
    assert problems_with(long) == [
        "strategies.s.omni: no deployment here takes prompts of 128001 tokens, which task faq needs; add one that does"
    ]
    assert problems_with({**long, "tasks.faq.input_tokens": 999}) == []
    assert problems_with({**long, "tasks.faq.input_tokens": {"p50": 1000, "p95": 1001}}) == []
    assert problems_with({**long, "strategies": {"s": {"omni": ["a", "b"]}}}) == []
    rule = [{"when": {"context_tokens_over": 128_000}, "to": ["a"]}]
    over = {"strategies": {"s": {"omni": ["a"], "rules": rule}}}
    assert problems_with({**over, "tasks.faq.input_tokens": {"p50": 100, "p95": 999}}) == [
        "strategies.s.rules[0].to: no deployment here takes prompts of 128001 tokens, which task faq needs; "
        "add one that does"
    ]
    assert problems_with({**over, "tasks.faq.input_tokens": 5000}) == []


def test_eligibility_holds_in_every_era() -> None:
    migration = {"at": "2025-06-01", "from": "gpt-4o-2024-08-06", "to": "o3-mini-2025-01-31"}
    changes = {**PHOTO, "finance.migrations": [migration], "strategies": {"s": {"omni": ["a"]}}}
    assert problems_with(changes) == [
        "strategies.s.omni: no deployment here takes vision from 2025-06-01 on, which task photo needs; "
        "add one that does",
        "finance.migrations[0].to: o3-mini-2025-01-31 does not take vision, "
        "which task photo needs and gpt-4o-2024-08-06 took",
    ]


# -- time and gateways -------------------------------------------------------------------------------


def test_a_deadline_is_no_shorter_than_a_timeout() -> None:
    assert problems_with({"policy": {"timeout_s": 30, "deadline_s": 10}}) == [
        "policy.deadline_s: got 10; allowed: at least policy.timeout_s, which is 30"
    ]
    assert problems_with({"policy": {"deadline_s": 10}}) == [
        "policy.deadline_s: got 10; allowed: at least policy.timeout_s, which is 30 (the default)"
    ]
    assert problems_with({"policy": {"timeout_s": 10, "deadline_s": 10}}) == []
    assert problems_with({"policy": {"timeout_s": None, "deadline_s": 10}}) == []


def test_deadlines_and_timeouts_are_compared_where_they_meet() -> None:
    own = {"policy": {"timeout_s": 5, "deadline_s": 10}, "strategies.omni-only.policy": {"deadline_s": 4}}
    assert problems_with(own) == [
        "strategies.omni-only.policy.deadline_s: got 4; allowed: at least policy.timeout_s, which is 5"
    ]
    of_deployment = {"policy": {"timeout_s": 5, "deadline_s": 10}, "deployments.b.policy": {"timeout_s": 20}}
    assert problems_with(of_deployment) == [
        "policy.deadline_s: got 10; allowed: at least deployments.b.policy.timeout_s, which is 20"
    ]
    inherited = {
        "policy": {"timeout_s": 5},
        "strategies.x": {"like": "omni-only"},
        "strategies.omni-only.policy": {"deadline_s": 4},
    }
    assert problems_with(inherited) == [
        "strategies.omni-only.policy.deadline_s: got 4; allowed: at least policy.timeout_s, which is 5"
    ]


def test_a_retry_after_is_not_honoured_for_longer_than_the_deadline() -> None:
    # 60 s, the default, is no mistake of anybody's: the deadline cuts the wait.
    assert problems_with({"policy.deadline_s": 40}) == []
    assert problems_with({"policy.deadline_s": 40, "policy.retry_after_cap_s": 50}) == [
        "policy.retry_after_cap_s: got 50; allowed: at most policy.deadline_s, which is 40"
    ]
    assert problems_with({"policy.deadline_s": 40, "policy.retry_after_cap_s": 40}) == []


def test_a_deadline_says_the_line_of_the_timeout() -> None:
    from tests.scenario.samples import SMALLEST

    text = SMALLEST + "policy:\n  timeout_s: 30\n  deadline_s: 10\n"
    assert problems(text) == [
        "<text>:9: policy.deadline_s: got 10; allowed: at least policy.timeout_s, which is 30 (line 8)"
    ]


def test_a_hang_needs_something_that_ends_it() -> None:
    hang = {"deployments.a.outages": [{"from_s": 1, "to_s": 2}, {"from_s": 5, "to_s": 6, "mode": "hang"}]}
    text = "a hang that nothing ends: under strategy omni-only there is neither timeout_s nor deadline_s"
    hint = "give policy.timeout_s or policy.deadline_s"
    assert problems_with({**hang, "policy": {"timeout_s": None}}) == [
        f"deployments.a.outages[1].mode: {text}; {hint}"
    ]
    assert problems_with(hang) == []
    assert problems_with({**hang, "policy": {"timeout_s": None, "deadline_s": 60}}) == []
    assert (
        problems_with({**hang, "policy": {"timeout_s": None}, "deployments.a.policy": {"timeout_s": 5}}) == []
    )
    law = {"mtbf_h": 100, "duration_h": 1, "mode": "hang"}
    assert problems_with({"deployments.a.outages": law, "deployments.a.policy": {"timeout_s": None}}) == [
        f"deployments.a.outages.mode: {text}; {hint}"
    ]


def test_a_gateway_of_either_kind_may_have_a_fee_and_a_latency() -> None:
    """A proxy of one's own adds time, too."""
    assert problems_with({"gateway": {"fee": 0.05, "latency_s": 0.01}}) == []
    assert problems_with({"strategies.omni-only.gateway": {"kind": "unified", "latency_s": 0.05}}) == []
