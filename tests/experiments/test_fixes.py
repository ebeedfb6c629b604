"""Fixes: each is taken by the scenario, does what it says when it is run, and moves the finding it is offered for."""

from functools import cache

import pytest

import planner
from planner.cli.checking import load as load_with
from planner.experiments.comparison import Comparison
from planner.experiments.finding import Finding
from planner.experiments.fixes import RECIPES, Fix, find, fix_of, fixes_of
from planner.scenario import load, parse_override
from planner.scenario.fields import Scenario
from tests.experiments import found_cases
from tests.experiments.found_cases import CASES, HEDGED, SHIPPED

# Codes with a recipe, in the cases of which some fix must be offered.
OFFERED = (
    "limit-binds", "waiting", "over-context", "over-budget", "prompt-cache-off", "calls-per-request", "wasted-spend",
    "sensitive-outside",
)  # fmt: skip


@cache
def compared(name: str) -> Comparison:
    return planner.compare(found_cases.shipped(name) if name in SHIPPED else found_cases.case(name))


def same(finding: Finding, after: Comparison) -> Finding | None:
    """The finding of a code about the same strategy and subject after a change, or None: it is gone."""
    return next((one for one in after.findings if one.key == finding.key), None)


def changed(before: Comparison, fix: Fix) -> Comparison:
    return planner.compare(before.scenario.set(fix.changes))


def availability(found: Comparison, strategy: str | None) -> float:
    value = found.results[str(strategy)].estimates["", "availability"].value
    assert value is not None
    return value


@pytest.mark.parametrize("name", [*CASES, *SHIPPED])
def test_every_change_is_taken_and_the_finding_goes_away_or_its_number_falls(name: str) -> None:
    found = compared(name)
    for one in found.findings:
        for fix in fixes_of(found, one):
            if fix.kind != "change":
                continue
            after = changed(found, fix)
            left = same(one, after)
            if one.code == "images-dearer-on-mini":
                continue  # of prices, not of routes: held against the bill below
            if left is not None and one.code == "over-budget":
                assert left.usd < one.usd, one.key  # type: ignore[operator]
            else:
                assert left is None or left.value < one.value, (one.key, fix)
            assert sum(after.results[name].ledger.total("invoiced") for name in after.strategies) > 0


@pytest.mark.parametrize("code", OFFERED)
def test_a_fix_is_offered_where_something_helps(code: str) -> None:
    found = compared(code)
    offered = [fix_of(found, one) for one in found.findings if one.code == code]
    assert any(fix is not None and fix.kind == "change" for fix in offered)


def test_nothing_is_offered_for_what_nothing_is_known_to_help() -> None:
    for code in (
        "hidden-tokens",
        "mean-against-median",
        "migration",
        "unrated",
        "outage-windows",
        "dominated",
    ):
        found = compared(code)
        assert all(not fixes_of(found, one) for one in found.findings if one.code == code)
    assert (
        set(RECIPES) & {"hidden-tokens", "mean-against-median", "migration", "unrated", "dominated"} == set()
    )


def test_targets_are_relaxed_only_where_it_is_said_and_just_as_far_as_needed() -> None:
    found = compared("near-miss")
    seen = 0
    for one in found.findings:
        for fix in fixes_of(found, one):
            is_about_targets = any(path.startswith("slo") or ".slo." in path for path in fix.changes)
            assert is_about_targets == (fix.kind == "target")
            if fix.kind == "target":
                seen += 1
                assert fix.words.startswith(f"Relax the target to what {one.strategy} does")
                assert fix.words.endswith("nothing gets better by it")
                after = changed(found, fix)
                assert after.verdicts[str(one.strategy)].meets
                tighter = {path: value + 0.0001 for path, value in fix.changes.items()}
                assert not planner.compare(found.scenario.set(tighter)).verdicts[str(one.strategy)].meets
    assert seen


def test_a_latency_target_is_relaxed_to_three_digits_that_are_met() -> None:
    found = planner.compare(found_cases.base().set({"slo.p95_ttft_s": 0.9}))
    near = [one for one in found.findings if one.code == "near-miss"]
    assert near
    for one in near:
        (fix,) = [fix for fix in fixes_of(found, one) if fix.kind == "target"]
        value = found.results[str(one.strategy)].estimates["", "ttft_p95_s"].value
        assert value is not None
        assert value <= fix.changes["slo.p95_ttft_s"] <= value * 1.01
        assert changed(found, fix).verdicts[str(one.strategy)].meets


