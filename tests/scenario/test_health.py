"""What is said of `policy.health` where nothing reads it."""

from tests.scenario.samples import notices_with, problems_with, scenario

OUT = {"mtbf_h": 100, "duration_h": 1}


def test_late_news_without_a_breaker_are_noticed() -> None:
    told = "policy.health.lag_s: unused: no breaker hears the news, for policy.breaker is null"
    health = {"policy.health": {"lag_s": 5}}
    assert notices_with(health) == []
    assert notices_with(health | {"policy.breaker": None}) == [told]
    one_listens = {"deployments.a.policy": {"breaker": {"failures": 2}}}
    assert notices_with(health | {"policy.breaker": None} | one_listens) == []


def test_perfect_knowledge_of_nothing_is_noticed() -> None:
    told = "policy.health.knowledge: unused: no deployment that it holds for is ever wholly out"
    perfect = {"policy.health": {"knowledge": "perfect"}}
    assert notices_with(perfect) == []  # a has the outages of its provider
    for harmless in (
        None,
        OUT | {"mode": "degraded"},
        OUT | {"share": 0.5},
        [{"from_s": 0, "to_s": 9, "share": 0.5}],
    ):
        assert notices_with(perfect | {"deployments.a.outages": harmless}) == [told]
    # b has no provider, and so no outages but its own
    assert notices_with(
        {"deployments.b.policy": {"health": {"knowledge": "perfect"}}}
    ) == [f"deployments.b.{told}"]  # fmt: skip
    assert notices_with(perfect | {"deployments.a.outages": [{"from_s": 0, "to_s": 9, "mode": "hang"}]}) == []


def test_a_lag_below_zero_or_unknown_knowledge_is_refused() -> None:
    assert problems_with({"policy.health": {"lag_s": -1, "knowledge": "best"}}) == [
        "policy.health.lag_s: got -1; allowed: 0 to 3600 (s)",
        "policy.health.knowledge: got 'best'; allowed: own or perfect",
    ]


def test_load_spills_over_by_perfect_knowledge_without_any_breaker() -> None:
    spill = {
        "policy.spill_over": {},
        "policy.breaker": None,
        "strategies.omni-only.omni": [["a"], ["b"]],
        "strategies.mini-only.mini": [["b"], ["a"]],
    }
    said = [text for text in notices_with(spill) if "spill_over" in text]
    assert len(said) == 2
    knowing = spill | {"policy.health": {"knowledge": "perfect"}}
    assert [text for text in notices_with(knowing) if "spill_over" in text] == []


def test_either_bound_is_set_by_its_path() -> None:
    found = scenario().set({"policy.health.lag_s": 30, "policy.health.knowledge": "perfect"})
    policy = found.policy_for("omni-only", "a")
    assert (policy.health.lag_s, policy.health.knowledge) == (30.0, "perfect")
