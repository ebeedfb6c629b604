"""Policy presets: what they fill, what stands over them, and timelines measured on the real systems."""

import pytest

from planner.catalogue.policies import preset, presets
from planner.catalogue.reading import CONFIDENCES
from planner.experiments.assumptions import assumptions
from planner.scenario import load
from planner.scenario.policy import Policy
from tests.engines.hand_tables import at, check_attempts, check_outcomes, limits, run_rows, target
from tests.scenario.samples import changed_at, notices_with, problems_with, scenario


def test_every_preset_is_a_sound_policy_with_its_source() -> None:
    assert presets() == ("litellm", "openai-sdk", "portkey", "openrouter")
    for name in presets():
        found = preset(name)
        policy = Policy.model_validate({"preset": name})
        assert set(found.policy) < policy.model_fields_set
        assert policy.from_preset == set(found.policy)
        assert found.confidence in CONFIDENCES
        assert found.source
        assert found.differs
        assert found.note.startswith(found.about)


# Defaults as read in the systems' sources (facts: routing_semantics, tables of sections 2 to 6).
@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("litellm", "retries", 2),
        ("litellm", "sleep_after_last", True),
        ("litellm", "retry_after_cap_s", 60),
        ("litellm", "timeout_s", 6000),
        ("litellm", "max_fallbacks", 5),
        ("litellm", "special_fallbacks_only", True),
        ("litellm", "when_busy", "reject"),
        ("openai-sdk", "retries", 2),
        ("openai-sdk", "timeout_s", 600),
        ("openai-sdk", "retry_after_cap_s", 120),
        ("openai-sdk", "breaker", None),
        ("portkey", "retries", 0),
        ("litellm", "retry_target", "reselect"),
        ("litellm", "sibling_wait", "none"),
        ("litellm", "retry_after_above_cap", "backoff"),
        ("portkey", "asks_equals", False),
        ("portkey", "honours_retry_after", False),
        ("openrouter", "select", "inverse-price"),
        ("openrouter", "retries", 0),
    ],
)
def test_presets_say_what_the_systems_do(name: str, field: str, value: object) -> None:
    assert getattr(Policy.model_validate({"preset": name}), field) == value


def test_cooldowns_and_waits_of_presets() -> None:
    policy = Policy.model_validate({"preset": "litellm"})
    assert policy.breaker is not None
    assert (policy.breaker.kind, policy.breaker.open_time_s) == ("cooldown", 5)
    assert policy.backoff.kind == "litellm"
    assert Policy.model_validate({"preset": "openai-sdk"}).backoff.kind == "openai"


def test_what_is_given_beside_a_preset_stands_over_it_and_it_over_wider_policies() -> None:
    found = scenario(
        {
            "policy": {"retries": 7, "timeout_s": 11},
            "strategies.omni-only.policy": {"preset": "litellm", "retries": 4},
            "deployments.a.policy": {"preset": "openai-sdk"},
        }
    )
    strategy = found.strategy_policy("omni-only")
    assert (strategy.retries, strategy.timeout_s, strategy.sleep_after_last) == (4, 6000, True)
    own = found.policy_for("omni-only", "a")
    assert (own.retries, own.timeout_s, own.sleep_after_last, own.max_fallbacks) == (2, 600, False, 5)
    assert found.policy_for("mini-only", "b").retries == 7


def test_a_preset_survives_writing_and_reading() -> None:
    found = scenario({"policy": {"preset": "litellm", "retries": 1}})
    again = load(found.to_dict())
    assert again.policy == found.policy
    assert again.policy.from_preset == found.policy.from_preset


def test_what_a_preset_fills_is_nobodys_mistake() -> None:
    # A deadline below its timeout of 6,000 s, equals it cannot choose among, fallbacks nobody has: all silent.
    changes = {
        "policy": {"preset": "litellm", "deadline_s": 20},
        "deployments.a.policy": {"preset": "litellm"},
    }
    assert problems_with(changes) == []
    assert notices_with(changes) == []
    told = problems_with({"policy": {"preset": "litellm", "deadline_s": 20, "timeout_s": 30}})
    assert told == ["policy.deadline_s: got 20; allowed: at least policy.timeout_s, which is 30"]
    (unknown,) = problems_with({"policy": {"preset": "litelm"}})
    assert unknown.startswith(
        "policy.preset: got 'litelm'; allowed: litellm, openai-sdk, portkey or openrouter"
    )


def test_assumptions_name_the_source_and_what_is_otherwise() -> None:
    table = assumptions(load(changed_at({"policy": {"preset": "openai-sdk"}})))
    rows = table[table["what"] == "policy preset openai-sdk"]
    assert rows["source"].tolist() == [preset("openai-sdk").source]
    others = table[table["what"] == "not as openai-sdk does it"]
    assert others["value"].tolist() == list(preset("openai-sdk").differs)


BROKEN = {"errors": {"rate": 1, "status": 503, "latency_s": 0.1}}


def test_litellm_sleeps_after_the_last_failure() -> None:
    # Measured on LiteLLM: one deployment, 503 after 0.1 s, no jitter: calls at 0.04, 0.68 and 1.79, the error
    # reaches the caller at 3.97. Without its own overhead: 0, 0.1 + 0.5, 0.7 + 1, then 1.8 + 2 of sleep.
    fields = preset("litellm").policy | {
        "backoff": {"kind": "litellm", "base_s": 0.5, "cap_s": 8, "jitter_s": 0}
    }
    run = run_rows(at(0), {"a": target(**BROKEN)}, fields)
    check_attempts(run, "started_s ended_s\n0 0.1\n0.6 0.7\n1.7 1.8")
    check_outcomes(run, "ended_s outcome\n3.8 error")


def test_the_openai_client_waits_as_long_as_a_refusal_asks() -> None:
    # One request a minute, let through at 0: the one at 1 is told to wait 59 s, and does, without jitter.
    deployments = {"a": target(limits=limits(requests_per_minute=1, burst_s=60))}
    fields = preset("openai-sdk").policy
    run = run_rows(at(0, 1), deployments, fields)
    check_attempts(
        run,
        """
        request started_s ended_s outcome retry_after_s
        0       0         2       ok      -
        1       1         1       limited 59
        1       60        62      ok      -
        """,
    )