def test_no_ban_is_relaxed() -> None:
    found = compared("email-triage")
    near = [one for one in found.findings if one.code == "near-miss"]
    assert {one.strategy for one in near} == {"omni-only", "mini-only"}
    for one in near:
        kinds = [fix.kind for fix in fixes_of(found, one)]
        assert kinds == ["change"]


# -- one by one ------------------------------------------------------------------------------------


def the(found: Comparison, code: str, strategy: str) -> tuple[Finding, Fix]:
    (one,) = [one for one in found.findings if one.code == code and one.strategy == strategy]
    fix = fix_of(found, one)
    assert fix is not None
    return one, fix


def test_calls_that_wait_for_a_limit_are_not_refused_and_answers_come_later() -> None:
    found = compared("limit-binds")
    _, fix = the(found, "limit-binds", "omni-only")
    assert fix.changes == {"strategies.omni-only.policy.when_limited": "wait"}
    assert fix.words.endswith("answers come later")
    after = changed(found, fix)
    assert sum(cell.sample.n_limited.get(0, 0) for cell in after.results["omni-only"].cells) == 0
    assert after.results["omni-only"].estimates["", "wait_mean_s"].value > 0  # type: ignore[operator]


def test_the_next_usage_tier_is_the_providers_own() -> None:
    """OpenAI publishes the tiers of gpt-4o-mini; limits below the first are moved to the first that is above them all."""
    from planner.catalogue import profiles

    tiers = profiles.limit_tiers("gpt-4o-mini-2024-07-18", "openai")
    given = {"requests_per_minute": 4, "burst_s": 20, "tokens_per_minute": None}
    busy = found_cases.shipped("photo-search").set({"deployments.mini.limits": given})
    found = planner.compare(busy)
    one, fix = the(found, "limit-binds", "mini-only")
    wanted = next(
        tier for tier in tiers if tier.requests_per_minute is not None and tier.requests_per_minute > 4
    )
    assert fix.changes == {"deployments.mini.limits.requests_per_minute": wanted.requests_per_minute}
    assert str(wanted.tier) in fix.words
    assert same(one, changed(found, fix)) is None


def test_twice_the_places_of_a_server_are_twice_the_hardware() -> None:
    one = found_cases.shipped("email-triage").set({"deployments.own-8b.limits.concurrent": 2})
    found = planner.compare(one)
    finding, fix = the(found, "waiting", "own-8b-only")
    server = one.deployments["own-8b"].server
    assert server is not None
    assert fix.changes == {
        "deployments.own-8b.limits.concurrent": 4,
        "deployments.own-8b.server.replicas": 2 * server.replicas,
    }
    assert "doubles its hardware" in fix.words
    after = changed(found, fix)
    left = same(finding, after)
    assert left is None or left.value < finding.value
    bill = [run.results["own-8b-only"].ledger.total("invoiced") for run in (found, after)]
    assert bill[1] > bill[0]  # it is paid for


def test_a_longer_timeout_takes_the_deadline_with_it() -> None:
    found = planner.compare(found_cases.case("wasted-spend").set({"policy.deadline_s": 4}))
    _, fix = the(found, "wasted-spend", "omni-only")
    assert fix.changes == {
        "strategies.omni-only.policy.timeout_s": 5.0,
        "strategies.omni-only.policy.deadline_s": 10.0,
    }


def test_without_the_hedge_nothing_is_beaten_and_one_call_is_one_call() -> None:
    found = planner.compare(found_cases.base().set(HEDGED))
    one, fix = the(found, "wasted-spend", "omni-only")
    assert fix.changes == {"strategies.omni-only.policy.hedge": None}
    after = changed(found, fix)
    assert "hedge" not in after.results["omni-only"].ledger.by("waste")
    assert same(one, after) is None
    calls, first = the(found, "calls-per-request", "omni-only")
    assert calls.value > 1.05
    assert first.changes == fix.changes
    assert after.results["omni-only"].estimates["", "attempts_mean"].value == 1


def test_a_breaker_that_opens_later_loses_fewer_and_serves_more() -> None:
    """Half of the calls fail by chance: two in a row are no sign of an outage."""
    found = compared("own-breaker")
    _, fix = the(found, "own-breaker", "omni-only")
    (path,) = fix.changes
    assert path == "strategies.omni-only.policy.breaker"
    assert fix.changes[path] == {"failures": 8, "open_s": 30.0}
    assert availability(changed(found, fix), "omni-only") > availability(found, "omni-only")


def test_no_breaker_is_loosened_where_outages_are_what_it_is_for() -> None:
    found = compared("voice-assistant")
    assert any(window.stratum for window in found.windows)
    lost = [one for one in found.findings if one.code == "own-breaker"]
    assert all("breaker" not in path for one in lost for fix in fixes_of(found, one) for path in fix.changes)


def test_a_cascade_asks_twice_on_purpose() -> None:
    found = planner.compare(
        load("scenarios/coding-assistant.yaml").set({"run.window_s": 300, "run.replications": 2})
    )
    (one,) = [one for one in found.findings if (one.code, one.strategy) == ("calls-per-request", "cascade")]
    assert fixes_of(found, one) == ()


def test_a_policy_of_a_deployment_is_changed_where_it_stands() -> None:
    case = found_cases.case("wasted-spend").set({"deployments.omni.policy.timeout_s": 2.2})
    found = planner.compare(case)
    _, fix = the(found, "wasted-spend", "omni-only")
    assert fix.changes == {
        "strategies.omni-only.policy.timeout_s": 4.4,
        "deployments.omni.policy.timeout_s": 4.4,
    }


def test_private_data_goes_to_the_house_before_any_other_rule() -> None:
    case = found_cases.case("sensitive-outside").set(
        {"strategies.hybrid.rules": [{"when": {"task": "hard"}, "to": "omni"}]}
    )
    found = planner.compare(case)
    one, fix = the(found, "sensitive-outside", "hybrid")
    assert fix.changes == {
        "strategies.hybrid.rules": [
            {"when": {"sensitive": True}, "to": ["own"]},
            {"when": {"task": "hard"}, "to": "omni"},
        ]
    }
    after = changed(found, fix)
    assert after.results["hybrid"].estimates["", "sensitive_outside"].value == 0
    assert same(one, after) is None


def test_without_a_house_there_is_no_fix_for_private_data() -> None:
    case = found_cases.case("sensitive-outside").set({"deployments.own.trust": "contract"})
    found = planner.compare(case)
    assert all(not fixes_of(found, one) for one in found.findings if one.code == "sensitive-outside")


def test_another_provider_of_the_same_model_answers_in_an_outage() -> None:
    found = compared("photo-search")
    one, fix = the(found, "single-provider", "mini-only")
    assert fix.changes == {
        "deployments.mini-azure": {
            "model": "gpt-4o-mini-2024-07-18",
            "provider": "azure",
            "trust": "contract",
        },
        "strategies.mini-only.mini": [["mini"], ["mini-azure"]],
    }
    after = changed(found, fix)
    assert same(one, after) is None
    assert availability(after, "mini-only") > availability(found, "mini-only")
    # gpt-4o-2024-11-20 has no price of that month at another provider, so omni has no second one.
    (other,) = [one for one in found.findings if (one.code, one.strategy) == ("single-provider", "omni-only")]
    assert fixes_of(found, other) == ()


def test_a_deployment_that_is_there_already_is_taken() -> None:
    found = compared("unified-platform")
    near, fix = the(found, "near-miss", "two-contracts")
    assert fix.changes == {
        "strategies.two-contracts.omni": [["omni-openai"], ["omni-azure"]],
        "strategies.two-contracts.mini": [["mini-deepinfra"], ["mini-groq"]],
    }
    after = changed(found, fix)
    assert after.verdicts["two-contracts"].meets
    assert same(near, after) is None


def test_no_provider_is_offered_that_stops_selling_within_the_horizon() -> None:
    found = compared(
        "email-triage"
    )  # Azure retires gpt-6.1-sol in March 2028; the plan ends in December 2029
    (one,) = [one for one in found.findings if (one.code, one.strategy) == ("single-provider", "omni-only")]
    assert fixes_of(found, one) == ()


def test_images_go_to_omni_where_no_rule_decides_about_them_and_the_bill_falls() -> None:
    case = found_cases.shipped("photo-search").set({"strategies.hybrid.rules": []})
    found = planner.compare(case)
    (one,) = [one for one in found.findings if one.code == "images-dearer-on-mini"]
    fix = fix_of(found, one)
    assert fix is not None
    assert fix.changes == {"strategies.hybrid.rules": [{"when": {"task": "photo"}, "to": "omni"}]}
    bills = [run.results["hybrid"].ledger.total("invoiced") for run in (found, changed(found, fix))]
    assert bills[1] < bills[0]
    (one,) = [one for one in compared("photo-search").findings if one.code == "images-dearer-on-mini"]
    assert fixes_of(compared("photo-search"), one) == ()  # its hybrid has the rule


def test_half_the_omni_share_costs_less() -> None:
    found = compared("over-budget")
    (one,) = [one for one in found.findings if (one.code, one.strategy) == ("over-budget", "hybrid")]
    fix = fix_of(found, one)
    assert fix is not None
    assert fix.changes == {"strategies.hybrid.router.omni_share": 0.15}
    assert fix.words.endswith("cheaper, less accurate")
    after = changed(found, fix)
    assert after.results["hybrid"].ledger.total("invoiced") < found.results["hybrid"].ledger.total("invoiced")


def test_the_prompt_cache_takes_from_the_bill() -> None:
    found = compared("prompt-cache-off")
    _, fix = the(found, "prompt-cache-off", "omni-only")
    assert fix.changes == {"deployments.omni.prompt_cache": {}}
    after = changed(found, fix)
    assert after.results["omni-only"].ledger.total("invoiced") < found.results["omni-only"].ledger.total(
        "invoiced"
    )
    assert any(one.code == "cached-share" and one.value > 0 for one in after.findings)


# -- searches --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short() -> Scenario:
    """Hybrid has an accuracy of about 0.87 at its share of 0.3; omni alone has 0.7 x 0.95 + 0.3 x 0.9 = 0.935."""
    return found_cases.base().set({"run.replications": 2, "slo.accuracy": 0.9})


def test_the_nearest_share_that_meets_the_accuracy_meets_it_and_a_nearer_one_does_not(
    short: Scenario,
) -> None:
    found = planner.compare(short)
    (one,) = [one for one in found.findings if (one.code, one.strategy) == ("near-miss", "hybrid")]
    kinds = [fix.kind for fix in fixes_of(found, one)]
    assert kinds == ["search", "target"]
    heard: list[tuple[int, int]] = []
    fix, told = find(found, one, report=lambda done, total: heard.append((done, total)))
    assert fix is not None
    assert heard
    assert fix.words in told
    after = changed(found, fix)
    assert after.verdicts["hybrid"].meets
    cost = after.results["hybrid"].ledger.total("invoiced")
    assert f"it then costs {cost:,.0f} USD" in told
    ((path, share),) = fix.changes.items()
    nearer = planner.compare(short.set({path: share - 0.0125}))
    assert 0.3 < share < 1
    assert not nearer.verdicts["hybrid"].meets


def test_a_floor_that_no_share_meets_has_no_fix(short: Scenario) -> None:
    found = planner.compare(short.set({"slo.accuracy": 0.98}))
    (one,) = [one for one in found.findings if (one.code, one.strategy) == ("near-miss", "hybrid")]
    fix, told = find(found, one)
    assert fix is None
    assert told.startswith("No omni share of hybrid meets the accuracy; the best of those looked at has 9")


def test_the_share_that_costs_least_costs_less_than_todays(short: Scenario) -> None:
    case = short.set(
        {"slo.accuracy": None, "objective": "economic", "tasks.hard.cost_of_wrong_answer_usd": 0.2}
    )
    found = planner.compare(case)
    (one,) = [
        one for one in found.findings if (one.code, one.strategy) == ("errors-outweigh-the-bill", "hybrid")
    ]
    (fix,) = fixes_of(found, one)
    assert fix.kind == "search"
    assert not fix.changes
    better, told = find(found, one)
    assert better is not None
    after = changed(found, better)
    before, then = (run.results["hybrid"].ledger.total() for run in (found, after))
    assert then < before
    assert f"it then costs {then:,.0f} USD" in told
    left = same(one, after)
    assert left is None or left.value < one.value


# -- lines to paste --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["limit-binds", "near-miss", "wasted-spend", *SHIPPED])
def test_options_can_be_pasted(name: str) -> None:
    import shlex

    found = compared(name)
    for one in found.findings:
        for fix in fixes_of(found, one):
            words = shlex.split(" ".join(fix.options))
            assert words[::2] == ["--set"] * len(fix.changes)
            pasted = dict(parse_override(text) for text in words[1::2])
            assert pasted == dict(fix.changes)
            if fix.changes:
                assert found.scenario.set(pasted) == found.scenario.set(fix.changes)


def test_a_pasted_fix_is_the_scenario_of_the_button() -> None:
    import shlex
    from pathlib import Path

    found = planner.compare(load("scenarios/email-triage.yaml").set({"run.replications": 2}))
    (one,) = [one for one in found.findings if (one.code, one.strategy) == ("near-miss", "omni-only")]
    fix = fix_of(found, one)
    assert fix is not None
    overrides = shlex.split(" ".join(fix.options))[1::2]
    typed = load_with(Path("scenarios/email-triage.yaml"), ["run.replications=2", *overrides])
    assert typed.hash == found.scenario.set(fix.changes).hash
